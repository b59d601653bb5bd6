//! What the cells share: a layer's memory of one voice, and what a step of it takes.

use crate::nn::{
    Isa, Precision,
    kernel::{AlignedBuffer, Factors, Lanes, Order, PAIRS, PackedMatrix, Row, Sweep, words},
};
use std::ops::Range;

/// Numbers of the largest tile: state vectors are padded to it, sums by it, so that whole vectors can be read and written.
const TILE: usize = 64;

/// One layer's parameters as PyTorch names and lays them out, row-major; h = hidden width, g = gates of the cell.
#[derive(Clone, Copy, Debug)]
pub struct LayerWeights<'a> {
    /// `weight_ih_l{k}`: `[gh][inputs]`
    pub weight_ih: &'a [f32],
    /// `weight_hh_l{k}`: `[gh][h]`. Clockwork: what lies below the block diagonal has no effect.
    pub weight_hh: &'a [f32],
    /// `bias_ih_l{k}`: `[gh]`
    pub bias_ih: &'a [f32],
    /// `bias_hh_l{k}`: `[gh]`
    pub bias_hh: &'a [f32],
    /// LSTM: `[3h]` diagonal weights from the cell to the gates i, f, o.
    pub peepholes: Option<&'a [f32]>,
}

impl LayerWeights<'_> {
    pub(in crate::nn) fn summed_bias(&self) -> Vec<f32> {
        assert_eq!(self.bias_ih.len(), self.bias_hh.len());
        self.bias_ih.iter().zip(self.bias_hh).map(|(a, b)| a + b).collect()
    }
}

/// What a layer remembers of one voice, and the scratch of its steps.
#[derive(Clone, Debug)]
pub(crate) struct LayerMemory {
    /// `[hidden]`, padded.
    h: AlignedBuffer,
    /// The h of the next step, while that of the last is still read.
    pub next: AlignedBuffer,
    /// The LSTM's c, `[hidden]`, padded; empty with other cells.
    pub cell: AlignedBuffer,
    /// Sums before their activations, `[rows]`, padded. The second for cells that need those of x and of h apart.
    pub sums: [AlignedBuffer; 2],
    hidden: usize,
    /// x and h as bytes, where weights are.
    x_quads: Vec<i32>,
    h_quads: Vec<i32>,
}

impl LayerMemory {
    pub fn new(inputs: usize, hidden: usize, gates: usize, has_c: bool, precision: Precision) -> Self {
        let padded = |length: usize| AlignedBuffer::new(4 * length.next_multiple_of(TILE));
        let quads = |length| vec![0; if precision == Precision::Int8 { words(length) } else { 0 }];
        Self {
            h: padded(hidden),
            next: padded(hidden),
            cell: padded(if has_c { hidden } else { 0 }),
            sums: [padded(gates * hidden + TILE), padded(gates * hidden + TILE)],
            hidden,
            x_quads: quads(inputs),
            h_quads: quads(hidden),
        }
    }

    pub fn reset(&mut self) {
        [&mut self.h, &mut self.next, &mut self.cell].into_iter().for_each(|buffer| buffer.view_mut::<f32>().fill(0.0));
    }

    /// Remembers what another one of the same layer does.
    pub fn copy_from(&mut self, other: &Self) {
        for (buffer, other) in [(&mut self.h, &other.h), (&mut self.next, &other.next), (&mut self.cell, &other.cell)] {
            buffer.view_mut::<f32>().copy_from_slice(other.view());
        }
    }

    /// `[hidden]`
    #[inline(always)]
    pub fn h(&self) -> &[f32] {
        &self.h.view()[..self.hidden]
    }

    /// Padded.
    pub fn padded_h(&self) -> &[f32] {
        self.h.view()
    }

    /// The first `length` numbers of `next` become h from `first` on.
    pub fn keep_part(&mut self, first: usize, length: usize) {
        self.h.view_mut::<f32>()[first..first + length].copy_from_slice(&self.next.view()[..length]);
    }

    /// What was written to `next` becomes h.
    pub fn turn(&mut self) {
        std::mem::swap(&mut self.h, &mut self.next);
    }
}

/// One voice in a step of a layer.
#[derive(Debug)]
pub(crate) struct LayerVoice<'a> {
    /// `[inputs]`
    pub x: &'a [f32],
    /// Replaces the bias: sums that hold it already and whatever else is known beforehand, in the layer's packed order.
    pub initial: Option<&'a [f32]>,
    pub memory: &'a mut LayerMemory,
    /// Steps since the last reset.
    pub step: u64,
}

impl LayerVoice<'_> {
    /// For a product with x, then h from the unit `first` on. `initial`: of its sums, where they begin with something.
    #[inline(always)]
    pub fn with_both(&mut self, rows: usize, first: usize, initial: Range<usize>) -> Factors<'_> {
        let LayerMemory { h, sums: [sums, _], hidden, x_quads, h_quads, .. } = &mut *self.memory;
        Factors {
            start: self.initial.map(|all| &all[initial]),
            x: [self.x, &h.view()[first..*hidden]],
            quads: [x_quads, h_quads],
            sums: &mut sums.view_mut()[..rows],
        }
    }

    /// For a product with x alone.
    #[inline(always)]
    pub fn with_x(&mut self, rows: usize) -> Factors<'_> {
        let LayerMemory { sums: [sums, _], x_quads, .. } = &mut *self.memory;
        let sums = &mut sums.view_mut()[..rows];
        Factors { start: self.initial.map(|all| &all[..rows]), x: [self.x, &[]], quads: [x_quads, &mut []], sums }
    }

    /// For a product with h alone, whose sums are the second.
    #[inline(always)]
    pub fn with_h(&mut self, rows: usize) -> Factors<'_> {
        let LayerMemory { h, sums: [_, sums], hidden, h_quads, .. } = &mut *self.memory;
        Factors {
            start: None,
            x: [&h.view()[..*hidden], &[]],
            quads: [h_quads, &mut []],
            sums: &mut sums.view_mut()[..rows],
        }
    }
}

/// sums ← start + W · x for every voice, of what `factors` makes of each.
#[inline(always)]
pub(crate) fn multiply<const V: usize>(
    matrix: &PackedMatrix,
    isa: Isa,
    sweep: Sweep,
    voices: &mut [LayerVoice<'_>; V],
    factors: impl for<'a, 'v> Fn(&'a mut LayerVoice<'v>) -> Factors<'a>,
) {
    // A voice alone is not built and then moved into place: the product would wait for that.
    if let [voice] = &mut voices[..] {
        matrix.multiply(isa, sweep, &mut [factors(voice)]);
    } else {
        matrix.multiply(isa, sweep, &mut voices.each_mut().map(factors));
    }
}

/// Both blocks of a layer's weights, x before h.
pub(crate) fn blocks<'a>(weights: &LayerWeights<'a>, inputs: usize, hidden: usize) -> [(&'a [f32], usize); 2] {
    [(weights.weight_ih, inputs), (weights.weight_hh, hidden)]
}

/// Rows one after the other, then zeros up to a whole number of tiles: the order of all but fused layers.
pub(crate) fn plain_order(rows: Range<usize>, isa: Isa) -> Order {
    let padded = rows.len().next_multiple_of(2 * PAIRS * isa.lanes());
    let mut order: Order = rows.map(|source| Some(Row { source, factor: 1.0 })).collect();
    order.resize(padded, None);
    order
}

/// The vector that begins at a place.
#[inline(always)]
pub(crate) fn vector_at<L: Lanes>(numbers: &[f32], place: usize) -> L::F {
    bytemuck::cast_slice(&numbers[place..place + L::LANES])[0]
}
