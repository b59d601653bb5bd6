//! Which storage of its weights a model can bear.

use super::{Generator, Network, continue_offline};
use crate::{
    dsp::{level::rms, random::Random},
    model::ModelData,
    nn::{Isa, Precision},
};
use std::sync::Arc;

/// Weights of at most this many bytes stay near the processor as they are: rounding them would gain little.
const SMALL_BYTES: usize = 1 << 20;
/// The error that a rounding of the weights may leave in a prediction, as a part of the prediction: −40 dB.
pub const PRECISION_BOUND: f32 = 0.01;
/// Predictions that are compared.
const STEPS: usize = 16;
const RANDOM_SEED: u64 = 77;

impl Network {
    /// As [`Self::with_precision`]; `None`: the most compact storage whose predictions stay within [`PRECISION_BOUND`] of the
    /// exact ones.
    pub fn load(data: &ModelData, precision: Option<Precision>, isa: Isa) -> Self {
        match precision {
            Some(precision) => Self::with_precision(data, precision, isa),
            None => choose(data, isa),
        }
    }
}

/// The network with the most compact storage whose predictions stay within [`PRECISION_BOUND`] of the exact ones, step by
/// step, on sound that the model itself predicts after noise. Of 16 bits the accurate ones are taken; small models stay as
/// they are. Follows from the model and the instruction set, never from the machine's speed.
fn choose(data: &ModelData, isa: Isa) -> Network {
    let exact = Network::with_precision(data, Precision::F32, isa);
    if exact.step_bytes() <= SMALL_BYTES {
        return exact;
    }
    let exact = Arc::new(exact);
    let probe = Probe::of(&exact);
    let compact = [Precision::Int8, Precision::F16].into_iter().find_map(|precision| {
        let network = Arc::new(Network::with_precision(data, precision, isa));
        // Something that is not a number lies within no bound.
        let bearable = probe.error(&network) <= PRECISION_BOUND;
        bearable.then_some(network)
    });
    Arc::unwrap_or_clone(compact.unwrap_or(exact))
}

/// Sound to listen to, and what the exact network says after each of its last windows.
struct Probe {
    sound: Vec<f32>,
    said: Vec<f32>,
}

impl Probe {
    fn of(exact: &Arc<Network>) -> Self {
        let config = exact.config();
        let mut random = Random::new(RANDOM_SEED);
        let level = config.material.rms.clamp(1e-3, 1.0);
        let noise: Vec<f32> = (0..config.window_samples()).map(|_| level * random.normal()).collect();
        let seconds = (STEPS * config.hop_samples() + config.window_samples()) as f32 / config.sample_rate_hz as f32;
        let sound = continue_offline(exact, &noise, seconds, 1.0, RANDOM_SEED);
        let said = say(exact, &sound);
        Self { sound, said }
    }

    /// The part of what is said that is error.
    fn error(&self, network: &Arc<Network>) -> f32 {
        let difference: Vec<f32> = say(network, &self.sound).iter().zip(&self.said).map(|(a, b)| a - b).collect();
        rms(&difference) / rms(&self.said).max(f32::MIN_POSITIVE)
    }
}

/// What a network says after every window of a sound.
fn say(network: &Arc<Network>, sound: &[f32]) -> Vec<f32> {
    let mut generator = Generator::new(Arc::clone(network));
    generator.reset(RANDOM_SEED);
    let config = network.config();
    let mut said = Vec::new();
    for window in sound.windows(config.window_samples()).step_by(config.hop_samples()) {
        generator.feed(window);
        said.extend_from_slice(generator.said());
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Approach, Head, ModelConfig, Vector};
    use std::path::Path;

    /// A model of embedded size whose weights are drawn, with a few very large ones where `uneven`.
    fn model(hidden: usize, uneven: bool) -> ModelData {
        let embedded = ModelData::from_bytes(crate::model::EMBEDDED[0].bytes, Path::new("embedded")).expect("sound");
        let approach = Approach::Vector(Vector::new(128));
        let config = ModelConfig {
            hidden,
            approach,
            layers: 1,
            head: Head::Mse,
            principal_components: 0,
            ..embedded.config().clone()
        };
        let mut random = Random::new(3);
        let tensors = config.tensors().into_iter().map(|tensor| {
            let scale = 1.0 / (*tensor.shape.last().expect("a shape") as f32).sqrt();
            let mut values: Vec<f32> = (0..tensor.shape.iter().product()).map(|_| scale * random.normal()).collect();
            if uneven && tensor.name == "out.weight" {
                // A step of 8 bits is then larger than all other weights; of 16 bits it is not.
                values.iter_mut().step_by(hidden).for_each(|w| *w = 1e3 * scale);
            }
            if uneven && tensor.name == "rnn.weight_hh_l0" {
                // What stands on the large weights says next to nothing.
                values[..hidden].fill(0.0);
            }
            (tensor.name, values)
        });
        let tensors = tensors.collect();
        ModelData::new(config, tensors, Path::new("drawn")).expect("the configuration is sound")
    }

    #[test]
    fn small_models_stay_as_they_are_and_large_ones_become_as_small_as_they_can_bear() {
        for isa in Isa::all() {
            assert_eq!(choose(&model(64, false), isa).precision(), Precision::F32);
            let data = model(320, false);
            let chosen = choose(&data, isa);
            assert_ne!(chosen.precision(), Precision::F32, "{}", isa.name());
            let probe = Probe::of(&Arc::new(Network::with_precision(&data, Precision::F32, isa)));
            assert!(probe.said.len() >= 128 * STEPS && rms(&probe.said) > 1e-3);
            let errors =
                Precision::ALL.map(|precision| probe.error(&Arc::new(Network::with_precision(&data, precision, isa))));
            assert_eq!(errors[0], 0.0);
            assert!(errors[1] > 0.0 && errors[1] < errors[2] && errors[2] < errors[3], "{errors:?}");
            assert!(errors[1] < 1e-3 && errors[3] < 0.2, "{errors:?}");
            let chosen_at = Precision::ALL.iter().position(|&p| p == chosen.precision()).expect("one of them");
            assert!(errors[chosen_at] <= PRECISION_BOUND, "{errors:?}");
            assert!(chosen_at == 3 || errors[3] > PRECISION_BOUND, "{errors:?}");
        }
    }

    #[test]
    fn weights_that_bytes_cannot_hold_keep_sixteen_bits() {
        for isa in Isa::all() {
            assert_eq!(choose(&model(320, true), isa).precision(), Precision::F16, "{}", isa.name());
        }
    }
}
