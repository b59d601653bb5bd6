//! Where the song is: its beats, its bars, the numbers of its steps, and what begins anew where it is elsewhere.

use super::{Moment, NoteEngine, Phrase, clock_mode};
use crate::{
    control::notes::{Align, BEATS_PER_MEASURE, NoteParam, Run},
    engine::{Beats, SampleClock},
    model::RollRepeats,
    notes::live::lattice::{Course, MAX_BEATS},
};

impl NoteEngine {
    /// Follows the song, or the tempo of one's own.
    pub(super) fn follow(&mut self, beats: Option<Beats>) -> Course {
        self.is_alone = beats.is_none();
        let (position, per_minute) = match beats {
            Some(beats) => (beats.position - self.origin, beats.per_minute),
            None => {
                let per_minute = f64::from(self.values.get(NoteParam::FreeTempo));
                let since_zero = self.now as f64 * per_minute / (60.0 * f64::from(self.sample_rate_hz));
                let known = self.lattice.is_known();
                let position = if known { self.lattice.beats_at(self.now) } else { since_zero % MAX_BEATS };
                (position, per_minute)
            }
        };
        self.lattice.follow(self.now, position, per_minute)
    }

    /// True where steps go by: the song runs, or nobody asks for it, and there is something to play.
    pub(super) fn may_run(&self) -> bool {
        (Run::of(&self.values) == Run::Free || self.transport.playing) && self.model().is_some()
    }

    /// Where the bar around a place begins, if measures follow bars. A place that is a little before a bar is in it: hosts round.
    fn bar_start(&self, beats: Beats, position: f64) -> Option<f64> {
        let bar = beats.bar.filter(|_| Align::of(&self.values) == Align::Bars)?;
        bar.start_at(position + 0.5 / self.steps_per_beat()).filter(|start| start.abs() <= MAX_BEATS)
    }

    /// A bar begins a measure: where the next step lies in its bar otherwise than in its measure, it is counted anew, forward. What is
    /// left of the measure before is skipped, and counts as gone by: an answer of four measures is one of four bars.
    pub(super) fn follow_bars(&mut self) {
        let Some(beats) = self.beats() else { return };
        let steps_per_beat = self.steps_per_beat();
        let position = self.origin + self.step as f64 / steps_per_beat;
        let Some(start) = self.bar_start(beats, position) else { return };
        let of_bar = ((position - start) * steps_per_beat).round() as i64;
        let by = (of_bar - self.step).rem_euclid((BEATS_PER_MEASURE * steps_per_beat) as i64);
        if by > 0 {
            self.origin -= by as f64 / steps_per_beat;
            self.lattice.renumber(by as f64 / steps_per_beat);
            self.recount(by);
            self.is_recounted = true;
        }
    }

    /// The song's beats at the present sample, if they are told and followed.
    pub(super) fn beats(&self) -> Option<Beats> {
        let is_followed = self.transport.playing && Run::of(&self.values) == Run::Transport;
        // By a place or a tempo that is none time would stand still.
        let is_place = |beats: &Beats| beats.position.abs() <= MAX_BEATS && beats.per_minute.is_finite();
        let beats = self.transport.beats.filter(|beats| is_followed && is_place(beats) && beats.per_minute > 0.0)?;
        let since = (self.now - self.block_time) as f64 * beats.per_minute / (60.0 * f64::from(self.sample_rate_hz));
        Some(Beats { position: beats.position + since, ..beats })
    }

    /// Counts measures from where *Align* says, from here on. Only the part of a measure by which bars lie beside those of the
    /// song's beginning matters, so that steps have the same numbers wherever a song of four beats a bar is entered.
    pub(super) fn align(&mut self, beats: Option<Beats>) {
        let bar = beats.and_then(|beats| self.bar_start(beats, beats.position));
        let origin = match bar.map_or(0.0, |bar| bar.rem_euclid(BEATS_PER_MEASURE)) {
            // What is a whole measure but for rounding.
            origin if BEATS_PER_MEASURE - origin < 1e-6 => 0.0,
            origin => origin,
        };
        if std::mem::replace(&mut self.origin, origin) != origin && beats.is_some() {
            self.lattice.forget();
            self.follow(beats);
        }
    }

    /// Begins anew at the present sample, which may lie within a block, where steps go by.
    pub(super) fn begin_here(&mut self) {
        self.runs = self.may_run();
        if self.runs {
            let beats = self.beats();
            self.align(beats);
            self.follow(beats);
            self.begin_anew();
        } else {
            // What was asked for is not wanted any more. A worker that has failed waits for this before it looks for another model.
            self.epoch = self.epoch.wrapping_add(1);
            self.link.shared.set_now(self.epoch, 0);
        }
    }

    /// *Run* has changed: from the present sample on time is counted otherwise. By one's own tempo the first step is there.
    pub(super) fn change_clock(&mut self) {
        let offset = self.now - self.block_time;
        self.clock = SampleClock::new(clock_mode(&self.values));
        self.clock.follow(self.transport);
        self.block_time = self.clock.time();
        self.now = self.block_time + offset;
        self.lattice.forget();
        if Run::of(&self.values) == Run::Free {
            self.lattice.follow(self.now, 0.0, f64::from(self.values.get(NoteParam::FreeTempo)));
        }
        self.begin_here();
    }

    /// Nothing was heard, nothing plays; the next step is the first one.
    pub(super) fn begin_anew(&mut self) {
        self.silence();
        self.is_lost = false;
        self.epoch = self.epoch.wrapping_add(1);
        self.link.shared.set_now(self.epoch, 0);
        self.meters().set_failed(self.link.shared.is_dead());
        self.number = 0;
        self.step = self.lattice.first_step_from(self.now);
        self.moment = Moment::Close;
        let leaves_gaps = self.model().is_some_and(|model| model.repeats == RollRepeats::Gap);
        self.hearing.begin(self.step, leaves_gaps);
        self.phrase = Phrase::default();
        self.is_continued = false;
        // Nothing has been played that could be stored.
        self.is_stored = false;
    }

    /// The song is elsewhere, or its steps are others: what is known goes on from there.
    pub(super) fn count_anew(&mut self) {
        let by = self.lattice.first_step_from(self.now) - self.step;
        self.recount(by);
        if let Some(speech) = &mut self.speech {
            speech.start = speech.start.saturating_add(by);
        }
        self.is_recounted = false;
        // What was drawn had ended notes that are no more; its prediction is still there.
        if self.moment == Moment::Play {
            self.moment = Moment::Draw;
        }
    }

    /// The next step has a number that is this much larger, and with it all that is measured from it.
    fn recount(&mut self, by: i64) {
        self.step += by;
        self.hearing.recount(by);
        self.shape.recount(by);
        self.phrase.last = self.phrase.last.saturating_add(by);
    }
}
