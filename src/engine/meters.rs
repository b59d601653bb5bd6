//! Counters and states of an engine, to be read from any thread: all atomic, no lock.

use super::scope::Scope;
use std::sync::atomic::{
    AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

/// Maximum number of seeds that are recorded.
pub const MAX_SEED_MARKS: usize = 1024;

/// The span that seeded a continuation, in samples of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeedMark {
    /// Where the continuation begins.
    pub begins: i64,
    /// First sample of its seed.
    pub start: i64,
    /// One past the last.
    pub end: i64,
}

/// The first seeds, written once each: by the worker alone, read by any thread.
#[derive(Debug)]
struct SeedMarks {
    /// Begin, start and end.
    marks: Box<[[AtomicI64; 3]]>,
    /// How many are written.
    count: AtomicUsize,
}

impl Default for SeedMarks {
    fn default() -> Self {
        let marks = (0..MAX_SEED_MARKS).map(|_| Default::default()).collect();
        Self { marks, count: AtomicUsize::new(0) }
    }
}

impl SeedMarks {
    fn push(&self, mark: SeedMark) {
        let count = self.count.load(Relaxed);
        if let Some(place) = self.marks.get(count) {
            for (slot, value) in place.iter().zip([mark.begins, mark.start, mark.end]) {
                slot.store(value, Relaxed);
            }
            // Whoever sees the count sees the marks below it.
            self.count.store(count + 1, Release);
        }
    }

    fn read(&self) -> Vec<SeedMark> {
        let written = &self.marks[..self.count.load(Acquire)];
        let read = |place: &[AtomicI64; 3]| place.each_ref().map(|slot| slot.load(Relaxed));
        written.iter().map(read).map(|[begins, start, end]| SeedMark { begins, start, end }).collect()
    }
}

/// Counters since the engine was made. Writing one is a relaxed atomic operation.
#[derive(Debug, Default)]
pub struct Meters {
    underruns: AtomicU64,
    late_starts: AtomicU64,
    late_switches: AtomicU64,
    nonfinite_inputs: AtomicU64,
    wet_failures: AtomicU64,
    continuations: AtomicU64,
    loops: AtomicU64,
    feedbacks: AtomicU64,
    waits: AtomicU64,
    missed_triggers: AtomicU64,
    take_gaps: AtomicU64,
    seed_clipped_ms: AtomicU32,
    seeds: SeedMarks,
    failed: AtomicBool,
    sounding: AtomicBool,
    /// Bits of an f32.
    load: AtomicU32,
    /// What is to be drawn.
    scope: Scope,
}

macro_rules! counter {
    ($field:ident, $add:ident, $doc:literal) => {
        #[doc = $doc]
        pub fn $field(&self) -> u64 {
            self.$field.load(Relaxed)
        }

        pub(crate) fn $add(&self) {
            self.$field.fetch_add(1, Relaxed);
        }
    };
}

impl Meters {
    counter!(underruns, count_underrun, "Times the prediction was not there in time and the wet was faded out.");
    counter!(late_starts, count_late_start, "Times the worker was over 250 ms late and began afresh.");
    counter!(late_switches, count_late_switch, "Model switches whose model was not loaded in time.");
    counter!(nonfinite_inputs, count_nonfinite_input, "Input samples that were NaN or infinite, heard as 0.");
    counter!(wet_failures, count_wet_failure, "Times a network produced NaN or infinity and was reset.");
    counter!(continuations, count_continuation, "Continuations that have begun.");
    counter!(loops, count_loop, "Loops that have begun.");
    counter!(feedbacks, count_feedback, "Times the input contained what was played, and the wet stepped back.");
    counter!(waits, count_wait, "Times the audio thread waited for the worker.");

    counter!(missed_triggers, count_missed_trigger, "Continuations asked for while too many others were on their way.");
    counter!(
        take_gaps,
        count_take_gap,
        "Times sound was lost to *Save Take*: its disk had been busy for over four seconds."
    );

    /// How much the last seed was shortened because its warm-up would exceed 2 s; 0 if it was not.
    pub fn seed_clipped_ms(&self) -> u32 {
        self.seed_clipped_ms.load(Relaxed)
    }

    pub(crate) fn set_seed_clipped_ms(&self, value: u32) {
        self.seed_clipped_ms.store(value, Relaxed);
    }

    /// What is to be drawn, while somebody looks.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Seeds of the first [`MAX_SEED_MARKS`] continuations, in their order. Allocates: not for the audio thread.
    pub fn seeds(&self) -> Vec<SeedMark> {
        self.seeds.read()
    }

    /// Notes a seed while there is room. For the worker, the only one that writes.
    pub(crate) fn note_seed(&self, mark: SeedMark) {
        self.seeds.push(mark);
    }

    /// True after the worker has died, and from when a wait for it has timed out (10 s) until it answers again.
    pub fn is_failed(&self) -> bool {
        self.failed.load(Relaxed)
    }

    pub(crate) fn set_failed(&self, failed: bool) {
        self.failed.store(failed, Relaxed);
    }

    /// True while a continuation sounds or is being warmed up.
    pub fn is_sounding(&self) -> bool {
        self.sounding.load(Relaxed)
    }

    pub(crate) fn set_sounding(&self, sounding: bool) {
        self.sounding.store(sounding, Relaxed);
    }

    /// The worker's compute seconds per second of sound, smoothed over about a second.
    pub fn load(&self) -> f32 {
        f32::from_bits(self.load.load(Relaxed))
    }

    pub(crate) fn set_load(&self, load: f32) {
        self.load.store(load.to_bits(), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_read_whole_while_they_are_written_and_no_more_than_there_is_room_for() {
        let meters = Meters::default();
        let mark = |i: i64| SeedMark { begins: i, start: 2 * i, end: 3 * i };
        std::thread::scope(|scope| {
            scope.spawn(|| (0..MAX_SEED_MARKS as i64 + 5).for_each(|i| meters.note_seed(mark(i))));
            for _ in 0..if cfg!(miri) { 10 } else { 1000 } {
                let seen = meters.seeds();
                assert!(seen.iter().zip(0..).all(|(&seen, i)| seen == mark(i)));
            }
        });
        assert_eq!(meters.seeds().len(), MAX_SEED_MARKS);
    }
}
