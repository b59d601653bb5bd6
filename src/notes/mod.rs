//! Notes as a piano roll: columns of 88 keys on a grid of steps, read from MIDI files and written as them, gathered
//! into data sets; and how a network of notes plays columns, and how well.
//!
//! Plain Rust, and nothing here is for the audio thread but [`live`], what plays in the plugin. `docs/NOTES.md` describes the grid, the rules of the reader,
//! the file, and how networks play.

mod baselines;
mod coder;
mod codes;
mod copies;
mod data_set;
mod draw;
mod error;
mod figures;
mod generator;
mod index;
pub mod live;
mod midi_file;
mod prediction;
mod repair;
mod roll;
mod score;
mod split;
mod texture;
mod tonality;

pub use crate::model::{KEYS, LOWEST_KEY, RollRepeats as Repeats, STEPS_PER_MEASURE};
pub use baselines::Baselines;
pub use coder::Coder;
pub use codes::CodeCloud;
pub use copies::Runs;
pub use data_set::{Bars, DataSet, Piece, ROLL_KEY, Rules};
pub use draw::{Choice, Draw, Law};
pub use error::NotesError;
pub use figures::{Figures, Signatures};
pub use generator::{Continuation, Feedback, Playing, STALL_COLUMNS};
pub use index::{Credits, Index};
#[cfg(feature = "cli")]
pub(crate) use midi_file::{MAX_EVENTS, USUAL_TEMPO_US, not_midi};
pub use midi_file::{MAX_MIDI_BYTES, MIDI_ENDINGS, read_repaired};
pub use prediction::{Agreement, PredictionFigures, RegionFigures, Tally};
pub use repair::{Fault, Flaw, Repaired, USUAL_DIVISION, repair};
pub use roll::{COLUMN_BYTES, MAX_STEPS, Roll};
pub use score::{Grid, Note, Placed, Rounding, Score};
pub use split::{Split, work_of};
pub use texture::{Texture, TextureFigures};
pub use tonality::Tonality;

/// Columns of a segment, what an autoencoder sees at once: four measures.
pub const SEGMENT_STEPS: usize = 4 * STEPS_PER_MEASURE;
/// Columns of a sequence, what a recurrent network is trained on at once: sixteen measures.
pub const SEQUENCE_STEPS: usize = 16 * STEPS_PER_MEASURE;
