//! An engine and its worker, joined: what plays, without a host.

use crate::{
    engine::{Engine, EngineConfig, link, reaction_cells},
    worker::{ClipShelf, ModelBank, Worker},
};
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
