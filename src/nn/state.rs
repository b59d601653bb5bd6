//! What one continuation remembers of a stack.

use super::{
    Precision,
    cell::{
        StackShape,
        layer::{LayerMemory, LayerVoice},
    },
    sliding::{SlidingBank, SlidingState},
};
use crate::dsp::random::Random;

const OTHER: &str = "a state of another stack";

/// What one continuation remembers, and the scratch of its steps.
#[derive(Clone, Debug)]
pub struct StackState {
    layers: Vec<LayerState>,
    /// The first layer's window, where it slides.
    window: Option<SlidingState>,
    residual: bool,
    /// Some mask is not all ones.
    has_dropout: bool,
    /// Steps since the last reset.
    step: u64,
}

#[derive(Clone, Debug)]
struct LayerState {
    memory: LayerMemory,
    /// x, where a mask changes it.
    masked: Vec<f32>,
    /// What the layer above hears, where that is not h.
    output: Vec<f32>,
    /// 1, or with dropout 0 and 1 / keep. `[inputs]`, `[hidden]`
    input_mask: Vec<f32>,
    output_mask: Vec<f32>,
}

impl StackState {
    pub(super) fn new(shape: StackShape, layers: usize, precision: Precision, window: Option<&SlidingBank>) -> Self {
        let layer_state = |index| {
            let head = window.filter(|_| index == 0).map(SlidingBank::head);
            let (inputs, hidden) = (head.unwrap_or(shape.inputs_of(index)), shape.hidden);
            let cell = shape.cell.info();
            LayerState {
                memory: LayerMemory::new(inputs, hidden, cell.gates, cell.has_c, precision),
                masked: vec![0.0; inputs],
                output: vec![0.0; hidden],
                input_mask: vec![1.0; inputs],
                output_mask: vec![1.0; hidden],
            }
        };
        Self {
            layers: (0..layers).map(layer_state).collect(),
            window: window.map(SlidingBank::make_state),
            residual: shape.residual,
            has_dropout: false,
            step: 0,
        }
    }

    /// Back to zeros and step 0. Dropout stays as it is.
    pub fn reset(&mut self) {
        for layer in &mut self.layers {
            layer.memory.reset();
            layer.output.fill(0.0);
        }
        if let Some(window) = &mut self.window {
            window.reset();
        }
        self.step = 0;
    }

    /// Becomes what another state of the same stack is.
    ///
    /// # Realtime safety
    /// Does not allocate, but where the first layer's window slides.
    ///
    /// # Panics
    /// If the other one is a state of another stack.
    pub fn copy_from(&mut self, other: &Self) {
        assert_eq!(self.layers.len(), other.layers.len(), "{OTHER}");
        for (layer, other) in self.layers.iter_mut().zip(&other.layers) {
            layer.memory.copy_from(&other.memory);
            layer.output.copy_from_slice(&other.output);
            layer.input_mask.copy_from_slice(&other.input_mask);
            layer.output_mask.copy_from_slice(&other.output_mask);
        }
        self.window.clone_from(&other.window);
        (self.residual, self.has_dropout, self.step) = (other.residual, other.has_dropout, other.step);
    }

    /// From the next step on the stack is another of the same shape.
    pub fn change_stack(&mut self) {
        if let Some(window) = &mut self.window {
            window.change_bank();
        }
    }

    /// What a window held before the next step.
    pub(super) fn prime(&mut self, bank: &SlidingBank, write: impl FnOnce(&mut [f32])) {
        bank.prime(self.window.as_mut().expect(OTHER), write);
    }

    /// The window moves on.
    pub(super) fn hear(&mut self, bank: &SlidingBank, input: &[f32]) {
        assert_eq!(input.len(), 1, "a step takes the newest number of a window");
        bank.step(self.window.as_mut().expect(OTHER), input[0]);
    }

    /// Draws which inputs and outputs of every layer are silenced from now on; those kept are divided by the probability
    /// of being kept. A probability of 1 draws nothing. [`Self::output`] means something again after the next step. The input that a residual layer adds is not masked.
    ///
    /// # Realtime safety
    /// Does not allocate.
    pub fn draw_dropout(&mut self, input_keep: f32, output_keep: f32, random: &mut Random) {
        // The oldest inputs first, as they lie in the window.
        if let Some(window) = &mut self.window {
            window.draw_dropout(input_keep, random);
        }
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
        self.has_dropout = input_keep < 1.0 || output_keep < 1.0;
    }

    /// Sets the gains of every layer's outputs: `write` gets the index of a layer's first unit among those of all layers, and
    /// the layer's gains. [`Self::output`] means something again after the next step.
    ///
    /// # Realtime safety
    /// Does not allocate.
    pub fn mask_outputs(&mut self, mut write: impl FnMut(usize, &mut [f32])) {
        let mut first = 0;
        for layer in &mut self.layers {
            write(first, &mut layer.output_mask);
            first += layer.output_mask.len();
        }
        self.has_dropout = true;
    }

    /// Units of all layers.
    pub fn units(&self) -> usize {
        self.layers.iter().map(|layer| layer.output_mask.len()).sum()
    }

    /// The top layer's output, `[hidden]`.
    #[inline]
    pub fn output(&self) -> &[f32] {
        self.layers.last().map_or(&[], |layer| layer.heard(self.has_own_outputs()))
    }

    fn has_own_outputs(&self) -> bool {
        self.residual || self.has_dropout
    }

    /// A layer's part in a step.
    #[inline(always)]
    pub(super) fn layer_voice<'a>(&'a mut self, index: usize, input: &'a [f32]) -> LayerVoice<'a> {
        let own_outputs = self.has_own_outputs();
        let (below, here) = self.layers.split_at_mut(index);
        let LayerState { memory, masked, input_mask, .. } = &mut here[0];
        let window = self.window.as_ref().filter(|_| index == 0);
        let mut x = match window {
            Some(window) => window.newest(masked.len()),
            None => below.last().map_or(input, |below| below.heard(own_outputs)),
        };
        assert_eq!(x.len(), masked.len(), "{OTHER}");
        if self.has_dropout {
            masked.iter_mut().zip(x).zip(&*input_mask).for_each(|((slot, x), mask)| *slot = x * mask);
            x = masked;
        }
        LayerVoice { x, initial: window.map(SlidingState::sums), memory, step: self.step }
    }

    /// What the layer above hears.
    #[inline(always)]
    pub(super) fn finish_layer(&mut self, index: usize, input: &[f32]) {
        if !self.has_own_outputs() {
            return;
        }
        let (below, here) = self.layers.split_at_mut(index);
        let input = self.window.as_ref().map_or(input, SlidingState::whole);
        let x = below.last().map_or(input, |below| &below.output[..]);
        here[0].mask_output();
        if self.residual && x.len() == here[0].output.len() {
            here[0].output.iter_mut().zip(x).for_each(|(y, x)| *y += x);
        }
    }

    pub(super) fn finish_step(&mut self) {
        self.step += 1;
    }
}

impl LayerState {
    fn heard(&self, own_output: bool) -> &[f32] {
        if own_output { &self.output } else { self.memory.h() }
    }

    fn mask_output(&mut self) {
        let LayerState { memory, output, output_mask, .. } = self;
        output.iter_mut().zip(memory.h()).zip(&*output_mask).for_each(|((slot, h), mask)| *slot = h * mask);
    }
}
