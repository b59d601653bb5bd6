//! Whether a state is being loaded.

use nice_plug::params::persist::PersistentField;
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// Counts beginnings and ends of loading: the framework (`vendor/README.md`) tells this field before the first value of a state and
/// after the last.
#[derive(Debug, Default)]
pub struct Loads(AtomicU64);

impl Loads {
    /// So many, odd while a state is being loaded. After values were read: not fewer than brought these values.
    ///
    /// # Realtime safety
    /// One atomic load.
    pub fn count(&self) -> u64 {
        fence(Ordering::Acquire);
        self.0.load(Ordering::Relaxed)
    }
}

/// Nothing is stored but that there is a state.
impl PersistentField<'_, ()> for Loads {
    fn set(&self, (): ()) {
        // After the values before, and before those that follow.
        self.0.fetch_add(1, Ordering::Release);
        fence(Ordering::Release);
    }

    fn map<F: Fn(&()) -> R, R>(&self, f: F) -> R {
        f(&())
    }
}
