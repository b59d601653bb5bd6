//! How long a call of `process` may wait for the worker (DESIGN 3), and the wait itself.

use super::{
    lead::Lead,
    link::{AudioLink, Linked},
    types::RenderMode,
};
use std::time::{Duration, Instant};

/// Longest wait; after it the instance is marked failed, until the worker answers again.
const MAX_SECONDS: f64 = 10.0;
/// Between two polls no more than this counts as waiting: a process that was suspended has not waited.
const MAX_POLL_SECONDS: f64 = 0.1;
/// Sleep between two polls, where the audio thread may wait at all.
const LOOK_AGAIN: Duration = Duration::from_micros(50);

/// The audio thread's budget for waiting.
///
/// # Realtime safety
/// One clock read per call; other system calls only where the call may wait.
#[derive(Debug)]
pub(crate) struct Waiting {
    mode: RenderMode,
    lead: Lead,
    started: Instant,
    budget_seconds: f64,
    /// The part of the budget that comes from running ahead of the wall clock,
    ahead_seconds: f64,
    /// and whether there was any when the call began.
    is_ahead: bool,
}

impl Waiting {
    /// For an engine that begins now.
    pub fn new(mode: RenderMode) -> Self {
        Self {
            mode,
            lead: Lead::default(),
            started: Instant::now(),
            budget_seconds: 0.0,
            ahead_seconds: 0.0,
            is_ahead: false,
        }
    }

    /// Forgets all earlier calls.
    pub fn reset(&mut self) {
        self.lead.reset();
    }

    /// Starts a call for a block of this length.
    pub fn begin_call(&mut self, block_seconds: f64, reaction_seconds: f64) {
        let ahead = self.lead.on_call(self.started.elapsed().as_secs_f64(), block_seconds);
        let long_block = if 2.0 * block_seconds > reaction_seconds { 0.5 * block_seconds } else { 0.0 };
        self.budget_seconds = ahead.max(long_block).min(MAX_SECONDS);
        self.ahead_seconds = ahead.min(MAX_SECONDS);
        self.is_ahead = ahead > 0.0;
    }

    /// Seconds that this call may wait because the host runs ahead of the wall clock.
    pub fn ahead_seconds(&self) -> f64 {
        self.ahead_seconds.max(0.0)
    }

    /// True while the host runs ahead of the wall clock, as in a bounce.
    pub fn is_ahead(&self) -> bool {
        self.mode == RenderMode::Offline || self.is_ahead
    }

    /// Waits, within this call's budget, until `wanted` quanta from `from` on have arrived; returns whether they have.
    pub fn wait_for(&mut self, link: &mut AudioLink, epoch: u32, from: i64, wanted: usize) -> bool {
        self.wait_until(link, |link| link.quanta_ready(epoch, from, wanted) >= wanted)
    }

    /// Waits, within this call's budget, until a quantum can be sent; `epoch` and `index` are the audio thread's. Returns whether it can.
    pub fn wait_for_room(&mut self, link: &mut AudioLink, epoch: u32, index: i64) -> bool {
        self.wait_until(link, |link| {
            // A worker whose answers find no room takes no questions.
            link.drop_obsolete(epoch, index);
            link.has_place()
        })
    }

    /// Waits, within this call's budget, until something is so; returns whether it is.
    pub fn wait_until<L: Linked>(&mut self, link: &mut L, mut is_done: impl FnMut(&mut L) -> bool) -> bool {
        if is_done(link) {
            let shared = link.shared();
            shared.meters.set_failed(shared.is_dead());
            return true;
        }
        if link.shared().is_dead() {
            link.shared().meters.set_failed(true);
        }
        let offline = self.mode == RenderMode::Offline;
        if link.shared().meters.is_failed() || !(offline || self.budget_seconds > 0.0) {
            return false;
        }
        link.shared().meters.count_wait();
        let mut polls = Polls::begin();
        loop {
            link.shared().wake_worker();
            let (ready, waited) = polls.next(|| is_done(link));
            let may_wait = if offline { MAX_SECONDS } else { self.budget_seconds };
            if ready || waited >= may_wait || link.shared().is_dead() {
                if !ready && waited >= MAX_SECONDS {
                    link.shared().meters.set_failed(true);
                }
                self.spend(waited);
                return ready;
            }
        }
    }

    /// Polls until `done` in a bounce, reported or detected; in a performance, does not wait at any block size. Returns whether
    /// an offline render has waited in vain.
    pub fn wait_in_a_bounce(&mut self, mut done: impl FnMut() -> bool) -> bool {
        let offline = self.mode == RenderMode::Offline;
        let may_wait = if offline { MAX_SECONDS } else { self.ahead_seconds };
        if may_wait <= 0.0 {
            return false;
        }
        let (mut polls, mut waited) = (Polls::begin(), 0.0);
        let mut is_done = done();
        while !is_done && waited < may_wait {
            (is_done, waited) = polls.next(&mut done);
        }
        self.spend(waited);
        offline && !is_done
    }

    fn spend(&mut self, seconds: f64) {
        self.budget_seconds -= seconds;
        self.ahead_seconds -= seconds;
    }
}

/// A wait, poll by poll.
struct Polls {
    waited_seconds: f64,
    looked: Instant,
}

impl Polls {
    fn begin() -> Self {
        Self { waited_seconds: 0.0, looked: Instant::now() }
    }

    /// Sleeps and looks again; returns what was seen, and the seconds waited in all, of which a suspended process has waited none.
    fn next(&mut self, look: impl FnOnce() -> bool) -> (bool, f64) {
        std::thread::sleep(LOOK_AGAIN);
        let seen = look();
        let now = Instant::now();
        self.waited_seconds += (now - self.looked).as_secs_f64().min(MAX_POLL_SECONDS);
        self.looked = now;
        (seen, self.waited_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_performance_in_long_blocks_may_wait_for_the_worker_and_for_nothing_else() {
        let mut waiting = Waiting::new(RenderMode::Live);
        waiting.begin_call(0.1, 0.05);
        assert!(waiting.budget_seconds > 0.0);
        let mut looks = 0;
        let in_vain = waiting.wait_in_a_bounce(|| {
            looks += 1;
            false
        });
        assert_eq!((in_vain, looks), (false, 0));
    }
}
