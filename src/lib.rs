//! Sympathy.
pub mod approach;
#[cfg(feature = "cli")]
pub mod cli;
pub mod dsp;
pub mod engine;
pub mod model;
pub mod nn;
#[cfg(feature = "train")]
pub mod train;
pub mod worker;
