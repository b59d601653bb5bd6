//! The audio thread's half of *Save Take* and *Learn Take*: sends wet and dry, 64 samples at a time, to the take recorder.

use super::{
    meters::Meters,
    quantum::QuantumAudio,
    types::{GRID_SAMPLES, MAX_CHANNELS},
    waiting::Waiting,
};
use crate::control::values::{ParamId, ParamValues};
use rtrb::{Consumer, Producer, RingBuffer};
use std::{
    sync::{Arc, OnceLock},
    thread::Thread,
};

/// How long the recorder may be busy with its disk before sound is lost.
const PATIENCE_SECONDS: usize = 4;

/// Orders that wait while the ring is full; of more the last counts.
const MAX_ORDERS: usize = 4;

/// What is asked of the recorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakeOrder {
    /// Write the last minutes to files.
    Save,
    /// Learn from the last seconds.
    LearnLast,
    /// A take to learn from begins.
    Mark,
    /// Learn from what was played since.
    LearnMarked,
}

impl TakeOrder {
    /// What is asked by a parameter that moves.
    pub(super) fn of(id: ParamId, was: f32, value: f32) -> Option<Self> {
        match (id, was >= 0.5, value >= 0.5) {
            (ParamId::Keep, false, true) => Some(Self::Save),
            (ParamId::LearnTake, false, true) => Some(Self::LearnLast),
            (ParamId::LearnRecord, false, true) => Some(Self::Mark),
            (ParamId::LearnRecord, true, false) => Some(Self::LearnMarked),
            _ => None,
        }
    }
}

/// Orders, in order, and the parameters at the last of them.
#[derive(Clone, Debug)]
pub struct TakeRequest {
    orders: [Option<TakeOrder>; MAX_ORDERS],
    /// The parameters.
    pub values: ParamValues,
}

impl TakeRequest {
    /// The orders.
    pub fn orders(&self) -> impl Iterator<Item = TakeOrder> {
        self.orders.into_iter().flatten()
    }
}

/// Up to 64 consecutive samples of wet and dry, at any place of the grid.
#[derive(Clone, Debug)]
pub struct TakeQuantum {
    /// Samples lost before it because the ring was full; the recorder replaces them by silence.
    pub lost_samples: u64,
    /// How many samples it holds.
    pub length: usize,
    /// The wet as it is mixed, after gain and limit. `[channel][sample]`
    pub wet: QuantumAudio,
    /// The dry, unchanged. `[channel][sample]`
    pub dry: QuantumAudio,
    /// What was asked for after its last sample.
    pub request: Option<TakeRequest>,
}

/// The audio thread's end of the ring.
#[derive(Debug)]
pub struct TakeTap {
    to_recorder: Producer<TakeQuantum>,
    recorder: Arc<OnceLock<Thread>>,
    quantum: TakeQuantum,
    /// An offline render has waited in vain once, and does not wait again.
    has_given_up: bool,
}

/// The recorder's end of the ring.
#[derive(Debug)]
pub struct TakeFeed {
    /// Quanta of wet and dry, in order.
    pub from_audio: Consumer<TakeQuantum>,
    recorder: Arc<OnceLock<Thread>>,
}

/// Both ends of a ring that holds four seconds and the longest block.
pub fn take_link(sample_rate_hz: u32, max_block_samples: usize) -> (TakeTap, TakeFeed) {
    let quanta = (PATIENCE_SECONDS * sample_rate_hz as usize + max_block_samples) / GRID_SAMPLES + 16;
    let (to_recorder, from_audio) = RingBuffer::new(quanta);
    let recorder = Arc::new(OnceLock::new());
    let silence = [[0.0; GRID_SAMPLES]; MAX_CHANNELS];
    let quantum = TakeQuantum { lost_samples: 0, length: 0, wet: silence, dry: silence, request: None };
    (
        TakeTap { to_recorder, recorder: Arc::clone(&recorder), quantum, has_given_up: false },
        TakeFeed { from_audio, recorder },
    )
}

impl TakeFeed {
    /// Registers the thread to be woken when a bounce waits for it.
    pub fn register_recorder(&self, thread: Thread) {
        // Only the first thread counts; there is one recorder.
        let _ = self.recorder.set(thread);
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

    /// Something was asked for at the next sample.
    ///
    /// # Realtime safety
    /// As [`Self::advance`].
    pub(super) fn ask(&mut self, order: TakeOrder, values: ParamValues, waiting: &mut Waiting, meters: &Meters) {
        let request = self.quantum.request.get_or_insert(TakeRequest { orders: [None; MAX_ORDERS], values });
        let place = request.orders.iter().position(Option::is_none).unwrap_or(MAX_ORDERS - 1);
        request.orders[place] = Some(order);
        request.values = values;
        self.send(waiting, meters);
    }

    /// Sends the samples gathered so far. If the ring is full and this is no bounce, which could wait, they are dropped and
    /// counted; a requested take is not lost.
    fn send(&mut self, waiting: &mut Waiting, meters: &Meters) {
        if self.to_recorder.is_full() && !self.has_given_up {
            let (to_recorder, recorder) = (&self.to_recorder, &self.recorder);
            let in_vain = waiting.wait_in_a_bounce(|| {
                if let Some(thread) = recorder.get() {
                    thread.unpark();
                }
                !to_recorder.is_full() || to_recorder.is_abandoned()
            });
            self.has_given_up = in_vain;
        }
        if self.to_recorder.push(self.quantum.clone()).is_ok() {
            self.quantum.lost_samples = 0;
            self.quantum.request = None;
        } else {
            if self.quantum.lost_samples == 0 {
                meters.count_take_gap();
            }
            self.quantum.lost_samples += self.quantum.length as u64;
        }
        self.quantum.length = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::types::RenderMode;

    /// Sends this many samples that count on from `first`.
    fn play(tap: &mut TakeTap, first: usize, samples: usize, waiting: &mut Waiting, meters: &Meters) {
        for sample in first..first + samples {
            tap.put(0, sample as f32, -(sample as f32));
            tap.advance(waiting, meters);
        }
    }

    #[test]
    fn a_bounce_waits_for_a_slow_reader_and_loses_nothing() {
        let (mut tap, mut feed) = take_link(0, 0);
        let meters = Meters::default();
        let mut waiting = Waiting::new(RenderMode::Offline);
        let other = std::thread::spawn(move || {
            feed.register_recorder(std::thread::current());
            let mut sound = Vec::new();
            let mut pressed = Vec::new();
            while !(feed.from_audio.is_abandoned() && feed.from_audio.is_empty()) {
                while let Ok(quantum) = feed.from_audio.pop() {
                    assert_eq!(quantum.lost_samples, 0);
                    assert!(quantum.wet[0].iter().zip(&quantum.dry[0]).all(|(wet, dry)| *wet == -dry));
                    sound.extend_from_slice(&quantum.dry[0][..quantum.length]);
                    pressed.extend(quantum.request.map(|_| sound.len()));
                }
                std::thread::park_timeout(std::time::Duration::from_millis(1));
            }
            (sound, pressed)
        });
        // More than the ring holds, and the last quantum half full.
        play(&mut tap, 0, 40 * GRID_SAMPLES + 5, &mut waiting, &meters);
        tap.ask(TakeOrder::Save, ParamValues::default(), &mut waiting, &meters);
        drop(tap);
        let (sound, pressed) = other.join().expect("every quantum was whole");
        assert_eq!((sound.len(), pressed), (40 * GRID_SAMPLES + 5, vec![40 * GRID_SAMPLES + 5]));
        assert!(sound.iter().enumerate().all(|(i, sample)| *sample == i as f32));
        assert_eq!(meters.take_gaps(), 0);
    }

    #[test]
    fn a_performance_waits_for_nobody_and_counts_what_is_lost() {
        let (mut tap, mut feed) = take_link(0, 0);
        let meters = Meters::default();
        let mut waiting = Waiting::new(RenderMode::Live);
        play(&mut tap, 0, 20 * GRID_SAMPLES, &mut waiting, &meters);
        let mut values = ParamValues::default();
        // One more than there is room for.
        for order in [TakeOrder::Save, TakeOrder::Mark, TakeOrder::LearnMarked, TakeOrder::Mark, TakeOrder::LearnLast] {
            values.set(ParamId::LearnSeconds, values.get(ParamId::LearnSeconds) + 1.0);
            tap.ask(order, values, &mut waiting, &meters);
        }
        let heard = std::iter::from_fn(|| feed.from_audio.pop().ok()).count();
        assert_eq!((heard, meters.take_gaps()), (16, 1));
        play(&mut tap, 0, GRID_SAMPLES, &mut waiting, &meters);
        let quantum = feed.from_audio.pop().expect("there is room again");
        assert_eq!(quantum.lost_samples, 4 * GRID_SAMPLES as u64);
        let request = quantum.request.expect("what was asked for is not lost");
        let orders: Vec<TakeOrder> = request.orders().collect();
        assert_eq!(orders, [TakeOrder::Save, TakeOrder::Mark, TakeOrder::LearnMarked, TakeOrder::LearnLast]);
        assert_eq!(request.values.get(ParamId::LearnSeconds), values.get(ParamId::LearnSeconds), "as they were last");
        play(&mut tap, 0, GRID_SAMPLES, &mut waiting, &meters);
        assert!(feed.from_audio.pop().is_ok_and(|quantum| quantum.request.is_none()), "it is asked for once");
    }

    #[test]
    fn moves_of_parameters_ask_for_takes() {
        for (id, was, value, order) in [
            (ParamId::Keep, 0.0, 1.0, Some(TakeOrder::Save)),
            (ParamId::Keep, 1.0, 1.0, None),
            (ParamId::Keep, 1.0, 0.0, None),
            (ParamId::LearnTake, 0.0, 1.0, Some(TakeOrder::LearnLast)),
            (ParamId::LearnTake, 1.0, 0.0, None),
            (ParamId::LearnRecord, 0.0, 1.0, Some(TakeOrder::Mark)),
            (ParamId::LearnRecord, 1.0, 1.0, None),
            (ParamId::LearnRecord, 1.0, 0.0, Some(TakeOrder::LearnMarked)),
            (ParamId::LearnSeconds, 0.0, 1.0, None),
        ] {
            assert_eq!(TakeOrder::of(id, was, value), order, "{id:?} from {was} to {value}");
        }
    }
}
