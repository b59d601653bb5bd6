//! Sample-rate conversion by position: output sample k is computed from the input around k·in/out alone, so that any span
//! can be converted at any time, forwards, again or in parts, with the same bits. A stream converter with a state (rubato)
//! cannot do that, and a model switch that finds its seed at once needs it (DESIGN 4).
//!
//! Windowed sinc (Kaiser), 512 phases with linear interpolation between them; stop band and interpolation error are
//! below −80 dB.

use std::sync::Arc;

/// Zero crossings of the sinc on each side, at the lower of the two rates.
const ZERO_CROSSINGS: f64 = 32.0;
/// The pass band ends here, as a part of the lower Nyquist frequency.
const CUTOFF: f64 = 0.92;
/// Kaiser's β for 80 dB (Kaiser 1974: β = 0.1102 (A − 8.7)).
const KAISER_BETA: f64 = 0.1102 * (80.0 - 8.7);
const PHASES: usize = 512;
/// Partial sums of a dot product: fixed, so that the order of additions is the same on every processor.
const LANES: usize = 8;

/// Converts between two whole-number rates. Clones share their table.
///
/// # Realtime safety
/// `new` and [`Resampler::resample_all`] allocate; the other methods do not.
#[derive(Clone, Debug)]
pub struct Resampler {
    in_hz: u32,
    out_hz: u32,
    half_width: usize,
    taps: usize,
    /// `[PHASES + 1][taps]`, taps a multiple of LANES.
    table: Arc<[f32]>,
}

impl Resampler {
    /// Designs the filter for one direction.
    ///
    /// # Panics
    /// If a rate is 0.
    pub fn new(in_hz: u32, out_hz: u32) -> Self {
        assert!(in_hz > 0 && out_hz > 0);
        if in_hz == out_hz {
            return Self { in_hz, out_hz, half_width: 0, taps: 1, table: Arc::new([]) };
        }
        let edge = edge(in_hz, out_hz);
        let half_width = Self::half_width_samples_for(in_hz, out_hz);
        let taps = (2 * half_width).next_multiple_of(LANES);
        let mut table = vec![0.0; (PHASES + 1) * taps];
        let scale = 1.0 / bessel_i0(KAISER_BETA);
        for phase in 0..=PHASES {
            let row = &mut table[phase * taps..][..taps];
            let mut sum = 0.0;
            let mut exact = vec![0.0; 2 * half_width];
            for (j, slot) in exact.iter_mut().enumerate() {
                let distance = j as f64 - (half_width as f64 - 1.0) - phase as f64 / PHASES as f64;
                *slot = sinc(2.0 * edge * distance) * kaiser(distance / half_width as f64) * scale;
                sum += *slot;
            }
            // Every phase has unit gain at 0 Hz: no ripple at the rate of the phase pattern.
            for (slot, value) in row.iter_mut().zip(exact) {
                *slot = (value / sum) as f32;
            }
        }
        Self { in_hz, out_hz, half_width, taps, table: table.into() }
    }

    /// What [`Self::half_width_samples`] of such a converter would be.
    pub fn half_width_samples_for(in_hz: u32, out_hz: u32) -> usize {
        if in_hz == out_hz { 0 } else { (ZERO_CROSSINGS / (2.0 * edge(in_hz, out_hz))).ceil() as usize }
    }

    /// Input samples needed on each side of a position. 0 where nothing is converted.
    pub fn half_width_samples(&self) -> usize {
        self.half_width
    }

    /// The rate that it converts to.
    pub fn out_hz(&self) -> u32 {
        self.out_hz
    }

    /// Where output sample `k` sits on the input's time line: whole sample and the fraction above it.
    pub fn position(&self, k: i64) -> (i64, f32) {
        let scaled = i128::from(k) * i128::from(self.in_hz);
        let out = i128::from(self.out_hz);
        let whole = scaled.div_euclid(out);
        (whole as i64, (scaled.rem_euclid(out) as f64 / out as f64) as f32)
    }

    /// The first input sample that [`Self::sample`] reads for a position with this whole part.
    pub fn first_input(&self, whole: i64) -> i64 {
        if self.half_width == 0 { whole } else { whole - self.half_width as i64 + 1 }
    }

    /// The first input sample that is not needed any more for output sample `k`: all below must be known.
    pub fn end_of_input(&self, k: i64) -> i64 {
        let (whole, _) = self.position(k);
        if self.half_width == 0 { whole + 1 } else { whole + self.half_width as i64 + 1 }
    }

    /// Samples in the window that [`Self::sample`] reads.
    pub fn window_samples(&self) -> usize {
        if self.half_width == 0 { 1 } else { 2 * self.half_width }
    }

    /// The value at `fraction` past the centre of `window` (`[window_samples]`, beginning at [`Self::first_input`]).
    ///
    /// # Panics
    /// If the window is too short.
    pub fn sample(&self, fraction: f32, window: &[f32]) -> f32 {
        if self.half_width == 0 {
            return window[0];
        }
        let scaled = fraction * PHASES as f32;
        let phase = (scaled as usize).min(PHASES - 1);
        let between = scaled - phase as f32;
        let low = &self.table[phase * self.taps..][..self.taps];
        let high = &self.table[(phase + 1) * self.taps..][..self.taps];
        let window = &window[..2 * self.half_width];
        let (mut a, mut b) = ([0.0f32; LANES], [0.0f32; LANES]);
        let mut chunks = window.chunks_exact(LANES);
        let mut at = 0;
        for chunk in &mut chunks {
            let (l, h) = (&low[at..at + LANES], &high[at..at + LANES]);
            for i in 0..LANES {
                a[i] += chunk[i] * l[i];
                b[i] += chunk[i] * h[i];
            }
            at += LANES;
        }
        for (i, &x) in chunks.remainder().iter().enumerate() {
            a[i] += x * low[at + i];
            b[i] += x * high[at + i];
        }
        let (low, high) = (a.iter().sum::<f32>(), b.iter().sum::<f32>());
        low + (high - low) * between
    }

    /// Output samples that fit into the duration of so many input samples.
    pub fn resampled_samples(&self, input_samples: usize) -> i64 {
        (input_samples as u128 * u128::from(self.out_hz)).div_ceil(u128::from(self.in_hz)) as i64
    }

    /// A whole recording: as many output samples as fit into its duration, zeros assumed around it.
    pub fn resample_all(&self, input: &[f32]) -> Vec<f32> {
        if self.half_width == 0 {
            return input.to_vec();
        }
        let length = self.resampled_samples(input.len());
        let mut padded = vec![0.0; self.half_width];
        padded.extend_from_slice(input);
        padded.resize(padded.len() + 2 * self.half_width, 0.0);
        (0..length)
            .map(|k| {
                let (whole, fraction) = self.position(k);
                self.sample(fraction, &padded[(self.first_input(whole) + self.half_width as i64) as usize..])
            })
            .collect()
    }
}

/// Cycles per input sample at the edge of the pass band.
fn edge(in_hz: u32, out_hz: u32) -> f64 {
    0.5 * CUTOFF * f64::from(in_hz.min(out_hz)) / f64::from(in_hz)
}

fn sinc(x: f64) -> f64 {
    let angle = std::f64::consts::PI * x;
    if angle.abs() < 1e-9 { 1.0 } else { libm::sin(angle) / angle }
}

/// Kaiser's window, not yet divided by its value at 0.
fn kaiser(x: f64) -> f64 {
    if x.abs() > 1.0 { 0.0 } else { bessel_i0(KAISER_BETA * (1.0 - x * x).sqrt()) }
}

/// I₀ by its power series, Σ ((x/2)^k / k!)², until nothing is added any more.
fn bessel_i0(x: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..60 {
        term *= x / (2.0 * f64::from(k));
        sum += term * term;
        if term * term < 1e-17 * sum {
            break;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::level::rms;

    const RATES: [(u32, u32); 8] = [
        (44_100, 22_050),
        (48_000, 22_050),
        (96_000, 22_050),
        (22_050, 44_100),
        (22_050, 48_000),
        (22_050, 96_000),
        (47_999, 22_050),
        (44_100, 44_100),
    ];

    #[test]
    fn a_sine_comes_out_as_the_same_sine_without_delay() {
        for (from, to) in RATES {
            let resampler = Resampler::new(from, to);
            for hz in [110.0, 1234.5, 0.8 * 0.5 * f64::from(from.min(to))] {
                let wave = |rate: u32, i: usize| (std::f64::consts::TAU * hz * i as f64 / f64::from(rate)).sin();
                let input: Vec<f32> = (0..from as usize / 4).map(|i| wave(from, i) as f32).collect();
                let output = resampler.resample_all(&input);
                let edge = 2 * (resampler.half_width_samples() * to as usize / from as usize + 2);
                for (i, &y) in output.iter().enumerate().take(output.len() - edge).skip(edge) {
                    let error = (f64::from(y) - wave(to, i)).abs();
                    assert!(error < 3e-4, "{from} -> {to} Hz, {hz} Hz, sample {i}: error {error}");
                }
            }
        }
    }

    #[test]
    fn what_would_alias_is_removed() {
        for (from, to) in RATES.iter().filter(|(from, to)| from > to) {
            let hz = 0.56 * f64::from(*to);
            let input: Vec<f32> = (0..*from as usize / 4)
                .map(|i| (std::f64::consts::TAU * hz * i as f64 / f64::from(*from)).sin() as f32)
                .collect();
            let output = Resampler::new(*from, *to).resample_all(&input);
            let level = rms(&output[200..output.len() - 200]);
            assert!(level < 2e-4, "{from} -> {to} Hz: {hz} Hz left at {level}");
        }
    }

    #[test]
    fn parts_have_the_bits_of_the_whole() {
        let input: Vec<f32> = (0..4000).map(|i| libm::sinf(i as f32 * i as f32 * 1e-4)).collect();
        let resampler = Resampler::new(48_000, 22_050);
        let whole = resampler.resample_all(&input);
        for k in [400_i64, 401, 777, 1500] {
            let (at, fraction) = resampler.position(k);
            let window = &input[resampler.first_input(at) as usize..][..resampler.window_samples()];
            assert_eq!(resampler.sample(fraction, window).to_bits(), whole[k as usize].to_bits(), "sample {k}");
        }
    }
}
