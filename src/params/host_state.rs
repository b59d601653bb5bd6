//! A host's state is untrusted: it comes from files that people send each other.

use crate::control::{
    ParamId,
    values::{Kind, SPECS},
};
use nice_plug::{plugin::ParamValue, prelude::PluginState};

/// The choices of the settings that are choices.
const CHOICES: [(&str, &[&str]); 3] = [
    ("alignment", &["after", "now"]),
    ("clock", &["transport", "free"]),
    ("precision", &["auto", "f32", "f16", "bf16", "int8"]),
];

/// Brings a state into shape before the framework takes it over: what is missing gets its default, so that loading a state
/// never depends on what was there before; numbers are held to their ranges; values of the wrong kind become defaults. What
/// this version does not know is left alone.
pub fn sanitise(state: &mut PluginState) {
    for spec in &SPECS {
        let found = state.params.get(spec.key).and_then(number).unwrap_or(spec.default);
        // A state that was saved while they were on asks for no take and no capture when it is loaded.
        let found = if matches!(spec.id, ParamId::Keep | ParamId::Capture) { spec.default } else { found };
        state.params.insert(spec.key.into(), typed(spec.id, spec.sanitise(found)));
    }
    let reaction = state.params.get("reaction").and_then(number);
    let reaction = reaction.unwrap_or(crate::engine::DEFAULT_REACTION_MS).clamp(0.0, crate::engine::MAX_REACTION_MS);
    state.params.insert("reaction".into(), ParamValue::I32(reaction as i32));
    let auto = matches!(state.params.get("reaction_auto"), Some(ParamValue::Bool(true)));
    state.params.insert("reaction_auto".into(), ParamValue::Bool(auto));
    let store = !matches!(state.params.get("store_models"), Some(ParamValue::Bool(false)));
    state.params.insert("store_models".into(), ParamValue::Bool(store));
    state.fields.entry("reaction".into()).or_insert_with(|| "0".into());
    state.fields.entry("captured".into()).or_insert_with(|| "null".into());
    for (key, choices) in CHOICES {
        let known = match state.params.get(key) {
            Some(ParamValue::String(id)) => choices.iter().find(|choice| *choice == id),
            _ => None,
        };
        state.params.insert(key.into(), ParamValue::String((*known.unwrap_or(&choices[0])).into()));
    }
}

fn number(value: &ParamValue) -> Option<f32> {
    match value {
        ParamValue::F32(value) => Some(*value),
        ParamValue::I32(value) => Some(*value as f32),
        ParamValue::Bool(value) => Some(f32::from(*value)),
        ParamValue::String(_) => None,
    }
}

fn typed(id: ParamId, value: f32) -> ParamValue {
    match id.spec().kind {
        Kind::Linear | Kind::Skewed => ParamValue::F32(value),
        Kind::Integer => ParamValue::I32(value as i32),
        Kind::Switch => ParamValue::Bool(value >= 0.5),
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
        assert_eq!(show("keep"), "Bool(false)", "loading writes no files");
        assert_eq!(show("gate"), "F32(-60.0)");
        assert_eq!(show("hold"), "F32(12.0)", "missing: the default");
        assert_eq!(show("reaction"), "I32(0)");
        assert_eq!(show("clock"), "String(\"transport\")");
        assert_eq!(show("alignment"), "String(\"after\")");
        assert_eq!(show("precision"), "String(\"auto\")");
        assert_eq!(state.fields["captured"], "null", "no seed is left over from another project");
        assert_eq!(show("capture"), "Bool(false)", "it would replace the seed that is restored");
        assert_eq!(show("of_a_later_version"), "Bool(true)");
    }
}
