//! Factory presets: settings of all parameters, each in a file of `bundle/presets` that also lies in the binary.

use super::{
    automation::{Assignment, accepted, parameter, refused},
    error::CliError,
};
use crate::control::{ParamId, ParamValues};
use serde::{Deserialize, de::IgnoredAny};
use std::{collections::BTreeMap, fs::File, io::Read, path::Path};

/// No preset is larger.
const MAX_BYTES: u64 = 64 << 10;

macro_rules! factory {
    ($($name:literal)*) => {
        /// Names and files of the factory presets.
        const FACTORY: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../bundle/presets/", $name, ".json"))),)*];
    };
}

factory! {
    "strings-in-sympathy" "what-comes-is-better" "birds-in-the-trees" "call-and-response" "follow-me" "on-the-bar"
    "every-attack" "footswitch" "played-by-keys" "open-strings" "second-player" "shimmer"
    "water-that-does-not-move"
}

/// A preset as its file says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// What to show.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Parameters that differ from their defaults, in their own units.
    parameters: BTreeMap<String, f64>,
    /// What *Keep* writes of a take beside its settings; of no account here.
    #[serde(default, rename = "kept")]
    _kept: Option<IgnoredAny>,
}

impl Preset {
    /// A factory preset by its name, or a file.
    ///
    /// # Errors
    /// If there is neither, or what the file holds is no preset.
    pub fn find(name: &str) -> Result<Self, CliError> {
        if let Some((_, text)) = FACTORY.iter().find(|(factory, _)| *factory == name) {
            return Self::parse(name, text);
        }
        let path = Path::new(name);
        if !path.exists() {
            return Err(CliError::Preset {
                origin: name.into(),
                expected: format!("a file or one of {}", names().collect::<Vec<_>>().join(", ")),
                actual: "neither".into(),
            });
        }
        let io = |source| CliError::Io { path: path.into(), action: "read", source };
        let mut text = String::new();
        File::open(path).map_err(io)?.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(io)?;
        if text.len() as u64 > MAX_BYTES {
            let expected = format!("at most {MAX_BYTES} bytes");
            return Err(CliError::Preset { origin: name.into(), expected, actual: "more".into() });
        }
        Self::parse(name, &text)
    }

    fn parse(origin: &str, text: &str) -> Result<Self, CliError> {
        let preset: Self = serde_json::from_str(text).map_err(|error| CliError::Preset {
            origin: origin.into(),
            expected: "JSON of the form {\"name\": ..., \"description\": ..., \"parameters\": {\"mix\": 50, ...}}"
                .into(),
            actual: error.to_string(),
        })?;
        preset.values(origin)?;
        Ok(preset)
    }

    /// Values of all parameters: what the preset says, and the default of every other.
    ///
    /// # Errors
    /// If there is no such parameter, or it cannot have this value.
    pub fn values(&self, origin: &str) -> Result<ParamValues, CliError> {
        let mut values = ParamValues::default();
        for (key, &value) in &self.parameters {
            let id = parameter(key, origin)?;
            let plain = accepted(id, value).ok_or_else(|| refused(id, origin, &value.to_string()))?;
            values.set(id, plain);
        }
        Ok(values)
    }
}

/// The values that a preset and the assignments on top of it give; `taken`: parameters that
/// options of their own set, and those options.
///
/// # Errors
/// Whatever is wrong with the preset or an assignment.
pub fn chosen_values(
    preset: Option<&str>,
    assignments: &[Assignment],
    taken: &[(ParamId, &str)],
) -> Result<ParamValues, CliError> {
    let mut values = match preset {
        Some(name) => Preset::find(name)?.values(name)?,
        None => ParamValues::default(),
    };
    for assignment in assignments {
        let (id, value) = assignment.resolve("--set")?;
        if let Some((_, option)) = taken.iter().find(|(taken, _)| *taken == id) {
            return Err(CliError::ParameterValue {
                origin: "--set".into(),
                key: assignment.key.clone(),
                expected: "one model".into(),
                actual: format!("{option} as well"),
            });
        }
        values.set(id, value);
    }
    Ok(values)
}

/// Names of the factory presets.
pub fn names() -> impl Iterator<Item = &'static str> {
    FACTORY.iter().map(|(name, _)| *name)
}

/// Names and what they do, a line each.
pub fn list() -> String {
    let lines = FACTORY.iter().filter_map(|(name, text)| {
        let preset = Preset::parse(name, text).ok()?;
        Some(format!("  {name:21} {}: {}", preset.name, preset.description))
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factory_presets_are_sound_different_and_all_in_the_binary() {
        let mut seen: Vec<ParamValues> = vec![ParamValues::default()];
        for name in names() {
            let values = Preset::find(name).and_then(|preset| preset.values(name)).expect("a sound preset");
            assert!(!seen.contains(&values), "{name} is like another");
            seen.push(values);
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bundle/presets");
        let files = std::fs::read_dir(folder).expect("the folder of the presets").count();
        assert_eq!(files, names().count());
        assert_eq!(list().lines().count(), files);
    }

    #[test]
    fn faults_name_the_preset_what_was_expected_and_what_was_found() {
        let parse = |parameters: &str| {
            let text = format!(r#"{{"name": "n", "description": "d", "parameters": {parameters}}}"#);
            Preset::parse("mine.json", &text).map_err(|error| error.to_string())
        };
        assert!(parse(r#"{"mix": 12.5}"#).is_ok());
        for (parameters, parts) in [
            (r#"{"mox": 1}"#, ["mine.json", "mox", "mix"]),
            (r#"{"mix": 101}"#, ["mine.json", "0 to 100", "101"]),
            (r#"{"voices": 1.5}"#, ["mine.json", "a whole number", "1.5"]),
            (r#"{"mix": "loud"}"#, ["mine.json", "parameters", "string"]),
            (r#"[1]"#, ["mine.json", "JSON", "map"]),
        ] {
            let error = parse(parameters).expect_err(parameters);
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        }
        let error = Preset::find("no-such-preset").expect_err("nothing of this name").to_string();
        assert!(error.contains("strings-in-sympathy"), "{error}");
    }
}
