//! `sympathy play --notes` without ports and without a clock of the system: what goes in, what comes out and when, and what is left.

use crate::{
    counting::counted,
    note_stage::{Hands, models, values},
};
use rtrb::Producer;
use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
        mpsc::sync_channel,
    },
    time::Duration,
};
use sympathy::{
    cli::commands::play::notes::{
        message::Short,
        midi_clock::MidiClock,
        outlet::{Outlet, Port},
        performer::{Arrival, NoteMonitor, NoteOrder, NotePerformer, Outbox},
        player::{BLOCK, Inlet, Player, Wall, duration},
    },
    control::notes::{NOTE_SPECS, NoteParam, NoteValues},
    dsp::random::Random,
    engine::RenderMode,
    notes::live::{NoteEngineConfig, NoteWorker, start},
};

/// Samples and bytes.
type Timed = (u64, Vec<u8>);

fn made(
    values: NoteValues,
    mode: RenderMode,
    clock: Option<MidiClock>,
) -> (NotePerformer, NoteWorker, Producer<NoteOrder>, Arc<NoteMonitor>) {
    let config = NoteEngineConfig {
        sample_rate_hz: 48_000,
        reaction_ms: 50.0,
        mode,
        values,
        models: models(-2.5),
        codes: Arc::default(),
    };
    let (engine, worker) = start(&config);
    let (performer, orders, monitor) = NotePerformer::new(engine, values, clock);
    (performer, worker, orders, monitor)
}

fn short(bytes: &[u8]) -> Short {
    Short::read(bytes).expect("a message")
}

/// Keys, wheel, pedal and program of a phrase of two beats, on two channels.
fn phrase() -> Vec<Timed> {
    let mut events = vec![
        (7, vec![0xc0, 5]),
        (1000, vec![0x90, 60, 90]),
        (1000, vec![0x90, 64, 90]),
        (1001, vec![0xe0, 1, 65]),
        (9000, vec![0xb1, 64, 127]),
        (20_000, vec![0x80, 64, 0]),
        (20_063, vec![0x90, 60, 0]),
        (24_000, vec![0x92, 67, 70]),
        (40_000, vec![0xb1, 64, 0]),
        (46_000, vec![0x82, 67, 0]),
        (46_000, vec![0xd2, 3]),
        (46_001, vec![0xa2, 67, 3]),
    ];
    events.sort_by_key(|&(at, _)| at);
    events
}

/// What the performer sends for these events, in blocks of this many samples.
fn performed(events: &[Timed], values: NoteValues, block: usize, length: u64) -> Vec<Timed> {
    let (mut performer, worker, _orders, _) = made(values, RenderMode::Offline, None);
    let _worker = worker.spawn();
    let (mut sent, mut outbox) = (Vec::new(), Outbox::default());
    let mut next = 0;
    for from in (0..length).step_by(block) {
        let mut arrivals = Vec::new();
        while let Some((at, bytes)) = events.get(next).filter(|(at, _)| *at < from + block as u64) {
            arrivals.push(Arrival { offset: (at - from) as usize, message: short(bytes) });
            next += 1;
        }
        outbox.clear();
        performer.play(block, &arrivals, &mut outbox);
        sent.extend(outbox.sent().iter().map(|(offset, message)| (from + *offset as u64, message.bytes().to_vec())));
    }
    sent
}

/// Keys and pedals that are down behind a port.
fn sounding<'a>(sent: impl IntoIterator<Item = &'a Vec<u8>>) -> Vec<(u8, u8)> {
    let mut down = Vec::new();
    for bytes in sent {
        match bytes[..] {
            [status, key, velocity] if status & 0xe0 == 0x80 => {
                let place = (status & 15, key);
                let is_on = status & 0x10 != 0 && velocity > 0;
                assert_eq!(is_on, !down.contains(&place), "{bytes:?}: each begins once and ends once");
                if is_on {
                    down.push(place);
                } else {
                    down.retain(|held| *held != place);
                }
            }
            [status, 64, value] if status & 0xf0 == 0xb0 => {
                down.retain(|held| *held != (status & 15, 200));
                if value >= 64 {
                    down.push((status & 15, 200));
                }
            }
            _ => {}
        }
    }
    down
}

/// A machine whose time goes by when it is slept.
struct Machine {
    now: Arc<AtomicU64>,
    events: VecDeque<(Duration, Vec<u8>)>,
    inlet: Inlet<NoteParam, Infallible>,
    ends: Duration,
    is_over: Arc<AtomicBool>,
    /// Then it stands still for a second.
    stalls: Option<Duration>,
}

impl Wall for Machine {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.now.load(SeqCst))
    }

    fn sleep_until(&mut self, time: Duration) {
        let mut now = self.now().max(time);
        if let Some(at) = self.stalls.take_if(|at| *at <= now) {
            now = at + Duration::from_secs(1);
        }
        while let Some((at, bytes)) = self.events.pop_front_if(|(at, _)| *at <= now) {
            self.inlet.take(at, &bytes);
        }
        self.now.store(now.as_nanos() as u64, SeqCst);
        self.is_over.fetch_or(now >= self.ends, SeqCst);
    }
}

/// When each message was sent.
type Sent = Vec<(Duration, Vec<u8>)>;

/// Notes what is sent, and when.
#[derive(Clone, Default)]
struct Tape {
    now: Arc<AtomicU64>,
    sent: Arc<Mutex<Sent>>,
    is_deaf: Arc<AtomicBool>,
}

impl Port for Tape {
    fn send(&mut self, message: &[u8]) -> Result<(), &'static str> {
        if self.is_deaf.load(SeqCst) {
            return Err("unplugged");
        }
        self.sent.lock().expect("a tape").push((Duration::from_nanos(self.now.load(SeqCst)), message.to_vec()));
        Ok(())
    }
}

/// Plays events to the program's own thread for so long.
fn played(events: &[Timed], values: NoteValues, length: u64, stalls: Option<Duration>) -> (Tape, Arc<NoteMonitor>) {
    let (performer, worker, _orders, monitor) = made(values, RenderMode::Offline, None);
    let _worker = worker.spawn();
    let (inlet, arrivals) = Inlet::new(sync_channel(64).0, Arc::clone(&monitor));
    let tape = Tape::default();
    let is_over = Arc::new(AtomicBool::new(false));
    let mut machine = Machine {
        now: Arc::clone(&tape.now),
        events: events.iter().map(|(at, bytes)| (duration(*at), bytes.clone())).collect(),
        inlet,
        ends: duration(length),
        is_over: Arc::clone(&is_over),
        stalls,
    };
    Player::new(performer, arrivals, tape.clone(), Arc::clone(&monitor)).run(&mut machine, &is_over);
    (tape, monitor)
}

fn answering() -> NoteValues {
    values(&[(NoteParam::AnswerLength, 1.0), (NoteParam::AnswerAfter, 0.5), (NoteParam::Polyphony, 5.0)])
}

#[test]
fn each_message_leaves_a_block_after_its_sample_and_nothing_sounds_at_the_end() {
    let (events, values) = (phrase(), answering());
    // Into the answer.
    let length = 96_000;
    let expected = performed(&events, values, BLOCK, length - BLOCK as u64);
    assert!(!sounding(expected.iter().map(|(_, bytes)| bytes)).is_empty(), "it is cut off in the middle");
    let (tape, monitor) = played(&events, values, length, None);
    let sent = tape.sent.lock().expect("a tape").clone();
    for (index, (at, bytes)) in expected.iter().enumerate() {
        assert_eq!(sent[index], (duration(at + BLOCK as u64), bytes.clone()), "message {index}");
    }
    let rest = &sent[expected.len()..];
    assert!(!rest.is_empty() && rest.iter().all(|(_, bytes)| bytes[0] & 0xf0 == 0x80), "ends: {rest:?}");
    assert_eq!(sounding(sent.iter().map(|(_, bytes)| bytes)), []);
    let summary = monitor.summary(48_000);
    assert!(summary.starts_with("2.0 s played, 3 notes heard, ") && summary.ends_with("0 late steps"), "{summary}");
    assert_eq!(monitor.late_us.load(SeqCst), 0);
}

#[test]
fn the_size_of_blocks_is_not_heard_and_what_is_no_note_passes() {
    let (events, values) = (phrase(), answering());
    let expected = performed(&events, values, BLOCK, 192_000);
    for block in [1, 17, 480, 4096] {
        assert_eq!(performed(&events, values, block, 192_000), expected, "blocks of {block}");
    }
    let at = |bytes: &[u8]| expected.iter().filter(|(_, sent)| sent == bytes).map(|(at, _)| *at).collect::<Vec<_>>();
    for (passed, sample) in
        [(&[0xc0, 5][..], 7), (&[0xe0, 1, 65], 1001), (&[0xd2, 3], 46_000), (&[0xa2, 67, 3], 46_001)]
    {
        assert_eq!(at(passed), [sample], "{passed:?}");
    }
    let ours = expected.iter().filter(|(at, bytes)| *at > 47_000 && bytes[0] == 0x90).count();
    assert!(ours > 10, "{ours} notes");
    let mut apart = values;
    apart.set(NoteParam::Through, 0.0);
    assert_eq!(performed(&events, apart, BLOCK, 47_000), [], "without Through");
}

#[test]
fn a_machine_that_stands_still_leaves_the_time_out_and_no_note_hangs() {
    let (tape, monitor) = played(&phrase(), answering(), 240_000, Some(Duration::from_millis(300)));
    assert_eq!(monitor.stalls.load(SeqCst), 1);
    assert_eq!(sounding(tape.sent.lock().expect("a tape").iter().map(|(_, bytes)| bytes)), []);
    let samples = monitor.samples.load(SeqCst);
    assert!((190_000..193_000).contains(&samples), "a second of five is missing: {samples}");
}

#[test]
fn a_flood_lets_go_of_all_that_came_before_what_was_lost() {
    let wheel = |value: u8| (1000, vec![0xe0, value, 64]);
    let mut events = vec![(100, vec![0x90, 60, 90]), (110, vec![0xb3, 64, 127])];
    events.extend((0..2000).map(|index| wheel(index as u8 & 127)));
    events.push((1000, vec![0x91, 62, 90]));
    events.extend((0..3000).map(|index| wheel(index as u8 & 127)));
    events.extend([vec![0x80, 60, 0], vec![0x81, 62, 0], vec![0xb3, 64, 0]].map(|bytes| (1001, bytes)));
    // It ends before an answer begins.
    let (tape, monitor) = played(&events, answering(), 20_000, None);
    assert!(monitor.lost.load(SeqCst) > 900);
    let sent = tape.sent.lock().expect("a tape").clone();
    assert!(sent.iter().any(|(_, bytes)| bytes[..] == [0x91, 62, 90]), "it was waiting when others were lost");
    let in_time = sent.iter().filter(|(at, _)| *at < duration(2000)).map(|(_, bytes)| bytes);
    assert_eq!(sounding(in_time), [], "keys and pedal");
}

#[test]
fn an_output_that_goes_and_comes_back_is_told_once_and_what_sounded_ends() {
    let tape = Tape::default();
    let monitor = Arc::<NoteMonitor>::default();
    let mut outlet = Outlet::new(tape.clone(), Arc::clone(&monitor));
    let keys: Vec<u8> = (40..60).collect();
    keys.iter().for_each(|&key| outlet.send(short(&[0x93, key, 80])));
    tape.is_deaf.store(true, SeqCst);
    keys.iter().for_each(|&key| outlet.send(short(&[0x83, key, 0])));
    keys.iter().for_each(|&key| outlet.send(short(&[0x93, key, 80])));
    assert_eq!(monitor.trouble.get(), Some(&"unplugged"));
    assert_eq!(monitor.refused.load(SeqCst), 40);
    tape.is_deaf.store(false, SeqCst);
    outlet.settle();
    let sent = tape.sent.lock().expect("a tape").clone();
    assert_eq!(sent.len(), 40, "each end, and no beginning that is late");
    assert_eq!(sounding(sent.iter().map(|(_, bytes)| bytes)), []);
}

#[test]
fn an_input_that_goes_lets_go_of_its_keys_and_pedals_and_so_does_a_flood() {
    for floods in [false, true] {
        let (mut performer, worker, mut orders, _) = made(answering(), RenderMode::Live, None);
        let mut hands = Hands::Here(Box::new(worker));
        let mut outbox = Outbox::default();
        let held = [&[0x90, 60, 90][..], &[0x95, 61, 90], &[0xb5, 64, 127]];
        let arrivals: Vec<Arrival> = held.iter().map(|bytes| Arrival { offset: 3, message: short(bytes) }).collect();
        performer.play(BLOCK, &arrivals, &mut outbox);
        hands.work();
        assert_eq!(outbox.sent().len(), 3);
        match floods {
            true => performer.let_go(),
            false => orders.push(NoteOrder::LetGo).expect("room"),
        }
        performer.play(BLOCK, &[], &mut outbox);
        let sent: Vec<Vec<u8>> = outbox.sent().iter().map(|(_, message)| message.bytes().to_vec()).collect();
        assert_eq!((sounding(&sent), sent.len()), (Vec::new(), 6));
        outbox.clear();
        performer.play(BLOCK, &[], &mut outbox);
        assert!(outbox.sent().is_empty(), "once");
    }
    let monitor = Arc::<NoteMonitor>::default();
    let (mut full, waiting) = Inlet::<NoteParam, Infallible>::new(sync_channel(1).0, Arc::clone(&monitor));
    (0..5000).for_each(|_| full.take(Duration::ZERO, &[0x90, 60, 1]));
    assert_eq!((waiting.slots(), monitor.lost.load(SeqCst)), (4096, 904));
}

#[test]
fn the_song_follows_a_midi_clock_and_stands_and_starts_with_it() {
    let alongside = values(&[(NoteParam::Part, 1.0), (NoteParam::Reseed, 0.0)]);
    let tempo = 96.0;
    let tick = 60.0 * 48_000.0 / (24.0 * tempo);
    // A second of ticks, then three seconds of song, then a stop; the player holds two keys from the first step on.
    let (begin, end) = (f64::ceil(48_000.0 / tick) as u64, f64::ceil(192_000.0 / tick) as u64);
    let at = |number: u64| (number as f64 * tick).round() as u64;
    let mut events: Vec<Timed> = (0..end + 40).map(|number| (at(number), vec![0xf8])).collect();
    events.push((at(begin) - 500, vec![0xfa]));
    events.push((at(begin) + 10, vec![0x90, 60, 90]));
    events.push((at(begin) + 10, vec![0x90, 67, 90]));
    events.push((at(end), vec![0xfc]));
    events.push((at(end) + 700, vec![0x80, 60, 0]));
    events.push((at(end) + 700, vec![0x80, 67, 0]));
    events.sort_by_key(|(at, _)| *at);
    for block in [64, 1000] {
        let clock = Some(MidiClock::new(48_000));
        let (mut performer, worker, _orders, monitor) = made(alongside, RenderMode::Offline, clock);
        let _worker = worker.spawn();
        let (mut sent, mut outbox) = (Vec::<Timed>::new(), Outbox::default());
        let mut waiting: VecDeque<&Timed> = events.iter().collect();
        for from in (0..at(end + 40)).step_by(block) {
            let mut arrivals = Vec::new();
            while let Some((at, bytes)) = waiting.pop_front_if(|(at, _)| *at < from + block as u64) {
                arrivals.push(Arrival { offset: (at - from) as usize, message: short(bytes) });
            }
            outbox.clear();
            performer.play(block, &arrivals, &mut outbox);
            sent.extend(
                outbox.sent().iter().map(|(offset, message)| (from + *offset as u64, message.bytes().to_vec())),
            );
        }
        assert!(sent.iter().all(|(_, bytes)| bytes[0] < 0xf0), "the clock is not passed on");
        let ours: Vec<&Timed> = sent.iter().filter(|(_, bytes)| bytes[0] == 0x90 && bytes[2] != 90).collect();
        assert!(ours.len() > 15, "{} notes in blocks of {block}", ours.len());
        for (when, bytes) in &ours {
            // Eight steps a beat.
            let steps = (*when as f64 - at(begin) as f64) / (3.0 * tick);
            assert!((steps - steps.round()).abs() * 3.0 * tick < 3.0, "{bytes:?} at step {steps}");
            assert!((at(begin)..at(end)).contains(when));
        }
        let (last, _) = sent.iter().rfind(|(_, bytes)| ![60, 67].contains(&bytes[1])).expect("an end of ours");
        assert_eq!(*last, at(end), "what sounds ends where the song stops, to the sample");
        assert_eq!(sounding(sent.iter().map(|(_, bytes)| bytes)), []);
        let followed = monitor.millibpm.load(SeqCst) as f64 / 1000.0;
        assert!((followed - tempo).abs() < 0.05, "{followed}");
    }
}

/// Takes everything and keeps nothing, so that it is not it that allocates.
struct Sink(u64);

impl Port for Sink {
    fn send(&mut self, message: &[u8]) -> Result<(), &'static str> {
        self.0 += message.len() as u64;
        if self.0.is_multiple_of(7) { Err("busy") } else { Ok(()) }
    }
}

#[test]
fn whatever_comes_in_the_thread_that_plays_allocates_nothing() {
    let mut random = Random::new(4);
    let (mut sent, mut blocks) = (0, 0);
    for round in 0..12 {
        let clock = (round % 3 == 2).then(|| MidiClock::new(48_000));
        let (mut performer, worker, mut orders, monitor) = made(answering(), RenderMode::Live, clock);
        let mut hands = Hands::Here(Box::new(worker));
        let mut outlet = Outlet::new(Sink(0), monitor);
        let mut outbox = Outbox::default();
        for _ in 0..1500 {
            let mut arrivals = Vec::new();
            for _ in 0..random.below(5) {
                let [first, second] = [random.below(128) as u8, random.below(128) as u8];
                let bytes = match random.below(9) {
                    0..=2 => vec![0x90 | random.below(16) as u8, first, second],
                    3 => vec![0x80, first, 0],
                    4 => vec![0xb0 | random.below(16) as u8, [1, 64, 120, 123][first as usize % 4], second],
                    5 => vec![[0xe0, 0xa0][first as usize % 2], first, second],
                    6 => vec![0xc0, first],
                    7 => vec![0xf2, first, second],
                    _ => vec![[0xf8, 0xf8, 0xf8, 0xfa, 0xfb, 0xfc][first as usize % 6]],
                };
                arrivals.push(Arrival { offset: random.below(BLOCK as u32) as usize, message: short(&bytes) });
            }
            arrivals.sort_by_key(|arrival| arrival.offset);
            let spec = &NOTE_SPECS[random.below(NOTE_SPECS.len() as u32) as usize];
            if random.below(8) == 0 && spec.id != NoteParam::Model {
                let value = spec.min + (spec.max - spec.min) * random.uniform();
                orders.push(NoteOrder::Set(spec.id, value)).expect("room");
            }
            if random.below(100) == 0 {
                orders.push(NoteOrder::LetGo).expect("room");
            }
            let (count, ()) = counted(|| {
                outbox.clear();
                performer.play(BLOCK, &arrivals, &mut outbox);
                for &(_, message) in outbox.sent() {
                    outlet.send(message);
                }
                outlet.settle();
            });
            assert_eq!(count, 0, "allocations and frees in round {round}");
            sent += outbox.sent().len();
            blocks += 1;
            hands.work();
        }
    }
    assert!(sent > blocks, "{sent} messages in {blocks} blocks");
}
