//! The worker thread: seed history, models, continuations; one quantum of input in, one quantum of prediction out.
//!
//! The worker is spawned as a thread, or stepped by hand in tests; [`crate::session::start`] makes one with its engine. The
//! prediction for a quantum depends on the quanta before it and on nothing else: not on time, not on load.

mod clip;
mod colour;
mod continuation;
mod core;
mod ensemble;
mod feedback;
mod history;
mod learning;
mod loops;
mod models;
mod schedule;
mod seeds;
mod thread;
mod triggers;
mod voice;
mod voices;
mod warming;

pub use clip::{CLIP_RATES_HZ, Clip, ClipSlot, MAX_CLIP_BYTES};
pub use ensemble::{Ensemble, MAX_VOICES};
pub use models::measure::{USUAL_HOST_HZ, factor_to_text, measure_reaction_ms, measure_slowness, measure_voices};
pub use models::{
    registry::{ModelRegistry, Origin, Readiness, SlotEntry, SlotModel, likely_files},
    shared::Shared,
};
pub use thread::{Worker, WorkerThread};
