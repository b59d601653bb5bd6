//! Sympathy listens to a performer and continues them: a recurrent network, trained on some recording, takes the last seconds
//! of audio as its seed and predicts what comes next.
//!
//! # Architecture
//! A module imports only modules above it in this table. The decisions behind it are in `docs/DESIGN.md`, here as
//! [`design`].
//!
//! | module | thread | job |
//! |---|---|---|
//! | [`control`] | any | the parameters: names, ranges, choices, values |
//! | [`dsp`] | any | pure maths on `f32` slices: STFT, vocoder, resampling, leash, levels, random numbers |
//! | [`nn`] | any | recurrent cells and dense layers, one step at a time, and the SIMD kernels they share |
//! | [`model`] | any | the model file: configuration, validation, import, export, the embedded models |
//! | [`approach`] | any | how audio becomes steps of a network and steps become audio: [`approach::Generator`] |
#![cfg_attr(
    feature = "audio_file",
    doc = "| [`audio_file`] | any but audio | reading recordings, writing WAV, files that are whole or not there |"
)]
#![cfg_attr(
    any(feature = "train", feature = "editor"),
    doc = "| [`hyperparameters`] | any but audio | what a training is asked to do: fields, rules, presets |"
)]
#![cfg_attr(feature = "figure", doc = "| [`figure`] | any but audio | drawings of curves, sounds and piano rolls |")]
#![cfg_attr(
    feature = "evaluate",
    doc = "| [`mod@evaluate`] | any but audio | what a model is worth in numbers: artifacts, resemblance, novelty, listening |"
)]
#![cfg_attr(
    feature = "notes",
    doc = "| [`notes`] | any but audio | MIDI files as piano rolls and back, data sets of rolls, how networks play them; [`notes::live`]: audio and a worker of its own |"
)]
//! | [`learn`] | any but audio | what of a listening model learns from a player, its update, the material, lessons |
//! | [`engine`] | audio | input, sample clock, mix; sends a quantum of 64 samples and receives one |
//! | [`worker`] | worker | seed history, schedule, voices: from a quantum of input to a quantum of prediction |
//! | [`session`] | main | an engine joined to its worker |
#![cfg_attr(
    feature = "take",
    doc = "| [`take`] | take recorder | the last two minutes of wet and dry, and the files that *Save Take* makes of them |"
)]
#![cfg_attr(feature = "editor", doc = "| [`editor`] | editor | what people see: pictures, controls, models, presets |")]
#![cfg_attr(feature = "train", doc = "| [`train`] | trainer | dataset, loss, optimiser, loop, checkpoints (candle) |")]
#![cfg_attr(
    feature = "train",
    doc = "| [`sweep`] | any but audio | many trainings of one plan: what is tried, how far each is, how they compare |"
)]
#![cfg_attr(feature = "plugin", doc = "| [`params`] | main | the parameters and the persisted state, for nice-plug |")]
#![cfg_attr(feature = "plugin", doc = "| [`plugin`] | host's | CLAP and VST3 glue, no arithmetic |")]
#![cfg_attr(feature = "cli", doc = "| [`cli`] | main | the command line tool, one file per subcommand |")]
//!
//! # The path of a sound
//! [`engine::Engine::process`] gathers the host's input into quanta on a grid of 64 samples. Each full quantum goes through a
//! lock-free ring to the [`worker::Worker`], which keeps the last 20 seconds, decides on the grid when a seed is taken, runs
//! it through the network, and answers with the quantum of prediction that is heard one *reaction time* later. The audio thread
//! mixes that quantum with the dry signal: gain, soft limit, equal-power mix.
//!
//! The prediction for a quantum depends on the quanta before it and on nothing else. That is why a bounce equals a
//! performance, bit for bit, at any block size.

pub mod approach;
#[cfg(feature = "audio_file")]
pub mod audio_file;
#[cfg(feature = "cli")]
pub mod cli;
pub mod control;
#[cfg(doc)]
#[doc = include_str!("../docs/DESIGN.md")]
pub mod design {}
pub mod dsp;
#[cfg(feature = "editor")]
pub mod editor;
pub mod engine;
#[cfg(feature = "evaluate")]
pub mod evaluate;
#[cfg(feature = "figure")]
pub mod figure;
#[cfg(any(feature = "train", feature = "editor"))]
pub mod hyperparameters;
pub mod learn;
pub mod model;
pub mod nn;
#[cfg(feature = "notes")]
pub mod notes;
#[cfg(feature = "plugin")]
pub mod params;
#[cfg(feature = "plugin")]
pub mod plugin;
pub mod session;
#[cfg(feature = "train")]
pub mod sweep;
#[cfg(feature = "take")]
pub mod take;
mod text_file;
#[cfg(feature = "train")]
pub mod train;
pub mod whole_file;
pub mod worker;
