//! Drives the engine of the plugin from plain Rust: slices in, slices out, no host and no framework.
//!
//! ```sh
//! cargo run --release --example engine
//! ```
//!
//! Eight seconds of plucked strings are followed by four seconds of silence. The worker is stepped by hand between the blocks,
//! on this one thread; a program that plays live calls [`Worker::spawn`](sympathy::worker::Worker::spawn) instead and never
//! waits for it.

use sympathy::{
    control::ParamId,
    dsp::{
        level::{gain_to_db, rms},
        pluck::{Pluck, add_pluck},
        random::Random,
    },
    engine::{EngineConfig, Event, Transport},
    nn::Isa,
    session,
    worker::ModelRegistry,
};

const RATE_HZ: u32 = 48_000;
const BLOCK: usize = 512;
const PLAYED_SECONDS: usize = 8;
const SECONDS: usize = 12;

fn main() {
    // Settings and the values at the start. Everything that will be needed is allocated in `start`.
    let mut config = EngineConfig::new(RATE_HZ);
    config.max_block_samples = BLOCK;
    config.values.set(ParamId::SeedLength, 1.0);
    config.values.set(ParamId::RandomSeed, 7.0);
    let registry = ModelRegistry::with_embedded(Isa::best());
    let (mut engine, mut worker) = session::start(config, registry);

    let input = phrase();
    let (mut left, mut right) = (input.clone(), input.clone());
    for (number, (left, right)) in left.chunks_mut(BLOCK).zip(right.chunks_mut(BLOCK)).enumerate() {
        let position = number * BLOCK;
        // A change of a parameter, to the sample: from the end of the phrase on only the continuation is heard.
        let end = PLAYED_SECONDS * RATE_HZ as usize;
        let only_wet = Event { offset_samples: end.saturating_sub(position), id: ParamId::Mix, value: 100.0 };
        let events: &[Event] = if (position..position + BLOCK).contains(&end) { &[only_wet] } else { &[] };
        let transport =
            Transport { playing: true, position_samples: Some(position as i64), loop_samples: None, beats: None };
        // In place. What the blocks hold of the input goes to the worker in quanta of 64 samples ...
        engine.process(&mut [left, right], events, transport);
        // ... which it answers with predictions for one reaction time later.
        while worker.run_once() {}
    }

    for second in 0..SECONDS {
        let span = second * RATE_HZ as usize..(second + 1) * RATE_HZ as usize;
        let level = |samples: &[f32]| gain_to_db(rms(samples));
        println!("second {second:2}: in {:6.1} dBFS, out {:6.1} dBFS", level(&input[span.clone()]), level(&left[span]));
    }
    let meters = engine.meters();
    println!("{} continuations, {} underruns", meters.continuations(), meters.underruns());
    for mark in meters.seeds() {
        let seconds = |samples: i64| samples as f64 / f64::from(RATE_HZ);
        println!("{:.2} s: goes on from {:.2}-{:.2} s", seconds(mark.begins), seconds(mark.start), seconds(mark.end));
    }
}

/// A pluck every half second, then silence.
fn phrase() -> Vec<f32> {
    let mut sound = vec![0.0; SECONDS * RATE_HZ as usize];
    let (played, _) = sound.split_at_mut(PLAYED_SECONDS * RATE_HZ as usize);
    let mut random = Random::new(1);
    let notes = [110.0, 164.81, 220.0, 261.63, 329.63, 261.63, 220.0, 164.81];
    for (index, &frequency_hz) in notes.iter().cycle().take(2 * PLAYED_SECONDS).enumerate() {
        let pluck = Pluck {
            frequency_hz,
            velocity: 0.4,
            pick_position: 0.12,
            decay_seconds: 4.0,
            bright_decay_seconds: 1.2,
            damped_after_seconds: 0.9,
        };
        add_pluck(&pluck, RATE_HZ, &mut random, &mut played[index * RATE_HZ as usize / 2..]);
    }
    sound
}
