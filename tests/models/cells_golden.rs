//! Every recurrent cell against PyTorch, numpy and a plain reference, at every instruction-set level.

use crate::common::golden::{Layer, Reference, closed_form, input, layers, stack};
use sympathy::{
    dsp::random::Random,
    nn::{Cell, Isa, StackShape},
};

/// A cell and the groups of a clockwork.
type Kind = (Cell, usize);

/// The cell, `[layers, inputs, hidden]`, the first five numbers of the top layer's h at steps 0, 9 and 999.
type Golden = (Kind, [usize; 3], [[f32; 5]; 3]);

/// Made with PyTorch 2.15.0 on a processor:
///
/// ```python
/// import torch
/// def closed(n, k):
///     i = torch.arange(n, dtype=torch.float64)
///     return (0.3 * torch.sin(1.7 * i + k) + 0.1 * torch.cos(0.37 * i * (k + 1))).float()
/// def simple(nonlinearity):
///     return lambda *sizes: torch.nn.RNN(*sizes, nonlinearity=nonlinearity)
/// for make in torch.nn.GRU, simple("tanh"), simple("relu"):
///     for layers, inputs, hidden in [(1, 3, 5), (2, 4, 7), (3, 2, 6)]:
///         rnn = make(inputs, hidden, layers)
///         with torch.no_grad():
///             for k, (name, p) in enumerate(rnn.named_parameters()):
///                 p.copy_(closed(p.numel(), k).reshape(p.shape))
///             x = torch.stack([torch.sin(0.1 * torch.arange(inputs, dtype=torch.float64) + 0.5 * t) for t in range(1000)])
///             h, _ = rnn(x.float()[:, None])
///             for t in (0, 9, 999):
///                 print([float("%.6g" % v) for v in h[t, 0, :5].tolist()])
/// ```
#[rustfmt::skip]
const PYTORCH: [Golden; 9] = [
    ((Cell::Gru, 0), [1, 3, 5], [
        [0.105609, 0.195718, -0.0314896, -0.141177, 0.0908078],
        [-0.195434, 0.0819178, -0.315821, -0.134813, 0.609028],
        [0.209687, 0.49415, -0.20659, -0.407842, 0.307062],
    ]),
    ((Cell::Gru, 0), [2, 4, 7], [
        [-0.113054, 0.169053, 0.12667, -0.111171, -0.275158],
        [-0.07682, 0.469604, 0.296315, -0.190738, -0.574672],
        [-0.292642, 0.282433, 0.118737, -0.251389, -0.495118],
    ]),
    ((Cell::Gru, 0), [3, 2, 6], [
        [-0.160127, 0.204757, 0.149101, -0.24834, 0.021399],
        [-0.447737, 0.381811, 0.213539, -0.495565, 0.118944],
        [-0.462025, 0.393273, 0.213731, -0.500054, 0.132037],
    ]),
    ((Cell::RnnTanh, 0), [1, 3, 5], [
        [0.503194, -0.334223, -0.337284, 0.315355, 0.0806838],
        [0.188059, -0.270582, -0.452078, 0.830945, 0.218591],
        [0.700826, -0.332756, -0.704252, 0.722446, 0.143239],
    ]),
    ((Cell::RnnTanh, 0), [2, 4, 7], [
        [0.341586, 0.598306, 0.46144, 0.0993534, 0.639183],
        [0.423442, 0.411004, -0.256701, -0.532875, 0.181537],
        [0.230181, 0.351476, -0.220916, -0.362953, 0.372789],
    ]),
    ((Cell::RnnTanh, 0), [3, 2, 6], [
        [0.0265047, -0.212796, -0.0350624, 0.654523, -0.702278],
        [0.174457, -0.493494, 0.420185, 0.225608, -0.604059],
        [0.280819, -0.536978, 0.375582, 0.349671, -0.658038],
    ]),
    ((Cell::RnnRelu, 0), [1, 3, 5], [
        [0.553574, 0.0, 0.0, 0.32648, 0.0808595],
        [0.0265256, 0.0, 0.0, 1.10912, 0.244879],
        [0.808412, 0.0, 0.0, 0.876231, 0.0865595],
    ]),
    ((Cell::RnnRelu, 0), [2, 4, 7], [
        [0.29778, 0.453162, 0.159877, 0.0, 0.579329],
        [0.40084, 0.313123, 0.0, 0.0, 0.290946],
        [0.224568, 0.253889, 0.0, 0.0, 0.431991],
    ]),
    ((Cell::RnnRelu, 0), [3, 2, 6], [
        [0.0, 0.0, 0.0729317, 0.543637, 0.0],
        [0.0203234, 0.0, 0.23671, 0.469084, 0.0],
        [0.0947152, 0.0, 0.0954457, 0.618626, 0.0],
    ]),
];

/// The LSTM with peepholes and the clockwork, which PyTorch lacks, made with numpy 2.4.6:
///
/// ```python
/// import numpy as np
/// def closed(n, k):
///     i = np.arange(n, dtype=np.float64)
///     return (0.3 * np.sin(1.7 * i + k) + 0.1 * np.cos(0.37 * i * (k + 1))).astype(np.float32).astype(np.float64)
/// sigmoid = lambda x: 1 / (1 + np.exp(-x))
/// def peepholes(layer, inputs, hidden):
///     shapes = [(4 * hidden, inputs), (4 * hidden, hidden), 4 * hidden, 4 * hidden, (3, hidden)]
///     W, U, b, d, p = [closed(np.prod(s), 5 * layer + k).reshape(s) for k, s in enumerate(shapes)]
///     h, c = np.zeros(hidden), np.zeros(hidden)
///     def step(t, x):
///         nonlocal h, c
///         i, f, g, o = (W @ x + b + U @ h + d).reshape(4, hidden)
///         c = sigmoid(f + p[1] * c) * c + sigmoid(i + p[0] * c) * np.tanh(g)
///         h = sigmoid(o + p[2] * c) * np.tanh(c)
///         return h
///     return step
/// def clockwork(groups):
///     def layer(layer, inputs, hidden):
///         shapes = [(hidden, inputs), (hidden, hidden), hidden, hidden]
///         W, U, b, d = [closed(np.prod(s), 4 * layer + k).reshape(s) for k, s in enumerate(shapes)]
///         group = np.arange(hidden) * groups // hidden
///         U = U * (group[:, None] <= group[None, :])
///         h = np.zeros(hidden)
///         def step(t, x):
///             nonlocal h
///             h = np.where(t % 2 ** group == 0, np.tanh(W @ x + b + U @ h + d), h)
///             return h
///         return step
///     return layer
/// cases = [(peepholes, 1, 3, 5), (peepholes, 2, 4, 7), (clockwork(3), 1, 3, 6), (clockwork(4), 2, 4, 8), (clockwork(1), 3, 2, 6)]
/// for make, layers, inputs, hidden in cases:
///     steps = [make(k, hidden if k else inputs, hidden) for k in range(layers)]
///     for t in range(1000):
///         y = np.sin(0.1 * np.arange(inputs) + 0.5 * t).astype(np.float32).astype(np.float64)
///         for step in steps:
///             y = step(t, y)
///         if t in (0, 9, 999):
///             print(layers, inputs, hidden, t, [float("%.6g" % v) for v in y[:5]])
/// ```
#[rustfmt::skip]
const NUMPY: [Golden; 5] = [
    ((Cell::Lstm, 0), [1, 3, 5], [
        [0.0787768, 0.0675885, -0.0535783, -0.0799254, 0.0578011],
        [-0.0446567, 0.0303697, -0.223391, -0.081255, 0.317334],
        [0.14591, 0.147023, -0.154604, -0.234444, 0.167182],
    ]),
    ((Cell::Lstm, 0), [2, 4, 7], [
        [-0.028977, 0.172325, -0.0439144, -0.0538429, -0.0193488],
        [-0.125135, 0.310391, -0.0481373, -0.039286, 0.0731506],
        [-0.117098, 0.311514, -0.0829466, -0.0637962, 0.0407361],
    ]),
    ((Cell::Clockwork, 3), [1, 3, 6], [
        [0.503194, -0.334223, -0.337284, 0.315355, 0.0806838],
        [-0.0708358, -0.690999, 0.115327, 0.601856, 0.0992235],
        [0.607743, -0.763569, -0.451674, 0.350404, 0.143482],
    ]),
    ((Cell::Clockwork, 4), [2, 4, 8], [
        [0.357019, -0.400642, -0.584359, -0.175063, 0.670073],
        [0.578849, 0.513156, -0.296886, -0.568368, 0.173944],
        [0.419621, -0.0327436, -0.25616, -0.250207, 0.486312],
    ]),
    ((Cell::Clockwork, 1), [3, 2, 6], [
        [0.0265048, -0.212796, -0.0350624, 0.654523, -0.702278],
        [0.174457, -0.493494, 0.420185, 0.225608, -0.604059],
        [0.280819, -0.536978, 0.375582, 0.349671, -0.658038],
    ]),
];

fn check(goldens: &[Golden], peepholes: bool) {
    for &((cell, clock_groups), [count, inputs, hidden], expected) in goldens {
        let shape = StackShape { cell, clock_groups, inputs, hidden, residual: false };
        let layers = layers(shape, peepholes && cell == Cell::Lstm, count, closed_form);
        for isa in Isa::all() {
            let stack = stack(shape, &layers, isa);
            let mut state = stack.make_state();
            for step in 0..1000 {
                let h = stack.step(&input(step, inputs), &mut state);
                let Some(place) = [0, 9, 999].iter().position(|&kept| kept == step) else { continue };
                for (k, (got, want)) in h.iter().zip(&expected[place]).enumerate() {
                    let name = isa.name();
                    assert!(
                        (got - want).abs() < 1e-5,
                        "{name}, {cell:?}, {count} layers, step {step}, h[{k}]: {got} for {want}"
                    );
                }
            }
        }
    }
}

#[test]
fn equal_pytorch() {
    check(&PYTORCH, false);
}

#[test]
fn equal_numpy() {
    check(&NUMPY, true);
}

/// Every cell; the LSTM with and without peepholes.
fn cells() -> [(Kind, bool); 7] {
    [
        ((Cell::Lstm, 0), false),
        ((Cell::Lstm, 0), true),
        ((Cell::Gru, 0), false),
        ((Cell::RnnTanh, 0), false),
        ((Cell::RnnRelu, 0), false),
        ((Cell::Clockwork, 1), false),
        ((Cell::Clockwork, 5), false),
    ]
}

/// Weights small enough that a state forgets, so that roundings do not grow.
fn random_layers(shape: StackShape, peepholes: bool, count: usize, random: &mut Random) -> Vec<Layer> {
    let scale = 0.4 / (shape.hidden as f32).sqrt();
    layers(shape, peepholes, count, |numbers, _| (0..numbers).map(|_| scale * random.normal()).collect())
}

#[test]
fn equal_the_formulas_at_every_width_with_residual_layers_and_dropout() {
    let mut random = Random::new(crate::common::SEED);
    for ((cell, clock_groups), peepholes) in cells() {
        for (inputs, hidden, count) in [(1, 5, 1), (15, 15, 2), (20, 70, 1), (33, 130, 2), (7, 65, 3)] {
            for (residual, keep) in [(false, 1.0), (true, 1.0), (true, 0.6)] {
                let shape = StackShape { cell, clock_groups, inputs, hidden, residual };
                let layers = random_layers(shape, peepholes, count, &mut random);
                let heard: Vec<Vec<f32>> = (0..40).map(|_| (0..inputs).map(|_| random.normal()).collect()).collect();
                let mut reference = Reference::new(shape, &layers);
                let masks = random.clone();
                reference.draw_dropout(keep, keep, &mut masks.clone());
                let expected: Vec<Vec<f64>> = heard
                    .iter()
                    .map(|x| reference.step(&x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>()))
                    .collect();
                for isa in Isa::all() {
                    let stack = stack(shape, &layers, isa);
                    let mut state = stack.make_state();
                    state.draw_dropout(keep, keep, &mut masks.clone());
                    for run in 0..2 {
                        for (step, (x, expected)) in heard.iter().zip(&expected).enumerate() {
                            let y = stack.step(x, &mut state);
                            assert_eq!(y.len(), hidden);
                            let error =
                                y.iter().zip(expected).map(|(&a, b)| (f64::from(a) - b).abs()).fold(0.0, f64::max);
                            let what = format!("{}, {shape:?}, {count} layers, keep {keep}", isa.name());
                            assert!(error < 2e-5, "{what}, run {run}, step {step}: off by {error}");
                        }
                        state.reset();
                    }
                }
            }
        }
    }
}

#[test]
fn a_clockwork_moves_a_group_only_when_its_period_divides_the_step() {
    let (groups, hidden) = (4, 12);
    let shape = StackShape { cell: Cell::Clockwork, clock_groups: groups, inputs: 2, hidden, residual: false };
    let mut random = Random::new(crate::common::SEED);
    let mut layers = random_layers(shape, false, 1, &mut random);
    let stack = |layers: &[Layer]| stack(shape, layers, Isa::best());
    let clockwork = stack(&layers);
    // What lies below the block diagonal is heard by nobody.
    for row in 0..hidden {
        layers[0].weight_hh[row * hidden..][..row / 3 * 3].fill(1e6);
    }
    let other = stack(&layers);
    let (mut state, mut other_state) = (clockwork.make_state(), other.make_state());
    let mut last = vec![0.0; hidden];
    for step in 0..40usize {
        let x = [random.normal(), random.normal()];
        let h = clockwork.step(&x, &mut state);
        for k in 0..hidden {
            let moves = step.is_multiple_of(1 << (k / 3));
            assert_eq!(h[k] != last[k], moves, "step {step}, unit {k}");
        }
        assert_eq!(h, other.step(&x, &mut other_state), "step {step}");
        last.copy_from_slice(h);
    }
}

#[test]
fn a_number_that_is_none_is_not_hidden() {
    for ((cell, clock_groups), peepholes) in cells() {
        let shape = StackShape { cell, clock_groups, inputs: 3, hidden: 5, residual: false };
        let layers = random_layers(shape, peepholes, 2, &mut Random::new(crate::common::SEED));
        let stack = stack(shape, &layers, Isa::best());
        let h = stack.step(&[0.0, f32::NAN, 0.0], &mut stack.make_state()).to_vec();
        assert!(h.iter().all(|h| h.is_nan()), "{cell:?}: {h:?}");
    }
}

#[test]
fn dropout_of_nothing_draws_nothing() {
    let shape = StackShape { cell: Cell::Gru, clock_groups: 0, inputs: 3, hidden: 8, residual: false };
    let mut random = Random::new(crate::common::SEED);
    let layers = random_layers(shape, false, 2, &mut random);
    let mut state = stack(shape, &layers, Isa::best()).make_state();
    let before = random.state();
    state.draw_dropout(1.0, 1.0, &mut random);
    assert_eq!(random.state(), before);
    state.draw_dropout(0.5, 1.0, &mut random);
    let mut plain = Random::from_state(before);
    (0..3 + 8).for_each(|_| _ = plain.uniform());
    assert_eq!(random.state(), plain.state(), "one number an input");
}
