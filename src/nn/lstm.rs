//! The LSTM layer (Hochreiter and Schmidhuber 1997, with forget gates: Gers et al. 2000), as PyTorch's `nn.LSTM`.
//!
//! i, f, o = σ(W·[x; h] + b), g = tanh(…), c ← f·c + i·g, h ← o·tanh(c); the gates are stored in the order i, f, g, o.
//! With peepholes (Gers and Schmidhuber 2000) the sums of i and f also hold p·c of the last c, that of o p·c of the new one.

use super::{
    Isa, LayerWeights, PackedMatrix,
    activation::{sigmoid, tanh},
};

/// One layer, packed.
#[derive(Clone, Debug)]
pub(super) struct Lstm {
    inputs: usize,
    matrix: PackedMatrix,
    /// `[3h]`, in the order i, f, o; empty: none.
    peepholes: Vec<f32>,
    isa: Isa,
}

impl Lstm {
    pub fn new(inputs: usize, hidden: usize, weights: &LayerWeights<'_>, isa: Isa) -> Self {
        let blocks = [(weights.weight_ih, inputs), (weights.weight_hh, hidden)];
        let matrix = PackedMatrix::new(4 * hidden, &blocks, &weights.summed_bias(), isa);
        let peepholes = weights.peepholes.unwrap_or_default().to_vec();
        assert!(peepholes.is_empty() || peepholes.len() == 3 * hidden);
        Self { inputs, matrix, peepholes, isa }
    }

    pub fn bytes(&self) -> usize {
        self.matrix.bytes() + size_of_val(&self.peepholes[..])
    }

    pub fn scratch_length(&self) -> usize {
        self.matrix.padded_rows()
    }

    /// `joined`: x, then h. `cell`: c. `scratch`: at least [`Self::scratch_length`].
    pub fn step(&self, joined: &mut [f32], cell: &mut [f32], scratch: &mut [f32]) {
        let sums = &mut scratch[..self.matrix.padded_rows()];
        self.matrix.apply(joined, sums);
        let h = &mut joined[self.inputs..];
        let gates = &sums[..4 * h.len()];
        self.isa.0.dispatch(
            #[inline(always)]
            || match &self.peepholes[..] {
                [] => update(gates, cell, h),
                peepholes => update_with_peepholes(gates, peepholes, cell, h),
            },
        );
    }
}

#[inline(always)]
fn update(gates: &[f32], cell: &mut [f32], h: &mut [f32]) {
    let hidden = h.len();
    let (i, rest) = gates.split_at(hidden);
    let (f, rest) = rest.split_at(hidden);
    let (g, o) = rest.split_at(hidden);
    for k in 0..hidden {
        let c = sigmoid(f[k]) * cell[k] + sigmoid(i[k]) * tanh(g[k]);
        cell[k] = c;
        h[k] = sigmoid(o[k]) * tanh(c);
    }
}

#[inline(always)]
fn update_with_peepholes(gates: &[f32], peepholes: &[f32], cell: &mut [f32], h: &mut [f32]) {
    let hidden = h.len();
    let (i, rest) = gates.split_at(hidden);
    let (f, rest) = rest.split_at(hidden);
    let (g, o) = rest.split_at(hidden);
    let (p_i, rest) = peepholes.split_at(hidden);
    let (p_f, p_o) = rest.split_at(hidden);
    for k in 0..hidden {
        let last = cell[k];
        let c = sigmoid(f[k] + p_f[k] * last) * last + sigmoid(i[k] + p_i[k] * last) * tanh(g[k]);
        cell[k] = c;
        h[k] = sigmoid(o[k] + p_o[k] * c) * tanh(c);
    }
}
