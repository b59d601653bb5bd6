//! How a prediction is made, beside what is predicted.

use super::{Network, listening::FrameLayers};
use std::sync::Arc;

/// How predictions are drawn. A number alone is a temperature.
#[derive(Clone, Copy, Debug)]
pub struct Manner<'a> {
    /// Multiplies the model's own temperature and feedback noise.
    pub temperature: f32,
    /// What has learnt, in place of the model's own layers.
    pub learnt: Option<LearntLayers<'a>>,
}

impl From<f32> for Manner<'_> {
    fn from(temperature: f32) -> Self {
        Self { temperature, learnt: None }
    }
}

/// Layers that have learnt, and the model whose layers they were.
#[derive(Clone, Copy, Debug)]
pub struct LearntLayers<'a> {
    /// Only generators of this model draw with them.
    pub network: &'a Arc<Network>,
    /// Of its shape and instruction set.
    pub layers: &'a FrameLayers,
}

impl<'a> Manner<'a> {
    /// What has learnt of this model.
    pub(super) fn layers_of(&self, network: &Arc<Network>) -> Option<&'a FrameLayers> {
        self.learnt.filter(|learnt| Arc::ptr_eq(learnt.network, network)).map(|learnt| learnt.layers)
    }
}
