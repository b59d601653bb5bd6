//! The engine of notes on a stage: songs, what happens in them, and what is sent.

use crate::common::notes;
use std::sync::Arc;
use sympathy::{
    control::notes::{NoteParam, NoteValues},
    engine::{Bar, Beats, RenderMode, Transport},
    nn::Isa,
    notes::live::{
        Book, CHANNELS, Gesture, Message, NoteEngine, NoteEngineConfig, NoteModels, NoteSink, NoteWorker, Stage,
        StoredCodes, start,
    },
    worker::WorkerThread,
};

/// Everything that was sent, by engine time.
#[derive(Default)]
pub struct Log {
    pub sent: Vec<(i64, Message)>,
    pub block: (i64, usize),
    pub sounding: [u128; CHANNELS],
    /// Messages that still find room in this block.
    pub room: usize,
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
            Message::Off { channel, key, .. } => (channel, key, false),
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
pub enum Deed {
    Plays(Gesture),
    Sets(NoteParam, f32),
}

/// A song of one tempo, and what happens in it.
#[derive(Clone)]
pub struct Song {
    pub rate: u32,
    pub tempo: f64,
    /// Parts of it that the host plays one after the other: from and to, in samples of the song.
    pub parts: Vec<(i64, i64)>,
    /// The host says that the parts after the first are jumps within its loop.
    pub loops: bool,
    /// By samples since the host began.
    pub deeds: Vec<(i64, Deed)>,
    pub values: NoteValues,
    /// Beat of the song's first sample.
    pub first_beat: f64,
    /// Of the bars that differ from those before the first one.
    pub bars: Vec<Bar>,
}

impl Song {
    pub fn new(rate: u32, tempo: f64, seconds: f64) -> Self {
        let parts = vec![(0, (seconds * f64::from(rate)) as i64)];
        Self {
            rate,
            tempo,
            parts,
            loops: false,
            deeds: Vec::new(),
            values: values(&[]),
            first_beat: 0.0,
            bars: Vec::new(),
        }
    }

    pub fn beats(&self, beats: f64) -> i64 {
        (beats * 60.0 / self.tempo * f64::from(self.rate)).round() as i64
    }

    /// A chord from one beat to another.
    pub fn chord(&mut self, keys: &[u8], from: f64, to: f64) {
        for &key in keys {
            let down = Gesture::Down { channel: 0, key, velocity: 90 };
            self.deeds.push((self.beats(from), Deed::Plays(down)));
            self.deeds.push((self.beats(to), Deed::Plays(Gesture::Up { channel: 0, key, velocity: 0 })));
        }
        self.deeds.sort_by_key(|&(at, _)| at);
    }

    pub fn transport(&self, position: i64) -> Transport {
        let beats = self.first_beat + position as f64 * self.tempo / (60.0 * f64::from(self.rate));
        // What is no place begins nowhere: it is the first.
        let bar = self.bars.iter().rev().find(|bar| bar.start <= beats).or(self.bars.first()).copied();
        Transport {
            playing: true,
            position_samples: Some(position),
            loop_samples: self.loops.then(|| self.parts[0]),
            beats: Some(Beats { bar, ..Beats::at(beats, self.tempo) }),
        }
    }
}

pub fn values(set: &[(NoteParam, f32)]) -> NoteValues {
    let mut values = NoteValues::default();
    set.iter().for_each(|&(id, value)| values.set(id, value));
    values
}

pub fn models(bias: f32) -> Arc<NoteModels> {
    let models = NoteModels::with_embedded(Isa::best());
    for (slot, hidden) in [(0, 24), (1, 16)] {
        models.set_bytes(slot, "of a test".into(), notes::lstm(hidden, bias).to_bytes());
        models.load(slot).expect("recurrent");
    }
    models
}

pub fn made(song: &Song, models: &Arc<NoteModels>, mode: RenderMode) -> (NoteEngine, NoteWorker) {
    made_with(song, models, &Arc::default(), mode)
}

/// The same with codes that are stored.
pub fn made_with(
    song: &Song,
    models: &Arc<NoteModels>,
    codes: &Arc<StoredCodes>,
    mode: RenderMode,
) -> (NoteEngine, NoteWorker) {
    start(&NoteEngineConfig {
        sample_rate_hz: song.rate,
        reaction_ms: 50.0,
        mode,
        values: song.values,
        models: Arc::clone(models),
        codes: Arc::clone(codes),
    })
}

/// Who makes the predictions.
pub enum Hands {
    /// Stepped between blocks and whenever it may be waited for.
    Thread(#[allow(dead_code, reason = "dropped at the end")] WorkerThread),
    /// After every piece of a block.
    Here(Box<NoteWorker>),
}

impl Hands {
    pub fn work(&mut self) {
        if let Self::Here(worker) = self {
            while worker.run_once() {}
        }
    }
}

/// Plays a song in blocks of these lengths, over and over.
pub fn perform(
    engine: &mut NoteEngine,
    hands: &mut Hands,
    song: &Song,
    blocks: &[usize],
    book: &mut Book,
    log: &mut Log,
) {
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

pub fn render(song: &Song, blocks: &[usize]) -> Vec<(i64, Message)> {
    let (mut engine, worker) = made(song, &models(-2.5), RenderMode::Offline);
    let (mut book, mut log) = (Book::default(), Log::default());
    log.sent.reserve(100_000);
    perform(&mut engine, &mut Hands::Thread(worker.spawn()), song, blocks, &mut book, &mut log);
    assert_eq!(engine.late_steps(), 0);
    log.sent
}

/// Panics with the first message that differs.
#[track_caller]
pub fn assert_same(found: &[(i64, Message)], expected: &[(i64, Message)], what: &str) {
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
pub fn eventful(rate: u32, tempo: f64) -> Song {
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
