//! PyTorch's `nn.RNN`: h ← tanh(W_ih·x + W_hh·h + b), or a rectifier in the place of tanh.

use super::{
    parallel::{by_part, for_each, parts},
    product::Packed,
    shared::{Run, Sizes, StateGradient},
};
use crate::{
    nn::{grad::View, tanh, vectorize},
    train::net::workspace::Buffer,
};

/// h of all steps, `[row][hidden]`. `factors`: W_ihᵀ and W_hhᵀ.
pub(crate) fn forward<const RELU: bool>(run: &Run<'_>, factors: &[Packed]) -> Vec<f32> {
    let Sizes { streams, hidden, .. } = run.sizes;
    let mut h = vec![0.0; run.sizes.rows() * hidden];
    factors[0].multiply_rows(run.x(), &mut h, hidden);
    let (bias, weight) = (run.weights.bias(), &factors[1]);
    let parts = parts(streams);
    let jobs = parts.iter().zip(by_part(&mut h, &parts, streams, hidden)).collect();
    for_each(jobs, |(part, mut h)| {
        let arch = pulp::Arch::new();
        let mut recurrent = vec![0.0; part.len() * hidden];
        let mut scratch = recurrent.clone();
        for step in 0..h.len() {
            let (before, here) = h.split_at_mut(step);
            let last = before.last().map_or(run.start_h(part), |h| &**h);
            let last = run.heard(step, part, last, &mut scratch);
            weight.multiply(View::whole(last, part.len(), hidden), &mut recurrent, hidden, false);
            for (h, recurrent) in here[0].chunks_exact_mut(hidden).zip(recurrent.chunks_exact(hidden)) {
                vectorize(
                    arch,
                    #[inline(always)]
                    || {
                        for (h, (r, b)) in h.iter_mut().zip(recurrent.iter().zip(&bias)) {
                            let sum = *h + (r + b);
                            // Not `max`, which would make 0 of a NaN.
                            *h = if !RELU {
                                tanh(sum)
                            } else if sum < 0.0 {
                                0.0
                            } else {
                                sum
                            };
                        }
                    },
                );
            }
        }
    });
    h
}

/// The gradient of the sums in the function, `[row][hidden]`. `weight`: W_hh.
pub(crate) fn backward<const RELU: bool>(
    run: &Run<'_>,
    h: &[f32],
    grad_h: &[f32],
    of_state: &mut StateGradient,
    weight: &Packed,
) -> Buffer {
    let Sizes { streams, hidden, .. } = run.sizes;
    let mut of_sums = run.work.take(h.len());
    let parts = parts(streams);
    let wants_start = of_state.wants_start;
    let of_state = of_state.by_part(&parts, streams, hidden);
    let jobs = parts.iter().zip(by_part(&mut of_sums, &parts, streams, hidden)).zip(of_state).collect();
    for_each(jobs, |((part, mut of_sums), [from_later, _])| {
        let arch = pulp::Arch::new();
        for (step, of_sums) in of_sums.iter_mut().enumerate().rev() {
            let at = (step * streams + part.start) * hidden;
            let (h, grad_h) = (&h[at..][..of_sums.len()], &grad_h[at..][..of_sums.len()]);
            vectorize(
                arch,
                #[inline(always)]
                || {
                    for ((slot, h), (g, later)) in of_sums.iter_mut().zip(h).zip(grad_h.iter().zip(&*from_later)) {
                        let slope = if RELU { f32::from(*h > 0.0) } else { 1.0 - h * h };
                        *slot = (g + later) * slope;
                    }
                },
            );
            if step > 0 || wants_start {
                weight.multiply(View::whole(of_sums, part.len(), hidden), from_later, hidden, false);
                run.quieten(step, part, from_later);
            }
        }
    });
    of_sums
}
