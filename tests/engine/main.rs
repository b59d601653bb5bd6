//! The engine: bits, triggers, sounds, faults, and an audio thread that never allocates.
#![allow(missing_docs, reason = "test code")]

mod audition;
mod colour;
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/counting.rs"]
mod counting;
mod engine_bits;
mod ensemble;
mod faults;
mod learning;
mod no_alloc;
#[cfg(feature = "notes")]
mod note_bars;
#[cfg(feature = "notes")]
mod note_codes;
#[cfg(feature = "notes")]
mod note_models;
#[cfg(feature = "standalone")]
mod note_play;
#[cfg(feature = "notes")]
mod note_stage;
#[cfg(feature = "notes")]
mod note_window;
#[cfg(feature = "notes")]
mod notes;
mod scope;
mod seeds;
mod sympathy;
mod take;
mod triggers;
