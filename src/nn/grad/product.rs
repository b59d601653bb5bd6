//! Products of matrices that lie in slices: the right factor is packed once and used as often as there are steps.
//!
//! Every number of a product is the sum over k in order, begun anew after every [`MAX_DEPTH`] terms or a little less; it depends on
//! nothing else, neither on the number of rows nor on the threads.

use pulp::{Simd, WithSimd};

/// Columns that are packed together; a whole number of vectors at every level.
pub(crate) const PANEL: usize = 48;
/// Rows that are packed together.
pub(crate) const TILE: usize = 8;
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

    /// Columns.
    pub fn columns(self) -> usize {
        self.columns
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

    /// Without the rows before `row`, of which `rows` are left.
    pub fn skip_rows(self, row: usize, rows: usize) -> Self {
        Self { values: &self.values[row * self.row_stride..], rows, ..self }
    }
}

/// Columns `first..first + 48` of a matrix, `[k][48]`.
pub(crate) fn pack(matrix: View<'_>, first: usize, panel: &mut [f32]) {
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

/// out ← lhs · rhs, or out + lhs · rhs where `add`.
pub(crate) struct Product<'a> {
    pub lhs: View<'a>,
    /// The right factor, `(lhs.columns(), columns)`: `[panel][k][48]`, each panel by [`pack`], zeros right of the last column.
    pub panels: &'a [f32],
    pub columns: usize,
    /// Rows begin `stride` apart.
    pub out: &'a mut [f32],
    pub stride: usize,
    pub add: bool,
    /// [`scratch_len`] numbers, which may be anything.
    pub scratch: &'a mut [f32],
}

/// What the left factor of a product is packed into.
pub(crate) fn scratch_len(lhs: View<'_>) -> usize {
    // Tiles have eight or four rows; where there is but a pair of them, it is one tile.
    let rows = block_rows(lhs);
    rows.next_multiple_of(TILE) * depth_at_once(lhs.columns).min(lhs.columns) + rows.div_ceil(TILE / 2) * APART
}

/// Terms that are summed at once.
fn depth_at_once(depth: usize) -> usize {
    depth.div_ceil(depth.div_ceil(MAX_DEPTH).max(1)).max(1)
}

/// Rows that are packed at once. What is transposed is packed as a whole: so it is read in the order in which it lies in memory.
fn block_rows(lhs: View<'_>) -> usize {
    if lhs.row_stride == 1 { lhs.rows } else { BLOCK.min(lhs.rows) }
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
        let Self { lhs, panels, columns, out, stride, add, scratch } = self;
        let whole_depth = lhs.columns;
        if whole_depth == 0 && !add {
            out.chunks_mut(stride).take(lhs.rows).for_each(|row| row[..columns].fill(0.0));
        }
        let (each, block_rows) = (depth_at_once(whole_depth), block_rows(lhs));
        for first in (0..whole_depth).step_by(each) {
            let depth = each.min(whole_depth - first);
            let add = add || first > 0;
            for block in (0..lhs.rows).step_by(block_rows) {
                let lhs = lhs.skip_rows(block, block_rows.min(lhs.rows - block));
                let tiles = &mut scratch[..lhs.rows.div_ceil(M) * (depth * M + APART)];
                pack_rows::<M>(lhs, first, depth, tiles);
                let inner = (0..lhs.rows.div_ceil(M)).step_by(BLOCK / M);
                for tiles_here in inner.map(|tile| tile..(tile + BLOCK / M).min(lhs.rows.div_ceil(M))) {
                    for (index, panel) in panels.chunks_exact(whole_depth * PANEL).enumerate() {
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
