//! The audio thread's ends of the rings, and what both threads share.

use super::{
    meters::Meters,
    quantum::{InQuantum, OutQuantum},
    types::GRID_SAMPLES,
};
use rtrb::{Consumer, Producer, RingBuffer};
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    thread::Thread,
};

/// The worker works.
const ALIVE: u32 = 0;
/// The worker is no more.
const DEAD: u32 = 1;
/// What is added to an epoch.
const FAILED: u32 = 2;

/// Shared by both threads.
#[derive(Debug, Default)]
pub struct Shared {
    /// Counters.
    pub meters: Arc<Meters>,
    /// Epoch (16 bits) and index (48 bits) of the quantum that the audio thread is in.
    now: AtomicU64,
    /// [`ALIVE`], [`DEAD`], or the epoch in which the worker has failed, above both.
    life: AtomicU32,
    /// Asks the worker to end, in the middle of a seed if need be.
    pub stop: AtomicBool,
    worker: OnceLock<Thread>,
    /// Microseconds that the audio thread's present call may still wait because the host runs ahead of the wall clock.
    patience_us: AtomicU32,
}

impl Shared {
    /// Publishes where the audio thread is.
    pub fn set_now(&self, epoch: u32, index: i64) {
        let packed = (u64::from(epoch) << 48) | (index as u64 & 0xffff_ffff_ffff);
        self.now.store(packed, Ordering::Release);
    }

    /// Number of quanta by which the audio thread has passed `index`, if it is in the same epoch.
    pub fn quanta_passed(&self, epoch: u32, index: i64) -> Option<i64> {
        let packed = self.now.load(Ordering::Relaxed);
        let now = ((packed << 16) as i64) >> 16;
        (packed >> 48 == u64::from(epoch) & 0xffff).then(|| now - index)
    }

    /// True if the audio thread is in another epoch: quanta of this one are no longer wanted.
    pub fn is_stale(&self, epoch: u32) -> bool {
        self.epoch() != epoch & 0xffff
    }

    /// Seconds that the audio thread's present call may wait because the host runs ahead of the wall clock.
    pub fn patience_seconds(&self) -> f64 {
        1e-6 * f64::from(self.patience_us.load(Ordering::Relaxed))
    }

    /// Registers the thread to be woken.
    pub fn register_worker(&self, thread: Thread) {
        // Only the first thread counts; there is one worker.
        let _ = self.worker.set(thread);
    }

    /// The 16 bits of the epoch that the audio thread is in.
    fn epoch(&self) -> u32 {
        (self.now.load(Ordering::Acquire) >> 48) as u32
    }

    /// Declares that no more predictions will come.
    pub fn mark_dead(&self) {
        self.life.store(DEAD, Ordering::Release);
    }

    /// Declares that no more predictions will come in this epoch.
    pub fn mark_failed(&self, epoch: u32) {
        self.life.store(FAILED + (epoch & 0xffff), Ordering::Release);
    }

    /// Declares that predictions will come.
    pub fn mark_alive(&self) {
        self.life.store(ALIVE, Ordering::Release);
    }

    /// True if no more predictions will come in this epoch.
    pub fn is_dead(&self) -> bool {
        match self.life.load(Ordering::Acquire) {
            ALIVE => false,
            DEAD => true,
            failed => failed - FAILED == self.epoch(),
        }
    }

    /// Wakes the worker. A system call: only for a caller that may wait.
    pub fn wake_worker(&self) {
        if let Some(thread) = self.worker.get() {
            thread.unpark();
        }
    }
}

/// The audio thread's end of a link to a worker.
pub(crate) trait Linked {
    /// What both threads share.
    fn shared(&self) -> &Shared;
}

impl Linked for AudioLink {
    fn shared(&self) -> &Shared {
        &self.shared
    }
}

/// The audio thread's side.
#[derive(Debug)]
pub struct AudioLink {
    /// Shared with the worker.
    pub shared: Arc<Shared>,
    to_worker: Producer<InQuantum>,
    from_worker: Consumer<OutQuantum>,
}

/// The worker's side.
#[derive(Debug)]
pub struct WorkerLink {
    /// Shared with the audio thread.
    pub shared: Arc<Shared>,
    /// Input.
    pub from_audio: Consumer<InQuantum>,
    /// Predictions.
    pub to_audio: Producer<OutQuantum>,
}

/// Makes both sides. Rings hold the reaction time, the longest block and one second more, twice over for the way back, where
/// quanta of a past epoch may still lie.
pub fn link(sample_rate_hz: u32, max_block_samples: usize, reaction_quanta: usize) -> (AudioLink, WorkerLink) {
    let quanta = reaction_quanta + (max_block_samples + sample_rate_hz as usize) / GRID_SAMPLES + 16;
    let (to_worker, from_audio) = RingBuffer::new(quanta);
    let (to_audio, from_worker) = RingBuffer::new(2 * quanta);
    let shared = Arc::new(Shared::default());
    (AudioLink { shared: Arc::clone(&shared), to_worker, from_worker }, WorkerLink { shared, from_audio, to_audio })
}

impl AudioLink {
    /// Sends a quantum. False if the worker is so late that the ring is full.
    ///
    /// # Realtime safety
    /// Wait-free; a quantum holds no heap memory.
    pub fn send(&mut self, quantum: InQuantum) -> bool {
        self.to_worker.push(quantum).is_ok()
    }

    /// True if a quantum can be sent.
    pub fn has_place(&self) -> bool {
        !self.to_worker.is_full()
    }

    /// True if a good part of the ring is free again.
    pub fn has_room(&self) -> bool {
        2 * self.to_worker.slots() > self.to_worker.buffer().capacity()
    }

    /// Publishes how long the present call may wait because the host runs ahead of the wall clock.
    pub fn set_patience(&self, seconds: f64) {
        self.shared.patience_us.store((1e6 * seconds) as u32, Ordering::Relaxed);
    }

    /// Publishes the audio thread's position to the worker.
    pub fn set_now(&self, epoch: u32, index: i64) {
        self.shared.set_now(epoch, index);
    }

    /// Drops answers of other epochs, and those before `index`.
    pub fn drop_obsolete(&mut self, epoch: u32, index: i64) {
        while let Ok(quantum) = self.from_worker.peek() {
            if quantum.epoch == epoch && quantum.index >= index {
                break;
            }
            let _ = self.from_worker.pop();
        }
    }

    /// Drops obsolete quanta and counts those from `index` on that have arrived without a gap, up to `wanted`.
    pub fn quanta_ready(&mut self, epoch: u32, index: i64, wanted: usize) -> usize {
        self.drop_obsolete(epoch, index);
        let Ok(chunk) = self.from_worker.read_chunk(self.from_worker.slots().min(wanted)) else {
            return 0;
        };
        let (first, second) = chunk.as_slices();
        let in_place = |(i, quantum): (usize, &OutQuantum)| quantum.epoch == epoch && quantum.index == index + i as i64;
        first.iter().chain(second).enumerate().take_while(|&pair| in_place(pair)).count()
    }

    /// Quanta of prediction that lie in the ring.
    pub fn quanta_on_their_way(&self) -> usize {
        self.from_worker.slots()
    }

    /// Takes the quantum at `index`, if it has arrived.
    pub fn take(&mut self, epoch: u32, index: i64) -> Option<OutQuantum> {
        if self.quanta_ready(epoch, index, 1) == 0 { None } else { self.from_worker.pop().ok() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        control::{ParamId, ParamValues},
        engine::quantum::{Gestures, REGIONS},
    };

    /// Answers with the audio of its input, one quantum later.
    fn answer(quantum: &InQuantum) -> OutQuantum {
        let regions = [[0.0; GRID_SAMPLES]; REGIONS];
        OutQuantum {
            epoch: quantum.epoch,
            index: quantum.index + 1,
            active: true,
            feedback: false,
            audio: quantum.played,
            regions,
        }
    }

    #[test]
    fn quanta_cross_both_rings_whole_and_in_order() {
        const QUANTA: i64 = 200;
        let (mut audio, mut worker) = link(640, GRID_SAMPLES, 2);
        let other = std::thread::spawn(move || {
            worker.shared.register_worker(std::thread::current());
            let mut next = 0;
            while next < QUANTA {
                let Ok(quantum) = worker.from_audio.pop() else {
                    std::thread::yield_now();
                    continue;
                };
                assert_eq!(
                    (quantum.epoch, quantum.index, quantum.values.get(ParamId::RandomSeed)),
                    (7, next, next as f32)
                );
                assert_eq!(quantum.gestures, Gestures { note_count: next as usize % 3, ..Gestures::default() });
                assert!(
                    worker.shared.quanta_passed(7, next).is_some_and(|passed| passed >= 0),
                    "it was there before it sent"
                );
                assert!(worker.to_audio.push(answer(&quantum)).is_ok(), "the way back holds twice as many");
                next += 1;
            }
            worker.shared.mark_dead();
        });
        let (mut sent, mut taken) = (0, 0);
        while taken < QUANTA {
            if sent < QUANTA && sent - taken < 8 {
                let mut quantum = InQuantum::empty(7, sent, 0, ParamValues::default());
                quantum.values.set(ParamId::RandomSeed, sent as f32);
                quantum.gestures.note_count = sent as usize % 3;
                quantum.played[1][63] = sent as f32;
                audio.set_now(7, sent);
                assert!(audio.send(quantum), "eight quanta find room");
                audio.shared.wake_worker();
                sent += 1;
            }
            let has_ended = other.is_finished();
            if let Some(quantum) = audio.take(7, taken + 1) {
                assert_eq!((quantum.index, quantum.audio[1][63]), (taken + 1, taken as f32));
                taken += 1;
            } else if has_ended {
                break;
            } else {
                std::thread::yield_now();
            }
        }
        other.join().expect("the worker found everything as it was sent");
        // That it had ended was known before all that it had sent was to be seen.
        while audio.take(7, taken + 1).is_some() {
            taken += 1;
        }
        assert_eq!(taken, QUANTA);
        assert!(audio.shared.is_dead() && audio.shared.is_stale(6) && !audio.shared.is_stale(7));
    }

    #[test]
    fn a_worker_that_has_failed_is_dead_for_an_epoch_and_one_that_is_gone_for_ever() {
        let (audio, worker) = link(640, GRID_SAMPLES, 2);
        assert!(!audio.shared.is_dead());
        // Epochs are compared in 16 bits.
        for epoch in [0, 1, 0xffff, 0x1_0000] {
            audio.set_now(epoch, 5);
            worker.shared.mark_failed(epoch);
            assert!(audio.shared.is_dead(), "epoch {epoch}");
            audio.set_now(epoch + 1, 5);
            assert!(!audio.shared.is_dead(), "epoch {epoch}");
            worker.shared.mark_alive();
            assert!(!audio.shared.is_dead());
        }
        worker.shared.mark_dead();
        audio.set_now(9, 5);
        assert!(audio.shared.is_dead());
    }

    #[test]
    fn quanta_of_the_past_are_dropped_and_a_gap_is_waited_for() {
        let (mut audio, mut worker) = link(640, GRID_SAMPLES, 2);
        let mut push = |epoch: u32, index: i64| {
            let quantum = answer(&InQuantum::empty(epoch, index - 1, 0, ParamValues::default()));
            assert!(worker.to_audio.push(quantum).is_ok());
        };
        for (epoch, index) in [(1, 9), (2, 3), (2, 4), (2, 5), (2, 7)] {
            push(epoch, index);
        }
        assert_eq!(audio.quanta_ready(2, 4, 4), 2, "4 and 5, but not 6");
        assert_eq!(audio.take(2, 5).map(|quantum| quantum.index), Some(5));
        assert!(audio.take(2, 6).is_none(), "7 is not 6");
        assert_eq!(audio.quanta_ready(2, 7, 1), 1, "and stays");
    }
}
