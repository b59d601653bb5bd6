//! Who follows a training, and what they are told.

use super::journal::{EpochEntry, SampleEntry};
use std::ops::ControlFlow;

/// What an observer is told after every step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Steps made, in this run and before.
    pub step: u64,
    /// Epochs completed.
    pub epoch: u32,
    /// Part of the training gone by, 0…1.
    pub fraction: f64,
    /// Loss, smoothed over about 20 steps.
    pub loss: f32,
    /// [`Dataset::baseline_loss`](crate::train::Dataset::baseline_loss).
    pub baseline_loss: f32,
    /// Norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// The learning rate.
    pub rate: f64,
}

/// Follows a training. Any closure over [`Progress`] is one.
pub trait Observer {
    /// A step was made. [`ControlFlow::Break`] ends the training: the checkpoint is written and the model returned as it is.
    fn step(&mut self, progress: &Progress) -> ControlFlow<()>;
    /// An epoch was completed.
    fn epoch(&mut self, _entry: &EpochEntry) {}
    /// An output was sampled.
    fn sample(&mut self, _entry: &SampleEntry) {}
    /// After the last step, of so many trials with the model so many were made.
    fn trial(&mut self, _done: usize, _of: usize) {}
    /// Something that the user should know.
    fn note(&mut self, _text: &str) {}
}

impl<F: FnMut(&Progress) -> ControlFlow<()>> Observer for F {
    fn step(&mut self, progress: &Progress) -> ControlFlow<()> {
        self(progress)
    }
}
