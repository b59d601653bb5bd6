//! What travels between the threads: one quantum of input to the worker for one quantum of prediction back.

use super::types::{GRID_SAMPLES, MAX_CHANNELS};
use crate::control::values::ParamValues;

/// `[channel][sample]`
pub type QuantumAudio = [[f32; GRID_SAMPLES]; MAX_CHANNELS];

/// Regions of the filter bank that have a loop of their own, from low to high.
pub const REGIONS: usize = 4;
/// `[region][sample]`
pub type RegionAudio = [[f32; GRID_SAMPLES]; REGIONS];

/// Most notes that begin in one quantum; more are not heard.
pub const MAX_NOTES: usize = 4;

/// A note that begins.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Note {
    /// MIDI number; 60 is middle C.
    pub key: u8,
    /// 0…1
    pub velocity: f32,
}

/// Requests of the performer and of the host in a quantum.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gestures {
    /// *Continue* went on.
    pub continued: bool,
    /// *Capture Seed* went on.
    pub captured: bool,
    /// *Forget* went on.
    pub forgotten: bool,
    /// *Keep Learnt* went on.
    pub kept: bool,
    /// The song started or jumped: the quantum is the first of an epoch that follows the transport.
    pub song_started: bool,
    /// Quanta before this one were lost: what sounded goes on as soon as enough has been heard.
    pub resumed: bool,
    /// Notes that begin, the first `note_count` of them.
    pub notes: [Note; MAX_NOTES],
    /// How many there are.
    pub note_count: usize,
}

/// The song's beats at the end of a quantum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuantumBeats {
    /// Beats (quarter notes) since the song's beginning.
    pub end: f64,
    /// Beats a sample, above 0.
    pub per_sample: f64,
}

/// Input beyond this amplitude (+36 dBFS) is held at it, before and after the input gain, so that no sum overflows, of a level
/// or in a model.
pub const MAX_INPUT: f32 = 64.0;

/// Input of one quantum of the grid. Quantum `index` holds engine time `64·index` to `64·index + 63`.
#[derive(Clone, Debug)]
pub struct InQuantum {
    /// Counts resets and jumps; a quantum of another epoch than its neighbour's begins a new history.
    pub epoch: u32,
    /// Place on the grid, in engine time: the clock where the epoch began, then counted without jumps.
    pub index: i64,
    /// The clock n at the end of the quantum. It differs from engine time after a loop of the host.
    pub clock_end: i64,
    /// First sample of the quantum that was heard; others are 0. Not 0 only where an epoch begins inside a quantum.
    pub heard_from: usize,
    /// False while *Stop* holds.
    pub armed: bool,
    /// Parameters at the end of the quantum.
    pub values: ParamValues,
    /// Requests in it.
    pub gestures: Gestures,
    /// Where it ends in the song, while the song runs and the host tells its tempo.
    pub beats: Option<QuantumBeats>,
    /// What was played, at most [`MAX_INPUT`], before the input gain.
    pub played: QuantumAudio,
    /// The input gain of every sample.
    pub gains: [f32; GRID_SAMPLES],
}

/// Prediction for one quantum of the grid.
#[derive(Clone, Debug)]
pub struct OutQuantum {
    /// The epoch of the input it answers.
    pub epoch: u32,
    /// Place on the grid: the answered input's index plus the reaction time in quanta.
    pub index: i64,
    /// True while a continuation sounds or is on its way.
    pub active: bool,
    /// True while feedback is detected: the input contains recent wet.
    pub feedback: bool,
    /// Finite. Both channels are filled.
    pub audio: QuantumAudio,
    /// The loops of the regions, finite; the audio thread's filter bank gates them.
    pub regions: RegionAudio,
}

/// What the model hears of a sample that was played.
pub fn heard(played: f32, gain: f32) -> f32 {
    (played * gain).clamp(-MAX_INPUT, MAX_INPUT)
}

impl InQuantum {
    /// Silence without requests.
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
            played: [[0.0; GRID_SAMPLES]; MAX_CHANNELS],
            gains: [1.0; GRID_SAMPLES],
        }
    }

    /// What the model hears: what was played, at the input gain.
    pub fn heard(&self) -> QuantumAudio {
        self.played.map(|channel| std::array::from_fn(|i| heard(channel[i], self.gains[i])))
    }
}
