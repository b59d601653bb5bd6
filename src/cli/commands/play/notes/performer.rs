//! The engine of notes as the program plays it: orders of the terminal, messages at their samples, the song, what is to be sent.
//!
//! It does what the plugin does with the same events: what is passed on, and what the engine makes of it, is the same code.

use super::{
    message::{Kind, Short},
    midi_clock::MidiClock,
};
use crate::{
    control::notes::{NoteParam, NoteValues},
    engine::Transport,
    notes::live::{Book, CHANNELS, Gesture, Message, NoteEngine, NoteSink, PEDAL_DOWN, Pedals, SUSTAIN, Stage},
};
use rtrb::{Consumer, Producer, RingBuffer};
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

/// Orders that the ring holds: some presets at once.
const MAX_ORDERS: usize = 512;
/// Messages that a block can send.
const MAX_SENT: usize = 8192;

/// An order of the terminal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoteOrder {
    /// A parameter takes a plain value.
    Set(NoteParam, f32),
    /// The player's input has gone: what it holds goes up.
    LetGo,
}

/// How it goes, for display.
#[derive(Debug, Default)]
pub struct NoteMonitor {
    /// Samples that have gone by.
    pub samples: AtomicU64,
    /// Keys that were struck by the player, and by the model.
    pub struck: [AtomicU64; 2],
    /// Continuations that have begun.
    pub continuations: AtomicU64,
    /// Steps that stayed silent because their prediction came too late.
    pub late_steps: AtomicU64,
    /// Nothing more is predicted.
    pub has_failed: AtomicBool,
    /// Messages that were lost, as more came than the program could take: the keys that are held then go up.
    pub lost: AtomicU64,
    /// Times that the machine was so late that time was left out.
    pub stalls: AtomicU64,
    /// How much later than it should a message was sent, at most, since the last look.
    pub late_us: AtomicU64,
    /// Messages that the output did not take.
    pub refused: AtomicU64,
    /// The first reason for that.
    pub trouble: OnceLock<&'static str>,
    /// Thousandths of a beat a minute of the clock that is followed; 0: none was heard yet.
    pub millibpm: AtomicU64,
    /// The song runs.
    pub runs: AtomicBool,
}

impl NoteMonitor {
    /// One line at the end.
    pub fn summary(&self, sample_rate_hz: u32) -> String {
        let count = |count: &AtomicU64, what: &str| {
            let count = count.load(Relaxed);
            format!("{count} {what}{}", if count == 1 { "" } else { "s" })
        };
        let [heard, played] = &self.struck;
        let more = [(&self.stalls, "stall"), (&self.lost, "lost message"), (&self.refused, "refused message")];
        let more = more.iter().filter(|(count, _)| count.load(Relaxed) > 0);
        let told = [
            format!("{:.1} s played", self.samples.load(Relaxed) as f64 / f64::from(sample_rate_hz)),
            count(heard, "note") + " heard",
            count(played, "note") + " sent",
            count(&self.continuations, "continuation"),
            count(&self.late_steps, "late step"),
        ];
        told.into_iter().chain(more.map(|(number, what)| count(number, what))).collect::<Vec<_>>().join(", ")
    }
}

/// A message at its sample of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Below the block's length; not before that of the arrival before.
    pub offset: usize,
    /// What has come.
    pub message: Short,
}

/// What a block sends, in the order of time.
#[derive(Clone, Debug)]
pub struct Outbox(Vec<(usize, Short)>);

impl Default for Outbox {
    fn default() -> Self {
        Self(Vec::with_capacity(MAX_SENT))
    }
}

impl Outbox {
    /// The messages, and their offsets.
    pub fn sent(&self) -> &[(usize, Short)] {
        &self.0
    }

    /// Room for another block's.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    fn push(&mut self, offset: usize, message: Short) -> bool {
        let has_room = self.0.len() < MAX_SENT;
        if has_room {
            self.0.push((offset, message));
        }
        has_room
    }
}

/// The engine's way to the outbox, within a piece of a block.
struct Sink<'a> {
    outbox: &'a mut Outbox,
    /// Where the piece begins.
    from: usize,
    /// What is sent now is the player's.
    is_players: bool,
    monitor: &'a NoteMonitor,
}

impl NoteSink for Sink<'_> {
    fn send(&mut self, offset: usize, message: Message) -> bool {
        let has_room = self.outbox.push(self.from + offset, message.into());
        if has_room && !self.is_players && matches!(message, Message::On { .. }) {
            self.monitor.struck[1].fetch_add(1, Relaxed);
        }
        has_room
    }
}

/// Owned by the thread that plays.
#[derive(Debug)]
pub struct NotePerformer {
    engine: NoteEngine,
    book: Book,
    pedals: Pedals,
    orders: Consumer<NoteOrder>,
    values: NoteValues,
    /// The clock that is followed; else the song runs from the beginning, at *Free Tempo*.
    clock: Option<MidiClock>,
    /// Samples that have gone by.
    position: i64,
    /// What the player holds goes up with the next block.
    lets_go: bool,
    monitor: Arc<NoteMonitor>,
}

impl NotePerformer {
    /// Of an engine that begins with `values`; and the producer of its orders, and its state for display.
    pub fn new(
        engine: NoteEngine,
        values: NoteValues,
        clock: Option<MidiClock>,
    ) -> (Self, Producer<NoteOrder>, Arc<NoteMonitor>) {
        let (producer, orders) = RingBuffer::new(MAX_ORDERS);
        let monitor = Arc::<NoteMonitor>::default();
        let (book, pedals) = Default::default();
        let own = Arc::clone(&monitor);
        (
            Self { engine, book, pedals, orders, values, clock, position: 0, lets_go: false, monitor: own },
            producer,
            monitor,
        )
    }

    /// Messages were lost, after all that were given to it so far: with the next block all that the player holds goes up, as some
    /// of it may have.
    ///
    /// # Realtime safety
    /// Does not allocate.
    pub fn let_go(&mut self) {
        self.lets_go = true;
    }

    /// Plays a block: `arrivals` in order, what is sent goes to the end of `outbox`.
    ///
    /// # Realtime safety
    /// As [`NoteEngine::advance`].
    pub fn play(&mut self, samples: usize, arrivals: &[Arrival], outbox: &mut Outbox) {
        let (mut from, mut next, mut heard) = (0, 0, 0);
        while from < samples {
            let (transport, to) = self.song(from, samples, arrivals, &mut heard);
            next = self.play_piece(from..to, transport, arrivals, next, outbox);
            from = to;
        }
        self.position += samples as i64;
        let monitor = &self.monitor;
        monitor.samples.store(self.position as u64, Relaxed);
        monitor.continuations.store(self.engine.meters().continuations(), Relaxed);
        monitor.late_steps.store(self.engine.late_steps(), Relaxed);
        monitor.has_failed.store(self.engine.meters().is_failed(), Relaxed);
    }

    /// The song at a sample of the block, and up to which one it goes on like that; `heard`: so many arrivals the clock has taken.
    fn song(&mut self, from: usize, samples: usize, arrivals: &[Arrival], heard: &mut usize) -> (Transport, usize) {
        let Some(clock) = &mut self.clock else {
            let position_samples = Some(self.position + from as i64);
            return (Transport { playing: true, position_samples, loop_samples: None, beats: None }, samples);
        };
        let tempo = f64::from(self.values.get(NoteParam::FreeTempo));
        let hear = |clock: &mut MidiClock, arrival: &Arrival| match arrival.message.kind() {
            Kind::Beat(beat) => clock.hear(self.position + arrival.offset as i64, beat, tempo),
            _ => false,
        };
        while let Some(arrival) = arrivals.get(*heard).filter(|arrival| arrival.offset <= from) {
            hear(clock, arrival);
            *heard += 1;
        }
        let transport = clock.transport(self.position + from as i64);
        self.monitor.runs.store(transport.playing, Relaxed);
        self.monitor.millibpm.store(clock.per_minute().map_or(0, |tempo| (1000.0 * tempo) as u64), Relaxed);
        while let Some(arrival) = arrivals.get(*heard) {
            *heard += 1;
            if hear(clock, arrival) {
                return (transport, arrival.offset);
            }
        }
        (transport, samples)
    }

    /// Plays a part of the block in which the song goes on; returns the first arrival after it.
    fn play_piece(
        &mut self,
        piece: std::ops::Range<usize>,
        transport: Transport,
        arrivals: &[Arrival],
        mut next: usize,
        outbox: &mut Outbox,
    ) -> usize {
        let from = piece.start;
        let mut sink = Sink { outbox, from, is_players: false, monitor: &self.monitor };
        let mut stage = Stage { book: &mut self.book, sink: &mut sink };
        let engine = &mut self.engine;
        engine.begin(transport, piece.len(), &mut stage);
        engine.advance(0, &mut stage);
        let mut lets_go = std::mem::take(&mut self.lets_go);
        while let Ok(order) = self.orders.pop() {
            match order {
                NoteOrder::Set(id, value) => {
                    self.values.set(id, value);
                    engine.set(id, value, &mut stage);
                }
                NoteOrder::LetGo => lets_go = true,
            }
        }
        if lets_go {
            engine.hear(Gesture::AllUp { channel: None }, &mut stage);
            // Those that were not passed on, too.
            for channel in 0..CHANNELS as u8 {
                engine.hear(Gesture::Pedal { channel, is_down: false }, &mut stage);
            }
            for channel in self.pedals.down() {
                self.pedals.lifts(channel, false, false);
                stage.sink.outbox.push(from, Short::controller(channel, SUSTAIN, 0));
            }
        }
        let passes = [NoteParam::Through, NoteParam::Bypass].iter().any(|&id| self.values.get(id) >= 0.5);
        while let Some(arrival) = arrivals.get(next).filter(|arrival| arrival.offset < piece.end) {
            next += 1;
            engine.advance(arrival.offset.saturating_sub(from), &mut stage);
            let message = arrival.message;
            let mut is_passed_on = passes;
            match message.kind() {
                Kind::Down { channel, key, velocity } => {
                    self.monitor.struck[0].fetch_add(u64::from(velocity > 0), Relaxed);
                    stage.sink.is_players = true;
                    engine.hear(Gesture::Down { channel, key, velocity }, &mut stage);
                    stage.sink.is_players = false;
                    // Through the book.
                    is_passed_on = false;
                }
                Kind::Up { channel, key, velocity } => {
                    engine.hear(Gesture::Up { channel, key, velocity }, &mut stage);
                    is_passed_on = false;
                }
                Kind::Controller { channel, number, value } => {
                    let is_on = value >= PEDAL_DOWN;
                    if let Some(gesture) = Gesture::of_controller(channel, number, is_on) {
                        engine.hear(gesture, &mut stage);
                    }
                    is_passed_on |= number == SUSTAIN && self.pedals.lifts(channel, is_on, passes);
                }
                Kind::Program { .. } | Kind::Colour => {}
                Kind::Beat(_) => is_passed_on = false,
            }
            if is_passed_on {
                stage.sink.outbox.push(arrival.offset.max(from), message);
            }
        }
        engine.end(piece.len(), &mut stage);
        next
    }
}
