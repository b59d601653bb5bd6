//! Networks in every precision, at every instruction-set level, against the formulas in double precision; and voices that
//! step together against voices that step alone.

use crate::common::golden::{Layer, Reference, dot, layers, stack_of};
use sympathy::{
    dsp::random::Random,
    nn::{CELLS, Cell, Dense, Forwarding, Isa, Precision, Stack, StackShape, StackState, Stepping},
};

const STEPS: usize = 10_000;
/// What a step hears beside its last output.
const DRIVES: usize = 64;

/// Sizes that fill no tile: whole vectors, half vectors and single rows are left over at every level.
const SIZES: [[usize; 3]; 3] = [[1, 40, 1], [20, 54, 70], [37, 32, 5]];
/// So wide that the first layer of LSTM does not count as small.
const WIDE: [usize; 3] = [250, 96, 40];

/// A clockwork has so many groups.
const GROUPS: usize = 2;

/// The largest error of an output that a free run of a contractive network may have: what a rounding of the weights costs,
/// and of the vectors with bytes, as a part of the largest output.
fn bound(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 2e-6,
        Precision::F16 => 1e-3,
        Precision::Bf16 => 8e-3,
        Precision::Int8 => 5e-2,
    }
}

struct Network {
    shape: StackShape,
    layers: Vec<Layer>,
    out_weight: Vec<f32>,
    out_bias: Vec<f32>,
    outputs: usize,
    drives: Vec<f32>,
}

impl Network {
    /// Weights so small that every step forgets some of what was wrong before.
    fn contractive(cell: Cell, peepholes: bool, [inputs, hidden, outputs]: [usize; 3]) -> Self {
        let mut random = Random::new(41);
        let shape = StackShape { cell, clock_groups: GROUPS, inputs, hidden, residual: false };
        let mut draw = |count: usize, scale: f32| (0..count).map(|_| scale * random.normal()).collect::<Vec<f32>>();
        let drives = draw(DRIVES * inputs, 1.0);
        let recurrent = 0.3 / (hidden as f32).sqrt();
        let layers = layers(shape, peepholes, 2, |count, _| draw(count, recurrent));
        let (out_weight, out_bias) = (draw(outputs * hidden, recurrent), draw(outputs, 0.1));
        Self { shape, layers, out_weight, out_bias, outputs, drives }
    }

    fn drive(&self, step: usize) -> &[f32] {
        &self.drives[step % DRIVES * self.shape.inputs..][..self.shape.inputs]
    }

    /// Every output of a free run.
    fn exact(&self) -> Vec<f64> {
        let mut reference = Reference::new(self.shape, &self.layers);
        let (mut y, mut all) = (vec![0.0; self.outputs], Vec::new());
        for step in 0..STEPS {
            let x: Vec<f64> =
                self.drive(step).iter().enumerate().map(|(i, u)| 0.5 * y[i % self.outputs] + f64::from(*u)).collect();
            let h = reference.step(&x);
            y = (0..self.outputs)
                .map(|row| f64::from(self.out_bias[row]) + dot(&self.out_weight[row * h.len()..][..h.len()], &h))
                .collect();
            all.push(y[step % self.outputs]);
        }
        all
    }

    fn build(&self, precision: Precision, isa: Isa) -> (Stack, Dense) {
        let out = Dense::new(self.shape.hidden, self.outputs, &self.out_weight, &self.out_bias, precision, isa);
        (stack_of(self.shape, &self.layers, precision, isa), out)
    }
}

struct Voice {
    x: Vec<f32>,
    state: StackState,
    y: Vec<f32>,
}

impl Stepping for Voice {
    fn parts(&mut self) -> (&[f32], &mut StackState) {
        (&self.x, &mut self.state)
    }
}

impl Forwarding for Voice {
    fn dense_parts(&mut self) -> (&[f32], &mut [f32]) {
        (self.state.output(), &mut self.y)
    }
}

impl Voice {
    fn new((stack, out): &(Stack, Dense)) -> Self {
        Self { x: vec![0.0; stack.shape().inputs], state: stack.make_state(), y: out.make_output_buffer() }
    }

    fn hear(&mut self, network: &Network, step: usize) {
        for (i, (x, u)) in self.x.iter_mut().zip(network.drive(step)).enumerate() {
            *x = 0.5 * self.y[i % network.outputs] + u;
        }
    }
}

fn networks() -> impl Iterator<Item = (String, Network)> {
    let all = CELLS.iter().map(|info| (info.cell, false)).chain([(Cell::Lstm, true)]);
    all.flat_map(|(cell, peepholes)| {
        let wide = (cell == Cell::Lstm).then_some(WIDE);
        SIZES.into_iter().chain(wide).map(move |size| {
            let name = format!("{cell:?}{} {size:?}", if peepholes { " with peepholes" } else { "" });
            (name, Network::contractive(cell, peepholes, size))
        })
    })
}

#[test]
fn ten_thousand_free_steps_stay_within_the_bound_of_every_precision() {
    for (name, network) in networks() {
        let exact = network.exact();
        let most = exact.iter().fold(0.0f64, |most, y| most.max(y.abs()));
        let change = exact.iter().skip(STEPS - 100).map(|y| (y - exact[STEPS - 1]).abs()).fold(0.0, f64::max);
        assert!(change > 0.01 * most, "{name}: the run has come to rest");
        for isa in Isa::all() {
            for precision in Precision::ALL {
                let built = network.build(precision, isa);
                let mut voice = Voice::new(&built);
                let mut worst = 0.0f64;
                for (step, exact) in exact.iter().enumerate() {
                    voice.hear(&network, step);
                    built.1.forward(built.0.step(&voice.x, &mut voice.state), &mut voice.y);
                    worst = worst.max((f64::from(voice.y[step % network.outputs]) - exact).abs());
                }
                let (worst, bound) = (worst / most, bound(precision));
                assert!(
                    worst < bound,
                    "{name}, {}, {precision}: an error of {worst} of the largest output",
                    isa.name()
                );
                // Less exact storage is indeed less exact: nothing else was run by mistake.
                let exact = precision == Precision::F32;
                assert!(exact || worst > 1e-6, "{name}, {}, {precision}: only {worst}", isa.name());
            }
        }
    }
}

#[test]
fn the_bits_of_a_voice_do_not_depend_on_how_many_step_with_it() {
    const RUN: usize = 40;
    for (name, network) in networks() {
        for isa in Isa::all() {
            for precision in Precision::ALL {
                let built = network.build(precision, isa);
                let alone: Vec<Vec<Vec<f32>>> = (0..5)
                    .map(|v| {
                        let mut voice = Voice::new(&built);
                        let step = |step| {
                            voice.hear(&network, 3 * v + step);
                            built.1.forward(built.0.step(&voice.x, &mut voice.state), &mut voice.y);
                            voice.y[..network.outputs].to_vec()
                        };
                        (0..RUN).map(step).collect()
                    })
                    .collect();
                for count in 1..=5 {
                    let mut voices: Vec<Voice> = (0..count).map(|_| Voice::new(&built)).collect();
                    for step in 0..RUN {
                        // Each enters a step after the one before it, so that the groups of a clockwork move at different times.
                        let sounding = voices.len().min(step + 1);
                        for (v, voice) in voices[..sounding].iter_mut().enumerate() {
                            voice.hear(&network, 3 * v + step - v);
                        }
                        built.0.step_together(&mut voices[..sounding]);
                        built.1.forward_together(&mut voices[..sounding]);
                        for (v, voice) in voices[..sounding].iter().enumerate() {
                            let (same, other) = (&alone[v][step - v], &voice.y[..network.outputs]);
                            assert!(same == other, "{name}, {}, {precision}: voice {v} of {count}", isa.name());
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_number_that_is_none_is_not_hidden_by_any_precision() {
    for (name, network) in networks() {
        for isa in Isa::all() {
            for precision in Precision::ALL {
                let built = network.build(precision, isa);
                for poison in [f32::NAN, f32::INFINITY] {
                    let mut voice = Voice::new(&built);
                    voice.x.fill(0.1);
                    *voice.x.last_mut().expect("an input") = poison;
                    built.1.forward(built.0.step(&voice.x, &mut voice.state), &mut voice.y);
                    let wrong = voice.y[..network.outputs].iter().any(|y| !y.is_finite());
                    // Gates may close before an infinity, but they are not shown what is not a number as if it were one.
                    assert!(wrong || poison == f32::INFINITY, "{name}, {}, {precision}: {poison}", isa.name());
                }
            }
        }
    }
}
