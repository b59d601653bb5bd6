//! What the choice of one among many classes costs.

use crate::nn::exp;

/// Partial sums, so that it is done in vectors.
const LANES: usize = 16;

/// The negative log likelihood of the class `class`, and in the place of its `logits` `scale` times its gradient.
#[inline(always)]
pub(crate) fn score(logits: &mut [f32], class: usize, scale: f32) -> f32 {
    let wanted = logits[class];
    let most = largest(logits);
    let mut sums = [0.0; LANES];
    let (whole, rest) = logits.as_chunks_mut::<LANES>();
    for values in whole {
        for (sum, value) in sums.iter_mut().zip(values) {
            *value = exp((*value - most).max(-87.0));
            *sum += *value;
        }
    }
    for (sum, value) in sums.iter_mut().zip(rest) {
        *value = exp((*value - most).max(-87.0));
        *sum += *value;
    }
    let sum: f32 = sums.iter().sum();
    let gain = scale / sum;
    logits.iter_mut().for_each(|value| *value *= gain);
    logits[class] -= scale;
    libm::logf(sum) - (wanted - most)
}

/// The largest number.
#[inline(always)]
fn largest(values: &[f32]) -> f32 {
    let mut most = [f32::NEG_INFINITY; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    for values in whole {
        for (most, &value) in most.iter_mut().zip(values) {
            *most = if value > *most { value } else { *most };
        }
    }
    most.iter().chain(rest).fold(f32::NEG_INFINITY, |most, &value| if value > most { value } else { most })
}
