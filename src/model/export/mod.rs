//! Models as plain PyTorch files (feature `train`): what `nn.Module.load_state_dict` takes, and all the rest beside it.

mod script;
mod torch;

use super::{ModelConfig, ModelData, import::EXPORT_KEY};
use safetensors::{Dtype, tensor::TensorView};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

pub use script::python_script;

/// Names of the two modules in the exported file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// The recurrent network: `rnn` in a model file.
    pub rnn: String,
    /// The dense layer: `out` in a model file.
    pub linear: String,
}

impl Names {
    /// A tensor's name in the exported file.
    pub fn theirs(&self, ours: &str) -> String {
        match ours.split_once('.') {
            Some(("rnn", part)) => format!("{}.{part}", self.rnn),
            Some(("out", part)) => format!("{}.{part}", self.linear),
            _ => ours.into(),
        }
    }

    /// The way back.
    pub fn ours(&self, theirs: &str) -> String {
        match theirs.rsplit_once('.') {
            Some((module, part)) if module == self.rnn => format!("rnn.{part}"),
            Some((module, part)) if module == self.linear => format!("out.{part}"),
            _ => theirs.into(),
        }
    }
}

/// What a file keeps under [`EXPORT_KEY`], so that an import restores the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exported {
    /// How the tensors are named.
    pub names: Names,
    /// The model's configuration.
    pub config: ModelConfig,
}

/// What of a model no module of PyTorch computes; none where `nn.LSTM`, `nn.GRU` or `nn.RNN` does all.
pub fn without_module(config: &ModelConfig) -> Option<String> {
    let cell = config.cell.info();
    if cell.torch.is_none() {
        Some(format!("a {} cell", cell.name))
    } else if config.peepholes {
        Some("peepholes".into())
    } else if config.residual_layers {
        Some("residual connections between layers".into())
    } else {
        None
    }
}

/// A plain safetensors file.
///
/// # Panics
/// Never: names are unique and shapes were checked with the model.
pub fn to_safetensors(model: &ModelData, names: &Names) -> Vec<u8> {
    let shapes = model.config().tensors();
    let raw: Vec<Vec<u8>> = shapes.iter().map(|tensor| little_endian(model.tensor(&tensor.name))).collect();
    let views = shapes.iter().zip(&raw).map(|(tensor, bytes)| {
        let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).expect("shapes were checked");
        (names.theirs(&tensor.name), view)
    });
    let metadata = HashMap::from([(EXPORT_KEY.to_string(), exported(model, names)), ("format".into(), "pt".into())]);
    safetensors::serialize(views, Some(metadata)).expect("names are unique and shapes were checked")
}

/// The archive that `torch.save` would write of the state dictionary.
///
/// # Panics
/// Never: it is written into memory.
pub fn to_torch(model: &ModelData, names: &Names) -> Vec<u8> {
    torch::archive(model, names, &exported(model, names))
}

fn exported(model: &ModelData, names: &Names) -> String {
    let exported = Exported { names: names.clone(), config: model.config().clone() };
    serde_json::to_string(&exported).expect("a configuration is plain data")
}

fn little_endian(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
