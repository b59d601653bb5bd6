//! Models of notes made ready to run: weights packed for the kernels, shared by all that run them.

use crate::{
    model::{LAYER_TENSORS, RollModel, RollNetwork},
    nn::{
        Activation, Autoencoder, AutoencoderWeights, Dense, Isa, LayerWeights, Precision, Stack, StackShape, StackState,
    },
};

/// A recurrent network that hears a column and tells how likely each key is in the next.
#[derive(Clone, Debug)]
pub struct ColumnPredictor {
    inputs: usize,
    steps_per_quarter: usize,
    stack: Stack,
    out: Dense,
}

/// Where a [`ColumnPredictor`] is.
#[derive(Clone, Debug)]
pub struct ColumnState {
    layers: StackState,
    output: Vec<f32>,
}

impl ColumnState {
    /// Forgets what was heard.
    pub fn reset(&mut self) {
        self.layers.reset();
    }

    /// Becomes what another state of the same network is. Does not allocate.
    ///
    /// # Panics
    /// If the other one is a state of another network.
    pub fn copy_from(&mut self, other: &Self) {
        self.layers.copy_from(&other.layers);
    }
}

impl ColumnPredictor {
    /// Packs a validated model; none of an autoencoder. Takes milliseconds: not for the audio thread.
    pub fn of(model: &RollModel, precision: Precision, isa: Isa) -> Option<Self> {
        let config = model.config();
        let RollNetwork::Recurrent { cell, layers, hidden } = config.network else { return None };
        let shape = StackShape { cell, clock_groups: 0, inputs: config.inputs(), hidden, residual: false };
        let part = |index: usize, layer: usize| model.tensor(&format!("rnn.{}_l{layer}", LAYER_TENSORS[index]));
        let weights: Vec<LayerWeights<'_>> = (0..layers)
            .map(|layer| LayerWeights {
                weight_ih: part(0, layer),
                weight_hh: part(1, layer),
                bias_ih: part(2, layer),
                bias_hh: part(3, layer),
                peepholes: None,
            })
            .collect();
        let (weight, bias) = (model.tensor("out.weight"), model.tensor("out.bias"));
        let out = Dense::new(hidden, config.column(), weight, bias, precision, isa);
        let steps_per_quarter = config.approach.steps_per_quarter;
        Some(Self {
            inputs: config.inputs(),
            steps_per_quarter,
            stack: Stack::new(shape, &weights, precision, isa),
            out,
        })
    }

    /// Numbers that it hears: a column, and where the model has it the step of the measure.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Columns of a quarter note.
    pub fn steps_per_quarter(&self) -> usize {
        self.steps_per_quarter
    }

    /// Numbers of a column.
    pub fn column(&self) -> usize {
        self.out.outputs()
    }

    /// A state that has heard nothing. Allocates.
    pub fn make_state(&self) -> ColumnState {
        ColumnState { layers: self.stack.make_state(), output: self.out.make_output_buffer() }
    }

    /// One step: hears a column, 1 for each key that is held, and gives the probability of each key in the next.
    ///
    /// # Realtime safety
    /// Does not allocate.
    ///
    /// # Panics
    /// If the column has another length than the model's inputs, or the state belongs to another model.
    pub fn step<'s>(&self, column: &[f32], state: &'s mut ColumnState) -> &'s [f32] {
        let heard = self.stack.step(column, &mut state.layers);
        self.out.forward(heard, &mut state.output);
        let output = &mut state.output[..self.out.outputs()];
        Activation::Sigmoid.apply(output);
        output
    }
}

/// Packs the layers of a validated model; none of a recurrent network. Takes milliseconds: not for the audio thread.
pub fn autoencoder_of(model: &RollModel, precision: Precision, isa: Isa) -> Option<Autoencoder> {
    let RollNetwork::Autoencoder { widths, tied, .. } = &model.config().network else { return None };
    let count = widths.len() - 1;
    let weight = |half: &str, index: usize| model.tensor(&format!("{half}.{index}.weight"));
    let bias = |half: &str, index: usize| model.tensor(&format!("{half}.{index}.bias"));
    let encoder: Vec<_> = (0..count).map(|index| (weight("encoder", index), bias("encoder", index))).collect();
    let own = |index: usize| (!tied).then(|| weight("decoder", index));
    let decoder: Vec<_> = (0..count).map(|index| (own(index), bias("decoder", index))).collect();
    Some(Autoencoder::new(&AutoencoderWeights { widths, encoder: &encoder, decoder: &decoder }, precision, isa))
}
