//! The simple recurrent layer (Elman 1990), as PyTorch's `nn.RNN`: h ← tanh(W·[x; h] + b), or max(0, …).

use super::{Isa, LayerWeights, PackedMatrix, activation::tanh};

/// One layer, packed.
#[derive(Clone, Debug)]
pub(super) struct Rnn {
    inputs: usize,
    matrix: PackedMatrix,
    relu: bool,
    isa: Isa,
}

impl Rnn {
    pub fn new(inputs: usize, hidden: usize, relu: bool, weights: &LayerWeights<'_>, isa: Isa) -> Self {
        let blocks = [(weights.weight_ih, inputs), (weights.weight_hh, hidden)];
        Self { inputs, matrix: PackedMatrix::new(hidden, &blocks, &weights.summed_bias(), isa), relu, isa }
    }

    pub fn bytes(&self) -> usize {
        self.matrix.bytes()
    }

    pub fn scratch_length(&self) -> usize {
        self.matrix.padded_rows()
    }

    /// `joined`: x, then h. `scratch`: at least [`Self::scratch_length`].
    pub fn step(&self, joined: &mut [f32], scratch: &mut [f32]) {
        let sums = &mut scratch[..self.matrix.padded_rows()];
        self.matrix.apply(joined, sums);
        let h = &mut joined[self.inputs..];
        if self.relu {
            // Not `f32::max`, which would hide a NaN.
            h.iter_mut().zip(&*sums).for_each(|(h, &sum)| *h = if sum < 0.0 { 0.0 } else { sum });
        } else {
            self.isa.0.dispatch(
                #[inline(always)]
                || tanh_of(sums, h),
            );
        }
    }
}

/// h\[k\] ← tanh(sums\[k\]). `sums` may be longer.
#[inline(always)]
pub(super) fn tanh_of(sums: &[f32], h: &mut [f32]) {
    for (h, &sum) in h.iter_mut().zip(sums) {
        *h = tanh(sum);
    }
}
