//! Notes from a standard MIDI file.

use super::error::CliError;
use crate::engine::quantum::Note;
use midly::{MetaMessage, MidiMessage, Smf, Timing, TrackEventKind};
use std::{fs::File, io::Read, path::Path};

/// No MIDI file is larger.
const MAX_BYTES: u64 = 16 << 20;
/// The tempo of a file that names none, in microseconds a beat.
const USUAL_TEMPO_US: u32 = 500_000;

/// A note at a sample, counted from the first one rendered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimedNote {
    /// Where it begins.
    pub sample: u64,
    /// What begins.
    pub note: Note,
}

/// Reads the beginnings of all notes, of all tracks and channels, by sample. The file's tempo counts.
///
/// # Errors
/// If the file cannot be read, is too large or is no MIDI file.
pub fn read_notes(path: &Path, sample_rate_hz: u32) -> Result<Vec<TimedNote>, CliError> {
    let io = |source| CliError::Io { path: path.into(), action: "read", source };
    let wrong =
        |expected: String, actual: String| CliError::Unsuitable { path: path.into(), what: "notes", expected, actual };
    let mut bytes = Vec::new();
    File::open(path).map_err(io)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(wrong(format!("at most {MAX_BYTES} bytes"), "more".into()));
    }
    // midly negates this byte of the header, and this one has no negative (in debug builds it panics).
    let header = bytes.windows(4).position(|word| word == b"MThd");
    if header.and_then(|at| bytes.get(at + 12)) == Some(&0x80) {
        return Err(wrong("a division of the beat or the second".into(), "0x80 in the header".into()));
    }
    let file = Smf::parse(&bytes).map_err(|error| wrong("a standard MIDI file".into(), error.to_string()))?;
    let mut events: Vec<(u64, TrackEventKind<'_>)> = Vec::new();
    for track in &file.tracks {
        let mut tick = 0u64;
        events.extend(track.iter().map(|event| {
            tick += u64::from(event.delta.as_int());
            (tick, event.kind)
        }));
    }
    // Stable: what stands at one tick keeps its order.
    events.sort_by_key(|&(tick, _)| tick);
    let seconds_per_tick = |tempo_us: u32| match file.header.timing {
        Timing::Metrical(ticks) => f64::from(tempo_us) * 1e-6 / f64::from(ticks.as_int().max(1)),
        Timing::Timecode(frames, ticks) => 1.0 / (f64::from(frames.as_f32()) * f64::from(ticks.max(1))),
    };
    let (mut seconds, mut last, mut tempo_us) = (0.0, 0, USUAL_TEMPO_US);
    let mut notes = Vec::new();
    for (tick, kind) in events {
        seconds += (tick - last) as f64 * seconds_per_tick(tempo_us);
        last = tick;
        match kind {
            TrackEventKind::Meta(MetaMessage::Tempo(tempo)) => tempo_us = tempo.as_int(),
            TrackEventKind::Midi { message: MidiMessage::NoteOn { key, vel }, .. } if vel > 0 => {
                let note = Note { key: key.as_int(), velocity: f32::from(vel.as_int()) / 127.0 };
                notes.push(TimedNote { sample: (seconds * f64::from(sample_rate_hz)).round() as u64, note });
            }
            _ => {}
        }
    }
    Ok(notes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A track of these bytes, 96 ticks a beat.
    fn file(track: &[u8]) -> Vec<u8> {
        let mut bytes = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk".to_vec();
        bytes.extend((track.len() as u32).to_be_bytes());
        bytes.extend(track);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Vec<TimedNote>, CliError> {
        let folder = tempfile::tempdir().expect("temp");
        let path = folder.path().join("notes.mid");
        fs::write(&path, bytes).expect("temp");
        read_notes(&path, 48_000)
    }

    #[test]
    fn notes_fall_where_the_tempo_says_and_ends_are_no_notes() {
        let track = [
            0x00, 0x90, 60, 127, // C, at once
            0x60, 0x90, 60, 0, // its end, a beat later, by a velocity of 0
            0x00, 0xff, 0x51, 3, 0x0f, 0x42, 0x40, // from there on a beat is a second
            0x60, 0x91, 67, 64, // G on another channel, a beat later
            0x00, 0x81, 67, 0, 0x00, 0xff, 0x2f, 0,
        ];
        let notes = read(&file(&track)).expect("a MIDI file");
        let expected = [(0, 60, 1.0), (72_000, 67, 64.0 / 127.0)]
            .map(|(sample, key, velocity)| TimedNote { sample, note: Note { key, velocity } });
        assert_eq!(notes, expected, "half a second and a second");
    }

    #[test]
    fn damaged_files_are_refused_or_read_and_never_a_panic() {
        let good = file(&[0x00, 0x90, 60, 127, 0x60, 0x80, 60, 0, 0x00, 0xff, 0x2f, 0]);
        for bad in [&b""[..], b"RIFF", b"MThd", &[0; 64]] {
            let error = read(bad).expect_err("no MIDI file").to_string();
            assert!(error.contains("notes.mid: notes: expected a standard MIDI file"), "{error}");
        }
        for at in 0..good.len() {
            for value in [0, 0x7f, 0x80, 0xff] {
                let mut damaged = good.clone();
                damaged[at] = value;
                let _ = read(&damaged);
                let _ = read(&damaged[..at]);
            }
        }
    }
}
