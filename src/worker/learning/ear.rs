//! From sound at the host's rate to the frames of a model that learns, on the lattice on which its voices hear.

use crate::{
    approach::{FrameAnalyser, input_gain},
    dsp::resample::Resampler,
    engine::GRID_SAMPLES,
    model::ModelConfig,
};

const GRID: i64 = GRID_SAMPLES as i64;
/// How fast the loudest sound is forgotten that the gain is taken from.
const LOUDEST_HALVES_SECONDS: f64 = 10.0;
/// Below this part of the loudest sound, −20 dB, it rings out.
const RINGING: f32 = 0.1;
/// Of a longer rest the first frames count.
const LONGEST_REST_SECONDS: f64 = 0.4;

/// A filter reaches back over so many hops at most; at times that no clock has, none is found.
const MOST_TRIES: usize = 64;

/// What a window is, of what was played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Playing.
    Playing,
    /// A rest that counts.
    Rest,
    /// Nothing to be learnt from: a long rest, or the wet come back.
    Nothing {
        /// What follows does not follow what was before.
        cut: bool,
    },
}

/// Hears a performer for one model.
#[derive(Debug)]
pub(super) struct Ear {
    host_hz: u32,
    to_model: Resampler,
    analyser: FrameAnalyser,
    window: usize,
    hop: i64,
    /// At the host's rate, from engine time `first` on.
    samples: Vec<f32>,
    first: i64,
    /// At the model's rate; the next sample of its lattice.
    sound: Vec<f32>,
    next: i64,
    frame: Vec<f32>,
    /// RMS of the loudest quantum, forgotten slowly.
    loudest: f32,
    forgets: f32,
    silent: u32,
    longest_silence: u32,
    /// Windows that hold sound which came back.
    fed_back_windows: usize,
}

impl Ear {
    /// For a model at a host's rate. Allocates.
    pub fn new(config: &ModelConfig, host_hz: u32) -> Self {
        let (window, hop) = (config.window_samples(), config.hop_samples());
        let hop_seconds = hop as f64 / f64::from(config.sample_rate_hz);
        let quantum_seconds = GRID_SAMPLES as f64 / f64::from(host_hz);
        Self {
            host_hz,
            to_model: Resampler::new(host_hz, config.sample_rate_hz),
            analyser: FrameAnalyser::new(config),
            window,
            hop: hop as i64,
            samples: Vec::new(),
            first: 0,
            sound: Vec::with_capacity(window),
            next: 0,
            frame: vec![0.0; config.frame_size()],
            loudest: 0.0,
            forgets: libm::exp2(-quantum_seconds / LOUDEST_HALVES_SECONDS) as f32,
            silent: 0,
            longest_silence: (LONGEST_REST_SECONDS / hop_seconds) as u32,
            fed_back_windows: 0,
        }
    }

    /// Begins anew at an engine time.
    pub fn restart(&mut self, time: i64) {
        self.samples.clear();
        self.sound.clear();
        self.first = time;
        (self.loudest, self.silent, self.fed_back_windows) = (0.0, 0, 0);
        // The first window of the lattice all of whose sound is known.
        let (model_hz, host_hz) = (i128::from(self.to_model.out_hz()), i128::from(self.host_hz));
        let bound = i128::from(i64::MAX / 4);
        let guess = (i128::from(time) * model_hz / host_hz).clamp(-bound, bound) as i64;
        self.next = guess.div_euclid(self.hop) * self.hop;
        for _ in 0..MOST_TRIES {
            if self.begins(self.next) >= time {
                break;
            }
            self.next += self.hop;
        }
    }

    /// Engine time of the first input of a sample of the model's lattice.
    fn begins(&self, k: i64) -> i64 {
        self.to_model.first_input(self.to_model.position(k).0)
    }

    /// Hears a quantum; `gate`: RMS below which nothing was played. `hear` is told of every window that is complete, with its frame.
    pub fn hear(
        &mut self,
        quantum: &[f32; GRID_SAMPLES],
        gate: f32,
        is_fed_back: bool,
        mut hear: impl FnMut(Heard, &[f32]),
    ) {
        self.samples.extend_from_slice(quantum);
        let rms = (quantum.iter().map(|x| x * x).sum::<f32>() / GRID_SAMPLES as f32).sqrt();
        self.loudest = rms.max(self.forgets * self.loudest);
        if is_fed_back {
            self.fed_back_windows = self.window.div_ceil(self.hop as usize) + 1;
        }
        let end = self.first + self.samples.len() as i64;
        while self.to_model.end_of_input(self.next) <= end {
            let (whole, fraction) = self.to_model.position(self.next);
            let at = (self.to_model.first_input(whole) - self.first) as usize;
            self.sound.push(self.to_model.sample(fraction, &self.samples[at..]));
            self.next += 1;
            if self.sound.len() == self.window {
                let heard = self.weigh(gate);
                hear(heard, &self.frame);
                self.sound.drain(..(self.hop as usize).min(self.window));
                // Windows that do not touch leave out what lies between.
                self.next += (self.hop - self.window as i64).max(0);
            }
        }
        let needed = (self.begins(self.next) - self.first).clamp(0, self.samples.len() as i64);
        if needed >= 64 * GRID {
            self.samples.drain(..needed as usize);
            self.first += needed;
        }
    }

    /// What the window is; leaves its frame.
    fn weigh(&mut self, gate: f32) -> Heard {
        let rms = (self.sound.iter().map(|x| x * x).sum::<f32>() / self.window as f32).sqrt();
        if self.fed_back_windows > 0 {
            self.fed_back_windows -= 1;
            return Heard::Nothing { cut: true };
        }
        // What rings out is no playing either.
        let is_rest = rms < gate.max(RINGING * self.loudest);
        self.silent = if is_rest { self.silent.saturating_add(1) } else { 0 };
        if self.silent > self.longest_silence {
            return Heard::Nothing { cut: false };
        }
        self.analyser.set_gain_db(20.0 * libm::log10f(input_gain(self.loudest)));
        self.analyser.frame(&self.sound, &mut self.frame);
        if self.silent > 0 { Heard::Rest } else { Heard::Playing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::ModelData, worker::learning::tests::model};

    fn heard(data: &ModelData, start: i64, sound: impl Fn(i64) -> f32, quanta: i64) -> Vec<(Heard, Vec<f32>)> {
        let mut ear = Ear::new(data.config(), 48_000);
        ear.restart(start);
        let mut all = Vec::new();
        for quantum in 0..quanta {
            let audio = std::array::from_fn(|i| sound(start + quantum * GRID + i as i64));
            ear.hear(&audio, 1e-3, false, |heard, frame| all.push((heard, frame.to_vec())));
        }
        all
    }

    #[test]
    fn the_lattice_is_that_of_the_clock_wherever_hearing_begins() {
        let tone = |time: i64| 0.2 * libm::sinf(0.05 * (time % 100_000) as f32);
        let data = model();
        let (early, late) = (heard(&data, 0, tone, 1500), heard(&data, 48_000 - 64, tone, 751));
        assert!(late.len() > 20 && early.len() > late.len());
        let tail = &early[early.len() - late.len() + 5..];
        assert_eq!(tail, &late[5..], "the same windows, once the loudest quantum is the same");
    }

    #[test]
    fn long_rests_and_the_wet_are_not_heard() {
        let data = model();
        let all = heard(&data, 0, |time| if time < 48_000 { 0.1 } else { 0.0 }, 1500);
        let rests = all.iter().filter(|(heard, _)| *heard == Heard::Rest).count();
        let hop_seconds = data.config().hop_samples() as f64 / f64::from(data.config().sample_rate_hz);
        assert_eq!(rests, (LONGEST_REST_SECONDS / hop_seconds) as usize);
        assert_eq!(all.last().map(|(heard, _)| *heard), Some(Heard::Nothing { cut: false }));
        let mut ear = Ear::new(data.config(), 48_000);
        ear.restart(0);
        let mut cuts = 0;
        for _ in 0..400 {
            ear.hear(&[0.1; GRID_SAMPLES], 1e-3, true, |heard, _| {
                assert_eq!(heard, Heard::Nothing { cut: true });
                cuts += 1;
            });
        }
        assert!(cuts > 5);
    }
}
