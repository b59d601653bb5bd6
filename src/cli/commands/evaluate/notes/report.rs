//! The figures of a model of notes, for people and as JSON.

use super::{
    EvaluateArgs, Judgement,
    played::{Free, Pitches},
};
use crate::notes::{Agreement, Choice, Feedback, Law, Playing, RegionFigures};
use serde_json::{Value, json};
use std::path::Path;

/// The width of names, and of what stands beside them.
const NAME: usize = 24;

fn percent(part: f64) -> String {
    format!("{:.1} %", 100.0 * part)
}

/// The figures for people, by line.
pub fn table(args: &EvaluateArgs, judgement: &Judgement) -> Vec<String> {
    let Judgement { prediction, held, baselines, .. } = judgement;
    let done = if held.is_some() { "foretold" } else { "given back" };
    let count = judgement.pieces;
    let mut lines = vec![
        judgement.title.clone(),
        format!(
            "{count} {} for {}, {} columns {done}, {:.2} keys a column",
            if count == 1 { "piece" } else { "pieces" },
            judgement.split.name(),
            prediction.columns,
            baselines.keys
        ),
        String::new(),
        format!(
            "{:NAME$}{:>10}{:>11}{:>10}{:>22}{:>22}",
            "", "error", "right", "entropy", "keys: P, R, F1", "onsets: P, R, F1"
        ),
    ];
    let three =
        |agreement: &Agreement| format!("{:.3} {:.3} {:.3}", agreement.precision, agreement.recall, agreement.f1);
    let both = |region: &RegionFigures| format!("{:>22}{:>22}", three(&region.keys), three(&region.onsets));
    let two = |error: f64, right: f64| format!("{error:>10.4}{:>11}", format!("{:.2} %", 100.0 * right));
    lines.push(format!(
        "{:NAME$}{}{:>10.4}{}",
        "the model",
        two(prediction.mse, prediction.accuracy),
        prediction.bce,
        both(&prediction.whole)
    ));
    for (name, region) in [("  below middle C", &prediction.bass), ("  from middle C on", &prediction.treble)] {
        lines.push(format!("{name:NAME$}{:31}{}", "", both(region)));
    }
    // What is sure of everything has no entropy that says anything.
    if let Some(held) = held {
        lines.push(format!(
            "{:NAME$}{}{:10}{}",
            "hold the last column",
            two(held.mse, held.accuracy),
            "",
            both(&held.whole)
        ));
    }
    lines.push(format!("{:NAME$}{}", "silence", two(baselines.silence, 1.0 - baselines.silence)));
    let chain = ("chain of two states", baselines.chain);
    for (name, error) in [("each key's mean", baselines.key_means)].into_iter().chain(held.map(|_| chain)) {
        // There is nothing to fit it to.
        let error = error.map_or_else(|| "open".into(), |error| format!("{error:.4}"));
        lines.push(format!("{name:NAME$}{error:>10}"));
    }
    if let Some(free) = &judgement.free {
        lines.extend(of_free(args, judgement, free));
    }
    lines.iter().map(|line| line.trim_end().to_string()).collect()
}

fn of_free(args: &EvaluateArgs, judgement: &Judgement, free: &Free) -> Vec<String> {
    let (material, count) = (&judgement.material, free.played.len());
    let mut lines = vec![
        String::new(),
        format!("{:NAME$}{:>10}{:>12}", format!("{} steps, {count} times", args.steps), "played", "material"),
    ];
    let mut row =
        |name: &str, played: String, material: String| lines.push(format!("{name:NAME$}{played:>10}{material:>12}"));
    let two = |number: f64| format!("{number:.2}");
    row("keys a column", two(free.mean(|p| p.texture.keys)), two(material.keys));
    row("notes a measure", two(free.mean(|p| p.texture.notes_a_measure)), two(material.notes_a_measure));
    row("steps a note", two(free.mean(|p| p.texture.note_length)), two(material.note_length));
    row("notes of one step", percent(free.mean(|p| p.texture.short_notes)), percent(material.short_notes));
    row("empty columns", percent(free.mean(|p| p.texture.empty)), percent(material.empty));
    row("standing still", percent(free.mean(|p| p.texture.stalls)), percent(material.stalls));
    row("floods", percent(free.mean(|p| p.texture.floods)), percent(material.floods));
    row("pitch classes shared", percent(free.mean(|p| p.pitch_class_overlap)), String::new());
    let longest = free.played.iter().map(|played| played.longest_copy).max().unwrap_or(0);
    row("longest copy, in steps", longest.to_string(), String::new());
    let alive = free.played.iter().filter(|played| played.alive).count();
    row("alive", format!("{alive} of {count}"), String::new());

    let heads = ["played", "at first", "in pieces"].map(|head| format!("{head:>11}")).concat();
    lines.extend([String::new(), format!("{:NAME$}{heads}", "pitch classes, like")]);
    let whole = [Some(free.pitches), Some(free.first), free.of_pieces];
    let mut row = |name: &str, figure: fn(Pitches) -> Option<f64>| {
        let shown = |pitches: Option<Pitches>| match pitches.and_then(figure) {
            Some(number) => format!("{number:>11.2}"),
            None => format!("{:>11}", "-"),
        };
        lines.push(format!("{name:NAME$}{}", whole.map(shown).concat()));
    };
    row("those of the seed", |pitches| Some(pitches.own_seed));
    row("of the other seeds", |pitches| pitches.other_seeds);
    let said = match free.pitches.listens() {
        None => "-".into(),
        Some(listens) => {
            let each = free.played.iter().filter(|played| played.listens == Some(true)).count();
            format!("{:>11}, {each} of {count}", if listens { "yes" } else { "no" })
        }
    };
    lines.push(format!("{:NAME$}{said:>11}", "listens"));
    lines
}

/// All figures.
pub fn document(args: &EvaluateArgs, path: &Path, judgement: &Judgement) -> Value {
    let Judgement { prediction, held, baselines, material, free, .. } = judgement;
    let mut document = json!({
        "sympathy": env!("CARGO_PKG_VERSION"),
        "subject": judgement.title,
        "data_set": path.display().to_string(),
        "split": judgement.split.name(),
        "pieces": judgement.pieces,
        (if held.is_some() { "prediction" } else { "reconstruction" }): prediction,
        "baselines": baselines,
        "material": material,
    });
    let fields = document.as_object_mut().expect("an object");
    if let Some(held) = held {
        fields.insert("hold".into(), json!(held));
    }
    if let Some(free) = free {
        let count = |wanted: &dyn Fn(&super::played::Played) -> bool| free.played.iter().filter(|p| wanted(p)).count();
        fields.extend([
            ("steps".to_string(), json!(args.steps)),
            ("seed_measures".into(), json!(args.seed_measures)),
            ("playing".into(), playing(&free.playing)),
            ("played".into(), json!(free.played)),
            ("alive".into(), json!(count(&|played| played.alive))),
            (
                "listening".into(),
                json!({
                    "played": free.pitches,
                    "first": free.first,
                    "pieces": free.of_pieces,
                    "listens": free.pitches.listens(),
                    "count": count(&|played| played.listens == Some(true)),
                }),
            ),
        ]);
    }
    document
}

/// How it played.
fn playing(playing: &Playing) -> Value {
    let mut said = match playing.draw.choice {
        Choice::Threshold(threshold) => json!({ "threshold": threshold }),
        Choice::Toss { law, temperature } => json!({
            "toss": if law == Law::Linear { "linear" } else { "logit" },
            "temperature": temperature,
        }),
    };
    said["feedback"] = json!(if playing.feedback == Feedback::Raw { "raw" } else { "played" });
    said["anti_stall"] = json!(playing.stirs);
    said["stay_in_key"] = json!(100.0 * playing.stays);
    said
}
