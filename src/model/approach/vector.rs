//! Raw sound, a segment a step.

use super::{ApproachInfo, Check, Frames, Framing, PlainNetwork, one};
use serde::{Deserialize, Serialize};

pub(super) const INFO: ApproachInfo = ApproachInfo {
    name: "vector",
    meaning: "a step is a segment of raw sound and predicts the next segment",
    plain_network: Some(PlainNetwork { sizes: "as many outputs as inputs", fits: |inputs, outputs| inputs == outputs }),
};

/// A step takes the last `seg_len + overlap` samples and predicts those that end `seg_len` later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vector {
    /// Samples a step.
    pub seg_len: usize,
    /// Samples that neighbouring predictions share; they are cross-faded, so that borders are soft.
    #[serde(default)]
    pub overlap: usize,
    /// The network hears x\[n\] − emphasis · x\[n−1\]; what it says is put right again. 0: plain samples.
    #[serde(default)]
    pub emphasis: f32,
    /// Gain of what is predicted: noise lost between steps makes predictions fainter than the material.
    #[serde(default = "one")]
    pub gain: f32,
}

impl Vector {
    /// Segments that share nothing, heard as they are.
    pub const fn new(seg_len: usize) -> Self {
        Self { seg_len, overlap: 0, emphasis: 0.0, gain: 1.0 }
    }
}

impl Framing for Vector {
    fn info(&self) -> ApproachInfo {
        INFO
    }

    fn hop_samples(&self) -> usize {
        self.seg_len
    }

    fn window_samples(&self) -> usize {
        self.frame_size()
    }

    fn frame_size(&self) -> usize {
        self.seg_len.saturating_add(self.overlap)
    }

    fn prediction_samples(&self) -> usize {
        self.seg_len
    }

    fn predicts_frames(&self) -> bool {
        true
    }

    fn emphasis(&self) -> Option<f32> {
        Some(self.emphasis)
    }

    fn frames(&self) -> Frames<'_> {
        Frames::Samples { hop: self.seg_len, overlap: self.overlap, gain: self.gain }
    }

    fn check(&self, check: &mut Check) {
        check.range("seg_len", self.seg_len, 16, 8192);
        check.range("overlap", self.overlap, 0, self.seg_len);
        check.range("emphasis", self.emphasis, 0.0, 0.999);
        check.range("gain", self.gain, 0.01, 100.0);
    }

    fn brief(&self) -> String {
        format!("vector {}", self.seg_len)
    }

    fn details(&self, length: &dyn Fn(usize) -> String) -> Vec<(&'static str, String)> {
        vec![
            ("overlap", length(self.overlap)),
            ("pre-emphasis", self.emphasis.to_string()),
            ("gain", self.gain.to_string()),
        ]
    }
}
