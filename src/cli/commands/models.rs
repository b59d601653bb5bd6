//! `sympathy models`: what can be played.

use crate::{
    cli::{
        error::CliError,
        models_at_hand::read_model,
        speed::{measure_real_time_factor, shown_factor, slow_warning},
    },
    model::{EMBEDDED, Head, ModelConfig, ModelData},
};
use clap::Args;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Options of `sympathy models`.
#[derive(Args, Clone, Debug)]
pub struct ModelsArgs {
    /// Also lists the .safetensors files of a folder
    #[arg(long, value_name = "FOLDER")]
    pub dir: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// If an embedded model or the folder cannot be read. A file of the folder that is no model is listed with the reason.
pub fn run(args: &ModelsArgs) -> Result<(), CliError> {
    let files = args.dir.as_deref().map(model_files).transpose()?.unwrap_or_default();
    let mut rows =
        vec![["SLOT", "NAME", "TITLE", "APPROACH", "NETWORK", "RATE", "LICENCE", "X REAL TIME"].map(String::from)];
    let mut warnings = Vec::new();
    for model in EMBEDDED {
        rows.push(row(&model.slot.to_string(), model.name, &read_model(model.name)?, &mut warnings));
    }
    let mut refused = Vec::new();
    for path in &files {
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        match ModelData::read(path) {
            Ok(data) => rows.push(row("-", &name, &data, &mut warnings)),
            Err(error) => refused.push(crate::cli::one_line(&error.to_string())),
        }
    }
    if rows.len() > 1 {
        print_table(&rows);
    } else {
        println!(
            "no models: none is embedded in this build{}",
            if args.dir.is_some() { ", none in the folder" } else { "" }
        );
    }
    refused.iter().for_each(|reason| println!("not a model: {reason}"));
    warnings.iter().for_each(|warning| eprintln!("{warning}"));
    Ok(())
}

/// One line on how a model predicts.
pub fn describe_approach(config: &ModelConfig) -> String {
    let approach = config.approach.framing().brief();
    let head = match config.head {
        Head::Mse if config.tanh_output => "mse, tanh".into(),
        Head::Mse => "mse".into(),
        Head::Mixture { components, .. } => format!("mixture of {components}"),
        Head::Autoregressive(tier) => format!("autoregressive, {} levels", tier.levels),
    };
    format!("{approach}, {head}")
}

/// One line on a model's cells and layers.
pub fn describe_network(config: &ModelConfig) -> String {
    let cell = config.cell.info().title;
    let peepholes = if config.peepholes { " with peepholes" } else { "" };
    let groups = match config.clock_groups {
        0 => String::new(),
        groups => format!(" of {groups} groups"),
    };
    let residual = if config.residual_layers { ", residual" } else { "" };
    format!("{cell}{peepholes}{groups}, {} × {} wide{residual}", config.layers, config.hidden)
}

fn row(slot: &str, name: &str, data: &ModelData, warnings: &mut Vec<String>) -> [String; 8] {
    let config = data.config();
    let factor = measure_real_time_factor(data);
    if factor < 1.0 {
        warnings.push(slow_warning(name, factor));
    }
    let licence = &config.training.licence;
    [
        slot.into(),
        name.into(),
        config.name.clone(),
        describe_approach(config),
        describe_network(config),
        format!("{} Hz", config.sample_rate_hz),
        if licence.is_empty() { "not stated".into() } else { shortened(&crate::cli::one_line(licence), 40) },
        shown_factor(factor),
    ]
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.into() } else { text.chars().take(most - 1).chain(['…']).collect() }
}

/// Prints columns as wide as they have to be.
pub(crate) fn print_table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) {
    let mut widths = [0; COLUMNS];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        println!("{}", cells.join("  ").trim_end());
    }
}

/// The model files of a folder, by name.
pub(crate) fn model_files(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let io = |source| CliError::Io { path: folder.into(), action: "read", source };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.extension().is_some_and(|extension| extension == "safetensors") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Cell;

    #[test]
    fn the_cell_and_its_extras_are_named() {
        let json = r#"{"format_version": 1, "name": "x", "approach": {"kind": "column", "seg_len": 64}, "cell": "lstm",
            "layers": 2, "hidden": 12, "peepholes": true, "residual_layers": true, "tanh_output": true,
            "head": {"kind": "mse"}, "sample_rate_hz": 8000, "scaling": {"mean": 0, "std": 1}, "temperature": 1,
            "warmup_speed": 1}"#;
        let config: ModelConfig = serde_json::from_str(json).expect("the fields of a model");
        assert_eq!(describe_network(&config), "LSTM with peepholes, 2 × 12 wide, residual");
        assert_eq!(describe_approach(&config), "column 64, mse, tanh");
        let clockwork =
            ModelConfig { cell: Cell::Clockwork, clock_groups: 4, peepholes: false, residual_layers: false, ..config };
        assert_eq!(describe_network(&clockwork), "clockwork RNN of 4 groups, 2 × 12 wide");
    }
}
