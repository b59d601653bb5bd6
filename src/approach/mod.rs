//! How audio becomes steps of a network and steps become audio again.
//!
//! [`FrameAnalyser`] turns windows of sound into frames, [`Projection`] frames into features and back, [`FrameSynth`] frames
//! into sound; [`Continuation`] joins them with a network's state. The trainer uses the same analyser and projection, so
//! what a network learned is what it hears.

mod analyser;
mod continuation;
mod head;
mod network;
mod projection;
mod synth;

pub use analyser::FrameAnalyser;
pub use continuation::Continuation;
pub use network::Network;
pub use projection::Projection;
pub use synth::FrameSynth;
