//! Work that takes longer than a picture may: on a thread, looked at once a picture.

use std::{fmt::Debug, thread::JoinHandle};

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

/// Work of any kind.
trait Work: Debug + Send {
    fn is_over(&self) -> bool;
}

impl<T: Debug + Send> Work for Job<T> {
    fn is_over(&self) -> bool {
        self.0.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

/// Work whose outcome nobody waits for any more: no picture waits for its end.
#[derive(Debug, Default)]
pub(super) struct Superseded(Vec<Box<dyn Work>>);

impl Superseded {
    /// Takes it from who has begun it.
    pub fn keep<T: Debug + Send + 'static>(&mut self, job: &mut Job<T>) {
        self.0.push(Box::new(std::mem::take(job)));
    }

    /// Takes what another has kept.
    pub fn keep_all(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Lets go what has ended.
    pub fn sweep(&mut self) {
        self.0.retain(|job| !job.is_over());
    }
}
