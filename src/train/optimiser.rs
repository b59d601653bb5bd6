//! Adam with decoupled weight decay (Kingma and Ba 2015; Loshchilov and Hutter 2019), the gradient clipped by its norm.

use super::{config::TrainConfig, options::LrSchedule, tensors::values};
use candle_core::{Device, Result, Tensor, Var, backprop::GradStore};
use std::collections::BTreeMap;

const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
const EPSILON: f32 = 1e-8;
/// A cosine schedule ends at this part of the first rate.
const LAST_RATE: f64 = 0.01;

/// Both moments of every variable, under its name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Adam {
    /// Updates made.
    pub updates: u64,
    pub first: BTreeMap<String, Vec<f32>>,
    pub second: BTreeMap<String, Vec<f32>>,
}

impl Adam {
    /// Moves the variables against their gradient and returns its norm before clipping. A norm that is not finite moves
    /// nothing.
    pub fn update(
        &mut self,
        variables: &BTreeMap<String, Var>,
        gradients: &GradStore,
        rate: f64,
        config: &TrainConfig,
    ) -> Result<f64> {
        let mut square = 0.0f64;
        for variable in variables.values() {
            if let Some(gradient) = gradients.get(variable) {
                let squares = |[g]: [&[f32]; 1]| g.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
                square += values([&gradient.contiguous()?], squares)?;
            }
        }
        let norm = square.sqrt();
        if !norm.is_finite() {
            return Ok(norm);
        }
        let gain = config.clip_norm.filter(|&most| norm > most).map_or(1.0, |most| (most / norm) as f32);
        self.updates += 1;
        // f64::powf: the exponent outgrows i32 in no training, but the cast would be silent.
        let correction = |beta: f32| 1.0 - f64::from(beta).powf(self.updates as f64);
        let step = (rate / correction(BETA_1)) as f32;
        let second_gain = (1.0 / correction(BETA_2)) as f32;
        for (name, variable) in variables {
            let Some(gradient) = gradients.get(variable) else { continue };
            let decay = if variable.rank() > 1 { (rate * config.weight_decay) as f32 } else { 0.0 };
            let mut weights = values([variable], |[w]| w.to_vec())?;
            let first = self.first.entry(name.clone()).or_insert_with(|| vec![0.0; weights.len()]);
            let second = self.second.entry(name.clone()).or_insert_with(|| vec![0.0; weights.len()]);
            values([&gradient.contiguous()?], |[gradient]| {
                for (((w, g), m), v) in weights.iter_mut().zip(gradient).zip(first).zip(second) {
                    let g = gain * g;
                    *m = BETA_1 * *m + (1.0 - BETA_1) * g;
                    *v = BETA_2 * *v + (1.0 - BETA_2) * g * g;
                    *w -= decay * *w + step * *m / ((second_gain * *v).sqrt() + EPSILON);
                }
            })?;
            variable.set(&Tensor::from_vec(weights, variable.shape(), &Device::Cpu)?)?;
        }
        Ok(norm)
    }
}

/// The learning rate of an update, `fraction` (0…1) of the training gone by.
pub(super) fn learning_rate(config: &TrainConfig, update: u64, fraction: f64) -> f64 {
    let rise = ((update + 1) as f64 / config.lr_rise_steps.max(1) as f64).min(1.0);
    let fall = match config.lr_schedule {
        LrSchedule::Constant | LrSchedule::Plateau => 1.0,
        LrSchedule::Cosine => {
            LAST_RATE + (1.0 - LAST_RATE) * 0.5 * (1.0 + libm::cos(std::f64::consts::PI * fraction.clamp(0.0, 1.0)))
        }
    };
    config.lr * rise * fall
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_update_moves_by_the_rate_against_the_sign() {
        let variable = Var::new(&[1.0f32, -2.0, 3.0], &Device::Cpu).expect("a tensor");
        let variables = BTreeMap::from([("x".to_string(), variable.clone())]);
        let loss = (variable.as_tensor() * &Tensor::new(&[2.0f32, -0.5, 0.0], &Device::Cpu).expect("a tensor"))
            .and_then(|x| x.sum_all())
            .expect("a sum");
        let gradients = loss.backward().expect("gradients");
        let config = TrainConfig { clip_norm: Some(1.0), ..TrainConfig::default() };
        let norm = Adam::default().update(&variables, &gradients, 0.1, &config).expect("an update");
        assert!((norm - 4.25f64.sqrt()).abs() < 1e-6);
        let moved = variable.to_vec1::<f32>().expect("values");
        for (got, want) in moved.iter().zip([0.9, -1.9, 3.0]) {
            assert!((got - want).abs() < 1e-5, "{moved:?}");
        }
    }

    #[test]
    fn the_rate_rises_and_falls() {
        let config = TrainConfig { lr: 1.0, lr_rise_steps: 10, ..TrainConfig::default() };
        assert!((learning_rate(&config, 0, 0.0) - 0.1).abs() < 1e-12);
        assert!((learning_rate(&config, 50, 0.5) - 0.505).abs() < 1e-12);
        assert!((learning_rate(&config, 50, 1.0) - LAST_RATE).abs() < 1e-12);
        let constant = TrainConfig { lr_schedule: LrSchedule::Constant, ..config };
        assert_eq!(learning_rate(&constant, 50, 0.9), 1.0);
    }
}
