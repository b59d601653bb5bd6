//! W·x where x is the last n samples of a stream: a bank of filters, computed as such and not anew at every sample.
//!
//! The newest 16 taps, the *head*, are left to whoever multiplies; the bank sums the others before the newest sample is
//! known, by partitioned convolution without added latency (Gardner 1995): taps 16 to 63 directly in blocks of 16 samples, those to
//! 255 in blocks of 64 and the rest in blocks of 256 by overlap-save, one lane a filter. Shorter filters have fewer stages.
//!
//! It is the same sum in another order: the error of a row's sum is below 10⁻⁶ · ‖w‖ · ‖s‖, s the last n + 512 samples. Its bits depend on the
//! instruction set, and on how many samples ago the stream was primed.
//!
//! The work falls on the first step of a block. A step at a multiple of 256 costs about as much as 100 others.

mod aligned;
mod direct;
mod fourier;
mod stage;
mod state;
#[cfg(test)]
mod tests;

use super::Isa;
use direct::{BLOCK, Direct};
use pulp::{Simd, WithSimd};
use stage::Stage;

pub use state::SlidingState;
use {aligned::Aligned, fourier::Start};

/// The blocks of the stages, with the fewest taps for which one pays. Measured.
const STAGES: [(usize, usize); 2] = [(64, 97), (256, 385)];
/// Steps after which everything begins anew.
const PERIOD: usize = 256;

/// A bank of filters over the last `taps` samples, packed; shared by any number of streams.
#[derive(Clone, Debug)]
pub struct SlidingBank {
    taps: usize,
    rows: usize,
    /// One past the last tap of the direct part.
    direct_end: usize,
    direct: Direct,
    /// The shortest block first.
    stages: Vec<Stage>,
    /// `[padded_rows]`
    bias: Aligned,
    isa: Isa,
}

impl SlidingBank {
    /// Packs `rows`, each its weights as in a row of `weight_ih`, the newest sample's last, and its bias. No weights: the row's
    /// sum is its bias, always. Takes milliseconds.
    ///
    /// # Panics
    /// If a row has neither `taps` weights nor none, or `taps` is 0.
    pub fn new<'a>(taps: usize, rows: impl IntoIterator<Item = (&'a [f32], f32)>, isa: Isa) -> Self {
        let (rows, biases): (Vec<&[f32]>, Vec<f32>) = rows.into_iter().unzip();
        assert!(taps > 0 && rows.iter().all(|row| row.is_empty() || row.len() == taps));
        let lanes = isa.0.dispatch(Lanes);
        let used: Vec<(usize, usize)> =
            STAGES.into_iter().filter(|&(_, least)| taps >= least).map(|(block, _)| (block, block)).collect();
        // A stage ends where the next begins, the last with the filter.
        let ends = used.iter().skip(1).map(|&(_, first)| first).chain([taps]);
        let stages = used.iter().zip(ends).map(|(&(block, _), end)| Stage::new(block, end, &rows, lanes)).collect();
        let mut bias = Aligned::zeros(rows.len().next_multiple_of(lanes));
        bias[..biases.len()].copy_from_slice(&biases);
        Self {
            taps,
            rows: rows.len(),
            direct_end: used.first().map_or(taps.max(BLOCK), |&(_, first)| first),
            direct: Direct::new(taps, &rows, lanes),
            stages,
            bias,
            isa,
        }
    }

    /// Samples of the head, 16 or all there are.
    pub fn head(&self) -> usize {
        self.taps.min(BLOCK)
    }

    /// Samples that a row hears.
    pub fn taps(&self) -> usize {
        self.taps
    }

    /// Filters.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of weights that a step reads, on average over many.
    pub fn bytes(&self) -> usize {
        self.direct.bytes(self.direct_end) / BLOCK
            + self.stages.iter().map(|stage| stage.bytes() / stage.block).sum::<usize>()
    }

    /// Samples of the past that are kept: those of the filters, and those of the last partitions.
    fn reach(&self) -> usize {
        let stages = self.stages.iter().map(Stage::reach).max().unwrap_or(0);
        stages.max(self.taps.next_multiple_of(BLOCK) + BLOCK)
    }
}

/// How many lanes a level has.
struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}
