//! One stream of samples through a bank of filters.

use super::{
    BLOCK, PERIOD, SlidingBank, Start,
    stage::{Stage, StageState},
};
use crate::{
    dsp::random::Random,
    nn::kernel::{AlignedBuffer, Kernel, Lanes},
};

/// What one stream has heard, and the sums that are ready for its next steps.
#[derive(Clone, Debug)]
pub(in crate::nn) struct SlidingState {
    /// `[reach + 256]`, of which `reach + phase` are samples.
    past: Vec<f32>,
    reach: usize,
    taps: usize,
    /// Steps of the present period.
    phase: usize,
    stages: Vec<StageState>,
    /// `[16][stride]`: biases and tails of the present block.
    ready: AlignedBuffer,
    stride: usize,
    rows: usize,
    /// `[point][re, im]` of a transform.
    work: AlignedBuffer,
    /// The sums are those of other weights.
    stale: bool,
    /// Masks are in use: the stages are not, and have to recall later.
    masked: bool,
    forgotten: bool,
    /// Of the tail, the newest sample's last, and what it leaves of the samples. `[taps − head]`
    mask: Vec<f32>,
    left: Vec<f32>,
}

impl SlidingBank {
    /// A stream of silence. Allocates.
    pub fn make_state(&self) -> SlidingState {
        let (reach, lanes) = (self.reach(), self.isa.lanes());
        let floats = |length: usize| AlignedBuffer::new(size_of::<f32>() * length);
        let longest = self.stages.last().map_or(0, |stage| stage.block);
        SlidingState {
            past: vec![0.0; reach + PERIOD],
            reach,
            taps: self.taps,
            phase: 0,
            stages: self.stages.iter().map(|stage| stage.make_state(self.chunks * lanes)).collect(),
            ready: floats(BLOCK * self.stride()),
            stride: self.stride(),
            rows: self.rows,
            work: floats(2 * longest * lanes),
            stale: false,
            masked: false,
            forgotten: false,
            mask: vec![1.0; self.taps - self.head()],
            left: vec![0.0; self.taps - self.head()],
        }
    }

    /// Goes on to the step whose newest sample is `sample`: see [`SlidingState::newest`] and [`SlidingState::sums`].
    ///
    /// # Realtime safety
    /// Does not allocate.
    ///
    /// # Panics
    /// If the state belongs to a bank of another shape.
    pub fn step(&self, state: &mut SlidingState, sample: f32) {
        assert!(state.reach == self.reach() && state.stride == self.stride(), "a state of another bank");
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
            self.isa.launch(Masked { bank: self, state });
        } else {
            if state.forgotten {
                self.recall(state);
            }
            if state.stale || state.phase.is_multiple_of(BLOCK) {
                self.hear(state);
                self.isa.launch(Block { bank: self, state });
                state.stale = false;
            }
        }
        state.past[state.reach + state.phase] = sample;
        state.phase += 1;
    }

    /// Replaces the past of a stream: `write` gets the `taps − 1` samples before the next step, the newest last. What was
    /// heard before them is forgotten.
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
    /// All that the filters hear, the newest sample last.
    pub fn whole(&self) -> &[f32] {
        self.newest(self.taps)
    }

    /// The last samples heard, at most as many.
    pub fn newest(&self, count: usize) -> &[f32] {
        let end = self.reach + self.phase;
        &self.past[end - count..end]
    }

    /// The sum of bias and tail of every row in the present step, which does not depend on its newest sample. `[rows]`
    pub fn sums(&self) -> &[f32] {
        // Before the first step, those of the 16th.
        let step = (self.phase + BLOCK - 1) % BLOCK;
        &self.ready.view()[step * self.stride..][..self.rows]
    }

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

    /// Draws which samples of the tail are silenced from now on, by their age; those kept are divided by the probability of
    /// being kept. A probability of 1 draws nothing. With masks a step costs as much as the whole product.
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

impl Kernel for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Self { bank, state } = self;
        let SlidingState { past, reach, phase, stages, ready, stride, work, stale, .. } = state;
        let work = work.view_mut::<[L::F; 2]>();
        let bias = &bank.bias.view::<L::F>()[..bank.chunks];
        // The longest first: each goes on from what those after it have summed.
        for (index, stage) in bank.stages.iter().enumerate().rev() {
            let (here, longer) = stages.split_at_mut(index + 1);
            if *stale || phase.is_multiple_of(stage.block) {
                let longer = longer.first().zip(bank.stages.get(index + 1));
                for (chunk, bias) in bias.iter().enumerate() {
                    let start = start::<L>(longer, chunk, *phase / stage.block * stage.block, bias);
                    stage.sum(lanes, chunk, start, work, &mut here[index]);
                }
            }
        }
        let longer = stages.first().zip(bank.stages.first());
        let begin = *phase / BLOCK * BLOCK;
        let (ready, stride) = (ready.view_mut::<L::F>(), *stride / L::LANES);
        for (chunk, bias) in bias.iter().enumerate() {
            let start = start::<L>(longer, chunk, begin, bias);
            bank.direct.sum(lanes, chunk, bank.direct_end, &past[..*reach + begin], start, &mut ready[chunk..], stride);
        }
    }
}

/// What the sums of a chunk begin with at a step of the period: those of the next longer stage, or the bias.
#[inline(always)]
fn start<'a, L: Lanes>(
    longer: Option<(&'a StageState, &Stage)>,
    chunk: usize,
    step: usize,
    bias: &'a L::F,
) -> Start<'a, L::F> {
    match longer {
        Some((state, stage)) => {
            let sums: &[L::F] = &state.sums.view()[chunk * stage.block..][..stage.block];
            Start { values: &sums[step % stage.block..], every: 1 }
        }
        None => Start { values: std::slice::from_ref(bias), every: 0 },
    }
}

/// The sums of one step as they are written, its tail masked.
struct Masked<'a> {
    bank: &'a SlidingBank,
    state: &'a mut SlidingState,
}

impl Kernel for Masked<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let SlidingState { ready, stride, phase, left, .. } = self.state;
        let ready = &mut ready.view_mut::<L::F>()[*phase % BLOCK * (*stride / L::LANES)..];
        let bias = &self.bank.bias.view::<L::F>()[..self.bank.chunks];
        for (chunk, (ready, &bias)) in ready.iter_mut().zip(bias).enumerate() {
            *ready = self.bank.direct.whole(lanes, chunk, left, bias);
        }
    }
}
