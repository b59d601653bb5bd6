//! The one kernel that costs time: matrix times vector, y = W·x + b.

use super::Isa;
use pulp::{Simd, WithSimd};

/// Rows that are computed together; a whole number of vectors at every level.
const PANEL: usize = 64;

/// A matrix packed for the kernel: panels of 64 rows, stored column by column, so that the weights are read once, in order,
/// while 64 sums stay in registers.
#[derive(Clone, Debug)]
pub struct PackedMatrix {
    rows: usize,
    columns: usize,
    /// `[panel][column][64]`, zeros below the last row.
    panels: Vec<f32>,
    /// `[panel · 64]`
    bias: Vec<f32>,
    isa: Isa,
}

impl PackedMatrix {
    /// Packs blocks that stand side by side: `blocks` are row-major `[rows][columns_i]`, as PyTorch stores weights;
    /// `bias` is `[rows]`.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn new(rows: usize, blocks: &[(&[f32], usize)], bias: &[f32], isa: Isa) -> Self {
        assert_eq!(bias.len(), rows);
        let columns = blocks.iter().map(|(_, columns)| columns).sum();
        let padded = rows.next_multiple_of(PANEL);
        let mut panels = vec![0.0; padded * columns];
        let mut first = 0;
        for &(weights, width) in blocks {
            assert_eq!(weights.len(), rows * width);
            for (row, values) in weights.chunks_exact(width.max(1)).enumerate() {
                let panel = &mut panels[(row / PANEL) * columns * PANEL..][..columns * PANEL];
                for (column, &value) in values.iter().enumerate() {
                    panel[(first + column) * PANEL + row % PANEL] = value;
                }
            }
            first += width;
        }
        let mut padded_bias = bias.to_vec();
        padded_bias.resize(padded, 0.0);
        Self { rows, columns, panels, bias: padded_bias, isa }
    }

    /// Length of a result, rows rounded up to 64; what lies past `rows` is 0.
    pub fn padded_rows(&self) -> usize {
        self.bias.len()
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Length of x.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Bytes that a product reads.
    pub fn bytes(&self) -> usize {
        (self.panels.len() + self.bias.len()) * size_of::<f32>()
    }

    /// y = W·x + b. `x`: `[columns]`, `y`: `[padded_rows]`.
    ///
    /// # Realtime safety
    /// Does not allocate.
    ///
    /// # Panics
    /// If a length differs.
    pub fn apply(&self, x: &[f32], y: &mut [f32]) {
        assert!(x.len() == self.columns && y.len() == self.bias.len());
        self.isa.0.dispatch(Product { matrix: self, x, y });
    }
}

struct Product<'a> {
    matrix: &'a PackedMatrix,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            16 => self.run::<S, 4>(simd),
            8 => self.run::<S, 8>(simd),
            4 => self.run::<S, 16>(simd),
            _ => self.run_scalar(),
        }
    }
}

impl Product<'_> {
    /// `VECTORS` · lanes = 64.
    #[inline(always)]
    fn run<S: Simd, const VECTORS: usize>(self, simd: S) {
        let Self { matrix, x, y } = self;
        let panel_length = matrix.columns * PANEL;
        for (index, (y, bias)) in y.chunks_exact_mut(PANEL).zip(matrix.bias.chunks_exact(PANEL)).enumerate() {
            let (weights, _) = S::as_simd_f32s(&matrix.panels[index * panel_length..][..panel_length]);
            let (bias, _) = S::as_simd_f32s(bias);
            let mut sums = [simd.splat_f32s(0.0); VECTORS];
            sums.copy_from_slice(&bias[..VECTORS]);
            for (&x, column) in x.iter().zip(weights.chunks_exact(VECTORS)) {
                let x = simd.splat_f32s(x);
                for (sum, &w) in sums.iter_mut().zip(column) {
                    *sum = simd.mul_add_f32s(x, w, *sum);
                }
            }
            let (y, _) = S::as_mut_simd_f32s(y);
            y.copy_from_slice(&sums);
        }
    }

    /// Without a fused multiplication, which would be a library call.
    fn run_scalar(self) {
        let Self { matrix, x, y } = self;
        let panel_length = matrix.columns * PANEL;
        for (index, (y, bias)) in y.chunks_exact_mut(PANEL).zip(matrix.bias.chunks_exact(PANEL)).enumerate() {
            let weights = &matrix.panels[index * panel_length..][..panel_length];
            let mut sums = [0.0f32; PANEL];
            sums.copy_from_slice(bias);
            for (&x, column) in x.iter().zip(weights.chunks_exact(PANEL)) {
                for (sum, &w) in sums.iter_mut().zip(column) {
                    *sum += x * w;
                }
            }
            y.copy_from_slice(&sums);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::random::Random;

    #[test]
    fn equals_the_plain_sum_at_every_level() {
        for isa in Isa::all() {
            for (rows, columns) in [(1, 1), (3, 5), (64, 64), (65, 7), (200, 129)] {
                let mut random = Random::new(9);
                let mut draw = |n: usize| (0..n).map(|_| random.normal()).collect::<Vec<f32>>();
                let (left, right, bias, x) = (draw(rows * columns), draw(rows * 2), draw(rows), draw(columns + 2));
                let matrix = PackedMatrix::new(rows, &[(&left, columns), (&right, 2)], &bias, isa);
                let mut y = vec![f32::NAN; matrix.padded_rows()];
                matrix.apply(&x, &mut y);
                for row in 0..rows {
                    let w = left[row * columns..][..columns].iter().chain(&right[row * 2..][..2]);
                    let expected =
                        f64::from(bias[row]) + w.zip(&x).map(|(&w, &x)| f64::from(w) * f64::from(x)).sum::<f64>();
                    let error = (f64::from(y[row]) - expected).abs();
                    assert!(error < 1e-4, "{}: {rows} x {columns}, row {row}: error {error}", isa.name());
                }
                assert!(y[rows..].iter().all(|&v| v == 0.0));
            }
        }
    }
}
