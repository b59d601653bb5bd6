//! Spectra at a common rate, and the small arithmetic that all measures share.

use crate::dsp::{
    resample::Resampler,
    stft::{MagnitudeStft, blackman},
};
use std::borrow::Cow;

/// All spectral measures are taken at this rate, so that their figures do not depend on a model's.
pub const ANALYSIS_HZ: u32 = 22_050;
/// Window of the frames from which log-mel spectra and partials are taken (Blackman).
pub const WINDOW_SAMPLES: usize = 2048;
/// Distance of these frames: 43 a second.
pub const HOP_SAMPLES: usize = 512;

/// Rows of numbers of one width, one row a frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frames {
    width: usize,
    values: Vec<f32>,
}

impl Frames {
    /// No frames yet.
    pub fn new(width: usize) -> Self {
        Self { width, values: Vec::new() }
    }

    /// Appends a frame for `fill` to write.
    pub fn push(&mut self, fill: impl FnOnce(&mut [f32])) {
        let length = self.values.len();
        self.values.resize(length + self.width, 0.0);
        fill(&mut self.values[length..]);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0)
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Numbers of a frame.
    pub fn width(&self) -> usize {
        self.width
    }

    /// One of them.
    ///
    /// # Panics
    /// If there is no such frame.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.width..][..self.width]
    }

    /// All of them, in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.width.max(1))
    }

    /// All of them, to be changed.
    pub fn rows_mut(&mut self) -> impl ExactSizeIterator<Item = &mut [f32]> {
        self.values.chunks_exact_mut(self.width.max(1))
    }

    /// All numbers, frame after frame.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Mean over frames; zeros if there are none.
    pub fn mean(&self) -> Vec<f64> {
        let mut sum = vec![0.0; self.width];
        for row in self.rows() {
            sum.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        let count = self.len().max(1) as f64;
        sum.iter_mut().for_each(|sum| *sum /= count);
        sum
    }
}

/// The sound at [`ANALYSIS_HZ`].
pub fn at_analysis_rate(sound: &[f32], sample_rate_hz: u32) -> Cow<'_, [f32]> {
    if sample_rate_hz == ANALYSIS_HZ {
        Cow::Borrowed(sound)
    } else {
        Cow::Owned(Resampler::new(sample_rate_hz, ANALYSIS_HZ).resample_all(sound))
    }
}

/// Magnitudes of all whole windows of a sound; one shorter than a window is heard with silence after it.
/// `sound` is at [`ANALYSIS_HZ`].
pub fn magnitudes(sound: &[f32]) -> Frames {
    windowed(sound, blackman(WINDOW_SAMPLES), HOP_SAMPLES)
}

/// The same with another window and hop.
pub fn windowed(sound: &[f32], window: Vec<f32>, hop_samples: usize) -> Frames {
    let length = window.len();
    let mut padded = Cow::Borrowed(sound);
    if sound.len() < length {
        padded.to_mut().resize(length, 0.0);
    }
    let mut stft = MagnitudeStft::with_window(window, length.next_power_of_two());
    let mut frames = Frames::new(stft.bins());
    for start in (0..=padded.len() - length).step_by(hop_samples.max(1)) {
        frames.push(|row| stft.magnitudes(&padded[start..start + length], row));
    }
    frames
}

/// Pearson's correlation; 0 where one of both is constant.
pub fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let count = a.len().min(b.len()).max(1) as f64;
    let mean = |x: &[f64]| x.iter().sum::<f64>() / count;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (x - mean_a, y - mean_b);
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    ab / (aa * bb + 1e-20).sqrt()
}

/// The value below which this part of all values lies; 0 of nothing.
pub fn quantile(values: impl IntoIterator<Item = f32>, part: f64) -> f32 {
    let mut values: Vec<f32> = values.into_iter().collect();
    if values.is_empty() {
        return 0.0;
    }
    let place = ((values.len() - 1) as f64 * part.clamp(0.0, 1.0)).round() as usize;
    *values.select_nth_unstable_by(place, f32::total_cmp).1
}

/// Where a figure stands between one that is fully good (1) and one that is not at all (0); either may be the larger.
pub fn between(value: f64, good: f64, bad: f64) -> f64 {
    if value.is_finite() { ((bad - value) / (bad - good)).clamp(0.0, 1.0) } else { 0.0 }
}

/// Decibels of a gain, at least −120.
pub fn decibels(gain: f64) -> f64 {
    20.0 * libm::log10(gain.max(1e-6))
}

/// Root mean square in dB full scale, at least −120.
pub fn level_db(sound: &[f32]) -> f64 {
    let power: f64 = sound.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    decibels((power / sound.len().max(1) as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_correlations_and_quantiles_are_what_they_say() {
        assert_eq!(magnitudes(&[0.5; 10]).len(), 1);
        assert_eq!(magnitudes(&vec![0.5; 2048 + 1024]).len(), 3);
        assert_eq!(magnitudes(&[]).row(0).len(), 1025);
        assert!((correlation(&[1.0, 2.0, 4.0], &[2.0, 4.0, 8.0]) - 1.0).abs() < 1e-12);
        assert!((correlation(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]) + 1.0).abs() < 1e-12);
        assert_eq!(correlation(&[1.0, 1.0], &[3.0, 2.0]), 0.0);
        assert_eq!(quantile([3.0, 1.0, 2.0], 0.5), 2.0);
        assert_eq!(quantile([], 0.5), 0.0);
        assert_eq!([between(2.0, 3.0, 1.0), between(9.0, 3.0, 1.0), between(f64::NAN, 3.0, 1.0)], [0.5, 1.0, 0.0]);
        assert!((level_db(&[0.5, -0.5]) + 6.02).abs() < 0.01 && level_db(&[]) == -120.0);
    }
}
