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
            of_state: StateGradient::zeros(self.sizes.streams, self.sizes.hidden, true),
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

#[cfg(test)]
mod tests {
    use super::{super::Sequence, *};
    use crate::{dsp::random::Random, nn::Cell};

    #[test]
    fn step_by_step_is_what_a_segment_is_there_and_back() {
        let (inputs, hidden, streams, steps) = (5, 8, 3, 7);
        let work = Arc::default();
        for cell in [Cell::Lstm, Cell::Gru, Cell::RnnTanh, Cell::RnnRelu, Cell::Clockwork] {
            let mut random = Random::new(7);
            let mut draw = |count: usize| (0..count).map(|_| 0.5 * random.normal()).collect::<Vec<f32>>();
            let layer = Layer { cell, inputs, hidden, clock_groups: 2, lowest: false };
            let gates = cell.gates();
            let peepholes = if cell == Cell::Lstm { 3 * hidden } else { 0 };
            let lengths = [gates * hidden * inputs, gates * hidden * hidden, gates * hidden, gates * hidden, peepholes];
            let mut weights = lengths.map(&mut draw);
            layer.prepare("rnn.weight_hh_l0", &mut weights[1], 0.0);
            let weights = weights.each_ref().map(Vec::as_slice);
            let c = if cell.info().has_c { draw(streams * hidden) } else { Vec::new() };
            let start = LayerState { h: draw(streams * hidden), c, tick: 3 };
            let (x, grad_h) = (draw(steps * streams * inputs), draw(steps * streams * hidden));
            let sequence = Sequence::run(layer, &x, &weights, start.clone(), &work);
            let mut expected = lengths.map(|length| vec![0.0; length]);
            let of_x = sequence.backward(&x, &weights, &grad_h, &mut expected, &work).expect("not the lowest");

            let mut one_by_one = Steps::new(layer, &weights, start, &work);
            let h: Vec<f32> = x.chunks_exact(streams * inputs).flat_map(|x| one_by_one.step(x).to_vec()).collect();
            let mut back = one_by_one.backwards();
            let found: Vec<Vec<f32>> =
                grad_h.chunks_exact(streams * hidden).rev().map(|g| one_by_one.step_back(&mut back, g)).collect();
            let mut gradients = lengths.map(|length| vec![9.0; length]);
            one_by_one.gradients(&back, &mut gradients);
            let close = |found: &[f32], expected: &[f32], what: &str| {
                let most = expected.iter().fold(0.0f32, |most, value| most.max(value.abs()));
                let differs = found.iter().zip(expected).position(|(a, b)| (a - b).abs() > 1e-5 * (1.0 + most));
                assert!(found.len() == expected.len() && differs.is_none(), "{cell:?}, {what}: at {differs:?}");
                assert!(most > 0.01 || expected.is_empty(), "{cell:?}, {what}: {most}");
            };
            close(&h, &sequence.h, "outputs");
            close(&found.into_iter().rev().flatten().collect::<Vec<_>>(), &of_x, "inputs");
            for (part, (found, expected)) in gradients.iter().zip(&expected).enumerate() {
                close(found, expected, &format!("weights {part}"));
            }
        }
    }
}
