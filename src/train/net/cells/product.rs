//! Products of matrices that lie in slices: the right factor is packed once and used as often as there are steps.
//!
//! Every number of a product is the sum over k in order, begun anew after every [`MAX_DEPTH`] terms or a little less; it depends on
//! nothing else, neither on the number of rows nor on the threads.

use super::parallel::{for_each, threads};
use crate::train::net::workspace::{Buffer, Workspace};
use pulp::{Arch, Simd, WithSimd};
use std::sync::Arc;

/// Columns that are packed together; a whole number of vectors at every level.
const PANEL: usize = 48;
/// Rows that are packed together.
const TILE: usize = 8;
/// Terms that are summed before they are added to the result: they have to fit the cache.
const MAX_DEPTH: usize = 512;
/// Rows of the left factor that stay in the cache while the right one passes.
const BLOCK: usize = 128;

/// Unused numbers between packed tiles: a power of two apart, these would be in each other's way in the cache.
const APART: usize = 16;

/// A matrix in a slice.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> View<'a> {
    /// The first `columns` numbers of each of `rows` rows that begin `stride` apart.
    ///
    /// # Panics
    /// If the slice is too short.
    pub fn new(values: &'a [f32], rows: usize, columns: usize, stride: usize) -> Self {
        assert!(columns <= stride && (rows == 0 || values.len() >= (rows - 1) * stride + columns));
        Self { values, rows, columns, row_stride: stride, column_stride: 1 }
    }

    /// `[rows][columns]`, nothing in between.
    pub fn whole(values: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::new(values, rows, columns, columns)
    }

    /// Rows.
    pub fn rows(self) -> usize {
        self.rows
    }

    /// A row of a matrix that is not transposed.
    pub fn row(self, row: usize) -> &'a [f32] {
        &self.values[row * self.row_stride..][..self.columns]
    }

    /// Transposed.
    pub fn t(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    fn skip_rows(self, row: usize, rows: usize) -> Self {
        Self { values: &self.values[row * self.row_stride..], rows, ..self }
    }
}

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
        let (depth, columns) = (matrix.rows, matrix.columns);
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
        assert!(lhs.columns == self.depth && self.columns <= stride);
        self.arch.dispatch(Product { lhs, rhs: self, out, stride, add });
    }
}

/// Columns `first..first + 48` of a matrix, `[k][48]`.
fn pack(matrix: View<'_>, first: usize, panel: &mut [f32]) {
    let width = PANEL.min(matrix.columns - first);
    if matrix.column_stride == 1 {
        for (k, row) in panel.chunks_exact_mut(PANEL).enumerate() {
            row[..width].copy_from_slice(&matrix.values[k * matrix.row_stride + first..][..width]);
            row[width..].fill(0.0);
        }
        return;
    }
    // In blocks, so that neither side is read or written line by line for single numbers.
    for (block, rows) in panel.chunks_mut(TILE * PANEL).enumerate() {
        for column in 0..width {
            let from = &matrix.values[(first + column) * matrix.column_stride + block * TILE * matrix.row_stride..];
            for (k, row) in rows.chunks_exact_mut(PANEL).enumerate() {
                row[column] = from[k * matrix.row_stride];
            }
        }
        rows.chunks_exact_mut(PANEL).for_each(|row| row[width..].fill(0.0));
    }
}

/// out ← lhs · rhs, its rows spread over the threads; rows of `out` begin `stride` apart.
///
/// # Panics
/// If sizes do not fit.
pub(crate) fn multiply_rows(lhs: View<'_>, rhs: View<'_>, out: &mut [f32], stride: usize, work: &Arc<Workspace>) {
    let rhs = Packed::new(rhs, work);
    let each = lhs.rows.div_ceil(threads()).next_multiple_of(TILE).max(TILE);
    let pieces: Vec<(usize, &mut [f32])> = out.chunks_mut(each * stride).enumerate().collect();
    for_each(pieces, |(piece, out)| {
        let rows = each.min(lhs.rows.saturating_sub(piece * each));
        if rows > 0 {
            rhs.multiply(lhs.skip_rows(piece * each, rows), out, stride, false);
        }
    });
}

struct Product<'a> {
    lhs: View<'a>,
    rhs: &'a Packed,
    out: &'a mut [f32],
    stride: usize,
    add: bool,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Rows times vectors are sums in registers: 24 of 32, or 12 of 16. A single stream fills no such tile.
        match S::F32_LANES {
            4 | 8 | 16 if self.lhs.rows <= 2 => self.run::<S, 2, 3>(simd),
            8 => self.run::<S, 4, 3>(simd),
            4 | 16 => self.run::<S, 8, 3>(simd),
            _ => self.run::<S, 4, 1>(simd),
        }
    }
}

impl Product<'_> {
    /// In tiles of `M` rows and `V` vectors.
    #[inline(always)]
    fn run<S: Simd, const M: usize, const V: usize>(self, simd: S) {
        let Self { lhs, rhs, out, stride, add } = self;
        let Packed { depth, columns, ref panels, ref work, .. } = *rhs;
        if depth == 0 && !add {
            out.chunks_mut(stride).take(lhs.rows).for_each(|row| row[..columns].fill(0.0));
        }
        let each = depth.div_ceil(depth.div_ceil(MAX_DEPTH).max(1)).max(1);
        // What is transposed is packed as a whole: so it is read in the order in which it lies in memory.
        let block_rows = if lhs.row_stride == 1 { lhs.rows } else { BLOCK.min(lhs.rows) };
        let mut packed = work.take(block_rows.div_ceil(M) * (each.min(depth) * M + APART));
        for first in (0..depth).step_by(each) {
            let depth = each.min(depth - first);
            let add = add || first > 0;
            for block in (0..lhs.rows).step_by(block_rows) {
                let lhs = lhs.skip_rows(block, block_rows.min(lhs.rows - block));
                let tiles = &mut packed[..lhs.rows.div_ceil(M) * (depth * M + APART)];
                pack_rows::<M>(lhs, first, depth, tiles);
                let inner = (0..lhs.rows.div_ceil(M)).step_by(BLOCK / M);
                for tiles_here in inner.map(|tile| tile..(tile + BLOCK / M).min(lhs.rows.div_ceil(M))) {
                    for (index, panel) in panels.chunks_exact(rhs.depth * PANEL).enumerate() {
                        let panel = &panel.as_chunks::<PANEL>().0[first..first + depth];
                        let start = index * PANEL;
                        for tile in tiles_here.clone() {
                            let rows = M.min(lhs.rows - tile * M);
                            let at = (block + tile * M) * stride + start;
                            let out = Tile { out: &mut out[at..], stride, rows, columns: columns - start, add };
                            let lhs = &tiles[tile * (depth * M + APART)..][..depth * M];
                            out.fill::<S, M, V>(simd, lhs.as_chunks::<M>().0, panel);
                        }
                    }
                }
            }
        }
    }
}

/// Rows of a matrix, columns `first..first + depth`, in tiles of M rows, `[tile][k][M]`; anything below the last row.
#[inline(always)]
fn pack_rows<const M: usize>(lhs: View<'_>, first: usize, depth: usize, packed: &mut [f32]) {
    let each = depth * M + APART;
    if lhs.row_stride == 1 {
        for k in 0..depth {
            let row = &lhs.values[(first + k) * lhs.column_stride..][..lhs.rows];
            for (values, packed) in row.chunks(M).zip(packed.chunks_mut(each)) {
                let packed = &mut packed[k * M..][..M];
                match (values.first_chunk::<M>(), packed.first_chunk_mut::<M>()) {
                    (Some(values), Some(packed)) => *packed = *values,
                    _ => packed[..values.len()].copy_from_slice(values),
                }
            }
        }
        return;
    }
    for (tile, packed) in packed.chunks_exact_mut(each).enumerate() {
        // Every row of the tile at once; rows below the last repeat it and are never written.
        let row = |i: usize| (tile * M + i).min(lhs.rows - 1) * lhs.row_stride + first;
        let from: [&[f32]; M] = std::array::from_fn(|i| &lhs.values[row(i)..][..depth]);
        for (k, packed) in packed[..depth * M].as_chunks_mut::<M>().0.iter_mut().enumerate() {
            *packed = std::array::from_fn(|i| from[i][k]);
        }
    }
}

/// A few rows of the result and the columns of a panel.
struct Tile<'a> {
    out: &'a mut [f32],
    stride: usize,
    rows: usize,
    /// Columns that are left; at most a panel's are filled.
    columns: usize,
    add: bool,
}

impl Tile<'_> {
    #[inline(always)]
    fn fill<S: Simd, const M: usize, const V: usize>(mut self, simd: S, lhs: &[[f32; M]], panel: &[[f32; PANEL]]) {
        let mut from = 0;
        let columns = self.columns.min(PANEL);
        while from < columns {
            let vectors = (columns - from).div_ceil(S::F32_LANES);
            from += match vectors {
                1 => self.part::<S, M, 1>(simd, lhs, panel, from),
                2 if V > 1 => self.part::<S, M, 2>(simd, lhs, panel, from),
                _ => self.part::<S, M, V>(simd, lhs, panel, from),
            };
        }
    }

    /// `V` vectors of columns from the panel's `from` on; returns how many columns these are.
    #[inline(always)]
    #[allow(clippy::needless_range_loop, clippy::manual_memcpy, reason = "else the sums are kept in memory")]
    fn part<S: Simd, const M: usize, const V: usize>(
        &mut self,
        simd: S,
        lhs: &[[f32; M]],
        panel: &[[f32; PANEL]],
        from: usize,
    ) -> usize {
        let width = V * S::F32_LANES;
        // Indices below are constants once the loops are unrolled, so that the sums stay in registers.
        let mut sums = [[simd.splat_f32s(0.0); V]; M];
        for (lhs, rhs) in lhs.iter().zip(panel) {
            let (rhs, _) = S::as_simd_f32s(&rhs[from..from + width]);
            for i in 0..M {
                let value = simd.splat_f32s(lhs[i]);
                for v in 0..V {
                    sums[i][v] = simd.mul_add_e_f32s(value, rhs[v], sums[i][v]);
                }
            }
        }
        let whole = self.columns >= from + width;
        for i in 0..M {
            if i >= self.rows {
                break;
            }
            let out = &mut self.out[i * self.stride + from..];
            if whole {
                let (out, _) = S::as_mut_simd_f32s(&mut out[..width]);
                for v in 0..V {
                    out[v] = if self.add { simd.add_f32s(out[v], sums[i][v]) } else { sums[i][v] };
                }
            } else {
                let mut values = [0.0; PANEL];
                let (vectors, _) = S::as_mut_simd_f32s(&mut values);
                for v in 0..V {
                    vectors[v] = sums[i][v];
                }
                for (out, value) in out[..self.columns - from].iter_mut().zip(values) {
                    *out = if self.add { *out + value } else { value };
                }
            }
        }
        width
    }
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
