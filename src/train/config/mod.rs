//! The configuration of a training: fields, their rules, what people are told of them, presets, published names.

pub(crate) mod approach;
pub(crate) mod field;
mod field_table;
pub(crate) mod fields;
pub(crate) mod options;
mod overrides;
mod parse;
pub(crate) mod presets;
pub(crate) mod problem;
mod published;
pub(crate) mod rules;
pub(crate) mod train_config;
