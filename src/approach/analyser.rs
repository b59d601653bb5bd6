//! Windows of sound to frames.

use crate::{
    dsp::stft::MagnitudeStft,
    model::{Approach, ModelConfig, Scaling},
};

/// Computes the frame of a window: scaled (and emphasised) samples, or normalised magnitudes in 0…1 raised to the model's power.
///
/// # Realtime safety
/// `new` allocates; `frame` does not.
#[derive(Clone, Debug)]
pub struct FrameAnalyser {
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Samples { scaling: Scaling, emphasis: f32 },
    Magnitudes { stft: MagnitudeStft, magnitude_peak: f32, power: f32 },
}

impl FrameAnalyser {
    /// An analyser for a validated configuration.
    pub fn new(config: &ModelConfig) -> Self {
        let kind = match config.approach {
            Approach::Vector { .. } | Approach::Sample | Approach::Column { .. } | Approach::Transpose { .. } => {
                Kind::Samples { scaling: config.scaling, emphasis: config.pre_emphasis() }
            }
            Approach::Magnitude { window, magnitude_peak, power, .. } => {
                Kind::Magnitudes { stft: MagnitudeStft::new(window, config.fft_samples()), magnitude_peak, power }
            }
        };
        Self { kind }
    }

    /// `window`: `[window_samples]`, `frame`: `[frame_size]`.
    ///
    /// # Panics
    /// If a length differs.
    pub fn frame(&mut self, window: &[f32], frame: &mut [f32]) {
        match &mut self.kind {
            Kind::Samples { scaling, emphasis } => {
                // With emphasis the window begins one sample before the frame.
                let before = window.len() - frame.len();
                assert_eq!(before, usize::from(*emphasis > 0.0));
                for (i, slot) in frame.iter_mut().enumerate() {
                    let last = if before == 0 { 0.0 } else { *emphasis * window[i] };
                    *slot = (window[i + before] - last - scaling.mean) / scaling.std;
                }
            }
            Kind::Magnitudes { stft, magnitude_peak, power } => {
                stft.magnitudes(window, frame);
                let scale = 1.0 / *magnitude_peak;
                for slot in frame.iter_mut() {
                    *slot = raise(*slot * scale, *power);
                }
            }
        }
    }
}

/// xᵖ for x ≥ 0, exact where p is 1 or ½.
pub(super) fn raise(x: f32, power: f32) -> f32 {
    if power == 1.0 {
        x
    } else if power == 0.5 {
        x.sqrt()
    } else if power == 2.0 {
        x * x
    } else {
        libm::powf(x, power)
    }
}
