//! What the host plays and what the plugin has loaded: closed forms, so that no file is needed.

use std::{collections::BTreeMap, path::Path};
use sympathy::{
    engine::ParamId,
    model::{Approach, Cell, FORMAT_VERSION, Head, ModelConfig, ModelData, Scaling, Training},
    params::{Base64File, Project, StoredModel, StoredProject},
};

/// The slot of the test's model.
pub const SLOT: u8 = 64;

/// A small LSTM on vectors that never falls silent.
pub fn model() -> Vec<u8> {
    let config = ModelConfig {
        format_version: FORMAT_VERSION,
        name: "closed form".into(),
        approach: Approach::Vector { seg_len: 64, overlap: 0 },
        cell: Cell::Lstm,
        layers: 1,
        hidden: 16,
        head: Head::Mse,
        sample_rate_hz: 22_050,
        scaling: Scaling { mean: 0.0, std: 0.25 },
        principal_components: 0,
        input_noise: 0.2,
        temperature: 1.0,
        warmup_speed: 8.0,
        material: Default::default(),
        training: Training::default(),
        notes: String::new(),
    };
    let mut tensors = BTreeMap::new();
    for (k, tensor) in config.tensors().into_iter().enumerate() {
        let count: usize = tensor.shape.iter().product();
        let values = (0..count).map(|i| 0.6 * ((i * (2 * k + 3)) as f32 * 0.37 + k as f32).sin()).collect();
        tensors.insert(tensor.name, values);
    }
    ModelData::new(config, tensors, Path::new("closed form")).expect("a sound model").to_bytes()
}

/// Plucked tones with rests, a little different on every channel. `[channel][sample]`
pub fn performance(sample_rate_hz: u32, channels: usize, seconds: f32) -> Vec<Vec<f32>> {
    let rate = sample_rate_hz as f32;
    let samples = (seconds * rate) as usize;
    (0..channels)
        .map(|channel| {
            (0..samples)
                .map(|i| {
                    let t = i as f32 / rate;
                    let (note, since) = ((t / 0.25) as usize, t % 0.25);
                    let hz = [220.0, 277.2, 329.6, 415.3][note % 4] * (1.0 + 0.01 * channel as f32);
                    0.4 * (-6.0 * since).exp() * (std::f32::consts::TAU * hz * since).sin()
                })
                .collect()
        })
        .collect()
}

/// The persisted field that carries the model inside the project.
pub fn project(model: &[u8]) -> String {
    let stored = StoredModel {
        slot: SLOT,
        name: "closed form".into(),
        file: Some(Base64File::encode(model)),
        ..StoredModel::default()
    };
    let project = Project { user: Some(vec![stored]), ..Project::default() };
    serde_json::to_string(&StoredProject::Known(project)).expect("plain data")
}

/// A whole state, as the plugin saves it: the length, then JSON.
pub fn state(model: &[u8]) -> Vec<u8> {
    let json = serde_json::json!({
        "version": "", "params": { ParamId::Model.spec().key: { "i32": SLOT } }, "fields": { "models": project(model) },
    });
    framed(json.to_string().as_bytes())
}

/// Bytes as nice-plug frames them for CLAP.
pub fn framed(json: &[u8]) -> Vec<u8> {
    [&(json.len() as u64).to_le_bytes()[..], json].concat()
}
