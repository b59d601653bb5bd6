//! A machine without MIDI: a phrase that is played again and again, and a port that lets go what comes out.

use super::{
    outlet::Port,
    player::{Inlet, duration},
};
use crate::cli::{commands::play::background::Background, error::CliError, instrument::NOTE_RATE_HZ};
use std::{
    sync::atomic::{AtomicBool, Ordering::Acquire},
    time::Duration,
};

/// A melody in C major, four to the quarter: key, the sixteenth in which it begins, and how many it lasts.
const PHRASE: [(u8, u64, u64); 8] =
    [(60, 0, 2), (64, 2, 2), (67, 4, 2), (72, 6, 2), (71, 8, 2), (67, 10, 1), (65, 11, 1), (64, 12, 4)];
/// How hard its keys are struck.
const VELOCITY: u8 = 90;
/// After so many sixteenths it comes again: time for an answer of four measures.
const ROUND: u64 = 6 * 16;
/// How often the thread looks whether it is over, and how far ahead it works.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A port that takes everything.
#[derive(Clone, Copy, Debug)]
pub struct Nowhere;

impl Port for Nowhere {
    fn send(&mut self, _: &[u8]) -> Result<(), &'static str> {
        Ok(())
    }
}

/// The events of the n-th round, by their sample, counted from the first round's first.
pub fn round(number: u64, per_minute: f64) -> Vec<(u64, [u8; 3])> {
    let sixteenth = 15.0 * f64::from(NOTE_RATE_HZ) / per_minute;
    let sample = |sixteenths: u64| ((number * ROUND + sixteenths) as f64 * sixteenth).round() as u64;
    let mut events: Vec<_> = PHRASE
        .iter()
        .flat_map(|&(key, from, length)| {
            [(sample(from), [0x90, key, VELOCITY]), (sample(from + length), [0x80, key, 0])]
        })
        .collect();
    // A key goes up before another goes down.
    events.sort_by_key(|&(at, message)| (at, message[0]));
    events
}

/// Plays it, from `begin` on: each event is handed over before its time, and has it as its stamp.
///
/// # Errors
/// If the system gives no thread.
pub fn start<Id: Send + 'static, Own: Send + 'static>(
    mut inlet: Inlet<Id, Own>,
    begin: Duration,
    per_minute: f64,
    now: impl Fn() -> Duration + Send + 'static,
) -> Result<Background, CliError> {
    Background::start("sympathy-dummy", move |stop: &AtomicBool| {
        for number in 0.. {
            for (sample, message) in round(number, per_minute) {
                let at = begin + duration(sample);
                while !inlet.has_room(1) || at.saturating_sub(now()) > 4 * LOOK_EVERY {
                    if stop.load(Acquire) {
                        return;
                    }
                    std::thread::sleep(LOOK_EVERY);
                }
                inlet.take(at, &message);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_alike_and_every_key_goes_up() {
        let (first, third) = (round(0, 90.0), round(2, 90.0));
        let length = 2 * ROUND * 15 * 48_000 / 90;
        assert!(first.iter().zip(&third).all(|(a, b)| a.0 + length == b.0 && a.1 == b.1));
        let mut down = Vec::new();
        for (_, [status, key, _]) in first {
            match status {
                0x90 => down.push(key),
                _ => down.retain(|held| *held != key),
            }
            assert!(down.len() <= 1, "one at a time: {down:?}");
        }
        assert!(down.is_empty());
    }
}
