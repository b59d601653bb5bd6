//! How audio becomes steps and steps become audio: what a model file says of it, a file for each approach.
//!
//! A new approach is a file here, which says all there is to say of it ([`Framing`]), with its variant, its arm and its row in
//! this file; and what a training configuration states of it (`hyperparameters/approach.rs`, its fields explained in
//! `field_table.rs`). Frames of another kind than [`Frames`] has need their analysis and synthesis beside those in
//! `crate::approach`.

mod column;
mod listening;
mod magnitude;
mod sample;
mod transpose;
mod vector;

use super::range::{Check, FieldProblem};
use serde::{Deserialize, Serialize};

pub use column::Column;
pub use listening::{AVERAGES, BANDS, Listening};
pub use magnitude::Magnitude;
pub use transpose::Transpose;
pub use vector::Vector;

/// How audio becomes steps and steps become audio. Lengths in samples at the model's rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Approach {
    /// A segment of sound predicts the next.
    Vector(Vector),
    /// A magnitude frame predicts the next.
    Magnitude(Magnitude),
    /// A sample predicts the next.
    Sample,
    /// The last samples predict the one after them.
    Column(Column),
    /// Several columns predict one sample together.
    Transpose(Transpose),
    /// A frame of notes, drawn bin by bin from what was heard.
    Listening(Listening),
}

/// What is said of an approach wherever approaches are listed.
#[derive(Clone, Copy, Debug)]
pub struct ApproachInfo {
    /// The name in model files and training configurations.
    pub name: &'static str,
    /// What it is, in a sentence without a full stop.
    pub meaning: &'static str,
    /// Which networks of other programs can be run so: a recurrent network and one dense layer behind it; none where none can.
    pub plain_network: Option<PlainNetwork>,
}

/// Sizes of a recurrent network and its dense layer.
#[derive(Clone, Copy, Debug)]
pub struct PlainNetwork {
    /// The rule, for people.
    pub sizes: &'static str,
    /// Whether so many inputs and outputs keep it.
    pub fits: fn(inputs: usize, outputs: usize) -> bool,
}

/// Every approach, in the order in which people are told of them.
pub static APPROACHES: [ApproachInfo; 6] =
    [listening::INFO, vector::INFO, column::INFO, transpose::INFO, magnitude::INFO, sample::INFO];

/// What the numbers of a frame are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Frames<'a> {
    /// Scaled samples.
    Samples {
        /// Samples from frame to frame.
        hop: usize,
        /// Samples that a predicted frame shares with the next one, over which they are cross-faded.
        overlap: usize,
        /// Gain of what is predicted.
        gain: f32,
    },
    /// Magnitudes of a spectrum.
    Magnitudes(&'a Magnitude),
    /// Levels of a spectrum on a scale of logarithmic frequency.
    LogSpectra(&'a Listening),
}

/// What every approach has to say. Lengths in samples at the model's rate.
#[cfg_attr(
    not(all(feature = "cli", feature = "train")),
    allow(dead_code, reason = "some of it is asked by the trainer, or the command line, alone")
)]
pub(crate) trait Framing {
    /// Name and meaning.
    fn info(&self) -> ApproachInfo;

    /// From one step to the next.
    fn hop_samples(&self) -> usize {
        1
    }

    /// Sound that a frame is made of, pre-emphasis left aside.
    fn window_samples(&self) -> usize;

    /// Numbers of a frame, before principal components.
    fn frame_size(&self) -> usize;

    /// From the beginning of a step's window to what the step predicts: where a prediction sounds by its own time, and where a
    /// training finds the label.
    fn prediction_samples(&self) -> usize;

    /// A step predicts a whole frame, not a single sample.
    fn predicts_frames(&self) -> bool {
        false
    }

    /// The frame slides by one sample a step and only that sample is predicted.
    fn slides(&self) -> bool {
        false
    }

    /// Pre-emphasis, where the approach has its own.
    fn emphasis(&self) -> Option<f32> {
        None
    }

    /// The columns that make one prediction together.
    fn columns(&self) -> Option<&Transpose> {
        None
    }

    /// The memory of what was heard, where it has one.
    fn listening(&self) -> Option<&Listening> {
        None
    }

    /// What the numbers of a frame are.
    fn frames(&self) -> Frames<'_>;

    /// Checks every field against its range.
    fn check(&self, check: &mut Check);

    /// What is wrong with the memory of a voice whose steps have so many outputs; ranges were checked.
    fn memory_problem(&self, _outputs: usize) -> Option<FieldProblem> {
        None
    }

    /// The approach in a few words.
    fn brief(&self) -> String;

    /// Names and values of its fields for people; `length` writes a length in samples.
    fn details(&self, length: &dyn Fn(usize) -> String) -> Vec<(&'static str, String)>;
}

impl Approach {
    /// What it has to say.
    pub(crate) fn framing(&self) -> &dyn Framing {
        match self {
            Self::Vector(vector) => vector,
            Self::Magnitude(magnitude) => magnitude,
            Self::Sample => &sample::Sample,
            Self::Column(column) => column,
            Self::Transpose(transpose) => transpose,
            Self::Listening(listening) => listening,
        }
    }

    /// Name and meaning.
    pub fn info(&self) -> ApproachInfo {
        self.framing().info()
    }

    /// The columns that make one prediction together.
    pub fn columns(&self) -> Option<&Transpose> {
        self.framing().columns()
    }

    /// The memory of what was heard, where it has one.
    pub fn listening(&self) -> Option<&Listening> {
        self.framing().listening()
    }

    /// True if the numbers of a frame are samples.
    pub fn hears_samples(&self) -> bool {
        matches!(self.framing().frames(), Frames::Samples { .. })
    }

    /// The frames of magnitudes, to be changed.
    pub fn magnitude_mut(&mut self) -> Option<&mut Magnitude> {
        if let Self::Magnitude(magnitude) = self { Some(magnitude) } else { None }
    }
}

/// Neutral factors.
pub(super) fn one() -> f32 {
    1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_the_approaches_as_files_do() {
        let known = serde_json::from_str::<Approach>(r#"{"kind": "?"}"#).expect_err("no approach").to_string();
        let mut names: Vec<&str> = known.split('`').skip(3).step_by(2).collect();
        let mut listed = APPROACHES.map(|info| info.name);
        names.sort_unstable();
        listed.sort_unstable();
        assert_eq!(names, listed, "{known}");
        let all = r#"[{"kind": "sample"}, {"kind": "column", "seg_len": 3}, {"kind": "vector", "seg_len": 16},
            {"kind": "transpose", "seg_len": 3, "num_unrollings": 2, "int_cursor_inc": 1},
            {"kind": "magnitude", "window": 64, "hop": 16, "magnitude_peak": 1},
            {"kind": "listening", "window": 2048, "hop": 512, "bins": 178, "lowest_hz": 70, "bins_per_octave": 36,
             "floor_db": -75, "averages_s": [0.35, 1.5, 6], "band_edges_hz": [300, 900, 2500], "band_top": 0.8,
             "key_size": 64, "recall_skip": 16}]"#;
        let all: Vec<Approach> = serde_json::from_str(all).expect("approaches");
        assert_eq!(all.len(), APPROACHES.len());
        for approach in all {
            let json = serde_json::to_value(&approach).expect("plain data");
            assert_eq!(json["kind"], approach.info().name);
            assert!(approach.framing().brief().starts_with(approach.info().name));
        }
    }
}
