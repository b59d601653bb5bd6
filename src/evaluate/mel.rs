//! Log-mel spectra: what a sound's colour is, coarsely and as it is heard.

use super::spectra::{Frames, WINDOW_SAMPLES, magnitudes, quantile};

/// Bands of a frame.
pub const BANDS: usize = 64;
const MIN_HZ: f64 = 60.0;
const MAX_HZ: f64 = 8000.0;

/// Sums of magnitudes in 64 triangular bands, equally wide on the mel scale (O'Shaughnessy 1987) between 60 and 8000 Hz.
/// `sound` is at [`super::ANALYSIS_HZ`].
pub fn mel(sound: &[f32]) -> Frames {
    let bin_hz = f64::from(super::ANALYSIS_HZ) / WINDOW_SAMPLES as f64;
    let scale = |hz: f64| 2595.0 * libm::log10(1.0 + hz / 700.0);
    let step = (scale(MAX_HZ) - scale(MIN_HZ)) / (BANDS + 1) as f64;
    let edge = |index: usize| scale(MIN_HZ) + step * index as f64;
    let filters: Vec<Vec<(usize, f32)>> = (0..BANDS)
        .map(|band| {
            let weight = |bin: usize| {
                let place = scale(bin as f64 * bin_hz);
                ((place - edge(band)) / step).min((edge(band + 2) - place) / step)
            };
            (0..=WINDOW_SAMPLES / 2).map(|bin| (bin, weight(bin) as f32)).filter(|(_, weight)| *weight > 0.0).collect()
        })
        .collect();
    let mut frames = Frames::new(BANDS);
    magnitudes(sound, |row| {
        frames.push(|bands| {
            for (slot, filter) in bands.iter_mut().zip(&filters) {
                *slot = filter.iter().map(|&(bin, weight)| row[bin] * weight).sum();
            }
        });
    });
    frames
}

/// Natural logarithms of mel frames, relative to nearly the largest value there is (its 99.9 % quantile) and not below
/// `floor`, so that neither gain nor inaudible hiss counts.
pub fn log_mel(mel: &Frames, floor: f32) -> Frames {
    let largest = quantile(mel.values().iter().copied(), 0.999).max(1e-6);
    let mut frames = mel.clone();
    frames.rows_mut().flatten().for_each(|x| *x = libm::logf(*x / largest + floor));
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_in_its_band_and_gain_does_not_count() {
        let tone = |gain: f32| -> Vec<f32> {
            (0..22_050).map(|i| gain * libm::sinf(std::f32::consts::TAU * 1000.0 * i as f32 / 22_050.0)).collect()
        };
        let bands = mel(&tone(0.5));
        let loudest = (0..BANDS).max_by(|&a, &b| bands.row(5)[a].total_cmp(&bands.row(5)[b]));
        // 1000 Hz is 1000 mel; the bands lie 42.3 mel apart from 98 on.
        assert_eq!(loudest, Some(20));
        let (loud, soft) = (log_mel(&bands, 1e-3), log_mel(&mel(&tone(0.01)), 1e-3));
        let difference = loud.values().iter().zip(soft.values()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(difference < 0.01, "{difference}");
    }
}
