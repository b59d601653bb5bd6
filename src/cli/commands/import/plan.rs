//! What an imported network's configuration is: from the options, the sizes and a reference recording.

use super::{ImportArgs, ScalingArg};
use crate::{
    cli::{error::CliError, recordings::Strict},
    dsp::{measure::Liveliness, resample::Resampler},
    model::{
        APPROACHES, Approach, Column, Magnitude, ModelConfig, ModelData, ROLL_APPROACH, Scaling, Training, Vector,
        import::{ExternalFile, ImportError, Recognised},
    },
    train::magnitude_peak,
};
use serde_json::json;
use std::{collections::BTreeMap, path::Path};

/// The rate of published models of single samples.
const USUAL_SAMPLE_RATE_HZ: u32 = 22_050;
/// Quieter is silence.
const MIN_LEVEL: f32 = 1e-6;

/// The model, and what a user should know of how it was understood.
pub(crate) fn plan(
    args: &ImportArgs,
    file: &ExternalFile,
    found: &Recognised,
) -> Result<(ModelData, Vec<String>), CliError> {
    let mut said = describe_parts(args, found);
    let approach = choose_approach(args, found, &mut said)?;
    check_applicable(args, &approach, found)?;
    let sample_rate_hz = match (args.sample_rate, &approach[..]) {
        (Some(rate), _) => rate,
        (None, "sample") => {
            said.push(format!("assumed: {USUAL_SAMPLE_RATE_HZ} Hz (--sample-rate)"));
            USUAL_SAMPLE_RATE_HZ
        }
        (None, _) => return Err(option("--sample-rate", "the rate of the material in Hz", "none")),
    };
    let reference = args.reference.as_deref().map(|path| read_reference(path, sample_rate_hz)).transpose()?;
    let sound = reference.as_deref();
    let mut tensors = found.tensors(file)?;
    let approach = match &approach[..] {
        "sample" => Approach::Sample,
        "column" => Approach::Column(Column { seg_len: found.inputs }),
        "vector" => vector(args, found)?,
        "magnitude" => magnitude(args, found, sound, &mut tensors, &mut said)?,
        other => return Err(option("--approach", "one that a plain network can be", other)),
    };
    let samples = approach.hears_samples();
    let mut config = ModelConfig {
        name: name(args),
        tanh_output: args.tanh_output,
        scaling: if samples { scaling(args, sound, &mut said)? } else { Scaling::default() },
        feedback_noise: args.feedback_noise,
        material: sound.map(Liveliness::of).unwrap_or_default(),
        training: Training {
            material: args.reference.iter().map(|path| path.display().to_string()).collect(),
            licence: args.licence.clone(),
            hyperparameters: json!({
                "imported_from": args.input.file_name().map(|name| name.to_string_lossy()),
                "rnn": found.rnn,
                "linear": found.linear,
            }),
            ..Training::default()
        },
        notes: args.notes.clone(),
        ..ModelConfig::new(approach, found.cell, found.layers, found.hidden, sample_rate_hz)
    };
    // A rate of 0 is refused below.
    if config.sample_rate_hz > 0 {
        config.warmup_speed = config.conservative_warmup_speed();
    }
    Ok((ModelData::new(config, tensors, &args.input).map_err(ImportError::from)?, said))
}

fn option(option: &'static str, expected: impl Into<String>, actual: impl Into<String>) -> CliError {
    CliError::Option { option, expected: expected.into(), actual: actual.into() }
}

/// As "sample, vector or column".
fn listed(names: &[&str]) -> String {
    match names {
        [first @ .., one_but_last, last] => {
            let before: String = first.iter().map(|name| format!("{name}, ")).collect();
            format!("{before}{one_but_last} or {last}")
        }
        one => one.concat(),
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// That of the module, where it has a choice.
fn nonlinearity(found: &Recognised) -> Option<&'static str> {
    found.cell.info().torch?.nonlinearity
}

fn describe_parts(args: &ImportArgs, found: &Recognised) -> Vec<String> {
    let named = |prefix: &str, parts: &str| {
        if prefix.is_empty() { parts.to_string() } else { format!("{prefix} ({parts})") }
    };
    let bias = |there: bool| if there { "" } else { ", no bias" };
    let (inputs, layers) = (counted(found.inputs, "input"), counted(found.layers, "layer"));
    let rnn = format!("{inputs}, {layers} of {}{}", found.hidden, bias(found.rnn_bias));
    let linear = format!("{}{}", counted(found.outputs, "output"), bias(found.linear_bias));
    let mut said = vec![format!("read: {} and {}", named(&found.rnn, &rnn), named(&found.linear, &linear))];
    if let (Some(nonlinearity), None) = (nonlinearity(found), args.nonlinearity) {
        said.push(format!("assumed: {nonlinearity} (--nonlinearity)"));
    }
    if !found.left_out.is_empty() {
        said.push(format!("left out: {}", counted(found.left_out.len(), "other tensor")));
    }
    said.extend(found.notes.iter().cloned());
    said
}

/// The name of the approach: the one asked for, or where the sizes tell, that.
fn choose_approach(args: &ImportArgs, found: &Recognised, said: &mut Vec<String>) -> Result<String, CliError> {
    let (inputs, outputs) = (found.inputs, found.outputs);
    let sizes = format!("{} and {}", counted(inputs, "input"), counted(outputs, "output"));
    let Some(approach) = &args.approach else {
        let assumed = match (inputs, outputs) {
            (1, 1) => "sample",
            (_, 1) => "column",
            _ => return Err(option("--approach", "vector or magnitude, which the sizes do not tell", sizes)),
        };
        said.push(format!("assumed: approach {assumed}, from {sizes} (--approach)"));
        return Ok(assumed.into());
    };
    let wanted = APPROACHES.iter().find(|info| info.name == approach).and_then(|info| info.plain_network);
    match wanted {
        Some(wanted) if !(wanted.fits)(inputs, outputs) => {
            Err(option("--approach", format!("{} with {approach}", wanted.sizes), sizes))
        }
        _ => Ok(approach.clone()),
    }
}

/// An option that would change nothing was meant otherwise.
fn check_applicable(args: &ImportArgs, approach: &str, found: &Recognised) -> Result<(), CliError> {
    const SAMPLES: &[&str] = &["sample", "vector", "column"];
    const MAGNITUDE: &[&str] = &["magnitude"];
    const NOTES: &[&str] = &[ROLL_APPROACH];
    for (option_name, given, with) in [
        ("--seg-len", args.seg_len.is_some(), &["vector", "column"][..]),
        ("--overlap", args.overlap.is_some(), &["vector"]),
        ("--hop", args.hop.is_some(), MAGNITUDE),
        ("--window", args.window.is_some(), MAGNITUDE),
        ("--zero-padding", args.zero_padding, MAGNITUDE),
        ("--power", args.power.is_some(), MAGNITUDE),
        ("--magnitude-peak", args.magnitude_peak.is_some(), MAGNITUDE),
        ("--scaling", args.scaling.is_some(), SAMPLES),
        ("--scaling-mean", args.scaling_mean.is_some(), SAMPLES),
        ("--scaling-std", args.scaling_std.is_some(), SAMPLES),
        ("--steps-per-quarter", args.steps_per_quarter.is_some(), NOTES),
        ("--repeats", args.repeats.is_some(), NOTES),
    ] {
        if given && !with.contains(&approach) {
            return Err(option(option_name, format!("only with approach {}", listed(with)), approach));
        }
    }
    check_nonlinearity(args, found)?;
    match args.seg_len {
        Some(seg_len) if approach == "column" && seg_len != found.inputs => {
            Err(option("--seg-len", format!("the network's {} inputs", found.inputs), seg_len.to_string()))
        }
        _ => Ok(()),
    }
}

/// Only one cell has a choice.
pub(super) fn check_nonlinearity(args: &ImportArgs, found: &Recognised) -> Result<(), CliError> {
    if args.nonlinearity.is_some() && nonlinearity(found).is_none() {
        return Err(option("--nonlinearity", "only with an nn.RNN", format!("{:?}", found.cell)));
    }
    Ok(())
}

fn vector(args: &ImportArgs, found: &Recognised) -> Result<Approach, CliError> {
    let overlap = args.overlap.unwrap_or(0);
    let seg_len = args.seg_len.unwrap_or_else(|| found.inputs.saturating_sub(overlap));
    if seg_len.checked_add(overlap) != Some(found.inputs) {
        let expected = format!("with --overlap, the network's {} inputs", found.inputs);
        return Err(option("--seg-len", expected, format!("{seg_len} + {overlap}")));
    }
    Ok(Approach::Vector(Vector { overlap, ..Vector::new(seg_len) }))
}

fn magnitude(
    args: &ImportArgs,
    found: &Recognised,
    sound: Option<&[f32]>,
    tensors: &mut BTreeMap<String, Vec<f32>>,
    said: &mut Vec<String>,
) -> Result<Approach, CliError> {
    let factor = 1 + usize::from(args.zero_padding);
    // Networks have all bins, an odd number, or go without the highest.
    let window = match (args.window, found.inputs % 2) {
        (Some(window), _) => window,
        (None, 0) => 2 * found.inputs / factor,
        (None, _) => 2 * (found.inputs - 1) / factor,
    };
    let bins = window.saturating_mul(factor) / 2 + 1;
    if args.window.is_none() {
        said.push(format!("assumed: a window of {window}, from {} inputs (--window)", found.inputs));
    }
    if found.inputs + 1 == bins {
        add_highest_bin(found, tensors);
        said.push(format!(
            "added: a bin for half the sample rate, which stays silent, to the network's {}",
            found.inputs
        ));
    } else if found.inputs != bins {
        let expected =
            format!("a window whose {bins} bins (window / 2 + 1, twice that with --zero-padding) are the inputs");
        return Err(option("--window", expected, counted(found.inputs, "input")));
    }
    let hop = args.hop.ok_or_else(|| option("--hop", "the samples from frame to frame", "none"))?;
    let measure = |sound: &[f32]| magnitude_peak(sound, window, window * factor, hop.max(1));
    let peak = match (args.magnitude_peak, sound) {
        (Some(peak), _) => peak,
        // The transform wants a window that is even and no longer than the sound; what is not is refused below.
        (None, Some(sound)) if window >= 2 && window.is_multiple_of(2) => {
            if sound.len() < window {
                let actual = format!("{} samples", sound.len());
                return Err(option("--reference", format!("at least a window of {window} samples"), actual));
            }
            measure(sound)
        }
        (None, Some(_)) => 1.0,
        (None, None) => {
            let expected = "what magnitudes were divided by, or --reference to measure it";
            return Err(option("--magnitude-peak", expected, "neither"));
        }
    };
    Ok(Approach::Magnitude(Magnitude {
        window,
        hop,
        zero_padding: args.zero_padding,
        peak_picking: false,
        magnitude_peak: peak,
        power: args.power.unwrap_or(1.0),
        sharpen: 1.0,
    }))
}

/// Weights of zero for a bin that the network does not know: it is neither heard nor sounded.
fn add_highest_bin(found: &Recognised, tensors: &mut BTreeMap<String, Vec<f32>>) {
    if let Some(weights) = tensors.get_mut("rnn.weight_ih_l0") {
        *weights = weights.chunks_exact(found.inputs).flat_map(|row| row.iter().copied().chain([0.0])).collect();
    }
    if let Some(weights) = tensors.get_mut("out.weight") {
        weights.extend(std::iter::repeat_n(0.0, found.hidden));
    }
    if let Some(bias) = tensors.get_mut("out.bias") {
        bias.push(0.0);
    }
}

fn scaling(args: &ImportArgs, sound: Option<&[f32]>, said: &mut Vec<String>) -> Result<Scaling, CliError> {
    let figures = args.scaling_mean.is_some() || args.scaling_std.is_some();
    let kind = args.scaling.unwrap_or_else(|| {
        if figures || sound.is_some() {
            said.push("assumed: scaling zscore (--scaling)".into());
            ScalingArg::Zscore
        } else {
            said.push(
                "assumed: no scaling; a network that was trained on scaled samples needs --reference or --scaling-std"
                    .into(),
            );
            ScalingArg::None
        }
    });
    let needed = |option_name| option(option_name, "a number, or --reference to measure it", "neither");
    let scaling = match (kind, sound) {
        (ScalingArg::None, _) if figures => {
            return Err(option("--scaling", "peak or zscore, as figures are given", "none"));
        }
        (ScalingArg::None, _) => Scaling::default(),
        (ScalingArg::Peak, _) if args.scaling_mean.is_some() => {
            return Err(option("--scaling-mean", "only with scaling zscore", "peak"));
        }
        (ScalingArg::Peak, sound) => {
            let peak = sound.map(|sound| sound.iter().fold(0.0f32, |peak, x| peak.max(x.abs())));
            Scaling { mean: 0.0, std: args.scaling_std.or(peak).ok_or_else(|| needed("--scaling-std"))? }
        }
        (ScalingArg::Zscore, sound) => {
            let measured = sound.map(moments);
            Scaling {
                mean: args.scaling_mean.or(measured.map(|(mean, _)| mean)).unwrap_or(0.0),
                std: args
                    .scaling_std
                    .or(measured.map(|(_, deviation)| deviation))
                    .ok_or_else(|| needed("--scaling-std"))?,
            }
        }
    };
    if kind != ScalingArg::None {
        said.push(format!("scaling: (x − {}) ÷ {}", scaling.mean, scaling.std));
    }
    Ok(scaling)
}

/// Mean and standard deviation.
fn moments(sound: &[f32]) -> (f32, f32) {
    let count = sound.len().max(1) as f64;
    let mean = sound.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let variance = sound.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count;
    (mean as f32, variance.sqrt() as f32)
}

/// The reference in mono at the model's rate.
fn read_reference(path: &Path, sample_rate_hz: u32) -> Result<Vec<f32>, CliError> {
    if !(2000..=192_000).contains(&sample_rate_hz) {
        return Err(option("--sample-rate", "2000 to 192000 Hz", sample_rate_hz.to_string()));
    }
    let recording = Strict::default().read(path)?;
    let sound = Resampler::new(recording.sample_rate_hz, sample_rate_hz).resample_all(&recording.mono());
    if sound.iter().all(|x| x.abs() < MIN_LEVEL) {
        return Err(option("--reference", "sound", "silence"));
    }
    Ok(sound)
}

/// The given name, or as much of the file's as can be one.
pub(super) fn name(args: &ImportArgs) -> String {
    let own = || {
        let stem = args.out.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let printable: String = stem.chars().filter(|c| !c.is_control()).take(80).collect();
        if printable.is_empty() { "Imported model".into() } else { printable }
    };
    args.name.clone().unwrap_or_else(own)
}
