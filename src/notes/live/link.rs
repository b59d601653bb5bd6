//! What travels between the audio thread and the worker: a column each step there, the probabilities of the next one back.

use super::{hearing::Heard, scope::NoteScope, shape::MAX_COLUMN};
use crate::{
    control::notes::{Axes, Base},
    engine::link::{Linked, Shared},
    model::MAX_CODES,
};
use rtrb::{Consumer, Producer, RingBuffer};
use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

/// Columns on their way, at most: seconds at any tempo.
const COLUMNS: usize = 64;

/// From where a continuation begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// What plays goes on, or nothing plays.
    No,
    /// After the last column in which a key was held.
    AfterPhrase,
    /// After this column.
    Now,
}

/// A step's column, once it is closed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Column {
    pub epoch: u32,
    /// The number of its prediction in the epoch.
    pub number: u64,
    pub slot: u8,
    /// Its step of the song.
    pub step: i64,
    /// The step after it: where a bar begins it may have a larger number than the next.
    pub next: i64,
    /// It is heard; else the song stands, and it only brings what is to be done.
    pub hears: bool,
    /// What the player made.
    pub heard: Heard,
    /// What the network played.
    pub said: Heard,
    /// Of that, a key that it did not say.
    pub stirred: u128,
    pub begin: Begin,
    /// Something plays: a prediction is wanted.
    pub speaks: bool,
    /// It hears the player while it plays.
    pub alongside: bool,
    /// It hears its probabilities in place of what it played.
    pub raw: bool,
    /// Continuations go on from what it has played, too.
    pub hears_itself: bool,
    /// It goes on from so many columns; 0: from all.
    pub seed: usize,
    /// How much it stays in the key of these, 0 to 1, and the pitch classes that may sound.
    pub stays: f32,
    pub scale: u16,
    /// Where a model with a code goes from there.
    pub sliders: Sliders,
    /// Before it, a phrase was brought: what was heard before does not count.
    pub brings: bool,
    /// Its code is to be stored; all stored codes are to be forgotten.
    pub stores: bool,
    pub clears: bool,
}

/// Where in the space of codes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sliders {
    pub base: Base,
    pub axes: Axes,
    /// −1 to 1.
    pub values: [f32; MAX_CODES],
    /// The part of the way along the stored codes, 0 to 1.
    pub morph: f32,
    /// Steps in which it goes around them; 0: it stays where it is.
    pub journey: i64,
}

/// How likely each key is in the step after a column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Odds {
    pub epoch: u32,
    /// That of the column.
    pub number: u64,
    /// The first `width`: keys, and where the model has them strokes.
    pub probabilities: [f32; MAX_COLUMN],
    pub width: usize,
}

/// The audio thread's end.
#[derive(Debug)]
pub(super) struct AudioEnd {
    pub shared: Arc<Shared>,
    pub scope: Arc<NoteScope>,
    wanted: Arc<AtomicU8>,
    to_worker: Producer<Column>,
    from_worker: Consumer<Odds>,
}

/// The worker's end.
#[derive(Debug)]
pub(super) struct WorkerEnd {
    pub shared: Arc<Shared>,
    pub scope: Arc<NoteScope>,
    wanted: Arc<AtomicU8>,
    pub from_audio: Consumer<Column>,
    pub to_audio: Producer<Odds>,
}

pub(super) fn link() -> (AudioEnd, WorkerEnd) {
    let (to_worker, from_audio) = RingBuffer::new(COLUMNS);
    // Predictions of a past epoch may still lie there.
    let (to_audio, from_worker) = RingBuffer::new(2 * COLUMNS);
    let shared = Arc::new(Shared::default());
    let scope = Arc::new(NoteScope::default());
    let wanted = Arc::<AtomicU8>::default();
    let audio = AudioEnd {
        shared: Arc::clone(&shared),
        scope: Arc::clone(&scope),
        wanted: Arc::clone(&wanted),
        to_worker,
        from_worker,
    };
    (audio, WorkerEnd { shared, scope, wanted, from_audio, to_audio })
}

impl WorkerEnd {
    /// The slot whose model is to be there.
    pub fn wanted(&self) -> u8 {
        self.wanted.load(Ordering::Relaxed)
    }
}

impl Linked for AudioEnd {
    fn shared(&self) -> &Shared {
        &self.shared
    }
}

impl AudioEnd {
    /// Says whose model is to be there.
    ///
    /// # Realtime safety
    /// Wait-free.
    pub fn want(&self, slot: u8) {
        self.wanted.store(slot, Ordering::Relaxed);
    }

    /// Sends a column; false if the worker is so late that there is no room.
    ///
    /// # Realtime safety
    /// Wait-free.
    pub fn send(&mut self, column: Column) -> bool {
        self.to_worker.push(column).is_ok()
    }

    /// True if a column can be sent.
    pub fn has_room(&self) -> bool {
        !self.to_worker.is_full()
    }

    /// Drops what is older than a prediction; true if that one is there.
    pub fn is_ready(&mut self, epoch: u32, number: u64) -> bool {
        while let Ok(odds) = self.from_worker.peek() {
            if odds.epoch == epoch && odds.number >= number {
                return odds.number == number;
            }
            let _ = self.from_worker.pop();
        }
        false
    }

    /// Takes a prediction, if it is there.
    pub fn take(&mut self, epoch: u32, number: u64) -> Option<Odds> {
        if self.is_ready(epoch, number) { self.from_worker.pop().ok() } else { None }
    }
}
