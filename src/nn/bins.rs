//! A layer of GRU that runs over the bins of a frame, from low to high, and says of each how likely its levels are.
//!
//! All of a bin's inputs are known before the frame is drawn but two, the levels drawn at the two bins below: the product with the
//! known ones is made for all bins at once, and a bin adds two columns to it.

use super::{
    Dense, Isa, Precision,
    cell::layer::{LayerWeights, plain_order, vector_at},
    kernel::{AlignedBuffer, Factors, Kernel, Lanes, PackedMatrix, Sweep, sigmoid, tanh},
};

/// Inputs that are drawn: the levels at the bin below and at the one below that.
const DRAWN: usize = 2;
/// Numbers behind the last row, so that whole vectors can be read from any.
const SLACK: usize = 64;
/// Bins whose known inputs are multiplied at once.
const TOGETHER: usize = 4;

/// The packed weights.
#[derive(Clone, Debug)]
pub struct BinLayer {
    of_known: PackedMatrix,
    of_h: PackedMatrix,
    /// The columns of the drawn inputs, packed as the sums.
    of_drawn: [AlignedBuffer; DRAWN],
    out: Dense,
    known_inputs: usize,
    hidden: usize,
    isa: Isa,
}

/// What drawing a frame needs.
#[derive(Clone, Debug)]
pub struct BinScratch {
    /// Sums over the known inputs, `[bin][row]`, padded.
    of_known: AlignedBuffer,
    of_h: AlignedBuffer,
    h: AlignedBuffer,
    next: AlignedBuffer,
    logits: Vec<f32>,
}

impl BinLayer {
    /// From the tensors of the GRU, whose first two inputs are the drawn ones, and the dense layer behind it: `out_weight`
    /// `[levels][hidden]`, `out_bias` `[levels]`. Weights stay as they are: so few gain nothing from being rounded.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn new(
        inputs: usize,
        hidden: usize,
        gru: &LayerWeights<'_>,
        out_weight: &[f32],
        out_bias: &[f32],
        isa: Isa,
    ) -> Self {
        let order = plain_order(0..3 * hidden, isa);
        let known_inputs = inputs - DRAWN;
        let known: Vec<f32> = gru.weight_ih.chunks_exact(inputs).flat_map(|row| &row[DRAWN..]).copied().collect();
        let pack = |weights: &[f32], columns, bias| {
            PackedMatrix::new(&order, &[(weights, columns)], bias, Precision::F32, isa)
        };
        let of_drawn = [0, 1].map(|column| {
            let mut rows: Vec<f32> = gru.weight_ih.chunks_exact(inputs).map(|row| row[column]).collect();
            rows.resize(order.len() + SLACK, 0.0);
            AlignedBuffer::of(&rows)
        });
        Self {
            of_known: pack(&known, known_inputs, gru.bias_ih),
            of_h: pack(gru.weight_hh, hidden, gru.bias_hh),
            of_drawn,
            out: Dense::new(hidden, out_bias.len(), out_weight, out_bias, Precision::F32, isa),
            known_inputs,
            hidden,
            isa,
        }
    }

    /// As [`Dense::blend`].
    ///
    /// # Realtime safety
    /// Does not allocate.
    ///
    /// # Panics
    /// As [`Dense::blend`].
    pub fn blend(&mut self, from: &Self, to: &Self, amount: f32) {
        self.of_known.blend(&from.of_known, &to.of_known, amount);
        self.of_h.blend(&from.of_h, &to.of_h, amount);
        for (own, (from, to)) in self.of_drawn.iter_mut().zip(from.of_drawn.iter().zip(&to.of_drawn)) {
            own.blend(from, to, amount);
        }
        self.out.blend(&from.out, &to.out, amount);
    }

    /// Memory for frames of so many bins. Allocates.
    pub fn make_scratch(&self, bins: usize) -> BinScratch {
        let rows = self.of_known.padded_rows();
        let padded_hidden = 4 * self.hidden.next_multiple_of(64);
        BinScratch {
            of_known: AlignedBuffer::new(4 * (rows * bins + SLACK)),
            of_h: AlignedBuffer::new(4 * (rows + SLACK)),
            h: AlignedBuffer::new(padded_hidden),
            next: AlignedBuffer::new(padded_hidden),
            logits: self.out.make_output_buffer(),
        }
    }

    /// Bytes that a bin reads.
    pub fn bytes(&self) -> usize {
        self.of_known.bytes()
            + self.of_h.bytes()
            + self.of_drawn.each_ref().map(AlignedBuffer::bytes).iter().sum::<usize>()
            + self.out.bytes()
    }

    /// Begins a frame. `known`: `[bin][known_inputs]`.
    ///
    /// # Realtime safety
    /// Does not allocate.
    ///
    /// # Panics
    /// If the scratch is of another layer or of fewer bins.
    pub fn begin(&self, known: &[f32], scratch: &mut BinScratch) {
        let rows = self.of_known.padded_rows();
        let mut inputs = known.chunks_exact(self.known_inputs);
        let sums = &mut scratch.of_known.view_mut::<f32>()[..inputs.len() * rows];
        let mut sums = sums.chunks_exact_mut(rows);
        let mut next = || Some(factors(inputs.next()?, sums.next()?));
        while let Some(first) = next() {
            let rest: [Option<Factors<'_>>; TOGETHER - 1] = std::array::from_fn(|_| next());
            match rest {
                [Some(second), Some(third), Some(fourth)] => {
                    self.of_known.multiply(self.isa, Sweep::Forwards, &mut [first, second, third, fourth]);
                }
                rest => {
                    for one in std::iter::once(first).chain(rest.into_iter().flatten()) {
                        self.of_known.multiply(self.isa, Sweep::Forwards, &mut [one]);
                    }
                }
            }
        }
        scratch.h.view_mut::<f32>().fill(0.0);
    }

    /// Moves to the bin `bin`, in order, after the levels drawn below it: the last one first, 0 where there is none. Returns the
    /// logarithms of the odds of its levels.
    ///
    /// # Realtime safety
    /// Does not allocate.
    pub fn next<'s>(&self, bin: usize, drawn: [f32; DRAWN], scratch: &'s mut BinScratch) -> &'s mut [f32] {
        let rows = self.of_h.padded_rows();
        let BinScratch { of_known, of_h, h, next, logits } = scratch;
        let sums = &mut of_h.view_mut::<f32>()[..rows];
        self.of_h.multiply(self.isa, Sweep::Forwards, &mut [factors(&h.view()[..self.hidden], sums)]);
        let known = &of_known.view::<f32>()[bin * rows..][..rows + SLACK];
        let of_drawn = self.of_drawn.each_ref().map(|column| column.view::<f32>());
        let update = Update { hidden: self.hidden, known, of_drawn, drawn, of_h: of_h.view(), h: h.view(), next };
        self.isa.launch(update);
        std::mem::swap(h, next);
        self.out.forward(&h.view()[..self.hidden], logits);
        &mut logits[..self.out.outputs()]
    }
}

fn factors<'a>(x: &'a [f32], sums: &'a mut [f32]) -> Factors<'a> {
    Factors { start: None, x: [x, &[]], quads: [&mut [], &mut []], sums }
}

/// As `cell::gru` has it, with sums over x of which two columns are still missing.
struct Update<'a> {
    hidden: usize,
    known: &'a [f32],
    of_drawn: [&'a [f32]; DRAWN],
    drawn: [f32; DRAWN],
    of_h: &'a [f32],
    h: &'a [f32],
    next: &'a mut AlignedBuffer,
}

impl Kernel for Update<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Self { hidden, known, of_drawn, drawn, of_h, h, next } = self;
        let x = Heard::<L> { known, of_drawn, drawn: [lanes.splat(drawn[0]), lanes.splat(drawn[1])] };
        for (unit, slot) in (0..hidden).step_by(L::LANES).zip(next.view_mut::<L::F>()) {
            let (reset, update, new) = (unit, hidden + unit, 2 * hidden + unit);
            let r = sigmoid(lanes, lanes.add(x.sum(lanes, reset), vector_at::<L>(of_h, reset)));
            let z = sigmoid(lanes, lanes.add(x.sum(lanes, update), vector_at::<L>(of_h, update)));
            let n = tanh(lanes, lanes.mul_add(r, vector_at::<L>(of_h, new), x.sum(lanes, new)));
            let change = lanes.mul_add(lanes.splat(-1.0), n, vector_at::<L>(h, unit));
            *slot = lanes.mul_add(z, change, n);
        }
    }
}

/// The sums over x. Not a closure: it would be compiled for the least processor.
struct Heard<'a, L: Lanes> {
    known: &'a [f32],
    of_drawn: [&'a [f32]; DRAWN],
    drawn: [L::F; DRAWN],
}

impl<L: Lanes> Heard<'_, L> {
    #[inline(always)]
    fn sum(&self, lanes: L, place: usize) -> L::F {
        let first =
            lanes.mul_add(vector_at::<L>(self.of_drawn[0], place), self.drawn[0], vector_at::<L>(self.known, place));
        lanes.mul_add(vector_at::<L>(self.of_drawn[1], place), self.drawn[1], first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::random::Random;

    /// The definition, in double precision.
    fn reference(
        (inputs, hidden): (usize, usize),
        gru: &LayerWeights<'_>,
        (out_weight, out_bias): (&[f32], &[f32]),
        known: &[f32],
        drawn: &[f32],
    ) -> Vec<Vec<f64>> {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let mut h = vec![0.0f64; hidden];
        let dot = |row: &[f32], x: &[f64]| row.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum::<f64>();
        known
            .chunks_exact(inputs - 2)
            .enumerate()
            .map(|(bin, known)| {
                let below = |back: usize| bin.checked_sub(back).map_or(0.0, |bin| f64::from(drawn[bin]));
                let mut x = vec![below(1), below(2)];
                x.extend(known.iter().map(|&x| f64::from(x)));
                let of_x = |row: usize| dot(&gru.weight_ih[row * inputs..][..inputs], &x) + f64::from(gru.bias_ih[row]);
                let of_h = |row: usize| dot(&gru.weight_hh[row * hidden..][..hidden], &h) + f64::from(gru.bias_hh[row]);
                h = (0..hidden)
                    .map(|unit| {
                        let r = sigmoid(of_x(unit) + of_h(unit));
                        let z = sigmoid(of_x(hidden + unit) + of_h(hidden + unit));
                        let n = (of_x(2 * hidden + unit) + r * of_h(2 * hidden + unit)).tanh();
                        (1.0 - z) * n + z * h[unit]
                    })
                    .collect();
                let rows = out_weight.chunks_exact(hidden).zip(out_bias);
                rows.map(|(row, &bias)| dot(row, &h) + f64::from(bias)).collect()
            })
            .collect()
    }

    #[test]
    fn equals_the_definition_at_every_instruction_set() {
        for (bins, inputs, hidden, levels) in
            [(178, 27, 96, 32), (7, 5, 8, 8), (9, 12, 33, 17), (40, 20, 20, 16), (1, 3, 100, 64)]
        {
            let mut random = Random::new(bins as u64);
            let mut draw = |count: usize| (0..count).map(|_| 0.3 * random.normal()).collect::<Vec<f32>>();
            let (weight_ih, weight_hh) = (draw(3 * hidden * inputs), draw(3 * hidden * hidden));
            let (bias_ih, bias_hh) = (draw(3 * hidden), draw(3 * hidden));
            let (out_weight, out_bias) = (draw(levels * hidden), draw(levels));
            let (known, drawn) = (draw(bins * (inputs - 2)), draw(bins));
            let gru = LayerWeights {
                weight_ih: &weight_ih,
                weight_hh: &weight_hh,
                bias_ih: &bias_ih,
                bias_hh: &bias_hh,
                peepholes: None,
            };
            let expected = reference((inputs, hidden), &gru, (&out_weight, &out_bias), &known, &drawn);
            for isa in Isa::all() {
                let layer = BinLayer::new(inputs, hidden, &gru, &out_weight, &out_bias, isa);
                let mut scratch = layer.make_scratch(bins);
                // Twice: nothing is left of the frame before.
                for _ in 0..2 {
                    layer.begin(&known, &mut scratch);
                    for (bin, expected) in expected.iter().enumerate() {
                        let below = |back: usize| bin.checked_sub(back).map_or(0.0, |bin| drawn[bin]);
                        let logits = layer.next(bin, [below(1), below(2)], &mut scratch);
                        assert_eq!(logits.len(), levels);
                        for (&got, &expected) in logits.iter().zip(expected) {
                            let error = (f64::from(got) - expected).abs();
                            assert!(error < 2e-5, "{}, bin {bin}: {got} for {expected}", isa.name());
                        }
                    }
                }
            }
        }
    }
}
