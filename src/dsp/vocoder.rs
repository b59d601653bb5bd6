//! From magnitude frames back to sound: every bin drives an oscillator at the bin's centre frequency with a
//! random phase of its own; its amplitude moves from frame to frame on a straight line.
//!
//! All centre frequencies are multiples of rate/fft, so between two frames the sum is exactly a cross-fade of two inverse
//! FFTs with the same phases, read cyclically. [`Vocoder`] computes that; its tests compare it with a bank of oscillators.

use super::{random::Random, stft::InverseFft};
use realfft::num_complex::Complex;

/// Turns frames of bin amplitudes into a hop of sound each. Hops may differ in length: longer ones stretch time.
///
/// # Realtime safety
/// `new` allocates; the other methods do not.
#[derive(Clone, Debug)]
pub struct Vocoder {
    inverse: InverseFft,
    /// exp(i·phase) per bin.
    phases: Vec<Complex<f32>>,
    /// One cycle of the frame being left, and of the frame being approached. `[fft_samples]`
    previous: Vec<f32>,
    next: Vec<f32>,
    position_samples: usize,
}

impl Vocoder {
    /// A silent vocoder with `fft_samples / 2 + 1` bins.
    pub fn new(fft_samples: usize) -> Self {
        let mut vocoder = Self {
            inverse: InverseFft::new(fft_samples),
            phases: vec![Complex::new(1.0, 0.0); fft_samples / 2 + 1],
            previous: vec![0.0; fft_samples],
            next: vec![0.0; fft_samples],
            position_samples: 0,
        };
        vocoder.reset(&mut Random::new(0));
        vocoder
    }

    /// Bins of a frame.
    pub fn bins(&self) -> usize {
        self.phases.len()
    }

    /// Draws new phases and forgets the last frame.
    pub fn reset(&mut self, random: &mut Random) {
        for phase in &mut self.phases {
            let angle = std::f32::consts::TAU * random.uniform();
            *phase = Complex::new(libm::cosf(angle), libm::sinf(angle));
        }
        self.previous.fill(0.0);
        self.position_samples = 0;
    }

    /// Takes `amplitudes` (`[bins]`) as the frame from which the next one is approached.
    pub fn prime(&mut self, amplitudes: &[f32]) {
        Self::cycle(&mut self.inverse, &self.phases, amplitudes, &mut self.previous);
    }

    /// Moves from the last frame to `amplitudes` (`[bins]`, the peak amplitude of each bin's oscillator) and writes
    /// the sound between them. `out`: the hop, of any length.
    ///
    /// # Panics
    /// If there are more or fewer amplitudes than bins.
    pub fn frame(&mut self, amplitudes: &[f32], out: &mut [f32]) {
        Self::cycle(&mut self.inverse, &self.phases, amplitudes, &mut self.next);
        let cycle = self.next.len();
        let step = 1.0 / out.len() as f32;
        for (i, slot) in out.iter_mut().enumerate() {
            let at = (self.position_samples + i) % cycle;
            let towards = i as f32 * step;
            *slot = self.previous[at] + (self.next[at] - self.previous[at]) * towards;
        }
        self.position_samples = (self.position_samples + out.len()) % cycle;
        std::mem::swap(&mut self.previous, &mut self.next);
    }

    fn cycle(inverse: &mut InverseFft, phases: &[Complex<f32>], amplitudes: &[f32], out: &mut [f32]) {
        assert_eq!(amplitudes.len(), phases.len());
        let last = phases.len() - 1;
        inverse.synthesise(
            |spectrum| {
                for (i, (slot, (&a, &p))) in spectrum.iter_mut().zip(amplitudes.iter().zip(phases)).enumerate() {
                    // The inverse transform sums a bin and its mirror image; DC and Nyquist have none.
                    let half = if i == 0 || i == last { 1.0 } else { 0.5 };
                    *slot = p * (a * half);
                }
            },
            out,
        );
    }
}

/// Keeps only the bins that are larger than both their neighbours (of the two ends: than their one neighbour).
/// `frame` and `out`: `[bins]`.
pub fn pick_peaks(frame: &[f32], out: &mut [f32]) {
    for (i, slot) in out.iter_mut().enumerate() {
        let left = if i == 0 { f32::NEG_INFINITY } else { frame[i - 1] };
        let right = if i + 1 == frame.len() { f32::NEG_INFINITY } else { frame[i + 1] };
        *slot = if frame[i] > left && frame[i] > right { frame[i] } else { 0.0 };
    }
}

/// Factor from |X| of a windowed frame to oscillator amplitudes that keep the *power* of the frame when every bin
/// sounds: by Parseval, Σ A²/2 = Σ|X|²·2/(N·Σw²) over one-sided bins.
pub fn amplitude_per_magnitude(window: &[f32], fft_samples: usize) -> f32 {
    let energy: f64 = window.iter().map(|&w| f64::from(w) * f64::from(w)).sum();
    (2.0 / (fft_samples as f64 * energy).sqrt()) as f32
}

/// Factor from |X| at a spectral peak to the amplitude of the sinusoid that makes it: 2/Σw.
pub fn amplitude_per_peak(window: &[f32]) -> f32 {
    let sum: f64 = window.iter().map(|&w| f64::from(w)).sum();
    (2.0 / sum) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::{level::rms, stft::MagnitudeStft};

    /// The definition, in double precision: one oscillator a bin, straight lines between frames.
    fn oscillator_bank(frames: &[Vec<f32>], phases: &[Complex<f32>], fft: usize, hops: &[usize]) -> Vec<f64> {
        let mut out = vec![0.0; hops.iter().sum()];
        let places =
            hops.iter().enumerate().flat_map(|(frame, &hop)| (0..hop).map(move |i| (frame, i as f64 / hop as f64)));
        for ((n, slot), (frame, towards)) in out.iter_mut().enumerate().zip(places) {
            for (bin, phase) in phases.iter().enumerate() {
                let (a, b) = (f64::from(frames[frame][bin]), f64::from(frames[frame + 1][bin]));
                let angle = std::f64::consts::TAU * bin as f64 * n as f64 / fft as f64;
                let start = f64::from(phase.im).atan2(f64::from(phase.re));
                // DC and Nyquist are real coefficients: cos(phase) times the oscillator at phase 0.
                let wave =
                    if bin == 0 || bin == phases.len() - 1 { start.cos() * angle.cos() } else { (angle + start).cos() };
                *slot += (a + (b - a) * towards) * wave;
            }
        }
        out
    }

    #[test]
    fn equals_the_oscillator_bank() {
        for (fft, hops) in [(16, [4; 2]), (64, [64; 2]), (64, [100; 2]), (128, [56; 2]), (256, [64; 2]), (64, [1, 517])]
        {
            let mut random = Random::new(11);
            let bins = fft / 2 + 1;
            let frames: Vec<Vec<f32>> =
                (0..9).map(|_| (0..bins).map(|_| random.uniform() / bins as f32).collect()).collect();
            let mut vocoder = Vocoder::new(fft);
            vocoder.reset(&mut random);
            vocoder.prime(&frames[0]);
            let mut got = Vec::new();
            // Every other hop is longer or shorter, where a performer stretches time.
            let hops: Vec<usize> = hops.into_iter().cycle().take(frames.len() - 1).collect();
            for (frame, &hop) in frames[1..].iter().zip(&hops) {
                let mut out = vec![0.0; hop];
                vocoder.frame(frame, &mut out);
                got.extend(out);
            }
            let expected = oscillator_bank(&frames, &vocoder.phases, fft, &hops);
            for (n, (&g, &e)) in got.iter().zip(&expected).enumerate() {
                assert!((f64::from(g) - e).abs() < 1e-4, "fft {fft}, hops {hops:?}, sample {n}: {g} for {e}");
            }
        }
    }

    #[test]
    fn keeps_the_level_of_noise_and_of_a_sine() {
        let mut random = Random::new(5);
        let noise: Vec<f32> = (0..65_536).map(|_| 0.1 * random.normal()).collect();
        let sine: Vec<f32> = (0..65_536).map(|i| 0.3 * libm::sinf(0.1 * i as f32)).collect();
        for (name, signal) in [("noise", noise), ("sine", sine)] {
            for (window, fft) in [(1024, 1024), (1024, 2048), (2048, 2048)] {
                let hop = 256;
                let mut stft = MagnitudeStft::new(window, fft);
                let mut vocoder = Vocoder::new(fft);
                vocoder.reset(&mut random);
                let scale = amplitude_per_magnitude(stft.window(), fft);
                let mut frame = vec![0.0; stft.bins()];
                let mut out = vec![0.0; hop];
                let mut made = Vec::new();
                for start in (0..signal.len() - window).step_by(hop) {
                    stft.magnitudes(&signal[start..start + window], &mut frame);
                    frame.iter_mut().for_each(|x| *x *= scale);
                    vocoder.frame(&frame, &mut out);
                    made.extend_from_slice(&out);
                }
                let ratio = rms(&made[8192..]) / rms(&signal);
                // The straight line between two unlike frames costs noise up to 1.2 dB.
                assert!((0.84..1.12).contains(&ratio), "{name}, window {window}, fft {fft}: ratio {ratio}");
            }
        }
    }

    #[test]
    fn peak_picking_keeps_only_local_maxima() {
        let mut out = [0.0; 7];
        pick_peaks(&[3.0, 1.0, 2.0, 2.0, 5.0, 4.0, 6.0], &mut out);
        assert_eq!(out, [3.0, 0.0, 0.0, 0.0, 5.0, 0.0, 6.0]);
    }
}
