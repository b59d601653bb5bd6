//! The bins of a block of frames, from low to high: a GRU over the bins and a dense layer, forward and backward.
//!
//! Rows are `[bin][frame]`.

use super::{
    Block,
    tools::{Right, Tools},
};
use crate::{
    learn::{
        inputs::{BinHears, class},
        shape::Shape,
    },
    model::BANDS,
    nn::{
        grad::{GruBackwardRow, GruRow, View, score},
        tanh, vectorize,
    },
};

/// What a frame's bins hear of the layers that stand still.
#[derive(Clone, Debug)]
pub(super) struct Still {
    context: Right,
    context_bias: Vec<f32>,
    /// `[bin][position]`
    position: Vec<f32>,
}

impl Still {
    pub fn new(shape: &Shape, context: &[f32], context_bias: &[f32], position: &[f32]) -> Self {
        let mut right = Right::default();
        right.pack(View::whole(context, shape.bins * shape.tier.context, shape.hidden).t());
        Self { context: right, context_bias: context_bias.to_vec(), position: position.to_vec() }
    }
}

/// The memory of a block.
#[derive(Clone, Debug)]
pub(super) struct Bins {
    still: Still,
    /// The weights as right factors, forward and backward.
    of_x: Right,
    of_h: Right,
    to_levels: Right,
    from_levels: Right,
    from_rz: Right,
    from_n: Right,
    /// `[frame][bin][context]`
    context: Vec<f32>,
    /// `[row][input]`
    inputs: Vec<f32>,
    /// `[row][r z n m]`
    gates: Vec<f32>,
    /// Zeros of the frames, then `[row][hidden]`.
    h: Vec<f32>,
    /// `[frame][3 · hidden]`
    recurrent: Vec<f32>,
    /// `[row][level]`; after the forward pass the gradient.
    logits: Vec<f32>,
    of_outputs: Vec<f32>,
    of_sums: Vec<f32>,
    from_later: Vec<f32>,
    through_z: Vec<f32>,
}

impl Bins {
    /// For blocks of at most so many frames.
    pub fn new(shape: &Shape, still: Still, frames: usize) -> Self {
        let (rows, hidden) = (shape.bins * frames, shape.tier.hidden);
        let zeros = |count: usize| vec![0.0; count];
        Self {
            still,
            of_x: Right::default(),
            of_h: Right::default(),
            to_levels: Right::default(),
            from_levels: Right::default(),
            from_rz: Right::default(),
            from_n: Right::default(),
            context: zeros(frames * shape.bins * shape.tier.context),
            inputs: zeros(rows * shape.tier.inputs()),
            gates: zeros(rows * 4 * hidden),
            h: zeros((rows + frames) * hidden),
            recurrent: zeros(frames * 3 * hidden),
            logits: zeros(rows * shape.tier.levels),
            of_outputs: zeros(rows * hidden),
            of_sums: zeros(rows * 4 * hidden),
            from_later: zeros(frames * hidden),
            through_z: zeros(frames * hidden),
        }
    }

    /// Makes the weights ready: W_ih, W_hh, b_ih, b_hh of the GRU, weight and bias of the output.
    pub fn prepare(&mut self, shape: &Shape, weights: &[&[f32]]) {
        let (hidden, levels) = (shape.tier.hidden, shape.tier.levels);
        let hh = View::whole(weights[1], 3 * hidden, hidden);
        let out = View::whole(weights[4], levels, hidden);
        self.of_x.pack(View::whole(weights[0], 3 * hidden, shape.tier.inputs()).t());
        self.of_h.pack(hh.t());
        self.to_levels.pack(out.t());
        self.from_levels.pack(out);
        self.from_rz.pack(View::whole(weights[1], 2 * hidden, hidden));
        self.from_n.pack(View::whole(&weights[1][2 * hidden * hidden..], hidden, hidden));
    }

    /// The sum of the losses of all bins; `scale` is the weight of each in the gradient. `classes`: of the bands.
    pub fn forward(
        &mut self,
        shape: &Shape,
        weights: &[&[f32]],
        block: &Block<'_>,
        classes: &[[u8; BANDS]],
        scale: f32,
        tools: &mut Tools,
    ) -> f64 {
        let (bins, tier, frames) = (shape.bins, &shape.tier, block.frames);
        let (rows, hidden, inputs) = (bins * frames, tier.hidden, tier.inputs());
        let width = bins * tier.context;
        let context = &mut self.context[..frames * width];
        tools.multiply_packed(View::whole(block.h, frames, shape.hidden), &self.still.context, context, width, false);
        tools.add_bias(context, &self.still.context_bias);
        vectorize(
            tools.isa.arch(),
            #[inline(always)]
            || context.iter_mut().for_each(|x| *x = tanh(*x)),
        );
        let last = (tier.levels - 1) as f32;
        for frame in 0..frames {
            let of = |width: usize| frame * width..(frame + 1) * width;
            let hears = BinHears {
                target: &block.targets[of(bins)],
                heard: &block.heard[of(bins)],
                before: &block.before[of(bins)],
                averages: &block.averages[of(shape.averages())],
                context: &context[frame * width..][..width],
                position: &self.still.position,
                levels: classes[frame].map(|class| f32::from(class) / last),
                suggestion: &block.suggestions[of(bins)],
                sureness: block.sureness[frame],
            };
            for bin in 0..bins {
                hears.write(tier, bin, &mut self.inputs[(bin * frames + frame) * inputs..][..inputs]);
            }
        }
        let x = View::whole(&self.inputs, rows, inputs);
        tools.multiply_packed(x, &self.of_x, &mut self.gates, 4 * hidden, false);
        self.h[..frames * hidden].fill(0.0);
        let (bias_ih, bias_hh) = (weights[2], weights[3]);
        for (bin, gates) in self.gates[..rows * 4 * hidden].chunks_exact_mut(frames * 4 * hidden).enumerate() {
            let (before, here) = self.h.split_at_mut((bin + 1) * frames * hidden);
            let last = &before[bin * frames * hidden..];
            let recurrent = &mut self.recurrent[..frames * 3 * hidden];
            tools.multiply_packed(View::whole(last, frames, hidden), &self.of_h, recurrent, 3 * hidden, false);
            vectorize(
                tools.isa.arch(),
                #[inline(always)]
                || {
                    for frame in 0..frames {
                        let at = frame * hidden;
                        let row = GruRow {
                            gates: &mut gates[4 * at..][..4 * hidden],
                            recurrent: &recurrent[3 * at..][..3 * hidden],
                            bias_ih,
                            bias_hh,
                            last: &last[at..][..hidden],
                            h: &mut here[at..][..hidden],
                        };
                        row.forward();
                    }
                },
            );
        }
        let logits = &mut self.logits[..rows * tier.levels];
        let outputs = View::whole(&self.h[frames * hidden..], rows, hidden);
        tools.multiply_packed(outputs, &self.to_levels, logits, tier.levels, false);
        tools.add_bias(logits, weights[5]);
        let mut sum = 0.0;
        for (row, logits) in logits.chunks_exact_mut(tier.levels).enumerate() {
            let class = usize::from(class(block.targets[row % frames * bins + row / frames], tier.levels));
            sum += f64::from(vectorize(
                tools.isa.arch(),
                #[inline(always)]
                || score(logits, class, scale),
            ));
        }
        sum
    }

    /// Adds to the gradients of the six tensors.
    pub fn backward(&mut self, shape: &Shape, frames: usize, gradients: &mut [&mut [f32]], tools: &mut Tools) {
        let (bins, tier) = (shape.bins, &shape.tier);
        let (rows, hidden, inputs, levels) = (bins * frames, tier.hidden, tier.inputs(), tier.levels);
        let of_logits = View::whole(&self.logits, rows, levels);
        let outputs = View::whole(&self.h[frames * hidden..], rows, hidden);
        tools.multiply(of_logits.t(), outputs, gradients[4], hidden, true);
        tools.add_rows(of_logits, gradients[5]);
        tools.multiply_packed(of_logits, &self.from_levels, &mut self.of_outputs, hidden, false);
        let (from_later, through_z) = (&mut self.from_later[..frames * hidden], &mut self.through_z[..frames * hidden]);
        from_later.fill(0.0);
        for bin in (0..bins).rev() {
            let of_sums = &mut self.of_sums[bin * frames * 4 * hidden..][..frames * 4 * hidden];
            let (gates, h, of_outputs) = (&self.gates, &self.h, &self.of_outputs);
            vectorize(
                tools.isa.arch(),
                #[inline(always)]
                || {
                    for frame in 0..frames {
                        let (at, row) = (frame * hidden, bin * frames + frame);
                        let row = GruBackwardRow {
                            of_sums: &mut of_sums[4 * at..][..4 * hidden],
                            gates: &gates[row * 4 * hidden..][..4 * hidden],
                            last: &h[row * hidden..][..hidden],
                            grad_h: &of_outputs[row * hidden..][..hidden],
                            from_later: &from_later[at..][..hidden],
                            through_z: &mut through_z[at..][..hidden],
                        };
                        row.backward();
                    }
                },
            );
            if bin > 0 {
                let of_rz = View::new(of_sums, frames, 2 * hidden, 4 * hidden);
                let of_m = View::new(&of_sums[3 * hidden..], frames, hidden, 4 * hidden);
                tools.multiply_packed(of_rz, &self.from_rz, from_later, hidden, false);
                tools.multiply_packed(of_m, &self.from_n, from_later, hidden, true);
                from_later.iter_mut().zip(&*through_z).for_each(|(sum, z)| *sum += z);
            }
        }
        let of_x = View::new(&self.of_sums, rows, 3 * hidden, 4 * hidden);
        let of_rz = View::new(&self.of_sums, rows, 2 * hidden, 4 * hidden);
        let of_m = View::new(&self.of_sums[3 * hidden..], rows, hidden, 4 * hidden);
        let heard = View::whole(&self.h, rows, hidden);
        tools.multiply(of_x.t(), View::whole(&self.inputs, rows, inputs), gradients[0], inputs, true);
        let (hh_rz, hh_n) = gradients[1].split_at_mut(2 * hidden * hidden);
        tools.multiply(of_rz.t(), heard, hh_rz, hidden, true);
        tools.multiply(of_m.t(), heard, hh_n, hidden, true);
        tools.add_rows(of_x, gradients[2]);
        let (bias_rz, bias_n) = gradients[3].split_at_mut(2 * hidden);
        tools.add_rows(of_rz, bias_rz);
        tools.add_rows(of_m, bias_n);
    }
}

#[cfg(test)]
impl Bins {
    /// Numbers that it has memory for where that could grow.
    pub fn capacity(&self) -> usize {
        [&self.of_x, &self.of_h, &self.to_levels, &self.from_levels, &self.from_rz, &self.from_n]
            .map(Right::capacity)
            .iter()
            .sum()
    }
}
