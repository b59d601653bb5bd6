//! When seeds are taken: all decisions fall on the grid, from the clock, the history and the parameters there.

use crate::{
    control::values::{MIN_INTERVAL_SECONDS, ParamId, ParamValues},
    engine::{GRID_SAMPLES, quantum::CellBeats},
};

const GRID: i64 = GRID_SAMPLES as i64;
/// Minimum length of a seed.
pub const MIN_SEED_SECONDS: f64 = 0.25;
/// A seed whose warm-up would take longer is shortened.
const MAX_WARMUP_SECONDS: f64 = 2.0;

/// Beats are sums of rounded numbers: positions closer than this are equal.
const BEAT_TOLERANCE: f64 = 1e-4;

/// The next multiple of the re-seed interval after clock `clock`, as whole quanta to wait from there; `None` if the interval is
/// 0, *never*. Counted from clock 0, so that it does not matter where playback began.
pub fn samples_to_next_interval(values: &ParamValues, clock: i64, sample_rate_hz: u32) -> Option<i64> {
    let seconds = values.get(ParamId::ReseedInterval);
    if seconds <= 0.0 {
        return None;
    }
    let interval = f64::from(seconds.max(MIN_INTERVAL_SECONDS)) * f64::from(sample_rate_hz);
    let count = (clock as f64 / interval).floor() + 1.0;
    let mut next = (count * interval).round() as i64;
    if next <= clock {
        next = ((count + 1.0) * interval).round() as i64;
    }
    Some((next - clock).div_ceil_grid())
}

/// Whole quanta from clock `clock` to the next multiple of the re-seed interval, and the interval.
pub fn planned_by_time(values: &ParamValues, clock: i64, sample_rate_hz: u32) -> Option<(i64, i64)> {
    let wait = samples_to_next_interval(values, clock, sample_rate_hz)?;
    Some((wait, interval_samples(values, sample_rate_hz)?))
}

/// The same for the interval in beats, from the end of a quantum.
pub fn planned_by_beats(values: &ParamValues, beats: Option<CellBeats>) -> Option<(i64, i64)> {
    let interval = f64::from(values.get(ParamId::IntervalBeats));
    let CellBeats { end, per_sample } = beats.filter(|_| interval > 0.0)?;
    let next = (((end + BEAT_TOLERANCE) / interval).floor() + 1.0) * interval;
    let wait = ((next - end) / per_sample - BEAT_TOLERANCE).ceil().max(1.0) as i64;
    Some((wait.div_ceil_grid(), (interval / per_sample) as i64))
}

trait CeilGrid {
    fn div_ceil_grid(self) -> i64;
}

impl CeilGrid for i64 {
    /// Rounds up to whole quanta.
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

/// The re-seed interval in samples; `None` is never.
pub fn interval_samples(values: &ParamValues, sample_rate_hz: u32) -> Option<i64> {
    let seconds = values.get(ParamId::ReseedInterval);
    (seconds > 0.0).then(|| (f64::from(seconds.max(MIN_INTERVAL_SECONDS)) * f64::from(sample_rate_hz)).round() as i64)
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
    fn intervals_count_from_clock_zero() {
        let every_second = values(1.0, 1.0);
        assert_eq!(samples_to_next_interval(&every_second, 0, 48_000), Some(48_000));
        assert_eq!(samples_to_next_interval(&every_second, 47_999, 48_000), Some(64));
        assert_eq!(samples_to_next_interval(&every_second, 48_000, 48_000), Some(48_000));
        assert_eq!(samples_to_next_interval(&every_second, -100, 48_000), Some(128), "pre-roll");
        assert_eq!(samples_to_next_interval(&values(0.0, 1.0), 5, 48_000), None);
        assert_eq!(samples_to_next_interval(&values(0.001, 1.0), 0, 48_000), Some(4800), "raised to 0.1 s");
    }

    #[test]
    fn beats_count_from_the_beginning_of_the_song_and_rounding_does_not_matter() {
        let mut values = values(0.0, 1.0);
        let at = |end| Some(CellBeats { end, per_sample: 1.0 / 24_000.0 });
        assert_eq!(planned_by_beats(&values, at(1.0)), None, "never");
        values.set(ParamId::IntervalBeats, 4.0);
        assert_eq!(planned_by_beats(&values, None), None, "no song");
        let expected = |wait: i64| Some((wait.div_ceil_grid(), 96_000));
        for rounding in [-1e-9, 0.0, 1e-9] {
            assert_eq!(planned_by_beats(&values, at(3.0 + rounding)), expected(24_000));
            assert_eq!(planned_by_beats(&values, at(4.0 + rounding)), expected(96_000), "this one has begun");
            assert_eq!(planned_by_beats(&values, at(-1.0 + rounding)), expected(24_000), "pre-roll");
        }
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
