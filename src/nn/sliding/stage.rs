//! A stage of the convolution: the taps from `block` on in partitions of `block`, by overlap-save (Stockham 1966) with the
//! spectra of past blocks kept (Kulp 1988). As its first tap is that old, a block needs only samples that are known at its begin.

use super::{
    Filter,
    fourier::{Inverse, Start},
};
use crate::nn::kernel::{AlignedBuffer, Lanes};
use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex};
use std::{fmt, sync::Arc};

/// The weights of a stage, as spectra.
#[derive(Clone)]
pub(super) struct Stage {
    /// Samples from one computation to the next, and taps of a partition.
    pub block: usize,
    pub partitions: usize,
    /// `[chunk][group][partition][4][lanes]`; group 0 holds bins 0, B (real) and B/2, group k the bins k and B − k.
    spectra: AlignedBuffer,
    inverse: Inverse,
    forward: Arc<dyn RealToComplex<f32>>,
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage")
            .field("block", &self.block)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

/// What a stage remembers of one stream of samples.
#[derive(Clone, Debug)]
pub(super) struct StageState {
    /// Spectra of the last blocks, the newest first, each of 2B samples: `[group][partition][4]`.
    heard: Vec<[f32; 4]>,
    /// What this stage and those after it give for the samples of the present block: `[chunk][sample][lanes]`.
    pub sums: AlignedBuffer,
    segment: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl Stage {
    /// The taps `block..end`.
    pub fn new(block: usize, end: usize, rows: &[Filter<'_>], lanes: usize) -> Self {
        let partitions = (end - block).div_ceil(block);
        let length = 2 * block;
        let forward = RealFftPlanner::<f64>::new().plan_fft_forward(length);
        let (mut time, mut spectrum) = (forward.make_input_vec(), forward.make_output_vec());
        let mut scratch = forward.make_scratch_vec();
        let chunk_length = block / 2 * partitions * 4 * lanes;
        let mut spectra = AlignedBuffer::new(size_of::<f32>() * rows.len().div_ceil(lanes) * chunk_length);
        for (row, filter) in rows.iter().enumerate().filter(|(_, filter)| !filter.weights.is_empty()) {
            let chunk = &mut spectra.view_mut::<f32>()[row / lanes * chunk_length..][..chunk_length];
            let scale = f64::from(filter.factor) / length as f64;
            for partition in 0..partitions {
                time.fill(0.0);
                let first = block * (1 + partition);
                for (slot, tap) in time.iter_mut().zip(first..end.min(first + block)) {
                    *slot = scale * f64::from(filter.weights[filter.weights.len() - 1 - tap]);
                }
                forward
                    .process_with_scratch(&mut time, &mut spectrum, &mut scratch)
                    .expect("buffers of its own making");
                for (group, values) in groups(&spectrum).enumerate() {
                    for (i, value) in values.into_iter().enumerate() {
                        chunk[((group * partitions + partition) * 4 + i) * lanes + row % lanes] = value as f32;
                    }
                }
            }
        }
        Self {
            block,
            partitions,
            spectra,
            inverse: Inverse::new(block),
            forward: RealFftPlanner::<f32>::new().plan_fft_forward(length),
        }
    }

    pub fn make_state(&self, padded_rows: usize) -> StageState {
        StageState {
            heard: vec![[0.0; 4]; self.block / 2 * self.partitions],
            sums: AlignedBuffer::new(size_of::<f32>() * padded_rows * self.block),
            segment: self.forward.make_input_vec(),
            spectrum: self.forward.make_output_vec(),
            scratch: self.forward.make_scratch_vec(),
        }
    }

    /// Samples before a block that it depends on.
    pub fn reach(&self) -> usize {
        (self.partitions + 1) * self.block
    }

    /// Bytes of weights that a block reads.
    pub fn bytes(&self) -> usize {
        self.spectra.bytes()
    }

    /// Learns the last block of `past`. To be called once a block.
    pub fn hear(&self, past: &[f32], state: &mut StageState) {
        // Every spectrum one place further; those that cross into the next group are overwritten.
        let kept = state.heard.len() - 1;
        state.heard.copy_within(..kept, 1);
        self.hear_at(0, past, state);
    }

    /// Learns all blocks of `past` but the last, as if it had been heard from its begin.
    pub fn recall(&self, past: &[f32], state: &mut StageState) {
        for partition in 1..self.partitions {
            self.hear_at(partition - 1, &past[..past.len() - partition * self.block], state);
        }
    }

    fn hear_at(&self, partition: usize, past: &[f32], state: &mut StageState) {
        let StageState { heard, segment, spectrum, scratch, .. } = state;
        segment.copy_from_slice(&past[past.len() - 2 * self.block..]);
        self.forward.process_with_scratch(segment, spectrum, scratch).expect("buffers of its own making");
        for (slots, values) in heard.chunks_exact_mut(self.partitions).zip(groups(spectrum)) {
            slots[partition] = values;
        }
    }

    /// The sums of a block for one chunk of rows, on top of `start`. `work`: `[block][re, im]`.
    #[inline(always)]
    pub fn sum<L: Lanes>(
        &self,
        lanes: L,
        chunk: usize,
        start: Start<'_, L::F>,
        work: &mut [[L::F; 2]],
        state: &mut StageState,
    ) {
        let chunk_length = self.block / 2 * self.partitions;
        let spectra = &self.spectra.view::<[L::F; 4]>()[chunk * chunk_length..][..chunk_length];
        let work = &mut work[..self.block];
        let (edges, others) = spectra.split_at(self.partitions);
        let (edges_heard, others_heard) = state.heard.split_at(self.partitions);
        let zero = lanes.splat(0.0);
        let mut sums = [zero; 4];
        for (weights, heard) in edges.iter().zip(edges_heard) {
            sums[0] = lanes.mul_add(weights[0], lanes.splat(heard[0]), sums[0]);
            sums[1] = lanes.mul_add(weights[1], lanes.splat(heard[1]), sums[1]);
            [sums[2], sums[3]] = product(lanes, [weights[2], weights[3]], [heard[2], heard[3]], [sums[2], sums[3]]);
        }
        self.inverse.fold_edges(lanes, sums, work);
        let groups = others.chunks_exact(self.partitions).zip(others_heard.chunks_exact(self.partitions));
        for (k, (weights, heard)) in (1..).zip(groups) {
            let (mut near, mut far) = ([zero; 2], [zero; 2]);
            for (weights, heard) in weights.iter().zip(heard) {
                near = product(lanes, [weights[0], weights[1]], [heard[0], heard[1]], near);
                far = product(lanes, [weights[2], weights[3]], [heard[2], heard[3]], far);
            }
            self.inverse.fold(lanes, k, [near[0], near[1], far[0], far[1]], work);
        }
        let sums = &mut state.sums.view_mut::<L::F>()[chunk * self.block..][..self.block];
        self.inverse.finish(lanes, work, start, sums);
    }
}

/// a · b + sum.
#[inline(always)]
fn product<L: Lanes>(lanes: L, a: [L::F; 2], b: [f32; 2], sum: [L::F; 2]) -> [L::F; 2] {
    let (re, im) = (lanes.splat(b[0]), lanes.splat(b[1]));
    [
        lanes.sub_product(a[1], im, lanes.mul_add(a[0], re, sum[0])),
        lanes.mul_add(a[1], re, lanes.mul_add(a[0], im, sum[1])),
    ]
}

/// Half a spectrum, `[B + 1]`, in the groups in which it is folded.
fn groups<T: Copy>(spectrum: &[Complex<T>]) -> impl Iterator<Item = [T; 4]> {
    let last = spectrum.len() - 1;
    (0..last / 2).map(move |k| {
        let [near, far, middle] = [k, last - k, last / 2].map(|bin| spectrum[bin]);
        if k == 0 { [near.re, far.re, middle.re, middle.im] } else { [near.re, near.im, far.re, far.im] }
    })
}

impl StageState {
    /// Back to silence.
    pub fn reset(&mut self) {
        self.heard.fill([0.0; 4]);
    }
}
