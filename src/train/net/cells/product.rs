//! Products of matrices, their rows spread over the threads, in memory that is used again.

use super::parallel::{for_each, threads};
use crate::{
    nn::grad::{PANEL, Product, TILE, View, pack, scratch_len},
    train::net::workspace::{Buffer, Workspace},
};
use pulp::Arch;
use std::sync::Arc;

/// A right factor, `(depth, columns)`, made ready.
pub(crate) struct Packed {
    depth: usize,
    columns: usize,
    /// `[panel][k][48]`, zeros right of the last column.
    panels: Buffer,
    arch: Arch,
    /// For the left factors.
    work: Arc<Workspace>,
}

impl Packed {
    pub fn new(matrix: View<'_>, work: &Arc<Workspace>) -> Self {
        let (depth, columns) = (matrix.rows(), matrix.columns());
        let mut panels = work.take(depth * columns.next_multiple_of(PANEL));
        let each = columns.div_ceil(PANEL).div_ceil(threads()).max(1);
        let pieces = panels.chunks_mut((each * depth * PANEL).max(1)).enumerate().collect();
        for_each(pieces, |(piece, panels): (usize, &mut [f32])| {
            for (index, panel) in panels.chunks_exact_mut(depth * PANEL).enumerate() {
                let first = (piece * each + index) * PANEL;
                pack(matrix, first, panel);
            }
        });
        Self { depth, columns, panels, arch: Arch::new(), work: Arc::clone(work) }
    }

    /// out ← lhs · self, or out + lhs · self where `add`; rows of `out` begin `stride` apart.
    ///
    /// # Panics
    /// If sizes do not fit.
    pub fn multiply(&self, lhs: View<'_>, out: &mut [f32], stride: usize, add: bool) {
        assert!(lhs.columns() == self.depth && self.columns <= stride);
        let mut scratch = self.work.take(scratch_len(lhs));
        let (panels, columns) = (&*self.panels, self.columns);
        self.arch.dispatch(Product { lhs, panels, columns, out, stride, add, scratch: &mut scratch });
    }

    /// out ← lhs · self, the rows spread over the threads; rows of `out` begin `stride` apart.
    ///
    /// # Panics
    /// If sizes do not fit.
    pub fn multiply_rows(&self, lhs: View<'_>, out: &mut [f32], stride: usize) {
        spread(lhs, self, out, stride, false);
    }
}

/// out ← lhs · rhs, its rows spread over the threads; rows of `out` begin `stride` apart.
///
/// # Panics
/// If sizes do not fit.
pub(crate) fn multiply_rows(lhs: View<'_>, rhs: View<'_>, out: &mut [f32], stride: usize, work: &Arc<Workspace>) {
    Packed::new(rhs, work).multiply_rows(lhs, out, stride);
}

/// out ← out + lhs · rhs, otherwise as [`multiply_rows`].
///
/// # Panics
/// If sizes do not fit.
pub(crate) fn add_rows(lhs: View<'_>, rhs: View<'_>, out: &mut [f32], stride: usize, work: &Arc<Workspace>) {
    spread(lhs, &Packed::new(rhs, work), out, stride, true);
}

fn spread(lhs: View<'_>, rhs: &Packed, out: &mut [f32], stride: usize, add: bool) {
    let each = lhs.rows().div_ceil(threads()).next_multiple_of(TILE).max(TILE);
    let pieces: Vec<(usize, &mut [f32])> = out.chunks_mut(each * stride).enumerate().collect();
    for_each(pieces, |(piece, out)| {
        let rows = each.min(lhs.rows().saturating_sub(piece * each));
        if rows > 0 {
            rhs.multiply(lhs.skip_rows(piece * each, rows), out, stride, add);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::random::Random;

    fn levels() -> Vec<Arch> {
        let mut levels = vec![Arch::Scalar, Arch::new()];
        #[cfg(target_arch = "x86_64")]
        levels.extend(pulp::x86::V3::try_new().map(Arch::V3));
        levels
    }

    #[test]
    fn products_are_plain_sums_at_every_level_however_the_factors_lie() {
        let mut random = Random::new(31);
        let work = Arc::new(Workspace::default());
        for arch in levels() {
            for (rows, depth, columns) in [(1, 1, 1), (2, 7, 49), (3, 5, 16), (8, 40, 48), (133, 20, 97), (9, 1030, 31)]
            {
                let mut draw = |count: usize| (0..count).map(|_| random.normal()).collect::<Vec<f32>>();
                let (stride, out_stride) = (depth + 3, columns + 2);
                let (lhs, rhs, start) = (draw(rows * stride), draw(depth * columns), draw(rows * out_stride));
                let lhs_t: Vec<f32> = (0..depth * rows).map(|i| lhs[i % rows * stride + i / rows]).collect();
                let rhs_t: Vec<f32> = (0..depth * columns).map(|i| rhs[i % depth * columns + i / depth]).collect();
                let lefts = [View::new(&lhs, rows, depth, stride), View::whole(&lhs_t, depth, rows).t()];
                let rights = [View::whole(&rhs, depth, columns), View::whole(&rhs_t, columns, depth).t()];
                for (left, right, add) in (0..8).map(|k| (lefts[k % 2], rights[k / 2 % 2], k >= 4)) {
                    let mut packed = Packed::new(right, &work);
                    packed.arch = arch;
                    let mut out = start.clone();
                    packed.multiply(left, &mut out, out_stride, add);
                    for (at, (&got, &before)) in out.iter().zip(&start).enumerate() {
                        let (row, column) = (at / out_stride, at % out_stride);
                        let products = (0..depth).map(|k| {
                            f64::from(lhs[row * stride + k]) * f64::from(rhs[k * columns + column.min(columns - 1)])
                        });
                        let sum = products.sum::<f64>() + if add { f64::from(before) } else { 0.0 };
                        let expected = if column < columns { sum } else { f64::from(before) };
                        let close = (f64::from(got) - expected).abs() < 1e-6 * (depth as f64 + 10.0);
                        assert!(close, "{arch:?}, {rows} x {depth} x {columns}, {row}, {column}: {got} for {expected}");
                    }
                }
            }
        }
    }
}
