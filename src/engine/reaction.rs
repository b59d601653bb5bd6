//! The reaction time R (DESIGN 3): how far the worker works ahead.

use super::{
    mixer::LOOKAHEAD_SECONDS,
    types::{GRID_SAMPLES, MAX_REACTION_MS},
};
use crate::dsp::resample::Resampler;

/// Slack for the worker's wake-up and the longest step of a model.
pub const SLACK_SECONDS: f64 = 0.004;

/// The least reaction time for a model's rate: both resamplers' delays, the lookahead, the worker's slack, and two quanta of the
/// grid (one is being filled, one is being heard).
pub fn min_reaction_samples(host_hz: u32, model_hz: u32) -> usize {
    let input_delay = Resampler::half_width_samples_for(host_hz, model_hz);
    let output_delay =
        Resampler::half_width_samples_for(model_hz, host_hz) as f64 * f64::from(host_hz) / f64::from(model_hz);
    let fixed = (f64::from(LOOKAHEAD_SECONDS) + SLACK_SECONDS) * f64::from(host_hz);
    (input_delay as f64 + output_delay + fixed).ceil() as usize + 2 * GRID_SAMPLES
}

/// The reaction time for a wish in milliseconds, in whole quanta, raised to the least for `model_hz`.
pub fn reaction_quanta(wish_ms: f32, host_hz: u32, model_hz: u32) -> usize {
    let wish_ms = if wish_ms.is_finite() { wish_ms.clamp(0.0, MAX_REACTION_MS) } else { 0.0 };
    let wish = (f64::from(wish_ms) * 1e-3 * f64::from(host_hz)).round() as usize;
    wish.max(min_reaction_samples(host_hz, model_hz)).div_ceil(GRID_SAMPLES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_quanta_and_never_below_the_least() {
        assert_eq!(reaction_quanta(50.0, 48_000, 22_050), 38, "2400 samples in quanta of 64");
        for host in [8000, 44_100, 48_000, 96_000, 192_000] {
            let quanta = reaction_quanta(0.0, host, 22_050);
            let least = min_reaction_samples(host, 22_050);
            assert!(quanta * GRID_SAMPLES >= least && (quanta - 1) * GRID_SAMPLES < least);
            assert!((0.009..0.035).contains(&(least as f64 / f64::from(host))), "{host}: {least}");
        }
        assert_eq!(reaction_quanta(f32::NAN, 48_000, 22_050), reaction_quanta(0.0, 48_000, 22_050));
    }
}
