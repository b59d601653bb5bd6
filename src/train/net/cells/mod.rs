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
mod steps;
mod vanilla;
mod weights;

pub(crate) use crate::nn::grad::View;
pub(crate) use parallel::{for_each, threads};
pub(crate) use product::{Packed, add_rows, multiply_rows};
pub(crate) use sequence::Sequence;
pub(crate) use shared::{LayerState, sum_rows};
pub(crate) use steps::Steps;

use super::{
    gradient::Sink,
    tensors::values_of,
    workspace::{Buffer, Workspace},
};
use crate::nn::Cell;
use candle_core::{CpuStorage, CustomOp2, Device, Error, Layout, Result, Shape, Tensor};
use shared::{Run, Sizes, StateGradient};
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
        let (h, pass) = op.with([x], |[_], run| self.forward(run, &self.factors(run)))?;
        let last = (steps - 1) * streams * self.hidden;
        let next = LayerState { h: h[last..].to_vec(), c: pass.last_cells(sizes), tick: state.tick + steps as u64 };
        (op.h, op.pass) = (Mutex::new(Some(h)), pass);
        // One of the variables stands for all: it puts the operation into the graph.
        Ok((x.apply_op2(&bias, op)?, next))
    }

    /// What a forward pass multiplies with.
    fn factors(self, run: &Run<'_>) -> Vec<Packed> {
        match self.cell {
            Cell::Clockwork => clockwork::factors(run, self.clock_groups),
            Cell::Lstm | Cell::Gru | Cell::RnnTanh | Cell::RnnRelu => {
                [run.weight_ih(), run.weight_hh()].map(|weight| Packed::new(weight.t(), run.work)).into()
            }
        }
    }

    /// What a backward pass multiplies with. `wants_x`: it is asked for the gradient of x.
    fn factors_back(self, run: &Run<'_>, wants_x: bool) -> Vec<Packed> {
        let of_x = wants_x.then(|| Packed::new(run.weight_ih(), run.work));
        match self.cell {
            Cell::Clockwork => clockwork::factors_back(run, self.clock_groups),
            Cell::Gru => gru::Pass::factors_back(run).into_iter().chain(of_x).collect(),
            Cell::Lstm | Cell::RnnTanh | Cell::RnnRelu => {
                std::iter::once(Packed::new(run.weight_hh(), run.work)).chain(of_x).collect()
            }
        }
    }

    fn forward(self, run: &Run<'_>, factors: &[Packed]) -> (Vec<f32>, Pass) {
        match self.cell {
            Cell::Lstm => {
                let (h, pass) = lstm::Pass::run(run, factors);
                (h, Pass::Lstm(pass))
            }
            Cell::Gru => {
                let (h, pass) = gru::Pass::run(run, factors);
                (h, Pass::Gru(pass))
            }
            Cell::RnnTanh => (vanilla::forward::<false>(run, factors), Pass::Stateless),
            Cell::RnnRelu => (vanilla::forward::<true>(run, factors), Pass::Stateless),
            Cell::Clockwork => (clockwork::forward(run, self.clock_groups, factors), Pass::Stateless),
        }
    }

    /// The gradient of the sums before the functions, from which those of the weights follow, and that of x, if it is
    /// wanted. Moves `of_state` from the end to the start.
    fn backward(
        self,
        run: &Run<'_>,
        pass: &Pass,
        [h, grad_h]: [&[f32]; 2],
        of_state: &mut StateGradient,
        factors: &[Packed],
        wants_x: bool,
    ) -> (Buffer, Option<Vec<f32>>) {
        let of_sums = match (pass, self.cell) {
            (Pass::Lstm(pass), _) => pass.backward(run, grad_h, of_state, &factors[0]),
            (Pass::Gru(pass), _) => pass.backward(run, &run.all_heard(h), grad_h, of_state, factors),
            (Pass::Stateless, Cell::Clockwork) => {
                return clockwork::backward(run, self.clock_groups, [h, grad_h], of_state, factors, wants_x);
            }
            (Pass::Stateless, Cell::RnnRelu) => vanilla::backward::<true>(run, h, grad_h, of_state, &factors[0]),
            (Pass::Stateless, _) => vanilla::backward::<false>(run, h, grad_h, of_state, &factors[0]),
        };
        let of_x = wants_x.then(|| {
            let of_input = match self.cell {
                Cell::Gru => gru::of_input(run.sizes, &of_sums),
                _ => View::whole(&of_sums, run.sizes.rows(), run.weights.bias_ih.len()),
            };
            run.grad_x(of_input, &factors[factors.len() - 1])
        });
        (of_sums, of_x)
    }

    /// Fills `grad`, the gradients of the weights, from that of the sums.
    fn gradients(self, run: &Run<'_>, h: &[f32], of_sums: &[f32], grad: &mut WeightsMut<'_>) {
        match self.cell {
            Cell::Gru => gru::Pass::gradients(run, of_sums, &run.all_heard(h), grad),
            Cell::Clockwork => clockwork::gradients(run, self.clock_groups, of_sums, h, grad),
            Cell::Lstm | Cell::RnnTanh | Cell::RnnRelu => run.gradients(of_sums, h, grad),
        }
        grad.peephole.fill(0.0);
    }

    /// A backward pass over a whole segment: fills `grad` and returns the gradient of x, unless the layer is the lowest.
    fn backward_whole(
        self,
        run: &Run<'_>,
        pass: &Pass,
        [h, grad_h]: [&[f32]; 2],
        grad: &mut WeightsMut<'_>,
    ) -> Option<Vec<f32>> {
        let wants_x = !self.lowest;
        let mut of_state = StateGradient::zeros(run.sizes.streams, self.hidden, false);
        let factors = self.factors_back(run, wants_x);
        let (of_sums, of_x) = self.backward(run, pass, [h, grad_h], &mut of_state, &factors, wants_x);
        self.gradients(run, h, &of_sums, grad);
        pass.add_peephole_gradient(run.start, &of_sums, self.hidden, grad.peephole);
        of_x
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

impl Pass {
    /// c after the last step, `[stream][hidden]`; empty where the cell has none.
    fn last_cells(&self, sizes: Sizes) -> Vec<f32> {
        match self {
            Self::Lstm(pass) => pass.last_cells(sizes),
            Self::Gru(_) | Self::Stateless => Vec::new(),
        }
    }

    /// Adds the gradient of the peepholes, where there are some, from that of the sums.
    fn add_peephole_gradient(&self, start: &LayerState, of_sums: &[f32], hidden: usize, grad: &mut [f32]) {
        if let Self::Lstm(pass) = self
            && !grad.is_empty()
        {
            pass.add_peephole_gradient(&start.c, of_sums, hidden, grad);
        }
    }
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
            self.layer.backward_whole(run, &self.pass, [h, grad_h], &mut WeightsMut::of(&mut gradients))
        })?;
        self.tools.sink.put(names, gradients);
        Ok((grad_x.map(|grad| Tensor::from_vec(grad, x.shape(), &Device::Cpu)).transpose()?, None))
    }
}
