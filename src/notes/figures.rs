//! What a collection of scores is like, in numbers.

use super::{
    SEGMENT_STEPS, SEQUENCE_STEPS,
    roll::Roll,
    score::{Placed, Score},
};
use crate::model::STEPS_PER_MEASURE;
use serde::Serialize;
use std::collections::BTreeMap;

/// How many pieces have which time signatures.
pub type Signatures = BTreeMap<String, usize>;

/// Sums over scores and their rolls.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Pieces.
    pub pieces: usize,
    /// Their length in seconds, by their own tempi.
    pub seconds: f64,
    /// Notes of the 88 keys.
    pub notes: usize,
    /// Their lowest MIDI key.
    pub lowest_key: Option<u8>,
    /// Their highest MIDI key.
    pub highest_key: Option<u8>,
    /// Steps.
    pub steps: usize,
    /// Whole segments of 64 steps.
    pub segments: usize,
    /// Whole sequences of 256 steps.
    pub sequences: usize,
    /// Pieces by time signature; "changing" are those with several.
    pub signatures: Signatures,
    /// Pieces with several tempi.
    pub with_tempi: usize,
    /// Pieces with a sustain pedal.
    pub with_pedal: usize,
    /// Pieces whose notes differ in velocity.
    pub with_velocities: usize,
    /// Pieces that begin with a rest or an upbeat: no note at their first tick.
    pub late: usize,
    /// Notes that do not begin on the grid.
    pub off_grid: usize,
    /// Notes whose end falls into the step of their beginning.
    pub lengthened: usize,
    /// Notes that begin where another one of their key ends.
    pub repeated: usize,
    /// Notes outside the 88 keys, left out.
    pub outside: usize,
    /// Notes of percussion, left out.
    pub percussion: usize,
    /// Notes that end with their track because nothing else ends them.
    pub unclosed: usize,
}

impl Figures {
    /// Adds a piece.
    pub fn add(&mut self, score: &Score, roll: &Roll, placed: &Placed) {
        self.pieces += 1;
        self.seconds += score.seconds();
        self.notes += score.notes.len();
        let keys = || score.notes.iter().map(|note| note.key);
        self.lowest_key = self.lowest_key.into_iter().chain(keys()).min();
        self.highest_key = self.highest_key.into_iter().chain(keys()).max();
        self.steps += roll.len();
        self.segments += roll.len() / SEGMENT_STEPS;
        self.sequences += roll.len() / SEQUENCE_STEPS;
        let signature = match score.signature_set()[..] {
            [(beats, unit)] => format!("{beats}/{unit}"),
            _ => "changing".into(),
        };
        *self.signatures.entry(signature).or_default() += 1;
        self.with_tempi += usize::from(score.tempi.len() > 1);
        self.with_pedal += usize::from(!score.pedal.is_empty());
        self.with_velocities += usize::from(score.has_velocities);
        self.late += usize::from(score.notes.first().is_some_and(|note| note.start > 0));
        self.off_grid += placed.off_grid;
        self.lengthened += placed.lengthened;
        self.repeated += placed.repeated;
        self.outside += score.outside;
        self.percussion += score.percussion;
        self.unclosed += score.unclosed;
    }

    /// Measures of 16 steps, the last one of a piece in part.
    pub fn measures(&self) -> f64 {
        self.steps as f64 / STEPS_PER_MEASURE as f64
    }

    /// A count of notes as a part of all, in %.
    pub fn percent(&self, notes: usize) -> f64 {
        100.0 * notes as f64 / self.notes.max(1) as f64
    }
}
