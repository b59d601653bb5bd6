//! Models: files, networks against slow references, what they predict, and the trainer.
#![allow(missing_docs, reason = "test code")]

mod alive;
mod approach;
mod cells_golden;
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/counting.rs"]
mod counting;
mod guitar;
mod import_hostile;
mod lesson;
mod listen_train;
mod listening;
mod lstm_golden;
mod model_file;
mod notes;
mod precision;
mod slides;
mod train;
