//! Threads that learn step back behind those that play.

/// Lowers the priority of the calling thread, where that can be done for a thread alone without more than the system's library: on Linux.
/// Elsewhere learning takes its turn with everything else; the threads that play wait for it on no system.
pub fn step_back() {
    #[cfg(target_os = "linux")]
    {
        /// How much less of a busy core it gets.
        const NICER_BY: i32 = 10;
        unsafe extern "C" {
            fn nice(increment: i32) -> i32;
        }
        // SAFETY: the function of the C library takes a number and returns one. Linux has a priority for each thread, and it changes
        // the calling thread's. Refused, it changes nothing.
        unsafe {
            nice(NICER_BY);
        }
    }
}
