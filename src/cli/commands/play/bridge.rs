//! From the callback of the input to that of the output: two threads, and maybe two clocks.

use super::performer::Monitor;
use rtrb::{Consumer, Producer, RingBuffer};
use std::sync::{Arc, atomic::Ordering::Relaxed};

/// A stereo frame.
pub type Frame = [f32; 2];
/// So many periods are waiting when the output begins to take them.
const PERIODS_IN_HAND: usize = 2;
/// Longest backlog; beyond it the oldest samples are dropped, as later monitoring would be useless.
const MAX_PERIODS: usize = 6;

/// The input's end.
#[derive(Debug)]
pub struct InputEnd {
    ring: Producer<Frame>,
    /// The channels of the device that are heard left and right.
    channels: [usize; 2],
    device_channels: usize,
}

/// The output's end.
#[derive(Debug)]
pub struct OutputEnd {
    ring: Consumer<Frame>,
    period: usize,
    is_flowing: bool,
    monitor: Arc<Monitor>,
}

/// A bridge for a device with so many channels, of which `channel` (from 1) is heard in the middle, or else the first two.
pub fn bridge(
    device_channels: u16,
    channel: Option<u16>,
    period: usize,
    monitor: &Arc<Monitor>,
) -> (InputEnd, OutputEnd) {
    let device_channels = usize::from(device_channels).max(1);
    let last = device_channels - 1;
    let channels = match channel {
        Some(channel) => [usize::from(channel.max(1) - 1).min(last); 2],
        None => [0, 1.min(last)],
    };
    let (producer, ring) = RingBuffer::new(4 * MAX_PERIODS * period + super::performer::MAX_BLOCK);
    let input = InputEnd { ring: producer, channels, device_channels };
    (input, OutputEnd { ring, period, is_flowing: false, monitor: Arc::clone(monitor) })
}

impl InputEnd {
    /// Takes in interleaved samples of the device.
    ///
    /// # Realtime safety
    /// Wait-free; what finds no room is dropped, and counted by the other end.
    pub fn push<T: Copy>(&mut self, data: &[T], to_f32: impl Fn(T) -> f32) {
        for frame in data.chunks_exact(self.device_channels) {
            if self.ring.push(self.channels.map(|channel| to_f32(frame[channel]))).is_err() {
                return;
            }
        }
    }
}

impl OutputEnd {
    /// The next frames, a slice a channel; silence while the input has not given enough.
    ///
    /// # Realtime safety
    /// Wait-free.
    pub fn fill(&mut self, block: &mut [&mut [f32]]) {
        let samples = block.first().map_or(0, |channel| channel.len());
        let in_hand = PERIODS_IN_HAND * self.period.max(samples);
        let waiting = self.ring.slots();
        if self.is_flowing && waiting > MAX_PERIODS * self.period.max(samples) {
            self.skip(waiting - in_hand);
            self.monitor.input_gaps.fetch_add(1, Relaxed);
        } else if self.is_flowing && waiting < samples {
            self.is_flowing = false;
            self.monitor.input_gaps.fetch_add(1, Relaxed);
        } else if !self.is_flowing && waiting >= in_hand {
            self.skip(waiting - in_hand);
            self.is_flowing = true;
        }
        for i in 0..samples {
            let frame = if self.is_flowing { self.ring.pop().unwrap_or_default() } else { Frame::default() };
            block.iter_mut().zip(frame).for_each(|(channel, sample)| channel[i] = sample);
        }
    }

    fn skip(&mut self, frames: usize) {
        if let Ok(chunk) = self.ring.read_chunk(frames) {
            chunk.commit_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::performer::Performer, *};
    use crate::{engine::EngineConfig, nn::Isa, session, worker::ModelRegistry};

    fn monitor() -> Arc<Monitor> {
        let (engine, _) = session::start(EngineConfig::new(48_000), ModelRegistry::with_embedded(Isa::best()));
        Performer::new(engine, RingBuffer::new(1).1, 48_000, 120.0, false).2
    }

    fn take(end: &mut OutputEnd, samples: usize) -> [Vec<f32>; 2] {
        let mut sound = [vec![9.0; samples], vec![9.0; samples]];
        let [left, right] = &mut sound;
        end.fill(&mut [left, right]);
        sound
    }

    #[test]
    fn sound_flows_in_order_and_gaps_are_silence_and_counted() {
        let monitor = monitor();
        let (mut input, mut output) = bridge(3, None, 64, &monitor);
        let mut next = 0i16;
        let mut push = |input: &mut InputEnd, frames: usize| {
            let data: Vec<i16> = (0..frames).flat_map(|i| [next + i as i16, -(next + i as i16), 1000]).collect();
            next += frames as i16;
            input.push(&data, f32::from);
        };
        push(&mut input, 64);
        assert_eq!(take(&mut output, 64), [vec![0.0; 64], vec![0.0; 64]], "not enough in hand");
        push(&mut input, 64);
        for start in [0.0, 64.0, 128.0, 192.0] {
            let [left, right] = take(&mut output, 64);
            assert!(left.iter().zip(&right).enumerate().all(|(i, (l, r))| *l == start + i as f32 && *r == -l));
            push(&mut input, 64);
        }
        assert_eq!(monitor.input_gaps.load(Relaxed), 0);
        // The output stalls, then the input does.
        push(&mut input, 640);
        assert!(take(&mut output, 64)[0][0] > 256.0, "the oldest are gone");
        take(&mut output, 64);
        assert_eq!(take(&mut output, 64)[0], vec![0.0; 64]);
        assert_eq!(monitor.input_gaps.load(Relaxed), 2);
    }

    #[test]
    fn a_channel_is_heard_in_the_middle() {
        for (channels, channel, expected) in [(4, Some(3), [2.0, 2.0]), (1, None, [0.0, 0.0]), (2, Some(9), [1.0, 1.0])]
        {
            let (mut input, mut output) = bridge(channels, channel, 1, &monitor());
            let frame: Vec<f32> = (0..channels).map(f32::from).collect();
            (0..2).for_each(|_| input.push(&frame, |x| x));
            let [left, right] = take(&mut output, 1);
            assert_eq!([left[0], right[0]], expected);
        }
    }
}
