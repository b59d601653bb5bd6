//! Training of models of notes, on data sets of rolls: a [`Recipe`] and what is changed of it says what to do
//! ([`NotesConfig`]), [`NotesMaterial`] is the pieces, [`train`] makes a model of them.

mod autoencoder;
mod closed;
mod config;
mod loss;
mod material;
mod record;
mod recurrent;
#[cfg(test)]
mod tests;
mod training;
mod weights;

pub use config::{
    AutoencoderConfig, General, Keep, Loss, Method, NetworkConfig, NotesConfig, RECIPES, Recipe, RecurrentConfig,
};
pub use loss::Figures;
pub use material::NotesMaterial;
pub use record::BEST_NAME;
pub use training::{NotesEpoch, NotesProgress};

use super::{error::TrainError, run::RunFiles};
use crate::{dsp::float_mode::FloatMode, model::RollModel};
use record::Record;
use std::{ops::ControlFlow, time::Instant};
use training::NotesTraining;

/// Follows a training.
pub trait NotesObserver {
    /// An update was made. [`ControlFlow::Break`] ends the training: the checkpoint is written and the best model so far
    /// returned.
    fn step(&mut self, progress: &NotesProgress) -> ControlFlow<()>;
    /// An epoch was completed.
    fn epoch(&mut self, _epoch: &NotesEpoch) {}
    /// Something that the user should know.
    fn note(&mut self, _text: &str) {}
}

impl<F: FnMut(&NotesProgress) -> ControlFlow<()>> NotesObserver for F {
    fn step(&mut self, progress: &NotesProgress) -> ControlFlow<()> {
        self(progress)
    }
}

/// A finished training.
#[derive(Clone, Debug)]
pub struct TrainedNotes {
    /// The model, with its provenance.
    pub model: RollModel,
    /// Updates made in all.
    pub steps: u64,
    /// Epochs completed.
    pub epochs: u32,
    /// Why it ended; none where the observer asked for it.
    pub end: Option<String>,
}

/// Trains a model; `data` is the name of the data set, for its file. `files`: nothing is written without them.
///
/// # Errors
/// If there is nothing to learn from; a loss, a gradient or a weight stops being a number (the last checkpoint is good); a
/// file cannot be written; or the checkpoint to go on from belongs to another configuration or another data set.
pub fn train(
    config: &NotesConfig,
    material: &NotesMaterial,
    data: &str,
    files: Option<&RunFiles>,
    observer: &mut dyn NotesObserver,
) -> Result<TrainedNotes, TrainError> {
    // Gradients of unlikely keys are subnormal; without this they make every product ten times slower.
    let _mode = FloatMode::enter();
    let mut training = NotesTraining::new(config, material)?;
    let found = files.and_then(|files| files.found_checkpoint(|text| observer.note(text)));
    if let Some(checkpoint) = found {
        training.resume(checkpoint)?;
    }
    let mut record = match files.and_then(|files| files.folder.as_deref()) {
        Some(folder) => Some(Record::open(folder, material, &training, found.map(|_| training.step))?),
        None => None,
    };
    let mut last_saved = Instant::now();
    let mut interrupted = false;
    while !interrupted && training.end().is_none() {
        let progress = training.step()?;
        interrupted = observer.step(&progress).is_break();
        let epoch = training.end_epoch()?;
        if let Some(epoch) = &epoch {
            observer.epoch(epoch);
        }
        if let Some(record) = &mut record
            && let Err(error) = told(record, &progress, epoch.as_ref(), &training, data)
        {
            // The updates since the last checkpoint are not lost if the checkpoint can still be written.
            if let Some(files) = files {
                let _ = training.save(&files.checkpoint);
            }
            return Err(error);
        }
        let ends = interrupted || training.end().is_some();
        let due = last_saved.elapsed().as_secs_f64() >= 60.0 * config.general.checkpoint_minutes;
        if let Some(files) = files.filter(|_| due || ends) {
            training.save(&files.checkpoint)?;
            training.saved = Some(files.checkpoint.clone());
            if let Some(Err(error)) = record.as_ref().map(Record::report) {
                // A training does not end because its pictures could not be written.
                observer.note(&format!("no report: {error}"));
            }
            last_saved = Instant::now();
        }
    }
    let end = if interrupted { None } else { training.end() };
    Ok(TrainedNotes { model: training.finished(data)?, steps: training.step, epochs: training.epoch, end })
}

/// Puts an update, and perhaps an epoch, on record.
fn told(
    record: &mut Record,
    progress: &NotesProgress,
    epoch: Option<&NotesEpoch>,
    training: &NotesTraining<'_>,
    data: &str,
) -> Result<(), TrainError> {
    record.step(progress)?;
    let Some(epoch) = epoch else { return Ok(()) };
    record.epoch(epoch, progress.step, training)?;
    if epoch.is_best { record.best(&training.model(data)?) } else { Ok(()) }
}
