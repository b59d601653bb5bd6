//! What is found by listening to a trained model: how far its partials have to be sharpened.
//!
//! Predicted spectra are smoother than the material's, by how much differs from model to model; heard on, they are noisier.
//! Spectral flatness tells how noisy, so the power is chosen at which continuations are as flat as the material.

use super::{dataset::Dataset, error::TrainError};
use crate::{
    approach::{Network, continue_offline},
    dsp::measure::Liveliness,
    model::{Approach, ModelConfig, ModelData},
    nn::Isa,
};
use std::sync::Arc;

/// Seeds are taken at so many places of the material, each for two random seeds.
const PLACES: usize = 4;
const RANDOM_SEEDS: u64 = 2;
const SEED_SECONDS: f32 = 2.0;
/// The first part of a continuation still leans on its seed and is not measured.
const SECONDS: f32 = 8.0;
const MEASURED_SECONDS: f32 = 4.0;
/// Powers tried.
const LEAST: f32 = 0.8;
const MOST: f32 = 1.6;
const HALVINGS: usize = 6;

/// Chooses `sharpen` of a magnitude model by bisection; other models stay as they are.
pub(super) fn sharpen(model: ModelData, data: &Dataset) -> Result<ModelData, TrainError> {
    if !matches!(model.config().approach, Approach::Magnitude { .. }) {
        return Ok(model);
    }
    let target = model.config().material.flatness;
    let (mut least, mut most) = (LEAST, MOST);
    let mut best = model;
    for _ in 0..HALVINGS {
        let middle = 0.5 * (least + most);
        best = with_sharpen(best, middle)?;
        // Sharper is less flat.
        if flatness(&best, data) > target { least = middle } else { most = middle }
    }
    Ok(best)
}

fn with_sharpen(model: ModelData, power: f32) -> Result<ModelData, TrainError> {
    let mut config: ModelConfig = model.config().clone();
    if let Approach::Magnitude { sharpen, .. } = &mut config.approach {
        *sharpen = power;
    }
    Ok(model.with_config(config)?)
}

/// Median over continuations from the material.
fn flatness(model: &ModelData, data: &Dataset) -> f32 {
    let network = Arc::new(Network::new(model, Isa::from_environment()));
    let rate = model.config().sample_rate_hz as f32;
    let seed_samples = ((SEED_SECONDS * rate) as usize).min(data.sound.len());
    let measured = (MEASURED_SECONDS * rate) as usize;
    let mut found: Vec<f32> = (0..PLACES)
        .flat_map(|place| (0..RANDOM_SEEDS).map(move |random_seed| (place, random_seed)))
        .map(|(place, random_seed)| {
            let start = (data.sound.len() - seed_samples) * place / PLACES;
            let seed = &data.sound[start..start + seed_samples];
            let sound = continue_offline(&network, seed, SECONDS, 1.0, random_seed);
            Liveliness::of(&sound[sound.len().saturating_sub(measured)..]).flatness
        })
        .collect();
    found.sort_by(f32::total_cmp);
    0.5 * (found[found.len() / 2] + found[(found.len() - 1) / 2])
}
