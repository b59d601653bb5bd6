//! `sympathy inspect`: the content of a model file.

pub(crate) mod notes;

use super::models::{describe_approach, describe_network};
use crate::{
    cli::{
        error::CliError,
        models_at_hand::{AnyModel, read_any_model},
        one_line,
        speed::{measure_real_time_factor, shown_factor},
        terminal::say,
    },
    dsp::level::gain_to_db,
    model::{BANDS, Head, ModelData, TensorShape, Training},
};
use clap::Args;
use serde_json::{Value, json};

/// Options of `sympathy inspect`.
#[derive(Args, Clone, Debug)]
pub struct InspectArgs {
    /// Model file, or an embedded model by its name
    #[arg(value_name = "FILE")]
    pub model: String,
    /// Prints one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
///
/// # Errors
/// If the file is refused.
pub fn run(args: &InspectArgs) -> Result<(), CliError> {
    match (read_any_model(&args.model)?, args.json) {
        (AnyModel::Sound(data), true) => say!("{:#}", as_json(&data)),
        (AnyModel::Sound(data), false) => say!("{}", as_text(&data, measure_real_time_factor(&data))),
        (AnyModel::Notes(model), true) => say!("{:#}", notes::as_json(model.config())),
        (AnyModel::Notes(model), false) => say!("{}", notes::as_text(model.config())),
    }
    Ok(())
}

/// The configuration as it stands in the file, and what follows from it.
pub fn as_json(data: &ModelData) -> Value {
    let config = data.config();
    json!({
        // A configuration is plain data; were it not, the field would be null.
        "config": serde_json::to_value(config).unwrap_or_default(),
        "parameters": parameter_count(data),
        "features": config.features(),
        "output_size": config.output_size(),
        "multiplications_per_step": config.multiplications_per_step(),
        "tensors": tensors_as_json(&config.tensors()),
    })
}

fn tensors_as_json(tensors: &[TensorShape]) -> Vec<Value> {
    tensors.iter().map(|tensor| json!({"name": tensor.name, "shape": tensor.shape})).collect()
}

/// The same for people.
pub fn as_text(data: &ModelData, real_time_factor: f64) -> String {
    let config = data.config();
    let rate = f64::from(config.sample_rate_hz);
    let ms = |samples: usize| format!("{samples} samples ({:.1} ms)", 1000.0 * samples as f64 / rate);
    let mut text = Sheet::default();
    text.heading(&config.name);
    text.row("format version", config.format_version);
    text.row("approach", describe_approach(config));
    text.row("sample rate", format!("{} Hz", config.sample_rate_hz));
    text.row("step", ms(config.hop_samples()));
    for (name, value) in config.approach.framing().details(&ms) {
        text.row(name, value);
    }
    if config.slides() {
        text.row("pre-emphasis", config.emphasis);
    }
    text.row("scaling", format!("(x − {}) ÷ {}", config.scaling.mean, config.scaling.std));
    text.row("network", describe_network(config));
    text.row(
        if config.slides() { "inputs" } else { "features" },
        match config.principal_components {
            0 => config.inputs().to_string(),
            components => format!("{components} principal components of {}", config.frame_size()),
        },
    );
    text.row("outputs", config.output_size());
    let next = if config.hop_samples() == 1 { "sample" } else { "frame" };
    text.row(
        "head",
        match config.head {
            Head::Mse => {
                format!(
                    "mse: {} is the next {next}",
                    if config.tanh_output { "tanh of the output" } else { "the output" }
                )
            }
            Head::Mixture { components, residual: true } => {
                format!("mixture of {components} Gaussians around input + change")
            }
            Head::Mixture { components, residual: false } => {
                format!("mixture of {components} Gaussians around the next {next}")
            }
            Head::Autoregressive(tier) => format!(
                "autoregressive: {} levels, drawn bin by bin with a GRU of {}, after those of {BANDS} bands",
                tier.levels, tier.hidden
            ),
        },
    );
    text.row("parameters", parameter_count(data));
    text.row("multiplications a step", config.multiplications_per_step());
    text.row("real-time factor here", shown_factor(real_time_factor));
    text.row("temperature", config.temperature);
    text.row("feedback noise", config.feedback_noise);
    text.row("part of the noise heard", config.sound_spread);
    text.row("warm-up speed", format!("{} s of seed a second", config.warmup_speed));

    text.heading("Material");
    let training = &config.training;
    text.row("recordings", or_unknown(&training.material.join(", ")));
    text.row("licence", or_unknown(&training.licence));
    text.row("level", format!("{:.1} dBFS RMS", gain_to_db(config.material.rms)));
    text.row("spectral change", format!("{:.4}", config.material.flux));
    text.row("flatness", format!("{:.5}", config.material.flatness));

    text.heading("Training");
    text.epochs(training);
    match training.baseline_loss {
        Some(loss) => text.row("loss of repeating the last frame", loss),
        None if training.repeat_loss > 0.0 => {
            text.row("squared error of repeating the last frame", training.repeat_loss);
        }
        None => {}
    }
    text.hyperparameters(training);
    text.row("notes", or_unknown(&config.notes));
    text.tensors(&config.tensors());
    text.lines.join("\n")
}

/// Numbers that were trained.
pub fn parameter_count(data: &ModelData) -> u64 {
    let count = |shape: &[usize]| shape.iter().product::<usize>() as u64;
    data.config().tensors().iter().filter(|tensor| !tensor.name.starts_with("pca.")).map(|t| count(&t.shape)).sum()
}

fn or_unknown(text: &str) -> String {
    if text.is_empty() { "not stated".into() } else { text.into() }
}

/// Lines of names and values; a value from a file stays on its line.
#[derive(Default)]
struct Sheet {
    lines: Vec<String>,
}

impl Sheet {
    fn heading(&mut self, text: &str) {
        if !self.lines.is_empty() {
            self.lines.push(String::new());
        }
        self.lines.push(one_line(text));
    }

    fn epochs(&mut self, training: &Training) {
        self.row("program", or_unknown(&training.version));
        self.row("epochs", training.epochs);
        self.row("final loss", training.final_loss);
        self.row("validation loss", training.validation_loss.map_or("none".into(), |loss| loss.to_string()));
    }

    fn hyperparameters(&mut self, training: &Training) {
        if let Value::Object(hyperparameters) = &training.hyperparameters {
            for (name, value) in hyperparameters {
                self.row(name, value);
            }
        }
    }

    fn tensors(&mut self, tensors: &[TensorShape]) {
        self.heading("Tensors");
        for tensor in tensors {
            let shape: Vec<String> = tensor.shape.iter().map(usize::to_string).collect();
            self.row(&tensor.name, format!("[{}]", shape.join(", ")));
        }
    }

    fn row(&mut self, name: &str, value: impl ToString) {
        self.lines.push(format!("  {:27} {}", one_line(name), one_line(&value.to_string())));
    }
}
