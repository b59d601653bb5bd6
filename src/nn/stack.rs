//! Layers of recurrent cells on top of each other, one step at a time.

use super::{
    Isa, Precision,
    cell::{Layer, StackShape, layer::LayerWeights},
    sliding::{Filter, HEAD, SlidingBank},
    state::StackState,
};

/// The weights of all layers; shared by any number of states.
#[derive(Clone, Debug)]
pub struct Stack {
    shape: StackShape,
    layers: Vec<Layer>,
    precision: Precision,
    /// Where the first layer hears a window that slides: what its older numbers give.
    window: Option<SlidingBank>,
}

/// Something that steps through a [`Stack`] together with others.
pub trait Stepping {
    /// What it hears in this step (`[inputs]`, or the newest number of a window), and its state.
    fn parts(&mut self) -> (&[f32], &mut StackState);
}

impl Stack {
    /// Packs the weights.
    ///
    /// # Panics
    /// If a length does not fit, or the groups of a clockwork do not divide the width.
    pub fn new(shape: StackShape, layers: &[LayerWeights<'_>], precision: Precision, isa: Isa) -> Self {
        let layer = |(index, weights)| Layer::new(&shape, index, weights, precision, isa);
        let layers = layers.iter().enumerate().map(layer).collect();
        Self { shape, layers, precision, window: None }
    }

    /// As [`Self::new`] for an input that is a window over a stream, the newest number last, which moves on by one number a
    /// step. A step takes that one number. The first layer's product with the window is then a bank of filters, and computed
    /// as such: see [`Self::prime`] for what was before the first step.
    ///
    /// # Panics
    /// As [`Self::new`], or if there is no layer or no input.
    pub fn sliding(shape: StackShape, layers: &[LayerWeights<'_>], precision: Precision, isa: Isa) -> Self {
        let inputs = shape.inputs;
        let head = inputs.min(HEAD);
        let rows = layers[0].weight_ih.chunks_exact(inputs);
        let newest: Vec<f32> = rows.flat_map(|row| &row[inputs - head..]).copied().collect();
        let mut parts = layers.to_vec();
        parts[0].weight_ih = &newest;
        let stack = Self::new(StackShape { inputs: head, ..shape }, &parts, precision, isa);
        let bias = stack.layers[0].bias_of_x(&layers[0]);
        let filters: Vec<Filter<'_>> = stack.layers[0]
            .order()
            .iter()
            .map(|row| match row {
                Some(row) => Filter {
                    weights: &layers[0].weight_ih[row.source * inputs..][..inputs],
                    bias: bias[row.source],
                    factor: row.factor,
                },
                None => Filter { weights: &[], bias: 0.0, factor: 1.0 },
            })
            .collect();
        Self { shape, window: Some(SlidingBank::new(inputs, &filters, isa)), ..stack }
    }

    /// What a window that slides held before the next step: `write` gets its last `inputs − 1` numbers, the newest last. To be
    /// called between a reset and the first step; without it they are zeros. Nothing with other inputs.
    ///
    /// # Realtime safety
    /// Does not allocate.
    pub fn prime(&self, state: &mut StackState, write: impl FnOnce(&mut [f32])) {
        if let Some(bank) = &self.window {
            state.prime(bank, write);
        }
    }

    /// What the layers share.
    pub fn shape(&self) -> StackShape {
        self.shape
    }

    /// Bytes that a step reads; of a clockwork a step in which all groups move, of a bank of filters the mean.
    pub fn bytes(&self) -> usize {
        self.layers.iter().map(Layer::bytes).sum::<usize>() + self.window.as_ref().map_or(0, SlidingBank::bytes)
    }

    /// A zero state without dropout. Allocates.
    pub fn make_state(&self) -> StackState {
        StackState::new(self.shape, self.layers.len(), self.precision, self.window.as_ref())
    }

    /// One step: reads `input` (`[inputs]`, or the newest number of a window), moves the state, returns the top layer's output (`[hidden]`).
    ///
    /// # Realtime safety
    /// Does not allocate.
    ///
    /// # Panics
    /// If `input` has another length or the state belongs to a stack of another shape.
    pub fn step<'s>(&self, input: &[f32], state: &'s mut StackState) -> &'s [f32] {
        self.run(&mut [StepParts { input, state: &mut *state }]);
        state.output()
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
        if let Some(bank) = &self.window {
            voices.iter_mut().for_each(|voice| voice.state.hear(bank, voice.input));
        }
        for (index, layer) in self.layers.iter().enumerate() {
            // A voice alone is not built and then moved into place: its step would wait for that.
            if let [voice] = &mut voices[..] {
                layer.step(&mut [voice.state.layer_voice(index, voice.input)]);
            } else {
                layer.step(&mut voices.each_mut().map(|voice| voice.state.layer_voice(index, voice.input)));
            }
            voices.iter_mut().for_each(|voice| voice.state.finish_layer(index, voice.input));
        }
        voices.iter_mut().for_each(|voice| voice.state.finish_step());
    }
}

/// One voice in a step.
struct StepParts<'a> {
    input: &'a [f32],
    state: &'a mut StackState,
}

impl<'a> StepParts<'a> {
    fn of<V: Stepping>(voice: &'a mut V) -> Self {
        let (input, state) = voice.parts();
        Self { input, state }
    }
}
