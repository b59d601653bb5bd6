//! A model made ready to run: weights packed for the kernels, shared by all its continuations.

use super::Projection;
use crate::{
    model::{ModelConfig, ModelData},
    nn::{Dense, Isa, LstmLayerWeights, LstmStack},
};

/// Packed weights and the configuration they belong to.
#[derive(Clone, Debug)]
pub struct Network {
    config: ModelConfig,
    pub(super) stack: LstmStack,
    pub(super) out: Dense,
    pub(super) projection: Option<Projection>,
}

impl Network {
    /// Packs a validated model. Takes milliseconds: not for the audio thread.
    pub fn new(data: &ModelData, isa: Isa) -> Self {
        let config = data.config().clone();
        let names: Vec<[String; 4]> = (0..config.layers)
            .map(|k| ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].map(|part| format!("rnn.{part}_l{k}")))
            .collect();
        let layers: Vec<LstmLayerWeights<'_>> = names
            .iter()
            .map(|[weight_ih, weight_hh, bias_ih, bias_hh]| LstmLayerWeights {
                weight_ih: data.tensor(weight_ih),
                weight_hh: data.tensor(weight_hh),
                bias_ih: data.tensor(bias_ih),
                bias_hh: data.tensor(bias_hh),
            })
            .collect();
        Self {
            stack: LstmStack::new(config.features(), config.hidden, &layers, isa),
            out: Dense::new(
                config.hidden,
                config.output_size(),
                data.tensor("out.weight"),
                data.tensor("out.bias"),
                isa,
            ),
            projection: Projection::of(data, isa),
            config,
        }
    }

    /// What the model's file says of it.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Bytes of weights that a step reads.
    pub fn step_bytes(&self) -> usize {
        self.stack.bytes() + self.out.bytes()
    }
}
