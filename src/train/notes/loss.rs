//! What a prediction of columns is worth, and the gradient of that.

use super::config::Loss;
use crate::{
    model::KEYS,
    nn::{exp, sigmoid, vectorize},
};
use pulp::Arch;

/// Sums over bits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Bits.
    pub bits: u64,
    /// Of what is made small.
    loss: f64,
    squared: f64,
    /// Bits that are right at a threshold of 0.5.
    right: u64,
}

impl Figures {
    /// Adds those of other bits.
    pub fn add(&mut self, other: &Self) {
        self.bits += other.bits;
        self.loss += other.loss;
        self.squared += other.squared;
        self.right += other.right;
    }

    /// The mean of what is made small.
    pub fn loss(&self) -> f32 {
        (self.loss / self.bits.max(1) as f64) as f32
    }

    /// The mean squared error.
    pub fn mse(&self) -> f32 {
        (self.squared / self.bits.max(1) as f64) as f32
    }

    /// The part of the bits that is right at a threshold of 0.5.
    pub fn accuracy(&self) -> f32 {
        (self.right as f64 / self.bits.max(1) as f64) as f32
    }

    /// As whole numbers, for a checkpoint.
    pub(super) fn to_bits(self) -> [u64; 4] {
        [self.bits, self.loss.to_bits(), self.squared.to_bits(), self.right]
    }

    pub(super) fn from_bits([bits, loss, squared, right]: [u64; 4]) -> Self {
        Self { bits, loss: f64::from_bits(loss), squared: f64::from_bits(squared), right }
    }
}

/// Judges `logits` by `targets`, `[row][width]`, of the rows that are `scored`, and puts the gradient of the loss into
/// their place; 0 for other rows. That is the mean squared error over bits, as Keras has it; or the mean cross-entropy of
/// a column, the sum over 88 bits: the gradient of a mean over bits is so small that Adam's ε stops it.
pub(super) fn judge(logits: &mut [f32], targets: &[f32], width: usize, scored: &[bool], loss: Loss) -> Figures {
    let rows = scored.iter().filter(|scored| **scored).count();
    let mut figures = Figures { bits: (rows * width) as u64, ..Figures::default() };
    let weight = gain(loss) / (rows * width).max(1) as f32;
    let arch = Arch::new();
    let rows = logits.chunks_exact_mut(width).zip(targets.chunks_exact(width)).zip(scored);
    for ((logits, targets), scored) in rows {
        if !scored {
            logits.fill(0.0);
            continue;
        }
        let [sum, squared, right] = vectorize(
            arch,
            #[inline(always)]
            || match loss {
                Loss::Mse => of_row::<false>(logits, targets, weight),
                Loss::Bce => of_row::<true>(logits, targets, weight),
            },
        );
        figures.loss += f64::from(sum);
        figures.squared += f64::from(squared);
        figures.right += right as u64;
    }
    figures
}

/// What the mean loss over bits is multiplied by where its gradient is taken.
pub(super) fn gain(loss: Loss) -> f32 {
    match loss {
        Loss::Mse => 1.0,
        Loss::Bce => KEYS as f32,
    }
}

/// Sums of one row: loss, squared error, right bits. In eight sums each, so that it is done in vectors.
#[inline(always)]
fn of_row<const BCE: bool>(logits: &mut [f32], targets: &[f32], weight: f32) -> [f32; 3] {
    let mut sums = [[0.0f32; 8]; 3];
    // A column has 88 bits or 176, a segment a multiple of them.
    let (whole, _) = logits.as_chunks_mut::<8>();
    for (logits, targets) in whole.iter_mut().zip(targets.as_chunks::<8>().0) {
        for lane in 0..8 {
            let (z, t) = (logits[lane], targets[lane]);
            let p = sigmoid(z);
            let error = p - t;
            sums[1][lane] += error * error;
            sums[2][lane] += if (p > 0.5) == (t > 0.5) { 1.0 } else { 0.0 };
            if BCE {
                sums[0][lane] += softplus(z) - t * z;
                logits[lane] = weight * error;
            } else {
                logits[lane] = 2.0 * weight * error * p * (1.0 - p);
            }
        }
    }
    if !BCE {
        sums[0] = sums[1];
    }
    sums.map(|lanes| lanes.iter().sum())
}

/// ln(1 + eᶻ).
#[inline(always)]
fn softplus(z: f32) -> f32 {
    // 0 < e^−|z| ≤ 1.
    z.max(0.0) + ln_1p(exp((-z.abs()).max(-87.0)))
}

/// ln(1 + x) for 0 ≤ x ≤ 1, to 3·10⁻⁷: 2 artanh(x / (2 + x)).
#[inline(always)]
fn ln_1p(x: f32) -> f32 {
    let s = x / (2.0 + x);
    let square = s * s;
    let mut sum = 1.0 / 13.0;
    for odd in [11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        sum = sum * square + 1.0 / odd;
    }
    2.0 * s * sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::random::Random;

    #[test]
    fn losses_and_gradients_are_those_of_plain_sums() {
        let mut random = Random::new(3);
        let (width, rows) = (88, 7);
        let logits: Vec<f32> = (0..rows * width).map(|_| 8.0 * random.normal()).collect();
        let targets: Vec<f32> = (0..rows * width).map(|_| f32::from(random.below(3) == 0)).collect();
        let scored: Vec<bool> = (0..rows).map(|row| row != 2).collect();
        for loss in [Loss::Mse, Loss::Bce] {
            let plain = |logits: &[f32]| {
                let mut sum = 0.0f64;
                for (row, _) in scored.iter().enumerate().filter(|(_, scored)| **scored) {
                    for at in row * width..(row + 1) * width {
                        let (z, t) = (f64::from(logits[at]), f64::from(targets[at]));
                        let p = 1.0 / (1.0 + (-z).exp());
                        sum += match loss {
                            Loss::Mse => (p - t) * (p - t),
                            Loss::Bce => z.max(0.0) + (-z.abs()).exp().ln_1p() - t * z,
                        };
                    }
                }
                sum / (6 * width) as f64
            };
            let mut gradient = logits.clone();
            let figures = judge(&mut gradient, &targets, width, &scored, loss);
            assert!((f64::from(figures.loss()) - plain(&logits)).abs() < 1e-6, "{loss:?}: {figures:?}");
            let (mse, bits) = (figures.mse(), figures.bits);
            assert!(bits == 528 && mse > 0.1 && (loss == Loss::Bce) == (mse != figures.loss()));
            for at in (0..rows * width).step_by(13) {
                let mut moved = logits.clone();
                moved[at] = logits[at] + 1e-2;
                let above = plain(&moved);
                moved[at] = logits[at] - 1e-2;
                let slope = f64::from(gain(loss)) * (above - plain(&moved)) / 2e-2;
                assert!(
                    (f64::from(gradient[at]) - slope).abs() < 1e-6 * f64::from(gain(loss)),
                    "{loss:?}, {at}: {} for {slope}",
                    gradient[at]
                );
            }
            let right =
                (0..rows * width).filter(|at| scored[at / width] && (logits[*at] > 0.0) == (targets[*at] > 0.0));
            assert_eq!(figures.accuracy(), right.count() as f32 / 528.0);
        }
    }

    #[test]
    fn logarithms_are_those_of_libm() {
        for x in (0..=10_000).map(|i| i as f32 * 1e-4) {
            assert!((ln_1p(x) - libm::log1pf(x)).abs() < 3e-7, "{x}");
        }
        assert_eq!((softplus(-1e4), softplus(1e4)), (softplus(-87.0), 1e4));
    }
}
