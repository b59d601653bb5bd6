//! A dense layer, PyTorch's `nn.Linear`.

use super::{
    Isa, Precision,
    cell::layer::plain_order,
    kernel::{Dots, Factors, Order, PAIRS, PackedMatrix, Row, Sweep, words},
};
use std::ops::Range;

/// Up to so many outputs each is a dot product; more go by tiles. At most two vectors of any level.
const FEW: usize = 4;

/// y = W·x + b.
#[derive(Clone, Debug)]
pub struct Dense {
    weights: Weights,
    inputs: usize,
    outputs: usize,
    isa: Isa,
}

#[derive(Clone, Debug)]
enum Weights {
    Few(Dots),
    /// One tile of two vectors, or whole tiles of more.
    Many(PackedMatrix),
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
        let weights = if outputs <= FEW {
            Weights::Few(Dots::new(inputs, weight, bias, isa))
        } else if outputs <= 2 * isa.lanes() {
            let mut order: Order = (0..outputs).map(|source| Some(Row { source, factor: 1.0 })).collect();
            order.resize(2 * isa.lanes(), None);
            Weights::Many(PackedMatrix::with_pairs(&order, 1, &blocks, bias, Precision::F32, isa))
        } else {
            Weights::Many(PackedMatrix::new(&plain_order(0..outputs, isa), &blocks, bias, precision, isa))
        };
        Self { weights, inputs, outputs, isa }
    }

    /// A buffer for [`Self::forward`].
    pub fn make_output_buffer(&self) -> Vec<f32> {
        vec![0.0; self.padded_outputs() + self.scratch()]
    }

    /// Number of meaningful outputs; the buffer may be longer.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Bytes that a step reads.
    pub fn bytes(&self) -> usize {
        match &self.weights {
            Weights::Few(dots) => dots.bytes(),
            Weights::Many(matrix) => matrix.bytes(),
        }
    }

    /// Weights on the way from those of `from`, at 0, to those of `to`, at 1.
    ///
    /// # Realtime safety
    /// Does not allocate.
    ///
    /// # Panics
    /// If the layers differ in shape, or weights are stored in less than 32 bits.
    pub fn blend(&mut self, from: &Self, to: &Self, amount: f32) {
        match (&mut self.weights, &from.weights, &to.weights) {
            (Weights::Few(own), Weights::Few(from), Weights::Few(to)) => own.blend(from, to, amount),
            (Weights::Many(own), Weights::Many(from), Weights::Many(to)) => own.blend(from, to, amount),
            _ => panic!("layers of different shapes have no middle"),
        }
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

    /// As [`Self::forward`], but only some of the outputs, with the same bits; what stands in `y` beside them is of no meaning.
    ///
    /// # Realtime safety
    /// Does not allocate.
    ///
    /// # Panics
    /// As [`Self::forward`], or if there are no such outputs.
    pub fn forward_rows(&self, rows: Range<usize>, x: &[f32], y: &mut [f32]) {
        assert!(rows.start <= rows.end && rows.end <= self.outputs, "outputs of another layer");
        match &self.weights {
            Weights::Many(matrix) if matrix.pairs() == PAIRS => {
                let rows_per_tile = matrix.padded_rows() / matrix.tiles();
                self.run_tiles(rows.start / rows_per_tile..rows.end.div_ceil(rows_per_tile), &mut [(x, y)]);
            }
            // So few that they are one tile.
            _ => self.forward(x, y),
        }
    }

    /// One step of several voices; large weights are read once for all of them. What a voice computes does not depend
    /// on the others, nor on how many they are.
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
        let tiles = if let Weights::Many(matrix) = &self.weights { matrix.tiles() } else { 0 };
        self.run_tiles(0..tiles, voices);
    }

    /// The outputs of these tiles, where there are tiles.
    fn run_tiles<const V: usize>(&self, tiles: Range<usize>, voices: &mut [(&[f32], &mut [f32]); V]) {
        let padded = self.padded_outputs();
        for (x, y) in voices.iter() {
            assert!(x.len() == self.inputs && y.len() == padded + self.scratch(), "a step of another layer");
        }
        match &self.weights {
            Weights::Few(dots) => voices.iter_mut().for_each(|(x, y)| dots.multiply(self.isa, x, y)),
            Weights::Many(matrix) if matrix.pairs() < PAIRS => {
                voices.iter_mut().for_each(|(x, y)| matrix.multiply_thin(self.isa, x, y));
            }
            Weights::Many(matrix) => {
                let mut factors = voices.each_mut().map(|(x, y)| {
                    let (sums, scratch) = y.split_at_mut(padded);
                    Factors { start: None, x: [x, &[]], quads: [bytemuck::cast_slice_mut(scratch), &mut []], sums }
                });
                // A dense layer counts no steps.
                matrix.multiply_tiles(self.isa, Sweep::Forwards, tiles, &mut factors);
            }
        }
    }

    /// Outputs, and zeros up to whole tiles where there are tiles.
    fn padded_outputs(&self) -> usize {
        match &self.weights {
            Weights::Few(dots) => dots.rows(),
            Weights::Many(matrix) => matrix.padded_rows(),
        }
    }

    /// Room behind the outputs for x as bytes.
    fn scratch(&self) -> usize {
        match &self.weights {
            Weights::Many(matrix) if matrix.precision() == Precision::Int8 => words(self.inputs),
            _ => 0,
        }
    }
}
