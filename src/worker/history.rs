//! The last 20 seconds of input, at the host's rate, on engine time.

use crate::{
    dsp::{level::energy, resample::Resampler},
    engine::{
        GRID_SAMPLES,
        quantum::{QuantumAudio, heard},
    },
};

/// Seconds that are kept.
pub const HISTORY_SECONDS: usize = 20;
const GRID: i64 = GRID_SAMPLES as i64;

/// The channel that a model hears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ear {
    /// Half their sum.
    #[default]
    Middle,
    /// The first.
    Left,
    /// The second.
    Right,
}

impl Ear {
    pub(super) fn of(self, left: f32, right: f32) -> f32 {
        match self {
            Self::Middle => 0.5 * (left + right),
            Self::Left => left,
            Self::Right => right,
        }
    }
}

const EARS: [Ear; 3] = [Ear::Middle, Ear::Left, Ear::Right];

/// A ring of quanta. Samples that were never heard read as silence.
#[derive(Debug)]
pub struct History {
    quanta: i64,
    /// Before the input gain. `[channel][sample]`
    played: [Vec<f32>; 2],
    /// The input gain of every sample.
    gains: Vec<f32>,
    /// Energy of the middle signal per quantum.
    energies: Vec<f64>,
    /// Energy before the input gain, by ear.
    performer_energies: [Vec<f64>; EARS.len()],
    heard_from: i64,
    end: i64,
    window: Vec<f32>,
}

impl History {
    /// An empty history that can be read through resamplers of up to `widest_window` input samples.
    pub fn new(sample_rate_hz: u32) -> Self {
        let quanta = (HISTORY_SECONDS * sample_rate_hz as usize).div_ceil(GRID_SAMPLES) as i64;
        let samples = quanta as usize * GRID_SAMPLES;
        Self {
            quanta,
            played: [vec![0.0; samples], vec![0.0; samples]],
            // Of what was never heard, which is silence at any gain; zeros take no memory before they are written over.
            gains: vec![0.0; samples],
            energies: vec![0.0; quanta as usize],
            performer_energies: std::array::from_fn(|_| vec![0.0; quanta as usize]),
            heard_from: 0,
            end: 0,
            window: Vec::with_capacity(sample_rate_hz as usize / 8 + 64),
        }
    }

    /// Forgets everything; the next quantum is `index`, heard from engine time `heard_from` on.
    pub fn restart(&mut self, index: i64, heard_from: i64) {
        self.heard_from = heard_from;
        self.end = index * GRID;
    }

    /// Appends the next quantum: its sound before the input gain, and the gain of every sample.
    pub fn push(&mut self, played: &QuantumAudio, gains: &[f32; GRID_SAMPLES]) {
        let slot = (self.end / GRID).rem_euclid(self.quanta) as usize;
        let span = slot * GRID_SAMPLES..(slot + 1) * GRID_SAMPLES;
        for (ring, samples) in self.played.iter_mut().zip(played) {
            ring[span.clone()].copy_from_slice(samples);
        }
        self.gains[span].copy_from_slice(gains);
        for (ear, energies) in EARS.into_iter().zip(&mut self.performer_energies) {
            let of_ear: [f32; GRID_SAMPLES] = std::array::from_fn(|i| ear.of(played[0][i], played[1][i]));
            energies[slot] = energy(&of_ear);
        }
        let middle: [f32; GRID_SAMPLES] =
            std::array::from_fn(|i| Ear::Middle.of(heard(played[0][i], gains[i]), heard(played[1][i], gains[i])));
        self.energies[slot] = energy(&middle);
        self.end += GRID;
    }

    /// Engine time up to which input is known.
    pub fn end(&self) -> i64 {
        self.end
    }

    /// Samples heard since the epoch began, at most the length of the ring.
    pub fn heard_samples(&self) -> i64 {
        (self.end - self.heard_from).min(self.quanta * GRID)
    }

    /// RMS of the models' input over the last `samples` before `end`, in whole quanta.
    pub fn rms(&self, end: i64, samples: i64) -> f32 {
        self.rms_of(&self.energies, end, samples)
    }

    /// RMS before the input gain, in one ear.
    pub fn performer_rms(&self, ear: Ear, end: i64, samples: i64) -> f32 {
        self.rms_of(&self.performer_energies[ear as usize], end, samples)
    }

    /// RMS of the loudest quantum from engine time `start` to `end`, before the input gain, in one ear.
    pub fn loudest(&self, ear: Ear, start: i64, end: i64) -> f32 {
        let last = end.div_euclid(GRID).min(self.end / GRID);
        let oldest = (self.end / GRID - self.quanta).max(self.heard_from.div_euclid(GRID));
        let energies = &self.performer_energies[ear as usize];
        let quanta = start.div_euclid(GRID).max(oldest)..last;
        let most = quanta.map(|quantum| energies[quantum.rem_euclid(self.quanta) as usize]).fold(0.0, f64::max);
        (most / GRID as f64).sqrt() as f32
    }

    /// Engine time of the first sample that is known.
    pub fn start(&self) -> i64 {
        self.heard_from.max(self.end - self.quanta * GRID)
    }

    fn rms_of(&self, energies: &[f64], end: i64, samples: i64) -> f32 {
        let last = end.div_euclid(GRID);
        let count = (samples / GRID).clamp(1, self.quanta);
        let first = (last - count).max(self.heard_from.div_euclid(GRID));
        let sum: f64 = (first..last).map(|quantum| energies[quantum.rem_euclid(self.quanta) as usize]).sum();
        (sum / (count * GRID) as f64).sqrt() as f32
    }

    /// The input from engine time `start` on, before the input gain. Allocates.
    pub fn performance(&self, ear: Ear, start: i64) -> Vec<f32> {
        let mut played = Vec::with_capacity((self.end - start).max(0) as usize);
        for quantum in start.div_euclid(GRID)..self.end.div_euclid(GRID) {
            let times = start.max(quantum * GRID)..(quantum + 1) * GRID;
            played.extend(times.map(|time| match self.place(time) {
                Some(at) => ear.of(self.played[0][at], self.played[1][at]),
                None => 0.0,
            }));
        }
        played
    }

    /// The models' input at an engine time.
    #[cfg(test)]
    pub fn sample(&self, ear: Ear, time: i64) -> f32 {
        self.place(time).map_or(0.0, |at| {
            let [left, right] = [0, 1].map(|channel| heard(self.played[channel][at], self.gains[at]));
            ear.of(left, right)
        })
    }

    /// Where an engine time lies in the ring; `None` where nothing was heard, or not yet, or it is forgotten.
    fn place(&self, time: i64) -> Option<usize> {
        let known = time >= self.heard_from && time < self.end && time >= self.end - self.quanta * GRID;
        known.then(|| time.rem_euclid(self.quanta * GRID) as usize)
    }

    /// Sample `k` of the model's lattice, in one ear.
    ///
    /// # Realtime safety
    /// Does not allocate for model rates of 8 kHz and above.
    pub fn model_sample(&mut self, ear: Ear, resampler: &Resampler, k: i64) -> f32 {
        let (whole, fraction) = resampler.position(k);
        let first = resampler.first_input(whole);
        let end = first + resampler.window_samples() as i64;
        // The known part lies in one piece, or in two around the end of the ring.
        let ring = self.quanta * GRID;
        let known = first.max(self.heard_from).max(self.end - ring).min(end)..end.min(self.end);
        self.window.clear();
        self.window.resize((known.start - first) as usize, 0.0);
        let mut time = known.start;
        while time < known.end {
            let at = time.rem_euclid(ring);
            let piece = (known.end - time).min(ring - at);
            let span = at as usize..(at + piece) as usize;
            let [left, right] = [0, 1].map(|channel| &self.played[channel][span.clone()]);
            let samples = left.iter().zip(right).zip(&self.gains[span.clone()]);
            self.window.extend(samples.map(|((&left, &right), &gain)| ear.of(heard(left, gain), heard(right, gain))));
            time += piece;
        }
        self.window.resize((end - first) as usize, 0.0);
        resampler.sample(fraction, &self.window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_was_heard_and_silence_elsewhere() {
        let mut history = History::new(8000);
        // A power of two, so that nothing is rounded, and below the loudest input.
        let at = |time: i64| time as f32 / 8192.0;
        let start = 64 * 5 + 10;
        history.restart(5, start);
        let mut quanta = 0;
        while history.end() < 8000 * 45 {
            let first = history.end();
            let channel: [f32; GRID_SAMPLES] = std::array::from_fn(|i| {
                let time = first + i as i64;
                if time < start { 0.0 } else { at(time) }
            });
            history.push(&[channel.map(|x| 0.5 * x); 2], &[2.0; GRID_SAMPLES]);
            quanta += 1;
            if quanta == 3 {
                let same = Resampler::new(8000, 8000);
                assert_eq!(history.model_sample(Ear::Middle, &same, start - 1), 0.0);
                assert_eq!(history.model_sample(Ear::Middle, &same, start), at(start));
                assert_eq!(history.heard_samples(), 8 * 64 - start);
            }
        }
        let same = Resampler::new(8000, 8000);
        let end = history.end();
        assert_eq!(history.model_sample(Ear::Middle, &same, end - 1), at(end - 1));
        assert_eq!(history.model_sample(Ear::Middle, &same, end), 0.0, "the future");
        assert_eq!(history.model_sample(Ear::Middle, &same, end - 161_000), 0.0, "the forgotten past");
        let expected = at(end - 32);
        assert!((history.rms(end, 64) - expected).abs() < 1e-3 * expected);
        let played = history.performance(Ear::Right, end - 1000);
        assert_eq!((played.len(), played[0], played[999]), (1000, 0.5 * at(end - 1000), 0.5 * at(end - 1)));
        assert!(
            (history.performer_rms(Ear::Left, end, 64) - 0.5 * expected).abs() < 1e-3 * expected,
            "heard at twice its level"
        );
    }

    #[test]
    fn a_model_hears_what_was_heard_wherever_the_ring_ends() {
        let mut random = crate::dsp::random::Random::new(3);
        let mut history = History::new(8000);
        history.restart(2, 128 + 17);
        let resampler = Resampler::new(8000, 6000);
        for quantum in 0..6000 {
            let mut audio = [[0.0; GRID_SAMPLES]; 2];
            audio.iter_mut().flatten().for_each(|x| *x = random.normal());
            history.push(&audio, &[1.0; GRID_SAMPLES]);
            if quantum % 500 == 0 || quantum == 2499 {
                for back in [0, 10, 100, 14_000, 119_000, 121_000] {
                    let k = history.end() * 3 / 4 - back;
                    let (whole, fraction) = resampler.position(k);
                    let first = resampler.first_input(whole);
                    let times = first..first + resampler.window_samples() as i64;
                    for ear in EARS {
                        let window: Vec<f32> = times.clone().map(|time| history.sample(ear, time)).collect();
                        let expected = resampler.sample(fraction, &window);
                        assert_eq!(
                            history.model_sample(ear, &resampler, k),
                            expected,
                            "{back} before quantum {quantum}"
                        );
                    }
                }
            }
        }
    }
}
