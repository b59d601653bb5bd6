//! The clockwork layer (Koutník et al. 2014): h ← tanh(W·[x; h] + b) in groups that move at periods 1, 2, 4, …
//!
//! Groups are equal and of neighbouring units. At step t, counted from 0, those move whose period divides t; the others are
//! not computed and keep their h. A group hears the input, itself and the slower groups.

use super::{Isa, LayerWeights, PackedMatrix, rnn::tanh_of};

/// One layer, packed per group.
#[derive(Clone, Debug)]
pub(super) struct Clockwork {
    /// Units of a group.
    width: usize,
    /// Per group, the fastest first: columns for its own h, for that of the slower groups, for x.
    groups: Vec<PackedMatrix>,
    isa: Isa,
}

impl Clockwork {
    pub fn new(inputs: usize, hidden: usize, groups: usize, weights: &LayerWeights<'_>, isa: Isa) -> Self {
        assert!(groups > 0 && hidden.is_multiple_of(groups));
        assert!(weights.weight_ih.len() == hidden * inputs && weights.weight_hh.len() == hidden * hidden);
        let width = hidden / groups;
        let bias = weights.summed_bias();
        let groups = (0..groups)
            .map(|group| {
                let (first, rows) = (group * width, group * width..(group + 1) * width);
                let heard: Vec<f32> = rows
                    .clone()
                    .flat_map(|row| &weights.weight_hh[row * hidden + first..(row + 1) * hidden])
                    .copied()
                    .collect();
                let of_x = &weights.weight_ih[rows.start * inputs..rows.end * inputs];
                PackedMatrix::new(width, &[(&heard, hidden - first), (of_x, inputs)], &bias[rows], isa)
            })
            .collect();
        Self { width, groups, isa }
    }

    /// When all groups move.
    pub fn bytes(&self) -> usize {
        self.groups.iter().map(PackedMatrix::bytes).sum()
    }

    pub fn scratch_length(&self) -> usize {
        self.groups[0].padded_rows()
    }

    /// `joined`: h, then x, so that what a group hears lies side by side. `scratch`: at least [`Self::scratch_length`].
    pub fn step(&self, joined: &mut [f32], scratch: &mut [f32], step: u64) {
        // 2ᵏ divides a number if its last k bits are 0.
        let moving = (step.trailing_zeros() as usize + 1).min(self.groups.len());
        // The fastest first: no group hears one that has moved already.
        for (group, matrix) in self.groups[..moving].iter().enumerate() {
            let heard = &mut joined[group * self.width..];
            let sums = &mut scratch[..matrix.padded_rows()];
            matrix.apply(heard, sums);
            let h = &mut heard[..self.width];
            self.isa.0.dispatch(
                #[inline(always)]
                || tanh_of(sums, h),
            );
        }
    }
}
