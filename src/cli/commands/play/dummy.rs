//! A machine without a sound card: a thread that plays a phrase into the performer, in time, and lets go what comes out.

use super::{background::Background, performer::Performer};
use crate::{
    cli::error::CliError,
    dsp::phrase::{PHRASE_RATE_HZ, phrase},
};
use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

/// The rate where none is asked for.
pub const RATE_HZ: u32 = PHRASE_RATE_HZ;

/// Begins to play, in stereo; the phrase comes again and again.
///
/// # Errors
/// If the system gives no thread.
pub fn start(mut performer: Performer, sample_rate_hz: u32, period: usize) -> Result<Background, CliError> {
    let period = period.clamp(1, super::MAX_BLOCK);
    Background::start("sympathy-dummy", move |stopped| {
        let phrase = phrase();
        let mut at = 0;
        let mut due = Instant::now();
        let [mut left, mut right] = [vec![0.0; period], vec![0.0; period]];
        while !stopped.load(Ordering::Acquire) {
            for (left, right) in left.iter_mut().zip(&mut right) {
                (*left, *right) = (phrase[at], phrase[at]);
                at = (at + 1) % phrase.len();
            }
            performer.play(&mut [&mut left, &mut right]);
            due += Duration::from_secs_f64(period as f64 / f64::from(sample_rate_hz));
            let now = Instant::now();
            std::thread::sleep(due.saturating_duration_since(now));
            // What a busy machine missed is lost, as it is on a sound card.
            due = due.max(now);
        }
    })
}
