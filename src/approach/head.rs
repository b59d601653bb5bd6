//! From a network's output to the next features (DESIGN 6).

use crate::{dsp::random::Random, model::Head};

/// What leaves a draw to chance.
pub(super) struct Chance<'a> {
    /// Multiplies the scales.
    pub temperature: f32,
    /// Part that is heard of how far a draw lies from what was to be expected.
    pub spread: f32,
    /// Where it comes from.
    pub random: &'a mut Random,
}

/// Draws the next features. `output`: `[output_size]`, `current`, `next` and `sounded`: `[features]`. What is `sounded` lies
/// nearer to what was to be expected.
///
/// Mixture (Bishop, *Mixture density networks*, 1994; temperature as in Ha and Eck, *A neural representation of sketch
/// drawings*, 2017): a Gaussian is drawn by its weight, then a point of it with its scale times
/// the temperature.
pub(super) fn draw(
    head: Head,
    output: &[f32],
    current: &[f32],
    Chance { temperature, spread, random }: Chance<'_>,
    next: &mut [f32],
    sounded: &mut [f32],
) {
    match head {
        Head::Mse => {
            next.copy_from_slice(&output[..next.len()]);
            sounded.copy_from_slice(next);
        }
        Head::Autoregressive(_) => unreachable!("its frames are drawn by `crate::approach::listening`"),
        Head::Mixture { components, residual } => {
            let features = next.len();
            let (logits, rest) = output.split_at(components);
            let chosen = choose(logits, random.uniform());
            let means = &rest[chosen * features..][..features];
            let log_scales = &rest[(components + chosen) * features..][..features];
            for (((slot, &x), &mean), &log_scale) in next.iter_mut().zip(current).zip(means).zip(log_scales) {
                let scale = libm::expf(log_scale.clamp(min_log_scale(features), MAX_LOG_SCALE));
                let centre = if residual { x } else { 0.0 } + mean;
                *slot = centre + temperature * scale * random.normal();
            }
            sounded.copy_from_slice(next);
            if spread != 1.0 {
                expect(logits, rest, residual.then_some(current), sounded);
                sounded.iter_mut().zip(&*next).for_each(|(sounded, drawn)| *sounded += spread * (drawn - *sounded));
            }
        }
    }
}

/// What is to be expected: the means of all components by their weights. `means` begins with `[component][feature]`.
fn expect(logits: &[f32], means: &[f32], current: Option<&[f32]>, out: &mut [f32]) {
    let (weight, total) = weighing(logits);
    match current {
        Some(current) => out.copy_from_slice(current),
        None => out.fill(0.0),
    }
    for (&logit, means) in logits.iter().zip(means.chunks_exact(out.len())) {
        let part = weight(logit) / total;
        out.iter_mut().zip(means).for_each(|(slot, mean)| *slot += part * mean);
    }
}

/// The least logarithm of a scale, in training and here, so that nothing is certain: of 0.02, or, where a single sample is
/// predicted, whose errors are heard as noise below all that sounds, of 0.001.
pub(crate) fn min_log_scale(features: usize) -> f32 {
    if features == 1 { -6.907_755 } else { -3.912_023 }
}

/// The largest, so that nothing explodes.
pub(crate) const MAX_LOG_SCALE: f32 = 2.0;

/// What gives a component its weight, by its logit, and the sum of all weights.
fn weighing(logits: &[f32]) -> (impl Fn(f32) -> f32, f32) {
    let top = logits.iter().fold(f32::NEG_INFINITY, |top, &l| top.max(l));
    let weight = move |l: f32| libm::expf((l - top).max(-80.0));
    (weight, logits.iter().map(|&l| weight(l)).sum())
}

/// The component in whose part of the summed weights `point` (0…1) lies.
fn choose(logits: &[f32], point: f32) -> usize {
    let (weight, total) = weighing(logits);
    let mut left = point * total;
    for (index, &l) in logits.iter().enumerate() {
        left -= weight(l);
        if left < 0.0 {
            return index;
        }
    }
    logits.len() - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_decide_how_often_a_component_is_chosen() {
        let mut random = Random::new(4);
        let logits = [0.0, libm::logf(3.0), -100.0];
        let mut counts = [0u32; 3];
        for _ in 0..40_000 {
            counts[choose(&logits, random.uniform())] += 1;
        }
        assert!((counts[0] as f32 / 40_000.0 - 0.25).abs() < 0.01 && counts[2] == 0, "{counts:?}");
    }

    #[test]
    fn what_is_heard_lies_between_what_was_expected_and_what_was_drawn() {
        // Two components at -1 and 3 with weights of 1/4 and 3/4: 2 is to be expected.
        let output = [0.0, libm::logf(3.0), -1.0, 3.0, -3.0, -3.0];
        for (residual, expected) in [(false, 2.0), (true, 7.0)] {
            for spread in [0.0, 0.25, 1.0] {
                let mut random = Random::new(4);
                for _ in 0..100 {
                    let (mut next, mut sounded) = ([0.0], [0.0]);
                    let chance = Chance { temperature: 1.0, spread, random: &mut random };
                    draw(Head::Mixture { components: 2, residual }, &output, &[5.0], chance, &mut next, &mut sounded);
                    assert!((sounded[0] - (expected + spread * (next[0] - expected))).abs() < 1e-5, "{sounded:?}");
                    assert!((next[0] - expected).abs() > 0.5, "neither component is where the two are on average");
                }
            }
        }
    }

    #[test]
    fn temperature_scales_the_spread_around_the_change() {
        let output = [0.0, 0.5, -0.25, 0.0, libm::logf(0.5)];
        for residual in [true, false] {
            let head = Head::Mixture { components: 1, residual };
            for temperature in [0.0, 0.5, 1.0] {
                let mut random = Random::new(4);
                let (mut mean, mut square) = ([0.0f64; 2], [0.0f64; 2]);
                let n = 20_000;
                for _ in 0..n {
                    let mut next = [0.0; 2];
                    let mut sounded = [0.0; 2];
                    let chance = Chance { temperature, spread: 0.0, random: &mut random };
                    draw(head, &output, &[1.0, 1.0], chance, &mut next, &mut sounded);
                    assert_eq!(sounded, if residual { [1.5, 0.75] } else { [0.5, -0.25] }, "without the noise");
                    for i in 0..2 {
                        mean[i] += f64::from(next[i]) / f64::from(n);
                        let centre = if residual { [1.5, 0.75] } else { [0.5, -0.25] }[i];
                        square[i] += (f64::from(next[i]) - centre).powi(2) / f64::from(n);
                    }
                }
                let spread = square.map(f64::sqrt);
                let t = f64::from(temperature);
                let shift = f64::from(u8::from(residual));
                assert!((mean[0] - 0.5 - shift).abs() < 0.03 && (mean[1] + 0.25 - shift).abs() < 0.03, "{mean:?}");
                assert!((spread[0] - t).abs() < 0.02 && (spread[1] - 0.5 * t).abs() < 0.02, "{spread:?}");
            }
        }
    }
}
