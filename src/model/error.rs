//! What can be wrong with a model file; every variant names the file and what was expected and found.

use std::path::PathBuf;

/// Why a model file was refused. `file` is its path, or the name of an embedded model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
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
    /// Larger than any model may be.
    #[error("{}: a model file has at most {expected} bytes, this one has {actual}", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The cap.
        expected: u64,
        /// The size found.
        actual: u64,
    },
    /// Something else than a model.
    #[error("{}: expected a model of Sympathy, found {found}; {remedy}", file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
        /// What it is.
        found: String,
        /// What to do with it.
        remedy: String,
    },
    /// A model, but not of what is wanted: sound or notes.
    #[error("{}: expected {expected}, found {actual}; {remedy}", file.display())]
    OtherKind {
        /// The file.
        file: PathBuf,
        /// What is wanted.
        expected: &'static str,
        /// What it is.
        actual: String,
        /// What to do with it.
        remedy: &'static str,
    },
    /// No whole safetensors file.
    #[error("{}: damaged, or no model: expected {expected}, found {actual}; copy or download it again", file.display())]
    Container {
        /// The file.
        file: PathBuf,
        /// What should stand there.
        expected: String,
        /// What does.
        actual: String,
    },
    /// The metadata object is absent or does not parse.
    #[error("{}: metadata `sympathy`: expected {expected}, found {actual}", file.display())]
    Metadata {
        /// The file.
        file: PathBuf,
        /// What should stand there.
        expected: String,
        /// What does.
        actual: String,
    },
    /// Written by a newer program.
    #[error("{}: format version: expected at most {expected}, found {actual}; a newer Sympathy reads it", file.display())]
    Version {
        /// The file.
        file: PathBuf,
        /// The newest version understood.
        expected: u32,
        /// The version found.
        actual: u64,
    },
    /// A number in the metadata lies outside its range.
    #[error("{}: {field}: expected {expected}, found {actual}", file.display())]
    Field {
        /// The file.
        file: PathBuf,
        /// Name of the field.
        field: &'static str,
        /// Its rule.
        expected: String,
        /// Its value.
        actual: String,
    },
    /// A tensor is missing, of another type or another shape.
    #[error("{}: tensor `{tensor}`: expected {expected}, found {actual}", file.display())]
    Tensor {
        /// The file.
        file: PathBuf,
        /// Name of the tensor.
        tensor: String,
        /// Type and shape wanted.
        expected: String,
        /// Type and shape found.
        actual: String,
    },
    /// A weight is NaN or infinite.
    #[error("{}: tensor `{tensor}`: expected finite numbers, found {actual} at element {index}", file.display())]
    NotFinite {
        /// The file.
        file: PathBuf,
        /// Name of the tensor.
        tensor: String,
        /// Position of the first such number.
        index: usize,
        /// The number.
        actual: f32,
    },
}
