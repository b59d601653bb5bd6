//! `sympathy models`: what can be played.

use crate::{
    approach::Network,
    cli::{
        error::CliError,
        models_at_hand::{own_models, read_model},
        one_line,
        speed::{measure_real_time_factor, shown_factor, slow_warning},
        terminal::{self, remark, say},
    },
    model::{
        EMBEDDED, EMBEDDED_NOTES, Head, ModelConfig, ModelData, ModelError, RollModel,
        folder::{USER_SLOTS, model_files, models_folder},
    },
    notes::live::NoteModel,
    worker::SlotModel,
};
use clap::Args;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Options of `sympathy models`.
#[derive(Args, Clone, Debug)]
pub struct ModelsArgs {
    /// Also lists the .safetensors files of a folder and of the folders in it
    #[arg(long, value_name = "FOLDER")]
    pub dir: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// If an embedded model or the folder cannot be read. A file that is no model is listed with the reason.
pub fn run(args: &ModelsArgs) -> Result<(), CliError> {
    let mut rows = vec![["SLOT", "NAME", "APPROACH", "NETWORK", "RATE", "SPEED"].map(String::from)];
    let mut warnings = Vec::new();
    for model in EMBEDDED {
        rows.push(row(&model.slot.to_string(), model.name, &read_model(model.name)?, &mut warnings));
    }
    let (mut refused, mut of_notes) = (Vec::new(), Vec::new());
    for model in EMBEDDED_NOTES {
        let data = RollModel::from_bytes(model.bytes, Path::new(model.name))?;
        of_notes.push(describe_notes(Some(model.slot), model.name, &data));
    }
    for own in own_models::<NoteModel>() {
        match RollModel::read(&own.path) {
            Ok(data) => of_notes.push(describe_notes(Some(own.slot), &one_line(&own.name), &data)),
            // What may be of either kind is told of with those of sound.
            Err(error) if !Network::is_likely(&own.path) => refused.push(one_line(&error.to_string())),
            Err(_) => {}
        }
    }
    let mut list = |slot: String, name: String, path: &Path| match ModelData::read(path) {
        Ok(data) => rows.push(row(&slot, &one_line(&name), &data, &mut warnings)),
        Err(error) => match RollModel::read(path) {
            Ok(data) => of_notes.push(describe_notes(None, &one_line(&name), &data)),
            Err(of_notes) => {
                let is_of_notes = matches!(error, ModelError::OtherKind { .. });
                refused.push(one_line(&if is_of_notes { of_notes } else { error }.to_string()));
            }
        },
    };
    for own in own_models::<Network>() {
        list(own.slot.to_string(), own.name, &own.path);
    }
    for path in args.dir.as_deref().map(files_of).transpose()?.unwrap_or_default() {
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        list("-".into(), name, &path);
    }
    if rows.len() > 1 {
        print_table(&rows);
    } else {
        say!(
            "no models: none is embedded in this build{}",
            if args.dir.is_some() { ", none in the folder" } else { "" }
        );
    }
    of_notes.iter().for_each(|line| say!("of notes: {line}"));
    if let Some(folder) = models_folder() {
        say!("models of your own, from slot {} on: {}", USER_SLOTS.start(), folder.display());
    }
    refused.iter().for_each(|reason| say!("not a model: {reason}"));
    warnings.iter().for_each(|warning| remark!("{warning}"));
    Ok(())
}

/// One line on a model of notes.
fn describe_notes(slot: Option<u8>, name: &str, data: &RollModel) -> String {
    let steps = data.config().approach.steps_per_quarter;
    let code = data.config().code().map_or_else(String::new, |code| format!(", a code of {code}"));
    let place = slot.map_or_else(String::new, |slot| format!(" (slot {slot} of Sympathy Notes)"));
    format!("{name}, {steps} steps a quarter note{code}{place}")
}

/// The model files of a folder that was named.
pub(crate) fn files_of(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    fs::read_dir(folder).map_err(|source| CliError::Io { path: folder.into(), action: "read", source })?;
    Ok(model_files(folder))
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

fn row(slot: &str, name: &str, data: &ModelData, warnings: &mut Vec<String>) -> [String; 6] {
    let config = data.config();
    let factor = measure_real_time_factor(data);
    if factor < 1.0 {
        warnings.push(slow_warning(name, factor));
    }
    [
        slot.into(),
        name.into(),
        config.approach.info().name.into(),
        describe_network(config),
        format!("{} Hz", config.sample_rate_hz),
        format!("{} ×", shown_factor(factor)),
    ]
}

/// Prints columns as wide as they have to be; where the terminal is narrower, each row by itself, a line for each of its cells.
pub(crate) fn print_table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) {
    let length = |cell: &String| cell.chars().count();
    let mut widths = [0; COLUMNS];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = length(cell).max(*width);
        }
    }
    if widths.iter().sum::<usize>() + 2 * (COLUMNS - 1) <= terminal::table_width() {
        for row in rows {
            let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            say!("{}", cells.join("  ").trim_end());
        }
        return;
    }
    let Some((head, rows)) = rows.split_first() else {
        return;
    };
    let width = head.iter().map(length).max().unwrap_or(0);
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            say!("");
        }
        head.iter().zip(row).for_each(|(head, cell)| say!("{head:width$}  {cell}"));
    }
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
