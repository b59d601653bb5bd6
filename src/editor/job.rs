//! Work that takes longer than a picture may: on a thread, looked at once a picture.

use std::thread::JoinHandle;

/// Work that is under way, or none.
#[derive(Debug)]
pub(super) struct Job<T>(Option<JoinHandle<T>>);

impl<T> Default for Job<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Send + 'static> Job<T> {
    /// Begins work under a thread of this name; of a system that gives no thread, there is none.
    pub fn begin(name: &str, work: impl FnOnce() -> T + Send + 'static) -> Self {
        Self(std::thread::Builder::new().name(name.into()).spawn(work).ok())
    }

    /// Whether it is under way, or done and not taken.
    pub fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// What came of it, once; nothing of one that panicked.
    pub fn take(&mut self) -> Option<T> {
        self.0.take_if(|thread| thread.is_finished())?.join().ok()
    }
}

impl<T> Drop for Job<T> {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            // Joined, so that no code of the plugin runs when the host unloads it.
            let _ = thread.join();
        }
    }
}
