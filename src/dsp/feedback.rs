//! Detection of feedback: input that contains recent output.

mod stream;

use super::{level::rms, seam::dot, stft::InverseFft};
use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex};
use std::sync::Arc;
use stream::{Stream, low_pass};

/// Rates are divided by a whole number to at most this, so that [`FFT`] holds a second and a half.
const MAX_RATE_HZ: u32 = 4096;
const FFT: usize = 6144;
/// Half amplitude of the low-pass before that.
const CUTOFF_HZ: f64 = 1200.0;
/// The lowest frequency that counts.
const MIN_HZ: f64 = 60.0;
/// Bins this much weaker than the strongest (−40 dB each in input and wet) are whitened less and less.
const FLOOR: f32 = 1e-4;
/// Whitened correlations up to the first are chance, from the second on evidence.
const EVIDENCE: (f32, f32) = (0.06, 0.12);
/// Evidence for a lag fades with this factor from update to update: half in 6 s.
const FADE: f32 = 0.97;
/// Root mean square at −60 dBFS.
const QUIET: f32 = 1e-3;
/// Weight of a lag that was found once.
const ONCE: f32 = 0.6;
/// It counts as found twice after so many updates: their seconds share nothing.
const TWICE: u32 = 4;
/// Lags that differ by no more, in samples of the lower rate, are the same.
const SAME: f32 = 0.5;
/// The exact correlation is taken for this many lags on each side of the one that was found.
const AROUND: usize = 2;
/// The correlation is interpolated between this many lags on each side.
const SIDE: usize = 3;
/// Spare samples before and after, so that there are such lags.
const PAD: usize = AROUND + SIDE;
/// Lanczos' interpolation of order 3 half way between samples, outwards, for a sum of 1.
const HALF_WAY: [f32; SIDE] = [0.611_46, -0.135_88, 0.024_42];

/// The largest normalised cross-correlation between the last second of input and the wet signal of up to half a second
/// before, if it is the sign of a path from the output to the input.
///
/// # Why correlation is not enough
/// Two performers who hold the same A correlate by 0.8 and more at some lag, though neither hears the other: stationary tones
/// carry no mark of where they come from. What does are attacks, noise and everything else between the partials. So the lag
/// is sought in the cross-spectrum with its magnitudes levelled (phase transform, Knapp and Carter, *The Generalized
/// Correlation Method for Estimation of Time Delay*, IEEE ASSP 24(4), 1976), where a partial is one bin of 1700: 0.1 to 0.6
/// for true feedback in which something begins, below 0.04 for equal tones from different hands. And as one attack of
/// a string is much like another, a lag is worth 0.6 until it is found again a second later: a path has one length, a
/// performer's timing has none. With that evidence the plain correlation at this lag, normalised by the energies of the two
/// spans that overlap there, is the result. The lag is remembered for some seconds with the result that it had, so that a
/// note that rings on is followed after its attack has left the second. Feedback which contains a steady tone and nothing
/// else is not recognised.
///
/// A wet signal that passes the input on at once is found too, with a lag close to 0: only what the input could not hear
/// before it was played may be pushed as wet.
///
/// Both signals are decimated to 4 kHz with a low-pass at 1.2 kHz; levels and correlation are those of that band.
///
/// # Realtime safety
/// `new` allocates, [`Self::push`] does not. The result is renewed every quarter of a second; the work is spread over four
/// pushes, each with at most one FFT of 6144 points. Input and wet are finite.
#[derive(Clone)]
pub struct FeedbackDetector {
    factor: usize,
    rate_hz: f64,
    /// Samples to come before the next one of the lower rate.
    phase: usize,
    filter: Vec<f32>,
    input: Stream,
    wet: Stream,
    /// Lags that are searched: half a second.
    lags: usize,
    /// Samples of the lower rate since the last update.
    since_update: usize,
    stage: Stage,
    /// What [`Stage`] works on: a second of input, the last [`PAD`] samples of which are not used, and the wet signal from
    /// half a second and as many samples before it on.
    input_span: Vec<f32>,
    wet_span: Vec<f32>,
    input_window: Vec<f32>,
    wet_window: Vec<f32>,
    forward: Arc<dyn RealToComplex<f32>>,
    scratch: Vec<Complex<f32>>,
    time: Vec<f32>,
    input_spectrum: Vec<Complex<f32>>,
    wet_spectrum: Vec<Complex<f32>>,
    inverse: InverseFft,
    held_lag: f32,
    /// Evidence for `held_lag`, 0…1, and how many updates ago the first of it came.
    trust: f32,
    age: u32,
    correlation: f32,
    lag: f32,
}

/// Work of the next push besides taking its samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Rest,
    Wet,
    Whiten,
    Judge,
}

impl FeedbackDetector {
    /// A detector before any input.
    ///
    /// # Panics
    /// If the rate is below 8000 Hz.
    pub fn new(sample_rate_hz: u32) -> Self {
        assert!(sample_rate_hz >= 8000);
        let factor = sample_rate_hz.div_ceil(MAX_RATE_HZ) as usize;
        let rate_hz = f64::from(sample_rate_hz) / factor as f64;
        let lags = rate_hz as usize / 2;
        let span = 2 * lags - 2 * PAD;
        let wet_span = span + lags + 2 * PAD;
        let filter = low_pass(factor, CUTOFF_HZ / rate_hz);
        let forward = RealFftPlanner::new().plan_fft_forward(FFT);
        Self {
            factor,
            rate_hz,
            phase: factor,
            input: Stream::new(filter.len(), span + PAD),
            wet: Stream::new(filter.len(), wet_span),
            filter,
            lags,
            since_update: 0,
            stage: Stage::Rest,
            input_span: vec![0.0; span + PAD],
            wet_span: vec![0.0; wet_span],
            input_window: tapered(span, span / 2),
            wet_window: tapered(wet_span, lags / 2),
            scratch: forward.make_scratch_vec(),
            time: forward.make_input_vec(),
            input_spectrum: forward.make_output_vec(),
            wet_spectrum: forward.make_output_vec(),
            forward,
            inverse: InverseFft::new(FFT),
            held_lag: 0.0,
            trust: 0.0,
            age: 0,
            correlation: 0.0,
            lag: 0.0,
        }
    }

    /// Takes a quantum of input and the quantum of wet signal that was played at the same time.
    pub fn push(&mut self, input: &[f32; 64], wet: &[f32; 64]) {
        self.input.listen(input);
        self.wet.listen(wet);
        for index in 0..input.len() {
            self.phase -= 1;
            if self.phase == 0 {
                self.phase = self.factor;
                self.since_update += 1;
                self.input.keep(&self.filter, index);
                self.wet.keep(&self.filter, index);
            }
        }
        self.stage = match self.stage {
            Stage::Rest if self.since_update >= self.lags / 2 => {
                self.since_update = 0;
                self.begin()
            }
            Stage::Rest => Stage::Rest,
            Stage::Wet => {
                self.transform(false);
                Stage::Whiten
            }
            Stage::Whiten => {
                self.whiten();
                Stage::Judge
            }
            Stage::Judge => {
                self.judge();
                Stage::Rest
            }
        };
    }

    /// The correlation, 0…1: 0 without evidence, and where input or wet are quieter than −60 dBFS.
    pub fn correlation(&self) -> f32 {
        self.correlation
    }

    /// How long before the input the wet signal was played that [`Self::correlation`] speaks of, in seconds.
    pub fn lag_seconds(&self) -> f32 {
        self.lag / self.rate_hz as f32
    }

    /// Forgets all input.
    pub fn reset(&mut self) {
        self.input.clear();
        self.wet.clear();
        (self.phase, self.since_update, self.stage) = (self.factor, 0, Stage::Rest);
        (self.held_lag, self.trust, self.age) = (0.0, 0.0, 0);
        (self.correlation, self.lag) = (0.0, 0.0);
    }

    /// Takes the spans that an update is about.
    fn begin(&mut self) -> Stage {
        self.input.copy_to(&mut self.input_span);
        self.wet.copy_to(&mut self.wet_span);
        self.trust *= FADE;
        self.age += 1;
        if rms(&self.input_span) < QUIET || rms(&self.wet_span) < QUIET {
            (self.correlation, self.lag) = (0.0, 0.0);
            return Stage::Rest;
        }
        self.transform(true);
        Stage::Wet
    }

    /// The spectrum of one span.
    fn transform(&mut self, input: bool) {
        let (span, window, spectrum) = if input {
            (&self.input_span, &self.input_window, &mut self.input_spectrum)
        } else {
            (&self.wet_span, &self.wet_window, &mut self.wet_spectrum)
        };
        self.time.fill(0.0);
        self.time.iter_mut().zip(span).zip(window).for_each(|((slot, x), w)| *slot = x * w);
        self.forward
            .process_with_scratch(&mut self.time, spectrum, &mut self.scratch)
            .expect("the buffers were made by the plan");
    }

    /// Bins of the band that counts.
    fn band(&self) -> std::ops::Range<usize> {
        let bin = |hz: f64| (hz * FFT as f64 / self.rate_hz) as usize;
        bin(MIN_HZ)..bin(CUTOFF_HZ)
    }

    /// The whitened correlation into `time`: of the lag l at index `lags + PAD − l`.
    fn whiten(&mut self) {
        let band = self.band();
        let (input, wet) = (&self.input_spectrum, &mut self.wet_spectrum);
        let mut largest = 0.0f32;
        for (w, x) in wet[band.clone()].iter_mut().zip(&input[band.clone()]) {
            *w *= x.conj();
            largest = largest.max(w.norm_sqr());
        }
        let floor = FLOOR * largest.sqrt() + f32::MIN_POSITIVE;
        let fill = |spectrum: &mut [Complex<f32>]| {
            spectrum.fill(Complex::new(0.0, 0.0));
            for (slot, w) in spectrum[band.clone()].iter_mut().zip(&wet[band.clone()]) {
                *slot = w / (w.norm_sqr().sqrt() + floor);
            }
        };
        self.inverse.synthesise(fill, &mut self.time);
    }

    /// Weighs the evidence for the best lag and for the remembered one.
    fn judge(&mut self) {
        let (mut peak, mut lag) = (0.0, 0);
        for (index, value) in self.time[PAD..=PAD + self.lags].iter().enumerate() {
            // The shortest of equal lags.
            if value.abs() >= peak {
                (peak, lag) = (value.abs(), self.lags - index);
            }
        }
        let whitened = peak / (2 * self.band().len()) as f32;
        let evidence = ((whitened - EVIDENCE.0) / (EVIDENCE.1 - EVIDENCE.0)).clamp(0.0, 1.0);
        let (found, found_lag) = self.exact(lag);
        let (held, held_lag) = self.exact(self.held_lag.round() as usize);
        let again = self.trust > 0.0 && (found_lag - self.held_lag).abs() <= SAME;
        let worth = if again && self.age >= TWICE { evidence } else { ONCE * evidence };
        if again {
            self.trust = self.trust.max(worth * found);
        } else if worth * found > self.trust * held {
            (self.held_lag, self.trust, self.age) = (found_lag, worth * found, 0);
        }
        (self.correlation, self.lag) =
            if worth * found > self.trust * held { (worth * found, found_lag) } else { (self.trust * held, held_lag) };
    }

    /// The largest |correlation| close to a lag, and where.
    fn exact(&self, lag: usize) -> (f32, f32) {
        let input = &self.input_span[..self.input_span.len() - PAD];
        let energy = dot(input, input);
        let quiet = QUIET * QUIET * input.len() as f32;
        // From the longest lag to the shortest, as the wet signal runs.
        let values: [f32; 2 * PAD + 1] = std::array::from_fn(|index| {
            let span = &self.wet_span[self.lags - lag + index..][..input.len()];
            let wet_energy = dot(span, span);
            let both_loud = energy > quiet && wet_energy > quiet;
            if both_loud { dot(input, span) / (energy.sqrt() * wet_energy.sqrt()) } else { 0.0 }
        });
        // Half samples too: whole ones may miss a narrow peak and meet the flank of another.
        let half_way = |low: usize| -> f32 {
            let pair = |i: usize| values[low - i] + values[low + 1 + i];
            HALF_WAY.iter().enumerate().map(|(i, part)| part * pair(i)).sum()
        };
        let halves: [f32; 4 * AROUND + 3] = std::array::from_fn(|index| {
            let low = SIDE - 1 + index / 2;
            if index % 2 == 0 { half_way(low) } else { values[low + 1] }
        });
        let middle = 2 * AROUND + 1;
        let inner = 1..=4 * AROUND + 1;
        let best = inner.fold(middle, |best, i| if halves[i].abs() > halves[best].abs() { i } else { best });
        // A parabola through the largest and its neighbours.
        let sign = halves[best].signum();
        let [left, top, right] = [best - 1, best, best + 1].map(|i| sign * halves[i]);
        let bend = left - 2.0 * top + right;
        let aside = if bend < 0.0 { (0.5 * (left - right) / bend).clamp(-0.5, 0.5) } else { 0.0 };
        let height = top - 0.25 * (left - right) * aside;
        let place = lag as f32 + 0.5 * (middle as f32 - best as f32 - aside);
        (height.clamp(0.0, 1.0), place.clamp(0.0, self.lags as f32))
    }
}

impl std::fmt::Debug for FeedbackDetector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FeedbackDetector({} at {} s)", self.correlation, self.lag_seconds())
    }
}

/// Ones with half a period of a raised cosine at each end.
fn tapered(count: usize, taper: usize) -> Vec<f32> {
    (0..count)
        .map(|i| {
            let edge = (i.min(count - 1 - i) as f64 + 0.5) / taper as f64;
            if edge < 1.0 { (0.5 - 0.5 * libm::cos(std::f64::consts::PI * edge)) as f32 } else { 1.0 }
        })
        .collect()
}

#[cfg(test)]
mod tests;
