//! How audio becomes steps, as a training configuration states it.

use crate::model::{Approach, Column, Magnitude, Transpose, Vector};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// [`Approach`] without what is measured of the material, and with defaults of its own. Of *transpose* the columns are fields
/// of the whole configuration, as all approaches have rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum TrainApproach {
    /// Raw samples, a segment at a time.
    Vector {
        /// Samples a step.
        seg_len: usize,
        /// Samples that neighbouring predictions share.
        #[serde(default)]
        overlap: usize,
        /// The network hears each sample less this part of the one before.
        #[serde(default)]
        emphasis: f32,
        /// Gain of what is predicted.
        #[serde(default = "one")]
        gain: f32,
    },
    /// Magnitude frames.
    Magnitude {
        /// Length of the Blackman window in samples.
        #[serde(alias = "window_size")]
        window: usize,
        /// Samples from frame to frame.
        #[serde(alias = "hop_size")]
        hop: usize,
        /// Transform twice as long as the window.
        #[serde(default)]
        zero_padding: bool,
        /// Sound only the peaks of a frame.
        #[serde(default)]
        peak_picking: bool,
        /// The network sees magnitudes raised to this power.
        #[serde(default = "half")]
        power: f32,
        /// Predicted magnitudes are raised to this power at unchanged energy; none: found by listening after the training, so
        /// that continuations are as noisy as the material and no more.
        #[serde(default)]
        sharpen: Option<f32>,
    },
    /// One sample a step.
    Sample,
    /// The last samples, of which the next one follows.
    Column {
        /// Samples that a step looks at.
        seg_len: usize,
    },
    /// `num_unrollings` columns, `int_cursor_inc` samples from one to the next, of which one sample follows.
    Transpose {
        /// Samples that a column holds.
        seg_len: usize,
    },
}

fn half() -> f32 {
    0.5
}

fn one() -> f32 {
    1.0
}

impl TrainApproach {
    /// Magnitude frames as the default configuration has them.
    pub(crate) fn magnitude() -> Self {
        Self::Magnitude { window: 2048, hop: 512, zero_padding: true, peak_picking: true, power: half(), sharpen: None }
    }

    /// The usual values of an approach, in JSON, with the length of the segments of another.
    pub(crate) fn usual(kind: &str, before: &Self) -> Value {
        match kind {
            "magnitude" => json!(Self::magnitude()),
            "sample" => json!({"kind": kind}),
            _ => json!({"kind": kind, "seg_len": before.seg_len().unwrap_or(512)}),
        }
    }

    /// Samples of a segment, where it has segments.
    pub(crate) fn seg_len(&self) -> Option<usize> {
        match *self {
            Self::Vector { seg_len, .. } | Self::Column { seg_len } | Self::Transpose { seg_len } => Some(seg_len),
            Self::Magnitude { .. } | Self::Sample => None,
        }
    }

    /// `sharpen` is found by listening after the training.
    pub fn sharpens_by_ear(&self) -> bool {
        matches!(self, Self::Magnitude { sharpen: None, .. })
    }

    /// The name in JSON.
    pub fn kind(&self) -> &'static str {
        self.as_trained(1, 1, |_| 1.0).info().name
    }

    /// What the model's file will say, of so many rows at a distance. `magnitude_peak` measures the largest magnitude of the
    /// material's frames.
    pub(crate) fn as_trained(
        &self,
        rows: usize,
        distance: usize,
        magnitude_peak: impl FnOnce(&Magnitude) -> f32,
    ) -> Approach {
        match *self {
            Self::Vector { seg_len, overlap, emphasis, gain } => {
                Approach::Vector(Vector { seg_len, overlap, emphasis, gain })
            }
            Self::Magnitude { window, hop, zero_padding, peak_picking, power, sharpen } => {
                let sharpen = sharpen.unwrap_or(1.0);
                let mut own =
                    Magnitude { window, hop, zero_padding, peak_picking, magnitude_peak: 1.0, power, sharpen };
                own.magnitude_peak = magnitude_peak(&own);
                Approach::Magnitude(own)
            }
            Self::Sample => Approach::Sample,
            Self::Column { seg_len } => Approach::Column(Column { seg_len }),
            Self::Transpose { seg_len } => {
                Approach::Transpose(Transpose { seg_len, num_unrollings: rows, int_cursor_inc: distance })
            }
        }
    }
}

/// The field of a configuration that states a field of the model's approach.
pub(crate) fn stated_in(field: &str) -> String {
    match field {
        "num_unrollings" | "int_cursor_inc" | "num_unrollings × int_cursor_inc" => field.into(),
        _ => format!("approach.{field}"),
    }
}
