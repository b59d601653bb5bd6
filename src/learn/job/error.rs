//! Why a lesson did not come to its end.

use crate::learn::LearnError;
use std::{
    io::{Error, ErrorKind},
    path::{Path, PathBuf},
};

/// One line each, for a musician.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LessonError {
    /// The system names no folder of the user.
    #[error("this system names no folder for {0}")]
    NoFolder(&'static str),
    /// The system gives no thread.
    #[error("expected a thread that learns, found none: {0}")]
    NoThread(Error),
    /// The model of the slot cannot be had.
    #[error("{0}")]
    Model(String),
    /// It has no layers that learn.
    #[error("{0} knows its own material only: choose a model that listens, as any or guitar")]
    DoesNotListen(String),
    /// Nobody has played.
    #[error("the take is silent: play, and check the input")]
    Silent,
    /// Too little was played.
    #[error("{actual:.1} s of playing, silences left out: play at least {expected:.0} s")]
    TooShort {
        /// The least.
        expected: f32,
        /// What there is.
        actual: f32,
    },
    /// The study went astray, or what was saved of it is damaged.
    #[error("{0}")]
    Study(LearnError),
    /// Another instance is at it, or has ended it.
    #[error("this lesson is at work in another instance, or was ended there")]
    Elsewhere,
    /// All names for the model are taken.
    #[error("{}: expected a free name for the model, found none", .0.display())]
    NoName(PathBuf),
    /// There is no room on the disk.
    #[error("the disk is full ({}): make room", .0.display())]
    Full(PathBuf),
    /// A file or folder cannot be read or written.
    #[error("{}: cannot be {action}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The system's word.
        source: Error,
    },
}

impl LessonError {
    /// For a path and what was tried, what the system says of it.
    pub(super) fn io(path: &Path, action: &'static str) -> impl FnOnce(Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full(path),
            _ => Self::Io { path, action, source },
        }
    }

    /// Of a model that is called so.
    pub(super) fn study(model: &str) -> impl FnOnce(LearnError) -> Self {
        let model = model.to_owned();
        move |error| match error {
            LearnError::DoesNotListen { .. } => Self::DoesNotListen(model),
            LearnError::TooShort { expected, actual } => Self::TooShort { expected, actual },
            other => Self::Study(other),
        }
    }

    /// Whether no other try with the same take could come to an end.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::DoesNotListen(_) | Self::Silent | Self::TooShort { .. })
    }
}
