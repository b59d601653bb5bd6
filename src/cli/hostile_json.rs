//! Every kind of JSON file that a command reads, damaged at random: read or refused, in a line, and nothing else.

use super::{
    automation::{at_tempo, read_automation},
    one_line,
};
use crate::{
    control::{NotePreset, ParamId, Preset},
    dsp::random::Random,
};
use std::{fmt::Display, fs, path::Path};

const FILES: usize = 20_000;

/// What takes the place of a value.
const VALUES: &[&str] = &[
    "null",
    "true",
    "-1",
    "0",
    "1e999",
    "-0.0",
    "18446744073709551616",
    "1e-320",
    "\"\"",
    "\"hold\"",
    "\"50 %\"",
    "\"\\u0000\\ud800\"",
    "[]",
    "{}",
    "[[0, 1], [0, 2]]",
    "{\"from\": 1}",
    "[[[[[[[[",
    "NaN",
    "\"−3 dB\"",
    "\"mix\"",
];

/// A text with damage: values by others, parts out, twice, or elsewhere, bytes that are no text.
fn damaged(text: &str, random: &mut Random) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=random.below(4) {
        let length = bytes.len().max(1) as u32;
        let at = random.below(length) as usize;
        let end = (at + 1 + random.below(40) as usize).min(bytes.len());
        match random.below(8) {
            0..=3 => {
                // The value that begins nearest after a colon, a comma or a bracket.
                let Some(start) = bytes.iter().skip(at).position(|byte| b":,[".contains(byte)) else { continue };
                let start = at + start + 1;
                let rest = bytes[start..].iter().position(|byte| b",]}".contains(byte)).unwrap_or(0);
                let value = VALUES[random.below(VALUES.len() as u32) as usize];
                drop(bytes.splice(start..start + rest, value.bytes()));
            }
            4 => bytes.truncate(at),
            5 if at < end => drop(bytes.drain(at..end)),
            6 if at < end => bytes.extend_from_within(at..end),
            _ if at < bytes.len() => bytes[at] = random.next_u32() as u8,
            _ => {}
        }
    }
    bytes
}

/// Damages `texts` and has them read.
fn survive<T, E: Display>(texts: &[&str], mut read: impl FnMut(&Path) -> Result<T, E>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("hostile.json");
    let mut random = Random::new(14);
    let mut accepted = 0;
    for round in 0..FILES {
        let bytes = damaged(texts[round % texts.len()], &mut random);
        fs::write(&path, &bytes).expect("space");
        match read(&path) {
            Ok(_) => accepted += 1,
            Err(error) => {
                let words = error.to_string();
                assert!(!words.is_empty() && words.len() < 1 << 16, "round {round}: {} letters", words.len());
                for word in ["serde", "usize", "invalid type", "panicked"] {
                    assert!(!words.contains(word), "round {round}: {}", one_line(&words));
                }
            }
        }
    }
    assert!(
        accepted > 100 && accepted < FILES - 100,
        "{accepted} of {FILES} were read: the damage is not what it should be"
    );
}

#[test]
fn presets() {
    let texts: Vec<String> = Preset::factory().map(|(_, preset)| preset.to_json()).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    survive(&texts, |path| Preset::find(&path.display().to_string()));
}

#[test]
fn presets_of_notes() {
    let texts: Vec<String> = NotePreset::factory().map(|(_, preset)| preset.to_json()).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    survive(&texts, |path| NotePreset::find(&path.display().to_string()));
}

#[test]
fn automation() {
    let texts = [
        r#"{"mix": [[0, 20, "hold"], [0.6, "100 %"]], "temperature": [[0.7, 0.5], [2, 1.5]], "model": [[3, "any"]]}"#,
        r#"{"beats": true, "continue": [[0, 0], [8, "on"], [9, "off"]], "wet_gain": [[0, "-48 dB"], ["2", 0]]}"#,
    ];
    survive(&texts, |path| read_automation::<ParamId>(path, 48_000, at_tempo(120.0)));
}

#[cfg(feature = "train")]
#[test]
fn training_configurations() {
    use crate::{
        hyperparameters::{PRESETS, TrainConfig},
        text_file::read_text,
    };
    let mut configs = Vec::new();
    for preset in PRESETS {
        let overrides = [r#"files=[{"path": "take.wav", "start_s": 1, "end_s": 2}]"#.to_string()];
        let config = TrainConfig::from_json(preset.json, &overrides).expect("a preset");
        configs.push(serde_json::to_string(&config).expect("plain data"));
    }
    let texts: Vec<&str> = configs.iter().map(String::as_str).collect();
    survive(&texts, |path| {
        let text = read_text(path, 1 << 20).ok().flatten().unwrap_or_default();
        TrainConfig::from_json(&text, &[])
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    });
}

#[cfg(feature = "train")]
#[test]
fn listening_configurations() {
    use crate::{text_file::read_text, train::listen::ListenConfig};
    let texts = [
        r#"{"name": "Guitar", "approach": {"kind": "listening"}, "files": [{"path": "a", "hold_out_every": 12},
            {"path": "b*", "transpositions": [-5, 0, 5], "weight": 1.6}], "tilt_db": 1, "lr": 0.002, "max_steps": 4000}"#,
        r#"{"approach": {"kind": "listening"}, "files": [{"path": "a"}], "validation": [{"path": "b"}], "layers": 2, "hidden": 256,
            "streams": 16, "bptt": 32, "head": {"kind": "autoregressive", "hidden": 48}, "gain_db": [-6, 3], "max_minutes": 5}"#,
    ];
    survive(&texts, |path| {
        let text = read_text(path, 1 << 20).ok().flatten().unwrap_or_default();
        let fields = serde_json::from_str(&text).map_err(|_| "no object".to_string())?;
        ListenConfig::from_fields(fields, &[])
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    });
}

#[cfg(feature = "standalone")]
#[test]
fn maps_of_controllers() {
    use super::commands::play::control_map::ControlMap;
    use crate::control::ParamId;
    let texts = [
        r#"{"cc": {"20": "mix", "21": {"parameter": "Temperature", "from": 0.5, "to": 1.5}, "22": "auto_start",
            "26": {"parameter": "mix", "from": 80, "to": "20 %", "channel": 3}, "27": ["gate", "bypass"]}}"#,
        r#"{"channel": 16, "cc": {"0": "mix"}, "programs": {"0": "shimmer", "2": {"preset": "shimmer", "channel": 2}}}"#,
    ];
    survive(&texts, |path| ControlMap::<ParamId>::read(path, false));
}

#[cfg(feature = "train")]
#[test]
fn plans_of_sweeps() {
    use crate::{sweep::Plan, text_file::read_text};
    let texts = [
        r#"{"name": "a", "inputs": ["a.wav"], "preset": "magnitude", "set": {"epochs": 5}, "search": {"random": 20}, "random_seed": 3,
            "vary": {"lr": {"from": 1e-4, "to": 1e-2, "scale": "log"}, "cell": ["lstm", "gru"]}, "budget": {"hours": 1.5}}"#,
        r#"{"cases": [{"name": "a", "set": {"layers": 2}, "published": {"loss": 1}}, {"name": "b", "preset": "vector"}], "repeats": 3,
            "vary": {"hidden": {"from": 8, "to": 64, "count": 4}}, "halving": {"by": "listening", "lengths": [1, 4], "keep": 0.3},
            "evaluate": {"sampled": true, "options": {"seconds": 5}}, "slurm": {"time": "1:00", "at_once": 4, "options": ["--qos=a"]}}"#,
    ];
    survive(&texts, |path| {
        let text = read_text(path, 1 << 20).ok().flatten().unwrap_or_default();
        let plan = Plan::read(&text)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
        // What was read can be worked out.
        if plan.count() < 100_000 {
            let trainings = plan.trainings();
            trainings.iter().take(10).for_each(|training| drop(plan.settings_of(training)));
        }
        Ok::<_, String>(())
    });
}
