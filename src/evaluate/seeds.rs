//! Where seeds are taken, and what they are.

use super::spectra::level_db;
use crate::dsp::resample::Resampler;
use std::ops::Range;

/// A quieter span is no seed: the plugin's gate.
const GATE_DB: f64 = -60.0;
/// A shorter one is none either.
const MIN_SECONDS: f64 = 1.0;

/// What is continued.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seed {
    /// For people: file and place.
    pub name: String,
    /// By so many semitones it was sounded higher than it was played.
    pub transposition: f64,
    /// `[sample]`, at the rate of the evaluation.
    pub sound: Vec<f32>,
    /// What the player played next, as far as it is known; at the same rate and transposition.
    pub next: Vec<f32>,
}

/// A sound `semitones` higher, and so much shorter, at another rate: as a tape that runs faster.
pub fn transposed(sound: &[f32], sample_rate_hz: u32, semitones: f64, out_hz: u32) -> Vec<f32> {
    let played_hz = (f64::from(sample_rate_hz) * libm::exp2(semitones / 12.0)).round() as u32;
    Resampler::new(played_hz.max(1), out_hz).resample_all(sound)
}

/// Spans of `seed_seconds`, at most `most`, spread evenly over a recording; after each comes, if there is so much, room for
/// `next_seconds` that belong to no other. Silent spans are left out. A short recording is one seed.
pub fn places(
    sound: &[f32],
    sample_rate_hz: u32,
    seed_seconds: f64,
    next_seconds: f64,
    most: usize,
) -> Vec<Range<usize>> {
    let samples = |seconds: f64| (seconds * f64::from(sample_rate_hz)).round() as usize;
    let (seed, period) = (samples(seed_seconds).max(1), samples(seed_seconds + next_seconds).max(1));
    let count = (sound.len() / period).max(1);
    let found: Vec<Range<usize>> = (0..count)
        .map(|index| index * period..(index * period + seed).min(sound.len()))
        .filter(|span| span.len() >= samples(MIN_SECONDS).min(seed) && level_db(&sound[span.clone()]) > GATE_DB)
        .collect();
    let taken = most.min(found.len());
    (0..taken).map(|index| found[index * found.len() / taken].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_spread_and_silence_is_none() {
        let mut sound = vec![0.1; 60_000];
        sound[18_000..36_000].fill(0.0);
        // Rate 1000: spans of 8 s, 10 s between them; the second is silent.
        assert_eq!(places(&sound, 1000, 8.0, 10.0, 9), [0..8000, 36_000..44_000]);
        assert_eq!(places(&sound, 1000, 8.0, 10.0, 1), places(&sound[..18_000], 1000, 8.0, 10.0, 9));
        let short = places(&sound[..5000], 1000, 8.0, 10.0, 9);
        assert_eq!((short.len(), &short[0]), (1, &(0..5000)));
        assert!(places(&sound[..900], 1000, 8.0, 10.0, 9).is_empty());
        assert!(places(&[], 1000, 8.0, 10.0, 9).is_empty());
    }

    #[test]
    fn an_octave_up_is_half_as_long() {
        let sound: Vec<f32> = (0..8000).map(|i| libm::sinf(i as f32 * 0.1)).collect();
        let up = transposed(&sound, 8000, 12.0, 8000);
        assert_eq!(up.len(), 4000);
        assert!((1000..1100).all(|i| (up[i] - libm::sinf(i as f32 * 0.2)).abs() < 0.01));
        assert_eq!(transposed(&sound, 8000, 0.0, 8000), sound);
    }
}
