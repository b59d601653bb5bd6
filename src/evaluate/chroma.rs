//! Chroma: how much of a sound lies in each of the twelve pitch classes.

use super::spectra::{Frames, windowed};
use crate::dsp::stft::hann;

/// Pitch classes, from A.
pub const CLASSES: usize = 12;
/// Window of [`chroma`]: long enough to tell semitones of a low string apart.
const WINDOW_SAMPLES: usize = 8192;
const HOP_SAMPLES: usize = 2048;
/// Partials below and above do not count: mains hum, and partials that fall on foreign pitch classes.
const MIN_HZ: f64 = 75.0;
const MAX_HZ: f64 = 1800.0;
/// A peak counts for its neighbours too, by a Gaussian of this width.
const SPREAD_SEMITONES: f64 = 0.35;

/// Chroma of a whole sound, of length 1 (0 for silence): the sum over frames of the roots of [`chroma_frames`].
/// `sound` is at [`super::ANALYSIS_HZ`].
pub fn chroma(sound: &[f32]) -> [f64; CLASSES] {
    let mut sum = [0.0; CLASSES];
    for row in chroma_frames(sound, WINDOW_SAMPLES, HOP_SAMPLES).rows() {
        sum.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x).sqrt());
    }
    let length = sum.iter().map(|x| x * x).sum::<f64>().sqrt() + 1e-12;
    sum.map(|x| x / length)
}

/// Chroma of every frame: the magnitudes of spectral peaks (Hann window) between 75 and 1800 Hz, each weighted by a
/// Gaussian of its distance from the pitch class (A = 440 Hz). `sound` is at [`super::ANALYSIS_HZ`], the window's length a
/// power of two.
pub fn chroma_frames(sound: &[f32], window_samples: usize, hop_samples: usize) -> Frames {
    let bin_hz = f64::from(super::ANALYSIS_HZ) / window_samples as f64;
    let weights: Vec<(usize, [f32; CLASSES])> = (1..window_samples / 2)
        .filter(|&bin| (MIN_HZ..MAX_HZ).contains(&(bin as f64 * bin_hz)))
        .map(|bin| (bin, class_weights(bin as f64 * bin_hz)))
        .collect();
    let mut frames = Frames::new(CLASSES);
    windowed(sound, hann(window_samples), hop_samples, |row| {
        frames.push(|classes| {
            for (bin, weights) in &weights {
                if row[*bin] > row[bin - 1] && row[*bin] > row[bin + 1] {
                    classes.iter_mut().zip(weights).for_each(|(slot, weight)| *slot += row[*bin] * weight);
                }
            }
        });
    });
    frames
}

fn class_weights(hz: f64) -> [f32; CLASSES] {
    let semitones = 12.0 * libm::log2(hz / 440.0);
    std::array::from_fn(|class| {
        let distance = (semitones - class as f64 + 6.0).rem_euclid(12.0) - 6.0;
        libm::exp(-0.5 * (distance / SPREAD_SEMITONES).powi(2)) as f32
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::spectra::correlation;

    fn chord(notes: &[f64]) -> Vec<f32> {
        let tone = |i: usize, note: f64| {
            let hz = 440.0 * libm::exp2(note / 12.0);
            libm::sin(std::f64::consts::TAU * hz * i as f64 / 22_050.0)
        };
        (0..44_100).map(|i| (0.1 * notes.iter().map(|&note| tone(i, note)).sum::<f64>()) as f32).collect()
    }

    #[test]
    fn a_chord_is_where_its_notes_are_and_another_one_is_elsewhere() {
        let a_minor = chroma(&chord(&[-12.0, 3.0, 7.0]));
        let strongest: Vec<usize> = (0..CLASSES).filter(|&class| a_minor[class] > 0.3).collect();
        assert_eq!(strongest, [0, 3, 7], "{a_minor:?}");
        let an_octave_up = chroma(&chord(&[0.0, 15.0, 7.0]));
        assert!(correlation(&a_minor, &an_octave_up) > 0.98);
        assert!(correlation(&a_minor, &chroma(&chord(&[-10.0, 5.0, 9.0]))) < 0.1);
        assert_eq!(chroma(&[0.0; 100]), [0.0; CLASSES]);
    }
}
