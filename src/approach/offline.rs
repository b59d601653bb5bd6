//! A continuation as one call, away from the audio thread: for tests, measurements and listening.

use super::{FrameAnalyser, FrameSynth, Generator, Network};
use crate::{dsp::level::rms, model::Head};
use std::sync::Arc;

/// RMS of the loudest part of what a listening model hears: the level at which it has learned.
const LEARNED_RMS: f32 = 0.28;
/// Parts in a second.
const PARTS_PER_SECOND: usize = 750;
/// Least and most gain: 40 dB softer, 60 dB louder.
const GAINS: [f32; 2] = [0.01, 1000.0];

/// The raw continuation of `seed` (`[sample]`, at the model's rate): no leash, no re-seeding, no cross-fade. The windows of
/// the seed are laid so that the last one ends with it; a seed shorter than a window is heard after silence. Returns
/// `seconds` of sound at the model's rate, finite whatever happens, silent after a failure of the network.
pub fn continue_offline(
    network: &Arc<Network>,
    seed: &[f32],
    seconds: f32,
    temperature: f32,
    random_seed: u64,
) -> Vec<f32> {
    let hop = network.config().hop_samples();
    let length = (seconds.max(0.0) * network.config().sample_rate_hz as f32).round() as usize;
    let mut generator = Generator::new(Arc::clone(network));
    generator.reset(random_seed);
    feed_seed(&mut generator, seed);
    let mut sound = vec![0.0; length.next_multiple_of(hop)];
    for out in sound.chunks_exact_mut(hop) {
        generator.predict(temperature, out);
    }
    sound.truncate(length);
    sound
}

/// A sound (`[sample]`, at the model's rate) as the model can say it at best: through its frames, in levels that it can draw, and back. It is
/// as long as its windows reach; phases are another's.
pub fn resynthesise(network: &Arc<Network>, sound: &[f32]) -> Vec<f32> {
    let config = network.config();
    let (hop, window) = (config.hop_samples(), config.window_samples());
    let mut analyser = FrameAnalyser::new(config);
    let mut synth = FrameSynth::new(config);
    let gain = input_gain(loudest_rms(sound, config.sample_rate_hz));
    analyser.set_gain_db(20.0 * libm::log10f(gain));
    synth.set_gain(1.0 / gain);
    let mut frame = vec![0.0; config.frame_size()];
    let mut out = Vec::new();
    for (index, samples) in sound.windows(window).step_by(hop).enumerate() {
        analyser.frame(samples, &mut frame);
        if let Head::Autoregressive(tier) = config.head {
            let top = (tier.levels - 1) as f32;
            frame.iter_mut().for_each(|level| *level = (*level * top).round() / top);
        }
        if index == 0 {
            synth.prime(&frame);
        }
        let start = out.len();
        out.resize(start + hop, 0.0);
        synth.sound(&frame, &mut out[start..]);
    }
    out
}

/// RMS of the loudest part of a sound, about as long as a quantum of the engine.
fn loudest_rms(sound: &[f32], sample_rate_hz: u32) -> f32 {
    let length = (sample_rate_hz as usize / PARTS_PER_SECOND).max(1);
    sound.chunks_exact(length).map(rms).fold(0.0, f32::max)
}

/// The gain with which a listening model is to hear sound whose loudest part (of about a millisecond) has this RMS; 1 for silence.
pub fn input_gain(loudest_rms: f32) -> f32 {
    let [least, most] = GAINS;
    if loudest_rms > 0.0 { (LEARNED_RMS / loudest_rms).clamp(least, most) } else { 1.0 }
}

/// Feeds a whole seed (`[sample]`, at the model's rate), laid as for [`continue_offline`], at the level at which the model has learned.
pub fn feed_seed(generator: &mut Generator, seed: &[f32]) {
    let config = generator.network().config();
    let (hop, window) = (config.hop_samples(), config.window_samples());
    let gain = input_gain(loudest_rms(seed, config.sample_rate_hz));
    generator.set_input_gain(gain);
    let mut padded = vec![0.0; window.saturating_sub(seed.len())];
    padded.extend_from_slice(seed);
    for samples in padded[(padded.len() - window) % hop..].windows(window).step_by(hop) {
        generator.feed(samples);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dsp::random::Random,
        model::{Approach, Cell, Head, Magnitude, ModelConfig, ModelData, Scaling, Vector},
        nn::Isa,
    };
    use std::path::Path;

    fn network(approach: Approach, head: Head) -> Arc<Network> {
        let mut config = ModelConfig {
            head,
            scaling: Scaling { mean: 0.0, std: 0.1 },
            feedback_noise: 0.1,
            ..ModelConfig::new(approach, Cell::Lstm, 1, 8, 8000)
        };
        config.warmup_speed = config.conservative_warmup_speed();
        let mut random = Random::new(6);
        let mut draw = |n: usize| (0..n).map(|_| 0.2 * random.normal()).collect::<Vec<f32>>();
        let tensors = config.tensors().into_iter().map(|t| (t.name, draw(t.shape.iter().product()))).collect();
        let data = ModelData::new(config, tensors, Path::new("random")).expect("good weights");
        Arc::new(Network::new(&data, Isa::best()))
    }

    #[test]
    fn has_the_length_asked_for_and_follows_from_the_random_seed() {
        let magnitude = Approach::Magnitude(Magnitude {
            window: 64,
            hop: 16,
            zero_padding: false,
            peak_picking: false,
            magnitude_peak: 10.0,
            power: 0.5,
            sharpen: 1.0,
        });
        for (approach, head) in [
            (Approach::Vector(Vector { overlap: 8, emphasis: 0.5, ..Vector::new(32) }), Head::Mse),
            (magnitude, Head::Mixture { components: 2, residual: false }),
            (Approach::Sample, Head::Mixture { components: 3, residual: true }),
        ] {
            let network = network(approach, head);
            for seed_samples in [0, 10, 500] {
                let seed: Vec<f32> = (0..seed_samples).map(|i| 0.1 * libm::sinf(i as f32 * 0.3)).collect();
                let sound = continue_offline(&network, &seed, 0.1, 1.0, 1);
                assert_eq!(sound.len(), 800, "{head:?}, seed of {seed_samples}");
                assert!(sound.iter().all(|x| x.is_finite()) && sound.iter().any(|&x| x != 0.0));
                assert_eq!(sound, continue_offline(&network, &seed, 0.1, 1.0, 1));
                assert_ne!(sound, continue_offline(&network, &seed, 0.1, 1.0, 2));
            }
        }
    }
}
