//! Learning from a player: what of a listening model moves, and how, in so little time that a musician can wait for it.
//!
//! Of a model that listens only the layer over the bins, its output and the layer of the bands' levels move, 110 560 numbers of 3.2
//! million in a model of the usual size; the recurrent layers stand still. Their output is then a constant of every frame, and an
//! update is made of single frames drawn anywhere: nothing runs backward through time. `docs/LEARNING.md` has the measurements
//! that decided it.
//!
//! [`Material`] is a sound as frames with all that the layers above hear; [`Update`] the losses of some of them and their gradient;
//! [`Adam`] moves the weights; [`learn`] does it all and gives a model, [`Study`] the same a step at a time. [`job`] is a lesson beside
//! what else a program does: on a thread of its own, and none of it is lost.
//!
//! Everything is added up in a fixed order on one thread: equal arguments give equal bits at equal instruction sets, whatever
//! else runs.

mod adam;
mod analysis;
mod board;
mod bytes;
mod card;
mod concurrent;
mod error;
mod inputs;
pub mod job;
mod material;
mod priority;
mod rows;
mod shape;
mod study;
#[cfg(test)]
mod tests;
mod update;

pub use adam::{Adam, Rules};
#[cfg(feature = "train")]
pub(crate) use analysis::{
    CUT_SILENCE_S, FIRST_FRAMES, INPUT_NOISE, RECALLED_FRAMES, REMINDER_PIECES, REMINDER_SECONDS, add_noise, frames,
    is_silent, make_loud, middle, without_silence,
};
pub(crate) use board::LearnReport;
pub use board::{Kept, LearnBoard, LearnState};
pub use card::{Card, HOLD_OUT_FROM_S, material};
pub use concurrent::{Concurrent, Outcome, Pace, shares};
pub use error::LearnError;
#[cfg(feature = "train")]
pub(crate) use inputs::{BEFORE_CONTEXT, BinHears, band_levels, class};
pub use material::{Hearing, LEAST_SECONDS, Material};
pub(crate) use priority::step_back;
pub use shape::{LEARNT, Shape};
pub use study::{Depth, Examined, Learnt, Plan, Progress, SAVED_START, Study, learn};
#[cfg(feature = "train")]
pub(crate) use update::BAND_WEIGHT;
pub use update::{Batch, Losses, Moment, Update, Wanted};
