//! The LSTM over a whole segment, forward and backward through time, as one candle operation: candle's matrix products,
//! everything between them in fused loops. A graph of single operations spends most of its time on the small ones.

use super::tensors::values;
use crate::nn::{sigmoid, tanh};
use candle_core::{CpuStorage, CustomOp3, Device, Layout, Result, Shape, Tensor};
use std::sync::Arc;

/// What a layer carries from segment to segment: h and c, `[stream][hidden]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LayerState {
    pub h: Vec<f32>,
    pub c: Vec<f32>,
}

impl LayerState {
    pub fn zeros(streams: usize, hidden: usize) -> Self {
        Self { h: vec![0.0; streams * hidden], c: vec![0.0; streams * hidden] }
    }

    /// Forgets what the marked streams remember.
    pub fn forget(&mut self, restarted: &[bool]) {
        let hidden = self.h.len() / restarted.len();
        for (stream, _) in restarted.iter().enumerate().filter(|(_, restarted)| **restarted) {
            self.h[stream * hidden..][..hidden].fill(0.0);
            self.c[stream * hidden..][..hidden].fill(0.0);
        }
    }
}

/// Runs a layer: `from_input` = W_ih·x for all steps, `(steps, streams, 4·hidden)` in the gate order i, f, g, o;
/// `weight_hh` `(4·hidden, hidden)`; `bias` `(4·hidden)`, the sum of PyTorch's two. Returns h of all steps,
/// `(steps, streams, hidden)`, in the graph, and the state after the last one, outside of it.
pub(super) fn lstm(
    from_input: &Tensor,
    weight_hh: &Tensor,
    bias: &Tensor,
    state: &LayerState,
) -> Result<(Tensor, LayerState)> {
    let (steps, streams, gates) = from_input.dims3()?;
    let pass = Pass::run(from_input, weight_hh, bias, state, Sizes { steps, streams, hidden: gates / 4 })?;
    let last = (steps - 1) * streams * gates / 4;
    let state = LayerState { h: pass.h[last..].to_vec(), c: pass.c[last..].to_vec() };
    Ok((from_input.apply_op3(weight_hh, bias, Lstm { pass: Arc::new(pass) })?, state))
}

#[derive(Clone, Copy)]
struct Sizes {
    steps: usize,
    streams: usize,
    hidden: usize,
}

/// Everything of a forward pass that the backward pass needs.
struct Pass {
    sizes: Sizes,
    start: LayerState,
    /// Gates after their functions, `[step][stream][i f g o]`.
    gates: Vec<f32>,
    /// Cells, `[step][stream][hidden]`.
    c: Vec<f32>,
    /// Outputs, `[step][stream][hidden]`.
    h: Vec<f32>,
}

impl Pass {
    fn run(from_input: &Tensor, weight_hh: &Tensor, bias: &Tensor, state: &LayerState, sizes: Sizes) -> Result<Self> {
        let Sizes { steps, streams, hidden } = sizes;
        let width = streams * hidden;
        let mut gates = values(from_input, <[f32]>::to_vec)?;
        let bias = values(bias, <[f32]>::to_vec)?;
        let (mut c, mut h) = (vec![0.0; steps * width], vec![0.0; steps * width]);
        // Contiguous, so that the product need not repack it at every step.
        let transposed = weight_hh.detach().t()?.contiguous()?;
        let arch = pulp::Arch::new();
        for step in 0..steps {
            let (c_before, c_here) = c.split_at_mut(step * width);
            let (h_before, h_here) = h.split_at_mut(step * width);
            let c_last = if step == 0 { &state.c[..] } else { &c_before[(step - 1) * width..] };
            let h_last = if step == 0 { &state.h[..] } else { &h_before[(step - 1) * width..] };
            let recurrent = Tensor::from_slice(h_last, (streams, hidden), &Device::Cpu)?.matmul(&transposed)?;
            let gates = &mut gates[step * 4 * width..][..4 * width];
            values(&recurrent, |recurrent| {
                for stream in 0..streams {
                    let (at, gates_at) = (stream * hidden, stream * 4 * hidden);
                    let row = Row {
                        gates: &mut gates[gates_at..][..4 * hidden],
                        recurrent: &recurrent[gates_at..][..4 * hidden],
                        bias: &bias,
                        c_last: &c_last[at..][..hidden],
                        c: &mut c_here[at..][..hidden],
                        h: &mut h_here[at..][..hidden],
                    };
                    arch.dispatch(
                        #[inline(always)]
                        || row.forward(),
                    );
                }
            })?;
        }
        Ok(Self { sizes, start: state.clone(), gates, c, h })
    }

    /// Gradient with respect to the gates before their functions, `[step][stream][4·hidden]`, from that of all h.
    fn backward(&self, weight_hh: &Tensor, grad_h: &[f32]) -> Result<Vec<f32>> {
        let Sizes { steps, streams, hidden } = self.sizes;
        let width = streams * hidden;
        let mut grad_gates = vec![0.0; steps * 4 * width];
        let mut grad_c = vec![0.0; width];
        let mut from_later = vec![0.0; width];
        let weight_hh = weight_hh.detach();
        let arch = pulp::Arch::new();
        for step in (0..steps).rev() {
            let c_last = if step == 0 { &self.start.c[..] } else { &self.c[(step - 1) * width..] };
            let here = &mut grad_gates[step * 4 * width..][..4 * width];
            for stream in 0..streams {
                let (at, gates_at) = (stream * hidden, stream * 4 * hidden);
                let row = BackwardRow {
                    grad_gates: &mut here[gates_at..][..4 * hidden],
                    gates: &self.gates[step * 4 * width + gates_at..][..4 * hidden],
                    c_last: &c_last[at..][..hidden],
                    c: &self.c[step * width + at..][..hidden],
                    grad_h: &grad_h[step * width + at..][..hidden],
                    from_later: &from_later[at..][..hidden],
                    grad_c: &mut grad_c[at..][..hidden],
                };
                arch.dispatch(
                    #[inline(always)]
                    || row.backward(),
                );
            }
            if step > 0 {
                let earlier = Tensor::from_slice(here, (streams, 4 * hidden), &Device::Cpu)?.matmul(&weight_hh)?;
                values(&earlier, |earlier| from_later.copy_from_slice(earlier))?;
            }
        }
        Ok(grad_gates)
    }

    /// h before each step, `[step][stream][hidden]`.
    fn h_before(&self) -> Vec<f32> {
        let width = self.sizes.streams * self.sizes.hidden;
        let mut before = self.start.h.clone();
        before.extend_from_slice(&self.h[..self.h.len() - width]);
        before
    }
}

/// One stream at one step, all slices one after another by gate.
struct Row<'a> {
    /// In: W_ih·x. Out: the gates. `[4·hidden]`
    gates: &'a mut [f32],
    recurrent: &'a [f32],
    bias: &'a [f32],
    c_last: &'a [f32],
    c: &'a mut [f32],
    h: &'a mut [f32],
}

impl Row<'_> {
    #[inline(always)]
    fn forward(self) {
        let hidden = self.h.len();
        for (gate, (r, b)) in self.gates.iter_mut().zip(self.recurrent.iter().zip(self.bias)) {
            *gate += r + b;
        }
        let (i, rest) = self.gates.split_at_mut(hidden);
        let (f, rest) = rest.split_at_mut(hidden);
        let (g, o) = rest.split_at_mut(hidden);
        let (c_last, c_here, h) = (&self.c_last[..hidden], &mut self.c[..hidden], self.h);
        for k in 0..hidden {
            i[k] = sigmoid(i[k]);
            f[k] = sigmoid(f[k]);
            g[k] = tanh(g[k]);
            o[k] = sigmoid(o[k]);
            let c = f[k] * c_last[k] + i[k] * g[k];
            c_here[k] = c;
            h[k] = o[k] * tanh(c);
        }
    }
}

struct BackwardRow<'a> {
    grad_gates: &'a mut [f32],
    gates: &'a [f32],
    c_last: &'a [f32],
    c: &'a [f32],
    /// From the layers above at this step.
    grad_h: &'a [f32],
    /// From the next step, through W_hh.
    from_later: &'a [f32],
    /// In: of this step's c, from the next step. Out: of the last step's c.
    grad_c: &'a mut [f32],
}

impl BackwardRow<'_> {
    #[inline(always)]
    fn backward(self) {
        let hidden = self.c.len();
        let (i, rest) = self.gates.split_at(hidden);
        let (f, rest) = rest.split_at(hidden);
        let (g, o) = rest.split_at(hidden);
        let (grad_i, rest) = self.grad_gates.split_at_mut(hidden);
        let (grad_f, rest) = rest.split_at_mut(hidden);
        let (grad_g, grad_o) = rest.split_at_mut(hidden);
        let (grad_h, from_later) = (&self.grad_h[..hidden], &self.from_later[..hidden]);
        let (c_last, grad_c) = (&self.c_last[..hidden], &mut self.grad_c[..hidden]);
        for k in 0..hidden {
            let tanh_c = tanh(self.c[k]);
            let of_h = grad_h[k] + from_later[k];
            let of_c = grad_c[k] + of_h * o[k] * (1.0 - tanh_c * tanh_c);
            grad_o[k] = of_h * tanh_c * o[k] * (1.0 - o[k]);
            grad_i[k] = of_c * g[k] * i[k] * (1.0 - i[k]);
            grad_f[k] = of_c * c_last[k] * f[k] * (1.0 - f[k]);
            grad_g[k] = of_c * i[k] * (1.0 - g[k] * g[k]);
            grad_c[k] = of_c * f[k];
        }
    }
}

/// Puts a finished forward pass into the graph.
struct Lstm {
    pass: Arc<Pass>,
}

impl CustomOp3 for Lstm {
    fn name(&self) -> &'static str {
        "lstm"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let Sizes { steps, streams, hidden } = self.pass.sizes;
        Ok((CpuStorage::F32(self.pass.h.clone()), (steps, streams, hidden).into()))
    }

    fn bwd(
        &self,
        from_input: &Tensor,
        weight_hh: &Tensor,
        _bias: &Tensor,
        _h: &Tensor,
        grad_h: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let Sizes { steps, streams, hidden } = self.pass.sizes;
        let grad_gates = values(&grad_h.contiguous()?, |grad_h| self.pass.backward(weight_hh, grad_h))??;
        let mut grad_bias = vec![0.0f32; 4 * hidden];
        for row in grad_gates.chunks_exact(4 * hidden) {
            grad_bias.iter_mut().zip(row).for_each(|(sum, g)| *sum += g);
        }
        let grad_gates = Tensor::from_vec(grad_gates, (steps * streams, 4 * hidden), &Device::Cpu)?;
        let h_before = Tensor::from_vec(self.pass.h_before(), (steps * streams, hidden), &Device::Cpu)?;
        let grad_weight = grad_gates.t()?.matmul(&h_before)?;
        let grad_bias = Tensor::from_vec(grad_bias, 4 * hidden, &Device::Cpu)?;
        Ok((Some(grad_gates.reshape(from_input.shape())?), Some(grad_weight), Some(grad_bias)))
    }
}
