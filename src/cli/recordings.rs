//! Recordings that commands read, and what is missing of them.

use crate::cli::terminal::remark;
use crate::{
    audio_file::{LongRecording, Recording, RecordingError, Warning},
    cli::CliError,
};
use std::path::Path;

/// The option of every command that reads recordings.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Strict {
    /// Refuse recordings and MIDI files of which something is missing or cannot be read; without it a warning says so
    #[arg(long)]
    pub strict: bool,
}

impl Strict {
    /// Reads a recording and says what is missing of it.
    ///
    /// # Errors
    /// If it is refused, or if it is not whole and has to be.
    pub fn read(self, path: &Path) -> Result<Recording, CliError> {
        let recording = Recording::read(path)?;
        self.warn(&recording.warnings)?;
        Ok(recording)
    }

    /// The same of a recording that may last for hours.
    ///
    /// # Errors
    /// As [`Self::read`], and if no temporary file can be written.
    pub fn read_long(self, path: &Path) -> Result<LongRecording, CliError> {
        let recording = LongRecording::read(path)?;
        self.warn(&recording.warnings)?;
        Ok(recording)
    }

    /// Says what is missing, in a line each.
    ///
    /// # Errors
    /// The first, if nothing may be missing.
    pub fn warn(self, warnings: &[Warning]) -> Result<(), CliError> {
        if let Some(first) = warnings.first().filter(|_| self.strict) {
            return Err(RecordingError::Incomplete(first.clone()).into());
        }
        warnings.iter().for_each(|warning| remark!("warning: {warning}"));
        Ok(())
    }
}
