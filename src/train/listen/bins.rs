//! The bins of some frames of a segment, from low to high: a GRU over bins and a dense layer.
//!
//! Rows are `[bin][frame]`, of the frames that were picked.

use super::{
    arithmetic::{affine, by_rows, cross_entropy},
    network::{Segment, Shared, Sizes},
    recall::Recall,
};
use crate::{
    model::{AVERAGES, BANDS},
    nn::tanh,
    train::net::{
        cells::{LayerState, Sequence, View, multiply_rows, sum_rows},
        workspace::{Buffer, Workspace},
    },
};
use std::sync::Arc;

/// Numbers of a bin's input before the context: two of the frame itself, four of the last one, one of the one before, the averages.
const BEFORE_CONTEXT: usize = 2 + 5 + AVERAGES;

/// The weights.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a> {
    /// `(bins · context, hidden)`
    pub context: &'a [f32],
    pub context_bias: &'a [f32],
    /// `(bins, position)`
    pub position: &'a [f32],
    /// Of the GRU, in the order of [`LAYER_TENSORS`](crate::model::LAYER_TENSORS).
    pub gru: [&'a [f32]; 4],
    /// `(levels, tier.hidden)`
    pub out: &'a [f32],
    pub out_bias: &'a [f32],
}

/// The gradients of the weights.
pub(super) struct Gradients<'a> {
    pub context: &'a mut [f32],
    pub context_bias: &'a mut [f32],
    pub position: &'a mut [f32],
    pub gru: &'a mut [Vec<f32>; 5],
    pub out: &'a mut [f32],
    pub out_bias: &'a mut [f32],
}

/// The bins of a segment, with what the backward pass needs.
pub(super) struct Bins {
    /// h of the picked frames, `[frame][hidden]`.
    h: Buffer,
    /// `[frame][bin][context]`
    context: Buffer,
    /// `[bin][frame][input]`
    inputs: Buffer,
    gru: Sequence,
    /// The gradient of the mean loss by the logits, `[bin][frame][level]`.
    of_logits: Buffer,
    /// Mean cross-entropy of a bin.
    pub loss: f32,
}

impl Bins {
    /// `h`: `[step][stream][hidden]`; `classes`: the levels of the bands, `[step][stream]`.
    pub fn run(
        sizes: Sizes,
        h: &[f32],
        segment: &Segment,
        classes: &[[u8; BANDS]],
        recall: &Recall,
        weights: Weights<'_>,
        work: &Arc<Workspace>,
    ) -> Self {
        let Sizes { bins, hidden, tier, .. } = sizes;
        let picked = &segment.picked;
        let frames = picked.len();
        let mut h_picked = work.take(frames * hidden);
        for (slot, &row) in h_picked.chunks_exact_mut(hidden).zip(picked) {
            slot.copy_from_slice(&h[row * hidden..][..hidden]);
        }
        let width = bins * tier.context;
        let mut context = work.take(frames * width);
        let by_context = View::whole(weights.context, width, hidden);
        affine(View::whole(&h_picked, frames, hidden), by_context, weights.context_bias, &mut context, work);
        by_rows(&mut context, width, |_, rows| {
            pulp::Arch::new().dispatch(
                #[inline(always)]
                || rows.iter_mut().for_each(|x| *x = tanh(*x)),
            );
        });
        let last = (tier.levels - 1) as f32;
        let mut inputs = work.take(bins * frames * tier.inputs());
        by_rows(&mut inputs, frames * tier.inputs(), |first, rows| {
            for (index, rows) in rows.chunks_exact_mut(frames * tier.inputs()).enumerate() {
                let bin = first + index;
                for ((frame, input), &row) in rows.chunks_exact_mut(tier.inputs()).enumerate().zip(picked) {
                    let of_row = |values: &[f32], at: usize| if at < bins { values[at] } else { 0.0 };
                    let below = |values: &[f32], by: usize| if bin >= by { values[bin - by] } else { 0.0 };
                    let target = &segment.targets[row * bins..][..bins];
                    let heard = &segment.inputs[row * sizes.inputs()..][..sizes.inputs()];
                    let (heard, averages) = heard.split_at(bins);
                    let suggestion = &recall.suggestions[sizes.row_of_stream_first(row) * bins..][..bins];
                    let (start, rest) = input.split_at_mut(BEFORE_CONTEXT);
                    start[..7].copy_from_slice(&[
                        below(target, 1),
                        below(target, 2),
                        below(heard, 1),
                        heard[bin],
                        of_row(heard, bin + 1),
                        of_row(heard, bin + 2),
                        segment.before(&sizes, row)[bin],
                    ]);
                    for (slot, average) in start[7..].iter_mut().zip(averages.chunks_exact(bins)) {
                        *slot = average[bin];
                    }
                    let (own, rest) = rest.split_at_mut(tier.context);
                    own.copy_from_slice(&context[frame * width + bin * tier.context..][..tier.context]);
                    let (position, rest) = rest.split_at_mut(tier.position);
                    position.copy_from_slice(&weights.position[bin * tier.position..][..tier.position]);
                    for (slot, &class) in rest.iter_mut().zip(&classes[row]) {
                        *slot = f32::from(class) / last;
                    }
                    let sureness = recall.sureness[sizes.row_of_stream_first(row)];
                    rest[BANDS..].copy_from_slice(&[suggestion[bin], of_row(suggestion, bin + 1), sureness]);
                }
            }
        });
        let layer = sizes.bin_layer();
        let gru = Sequence::run(layer, &inputs, &weights.gru, LayerState::zeros(layer.cell, frames, tier.hidden), work);
        let mut of_logits = work.take(bins * frames * tier.levels);
        let out = View::whole(weights.out, tier.levels, tier.hidden);
        affine(View::whole(&gru.h, bins * frames, tier.hidden), out, weights.out_bias, &mut of_logits, work);
        let count = (bins * frames) as f64;
        let class = |index: usize| {
            let level = segment.targets[picked[index % frames] * bins + index / frames];
            (level * last).round_ties_even().clamp(0.0, last) as usize
        };
        let sum = cross_entropy(&mut of_logits, tier.levels, (1.0 / count) as f32, class, work);
        Self { h: h_picked, context, inputs, gru, of_logits, loss: (sum / count) as f32 }
    }

    /// Fills the gradients of the weights; adds to the shared ones.
    pub fn backward(
        &self,
        sizes: Sizes,
        segment: &Segment,
        weights: Weights<'_>,
        gradients: Gradients<'_>,
        shared: &mut Shared<'_>,
        work: &Arc<Workspace>,
    ) {
        let Sizes { bins, hidden, tier, .. } = sizes;
        let picked = &segment.picked;
        let frames = picked.len();
        let rows = bins * frames;
        let of_logits = View::whole(&self.of_logits, rows, tier.levels);
        multiply_rows(of_logits.t(), View::whole(&self.gru.h, rows, tier.hidden), gradients.out, tier.hidden, work);
        sum_rows(of_logits, gradients.out_bias);
        let mut of_gru = work.take(rows * tier.hidden);
        let out = View::whole(weights.out, tier.levels, tier.hidden);
        multiply_rows(of_logits, out, &mut of_gru, tier.hidden, work);
        let of_inputs = self.gru.backward(&self.inputs, &weights.gru, &of_gru, gradients.gru, work).unwrap_or_default();
        let width = bins * tier.context;
        let mut of_context = work.take(frames * width);
        gradients.position.fill(0.0);
        // In the order of the bins, then of the frames.
        for (bin, of_bin) in of_inputs.chunks_exact(frames * tier.inputs()).enumerate() {
            let of_position = &mut gradients.position[bin * tier.position..][..tier.position];
            for ((frame, of_input), &row) in of_bin.chunks_exact(tier.inputs()).enumerate().zip(picked) {
                let (own, rest) = of_input[BEFORE_CONTEXT..].split_at(tier.context);
                let at = frame * width + bin * tier.context;
                let context = &self.context[at..][..tier.context];
                for ((slot, g), y) in of_context[at..][..tier.context].iter_mut().zip(own).zip(context) {
                    *slot = g * (1.0 - y * y);
                }
                let (position, rest) = rest.split_at(tier.position);
                of_position.iter_mut().zip(position).for_each(|(sum, g)| *sum += g);
                let recalled = sizes.row_of_stream_first(row);
                let of_suggestion = &mut shared.suggestions[recalled * bins..][..bins];
                of_suggestion[bin] += rest[BANDS];
                if bin + 1 < bins {
                    of_suggestion[bin + 1] += rest[BANDS + 1];
                }
                shared.sureness[recalled] += rest[BANDS + 2];
            }
        }
        let of_context = View::whole(&of_context, frames, width);
        multiply_rows(of_context.t(), View::whole(&self.h, frames, hidden), gradients.context, hidden, work);
        sum_rows(of_context, gradients.context_bias);
        let mut of_picked = work.take(frames * hidden);
        multiply_rows(of_context, View::whole(weights.context, width, hidden), &mut of_picked, hidden, work);
        for (of_row, &row) in of_picked.chunks_exact(hidden).zip(picked) {
            shared.h[row * hidden..][..hidden].iter_mut().zip(of_row).for_each(|(sum, g)| *sum += g);
        }
    }
}
