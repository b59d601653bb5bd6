//! A model made ready to run: weights packed for the kernels, shared by all its continuations.

use super::{FrameLayers, Projection, delay_line::Columns, listening::ListeningHead};
use crate::{
    model::{ModelConfig, ModelData},
    nn::{Dense, Isa, LayerWeights, Precision, Stack},
};

/// Packed weights and the configuration they belong to.
#[derive(Clone, Debug)]
pub struct Network {
    config: ModelConfig,
    precision: Precision,
    pub(super) stack: Stack,
    pub(super) out: Dense,
    /// Transpose: the second dense layer.
    pub(super) columns: Option<Columns>,
    pub(super) projection: Option<Projection>,
    /// Listening: what draws a frame; the dense layer is then the context of its bins.
    pub(super) listening: Option<ListeningHead>,
    /// What every step asks for.
    frame_size: usize,
    inputs: usize,
    output_size: usize,
}

impl Network {
    /// Packs a validated model with its weights as they are, in 32 bits. Takes milliseconds: not for the audio thread.
    pub fn new(data: &ModelData, isa: Isa) -> Self {
        Self::with_precision(data, Precision::F32, isa)
    }

    /// Packs a validated model, its weights stored as asked for.
    pub fn with_precision(data: &ModelData, precision: Precision, isa: Isa) -> Self {
        let config = data.config().clone();
        let part = |name: &str, layer: usize| data.tensor(&format!("rnn.{name}_l{layer}"));
        let layers: Vec<LayerWeights<'_>> = (0..config.layers)
            .map(|layer| LayerWeights {
                weight_ih: part("weight_ih", layer),
                weight_hh: part("weight_hh", layer),
                bias_ih: part("bias_ih", layer),
                bias_hh: part("bias_hh", layer),
                peepholes: config.peepholes.then(|| part("weight_peephole", layer)),
            })
            .collect();
        let listening = ListeningHead::of(data, isa);
        let (dense, output_size) = match &listening {
            Some(head) => ("context", head.context_size()),
            None => ("out", config.output_size()),
        };
        let out_tensor = |part: &str| data.tensor(&format!("{dense}.{part}"));
        Self {
            precision,
            stack: if config.slides() {
                Stack::sliding(config.stack_shape(), &layers, precision, isa)
            } else {
                Stack::new(config.stack_shape(), &layers, precision, isa)
            },
            out: Dense::new(config.hidden, output_size, out_tensor("weight"), out_tensor("bias"), precision, isa),
            columns: config.approach.columns().map(|columns| {
                Columns::new(data.tensor("columns.weight"), data.tensor("columns.bias"), columns.int_cursor_inc)
            }),
            projection: Projection::of(data, isa),
            frame_size: if config.slides() { 1 } else { config.frame_size() },
            inputs: if config.slides() { 1 } else { config.inputs() },
            output_size,
            listening,
            config,
        }
    }

    /// How the weights are stored.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The recurrent layers.
    pub(crate) fn stack(&self) -> &Stack {
        &self.stack
    }

    /// The layers of a listening model that learn; none of any other.
    pub fn layers(&self) -> Option<&FrameLayers> {
        self.listening.as_ref().map(ListeningHead::layers)
    }

    /// What the model's file says of it.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Numbers of a frame that a continuation holds: where the frame slides, the newest.
    pub(super) fn frame_size(&self) -> usize {
        self.frame_size
    }

    /// Numbers that a step takes: where they slide, the newest.
    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    /// Outputs of a step.
    pub(super) fn output_size(&self) -> usize {
        self.output_size
    }

    /// True if a state of this network means the same to the other.
    pub(super) fn can_be_replaced_by(&self, other: &Self) -> bool {
        let essence = |config: &ModelConfig| ModelConfig {
            name: String::new(),
            temperature: 0.0,
            feedback_noise: 0.0,
            warmup_speed: 0.0,
            material: Default::default(),
            training: Default::default(),
            notes: String::new(),
            ..config.clone()
        };
        // A state holds what the precision needs.
        self.precision == other.precision && essence(&self.config) == essence(&other.config)
    }

    /// Bytes of weights that a step reads.
    pub fn step_bytes(&self) -> usize {
        self.stack.bytes() + self.out.bytes() + self.listening.as_ref().map_or(0, ListeningHead::bytes)
    }
}
