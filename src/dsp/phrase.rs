//! The phrase that `sympathy demo` and the editor play: the project's own, so that no recording is needed to hear a model.

use super::{
    level::db_to_gain,
    pluck::{Pluck, add_pluck},
    random::Random,
};

/// The rate of the phrase.
pub const PHRASE_RATE_HZ: u32 = 44_100;
/// Length of the phrase; its last notes still ring when it ends.
pub const PHRASE_SECONDS: f64 = 8.25;

const BEAT_SECONDS: f64 = 0.5;
/// Loudest sample of the phrase: what a guitar's input usually peaks at.
const PEAK_DB: f32 = -3.0;
const SCORE_SEED: u64 = 1983;

/// `(beat, beats until damped, MIDI note, velocity)`.
#[rustfmt::skip]
const SCORE: &[(f64, f64, u8, f64)] = &[
    // A minor, arpeggio, swelling
    (0.0, 4.0, 45, 0.55), (0.5, 3.5, 52, 0.40), (1.0, 3.0, 57, 0.46), (1.5, 1.0, 60, 0.52),
    (2.0, 2.0, 64, 0.66), (2.5, 1.5, 60, 0.54), (3.0, 1.0, 57, 0.48), (3.5, 0.5, 52, 0.42),
    // F major, then a rest
    (4.0, 3.0, 41, 0.60), (4.5, 2.5, 48, 0.44), (5.0, 2.0, 53, 0.50), (5.5, 1.5, 57, 0.58), (6.0, 1.0, 60, 0.72),
    // double stops in thirds
    (8.0, 0.9, 60, 0.70), (8.0, 0.9, 64, 0.74), (9.0, 0.6, 62, 0.62), (9.0, 0.6, 65, 0.66),
    (10.0, 0.9, 64, 0.80), (10.0, 0.9, 67, 0.84), (11.0, 0.4, 62, 0.56), (11.0, 0.4, 65, 0.60),
    (11.5, 0.4, 60, 0.52), (11.5, 0.4, 64, 0.56),
    // down the scale to an open fifth
    (12.0, 0.5, 69, 0.88), (12.5, 0.5, 67, 0.70), (13.0, 0.5, 64, 0.66), (13.5, 0.5, 62, 0.60), (14.0, 0.5, 60, 0.64),
    (14.5, 2.0, 45, 0.72), (14.52, 2.0, 52, 0.60), (15.0, 1.5, 57, 0.62), (15.5, 1.0, 64, 0.70),
];

/// The phrase: mono, [`PHRASE_RATE_HZ`], the same bits on every machine.
pub fn phrase() -> Vec<f32> {
    phrase_in(0)
}

/// The phrase so many semitones higher.
pub fn phrase_in(semitones: u8) -> Vec<f32> {
    let rate = f64::from(PHRASE_RATE_HZ);
    let mut random = Random::new(SCORE_SEED);
    let mut sound = vec![0.0; (PHRASE_SECONDS * rate) as usize];
    for &(beat, beats, midi_note, velocity) in SCORE {
        // Hands are never exactly on the beat.
        let late_seconds = 0.012 * f64::from(random.uniform());
        let start = ((beat * BEAT_SECONDS + late_seconds) * rate) as usize;
        let pluck = Pluck {
            frequency_hz: 440.0 * libm::exp2((f64::from(midi_note) + f64::from(semitones) - 69.0) / 12.0),
            velocity,
            pick_position: 0.10 + 0.05 * f64::from(random.uniform()),
            // Thin strings decay sooner.
            decay_seconds: 5.0 - 0.07 * (f64::from(midi_note) - 41.0),
            bright_decay_seconds: 1.3,
            damped_after_seconds: beats * BEAT_SECONDS,
        };
        add_pluck(&pluck, PHRASE_RATE_HZ, &mut random, &mut sound[start..]);
    }
    let peak = sound.iter().fold(1e-9f32, |peak, x| peak.max(x.abs()));
    let gain = db_to_gain(PEAK_DB) / peak;
    sound.iter_mut().for_each(|x| *x *= gain);
    // The end is damped in 50 ms, so that the silence after it begins without a click.
    let fade_samples = (0.05 * rate) as usize;
    let tail = sound.len() - fade_samples;
    for (index, x) in sound[tail..].iter_mut().enumerate() {
        *x *= 1.0 - index as f32 / fade_samples as f32;
    }
    sound
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::{level::rms, measure::Liveliness};

    #[test]
    fn the_phrase_is_a_clean_guitar_with_notes_and_a_rest() {
        let sound = phrase();
        let seconds = |from: f64, to: f64| {
            let at = |s: f64| (s * f64::from(PHRASE_RATE_HZ)) as usize;
            &sound[at(from)..at(to)]
        };
        assert_eq!(sound, phrase(), "the same bits every time");
        assert!((0.03..0.15).contains(&rms(&sound)), "RMS {}", rms(&sound));
        assert!(rms(seconds(3.7, 3.95)) < 0.02 * rms(seconds(3.0, 3.4)), "the rest");
        let figures = Liveliness::of(&sound);
        assert!((0.02..0.5).contains(&figures.flux) && figures.flatness < 0.05, "{figures:?}");
        assert_ne!(sound, phrase_in(3));
        assert_eq!(sound.len(), phrase_in(3).len());
        assert_eq!(sound.last().map(|x| x.abs() < 1e-3), Some(true));
    }
}
