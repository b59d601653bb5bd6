//! The clockwork layer (Koutník et al. 2014): h ← tanh(W·[x; h] + b) in groups that move at periods 1, 2, 4, …
//!
//! Groups are equal and of neighbouring units. At step t, counted from 0, those move whose period divides t; the others are
//! not computed and keep their h. A group hears the input, itself and the slower groups.

use super::{
    layer::{LayerVoice, LayerWeights, multiply, plain_order},
    rnn::Activate,
};
use crate::nn::{
    Isa, Precision,
    kernel::{Order, PackedMatrix, Row, Sweep},
};

/// One layer, packed per group.
#[derive(Clone, Debug)]
pub(crate) struct Clockwork {
    /// Units of a group.
    width: usize,
    /// Per group, the fastest first: columns for x, for its own h and that of the slower groups.
    groups: Vec<PackedMatrix>,
    isa: Isa,
}

impl Clockwork {
    pub fn new(
        inputs: usize,
        hidden: usize,
        groups: usize,
        weights: &LayerWeights<'_>,
        precision: Precision,
        isa: Isa,
    ) -> Self {
        assert!(groups > 0 && hidden.is_multiple_of(groups));
        assert!(weights.weight_ih.len() == hidden * inputs && weights.weight_hh.len() == hidden * hidden);
        let width = hidden / groups;
        let bias = weights.summed_bias();
        let order = plain_order(0..width, isa);
        let groups = (0..groups)
            .map(|group| {
                let (first, rows) = (group * width, group * width..(group + 1) * width);
                let heard: Vec<f32> = rows
                    .clone()
                    .flat_map(|row| &weights.weight_hh[row * hidden + first..(row + 1) * hidden])
                    .copied()
                    .collect();
                let of_x = &weights.weight_ih[rows.start * inputs..rows.end * inputs];
                PackedMatrix::new(&order, &[(of_x, inputs), (&heard, hidden - first)], &bias[rows], precision, isa)
            })
            .collect();
        Self { width, groups, isa }
    }

    /// When all groups move.
    pub fn bytes(&self) -> usize {
        self.groups.iter().map(PackedMatrix::bytes).sum()
    }

    /// How the sums lie: those of the fastest group first.
    pub fn order(&self) -> Order {
        let of_group = |group| {
            let rows = plain_order(0..self.width, self.isa);
            rows.into_iter().map(move |row| row.map(|row| Row { source: group * self.width + row.source, ..row }))
        };
        (0..self.groups.len()).flat_map(of_group).collect()
    }

    pub fn step<const V: usize>(&self, voices: &mut [LayerVoice<'_>; V]) {
        // The fastest goes first: no group hears one that has moved already.
        for group in 0..self.groups.len() {
            // 2ᵏ divides a number if its last k bits are 0.
            let moves = voices.each_ref().map(|voice| group <= voice.step.trailing_zeros() as usize);
            if moves == [true; V] {
                self.move_group(group, voices);
            } else {
                let moving = voices.iter_mut().zip(moves).filter(|(_, moves)| *moves);
                moving.for_each(|(voice, _)| self.move_group(group, std::array::from_mut(voice)));
            }
        }
    }

    fn move_group<const V: usize>(&self, group: usize, voices: &mut [LayerVoice<'_>; V]) {
        let (matrix, first) = (&self.groups[group], group * self.width);
        let rows = matrix.padded_rows();
        let initial = group * rows..(group + 1) * rows;
        // A group moves every 2ᵏ steps.
        let sweep = Sweep::of_step(voices[0].step.unbounded_shr(group as u32));
        multiply(matrix, self.isa, sweep, voices, |voice| voice.with_both(rows, first, initial.clone()));
        for voice in voices {
            self.isa.launch(Activate { units: self.width, relu: false, memory: voice.memory });
            voice.memory.keep_part(first, self.width);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::nn::{Cell, Isa, LayerWeights, Precision, Stack, StackShape};

    #[test]
    fn there_may_be_more_groups_than_a_step_has_bits() {
        const GROUPS: usize = 66;
        let shape =
            StackShape { cell: Cell::Clockwork, clock_groups: GROUPS, inputs: 1, hidden: GROUPS, residual: false };
        let (weight_ih, weight_hh, bias) = ([0.5; GROUPS], vec![0.0; GROUPS * GROUPS], [0.0; GROUPS]);
        let weights = LayerWeights {
            weight_ih: &weight_ih,
            weight_hh: &weight_hh,
            bias_ih: &bias,
            bias_hh: &bias,
            peepholes: None,
        };
        let stack = Stack::new(shape, &[weights], Precision::F32, Isa::from_environment());
        let mut state = stack.make_state();
        for (step, x) in [1.0, -1.0].into_iter().enumerate() {
            let moved = stack.step(&[x], &mut state).iter().filter(|h| h.is_sign_negative() == (x < 0.0)).count();
            // All groups move in step 0, the first alone in step 1.
            assert_eq!(moved, [GROUPS, 1][step]);
        }
    }
}
