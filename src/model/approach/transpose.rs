//! Several columns that predict one sample together (Pfalz 2018, *transpose*).

use super::{ApproachInfo, Check, FieldProblem, Frames, Framing};
use serde::{Deserialize, Serialize};

pub(super) const INFO: ApproachInfo = ApproachInfo {
    name: "transpose",
    meaning: "several columns, one after the other, predict one sample together",
    // It has two dense layers.
    plain_network: None,
};

/// Numbers that a voice may remember of its columns: 4 MiB.
pub(crate) const MAX_REMEMBERED: usize = 1 << 20;

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

    /// Samples for which a voice remembers what the dense layer said: as far as the columns reach back, rounded up to a power of
    /// two, so that a place is found without a division.
    pub(crate) fn remembered_samples(&self) -> usize {
        (self.reach_samples() + 1).next_power_of_two()
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

    fn memory_problem(&self, outputs: usize) -> Option<FieldProblem> {
        if self.remembered_samples() <= MAX_REMEMBERED / outputs {
            return None;
        }
        let most = (1 << (MAX_REMEMBERED / outputs).ilog2()) - 1;
        let rule = format!(
            "columns that reach back at most {most} samples, as a voice remembers all outputs since then, {outputs} a sample"
        );
        Some(("num_unrollings × int_cursor_inc", rule, format!("{} samples", self.reach_samples())))
    }

    fn brief(&self) -> String {
        format!("transpose {} × {}", self.num_unrollings, self.seg_len)
    }

    fn details(&self, length: &dyn Fn(usize) -> String) -> Vec<(&'static str, String)> {
        let (column, distance) = (length(self.seg_len), length(self.int_cursor_inc));
        vec![("columns", format!("{} of {column}, every {distance}", self.num_unrollings))]
    }
}
