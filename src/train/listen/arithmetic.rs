//! Loops over rows, spread over the threads. No number depends on how many there are.

use crate::{
    nn::{grad::score, vectorize},
    train::net::{
        cells::{View, for_each, multiply_rows, threads},
        workspace::Workspace,
    },
};
use std::sync::Arc;

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
            vectorize(
                arch,
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
            *loss = vectorize(
                arch,
                #[inline(always)]
                || score(row, class, scale),
            );
        }
    });
    losses.iter().map(|&loss| f64::from(loss)).sum()
}
