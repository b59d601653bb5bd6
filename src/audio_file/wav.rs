//! WAV files that are written: as files, and within a page.

use super::Recording;
use crate::whole_file::replace_file;
use base64::{Engine, engine::general_purpose::STANDARD};
use hound::{SampleFormat, WavSpec, WavWriter};
use std::{
    fs::File,
    io::{self, BufWriter, Cursor},
    path::Path,
};

/// How samples are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// 16-bit whole numbers, rounded to the nearest; what exceeds full scale is clipped.
    Int16,
    /// 24-bit whole numbers, the same.
    Int24,
    /// 32-bit floats, as they are.
    #[default]
    Float32,
}

impl Depth {
    /// Bits of a sample.
    pub fn bits(self) -> u16 {
        match self {
            Self::Int16 => 16,
            Self::Int24 => 24,
            Self::Float32 => 32,
        }
    }

    /// A sample as a whole number: full scale is the least and the most that the bits hold.
    pub fn whole(self, sample: f32) -> i32 {
        let scale = f64::from(1u32 << (self.bits() - 1));
        (f64::from(sample) * scale).round().clamp(-scale, scale - 1.0) as i32
    }
}

/// A WAV file that is written block by block.
pub struct WavFile {
    writer: WavWriter<BufWriter<File>>,
    depth: Depth,
}

impl WavFile {
    /// Begins a file, in place of one that is there.
    ///
    /// # Errors
    /// The system's.
    pub fn create(path: &Path, sample_rate_hz: u32, channels: usize, depth: Depth) -> io::Result<Self> {
        Self::within(File::create(path)?, sample_rate_hz, channels, depth)
    }

    /// Begins to write to a file that is open, and empty.
    ///
    /// # Errors
    /// The system's.
    pub fn within(file: File, sample_rate_hz: u32, channels: usize, depth: Depth) -> io::Result<Self> {
        let spec = WavSpec {
            channels: channels as u16,
            sample_rate: sample_rate_hz,
            bits_per_sample: depth.bits(),
            sample_format: if depth == Depth::Float32 { SampleFormat::Float } else { SampleFormat::Int },
        };
        let writer = WavWriter::new(BufWriter::new(file), spec).map_err(to_io)?;
        Ok(Self { writer, depth })
    }

    /// Adds samples; `block`: `[channel][sample]`, equally long.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&mut self, block: &[&[f32]]) -> io::Result<()> {
        for index in 0..block.iter().map(|channel| channel.len()).min().unwrap_or(0) {
            for channel in block {
                let sample = channel[index];
                match self.depth {
                    Depth::Float32 => self.writer.write_sample(sample),
                    depth => self.writer.write_sample(depth.whole(sample)),
                }
                .map_err(to_io)?;
            }
        }
        Ok(())
    }

    /// Ends the file; without it, it is not whole.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(self) -> io::Result<()> {
        self.writer.finalize().map_err(to_io)
    }
}

fn to_io(error: hound::Error) -> io::Error {
    match error {
        hound::Error::IoError(error) => error,
        other => io::Error::other(other.to_string()),
    }
}

/// Writes samples. `channels`: `[channel][sample]`, equally long.
///
/// # Errors
/// The system's; nothing is left behind.
pub fn write_wav(path: &Path, sample_rate_hz: u32, channels: &[&[f32]], depth: Depth) -> io::Result<()> {
    replace_file(path, |part| {
        let mut file = WavFile::create(part, sample_rate_hz, channels.len(), depth)?;
        file.write(channels)?;
        file.finish()
    })
}

/// A WAV file of 16-bit samples as an address that holds it.
pub fn data_uri(recording: &Recording) -> String {
    let spec = WavSpec {
        channels: recording.channels.len() as u16,
        sample_rate: recording.sample_rate_hz,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut file = Cursor::new(Vec::new());
    // Into memory nothing can fail but a sound without channels, or of 4 GiB: that plays as silence.
    _ = write(&mut file, spec, recording);
    format!("data:audio/wav;base64,{}", STANDARD.encode(file.into_inner()))
}

fn write(file: &mut Cursor<Vec<u8>>, spec: WavSpec, recording: &Recording) -> hound::Result<()> {
    let mut writer = WavWriter::new(file, spec)?;
    for index in 0..recording.length_samples() {
        for channel in &recording.channels {
            writer.write_sample((channel[index] * 32_767.0).round().clamp(-32_768.0, 32_767.0) as i16)?;
        }
    }
    writer.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sound_comes_back_within_half_a_step() {
        let channels = vec![vec![0.0, 0.5, -0.25, 2.0], vec![1.0, -1.0, 1e-6, -2.0]];
        let recording = Recording { path: "a.wav".into(), sample_rate_hz: 22_050, channels, warnings: Vec::new() };
        let uri = data_uri(&recording);
        let file = STANDARD.decode(uri.strip_prefix("data:audio/wav;base64,").expect("an address")).expect("base64");
        let mut reader = hound::WavReader::new(Cursor::new(file)).expect("a WAV file");
        assert_eq!((reader.spec().channels, reader.spec().sample_rate, reader.spec().bits_per_sample), (2, 22_050, 16));
        let samples: Vec<i16> = reader.samples().map(|sample| sample.expect("a sample")).collect();
        assert_eq!(samples, [0, 32_767, 16_384, -32_767, -8192, 0, 32_767, -32_768]);
    }
}
