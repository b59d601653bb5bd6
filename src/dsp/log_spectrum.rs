//! Levels of a spectrum on a scale of logarithmic frequency: bins that are notes, values that are decibels.

/// From magnitudes to levels.
#[derive(Clone, Debug)]
pub struct LogSpectrum {
    bins: Vec<Bin>,
    floor_db: f32,
    /// From a magnitude at a peak to the amplitude of its sinusoid.
    amplitude: f32,
}

/// What a bin is made of.
#[derive(Clone, Copy, Debug)]
enum Bin {
    /// Logarithms between a bin of the transform and the next.
    Between { first: usize, towards: f32 },
    /// The largest of several.
    Largest { first: usize, last: usize },
}

/// Added to magnitudes, so that silence has a logarithm.
const LEAST: f32 = 1e-7;
/// The most bins of the transform, from first to last, between which logarithms are interpolated.
const NARROW: usize = 3;

impl LogSpectrum {
    /// For bins centred at `centres` (in bins of the transform, rising, at least two), down to `floor_db`. `amplitude` turns the
    /// magnitude of a peak into the amplitude of its sinusoid; `transform_bins` are the magnitudes of a frame.
    pub fn new(centres: &[f64], floor_db: f32, amplitude: f32, transform_bins: usize) -> Self {
        let top = transform_bins - 1;
        let count = centres.len();
        let bins = (0..count)
            .map(|i| {
                let (before, after) = (i.saturating_sub(1), (i + 1).min(count - 1));
                let half = (0.5 * (centres[after] - centres[before]) / (after - before) as f64).max(0.5);
                let first = (centres[i] - half).floor().max(0.0) as usize;
                let last = ((centres[i] + half).ceil() as usize).min(top);
                let below = (centres[i].floor() as usize).min(top.saturating_sub(1));
                if last - first <= NARROW {
                    Bin::Between { first: below, towards: (centres[i] - below as f64) as f32 }
                } else {
                    Bin::Largest { first, last }
                }
            })
            .collect();
        Self { bins, floor_db, amplitude }
    }

    /// Numbers of a frame.
    pub fn bins(&self) -> usize {
        self.bins.len()
    }

    /// (dB + `offset_db` − floor) ÷ −floor within 0…1 for every bin; a sinusoid of full scale has 0 dB. `magnitudes`:
    /// `[transform_bins]`, `frame`: `[bins]`.
    ///
    /// # Realtime safety
    /// Does not allocate.
    ///
    /// # Panics
    /// If a length is too small.
    pub fn levels(&self, magnitudes: &[f32], offset_db: f32, frame: &mut [f32]) {
        let log = |index: usize| libm::logf(magnitudes[index] * self.amplitude + LEAST);
        for (slot, bin) in frame.iter_mut().zip(&self.bins) {
            let log_amplitude = match *bin {
                Bin::Between { first, towards } => (1.0 - towards) * log(first) + towards * log(first + 1),
                Bin::Largest { first, last } => {
                    let largest = magnitudes[first..=last].iter().fold(0.0f32, |most, &m| most.max(m));
                    libm::logf(largest * self.amplitude + LEAST)
                }
            };
            let db = log_amplitude * (20.0 / std::f32::consts::LN_10) + offset_db;
            let level = (db - self.floor_db) / -self.floor_db;
            // What is no number is silence.
            *slot = if level > 0.0 { level.min(1.0) } else { 0.0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::{
        stft::{MagnitudeStft, blackman},
        vocoder::amplitude_per_peak,
    };

    fn analysed(signal: impl Fn(usize) -> f32, centres: &[f64], offset_db: f32) -> Vec<f32> {
        let window = blackman(2048);
        let mut stft = MagnitudeStft::new(2048, 4096);
        let spectrum = LogSpectrum::new(centres, -75.0, amplitude_per_peak(&window), stft.bins());
        let samples: Vec<f32> = (0..2048).map(signal).collect();
        let mut magnitudes = vec![0.0; stft.bins()];
        stft.magnitudes(&samples, &mut magnitudes);
        let mut frame = vec![0.0; centres.len()];
        spectrum.levels(&magnitudes, offset_db, &mut frame);
        frame
    }

    #[test]
    fn a_sine_has_its_level_in_its_bin_and_silence_none() {
        let narrow: Vec<f64> = (0..40).map(|i| 20.0 + 2.0 * f64::from(i)).collect();
        let wide: Vec<f64> = (0..40).map(|i| 20.0 + 9.0 * f64::from(i)).collect();
        for (centres, at) in [(&narrow, 60.0), (&narrow, 61.3), (&wide, 200.0), (&wide, 205.0)] {
            for db in [0.0f32, -20.0, -60.0] {
                let amplitude = libm::powf(10.0, db / 20.0);
                let sine = |i: usize| amplitude * libm::sin(std::f64::consts::TAU * at / 4096.0 * i as f64) as f32;
                let frame = analysed(sine, centres, 0.0);
                let loudest = (0..40).max_by(|&a, &b| frame[a].total_cmp(&frame[b])).expect("bins");
                let nearest = (0..40).min_by(|&a, &b| (centres[a] - at).abs().total_cmp(&(centres[b] - at).abs()));
                assert_eq!(Some(loudest), nearest, "{at}");
                let found = 75.0 * frame[loudest] - 75.0;
                assert!((found - db).abs() < 1.6, "{at}: {found} for {db} dB");
                assert_eq!(frame[if at < 100.0 { 39 } else { 0 }], 0.0, "far away");
            }
        }
        assert!(analysed(|_| 0.0, &narrow, 0.0).iter().all(|&level| level == 0.0));
        assert!(analysed(|_| f32::NAN, &narrow, 0.0).iter().all(|&level| level == 0.0));
    }

    #[test]
    fn a_gain_is_an_offset_of_every_level() {
        let centres: Vec<f64> = (0..40).map(|i| 20.0 + 2.0 * f64::from(i)).collect();
        let sine = |gain: f32| move |i: usize| gain * libm::sinf(0.09 * i as f32);
        let (louder, raised) = (analysed(sine(0.5), &centres, 0.0), analysed(sine(0.05), &centres, 20.0));
        assert!(louder.iter().zip(&raised).all(|(a, b)| (a - b).abs() < 1e-3 || *a < 0.3), "{louder:?} {raised:?}");
    }
}
