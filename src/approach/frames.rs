//! Windows of sound to frames, and frames to sound: which of the kinds of frames a model has.

use super::{colour::Peaks, log_spectra, magnitudes, samples};
use crate::{
    dsp::random::Random,
    model::{Frames, ModelConfig},
};

/// Computes the frame of a window: scaled (and emphasised) samples, normalised magnitudes in 0…1 raised to the model's power, or levels
/// 0…1 on a scale of logarithmic frequency.
///
/// # Realtime safety
/// `new` allocates; `frame` does not.
#[derive(Clone, Debug)]
pub struct FrameAnalyser {
    kind: Analysis,
}

#[derive(Clone, Debug)]
enum Analysis {
    Samples(samples::Analysis),
    Magnitudes(magnitudes::Analysis),
    LogSpectra(log_spectra::Analysis),
}

impl FrameAnalyser {
    /// An analyser for a validated configuration.
    pub fn new(config: &ModelConfig) -> Self {
        let kind = match config.approach.framing().frames() {
            Frames::Samples { .. } => Analysis::Samples(samples::Analysis::new(config)),
            Frames::Magnitudes(own) => Analysis::Magnitudes(magnitudes::Analysis::new(own)),
            Frames::LogSpectra(own) => Analysis::LogSpectra(log_spectra::Analysis::new(own, config.sample_rate_hz)),
        };
        Self { kind }
    }

    /// `window`: `[window_samples]`, `frame`: `[frame_size]`.
    ///
    /// # Panics
    /// If a length differs.
    pub fn frame(&mut self, window: &[f32], frame: &mut [f32]) {
        match &mut self.kind {
            Analysis::Samples(samples) => samples.frame(window, frame),
            Analysis::Magnitudes(magnitudes) => magnitudes.frame(window, frame),
            Analysis::LogSpectra(spectra) => spectra.frame(window, frame),
        }
    }

    /// The gain with which sound is heard from here on, in decibels; of levels on a scale of logarithmic frequency only.
    pub fn set_gain_db(&mut self, gain_db: f32) {
        if let Analysis::LogSpectra(spectra) = &mut self.kind {
            spectra.set_gain_db(gain_db);
        }
    }
}

/// Writes one hop of sound per predicted frame.
///
/// # Realtime safety
/// `new` allocates; the other methods do not.
#[derive(Clone, Debug)]
pub struct FrameSynth {
    kind: Synthesis,
}

#[derive(Clone, Debug)]
enum Synthesis {
    Samples(samples::Synthesis),
    Magnitudes(Box<magnitudes::Synthesis>),
    LogSpectra(Box<log_spectra::Synthesis>),
}

impl FrameSynth {
    /// A synthesiser for a validated configuration.
    pub fn new(config: &ModelConfig) -> Self {
        let kind = match config.approach.framing().frames() {
            Frames::Samples { hop, overlap, gain } => {
                Synthesis::Samples(samples::Synthesis::new(config, hop, overlap, gain))
            }
            Frames::Magnitudes(own) => Synthesis::Magnitudes(Box::new(magnitudes::Synthesis::new(own))),
            Frames::LogSpectra(own) => {
                Synthesis::LogSpectra(Box::new(log_spectra::Synthesis::new(own, config.sample_rate_hz)))
            }
        };
        Self { kind }
    }

    /// Forgets everything and draws what is random for one continuation.
    pub fn reset(&mut self, random: &mut Random) {
        match &mut self.kind {
            Synthesis::Samples(samples) => samples.reset(),
            Synthesis::Magnitudes(magnitudes) => magnitudes.reset(random),
            Synthesis::LogSpectra(spectra) => spectra.reset(random),
        }
    }

    /// Takes the seed's last frame as the one from which the continuation departs. `frame`: `[frame_size]`
    pub fn prime(&mut self, frame: &[f32]) {
        match &mut self.kind {
            Synthesis::Samples(samples) => samples.prime(frame),
            Synthesis::Magnitudes(magnitudes) => magnitudes.prime(frame),
            Synthesis::LogSpectra(spectra) => spectra.prime(frame),
        }
    }

    /// The gain of what sounds from the next frame on; of levels on a scale of logarithmic frequency only.
    pub fn set_gain(&mut self, gain: f32) {
        if let Synthesis::LogSpectra(spectra) = &mut self.kind {
            spectra.set_gain(gain);
        }
    }

    /// Which bins sound from the next frame on; of samples nothing changes.
    pub fn pick_peaks(&mut self, peaks: Peaks) {
        if let Synthesis::Magnitudes(magnitudes) = &mut self.kind {
            magnitudes.pick_peaks(peaks);
        }
    }

    /// True if a frame may sound longer or shorter than the model's hop.
    pub fn stretches(&self) -> bool {
        !matches!(self.kind, Synthesis::Samples(_))
    }

    /// The sound of a predicted frame. `frame`: `[frame_size]`, `out`: `[hop]`, or where it stretches of any length. Magnitudes
    /// below 0 count as 0.
    pub fn sound(&mut self, frame: &[f32], out: &mut [f32]) {
        match &mut self.kind {
            Synthesis::Samples(samples) => samples.sound(frame, out),
            Synthesis::Magnitudes(magnitudes) => magnitudes.sound(frame, out),
            Synthesis::LogSpectra(spectra) => spectra.sound(frame, out),
        }
    }
}
