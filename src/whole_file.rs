//! Files that are whole or not there.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

/// Lets `fill` write the file `PATH.part`, then moves it to its place; on failure it is removed.
///
/// # Errors
/// The system's; nothing is left behind.
pub fn replace_file(path: &Path, fill: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let mut name: OsString = path.into();
    name.push(".part");
    let part = PartFile { path: name.into() };
    fill(&part.path).and_then(|()| fs::rename(&part.path, path))
}

/// Writes `bytes`, onto the disk, before the old file goes.
///
/// # Errors
/// The system's; the old file, if any, is still there.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_file(path, |part| {
        let mut file = File::create(part)?;
        file.write_all(bytes)?;
        file.sync_all()
    })
}

/// Writes 32-bit float samples. `channels`: `[channel][sample]`, equally long.
///
/// # Errors
/// The system's; nothing is left behind.
pub fn write_wav(path: &Path, sample_rate_hz: u32, channels: &[&[f32]]) -> io::Result<()> {
    let spec = hound::WavSpec {
        channels: channels.len() as u16,
        sample_rate: sample_rate_hz,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let to_io = |error| match error {
        hound::Error::IoError(error) => error,
        other => io::Error::other(other.to_string()),
    };
    replace_file(path, |part| {
        let mut writer = hound::WavWriter::new(BufWriter::new(File::create(part)?), spec).map_err(to_io)?;
        for index in 0..channels.iter().map(|channel| channel.len()).min().unwrap_or(0) {
            for channel in channels {
                writer.write_sample(channel[index]).map_err(to_io)?;
            }
        }
        writer.finalize().map_err(to_io)
    })
}

/// Removes the part when it goes, which finds nothing where the part was moved to its place.
struct PartFile {
    path: PathBuf,
}

impl Drop for PartFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
