//! What travels between the threads: one cell of input to the worker for one cell of prediction back.

use super::{
    spec::ParamValues,
    types::{GRID_SAMPLES, MAX_CHANNELS},
};

/// `[channel][sample]`
pub type CellAudio = [[f32; GRID_SAMPLES]; MAX_CHANNELS];

/// Input of one cell of the grid. Cell `index` holds engine time `64·index` to `64·index + 63`.
#[derive(Clone, Debug)]
pub struct InCell {
    /// Counts resets and jumps; a cell of another epoch than its neighbour's begins a new history.
    pub epoch: u32,
    /// Place on the grid, in engine time: the clock where the epoch began, then counted without jumps.
    pub index: i64,
    /// The clock n at the end of the cell. It differs from engine time after a loop of the host.
    pub clock_end: i64,
    /// First sample of the cell that was heard; others are 0. Not 0 only where an epoch begins inside a cell.
    pub heard_from: usize,
    /// False while *Stop* holds.
    pub armed: bool,
    /// Parameters at the end of the cell.
    pub values: ParamValues,
    /// What the model hears: input gain applied, finite.
    pub audio: CellAudio,
}

/// Prediction for one cell of the grid.
#[derive(Clone, Debug)]
pub struct OutCell {
    /// The epoch of the input it answers.
    pub epoch: u32,
    /// Place on the grid: the answered input's index plus the reaction time in cells.
    pub index: i64,
    /// True while a continuation sounds or is on its way.
    pub active: bool,
    /// Finite. Both channels are filled.
    pub audio: CellAudio,
}
