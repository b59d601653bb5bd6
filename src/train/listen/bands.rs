//! The levels of the bands of a frame, one after the other: a dense layer with a hidden one, over all frames of a segment.
//!
//! Rows are `[step][stream]`, and `[row][band]` where a row has all bands.

use super::{
    arithmetic::{affine, by_rows, cross_entropy},
    network::{Shared, Sizes},
    recall::Recall,
};
use crate::{
    learn::{band_levels, class},
    model::BANDS,
    nn::vectorize,
    train::net::{
        cells::{View, multiply_rows, sum_rows},
        workspace::{Buffer, Workspace},
    },
};
use std::sync::Arc;

/// The weights.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a> {
    /// `(band_hidden, hidden + band_inputs)`
    pub hidden: &'a [f32],
    pub hidden_bias: &'a [f32],
    /// `(levels, band_hidden)`
    pub out: &'a [f32],
    pub out_bias: &'a [f32],
}

/// The gradients of the weights.
pub(super) struct Gradients<'a> {
    pub hidden: &'a mut [f32],
    pub hidden_bias: &'a mut [f32],
    pub out: &'a mut [f32],
    pub out_bias: &'a mut [f32],
}

/// The bands of a segment, with what the backward pass needs.
pub(super) struct Bands {
    /// The levels that frames have, as classes, `[row]`.
    pub classes: Vec<[u8; BANDS]>,
    /// What the hidden layer hears beside h, `[row][band][band_inputs]`.
    small: Buffer,
    /// Outputs of the hidden layer, `[row][band][band_hidden]`.
    hidden: Buffer,
    /// The gradient of the mean loss by the logits, `[row][band][level]`.
    of_logits: Buffer,
    /// Mean cross-entropy of a band.
    pub loss: f32,
}

impl Bands {
    /// `h`: `[row][hidden]`; `targets`: `[row][bin]`. `scale` is the weight of the mean loss in the gradient.
    pub fn run(
        sizes: Sizes,
        h: &[f32],
        targets: &[f32],
        recall: &Recall,
        weights: Weights<'_>,
        scale: f32,
        work: &Arc<Workspace>,
    ) -> Self {
        let rows = sizes.rows();
        let (width, inputs) = (sizes.tier.band_hidden, sizes.tier.band_inputs());
        let stride = sizes.hidden + inputs;
        let last = (sizes.tier.levels - 1) as f32;
        let levels_of = |frame: &[f32]| band_levels(&sizes.bounds, sizes.band_top, frame);
        let classes: Vec<[u8; BANDS]> = targets
            .chunks_exact(sizes.bins)
            .map(|frame| levels_of(frame).map(|level| class(level, sizes.tier.levels)))
            .collect();
        let mut small = work.take(rows * BANDS * inputs);
        by_rows(&mut small, BANDS * inputs, |first, small| {
            for (index, small) in small.chunks_exact_mut(BANDS * inputs).enumerate() {
                let row = first + index;
                let recalled = sizes.row_of_stream_first(row);
                let suggestion = &recall.suggestions[recalled * sizes.bins..][..sizes.bins];
                let suggested = levels_of(suggestion);
                for (band, input) in small.chunks_exact_mut(inputs).enumerate() {
                    input.fill(0.0);
                    for (slot, &class) in input.iter_mut().zip(&classes[row][..band]) {
                        *slot = f32::from(class) / last;
                    }
                    input[BANDS + band] = 1.0;
                    input[2 * BANDS..3 * BANDS].copy_from_slice(&suggested);
                    input[3 * BANDS] = recall.sureness[recalled];
                }
            }
        });
        let mut of_h = work.take(rows * width);
        let by_h = View::new(weights.hidden, width, sizes.hidden, stride).t();
        multiply_rows(View::whole(h, rows, sizes.hidden), by_h, &mut of_h, width, work);
        let mut hidden = work.take(rows * BANDS * width);
        let by_small = View::new(&weights.hidden[sizes.hidden..], width, inputs, stride).t();
        multiply_rows(View::whole(&small, rows * BANDS, inputs), by_small, &mut hidden, width, work);
        by_rows(&mut hidden, width, |first, hidden| {
            let arch = pulp::Arch::new();
            for (index, hidden) in hidden.chunks_exact_mut(width).enumerate() {
                let of_h = &of_h[(first + index) / BANDS * width..][..width];
                vectorize(
                    arch,
                    #[inline(always)]
                    || {
                        for ((y, x), b) in hidden.iter_mut().zip(of_h).zip(weights.hidden_bias) {
                            let sum = *y + x + b;
                            *y = if sum > 0.0 { sum } else { 0.0 };
                        }
                    },
                );
            }
        });
        let levels = sizes.tier.levels;
        let mut of_logits = work.take(rows * BANDS * levels);
        let out = View::whole(weights.out, levels, width);
        affine(View::whole(&hidden, rows * BANDS, width), out, weights.out_bias, &mut of_logits, work);
        let count = (rows * BANDS) as f64;
        let class = |index: usize| usize::from(classes[index / BANDS][index % BANDS]);
        let sum = cross_entropy(&mut of_logits, levels, scale / count as f32, class, work);
        Self { classes, small, hidden, of_logits, loss: (sum / count) as f32 }
    }

    /// Fills the gradients of the weights and that of h; adds to those of the suggestions and of the sureness.
    pub fn backward(
        &self,
        sizes: Sizes,
        h: &[f32],
        weights: Weights<'_>,
        gradients: Gradients<'_>,
        shared: &mut Shared<'_>,
        work: &Arc<Workspace>,
    ) {
        let rows = sizes.rows();
        let (width, inputs, levels) = (sizes.tier.band_hidden, sizes.tier.band_inputs(), sizes.tier.levels);
        let stride = sizes.hidden + inputs;
        let of_logits = View::whole(&self.of_logits, rows * BANDS, levels);
        multiply_rows(of_logits.t(), View::whole(&self.hidden, rows * BANDS, width), gradients.out, width, work);
        sum_rows(of_logits, gradients.out_bias);
        let mut of_hidden = work.take(rows * BANDS * width);
        multiply_rows(of_logits, View::whole(weights.out, levels, width), &mut of_hidden, width, work);
        by_rows(&mut of_hidden, width, |first, of_hidden| {
            let hidden = &self.hidden[first * width..][..of_hidden.len()];
            of_hidden.iter_mut().zip(hidden).for_each(|(g, &y)| *g = if y > 0.0 { *g } else { 0.0 });
        });
        let mut of_sums = work.take(rows * width);
        by_rows(&mut of_sums, width, |first, of_sums| {
            for (index, sums) in of_sums.chunks_exact_mut(width).enumerate() {
                let bands = &of_hidden[(first + index) * BANDS * width..][..BANDS * width];
                sums.fill(0.0);
                for band in bands.chunks_exact(width) {
                    sums.iter_mut().zip(band).for_each(|(sum, g)| *sum += g);
                }
            }
        });
        let of_sums = View::whole(&of_sums, rows, width);
        multiply_rows(of_sums.t(), View::whole(h, rows, sizes.hidden), gradients.hidden, stride, work);
        sum_rows(of_sums, gradients.hidden_bias);
        let of_hidden = View::whole(&of_hidden, rows * BANDS, width);
        let small = View::whole(&self.small, rows * BANDS, inputs);
        multiply_rows(of_hidden.t(), small, &mut gradients.hidden[sizes.hidden..], stride, work);
        multiply_rows(of_sums, View::new(weights.hidden, width, sizes.hidden, stride), shared.h, sizes.hidden, work);
        let mut of_small = work.take(rows * BANDS * inputs);
        let by_small = View::new(&weights.hidden[sizes.hidden..], width, inputs, stride);
        multiply_rows(of_hidden, by_small, &mut of_small, inputs, work);
        for (row, of_small) in of_small.chunks_exact(BANDS * inputs).enumerate() {
            let recalled = sizes.row_of_stream_first(row);
            let of_suggestion = &mut shared.suggestions[recalled * sizes.bins..][..sizes.bins];
            for band in 0..BANDS {
                let of_level: f32 = of_small.chunks_exact(inputs).map(|input| input[2 * BANDS + band]).sum();
                let bins = &mut of_suggestion[sizes.bounds[band]..sizes.bounds[band + 1]];
                let share = of_level / sizes.band_top / bins.len() as f32;
                bins.iter_mut().for_each(|g| *g += share);
            }
            shared.sureness[recalled] += of_small.chunks_exact(inputs).map(|input| input[3 * BANDS]).sum::<f32>();
        }
    }
}
