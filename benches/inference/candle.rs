//! candle-nn's LSTM and linear layer.

use super::{
    peer::Net,
    work::{Start, Work},
};
use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{LSTM, LSTMConfig, Linear, Module, RNN, VarBuilder, rnn::LSTMState};
use std::collections::HashMap;

/// One step of a batch of one vector, or of all columns.
pub struct Candle {
    layers: Vec<LSTM>,
    states: Vec<LSTMState>,
    linear: Linear,
    rows: usize,
}

impl Candle {
    /// One vector a step.
    pub fn new(work: &Work, start: &Start) -> Result<Self> {
        let states = start.h.iter().zip(&start.c).map(|(h, c)| Ok(LSTMState::new(batch(h, 1)?, batch(c, 1)?)));
        Self::with_states(work, states.collect::<Result<_>>()?, 1)
    }

    /// All columns of a transpose, each with its state.
    pub fn literal(work: &Work, start: &Start) -> Result<Self> {
        let rows = start.row_states.len();
        let h: Vec<f32> = start.row_states.iter().flat_map(|(h, _)| h.iter().copied()).collect();
        let c: Vec<f32> = start.row_states.iter().flat_map(|(_, c)| c.iter().copied()).collect();
        Self::with_states(work, vec![LSTMState::new(batch(&h, rows)?, batch(&c, rows)?)], rows)
    }

    fn with_states(work: &Work, states: Vec<LSTMState>, rows: usize) -> Result<Self> {
        let hidden = work.config.hidden;
        let tensor = |values: &[f32], shape: &[usize]| Tensor::from_slice(values, shape, &Device::Cpu);
        let layers = work.layers.iter().map(|layer| {
            let tensors = HashMap::from([
                ("weight_ih_l0".to_string(), tensor(&layer.weight_ih, &[4 * hidden, layer.inputs])?),
                ("weight_hh_l0".to_string(), tensor(&layer.weight_hh, &[4 * hidden, hidden])?),
                ("bias_ih_l0".to_string(), tensor(&layer.bias_ih, &[4 * hidden])?),
                ("bias_hh_l0".to_string(), tensor(&layer.bias_hh, &[4 * hidden])?),
            ]);
            let builder = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
            candle_nn::lstm(layer.inputs, hidden, LSTMConfig::default(), builder)
        });
        let outputs = work.config.outputs;
        Ok(Self {
            layers: layers.collect::<Result<_>>()?,
            states,
            linear: Linear::new(
                tensor(&work.out_weight, &[outputs, hidden])?,
                Some(tensor(&work.out_bias, &[outputs])?),
            ),
            rows,
        })
    }

    fn step(&mut self, x: &[f32]) -> Result<Vec<f32>> {
        let mut x = batch(x, self.rows)?;
        for (layer, state) in self.layers.iter().zip(&mut self.states) {
            *state = layer.step(&x, state)?;
            x = state.h().clone();
        }
        self.linear.forward(&x)?.flatten_all()?.to_vec1()
    }
}

impl Net for Candle {
    fn forward(&mut self, x: &[f32], out: &mut [f32]) {
        out.copy_from_slice(&self.step(x).expect("the shapes fit"));
    }
}

fn batch(values: &[f32], rows: usize) -> Result<Tensor> {
    Tensor::from_slice(values, (rows, values.len() / rows), &Device::Cpu)
}
