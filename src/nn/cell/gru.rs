//! The GRU layer (Cho et al. 2014), as PyTorch's `nn.GRU`: the reset gate acts on W_hn·h + b_hn, not on h.
//!
//! r, z = σ(W_i·x + b_i + W_h·h + b_h), n = tanh(W_in·x + b_in + r·(W_hn·h + b_hn)), h ← (1 − z)·n + z·h; the gates are stored
//! in the order r, z, n.

use super::layer::{LayerMemory, LayerVoice, LayerWeights, multiply, plain_order, vector_at};
use crate::nn::{
    Isa, Precision,
    kernel::{Kernel, Lanes, Order, PackedMatrix, Sweep, sigmoid, tanh},
};

/// One layer, packed.
#[derive(Clone, Debug)]
pub(crate) struct Gru {
    /// Two matrices, as n needs both sums apart.
    of_x: PackedMatrix,
    of_h: PackedMatrix,
    hidden: usize,
    isa: Isa,
}

impl Gru {
    pub fn new(inputs: usize, hidden: usize, weights: &LayerWeights<'_>, precision: Precision, isa: Isa) -> Self {
        let order = plain_order(0..3 * hidden, isa);
        let pack = |weights, columns, bias| PackedMatrix::new(&order, &[(weights, columns)], bias, precision, isa);
        let of_x = pack(weights.weight_ih, inputs, weights.bias_ih);
        let of_h = pack(weights.weight_hh, hidden, weights.bias_hh);
        Self { of_x, of_h, hidden, isa }
    }

    pub fn bytes(&self) -> usize {
        self.of_x.bytes() + self.of_h.bytes()
    }

    /// How the sums over x lie.
    pub fn order(&self) -> Order {
        plain_order(0..3 * self.hidden, self.isa)
    }

    pub fn step<const V: usize>(&self, voices: &mut [LayerVoice<'_>; V]) {
        let rows = self.of_x.padded_rows();
        let sweep = Sweep::of_step(voices[0].step);
        multiply(&self.of_x, self.isa, sweep, voices, |voice| voice.with_x(rows));
        multiply(&self.of_h, self.isa, sweep, voices, |voice| voice.with_h(rows));
        for voice in voices {
            self.isa.launch(Update { hidden: self.hidden, memory: voice.memory });
            voice.memory.turn();
        }
    }
}

struct Update<'a> {
    hidden: usize,
    memory: &'a mut LayerMemory,
}

impl Kernel for Update<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Self { hidden, memory } = self;
        let mut next = std::mem::take(&mut memory.next);
        let [of_x, of_h]: [&[f32]; 2] = [memory.sums[0].view(), memory.sums[1].view()];
        for (unit, slot) in (0..hidden).step_by(L::LANES).zip(next.view_mut::<L::F>()) {
            let (reset, update, new) = (unit, hidden + unit, 2 * hidden + unit);
            let r = sigmoid(lanes, lanes.add(vector_at::<L>(of_x, reset), vector_at::<L>(of_h, reset)));
            let z = sigmoid(lanes, lanes.add(vector_at::<L>(of_x, update), vector_at::<L>(of_h, update)));
            let n = tanh(lanes, lanes.mul_add(r, vector_at::<L>(of_h, new), vector_at::<L>(of_x, new)));
            // (1 − z)·n + z·h = n + z·(h − n).
            let change = lanes.mul_add(lanes.splat(-1.0), n, vector_at::<L>(memory.padded_h(), unit));
            *slot = lanes.mul_add(z, change, n);
        }
        memory.next = next;
    }
}
