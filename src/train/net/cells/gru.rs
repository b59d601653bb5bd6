//! PyTorch's `nn.GRU`: n = tanh(W_in·x + b_in + r ∘ (W_hn·h + b_hn)), h ← (1 − z) ∘ n + z ∘ h. Biases stay apart, as that of the
//! recurrent part is inside the reset gate.

use super::{
    parallel::{by_part, for_each, parts},
    product::{Packed, multiply_rows},
    shared::{Run, Sizes, StateGradient, sum_rows},
    weights::WeightsMut,
};
use crate::{
    nn::grad::{GruBackwardRow, GruRow, View},
    train::net::workspace::Buffer,
};

/// What the backward pass needs besides h.
pub(crate) struct Pass {
    /// Gates after their functions, and what the reset gate lets through: `[row][r z n m]`, m = W_hn·h + b_hn.
    gates: Buffer,
}

impl Pass {
    /// h of all steps, `[row][hidden]`, and what led there. `factors`: W_ihᵀ and W_hhᵀ.
    pub fn run(run: &Run<'_>, factors: &[Packed]) -> (Vec<f32>, Self) {
        let Sizes { streams, hidden, .. } = run.sizes;
        let rows = run.sizes.rows();
        let (mut h, mut gates) = (vec![0.0; rows * hidden], run.work.take(rows * 4 * hidden));
        factors[0].multiply_rows(run.x(), &mut gates, 4 * hidden);
        let weight = &factors[1];
        let parts = parts(streams);
        let of_parts = by_part(&mut gates, &parts, streams, 4 * hidden).into_iter();
        let jobs = parts.iter().zip(of_parts.zip(by_part(&mut h, &parts, streams, hidden))).collect();
        for_each(jobs, |(part, (mut gates, mut h))| {
            let arch = pulp::Arch::new();
            let mut recurrent = vec![0.0; part.len() * 3 * hidden];
            let mut scratch = vec![0.0; part.len() * hidden];
            for (step, gates) in gates.iter_mut().enumerate() {
                let (before, here) = h.split_at_mut(step);
                let last = before.last().map_or(run.start_h(part), |h| &**h);
                let last = run.heard(step, part, last, &mut scratch);
                weight.multiply(View::whole(last, part.len(), hidden), &mut recurrent, 3 * hidden, false);
                for stream in 0..part.len() {
                    let at = stream * hidden;
                    let row = GruRow {
                        gates: &mut gates[4 * at..][..4 * hidden],
                        recurrent: &recurrent[3 * at..][..3 * hidden],
                        bias_ih: run.weights.bias_ih,
                        bias_hh: run.weights.bias_hh,
                        last: &last[at..][..hidden],
                        h: &mut here[0][at..][..hidden],
                    };
                    arch.dispatch(
                        #[inline(always)]
                        || row.forward(),
                    );
                }
            }
        });
        (h, Self { gates })
    }

    /// What [`Self::backward`] multiplies with: W_hh of r and z, and of n.
    pub fn factors_back(run: &Run<'_>) -> [Packed; 2] {
        let hidden = run.sizes.hidden;
        let (rz, n) = run.weights.hh.split_at(2 * hidden * hidden);
        [View::whole(rz, 2 * hidden, hidden), View::whole(n, hidden, hidden)].map(|part| Packed::new(part, run.work))
    }

    /// The gradient of the sums in r, z and n, and of m, `[row][4·hidden]`. `heard`: [`Run::all_heard`]; `factors`:
    /// [`Self::factors_back`].
    pub fn backward(
        &self,
        run: &Run<'_>,
        heard: &[f32],
        grad_h: &[f32],
        of_state: &mut StateGradient,
        factors: &[Packed],
    ) -> Buffer {
        let Sizes { streams, hidden, .. } = run.sizes;
        let [weight_rz, weight_n] = [&factors[0], &factors[1]];
        let mut of_sums = run.work.take(self.gates.len());
        let parts = parts(streams);
        let wants_start = of_state.wants_start;
        let of_state = of_state.by_part(&parts, streams, hidden);
        let jobs = parts.iter().zip(by_part(&mut of_sums, &parts, streams, 4 * hidden)).zip(of_state).collect();
        for_each(jobs, |((part, mut of_sums), [from_later, _])| {
            let arch = pulp::Arch::new();
            let mut through_z = vec![0.0; part.len() * hidden];
            for (step, of_sums) in of_sums.iter_mut().enumerate().rev() {
                for (index, stream) in part.clone().enumerate() {
                    let (at, row) = (index * hidden, step * streams + stream);
                    let row = GruBackwardRow {
                        of_sums: &mut of_sums[4 * at..][..4 * hidden],
                        gates: &self.gates[row * 4 * hidden..][..4 * hidden],
                        last: &heard[row * hidden..][..hidden],
                        grad_h: &grad_h[row * hidden..][..hidden],
                        from_later: &from_later[at..][..hidden],
                        through_z: &mut through_z[at..][..hidden],
                    };
                    arch.dispatch(
                        #[inline(always)]
                        || row.backward(),
                    );
                }
                if step > 0 || wants_start {
                    let of_rz = View::new(of_sums, part.len(), 2 * hidden, 4 * hidden);
                    let of_m = View::new(&of_sums[3 * hidden..], part.len(), hidden, 4 * hidden);
                    weight_rz.multiply(of_rz, from_later, hidden, false);
                    weight_n.multiply(of_m, from_later, hidden, true);
                    from_later.iter_mut().zip(&through_z).for_each(|(sum, z)| *sum += z);
                    run.quieten(step, part, from_later);
                }
            }
        });
        of_sums
    }

    /// The gradients that follow from that: as [`Run::gradients`], but for the sums that only one of the products enters.
    pub fn gradients(run: &Run<'_>, of_sums: &[f32], heard: &[f32], grad: &mut WeightsMut<'_>) {
        let Sizes { hidden, inputs, .. } = run.sizes;
        let rows = run.sizes.rows();
        let of_input = of_input(run.sizes, of_sums);
        let of_rz = View::new(of_sums, rows, 2 * hidden, 4 * hidden);
        let of_m = View::new(&of_sums[3 * hidden..], rows, hidden, 4 * hidden);
        let heard = View::whole(heard, rows, hidden);
        let (grad_rz, grad_m) = grad.hh.split_at_mut(2 * hidden * hidden);
        multiply_rows(of_input.t(), run.x(), grad.ih, inputs, run.work);
        multiply_rows(of_rz.t(), heard, grad_rz, hidden, run.work);
        multiply_rows(of_m.t(), heard, grad_m, hidden, run.work);
        sum_rows(of_input, grad.bias_ih);
        let (bias_rz, bias_m) = grad.bias_hh.split_at_mut(2 * hidden);
        bias_rz.copy_from_slice(&grad.bias_ih[..2 * hidden]);
        sum_rows(of_m, bias_m);
    }
}

/// The part of a backward pass that x enters, those of r, z and n.
pub(crate) fn of_input(sizes: Sizes, of_sums: &[f32]) -> View<'_> {
    View::new(of_sums, sizes.rows(), 3 * sizes.hidden, 4 * sizes.hidden)
}
