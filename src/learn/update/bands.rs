//! The levels of the bands of a block of frames: a dense layer with a hidden one, forward and backward.
//!
//! Rows are `[frame][band]`.

use super::{
    Block,
    tools::{Right, Tools},
};
use crate::{
    learn::{
        inputs::{band_levels, class},
        shape::Shape,
    },
    model::BANDS,
    nn::{
        grad::{View, score},
        vectorize,
    },
};

/// The memory of a block.
#[derive(Clone, Debug)]
pub(super) struct Bands {
    /// The weights as right factors: of h, of the rest, of the output forward and backward.
    by_h: Right,
    by_rest: Right,
    to_levels: Right,
    from_levels: Right,
    /// The levels that frames have, as classes.
    pub classes: Vec<[u8; BANDS]>,
    /// What the hidden layer hears beside h, `[row][band_inputs]`.
    rest: Vec<f32>,
    /// What it makes of h, `[frame][band_hidden]`; in the backward pass the gradient of that.
    of_h: Vec<f32>,
    /// `[row][band_hidden]`
    hidden: Vec<f32>,
    of_hidden: Vec<f32>,
    /// `[row][level]`; after the forward pass the gradient.
    logits: Vec<f32>,
}

impl Bands {
    /// For blocks of at most so many frames.
    pub fn new(shape: &Shape, frames: usize) -> Self {
        let (rows, width) = (frames * BANDS, shape.tier.band_hidden);
        let zeros = |count: usize| vec![0.0; count];
        Self {
            by_h: Right::default(),
            by_rest: Right::default(),
            to_levels: Right::default(),
            from_levels: Right::default(),
            classes: vec![[0; BANDS]; frames],
            rest: zeros(rows * shape.tier.band_inputs()),
            of_h: zeros(frames * width),
            hidden: zeros(rows * width),
            of_hidden: zeros(rows * width),
            logits: zeros(rows * shape.tier.levels),
        }
    }

    /// Makes the weights ready: weights and biases of the hidden layer and of the output.
    pub fn prepare(&mut self, shape: &Shape, weights: &[&[f32]]) {
        let (width, inputs) = (shape.tier.band_hidden, shape.tier.band_inputs());
        let stride = shape.hidden + inputs;
        let out = View::whole(weights[2], shape.tier.levels, width);
        self.by_h.pack(View::new(weights[0], width, shape.hidden, stride).t());
        self.by_rest.pack(View::new(&weights[0][shape.hidden..], width, inputs, stride).t());
        self.to_levels.pack(out.t());
        self.from_levels.pack(out);
    }

    /// The sum of the losses of all bands; `scale` is the weight of each in the gradient.
    pub fn forward(
        &mut self,
        shape: &Shape,
        weights: &[&[f32]],
        block: &Block<'_>,
        scale: f32,
        tools: &mut Tools,
    ) -> f64 {
        let (frames, bins, levels) = (block.frames, shape.bins, shape.tier.levels);
        let (rows, width, inputs) = (frames * BANDS, shape.tier.band_hidden, shape.tier.band_inputs());
        let last = (levels - 1) as f32;
        let of = |frame: &[f32]| band_levels(&shape.bounds, shape.band_top, frame);
        for (classes, target) in self.classes.iter_mut().zip(block.targets.chunks_exact(bins)) {
            *classes = of(target).map(|level| class(level, levels));
        }
        let suggestions = block.suggestions.chunks_exact(bins).zip(block.sureness);
        for ((own, classes), (suggestion, &sureness)) in
            self.rest.chunks_exact_mut(BANDS * inputs).zip(&self.classes).zip(suggestions)
        {
            let suggested = of(suggestion);
            for (band, input) in own.chunks_exact_mut(inputs).enumerate() {
                input.fill(0.0);
                for (slot, &class) in input.iter_mut().zip(&classes[..band]) {
                    *slot = f32::from(class) / last;
                }
                input[BANDS + band] = 1.0;
                input[2 * BANDS..3 * BANDS].copy_from_slice(&suggested);
                input[3 * BANDS] = sureness;
            }
        }
        let h = View::whole(block.h, frames, shape.hidden);
        tools.multiply_packed(h, &self.by_h, &mut self.of_h, width, false);
        let rest = View::whole(&self.rest, rows, inputs);
        tools.multiply_packed(rest, &self.by_rest, &mut self.hidden, width, false);
        let (of_h, hidden) = (&self.of_h, &mut self.hidden[..rows * width]);
        vectorize(
            tools.isa.arch(),
            #[inline(always)]
            || {
                for (row, hidden) in hidden.chunks_exact_mut(width).enumerate() {
                    let of_h = &of_h[row / BANDS * width..][..width];
                    for ((y, x), b) in hidden.iter_mut().zip(of_h).zip(weights[1]) {
                        let sum = *y + x + b;
                        *y = if sum > 0.0 { sum } else { 0.0 };
                    }
                }
            },
        );
        let logits = &mut self.logits[..rows * levels];
        tools.multiply_packed(View::whole(&self.hidden, rows, width), &self.to_levels, logits, levels, false);
        tools.add_bias(logits, weights[3]);
        let mut sum = 0.0;
        for (row, logits) in logits.chunks_exact_mut(levels).enumerate() {
            let class = usize::from(self.classes[row / BANDS][row % BANDS]);
            sum += f64::from(vectorize(
                tools.isa.arch(),
                #[inline(always)]
                || score(logits, class, scale),
            ));
        }
        sum
    }

    /// Adds to the gradients of the four tensors.
    pub fn backward(&mut self, shape: &Shape, block: &Block<'_>, gradients: &mut [&mut [f32]], tools: &mut Tools) {
        let (frames, levels) = (block.frames, shape.tier.levels);
        let (rows, width, inputs) = (frames * BANDS, shape.tier.band_hidden, shape.tier.band_inputs());
        let stride = shape.hidden + inputs;
        let of_logits = View::whole(&self.logits, rows, levels);
        tools.multiply(of_logits.t(), View::whole(&self.hidden, rows, width), gradients[2], width, true);
        tools.add_rows(of_logits, gradients[3]);
        tools.multiply_packed(of_logits, &self.from_levels, &mut self.of_hidden, width, false);
        let of_hidden = &mut self.of_hidden[..rows * width];
        of_hidden.iter_mut().zip(&self.hidden).for_each(|(g, &y)| *g = if y > 0.0 { *g } else { 0.0 });
        let of_h = &mut self.of_h[..frames * width];
        for (sums, bands) in of_h.chunks_exact_mut(width).zip(of_hidden.chunks_exact(BANDS * width)) {
            sums.fill(0.0);
            for band in bands.chunks_exact(width) {
                sums.iter_mut().zip(band).for_each(|(sum, g)| *sum += g);
            }
        }
        let of_h = View::whole(of_h, frames, width);
        tools.multiply(of_h.t(), View::whole(block.h, frames, shape.hidden), gradients[0], stride, true);
        tools.add_rows(of_h, gradients[1]);
        let rest = View::whole(&self.rest, rows, inputs);
        tools.multiply(View::whole(of_hidden, rows, width).t(), rest, &mut gradients[0][shape.hidden..], stride, true);
    }
}

#[cfg(test)]
impl Bands {
    /// Numbers that it has memory for where that could grow.
    pub fn capacity(&self) -> usize {
        [&self.by_h, &self.by_rest, &self.to_levels, &self.from_levels].map(Right::capacity).iter().sum()
    }
}
