//! Envelope followers: the level of |x| with a fast way up and a slow way down.

use super::filter_bank::MAX_BANDS;

/// The coefficient of a one-pole that covers 1 − 1/e of a step in `seconds`; 1, which is at once, for 0 and below.
fn coefficient(seconds: f32, sample_rate_hz: u32) -> f32 {
    let samples = f64::from(seconds) * f64::from(sample_rate_hz);
    if samples > 0.0 { -libm::expm1(-1.0 / samples) as f32 } else { 1.0 }
}

/// Envelope of |x|: a one-pole whose time constant is the attack where |x| lies above the envelope and the release where
/// it lies below (the branching detector of Giannoulis, Massberg and Reiss, *Digital Dynamic Range Compressor Design*,
/// JAES 60(6), 2012, without a logarithm).
///
/// # Ripple
/// With an attack of 0 a steady tone of amplitude 1 and frequency f reads exactly 1 at every peak of |x| and falls between
/// them, as the mean of |sin| is 2/π, by about (1 − 2/π) / (2 f · release) = 0.18 / (f · release), where that is well below
/// 1: 4.4 % or 0.4 dB for E2 (82 Hz) and 50 ms, 0.8 % for A4 and 50 ms. With an attack above 0 the envelope settles
/// below the peak, down to 2/π (−3.9 dB) where attack and release are equal.
///
/// # Realtime safety
/// Safe on the audio thread. Input is finite.
#[derive(Clone, Debug)]
pub struct Follower {
    sample_rate_hz: u32,
    attack: f32,
    release: f32,
    value: f32,
}

impl Follower {
    /// At 0, with an attack of 0 and a release of 50 ms.
    pub fn new(sample_rate_hz: u32) -> Self {
        Self { sample_rate_hz, attack: 1.0, release: coefficient(0.05, sample_rate_hz), value: 0.0 }
    }

    /// Sets the times in which 1 − 1/e of a step up or down is covered, in seconds; 0 is at once.
    pub fn set_times(&mut self, attack_seconds: f32, release_seconds: f32) {
        self.attack = coefficient(attack_seconds, self.sample_rate_hz);
        self.release = coefficient(release_seconds, self.sample_rate_hz);
    }

    /// Takes a sample and returns the envelope there.
    pub fn advance(&mut self, x: f32) -> f32 {
        let magnitude = x.abs();
        let speed = if magnitude > self.value { self.attack } else { self.release };
        self.value += speed * (magnitude - self.value);
        self.value
    }

    /// The envelope now.
    pub fn value(&self) -> f32 {
        self.value
    }

    /// Back to 0; the times stay.
    pub fn reset(&mut self) {
        self.value = 0.0;
    }
}

/// A [`Follower`] for each of [`MAX_BANDS`] bands at once, with the same times and the same bits.
///
/// # Realtime safety
/// Safe on the audio thread. Input is finite.
#[derive(Clone, Debug)]
pub struct BankFollower {
    sample_rate_hz: u32,
    attack: f32,
    release: f32,
    values: [f32; MAX_BANDS],
}

impl BankFollower {
    /// All at 0, with an attack of 0 and a release of 50 ms.
    pub fn new(sample_rate_hz: u32) -> Self {
        let Follower { attack, release, .. } = Follower::new(sample_rate_hz);
        Self { sample_rate_hz, attack, release, values: [0.0; MAX_BANDS] }
    }

    /// As [`Follower::set_times`], for all bands.
    pub fn set_times(&mut self, attack_seconds: f32, release_seconds: f32) {
        self.attack = coefficient(attack_seconds, self.sample_rate_hz);
        self.release = coefficient(release_seconds, self.sample_rate_hz);
    }

    /// Takes a sample of every band and returns the envelopes there.
    pub fn advance(&mut self, x: &[f32; MAX_BANDS]) -> &[f32; MAX_BANDS] {
        for (value, x) in self.values.iter_mut().zip(x) {
            let magnitude = x.abs();
            let speed = if magnitude > *value { self.attack } else { self.release };
            *value += speed * (magnitude - *value);
        }
        &self.values
    }

    /// The envelopes now.
    pub fn values(&self) -> &[f32; MAX_BANDS] {
        &self.values
    }

    /// All back to 0; the times stay.
    pub fn reset(&mut self) {
        self.values = [0.0; MAX_BANDS];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::random::Random;

    const RATE: u32 = 48_000;

    #[test]
    fn a_step_is_covered_in_the_times_asked() {
        for (attack, release) in [(0.001, 0.1), (0.02, 0.02), (0.1, 1.0)] {
            let mut follower = Follower::new(RATE);
            follower.set_times(attack, release);
            (0..(attack * RATE as f32) as usize).for_each(|_| _ = follower.advance(-1.0));
            assert!((follower.value() - 0.632).abs() < 1e-3, "attack {attack}: {}", follower.value());
            (0..10 * RATE).for_each(|_| _ = follower.advance(1.0));
            (0..(release * RATE as f32) as usize).for_each(|_| _ = follower.advance(0.0));
            assert!((follower.value() - 0.368).abs() < 1e-3, "release {release}: {}", follower.value());
        }
        let mut follower = Follower::new(RATE);
        follower.set_times(0.0, 0.0);
        assert_eq!([0.5, -1.0, 0.25].map(|x| follower.advance(x)), [0.5, 1.0, 0.25], "0 s is at once");
        follower.reset();
        assert_eq!(follower.value(), 0.0);
    }

    #[test]
    fn the_ripple_of_a_steady_tone_is_as_documented() {
        for (hz, release) in [(82.41, 0.05), (440.0, 0.05), (440.0, 0.01), (110.0, 0.3)] {
            let mut follower = Follower::new(RATE);
            follower.set_times(0.0, release);
            let tone = |i: u32| libm::sin(std::f64::consts::TAU * hz * f64::from(i) / f64::from(RATE)) as f32;
            let (mut low, mut high) = (f32::INFINITY, 0.0f32);
            for i in 0..2 * RATE {
                let value = follower.advance(tone(i));
                if i > RATE {
                    (low, high) = (low.min(value), high.max(value));
                }
            }
            let expected = 0.182 / (hz as f32 * release);
            let ripple = high - low;
            assert!((0.999..=1.0).contains(&high), "{hz} Hz reads {high}");
            assert!((0.7..1.2).contains(&(ripple / expected)), "{hz} Hz, {release} s: {ripple} for {expected}");
        }
    }

    #[test]
    fn a_bank_has_the_bits_of_single_followers() {
        let mut random = Random::new(1);
        let mut bank = BankFollower::new(RATE);
        bank.set_times(0.002, 0.03);
        let mut single = Follower::new(RATE);
        single.set_times(0.002, 0.03);
        let mut singles = vec![single; MAX_BANDS];
        for _ in 0..1000 {
            let x: [f32; MAX_BANDS] = std::array::from_fn(|band| band as f32 * random.normal());
            let values = bank.advance(&x);
            for (band, follower) in singles.iter_mut().enumerate() {
                assert_eq!(follower.advance(x[band]).to_bits(), values[band].to_bits(), "band {band}");
            }
        }
        assert!(bank.values()[1..].iter().all(|&v| v > 0.0));
        bank.reset();
        assert_eq!(bank.values(), &[0.0; MAX_BANDS]);
    }
}
