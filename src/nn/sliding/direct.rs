//! Sums over taps as they are written, without a transform.

use super::{Filter, fourier::Start};
use crate::nn::kernel::{AlignedBuffer, Lanes};

/// Steps that are computed together: the shortest block.
pub(super) const BLOCK: usize = 16;

/// The weights of the taps from [`BLOCK`] on.
#[derive(Clone, Debug)]
pub(super) struct Direct {
    taps: usize,
    /// `[chunk][tap − 16][lanes]`
    weights: AlignedBuffer,
}

impl Direct {
    /// `rows`: of `taps` weights or none.
    pub fn new(taps: usize, rows: &[Filter<'_>], lanes: usize) -> Self {
        let taps = taps.saturating_sub(BLOCK);
        let mut packed = AlignedBuffer::new(size_of::<f32>() * rows.len().div_ceil(lanes) * taps * lanes);
        let values = packed.view_mut::<f32>();
        for (row, filter) in rows.iter().enumerate() {
            for (tap, weight) in filter.weights.iter().rev().skip(BLOCK).enumerate() {
                values[(row / lanes * taps + tap) * lanes + row % lanes] = filter.factor * weight;
            }
        }
        Self { taps, weights: packed }
    }

    #[inline(always)]
    fn weights<L: Lanes>(&self, chunk: usize) -> &[L::F] {
        &self.weights.view()[chunk * self.taps..][..self.taps]
    }

    /// The sums of the next 16 steps over the taps `16..end`, on top of `start`, for one chunk of rows. `past` ends before the
    /// first of the steps. `out`: from the chunk's place in the first step on, steps `stride` vectors apart.
    #[inline(always)]
    #[allow(clippy::too_many_arguments, reason = "the inside of a loop")]
    pub fn sum<L: Lanes>(
        &self,
        lanes: L,
        chunk: usize,
        end: usize,
        past: &[f32],
        start: Start<'_, L::F>,
        out: &mut [L::F],
        stride: usize,
    ) {
        let weights = &self.weights::<L>(chunk)[..end - BLOCK];
        // Of 32 or 16 registers, half for the sums.
        match L::LANES {
            4 | 16 => block::<L, 16>(lanes, weights, 0, past, start, out, stride),
            _ => {
                block::<L, 8>(lanes, weights, 0, past, start, out, stride);
                block::<L, 8>(lanes, weights, 8, past, start, out, stride);
            }
        }
    }

    /// The sum of one step over all taps from 16 on, on top of `start`. `heard`: the samples, the newest last.
    #[inline(always)]
    pub fn whole<L: Lanes>(&self, lanes: L, chunk: usize, heard: &[f32], start: L::F) -> L::F {
        let mut sum = start;
        for (&weight, &x) in self.weights::<L>(chunk).iter().zip(heard.iter().rev()) {
            sum = lanes.mul_add(lanes.splat(x), weight, sum);
        }
        sum
    }

    /// Bytes of the taps `16..end`.
    pub fn bytes(&self, end: usize) -> usize {
        let part = self.weights.bytes() / self.taps.max(1);
        part * end.saturating_sub(BLOCK)
    }
}

/// Steps `first..first + M`.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "else the sums are kept in memory")]
fn block<L: Lanes, const M: usize>(
    lanes: L,
    weights: &[L::F],
    first: usize,
    past: &[f32],
    start: Start<'_, L::F>,
    out: &mut [L::F],
    stride: usize,
) {
    let mut sums = [lanes.splat(0.0); M];
    for m in 0..M {
        sums[m] = start.at(first + m);
    }
    // Step m hears at tap j the sample m − j after the end of `past`.
    let newest = past.len() + first + M - BLOCK;
    let heard = &past[newest + 1 - M - weights.len()..newest];
    for (&weight, heard) in weights.iter().zip(heard.windows(M).rev()) {
        let heard: &[f32; M] = heard.try_into().expect("windows of this length");
        for m in 0..M {
            sums[m] = lanes.mul_add(lanes.splat(heard[m]), weight, sums[m]);
        }
    }
    for m in 0..M {
        out[(first + m) * stride] = sums[m];
    }
}
