//! How audio becomes steps of a network and steps become audio again.
//!
//! [`FrameAnalyser`] turns windows of sound into frames, [`Projection`] frames into features and back, [`FrameSynth`] frames
//! into sound; [`Generator`] joins them with a network's state. A frame is all that a step predicts, but with *column* and
//! *transpose*, where it slides by the one sample that is predicted. The trainer uses the same analyser and projection, so
//! what a network learned is what it hears.

mod batch;
mod colour;
mod delay_line;
mod frames;
mod generator;
mod head;
mod listening;
mod log_spectra;
mod magnitudes;
mod manner;
mod network;
mod offline;
mod precision;
mod projection;
mod roll;
mod samples;

pub use batch::{Predicting, predict_together};
pub use colour::{Attention, Colour, Peaks, STRETCHES};
pub use frames::{FrameAnalyser, FrameSynth};
pub use generator::Generator;
#[cfg(feature = "train")]
pub(crate) use head::{MAX_LOG_SCALE, min_log_scale};
pub use listening::FrameLayers;
pub(crate) use listening::REST;
pub use manner::{LearntLayers, Manner};
pub use network::Network;
pub use offline::{continue_offline, feed_seed, input_gain, resynthesise};
pub use precision::PRECISION_BOUND;
pub use projection::Projection;
pub use roll::{ColumnPredictor, ColumnState, autoencoder_of};
