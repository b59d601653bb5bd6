//! Training of models on recordings, with candle (feature `train`).
//!
//! [`TrainConfig`](crate::hyperparameters::TrainConfig) says what to do; [`Dataset`] is the material as features; [`train`] makes a model of it. The trainer
//! analyses sound with the same code as the engine, and draws all its random numbers from [`crate::dsp::random`], so that a
//! configuration fixes the weights on a machine.

pub(crate) mod data;
mod error;
pub mod listen;
pub(crate) mod net;
pub mod notes;
mod optimiser;
pub mod report;
pub mod run;

pub use data::{dataset::Dataset, figures::magnitude_peak};
pub use error::TrainError;
pub use run::{
    RunFiles, Trained,
    archive::is_checkpoint,
    observer::{Observer, Progress},
    train,
};
