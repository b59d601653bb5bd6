//! Sums over taps as they are written, without a transform.

use super::{aligned::Aligned, fourier::Start};
use pulp::Simd;

/// Steps that are computed together: the shortest block.
pub(super) const BLOCK: usize = 16;

/// The weights of the taps from [`BLOCK`] on.
#[derive(Clone, Debug)]
pub(super) struct Direct {
    taps: usize,
    /// `[chunk][tap − 16][lanes]`
    weights: Aligned,
}

impl Direct {
    /// `rows`: of `taps` weights, the newest sample's last; empty: zeros.
    pub fn new(taps: usize, rows: &[&[f32]], lanes: usize) -> Self {
        let taps = taps.saturating_sub(BLOCK);
        let mut packed = Aligned::zeros(rows.len().div_ceil(lanes) * taps * lanes);
        for (row, weights) in rows.iter().enumerate() {
            for (tap, &weight) in weights.iter().rev().skip(BLOCK).enumerate() {
                packed[(row / lanes * taps + tap) * lanes + row % lanes] = weight;
            }
        }
        Self { taps, weights: packed }
    }

    #[inline(always)]
    fn weights<S: Simd>(&self, chunk: usize) -> &[S::f32s] {
        let length = self.taps * S::F32_LANES;
        S::as_simd_f32s(&self.weights[chunk * length..][..length]).0
    }

    /// The sums of the next 16 steps over the taps `16..end`, on top of `start`, for one chunk of rows. `past` ends before the
    /// first of the steps. `out`: the first row of the chunk in the first step, steps `stride` apart.
    #[inline(always)]
    #[allow(clippy::too_many_arguments, reason = "the inside of a loop")]
    pub fn sum<S: Simd>(
        &self,
        simd: S,
        chunk: usize,
        end: usize,
        past: &[f32],
        start: Start<'_, S::f32s>,
        out: &mut [f32],
        stride: usize,
    ) {
        let weights = &self.weights::<S>(chunk)[..end - BLOCK];
        // Of 32 or 16 registers, half for the sums.
        match S::F32_LANES {
            4 | 16 => block::<S, 16>(simd, weights, 0, past, start, out, stride),
            _ => {
                block::<S, 8>(simd, weights, 0, past, start, out, stride);
                block::<S, 8>(simd, weights, 8, past, start, out, stride);
            }
        }
    }

    /// The sum of one step over all taps from 16 on, on top of `start`. `heard`: the samples, the newest last.
    #[inline(always)]
    pub fn whole<S: Simd>(&self, simd: S, chunk: usize, heard: &[f32], start: S::f32s) -> S::f32s {
        let mut sum = start;
        for (&weight, &x) in self.weights::<S>(chunk).iter().zip(heard.iter().rev()) {
            sum = simd.mul_add_e_f32s(simd.splat_f32s(x), weight, sum);
        }
        sum
    }

    /// Bytes of the taps `16..end`.
    pub fn bytes(&self, end: usize) -> usize {
        let part = size_of_val(&self.weights[..]) / self.taps.max(1);
        part * end.saturating_sub(BLOCK)
    }
}

/// Steps `first..first + M`.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "else the sums are kept in memory")]
fn block<S: Simd, const M: usize>(
    simd: S,
    weights: &[S::f32s],
    first: usize,
    past: &[f32],
    start: Start<'_, S::f32s>,
    out: &mut [f32],
    stride: usize,
) {
    let mut sums = [simd.splat_f32s(0.0); M];
    for m in 0..M {
        sums[m] = start.at(first + m);
    }
    // Step m hears at tap j the sample m − j after the end of `past`.
    let newest = past.len() + first + M - BLOCK;
    let heard = &past[newest + 1 - M - weights.len()..newest];
    for (&weight, heard) in weights.iter().zip(heard.windows(M).rev()) {
        let heard: &[f32; M] = heard.try_into().expect("windows of this length");
        for m in 0..M {
            sums[m] = simd.mul_add_e_f32s(simd.splat_f32s(heard[m]), weight, sums[m]);
        }
    }
    for m in 0..M {
        let (vector, _) = S::as_mut_simd_f32s(&mut out[(first + m) * stride..][..S::F32_LANES]);
        vector[0] = sums[m];
    }
}
