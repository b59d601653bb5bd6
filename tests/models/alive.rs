//! The embedded models stay alive (DESIGN 6): raw predictions, no leash, no re-seeding, from seeds they have never heard.
//!
//! Seeds are synthesised. Where `SYMPATHY_DATA` names the folder with the recordings of the model cards, the takes that were
//! held out in training are used as well. `cargo test --release --test alive -- --nocapture` prints the figures.
#![cfg(feature = "train")]

use std::{path::Path, sync::Arc};
use sympathy::{
    approach::{Network, continue_offline},
    audio_file::Recording,
    dsp::{
        measure::Liveliness,
        pluck::{Pluck, add_pluck},
        random::Random,
        resample::Resampler,
    },
    model::{EmbeddedModel, ModelData},
    nn::Isa,
};

const RATE: u32 = 44_100;
const SEED_SECONDS: f32 = 2.0;
const RANDOM_SEEDS: u64 = 8;

/// Arpeggios on the synthesised string.
fn guitar_seed(transpose: f64) -> Vec<f32> {
    let mut random = Random::new(1);
    let mut sound = vec![0.0; (SEED_SECONDS * RATE as f32) as usize];
    for (i, note) in [0.0, 7.0, 12.0, 16.0, 12.0, 7.0, 3.0, 10.0].into_iter().enumerate() {
        let pluck = Pluck {
            frequency_hz: 110.0 * libm::exp2((note + transpose) / 12.0),
            velocity: 0.6 + 0.05 * i as f64,
            pick_position: 0.15,
            decay_seconds: 4.0,
            bright_decay_seconds: 1.0,
            damped_after_seconds: 0.4,
        };
        add_pluck(&pluck, RATE, &mut random, &mut sound[i * RATE as usize / 4..]);
    }
    sound
}

/// Struck strings: decaying partials, stretched as a stiff string's are.
fn piano_seed(transpose: f64) -> Vec<f32> {
    let mut sound = vec![0.0f32; (SEED_SECONDS * RATE as f32) as usize];
    for (i, note) in [0.0, 4.0, 7.0, 12.0, 9.0, 5.0].into_iter().enumerate() {
        let hz = 261.6 * libm::exp2((note + transpose) / 12.0);
        for (n, slot) in sound[i * RATE as usize / 3..].iter_mut().enumerate() {
            let t = n as f64 / f64::from(RATE);
            for partial in 1..9 {
                let k = f64::from(partial);
                let partial_hz = hz * k * (1.0 + 4e-4 * k * k).sqrt();
                let envelope = libm::exp(-t * (1.2 + 0.6 * k)) * (1.0 - libm::exp(-t * 400.0)) / (k * k);
                *slot += (0.08 * envelope * libm::sin(std::f64::consts::TAU * partial_hz * t)) as f32;
            }
        }
    }
    sound
}

/// Seeds that a model has not heard in training, at its own rate.
fn unseen_seeds(name: &str, model_hz: u32) -> Vec<(String, Vec<f32>)> {
    let resample = |sound: &[f32], hz| Resampler::new(hz, model_hz).resample_all(sound);
    let piano = name.starts_with("piano");
    let mut seeds: Vec<(String, Vec<f32>)> = [0.0, 5.0]
        .into_iter()
        .map(|transpose| {
            let sound = if piano { piano_seed(transpose) } else { guitar_seed(transpose) };
            (format!("synthesised +{transpose}"), resample(&sound, RATE))
        })
        .collect();
    let Some(folder) = std::env::var_os("SYMPATHY_DATA") else {
        return seeds;
    };
    let places: &[(&str, f32)] = if piano {
        let take = "piano/clair_de_lune_rendered_fluidr3_first120s.flac";
        &[(take, 100.0), (take, 105.0), (take, 110.0), (take, 116.0)]
    } else {
        let take = "guitar/klon_di_08_seg157-211.wav";
        &[(take, 1.0), (take, 7.0), (take, 13.0), ("guitar/klon_di_09_seg212-220.wav", 0.5)]
    };
    for (file, start) in places {
        let recording = Recording::read(&Path::new(&folder).join(file)).expect("a recording of the model card");
        let rate = recording.sample_rate_hz as f32;
        let sound = recording.mono();
        let span = &sound[(start * rate) as usize..][..(SEED_SECONDS * rate) as usize];
        seeds.push((format!("{file} at {start} s"), resample(span, recording.sample_rate_hz)));
    }
    seeds
}

fn network(model: &EmbeddedModel) -> Arc<Network> {
    let data = ModelData::from_bytes(model.bytes, Path::new(model.name)).expect("an embedded model is sound");
    Arc::new(Network::load(&data, None, Isa::from_environment()))
}

fn check(name: &str) {
    let model = EmbeddedModel::by_name(name).expect("an embedded model");
    check_network(name, network(model));
}

fn check_network(name: &str, network: Arc<Network>) {
    let config = network.config();
    let material = config.material;
    // Raw samples, a vector or one at a time, may change more than their material.
    let most_flux = if config.approach.hears_samples() { 2.0 } else { 1.5 };
    let last = 5 * config.sample_rate_hz as usize;
    let mut dead = Vec::new();
    println!(
        "{name}, {}: flux, RMS in dB and flatness against the material's, least / median / most",
        network.precision()
    );
    for (place, seed) in unseen_seeds(name, config.sample_rate_hz) {
        let mut figures: [Vec<f32>; 3] = Default::default();
        for random_seed in 0..RANDOM_SEEDS {
            let sound = continue_offline(&network, &seed, 20.0, 1.0, random_seed);
            let heard = Liveliness::of(&sound[sound.len() - last..]);
            let flux = heard.flux / material.flux;
            let level_db = 20.0 * libm::log10f(heard.rms / material.rms);
            let flatness = heard.flatness / material.flatness;
            let alive = (0.5..=most_flux).contains(&flux) && level_db.abs() <= 6.0 && (0.5..=2.0).contains(&flatness);
            if !alive {
                dead.push(format!("{place}, random seed {random_seed}: {flux:.2}, {level_db:.1} dB, {flatness:.2}"));
            }
            for (list, value) in figures.iter_mut().zip([flux, level_db, flatness]) {
                list.push(value);
            }
        }
        let row = figures.map(|mut list| {
            list.sort_by(f32::total_cmp);
            format!("{:.2} / {:.2} / {:.2}", list[0], list[list.len() / 2], list[list.len() - 1])
        });
        println!("  {place}: {}", row.join("   "));
    }
    assert!(dead.is_empty(), "{name} is not alive:\n{}", dead.join("\n"));
}

#[test]
fn the_electric_guitar_of_magnitudes_is_alive() {
    check("electric-guitar-magnitude");
}

#[test]
fn the_electric_guitar_of_vectors_is_alive() {
    check("electric-guitar-vector");
}

/// A model of one's own: `SYMPATHY_MODEL=mine.safetensors cargo test --release --test alive own -- --nocapture`.
#[test]
fn a_model_of_ones_own_is_alive() {
    if let Some(path) = std::env::var_os("SYMPATHY_MODEL") {
        let data = ModelData::read(Path::new(&path)).expect("a good model");
        let name = data.config().name.clone();
        check_network(&name, Arc::new(Network::load(&data, None, Isa::from_environment())));
    }
}

#[test]
fn the_piano_is_alive() {
    check("piano-magnitude");
}
