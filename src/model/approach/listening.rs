//! Spectra whose bins are notes, drawn bin by bin, with a memory of what was heard.

use super::{ApproachInfo, Check, FieldProblem, Frames, Framing};
use serde::{Deserialize, Serialize};

pub(super) const INFO: ApproachInfo = ApproachInfo {
    name: "listening",
    meaning: "a step is a spectrum of notes, drawn bin by bin; it remembers what was heard and recalls what followed",
    plain_network: None,
};

/// Leaky averages of what was heard.
pub const AVERAGES: usize = 3;
/// Bands whose levels are drawn before their bins.
pub const BANDS: usize = 4;

/// A step takes a frame of levels on a scale of logarithmic frequency and draws the next one, bin by bin.
///
/// A frame holds, for every bin, (dB − `floor_db`) ÷ −`floor_db` within 0…1, where 0 dB is a sine of full scale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listening {
    /// Length of the Blackman window; the transform is twice as long.
    pub window: usize,
    /// Samples from frame to frame.
    pub hop: usize,
    /// Centre of the lowest bin.
    pub lowest_hz: f32,
    /// Numbers of a frame.
    pub bins: usize,
    /// Bins of an octave, where that is wider than two bins of the transform; below, bins lie two bins of the transform apart.
    pub bins_per_octave: f32,
    /// The softest level that a frame tells from silence.
    pub floor_db: f32,
    /// Time constants of the averages, from the shortest to the longest.
    pub averages_s: [f32; AVERAGES],
    /// Where one band ends and the next begins.
    pub band_edges_hz: [f32; BANDS - 1],
    /// The mean of a band's bins that its highest level stands for.
    pub band_top: f32,
    /// Numbers by which a moment is recalled.
    pub key_size: usize,
    /// In training the latest frames cannot be recalled.
    pub recall_skip: usize,
}

impl Default for Listening {
    /// The values that the recipe was found with, for 22 050 Hz.
    fn default() -> Self {
        Self {
            window: 2048,
            hop: 512,
            lowest_hz: 70.0,
            bins: 178,
            bins_per_octave: 36.0,
            floor_db: -75.0,
            averages_s: [0.35, 1.5, 6.0],
            band_edges_hz: [300.0, 900.0, 2500.0],
            band_top: 0.8,
            key_size: 64,
            recall_skip: 16,
        }
    }
}

/// More would be remembered than a voice has room for.
const MAX_FRAMES_PER_SECOND: u32 = 200;

impl Listening {
    /// Length of the FFT.
    pub fn fft_samples(&self) -> usize {
        self.window.saturating_mul(2)
    }

    /// The centre of every bin in Hz at a sample rate, from low to high.
    pub fn centres_hz(&self, sample_rate_hz: u32) -> Vec<f64> {
        let least = 2.0 * f64::from(sample_rate_hz) / self.fft_samples() as f64;
        let ratio = libm::exp2(1.0 / f64::from(self.bins_per_octave)) - 1.0;
        let next = |&centre: &f64| Some(centre + least.max(centre * ratio));
        std::iter::successors(Some(f64::from(self.lowest_hz)), next).take(self.bins).collect()
    }

    /// The first bin of every band, and one past the last bin.
    pub fn band_bounds(&self, sample_rate_hz: u32) -> [usize; BANDS + 1] {
        let centres = self.centres_hz(sample_rate_hz);
        let mut bounds = [0; BANDS + 1];
        for (bound, edge) in bounds[1..].iter_mut().zip(self.band_edges_hz) {
            *bound = centres.partition_point(|&centre| centre < f64::from(edge));
        }
        bounds[BANDS] = centres.len();
        bounds
    }

    /// The part of the way that each average goes towards a new frame.
    pub fn average_rates(&self, sample_rate_hz: u32) -> [f32; AVERAGES] {
        let hop_s = self.hop as f64 / f64::from(sample_rate_hz);
        self.averages_s.map(|seconds| (1.0 - libm::exp(-hop_s / f64::from(seconds))) as f32)
    }

    /// What is wrong at this sample rate: the bands have to lie inside the frame, the frame below half the rate, and what is heard
    /// in 20 s has to fit into memory.
    pub(crate) fn rate_problem(&self, sample_rate_hz: u32) -> Option<FieldProblem> {
        let least_hop = sample_rate_hz.div_ceil(MAX_FRAMES_PER_SECOND) as usize;
        if self.hop < least_hop {
            let rule = format!("at least {least_hop}, {MAX_FRAMES_PER_SECOND} frames a second");
            return Some(("hop", rule, self.hop.to_string()));
        }
        let highest = self.centres_hz(sample_rate_hz).last().copied().unwrap_or(0.0);
        let nyquist = 0.5 * f64::from(sample_rate_hz);
        if highest >= nyquist {
            return Some(("bins", format!("the highest below {nyquist} Hz"), format!("{highest:.0} Hz")));
        }
        let bounds = self.band_bounds(sample_rate_hz);
        let holds = bounds.windows(2).all(|pair| pair[0] < pair[1]);
        let rule = "three frequencies that rise, with a bin between each two and beyond them";
        (!holds).then(|| ("band_edges_hz", rule.into(), format!("{:?}", self.band_edges_hz)))
    }
}

impl Framing for Listening {
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
        self.bins
    }

    fn prediction_samples(&self) -> usize {
        // As of magnitudes: the first hop of the vocoder leads away from the last frame of the seed.
        self.window / 2
    }

    fn predicts_frames(&self) -> bool {
        true
    }

    fn frames(&self) -> Frames<'_> {
        Frames::LogSpectra(self)
    }

    fn listening(&self) -> Option<&Listening> {
        Some(self)
    }

    fn check(&self, check: &mut Check) {
        check.range("window", self.window, 256, 16_384);
        check.require(self.window.is_multiple_of(2), "window", "an even number", self.window);
        check.range("hop", self.hop, 64, self.window.max(64));
        check.range("bins", self.bins, 16, 1024);
        check.range("lowest_hz", self.lowest_hz, 20.0, 2000.0);
        check.range("bins_per_octave", self.bins_per_octave, 12.0, 96.0);
        check.range("floor_db", self.floor_db, -120.0, -30.0);
        for seconds in self.averages_s {
            check.range("averages_s", seconds, 0.01, 60.0);
        }
        for edge in self.band_edges_hz {
            check.range("band_edges_hz", edge, 20.0, 96_000.0);
        }
        check.range("band_top", self.band_top, 0.1, 1.0);
        check.range("key_size", self.key_size, 8, 128);
        check.range("recall_skip", self.recall_skip, 1, 200);
    }

    fn brief(&self) -> String {
        format!("listening {}/{}", self.window, self.hop)
    }

    fn details(&self, length: &dyn Fn(usize) -> String) -> Vec<(&'static str, String)> {
        let Self { bins, lowest_hz, bins_per_octave, floor_db, averages_s: [short, middle, long], .. } = self;
        vec![
            ("window", format!("{}, FFT of {}", length(self.window), self.fft_samples())),
            ("bins", format!("{bins} from {lowest_hz} Hz, at most {bins_per_octave} an octave, down to {floor_db} dB")),
            ("memory", format!("averages over {short}, {middle} and {long} s; keys of {}", self.key_size)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_bins_are_thirds_of_a_semitone_where_the_transform_can_tell_them_apart() {
        let usual = Listening::default();
        let centres = usual.centres_hz(22_050);
        assert_eq!(centres.len(), 178);
        assert!(centres[176] < 7000.0 && centres[177] >= 7000.0, "{} {}", centres[176], centres[177]);
        assert!((centres[1] - 70.0 - 22_050.0 / 2048.0).abs() < 1e-9);
        assert!((centres[177] / centres[141] - 2.0).abs() < 1e-6, "36 an octave");
        assert_eq!(usual.band_bounds(22_050), [0, 22, 71, 124, 178]);
        let [short, _, long] = usual.average_rates(22_050);
        assert!((short - 0.064_20).abs() < 1e-4 && (long - 0.003_862).abs() < 1e-5, "{short} {long}");
    }

    #[test]
    fn bins_and_bands_that_do_not_fit_the_rate_are_told() {
        assert_eq!(Listening::default().rate_problem(22_050), None);
        assert_eq!(Listening::default().rate_problem(2000).map(|problem| problem.0), Some("bins"));
        let fast = Listening { hop: 100, ..Listening::default() };
        assert_eq!(fast.rate_problem(22_050).map(|problem| problem.0), Some("hop"));
        let falling = Listening { band_edges_hz: [300.0, 200.0, 2500.0], ..Listening::default() };
        assert_eq!(falling.rate_problem(22_050).map(|problem| problem.0), Some("band_edges_hz"));
        let beyond = Listening { band_edges_hz: [300.0, 900.0, 9000.0], ..Listening::default() };
        assert_eq!(beyond.rate_problem(22_050).map(|problem| problem.0), Some("band_edges_hz"));
    }
}
