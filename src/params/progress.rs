//! How far the looking up of the user's models has come: who shows or stores them waits for it, but not for long.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// After so long nobody waits for a job any more: a folder on a slow disk, models of gigabytes.
const PATIENCE: Duration = Duration::from_secs(2);

/// Jobs, one after the other, of a thread that first finds names and then reads files.
#[derive(Debug, Default)]
pub(super) struct Progress {
    jobs: Mutex<Jobs>,
    changed: Condvar,
}

/// Numbers of jobs; each counts up.
#[derive(Debug, Default)]
struct Jobs {
    begun: u64,
    running: u64,
    named: u64,
    done: u64,
    /// When the last was begun.
    since: Option<Instant>,
}

impl Progress {
    /// A job is handed to the thread.
    pub fn begin(&self) {
        let mut jobs = self.lock();
        jobs.begun += 1;
        jobs.since = Some(Instant::now());
    }

    /// The thread takes the next job.
    pub fn run_next(&self) {
        self.lock().running += 1;
    }

    /// The running job has given every slot its name.
    pub fn has_names(&self) {
        let mut jobs = self.lock();
        jobs.named = jobs.running;
        self.changed.notify_all();
    }

    /// The running job is over, whatever came of it.
    pub fn has_ended(&self) {
        let mut jobs = self.lock();
        (jobs.named, jobs.done) = (jobs.running, jobs.running);
        self.changed.notify_all();
    }

    /// Waits for the names. Not for the audio thread.
    pub fn wait_for_names(&self) {
        self.wait_until(|jobs| jobs.named >= jobs.begun);
    }

    /// Waits until all is known. Not for the audio thread.
    pub fn wait_for_end(&self) {
        self.wait_until(|jobs| jobs.done >= jobs.begun);
    }

    fn wait_until(&self, is_reached: impl Fn(&Jobs) -> bool) {
        let jobs = self.lock();
        let left = jobs.since.map_or(Duration::ZERO, |since| PATIENCE.saturating_sub(since.elapsed()));
        // Whether it was reached or not, what is known by then is shown.
        let _ = self.changed.wait_timeout_while(jobs, left, |jobs| !is_reached(jobs));
    }

    fn lock(&self) -> MutexGuard<'_, Jobs> {
        // Numbers are whole whoever panicked.
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_before_the_end_and_nobody_waits_for_ever() {
        let progress = Progress::default();
        let is_soon = |wait: &dyn Fn()| {
            let began = Instant::now();
            wait();
            began.elapsed() < PATIENCE / 2
        };
        assert!(is_soon(&|| progress.wait_for_end()), "nothing was begun");
        progress.begin();
        progress.run_next();
        progress.has_names();
        assert!(is_soon(&|| progress.wait_for_names()));
        assert!(!is_soon(&|| progress.wait_for_end()), "it goes on");
        assert!(is_soon(&|| progress.wait_for_end()), "it was waited for once");
        progress.begin();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                progress.has_ended();
                progress.run_next();
                progress.has_ended();
            });
            assert!(is_soon(&|| progress.wait_for_end()));
        });
    }
}
