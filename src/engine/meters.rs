//! What can be read of an engine from any thread: counters and states, all atomic.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
};

/// So many seeds are noted.
pub const MAX_SEED_MARKS: usize = 1024;

/// What seeded a continuation, in samples of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeedMark {
    /// Where the continuation begins.
    pub begins: i64,
    /// First sample of its seed.
    pub start: i64,
    /// One past the last.
    pub end: i64,
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
    keep_gaps: AtomicU64,
    seed_clipped_ms: AtomicU32,
    /// Of the first continuations. Only the worker and who reads it after the end take this lock.
    seeds: Mutex<Vec<SeedMark>>,
    failed: AtomicBool,
    sounding: AtomicBool,
    /// Bits of an f32.
    load: AtomicU32,
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
        keep_gaps,
        count_keep_gap,
        "Times sound was lost to *Save Take*: its disk had been busy for over four seconds."
    );

    /// By how much the last seed was shortened because it could not be run in 2 s; 0 if it was not.
    pub fn seed_clipped_ms(&self) -> u32 {
        self.seed_clipped_ms.load(Relaxed)
    }

    pub(crate) fn set_seed_clipped_ms(&self, value: u32) {
        self.seed_clipped_ms.store(value, Relaxed);
    }

    /// Seeds of the first [`MAX_SEED_MARKS`] continuations, in their order. Not for the audio thread.
    pub fn seeds(&self) -> Vec<SeedMark> {
        self.seeds.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes a seed while there is room. For the worker.
    pub(crate) fn note_seed(&self, mark: SeedMark) {
        let mut seeds = self.seeds.lock().unwrap_or_else(PoisonError::into_inner);
        if seeds.len() < seeds.capacity() {
            seeds.push(mark);
        }
    }

    /// Makes room for seeds to be noted.
    pub(crate) fn make_room(&self) {
        self.seeds.lock().unwrap_or_else(PoisonError::into_inner).reserve_exact(MAX_SEED_MARKS);
    }

    /// True after the worker died or was waited for in vain for 10 s.
    pub fn is_failed(&self) -> bool {
        self.failed.load(Relaxed)
    }

    pub(crate) fn mark_failed(&self) {
        self.failed.store(true, Relaxed);
    }

    /// True while a continuation sounds or is on its way.
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
