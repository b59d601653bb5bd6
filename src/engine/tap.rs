//! The audio thread's half of *Save Take*: wet and dry go, quantum by quantum, to the thread that holds the last minutes.

use super::{
    meters::Meters,
    quantum::QuantumAudio,
    types::{GRID_SAMPLES, MAX_CHANNELS},
    waiting::Waiting,
};
use crate::control::values::ParamValues;
use rtrb::{Consumer, Producer, RingBuffer};
use std::{
    sync::{Arc, OnceLock},
    thread::Thread,
};

/// For so long the other thread may be busy with its disk before sound is lost to it.
const PATIENCE_SECONDS: usize = 4;

/// What was heard: up to 64 samples in a row, wherever they lie on the grid.
#[derive(Clone, Debug)]
pub struct TakeQuantum {
    /// Samples before it that were lost, as the ring was full: silence of this length stands for them.
    pub lost_samples: u64,
    /// How many samples it holds.
    pub length: usize,
    /// The wet as it is mixed, after gain and limit. `[channel][sample]`
    pub wet: QuantumAudio,
    /// The dry as it came. `[channel][sample]`
    pub dry: QuantumAudio,
    /// After its last sample *Save Take* went on; the parameters at that moment.
    pub keep: Option<ParamValues>,
}

/// The audio thread's end.
#[derive(Debug)]
pub struct TakeTap {
    to_keeper: Producer<TakeQuantum>,
    keeper: Arc<OnceLock<Thread>>,
    quantum: TakeQuantum,
    /// An offline render has waited in vain: it waits no more.
    has_given_up: bool,
}

/// The other end.
#[derive(Debug)]
pub struct TakeFeed {
    /// What was heard, in order.
    pub from_audio: Consumer<TakeQuantum>,
    keeper: Arc<OnceLock<Thread>>,
}

/// Both ends of a ring that holds four seconds and the longest block.
pub fn take_link(sample_rate_hz: u32, max_block_samples: usize) -> (TakeTap, TakeFeed) {
    let quanta = (PATIENCE_SECONDS * sample_rate_hz as usize + max_block_samples) / GRID_SAMPLES + 16;
    let (to_keeper, from_audio) = RingBuffer::new(quanta);
    let keeper = Arc::new(OnceLock::new());
    let silence = [[0.0; GRID_SAMPLES]; MAX_CHANNELS];
    let quantum = TakeQuantum { lost_samples: 0, length: 0, wet: silence, dry: silence, keep: None };
    (TakeTap { to_keeper, keeper: Arc::clone(&keeper), quantum, has_given_up: false }, TakeFeed { from_audio, keeper })
}

impl TakeFeed {
    /// Says which thread is to be woken when a bounce waits for it.
    pub fn register_keeper(&self, thread: Thread) {
        // Only the first thread counts; there is one keeper.
        let _ = self.keeper.set(thread);
    }
}

impl TakeTap {
    /// The next sample of a channel; [`Self::advance`] follows when all channels are there.
    ///
    /// # Realtime safety
    /// Two stores.
    pub(super) fn put(&mut self, channel: usize, dry: f32, wet: f32) {
        let at = self.quantum.length;
        self.quantum.dry[channel][at] = dry;
        self.quantum.wet[channel][at] = wet;
    }

    /// Moves one sample; sends the quantum when it is full.
    ///
    /// # Realtime safety
    /// Wait-free and without system calls, but in a bounce (DESIGN 3).
    pub(super) fn advance(&mut self, waiting: &mut Waiting, meters: &Meters) {
        self.quantum.length += 1;
        if self.quantum.length == GRID_SAMPLES {
            self.send(waiting, meters);
        }
    }

    /// *Save Take* went on at the next sample.
    ///
    /// # Realtime safety
    /// As [`Self::advance`].
    pub(super) fn keep(&mut self, values: ParamValues, waiting: &mut Waiting, meters: &Meters) {
        self.quantum.keep = Some(values);
        self.send(waiting, meters);
    }

    /// Sends what the quantum holds. Where there is no room, and no bounce that could wait for it, its samples are lost and
    /// counted; what was asked for is not lost.
    fn send(&mut self, waiting: &mut Waiting, meters: &Meters) {
        if self.to_keeper.is_full() && !self.has_given_up {
            let (to_keeper, keeper) = (&self.to_keeper, &self.keeper);
            let in_vain = waiting.wait_in_a_bounce(|| {
                if let Some(thread) = keeper.get() {
                    thread.unpark();
                }
                !to_keeper.is_full() || to_keeper.is_abandoned()
            });
            self.has_given_up = in_vain;
        }
        if self.to_keeper.push(self.quantum.clone()).is_ok() {
            self.quantum.lost_samples = 0;
            self.quantum.keep = None;
        } else {
            if self.quantum.lost_samples == 0 {
                meters.count_keep_gap();
            }
            self.quantum.lost_samples += self.quantum.length as u64;
        }
        self.quantum.length = 0;
    }
}
