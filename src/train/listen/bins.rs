//! The bins of some frames of a segment, from low to high: a GRU over bins and a dense layer.
//!
//! Rows are `[bin][frame]`, of the frames that were picked.

use super::{
    arithmetic::{affine, by_rows, cross_entropy},
    network::{Segment, Shared, Sizes},
    recall::Recall,
};
use crate::{
    learn::{BEFORE_CONTEXT, BinHears, class},
    model::BANDS,
    nn::{tanh, vectorize},
    train::net::{
        cells::{LayerState, Sequence, View, multiply_rows, sum_rows},
        workspace::{Buffer, Workspace},
    },
};
use std::sync::Arc;

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
            vectorize(
                pulp::Arch::new(),
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
                    let (heard, averages) = segment.inputs[row * sizes.inputs()..][..sizes.inputs()].split_at(bins);
                    let recalled = sizes.row_of_stream_first(row);
                    let hears = BinHears {
                        target: &segment.targets[row * bins..][..bins],
                        heard,
                        before: segment.before(&sizes, row),
                        averages,
                        context: &context[frame * width..][..width],
                        position: weights.position,
                        levels: classes[row].map(|class| f32::from(class) / last),
                        suggestion: &recall.suggestions[recalled * bins..][..bins],
                        sureness: recall.sureness[recalled],
                    };
                    hears.write(&tier, bin, input);
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
            usize::from(class(segment.targets[picked[index % frames] * bins + index / frames], tier.levels))
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
