//! A host's 0…1 and the plain values of the parameters, by the very arithmetic that the plugin uses.

use crate::control::values::{Kind, ParamId, ParamSpec, SQUARE_LAW};
use nice_plug::prelude::{FloatRange, IntRange};

/// The range of a real parameter.
pub(super) fn float_range<Id>(spec: &ParamSpec<Id>) -> FloatRange {
    match spec.kind {
        Kind::Skewed => FloatRange::Skewed { min: spec.min, max: spec.max, factor: SQUARE_LAW },
        _ => FloatRange::Linear { min: spec.min, max: spec.max },
    }
}

/// The range of a whole-numbered parameter.
pub(super) fn int_range<Id>(spec: &ParamSpec<Id>) -> IntRange {
    IntRange::Linear { min: spec.min as i32, max: spec.max as i32 }
}

/// The plain value that the plugin has after a host has set `normalised`, bit for bit.
pub fn plain(id: ParamId, normalised: f32) -> f32 {
    let spec = id.spec();
    let value = match spec.kind {
        Kind::Linear | Kind::Skewed => float_range(spec).unnormalize(normalised),
        Kind::Integer | Kind::Choice(_) => int_range(spec).unnormalize(normalised) as f32,
        Kind::Switch | Kind::Trigger | Kind::Command => f32::from(normalised > 0.5),
    };
    spec.sanitise(value)
}

/// Where a plain value lies in a host's 0…1.
pub fn normalised(id: ParamId, plain: f32) -> f32 {
    let spec = id.spec();
    match spec.kind {
        Kind::Linear | Kind::Skewed => float_range(spec).normalize(plain),
        Kind::Integer | Kind::Choice(_) => int_range(spec).normalize(plain as i32),
        Kind::Switch | Kind::Trigger | Kind::Command => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::values::SPECS;

    #[test]
    fn ends_defaults_and_whole_numbers_survive_the_round_trip() {
        for spec in &SPECS {
            assert_eq!(plain(spec.id, 0.0), spec.min, "{}", spec.key);
            assert_eq!(plain(spec.id, 1.0), spec.max, "{}", spec.key);
            let back = plain(spec.id, normalised(spec.id, spec.default));
            assert!((back - spec.default).abs() <= 1e-5 * spec.max.abs(), "{}: {back}", spec.key);
        }
        for number in 0..=65_535 {
            let number = number as f32;
            assert_eq!(plain(ParamId::RandomSeed, normalised(ParamId::RandomSeed, number)), number);
        }
    }

    #[test]
    fn a_skewed_control_follows_the_square_law() {
        assert_eq!(plain(ParamId::SeedLength, 0.5), 0.25 * (10.0 - 0.05) + 0.05);
        assert_eq!(plain(ParamId::Mix, 0.25), 25.0);
        assert_eq!(plain(ParamId::Bypass, 0.5), 0.0);
    }
}
