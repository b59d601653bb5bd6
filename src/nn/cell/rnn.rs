//! The simple recurrent layer (Elman 1990), as PyTorch's `nn.RNN`: h ← tanh(W·[x; h] + b), or max(0, …).

use super::layer::{LayerMemory, LayerVoice, LayerWeights, blocks, multiply, plain_order, vector_at};
use crate::nn::{
    Isa, Precision,
    kernel::{Kernel, Lanes, Order, PackedMatrix, Sweep, tanh},
};

/// One layer, packed.
#[derive(Clone, Debug)]
pub(crate) struct Rnn {
    matrix: PackedMatrix,
    hidden: usize,
    relu: bool,
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
        let (order, blocks) = (plain_order(0..hidden, isa), blocks(weights, inputs, hidden));
        let matrix = PackedMatrix::new(&order, &blocks, &weights.summed_bias(), precision, isa);
        Self { matrix, hidden, relu, isa }
    }

    pub fn bytes(&self) -> usize {
        self.matrix.bytes()
    }

    /// How the sums lie.
    pub fn order(&self) -> Order {
        plain_order(0..self.hidden, self.isa)
    }

    pub fn step<const V: usize>(&self, voices: &mut [LayerVoice<'_>; V]) {
        let rows = self.matrix.padded_rows();
        let sweep = Sweep::of_step(voices[0].step);
        multiply(&self.matrix, self.isa, sweep, voices, |voice| voice.with_both(rows, 0, 0..rows));
        for voice in voices {
            self.isa.launch(Activate { units: self.hidden, relu: self.relu, memory: voice.memory });
            voice.memory.turn();
        }
    }
}

/// The first sums become the first numbers of `next`.
pub(crate) struct Activate<'a> {
    pub units: usize,
    pub relu: bool,
    pub memory: &'a mut LayerMemory,
}

impl Kernel for Activate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let LayerMemory { next, sums: [sums, _], .. } = self.memory;
        for (unit, slot) in (0..self.units).step_by(L::LANES).zip(next.view_mut::<L::F>()) {
            let sum = vector_at::<L>(sums.view(), unit);
            // Zero stands first, so that what is not a number stays so.
            *slot = if self.relu { lanes.max(lanes.splat(0.0), sum) } else { tanh(lanes, sum) };
        }
    }
}
