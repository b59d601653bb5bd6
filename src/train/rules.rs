//! The range of every field of a training configuration.

use super::{
    config::TrainConfig,
    options::{Excerpt, TrainApproach},
    problem::Problem,
};
use crate::model::Head;
use std::fmt::Display;

/// What a segment's intermediate results may take.
const MOST_SEGMENT_BYTES: u128 = 8 << 30;
/// A covariance matrix has at most this many rows.
const MOST_PCA_FRAME: usize = 4097;

/// Collects what is out of range, in the order of the fields.
struct Check(Vec<Problem>);

impl Check {
    fn require(&mut self, holds: bool, field: impl Display, rule: impl Display, value: impl Display) {
        if !holds {
            self.0.push(Problem { field: field.to_string(), rule: rule.to_string(), value: value.to_string() });
        }
    }

    /// NaN lies in no range.
    fn range<T: PartialOrd + Display>(&mut self, field: impl Display, value: T, least: T, most: T) {
        let holds = value >= least && value <= most;
        self.require(holds, field, format!("{least} to {most}"), value);
    }

    fn excerpts(&mut self, field: &str, excerpts: &[Excerpt]) {
        for (index, excerpt) in excerpts.iter().enumerate() {
            let path = &excerpt.path;
            self.require(!path.as_os_str().is_empty(), format!("{field}[{index}].path"), "a file name", "nothing");
            let start = excerpt.start_s.unwrap_or(0.0);
            self.range(format!("{field}[{index}].start_s"), start, 0.0, 1e6);
            if let Some(end) = excerpt.end_s {
                let rule = format!("more than start_s = {start}, at most 1000000");
                self.require(end > start && end <= 1e6, format!("{field}[{index}].end_s"), rule, end);
            }
        }
    }

    /// Returns the numbers in a frame.
    fn approach(&mut self, config: &TrainConfig) -> usize {
        match config.approach {
            TrainApproach::Vector { seg_len, overlap, emphasis, gain } => {
                self.range("approach.seg_len", seg_len, 16, 8192);
                self.range("approach.overlap", overlap, 0, seg_len);
                self.range("approach.emphasis", emphasis, 0.0, 0.999);
                self.range("approach.gain", gain, 0.01, 100.0);
                seg_len + overlap
            }
            TrainApproach::Magnitude { window, hop, zero_padding, power, sharpen, .. } => {
                self.range("approach.window", window, 64, 16_384);
                self.require(window.is_multiple_of(2), "approach.window", "an even number", window);
                self.range("approach.hop", hop, 16, window.max(16));
                self.range("approach.power", power, 0.1, 2.0);
                self.range("approach.sharpen", sharpen, 0.5, 4.0);
                window.min(16_384) * (1 + usize::from(zero_padding)) / 2 + 1
            }
            TrainApproach::Sample => 1,
            TrainApproach::Column { seg_len } | TrainApproach::Transpose { seg_len } => {
                self.range("approach.seg_len", seg_len, 1, 8192);
                seg_len
            }
        }
    }
}

/// All problems of `config`.
pub(super) fn problems(config: &TrainConfig) -> Vec<Problem> {
    let mut check = Check(Vec::new());
    let characters = config.name.chars().count();
    let printable = (1..=80).contains(&characters) && !config.name.chars().any(char::is_control);
    check.require(printable, "name", "1 to 80 printable characters", format!("{:?}", config.name));
    check.require(!config.files.is_empty(), "files", "at least one file", "none");
    check.excerpts("files", &config.files);
    check.excerpts("validation", &config.validation);
    check.range("sample_rate_hz", config.sample_rate_hz, 4000, 192_000);
    let frame = check.approach(config);
    check.range("layers", config.layers, 1, 8);
    check.range("hidden", config.hidden, 1, 4096);
    let mut outputs = 1;
    if let Head::Mixture { components, .. } = config.head {
        check.range("head.components", components, 1, 64);
        outputs = 2 * components.min(64) + 1;
    }
    check.range("principal_components", config.principal_components, 0, frame.min(512));
    let fits = config.principal_components == 0 || frame <= MOST_PCA_FRAME;
    let rule = format!("0, as frames have {frame} numbers, more than {MOST_PCA_FRAME}");
    check.require(fits, "principal_components", rule, config.principal_components);
    check.range("whitening", config.whitening, 0.0, 1.0);
    check.range("offsets", config.offsets, 1, 64);
    check.range("input_noise", config.input_noise, 0.0, 10.0);
    check.range("input_keep", config.input_keep, 0.05, 1.0);
    check.range("output_keep", config.output_keep, 0.05, 1.0);
    check.range("state_keep", config.state_keep, 0.05, 1.0);
    check.range("lr", config.lr, 1e-8, 1.0);
    check.range("lr_rise_steps", config.lr_rise_steps, 0, 1_000_000);
    check.range("weight_decay", config.weight_decay, 0.0, 1.0);
    let ends = config.epochs.is_some() || config.max_minutes.is_some();
    check.require(ends, "epochs, max_minutes", "at least one of them", "neither");
    check.range("epochs", config.epochs.unwrap_or(1), 1, 1_000_000);
    check.range("max_minutes", config.max_minutes.unwrap_or(1.0), 1e-4, 1e5);
    check.range("streams", config.streams, 1, 1024);
    check.range("bptt", config.bptt, 1, 8192);
    check.range("restart", config.restart, 0.0, 1.0);
    check.range("clip_norm", config.clip_norm.unwrap_or(1.0), 1e-6, 1e6);
    check.range("temperature", config.temperature, 0.0, 10.0);
    check.range("feedback_noise", config.feedback_noise, 0.0, 10.0);
    check.range("trim_silence_db", config.trim_silence_db.unwrap_or(-50.0), -120.0, 0.0);
    check.range("normalise_rms_db", config.normalise_rms_db.unwrap_or(-20.0), -60.0, -3.0);
    check.range("checkpoint_minutes", config.checkpoint_minutes, 0.01, 1e5);
    if check.0.is_empty() {
        // Gates, cells and outputs of a layer with their gradients, and the outputs of the head with theirs.
        let features = if config.principal_components > 0 { config.principal_components } else { frame };
        let per_step = 16 * config.layers * config.hidden + 3 * outputs * features;
        let bytes = 4 * (config.streams * config.bptt) as u128 * per_step as u128;
        let rule = format!("at most {MOST_SEGMENT_BYTES} bytes of intermediate results");
        check.require(bytes <= MOST_SEGMENT_BYTES, "streams × bptt", rule, format!("{bytes} bytes"));
    }
    check.0
}
