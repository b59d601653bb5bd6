//! Settings: fixed while the plugin is active, so not automatable; a change counts from the next activation on.

use super::text;
use crate::{
    engine::{Alignment, ClockMode, DEFAULT_REACTION_MS, MAX_REACTION_MS},
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
}

impl Settings {
    /// Defaults; `store_models` mirrors the switch of that name, `measured_ms` is shown and, where it is no longer wanted, forgotten.
    pub(super) fn new(store_models: Arc<AtomicBool>, measured_ms: Arc<AtomicU32>) -> Self {
        let shown = Arc::clone(&measured_ms);
        let range = IntRange::Linear { min: 0, max: MAX_REACTION_MS as i32 };
        Self {
            reaction_ms: IntParam::new("Reaction Time", DEFAULT_REACTION_MS as i32, range)
                .with_unit(" ms")
                .non_automatable(),
            reaction_auto: BoolParam::new("Measure Reaction Time", false)
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
            alignment: EnumParam::new("Alignment", AlignmentSetting::After).non_automatable(),
            clock: EnumParam::new("Clock", ClockSetting::Transport).non_automatable(),
            store_models: BoolParam::new("Store Models in Project", true)
                .with_callback(Arc::new(move |on| store_models.store(on, Ordering::Relaxed)))
                .non_automatable(),
            precision: EnumParam::new("Precision", PrecisionSetting::Auto).non_automatable(),
        }
    }
}
