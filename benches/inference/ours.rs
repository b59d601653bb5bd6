//! This package, through its public interface.

use super::{
    peer::{Looped, Net, Peer},
    work::{Feeding, Start, Work},
};
use std::{path::Path, sync::Arc};
use sympathy::{
    approach::{Generator, Network, feed_seed},
    model::{Approach, Cell, Column, ModelConfig, ModelData, Transpose},
    nn::{Dense, Isa, LayerWeights, Precision, Stack, StackShape, StackState},
};

/// Someone to do the work; none where there is no such storage of these weights.
pub fn peer(work: &Work, start: &Start, precision: Precision, isa: Isa) -> Option<Box<dyn Peer>> {
    match work.config.feeding {
        Feeding::Frames => Some(Box::new(Looped::new(Layers::new(work, precision, isa), work, start))),
        _ => Some(Box::new(Slides::new(work, precision, isa)?)),
    }
}

/// A stack of cells and a dense layer.
struct Layers {
    stack: Stack,
    state: StackState,
    dense: Dense,
    output: Vec<f32>,
}

impl Layers {
    fn new(work: &Work, precision: Precision, isa: Isa) -> Self {
        let config = work.config;
        let layers: Vec<LayerWeights<'_>> = work
            .layers
            .iter()
            .map(|layer| LayerWeights {
                weight_ih: &layer.weight_ih,
                weight_hh: &layer.weight_hh,
                bias_ih: &layer.bias_ih,
                bias_hh: &layer.bias_hh,
                peepholes: None,
            })
            .collect();
        let shape = StackShape {
            cell: Cell::Lstm,
            clock_groups: 0,
            inputs: config.inputs,
            hidden: config.hidden,
            residual: false,
        };
        let stack = Stack::new(shape, &layers, precision, isa);
        let dense = Dense::new(config.hidden, config.outputs, &work.out_weight, &work.out_bias, precision, isa);
        Self { state: stack.make_state(), stack, output: dense.make_output_buffer(), dense }
    }
}

impl Net for Layers {
    fn forward(&mut self, x: &[f32], out: &mut [f32]) {
        let h = self.stack.step(x, &mut self.state);
        self.dense.forward(h, &mut self.output);
        out.copy_from_slice(&self.output[..out.len()]);
    }
}

/// A continuation: what slides has its own way to be fast, and a continuation is where it lives.
struct Slides {
    continuation: Generator,
    sample: [f32; 1],
}

impl Slides {
    fn new(work: &Work, precision: Precision, isa: Isa) -> Option<Self> {
        let network = Network::with_precision(&model(work), precision, isa);
        if network.precision() != precision {
            return None;
        }
        let mut continuation = Generator::new(Arc::new(network));
        continuation.reset(0);
        feed_seed(&mut continuation, &work.seed);
        let mut slides = Self { continuation, sample: [0.0] };
        // The first prediction is already there when the seed has been heard.
        slides.step();
        Some(slides)
    }
}

impl Peer for Slides {
    fn step(&mut self) {
        self.continuation.predict(0.0, &mut self.sample);
    }

    fn prediction(&self) -> &[f32] {
        &self.sample
    }
}

fn model(work: &Work) -> ModelData {
    let config = work.config;
    let approach = match config.feeding {
        Feeding::Transpose { rows } => Approach::Transpose(Transpose {
            seg_len: config.inputs,
            num_unrollings: rows,
            int_cursor_inc: config.inputs,
        }),
        _ => Approach::Column(Column { seg_len: config.inputs }),
    };
    let sizes = ModelConfig::new(approach, Cell::Lstm, config.layers, config.hidden, config.sample_rate_hz);
    let model = ModelConfig { name: config.name.into(), ..sizes };
    ModelData::new(model, work.tensors(), Path::new(config.name)).expect("a sound model")
}
