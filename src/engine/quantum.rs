//! What travels between the threads: one cell of input to the worker for one cell of prediction back.

use super::types::{GRID_SAMPLES, MAX_CHANNELS};
use crate::control::values::ParamValues;

/// `[channel][sample]`
pub type CellAudio = [[f32; GRID_SAMPLES]; MAX_CHANNELS];

/// Regions of the filter bank that have a loop of their own, from low to high.
pub const REGIONS: usize = 4;
/// `[region][sample]`
pub type RegionAudio = [[f32; GRID_SAMPLES]; REGIONS];

/// Most notes that begin in one cell; more are not heard.
pub const MOST_NOTES: usize = 4;

/// A note that begins.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Note {
    /// MIDI number; 60 is middle C.
    pub key: u8,
    /// 0…1
    pub velocity: f32,
}

/// What the performer or the host asks for in a cell, beside its sound.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gestures {
    /// *Continue* went on.
    pub continued: bool,
    /// *Capture* went on.
    pub captured: bool,
    /// The song started or jumped: the cell is the first of an epoch that follows the transport.
    pub song_started: bool,
    /// Notes that begin, the first `note_count` of them.
    pub notes: [Note; MOST_NOTES],
    /// How many there are.
    pub note_count: usize,
}

/// The song's beats at the end of a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CellBeats {
    /// Beats (quarter notes) since the song's beginning.
    pub end: f64,
    /// Beats a sample, above 0.
    pub per_sample: f64,
}

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
    /// What was asked for in it.
    pub gestures: Gestures,
    /// Where it ends in the song, while the song runs and the host tells its tempo.
    pub beats: Option<CellBeats>,
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
    /// True while the input contains what was played a moment before.
    pub feedback: bool,
    /// Finite. Both channels are filled.
    pub audio: CellAudio,
    /// The loops of the regions, finite: what the bands of the audio thread open.
    pub regions: RegionAudio,
}

impl InCell {
    /// Silence, in which nothing is asked for.
    pub fn empty(epoch: u32, index: i64, heard_from: usize, values: ParamValues) -> Self {
        Self {
            epoch,
            index,
            clock_end: 0,
            heard_from,
            armed: true,
            values,
            gestures: Gestures::default(),
            beats: None,
            audio: [[0.0; GRID_SAMPLES]; MAX_CHANNELS],
        }
    }
}
