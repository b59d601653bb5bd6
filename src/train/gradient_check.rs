//! Tests of the fused operations against candle's own, and of the trained network against the one that runs.

use super::{
    loss::loss,
    lstm::LayerState,
    network::{Dropout, TrainedNetwork},
};
use crate::{
    approach::{LOG_SCALE_LEAST, LOG_SCALE_MOST},
    dsp::random::Random,
    model::{Approach, Cell, FORMAT_VERSION, Head, ModelConfig, Scaling},
    nn::{CellKind, Isa, LayerWeights, Stack, StackShape},
};
use candle_core::{D, Device, Result, Tensor, backprop::GradStore};

const STREAMS: usize = 3;
const STEPS: usize = 7;

fn model(layers: usize, hidden: usize, head: Head) -> ModelConfig {
    ModelConfig {
        format_version: FORMAT_VERSION,
        name: "check".into(),
        approach: Approach::Vector { seg_len: 16, overlap: 0, emphasis: 0.0, gain: 1.0 },
        cell: Cell::Lstm,
        layers,
        hidden,
        peepholes: false,
        clock_groups: 0,
        residual_layers: false,
        tanh_output: false,
        head,
        sample_rate_hz: 8000,
        scaling: Scaling { mean: 0.0, std: 1.0 },
        principal_components: 0,
        feedback_noise: 0.0,
        temperature: 1.0,
        warmup_speed: 1.0,
        material: Default::default(),
        training: Default::default(),
        notes: String::new(),
    }
}

fn normal(random: &mut Random, count: usize) -> Vec<f32> {
    (0..count).map(|_| random.normal()).collect()
}

/// The same network of candle's small operations, time step by time step.
fn plain_forward(network: &TrainedNetwork, inputs: &Tensor, state: &[LayerState], hidden: usize) -> Result<Tensor> {
    let mut below: Vec<Tensor> = (0..STEPS).map(|step| inputs.get(step)).collect::<Result<_>>()?;
    for (layer, state) in state.iter().enumerate() {
        let part = |name: &str| network.variables[&format!("rnn.{name}_l{layer}")].as_tensor();
        let mut h = Tensor::from_slice(&state.h, (STREAMS, hidden), &Device::Cpu)?;
        let mut c = Tensor::from_slice(&state.c, (STREAMS, hidden), &Device::Cpu)?;
        for x in &mut below {
            let gates = (x.matmul(&part("weight_ih").t()?)? + h.matmul(&part("weight_hh").t()?)?)?
                .broadcast_add(part("bias_ih"))?
                .broadcast_add(part("bias_hh"))?;
            let gate = |index| gates.narrow(1, index * hidden, hidden);
            let sigmoid = |x: Tensor| candle_nn::ops::sigmoid(&x);
            let (i, f, g, o) = (sigmoid(gate(0)?)?, sigmoid(gate(1)?)?, gate(2)?.tanh()?, sigmoid(gate(3)?)?);
            c = ((f * c)? + (i * g)?)?;
            h = (o * c.tanh()?)?;
            *x = h.clone();
        }
    }
    let weight = network.variables["out.weight"].as_tensor();
    Tensor::cat(&below, 0)?.matmul(&weight.t()?)?.broadcast_add(network.variables["out.bias"].as_tensor())
}

fn plain_loss(head: Head, output: &Tensor, heard: &Tensor, target: &Tensor) -> Result<Tensor> {
    let (rows, features) = target.dims2()?;
    match head {
        Head::Mse => (output - target)?.sqr()?.mean_all(),
        Head::Mixture { components: k, residual } => {
            let part = |from, length| output.narrow(1, from, length)?.reshape((rows, k, features));
            let logits = candle_nn::ops::log_softmax(&output.narrow(1, 0, k)?, D::Minus1)?;
            let log_scales = part(k + k * features, k * features)?.clamp(LOG_SCALE_LEAST, LOG_SCALE_MOST)?;
            let change = if residual { (target - heard)? } else { target.clone() }.unsqueeze(1)?;
            let z = change.broadcast_sub(&part(k, k * features)?)?.mul(&log_scales.neg()?.exp()?)?;
            let each = ((z.sqr()? * -0.5)? - log_scales)?.affine(1.0, -0.5 * std::f64::consts::TAU.ln())?;
            (logits + each.sum(2)?)?.log_sum_exp(1)?.mean_all()?.affine(-1.0 / features as f64, 0.0)
        }
    }
}

fn largest_difference(a: &Tensor, b: &Tensor) -> Result<f32> {
    (a - b)?.abs()?.flatten_all()?.max(0)?.to_scalar()
}

fn check(layers: usize, head: Head) -> Result<()> {
    let hidden = 10;
    let model = model(layers, hidden, head);
    let mut random = Random::new(21);
    let network = TrainedNetwork::new(&model, &mut random)?;
    for variable in network.variables.values() {
        // Large enough that gates saturate and some scales leave their bounds.
        let values: Vec<f32> = normal(&mut random, variable.elem_count()).iter().map(|x| 0.8 * x).collect();
        variable.set(&Tensor::from_vec(values, variable.shape(), &Device::Cpu)?)?;
    }
    let width = model.features();
    let (heard, target) = (normal(&mut random, STEPS * STREAMS * width), normal(&mut random, STEPS * STREAMS * width));
    let start: Vec<LayerState> = (0..layers)
        .map(|_| LayerState { h: normal(&mut random, STREAMS * hidden), c: normal(&mut random, STREAMS * hidden) })
        .collect();

    let as_rows = |values: &[f32]| Tensor::from_slice(values, (STEPS * STREAMS, width), &Device::Cpu);
    let inputs = as_rows(&heard)?.reshape((STEPS, STREAMS, width))?;
    let plain =
        plain_loss(head, &plain_forward(&network, &inputs, &start, hidden)?, &as_rows(&heard)?, &as_rows(&target)?)?;
    let mut state = start.clone();
    let fused = loss(head, &network.forward(&heard, &mut state, None)?, &heard, &target)?;

    let plain_value = plain.to_scalar::<f32>()?;
    let close = (fused.mean - plain_value).abs() < 1e-4 * plain_value.abs().max(1.0);
    assert!(close, "{layers} layers, {head:?}: loss {} for {plain_value}", fused.mean);
    let (expected, got): (GradStore, GradStore) = (plain.backward()?, fused.node.backward()?);
    for (name, variable) in &network.variables {
        let (Some(expected), Some(got)) = (expected.get(variable), got.get(variable)) else {
            panic!("{layers} layers, {head:?}: no gradient of {name}");
        };
        let size = expected.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?;
        let difference = largest_difference(expected, got)?;
        assert!(difference < 2e-5 * size.max(0.1), "{layers} layers, {head:?}: {name} off by {difference} of {size}");
    }
    Ok(())
}

#[test]
fn gradients_are_those_of_candle() {
    for layers in 1..=3 {
        for head in [
            Head::Mse,
            Head::Mixture { components: 1, residual: false },
            Head::Mixture { components: 4, residual: true },
            Head::Mixture { components: 4, residual: false },
        ] {
            check(layers, head).expect("tensor arithmetic");
        }
    }
}

#[test]
fn the_trained_network_is_the_one_that_runs() {
    let (layers, hidden, steps) = (2, 24, 1000);
    let model = model(layers, hidden, Head::Mse);
    let mut random = Random::new(22);
    let network = TrainedNetwork::new(&model, &mut random).expect("tensors");
    let inputs = normal(&mut random, steps * model.features());
    let output = network.forward(&inputs, &mut network.zero_state(1), None).expect("a forward pass");
    let output = output.to_vec2::<f32>().expect("values");
    let tensors = network.tensors().expect("values");
    let weights: Vec<LayerWeights<'_>> = (0..layers)
        .map(|k| LayerWeights {
            weight_ih: &tensors[&format!("rnn.weight_ih_l{k}")],
            weight_hh: &tensors[&format!("rnn.weight_hh_l{k}")],
            bias_ih: &tensors[&format!("rnn.bias_ih_l{k}")],
            bias_hh: &tensors[&format!("rnn.bias_hh_l{k}")],
            peepholes: None,
        })
        .collect();
    let shape = StackShape { cell: CellKind::Lstm, inputs: model.inputs(), hidden, residual: false };
    for isa in Isa::all() {
        let stack = Stack::new(shape, &weights, isa);
        let out = crate::nn::Dense::new(hidden, model.output_size(), &tensors["out.weight"], &tensors["out.bias"], isa);
        let (mut state, mut y) = (stack.make_state(), out.make_output_buffer());
        for (step, (x, expected)) in inputs.chunks_exact(model.features()).zip(&output).enumerate() {
            out.forward(stack.step(x, &mut state), &mut y);
            let worst = y.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-5, "{}, step {step}: off by {worst}", isa.name());
        }
    }
}

#[test]
fn dropout_keeps_the_mean_and_silences_its_part() {
    let model = model(1, 200, Head::Mse);
    let mut random = Random::new(23);
    let network = TrainedNetwork::new(&model, &mut random).expect("tensors");
    let bias = network.variables["out.bias"].as_tensor().zeros_like().expect("zeros");
    network.variables["out.bias"].set(&bias).expect("the same shape");
    let inputs = normal(&mut random, model.features());
    let outputs = |probability: f32, random: &mut Random| {
        let dropout = Some(Dropout { probability, random });
        let output = network.forward(&inputs, &mut network.zero_state(1), dropout).expect("a forward pass");
        output.get(0).and_then(|row| row.to_vec1::<f32>()).expect("values")
    };
    let whole = outputs(0.0, &mut random);
    let mut mean = vec![0.0f64; whole.len()];
    for _ in 0..2000 {
        mean.iter_mut().zip(outputs(0.5, &mut random)).for_each(|(m, y)| *m += f64::from(y) / 2000.0);
    }
    let worst = mean.iter().zip(&whole).map(|(m, &w)| (m - f64::from(w)).abs()).fold(0.0, f64::max);
    assert!(worst < 0.02, "the mean under dropout is off by {worst}: {mean:?} for {whole:?}");
}
