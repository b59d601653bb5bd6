//! Recurrent layers over a whole segment, forward and backward through time, each as one candle operation: big matrix
//! products, everything between them in fused loops. A graph of single operations spends most of its time on the small ones.
//!
//! Rows are `[step][stream]` everywhere. The streams are spread over the threads of rayon's pool; no number depends on how.
//! Gradients of variables do not go through candle's store but into a [`Sink`].

mod clockwork;
mod gru;
mod lstm;
mod parallel;
mod product;
mod sequence;
mod shared;
mod vanilla;
mod weights;

pub(crate) use crate::nn::grad::View;
pub(crate) use parallel::{for_each, threads};
pub(crate) use product::{Packed, add_rows, multiply_rows};
pub(crate) use sequence::Sequence;
pub(crate) use shared::{LayerState, sum_rows};

use super::{gradient::Sink, tensors::values_of, workspace::Workspace};
use crate::nn::Cell;
use candle_core::{CpuStorage, CustomOp2, Device, Error, Layout, Result, Shape, Tensor};
use shared::{Run, Sizes};
use std::sync::{Arc, Mutex};
use weights::{Weights, WeightsMut};

/// A layer's kind and size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layer {
    pub cell: Cell,
    pub inputs: usize,
    pub hidden: usize,
    pub clock_groups: usize,
    /// Nothing below wants a gradient: that of the input is not computed.
    pub lowest: bool,
}

impl Layer {
    /// Changes the random numbers with which a tensor of `rnn` begins. `forget_bias` is added to the bias of an LSTM's forget gate
    /// (Jozefowicz et al. 2015); what a clockwork has no use for is 0.
    pub fn prepare(&self, tensor: &str, weights: &mut [f32], forget_bias: f32) {
        let hidden = self.hidden;
        match self.cell {
            Cell::Lstm if tensor.contains("bias_ih") => {
                weights[hidden..2 * hidden].iter_mut().for_each(|b| *b += forget_bias);
            }
            Cell::Clockwork if tensor.contains("weight_hh") => {
                let group = hidden / self.clock_groups;
                for (unit, row) in weights.chunks_exact_mut(hidden).enumerate() {
                    row[..unit / group * group].fill(0.0);
                }
            }
            Cell::Lstm | Cell::Gru | Cell::RnnTanh | Cell::RnnRelu | Cell::Clockwork => {}
        }
    }

    /// Runs the layer over `x` `(steps · streams, inputs)` from `state`. `heard`: factors of the h that the recurrence hears,
    /// `[step][stream][hidden]`; none: h as it is. Returns h of all steps, `(steps · streams, hidden)`, in the graph, and the state
    /// after the last one, outside of it.
    pub fn run(
        self,
        x: &Tensor,
        variables: Variables,
        state: &LayerState,
        heard: Option<Vec<f32>>,
        tools: &Tools,
    ) -> Result<(Tensor, LayerState)> {
        let streams = state.h.len() / self.hidden;
        let steps = x.dim(0)? / streams;
        let sizes = Sizes { steps, streams, inputs: self.inputs, hidden: self.hidden };
        let bias = variables.tensors[2].clone();
        let (start, tools) = (state.clone(), tools.clone());
        let mut op =
            LayerOp { layer: self, sizes, variables, start, heard, tools, h: Mutex::default(), pass: Pass::Stateless };
        let (h, pass) = op.with([x], |[_], run| self.forward(run))?;
        let last = (steps - 1) * streams * self.hidden;
        let next = LayerState {
            h: h[last..].to_vec(),
            c: match &pass {
                Pass::Lstm(pass) => pass.last_cells(sizes),
                _ => Vec::new(),
            },
            tick: state.tick + steps as u64,
        };
        (op.h, op.pass) = (Mutex::new(Some(h)), pass);
        // One of the variables stands for all: it puts the operation into the graph.
        Ok((x.apply_op2(&bias, op)?, next))
    }

    fn forward(self, run: &Run<'_>) -> (Vec<f32>, Pass) {
        match self.cell {
            Cell::Lstm => {
                let (h, pass) = lstm::Pass::run(run);
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

    /// Fills `grad` and returns the gradient of x, if it is wanted.
    fn backward(
        self,
        run: &Run<'_>,
        pass: &Pass,
        h: &[f32],
        grad_h: &[f32],
        grad: &mut WeightsMut<'_>,
    ) -> Option<Vec<f32>> {
        let wants_x = !self.lowest;
        let of_sums = match (pass, self.cell) {
            (Pass::Lstm(pass), _) => {
                let of_sums = pass.backward(run, grad_h);
                if !grad.peephole.is_empty() {
                    pass.peephole_gradient(&run.start.c, &of_sums, self.hidden, grad.peephole);
                }
                of_sums
            }
            (Pass::Gru(pass), _) => {
                let heard = run.all_heard(h);
                let of_sums = pass.backward(run, &heard, grad_h);
                return gru::Pass::gradients(run, &of_sums, &heard, grad, wants_x);
            }
            (Pass::Stateless, Cell::Clockwork) => {
                return clockwork::backward(run, self.clock_groups, h, grad_h, grad, wants_x);
            }
            (Pass::Stateless, Cell::RnnRelu) => vanilla::backward::<true>(run, h, grad_h),
            (Pass::Stateless, _) => vanilla::backward::<false>(run, h, grad_h),
        };
        run.gradients(&of_sums, h, grad, wants_x)
    }
}

/// The variables of a layer in the order of [`LAYER_TENSORS`](crate::model::LAYER_TENSORS); the last one is missing without peepholes.
pub(crate) struct Variables {
    /// Under which their gradients are found.
    pub names: [String; 5],
    pub tensors: Vec<Tensor>,
}

/// What the operations of a network share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tools {
    /// Memory.
    pub work: Arc<Workspace>,
    /// Where they leave the gradients of variables.
    pub sink: Arc<Sink>,
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
    variables: Variables,
    start: LayerState,
    heard: Option<Vec<f32>>,
    tools: Tools,
    /// Until the graph takes it.
    h: Mutex<Option<Vec<f32>>>,
    pass: Pass,
}

impl LayerOp {
    /// Reads x, other tensors and the variables.
    fn with<const N: usize, R>(
        &self,
        tensors: [&Tensor; N],
        read: impl FnOnce([&[f32]; N], &Run<'_>) -> R,
    ) -> Result<R> {
        let all: Vec<&Tensor> = tensors.into_iter().chain(&self.variables.tensors).collect();
        values_of(&all, |slices| {
            let (tensors, weights) = slices.split_at(N);
            let run = Run {
                sizes: self.sizes,
                x: tensors[0],
                weights: Weights::of(weights),
                start: &self.start,
                heard: self.heard.as_deref(),
                work: &self.tools.work,
            };
            read(std::array::from_fn(|k| tensors[k]), &run)
        })
    }
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

    fn bwd(&self, x: &Tensor, _: &Tensor, h: &Tensor, grad_h: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let names: [&str; 5] = std::array::from_fn(|part| &self.variables.names[part][..]);
        let lengths = std::array::from_fn(|part| self.variables.tensors.get(part).map_or(0, Tensor::elem_count));
        let mut gradients = self.tools.sink.take(names, lengths);
        let grad_x = self.with([x, h, &grad_h.contiguous()?], |[_, h, grad_h], run| {
            self.layer.backward(run, &self.pass, h, grad_h, &mut WeightsMut::of(&mut gradients))
        })?;
        self.tools.sink.put(names, gradients);
        Ok((grad_x.map(|grad| Tensor::from_vec(grad, x.shape(), &Device::Cpu)).transpose()?, None))
    }
}
