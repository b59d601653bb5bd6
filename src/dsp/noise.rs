//! Noise as a function of time: any part can be computed at any time.

use super::random::{Random, mix64};
use noise::{NoiseFn, Perlin};

/// Perlin noise has octaves from here on, each half as loud as the one below: like a low, wandering voice.
const PERLIN_HZ: f64 = 55.0;
const PERLIN_OCTAVES: u32 = 7;
/// Level of the sum of all octaves.
const PERLIN_RMS: f64 = 0.6;

/// Sample `k` of white noise: normally distributed, variance 1, fixed by `seed`.
pub fn white(seed: u64, k: i64) -> f32 {
    Random::new(mix64(seed) ^ k as u64).normal()
}

/// Perlin noise (Perlin, *Improving noise*, 2002) along a line: smooth, low, never the same.
#[derive(Clone, Debug)]
pub struct PerlinNoise {
    field: Perlin,
    seed: u64,
}

impl PerlinNoise {
    /// The noise of a seed.
    pub fn new(seed: u64) -> Self {
        Self { field: Perlin::new(mix64(seed) as u32), seed }
    }

    /// The noise of `seed` after `seconds`, of about variance 1, without octaves above half of `highest_hz`. Another seed than
    /// the last one costs the making of a table.
    pub fn at(&mut self, seed: u64, seconds: f64, highest_hz: f64) -> f32 {
        if seed != self.seed {
            *self = Self::new(seed);
        }
        let octaves = (0..PERLIN_OCTAVES).map(|octave| (octave, PERLIN_HZ * f64::from(1 << octave)));
        let heard = octaves.filter(|(_, hz)| *hz < 0.5 * highest_hz);
        // Each octave runs along a line of its own through the field, between the points where it is always 0.
        let values =
            heard.map(|(octave, hz)| self.field.get([seconds * hz, f64::from(octave) + 0.5]) / f64::from(1 << octave));
        (values.sum::<f64>() / PERLIN_RMS) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::level::rms;

    #[test]
    fn both_noises_have_variance_one_and_follow_from_seed_and_time() {
        let mut perlin = PerlinNoise::new(3);
        let smooth: Vec<f32> = (0..100_000).map(|k| perlin.at(3, f64::from(k) / 22_050.0, 11_025.0)).collect();
        let rough: Vec<f32> = (0..100_000).map(|k| white(3, k)).collect();
        assert!((0.8..1.25).contains(&rms(&smooth)), "{}", rms(&smooth));
        assert!((rms(&rough) - 1.0).abs() < 0.02, "{}", rms(&rough));
        assert_eq!((white(3, -5), white(3, 7)), (white(3, -5), rough[7]));
        assert_ne!(white(3, 7), white(4, 7));
        let later = perlin.at(3, 77.0 / 22_050.0, 11_025.0);
        assert_ne!(perlin.at(4, 77.0 / 22_050.0, 11_025.0), later);
        assert_eq!(perlin.at(3, 77.0 / 22_050.0, 11_025.0), later);
        let steps = |sound: &[f32]| sound.windows(2).map(|pair| (pair[1] - pair[0]).abs()).sum::<f32>() / rms(sound);
        assert!(steps(&smooth) < 0.3 * steps(&rough), "{} and {}", steps(&smooth), steps(&rough));
    }
}
