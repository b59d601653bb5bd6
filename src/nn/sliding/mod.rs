//! W·x where x is the last n samples of a stream: a bank of filters, computed as such and not anew at every sample.
//!
//! The newest 16 taps, the *head*, are left to whoever multiplies; the bank sums the others before the newest sample is
//! known, by partitioned convolution without added latency (Gardner 1995): taps 16 to 63 directly in blocks of 16 samples, those to
//! 255 in blocks of 64 and the rest in blocks of 256 by overlap-save, one lane a filter. Shorter filters have fewer stages.
//!
//! It is the same sum in another order: the error of a row's sum is below 10⁻⁶ · ‖w‖ · ‖s‖, s the last n + 512 samples. Its bits
//! depend on the instruction set, and on how many samples ago the stream was primed.
//!
//! The work falls on the first step of a block: one step in 256 costs as much as a hundred others.

mod direct;
mod fourier;
mod stage;
mod state;
#[cfg(test)]
mod tests;

use super::{Isa, kernel::AlignedBuffer};
use direct::{BLOCK, Direct};
use fourier::Start;
use stage::Stage;

pub(super) use state::SlidingState;

/// Taps of the head: what is heard within the shortest block.
pub(super) const HEAD: usize = BLOCK;
/// The blocks of the stages, with the fewest taps for which one pays. Measured.
const STAGES: [(usize, usize); 2] = [(64, 97), (256, 385)];
/// Steps after which everything begins anew.
const PERIOD: usize = 256;

/// One row: factor · (bias + weights · x).
#[derive(Clone, Copy, Debug)]
pub(super) struct Filter<'a> {
    /// As in a row of `weight_ih`, the newest sample's last; empty: zeros.
    pub weights: &'a [f32],
    pub bias: f32,
    /// A power of two.
    pub factor: f32,
}

/// A bank of filters over the last `taps` samples, packed; shared by any number of streams.
#[derive(Clone, Debug)]
pub(super) struct SlidingBank {
    taps: usize,
    rows: usize,
    /// Vectors of rows.
    chunks: usize,
    /// One past the last tap of the direct part.
    direct_end: usize,
    direct: Direct,
    /// The shortest block first.
    stages: Vec<Stage>,
    /// `[chunk][lane]`
    bias: AlignedBuffer,
    isa: Isa,
}

impl SlidingBank {
    /// Packs filters, whose sums will lie in the order given. Takes milliseconds.
    ///
    /// # Panics
    /// If a row has neither `taps` weights nor none, or `taps` is 0.
    pub fn new(taps: usize, rows: &[Filter<'_>], isa: Isa) -> Self {
        assert!(taps > 0 && rows.iter().all(|row| row.weights.is_empty() || row.weights.len() == taps));
        let lanes = isa.lanes();
        let blocks: Vec<usize> =
            STAGES.into_iter().filter(|&(_, least)| taps >= least).map(|(block, _)| block).collect();
        // A stage ends where the next begins, the last with the filter.
        let ends = blocks.iter().skip(1).copied().chain([taps]);
        let bias: Vec<f32> = rows.iter().map(|row| row.factor * row.bias).collect();
        Self {
            taps,
            rows: rows.len(),
            chunks: rows.len().div_ceil(lanes),
            direct_end: blocks.first().copied().unwrap_or(taps.max(BLOCK)),
            direct: Direct::new(taps, rows, lanes),
            stages: blocks.iter().zip(ends).map(|(&block, end)| Stage::new(block, end, rows, lanes)).collect(),
            bias: AlignedBuffer::of(&bias),
            isa,
        }
    }

    /// Samples of the head, 16 or all there are.
    pub fn head(&self) -> usize {
        self.taps.min(HEAD)
    }

    /// Bytes of weights that a step reads, on average over many.
    pub fn bytes(&self) -> usize {
        let stages = self.stages.iter().map(|stage| stage.bytes() / stage.block);
        self.direct.bytes(self.direct_end) / BLOCK + stages.sum::<usize>()
    }

    /// Samples of the past that are kept: those of the filters, and those of the last partitions.
    fn reach(&self) -> usize {
        let stages = self.stages.iter().map(Stage::reach).max().unwrap_or(0);
        stages.max(self.taps.next_multiple_of(BLOCK) + BLOCK)
    }

    /// Numbers from one step's sums to the next's. A power of two apart, they would be in each other's way in the cache.
    fn stride(&self) -> usize {
        self.chunks * self.isa.lanes() + BLOCK
    }
}
