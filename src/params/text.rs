//! Values as text and back.

use crate::{
    control::values::{HOLD_FOREVER_SECONDS, NO_MODEL, PEAKS, ParamId, ParamSpec, SEED_SOURCES, STEREO, TUNINGS},
    worker::ModelRegistry,
};

/// What *Hold* shows when it is without end.
const FOREVER: &str = "∞";
/// What *Re-seed Interval* shows at 0.
const NEVER: &str = "never";

/// What *Morph Model* shows when there is none.
const NO_MODEL_TEXT: &str = "off";

/// What gains show at their least.
const SILENCE: &str = "−∞";

/// True for parameters some of whose values are words: their text carries the unit itself.
pub(super) fn has_words(id: ParamId) -> bool {
    is_level(id)
        || names_of(id).is_some()
        || matches!(id, ParamId::Hold | ParamId::ReseedInterval | ParamId::IntervalBeats)
}

/// The names of a parameter's values, from 0 on, where they have names.
fn names_of(id: ParamId) -> Option<&'static [&'static str]> {
    match id {
        ParamId::Tuning => Some(&TUNINGS),
        ParamId::Peaks => Some(&PEAKS),
        ParamId::Stereo => Some(&STEREO),
        ParamId::SeedSource => Some(&SEED_SOURCES),
        _ => None,
    }
}

/// Levels whose least value is silence.
fn is_level(id: ParamId) -> bool {
    matches!(
        id,
        ParamId::DuckWet | ParamId::DuckDry | ParamId::VoiceLevel | ParamId::SwellLevel | ParamId::ShimmerLevel
    )
}

/// A real value as text, with its unit only where [`has_words`] is true.
pub(super) fn float_to_text(spec: &ParamSpec, value: f32) -> String {
    if let Some(names) = names_of(spec.id) {
        return names.get(value as usize).copied().unwrap_or_default().into();
    }
    match spec.id {
        ParamId::Hold if value >= HOLD_FOREVER_SECONDS => FOREVER.into(),
        ParamId::ReseedInterval | ParamId::IntervalBeats if value <= 0.0 => NEVER.into(),
        id if is_level(id) && value <= spec.min => SILENCE.into(),
        id if is_level(id) => format!("{value:.1} {}", spec.unit),
        ParamId::IntervalBeats => format!("{value:.0} {}", spec.unit),
        ParamId::Hold | ParamId::ReseedInterval => format!("{value:.2} {}", spec.unit),
        ParamId::DuckAttack | ParamId::SympathyAttack => format!("{value:.3}"),
        ParamId::SympathyRelease
        | ParamId::SeedLength
        | ParamId::Temperature
        | ParamId::Stretch
        | ParamId::AnswerAfter
        | ParamId::Stagger
        | ParamId::DuckRelease => {
            format!("{value:.2}")
        }
        // Adding 0 turns a negative zero into a plain one.
        _ => format!("{:.1}", (value * 10.0).round() / 10.0 + 0.0),
    }
}

/// Reads what [`float_to_text`] writes, with or without the unit, and what people type.
pub(super) fn text_to_float(spec: &ParamSpec, text: &str) -> Option<f32> {
    let text = text.trim().to_lowercase();
    match (spec.id, text.as_str()) {
        (ParamId::Hold, FOREVER | "inf" | "infinity" | "forever") => return Some(spec.max),
        (ParamId::ReseedInterval | ParamId::IntervalBeats, NEVER | "off") => return Some(0.0),
        (id, SILENCE | "-inf" | "off") if is_level(id) => return Some(spec.min),
        _ => {}
    }
    let named = names_of(spec.id).and_then(|names| names.iter().position(|name| name.to_lowercase() == text));
    if let Some(index) = named {
        return Some(index as f32);
    }
    let number = text.strip_suffix(&spec.unit.to_lowercase()).unwrap_or(&text).trim_end().replace(',', ".");
    number.parse::<f32>().ok().filter(|value| value.is_finite()).map(|value| spec.sanitise(value))
}

/// A slot of the registry as text: its number, and the model in it or why there is none. What is below all slots is no model.
pub(super) fn slot_to_text(registry: &ModelRegistry, slot: i32) -> String {
    match u8::try_from(slot) {
        Ok(slot) => format!("{slot}: {}", registry.label(slot)),
        Err(_) => NO_MODEL_TEXT.into(),
    }
}

/// Reads a slot's number, or the label of a slot that holds something.
pub(super) fn text_to_slot(registry: &ModelRegistry, text: &str) -> Option<i32> {
    let text = text.trim();
    if text.eq_ignore_ascii_case(NO_MODEL_TEXT) {
        return Some(NO_MODEL as i32);
    }
    let number = text.split_once(':').map_or(text, |(number, _)| number).trim();
    number.parse().ok().or_else(|| {
        let wanted = text.to_lowercase();
        registry.slots().into_iter().find(|&slot| registry.label(slot).to_lowercase() == wanted).map(i32::from)
    })
}

/// A switch as text, with what there is to say of it.
pub(super) fn switch_to_text(on: bool, note: Option<String>) -> String {
    let switch = if on { "On" } else { "Off" };
    note.map_or_else(|| switch.into(), |note| format!("{switch}: {note}"))
}

/// Reads the switch of what [`switch_to_text`] writes, and what people type.
pub(super) fn text_to_switch(text: &str) -> Option<bool> {
    let switch = text.split_once(':').map_or(text, |(switch, _)| switch).trim().to_lowercase();
    match switch.as_str() {
        "on" | "1" | "true" | "yes" => Some(true),
        "off" | "0" | "false" | "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{control::values::SPECS, nn::Isa};

    #[test]
    fn words_and_numbers() {
        let show = |id: ParamId, value| float_to_text(id.spec(), value);
        assert_eq!(show(ParamId::Hold, 61.0), "∞");
        assert_eq!(show(ParamId::Hold, 12.0), "12.00 s");
        assert_eq!(show(ParamId::ReseedInterval, 0.0), "never");
        assert_eq!(show(ParamId::InputGain, -0.04), "0.0");
        let read = |id: ParamId, text| text_to_float(id.spec(), text);
        assert_eq!(read(ParamId::Hold, "Forever"), Some(61.0));
        assert_eq!(read(ParamId::ReseedInterval, "never"), Some(0.0));
        assert_eq!(read(ParamId::Gate, "-48,5 dBFS"), Some(-48.5));
        assert_eq!(read(ParamId::Mix, "250 %"), Some(100.0), "held in the range");
        for nonsense in ["", "NaN", "inf", "loud", "1e999", "%"] {
            assert_eq!(read(ParamId::Mix, nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn what_is_shown_can_be_typed() {
        for spec in SPECS.iter().filter(|spec| spec.max < 1000.0) {
            for value in [spec.min, spec.default, spec.max] {
                let text = float_to_text(spec, value);
                assert_eq!(text_to_float(spec, &text), Some(value), "{}: {text}", spec.key);
            }
        }
    }

    #[test]
    fn keep_can_be_typed_as_it_is_shown() {
        assert_eq!(switch_to_text(false, None), "Off");
        assert_eq!(switch_to_text(true, Some("12 ms".into())), "On: 12 ms");
        assert_eq!(text_to_switch("on: failed: /takes: cannot be written: No space left on device"), Some(true));
        assert_eq!([" Off ", "1", "maybe"].map(text_to_switch), [Some(false), Some(true), None]);
    }

    #[test]
    fn a_slot_shows_why_it_does_not_play() {
        let registry = ModelRegistry::with_embedded(Isa::best());
        registry.set_missing(64, "my-model".into(), "missing: no such file".into());
        assert_eq!(slot_to_text(&registry, 64), "64: my-model: missing: no such file");
        assert_eq!(text_to_slot(&registry, "64: my-model: missing: no such file"), Some(64));
        assert_eq!(text_to_slot(&registry, "99"), Some(99));
        assert_eq!((slot_to_text(&registry, -1).as_str(), text_to_slot(&registry, "Off")), ("off", Some(-1)));
        assert_eq!(text_to_slot(&registry, "no such model"), None);
    }
}
