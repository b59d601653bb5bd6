//! The LSTM layer (Hochreiter and Schmidhuber 1997, with forget gates: Gers et al. 2000), as PyTorch's `nn.LSTM`.
//!
//! i, f, o = σ(W·[x; h] + b), g = tanh(…), c ← f·c + i·g, h ← o·tanh(c); the gates are stored in the order i, f, g, o.
//! With peepholes (Gers and Schmidhuber 2000) the sums of i and f also hold p·c of the last c, that of o p·c of the new one.

use super::{
    fused_lstm::FusedLstm,
    layer::{LayerMemory, LayerVoice, LayerWeights, blocks, multiply, plain_order, vector_at},
};
use crate::nn::{
    Isa, Precision,
    kernel::{AlignedBuffer, Kernel, Lanes, Order, PackedMatrix, Sweep, sigmoid, tanh},
};

/// One layer, packed.
#[derive(Clone, Debug)]
pub(crate) enum Lstm {
    /// Small.
    Fused(FusedLstm),
    /// Large, or with anything special.
    Plain(PlainLstm),
}

/// All sums first, for all voices, then the gates.
#[derive(Clone, Debug)]
pub(crate) struct PlainLstm {
    matrix: PackedMatrix,
    /// The weights p of i, f and o, `[3h]`, padded; empty: none.
    peepholes: AlignedBuffer,
    hidden: usize,
    isa: Isa,
}

impl Lstm {
    pub fn new(inputs: usize, hidden: usize, weights: &LayerWeights<'_>, precision: Precision, isa: Isa) -> Self {
        if FusedLstm::suits(inputs, hidden, weights, precision) {
            return Self::Fused(FusedLstm::new(inputs, hidden, weights, isa));
        }
        let order = plain_order(0..4 * hidden, isa);
        let blocks = blocks(weights, inputs, hidden);
        let matrix = PackedMatrix::new(&order, &blocks, &weights.summed_bias(), precision, isa);
        let peepholes = weights.peepholes.map_or_else(AlignedBuffer::default, |weights| {
            assert_eq!(weights.len(), 3 * hidden);
            AlignedBuffer::of(&[weights, &vec![0.0; isa.lanes()]].concat())
        });
        Self::Plain(PlainLstm { matrix, peepholes, hidden, isa })
    }

    pub fn bytes(&self) -> usize {
        match self {
            Self::Fused(fused) => fused.bytes(),
            Self::Plain(plain) => plain.matrix.bytes() + plain.peepholes.bytes(),
        }
    }

    /// How the sums lie.
    pub fn order(&self) -> Order {
        match self {
            Self::Fused(fused) => fused.order().clone(),
            Self::Plain(plain) => plain_order(0..4 * plain.hidden, plain.isa),
        }
    }

    pub fn step<const V: usize>(&self, voices: &mut [LayerVoice<'_>; V]) {
        match self {
            Self::Fused(fused) => voices.iter_mut().for_each(|voice| fused.step(voice)),
            Self::Plain(plain) => plain.step(voices),
        }
        voices.iter_mut().for_each(|voice| voice.memory.turn());
    }
}

impl PlainLstm {
    fn step<const V: usize>(&self, voices: &mut [LayerVoice<'_>; V]) {
        let rows = self.matrix.padded_rows();
        let sweep = Sweep::of_step(voices[0].step);
        multiply(&self.matrix, self.isa, sweep, voices, |voice| voice.with_both(rows, 0, 0..rows));
        for voice in voices {
            self.isa.launch(Update { lstm: self, memory: voice.memory });
        }
    }
}

struct Update<'a> {
    lstm: &'a PlainLstm,
    memory: &'a mut LayerMemory,
}

impl Kernel for Update<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Self { lstm: PlainLstm { peepholes, hidden, .. }, memory } = self;
        let LayerMemory { cell, next, sums: [sums, _], .. } = memory;
        let (sums, peepholes): (&[f32], &[f32]) = (sums.view(), peepholes.view());
        let states = cell.view_mut::<L::F>().iter_mut().zip(next.view_mut::<L::F>());
        for (unit, (cell, h)) in (0..*hidden).step_by(L::LANES).zip(states) {
            let mut i = vector_at::<L>(sums, unit);
            let mut f = vector_at::<L>(sums, hidden + unit);
            let g = vector_at::<L>(sums, 2 * hidden + unit);
            let mut o = vector_at::<L>(sums, 3 * hidden + unit);
            if !peepholes.is_empty() {
                i = lanes.mul_add(vector_at::<L>(peepholes, unit), *cell, i);
                f = lanes.mul_add(vector_at::<L>(peepholes, hidden + unit), *cell, f);
            }
            let kept = lanes.mul(sigmoid(lanes, f), *cell);
            *cell = lanes.mul_add(sigmoid(lanes, i), tanh(lanes, g), kept);
            if !peepholes.is_empty() {
                o = lanes.mul_add(vector_at::<L>(peepholes, 2 * hidden + unit), *cell, o);
            }
            *h = lanes.mul(sigmoid(lanes, o), tanh(lanes, *cell));
        }
    }
}
