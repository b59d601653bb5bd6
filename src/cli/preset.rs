//! Presets and `--set`, as commands take them.

use super::{automation::Assignment, error::CliError};
use crate::control::{HasPresets, ParamError, ParamId, PresetOf, notes::NoteParam};

/// The values that a preset and the assignments on top of it give; `taken`: parameters that
/// options of their own set, and those options.
///
/// # Errors
/// Whatever is wrong with the preset or an assignment.
pub fn chosen_values<Id: HasPresets>(
    preset: Option<&str>,
    assignments: &[Assignment],
    taken: &[(Id, &str)],
) -> Result<Id::Values, CliError> {
    let mut values = match preset {
        Some(name) => PresetOf::<Id>::find(name)?.values(),
        None => Id::Values::default(),
    };
    for assignment in assignments {
        let (id, value) = assignment.resolve::<Id>("--set")?;
        if let Some((_, option)) = taken.iter().find(|(taken, _)| *taken == id) {
            let (key, expected, actual) = (assignment.key.clone(), "one model".into(), format!("{option} as well"));
            let source = ParamError::Value { key, expected, actual, nearest: None };
            return Err(CliError::Parameter { origin: "--set".into(), source });
        }
        id.put(&mut values, value);
    }
    Ok(values)
}

/// The factory presets of both plugins and what they do, a line each.
pub fn list() -> String {
    fn lines<Id: HasPresets>() -> impl Iterator<Item = String> {
        PresetOf::<Id>::factory().map(|(name, preset)| format!("  {name:25} {}: {}", preset.name, preset.description))
    }
    let notes = std::iter::once("\nPresets for MIDI files:".to_owned()).chain(lines::<NoteParam>());
    lines::<ParamId>().chain(notes).collect::<Vec<_>>().join("\n")
}
