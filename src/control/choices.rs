//! What the values of parameters that are choices mean.

use super::{ParamId, ParamValues};

/// What seeds are made of: [`ParamId::SeedSource`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SeedSource {
    /// The input.
    Input,
    /// The sidechain, which is then all that is listened to.
    Sidechain,
    /// White noise.
    White,
    /// Perlin noise.
    Perlin,
    /// What was captured.
    Captured,
}

impl SeedSource {
    const ALL: [Self; 5] = [Self::Input, Self::Sidechain, Self::White, Self::Perlin, Self::Captured];

    /// The one that is chosen.
    pub fn of(values: &ParamValues) -> Self {
        Self::ALL[(values.get(ParamId::SeedSource) as usize).min(Self::ALL.len() - 1)]
    }

    /// The parameter's value.
    pub fn value(self) -> f32 {
        f32::from(self as u8)
    }

    /// True for what is listened to; the others are there without any input.
    pub fn is_heard(self) -> bool {
        matches!(self, Self::Input | Self::Sidechain)
    }
}

/// What models hear of two channels: [`ParamId::Stereo`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stereo {
    /// The middle.
    Mid,
    /// Each channel for itself, with the same chance.
    Linked,
    /// Each with a chance of its own.
    Dual,
}

impl Stereo {
    const ALL: [Self; 3] = [Self::Mid, Self::Linked, Self::Dual];

    /// The one that is chosen.
    pub fn of(values: &ParamValues) -> Self {
        Self::ALL[(values.get(ParamId::Stereo) as usize).min(Self::ALL.len() - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::values::{SEED_SOURCES, STEREO};

    #[test]
    fn every_value_has_a_name_and_a_meaning() {
        assert_eq!((SEED_SOURCES.len(), STEREO.len()), (SeedSource::ALL.len(), Stereo::ALL.len()));
        for source in SeedSource::ALL {
            let mut values = ParamValues::default();
            values.set(ParamId::SeedSource, source.value());
            assert_eq!(SeedSource::of(&values), source);
        }
        for (index, stereo) in Stereo::ALL.into_iter().enumerate() {
            let mut values = ParamValues::default();
            values.set(ParamId::Stereo, index as f32);
            assert_eq!(Stereo::of(&values), stereo);
        }
        assert_eq!(SeedSource::of(&ParamValues::default()), SeedSource::Input);
    }
}
