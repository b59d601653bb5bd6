//! The model file (DESIGN 5): one `.safetensors` file, tensors under PyTorch's names, one JSON object of metadata.
//!
//! A file is hostile until [`ModelData::read`] has accepted it.

mod approach;
mod config;
mod embedded;
mod error;
#[cfg(feature = "train")]
pub mod export;
mod file;
pub mod folder;
pub(crate) mod foreign;
#[cfg(feature = "train")]
pub mod import;
mod range;
mod roll;
mod rules;
mod storage;

pub use crate::nn::Cell;
pub(crate) use approach::Frames;
pub use approach::{
    APPROACHES, AVERAGES, Approach, ApproachInfo, BANDS, Column, Listening, Magnitude, PlainNetwork, Transpose, Vector,
};
pub use config::{
    BinTier, FORMAT_VERSION, Head, LAYER_TENSORS, MaterialFigures, ModelConfig, Scaling, TensorShape, Training,
};
pub use embedded::{EMBEDDED, EMBEDDED_NOTES, EmbeddedModel};
pub use error::ModelError;
pub(crate) use file::is_file_of_notes;
pub use file::{MAX_FILE_BYTES, MAX_MAKER_FRAMES, METADATA_KEY, ModelData};
#[cfg(any(feature = "train", feature = "editor"))]
pub(crate) use range::{Check, FieldProblem};
pub use roll::{
    CodeActivation, HiddenActivation, KEYS, LOWEST_KEY, MAX_CODES, ROLL_APPROACH, RollApproach, RollBaselines,
    RollCodes, RollHead, RollKind, RollModel, RollModelConfig, RollNetwork, RollRepeats, RollTraining,
    STEPS_PER_MEASURE,
};
