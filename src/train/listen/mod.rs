//! Training of listening models, on hours of material: [`ListenConfig`] says what to do, [`ListenMaterial`] is the recordings as
//! frames, [`train`] makes a model of them.

mod arithmetic;
mod bands;
mod bins;
mod cache;
mod config;
mod material;
mod network;
mod recall;
mod record;
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
use record::Record;
use std::{
    ops::ControlFlow,
    path::Path,
    time::{Duration, Instant},
};
use training::ListenTraining;

/// Curves are drawn with a checkpoint, but not more often.
const REPORT_EVERY: Duration = Duration::from_secs(60);

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
    let found = files.and_then(|files| files.found_checkpoint(|text| observer.note(text)));
    if let Some(checkpoint) = found {
        training.resume(checkpoint)?;
        training.saved = Some(checkpoint.into());
    }
    let mut record = match files.and_then(|files| files.folder.as_deref()) {
        Some(folder) => Some(Record::open(folder, material, &training, found.map(|_| training.step))?),
        None => None,
    };
    let (mut last_saved, mut last_report) = (Instant::now(), Instant::now());
    let mut interrupted = false;
    while !interrupted && training.fraction() < 1.0 {
        let mut progress = training.step()?;
        let ends = training.fraction() >= 1.0;
        let tested = ends || training.step.is_multiple_of(config.validation_steps);
        if tested {
            training.validation = training.examine()?.map(|losses| [losses.bins, losses.bands]);
        }
        progress.validation = training.validation;
        interrupted = observer.step(&progress).is_break();
        if let Some(record) = &mut record
            && let Err(error) = record.step(&progress, tested, &training)
        {
            // The steps since the last checkpoint are not lost if the checkpoint can still be written.
            if let Some(files) = files {
                let _ = training.save(&files.checkpoint);
            }
            return Err(error);
        }
        let due = last_saved.elapsed().as_secs_f64() >= 60.0 * config.checkpoint_minutes;
        if let Some(files) = files.filter(|_| due || ends || interrupted) {
            training.save(&files.checkpoint)?;
            training.saved = Some(files.checkpoint.clone());
            last_saved = Instant::now();
        }
        let drawn = ends || interrupted || (due && last_report.elapsed() >= REPORT_EVERY);
        if let Some(Err(error)) = record.as_ref().filter(|_| drawn).map(Record::report) {
            // A training does not end because its pictures could not be written.
            observer.note(&format!("no report: {error}"));
        }
        if drawn {
            last_report = Instant::now();
        }
    }
    Ok(Trained { model: training.model()?, steps: training.step, interrupted })
}
