//! Notes and stops from a standard MIDI file.

use super::error::CliError;
use crate::{
    audio_file::Warning,
    engine::Engine,
    notes::{Fault, MAX_EVENTS, USUAL_DIVISION, USUAL_TEMPO_US, not_midi, read_repaired},
};
use midly::{MetaMessage, MidiMessage, Timing, TrackEventKind};
use std::path::Path;

/// Faults that are told one by one.
const MAX_TOLD: usize = 8;

/// What MIDI asks of the engine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MidiOrder {
    /// A note begins.
    Note {
        /// Its number.
        key: u8,
        /// 0…1
        velocity: f32,
    },
    /// All sound off, all notes off.
    Stop,
}

impl MidiOrder {
    /// What a message asks for; most ask for nothing. A note-on without velocity is a note-off.
    pub fn of(message: MidiMessage) -> Option<Self> {
        match message {
            MidiMessage::NoteOn { key, vel } if vel > 0 => {
                Some(Self::Note { key: key.as_int(), velocity: f32::from(vel.as_int()) / 127.0 })
            }
            MidiMessage::Controller { controller, .. } if Engine::is_stop(controller.as_int()) => Some(Self::Stop),
            _ => None,
        }
    }

    /// Gives it to the engine, for its next sample.
    ///
    /// # Realtime safety
    /// As [`Engine::note_on`].
    pub fn give(self, engine: &mut Engine) {
        match self {
            Self::Note { key, velocity } => engine.note_on(key, velocity),
            Self::Stop => engine.stop_from_midi(),
        }
    }
}

/// An order at a sample, counted from the first one rendered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimedOrder {
    /// When.
    pub sample: u64,
    /// What.
    pub order: MidiOrder,
}

/// What a MIDI file says to the engine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MidiFile {
    /// Beginnings of notes and stops, of all tracks and channels, by sample.
    pub orders: Vec<TimedOrder>,
    /// What could not be read.
    pub warnings: Vec<Warning>,
    /// Patterns of a file of format 2, which are played one after the other; else 0.
    pub patterns: usize,
}

/// An event at a tick, as far as it counts.
#[derive(Clone, Copy)]
enum Kind {
    Tempo(u32),
    /// Ticks a bar.
    Signature(u64),
    Order(MidiOrder),
    Flaw(usize),
    Nothing,
}

/// Reads what a MIDI file asks for, by sample. The file's tempo counts, whichever track holds it.
///
/// # Errors
/// If the file cannot be read, is too large or is no MIDI file.
pub fn read_notes(path: &Path, sample_rate_hz: u32) -> Result<MidiFile, CliError> {
    let repaired = read_repaired(path)?;
    let (header, tracks) = midly::parse(&repaired.bytes).map_err(|error| not_midi(path, &error.to_string()))?;
    let ticks_per_beat = match header.timing {
        Timing::Metrical(ticks) => Some(u64::from(ticks.as_int().max(1))),
        Timing::Timecode(..) => None,
    };
    let bar = |beats: u64, log_unit: u32| ticks_per_beat.map_or(1, |ticks| ((4 * beats * ticks) >> log_unit).max(1));
    let mut file = MidiFile::default();
    let mut events: Vec<(u64, Kind)> = Vec::new();
    let mut start = 0;
    let mut is_full = false;
    let mut flaws = repaired.flaws.iter().enumerate().peekable();
    for (number, track) in tracks.enumerate() {
        if repaired.has_patterns {
            events.extend([(start, Kind::Tempo(USUAL_TEMPO_US)), (start, Kind::Signature(bar(4, 2)))]);
            file.patterns = number + 1;
        }
        while let Some((index, flaw)) = flaws.next_if(|(_, flaw)| flaw.track == number) {
            events.push((start + flaw.tick, Kind::Flaw(index)));
        }
        let mut tick = start;
        for event in track.map_err(|error| not_midi(path, &error.to_string()))?.flatten() {
            if events.len() >= MAX_EVENTS {
                is_full = true;
                break;
            }
            tick += u64::from(event.delta.as_int());
            let kind = match event.kind {
                TrackEventKind::Midi { message, .. } => MidiOrder::of(message).map_or(Kind::Nothing, Kind::Order),
                // No beat is without length.
                TrackEventKind::Meta(MetaMessage::Tempo(tempo)) if tempo > 0 => Kind::Tempo(tempo.as_int()),
                TrackEventKind::Meta(MetaMessage::TimeSignature(beats, log_unit, ..)) if beats > 0 && log_unit < 8 => {
                    Kind::Signature(bar(beats.into(), log_unit.into()))
                }
                _ => Kind::Nothing,
            };
            events.push((tick, kind));
        }
        start = if repaired.has_patterns { tick } else { 0 };
    }
    // Stable: what stands at one tick keeps its order.
    events.sort_by_key(|&(tick, _)| tick);
    let seconds_per_tick = |tempo_us: u32| match header.timing {
        Timing::Metrical(ticks) => f64::from(tempo_us) * 1e-6 / f64::from(ticks.as_int().max(1)),
        Timing::Timecode(frames, ticks) => 1.0 / (f64::from(frames.as_f32()) * f64::from(ticks.max(1))),
    };
    let mut warn = |what: String| file.warnings.push(Warning { path: path.into(), what });
    if !repaired.has_division {
        warn(format!("its beginning is damaged: how fast it goes is a guess ({} ticks a beat)", USUAL_DIVISION));
    }
    let (mut seconds, mut last, mut tempo_us) = (0.0, 0, USUAL_TEMPO_US);
    let (mut bars, mut bar_tick, mut ticks_per_bar) = (0, 0, bar(4, 2));
    for (tick, kind) in events {
        seconds += (tick - last) as f64 * seconds_per_tick(tempo_us);
        last = tick;
        match kind {
            Kind::Tempo(tempo) => tempo_us = tempo,
            Kind::Signature(ticks) => {
                bars += (tick - bar_tick).div_ceil(ticks_per_bar);
                (bar_tick, ticks_per_bar) = (tick, ticks);
            }
            Kind::Order(order) => {
                let sample = (seconds * f64::from(sample_rate_hz)).round() as u64;
                file.orders.push(TimedOrder { sample, order });
            }
            Kind::Flaw(index) => {
                let flaw = repaired.flaws[index];
                let bar = bars + (tick - bar_tick) / ticks_per_bar + 1;
                let at = match ticks_per_beat {
                    Some(_) => format!("bar {bar} ({seconds:.2} s)"),
                    None => format!("{seconds:.2} s"),
                };
                let track = flaw.track + 1;
                warn(match flaw.fault {
                    Fault::Damaged => {
                        format!(
                            "track {track} is damaged at {at}: notes may be missing there, and what follows may come early"
                        )
                    }
                    Fault::GivenUp => format!("track {track} cannot be read from {at} on: notes after it are missing"),
                    Fault::CutShort => format!("track {track} is cut short at {at}: notes after it are missing"),
                });
            }
            Kind::Nothing => {}
        }
    }
    if repaired.tracks < repaired.told_tracks {
        warn(format!("it says that it has {}, and has {}", tracks_of(repaired.told_tracks), repaired.tracks));
    }
    if is_full {
        warn(format!("it has more than {MAX_EVENTS} events: the others are not read"));
    }
    let untold = file.warnings.len().saturating_sub(MAX_TOLD);
    if untold > 0 {
        file.warnings.truncate(MAX_TOLD);
        file.warnings.push(Warning { path: path.into(), what: format!("it is damaged at {untold} more places") });
    }
    Ok(file)
}

fn tracks_of(count: usize) -> String {
    if count == 1 { "1 track".into() } else { format!("{count} tracks") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dsp::random::Random,
        notes::{MAX_MIDI_BYTES, repair},
    };
    use std::fs;

    /// A chunk that says this length.
    fn chunk(length: usize, track: &[u8]) -> Vec<u8> {
        [b"MTrk", &(length as u32).to_be_bytes()[..], track].concat()
    }

    fn header(format: u8, tracks: u8, division: [u8; 2]) -> Vec<u8> {
        [&b"MThd\0\0\0\x06\0"[..], &[format, 0, tracks], &division].concat()
    }

    /// A track of these bytes, 96 ticks a beat.
    fn file(track: &[u8]) -> Vec<u8> {
        [header(0, 1, [0, 96]), chunk(track.len(), track)].concat()
    }

    fn read(bytes: &[u8]) -> Result<MidiFile, CliError> {
        let folder = tempfile::tempdir().expect("temp");
        let path = folder.path().join("notes.mid");
        fs::write(&path, bytes).expect("temp");
        read_notes(&path, 48_000)
    }

    /// Samples and keys; stops are key 255. A beat has 24 000 samples at the usual tempo.
    fn keys(file: &MidiFile) -> Vec<(u64, u8)> {
        let key = |order| match order {
            MidiOrder::Note { key, .. } => key,
            MidiOrder::Stop => 255,
        };
        file.orders.iter().map(|timed| (timed.sample, key(timed.order))).collect()
    }

    fn warnings(file: &MidiFile) -> Vec<&str> {
        file.warnings.iter().map(|warning| &*warning.what).collect()
    }

    /// Reads all of it, and has nothing to say.
    #[track_caller]
    fn whole(bytes: &[u8]) -> Vec<(u64, u8)> {
        let file = read(bytes).expect("a MIDI file");
        assert_eq!(warnings(&file), [""; 0]);
        keys(&file)
    }

    const END: [u8; 4] = [0x00, 0xff, 0x2f, 0];
    /// C at once, E a beat later and G another, each half a beat long.
    const THREE: [u8; 24] = [
        0x00, 0x90, 60, 100, 0x30, 0x80, 60, 0, 0x30, 0x90, 64, 100, 0x30, 0x80, 64, 0, 0x30, 0x90, 67, 100, 0x30,
        0x80, 67, 0,
    ];
    const ALL_THREE: [(u64, u8); 3] = [(0, 60), (24_000, 64), (48_000, 67)];

    #[test]
    fn notes_fall_where_the_tempo_says_and_ends_are_no_notes() {
        let track = [
            0x00, 0x90, 60, 127, // C, at once
            0x60, 0x90, 60, 0, // its end, a beat later, by a velocity of 0
            0x00, 0xff, 0x51, 3, 0x0f, 0x42, 0x40, // from there on a beat is a second
            0x60, 0x91, 67, 64, // G on another channel, a beat later
            0x00, 0x81, 67, 0, 0x00, 0xff, 0x2f, 0,
        ];
        let read = read(&file(&track)).expect("a MIDI file");
        let expected = [(0, 60, 1.0), (72_000, 67, 64.0 / 127.0)]
            .map(|(sample, key, velocity)| TimedOrder { sample, order: MidiOrder::Note { key, velocity } });
        assert_eq!(read.orders, expected, "half a second and a second");
    }

    #[test]
    fn a_running_status_goes_on_after_meta_and_system_exclusive_events() {
        for between in [
            &[0x00, 0xff, 0x01, 2, b'h', b'i'][..],
            &[0x00, 0xff, 0x54, 5, 96, 0, 99, 0, 0], // no time of SMPTE
            &[0x00, 0xff, 0x59, 0],                  // a key that says nothing
            &[0x00, 0xf0, 5, 0x7e, 0x7f, 9, 1, 0xf7],
            &[0x00, 0xf0, 0x7e, 0x7f, 9, 1, 0xf7], // without its length
            &[0x00, 0xf0, 3, 0x43, 1, 2, 0x00, 0xf7, 2, 3, 0xf7],
        ] {
            let track =
                [&[0x30, 0x90, 60, 100][..], between, &[0x30, 60, 0, 0x30, 67, 100, 0x30, 67, 0], &END].concat();
            assert_eq!(whole(&file(&track)), [(12_000, 60), (36_000, 67)], "{between:x?}");
        }
    }

    #[test]
    fn tracks_end_where_they_end_whatever_is_said_of_it() {
        let track = [&THREE[..], &END].concat();
        let second = [&[0x60, 0x91, 72, 100][..], &END].concat();
        let two = |length: usize, first: &[u8], between: &[u8]| {
            let last = chunk(second.len(), &second);
            [header(1, 2, [0, 96]), chunk(length, first), between.to_vec(), last].concat()
        };
        let expected = [(0, 60), (24_000, 64), (24_000, 72), (48_000, 67)];
        let exact = track.len();
        for length in [exact, 0, 1, 9, exact - 1, exact - 4, exact + 1, exact + 8, exact + 1000, u32::MAX as usize] {
            assert_eq!(whole(&two(length, &track, b"")), expected, "a length of {length} for {exact}");
            let one = [header(0, 1, [0, 96]), chunk(length, &track)].concat();
            assert_eq!(whole(&one), ALL_THREE, "one track, a length of {length} for {exact}");
        }
        for between in [&b"XFIH\0\0\0\x04\0\0\0\0"[..], b"\0", b"junk", b"XFIH\xff\xff\xff\xff12"] {
            assert_eq!(whole(&two(exact, &track, between)), expected, "{between:x?} between");
        }
        // Without an end, or with half of one, or with padding.
        for end in [&[][..], &[0x00], &[0x00, 0xff], &[0x00, 0xff, 0x2f], &[0, 0xff, 0x2f, 0, 0, 0, 0, 0]] {
            let track = [&THREE[..], end].concat();
            assert_eq!(whole(&two(track.len(), &track, b"")), expected, "{end:x?}");
            assert_eq!(whole(&file(&track)), ALL_THREE, "{end:x?} alone");
        }
        // Joined end to end in one chunk.
        let joined = [&track[..], &[0x30, 0x90, 72, 1], &END].concat();
        assert_eq!(whole(&file(&joined)).last(), Some(&(72_000, 72)));
        // The header is longer, or says nothing of its length.
        for length in [0u8, 5, 8] {
            let mut bytes = two(exact, &track, b"");
            bytes[7] = length;
            bytes.splice(14..14, [0; 2].into_iter().take(usize::from(length).saturating_sub(6)));
            assert_eq!(whole(&bytes), expected, "a header of {length}");
        }
    }

    #[test]
    fn files_inside_riff_are_read() {
        let inside = file(&[&THREE[..], &END].concat());
        let list = b"LIST\x04\0\0\0INFO";
        let length = (inside.len() as u32).to_le_bytes();
        let riff = |length: [u8; 4], after: &[u8]| [&b"RIFF\xff\0\0\0RMIDdata"[..], &length, &inside, after].concat();
        for bytes in [riff(length, b""), riff(length, list), riff([0; 4], b""), riff([0xff; 4], list)] {
            assert_eq!(whole(&bytes), ALL_THREE);
        }
        let behind = [&b"RIFF\xff\0\0\0RMID"[..], list, b"data", &length, &inside].concat();
        assert_eq!(whole(&behind), ALL_THREE);
    }

    #[test]
    fn damage_costs_a_note_and_is_told_with_its_bar() {
        // A note every beat, from C up, with running status.
        let mut track = vec![0x00, 0xff, 0x58, 4, 3, 2, 24, 8, 0x00, 0x90, 48, 100, 0x30, 48, 0];
        let mut places = Vec::new();
        for key in 49..72 {
            places.push(track.len());
            track.extend([0x30, key, 100, 0x30, key, 0]);
        }
        let at = 22 + places[8];
        track.extend(END);
        let good = file(&track);
        assert_eq!(whole(&good).len(), 24);
        for (what, with) in [
            ("a bit of the key", vec![(at + 1, 0xb9)]),
            ("a bit of the velocity", vec![(at + 2, 0xe4)]),
            ("a status that files cannot have", vec![(at, 0x30), (at + 1, 0xf4)]),
            ("garbage", vec![(at + 1, 0xff), (at + 2, 0xfe), (at + 3, 0xfd), (at + 4, 0xfc)]),
            (
                "a text of 200 000 bytes",
                vec![(at + 1, 0xff), (at + 2, 1), (at + 3, 0x8c), (at + 4, 0x9a), (at + 5, 0x40)],
            ),
        ] {
            let mut bad = good.clone();
            with.into_iter().for_each(|(at, value)| bad[at] = value);
            let file = read(&bad).expect("a MIDI file");
            let keys: Vec<u8> = keys(&file).iter().map(|&(_, key)| key).collect();
            // The ninth beat of bars of three.
            let [warning] = warnings(&file)[..] else { panic!("{what}: {:?}", file.warnings) };
            assert!(
                warning.starts_with("track 1 is damaged at bar 3 (")
                    || warning.starts_with("track 1 is damaged at bar 4 (4."),
                "{what}: {warning}"
            );
            assert!((48..=56).chain(59..72).all(|key| keys.contains(&key)), "{what}: {keys:?}");
            assert!(keys.iter().all(|key| (48..72).contains(key)), "{what}: no note that was not there: {keys:?}");
        }
        // The file ends early.
        let file = read(&good[..at + 2]).expect("a MIDI file");
        assert_eq!(
            (keys(&file).len(), warnings(&file)),
            (9, vec!["track 1 is cut short at bar 3 (4.25 s): notes after it are missing"])
        );
        let mut short = header(1, 2, [0, 96]);
        short.extend(&good[14..]);
        assert_eq!(warnings(&read(&short).expect("one of two")), ["it says that it has 2 tracks, and has 1"]);
    }

    #[test]
    fn the_division_of_time_is_minded_and_a_damaged_one_is_told() {
        let timed =
            |division: [u8; 2]| [header(0, 1, division), chunk(8, &[0x19, 0x90, 60, 100, 0, 0xff, 0x2f, 0])].concat();
        // 25 frames of 40 ticks, and 30/1.001 frames of 4.
        assert_eq!(whole(&timed([0xe7, 40])), [(1200, 60)]);
        assert_eq!(whole(&timed([0xe3, 4])), [(10_010, 60)]);
        for damaged in [[0, 0], [0x80, 0], [0x80, 40], [0xe7, 0], [0xff, 0xff]] {
            let file = read(&timed(damaged)).expect("a MIDI file");
            let [warning] = warnings(&file)[..] else { panic!("{damaged:?}") };
            assert!(warning.contains("a guess (480 ticks a beat)"), "{warning}");
            assert_eq!(keys(&file), [(1250, 60)]);
        }
    }

    #[test]
    fn the_tempo_of_one_track_holds_for_all_and_patterns_follow_each_other() {
        // A beat is a second.
        let tempo = [&[0x00, 0xff, 0x51, 3, 0x0f, 0x42, 0x40][..], &END].concat();
        let track = [&THREE[..], &END].concat();
        let file =
            |format| [header(format, 2, [0, 96]), chunk(tempo.len(), &tempo), chunk(track.len(), &track)].concat();
        assert_eq!(whole(&file(1)), [(0, 60), (48_000, 64), (96_000, 67)]);
        assert_eq!(whole(&file(0)), whole(&file(1)), "of one track or of many");
        let patterns = [header(2, 2, [0, 96]), chunk(track.len(), &track), chunk(track.len(), &track)].concat();
        assert_eq!(whole(&patterns), [ALL_THREE, ALL_THREE.map(|(sample, key)| (sample + 60_000, key))].concat());
        assert_eq!(read(&patterns).expect("a MIDI file").patterns, 2);
        assert_eq!(whole(&file(2)), ALL_THREE, "each has a tempo of its own");
    }

    #[test]
    fn stops_are_those_of_the_standard() {
        let stops =
            |controller: u8| MidiOrder::of(MidiMessage::Controller { controller: controller.into(), value: 0.into() });
        let all: Vec<u8> = (0..128).filter(|&controller| stops(controller) == Some(MidiOrder::Stop)).collect();
        assert_eq!(all, [120, 123, 124, 125, 126, 127]);
        let track = [&[0x30, 0xb3, 120, 0][..], &END].concat();
        assert_eq!(whole(&file(&track)), [(12_000, 255)]);
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

    /// A file of several tracks with all kinds of events.
    fn material(random: &mut Random) -> Vec<u8> {
        let tracks = random.below(4) as u8;
        let mut bytes = header(random.below(3) as u8, tracks, [0, 96]);
        for _ in 0..tracks {
            let mut track = Vec::new();
            for _ in 0..random.below(40) {
                let [a, b] = [random.below(128) as u8, random.below(128) as u8];
                track.extend(match random.below(8) {
                    0 => vec![0x30, 0xff, 0x01, 2, a, b],
                    1 => vec![0, 0xff, 0x51, 3, 7, a, b],
                    2 => vec![0, 0xf0, 3, a, b, 0xf7],
                    3 => vec![0x81, a, 0xc0, b],
                    4 => vec![0, 0xb0, a, b],
                    5 => vec![0, 0xff, 0x58, 4, 1 + a % 7, 2, 24, 8],
                    _ => vec![0x30, 0x90, a, b],
                });
            }
            track.extend(END);
            bytes.extend(chunk(track.len(), &track));
        }
        bytes
    }

    #[test]
    fn twenty_thousand_mutated_files_are_read_or_refused() {
        let mut random = Random::new(14);
        for number in 0..20_000 {
            let mut bytes = material(&mut random);
            for _ in 0..=random.below(6) {
                let length = bytes.len().max(1);
                let at = random.below(length as u32) as usize;
                let value = random.below(256) as u8;
                match random.below(6) {
                    0 => bytes.truncate(at),
                    1 => bytes.insert(at.min(bytes.len()), value),
                    2 if at < bytes.len() => drop(bytes.remove(at)),
                    3 if at < bytes.len() => bytes.rotate_left(at),
                    4 => bytes.extend_from_within(at.min(bytes.len())..),
                    _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = value),
                }
            }
            let Some(repaired) = repair(&bytes) else { continue };
            assert!(repaired.bytes.len() <= 14 + 12 * (bytes.len() + 1), "file {number}: bounded by what is there");
            // What comes of it is sound: midly reads each event of it, and reads all its bytes.
            let (_, tracks) = midly::parse(&repaired.bytes).expect("a sound file");
            let mut count = 0;
            for track in tracks {
                let events: Vec<_> = track.expect("a track").collect::<Result<_, _>>().expect("sound events");
                assert!(events.last().is_some_and(|event| event.kind == TrackEventKind::Meta(MetaMessage::EndOfTrack)));
                count += 1;
            }
            assert_eq!(count, repaired.tracks, "file {number}");
            let again = repair(&repaired.bytes).expect("a sound file");
            assert_eq!(
                (&again.bytes, again.flaws.len()),
                (&repaired.bytes, 0),
                "file {number}: nothing is left to repair"
            );
            if number % 16 == 0 {
                let file = read(&bytes).expect("it has a header");
                assert!(file.orders.is_sorted_by_key(|timed| timed.sample) && file.warnings.len() <= MAX_TOLD + 1);
            }
        }
    }

    #[test]
    fn the_largest_files_of_damage_alone_take_no_time() {
        for pattern in [
            &[0xf4][..],
            &[0xf0, 0xff, 0xff, 0x7f],
            &[0, 0xff, 0x2f, 0],
            &[0x00, 0x90, 60, 0xf4, 0x81],
            &[0x00, 0xff, 1, 0x7f],
        ] {
            let track: Vec<u8> = pattern.iter().copied().cycle().take(MAX_MIDI_BYTES as usize - 64).collect();
            let file = read(&file(&track)).expect("a header");
            assert!(file.warnings.len() <= MAX_TOLD + 1, "{pattern:x?}");
        }
    }
}
