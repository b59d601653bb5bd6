//! Magnitude frames of audio: Blackman window and real FFT.

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex, num_complex::Complex};
use std::sync::Arc;

/// The periodic Blackman window of `length` samples, 0.42 − 0.5 cos + 0.08 cos (Blackman and Tukey, 1958).
pub fn blackman(length_samples: usize) -> Vec<f32> {
    (0..length_samples)
        .map(|i| {
            let phase = std::f64::consts::TAU * i as f64 / length_samples as f64;
            (0.42 - 0.5 * libm::cos(phase) + 0.08 * libm::cos(2.0 * phase)) as f32
        })
        .collect()
}

/// The periodic Hann window of `length` samples, 0.5 − 0.5 cos.
pub fn hann(length_samples: usize) -> Vec<f32> {
    (0..length_samples)
        .map(|i| (0.5 - 0.5 * libm::cos(std::f64::consts::TAU * i as f64 / length_samples as f64)) as f32)
        .collect()
}

/// Windowed magnitude spectra of `window` samples, padded with zeros to `fft_samples`.
///
/// # Realtime safety
/// `new` allocates; the other methods do not.
#[derive(Clone)]
pub struct MagnitudeStft {
    window: Vec<f32>,
    forward: Arc<dyn RealToComplex<f32>>,
    time: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl MagnitudeStft {
    /// Plans a transform. `fft_samples` is even and at least `window_samples`.
    ///
    /// # Panics
    /// If it is not.
    pub fn new(window_samples: usize, fft_samples: usize) -> Self {
        Self::with_window(blackman(window_samples), fft_samples)
    }

    /// The same with another window.
    ///
    /// # Panics
    /// As [`Self::new`].
    pub fn with_window(window: Vec<f32>, fft_samples: usize) -> Self {
        assert!(!window.is_empty() && fft_samples >= window.len() && fft_samples.is_multiple_of(2));
        let forward = RealFftPlanner::new().plan_fft_forward(fft_samples);
        Self {
            window,
            time: forward.make_input_vec(),
            spectrum: forward.make_output_vec(),
            scratch: forward.make_scratch_vec(),
            forward,
        }
    }

    /// Bins of a frame: `fft_samples / 2 + 1`.
    pub fn bins(&self) -> usize {
        self.spectrum.len()
    }

    /// Samples that [`Self::magnitudes`] reads.
    pub fn window_samples(&self) -> usize {
        self.window.len()
    }

    /// The window.
    pub fn window(&self) -> &[f32] {
        &self.window
    }

    /// |FFT(window · samples)| into `out`, unnormalised. `samples`: `[window_samples]`, `out`: `[bins]`.
    ///
    /// # Panics
    /// If a length differs.
    pub fn magnitudes(&mut self, samples: &[f32], out: &mut [f32]) {
        assert!(samples.len() == self.window.len() && out.len() == self.spectrum.len());
        self.time.fill(0.0);
        for ((slot, &x), &w) in self.time.iter_mut().zip(samples).zip(&self.window) {
            *slot = x * w;
        }
        self.forward
            .process_with_scratch(&mut self.time, &mut self.spectrum, &mut self.scratch)
            .expect("the buffers were made by the plan");
        for (slot, value) in out.iter_mut().zip(&self.spectrum) {
            *slot = (value.re * value.re + value.im * value.im).sqrt();
        }
    }
}

impl std::fmt::Debug for MagnitudeStft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MagnitudeStft({} samples in {} bins)", self.window.len(), self.spectrum.len())
    }
}

/// An inverse real FFT with its buffers.
#[derive(Clone)]
pub struct InverseFft {
    inverse: Arc<dyn ComplexToReal<f32>>,
    spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl InverseFft {
    /// Plans a transform to `fft_samples` real samples.
    pub fn new(fft_samples: usize) -> Self {
        let inverse = RealFftPlanner::new().plan_fft_inverse(fft_samples);
        Self { spectrum: inverse.make_input_vec(), scratch: inverse.make_scratch_vec(), inverse }
    }

    /// Σ over bins, unnormalised: the spectrum is filled by `fill`, the signal goes to `out`, `[fft_samples]`.
    /// The imaginary parts of the first and the last bin are ignored.
    ///
    /// # Panics
    /// If `out` has another length.
    pub fn synthesise(&mut self, fill: impl FnOnce(&mut [Complex<f32>]), out: &mut [f32]) {
        fill(&mut self.spectrum);
        let last = self.spectrum.len() - 1;
        self.spectrum[0].im = 0.0;
        self.spectrum[last].im = 0.0;
        self.inverse
            .process_with_scratch(&mut self.spectrum, out, &mut self.scratch)
            .expect("the buffers were made by the plan");
    }
}

impl std::fmt::Debug for InverseFft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "InverseFft({} bins)", self.spectrum.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::random::Random;

    #[test]
    fn blackman_overlaps_to_a_constant() {
        for (window, hop) in [(16, 4), (1024, 256), (2048, 256)] {
            let w = blackman(window);
            let sums: Vec<f64> = (0..hop).map(|i| w.iter().skip(i).step_by(hop).map(|&x| f64::from(x)).sum()).collect();
            let expected = 0.42 * window as f64 / hop as f64;
            assert!(sums.iter().all(|s| (s - expected).abs() < 1e-4), "window {window}, hop {hop}: {sums:?}");
        }
    }

    #[test]
    fn magnitudes_match_the_definition() {
        let mut random = Random::new(3);
        for (window, fft) in [(8, 8), (16, 32), (100, 100), (256, 512)] {
            let samples: Vec<f32> = (0..window).map(|_| random.normal()).collect();
            let mut stft = MagnitudeStft::new(window, fft);
            let mut got = vec![0.0; stft.bins()];
            stft.magnitudes(&samples, &mut got);
            for (bin, &value) in got.iter().enumerate() {
                let (mut re, mut im) = (0.0f64, 0.0f64);
                for (i, (&x, &w)) in samples.iter().zip(stft.window()).enumerate() {
                    let phase = std::f64::consts::TAU * (bin * i) as f64 / fft as f64;
                    re += f64::from(x * w) * phase.cos();
                    im -= f64::from(x * w) * phase.sin();
                }
                let expected = (re * re + im * im).sqrt();
                assert!((f64::from(value) - expected).abs() < 1e-4, "fft {fft}, bin {bin}: {value} for {expected}");
            }
        }
    }
}
