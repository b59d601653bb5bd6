//! The floating-point mode in which every bit of audio is computed: flush subnormals to zero, in results and in operands,
//! and round to nearest. Hosts hand over threads in any mode; the same bits need the same mode (DESIGN 3).
//!
//! The compiler assumes the default mode: to change it is formally undefined behaviour, in Rust as in C without
//! `FENV_ACCESS`, because arithmetic might be moved across the change or folded at compile time in the other mode. No
//! compiled language offers audio software a defined way. Two things keep it harmless: entering and leaving are calls that
//! are never inlined, whose assembly may touch memory, and [`in_float_mode`] runs the work in a function of its own that is
//! not inlined either, so that none of its arithmetic can pass them; and what is folded at compile time has no subnormals.

/// Sets the mode while it lives and restores what it found when it is dropped.
///
/// # Realtime safety
/// Reads and writes one control register of the calling thread.
#[derive(Debug)]
pub struct FloatMode {
    found: Register,
    // The register belongs to one thread: neither Send nor Sync.
    _thread: std::marker::PhantomData<*const ()>,
}

impl FloatMode {
    /// Enters the mode on this thread.
    #[must_use = "the mode ends when the guard is dropped"]
    #[inline(never)]
    pub fn enter() -> Self {
        let found = read();
        write(with_mode(found));
        Self { found, _thread: std::marker::PhantomData }
    }
}

impl Drop for FloatMode {
    #[inline(never)]
    fn drop(&mut self) {
        write(self.found);
    }
}

/// Runs `work` in the mode; what was found is restored also where it panics.
///
/// # Realtime safety
/// As [`FloatMode`].
pub fn in_float_mode<R>(work: impl FnOnce() -> R) -> R {
    #[inline(never)]
    fn apart<R>(work: impl FnOnce() -> R) -> R {
        work()
    }
    let _mode = FloatMode::enter();
    apart(work)
}

#[cfg(target_arch = "x86_64")]
type Register = u32;
#[cfg(target_arch = "aarch64")]
type Register = u64;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
type Register = ();

/// MXCSR: bit 15 flushes results, bit 6 flushes operands, bits 13–14 round (0 = to nearest).
#[cfg(target_arch = "x86_64")]
fn with_mode(register: Register) -> Register {
    (register | 0x8040) & !0x6000
}

/// FPCR: bit 24 flushes both, bits 22–23 round (0 = to nearest).
#[cfg(target_arch = "aarch64")]
fn with_mode(register: Register) -> Register {
    (register | (1 << 24)) & !(3 << 22)
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn with_mode(_: Register) -> Register {}

#[cfg(target_arch = "x86_64")]
fn read() -> Register {
    let mut value: u32 = 0;
    // SAFETY: stmxcsr stores four bytes at the address given, which is a live local.
    unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut value, options(nostack, preserves_flags)) };
    value
}

#[cfg(target_arch = "x86_64")]
fn write(value: Register) {
    // SAFETY: ldmxcsr reads four bytes; the value is one read from the register with defined mode bits changed.
    unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const value, options(nostack, preserves_flags, readonly)) };
}

#[cfg(target_arch = "aarch64")]
fn read() -> Register {
    let value: u64;
    // SAFETY: reading FPCR has no side effect.
    unsafe { std::arch::asm!("mrs {}, fpcr", out(reg) value, options(nomem, nostack, preserves_flags)) };
    value
}

#[cfg(target_arch = "aarch64")]
fn write(value: Register) {
    // SAFETY: the value is one read from FPCR with defined mode bits changed.
    unsafe { std::arch::asm!("msr fpcr, {}", in(reg) value, options(nomem, nostack, preserves_flags)) };
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn read() -> Register {}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn write(_: Register) {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    #[test]
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    fn flushes_results_and_operands_and_restores() {
        let subnormal = f32::from_bits(1000);
        assert_ne!(black_box(subnormal) * black_box(1.0), 0.0);
        {
            let _mode = FloatMode::enter();
            assert_eq!(black_box(f32::MIN_POSITIVE) * black_box(0.5), 0.0, "results");
            assert_eq!(black_box(subnormal) * black_box(1.0e30), 0.0, "operands");
        }
        assert_ne!(black_box(subnormal) * black_box(1.0), 0.0);
    }

    #[test]
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    fn work_is_done_in_the_mode_and_a_panic_restores_it() {
        let halved = |x: f32| black_box(x) * black_box(0.5);
        assert_eq!(in_float_mode(|| halved(f32::MIN_POSITIVE)), 0.0);
        assert_ne!(halved(f32::MIN_POSITIVE), 0.0);
        let panicked = std::panic::catch_unwind(|| in_float_mode(|| panic!("as a host's callback might")));
        assert!(panicked.is_err());
        assert_ne!(halved(f32::MIN_POSITIVE), 0.0, "the mode of the panicked work");
    }
}
