//! What several test programs share: signals, small models, a driver for the engine.
#![allow(dead_code, reason = "each test program uses a part")]
#![allow(missing_docs, reason = "test code")]

#[cfg(feature = "cli")]
pub mod browser;
pub mod drive;
pub mod golden;
#[cfg(feature = "cli")]
pub mod journals;
pub mod models;
pub mod notes;
#[cfg(feature = "cli")]
pub mod program;

use sympathy::dsp::random::Random;

/// The one seed of all random test signals.
pub const SEED: u64 = 20_180_530;

/// Decaying tones with gaps between them: something to seed a continuation with. `[channel][sample]`
pub fn phrase(sample_rate_hz: u32, seconds: f32, channels: usize) -> Vec<Vec<f32>> {
    let rate = sample_rate_hz as f32;
    let length = (seconds * rate) as usize;
    let mut random = Random::new(SEED);
    let mut left = vec![0.0f32; length];
    let mut at = 0;
    while at < length {
        let hz = 110.0 * libm::exp2f(random.below(24) as f32 / 12.0);
        let note = ((0.2 + 0.3 * random.uniform()) * rate) as usize;
        for i in 0..note.min(length - at) {
            let t = i as f32 / rate;
            let tone: f32 =
                (1..6).map(|h| libm::sinf(std::f32::consts::TAU * hz * h as f32 * t) / (h * h) as f32).sum();
            left[at + i] = 0.25 * tone * libm::expf(-4.0 * t) * (i as f32 / 50.0).min(1.0);
        }
        at += note;
    }
    let right = left.iter().map(|x| 0.7 * x).collect();
    if channels == 1 { vec![left] } else { vec![left, right] }
}

/// Largest absolute difference and where it is.
pub fn max_difference(a: &[f32], b: &[f32]) -> (f32, usize) {
    assert_eq!(a.len(), b.len(), "lengths differ");
    a.iter().zip(b).enumerate().fold((0.0, 0), |worst, (i, (x, y))| {
        let difference = (x - y).abs();
        if difference > worst.0 || difference.is_nan() { (difference, i) } else { worst }
    })
}

/// Panics with the first place at which two renders differ in a bit.
#[track_caller]
pub fn assert_same_bits(a: &[Vec<f32>], b: &[Vec<f32>], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}: channels");
    for (channel, (a, b)) in a.iter().zip(b).enumerate() {
        assert_eq!(a.len(), b.len(), "{what}: length");
        if let Some(at) = a.iter().zip(b).position(|(x, y)| x.to_bits() != y.to_bits()) {
            panic!("{what}: channel {channel} differs from sample {at} on: {} and {}", a[at], b[at]);
        }
    }
}
