//! Frames to sound.

use super::analyser::raise;
use crate::{
    dsp::{
        random::Random,
        stft::blackman,
        vocoder::{Vocoder, amplitude_per_magnitude, amplitude_per_peak, pick_peaks},
    },
    model::{Approach, ModelConfig, Scaling},
};

/// Writes one hop of sound per predicted frame.
///
/// # Realtime safety
/// `new` allocates; the other methods do not.
#[derive(Clone, Debug)]
pub struct FrameSynth {
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Samples {
        scaling: Scaling,
        hop: usize,
        /// The part of the last prediction that lies past its hop. `[overlap]`
        tail: Vec<f32>,
    },
    Magnitudes(Box<Magnitudes>),
}

#[derive(Clone, Debug)]
struct Magnitudes {
    vocoder: Vocoder,
    magnitude_peak: f32,
    power: f32,
    sharpen: f32,
    peak_picking: bool,
    amplitude: f32,
    amplitudes: Vec<f32>,
    picked: Vec<f32>,
}

impl FrameSynth {
    /// A synthesiser for a validated configuration.
    pub fn new(config: &ModelConfig) -> Self {
        let kind = match config.approach {
            Approach::Vector { seg_len, overlap } => {
                Kind::Samples { scaling: config.scaling, hop: seg_len, tail: vec![0.0; overlap] }
            }
            Approach::Sample => Kind::Samples { scaling: config.scaling, hop: 1, tail: Vec::new() },
            Approach::Magnitude { window, hop, peak_picking, magnitude_peak, power, sharpen, .. } => {
                let fft = config.fft_samples();
                let window = blackman(window);
                Kind::Magnitudes(Box::new(Magnitudes {
                    vocoder: Vocoder::new(fft, hop),
                    magnitude_peak,
                    power,
                    sharpen,
                    peak_picking,
                    amplitude: if peak_picking {
                        amplitude_per_peak(&window)
                    } else {
                        amplitude_per_magnitude(&window, fft)
                    },
                    amplitudes: vec![0.0; fft / 2 + 1],
                    picked: vec![0.0; fft / 2 + 1],
                }))
            }
        };
        Self { kind }
    }

    /// Forgets everything and draws what is random for one continuation.
    pub fn reset(&mut self, random: &mut Random) {
        match &mut self.kind {
            Kind::Samples { tail, .. } => tail.fill(0.0),
            Kind::Magnitudes(magnitudes) => magnitudes.vocoder.reset(random),
        }
    }

    /// Takes the seed's last frame as the one from which the continuation departs.
    pub fn prime(&mut self, frame: &[f32]) {
        if let Kind::Magnitudes(magnitudes) = &mut self.kind {
            magnitudes.decode(frame);
            magnitudes.vocoder.prime(&magnitudes.amplitudes);
        }
    }

    /// Takes note of a prediction that is not heard, while the seed runs: its overlap joins the next one.
    pub fn pass_over(&mut self, predicted: &[f32]) {
        if let Kind::Samples { hop, tail, .. } = &mut self.kind {
            tail.copy_from_slice(&predicted[*hop..]);
        }
    }

    /// The sound of a predicted frame. `frame`: `[frame_size]` (vector: `[seg_len + overlap]`), `out`: `[hop]`.
    /// Magnitudes below 0 count as 0. For a vector the first `hop` numbers of `frame` are replaced by what is heard.
    pub fn sound(&mut self, frame: &mut [f32], out: &mut [f32]) {
        match &mut self.kind {
            Kind::Samples { scaling, hop, tail } => {
                let overlap = tail.len();
                for (i, last) in tail.iter().enumerate() {
                    let towards = (i as f32 + 0.5) / overlap as f32;
                    frame[i] = last + (frame[i] - last) * towards;
                }
                tail.copy_from_slice(&frame[*hop..]);
                for (slot, &x) in out.iter_mut().zip(&frame[..*hop]) {
                    *slot = x * scaling.std + scaling.mean;
                }
            }
            Kind::Magnitudes(magnitudes) => {
                magnitudes.decode(frame);
                magnitudes.vocoder.frame(&magnitudes.amplitudes, out);
            }
        }
    }
}

impl Magnitudes {
    /// Features of a frame to amplitudes of oscillators.
    fn decode(&mut self, frame: &[f32]) {
        let scale = self.magnitude_peak * self.amplitude;
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
        if self.peak_picking {
            pick_peaks(&self.amplitudes, &mut self.picked);
            self.amplitudes.copy_from_slice(&self.picked);
        }
    }
}
