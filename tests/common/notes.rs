//! Models of notes whose weights are random.

use std::path::Path;
use sympathy::{
    dsp::random::Random,
    model::{Cell, CodeActivation, HiddenActivation, RollModel, RollModelConfig, RollNetwork},
};

fn model(network: RollNetwork, output_bias: (&str, f32), spread: f32) -> RollModel {
    let mut config = RollModelConfig::new(network);
    config.name = "Aria".into();
    filled(config, output_bias, spread)
}

/// One of any configuration; `output_bias` names a tensor, and what is added to it.
pub fn filled(config: RollModelConfig, output_bias: (&str, f32), spread: f32) -> RollModel {
    let mut random = Random::new(11);
    let tensors = config.tensors().into_iter().map(|tensor| {
        let shift = if tensor.name == output_bias.0 { output_bias.1 } else { 0.0 };
        let fan_in = *tensor.shape.last().expect("a shape") as f32;
        let scale = if tensor.shape.len() == 2 { spread * fan_in.sqrt().recip() } else { 0.3 };
        let count = tensor.shape.iter().product::<usize>();
        (tensor.name, (0..count).map(|_| scale * random.normal() + shift).collect())
    });
    RollModel::new(config.clone(), tensors.collect(), Path::new("random")).expect("a sound model")
}

/// A recurrent network of 8 steps a quarter note; `bias` says how likely keys are.
pub fn lstm(hidden: usize, bias: f32) -> RollModel {
    model(RollNetwork::Recurrent { cell: Cell::Lstm, layers: 2, hidden }, ("out.bias", bias), 3.0)
}

/// A tied autoencoder of segments of 64 columns with a code of 4 numbers.
pub fn autoencoder(bias: f32) -> RollModel {
    let (hidden, code) = (HiddenActivation::Elu, CodeActivation::Tanh);
    let network = RollNetwork::Autoencoder { widths: vec![5632, 12, 4], tied: true, hidden, code };
    model(network, ("decoder.1.bias", bias), 30.0)
}
