//! The two models that *Model* and *Morph Model* name, as soon as they are there.

use super::{chosen::Chosen, registry::ModelRegistry};
use crate::{
    approach::Network,
    control::{ParamId, ParamValues},
    engine::{Meters, RenderMode},
};
use std::sync::Arc;

/// The models that play.
#[derive(Clone, Debug)]
pub(crate) struct Models {
    /// The one that *Model* names.
    pub first: Arc<Network>,
    /// Where that one was found.
    pub slot: u8,
    /// The one that *Morph Model* names, if it does.
    pub second: Option<Arc<Network>>,
    /// Seconds of seed that each runs in a second.
    pub warmup_speeds: [f32; 2],
}

impl Models {
    /// Seconds of seed that these models together run in a second, for so many channels.
    pub fn warmup_speed(&self, channels: usize) -> f32 {
        let [first, second] = self.warmup_speeds;
        let slowness = 1.0 / first + if self.second.is_some() { 1.0 / second } else { 0.0 };
        1.0 / (channels as f32 * slowness)
    }

    /// The lowest rate of a model, which has the longest filters.
    pub fn lowest_hz(&self) -> u32 {
        let first = self.first.config().sample_rate_hz;
        self.second.as_ref().map_or(first, |second| first.min(second.config().sample_rate_hz))
    }
}

/// Follows both parameters.
#[derive(Debug)]
pub(crate) struct ChosenModels {
    first: Chosen,
    second: Chosen,
    models: Option<Models>,
}

impl ChosenModels {
    /// None yet.
    pub fn new(registry: Arc<ModelRegistry>, mode: RenderMode) -> Self {
        Self { first: Chosen::new(Arc::clone(&registry), mode), second: Chosen::new(registry, mode), models: None }
    }

    /// The models, if the first is there.
    pub fn get(&self) -> Option<&Models> {
        self.models.as_ref()
    }

    /// As [`Chosen::load_another_embedded`].
    pub fn load_another_embedded(&mut self) -> bool {
        self.first.load_another_embedded()
    }

    /// Forgets the models that play, too: a bounce that starts here does not know them.
    pub fn forget(&mut self) {
        self.first.forget();
        self.second.forget();
        self.models = None;
    }

    /// Follows the parameters. True if the models are others than before.
    pub fn choose(&mut self, values: &ParamValues, meters: &Meters) -> bool {
        // While something plays, neither model is waited for.
        let can_play = self.models.is_some();
        let mut changed = self.first.choose(values.get(ParamId::Model) as u8, can_play, meters).is_some();
        match values.get(ParamId::MorphModel) {
            slot if slot >= 0.0 => changed |= self.second.choose(slot as u8, can_play, meters).is_some(),
            _ if self.second.network().is_some() => {
                self.second.forget();
                changed = true;
            }
            _ => {}
        }
        if changed {
            self.models = self.first.network().map(|first| Models {
                first: Arc::clone(first),
                slot: self.first.slot(),
                // Morphing between a model and itself has no effect.
                second: self.second.network().filter(|second| !Arc::ptr_eq(first, second)).cloned(),
                warmup_speeds: [self.first.warmup_speed(), self.second.warmup_speed()],
            });
        }
        changed && self.models.is_some()
    }
}
