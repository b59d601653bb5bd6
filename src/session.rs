//! A session: an engine joined to its worker, without a host.

use crate::{
    engine::{Engine, EngineConfig, link, reaction_quanta},
    worker::{ClipSlot, ModelRegistry, Worker},
};
use std::sync::Arc;

/// The lowest model rate whose resampling delay is part of the reaction time from the start; a model with a lower rate begins
/// later by the difference.
const USUAL_MODEL_HZ: u32 = 22_050;

/// An engine and its worker, joined by fresh rings. Allocates everything that will ever be needed. Nothing has been captured.
pub fn start(config: EngineConfig, registry: Arc<ModelRegistry>) -> (Engine, Worker) {
    start_with(config, registry, Arc::default())
}

/// As [`start`]; captured seeds go to `clip_slot`, and a clip that it holds is available from the start.
pub fn start_with(config: EngineConfig, registry: Arc<ModelRegistry>, clip_slot: Arc<ClipSlot>) -> (Engine, Worker) {
    let quanta = reaction_quanta(config.reaction_ms, config.sample_rate_hz, USUAL_MODEL_HZ);
    let (audio, worker) = link::link(config.sample_rate_hz, config.max_block_samples, quanta);
    let engine = Engine::new(&config, audio, quanta);
    (engine, Worker::new(&config, worker, quanta, registry, clip_slot))
}
