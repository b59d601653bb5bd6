//! Frames to sound.

use super::{analyser::raise, colour::Peaks};
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
        /// The part of the last frame that lies past its hop. `[overlap]`
        tail: Vec<f32>,
        emphasis: f32,
        gain: f32,
        /// The last sample that sounded, before the gain.
        last: f32,
    },
    Magnitudes(Box<Magnitudes>),
}

#[derive(Clone, Debug)]
struct Magnitudes {
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

impl FrameSynth {
    /// A synthesiser for a validated configuration.
    pub fn new(config: &ModelConfig) -> Self {
        let kind = match config.approach {
            Approach::Vector { seg_len, overlap, emphasis, gain } => Kind::Samples {
                scaling: config.scaling,
                hop: seg_len,
                tail: vec![0.0; overlap],
                emphasis,
                gain,
                last: 0.0,
            },
            Approach::Sample | Approach::Column { .. } | Approach::Transpose { .. } => Kind::Samples {
                scaling: config.scaling,
                hop: 1,
                tail: Vec::new(),
                emphasis: config.pre_emphasis(),
                gain: 1.0,
                last: 0.0,
            },
            Approach::Magnitude { window, peak_picking, magnitude_peak, power, sharpen, .. } => {
                let fft = config.fft_samples();
                let window = blackman(window);
                Kind::Magnitudes(Box::new(Magnitudes {
                    vocoder: Vocoder::new(fft),
                    magnitude_peak,
                    power,
                    sharpen,
                    trained_peaks: peak_picking,
                    picks_peaks: peak_picking,
                    amplitude_per_magnitude: amplitude_per_magnitude(&window, fft),
                    amplitude_per_peak: amplitude_per_peak(&window),
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
            Kind::Samples { tail, last, .. } => {
                tail.fill(0.0);
                *last = 0.0;
            }
            Kind::Magnitudes(magnitudes) => magnitudes.vocoder.reset(random),
        }
    }

    /// Takes the seed's last frame as the one from which the continuation departs. `frame`: `[frame_size]`
    pub fn prime(&mut self, frame: &[f32]) {
        match &mut self.kind {
            Kind::Samples { hop, tail, .. } => {
                let overlap = tail.len();
                tail.copy_from_slice(&frame[*hop..][..overlap]);
            }
            Kind::Magnitudes(magnitudes) => {
                magnitudes.decode(frame);
                magnitudes.vocoder.prime(&magnitudes.amplitudes);
            }
        }
    }

    /// Which bins sound from the next frame on; of samples nothing changes.
    pub fn pick_peaks(&mut self, peaks: Peaks) {
        if let Kind::Magnitudes(magnitudes) = &mut self.kind {
            magnitudes.picks_peaks = match peaks {
                Peaks::Trained => magnitudes.trained_peaks,
                Peaks::Off => false,
                Peaks::On => true,
            };
        }
    }

    /// True if a frame may sound longer or shorter than the model's hop.
    pub fn stretches(&self) -> bool {
        matches!(self.kind, Kind::Magnitudes(_))
    }

    /// The sound of a predicted frame. `frame`: `[frame_size]`, `out`: `[hop]`, or where it stretches of any length. Magnitudes
    /// below 0 count as 0.
    pub fn sound(&mut self, frame: &[f32], out: &mut [f32]) {
        match &mut self.kind {
            Kind::Samples { scaling, hop, tail, emphasis, gain, last } => {
                let overlap = tail.len();
                for (i, (slot, &new)) in out.iter_mut().zip(frame).enumerate() {
                    // What the last frame said of the shared samples is faded into what this one says.
                    let x = tail.get(i).map_or(new, |&old| old + (new - old) * raised_cosine(i, overlap));
                    *last = x * scaling.std + scaling.mean + *emphasis * *last;
                    *slot = *last * *gain;
                }
                tail.copy_from_slice(&frame[*hop..]);
            }
            Kind::Magnitudes(magnitudes) => {
                magnitudes.decode(frame);
                magnitudes.vocoder.frame(&magnitudes.amplitudes, out);
            }
        }
    }
}

/// Rises from 0 to 1 over `length` samples.
fn raised_cosine(at: usize, length: usize) -> f32 {
    0.5 - 0.5 * libm::cosf(std::f32::consts::PI * (at as f32 + 0.5) / length as f32)
}

impl Magnitudes {
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
