//! Settings: fixed while the plugin is active, so not automatable; a change counts from the next activation on.

use super::{groups::ParamEditor, text};
use crate::{
    control::settings::{
        ALIGNMENT, CLOCK, DEFAULT_LEARN_DELAY_MS, DEFAULT_LEARN_UPDATES, DEFAULT_REACTION_MS, LEARN_DELAY,
        LEARN_UPDATES, MAX_LEARN_DELAY_MS, MAX_LEARN_UPDATES, MAX_REACTION_MS, MIN_LEARN_DELAY_MS, PRECISION, REACTION,
        REACTION_AUTO, STORE_MODELS,
    },
    engine::{Alignment, ClockMode, LearnTiming},
    nn::Precision,
};
use nice_plug::prelude::{BoolParam, Enum, EnumParam, IntParam, IntRange, Params};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

/// [`Alignment`], as hosts see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum AlignmentSetting {
    /// One reaction time after the trigger.
    #[id = "after"]
    After,
    /// At its own time.
    #[id = "now"]
    Now,
}

impl From<AlignmentSetting> for Alignment {
    fn from(setting: AlignmentSetting) -> Self {
        match setting {
            AlignmentSetting::After => Self::After,
            AlignmentSetting::Now => Self::Now,
        }
    }
}

/// [`ClockMode`], as hosts see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ClockSetting {
    /// The host's song position.
    #[id = "transport"]
    Transport,
    /// Samples since the last reset.
    #[id = "free"]
    Free,
}

impl From<ClockSetting> for ClockMode {
    fn from(setting: ClockSetting) -> Self {
        match setting {
            ClockSetting::Transport => Self::Transport,
            ClockSetting::Free => Self::Free,
        }
    }
}

/// How weights are stored, as hosts see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum PrecisionSetting {
    /// Each model chooses, by its predictions and never by speed.
    #[id = "auto"]
    Auto,
    /// [`Precision::F32`].
    #[id = "f32"]
    #[name = "f32"]
    F32,
    /// [`Precision::F16`].
    #[id = "f16"]
    #[name = "f16"]
    F16,
    /// [`Precision::Bf16`].
    #[id = "bf16"]
    #[name = "bf16"]
    Bf16,
    /// [`Precision::Int8`].
    #[id = "int8"]
    #[name = "int8"]
    Int8,
}

impl From<PrecisionSetting> for Option<Precision> {
    fn from(setting: PrecisionSetting) -> Self {
        match setting {
            PrecisionSetting::Auto => None,
            PrecisionSetting::F32 => Some(Precision::F32),
            PrecisionSetting::F16 => Some(Precision::F16),
            PrecisionSetting::Bf16 => Some(Precision::Bf16),
            PrecisionSetting::Int8 => Some(Precision::Int8),
        }
    }
}

/// The settings of an instance.
#[derive(Debug, Params)]
pub struct Settings {
    /// Reaction time wanted, in milliseconds.
    #[id = "reaction"]
    pub reaction_ms: IntParam,
    /// Whether the reaction time is measured instead, once.
    #[id = "reaction_auto"]
    pub reaction_auto: BoolParam,
    /// Where continuations sit in time.
    #[id = "alignment"]
    pub alignment: EnumParam<AlignmentSetting>,
    /// What the sample clock follows.
    #[id = "clock"]
    pub clock: EnumParam<ClockSetting>,
    /// Whether the project keeps a copy of small models of the user's. Counts from the next saving on.
    #[id = "store_models"]
    pub store_models: BoolParam,
    /// How the weights of models are stored while they run.
    #[id = "precision"]
    pub precision: EnumParam<PrecisionSetting>,
    /// Updates a second of what learns while it plays.
    #[id = "learn_updates"]
    pub learn_updates: IntParam,
    /// From what an update has heard to where it is heard, in milliseconds.
    #[id = "learn_delay"]
    pub learn_delay_ms: IntParam,
}

impl Settings {
    /// Defaults; `store_models` mirrors the switch of that name, `measured_ms` is shown and, where it is no longer wanted, forgotten.
    pub(super) fn new(store_models: Arc<AtomicBool>, measured_ms: Arc<AtomicU32>) -> Self {
        let shown = Arc::clone(&measured_ms);
        let range = IntRange::Linear { min: 0, max: MAX_REACTION_MS as i32 };
        Self {
            reaction_ms: IntParam::new(REACTION.name, DEFAULT_REACTION_MS as i32, range)
                .with_unit(" ms")
                .non_automatable(),
            reaction_auto: BoolParam::new(REACTION_AUTO.name, false)
                .with_callback(Arc::new(move |on| {
                    if !on {
                        measured_ms.store(0, Ordering::Relaxed);
                    }
                }))
                .with_value_to_string(Arc::new(move |on| {
                    let measured = Some(shown.load(Ordering::Relaxed)).filter(|&measured| on && measured > 0);
                    text::switch_to_text(on, measured.map(|milliseconds| format!("{milliseconds} ms")))
                }))
                .with_string_to_value(Arc::new(text::text_to_switch))
                .non_automatable(),
            alignment: EnumParam::new(ALIGNMENT.name, AlignmentSetting::After).non_automatable(),
            clock: EnumParam::new(CLOCK.name, ClockSetting::Transport).non_automatable(),
            store_models: BoolParam::new(STORE_MODELS.name, true)
                .with_callback(Arc::new(move |on| store_models.store(on, Ordering::Relaxed)))
                .non_automatable(),
            precision: EnumParam::new(PRECISION.name, PrecisionSetting::Auto).non_automatable(),
            learn_updates: IntParam::new(
                LEARN_UPDATES.name,
                DEFAULT_LEARN_UPDATES.into(),
                IntRange::Linear { min: 1, max: MAX_LEARN_UPDATES.into() },
            )
            .with_unit(" a second")
            .non_automatable(),
            learn_delay_ms: IntParam::new(
                LEARN_DELAY.name,
                DEFAULT_LEARN_DELAY_MS.into(),
                IntRange::Linear { min: MIN_LEARN_DELAY_MS.into(), max: MAX_LEARN_DELAY_MS.into() },
            )
            .with_unit(" ms")
            .non_automatable(),
        }
    }
}

impl Settings {
    /// When what learns while it plays is renewed.
    pub fn learn_timing(&self) -> LearnTiming {
        // Both lie within what [`LearnTiming`] takes.
        LearnTiming {
            updates_per_second: self.learn_updates.value() as u8,
            delay_ms: self.learn_delay_ms.value() as u16,
        }
    }

    /// The value of a setting by its key, as [`crate::control::settings`] counts it.
    pub fn value(&self, key: &str) -> f32 {
        match key {
            _ if key == REACTION.key => self.reaction_ms.value() as f32,
            _ if key == REACTION_AUTO.key => f32::from(self.reaction_auto.value()),
            _ if key == ALIGNMENT.key => self.alignment.value().to_index() as f32,
            _ if key == CLOCK.key => self.clock.value().to_index() as f32,
            _ if key == STORE_MODELS.key => f32::from(self.store_models.value()),
            _ if key == PRECISION.key => self.precision.value().to_index() as f32,
            _ if key == LEARN_UPDATES.key => self.learn_updates.value() as f32,
            _ if key == LEARN_DELAY.key => self.learn_delay_ms.value() as f32,
            _ => 0.0,
        }
    }

    /// Hands a setting and a value to an editor.
    pub fn edit(&self, key: &str, value: f32, editor: &mut impl ParamEditor) {
        match key {
            _ if key == REACTION.key => editor.edit(&self.reaction_ms, value as i32),
            _ if key == REACTION_AUTO.key => editor.edit(&self.reaction_auto, value >= 0.5),
            _ if key == ALIGNMENT.key => editor.edit(&self.alignment, Enum::from_index(value as usize)),
            _ if key == CLOCK.key => editor.edit(&self.clock, Enum::from_index(value as usize)),
            _ if key == STORE_MODELS.key => editor.edit(&self.store_models, value >= 0.5),
            _ if key == PRECISION.key => editor.edit(&self.precision, Enum::from_index(value as usize)),
            _ if key == LEARN_UPDATES.key => editor.edit(&self.learn_updates, value as i32),
            _ if key == LEARN_DELAY.key => editor.edit(&self.learn_delay_ms, value as i32),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::settings::{SETTINGS, SettingKind, SettingSpec};
    use nice_plug::prelude::Param;

    fn is_as_said(spec: &SettingSpec, param: &impl Param) -> bool {
        let texts: Vec<String> = match spec.kind {
            SettingKind::Whole { min, max, default } => {
                let ends = [0.0, 1.0].map(|end| param.normalized_value_to_string(end, false));
                let first = param.normalized_value_to_string(param.default_normalized_value(), false);
                return ends == [min, max].map(|end| end.to_string()) && first == default.to_string();
            }
            SettingKind::Switch(on) => vec![if on { "On" } else { "Off" }.into()],
            SettingKind::Choice(choices) => choices.iter().map(|choice| choice.name.into()).collect(),
        };
        let count = texts.len().max(2) as f32 - 1.0;
        let first = param.normalized_value_to_string(param.default_normalized_value(), false);
        let shown = |i: usize| param.normalized_value_to_string(i as f32 / count, false);
        first == texts[0] && (texts.len() == 1 || texts.iter().enumerate().all(|(i, text)| shown(i) == *text))
    }

    #[test]
    fn hosts_are_told_what_the_table_says() {
        let settings = Settings::new(Arc::default(), Arc::default());
        let params = settings.param_map();
        assert_eq!(
            params.iter().map(|(id, _, _)| id.as_str()).collect::<Vec<_>>(),
            SETTINGS.each_ref().map(|spec| spec.key)
        );
        assert!(is_as_said(&REACTION, &settings.reaction_ms) && is_as_said(&REACTION_AUTO, &settings.reaction_auto));
        assert!(is_as_said(&ALIGNMENT, &settings.alignment) && is_as_said(&CLOCK, &settings.clock));
        assert!(is_as_said(&STORE_MODELS, &settings.store_models) && is_as_said(&PRECISION, &settings.precision));
        assert!(
            is_as_said(&LEARN_UPDATES, &settings.learn_updates) && is_as_said(&LEARN_DELAY, &settings.learn_delay_ms)
        );
        assert_eq!(settings.learn_timing(), LearnTiming::default());
        let ids = [AlignmentSetting::ids(), ClockSetting::ids(), PrecisionSetting::ids()];
        for (ids, spec) in ids.into_iter().zip([ALIGNMENT, CLOCK, PRECISION]) {
            let SettingKind::Choice(choices) = spec.kind else { panic!("a choice") };
            assert_eq!(ids.expect("ids"), choices.iter().map(|choice| choice.key).collect::<Vec<_>>());
        }
    }
}
