//! The last samples, of which the next one follows (Pfalz 2018, *column*).

use super::{ApproachInfo, Check, Frames, Framing, PlainNetwork};
use serde::{Deserialize, Serialize};

pub(super) const INFO: ApproachInfo = ApproachInfo {
    name: "column",
    meaning: "a step is the last samples and predicts the sample after them",
    plain_network: Some(PlainNetwork { sizes: "1 output", fits: |_, outputs| outputs == 1 }),
};

/// A step takes the last `seg_len` samples and predicts the one after them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Samples that a step looks at.
    pub seg_len: usize,
}

impl Framing for Column {
    fn info(&self) -> ApproachInfo {
        INFO
    }

    fn window_samples(&self) -> usize {
        self.seg_len
    }

    fn frame_size(&self) -> usize {
        self.seg_len
    }

    fn prediction_samples(&self) -> usize {
        self.seg_len
    }

    fn slides(&self) -> bool {
        true
    }

    fn frames(&self) -> Frames<'_> {
        Frames::Samples { hop: 1, overlap: 0, gain: 1.0 }
    }

    fn check(&self, check: &mut Check) {
        check.range("seg_len", self.seg_len, 1, 8192);
    }

    fn brief(&self) -> String {
        format!("column {}", self.seg_len)
    }

    fn details(&self, length: &dyn Fn(usize) -> String) -> Vec<(&'static str, String)> {
        vec![("column", length(self.seg_len))]
    }
}
