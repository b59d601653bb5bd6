//! How often a state was loaded.

use nice_plug::params::persist::PersistentField;
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// Counts the states that were loaded. Fields are restored before parameters: whoever sees a restored value sees this count, too.
#[derive(Debug, Default)]
pub struct Loads(AtomicU64);

impl Loads {
    /// So many, after values were read: not fewer than brought these values.
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
        self.0.fetch_add(1, Ordering::Relaxed);
        // Before the values that follow.
        fence(Ordering::Release);
    }

    fn map<F: Fn(&()) -> R, R>(&self, f: F) -> R {
        f(&())
    }
}
