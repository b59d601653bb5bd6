//! Configurations to start from: parts of a [`TrainConfig`](crate::hyperparameters::TrainConfig), in JSON, on top of its defaults.
//!
//! # What a system of the literature says that the fields here say otherwise
//! - `dissertation`, `dissertation-column` (Pfalz 2018): his gradient reaches one cell call back, which is `bptt: 1`; one
//!   matrix is trained on at a time, which is `streams: 1`.
//! - `noize-small`, `noize-large`: the two tables of the study of RNN and LSTM on single samples; "one shot" is `one_shot`, a
//!   recording is one sequence; the gradient of the small one reaches back through all of 15 s (`bptt`), that of the large one,
//!   which would take 20 GB, through 4096 samples. Five songs of 15 s were trained on: cut them with `start_s` and `end_s`.
//! - `comparison`: windows of 200 frames, each from a state of zeros, taken every 5 frames, so that an epoch showed every
//!   frame 40 times. Here windows do not overlap, and a stream jumps to a place drawn anew after each (`restart: 1`,
//!   `reset_state`); 5 of those epochs are 200 of these.

use serde_json::Value;

/// A configuration to start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Name on the command line.
    pub name: &'static str,
    /// What it is for, in a line.
    pub description: &'static str,
    /// Fields that differ from the defaults: a JSON object, as [`TrainConfig::from_json`](crate::hyperparameters::TrainConfig::from_json)
    /// takes it, but for the recordings.
    pub json: &'static str,
}

macro_rules! preset {
    ($name:literal, $description:literal) => {
        Preset { name: $name, description: $description, json: include_str!(concat!("presets/", $name, ".json")) }
    };
}

/// All presets; the first is the one to begin with.
pub const PRESETS: &[Preset] = &[
    preset!("ten-minutes", "good in ten minutes on a laptop: a mixture over spectra, for half a minute of playing"),
    preset!("magnitude", "spectra: a larger mixture model for several minutes of material, trained for up to an hour"),
    preset!("vector", "segments of raw sound, a segment a step: fast, lives when overfitted, its joints are heard"),
    preset!("column", "raw sound, a sample a step from the last 1024: free of joints, with a hiss"),
    preset!("transpose", "raw sound, a sample a step from 16 columns: free of joints, looks far back"),
    preset!("sample", "raw sound, a sample a step from the last one alone: the network has to remember everything"),
    preset!("dissertation", "Pfalz 2018, defaults of the published trainer: 100 vectors of 1024 samples at 11 025 Hz"),
    preset!("dissertation-column", "Pfalz 2018, the last preset: 10 columns of 2048 samples, dropout, tanh output"),
    preset!("noize-small", "RNN and LSTM on z-scored samples, first table: one layer of 50, dropout, one shot"),
    preset!("noize-large", "RNN and LSTM on z-scored samples, second table: two layers of 512, one shot"),
    preset!("constant", "a failure to study: an overfitted squared error that goes on as a constant"),
    preset!("constant-dropout", "the same with dropout, which keeps it moving"),
    preset!("constant-mixture", "the same with a mixture head, which keeps it moving"),
    preset!("comparison", "recurrent architectures compared, the LSTM: 2048 wide, RMSProp, peepholes, 200 frames"),
];

/// Presets of listening models; their fields are those of `ListenConfig`.
pub const LISTENING_PRESETS: &[Preset] = &[
    preset!("listening", "spectra of notes that follow what is played, in any key: for hours of material"),
    preset!("personal", "a listening model that goes on --from another, for minutes of your own playing"),
];

impl Preset {
    /// Looks a preset up.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// How long it trains, in a word or two.
    pub fn time(&self) -> String {
        let fields = self.config_json();
        match (fields["max_minutes"].as_f64(), fields["epochs"].as_u64()) {
            (Some(minutes), _) => format!("{minutes} min"),
            (None, Some(epochs)) => format!("{epochs} epochs"),
            (None, None) => String::new(),
        }
    }

    /// All names, for a message.
    pub fn names() -> String {
        let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
        names.join(", ")
    }

    /// [`Self::json`] as a value: an object.
    pub fn config_json(&self) -> Value {
        serde_json::from_str(self.json).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hyperparameters::TrainConfig;
    use std::collections::BTreeSet;

    #[test]
    fn every_preset_is_a_good_configuration_once_it_has_a_recording() {
        for preset in PRESETS {
            assert!(preset.config_json().is_object(), "{}", preset.name);
            let overrides = [r#"files=[{"path": "take.wav"}]"#.to_string()];
            let config = TrainConfig::from_json(preset.json, &overrides);
            assert_eq!(config.err(), None, "{}", preset.name);
        }
    }

    #[test]
    fn names_are_unique_and_every_approach_has_one() {
        let names: BTreeSet<&str> = PRESETS.iter().map(|preset| preset.name).collect();
        assert_eq!(names.len(), PRESETS.len());
        for approach in ["vector", "column", "transpose", "magnitude", "sample"] {
            let preset = Preset::by_name(approach).expect("a preset for every approach");
            assert_eq!(preset.config_json()["approach"]["kind"], approach);
        }
        assert_eq!(Preset::by_name("no such"), None);
        assert_eq!(PRESETS[0].time(), "10 min");
        for preset in PRESETS {
            assert!(!preset.time().is_empty(), "{}: how long?", preset.name);
            assert!(preset.description.chars().count() <= 100, "{}: a line", preset.name);
        }
    }
}
