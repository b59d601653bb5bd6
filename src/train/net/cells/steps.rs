//! A layer that is run step by step, for networks that hear what they said themselves a step before: what it hears is not
//! known any sooner. Back through time it goes step by step, too; the weights' gradients are one product at the end.

use super::{
    Layer, Pass,
    product::Packed,
    shared::{LayerState, Run, Sizes, StateGradient},
    weights::{Weights, WeightsMut},
};
use crate::train::net::workspace::Workspace;
use std::sync::Arc;

/// The steps that were made.
pub(crate) struct Steps<'a> {
    layer: Layer,
    /// Of a single step.
    sizes: Sizes,
    weights: Weights<'a>,
    factors: Vec<Packed>,
    /// Of every step the state before it, and what its backward pass needs.
    passes: Vec<(LayerState, Pass)>,
    /// `[step][stream][input]`
    x: Vec<f32>,
    /// `[step][stream][hidden]`
    h: Vec<f32>,
    /// After the last step.
    state: LayerState,
    work: Arc<Workspace>,
}

/// A way back through the steps.
pub(crate) struct Backwards {
    factors: Vec<Packed>,
    of_state: StateGradient,
    /// Gradients of the sums before the functions, of the steps that are done, the last one first.
    of_sums: Vec<Vec<f32>>,
}

impl<'a> Steps<'a> {
    /// No step yet. `weights` are in the order of [`LAYER_TENSORS`](crate::model::LAYER_TENSORS).
    pub fn new(layer: Layer, weights: &[&'a [f32]], start: LayerState, work: &Arc<Workspace>) -> Self {
        let sizes =
            Sizes { steps: 1, streams: start.h.len() / layer.hidden, inputs: layer.inputs, hidden: layer.hidden };
        let weights = Weights::of(weights);
        let run = Run { sizes, x: &[], weights, start: &start, heard: None, work };
        let factors = layer.factors(&run);
        let (passes, x, h) = (Vec::new(), Vec::new(), Vec::new());
        Self { layer, sizes, weights, factors, passes, x, h, state: start, work: Arc::clone(work) }
    }

    /// One step over `x`, `[stream][input]`. Returns h, `[stream][hidden]`.
    pub fn step(&mut self, x: &[f32]) -> &[f32] {
        let start = self.state.clone();
        let Self { sizes, weights, .. } = *self;
        let run = Run { sizes, x, weights, start: &start, heard: None, work: &self.work };
        let (h, pass) = self.layer.forward(&run, &self.factors);
        self.state = LayerState { c: pass.last_cells(sizes), tick: start.tick + 1, h };
        self.passes.push((start, pass));
        self.x.extend_from_slice(x);
        self.h.extend_from_slice(&self.state.h);
        &self.state.h
    }

    /// The way back, from the last step on; on the state after it nothing depends.
    ///
    /// # Panics
    /// If no step was made.
    pub fn backwards(&self) -> Backwards {
        let run = self.run(0..1);
        Backwards {
            // Of the lowest layer, too: it may have heard what it said.
            factors: self.layer.factors_back(&run, true),
            of_state: StateGradient::zeros(self.sizes.streams, self.sizes.hidden),
            of_sums: Vec::new(),
        }
    }

    /// One step back: from the gradient of its h to that of its x, `[stream][input]`.
    ///
    /// # Panics
    /// If all steps are done.
    pub fn step_back(&self, back: &mut Backwards, grad_h: &[f32]) -> Vec<f32> {
        let step = self.passes.len() - 1 - back.of_sums.len();
        let width = self.sizes.streams * self.sizes.hidden;
        let h = &self.h[step * width..][..width];
        let (run, pass) = (self.run(step..step + 1), &self.passes[step].1);
        let (of_sums, of_x) = self.layer.backward(&run, pass, [h, grad_h], &mut back.of_state, &back.factors, true);
        back.of_sums.push(of_sums.to_vec());
        of_x.unwrap_or_default()
    }

    /// Fills `grad`, the gradients of the weights, once all steps are done.
    pub fn gradients(&self, back: &Backwards, grad: &mut [Vec<f32>; 5]) {
        let mut grad = WeightsMut::of(grad);
        let of_sums: Vec<f32> = back.of_sums.iter().rev().flatten().copied().collect();
        self.layer.gradients(&self.run(0..self.passes.len()), &self.h, &of_sums, &mut grad);
        for ((start, pass), of_sums) in self.passes.iter().zip(back.of_sums.iter().rev()) {
            pass.add_peephole_gradient(start, of_sums, self.sizes.hidden, grad.peephole);
        }
    }

    fn run(&self, steps: std::ops::Range<usize>) -> Run<'_> {
        let width = self.sizes.streams * self.sizes.inputs;
        Run {
            sizes: Sizes { steps: steps.len(), ..self.sizes },
            x: &self.x[steps.start * width..steps.end * width],
            weights: self.weights,
            start: &self.passes[steps.start].0,
            heard: None,
            work: &self.work,
        }
    }
}
