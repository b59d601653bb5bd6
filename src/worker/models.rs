//! The two models that *Model* and *Morph Model* name, as soon as they are there.

use super::{bank::ModelBank, chosen::Chosen, group::Models};
use crate::engine::{Meters, ParamId, ParamValues, RenderMode};
use std::sync::Arc;

/// Follows both parameters.
#[derive(Debug)]
pub(super) struct ChosenModels {
    first: Chosen,
    second: Chosen,
    models: Option<Models>,
}

impl ChosenModels {
    /// None yet.
    pub fn new(bank: Arc<ModelBank>, mode: RenderMode) -> Self {
        Self { first: Chosen::new(Arc::clone(&bank), mode), second: Chosen::new(bank, mode), models: None }
    }

    /// The models, if the first is there.
    pub fn get(&self) -> Option<&Models> {
        self.models.as_ref()
    }

    /// As [`Chosen::load_another_embedded`].
    pub fn load_another_embedded(&mut self) -> bool {
        self.first.load_another_embedded()
    }

    /// Not even the models that played before: a bounce from here does not know them.
    pub fn forget(&mut self) {
        self.first.forget();
        self.second.forget();
        self.models = None;
    }

    /// Follows the parameters. True if the models are others than before.
    pub fn choose(&mut self, values: &ParamValues, meters: &Meters) -> bool {
        // Who plays does not wait, neither for the first model nor for the second.
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
                // There is nothing between a model and itself.
                second: self.second.network().filter(|second| !Arc::ptr_eq(first, second)).cloned(),
                warmup_speeds: [self.first.warmup_speed(), self.second.warmup_speed()],
            });
        }
        changed && self.models.is_some()
    }
}
