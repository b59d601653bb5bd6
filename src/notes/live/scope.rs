//! What a window shows of an instance of notes, and what is played in it: keys, and phrases from files. The audio thread's side is lock-free,
//! and nothing is written until somebody has looked for the first time.

use super::hearing::Heard;
use crate::{
    engine::stream::{Stream, join, split},
    model::{KEYS, MAX_CODES},
};
use std::sync::{
    Mutex, OnceLock, PoisonError,
    atomic::{
        AtomicBool, AtomicU32,
        Ordering::{AcqRel, Relaxed, Release},
    },
};

/// Columns of a phrase that is brought, at most; of more the last ones. The worker hears them at once.
pub const MAX_BROUGHT: usize = 256;
/// Steps that are kept for a reader: more than go by from picture to picture, but at tempi that are none.
const STEPS: usize = 512;
/// Words of a set of the 88 keys.
const SET: usize = 3;
/// Words of the probabilities, a byte each.
const BYTES: usize = KEYS / 4;
/// Words of a code: the slot of its model, how many numbers it has, and those.
const CODE: usize = 2 + MAX_CODES;
/// Codes that are kept: the last one counts.
const CODES: usize = 4;
/// Words of a report.
const WORDS: usize = 6 + 4 * SET + BYTES;

/// A step that has gone by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// Its number in the song.
    pub step: i64,
    /// It follows the step before although its number does not: a bar begins a measure.
    pub is_recounted: bool,
    /// The player's keys, bit 0 the lowest of the 88: those that are held, and of them those that are struck.
    pub heard: [u128; 2],
    /// The same of ours.
    pub said: [u128; 2],
    /// How likely each key was, 255 is certain; all 0 where nothing was predicted.
    pub probabilities: [u8; KEYS],
    /// Something plays.
    pub speaks: bool,
    /// A continuation begins with it.
    pub begins: bool,
    /// Something should play, and its prediction came too late.
    pub is_late: bool,
    /// Steps until what plays ends, after this one; none where that is not known.
    pub left: Option<u32>,
    /// Steps of a quarter note.
    pub steps_per_beat: f32,
    /// How long a step is.
    pub seconds: f32,
}

/// See the module.
#[derive(Debug, Default)]
pub struct NoteScope {
    /// Made when somebody looks for the first time.
    steps: OnceLock<Stream<WORDS>>,
    /// Keys that are pressed in a window.
    pressed: [AtomicU32; SET],
    /// The code that plays; made likewise.
    codes: OnceLock<Stream<CODE>>,
    /// Keys that are down at the end of the last block: the player's and ours.
    sounding: [[AtomicU32; SET]; 2],
    /// Columns that were brought. They stay until others are: the worker frees nothing.
    brought: Mutex<Vec<[u128; 2]>>,
    has_brought: AtomicBool,
}

fn words(keys: u128) -> [u32; SET] {
    [keys as u32, (keys >> 32) as u32, (keys >> 64) as u32]
}

fn keys([low, middle, high]: [u32; SET]) -> u128 {
    u128::from(low) | u128::from(middle) << 32 | u128::from(high) << 64
}

impl NoteScope {
    /// Somebody looks, from now on. Allocates 80 KiB the first time: not for the audio thread.
    pub fn watch(&self) {
        self.steps.get_or_init(|| Stream::new(STEPS));
        self.codes.get_or_init(|| Stream::new(CODES));
    }

    /// Gives `each` the steps since number `from`; returns the number to go on from. [`Self::end`] is the first that makes sense.
    pub fn read(&self, from: u64, mut each: impl FnMut(StepReport)) -> u64 {
        let Some(steps) = self.steps.get() else { return from };
        steps.read(from, |words| each(StepReport::of(words))).0
    }

    /// The end of what has been written so far: who begins to look there sees nothing old.
    pub fn end(&self) -> u64 {
        self.steps.get().map_or(0, Stream::written)
    }

    /// Presses these keys, bit 0 the lowest of the 88, and lets go all others.
    ///
    /// They are played with the next block, on MIDI channel 1, as if they came from a keyboard.
    pub fn press(&self, pressed: u128) {
        self.pressed.iter().zip(words(pressed)).for_each(|(slot, word)| slot.store(word, Relaxed));
    }

    /// The keys that are pressed in a window.
    ///
    /// # Realtime safety
    /// Atomic loads.
    pub fn pressed(&self) -> u128 {
        keys(self.pressed.each_ref().map(|slot| slot.load(Relaxed)))
    }

    /// The code that plays, or has played last, of the model in this slot; nothing where that is another one, or has no codes.
    pub fn code(&self, slot: u8) -> Vec<f32> {
        let mut last = None;
        if let Some(codes) = self.codes.get() {
            codes.read(codes.written().saturating_sub(1), |words| last = Some(words));
        }
        let numbers =
            |words: [u32; CODE]| words[2..].iter().take(words[1] as usize).map(|&x| f32::from_bits(x)).collect();
        last.filter(|words| words[0] == u32::from(slot)).map(numbers).unwrap_or_default()
    }

    /// The keys that were down at the end of the last block, bit 0 the lowest of the 88: the player's, and ours.
    pub fn sounding(&self) -> [u128; 2] {
        self.sounding.each_ref().map(|set| keys(set.each_ref().map(|slot| slot.load(Relaxed))))
    }

    /// For the audio thread: the keys that are down.
    ///
    /// # Realtime safety
    /// Wait-free.
    pub(super) fn put_sounding(&self, sounding: [u128; 2]) {
        for (set, keys) in self.sounding.iter().zip(sounding) {
            set.iter().zip(words(keys)).for_each(|(slot, word)| slot.store(word, Relaxed));
        }
    }

    /// Brings a phrase, as columns of keys that are held and of them struck: with the next step it is what was heard last, nothing was
    /// before it, and it is continued. An autoencoder's segments begin with its first column.
    pub fn bring(&self, columns: Vec<[u128; 2]>) {
        *self.brought.lock().unwrap_or_else(PoisonError::into_inner) = columns;
        self.has_brought.store(true, Release);
    }

    /// For the audio thread: whether a phrase was brought, once.
    ///
    /// # Realtime safety
    /// Wait-free.
    pub(super) fn is_brought(&self) -> bool {
        self.has_brought.load(Relaxed) && self.has_brought.swap(false, AcqRel)
    }

    /// For the worker: writes what was brought last to `columns`, which have room for [`MAX_BROUGHT`].
    pub(super) fn copy_brought(&self, columns: &mut Vec<[u128; 2]>) {
        let brought = self.brought.lock().unwrap_or_else(PoisonError::into_inner);
        columns.clear();
        columns.extend_from_slice(&brought[brought.len().saturating_sub(MAX_BROUGHT)..]);
    }

    /// For the worker.
    pub(super) fn put_code(&self, slot: u8, code: &[f32]) {
        if let Some(codes) = self.codes.get() {
            let mut words = [0; CODE];
            (words[0], words[1]) = (slot.into(), code.len().min(MAX_CODES) as u32);
            words[2..].iter_mut().zip(code).for_each(|(word, number)| *word = number.to_bits());
            codes.push(words);
        }
    }

    /// True once somebody has looked.
    ///
    /// # Realtime safety
    /// One atomic load.
    pub(super) fn is_watched(&self) -> bool {
        self.steps.get().is_some()
    }

    /// For the audio thread.
    ///
    /// # Realtime safety
    /// Wait-free.
    pub(super) fn put(&self, report: &StepReport) {
        if let Some(steps) = self.steps.get() {
            steps.push(report.words());
        }
    }
}

impl StepReport {
    fn words(&self) -> [u32; WORDS] {
        let mut all = [0; WORDS];
        [all[0], all[1]] = split(self.step);
        all[2] = u32::from(self.speaks)
            | u32::from(self.begins) << 1
            | u32::from(self.is_late) << 2
            | u32::from(self.is_recounted) << 3;
        all[3] = self.left.map_or(0, |left| left.saturating_add(1));
        all[4] = self.steps_per_beat.to_bits();
        all[5] = self.seconds.to_bits();
        let sets = self.heard.iter().chain(&self.said).flat_map(|&set| words(set));
        let bytes =
            self.probabilities.chunks_exact(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]));
        all[6..].iter_mut().zip(sets.chain(bytes)).for_each(|(slot, word)| *slot = word);
        all
    }

    fn of(all: [u32; WORDS]) -> Self {
        let set = |index: usize| keys(std::array::from_fn(|word| all[6 + SET * index + word]));
        let mut probabilities = [0; KEYS];
        for (four, word) in probabilities.chunks_exact_mut(4).zip(&all[6 + 4 * SET..]) {
            four.copy_from_slice(&word.to_le_bytes());
        }
        Self {
            step: join(all[0], all[1]),
            heard: [set(0), set(1)],
            said: [set(2), set(3)],
            probabilities,
            speaks: all[2] & 1 != 0,
            begins: all[2] & 2 != 0,
            is_late: all[2] & 4 != 0,
            is_recounted: all[2] & 8 != 0,
            left: all[3].checked_sub(1),
            steps_per_beat: f32::from_bits(all[4]),
            seconds: f32::from_bits(all[5]),
        }
    }
}

impl Heard {
    /// As a report has it.
    pub(super) fn sets(self) -> [u128; 2] {
        [self.held, self.strokes]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_sees_what_was_written_after_it_began_to_look() {
        let scope = NoteScope::default();
        let report = StepReport {
            step: -(1 << 40) - 7,
            is_recounted: false,
            heard: [1 << 87 | 1 << 33, 1 << 33],
            said: [1 | 1 << 64, 1],
            probabilities: std::array::from_fn(|key| 2 * key as u8),
            speaks: true,
            begins: false,
            is_late: true,
            left: Some(0),
            steps_per_beat: 4.0,
            seconds: 0.125,
        };
        scope.put(&report);
        assert!(!scope.is_watched());
        scope.watch();
        let other =
            StepReport { is_recounted: true, speaks: false, begins: true, is_late: false, left: None, ..report };
        scope.put(&report);
        scope.put(&other);
        let mut seen = Vec::new();
        assert_eq!(scope.read(0, |report| seen.push(report)), 2);
        assert_eq!(seen, [report, other]);
        assert_eq!((scope.read(2, |_| panic!("nothing is new")), scope.end()), (2, 2));
        scope.press(1 << 87 | 1 << 40 | 1);
        assert_eq!(scope.pressed(), 1 << 87 | 1 << 40 | 1);
        scope.put_code(3, &[0.5, -0.25]);
        assert_eq!((scope.code(3), scope.code(4)), (vec![0.5, -0.25], vec![]));
        scope.bring(vec![[1, 1]]);
        scope.bring(vec![[2, 2]]);
        assert!(scope.is_brought() && !scope.is_brought());
        let mut columns = vec![[9, 9]];
        scope.copy_brought(&mut columns);
        assert_eq!(columns, [[2, 2]]);
        scope.bring((0..300).map(|step| [step, 0]).collect());
        scope.copy_brought(&mut columns);
        assert_eq!((columns.len(), columns[0], columns[255]), (MAX_BROUGHT, [44, 0], [299, 0]));
    }
}
