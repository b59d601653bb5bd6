//! What can stop a training.

use super::run::journal::JournalError;
use crate::hyperparameters::Problem;
use crate::{audio_file::RecordingError, model::ModelError};
use std::path::PathBuf;

/// Why a training did not start or ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The configuration breaks its rules.
    #[error("{}", list(.0))]
    Config(Vec<Problem>),
    /// A recording was refused.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The recordings together are not what the configuration needs.
    #[error("material: expected {expected}, found {actual}")]
    Material {
        /// What is needed.
        expected: String,
        /// What is there.
        actual: String,
    },
    /// The loss, a gradient or a weight is no number any more. The checkpoint is the last one before.
    #[error(
        "step {step}: {tensor}: expected finite numbers, found {found}; a lower `lr` or `clip_norm` may help; {}",
        match checkpoint {
            Some(path) => format!("the last good weights are in {}", path.display()),
            None => "no checkpoint was written yet".into(),
        }
    )]
    Diverged {
        /// The step, counted from 0.
        step: u64,
        /// The tensor in which it was found.
        tensor: String,
        /// What was found there.
        found: String,
        /// The last checkpoint, if there is one.
        checkpoint: Option<PathBuf>,
    },
    /// A checkpoint cannot be read or written, or belongs to another training.
    #[error("{}: expected {expected}, found {actual}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What should be there.
        expected: String,
        /// What is.
        actual: String,
    },
    /// A model cannot be what a training begins with.
    #[error("{}: expected {expected}, found {actual}", path.display())]
    Beginning {
        /// The model.
        path: PathBuf,
        /// What should be there.
        expected: String,
        /// What is.
        actual: String,
    },
    /// It was stopped before it began.
    #[error("stopped before the first step; nothing was written")]
    Left,
    /// A file of the run's folder cannot be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// The journal of a run cannot be read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The model file was refused.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Tensor arithmetic failed.
    #[error("tensor arithmetic: {0}")]
    Tensor(#[from] candle_core::Error),
}

fn list(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    lines.join("\n")
}
