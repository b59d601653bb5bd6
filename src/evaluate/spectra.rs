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

/// All recordings, one after the other; of more than ten minutes as many pieces of ten seconds, evenly spread, as make ten
/// minutes: enough to know how something sounds.
pub fn excerpts(recordings: &[&[f32]], sample_rate_hz: u32) -> Vec<f32> {
    const PIECES: usize = 60;
    let piece = 10 * sample_rate_hz as usize;
    let length: usize = recordings.iter().map(|sound| sound.len()).sum();
    if length <= PIECES * piece {
        return recordings.concat();
    }
    let mut all = Vec::with_capacity(PIECES * piece);
    for index in 0..PIECES {
        // Where the piece begins, as if the recordings lay end to end.
        let mut start = ((length - piece) as u128 * index as u128 / (PIECES - 1) as u128) as usize;
        let mut left = piece;
        for sound in recordings {
            let from = start.min(sound.len());
            let taken = left.min(sound.len() - from);
            all.extend_from_slice(&sound[from..from + taken]);
            start -= from;
            left -= taken;
        }
    }
    all
}

/// Shows the magnitudes (bins of a Blackman window of [`WINDOW_SAMPLES`]) of all whole windows of a sound, one after the
/// other; a sound shorter than a window is heard with silence after it. `sound` is at [`ANALYSIS_HZ`].
pub fn magnitudes(sound: &[f32], see: impl FnMut(&[f32])) {
    windowed(sound, blackman(WINDOW_SAMPLES), HOP_SAMPLES, see);
}

/// The same with another window, whose length is a power of two, and another hop.
pub fn windowed(sound: &[f32], window: Vec<f32>, hop_samples: usize, mut see: impl FnMut(&[f32])) {
    let length = window.len();
    let mut padded = Cow::Borrowed(sound);
    if sound.len() < length {
        padded.to_mut().resize(length, 0.0);
    }
    let mut stft = MagnitudeStft::with_window(window, length);
    let mut row = vec![0.0; stft.bins()];
    for start in (0..=padded.len() - length).step_by(hop_samples.max(1)) {
        stft.magnitudes(&padded[start..start + length], &mut row);
        see(&row);
    }
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
    fn excerpts_of_hours_are_ten_minutes_of_all_of_them() {
        let (first, second) = (vec![0.25; 5_000_000], vec![0.75; 5_000_000]);
        let all = excerpts(&[&first, &second], 1000);
        assert_eq!((all.len(), all[0], all[599_999]), (600_000, 0.25, 0.75));
        assert!((all.iter().sum::<f32>() / 600_000.0 - 0.5).abs() < 0.02);
        assert_eq!(excerpts(&[&first[..10], &second[..5]], 1000).len(), 15);
    }

    #[test]
    fn frames_correlations_and_quantiles_are_what_they_say() {
        let count = |sound: &[f32]| {
            let mut count = 0;
            magnitudes(sound, |row| count += usize::from(row.len() == 1025));
            count
        };
        assert_eq!([count(&[]), count(&[0.5; 10]), count(&[0.5; 2048 + 1024])], [1, 1, 3]);
        assert!((correlation(&[1.0, 2.0, 4.0], &[2.0, 4.0, 8.0]) - 1.0).abs() < 1e-12);
        assert!((correlation(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]) + 1.0).abs() < 1e-12);
        assert_eq!(correlation(&[1.0, 1.0], &[3.0, 2.0]), 0.0);
        assert_eq!(quantile([3.0, 1.0, 2.0], 0.5), 2.0);
        assert_eq!(quantile([], 0.5), 0.0);
        assert_eq!([between(2.0, 3.0, 1.0), between(9.0, 3.0, 1.0), between(f64::NAN, 3.0, 1.0)], [0.5, 1.0, 0.0]);
        assert!((level_db(&[0.5, -0.5]) + 6.02).abs() < 0.01 && level_db(&[]) == -120.0);
    }
}
