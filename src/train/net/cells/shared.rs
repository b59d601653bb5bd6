//! What the cells have in common.

use super::{
    parallel::{by_part, for_each, threads},
    product::{Packed, multiply_rows},
    weights::{Weights, WeightsMut},
};
use crate::{
    nn::{Cell, grad::View, vectorize},
    train::net::workspace::{Buffer, Workspace},
};
use std::{ops::Range, sync::Arc};

/// What a layer carries from segment to segment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LayerState {
    /// Outputs, `[stream][hidden]`.
    pub h: Vec<f32>,
    /// Cells, `[stream][hidden]`; empty where the cell has none.
    pub c: Vec<f32>,
    /// Steps made. A clockwork cell's groups move by it; all streams share it.
    pub tick: u64,
}

impl LayerState {
    pub fn zeros(cell: Cell, streams: usize, hidden: usize) -> Self {
        let cells = if cell.info().has_c { streams * hidden } else { 0 };
        Self { h: vec![0.0; streams * hidden], c: vec![0.0; cells], tick: 0 }
    }

    /// Forgets what the marked streams remember. The clock goes on.
    pub fn forget(&mut self, restarted: &[bool]) {
        for values in [&mut self.h, &mut self.c] {
            let width = values.len() / restarted.len();
            for (stream, _) in restarted.iter().enumerate().filter(|(_, restarted)| **restarted) {
                values[stream * width..][..width].fill(0.0);
            }
        }
    }
}

/// The gradient of a state. A backward pass finds that of the state after the last step, and leaves that of the one before
/// the first.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StateGradient {
    /// `[stream][hidden]`
    h: Vec<f32>,
    /// `[stream][hidden]`; zeros where the cell has none.
    c: Vec<f32>,
    /// That of the state before the first step is asked for: else a product is spared.
    pub wants_start: bool,
}

impl StateGradient {
    /// Of a state that nothing depends on.
    pub fn zeros(streams: usize, hidden: usize, wants_start: bool) -> Self {
        Self { h: vec![0.0; streams * hidden], c: vec![0.0; streams * hidden], wants_start }
    }

    /// Of each part of the streams h and c, `[stream][hidden]`.
    pub fn by_part(
        &mut self,
        parts: &[Range<usize>],
        streams: usize,
        hidden: usize,
    ) -> impl Iterator<Item = [&mut [f32]; 2]> {
        let of_c = by_part(&mut self.c, parts, streams, hidden).into_iter().flatten();
        by_part(&mut self.h, parts, streams, hidden).into_iter().flatten().zip(of_c).map(|(h, c)| [h, c])
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Sizes {
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
pub(crate) struct Run<'a> {
    pub sizes: Sizes,
    /// `[row][input]`
    pub x: &'a [f32],
    pub weights: Weights<'a>,
    pub start: &'a LayerState,
    /// Factors of the h that the recurrence hears, `[row][hidden]`.
    pub heard: Option<&'a [f32]>,
    pub work: &'a Arc<Workspace>,
}

impl<'a> Run<'a> {
    pub fn x(&self) -> View<'a> {
        View::whole(self.x, self.sizes.rows(), self.sizes.inputs)
    }

    /// W_ih
    pub fn weight_ih(&self) -> View<'a> {
        View::whole(self.weights.ih, self.weights.bias_ih.len(), self.sizes.inputs)
    }

    /// W_hh
    pub fn weight_hh(&self) -> View<'a> {
        View::whole(self.weights.hh, self.weights.bias_hh.len(), self.sizes.hidden)
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
    pub fn all_heard(&self, h: &[f32]) -> Buffer {
        let mut before = self.work.take(h.len());
        let (start, later) = before.split_at_mut(self.start.h.len());
        start.copy_from_slice(&self.start.h);
        later.copy_from_slice(&h[..h.len() - self.start.h.len()]);
        if let Some(factors) = self.heard {
            before.iter_mut().zip(factors).for_each(|(h, factor)| *h *= factor);
        }
        before
    }

    /// The gradients that follow from that of the sums before the functions, `[row][gates·hidden]`, where one bias and both
    /// products enter the same sums.
    pub fn gradients(&self, of_sums: &[f32], h: &[f32], grad: &mut WeightsMut<'_>) {
        let Sizes { inputs, hidden, .. } = self.sizes;
        let (rows, width) = (self.sizes.rows(), self.weights.bias_ih.len());
        let of_sums = View::whole(of_sums, rows, width);
        multiply_rows(of_sums.t(), self.x(), grad.ih, inputs, self.work);
        let heard = self.all_heard(h);
        multiply_rows(of_sums.t(), View::whole(&heard, rows, hidden), grad.hh, hidden, self.work);
        sum_rows(of_sums, grad.bias_ih);
        grad.bias_hh.copy_from_slice(grad.bias_ih);
    }

    /// The gradient of x from that of the sums that W_ih·x enters. `weight`: W_ih.
    pub fn grad_x(&self, of_sums: View<'_>, weight: &Packed) -> Vec<f32> {
        let mut grad = vec![0.0; self.x.len()];
        weight.multiply_rows(of_sums, &mut grad, self.sizes.inputs);
        grad
    }
}

/// Sums over the rows of a matrix, in their order.
pub(crate) fn sum_rows(matrix: View<'_>, sums: &mut [f32]) {
    let each = sums.len().div_ceil(threads()).max(1);
    let pieces: Vec<(usize, &mut [f32])> = sums.chunks_mut(each).enumerate().collect();
    for_each(pieces, |(piece, sums)| {
        sums.fill(0.0);
        let arch = pulp::Arch::new();
        for row in 0..matrix.rows() {
            let row = &matrix.row(row)[piece * each..][..sums.len()];
            vectorize(
                arch,
                #[inline(always)]
                || sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value),
            );
        }
    });
}
