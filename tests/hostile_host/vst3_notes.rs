//! Sympathy Notes through the C interfaces of VST3: lists of events in and out, and audio that passes.

use crate::{
    Channel,
    vst3::{Plugin, bus, data, string},
};
use std::cell::RefCell;
use sympathy::{
    control::notes::{Align, NoteParam, NoteValues},
    engine::{Bar, Beats, RenderMode, Transport},
    nn::Isa,
    notes::live::{Book, Gesture, Message, NoteEngineConfig, NoteModels, NoteSink, Stage, start},
};
use vst3::{
    Class, ComWrapper,
    Steinberg::{
        Vst::{
            Event,
            Event_::EventTypes_::{kNoteOffEvent, kNoteOnEvent},
            Event__type0, IEditControllerTrait, IEventList, IEventListTrait, NoteOffEvent, NoteOnEvent, ParamID,
            ProcessContext,
            ProcessContext_::StatesAndFlags_::{
                kBarPositionValid, kPlaying, kProjectTimeMusicValid, kTempoValid, kTimeSigValid,
            },
            ProcessModes_,
        },
        int32, kResultFalse, kResultOk, tresult,
    },
};

const RATE_HZ: u32 = 48_000;
const TEMPO: f64 = 120.0;
const BEAT: usize = 24_000;
const LENGTH: usize = 12 * BEAT;
const MOST: usize = 1024;
/// The song is in three, after an upbeat.
const BAR: Bar = Bar { start: 1.0, beats: 3.0 };
/// Class of the plugin for notes.
const NOTES: i32 = 1;

/// Events of a block.
#[derive(Default)]
struct Events(RefCell<Vec<Event>>);

impl Class for Events {
    type Interfaces = (IEventList,);
}

impl IEventListTrait for Events {
    unsafe fn getEventCount(&self) -> int32 {
        self.0.borrow().len() as int32
    }

    unsafe fn getEvent(&self, index: int32, event: *mut Event) -> tresult {
        let Some(found) = usize::try_from(index).ok().and_then(|index| self.0.borrow().get(index).copied()) else {
            return kResultFalse;
        };
        // SAFETY: the caller's.
        unsafe { *event = found };
        kResultOk
    }

    unsafe fn addEvent(&self, event: *mut Event) -> tresult {
        // SAFETY: the caller's, for as long as the call.
        self.0.borrow_mut().push(unsafe { *event });
        kResultOk
    }
}

fn event(offset: usize, gesture: Gesture) -> Event {
    let (kind, field) = match gesture {
        Gesture::Down { channel, key, velocity } => {
            let (channel, pitch, velocity) = (channel.into(), key.into(), f32::from(velocity) / 127.0);
            let on = NoteOnEvent { channel, pitch, tuning: 0.0, velocity, length: 0, noteId: -1 };
            (kNoteOnEvent, Event__type0 { noteOn: on })
        }
        Gesture::Up { channel, key, velocity } => {
            let (channel, pitch, velocity) = (channel.into(), key.into(), f32::from(velocity) / 127.0);
            let off = NoteOffEvent { channel, pitch, velocity, noteId: -1, tuning: 0.0 };
            (kNoteOffEvent, Event__type0 { noteOff: off })
        }
        Gesture::Pedal { .. } | Gesture::AllUp { .. } => unreachable!("no event of a list of events"),
    };
    Event {
        busIndex: 0,
        sampleOffset: offset as int32,
        ppqPosition: 0.0,
        flags: 0,
        r#type: kind as u16,
        __field0: field,
    }
}

/// What a host has received.
fn message(event: &Event) -> Message {
    // SAFETY: the field that belongs to the event's type.
    unsafe {
        match event.r#type {
            kind if kind == kNoteOnEvent as u16 => {
                let on = event.__field0.noteOn;
                let velocity = (on.velocity * 127.0).round() as u8;
                Message::On { channel: on.channel as u8, key: on.pitch as u8, velocity }
            }
            kind if kind == kNoteOffEvent as u16 => {
                let off = event.__field0.noteOff;
                let velocity = (off.velocity * 127.0).round() as u8;
                Message::Off { channel: off.channel as u8, key: off.pitch as u8, velocity }
            }
            kind => panic!("an event of type {kind}"),
        }
    }
}

/// Two phrases, on two channels.
fn played() -> Vec<(usize, Gesture)> {
    let mut played = Vec::new();
    for (key, channel, from, to) in
        [(60, 0, 100, 20_000), (64, 0, 130, 30_000), (67, 9, 24_000, 40_007), (62, 0, 150_000, 160_001)]
    {
        played.push((from, Gesture::Down { channel, key, velocity: 90 }));
        played.push((to, Gesture::Up { channel, key, velocity: 40 }));
    }
    played.sort_by_key(|&(at, _)| at);
    played
}

fn beats_at(sample: usize) -> f64 {
    sample as f64 / BEAT as f64
}

/// Where blocks of these sizes, over and over, begin and end.
fn blocks(sizes: &[usize]) -> impl Iterator<Item = (usize, usize)> {
    let mut done = 0;
    sizes.iter().cycle().map_while(move |&size| {
        let (from, to) = (done, (done + size).min(LENGTH));
        done = to;
        (from < to).then_some((from, to))
    })
}

/// The id of a parameter by its name.
fn parameter(plugin: &Plugin, name: &str) -> ParamID {
    plugin.controls().into_iter().find(|info| string(&info.title) == name).expect("a parameter").id
}

/// Everything that comes out of the plugin, its measures with the bars.
fn through_vst3(sizes: &[usize]) -> Vec<(usize, Message)> {
    let plugin = Plugin::of_class(NOTES);
    let align = parameter(&plugin, "Align");
    // SAFETY: the instance lives.
    unsafe {
        assert_eq!(plugin.controller.setParamNormalized(align, 1.0), kResultOk);
    }
    assert_eq!(plugin.set_up_in(ProcessModes_::kOffline as int32, RATE_HZ.into(), MOST as i32), kResultOk);
    plugin.set_processing(true);
    let (played, mut received) = (played(), Vec::new());
    for (from, to) in blocks(sizes) {
        let frames = to - from;
        let within = played.iter().filter(|(at, _)| (from..to).contains(at));
        let heard =
            ComWrapper::new(Events(RefCell::new(within.map(|&(at, gesture)| event(at - from, gesture)).collect())));
        let said = ComWrapper::new(Events::default());
        let heard_pointer = heard.to_com_ptr::<IEventList>().expect("its own interface");
        let said_pointer = said.to_com_ptr::<IEventList>().expect("its own interface");
        // SAFETY: numbers only.
        let mut context: ProcessContext = unsafe { std::mem::zeroed() };
        #[allow(clippy::unnecessary_cast, reason = "signed on Windows")]
        let state = (kPlaying | kProjectTimeMusicValid | kTempoValid | kBarPositionValid | kTimeSigValid) as u32;
        context.state = state;
        context.sampleRate = RATE_HZ.into();
        context.projectTimeSamples = from as i64;
        context.projectTimeMusic = beats_at(from);
        context.tempo = TEMPO;
        context.barPositionMusic = BAR.start_at(beats_at(from)).expect("a bar");
        (context.timeSigNumerator, context.timeSigDenominator) = (3, 4);
        let mut channels: Vec<Channel> = [0.25, -0.5, 0.0, 0.0].map(|value| Channel::new(frames, value)).into();
        let mut pointers: Vec<*mut f32> = channels.iter_mut().map(Channel::pointer).collect();
        let mut outs = pointers.split_off(2);
        let (mut inputs, mut outputs) = ([bus(2, &mut pointers)], [bus(2, &mut outs)]);
        let mut data = data(frames as i32, &mut inputs, &mut outputs);
        data.processMode = ProcessModes_::kOffline as int32;
        data.inputEvents = heard_pointer.as_ptr();
        data.outputEvents = said_pointer.as_ptr();
        data.processContext = &mut context;
        assert_eq!(plugin.process("a block", &mut data), kResultOk);
        channels.iter().for_each(|channel| channel.check("a block"));
        for (input, output) in [(0, 2), (1, 3)] {
            assert!(channels[input].samples() == channels[output].samples(), "audio passes untouched");
        }
        received.extend(said.0.borrow().iter().map(|event| (from + event.sampleOffset as usize, message(event))));
    }
    received
}

struct Log(usize, Vec<(usize, Message)>);

impl NoteSink for Log {
    fn send(&mut self, offset: usize, message: Message) -> bool {
        self.1.push((self.0 + offset, message));
        true
    }
}

/// The same by the engine alone.
fn by_the_engine(align: Align) -> Vec<(usize, Message)> {
    let mut values = NoteValues::default();
    values.set(NoteParam::Align, align.value());
    let (mut engine, worker) = start(&NoteEngineConfig {
        sample_rate_hz: RATE_HZ,
        reaction_ms: 50.0,
        mode: RenderMode::Offline,
        values,
        models: NoteModels::with_embedded(Isa::from_environment()),
        codes: std::sync::Arc::default(),
    });
    let _worker = worker.spawn();
    let (mut book, mut log) = (Book::default(), Log(0, Vec::new()));
    for (from, to) in blocks(&[512]) {
        log.0 = from;
        let mut stage = Stage { book: &mut book, sink: &mut log };
        let beats = Some(Beats { bar: Some(BAR), ..Beats::at(beats_at(from), TEMPO) });
        let position_samples = Some(from as i64);
        let transport = Transport { playing: true, position_samples, loop_samples: None, beats };
        engine.begin(transport, to - from, &mut stage);
        for &(at, gesture) in played().iter().filter(|(at, _)| (from..to).contains(at)) {
            engine.advance(at - from, &mut stage);
            engine.hear(gesture, &mut stage);
        }
        engine.end(to - from, &mut stage);
    }
    log.1
}

#[test]
fn lists_of_events_give_the_messages_of_the_engine_in_blocks_of_any_size() {
    let expected = by_the_engine(Align::Bars);
    assert_ne!(expected, by_the_engine(Align::Song));
    let ours =
        expected.iter().filter(|(_, message)| matches!(message, Message::On { .. })).count() - played().len() / 2;
    assert!(ours > 10, "{ours} notes of its own");
    for sizes in [&[512][..], &[64], &[7, 1, 800, 3, 64], &[MOST]] {
        assert_eq!(through_vst3(sizes), expected, "blocks of {sizes:?}");
    }
}

#[test]
fn a_list_that_lies_about_its_events_ends_no_process() {
    let plugin = Plugin::of_class(NOTES);
    assert_eq!(plugin.set_up_in(ProcessModes_::kRealtime as int32, RATE_HZ.into(), 64), kResultOk);
    plugin.set_processing(true);
    let mut events: Vec<Event> = Vec::new();
    for (offset, channel, pitch, velocity) in
        [(-5, -1, -1, -1.0), (64, 16, 128, f32::NAN), (i32::MAX, i16::MAX, i16::MIN, f32::INFINITY), (3, 0, 60, 1e30)]
    {
        let on = NoteOnEvent { channel, pitch, tuning: f32::NAN, velocity, length: -1, noteId: i32::MIN };
        let field = Event__type0 { noteOn: on };
        events.push(Event {
            busIndex: -3,
            sampleOffset: offset,
            ppqPosition: f64::NAN,
            flags: 0xffff,
            r#type: kNoteOnEvent as u16,
            __field0: field,
        });
    }
    let heard = ComWrapper::new(Events(RefCell::new(events)));
    let pointer = heard.to_com_ptr::<IEventList>().expect("its own interface");
    for _ in 0..50 {
        let mut channels: Vec<Channel> = (0..4).map(|_| Channel::new(64, 0.25)).collect();
        let mut pointers: Vec<*mut f32> = channels.iter_mut().map(Channel::pointer).collect();
        let mut outs = pointers.split_off(2);
        let (mut inputs, mut outputs) = ([bus(2, &mut pointers)], [bus(2, &mut outs)]);
        let mut data = data(64, &mut inputs, &mut outputs);
        data.inputEvents = pointer.as_ptr();
        // No list for what it says.
        assert_eq!(plugin.process("lies", &mut data), kResultOk);
        channels.iter().for_each(|channel| channel.check("lies"));
    }
}
