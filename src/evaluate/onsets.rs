//! Beginnings of notes in a whole sound.

use crate::dsp::onset::OnsetDetector;

/// The plugin's default.
const SENSITIVITY: f32 = 0.5;
const QUANTUM: usize = 64;

/// Onsets in a second, as the plugin's detector finds them (SuperFlux: Böck and Widmer, DAFx-13), at 4000 Hz or more.
pub fn onset_rate(sound: &[f32], sample_rate_hz: u32) -> f64 {
    let mut detector = OnsetDetector::new(sample_rate_hz.max(4000));
    let mut found = 0;
    for samples in sound.chunks(QUANTUM) {
        let mut quantum = [0.0; QUANTUM];
        quantum[..samples.len()].copy_from_slice(samples);
        found += usize::from(detector.push(&quantum, SENSITIVITY).is_some());
    }
    found as f64 * f64::from(sample_rate_hz) / sound.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::{
        pluck::{Pluck, add_pluck},
        random::Random,
    };

    #[test]
    fn plucks_are_counted() {
        let mut sound = vec![0.0; 4 * 22_050];
        let mut random = Random::new(1);
        for index in 0..8 {
            let pluck = Pluck {
                frequency_hz: 110.0 * libm::exp2(f64::from(index) / 4.0),
                velocity: 0.7,
                pick_position: 0.13,
                decay_seconds: 3.0,
                bright_decay_seconds: 1.0,
                damped_after_seconds: 0.45,
            };
            add_pluck(&pluck, 22_050, &mut random, &mut sound[index as usize * 11_025..]);
        }
        let rate = onset_rate(&sound, 22_050);
        assert!((1.75..=2.25).contains(&rate), "{rate}");
        assert_eq!(onset_rate(&[], 22_050), 0.0);
        assert_eq!(onset_rate(&[0.0; 22_050], 22_050), 0.0);
    }
}
