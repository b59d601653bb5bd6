//! A configuration while it is asked for, and how it is shown.

use crate::{
    cli::error::CliError,
    train::{Field, Group, Preset, Problem, TrainConfig},
};
use serde_json::Value;

const KEY_WIDTH: usize = 24;

/// Where a configuration has come to.
#[derive(Clone, Debug)]
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
    pub fn of(preset: &Preset) -> Result<Self, CliError> {
        let overrides = [r#"files=[{"path": "x"}]"#.to_string()];
        let mut base = TrainConfig::from_json(preset.json, &overrides)
            .map_err(|problems| CliError::Problems { origin: format!("preset {}", preset.name), problems })?;
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

/// A field by its name, or by a part of it that no other has.
///
/// # Errors
/// The expected answers, in words.
pub fn find(name: &str) -> Result<&'static Field, String> {
    if let Some(field) = Field::by_key(name) {
        return Ok(field);
    }
    let alike: Vec<&'static Field> = Field::all().iter().filter(|field| field.key.contains(name)).collect();
    match alike[..] {
        [field] => Ok(field),
        [] => Err("yes, again, quit, or the name of a field as it stands above".into()),
        _ => Err(format!("one of {}", alike.iter().map(|field| field.key).collect::<Vec<_>>().join(", "))),
    }
}

/// All values, those that differ from the preset's marked.
pub fn summary(draft: &Draft) -> String {
    let mut text = "\nSUMMARY (* differs from the preset)\n".to_string();
    for group in Group::ALL {
        let fields = Field::all().iter().filter(|f| f.group == group && (f.applies)(&draft.config));
        let rows: String = fields.map(|field| row(field, draft)).collect();
        if !rows.is_empty() {
            text += &format!("{}\n{rows}", group.title());
        }
    }
    text
}

/// A value, marked where it differs from the preset's.
pub fn row(field: &Field, draft: &Draft) -> String {
    let (value, base) = (field.value(&draft.config), field.value(&draft.base));
    let mark = if value == base { ' ' } else { '*' };
    format!(" {mark} {:KEY_WIDTH$} {}\n", field.key, shown(&value))
}

/// Problems, a line each.
pub fn list(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("  ! {problem}\n")).collect()
}

/// Choices, a line each.
pub fn numbered(names: &[(&str, &str)]) -> String {
    let width = names.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    names.iter().zip(1..).map(|((name, meaning), number)| format!("  {number:2} {name:width$}  {meaning}\n")).collect()
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
