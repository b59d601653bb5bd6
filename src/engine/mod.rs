//! The audio thread: input, clock, mix and the cells that go to and come from the worker. Slices only, no framework type.

pub mod spec;
mod types;

pub use spec::{ParamId, ParamValues};
pub use types::{
    Activity, Alignment, ClockMode, DEFAULT_REACTION_MS, EngineConfig, Event, GRID_SAMPLES, MAX_CHANNELS,
    MAX_REACTION_MS, RenderMode, Transport,
};
