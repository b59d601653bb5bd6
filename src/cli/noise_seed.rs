//! Synthetic seeds: a continuation of noise shows the network's own contribution.

use crate::dsp::{
    level::rms,
    noise::PerlinNoise,
    random::{Random, mix64},
};
use clap::ValueEnum;

/// A kind of seed.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoiseSeed {
    /// White noise, normally distributed
    White,
    /// Perlin noise: smooth, low, never the same
    Perlin,
    /// Nothing
    Silence,
}

impl NoiseSeed {
    /// So many samples with this RMS (silence has none), fixed by `random_seed`.
    pub fn sound(self, length_samples: usize, sample_rate_hz: u32, level: f32, random_seed: u64) -> Vec<f32> {
        let mut sound: Vec<f32> = match self {
            Self::White => {
                let mut random = Random::new(mix64(random_seed));
                (0..length_samples).map(|_| random.normal()).collect()
            }
            Self::Perlin => perlin(length_samples, f64::from(sample_rate_hz), random_seed),
            Self::Silence => return vec![0.0; length_samples],
        };
        let mean = (sound.iter().map(|&x| f64::from(x)).sum::<f64>() / sound.len().max(1) as f64) as f32;
        sound.iter_mut().for_each(|x| *x -= mean);
        let own = rms(&sound);
        if own > 0.0 {
            sound.iter_mut().for_each(|x| *x *= level / own);
        }
        sound
    }
}

fn perlin(length_samples: usize, sample_rate_hz: f64, random_seed: u64) -> Vec<f32> {
    let mut noise = PerlinNoise::new(random_seed);
    let value = |index: usize| noise.at(random_seed, index as f64 / sample_rate_hz, 0.5 * sample_rate_hz);
    (0..length_samples).map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::measure::Liveliness;

    #[test]
    fn seeds_are_as_loud_as_asked_and_follow_from_their_number() {
        for kind in [NoiseSeed::White, NoiseSeed::Perlin] {
            let sound = kind.sound(22_050, 22_050, 0.08, 3);
            assert!((rms(&sound) - 0.08).abs() < 1e-4, "{kind:?}: {}", rms(&sound));
            assert!(sound.iter().all(|x| x.abs() < 0.5), "{kind:?}");
            assert_eq!(sound, kind.sound(22_050, 22_050, 0.08, 3));
            assert_ne!(sound, kind.sound(22_050, 22_050, 0.08, 4));
            assert!(kind.sound(0, 22_050, 0.08, 3).is_empty());
        }
        assert_eq!(NoiseSeed::Silence.sound(5, 22_050, 0.08, 3), [0.0; 5]);
        // A rate below all octaves but some.
        assert!(NoiseSeed::Perlin.sound(4000, 2000, 0.1, 1).iter().all(|x| x.is_finite()));
    }

    #[test]
    fn perlin_noise_is_smooth_and_white_noise_is_not() {
        let flatness = |kind: NoiseSeed| Liveliness::of(&kind.sound(22_050, 22_050, 0.1, 1)).flatness;
        assert!(flatness(NoiseSeed::White) > 0.4, "{}", flatness(NoiseSeed::White));
        assert!(flatness(NoiseSeed::Perlin) < 0.1, "{}", flatness(NoiseSeed::Perlin));
    }

    #[test]
    fn the_first_samples_are_frozen() {
        // A change of the crate, the generator or the octaves would change all users' seeds.
        let sound = NoiseSeed::Perlin.sound(1000, 8000, 0.1, 1);
        let got: Vec<i32> = [1, 10, 100, 999].map(|index: usize| (sound[index] * 1e5).round() as i32).to_vec();
        assert_eq!(got, FROZEN);
    }
    const FROZEN: [i32; 4] = [11_415, 11_873, 10_859, 7752];
}
