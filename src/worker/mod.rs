//! The worker thread: seed history, models, continuations; one cell of input in, one cell of prediction out.
//!
//! [`start`] makes an [`Engine`] and the [`Worker`] that feeds it; the worker is spawned as a thread, or stepped by hand in
//! tests. What it predicts for a cell depends on the cells before it and on nothing else: not on time, not on load.

mod bank;
mod calls;
mod chosen;
mod clip;
mod colour;
mod core;
mod ensemble;
mod feedback_guard;
mod group;
mod history;
mod loops;
mod measure;
mod models;
mod schedule;
mod seeding;
mod seeds;
mod thread;
mod voice;
mod voices;
mod warming;

pub use bank::ModelBank;
pub use clip::{Clip, ClipShelf, MOST_CLIP_BYTES};
pub use ensemble::{Ensemble, MOST_VOICES};
pub use measure::{USUAL_HOST_HZ, factor_to_text, measure_reaction_ms, measure_slowness, measure_voices};
pub use thread::{Worker, WorkerThread};

use crate::engine::{Engine, EngineConfig, link, reaction_cells};
use std::sync::Arc;

/// The lowest model rate whose resampling delay is part of the reaction time from the start; a model with a lower rate begins
/// later by the difference.
const USUAL_MODEL_HZ: u32 = 22_050;

/// An engine and its worker, joined by fresh rings. Allocates everything that will ever be needed. Nothing has been captured.
pub fn start(config: EngineConfig, bank: Arc<ModelBank>) -> (Engine, Worker) {
    start_with(config, bank, Arc::default())
}

/// The same; what is captured goes to a shelf, from which it may have come.
pub fn start_with(config: EngineConfig, bank: Arc<ModelBank>, shelf: Arc<ClipShelf>) -> (Engine, Worker) {
    let cells = reaction_cells(config.reaction_ms, config.sample_rate_hz, USUAL_MODEL_HZ);
    let (audio, worker) = link::link(config.sample_rate_hz, config.max_block_samples, cells);
    let engine = Engine::new(&config, audio, cells);
    (engine, Worker::new(&config, worker, cells, bank, shelf))
}
