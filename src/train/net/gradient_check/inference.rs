//! The trained network against the one that runs.

use super::{INIT, model, normal};
use crate::{
    dsp::random::Random,
    model::Head,
    nn::{CELLS, Isa, LayerWeights, Stack},
    train::net::network::TrainedNetwork,
};

#[test]
fn the_trained_network_is_the_one_that_runs() {
    let (layers, hidden, steps) = (2, 24, 1000);
    for cell in CELLS.iter().map(|info| info.cell) {
        let model = model(cell, layers, hidden, Head::Mse);
        let mut random = Random::new(22);
        let network = TrainedNetwork::new(&model, &INIT, &mut random).expect("tensors");
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
        for isa in Isa::all() {
            let stack = Stack::new(model.stack_shape(), &weights, crate::nn::Precision::F32, isa);
            let (weight, bias) = (&tensors["out.weight"], &tensors["out.bias"]);
            let out = crate::nn::Dense::new(hidden, model.output_size(), weight, bias, crate::nn::Precision::F32, isa);
            let (mut state, mut y) = (stack.make_state(), out.make_output_buffer());
            for (step, (x, expected)) in inputs.chunks_exact(model.features()).zip(&output).enumerate() {
                out.forward(stack.step(x, &mut state), &mut y);
                let worst = y.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst < 1e-5, "{cell:?}, {}, step {step}: off by {worst}", isa.name());
            }
        }
    }
}
