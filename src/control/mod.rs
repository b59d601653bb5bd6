//! The vocabulary of control: every parameter, its range, its choices, its values and their words, presets, and settings.
//! Known to the engine, the worker, hosts and the command line alike.
//!
//! A parameter is a row of `table.rs`, a value of a choice a row of `choices.rs`; where it acts is the engine's or the
//! worker's. Everything else follows: ids and groups in hosts, the command line, presets, help and `docs/PARAMETERS.md`.

mod choices;
#[cfg(feature = "notes")]
pub mod notes;
pub mod preset;
pub mod said;
pub mod settings;
mod table;
pub mod text;
pub mod values;

pub use choices::{Choice, Dynamics, Peaks, Recall, SeedSource, Stereo, Tuning};
#[cfg(feature = "notes")]
pub use preset::NotePreset;
pub use preset::{HasPresets, Preset, PresetError, PresetOf};
#[cfg(feature = "plugin")]
pub(crate) use table::with_parameters;
pub use text::ParamError;
pub use values::{ParamId, ParamValues};
