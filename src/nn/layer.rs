//! What the cells share: a layer's memory of one voice, and what a step of it takes.

use super::{
    LayerWeights, Precision,
    kernel::{AlignedBuffer, Lanes, Operand, PackedMatrix, Pairs, Storage, quantise, words},
};
use std::array::from_fn;

/// Padding of state vectors: a tile of two pairs of the longest vectors.
const PADDING: usize = 64;

/// What a layer remembers of one voice, and the scratch of its steps.
#[derive(Clone, Debug)]
pub(super) struct LayerMemory {
    /// `[hidden]`, padded.
    h: AlignedBuffer,
    /// The h of the next step, while that of the last is still read.
    pub next: AlignedBuffer,
    /// The LSTM's c, `[hidden]`, padded; empty with other cells.
    pub cell: AlignedBuffer,
    hidden: usize,
    /// x and h as bytes, where weights are.
    x_quads: Vec<i32>,
    h_quads: Vec<i32>,
    scales: [f32; 2],
}

impl LayerMemory {
    pub fn new(inputs: usize, hidden: usize, has_cell: bool, precision: Precision) -> Self {
        let padded = |length: usize| AlignedBuffer::new(4 * length.next_multiple_of(PADDING));
        let quads = |length| vec![0; if precision == Precision::Int8 { words(length) } else { 0 }];
        Self {
            h: padded(hidden),
            next: padded(hidden),
            cell: padded(if has_cell { hidden } else { 0 }),
            hidden,
            x_quads: quads(inputs),
            h_quads: quads(hidden),
            scales: [0.0; 2],
        }
    }

    pub fn reset(&mut self) {
        [&mut self.h, &mut self.next, &mut self.cell].into_iter().for_each(|buffer| buffer.view_mut::<f32>().fill(0.0));
    }

    /// `[hidden]`
    pub fn h(&self) -> &[f32] {
        &self.h.view()[..self.hidden]
    }

    /// `[hidden]`, padded, as vectors.
    #[inline(always)]
    pub fn padded_h<T: bytemuck::Pod>(&self) -> &[T] {
        self.h.view()
    }

    /// The first `length` numbers of `next` become h from `first` on.
    #[inline(always)]
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
pub(super) struct LayerVoice<'a> {
    /// `[inputs]`
    pub x: &'a [f32],
    /// Replaces the bias: sums that hold it already and whatever else is known beforehand, in the layer's packed order.
    pub initial: Option<&'a [f32]>,
    pub memory: &'a mut LayerMemory,
    /// Steps since the last reset.
    pub step: u64,
}

impl LayerVoice<'_> {
    /// Rounds x and h, from one unit on, to bytes where the weights are bytes.
    #[inline(always)]
    pub fn prepare<L: Lanes, S: Storage>(&mut self, lanes: L, first: usize) {
        if S::QUANTISES {
            let LayerMemory { h, hidden, x_quads, h_quads, scales, .. } = &mut *self.memory;
            *scales = [quantise(lanes, self.x, x_quads), quantise(lanes, &h.view()[first..*hidden], h_quads)];
        }
    }

    #[inline(always)]
    pub fn x(&self) -> Operand<'_> {
        Operand { values: self.x, quads: &self.memory.x_quads, scale: self.memory.scales[0] }
    }

    /// From one unit on.
    #[inline(always)]
    pub fn h(&self, first: usize) -> Operand<'_> {
        Operand { values: &self.memory.h()[first..], quads: &self.memory.h_quads, scale: self.memory.scales[1] }
    }

    /// What the sums of a tile begin with. `offset`: pairs in the layer's matrices before this one.
    #[inline(always)]
    pub fn start<L: Lanes, const P: usize>(&self, matrix: &PackedMatrix, tile: usize, offset: usize) -> Pairs<L, P> {
        let (all, first) = match self.initial {
            Some(initial) => (bytemuck::cast_slice(initial), offset + tile * P),
            None => (matrix.bias::<L>(), tile * P),
        };
        let here: &[[L::F; 2]] = &all[first..first + P];
        from_fn(|p| here[p])
    }
}

/// The tile of sums over x, then h from the unit `first` on, of a matrix with these two segments, for all voices.
#[inline(always)]
pub(super) fn sums_of<L: Lanes, S: Storage, const P: usize, const V: usize>(
    lanes: L,
    matrix: &PackedMatrix,
    tile: usize,
    offset: usize,
    first: usize,
    voices: &[LayerVoice<'_>; V],
) -> [Pairs<L, P>; V] {
    let mut sums = from_fn(|v| voices[v].start::<L, P>(matrix, tile, offset));
    S::accumulate(lanes, matrix.segment(0), tile, from_fn(|v| voices[v].x()), &mut sums);
    S::accumulate(lanes, matrix.segment(1), tile, from_fn(|v| voices[v].h(first)), &mut sums);
    sums
}

/// Both blocks of a layer's weights, x before h.
pub(super) fn blocks<'a>(weights: &LayerWeights<'a>, inputs: usize, hidden: usize) -> [(&'a [f32], usize); 2] {
    [(weights.weight_ih, inputs), (weights.weight_hh, hidden)]
}
