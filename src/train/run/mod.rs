//! The training loop: truncated back-propagation through time over parallel streams whose states are carried over.

pub(crate) mod archive;
pub(crate) mod beginning;
pub(crate) mod calibrate;
pub(crate) mod checkpoint;
pub mod journal;
pub(crate) mod ledger;
pub(crate) mod observer;
pub(crate) mod record;
pub(crate) mod sampling;
pub(crate) mod training;

use super::{
    data::dataset::Dataset,
    error::TrainError,
    run::{observer::Observer, record::Record, training::Training},
};
use crate::{dsp::float_mode::FloatMode, hyperparameters::TrainConfig, model::ModelData};
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Pictures are drawn with a checkpoint, but not more often.
const REPORT_EVERY: Duration = Duration::from_secs(60);

/// Where a training keeps its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFiles {
    /// The checkpoint.
    pub checkpoint: PathBuf,
    /// Go on from the checkpoint, where there is one.
    pub resume: bool,
    /// Folder of the journal, the sampled outputs and the report; none: there are none.
    pub folder: Option<PathBuf>,
}

impl RunFiles {
    /// The checkpoint to go on from, if that is asked for; `note` is told if there is none yet.
    pub(crate) fn found_checkpoint(&self, note: impl FnOnce(&str)) -> Option<&Path> {
        if self.resume && !self.checkpoint.exists() {
            note(&format!("{}: no checkpoint yet, starting from the beginning", self.checkpoint.display()));
        }
        Some(self.checkpoint.as_path()).filter(|checkpoint| self.resume && checkpoint.exists())
    }
}

/// A finished training.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The model, with its provenance.
    pub model: ModelData,
    /// Steps made in all.
    pub steps: u64,
    /// The observer asked to stop before the end.
    pub interrupted: bool,
}

/// Trains a model. `files`: nothing is written without them.
///
/// # Errors
/// If the loss, a gradient or a weight stops being a number (the last checkpoint is good), a file cannot be written, or the
/// checkpoint to resume from belongs to another configuration or other material.
pub fn train(
    config: &TrainConfig,
    data: &Dataset,
    files: Option<&RunFiles>,
    observer: &mut dyn Observer,
) -> Result<Trained, TrainError> {
    // Gradients of unlikely components are subnormal; without this they make every product ten times slower.
    let _mode = FloatMode::enter();
    let mut training = Training::new(config, data)?;
    let found = files.and_then(|files| files.found_checkpoint(|text| observer.note(text)));
    if let Some(checkpoint) = found {
        training.resume(checkpoint)?;
        training.saved = Some(checkpoint.into());
    }
    let mut record = match files.and_then(|files| files.folder.as_deref()) {
        Some(folder) => Some(Record::open(folder, config, data, training.parameters(), found.map(|_| training.step))?),
        None => None,
    };
    let (mut last_saved, mut last_report) = (Instant::now(), Instant::now());
    let mut interrupted = false;
    while !interrupted && training.fraction() < 1.0 {
        let (progress, entry) = training.step()?;
        interrupted = observer.step(&progress).is_break();
        let epoch = training.close_epoch()?;
        if let Some(record) = &mut record {
            match record.all(&entry, epoch.as_ref(), &training) {
                Ok(samples) => samples.iter().for_each(|sample| observer.sample(sample)),
                Err(error) => {
                    // The steps since the last checkpoint are not lost if the checkpoint can still be written.
                    if let Some(files) = files {
                        let _ = training.save(&files.checkpoint);
                    }
                    return Err(error);
                }
            }
        }
        if let Some(epoch) = &epoch {
            observer.epoch(epoch);
        }
        let due = last_saved.elapsed().as_secs_f64() >= 60.0 * config.checkpoint_minutes;
        let ends = interrupted || training.fraction() >= 1.0;
        if let Some(files) = files.filter(|_| due || ends) {
            training.save(&files.checkpoint)?;
            training.saved = Some(files.checkpoint.clone());
            last_saved = Instant::now();
            let shown = last_report.elapsed() < REPORT_EVERY;
            if let Some(record) = record.as_ref().filter(|_| !ends && !shown) {
                report(record, observer);
                last_report = Instant::now();
            }
        }
    }
    if let Some(record) = &mut record {
        if !interrupted {
            for sample in record.finish(&training)? {
                observer.sample(&sample);
            }
        }
        report(record, observer);
    }
    match training.averaged_steps() {
        Some(0) => {
            observer.note("average_last: the training ended before its last part, and the model has the last weights")
        }
        Some(steps) => observer.note(&format!("average_last: the model has the mean of the weights of {steps} steps")),
        None => {}
    }
    let mut model = training.model()?;
    if config.approach.sharpens_by_ear() {
        observer.note("listening to the model, to find how far its partials are to be sharpened");
        model = calibrate::sharpen(model, data, interrupted, |done, of| observer.trial(done, of))?;
    }
    Ok(Trained { model, steps: training.step, interrupted })
}

/// Writes the report. A training does not end because its pictures could not be written.
fn report(record: &Record, observer: &mut dyn Observer) {
    if let Err(error) = record.report() {
        observer.note(&format!("no report: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dsp::random::Random,
        train::{Progress, data::material::Material},
    };
    use std::ops::ControlFlow;

    #[test]
    fn a_rate_that_is_too_high_stops_too() {
        let config = TrainConfig {
            principal_components: 0,
            approach: crate::hyperparameters::TrainApproach::Sample,
            head: crate::model::Head::Mse,
            hidden: 8,
            streams: 2,
            bptt: 8,
            optimiser: crate::hyperparameters::Optimiser::Sgd,
            clip_norm: None,
            lr: 1e30,
            lr_rise_steps: 0,
            ..TrainConfig::default()
        };
        let mut random = Random::new(1);
        let data = Dataset::of(&config, Material::of((0..4000).map(|_| random.normal()).collect())).expect("material");
        let error = train(&config, &data, None, &mut |_: &Progress| ControlFlow::Continue(())).expect_err("infinity");
        assert!(error.to_string().contains("no checkpoint was written yet"), "{error}");
    }
}
