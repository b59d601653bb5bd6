//! The model that *Model* names, as soon as it is there.

use super::registry::{ModelRegistry, SLOTS};
use crate::{
    approach::Network,
    engine::{Meters, RenderMode},
    model::EMBEDDED,
};
use std::sync::Arc;

/// A model's warm-up speed is believed up to this times what its size suggests.
const MAX_OPTIMISM: f32 = 4.0;

/// Follows the parameter; loads and waits, or lets load.
#[derive(Debug)]
pub(crate) struct Chosen {
    registry: Arc<ModelRegistry>,
    mode: RenderMode,
    /// Models seen ready, so that the registry's lock is taken only at switches.
    networks: Vec<Option<Arc<Network>>>,
    bank_generation: u64,
    network: Option<Arc<Network>>,
    warmup_speed: f32,
    /// Where the model was found.
    slot: u8,
    wanted_slot: Option<u8>,
    /// How many of the embedded models have been loaded ahead of their use.
    embedded_loaded: usize,
}

impl Chosen {
    /// None yet.
    pub fn new(registry: Arc<ModelRegistry>, mode: RenderMode) -> Self {
        Self {
            registry,
            mode,
            networks: vec![None; SLOTS],
            bank_generation: 0,
            network: None,
            warmup_speed: 1.0,
            slot: 0,
            wanted_slot: None,
            embedded_loaded: 0,
        }
    }

    /// The model, if there is one.
    pub fn network(&self) -> Option<&Arc<Network>> {
        self.network.as_ref()
    }

    /// The slot in which the model was found.
    pub fn slot(&self) -> u8 {
        self.slot
    }

    /// Seconds of seed that the model runs in a second.
    pub fn warmup_speed(&self) -> f32 {
        self.warmup_speed
    }

    /// Forgets the model that plays, too: a bounce that starts here does not know it.
    pub fn forget(&mut self) {
        self.network = None;
        self.wanted_slot = None;
    }

    /// Loads one more embedded model, some milliseconds of work. Returns whether there was one left.
    pub fn load_another_embedded(&mut self) -> bool {
        let Some(model) = EMBEDDED.get(self.embedded_loaded) else {
            return false;
        };
        self.embedded_loaded += 1;
        // A failure to load is reported when the model is selected.
        let _ = self.registry.load(model.slot);
        true
    }

    /// Selects the model of a slot. Blocks for embedded models, which load in milliseconds, and for all others offline or
    /// while no model can play. Otherwise loads in the background. Returns the model if it has changed.
    pub fn choose(&mut self, slot: u8, can_play: bool, meters: &Meters) -> Option<Arc<Network>> {
        let generation = self.registry.generation();
        let changed = std::mem::replace(&mut self.bank_generation, generation) != generation;
        if changed {
            self.networks.fill(None);
        }
        let switched = self.wanted_slot.replace(slot) != Some(slot);
        let index = usize::from(slot).min(SLOTS - 1);
        if self.networks[index].is_none() {
            self.networks[index] = self.registry.get(slot);
        }
        if self.networks[index].is_none() && (switched || changed) {
            if self.mode == RenderMode::Offline || !can_play || self.registry.is_embedded(slot) {
                self.networks[index] = self.registry.load(slot).ok();
            } else {
                meters.count_late_switch();
                self.registry.load_in_background(slot);
            }
        }
        let network = self.networks[index].clone()?;
        self.slot = slot;
        if self.network.as_ref().is_some_and(|current| Arc::ptr_eq(current, &network)) {
            return None;
        }
        // A file may state a speed that no machine reaches.
        let config = network.config();
        self.warmup_speed = config.warmup_speed.min(MAX_OPTIMISM * config.conservative_warmup_speed());
        self.network = Some(Arc::clone(&network));
        Some(network)
    }
}
