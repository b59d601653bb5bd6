//! The figures and curves of a run.

use crate::{
    figure::{
        FigureError,
        axis::{grouped, short},
        curves::{Chart, Curve, Look, smoothed},
        html::{card, escape, section},
    },
    train::run::journal::{EpochEntry, Errors, Journal},
};
use serde_json::Value;

/// So many songs are told apart in a drawing.
const MAX_SONGS: usize = 12;

/// The name of the run and what was trained, in a line each.
pub(super) fn heading(config: &Value) -> (String, String) {
    let text = |pointer: &str| match config.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
        _ => "?".into(),
    };
    let name = match text("/name").as_str() {
        "?" | "" => "Training run".to_string(),
        name => name.chars().take(200).collect(),
    };
    let head = match text("/head/kind").as_str() {
        "mixture" => format!("mixture of {}", text("/head/components")),
        other => other.to_string(),
    };
    let layers = if text("/layers") == "1" { "1 layer".to_string() } else { format!("{} layers", text("/layers")) };
    let cell = match text("/cell").as_str() {
        cell @ ("lstm" | "gru") => cell.to_uppercase(),
        cell => cell.replace('_', " "),
    };
    if let Some(what) = of_notes(config) {
        return (name, what);
    }
    let what = [
        format!("{} of {layers} × {}", cell, text("/hidden")),
        format!("approach {}", text("/approach/kind")),
        format!("head {head}"),
        format!("optimiser {}", text("/optimiser")),
    ];
    (name, if config.is_object() { what.join(" · ") } else { String::new() })
}

/// What was trained of a model of notes, by its recipe; none of another model.
fn of_notes(config: &Value) -> Option<String> {
    let recipe = config.get("recipe")?.as_str()?;
    let number = |name: &str| config.get(name).and_then(Value::as_u64);
    let network = match config.get("widths").and_then(Value::as_array) {
        Some(widths) => format!("autoencoder {}", widths.iter().map(Value::to_string).collect::<Vec<_>>().join("-")),
        None => format!("{} layers × {}", number("layers")?, number("hidden")?),
    };
    let text = |name: &str| config.get(name).and_then(Value::as_str).unwrap_or("?").to_string();
    Some(format!("recipe {recipe} · {network} · loss {} · optimiser {}", text("loss"), text("optimiser")))
}

/// Tiles with the figures of the run.
pub(super) fn summary(journal: &Journal) -> String {
    let mut tiles = String::new();
    let mut tile = |name: &str, value: String, note: String| {
        let note = if note.is_empty() { note } else { format!("<small>{}</small>", escape(&note)) };
        tiles.push_str(&format!("<div><dt>{}</dt><dd>{}{note}</dd></div>\n", escape(name), escape(&value)));
    };
    let unit = unit(journal);
    let last = journal.epochs.last();
    let step_loss = || {
        let points: Vec<(f64, f64)> = journal.steps.iter().map(|s| (s.step as f64, f64::from(s.loss))).collect();
        smoothed(&points).last().map(|point| point.1)
    };
    if let Some(loss) = last.map(|epoch| f64::from(epoch.train.loss)).or_else(step_loss) {
        tile("Training loss", figure(loss), unit.to_string());
    }
    if let Some(validation) = last.and_then(|epoch| epoch.validation) {
        let losses = journal.epochs.iter().filter_map(|epoch| Some((epoch.epoch, epoch.validation?.loss)));
        let best = losses.filter(|(_, loss)| loss.is_finite()).min_by(|a, b| a.1.total_cmp(&b.1));
        let best = best.map(|(epoch, loss)| format!("best {} in epoch {epoch}", figure(loss.into())));
        tile("Validation loss", figure(validation.loss.into()), best.unwrap_or_default());
    }
    // What a listening model's losses are not compared with.
    if let Some(start) = journal.start.as_ref().filter(|start| start.baseline_loss.is_finite()) {
        tile("Baseline loss", figure(start.baseline_loss.into()), "repeating the last frame".into());
    }
    if let Some(epoch) = last {
        let errors = epoch.validation.unwrap_or(epoch.train);
        let note = if epoch.validation.is_some() { "validation" } else { "training" };
        if errors.mae.is_finite() {
            tile("Mean absolute error", figure(errors.mae.into()), note.into());
        }
        if let (Some(mse), Some(accuracy)) = (errors.mse, errors.accuracy) {
            tile("Mean squared error", figure(mse.into()), note.into());
            tile("Accuracy", format!("{:.2} %", 100.0 * accuracy), format!("{note}, bits at a threshold of 0.5"));
        }
    }
    let steps = journal.steps.last().map(|step| step.step).max(last.map(|epoch| epoch.step)).unwrap_or(0);
    let epochs = last.map_or(0, |epoch| epoch.epoch);
    let per_epoch = journal.start.as_ref().map(|start| format!("{} steps each", whole(start.steps_per_epoch)));
    tile("Epochs", whole(epochs.into()), per_epoch.unwrap_or_default());
    tile("Steps", whole(steps), String::new());
    if let Some(epoch) = last {
        tile("Training time", duration(epoch.seconds), String::new());
    }
    if let Some(start) = &journal.start {
        tile("Parameters", whole(start.parameters), String::new());
        if start.sample_rate_hz == 0 {
            tile("Material", format!("{} columns", whole(start.frames)), String::new());
        } else {
            let frames = format!("{} frames", whole(start.frames));
            tile("Material", duration(start.material_seconds.into()), frames);
            tile("Sample rate", format!("{} Hz", whole(start.sample_rate_hz.into())), String::new());
        }
    }
    format!("<dl class=\"tiles\">\n{tiles}</dl>\n")
}

/// The section of curves.
pub(super) fn curves(journal: &Journal) -> Result<String, FigureError> {
    let steps = |value: fn(&crate::train::run::journal::StepEntry) -> f64| -> Vec<(f64, f64)> {
        journal.steps.iter().map(|step| (step.step as f64, value(step))).collect()
    };
    let loss_label = format!("loss ({})", unit(journal));
    let baseline = journal.start.as_ref().map(|start| f64::from(start.baseline_loss));
    let mut body = String::new();
    let mut add =
        |title: &str, x_label: &str, y_label: &str, log: Log, curves: Vec<Curve>| -> Result<(), FigureError> {
            let curves: Vec<Curve> = curves.into_iter().filter(|curve| !curve.points.is_empty()).collect();
            let values =
                || curves.iter().flat_map(|curve| &curve.points).map(|point| point.1).filter(|y| y.is_finite());
            let log_y = log == Log::IfPositive && values().all(|y| y > 0.0);
            if values().next().is_some() {
                body.push_str(&card(&Chart { title, x_label, y_label, curves: &curves, log_y }.svg()?));
            }
            Ok(())
        };

    let raw = steps(|step| step.loss.into());
    let mut per_step = vec![pale("each step", raw.clone()), line("smoothed", smoothed(&raw))];
    per_step.push(line("validation", validation(&journal.epochs, |epoch| epoch.step as f64, |e| e.loss)));
    if !raw.is_empty() {
        per_step.extend(level(baseline, &raw));
    }
    add("Loss per step", "step", &loss_label, Log::IfPositive, per_step)?;

    let by_epoch = |value: fn(&Errors) -> f32| -> Vec<(f64, f64)> {
        journal.epochs.iter().map(|epoch| (epoch.epoch.into(), value(&epoch.train).into())).collect()
    };
    let held_out = |value: fn(&Errors) -> f32| validation(&journal.epochs, |epoch| epoch.epoch.into(), value);
    let mut per_epoch = vec![line("training", by_epoch(|e| e.loss)), line("validation", held_out(|e| e.loss))];
    per_epoch.extend(level(baseline, &by_epoch(|e| e.loss)));
    add("Loss per epoch", "epoch", &loss_label, Log::IfPositive, per_epoch)?;

    let absolute = vec![line("training", by_epoch(|e| e.mae)), line("validation", held_out(|e| e.mae))];
    add("Mean absolute error per epoch", "epoch", "MAE", Log::IfPositive, absolute)?;
    let bias = vec![line("training", by_epoch(|e| e.mbe)), line("validation", held_out(|e| e.mbe))];
    add("Mean bias error per epoch", "epoch", "MBE (prediction − truth)", Log::Never, bias)?;

    let squared = |errors: &Errors| errors.mse.unwrap_or(f32::NAN);
    let trained = by_epoch(squared);
    let mut per_epoch = vec![line("training", trained.clone()), line("validation", held_out(squared))];
    for (name, error) in journal.start.iter().flat_map(|start| &start.baselines) {
        let error = (trained.iter().any(|point| point.1.is_finite())).then_some(f64::from(*error));
        per_epoch.extend(level(error, &trained).map(|curve| Curve { label: name.clone(), ..curve }));
    }
    add(
        "Mean squared error per epoch, beside predictors without a network",
        "epoch",
        "MSE",
        Log::IfPositive,
        per_epoch,
    )?;
    let accuracy = |errors: &Errors| errors.accuracy.unwrap_or(f32::NAN);
    let accuracies = vec![line("training", by_epoch(accuracy)), line("validation", held_out(accuracy))];
    add("Accuracy per epoch", "epoch", "part of the bits that is right", Log::Never, accuracies)?;

    let songs = journal.start.as_ref().map(|start| &start.songs[..]).unwrap_or_default();
    if songs.len() > 1 {
        let song = |index: usize| {
            let loss = |epoch: &EpochEntry| Some((epoch.epoch.into(), f64::from((*epoch.songs.get(index)?)?)));
            journal.epochs.iter().filter_map(loss).collect()
        };
        let shown = songs.iter().enumerate().take(MAX_SONGS);
        let curves = shown.map(|(index, name)| Curve { label: name.clone(), points: song(index), look: dash(index) });
        let title = match songs.len() > MAX_SONGS {
            true => format!("Training loss of the first {MAX_SONGS} songs"),
            false => "Training loss per song".to_string(),
        };
        add(&title, "epoch", &loss_label, Log::IfPositive, curves.collect())?;
    }

    add("Learning rate", "step", "rate", Log::Never, vec![line("learning rate", steps(|step| step.rate))])?;
    let norm = steps(|step| step.gradient_norm);
    let norms = vec![pale("each step", norm.clone()), line("smoothed", smoothed(&norm))];
    add("Norm of the gradient before clipping", "step", "norm", Log::IfPositive, norms)?;

    let body = if body.is_empty() { body } else { format!("<div class=\"grid\">\n{body}</div>\n") };
    Ok(section("learning", "Learning", &body))
}

/// Whether an axis is logarithmic.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Log {
    IfPositive,
    Never,
}

fn line(label: &str, points: Vec<(f64, f64)>) -> Curve {
    Curve { label: label.into(), points, look: Look::Line }
}

fn pale(label: &str, points: Vec<(f64, f64)>) -> Curve {
    Curve { label: label.into(), points, look: Look::Pale }
}

/// Beyond the colours, dashes tell songs apart.
fn dash(index: usize) -> Look {
    if index < crate::figure::canvas::SERIES.len() { Look::Line } else { Look::Dashed }
}

/// A level line as long as the curve.
fn level(value: Option<f64>, like: &[(f64, f64)]) -> Option<Curve> {
    let value = value.filter(|value| value.is_finite())?;
    let ends = like.first().zip(like.last())?;
    Some(Curve { label: "baseline".into(), points: vec![(ends.0.0, value), (ends.1.0, value)], look: Look::Reference })
}

fn validation(epochs: &[EpochEntry], x: fn(&EpochEntry) -> f64, value: fn(&Errors) -> f32) -> Vec<(f64, f64)> {
    epochs.iter().filter_map(|epoch| Some((x(epoch), f64::from(value(&epoch.validation?))))).collect()
}

/// The unit of the loss.
fn unit(journal: &Journal) -> &'static str {
    let config = journal.start.as_ref().map(|start| &start.config);
    let head = config.and_then(|config| config.pointer("/head/kind").or_else(|| config.get("loss")));
    match head.and_then(Value::as_str) {
        Some("mse") => "mean squared error",
        Some("mixture") => "nats",
        Some("bce") => "nats a bit",
        Some("autoregressive") => "nats a bin",
        _ => "per row and feature",
    }
}

/// Four digits that count.
pub(super) fn figure(value: f64) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let size = value.abs();
    let digits_before = if size > 0.0 { libm::floor(libm::log10(size)) } else { 0.0 };
    short(value, (3.0 - digits_before).clamp(0.0, 7.0) as usize)
}

fn whole(value: u64) -> String {
    i64::try_from(value).map_or_else(|_| value.to_string(), grouped)
}

fn duration(seconds: f64) -> String {
    if !(0.0..1e9).contains(&seconds) {
        return "–".into();
    }
    let tenths = (10.0 * seconds).round() / 10.0;
    let rounded = seconds.round() as u64;
    match rounded {
        0..60 => format!("{tenths:.1} s"),
        60..3600 => format!("{} min {:02} s", rounded / 60, rounded % 60),
        _ => format!("{} h {:02} min", rounded / 3600, rounded % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_and_durations_read_well() {
        let figures = [0.123_456, -12.345_67, 0.0, 1234.56, 0.000_012_3, f64::NAN].map(figure);
        assert_eq!(figures, ["0.1235", "−12.35", "0.000", "1235", "1.23·10⁻⁵", "–"]);
        let durations = [0.04, 59.4, 60.0, 3599.6, 7384.0, -1.0, f64::NAN, 1e300].map(duration);
        assert_eq!(durations, ["0.0 s", "59.4 s", "1 min 00 s", "1 h 00 min", "2 h 03 min", "–", "–", "–"]);
    }

    #[test]
    fn an_empty_journal_has_no_curves() {
        let journal = Journal::default();
        assert_eq!(curves(&journal).expect("nothing"), "");
        assert!(summary(&journal).contains("Steps"));
        assert_eq!(heading(&Value::Null), ("Training run".into(), String::new()));
    }
}
