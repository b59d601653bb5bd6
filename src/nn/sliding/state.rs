//! One stream of samples through a bank of filters.

use super::{
    Aligned, BLOCK, PERIOD, SlidingBank, Start,
    stage::{Stage, StageState},
};
use crate::dsp::random::Random;
use pulp::{Simd, WithSimd};

/// What one stream has heard, and the sums that are ready for its next steps.
#[derive(Clone, Debug)]
pub struct SlidingState {
    /// `[reach + 256]`, of which `reach + phase` are samples.
    past: Vec<f32>,
    reach: usize,
    /// Steps of the present period.
    phase: usize,
    stages: Vec<StageState>,
    /// `[16][stride]`: biases and tails of the present block.
    ready: Aligned,
    stride: usize,
    /// `[point][re, im]` of a transform.
    work: Aligned,
    /// The sums are those of other weights.
    stale: bool,
    /// What masks leave of the samples, where there are any: the stages are not used then, and have to recall later.
    masked: bool,
    forgotten: bool,
    /// Of the tail. `[taps − head]`, the newest sample's last.
    mask: Vec<f32>,
    left: Vec<f32>,
}

impl SlidingBank {
    /// A stream of silence. Allocates.
    pub fn make_state(&self) -> SlidingState {
        let reach = self.reach();
        // Rows of a block a power of two apart would be in each other's way in the cache.
        let stride = self.bias.len() + BLOCK;
        let longest = self.stages.last().map_or(0, |stage| stage.block);
        let lanes = self.isa.0.dispatch(super::Lanes);
        SlidingState {
            past: vec![0.0; reach + PERIOD],
            reach,
            phase: 0,
            stages: self.stages.iter().map(|stage| stage.make_state(self.bias.len())).collect(),
            ready: Aligned::zeros(BLOCK * stride),
            stride,
            work: Aligned::zeros(2 * longest * lanes),
            stale: false,
            masked: false,
            forgotten: false,
            mask: vec![1.0; self.taps - self.head()],
            left: vec![0.0; self.taps - self.head()],
        }
    }

    /// The next step, whose newest sample is `sample`. Returns the head's samples (`[head]`, the newest last) and for every row the
    /// sum of its bias and its tail (`[rows]`), which does not depend on `sample`.
    ///
    /// # Realtime safety
    /// Does not allocate.
    ///
    /// # Panics
    /// If the state belongs to a bank of another shape.
    pub fn step<'s>(&self, state: &'s mut SlidingState, sample: f32) -> (&'s [f32], &'s [f32]) {
        assert!(state.reach == self.reach() && state.stride == self.bias.len() + BLOCK);
        if state.phase == PERIOD {
            state.past.copy_within(PERIOD.., 0);
            state.phase = 0;
        }
        if state.masked {
            state.forgotten = true;
            let newest = state.reach + state.phase + 1;
            let heard = &state.past[newest - self.taps..newest - self.head()];
            for ((left, x), mask) in state.left.iter_mut().zip(heard).zip(&state.mask) {
                *left = x * mask;
            }
            self.isa.0.dispatch(Masked { bank: self, state });
        } else {
            if state.forgotten {
                self.recall(state);
            }
            if state.stale || state.phase.is_multiple_of(BLOCK) {
                self.hear(state);
                self.isa.0.dispatch(Block { bank: self, state });
                state.stale = false;
            }
        }
        let at = state.reach + state.phase;
        state.past[at] = sample;
        let ready = &state.ready[state.phase % BLOCK * state.stride..][..self.rows];
        state.phase += 1;
        (&state.past[at + 1 - self.head()..=at], ready)
    }

    /// Replaces the past of a stream: `write` gets the last `taps − 1` samples before the next step, the newest last. What was heard before
    /// them is forgotten.
    ///
    /// # Realtime safety
    /// Does not allocate.
    pub fn prime(&self, state: &mut SlidingState, write: impl FnOnce(&mut [f32])) {
        state.reset();
        write(&mut state.past[state.reach + 1 - self.taps..state.reach]);
        state.forgotten = true;
    }

    /// Learns the blocks that end here.
    fn hear(&self, state: &mut SlidingState) {
        let past = &state.past[..state.reach + state.phase];
        for (stage, heard) in self.stages.iter().zip(&mut state.stages) {
            if state.phase.is_multiple_of(stage.block) {
                stage.hear(past, heard);
            }
        }
    }

    /// Learns from the past what the blocks before this step were, which begins a period.
    fn recall(&self, state: &mut SlidingState) {
        let SlidingState { past, reach, phase, stages, .. } = state;
        past.copy_within(*phase..*phase + *reach, 0);
        *phase = 0;
        for (stage, heard) in self.stages.iter().zip(stages) {
            stage.recall(&past[..*reach], heard);
        }
        state.forgotten = false;
    }
}

impl SlidingState {
    /// Back to silence. Masks stay.
    pub fn reset(&mut self) {
        self.past.fill(0.0);
        self.stages.iter_mut().for_each(StageState::reset);
        self.phase = 0;
        self.forgotten = false;
    }

    /// From the next step on the sums are those of another bank of the same shape.
    pub fn change_bank(&mut self) {
        self.stale = true;
    }

    /// Draws which samples of the tail are silenced from now on, by their age; those kept are divided by the probability of being
    /// kept. A probability of 1 draws nothing. With masks a step costs as much as the whole product.
    ///
    /// # Realtime safety
    /// Does not allocate.
    pub fn draw_dropout(&mut self, keep: f32, random: &mut Random) {
        self.masked = keep < 1.0;
        if self.masked {
            self.mask.fill_with(|| if random.uniform() < keep { 1.0 / keep } else { 0.0 });
        }
    }
}

/// The sums of the 16 steps from here on, and of the longer blocks that begin here.
struct Block<'a> {
    bank: &'a SlidingBank,
    state: &'a mut SlidingState,
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { bank, state } = self;
        let SlidingState { past, reach, phase, stages, ready, stride, work, stale, .. } = state;
        let work = S::as_mut_simd_f32s(work).0.as_chunks_mut::<2>().0;
        let bias = S::as_simd_f32s(&bank.bias).0;
        // The longest first: each goes on from what those after it have summed.
        for (index, stage) in bank.stages.iter().enumerate().rev() {
            let (here, longer) = stages.split_at_mut(index + 1);
            if *stale || phase.is_multiple_of(stage.block) {
                let longer = longer.first().zip(bank.stages.get(index + 1));
                for (chunk, bias) in bias.iter().enumerate() {
                    let start = start::<S>(longer, chunk, *phase / stage.block * stage.block, bias);
                    stage.sum(simd, chunk, start, work, &mut here[index]);
                }
            }
        }
        let longer = stages.first().zip(bank.stages.first());
        let begin = *phase / BLOCK * BLOCK;
        for (chunk, bias) in bias.iter().enumerate() {
            let start = start::<S>(longer, chunk, begin, bias);
            let out = &mut ready[chunk * S::F32_LANES..];
            bank.direct.sum(simd, chunk, bank.direct_end, &past[..*reach + begin], start, out, *stride);
        }
    }
}

/// What the sums of a chunk begin with at a step of the period: those of the next longer stage, or the bias.
#[inline(always)]
fn start<'a, S: Simd>(
    longer: Option<(&'a StageState, &Stage)>,
    chunk: usize,
    step: usize,
    bias: &'a S::f32s,
) -> Start<'a, S::f32s> {
    match longer {
        Some((state, stage)) => {
            let sums = S::as_simd_f32s(&state.sums).0;
            Start { values: &sums[chunk * stage.block..][step % stage.block..stage.block], every: 1 }
        }
        None => Start { values: std::slice::from_ref(bias), every: 0 },
    }
}

/// The sums of one step as they are written, its tail masked.
struct Masked<'a> {
    bank: &'a SlidingBank,
    state: &'a mut SlidingState,
}

impl WithSimd for Masked<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let SlidingState { ready, stride, phase, left, .. } = self.state;
        let ready = &mut ready[*phase % BLOCK * *stride..][..*stride];
        let (ready, bias) = (S::as_mut_simd_f32s(ready).0, S::as_simd_f32s(&self.bank.bias).0);
        for (chunk, (ready, &bias)) in ready.iter_mut().zip(bias).enumerate() {
            *ready = self.bank.direct.whole(simd, chunk, left, bias);
        }
    }
}
