//! Which vector instructions the kernels use: the best the processor has, or what `SYMPATHY_ISA` asks for.

#[cfg(target_arch = "aarch64")]
use super::kernel::NeonLanes;
#[cfg(target_arch = "x86_64")]
use super::kernel::{Avx2Lanes, Avx512Lanes, VnniLanes};
use super::kernel::{Kernel, Lanes, Portable};
use pulp::{Arch, Simd, WithSimd};

/// The environment variable that forces a level, so that two machines can agree on every bit.
pub const ISA_VARIABLE: &str = "SYMPATHY_ISA";

/// An instruction-set level that this processor can run.
#[derive(Clone, Copy, Debug)]
pub struct Isa(pub(super) Arch);

impl Isa {
    /// The level named by `SYMPATHY_ISA` (`scalar`, `avx2`, `avx512`, `neon`) where the processor has it, the best one
    /// otherwise.
    pub fn from_environment() -> Self {
        std::env::var(ISA_VARIABLE).ok().and_then(|name| Self::by_name(&name)).unwrap_or_else(Self::best)
    }

    /// The widest level of this processor.
    pub fn best() -> Self {
        Self::all().pop().unwrap_or(Self(Arch::Scalar))
    }

    /// A level by name; `None` if the name is unknown or the processor lacks it.
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "scalar" => Some(Self(Arch::Scalar)),
            #[cfg(target_arch = "x86_64")]
            "avx2" => pulp::x86::V3::try_new().filter(|&v3| Avx2Lanes::new(v3).is_some()).map(|v3| Self(Arch::V3(v3))),
            #[cfg(target_arch = "x86_64")]
            "avx512" => pulp::x86::V4::try_new().map(|v4| Self(Arch::V4(v4))),
            #[cfg(target_arch = "aarch64")]
            "neon" => pulp::aarch64::Neon::try_new().map(|neon| Self(Arch::Neon(neon))),
            _ => None,
        }
    }

    /// Every level this processor can run, the narrowest first.
    pub fn all() -> Vec<Self> {
        ["scalar", "neon", "avx2", "avx512"].into_iter().filter_map(Self::by_name).collect()
    }

    /// Runs a kernel with the vectors of this level.
    #[inline(always)]
    pub(super) fn launch<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Arch::V4(v4) => v4.vectorize(
                #[inline(always)]
                || kernel.run(Avx512Lanes(v4)),
            ),
            #[cfg(target_arch = "x86_64")]
            Arch::V3(v3) => match Avx2Lanes::new(v3) {
                Some(lanes) => lanes.half.vectorize(
                    #[inline(always)]
                    || kernel.run(lanes),
                ),
                None => run_portable(kernel),
            },
            #[cfg(target_arch = "aarch64")]
            Arch::Neon(neon) => neon.vectorize(
                #[inline(always)]
                || kernel.run(NeonLanes(neon)),
            ),
            _ => run_portable(kernel),
        }
    }

    /// As [`Self::launch`], with dot products of bytes in one instruction where the processor has it: the same sums.
    #[inline(always)]
    pub(super) fn launch_for_bytes<K: Kernel>(self, kernel: K) -> K::Output {
        #[cfg(target_arch = "x86_64")]
        if let Arch::V4(v4) = self.0
            && let Some(lanes) = VnniLanes::new(v4)
        {
            return lanes.vnni.vectorize(
                #[inline(always)]
                || kernel.run(lanes),
            );
        }
        self.launch(kernel)
    }

    /// For what is written over `pulp`'s vectors.
    pub(crate) fn arch(self) -> Arch {
        self.0
    }

    /// Numbers in a vector.
    pub(super) fn lanes(self) -> usize {
        self.launch(CountLanes)
    }

    /// What is added to the bytes that weights of 8 bits are multiplied with.
    pub(super) fn byte_offset(self) -> u8 {
        self.launch_for_bytes(TellOffset)
    }

    /// The name that [`Self::by_name`] takes.
    pub fn name(&self) -> &'static str {
        match self.0 {
            Arch::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Arch::V3(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Arch::V4(_) => "avx512",
            #[cfg(target_arch = "aarch64")]
            Arch::Neon(_) => "neon",
            _ => "other",
        }
    }
}

/// Runs loops that the compiler is to make with the vectors of a level. [`Arch::dispatch`] calls a closure as `FnOnce`; where it is more than that, this
/// goes through a function which the compiler makes without those vectors. Here it is called as what it is.
#[inline(always)]
pub(crate) fn vectorize<R>(arch: Arch, closure: impl FnMut() -> R) -> R {
    arch.dispatch(Loops(closure))
}

struct Loops<F>(F);

impl<R, F: FnMut() -> R> WithSimd for Loops<F> {
    type Output = R;

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _: S) -> R {
        (self.0)()
    }
}

/// Kept out of line: else every launch would save the registers that this path alone uses.
#[inline(never)]
fn run_portable<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Portable)
}

struct CountLanes;

impl Kernel for CountLanes {
    type Output = usize;

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) -> usize {
        L::LANES
    }
}

struct TellOffset;

impl Kernel for TellOffset {
    type Output = u8;

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) -> u8 {
        L::BYTE_OFFSET
    }
}
