//! The training configuration: one JSON object, every field with a default, checked as a whole before any audio is read.

use super::{
    approach::TrainApproach,
    options::{Excerpt, LrSchedule, Optimiser, SampleScaling, Sampling},
};
use crate::model::{Approach, Cell, Head, Magnitude};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What to train, on what, and how. Names of the dissertation's Table 4.1 (Pfalz 2018) that are not fields here are taken
/// too: serde aliases, and those that `published.rs` moves into `approach`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// The model's name, shown to its user.
    pub name: String,
    /// The recordings, heard one after the other.
    pub files: Vec<Excerpt>,
    /// Recordings that are only tested on.
    pub validation: Vec<Excerpt>,
    /// This part of the end of every recording is only tested on.
    pub validation_split: f32,
    /// Licence and attribution of the recordings; goes into the model file.
    pub licence: String,
    /// Free text for the model file.
    pub notes: String,
    /// The model's rate.
    pub sample_rate_hz: u32,
    /// Stretches quieter than this (RMS, dB full scale) are cut out; none: nothing is.
    pub trim_silence_db: Option<f32>,
    /// Every file is brought to this RMS (dB full scale) after trimming; none: levels stay.
    pub normalise_rms_db: Option<f32>,
    /// The joined recordings are a loop: after their end comes their beginning.
    pub loop_material: bool,
    /// How samples are scaled.
    pub scaling: SampleScaling,
    /// Column, transpose: the network hears each sample less this part of the one before. Errors then have the material's own
    /// falling spectrum.
    pub emphasis: f32,
    /// How audio becomes steps.
    pub approach: TrainApproach,
    /// Rows of the matrix that is one input: stretches that begin `int_cursor_inc` apart, each with a state of its own. They
    /// are a batch; with *transpose* all of them make one sample.
    pub num_unrollings: usize,
    /// From the beginning of a row to that of the next, in samples (magnitude: frames); none: a step.
    pub int_cursor_inc: Option<usize>,
    /// From a matrix to the next, in samples (magnitude: frames); none: a step.
    pub ext_cursor_inc: Option<usize>,
    /// Rows and columns of a label; where given it has to fit the approach.
    pub label_shape: Option<[usize; 2]>,
    /// From the first element of a row to the first of its label; where given it has to fit the approach.
    pub label_offset: Option<usize>,
    /// Rows and columns of a prediction; where given it has to fit the approach.
    pub output_shape: Option<[usize; 2]>,
    /// Principal components that stand for a frame; 0: the frame itself.
    pub principal_components: usize,
    /// How much the small components are enlarged: 0 divides all by the deviation of the first, 1 each by its own.
    pub whitening: f32,
    /// Frames are also cut at this many places within a hop, evenly: more material from the same recording.
    pub offsets: usize,
    /// The recurrent cell.
    pub cell: Cell,
    /// Layers of cells.
    #[serde(alias = "num_layers")]
    pub layers: usize,
    /// Width of a layer.
    pub hidden: usize,
    /// LSTM: gates see the cell.
    pub peepholes: bool,
    /// LSTM: added to the bias of the forget gate before training (Jozefowicz et al. 2015).
    pub forget_bias: f32,
    /// Clockwork: groups of units, their periods 1, 2, 4, …
    pub clock_groups: usize,
    /// Layers learn what is added to their input, where it is as wide as they are (the first one's seldom is).
    pub use_residual: bool,
    /// How outputs become frames.
    pub head: Head,
    /// The dense layer's outputs go through tanh.
    pub tanh_output: bool,
    /// Standard deviation of the normal noise with which the dense layer begins; none: uniform as in PyTorch.
    pub weight_stddev: Option<f32>,
    /// Use the keep probabilities below.
    pub use_dropout: bool,
    /// Probability with which an input of a layer is kept at a step.
    #[serde(alias = "input_dropout")]
    pub input_keep: f32,
    /// Probability with which an output of a layer is kept at a step.
    #[serde(alias = "output_dropout")]
    pub output_keep: f32,
    /// Probability with which a number of a layer's h is kept from one step to the next.
    #[serde(alias = "state_dropout")]
    pub state_keep: f32,
    /// Add `reg_amount` · ½ Σ w² over the recurrent layers' matrices to the loss.
    pub regularization: bool,
    /// See `regularization`.
    pub reg_amount: f64,
    /// Standard deviation of the noise added to the features that the network hears (not to those it predicts).
    pub input_noise: f32,
    /// Every stream has a deviation of its own between this and `input_noise`, drawn evenly in its logarithm when the stream
    /// jumps; none: all have `input_noise`.
    pub input_noise_min: Option<f32>,
    /// Column, transpose: part of the streams that have heard something else than the material when they jump, and go on
    /// with its beginning.
    pub foreign_starts: f32,
    /// Recordings that these streams hear then, at other speeds and levels, never learned; none: the material itself.
    pub foreign_files: Vec<Excerpt>,
    /// The other sound goes on for up to as many steps, drawn anew each time, in which predictions are not scored; then the
    /// material begins.
    pub foreign_steps: usize,
    /// How weights move.
    #[serde(alias = "optimizer")]
    pub optimiser: Optimiser,
    /// Learning rate at the beginning.
    pub lr: f64,
    /// Factors of the learning rate for single tensors: by their name in the model file or the beginning of it, of which the
    /// longest counts. 0: these weights stay.
    pub lr_factors: BTreeMap<String, f64>,
    /// How the learning rate goes on.
    pub lr_schedule: LrSchedule,
    /// Steps over which the learning rate rises from 0.
    pub lr_rise_steps: u64,
    /// Schedule *plateau*: epochs without a better loss.
    pub plateau_patience: u32,
    /// Schedule *plateau*: what the rate is then multiplied by.
    pub plateau_factor: f64,
    /// SGD, RMSProp: momentum.
    pub momentum: f64,
    /// Adam: decoupled weight decay (AdamW) of the matrices.
    pub weight_decay: f64,
    /// Loss of a prediction (nats of a mixture, squared error) above which its gradient is divided by its loss, so that it
    /// counts no more than this; none: there is no such bound.
    pub loss_ceiling: Option<f32>,
    /// The norm of the whole gradient is kept below this; none: it is not.
    pub clip_norm: Option<f64>,
    /// Every number of the gradient is kept within ± this; none: they are not.
    pub clip_value: Option<f64>,
    /// Part of the training, its last, over whose steps the model's weights are averaged (Izmailov et al. 2018, *Averaging weights
    /// leads to wider optima and better generalization*); 0: the model has the last weights.
    pub average_last: f64,
    /// Stop after as many epochs; an epoch shows as many rows as the material holds.
    #[serde(alias = "num_epochs")]
    pub epochs: Option<u32>,
    /// Stop after as many steps (updates of the weights), however much material there is.
    pub max_steps: Option<u64>,
    /// Stop after as many minutes. Where it is the only end, runs are not repeatable: the schedule follows the clock.
    pub max_minutes: Option<f64>,
    /// Matrices that are trained on side by side, at places spread over the material.
    pub streams: usize,
    /// Steps through which the gradient flows back; the state goes on beyond them. 1 is the dissertation's.
    pub bptt: usize,
    /// Every recording is one sequence: one update for all of it, from a state of zeros.
    pub one_shot: bool,
    /// The state is forgotten after every segment of `bptt` steps.
    pub reset_state: bool,
    /// Probability, per segment, that a stream forgets its state and jumps to another place.
    pub restart: f32,
    /// Fixes every random number of the training.
    pub random_seed: u64,
    /// The temperature at which the model is meant to sound.
    pub temperature: f32,
    /// Standard deviation of the noise added to features that are fed back while it sounds.
    pub feedback_noise: f32,
    /// Without principal components: what part is heard of how far a mixture's draw lies from what was to be expected; all of it is fed back.
    pub sound_spread: f32,
    /// Seconds of seed that the model runs through per second of clock; none: what a slow machine manages.
    pub warmup_speed: Option<f32>,
    /// Minutes between checkpoints.
    pub checkpoint_minutes: f64,
    /// What is sampled on the way.
    pub sampling: Sampling,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            name: "Untitled".into(),
            files: Vec::new(),
            validation: Vec::new(),
            validation_split: 0.0,
            licence: String::new(),
            notes: String::new(),
            sample_rate_hz: 22_050,
            trim_silence_db: Some(-50.0),
            normalise_rms_db: None,
            loop_material: false,
            scaling: SampleScaling::Zscore,
            emphasis: 0.0,
            approach: TrainApproach::magnitude(),
            num_unrollings: 1,
            int_cursor_inc: None,
            ext_cursor_inc: None,
            label_shape: None,
            label_offset: None,
            output_shape: None,
            principal_components: 64,
            whitening: 0.5,
            offsets: 1,
            cell: Cell::Lstm,
            layers: 1,
            hidden: 256,
            peepholes: false,
            forget_bias: 1.0,
            clock_groups: 4,
            use_residual: false,
            head: Head::Mixture { components: 8, residual: false },
            tanh_output: false,
            weight_stddev: None,
            use_dropout: false,
            input_keep: 1.0,
            output_keep: 1.0,
            state_keep: 1.0,
            regularization: false,
            reg_amount: 1e-4,
            input_noise: 0.3,
            input_noise_min: None,
            foreign_starts: 0.0,
            foreign_files: Vec::new(),
            foreign_steps: 0,
            optimiser: Optimiser::Adam,
            lr: 2e-3,
            lr_factors: BTreeMap::new(),
            lr_schedule: LrSchedule::Cosine,
            lr_rise_steps: 50,
            plateau_patience: 10,
            plateau_factor: 0.5,
            momentum: 0.0,
            weight_decay: 0.0,
            loss_ceiling: None,
            clip_norm: Some(1.0),
            clip_value: None,
            average_last: 0.0,
            epochs: None,
            max_steps: None,
            max_minutes: Some(10.0),
            streams: 16,
            bptt: 64,
            one_shot: false,
            reset_state: false,
            restart: 0.05,
            random_seed: 1,
            temperature: 0.5,
            feedback_noise: 0.0,
            sound_spread: 1.0,
            warmup_speed: None,
            checkpoint_minutes: 5.0,
            sampling: Sampling::default(),
        }
    }
}

impl TrainConfig {
    /// The approach of the model; `magnitude_peak` measures the largest magnitude of the material's frames.
    pub(crate) fn approach_of_model(&self, magnitude_peak: impl FnOnce(&Magnitude) -> f32) -> Approach {
        self.approach.as_trained(self.num_unrollings, self.int_cursor_inc.unwrap_or(1), magnitude_peak)
    }

    /// The same before anything has been measured.
    pub(crate) fn planned_approach(&self) -> Approach {
        self.approach_of_model(|_| 1.0)
    }

    /// As JSON, without what may change from one run of a training to the next: when to stop, what is only written down, and
    /// what does not touch the weights.
    pub fn fixed_part(&self) -> String {
        let defaults = Self::default();
        let fixed = Self {
            name: defaults.name,
            licence: defaults.licence,
            notes: defaults.notes,
            epochs: None,
            max_steps: None,
            max_minutes: None,
            checkpoint_minutes: defaults.checkpoint_minutes,
            temperature: defaults.temperature,
            feedback_noise: defaults.feedback_noise,
            sound_spread: defaults.sound_spread,
            warmup_speed: defaults.warmup_speed,
            sampling: defaults.sampling,
            ..self.clone()
        };
        serde_json::to_string(&fixed).unwrap_or_default()
    }

    /// [`Self::fixed_part`] as another version wrote it: fields that it did not have yet have their defaults.
    pub fn fixed_part_of(json: &str) -> String {
        serde_json::from_str(json).map_or_else(|_| json.into(), |config: Self| config.fixed_part())
    }

    /// The factor of the learning rate for a tensor: that of the longest name that it begins with.
    pub fn lr_factor(&self, tensor: &str) -> f64 {
        let fitting = self.lr_factors.iter().filter(|(name, _)| tensor.starts_with(&name[..]));
        fitting.max_by_key(|(name, _)| name.len()).map_or(1.0, |(_, &factor)| factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_of_before_a_field_was_there_is_one_with_its_default() {
        let config = TrainConfig { lr: 0.007, clip_norm: None, ..TrainConfig::default() };
        let fixed = config.fixed_part();
        let mut old: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&fixed).expect("an object");
        old.remove("loop_material").expect("a field");
        old.remove("lr_factors").expect("a field");
        let old = serde_json::to_string(&old).expect("plain data");
        assert_ne!(old, fixed);
        assert_eq!(TrainConfig::fixed_part_of(&old), fixed);
        let other = TrainConfig { loop_material: true, ..config };
        assert_ne!(TrainConfig::fixed_part_of(&old), other.fixed_part());
        assert_eq!(TrainConfig::fixed_part_of(r#"{"no such field": 1}"#), r#"{"no such field": 1}"#);
    }
}
