//! The clock of another machine: its tempo and its place, from ticks that come a little early or late.
//!
//! A straight line is fitted to the ticks, of those of the last beat mainly (an α-β filter whose gains are those of least squares while it
//! has seen fewer). A tick that is half a tick away from the line is late, or one is missing: it counts, and the line stays; after a second
//! one in a row the tempo has jumped, and another line begins.

use super::message::Beat;
use crate::engine::{Beats, Transport};

/// Ticks of a quarter note.
const TICKS: f64 = 24.0;
/// Ticks of a sixteenth, in which the song's place is told.
const TICKS_OF_PLACE: i64 = 6;
/// Tempi that a machine can have; beyond them ticks are no clock.
const TEMPI: std::ops::RangeInclusive<f64> = 10.0..=1000.0;
/// So many ticks without one, and the machine is gone: the song stands.
const PATIENCE_TICKS: f64 = 24.0;

/// The line through the ticks.
#[derive(Clone, Copy, Debug)]
struct Line {
    /// Where the last tick lies on it, in samples.
    tick: f64,
    /// Samples from one tick to the next.
    period: f64,
    /// Ticks that it has seen, no more than those of a beat.
    seen: f64,
    /// The last tick was far away from it.
    is_left: bool,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct MidiClock {
    sample_rate_hz: f64,
    line: Option<Line>,
    /// When the last tick came.
    last: i64,
    runs: bool,
    /// It runs from the next tick on.
    is_armed: bool,
    /// The number of the next tick in the song.
    next: i64,
    /// Where the song's first sample would lie, had it always had this tempo.
    origin: i64,
}

impl MidiClock {
    /// Stands at the beginning of a song.
    pub fn new(sample_rate_hz: u32) -> Self {
        let sample_rate_hz = f64::from(sample_rate_hz);
        Self { sample_rate_hz, line: None, last: 0, runs: false, is_armed: false, next: 0, origin: 0 }
    }

    /// Takes a message that came at sample `at`; until a tempo is known it is `per_minute`. True where the song starts, stops or goes
    /// elsewhere with it.
    pub fn hear(&mut self, at: i64, beat: Beat, per_minute: f64) -> bool {
        match beat {
            Beat::Tick => {
                let was_lost = self.is_lost(at);
                // What comes after a pause says where the song is.
                self.tick(at, per_minute, was_lost || self.is_armed);
                let starts = std::mem::take(&mut self.is_armed);
                self.runs |= starts;
                if self.runs {
                    self.next += 1;
                }
                let is_elsewhere = starts || (self.runs && was_lost);
                if is_elsewhere {
                    self.origin = at - ((self.next - 1) as f64 * self.period(per_minute)).round() as i64;
                }
                is_elsewhere
            }
            Beat::Start => {
                (self.next, self.is_armed) = (0, true);
                std::mem::take(&mut self.runs)
            }
            Beat::Continue => {
                self.is_armed = !self.runs;
                false
            }
            Beat::Stop => {
                self.is_armed = false;
                std::mem::take(&mut self.runs)
            }
            Beat::Place(sixteenths) => {
                self.next = TICKS_OF_PLACE * i64::from(sixteenths);
                // Machines that tell it while they run go on from there with the next tick.
                self.is_armed |= self.runs;
                std::mem::take(&mut self.runs)
            }
        }
    }

    /// The song at sample `at`.
    pub fn transport(&self, at: i64) -> Transport {
        let Some(line) = self.line.filter(|_| self.runs && !self.is_lost(at)) else {
            return Transport::default();
        };
        let ticks = (self.next - 1) as f64 + (at as f64 - line.tick) / line.period;
        let per_minute = 60.0 * self.sample_rate_hz / (TICKS * line.period);
        Transport {
            playing: true,
            position_samples: Some(at - self.origin),
            loop_samples: None,
            beats: Some(Beats::at(ticks / TICKS, per_minute)),
        }
    }

    /// The tempo, once there is one.
    pub fn per_minute(&self) -> Option<f64> {
        self.line.map(|line| 60.0 * self.sample_rate_hz / (TICKS * line.period))
    }

    fn period(&self, per_minute: f64) -> f64 {
        self.line.map_or_else(|| self.period_of(per_minute), |line| line.period)
    }

    fn period_of(&self, per_minute: f64) -> f64 {
        60.0 * self.sample_rate_hz / (TICKS * per_minute.clamp(*TEMPI.start(), *TEMPI.end()))
    }

    /// No tick has come for so long that none will.
    fn is_lost(&self, at: i64) -> bool {
        self.line.is_some_and(|line| (at - self.last) as f64 > PATIENCE_TICKS * line.period)
    }

    fn tick(&mut self, at: i64, per_minute: f64, is_new: bool) {
        let place = at as f64;
        let before = std::mem::replace(&mut self.last, at);
        let (shortest, longest) = (self.period_of(*TEMPI.end()), self.period_of(*TEMPI.start()));
        let fresh = |period, seen| Line { tick: place, period, seen, is_left: false };
        let Some(line) = self.line else {
            self.line = Some(fresh(self.period_of(per_minute), 1.0));
            return;
        };
        let since = (at - before) as f64;
        // The tempo that was assumed for want of ticks is worth nothing beside one that is heard.
        let is_first_step = line.seen < 2.0;
        let off_by = place - (line.tick + line.period);
        let seen = (line.seen + 1.0).min(TICKS);
        self.line = Some(if is_first_step && (shortest..=longest).contains(&since) {
            fresh(since, seen)
        } else if off_by.abs() > 0.5 * line.period {
            let is_plausible = (shortest..=longest).contains(&since);
            match (is_new, line.is_left) {
                (true, _) => fresh(line.period, 1.0),
                (false, false) => Line { tick: line.tick + line.period, is_left: true, ..line },
                (false, true) if is_plausible => fresh(since, 2.0),
                (false, true) => fresh(line.period, 1.0),
            }
        } else {
            let (of_place, of_period) = (2.0 * (2.0 * seen - 1.0) / (seen * (seen + 1.0)), 6.0 / (seen * (seen + 1.0)));
            let period = (line.period + of_period * off_by).clamp(shortest, longest);
            Line { tick: line.tick + line.period + of_place * off_by, period, seen, is_left: false }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::random::Random;

    const RATE: f64 = 48_000.0;

    fn tick_samples(per_minute: f64) -> f64 {
        60.0 * RATE / (TICKS * per_minute)
    }

    #[test]
    fn the_song_begins_with_the_tick_after_start_and_follows_the_tempo() {
        for per_minute in [10.0, 40.0, 117.3, 240.0, 999.0] {
            let mut clock = MidiClock::new(48_000);
            let period = tick_samples(per_minute);
            for tick in 0..30 {
                assert!(!clock.hear((f64::from(tick) * period) as i64, Beat::Tick, 120.0), "it stands");
            }
            assert!(!clock.transport((30.0 * period) as i64).playing);
            assert!(!clock.hear((29.5 * period) as i64, Beat::Start, 120.0));
            let begin = (30.0 * period).round() as i64;
            assert!(clock.hear(begin, Beat::Tick, 120.0), "{per_minute}");
            for tick in 31..200 {
                clock.hear((f64::from(tick) * period).round() as i64, Beat::Tick, 120.0);
            }
            let at = (199.25 * period) as i64;
            let song = clock.transport(at);
            let beats = song.beats.expect("a place");
            assert!((beats.per_minute / per_minute - 1.0).abs() < 1e-3, "{} for {per_minute}", beats.per_minute);
            assert!((beats.position - 169.25 / TICKS).abs() < 2.0 / (period * TICKS), "{}", beats.position);
            assert_eq!(song.position_samples, Some(at - begin));
        }
    }

    #[test]
    fn jitter_of_a_millisecond_and_a_half_moves_the_place_by_a_sixth_of_it_at_most() {
        let mut random = Random::new(5);
        let (per_minute, mut clock) = (120.0, MidiClock::new(48_000));
        let period = tick_samples(per_minute);
        clock.hear(0, Beat::Start, 100.0);
        let (mut squares, mut farthest, mut count) = (0.0f64, 0.0f64, 0);
        for tick in 0..4800 {
            let late = f64::from(random.uniform()) * 72.0;
            clock.hear((f64::from(tick) * period + late) as i64, Beat::Tick, 100.0);
            let at = ((f64::from(tick) + 0.9) * period) as i64;
            if tick > 48 {
                // The mean lateness is part of any place that can be known.
                let place = clock.transport(at).beats.expect("a place").position;
                let off = (place - (at as f64 - 36.0) / (period * TICKS)) * period * TICKS / 48.0;
                (squares, count) = (squares + off * off, count + 1);
                farthest = farthest.max(off.abs());
                let tempo = clock.per_minute().expect("a tempo");
                assert!((tempo / per_minute - 1.0).abs() < 0.02, "{tempo}");
            }
        }
        let spread = (squares / f64::from(count)).sqrt();
        assert!(spread < 0.25 && farthest < 0.8, "{spread:.3} ms, at most {farthest:.3} ms");
    }

    #[test]
    fn a_tick_that_is_late_or_comes_with_the_next_one_moves_neither_tempo_nor_place() {
        for late in [0.6, 1.0] {
            let (mut clock, period) = (MidiClock::new(48_000), 1000.0);
            clock.hear(0, Beat::Start, 120.0);
            for tick in 0..200 {
                let late = if tick % 40 == 39 { late * period } else { 0.0 };
                clock.hear((f64::from(tick) * period + late) as i64, Beat::Tick, 120.0);
                let at = ((f64::from(tick) + late / period + 0.1) * period).round();
                let beats = clock.transport(at as i64).beats.expect("a place");
                assert!((beats.per_minute - 120.0).abs() < 1e-6, "{tick}: {}", beats.per_minute);
                assert!((beats.position * TICKS - at / period).abs() < 1e-6, "{tick}: {}", beats.position * TICKS);
            }
        }
    }

    #[test]
    fn stop_and_continue_go_on_where_it_stood_and_a_place_is_gone_to() {
        let mut clock = MidiClock::new(48_000);
        let period = 1000i64;
        let mut now = 0;
        let mut ticks = |clock: &mut MidiClock, count: i64| {
            let mut changes = 0;
            for _ in 0..count {
                changes += usize::from(clock.hear(now, Beat::Tick, 120.0));
                now += period;
            }
            (changes, now - period)
        };
        clock.hear(0, Beat::Start, 120.0);
        let (changes, last) = ticks(&mut clock, 49);
        let beats = |clock: &MidiClock, at| clock.transport(at).beats.map(|beats| (beats.position * TICKS).round());
        assert_eq!((changes, beats(&clock, last)), (1, Some(48.0)));
        assert!(clock.hear(last, Beat::Stop, 120.0) && !clock.hear(last, Beat::Stop, 120.0));
        assert!(!clock.transport(last).playing);
        ticks(&mut clock, 10);
        assert!(!clock.hear(last, Beat::Continue, 120.0));
        let (changes, last) = ticks(&mut clock, 1);
        assert_eq!((changes, beats(&clock, last)), (1, Some(49.0)), "the tick that would have come");
        // The place is told while it runs.
        assert!(clock.hear(last + 1, Beat::Place(32), 120.0));
        let (changes, last) = ticks(&mut clock, 1);
        assert_eq!((changes, beats(&clock, last)), (1, Some(192.0)));
        // And while it stands.
        clock.hear(last, Beat::Stop, 120.0);
        assert!(!clock.hear(last, Beat::Place(4), 120.0) && !clock.hear(last, Beat::Continue, 120.0));
        let (_, last) = ticks(&mut clock, 3);
        assert_eq!(beats(&clock, last), Some(26.0));
        assert!(clock.hear(last + 5, Beat::Start, 120.0), "from the top while it runs");
        assert_eq!((ticks(&mut clock, 1).0, beats(&clock, last + period)), (1, Some(0.0)));
    }

    #[test]
    fn a_tempo_that_jumps_is_followed_within_a_beat_and_a_clock_that_ends_is_no_song() {
        let mut clock = MidiClock::new(48_000);
        let mut now = 0.0;
        clock.hear(0, Beat::Start, 120.0);
        for per_minute in [60.0, 180.0, 45.0] {
            for _ in 0..TICKS as usize {
                clock.hear(now as i64, Beat::Tick, 120.0);
                now += tick_samples(per_minute);
            }
            let found = clock.per_minute().expect("a tempo");
            assert!((found / per_minute - 1.0).abs() < 0.01, "{found} for {per_minute}");
        }
        let second = 48_000.0;
        assert!(clock.transport((now + second) as i64).playing, "not yet: a beat is longer");
        assert!(!clock.transport((now + 2.0 * second) as i64).playing);
        assert!(clock.hear((now + 3.0 * second) as i64, Beat::Tick, 120.0), "it is back");
        let song = clock.transport((now + 3.0 * second) as i64);
        assert!(song.playing && song.beats.is_some_and(|beats| (beats.position - 3.0).abs() < 1e-6), "{song:?}");
    }

    #[test]
    fn nonsense_makes_no_tempo_that_is_none() {
        let mut random = Random::new(9);
        let mut clock = MidiClock::new(48_000);
        let mut at = 0i64;
        for _ in 0..20_000 {
            at += i64::from([0, 1, 50, 1000, 500_000][random.below(5) as usize]);
            let beat = match random.below(12) {
                0 => Beat::Start,
                1 => Beat::Stop,
                2 => Beat::Continue,
                3 => Beat::Place(random.below(16_384) as u16),
                _ => Beat::Tick,
            };
            clock.hear(at, beat, [120.0, 0.0, 1e9][random.below(3) as usize]);
            if let Some(beats) = clock.transport(at).beats {
                assert!(beats.position.is_finite() && (9.9..=1000.1).contains(&beats.per_minute), "{beats:?}");
            }
        }
    }
}
