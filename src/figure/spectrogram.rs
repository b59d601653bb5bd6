//! The numbers of a spectrogram.

use super::{
    error::FigureError,
    raster::{Palette, Raster, level},
    waveform::Waveform,
};
use crate::dsp::{level::gain_to_db, stft::MagnitudeStft};

/// Frequencies shown; the upper one is lowered to half the rate.
const MIN_HZ: f32 = 60.0;
const MAX_HZ: f32 = 10_000.0;
/// The faintest level shown, relative to a full-scale sine.
pub const MIN_DB: f32 = -100.0;
/// The loudest.
pub const MAX_DB: f32 = -15.0;
/// Longest windows separate low notes, shorter ones separate onsets.
const WINDOW_SECONDS: f64 = 0.08;

/// The axis of frequency, logarithmic.
#[derive(Clone, Copy, Debug)]
pub struct Frequencies {
    rate: f64,
    most_hz: f32,
}

impl Frequencies {
    /// For sound at this rate.
    pub fn new(sample_rate_hz: u32) -> Self {
        Self { rate: f64::from(sample_rate_hz), most_hz: MAX_HZ.min(0.5 * sample_rate_hz as f32).max(2.0 * MIN_HZ) }
    }

    /// The frequency at a height of 0 (bottom) to 1 (top).
    fn hz_at(&self, height: f32) -> f32 {
        MIN_HZ * libm::powf(self.most_hz / MIN_HZ, height)
    }

    fn height_of(&self, hz: f32) -> f32 {
        libm::logf(hz / MIN_HZ) / libm::logf(self.most_hz / MIN_HZ)
    }

    /// Round frequencies: their heights and texts.
    pub fn ticks(&self) -> impl Iterator<Item = (f64, &'static str)> {
        let ticks = [
            (100.0, "100 Hz"),
            (200.0, "200 Hz"),
            (500.0, "500 Hz"),
            (1000.0, "1 kHz"),
            (2000.0, "2 kHz"),
            (5000.0, "5 kHz"),
            (10_000.0, "10 kHz"),
        ];
        ticks.into_iter().filter(|(hz, _)| *hz <= self.most_hz).map(|(hz, text)| (f64::from(self.height_of(hz)), text))
    }
}

/// The spectrogram of `samples` in a picture of `width` by `height` pixels that shows `span_samples` from left to right.
///
/// # Errors
/// If they cannot be read.
pub fn spectrogram(
    samples: &dyn Waveform,
    span_samples: usize,
    frequencies: &Frequencies,
    (width, height): (usize, usize),
) -> Result<Raster, FigureError> {
    let window = ((WINDOW_SECONDS * frequencies.rate) as usize).next_power_of_two().max(64);
    let mut stft = MagnitudeStft::new(window, window);
    // The peak of a full-scale sine: half the sum of the Blackman window, 0.42 N / 2.
    let full_scale = 0.21 * window as f32;
    let bin_hz = frequencies.rate as f32 / window as f32;
    let edge = |row: usize| frequencies.hz_at((height - row) as f32 / height as f32) / bin_hz;
    let edges: Vec<f32> = (0..=height).map(edge).collect();
    let mut magnitudes = vec![0.0; stft.bins()];
    let mut heard = vec![0.0; window];
    let mut values = vec![0; width * height];
    let length = samples.length_samples();
    for column in 0..width {
        let centre = ((column as f64 + 0.5) * span_samples as f64 / width as f64) as usize;
        // Silence around the sound.
        let from = centre.saturating_sub(window / 2).min(length);
        let to = (centre + window).saturating_sub(window / 2).min(length);
        let before = (window / 2).saturating_sub(centre);
        heard.fill(0.0);
        for (slot, &sample) in heard[before..].iter_mut().zip(samples.read(from..to)?.iter()) {
            *slot = if sample.is_finite() { sample } else { 0.0 };
        }
        stft.magnitudes(&heard, &mut magnitudes);
        for row in 0..height {
            let db = gain_to_db(largest(&magnitudes, edges[row + 1], edges[row]) / full_scale);
            values[row * width + column] = level((db - MIN_DB) / (MAX_DB - MIN_DB));
        }
    }
    Ok(Raster { width, height, values, palette: Palette::Level })
}

/// The largest magnitude between two places on the axis of bins; between bins on a straight line.
fn largest(magnitudes: &[f32], low: f32, high: f32) -> f32 {
    let last = magnitudes.len() - 1;
    let between = |place: f32| {
        let bin = (place as usize).min(last);
        let part = (place - bin as f32).clamp(0.0, 1.0);
        magnitudes[bin] * (1.0 - part) + magnitudes[(bin + 1).min(last)] * part
    };
    let inside = magnitudes.get(low.ceil() as usize..=(high.floor() as usize).min(last)).unwrap_or(&[]);
    inside.iter().fold(between(low).max(between(high)), |top, &m| top.max(m))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sine_is_a_bright_line_at_its_frequency_and_level() {
        let rate = 22_050;
        let frequencies = Frequencies::new(rate);
        for (hz, gain) in [(220.0f32, 0.1f32), (1000.0, 0.02), (6000.0, 0.1)] {
            let sine: Vec<f32> =
                (0..rate).map(|i| gain * libm::sinf(std::f32::consts::TAU * hz * i as f32 / rate as f32)).collect();
            let raster = spectrogram(&sine, sine.len(), &frequencies, (10, 200)).expect("memory");
            let column: Vec<u8> = (0..200).map(|row| raster.values[row * 10 + 5]).collect();
            let brightest = (0..200).max_by_key(|&row| column[row]).expect("rows");
            let row = 200.0 * (1.0 - frequencies.height_of(hz));
            // Half a main lobe of the window, 1.5 bins: many rows at the bottom of a logarithmic axis.
            assert!((brightest as f32 - row).abs() < 8.0, "{hz} Hz: row {brightest} for {row}");
            let db = MIN_DB + (MAX_DB - MIN_DB) * f32::from(column[brightest]) / 255.0;
            assert!((db - gain_to_db(gain)).abs() < 1.5, "{hz} Hz: {db} dB for {} dB", gain_to_db(gain));
        }
    }

    #[test]
    fn silence_shortness_and_nan_are_black() {
        let frequencies = Frequencies::new(100);
        for samples in [vec![], vec![0.0; 50], vec![f32::NAN; 300]] {
            let raster = spectrogram(&samples, 300, &frequencies, (7, 5)).expect("memory");
            assert_eq!(raster.values, [0; 35]);
        }
    }
}
