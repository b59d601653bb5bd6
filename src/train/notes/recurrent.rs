//! A recurrent network of notes while it is trained: its weights, its loss over sequences of columns, and the gradient
//! of that.

use super::{
    config::Loss,
    loss::{Figures, judge},
    weights::{first_dense, first_recurrent},
};
use crate::{
    dsp::random::Random,
    model::{LAYER_TENSORS, RollModelConfig, RollNetwork},
    nn::{sigmoid, vectorize},
    train::net::{
        cells::{Layer, LayerState, Sequence, View, multiply_rows, sum_rows},
        dropout::factors,
        gradient::{Named, Sink},
        tensors::values_of,
        workspace::Workspace,
    },
};
use candle_core::{Device, Result, Tensor, Var};
use std::{
    collections::BTreeMap,
    sync::{Arc, MutexGuard},
};

/// What some streams hear, and what follows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Columns {
    pub streams: usize,
    /// `[step][stream][input]`
    pub inputs: Vec<f32>,
    /// The columns that follow, `[step][stream][bit]`.
    pub targets: Vec<f32>,
    /// Predictions that count, `[step][stream]`.
    pub scored: Vec<bool>,
    /// Streams that begin anew.
    pub fresh: Vec<bool>,
}

/// Silences outputs of layers on their way up, anew at every step, and scales the others up.
pub(super) struct Dropout<'a> {
    pub part: f32,
    pub random: &'a mut Random,
}

/// Recurrent layers and a dense one.
pub(super) struct RecurrentNetwork {
    pub(super) layers: Vec<Layer>,
    /// Bits of a column.
    pub(super) column: usize,
    pub(super) work: Arc<Workspace>,
    pub(super) sink: Sink,
    /// Under the names of the model file.
    pub variables: BTreeMap<String, Var>,
}

/// A layer after its forward pass.
struct Ran<'a> {
    weights: Vec<&'a [f32]>,
    sequence: Sequence,
    /// Of the outputs on their way up; none: as they are.
    factors: Option<Vec<f32>>,
    /// What the layer above hears, where it is not h itself.
    upward: Option<Vec<f32>>,
}

impl Ran<'_> {
    fn outputs(&self) -> &[f32] {
        self.upward.as_deref().unwrap_or(&self.sequence.h)
    }
}

impl RecurrentNetwork {
    /// Begins as Keras does: matrices of inputs uniform in ±√(6 / (inputs + outputs)) (Glorot and Bengio 2010), those of
    /// the recurrence orthogonal, biases 0, that of an LSTM's forget gate 1. None of an autoencoder.
    pub fn new(model: &RollModelConfig, random: &mut Random) -> Result<Option<Self>> {
        let RollNetwork::Recurrent { cell, layers, hidden } = model.network else { return Ok(None) };
        let layer = |index| Layer {
            cell,
            inputs: if index == 0 { model.inputs() } else { hidden },
            hidden,
            clock_groups: 0,
            lowest: index == 0,
        };
        let layers: Vec<Layer> = (0..layers).map(layer).collect();
        let mut tensors = model.tensors();
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        let mut variables = BTreeMap::new();
        for tensor in tensors {
            let mut weights = match &tensor.shape[..] {
                &[rows, columns] if tensor.name.contains("weight_hh") => first_recurrent(rows, columns, random),
                &[rows, columns] => first_dense(rows, columns, random),
                shape => vec![0.0; shape.iter().product()],
            };
            if tensor.name.starts_with("rnn.") {
                layers[0].prepare(&tensor.name, &mut weights, 1.0);
            }
            variables.insert(tensor.name, Var::from_vec(weights, tensor.shape, &Device::Cpu)?);
        }
        Ok(Some(Self { layers, column: model.column(), work: Arc::default(), sink: Sink::default(), variables }))
    }

    /// A state in which nothing was heard.
    pub fn zero_state(&self, streams: usize) -> Vec<LayerState> {
        self.layers.iter().map(|layer| LayerState::zeros(layer.cell, streams, layer.hidden)).collect()
    }

    /// Judges what is predicted; moves `state`, and with `wants_gradient` leaves the gradient for [`Self::gradient`].
    pub fn pass(
        &self,
        columns: &Columns,
        state: &mut [LayerState],
        loss: Loss,
        dropout: Option<Dropout<'_>>,
        wants_gradient: bool,
    ) -> Result<Figures> {
        state.iter_mut().for_each(|layer| layer.forget(&columns.fresh));
        self.with_weights(|weights| {
            let ran = self.run(columns, state, weights, dropout);
            let mut logits = self.logits(&ran, weights);
            let figures = judge(&mut logits, &columns.targets, self.column, &columns.scored, loss);
            if wants_gradient {
                self.backward(columns, weights, &ran, &logits);
            }
            figures
        })
    }

    /// How likely each bit is in the columns that follow, `[step][stream][bit]`; moves `state`.
    pub fn probabilities(&self, columns: &Columns, state: &mut [LayerState]) -> Result<Vec<f32>> {
        state.iter_mut().for_each(|layer| layer.forget(&columns.fresh));
        self.with_weights(|weights| {
            let ran = self.run(columns, state, weights, None);
            let mut logits = self.logits(&ran, weights);
            vectorize(
                pulp::Arch::new(),
                #[inline(always)]
                || logits.iter_mut().for_each(|z| *z = sigmoid(*z)),
            );
            logits.to_vec()
        })
    }

    pub(super) fn with_weights<R>(&self, read: impl FnOnce(&BTreeMap<&str, &[f32]>) -> R) -> Result<R> {
        let (names, tensors): (Vec<&str>, Vec<&Tensor>) =
            self.variables.iter().map(|(name, variable)| (&name[..], variable.as_tensor())).unzip();
        values_of(&tensors, |slices| read(&names.iter().copied().zip(slices.iter().copied()).collect()))
    }

    fn run<'w>(
        &self,
        columns: &Columns,
        state: &mut [LayerState],
        weights: &BTreeMap<&str, &'w [f32]>,
        mut dropout: Option<Dropout<'_>>,
    ) -> Vec<Ran<'w>> {
        let mut ran: Vec<Ran<'w>> = Vec::new();
        for (index, (&layer, start)) in self.layers.iter().zip(state).enumerate() {
            let own: Vec<&[f32]> =
                LAYER_TENSORS[..4].iter().map(|part| weights[&format!("rnn.{part}_l{index}")[..]]).collect();
            let x = ran.last().map_or(&columns.inputs[..], Ran::outputs);
            let sequence = Sequence::run(layer, x, &own, start.clone(), &self.work);
            *start = sequence.end();
            let factors = dropout.as_mut().map(|dropout| factors(dropout.part, sequence.h.len(), dropout.random));
            let upward = factors.as_ref().map(|factors| sequence.h.iter().zip(factors).map(|(h, f)| h * f).collect());
            ran.push(Ran { weights: own, sequence, factors, upward });
        }
        ran
    }

    /// `[step][stream][bit]`
    fn logits(&self, ran: &[Ran<'_>], weights: &BTreeMap<&str, &[f32]>) -> Vec<f32> {
        let h = ran.last().map_or(&[][..], Ran::outputs);
        let hidden = self.layers.last().map_or(1, |layer| layer.hidden);
        let mut logits = vec![0.0; h.len() / hidden * self.column];
        let weight = View::whole(weights["out.weight"], self.column, hidden).t();
        multiply_rows(View::whole(h, h.len() / hidden, hidden), weight, &mut logits, self.column, &self.work);
        for row in logits.chunks_exact_mut(self.column) {
            row.iter_mut().zip(weights["out.bias"]).for_each(|(y, b)| *y += b);
        }
        logits
    }

    /// Leaves the gradients of all weights in the sink; `of_logits` is that of the logits.
    fn backward(&self, columns: &Columns, weights: &BTreeMap<&str, &[f32]>, ran: &[Ran<'_>], of_logits: &[f32]) {
        let h = ran.last().map_or(&[][..], Ran::outputs);
        let hidden = self.layers.last().map_or(1, |layer| layer.hidden);
        let rows = h.len() / hidden;
        let names = ["out.weight", "out.bias"];
        let [mut of_weight, mut of_bias] = self.sink.take(names, [self.column * hidden, self.column]);
        let of_logits = View::whole(of_logits, rows, self.column);
        multiply_rows(of_logits.t(), View::whole(h, rows, hidden), &mut of_weight, hidden, &self.work);
        sum_rows(of_logits, &mut of_bias);
        self.sink.put(names, [of_weight, of_bias]);
        let mut of_outputs = vec![0.0; h.len()];
        let weight = View::whole(weights["out.weight"], self.column, hidden);
        multiply_rows(of_logits, weight, &mut of_outputs, hidden, &self.work);
        for (index, Ran { weights, sequence, factors, .. }) in ran.iter().enumerate().rev() {
            if let Some(factors) = factors {
                of_outputs.iter_mut().zip(factors).for_each(|(g, factor)| *g *= factor);
            }
            let names: [String; 5] = std::array::from_fn(|part| format!("rnn.{}_l{index}", LAYER_TENSORS[part]));
            let names: [&str; 5] = std::array::from_fn(|part| &names[part][..]);
            let lengths = std::array::from_fn(|part| weights.get(part).map_or(0, |part| part.len()));
            let mut gradients = self.sink.take(names, lengths);
            let x = if index == 0 { &columns.inputs } else { ran[index - 1].outputs() };
            if let Some(below) = sequence.backward(x, weights, &of_outputs, &mut gradients, &self.work) {
                of_outputs = below;
            }
            self.sink.put(names, gradients);
        }
    }

    /// The gradient that the last [`Self::pass`] with one has left. Numbers may be taken out of it; their memory is used again.
    pub fn gradient(&self) -> MutexGuard<'_, Named> {
        self.sink.lock()
    }
}
