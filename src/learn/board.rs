//! What an instance shows of its learning, and what it hands over to be kept: written by the threads that learn, read by any.

use super::{job::Lessons, update::Losses};
use crate::model::ModelConfig;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{
            AtomicBool, AtomicU8, AtomicU32, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};

/// Updates whose losses are held, for a curve: two minutes of them at two a second.
const CURVE: usize = 240;
/// What is of late: eight seconds of them at two a second.
const RECENT: usize = 16;

/// What learning is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum LearnState {
    /// Nothing is learnt; what was stays.
    #[default]
    Off,
    /// The model is being made ready, or has heard too little.
    Listening,
    /// Updates are made.
    Learning,
    /// Nobody plays.
    Waiting,
    /// The last update did not do good, and was taken back.
    RolledBack,
    /// Updates were taken back again and again: nothing more is learnt until all is forgotten.
    Paused,
    /// This model does not listen, and so does not learn.
    DoesNotLearn,
    /// The file of the model cannot be read, or holds another by now.
    Unreadable,
    /// The thread that learns has failed: what was learnt stays.
    Failed,
}

impl LearnState {
    const ALL: [Self; 9] = [
        Self::Off,
        Self::Listening,
        Self::Learning,
        Self::Waiting,
        Self::RolledBack,
        Self::Paused,
        Self::DoesNotLearn,
        Self::Unreadable,
        Self::Failed,
    ];
}

/// What became of an update, and what has been learnt by then.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct LearnReport {
    pub state: LearnState,
    pub heard_seconds: f64,
    /// As [`LearnBoard::distance`].
    pub distance: f64,
    /// Losses of the model as it was, and of what it has learnt.
    pub losses: [Losses; 2],
    /// Of the weights.
    pub hash: u64,
    /// As [`LearnBoard::is_reminded`].
    pub is_reminded: bool,
}

impl LearnReport {
    /// A number of weights that others hardly have (FNV-1a by Fowler, Noll and Vo, a number at a time).
    pub fn hash_of(weights: &[f32]) -> u64 {
        let fold = |hash: u64, x: &f32| (hash ^ u64::from(x.to_bits())).wrapping_mul(0x0000_0100_0000_01b3);
        weights.iter().fold(0xcbf2_9ce4_8422_2325, fold)
    }
}

/// A model that has learnt while it played, to be made a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The slot of the model that it was.
    pub slot: u8,
    /// What that model's file says of itself.
    pub base: ModelConfig,
    /// The tensors that have moved.
    pub tensors: BTreeMap<String, Vec<f32>>,
    /// Updates that were made.
    pub updates: u64,
    /// Seconds that were heard.
    pub seconds: f64,
    /// Losses on what was heard last, before and after.
    pub losses: [Losses; 2],
}

/// All that is known of an instance's learning.
#[derive(Debug)]
pub struct LearnBoard {
    state: AtomicU8,
    /// Seconds heard, bits of an f32.
    heard: AtomicU32,
    updates: AtomicU64,
    rolled_back: AtomicU64,
    late: AtomicU64,
    skipped: AtomicU64,
    /// Of all weights so far, the bits of the latest above those before.
    hash: AtomicU64,
    distance: AtomicU32,
    /// Losses of a bin, base above learnt, bits of f32; a ring.
    curve: Box<[AtomicU64]>,
    curve_end: AtomicU64,
    reminded: AtomicBool,
    /// What makes models of what is kept; else it waits for whoever takes it.
    lessons: Option<Arc<Lessons>>,
    kept: Mutex<Option<Kept>>,
}

impl Default for LearnBoard {
    fn default() -> Self {
        Self {
            state: AtomicU8::default(),
            heard: AtomicU32::default(),
            updates: AtomicU64::default(),
            rolled_back: AtomicU64::default(),
            late: AtomicU64::default(),
            skipped: AtomicU64::default(),
            hash: AtomicU64::default(),
            distance: AtomicU32::default(),
            curve: (0..CURVE).map(|_| AtomicU64::default()).collect(),
            curve_end: AtomicU64::default(),
            reminded: AtomicBool::default(),
            lessons: None,
            kept: Mutex::default(),
        }
    }
}

impl LearnBoard {
    /// Of an instance that makes models of what is kept.
    pub fn keeping(lessons: Arc<Lessons>) -> Self {
        Self { lessons: Some(lessons), ..Self::default() }
    }

    /// Whether the model that learns is reminded of its maker's material.
    pub fn is_reminded(&self) -> bool {
        self.reminded.load(Relaxed)
    }

    /// What hosts show of it beside *on* and *off*; nothing while there is nothing to say. Allocates: not for the audio thread.
    pub fn text(&self) -> Option<String> {
        let heard = self.heard_seconds();
        let mut text = match self.state() {
            LearnState::Off if self.distance() > 0.0 => "what was learnt stays".into(),
            LearnState::Off => return None,
            LearnState::Listening => format!("listening, {heard:.1} s"),
            LearnState::Learning => match self.losses() {
                Some([base, learnt]) => format!("learning, loss {learnt:.2}, was {base:.2}"),
                None => "learning".into(),
            },
            LearnState::Waiting => "waiting for playing".into(),
            LearnState::RolledBack => "an update was taken back".into(),
            LearnState::Paused => "paused: it does not converge; Forget begins anew".into(),
            LearnState::DoesNotLearn => "this model does not listen, so it does not learn".into(),
            LearnState::Unreadable => "the model's file cannot be read, or has changed; it learns nothing".into(),
            LearnState::Failed => "failed; what was learnt stays".into(),
        };
        for (count, what) in [(self.late(), "late"), (self.skipped(), "skipped")] {
            if count > 0 {
                text += &format!(", {count} {what}");
            }
        }
        Some(text)
    }

    /// Changes whenever [`Self::text`] says something else but for numbers that only go on.
    ///
    /// # Realtime safety
    /// Atomic loads.
    pub fn generation(&self) -> u64 {
        u64::from(self.state.load(Relaxed)) + 16 * (self.late() + self.skipped())
    }

    /// What it is doing.
    pub fn state(&self) -> LearnState {
        LearnState::ALL.get(usize::from(self.state.load(Relaxed))).copied().unwrap_or_default()
    }

    /// Seconds that it has heard since it began anew.
    pub fn heard_seconds(&self) -> f32 {
        f32::from_bits(self.heard.load(Relaxed))
    }

    /// Updates that were made since the engine was.
    pub fn updates(&self) -> u64 {
        self.updates.load(Relaxed)
    }

    /// Updates that were taken back.
    pub fn rolled_back(&self) -> u64 {
        self.rolled_back.load(Relaxed)
    }

    /// Updates that were not there when they were to be heard: from then until they were, predictions differ from those of a bounce.
    pub fn late(&self) -> u64 {
        self.late.load(Relaxed)
    }

    /// Updates that were left out because the machine was too slow: from then on what is learnt differs from what a bounce learns.
    pub fn skipped(&self) -> u64 {
        self.skipped.load(Relaxed)
    }

    /// A number that two instances share if all that was heard of what they have learnt so far is the same, bit for bit.
    pub fn hash(&self) -> u64 {
        self.hash.load(Relaxed)
    }

    /// How far the weights lie from the model's, as a part of those.
    pub fn distance(&self) -> f32 {
        f32::from_bits(self.distance.load(Relaxed))
    }

    /// Losses of a bin on what was heard of late, before it was learnt from, of the model as it was and of what it has learnt: means over the
    /// last updates; none before the first. Allocates: not for the audio thread.
    pub fn losses(&self) -> Option<[f32; 2]> {
        let curve = self.curve();
        let last = &curve[curve.len().saturating_sub(RECENT)..];
        let mean = |which: usize| last.iter().map(|losses| losses[which]).sum::<f32>() / last.len() as f32;
        (!last.is_empty()).then(|| [mean(0), mean(1)])
    }

    /// The same over time, oldest first: of the last updates. Allocates: not for the audio thread.
    pub fn curve(&self) -> Vec<[f32; 2]> {
        let end = self.curve_end.load(Acquire);
        (end.saturating_sub(CURVE as u64)..end)
            .map(|at| {
                let both = self.curve[(at % CURVE as u64) as usize].load(Relaxed);
                [(both >> 32) as u32, both as u32].map(f32::from_bits)
            })
            .collect()
    }

    /// Takes what is to be kept and has become no model. Locks: not for the audio thread.
    pub fn take_kept(&self) -> Option<Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Keeps what was learnt, or says that nothing was. Takes some tenths of a second where a model is made of it.
    pub(crate) fn keep(&self, kept: Option<Kept>) {
        match &self.lessons {
            Some(lessons) => lessons.keep(kept.as_ref()),
            None => *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = kept,
        }
    }

    pub(crate) fn set_state(&self, state: LearnState) {
        self.state.store(state as u8, Relaxed);
    }

    pub(crate) fn count_late(&self) {
        self.late.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_skipped(&self) {
        self.skipped.fetch_add(1, Relaxed);
    }

    /// What an update says is heard from now on.
    pub(crate) fn put(&self, report: &LearnReport) {
        self.set_state(report.state);
        self.reminded.store(report.is_reminded, Relaxed);
        self.heard.store((report.heard_seconds as f32).to_bits(), Relaxed);
        self.distance.store((report.distance as f32).to_bits(), Relaxed);
        self.hash.store(self.hash.load(Relaxed).wrapping_mul(0x0000_0100_0000_01b3) ^ report.hash, Relaxed);
        match report.state {
            LearnState::RolledBack => {
                self.rolled_back.fetch_add(1, Relaxed);
            }
            LearnState::Learning => {
                self.updates.fetch_add(1, Relaxed);
                let end = self.curve_end.load(Relaxed);
                let bits = report.losses.map(|losses| u64::from((losses.bins as f32).to_bits()));
                self.curve[(end % CURVE as u64) as usize].store(bits[0] << 32 | bits[1], Relaxed);
                self.curve_end.store(end + 1, Release);
            }
            _ => {}
        }
    }

    /// An engine begins.
    pub(crate) fn begin(&self) {
        self.set_state(LearnState::Off);
        for counter in [&self.updates, &self.rolled_back, &self.late, &self.skipped, &self.hash] {
            counter.store(0, Relaxed);
        }
        self.note_forgotten();
    }

    /// Nothing has been learnt, or all was forgotten.
    pub(crate) fn note_forgotten(&self) {
        self.distance.store(0, Relaxed);
        self.heard.store(0, Relaxed);
        self.curve_end.store(0, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(state: LearnState, losses: [usize; 2], weights: &[f32]) -> LearnReport {
        let losses = losses.map(|bins| Losses { bins: bins as f64, bands: 0.0 });
        LearnReport {
            state,
            losses,
            distance: 0.1,
            heard_seconds: 3.0,
            hash: LearnReport::hash_of(weights),
            is_reminded: true,
        }
    }

    #[test]
    fn the_curve_holds_the_last_updates_and_forgets_with_them() {
        let board = LearnBoard::default();
        assert_eq!((board.losses(), board.state()), (None, LearnState::Off));
        (0..CURVE + 3).for_each(|at| board.put(&report(LearnState::Learning, [at + 1, at], &[])));
        board.put(&report(LearnState::Waiting, [7, 7], &[]));
        board.put(&report(LearnState::RolledBack, [7, 7], &[]));
        let curve = board.curve();
        assert_eq!((curve.len(), curve[0], board.losses()), (CURVE, [4.0, 3.0], Some([235.5, 234.5])));
        assert_eq!((board.updates(), board.rolled_back(), board.heard_seconds()), (243, 1, 3.0));
        board.note_forgotten();
        assert_eq!((board.curve().len(), board.distance(), board.updates()), (0, 0.0, 243));
    }

    #[test]
    fn equal_hashes_mean_equal_weights_in_an_equal_order() {
        let hash = |sets: &[[f32; 2]]| {
            let board = LearnBoard::default();
            sets.iter().for_each(|set| board.put(&report(LearnState::Learning, [0; 2], set)));
            board.hash()
        };
        assert_eq!(hash(&[[1.0, 2.0], [3.0, 4.0]]), hash(&[[1.0, 2.0], [3.0, 4.0]]));
        assert_ne!(hash(&[[1.0, 2.0], [3.0, 4.0]]), hash(&[[3.0, 4.0], [1.0, 2.0]]));
    }

    #[test]
    fn it_says_what_it_does_and_what_was_late() {
        let board = LearnBoard::default();
        assert_eq!(board.text(), None);
        board.put(&report(LearnState::Learning, [3, 2], &[]));
        assert_eq!(board.text().as_deref(), Some("learning, loss 2.00, was 3.00"));
        let before = board.generation();
        board.count_late();
        assert_ne!(board.generation(), before);
        board.set_state(LearnState::Off);
        assert_eq!(board.text().as_deref(), Some("what was learnt stays, 1 late"));
    }

    #[test]
    fn every_state_is_read_back() {
        let board = LearnBoard::default();
        for state in LearnState::ALL {
            board.set_state(state);
            assert_eq!(board.state(), state);
        }
    }
}
