//! The floating-point mode in which every bit of audio is computed: flush subnormals to zero, in results and in operands,
//! and round to nearest. Hosts hand over threads in any mode; the same bits need the same mode (DESIGN 3).

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
    pub fn enter() -> Self {
        let found = read();
        write(with_mode(found));
        Self { found, _thread: std::marker::PhantomData }
    }
}

impl Drop for FloatMode {
    fn drop(&mut self) {
        write(self.found);
    }
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
}
