//! What stands in a model of notes.

use super::{Sheet, or_unknown, tensors_as_json};
use crate::model::{RollBaselines, RollModelConfig, RollNetwork, RollRepeats};
use serde_json::{Value, json};

/// The configuration as it stands in the file, and what follows from it.
pub fn as_json(config: &RollModelConfig) -> Value {
    json!({
        // A configuration is plain data; were it not, the field would be null.
        "config": serde_json::to_value(config).unwrap_or_default(),
        "parameters": config.parameters(),
        "parameters_with_one_bias": config.parameters_with_one_bias(),
        "inputs": config.inputs(),
        "multiplications_per_step": config.multiplications_per_step(),
        "tensors": tensors_as_json(&config.tensors()),
    })
}

/// One line on a network.
pub fn describe(config: &RollModelConfig) -> String {
    match &config.network {
        RollNetwork::Recurrent { cell, layers, hidden } => {
            format!("{}, {layers} × {hidden} wide", cell.info().title)
        }
        RollNetwork::Autoencoder { widths, tied, .. } => {
            let widths: Vec<String> = widths.iter().map(usize::to_string).collect();
            format!("autoencoder {}, {}", widths.join("-"), if *tied { "tied" } else { "not tied" })
        }
    }
}

/// The parameters, in every way in which they are counted.
pub fn parameters(config: &RollModelConfig) -> String {
    match (config.parameters_with_one_bias(), config.parameters()) {
        (one, two) if one == two => one.to_string(),
        (one, two) => format!("{one} with one bias a gate, as Keras counts; {two} with the two of PyTorch"),
    }
}

/// The same for people.
pub fn as_text(config: &RollModelConfig) -> String {
    let (approach, training) = (&config.approach, &config.training);
    let mut text = Sheet::default();
    text.heading(&config.name);
    text.row("format version", config.format_version);
    let keys = format!("{} keys from MIDI {}", approach.keys, approach.lowest);
    text.row("approach", format!("roll, {keys}, {} steps a quarter note", approach.steps_per_quarter));
    text.row(
        "keys struck again",
        match approach.repeats {
            RollRepeats::Merge => "go on as one note",
            RollRepeats::Gap => "after an empty step",
            RollRepeats::Onset => "a second plane of bits tells where",
        },
    );
    text.row("network", describe(config));
    match config.network {
        RollNetwork::Recurrent { .. } => {
            let phase = if approach.phase { ", and the step of the measure" } else { "" };
            text.row("inputs", format!("{}, a column{phase}", config.inputs()));
            text.row("outputs", format!("{}, the next column", config.column()));
        }
        RollNetwork::Autoencoder { .. } => {
            text.row("inputs", format!("{}, {} columns", config.inputs(), config.segment()));
            text.row("activations", "elu; tanh at the code");
        }
    }
    text.row("head", "bernoulli: outputs through a sigmoid are the probabilities of keys");
    text.row("parameters", parameters(config));
    text.row("multiplications a step", config.multiplications_per_step());

    if let Some(codes) = &config.codes {
        text.heading("Axes of the code");
        for (axis, (explained, effects)) in codes.explained().zip(&codes.effects).enumerate() {
            let [keys, height, length] = effects;
            let goes = format!("goes with keys {keys:+.2}, height {height:+.2}, length of notes {length:+.2}");
            text.row(&format!("{}", axis + 1), format!("{:.1} % of the variance; {goes}", 100.0 * explained));
        }
    }

    text.heading("Training");
    text.row("material", or_unknown(&training.material.join(", ")));
    text.row("licence", or_unknown(&training.licence));
    text.epochs(training);
    if let Some(own) = &config.provenance {
        let [pieces, held_out] = own.pieces;
        text.row("recipe", &own.recipe);
        text.row("steps", own.steps);
        text.row("pieces", format!("{pieces} for training, {held_out} that validate"));
        let whose = if own.validated { "validation" } else { "training" };
        text.row(&format!("{whose} mse"), own.mse);
        text.row(&format!("{whose} accuracy"), format!("{:.2} %", 100.0 * own.accuracy));
        for (name, error) in own.baselines.iter().flat_map(RollBaselines::named) {
            text.row(&format!("mse of {name}"), error);
        }
    }
    text.hyperparameters(training);
    text.row("notes", or_unknown(&config.notes));
    text.tensors(&config.tensors());
    text.lines.join("\n")
}
