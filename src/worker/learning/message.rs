//! What passes between the worker and the thread that learns.

use crate::{
    approach::{FrameLayers, Network},
    engine::GRID_SAMPLES,
    learn::{LearnReport, Pace},
};
use std::sync::Arc;

/// From the worker.
#[allow(clippy::large_enum_variant, reason = "nearly all are cells, and a box would be allocated for each")]
pub(super) enum Message {
    /// All that follows is of this generation, and of this model.
    Begin {
        /// Counts what makes learning begin anew.
        generation: u32,
        /// The model that plays, and its slot.
        network: Arc<Network>,
        slot: u8,
        /// What was learnt of it stays.
        carries: bool,
    },
    /// What was heard.
    Cell(Cell),
    /// What was learnt in this generation is to be kept.
    Keep {
        /// The worker's.
        generation: u32,
    },
}

/// A quantum of input.
pub(super) struct Cell {
    /// Its place on the grid.
    pub index: i64,
    /// The middle of both channels, as models hear it.
    pub heard: [f32; GRID_SAMPLES],
    /// RMS below which nothing was played.
    pub gate: f32,
    /// It contains the wet.
    pub is_fed_back: bool,
    /// Where an update is due of all that was heard up to its end.
    pub update: Option<Pace>,
}

/// To the worker: one for each update that was asked for, in order.
pub(super) struct Answer {
    /// Of the messages it answers.
    pub generation: u32,
    /// What is to be heard, if that has changed.
    pub layers: Option<Box<FrameLayers>>,
    /// What is shown from then on.
    pub report: LearnReport,
}
