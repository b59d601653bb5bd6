//! Frames of magnitudes: spectra on the way in, a vocoder on the way out.

use super::colour::Peaks;
use crate::{
    dsp::{
        random::Random,
        stft::{MagnitudeStft, blackman},
        vocoder::{Vocoder, amplitude_per_magnitude, amplitude_per_peak, pick_peaks},
    },
    model::Magnitude,
};

/// Windows of sound to frames.
#[derive(Clone, Debug)]
pub(super) struct Analysis {
    stft: MagnitudeStft,
    magnitude_peak: f32,
    power: f32,
}

impl Analysis {
    pub fn new(own: &Magnitude) -> Self {
        let stft = MagnitudeStft::new(own.window, own.fft_samples());
        Self { stft, magnitude_peak: own.magnitude_peak, power: own.power }
    }

    pub fn frame(&mut self, window: &[f32], frame: &mut [f32]) {
        self.stft.magnitudes(window, frame);
        let scale = 1.0 / self.magnitude_peak;
        for slot in frame.iter_mut() {
            *slot = raise(*slot * scale, self.power);
        }
    }
}

/// Frames to sound.
#[derive(Clone, Debug)]
pub(super) struct Synthesis {
    vocoder: Vocoder,
    magnitude_peak: f32,
    power: f32,
    sharpen: f32,
    /// Whether the model's maker picked peaks, and whether they are picked now.
    trained_peaks: bool,
    picks_peaks: bool,
    /// From a magnitude, and from one at a peak, to the amplitude of an oscillator.
    amplitude_per_magnitude: f32,
    amplitude_per_peak: f32,
    amplitudes: Vec<f32>,
    picked: Vec<f32>,
}

impl Synthesis {
    pub fn new(own: &Magnitude) -> Self {
        let fft = own.fft_samples();
        let window = blackman(own.window);
        Self {
            vocoder: Vocoder::new(fft),
            magnitude_peak: own.magnitude_peak,
            power: own.power,
            sharpen: own.sharpen,
            trained_peaks: own.peak_picking,
            picks_peaks: own.peak_picking,
            amplitude_per_magnitude: amplitude_per_magnitude(&window, fft),
            amplitude_per_peak: amplitude_per_peak(&window),
            amplitudes: vec![0.0; fft / 2 + 1],
            picked: vec![0.0; fft / 2 + 1],
        }
    }

    pub fn reset(&mut self, random: &mut Random) {
        self.vocoder.reset(random);
    }

    pub fn prime(&mut self, frame: &[f32]) {
        self.decode(frame);
        self.vocoder.prime(&self.amplitudes);
    }

    pub fn pick_peaks(&mut self, peaks: Peaks) {
        self.picks_peaks = match peaks {
            Peaks::Trained => self.trained_peaks,
            Peaks::Off => false,
            Peaks::On => true,
        };
    }

    pub fn sound(&mut self, frame: &[f32], out: &mut [f32]) {
        self.decode(frame);
        self.vocoder.frame(&self.amplitudes, out);
    }

    /// Features of a frame to amplitudes of oscillators.
    fn decode(&mut self, frame: &[f32]) {
        let amplitude = if self.picks_peaks { self.amplitude_per_peak } else { self.amplitude_per_magnitude };
        let scale = self.magnitude_peak * amplitude;
        for (slot, &x) in self.amplitudes.iter_mut().zip(frame) {
            *slot = raise(x.max(0.0), 1.0 / self.power) * scale;
        }
        if self.sharpen != 1.0 {
            let before: f32 = self.amplitudes.iter().map(|a| a * a).sum();
            let top = self.amplitudes.iter().fold(0.0f32, |top, &a| top.max(a));
            if top > 0.0 {
                // Relative to the top, so that the power neither overflows nor vanishes.
                self.amplitudes.iter_mut().for_each(|a| *a = raise(*a / top, self.sharpen));
                let after: f32 = self.amplitudes.iter().map(|a| a * a).sum();
                let gain = (before / after).sqrt();
                self.amplitudes.iter_mut().for_each(|a| *a *= gain);
            }
        }
        if self.picks_peaks {
            pick_peaks(&self.amplitudes, &mut self.picked);
            self.amplitudes.copy_from_slice(&self.picked);
        }
    }
}

/// xᵖ for x ≥ 0, exact where p is 1 or ½.
fn raise(x: f32, power: f32) -> f32 {
    if power == 1.0 {
        x
    } else if power == 0.5 {
        x.sqrt()
    } else if power == 2.0 {
        x * x
    } else {
        libm::powf(x, power)
    }
}
