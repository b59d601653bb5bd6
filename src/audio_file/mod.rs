//! Sound files: reading recordings, writing WAV.

mod decode;
#[cfg(feature = "train")]
pub mod find;
mod source;
pub mod wav;

pub use decode::{Recording, RecordingError, Warning};
pub use wav::Depth;
