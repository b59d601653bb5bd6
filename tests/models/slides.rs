//! The approaches whose frame slides by one sample, against the whole matrix of rows as the dissertation computes it.

use crate::common::{
    golden::{Reference, dot},
    models, phrase,
};
use std::sync::Arc;
use sympathy::{
    approach::{Generator, Network},
    dsp::random::{Random, mix64},
    model::{Approach, Column, Head, ModelConfig, ModelData, Scaling, Transpose},
    nn::Isa,
};

const SEED: u64 = 5;
const KEEP: f32 = 0.7;

/// Rows of samples, each with a state of its own. A row runs from where its first sample is there; before it says 0.
struct Matrix<'a> {
    data: &'a ModelData,
    rows: Vec<Reference>,
    /// `[row][output]`: the prediction, or weight, mean and scale of a mixture of one.
    said: Vec<f64>,
    /// Scaled samples: the seed's, then what was fed back.
    samples: Vec<f64>,
    seg_len: usize,
    spacing: usize,
}

impl Matrix<'_> {
    /// The prediction after the sample at `newest`.
    fn step(&mut self, newest: usize) -> f64 {
        let (rows, outputs) = (self.rows.len(), self.data.config().output_size());
        let out_weight = self.data.tensor("out.weight");
        for (r, row) in self.rows.iter_mut().enumerate() {
            let behind = (rows - 1 - r) * self.spacing;
            if newest >= self.seg_len - 1 + behind {
                let end = newest - behind + 1;
                let h = row.step(&self.samples[end - self.seg_len..end]);
                let said = self.said[r * outputs..].iter_mut().zip(out_weight.chunks_exact(h.len()));
                for ((said, weight), bias) in said.zip(self.data.tensor("out.bias")) {
                    *said = f64::from(*bias) + dot(weight, &h);
                }
            }
        }
        let predicted = if outputs == 1 { 0 } else { 1 };
        let prediction = match self.data.config().approach {
            // Of all rows only the last is kept.
            Approach::Column(_) => self.said[(rows - 1) * outputs + predicted],
            _ => {
                let weight = &self.data.tensor("columns.weight")[predicted * self.said.len()..][..self.said.len()];
                f64::from(self.data.tensor("columns.bias")[predicted]) + dot(weight, &self.said)
            }
        };
        if self.data.config().tanh_output { prediction.tanh() } else { prediction }
    }
}

/// What the matrix predicts after a seed, in samples.
fn literal(data: &ModelData, seed: &[f32], keep: f32, length: usize) -> Vec<f32> {
    let config = data.config();
    let (rows, seg_len, spacing) = match config.approach {
        Approach::Transpose(Transpose { seg_len, num_unrollings, int_cursor_inc }) => {
            (num_unrollings, seg_len, int_cursor_inc)
        }
        Approach::Column(Column { seg_len }) => (3, seg_len, seg_len),
        _ => panic!("a frame that slides"),
    };
    // The stream of random numbers: masks, then the noise of each sample.
    let mut random = Random::new(mix64(SEED ^ 0x5359_4d50));
    let mut row = Reference::of(data);
    row.draw_dropout(keep, keep, &mut random);
    let Scaling { mean, std } = config.scaling;
    let mut matrix = Matrix {
        data,
        rows: vec![row; rows],
        said: vec![0.0; rows * config.output_size()],
        samples: seed.iter().map(|&x| (f64::from(x) - f64::from(mean)) / f64::from(std)).collect(),
        seg_len,
        spacing,
    };
    let mut prediction = 0.0;
    for newest in seg_len - 1..seed.len() {
        prediction = matrix.step(newest);
    }
    (0..length)
        .map(|_| {
            let sample = (prediction * f64::from(std) + f64::from(mean)) as f32;
            let noise = if config.feedback_noise > 0.0 { config.feedback_noise * random.normal() } else { 0.0 };
            matrix.samples.push(prediction + f64::from(noise));
            prediction = matrix.step(matrix.samples.len() - 1);
            sample
        })
        .collect()
}

fn continued(data: &ModelData, isa: Isa, seed: &[f32], keep: f32, length: usize) -> Vec<f32> {
    let mut continuation = Generator::new(Arc::new(Network::new(data, isa)));
    // Something to forget.
    continuation.reset(1);
    (0..100).for_each(|_| continuation.predict(1.0, &mut [0.0]));
    continuation.set_dropout(keep, keep);
    continuation.reset(SEED);
    seed.windows(data.config().window_samples()).for_each(|window| continuation.feed(window));
    let mut out = vec![0.0; length];
    out.chunks_mut(1).for_each(|out| continuation.predict(1.0, out));
    assert!(!continuation.has_failed());
    out
}

/// Small weights, so that roundings do not grow when they are fed back.
fn calm(config: ModelConfig) -> ModelData {
    let mut random = Random::new(crate::common::SEED);
    let tensors = config.tensors().into_iter().map(|tensor| {
        let gain = if tensor.name.contains("weight_hh") { 0.5 } else { 1.0 };
        let scale = gain / (*tensor.shape.last().expect("tensors have a shape") as f32).sqrt();
        let count = tensor.shape.iter().product();
        (tensor.name, (0..count).map(|_| scale * random.normal()).collect())
    });
    let tensors = tensors.collect();
    ModelData::new(config, tensors, std::path::Path::new("test")).expect("the configuration is sound")
}

/// Of every cell, one width throughout: seeds of these lengths beyond a window, and so many samples after them.
fn check(approach: &Approach, hidden: usize, seeds: &[usize], length: usize) {
    for (name, set_cell) in models::CELLS {
        let mixture = Head::Mixture { components: 1, residual: false };
        for (head, feedback_noise, keep, tanh_output) in [
            (Head::Mse, 0.0, 1.0, false),
            (Head::Mse, 0.2, 1.0, true),
            (Head::Mse, 0.2, KEEP, false),
            (mixture, 0.0, 1.0, false),
        ] {
            let mut config = models::config(approach.clone(), head, 0);
            // The mean of the mixture is what is predicted.
            config.temperature = 0.0;
            set_cell(&mut config);
            config.hidden = hidden;
            config.scaling = Scaling { mean: 0.02, std: 0.2 };
            (config.feedback_noise, config.tanh_output) = (feedback_noise, tanh_output);
            let data = calm(config);
            for seed_length in seeds.iter().map(|beyond| data.config().window_samples() + beyond) {
                let seed: Vec<f32> =
                    phrase(data.config().sample_rate_hz, 0.1, 1).remove(0)[500..][..seed_length].to_vec();
                let expected = literal(&data, &seed, keep, length);
                let [least, most] = [f32::min, f32::max].map(|pick| expected.iter().copied().reduce(pick));
                // A single input may be the one that is dropped.
                let moves = data.config().inputs() == 1 || most > least.map(|least| least + 2e-4);
                assert!(moves, "{name}: {least:?} to {most:?}, nothing moves");
                for isa in Isa::all() {
                    let got = continued(&data, isa, &seed, keep, length);
                    let (difference, at) = crate::common::max_difference(&expected, &got);
                    let what =
                        format!("{approach:?}, {head:?}, {name}, noise {feedback_noise}, keep {keep}, {}", isa.name());
                    let size = expected.iter().fold(1.0f32, |size, x| size.max(x.abs()));
                    // A network of ReLU grows, and its roundings with it.
                    assert!(difference < 4e-6 * size, "{what}, seed of {seed_length}: off by {difference} at {at}");
                }
            }
        }
    }
}

#[test]
fn column_is_the_last_row_of_the_matrix() {
    check(&models::COLUMN, 12, &[0, 36], 150);
    check(&Approach::Column(Column { seg_len: 1 }), 12, &[0, 59], 150);
}

#[test]
fn a_window_as_wide_as_the_layers_is_added_to_the_first_where_layers_are_residual() {
    check(&Approach::Column(Column { seg_len: 12 }), 12, &[0], 60);
    check(&Approach::Column(Column { seg_len: 24 }), 24, &[0], 60);
    // As wide as the part of the window that the cell itself multiplies.
    check(&Approach::Column(Column { seg_len: 40 }), 18, &[0], 60);
}

#[test]
fn long_columns_by_convolution_are_the_last_row_of_the_matrix() {
    check(&Approach::Column(Column { seg_len: 300 }), 6, &[0, 36], 300);
    check(&Approach::Column(Column { seg_len: 1024 }), 6, &[17], 560);
}

#[test]
fn a_seed_after_a_prediction_is_heard_from_its_first_window_on() {
    let config =
        ModelConfig { feedback_noise: 0.0, ..models::config(Approach::Column(Column { seg_len: 400 }), Head::Mse, 0) };
    // Nothing is remembered but the window.
    let tensors = config.tensors().into_iter().map(|tensor| {
        let count = tensor.shape.iter().product();
        let weight = if tensor.name.contains("weight_hh") { 0.0 } else { 0.8 };
        // A forget gate that lets nothing through.
        let value = |i: usize| match tensor.name.as_str() {
            name if name.contains("bias_ih") && (12..24).contains(&i) => -100.0,
            _ => weight * libm::sinf(0.7 * i as f32),
        };
        (tensor.name.clone(), (0..count).map(value).collect())
    });
    let data =
        ModelData::new(config, tensors.collect(), std::path::Path::new("test")).expect("the configuration is sound");
    let sound = phrase(22_050, 0.1, 1).remove(0);
    let mut continuation = Generator::new(Arc::new(Network::new(&data, Isa::best())));
    let mut said = [0.0; 3];
    for (start, said) in [0, 500, 0].into_iter().zip(&mut said) {
        sound[start..].windows(400).take(30).for_each(|window| continuation.feed(window));
        continuation.predict(1.0, std::slice::from_mut(said));
        (0..5).for_each(|_| continuation.predict(1.0, &mut [0.0]));
    }
    assert_eq!(said[0], said[2]);
    assert!((said[0] - said[1]).abs() > 1e-4, "{said:?}");
}

#[test]
fn transpose_by_a_delay_line_is_the_matrix() {
    check(&models::TRANSPOSE, 12, &[0, 44], 150);
    check(&Approach::Transpose(Transpose { seg_len: 1, num_unrollings: 1, int_cursor_inc: 9 }), 12, &[0, 59], 150);
    check(&Approach::Transpose(Transpose { seg_len: 10, num_unrollings: 12, int_cursor_inc: 1 }), 12, &[0, 50], 150);
    check(&Approach::Transpose(Transpose { seg_len: 130, num_unrollings: 3, int_cursor_inc: 20 }), 6, &[20], 150);
}

#[test]
fn a_residual_mixture_adds_its_change_to_the_newest_sample() {
    let head = Head::Mixture { components: 1, residual: true };
    let config = ModelConfig { feedback_noise: 0.0, temperature: 0.0, ..models::config(models::COLUMN, head, 0) };
    let tensors = config.tensors().into_iter().map(|tensor| {
        // Whatever is heard, the change is 0.5.
        let values =
            if tensor.name == "out.bias" { vec![0.0, 0.5, 0.0] } else { vec![0.0; tensor.shape.iter().product()] };
        (tensor.name, values)
    });
    let data =
        ModelData::new(config, tensors.collect(), std::path::Path::new("test")).expect("the configuration is sound");
    let mut seed = [0.0; 24];
    seed[23] = 0.3;
    let out = continued(&data, Isa::best(), &seed, 1.0, 3);
    for (i, got) in out.iter().enumerate() {
        let want = 0.3 + 0.05 * (i + 1) as f32;
        assert!((got - want).abs() < 1e-6, "sample {i}: {got} for {want}");
    }
}
