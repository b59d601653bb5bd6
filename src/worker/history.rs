//! The last 20 seconds of input, at the host's rate, on engine time.

use crate::{
    dsp::{level::energy, resample::Resampler},
    engine::{GRID_SAMPLES, cell::CellAudio},
};

/// Seconds that are kept.
pub const HISTORY_SECONDS: usize = 20;
const GRID: i64 = GRID_SAMPLES as i64;

/// A ring of cells. What was never heard reads as silence.
#[derive(Debug)]
pub struct History {
    cells: i64,
    /// `[channel][sample]`
    audio: [Vec<f32>; 2],
    /// Energy of the middle signal per cell.
    energies: Vec<f64>,
    /// The same before the input gain: the performer's.
    performer_energies: Vec<f64>,
    heard_from: i64,
    end: i64,
    window: Vec<f32>,
}

impl History {
    /// An empty history that can be read through resamplers of up to `widest_window` input samples.
    pub fn new(sample_rate_hz: u32) -> Self {
        let cells = (HISTORY_SECONDS * sample_rate_hz as usize).div_ceil(GRID_SAMPLES) as i64;
        let samples = cells as usize * GRID_SAMPLES;
        Self {
            cells,
            audio: [vec![0.0; samples], vec![0.0; samples]],
            energies: vec![0.0; cells as usize],
            performer_energies: vec![0.0; cells as usize],
            heard_from: 0,
            end: 0,
            window: Vec::with_capacity(sample_rate_hz as usize / 8 + 64),
        }
    }

    /// Forgets everything; the next cell is `index`, heard from engine time `heard_from` on.
    pub fn restart(&mut self, index: i64, heard_from: i64) {
        self.heard_from = heard_from;
        self.end = index * GRID;
    }

    /// Appends the next cell, heard at `input_gain`.
    pub fn push(&mut self, audio: &CellAudio, input_gain: f32) {
        let slot = (self.end / GRID).rem_euclid(self.cells) as usize;
        for (ring, samples) in self.audio.iter_mut().zip(audio) {
            ring[slot * GRID_SAMPLES..][..GRID_SAMPLES].copy_from_slice(samples);
        }
        let mut middle = [0.0; GRID_SAMPLES];
        for (i, slot) in middle.iter_mut().enumerate() {
            *slot = 0.5 * (audio[0][i] + audio[1][i]);
        }
        self.energies[slot] = energy(&middle);
        self.performer_energies[slot] = self.energies[slot] / f64::from(input_gain * input_gain);
        self.end += GRID;
    }

    /// Engine time up to which input is known.
    pub fn end(&self) -> i64 {
        self.end
    }

    /// Samples heard since the epoch began, at most what is kept.
    pub fn heard_samples(&self) -> i64 {
        (self.end - self.heard_from).min(self.cells * GRID)
    }

    /// RMS of what the model hears, over whole cells: the last `samples` before `end`.
    pub fn rms(&self, end: i64, samples: i64) -> f32 {
        self.rms_of(&self.energies, end, samples)
    }

    /// The same of what the performer plays, before the input gain.
    pub fn performer_rms(&self, end: i64, samples: i64) -> f32 {
        self.rms_of(&self.performer_energies, end, samples)
    }

    fn rms_of(&self, energies: &[f64], end: i64, samples: i64) -> f32 {
        let last = end.div_euclid(GRID);
        let count = (samples / GRID).clamp(1, self.cells);
        let first = (last - count).max(self.heard_from.div_euclid(GRID));
        let sum: f64 = (first..last).map(|cell| energies[cell.rem_euclid(self.cells) as usize]).sum();
        (sum / (count * GRID) as f64).sqrt() as f32
    }

    /// Model sample `k` of the middle signal.
    ///
    /// # Realtime safety
    /// Does not allocate for model rates of 8 kHz and above.
    pub fn model_sample(&mut self, resampler: &Resampler, k: i64) -> f32 {
        let (whole, fraction) = resampler.position(k);
        let first = resampler.first_input(whole);
        self.window.clear();
        for time in first..first + resampler.window_samples() as i64 {
            let value = if time < self.heard_from || time >= self.end || time < self.end - self.cells * GRID {
                0.0
            } else {
                let at = time.rem_euclid(self.cells * GRID) as usize;
                0.5 * (self.audio[0][at] + self.audio[1][at])
            };
            self.window.push(value);
        }
        resampler.sample(fraction, &self.window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_was_heard_and_silence_elsewhere() {
        let mut history = History::new(8000);
        let start = 64 * 5 + 10;
        history.restart(5, start);
        let mut cells = 0;
        while history.end() < 8000 * 45 {
            let first = history.end();
            let channel: [f32; GRID_SAMPLES] = std::array::from_fn(|i| {
                let time = first + i as i64;
                if time < start { 0.0 } else { time as f32 }
            });
            history.push(&[channel, channel], 2.0);
            cells += 1;
            if cells == 3 {
                let same = Resampler::new(8000, 8000);
                assert_eq!(history.model_sample(&same, start - 1), 0.0);
                assert_eq!(history.model_sample(&same, start), start as f32);
                assert_eq!(history.heard_samples(), 8 * 64 - start);
            }
        }
        let same = Resampler::new(8000, 8000);
        let end = history.end();
        assert_eq!(history.model_sample(&same, end - 1), (end - 1) as f32);
        assert_eq!(history.model_sample(&same, end), 0.0, "the future");
        assert_eq!(history.model_sample(&same, end - 161_000), 0.0, "the forgotten past");
        let expected = (end - 32) as f32;
        assert!((history.rms(end, 64) - expected).abs() < 1e-3 * expected);
        assert!((history.performer_rms(end, 64) - 0.5 * expected).abs() < 1e-3 * expected, "heard at twice its level");
    }
}
