//! A sample a step.

use super::{ApproachInfo, Check, Frames, Framing, PlainNetwork};

pub(super) const INFO: ApproachInfo = ApproachInfo {
    name: "sample",
    meaning: "a step is one sample and predicts the next",
    plain_network: Some(PlainNetwork {
        sizes: "1 input and 1 output",
        fits: |inputs, outputs| (inputs, outputs) == (1, 1),
    }),
};

/// A step takes one sample and predicts the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample;

impl Framing for Sample {
    fn info(&self) -> ApproachInfo {
        INFO
    }

    fn window_samples(&self) -> usize {
        1
    }

    fn frame_size(&self) -> usize {
        1
    }

    fn prediction_samples(&self) -> usize {
        1
    }

    fn frames(&self) -> Frames<'_> {
        Frames::Samples { hop: 1, overlap: 0, gain: 1.0 }
    }

    fn check(&self, _: &mut Check) {}

    fn brief(&self) -> String {
        "sample".into()
    }

    fn details(&self, _: &dyn Fn(usize) -> String) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}
