//! A host's state is untrusted: it comes from files that people send each other.

use crate::control::{
    Choice,
    settings::{SETTINGS, SettingKind},
    values::{Kind, ParamSpec, SPECS},
};
use nice_plug::{plugin::ParamValue, prelude::PluginState};

/// Brings a state into shape before the framework takes it over: what is missing gets its default, so that loading a state
/// never depends on what was there before; numbers are held to their ranges; values of the wrong kind become defaults. What
/// this version does not know is left alone.
pub fn sanitise(state: &mut PluginState) {
    // One of the plugin for notes has names that are here, too.
    if state.fields.contains_key(super::notes::MARK) {
        state.params.clear();
        state.fields.clear();
    }
    sanitise_rows(state, &SPECS);
    for setting in &SETTINGS {
        let found = state.params.get(setting.key);
        let value = match setting.kind {
            SettingKind::Whole { min, max, default } => {
                let found = found.and_then(number).unwrap_or(default as f32);
                ParamValue::I32(found.clamp(min as f32, max as f32) as i32)
            }
            SettingKind::Switch(default) => match found {
                Some(ParamValue::Bool(on)) => ParamValue::Bool(*on),
                _ => ParamValue::Bool(default),
            },
            SettingKind::Choice(choices) => {
                let known = |choice: &&Choice| matches!(found, Some(ParamValue::String(id)) if id == choice.key);
                let chosen = choices.iter().find(known).or(choices.first());
                ParamValue::String(chosen.map(|choice| choice.key).unwrap_or_default().into())
            }
        };
        state.params.insert(setting.key.into(), value);
    }
    state.fields.entry("reaction".into()).or_insert_with(|| "0".into());
    state.fields.entry("captured".into()).or_insert_with(|| "null".into());
    state.fields.entry("editor".into()).or_insert_with(|| "{}".into());
    // That a state is loaded, also one that did not say so yet.
    state.fields.entry("loading".into()).or_insert_with(|| "null".into());
}

/// The same of the parameters in a table.
pub(super) fn sanitise_rows<Id>(state: &mut PluginState, specs: &[ParamSpec<Id>]) {
    for spec in specs {
        let found = state.params.get(spec.key).and_then(number).unwrap_or(spec.default);
        state.params.insert(spec.key.into(), typed(spec.kind, spec.sanitise(found)));
    }
}

pub(super) fn number(value: &ParamValue) -> Option<f32> {
    match value {
        ParamValue::F32(value) => Some(*value),
        ParamValue::I32(value) => Some(*value as f32),
        ParamValue::Bool(value) => Some(f32::from(*value)),
        ParamValue::String(_) => None,
    }
}

fn typed(kind: Kind, value: f32) -> ParamValue {
    match kind {
        Kind::Linear | Kind::Skewed => ParamValue::F32(value),
        Kind::Integer | Kind::Choice(_) => ParamValue::I32(value as i32),
        Kind::Switch | Kind::Trigger | Kind::Command => ParamValue::Bool(value >= 0.5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_values_are_brought_into_shape() {
        let json = r#"{"version":"","params":{
            "mix":{"f32":1e30}, "seed_length":{"f32":-1e30}, "model":{"i32":2147483647}, "random_seed":{"f32":12.4},
            "bypass":{"i32":7}, "capture":{"bool":true}, "keep":{"bool":true}, "gate":{"string":"loud"}, "reaction":{"i32":-5}, "clock":{"i32":99},
            "alignment":{"string":"sideways"}, "precision":{"string":"f8"}, "of_a_later_version":{"bool":true}}, "fields":{}}"#;
        let mut state: PluginState = serde_json::from_str(json).expect("a test's constant");
        sanitise(&mut state);
        let show = |key: &str| format!("{:?}", state.params[key]);
        assert_eq!(show("mix"), "F32(100.0)");
        assert_eq!(show("seed_length"), "F32(0.05)");
        assert_eq!(show("model"), "I32(127)");
        assert_eq!(show("random_seed"), "I32(12)");
        assert_eq!(show("bypass"), "Bool(true)");
        assert_eq!(show("keep"), "Bool(true)", "as it was");
        assert_eq!(show("gate"), "F32(-60.0)");
        assert_eq!(show("hold"), "F32(12.0)", "missing: the default");
        assert_eq!(show("reaction"), "I32(0)");
        assert_eq!(show("clock"), "String(\"transport\")");
        assert_eq!(show("alignment"), "String(\"after\")");
        assert_eq!(show("precision"), "String(\"auto\")");
        assert_eq!(state.fields["captured"], "null", "no seed is left over from another project");
        assert_eq!(state.fields["editor"], "{}", "nor how it looked");
        assert_eq!(show("capture"), "Bool(true)", "as it was");
        assert_eq!(state.fields["loading"], "null", "it is counted");
        assert_eq!(show("of_a_later_version"), "Bool(true)");
        let json = json.replace(r#""fields":{}"#, r#""fields":{"notes":"1","models":"{\"version\":1,\"user\":[]}"}"#);
        let mut state: PluginState = serde_json::from_str(&json).expect("a test's constant");
        sanitise(&mut state);
        assert!(!state.fields.contains_key("models"), "models of notes are none of sound");
        assert_eq!(format!("{:?}", state.params["mix"]), "F32(50.0)", "nothing is taken of another plugin's state");
    }
}
