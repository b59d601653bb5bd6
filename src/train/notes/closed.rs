//! A recurrent network that goes on from its own predictions while it is trained, as the study of piano rolls describes it:
//! after a measure of the data it hears the probabilities that it gave the column before, and the gradient flows back
//! through them.

use super::{
    config::Loss,
    loss::{Figures, judge},
    recurrent::{Columns, Dropout, RecurrentNetwork},
};
use crate::{
    model::LAYER_TENSORS,
    nn::{sigmoid, vectorize},
    train::net::{
        cells::{Layer, LayerState, Packed, Steps, View, multiply_rows, sum_rows},
        dropout::factors,
    },
};
use candle_core::Result;
use std::collections::BTreeMap;

/// The layers after their forward pass.
struct Ran<'w> {
    layers: Vec<Steps<'w>>,
    /// What the dense layer hears, `[step][stream][hidden]`.
    top: Vec<f32>,
    /// Factors of the outputs on their way up, of each layer; empty: as they are.
    factors: Vec<Vec<f32>>,
    /// `[step][stream][bit]`
    logits: Vec<f32>,
}

impl RecurrentNetwork {
    /// As [`Self::pass`] with a gradient, from silence, but from column `given` on it hears what it predicted: these inputs are
    /// replaced. What it is given is not judged, only predicted from.
    pub fn pass_closed(
        &self,
        columns: &mut Columns,
        given: usize,
        loss: Loss,
        dropout: Option<Dropout<'_>>,
    ) -> Result<Figures> {
        let before = columns.scored.len().min(given.saturating_sub(1) * columns.streams);
        columns.scored[..before].fill(false);
        self.with_weights(|weights| {
            let mut ran = self.run_closed(columns, given, weights, dropout);
            let figures = judge(&mut ran.logits, &columns.targets, self.column, &columns.scored, loss);
            self.backward_closed(columns, given, weights, ran);
            figures
        })
    }

    fn run_closed<'w>(
        &self,
        columns: &mut Columns,
        given: usize,
        weights: &BTreeMap<&str, &'w [f32]>,
        mut dropout: Option<Dropout<'_>>,
    ) -> Ran<'w> {
        let streams = columns.streams;
        let rows = columns.scored.len();
        let (inputs, hidden) = (self.layers[0].inputs, self.layers[0].hidden);
        let of_layer = |(index, (&layer, start)): (usize, (&Layer, LayerState))| {
            let own: Vec<&[f32]> =
                LAYER_TENSORS[..4].iter().map(|part| weights[&format!("rnn.{part}_l{index}")[..]]).collect();
            Steps::new(layer, &own, start, &self.work)
        };
        let mut layers: Vec<Steps<'w>> =
            self.layers.iter().zip(self.zero_state(streams)).enumerate().map(of_layer).collect();
        let factors: Vec<Vec<f32>> = match &mut dropout {
            Some(dropout) => layers.iter().map(|_| factors(dropout.part, rows * hidden, dropout.random)).collect(),
            None => vec![Vec::new(); layers.len()],
        };
        let mut top = Vec::with_capacity(rows * hidden);
        let weight = Packed::new(View::whole(weights["out.weight"], self.column, hidden).t(), &self.work);
        let mut logits = vec![0.0; rows * self.column];
        for step in 0..rows / streams {
            let first = step * streams;
            if step >= given {
                let said = logits[(first - streams) * self.column..].chunks_exact(self.column);
                let heard = columns.inputs[first * inputs..].chunks_exact_mut(inputs).take(streams);
                for (heard, said) in heard.zip(said) {
                    vectorize(
                        pulp::Arch::new(),
                        #[inline(always)]
                        || heard.iter_mut().zip(said).for_each(|(p, z)| *p = sigmoid(*z)),
                    );
                }
            }
            let mut x = columns.inputs[first * inputs..][..streams * inputs].to_vec();
            for (layer, factors) in layers.iter_mut().zip(&factors) {
                x = layer.step(&x).to_vec();
                let factors = &factors[(first * hidden).min(factors.len())..];
                x.iter_mut().zip(factors).for_each(|(h, factor)| *h *= factor);
            }
            top.extend_from_slice(&x);
            let logits = &mut logits[first * self.column..][..streams * self.column];
            weight.multiply_rows(View::whole(&x, streams, hidden), logits, self.column);
            for row in logits.chunks_exact_mut(self.column) {
                row.iter_mut().zip(weights["out.bias"]).for_each(|(y, b)| *y += b);
            }
        }
        Ran { layers, top, factors, logits }
    }

    /// Leaves the gradients of all weights in the sink; the logits have become their own gradient, but for what was heard of
    /// them.
    fn backward_closed(&self, columns: &Columns, given: usize, weights: &BTreeMap<&str, &[f32]>, mut ran: Ran<'_>) {
        let (streams, rows) = (columns.streams, columns.scored.len());
        let (inputs, hidden) = (self.layers[0].inputs, self.layers[0].hidden);
        let weight = Packed::new(View::whole(weights["out.weight"], self.column, hidden), &self.work);
        let mut back: Vec<_> = ran.layers.iter().map(Steps::backwards).collect();
        // Of what the step after heard, `[stream][input]`.
        let mut of_heard: Vec<f32> = Vec::new();
        let mut of_outputs = vec![0.0; streams * hidden];
        for step in (0..rows / streams).rev() {
            let first = step * streams;
            let of_logits = &mut ran.logits[first * self.column..][..streams * self.column];
            if step + 1 >= given {
                let heard =
                    columns.inputs[((first + streams) * inputs).min(columns.inputs.len())..].chunks_exact(inputs);
                let of_heard = of_heard.chunks_exact(inputs).zip(heard);
                for (of_logits, (of_heard, heard)) in of_logits.chunks_exact_mut(self.column).zip(of_heard) {
                    for (slot, (g, p)) in of_logits.iter_mut().zip(of_heard.iter().zip(heard)) {
                        *slot += g * p * (1.0 - p);
                    }
                }
            }
            weight.multiply_rows(View::whole(of_logits, streams, self.column), &mut of_outputs, hidden);
            let mut of_above = of_outputs.clone();
            for (layer, factors) in ran.factors.iter().enumerate().rev() {
                let factors = &factors[(first * hidden).min(factors.len())..];
                of_above.iter_mut().zip(factors).for_each(|(g, factor)| *g *= factor);
                of_above = ran.layers[layer].step_back(&mut back[layer], &of_above);
            }
            of_heard = of_above;
        }
        let names = ["out.weight", "out.bias"];
        let [mut of_weight, mut of_bias] = self.sink.take(names, [self.column * hidden, self.column]);
        let of_logits = View::whole(&ran.logits, rows, self.column);
        multiply_rows(of_logits.t(), View::whole(&ran.top, rows, hidden), &mut of_weight, hidden, &self.work);
        sum_rows(of_logits, &mut of_bias);
        self.sink.put(names, [of_weight, of_bias]);
        for (index, (layer, back)) in ran.layers.iter().zip(&back).enumerate() {
            let names: [String; 5] = std::array::from_fn(|part| format!("rnn.{}_l{index}", LAYER_TENSORS[part]));
            let names: [&str; 5] = std::array::from_fn(|part| &names[part][..]);
            let lengths = std::array::from_fn(|part| weights.get(names[part]).map_or(0, |part| part.len()));
            let mut gradients = self.sink.take(names, lengths);
            layer.gradients(back, &mut gradients);
            self.sink.put(names, gradients);
        }
    }
}
