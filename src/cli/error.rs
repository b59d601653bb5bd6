//! What can go wrong in the command line tool. Every message is one line that names the thing, what was expected and what
//! was found.

use crate::{
    audio_file::RecordingError,
    control::{ParamError, PresetError},
    learn::LearnError,
    model::ModelError,
    notes::NotesError,
};
#[cfg(feature = "train")]
use crate::{hyperparameters::Problem, model::import::ImportError, train::TrainError};
use std::path::PathBuf;

/// Why a command failed; the program ends with exit code 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CliError {
    /// A model file was refused.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A slot's model cannot be had; the text is the registry's.
    #[error("{0}")]
    Slot(String),
    /// No embedded model and no file of this name.
    #[error("model {name:?}: expected {expected}, found neither")]
    NoSuchModel {
        /// What was asked for.
        name: String,
        /// What there is.
        expected: String,
    },
    /// A recording was refused.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// A MIDI file, or a data set of rolls, was refused.
    #[error(transparent)]
    Notes(#[from] NotesError),
    /// A recording is sound, but not for this command.
    #[error("{}: {what}: expected {expected}, found {actual}", path.display())]
    Unsuitable {
        /// The file.
        path: PathBuf,
        /// Which property.
        what: &'static str,
        /// Its rule.
        expected: String,
        /// Its value.
        actual: String,
    },
    /// A file cannot be read or written.
    #[error("{}: cannot be {action}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// "read" or "written".
        action: &'static str,
        /// The system's word.
        source: std::io::Error,
    },
    /// Sound cannot be kept on disk while it is worked on.
    #[error(transparent)]
    Temporary(std::io::Error),
    /// The place for the output will not do.
    #[error("{}: expected {expected}, found {actual}", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// What it should be.
        expected: String,
        /// What it is.
        actual: String,
    },
    /// A preset was refused.
    #[error(transparent)]
    Preset(#[from] PresetError),
    /// No parameter is called this, or it cannot have this value.
    #[error("{origin}: {source}")]
    Parameter {
        /// The option or file.
        origin: String,
        /// What is wrong.
        source: ParamError,
    },
    /// An automation file is not what it should be.
    #[error("{}: expected {expected}, found {actual}", path.display())]
    Automation {
        /// The file.
        path: PathBuf,
        /// What should stand there.
        expected: String,
        /// What does.
        actual: String,
    },
    /// An entry of a map of controllers is not what it should be.
    #[error("{}: {entry}: expected {expected}, found {actual}", path.display())]
    Map {
        /// The file.
        path: PathBuf,
        /// Which entry.
        entry: String,
        /// What should stand there.
        expected: String,
        /// What does.
        actual: String,
    },
    #[cfg(feature = "train")]
    /// Fields of a configuration break their rules: a line each.
    #[error("{}", problems.iter().map(|problem| format!("{origin}: {problem}")).collect::<Vec<_>>().join("\n"))]
    Problems {
        /// The file or option.
        origin: String,
        /// All of them.
        problems: Vec<Problem>,
    },
    #[cfg(feature = "train")]
    /// The training stopped.
    #[error(transparent)]
    Train(#[from] TrainError),
    #[cfg(feature = "train")]
    /// The folder of a sweep was refused.
    #[error(transparent)]
    Sweep(#[from] crate::sweep::FolderError),
    /// Nothing was learnt.
    #[error("{0}; nothing was written")]
    Learn(LearnError),
    #[cfg(feature = "train")]
    /// A file of another program was refused.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// An option is missing, or contradicts what it is about.
    #[error("{option}: expected {expected}, found {actual}")]
    Option {
        /// Which.
        option: &'static str,
        /// Its rule.
        expected: String,
        /// Its value, or what speaks against it.
        actual: String,
    },
    /// The training could not be started; the text is the system's.
    #[error("{0}")]
    Training(String),
    /// The answers end before the questions do.
    #[error("question {question:?}: expected an answer, found the end of the input; nothing was written")]
    NoAnswer {
        /// What was asked.
        question: String,
    },
    /// The user left.
    #[error("stopped; nothing was written")]
    Left,
    /// A network said something that is no number.
    #[error(
        "{model}, voice {voice}: expected finite numbers, found NaN or infinity after {seconds:.3} s; nothing was written"
    )]
    NotFinite {
        /// The model.
        model: String,
        /// Which output, from 1.
        voice: usize,
        /// When.
        seconds: f64,
    },
    /// A network of notes gave no probabilities.
    #[error(
        "{model}: expected probabilities, found NaN or infinity after {steps} steps; nothing was written: its weights are too \
         large, train or import it again"
    )]
    NoProbability {
        /// The model.
        model: String,
        /// When.
        steps: usize,
    },
    /// The program was built without what the command needs; exit code 2.
    #[error("{command}: expected a build with the feature {feature:?}, found one without; {remedy}")]
    NotBuilt {
        /// The subcommand.
        command: &'static str,
        /// What it needs.
        feature: &'static str,
        /// How to get it.
        remedy: &'static str,
    },
    /// A sound card or a MIDI input refused.
    #[error("{device}: cannot be {action}: {reason}")]
    Device {
        /// Its name.
        device: String,
        /// "opened", "played", …
        action: &'static str,
        /// The system's word.
        reason: String,
    },
    /// The worker died or did not answer for 10 s.
    #[error("the prediction thread: expected an answer within 10 s, found none; nothing was written")]
    Worker,
}

impl CliError {
    /// What the program ends with: 2 where the command cannot be understood by this build, else 1.
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Self::NotBuilt { .. }) { 2 } else { 1 }
    }
}

impl From<LearnError> for CliError {
    fn from(error: LearnError) -> Self {
        match error {
            LearnError::Stopped => Self::Left,
            error => Self::Learn(error),
        }
    }
}
