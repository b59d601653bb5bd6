//! Detects feedback: input that contains recent wet, through the room or a bus of the host.

use crate::{
    dsp::feedback::FeedbackDetector,
    engine::{
        GRID_SAMPLES,
        quantum::{InQuantum, OutQuantum, QuantumAudio},
    },
};

/// Correlation at which feedback is detected.
const ON: f32 = 0.7;
/// Correlation below which it has ended.
const OFF: f32 = 0.5;
/// Time after the last sound of the wet from which nothing is compared.
const FORGET_SECONDS: f32 = 2.0;

/// Compares the input with the wet that was heard at the same time.
pub(super) struct FeedbackGuard {
    detector: FeedbackDetector,
    /// Predictions that have not been heard yet, by quantum. `[reaction time + 1][sample]`
    ahead: Vec<[f32; GRID_SAMPLES]>,
    is_on: bool,
    /// Quanta since the wet last sounded, and the number after which it cannot come back.
    silent_quanta: usize,
    most_silent_quanta: usize,
}

impl std::fmt::Debug for FeedbackGuard {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("FeedbackGuard").field("is_on", &self.is_on).finish_non_exhaustive()
    }
}

fn middle(audio: &QuantumAudio) -> [f32; GRID_SAMPLES] {
    std::array::from_fn(|i| 0.5 * (audio[0][i] + audio[1][i]))
}

impl FeedbackGuard {
    /// A detector before any sound.
    pub fn new(sample_rate_hz: u32, reaction_quanta: usize) -> Self {
        Self {
            detector: FeedbackDetector::new(sample_rate_hz),
            ahead: vec![[0.0; GRID_SAMPLES]; reaction_quanta + 1],
            is_on: false,
            silent_quanta: 0,
            most_silent_quanta: (FORGET_SECONDS * sample_rate_hz as f32) as usize / GRID_SAMPLES,
        }
    }

    /// Forgets everything.
    pub fn restart(&mut self) {
        self.detector.reset();
        self.ahead.fill([0.0; GRID_SAMPLES]);
        self.is_on = false;
        self.silent_quanta = 0;
    }

    /// Takes a quantum and its prediction, a reaction time ahead. Returns whether the input is feedback.
    ///
    /// # Realtime safety
    /// Does not allocate.
    pub fn hear(&mut self, quantum: &InQuantum, out: &OutQuantum) -> bool {
        let slots = self.ahead.len() as i64;
        let slot = |index: i64| index.rem_euclid(slots) as usize;
        self.ahead[slot(out.index)] = middle(&out.audio);
        let wet = &self.ahead[slot(quantum.index)];
        if wet.iter().any(|&x| x != 0.0) {
            if self.silent_quanta > self.most_silent_quanta {
                // Sound before the pause is not compared with sound after it.
                self.detector.reset();
            }
            self.silent_quanta = 0;
        } else {
            self.silent_quanta = self.silent_quanta.saturating_add(1);
        }
        if self.silent_quanta > self.most_silent_quanta {
            self.is_on = false;
            return false;
        }
        self.detector.push(&middle(&quantum.heard()), wet);
        let correlation = self.detector.correlation();
        self.is_on = correlation > if self.is_on { OFF } else { ON };
        self.is_on
    }
}
