//! A dense layer, PyTorch's `nn.Linear`.

use super::{Isa, PackedMatrix};

/// y = W·x + b.
#[derive(Clone, Debug)]
pub struct Dense {
    matrix: PackedMatrix,
}

impl Dense {
    /// From `weight` (`[outputs][inputs]`, row-major) and `bias` (`[outputs]`).
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn new(inputs: usize, outputs: usize, weight: &[f32], bias: &[f32], isa: Isa) -> Self {
        Self { matrix: PackedMatrix::new(outputs, &[(weight, inputs)], bias, isa) }
    }

    /// A buffer for [`Self::forward`].
    pub fn make_output_buffer(&self) -> Vec<f32> {
        vec![0.0; self.matrix.padded_rows()]
    }

    /// Number of meaningful outputs; the buffer is longer.
    pub fn outputs(&self) -> usize {
        self.matrix.rows()
    }

    /// Bytes that a step reads.
    pub fn bytes(&self) -> usize {
        self.matrix.bytes()
    }

    /// One step. `x`: `[inputs]`, `y`: from [`Self::make_output_buffer`].
    ///
    /// # Realtime safety
    /// Does not allocate.
    pub fn forward(&self, x: &[f32], y: &mut [f32]) {
        self.matrix.apply(x, y);
    }
}
