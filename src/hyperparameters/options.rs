//! The choices of a training configuration that are more than a number.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A recording or a part of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Excerpt {
    /// The file; relative to the folder given on the command line.
    pub path: PathBuf,
    /// Where it begins, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_s: Option<f64>,
    /// Where it ends, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_s: Option<f64>,
}

/// How samples are scaled before the network hears them (magnitudes are always divided by the largest).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SampleScaling {
    /// As they are.
    None,
    /// Divided by the largest absolute sample.
    Peak,
    /// Mean 0 and standard deviation 1.
    #[serde(alias = "z-score")]
    Zscore,
}

/// How gradients become changes of the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimiser {
    /// Adam (Kingma and Ba 2015); with `weight_decay` AdamW (Loshchilov and Hutter 2019).
    Adam,
    /// RMSProp (Hinton 2012), with `momentum`.
    Rmsprop,
    /// Stochastic gradient descent with `momentum`.
    Sgd,
    /// Resilient propagation (Riedmiller and Braun 1993): the signs of gradients over the whole excerpt. `lr` is the first step
    /// of every weight; from there each goes its own way, without schedule.
    Rprop,
}

/// The learning rate over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LrSchedule {
    /// Stays.
    Constant,
    /// Half a period of a cosine, down to a hundredth at the end (Loshchilov and Hutter, *SGDR*, 2017).
    Cosine,
    /// Multiplied by `plateau_factor` after `plateau_patience` epochs without a better loss: of the training, or where
    /// something is held out, of the validation, epochs being counted in which it was heard.
    Plateau,
}

/// What is sampled while a model is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sampling {
    /// How.
    pub mode: SamplingMode,
    /// Sequential: training pauses after as many steps.
    pub every_steps: u64,
    /// Concurrent: steps predicted per training step.
    pub steps_per_step: u32,
    /// Continuations at once.
    pub streams: usize,
    /// Length of an output.
    pub seconds: f32,
    /// Length of its seed.
    pub seed_seconds: f32,
    /// Where in the material seeds are taken.
    pub seed_advance: SeedAdvance,
    /// Multiple of the model's own temperature.
    pub temperature: f32,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            mode: SamplingMode::Sequential,
            every_steps: 500,
            steps_per_step: 1,
            streams: 1,
            seconds: 5.0,
            seed_seconds: 2.0,
            seed_advance: SeedAdvance::Random,
            temperature: 1.0,
        }
    }
}

/// When sampling happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SamplingMode {
    /// Never.
    Off,
    /// Training pauses every few steps and whole outputs are made of the weights as they are.
    Sequential,
    /// A few sampling steps per training step, the weights moving under them (the dissertation's way).
    Concurrent,
}

/// Where in the material the seeds of sampled outputs are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeedAdvance {
    /// Anywhere, drawn anew for each output.
    Random,
    /// Always at the same places, evenly spread.
    Same,
    /// Where the training is.
    #[serde(alias = "cursor")]
    TrainingCursor,
}
