//! How gradients become changes of the weights.

use super::net::{
    cells::{for_each, threads},
    gradient::Named,
    tensors::{all_finite, change, values},
};
use crate::{
    hyperparameters::{LrSchedule, Optimiser, TrainConfig},
    nn::vectorize,
};
use candle_core::{Result, Var};
use std::collections::BTreeMap;

const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
const EPSILON: f32 = 1e-8;
/// RMSProp's memory of squares (Hinton 2012).
const RMS_DECAY: f32 = 0.9;
/// Rprop: how a step grows and shrinks, and its bounds (Riedmiller and Braun 1993).
const GROWTH: f32 = 1.2;
const SHRINKAGE: f32 = 0.5;
const MIN_STEP: f32 = 1e-6;
const MAX_STEP: f32 = 50.0;
/// A cosine schedule ends at this part of the first rate.
const LAST_RATE: f64 = 0.01;

/// A gradient that gathers until the weights move.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Gradient {
    sums: Named,
    /// Something was gathered since the last [`Self::clear`].
    gathered: bool,
}

impl Gradient {
    /// Begins anew, in the same memory.
    pub fn clear(&mut self) {
        self.gathered = false;
    }

    /// Adds `weight` times the gradient of a segment, which may be taken.
    pub fn add(&mut self, segment: &mut Named, weight: f32) {
        if !self.gathered {
            std::mem::swap(&mut self.sums, segment);
            self.gathered = true;
            if weight != 1.0 {
                self.scale(weight);
            }
            return;
        }
        for (name, gradient) in segment {
            let sums = self.sums.entry(name.clone()).or_insert_with(|| vec![0.0; gradient.len()]);
            sums.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += weight * *g);
        }
    }

    /// Multiplies all of it.
    pub fn scale(&mut self, gain: f32) {
        self.sums.values_mut().flatten().for_each(|g| *g *= gain);
    }

    /// Adds the gradient of `reg_amount` · ½ Σ w² over the matrices of the recurrent layers.
    pub fn regularise(&mut self, variables: &BTreeMap<String, Var>, reg_amount: f64) -> Result<()> {
        for (name, variable) in variables.iter().filter(|(name, _)| name.starts_with("rnn.weight_")) {
            if let Some(gradient) = self.sums.get_mut(name) {
                values([variable], |[weights]| {
                    gradient.iter_mut().zip(weights).for_each(|(g, w)| *g += reg_amount as f32 * w);
                })?;
            }
        }
        Ok(())
    }

    /// The first tensor that holds a number that is not finite.
    pub fn not_finite(&self) -> Option<&str> {
        self.sums.iter().find(|(_, g)| !all_finite(g)).map(|(name, _)| &name[..])
    }

    /// Clips by value, then by norm; returns the norm before both.
    pub fn clip(&mut self, config: &TrainConfig) -> f64 {
        let norm = self.norm();
        if let Some(most) = config.clip_value {
            self.sums.values_mut().flatten().for_each(|g| *g = g.clamp(-most as f32, most as f32));
        }
        if let Some(most) = config.clip_norm {
            let norm = if config.clip_value.is_some() { self.norm() } else { norm };
            if norm > most {
                let gain = (most / norm) as f32;
                self.sums.values_mut().flatten().for_each(|g| *g *= gain);
            }
        }
        norm
    }

    fn norm(&self) -> f64 {
        self.sums.values().map(|gradient| square_sum(gradient)).sum::<f64>().sqrt()
    }
}

/// What an optimiser remembers of every variable.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Memory {
    /// Updates made.
    pub updates: u64,
    /// Adam: mean gradient. RMSProp, SGD: momentum. Rprop: the last gradient.
    pub first: Named,
    /// Adam, RMSProp: mean squared gradient. Rprop: steps.
    pub second: Named,
}

impl Memory {
    /// The first tensor of which something is remembered that is not finite.
    pub fn not_finite(&self) -> Option<&str> {
        let all = self.first.iter().chain(&self.second);
        all.into_iter().find(|(_, values)| !all_finite(values)).map(|(name, _)| &name[..])
    }

    /// Moves the variables against their gradient.
    pub fn update(
        &mut self,
        variables: &BTreeMap<String, Var>,
        gradient: &Gradient,
        rate: f64,
        config: &TrainConfig,
    ) -> Result<()> {
        self.updates += 1;
        let second_start = if config.optimiser == Optimiser::Rprop { config.lr as f32 } else { 0.0 };
        for (name, variable) in variables {
            let Some(gradient) = gradient.sums.get(name) else { continue };
            let rule = Rule::new(config, rate * config.lr_factor(name), self.updates);
            let first = self.first.entry(name.clone()).or_insert_with(|| vec![0.0; gradient.len()]);
            let second = self.second.entry(name.clone()).or_insert_with(|| vec![second_start; gradient.len()]);
            let decay = if variable.rank() > 1 { rule.decay } else { 0.0 };
            change(variable, |weights| {
                let each = weights.len().div_ceil(threads()).max(1);
                let pieces = weights.chunks_mut(each).zip(gradient.chunks(each));
                let pieces = pieces.zip(first.chunks_mut(each).zip(second.chunks_mut(each))).collect();
                for_each(pieces, |((weights, gradient), (first, second))| {
                    vectorize(
                        pulp::Arch::new(),
                        #[inline(always)]
                        || rule.apply(weights, gradient, first, second, decay),
                    );
                });
            })?;
        }
        Ok(())
    }
}

/// Σ g². In sixteen sums, so that it is done in vectors.
fn square_sum(values: &[f32]) -> f64 {
    let mut sums = [0.0f64; 16];
    let (whole, rest) = values.as_chunks::<16>();
    vectorize(
        pulp::Arch::new(),
        #[inline(always)]
        || {
            for values in whole {
                for (sum, &x) in sums.iter_mut().zip(values) {
                    *sum += f64::from(x) * f64::from(x);
                }
            }
        },
    );
    let rest = rest.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
    sums.iter().sum::<f64>() + rest
}

/// An optimiser with the numbers of one update.
struct Rule {
    optimiser: Optimiser,
    rate: f32,
    momentum: f32,
    decay: f32,
    /// Adam: the rate over the first moment's correction, and one over the second's.
    step: f32,
    second_gain: f32,
}

impl Rule {
    fn new(config: &TrainConfig, rate: f64, updates: u64) -> Self {
        // f64::powf: the exponent outgrows i32 in no training, but the cast would be silent.
        let correction = |beta: f32| 1.0 - f64::from(beta).powf(updates as f64);
        Self {
            optimiser: config.optimiser,
            rate: rate as f32,
            momentum: config.momentum as f32,
            decay: (rate * config.weight_decay) as f32,
            step: (rate / correction(BETA_1)) as f32,
            second_gain: (1.0 / correction(BETA_2)) as f32,
        }
    }

    #[inline(always)]
    fn apply(&self, weights: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32], decay: f32) {
        let all = weights.iter_mut().zip(gradient).zip(first).zip(second);
        match self.optimiser {
            Optimiser::Adam => {
                for (((w, &g), m), v) in all {
                    *m = BETA_1 * *m + (1.0 - BETA_1) * g;
                    *v = BETA_2 * *v + (1.0 - BETA_2) * g * g;
                    *w -= decay * *w + self.step * *m / ((self.second_gain * *v).sqrt() + EPSILON);
                }
            }
            Optimiser::Rmsprop => {
                for (((w, &g), m), v) in all {
                    *v = RMS_DECAY * *v + (1.0 - RMS_DECAY) * g * g;
                    *m = self.momentum * *m + g / (v.sqrt() + EPSILON);
                    *w -= self.rate * *m;
                }
            }
            Optimiser::Sgd => {
                for (((w, &g), m), _) in all {
                    *m = self.momentum * *m + g;
                    *w -= self.rate * *m;
                }
            }
            Optimiser::Rprop => {
                for (((w, &g), last), step) in all {
                    let turn = g * *last;
                    let factor = if turn > 0.0 {
                        GROWTH
                    } else if turn < 0.0 {
                        SHRINKAGE
                    } else {
                        1.0
                    };
                    *step = (*step * factor).clamp(MIN_STEP, MAX_STEP);
                    // After a change of sign nothing moves, and the next sign counts as the first.
                    *last = if turn < 0.0 { 0.0 } else { g };
                    *w -= if *last == 0.0 { 0.0 } else { last.signum() * *step };
                }
            }
        }
    }
}

/// The learning rate of an update, `fraction` (0…1) of the training gone by; `reduction` is what plateaus have left of it.
pub(crate) fn learning_rate(config: &TrainConfig, update: u64, fraction: f64, reduction: f64) -> f64 {
    let rise = ((update + 1) as f64 / config.lr_rise_steps.max(1) as f64).min(1.0);
    let fall = match config.lr_schedule {
        LrSchedule::Constant => 1.0,
        LrSchedule::Plateau => reduction,
        LrSchedule::Cosine => {
            LAST_RATE + (1.0 - LAST_RATE) * 0.5 * (1.0 + libm::cos(std::f64::consts::PI * fraction.clamp(0.0, 1.0)))
        }
    };
    config.lr * rise * fall
}

/// Watches the loss of epochs for the schedule *plateau*.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Plateau {
    /// The best loss so far.
    pub best: f32,
    /// Epochs since then.
    pub waited: u32,
    /// What the learning rate is multiplied by.
    pub reduction: f64,
}

impl Default for Plateau {
    fn default() -> Self {
        Self { best: f32::INFINITY, waited: 0, reduction: 1.0 }
    }
}

impl Plateau {
    /// An epoch ended with this loss.
    pub fn epoch(&mut self, loss: f32, config: &TrainConfig) {
        if loss < self.best {
            (self.best, self.waited) = (loss, 0);
            return;
        }
        self.waited += 1;
        if self.waited >= config.plateau_patience {
            self.reduction *= config.plateau_factor;
            self.waited = 0;
        }
    }
}

/// The mean of the weights that a training passed through, step by step (Izmailov et al. 2018).
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct WeightMean {
    /// How many weights it is the mean of.
    pub steps: u64,
    /// By name; none before the first step.
    pub tensors: BTreeMap<String, Vec<f32>>,
}

impl WeightMean {
    /// Takes in the weights after a step.
    pub fn add(&mut self, weights: BTreeMap<String, Vec<f32>>) {
        self.steps += 1;
        let part = 1.0 / self.steps as f32;
        for (name, weights) in weights {
            match self.tensors.get_mut(&name) {
                Some(mean) => mean.iter_mut().zip(weights).for_each(|(mean, weight)| *mean += part * (weight - *mean)),
                None => drop(self.tensors.insert(name, weights)),
            }
        }
    }
}

#[cfg(test)]
mod tests;
