//! What became of the takes, for whoever shows it.

use super::error::TakeError;
use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Nothing,
    Writing,
    TakeInfo(String),
    Failed(String),
}

/// Counters and the last outcome. Written by the recorder, read by any thread but the audio thread.
#[derive(Debug, Default)]
pub struct TakeStatus {
    last: Mutex<Last>,
    kept: AtomicU64,
    failed: AtomicU64,
    missed: AtomicU64,
}

impl TakeStatus {
    /// Takes that were written.
    pub fn kept(&self) -> u64 {
        self.kept.load(Relaxed)
    }

    /// Takes that could not be written.
    pub fn failed(&self) -> u64 {
        self.failed.load(Relaxed)
    }

    /// Times *Save Take* went on while one take was being written and another one waited.
    pub fn missed(&self) -> u64 {
        self.missed.load(Relaxed)
    }

    /// The last outcome in words: "writing", "kept" and the beginning of the files' names, or "failed" and why. `None` before
    /// the first take.
    pub fn text(&self) -> Option<String> {
        match &*self.lock() {
            Last::Nothing => None,
            Last::Writing => Some("writing".into()),
            Last::TakeInfo(name) => Some(format!("kept {name}")),
            Last::Failed(reason) => Some(format!("failed: {reason}")),
        }
    }

    pub(crate) fn set_writing(&self) {
        *self.lock() = Last::Writing;
    }

    pub(crate) fn set_kept(&self, name: String) {
        *self.lock() = Last::TakeInfo(name);
        self.kept.fetch_add(1, Relaxed);
    }

    pub(crate) fn set_failed(&self, error: &TakeError) {
        *self.lock() = Last::Failed(error.to_string());
        self.failed.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_missed(&self) {
        self.missed.fetch_add(1, Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
