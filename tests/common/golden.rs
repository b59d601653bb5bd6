//! Layers of recurrent cells for comparisons: weights in closed form or at random, and a plain reference in double precision.

use sympathy::{
    dsp::random::Random,
    model::{ModelConfig, ModelData},
    nn::{Cell, Isa, LayerWeights, Precision, Stack, StackShape},
};

/// A layer's parameters under PyTorch's names.
#[derive(Clone)]
pub struct Layer {
    pub inputs: usize,
    pub weight_ih: Vec<f32>,
    pub weight_hh: Vec<f32>,
    pub bias_ih: Vec<f32>,
    pub bias_hh: Vec<f32>,
    pub peepholes: Option<Vec<f32>>,
}

fn gates(cell: Cell) -> usize {
    match cell {
        Cell::Lstm => 4,
        Cell::Gru => 3,
        Cell::RnnTanh | Cell::RnnRelu | Cell::Clockwork => 1,
    }
}

/// Layers whose parameters, in PyTorch's order and the peepholes last, are made by `fill(count, number of the parameter)`.
pub fn layers(
    shape: StackShape,
    peepholes: bool,
    count: usize,
    mut fill: impl FnMut(usize, usize) -> Vec<f32>,
) -> Vec<Layer> {
    let (rows, hidden) = (gates(shape.cell) * shape.hidden, shape.hidden);
    let parts = 4 + usize::from(peepholes);
    (0..count)
        .map(|layer| {
            let inputs = if layer == 0 { shape.inputs } else { hidden };
            let first = parts * layer;
            Layer {
                inputs,
                weight_ih: fill(rows * inputs, first),
                weight_hh: fill(rows * hidden, first + 1),
                bias_ih: fill(rows, first + 2),
                bias_hh: fill(rows, first + 3),
                peepholes: peepholes.then(|| fill(3 * hidden, first + 4)),
            }
        })
        .collect()
}

/// The k-th parameter of a network, as in the scripts beside the goldens.
pub fn closed_form(count: usize, k: usize) -> Vec<f32> {
    let k = k as f64;
    let value = |i: f64| 0.3 * libm::sin(1.7 * i + k) + 0.1 * libm::cos(0.37 * i * (k + 1.0));
    (0..count).map(|i| value(i as f64) as f32).collect()
}

/// What the networks of the goldens hear.
pub fn input(step: usize, inputs: usize) -> Vec<f32> {
    (0..inputs).map(|i| libm::sin(0.1 * i as f64 + 0.5 * step as f64) as f32).collect()
}

/// The stack that is tested, its weights as they are.
pub fn stack(shape: StackShape, layers: &[Layer], isa: Isa) -> Stack {
    stack_of(shape, layers, Precision::F32, isa)
}

/// The stack that is tested, its weights stored in some precision.
pub fn stack_of(shape: StackShape, layers: &[Layer], precision: Precision, isa: Isa) -> Stack {
    let weights: Vec<LayerWeights<'_>> = layers
        .iter()
        .map(|layer| LayerWeights {
            weight_ih: &layer.weight_ih,
            weight_hh: &layer.weight_hh,
            bias_ih: &layer.bias_ih,
            bias_hh: &layer.bias_hh,
            peepholes: layer.peepholes.as_deref(),
        })
        .collect();
    Stack::new(shape, &weights, precision, isa)
}

/// The same layers with their state, in double precision, written as the formulas are.
#[derive(Clone)]
pub struct Reference {
    shape: StackShape,
    layers: Vec<Layer>,
    h: Vec<Vec<f64>>,
    c: Vec<Vec<f64>>,
    /// Factors of a layer's inputs and outputs.
    masks: Vec<[Vec<f64>; 2]>,
    step: u64,
}

impl Reference {
    pub fn new(shape: StackShape, layers: &[Layer]) -> Self {
        let zeros = vec![vec![0.0; shape.hidden]; layers.len()];
        let masks = layers.iter().map(|layer| [vec![1.0; layer.inputs], vec![1.0; shape.hidden]]).collect();
        Self { shape, layers: layers.to_vec(), h: zeros.clone(), c: zeros, masks, step: 0 }
    }

    /// The layers of a model file.
    pub fn of(data: &ModelData) -> Self {
        let config: &ModelConfig = data.config();
        let shape = config.stack_shape();
        let names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_peephole"];
        let parts = names.len() - usize::from(!config.peepholes);
        let layers = layers(shape, config.peepholes, config.layers, |_, k| {
            data.tensor(&format!("rnn.{}_l{}", names[k % parts], k / parts)).to_vec()
        });
        Self::new(shape, &layers)
    }

    /// Draws masks as a state does: layer by layer, inputs, then outputs; nothing where all are kept.
    pub fn draw_dropout(&mut self, input_keep: f32, output_keep: f32, random: &mut Random) {
        for masks in &mut self.masks {
            for (mask, keep) in masks.iter_mut().zip([input_keep, output_keep]) {
                if keep < 1.0 {
                    mask.fill_with(|| if random.uniform() < keep { 1.0 / f64::from(keep) } else { 0.0 });
                }
            }
        }
    }

    /// The top layer's output.
    pub fn step(&mut self, input: &[f64]) -> Vec<f64> {
        let mut x = input.to_vec();
        for layer in 0..self.layers.len() {
            let [input_mask, output_mask] = self.masks[layer].clone();
            let heard: Vec<f64> = x.iter().zip(input_mask).map(|(x, m)| x * m).collect();
            self.step_layer(layer, &heard);
            let residual = self.shape.residual && x.len() == self.shape.hidden;
            x = (0..self.shape.hidden)
                .map(|k| self.h[layer][k] * output_mask[k] + if residual { x[k] } else { 0.0 })
                .collect();
        }
        self.step += 1;
        x
    }

    fn step_layer(&mut self, index: usize, x: &[f64]) {
        let (layer, n) = (&self.layers[index], self.shape.hidden);
        let last = self.h[index].clone();
        let of_x = |row: usize| f64::from(layer.bias_ih[row]) + dot(&layer.weight_ih[row * x.len()..][..x.len()], x);
        let of_h = |row: usize| f64::from(layer.bias_hh[row]) + dot(&layer.weight_hh[row * n..][..n], &last);
        let sum = |row: usize| of_x(row) + of_h(row);
        let peephole = |gate: usize, k: usize| layer.peepholes.as_ref().map_or(0.0, |p| f64::from(p[gate * n + k]));
        for k in 0..n {
            let h = &mut self.h[index][k];
            match self.shape.cell {
                Cell::Lstm => {
                    let c = &mut self.c[index][k];
                    let input = sigmoid(sum(k) + peephole(0, k) * *c);
                    let forget = sigmoid(sum(n + k) + peephole(1, k) * *c);
                    *c = forget * *c + input * sum(2 * n + k).tanh();
                    *h = sigmoid(sum(3 * n + k) + peephole(2, k) * *c) * c.tanh();
                }
                Cell::Gru => {
                    let (r, z) = (sigmoid(sum(k)), sigmoid(sum(n + k)));
                    let new = (of_x(2 * n + k) + r * of_h(2 * n + k)).tanh();
                    *h = (1.0 - z) * new + z * last[k];
                }
                Cell::RnnTanh => *h = sum(k).tanh(),
                Cell::RnnRelu => *h = sum(k).max(0.0),
                Cell::Clockwork => {
                    let groups = self.shape.clock_groups;
                    let group = k * groups / n;
                    if self.step.is_multiple_of(1 << group) {
                        let first = group * n / groups;
                        let heard = dot(&layer.weight_hh[k * n + first..][..n - first], &last[first..]);
                        *h = (of_x(k) + f64::from(layer.bias_hh[k]) + heard).tanh();
                    }
                }
            }
        }
    }
}

/// w · x.
pub fn dot(w: &[f32], x: &[f64]) -> f64 {
    w.iter().zip(x).map(|(&w, x)| f64::from(w) * x).sum()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
