//! The simple recurrent layer (Elman 1990), as PyTorch's `nn.RNN`: h ← tanh(W·[x; h] + b), or max(0, …).

use super::{
    Isa, LayerWeights, Precision,
    kernel::{Lanes, Order, PackedMatrix, Storage, StorageKernel, launch_stored, tanh},
    layer::{LayerVoice, blocks, sums_of},
    plain::{PAIRS, plain_order},
};

/// One layer, packed.
#[derive(Clone, Debug)]
pub(super) struct Rnn {
    matrix: PackedMatrix,
    order: Order,
    relu: bool,
    precision: Precision,
    isa: Isa,
}

impl Rnn {
    pub fn new(
        inputs: usize,
        hidden: usize,
        relu: bool,
        weights: &LayerWeights<'_>,
        precision: Precision,
        isa: Isa,
    ) -> Self {
        let order = plain_order(0..hidden, PAIRS, isa);
        let blocks = blocks(weights, inputs, hidden);
        let matrix = PackedMatrix::new(&order, PAIRS, &blocks, &weights.summed_bias(), precision, isa);
        Self { matrix, order, relu, precision, isa }
    }

    pub fn bytes(&self) -> usize {
        self.matrix.bytes()
    }

    /// How the sums lie.
    pub fn order(&self) -> &Order {
        &self.order
    }

    pub fn step<const V: usize>(&self, voices: &mut [LayerVoice<'_>; V]) {
        launch_stored(self.isa, self.precision, Step { rnn: self, voices: &mut *voices });
        voices.iter_mut().for_each(|voice| voice.memory.turn());
    }
}

struct Step<'a, 'v, const V: usize> {
    rnn: &'a Rnn,
    voices: &'a mut [LayerVoice<'v>; V],
}

impl<const V: usize> StorageKernel for Step<'_, '_, V> {
    #[inline(always)]
    fn run<L: Lanes, S: Storage>(self, lanes: L) {
        let Self { rnn, voices } = self;
        voices.iter_mut().for_each(|voice| voice.prepare::<L, S>(lanes, 0));
        for tile in 0..rnn.matrix.tiles() {
            let sums = sums_of::<L, S, PAIRS, V>(lanes, &rnn.matrix, tile, 0, 0, voices);
            for (voice, sums) in voices.iter_mut().zip(sums) {
                let next = &mut voice.memory.next.view_mut::<[L::F; 2]>()[tile * PAIRS..][..PAIRS];
                for (slots, sums) in next.iter_mut().zip(sums) {
                    // Zero stands first, so that what is not a number stays so.
                    *slots = sums.map(|x| if rnn.relu { lanes.max(lanes.splat(0.0), x) } else { tanh(lanes, x) });
                }
            }
        }
    }
}
