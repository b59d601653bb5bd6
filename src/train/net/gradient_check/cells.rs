//! Forward passes of single cells against PyTorch, numpy and candle-nn.

use crate::{
    model::Cell,
    train::net::cells::{Layer, LayerState, Tools, Variables},
};
use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{GRU, GRUConfig, LSTM, LSTMConfig, RNN, VarBuilder};
use std::collections::HashMap;

/// The k-th parameter of a network, as in the scripts below.
fn closed_form(count: usize, k: usize) -> Vec<f32> {
    let k = k as f64;
    let value = |i: f64| 0.3 * libm::sin(1.7 * i + k) + 0.1 * libm::cos(0.37 * i * (k + 1.0));
    (0..count).map(|i| value(i as f64) as f32).collect()
}

struct Case {
    cell: Cell,
    layers: usize,
    inputs: usize,
    hidden: usize,
    clock_groups: usize,
    steps: usize,
}

impl Case {
    fn input(&self) -> Vec<f32> {
        let value = |i: usize, step: usize| libm::sin(0.1 * i as f64 + 0.5 * step as f64) as f32;
        (0..self.steps * self.inputs).map(|k| value(k % self.inputs, k / self.inputs)).collect()
    }

    fn layer(&self, index: usize) -> Layer {
        Layer {
            cell: self.cell,
            inputs: if index == 0 { self.inputs } else { self.hidden },
            hidden: self.hidden,
            clock_groups: self.clock_groups,
            lowest: index == 0,
        }
    }

    /// Parameters of a layer in PyTorch's order with their names and shapes.
    fn parameters(&self, index: usize) -> [(&'static str, Vec<usize>, Vec<f32>); 4] {
        let rows = self.cell.gates() * self.hidden;
        let shapes = [vec![rows, self.layer(index).inputs], vec![rows, self.hidden], vec![rows], vec![rows]];
        let names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"];
        std::array::from_fn(|part| {
            let count = shapes[part].iter().product();
            (names[part], shapes[part].clone(), closed_form(count, 4 * index + part))
        })
    }

    /// h of the top layer at every step.
    fn ours(&self) -> Result<Vec<Vec<f32>>> {
        let mut x = Tensor::from_vec(self.input(), (self.steps, self.inputs), &Device::Cpu)?;
        for index in 0..self.layers {
            let tensors =
                self.parameters(index).map(|(_, shape, values)| Tensor::from_vec(values, shape, &Device::Cpu));
            let tensors = tensors.into_iter().collect::<Result<Vec<Tensor>>>()?;
            let variables = Variables { names: Default::default(), tensors };
            let start = LayerState::zeros(self.cell, 1, self.hidden);
            x = self.layer(index).run(&x, variables, &start, None, &Tools::default())?.0;
        }
        x.to_vec2()
    }

    /// The same by candle-nn.
    fn candle(&self) -> Result<Vec<Vec<f32>>> {
        let mut x = Tensor::from_vec(self.input(), (1, self.steps, self.inputs), &Device::Cpu)?;
        for layer in 0..self.layers {
            let mut tensors = HashMap::new();
            for (name, shape, values) in self.parameters(layer) {
                tensors.insert(format!("{name}_l0"), Tensor::from_vec(values, shape, &Device::Cpu)?);
            }
            let builder = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
            let inputs = self.layer(layer).inputs;
            x = if self.cell == Cell::Lstm {
                let lstm = LSTM::new(inputs, self.hidden, LSTMConfig::default(), builder)?;
                lstm.states_to_tensor(&lstm.seq(&x)?)?
            } else {
                let gru = GRU::new(inputs, self.hidden, GRUConfig::default(), builder)?;
                // Version 0.11 puts the steps of a GRU side by side.
                gru.states_to_tensor(&gru.seq(&x)?)?.reshape((1, self.steps, self.hidden))?
            };
        }
        x.get(0)?.to_vec2()
    }
}

fn worst(got: &[f32], expected: &[f32]) -> f32 {
    got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn lstm_and_gru_are_those_of_candle() {
    for cell in [Cell::Lstm, Cell::Gru] {
        for layers in 1..=3 {
            for (inputs, hidden) in [(1, 1), (5, 16), (48, 33)] {
                let case = Case { cell, layers, inputs, hidden, clock_groups: 0, steps: 200 };
                let (got, expected) = (case.ours().expect("our cells"), case.candle().expect("candle's cells"));
                for (step, (got, expected)) in got.iter().zip(&expected).enumerate() {
                    let worst = worst(got, expected);
                    assert!(worst < 1e-5, "{layers} x {cell:?} of {hidden}, step {step}: off by {worst}");
                }
            }
        }
    }
}

/// Made with numpy 2.4 (and for the first four, with PyTorch 2.15's `nn.RNN` too, to the last digit but one):
///
/// ```python
/// import numpy as np
/// def closed(shape, k):
///     i = np.arange(np.prod(shape))
///     return (0.3 * np.sin(1.7 * i + k) + 0.1 * np.cos(0.37 * i * (k + 1))).astype(np.float32).reshape(shape)
/// def run(layers, inputs, hidden, function, groups=0):
///     x = [np.sin(0.1 * np.arange(inputs) + 0.5 * t) for t in range(1000)]
///     for layer in range(layers):
///         size = inputs if layer == 0 else hidden
///         ih, hh = closed((hidden, size), 4 * layer), closed((hidden, hidden), 4 * layer + 1)
///         b = closed(hidden, 4 * layer + 2) + closed(hidden, 4 * layer + 3)
///         group = np.arange(hidden) // (hidden // groups) if groups else np.zeros(hidden)
///         hh = np.where(group[:, None] <= group, hh, 0)
///         h, out = np.zeros(hidden), []
///         for t in range(1000):
///             h = np.where(t % 2**group == 0, function(ih @ x[t] + hh @ h + b), h)
///             out.append(h)
///         x = out
///     for t in (0, 9, 999):
///         print([float("%.6g" % v) for v in x[t][:5]])
/// relu = lambda v: np.maximum(v, 0)
/// for case in [(1, 3, 5, np.tanh), (3, 2, 6, np.tanh), (1, 3, 5, relu), (2, 4, 7, relu), (1, 3, 6, np.tanh, 3), (3, 2, 8, np.tanh, 4)]:
///     run(*case)
/// ```
#[rustfmt::skip]
const NUMPY: [(Cell, [usize; 4], [[f32; 5]; 3]); 6] = [
    (Cell::RnnTanh, [1, 3, 5, 0], [
        [0.503194, -0.334223, -0.337284, 0.315355, 0.0806838],
        [0.188059, -0.270582, -0.452078, 0.830945, 0.218591],
        [0.700826, -0.332756, -0.704252, 0.722446, 0.143239],
    ]),
    (Cell::RnnTanh, [3, 2, 6, 0], [
        [0.0265048, -0.212796, -0.0350624, 0.654523, -0.702278],
        [0.174457, -0.493494, 0.420185, 0.225608, -0.604059],
        [0.280819, -0.536978, 0.375582, 0.349671, -0.658038],
    ]),
    (Cell::RnnRelu, [1, 3, 5, 0], [
        [0.553574, 0.0, 0.0, 0.32648, 0.0808595],
        [0.0265256, 0.0, 0.0, 1.10912, 0.244879],
        [0.808412, 0.0, 0.0, 0.876231, 0.0865595],
    ]),
    (Cell::RnnRelu, [2, 4, 7, 0], [
        [0.29778, 0.453162, 0.159877, 0.0, 0.579329],
        [0.40084, 0.313123, 0.0, 0.0, 0.290946],
        [0.224568, 0.253889, 0.0, 0.0, 0.431991],
    ]),
    (Cell::Clockwork, [1, 3, 6, 3], [
        [0.503194, -0.334223, -0.337284, 0.315355, 0.0806838],
        [-0.0708358, -0.690999, 0.115327, 0.601856, 0.0992235],
        [0.607743, -0.763569, -0.451674, 0.350404, 0.143482],
    ]),
    (Cell::Clockwork, [3, 2, 8, 4], [
        [-0.071464, -0.571909, -0.159957, 0.06666, -0.173993],
        [-0.281132, -0.319619, 0.37285, 0.284996, -0.390141],
        [-0.288835, -0.260195, 0.425451, 0.31726, -0.354245],
    ]),
];

#[test]
fn vanilla_and_clockwork_are_those_of_numpy() {
    for (cell, [layers, inputs, hidden, clock_groups], expected) in NUMPY {
        let case = Case { cell, layers, inputs, hidden, clock_groups, steps: 1000 };
        let h = case.ours().expect("tensor arithmetic");
        for (step, expected) in [0, 9, 999].into_iter().zip(&expected) {
            let worst = worst(&h[step], expected);
            assert!(worst < 1e-5, "{layers} x {cell:?} of {hidden}, step {step}: off by {worst}");
        }
    }
}
