//! PyTorch's `nn.LSTM`, with peepholes where they are asked for (Gers and Schmidhuber 2000).

use super::{
    parallel::{by_part, for_each, parts},
    product::Packed,
    shared::{Run, Sizes, StateGradient},
};
use crate::{
    nn::{grad::View, sigmoid, tanh},
    train::net::workspace::Buffer,
};

/// What the backward pass needs besides h.
pub(crate) struct Pass {
    /// Gates after their functions, `[row][i f g o]`.
    gates: Buffer,
    /// Cells, `[row][hidden]`.
    c: Buffer,
}

impl Pass {
    /// h of all steps, `[row][hidden]`, and what led there. `factors`: W_ihᵀ and W_hhᵀ.
    pub fn run(run: &Run<'_>, factors: &[Packed]) -> (Vec<f32>, Self) {
        let peepholes = !run.weights.peephole.is_empty();
        let Sizes { streams, hidden, .. } = run.sizes;
        let rows = run.sizes.rows();
        let (mut c, mut gates) = (run.work.take(rows * hidden), run.work.take(rows * 4 * hidden));
        let mut h = vec![0.0; rows * hidden];
        factors[0].multiply_rows(run.x(), &mut gates, 4 * hidden);
        let (bias, weight) = (run.weights.bias(), &factors[1]);
        let parts = parts(streams);
        let mut jobs = Vec::new();
        let of_parts = by_part(&mut gates, &parts, streams, 4 * hidden).into_iter();
        let of_parts =
            of_parts.zip(by_part(&mut c, &parts, streams, hidden)).zip(by_part(&mut h, &parts, streams, hidden));
        for (part, ((gates, c), h)) in parts.iter().zip(of_parts) {
            jobs.push((part, gates, c, h));
        }
        for_each(jobs, |(part, mut gates, mut c, mut h)| {
            let arch = pulp::Arch::new();
            let mut recurrent = vec![0.0; part.len() * 4 * hidden];
            let mut scratch = vec![0.0; part.len() * hidden];
            let start_c = &run.start.c[part.start * hidden..];
            for (step, gates) in gates.iter_mut().enumerate() {
                let (c_before, c_here) = c.split_at_mut(step);
                let (h_before, h_here) = h.split_at_mut(step);
                let c_last = c_before.last().map_or(start_c, |c| &**c);
                let h_last = h_before.last().map_or(run.start_h(part), |h| &**h);
                let h_last = run.heard(step, part, h_last, &mut scratch);
                weight.multiply(View::whole(h_last, part.len(), hidden), &mut recurrent, 4 * hidden, false);
                for stream in 0..part.len() {
                    let (at, gates_at) = (stream * hidden, stream * 4 * hidden);
                    let row = Row {
                        gates: &mut gates[gates_at..][..4 * hidden],
                        recurrent: &recurrent[gates_at..][..4 * hidden],
                        bias: &bias,
                        peephole: run.weights.peephole,
                        c_last: &c_last[at..][..hidden],
                        c: &mut c_here[0][at..][..hidden],
                        h: &mut h_here[0][at..][..hidden],
                    };
                    arch.dispatch(
                        #[inline(always)]
                        || if peepholes { row.forward::<true>() } else { row.forward::<false>() },
                    );
                }
            }
        });
        (h, Self { gates, c })
    }

    /// c after the last step, `[stream][hidden]`.
    pub fn last_cells(&self, sizes: Sizes) -> Vec<f32> {
        self.c[self.c.len() - sizes.streams * sizes.hidden..].to_vec()
    }

    /// The gradient of the sums in the gates, `[row][4·hidden]`. `weight`: W_hh.
    pub fn backward(&self, run: &Run<'_>, grad_h: &[f32], of_state: &mut StateGradient, weight: &Packed) -> Buffer {
        let Sizes { streams, hidden, .. } = run.sizes;
        let peepholes = !run.weights.peephole.is_empty();
        let mut of_sums = run.work.take(self.gates.len());
        let parts = parts(streams);
        let wants_start = of_state.wants_start;
        let of_state = of_state.by_part(&parts, streams, hidden);
        let jobs = parts.iter().zip(by_part(&mut of_sums, &parts, streams, 4 * hidden)).zip(of_state).collect();
        for_each(jobs, |((part, mut of_sums), [from_later, grad_c])| {
            let arch = pulp::Arch::new();
            for (step, of_sums) in of_sums.iter_mut().enumerate().rev() {
                let c_last = if step == 0 { &run.start.c } else { &self.c[(step - 1) * streams * hidden..] };
                for (index, stream) in part.clone().enumerate() {
                    let (at, row) = (index * hidden, step * streams + stream);
                    let row = BackwardRow {
                        of_sums: &mut of_sums[4 * at..][..4 * hidden],
                        gates: &self.gates[row * 4 * hidden..][..4 * hidden],
                        peephole: run.weights.peephole,
                        c_last: &c_last[stream * hidden..][..hidden],
                        c: &self.c[row * hidden..][..hidden],
                        grad_h: &grad_h[row * hidden..][..hidden],
                        from_later: &from_later[at..][..hidden],
                        grad_c: &mut grad_c[at..][..hidden],
                    };
                    arch.dispatch(
                        #[inline(always)]
                        || if peepholes { row.backward::<true>() } else { row.backward::<false>() },
                    );
                }
                if step > 0 || wants_start {
                    weight.multiply(View::whole(of_sums, part.len(), 4 * hidden), from_later, hidden, false);
                    run.quieten(step, part, from_later);
                }
            }
        });
        of_sums
    }

    /// Adds the gradient of the peepholes: i and f saw the last cell, o the new one.
    pub fn add_peephole_gradient(&self, start_c: &[f32], of_sums: &[f32], hidden: usize, grad: &mut [f32]) {
        let c_last = start_c.chunks_exact(hidden).chain(self.c.chunks_exact(hidden));
        let (of_i, rest) = grad.split_at_mut(hidden);
        let (of_f, of_o) = rest.split_at_mut(hidden);
        for ((row, c), c_last) in of_sums.chunks_exact(4 * hidden).zip(self.c.chunks_exact(hidden)).zip(c_last) {
            for k in 0..hidden {
                of_i[k] += row[k] * c_last[k];
                of_f[k] += row[hidden + k] * c_last[k];
                of_o[k] += row[3 * hidden + k] * c[k];
            }
        }
    }
}

/// The peepholes of a layer that has some: i, f, o. Empty slices are never indexed without.
#[inline(always)]
fn peepholes<const PEEPHOLES: bool>(peephole: &[f32], hidden: usize) -> [&[f32]; 3] {
    if PEEPHOLES { std::array::from_fn(|gate| &peephole[gate * hidden..][..hidden]) } else { [&[]; 3] }
}

/// One stream at one step, all slices one after another by gate.
struct Row<'a> {
    /// In: W_ih·x. Out: the gates. `[4·hidden]`
    gates: &'a mut [f32],
    recurrent: &'a [f32],
    bias: &'a [f32],
    peephole: &'a [f32],
    c_last: &'a [f32],
    c: &'a mut [f32],
    h: &'a mut [f32],
}

impl Row<'_> {
    #[inline(always)]
    fn forward<const PEEPHOLES: bool>(self) {
        let hidden = self.h.len();
        for (gate, (r, b)) in self.gates.iter_mut().zip(self.recurrent.iter().zip(self.bias)) {
            *gate += r + b;
        }
        let (i, rest) = self.gates.split_at_mut(hidden);
        let (f, rest) = rest.split_at_mut(hidden);
        let (g, o) = rest.split_at_mut(hidden);
        let (c_last, c_here, h) = (&self.c_last[..hidden], &mut self.c[..hidden], self.h);
        let [of_i, of_f, of_o] = peepholes::<PEEPHOLES>(self.peephole, hidden);
        for k in 0..hidden {
            if PEEPHOLES {
                i[k] += of_i[k] * c_last[k];
                f[k] += of_f[k] * c_last[k];
            }
            i[k] = sigmoid(i[k]);
            f[k] = sigmoid(f[k]);
            g[k] = tanh(g[k]);
            let c = f[k] * c_last[k] + i[k] * g[k];
            if PEEPHOLES {
                o[k] += of_o[k] * c;
            }
            o[k] = sigmoid(o[k]);
            c_here[k] = c;
            h[k] = o[k] * tanh(c);
        }
    }
}

struct BackwardRow<'a> {
    /// Out: of the sums before the functions. `[4·hidden]`
    of_sums: &'a mut [f32],
    gates: &'a [f32],
    peephole: &'a [f32],
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
    fn backward<const PEEPHOLES: bool>(self) {
        let hidden = self.c.len();
        let (i, rest) = self.gates.split_at(hidden);
        let (f, rest) = rest.split_at(hidden);
        let (g, o) = rest.split_at(hidden);
        let (grad_i, rest) = self.of_sums.split_at_mut(hidden);
        let (grad_f, rest) = rest.split_at_mut(hidden);
        let (grad_g, grad_o) = rest.split_at_mut(hidden);
        let (grad_h, from_later) = (&self.grad_h[..hidden], &self.from_later[..hidden]);
        let (c_last, grad_c) = (&self.c_last[..hidden], &mut self.grad_c[..hidden]);
        let [of_i, of_f, of_o] = peepholes::<PEEPHOLES>(self.peephole, hidden);
        for k in 0..hidden {
            let tanh_c = tanh(self.c[k]);
            let of_h = grad_h[k] + from_later[k];
            let mut of_c = grad_c[k] + of_h * o[k] * (1.0 - tanh_c * tanh_c);
            grad_o[k] = of_h * tanh_c * o[k] * (1.0 - o[k]);
            if PEEPHOLES {
                of_c += grad_o[k] * of_o[k];
            }
            grad_i[k] = of_c * g[k] * i[k] * (1.0 - i[k]);
            grad_f[k] = of_c * c_last[k] * f[k] * (1.0 - f[k]);
            grad_g[k] = of_c * i[k] * (1.0 - g[k] * g[k]);
            grad_c[k] = of_c * f[k];
            if PEEPHOLES {
                grad_c[k] += grad_i[k] * of_i[k] + grad_f[k] * of_f[k];
            }
        }
    }
}
