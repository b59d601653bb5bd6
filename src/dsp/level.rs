//! Levels: decibels, root mean square, and gain ramps.

/// Decibels to a factor of amplitude.
pub fn db_to_gain(db: f32) -> f32 {
    libm::powf(10.0, db / 20.0)
}

/// A factor of amplitude to decibels; 0 and below give −∞.
pub fn gain_to_db(gain: f32) -> f32 {
    if gain > 0.0 { 20.0 * libm::log10f(gain) } else { f32::NEG_INFINITY }
}

/// Sum of squares, in double precision and in the order of the slice.
pub fn energy(samples: &[f32]) -> f64 {
    samples.iter().map(|&x| f64::from(x) * f64::from(x)).sum()
}

/// Root mean square; 0 for an empty slice.
pub fn rms(samples: &[f32]) -> f32 {
    if samples.is_empty() { 0.0 } else { (energy(samples) / samples.len() as f64).sqrt() as f32 }
}

/// Equal-power gains `(out, in)` of a cross-fade at `position` in [0, 1]: quarter periods of a cosine, exactly (1, 0) and
/// (0, 1) at the ends.
pub fn equal_power(position: f32) -> (f32, f32) {
    if position <= 0.0 {
        (1.0, 0.0)
    } else if position >= 1.0 {
        (0.0, 1.0)
    } else {
        let angle = position * std::f32::consts::FRAC_PI_2;
        (libm::cosf(angle), libm::sinf(angle))
    }
}

/// A duration in whole samples, at least one: the length of a [`Ramp`].
pub fn samples(seconds: f32, sample_rate_hz: u32) -> u32 {
    ((seconds * sample_rate_hz as f32).round() as u32).max(1)
}

/// A value that moves to its target on a straight line, sample by sample, independent of the block size.
///
/// # Realtime safety
/// Safe on the audio thread.
#[derive(Clone, Debug)]
pub struct Ramp {
    value: f32,
    target: f32,
    start: f32,
    done_samples: u32,
    length_samples: u32,
}

impl Ramp {
    /// Rests at `value`; a change takes `length_samples` (at least 1).
    pub fn new(value: f32, length_samples: u32) -> Self {
        let length_samples = length_samples.max(1);
        Self { value, target: value, start: value, done_samples: length_samples, length_samples }
    }

    /// Sets off for `target` from wherever the value is now.
    pub fn set_target(&mut self, target: f32) {
        if target != self.target {
            self.start = self.value;
            self.target = target;
            self.done_samples = 0;
        }
    }

    /// Jumps to `value` and rests there.
    pub fn jump(&mut self, value: f32) {
        *self = Self::new(value, self.length_samples);
    }

    /// The value that rests or is being approached.
    pub fn target(&self) -> f32 {
        self.target
    }

    /// The value now, without moving.
    pub fn value(&self) -> f32 {
        self.value
    }

    /// True while the value rests on its target.
    pub fn is_steady(&self) -> bool {
        self.done_samples >= self.length_samples
    }

    /// Moves one sample and returns the value there.
    pub fn advance(&mut self) -> f32 {
        if self.done_samples < self.length_samples {
            self.done_samples += 1;
            self.value = if self.done_samples == self.length_samples {
                self.target
            } else {
                self.start + (self.target - self.start) * (self.done_samples as f32 / self.length_samples as f32)
            };
        }
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decibels_round_trip_and_known_values() {
        assert!((db_to_gain(-6.0) - 0.501_187).abs() < 1e-6);
        for db in [-90.0, -12.5, 0.0, 18.0] {
            assert!((gain_to_db(db_to_gain(db)) - db).abs() < 1e-4, "{db} dB");
        }
        assert_eq!(gain_to_db(0.0), f32::NEG_INFINITY);
        assert!((rms(&[1.0, -1.0, 1.0, -1.0]) - 1.0).abs() < 1e-7);
        assert_eq!(rms(&[]), 0.0);
    }

    #[test]
    fn equal_power_keeps_power_and_has_exact_ends() {
        assert_eq!(equal_power(0.0), (1.0, 0.0));
        assert_eq!(equal_power(1.0), (0.0, 1.0));
        for i in 1..100 {
            let (a, b) = equal_power(i as f32 / 100.0);
            assert!((a * a + b * b - 1.0).abs() < 1e-6, "at {i} %");
        }
    }

    #[test]
    fn ramp_lands_exactly_and_can_be_turned_midway() {
        let mut ramp = Ramp::new(0.0, 4);
        ramp.set_target(1.0);
        let path: Vec<f32> = (0..5).map(|_| ramp.advance()).collect();
        assert_eq!(path, [0.25, 0.5, 0.75, 1.0, 1.0]);
        ramp.set_target(0.0);
        ramp.advance();
        ramp.set_target(1.0);
        assert!((ramp.advance() - 0.8125).abs() < 1e-7);
        assert!(!ramp.is_steady());
    }
}
