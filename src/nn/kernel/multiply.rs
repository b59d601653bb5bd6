//! Matrix times vector, y = W·x + b, for one or more voices.

use super::{
    Lanes, PackedMatrix,
    product::{Operand, Storage, StorageKernel, launch_stored, thin_product},
    quantise::quantise,
};
use crate::nn::Isa;
use std::array::from_fn;

/// Pairs of vectors in a tile of a matrix that [`PackedMatrix::multiply`] takes.
pub const PAIRS: usize = 2;

/// One voice in a product.
pub struct Factors<'a> {
    /// What the sums begin with in place of the bias, padded as they are.
    pub start: Option<&'a [f32]>,
    /// The vectors, one for each block of columns; with one block the second is empty.
    pub x: [&'a [f32]; 2],
    /// Scratch for them as bytes, empty with other storages.
    pub quads: [&'a mut [i32]; 2],
    /// `[rows]`, padded to whole tiles.
    pub sums: &'a mut [f32],
}

impl PackedMatrix {
    /// sums ← start + W · x for every voice; the weights are read once for all of them.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn multiply<const V: usize>(&self, isa: Isa, voices: &mut [Factors<'_>; V]) {
        launch_stored(isa, self.precision(), Multiply { matrix: self, voices });
    }

    /// y ← b + W · x for a matrix of one tile of one pair of vectors, of weights as they are.
    pub fn multiply_thin(&self, isa: Isa, x: &[f32], y: &mut [f32]) {
        isa.launch(Thin { matrix: self, x, y });
    }
}

struct Multiply<'a, 'v, const V: usize> {
    matrix: &'a PackedMatrix,
    voices: &'a mut [Factors<'v>; V],
}

impl<const V: usize> StorageKernel for Multiply<'_, '_, V> {
    #[inline(always)]
    fn run<L: Lanes, S: Storage>(self, lanes: L) {
        let Self { matrix, voices } = self;
        let mut scales = [[0.0; 2]; V];
        if S::QUANTISES {
            for (scales, voice) in scales.iter_mut().zip(voices.iter_mut()) {
                for ((scale, x), quads) in scales.iter_mut().zip(voice.x).zip(&mut voice.quads) {
                    *scale = quantise(lanes, x, quads);
                }
            }
        }
        for tile in 0..matrix.tiles() {
            let here = tile * PAIRS..(tile + 1) * PAIRS;
            let mut sums: [_; V] = from_fn(|v| {
                let all = voices[v].start.map_or(matrix.bias::<L>(), bytemuck::cast_slice);
                let start: &[[L::F; 2]] = &all[here.clone()];
                from_fn::<_, PAIRS, _>(|p| start[p])
            });
            for (index, segment) in matrix.segments().iter().enumerate() {
                let operands = from_fn(|v| Operand {
                    values: voices[v].x[index],
                    quads: &*voices[v].quads[index],
                    scale: scales[v][index],
                });
                S::accumulate(lanes, segment, tile, operands, &mut sums);
            }
            for (voice, sums) in voices.iter_mut().zip(sums) {
                bytemuck::cast_slice_mut::<f32, [L::F; 2]>(voice.sums)[here.clone()].copy_from_slice(&sums);
            }
        }
    }
}

struct Thin<'a> {
    matrix: &'a PackedMatrix,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl super::Kernel for Thin<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let y: &mut [[L::F; 2]] = bytemuck::cast_slice_mut(self.y);
        y[0] = thin_product(lanes, &self.matrix.segments()[0], self.x, self.matrix.bias::<L>()[0]);
    }
}
