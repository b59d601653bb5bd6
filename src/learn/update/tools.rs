//! Products of matrices in memory that grows during the first update and never again.

use crate::nn::{
    Isa,
    grad::{PANEL, Product, View, pack, scratch_len},
    vectorize,
};

/// A right factor made ready.
#[derive(Clone, Debug, Default)]
pub(super) struct Right {
    /// `[panel][k][48]`; longer where a longer one was here before.
    panels: Vec<f32>,
    len: usize,
    columns: usize,
}

impl Right {
    /// Takes the place of what was here.
    pub fn pack(&mut self, matrix: View<'_>) {
        let depth = matrix.rows();
        self.columns = matrix.columns();
        self.len = depth * self.columns.next_multiple_of(PANEL);
        grow(&mut self.panels, self.len);
        for (index, panel) in self.panels[..self.len].chunks_exact_mut((depth * PANEL).max(1)).enumerate() {
            pack(matrix, index * PANEL, panel);
        }
    }
}

#[cfg(test)]
impl Right {
    /// Numbers that it has memory for.
    pub fn capacity(&self) -> usize {
        self.panels.capacity()
    }
}

/// The instruction set, and what products need.
#[derive(Clone, Debug)]
pub(super) struct Tools {
    pub isa: Isa,
    right: Right,
    scratch: Vec<f32>,
}

impl Tools {
    pub fn new(isa: Isa) -> Self {
        Self { isa, right: Right::default(), scratch: Vec::new() }
    }

    /// out ← lhs · rhs, or out + lhs · rhs where `add`; rows of `out` begin `stride` apart.
    pub fn multiply(&mut self, lhs: View<'_>, rhs: View<'_>, out: &mut [f32], stride: usize, add: bool) {
        let mut right = std::mem::take(&mut self.right);
        right.pack(rhs);
        self.multiply_packed(lhs, &right, out, stride, add);
        self.right = right;
    }

    /// The same with a factor that is ready.
    pub fn multiply_packed(&mut self, lhs: View<'_>, right: &Right, out: &mut [f32], stride: usize, add: bool) {
        let Right { panels, len, columns } = right;
        let (panels, columns) = (&panels[..*len], *columns);
        grow(&mut self.scratch, scratch_len(lhs));
        let scratch = &mut self.scratch;
        self.isa.arch().dispatch(Product { lhs, panels, columns, out, stride, add, scratch });
    }

    /// Adds the rows of a matrix to `sums`, in their order.
    pub fn add_rows(&self, matrix: View<'_>, sums: &mut [f32]) {
        vectorize(
            self.isa.arch(),
            #[inline(always)]
            || {
                for row in 0..matrix.rows() {
                    sums.iter_mut().zip(matrix.row(row)).for_each(|(sum, value)| *sum += value);
                }
            },
        );
    }

    /// Adds a bias to every row.
    pub fn add_bias(&self, rows: &mut [f32], bias: &[f32]) {
        vectorize(
            self.isa.arch(),
            #[inline(always)]
            || {
                for row in rows.chunks_exact_mut(bias.len()) {
                    row.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
                }
            },
        );
    }

    /// Numbers that it has memory for.
    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.scratch.capacity() + self.right.capacity()
    }
}

fn grow(values: &mut Vec<f32>, len: usize) {
    if values.len() < len {
        values.resize(len, 0.0);
    }
}
