//! How continuations may differ from what their model would say: stretched, picked, thinned out, adrift, between two models.

use crate::common::{
    assert_same_bits,
    drive::{Blocks, Change, config, offline},
};
use std::sync::Arc;
use sympathy::{
    control::ParamId,
    dsp::{
        level::rms,
        measure::Liveliness,
        pluck::{Pluck, add_pluck},
        random::Random,
    },
    engine::EngineConfig,
    nn::Isa,
    worker::ModelRegistry,
};

const RATE: u32 = 44_100;
const MAGNITUDE: f32 = 0.0;
const VECTOR: f32 = 1.0;

fn at(seconds: f64) -> usize {
    (seconds * f64::from(RATE)).round() as usize
}

fn registry() -> Arc<ModelRegistry> {
    ModelRegistry::with_embedded(Isa::best())
}

/// Two seconds of plucked strings, one in each channel, and then nothing.
fn strings(seconds: f64) -> Vec<Vec<f32>> {
    let mut random = Random::new(9);
    [110.0, 164.8]
        .map(|frequency_hz| {
            let mut sound = vec![0.0; at(seconds)];
            for i in 0..8 {
                let pluck = Pluck {
                    frequency_hz: frequency_hz * [1.0, 1.5, 1.25, 2.0][i % 4],
                    velocity: 0.7,
                    pick_position: 0.15,
                    decay_seconds: 3.0,
                    bright_decay_seconds: 0.8,
                    damped_after_seconds: 0.24,
                };
                add_pluck(&pluck, RATE, &mut random, &mut sound[at(0.25 * i as f64)..at(2.0)]);
            }
            sound
        })
        .to_vec()
}

/// One continuation of two seconds of seed, only the wet.
fn of(values: &[(ParamId, f32)]) -> EngineConfig {
    let mut config = config(RATE, 2, 0);
    for (id, value) in
        [(ParamId::Mix, 100.0), (ParamId::SeedLength, 1.9), (ParamId::ReseedInterval, 0.0), (ParamId::Hold, 61.0)]
    {
        config.values.set(id, value);
    }
    values.iter().for_each(|&(id, value)| config.values.set(id, value));
    config
}

fn render(values: &[(ParamId, f32)], seconds: f64) -> Vec<Vec<f32>> {
    offline(&of(values), &registry(), &strings(seconds), &[], Some(0), &Blocks::Fixed(480))
}

/// Level every 10 ms.
fn envelope(sound: &[f32]) -> Vec<f32> {
    sound.chunks_exact(at(0.01)).map(rms).collect()
}

fn correlation(a: &[f32], b: &[f32]) -> f32 {
    let mean = |x: &[f32]| x.iter().sum::<f32>() / x.len() as f32;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let product = |a: &[f32], mean_a: f32, b: &[f32], mean_b: f32| -> f32 {
        a.iter().zip(b).map(|(x, y)| (x - mean_a) * (y - mean_b)).sum()
    };
    product(a, mean_a, b, mean_b) / (product(a, mean_a, a, mean_a) * product(b, mean_b, b, mean_b)).sqrt()
}

fn assert_alive(sound: &[f32], what: &str) {
    let level = rms(sound);
    assert!((0.005..0.5).contains(&level), "{what}: a level of {level}");
    assert!(sound.iter().all(|x| x.is_finite()), "{what}");
}

#[test]
fn twice_the_hop_is_half_the_speed_at_the_same_pitch() {
    let begun = |out: &[f32]| out.iter().position(|x| x.abs() > 1e-4).expect("it sounds");
    let plain = render(&[], 8.0);
    let slow = render(&[(ParamId::Stretch, 2.0)], 12.0);
    let (from, slow_from) = (begun(&plain[0]), begun(&slow[0]));
    assert!(from.abs_diff(slow_from) < at(0.02), "both begin at the same time");
    let plain = envelope(&plain[0][from..][..at(4.0)]);
    let slow_part = &slow[0][slow_from..][..at(8.0)];
    assert_alive(slow_part, "stretched");
    let every_other: Vec<f32> = envelope(slow_part).into_iter().step_by(2).collect();
    let found = correlation(&plain, &every_other);
    assert!(found > 0.8, "at half the speed the envelopes correlate by {found}");
    assert!(correlation(&plain, &envelope(slow_part)[..plain.len()]) < 0.6, "at the same speed they would not");
}

#[test]
fn a_hop_may_move_while_it_sounds_without_a_click_and_with_the_same_bits() {
    let moves: Vec<Change> = (0..40)
        .map(|i| Change {
            at: at(2.5 + 0.1 * f64::from(i)),
            id: ParamId::Stretch,
            value: [0.25, 8.0, 1.0, 3.0][i as usize % 4],
        })
        .collect();
    let play = |blocks: &Blocks| offline(&of(&[]), &registry(), &strings(7.0), &moves, Some(0), blocks);
    let out = play(&Blocks::Fixed(512));
    assert_same_bits(&out, &play(&Blocks::Random(700)), "stretching in other blocks");
    let steepest = |sound: &[f32]| sound.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0f32, f32::max);
    let still = offline(&of(&[]), &registry(), &strings(7.0), &[], Some(0), &Blocks::Fixed(512));
    let (moved, still) = (steepest(&out[0]), steepest(&still[0]));
    assert!(moved < 1.5 * still, "a step of {moved}, where the model itself has {still}");
}

#[test]
fn peaks_are_picked_as_trained_or_as_wanted() {
    let [trained, all, peaks] = [0.0, 1.0, 2.0].map(|value| render(&[(ParamId::Peaks, value)], 6.0));
    assert_same_bits(&trained, &peaks, "this model was made with peaks");
    let flatness = |out: &[Vec<f32>]| Liveliness::of(&out[0][at(3.0)..]).flatness;
    assert_alive(&all[0][at(3.0)..], "all bins");
    assert!(flatness(&all) > 1.1 * flatness(&peaks), "{} and {}", flatness(&all), flatness(&peaks));
}

#[test]
fn dropout_and_drift_change_what_is_said_and_leave_it_alive() {
    for model in [MAGNITUDE, VECTOR] {
        let model = (ParamId::Model, model);
        let plain = render(&[model], 7.0);
        for (id, value) in [(ParamId::Dropout, 20.0), (ParamId::Drift, 40.0)] {
            let coloured = render(&[model, (id, value)], 7.0);
            assert_ne!(plain[0], coloured[0], "{id:?}");
            assert_alive(&coloured[0][at(3.0)..], &format!("{id:?} of {model:?}"));
            assert_same_bits(&coloured, &render(&[model, (id, value)], 7.0), "what is random follows from the number");
            let other = render(&[model, (id, value), (ParamId::RandomSeed, 5.0)], 7.0);
            assert_ne!(coloured[0], other[0], "{id:?}");
        }
        let on_and_off = [
            Change { at: at(0.5), id: ParamId::Drift, value: 80.0 },
            Change { at: at(1.0), id: ParamId::Drift, value: 0.0 },
        ];
        let before = offline(&of(&[model]), &registry(), &strings(7.0), &on_and_off, Some(0), &Blocks::Fixed(480));
        assert_same_bits(&plain, &before, "before the first prediction it makes no difference");
    }
}

#[test]
fn a_morph_leads_from_one_model_to_the_other() {
    let pair = |first, second, morph| {
        let values = [(ParamId::Model, first), (ParamId::MorphModel, second), (ParamId::Morph, morph)];
        render(&values, 6.0)
    };
    let magnitude = pair(MAGNITUDE, VECTOR, 0.0);
    assert_same_bits(&magnitude, &pair(VECTOR, MAGNITUDE, 100.0), "only one of them is heard at either end");
    let vector = pair(MAGNITUDE, VECTOR, 100.0);
    assert_ne!(magnitude[0], vector[0]);
    let between = pair(MAGNITUDE, VECTOR, 50.0);
    let half = std::f32::consts::FRAC_1_SQRT_2;
    for i in at(3.0)..at(6.0) {
        let sum = half * (magnitude[0][i] + vector[0][i]);
        // The soft limit at the end, from -6 dBFS on, is not linear.
        if [sum, magnitude[0][i], vector[0][i]].iter().all(|x| x.abs() < 0.5) {
            assert!((between[0][i] - sum).abs() < 1e-5, "at {i}: {} for {sum}", between[0][i]);
        }
    }
    assert_same_bits(
        &render(&[], 6.0),
        &render(&[(ParamId::MorphModel, MAGNITUDE)], 6.0),
        "a model and itself are one",
    );
}

#[test]
fn a_morph_model_that_is_switched_on_and_off_is_heard_a_reaction_time_later() {
    let change = |seconds, id, value| Change { at: at(seconds), id, value };
    let changes = [
        change(3.0, ParamId::MorphModel, VECTOR),
        change(3.0, ParamId::Morph, 100.0),
        change(4.5, ParamId::MorphModel, -1.0),
    ];
    let out = offline(&of(&[]), &registry(), &strings(6.0), &changes, Some(0), &Blocks::Fixed(480));
    let plain = render(&[], 6.0);
    assert_eq!(out[0][..at(3.0)], plain[0][..at(3.0)]);
    for (from, to) in [(3.5, 4.4), (5.0, 6.0)] {
        assert_alive(&out[0][at(from)..at(to)], "after a switch");
    }
}

#[test]
fn channels_are_continued_together_or_each_for_itself() {
    let both = |values: &[(ParamId, f32)], input: Vec<Vec<f32>>| {
        offline(&of(values), &registry(), &input, &[], Some(0), &Blocks::Fixed(480))
    };
    let left = strings(6.0)[0].clone();
    let (linked, dual) = ([(ParamId::Stereo, 1.0)], [(ParamId::Stereo, 2.0)]);
    let same = both(&linked, vec![left.clone(), left.clone()]);
    assert_eq!(same[0], same[1], "the same sound and the same chance");
    let apart = both(&dual, vec![left.clone(), left.clone()]);
    assert_ne!(apart[0], apart[1], "the same sound and another chance");
    let silence = vec![0.0; left.len()];
    let one_sided = both(&linked, vec![left, silence]);
    let [played, silent] = [0, 1].map(|channel| rms(&one_sided[channel][at(3.0)..]));
    assert!(played > 0.01 && silent < 1e-3 * played, "{played} and {silent}");
    let wide = both(&linked, strings(6.0));
    assert_ne!(wide[0], wide[1]);
    for channel in &wide {
        assert_alive(&channel[at(3.0)..], "linked");
    }
}
