//! What is measured of the material before training.

use super::rows::{Cut, Rows};
use crate::{
    dsp::stft::MagnitudeStft,
    hyperparameters::{SampleScaling, TrainConfig},
    model::Scaling,
};

/// Changes from row to row are measured on at most this many rows, evenly spread.
const MAX_MEASURED_ROWS: usize = 20_000;

/// What the network hears of the samples is scaled by: after the emphasis.
pub(crate) fn scaling(config: &TrainConfig, sound: &[f32]) -> Scaling {
    let emphasis = config.planned_approach().framing().emphasis().unwrap_or(config.emphasis);
    match config.scaling {
        SampleScaling::None => return Scaling { mean: 0.0, std: 1.0 },
        SampleScaling::Peak => {
            let heard = sound.windows(2).map(|pair| (pair[1] - emphasis * pair[0]).abs());
            return Scaling { mean: 0.0, std: heard.fold(1e-6, f32::max) };
        }
        SampleScaling::Zscore => {}
    }
    let heard = || sound.windows(2).map(|pair| f64::from(pair[1] - emphasis * pair[0]));
    let count = sound.len().max(2) as f64 - 1.0;
    let mean = heard().sum::<f64>() / count;
    let variance = heard().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
    Scaling { mean: mean as f32, std: variance.sqrt().max(1e-6) as f32 }
}

/// The largest magnitude of a sound's frames.
pub fn magnitude_peak(sound: &[f32], window: usize, fft: usize, hop: usize) -> f32 {
    let mut stft = MagnitudeStft::new(window, fft);
    let mut frame = vec![0.0; stft.bins()];
    let mut peak = 1e-6f32;
    for samples in sound.windows(window).step_by(hop) {
        stft.magnitudes(samples, &mut frame);
        peak = frame.iter().fold(peak, |peak, &m| peak.max(m));
    }
    peak
}

/// Mean square, per predicted number, of what follows a row less the end of the row itself.
pub(crate) fn squared_changes(rows: &Rows, cut: &Cut) -> Vec<f64> {
    let mut changes = vec![0.0f64; cut.label];
    let places = (rows.units(0) + 1).saturating_sub(Cut { rows: 1, ..*cut }.span(1, rows.frames()));
    let stride = places.div_ceil(MAX_MEASURED_ROWS).max(1);
    let count = places.div_ceil(stride).max(1) as f64;
    for place in (0..places).step_by(stride) {
        let last = &rows.input(0, place, cut)[cut.inputs - cut.label..];
        for (sum, (a, b)) in changes.iter_mut().zip(last.iter().zip(rows.label(0, place, cut))) {
            *sum += f64::from(b - a).powi(2) / count;
        }
    }
    changes
}

/// Negative log likelihood per feature of Gaussians with these variances on their own data: ½ ln(2πe·v).
pub(crate) fn gaussian_loss(variances: &[f64]) -> f32 {
    let constant = (std::f64::consts::TAU * std::f64::consts::E).ln();
    let logs: f64 = variances.iter().map(|v| 0.5 * (constant + v.max(1e-12).ln())).sum();
    (logs / variances.len() as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hyperparameters::TrainApproach;

    #[test]
    fn scalings_are_what_they_say() {
        let sound: Vec<f32> = (0..4410).map(|i| 0.3 * libm::sinf(i as f32 * 0.05)).collect();
        for (kind, expected) in [
            (SampleScaling::None, Scaling { mean: 0.0, std: 1.0 }),
            (SampleScaling::Peak, Scaling { mean: 0.0, std: sound[1..].iter().fold(0.0, |top, x| x.abs().max(top)) }),
        ] {
            let config = TrainConfig {
                scaling: kind,
                approach: TrainApproach::Sample,
                principal_components: 0,
                ..Default::default()
            };
            assert_eq!(scaling(&config, &sound), expected);
        }
    }
}
