//! The network while it is trained: PyTorch's tensors as candle variables.

use super::{
    cells::{Layer, LayerState, Tools, Variables},
    dense::dense,
    dropout::Dropout,
    gradient::Named,
    tensors::values,
};
use crate::{
    dsp::random::Random,
    model::{Head, LAYER_TENSORS, ModelConfig},
};
use candle_core::{Device, Result, Tensor, Var};
use std::{collections::BTreeMap, sync::MutexGuard};

/// Logarithm of the scales of an untrained mixture.
const FIRST_LOG_SCALE: f32 = -1.0;
/// Mixture heads begin with outputs this much smaller than PyTorch's, so that the first prediction is "no change".
const FIRST_HEAD_GAIN: f32 = 0.1;

/// How weights begin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Initialisation {
    /// LSTM: added to the bias of the forget gate (Jozefowicz et al. 2015).
    pub forget_bias: f32,
    /// Deviation of the normal noise in the weights of the dense layers, whose biases are then 0; none: as PyTorch.
    pub weight_stddev: Option<f32>,
}

/// Recurrent layers and a dense layer; with *transpose* a second one.
pub(crate) struct TrainedNetwork {
    layers: Vec<Layer>,
    /// Layers add their input to their output where the widths are the same.
    residual: bool,
    tanh_output: bool,
    /// Rows of a matrix that make one prediction together; 1 but for *transpose*.
    columns: usize,
    tools: Tools,
    /// Under the names of the model file.
    pub variables: BTreeMap<String, Var>,
}

impl TrainedNetwork {
    /// Weights are uniform in ±1/√hidden as in PyTorch (±1/√inputs in the second dense layer), drawn in the order of the
    /// tensors' names, and changed by `init`. What a clockwork cell has no use for is 0.
    pub fn new(model: &ModelConfig, init: &Initialisation, random: &mut Random) -> Result<Self> {
        let mut tensors = model.tensors();
        tensors.retain(|tensor| !tensor.name.starts_with("pca."));
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        let layer = |index| Layer {
            cell: model.cell,
            inputs: if index == 0 { model.inputs() } else { model.hidden },
            hidden: model.hidden,
            clock_groups: model.clock_groups,
            lowest: index == 0,
        };
        let layers: Vec<Layer> = (0..model.layers).map(layer).collect();
        let mut variables = BTreeMap::new();
        for tensor in tensors {
            let mut weights = first_weights(model, init, &tensor.name, tensor.shape.iter().product(), random);
            if tensor.name.starts_with("rnn.") {
                layers[0].prepare(&tensor.name, &mut weights, init.forget_bias);
            }
            let variable = Var::from_tensor(&Tensor::from_vec(weights, tensor.shape, &Device::Cpu)?)?;
            variables.insert(tensor.name, variable);
        }
        Ok(Self {
            layers,
            residual: model.residual_layers,
            tanh_output: model.tanh_output,
            columns: columns(model),
            tools: Tools::default(),
            variables,
        })
    }

    /// Other weights for the variables that are named.
    pub fn take(&self, weights: &BTreeMap<String, Vec<f32>>) -> Result<()> {
        for (name, values) in weights {
            if let Some(variable) = self.variables.get(name) {
                variable.set(&Tensor::from_slice(values, variable.shape(), &Device::Cpu)?)?;
            }
        }
        Ok(())
    }

    /// A state of zeros for every layer, for `streams` matrices.
    pub fn zero_state(&self, streams: usize) -> Vec<LayerState> {
        let rows = streams * self.columns;
        self.layers.iter().map(|layer| LayerState::zeros(layer.cell, rows, layer.hidden)).collect()
    }

    /// What is predicted, `(steps · streams, output_size)`, for `inputs` `[step][stream][input]`; moves `state`. With *transpose*
    /// every stream has `num_unrollings` rows, `[step][stream][row][input]`, the oldest first.
    pub fn forward(
        &self,
        inputs: &[f32],
        state: &mut [LayerState],
        mut dropout: Option<Dropout<'_>>,
    ) -> Result<Tensor> {
        let width = self.layers[0].inputs;
        let rows = inputs.len() / width;
        let mut x = Tensor::from_slice(inputs, (rows, width), &Device::Cpu)?;
        for (index, (layer, state)) in self.layers.iter().zip(state).enumerate() {
            let names = LAYER_TENSORS.map(|part| format!("rnn.{part}_l{index}"));
            let tensors = names.iter().filter_map(|name| Some(self.variables.get(name)?.as_tensor().clone())).collect();
            let variables = Variables { names, tensors };
            let (input, heard) = match &mut dropout {
                Some(dropout) => (dropout.of_input(&x)?, dropout.of_state(rows * layer.hidden)),
                None => (x.clone(), None),
            };
            let (mut h, next) = layer.run(&input, variables, state, heard, &self.tools)?;
            *state = next;
            if let Some(dropout) = &mut dropout {
                h = dropout.of_output(&h)?;
            }
            x = if self.residual && layer.inputs == layer.hidden { (h + x)? } else { h };
        }
        let mut y = self.dense("out", &x)?;
        if self.variables.contains_key("columns.weight") {
            let width = self.columns * y.dim(1)?;
            y = self.dense("columns", &y.reshape((rows / self.columns, width))?)?;
        }
        if self.tanh_output { y.tanh() } else { Ok(y) }
    }

    fn dense(&self, name: &str, x: &Tensor) -> Result<Tensor> {
        let names = ["weight", "bias"].map(|part| format!("{name}.{part}"));
        let [weight, bias] = [&self.variables[&names[0]], &self.variables[&names[1]]];
        dense(x, weight, bias, names, &self.tools)
    }

    /// The gradient of a loss that follows from the last [`Self::forward`], until the next. Numbers may be taken out of it; their
    /// memory is used again.
    pub fn backward(&self, loss: &Tensor) -> Result<MutexGuard<'_, Named>> {
        loss.backward()?;
        Ok(self.tools.sink.lock())
    }

    /// The weights as they are, under the names of the model file.
    pub fn tensors(&self) -> Result<BTreeMap<String, Vec<f32>>> {
        self.variables
            .iter()
            .map(|(name, variable)| Ok((name.clone(), values([variable], |[w]| w.to_vec())?)))
            .collect()
    }
}

fn columns(model: &ModelConfig) -> usize {
    model.approach.columns().map_or(1, |columns| columns.num_unrollings)
}

/// The second dense layer that hands on what the first says of the newest column, and hears no other:
/// `[output_size][num_unrollings · output_size]`.
pub(crate) fn newest_column(model: &ModelConfig) -> Vec<f32> {
    let outputs = model.output_size();
    let inputs = columns(model) * outputs;
    let mut weights = vec![0.0; outputs * inputs];
    for (output, row) in weights.chunks_exact_mut(inputs).enumerate() {
        row[inputs - outputs + output] = 1.0;
    }
    weights
}

fn first_weights(
    model: &ModelConfig,
    init: &Initialisation,
    name: &str,
    count: usize,
    random: &mut Random,
) -> Vec<f32> {
    let dense = !name.starts_with("rnn.");
    let fan_in = if name.starts_with("columns.") { columns(model) * model.output_size() } else { model.hidden };
    let bound = 1.0 / (fan_in as f32).sqrt();
    let mut weights: Vec<f32> = match init.weight_stddev {
        Some(deviation) if dense && name.ends_with(".weight") => {
            (0..count).map(|_| deviation * random.normal()).collect()
        }
        Some(_) if dense => vec![0.0; count],
        _ => (0..count).map(|_| bound * (2.0 * random.uniform() - 1.0)).collect(),
    };
    if let Head::Mixture { components, .. } = model.head {
        match name {
            "out.weight" if init.weight_stddev.is_none() => weights.iter_mut().for_each(|w| *w *= FIRST_HEAD_GAIN),
            "out.bias" => {
                weights.fill(0.0);
                weights[components * (1 + model.features())..].fill(FIRST_LOG_SCALE);
            }
            // A mixture of several columns begins as that of the newest.
            "columns.weight" => weights = newest_column(model),
            "columns.bias" => weights.fill(0.0),
            _ => {}
        }
    }
    weights
}
