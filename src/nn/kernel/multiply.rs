//! Matrix times vector, y = W·x + b, for one or more voices.

use super::{
    Lanes, PAIRS, PackedMatrix,
    product::{Operand, Pairs, Storage, StorageKernel, launch_stored, thin_product},
    quantise::quantise,
};
use crate::nn::Isa;
use std::{array::from_fn, ops::Range};

/// The order in which a product goes through the tiles; its sums are the same.
///
/// Read in the same order each time, a matrix somewhat larger than a cache misses it everywhere: what comes next is what was evicted
/// last. Read back and forth, the part read last is still there. Of voices that step together the first decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweep {
    Forwards,
    Backwards,
}

impl Sweep {
    /// Forwards at even steps, backwards at odd ones.
    pub fn of_step(step: u64) -> Self {
        if step.is_multiple_of(2) { Self::Forwards } else { Self::Backwards }
    }

    #[inline(always)]
    fn place(self, index: usize, count: usize) -> usize {
        match self {
            Self::Forwards => index,
            Self::Backwards => count - 1 - index,
        }
    }
}

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
    pub fn multiply<const V: usize>(&self, isa: Isa, sweep: Sweep, voices: &mut [Factors<'_>; V]) {
        self.multiply_tiles(isa, sweep, 0..self.tiles(), voices);
    }

    /// The same for some tiles; the sums of others stay as they are. A tile's sums do not depend on which others are asked for.
    ///
    /// # Panics
    /// If a length does not fit, or there are no such tiles.
    pub fn multiply_tiles<const V: usize>(
        &self,
        isa: Isa,
        sweep: Sweep,
        tiles: Range<usize>,
        voices: &mut [Factors<'_>; V],
    ) {
        launch_stored(isa, self.precision(), Multiply { matrix: self, sweep, tiles, voices });
    }

    /// y ← b + W · x for a matrix of one tile of one pair of vectors, of weights as they are.
    pub fn multiply_thin(&self, isa: Isa, x: &[f32], y: &mut [f32]) {
        isa.launch(Thin { matrix: self, x, y });
    }
}

struct Multiply<'a, 'v, const V: usize> {
    matrix: &'a PackedMatrix,
    sweep: Sweep,
    tiles: Range<usize>,
    voices: &'a mut [Factors<'v>; V],
}

impl<const V: usize> StorageKernel for Multiply<'_, '_, V> {
    #[inline(always)]
    fn run<L: Lanes, S: Storage>(self, lanes: L) {
        let Self { matrix, sweep, tiles, voices } = self;
        let mut scales = [[0.0; 2]; V];
        if S::QUANTISES {
            for (scales, voice) in scales.iter_mut().zip(voices.iter_mut()) {
                for ((scale, x), quads) in scales.iter_mut().zip(voice.x).zip(&mut voice.quads) {
                    *scale = quantise(lanes, x, quads);
                }
            }
        }
        // Two tiles at once for a voice alone.
        let twos = if V == 1 { tiles.len() / 2 } else { 0 };
        let rest = tiles.len() - 2 * twos;
        for index in 0..twos + rest {
            let index = sweep.place(index, twos + rest);
            if let ([voice], true) = (&mut voices[..], index < twos) {
                let tile = tiles.start + 2 * index;
                let mut sums: [_; 2] = from_fn(|t| start::<L>(matrix, voice, tile + t));
                for (index, segment) in matrix.segments().iter().enumerate() {
                    S::accumulate_twice(lanes, segment, tile, operand(voice, index, scales[0]), &mut sums);
                }
                sums.iter().enumerate().for_each(|(t, sums)| store::<L>(voice, tile + t, sums));
                continue;
            }
            let tile = tiles.start + twos + index;
            let mut sums: [_; V] = from_fn(|v| start::<L>(matrix, &voices[v], tile));
            for (index, segment) in matrix.segments().iter().enumerate() {
                let operands = from_fn(|v| operand(&voices[v], index, scales[v]));
                S::accumulate(lanes, segment, tile, operands, &mut sums);
            }
            voices.iter_mut().zip(&sums).for_each(|(voice, sums)| store::<L>(voice, tile, sums));
        }
    }
}

/// What the sums of a tile begin with.
#[inline(always)]
fn start<L: Lanes>(matrix: &PackedMatrix, voice: &Factors<'_>, tile: usize) -> Pairs<L, PAIRS> {
    let all: &[[L::F; 2]] = voice.start.map_or(matrix.bias::<L>(), bytemuck::cast_slice);
    let here = &all[tile * PAIRS..(tile + 1) * PAIRS];
    from_fn(|p| here[p])
}

#[inline(always)]
fn operand<'a>(voice: &'a Factors<'_>, index: usize, scales: [f32; 2]) -> Operand<'a> {
    Operand { values: voice.x[index], quads: &*voice.quads[index], scale: scales[index] }
}

#[inline(always)]
fn store<L: Lanes>(voice: &mut Factors<'_>, tile: usize, sums: &Pairs<L, PAIRS>) {
    bytemuck::cast_slice_mut::<f32, [L::F; 2]>(voice.sums)[tile * PAIRS..(tile + 1) * PAIRS].copy_from_slice(sums);
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
