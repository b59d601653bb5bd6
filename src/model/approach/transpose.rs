//! Several columns that predict one sample together (Pfalz 2018, *transpose*).

use super::{ApproachInfo, Check, Frames, Framing};
use serde::{Deserialize, Serialize};

pub(super) const INFO: ApproachInfo = ApproachInfo {
    name: "transpose",
    meaning: "several columns, one after the other, predict one sample together",
    // It has two dense layers.
    plain_network: None,
};

/// As a column, but what is predicted comes from `num_unrollings` columns: the dense layer says of each what it would of
/// a single one, and a second dense layer makes one prediction of all that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transpose {
    /// Samples that a column holds.
    pub seg_len: usize,
    /// Columns.
    pub num_unrollings: usize,
    /// Samples from the beginning of a column to that of the next.
    pub int_cursor_inc: usize,
}

impl Transpose {
    /// From the oldest column to the newest.
    pub fn reach_samples(&self) -> usize {
        self.num_unrollings.saturating_sub(1).saturating_mul(self.int_cursor_inc)
    }
}

impl Framing for Transpose {
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

    fn columns(&self) -> Option<&Transpose> {
        Some(self)
    }

    fn frames(&self) -> Frames<'_> {
        Frames::Samples { hop: 1, overlap: 0, gain: 1.0 }
    }

    fn check(&self, check: &mut Check) {
        check.range("seg_len", self.seg_len, 1, 8192);
        check.range("num_unrollings", self.num_unrollings, 1, 1024);
        check.range("int_cursor_inc", self.int_cursor_inc, 1, 8192);
    }

    fn brief(&self) -> String {
        format!("transpose {} × {}", self.num_unrollings, self.seg_len)
    }

    fn details(&self, length: &dyn Fn(usize) -> String) -> Vec<(&'static str, String)> {
        let (column, distance) = (length(self.seg_len), length(self.int_cursor_inc));
        vec![("columns", format!("{} of {column}, every {distance}", self.num_unrollings))]
    }
}
