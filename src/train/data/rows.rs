//! The material as rows: what the network hears at a step, and what follows.

use super::pca::Pca;
use crate::{
    approach::{FrameAnalyser, Projection},
    hyperparameters::TrainConfig,
    model::ModelConfig,
    nn::Isa,
};

/// Material from which rows can be cut. A *unit* is what cursors count in: a frame, or a sample.
#[derive(Clone, Debug)]
pub(crate) enum Rows {
    /// Features of frames, cut at evenly spaced places within a hop. `[lattice][frame · width]`
    Frames { lattices: Vec<Vec<f32>>, width: usize },
    /// Samples as the network hears them, cut at any place. `[sample]`
    Samples(Vec<f32>),
}

/// Some steps' worth of rows.
pub(crate) struct Segment {
    /// Matrices that follow one another.
    pub steps: usize,
    /// What the network hears. `[step][stream · rows][input]`
    pub inputs: Vec<f32>,
    /// What follows, without noise. `[step][stream · rows][label]`, or `[step][stream][label]` where a matrix has one label.
    pub targets: Vec<f32>,
    /// The song of each label.
    pub songs: Vec<u16>,
    /// Whether the prediction of each label is scored.
    pub scored: Vec<bool>,
    /// Rows of the batch that begin anew and forget their state. `[stream · rows]`
    pub restarted: Vec<bool>,
    /// The weights move after this segment.
    pub ends_update: bool,
}

/// How rows lie in the material, in units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Numbers that the network hears.
    pub inputs: usize,
    /// Numbers that it predicts.
    pub label: usize,
    /// From the beginning of a row to that of its label; of the last row where a matrix has one label.
    pub label_offset: usize,
    /// Rows of a matrix.
    pub rows: usize,
    /// From the beginning of a row to that of the next in the same matrix.
    pub row_distance: usize,
    /// From a matrix to the next.
    pub advance: usize,
    /// A matrix has one label, not one a row.
    pub one_label: bool,
    /// Cursors begin at multiples of this.
    pub grid: usize,
}

impl Cut {
    pub fn of(config: &TrainConfig, model: &ModelConfig) -> Self {
        let frames = uses_frames(model);
        let step = if frames { 1 } else { model.hop_samples() };
        let one_label = model.approach.columns().is_some();
        let advance = config.ext_cursor_inc.unwrap_or(step);
        Self {
            inputs: model.inputs(),
            label: model.features(),
            label_offset: if frames { 1 } else { model.approach.framing().prediction_samples() },
            rows: config.num_unrollings,
            row_distance: config.int_cursor_inc.unwrap_or(step),
            advance,
            one_label,
            grid: if frames { 1 } else { (model.hop_samples() / config.offsets).min(advance).max(1) },
        }
    }

    /// States that `streams` cursors carry; where rows make one label together, theirs are one.
    pub fn states(&self, streams: usize) -> usize {
        if self.one_label { streams } else { streams * self.rows }
    }

    /// Units from a cursor to the end of what `steps` matrices from it on look at.
    pub fn span(&self, steps: usize, frames: bool) -> usize {
        let row = if frames { 1 + self.label_offset } else { self.inputs.max(self.label_offset + self.label) };
        (steps - 1) * self.advance + (self.rows - 1) * self.row_distance + row
    }
}

/// Frames are computed in advance; plain samples are cut where they are needed.
pub(crate) fn uses_frames(model: &ModelConfig) -> bool {
    !model.approach.hears_samples() || model.principal_components > 0
}

impl Rows {
    /// Of a sound at the model's rate, at `offsets` places within a hop.
    pub fn of(sound: &[f32], model: &ModelConfig, pca: Option<&Pca>, offsets: usize) -> Self {
        if !uses_frames(model) {
            return Self::Samples(heard_samples(sound, model));
        }
        let encoder = Encoder::new(model, pca);
        let hop = model.hop_samples();
        let lattices = (0..offsets).map(|k| encoder.rows(sound.get(k * hop / offsets..).unwrap_or(&[]))).collect();
        Self::Frames { lattices, width: model.inputs() }
    }

    /// Of a sound that is a loop: round once, and on for as long as a row may reach that begins at the end of it.
    pub fn looped(sound: &[f32], model: &ModelConfig, reach: usize) -> Self {
        let before = sound.last().copied().unwrap_or_default();
        let mut lap = if model.pre_emphasis() > 0.0 { vec![before] } else { Vec::new() };
        lap.extend_from_slice(sound);
        let lap = heard_samples(&lap, model);
        Self::Samples(lap.iter().cycle().take(lap.len() + reach).copied().collect())
    }

    /// True where units are frames.
    pub fn frames(&self) -> bool {
        matches!(self, Self::Frames { .. })
    }

    /// Lattices to choose from.
    pub fn lattices(&self) -> usize {
        match self {
            Self::Frames { lattices, .. } => lattices.len(),
            Self::Samples(_) => 1,
        }
    }

    /// Length of a lattice.
    pub fn units(&self, lattice: usize) -> usize {
        match self {
            Self::Frames { lattices, width } => lattices[lattice].len() / width,
            Self::Samples(samples) => samples.len(),
        }
    }

    /// What the network hears from a unit on. `[inputs]`
    pub fn input(&self, lattice: usize, unit: usize, cut: &Cut) -> &[f32] {
        match self {
            Self::Frames { lattices, width } => &lattices[lattice][unit * width..][..*width],
            Self::Samples(samples) => &samples[unit..][..cut.inputs],
        }
    }

    /// What follows the row that begins at a unit. `[label]`
    pub fn label(&self, lattice: usize, unit: usize, cut: &Cut) -> &[f32] {
        let at = unit + cut.label_offset;
        match self {
            Self::Frames { lattices, width } => &lattices[lattice][at * width..][..*width],
            Self::Samples(samples) => &samples[at..][..cut.label],
        }
    }

    /// All numbers, for a fingerprint.
    pub fn numbers(&self) -> Box<dyn Iterator<Item = f32> + '_> {
        match self {
            Self::Frames { lattices, .. } => Box::new(lattices.iter().flatten().copied()),
            Self::Samples(samples) => Box::new(samples.iter().copied()),
        }
    }
}

/// Every sample as a frame of samples holds it: less its mean and part of the one before, in units of the deviation.
fn heard_samples(sound: &[f32], model: &ModelConfig) -> Vec<f32> {
    let emphasis = model.pre_emphasis();
    let scaling = model.scaling;
    let scaled = |x: f32| (x - scaling.mean) / scaling.std;
    if emphasis > 0.0 {
        sound.windows(2).map(|pair| scaled(pair[1] - emphasis * pair[0])).collect()
    } else {
        sound.iter().map(|&x| scaled(x)).collect()
    }
}

/// Sound to rows: the features of its frames.
struct Encoder<'a> {
    model: &'a ModelConfig,
    projection: Option<Projection>,
}

impl<'a> Encoder<'a> {
    fn new(model: &'a ModelConfig, pca: Option<&Pca>) -> Self {
        let projection = pca.map(|pca| {
            let open = vec![0.0; pca.scale.len()];
            Projection::new(&pca.basis, &pca.mean, &pca.scale, &open, &open, Isa::from_environment())
        });
        Self { model, projection }
    }

    /// `[row · inputs]`
    fn rows(&self, sound: &[f32]) -> Vec<f32> {
        let (hop, row_size) = (self.model.hop_samples(), self.model.inputs());
        let mut rows = Vec::with_capacity(sound.len() / hop * row_size);
        let mut analyser = FrameAnalyser::new(self.model);
        let mut frame = vec![0.0; self.model.frame_size()];
        let mut features = self.projection.as_ref().map(Projection::make_feature_buffer);
        for samples in sound.windows(self.model.window_samples()).step_by(hop) {
            analyser.frame(samples, &mut frame);
            match (&self.projection, &mut features) {
                (Some(projection), Some(features)) => {
                    projection.project(&frame, features);
                    rows.extend_from_slice(&features[..row_size]);
                }
                _ => rows.extend_from_slice(&frame),
            }
        }
        rows
    }
}
