//! Which slots of models have been selected.

use crate::model::folder::USER_SLOTS;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// Written wherever the host sets the parameters *Model* and *Morph Model*, on the audio thread too.
#[derive(Debug, Default)]
pub struct Selection {
    current: AtomicU8,
    /// The same of *Morph Model*; 0, which is embedded, where there is none.
    second: AtomicU8,
    /// Bit k: slot 64 + k has been selected since the instance was made or restored.
    used: AtomicU64,
}

impl Selection {
    /// Notes that a slot was selected.
    ///
    /// # Realtime safety
    /// Two atomic operations.
    pub fn select(&self, slot: i32) {
        let slot = slot.clamp(0, i32::from(*USER_SLOTS.end())) as u8;
        self.current.store(slot, Ordering::Relaxed);
        self.note_used(slot);
    }

    /// Notes that a slot was selected to morph to.
    ///
    /// # Realtime safety
    /// Two atomic operations.
    pub fn select_second(&self, slot: i32) {
        let slot = slot.clamp(0, i32::from(*USER_SLOTS.end())) as u8;
        self.second.store(slot, Ordering::Relaxed);
        self.note_used(slot);
    }

    /// The slots that are selected, of *Model* and of *Morph Model*.
    pub fn both(&self) -> [u8; 2] {
        [self.current(), self.second.load(Ordering::Relaxed)]
    }

    /// The slot that is selected.
    pub fn current(&self) -> u8 {
        self.current.load(Ordering::Relaxed)
    }

    /// Whether one of the user's slots has been selected.
    pub fn is_used(&self, slot: u8) -> bool {
        self.used.load(Ordering::Relaxed) & bit(slot) != 0
    }

    /// Notes that one of the user's slots belongs to the project, selected or not.
    pub fn note_used(&self, slot: u8) {
        self.used.fetch_or(bit(slot), Ordering::Relaxed);
    }

    /// A new project: only the current slots have been selected in it.
    pub fn forget_used(&self) {
        let [first, second] = self.both();
        self.used.store(bit(first) | bit(second), Ordering::Relaxed);
    }
}

fn bit(slot: u8) -> u64 {
    slot.checked_sub(*USER_SLOTS.start()).and_then(|k| 1u64.checked_shl(k.into())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_users_slots_are_noted() {
        let selection = Selection::default();
        for slot in [-1, 0, 63, 64, 127, 1000] {
            selection.select(slot);
        }
        assert_eq!(selection.current(), 127);
        assert_eq!(selection.used.load(Ordering::Relaxed), 1 | 1 << 63);
        selection.select(70);
        selection.forget_used();
        assert!(selection.is_used(70) && !selection.is_used(64) && !selection.is_used(6));
        selection.select_second(71);
        selection.forget_used();
        assert_eq!(selection.both(), [70, 71]);
        assert!(selection.is_used(70) && selection.is_used(71), "both models are the project's");
        selection.select_second(-1);
        assert_eq!(selection.both(), [70, 0]);
    }
}
