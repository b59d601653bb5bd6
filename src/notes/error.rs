//! What can be wrong with MIDI files and data sets of rolls; every variant names the file and what was expected and
//! found.

use std::path::PathBuf;

/// Why a file was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotesError {
    /// The file cannot be opened, read or written.
    #[error("{}: cannot be {action}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// "read" or "written".
        action: &'static str,
        /// The system's word.
        source: std::io::Error,
    },
    /// It is no file of its kind, or one that will not do.
    #[error("{}: {what}: expected {expected}, found {actual}", file.display())]
    Unsuitable {
        /// The file.
        file: PathBuf,
        /// Which property.
        what: &'static str,
        /// Its rule.
        expected: String,
        /// Its value.
        actual: String,
    },
}

impl NotesError {
    /// What is wrong, without the name of the file.
    pub fn reason(&self) -> String {
        match self {
            Self::Io { action, source, .. } => format!("cannot be {action}: {source}"),
            Self::Unsuitable { what, expected, actual, .. } => format!("{what}: expected {expected}, found {actual}"),
        }
    }
}
