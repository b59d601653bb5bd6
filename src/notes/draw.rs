//! From the probabilities of keys to keys.
//!
//! Every random number is a hash of the random seed, the step and the key: what one key does does not depend on what
//! was drawn before, and a step can be drawn again.

use crate::dsp::random::mix64;

/// How a probability becomes the chance of a key that is tossed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Law {
    /// The temperature times the probability, at most 1: at 0 nothing sounds.
    #[default]
    Linear,
    /// The log-odds divided by the temperature: at 0 what is likelier than not, at a high one every second key.
    Logit,
}

/// Which keys sound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Choice {
    /// Those whose probability is larger.
    Threshold(f32),
    /// Each by a toss of its own.
    Toss {
        /// How its probability becomes its chance.
        law: Law,
        /// 0 or more; at 1 the chance is the probability.
        temperature: f32,
    },
}

/// Draws columns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    /// Which keys sound.
    pub choice: Choice,
    /// Another number, other tosses.
    pub random_seed: u64,
}

impl Draw {
    /// Fills `column` with 1 for each number of `probabilities` that sounds, else 0. What is no number is silent.
    ///
    /// # Realtime safety
    /// Does not allocate.
    pub fn column(&self, step: u64, probabilities: &[f32], column: &mut [f32]) {
        for (key, (slot, &probability)) in column.iter_mut().zip(probabilities).enumerate() {
            let sounds = match self.choice {
                Choice::Threshold(threshold) => probability > threshold,
                Choice::Toss { law, temperature } => {
                    uniform(self.random_seed, step, key) < chance(probability, law, temperature)
                }
            };
            *slot = f32::from(sounds);
        }
    }
}

/// The chance of a key.
fn chance(probability: f32, law: Law, temperature: f32) -> f32 {
    match law {
        Law::Linear => probability * temperature,
        // The limit, which the formula does not reach.
        Law::Logit if temperature <= 0.0 => f32::from(probability > 0.5),
        Law::Logit => sigmoid(log_odds(probability) / temperature),
    }
}

/// The natural logarithm of the odds of a probability.
pub(super) fn log_odds(probability: f32) -> f32 {
    libm::logf(probability) - libm::logf(1.0 - probability)
}

/// The probability of these log-odds.
pub(super) fn sigmoid(log_odds: f32) -> f32 {
    1.0 / (1.0 + libm::expf(-log_odds))
}

/// Uniform in [0, 1), a multiple of 2⁻²⁴.
pub(super) fn uniform(random_seed: u64, step: u64, key: usize) -> f32 {
    let mixed = mix64(mix64(mix64(random_seed) ^ step) ^ key as u64);
    (mixed >> 40) as f32 * (1.0 / 16_777_216.0)
}

/// Numbers above 0 as bits, the first in the lowest.
pub(super) fn plane(numbers: &[f32]) -> u128 {
    numbers.iter().rev().fold(0, |bits, &number| bits << 1 | u128::from(number > 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(choice: Choice, random_seed: u64, step: u64, probabilities: &[f32]) -> Vec<f32> {
        let mut column = vec![9.0; probabilities.len()];
        Draw { choice, random_seed }.column(step, probabilities, &mut column);
        column
    }

    #[test]
    fn a_threshold_is_exceeded_and_not_met() {
        let probabilities = [0.2, 0.200_001, 0.9, 0.0, f32::NAN];
        assert_eq!(drawn(Choice::Threshold(0.2), 7, 3, &probabilities), [0.0, 1.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn keys_are_tossed_as_often_as_their_chance_says() {
        for (law, temperature, probability, expected) in [
            (Law::Linear, 1.0, 0.3, 0.3),
            (Law::Linear, 2.0, 0.3, 0.6),
            (Law::Linear, 0.0, 0.9, 0.0),
            (Law::Linear, 10.0, 0.3, 1.0),
            (Law::Logit, 1.0, 0.3, 0.3),
            // The odds of 0.2, 1 to 4, with an exponent of ½: 1 to 2.
            (Law::Logit, 2.0, 0.2, 1.0 / 3.0),
            (Law::Logit, 0.0, 0.51, 1.0),
            (Law::Logit, 0.0, 0.5, 0.0),
            (Law::Logit, 1.0, 0.0, 0.0),
            (Law::Logit, 1.0, 1.0, 1.0),
            (Law::Logit, 1.0, f32::NAN, 0.0),
        ] {
            let choice = Choice::Toss { law, temperature };
            let count: f32 = (0..400).map(|step| drawn(choice, 1, step, &[probability; 88]).iter().sum::<f32>()).sum();
            let found = f64::from(count) / (400.0 * 88.0);
            assert!((found - expected).abs() < 0.01, "{law:?} {temperature} of {probability}: {found} for {expected}");
        }
    }

    #[test]
    fn a_toss_depends_on_seed_step_and_key_alone() {
        let choice = Choice::Toss { law: Law::Linear, temperature: 1.0 };
        let all = drawn(choice, 5, 9, &[0.5; 88]);
        // What the other keys are does not matter, nor how many there are.
        let mut others = [0.0; 88];
        others[30] = 0.5;
        assert_eq!(drawn(choice, 5, 9, &others)[30], all[30]);
        assert_eq!(drawn(choice, 5, 9, &[0.5; 176])[..88], all);
        assert_ne!(drawn(choice, 6, 9, &[0.5; 88]), all);
        assert_ne!(drawn(choice, 5, 10, &[0.5; 88]), all);
        assert_eq!([uniform(0, 0, 0), uniform(1, 2, 3), uniform(u64::MAX, 511, 87)], FROZEN);
    }

    /// A change of these changes what every seed plays.
    const FROZEN: [f32; 3] = [0.138_709_37, 0.814_259, 0.529_992_4];
}
