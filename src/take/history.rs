//! The last minutes of wet and dry.

use crate::engine::{TakeQuantum, quantum::QuantumAudio};
use std::{
    collections::{TryReserveError, VecDeque},
    ops::Range,
};

/// A ring of frames (a sample of every channel), counted from the beginning of the instance. Reserved at its full length, so
/// that it never grows; the system gives the memory as it fills.
#[derive(Debug)]
pub(crate) struct History {
    channels: usize,
    capacity_frames: usize,
    /// Interleaved.
    wet: Vec<f32>,
    /// Interleaved.
    dry: Vec<f32>,
    end: u64,
    /// Spans of silence in place of lost sound, in order.
    gaps: VecDeque<Range<u64>>,
}

impl History {
    /// Bytes that so much sound takes.
    pub fn bytes(channels: usize, capacity_frames: usize) -> u64 {
        (2 * size_of::<f32>() * channels) as u64 * capacity_frames as u64
    }

    /// # Errors
    /// If there is not so much memory.
    pub fn new(channels: usize, capacity_frames: usize) -> Result<Self, TryReserveError> {
        let capacity_frames = capacity_frames.max(1);
        let (mut wet, mut dry) = (Vec::new(), Vec::new());
        wet.try_reserve_exact(channels * capacity_frames)?;
        dry.try_reserve_exact(channels * capacity_frames)?;
        Ok(Self { channels, capacity_frames, wet, dry, end: 0, gaps: VecDeque::new() })
    }

    /// One past the newest frame.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// The oldest frame that is still there.
    pub fn start(&self) -> u64 {
        self.end.saturating_sub(self.capacity_frames as u64)
    }

    /// Frames that it holds at most.
    pub fn capacity_frames(&self) -> u64 {
        self.capacity_frames as u64
    }

    /// Appends sound; the oldest frames are overwritten.
    pub fn push(&mut self, quantum: &TakeQuantum) {
        if quantum.lost_samples > 0 {
            self.gaps.push_back(self.end..self.end + quantum.lost_samples);
            self.extend(quantum.lost_samples, |_, wet, dry| {
                wet.fill(0.0);
                dry.fill(0.0);
            });
        }
        let channels = self.channels;
        self.extend(quantum.length as u64, |from, wet, dry| {
            interleave(&quantum.wet, from, channels, wet);
            interleave(&quantum.dry, from, channels, dry);
        });
        let start = self.start();
        while self.gaps.front().is_some_and(|gap| gap.end <= start) {
            self.gaps.pop_front();
        }
    }

    /// Lets `write` fill the places of the next frames, of wet and of dry, run by run; it is told the first frame of a run.
    fn extend(&mut self, frames: u64, mut write: impl FnMut(usize, &mut [f32], &mut [f32])) {
        let mut done = 0;
        while done < frames {
            let at = (self.end % self.capacity_frames as u64) as usize;
            let run = (frames - done).min((self.capacity_frames - at) as u64);
            let samples = at * self.channels..(at + run as usize) * self.channels;
            // Within what is reserved: the first time around it is filled.
            if self.wet.len() < samples.end {
                self.wet.resize(samples.end, 0.0);
                self.dry.resize(samples.end, 0.0);
            }
            write(done as usize, &mut self.wet[samples.clone()], &mut self.dry[samples]);
            self.end += run;
            done += run;
        }
    }

    /// Wet and dry, interleaved, of the frames from `span.start` on: at most `most`, at least one, all beside each other in
    /// memory. `span` lies within start and end.
    pub fn part(&self, span: Range<u64>, most: usize) -> (&[f32], &[f32]) {
        let at = (span.start % self.capacity_frames as u64) as usize;
        let frames = ((span.end - span.start) as usize).min(most).min(self.capacity_frames - at);
        let samples = at * self.channels..(at + frames) * self.channels;
        (&self.wet[samples.clone()], &self.dry[samples])
    }

    /// The dry of a span as recordings are made mono: the mean of its channels. It lies within start and end.
    pub fn mono(&self, mut span: Range<u64>) -> Vec<f32> {
        let mut mono = Vec::with_capacity((span.end - span.start) as usize);
        while !span.is_empty() {
            let (_, dry) = self.part(span.clone(), usize::MAX);
            span.start += (dry.len() / self.channels) as u64;
            match self.channels {
                2 => mono.extend(dry.as_chunks::<2>().0.iter().map(|[left, right]| 0.5 * (left + right))),
                _ => mono.extend_from_slice(dry),
            }
        }
        mono
    }

    /// How many frames of a span were lost.
    pub fn lost_frames(&self, span: &Range<u64>) -> u64 {
        self.gaps.iter().map(|gap| gap.end.min(span.end).saturating_sub(gap.start.max(span.start))).sum()
    }
}

/// Writes the samples from `from` on, so many as `frames` has room for.
fn interleave(sound: &QuantumAudio, from: usize, channels: usize, frames: &mut [f32]) {
    for (channel, samples) in sound.iter().take(channels).enumerate() {
        let places = frames.iter_mut().skip(channel).step_by(channels);
        places.zip(&samples[from..]).for_each(|(place, sample)| *place = *sample);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{GRID_SAMPLES, MAX_CHANNELS};

    #[test]
    fn it_wraps_around_and_knows_its_gaps() {
        let mut history = History::new(2, 100).expect("memory");
        let memory = history.wet.capacity();
        let mut next = 0.0;
        for (lost_samples, length) in [(0, 64), (5, 64), (0, 0), (0, 1), (1, 63)] {
            let mut quantum = TakeQuantum {
                lost_samples,
                length,
                wet: [[0.0; GRID_SAMPLES]; MAX_CHANNELS],
                dry: [[0.0; GRID_SAMPLES]; MAX_CHANNELS],
                request: None,
            };
            next += lost_samples as f32;
            for i in 0..length {
                quantum.wet[0][i] = next;
                quantum.wet[1][i] = -next;
                quantum.dry[1][i] = 0.5 * next;
                next += 1.0;
            }
            history.push(&quantum);
        }
        assert_eq!((history.start(), history.end()), (98, 198));
        assert_eq!(history.wet.capacity(), memory, "it never grows");
        let mut at = history.start();
        while at < history.end() {
            let (wet, dry) = history.part(at..history.end(), 7);
            for (wet, dry) in wet.chunks(2).zip(dry.chunks(2)) {
                let expected = if at == 134 { 0.0 } else { at as f32 };
                assert_eq!((wet, dry), (&[expected, -expected][..], &[0.0, 0.5 * expected][..]), "frame {at}");
                at += 1;
            }
        }
        let mono = history.mono(100..198);
        let expected = |frame: u64| if frame == 134 { 0.0 } else { 0.25 * frame as f32 };
        assert!(mono.iter().zip(100..).all(|(sample, frame)| *sample == expected(frame)) && mono.len() == 98);
        assert_eq!(history.lost_frames(&(98..198)), 1, "the older gap has gone");
        assert_eq!(history.gaps.len(), 1);
    }
}
