//! An audition: sound that was made elsewhere, heard beside what the engine plays. It comes through a ring, changes nothing that is
//! predicted, is in no take, and ends where the song starts, with a bounce, and with *Bypass*.

use rtrb::{Consumer, Producer, RingBuffer};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering::Relaxed},
};

/// What the ring holds.
const RING_SECONDS: f32 = 0.25;
/// Where the sound does not come in time, it decays this fast, without a click.
const DECAY_SECONDS: f32 = 0.003;
/// Below this it is over.
const SILENT: f32 = 1e-5;

/// The end that sound is sent into. Not for the audio thread.
#[derive(Clone, Debug)]
pub struct Auditioner {
    to: Arc<Mutex<Producer<f32>>>,
    is_over: Arc<AtomicBool>,
}

impl Auditioner {
    /// A new audition begins.
    pub fn begin(&self) {
        self.is_over.store(false, Relaxed);
    }

    /// Sends the beginning of `sound`, mono, at the engine's rate: as much as there is room for. Returns how many samples that is, or
    /// nothing once the engine has gone or has ended the audition.
    pub fn send(&self, sound: &[f32]) -> Option<usize> {
        let mut producer = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        if producer.is_abandoned() || self.is_over.load(Relaxed) {
            return None;
        }
        let count = producer.slots().min(sound.len());
        let sent = sound[..count].iter().take_while(|&&sample| producer.push(sample).is_ok()).count();
        Some(sent)
    }
}

/// The engine's end.
#[derive(Debug)]
pub(super) struct Audition {
    from: Consumer<f32>,
    is_over: Arc<AtomicBool>,
    last: f32,
    decay: f32,
}

/// Both ends of a ring.
pub(super) fn audition(sample_rate_hz: u32) -> (Auditioner, Audition) {
    let (producer, from) = RingBuffer::new((RING_SECONDS * sample_rate_hz as f32) as usize);
    let decay = libm::expf(-1.0 / (DECAY_SECONDS * sample_rate_hz as f32));
    let is_over: Arc<AtomicBool> = Arc::default();
    let auditioner = Auditioner { to: Arc::new(Mutex::new(producer)), is_over: Arc::clone(&is_over) };
    (auditioner, Audition { from, is_over, last: 0.0, decay })
}

impl Audition {
    /// Ends what is heard: what has come is thrown away, and the last sample decays.
    ///
    /// # Realtime safety
    /// Wait-free.
    pub fn end(&mut self) {
        let waiting = self.from.slots();
        // Also where nothing has come just now: more may be on its way.
        if waiting > 0 || self.last != 0.0 {
            self.is_over.store(true, Relaxed);
        }
        if let Ok(waiting) = self.from.read_chunk(waiting) {
            waiting.commit_all();
        }
    }

    /// Adds what has come to every channel of `start..end`.
    ///
    /// # Realtime safety
    /// Wait-free; two atomic loads where nothing is auditioned.
    pub fn add(&mut self, channels: &mut [&mut [f32]], start: usize, end: usize) {
        if self.last == 0.0 && self.from.is_empty() {
            return;
        }
        for i in start..end {
            self.last = match self.from.pop() {
                Ok(sample) => sample,
                Err(_) if self.last.abs() < SILENT => 0.0,
                Err(_) => self.decay * self.last,
            };
            for channel in channels.iter_mut() {
                channel[i] += self.last;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_added_and_what_does_not_come_decays() {
        let (auditioner, mut audition) = audition(48_000);
        let mut left = [0.25f32; 64];
        audition.add(&mut [&mut left], 0, 64);
        assert!(left.iter().all(|x| x.to_bits() == 0.25f32.to_bits()), "nothing is nothing");
        assert_eq!(auditioner.send(&[0.5; 32]), Some(32));
        let (mut left, mut right) = ([0.25f32; 2048], [0.0f32; 2048]);
        audition.add(&mut [&mut left, &mut right], 0, 2048);
        assert_eq!((left[31], right[31]), (0.75, 0.5));
        assert!(right[31..].windows(2).all(|pair| pair[0] - pair[1] < 0.005), "no click");
        assert_eq!(right[2047], 0.0, "and an end");
        assert_eq!(auditioner.send(&[0.1; 48_000]), Some(12_000), "a quarter of a second");
        assert_eq!(auditioner.send(&[0.1; 9]), Some(0));
        audition.end();
        assert_eq!(auditioner.send(&[0.1; 9]), None, "it was ended");
        let mut left = [0.0; 64];
        audition.add(&mut [&mut left], 0, 64);
        assert_eq!(left, [0.0; 64], "and nothing of it comes later");
        auditioner.begin();
        assert_eq!(auditioner.send(&[0.1; 9]), Some(9));
        drop(audition);
        assert_eq!(auditioner.send(&[0.1; 9]), None);
    }
}
