//! A signal at a lower rate, and the low-pass before it.

use crate::dsp::seam::dot;

/// Length of the low-pass in samples of the lower rate.
const TAPS: usize = 24;

/// A signal on its way to the lower rate, and what of it is kept there.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    /// As much of the signal as the filter needs, and the last quantum.
    recent: Vec<f32>,
    ring: Vec<f32>,
    at: usize,
}

impl Stream {
    /// For a filter of `taps`, with `kept` samples of the lower rate.
    pub(super) fn new(taps: usize, kept: usize) -> Self {
        Self { recent: vec![0.0; taps + 64], ring: vec![0.0; kept], at: 0 }
    }

    /// Takes a quantum.
    pub(super) fn listen(&mut self, cell: &[f32; 64]) {
        let old = self.recent.len() - 64;
        self.recent.copy_within(64.., 0);
        self.recent[old..].copy_from_slice(cell);
    }

    /// Keeps the sample of the lower rate whose filter ends with sample `index` of the quantum.
    pub(super) fn keep(&mut self, filter: &[f32], index: usize) {
        self.ring[self.at] = dot(filter, &self.recent[index + 1..index + 1 + filter.len()]);
        self.at = (self.at + 1) % self.ring.len();
    }

    /// All that is kept, oldest first.
    pub(super) fn copy_to(&self, out: &mut [f32]) {
        let (new, old) = self.ring.split_at(self.at);
        out[..old.len()].copy_from_slice(old);
        out[old.len()..].copy_from_slice(new);
    }

    /// Silence.
    pub(super) fn clear(&mut self) {
        self.recent.fill(0.0);
        self.ring.fill(0.0);
    }
}

/// Sinc with a Blackman window, 24 samples of the lower rate long, gain 1 at 0 Hz; `cutoff` as a part of the lower rate.
pub(super) fn low_pass(factor: usize, cutoff: f64) -> Vec<f32> {
    let last = (TAPS * factor) as f64;
    let taps: Vec<f64> = (0..=TAPS * factor)
        .map(|i| {
            let distance = (i as f64 - last / 2.0) / factor as f64;
            let phase = std::f64::consts::TAU * i as f64 / last;
            let angle = std::f64::consts::TAU * cutoff * distance;
            let sinc = if distance == 0.0 { 1.0 } else { libm::sin(angle) / angle };
            sinc * (0.42 - 0.5 * libm::cos(phase) + 0.08 * libm::cos(2.0 * phase))
        })
        .collect();
    let sum: f64 = taps.iter().sum();
    taps.iter().map(|tap| (tap / sum) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::level::{gain_to_db, rms};

    #[test]
    fn what_would_be_aliased_is_70_db_down_and_the_oldest_comes_first() {
        for factor in [2, 11, 94] {
            let filter = low_pass(factor, 0.3);
            // Frequencies as parts of the lower rate.
            for (frequency, least, most) in
                [(0.02, -0.1, 0.1), (0.15, -0.5, 0.1), (0.3, -6.5, -5.5), (0.45, -200.0, -70.0)]
            {
                let mut stream = Stream::new(filter.len(), 300);
                let mut now = 0;
                while now < 400 * factor {
                    let angle = |i: usize| std::f64::consts::TAU * frequency * (now + i) as f64 / factor as f64;
                    stream.listen(&std::array::from_fn(|i| libm::sin(angle(i)) as f32));
                    (0..64).filter(|i| (now + i) % factor == 0).for_each(|i| stream.keep(&filter, i));
                    now += 64;
                }
                let mut out = vec![0.0; 300];
                stream.copy_to(&mut out);
                let gain = gain_to_db(rms(&out) * std::f32::consts::SQRT_2);
                assert!((least..most).contains(&gain), "factor {factor}, {frequency}: {gain} dB");
                // A line of one frequency obeys y₂ = 2 cos ω y₁ − y₀ only in its order.
                let turn = 2.0 * libm::cos(std::f64::consts::TAU * frequency) as f32;
                assert!(out.windows(3).all(|y| (y[2] - turn * y[1] + y[0]).abs() < 1e-3));
            }
        }
    }
}
