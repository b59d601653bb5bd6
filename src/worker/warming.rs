//! Seeds on their way: what they are for, and how far they have been run.

use super::{continuation::Continuation, models::pair::Models, voice::SeedSpan};
use crate::{
    control::{ParamId, ParamValues, values::SILENT_DB},
    engine::quantum::{Note, REGIONS},
};

/// So many seeds wait for their turn at most.
pub(super) const MAX_WARMING: usize = 16;

/// What becomes of a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It is heard as a continuation.
    Play,
    /// It loops in silence, in this region.
    Loop(usize),
}

/// What seeds are for, by the levels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Purposes {
    /// Continuations are heard.
    pub play: bool,
    /// Loops are.
    pub loops: bool,
}

impl Purposes {
    /// What the levels ask for.
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

/// A seed that is, or is to be, run through its network.
#[derive(Debug)]
pub(super) struct Warming {
    /// What runs it.
    pub continuation: Continuation,
    /// The seed.
    pub seed: SeedSpan,
    /// What it is for.
    pub purpose: Purpose,
    /// Engine time from which it is run.
    pub began: i64,
    /// Engine time at which it has ended and been run, and what it is for may begin.
    pub ready: i64,
    /// Sound that goes on before this time takes it back.
    pub taken_back_until: i64,
    /// The note that asked for it.
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

    /// How much of the seed is to have been run at engine time `now`, whatever the machine could do: so much of so much.
    pub fn due(&self, now: i64) -> (i64, i64) {
        (now - self.began, self.ready - self.began)
    }
}
