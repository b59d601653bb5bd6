//! Recurrent layers over a whole segment, forward and backward through time, each as one candle operation: big matrix
//! products, everything between them in fused loops. A graph of single operations spends most of its time on the small ones.
//!
//! A layer's variables enter its operation as one flat tensor (see [`Weights`]); rows are `[step][stream]` everywhere. The
//! streams are spread over the threads of rayon's pool; a sum never depends on how.

mod clockwork;
mod gru;
mod lstm;
mod parallel;
mod product;
mod shared;
mod vanilla;
mod weights;

pub(super) use product::{View, multiply_rows};
pub(super) use shared::sum_rows;
pub(super) use weights::PARTS;

use super::tensors::values;
use crate::model::Cell;
use candle_core::{CpuStorage, CustomOp2, Device, Error, Layout, Result, Shape, Tensor};
use shared::{Gradients, Run, Sizes};
use std::sync::Mutex;
use weights::Weights;

/// What a layer carries from segment to segment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LayerState {
    /// Outputs, `[stream][hidden]`.
    pub h: Vec<f32>,
    /// Cells, `[stream][hidden]`; empty but for an LSTM.
    pub c: Vec<f32>,
    /// Steps made. A clockwork cell's groups move by it; all streams share it.
    pub tick: u64,
}

impl LayerState {
    pub fn zeros(cell: Cell, streams: usize, hidden: usize) -> Self {
        let cells = if cell == Cell::Lstm { streams * hidden } else { 0 };
        Self { h: vec![0.0; streams * hidden], c: vec![0.0; cells], tick: 0 }
    }

    /// Forgets what the marked streams remember. The clock goes on.
    pub fn forget(&mut self, restarted: &[bool]) {
        for values in [&mut self.h, &mut self.c] {
            let width = values.len() / restarted.len();
            for (stream, _) in restarted.iter().enumerate().filter(|(_, restarted)| **restarted) {
                values[stream * width..][..width].fill(0.0);
            }
        }
    }
}

/// A layer's kind and size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layer {
    pub cell: Cell,
    pub inputs: usize,
    pub hidden: usize,
    pub peepholes: bool,
    pub clock_groups: usize,
    /// Nothing below wants a gradient: that of the input is not computed.
    pub lowest: bool,
}

impl Layer {
    /// Runs the layer over `x` `(steps · streams, inputs)` from `state`. `weights`: all variables of the layer, flattened one
    /// after the other in the order of [`PARTS`]. `heard`: factors of the h that the recurrence hears,
    /// `[step][stream][hidden]`; none: h as it is. Returns h of all steps, `(steps · streams, hidden)`, in the graph, and the state
    /// after the last one, outside of it.
    pub fn run(
        self,
        x: &Tensor,
        weights: &Tensor,
        state: &LayerState,
        heard: Option<Vec<f32>>,
    ) -> Result<(Tensor, LayerState)> {
        let streams = state.h.len() / self.hidden;
        let steps = x.dim(0)? / streams;
        let sizes = Sizes { steps, streams, inputs: self.inputs, hidden: self.hidden };
        let (h, pass) = values([x, weights], |[x, weights]| {
            let weights = Weights::of(self, weights);
            self.forward(&Run { sizes, x, weights, start: state, heard: heard.as_deref() })
        })?;
        let last = (steps - 1) * streams * self.hidden;
        let next = LayerState {
            h: h[last..].to_vec(),
            c: match &pass {
                Pass::Lstm(pass) => pass.last_cells(sizes),
                _ => Vec::new(),
            },
            tick: state.tick + steps as u64,
        };
        let op = LayerOp { layer: self, sizes, start: state.clone(), heard, h: Mutex::new(Some(h)), pass };
        Ok((x.apply_op2(weights, op)?, next))
    }

    fn forward(self, run: &Run<'_>) -> (Vec<f32>, Pass) {
        match self.cell {
            Cell::Lstm => {
                let (h, pass) = lstm::Pass::run(run, self.peepholes);
                (h, Pass::Lstm(pass))
            }
            Cell::Gru => {
                let (h, pass) = gru::Pass::run(run);
                (h, Pass::Gru(pass))
            }
            Cell::RnnTanh => (vanilla::forward::<false>(run), Pass::Stateless),
            Cell::RnnRelu => (vanilla::forward::<true>(run), Pass::Stateless),
            Cell::Clockwork => (clockwork::forward(run, self.clock_groups), Pass::Stateless),
        }
    }

    fn backward(self, run: &Run<'_>, pass: &Pass, h: &[f32], grad_h: &[f32]) -> Gradients {
        match (pass, self.cell) {
            (Pass::Lstm(pass), _) => pass.backward(run, self, h, grad_h),
            (Pass::Gru(pass), _) => pass.backward(run, self, h, grad_h),
            (Pass::Stateless, Cell::RnnRelu) => vanilla::backward::<true>(run, self, h, grad_h),
            (Pass::Stateless, Cell::Clockwork) => clockwork::backward(run, self, h, grad_h),
            (Pass::Stateless, _) => vanilla::backward::<false>(run, self, h, grad_h),
        }
    }
}

/// Everything of a forward pass, besides h, that the backward pass needs.
enum Pass {
    Lstm(lstm::Pass),
    Gru(gru::Pass),
    Stateless,
}

/// Puts a finished forward pass into the graph.
struct LayerOp {
    layer: Layer,
    sizes: Sizes,
    start: LayerState,
    heard: Option<Vec<f32>>,
    /// Until the graph takes it.
    h: Mutex<Option<Vec<f32>>>,
    pass: Pass,
}

impl CustomOp2 for LayerOp {
    fn name(&self) -> &'static str {
        "recurrent layer"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        let h = self.h.lock().ok().and_then(|mut h| h.take());
        let h = h.ok_or_else(|| Error::Msg("a layer's operation is put into the graph once".into()))?;
        Ok((CpuStorage::F32(h), (self.sizes.rows(), self.sizes.hidden).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weights: &Tensor,
        h: &Tensor,
        grad_h: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad_h = grad_h.contiguous()?;
        let gradients = values([x, weights, h, &grad_h], |[x, weights, h, grad_h]| {
            let weights = Weights::of(self.layer, weights);
            let run = Run { sizes: self.sizes, x, weights, start: &self.start, heard: self.heard.as_deref() };
            self.layer.backward(&run, &self.pass, h, grad_h)
        })?;
        let grad_x = gradients.x.map(|grad| Tensor::from_vec(grad, x.shape(), &Device::Cpu)).transpose()?;
        Ok((grad_x, Some(Tensor::from_vec(gradients.weights, weights.shape(), &Device::Cpu)?)))
    }
}
