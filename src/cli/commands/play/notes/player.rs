//! The thread that plays notes: blocks at the pace of the system's clock.
//!
//! A block is played when its last sample has gone by: everything that arrives within it is known then, and is heard at its own sample.
//! What it sends leaves in the course of the next one, each message a block after its sample: a constant 1.3 ms, and no jitter but the
//! system's timer. The engine's call allocates, locks and waits no more than in the plugin; asleep the thread is between blocks, and a port
//! makes the system calls that it makes.

use super::{
    message::{Kind, Short},
    outlet::{Outlet, Port},
    performer::{Arrival, NoteMonitor, NotePerformer, Outbox},
};
use crate::cli::{
    commands::play::{
        console::Heard,
        control_map::{Message, can_be_mapped},
    },
    instrument::NOTE_RATE_HZ,
};
use rtrb::{Consumer, Producer, RingBuffer};
use std::{
    sync::{
        Arc,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Relaxed},
        },
        mpsc::SyncSender,
    },
    time::{Duration, Instant},
};

/// Samples of a block.
pub const BLOCK: usize = 64;
/// Messages that wait for their block; of more, the rest are lost.
const MAX_WAITING: usize = 4096;
/// Messages of a block; more are heard with the next one.
const MAX_ARRIVALS: usize = 1024;
/// Who is later than this leaves out what was missed; who is less late catches up.
const MAX_BEHIND: Duration = Duration::from_millis(200);

/// Where messages arrive.
#[derive(Debug)]
pub struct Inlet<Id, Own> {
    arrivals: Producer<(Duration, Short)>,
    /// The terminal, whose map controllers and programs may move.
    heard: SyncSender<Heard<Id, Own>>,
    monitor: Arc<NoteMonitor>,
}

impl<Id, Own> Inlet<Id, Own> {
    /// Messages come out at the consumer.
    pub fn new(heard: SyncSender<Heard<Id, Own>>, monitor: Arc<NoteMonitor>) -> (Self, Consumer<(Duration, Short)>) {
        let (arrivals, consumer) = RingBuffer::new(MAX_WAITING);
        (Self { arrivals, heard, monitor }, consumer)
    }

    /// Takes what an input has received, so long after the beginning.
    pub fn take(&mut self, at: Duration, message: &[u8]) {
        let Some(message) = Short::read(message) else { return };
        if self.arrivals.push((at, message)).is_err() {
            self.monitor.lost.fetch_add(1, Relaxed);
        }
        // A terminal that hangs can do without it.
        let mapped = match message.kind() {
            Kind::Controller { channel, number, value } if can_be_mapped(number) => {
                Message::Controller { channel, number, value }
            }
            Kind::Program { channel, number } => Message::Program { channel, number },
            _ => return,
        };
        let _ = self.heard.try_send(Heard::Midi(mapped));
    }

    /// Whether so many messages find room.
    pub fn has_room(&self, messages: usize) -> bool {
        self.arrivals.slots() >= messages
    }
}

/// A clock, and the patience to wait for it.
pub trait Wall {
    /// Time since the beginning.
    fn now(&self) -> Duration;
    /// Returns at that time, or a little later; at once if it is over.
    fn sleep_until(&mut self, time: Duration);
}

/// The system's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock(pub Instant);

impl Wall for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep_until(&mut self, time: Duration) {
        let left = time.saturating_sub(self.now());
        if !left.is_zero() {
            std::thread::sleep(left);
        }
    }
}

/// How long so many samples are.
pub fn duration(samples: u64) -> Duration {
    // Exact for centuries, where a float would not be.
    let nanos = u128::from(samples) * 1_000_000_000 / u128::from(NOTE_RATE_HZ);
    Duration::from_nanos(nanos as u64)
}

/// Engine, way in and way out.
pub struct Player<P: Port> {
    performer: NotePerformer,
    inlet: Consumer<(Duration, Short)>,
    arrivals: Vec<Arrival>,
    outbox: Outbox,
    outlet: Outlet<P>,
    /// [`NoteMonitor::lost`], as it is minded.
    lost: u64,
    monitor: Arc<NoteMonitor>,
}

impl<P: Port> Player<P> {
    /// Plays what comes through `inlet` into `port`.
    pub fn new(
        performer: NotePerformer,
        inlet: Consumer<(Duration, Short)>,
        port: P,
        monitor: Arc<NoteMonitor>,
    ) -> Self {
        let outlet = Outlet::new(port, Arc::clone(&monitor));
        let (arrivals, outbox) = (Vec::with_capacity(MAX_ARRIVALS), Outbox::default());
        Self { performer, inlet, arrivals, outbox, outlet, lost: 0, monitor }
    }

    /// Plays until `is_over`; then everything that sounds ends.
    pub fn run(mut self, wall: &mut impl Wall, is_over: &AtomicBool) {
        let mut block = 0u64;
        // When the first sample was, had nothing been left out since.
        let mut zero = wall.now();
        while !is_over.load(Acquire) {
            let first = block * BLOCK as u64;
            let end = zero + duration(first + BLOCK as u64);
            self.send(zero, first, wall);
            wall.sleep_until(end);
            let behind = wall.now().saturating_sub(end);
            if behind > MAX_BEHIND {
                zero += behind;
                self.monitor.stalls.fetch_add(1, Relaxed);
            }
            self.gather(zero + duration(first), zero + duration(first + BLOCK as u64));
            self.outbox.clear();
            self.performer.play(BLOCK, &self.arrivals, &mut self.outbox);
            // What was lost came behind all that still waits.
            let lost = self.monitor.lost.load(Relaxed);
            if lost != self.lost && self.inlet.is_empty() {
                self.lost = lost;
                self.performer.let_go();
            }
            self.outlet.settle();
            block += 1;
        }
        self.outlet.silence();
    }

    /// Sends what the block before has made, each message at its time; that of its first sample is when sample `first` goes by.
    fn send(&mut self, zero: Duration, first: u64, wall: &mut impl Wall) {
        for &(offset, message) in self.outbox.sent() {
            let due = zero + duration(first + offset as u64);
            wall.sleep_until(due);
            self.outlet.send(message);
            let late = wall.now().saturating_sub(due).as_micros();
            self.monitor.late_us.fetch_max(u64::try_from(late).unwrap_or(u64::MAX), Relaxed);
        }
    }

    /// Takes what has arrived in a block.
    fn gather(&mut self, begin: Duration, end: Duration) {
        self.arrivals.clear();
        while self.arrivals.len() < MAX_ARRIVALS
            && let Ok(&(at, message)) = self.inlet.peek()
            && at < end
        {
            let _ = self.inlet.pop();
            // To the nearest sample, so that a time that was made of one is that one.
            let since = at.saturating_sub(begin).as_nanos() * u128::from(NOTE_RATE_HZ);
            let offset = ((since + 500_000_000) / 1_000_000_000) as usize;
            // What was overtaken is not earlier than what overtook it.
            let least = self.arrivals.last().map_or(0, |last| last.offset);
            self.arrivals.push(Arrival { offset: offset.clamp(least, BLOCK - 1), message });
        }
    }
}
