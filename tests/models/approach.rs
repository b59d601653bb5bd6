//! Continuations at model rate: what follows from a seed, a random seed and a temperature.

use crate::common::{models, phrase};
use std::{collections::BTreeMap, path::Path, sync::Arc};
use sympathy::{
    approach::{Generator, Network, continue_offline},
    dsp::level::rms,
    model::{Approach, Head, ModelConfig, ModelData, Vector},
    nn::Isa,
};

fn network(data: &ModelData) -> Arc<Network> {
    Arc::new(Network::new(data, Isa::best()))
}

fn play(continuation: &mut Generator, random_seed: u64, temperature: f32, hops: usize) -> Vec<f32> {
    let config = continuation.network().config().clone();
    let seed = phrase(config.sample_rate_hz, 0.5, 1).remove(0);
    continuation.reset(random_seed);
    for window in seed.windows(config.window_samples()).step_by(config.hop_samples()).take(200) {
        continuation.feed(window);
    }
    let mut out = vec![0.0; config.hop_samples() * hops];
    for hop in out.chunks_mut(config.hop_samples()) {
        continuation.predict(temperature, hop);
    }
    out
}

#[test]
fn a_random_seed_fixes_the_sound_and_another_changes_it() {
    for (_, name, data) in models::all_kinds() {
        let mut continuation = Generator::new(network(&data));
        let first = play(&mut continuation, 7, 0.7, 100);
        assert!(rms(&first) > 1e-4 && first.iter().all(|x| x.is_finite()), "{name} is silent or broken");
        assert_eq!(first, play(&mut continuation, 7, 0.7, 100), "{name}: the same again");
        assert_eq!(first, play(&mut Generator::new(network(&data)), 7, 0.7, 100), "{name}: a fresh one");
        assert_ne!(first, play(&mut continuation, 8, 0.7, 100), "{name}: another random seed");
        assert_ne!(first, play(&mut continuation, 7, 0.1, 100), "{name}: another temperature");
    }
}

#[test]
fn every_approach_with_every_cell_goes_on_as_long_as_asked_and_repeats_itself() {
    for (name, data) in models::every_approach_and_cell() {
        let network = network(&data);
        let seed = phrase(data.config().sample_rate_hz, 0.1, 1).remove(0);
        let sound = continue_offline(&network, &seed, 0.05, 1.0, 5);
        assert_eq!(sound.len(), (0.05 * data.config().sample_rate_hz as f32).round() as usize, "{name}");
        assert!(sound.iter().all(|x| x.is_finite()) && rms(&sound) > 1e-4, "{name} is silent or broken");
        assert!(sound == continue_offline(&network, &seed, 0.05, 1.0, 5), "{name}: the same again");
        assert!(sound != continue_offline(&network, &seed, 0.05, 1.0, 6), "{name}: another random seed");
    }
}

#[test]
fn dropout_is_drawn_from_the_random_seed_and_holds_until_the_next_reset() {
    for (name, data) in models::every_approach_and_cell() {
        let mut continuation = Generator::new(network(&data));
        let whole = play(&mut continuation, 7, 0.0, 60);
        continuation.set_dropout(0.5, 0.5);
        let dropped = play(&mut continuation, 7, 0.0, 60);
        assert!(whole != dropped, "{name}: nothing was dropped");
        assert!(dropped == play(&mut continuation, 7, 0.0, 60), "{name}: the same again");
        assert!(dropped != play(&mut continuation, 8, 0.0, 60), "{name}: another random seed");
        continuation.set_dropout(1.0, 1.0);
        assert!(whole == play(&mut continuation, 7, 0.0, 60), "{name}: without dropout");
    }
}

#[test]
fn fresh_dropout_is_drawn_at_every_step_from_the_random_seed() {
    let (name, data) = models::every_approach_and_cell().swap_remove(0);
    let mut continuation = Generator::new(network(&data));
    continuation.set_dropout(0.5, 0.5);
    let held = play(&mut continuation, 7, 0.0, 60);
    continuation.set_fresh_dropout(true);
    let fresh = play(&mut continuation, 7, 0.0, 60);
    assert!(held != fresh, "{name}: the masks were held");
    assert!(fresh == play(&mut continuation, 7, 0.0, 60), "{name}: the same again");
}

#[test]
fn weights_change_under_a_continuation_and_its_state_stays() {
    for (name, data) in models::every_approach_and_cell() {
        let first = network(&data);
        let second = network(&models::trained_on(&data));
        let hop = first.config().hop_samples();
        let sing = |continuation: &mut Generator| {
            let mut out = vec![0.0; 30 * hop];
            out.chunks_mut(hop).for_each(|out| continuation.predict(1.0, out));
            out
        };
        let mut continuation = Generator::new(Arc::clone(&first));
        play(&mut continuation, 7, 1.0, 10);
        let (mut same, mut other) = (continuation.clone(), continuation.clone());
        same.set_network(network(&data));
        other.set_network(Arc::clone(&second));
        let expected = sing(&mut continuation);
        assert!(expected == sing(&mut same), "{name}: equal weights, another state");
        let changed = sing(&mut other);
        // What the old weights have said last still sounds; then the new ones go on. A model that listens draws with the new ones at once.
        let is_drawn_by_weights = data.config().approach.listening().is_some();
        assert!(is_drawn_by_weights || expected[..hop] == changed[..hop], "{name}: the first hop");
        assert!(expected[hop..] != changed[hop..], "{name}: the weights did not change");
        let mut fresh = Generator::new(second);
        play(&mut fresh, 7, 1.0, 10);
        assert!(sing(&mut fresh) != changed, "{name}: the state is gone");
    }
}

#[test]
#[should_panic(expected = "another network's state")]
fn weights_of_another_shape_are_refused() {
    let [wide, narrow] = [12, 6].map(|hidden| {
        network(&models::random_model(ModelConfig { hidden, ..models::config(models::COLUMN, Head::Mse, 0) }, 1))
    });
    Generator::new(wide).set_network(narrow);
}

#[test]
fn levels_of_instruction_sets_agree_within_bounds_for_a_while() {
    let (_, _, data) = models::all_kinds().remove(3);
    let reference = play(&mut Generator::new(network(&data)), 1, 0.0, 20);
    for isa in Isa::all() {
        let other = Arc::new(Network::new(&data, isa));
        let out = play(&mut Generator::new(other), 1, 0.0, 20);
        let (difference, at) = crate::common::max_difference(&reference, &out);
        assert!(difference < 1e-4, "{}: {difference} at sample {at}", isa.name());
    }
}

#[test]
fn the_overlap_of_vectors_softens_the_borders() {
    let step_at_borders = |overlap| {
        let data = models::random_model(
            models::config(Approach::Vector(Vector { overlap, ..Vector::new(128) }), Head::Mse, 0),
            2,
        );
        let out = play(&mut Generator::new(network(&data)), 1, 0.0, 100);
        let steps = (1..100).map(|block| (out[128 * block] - out[128 * block - 1]).abs());
        steps.sum::<f32>() / rms(&out)
    };
    let (hard, soft) = (step_at_borders(0), step_at_borders(64));
    assert!(soft < hard, "borders of {soft} with an overlap, {hard} without");
}

#[test]
fn a_network_that_overflows_falls_silent_and_says_so() {
    for config in [models::config(models::magnitude(), Head::Mse, 0), models::listening()] {
        let huge = |count| vec![3e38; count];
        let tensors: BTreeMap<String, Vec<f32>> =
            config.tensors().into_iter().map(|tensor| (tensor.name, huge(tensor.shape.iter().product()))).collect();
        let data = ModelData::new(config, tensors, Path::new("huge")).expect("finite weights");
        let mut continuation = Generator::new(network(&data));
        let out = play(&mut continuation, 1, 1.0, 10);
        assert!(continuation.has_failed());
        assert!(out.iter().all(|&x| x == 0.0));
        continuation.reset(1);
        assert!(!continuation.has_failed());
    }
}
