//! How weights move: Adam with a clipped gradient, and the mean of the weights on the way.

use super::error::LearnError;
use std::ops::Range;

const BETA_1: f32 = 0.9;
const EPSILON: f32 = 1e-8;

/// The constants of an optimiser.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Learning rates, and the numbers that each is for.
    pub rates: Vec<(Range<usize>, f64)>,
    /// How much of the squared gradient's mean stays from step to step.
    pub beta_2: f32,
    /// The norm of the whole gradient is at most this.
    pub clip: f64,
    /// How much of the mean of the weights stays from step to step.
    pub mean_stays: f32,
}

/// The optimiser with all that it remembers.
#[derive(Clone, Debug)]
pub struct Adam {
    rules: Rules,
    steps: u64,
    first: Vec<f32>,
    second: Vec<f32>,
    mean: Vec<f32>,
}

impl Adam {
    /// Begins at these weights. Allocates all that it will ever need.
    pub fn new(rules: Rules, weights: &[f32]) -> Self {
        let zeros = vec![0.0; weights.len()];
        Self { rules, steps: 0, first: zeros.clone(), second: zeros, mean: weights.to_vec() }
    }

    /// Goes on after so many steps, with what [`Self::memory`] was then.
    ///
    /// # Panics
    /// If they are not equally many.
    pub(super) fn restored(rules: Rules, steps: u64, [first, second, mean]: [Vec<f32>; 3]) -> Self {
        assert!(first.len() == second.len() && second.len() == mean.len(), "of one set of weights");
        Self { rules, steps, first, second, mean }
    }

    /// All that it remembers, a number for every weight: the means of the gradient and of its square, and that of the weights.
    pub(super) fn memory(&self) -> [&[f32]; 3] {
        [&self.first, &self.second, &self.mean]
    }

    /// Steps made.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The running mean of the weights.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// Moves the weights against a gradient, all rates times `factor`; returns the gradient's norm.
    ///
    /// # Errors
    /// If the gradient is not finite: nothing has moved then.
    pub fn step(&mut self, weights: &mut [f32], gradient: &[f32], factor: f64) -> Result<f64, LearnError> {
        let norm = gradient.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>().sqrt();
        if !norm.is_finite() {
            return Err(LearnError::NotFinite { step: self.steps, found: "a gradient that is none" });
        }
        self.steps += 1;
        let shrink = (self.rules.clip / (norm + 1e-6)).min(1.0) as f32;
        let correction = |beta: f32| 1.0 - f64::from(beta).powf(self.steps as f64);
        let beta_2 = self.rules.beta_2;
        let second_gain = (1.0 / correction(beta_2)) as f32;
        for (range, rate) in &self.rules.rates {
            let rate = (rate * factor / correction(BETA_1)) as f32;
            let moments = self.first[range.clone()].iter_mut().zip(&mut self.second[range.clone()]);
            for ((w, &g), (m, v)) in weights[range.clone()].iter_mut().zip(&gradient[range.clone()]).zip(moments) {
                let g = shrink * g;
                *m += (1.0 - BETA_1) * (g - *m);
                *v += (1.0 - beta_2) * (g * g - *v);
                *w -= rate * *m / ((second_gain * *v).sqrt() + EPSILON);
            }
        }
        let moves = 1.0 - self.rules.mean_stays;
        self.mean.iter_mut().zip(&*weights).for_each(|(mean, w)| *mean += moves * (w - *mean));
        Ok(norm)
    }
}

#[cfg(test)]
impl Adam {
    /// Sets the mean to a number.
    pub fn spoil(&mut self, mean: f32) {
        self.mean.fill(mean);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adam(weights: &[f32]) -> Adam {
        let rules = Rules { rates: vec![(0..1, 0.1), (1..2, 0.01)], beta_2: 0.99, clip: 1.0, mean_stays: 0.5 };
        Adam::new(rules, weights)
    }

    #[test]
    fn the_first_step_is_as_long_as_the_rate_whatever_the_gradient() {
        for size in [1e-3f32, 1.0, 1e3] {
            let mut weights = [1.0, 1.0];
            let mut adam = adam(&weights);
            adam.step(&mut weights, &[size, -size], 0.5).expect("finite");
            assert!((weights[0] - 0.95).abs() < 1e-4 && (weights[1] - 1.005).abs() < 1e-5, "{weights:?}");
            assert!((adam.mean()[0] - 0.975).abs() < 1e-4, "the mean lags behind");
        }
    }

    #[test]
    fn a_gradient_that_is_no_number_moves_nothing() {
        let mut weights = [1.0, 1.0];
        let mut adam = adam(&weights);
        adam.step(&mut weights, &[0.5, 0.5], 1.0).expect("finite");
        let before = (weights, adam.mean().to_vec());
        for bad in [f32::NAN, f32::INFINITY] {
            let error = adam.step(&mut weights, &[0.5, bad], 1.0).expect_err("refused");
            assert!(matches!(error, LearnError::NotFinite { step: 1, .. }), "{error}");
        }
        assert_eq!((weights, adam.mean().to_vec(), adam.steps()), (before.0, before.1, 1));
    }
}
