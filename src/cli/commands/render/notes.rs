//! Rendering notes: a MIDI file through the engine of the plugin for notes.

use super::{NOTE_OPTIONS, RenderArgs};
use crate::{
    audio_file::Warning,
    cli::{
        automation::{Automation, read_automation},
        error::CliError,
        instrument::{EMPTY_NOTE_SLOT, NOTE_RATE_HZ, NoteInstrument},
        midi_place::Piece,
        one_line,
        output::{refuse_same_places, replace_file},
        progress::Progress,
        terminal::{remark, say},
    },
    control::notes::{NoteParam, NoteValues},
    engine::{Bar, Beats, RenderMode, Transport},
    figure::{RollFigure, ShownRoll},
    model::{KEYS, LOWEST_KEY, STEPS_PER_MEASURE},
    notes::{
        Grid, NotesError, Rounding, Score,
        live::{
            Book, CHANNELS, Gesture, MAX_STORED, Message, NoteEngineConfig, NoteModel, NoteModels, NoteSink, Stage,
            StoredCodes, start,
        },
    },
    worker::SlotModel,
};
use midly::{
    Format, Header, MetaMessage, MidiMessage, Smf, Timing, TrackEvent, TrackEventKind,
    num::{u4, u7, u15, u24, u28},
};
use std::{fs, io, path::Path, sync::Arc, time::Instant};

/// Ticks of a quarter note in the file that is written; a file that is read with more keeps its own.
const LEAST_DIVISION: u16 = 480;
/// The longest that a song may be.
const MAX_SECONDS: f64 = 24.0 * 3600.0;

/// Runs the command on a MIDI file.
///
/// # Errors
/// If an option belongs to recordings, or a file or an option is invalid; nothing is written then.
pub fn run(args: &RenderArgs) -> Result<(), CliError> {
    args.given.refuse(&NOTE_OPTIONS, "a recording as IN", &args.input.display().to_string())?;
    args.instrument.refuse_sound_options(&args.given, &args.input)?;
    let mut written = vec![("the output", args.output.as_path())];
    written.extend(args.picture.iter().map(|picture| ("the picture", picture.as_path())));
    let mut read = vec![("the input", args.input.as_path())];
    read.extend(args.instrument.model.iter().map(|model| ("the model", Path::new(model))));
    read.extend(args.store.iter().map(|place| ("a file of --store", place.file.as_path())));
    read.extend(args.automate.iter().map(|automation| ("the automation", automation.as_path())));
    refuse_same_places(&read, &written)?;
    args.overwrite.check(&args.output, "mid")?;
    if let Some(picture) = &args.picture {
        args.overwrite.check(picture, "png")?;
    }
    let NoteInstrument { values, models, model } = args.instrument.make_notes(&[], "IN is a MIDI file")?;
    let score = Score::read(&args.input)?;
    let tempi = Tempi::of(&score);
    let automation: Automation<NoteParam> = match &args.automate {
        Some(path) => read_automation(path, NOTE_RATE_HZ, |beats| tempi.seconds_of_beats(beats))?,
        None => Automation::default(),
    };
    if let Some(path) = &args.automate {
        for (_, slot) in automation.values().filter(|(id, _)| *id == NoteParam::Model) {
            models.load(slot as u8).map_err(|reason| {
                let (path, expected) = (path.clone(), EMPTY_NOTE_SLOT.into());
                CliError::Automation { path, expected, actual: format!("model {slot}: {}", one_line(&reason)) }
            })?;
        }
    }
    let name = one_line(&args.input.display().to_string());
    let warnings = score.warnings.iter().map(|what| Warning { path: args.input.clone(), what: what.clone() });
    args.instrument.strict.warn(&warnings.collect::<Vec<_>>())?;
    for (count, what) in [(score.outside, "notes outside the 88 keys"), (score.percussion, "notes of percussion")] {
        if count > 0 {
            remark!("note: {name}: {count} {what} are left out");
        }
    }
    let seconds = tempi.seconds(score.end) + args.seconds_after;
    if seconds > MAX_SECONDS {
        let (expected, actual) = (format!("at most {MAX_SECONDS} s"), format!("{seconds:.0} s"));
        return Err(CliError::Unsuitable { path: args.input.clone(), what: "length", expected, actual });
    }
    for (id, points, first) in automation.after(sample(seconds) as u64) {
        let (key, first) = (id.spec().key, first as f64 / f64::from(NOTE_RATE_HZ));
        let points = if points == 1 { "1 point".into() } else { format!("{points} points") };
        remark!("warning: --automate: {points} of {key}, from {first} s on, after the end at {seconds:.2} s");
    }
    let codes = stored(args, &model)?;
    let song = Song { score: &score, tempi: &tempi, seconds, automation: &automation };
    let (messages, counted) = perform(args, &song, values, &models, codes);
    let pedal = passed_pedal(&score, &tempi, values, &automation);
    let midi = midi_of(&score, &pedal, &tempi, &messages, seconds, &args.output)?;
    if let Some(picture) = &args.picture {
        let png = picture_of(&messages, &tempi, &model, seconds).map_err(io::Error::other);
        replace_file(picture, |part| fs::write(part, png?))?;
    }
    replace_file(&args.output, |part| fs::write(part, &midi)).inspect_err(|_| {
        if let Some(picture) = &args.picture {
            drop(fs::remove_file(picture));
        }
    })?;
    let ours = messages.iter().filter(|sent| !sent.is_players && matches!(sent.message, Message::On { .. })).count();
    let plural = |count: u64, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let mut line = format!(
        "{seconds:.2} s of {}, {}, {}, {}",
        one_line(model.title()),
        plural(counted.continuations, "continuation"),
        plural(ours as u64, "note"),
        format_args!("{:.0} x real time", seconds / counted.compute_seconds.max(1e-6)),
    );
    if counted.late_steps > 0 {
        line += &format!(", {}", plural(counted.late_steps, "late step"));
    }
    if counted.continuations == 0 {
        line += "; nothing was played to answer, or the song ended before (--seconds-after)";
    }
    say!("{}: {line}", one_line(&args.output.display().to_string()));
    if let Some(picture) = &args.picture {
        say!("{}: the rolls of both", one_line(&picture.display().to_string()));
    }
    Ok(())
}

/// A message at a sample of the song.
#[derive(Clone, Copy, Debug)]
struct Sent {
    at: i64,
    message: Message,
    /// It was passed on.
    is_players: bool,
}

/// What a rendering counts.
struct Counted {
    continuations: u64,
    late_steps: u64,
    compute_seconds: f64,
}

/// Everything that was sent, and by whom.
struct Log {
    sent: Vec<Sent>,
    block: i64,
    /// What is sent now is what the player does.
    passes_on: bool,
    /// The player's notes that sound, by channel.
    players: [u128; CHANNELS],
}

impl NoteSink for Log {
    fn send(&mut self, offset: usize, message: Message) -> bool {
        let is_players = match message {
            Message::On { channel, key, .. } => {
                let players = &mut self.players[usize::from(channel)];
                *players = if self.passes_on { *players | 1 << key } else { *players & !(1 << key) };
                self.passes_on
            }
            Message::Off { channel, key, .. } => self.players[usize::from(channel)] >> key & 1 == 1,
        };
        self.sent.push(Sent { at: self.block + offset as i64, message, is_players });
        true
    }
}

/// The codes of `--store`.
fn stored(args: &RenderArgs, model: &NoteModel) -> Result<Arc<StoredCodes>, CliError> {
    let codes = StoredCodes::default();
    let wrong = |expected: String, actual| Err(CliError::Option { option: "--store", expected, actual });
    if args.store.len() > MAX_STORED {
        return wrong(format!("at most {MAX_STORED} of them"), args.store.len().to_string());
    }
    for place in &args.store {
        let piece = Piece::read(place, model.config())?;
        let Some(code) = model.encode(&piece.roll.sets()[piece.from..]) else {
            return wrong("a model with a code, an autoencoder".into(), one_line(model.title()));
        };
        codes.push(code);
    }
    Ok(Arc::new(codes))
}

/// What is played.
struct Song<'a> {
    score: &'a Score,
    tempi: &'a Tempi,
    seconds: f64,
    automation: &'a Automation<NoteParam>,
}

/// Plays the score to the engine.
fn perform(
    args: &RenderArgs,
    &Song { score, tempi, seconds, automation }: &Song<'_>,
    values: NoteValues,
    models: &Arc<NoteModels>,
    codes: Arc<StoredCodes>,
) -> (Vec<Sent>, Counted) {
    let gestures = gestures(score, tempi);
    let config = NoteEngineConfig {
        sample_rate_hz: NOTE_RATE_HZ,
        reaction_ms: args.instrument.reaction,
        mode: RenderMode::Offline,
        values,
        models: Arc::clone(models),
        codes,
    };
    let (mut engine, worker) = start(&config);
    let _worker = worker.spawn();
    let mut book = Book::default();
    let mut log = Log { sent: Vec::new(), block: 0, passes_on: false, players: [0; CHANNELS] };
    let length = sample(seconds);
    let mut progress = Progress::new(length as usize);
    let began = Instant::now();
    let (mut done, mut next) = (0i64, 0);
    let mut changes = Vec::new();
    while done < length {
        // A block has one tempo.
        let to = length.min(done + i64::from(args.block)).min(tempi.next_change(done));
        let samples = (to - done) as usize;
        log.block = done;
        let mut stage = Stage { book: &mut book, sink: &mut log };
        engine.begin(tempi.transport(done), samples, &mut stage);
        changes.clear();
        automation.changes(done as u64..to as u64, &mut changes);
        let mut changes = changes.iter().peekable();
        loop {
            let gesture = gestures.get(next).filter(|(at, _)| *at < to);
            // As in a host: what a parameter does at a sample holds for the notes there.
            let change = changes.next_if(|change| gesture.is_none_or(|&(at, _)| change.sample as i64 <= at));
            if let Some(change) = change {
                engine.advance((change.sample as i64 - done) as usize, &mut stage);
                engine.set(change.id, change.value, &mut stage);
            } else if let Some(&(at, gesture)) = gesture {
                engine.advance((at - done).max(0) as usize, &mut stage);
                stage.sink.passes_on = true;
                engine.hear(gesture, &mut stage);
                stage.sink.passes_on = false;
                next += 1;
            } else {
                break;
            }
        }
        engine.end(samples, &mut stage);
        done = to;
        progress.update(done as usize);
    }
    // The song is over: what sounds ends with it.
    log.block = length;
    book.release_all(0, &mut log);
    let counted = Counted {
        continuations: engine.meters().continuations(),
        late_steps: engine.late_steps(),
        compute_seconds: began.elapsed().as_secs_f64(),
    };
    (log.sent, counted)
}

/// What the player does, by sample: ends and pedals before beginnings.
fn gestures(score: &Score, tempi: &Tempi) -> Vec<(i64, Gesture)> {
    let at = |tick: u64| sample(tempi.seconds(tick));
    let mut gestures: Vec<(i64, u8, Gesture)> = Vec::with_capacity(2 * score.notes.len());
    for note in &score.notes {
        let (channel, key, velocity) = (note.channel, note.key, note.velocity);
        gestures.push((at(note.start), 2, Gesture::Down { channel, key, velocity }));
        // A note without length is heard all the same.
        gestures.push((at(note.end).max(at(note.start) + 1), 0, Gesture::Up { channel, key, velocity: 0 }));
    }
    for &(channel, down, up) in &score.pedal {
        gestures.push((at(down), 1, Gesture::Pedal { channel, is_down: true }));
        gestures.push((at(up), 1, Gesture::Pedal { channel, is_down: false }));
    }
    gestures.sort_by_key(|&(at, order, _)| (at, order));
    gestures.into_iter().map(|(at, _, gesture)| (at, gesture)).collect()
}

/// What of the pedal is passed on: as the plugin does, where it goes down while something passes, until it is lifted.
fn passed_pedal(
    score: &Score,
    tempi: &Tempi,
    values: NoteValues,
    automation: &Automation<NoteParam>,
) -> Vec<(u8, u64, u64)> {
    const PASSES: [NoteParam; 2] = [NoteParam::Through, NoteParam::Bypass];
    let mut changes = Vec::new();
    automation.changes(0..u64::MAX, &mut changes);
    changes.retain(|change| PASSES.contains(&change.id));
    let passes = |&(_, down, _): &(u8, u64, u64)| {
        let at = sample(tempi.seconds(down)) as u64;
        let mut then = values;
        changes.iter().take_while(|change| change.sample <= at).for_each(|change| then.set(change.id, change.value));
        PASSES.iter().any(|&id| then.get(id) >= 0.5)
    };
    score.pedal.iter().copied().filter(passes).collect()
}

fn sample(seconds: f64) -> i64 {
    (seconds * f64::from(NOTE_RATE_HZ)).round() as i64
}

/// The tempi of a song, between ticks and seconds.
struct Tempi {
    division: f64,
    /// Tick, second and microseconds a quarter from there on; the first at 0.
    changes: Vec<(u64, f64, u32)>,
    /// The first bar of each time signature, in quarter notes; the first at 0.
    bars: Vec<Bar>,
}

impl Tempi {
    fn of(score: &Score) -> Self {
        let division = f64::from(score.ticks_per_quarter.max(1));
        let mut changes = vec![(0, 0.0, 500_000)];
        for &(tick, tempo) in &score.tempi {
            let &(last, second, before) = changes.last().expect("the first");
            let second = second + (tick - last) as f64 / division * f64::from(before) * 1e-6;
            if tick == last {
                changes.pop();
            }
            changes.push((tick, second, tempo.max(1)));
        }
        let mut bars = vec![Bar { start: 0.0, beats: 4.0 }];
        for &(tick, beats, unit) in &score.signatures {
            bars.push(Bar { start: tick as f64 / division, beats: 4.0 * f64::from(beats) / f64::from(unit.max(1)) });
        }
        Self { division, changes, bars }
    }

    fn seconds(&self, tick: u64) -> f64 {
        let index = self.changes.partition_point(|&(at, ..)| at <= tick) - 1;
        let (at, second, tempo) = self.changes[index];
        second + (tick - at) as f64 / self.division * f64::from(tempo) * 1e-6
    }

    /// When so many quarter notes have gone by.
    fn seconds_of_beats(&self, beats: f64) -> f64 {
        let tick = beats * self.division;
        let index = self.changes.partition_point(|&(at, ..)| at as f64 <= tick).max(1) - 1;
        let (at, second, tempo) = self.changes[index];
        second + (tick - at as f64) / self.division * f64::from(tempo) * 1e-6
    }

    /// Quarter notes from the beginning to a sample, and the tempo from there on.
    fn beats(&self, at: i64) -> Beats {
        let seconds = at as f64 / f64::from(NOTE_RATE_HZ);
        let index = self.changes.partition_point(|&(_, second, _)| sample(second) <= at).max(1) - 1;
        let (tick, second, tempo) = self.changes[index];
        let since = (seconds - second) / (f64::from(tempo) * 1e-6);
        let position = tick as f64 / self.division + since;
        let index = self.bars.partition_point(|bar| bar.start <= position + 1e-9).max(1) - 1;
        Beats { position, per_minute: 60e6 / f64::from(tempo), bar: Some(self.bars[index]) }
    }

    /// The first sample after this one from which on the tempo is another.
    fn next_change(&self, after: i64) -> i64 {
        let later = self.changes.iter().map(|&(_, second, _)| sample(second)).find(|&at| at > after);
        later.unwrap_or(i64::MAX)
    }

    fn transport(&self, at: i64) -> Transport {
        Transport { playing: true, position_samples: Some(at), loop_samples: None, beats: Some(self.beats(at)) }
    }
}

/// A MIDI file of three tracks: tempi and signatures, the player, the model.
fn midi_of(
    score: &Score,
    pedal: &[(u8, u64, u64)],
    tempi: &Tempi,
    sent: &[Sent],
    seconds: f64,
    name: &Path,
) -> Result<Vec<u8>, CliError> {
    let factor = LEAST_DIVISION.div_ceil(score.ticks_per_quarter.max(1)).max(1);
    let division = u32::from(score.ticks_per_quarter.max(1)) * u32::from(factor);
    let tick_of = |at: i64| (tempi.beats(at).position * f64::from(division)).round().max(0.0) as u64;
    let end = tick_of(sample(seconds));
    if end > u64::from(u28::max_value().as_int()) {
        let (expected, actual) = (format!("at most {} ticks in a MIDI file", u28::max_value()), end.to_string());
        return Err(NotesError::Unsuitable { file: name.into(), what: "length", expected, actual }.into());
    }
    let mut conductor: Vec<(u64, TrackEventKind<'_>)> = Vec::new();
    for &(tick, _, tempo) in &tempi.changes {
        let tempo = u24::new(tempo.min(u24::max_value().as_int()));
        conductor.push((tick * u64::from(factor), TrackEventKind::Meta(MetaMessage::Tempo(tempo))));
    }
    for &(tick, beats, unit) in &score.signatures {
        let signature = MetaMessage::TimeSignature(beats.min(255) as u8, unit.max(1).ilog2() as u8, 24, 8);
        conductor.push((tick * u64::from(factor), TrackEventKind::Meta(signature)));
    }
    let played = |is_players: bool| -> Vec<(u64, TrackEventKind<'_>)> {
        let own = sent.iter().filter(|sent| sent.is_players == is_players);
        own.map(|sent| {
            let (channel, message) = match sent.message {
                Message::On { channel, key, velocity } => {
                    (channel, MidiMessage::NoteOn { key: u7::new(key), vel: u7::new(velocity) })
                }
                Message::Off { channel, key, .. } => {
                    (channel, MidiMessage::NoteOff { key: u7::new(key), vel: u7::new(0) })
                }
            };
            (tick_of(sent.at), TrackEventKind::Midi { channel: u4::new(channel), message })
        })
        .collect()
    };
    let track = |title: &'static [u8], mut events: Vec<(u64, TrackEventKind<'static>)>| -> Vec<TrackEvent<'static>> {
        events.sort_by_key(|&(tick, _)| tick);
        let mut last = 0;
        let mut track =
            vec![TrackEvent { delta: u28::new(0), kind: TrackEventKind::Meta(MetaMessage::TrackName(title)) }];
        let after = events.last().map_or(0, |&(tick, _)| tick).max(end);
        events.push((after, TrackEventKind::Meta(MetaMessage::EndOfTrack)));
        for (tick, kind) in events {
            let delta = (tick - std::mem::replace(&mut last, tick)).min(u64::from(u28::max_value().as_int()));
            track.push(TrackEvent { delta: u28::new(delta as u32), kind });
        }
        track
    };
    let mut own = played(true);
    for &(channel, down, up) in pedal {
        for (tick, value) in [(down, 127), (up, 0)] {
            let message = MidiMessage::Controller { controller: u7::new(64), value: u7::new(value) };
            own.push((tick * u64::from(factor), TrackEventKind::Midi { channel: u4::new(channel & 15), message }));
        }
    }
    let tracks = vec![
        track(b"Sympathy Notes", conductor.into_iter().map(|(tick, kind)| (tick, kind.to_static())).collect()),
        track(b"You", own.into_iter().map(|(tick, kind)| (tick, kind.to_static())).collect()),
        track(b"Sympathy", played(false).into_iter().map(|(tick, kind)| (tick, kind.to_static())).collect()),
    ];
    let timing = Timing::Metrical(u15::new(division.min(u32::from(u15::max_value().as_int())) as u16));
    let file = Smf { header: Header::new(Format::Parallel, timing), tracks };
    let mut bytes = Vec::new();
    file.write_std(&mut bytes).expect("memory takes what it is given");
    Ok(bytes)
}

/// Two rolls, one below the other: the player's, and the model's.
fn picture_of(
    sent: &[Sent],
    tempi: &Tempi,
    model: &NoteModel,
    seconds: f64,
) -> Result<Vec<u8>, crate::figure::FigureError> {
    let grid = Grid {
        steps_per_quarter: model.facts().steps_per_quarter.into(),
        rounding: Rounding::Nearest,
        pedal: false,
        repeats: crate::notes::Repeats::Merge,
    };
    let step = |at: i64| (tempi.beats(at).position * f64::from(grid.steps_per_quarter)).round().max(0.0) as usize;
    let length = step(sample(seconds)).min(RollFigure::MAX_STEPS);
    let roll = |is_players: bool, title: String| {
        let mut columns = vec![0u128; length];
        let mut starts = [[None::<usize>; KEYS]; CHANNELS];
        for sent in sent.iter().filter(|sent| sent.is_players == is_players) {
            let (Message::On { channel, key, .. } | Message::Off { channel, key, .. }) = sent.message;
            let Some(key) = key.checked_sub(LOWEST_KEY).map(usize::from).filter(|&key| key < KEYS) else { continue };
            let start = &mut starts[usize::from(channel)][key];
            if let Some(from) = start.take() {
                let to = step(sent.at).max(from + 1).min(length);
                columns[from.min(to)..to].iter_mut().for_each(|column| *column |= 1 << key);
            }
            if matches!(sent.message, Message::On { .. }) {
                *start = Some(step(sent.at));
            }
        }
        ShownRoll { title, columns }
    };
    let answer = one_line(model.title()).chars().take(60).collect::<String>();
    let rolls = [roll(true, "you".into()), roll(false, answer)];
    let figure = RollFigure {
        rolls: &rolls,
        keys: KEYS,
        lowest: LOWEST_KEY.into(),
        steps_per_measure: STEPS_PER_MEASURE,
        mark: None,
    };
    figure.png()
}
