//! The audio thread: input, clock, mix and the quanta that go to and come from the worker. Slices only, no framework type.
//!
//! [`Engine::process`] walks a block quantum by quantum on the grid, at any block size of the host: input goes into an
//! [`quantum::InQuantum`], sent when it is full; the [`quantum::OutQuantum`] that belongs to the place was predicted one reaction time
//! ago. The worker's side of the rings is in [`link`].

mod audio;
mod audition;
mod beats;
mod clock;
mod duck;
mod fades;
mod input;
mod lead;
pub mod link;
mod meters;
mod mixer;
pub mod quantum;
mod reaction;
pub mod scope;
pub(crate) mod stream;
mod sympathetic;
mod tail;
mod tap;
mod types;
mod waiting;

pub use crate::control::{SeedSource, Stereo};
pub use audio::{Engine, STOPS};
pub use audition::Auditioner;
#[cfg(feature = "notes")]
pub(crate) use clock::{ClockChange, SampleClock};
pub use meters::{MAX_SEED_MARKS, Meters, SeedMark};
pub use reaction::{SLACK_SECONDS, min_reaction_samples, reaction_quanta};
pub use tap::{TakeFeed, TakeOrder, TakeQuantum, TakeRequest, TakeTap, take_link};
pub use types::{
    Activity, Alignment, Bar, Beats, ClockMode, DEFAULT_LEARN_DELAY_MS, DEFAULT_LEARN_UPDATES, DEFAULT_REACTION_MS,
    EngineConfig, Event, GRID_SAMPLES, LearnTiming, MAX_CHANNELS, MAX_LEARN_DELAY_MS, MAX_LEARN_UPDATES,
    MAX_REACTION_MS, MIN_LEARN_DELAY_MS, RenderMode, Transport,
};
#[cfg(feature = "notes")]
pub(crate) use waiting::Waiting;
