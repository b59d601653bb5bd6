//! Seeds during warm-up: their purpose and progress.

use super::{continuation::Continuation, models::pair::Models, voice::SeedSpan};
use crate::{
    control::{ParamId, ParamValues, values::SILENT_DB},
    engine::quantum::{Note, REGIONS},
};

/// Maximum length of the queue.
pub(super) const MAX_WARMING: usize = 16;

/// The purpose of a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It is heard as a continuation.
    Play,
    /// It loops in silence, in this region.
    Loop(usize),
}

/// The purposes that the level parameters ask for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Purposes {
    /// Continuations are heard.
    pub play: bool,
    /// Loops are.
    pub loops: bool,
}

impl Purposes {
    /// Reads the level parameters.
    pub fn of(values: &ParamValues) -> Self {
        let is_heard = |id| values.get(id) > SILENT_DB;
        Self {
            play: is_heard(ParamId::VoiceLevel),
            loops: is_heard(ParamId::SwellLevel) || is_heard(ParamId::ShimmerLevel),
        }
    }

    /// One by one.
    pub fn all(self) -> impl Iterator<Item = Purpose> {
        let loops = (0..if self.loops { REGIONS } else { 0 }).map(Purpose::Loop);
        self.play.then_some(Purpose::Play).into_iter().chain(loops)
    }
}

/// A seed in the queue or being run through its network.
#[derive(Debug)]
pub(super) struct Warming {
    /// The voices that run it.
    pub continuation: Continuation,
    /// The seed.
    pub seed: SeedSpan,
    /// Its purpose.
    pub purpose: Purpose,
    /// Engine time at which warm-up begins.
    pub began: i64,
    /// Engine time at which the seed has ended and warm-up is complete.
    pub ready: i64,
    /// Cancelled if the phrase goes on before this time.
    pub taken_back_until: i64,
    /// The note that triggered it.
    pub note: Option<Note>,
}

impl Warming {
    /// True if it is a seed for these models.
    pub fn is_of(&self, models: &Models) -> bool {
        match self.purpose {
            Purpose::Play => self.continuation.is_of(models),
            Purpose::Loop(_) => self.continuation.is_first_of(models),
        }
    }

    /// Warm-up due at engine time `now`, as (part, whole): it follows the clock, not the speed of the machine.
    pub fn due(&self, now: i64) -> (i64, i64) {
        (now - self.began, self.ready - self.began)
    }
}
