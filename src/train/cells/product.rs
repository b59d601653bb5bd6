//! Products of matrices that lie in slices.

use super::parallel::{for_each, threads};
use gemm::Parallelism;

/// A matrix in a slice.
#[derive(Clone, Copy)]
pub(in crate::train) struct View<'a> {
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

    /// Its first rows.
    pub fn first_rows(self, rows: usize) -> Self {
        Self { rows: rows.min(self.rows), ..self }
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

/// out ← lhs · rhs, or out + lhs · rhs where `add`; rows of `out` begin `stride` apart.
///
/// # Panics
/// If sizes do not fit.
pub(in crate::train) fn multiply(lhs: View<'_>, rhs: View<'_>, out: &mut [f32], stride: usize, add: bool) {
    let (rows, columns) = (lhs.rows, rhs.columns);
    if rows == 0 || columns == 0 {
        return;
    }
    assert!(lhs.columns == rhs.rows && columns <= stride && out.len() >= (rows - 1) * stride + columns);
    let signed = |stride: usize| stride as isize;
    // SAFETY: `View::new` checked that every element of both factors lies in its slice, and taking rows or transposing keeps
    // to it; the line above checked the same of `out`, which nothing else can refer to.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            lhs.columns,
            out.as_mut_ptr(),
            1,
            signed(stride),
            add,
            lhs.values.as_ptr(),
            signed(lhs.column_stride),
            signed(lhs.row_stride),
            rhs.values.as_ptr(),
            signed(rhs.column_stride),
            signed(rhs.row_stride),
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// [`multiply`] without adding, its rows spread over the threads.
pub(in crate::train) fn multiply_rows(lhs: View<'_>, rhs: View<'_>, out: &mut [f32], stride: usize) {
    let each = lhs.rows.div_ceil(threads()).max(1);
    let pieces: Vec<(usize, &mut [f32])> = out.chunks_mut(each * stride).enumerate().collect();
    for_each(pieces, |(piece, out)| {
        let rows = each.min(lhs.rows.saturating_sub(piece * each));
        if rows > 0 {
            multiply(lhs.skip_rows(piece * each, rows), rhs, out, stride, false);
        }
    });
}
