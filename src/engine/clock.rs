//! The sample clock n and engine time t (DESIGN 3).
//!
//! Engine time begins at the clock's value and then counts samples without ever jumping; seeds, lattices and the grid live on
//! it. The clock differs from it after the host has looped: schedule and random streams follow the clock.

use super::types::{ClockMode, Transport};

/// No song is longer: decades, at any rate. A host that says more says nonsense, with which nothing is to overflow.
const FURTHEST_SAMPLES: i64 = 1 << 48;

/// What a block's transport means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockChange {
    /// The expected position.
    None,
    /// The transport started or jumped: a new epoch begins at this clock.
    Restart(i64),
    /// The host looped: history and voices go on.
    Loop,
}

/// Follows a host's transport.
#[derive(Clone, Debug)]
pub struct SampleClock {
    mode: ClockMode,
    time: i64,
    /// n − t.
    anchor: i64,
    was_playing: bool,
}

impl SampleClock {
    /// A clock at 0.
    pub fn new(mode: ClockMode) -> Self {
        Self { mode, time: 0, anchor: 0, was_playing: false }
    }

    /// Engine time of the next sample.
    pub fn time(&self) -> i64 {
        self.time
    }

    /// The clock n at the next sample.
    pub fn clock(&self) -> i64 {
        self.time + self.anchor
    }

    /// Back to 0, as after a reset of the host.
    pub fn reset(&mut self) {
        *self = Self::new(self.mode);
    }

    /// Counts processed samples.
    pub fn advance(&mut self, samples: usize) {
        self.time += samples as i64;
    }

    /// Reads the transport at the beginning of a block.
    pub fn follow(&mut self, transport: Transport) -> ClockChange {
        let (ClockMode::Transport, true, Some(position)) = (self.mode, transport.playing, transport.position_samples)
        else {
            self.was_playing = self.was_playing && transport.playing;
            return ClockChange::None;
        };
        let within = |position: i64| position.clamp(-FURTHEST_SAMPLES, FURTHEST_SAMPLES);
        let (position, expected) = (within(position), self.clock());
        if !std::mem::replace(&mut self.was_playing, true) {
            return self.restart(position);
        }
        // Hosts that count in seconds may be one sample off; that is no jump, and the clock does not follow it.
        if (position - expected).abs() <= 1 {
            return ClockChange::None;
        }
        if let Some((start, end)) = transport.loop_samples.map(|(start, end)| (within(start), within(end)))
            && start < end
        {
            // A host that does not split its blocks at the loop's end overshoots, and continues as far behind the start.
            let overshoot = expected - end;
            if overshoot >= -1 && overshoot < end - start && (position - start - overshoot).abs() <= 1 {
                self.anchor += position - expected;
                return ClockChange::Loop;
            }
        }
        self.restart(position)
    }

    fn restart(&mut self, position: i64) -> ClockChange {
        self.time = position;
        self.anchor = 0;
        ClockChange::Restart(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn playing(position: i64) -> Transport {
        Transport { playing: true, position_samples: Some(position), loop_samples: None, beats: None }
    }

    #[test]
    fn start_and_jump_restart_rounding_does_not() {
        let mut clock = SampleClock::new(ClockMode::Transport);
        assert_eq!(clock.follow(playing(1000)), ClockChange::Restart(1000));
        clock.advance(100);
        for (position, change) in [(1100, ClockChange::None), (1101, ClockChange::None), (1099, ClockChange::None)] {
            assert_eq!(clock.follow(playing(position)), change, "{position}");
            assert_eq!(clock.clock(), 1100, "the clock keeps its own count");
        }
        assert_eq!(clock.follow(playing(1102)), ClockChange::Restart(1102));
        assert_eq!(clock.follow(playing(-500)), ClockChange::Restart(-500), "pre-roll");
    }

    #[test]
    fn positions_that_no_song_has_overflow_nothing() {
        let mut clock = SampleClock::new(ClockMode::Transport);
        for position in [i64::MAX, i64::MIN, 0, i64::MAX - 1, i64::MIN + 1] {
            let transport = Transport { loop_samples: Some((i64::MIN, i64::MAX)), ..playing(position) };
            clock.follow(transport);
            clock.advance(8192);
            assert!(clock.clock().abs() <= FURTHEST_SAMPLES + 5 * 8192, "{position}");
        }
    }

    #[test]
    fn a_stopped_or_silent_transport_counts_on() {
        let mut clock = SampleClock::new(ClockMode::Transport);
        let stopped = Transport { playing: false, position_samples: Some(0), loop_samples: None, beats: None };
        for expected in [0, 64, 128] {
            assert_eq!(clock.follow(stopped), ClockChange::None);
            assert_eq!(clock.clock(), expected);
            clock.advance(64);
        }
        assert_eq!(clock.follow(playing(7)), ClockChange::Restart(7));
        clock.advance(10);
        assert_eq!(clock.follow(stopped), ClockChange::None);
        assert_eq!(clock.clock(), 17);
        assert_eq!(clock.follow(playing(17)), ClockChange::Restart(17), "every start forgets");
        assert_eq!(SampleClock::new(ClockMode::Free).follow(playing(99)), ClockChange::None);
    }

    #[test]
    fn a_loop_re_anchors_with_and_without_overshoot() {
        for overshoot in [0, 300] {
            let mut clock = SampleClock::new(ClockMode::Transport);
            let looped = |position| Transport {
                playing: true,
                position_samples: Some(position),
                loop_samples: Some((1000, 5000)),
                beats: None,
            };
            clock.follow(looped(4000));
            clock.advance(1000 + overshoot as usize);
            assert_eq!(clock.follow(looped(1000 + overshoot)), ClockChange::Loop);
            assert_eq!((clock.time(), clock.clock()), (5000 + overshoot, 1000 + overshoot));
            assert_eq!(clock.follow(looped(3000)), ClockChange::Restart(3000), "a jump inside the loop is a jump");
        }
    }
}
