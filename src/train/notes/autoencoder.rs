//! An autoencoder of notes while it is trained: its weights, its loss over segments, and the gradient of that.

use super::{
    config::Loss,
    loss::{Figures, judge},
    weights::first_normal,
};
use crate::{
    dsp::random::Random,
    model::{RollModelConfig, RollNetwork},
    nn::{elu, tanh, vectorize},
    train::net::{
        cells::{View, add_rows, multiply_rows, sum_rows},
        dropout::factors,
        gradient::{Named, Sink},
        tensors::values_of,
        workspace::Workspace,
    },
};
use candle_core::{Device, Error, Result, Tensor, Var};
use std::{
    collections::BTreeMap,
    sync::{Arc, MutexGuard},
};

/// A dense layer of the encoder or the decoder.
#[derive(Clone, Debug)]
struct Layer {
    inputs: usize,
    outputs: usize,
    weight: String,
    bias: String,
    /// The weight is that of the encoder, `(inputs, outputs)`; else `(outputs, inputs)`.
    mirrored: bool,
    role: Role,
}

/// What the outputs of a layer go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Hidden,
    Code,
    /// The sigmoid is in the loss.
    Last,
}

/// Dense layers to a code and back.
pub(super) struct AutoencoderNetwork {
    layers: Vec<Layer>,
    work: Arc<Workspace>,
    sink: Sink,
    /// Under the names of the model file.
    pub variables: BTreeMap<String, Var>,
}

/// The outputs of a layer, as the next one hears them, and the factors of dropout in them.
struct Ran {
    /// After the activation, before dropout.
    outputs: Vec<f32>,
    factors: Option<Vec<f32>>,
    /// With dropout.
    heard: Option<Vec<f32>>,
}

impl Ran {
    fn heard(&self) -> &[f32] {
        self.heard.as_deref().unwrap_or(&self.outputs)
    }
}

impl AutoencoderNetwork {
    /// Matrices begin normal with a variance of 2 / (inputs + outputs) (Glorot and Bengio 2010), biases 0.
    pub fn new(model: &RollModelConfig, random: &mut Random) -> Result<Self> {
        let RollNetwork::Autoencoder { widths, tied, .. } = &model.network else {
            return Err(Error::Msg("an autoencoder was expected".into()));
        };
        let last = widths.len() - 2;
        let layer = |half: &str, index: usize, [inputs, outputs]: [usize; 2], role: Role| Layer {
            inputs,
            outputs,
            weight: format!("{half}.{index}.weight"),
            bias: format!("{half}.{index}.bias"),
            mirrored: false,
            role,
        };
        let role = |index: usize, end: Role| if index == last { end } else { Role::Hidden };
        let mut layers: Vec<Layer> = (0..=last)
            .map(|index| layer("encoder", index, [widths[index], widths[index + 1]], role(index, Role::Code)))
            .collect();
        for index in 0..=last {
            let from = last - index;
            let mut back = layer("decoder", index, [widths[from + 1], widths[from]], role(index, Role::Last));
            if *tied {
                (back.weight, back.mirrored) = (format!("encoder.{from}.weight"), true);
            }
            layers.push(back);
        }
        let mut tensors = model.tensors();
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        let mut variables = BTreeMap::new();
        for tensor in tensors {
            let weights = match tensor.shape[..] {
                [rows, columns] => first_normal(rows, columns, random),
                _ => vec![0.0; tensor.shape.iter().product()],
            };
            variables.insert(tensor.name, Var::from_vec(weights, tensor.shape, &Device::Cpu)?);
        }
        Ok(Self { layers, work: Arc::default(), sink: Sink::default(), variables })
    }

    /// The name of the outputs' bias.
    pub fn output_bias(&self) -> &str {
        self.layers.last().map_or("", |layer| &layer.bias)
    }

    /// Judges how `segments`, `[segment][number]`, come back. `dropout`: parts of the outputs of every layer but the
    /// last that are silenced, and where the factors come from; with it the gradient is left for [`Self::gradient`].
    pub fn pass(&self, segments: &[f32], loss: Loss, dropout: Option<(&[f32], &mut Random)>) -> Result<Figures> {
        let wants_gradient = dropout.is_some();
        self.with_weights(|weights| {
            let mut ran = self.run(segments, weights, dropout);
            let width = self.layers[0].inputs;
            let scored = vec![true; segments.len() / width];
            let Some(Ran { outputs, .. }) = ran.last_mut() else { return Figures::default() };
            let figures = judge(outputs, segments, width, &scored, loss);
            if wants_gradient {
                self.backward(segments, weights, &ran);
            }
            figures
        })
    }

    fn with_weights<R>(&self, read: impl FnOnce(&BTreeMap<&str, &[f32]>) -> R) -> Result<R> {
        let (names, tensors): (Vec<&str>, Vec<&Tensor>) =
            self.variables.iter().map(|(name, variable)| (&name[..], variable.as_tensor())).unzip();
        values_of(&tensors, |slices| read(&names.iter().copied().zip(slices.iter().copied()).collect()))
    }

    /// The outputs of all layers; those of the last are logits.
    fn run(
        &self,
        segments: &[f32],
        weights: &BTreeMap<&str, &[f32]>,
        mut dropout: Option<(&[f32], &mut Random)>,
    ) -> Vec<Ran> {
        let rows = segments.len() / self.layers[0].inputs;
        let mut ran: Vec<Ran> = Vec::new();
        for (index, layer) in self.layers.iter().enumerate() {
            let Layer { inputs, outputs, mirrored, role, .. } = *layer;
            let x = View::whole(ran.last().map_or(segments, Ran::heard), rows, inputs);
            let weight = weights[&layer.weight[..]];
            let weight = match mirrored {
                true => View::whole(weight, inputs, outputs),
                false => View::whole(weight, outputs, inputs).t(),
            };
            let mut y = vec![0.0; rows * outputs];
            multiply_rows(x, weight, &mut y, outputs, &self.work);
            let bias = weights[&layer.bias[..]];
            vectorize(
                pulp::Arch::new(),
                #[inline(always)]
                || {
                    for row in y.chunks_exact_mut(outputs) {
                        row.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
                        match role {
                            Role::Hidden => row.iter_mut().for_each(|y| *y = elu(*y)),
                            Role::Code => row.iter_mut().for_each(|y| *y = tanh(*y)),
                            Role::Last => {}
                        }
                    }
                },
            );
            let part = dropout.as_ref().and_then(|(parts, _)| parts.get(index)).copied().unwrap_or(0.0);
            let factors = dropout.as_mut().filter(|_| part > 0.0).map(|(_, random)| factors(part, y.len(), random));
            let heard = factors.as_ref().map(|factors| y.iter().zip(factors).map(|(y, factor)| y * factor).collect());
            ran.push(Ran { outputs: y, factors, heard });
        }
        ran
    }

    /// Leaves the gradients of all weights in the sink. The outputs of the last layer are the gradient of its logits.
    fn backward(&self, segments: &[f32], weights: &BTreeMap<&str, &[f32]>, ran: &[Ran]) {
        let rows = segments.len() / self.layers[0].inputs;
        let mut of_outputs = ran.last().map_or(Vec::new(), |last| last.outputs.clone());
        // Weights that two layers share have a gradient from each.
        let mut seen: Vec<&str> = Vec::new();
        for (index, layer) in self.layers.iter().enumerate().rev() {
            let Layer { inputs, outputs, mirrored, role, .. } = *layer;
            let Ran { outputs: y, factors, .. } = &ran[index];
            if let Some(factors) = factors {
                of_outputs.iter_mut().zip(factors).for_each(|(g, factor)| *g *= factor);
            }
            match role {
                Role::Hidden => {
                    of_outputs.iter_mut().zip(y).for_each(|(g, y)| *g *= if *y > 0.0 { 1.0 } else { 1.0 + y });
                }
                Role::Code => of_outputs.iter_mut().zip(y).for_each(|(g, y)| *g *= 1.0 - y * y),
                Role::Last => {}
            }
            let x = View::whole(if index == 0 { segments } else { ran[index - 1].heard() }, rows, inputs);
            let delta = View::whole(&of_outputs, rows, outputs);
            let names = [&layer.weight[..], &layer.bias];
            let [mut of_weight, mut of_bias] = self.sink.take(names, [inputs * outputs, outputs]);
            let (left, right, stride) = if mirrored { (x.t(), delta, outputs) } else { (delta.t(), x, inputs) };
            match seen.contains(&names[0]) {
                true => add_rows(left, right, &mut of_weight, stride, &self.work),
                false => multiply_rows(left, right, &mut of_weight, stride, &self.work),
            }
            seen.push(names[0]);
            sum_rows(delta, &mut of_bias);
            self.sink.put(names, [of_weight, of_bias]);
            if index > 0 {
                let weight = weights[names[0]];
                let weight = match mirrored {
                    true => View::whole(weight, inputs, outputs).t(),
                    false => View::whole(weight, outputs, inputs),
                };
                let mut below = vec![0.0; rows * inputs];
                multiply_rows(delta, weight, &mut below, inputs, &self.work);
                of_outputs = below;
            }
        }
    }

    /// The gradient that the last [`Self::pass`] with one has left. Numbers may be taken out of it; their memory is used again.
    pub fn gradient(&self) -> MutexGuard<'_, Named> {
        self.sink.lock()
    }
}
