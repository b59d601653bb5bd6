//! Dropout where TensorFlow's `DropoutWrapper` around each cell puts it, as the dissertation does (Pfalz 2018).

use crate::dsp::random::Random;
use candle_core::{Device, Result, Tensor};

/// Silences numbers at random, anew at every step, and scales the others up. Per layer the factors are drawn in the order input,
/// state, output; for a keep probability of 1 none are.
pub(crate) struct Dropout<'a> {
    /// Probability with which an input of a layer is kept.
    pub input_keep: f32,
    /// Probability with which an output of a layer is kept; the recurrence hears it all the same.
    pub output_keep: f32,
    /// Probability with which a number of h is kept as the layer's own recurrence hears it at the next step.
    pub state_keep: f32,
    /// Where the factors come from.
    pub random: &'a mut Random,
}

impl Dropout<'_> {
    /// The input of a layer.
    pub fn of_input(&mut self, x: &Tensor) -> Result<Tensor> {
        self.apply(x, self.input_keep)
    }

    /// Factors of the h that a layer hears.
    pub fn of_state(&mut self, count: usize) -> Option<Vec<f32>> {
        self.factors(self.state_keep, count)
    }

    /// The output of a layer.
    pub fn of_output(&mut self, h: &Tensor) -> Result<Tensor> {
        self.apply(h, self.output_keep)
    }

    fn apply(&mut self, values: &Tensor, keep: f32) -> Result<Tensor> {
        match self.factors(keep, values.elem_count()) {
            Some(factors) => values * Tensor::from_vec(factors, values.shape(), &Device::Cpu)?,
            None => Ok(values.clone()),
        }
    }

    fn factors(&mut self, keep: f32, count: usize) -> Option<Vec<f32>> {
        (keep < 1.0).then(|| factors(1.0 - keep, count, self.random))
    }
}

/// Factors of so many numbers, of which this part is silenced.
pub(crate) fn factors(part: f32, count: usize, random: &mut Random) -> Vec<f32> {
    let kept = 1.0 / (1.0 - part);
    (0..count).map(|_| if random.uniform() < part { 0.0 } else { kept }).collect()
}
