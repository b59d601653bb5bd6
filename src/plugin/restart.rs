//! Settings that have changed while the plugin is active: they count from the next activation on, which the host is asked for.

use crate::{
    engine::LearnTiming,
    params::{AlignmentSetting, ClockSetting, PrecisionSetting, SympathyParams},
};

/// A setting has to stay as it is for this long: who drags a slider changes it with every block.
const SETTLING_SECONDS: f64 = 0.5;

/// What an activation fixes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Fixed {
    /// `None`: to be measured.
    reaction_ms: Option<u32>,
    alignment: AlignmentSetting,
    clock: ClockSetting,
    precision: PrecisionSetting,
    learn_timing: LearnTiming,
}

impl Fixed {
    fn of(params: &SympathyParams) -> Self {
        let settings = &params.settings;
        Self {
            reaction_ms: if settings.reaction_auto.value() {
                params.reaction.milliseconds()
            } else {
                Some(settings.reaction_ms.value().unsigned_abs())
            },
            alignment: settings.alignment.value(),
            clock: settings.clock.value(),
            precision: settings.precision.value(),
            learn_timing: settings.learn_timing(),
        }
    }
}

/// Whether the host has to be asked for another activation.
#[derive(Debug)]
pub(super) struct Restart {
    active: Fixed,
    wanted: Fixed,
    /// How long that has been wanted.
    seconds: f64,
    /// What the host was asked for; it may refuse.
    asked: Fixed,
}

impl Restart {
    /// For an activation with the settings as they are.
    pub fn new(params: &SympathyParams) -> Self {
        let active = Fixed::of(params);
        Self { active, wanted: active, seconds: 0.0, asked: active }
    }

    /// Looks at the settings once a block; returns whether to ask now. Never while the song plays or is bounced (`is_busy`).
    ///
    /// # Realtime safety
    /// Atomic loads only.
    pub fn is_due(&mut self, params: &SympathyParams, block_seconds: f64, is_busy: bool) -> bool {
        let wanted = Fixed::of(params);
        if wanted != self.wanted || is_busy {
            (self.wanted, self.seconds) = (wanted, 0.0);
        }
        if wanted == self.active {
            self.asked = wanted;
        }
        self.seconds += block_seconds;
        let due = wanted != self.asked && self.seconds >= SETTLING_SECONDS;
        if due {
            self.asked = wanted;
        }
        due
    }
}
