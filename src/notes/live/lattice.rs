//! Where the steps lie in time: multiples of a step's length in the song, at its tempo.

/// Places in the song are sums of rounded numbers: a step that begins this part of a sample after a sample begins with it.
const TOLERANCE_SAMPLES: f64 = 1e-3;
/// A host's position may be off by a sample, and some rounding.
const STEADY_SAMPLES: f64 = 1.01;
/// Or by a tick: Ardour rounds it to 1920 a beat. Where steps lay would else depend on its blocks.
const STEADY_BEATS: f64 = 1.01 / 1920.0;
/// Tempi in quarter notes a minute; others are brought to the nearest, and where steps lie then depends on how often a host tells its position.
/// MIDI files have none below 3.
const TEMPI: std::ops::RangeInclusive<f64> = 1.0..=10_000.0;
/// Steps beyond are not counted: no song lasts as long, and their numbers are exact. A whole number of measures.
pub(super) const MAX_BEATS: f64 = 1e9;

/// A tempo that can be played.
pub(super) fn tempo(per_minute: f64) -> f64 {
    if per_minute.is_finite() { per_minute.clamp(*TEMPI.start(), *TEMPI.end()) } else { 120.0 }
}

/// A place in engine time and in the song, and how fast the song goes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Anchor {
    time: i64,
    beats: f64,
    beats_per_sample: f64,
}

/// What a host's position means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// The song goes on as it did; its tempo may be another.
    On,
    /// It is elsewhere.
    Elsewhere,
}

/// The steps of a song.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lattice {
    sample_rate_hz: f64,
    steps_per_beat: f64,
    /// Where the second half of an eighth begins, as a part of it.
    swing: f64,
    anchor: Option<Anchor>,
    /// By how many beats numbers are larger than those by which eighths swing.
    renumbered: f64,
}

impl Lattice {
    pub fn new(sample_rate_hz: u32) -> Self {
        Self {
            sample_rate_hz: f64::from(sample_rate_hz),
            steps_per_beat: 4.0,
            swing: 0.5,
            anchor: None,
            renumbered: 0.0,
        }
    }

    /// Forgets where the song is.
    pub fn forget(&mut self) {
        (self.anchor, self.renumbered) = (None, 0.0);
    }

    pub fn set_steps_per_beat(&mut self, steps: f64) {
        self.steps_per_beat = steps;
    }

    /// `swing`: where the second sixteenth of an eighth begins, as a part of the eighth, 0.5 to 0.75.
    pub fn set_swing(&mut self, swing: f64) {
        self.swing = swing;
    }

    /// The song is at `beats` at engine time `time`. The anchor stays while the tempo does, so that at constant tempo the steps
    /// do not depend on how often a host tells its position.
    pub fn follow(&mut self, time: i64, beats: f64, per_minute: f64) -> Course {
        let beats = if beats.is_finite() { beats.clamp(-MAX_BEATS, MAX_BEATS) } else { 0.0 };
        let beats_per_sample = tempo(per_minute) / (60.0 * self.sample_rate_hz);
        let Some(anchor) = self.anchor else {
            self.anchor = Some(Anchor { time, beats, beats_per_sample });
            return Course::On;
        };
        let off_by = (self.beats_at(time) - beats).abs();
        let is_steady = off_by <= STEADY_BEATS.max(STEADY_SAMPLES * anchor.beats_per_sample);
        if is_steady && anchor.beats_per_sample == beats_per_sample {
            return Course::On;
        }
        self.anchor = Some(Anchor { time, beats, beats_per_sample });
        if off_by * self.steps_per_beat > 0.5 { Course::Elsewhere } else { Course::On }
    }

    /// All places in the song have numbers that are this many beats larger; their times stay.
    pub fn renumber(&mut self, beats: f64) {
        self.renumbered += beats;
        if let Some(anchor) = &mut self.anchor {
            anchor.beats += beats;
        }
    }

    /// True where the song is known.
    pub fn is_known(&self) -> bool {
        self.anchor.is_some()
    }

    /// Place in the song, in beats.
    pub fn beats_at(&self, time: i64) -> f64 {
        let Some(anchor) = self.anchor else { return 0.0 };
        anchor.beats + (time - anchor.time) as f64 * anchor.beats_per_sample
    }

    /// Samples of a step, without swing.
    pub fn step_samples(&self) -> f64 {
        let Some(anchor) = self.anchor else { return f64::MAX };
        1.0 / (self.steps_per_beat * anchor.beats_per_sample)
    }

    /// The engine time at which a step begins: the first sample at or after its place.
    pub fn time_of(&self, step: i64) -> i64 {
        let Some(anchor) = self.anchor else { return i64::MAX };
        let beats = self.swung(step as f64 / self.steps_per_beat);
        let samples = (beats - anchor.beats) / anchor.beats_per_sample;
        anchor.time.saturating_add((samples - TOLERANCE_SAMPLES).ceil() as i64)
    }

    /// The first step that begins at `time` or later.
    pub fn first_step_from(&self, time: i64) -> i64 {
        let beats = self.straight(self.beats_at(time));
        let mut step = (beats * self.steps_per_beat).floor() as i64 - 1;
        while self.time_of(step) < time {
            step += 1;
        }
        step
    }

    /// The step to which something at `time` is nearest, without swing; in the middle the later one.
    pub fn nearest_step(&self, time: i64) -> i64 {
        (self.straight(self.beats_at(time)) * self.steps_per_beat + 0.5).floor() as i64
    }

    /// A place in the song moved by the swing: of each eighth the second half begins later.
    fn swung(&self, beats: f64) -> f64 {
        bend(beats - self.renumbered, 0.5, self.swing) + self.renumbered
    }

    /// And back.
    fn straight(&self, beats: f64) -> f64 {
        bend(beats - self.renumbered, self.swing, 0.5) + self.renumbered
    }
}

/// Within each eighth: what lies at `from` of it lies at `to`, and all else in proportion.
fn bend(beats: f64, from: f64, to: f64) -> f64 {
    if from == to {
        return beats;
    }
    let eighths = beats * 2.0;
    let whole = eighths.floor();
    let part = eighths - whole;
    let moved = if part < from { part / from * to } else { to + (part - from) / (1.0 - from) * (1.0 - to) };
    0.5 * (whole + moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_lie_within_a_sample_of_the_truth_after_an_hour_at_any_block_size() {
        for (rate, tempo) in [(44_100, 37.5), (48_000, 120.0), (96_000, 299.9)] {
            let per_sample = tempo / (60.0 * f64::from(rate));
            let mut frozen = None;
            for block in [1000, 1024, 4095] {
                let mut lattice = Lattice::new(rate);
                let hour = i64::from(rate) * 3600;
                let mut time = 0;
                while time < hour {
                    assert_eq!(lattice.follow(time, time as f64 * per_sample, tempo), Course::On);
                    time += block;
                }
                let last = lattice.first_step_from(hour);
                let times: Vec<i64> = (last - 50..last).map(|step| lattice.time_of(step)).collect();
                for (&found, step) in times.iter().zip(last - 50..) {
                    let truth = step as f64 / 4.0 / per_sample;
                    assert!((found as f64 - truth).abs() < 1.0 && found as f64 >= truth - 0.01, "{found} for {truth}");
                }
                assert_eq!(*frozen.get_or_insert(times.clone()), times, "blocks of {block}");
            }
        }
    }

    #[test]
    fn a_place_that_is_rounded_to_ticks_moves_no_step() {
        for block in [64, 1000, 1024, 4096] {
            let mut lattice = Lattice::new(48_000);
            // A tick is 12 samples.
            for time in (0..48_000 * 60).step_by(block) {
                let ticks = (time as f64 / 12.0).round();
                assert_eq!(lattice.follow(time, ticks / 1920.0, 125.0), Course::On);
                let step = lattice.first_step_from(time);
                assert_eq!(lattice.time_of(step), 5760 * step, "blocks of {block}");
            }
        }
    }

    #[test]
    fn the_nearest_step_and_the_next_one_are_what_they_are_called() {
        let mut lattice = Lattice::new(48_000);
        assert!(!lattice.is_known());
        lattice.follow(1000, 2.0, 120.0);
        assert_eq!((lattice.step_samples(), lattice.time_of(8), lattice.time_of(9)), (6000.0, 1000, 7000));
        assert_eq!([999, 1000, 1001, 7000].map(|time| lattice.first_step_from(time)), [8, 8, 9, 9]);
        assert_eq!([1000, 3999, 4000, 9999].map(|time| lattice.nearest_step(time)), [8, 8, 9, 9]);
        assert_eq!(lattice.nearest_step(1000 - 6000 * 20), -12, "before the song");
    }

    #[test]
    fn swing_moves_every_second_sixteenth_and_what_is_played_with_it_is_heard_straight() {
        let mut lattice = Lattice::new(48_000);
        lattice.follow(0, 0.0, 120.0);
        lattice.set_swing(2.0 / 3.0);
        assert_eq!([0, 1, 2, 3, 4].map(|step| lattice.time_of(step)), [0, 8000, 12_000, 20_000, 24_000]);
        assert_eq!([7900, 8100, 11_900, 3999, 4001].map(|time| lattice.nearest_step(time)), [1, 1, 2, 0, 1]);
        assert_eq!(lattice.first_step_from(7999), 1);
        // Thirty-seconds go with their sixteenth.
        lattice.set_steps_per_beat(8.0);
        assert_eq!([0, 1, 2, 3, 4].map(|step| lattice.time_of(step)), [0, 4000, 8000, 10_000, 12_000]);
        // Counted otherwise, by a sixteenth and a half, they lie where they lay.
        lattice.renumber(0.375);
        assert_eq!([3, 4, 5, 6, 7].map(|step| lattice.time_of(step)), [0, 4000, 8000, 10_000, 12_000]);
        assert_eq!([3999, 4001, 9001].map(|time| lattice.nearest_step(time)), [4, 4, 6]);
        assert_eq!(lattice.follow(24_000, 1.375, 120.0), Course::On);
        lattice.forget();
        lattice.follow(0, 0.0, 120.0);
        assert_eq!([0, 1, 2, 3, 4].map(|step| lattice.time_of(step)), [0, 4000, 8000, 10_000, 12_000]);
    }

    #[test]
    fn a_tempo_that_changes_goes_on_from_where_it_was_and_a_jump_is_told() {
        let mut lattice = Lattice::new(48_000);
        lattice.follow(0, 0.0, 120.0);
        assert_eq!(lattice.follow(24_000, 1.0, 60.0), Course::On);
        assert_eq!((lattice.time_of(4), lattice.time_of(5)), (24_000, 36_000));
        assert_eq!(lattice.follow(25_000, 1.0 + 1000.0 / 48_000.0, 60.0), Course::On);
        assert_eq!(lattice.follow(26_000, 9.0, 60.0), Course::Elsewhere);
        assert_eq!(lattice.first_step_from(26_000), 36);
        // What no host should say.
        for (beats, per_minute) in [(f64::NAN, 60.0), (0.0, f64::INFINITY), (1e300, 0.0), (-1e300, -5.0)] {
            lattice.follow(30_000, beats, per_minute);
            assert!(lattice.step_samples() >= 48_000.0 * 60.0 / 10_000.0 / 4.0 - 1.0, "{beats} {per_minute}");
            let next = lattice.first_step_from(30_000);
            assert!(lattice.time_of(next) >= 30_000);
        }
    }
}
