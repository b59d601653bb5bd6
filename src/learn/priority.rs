//! Threads that learn step back behind those that play: what is learnt can wait, what is played cannot.

/// Lowers the priority of this thread, where the system lets it.
#[cfg(target_os = "linux")]
pub(crate) fn step_back() {
    use std::ffi::{c_int, c_uint};
    const PRIO_PROCESS: c_int = 0;
    const NICE: c_int = 10;
    unsafe extern "C" {
        fn setpriority(which: c_int, who: c_uint, priority: c_int) -> c_int;
    }
    // SAFETY: takes numbers only. On Linux a process of number 0 is the calling thread. Refused, it changes nothing.
    let _ = unsafe { setpriority(PRIO_PROCESS, 0, NICE) };
}

/// Lowers the priority of this thread: *utility*, as *background* would keep it to the slow cores.
#[cfg(target_os = "macos")]
pub(crate) fn step_back() {
    use std::ffi::{c_int, c_uint};
    const QOS_CLASS_UTILITY: c_uint = 0x11;
    unsafe extern "C" {
        fn pthread_set_qos_class_self_np(class: c_uint, relative_priority: c_int) -> c_int;
    }
    // SAFETY: takes numbers only, and is about the calling thread. Refused, it changes nothing.
    let _ = unsafe { pthread_set_qos_class_self_np(QOS_CLASS_UTILITY, 0) };
}

/// Lowers the priority of this thread: *below normal*.
#[cfg(windows)]
pub(crate) fn step_back() {
    use std::ffi::{c_int, c_void};
    const THREAD_PRIORITY_BELOW_NORMAL: c_int = -1;
    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn GetCurrentThread() -> *mut c_void;
        fn SetThreadPriority(thread: *mut c_void, priority: c_int) -> c_int;
    }
    // SAFETY: the handle stands for the calling thread and need not be closed. Refused, it changes nothing.
    let _ = unsafe { SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_BELOW_NORMAL) };
}

/// Elsewhere it stays as it is.
#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
pub(crate) fn step_back() {}
