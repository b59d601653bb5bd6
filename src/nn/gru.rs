//! The GRU layer (Cho et al. 2014), as PyTorch's `nn.GRU`: the reset gate acts on W_hn·h + b_hn, not on h.
//!
//! r, z = σ(W_i·x + b_i + W_h·h + b_h), n = tanh(W_in·x + b_in + r·(W_hn·h + b_hn)), h ← (1 − z)·n + z·h; the gates are stored
//! in the order r, z, n.

use super::{
    Isa, LayerWeights, PackedMatrix,
    activation::{sigmoid, tanh},
};

/// One layer, packed.
#[derive(Clone, Debug)]
pub(super) struct Gru {
    inputs: usize,
    /// Two matrices, as n needs both sums apart.
    of_x: PackedMatrix,
    of_h: PackedMatrix,
    isa: Isa,
}

impl Gru {
    pub fn new(inputs: usize, hidden: usize, weights: &LayerWeights<'_>, isa: Isa) -> Self {
        let of_x = PackedMatrix::new(3 * hidden, &[(weights.weight_ih, inputs)], weights.bias_ih, isa);
        let of_h = PackedMatrix::new(3 * hidden, &[(weights.weight_hh, hidden)], weights.bias_hh, isa);
        Self { inputs, of_x, of_h, isa }
    }

    pub fn bytes(&self) -> usize {
        self.of_x.bytes() + self.of_h.bytes()
    }

    pub fn scratch_length(&self) -> usize {
        self.of_x.padded_rows() + self.of_h.padded_rows()
    }

    /// `joined`: x, then h. `scratch`: at least [`Self::scratch_length`].
    pub fn step(&self, joined: &mut [f32], scratch: &mut [f32]) {
        let (x, h) = joined.split_at_mut(self.inputs);
        let (from_x, rest) = scratch.split_at_mut(self.of_x.padded_rows());
        let from_h = &mut rest[..self.of_h.padded_rows()];
        self.of_x.apply(x, from_x);
        self.of_h.apply(h, from_h);
        let (from_x, from_h) = (&from_x[..3 * h.len()], &from_h[..3 * h.len()]);
        self.isa.0.dispatch(
            #[inline(always)]
            || update(from_x, from_h, h),
        );
    }
}

#[inline(always)]
fn update(from_x: &[f32], from_h: &[f32], h: &mut [f32]) {
    let hidden = h.len();
    let (r_x, rest) = from_x.split_at(hidden);
    let (z_x, n_x) = rest.split_at(hidden);
    let (r_h, rest) = from_h.split_at(hidden);
    let (z_h, n_h) = rest.split_at(hidden);
    for k in 0..hidden {
        let z = sigmoid(z_x[k] + z_h[k]);
        let n = tanh(n_x[k] + sigmoid(r_x[k] + r_h[k]) * n_h[k]);
        h[k] = (1.0 - z) * n + z * h[k];
    }
}
