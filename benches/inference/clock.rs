//! How long steps take.

use super::peer::Peer;

/// Long enough that a look at the clock costs nothing, short enough that some batches are left alone by others.
const BATCH_SECONDS: f64 = 4e-3;
const MIN_BATCHES: usize = 3;

/// Processor time of this thread in seconds, so that what others take does not count.
#[cfg(unix)]
fn now() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64
}

/// Seconds since the first call.
#[cfg(not(unix))]
fn now() -> f64 {
    static BEGAN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    BEGAN.get_or_init(std::time::Instant::now).elapsed().as_secs_f64()
}

fn batch(peer: &mut dyn Peer, steps: usize) -> f64 {
    let began = now();
    (0..steps).for_each(|_| peer.step());
    now() - began
}

/// Steps that fill a batch.
pub fn batch_steps(peer: &mut dyn Peer) -> usize {
    let mut steps = 1;
    loop {
        let seconds = batch(peer, steps);
        if seconds >= 0.5 * BATCH_SECONDS {
            return ((steps as f64 * BATCH_SECONDS / seconds) as usize).max(1);
        }
        steps *= 2;
    }
}

/// Median and least seconds of a step, over the batches of so many seconds.
pub fn round(peer: &mut dyn Peer, steps: usize, seconds: f64) -> (f64, f64) {
    let (mut total, mut times) = (0.0, Vec::new());
    while total < seconds || times.len() < MIN_BATCHES {
        let taken = batch(peer, steps);
        total += taken;
        times.push(taken / steps as f64);
    }
    (median(&mut times), times[0])
}

/// Sorts; the middle one.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
