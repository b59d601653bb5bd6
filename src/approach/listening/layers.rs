//! The layers of a listening model that learn (docs/LEARNING.md): what draws the levels of the bands, and the bins.

use crate::{
    model::{Head, ModelConfig},
    nn::{BinLayer, Dense, Isa, LayerWeights, Precision},
};

/// Packed weights of the layers that draw a frame. Those of a model stand in its [`super::super::Network`]; others of the same shape, which have
/// learnt, may draw in their place.
#[derive(Clone, Debug)]
pub struct FrameLayers {
    pub(super) bands_hidden: Dense,
    pub(super) bands_out: Dense,
    pub(super) bins: BinLayer,
}

impl FrameLayers {
    /// Of a validated configuration; `tensor` gives the tensors by name. None where the model does not listen.
    ///
    /// # Panics
    /// If a tensor has not the length that the configuration says.
    pub fn new<'a>(config: &ModelConfig, tensor: impl Fn(&str) -> &'a [f32], isa: Isa) -> Option<Self> {
        let Head::Autoregressive(tier) = config.head else { return None };
        // So few weights gain nothing from being rounded.
        let dense = |name: &str, outputs: usize, inputs: usize| {
            let (weight, bias) = (tensor(&format!("{name}.weight")), tensor(&format!("{name}.bias")));
            Dense::new(inputs, outputs, weight, bias, Precision::F32, isa)
        };
        let gru = LayerWeights {
            weight_ih: tensor("bins.weight_ih_l0"),
            weight_hh: tensor("bins.weight_hh_l0"),
            bias_ih: tensor("bins.bias_ih_l0"),
            bias_hh: tensor("bins.bias_hh_l0"),
            peepholes: None,
        };
        Some(Self {
            bands_hidden: dense("bands.hidden", tier.band_hidden, config.hidden + tier.band_inputs()),
            bands_out: dense("bands.out", tier.levels, tier.band_hidden),
            bins: BinLayer::new(tier.inputs(), tier.hidden, &gru, tensor("out.weight"), tensor("out.bias"), isa),
        })
    }

    /// Weights on the way from those of `from`, at 0, to those of `to`, at 1.
    ///
    /// # Realtime safety
    /// Does not allocate.
    ///
    /// # Panics
    /// If the three are not of one shape and instruction set.
    pub fn blend(&mut self, from: &Self, to: &Self, amount: f32) {
        self.bands_hidden.blend(&from.bands_hidden, &to.bands_hidden, amount);
        self.bands_out.blend(&from.bands_out, &to.bands_out, amount);
        self.bins.blend(&from.bins, &to.bins, amount);
    }

    /// Bytes that a frame reads.
    pub(super) fn bytes(&self) -> usize {
        self.bands_hidden.bytes() + self.bands_out.bytes() + self.bins.bytes()
    }
}
