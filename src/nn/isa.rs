//! Which vector instructions the kernels use: the best the processor has, or what `SYMPATHY_ISA` asks for.

use pulp::Arch;

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
        Self(Arch::new())
    }

    /// A level by name; `None` if the name is unknown or the processor lacks it.
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "scalar" => Some(Self(Arch::Scalar)),
            #[cfg(target_arch = "x86_64")]
            "avx2" => pulp::x86::V3::try_new().map(|v3| Self(Arch::V3(v3))),
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
