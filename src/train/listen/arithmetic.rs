//! Loops over rows, spread over the threads. No number depends on how many there are.

use crate::{
    nn::exp,
    train::net::{
        cells::{View, for_each, multiply_rows, threads},
        workspace::Workspace,
    },
};
use std::sync::Arc;

/// Partial sums, so that it is done in vectors.
const LANES: usize = 16;

/// Gives `run` the index of its first row and a piece of `values`, whose rows are `width` long, one piece a thread.
pub(super) fn by_rows(values: &mut [f32], width: usize, run: impl Fn(usize, &mut [f32]) + Sync) {
    let rows = values.len() / width.max(1);
    let each = rows.div_ceil(threads()).max(1);
    let pieces = values.chunks_mut(each * width.max(1)).enumerate().collect();
    for_each(pieces, |(piece, values): (usize, &mut [f32])| run(piece * each, values));
}

/// out ← x·Wᵀ + b, of `x` `(rows, inputs)`, `weight` `(outputs, inputs)`.
pub(super) fn affine(x: View<'_>, weight: View<'_>, bias: &[f32], out: &mut [f32], work: &Arc<Workspace>) {
    multiply_rows(x, weight.t(), out, bias.len(), work);
    by_rows(out, bias.len(), |_, rows| {
        let arch = pulp::Arch::new();
        for row in rows.chunks_exact_mut(bias.len()) {
            arch.dispatch(
                #[inline(always)]
                || row.iter_mut().zip(bias).for_each(|(y, b)| *y += b),
            );
        }
    });
}

/// The negative log likelihood of one class for every row of `logits`, in their place `scale` times its gradient.
/// `class` says which, of a row. Returns the sum of the likelihoods, added up in the order of the rows.
pub(super) fn cross_entropy(
    logits: &mut [f32],
    levels: usize,
    scale: f32,
    class: impl Fn(usize) -> usize + Sync,
    work: &Arc<Workspace>,
) -> f64 {
    let rows = logits.len() / levels;
    let mut losses = work.take(rows);
    let each = rows.div_ceil(threads()).max(1);
    let pieces = logits.chunks_mut(each * levels).zip(losses.chunks_mut(each)).enumerate().collect();
    for_each(pieces, |(piece, (logits, losses)): (usize, (&mut [f32], &mut [f32]))| {
        let arch = pulp::Arch::new();
        for (index, (row, loss)) in logits.chunks_exact_mut(levels).zip(losses).enumerate() {
            let class = class(piece * each + index);
            *loss = arch.dispatch(
                #[inline(always)]
                || score(row, class, scale),
            );
        }
    });
    losses.iter().map(|&loss| f64::from(loss)).sum()
}

/// Of one row.
#[inline(always)]
fn score(logits: &mut [f32], class: usize, scale: f32) -> f32 {
    let wanted = logits[class];
    let most = largest(logits);
    let mut sums = [0.0; LANES];
    let (whole, rest) = logits.as_chunks_mut::<LANES>();
    for values in whole {
        for (sum, value) in sums.iter_mut().zip(values) {
            *value = exp((*value - most).max(-87.0));
            *sum += *value;
        }
    }
    for (sum, value) in sums.iter_mut().zip(rest) {
        *value = exp((*value - most).max(-87.0));
        *sum += *value;
    }
    let sum: f32 = sums.iter().sum();
    let gain = scale / sum;
    logits.iter_mut().for_each(|value| *value *= gain);
    logits[class] -= scale;
    libm::logf(sum) - (wanted - most)
}

/// The largest number.
#[inline(always)]
pub(super) fn largest(values: &[f32]) -> f32 {
    let mut most = [f32::NEG_INFINITY; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    for values in whole {
        for (most, &value) in most.iter_mut().zip(values) {
            *most = if value > *most { value } else { *most };
        }
    }
    most.iter().chain(rest).fold(f32::NEG_INFINITY, |most, &value| if value > most { value } else { most })
}

/// Σ a·b.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter_mut().zip(a_rest.iter().zip(b_rest)).for_each(|(sum, (a, b))| *sum += a * b);
    sums.iter().sum()
}
