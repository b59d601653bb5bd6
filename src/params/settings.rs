//! Settings: fixed while the plugin is active, so not automatable; a change counts from the next activation on.

use crate::engine::{Alignment, ClockMode, DEFAULT_REACTION_MS, MAX_REACTION_MS};
use nice_plug::prelude::{BoolParam, Enum, EnumParam, IntParam, IntRange, Params};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
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

/// The settings of an instance.
#[derive(Debug, Params)]
pub struct Settings {
    /// Reaction time wanted, in milliseconds.
    #[id = "reaction"]
    pub reaction_ms: IntParam,
    /// Where continuations sit in time.
    #[id = "alignment"]
    pub alignment: EnumParam<AlignmentSetting>,
    /// What the sample clock follows.
    #[id = "clock"]
    pub clock: EnumParam<ClockSetting>,
    /// Whether the project keeps a copy of small models of the user's. Counts from the next saving on.
    #[id = "store_models"]
    pub store_models: BoolParam,
}

impl Settings {
    /// Defaults; `store_models` mirrors the switch of that name.
    pub(super) fn new(store_models: Arc<AtomicBool>) -> Self {
        let range = IntRange::Linear { min: 0, max: MAX_REACTION_MS as i32 };
        Self {
            reaction_ms: IntParam::new("Reaction Time", DEFAULT_REACTION_MS as i32, range)
                .with_unit(" ms")
                .non_automatable(),
            alignment: EnumParam::new("Alignment", AlignmentSetting::After).non_automatable(),
            clock: EnumParam::new("Clock", ClockSetting::Transport).non_automatable(),
            store_models: BoolParam::new("Store Models in Project", true)
                .with_callback(Arc::new(move |on| store_models.store(on, Ordering::Relaxed)))
                .non_automatable(),
        }
    }
}
