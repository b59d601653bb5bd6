//! The network while it is trained: PyTorch's tensors as candle variables.

use super::lstm::{LayerState, lstm};
use super::tensors::values;
use crate::{
    dsp::random::Random,
    model::{Head, ModelConfig},
};
use candle_core::{Device, Result, Tensor, Var};
use std::collections::BTreeMap;

/// Logarithm of the scales of an untrained mixture.
const FIRST_LOG_SCALE: f32 = -1.0;
/// Mixture heads begin with outputs this much smaller than PyTorch's, so that the first prediction is "no change".
const FIRST_HEAD_GAIN: f32 = 0.1;

/// Layers of LSTM and a dense layer.
pub(super) struct TrainedNetwork {
    layers: usize,
    hidden: usize,
    inputs: usize,
    /// Under the names of the model file.
    pub variables: BTreeMap<String, Var>,
}

/// Silences outputs at random and scales the others up.
pub(super) struct Dropout<'a> {
    pub probability: f32,
    pub random: &'a mut Random,
}

impl TrainedNetwork {
    /// Weights are uniform in ±1/√hidden as in PyTorch, drawn in the order of the tensors' names; forget gates begin
    /// open (Jozefowicz et al. 2015).
    pub fn new(model: &ModelConfig, random: &mut Random) -> Result<Self> {
        let bound = 1.0 / (model.hidden as f32).sqrt();
        let mut variables = BTreeMap::new();
        let mut tensors = model.tensors();
        tensors.retain(|tensor| !tensor.name.starts_with("pca."));
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        for tensor in tensors {
            let count = tensor.shape.iter().product();
            let mut weights: Vec<f32> = (0..count).map(|_| bound * (2.0 * random.uniform() - 1.0)).collect();
            if tensor.name.contains("bias_ih") {
                weights[model.hidden..2 * model.hidden].iter_mut().for_each(|b| *b += 1.0);
            }
            if let Head::Mixture { components, .. } = model.head {
                match &tensor.name[..] {
                    "out.weight" => weights.iter_mut().for_each(|w| *w *= FIRST_HEAD_GAIN),
                    "out.bias" => {
                        weights.fill(0.0);
                        weights[components * (1 + model.features())..].fill(FIRST_LOG_SCALE);
                    }
                    _ => {}
                }
            }
            let variable = Var::from_tensor(&Tensor::from_vec(weights, tensor.shape, &Device::Cpu)?)?;
            variables.insert(tensor.name, variable);
        }
        Ok(Self { layers: model.layers, hidden: model.hidden, inputs: model.features(), variables })
    }

    /// A state of zeros for every layer.
    pub fn zero_state(&self, streams: usize) -> Vec<LayerState> {
        vec![LayerState::zeros(streams, self.hidden); self.layers]
    }

    /// Outputs of the dense layer, `(steps · streams, output_size)`, for `inputs` `[step][stream][input]`; moves `state`.
    pub fn forward(
        &self,
        inputs: &[f32],
        state: &mut [LayerState],
        mut dropout: Option<Dropout<'_>>,
    ) -> Result<Tensor> {
        let streams = state[0].h.len() / self.hidden;
        let steps = inputs.len() / (streams * self.inputs);
        let rows = steps * streams;
        let mut x = Tensor::from_slice(inputs, (rows, self.inputs), &Device::Cpu)?;
        for (index, layer_state) in state.iter_mut().enumerate() {
            let part = |name: &str| self.variables[&format!("rnn.{name}_l{index}")].as_tensor();
            let from_input = x.matmul(&part("weight_ih").t()?)?.reshape((steps, streams, 4 * self.hidden))?;
            let bias = (part("bias_ih") + part("bias_hh"))?;
            let (h, next) = lstm(&from_input, part("weight_hh"), &bias, layer_state)?;
            *layer_state = next;
            x = h.reshape((rows, self.hidden))?;
            if let Some(dropout) = &mut dropout {
                x = (x * dropout.mask(rows, self.hidden)?)?;
            }
        }
        let weight = self.variables["out.weight"].as_tensor();
        x.matmul(&weight.t()?)?.broadcast_add(self.variables["out.bias"].as_tensor())
    }

    /// The weights as they are, under the names of the model file.
    pub fn tensors(&self) -> Result<BTreeMap<String, Vec<f32>>> {
        self.variables.iter().map(|(name, variable)| Ok((name.clone(), values(variable, <[f32]>::to_vec)?))).collect()
    }
}

impl Dropout<'_> {
    fn mask(&mut self, rows: usize, width: usize) -> Result<Tensor> {
        let kept = 1.0 / (1.0 - self.probability);
        let mask: Vec<f32> =
            (0..rows * width).map(|_| if self.random.uniform() < self.probability { 0.0 } else { kept }).collect();
        Tensor::from_vec(mask, (rows, width), &Device::Cpu)
    }
}
