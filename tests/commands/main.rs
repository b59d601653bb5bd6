//! The command line tool as its users meet it.
#![allow(missing_docs, reason = "test code")]

mod bench_cli;
mod cli;
mod cli_bad_input;
#[path = "../common/mod.rs"]
mod common;
mod compare;
mod configure;
mod evaluate;
mod evaluate_notes;
mod export;
mod help;
mod import;
mod learn;
mod midi;
mod notes;
mod overwriting;
mod render_notes;
mod report;
mod roll;
mod sample;
mod sample_codes;
mod sample_notes;
mod slips;
mod sweep;
mod sweep_cluster;
mod train_cli;
mod train_notes;
