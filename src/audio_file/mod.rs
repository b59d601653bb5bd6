//! Sound files: reading recordings, into memory or onto disk, and writing WAV and FLAC.

mod decode;
#[cfg(any(feature = "cli", feature = "train"))]
pub mod find;
#[cfg(feature = "cli")]
pub mod flac;
mod source;
pub mod spool;
pub mod wav;

pub use decode::{LongRecording, Recording, RecordingError, Warning, is_pipe};
pub use spool::{Samples, Spool, SpoolWriter};
pub use wav::Depth;

/// How the names of recordings end, in small letters.
pub const EXTENSIONS: [&str; 13] =
    ["aif", "aifc", "aiff", "bwf", "caf", "flac", "m4a", "mp2", "mp3", "oga", "ogg", "rf64", "wav"];
