//! Writing files that are whole or not there.

use super::{error::CliError, terminal};
use crate::{
    audio_file::{
        Depth,
        flac::FlacFile,
        is_pipe,
        spool::{of_temporary, temporary_file},
        wav::WavFile,
    },
    whole_file::{self, PartFile},
};
use std::{
    fs::{self, File},
    io::{self, IsTerminal, Seek, Write},
    path::{Path, PathBuf},
};

/// The sizes in a WAV header have 32 bits.
const MAX_WAV_BYTES: u64 = u32::MAX as u64 - 1024;

/// The option of every command that writes files.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Overwrite {
    /// Replace files that are there
    #[arg(long)]
    pub overwrite: bool,
}

impl Overwrite {
    /// As [`check_output`]; nor may there be a file already, unless it is to be replaced.
    ///
    /// # Errors
    /// As [`check_output`], and for a file that is there.
    pub fn check(self, path: &Path, extension: &str) -> Result<(), CliError> {
        self.check_of(path, &[extension])
    }

    /// As [`Self::check`], of a sound: it may also be `-`, and goes to standard output. From then on all words go to standard error.
    ///
    /// # Errors
    /// As [`Self::check`], and if standard output is a terminal.
    pub fn check_sound(self, path: &Path, extensions: &[&str]) -> Result<(), CliError> {
        if !is_pipe(path) {
            return self.check_of(path, extensions);
        }
        terminal::leave_output_to_sound();
        if io::stdout().is_terminal() {
            let (expected, actual) = ("a program or a file that takes the sound".into(), "a terminal".into());
            return Err(CliError::Output { path: path.into(), expected, actual });
        }
        Ok(())
    }

    /// The same of several endings.
    ///
    /// # Errors
    /// As [`Self::check`].
    fn check_of(self, path: &Path, extensions: &[&str]) -> Result<(), CliError> {
        check_output(path, extensions)?;
        if path.exists() && !self.overwrite {
            let (expected, actual) = ("no file there yet (--overwrite replaces it)".into(), "a file".into());
            return Err(CliError::Output { path: path.into(), expected, actual });
        }
        Ok(())
    }
}

/// Checks, before any work is done, that an output can be written here.
///
/// # Errors
/// If the name ends in none of the `extensions`, the place is a folder, or its folder does not exist.
pub fn check_output(path: &Path, extensions: &[&str]) -> Result<(), CliError> {
    let wrong =
        |expected: String, actual: &str| CliError::Output { path: path.into(), expected, actual: actual.into() };
    let found = path.extension().map(|found| found.to_string_lossy().to_lowercase());
    if !found.as_deref().is_some_and(|found| extensions.contains(&found)) {
        return Err(wrong(
            format!("a name that ends in .{}", extensions.join(" or .")),
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

/// Refuses places of which one would overwrite another; each with what it is for. Places of `inputs` are read, all others
/// written.
///
/// # Errors
/// The first two that are the same.
pub fn refuse_same_places(inputs: &[(&str, &Path)], outputs: &[(&str, &Path)]) -> Result<(), CliError> {
    // Standard input and output have one name and are two places.
    for (index, (what, path)) in outputs.iter().enumerate() {
        let others = inputs.iter().chain(&outputs[..index]);
        let mut others = others.filter(|(_, other)| !is_pipe(other));
        if let Some((other, _)) = others.find(|(_, other)| place(other) == place(path)) {
            return Err(CliError::Output {
                path: path.to_path_buf(),
                expected: format!("a place of its own for {what}"),
                actual: format!("that of {other}"),
            });
        }
    }
    Ok(())
}

/// Where a path leads, also if there is nothing yet.
fn place(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = || fs::canonicalize(folder).ok().zip(path.file_name()).map(|(folder, name)| folder.join(name));
    fs::canonicalize(path).ok().or_else(beside).unwrap_or_else(|| path.into())
}

/// Endings of the sound files that [`SoundFile`] writes.
pub const SOUND_ENDINGS: [&str; 2] = ["wav", "flac"];

/// Whether a path names a FLAC file.
fn is_flac(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("flac"))
}

/// How samples lie in the file at `path`: as it was asked for, or as its kind usually has them.
///
/// # Errors
/// If its kind does not hold them so.
pub fn depth_of(path: &Path, asked: Option<Depth>) -> Result<Depth, CliError> {
    match asked {
        Some(Depth::Float32) if is_flac(path) => {
            Err(CliError::Option { option: "--bits", expected: "16 or 24 for a FLAC file".into(), actual: "32".into() })
        }
        Some(depth) => Ok(depth),
        None => Ok(if is_flac(path) { Depth::Int24 } else { Depth::Float32 }),
    }
}

/// Checks that so much sound fits into a file: a WAV file's sizes have 32 bits.
///
/// # Errors
/// If it does not.
pub fn check_length(path: &Path, channels: usize, samples: usize, depth: Depth) -> Result<(), CliError> {
    let bytes = (channels as u64).saturating_mul(samples as u64).saturating_mul(u64::from(depth.bits() / 8));
    if bytes > MAX_WAV_BYTES && !is_flac(path) {
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
/// As of [`SoundFile`]; nothing is left behind.
pub fn write_wav(path: &Path, sample_rate_hz: u32, channels: &[Vec<f32>]) -> Result<(), CliError> {
    let mut file = SoundFile::create(path, sample_rate_hz, channels.len(), Depth::Float32)?;
    file.write(&channels.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
    file.finish().map(drop)
}

/// A sound file that is written block by block: a WAV or FLAC file, by its ending, or a WAV file for standard output, `-`, which
/// comes once it is whole. Without [`Self::finish`] nothing is left of it.
pub struct SoundFile<'a> {
    path: &'a Path,
    target: Target,
    writer: Writer,
    peak: f32,
}

enum Target {
    /// To be moved to its place.
    Part(PartFile),
    /// To be copied to standard output.
    Pipe(File),
}

enum Writer {
    Wav(WavFile),
    Flac(Box<FlacFile>),
}

impl<'a> SoundFile<'a> {
    /// Begins a file.
    ///
    /// # Errors
    /// [`CliError::Io`].
    pub fn create(path: &'a Path, sample_rate_hz: u32, channels: usize, depth: Depth) -> Result<Self, CliError> {
        let begin = || {
            if is_pipe(path) {
                let file = temporary_file()?;
                let writer = WavFile::within(file.try_clone()?, sample_rate_hz, channels, depth)?;
                return Ok((Target::Pipe(file), Writer::Wav(writer)));
            }
            let part = PartFile::beside(path);
            let writer = if is_flac(path) {
                Writer::Flac(Box::new(FlacFile::create(part.path(), sample_rate_hz, channels, depth)?))
            } else {
                Writer::Wav(WavFile::create(part.path(), sample_rate_hz, channels, depth)?)
            };
            Ok((Target::Part(part), writer))
        };
        let (target, writer) = begin().map_err(|source| not_written(path, source))?;
        Ok(Self { path, target, writer, peak: 0.0 })
    }

    /// Adds samples; `block`: `[channel][sample]`, equally long.
    ///
    /// # Errors
    /// [`CliError::Io`].
    pub fn write(&mut self, block: &[&[f32]]) -> Result<(), CliError> {
        self.peak = block.iter().flat_map(|channel| channel.iter()).fold(self.peak, |peak, x| peak.max(x.abs()));
        match &mut self.writer {
            Writer::Wav(file) => file.write(block),
            Writer::Flac(file) => file.write(block),
        }
        .map_err(|source| not_written(self.path, if is_pipe(self.path) { of_temporary(source) } else { source }))
    }

    /// Ends the file and puts it in its place; gives its largest sample.
    ///
    /// # Errors
    /// [`CliError::Io`].
    pub fn finish(self) -> Result<f32, CliError> {
        let Self { path, target, writer, peak } = self;
        let finish = || {
            match writer {
                Writer::Wav(file) => file.finish(),
                Writer::Flac(file) => file.finish(),
            }?;
            let mut file = match target {
                Target::Part(part) => return part.keep_as(path),
                Target::Pipe(file) => file,
            };
            file.rewind()?;
            let written = io::copy(&mut file, &mut io::stdout().lock());
            match written.and_then(|_| io::stdout().lock().flush()) {
                // Who has heard enough goes.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                written => written,
            }
        };
        finish().map_err(|source| not_written(path, source))?;
        Ok(peak)
    }
}

/// Lets `fill` write the file `PATH.part`, then moves it to its place; on failure it is removed.
///
/// # Errors
/// [`CliError::Io`].
pub fn replace_file(path: &Path, fill: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), CliError> {
    whole_file::replace_file(path, fill).map_err(|source| not_written(path, source))
}

fn not_written(path: &Path, source: io::Error) -> CliError {
    CliError::Io { path: path.into(), action: "written", source }
}
