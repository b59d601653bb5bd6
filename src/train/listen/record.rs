//! The journal and the report of a listening model's training. An "epoch" of them is what lies between two tests on held-out pieces.

use super::{
    config::ListenConfig,
    material::ListenMaterial,
    training::{ListenProgress, ListenTraining},
};
use crate::train::{
    TrainError,
    report::{self, JOURNAL_NAME, ReportError},
    run::journal::{Entry, EpochEntry, Errors, JournalFile, Start, StepEntry},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Keeps a run's folder.
pub(super) struct Record {
    folder: PathBuf,
    journal: JournalFile,
    /// Losses since the last test.
    sum: f64,
    count: u32,
}

impl Record {
    /// Opens the folder of a run, or makes it; `resumed` is the step of the checkpoint from which the run goes on.
    pub fn open(
        folder: &Path,
        material: &ListenMaterial,
        training: &ListenTraining<'_>,
        resumed: Option<u64>,
    ) -> Result<Self, TrainError> {
        fs::create_dir_all(folder).map_err(|source| TrainError::Io { path: folder.into(), source })?;
        let path = folder.join(JOURNAL_NAME);
        let journal = match resumed.filter(|_| path.exists()) {
            Some(step) => JournalFile::resume(&path, step)?,
            None => {
                let mut journal = JournalFile::create(&path)?;
                journal.append(&Entry::Start(start(training.config, material, training.parameters())))?;
                journal
            }
        };
        Ok(Self { folder: folder.into(), journal, sum: 0.0, count: 0 })
    }

    /// A step was made, and perhaps held-out pieces were tested on.
    pub fn step(
        &mut self,
        progress: &ListenProgress,
        tested: bool,
        training: &ListenTraining<'_>,
    ) -> Result<(), TrainError> {
        let ListenProgress { step, loss, rate, gradient_norm, .. } = *progress;
        self.journal.append(&Entry::Step(StepEntry { step, loss, rate, gradient_norm }))?;
        self.sum += f64::from(loss);
        self.count += 1;
        if tested {
            let errors = |loss: f32| Errors { loss, mae: f32::NAN, mbe: f32::NAN, ..Errors::default() };
            let train = errors((self.sum / f64::from(self.count)) as f32);
            let validation = progress.validation.map(|[bins, _]| errors(bins));
            let epoch = EpochEntry {
                epoch: step.div_ceil(training.config.validation_steps) as u32,
                step,
                seconds: training.elapsed_s(),
                train,
                validation,
                songs: Vec::new(),
                weights: Vec::new(),
            };
            self.journal.append(&Entry::Epoch(epoch))?;
            (self.sum, self.count) = (0.0, 0);
        }
        Ok(())
    }

    /// Writes the report of what there is so far.
    pub fn report(&self) -> Result<(), ReportError> {
        report::write(&self.folder).map(drop)
    }
}

fn start(config: &ListenConfig, material: &ListenMaterial, parameters: u64) -> Start {
    let mut fields = serde_json::to_value(config).unwrap_or_default();
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("cell".into(), "lstm".into());
        fields.insert("optimiser".into(), "adam".into());
    }
    let [seconds, _] = material.seconds();
    Start {
        config: fields,
        parameters,
        material_seconds: seconds as f32,
        frames: material.frames() as u64,
        steps_per_epoch: config.validation_steps,
        baseline_loss: f32::NAN,
        baselines: Default::default(),
        weights: Vec::new(),
        sample_rate_hz: config.sample_rate_hz,
        material: PathBuf::new(),
        songs: Vec::new(),
    }
}
