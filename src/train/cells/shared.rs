//! What the cells have in common.

use super::{
    Layer, LayerState,
    parallel::{for_each, threads},
    product::{View, multiply_rows},
    weights::{Weights, WeightsMut},
};
use std::ops::Range;

#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub steps: usize,
    pub streams: usize,
    pub inputs: usize,
    pub hidden: usize,
}

impl Sizes {
    pub fn rows(self) -> usize {
        self.steps * self.streams
    }
}

/// What a pass over a segment starts from.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub sizes: Sizes,
    /// `[row][input]`
    pub x: &'a [f32],
    pub weights: Weights<'a>,
    pub start: &'a LayerState,
    /// Factors of the h that the recurrence hears, `[row][hidden]`.
    pub heard: Option<&'a [f32]>,
}

/// What a backward pass ends with.
pub(super) struct Gradients {
    /// `[row][input]`; none for the lowest layer.
    pub x: Option<Vec<f32>>,
    /// As [`Weights`], flat.
    pub weights: Vec<f32>,
}

impl<'a> Run<'a> {
    pub fn x(&self) -> View<'a> {
        View::whole(self.x, self.sizes.rows(), self.sizes.inputs)
    }

    /// W_ih
    pub fn weight_ih(&self) -> View<'a> {
        View::whole(self.weights.ih, self.weights.bias_ih.len(), self.sizes.inputs)
    }

    /// W_ih·x of all rows into `out`, whose rows begin `stride` apart.
    pub fn project(&self, out: &mut [f32], stride: usize) {
        multiply_rows(self.x(), self.weight_ih().t(), out, stride);
    }

    /// What the recurrence of some streams hears at a step: `h` of the step before, or it times its factors, in `scratch`.
    pub fn heard<'h>(&self, step: usize, streams: &Range<usize>, h: &'h [f32], scratch: &'h mut [f32]) -> &'h [f32] {
        match self.factors(step, streams) {
            None => h,
            Some(factors) => {
                for (slot, (h, factor)) in scratch.iter_mut().zip(h.iter().zip(factors)) {
                    *slot = h * factor;
                }
                scratch
            }
        }
    }

    /// Factors of the h that some streams hear at a step, `[stream][hidden]`.
    pub fn factors(&self, step: usize, streams: &Range<usize>) -> Option<&'a [f32]> {
        let Sizes { streams: all, hidden, .. } = self.sizes;
        self.heard.map(|heard| &heard[(step * all + streams.start) * hidden..][..streams.len() * hidden])
    }

    /// The gradient of the h of some streams from that of what they heard of it at a step.
    pub fn quieten(&self, step: usize, streams: &Range<usize>, grad: &mut [f32]) {
        if let Some(factors) = self.factors(step, streams) {
            grad.iter_mut().zip(factors).for_each(|(g, factor)| *g *= factor);
        }
    }

    /// h before the first step, of some streams.
    pub fn start_h(&self, streams: &Range<usize>) -> &'a [f32] {
        let hidden = self.sizes.hidden;
        &self.start.h[streams.start * hidden..streams.end * hidden]
    }

    /// What the recurrence heard at every step, `[row][hidden]`.
    pub fn all_heard(&self, h: &[f32]) -> Vec<f32> {
        let mut before = Vec::with_capacity(h.len());
        before.extend_from_slice(&self.start.h);
        before.extend_from_slice(&h[..h.len() - self.start.h.len()]);
        if let Some(factors) = self.heard {
            before.iter_mut().zip(factors).for_each(|(h, factor)| *h *= factor);
        }
        before
    }

    /// The gradients that follow from that of the sums before the functions, `[row][gates·hidden]`, where one bias and both
    /// products enter the same sums.
    pub fn gradients(&self, layer: Layer, of_sums: &[f32], h: &[f32]) -> Gradients {
        let Sizes { inputs, hidden, .. } = self.sizes;
        let (rows, width) = (self.sizes.rows(), self.weights.bias_ih.len());
        let of_sums = View::whole(of_sums, rows, width);
        let mut flat = vec![0.0; layer.weight_count()];
        let grad = WeightsMut::of(layer, &mut flat);
        multiply_rows(of_sums.t(), self.x(), grad.ih, inputs);
        multiply_rows(of_sums.t(), View::whole(&self.all_heard(h), rows, hidden), grad.hh, hidden);
        sum_rows(of_sums, grad.bias_ih);
        grad.bias_hh.copy_from_slice(grad.bias_ih);
        Gradients { x: self.grad_x(layer, of_sums), weights: flat }
    }

    /// The gradient of x from that of the sums that W_ih·x enters.
    pub fn grad_x(&self, layer: Layer, of_sums: View<'_>) -> Option<Vec<f32>> {
        (!layer.lowest).then(|| {
            let mut grad = vec![0.0; self.x.len()];
            multiply_rows(of_sums, self.weight_ih(), &mut grad, self.sizes.inputs);
            grad
        })
    }
}

/// Sums over the rows of a matrix, in their order.
pub(in crate::train) fn sum_rows(matrix: View<'_>, sums: &mut [f32]) {
    let each = sums.len().div_ceil(threads()).max(1);
    let pieces: Vec<(usize, &mut [f32])> = sums.chunks_mut(each).enumerate().collect();
    for_each(pieces, |(piece, sums)| {
        sums.fill(0.0);
        let arch = pulp::Arch::new();
        for row in 0..matrix.rows() {
            let row = &matrix.row(row)[piece * each..][..sums.len()];
            arch.dispatch(
                #[inline(always)]
                || sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value),
            );
        }
    });
}
