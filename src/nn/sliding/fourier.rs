//! Inverse real Fourier transforms of many spectra at once: every number is a vector, one lane a spectrum.
//!
//! Half a spectrum of 2B real numbers is folded into B complex ones, which go through a radix-4 transform, decimated in time
//! (Cooley and Tukey 1965); of the result only the second half is made, which is what overlap-save keeps.

use crate::nn::kernel::Lanes;
use std::f64::consts::{PI, TAU};

/// A transform to 2 · `points` real numbers.
#[derive(Clone, Debug)]
pub(super) struct Inverse {
    points: usize,
    /// Where a bin goes before the first pass: its digits to base 4, reversed.
    places: Vec<usize>,
    /// Factors of the passes from the second on, one after the other: three complex numbers a butterfly.
    turns: Vec<[f32; 6]>,
    /// e^{iπk/B}, which folds bins k and B − k.
    half_turns: Vec<[f32; 2]>,
}

/// What the sums of a block begin with: a vector for every sample, or one for all.
#[derive(Clone, Copy)]
pub(super) struct Start<'a, V> {
    pub values: &'a [V],
    /// 1, or 0 where there is but one.
    pub every: usize,
}

impl<V: Copy> Start<'_, V> {
    #[inline(always)]
    pub fn at(&self, sample: usize) -> V {
        self.values[sample * self.every]
    }
}

impl Inverse {
    /// `points`: a power of 4, at least 16.
    pub fn new(points: usize) -> Self {
        let digits = points.ilog(4);
        assert!(digits > 1 && points == 4usize.pow(digits));
        let reversed = |k: usize| (0..digits).fold(0, |sum, digit| 4 * sum + (k >> (2 * digit)) % 4);
        let turn = |angle: f64| [libm::cos(angle) as f32, libm::sin(angle) as f32];
        let mut turns = Vec::new();
        for pass in 1..digits {
            let length = 4usize.pow(pass);
            for j in 0..length {
                let [a, b, c] = [1.0, 2.0, 3.0].map(|m| turn(TAU * m * j as f64 / (4 * length) as f64));
                turns.push([a[0], a[1], b[0], b[1], c[0], c[1]]);
            }
        }
        Self {
            points,
            places: (0..points).map(reversed).collect(),
            turns,
            half_turns: (0..points / 2).map(|k| turn(PI * k as f64 / points as f64)).collect(),
        }
    }

    /// Bins 0, B and B/2, of which the first two are real: `[0, B, B/2 re, B/2 im]`. `z`: `[point][re, im]`.
    #[inline(always)]
    pub fn fold_edges<L: Lanes>(&self, lanes: L, [first, last, re, im]: [L::F; 4], z: &mut [[L::F; 2]]) {
        z[0] = [lanes.add(first, last), lanes.sub(first, last)];
        z[self.places[self.points / 2]] = [lanes.add(re, re), lanes.sub(lanes.sub(lanes.splat(0.0), im), im)];
    }

    /// Bins k and B − k: `[k re, k im, B − k re, B − k im]`, 0 < k < B/2.
    #[inline(always)]
    pub fn fold<L: Lanes>(&self, lanes: L, k: usize, [re, im, far_re, far_im]: [L::F; 4], z: &mut [[L::F; 2]]) {
        let [cos, sin] = self.half_turns[k];
        let (cos, sin) = (lanes.splat(cos), lanes.splat(sin));
        let even = [lanes.add(re, far_re), lanes.sub(im, far_im)];
        let odd = [lanes.sub(re, far_re), lanes.add(im, far_im)];
        let odd = turned(lanes, odd, cos, sin);
        z[self.places[k]] = [lanes.sub(even[0], odd[1]), lanes.add(even[1], odd[0])];
        z[self.places[self.points - k]] = [lanes.add(even[0], odd[1]), lanes.sub(odd[0], even[1])];
    }

    /// The second half of the transform of what has been folded into `z`, added to `start`, unnormalised. `sums`: `[points]`
    #[inline(always)]
    pub fn finish<L: Lanes>(&self, lanes: L, z: &mut [[L::F; 2]], start: Start<'_, L::F>, sums: &mut [L::F]) {
        for four in z.as_chunks_mut::<4>().0 {
            *four = butterfly(lanes, *four);
        }
        let (mut length, mut turns) = (4, &self.turns[..]);
        while 4 * length < self.points {
            let (here, later) = turns.split_at(length);
            for part in z.chunks_exact_mut(4 * length) {
                let (a, rest) = part.split_at_mut(length);
                let (b, rest) = rest.split_at_mut(length);
                let (c, d) = rest.split_at_mut(length);
                for ((((a, b), c), d), turn) in a.iter_mut().zip(b).zip(c).zip(d).zip(here) {
                    [*a, *b, *c, *d] = butterfly(lanes, all_turned(lanes, [*a, *b, *c, *d], turn));
                }
            }
            (length, turns) = (4 * length, later);
        }
        let (a, rest) = z.split_at(length);
        let (b, rest) = rest.split_at(length);
        let (c, d) = rest.split_at(length);
        let (third, fourth) = sums.split_at_mut(2 * length);
        let out = third.as_chunks_mut::<2>().0.iter_mut().zip(fourth.as_chunks_mut::<2>().0);
        for (j, (((((a, b), c), d), turn), (third, fourth))) in
            a.iter().zip(b).zip(c).zip(d).zip(turns).zip(out).enumerate()
        {
            let [a, b, c, d] = all_turned(lanes, [*a, *b, *c, *d], turn);
            // Of the four numbers of a butterfly the last two.
            for i in 0..2 {
                let sum = lanes.sub(lanes.add(a[i], c[i]), lanes.add(b[i], d[i]));
                third[i] = lanes.add(start.at(2 * j + i), sum);
            }
            let sum = lanes.add(lanes.sub(a[0], c[0]), lanes.sub(b[1], d[1]));
            fourth[0] = lanes.add(start.at(2 * (length + j)), sum);
            let sum = lanes.sub(lanes.sub(a[1], c[1]), lanes.sub(b[0], d[0]));
            fourth[1] = lanes.add(start.at(2 * (length + j) + 1), sum);
        }
    }
}

/// z · (cos + i·sin).
#[inline(always)]
fn turned<L: Lanes>(lanes: L, [re, im]: [L::F; 2], cos: L::F, sin: L::F) -> [L::F; 2] {
    [lanes.sub_product(im, sin, lanes.mul(re, cos)), lanes.mul_add(re, sin, lanes.mul(im, cos))]
}

#[inline(always)]
fn all_turned<L: Lanes>(lanes: L, [a, b, c, d]: [[L::F; 2]; 4], turn: &[f32; 6]) -> [[L::F; 2]; 4] {
    [
        a,
        turned(lanes, b, lanes.splat(turn[0]), lanes.splat(turn[1])),
        turned(lanes, c, lanes.splat(turn[2]), lanes.splat(turn[3])),
        turned(lanes, d, lanes.splat(turn[4]), lanes.splat(turn[5])),
    ]
}

/// The inverse transform of four numbers.
#[inline(always)]
fn butterfly<L: Lanes>(lanes: L, [a, b, c, d]: [[L::F; 2]; 4]) -> [[L::F; 2]; 4] {
    let add = |x: [L::F; 2], y: [L::F; 2]| [lanes.add(x[0], y[0]), lanes.add(x[1], y[1])];
    let sub = |x: [L::F; 2], y: [L::F; 2]| [lanes.sub(x[0], y[0]), lanes.sub(x[1], y[1])];
    let (even, odd) = (add(a, c), add(b, d));
    let (even_rest, odd_rest) = (sub(a, c), sub(b, d));
    [
        add(even, odd),
        [lanes.sub(even_rest[0], odd_rest[1]), lanes.add(even_rest[1], odd_rest[0])],
        sub(even, odd),
        [lanes.add(even_rest[0], odd_rest[1]), lanes.sub(even_rest[1], odd_rest[0])],
    ]
}
