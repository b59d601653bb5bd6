//! Layers of recurrent cells on top of each other, one step at a time.

use super::{Isa, clockwork::Clockwork, gru::Gru, lstm::Lstm, rnn::Rnn};
use crate::dsp::random::Random;
use std::ops::Range;

/// What a layer is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellKind {
    /// PyTorch's `nn.LSTM`; with peepholes where the weights have them.
    Lstm,
    /// PyTorch's `nn.GRU`.
    Gru,
    /// PyTorch's `nn.RNN`.
    RnnTanh,
    /// PyTorch's `nn.RNN` with `nonlinearity="relu"`.
    RnnRelu,
    /// Clockwork RNN (Koutník et al. 2014).
    Clockwork {
        /// Equal groups of neighbouring units, their periods 1, 2, 4, …; a divisor of the width.
        groups: usize,
    },
}

/// What all layers of a stack share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StackShape {
    /// The cell.
    pub cell: CellKind,
    /// Inputs of the first layer; the others have `hidden`.
    pub inputs: usize,
    /// Width of every layer.
    pub hidden: usize,
    /// A layer's output is its h plus its input, where both have the same width; its own recurrence hears h alone.
    pub residual: bool,
}

/// One layer's parameters as PyTorch names and lays them out, row-major; h = hidden width, g = 4 (LSTM), 3 (GRU) or 1.
#[derive(Clone, Copy, Debug)]
pub struct LayerWeights<'a> {
    /// `weight_ih_l{k}`: `[gh][inputs]`
    pub weight_ih: &'a [f32],
    /// `weight_hh_l{k}`: `[gh][h]`. Clockwork: what lies below the block diagonal has no effect.
    pub weight_hh: &'a [f32],
    /// `bias_ih_l{k}`: `[gh]`
    pub bias_ih: &'a [f32],
    /// `bias_hh_l{k}`: `[gh]`
    pub bias_hh: &'a [f32],
    /// LSTM: `[3h]` diagonal weights from the cell to the gates i, f, o.
    pub peepholes: Option<&'a [f32]>,
}

impl LayerWeights<'_> {
    pub(super) fn summed_bias(&self) -> Vec<f32> {
        assert_eq!(self.bias_ih.len(), self.bias_hh.len());
        self.bias_ih.iter().zip(self.bias_hh).map(|(a, b)| a + b).collect()
    }
}

#[derive(Clone, Debug)]
enum Layer {
    Lstm(Lstm),
    Gru(Gru),
    Rnn(Rnn),
    Clockwork(Clockwork),
}

/// The weights of all layers; shared by any number of states.
#[derive(Clone, Debug)]
pub struct Stack {
    shape: StackShape,
    layers: Vec<Layer>,
}

/// What one continuation remembers, and the scratch of its steps.
#[derive(Clone, Debug)]
pub struct StackState {
    layers: Vec<LayerState>,
    /// Steps since the last reset.
    step: u64,
    /// Sums of one layer before their activations.
    scratch: Vec<f32>,
}

#[derive(Clone, Debug)]
struct LayerState {
    /// x and h of the layer side by side, in the order that its cell takes.
    joined: Vec<f32>,
    /// The LSTM's c; empty with other cells.
    cell: Vec<f32>,
    /// What the layer above hears.
    output: Vec<f32>,
    /// 1, or with dropout 0 and 1 / keep. `[inputs]`, `[hidden]`
    input_mask: Vec<f32>,
    output_mask: Vec<f32>,
}

/// Something that steps through a [`Stack`] together with others.
pub trait Stepping {
    /// What it hears in this step (`[inputs]`), and its state.
    fn parts(&mut self) -> (&[f32], &mut StackState);
}

impl Stack {
    /// Packs the weights.
    ///
    /// # Panics
    /// If a length does not fit, or the groups of a clockwork do not divide the width.
    pub fn new(shape: StackShape, layers: &[LayerWeights<'_>], isa: Isa) -> Self {
        let hidden = shape.hidden;
        let layers = layers
            .iter()
            .enumerate()
            .map(|(index, weights)| {
                let inputs = shape.inputs_of(index);
                assert!(weights.peepholes.is_none() || shape.cell == CellKind::Lstm);
                match shape.cell {
                    CellKind::Lstm => Layer::Lstm(Lstm::new(inputs, hidden, weights, isa)),
                    CellKind::Gru => Layer::Gru(Gru::new(inputs, hidden, weights, isa)),
                    CellKind::RnnTanh => Layer::Rnn(Rnn::new(inputs, hidden, false, weights, isa)),
                    CellKind::RnnRelu => Layer::Rnn(Rnn::new(inputs, hidden, true, weights, isa)),
                    CellKind::Clockwork { groups } => {
                        Layer::Clockwork(Clockwork::new(inputs, hidden, groups, weights, isa))
                    }
                }
            })
            .collect();
        Self { shape, layers }
    }

    /// What the layers share.
    pub fn shape(&self) -> StackShape {
        self.shape
    }

    /// Bytes that a step reads; of a clockwork a step in which all groups move.
    pub fn bytes(&self) -> usize {
        self.layers.iter().map(Layer::bytes).sum()
    }

    /// A zero state without dropout. Allocates.
    pub fn make_state(&self) -> StackState {
        let hidden = self.shape.hidden;
        let layer_state = |index| {
            let inputs = self.shape.inputs_of(index);
            LayerState {
                joined: vec![0.0; inputs + hidden],
                cell: vec![0.0; if self.shape.cell == CellKind::Lstm { hidden } else { 0 }],
                output: vec![0.0; hidden],
                input_mask: vec![1.0; inputs],
                output_mask: vec![1.0; hidden],
            }
        };
        StackState {
            layers: (0..self.layers.len()).map(layer_state).collect(),
            step: 0,
            scratch: vec![0.0; self.layers.iter().map(Layer::scratch_length).max().unwrap_or(0)],
        }
    }

    /// One step of several voices; large weights are read once for all of them. What a voice computes does not depend on the
    /// others, nor on how many they are.
    ///
    /// # Realtime safety
    /// Does not allocate.
    ///
    /// # Panics
    /// As [`Self::step`].
    pub fn step_together<V: Stepping>(&self, voices: &mut [V]) {
        for voice in voices {
            let (input, state) = voice.parts();
            self.step(input, state);
        }
    }

    /// One step: reads `input` (`[inputs]`), moves the state, returns the top layer's output (`[hidden]`).
    ///
    /// # Realtime safety
    /// Does not allocate.
    ///
    /// # Panics
    /// If `input` has another length or the state belongs to a stack of another shape.
    pub fn step<'s>(&self, input: &[f32], state: &'s mut StackState) -> &'s [f32] {
        for (index, layer) in self.layers.iter().enumerate() {
            let (below, here) = state.layers.split_at_mut(index);
            let here = &mut here[0];
            let x = below.last().map_or(input, |below| &below.output[..]);
            assert_eq!(x.len(), here.input_mask.len());
            let (x_at, h_at) = self.shape.places(x.len());
            multiply(x, &here.input_mask, &mut here.joined[x_at]);
            layer.step(here, &mut state.scratch, state.step);
            multiply(&here.joined[h_at], &here.output_mask, &mut here.output);
            if self.shape.residual && x.len() == here.output.len() {
                here.output.iter_mut().zip(x).for_each(|(y, x)| *y += x);
            }
        }
        state.step += 1;
        state.output()
    }
}

/// product ← a · b; a factor of 1 changes no bit.
fn multiply(a: &[f32], b: &[f32], product: &mut [f32]) {
    for ((slot, a), b) in product.iter_mut().zip(a).zip(b) {
        *slot = a * b;
    }
}

impl StackShape {
    fn inputs_of(&self, layer: usize) -> usize {
        if layer == 0 { self.inputs } else { self.hidden }
    }

    /// Where x and h of a layer lie in what is joined.
    fn places(&self, inputs: usize) -> (Range<usize>, Range<usize>) {
        let all = inputs + self.hidden;
        match self.cell {
            CellKind::Clockwork { .. } => (self.hidden..all, 0..self.hidden),
            _ => (0..inputs, inputs..all),
        }
    }
}

impl Layer {
    fn bytes(&self) -> usize {
        match self {
            Self::Lstm(lstm) => lstm.bytes(),
            Self::Gru(gru) => gru.bytes(),
            Self::Rnn(rnn) => rnn.bytes(),
            Self::Clockwork(clockwork) => clockwork.bytes(),
        }
    }

    fn scratch_length(&self) -> usize {
        match self {
            Self::Lstm(lstm) => lstm.scratch_length(),
            Self::Gru(gru) => gru.scratch_length(),
            Self::Rnn(rnn) => rnn.scratch_length(),
            Self::Clockwork(clockwork) => clockwork.scratch_length(),
        }
    }

    fn step(&self, state: &mut LayerState, scratch: &mut [f32], step: u64) {
        match self {
            Self::Lstm(lstm) => lstm.step(&mut state.joined, &mut state.cell, scratch),
            Self::Gru(gru) => gru.step(&mut state.joined, scratch),
            Self::Rnn(rnn) => rnn.step(&mut state.joined, scratch),
            Self::Clockwork(clockwork) => clockwork.step(&mut state.joined, scratch, step),
        }
    }
}

impl StackState {
    /// Back to zeros and step 0. Dropout stays as it is.
    pub fn reset(&mut self) {
        for layer in &mut self.layers {
            [&mut layer.joined, &mut layer.cell, &mut layer.output].into_iter().for_each(|values| values.fill(0.0));
        }
        self.step = 0;
    }

    /// Draws which inputs and outputs of every layer are silenced from now on; those kept are divided by the probability
    /// of being kept. A probability of 1 draws nothing. The input that a residual layer adds is not masked.
    ///
    /// # Realtime safety
    /// Does not allocate.
    pub fn draw_dropout(&mut self, input_keep: f32, output_keep: f32, random: &mut Random) {
        let mut draw = |mask: &mut [f32], keep: f32| {
            mask.fill(1.0);
            if keep < 1.0 {
                mask.iter_mut().for_each(|slot| *slot = if random.uniform() < keep { 1.0 / keep } else { 0.0 });
            }
        };
        for layer in &mut self.layers {
            draw(&mut layer.input_mask, input_keep);
            draw(&mut layer.output_mask, output_keep);
        }
    }

    /// The top layer's output, `[hidden]`.
    pub fn output(&self) -> &[f32] {
        self.layers.last().map_or(&[], |layer| &layer.output)
    }
}
