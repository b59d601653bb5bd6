//! Tests of the fused operations against candle's own, and of the trained network against the one that runs.

mod cells;
mod inference;
mod plain;

use super::{
    cells::LayerState,
    dropout::Dropout,
    loss::{Counting, loss},
    network::{Initialisation, TrainedNetwork},
};
use crate::{
    dsp::random::Random,
    model::{Approach, Cell, Column, Head, ModelConfig, Transpose, Vector},
    nn::CELLS,
};
use candle_core::{Device, Result, Tensor};

const INIT: Initialisation = Initialisation { forget_bias: 1.0, weight_stddev: None };
const STREAMS: usize = 3;
const STEPS: usize = 7;

fn model(cell: Cell, layers: usize, hidden: usize, head: Head) -> ModelConfig {
    let approach = Approach::Vector(Vector::new(16));
    let clock_groups = if cell == Cell::Clockwork { 3 } else { 0 };
    ModelConfig { clock_groups, head, ..ModelConfig::new(approach, cell, layers, hidden, 8000) }
}

fn normal(random: &mut Random, count: usize) -> Vec<f32> {
    (0..count).map(|_| random.normal()).collect()
}

/// Keep probabilities of the input, the output and the state, and the seed of the factors.
type Keep = Option<([f32; 3], u64)>;

fn dropout(([input_keep, output_keep, state_keep], _): ([f32; 3], u64), random: &mut Random) -> Dropout<'_> {
    Dropout { input_keep, output_keep, state_keep, random }
}

/// Compares loss, gradients and states of the fused network with those of candle's small operations.
fn check(model: &ModelConfig, keep: Keep) -> Result<()> {
    let case = format!(
        "{} x {:?}, {:?}, {:?}, peepholes {}, residual {}, tanh {}, dropout {keep:?}",
        model.layers, model.cell, model.head, model.approach, model.peepholes, model.residual_layers, model.tanh_output
    );
    let mut random = Random::new(21);
    let network = TrainedNetwork::new(model, &INIT, &mut random)?;
    // Large enough that gates saturate and some scales leave their bounds. Cells that nothing holds back get less: their
    // gradients grow from step to step, and the rounding with them.
    let size = match model.cell {
        Cell::Lstm => 0.8,
        Cell::RnnRelu => 0.2,
        _ => 0.4,
    };
    for variable in network.variables.values() {
        let values: Vec<f32> = normal(&mut random, variable.elem_count()).iter().map(|x| size * x).collect();
        variable.set(&Tensor::from_vec(values, variable.shape(), &Device::Cpu)?)?;
    }
    let start: Vec<LayerState> = network
        .zero_state(STREAMS)
        .iter()
        // A clock that is not at its beginning.
        .map(|zeros| LayerState {
            h: normal(&mut random, zeros.h.len()),
            c: normal(&mut random, zeros.c.len()),
            tick: 5,
        })
        .collect();
    let batch = start[0].h.len() / model.hidden;
    let heard = normal(&mut random, STEPS * batch * model.inputs());
    let target = normal(&mut random, STEPS * STREAMS * model.features());

    let rows = |values: &[f32], width: usize| Tensor::from_slice(values, (values.len() / width, width), &Device::Cpu);
    let (output, plain_state) = plain::forward(model, &network, &heard, &start, keep)?;
    let plain = plain::loss(model.head, &output, &rows(&heard, model.inputs())?, &rows(&target, model.features())?)?;
    let mut state = start.clone();
    let mut factors = Random::new(keep.map_or(0, |(_, seed)| seed));
    let output = network.forward(&heard, &mut state, keep.map(|keep| dropout(keep, &mut factors)))?;
    assert_eq!(output.dims(), [STEPS * STREAMS, model.output_size()], "{case}");
    let fused = loss(model.head, &output, &heard, &target, Counting::default())?;

    let plain_value = plain.to_scalar::<f32>()?;
    let close = (fused.mean - plain_value).abs() < 1e-4 * plain_value.abs().max(1.0);
    assert!(close, "{case}: loss {} for {plain_value}", fused.mean);
    for (state, [h, c]) in state.iter().zip(&plain_state) {
        let worst =
            state.h.iter().chain(&state.c).zip(h.iter().chain(c)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(
            worst < 2e-5 && state.c.len() == c.len() && state.tick == 5 + STEPS as u64,
            "{case}: state off by {worst}"
        );
    }
    let (expected, got) = (plain.backward()?, network.backward(&fused.node)?);
    for (name, variable) in &network.variables {
        let (Some(expected), Some(got)) = (expected.get(variable), got.get(name)) else {
            panic!("{case}: no gradient of {name}");
        };
        let largest = |tensor: Tensor| tensor.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>();
        let size = largest(expected.clone())?;
        let got = Tensor::from_slice(got, variable.shape(), &Device::Cpu)?;
        let difference = largest((expected - got)?)?;
        assert!(difference < 2e-5 * size.max(0.1), "{case}: {name} off by {difference} of {size}");
    }
    Ok(())
}

fn check_all(change: impl Fn(&mut ModelConfig), head: Head, keep: Keep) {
    for cell in CELLS.iter().map(|info| info.cell) {
        for layers in 1..=3 {
            let mut model = model(cell, layers, 12, head);
            change(&mut model);
            check(&model, keep).expect("tensor arithmetic");
        }
    }
}

#[test]
fn gradients_are_those_of_candle() {
    for head in [
        Head::Mse,
        Head::Mixture { components: 1, residual: false },
        Head::Mixture { components: 4, residual: true },
        Head::Mixture { components: 4, residual: false },
    ] {
        check_all(|_| {}, head, None);
    }
}

#[test]
fn gradients_with_peepholes_are_those_of_candle() {
    let change = |model: &mut ModelConfig| model.peepholes = model.cell == Cell::Lstm;
    check_all(change, Head::Mse, None);
    check_all(change, Head::Mse, Some(([0.7, 0.8, 0.6], 5)));
}

#[test]
fn gradients_of_residual_layers_are_those_of_candle() {
    check_all(|model| model.residual_layers = true, Head::Mse, None);
    // With as many inputs as units the first layer adds its input too.
    let narrow = |model: &mut ModelConfig| {
        model.residual_layers = true;
        model.approach = Approach::Vector(Vector::new(12));
    };
    check_all(narrow, Head::Mixture { components: 2, residual: true }, Some(([0.7, 0.8, 0.6], 6)));
}

#[test]
fn gradients_under_dropout_are_those_of_candle() {
    for keep in [[0.5, 1.0, 1.0], [1.0, 0.5, 1.0], [1.0, 1.0, 0.5], [0.9, 0.8, 0.7]] {
        check_all(|_| {}, Head::Mse, Some((keep, 7)));
    }
}

#[test]
fn gradients_of_a_tanh_output_are_those_of_candle() {
    check_all(|model| model.tanh_output = true, Head::Mse, None);
}

#[test]
fn gradients_of_the_column_and_transpose_approaches_are_those_of_candle() {
    check_all(|model| model.approach = Approach::Column(Column { seg_len: 9 }), Head::Mse, None);
    let transpose = Approach::Transpose(Transpose { seg_len: 9, num_unrollings: 4, int_cursor_inc: 1 });
    check_all(|model| model.approach = transpose.clone(), Head::Mse, None);
    check_all(|model| model.approach = transpose.clone(), Head::Mixture { components: 3, residual: false }, None);
    let saturated = |model: &mut ModelConfig| {
        model.approach = transpose.clone();
        model.tanh_output = true;
        model.residual_layers = true;
    };
    check_all(saturated, Head::Mse, Some(([0.7, 0.8, 0.6], 8)));
}

#[test]
fn weights_of_a_clockwork_cell_that_have_no_effect_are_zero_and_get_no_gradient() {
    let model = model(Cell::Clockwork, 2, 12, Head::Mse);
    let mut random = Random::new(24);
    let network = TrainedNetwork::new(&model, &INIT, &mut random).expect("tensors");
    let (inputs, targets) = (normal(&mut random, 40 * 16), normal(&mut random, 40 * 16));
    let output = network.forward(&inputs, &mut network.zero_state(1), None).expect("a forward pass");
    let loss = loss(Head::Mse, &output, &inputs, &targets, Counting::default()).expect("a loss");
    let gradients = network.backward(&loss.node).expect("gradients");
    for layer in 0..2 {
        let name = format!("rnn.weight_hh_l{layer}");
        let weights = network.variables[&name].to_vec2::<f32>().expect("values");
        let gradient: Vec<&[f32]> = gradients[&name].chunks_exact(12).collect();
        for (row, column) in (0..144).map(|i| (i / 12, i % 12)) {
            let below = column / 4 < row / 4;
            assert_eq!((weights[row][column] == 0.0, gradient[row][column] == 0.0), (below, below), "{row}, {column}");
        }
    }
}

#[test]
fn segments_follow_one_another_as_if_they_were_one() {
    for cell in CELLS.iter().map(|info| info.cell) {
        let model = model(cell, 2, 12, Head::Mse);
        let mut random = Random::new(25);
        let network = TrainedNetwork::new(&model, &INIT, &mut random).expect("tensors");
        let inputs = normal(&mut random, 11 * STREAMS * 16);
        let run = |segments: &[usize]| {
            let (mut state, mut outputs, mut rest) = (network.zero_state(STREAMS), Vec::new(), &inputs[..]);
            for steps in segments {
                let (segment, after) = rest.split_at(steps * STREAMS * 16);
                let output = network.forward(segment, &mut state, None).expect("a forward pass");
                outputs.extend(output.flatten_all().and_then(|y| y.to_vec1::<f32>()).expect("values"));
                rest = after;
            }
            (outputs, state)
        };
        let (whole, parted) = (run(&[11]), run(&[1, 3, 7]));
        let worst = whole.0.iter().zip(&parted.0).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-6, "{cell:?}: off by {worst}");
        assert_eq!(whole.1[1].tick, parted.1[1].tick);
    }
}

#[test]
fn dropout_keeps_the_mean_and_silences_its_part() {
    let model = model(Cell::Lstm, 1, 200, Head::Mse);
    let mut random = Random::new(23);
    let network = TrainedNetwork::new(&model, &INIT, &mut random).expect("tensors");
    let bias = network.variables["out.bias"].as_tensor().zeros_like().expect("zeros");
    network.variables["out.bias"].set(&bias).expect("the same shape");
    let inputs = normal(&mut random, model.features());
    let outputs = |keep: f32, random: &mut Random| {
        let dropout = Some(dropout(([1.0, keep, 1.0], 0), random));
        let output = network.forward(&inputs, &mut network.zero_state(1), dropout).expect("a forward pass");
        output.get(0).and_then(|row| row.to_vec1::<f32>()).expect("values")
    };
    let before = random.clone();
    let whole = outputs(1.0, &mut random);
    assert_eq!(random, before, "nothing is drawn for a keep of 1");
    let mut mean = vec![0.0f64; whole.len()];
    for _ in 0..2000 {
        mean.iter_mut().zip(outputs(0.5, &mut random)).for_each(|(m, y)| *m += f64::from(y) / 2000.0);
    }
    let worst = mean.iter().zip(&whole).map(|(m, &w)| (m - f64::from(w)).abs()).fold(0.0, f64::max);
    assert!(worst < 0.02, "the mean under dropout is off by {worst}: {mean:?} for {whole:?}");
}

#[test]
fn weights_begin_as_asked() {
    let mut model = model(Cell::Lstm, 1, 100, Head::Mse);
    model.approach = Approach::Transpose(Transpose { seg_len: 4, num_unrollings: 400, int_cursor_inc: 1 });
    let init = Initialisation { forget_bias: 7.0, weight_stddev: Some(1e-3) };
    let network = TrainedNetwork::new(&model, &init, &mut Random::new(26)).expect("tensors");
    let tensors = network.tensors().expect("values");
    assert!(tensors["rnn.bias_ih_l0"].iter().enumerate().all(|(k, b)| {
        let expected = if (100..200).contains(&k) { 7.0 } else { 0.0 };
        (b - expected).abs() <= 0.1
    }));
    for name in ["out", "columns"] {
        let weights = &tensors[&format!("{name}.weight")];
        let deviation = (weights.iter().map(|w| w * w).sum::<f32>() / weights.len() as f32).sqrt();
        assert!((deviation / 1e-3 - 1.0).abs() < 0.2, "{name}: deviation {deviation}");
        assert_eq!(tensors[&format!("{name}.bias")], [0.0]);
    }
}

#[test]
fn no_number_depends_on_the_threads() {
    for cell in CELLS.iter().map(|info| info.cell) {
        let model = model(cell, 2, 60, Head::Mse);
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| {
                let mut random = Random::new(27);
                let network = TrainedNetwork::new(&model, &INIT, &mut random).expect("tensors");
                let (inputs, targets) = (normal(&mut random, 20 * 5 * 16), normal(&mut random, 20 * 5 * 16));
                let mut state = network.zero_state(5);
                let output = network.forward(&inputs, &mut state, None).expect("a forward pass");
                let loss = loss(Head::Mse, &output, &inputs, &targets, Counting::default()).expect("a loss");
                let gradients = network.backward(&loss.node).expect("gradients").clone();
                (loss.mean.to_bits(), state, gradients)
            })
        };
        let alone = run(1);
        assert!(run(2) == alone && run(3) == alone && run(8) == alone, "{cell:?}");
    }
}
