//! Sympathy.
pub mod approach;
pub mod dsp;
pub mod model;
pub mod nn;
#[cfg(feature = "train")]
pub mod train;
