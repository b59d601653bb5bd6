//! The reaction time that was measured, as a project stores it.

use super::settings::Settings;
use crate::{
    engine::MAX_REACTION_MS,
    worker::{ModelRegistry, measure_reaction_ms},
};
use nice_plug::params::persist::PersistentField;
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

/// In milliseconds; 0 is not measured yet. Once measured it stays, so that a project gives the same bits wherever it is opened.
#[derive(Debug, Default)]
pub struct MeasuredReaction(Arc<AtomicU32>);

impl MeasuredReaction {
    /// What was measured.
    pub fn milliseconds(&self) -> Option<u32> {
        Some(self.0.load(Ordering::Relaxed)).filter(|&milliseconds| milliseconds > 0)
    }

    /// The same number, for who shows it and who lets it be measured anew.
    pub(super) fn shared(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.0)
    }

    /// The reaction time for an activation: that of the settings, or, where it is to be measured, what was measured, if need be now.
    /// Not for the audio thread: measuring takes a quarter of a second.
    pub fn for_activation(&self, settings: &Settings, registry: &ModelRegistry, slot: f32, host_hz: u32) -> f32 {
        let wish = settings.reaction_ms.value() as f32;
        if !settings.reaction_auto.value() {
            return wish;
        }
        if let Some(measured) = self.milliseconds() {
            return measured as f32;
        }
        // Without a model there is nothing to measure: the next activation may have one.
        let Ok(network) = registry.load(slot as u8) else {
            return wish;
        };
        let measured = measure_reaction_ms(&network, host_hz);
        self.0.store(measured, Ordering::Relaxed);
        measured as f32
    }
}

impl PersistentField<'_, u32> for MeasuredReaction {
    fn set(&self, milliseconds: u32) {
        self.0.store(milliseconds.min(MAX_REACTION_MS as u32), Ordering::Relaxed);
    }

    fn map<F: Fn(&u32) -> R, R>(&self, f: F) -> R {
        f(&self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{control::ParamId, nn::Isa, params::SympathyParams};
    use nice_plug::prelude::Param;

    #[test]
    fn it_is_measured_once_and_then_a_number_of_the_project() {
        let registry = ModelRegistry::with_embedded(Isa::best());
        let params = SympathyParams::new(&registry, crate::learn::job::Folders::default());
        let slot = params.value(ParamId::Model);
        let wanted =
            |params: &SympathyParams| params.reaction.for_activation(&params.settings, &registry, slot, 48_000);
        assert_eq!((wanted(&params), params.reaction.milliseconds()), (50.0, None), "by hand");
        // SAFETY: the parameter outlives the pointer, and nothing else sets it.
        unsafe { params.settings.reaction_auto.as_ptr()._internal_set_normalized_value(1.0) };
        let measured = wanted(&params);
        assert!((5.0..=500.0).contains(&measured), "{measured} ms");
        assert_eq!(params.reaction.milliseconds(), Some(measured as u32));
        assert_eq!(wanted(&params), measured, "not measured again");
        let text = params.settings.reaction_auto.normalized_value_to_string(1.0, true);
        assert_eq!(text, format!("On: {measured} ms"));
        params.reaction.set(u32::MAX);
        assert_eq!(wanted(&params), 500.0, "a project written by other hands");
        // SAFETY: as above.
        unsafe { params.settings.reaction_auto.as_ptr()._internal_set_normalized_value(0.0) };
        assert_eq!(params.reaction.milliseconds(), None, "who switches it off and on measures anew");
    }
}
