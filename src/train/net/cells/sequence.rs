//! A layer over a segment outside of candle's graph, for networks that know their own backward pass.

use super::{
    Layer, Pass,
    shared::{LayerState, Run, Sizes},
    weights::{Weights, WeightsMut},
};
use crate::train::net::workspace::Workspace;
use std::sync::Arc;

/// A finished forward pass.
pub(crate) struct Sequence {
    layer: Layer,
    sizes: Sizes,
    start: LayerState,
    pass: Pass,
    /// Outputs of all steps, `[step][stream][hidden]`.
    pub h: Vec<f32>,
}

impl Sequence {
    /// Runs `layer` over `x`, `[step][stream][input]`, from `start`. `weights` are in the order of [`LAYER_TENSORS`](crate::model::LAYER_TENSORS).
    pub fn run(layer: Layer, x: &[f32], weights: &[&[f32]], start: LayerState, work: &Arc<Workspace>) -> Self {
        let streams = start.h.len() / layer.hidden;
        let steps = x.len() / layer.inputs / streams;
        let sizes = Sizes { steps, streams, inputs: layer.inputs, hidden: layer.hidden };
        let run = Run { sizes, x, weights: Weights::of(weights), start: &start, heard: None, work };
        let (h, pass) = layer.forward(&run, &layer.factors(&run));
        Self { layer, sizes, start, pass, h }
    }

    /// The state after the last step.
    pub fn end(&self) -> LayerState {
        let last = (self.sizes.steps - 1) * self.sizes.streams * self.sizes.hidden;
        LayerState {
            h: self.h[last..].to_vec(),
            c: self.pass.last_cells(self.sizes),
            tick: self.start.tick + self.sizes.steps as u64,
        }
    }

    /// Fills `grad`, the gradients of the weights, from that of the outputs. Returns that of `x`, unless the layer is the lowest.
    /// `x` and `weights` are those of [`Self::run`].
    pub fn backward(
        &self,
        x: &[f32],
        weights: &[&[f32]],
        grad_h: &[f32],
        grad: &mut [Vec<f32>; 5],
        work: &Arc<Workspace>,
    ) -> Option<Vec<f32>> {
        let weights = Weights::of(weights);
        let run = Run { sizes: self.sizes, x, weights, start: &self.start, heard: None, work };
        self.layer.backward_whole(&run, &self.pass, [&self.h, grad_h], &mut WeightsMut::of(grad))
    }
}
