//! The LSTM layer where it is small: its weights stay near the processor, and so do its gates.
//!
//! Sums of several tiles are formed side by side, as the units of the processor would otherwise wait for each other, and go
//! into the new state without having been in memory. A tile holds all gates of as many units as a vector has lanes. Rows of
//! i, f and o are halved: see the sigmoid of the kernels.

use super::layer::{LayerVoice, LayerWeights, blocks};
use crate::nn::{
    Isa, Precision,
    kernel::{Kernel, Lanes, Operand, Order, PackedMatrix, Pairs, Row, Single, Storage, sigmoid_of_half, tanh},
};
use std::array::from_fn;

/// More do not stay near the processor.
const SMALL_BYTES: usize = 512 << 10;
/// Pairs of vectors whose sums fit into the registers of every instruction set.
const MAX_PAIRS: usize = 6;

/// One layer, packed.
#[derive(Clone, Debug)]
pub(crate) struct FusedLstm {
    /// One tile each, of several vectors of units, two pairs of vectors for each: i and f, g and o. The last may end with half
    /// a vector of units, one pair: i beside f, g beside o.
    groups: Vec<PackedMatrix>,
    order: Order,
    isa: Isa,
}

impl FusedLstm {
    /// Whether a layer is small, and has nothing special.
    pub fn suits(inputs: usize, hidden: usize, weights: &LayerWeights<'_>, precision: Precision) -> bool {
        let bytes = size_of::<f32>() * 4 * hidden * (inputs + hidden);
        bytes <= SMALL_BYTES && precision == Precision::F32 && weights.peepholes.is_none()
    }

    pub fn new(inputs: usize, hidden: usize, weights: &LayerWeights<'_>, isa: Isa) -> Self {
        let lanes = isa.lanes();
        let (whole, rest) = (hidden / lanes, hidden % lanes);
        let ends_with_half = (1..=lanes / 2).contains(&rest);
        let whole = whole + usize::from(rest > 0 && !ends_with_half);
        let widths = std::iter::repeat_n(lanes, whole).chain(ends_with_half.then_some(lanes / 2));
        let mut order = Vec::new();
        for (tile, width) in widths.enumerate() {
            for gate in 0..4 {
                let factor = if gate == 2 { 1.0 } else { 0.5 };
                let units = tile * lanes..tile * lanes + width;
                order.extend(units.map(|unit| (unit < hidden).then_some(Row { source: gate * hidden + unit, factor })));
            }
        }
        let bias = weights.summed_bias();
        let mut rest = &order[..];
        let groups = group_sizes(2 * whole + usize::from(ends_with_half))
            .map(|pairs| {
                let (here, after) = rest.split_at(2 * pairs * lanes);
                rest = after;
                let blocks = blocks(weights, inputs, hidden);
                PackedMatrix::with_pairs(here, pairs, &blocks, &bias, Precision::F32, isa)
            })
            .collect();
        Self { groups, order, isa }
    }

    pub fn bytes(&self) -> usize {
        self.groups.iter().map(PackedMatrix::bytes).sum()
    }

    /// How the sums lie.
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// Moves one voice; its new h is in `next`.
    #[inline]
    pub fn step(&self, voice: &mut LayerVoice<'_>) {
        self.isa.launch(Step { groups: &self.groups, voice });
    }
}

/// As even as can be, none larger than [`MAX_PAIRS`], all but the last even.
fn group_sizes(pairs: usize) -> impl Iterator<Item = usize> {
    let groups = pairs.div_ceil(MAX_PAIRS);
    let size = pairs.div_ceil(groups).next_multiple_of(2);
    (0..pairs).step_by(size).map(move |first| size.min(pairs - first))
}

struct Step<'a, 'v> {
    groups: &'a [PackedMatrix],
    voice: &'a mut LayerVoice<'v>,
}

impl Kernel for Step<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Self { groups, voice } = self;
        // In pairs of vectors, of which two make a vector of units.
        let mut offset = 0;
        for group in groups {
            match group.pairs() {
                1 => move_group::<L, 1>(lanes, group, offset, voice),
                2 => move_group::<L, 2>(lanes, group, offset, voice),
                3 => move_group::<L, 3>(lanes, group, offset, voice),
                4 => move_group::<L, 4>(lanes, group, offset, voice),
                5 => move_group::<L, 5>(lanes, group, offset, voice),
                _ => move_group::<L, 6>(lanes, group, offset, voice),
            }
            offset += group.pairs();
        }
    }
}

#[inline(always)]
fn move_group<L: Lanes, const P: usize>(lanes: L, matrix: &PackedMatrix, offset: usize, voice: &mut LayerVoice<'_>) {
    let start: &[[L::F; 2]] = match voice.initial {
        Some(initial) => &bytemuck::cast_slice(initial)[offset..offset + P],
        None => &matrix.bias::<L>()[..P],
    };
    let mut sums: [Pairs<L, P>; 1] = [from_fn(|p| start[p])];
    let operand = |values| [Operand { values, quads: &[], scale: 0.0 }];
    // h first: x is often made of what the dense layer said after the last step, which may still be under way.
    Single::accumulate(lanes, &matrix.segments()[1], 0, operand(voice.memory.h()), &mut sums);
    Single::accumulate(lanes, &matrix.segments()[0], 0, operand(voice.x), &mut sums);
    let [sums] = sums;
    for p in 0..P / 2 {
        update(lanes, offset / 2 + p, [sums[2 * p], sums[2 * p + 1]], voice);
    }
    if P % 2 == 1 {
        update_half(lanes, offset / 2 + P / 2, sums[P - 1], voice);
    }
}

/// The new state of a vector of units.
#[inline(always)]
fn update<L: Lanes>(lanes: L, at: usize, [[i, f], [g, o]]: Pairs<L, 2>, voice: &mut LayerVoice<'_>) {
    let cell = &mut voice.memory.cell.view_mut::<L::F>()[at];
    let kept = lanes.mul(sigmoid_of_half(lanes, f), *cell);
    let c = lanes.mul_add(sigmoid_of_half(lanes, i), tanh(lanes, g), kept);
    *cell = c;
    voice.memory.next.view_mut::<L::F>()[at] = lanes.mul(sigmoid_of_half(lanes, o), tanh(lanes, c));
}

/// The new state of half a vector of units: i beside f, g beside o.
#[inline(always)]
fn update_half<L: Lanes>(lanes: L, at: usize, [i_f, g_o]: [L::F; 2], voice: &mut LayerVoice<'_>) {
    let cell = &mut voice.memory.cell.view_mut::<L::F>()[at];
    let i_f = sigmoid_of_half(lanes, i_f);
    // tanh in the lower half, the sigmoid in the upper.
    let g_o = lanes.mul_add(lanes.by_halves(1.0, 0.5), tanh(lanes, g_o), lanes.by_halves(0.0, 0.5));
    let kept = lanes.mul(lanes.swap_halves(i_f), *cell);
    let c = lanes.mul(lanes.mul_add(i_f, g_o, kept), lanes.by_halves(1.0, 0.0));
    *cell = c;
    voice.memory.next.view_mut::<L::F>()[at] = lanes.mul(lanes.swap_halves(g_o), tanh(lanes, c));
}
