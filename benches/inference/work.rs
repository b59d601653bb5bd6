//! What every peer has to do: networks, their weights, the loop around them, and what comes out in double precision.

use std::{collections::BTreeMap, sync::Arc};
use sympathy::dsp::random::Random;

/// Different vectors that are added to what is fed back, one a step in turn.
const STIMULI: usize = 64;

/// A network, how it is fed, and how fast its sound runs.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    pub name: &'static str,
    pub title: &'static str,
    pub inputs: usize,
    pub hidden: usize,
    pub layers: usize,
    pub outputs: usize,
    pub feeding: Feeding,
    /// Samples a step and their rate, for the real-time factor.
    pub hop_samples: usize,
    pub sample_rate_hz: u32,
    /// Steps that are compared with double precision before anything is timed.
    pub checked_steps: usize,
}

/// What a step hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feeding {
    /// Half of the last output, and a stimulus.
    Frames,
    /// The last `inputs` samples; the output is the next one.
    Column,
    /// As a column; a second dense layer makes the next sample of what `rows` columns say, each `inputs` samples after the last.
    Transpose { rows: usize },
}

/// Every configuration.
pub const CONFIGS: [Config; 6] = [
    Config { inputs: 1, hidden: 40, outputs: 1, hop_samples: 1, ..frames("A", "LSTM 1→40, dense 1") },
    Config { inputs: 128, hidden: 256, outputs: 128, hop_samples: 128, ..frames("B", "LSTM 128→256, dense 128") },
    Config { layers: 2, ..frames("C", "LSTM 1024→2×512, dense 1024") },
    Config { inputs: 513, layers: 2, outputs: 513, hop_samples: 256, ..frames("C'", "LSTM 513→2×512, dense 513") },
    Config { checked_steps: 2304, ..samples("D", "sliding 1024→LSTM 128, dense 1", Feeding::Column, 1024) },
    Config {
        checked_steps: 1500,
        ..samples("T", "transpose 64×128, LSTM 128, dense 1, 64→1", Feeding::Transpose { rows: 64 }, 128)
    },
];

const fn frames(name: &'static str, title: &'static str) -> Config {
    let (hidden, feeding, checked_steps) = (512, Feeding::Frames, 256);
    Config {
        name,
        title,
        inputs: 1024,
        hidden,
        layers: 1,
        outputs: 1024,
        feeding,
        hop_samples: 1024,
        sample_rate_hz: 44_100,
        checked_steps,
    }
}

const fn samples(name: &'static str, title: &'static str, feeding: Feeding, inputs: usize) -> Config {
    Config { inputs, hidden: 128, outputs: 1, feeding, hop_samples: 1, sample_rate_hz: 22_050, ..frames(name, title) }
}

/// One layer, as PyTorch names and lays it out.
#[derive(Clone, Debug)]
pub struct Layer {
    pub inputs: usize,
    pub weight_ih: Vec<f32>,
    pub weight_hh: Vec<f32>,
    pub bias_ih: Vec<f32>,
    pub bias_hh: Vec<f32>,
}

/// A configuration with weights, the same for every peer.
#[derive(Clone, Debug)]
pub struct Work {
    pub config: Config,
    pub layers: Vec<Layer>,
    /// `[outputs][hidden]`, `[outputs]`
    pub out_weight: Vec<f32>,
    pub out_bias: Vec<f32>,
    /// Transpose: the oldest column first. `[rows]`
    pub columns_weight: Vec<f32>,
    pub columns_bias: f32,
    /// `[STIMULI][inputs]`
    pub stimuli: Arc<[f32]>,
    /// Samples that sliding configurations have heard before. `[sample]`
    pub seed: Vec<f32>,
}

impl Work {
    /// Weights from ±1/√hidden, stimuli and seed from ±½, uniformly.
    pub fn new(config: Config) -> Self {
        let mut random = Random::new(4);
        let scale = 1.0 / (config.hidden as f32).sqrt();
        let mut draw = |count: usize, most: f32| -> Vec<f32> {
            (0..count).map(|_| most * (2.0 * random.uniform() - 1.0)).collect()
        };
        let (gates, hidden) = (4 * config.hidden, config.hidden);
        let layers = (0..config.layers)
            .map(|layer| {
                let inputs = if layer == 0 { config.inputs } else { hidden };
                let (weight_ih, weight_hh) = (draw(gates * inputs, scale), draw(gates * hidden, scale));
                Layer { inputs, weight_ih, weight_hh, bias_ih: draw(gates, scale), bias_hh: draw(gates, scale) }
            })
            .collect();
        let rows = config.rows();
        Self {
            config,
            layers,
            out_weight: draw(config.outputs * hidden, scale),
            out_bias: draw(config.outputs, scale),
            columns_weight: draw(if config.feeding == Feeding::Column { 0 } else { rows }, 1.0 / (rows as f32).sqrt()),
            columns_bias: draw(1, 0.1)[0],
            stimuli: draw(STIMULI * config.inputs, 0.5).into(),
            // All columns have begun, and the newest has slid for a while.
            seed: draw(if config.feeding == Feeding::Frames { 0 } else { rows * config.inputs + 63 }, 0.5),
        }
    }

    /// The tensors of a model file.
    pub fn tensors(&self) -> BTreeMap<String, Vec<f32>> {
        let mut tensors = BTreeMap::new();
        for (index, layer) in self.layers.iter().enumerate() {
            let parts = [
                ("weight_ih", &layer.weight_ih),
                ("weight_hh", &layer.weight_hh),
                ("bias_ih", &layer.bias_ih),
                ("bias_hh", &layer.bias_hh),
            ];
            tensors.extend(parts.map(|(name, values)| (format!("rnn.{name}_l{index}"), values.clone())));
        }
        tensors.insert("out.weight".into(), self.out_weight.clone());
        tensors.insert("out.bias".into(), self.out_bias.clone());
        tensors.insert("columns.weight".into(), self.columns_weight.clone());
        tensors.insert("columns.bias".into(), vec![self.columns_bias]);
        tensors
    }
}

impl Config {
    /// Columns that are heard at once.
    pub fn rows(&self) -> usize {
        if let Feeding::Transpose { rows } = self.feeding { rows } else { 1 }
    }
}

/// Where a peer begins: what was heard, and the state that it left. Sums in double precision.
#[derive(Clone, Debug)]
pub struct Start {
    /// `[layer][hidden]`
    pub h: Vec<Vec<f32>>,
    pub c: Vec<Vec<f32>>,
    /// Transpose: h and c of every column, the oldest first. `[row][hidden]`
    pub row_states: Vec<(Vec<f32>, Vec<f32>)>,
    /// Transpose: what the dense layer has said of the newest column, the last one at the end.
    pub numbers: Vec<f32>,
    /// The last prediction, `[outputs]`.
    pub y: Vec<f32>,
}

/// Runs the network by plain loops in double precision. Returns where peers begin, and `[step][outputs]` that follow.
pub fn reference(work: &Work) -> (Start, Vec<Vec<f32>>) {
    let config = work.config;
    let mut exact = Exact::new(work);
    let mut y = vec![0.0; if config.feeding == Feeding::Frames { config.outputs } else { 1 }];
    let mut numbers = Vec::new();
    let mut states = Vec::new();
    let spacing = config.inputs;
    let combine = |numbers: &[f64]| match config.feeding {
        Feeding::Transpose { rows } => {
            let newest = numbers.len() - 1;
            let past = |row: usize| newest.checked_sub((rows - 1 - row) * spacing).map_or(0.0, |at| numbers[at]);
            let sum: f64 = (0..rows).map(|row| f64::from(work.columns_weight[row]) * past(row)).sum();
            sum + f64::from(work.columns_bias)
        }
        _ => numbers[numbers.len() - 1],
    };
    let mut heard: Vec<f64> = work.seed.iter().map(|&x| f64::from(x)).collect();
    for window in heard.windows(config.inputs) {
        numbers.push(exact.step(window)[0]);
        states.push((exact.h[0].clone(), exact.c[0].clone()));
    }
    if config.feeding != Feeding::Frames {
        y[0] = combine(&numbers);
    }
    let single = |values: &[f64]| -> Vec<f32> { values.iter().map(|&x| x as f32).collect() };
    let row_state = |row: usize| {
        let (h, c) = &states[states.len() - 1 - (config.rows() - 1 - row) * spacing];
        (single(h), single(c))
    };
    let start = Start {
        h: exact.h.iter().map(|h| single(h)).collect(),
        c: exact.c.iter().map(|c| single(c)).collect(),
        row_states: if states.is_empty() { Vec::new() } else { (0..config.rows()).map(row_state).collect() },
        numbers: single(&numbers),
        y: single(&y),
    };
    let mut outputs = Vec::new();
    for t in 0..config.checked_steps {
        match config.feeding {
            Feeding::Frames => {
                let stimulus = &work.stimuli[t % STIMULI * config.inputs..][..config.inputs];
                let x: Vec<f64> = stimulus.iter().zip(&y).map(|(&u, y)| 0.5 * y + f64::from(u)).collect();
                y.copy_from_slice(exact.step(&x));
            }
            _ => {
                heard.push(y[0]);
                numbers.push(exact.step(&heard[heard.len() - config.inputs..])[0]);
                y[0] = combine(&numbers);
            }
        }
        outputs.push(single(&y));
    }
    (start, outputs)
}

/// The network in double precision.
struct Exact {
    layers: Vec<[Vec<f64>; 3]>,
    out: [Vec<f64>; 2],
    h: Vec<Vec<f64>>,
    c: Vec<Vec<f64>>,
    output: Vec<f64>,
}

impl Exact {
    fn new(work: &Work) -> Self {
        let double = |values: &[f32]| -> Vec<f64> { values.iter().map(|&x| f64::from(x)).collect() };
        let layer = |layer: &Layer| {
            let bias = layer.bias_ih.iter().zip(&layer.bias_hh).map(|(&a, &b)| f64::from(a) + f64::from(b));
            [double(&layer.weight_ih), double(&layer.weight_hh), bias.collect()]
        };
        let zeros = vec![vec![0.0; work.config.hidden]; work.config.layers];
        Self {
            layers: work.layers.iter().map(layer).collect(),
            out: [double(&work.out_weight), double(&work.out_bias)],
            h: zeros.clone(),
            c: zeros,
            output: vec![0.0; work.config.outputs],
        }
    }

    fn step(&mut self, x: &[f64]) -> &[f64] {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let mut x = x.to_vec();
        for ([weight_ih, weight_hh, bias], (h, c)) in self.layers.iter().zip(self.h.iter_mut().zip(&mut self.c)) {
            let hidden = h.len();
            let sum = |row: usize| {
                bias[row]
                    + dot(&weight_ih[row * x.len()..][..x.len()], &x)
                    + dot(&weight_hh[row * hidden..][..hidden], h)
            };
            let sums: Vec<f64> = (0..4 * hidden).map(sum).collect();
            for unit in 0..hidden {
                let gate = |gate: usize| sums[gate * hidden + unit];
                c[unit] = sigmoid(gate(1)) * c[unit] + sigmoid(gate(0)) * gate(2).tanh();
                h[unit] = sigmoid(gate(3)) * c[unit].tanh();
            }
            x.clone_from(h);
        }
        for (row, slot) in self.output.iter_mut().enumerate() {
            *slot = self.out[1][row] + dot(&self.out[0][row * x.len()..][..x.len()], &x);
        }
        &self.output
    }
}

/// Eight sums side by side, so that the compiler can vectorise them.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        (0..8).for_each(|lane| sums[lane] += a[lane] * b[lane]);
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}
