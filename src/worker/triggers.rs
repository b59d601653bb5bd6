//! Triggers: everything that asks for a continuation. A new one is a variant of [`Trigger`], its condition here, and the row
//! of its parameter.

use super::{
    history::History,
    schedule::{CeilGrid, MIN_SEED_SECONDS},
};
use crate::{
    control::{ParamId, ParamValues, values::MIN_INTERVAL_SECONDS},
    dsp::{level::db_to_gain, onset::OnsetDetector},
    engine::{
        GRID_SAMPLES,
        quantum::{InQuantum, MAX_NOTES, Note, QuantumBeats},
    },
};

const GRID: i64 = GRID_SAMPLES as i64;
/// Span of the level that is compared with the gate: a period of the lowest notes.
const LEVEL_SECONDS: f64 = 0.02;
/// Minimum length of a phrase.
const MIN_PHRASE_SECONDS: f64 = 0.06;
/// Requests of a quantum, at most: the notes and one of each other kind that cannot be foreseen.
pub(super) const MAX_REQUESTS: usize = MAX_NOTES + 4;
/// Beats are sums of rounded numbers: two places that differ by less are the same.
const BEAT_TOLERANCE: f64 = 1e-4;

/// What asks for a continuation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Trigger {
    /// *Continue* went on.
    Continue,
    /// An attack (*Onset Trigger*).
    Onset,
    /// The song has started (*Start Trigger*).
    SongStart,
    /// A note-on (*MIDI Trigger*).
    Note(Note),
    /// A phrase has ended (*Answer*): sound that goes on withdraws the request until *Answer After* has passed.
    Answer,
    /// Enough has been heard while nothing plays (*Auto Start*).
    AutoStart,
    /// A multiple of *Re-seed Interval* on the clock.
    Interval,
    /// A multiple of *Re-seed Beats* in the song.
    Beats,
}

/// A continuation that a trigger asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Request {
    /// Which.
    pub trigger: Trigger,
    /// Engine time at which its seed ends.
    pub seed_end: i64,
    /// The seed's length is at most this many samples.
    pub max_seed: i64,
    /// It begins no sooner than a reaction time after this engine time.
    pub not_before: i64,
}

impl Request {
    /// A request without limits, whose seed ends at `seed_end`.
    pub fn at(trigger: Trigger, seed_end: i64) -> Self {
        Self { trigger, seed_end, max_seed: i64::MAX, not_before: seed_end }
    }

    /// The note that asks, if one does.
    pub fn note(&self) -> Option<Note> {
        match self.trigger {
            Trigger::Note(note) => Some(note),
            _ => None,
        }
    }
}

/// A request that is known ahead: its warm-up follows the input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Planned {
    /// Which: [`Trigger::Interval`] or [`Trigger::Beats`].
    pub trigger: Trigger,
    /// Samples until its seed ends, whole quanta.
    pub wait: i64,
    /// Samples from one to the next.
    pub interval: i64,
}

#[derive(Clone, Copy, Debug)]
struct Phrase {
    start: i64,
    /// One past the last quantum that was above the gate.
    end: i64,
}

/// Finds the triggers that are due, quantum by quantum.
#[derive(Debug)]
pub(super) struct TriggerDetector {
    sample_rate_hz: u32,
    onsets: OnsetDetector,
    phrase: Option<Phrase>,
    start_is_due: bool,
    /// Since when sound above the gate has been heard while nothing plays.
    sound_since: Option<i64>,
    /// The worker fell behind: the next continuation needs no waiting for *Seed Length*.
    is_behind: bool,
    requests: Vec<Request>,
}

impl TriggerDetector {
    /// A detector before any input.
    pub fn new(sample_rate_hz: u32) -> Self {
        Self {
            sample_rate_hz,
            onsets: OnsetDetector::new(sample_rate_hz),
            phrase: None,
            start_is_due: false,
            sound_since: None,
            is_behind: false,
            requests: Vec::with_capacity(MAX_REQUESTS),
        }
    }

    /// Forgets the input.
    pub fn restart(&mut self) {
        self.onsets.reset();
        self.phrase = None;
        self.start_is_due = false;
        self.sound_since = None;
        self.is_behind = false;
    }

    /// True while a phrase is being played.
    pub fn is_within_phrase(&self, now: i64) -> bool {
        self.phrase.is_some_and(|phrase| phrase.end == now)
    }

    /// Sound above the gate from engine time `from` on.
    pub fn note_sound(&mut self, from: i64) {
        self.sound_since.get_or_insert(from);
    }

    /// *Auto Start* waits anew for *Seed Length* of sound.
    pub fn forget_sound(&mut self) {
        self.sound_since = None;
    }

    /// The worker has skipped quanta and dropped what sounded, which is to go on.
    pub fn fall_behind(&mut self) {
        self.is_behind = true;
    }

    /// Something that sounded has been dropped and has not gone on yet.
    pub fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// A first continuation has been begun, or found to be of silence.
    pub fn catch_up(&mut self) {
        self.is_behind = false;
    }

    /// Requests of the quantum that ends the history, which nothing could foresee.
    ///
    /// # Realtime safety
    /// Does not allocate.
    pub fn due(&mut self, quantum: &InQuantum, history: &History) -> &[Request] {
        let now = history.end();
        let values = &quantum.values;
        self.requests.clear();
        let on = |id| values.get(id) >= 0.5;
        self.follow_phrase(now, values, history);
        let mut onset = false;
        if on(ParamId::OnsetTrigger) {
            let [left, right] = quantum.heard();
            let middle = std::array::from_fn(|i| 0.5 * (left[i] + right[i]));
            onset = self.onsets.push(&middle, values.get(ParamId::Sensitivity) / 100.0).is_some();
        }
        if !quantum.armed {
            self.phrase = None;
            return &[];
        }
        // One continuation for a gesture upon an attack.
        if quantum.gestures.continued {
            self.requests.push(Request::at(Trigger::Continue, now));
        } else if onset {
            self.requests.push(Request::at(Trigger::Onset, now));
        }
        self.start_is_due |= quantum.gestures.song_started && on(ParamId::StartTrigger);
        let min_seed = (MIN_SEED_SECONDS * f64::from(self.sample_rate_hz)) as i64;
        if self.start_is_due && self.is_within_phrase(now) && history.heard_samples() >= min_seed {
            self.start_is_due = false;
            self.requests.push(Request::at(Trigger::SongStart, now));
        }
        if on(ParamId::MidiTrigger) {
            let notes = &quantum.gestures.notes[..quantum.gestures.note_count];
            self.requests.extend(notes.iter().map(|&note| Request::at(Trigger::Note(note), now)));
        }
        if on(ParamId::Answer)
            && let Some(Phrase { start, end }) = self.phrase.filter(|phrase| phrase.end == now - GRID)
            && end - start >= self.in_samples(MIN_PHRASE_SECONDS)
        {
            let wait = self.in_samples(f64::from(values.get(ParamId::AnswerAfter)));
            let max_seed = (end - start).max(min_seed);
            self.requests.push(Request { max_seed, not_before: end + wait, ..Request::at(Trigger::Answer, end) });
        }
        &self.requests
    }

    /// True where a first continuation may begin by itself: [`Trigger::AutoStart`], or the worker has caught up.
    pub fn may_start(&self, now: i64, values: &ParamValues) -> bool {
        let wanted = self.in_samples(f64::from(values.get(ParamId::SeedLength)).max(MIN_SEED_SECONDS));
        let heard_enough = self.sound_since.is_some_and(|since| now - since >= wanted);
        self.is_behind || (heard_enough && values.get(ParamId::AutoStart) >= 0.5)
    }

    /// The next requests of the clock (`clock_end`, at the end of the quantum) and of the song.
    pub fn planned(&self, values: &ParamValues, clock_end: i64, beats: Option<QuantumBeats>) -> [Option<Planned>; 2] {
        [planned_by_time(values, clock_end, self.sample_rate_hz), planned_by_beats(values, beats)]
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

/// The next multiple of *Re-seed Interval* after clock `clock`; none if it is 0, *never*. Counted from clock 0, so that it
/// does not matter where playback began.
fn planned_by_time(values: &ParamValues, clock: i64, sample_rate_hz: u32) -> Option<Planned> {
    let seconds = values.get(ParamId::ReseedInterval);
    if seconds <= 0.0 {
        return None;
    }
    let interval = f64::from(seconds.max(MIN_INTERVAL_SECONDS)) * f64::from(sample_rate_hz);
    let count = (clock as f64 / interval).floor() + 1.0;
    let mut next = (count * interval).round() as i64;
    if next <= clock {
        next = ((count + 1.0) * interval).round() as i64;
    }
    let wait = (next - clock).div_ceil_grid();
    Some(Planned { trigger: Trigger::Interval, wait, interval: interval.round() as i64 })
}

/// The next multiple of *Re-seed Beats* in the song, from the end of a quantum.
fn planned_by_beats(values: &ParamValues, beats: Option<QuantumBeats>) -> Option<Planned> {
    let interval = f64::from(values.get(ParamId::IntervalBeats));
    let QuantumBeats { end, per_sample } = beats.filter(|_| interval > 0.0)?;
    let next = (((end + BEAT_TOLERANCE) / interval).floor() + 1.0) * interval;
    let wait = ((next - end) / per_sample - BEAT_TOLERANCE).ceil().max(1.0) as i64;
    Some(Planned { trigger: Trigger::Beats, wait: wait.div_ceil_grid(), interval: (interval / per_sample) as i64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(interval: f32) -> ParamValues {
        let mut values = ParamValues::default();
        values.set(ParamId::ReseedInterval, interval);
        values
    }

    fn next_interval(values: &ParamValues, clock: i64, sample_rate_hz: u32) -> Option<i64> {
        planned_by_time(values, clock, sample_rate_hz).map(|planned| planned.wait)
    }

    #[test]
    fn intervals_count_from_clock_zero() {
        let every_second = values(1.0);
        assert_eq!(next_interval(&every_second, 0, 48_000), Some(48_000));
        assert_eq!(next_interval(&every_second, 47_999, 48_000), Some(64));
        assert_eq!(next_interval(&every_second, 48_000, 48_000), Some(48_000));
        assert_eq!(next_interval(&every_second, -100, 48_000), Some(128), "pre-roll");
        assert_eq!(next_interval(&values(0.0), 5, 48_000), None);
        assert_eq!(next_interval(&values(0.001), 0, 48_000), Some(4800), "raised to 0.1 s");
    }

    #[test]
    fn beats_count_from_the_beginning_of_the_song_and_rounding_does_not_matter() {
        let mut values = values(0.0);
        let at = |end| Some(QuantumBeats { end, per_sample: 1.0 / 24_000.0 });
        assert_eq!(planned_by_beats(&values, at(1.0)), None, "never");
        values.set(ParamId::IntervalBeats, 4.0);
        assert_eq!(planned_by_beats(&values, None), None, "no song");
        let expected =
            |wait: i64| Some(Planned { trigger: Trigger::Beats, wait: wait.div_ceil_grid(), interval: 96_000 });
        for rounding in [-1e-9, 0.0, 1e-9] {
            assert_eq!(planned_by_beats(&values, at(3.0 + rounding)), expected(24_000));
            assert_eq!(planned_by_beats(&values, at(4.0 + rounding)), expected(96_000), "this one has begun");
            assert_eq!(planned_by_beats(&values, at(-1.0 + rounding)), expected(24_000), "pre-roll");
        }
    }
}
