//! Networks of notes: an autoencoder of segments, or a recurrent network that hears a column of 88 keys and says the
//! next.

use super::{ImportArgs, plan::check_nonlinearity};
use crate::{
    cli::{
        commands::inspect::notes::{describe, parameters},
        error::CliError,
        one_line,
        terminal::{remark, say},
    },
    model::{
        CodeActivation, HiddenActivation, ROLL_APPROACH, RollModel, RollModelConfig, RollNetwork, RollRepeats,
        STEPS_PER_MEASURE, Training,
        import::{Choice, DenseChain, ExternalFile, ImportError, Recognised},
    },
};
use serde_json::json;
use std::collections::BTreeMap;

/// Steps of a quarter note where none are given, as the published networks have them.
const USUAL_STEPS: u32 = 8;

type Tensors = BTreeMap<String, Vec<f32>>;

/// Makes a model of notes of the file.
///
/// # Errors
/// If options are about sound, the tensors are no such network, or the model cannot be written.
pub fn run(args: &ImportArgs, file: &ExternalFile, choice: Choice<'_>) -> Result<(), CliError> {
    refuse_sound(args)?;
    let has_cells = file.shapes().keys().any(|name| name.contains("weight_hh"));
    let mut left_out = String::new();
    let (mut config, tensors) = if has_cells {
        let found = Recognised::of(file, choice)?;
        left_out = found.left_out.join(", ");
        check_nonlinearity(args, &found)?;
        recurrent(args, file, &found)?
    } else {
        refuse_cells(args)?;
        autoencoder(args, file)?
    };
    config.approach.steps_per_quarter = args.steps_per_quarter.unwrap_or(USUAL_STEPS) as usize;
    config.name = super::plan::name(args);
    config.notes.clone_from(&args.notes);
    config.training = Training {
        licence: args.licence.clone(),
        hyperparameters: json!({"imported_from": args.input.file_name().map(|name| name.to_string_lossy())}),
        ..Training::default()
    };
    let model = RollModel::new(config, tensors, &args.input).map_err(ImportError::from)?;
    model.write(&args.out)?;
    let (config, out) = (model.config(), args.out.display().to_string());
    let steps = config.approach.steps_per_quarter;
    say!(
        "{}",
        one_line(&format!(
            "{out}: {}, {}, {} parameters, {steps} steps a quarter note, from {}",
            config.name,
            describe(config),
            parameters(config),
            args.input.display()
        ))
    );
    say!("all about it: sympathy inspect {}", one_line(&out));
    if !left_out.is_empty() {
        remark!("warning: the model does not play as it was trained: left out {}", one_line(&left_out));
    }
    Ok(())
}

/// Options that say how sound becomes steps.
fn refuse_sound(args: &ImportArgs) -> Result<(), CliError> {
    let given = [
        ("--sample-rate", args.sample_rate.is_some()),
        ("--seg-len", args.seg_len.is_some()),
        ("--overlap", args.overlap.is_some()),
        ("--hop", args.hop.is_some()),
        ("--window", args.window.is_some()),
        ("--zero-padding", args.zero_padding),
        ("--power", args.power.is_some()),
        ("--magnitude-peak", args.magnitude_peak.is_some()),
        ("--scaling", args.scaling.is_some()),
        ("--scaling-mean", args.scaling_mean.is_some()),
        ("--scaling-std", args.scaling_std.is_some()),
        ("--reference", args.reference.is_some()),
        ("--tanh-output", args.tanh_output),
        ("--feedback-noise", args.feedback_noise != 0.0),
    ];
    refuse_given(&given, "an approach of sound", &format!("--approach {ROLL_APPROACH}"))
}

/// Options that tell recurrent networks from what else is in a file.
fn refuse_cells(args: &ImportArgs) -> Result<(), CliError> {
    let given = [
        ("--rnn", args.rnn.is_some()),
        ("--linear", args.linear.is_some()),
        ("--drop-others", args.drop_others),
        ("--nonlinearity", args.nonlinearity.is_some()),
    ];
    refuse_given(&given, "a recurrent network", "dense layers alone")
}

/// An option that would change nothing was meant otherwise.
fn refuse_given(options: &[(&'static str, bool)], expected: &str, actual: &str) -> Result<(), CliError> {
    match options.iter().find(|(_, is_given)| *is_given) {
        None => Ok(()),
        Some(&(option, _)) => Err(CliError::Option { option, expected: expected.into(), actual: actual.into() }),
    }
}

fn mismatch(file: &ExternalFile, expected: &str, actual: String) -> CliError {
    ImportError::Network { file: file.path().into(), expected: expected.into(), actual }.into()
}

/// One that hears a column, perhaps with its strokes and the step of the measure.
fn recurrent(
    args: &ImportArgs,
    file: &ExternalFile,
    found: &Recognised,
) -> Result<(RollModelConfig, Tensors), CliError> {
    let network = RollNetwork::Recurrent { cell: found.cell, layers: found.layers, hidden: found.hidden };
    let mut config = RollModelConfig::new(network);
    match args.repeats {
        Some(repeats) => config.approach.repeats = repeats.into(),
        None if found.outputs == 2 * config.column() => config.approach.repeats = RollRepeats::Onset,
        None => {}
    }
    config.approach.phase = found.inputs == config.column() + STEPS_PER_MEASURE;
    if found.outputs != config.column() || found.inputs != config.inputs() {
        let columns = match args.repeats {
            None => "88 inputs and outputs, or 176 with strokes".into(),
            Some(_) => format!("{} inputs and outputs with these --repeats", config.column()),
        };
        let expected = format!("{columns}, and {STEPS_PER_MEASURE} more inputs with the step of the measure");
        return Err(mismatch(file, &expected, format!("{} inputs, {} outputs", found.inputs, found.outputs)));
    }
    Ok((config, found.tensors(file)?))
}

/// One that encodes whole measures.
fn autoencoder(args: &ImportArgs, file: &ExternalFile) -> Result<(RollModelConfig, Tensors), CliError> {
    let found = DenseChain::of(file)?;
    let (hidden, code) = (HiddenActivation::Elu, CodeActivation::Tanh);
    let network = RollNetwork::Autoencoder { widths: found.widths.clone(), tied: found.tied, hidden, code };
    let mut config = RollModelConfig::new(network);
    if let Some(repeats) = args.repeats {
        config.approach.repeats = repeats.into();
    }
    let measure = config.approach.steps_per_measure * config.column();
    let inputs = found.widths.first().copied().unwrap_or_default();
    if !inputs.is_multiple_of(measure) {
        return Err(mismatch(file, &format!("whole measures of {measure} inputs"), inputs.to_string()));
    }
    config.approach.measures = inputs / measure;
    Ok((config, found.tensors(file)?))
}
