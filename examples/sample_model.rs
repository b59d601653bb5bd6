//! Loads a model and samples it: the raw prediction, without the engine's schedule, leash and cross-fades.
//!
//! ```sh
//! cargo run --release --example sample_model
//! cargo run --release --example sample_model -- mine.safetensors 2
//! ```
//!
//! The first argument is a model file, or an embedded model by its name; the second a random seed. Writes
//! `sample_model.wav` at the model's own rate: two seconds of seed, ten of prediction.

use std::{error::Error, path::Path, sync::Arc};
use sympathy::{
    approach::{Network, continue_offline},
    audio_file::{Depth, wav::write_wav},
    dsp::{
        measure::Liveliness,
        pluck::{Pluck, add_pluck},
        random::Random,
    },
    model::{EmbeddedModel, ModelData},
    nn::Isa,
};

const SEED_SECONDS: usize = 2;
const PREDICTED_SECONDS: f32 = 10.0;
/// 1: as the model's maker recommends.
const TEMPERATURE: f32 = 1.0;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "electric-guitar-magnitude".into());
    let random_seed = arguments.next().map_or(Ok(0), |number| number.parse())?;

    // A file is checked as a whole before anything of it is used; what is wrong is said in one line.
    let data = match EmbeddedModel::by_name(&name) {
        Some(model) => ModelData::from_bytes(model.bytes, Path::new(model.name))?,
        None => ModelData::read(Path::new(&name))?,
    };
    // None: the most compact storage of the weights with which this model still predicts what it does in 32 bits.
    let network = Arc::new(Network::load(&data, None, Isa::best()));
    let rate_hz = network.config().sample_rate_hz;
    println!("{}, {rate_hz} Hz, weights as {:?}", network.config().name, network.precision());

    let mut sound = seed(rate_hz);
    let prediction = continue_offline(&network, &sound, PREDICTED_SECONDS, TEMPERATURE, random_seed);
    // Change of the spectrum, level and flatness, beside what the model was trained on.
    println!("prediction {:?}", Liveliness::of(&prediction));
    println!("material   {:?}", network.config().material);
    sound.extend(prediction);
    write_wav(Path::new("sample_model.wav"), rate_hz, &[&sound], Depth::Float32)?;
    println!("wrote sample_model.wav");
    Ok(())
}

/// A chord of three plucked strings.
fn seed(rate_hz: u32) -> Vec<f32> {
    let mut sound = vec![0.0; SEED_SECONDS * rate_hz as usize];
    let mut random = Random::new(1);
    for (index, frequency_hz) in [110.0, 164.81, 220.0].into_iter().enumerate() {
        let pluck = Pluck {
            frequency_hz,
            velocity: 0.3,
            pick_position: 0.12,
            decay_seconds: 4.0,
            bright_decay_seconds: 1.2,
            damped_after_seconds: 4.0,
        };
        add_pluck(&pluck, rate_hz, &mut random, &mut sound[index * rate_hz as usize / 4..]);
    }
    sound
}
