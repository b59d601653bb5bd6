//! Texts that say more than [`crate::control::text`] knows: the models in slots, and what became of switches.

use crate::{
    control::{ParamId, text, values::ParamSpec},
    worker::{ModelRegistry, SlotModel},
};

/// A slot of the registry as text: its number, and the model in it or why there is none. What is below all slots is no model.
pub(super) fn slot_to_text<M: SlotModel>(registry: &ModelRegistry<M>, slot: i32) -> String {
    match u8::try_from(slot) {
        Ok(slot) => format!("{slot}: {}", registry.label(slot)),
        Err(_) => text::shown(ParamId::MorphModel.spec(), slot as f32),
    }
}

/// What follows the name of the model that plays where it was too slow or has failed; nothing where all is well.
pub(super) fn trouble_to_text(underruns: u64, has_failed: bool) -> String {
    match (has_failed, underruns) {
        (true, _) => " (it has stopped; start the song again)".into(),
        (false, 0) => String::new(),
        (false, 1) => " (1 underrun)".into(),
        (false, _) => format!(" ({underruns} underruns)"),
    }
}

/// Reads a slot's number, the label of a slot that holds something, or the word for none.
pub(super) fn text_to_slot<M: SlotModel, Id>(
    registry: &ModelRegistry<M>,
    spec: &ParamSpec<Id>,
    text: &str,
) -> Option<i32> {
    let number = text.split_once(':').map_or(text, |(number, _)| number);
    if let Some(slot) = text::nearest_value(spec, number) {
        return Some(slot as i32);
    }
    let wanted = text.trim().to_lowercase();
    registry.slots().into_iter().find(|&slot| registry.label(slot).to_lowercase() == wanted).map(i32::from)
}

/// A switch as text, with what there is to say of it.
pub(super) fn switch_to_text(on: bool, note: Option<String>) -> String {
    let switch = if on { "On" } else { "Off" };
    note.map_or_else(|| switch.into(), |note| format!("{switch}: {note}"))
}

/// Reads the switch of what [`switch_to_text`] writes, and what people type.
pub(super) fn text_to_switch(text: &str) -> Option<bool> {
    text::switch(text.split_once(':').map_or(text, |(switch, _)| switch))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{approach::Network, nn::Isa};

    #[test]
    fn keep_can_be_typed_as_it_is_shown() {
        assert_eq!(switch_to_text(false, None), "Off");
        assert_eq!(switch_to_text(true, Some("12 ms".into())), "On: 12 ms");
        assert_eq!(text_to_switch("on: failed: /takes: cannot be written: No space left on device"), Some(true));
        assert_eq!([" Off ", "1", "maybe"].map(text_to_switch), [Some(false), Some(true), None]);
    }

    #[test]
    fn a_slot_shows_why_it_does_not_play() {
        let registry = ModelRegistry::<Network>::with_embedded(Isa::best());
        registry.set_missing(64, "my-model".into(), "missing: no such file".into());
        assert_eq!(slot_to_text(&registry, 64), "64: my-model: missing: no such file");
        assert_eq!(text_to_slot(&registry, ParamId::Model.spec(), "64: my-model: missing: no such file"), Some(64));
        assert_eq!(text_to_slot(&registry, ParamId::Model.spec(), "99"), Some(99));
        assert_eq!(
            (slot_to_text(&registry, -1).as_str(), text_to_slot(&registry, ParamId::MorphModel.spec(), "Off")),
            ("off", Some(-1))
        );
        assert_eq!(text_to_slot(&registry, ParamId::Model.spec(), "no such model"), None);
        let fault = " (it has stopped; start the song again)";
        for (count, has_failed, note) in
            [(0, false, ""), (1, false, " (1 underrun)"), (7, false, " (7 underruns)"), (7, true, fault)]
        {
            assert_eq!(trouble_to_text(count, has_failed), note);
            let shown = slot_to_text(&registry, 64) + note;
            assert_eq!(text_to_slot(&registry, ParamId::Model.spec(), &shown), Some(64), "{shown}");
        }
    }
}
