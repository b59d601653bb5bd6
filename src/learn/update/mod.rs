//! The losses of some frames and the gradient of what learns.
//!
//! The loss is the mean cross-entropy of a bin plus [`BAND_WEIGHT`] times that of a band's level, as in the training of the model.
//! Frames are taken in blocks, in their order, so that what is needed of them stays near the processor; gradients are added up
//! block after block.

mod bands;
mod bins;
mod tools;

use super::{
    error::LearnError,
    shape::{BIN_TENSORS, LEARNT, Shape},
};
use crate::{
    model::{BANDS, ModelData},
    nn::Isa,
};
use bands::Bands;
use bins::{Bins, Still};
use tools::Tools;

/// What the cross-entropy of the bands counts beside that of the bins.
pub(crate) const BAND_WEIGHT: f32 = 0.05;
/// Frames that are run at once: a tile of the products, and little enough to stay in the second cache.
const BLOCK: usize = 8;

/// A frame to be predicted, and what is known before it.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// Output of the recurrent layers, `[hidden]`.
    pub h: &'a [f32],
    /// The last frame, levels in 255ths, `[bin]`.
    pub heard: &'a [u8],
    /// The one before it.
    pub before: &'a [u8],
    /// Averages after the last frame, `[average][bin]`.
    pub averages: &'a [f32],
    /// The frame that follows.
    pub target: &'a [u8],
    /// What is recalled, `[bin]`.
    pub suggestion: &'a [f32],
    /// How sure that is.
    pub sureness: f32,
}

/// The frames of an update.
#[derive(Clone, Debug)]
pub struct Batch {
    shape: Shape,
    frames: usize,
    h: Vec<f32>,
    heard: Vec<f32>,
    before: Vec<f32>,
    averages: Vec<f32>,
    targets: Vec<f32>,
    suggestions: Vec<f32>,
    sureness: Vec<f32>,
    /// What [`super::material::Material`] reads a moment into.
    pub(super) read: Vec<f32>,
}

impl Batch {
    /// Room for so many frames.
    pub fn new(shape: Shape, capacity: usize) -> Self {
        let room = |width: usize| Vec::with_capacity(capacity * width);
        Self {
            frames: 0,
            h: room(shape.hidden),
            heard: room(shape.bins),
            before: room(shape.bins),
            averages: room(shape.averages()),
            targets: room(shape.bins),
            suggestions: room(shape.bins),
            sureness: room(1),
            read: Vec::with_capacity(shape.hidden + shape.averages() + shape.bins),
            shape,
        }
    }

    /// Frames in it.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.frames = 0;
        for values in [&mut self.h, &mut self.heard, &mut self.before, &mut self.averages, &mut self.targets] {
            values.clear();
        }
        self.suggestions.clear();
        self.sureness.clear();
    }

    /// Adds a frame; returns the last frame and the one before it as they are in here.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn push(&mut self, moment: Moment<'_>) -> [&mut [f32]; 2] {
        let Shape { bins, hidden, .. } = self.shape;
        let lengths = [moment.h, moment.averages, moment.suggestion].map(<[f32]>::len);
        assert_eq!(lengths, [hidden, self.shape.averages(), bins], "of another model");
        let lengths = [moment.heard, moment.before, moment.target].map(<[u8]>::len);
        assert_eq!(lengths, [bins; 3], "of another model");
        self.frames += 1;
        self.h.extend_from_slice(moment.h);
        self.heard.extend(moment.heard.iter().map(level));
        self.before.extend(moment.before.iter().map(level));
        self.averages.extend_from_slice(moment.averages);
        self.targets.extend(moment.target.iter().map(level));
        self.suggestions.extend_from_slice(moment.suggestion);
        self.sureness.push(moment.sureness);
        let last = (self.frames - 1) * bins;
        [&mut self.heard[last..], &mut self.before[last..]]
    }

    fn block(&self, first: usize) -> Block<'_> {
        let frames = BLOCK.min(self.frames - first);
        let part = |width: usize| first * width..(first + frames) * width;
        let Shape { bins, hidden, .. } = self.shape;
        Block {
            frames,
            h: &self.h[part(hidden)],
            heard: &self.heard[part(bins)],
            before: &self.before[part(bins)],
            averages: &self.averages[part(self.shape.averages())],
            targets: &self.targets[part(bins)],
            suggestions: &self.suggestions[part(bins)],
            sureness: &self.sureness[first..first + frames],
        }
    }
}

/// A level, 0…1, from 255ths.
pub(super) fn level(level: &u8) -> f32 {
    f32::from(*level) * (1.0 / 255.0)
}

/// Some frames of a batch.
struct Block<'a> {
    frames: usize,
    h: &'a [f32],
    heard: &'a [f32],
    before: &'a [f32],
    averages: &'a [f32],
    targets: &'a [f32],
    suggestions: &'a [f32],
    sureness: &'a [f32],
}

/// Means over the frames of a batch, in nats.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Losses {
    /// Cross-entropy of a bin.
    pub bins: f64,
    /// Cross-entropy of a band's level.
    pub bands: f64,
}

/// What is wanted of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The losses alone.
    Losses,
    /// The gradient as well.
    Gradient,
}

/// Computes losses and gradients, in memory of its own.
#[derive(Clone, Debug)]
pub struct Update {
    shape: Shape,
    tools: Tools,
    bins: Bins,
    bands: Bands,
    gradient: Vec<f32>,
}

impl Update {
    /// For a model that listens. Allocates; passes do not, from the second on.
    ///
    /// # Errors
    /// For any other model.
    pub fn new(model: &ModelData, isa: Isa) -> Result<Self, LearnError> {
        let config = model.config();
        let approach = config.approach.info().name;
        let shape = Shape::of(config).ok_or(LearnError::DoesNotListen { approach })?;
        let still =
            Still::new(&shape, model.tensor("context.weight"), model.tensor("context.bias"), model.tensor("position"));
        Ok(Self {
            tools: Tools::new(isa),
            bins: Bins::new(&shape, still, BLOCK),
            bands: Bands::new(&shape, BLOCK),
            gradient: vec![0.0; shape.weights()],
            shape,
        })
    }

    /// The sizes of the model.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The losses of a batch at these weights, in the order of [`LEARNT`]; no frames have none. Leaves the gradient in
    /// [`Self::gradient`] where it is wanted.
    ///
    /// # Panics
    /// If the weights or the batch are of another model.
    pub fn run(&mut self, weights: &[f32], batch: &Batch, wanted: Wanted) -> Losses {
        assert!(weights.len() == self.shape.weights() && batch.shape == self.shape, "of another model");
        let weights: [&[f32]; LEARNT.len()] = self.shape.split(weights);
        let (of_bins, of_bands) = weights.split_at(BIN_TENSORS);
        let frames = batch.frames();
        let (bins, bands) = ((frames * self.shape.bins) as f64, (frames * BANDS) as f64);
        self.bins.prepare(&self.shape, of_bins);
        self.bands.prepare(&self.shape, of_bands);
        self.gradient.fill(0.0);
        let (mut bin_sum, mut band_sum) = (0.0, 0.0);
        for first in (0..frames).step_by(BLOCK) {
            let block = batch.block(first);
            let scale = BAND_WEIGHT / bands as f32;
            band_sum += self.bands.forward(&self.shape, of_bands, &block, scale, &mut self.tools);
            let (classes, scale) = (&self.bands.classes, (1.0 / bins) as f32);
            bin_sum += self.bins.forward(&self.shape, of_bins, &block, classes, scale, &mut self.tools);
            let mut gradients = self.shape.split_mut(&mut self.gradient);
            let (of_bins, of_bands) = gradients.split_at_mut(BIN_TENSORS);
            if wanted == Wanted::Gradient {
                self.bands.backward(&self.shape, &block, of_bands, &mut self.tools);
                self.bins.backward(&self.shape, block.frames, of_bins, &mut self.tools);
            }
        }
        Losses { bins: bin_sum / bins.max(1.0), bands: band_sum / bands.max(1.0) }
    }

    /// Numbers that it has memory for, beside the weights.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.tools.capacity() + self.bins.capacity() + self.bands.capacity()
    }

    /// The gradient of the last pass that wanted one.
    pub fn gradient(&self) -> &[f32] {
        &self.gradient
    }
}
