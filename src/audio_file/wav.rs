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

/// Writes samples. `channels`: `[channel][sample]`, equally long.
///
/// # Errors
/// The system's; nothing is left behind.
pub fn write_wav(path: &Path, sample_rate_hz: u32, channels: &[&[f32]], depth: Depth) -> io::Result<()> {
    let is_float = depth == Depth::Float32;
    let spec = WavSpec {
        channels: channels.len() as u16,
        sample_rate: sample_rate_hz,
        bits_per_sample: depth.bits(),
        sample_format: if is_float { SampleFormat::Float } else { SampleFormat::Int },
    };
    let to_io = |error| match error {
        hound::Error::IoError(error) => error,
        other => io::Error::other(other.to_string()),
    };
    replace_file(path, |part| {
        let mut writer = WavWriter::new(BufWriter::new(File::create(part)?), spec).map_err(to_io)?;
        for index in 0..channels.iter().map(|channel| channel.len()).min().unwrap_or(0) {
            for channel in channels {
                let sample = channel[index];
                match is_float {
                    true => writer.write_sample(sample),
                    false => writer.write_sample(depth.whole(sample)),
                }
                .map_err(to_io)?;
            }
        }
        writer.finalize().map_err(to_io)
    })
}

/// Writes a FLAC file. `channels`: `[channel][sample]`, equally long; `depth`: of whole numbers.
///
/// # Errors
/// The system's, and for what FLAC cannot hold; nothing is left behind.
#[cfg(feature = "cli")]
pub fn write_flac(path: &Path, sample_rate_hz: u32, channels: &[&[f32]], depth: Depth) -> io::Result<()> {
    use flacenc::{bitsink::ByteSink, component::BitRepr, config::Encoder, error::Verify, source::MemSource};

    let wrong = |reason: String| io::Error::new(io::ErrorKind::InvalidInput, reason);
    let length = channels.iter().map(|channel| channel.len()).min().unwrap_or(0);
    let samples: Vec<i32> =
        (0..length).flat_map(|index| channels.iter().map(move |channel| depth.whole(channel[index]))).collect();
    let config = Encoder::default().into_verified().map_err(|(_, error)| wrong(error.to_string()))?;
    let source = MemSource::from_samples(&samples, channels.len(), depth.bits().into(), sample_rate_hz as usize);
    let mut stream = flacenc::encode_with_fixed_block_size(&config, source, config.block_size)
        .map_err(|error| wrong(error.to_string()))?;
    // The last block, which is shorter, does not count.
    let block = config.block_size;
    stream.stream_info_mut().set_block_sizes(block, block).map_err(|error| wrong(error.to_string()))?;
    let mut sink = ByteSink::new();
    stream.write(&mut sink).map_err(|error| wrong(error.to_string()))?;
    replace_file(path, |part| std::fs::write(part, sink.as_slice()))
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
