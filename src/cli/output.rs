//! Writing files that are whole or not there.

use super::error::CliError;
use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, BufWriter},
    path::{Path, PathBuf},
};

/// The sizes in a WAV header have 32 bits.
const MAX_WAV_BYTES: u64 = u32::MAX as u64 - 1024;

/// Checks, before any work is done, that an output can be written here.
///
/// # Errors
/// If the name does not end in `.extension`, the place is a folder, or its folder does not exist.
pub fn check_output(path: &Path, extension: &str) -> Result<(), CliError> {
    let wrong =
        |expected: String, actual: &str| CliError::Output { path: path.into(), expected, actual: actual.into() };
    let found = path.extension().map(|found| found.to_string_lossy().to_lowercase());
    if found.as_deref() != Some(extension) {
        return Err(wrong(
            format!("a name that ends in .{extension}"),
            &path.file_name().map_or_else(|| "no file name".into(), |name| format!("{:?}", name.to_string_lossy())),
        ));
    }
    if path.is_dir() {
        return Err(wrong("a place for a file".into(), "a folder"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_some_and(|folder| !folder.is_dir()) {
        return Err(wrong("a place in an existing folder".into(), "no such folder"));
    }
    Ok(())
}

/// Checks that so much sound fits into a WAV file.
///
/// # Errors
/// If it does not.
pub fn check_wav_length(path: &Path, channels: usize, samples: usize) -> Result<(), CliError> {
    let bytes = (channels as u64).saturating_mul(samples as u64).saturating_mul(4);
    if bytes > MAX_WAV_BYTES {
        return Err(CliError::Output {
            path: path.into(),
            expected: format!("at most {MAX_WAV_BYTES} bytes of sound in a WAV file"),
            actual: format!("{bytes}"),
        });
    }
    Ok(())
}

/// Writes 32-bit float samples. `channels`: `[channel][sample]`, equally long.
///
/// # Errors
/// [`CliError::Io`]; nothing is left behind.
pub fn write_wav(path: &Path, sample_rate_hz: u32, channels: &[Vec<f32>]) -> Result<(), CliError> {
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
        for index in 0..channels.iter().map(Vec::len).min().unwrap_or(0) {
            for channel in channels {
                writer.write_sample(channel[index]).map_err(to_io)?;
            }
        }
        writer.finalize().map_err(to_io)
    })
}

/// Lets `fill` write the file `PATH.part`, then moves it to its place; on failure it is removed.
///
/// # Errors
/// [`CliError::Io`].
pub fn replace_file(path: &Path, fill: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), CliError> {
    let mut name: OsString = path.into();
    name.push(".part");
    let part = PartFile { path: name.into() };
    fill(&part.path).and_then(|()| fs::rename(&part.path, path)).map_err(|source| CliError::Io {
        path: path.into(),
        action: "written",
        source,
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
