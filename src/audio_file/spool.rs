//! Sound of any length: in memory, or on disk where it may last for hours.

use crate::dsp::resample::Resampler;
use bytemuck::{cast_slice, cast_slice_mut};
use std::{
    env,
    fs::File,
    io::{self, BufWriter, Read, Seek, SeekFrom, Write},
    sync::{Mutex, PoisonError},
};

/// Frames that are read from disk, or moved on it, at once.
const WINDOW_FRAMES: usize = 1 << 14;
/// Bytes of a sample.
const SAMPLE: usize = size_of::<f32>();

/// Sound that can be read from any place on.
pub trait Samples {
    /// Channels, at least one.
    fn channels(&self) -> usize;

    /// Samples of a channel.
    fn length_samples(&self) -> usize;

    /// Copies what begins at `start` into `block`, `[channel][sample]`, equally long, of [`Self::channels`] at most; silence beyond the
    /// end. Not for the audio thread.
    ///
    /// # Errors
    /// The system's, of what lies on disk.
    fn read(&self, start: usize, block: &mut [&mut [f32]]) -> io::Result<()>;
}

/// In memory: `[channel][sample]`, equally long.
impl Samples for Vec<Vec<f32>> {
    fn channels(&self) -> usize {
        self.len()
    }

    fn length_samples(&self) -> usize {
        self.iter().map(Vec::len).min().unwrap_or(0)
    }

    fn read(&self, start: usize, block: &mut [&mut [f32]]) -> io::Result<()> {
        for (part, channel) in block.iter_mut().zip(self) {
            let there = channel.get(start..).unwrap_or_default();
            let count = there.len().min(part.len());
            part[..count].copy_from_slice(&there[..count]);
            part[count..].fill(0.0);
        }
        Ok(())
    }
}

/// Sound in a temporary file without a name, which goes with it: frames of 32-bit floats, in this machine's order of bytes.
#[derive(Debug)]
pub struct Spool {
    channels: usize,
    length_samples: usize,
    window: Mutex<Window>,
}

/// What was read last.
#[derive(Debug)]
struct Window {
    file: File,
    start: usize,
    /// Frames
    samples: Vec<f32>,
}

impl Spool {
    /// As [`Resampler::resample_all`], on disk.
    ///
    /// # Errors
    /// The system's, with the folder of temporary files.
    pub fn resampled(&self, resampler: &Resampler) -> io::Result<Self> {
        const AT_ONCE: i64 = 1 << 14;
        let mut writer = SpoolWriter::new(self.channels)?;
        let length = resampler.resampled_samples(self.length_samples);
        let mut start = 0;
        while start < length {
            let end = (start + AT_ONCE).min(length);
            let first = resampler.first_input(resampler.position(start).0);
            let last = resampler.end_of_input(end - 1);
            let mut heard = vec![vec![0.0; (last - first) as usize]; self.channels];
            // Silence before the beginning.
            let before = (-first).max(0) as usize;
            let mut block: Vec<&mut [f32]> = heard.iter_mut().map(|channel| &mut channel[before..]).collect();
            self.read(first.max(0) as usize, &mut block)?;
            let sample = |channel: &Vec<f32>, k| {
                let (whole, fraction) = resampler.position(k);
                resampler.sample(fraction, &channel[(resampler.first_input(whole) - first) as usize..])
            };
            let out: Vec<Vec<f32>> =
                heard.iter().map(|channel| (start..end).map(|k| sample(channel, k)).collect()).collect();
            writer.write(&out.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
            start = end;
        }
        writer.finish()
    }
}

impl Samples for Spool {
    fn channels(&self) -> usize {
        self.channels
    }

    fn length_samples(&self) -> usize {
        self.length_samples
    }

    fn read(&self, start: usize, block: &mut [&mut [f32]]) -> io::Result<()> {
        let length = block.iter().map(|part| part.len()).min().unwrap_or(0);
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let mut done = 0;
        while done < length {
            let at = start.saturating_add(done);
            let left = self.length_samples.saturating_sub(at);
            if left == 0 {
                block.iter_mut().for_each(|part| part[done..].fill(0.0));
                break;
            }
            let frames = window.from(at, left, self.channels).map_err(|error| of_file("read", error))?;
            let count = (frames.len() / self.channels).min(length - done);
            for (channel, part) in block.iter_mut().enumerate() {
                let samples = frames.iter().skip(channel).step_by(self.channels);
                part[done..done + count].iter_mut().zip(samples).for_each(|(slot, &sample)| *slot = sample);
            }
            done += count;
        }
        Ok(())
    }
}

impl Window {
    /// Frames from `at` on, of which the file holds `left`: at least one.
    fn from(&mut self, at: usize, left: usize, channels: usize) -> io::Result<&[f32]> {
        let held = self.start..self.start + self.samples.len() / channels;
        if !held.contains(&at) {
            // Nothing is held if reading fails.
            self.samples.clear();
            let mut samples = vec![0.0; left.min(WINDOW_FRAMES) * channels];
            self.file.seek(SeekFrom::Start((at * channels * SAMPLE) as u64))?;
            self.file.read_exact(cast_slice_mut(&mut samples))?;
            (self.start, self.samples) = (at, samples);
        }
        Ok(&self.samples[(at - self.start) * channels..])
    }
}

/// Writes a [`Spool`].
#[derive(Debug)]
pub struct SpoolWriter {
    file: BufWriter<File>,
    channels: usize,
    length_samples: usize,
    frames: Vec<f32>,
}

impl SpoolWriter {
    /// For so many channels, at least one.
    ///
    /// # Errors
    /// The system's, with the folder of temporary files.
    pub fn new(channels: usize) -> io::Result<Self> {
        let file = BufWriter::with_capacity(1 << 16, temporary_file()?);
        Ok(Self { file, channels: channels.max(1), length_samples: 0, frames: Vec::new() })
    }

    /// Adds samples; `block`: `[channel][sample]`, equally long.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn write(&mut self, block: &[&[f32]]) -> io::Result<()> {
        let length = block.iter().map(|channel| channel.len()).min().unwrap_or(0);
        self.frames.clear();
        for index in 0..length {
            self.frames.extend(block.iter().map(|channel| channel[index]));
        }
        self.length_samples += length;
        self.file.write_all(cast_slice(&self.frames)).map_err(of_temporary)
    }

    /// Puts silence before what begins at sample `at`.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn insert_silence(&mut self, at: usize, length: usize) -> io::Result<()> {
        self.move_behind(at, length).map_err(of_temporary)
    }

    fn move_behind(&mut self, at: usize, length: usize) -> io::Result<()> {
        self.file.flush()?;
        let file = self.file.get_mut();
        let place = |sample: usize| SeekFrom::Start((sample * self.channels * SAMPLE) as u64);
        // From the end on, as nothing may be written over that has not been moved.
        let mut end = self.length_samples;
        while end > at {
            let start = end.saturating_sub(WINDOW_FRAMES).max(at);
            self.frames.resize((end - start) * self.channels, 0.0);
            file.seek(place(start))?;
            file.read_exact(cast_slice_mut(&mut self.frames))?;
            file.seek(place(start + length))?;
            file.write_all(cast_slice(&self.frames))?;
            end = start;
        }
        file.seek(place(at))?;
        let silence = vec![0u8; WINDOW_FRAMES];
        let mut left = length * self.channels * SAMPLE;
        while left > 0 {
            let count = left.min(silence.len());
            file.write_all(&silence[..count])?;
            left -= count;
        }
        self.length_samples += length;
        file.seek(place(self.length_samples))?;
        Ok(())
    }

    /// What was written.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn finish(self) -> io::Result<Spool> {
        let file = self.file.into_inner().map_err(|error| of_temporary(error.into_error()))?;
        let window = Mutex::new(Window { file, start: 0, samples: Vec::new() });
        Ok(Spool { channels: self.channels, length_samples: self.length_samples, window })
    }
}

/// A file without a name.
///
/// # Errors
/// The system's, with the folder of temporary files.
pub fn temporary_file() -> io::Result<File> {
    tempfile::tempfile().map_err(of_temporary)
}

/// Says of which file an error of writing is, which nobody else knows of.
pub fn of_temporary(error: io::Error) -> io::Error {
    of_file("written", error)
}

fn of_file(action: &str, error: io::Error) -> io::Error {
    let folder = env::temp_dir();
    let words =
        format!("a temporary file in {} cannot be {action}: {error}; TMPDIR chooses another folder", folder.display());
    io::Error::new(error.kind(), words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::random::Random;

    #[test]
    fn what_lies_on_disk_is_what_would_lie_in_memory() {
        let mut random = Random::new(1);
        for channels in [1, 2] {
            let mut memory = vec![Vec::new(); channels];
            let mut writer = SpoolWriter::new(channels).expect("space");
            for _ in 0..60 {
                let length = random.below(3000) as usize;
                let block: Vec<Vec<f32>> =
                    (0..channels).map(|_| (0..length).map(|_| random.normal()).collect()).collect();
                writer.write(&block.iter().map(Vec::as_slice).collect::<Vec<_>>()).expect("space");
                memory.iter_mut().zip(&block).for_each(|(all, part)| all.extend_from_slice(part));
                if random.below(8) == 0 {
                    let at = random.below(memory[0].len() as u32 + 1) as usize;
                    let gap = random.below(20_000) as usize;
                    writer.insert_silence(at, gap).expect("space");
                    memory.iter_mut().for_each(|all| drop(all.splice(at..at, std::iter::repeat_n(0.0, gap))));
                }
            }
            let spool = writer.finish().expect("space");
            assert_eq!((spool.channels(), spool.length_samples()), (channels, memory[0].len()));
            for _ in 0..300 {
                let start = random.below(memory[0].len() as u32 + 100) as usize;
                let length = random.below(40_000) as usize;
                let read = |from: &dyn Samples| {
                    let mut block = vec![vec![f32::NAN; length]; channels];
                    from.read(start, &mut block.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>()).expect("a file");
                    block
                };
                assert!(read(&spool) == read(&memory), "{length} samples from {start} on");
            }
        }
    }

    #[test]
    fn resampled_on_disk_it_is_what_it_would_be_in_memory() {
        let mut random = Random::new(1);
        for (in_hz, out_hz, length) in
            [(44_100, 48_000, 70_000), (96_000, 22_050, 100_000), (8_000, 384_000, 3), (48_000, 44_100, 1)]
        {
            let sound: Vec<Vec<f32>> = (0..2).map(|_| (0..length).map(|_| random.normal()).collect()).collect();
            let mut writer = SpoolWriter::new(2).expect("space");
            writer.write(&sound.iter().map(Vec::as_slice).collect::<Vec<_>>()).expect("space");
            let resampler = Resampler::new(in_hz, out_hz);
            let spool = writer.finish().expect("space").resampled(&resampler).expect("space");
            let expected: Vec<Vec<f32>> = sound.iter().map(|channel| resampler.resample_all(channel)).collect();
            let mut found = vec![vec![0.0; spool.length_samples()]; 2];
            spool.read(0, &mut found.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>()).expect("a file");
            assert!(found == expected, "{in_hz} to {out_hz} Hz");
        }
    }
}
