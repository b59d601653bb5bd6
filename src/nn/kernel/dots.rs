//! A product with few rows: each is a dot product, whose sum ends across the lanes of a vector.

use super::{AlignedBuffer, Kernel, Lanes};
use crate::nn::Isa;
use std::array::from_fn;

/// Few rows of weights, as they are, and their bias.
#[derive(Clone, Debug)]
pub struct Dots {
    /// `[row][column]`, columns padded to whole vectors with zeros.
    weights: AlignedBuffer,
    bias: Vec<f32>,
    columns: usize,
}

impl Dots {
    /// `weights`: `[rows][columns]`, row-major; `bias`: `[rows]`.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn new(columns: usize, weights: &[f32], bias: &[f32], isa: Isa) -> Self {
        assert_eq!(weights.len(), bias.len() * columns);
        let padded = columns.next_multiple_of(isa.lanes());
        let mut packed = AlignedBuffer::new(padded * size_of_val(bias));
        for (row, slots) in packed.view_mut::<f32>().chunks_exact_mut(padded.max(1)).take(bias.len()).enumerate() {
            slots[..columns].copy_from_slice(&weights[row * columns..][..columns]);
        }
        Self { weights: packed, bias: bias.to_vec(), columns }
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.bias.len()
    }

    /// As [`super::PackedMatrix::blend`].
    pub fn blend(&mut self, from: &Self, to: &Self, amount: f32) {
        self.weights.blend(&from.weights, &to.weights, amount);
        let ends = from.bias.iter().zip(&to.bias);
        self.bias.iter_mut().zip(ends).for_each(|(slot, (from, to))| *slot = from + amount * (to - from));
    }

    /// Bytes that a product reads.
    pub fn bytes(&self) -> usize {
        self.weights.bytes() + size_of_val(&self.bias[..])
    }

    /// y ← b + W · x. `x`: `[columns]`, `y`: `[rows]`.
    ///
    /// # Panics
    /// If a length differs.
    #[inline]
    pub fn multiply(&self, isa: Isa, x: &[f32], y: &mut [f32]) {
        assert!(x.len() == self.columns && y.len() == self.bias.len());
        isa.launch(Multiply { dots: self, x, y });
    }
}

struct Multiply<'a> {
    dots: &'a Dots,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Self { dots: Dots { weights, bias, columns }, x, y } = self;
        let (whole, rest) = x.split_at(columns / L::LANES * L::LANES);
        let whole: &[L::F] = bytemuck::cast_slice(whole);
        let vectors = columns.div_ceil(L::LANES);
        for (row, (slot, bias)) in y.iter_mut().zip(bias).enumerate() {
            let weights = &weights.view::<L::F>()[row * vectors..][..vectors];
            let (twos, last) = weights[..whole.len()].as_chunks::<2>();
            let (x_twos, x_last) = whole.as_chunks::<2>();
            let mut sums = [lanes.splat(0.0); 2];
            for (weights, x) in twos.iter().zip(x_twos) {
                sums = [lanes.mul_add(weights[0], x[0], sums[0]), lanes.mul_add(weights[1], x[1], sums[1])];
            }
            if let ([weight], [x]) = (last, x_last) {
                sums[0] = lanes.mul_add(*weight, *x, sums[0]);
            }
            let sum = lanes.sum(lanes.add(sums[0], sums[1]));
            *slot = bias + sum + sum_rest(bytemuck::cast_slice(&weights[whole.len()..]), rest);
        }
    }
}

/// The sum over what does not fill a vector. Not by copying it into a vector padded with zeros: a vector that is read over several
/// narrower writes which are still under way waits until they are done.
#[inline(always)]
fn sum_rest(weights: &[f32], x: &[f32]) -> f32 {
    let (fours, others) = x.as_chunks::<4>();
    let (weights_fours, weights_others) = weights[..x.len()].as_chunks::<4>();
    let mut sums = [0.0; 4];
    for (weights, x) in weights_fours.iter().zip(fours) {
        sums = from_fn(|c| sums[c] + weights[c] * x[c]);
    }
    let others: f32 = weights_others.iter().zip(others).map(|(weight, x)| weight * x).sum();
    (sums[0] + sums[2]) + (sums[1] + sums[3]) + others
}
