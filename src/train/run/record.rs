//! What a run leaves in its folder: the journal, the sampled outputs, the report.

use super::{
    journal::{Entry, EpochEntry, JournalFile, SampleEntry, Start, StepEntry, WeightHistogram},
    sampling::Sampler,
    training::Training,
};
use crate::{
    audio_file::{Depth, wav::write_wav},
    hyperparameters::TrainConfig,
    train::{
        data::{dataset::Dataset, streams::Streams},
        error::TrainError,
        report::{self, JOURNAL_NAME, ReportError},
    },
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The beginning of the material in the run's folder.
const MATERIAL: &str = "material.wav";
const MATERIAL_SECONDS: usize = 60;

/// Keeps a run's folder.
pub(crate) struct Record {
    folder: PathBuf,
    journal: JournalFile,
    sampler: Sampler,
}

impl Record {
    /// Opens the folder of a run, or makes it; `resumed` is the step of the checkpoint from which the run goes on.
    pub fn open(
        folder: &Path,
        config: &TrainConfig,
        data: &Dataset,
        parameters: u64,
        resumed: Option<u64>,
    ) -> Result<Self, TrainError> {
        let io = |path: &Path| {
            let path = path.to_path_buf();
            move |source| TrainError::Io { path, source }
        };
        fs::create_dir_all(folder).map_err(io(folder))?;
        let rate = data.model.sample_rate_hz;
        let material = folder.join(MATERIAL);
        let shown = &data.sound[..data.sound.len().min(MATERIAL_SECONDS * rate as usize)];
        write_wav(&material, rate, &[shown], Depth::Float32).map_err(io(&material))?;
        let path = folder.join(JOURNAL_NAME);
        // A journal that is gone is begun anew, so that the report still says what it is of.
        let journal = match resumed.filter(|_| path.exists()) {
            Some(step) => JournalFile::resume(&path, step)?,
            None => {
                let mut journal = JournalFile::create(&path)?;
                journal.append(&Entry::Start(Start {
                    config: serde_json::to_value(config).unwrap_or_default(),
                    parameters,
                    material_seconds: data.seconds,
                    frames: data.frames() as u64,
                    steps_per_epoch: Streams::updates_per_epoch(config, data),
                    baseline_loss: data.baseline_loss,
                    baselines: Default::default(),
                    weights: Vec::new(),
                    sample_rate_hz: rate,
                    material: MATERIAL.into(),
                    songs: data.songs.iter().map(|song| song.name.clone()).collect(),
                }))?;
                journal
            }
        };
        Ok(Self { folder: folder.into(), journal, sampler: Sampler::new(folder, config, data)? })
    }

    /// A step was made, and perhaps an epoch completed; sampling goes on. Returns finished outputs.
    pub fn all(
        &mut self,
        step: &StepEntry,
        epoch: Option<&EpochEntry>,
        training: &Training<'_>,
    ) -> Result<Vec<SampleEntry>, TrainError> {
        self.journal.append(&Entry::Step(*step))?;
        if let Some(epoch) = epoch {
            self.epoch(epoch, training)?;
        }
        let finished = self.sampler.after_step(training)?;
        self.keep(finished)
    }

    fn epoch(&mut self, entry: &EpochEntry, training: &Training<'_>) -> Result<(), TrainError> {
        let mut entry = entry.clone();
        if WeightHistogram::is_due(entry.epoch) {
            let tensors = training.weights()?;
            entry.weights = tensors.iter().map(|(name, values)| WeightHistogram::of(name, values)).collect();
        }
        Ok(self.journal.append(&Entry::Epoch(entry))?)
    }

    /// The end of the run: finishes the outputs under way.
    pub fn finish(&mut self, training: &Training<'_>) -> Result<Vec<SampleEntry>, TrainError> {
        let finished = self.sampler.finish(training)?;
        self.keep(finished)
    }

    /// Writes the report of what there is so far.
    pub fn report(&self) -> Result<(), ReportError> {
        report::write(&self.folder).map(drop)
    }

    fn keep(&mut self, finished: Vec<SampleEntry>) -> Result<Vec<SampleEntry>, TrainError> {
        for entry in &finished {
            self.journal.append(&Entry::Sample(entry.clone()))?;
        }
        Ok(finished)
    }
}
