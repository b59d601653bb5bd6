//! Frames of levels on a scale of logarithmic frequency: spectra on the way in, sinusoids on the way out.

use crate::{
    dsp::{
        log_spectrum::LogSpectrum,
        partials::Partials,
        random::Random,
        stft::{MagnitudeStft, blackman},
        vocoder::amplitude_per_peak,
    },
    model::Listening,
};

/// Windows of sound to frames.
#[derive(Clone, Debug)]
pub(super) struct Analysis {
    stft: MagnitudeStft,
    magnitudes: Vec<f32>,
    spectrum: LogSpectrum,
    offset_db: f32,
}

impl Analysis {
    pub fn new(own: &Listening, sample_rate_hz: u32) -> Self {
        let fft = own.fft_samples();
        let stft = MagnitudeStft::new(own.window, fft);
        let per_hz = fft as f64 / f64::from(sample_rate_hz);
        let centres: Vec<f64> = own.centres_hz(sample_rate_hz).iter().map(|hz| hz * per_hz).collect();
        let amplitude = amplitude_per_peak(&blackman(own.window));
        Self {
            magnitudes: vec![0.0; stft.bins()],
            spectrum: LogSpectrum::new(&centres, own.floor_db, amplitude, stft.bins()),
            stft,
            offset_db: 0.0,
        }
    }

    /// The gain with which sound is heard from here on, in decibels.
    pub fn set_gain_db(&mut self, gain_db: f32) {
        self.offset_db = gain_db;
    }

    pub fn frame(&mut self, window: &[f32], frame: &mut [f32]) {
        self.stft.magnitudes(window, &mut self.magnitudes);
        self.spectrum.levels(&self.magnitudes, self.offset_db, frame);
    }
}

/// Frames to sound.
#[derive(Clone, Debug)]
pub(super) struct Synthesis {
    partials: Partials,
    gain: f32,
}

impl Synthesis {
    pub fn new(own: &Listening, sample_rate_hz: u32) -> Self {
        let centres = own.centres_hz(sample_rate_hz).iter().map(|hz| (hz / f64::from(sample_rate_hz)) as f32).collect();
        Self { partials: Partials::new(centres, own.floor_db), gain: 1.0 }
    }

    /// The gain of what sounds from here on.
    pub fn set_gain(&mut self, gain: f32) {
        self.gain = gain;
    }

    pub fn reset(&mut self, random: &mut Random) {
        self.partials.reset(random);
    }

    pub fn prime(&mut self, frame: &[f32]) {
        self.partials.prime(frame, self.gain);
    }

    pub fn sound(&mut self, frame: &[f32], out: &mut [f32]) {
        self.partials.frame(frame, self.gain, out);
    }
}
