//! A dense layer, PyTorch's `nn.Linear`.

use super::{
    Isa, Precision,
    kernel::{
        Kernel, Lanes, Operand, PackedMatrix, Storage, StorageKernel, launch_stored, quantise, thin_product, words,
    },
    plain::{PAIRS, plain_order},
};
use std::array::from_fn;

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
        let thin = outputs <= 2 * isa.lanes();
        let (pairs, precision) = if thin { (1, Precision::F32) } else { (PAIRS, precision) };
        let order = plain_order(0..outputs, pairs, isa);
        Self {
            matrix: PackedMatrix::new(&order, pairs, &[(weight, inputs)], bias, precision, isa),
            inputs,
            outputs,
            isa,
        }
    }

    /// A buffer for [`Self::forward`].
    pub fn make_output_buffer(&self) -> Vec<f32> {
        vec![0.0; self.padded_outputs() + self.scratch()]
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

    fn run<'v, const V: usize>(&self, voices: &mut [(&'v [f32], &'v mut [f32]); V]) {
        let length = self.padded_outputs() + self.scratch();
        for (x, y) in voices.iter() {
            assert!(x.len() == self.inputs && y.len() == length, "a step of another layer");
        }
        if self.matrix.pairs() == 1 {
            self.isa.launch(Thin { dense: self, voices });
        } else {
            launch_stored(self.isa, self.matrix.precision(), Wide { dense: self, voices });
        }
    }

    fn padded_outputs(&self) -> usize {
        2 * self.matrix.pairs() * self.matrix.tiles() * self.isa.lanes()
    }

    /// Room behind the outputs for x as bytes.
    fn scratch(&self) -> usize {
        if self.matrix.precision() == Precision::Int8 { words(self.inputs) } else { 0 }
    }
}

struct Thin<'a, 'v, const V: usize> {
    dense: &'a Dense,
    voices: &'a mut [(&'v [f32], &'v mut [f32]); V],
}

impl<const V: usize> Kernel for Thin<'_, '_, V> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Self { dense: Dense { matrix, .. }, voices } = self;
        for (x, y) in voices {
            let y: &mut [[L::F; 2]] = bytemuck::cast_slice_mut(y);
            y[0] = thin_product(lanes, matrix.segment(0), x, matrix.bias::<L>()[0]);
        }
    }
}

struct Wide<'a, 'v, const V: usize> {
    dense: &'a Dense,
    voices: &'a mut [(&'v [f32], &'v mut [f32]); V],
}

impl<const V: usize> StorageKernel for Wide<'_, '_, V> {
    #[inline(always)]
    fn run<L: Lanes, S: Storage>(self, lanes: L) {
        let Self { dense, voices } = self;
        let (matrix, padded) = (&dense.matrix, dense.padded_outputs());
        let mut scales = [0.0; V];
        if S::QUANTISES {
            for (scale, (x, y)) in scales.iter_mut().zip(voices.iter_mut()) {
                *scale = quantise(lanes, x, bytemuck::cast_slice_mut(&mut y[padded..]));
            }
        }
        for tile in 0..matrix.tiles() {
            let start = &matrix.bias::<L>()[tile * PAIRS..][..PAIRS];
            let mut sums = [from_fn::<_, PAIRS, _>(|p| start[p]); V];
            let operands = from_fn(|v| {
                let (x, y) = &voices[v];
                Operand { values: x, quads: bytemuck::cast_slice(&y[padded..]), scale: scales[v] }
            });
            S::accumulate(lanes, matrix.segment(0), tile, operands, &mut sums);
            for ((_, y), sums) in voices.iter_mut().zip(sums) {
                let y: &mut [[L::F; 2]] = bytemuck::cast_slice_mut(&mut y[..padded]);
                y[tile * PAIRS..][..PAIRS].copy_from_slice(&sums);
            }
        }
    }
}
