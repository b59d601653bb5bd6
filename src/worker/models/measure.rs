//! What a model costs on this machine. No measurement here influences any sound, except the reaction time
//! that a user lets be measured once, and that is a stored number from then on.

use crate::{
    approach::Network,
    dsp::float_mode::FloatMode,
    engine::{GRID_SAMPLES, MAX_REACTION_MS, SLACK_SECONDS, min_reaction_samples},
    worker::ensemble::Ensemble,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// The rate of the host for which models are measured when they are loaded.
pub const USUAL_HOST_HZ: u32 = 48_000;
/// The figure is the median of so many parts of the measurement.
const PARTS: u32 = 5;
/// A model is measured for this long when it is loaded.
const AT_LOADING_SECONDS: f64 = 0.02;
/// A model that seems slow is measured so often.
const TRIES: u32 = 3;
/// For so long quanta, and then wake-ups, are timed to find a reaction time.
const REACTION_PART: Duration = Duration::from_millis(120);
/// The worker looks for work as often while something sounds.
const POLL: Duration = Duration::from_millis(1);
/// Speed that every machine reaches.
const MULTIPLICATIONS_PER_SECOND: f64 = 1e9;
/// A model that is faster than this by its size alone is not measured when it is loaded.
const PLAINLY_FAST: f64 = 4.0;

/// Seconds of sound per second of computing: so many voices of a model (1 to [`crate::worker::MAX_VOICES`]) on one core, as the worker
/// plays them, with resamplers and leash. Measures for about `seconds`, and one step where that alone takes longer.
///
/// # Panics
/// If the number of voices or the rate is out of range.
pub fn measure_voices(network: &Arc<Network>, host_hz: u32, voices: usize, seconds: f64) -> f64 {
    assert!(voices > 0, "at least one voice");
    let _mode = FloatMode::enter();
    let config = network.config();
    let part = Duration::from_secs_f64(seconds.max(0.0)) / PARTS;
    let mut ensemble = Ensemble::new(network, host_hz);
    for voice in 0..voices {
        ensemble.add(voice as u64, (17 * voice) as u32);
    }
    // The first step finds cold caches.
    ensemble.next_hop(1.0);
    let began = Instant::now();
    ensemble.next_hop(1.0);
    let hop = began.elapsed();
    let hop_seconds = config.hop_samples() as f64 / f64::from(config.sample_rate_hz);
    let quantum_seconds = GRID_SAMPLES as f64 / f64::from(host_hz);
    if hop.mul_f64((quantum_seconds / hop_seconds).max(1.0)) > part {
        // Beside so long a step nothing else counts.
        return hop_seconds / hop.as_secs_f64();
    }
    let mut quantum = [0.0; GRID_SAMPLES];
    // From one hop to another, so that a part holds as much work as sound.
    while !ensemble.next_quantum(1.0, &mut quantum) {}
    let (all, mut factors) = (Instant::now(), Vec::new());
    while factors.is_empty() || all.elapsed() < PARTS * part {
        let (began, mut quanta) = (Instant::now(), 0u32);
        let elapsed = loop {
            let hop_made = ensemble.next_quantum(1.0, &mut quantum);
            quanta += 1;
            let elapsed = began.elapsed();
            if hop_made && elapsed >= part {
                break elapsed;
            }
        };
        factors.push(f64::from(quanta) * quantum_seconds / elapsed.as_secs_f64());
    }
    factors.sort_by(f64::total_cmp);
    factors[factors.len() / 2]
}

/// The measured factor of a model that is slower than real time on this machine; `None` for all others. Takes up to about
/// 30 ms, three times that where the model seems slow, and nothing where its size already tells.
pub fn measure_slowness(network: &Arc<Network>) -> Option<f64> {
    let config = network.config();
    let steps_per_second = f64::from(config.sample_rate_hz) / config.hop_samples() as f64;
    let work = config.multiplications_per_step() as f64 * steps_per_second;
    if MULTIPLICATIONS_PER_SECOND / work > PLAINLY_FAST {
        return None;
    }
    // Other programs only ever make it look slower: it is believed to be slow when it was so several times.
    let mut best = 0.0f64;
    for _ in 0..TRIES {
        best = best.max(measure_voices(network, USUAL_HOST_HZ, 1, AT_LOADING_SECONDS));
        if best >= 1.0 {
            return None;
        }
    }
    Some(best)
}

/// The shortest reaction time with which this machine plays as many voices of a model as there may be in time, in whole
/// milliseconds: the least one, and twice the longest of what was seen of a wake-up and a quantum, as far as that is more than
/// the slack in it. Takes about a quarter of a second; results vary from call to call.
pub fn measure_reaction_ms(network: &Arc<Network>, host_hz: u32) -> u32 {
    let _mode = FloatMode::enter();
    let mut ensemble = Ensemble::new(network, host_hz);
    for voice in 0..crate::worker::MAX_VOICES {
        ensemble.add(voice as u64, (17 * voice) as u32);
    }
    let mut quantum = [0.0; GRID_SAMPLES];
    let (began, mut longest_quantum) = (Instant::now(), Duration::ZERO);
    while began.elapsed() < REACTION_PART {
        let began = Instant::now();
        ensemble.next_quantum(1.0, &mut quantum);
        longest_quantum = longest_quantum.max(began.elapsed());
    }
    let (began, mut latest) = (Instant::now(), Duration::ZERO);
    while began.elapsed() < REACTION_PART {
        let began = Instant::now();
        std::thread::sleep(POLL);
        latest = latest.max(began.elapsed());
    }
    let needed = 2.0 * (longest_quantum + latest).as_secs_f64();
    let least = min_reaction_samples(host_hz, network.config().sample_rate_hz) as f64 / f64::from(host_hz);
    let milliseconds = 1e3 * (least + (needed - SLACK_SECONDS).max(0.0));
    milliseconds.ceil().clamp(1.0, f64::from(MAX_REACTION_MS)) as u32
}

/// A factor of real time as text: two digits that count.
pub fn factor_to_text(factor: f64) -> String {
    let decimals = if factor >= 0.1 { 2 } else { 4 };
    format!("{factor:.decimals$}")
}
