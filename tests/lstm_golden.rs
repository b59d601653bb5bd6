//! The LSTM that runs against PyTorch's and candle's, at every instruction-set level.
#![cfg(feature = "train")]

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{LSTM, LSTMConfig, RNN, VarBuilder};
use std::collections::HashMap;
use sympathy::nn::{Isa, LstmLayerWeights, LstmStack};

const STEPS: usize = 1000;
const PARTS: [&str; 4] = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"];

/// Parameters of a layer under PyTorch's names, in PyTorch's order, with their shapes.
struct Layer {
    parts: [Vec<f32>; 4],
    inputs: usize,
}

/// The k-th parameter of the network, as in the script below.
fn closed_form(count: usize, k: usize) -> Vec<f32> {
    let k = k as f64;
    let value = |i: f64| 0.3 * libm::sin(1.7 * i + k) + 0.1 * libm::cos(0.37 * i * (k + 1.0));
    (0..count).map(|i| value(i as f64) as f32).collect()
}

fn layers(count: usize, inputs: usize, hidden: usize) -> Vec<Layer> {
    (0..count)
        .map(|layer| {
            let inputs = if layer == 0 { inputs } else { hidden };
            let sizes = [4 * hidden * inputs, 4 * hidden * hidden, 4 * hidden, 4 * hidden];
            Layer { parts: std::array::from_fn(|part| closed_form(sizes[part], 4 * layer + part)), inputs }
        })
        .collect()
}

fn input(step: usize, inputs: usize) -> Vec<f32> {
    (0..inputs).map(|i| libm::sin(0.1 * i as f64 + 0.5 * step as f64) as f32).collect()
}

fn stack(layers: &[Layer], hidden: usize, isa: Isa) -> LstmStack {
    let weights: Vec<LstmLayerWeights<'_>> = layers
        .iter()
        .map(|Layer { parts: [weight_ih, weight_hh, bias_ih, bias_hh], .. }| LstmLayerWeights {
            weight_ih,
            weight_hh,
            bias_ih,
            bias_hh,
        })
        .collect();
    LstmStack::new(layers[0].inputs, hidden, &weights, isa)
}

/// Made with PyTorch 2.15.0 on a processor:
///
/// ```python
/// import torch
/// def closed(n, k):
///     i = torch.arange(n, dtype=torch.float64)
///     return (0.3 * torch.sin(1.7 * i + k) + 0.1 * torch.cos(0.37 * i * (k + 1))).float()
/// for layers, inputs, hidden in [(1, 3, 5), (2, 4, 7), (3, 2, 6)]:
///     rnn = torch.nn.LSTM(inputs, hidden, layers)
///     with torch.no_grad():
///         for k, (name, p) in enumerate(rnn.named_parameters()):
///             p.copy_(closed(p.numel(), k).reshape(p.shape))
///         x = torch.stack([torch.sin(0.1 * torch.arange(inputs, dtype=torch.float64) + 0.5 * t) for t in range(1000)])
///         h, _ = rnn(x.float()[:, None])
///         for t in (0, 9, 999):
///             print(t, [float("%.8g" % v) for v in h[t, 0, :5].tolist()])
/// ```
#[rustfmt::skip]
const PYTORCH: [([usize; 3], [[f32; 5]; 3]); 3] = [
    ([1, 3, 5], [
        [0.076602235, 0.068956442, -0.052944172, -0.081000015, 0.05682769],
        [-0.043913256, 0.027163789, -0.21515062, -0.067937918, 0.3109614],
        [0.14729899, 0.14735524, -0.15679738, -0.23654859, 0.1648954],
    ]),
    ([2, 4, 7], [
        [-0.081100017, 0.1347395, 0.066310972, -0.051971529, -0.11627673],
        [-0.15763523, 0.27145162, 0.13575958, -0.055354085, -0.16570228],
        [-0.18389319, 0.24763292, 0.10724546, -0.062605195, -0.14700133],
    ]),
    ([3, 2, 6], [
        [-0.091149665, 0.071069255, 0.088552833, -0.20411548, 0.0036916116],
        [-0.17148675, 0.11534829, 0.10144012, -0.3232663, -0.031705629],
        [-0.17689586, 0.11583125, 0.10139758, -0.32749298, -0.028907301],
    ]),
];

#[test]
fn equals_pytorch() {
    for ([count, inputs, hidden], expected) in PYTORCH {
        let layers = layers(count, inputs, hidden);
        for isa in Isa::all() {
            let stack = stack(&layers, hidden, isa);
            let mut state = stack.make_state();
            for step in 0..STEPS {
                let h = stack.step(&input(step, inputs), &mut state);
                let Some(place) = [0, 9, 999].iter().position(|&kept| kept == step) else { continue };
                for (k, (got, want)) in h.iter().zip(&expected[place]).enumerate() {
                    let name = isa.name();
                    assert!((got - want).abs() < 1e-5, "{name}, {count} layers, step {step}, h[{k}]: {got} for {want}");
                }
            }
        }
    }
}

/// h of the top layer, `[step][hidden]`.
fn candle_lstm(layers: &[Layer], hidden: usize) -> Result<Vec<Vec<f32>>> {
    let inputs = layers[0].inputs;
    let rows: Vec<f32> = (0..STEPS).flat_map(|step| input(step, inputs)).collect();
    let mut x = Tensor::from_vec(rows, (1, STEPS, inputs), &Device::Cpu)?;
    for (index, layer) in layers.iter().enumerate() {
        let shapes = [vec![4 * hidden, layer.inputs], vec![4 * hidden, hidden], vec![4 * hidden], vec![4 * hidden]];
        let mut tensors = HashMap::new();
        for ((name, values), shape) in PARTS.iter().zip(&layer.parts).zip(shapes) {
            tensors.insert(format!("{name}_l{index}"), Tensor::from_slice(values, shape, &Device::Cpu)?);
        }
        let builder = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
        let config = LSTMConfig { layer_idx: index, ..LSTMConfig::default() };
        let lstm = LSTM::new(layer.inputs, hidden, config, builder)?;
        x = lstm.states_to_tensor(&lstm.seq(&x)?)?;
    }
    x.get(0)?.to_vec2()
}

#[test]
fn equals_candle() {
    for count in 1..=3 {
        for (inputs, hidden) in [(1, 1), (5, 16), (48, 33), (17, 100)] {
            let layers = layers(count, inputs, hidden);
            let expected = candle_lstm(&layers, hidden).expect("tensor arithmetic");
            for isa in Isa::all() {
                let stack = stack(&layers, hidden, isa);
                let mut state = stack.make_state();
                for (step, expected) in expected.iter().enumerate() {
                    let h = stack.step(&input(step, inputs), &mut state);
                    let worst = h.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                    let name = isa.name();
                    assert!(worst < 1e-5, "{name}, {count} layers of {hidden}, step {step}: off by {worst}");
                }
            }
        }
    }
}
