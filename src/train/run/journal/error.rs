//! What can be wrong with a journal.

use std::path::{Path, PathBuf};

/// No more of a foreign message is told.
const MAX_CHARACTERS: usize = 200;

/// Why a journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The system refused; on a full disk the entries before are whole.
    #[error("{}: cannot be {action}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// "read" or "written".
        action: &'static str,
        /// The system's word.
        source: std::io::Error,
    },
    /// A line is no entry.
    #[error("{}: line {line}: expected {expected}, found {actual}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What should stand there.
        expected: &'static str,
        /// What does.
        actual: String,
    },
}

impl JournalError {
    pub(crate) fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, action, source }
    }

    /// `actual` may hold text of the file: it becomes a short single line.
    pub(crate) fn line(path: &Path, line: u64, expected: &'static str, actual: &str) -> Self {
        let actual = actual.chars().take(MAX_CHARACTERS).map(|c| if c.is_control() { ' ' } else { c }).collect();
        Self::Line { path: path.into(), line, expected, actual }
    }
}
