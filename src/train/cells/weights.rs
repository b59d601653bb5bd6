//! The variables of a layer, one after the other in a slice.

use super::Layer;
use crate::model::Cell;

/// Names of a layer's variables in their order; the last is there with peepholes only.
pub(in crate::train) const PARTS: [&str; 5] = ["weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_peephole"];

/// What a layer's variables hold.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a> {
    /// `(gates·hidden, inputs)`
    pub ih: &'a [f32],
    /// `(gates·hidden, hidden)`
    pub hh: &'a [f32],
    /// `(gates·hidden)`
    pub bias_ih: &'a [f32],
    /// `(gates·hidden)`
    pub bias_hh: &'a [f32],
    /// `(3·hidden)`: i, f, o; empty without peepholes.
    pub peephole: &'a [f32],
}

impl<'a> Weights<'a> {
    pub fn of(layer: Layer, flat: &'a [f32]) -> Self {
        let [ih, hh, bias, peephole] = layer.sizes();
        assert_eq!(flat.len(), ih + hh + 2 * bias + peephole);
        let (ih, rest) = flat.split_at(ih);
        let (hh, rest) = rest.split_at(hh);
        let (bias_ih, rest) = rest.split_at(bias);
        let (bias_hh, peephole) = rest.split_at(bias);
        Self { ih, hh, bias_ih, bias_hh, peephole }
    }

    /// The sum of both biases.
    pub fn bias(&self) -> Vec<f32> {
        self.bias_ih.iter().zip(self.bias_hh).map(|(a, b)| a + b).collect()
    }
}

/// The same places of a gradient.
pub(super) struct WeightsMut<'a> {
    pub ih: &'a mut [f32],
    pub hh: &'a mut [f32],
    pub bias_ih: &'a mut [f32],
    pub bias_hh: &'a mut [f32],
    pub peephole: &'a mut [f32],
}

impl<'a> WeightsMut<'a> {
    pub fn of(layer: Layer, flat: &'a mut [f32]) -> Self {
        let [ih, hh, bias, _] = layer.sizes();
        let (ih, rest) = flat.split_at_mut(ih);
        let (hh, rest) = rest.split_at_mut(hh);
        let (bias_ih, rest) = rest.split_at_mut(bias);
        let (bias_hh, peephole) = rest.split_at_mut(bias);
        Self { ih, hh, bias_ih, bias_hh, peephole }
    }
}

impl Layer {
    /// Numbers in both matrices, a bias and the peepholes.
    fn sizes(self) -> [usize; 4] {
        let rows = self.cell.gates() * self.hidden;
        let peephole = if self.peepholes && self.cell == Cell::Lstm { 3 * self.hidden } else { 0 };
        [rows * self.inputs, rows * self.hidden, rows, peephole]
    }

    /// Numbers in all of them.
    pub(super) fn weight_count(self) -> usize {
        let [ih, hh, bias, peephole] = self.sizes();
        ih + hh + 2 * bias + peephole
    }
}
