//! Presets and `--set`, as commands take them.

use super::{automation::Assignment, error::CliError};
use crate::control::{ParamError, ParamId, ParamValues, Preset};

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
        Some(name) => Preset::find(name)?.values(),
        None => ParamValues::default(),
    };
    for assignment in assignments {
        let (id, value) = assignment.resolve("--set")?;
        if let Some((_, option)) = taken.iter().find(|(taken, _)| *taken == id) {
            let (key, expected, actual) = (assignment.key.clone(), "one model".into(), format!("{option} as well"));
            let source = ParamError::Value { key, expected, actual, nearest: None };
            return Err(CliError::Parameter { origin: "--set".into(), source });
        }
        values.set(id, value);
    }
    Ok(values)
}

/// The factory presets and what they do, a line each.
pub fn list() -> String {
    let lines = Preset::factory().map(|(name, preset)| format!("  {name:25} {}: {}", preset.name, preset.description));
    lines.collect::<Vec<_>>().join("\n")
}
