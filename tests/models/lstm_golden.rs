//! The LSTM that runs against PyTorch's and candle's, at every instruction-set level.
#![cfg(feature = "train")]

use crate::common::golden::{Layer, closed_form, input, layers, stack};
use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{LSTM, LSTMConfig, RNN, VarBuilder};
use std::collections::HashMap;
use sympathy::nn::{Cell, Isa, StackShape};

const STEPS: usize = 1000;

fn shape(inputs: usize, hidden: usize) -> StackShape {
    StackShape { cell: Cell::Lstm, clock_groups: 0, inputs, hidden, residual: false }
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
///             print(t, [float("%.6g" % v) for v in h[t, 0, :5].tolist()])
/// ```
#[rustfmt::skip]
const PYTORCH: [([usize; 3], [[f32; 5]; 3]); 3] = [
    ([1, 3, 5], [
        [0.0766022, 0.0689564, -0.0529442, -0.081, 0.0568277],
        [-0.0439133, 0.0271638, -0.215151, -0.0679379, 0.310961],
        [0.147299, 0.147355, -0.156797, -0.236549, 0.164895],
    ]),
    ([2, 4, 7], [
        [-0.0811, 0.13474, 0.066311, -0.0519715, -0.116277],
        [-0.157635, 0.271452, 0.13576, -0.0553541, -0.165702],
        [-0.183893, 0.247633, 0.107245, -0.0626052, -0.147001],
    ]),
    ([3, 2, 6], [
        [-0.0911497, 0.0710693, 0.0885528, -0.204115, 0.00369161],
        [-0.171487, 0.115348, 0.10144, -0.323266, -0.0317056],
        [-0.176896, 0.115831, 0.101398, -0.327493, -0.0289073],
    ]),
];

#[test]
fn equals_pytorch() {
    for ([count, inputs, hidden], expected) in PYTORCH {
        let shape = shape(inputs, hidden);
        let layers = layers(shape, false, count, closed_form);
        for isa in Isa::all() {
            let stack = stack(shape, &layers, isa);
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
        let parts = [
            ("weight_ih", &layer.weight_ih),
            ("weight_hh", &layer.weight_hh),
            ("bias_ih", &layer.bias_ih),
            ("bias_hh", &layer.bias_hh),
        ];
        for ((name, values), shape) in parts.into_iter().zip(shapes) {
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
            let shape = shape(inputs, hidden);
            let layers = layers(shape, false, count, closed_form);
            let expected = candle_lstm(&layers, hidden).expect("tensor arithmetic");
            for isa in Isa::all() {
                let stack = stack(shape, &layers, isa);
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
