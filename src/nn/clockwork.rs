//! The clockwork layer (Koutník et al. 2014): h ← tanh(W·[x; h] + b) in groups that move at periods 1, 2, 4, …
//!
//! Groups are equal and of neighbouring units. At step t, counted from 0, those move whose period divides t; the others are
//! not computed and keep their h. A group hears the input, itself and the slower groups.

use super::{
    Isa, LayerWeights, Precision,
    kernel::{Lanes, Order, PackedMatrix, Row, Storage, StorageKernel, launch_stored, tanh},
    layer::{LayerVoice, sums_of},
    plain::{PAIRS, plain_order},
};

/// One layer, packed per group.
#[derive(Clone, Debug)]
pub(super) struct Clockwork {
    /// Units of a group.
    width: usize,
    /// Per group, the fastest first: columns for x, for its own h and that of the slower groups.
    groups: Vec<PackedMatrix>,
    order: Order,
    precision: Precision,
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
        let within = plain_order(0..width, PAIRS, isa);
        let mut order = Vec::new();
        let groups = (0..groups)
            .map(|group| {
                let (first, rows) = (group * width, group * width..(group + 1) * width);
                let heard: Vec<f32> = rows
                    .clone()
                    .flat_map(|row| &weights.weight_hh[row * hidden + first..(row + 1) * hidden])
                    .copied()
                    .collect();
                let of_x = &weights.weight_ih[rows.start * inputs..rows.end * inputs];
                order.extend(within.iter().map(|row| row.map(|row| Row { source: first + row.source, ..row })));
                let blocks = [(of_x, inputs), (&heard[..], hidden - first)];
                PackedMatrix::new(&within, PAIRS, &blocks, &bias[rows], precision, isa)
            })
            .collect();
        Self { width, groups, order, precision, isa }
    }

    /// When all groups move.
    pub fn bytes(&self) -> usize {
        self.groups.iter().map(PackedMatrix::bytes).sum()
    }

    /// How the sums lie: those of the fastest group first.
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// How many groups move in a step: 2ᵏ divides a number if its last k bits are 0.
    fn moving(&self, step: u64) -> usize {
        (step.trailing_zeros() as usize + 1).min(self.groups.len())
    }

    pub fn step<const V: usize>(&self, voices: &mut [LayerVoice<'_>; V]) {
        launch_stored(self.isa, self.precision, Step { clockwork: self, voices });
    }

    /// Moves one group. The fastest goes first: no group hears one that has moved already.
    #[inline(always)]
    fn move_group<L: Lanes, S: Storage, const V: usize>(
        &self,
        lanes: L,
        group: usize,
        offset: usize,
        voices: &mut [LayerVoice<'_>; V],
    ) {
        let matrix = &self.groups[group];
        let first = group * self.width;
        voices.iter_mut().for_each(|voice| voice.prepare::<L, S>(lanes, first));
        for tile in 0..matrix.tiles() {
            let sums = sums_of::<L, S, PAIRS, V>(lanes, matrix, tile, offset, first, voices);
            for (voice, sums) in voices.iter_mut().zip(sums) {
                let next = &mut voice.memory.next.view_mut::<[L::F; 2]>()[tile * PAIRS..][..PAIRS];
                next.iter_mut().zip(sums).for_each(|(slots, sums)| *slots = sums.map(|x| tanh(lanes, x)));
            }
        }
        voices.iter_mut().for_each(|voice| voice.memory.keep_part(first, self.width));
    }
}

struct Step<'a, 'v, const V: usize> {
    clockwork: &'a Clockwork,
    voices: &'a mut [LayerVoice<'v>; V],
}

impl<const V: usize> StorageKernel for Step<'_, '_, V> {
    #[inline(always)]
    fn run<L: Lanes, S: Storage>(self, lanes: L) {
        let Self { clockwork, voices } = self;
        let mut offset = 0;
        for (group, matrix) in clockwork.groups.iter().enumerate() {
            let moves = voices.each_ref().map(|voice| group < clockwork.moving(voice.step));
            if moves == [true; V] {
                clockwork.move_group::<L, S, V>(lanes, group, offset, voices);
            } else {
                for (voice, moves) in voices.iter_mut().zip(moves) {
                    if moves {
                        clockwork.move_group::<L, S, 1>(lanes, group, offset, std::array::from_mut(voice));
                    }
                }
            }
            offset += matrix.tiles() * PAIRS;
        }
    }
}
