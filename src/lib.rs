//! Sympathy listens to a performer and continues them: a recurrent network, trained on some recording, takes the last seconds
//! of audio as its seed and predicts what comes next.
//!
//! # Architecture
//! A module imports only what stands above it here.
//!
//! | module | thread | job |
//! |---|---|---|
//! | [`control`] | any | the parameters: names, ranges, choices, values |
//! | [`dsp`] | any | pure maths on `f32` slices: STFT, vocoder, resampling, leash, levels, random numbers |
//! | [`nn`] | any | recurrent cells and dense layers, one step at a time, and the SIMD kernel they share |
//! | [`model`] | any | the model file: configuration, validation, the embedded models |
//! | [`approach`] | any | how audio becomes steps of a network and steps become audio: [`approach::Generator`] |
//! | [`engine`] | audio | input, sample clock, mix; sends a cell of 64 samples and gets one back |
//! | [`worker`] | worker | seed history, schedule, voices: from a cell of input to a cell of prediction |
//! | [`session`] | main | an engine joined to its worker |
#![cfg_attr(
    feature = "take",
    doc = "| [`take`] | take recorder | the last two minutes of wet and dry, and the files that *Save Take* makes of them |"
)]
#![cfg_attr(feature = "train", doc = "| [`train`] | trainer | dataset, loss, optimiser, loop, checkpoints (candle) |")]
#![cfg_attr(feature = "plugin", doc = "| [`params`] | main | the parameters and the persisted state, for nice-plug |")]
#![cfg_attr(feature = "plugin", doc = "| [`plugin`] | host's | CLAP and VST3 glue, no arithmetic |")]
#![cfg_attr(feature = "cli", doc = "| [`cli`] | main | the command line tool, a file a subcommand |")]
//!
//! # The path of a sound
//! [`engine::Engine::process`] gathers the host's input into cells on a grid of 64 samples. Each full cell goes through a
//! lock-free ring to the [`worker::Worker`], which keeps the last 20 seconds, decides on the grid when a seed is taken, runs
//! it through the network, and answers with the cell of prediction that is heard one *reaction time* later. The audio thread
//! mixes that cell with the dry signal: gain, soft limit, equal-power mix.
//!
//! What the worker predicts for a cell depends on the cells before it and on nothing else. That is why a bounce equals a
//! performance, bit for bit, at any block size.

pub mod approach;
#[cfg(feature = "train")]
pub mod audio_file;
#[cfg(feature = "cli")]
pub mod cli;
pub mod control;
pub mod dsp;
pub mod engine;
#[cfg(feature = "train")]
pub mod figure;
pub mod model;
pub mod nn;
#[cfg(feature = "plugin")]
pub mod params;
#[cfg(feature = "plugin")]
pub mod plugin;
pub mod session;
#[cfg(feature = "take")]
pub mod take;
#[cfg(feature = "train")]
pub mod train;
pub mod worker;
