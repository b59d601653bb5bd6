//! Figures that tell whether a sound is alive (DESIGN 6): change of the spectrum, level, flatness.

use super::{level::rms, stft::MagnitudeStft};
use serde::{Deserialize, Serialize};

const WINDOW: usize = 1024;
const HOP: usize = 256;

/// What is measured of a span of sound, at its own rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Liveliness {
    /// Mean |ΔX| ÷ mean |X| over magnitude frames (Blackman 1024, hop 256).
    pub flux: f32,
    /// Root mean square, full scale = 1.
    pub rms: f32,
    /// Median over frames of geometric ÷ arithmetic mean of the power spectrum; 1 is white, 0 a pure tone.
    pub flatness: f32,
}

impl Liveliness {
    /// Measures `samples`. Fewer than two frames give zeros for flux and flatness.
    pub fn of(samples: &[f32]) -> Self {
        let mut stft = MagnitudeStft::new(WINDOW, WINDOW);
        let bins = stft.bins();
        let (mut frame, mut last) = (vec![0.0; bins], vec![0.0; bins]);
        let (mut change, mut total) = (0.0f64, 0.0f64);
        let mut flatness = Vec::new();
        for (index, start) in (0..(samples.len() + 1).saturating_sub(WINDOW)).step_by(HOP).enumerate() {
            stft.magnitudes(&samples[start..start + WINDOW], &mut frame);
            if index > 0 {
                change += frame.iter().zip(&last).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>();
                total += frame.iter().map(|&a| f64::from(a)).sum::<f64>();
            }
            flatness.push(spectral_flatness(&frame));
            std::mem::swap(&mut frame, &mut last);
        }
        flatness.sort_by(f32::total_cmp);
        Self {
            flux: if total > 0.0 { (change / total) as f32 } else { 0.0 },
            rms: rms(samples),
            flatness: flatness.get(flatness.len() / 2).copied().unwrap_or(0.0),
        }
    }
}

/// Geometric ÷ arithmetic mean of the power of a magnitude frame; 1e-10 is added to each bin's power.
fn spectral_flatness(magnitudes: &[f32]) -> f32 {
    let n = magnitudes.len() as f64;
    let (mut logs, mut sum) = (0.0, 0.0);
    for &m in magnitudes {
        let power = f64::from(m) * f64::from(m) + 1e-10;
        logs += libm::log(power);
        sum += power;
    }
    (libm::exp(logs / n) / (sum / n)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::random::Random;

    #[test]
    fn tells_tone_noise_and_silence_apart() {
        let mut random = Random::new(2);
        let noise: Vec<f32> = (0..44_100).map(|_| 0.1 * random.normal()).collect();
        // 64 cycles a window: every frame of the tone is the same.
        let tone: Vec<f32> = (0..44_100).map(|i| libm::sinf(std::f32::consts::TAU * (i % 16) as f32 / 16.0)).collect();
        let (noise, tone) = (Liveliness::of(&noise), Liveliness::of(&tone));
        assert!((0.5..0.65).contains(&noise.flatness), "{noise:?}");
        assert!(noise.flux > 0.3 && (noise.rms - 0.1).abs() < 0.002, "{noise:?}");
        assert!(tone.flux < 1e-3 && tone.flatness < 1e-3 && (tone.rms - 0.5f32.sqrt()).abs() < 1e-3, "{tone:?}");
        assert_eq!(Liveliness::of(&[0.0; 4096]).flux, 0.0);
        assert_eq!(Liveliness::of(&[]).rms, 0.0);
    }
}
