//! A configuration while it is asked for, and how its values are shown.

use super::{Preset, Problem, TrainConfig};
use serde_json::Value;

/// Where a configuration has come to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// What it began with: the preset's values.
    pub base: TrainConfig,
    /// What it is.
    pub config: TrainConfig,
}

impl Draft {
    /// The values of a preset.
    ///
    /// # Errors
    /// If it is no good configuration; the lack of recordings does not count.
    pub fn of(preset: &Preset) -> Result<Self, Vec<Problem>> {
        let overrides = [r#"files=[{"path": "x"}]"#.to_string()];
        let mut base = TrainConfig::from_json(preset.json, &overrides)?;
        base.files.clear();
        Ok(Self { config: base.clone(), base })
    }

    /// A model without a name is called as its first recording.
    pub fn name_after_recording(&mut self) {
        let stem = self.config.files.first().and_then(|file| file.path.file_stem());
        if let Some(stem) = stem.filter(|_| self.config.name == TrainConfig::default().name) {
            self.config.name = stem.to_string_lossy().into();
        }
    }
}

/// A value for people.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".into(),
        Value::Bool(flag) => if *flag { "yes" } else { "no" }.into(),
        Value::String(text) if text.is_empty() => "none".into(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "none".into(),
        Value::Array(values) if values.iter().all(Value::is_number) => {
            values.iter().map(shown).collect::<Vec<_>>().join(" x ")
        }
        Value::Array(values) => values.iter().map(shown).collect::<Vec<_>>().join("; "),
        Value::Object(factors) if factors.is_empty() => "none".into(),
        Value::Object(factors) if !factors.contains_key("path") => {
            factors.iter().map(|(name, factor)| format!("{name} {factor}")).collect::<Vec<_>>().join(", ")
        }
        Value::Object(excerpt) => {
            let part = |name: &str| excerpt.get(name).map(shown).unwrap_or_default();
            let (start, end) = (part("start_s"), part("end_s"));
            let cut = if start.is_empty() && end.is_empty() { String::new() } else { format!(" {start}-{end}") };
            format!("{}{cut}", part("path"))
        }
        number => number.to_string(),
    }
}
