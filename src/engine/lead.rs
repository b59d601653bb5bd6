//! How far a host runs ahead of the wall clock: some bounce faster than real time without ever reporting offline mode.
//!
//! A leaky bucket (DESIGN 3): lead ← max(0, leak·lead + duration of the previous block − wall time since the previous call).
//! It leaks per second of *clock*, 2 % of itself, so that a sound card that is 100 ppm fast fills it to 5 ms and no further;
//! waiting begins above a threshold of two blocks, and at least 20 ms.
//!
//! Beyond that formula the bucket has a cap, and is emptied by a second of real-time calls: a performance that follows an export in
//! the same instance is live at once.
//!
//! And a live host may stall and then catch up in a burst: it is late, not ahead, and nothing may keep it waiting. So a stall of less than
//! a second, a gap that is clearly longer than those that are usual, is remembered as a debt (a lead below 0), which the burst repays
//! before it can be a lead. A host that bounces owes nothing: it was judged to be ahead, or its gaps are usual ones. One that drops what it
//! has missed instead of catching up is forgiven within seconds.

/// Natural logarithm of the leak, per second of clock.
const LEAK_PER_SECOND: f64 = 0.02;
const THRESHOLD_SECONDS: f64 = 0.020;
/// No lead beyond this (and two blocks) is remembered.
const CAP_SECONDS: f64 = 0.5;
/// Span of the clock after which a host is judged.
const REAL_TIME_SECONDS: f64 = 1.0;
/// A host is real-time if the wall clock advanced by at least this part of that span.
const REAL_TIME_PART: f64 = 0.995;
/// A gap of this length is a pause: the host does not catch up.
const PAUSE_SECONDS: f64 = 1.0;
/// The most that a host owes that was not judged yet.
const CREDIT_SECONDS: f64 = 0.4;
/// A stall is a gap of at least so many blocks, and so many times as long as is usual.
const STALL_BLOCKS: f64 = 4.0;
const STALL_TIMES: f64 = 2.0;
/// Time constants of the wall: of what is usual, and, while a host keeps pace, of a debt.
const USUAL_SECONDS: f64 = 2.0;
const FORGIVING_SECONDS: f64 = 1.0;

/// The bucket.
#[derive(Clone, Debug, Default)]
pub struct Lead {
    /// Below 0: how far a live host is behind.
    lead_seconds: f64,
    last_call_seconds: Option<f64>,
    previous_block_seconds: f64,
    /// The longest gap of the last seconds, without stalls.
    usual_seconds: f64,
    /// Clock and wall since pacing was last judged.
    clock_seconds: f64,
    wall_seconds: f64,
    /// The last judgement.
    is_real_time: Option<bool>,
}

impl Lead {
    /// Notes a call at `now_seconds` of a monotonic clock for a block of this duration; returns for how many seconds it may
    /// wait.
    pub fn on_call(&mut self, now_seconds: f64, block_seconds: f64) -> f64 {
        if let Some(last) = self.last_call_seconds {
            self.on_gap(now_seconds - last, CAP_SECONDS + 2.0 * block_seconds.max(self.previous_block_seconds));
        }
        self.last_call_seconds = Some(now_seconds);
        self.previous_block_seconds = block_seconds;
        (self.lead_seconds - (2.0 * block_seconds).max(THRESHOLD_SECONDS)).max(0.0)
    }

    /// Forgets all earlier calls, but not what kind of host it is.
    pub fn reset(&mut self) {
        let is_real_time = self.is_real_time;
        *self = Self { is_real_time, ..Self::default() };
    }

    fn on_gap(&mut self, passed_seconds: f64, cap_seconds: f64) {
        let previous = self.previous_block_seconds;
        if passed_seconds >= PAUSE_SECONDS {
            self.is_real_time = None;
        }
        let is_stall =
            passed_seconds > (STALL_BLOCKS * previous).max(STALL_TIMES * self.usual_seconds).max(THRESHOLD_SECONDS);
        let forgetting = if self.lead_seconds > 0.0 {
            LEAK_PER_SECOND * previous
        } else if passed_seconds >= REAL_TIME_PART * previous {
            previous / FORGIVING_SECONDS
        } else {
            0.0
        };
        let lead = libm::exp(-forgetting) * self.lead_seconds + previous - passed_seconds;
        let least = match self.is_real_time {
            _ if passed_seconds >= PAUSE_SECONDS => 0.0,
            // What is owed already may stand, but only a stall adds to it.
            _ if !is_stall => self.lead_seconds.min(0.0),
            Some(true) => -PAUSE_SECONDS,
            Some(false) => 0.0,
            None => -CREDIT_SECONDS,
        };
        self.lead_seconds = lead.clamp(least, cap_seconds);
        // What was a stall is usual if it comes again and again.
        let usual = libm::exp(-passed_seconds.min(PAUSE_SECONDS) / USUAL_SECONDS) * self.usual_seconds;
        let grown = if is_stall { (STALL_TIMES * self.usual_seconds).max(previous) } else { passed_seconds };
        self.usual_seconds = usual.max(grown.min(passed_seconds));
        self.judge_pace(passed_seconds);
    }

    /// Judges the host at the end of each span of the clock: a real-time one has no lead.
    fn judge_pace(&mut self, passed_seconds: f64) {
        self.clock_seconds += self.previous_block_seconds;
        self.wall_seconds += passed_seconds;
        if passed_seconds >= PAUSE_SECONDS {
            (self.clock_seconds, self.wall_seconds) = (0.0, 0.0);
        } else if self.clock_seconds >= REAL_TIME_SECONDS {
            let is_real_time = self.wall_seconds >= REAL_TIME_PART * self.clock_seconds;
            self.is_real_time = Some(is_real_time);
            if is_real_time {
                self.lead_seconds = self.lead_seconds.min(0.0);
            }
            // What it is behind it may catch up in the next span.
            (self.clock_seconds, self.wall_seconds) = (0.0, (-self.lead_seconds).max(0.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::random::Random;

    const BLOCK: f64 = 512.0 / 48_000.0;

    #[test]
    fn a_live_host_is_never_allowed_to_wait() {
        // Three simulated hours on a sound card that is 100 ppm fast.
        let mut lead = Lead::default();
        let calls = (3.0 * 3600.0 / BLOCK) as u64;
        for call in 0..calls {
            let wait = lead.on_call(call as f64 * BLOCK / 1.0001, BLOCK);
            assert_eq!(wait, 0.0, "after {} s", call as f64 * BLOCK);
        }
        // Bursts of four small callbacks.
        let block = 128.0 / 48_000.0;
        let mut lead = Lead::default();
        for call in 0..100_000_u64 {
            let now = (call / 4) as f64 * 4.0 * block + (call % 4) as f64 * 20e-6;
            assert_eq!(lead.on_call(now, block), 0.0, "burst call {call}");
        }
        // Stalls of any length, after which the driver goes on as before.
        let mut random = Random::new(1);
        let mut lead = Lead::default();
        let mut now = 0.0;
        for call in 0..10_000 {
            now += if call % 250 == 0 { f64::from(random.uniform()) } else { BLOCK };
            assert_eq!(lead.on_call(now, BLOCK), 0.0);
        }
    }

    #[test]
    fn a_live_host_that_catches_up_after_a_stall_is_not_kept_waiting() {
        for block in [128.0 / 48_000.0, BLOCK, 2048.0 / 48_000.0] {
            let mut random = Random::new(2);
            let mut lead = Lead::default();
            // The wall, and where it would be if every block had come in its time.
            let (mut now, mut due): (f64, f64) = (0.0, 0.0);
            // Also before it was judged.
            let mut stall_at = 0.3;
            for call in 0..(300.0 / block) as u32 {
                due += block;
                // In a burst a call takes a tenth of a block.
                now = due.max(now + 0.1 * block);
                if due > stall_at {
                    let most = if due < 1.0 { 0.3 } else { 0.9 };
                    now += 0.01 + most * f64::from(random.uniform());
                    stall_at = due + 2.0 + 3.0 * f64::from(random.uniform());
                }
                // A gap of a few blocks is none of a stall: what follows it may be waited for as long as it lasted, at most.
                let wait = lead.on_call(now, block);
                assert!(wait <= 2.0 * block, "call {call} of {block} s, {} s behind: {wait} s", now - due);
            }
        }
    }

    #[test]
    fn a_bounce_that_hesitates_may_wait_again_at_once() {
        let mut random = Random::new(3);
        let (mut now, mut waits) = (0.0, 0);
        let mut lead = Lead::default();
        for call in 0..2000_u32 {
            // Five times faster than real time; another plugin needs its time now and then.
            now += if call % 200 == 199 { f64::from(random.uniform()) } else { 0.2 * BLOCK };
            waits += u32::from(lead.on_call(now, BLOCK) > 0.0);
        }
        assert!(waits > 1900, "{waits} of 2000 calls could wait");
    }

    #[test]
    fn a_host_whose_blocks_come_in_pieces_may_wait_in_each_burst() {
        // A sound card of 8192 samples, cut into pieces of 64 where a parameter moves.
        let piece = 64.0 / 48_000.0;
        let mut lead = Lead::default();
        let mut longest = 0.0f64;
        for call in 0..400 * 128 {
            let now = (call / 128) as f64 * 128.0 * piece + (call % 128) as f64 * 20e-6;
            let wait = lead.on_call(now, piece);
            if call > 200 * 128 && call % 128 == 127 {
                longest = longest.max(wait);
            }
        }
        assert!(longest > 0.08, "{longest} s of 0.17 s");
    }

    #[test]
    fn a_bounce_that_is_slow_for_a_while_may_wait_as_soon_as_it_is_fast() {
        let (mut now, mut waits) = (0.0, 0);
        let mut lead = Lead::default();
        for call in 0..(5.0 / BLOCK) as u32 {
            let is_fast = f64::from(call) * BLOCK > 2.0;
            now += if is_fast { 0.2 * BLOCK } else { 2.0 * BLOCK };
            let wait = lead.on_call(now, BLOCK);
            waits += u32::from(is_fast && wait > 0.0);
        }
        assert!(f64::from(waits) > 0.95 * 3.0 / BLOCK, "{waits} calls could wait");
    }

    #[test]
    fn a_reset_forgets_the_lead_and_not_the_host() {
        let mut lead = Lead::default();
        let mut now = 0.0;
        for _ in 0..300 {
            now += BLOCK;
            lead.on_call(now, BLOCK);
        }
        lead.reset();
        for call in 0..300 {
            now += if call == 20 { 0.8 } else { BLOCK * if (20..95).contains(&call) { 0.01 } else { 1.0 } };
            assert_eq!(lead.on_call(now, BLOCK), 0.0, "call {call}");
        }
    }

    #[test]
    fn a_host_that_drops_what_it_missed_is_forgiven() {
        let mut lead = Lead::default();
        let mut now = 0.0;
        for call in 0..1000_u32 {
            now += if call == 200 { 0.9 } else { BLOCK };
            lead.on_call(now, BLOCK);
        }
        // A bounce, at once, without a pause.
        let may_wait = (0..100).filter(|_| {
            now += 0.1 * BLOCK;
            lead.on_call(now, BLOCK) > 0.0
        });
        assert!(may_wait.count() > 90);
    }

    #[test]
    fn a_wait_is_never_longer_than_the_lead_really_is() {
        // Bursts of four large callbacks: the sound card holds four blocks, so three are really ahead.
        let mut lead = Lead::default();
        for call in 0..10_000_u64 {
            let place = call % 4;
            let now = (call / 4) as f64 * 4.0 * BLOCK + place as f64 * 20e-6;
            let wait = lead.on_call(now, BLOCK);
            assert!(wait <= (place as f64 * BLOCK - 2.0 * BLOCK).max(0.0) + 1e-9, "burst call {call}: {wait}");
        }
    }

    #[test]
    fn a_performance_after_an_export_is_live_within_a_second_or_two() {
        let mut lead = Lead::default();
        let mut now = 0.0;
        // Five minutes, ten times faster than real time.
        for _ in 0..(300.0 / BLOCK) as u32 {
            now += BLOCK / 10.0;
            assert!(lead.on_call(now, BLOCK) <= CAP_SECONDS);
        }
        for call in 0..1000 {
            now += BLOCK;
            let wait = lead.on_call(now, BLOCK);
            assert!(wait == 0.0 || f64::from(call) * BLOCK < 2.0 * REAL_TIME_SECONDS, "call {call} may wait {wait} s");
        }
    }

    #[test]
    fn a_bounce_may_wait_soon_even_after_a_pause() {
        let mut lead = Lead::default();
        for call in 0..100 {
            lead.on_call(f64::from(call) * BLOCK, BLOCK);
        }
        let start = 100.0 * BLOCK + 600.0;
        let mut waits = 0;
        for call in 0..20 {
            // Ten times faster than real time.
            if lead.on_call(start + f64::from(call) * BLOCK / 10.0, BLOCK) > 0.0 {
                waits += 1;
            }
        }
        assert!(waits >= 16, "{waits} of 20 calls could wait");
    }
}
