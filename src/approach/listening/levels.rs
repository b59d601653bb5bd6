//! Levels drawn by their odds.

use crate::nn::exp;

/// Odds whose logarithm lies so far below the largest count as none.
const NONE: f32 = -80.0;

/// Draws a level from the logarithms of its odds. `temperature` divides them: 0 takes the likeliest. `point`: 0…1.
pub(super) fn draw(logits: &[f32], temperature: f32, point: f32, scratch: &mut [f32]) -> usize {
    let weights = &mut scratch[..logits.len()];
    let sum = weigh(logits, 1.0 / temperature.max(1e-3), weights);
    let mut left = point * sum;
    let chosen = weights.iter().position(|weight| {
        left -= weight;
        left < 0.0
    });
    // Rounding may leave something over: the last that has any odds at all.
    chosen.or_else(|| weights.iter().rposition(|&weight| weight > 0.0)).unwrap_or(0)
}

/// The mean, by their odds, of the levels that lie at most `reach` from the drawn one: what is heard of it.
pub(super) fn soften(logits: &[f32], drawn: usize, reach: usize, scratch: &mut [f32]) -> f32 {
    let span = drawn.saturating_sub(reach)..(drawn + reach + 1).min(logits.len());
    let weights = &mut scratch[..span.len()];
    let sum = weigh(&logits[span.clone()], 1.0, weights);
    let mean: f32 = span.zip(&*weights).map(|(level, weight)| level as f32 * weight).sum();
    mean / sum
}

/// e to the power of every logarithm below the largest, times `gain`; returns their sum, at least 1 for numbers.
fn weigh(logits: &[f32], gain: f32, weights: &mut [f32]) -> f32 {
    let most = logits.iter().fold(f32::NEG_INFINITY, |most, &logit| most.max(logit));
    for (weight, &logit) in weights.iter_mut().zip(logits) {
        *weight = exp(((logit - most) * gain).max(NONE));
    }
    weights.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::random::Random;

    #[test]
    fn odds_decide_how_often_a_level_is_drawn() {
        let mut random = Random::new(4);
        let logits = [0.0, libm::logf(3.0), -100.0];
        let mut scratch = [0.0; 3];
        for (temperature, expected) in [(1.0, 0.25), (0.5, 0.1), (0.0, 0.0)] {
            let mut counts = [0u32; 3];
            for _ in 0..40_000 {
                counts[draw(&logits, temperature, random.uniform(), &mut scratch)] += 1;
            }
            let part = counts[0] as f32 / 40_000.0;
            assert!((part - expected).abs() < 0.01 && counts[2] == 0, "{temperature}: {counts:?}");
        }
        assert!((1..3).contains(&draw(&logits, 1.0, 1.0, &mut scratch)), "nothing lies beyond the last");
    }

    #[test]
    fn what_is_heard_is_the_mean_around_the_drawn_level() {
        let mut scratch = [0.0; 8];
        assert!((soften(&[0.0; 8], 4, 2, &mut scratch) - 4.0).abs() < 1e-5);
        assert!(
            (soften(&[0.0; 8], 0, 2, &mut scratch) - 1.0).abs() < 1e-5,
            "at the end of the scale there is but one side"
        );
        let logits = [0.0, 0.0, 0.0, libm::logf(2.0), 9.0];
        assert!((soften(&logits, 2, 1, &mut scratch) - 2.25).abs() < 1e-5);
    }
}
