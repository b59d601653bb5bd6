//! The GRU layer (Cho et al. 2014), as PyTorch's `nn.GRU`: the reset gate acts on W_hn·h + b_hn, not on h.
//!
//! r, z = σ(W_i·x + b_i + W_h·h + b_h), n = tanh(W_in·x + b_in + r·(W_hn·h + b_hn)), h ← (1 − z)·n + z·h; the gates are stored
//! in the order r, z, n.

use super::{
    Isa, LayerWeights, Precision,
    kernel::{
        AlignedBuffer, Lanes, Order, PackedMatrix, Row, Storage, StorageKernel, launch_stored, sigmoid_of_half, tanh,
    },
    layer::{LayerVoice, blocks},
};
use std::array::from_fn;

/// Pairs of vectors in a tile: two vectors of units, gate by gate.
const PAIRS: usize = 3;

/// One layer, packed.
#[derive(Clone, Debug)]
pub(super) struct Gru {
    /// The bias of n is that of x alone.
    matrix: PackedMatrix,
    /// b_hn, `[hidden]`, padded.
    bias_hn: AlignedBuffer,
    order: Order,
    precision: Precision,
    isa: Isa,
}

impl Gru {
    pub fn new(inputs: usize, hidden: usize, weights: &LayerWeights<'_>, precision: Precision, isa: Isa) -> Self {
        let units = 2 * isa.lanes();
        let mut order = Vec::new();
        for first in (0..hidden).step_by(units) {
            for gate in 0..3 {
                let factor = if gate == 2 { 1.0 } else { 0.5 };
                order.extend(
                    (first..first + units)
                        .map(|unit| (unit < hidden).then_some(Row { source: gate * hidden + unit, factor })),
                );
            }
        }
        let mut bias = weights.bias_ih.to_vec();
        bias.iter_mut().zip(&weights.bias_hh[..2 * hidden]).for_each(|(a, b)| *a += b);
        let matrix = PackedMatrix::new(&order, PAIRS, &blocks(weights, inputs, hidden), &bias, precision, isa);
        let mut bias_hn = weights.bias_hh[2 * hidden..].to_vec();
        bias_hn.resize(hidden.next_multiple_of(units), 0.0);
        Self { matrix, bias_hn: AlignedBuffer::of(&bias_hn), order, precision, isa }
    }

    pub fn bytes(&self) -> usize {
        self.matrix.bytes() + self.bias_hn.bytes()
    }

    /// How the sums lie.
    pub fn order(&self) -> &Order {
        &self.order
    }

    pub fn step<const V: usize>(&self, voices: &mut [LayerVoice<'_>; V]) {
        launch_stored(self.isa, self.precision, Step { gru: self, voices: &mut *voices });
        voices.iter_mut().for_each(|voice| voice.memory.turn());
    }
}

struct Step<'a, 'v, const V: usize> {
    gru: &'a Gru,
    voices: &'a mut [LayerVoice<'v>; V],
}

impl<const V: usize> StorageKernel for Step<'_, '_, V> {
    #[inline(always)]
    fn run<L: Lanes, S: Storage>(self, lanes: L) {
        let Self { gru: Gru { matrix, bias_hn, .. }, voices } = self;
        voices.iter_mut().for_each(|voice| voice.prepare::<L, S>(lanes, 0));
        let bias_hn: &[[L::F; 2]] = bias_hn.view();
        for tile in 0..matrix.tiles() {
            let mut of_x: [_; V] = from_fn(|v| voices[v].start::<L, PAIRS>(matrix, tile, 0));
            S::accumulate(lanes, matrix.segment(0), tile, from_fn(|v| voices[v].x()), &mut of_x);
            // r and z go on from there, n begins anew.
            let mut of_both: [_; V] = from_fn(|v| [of_x[v][0], of_x[v][1], bias_hn[tile]]);
            S::accumulate(lanes, matrix.segment(1), tile, from_fn(|v| voices[v].h(0)), &mut of_both);
            for (v, voice) in voices.iter_mut().enumerate() {
                let [r, z, n_h] = of_both[v];
                for i in 0..2 {
                    let at = 2 * tile + i;
                    let h = voice.memory.padded_h::<L::F>()[at];
                    let r = sigmoid_of_half(lanes, r[i]);
                    let z = sigmoid_of_half(lanes, z[i]);
                    let n = tanh(lanes, lanes.mul_add(r, n_h[i], of_x[v][2][i]));
                    // (1 − z)·n + z·h = n + z·(h − n).
                    let change = lanes.mul_add(lanes.splat(-1.0), n, h);
                    voice.memory.next.view_mut::<L::F>()[at] = lanes.mul_add(z, change, n);
                }
            }
        }
    }
}
