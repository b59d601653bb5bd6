//! The LSTM layer (Hochreiter and Schmidhuber 1997, with forget gates: Gers et al. 2000), as PyTorch's `nn.LSTM`.
//!
//! i, f, o = σ(W·[x; h] + b), g = tanh(…), c ← f·c + i·g, h ← o·tanh(c); the gates are stored in the order i, f, g, o.
//! With peepholes (Gers and Schmidhuber 2000) the sums of i and f also hold p·c of the last c, that of o p·c of the new one.
//!
//! A tile holds all gates of as many units as a vector has lanes, so that they never leave the registers between their sums
//! and the new state. Rows of i, f and o are halved: see the sigmoid of the kernels.

use super::{
    Isa, LayerWeights, Precision,
    kernel::{
        AlignedBuffer, Lanes, Order, PackedMatrix, Pairs, Row, Storage, StorageKernel, launch_stored, sigmoid_of_half,
        tanh,
    },
    layer::{LayerVoice, blocks, sums_of},
};

/// A layer of at most this many bytes is computed for one voice at a time, several tiles side by side: its weights stay near
/// the processor, whose units would otherwise wait for each other.
const SMALL_BYTES: usize = 512 << 10;
/// Pairs of vectors whose sums fit into the registers of every instruction set.
const MOST_PAIRS: usize = 6;

/// One layer, packed.
#[derive(Clone, Debug)]
pub(super) struct Lstm {
    /// Large layers: one matrix of one tile for each vector of units, two pairs: i and f, g and o. Small ones: matrices of one
    /// tile each, of several such; the last may end with half a vector of units, one pair: i beside f, g beside o.
    groups: Vec<PackedMatrix>,
    order: Order,
    /// The weights p of i, f and o, per vector of units, halved as the rows are; empty: none.
    peepholes: AlignedBuffer,
    precision: Precision,
    isa: Isa,
}

impl Lstm {
    pub fn new(inputs: usize, hidden: usize, weights: &LayerWeights<'_>, precision: Precision, isa: Isa) -> Self {
        let lanes = isa.lanes();
        let small = precision == Precision::F32 && 16 * hidden * (inputs + hidden) <= SMALL_BYTES;
        let (whole, rest) = (hidden / lanes, hidden % lanes);
        // Half a vector of units is worth its own arithmetic only where little else is computed.
        let ends_with_half = small && weights.peepholes.is_none() && (1..=lanes / 2).contains(&rest);
        let whole = whole + usize::from(rest > 0 && !ends_with_half);
        let mut order = Vec::new();
        let row = |gate: usize, unit: usize| {
            let factor = if gate == 2 { 1.0 } else { 0.5 };
            (unit < hidden).then_some(Row { source: gate * hidden + unit, factor })
        };
        for tile in 0..whole {
            (0..4).for_each(|gate| order.extend((0..lanes).map(|lane| row(gate, tile * lanes + lane))));
        }
        if ends_with_half {
            (0..4).for_each(|gate| order.extend((0..lanes / 2).map(|lane| row(gate, whole * lanes + lane))));
        }
        let pairs = 2 * whole + usize::from(ends_with_half);
        let sizes = if small { group_sizes(pairs) } else { vec![pairs] };
        let bias = weights.summed_bias();
        let mut rest = &order[..];
        let groups = sizes
            .into_iter()
            .map(|pairs| {
                let (here, after) = rest.split_at(2 * pairs * lanes);
                rest = after;
                let pairs = if small { pairs } else { 2 };
                PackedMatrix::new(here, pairs, &blocks(weights, inputs, hidden), &bias, precision, isa)
            })
            .collect();
        Self { groups, peepholes: pack_peepholes(weights.peepholes, hidden, lanes), order, precision, isa }
    }

    pub fn bytes(&self) -> usize {
        self.groups.iter().map(PackedMatrix::bytes).sum::<usize>() + self.peepholes.bytes()
    }

    /// How the sums lie.
    pub fn order(&self) -> &Order {
        &self.order
    }

    pub fn step<const V: usize>(&self, voices: &mut [LayerVoice<'_>; V]) {
        launch_stored(self.isa, self.precision, Step { lstm: self, voices: &mut *voices });
        voices.iter_mut().for_each(|voice| voice.memory.turn());
    }
}

/// As even as can be, none larger than [`MOST_PAIRS`], all but the last even.
fn group_sizes(pairs: usize) -> Vec<usize> {
    let groups = pairs.div_ceil(MOST_PAIRS);
    let size = pairs.div_ceil(groups).next_multiple_of(2);
    (0..pairs).step_by(size).map(|first| size.min(pairs - first)).collect()
}

fn pack_peepholes(weights: Option<&[f32]>, hidden: usize, lanes: usize) -> AlignedBuffer {
    let Some(weights) = weights else {
        return AlignedBuffer::default();
    };
    assert_eq!(weights.len(), 3 * hidden);
    let mut packed = vec![0.0; 3 * hidden.next_multiple_of(lanes)];
    for (gate, weights) in weights.chunks_exact(hidden).enumerate() {
        for (unit, weight) in weights.iter().enumerate() {
            packed[(unit / lanes * 3 + gate) * lanes + unit % lanes] = 0.5 * weight;
        }
    }
    AlignedBuffer::of(&packed)
}

struct Step<'a, 'v, const V: usize> {
    lstm: &'a Lstm,
    voices: &'a mut [LayerVoice<'v>; V],
}

impl<const V: usize> StorageKernel for Step<'_, '_, V> {
    #[inline(always)]
    fn run<L: Lanes, S: Storage>(self, lanes: L) {
        let Self { lstm, voices } = self;
        voices.iter_mut().for_each(|voice| voice.prepare::<L, S>(lanes, 0));
        // In pairs of vectors, of which two make a vector of units.
        let mut offset = 0;
        for group in &lstm.groups {
            match group.pairs() {
                2 => lstm.tiles::<L, S, V>(lanes, group, offset, voices),
                1 => lstm.group::<L, S, V, 1>(lanes, group, offset, voices),
                3 => lstm.group::<L, S, V, 3>(lanes, group, offset, voices),
                4 => lstm.group::<L, S, V, 4>(lanes, group, offset, voices),
                5 => lstm.group::<L, S, V, 5>(lanes, group, offset, voices),
                _ => lstm.group::<L, S, V, 6>(lanes, group, offset, voices),
            }
            offset += group.pairs() * group.tiles();
        }
    }
}

impl Lstm {
    /// Tiles of one vector of units each, all voices together.
    #[inline(always)]
    fn tiles<L: Lanes, S: Storage, const V: usize>(
        &self,
        lanes: L,
        matrix: &PackedMatrix,
        offset: usize,
        voices: &mut [LayerVoice<'_>; V],
    ) {
        for tile in 0..matrix.tiles() {
            let sums = sums_of::<L, S, 2, V>(lanes, matrix, tile, offset, 0, voices);
            for (voice, sums) in voices.iter_mut().zip(sums) {
                self.update(lanes, offset / 2 + tile, sums, voice);
            }
        }
    }

    /// One tile of several vectors of units, a voice after the other.
    #[inline(always)]
    fn group<L: Lanes, S: Storage, const V: usize, const P: usize>(
        &self,
        lanes: L,
        matrix: &PackedMatrix,
        offset: usize,
        voices: &mut [LayerVoice<'_>; V],
    ) {
        if S::QUANTISES {
            // Only layers of full precision are grouped so.
            return;
        }
        for voice in voices {
            let [sums] = sums_of::<L, S, P, 1>(lanes, matrix, 0, offset, 0, std::array::from_mut(voice));
            for p in 0..P / 2 {
                self.update(lanes, offset / 2 + p, [sums[2 * p], sums[2 * p + 1]], voice);
            }
            if P % 2 == 1 {
                update_half(lanes, offset / 2 + P / 2, sums[P - 1], voice);
            }
        }
    }

    /// The new state of a vector of units.
    #[inline(always)]
    fn update<L: Lanes>(&self, lanes: L, at: usize, sums: Pairs<L, 2>, voice: &mut LayerVoice<'_>) {
        let [[mut i, mut f], [g, mut o]] = sums;
        let cell = &mut voice.memory.cell.view_mut::<L::F>()[at];
        let peepholes = match self.peepholes.bytes() {
            0 => None,
            _ => Some(&self.peepholes.view::<L::F>()[3 * at..3 * at + 3]),
        };
        if let Some(p) = peepholes {
            i = lanes.mul_add(p[0], *cell, i);
            f = lanes.mul_add(p[1], *cell, f);
        }
        let kept = lanes.mul(sigmoid_of_half(lanes, f), *cell);
        let c = lanes.mul_add(sigmoid_of_half(lanes, i), tanh(lanes, g), kept);
        *cell = c;
        if let Some(p) = peepholes {
            o = lanes.mul_add(p[2], c, o);
        }
        voice.memory.next.view_mut::<L::F>()[at] = lanes.mul(sigmoid_of_half(lanes, o), tanh(lanes, c));
    }
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
