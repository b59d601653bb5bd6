//! The journal of a training of a model of notes, its report, and the best model so far.

use super::{
    config::NotesConfig,
    loss::Figures,
    material::NotesMaterial,
    training::{NotesEpoch, NotesProgress, NotesTraining},
};
use crate::{
    model::{RollBaselines, RollModel},
    train::{
        TrainError,
        report::{self, JOURNAL_NAME, ReportError},
        run::journal::{Entry, EpochEntry, Errors, JournalFile, Start, StepEntry, WeightHistogram},
    },
    whole_file::write_whole,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The best model so far, within a run's folder.
pub const BEST_NAME: &str = "best.safetensors";

/// Keeps a run's folder.
pub(super) struct Record {
    folder: PathBuf,
    journal: JournalFile,
}

impl Record {
    /// Opens the folder of a run, or makes it; `resumed` is the step of the checkpoint from which the run goes on.
    pub fn open(
        folder: &Path,
        material: &NotesMaterial,
        training: &NotesTraining<'_>,
        resumed: Option<u64>,
    ) -> Result<Self, TrainError> {
        fs::create_dir_all(folder).map_err(|source| TrainError::Io { path: folder.into(), source })?;
        let path = folder.join(JOURNAL_NAME);
        let journal = match resumed.filter(|_| path.exists()) {
            Some(step) => JournalFile::resume(&path, step)?,
            None => {
                let mut journal = JournalFile::create(&path)?;
                let weights = if training.step == 0 { training.histograms()? } else { Vec::new() };
                journal.append(&Entry::Start(Start { weights, ..start(training.config, material, training) }))?;
                journal
            }
        };
        Ok(Self { folder: folder.into(), journal })
    }

    /// An update was made.
    pub fn step(&mut self, progress: &NotesProgress) -> Result<(), TrainError> {
        let NotesProgress { step, loss, rate, gradient_norm, .. } = *progress;
        Ok(self.journal.append(&Entry::Step(StepEntry { step, loss, rate, gradient_norm }))?)
    }

    /// An epoch was completed.
    pub fn epoch(&mut self, epoch: &NotesEpoch, step: u64, training: &NotesTraining<'_>) -> Result<(), TrainError> {
        let errors = |figures: Figures| Errors {
            loss: figures.loss(),
            mae: f32::NAN,
            mbe: f32::NAN,
            mse: Some(figures.mse()),
            accuracy: Some(figures.accuracy()),
        };
        let entry = EpochEntry {
            epoch: epoch.epoch,
            step,
            seconds: training.elapsed_s(),
            train: errors(epoch.training),
            validation: epoch.validation.map(errors),
            songs: Vec::new(),
            weights: if WeightHistogram::is_due(epoch.epoch) { training.histograms()? } else { Vec::new() },
        };
        Ok(self.journal.append(&Entry::Epoch(entry))?)
    }

    /// Writes the best model so far, its matrices in half precision.
    pub fn best(&self, model: &RollModel) -> Result<(), TrainError> {
        let path = self.folder.join(BEST_NAME);
        write_whole(&path, &model.to_half_bytes()).map_err(|source| TrainError::Io { path, source })
    }

    /// Writes the report of what there is so far.
    pub fn report(&self) -> Result<(), ReportError> {
        report::write(&self.folder).map(drop)
    }
}

fn start(config: &NotesConfig, material: &NotesMaterial, training: &NotesTraining<'_>) -> Start {
    let [columns, _] = material.columns();
    let [of_training, of_validation] = material.baselines(config.hears_before());
    let named = of_validation.or(of_training);
    let baselines = named.iter().flat_map(RollBaselines::named).map(|(name, error)| (name.to_string(), error));
    Start {
        config: config.to_json(),
        parameters: training.parameters(),
        material_seconds: 0.0,
        frames: columns as u64,
        steps_per_epoch: training.updates() as u64,
        baseline_loss: f32::NAN,
        baselines: baselines.collect(),
        weights: Vec::new(),
        sample_rate_hz: 0,
        material: PathBuf::new(),
        songs: Vec::new(),
    }
}
