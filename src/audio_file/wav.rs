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

/// Writes 32-bit float samples. `channels`: `[channel][sample]`, equally long.
///
/// # Errors
/// The system's; nothing is left behind.
pub fn write_wav(path: &Path, sample_rate_hz: u32, channels: &[&[f32]]) -> io::Result<()> {
    let spec = WavSpec {
        channels: channels.len() as u16,
        sample_rate: sample_rate_hz,
        bits_per_sample: 32,
        sample_format: SampleFormat::Float,
    };
    let to_io = |error| match error {
        hound::Error::IoError(error) => error,
        other => io::Error::other(other.to_string()),
    };
    replace_file(path, |part| {
        let mut writer = WavWriter::new(BufWriter::new(File::create(part)?), spec).map_err(to_io)?;
        for index in 0..channels.iter().map(|channel| channel.len()).min().unwrap_or(0) {
            for channel in channels {
                writer.write_sample(channel[index]).map_err(to_io)?;
            }
        }
        writer.finalize().map_err(to_io)
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
