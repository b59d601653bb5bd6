//! Training of models on recordings, with candle (feature `train`).
//!
//! [`TrainConfig`] says what to do; [`Dataset`] is the material as features; [`train`] makes a model of it. The trainer
//! analyses sound with the same code as the engine, and draws all its random numbers from [`crate::dsp::random`], so that a
//! configuration fixes the weights on a machine.

mod beginning;
mod calibrate;
mod cells;
mod checkpoint;
mod config;
mod dataset;
mod dense;
mod dropout;
mod error;
mod field_table;
mod fields;
mod figures;
pub mod files;
mod foreign;
mod gradient;
#[cfg(test)]
mod gradient_check;
pub mod journal;
mod ledger;
mod loss;
mod material;
mod network;
mod observer;
mod optimiser;
mod options;
mod overrides;
mod parse;
mod pca;
mod presets;
mod problem;
mod published;
mod record;
mod recording;
pub mod report;
mod rows;
mod rules;
mod run;
mod sampling;
mod streams;
mod tensors;
mod training;
mod workspace;

pub use checkpoint::is_checkpoint;
pub use config::TrainConfig;
pub use dataset::Dataset;
pub use error::TrainError;
pub use fields::{Field, Group, Kind, Unit};
pub use figures::magnitude_peak;
pub use observer::{Observer, Progress};
pub use options::{Excerpt, LrSchedule, Optimiser, SampleScaling, Sampling, SamplingMode, SeedAdvance, TrainApproach};
pub use presets::{PRESETS, Preset};
pub use problem::Problem;
pub use recording::{Recording, RecordingError};
pub use run::{RunFiles, Trained, train};
