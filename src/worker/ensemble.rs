//! Voices that sound at once: those of one model need their hops in the same quanta and predict them together.

use super::{
    history::{Ear, History},
    voice::{Hearing, SeedSpan, Sound, Voice},
};
use crate::{
    approach::{Colour, Manner, Network, predict_together},
    dsp::{random::Random, resample::Resampler},
    engine::{Alignment, GRID_SAMPLES, MAX_CHANNELS, quantum::QuantumAudio},
};
use std::sync::Arc;

/// Maximum number of continuations at once.
pub const MAX_VOICES: usize = 4;

const GRID: i64 = GRID_SAMPLES as i64;
/// Level of the noise that seeds the voices of an [`Ensemble`].
const NOISE_RMS: f32 = 0.1;

/// Adds `voices` in the quantum from engine time `time` on to `out`. Returns how many of them have failed in it.
///
/// # Realtime safety
/// Does not allocate.
pub(super) fn sound(voices: &mut [Option<&mut Voice>], time: i64, manner: Manner<'_>, out: &mut QuantumAudio) -> usize {
    let failed_before = failed(voices);
    prepare(voices, time, manner);
    voices.iter_mut().flatten().for_each(|voice| voice.add_to(time, out));
    failed(voices) - failed_before
}

/// As [`sound`], each voice to an output of its own.
pub(super) fn sound_apart(
    voices: &mut [Option<&mut Voice>],
    time: i64,
    manner: Manner<'_>,
    outs: &mut [QuantumAudio],
) -> usize {
    let failed_before = failed(voices);
    prepare(voices, time, manner);
    for (voice, out) in voices.iter_mut().zip(outs) {
        voice.iter_mut().for_each(|voice| voice.add_to(time, out));
    }
    failed(voices) - failed_before
}

fn failed(voices: &[Option<&mut Voice>]) -> usize {
    voices.iter().flatten().filter(|voice| voice.has_failed()).count()
}

fn prepare(voices: &mut [Option<&mut Voice>], time: i64, manner: Manner<'_>) {
    voices.iter_mut().flatten().for_each(|voice| voice.begin_quantum(time));
    predict(voices, manner);
}

/// Predicts until no voice is short.
fn predict(voices: &mut [Option<&mut Voice>], manner: Manner<'_>) {
    while voices.iter().flatten().any(|voice| voice.is_short()) {
        predict_together(voices, manner);
        voices.iter_mut().flatten().filter(|voice| voice.is_short()).for_each(|voice| voice.take_hop());
    }
}

/// Up to [`MAX_VOICES`] voices of one model without the worker's schedule, each seeded with noise: for measurements and tests.
#[derive(Debug)]
pub struct Ensemble {
    network: Arc<Network>,
    host_hz: u32,
    resamplers: (Resampler, Resampler),
    history: History,
    voices: Vec<Voice>,
    time: i64,
}

impl Ensemble {
    /// An ensemble without a voice, at a host's rate.
    pub fn new(network: &Arc<Network>, host_hz: u32) -> Self {
        let config = network.config();
        let model_hz = config.sample_rate_hz;
        let resamplers = (Resampler::new(host_hz, model_hz), Resampler::new(model_hz, host_hz));
        let mut history = History::new(host_hz);
        history.restart(0, 0);
        // Two windows of noise: seeds can end in different places.
        let window = (2 * config.window_samples() as u64 * u64::from(host_hz)).div_ceil(u64::from(model_hz)) as i64;
        let mut random = Random::new(1);
        // Preceded by silence: the file alone bounds the window's length.
        let noise = (window + 4 * resamplers.0.window_samples() as i64).min(10 * i64::from(host_hz));
        while history.end() < noise {
            let noise = std::array::from_fn(|_| NOISE_RMS * random.normal());
            history.push(&[noise, noise], &[1.0; GRID_SAMPLES]);
        }
        let time = history.end();
        Self { network: Arc::clone(network), host_hz, resamplers, history, voices: Vec::new(), time }
    }

    /// Adds a voice that starts `delay_samples` from now. The end of its seed and its random stream follow
    /// from `random_seed`.
    ///
    /// # Panics
    /// If there are [`MAX_VOICES`] already.
    pub fn add(&mut self, random_seed: u64, delay_samples: u32) {
        assert!(self.voices.len() < MAX_VOICES, "an ensemble has at most {MAX_VOICES} voices");
        let (to_model, to_host) = self.resamplers.clone();
        let mut voice = Voice::new(Arc::clone(&self.network), self.host_hz, to_model, to_host);
        let end = self.history.end() - (random_seed % 16) as i64;
        voice.prepare(SeedSpan { start: end, end }, random_seed, Hearing::of_seed(Ear::Middle));
        let history = &mut self.history;
        voice.warm(history.start()..history.end(), i64::MAX, &Default::default(), |resampler, k| {
            history.model_sample(Ear::Middle, resampler, k)
        });
        voice.start(Sound {
            start: self.time + i64::from(delay_samples),
            fade_in_samples: GRID,
            seed_rms: NOISE_RMS,
            alignment: Alignment::After,
            manner: 1.0.into(),
            colour: Colour::default(),
            place: [1.0; 2],
            transposed: None,
        });
        self.voices.push(voice);
    }

    /// Computes the next quantum. Returns whether a hop was predicted for it.
    ///
    /// # Realtime safety
    /// Does not allocate.
    pub fn next_quantum(&mut self, temperature: f32, out: &mut [f32; GRID_SAMPLES]) -> bool {
        let mut both = [[0.0; GRID_SAMPLES]; MAX_CHANNELS];
        let made = |voices: &[Voice]| voices.iter().map(Voice::made_end).max();
        let before = made(&self.voices);
        sound(&mut gather(&mut self.voices), self.time, temperature.into(), &mut both);
        *out = both[0];
        self.time += GRID;
        made(&self.voices) != before
    }

    /// Every voice predicts one hop.
    pub(super) fn next_hop(&mut self, temperature: f32) {
        self.voices.iter_mut().for_each(Voice::ask_for_a_hop);
        predict(&mut gather(&mut self.voices), temperature.into());
    }
}

fn gather(voices: &mut [Voice]) -> [Option<&mut Voice>; MAX_VOICES] {
    let mut voices = voices.iter_mut();
    std::array::from_fn(|_| voices.next())
}
