//! Training of listening models, on hours of material: [`ListenConfig`] says what to do, [`ListenMaterial`] is the recordings as
//! frames, [`train`] makes a model of them.

mod arithmetic;
mod bands;
mod bins;
mod cache;
mod config;
mod find;
mod material;
mod network;
mod recall;
mod streams;
mod training;

pub use config::{ListenConfig, ListenFiles};
pub use material::ListenMaterial;
pub use training::ListenProgress;

use super::{
    error::TrainError,
    run::{RunFiles, Trained},
};
use crate::{dsp::float_mode::FloatMode, model::ModelData};
use std::{ops::ControlFlow, path::Path, time::Instant};
use training::ListenTraining;

/// Follows a training.
pub trait ListenObserver {
    /// A step was made. [`ControlFlow::Break`] ends the training: the checkpoint is written and the model returned as it is.
    fn step(&mut self, progress: &ListenProgress) -> ControlFlow<()>;
    /// Something that the user should know.
    fn note(&mut self, _text: &str) {}
}

impl<F: FnMut(&ListenProgress) -> ControlFlow<()>> ListenObserver for F {
    fn step(&mut self, progress: &ListenProgress) -> ControlFlow<()> {
        self(progress)
    }
}

/// Trains a model, from the weights of another one if there is one (its name is for errors). `files`: nothing is written without them.
///
/// # Errors
/// If a loss, a gradient or a weight stops being a number (the last checkpoint is good), a file cannot be written, or what it is
/// to begin or go on with belongs to another configuration or other material.
pub fn train(
    config: &ListenConfig,
    material: &ListenMaterial,
    from: Option<(&ModelData, &Path)>,
    files: Option<&RunFiles>,
    observer: &mut dyn ListenObserver,
) -> Result<Trained, TrainError> {
    // Gradients of unlikely levels are subnormal; without this they make every product ten times slower.
    let _mode = FloatMode::enter();
    let mut training = ListenTraining::new(config, material)?;
    if let Some((model, name)) = from {
        training.network.begin_with(model, name)?;
    }
    match files {
        Some(files) if files.resume && files.checkpoint.exists() => training.resume(&files.checkpoint)?,
        Some(files) if files.resume => {
            observer.note(&format!("{}: no checkpoint yet, starting from the beginning", files.checkpoint.display()));
        }
        _ => {}
    }
    let mut last_saved = Instant::now();
    let mut interrupted = false;
    while !interrupted && training.fraction() < 1.0 {
        let progress = training.step()?;
        let ends = training.fraction() >= 1.0;
        if ends || training.step.is_multiple_of(config.validation_steps) {
            training.validation = training.examine()?.map(|losses| [losses.bins, losses.bands]);
        }
        interrupted = observer.step(&ListenProgress { validation: training.validation, ..progress }).is_break();
        let due = last_saved.elapsed().as_secs_f64() >= 60.0 * config.checkpoint_minutes;
        if let Some(files) = files.filter(|_| due || ends || interrupted) {
            training.save(&files.checkpoint)?;
            training.saved = Some(files.checkpoint.clone());
            last_saved = Instant::now();
        }
    }
    Ok(Trained { model: training.model()?, steps: training.step, interrupted })
}
