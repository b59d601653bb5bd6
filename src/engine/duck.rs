//! Ducking: lowers the wet while the input lies above the gate, and the dry while it lies below.

use crate::{
    control::values::{ParamId, ParamValues, SILENT_DB},
    dsp::level::{Ramp, db_to_gain, samples},
};

/// Time constant of the level that is compared with the gate.
const LEVEL_SECONDS: f32 = 0.010;
/// Hold time after the level has fallen below the gate: pauses between the notes of a phrase do not count.
const HANG_SECONDS: f32 = 0.050;
const SMOOTHING_SECONDS: f32 = 0.010;

/// Gains of wet and dry by the input's level.
///
/// # Realtime safety
/// No method allocates.
#[derive(Clone, Debug)]
pub(super) struct Duck {
    sample_rate_hz: u32,
    level_speed: f32,
    mean_square: f32,
    gate_square: f32,
    hang_samples: u32,
    /// Samples since the input lay above the gate.
    quiet_samples: u32,
    /// 1: above the gate; 0: below.
    playing: f32,
    attack_step: f32,
    release_step: f32,
    wet: Ramp,
    dry: Ramp,
}

/// Gain of a level parameter whose minimum is silence.
pub(super) fn gain(db: f32) -> f32 {
    if db <= SILENT_DB { 0.0 } else { db_to_gain(db) }
}

impl Duck {
    /// At rest, before any input.
    pub fn new(sample_rate_hz: u32, values: &ParamValues) -> Self {
        let smoothing = samples(SMOOTHING_SECONDS, sample_rate_hz);
        let mut duck = Self {
            sample_rate_hz,
            level_speed: 1.0 - libm::expf(-1.0 / (LEVEL_SECONDS * sample_rate_hz as f32)),
            mean_square: 0.0,
            gate_square: 0.0,
            hang_samples: samples(HANG_SECONDS, sample_rate_hz),
            quiet_samples: u32::MAX,
            playing: 0.0,
            attack_step: 1.0,
            release_step: 1.0,
            wet: Ramp::new(1.0, smoothing),
            dry: Ramp::new(1.0, smoothing),
        };
        for id in [ParamId::Gate, ParamId::DuckWet, ParamId::DuckDry, ParamId::DuckAttack, ParamId::DuckRelease] {
            duck.set(id, values.get(id));
        }
        duck.settle();
        duck
    }

    /// Sets a parameter to a plain value; ignores parameters of other parts.
    pub fn set(&mut self, id: ParamId, value: f32) {
        let step = || 1.0 / samples(value, self.sample_rate_hz) as f32;
        match id {
            ParamId::Gate => self.gate_square = db_to_gain(value) * db_to_gain(value),
            ParamId::DuckWet => self.wet.set_target(gain(value)),
            ParamId::DuckDry => self.dry.set_target(gain(value)),
            ParamId::DuckAttack => self.attack_step = step(),
            ParamId::DuckRelease => self.release_step = step(),
            _ => {}
        }
    }

    /// Ends all ramps and forgets the input.
    pub fn settle(&mut self) {
        for ramp in [&mut self.wet, &mut self.dry] {
            ramp.jump(ramp.target());
        }
        (self.mean_square, self.playing, self.quiet_samples) = (0.0, 0.0, u32::MAX);
    }

    /// Takes a sample of the models' input; returns the gains of wet and dry, exactly 1 where neither is ducked.
    pub fn advance(&mut self, heard: f32) -> (f32, f32) {
        self.mean_square += self.level_speed * (heard * heard - self.mean_square);
        let above = self.mean_square >= self.gate_square;
        self.quiet_samples = if above { 0 } else { self.quiet_samples.saturating_add(1) };
        self.playing = if self.quiet_samples < self.hang_samples {
            (self.playing + self.attack_step).min(1.0)
        } else {
            (self.playing - self.release_step).max(0.0)
        };
        let (wet, dry) = (self.wet.advance(), self.dry.advance());
        (1.0 + (wet - 1.0) * self.playing, 1.0 + (dry - 1.0) * (1.0 - self.playing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn duck(changes: &[(ParamId, f32)]) -> Duck {
        let mut values = ParamValues::default();
        changes.iter().for_each(|&(id, value)| values.set(id, value));
        Duck::new(48_000, &values)
    }

    #[test]
    fn without_ducking_gains_are_exactly_one() {
        let mut duck = duck(&[]);
        for i in 0..48_000 {
            assert_eq!(duck.advance(if i % 9000 < 4000 { 0.3 } else { 0.0 }), (1.0, 1.0));
        }
    }

    #[test]
    fn the_wet_steps_back_within_the_attack_and_returns_within_the_release() {
        let mut duck = duck(&[
            (ParamId::DuckWet, -12.0),
            (ParamId::DuckDry, -60.0),
            (ParamId::DuckAttack, 0.05),
            (ParamId::DuckRelease, 0.5),
        ]);
        let tone = |i: usize| 0.2 * libm::sinf(0.05 * i as f32);
        let (wet, dry) = duck.advance(0.0);
        assert_eq!((wet, dry), (1.0, 0.0));
        let mut last = (wet, dry);
        for i in 0..2500 {
            let now = duck.advance(tone(i));
            assert!(now.0 <= last.0 && now.1 >= last.1 && last.0 - now.0 < 0.001);
            last = now;
        }
        // 50 ms, and a millisecond until the level is seen.
        assert!((last.0 - db_to_gain(-12.0)).abs() < 1e-6 && last.1 == 1.0, "{last:?}");
        // The level falls, the hang ends, the release runs.
        (0..48 * (50 + 90)).for_each(|_| last = duck.advance(0.0));
        assert!(last.0 < 1.0 && last.1 > 0.0, "{last:?}");
        (0..48 * 520).for_each(|_| last = duck.advance(0.0));
        assert_eq!(last, (1.0, 0.0));
    }
}
