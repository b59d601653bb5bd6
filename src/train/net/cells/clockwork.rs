//! The clockwork RNN (Koutník et al. 2014): equal groups of neighbouring units with periods 1, 2, 4, …; those whose period divides
//! the step's number move, all others keep their output. A group hears itself and the slower ones, which stand to its right.
//!
//! Groups that rest cost nothing: products are taken over those that move only, forward, backward and of the weights.

use super::{
    parallel::{by_part, for_each, parts},
    product::{Packed, multiply_rows},
    shared::{Run, Sizes, StateGradient, sum_rows},
    weights::WeightsMut,
};
use crate::{
    nn::{grad::View, tanh, vectorize},
    train::net::workspace::Buffer,
};

/// Groups that move at a step, the fastest first.
pub(crate) fn moving(tick: u64, groups: usize) -> usize {
    if tick == 0 { groups } else { groups.min(tick.trailing_zeros() as usize + 1) }
}

/// Per group the rows of W_ih, `(units, inputs)`, and those of W_hh from the first unit that is heard on, `(units, heard)`.
fn blocks<'a>(run: &Run<'a>, groups: usize) -> impl Iterator<Item = [View<'a>; 2]> {
    let Sizes { inputs, hidden, .. } = run.sizes;
    let (width, weights) = (hidden / groups, run.weights);
    (0..groups).map(move |group| {
        let first = group * width;
        let heard = View::new(&weights.hh[first * hidden + first..], width, hidden - first, hidden);
        [View::whole(&weights.ih[first * inputs..], width, inputs), heard]
    })
}

/// What [`forward`] multiplies with: of each group both matrices, transposed.
pub(crate) fn factors(run: &Run<'_>, groups: usize) -> Vec<Packed> {
    blocks(run, groups).flatten().map(|block| Packed::new(block.t(), run.work)).collect()
}

/// What [`backward`] multiplies with: of each group both matrices.
pub(crate) fn factors_back(run: &Run<'_>, groups: usize) -> Vec<Packed> {
    blocks(run, groups).flatten().map(|block| Packed::new(block, run.work)).collect()
}

/// h of all steps, `[row][hidden]`. `weights`: [`factors`].
pub(crate) fn forward(run: &Run<'_>, groups: usize, weights: &[Packed]) -> Vec<f32> {
    let Sizes { streams, inputs, hidden, .. } = run.sizes;
    let width = hidden / groups;
    let mut h = vec![0.0; run.sizes.rows() * hidden];
    let bias = run.weights.bias();
    let parts = parts(streams);
    let jobs = parts.iter().zip(by_part(&mut h, &parts, streams, hidden)).collect();
    for_each(jobs, |(part, mut h)| {
        let arch = pulp::Arch::new();
        let mut sums = vec![0.0; part.len() * hidden];
        let mut scratch = sums.clone();
        for step in 0..h.len() {
            let moving = moving(run.start.tick + step as u64, groups);
            let units = moving * width;
            let (before, here) = h.split_at_mut(step);
            let last = before.last().map_or(run.start_h(part), |h| &**h);
            here[0].copy_from_slice(last);
            let last = run.heard(step, part, last, &mut scratch);
            let x = &run.x[(step * streams + part.start) * inputs..];
            for (group, [weight_ih, weight_hh]) in weights.as_chunks().0[..moving].iter().enumerate() {
                let first = group * width;
                let heard = View::new(&last[first..], part.len(), hidden - first, hidden);
                weight_ih.multiply(View::whole(x, part.len(), inputs), &mut sums[first..], hidden, false);
                weight_hh.multiply(heard, &mut sums[first..], hidden, true);
            }
            for (h, sums) in here[0].chunks_exact_mut(hidden).zip(sums.chunks_exact(hidden)) {
                vectorize(
                    arch,
                    #[inline(always)]
                    || {
                        for (h, (sum, b)) in h[..units].iter_mut().zip(sums.iter().zip(&bias)) {
                            *h = tanh(sum + b);
                        }
                    },
                );
            }
        }
    });
    h
}

/// The gradient of the sums in the function, `[row][hidden]`, and that of x, if it is wanted. `weights`: [`factors_back`].
pub(crate) fn backward(
    run: &Run<'_>,
    groups: usize,
    [h, grad_h]: [&[f32]; 2],
    of_state: &mut StateGradient,
    weights: &[Packed],
    wants_x: bool,
) -> (Buffer, Option<Vec<f32>>) {
    let Sizes { streams, inputs, hidden, .. } = run.sizes;
    let width = hidden / groups;
    let mut of_sums = run.work.take(h.len());
    let mut grad_x = vec![0.0; if wants_x { run.x.len() } else { 0 }];
    let parts = parts(streams);
    let of_parts = by_part(&mut of_sums, &parts, streams, hidden).into_iter();
    let of_x = by_part(&mut grad_x, &parts, streams, inputs).into_iter().map(Vec::into_iter);
    let jobs = parts.iter().zip(of_parts.zip(of_x)).zip(of_state.by_part(&parts, streams, hidden)).collect();
    for_each(jobs, |((part, (mut of_sums, of_x)), [from_later, _])| {
        // Of what was heard of the last h; from_later is that of h, from later steps.
        let mut of_heard = vec![0.0; from_later.len()];
        let mut of_x = of_x.rev();
        for (step, of_sums) in of_sums.iter_mut().enumerate().rev() {
            let moving = moving(run.start.tick + step as u64, groups);
            let units = moving * width;
            let at = (step * streams + part.start) * hidden;
            from_later.iter_mut().zip(&grad_h[at..]).for_each(|(later, g)| *later += g);
            let rows = of_sums.chunks_exact_mut(hidden).zip(h[at..].chunks_exact(hidden));
            for ((of_sums, h), of_h) in rows.zip(from_later.chunks_exact_mut(hidden)) {
                for ((slot, h), of_h) in of_sums[..units].iter_mut().zip(h).zip(of_h) {
                    *slot = *of_h * (1.0 - h * h);
                    // Units that moved pass nothing on but what was heard of them.
                    *of_h = 0.0;
                }
            }
            let mut of_x = of_x.next();
            for (group, [weight_ih, weight_hh]) in weights.as_chunks().0[..moving].iter().enumerate() {
                let first = group * width;
                let of_group = View::new(&of_sums[first..], part.len(), width, hidden);
                // The first group moves always and hears all others: it is the one that overwrites.
                if let Some(of_x) = &mut of_x {
                    weight_ih.multiply(of_group, of_x, inputs, group > 0);
                }
                weight_hh.multiply(of_group, &mut of_heard[first..], hidden, group > 0);
            }
            run.quieten(step, part, &mut of_heard);
            from_later.iter_mut().zip(&of_heard).for_each(|(later, heard)| *later += heard);
        }
    });
    (of_sums, wants_x.then_some(grad_x))
}

/// The gradients that follow from that of the sums, group by group, over the steps at which it moved.
pub(crate) fn gradients(run: &Run<'_>, groups: usize, of_sums: &[f32], h: &[f32], grad: &mut WeightsMut<'_>) {
    let Sizes { inputs, hidden, .. } = run.sizes;
    let width = hidden / groups;
    let heard = run.all_heard(h);
    // What lies below the diagonal has no effect.
    grad.hh.fill(0.0);
    for group in 0..groups {
        let (first, end) = (group * width, (group + 1) * width);
        let gather = |values: &[f32], columns: usize, from: usize, to: usize| -> Vec<f32> {
            let steps = values.chunks_exact(run.sizes.streams * columns).enumerate();
            let steps = steps.filter(|(step, _)| moving(run.start.tick + *step as u64, groups) > group);
            steps
                .flat_map(|(_, rows)| rows.chunks_exact(columns).flat_map(|row| row[from..to].iter().copied()))
                .collect()
        };
        let (of_sums, x) = (gather(of_sums, hidden, first, end), gather(run.x, inputs, 0, inputs));
        let heard = gather(&heard, hidden, first, hidden);
        let rows = of_sums.len() / width;
        if rows == 0 {
            // It never moved.
            grad.ih[first * inputs..end * inputs].fill(0.0);
            grad.bias_ih[first..end].fill(0.0);
            continue;
        }
        let of_sums = View::whole(&of_sums, rows, width);
        multiply_rows(
            of_sums.t(),
            View::whole(&x, rows, inputs),
            &mut grad.ih[first * inputs..end * inputs],
            inputs,
            run.work,
        );
        let grad_hh = &mut grad.hh[first * hidden + first..end * hidden];
        multiply_rows(of_sums.t(), View::whole(&heard, rows, hidden - first), grad_hh, hidden, run.work);
        sum_rows(of_sums, &mut grad.bias_ih[first..end]);
    }
    grad.bias_hh.copy_from_slice(grad.bias_ih);
}

#[cfg(test)]
mod tests {
    use super::moving;

    #[test]
    fn a_group_moves_when_its_period_divides_the_step() {
        for tick in 0..40 {
            for groups in 1..=5 {
                let expected = (0..groups).filter(|group| tick % (1u64 << group) == 0).count();
                assert_eq!(moving(tick, groups), expected, "tick {tick}, {groups} groups");
            }
        }
    }
}
