//! What one model costs.

use super::machine::Machine;
use crate::{
    approach::{Generator, Network},
    dsp::random::Random,
    worker::{MAX_VOICES, USUAL_HOST_HZ, measure_voices},
};
use std::{sync::Arc, time::Instant};

/// A batch of steps takes about so long: a look at the clock costs nothing beside it.
const BATCH_SECONDS: f64 = 2e-3;
/// What a careful user fills a core with.
const CAREFUL_LOAD: f64 = 0.7;

/// Figures of a network on one core.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Bytes of weights that a step reads.
    pub weight_bytes: usize,
    /// Time of a step of the raw prediction.
    pub step_seconds: f64,
    /// Seconds of sound per second of computing, as the worker plays it: one voice, and four together.
    pub real_time_factor: f64,
    pub real_time_factor_4_voices: f64,
    /// The weights over the time of a step, as a part of what the core reads from a buffer of that size.
    pub read_share: f64,
    /// Operations of the approach as it is written down over the time of a step, as a part of what the core can do.
    pub fma_share: f64,
}

impl Figures {
    /// Measures each figure for about so many seconds, and one step where that takes longer.
    pub fn measure(network: &Arc<Network>, seconds: f64, machine: &mut Machine) -> Self {
        let weight_bytes = network.step_bytes();
        let step_seconds = measure_step(network, seconds);
        let operations = 2.0 * network.config().multiplications_per_step() as f64;
        let factor = |voices| measure_voices(network, USUAL_HOST_HZ, voices, seconds);
        Self {
            weight_bytes,
            step_seconds,
            real_time_factor: factor(1),
            real_time_factor_4_voices: factor(MAX_VOICES),
            read_share: 1e-9 * weight_bytes as f64 / step_seconds / machine.read_gb_per_second(weight_bytes),
            fma_share: 1e-9 * operations / step_seconds / machine.fma_gflops(),
        }
    }

    /// Instances with one voice each that a core carries.
    pub fn instances(&self) -> u64 {
        self.real_time_factor as u64
    }

    /// The same, with a core that is full to 70 %.
    pub fn careful_instances(&self) -> u64 {
        (CAREFUL_LOAD * self.real_time_factor) as u64
    }
}

/// Seconds of a step: the median of batches.
fn measure_step(network: &Arc<Network>, seconds: f64) -> f64 {
    let config = network.config();
    let mut continuation = Generator::new(Arc::clone(network));
    continuation.reset(0);
    let mut random = Random::new(0);
    let window: Vec<f32> = (0..config.window_samples()).map(|_| 0.1 * random.normal()).collect();
    let mut hop = vec![0.0; config.hop_samples()];
    continuation.feed(&window);
    let mut batch = |steps: usize| {
        let began = Instant::now();
        (0..steps).for_each(|_| continuation.predict(1.0, &mut hop));
        began.elapsed().as_secs_f64().max(1e-9)
    };
    // The first step finds nothing in the caches.
    let mut total = batch(1);
    let mut steps = 1;
    while total < seconds {
        let taken = batch(steps);
        total += taken;
        if taken >= 0.5 * BATCH_SECONDS {
            break;
        }
        steps *= 2;
    }
    let mut times = vec![batch(steps) / steps as f64];
    while total < seconds {
        let taken = batch(steps);
        total += taken;
        times.push(taken / steps as f64);
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
