//! What is found by listening to a trained model: how far its partials have to be sharpened.
//!
//! Predicted spectra are smoother than the material's, by how much differs from model to model; heard on, they are noisier.
//! Spectral flatness tells how noisy, so the power is chosen at which continuations are as flat as the material.

use crate::{
    approach::{Network, continue_offline},
    dsp::measure::Liveliness,
    model::{ModelConfig, ModelData},
    nn::Isa,
    train::{data::dataset::Dataset, error::TrainError},
};
use std::sync::Arc;

/// Seeds are taken at so many places of the material, each for two random seeds.
const PLACES: usize = 6;
const RANDOM_SEEDS: u64 = 2;
const SEED_SECONDS: f32 = 2.0;
/// Continuations are measured in pieces, the first of which still leans on the seed and is left out.
const SECONDS: f32 = 20.0;
const PIECE_SECONDS: f32 = 5.0;
/// Powers tried.
const LEAST: f32 = 0.8;
const MOST: f32 = 1.6;
const HALVINGS: usize = 7;

/// Chooses `sharpen` of a magnitude model by bisection. `hurried`: somebody waits, and a rough
/// choice from fewer places will do. `tried` is told how many continuations of how many were heard.
pub(crate) fn sharpen(
    model: ModelData,
    data: &Dataset,
    hurried: bool,
    mut tried: impl FnMut(usize, usize),
) -> Result<ModelData, TrainError> {
    let target = model.config().material.flatness;
    let (mut least, mut most) = (LEAST, MOST);
    let mut best = model;
    let (places, halvings) = if hurried { (2, HALVINGS - 2) } else { (PLACES, HALVINGS) };
    let (mut heard, all) = (0, halvings * places * RANDOM_SEEDS as usize);
    for _ in 0..halvings {
        let middle = 0.5 * (least + most);
        best = with_sharpen(best, middle)?;
        // Sharper is less flat.
        let flatness = flatness(&best, data, places, || {
            heard += 1;
            tried(heard, all);
        });
        if flatness > target { least = middle } else { most = middle }
    }
    Ok(best)
}

fn with_sharpen(model: ModelData, power: f32) -> Result<ModelData, TrainError> {
    let mut config: ModelConfig = model.config().clone();
    if let Some(magnitude) = config.approach.magnitude_mut() {
        magnitude.sharpen = power;
    }
    Ok(model.with_config(config)?)
}

/// Geometric middle between the least and the most of continuations from the material: passages differ, and none should
/// stand far out.
fn flatness(model: &ModelData, data: &Dataset, places: usize, mut heard: impl FnMut()) -> f32 {
    let network = Arc::new(Network::new(model, Isa::from_environment()));
    let rate = model.config().sample_rate_hz as f32;
    let seed_samples = ((SEED_SECONDS * rate) as usize).min(data.sound.len());
    let piece = (PIECE_SECONDS * rate) as usize;
    let (mut least, mut most) = (f32::INFINITY, 0.0f32);
    for place in 0..places {
        let start = (data.sound.len() - seed_samples) * place / places;
        let seed = &data.sound[start..start + seed_samples];
        for random_seed in 0..RANDOM_SEEDS {
            let sound = continue_offline(&network, seed, SECONDS, 1.0, random_seed);
            for samples in sound.chunks_exact(piece).skip(1) {
                let flatness = Liveliness::of(samples).flatness;
                (least, most) = (least.min(flatness), most.max(flatness));
            }
            heard();
        }
    }
    (least * most).sqrt()
}
