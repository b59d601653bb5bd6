//! The leash of a continuation (DESIGN 4): removes DC and keeps the level within a range of the seed's, so that a network fed
//! with its own output can neither blast nor fade away unnoticed.

use super::level::db_to_gain;

/// The level may exceed the seed's by this much, measured over [`FAST_SECONDS`].
const RANGE_ABOVE_DB: f32 = 6.0;
/// A continuation whose level over [`SLOW_SECONDS`] lies further below the seed's than this is lifted.
const RANGE_BELOW_DB: f32 = 9.0;
/// At most by this much (12 dB), so that a rest does not become hiss.
const LIFT: f32 = 3.981_071_7;
/// No peak exceeds this times the highest level: 12 dB, the crest of lively music.
const PEAK: f32 = 4.0;
const FAST_SECONDS: f32 = 0.1;
const SLOW_SECONDS: f32 = 2.0;
/// Gain falls with this time constant and rises with [`SLOW_SECONDS`].
const ATTACK_SECONDS: f32 = 0.01;
/// Corner of the DC blocker.
const DC_HZ: f32 = 15.0;
/// Below the seed's level by this much, or below −90 dBFS, a continuation counts as silent.
const SILENCE_DB: f32 = -45.0;

/// DC block and level range for one continuation, at model rate.
///
/// # Realtime safety
/// No method allocates.
#[derive(Clone, Debug)]
pub struct Leash {
    upper: f32,
    lower: f32,
    silence: f32,
    dc_pole: f32,
    dc_in: f32,
    dc_out: f32,
    fast_square: f32,
    slow_square: f32,
    fast: f32,
    slow: f32,
    attack: f32,
    gain: f32,
    silent_samples: u32,
}

impl Leash {
    /// A leash around a seed of this level (RMS, full scale = 1).
    pub fn new(seed_rms: f32, sample_rate_hz: u32) -> Self {
        let rate = sample_rate_hz as f32;
        let coefficient = |seconds: f32| 1.0 - libm::expf(-1.0 / (seconds * rate));
        let seed_rms = seed_rms.max(1e-5);
        Self {
            upper: seed_rms * db_to_gain(RANGE_ABOVE_DB),
            lower: seed_rms * db_to_gain(-RANGE_BELOW_DB),
            silence: (seed_rms * db_to_gain(SILENCE_DB)).max(3e-5),
            dc_pole: libm::expf(-std::f32::consts::TAU * DC_HZ / rate),
            dc_in: 0.0,
            dc_out: 0.0,
            fast_square: 0.0,
            // Starts at the seed's level, so that nothing is lifted before it has been measured for a while.
            slow_square: seed_rms * seed_rms,
            fast: coefficient(FAST_SECONDS),
            slow: coefficient(SLOW_SECONDS),
            attack: coefficient(ATTACK_SECONDS),
            gain: 1.0,
            silent_samples: 0,
        }
    }

    /// Works in place. The input is finite; so is the output.
    pub fn process(&mut self, samples: &mut [f32]) {
        for sample in samples {
            let x = sample.clamp(-1e3, 1e3);
            let y = x - self.dc_in + self.dc_pole * self.dc_out;
            self.dc_in = x;
            self.dc_out = y;
            let square = y * y;
            self.fast_square += self.fast * (square - self.fast_square);
            self.slow_square += self.slow * (square - self.slow_square);
            let most = self.upper / self.fast_square.sqrt().max(1e-9);
            let lift = (self.lower / self.slow_square.sqrt().max(1e-9)).clamp(1.0, LIFT);
            let wanted = most.min(lift);
            let speed = if wanted < self.gain { self.attack } else { self.slow };
            self.gain += speed * (wanted - self.gain);
            // Levels take a moment to be known; until then no peak is far above a seed's.
            let peak = PEAK * self.upper;
            let out = (y * self.gain).clamp(-peak, peak);
            self.silent_samples = if self.fast_square.sqrt() < self.silence { self.silent_samples + 1 } else { 0 };
            *sample = out;
        }
    }

    /// For how long the continuation has been silent, in samples.
    pub fn silent_samples(&self) -> u32 {
        self.silent_samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::{level::rms, random::Random};

    const RATE: u32 = 22_050;

    fn run(level: f32, dc: f32, seconds: usize) -> Vec<f32> {
        let mut random = Random::new(1);
        let mut leash = Leash::new(0.1, RATE);
        let mut samples: Vec<f32> = (0..RATE as usize * seconds).map(|_| dc + level * random.normal()).collect();
        leash.process(&mut samples);
        samples
    }

    #[test]
    fn a_loud_continuation_is_held_a_faint_one_lifted_a_fair_one_left_alone() {
        for (level, least, most) in [(10.0, 0.15, 0.21), (0.3, 0.15, 0.21), (0.1, 0.095, 0.105), (0.02, 0.03, 0.09)] {
            let out = run(level, 0.0, 25);
            let got = rms(&out[20 * RATE as usize..]);
            assert!((least..most).contains(&got), "level {level}: {got}");
        }
        let blast = run(1000.0, 0.0, 1);
        // Twice the seed's level of 0.1, and its crest.
        assert!(blast.iter().all(|x| x.abs() <= 0.81), "from the first sample on");
        assert!(rms(&blast[2000..]) < 0.3);
    }

    #[test]
    fn direct_current_goes() {
        let out = run(0.1, 0.5, 4);
        let tail = &out[2 * RATE as usize..];
        let mean: f32 = tail.iter().sum::<f32>() / tail.len() as f32;
        assert!(mean.abs() < 2e-3, "mean {mean}");
    }

    #[test]
    fn silence_is_noticed() {
        let mut leash = Leash::new(0.1, RATE);
        let mut silence = vec![0.0; RATE as usize];
        leash.process(&mut silence);
        assert!(leash.silent_samples() > RATE / 2);
        let mut random = Random::new(1);
        let mut sound: Vec<f32> = (0..RATE).map(|_| 0.1 * random.normal()).collect();
        leash.process(&mut sound);
        assert_eq!(leash.silent_samples(), 0);
    }
}
