//! How long a seed is, and when it has to be begun: all decisions fall on the grid.

use crate::{
    control::{ParamId, ParamValues},
    engine::GRID_SAMPLES,
};

const GRID: i64 = GRID_SAMPLES as i64;
/// Minimum length of a seed.
pub const MIN_SEED_SECONDS: f64 = 0.25;
/// A seed whose warm-up would take longer is shortened.
const MAX_WARMUP_SECONDS: f64 = 2.0;

/// Rounding on the engine grid.
pub(super) trait CeilGrid {
    /// Rounds up to whole quanta.
    fn div_ceil_grid(self) -> i64;
}

impl CeilGrid for i64 {
    fn div_ceil_grid(self) -> i64 {
        (self + GRID - 1).div_euclid(GRID) * GRID
    }
}

/// A seed's length and the time its warm-up takes, both in host samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeedPlan {
    /// Length of the seed.
    pub seed_samples: i64,
    /// Time to run it, in whole quanta.
    pub warmup_samples: i64,
    /// How much the requested length was shortened because its warm-up would exceed 2 s (or the interval).
    pub clipped_samples: i64,
}

/// Plans a seed of at most *Seed Length* and at most the input heard so far; `None` while that is too little.
/// `warmup_speed` is the model's: seconds of seed per second of clock.
pub fn plan_seed(
    values: &ParamValues,
    heard_samples: i64,
    warmup_speed: f32,
    sample_rate_hz: u32,
    interval_samples: Option<i64>,
) -> Option<SeedPlan> {
    let rate = f64::from(sample_rate_hz);
    let speed = f64::from(warmup_speed.max(1.0));
    let wish = (f64::from(values.get(ParamId::SeedLength)) * rate).round() as i64;
    // A wish below the least seed is granted; what has been heard must be at least that, or the wish.
    if heard_samples < wish.min((MIN_SEED_SECONDS * rate) as i64) {
        return None;
    }
    let longest_warmup = match interval_samples {
        Some(interval) => (interval as f64 / rate).min(MAX_WARMUP_SECONDS),
        None => MAX_WARMUP_SECONDS,
    };
    let most = ((longest_warmup * speed * rate) as i64).max(GRID);
    let seed_samples = wish.min(most).min(heard_samples);
    let warmup_samples = ((seed_samples as f64 / speed).ceil() as i64).max(1).div_ceil_grid();
    Some(SeedPlan { seed_samples, warmup_samples, clipped_samples: (wish - most).max(0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(interval: f32, seed: f32) -> ParamValues {
        let mut values = ParamValues::default();
        values.set(ParamId::ReseedInterval, interval);
        values.set(ParamId::SeedLength, seed);
        values
    }

    #[test]
    fn seeds_are_what_there_is_and_what_can_be_run() {
        let heard = 10 * 48_000;
        let plan = plan_seed(&values(0.0, 2.0), heard, 20.0, 48_000, None).expect("enough was heard");
        assert_eq!((plan.seed_samples, plan.warmup_samples, plan.clipped_samples), (96_000, 4800, 0));
        assert_eq!(plan_seed(&values(0.0, 2.0), 11_999, 20.0, 48_000, None), None, "less than 0.25 s");
        let early = plan_seed(&values(0.0, 2.0), 12_000, 20.0, 48_000, None).expect("0.25 s");
        assert_eq!(early.seed_samples, 12_000);
        let slow = plan_seed(&values(0.0, 10.0), heard, 1.5, 48_000, None).expect("enough was heard");
        assert_eq!((slow.seed_samples, slow.clipped_samples), (144_000, 336_000));
        assert!(slow.warmup_samples <= 96_000);
        let dense = plan_seed(&values(0.5, 10.0), heard, 4.0, 48_000, Some(24_000)).expect("enough was heard");
        assert_eq!(dense.seed_samples, 96_000);
        assert!(plan_seed(&values(0.0, 0.05), 2400, 20.0, 48_000, None).is_some(), "a short wish is granted");
    }
}
