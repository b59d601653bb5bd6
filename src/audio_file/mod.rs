//! Sound files: reading recordings, writing WAV, and files that are whole or not there.

mod decode;
#[cfg(feature = "train")]
pub mod find;
mod source;
pub mod wav;
pub mod whole_file;

pub use decode::{Recording, RecordingError, Warning};
