//! A dense layer, PyTorch's `nn.Linear`.

use super::{
    Isa, Precision,
    kernel::{Factors, Order, PAIRS, PackedMatrix, Row, words},
    layer::plain_order,
};

/// y = W·x + b.
#[derive(Clone, Debug)]
pub struct Dense {
    matrix: PackedMatrix,
    inputs: usize,
    outputs: usize,
    isa: Isa,
}

/// Something that goes through a [`Dense`] together with others.
pub trait Forwarding {
    /// x (`[inputs]`), and y from [`Dense::make_output_buffer`].
    fn dense_parts(&mut self) -> (&[f32], &mut [f32]);
}

impl Dense {
    /// From `weight` (`[outputs][inputs]`, row-major) and `bias` (`[outputs]`). A layer whose outputs fit into two vectors
    /// keeps its weights as they are, whatever the precision.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn new(inputs: usize, outputs: usize, weight: &[f32], bias: &[f32], precision: Precision, isa: Isa) -> Self {
        let blocks = [(weight, inputs)];
        let matrix = if outputs <= 2 * isa.lanes() {
            let mut order: Order = (0..outputs).map(|source| Some(Row { source, factor: 1.0 })).collect();
            order.resize(2 * isa.lanes(), None);
            PackedMatrix::with_pairs(&order, 1, &blocks, bias, Precision::F32, isa)
        } else {
            PackedMatrix::new(&plain_order(0..outputs, isa), &blocks, bias, precision, isa)
        };
        Self { matrix, inputs, outputs, isa }
    }

    /// A buffer for [`Self::forward`].
    pub fn make_output_buffer(&self) -> Vec<f32> {
        vec![0.0; self.matrix.padded_rows() + self.scratch()]
    }

    /// Number of meaningful outputs; the buffer is longer.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Bytes that a step reads.
    pub fn bytes(&self) -> usize {
        self.matrix.bytes()
    }

    /// One step. `x`: `[inputs]`, `y`: from [`Self::make_output_buffer`].
    ///
    /// # Realtime safety
    /// Does not allocate.
    ///
    /// # Panics
    /// If a length differs.
    pub fn forward(&self, x: &[f32], y: &mut [f32]) {
        self.run(&mut [(x, y)]);
    }

    /// One step of several voices; the weights are read once for all of them. What a voice computes does not depend on the
    /// others, nor on how many they are.
    ///
    /// # Realtime safety
    /// Does not allocate.
    ///
    /// # Panics
    /// As [`Self::forward`].
    pub fn forward_together<V: Forwarding>(&self, voices: &mut [V]) {
        let (fours, rest) = voices.as_chunks_mut::<4>();
        let (twos, rest) = rest.as_chunks_mut::<2>();
        fours.iter_mut().for_each(|voices| self.run(&mut voices.each_mut().map(V::dense_parts)));
        twos.iter_mut().for_each(|voices| self.run(&mut voices.each_mut().map(V::dense_parts)));
        rest.iter_mut().for_each(|voice| self.run(&mut [voice.dense_parts()]));
    }

    fn run<const V: usize>(&self, voices: &mut [(&[f32], &mut [f32]); V]) {
        let padded = self.matrix.padded_rows();
        for (x, y) in voices.iter() {
            assert!(x.len() == self.inputs && y.len() == padded + self.scratch(), "a step of another layer");
        }
        if self.matrix.pairs() < PAIRS {
            voices.iter_mut().for_each(|(x, y)| self.matrix.multiply_thin(self.isa, x, y));
        } else {
            let mut factors = voices.each_mut().map(|(x, y)| {
                let (sums, scratch) = y.split_at_mut(padded);
                Factors { start: None, x: [x, &[]], quads: [bytemuck::cast_slice_mut(scratch), &mut []], sums }
            });
            self.matrix.multiply(self.isa, &mut factors);
        }
    }

    /// Room behind the outputs for x as bytes.
    fn scratch(&self) -> usize {
        if self.matrix.precision() == Precision::Int8 { words(self.inputs) } else { 0 }
    }
}
