//! How far a host runs ahead of the wall clock: some bounce faster than real time without ever reporting offline mode.
//!
//! A leaky bucket (DESIGN 3): lead ← max(0, leak·(lead + duration of the previous block − wall time since the previous call)).
//! It leaks per second of *clock*, 2 % of itself, so that a sound card that is 100 ppm fast fills it to 5 ms and no further;
//! waiting begins above a threshold of two blocks, and at least 20 ms.
//!
//! Beyond that formula the bucket has a cap, and is emptied by a second of real-time calls: a performance that follows an export in
//! the same instance is live at once.

/// Natural logarithm of the leak, per second of clock.
const LEAK_PER_SECOND: f64 = 0.02;
const THRESHOLD_SECONDS: f64 = 0.020;
/// No lead beyond this (and two blocks) is remembered.
const CAP_SECONDS: f64 = 0.5;
/// Span of the clock after which a host is judged.
const REAL_TIME_SECONDS: f64 = 1.0;
/// A host is real-time if the wall clock advanced by at least this part of that span.
const REAL_TIME_PART: f64 = 0.995;

/// The bucket.
#[derive(Clone, Debug, Default)]
pub struct Lead {
    lead_seconds: f64,
    last_call_seconds: Option<f64>,
    previous_block_seconds: f64,
    /// Clock and wall since pacing was last judged.
    clock_seconds: f64,
    wall_seconds: f64,
}

impl Lead {
    /// Notes a call at `now_seconds` of a monotonic clock for a block of this duration; returns for how many seconds it may
    /// wait.
    pub fn on_call(&mut self, now_seconds: f64, block_seconds: f64) -> f64 {
        if let Some(last) = self.last_call_seconds {
            let leak = libm::exp(-LEAK_PER_SECOND * self.previous_block_seconds);
            let gained = self.previous_block_seconds - (now_seconds - last);
            let cap = CAP_SECONDS + 2.0 * block_seconds.max(self.previous_block_seconds);
            self.lead_seconds = (leak * (self.lead_seconds + gained)).clamp(0.0, cap);
            self.clock_seconds += self.previous_block_seconds;
            self.wall_seconds += now_seconds - last;
            if self.clock_seconds >= REAL_TIME_SECONDS {
                if self.wall_seconds >= REAL_TIME_PART * self.clock_seconds {
                    self.lead_seconds = 0.0;
                }
                (self.clock_seconds, self.wall_seconds) = (0.0, 0.0);
            }
        }
        self.last_call_seconds = Some(now_seconds);
        self.previous_block_seconds = block_seconds;
        (self.lead_seconds - (2.0 * block_seconds).max(THRESHOLD_SECONDS)).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        // A stall, after which the driver catches up.
        let mut lead = Lead::default();
        let mut now = 0.0;
        for call in 0..1000 {
            now += if call == 500 { 0.5 } else { BLOCK };
            assert_eq!(lead.on_call(now, BLOCK), 0.0);
        }
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
