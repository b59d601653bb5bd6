//! Why a take was not written.

use std::path::{Path, PathBuf};

/// One line each.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TakeError {
    /// The system names no folder of the user.
    #[error("expected a folder for music, documents or data, found none; SYMPATHY_KEEP_FOLDER can name one")]
    NoFolder,
    /// There was no memory for the last minutes.
    #[error("expected {bytes} bytes of memory for the last minutes, found fewer")]
    NoMemory {
        /// What was needed.
        bytes: u64,
    },
    /// The names of this second are taken.
    #[error("{}: expected a free name for this second, found none", folder.display())]
    NoName {
        /// Where.
        folder: PathBuf,
    },
    /// The system gave no thread.
    #[error("expected a thread that writes takes, found none: {0}")]
    NoThread(std::io::Error),
    /// The disk is full, the folder cannot be written, …
    #[error("{}: cannot be written: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
}

impl TakeError {
    /// For a path, what the system says of it.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    /// The same for what the writer of WAV files says.
    pub(crate) fn wav(path: &Path) -> impl FnOnce(hound::Error) -> Self {
        let io = Self::io(path);
        move |error| match error {
            hound::Error::IoError(error) => io(error),
            other => io(std::io::Error::other(other.to_string())),
        }
    }
}
