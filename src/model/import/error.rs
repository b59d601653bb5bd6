//! Why a file of another program was refused.

use crate::model::ModelError;
use std::path::PathBuf;

/// One line that names the file, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file cannot be opened or read.
    #[error("{}: cannot be read: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// Larger than any model may be, as a file or once its tensors are spread out.
    #[error("{}: expected at most {expected} bytes, found {actual}", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The cap.
        expected: u64,
        /// The size found.
        actual: u64,
    },
    /// Something else than weights that PyTorch saved.
    #[error("{}: expected weights that PyTorch saved, found {found}; {remedy}", file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
        /// What it is.
        found: String,
        /// What to do with it.
        remedy: String,
    },
    /// Not a file that is read, or a damaged one.
    #[error("{}: expected {expected}, found {actual}", file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// What should be there.
        expected: String,
        /// What is.
        actual: String,
    },
    /// A tensor cannot be had.
    #[error("{}: tensor `{tensor}`: expected {expected}, found {actual}", file.display())]
    Tensor {
        /// The file.
        file: PathBuf,
        /// Its name there.
        tensor: String,
        /// What should be there.
        expected: String,
        /// What is.
        actual: String,
    },
    /// The tensors do not make a network that Sympathy runs.
    #[error("{}: network: expected {expected}, found {actual}", file.display())]
    Network {
        /// The file.
        file: PathBuf,
        /// What is understood.
        expected: String,
        /// What is there.
        actual: String,
    },
    /// The network is sound, but no model can be made of it.
    #[error(transparent)]
    Model(#[from] ModelError),
}
