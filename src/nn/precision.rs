//! How weights are stored while they run.

use std::fmt;

/// The storage of a network's weights. Sums are always taken in `f32`, but for [`Self::Int8`], whose products are summed as
/// whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Precision {
    /// 32 bits, as trained.
    F32,
    /// IEEE half precision, 11 significant bits: the accurate one of 16 bits.
    F16,
    /// The upper half of an `f32`, 8 significant bits: the one that costs least to widen.
    Bf16,
    /// 8-bit whole numbers with a scale per row; what they are multiplied with is rounded to 8 bits at every step.
    Int8,
}

impl Precision {
    /// Every precision, the most exact first.
    pub const ALL: [Self; 4] = [Self::F32, Self::F16, Self::Bf16, Self::Int8];

    /// The name, as on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
