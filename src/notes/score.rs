//! MIDI files as notes in ticks, notes as a roll, and rolls as MIDI files.

use super::{
    error::NotesError,
    midi_file::{MAX_EVENTS, USUAL_TEMPO_US, not_midi, read_repaired, repaired},
    repair::{Fault, Repaired},
    roll::{COLUMN_BYTES, MAX_STEPS, Roll, bitmap},
};
use crate::model::{KEYS, LOWEST_KEY, RollApproach, RollRepeats as Repeats};
use midly::{
    Format, Header, MetaMessage, MidiMessage, Smf, Timing, TrackEvent, TrackEventKind,
    num::{u4, u7, u15, u24, u28},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, VecDeque},
    path::Path,
};

/// The channel of percussion, counted from 0: it holds no keys.
const PERCUSSION: u8 = 9;
/// The controller of the sustain pedal.
pub const SUSTAIN: u8 = 64;
/// From this value on it is down.
pub const PEDAL_DOWN: u8 = 64;
/// Velocity of written notes, as the published converter has it.
const VELOCITY: u8 = 80;

/// More notes than this are not written, as the events of more would not be read: a beginning and an end each, and
/// tempo, program and end of the track.
const MAX_WRITTEN_NOTES: u64 = (MAX_EVENTS as u64 - 3) / 2;

/// How ticks become steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rounding {
    /// To the nearest step, ties up, counted from the file's first tick, where its first bar begins.
    #[default]
    Nearest,
    /// Down, counted from the first note, as the published converter does.
    Floor,
}

/// How notes become a roll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grid {
    /// Steps of a quarter note, 1 to 48.
    pub steps_per_quarter: u32,
    /// How ticks become steps.
    pub rounding: Rounding,
    /// Whether the sustain pedal lengthens notes.
    pub pedal: bool,
    /// What becomes of a key that is struck again without a gap.
    pub repeats: Repeats,
}

impl Default for Grid {
    fn default() -> Self {
        Self { steps_per_quarter: 4, rounding: Rounding::default(), pedal: false, repeats: Repeats::default() }
    }
}

impl Grid {
    /// How MIDI files are read for a model: on its grid, with its rule for keys that are struck again.
    pub fn of(approach: &RollApproach) -> Self {
        Self { steps_per_quarter: approach.steps_per_quarter as u32, repeats: approach.repeats, ..Self::default() }
    }

    /// The rule that it breaks: a field, what it should be, and what it is.
    pub fn problem(&self) -> Option<(&'static str, String, String)> {
        let steps = self.steps_per_quarter;
        (!(1..=48).contains(&steps)).then(|| ("steps_per_quarter", "1 to 48".into(), steps.to_string()))
    }

    /// The step of a tick, both counted from the grid's origin.
    pub fn step(&self, tick: u64, ticks_per_quarter: u16) -> u64 {
        let (steps, ticks) = (u64::from(self.steps_per_quarter), u64::from(ticks_per_quarter.max(1)));
        match self.rounding {
            Rounding::Nearest => (2 * tick * steps + ticks) / (2 * ticks),
            Rounding::Floor => tick * steps / ticks,
        }
    }
}

/// A note of a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its first tick.
    pub start: u64,
    /// The tick at which it ends.
    pub end: u64,
    /// Its MIDI key, 21 to 108.
    pub key: u8,
    /// Its channel, 0 to 15.
    pub channel: u8,
    /// How hard it is struck, 1 to 127.
    pub velocity: u8,
}

/// What a MIDI file says that a roll can be made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// Ticks of a quarter note.
    pub ticks_per_quarter: u16,
    /// The notes of all tracks and channels but percussion, by start.
    pub notes: Vec<Note>,
    /// Tempi as (tick, microseconds a quarter), by tick.
    pub tempi: Vec<(u64, u32)>,
    /// Time signatures as (tick, numerator, denominator), by tick.
    pub signatures: Vec<(u64, u32, u32)>,
    /// Where the sustain pedal is down, as (channel, tick, tick at which it is up), by channel, then tick.
    pub pedal: Vec<(u8, u64, u64)>,
    /// The last tick of the longest track.
    pub end: u64,
    /// Whether its notes differ in velocity.
    pub has_velocities: bool,
    /// Notes outside the 88 keys, left out.
    pub outside: usize,
    /// Notes of the channel of percussion, left out.
    pub percussion: usize,
    /// Notes that never end: they end with their track.
    pub unclosed: usize,
    /// Places that could not be read, or what else is missing.
    pub warnings: Vec<String>,
}

/// What was lost when a score was placed on a grid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// Notes.
    pub notes: usize,
    /// Notes that do not begin on the grid.
    pub off_grid: usize,
    /// Notes whose end falls into the step of their beginning: they last a step all the same.
    pub lengthened: usize,
    /// Notes that begin where another one of their key ends.
    pub repeated: usize,
}

/// Events of one track, as the reader meets them.
#[derive(Default)]
struct Reading {
    notes: Vec<Note>,
    tempi: Vec<(u64, u32)>,
    signatures: Vec<(u64, u32, u32)>,
    /// (tick, channel, down)
    pedal: Vec<(u64, u8, bool)>,
    velocities: u128,
    outside: usize,
    percussion: usize,
    unclosed: usize,
    events: usize,
    end: u64,
}

impl Reading {
    /// Reads a track from `start` on; gives the tick of its end.
    fn track<'a>(&mut self, start: u64, events: impl Iterator<Item = TrackEvent<'a>>) -> u64 {
        let mut open: HashMap<(u8, u8), VecDeque<usize>> = HashMap::new();
        let mut tick = start;
        for event in events {
            if self.events == MAX_EVENTS {
                break;
            }
            self.events += 1;
            tick += u64::from(event.delta.as_int());
            match event.kind {
                TrackEventKind::Midi { channel, message } => {
                    self.message(tick, channel.as_int(), message, &mut open);
                }
                // No quarter is without length.
                TrackEventKind::Meta(MetaMessage::Tempo(tempo)) if tempo > 0 => self.tempi.push((tick, tempo.as_int())),
                TrackEventKind::Meta(MetaMessage::TimeSignature(beats, log_unit, ..)) if beats > 0 && log_unit < 8 => {
                    self.signatures.push((tick, beats.into(), 1 << log_unit));
                }
                _ => {}
            }
        }
        for note in open.into_values().flatten() {
            self.notes[note].end = tick;
            self.unclosed += 1;
        }
        self.end = self.end.max(tick);
        tick
    }

    fn message(&mut self, tick: u64, channel: u8, message: MidiMessage, open: &mut HashMap<(u8, u8), VecDeque<usize>>) {
        match message {
            MidiMessage::NoteOn { key, vel } if vel > 0 => {
                let key = key.as_int();
                if channel == PERCUSSION {
                    self.percussion += 1;
                } else if !(LOWEST_KEY..LOWEST_KEY + KEYS as u8).contains(&key) {
                    self.outside += 1;
                } else {
                    self.velocities |= 1 << vel.as_int();
                    open.entry((channel, key)).or_default().push_back(self.notes.len());
                    self.notes.push(Note { start: tick, end: tick, key, channel, velocity: vel.as_int() });
                }
            }
            MidiMessage::NoteOn { key, .. } | MidiMessage::NoteOff { key, .. } => {
                // The one struck first ends first.
                let note = open.get_mut(&(channel, key.as_int())).and_then(VecDeque::pop_front);
                if let Some(note) = note {
                    self.notes[note].end = tick;
                }
            }
            MidiMessage::Controller { controller, value } if controller == SUSTAIN => {
                self.pedal.push((tick, channel, value >= PEDAL_DOWN));
            }
            _ => {}
        }
    }

    /// Spans in which the pedal is down.
    fn pedal_spans(&mut self) -> Vec<(u8, u64, u64)> {
        // Stable: what stands at one tick keeps its order.
        self.pedal.sort_by_key(|&(tick, ..)| tick);
        let mut down = [None; 16];
        let mut spans = Vec::new();
        for &(tick, channel, is_down) in &self.pedal {
            let since = &mut down[usize::from(channel & 15)];
            if is_down {
                since.get_or_insert(tick);
            } else if let Some(since) = since.take() {
                spans.push((channel, since, tick));
            }
        }
        for (channel, since) in down.into_iter().enumerate() {
            spans.extend(since.map(|since| (channel as u8, since, self.end)));
        }
        spans.sort_unstable();
        spans
    }
}

impl Score {
    /// Reads a standard MIDI file.
    ///
    /// # Errors
    /// If it cannot be read, is larger than [`super::MAX_MIDI_BYTES`], is no MIDI file, or counts no quarters.
    pub fn read(path: &Path) -> Result<Self, NotesError> {
        Self::from_repaired(&read_repaired(path)?, path)
    }

    /// The same of bytes; `name` stands for their path in errors.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn from_bytes(bytes: &[u8], name: &Path) -> Result<Self, NotesError> {
        Self::from_repaired(&repaired(bytes, name)?, name)
    }

    fn from_repaired(repaired: &Repaired, name: &Path) -> Result<Self, NotesError> {
        let (header, tracks) = midly::parse(&repaired.bytes).map_err(|error| not_midi(name, &error.to_string()))?;
        let ticks_per_quarter = match header.timing {
            Timing::Metrical(ticks) if repaired.has_division => ticks.as_int(),
            timing => {
                let actual = match timing {
                    Timing::Timecode(..) => "frames of a film (SMPTE)",
                    Timing::Metrical(_) => "a division of 0 or of no meaning",
                };
                return Err(NotesError::Unsuitable {
                    file: name.into(),
                    what: "time",
                    expected: "ticks a quarter note".into(),
                    actual: actual.into(),
                });
            }
        };
        let mut reading = Reading::default();
        let mut start = 0;
        for track in tracks {
            let events = track.map_err(|error| not_midi(name, &error.to_string()))?;
            let end = reading.track(start, events.flatten());
            start = if repaired.has_patterns { end } else { 0 };
        }
        let mut warnings = Vec::new();
        let flaws = |fault| repaired.flaws.iter().filter(|flaw| flaw.fault == fault).count();
        for (fault, what) in [
            (Fault::Damaged, "notes may be missing there"),
            (Fault::GivenUp, "notes after it are missing"),
            (Fault::CutShort, "cut short: notes after it are missing"),
        ] {
            match flaws(fault) {
                0 => {}
                1 => warnings.push(format!("damaged at 1 place: {what}")),
                count => warnings.push(format!("damaged at {count} places: {what}")),
            }
        }
        if repaired.tracks < repaired.told_tracks {
            warnings.push(format!("{} tracks of the {} that it tells of", repaired.tracks, repaired.told_tracks));
        }
        if reading.events == MAX_EVENTS {
            warnings.push(format!("more than {MAX_EVENTS} events: the others are not read"));
        }
        let pedal = reading.pedal_spans();
        let Reading { mut notes, mut tempi, mut signatures, end, .. } = reading;
        notes.sort_by_key(|note| (note.start, note.key, note.end));
        tempi.sort_by_key(|&(tick, _)| tick);
        signatures.sort_by_key(|&(tick, ..)| tick);
        Ok(Self {
            ticks_per_quarter,
            notes,
            tempi,
            signatures,
            pedal,
            end,
            has_velocities: reading.velocities.count_ones() > 1,
            outside: reading.outside,
            percussion: reading.percussion,
            unclosed: reading.unclosed,
            warnings,
        })
    }

    /// Seconds from its first tick to its last, by its tempi.
    pub fn seconds(&self) -> f64 {
        let (mut sum, mut last, mut tempo_us) = (0.0, 0, USUAL_TEMPO_US);
        for &(tick, tempo) in self.tempi.iter().chain([&(self.end, 0)]) {
            sum += tick.saturating_sub(last) as f64 * f64::from(tempo_us);
            (last, tempo_us) = (tick, tempo);
        }
        sum / (1e6 * f64::from(self.ticks_per_quarter.max(1)))
    }

    /// The tempo that holds at a tick, in quarter notes a minute; none where the file has told none by then.
    pub fn tempo_at(&self, tick: u64) -> Option<f64> {
        let told = self.tempi.partition_point(|&(at, _)| at <= tick);
        told.checked_sub(1).map(|last| 60e6 / f64::from(self.tempi[last].1))
    }

    /// Its largest tempo divided by its smallest, of those that hold anywhere until its last note ends.
    pub fn tempo_range(&self) -> f64 {
        let end = self.notes.iter().map(|note| note.end).max().unwrap_or(self.end);
        let usual = self.tempi.first().is_none_or(|&(tick, _)| tick > 0).then_some(USUAL_TEMPO_US);
        // The last of a tick holds.
        let held = self.tempi.chunk_by(|a, b| a.0 == b.0).filter_map(|chunk| chunk.last());
        let held = held.filter(|&&(tick, _)| tick == 0 || tick < end).map(|&(_, tempo)| tempo);
        let tempi: Vec<u32> = held.chain(usual).collect();
        let (slowest, fastest) = (tempi.iter().max().copied().unwrap_or(1), tempi.iter().min().copied().unwrap_or(1));
        f64::from(slowest) / f64::from(fastest)
    }

    /// The time signatures that it has; one that names none is in 4/4.
    pub fn signature_set(&self) -> Vec<(u32, u32)> {
        let mut set: Vec<_> = self.signatures.iter().map(|&(_, beats, unit)| (beats, unit)).collect();
        if self.signatures.is_empty() {
            set.push((4, 4));
        }
        set.sort_unstable();
        set.dedup();
        set
    }

    /// Where a note ends that the sustain pedal may hold.
    fn sounds_until(&self, note: &Note) -> u64 {
        // A pedal that goes down as the note ends does not catch it.
        let next = self.pedal.partition_point(|&(channel, since, _)| (channel, since) < (note.channel, note.end));
        let last = next.checked_sub(1).map(|last| self.pedal[last]);
        let holds = last.filter(|&(channel, _, until)| channel == note.channel && until > note.end);
        holds.map_or(note.end, |(.., until)| until)
    }

    /// Places the notes on a grid.
    ///
    /// # Errors
    /// The steps of the file, if its notes reach beyond [`MAX_STEPS`].
    pub fn roll(&self, grid: &Grid) -> Result<(Roll, Placed), u64> {
        let origin = match grid.rounding {
            Rounding::Nearest => 0,
            Rounding::Floor => self.notes.first().map_or(0, |note| note.start),
        };
        let step = |tick: u64| grid.step(tick.saturating_sub(origin), self.ticks_per_quarter);
        let mut placed = Placed { notes: self.notes.len(), ..Placed::default() };
        // (step, whether it is a stroke, key index): ends before strokes.
        let mut changes: Vec<(u32, bool, u8)> = Vec::with_capacity(2 * self.notes.len());
        for note in &self.notes {
            let off =
                (note.start - origin) * u64::from(grid.steps_per_quarter) % u64::from(self.ticks_per_quarter.max(1));
            placed.off_grid += usize::from(off != 0);
            let (start, end) = (step(note.start), step(if grid.pedal { self.sounds_until(note) } else { note.end }));
            placed.lengthened += usize::from(end <= start);
            let end = end.max(start + 1);
            if end > MAX_STEPS as u64 {
                return Err(step(self.end));
            }
            let key = note.key - LOWEST_KEY;
            changes.extend([(start as u32, true, key), (end as u32, false, key)]);
        }
        changes.sort_unstable();
        let length = changes.iter().rev().find(|change| !change.1).map_or(0, |change| change.0 as usize);
        let mut sweep = Sweep::new(length, grid.repeats);
        for now in changes.chunk_by(|a, b| a.0 == b.0) {
            placed.repeated += sweep.at(now);
        }
        Ok((sweep.roll(), placed))
    }

    /// A roll as a MIDI file of one track: velocity 80, channel 1, program 0. `name` stands for its path in errors.
    ///
    /// # Errors
    /// If it has more than [`MAX_STEPS`] steps, or more notes than a MIDI file is read with.
    ///
    /// # Panics
    /// Never: memory takes what it is given.
    pub fn midi_of(
        roll: &Roll,
        steps_per_quarter: u32,
        quarters_per_minute: f64,
        name: &Path,
    ) -> Result<Vec<u8>, NotesError> {
        Self::midi_of_parts(&[("", roll)], steps_per_quarter, quarters_per_minute, name)
    }

    /// Rolls that begin together as a MIDI file of a track each, with their titles; one without a title as [`Self::midi_of`].
    ///
    /// # Errors
    /// As [`Self::midi_of`], of each.
    ///
    /// # Panics
    /// Never: memory takes what it is given.
    pub fn midi_of_parts(
        parts: &[(&str, &Roll)],
        steps_per_quarter: u32,
        quarters_per_minute: f64,
        name: &Path,
    ) -> Result<Vec<u8>, NotesError> {
        for (_, roll) in parts {
            for (what, most, found) in
                [("steps", MAX_STEPS as u64, roll.len() as u64), ("notes", MAX_WRITTEN_NOTES, roll.note_count())]
            {
                if found > most {
                    let (expected, actual) = (format!("at most {most} in a MIDI file"), found.to_string());
                    return Err(NotesError::Unsuitable { file: name.into(), what, expected, actual });
                }
            }
        }
        let steps = steps_per_quarter.clamp(1, 48);
        let longest = parts.iter().map(|(_, roll)| roll.len()).max().unwrap_or(0);
        // Ticks a step: so many that the division is a usual one, but that the whole roll fits into one delta time.
        let usual = if 480 % steps == 0 { 480 / steps } else { 20 };
        let ticks_per_step = usual.min(u28::max_value().as_int() / longest.max(1) as u32);
        let tempo = (60e6 / quarters_per_minute).round().clamp(1.0, f64::from((1 << 24) - 1)) as u32;
        let timing = Timing::Metrical(u15::new((ticks_per_step * steps) as u16));
        let format = if parts.len() == 1 { Format::SingleTrack } else { Format::Parallel };
        let mut file = Smf::new(Header::new(format, timing));
        for (index, (title, roll)) in parts.iter().enumerate() {
            let tempo = (index == 0).then_some(tempo);
            file.tracks.push(track_of(title, roll, tempo, ticks_per_step));
        }
        let mut bytes = Vec::new();
        file.write_std(&mut bytes).expect("memory takes what it is given");
        Ok(bytes)
    }
}

/// A roll as a track: its title and the tempo, where there are such, then the notes.
fn track_of<'a>(title: &'a str, roll: &Roll, tempo: Option<u32>, ticks_per_step: u32) -> Vec<TrackEvent<'a>> {
    let mut changes: Vec<(u32, bool, u8)> = Vec::new();
    for (start, end, key) in roll.notes() {
        changes.extend([(start as u32, true, key), (end as u32, false, key)]);
    }
    changes.sort_unstable();
    let mut tick = 0;
    let mut event = |at: u32, kind| {
        let at = at * ticks_per_step;
        TrackEvent { delta: u28::new(at - std::mem::replace(&mut tick, at)), kind }
    };
    let midi = |message| TrackEventKind::Midi { channel: u4::new(0), message };
    let mut track = Vec::new();
    if !title.is_empty() {
        track.push(event(0, TrackEventKind::Meta(MetaMessage::TrackName(title.as_bytes()))));
    }
    if let Some(tempo) = tempo {
        track.push(event(0, TrackEventKind::Meta(MetaMessage::Tempo(u24::new(tempo)))));
    }
    track.push(event(0, midi(MidiMessage::ProgramChange { program: u7::new(0) })));
    for (step, is_stroke, key) in changes {
        let key = u7::new(key + LOWEST_KEY);
        track.push(event(
            step,
            midi(match is_stroke {
                true => MidiMessage::NoteOn { key, vel: u7::new(VELOCITY) },
                false => MidiMessage::NoteOff { key, vel: u7::new(0) },
            }),
        ));
    }
    track.push(event(roll.len() as u32, TrackEventKind::Meta(MetaMessage::EndOfTrack)));
    track
}

/// Columns that are filled from change to change.
struct Sweep {
    columns: Vec<[u8; COLUMN_BYTES]>,
    strokes: Option<Vec<[u8; COLUMN_BYTES]>>,
    repeats: Repeats,
    /// How many notes hold each key.
    held: [u32; KEYS],
    /// The keys that are held.
    column: u128,
    /// The last step with a stroke, and the keys struck there.
    struck: (usize, u128),
}

impl Sweep {
    fn new(length: usize, repeats: Repeats) -> Self {
        Self {
            columns: Vec::with_capacity(length),
            strokes: (repeats == Repeats::Onset).then(|| vec![[0; COLUMN_BYTES]; length]),
            repeats,
            held: [0; KEYS],
            column: 0,
            struck: (0, 0),
        }
    }

    /// Takes the changes of one step, ends before strokes; tells how many notes begin where another one of their key
    /// ends.
    fn at(&mut self, changes: &[(u32, bool, u8)]) -> usize {
        let step = changes[0].0 as usize;
        let before = self.column;
        self.columns.resize(step, bitmap(before));
        let (mut ended, mut struck, mut repeated) = (0u128, 0u128, 0);
        for &(_, is_stroke, key) in changes {
            let (bit, held) = (1 << key, &mut self.held[usize::from(key)]);
            if is_stroke {
                *held += 1;
                repeated += usize::from(ended & bit != 0);
                ended &= !bit;
                struck |= bit;
                self.column |= bit;
            } else {
                *held -= 1;
                if *held == 0 {
                    ended |= bit;
                    self.column &= !bit;
                }
            }
        }
        if let (Repeats::Gap, Some(last)) = (self.repeats, step.checked_sub(1)) {
            // A note of one step has nothing to give away.
            let short = if self.struck.0 == last { self.struck.1 } else { 0 };
            self.columns[last] = bitmap(before & !(struck & !short));
        }
        if let Some(strokes) = self.strokes.as_mut().and_then(|strokes| strokes.get_mut(step)) {
            *strokes = bitmap(struck);
        }
        self.struck = (step, struck);
        repeated
    }

    fn roll(self) -> Roll {
        Roll::new(self.columns, self.strokes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dsp::random::Random, notes::roll::bits};

    /// A track of events at ticks, each with its status byte.
    fn track(events: &[(u32, &[u8])]) -> Vec<u8> {
        let (mut bytes, mut last) = (Vec::new(), 0);
        let end: (u32, &[u8]) = (events.last().map_or(0, |event| event.0), &[0xff, 0x2f, 0]);
        for (tick, event) in events.iter().chain([&end]) {
            let delta = tick - std::mem::replace(&mut last, *tick);
            for shift in [21, 14, 7] {
                if delta >> shift > 0 {
                    bytes.push((delta >> shift & 0x7f) as u8 | 0x80);
                }
            }
            bytes.push((delta & 0x7f) as u8);
            bytes.extend_from_slice(event);
        }
        [b"MTrk", &(bytes.len() as u32).to_be_bytes()[..], &bytes].concat()
    }

    /// A file of such tracks.
    fn file(division: [u8; 2], tracks: &[Vec<u8>]) -> Vec<u8> {
        let header = [&b"MThd\0\0\0\x06\0\x01\0"[..], &[tracks.len() as u8], &division].concat();
        [header, tracks.concat()].concat()
    }

    fn score(tracks: &[Vec<u8>]) -> Score {
        Score::from_bytes(&file([0, 96], tracks), Path::new("piece.mid")).expect("a score")
    }

    fn text(score: &Score, grid: &Grid) -> String {
        score.roll(grid).expect("short").0.to_text()
    }

    const MERGE: Grid =
        Grid { steps_per_quarter: 4, rounding: Rounding::Nearest, pedal: false, repeats: Repeats::Merge };
    /// Middle C on and off; in steps of 24 ticks.
    const ON: [u8; 3] = [0x90, 60, 100];
    const OFF: [u8; 3] = [0x80, 60, 0];

    /// What a reading and a writing give again.
    fn written_and_read(roll: &Roll, grid: &Grid) -> Roll {
        let name = Path::new("again.mid");
        let bytes = Score::midi_of(roll, grid.steps_per_quarter, 120.0, name).expect("few notes");
        let score = Score::from_bytes(&bytes, name).expect("a file of our own");
        assert_eq!((score.unclosed, &score.warnings[..]), (0, &[] as &[String]));
        let (again, placed) = score.roll(grid).expect("as long as it was");
        assert_eq!((placed.off_grid, placed.lengthened), (0, 0));
        again
    }

    #[test]
    fn a_thousand_random_rolls_are_the_same_once_they_are_written_and_read() {
        let mut random = Random::new(1);
        for index in 0..1000 {
            let repeats = [Repeats::Merge, Repeats::Gap, Repeats::Onset][index % 3];
            let rounding = if index % 2 == 0 { Rounding::Nearest } else { Rounding::Floor };
            let grid = Grid { steps_per_quarter: 1 + random.below(48), rounding, repeats, pedal: false };
            let (length, often) = (1 + random.below(200), 2 + random.below(40));
            // As MIDI: what is read first need not be what a roll can hold.
            let mut notes: Vec<Note> = Vec::new();
            for key in LOWEST_KEY..LOWEST_KEY + KEYS as u8 {
                for _ in 0..random.below(often) {
                    let start = u64::from(random.below(length * 480));
                    notes.push(Note {
                        start,
                        end: start + u64::from(random.below(4000)),
                        key,
                        channel: 0,
                        velocity: 80,
                    });
                }
            }
            notes.sort_by_key(|note| note.start);
            let end = notes.iter().map(|note| note.end).max().unwrap_or(0);
            let score = Score { ticks_per_quarter: 480, notes, end, ..score(&[]) };
            let (roll, _) = score.roll(&grid).expect("short");
            if roll.is_empty() {
                continue;
            }
            assert_eq!(written_and_read(&roll, &grid), roll, "roll {index}");
        }
    }

    #[test]
    fn the_longest_rests_and_notes_are_written() {
        let mut columns = vec![[0; COLUMN_BYTES]; MAX_STEPS];
        columns[MAX_STEPS - 1] = bitmap(1);
        let rest = Roll::new(columns.clone(), None);
        columns.fill(bitmap(1));
        for roll in [rest, Roll::new(columns, None)] {
            for steps_per_quarter in [1, 4, 7, 48] {
                let grid = Grid { steps_per_quarter, ..MERGE };
                assert_eq!(written_and_read(&roll, &grid).notes(), roll.notes(), "{steps_per_quarter} steps a quarter");
            }
        }
    }

    #[test]
    fn more_notes_than_a_file_is_read_with_are_not_written() {
        let dense = |steps: usize| {
            let plane = vec![[0xff; COLUMN_BYTES]; steps];
            Roll::new(plane.clone(), Some(plane))
        };
        let refusal =
            |roll: &Roll| Score::midi_of(roll, 4, 120.0, Path::new("x.mid")).expect_err("refused").to_string();
        assert_eq!(
            refusal(&dense(MAX_STEPS)),
            format!("x.mid: notes: expected at most 1048574 in a MIDI file, found {}", KEYS * MAX_STEPS)
        );
        let long = Roll::new(vec![[0; COLUMN_BYTES]; MAX_STEPS + 1], None);
        assert_eq!(refusal(&long), "x.mid: steps: expected at most 1048576 in a MIDI file, found 1048577");
        // As many as there may be are read again.
        let mut full = dense(11_916).columns().to_vec();
        full[11_915] = bitmap((1 << 54) - 1);
        let most = Roll::new(full.clone(), Some(full));
        assert_eq!(most.note_count(), MAX_WRITTEN_NOTES);
        let grid = Grid { repeats: Repeats::Onset, ..MERGE };
        assert_eq!(written_and_read(&most, &grid), most);
    }

    #[test]
    fn ticks_become_steps_by_the_nearest_and_by_the_published_rule() {
        // 384 ticks and 8 steps a quarter: 48 ticks a step.
        const TABLE: [(u64, u64, u64); 20] = [
            (0, 0, 0),
            (1, 0, 0),
            (23, 0, 0),
            (24, 0, 1),
            (47, 0, 1),
            (48, 1, 1),
            (49, 1, 1),
            (71, 1, 1),
            (72, 1, 2),
            (95, 1, 2),
            (96, 2, 2),
            (143, 2, 3),
            (144, 3, 3),
            (191, 3, 4),
            (192, 4, 4),
            (383, 7, 8),
            (384, 8, 8),
            (767, 15, 16),
            (1000, 20, 21),
            (1023, 21, 21),
        ];
        for (tick, floor, nearest) in TABLE {
            for (rounding, step) in [(Rounding::Floor, floor), (Rounding::Nearest, nearest)] {
                let grid = Grid { steps_per_quarter: 8, rounding, ..MERGE };
                assert_eq!(grid.step(tick, 384), step, "{rounding:?} of tick {tick}");
            }
        }
        // Steps need not be whole ticks: 12.5 ticks a step.
        let grid = Grid { steps_per_quarter: 8, ..MERGE };
        assert_eq!([12, 13, 18, 19].map(|tick| grid.step(tick, 100)), [1, 1, 1, 2]);
    }

    #[test]
    fn the_published_rule_counts_from_the_first_note() {
        let score = score(&[track(&[(30, &ON), (100, &OFF), (100, &[0x90, 62, 1]), (150, &[0x80, 62, 0])])]);
        assert_eq!(text(&score, &MERGE), " H H H J J", "steps 1 to 4, and 4 to 6");
        assert_eq!(text(&score, &Grid { rounding: Rounding::Floor, ..MERGE }), "H H J J J");
    }

    #[test]
    fn keys_of_all_tracks_and_channels_are_joined_and_percussion_is_left_out() {
        let score = score(&[
            track(&[(0, &ON), (48, &OFF)]),
            track(&[(24, &[0x95, 60, 1]), (72, &[0x95, 60, 0]), (72, &[0x99, 40, 100]), (90, &[0x89, 40, 0])]),
            track(&[(0, &[0x90, 20, 9]), (9, &[0x80, 20, 0]), (9, &[0x90, 109, 9])]),
        ]);
        assert_eq!(text(&score, &MERGE), "H H H");
        assert_eq!((score.percussion, score.outside, score.unclosed), (1, 2, 0));
        assert!(score.has_velocities);
    }

    #[test]
    fn ends_that_are_missing_and_ends_of_nothing() {
        // Off without on, velocity 0 as an end, on without off.
        let score =
            score(&[track(&[(0, &OFF), (24, &ON), (48, &[0x90, 60, 0]), (72, &[0x90, 64, 1]), (144, &[0xc0, 1])])]);
        assert_eq!((text(&score, &MERGE).as_str(), score.unclosed), (" H  L L L", 1));
    }

    #[test]
    fn a_note_lasts_a_step_at_least() {
        let score = score(&[track(&[(24, &ON), (25, &OFF), (48, &ON), (48, &OFF)])]);
        let (roll, placed) = score.roll(&MERGE).expect("short");
        assert_eq!((roll.to_text().as_str(), placed.lengthened, placed.off_grid), (" H H", 2, 0));
    }

    #[test]
    fn a_key_that_is_struck_again_is_joined_parted_or_marked() {
        // Four steps, two, one, one; then a rest.
        let strokes = [(0, 4), (4, 6), (6, 7), (7, 8), (9, 10)];
        let events: Vec<(u32, &[u8])> =
            strokes.iter().flat_map(|&(on, off)| [(24 * on, &ON[..]), (24 * off, &OFF[..])]).collect();
        let score = score(&[track(&events)]);
        assert_eq!(text(&score, &MERGE), "H H H H H H H H  H");
        assert_eq!(
            text(&score, &Grid { repeats: Repeats::Gap, ..MERGE }),
            "H H H  H  H H  H",
            "one step has none to give"
        );
        let (roll, placed) = score.roll(&Grid { repeats: Repeats::Onset, ..MERGE }).expect("short");
        let ends: Vec<(usize, usize)> = roll.notes().iter().map(|&(start, end, _)| (start, end)).collect();
        assert_eq!((ends, placed.repeated), (strokes.map(|(on, off)| (on as usize, off as usize)).to_vec(), 3));
        assert_eq!(roll.columns(), score.roll(&MERGE).expect("short").0.columns());
    }

    #[test]
    fn the_pedal_lengthens_the_notes_of_its_channel_if_asked() {
        let score = score(&[
            track(&[(0, &ON), (0, &[0x91, 64, 9]), (48, &OFF), (48, &[0x81, 64, 0])]),
            track(&[(24, &[0xb0, 64, 64]), (96, &[0xb0, 64, 63]), (120, &[0xb0, 64, 127])]),
        ]);
        assert_eq!(score.pedal, [(0, 24, 96), (0, 120, 120)], "down until the end");
        assert_eq!(text(&score, &MERGE), "HL HL");
        assert_eq!(text(&score, &Grid { pedal: true, ..MERGE }), "HL HL H H");
    }

    #[test]
    fn a_pedal_that_goes_down_as_a_note_ends_does_not_hold_it() {
        let pressed_at = |tick| {
            let pedal: [(u32, &[u8]); 2] = [(tick, &[0xb0, 64, 127]), (96, &[0xb0, 64, 0])];
            text(&score(&[track(&[(0, &ON), (48, &OFF)]), track(&pedal)]), &Grid { pedal: true, ..MERGE })
        };
        assert_eq!([47, 48, 49].map(pressed_at), ["H H H H", "H H", "H H"]);
    }

    #[test]
    fn tempo_moves_no_step_and_its_range_is_told() {
        let half: &[u8] = &[0xff, 0x51, 3, 0x0f, 0x42, 0x40];
        let score = score(&[track(&[(0, &ON), (96, half), (192, &OFF)])]);
        assert_eq!(text(&score, &MERGE), ["H"; 8].join(" "));
        assert_eq!((score.tempo_range(), score.seconds()), (2.0, 1.5), "120, as nothing else is said, then 60");
        assert_eq!([0, 95, 96, 1 << 40].map(|tick| score.tempo_at(tick)), [None, None, Some(60.0), Some(60.0)]);
        let fast: &[u8] = &[0xff, 0x51, 3, 0x01, 0, 0];
        let unheard = super::tests::score(&[track(&[(0, fast), (0, half), (0, &ON), (192, &OFF), (192, fast)])]);
        assert_eq!((unheard.tempi.len(), unheard.tempo_range()), (3, 1.0), "one is replaced, one comes too late");
        assert_eq!(unheard.tempo_at(0), Some(60.0), "the last of a tick holds");
        let steady = super::tests::score(&[track(&[(0, half), (0, &ON), (96, &OFF)])]);
        assert_eq!((steady.tempo_range(), steady.seconds(), steady.signature_set()), (1.0, 1.0, vec![(4, 4)]));
    }

    #[test]
    fn patterns_follow_each_other() {
        let mut bytes =
            file([0, 96], &[track(&[(0, &ON), (48, &OFF)]), track(&[(0, &[0x90, 62, 1]), (24, &[0x80, 62, 0])])]);
        bytes[9] = 2;
        let score = Score::from_bytes(&bytes, Path::new("patterns.mid")).expect("a score");
        assert_eq!(text(&score, &MERGE), "H H J");
    }

    #[test]
    fn what_counts_no_quarters_or_is_no_midi_file_is_refused_by_name() {
        let events = [track(&[(0, &ON), (96, &OFF)])];
        for (bytes, parts) in [
            (file([0, 0], &events), ["time: expected ticks a quarter note", "a division of 0"]),
            (file([0x80, 0], &events), ["time: expected ticks a quarter note", "a division of 0 or of no meaning"]),
            (file([0xe7, 40], &events), ["time: expected ticks a quarter note", "SMPTE"]),
            (b"MThd\0\0\0\x06\0".to_vec(), ["expected a standard MIDI file", "too little of one"]),
            (b"a letter".to_vec(), ["expected a standard MIDI file", "something else"]),
            (Vec::new(), ["expected a standard MIDI file", "an empty file"]),
            (vec![0; (16 << 20) + 1], ["expected at most 16777216 bytes", "found more"]),
        ] {
            let said = Score::from_bytes(&bytes, Path::new("bad.mid")).expect_err("refused").to_string();
            assert!(said.starts_with("bad.mid: ") && parts.iter().all(|part| said.contains(part)), "{said}");
        }
        let half = file([0, 96], &events);
        let cut = Score::from_bytes(&half[..half.len() - 8], Path::new("cut.mid")).expect("what is left of it");
        assert!(cut.warnings.iter().any(|warning| warning.contains("cut short")) && cut.unclosed == 1, "{cut:?}");
    }

    #[test]
    fn a_million_notes_at_one_tick_and_a_note_without_end_take_no_time() {
        let mut track = vec![0, 0x90];
        track.extend([60, 1, 0].repeat(1_000_000));
        track.extend([60, 0, 0xff, 0xff, 0xff, 0x7f, 60, 0, 0, 0xff, 0x2f, 0]);
        let chunk = [b"MTrk", &(track.len() as u32).to_be_bytes()[..], &track].concat();
        let score = Score::from_bytes(&file([0x7f, 0xff], &[chunk]), Path::new("many.mid")).expect("a score");
        assert!(score.notes.len() > 999_000, "{}", score.notes.len());
        let (roll, placed) = score.roll(&MERGE).expect("32 771 steps");
        assert_eq!((roll.len(), placed.notes), (32_769, score.notes.len()));
        assert!(roll.columns().iter().all(|column| bits(column) == 1 << 39));
        let steps = score.roll(&Grid { steps_per_quarter: 48, ..MERGE }).expect("at most 2²⁰").0.len();
        assert_eq!(steps, 393_228);
        let long = Score { ticks_per_quarter: 1, ..score };
        assert_eq!(long.roll(&MERGE).expect_err("too long"), 4 * long.end);
    }
}
