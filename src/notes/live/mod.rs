//! Notes as they are played: the engine of the plugin for notes, and its worker.
//!
//! A player's keys become columns on the song's steps; a recurrent network hears each of them and, once it answers or plays along, tells
//! how likely each key is in the next step; of that notes are made, each on its sample. [`NoteEngine`] is the audio thread's side, plain
//! Rust on events, [`NoteWorker`] the other one, which also loads the model that is chosen. The engine never waits but for a bounce, and within long blocks (DESIGN 3).
//!
//! What is predicted for a step depends on what was played up to a reaction time before it, and on nothing else: live and bounced, at
//! any block size, the same messages are sent on the same samples. No note is left hanging: [`Book`].

mod book;
mod engine;
mod hearing;
mod lattice;
mod link;
mod models;
mod passing;
mod player;
mod scope;
mod shape;
mod stored;
mod worker;

pub use book::{Book, CHANNELS, Message, NoteSink};
pub use engine::{Gesture, NoteEngine, NoteEngineConfig, Stage, start};
pub use models::{Facts, NoteModel, NoteModels};
pub use passing::{PEDAL_DOWN, Pedals, SUSTAIN};
pub use player::AXIS_REACH;
pub use scope::{MAX_BROUGHT, NoteScope, StepReport};
pub use stored::{Code, CodePath, MAX_STORED, StoredCodes};
pub use worker::NoteWorker;
