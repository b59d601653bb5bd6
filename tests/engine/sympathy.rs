//! Strings in sympathy: what is played opens loops of predictions, at once and band by band.

use crate::common::{
    assert_same_bits,
    drive::{Blocks, Change, offline},
};
use std::sync::Arc;
use sympathy::{
    control::ParamId,
    dsp::{
        level::rms,
        pluck::{Pluck, add_pluck},
        random::Random,
    },
    engine::EngineConfig,
    nn::Isa,
    session,
    worker::ModelRegistry,
};

const RATE: u32 = 48_000;

fn at(seconds: f64) -> usize {
    (seconds * f64::from(RATE)).round() as usize
}

/// Notes of E minor until `end`, silence after that.
fn phrase(end: f64, length: f64) -> Vec<Vec<f32>> {
    let mut random = Random::new(2);
    let mut sound = vec![0.0; at(length)];
    for (i, semitone) in [0, 7, 12, 15, 19, 12, 10, 7].into_iter().cycle().enumerate().take((end / 0.5) as usize) {
        let pluck = Pluck {
            frequency_hz: 82.407 * libm::exp2(f64::from(semitone) / 12.0),
            velocity: 0.7,
            pick_position: 0.2,
            decay_seconds: 3.0,
            bright_decay_seconds: 0.8,
            damped_after_seconds: 0.45,
        };
        add_pluck(&pluck, RATE, &mut random, &mut sound[at(0.5 * i as f64)..at(end)]);
    }
    vec![sound.clone(), sound]
}

/// Only the layers are heard.
fn config(layer: ParamId) -> EngineConfig {
    let mut config = EngineConfig::new(RATE);
    for (id, value) in [
        (ParamId::Mix, 100.0),
        (ParamId::VoiceLevel, -60.0),
        (layer, 12.0),
        (ParamId::SeedLength, 1.0),
        (ParamId::ReseedInterval, 0.0),
        (ParamId::SympathyRelease, 0.3),
    ] {
        config.values.set(id, value);
    }
    config
}

#[test]
fn what_is_played_opens_the_loops_and_silence_closes_them() {
    let bank = ModelRegistry::with_embedded(Isa::best());
    for layer in [ParamId::SwellLevel, ParamId::ShimmerLevel] {
        let out = offline(&config(layer), &bank, &phrase(8.0, 14.0), &[], Some(0), &Blocks::Fixed(480));
        let level = |from: f64, to: f64| rms(&out[0][at(from)..at(to)]);
        assert!(rms(&out[0][..at(1.0)]) < 1e-6, "before the first seed there is nothing to open");
        assert!(level(2.0, 8.0) > 3e-3, "{layer:?}: {}", level(2.0, 8.0));
        assert!(level(12.0, 14.0) < 1e-5, "a second release after release: {}", level(12.0, 14.0));
        assert!(out[0] != out[1], "neighbouring strings stand apart");
    }
}

#[test]
fn strings_answer_at_once_where_predictions_take_the_reaction_time() {
    let bank = ModelRegistry::with_embedded(Isa::best());
    let mut slow = config(ParamId::SwellLevel);
    slow.reaction_ms = 500.0;
    slow.values.set(ParamId::SympathyAttack, 0.005);
    let mut input = phrase(5.0, 8.0);
    // After a long silence a single tone.
    input.iter_mut().for_each(|channel| {
        for (i, slot) in channel[at(7.0)..at(7.5)].iter_mut().enumerate() {
            *slot = 0.3 * libm::sinf(std::f32::consts::TAU * 440.0 * i as f32 / RATE as f32);
        }
    });
    let out = offline(&slow, &bank, &input, &[], Some(0), &Blocks::Fixed(480));
    let (before, after) = (rms(&out[0][at(6.9)..at(7.0)]), rms(&out[0][at(7.05)..at(7.15)]));
    assert!(after > 1e-4 && after > 10.0 * before, "{before} before the tone, {after} 50 ms after its beginning");
}

#[test]
fn loops_go_round_without_the_network_and_are_renewed_by_seeds() {
    let bank = ModelRegistry::with_embedded(Isa::best());
    let mut config = config(ParamId::SwellLevel);
    config.values.set(ParamId::LoopLength, 1.0);
    let (mut engine, mut worker) = session::start(config.clone(), Arc::clone(&bank));
    let input = phrase(8.0, 8.0);
    let mut loops = Vec::new();
    for block in 0..at(8.0) / 480 {
        let mut left = input[0][480 * block..][..480].to_vec();
        let mut right = left.clone();
        engine.process(&mut [&mut left, &mut right], &[], Default::default());
        while worker.run_once() {}
        loops.push(engine.meters().loops());
    }
    assert_eq!(loops.last(), Some(&4), "one for each region, once");
    assert_eq!(engine.meters().continuations(), 0, "none is heard as a continuation");
    // Every two seconds a seed renews them.
    config.values.set(ParamId::ReseedInterval, 2.0);
    let out = offline(&config, &bank, &input, &[], Some(0), &Blocks::Fixed(480));
    let steps = |sound: &[f32]| sound.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0f32, f32::max);
    config.values.set(ParamId::ReseedInterval, 0.0);
    let without = offline(&config, &bank, &input, &[], Some(0), &Blocks::Fixed(480));
    assert!(out != without);
    assert!(steps(&out[0]) < 2.0 * steps(&without[0]), "{} beside {}", steps(&out[0]), steps(&without[0]));
}

#[test]
fn sweeping_the_bank_under_sound_has_the_same_bits_in_any_blocks_and_does_not_click() {
    let bank = ModelRegistry::with_embedded(Isa::best());
    let config = config(ParamId::SwellLevel);
    let input = phrase(6.0, 6.0);
    let mut random = Random::new(9);
    let mut changes = Vec::new();
    for i in 0..200 {
        for (id, low, high) in [
            (ParamId::LowHz, 60.0, 300.0),
            (ParamId::HighHz, 1500.0, 6000.0),
            (ParamId::BandQ, 8.0, 60.0),
            (ParamId::Bands, 8.0, 48.0),
        ] {
            let value = low + (high - low) * random.uniform();
            changes.push(Change { at: at(2.0) + 900 * i + random.below(900) as usize, id, value });
        }
    }
    changes.sort_by_key(|change| change.at);
    let reference = offline(&config, &bank, &input, &changes, Some(5), &Blocks::Fixed(512));
    for blocks in [Blocks::Fixed(1), Blocks::Fixed(100), Blocks::Random(3000)] {
        let again = offline(&config, &bank, &input, &changes, Some(5), &blocks);
        assert_same_bits(&reference, &again, &format!("{blocks:?}"));
    }
    let steepest = |sound: &[f32]| sound.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0f32, f32::max);
    // Wide bands overlap, and high ones are steep: what the loudest of still banks does is no click.
    let mut loudest = config.clone();
    for (id, value) in
        [(ParamId::LowHz, 60.0), (ParamId::HighHz, 6000.0), (ParamId::BandQ, 8.0), (ParamId::Bands, 48.0)]
    {
        loudest.values.set(id, value);
    }
    let still = offline(&loudest, &bank, &input, &[], Some(5), &Blocks::Fixed(512));
    let (moved, still) = (steepest(&reference[0]), steepest(&still[0]));
    assert!(moved < 1.6 * still, "a step of {moved}, where the loudest still bank has {still}");
}
