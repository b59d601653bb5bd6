//! Hosts that break every rule, through the C interfaces themselves: nothing ends the process, every call ends soon, every sample is
//! finite, and nothing is written where the host did not ask for it.
#![allow(missing_docs, reason = "test code")]

mod clap;
#[path = "../common/counting.rs"]
mod counting;
mod menus;
mod presets;
mod vst3;
mod vst3_notes;

use std::time::{Duration, Instant};
use sympathy::{
    control::{ParamId, ParamValues, values::SPECS},
    params::plain,
};

/// Longest call; a machine that runs tests on all cores gives no thread its share at once.
const LONGEST: Duration = Duration::from_secs(3);

/// Samples before and behind a buffer, which nobody may touch.
const GUARD: usize = 256;
const GUARD_VALUE: f32 = 123.456;

/// A channel with guards around it.
struct Channel {
    samples: Vec<f32>,
}

impl Channel {
    /// So many samples, all of this value.
    fn new(length: usize, value: f32) -> Self {
        let mut samples = vec![GUARD_VALUE; GUARD];
        samples.resize(GUARD + length, value);
        samples.resize(2 * GUARD + length, GUARD_VALUE);
        Self { samples }
    }

    fn pointer(&mut self) -> *mut f32 {
        self.samples[GUARD..].as_mut_ptr()
    }

    fn samples(&self) -> &[f32] {
        &self.samples[GUARD..self.samples.len() - GUARD]
    }

    #[track_caller]
    fn check(&self, what: &str) {
        let length = self.samples.len() - 2 * GUARD;
        let (before, rest) = self.samples.split_at(GUARD);
        let (inside, behind) = rest.split_at(length);
        assert!(before.iter().chain(behind).all(|&x| x == GUARD_VALUE), "{what}: written beside the buffer");
        assert!(inside.iter().all(|x| x.is_finite()), "{what}: not finite");
    }
}

/// Runs a call, which has to end soon.
#[track_caller]
fn soon<R>(what: &str, call: impl FnOnce() -> R) -> R {
    let began = Instant::now();
    let result = call();
    assert!(began.elapsed() < LONGEST, "{what}: {:?}", began.elapsed());
    result
}

/// Checks the values of an instance, of which a host sees 0…1, but for those that no preset sets.
#[track_caller]
fn assert_values(what: &str, expected: &ParamValues, normalised: impl Fn(ParamId) -> f64) {
    for spec in SPECS.iter().filter(|spec| !spec.kind.is_trigger()) {
        let (found, expected) = (plain(spec.id, normalised(spec.id) as f32), expected.get(spec.id));
        // Not every number is among those of 0 to 1 in 32 bits.
        assert!((found - expected).abs() <= 1e-5 * spec.max.abs(), "{what}: {} is {found}, not {expected}", spec.key);
    }
}
