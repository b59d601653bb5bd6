//! Dense layers on top of each other, and autoencoders made of them.

use super::{
    Dense, Isa, Precision,
    activation::{elu, sigmoid, tanh},
};
use std::{borrow::Cow, ops::Range};

/// What a layer's sums go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// x where it is positive, else eˣ − 1 (Clevert et al. 2016, α = 1).
    Elu,
    /// tanh x.
    Tanh,
    /// 1 / (1 + e⁻ˣ).
    Sigmoid,
}

impl Activation {
    /// Replaces each number.
    ///
    /// # Realtime safety
    /// Does not allocate.
    pub fn apply(self, numbers: &mut [f32]) {
        let each: fn(&mut [f32]) = match self {
            Self::Elu => |numbers| numbers.iter_mut().for_each(|x| *x = elu(*x)),
            Self::Tanh => |numbers| numbers.iter_mut().for_each(|x| *x = tanh(*x)),
            Self::Sigmoid => |numbers| numbers.iter_mut().for_each(|x| *x = sigmoid(*x)),
        };
        each(numbers);
    }
}

/// The weights of a layer, as `nn.Linear` has them.
#[derive(Clone, Debug)]
pub struct DenseWeights<'a> {
    /// `[outputs][inputs]`, row-major.
    pub weight: Cow<'a, [f32]>,
    /// `[outputs]`
    pub bias: &'a [f32],
    /// What comes after.
    pub activation: Activation,
}

/// Layers, each on the outputs of the one before. Shared by any number of states.
#[derive(Clone, Debug)]
pub struct FeedForward {
    inputs: usize,
    layers: Vec<(Dense, Activation)>,
}

/// Room for the outputs of every layer.
#[derive(Clone, Debug)]
pub struct FeedForwardState {
    outputs: Vec<Vec<f32>>,
}

impl FeedForward {
    /// Packs the weights.
    ///
    /// # Panics
    /// If there is no layer, or a length does not fit.
    pub fn new(inputs: usize, layers: &[DenseWeights<'_>], precision: Precision, isa: Isa) -> Self {
        assert!(!layers.is_empty(), "at least one layer");
        let mut width = inputs;
        let pack = |layer: &DenseWeights<'_>| {
            let outputs = layer.bias.len();
            let dense =
                Dense::new(std::mem::replace(&mut width, outputs), outputs, &layer.weight, layer.bias, precision, isa);
            (dense, layer.activation)
        };
        Self { inputs, layers: layers.iter().map(pack).collect() }
    }

    /// Numbers that it takes.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Numbers that it gives.
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |(dense, _)| dense.outputs())
    }

    /// Bytes that a whole pass reads.
    pub fn bytes(&self) -> usize {
        self.layers.iter().map(|(dense, _)| dense.bytes()).sum()
    }

    /// Room for a pass. Allocates.
    pub fn make_state(&self) -> FeedForwardState {
        FeedForwardState { outputs: self.layers.iter().map(|(dense, _)| dense.make_output_buffer()).collect() }
    }

    /// All outputs for `x` (`[inputs]`).
    ///
    /// # Realtime safety
    /// Does not allocate.
    ///
    /// # Panics
    /// If `x` has another length, or the state belongs to layers of other shapes.
    pub fn forward<'s>(&self, x: &[f32], state: &'s mut FeedForwardState) -> &'s [f32] {
        self.forward_rows(x, 0..self.outputs(), state)
    }

    /// The outputs of some rows of the last layer: the bits that [`Self::forward`] gives there, for the cost of little
    /// more than these rows and the layers before them.
    ///
    /// # Realtime safety
    /// Does not allocate.
    ///
    /// # Panics
    /// As [`Self::forward`], or if there are no such rows.
    pub fn forward_rows<'s>(&self, x: &[f32], rows: Range<usize>, state: &'s mut FeedForwardState) -> &'s [f32] {
        let (last, hidden) = self.layers.split_last().expect("at least one layer");
        let (last_outputs, hidden_outputs) = state.outputs.split_last_mut().expect("a state of these layers");
        let mut heard = x;
        for ((dense, activation), outputs) in hidden.iter().zip(hidden_outputs) {
            dense.forward(heard, outputs);
            let outputs = &mut outputs[..dense.outputs()];
            activation.apply(outputs);
            heard = outputs;
        }
        last.0.forward_rows(rows.clone(), heard, last_outputs);
        let outputs = &mut last_outputs[rows];
        last.1.apply(outputs);
        outputs
    }
}

/// An encoder and the decoder that mirrors it.
#[derive(Clone, Debug)]
pub struct Autoencoder {
    encoder: FeedForward,
    decoder: FeedForward,
}

/// The weights of an autoencoder, as `nn.Linear` has them. Its hidden layers end in [`Activation::Elu`], the code in
/// [`Activation::Tanh`], the outputs in [`Activation::Sigmoid`].
#[derive(Clone, Copy, Debug)]
pub struct AutoencoderWeights<'a> {
    /// From the inputs to the code: the width of every layer, inputs and code included.
    pub widths: &'a [usize],
    /// Of every layer of the encoder, weight and bias.
    pub encoder: &'a [(&'a [f32], &'a [f32])],
    /// Of every layer of the decoder, weight and bias. Without a weight a layer is tied: its weight is that of the
    /// encoder's layer that it mirrors, transposed.
    pub decoder: &'a [(Option<&'a [f32]>, &'a [f32])],
}

impl Autoencoder {
    /// Packs the weights; those of a tied layer once more, transposed, so that both directions read them in order.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn new(weights: &AutoencoderWeights<'_>, precision: Precision, isa: Isa) -> Self {
        let AutoencoderWeights { widths, encoder, decoder } = *weights;
        let count = widths.len() - 1;
        assert!(encoder.len() == count && decoder.len() == count, "a layer between every two widths");
        let last = |index: usize, activation| if index + 1 == count { activation } else { Activation::Elu };
        let encoding = encoder.iter().enumerate().map(|(index, &(weight, bias))| DenseWeights {
            weight: weight.into(),
            bias,
            activation: last(index, Activation::Tanh),
        });
        let decoding = decoder.iter().enumerate().map(|(index, &(weight, bias))| {
            let mirrored = count - 1 - index;
            let tied = || transposed(encoder[mirrored].0, widths[mirrored]).into();
            DenseWeights {
                weight: weight.map_or_else(tied, Cow::from),
                bias,
                activation: last(index, Activation::Sigmoid),
            }
        });
        let (encoding, decoding): (Vec<_>, Vec<_>) = (encoding.collect(), decoding.collect());
        Self {
            encoder: FeedForward::new(widths[0], &encoding, precision, isa),
            decoder: FeedForward::new(widths[count], &decoding, precision, isa),
        }
    }

    /// From the inputs to the code.
    pub fn encoder(&self) -> &FeedForward {
        &self.encoder
    }

    /// From the code to the outputs.
    pub fn decoder(&self) -> &FeedForward {
        &self.decoder
    }
}

/// The transpose of a row-major matrix of so many columns.
fn transposed(matrix: &[f32], columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| matrix.iter().skip(column).step_by(columns).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::random::Random;

    fn numbers(random: &mut Random, count: usize, scale: f32) -> Vec<f32> {
        (0..count).map(|_| scale * random.normal()).collect()
    }

    /// Weights of an untied autoencoder: of every layer weight and bias.
    type Layers = Vec<(Vec<f32>, Vec<f32>)>;

    fn layers(random: &mut Random, widths: &[usize]) -> Layers {
        let layer = |pair: &[usize]| {
            (numbers(random, pair[0] * pair[1], 1.5 / (pair[0] as f32).sqrt()), numbers(random, pair[1], 0.1))
        };
        widths.windows(2).map(layer).collect()
    }

    /// The same in double precision, as the formula is written.
    fn reference(layers: &Layers, last: fn(f64) -> f64, x: &[f64]) -> Vec<f64> {
        let mut heard = x.to_vec();
        for (index, (weight, bias)) in layers.iter().enumerate() {
            let rows = weight.chunks_exact(heard.len()).zip(bias);
            let sums = rows.map(|(row, &bias)| {
                f64::from(bias) + row.iter().zip(&heard).map(|(&w, x)| f64::from(w) * x).sum::<f64>()
            });
            let elu = |x: f64| if x > 0.0 { x } else { x.exp_m1() };
            heard = sums.map(|x| if index + 1 == layers.len() { last(x) } else { elu(x) }).collect();
        }
        heard
    }

    const WIDTHS: [usize; 4] = [352, 48, 20, 5];

    fn autoencoder(encoder: &Layers, decoder: &Layers, tied: bool, precision: Precision, isa: Isa) -> Autoencoder {
        let encoder: Vec<_> = encoder.iter().map(|(weight, bias)| (&weight[..], &bias[..])).collect();
        let decoder: Vec<_> =
            decoder.iter().map(|(weight, bias)| ((!tied).then_some(&weight[..]), &bias[..])).collect();
        Autoencoder::new(&AutoencoderWeights { widths: &WIDTHS, encoder: &encoder, decoder: &decoder }, precision, isa)
    }

    fn both_halves() -> (Layers, Layers) {
        let mut random = Random::new(4);
        let backwards: Vec<usize> = WIDTHS.into_iter().rev().collect();
        (layers(&mut random, &WIDTHS), layers(&mut random, &backwards))
    }

    #[test]
    fn it_computes_the_formula_tied_and_untied() {
        let (encoder, decoder) = both_halves();
        let mirrored: Layers =
            (0..3).map(|k| (transposed(&encoder[2 - k].0, WIDTHS[2 - k]), decoder[k].1.clone())).collect();
        let mut random = Random::new(5);
        let x: Vec<f32> = (0..WIDTHS[0]).map(|_| f32::from(random.below(9) == 0)).collect();
        let wide = |x: &[f32]| x.iter().copied().map(f64::from).collect::<Vec<_>>();
        let code = reference(&encoder, f64::tanh, &wide(&x));
        for isa in Isa::all() {
            for (tied, decoder_used) in [(false, &decoder), (true, &mirrored)] {
                let model = autoencoder(&encoder, &decoder, tied, Precision::F32, isa);
                let (mut state, mut back) = (model.encoder().make_state(), model.decoder().make_state());
                let found = model.encoder().forward(&x, &mut state);
                let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
                let expected = reference(decoder_used, sigmoid, &wide(found));
                for (name, found, expected) in
                    [("code", found, &code), ("output", model.decoder().forward(found, &mut back), &expected)]
                {
                    for (k, (found, expected)) in found.iter().zip(expected).enumerate() {
                        let error = (f64::from(*found) - expected).abs();
                        assert!(error < 1e-6, "{}, tied {tied}, {name} {k}: {found} for {expected}", isa.name());
                    }
                }
            }
        }
    }

    #[test]
    fn a_tied_decoder_has_the_bits_of_an_untied_one_with_the_same_weights() {
        let (encoder, decoder) = both_halves();
        let mirrored: Layers =
            (0..3).map(|k| (transposed(&encoder[2 - k].0, WIDTHS[2 - k]), decoder[k].1.clone())).collect();
        for precision in Precision::ALL {
            let tied = autoencoder(&encoder, &decoder, true, precision, Isa::best());
            let untied = autoencoder(&encoder, &mirrored, false, precision, Isa::best());
            let code = [0.3, -0.9, 0.0, 1.0, -0.2];
            let [mut one, mut other] = [tied.decoder().make_state(), untied.decoder().make_state()];
            assert_eq!(
                tied.decoder().forward(&code, &mut one),
                untied.decoder().forward(&code, &mut other),
                "{precision}"
            );
        }
    }

    #[test]
    fn a_column_of_the_decoder_has_the_bits_of_the_whole_one() {
        let (encoder, decoder) = both_halves();
        for isa in Isa::all() {
            for precision in Precision::ALL {
                let model = autoencoder(&encoder, &decoder, false, precision, isa);
                let code = [0.7, -0.1, 0.4, -1.0, 0.2];
                let mut state = model.decoder().make_state();
                let whole = model.decoder().forward(&code, &mut state).to_vec();
                for rows in [0..88, 88..176, 264..352, 0..1, 351..352, 31..33, 5..5, 0..352] {
                    let mut fresh = model.decoder().make_state();
                    fresh.outputs.iter_mut().flatten().for_each(|x| *x = f32::NAN);
                    let part = model.decoder().forward_rows(&code, rows.clone(), &mut fresh);
                    let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                    assert_eq!(bits(part), bits(&whole[rows.clone()]), "{}, {precision}, {rows:?}", isa.name());
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_stays_none() {
        let (encoder, decoder) = both_halves();
        let model = autoencoder(&encoder, &decoder, true, Precision::F32, Isa::best());
        let mut state = model.decoder().make_state();
        assert!(model.decoder().forward(&[f32::NAN; 5], &mut state).iter().all(|x| x.is_nan()));
    }
}
