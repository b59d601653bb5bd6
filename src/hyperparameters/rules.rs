//! The range of every field of a training configuration.

use super::{
    approach::stated_in,
    options::{Excerpt, Optimiser},
    problem::Problem,
};
use crate::{
    hyperparameters::TrainConfig,
    model::{self, Approach, Cell, FieldProblem, Head, LAYER_TENSORS, MAX_FILE_BYTES},
};
use std::fmt::Display;

/// What a segment's intermediate results may take.
const MAX_SEGMENT_BYTES: u128 = 8 << 30;
/// A covariance matrix has at most this many rows.
const MAX_PCA_FRAME: usize = 4097;

/// No sound before the material goes on for longer.
const MAX_FOREIGN_STEPS: usize = 1 << 16;

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

    /// The ranges are those of the model's approach.
    fn approach(&mut self, approach: &Approach) {
        let mut own = model::Check::default();
        approach.framing().check(&mut own);
        for problem in own.0 {
            self.of_model(problem);
        }
    }

    /// What the model would complain of is told once.
    fn of_model(&mut self, (field, rule, value): FieldProblem) {
        let problem = Problem { field: stated_in(field), rule, value };
        if !self.0.contains(&problem) {
            self.0.push(problem);
        }
    }
}

/// All problems of `config`.
pub(crate) fn problems(config: &TrainConfig) -> Vec<Problem> {
    let mut check = Check(Vec::new());
    material(&mut check, config);
    let approach = config.planned_approach();
    let frame = approach.framing().frame_size();
    matrices(&mut check, config, &approach);
    network(&mut check, config, &approach);
    training(&mut check, config);
    sampling(&mut check, config);
    if check.0.is_empty() {
        // Gates, cells and outputs of a layer with their gradients, and the outputs of the head with theirs.
        let outputs = match config.head {
            Head::Mse => 1,
            Head::Mixture { components, .. } => 2 * components + 1,
            Head::Autoregressive(tier) => tier.levels,
        };
        let features = if config.principal_components > 0 { config.principal_components } else { frame };
        let per_step = 16 * config.layers * config.hidden + (3 * outputs + 2) * features;
        let bytes = 4 * (config.streams * config.num_unrollings * config.bptt) as u128 * per_step as u128;
        let rule = format!("at most {MAX_SEGMENT_BYTES} bytes of intermediate results");
        let held = bytes <= MAX_SEGMENT_BYTES;
        check.require(held, "streams × num_unrollings × bptt", rule, format!("{bytes} bytes"));
    }
    if check.0.is_empty() {
        let bytes = 4 * weights(config, &approach);
        let rule = format!("a model of at most {MAX_FILE_BYTES} bytes");
        check.require(bytes <= u128::from(MAX_FILE_BYTES), "hidden, layers", rule, format!("{bytes} bytes"));
        // Columns predict one sample together.
        if let Some(problem) = approach.framing().memory_problem(outputs(config, 1)) {
            check.of_model(problem);
        }
    }
    check.0
}

/// About as many numbers as the model's file will hold.
fn weights(config: &TrainConfig, approach: &Approach) -> u128 {
    let frame = approach.framing().frame_size() as u128;
    let (hidden, components) = (config.hidden as u128, config.principal_components as u128);
    let inputs = if components > 0 { components } else { frame };
    let predicted = if approach.framing().slides() { 1 } else { inputs };
    let outputs = outputs(config, predicted as usize) as u128;
    let rows = config.cell.gates() as u128 * hidden;
    let layers = rows * (inputs + hidden + 2) + (config.layers as u128 - 1) * rows * (2 * hidden + 2);
    layers + outputs * (hidden + 1) + components * (frame + 3) + frame
}

/// Outputs of the dense layer, where a step predicts so many numbers.
fn outputs(config: &TrainConfig, predicted: usize) -> usize {
    match config.head {
        Head::Mse => predicted,
        Head::Mixture { components, .. } => components * (1 + 2 * predicted),
        Head::Autoregressive(tier) => tier.levels,
    }
}

fn material(check: &mut Check, config: &TrainConfig) {
    let characters = config.name.chars().count();
    let printable = (1..=80).contains(&characters) && !config.name.chars().any(char::is_control);
    check.require(printable, "name", "1 to 80 printable characters", format!("{:?}", config.name));
    check.require(!config.files.is_empty(), "files", "at least one file", "none");
    check.excerpts("files", &config.files);
    check.excerpts("validation", &config.validation);
    let single = !config.planned_approach().framing().predicts_frames();
    let rule = format!("false, as the approach is {}", config.approach.kind());
    check.require(single || !config.loop_material, "loop_material", rule, true);
    let wraps = !config.one_shot || !config.loop_material;
    check.require(wraps, "loop_material", "false, as one_shot is on: a recording is one sequence", true);
    check.range("validation_split", config.validation_split, 0.0, 0.5);
    check.range("sample_rate_hz", config.sample_rate_hz, 4000, 192_000);
    check.range("trim_silence_db", config.trim_silence_db.unwrap_or(-50.0), -120.0, 0.0);
    check.range("normalise_rms_db", config.normalise_rms_db.unwrap_or(-20.0), -60.0, -3.0);
}

/// How rows lie in the material. Table 4.1 says some things twice; they must agree.
fn matrices(check: &mut Check, config: &TrainConfig, approach: &Approach) {
    let (framing, rows) = (approach.framing(), config.num_unrollings);
    check.range("num_unrollings", rows, 1, 1024);
    check.range("int_cursor_inc", config.int_cursor_inc.unwrap_or(1), 1, 1 << 16);
    check.range("ext_cursor_inc", config.ext_cursor_inc.unwrap_or(1), 1, 1 << 16);
    check.approach(approach);
    let frames = framing.predicts_frames();
    let components = frames && approach.hears_samples() && config.principal_components > 0;
    for (field, value) in [("int_cursor_inc", config.int_cursor_inc), ("ext_cursor_inc", config.ext_cursor_inc)] {
        let rule = "none, as vectors are cut in advance for their principal_components";
        check.require(!components || value.is_none(), field, rule, value.unwrap_or(0));
    }
    let rule = format!("1, as a step of the approach {} is a sample", config.approach.kind());
    check.require(frames || config.offsets == 1, "offsets", rule, config.offsets);
    let labels = if approach.columns().is_some() { 1 } else { rows };
    let shape = [labels, if framing.slides() { 1 } else { framing.frame_size() }];
    // Of the first row, in samples or in frames of magnitudes.
    let before_last = approach.columns().map_or(0, |columns| columns.reach_samples());
    let offset = if approach.hears_samples() { before_last.saturating_add(framing.prediction_samples()) } else { 1 };
    let kind = config.approach.kind();
    for (field, given) in [("label_shape", config.label_shape), ("output_shape", config.output_shape)] {
        let given = given.unwrap_or(shape);
        let rule = format!("{shape:?}, as the approach is {kind} and num_unrollings {rows}");
        check.require(given == shape, field, rule, format!("{given:?}"));
    }
    let given = config.label_offset.unwrap_or(offset);
    check.require(given == offset, "label_offset", format!("{offset}, as the approach is {kind}"), given);
    check.range("offsets", config.offsets, 1, 64);
}

fn network(check: &mut Check, config: &TrainConfig, approach: &Approach) {
    let (frame, frames) = (approach.framing().frame_size(), approach.framing().predicts_frames());
    check.range("layers", config.layers, 1, 8);
    check.range("hidden", config.hidden, 1, 4096);
    if let Head::Mixture { components, .. } = config.head {
        check.range("head.components", components, 1, 64);
    }
    let is_of_frames = !matches!(config.head, Head::Autoregressive(_));
    check.require(is_of_frames, "head.kind", "mse or mixture, as the approach is not listening", "autoregressive");
    let mse = config.head == Head::Mse;
    check.require(mse || !config.tanh_output, "tanh_output", "false, as the head is a mixture", true);
    let components = config.principal_components;
    let most = if frames { frame.min(512) } else { 0 };
    let rule =
        if frames { format!("0 to {most}") } else { format!("0, as the approach is {}", config.approach.kind()) };
    check.require(components <= most, "principal_components", rule, components);
    check.range("emphasis", config.emphasis, 0.0, 0.999);
    let slides = approach.framing().slides();
    let rule = format!("0, as the approach is {}", config.approach.kind());
    check.require(slides || config.emphasis == 0.0, "emphasis", rule, config.emphasis);
    let fits = components == 0 || frame <= MAX_PCA_FRAME;
    let rule = format!("0, as frames have {frame} numbers, more than {MAX_PCA_FRAME}");
    check.require(fits, "principal_components", rule, components);
    check.range("whitening", config.whitening, 0.0, 1.0);
    let lstm = config.cell == Cell::Lstm;
    check.require(lstm || !config.peepholes, "peepholes", "false, as the cell is no LSTM", true);
    check.range("forget_bias", config.forget_bias, -10.0, 10.0);
    if config.cell == Cell::Clockwork {
        let groups = config.clock_groups;
        check.range("clock_groups", groups, 1, 16);
        let divides = config.hidden.is_multiple_of(groups.max(1));
        check.require(divides, "clock_groups", format!("a divisor of hidden = {}", config.hidden), groups);
    }
    let has_two = config.layers > 1 || !config.use_residual;
    check.require(has_two, "use_residual", "false, as there is one layer", true);
    check.range("weight_stddev", config.weight_stddev.unwrap_or(1.0), 1e-12, 10.0);
    let keeps = [config.input_keep, config.output_keep, config.state_keep];
    for (field, keep) in ["input_keep", "output_keep", "state_keep"].into_iter().zip(keeps) {
        check.range(field, keep, 0.05, 1.0);
    }
    let drops = !config.use_dropout || keeps.iter().any(|&keep| keep < 1.0);
    check.require(drops, "use_dropout", "false, as input_keep, output_keep and state_keep are 1", true);
    check.range("input_noise", config.input_noise, 0.0, 10.0);
    if let Some(least) = config.input_noise_min {
        let most = config.input_noise;
        let rule = format!("more than 0, at most input_noise = {most}");
        check.require(least > 0.0 && least <= most, "input_noise_min", rule, least);
        check.require(!config.one_shot, "input_noise_min", "none, as one_shot is on: nothing jumps", least);
    }
    check.range("foreign_starts", config.foreign_starts, 0.0, 1.0);
    let can = slides && !config.one_shot;
    let rule = "0, unless the approach is column or transpose and one_shot off";
    check.require(can || config.foreign_starts == 0.0, "foreign_starts", rule, config.foreign_starts);
    check.excerpts("foreign_files", &config.foreign_files);
    let (foreign, count) = (config.foreign_starts > 0.0, config.foreign_files.len());
    check.require(foreign || count == 0, "foreign_files", "none, as foreign_starts is 0", format!("{count} files"));
    check.range("foreign_steps", config.foreign_steps, 0, MAX_FOREIGN_STEPS);
    let none = config.foreign_steps == 0;
    check.require(none || foreign, "foreign_steps", "0, as foreign_starts is 0", config.foreign_steps);
    let rule = "0, as loop_material is off: the material would have to begin before its beginning";
    check.require(none || config.loop_material, "foreign_steps", rule, config.foreign_steps);
    check.range("temperature", config.temperature, 0.0, 10.0);
    check.range("feedback_noise", config.feedback_noise, 0.0, 10.0);
    check.range("sound_spread", config.sound_spread, 0.0, 1.0);
    let whole = config.principal_components == 0 || config.sound_spread == 1.0;
    check.require(whole, "sound_spread", "1, as there are principal components", config.sound_spread);
    check.range("warmup_speed", config.warmup_speed.unwrap_or(1.0), 1.0, 1000.0);
}

/// Names of the tensors that are trained, as in the model file.
fn tensors(config: &TrainConfig) -> Vec<String> {
    let layers = (0..config.layers.min(8)).flat_map(|layer| LAYER_TENSORS.map(|part| format!("rnn.{part}_l{layer}")));
    let mut names: Vec<String> = layers.filter(|name| config.peepholes || !name.contains("peephole")).collect();
    let second = config.planned_approach().columns().is_some();
    for layer in ["out", "columns"].into_iter().take(1 + usize::from(second)) {
        names.extend(["weight", "bias"].map(|part| format!("{layer}.{part}")));
    }
    names
}

fn training(check: &mut Check, config: &TrainConfig) {
    check.range("reg_amount", config.reg_amount, 0.0, 100.0);
    let some = !config.regularization || config.reg_amount > 0.0;
    check.require(some, "reg_amount", "more than 0, as regularization is on", config.reg_amount);
    check.range("lr", config.lr, 1e-8, 1.0);
    let tensors = tensors(config);
    for (name, &factor) in &config.lr_factors {
        let (rule, value) = ("factors from 0 to 100", format!("{name} = {factor}"));
        check.require((0.0..=100.0).contains(&factor), "lr_factors", rule, value);
        let known = tensors.iter().any(|tensor| tensor.starts_with(&name[..])) && !name.is_empty();
        let rule = format!("names of tensors or their beginnings ({})", tensors.join(", "));
        check.require(known, "lr_factors", rule, format!("{name:?}"));
    }
    let steps = config.optimiser != Optimiser::Rprop || config.lr_factors.is_empty();
    check.require(steps, "lr_factors", "none, as the optimiser is rprop, whose steps go their own way", "some");
    check.range("lr_rise_steps", config.lr_rise_steps, 0, 1_000_000);
    check.range("plateau_patience", config.plateau_patience, 1, 1_000_000);
    check.range("plateau_factor", config.plateau_factor, 1e-3, 0.999);
    check.range("momentum", config.momentum, 0.0, 0.999);
    check.range("weight_decay", config.weight_decay, 0.0, 1.0);
    let adam = config.optimiser == Optimiser::Adam;
    check.require(
        adam || config.weight_decay == 0.0,
        "weight_decay",
        "0, as the optimiser is not adam",
        config.weight_decay,
    );
    let heavy = matches!(config.optimiser, Optimiser::Sgd | Optimiser::Rmsprop) || config.momentum == 0.0;
    check.require(heavy, "momentum", "0, as the optimiser is neither sgd nor rmsprop", config.momentum);
    let signs = config.optimiser != Optimiser::Rprop || config.one_shot;
    check.require(
        signs,
        "optimiser",
        "another one than rprop, as one_shot is off: signs need the whole excerpt",
        "rprop",
    );
    check.range("loss_ceiling", config.loss_ceiling.unwrap_or(1.0), 1e-3, 1e6);
    check.range("clip_norm", config.clip_norm.unwrap_or(1.0), 1e-6, 1e6);
    check.range("clip_value", config.clip_value.unwrap_or(1.0), 1e-6, 1e6);
    check.range("average_last", config.average_last, 0.0, 1.0);
    let ends = config.epochs.is_some() || config.max_steps.is_some() || config.max_minutes.is_some();
    check.require(ends, "epochs, max_steps, max_minutes", "at least one of them", "none");
    check.range("epochs", config.epochs.unwrap_or(1), 1, 1_000_000);
    check.range("max_steps", config.max_steps.unwrap_or(1), 1, 1_000_000_000);
    check.range("max_minutes", config.max_minutes.unwrap_or(1.0), 1e-4, 1e5);
    check.range("streams", config.streams, 1, 1024);
    for (field, count) in [("streams", config.streams), ("num_unrollings", config.num_unrollings)] {
        check.require(!config.one_shot || count == 1, field, "1, as one_shot is on", count);
    }
    check.range("bptt", config.bptt, 1, 1 << 20);
    check.range("restart", config.restart, 0.0, 1.0);
    check.range("checkpoint_minutes", config.checkpoint_minutes, 0.0005, 1e5);
}

fn sampling(check: &mut Check, config: &TrainConfig) {
    let sampling = &config.sampling;
    check.range("sampling.every_steps", sampling.every_steps, 1, 1_000_000_000);
    check.range("sampling.steps_per_step", sampling.steps_per_step, 1, 100_000);
    check.range("sampling.streams", sampling.streams, 1, 16);
    check.range("sampling.seconds", sampling.seconds, 0.01, 120.0);
    check.range("sampling.seed_seconds", sampling.seed_seconds, 0.01, 20.0);
    check.range("sampling.temperature", sampling.temperature, 0.0, 10.0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hyperparameters::{SampleScaling, SamplingMode, TrainApproach};

    fn good() -> TrainConfig {
        TrainConfig { files: vec![Excerpt { path: "a.wav".into(), ..Default::default() }], ..Default::default() }
    }

    fn raw(approach: TrainApproach) -> TrainConfig {
        TrainConfig { approach, head: Head::Mse, principal_components: 0, ..good() }
    }

    #[test]
    fn combinations_that_make_sense_pass() {
        let column = TrainApproach::Column { seg_len: 2048 };
        let transpose = TrainApproach::Transpose { seg_len: 128 };
        for config in [
            good(),
            TrainConfig { num_unrollings: 10, int_cursor_inc: Some(2048), ..raw(column.clone()) },
            TrainConfig { label_shape: Some([1, 1]), label_offset: Some(2048), ..raw(column) },
            TrainConfig {
                num_unrollings: 64,
                int_cursor_inc: Some(128),
                label_offset: Some(63 * 128 + 128),
                label_shape: Some([1, 1]),
                ..raw(transpose)
            },
            // The published trainer's 100 rows of 1024 samples.
            TrainConfig {
                num_unrollings: 100,
                int_cursor_inc: Some(1024),
                streams: 1,
                ..raw(TrainApproach::Transpose { seg_len: 1024 })
            },
            TrainConfig { one_shot: true, streams: 1, optimiser: Optimiser::Rprop, ..raw(TrainApproach::Sample) },
            TrainConfig { cell: Cell::Clockwork, clock_groups: 8, scaling: SampleScaling::Peak, ..good() },
            TrainConfig {
                loop_material: true,
                foreign_starts: 0.5,
                foreign_files: good().files,
                foreign_steps: 100,
                input_noise_min: Some(0.1),
                lr_factors: [("rnn.weight_ih_l0".into(), 0.0), ("columns".into(), 10.0)].into(),
                loss_ceiling: Some(3.0),
                warmup_speed: Some(4.0),
                ..raw(TrainApproach::Transpose { seg_len: 128 })
            },
            TrainConfig { layers: 3, use_residual: true, use_dropout: true, state_keep: 0.5, ..good() },
        ] {
            assert_eq!(problems(&config), [], "{config:?}");
        }
    }

    #[test]
    fn combinations_that_make_none_are_told_with_field_value_and_rule() {
        let column = || raw(TrainApproach::Column { seg_len: 64 });
        for (config, field, parts) in [
            (TrainConfig { tanh_output: true, ..good() }, "tanh_output", "mixture true"),
            (TrainConfig { emphasis: 0.5, ..good() }, "emphasis", "magnitude 0.5"),
            (TrainConfig { foreign_starts: 0.5, ..good() }, "foreign_starts", "column transpose 0.5"),
            (TrainConfig { foreign_files: good().files, ..column() }, "foreign_files", "foreign_starts 1 files"),
            (TrainConfig { foreign_starts: 0.5, foreign_steps: 9, ..column() }, "foreign_steps", "loop_material 9"),
            (TrainConfig { loop_material: true, ..good() }, "loop_material", "magnitude true"),
            (
                TrainConfig { loop_material: true, one_shot: true, streams: 1, ..raw(TrainApproach::Sample) },
                "loop_material",
                "one_shot true",
            ),
            (TrainConfig { input_noise_min: Some(0.4), ..good() }, "input_noise_min", "input_noise 0.3 0.4"),
            (TrainConfig { input_noise_min: Some(0.0), ..good() }, "input_noise_min", "more than 0"),
            (TrainConfig { lr_factors: [("columns".into(), 0.1)].into(), ..column() }, "lr_factors", "out.weight"),
            (TrainConfig { lr_factors: [("out".into(), -1.0)].into(), ..good() }, "lr_factors", "out = -1"),
            (TrainConfig { loss_ceiling: Some(0.0), ..good() }, "loss_ceiling", "0.001"),
            (TrainConfig { warmup_speed: Some(0.5), ..good() }, "warmup_speed", "1 to 1000"),
            (TrainConfig { principal_components: 8, ..column() }, "principal_components", "column 8"),
            (TrainConfig { peepholes: true, cell: Cell::Gru, ..good() }, "peepholes", "LSTM"),
            (TrainConfig { cell: Cell::Clockwork, clock_groups: 7, ..good() }, "clock_groups", "256 7"),
            (TrainConfig { use_residual: true, ..good() }, "use_residual", "one layer"),
            (TrainConfig { use_dropout: true, ..good() }, "use_dropout", "input_keep"),
            (TrainConfig { regularization: true, reg_amount: 0.0, ..good() }, "reg_amount", "more than 0"),
            (TrainConfig { optimiser: Optimiser::Sgd, weight_decay: 0.1, ..good() }, "weight_decay", "adam 0.1"),
            (TrainConfig { optimiser: Optimiser::Rprop, ..good() }, "optimiser", "one_shot rprop"),
            (TrainConfig { one_shot: true, ..raw(TrainApproach::Sample) }, "streams", "one_shot 16"),
            (TrainConfig { label_shape: Some([1, 64]), ..column() }, "label_shape", "[1, 1] column [1, 64]"),
            (TrainConfig { output_shape: Some([2, 1]), ..column() }, "output_shape", "[2, 1]"),
            (TrainConfig { label_offset: Some(1), ..column() }, "label_offset", "64 column"),
            (TrainConfig { epochs: None, max_minutes: None, ..good() }, "epochs, max_steps, max_minutes", "none"),
            (TrainConfig { validation_split: 0.9, ..good() }, "validation_split", "0.5 0.9"),
            (TrainConfig { streams: 1024, bptt: 1 << 20, ..good() }, "streams × num_unrollings × bptt", "bytes"),
            (
                TrainConfig {
                    num_unrollings: 1024,
                    int_cursor_inc: Some(8192),
                    streams: 1,
                    ..raw(TrainApproach::Transpose { seg_len: 8 })
                },
                "num_unrollings × int_cursor_inc",
                "1048575 samples 8380416",
            ),
            (
                TrainConfig {
                    sampling: crate::hyperparameters::Sampling {
                        seconds: 1e9,
                        mode: SamplingMode::Off,
                        ..Default::default()
                    },
                    ..good()
                },
                "sampling.seconds",
                "120",
            ),
        ] {
            let found = problems(&config);
            assert_eq!(found.len(), 1, "{field}: {found:?}");
            assert_eq!(found[0].field, field);
            let text = found[0].to_string();
            assert!(parts.split(' ').all(|part| text.contains(part)), "{text} lacks one of {parts}");
        }
    }
}
