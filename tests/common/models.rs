//! Small models whose weights come from the project's random generator: they make sound, though no music.

use std::{collections::BTreeMap, path::Path, sync::Arc};
use sympathy::{
    dsp::random::Random,
    model::{
        Approach, BinTier, Cell, Column, Head, Listening, Magnitude, ModelConfig, ModelData, Scaling, Transpose, Vector,
    },
    nn::Isa,
    worker::ModelRegistry,
};

pub fn magnitude() -> Approach {
    Approach::Magnitude(Magnitude {
        window: 512,
        hop: 128,
        zero_padding: false,
        peak_picking: false,
        magnitude_peak: 60.0,
        power: 0.5,
        sharpen: 1.2,
    })
}

pub fn config(approach: Approach, head: Head, principal_components: usize) -> ModelConfig {
    ModelConfig {
        name: "Test model".into(),
        head,
        scaling: Scaling { mean: 0.0, std: 0.1 },
        principal_components,
        temperature: 0.8,
        feedback_noise: 0.05,
        warmup_speed: 20.0,
        ..ModelConfig::new(approach, Cell::Lstm, 2, 12, 22_050)
    }
}

pub const COLUMN: Approach = Approach::Column(Column { seg_len: 24 });
pub const TRANSPOSE: Approach = Approach::Transpose(Transpose { seg_len: 16, num_unrollings: 5, int_cursor_inc: 7 });

/// What a cell sets in a configuration.
type SetCell = fn(&mut ModelConfig);

/// Every cell, with what only it has.
pub const CELLS: [(&str, SetCell); 7] = [
    ("LSTM", |config| config.cell = Cell::Lstm),
    ("LSTM with peepholes", |config| {
        config.cell = Cell::Lstm;
        config.peepholes = true;
    }),
    ("GRU", |config| config.cell = Cell::Gru),
    ("RNN tanh", |config| config.cell = Cell::RnnTanh),
    ("RNN ReLU", |config| config.cell = Cell::RnnRelu),
    ("clockwork", |config| {
        config.cell = Cell::Clockwork;
        config.clock_groups = 3;
    }),
    ("residual GRU", |config| {
        config.cell = Cell::Gru;
        config.residual_layers = true;
    }),
];

/// Every approach with every cell.
pub fn every_approach_and_cell() -> Vec<(String, ModelData)> {
    let mixture = Head::Mixture { components: 2, residual: true };
    let mut models = Vec::new();
    for (approach_name, approach, head, principal_components) in [
        ("vector", vector(), Head::Mse, 0),
        ("magnitude", magnitude(), mixture, 8),
        ("sample", Approach::Sample, mixture, 0),
        ("column", COLUMN, Head::Mse, 0),
        ("column mixture", COLUMN, mixture, 0),
        ("transpose", TRANSPOSE, Head::Mse, 0),
        ("transpose mixture", TRANSPOSE, mixture, 0),
        ("listening", listening().approach, listening().head, 0),
    ] {
        for (seed, (cell_name, set_cell)) in (10..).zip(CELLS) {
            let mut config = config(approach.clone(), head, principal_components);
            set_cell(&mut config);
            config.tanh_output = head == Head::Mse;
            models.push((format!("{approach_name}, {cell_name}"), random_model(config, seed)));
        }
    }
    models
}

fn vector() -> Approach {
    Approach::Vector(Vector { overlap: 32, emphasis: 0.5, ..Vector::new(128) })
}

/// A model that listens.
pub fn listening() -> ModelConfig {
    let own = Listening { window: 512, hop: 128, bins: 40, lowest_hz: 100.0, key_size: 12, ..Listening::default() };
    let approach = Approach::Listening(Listening { band_edges_hz: [400.0, 900.0, 1500.0], ..own });
    let tier = BinTier { levels: 16, hidden: 20, context: 3, position: 2, band_hidden: 16 };
    ModelConfig {
        feedback_noise: 0.0,
        layers: 1,
        scaling: Scaling::default(),
        ..config(approach, Head::Autoregressive(tier), 0)
    }
}

/// Random weights for a configuration.
pub fn random_model(config: ModelConfig, seed: u64) -> ModelData {
    let mut random = Random::new(seed);
    // Nothing keeps a ReLU from growing but its weights, nothing else a tanh at the end from being always 1 or -1.
    let gain = if config.cell == Cell::RnnRelu || config.tanh_output { 0.8 } else { 2.0 };
    let tensors: BTreeMap<String, Vec<f32>> = config
        .tensors()
        .into_iter()
        .map(|tensor| {
            let count = tensor.shape.iter().product();
            let fan_in = *tensor.shape.last().expect("tensors have a shape") as f32;
            let values = (0..count)
                .map(|i| match tensor.name.as_str() {
                    "pca.mean" => 0.3 / (1.0 + 0.05 * i as f32),
                    "pca.scale" => 0.5,
                    "pca.min" => -3.0,
                    "pca.max" => 3.0,
                    "out.bias" => 0.3 * random.uniform(),
                    name if name.contains("bias") => 0.5 * random.normal(),
                    _ => gain * random.normal() / fan_in.sqrt(),
                })
                .collect();
            (tensor.name, values)
        })
        .collect();
    ModelData::new(config, tensors, Path::new("test")).expect("the configuration is sound")
}

/// The same model a little later in its training.
pub fn trained_on(data: &ModelData) -> ModelData {
    let step = |name: &str| if name.starts_with("pca.") { 1.0 } else { 0.9 };
    let tensors = data.config().tensors().into_iter().map(|tensor| {
        let values = data.tensor(&tensor.name).iter().map(|x| step(&tensor.name) * x).collect();
        (tensor.name, values)
    });
    ModelData::new(data.config().clone(), tensors.collect(), Path::new("test")).expect("the configuration is sound")
}

/// One of every kind: slot 64 magnitude with mixture, 65 vector, 66 sample, 67 magnitude with `mse`, 68 column, 69
/// transpose, 70 listening.
pub fn all_kinds() -> Vec<(u8, &'static str, ModelData)> {
    let mixture = Head::Mixture { components: 3, residual: true };
    let clockwork = ModelConfig { cell: Cell::Clockwork, clock_groups: 3, ..config(TRANSPOSE, Head::Mse, 0) };
    vec![
        (64, "magnitude mixture", random_model(config(magnitude(), mixture, 8), 1)),
        (65, "vector", random_model(config(vector(), Head::Mse, 0), 2)),
        (66, "sample", random_model(config(Approach::Sample, mixture, 0), 3)),
        (67, "magnitude mse", random_model(config(magnitude(), Head::Mse, 0), 4)),
        (68, "column", random_model(ModelConfig { cell: Cell::Gru, ..config(COLUMN, Head::Mse, 0) }, 5)),
        (69, "transpose", random_model(clockwork, 6)),
        (70, "listening", random_model(listening(), 7)),
    ]
}

/// A registry with [`all_kinds`], loaded.
pub fn registry() -> Arc<ModelRegistry> {
    let registry = ModelRegistry::with_embedded(Isa::best());
    for (slot, name, data) in all_kinds() {
        registry.set_bytes(slot, name.into(), data.to_bytes());
        registry.load(slot).expect("a sound model");
    }
    registry
}
