//! The bytes of a standard MIDI file, bounded and repaired.

use super::{
    error::NotesError,
    repair::{Repaired, repair},
};
use std::{fs::File, io::Read, path::Path};

/// How the names of MIDI files end, in small letters.
pub const MIDI_ENDINGS: [&str; 4] = ["kar", "mid", "midi", "rmi"];
/// No MIDI file is larger.
pub const MAX_MIDI_BYTES: u64 = 16 << 20;
/// More events than this of one file are not read.
pub(crate) const MAX_EVENTS: usize = 1 << 21;
/// The tempo of a file that names none, in microseconds a quarter.
pub(crate) const USUAL_TEMPO_US: u32 = 500_000;

/// Reads a file of at most [`MAX_MIDI_BYTES`] and repairs it.
///
/// # Errors
/// If it cannot be read, is too large or is no MIDI file.
pub fn read_repaired(path: &Path) -> Result<Repaired, NotesError> {
    let io = |source| NotesError::Io { file: path.into(), action: "read", source };
    let mut bytes = Vec::new();
    File::open(path).map_err(io)?.take(MAX_MIDI_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    repaired(&bytes, path)
}

/// The same of bytes; `name` stands for their path in errors.
pub(super) fn repaired(bytes: &[u8], name: &Path) -> Result<Repaired, NotesError> {
    if bytes.len() as u64 > MAX_MIDI_BYTES {
        let expected = format!("at most {MAX_MIDI_BYTES} bytes");
        return Err(NotesError::Unsuitable { file: name.into(), what: "notes", expected, actual: "more".into() });
    }
    let found = if bytes.is_empty() { "an empty file" } else { "something else, or too little of one" };
    repair(bytes).ok_or_else(|| not_midi(name, found))
}

/// The error of a file that is no MIDI file.
pub(crate) fn not_midi(name: &Path, found: &str) -> NotesError {
    let expected = "a standard MIDI file".into();
    NotesError::Unsuitable { file: name.into(), what: "notes", expected, actual: found.into() }
}
