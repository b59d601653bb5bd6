//! What a run tells of itself, step by step: the source of its report.

mod error;
mod file;
mod reading;

pub use error::JournalError;
pub use file::JournalFile;
pub use reading::Journal;

use serde::{Deserialize, Deserializer, Serialize};
use std::{collections::BTreeMap, path::PathBuf};

/// One line of a run's journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Entry {
    /// The run begins.
    Start(Start),
    /// A step was made.
    Step(StepEntry),
    /// An epoch was completed.
    Epoch(EpochEntry),
    /// A sampled output was written.
    Sample(SampleEntry),
}

/// What is known before the first step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// The training configuration, complete.
    pub config: serde_json::Value,
    /// Number of trained weights.
    pub parameters: u64,
    /// Seconds of material.
    pub material_seconds: f32,
    /// Rows of the material that an epoch shows.
    pub frames: u64,
    /// Steps of an epoch.
    pub steps_per_epoch: u64,
    /// The loss of repeating the last frame.
    #[serde(deserialize_with = "number")]
    pub baseline_loss: f32,
    /// Models of notes: mean squared errors of predictors without a network, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub baselines: BTreeMap<String, f32>,
    /// The model's rate; 0 of a model of notes.
    pub sample_rate_hz: u32,
    /// The beginning of the material, as it is trained on: a WAV file, relative to the run's folder.
    pub material: PathBuf,
    /// Names of the recordings ("songs"), in order.
    pub songs: Vec<String>,
    /// Models of notes: histograms of the weights before the first update.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<WeightHistogram>,
}

/// One training step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepEntry {
    /// Steps made, this one included.
    pub step: u64,
    /// Its loss.
    #[serde(deserialize_with = "number")]
    pub loss: f32,
    /// Its learning rate.
    pub rate: f64,
    /// Norm of its gradient before clipping.
    #[serde(deserialize_with = "number_f64")]
    pub gradient_norm: f64,
}

/// Errors of predictions, per row and feature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Errors {
    /// What is trained: mean squared error, or nats of a mixture.
    #[serde(deserialize_with = "number")]
    pub loss: f32,
    /// Mean absolute error of the mean prediction.
    #[serde(deserialize_with = "number")]
    pub mae: f32,
    /// Mean bias error: mean of prediction − truth.
    #[serde(deserialize_with = "number")]
    pub mbe: f32,
    /// Models of notes: mean squared error over bits, whatever is trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mse: Option<f32>,
    /// Models of notes: the part of the bits that is right at a threshold of 0.5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f32>,
}

/// One epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochEntry {
    /// Epochs completed, this one included.
    pub epoch: u32,
    /// Steps made.
    pub step: u64,
    /// Seconds of training so far.
    pub seconds: f64,
    /// Over the epoch, with noise and dropout as trained.
    pub train: Errors,
    /// On the held-out material, without noise and dropout; none without such material.
    pub validation: Option<Errors>,
    /// Mean training loss of each song in this epoch, as in [`Start::songs`]; none for a song that was not heard.
    pub songs: Vec<Option<f32>>,
    /// Histograms of the weights; empty in most epochs of a long run.
    pub weights: Vec<WeightHistogram>,
}

/// How the numbers of a tensor are spread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WeightHistogram {
    /// Its name in the model file.
    pub tensor: String,
    /// The least number.
    pub least: f32,
    /// The largest.
    pub most: f32,
    /// How many lie in each of equally wide bins from `least` to `most`.
    pub counts: Vec<u32>,
}

/// Bins of a histogram.
const BINS: usize = 48;
/// From one epoch with histograms to the next: a tenth more, so that long runs have some dozens.
const HISTOGRAM_GROWTH: f64 = 1.1;

impl WeightHistogram {
    /// Of these numbers.
    pub fn of(tensor: &str, values: &[f32]) -> Self {
        let least = values.iter().copied().fold(f32::INFINITY, f32::min);
        let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let scale = BINS as f32 / (most - least).max(f32::MIN_POSITIVE);
        let mut counts = vec![0; BINS];
        for value in values {
            counts[(((value - least) * scale) as usize).min(BINS - 1)] += 1;
        }
        Self { tensor: tensor.into(), least, most, counts }
    }

    /// Whether an epoch has some: 1, 2, 3, … 11, 13, 15, 17, 19, 21, 24, …
    pub(crate) fn is_due(epoch: u32) -> bool {
        let mut next = 1;
        while next < epoch {
            next = (next + 1).max((f64::from(next) * HISTOGRAM_GROWTH) as u32);
        }
        next == epoch
    }
}

/// A finished output of sampling while training. Files are WAV, relative to the run's folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleEntry {
    /// Steps made when it was finished.
    pub step: u64,
    /// Which of the streams, from 0.
    pub stream: usize,
    /// The seed it heard.
    pub seed: PathBuf,
    /// The output.
    pub output: PathBuf,
}

impl Entry {
    /// Steps made when it was written; none for the beginning.
    pub fn step(&self) -> Option<u64> {
        match self {
            Self::Start(_) => None,
            Self::Step(entry) => Some(entry.step),
            Self::Epoch(entry) => Some(entry.step),
            Self::Sample(entry) => Some(entry.step),
        }
    }
}

/// JSON has no word for numbers that are not finite and writes `null`.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f32::NAN))
}

fn number_f64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_count_every_weight_between_the_extremes() {
        let values: Vec<f32> = (0..=480).map(|i| i as f32 * 0.01 - 2.4).collect();
        let histogram = WeightHistogram::of("a", &values);
        assert_eq!((histogram.least, histogram.counts.iter().sum::<u32>()), (-2.4, 481));
        assert!(histogram.counts.iter().all(|count| (9..=11).contains(count)), "{histogram:?}");
        let flat = WeightHistogram::of("b", &[1.0; 7]);
        assert_eq!((flat.least, flat.most, flat.counts.iter().sum::<u32>()), (1.0, 1.0, 7));
    }

    #[test]
    fn a_long_run_has_some_dozens_of_histograms() {
        let count = (1..=2000).filter(|&epoch| WeightHistogram::is_due(epoch)).count();
        assert!((40..90).contains(&count), "{count}");
        assert!((1..=5).all(WeightHistogram::is_due));
    }
}
