//! Triggers beside the interval: the end of a phrase, attacks, notes, gestures, the start of the song.

use super::{history::History, schedule::MIN_SEED_SECONDS};
use crate::{
    control::{ParamId, ParamValues},
    dsp::{level::db_to_gain, onset::OnsetDetector},
    engine::{
        GRID_SAMPLES,
        quantum::{InQuantum, MAX_NOTES, Note},
    },
};

const GRID: i64 = GRID_SAMPLES as i64;
/// Span of the level that is compared with the gate: a period of the lowest notes.
const LEVEL_SECONDS: f64 = 0.02;
/// Minimum length of a phrase.
const MIN_PHRASE_SECONDS: f64 = 0.06;
/// Maximum number of triggers in a quantum: the notes and one of each other kind.
pub(super) const MAX_TRIGGERS: usize = MAX_NOTES + 4;

/// A trigger: the request for a continuation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Call {
    /// Engine time at which its seed ends; not after the present.
    pub seed_end: i64,
    /// Maximum length of its seed.
    pub most_seed: i64,
    /// Engine time before which it does not begin (plus the reaction time).
    pub not_before: i64,
    /// Cancelled if the phrase goes on before `not_before`.
    pub is_answer: bool,
    /// The note that triggered it, if any.
    pub note: Option<Note>,
}

impl Call {
    /// A plain trigger whose seed ends at `seed_end`.
    pub fn now(seed_end: i64) -> Self {
        Self { seed_end, most_seed: i64::MAX, not_before: seed_end, is_answer: false, note: None }
    }
}

#[derive(Clone, Copy, Debug)]
struct Phrase {
    start: i64,
    /// One past the last quantum that was above the gate.
    end: i64,
}

/// Detects triggers, quantum by quantum.
#[derive(Debug)]
pub(super) struct TriggerDetector {
    sample_rate_hz: u32,
    onsets: OnsetDetector,
    phrase: Option<Phrase>,
    start_is_due: bool,
    calls: Vec<Call>,
}

impl TriggerDetector {
    /// A detector before any input.
    pub fn new(sample_rate_hz: u32) -> Self {
        Self {
            sample_rate_hz,
            onsets: OnsetDetector::new(sample_rate_hz),
            phrase: None,
            start_is_due: false,
            calls: Vec::with_capacity(MAX_TRIGGERS),
        }
    }

    /// Forgets the input.
    pub fn restart(&mut self) {
        self.onsets.reset();
        self.phrase = None;
        self.start_is_due = false;
    }

    /// True while a phrase is being played.
    pub fn is_within_phrase(&self, now: i64) -> bool {
        self.phrase.is_some_and(|phrase| phrase.end == now)
    }

    /// The triggers of the newest quantum of the history.
    ///
    /// # Realtime safety
    /// Does not allocate.
    pub fn hear(&mut self, quantum: &InQuantum, history: &History) -> &[Call] {
        let now = history.end();
        let values = &quantum.values;
        self.calls.clear();
        let on = |id| values.get(id) >= 0.5;
        let call = |note| Call { note, ..Call::now(now) };
        self.follow_phrase(now, values, history);
        let mut onset = false;
        if on(ParamId::OnsetTrigger) {
            let middle = std::array::from_fn(|i| 0.5 * (quantum.audio[0][i] + quantum.audio[1][i]));
            onset = self.onsets.push(&middle, values.get(ParamId::Sensitivity) / 100.0).is_some();
        }
        if !quantum.armed {
            self.phrase = None;
            return &[];
        }
        if quantum.gestures.continued || onset {
            self.calls.push(call(None));
        }
        self.start_is_due |= quantum.gestures.song_started && on(ParamId::StartTrigger);
        let least = (MIN_SEED_SECONDS * f64::from(self.sample_rate_hz)) as i64;
        if self.start_is_due && self.is_within_phrase(now) && history.heard_samples() >= least {
            self.start_is_due = false;
            self.calls.push(call(None));
        }
        if on(ParamId::MidiTrigger) {
            let notes = &quantum.gestures.notes[..quantum.gestures.note_count];
            self.calls.extend(notes.iter().map(|&note| call(Some(note))));
        }
        if on(ParamId::Answer)
            && let Some(Phrase { start, end }) = self.phrase.filter(|phrase| phrase.end == now - GRID)
            && end - start >= self.in_samples(MIN_PHRASE_SECONDS)
        {
            let wait = self.in_samples(f64::from(values.get(ParamId::AnswerAfter)));
            let most_seed = (end - start).max(least);
            self.calls.push(Call { seed_end: end, most_seed, not_before: end + wait, is_answer: true, note: None });
        }
        &self.calls
    }

    fn follow_phrase(&mut self, now: i64, values: &ParamValues, history: &History) {
        let sounds = history.rms(now, self.in_samples(LEVEL_SECONDS)) >= db_to_gain(values.get(ParamId::Gate));
        let pause = self.in_samples(f64::from(values.get(ParamId::AnswerAfter)));
        match &mut self.phrase {
            Some(phrase) if sounds && now - phrase.end <= pause => phrase.end = now,
            _ if sounds => self.phrase = Some(Phrase { start: now - GRID, end: now }),
            _ => {}
        }
    }

    fn in_samples(&self, seconds: f64) -> i64 {
        (seconds * f64::from(self.sample_rate_hz)).round() as i64
    }
}
