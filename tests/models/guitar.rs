//! The default model answers whoever plays: in their key, and in the next one when they change it (docs/LISTENING.md).
#![cfg(feature = "evaluate")]

use crate::common::drive::{Blocks, offline};
use sympathy::{
    control::ParamId,
    dsp::{
        level::rms,
        pluck::{Pluck, add_pluck},
        random::Random,
    },
    engine::EngineConfig,
    evaluate::{
        chroma::{CLASSES, chroma},
        spectra::correlation,
    },
    nn::Isa,
    worker::ModelRegistry,
};

/// The rate of the chroma.
const RATE: u32 = 22_050;
const E_MINOR: [u8; 5] = [52, 55, 59, 64, 67];
const F_SHARP_MAJOR: [u8; 5] = [54, 58, 61, 66, 70];

fn at(seconds: f64) -> usize {
    (seconds * f64::from(RATE)) as usize
}

/// Broken chords, four notes a second: each chord for so many seconds.
fn broken_chords(chords: &[([u8; 5], f64)]) -> Vec<f32> {
    let mut random = Random::new(3);
    let mut sound = vec![0.0; at(chords.iter().map(|(_, seconds)| seconds).sum())];
    let mut begins = 0.0;
    for (notes, seconds) in chords {
        for index in 0..(4.0 * seconds) as usize {
            let note = if random.uniform() < 0.8 { index % 5 } else { random.below(5) as usize };
            let pluck = Pluck {
                frequency_hz: 440.0 * libm::exp2((f64::from(notes[note]) - 69.0) / 12.0),
                velocity: 0.25 + 0.2 * f64::from(random.uniform()),
                pick_position: 0.13,
                decay_seconds: 4.0,
                bright_decay_seconds: 1.0,
                damped_after_seconds: 0.45,
            };
            let start = at(begins + 0.25 * index as f64);
            let end = at(begins + seconds).min(start + at(0.8));
            add_pluck(&pluck, RATE, &mut random, &mut sound[start..end]);
        }
        begins += seconds;
    }
    sound
}

/// What the plugin plays to it with its defaults, the wet alone, and for `after` seconds more. One seed is enough where
/// `reseeds` is false.
fn answer(input: &[f32], after: f64, reseeds: bool, random_seed: f32) -> Vec<f32> {
    let registry = ModelRegistry::with_embedded(Isa::best());
    let mut config = EngineConfig::new(RATE);
    config.channels = 1;
    config.values.set(ParamId::Mix, 100.0);
    config.values.set(ParamId::Hold, 61.0);
    config.values.set(ParamId::RandomSeed, random_seed);
    if !reseeds {
        config.values.set(ParamId::ReseedInterval, 0.0);
    }
    registry.load(config.values.get(ParamId::Model) as u8).expect("the default model");
    let mut played = input.to_vec();
    played.resize(played.len() + at(after), 0.0);
    offline(&config, &registry, &[played], &[], Some(0), &Blocks::Fixed(1024)).remove(0)
}

fn like(sound: &[f32], chord: &[f64; CLASSES]) -> f64 {
    correlation(&chroma(sound), chord)
}

#[test]
fn it_stays_in_the_players_key_for_half_a_minute() {
    let phrases = [E_MINOR, F_SHARP_MAJOR].map(|notes| broken_chords(&[(notes, 8.0)]));
    let keys = phrases.each_ref().map(|phrase| chroma(phrase));
    for (own, phrase) in phrases.iter().enumerate() {
        for random_seed in [0.0, 1.0] {
            let wet = answer(phrase, 30.0, true, random_seed);
            let alone = &wet[at(8.5)..];
            assert!(rms(alone) > 0.1 * rms(phrase), "it has fallen silent");
            let (near, far) = (like(alone, &keys[own]), like(alone, &keys[1 - own]));
            let last = like(&wet[wet.len() - at(5.0)..], &keys[own]);
            let found = format!("key {own}, random seed {random_seed}: own {near:.2}, other {far:.2}, last {last:.2}");
            assert!(near >= 0.8 && far <= 0.2 && last >= 0.7, "{found}");
        }
    }
}

#[test]
fn it_follows_a_change_of_chord_without_a_new_seed() {
    let input = broken_chords(&[(E_MINOR, 8.0), (F_SHARP_MAJOR, 10.0)]);
    let (old, new) = (chroma(&input[..at(8.0)]), chroma(&input[at(8.2)..]));
    for random_seed in [0.0, 1.0] {
        let wet = answer(&input, 0.0, false, random_seed);
        let before = &wet[at(5.0)..at(8.0)];
        assert!(like(before, &old) > 0.8 && like(before, &new) < 0.2, "before the change: {:.2}", like(before, &old));
        for start in [11.0, 13.0, 15.0] {
            let span = &wet[at(start)..at(start + 2.0)];
            let (towards, back) = (like(span, &new), like(span, &old));
            assert!(towards >= 0.8 && back <= 0.2, "{start} s, random seed {random_seed}: {towards:.2}, {back:.2}");
        }
    }
}
