//! The training configuration: one JSON object, every field with a default, checked as a whole before any audio is read.

use crate::model::Head;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What to train, on what, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// The model's name, shown to its user.
    pub name: String,
    /// The recordings, heard one after the other.
    pub files: Vec<Excerpt>,
    /// Recordings that are only tested on.
    pub validation: Vec<Excerpt>,
    /// Licence and attribution of the recordings; goes into the model file.
    pub licence: String,
    /// Free text for the model file.
    pub notes: String,
    /// The model's rate.
    pub sample_rate_hz: u32,
    /// How audio becomes steps.
    pub approach: TrainApproach,
    /// Layers of LSTM cells.
    pub layers: usize,
    /// Width of a layer.
    pub hidden: usize,
    /// How outputs become frames.
    pub head: Head,
    /// Principal components that stand for a frame; 0: the frame itself.
    pub principal_components: usize,
    /// How much the small components are enlarged: 0 divides all by the deviation of the first, 1 each by its own.
    pub whitening: f32,
    /// Frames are also cut at this many places within a hop, evenly: more material from the same recording.
    pub offsets: usize,
    /// Standard deviation of the noise added to the features that the network hears (not to those it predicts).
    pub input_noise: f32,
    /// Probability with which an output of a layer is silenced in training.
    pub dropout: f32,
    /// Learning rate at the beginning.
    pub lr: f64,
    /// How the learning rate goes on.
    pub lr_schedule: LrSchedule,
    /// Steps over which the learning rate rises from 0.
    pub lr_rise_steps: u64,
    /// Decoupled weight decay (AdamW) of the matrices.
    pub weight_decay: f64,
    /// Stop after as many epochs; an epoch shows as many frames as the material holds.
    pub epochs: Option<u32>,
    /// Stop after as many minutes.
    pub max_minutes: Option<f64>,
    /// Stretches of the material that are trained on side by side.
    pub streams: usize,
    /// Steps through which the gradient flows back; the state goes on beyond them.
    pub bptt: usize,
    /// Probability, per segment, that a stream forgets its state and jumps to another place.
    pub restart: f32,
    /// The norm of the whole gradient is kept below this.
    pub clip_norm: f64,
    /// Fixes every random number of the training.
    pub random_seed: u64,
    /// The temperature at which the model is meant to sound.
    pub temperature: f32,
    /// Standard deviation of the noise added to features that are fed back while it sounds.
    pub feedback_noise: f32,
    /// Stretches quieter than this (RMS, dB full scale) are cut out; none: nothing is.
    pub trim_silence_db: Option<f32>,
    /// Every file is brought to this RMS (dB full scale) after trimming; none: levels stay.
    pub normalise_rms_db: Option<f32>,
    /// Minutes between checkpoints.
    pub checkpoint_minutes: f64,
}

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

/// The learning rate over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LrSchedule {
    /// Stays.
    Constant,
    /// Half a period of a cosine, down to a hundredth at the end (Loshchilov and Hutter, *SGDR*, 2017).
    Cosine,
}

/// [`crate::model::Approach`] without what is measured of the material.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum TrainApproach {
    /// Raw samples, a segment at a time.
    Vector {
        /// Samples a step.
        seg_len: usize,
        /// Samples that neighbouring predictions share.
        #[serde(default)]
        overlap: usize,
        /// The network hears each sample less this part of the one before.
        #[serde(default)]
        emphasis: f32,
        /// Gain of what is predicted.
        #[serde(default = "one")]
        gain: f32,
    },
    /// Magnitude frames.
    Magnitude {
        /// Length of the Blackman window in samples.
        window: usize,
        /// Samples from frame to frame.
        hop: usize,
        /// Transform twice as long as the window.
        #[serde(default)]
        zero_padding: bool,
        /// Sound only the peaks of a frame.
        #[serde(default)]
        peak_picking: bool,
        /// The network sees magnitudes raised to this power.
        #[serde(default = "half")]
        power: f32,
        /// Predicted magnitudes are raised to this power at unchanged energy.
        #[serde(default = "one")]
        sharpen: f32,
    },
    /// One sample a step.
    Sample,
}

fn half() -> f32 {
    0.5
}

fn one() -> f32 {
    1.0
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            name: "Untitled".into(),
            files: Vec::new(),
            validation: Vec::new(),
            licence: String::new(),
            notes: String::new(),
            sample_rate_hz: 22_050,
            approach: TrainApproach::Magnitude {
                window: 2048,
                hop: 512,
                zero_padding: true,
                peak_picking: true,
                power: half(),
                sharpen: one(),
            },
            layers: 1,
            hidden: 256,
            head: Head::Mixture { components: 8, residual: false },
            principal_components: 64,
            whitening: 0.5,
            offsets: 1,
            input_noise: 0.3,
            dropout: 0.0,
            lr: 2e-3,
            lr_schedule: LrSchedule::Cosine,
            lr_rise_steps: 50,
            weight_decay: 0.0,
            epochs: None,
            max_minutes: Some(10.0),
            streams: 16,
            bptt: 64,
            restart: 0.05,
            clip_norm: 1.0,
            random_seed: 1,
            temperature: 0.5,
            feedback_noise: 0.0,
            trim_silence_db: Some(-50.0),
            normalise_rms_db: None,
            checkpoint_minutes: 5.0,
        }
    }
}

/// A field that breaks its rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Name of the field, with dots.
    pub field: String,
    /// What it should be.
    pub rule: String,
    /// What it is.
    pub value: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: expected {}, found {}", self.field, self.rule, self.value)
    }
}

impl TrainConfig {
    /// Reads a configuration and changes it by `overrides`, each `key=value` with dots between the names of nested
    /// fields (`approach.hop=128`); a value is JSON or else a string.
    ///
    /// # Errors
    /// Every problem that was found: of the JSON, of single fields, of the fields together.
    pub fn from_json(json: &str, overrides: &[String]) -> Result<Self, Vec<Problem>> {
        let problem = |rule: &str, value: String| Problem { field: "configuration".into(), rule: rule.into(), value };
        let mut value: serde_json::Value =
            serde_json::from_str(json).map_err(|e| vec![problem("a JSON object", e.to_string())])?;
        if !value.is_object() {
            return Err(vec![problem("a JSON object", value.to_string())]);
        }
        let problems: Vec<Problem> =
            overrides.iter().filter_map(|text| super::overrides::apply(&mut value, text).err()).collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        // Field by field, as every field has a default: so all that do not parse are told at once.
        let fields = value.as_object().into_iter().flatten();
        let problems: Vec<Problem> = fields
            .filter_map(|(field, value)| {
                let alone = serde_json::json!({ field: value });
                let error = serde_json::from_value::<Self>(alone).err()?;
                Some(Problem {
                    field: field.clone(),
                    rule: "a known field of the right type".into(),
                    value: error.to_string(),
                })
            })
            .collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        let config: Self =
            serde_json::from_value(value).map_err(|e| vec![problem("the fields of a training", e.to_string())])?;
        let problems = config.problems();
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// Every number that lies outside its range.
    pub fn problems(&self) -> Vec<Problem> {
        super::rules::problems(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> TrainConfig {
        TrainConfig { files: vec![Excerpt { path: "a.wav".into(), ..Default::default() }], ..Default::default() }
    }

    #[test]
    fn defaults_are_good_and_survive_json() {
        let config = good();
        assert_eq!(config.problems(), []);
        let json = serde_json::to_string(&config).expect("plain data");
        assert_eq!(TrainConfig::from_json(&json, &[]), Ok(config.clone()));
        assert_eq!(TrainConfig::from_json(r#"{"files": [{"path": "a.wav"}]}"#, &[]), Ok(config));
    }

    #[test]
    fn overrides_reach_into_fields() {
        let json = r#"{"files": [{"path": "a.wav"}]}"#;
        let overrides = ["approach.hop=128", "hidden=64", "name=Two words", "head={\"kind\":\"mse\"}", "epochs=3"];
        let config = TrainConfig::from_json(json, &overrides.map(String::from)).expect("good overrides");
        assert!(matches!(config.approach, TrainApproach::Magnitude { hop: 128, window: 2048, .. }));
        assert_eq!((config.hidden, &config.name[..], config.head), (64, "Two words", Head::Mse));
        assert_eq!(config.epochs, Some(3));
        let bad = TrainConfig::from_json(json, &["hidden".into(), "name.x=1".into()]).expect_err("bad overrides");
        assert_eq!(bad.len(), 2, "{bad:?}");
    }

    #[test]
    fn every_problem_is_told() {
        let json = r#"{"hiden": 3, "lr": "fast", "approach": {"kind": "magnitude", "window": 1024, "hop": 3, "x": 1}}"#;
        let unknown = TrainConfig::from_json(json, &[]).expect_err("a bad file");
        let fields: Vec<&str> = unknown.iter().map(|p| &p.field[..]).collect();
        assert_eq!(fields, ["approach", "hiden", "lr"], "{unknown:?}");
        let config = TrainConfig { lr: f64::NAN, hidden: 0, dropout: 1.0, files: vec![], ..good() };
        let problems = config.problems();
        let fields: Vec<&str> = problems.iter().map(|p| &p.field[..]).collect();
        assert_eq!(fields, ["files", "hidden", "dropout", "lr"], "{problems:?}");
    }
}
