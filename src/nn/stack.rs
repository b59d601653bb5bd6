//! Layers of recurrent cells on top of each other, one step at a time.

use super::{Isa, Precision, clockwork::Clockwork, gru::Gru, kernel::Order, lstm::Lstm, rnn::Rnn, state::StackState};

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
    precision: Precision,
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
    pub fn new(shape: StackShape, layers: &[LayerWeights<'_>], precision: Precision, isa: Isa) -> Self {
        let hidden = shape.hidden;
        let layers = layers
            .iter()
            .enumerate()
            .map(|(index, weights)| {
                let inputs = shape.inputs_of(index);
                assert!(weights.peepholes.is_none() || shape.cell == CellKind::Lstm);
                match shape.cell {
                    CellKind::Lstm => Layer::Lstm(Lstm::new(inputs, hidden, weights, precision, isa)),
                    CellKind::Gru => Layer::Gru(Gru::new(inputs, hidden, weights, precision, isa)),
                    CellKind::RnnTanh => Layer::Rnn(Rnn::new(inputs, hidden, false, weights, precision, isa)),
                    CellKind::RnnRelu => Layer::Rnn(Rnn::new(inputs, hidden, true, weights, precision, isa)),
                    CellKind::Clockwork { groups } => {
                        Layer::Clockwork(Clockwork::new(inputs, hidden, groups, weights, precision, isa))
                    }
                }
            })
            .collect();
        Self { shape, layers, precision }
    }

    /// What the layers share.
    pub fn shape(&self) -> StackShape {
        self.shape
    }

    /// Bytes that a step reads; of a clockwork a step in which all groups move.
    pub fn bytes(&self) -> usize {
        self.layers.iter().map(Layer::bytes).sum()
    }

    /// How the sums of the first layer lie, that a step may begin with; see [`Self::step_from`].
    pub(super) fn first_order(&self) -> &Order {
        self.layers[0].order()
    }

    /// A zero state without dropout. Allocates.
    pub fn make_state(&self) -> StackState {
        StackState::new(self.shape, self.layers.len(), self.precision)
    }

    /// One step: reads `input` (`[inputs]`), moves the state, returns the top layer's output (`[hidden]`).
    ///
    /// # Realtime safety
    /// Does not allocate.
    ///
    /// # Panics
    /// If `input` has another length or the state belongs to a stack of another shape.
    pub fn step<'s>(&self, input: &[f32], state: &'s mut StackState) -> &'s [f32] {
        self.run(&mut [StepParts { input, initial: None, state: &mut *state }]);
        state.output()
    }

    /// As [`Self::step`], with sums of the first layer that are known beforehand in place of its bias, which they hold.
    pub(super) fn step_from(&self, input: &[f32], initial: &[f32], state: &mut StackState) {
        self.run(&mut [StepParts { input, initial: Some(initial), state }]);
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
        let (fours, rest) = voices.as_chunks_mut::<4>();
        let (twos, rest) = rest.as_chunks_mut::<2>();
        fours.iter_mut().for_each(|voices| self.run(&mut voices.each_mut().map(StepParts::of)));
        twos.iter_mut().for_each(|voices| self.run(&mut voices.each_mut().map(StepParts::of)));
        rest.iter_mut().for_each(|voice| self.run(&mut [StepParts::of(voice)]));
    }

    fn run<const V: usize>(&self, voices: &mut [StepParts<'_>; V]) {
        for (index, layer) in self.layers.iter().enumerate() {
            let mut here = voices.each_mut().map(|voice| {
                let initial = voice.initial.filter(|_| index == 0);
                voice.state.layer_voice(index, voice.input, initial)
            });
            match layer {
                Layer::Lstm(lstm) => lstm.step(&mut here),
                Layer::Gru(gru) => gru.step(&mut here),
                Layer::Rnn(rnn) => rnn.step(&mut here),
                Layer::Clockwork(clockwork) => clockwork.step(&mut here),
            }
            voices.iter_mut().for_each(|voice| voice.state.finish_layer(index, voice.input));
        }
        voices.iter_mut().for_each(|voice| voice.state.finish_step());
    }
}

/// One voice in a step.
struct StepParts<'a> {
    input: &'a [f32],
    initial: Option<&'a [f32]>,
    state: &'a mut StackState,
}

impl<'a> StepParts<'a> {
    fn of<V: Stepping>(voice: &'a mut V) -> Self {
        let (input, state) = voice.parts();
        Self { input, initial: None, state }
    }
}

impl StackShape {
    /// Inputs of a layer.
    pub(super) fn inputs_of(&self, layer: usize) -> usize {
        if layer == 0 { self.inputs } else { self.hidden }
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

    fn order(&self) -> &Order {
        match self {
            Self::Lstm(lstm) => lstm.order(),
            Self::Gru(gru) => gru.order(),
            Self::Rnn(rnn) => rnn.order(),
            Self::Clockwork(clockwork) => clockwork.order(),
        }
    }
}
