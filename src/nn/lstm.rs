//! A stack of LSTM layers (Hochreiter and Schmidhuber 1997, with forget gates: Gers et al. 2000), as PyTorch's `nn.LSTM`.
//!
//! i, f, o = σ(W·[x; h] + b), g = tanh(…), c ← f·c + i·g, h ← o·tanh(c); the gates are stored in the order i, f, g, o.

use super::{
    Isa, PackedMatrix,
    activation::{sigmoid, tanh},
};

/// One layer's parameters as PyTorch names and lays them out, row-major, h = hidden width.
#[derive(Clone, Copy, Debug)]
pub struct LstmLayerWeights<'a> {
    /// `weight_ih_l{k}`: `[4h][inputs]`
    pub weight_ih: &'a [f32],
    /// `weight_hh_l{k}`: `[4h][h]`
    pub weight_hh: &'a [f32],
    /// `bias_ih_l{k}`: `[4h]`
    pub bias_ih: &'a [f32],
    /// `bias_hh_l{k}`: `[4h]`
    pub bias_hh: &'a [f32],
}

#[derive(Clone, Debug)]
struct Layer {
    inputs: usize,
    matrix: PackedMatrix,
}

/// The weights of all layers; shared by any number of states.
#[derive(Clone, Debug)]
pub struct LstmStack {
    hidden: usize,
    isa: Isa,
    layers: Vec<Layer>,
}

/// What one continuation remembers, and the scratch of its steps.
#[derive(Clone, Debug)]
pub struct LstmState {
    hidden: usize,
    /// Per layer: x of the layer followed by its h.
    joined: Vec<Vec<f32>>,
    cells: Vec<Vec<f32>>,
    gates: Vec<f32>,
}

impl LstmStack {
    /// Packs the weights. The first layer has `inputs` inputs, the others `hidden`.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn new(inputs: usize, hidden: usize, layers: &[LstmLayerWeights<'_>], isa: Isa) -> Self {
        let layers = layers
            .iter()
            .enumerate()
            .map(|(index, weights)| {
                let inputs = if index == 0 { inputs } else { hidden };
                let bias: Vec<f32> = weights.bias_ih.iter().zip(weights.bias_hh).map(|(a, b)| a + b).collect();
                let blocks = [(weights.weight_ih, inputs), (weights.weight_hh, hidden)];
                Layer { inputs, matrix: PackedMatrix::new(4 * hidden, &blocks, &bias, isa) }
            })
            .collect();
        Self { hidden, isa, layers }
    }

    /// Hidden width.
    pub fn hidden(&self) -> usize {
        self.hidden
    }

    /// Bytes that a step reads.
    pub fn bytes(&self) -> usize {
        self.layers.iter().map(|layer| layer.matrix.bytes()).sum()
    }

    /// A zero state. Allocates.
    pub fn make_state(&self) -> LstmState {
        LstmState {
            hidden: self.hidden,
            joined: self.layers.iter().map(|layer| vec![0.0; layer.inputs + self.hidden]).collect(),
            cells: self.layers.iter().map(|_| vec![0.0; self.hidden]).collect(),
            gates: vec![0.0; self.layers.iter().map(|layer| layer.matrix.padded_rows()).max().unwrap_or(0)],
        }
    }

    /// One step: reads `input` (`[inputs]`), moves the state, returns the top layer's h (`[hidden]`).
    ///
    /// # Realtime safety
    /// Does not allocate.
    ///
    /// # Panics
    /// If `input` has another length or the state belongs to another stack.
    pub fn step<'s>(&self, input: &[f32], state: &'s mut LstmState) -> &'s [f32] {
        for (index, layer) in self.layers.iter().enumerate() {
            let (below, here) = state.joined.split_at_mut(index);
            let joined = &mut here[0];
            let x = below.last().map_or(input, |below| &below[below.len() - self.hidden..]);
            joined[..layer.inputs].copy_from_slice(x);
            layer.matrix.apply(joined, &mut state.gates);
            let h = &mut joined[layer.inputs..];
            let (cell, gates) = (&mut state.cells[index][..], &state.gates[..4 * self.hidden]);
            self.isa.0.dispatch(
                #[inline(always)]
                || update(gates, cell, h),
            );
        }
        state.output()
    }
}

#[inline(always)]
fn update(gates: &[f32], cell: &mut [f32], h: &mut [f32]) {
    let hidden = h.len();
    let (i, rest) = gates.split_at(hidden);
    let (f, rest) = rest.split_at(hidden);
    let (g, o) = rest.split_at(hidden);
    for k in 0..hidden {
        let c = sigmoid(f[k]) * cell[k] + sigmoid(i[k]) * tanh(g[k]);
        cell[k] = c;
        h[k] = sigmoid(o[k]) * tanh(c);
    }
}

impl LstmState {
    /// Back to zeros.
    pub fn reset(&mut self) {
        self.joined.iter_mut().chain(&mut self.cells).for_each(|values| values.fill(0.0));
    }

    /// The top layer's h, `[hidden]`.
    pub fn output(&self) -> &[f32] {
        self.joined.last().map_or(&[], |joined| &joined[joined.len() - self.hidden..])
    }
}
