//! Material for listening models: scores played by a synthesiser, as people play rather than as they are written.

use anyhow::{Context, Result, bail, ensure};
use midly::{MetaMessage, MidiMessage, Smf, Timing, TrackEventKind};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// Longest rendering.
const SECONDS: f64 = 70.0;
/// Keys that are played; what lies beyond is left out.
const KEYS: std::ops::RangeInclusive<i32> = 36..=93;
/// Of the channels, drums.
const DRUMS: u8 = 9;
/// Velocities: mean, deviation, least and most.
const VELOCITY: [f64; 4] = [84.0, 16.0, 30.0, 125.0];
/// Deviation of a note's beginning, in seconds.
const ONSET_S: f64 = 0.008;
/// A piece is played as many times as fast.
const TEMPO: [f64; 2] = [0.8, 1.2];
/// Ticks of a second, in what is written: 480 a beat at 120 beats a minute.
const TICKS: f64 = 960.0;
/// No score is longer or larger.
const MAX_SCORE_BYTES: u64 = 4 << 20;
const SOUND_FONT: &str = "/usr/share/sounds/sf2/FluidR3_GM.sf2";

/// Dissonant chords, in semitones above their lowest note: minor seconds and ninths, tritones, major sevenths.
const CHORDS: [&[i32]; 8] = [
    &[0, 1, 6, 11],
    &[0, 6, 11, 13],
    &[0, 1, 2],
    &[0, 6, 13, 17],
    &[0, 4, 11, 13],
    &[0, 7, 8, 14],
    &[0, 11, 18],
    &[0, 13, 14, 19],
];
/// The lowest notes of chords.
const LOWEST: std::ops::Range<i32> = 40..64;
/// Seconds from chord to chord, and by how much more a chord may last.
const CHORD_S: [f64; 2] = [0.6, 2.8];
const RING_S: f64 = 1.5;
/// One in so many chords is broken, a note after the other, so many seconds apart.
const BROKEN: u64 = 3;
const BROKEN_S: f64 = 0.18;

/// Instruments that belong together, and what they play.
struct Family {
    name: &'static str,
    /// Programs of General MIDI, from 0; one is drawn for each rendering.
    programs: &'static [u8],
    /// Folder of scores, every how manieth is played, and how often each.
    scores: &'static [(&'static str, usize, usize)],
    /// Pieces of chords that are made up.
    chords: usize,
}

const FAMILIES: [Family; 5] = [
    Family {
        name: "guitar",
        programs: &[24, 25, 26, 27, 27, 26],
        scores: &[("guitar", 1, 3), ("piano", 2, 1)],
        chords: 0,
    },
    Family { name: "piano", programs: &[0, 0, 0, 1], scores: &[("piano", 1, 1), ("guitar", 1, 1)], chords: 0 },
    Family {
        name: "strings",
        programs: &[40, 41, 42, 42, 40, 44, 45, 48, 48, 49],
        scores: &[("guitar", 1, 2), ("piano", 2, 1)],
        chords: 0,
    },
    Family {
        name: "any",
        programs: &[
            0, 0, 4, 6, 11, 12, 16, 19, 21, 24, 25, 26, 27, 32, 40, 41, 42, 45, 46, 48, 49, 52, 56, 60, 65, 68, 71, 73,
            75, 79,
        ],
        scores: &[("guitar", 1, 3), ("piano", 1, 1)],
        chords: 0,
    },
    Family { name: "dissonant", programs: &[4, 11, 14, 46, 48, 92], scores: &[], chords: 120 },
];

/// A note of a score, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Note {
    start: f64,
    end: f64,
    key: u8,
}

/// A rendering to be made.
struct Job {
    /// What is played; none: chords that are made up.
    score: Option<PathBuf>,
    out: PathBuf,
    program: u8,
    semitones: i32,
    tempo: f64,
    /// Where in the score it begins, as a part of what may be left out.
    place: f64,
    random: Random,
}

/// Renders the scores below the folder `scores` for a family into `out`, one FLAC file a rendering; those that are there stay.
pub fn render(family: &str, scores: &Path, out: &Path) -> Result<()> {
    let names = FAMILIES.map(|family| family.name).join(", ");
    let family = FAMILIES.iter().find(|known| known.name == family);
    let family = family.with_context(|| format!("expected one of {names}"))?;
    let sound_font = std::env::var_os("SOUNDFONT").map_or_else(|| SOUND_FONT.into(), PathBuf::from);
    let font = sound_font.display();
    ensure!(sound_font.is_file(), "{font}: no sound font (Debian: fluid-soundfont-gm; SOUNDFONT names another)");
    fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let jobs = jobs(family, scores, out)?;
    let (next, silent) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let workers = thread::available_parallelism().map_or(1, Into::into);
    thread::scope(|scope| -> Result<()> {
        let work = || -> Result<()> {
            while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                if !job.out.exists() && !play(job, &sound_font).with_context(|| job.source())? {
                    silent.fetch_add(1, Ordering::Relaxed);
                }
                let done = next.load(Ordering::Relaxed).min(jobs.len());
                if done % 20 == 0 || done == jobs.len() {
                    eprintln!("{}: {done} of {}", family.name, jobs.len());
                }
            }
            Ok(())
        };
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            thread.join().map_err(|_| anyhow::anyhow!("a thread has panicked"))??;
        }
        Ok(())
    })?;
    println!("{}: {} renderings in {}", family.name, jobs.len() - silent.into_inner(), out.display());
    Ok(())
}

/// All renderings of a family. What is drawn for one depends on its name alone.
fn jobs(family: &Family, scores: &Path, out: &Path) -> Result<Vec<Job>> {
    let mut jobs = Vec::new();
    for &(folder, every, copies) in family.scores {
        let folder = scores.join(folder);
        let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
        let mut files: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
        files.retain(|path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("mid")));
        files.sort();
        ensure!(!files.is_empty(), "{}: no MIDI files", folder.display());
        for score in files.into_iter().step_by(every) {
            let name = score.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            for copy in 0..copies {
                let mut random = Random::of(&format!("{} {name} {copy}", family.name));
                let program = family.programs[random.below(family.programs.len() as u64) as usize];
                let tempo = TEMPO[0] + (TEMPO[1] - TEMPO[0]) * random.uniform();
                // The first copy as it is written and from its beginning; the others anywhere, in any key.
                let semitones = if copy == 0 { 0 } else { random.below(11) as i32 - 5 };
                let place = if copy == 0 { 0.0 } else { random.uniform() };
                let out = out.join(format!("{name}~{copy}_{program}.flac"));
                jobs.push(Job { score: Some(score.clone()), out, program, semitones, tempo, place, random });
            }
        }
    }
    for piece in 0..family.chords {
        let mut random = Random::of(&format!("{} {piece}", family.name));
        let program = family.programs[random.below(family.programs.len() as u64) as usize];
        let out = out.join(format!("chords-{piece:03}_{program}.flac"));
        jobs.push(Job { score: None, out, program, semitones: 0, tempo: 1.0, place: 0.0, random });
    }
    Ok(jobs)
}

impl Job {
    fn source(&self) -> String {
        self.score.as_ref().unwrap_or(&self.out).display().to_string()
    }

    fn notes(&self) -> Result<Vec<Note>> {
        let Some(score) = &self.score else { return Ok(chords(&mut self.random.clone())) };
        let size = fs::metadata(score)?.len();
        ensure!(size <= MAX_SCORE_BYTES, "expected at most {MAX_SCORE_BYTES} bytes, found {size}");
        notes(&fs::read(score)?)
    }
}

/// Dissonant chords, one after the other.
fn chords(random: &mut Random) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut start = 0.0;
    while start < SECONDS {
        let length = CHORD_S[0] + (CHORD_S[1] - CHORD_S[0]) * random.uniform();
        let lowest = LOWEST.start + random.below((LOWEST.end - LOWEST.start) as u64) as i32;
        let chord = CHORDS[random.below(CHORDS.len() as u64) as usize];
        let apart = if random.below(BROKEN) == 0 { BROKEN_S } else { 0.0 };
        let end = start + length + RING_S * random.uniform();
        for (index, semitones) in chord.iter().enumerate() {
            notes.push(Note { start: start + apart * index as f64, end, key: (lowest + semitones) as u8 });
        }
        start += length;
    }
    notes
}

/// Makes a rendering; false if nothing is to be heard.
fn play(job: &Job, sound_font: &Path) -> Result<bool> {
    let midi = performance(&job.notes()?, job);
    if midi.is_empty() {
        return Ok(false);
    }
    let (score, part) = (job.out.with_extension("mid"), job.out.with_extension("part"));
    fs::write(&score, midi)?;
    let status = Command::new("fluidsynth")
        .args(["-ni", "-q", "-r", "22050", "-g", "0.4", "-R", "0", "-C", "0", "-T", "flac", "-O", "s16", "-F"])
        .args([&part, &sound_font.to_path_buf(), &score])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let _ = fs::remove_file(&score);
    let status = status.context("fluidsynth (Debian: fluidsynth)")?;
    if !status.success() {
        let _ = fs::remove_file(&part);
        bail!("fluidsynth: {status}");
    }
    fs::rename(&part, &job.out)?;
    Ok(true)
}

/// The notes of a MIDI file but for drums, in the order of their beginnings.
fn notes(bytes: &[u8]) -> Result<Vec<Note>> {
    let smf = Smf::parse(bytes).context("not a MIDI file")?;
    let Timing::Metrical(per_beat) = smf.header.timing else { bail!("expected beats, found time code") };
    let per_beat = f64::from(per_beat.as_int().max(1));
    // Tick, order within the tick (ends first), what happens.
    let mut events = Vec::new();
    for track in &smf.tracks {
        let mut tick = 0u64;
        for event in track {
            tick += u64::from(event.delta.as_int());
            match event.kind {
                TrackEventKind::Meta(MetaMessage::Tempo(tempo)) => events.push((tick, 0, Event::Tempo(tempo.as_int()))),
                TrackEventKind::Midi { channel, message } if channel.as_int() != DRUMS => match message {
                    MidiMessage::NoteOn { key, vel } if vel.as_int() > 0 => {
                        events.push((tick, 2, Event::Start(channel.as_int(), key.as_int())));
                    }
                    MidiMessage::NoteOn { key, .. } | MidiMessage::NoteOff { key, .. } => {
                        events.push((tick, 1, Event::End(channel.as_int(), key.as_int())));
                    }
                    _ => {}
                },
                _ => {}
            }
        }
    }
    events.sort_by_key(|&(tick, order, _)| (tick, order));
    let (mut seconds, mut last, mut beat_s) = (0.0, 0, 0.5);
    let mut sounding: Vec<(u8, Note)> = Vec::new();
    let mut notes = Vec::new();
    for (tick, _, event) in events {
        seconds += (tick - last) as f64 / per_beat * beat_s;
        last = tick;
        match event {
            Event::Tempo(micros) => beat_s = f64::from(micros) * 1e-6,
            Event::Start(channel, key) => sounding.push((channel, Note { start: seconds, end: seconds, key })),
            Event::End(channel, key) => {
                let at = sounding.iter().position(|(of, note)| *of == channel && note.key == key);
                if let Some((_, note)) = at.map(|at| sounding.remove(at)) {
                    notes.push(Note { end: seconds, ..note });
                }
            }
        }
    }
    notes.extend(sounding.into_iter().map(|(_, note)| Note { end: seconds, ..note }));
    notes.sort_by(|a, b| a.start.total_cmp(&b.start).then(a.key.cmp(&b.key)));
    Ok(notes)
}

enum Event {
    /// Microseconds of a beat.
    Tempo(u32),
    /// Channel and key.
    Start(u8, u8),
    End(u8, u8),
}

/// A MIDI file of these notes as somebody plays them; empty if there are none.
fn performance(notes: &[Note], job: &Job) -> Vec<u8> {
    let mut random = job.random.clone();
    let length = notes.iter().map(|note| note.end * job.tempo).fold(0.0, f64::max);
    let from = job.place * (length - SECONDS).max(0.0);
    // Tick, starts after ends, key, velocity.
    let mut events: Vec<(u32, bool, u8, u8)> = Vec::new();
    for note in notes {
        let key = i32::from(note.key) + job.semitones;
        // Drawn for every note, so that one that is left out does not change the others.
        let shift = ONSET_S * random.normal();
        let [mean, deviation, least, most] = VELOCITY;
        let velocity = (mean + deviation * random.normal()).clamp(least, most) as u8;
        let start = note.start * job.tempo - from;
        if !KEYS.contains(&key) || !(0.0..=SECONDS).contains(&start) {
            continue;
        }
        let tick = |seconds: f64| ((seconds + shift).clamp(0.0, SECONDS + 1.0) * TICKS).round() as u32;
        let (start, end) = (tick(start), tick(note.end * job.tempo - from));
        events.push((start, true, key as u8, velocity));
        events.push((end.max(start + 1), false, key as u8, 0));
    }
    if events.is_empty() {
        return Vec::new();
    }
    events.sort_unstable();
    let mut track = vec![0, 0xc0, job.program];
    let mut last = 0;
    for (tick, is_start, key, velocity) in events {
        push_variable(&mut track, tick - last);
        track.extend([if is_start { 0x90 } else { 0x80 }, key, velocity]);
        last = tick;
    }
    track.extend([0, 0xff, 0x2f, 0]);
    let mut file = b"MThd\0\0\0\x06\0\0\0\x01\x01\xe0MTrk".to_vec();
    file.extend((track.len() as u32).to_be_bytes());
    file.extend(track);
    file
}

/// A number in groups of 7 bits, as MIDI files have it.
fn push_variable(bytes: &mut Vec<u8>, value: u32) {
    let groups = (0..4).rev().map(|group| (value >> (7 * group) & 0x7f) as u8);
    let mut groups = groups.skip_while(|&group| group == 0).peekable();
    if groups.peek().is_none() {
        bytes.push(0);
    }
    while let Some(group) = groups.next() {
        bytes.push(if groups.peek().is_some() { group | 0x80 } else { group });
    }
}

/// SplitMix64.
#[derive(Clone)]
struct Random(u64);

impl Random {
    /// Of a name (FNV-1a).
    fn of(name: &str) -> Self {
        let hash = |sum: u64, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(name.bytes().fold(0xcbf2_9ce4_8422_2325, hash))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.uniform() * bound as f64) as u64
    }

    /// Normally distributed, mean 0 and variance 1 (Box and Muller).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(semitones: i32, place: f64) -> Job {
        let random = Random::of("a name");
        Job { score: None, out: "a.flac".into(), program: 25, semitones, tempo: 1.0, place, random }
    }

    #[test]
    fn a_performance_has_the_notes_of_the_score_nearly_in_time_and_in_its_key() {
        let score: Vec<Note> = (0..40)
            .map(|i| Note { start: 0.25 * f64::from(i), end: 0.25 * f64::from(i) + 0.2, key: 50 + i as u8 % 12 })
            .collect();
        let played = notes(&performance(&score, &job(0, 0.0))).expect("a MIDI file");
        assert_eq!(played.len(), score.len());
        assert_ne!(played, score);
        for (played, note) in played.iter().zip(&score) {
            assert_eq!(played.key, note.key);
            assert!(
                (played.start - note.start).abs() < 0.05 && (played.end - note.end).abs() < 0.05,
                "{played:?} {note:?}"
            );
        }
        let moved = notes(&performance(&score, &job(3, 0.0))).expect("a MIDI file");
        assert!(moved.iter().zip(&played).all(|(moved, note)| moved.key == note.key + 3 && moved.start == note.start));
        assert_eq!(performance(&score, &job(0, 0.0)), performance(&score, &job(0, 0.0)));
    }

    #[test]
    fn long_scores_are_cut_and_unplayable_notes_left_out() {
        let note = |start: f64, key| Note { start, end: start + 1.0, key };
        let score = [note(0.0, 60), note(100.0, 20), note(139.0, 62), note(100.0, 61)];
        let first = notes(&performance(&score, &job(0, 0.0))).expect("a MIDI file");
        assert_eq!(first.iter().map(|note| note.key).collect::<Vec<_>>(), [60]);
        let last = notes(&performance(&score, &job(0, 1.0))).expect("a MIDI file");
        assert_eq!(last.iter().map(|note| note.key).collect::<Vec<_>>(), [61, 62]);
        assert!(performance(&[note(0.0, 20)], &job(0, 0.0)).is_empty());
        assert!(notes(b"no MIDI file").is_err());
    }

    #[test]
    fn chords_are_dissonant_playable_and_the_same_for_one_name() {
        let notes = chords(&mut Random::of("a piece"));
        assert_eq!(notes, chords(&mut Random::of("a piece")));
        assert_ne!(notes, chords(&mut Random::of("another")));
        assert!(notes.iter().all(|note| KEYS.contains(&i32::from(note.key)) && note.end > note.start));
        assert!(notes.last().is_some_and(|note| note.start > SECONDS - CHORD_S[1]));
        for chord in CHORDS {
            let is_harsh = |(a, b): (&i32, &i32)| matches!((a - b).rem_euclid(12), 1 | 6 | 11);
            assert!(chord.iter().flat_map(|a| chord.iter().map(move |b| (a, b))).any(is_harsh), "{chord:?}");
        }
    }

    #[test]
    fn numbers_are_written_in_groups_of_seven_bits() {
        for (value, expected) in [(0, &[0][..]), (0x7f, &[0x7f]), (0x80, &[0x81, 0]), (0x3fff, &[0xff, 0x7f])] {
            let mut bytes = Vec::new();
            push_variable(&mut bytes, value);
            assert_eq!(bytes, expected);
        }
    }
}
