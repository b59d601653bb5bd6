//! How the editor looks, as a project stores it.

use crate::editor::Looks;
use nice_plug::params::persist::PersistentField;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Read and written by the editor's thread and by whoever saves and loads; never by the audio thread.
#[derive(Debug, Default)]
pub struct KeptLooks(Mutex<Looks>);

impl KeptLooks {
    /// As it is now.
    pub fn get(&self) -> Looks {
        *self.lock()
    }

    /// Stores other looks, unless a project has been loaded since they were `known`.
    pub fn put_if(&self, known: Looks, looks: Looks) {
        let mut kept = self.lock();
        if *kept == known {
            *kept = looks;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Looks> {
        // It is replaced in one piece.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PersistentField<'_, Looks> for KeptLooks {
    fn set(&self, looks: Looks) {
        *self.lock() = looks.sanitised();
    }

    fn map<F: Fn(&Looks) -> R, R>(&self, f: F) -> R {
        f(&self.get())
    }
}
