//! Sympathy.
pub mod approach;
pub mod dsp;
pub mod engine;
pub mod model;
pub mod nn;
#[cfg(feature = "plugin")]
pub mod params;
#[cfg(feature = "plugin")]
pub mod plugin;
pub mod worker;
