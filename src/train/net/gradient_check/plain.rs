//! The same network and losses of candle's small operations, time step by time step.

use super::{Keep, STEPS};
use crate::{
    approach::{MAX_LOG_SCALE, min_log_scale},
    dsp::random::Random,
    model::{Cell, Head, LAYER_TENSORS, ModelConfig},
    train::net::{cells::LayerState, network::TrainedNetwork},
};
use candle_core::{D, Device, Result, Tensor};
use candle_nn::ops::sigmoid;

/// Variables of a layer; without peepholes these are zeros.
struct Part<'a> {
    network: &'a TrainedNetwork,
    layer: usize,
}

impl Part<'_> {
    fn get(&self, name: &str) -> Result<Tensor> {
        assert!(LAYER_TENSORS.contains(&name));
        Ok(self.network.variables[&format!("rnn.{name}_l{}", self.layer)].as_tensor().clone())
    }

    /// W·x + b of one of the two sides.
    fn sums(&self, side: &str, x: &Tensor) -> Result<Tensor> {
        x.matmul(&self.get(&format!("weight_{side}"))?.t()?)?.broadcast_add(&self.get(&format!("bias_{side}"))?)
    }
}

/// One step: h and c from what was heard of the last h, from the last h itself and from c.
fn step(
    model: &ModelConfig,
    part: &Part<'_>,
    x: &Tensor,
    heard: &Tensor,
    h: &Tensor,
    c: &Tensor,
    tick: usize,
) -> Result<[Tensor; 2]> {
    let hidden = model.hidden;
    let gate = |sums: &Tensor, index: usize| sums.narrow(1, index * hidden, hidden);
    let stateless = |h: Tensor| Ok([h, c.clone()]);
    match model.cell {
        Cell::Lstm => {
            let sums = (part.sums("ih", x)? + part.sums("hh", heard)?)?;
            let peephole = |gate: usize, c: &Tensor| match model.peepholes {
                true => c.broadcast_mul(&part.get("weight_peephole")?.narrow(0, gate * hidden, hidden)?),
                false => c.zeros_like(),
            };
            let i = sigmoid(&(gate(&sums, 0)? + peephole(0, c)?)?)?;
            let f = sigmoid(&(gate(&sums, 1)? + peephole(1, c)?)?)?;
            let c = ((f * c)? + (i * gate(&sums, 2)?.tanh()?)?)?;
            let o = sigmoid(&(gate(&sums, 3)? + peephole(2, &c)?)?)?;
            Ok([(o * c.tanh()?)?, c])
        }
        Cell::Gru => {
            let (from_x, from_h) = (part.sums("ih", x)?, part.sums("hh", heard)?);
            let r = sigmoid(&(gate(&from_x, 0)? + gate(&from_h, 0)?)?)?;
            let z = sigmoid(&(gate(&from_x, 1)? + gate(&from_h, 1)?)?)?;
            let n = (gate(&from_x, 2)? + (r * gate(&from_h, 2)?)?)?.tanh()?;
            stateless((((1.0 - &z)? * n)? + (z * heard)?)?)
        }
        Cell::RnnTanh => stateless((part.sums("ih", x)? + part.sums("hh", heard)?)?.tanh()?),
        Cell::RnnRelu => stateless((part.sums("ih", x)? + part.sums("hh", heard)?)?.relu()?),
        Cell::Clockwork => {
            let group = |unit: usize| unit / (hidden / model.clock_groups);
            let mask = |count: usize, of: &dyn Fn(usize) -> bool| -> Vec<f32> {
                (0..count).map(|k| f32::from(of(k))).collect()
            };
            let hears = mask(hidden * hidden, &|k| group(k / hidden) <= group(k % hidden));
            let moves = mask(hidden, &|unit| tick.is_multiple_of(1 << group(unit)));
            let (hears, moves) = (
                Tensor::from_vec(hears, (hidden, hidden), &Device::Cpu)?,
                Tensor::from_vec(moves, hidden, &Device::Cpu)?,
            );
            let weight = (part.get("weight_hh")? * hears)?;
            let from_h = heard.matmul(&weight.t()?)?.broadcast_add(&part.get("bias_hh")?)?;
            let new = (part.sums("ih", x)? + from_h)?.tanh()?;
            stateless((new.broadcast_mul(&moves)? + h.broadcast_mul(&(1.0 - &moves)?)?)?)
        }
    }
}

/// Outputs, and h and c of every layer after the last step.
pub(crate) fn forward(
    model: &ModelConfig,
    network: &TrainedNetwork,
    inputs: &[f32],
    start: &[LayerState],
    keep: Keep,
) -> Result<(Tensor, Vec<[Vec<f32>; 2]>)> {
    let batch = start[0].h.len() / model.hidden;
    let mut random = Random::new(keep.map_or(0, |(_, seed)| seed));
    let mut factors = |keep: f32, width: usize| {
        let mut draw = || if random.uniform() < 1.0 - keep { 0.0 } else { 1.0 / keep };
        let count = STEPS * batch * width;
        let values = if keep < 1.0 { (0..count).map(|_| draw()).collect() } else { vec![1.0f32; count] };
        Tensor::from_vec(values, (STEPS, batch, width), &Device::Cpu)
    };
    let [input_keep, output_keep, state_keep] = keep.map_or([1.0; 3], |(keep, _)| keep);
    let mut below = Tensor::from_slice(inputs, (STEPS, batch, model.inputs()), &Device::Cpu)?;
    let mut states = Vec::new();
    for (layer, state) in start.iter().enumerate() {
        let width = below.dim(2)?;
        let (of_input, of_state) = (factors(input_keep, width)?, factors(state_keep, model.hidden)?);
        let of_output = factors(output_keep, model.hidden)?;
        let tensor = |values: &[f32]| match values.is_empty() {
            true => Tensor::zeros((batch, model.hidden), candle_core::DType::F32, &Device::Cpu),
            false => Tensor::from_slice(values, (batch, model.hidden), &Device::Cpu),
        };
        let (mut h, mut c) = (tensor(&state.h)?, tensor(&state.c)?);
        let (part, mut all) = (Part { network, layer }, Vec::new());
        for t in 0..STEPS {
            let x = (below.get(t)? * of_input.get(t)?)?;
            let heard = (&h * of_state.get(t)?)?;
            [h, c] = step(model, &part, &x, &heard, &h, &c, state.tick as usize + t)?;
            all.push(h.clone());
        }
        let values = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
        states.push([values(&h)?, if state.c.is_empty() { Vec::new() } else { values(&c)? }]);
        let outputs = (Tensor::stack(&all, 0)? * of_output)?;
        below = if model.residual_layers && width == model.hidden { (outputs + below)? } else { outputs };
    }
    let dense = |x: &Tensor, name: &str| {
        let part = |part: &str| network.variables[&format!("{name}.{part}")].as_tensor();
        x.matmul(&part("weight").t()?)?.broadcast_add(part("bias"))
    };
    let mut y = dense(&below.reshape((STEPS * batch, model.hidden))?, "out")?;
    if let Some(columns) = model.approach.columns() {
        let num_unrollings = columns.num_unrollings;
        let width = num_unrollings * y.dim(1)?;
        y = dense(&y.reshape((STEPS * batch / num_unrollings, width))?, "columns")?;
    }
    Ok((if model.tanh_output { y.tanh()? } else { y }, states))
}

pub(crate) fn loss(head: Head, output: &Tensor, heard: &Tensor, target: &Tensor) -> Result<Tensor> {
    let (rows, features) = target.dims2()?;
    match head {
        Head::Autoregressive(_) => unreachable!("no configuration of this trainer has it"),
        Head::Mse => (output - target)?.sqr()?.mean_all(),
        Head::Mixture { components: k, residual } => {
            let part = |from, length| output.narrow(1, from, length)?.reshape((rows, k, features));
            let logits = candle_nn::ops::log_softmax(&output.narrow(1, 0, k)?, D::Minus1)?;
            let log_scales = part(k + k * features, k * features)?.clamp(min_log_scale(features), MAX_LOG_SCALE)?;
            let change = if residual { (target - heard)? } else { target.clone() }.unsqueeze(1)?;
            let z = change.broadcast_sub(&part(k, k * features)?)?.mul(&log_scales.neg()?.exp()?)?;
            let each = ((z.sqr()? * -0.5)? - log_scales)?.affine(1.0, -0.5 * std::f64::consts::TAU.ln())?;
            (logits + each.sum(2)?)?.log_sum_exp(1)?.mean_all()?.affine(-1.0 / features as f64, 0.0)
        }
    }
}
