//! Sympathy.
pub mod approach;
pub mod dsp;
pub mod engine;
pub mod model;
pub mod nn;
pub mod worker;
