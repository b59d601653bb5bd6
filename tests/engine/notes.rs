//! The engine of notes: the same messages on the same samples, no hanging note, no allocation.

use crate::{common::notes, counting::counted};
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use sympathy::{
    control::notes::{NoteParam, NoteValues},
    dsp::random::Random,
    engine::{Beats, RenderMode, Transport},
    model::{RollCodes, RollModel, RollModelConfig},
    nn::{Isa, Precision},
    notes::{
        Coder, LOWEST_KEY, Roll,
        live::{
            Book, CHANNELS, Gesture, Message, NoteEngine, NoteEngineConfig, NoteModels, NoteSink, NoteWorker, Stage,
            start,
        },
    },
    worker::WorkerThread,
};

/// Everything that was sent, by engine time.
#[derive(Default)]
struct Log {
    sent: Vec<(i64, Message)>,
    block: (i64, usize),
    sounding: [u128; CHANNELS],
    /// Messages that still find room in this block.
    room: usize,
}

impl NoteSink for Log {
    fn send(&mut self, offset: usize, message: Message) -> bool {
        if self.room == 0 {
            return false;
        }
        self.room -= 1;
        let (start, length) = self.block;
        assert!(offset < length.max(1), "{offset} in a block of {length}");
        let at = start + offset as i64;
        assert!(self.sent.last().is_none_or(|&(before, _)| before <= at), "in the order of time");
        let (channel, key, is_on) = match message {
            Message::On { channel, key, .. } => (channel, key, true),
            Message::Off { channel, key } => (channel, key, false),
        };
        let keys = &mut self.sounding[usize::from(channel)];
        assert_eq!(*keys >> key & 1 == 1, !is_on, "{message:?} at {at}");
        *keys ^= 1 << key;
        // What is kept has its room.
        if self.sent.len() < self.sent.capacity() {
            self.sent.push((at, message));
        }
        true
    }
}

#[derive(Clone, Copy, Debug)]
enum Deed {
    Plays(Gesture),
    Sets(NoteParam, f32),
}

/// A song of one tempo, and what happens in it.
#[derive(Clone)]
struct Song {
    rate: u32,
    tempo: f64,
    /// Parts of it that the host plays one after the other: from and to, in samples of the song.
    parts: Vec<(i64, i64)>,
    /// The host says that the parts after the first are jumps within its loop.
    loops: bool,
    /// By samples since the host began.
    deeds: Vec<(i64, Deed)>,
    values: NoteValues,
}

impl Song {
    fn new(rate: u32, tempo: f64, seconds: f64) -> Self {
        let parts = vec![(0, (seconds * f64::from(rate)) as i64)];
        Self { rate, tempo, parts, loops: false, deeds: Vec::new(), values: values(&[]) }
    }

    fn beats(&self, beats: f64) -> i64 {
        (beats * 60.0 / self.tempo * f64::from(self.rate)).round() as i64
    }

    /// A chord from one beat to another.
    fn chord(&mut self, keys: &[u8], from: f64, to: f64) {
        for &key in keys {
            let down = Gesture::Down { channel: 0, key, velocity: 90 };
            self.deeds.push((self.beats(from), Deed::Plays(down)));
            self.deeds.push((self.beats(to), Deed::Plays(Gesture::Up { channel: 0, key })));
        }
        self.deeds.sort_by_key(|&(at, _)| at);
    }

    fn transport(&self, position: i64) -> Transport {
        let per_sample = self.tempo / (60.0 * f64::from(self.rate));
        Transport {
            playing: true,
            position_samples: Some(position),
            loop_samples: self.loops.then(|| self.parts[0]),
            beats: Some(Beats { position: position as f64 * per_sample, per_minute: self.tempo }),
        }
    }
}

fn values(set: &[(NoteParam, f32)]) -> NoteValues {
    let mut values = NoteValues::default();
    set.iter().for_each(|&(id, value)| values.set(id, value));
    values
}

fn models(bias: f32) -> Arc<NoteModels> {
    let models = NoteModels::with_embedded(Isa::best());
    for (slot, hidden) in [(0, 24), (1, 16)] {
        models.set_bytes(slot, "of a test".into(), notes::lstm(hidden, bias).to_bytes());
        models.load(slot).expect("recurrent");
    }
    models
}

fn made(song: &Song, models: &Arc<NoteModels>, mode: RenderMode) -> (NoteEngine, NoteWorker) {
    start(&NoteEngineConfig {
        sample_rate_hz: song.rate,
        reaction_ms: 50.0,
        mode,
        values: song.values,
        models: Arc::clone(models),
    })
}

/// Who makes the predictions.
enum Hands {
    /// Stepped between blocks and whenever it may be waited for.
    Thread(#[allow(dead_code, reason = "dropped at the end")] WorkerThread),
    /// After every piece of a block.
    Here(NoteWorker),
}

impl Hands {
    fn work(&mut self) {
        if let Self::Here(worker) = self {
            while worker.run_once() {}
        }
    }
}

/// Plays a song in blocks of these lengths, over and over.
fn perform(engine: &mut NoteEngine, hands: &mut Hands, song: &Song, blocks: &[usize], book: &mut Book, log: &mut Log) {
    let (mut done, mut turn, mut next) = (0i64, 0, 0);
    for &(from, to) in &song.parts {
        let mut position = from;
        while position < to {
            let length = (blocks[turn % blocks.len()] as i64).min(to - position) as usize;
            turn += 1;
            log.block = (done, length);
            log.room = usize::MAX;
            let mut stage = Stage { book, sink: log };
            engine.begin(song.transport(position), length, &mut stage);
            hands.work();
            while let Some(&(at, deed)) = song.deeds.get(next).filter(|&&(at, _)| at < done + length as i64) {
                engine.advance((at - done).max(0) as usize, &mut stage);
                match deed {
                    Deed::Plays(gesture) => engine.hear(gesture, &mut stage),
                    Deed::Sets(id, value) => engine.set(id, value, &mut stage),
                }
                hands.work();
                next += 1;
            }
            // The worker has to come in between, as no thread does.
            if let Hands::Here(_) = hands {
                for offset in (0..length).step_by(16) {
                    engine.advance(offset, &mut stage);
                    hands.work();
                }
            }
            engine.end(length, &mut stage);
            hands.work();
            position += length as i64;
            done += length as i64;
        }
    }
}

fn render(song: &Song, blocks: &[usize]) -> Vec<(i64, Message)> {
    let (mut engine, worker) = made(song, &models(-2.5), RenderMode::Offline);
    let (mut book, mut log) = (Book::default(), Log::default());
    log.sent.reserve(100_000);
    perform(&mut engine, &mut Hands::Thread(worker.spawn()), song, blocks, &mut book, &mut log);
    assert_eq!(engine.late_steps(), 0);
    log.sent
}

/// Panics with the first message that differs.
#[track_caller]
fn assert_same(found: &[(i64, Message)], expected: &[(i64, Message)], what: &str) {
    let place = found.iter().zip(expected).position(|(a, b)| a != b).unwrap_or(found.len().min(expected.len()));
    assert!(
        found == expected,
        "{what}: message {place} of {}: {:?}, not {:?}",
        expected.len(),
        found.get(place),
        expected.get(place)
    );
}

/// Phrases, parameters that move, keys that meet.
fn eventful(rate: u32, tempo: f64) -> Song {
    let mut song = Song::new(rate, tempo, 32.0 * 60.0 / tempo);
    song.values = values(&[(NoteParam::AnswerLength, 1.0), (NoteParam::Polyphony, 5.0)]);
    song.chord(&[60, 64, 67], 0.1, 1.4);
    song.chord(&[62, 65], 1.52, 2.9);
    // Into the answer.
    song.chord(&[64, 71], 5.3, 6.0);
    song.chord(&[55], 9.77, 10.01);
    for (beat, id, value) in [
        (7.3, NoteParam::Density, 1.0),
        (7.9, NoteParam::Gate, 60.0),
        (8.2, NoteParam::Swing, 66.0),
        (12.1, NoteParam::Drawing, 1.0),
        (13.3, NoteParam::Drawing, 0.0),
        (14.0, NoteParam::Part, 1.0),
        (16.0, NoteParam::Scale, 1.0),
        (16.6, NoteParam::Scale, 9.0),
        (16.9, NoteParam::KeyC, 0.0),
        (17.0, NoteParam::Channel, 3.0),
        (19.1, NoteParam::Rate, 2.0),
        (21.0, NoteParam::Feedback, 1.0),
        (22.0, NoteParam::Lowest, 60.0),
        (24.0, NoteParam::Model, 1.0),
        (25.0, NoteParam::Continue, 1.0),
        (25.5, NoteParam::Continue, 0.0),
        (26.3, NoteParam::Run, 1.0),
        (26.4, NoteParam::Continue, 1.0),
        (26.5, NoteParam::Continue, 0.0),
        (27.63, NoteParam::Run, 0.0),
        (27.7, NoteParam::Continue, 1.0),
        (28.1, NoteParam::Seed, 1.0),
        (28.2, NoteParam::Continue, 0.0),
        (28.3, NoteParam::Continue, 1.0),
        (29.0, NoteParam::Panic, 1.0),
    ] {
        song.deeds.push((song.beats(beat), Deed::Sets(id, value)));
    }
    song.chord(&[60, 72], 14.5, 15.0);
    song.chord(&[48], 24.2, 24.7);
    song
}

#[test]
fn the_same_messages_on_the_same_samples_at_any_block_size_rate_and_tempo() {
    for (rate, tempo) in [(44_100, 37.5), (48_000, 120.0), (96_000, 299.9), (8000, 10.0), (48_000, 1500.0)] {
        let song = eventful(rate, tempo);
        let expected = render(&song, &[441]);
        let ours = expected.iter().filter(|(_, message)| matches!(message, Message::On { .. })).count();
        assert!(ours > 60, "{rate} Hz, {tempo} bpm: {ours} notes");
        for blocks in [&[1024][..], &[64], &[4095], &[8192], &[7, 1, 800, 3, 0, 64]] {
            assert_same(&render(&song, blocks), &expected, &format!("{rate} Hz, {tempo} bpm, blocks of {blocks:?}"));
        }
        if rate == 48_000 {
            assert_same(&render(&song, &[1]), &expected, "blocks of 1");
        }
    }
}

#[test]
fn a_performance_with_a_worker_in_time_is_the_bounce() {
    let song = eventful(48_000, 120.0);
    let (mut engine, worker) = made(&song, &models(-2.5), RenderMode::Live);
    let (mut book, mut log) = (Book::default(), Log::default());
    log.sent.reserve(100_000);
    perform(&mut engine, &mut Hands::Here(worker), &song, &[96, 32], &mut book, &mut log);
    assert_eq!((engine.late_steps(), engine.meters().waits()), (0, 0));
    assert_same(&log.sent, &render(&song, &[512]), "live");
}

#[test]
fn the_answer_comes_after_the_silence_on_the_grid_and_lasts_as_long_as_it_was_asked_to() {
    let mut song = Song::new(48_000, 120.0, 20.0);
    song.values = values(&[(NoteParam::AnswerLength, 2.0), (NoteParam::AnswerAfter, 1.0)]);
    song.chord(&[60, 64, 67], 0.0, 1.9);
    let sent = render(&song, &[512]);
    let ours: Vec<i64> = sent.iter().filter(|&&(at, _)| at > song.beats(2.5)).map(|&(at, _)| at).collect();
    // Silent from beat 2 on (8 steps a beat: the release is nearest to step 15, heard until then).
    let (first, last) = (*ours.first().expect("an answer"), *ours.last().expect("an answer"));
    assert!((song.beats(2.9)..=song.beats(3.5)).contains(&first), "{first}");
    assert!(last <= song.beats(11.1), "two measures, not {}", last as f64 / 24_000.0);
    for at in ours {
        assert_eq!(at % 3000, 0, "on a step");
    }
    // It is another with another random seed, and as dense as is asked for.
    let count = |set: &[(NoteParam, f32)]| {
        let mut other = song.clone();
        set.iter().for_each(|&(id, value)| other.values.set(id, value));
        let other = render(&other, &[512]);
        (other != sent, other.iter().filter(|(_, message)| matches!(message, Message::On { .. })).count())
    };
    let plain = sent.iter().filter(|(_, message)| matches!(message, Message::On { .. })).count();
    assert!(count(&[(NoteParam::RandomSeed, 1.0)]).0);
    let thin = count(&[(NoteParam::Density, -3.0)]).1;
    assert!((4..plain / 2).contains(&thin), "{thin} of {plain}");
    let silent = [(NoteParam::TossLaw, 1.0), (NoteParam::Temperature, 0.0), (NoteParam::AntiStall, 0.0)];
    assert_eq!(count(&silent).1, 3, "the player's alone");
    assert_eq!(count(&[(NoteParam::Through, 0.0)]).1, plain - 3);
    assert_eq!(count(&[(NoteParam::Bypass, 1.0)]).1, 3);
    assert_eq!(count(&[(NoteParam::Model, 9.0)]).1, 3, "there is no such model");
}

#[test]
fn what_is_predicted_depends_on_the_player() {
    let answer = |keys: &[u8]| {
        let mut song = Song::new(48_000, 120.0, 10.0);
        song.values = values(&[(NoteParam::Through, 0.0), (NoteParam::AnswerAfter, 0.25)]);
        song.chord(keys, 0.0, 2.0);
        render(&song, &[512])
    };
    assert_ne!(answer(&[60, 64, 67]), answer(&[61, 65, 68]));
}

#[test]
fn jumps_loops_and_stops_end_what_sounds_and_a_new_start_is_the_first_one_again() {
    let mut song = Song::new(48_000, 120.0, 8.0);
    song.values = values(&[(NoteParam::Part, 1.0)]);
    song.chord(&[60, 64], 0.5, 1.0);
    let once = render(&song, &[512]);
    // The host starts again from 0; the player does the same.
    let length = song.parts[0].1;
    let mut twice = song.clone();
    twice.parts.push((0, length));
    let again: Vec<_> = song.deeds.iter().map(|&(at, deed)| (at + length, deed)).collect();
    twice.deeds.extend(again);
    let both = render(&twice, &[512]);
    let second: Vec<_> = both.iter().skip_while(|&&(at, _)| at < length).map(|&(at, m)| (at - length, m)).collect();
    let (ends, second): (Vec<_>, Vec<_>) =
        second.into_iter().partition(|&(at, message)| at == 0 && matches!(message, Message::Off { .. }));
    assert!(!ends.is_empty(), "what sounded has ended on the first sample");
    assert!(second == once[..second.len()] && second.len() + ends.len() >= once.len());
    // In a loop it goes on, though the player is silent.
    let mut looped = song.clone();
    looped.parts.push((0, length));
    looped.loops = true;
    let looped = render(&looped, &[512]);
    let in_loop = looped.iter().filter(|&&(at, message)| at > length && matches!(message, Message::On { .. })).count();
    assert!(in_loop > 20, "{in_loop} notes");
    let jumped = {
        let mut jumped = song.clone();
        jumped.parts.push((0, length));
        render(&jumped, &[512])
    };
    assert_eq!(jumped.iter().filter(|&&(at, message)| at > length && matches!(message, Message::On { .. })).count(), 0);
}

#[test]
fn a_late_worker_makes_silence_and_no_note_hangs() {
    let mut song = eventful(48_000, 120.0);
    song.values.set(NoteParam::Part, 1.0);
    let (mut engine, mut worker) = made(&song, &models(-2.5), RenderMode::Live);
    worker.slow_down(Duration::from_millis(20));
    let (mut book, mut log) = (Book::default(), Log::default());
    log.sent.reserve(100_000);
    // Many times faster than any clock, so that it waits in vain for what it may not wait for.
    perform(&mut engine, &mut Hands::Thread(worker.spawn()), &song, &[64], &mut book, &mut log);
    let mut stage = Stage { book: &mut book, sink: &mut log };
    engine.reset();
    stage.sink.block = (i64::MAX / 2, 64);
    engine.begin(Transport::default(), 64, &mut stage);
    engine.end(64, &mut stage);
    engine.set(NoteParam::Panic, 1.0, &mut stage);
    assert!(engine.late_steps() > 0 || engine.meters().late_starts() > 0 || engine.meters().waits() > 0);
    assert!(book.is_empty() && log.sounding == [0; CHANNELS]);
}

#[test]
fn a_worker_that_has_panicked_plays_again_after_the_next_start() {
    let mut song = Song::new(48_000, 120.0, 6.0);
    song.values = values(&[(NoteParam::Part, 1.0)]);
    song.chord(&[60, 64], 0.1, 1.0);
    let length = song.parts[0].1;
    song.parts.push((0, length));
    let again: Vec<_> = song.deeds.iter().map(|&(at, deed)| (at + length, deed)).collect();
    song.deeds.extend(again);
    let (mut engine, mut worker) = made(&song, &models(-2.5), RenderMode::Offline);
    worker.panic_after(60);
    let (mut book, mut log) = (Book::default(), Log::default());
    log.sent.reserve(100_000);
    perform(&mut engine, &mut Hands::Thread(worker.spawn()), &song, &[512], &mut book, &mut log);
    let ons = |from: i64, to: i64| {
        let within =
            |&&(at, message): &&(i64, Message)| (from..to).contains(&at) && matches!(message, Message::On { .. });
        log.sent.iter().filter(within).count()
    };
    assert!(engine.late_steps() > 20, "{}", engine.late_steps());
    assert_eq!(ons(length - 48_000, length), 0, "it is silent");
    assert!(ons(length + 48_000, 2 * length) > 10, "and plays again");
}

/// Anything that a host and a player can do, in any order.
fn random_deed(random: &mut Random) -> Deed {
    let (channel, key) = (random.below(2) as u8, 40 + random.below(30) as u8);
    match random.below(12) {
        0..=3 => Deed::Plays(Gesture::Down { channel, key, velocity: random.below(128) as u8 }),
        4 | 5 => Deed::Plays(Gesture::Up { channel, key }),
        6 => Deed::Plays(Gesture::Pedal { channel, is_down: random.below(2) == 0 }),
        7 => Deed::Plays(Gesture::AllUp { channel: (random.below(2) == 0).then_some(channel) }),
        _ => {
            let specs = &sympathy::control::notes::NOTE_SPECS;
            let spec = &specs[random.below(specs.len() as u32) as usize];
            Deed::Sets(spec.id, spec.min + (spec.max - spec.min) * random.uniform())
        }
    }
}

#[test]
fn whatever_a_host_does_no_note_hangs_and_the_audio_thread_allocates_nothing() {
    let kinds = [models(-1.5), coder(Some(axes())).1];
    let mut random = Random::new(2);
    let (mut struck, mut counted_in_all, mut of_workers) = (0usize, 0, 0);
    let rounds = if cfg!(debug_assertions) { 150 } else { 2000 };
    for round in 0..rounds {
        let song = Song::new(8000, 280.0, 1.0);
        // Every fourth round with an autoencoder.
        let models = &kinds[usize::from(round % 4 == 3)];
        let (mut engine, worker) = made(&song, models, RenderMode::Live);
        let mut hands = Hands::Here(worker);
        let (mut book, mut log) = (Book::default(), Log::default());
        let mut position = 0i64;
        let mut playing = true;
        for block in 0..200 {
            let length = [1, 16, 64, 200, 0][random.below(5) as usize];
            log.block = (block * 1000, length);
            log.room = if random.below(6) == 0 { random.below(4) as usize } else { usize::MAX };
            match random.below(24) {
                0 => playing = !playing,
                1 => position = i64::from(random.below(100_000)) - 1000,
                2 => engine.reset(),
                // A new activation, at another rate; the book outlives it.
                3 => {
                    let (other, worker) = made(&song, models, RenderMode::Live);
                    (engine, hands) = (other, Hands::Here(worker));
                }
                _ => {}
            }
            let tempo = [280.0, 280.0, 280.0, 120.0, f64::NAN, 0.0][random.below(6) as usize];
            let transport = Transport { playing, ..Song { tempo, ..song.clone() }.transport(position) };
            let deeds: Vec<Deed> = (0..random.below(4)).map(|_| random_deed(&mut random)).collect();
            // Another model has to be loaded, by the worker.
            let may_load = deeds.iter().any(|deed| matches!(deed, Deed::Sets(NoteParam::Model, _)));
            let mut by_worker = 0;
            let mut work = |hands: &mut Hands| by_worker += counted(|| hands.work()).0;
            let mut stage = Stage { book: &mut book, sink: &mut log };
            let mut count = counted(|| engine.begin(transport, length, &mut stage)).0;
            for (index, deed) in deeds.iter().enumerate() {
                count += counted(|| {
                    engine.advance((index * length / 4).min(length.saturating_sub(1)), &mut stage);
                    match *deed {
                        Deed::Plays(gesture) => engine.hear(gesture, &mut stage),
                        Deed::Sets(id, value) => engine.set(id, value, &mut stage),
                    }
                })
                .0;
                work(&mut hands);
            }
            count += counted(|| engine.end(length, &mut stage)).0;
            work(&mut hands);
            of_workers += if may_load { 0 } else { by_worker };
            counted_in_all += count;
            position += length as i64;
        }
        struck += log.sounding.iter().map(|keys| keys.count_ones() as usize).sum::<usize>();
        // The host stops, and the player lets go.
        log.block = (1_000_000, 64);
        log.room = usize::MAX;
        let mut stage = Stage { book: &mut book, sink: &mut log };
        engine.begin(Transport::default(), 64, &mut stage);
        engine.hear(Gesture::AllUp { channel: None }, &mut stage);
        engine.end(64, &mut stage);
        let runs_free = engine.is_running();
        if runs_free {
            engine.set(NoteParam::Panic, 0.0, &mut stage);
            engine.set(NoteParam::Panic, 1.0, &mut stage);
        }
        assert!(book.is_empty(), "{book:?}");
        assert_eq!(log.sounding, [0; CHANNELS], "a note hangs");
    }
    assert_eq!((counted_in_all, of_workers), (0, 0), "allocations");
    assert!(struck > rounds / 2, "{struck} notes sounded at the ends");
}

#[test]
fn a_worker_that_stands_still_for_long_keeps_no_block_waiting_and_plays_when_it_goes_on() {
    let mut song = Song::new(48_000, 120.0, 30.0);
    song.values = values(&[(NoteParam::Part, 1.0)]);
    let (mut engine, mut worker) = made(&song, &models(-1.5), RenderMode::Live);
    let (mut book, mut log) = (Book::default(), Log { room: usize::MAX, ..Log::default() });
    log.sent.reserve(10_000);
    for from in (0..30 * 48_000).step_by(512) {
        log.block = (from, 512);
        let (count, ()) = counted(|| {
            let mut stage = Stage { book: &mut book, sink: &mut log };
            engine.begin(song.transport(from), 512, &mut stage);
            if from == 0 {
                engine.hear(Gesture::Down { channel: 0, key: 60, velocity: 90 }, &mut stage);
            }
            engine.end(512, &mut stage);
        });
        assert_eq!(count, 0, "allocations");
        // For twenty seconds, more steps than there is room for, it does nothing.
        while from > 20 * 48_000 && worker.run_once() {}
    }
    assert_eq!(engine.meters().late_starts(), 1, "told once");
    let ours = log.sent.iter().filter(|(at, message)| *at > 0 && matches!(message, Message::On { .. }));
    assert!(ours.count() > 10);
}

#[test]
fn where_the_host_tells_no_place_or_tempo_steps_go_on_and_notes_end() {
    for (position, per_minute) in
        [(f64::NAN, 120.0), (8.0, f64::NAN), (4.3e9, 120.0), (8.0, 0.0), (f64::INFINITY, 120.0)]
    {
        let mut song = Song::new(48_000, 120.0, 20.0);
        song.values = values(&[(NoteParam::Part, 1.0), (NoteParam::Longest, 2.0)]);
        let (mut engine, worker) = made(&song, &models(-1.5), RenderMode::Offline);
        let _worker = worker.spawn();
        let (mut book, mut log) = (Book::default(), Log { room: usize::MAX, ..Log::default() });
        log.sent.reserve(10_000);
        for from in (0..20 * 48_000).step_by(512) {
            log.block = (from, 512);
            let mut transport = song.transport(from);
            if from > 4 * 48_000 {
                transport.beats = Some(Beats { position, per_minute });
            }
            let mut stage = Stage { book: &mut book, sink: &mut log };
            engine.begin(transport, 512, &mut stage);
            if from == 0 {
                engine.hear(Gesture::Down { channel: 0, key: 60, velocity: 90 }, &mut stage);
            }
            engine.end(512, &mut stage);
        }
        let late = log.sent.iter().filter(|(at, _)| *at > 10 * 48_000).count();
        assert!(late > 20, "{position}, {per_minute}: {late} messages");
    }
}

#[test]
fn a_reset_forgets_keys_that_go_up_unheard() {
    let mut song = Song::new(48_000, 120.0, 20.0);
    song.values = values(&[(NoteParam::AnswerLength, 1.0)]);
    let (mut engine, worker) = made(&song, &models(-1.5), RenderMode::Offline);
    let _worker = worker.spawn();
    let (mut book, mut log) = (Book::default(), Log { room: usize::MAX, ..Log::default() });
    log.sent.reserve(10_000);
    for from in (0..12 * 48_000).step_by(512) {
        log.block = (from, 512);
        let mut stage = Stage { book: &mut book, sink: &mut log };
        let at = |second: i64| (second * 48_000..second * 48_000 + 512).contains(&from);
        if at(2) {
            engine.reset();
            stage.book.release_all(0, stage.sink);
        }
        engine.begin(song.transport(from), 512, &mut stage);
        // Of the first one nobody tells that it ends.
        let (down, up) = (at(1) || at(3), at(4));
        if down {
            engine.hear(Gesture::Down { channel: 0, key: if at(1) { 48 } else { 60 }, velocity: 90 }, &mut stage);
        } else if up {
            engine.hear(Gesture::Up { channel: 0, key: 60 }, &mut stage);
        }
        engine.end(512, &mut stage);
    }
    let answers =
        log.sent.iter().filter(|(at, message)| *at > 4 * 48_000 + 512 && matches!(message, Message::On { .. }));
    assert!(answers.count() > 5, "it answers");
}

#[test]
fn under_a_tempo_that_glides_steps_lie_within_a_sample_and_a_half_of_their_places() {
    let mut song = Song::new(48_000, 60.0, 20.0);
    song.values = values(&[(NoteParam::AnswerLength, 33.0), (NoteParam::AnswerAfter, 0.25)]);
    // From 60 to 180 in twenty seconds; the host tells the tempo at the beginning of each block.
    let seconds = |at: i64| at as f64 / 48_000.0;
    let tempo = |at: i64| 60.0 + 6.0 * seconds(at);
    let beats = |at: i64| seconds(at) + seconds(at).powi(2) / 20.0;
    for block in [64, 512] {
        let (mut engine, worker) = made(&song, &models(-1.5), RenderMode::Offline);
        let _worker = worker.spawn();
        let (mut book, mut log) = (Book::default(), Log { room: usize::MAX, ..Log::default() });
        log.sent.reserve(10_000);
        for from in (0..20 * 48_000).step_by(block) {
            log.block = (from, block);
            let beats = Some(Beats { position: beats(from), per_minute: tempo(from) });
            let transport = Transport { playing: true, position_samples: Some(from), loop_samples: None, beats };
            let mut stage = Stage { book: &mut book, sink: &mut log };
            engine.begin(transport, block, &mut stage);
            match from / block as i64 {
                0 => engine.hear(Gesture::Down { channel: 0, key: 60, velocity: 90 }, &mut stage),
                40 => engine.hear(Gesture::Up { channel: 0, key: 60 }, &mut stage),
                _ => {}
            }
            engine.end(block, &mut stage);
        }
        let mut farthest = 0.0f64;
        let ours = log.sent.iter().filter(|(at, message)| *at > 0 && matches!(message, Message::On { .. }));
        for &(at, _) in ours.clone() {
            let steps = 8.0 * beats(at);
            let samples_a_step = 60.0 * 48_000.0 / tempo(at) / 8.0;
            farthest = farthest.max((steps - steps.round()).abs() * samples_a_step);
        }
        assert!(ours.count() > 200);
        assert!(farthest < 1.5, "blocks of {block}: {farthest} samples");
    }
}

#[test]
fn what_may_no_longer_sound_when_it_is_played_is_not_struck_although_it_was_drawn() {
    // With half a gate the keys of a step are drawn half a step before it is played. In between the range moves, and back after it.
    let mut song = Song::new(48_000, 120.0, 30.0);
    song.values = values(&[
        (NoteParam::Part, 1.0),
        (NoteParam::Gate, 50.0),
        (NoteParam::Lowest, 60.0),
        (NoteParam::Highest, 60.0),
        (NoteParam::Longest, 0.25),
        (NoteParam::Density, 2.0),
    ]);
    song.chord(&[48], 0.0, 56.0);
    let played = |step: i32| song.beats(f64::from(step) / 8.0);
    let moved: Vec<i64> = (4..400).step_by(2).map(played).collect();
    let mut deeds = Vec::new();
    for &at in &moved {
        deeds.push((at - 700, Deed::Sets(NoteParam::Lowest, 59.0)));
        deeds.push((at - 700, Deed::Sets(NoteParam::Highest, 59.0)));
        deeds.push((at + 700, Deed::Sets(NoteParam::Highest, 60.0)));
        deeds.push((at + 700, Deed::Sets(NoteParam::Lowest, 60.0)));
    }
    song.deeds.extend(deeds);
    song.deeds.sort_by_key(|&(at, _)| at);
    let sent = render(&song, &[512]);
    let mut count = 0;
    for (at, message) in sent {
        if let Message::On { key: 60, .. } = message {
            assert!(!moved.contains(&at), "struck at {at}, out of range");
            count += 1;
        }
    }
    assert!(count > 20, "{count} notes");
}

/// Models of which that in slot 64 has still to be loaded.
fn with_own(hidden: usize) -> Arc<NoteModels> {
    let models = models(-2.5);
    models.set_bytes(64, "mine".into(), notes::lstm(hidden, -2.0).to_bytes());
    models
}

#[test]
fn a_bounce_waits_for_a_model_that_is_not_there_yet() {
    let mut song = Song::new(48_000, 120.0, 12.0);
    song.values = values(&[(NoteParam::Part, 1.0)]);
    song.chord(&[60, 64, 67], 0.1, 1.9);
    song.chord(&[62, 65], 10.2, 11.0);
    for (beat, slot) in [(7.3, 64.0), (13.1, 9.0), (14.2, 64.0), (20.0, 1.0)] {
        song.deeds.push((song.beats(beat), Deed::Sets(NoteParam::Model, slot)));
    }
    song.deeds.sort_by_key(|&(at, _)| at);
    let play = |models: &Arc<NoteModels>, blocks: &[usize]| {
        let (mut engine, worker) = made(&song, models, RenderMode::Offline);
        let (mut book, mut log) = (Book::default(), Log::default());
        log.sent.reserve(100_000);
        perform(&mut engine, &mut Hands::Thread(worker.spawn()), &song, blocks, &mut book, &mut log);
        assert_eq!(engine.late_steps(), 0);
        log.sent
    };
    let loaded = with_own(20);
    loaded.load(64).expect("recurrent");
    let expected = play(&loaded, &[512]);
    let within = |from: f64, to: f64| {
        let is_there = |&&(at, _): &&(i64, Message)| (song.beats(from)..song.beats(to)).contains(&at);
        expected.iter().filter(is_there).count()
    };
    assert!(within(10.5, 13.0) > 8 && within(13.2, 14.0) == 0, "{} {}", within(10.5, 13.0), within(13.2, 14.0));
    for blocks in [&[512][..], &[64], &[4095, 1]] {
        assert_same(&play(&with_own(20), blocks), &expected, &format!("loaded on the way, blocks of {blocks:?}"));
    }
}

#[test]
fn a_model_may_come_go_and_be_another_one_while_the_engine_lives() {
    let models = with_own(20);
    let mut song = Song::new(48_000, 120.0, 60.0);
    song.values = values(&[(NoteParam::Part, 1.0), (NoteParam::Polyphony, 4.0)]);
    let (mut engine, mut worker) = made(&song, &models, RenderMode::Live);
    let (mut book, mut log) = (Book::default(), Log { room: usize::MAX, ..Log::default() });
    log.sent.reserve(100_000);
    let (mut from, mut chosen) = (0, 0);
    // Plays for some seconds; returns how many keys were struck, and how many ended on the very first sample.
    let mut play = |deed: Option<(NoteParam, f32)>, seconds: i64, works: bool| {
        let (begins, earlier) = (from, log.sent.len());
        if let Some((NoteParam::Model, slot)) = deed {
            chosen = slot as u8;
        }
        while from < begins + seconds * 48_000 {
            log.block = (from, 480);
            let (count, ()) = counted(|| {
                let mut stage = Stage { book: &mut book, sink: &mut log };
                engine.begin(song.transport(from), 480, &mut stage);
                if let Some((id, value)) = deed.filter(|_| from == begins) {
                    engine.set(id, value, &mut stage);
                }
                if from == begins {
                    engine.hear(Gesture::Up { channel: 0, key: 60 }, &mut stage);
                    engine.hear(Gesture::Down { channel: 0, key: 60, velocity: 90 }, &mut stage);
                }
                engine.end(480, &mut stage);
            });
            assert_eq!(count, 0, "allocations on the audio thread");
            while works && worker.run_once() {}
            // It is loaded by a thread of its own.
            let began = Instant::now();
            while works && !models.readiness(chosen).is_settled() && began.elapsed() < Duration::from_secs(20) {
                worker.run_once();
                std::thread::yield_now();
            }
            from += 480;
        }
        let made = &log.sent[earlier..];
        let struck = made.iter().filter(|(at, message)| *at > begins && matches!(message, Message::On { .. })).count();
        let ended = made.iter().filter(|(at, message)| *at == begins && matches!(message, Message::Off { .. })).count();
        (struck, ended)
    };
    assert!(play(None, 4, true).0 > 10);
    let (struck, ended) = play(Some((NoteParam::Model, 64.0)), 2, false);
    assert!(struck == 0 && ended > 1, "it is not there: {struck}, {ended}");
    assert!(play(None, 4, true).0 > 10, "it is");
    models.set_bytes(64, "another".into(), notes::lstm(12, -2.0).to_bytes());
    let (struck, ended) = play(None, 2, false);
    assert!(struck == 0 && ended > 1, "another one is to be loaded: {struck}, {ended}");
    assert!(play(None, 4, true).0 > 10, "it is loaded");
    models.set_missing(64, "another".into(), "missing".into());
    let (struck, ended) = play(None, 2, true);
    assert!(struck == 0 && ended > 1, "it is gone: {struck}, {ended}");
    assert!(play(Some((NoteParam::Model, 1.0)), 4, true).0 > 10, "and a third one plays");
    assert_eq!(engine.late_steps(), 0, "none of this is lateness");
}

/// No more than may sound at once.
const SIXTEEN_KEYS: std::ops::RangeInclusive<u8> = 60..=75;

/// An autoencoder in slot 0; with what its codes are like, or without.
fn coder(codes: Option<RollCodes>) -> (RollModel, Arc<NoteModels>) {
    let plain = notes::autoencoder(-2.0);
    let config = RollModelConfig { codes, ..plain.config().clone() };
    let tensors = config.tensors().into_iter().map(|tensor| {
        let values = plain.tensor(&tensor.name).to_vec();
        (tensor.name, values)
    });
    let model = RollModel::new(config.clone(), tensors.collect(), Path::new("a test's")).expect("sound");
    let models = NoteModels::with_embedded(Isa::best());
    models.set_bytes(0, "a test's".into(), model.to_bytes());
    models.load(0).expect("an autoencoder");
    (model, models)
}

/// Axes that are the numbers of the code, in another order, with a deviation of an eighth.
fn axes() -> RollCodes {
    let axis = |number: usize| (0..4).map(|i| f32::from(u8::from(i == number))).collect();
    RollCodes {
        mean: vec![0.25, -0.5, 0.125, 0.0],
        axes: [2, 0, 3, 1].map(axis).to_vec(),
        deviations: vec![0.125; 4],
        effects: vec![[0.5, 0.0, -0.5]; 4],
    }
}

/// Plays a phrase of 64 steps to an autoencoder, which begins with the beat after it, and gives what it plays as columns from step 72 on.
fn columns_of(models: &Arc<NoteModels>, set: &[(NoteParam, f32)], blocks: &[usize]) -> (Roll, Vec<u128>) {
    columns_in(models, set, blocks, 320)
}

/// The same in a loop of so many steps.
fn columns_in(models: &Arc<NoteModels>, set: &[(NoteParam, f32)], blocks: &[usize], steps: i64) -> (Roll, Vec<u128>) {
    let phrase = Roll::from_text(&"H HL HLO HLO HLO LO O  JM JMQ JMQ MQ Q Q Q  ".repeat(4)).expect("keys").part(0..64);
    // Eight steps of 3000 samples a beat.
    let mut song = Song::new(48_000, 120.0, 20.0);
    song.parts = vec![(0, 3000 * steps); (320 / steps) as usize];
    song.loops = song.parts.len() > 1;
    song.values = values(&[
        (NoteParam::Drawing, 1.0),
        (NoteParam::Threshold, 0.5),
        (NoteParam::AntiStall, 0.0),
        (NoteParam::Polyphony, 16.0),
        (NoteParam::AnswerLength, 8.0),
        (NoteParam::Through, 0.0),
        (NoteParam::Longest, 64.0),
        (NoteParam::Lowest, f32::from(*SIXTEEN_KEYS.start())),
        (NoteParam::Highest, f32::from(*SIXTEEN_KEYS.end())),
    ]);
    set.iter().for_each(|&(id, value)| song.values.set(id, value));
    for (start, end, key) in phrase.notes() {
        let key = key + LOWEST_KEY;
        song.deeds.push((3000 * start as i64, Deed::Plays(Gesture::Down { channel: 0, key, velocity: 90 })));
        song.deeds.push((3000 * end as i64, Deed::Plays(Gesture::Up { channel: 0, key })));
    }
    song.deeds.sort_by_key(|&(at, deed)| (at, matches!(deed, Deed::Plays(Gesture::Down { .. }))));
    let (mut engine, worker) = made(&song, models, RenderMode::Offline);
    let (mut book, mut log) = (Book::default(), Log::default());
    log.sent.reserve(100_000);
    perform(&mut engine, &mut Hands::Thread(worker.spawn()), &song, blocks, &mut book, &mut log);
    let (mut held, mut next) = (0u128, 0);
    let columns = (0..200i64).map(|step| {
        while let Some(&(_, message)) = log.sent.get(next).filter(|&&(at, _)| at <= 3000 * step) {
            next += 1;
            match message {
                Message::On { key, .. } => held |= 1 << (key - LOWEST_KEY),
                Message::Off { key, .. } => held &= !(1 << (key - LOWEST_KEY)),
            }
        }
        held
    });
    (phrase, columns.collect())
}

/// What the decoder says of a code, at the steps from 80 on.
fn decoded(model: &RollModel, code: &[f32]) -> Vec<u128> {
    let mut coder = Coder::of(model, Precision::F32, Isa::best()).expect("an autoencoder");
    let segment = coder.decode(code).to_vec();
    let column = |step: usize| {
        let numbers = &segment[step % 64 * 88..][..88];
        SIXTEEN_KEYS
            .map(|key| usize::from(key - LOWEST_KEY))
            .filter(|&key| numbers[key] > 0.5)
            .fold(0, |keys, key| keys | 1u128 << key)
    };
    (80..200).map(column).collect()
}

#[test]
fn an_autoencoder_plays_the_code_of_your_phrase_at_the_places_of_the_song() {
    let (model, models) = coder(None);
    let (phrase, columns) = columns_of(&models, &[], &[512]);
    let mut coder = Coder::of(&model, Precision::F32, Isa::best()).expect("an autoencoder");
    let code = coder.encode(&phrase, 0).to_vec();
    let expected = decoded(&model, &code);
    assert!(expected.iter().collect::<std::collections::BTreeSet<_>>().len() > 4, "columns differ");
    assert!(columns[80..] == expected, "{:?} for {:?}", &columns[80..90], &expected[..10]);
    assert!(columns[..64].iter().all(|keys| *keys == 0), "it waits for the phrase's end");
    for blocks in [&[64][..], &[4095, 1, 0, 700]] {
        assert!(columns_of(&models, &[], blocks).1 == columns, "blocks of {blocks:?}");
    }
}

#[test]
fn sliders_go_from_their_base_along_numbers_or_axes() {
    const MEAN: f32 = 1.0;
    const ZERO: f32 = 2.0;
    const RAW: f32 = 1.0;
    let (bare, of_bare) = coder(None);
    let (model, models) = coder(Some(axes()));
    let sliders = [(NoteParam::Slider1, 0.5), (NoteParam::Slider2, -0.75), (NoteParam::Slider4, 1.0)];
    let with = |base: f32, raw: f32| [&sliders[..], &[(NoteParam::Base, base), (NoteParam::Axes, raw)]].concat();
    let cases = [
        (&models, with(ZERO, RAW), [0.5, -0.75, 0.0, 1.0]),
        (&models, with(MEAN, RAW), [0.75, -1.0, 0.125, 1.0]),
        // Three deviations are three eighths; axes 1 to 4 are the numbers 3, 1, 4 and 2.
        (&models, with(ZERO, 0.0), [-0.28125, 0.375, 0.1875, 0.0]),
        (&models, with(MEAN, 0.0), [-0.03125, -0.125, 0.3125, 0.0]),
        // Of a model that says nothing of its codes the axes are raw and the mean zero.
        (&of_bare, with(MEAN, 0.0), [0.5, -0.75, 0.0, 1.0]),
    ];
    let mut all = Vec::new();
    for (models, set, code) in cases {
        let expected = decoded(&bare, &code);
        assert!(columns_of(models, &set, &[512]).1[80..] == expected, "{set:?}");
        all.push(expected);
    }
    assert!(all[0] != all[1] && all[1] != all[2] && all[2] != all[3], "codes are told apart");
    assert_eq!(model.config().code(), Some(4));
}

#[test]
fn a_short_seed_forgets_what_was_before_it() {
    // Other phrases, then the same measure.
    let answer = |before: &[u8], seed: f32| {
        let mut song = Song::new(48_000, 120.0, 12.0);
        song.values = values(&[(NoteParam::Through, 0.0), (NoteParam::AnswerAfter, 1.0), (NoteParam::Seed, seed)]);
        song.chord(before, 0.0, 2.0);
        // A measure of 32 steps, so that the phrase's last measure is this one.
        song.chord(&[60, 64, 67], 2.0, 6.0);
        render(&song, &[512])
    };
    let (low, high) = ([40, 47], [76, 83, 88]);
    assert_ne!(answer(&low, 0.0), answer(&high, 0.0), "all of it is heard");
    assert_ne!(answer(&low, 2.0), answer(&high, 2.0), "two measures reach back to it");
    assert_eq!(answer(&low, 1.0), answer(&high, 1.0), "one does not");
    assert_ne!(answer(&low, 1.0), answer(&low, 0.0));
    // All that there is, from silence, is what the running state has heard.
    assert_eq!(answer(&low, 16.0), answer(&low, 0.0));
}

#[test]
fn a_key_on_the_trigger_channel_continues_and_is_neither_heard_nor_passed_on() {
    let song = |set: &[(NoteParam, f32)], triggers: &[(u8, f64)]| {
        let mut song = Song::new(48_000, 120.0, 8.0);
        song.values = values(&[(NoteParam::AnswerAfter, 16.0), (NoteParam::AnswerLength, 2.0)]);
        set.iter().for_each(|&(id, value)| song.values.set(id, value));
        song.chord(&[60, 64, 67], 0.0, 1.9);
        for &(channel, beat) in triggers {
            let at = song.beats(beat);
            song.deeds.push((at, Deed::Plays(Gesture::Down { channel, key: 33, velocity: 90 })));
            song.deeds.push((at + 1000, Deed::Plays(Gesture::Up { channel, key: 33 })));
        }
        song.deeds.sort_by_key(|&(at, _)| at);
        render(&song, &[512])
    };
    let ours = |sent: &[(i64, Message)]| {
        sent.iter().filter(|(at, message)| *at > 48_000 && matches!(message, Message::On { channel: 0, .. })).count()
    };
    let on = [(NoteParam::TriggerChannel, 10.0)];
    let quiet = song(&on, &[]);
    assert_eq!(ours(&quiet), 0, "it would wait for sixteen beats");
    let triggered = song(&on, &[(9, 4.0)]);
    assert!(ours(&triggered) > 5, "{}", ours(&triggered));
    let is_of_nine = |message: &Message| match *message {
        Message::On { channel, .. } | Message::Off { channel, .. } => channel == 9,
    };
    assert!(triggered.iter().all(|(_, message)| !is_of_nine(message)), "it is not passed on");
    assert!(triggered.iter().any(|&(at, _)| (4 * 24_000..6 * 24_000).contains(&at)), "it begins with the next step");
    // It is heard on another channel, and does not trigger.
    let other = song(&on, &[(8, 4.0)]);
    assert!(ours(&other) == 0 && other.len() > quiet.len());
    assert_eq!(song(&[], &[(9, 4.0)]).len(), other.len(), "off, it is a channel like any");
}

#[test]
fn a_bounce_waits_for_a_model_that_another_project_puts_into_the_slot() {
    let models = with_own(20);
    let mut song = Song::new(48_000, 120.0, 60.0);
    song.values = values(&[(NoteParam::Part, 1.0), (NoteParam::Model, 64.0)]);
    let (mut engine, worker) = made(&song, &models, RenderMode::Offline);
    let _worker = worker.spawn();
    let (mut book, mut log) = (Book::default(), Log { room: usize::MAX, ..Log::default() });
    log.sent.reserve(100_000);
    for from in (0..8 * 48_000).step_by(480) {
        if from == 4 * 48_000 {
            models.set_bytes(64, "another".into(), notes::lstm(12, -2.0).to_bytes());
        }
        log.block = (from, 480);
        let mut stage = Stage { book: &mut book, sink: &mut log };
        engine.begin(song.transport(from), 480, &mut stage);
        if from % 48_000 == 0 {
            engine.hear(Gesture::Down { channel: 0, key: 60, velocity: 90 }, &mut stage);
        }
        engine.end(480, &mut stage);
    }
    assert_eq!((engine.late_steps(), engine.meters().is_failed()), (0, false));
    // Of 3000 samples a step, the first one may have passed.
    let again = 4 * 48_000 + 1..4 * 48_000 + 8 * 3000;
    assert!(log.sent.iter().any(|(at, message)| again.contains(at) && matches!(message, Message::On { .. })));
}

#[test]
fn after_a_worker_has_panicked_a_model_that_is_not_loaded_can_be_chosen() {
    let models = with_own(20);
    let mut song = Song::new(48_000, 120.0, 60.0);
    song.values = values(&[(NoteParam::Part, 1.0)]);
    let (mut engine, mut worker) = made(&song, &models, RenderMode::Live);
    worker.panic_after(3);
    let _worker = worker.spawn();
    let (mut book, mut log) = (Book::default(), Log { room: usize::MAX, ..Log::default() });
    log.sent.reserve(1_000_000);
    let began = Instant::now();
    let (mut from, mut chosen) = (0i64, None);
    // In time with the clock, until the other model plays.
    while began.elapsed() < Duration::from_secs(30) {
        log.block = (from, 480);
        let mut stage = Stage { book: &mut book, sink: &mut log };
        engine.begin(song.transport(from), 480, &mut stage);
        if from % 48_000 == 0 {
            engine.hear(Gesture::Up { channel: 0, key: 60 }, &mut stage);
            engine.hear(Gesture::Down { channel: 0, key: 60, velocity: 90 }, &mut stage);
        }
        if chosen.is_none() && engine.late_steps() > 3 {
            engine.set(NoteParam::Model, 64.0, &mut stage);
            chosen = Some(from);
        }
        engine.end(480, &mut stage);
        let is_ours = |&&(at, message): &&(i64, Message)| {
            chosen.is_some_and(|chosen| at > chosen) && matches!(message, Message::On { key, .. } if key != 60)
        };
        if log.sent.iter().filter(is_ours).count() > 5 {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
        from += 480;
    }
    panic!("it never plays again: chosen at {chosen:?}");
}

#[test]
fn in_a_loop_that_is_shorter_than_a_segment_your_last_columns_are_your_last() {
    let (model, models) = coder(None);
    // Half of a segment, over and over: in the first two rounds the phrase is played.
    let (phrase, columns) = columns_in(&models, &[], &[512], 32);
    let mut coder = Coder::of(&model, Precision::F32, Isa::best()).expect("an autoencoder");
    let code = coder.encode(&phrase, 0).to_vec();
    // From step 80 on, which is step 16 of the third round.
    let expected = &decoded(&model, &code)[..16];
    assert!(columns[80..96] == *expected, "{:?} for {:?}", &columns[80..84], &expected[..4]);
}

#[test]
fn two_engines_of_one_model_know_nothing_of_each_other() {
    let (one, mut other) = (eventful(48_000, 120.0), eventful(48_000, 120.0));
    other.deeds.truncate(3);
    let expected = [render(&one, &[512]), render(&other, &[512])];
    let together = std::thread::scope(|scope| {
        [&one, &other].map(|song| scope.spawn(|| render(song, &[512]))).map(|thread| thread.join().expect("no panic"))
    });
    assert!(together == expected);
}
