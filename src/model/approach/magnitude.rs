//! Spectra, of which a vocoder makes sound.

use super::{ApproachInfo, Check, Frames, Framing, PlainNetwork, one};
use serde::{Deserialize, Serialize};

pub(super) const INFO: ApproachInfo = ApproachInfo {
    name: "magnitude",
    meaning: "a step is a spectrum and predicts the next spectrum; a vocoder makes sound of it",
    plain_network: Some(PlainNetwork { sizes: "as many outputs as inputs", fits: |inputs, outputs| inputs == outputs }),
};

/// A step takes one magnitude frame and predicts the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Magnitude {
    /// Length of the Blackman window.
    pub window: usize,
    /// Samples from frame to frame.
    pub hop: usize,
    /// Transform twice as long as the window.
    #[serde(default)]
    pub zero_padding: bool,
    /// Sound only the bins that are larger than both neighbours.
    #[serde(default)]
    pub peak_picking: bool,
    /// The largest magnitude |X| of the material: frames are divided by it.
    pub magnitude_peak: f32,
    /// The network sees magnitudes raised to this power (1: as they are; 0.5: square roots).
    #[serde(default = "one")]
    pub power: f32,
    /// Predicted magnitudes are raised to this power at unchanged energy; above 1 partials stand out.
    #[serde(default = "one")]
    pub sharpen: f32,
}

impl Magnitude {
    /// Length of the FFT.
    pub fn fft_samples(&self) -> usize {
        self.window.saturating_mul(1 + usize::from(self.zero_padding))
    }
}

impl Framing for Magnitude {
    fn info(&self) -> ApproachInfo {
        INFO
    }

    fn hop_samples(&self) -> usize {
        self.hop
    }

    fn window_samples(&self) -> usize {
        self.window
    }

    fn frame_size(&self) -> usize {
        self.fft_samples() / 2 + 1
    }

    fn prediction_samples(&self) -> usize {
        // A frame sits at its window's centre, and the first hop of a vocoder leads away from the last frame of the seed.
        self.window / 2
    }

    fn predicts_frames(&self) -> bool {
        true
    }

    fn frames(&self) -> Frames<'_> {
        Frames::Magnitudes(self)
    }

    fn check(&self, check: &mut Check) {
        check.range("window", self.window, 64, 16_384);
        check.require(self.window.is_multiple_of(2), "window", "an even number", self.window);
        check.range("hop", self.hop, 16, self.window.max(16));
        check.range("magnitude_peak", self.magnitude_peak, 1e-6, 1e9);
        check.range("power", self.power, 0.1, 2.0);
        check.range("sharpen", self.sharpen, 0.5, 4.0);
    }

    fn brief(&self) -> String {
        format!("magnitude {}/{}", self.window, self.hop)
    }

    fn details(&self, length: &dyn Fn(usize) -> String) -> Vec<(&'static str, String)> {
        let yes_no = |value| if value { "yes" } else { "no" }.to_string();
        let Self { magnitude_peak, power, sharpen, .. } = self;
        vec![
            ("window", format!("{}, FFT of {}", length(self.window), self.fft_samples())),
            ("zero padding", yes_no(self.zero_padding)),
            ("peak picking", yes_no(self.peak_picking)),
            ("magnitudes", format!("÷ {magnitude_peak}, power {power}, sharpened by {sharpen}")),
        ]
    }
}
