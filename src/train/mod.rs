//! Training of models on recordings, with candle.

mod recording;

pub use recording::{Recording, RecordingError};
