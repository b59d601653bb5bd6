//! The plugin for notes in a CLAP host: note ports, messages on their samples, states, no allocation.

use crate::{
    allocations::counted,
    host::{Host, Shared, transport_at},
    material,
};
use clack_extensions::{
    audio_ports::PluginAudioPorts,
    note_ports::{NoteDialects, NotePortInfoBuffer, PluginNotePorts},
    params::{ParamInfoBuffer, PluginParams},
    render::{PluginRender, RenderMode as HostMode},
    state::PluginState,
};
use clack_host::{
    events::{
        Match,
        event_types::{MidiEvent, NoteOffEvent, NoteOnEvent, ParamValueEvent, TransportEvent, TransportFlags},
        spaces::CoreEventSpace,
    },
    prelude::*,
    utils::BeatTime,
};
use std::{collections::BTreeMap, sync::Arc};
use sympathy::{
    control::notes::{NOTE_SPECS, NoteParam, NoteValues},
    engine::{Bar, Beats, RenderMode, Transport},
    nn::Isa,
    notes::live::{Book, Gesture, Message, NoteEngineConfig, NoteModels, NoteSink, Stage, StoredCodes, start},
};

const RATE_HZ: u32 = 48_000;
const TEMPO: f64 = 120.0;
/// Samples of a beat.
const BEAT: usize = 24_000;
const LENGTH: usize = 16 * BEAT;
/// The song is in three, after an upbeat.
const BAR: Bar = Bar { start: 1.0, beats: 3.0 };
const MAX_BLOCK: usize = 8192;

/// What a host sends, and what it receives: sample and message.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sent {
    On { channel: u16, key: u16, velocity: u8 },
    Off { channel: u16, key: u16 },
    Midi([u8; 3]),
}

struct Plugin {
    instance: PluginInstance<Host>,
    ids: BTreeMap<String, ClapId>,
}

impl Plugin {
    fn new() -> Self {
        // SAFETY: the entry is nice-plug's, a static with the layout that CLAP prescribes.
        let entry = unsafe { PluginEntry::load_from_raw(&sympathy::plugin::clap_entry, c"/nowhere/Sympathy.clap") };
        let entry = entry.expect("the entry initialises");
        let info = HostInfo::new("test", "test", "", "1").expect("no NUL");
        let mut instance =
            PluginInstance::<Host>::new(|_| Shared, |_| (), &entry, c"org.sympathy.notes", &info).expect("instance");
        let handle = instance.plugin_handle();
        let params = handle.get_extension::<PluginParams>().expect("params");
        let mut ids = BTreeMap::new();
        for index in 0..params.count(&handle) {
            let mut buffer = ParamInfoBuffer::new();
            let info = params.get_info(&handle, index, &mut buffer).expect("info of every parameter");
            ids.insert(String::from_utf8(info.name.to_vec()).expect("UTF-8"), info.id);
        }
        let render = handle.get_extension::<PluginRender>().expect("render");
        render.set(&handle, HostMode::Offline).expect("a known mode");
        Self { instance, ids }
    }

    /// A parameter takes a value of its own unit: switches and whole numbers only.
    fn set(&mut self, set: &[(NoteParam, f32)]) {
        let mut events = EventBuffer::new();
        set.iter().for_each(|&(id, value)| events.push(&self.value(0, id, value)));
        let mut out = EventBuffer::new();
        let params = self.instance.plugin_handle().get_extension::<PluginParams>().expect("params");
        let mut handle = self.instance.inactive_plugin_handle().expect("inactive");
        params.flush(&mut handle, &InputEvents::from_buffer(&events), &mut OutputEvents::from_buffer(&mut out));
    }

    fn value(&self, offset: u32, id: NoteParam, value: f32) -> ParamValueEvent {
        let spec = id.spec();
        assert!(spec.kind.is_whole(), "{}", spec.key);
        // nice-plug counts from the least value, in whole steps.
        ParamValueEvent::new(offset, self.ids[spec.name], Pckn::match_all(), f64::from(value - spec.min))
    }

    fn model_text(&mut self, slot: u8) -> String {
        let handle = self.instance.plugin_handle();
        let params = handle.get_extension::<PluginParams>().expect("params");
        let mut buffer = [0; 256];
        let id = self.ids[NoteParam::Model.spec().name];
        let text = params.value_to_text(&handle, id, slot.into(), &mut buffer).expect("a text");
        String::from_utf8_lossy(text).into_owned()
    }

    fn save(&mut self) -> Vec<u8> {
        let handle = self.instance.plugin_handle();
        let mut bytes = Vec::new();
        handle.get_extension::<PluginState>().expect("state").save(&handle, &mut bytes).expect("a state");
        bytes
    }

    fn load(&mut self, bytes: &[u8]) -> bool {
        let handle = self.instance.plugin_handle();
        handle.get_extension::<PluginState>().expect("state").load(&handle, &mut &bytes[..]).is_ok()
    }

    /// Activates, plays these messages and parameters, deactivates. `stops`: from there on the song stands still.
    fn play(
        &mut self,
        sent: &[(usize, Sent)],
        moved: &[(usize, NoteParam, f32)],
        stops: usize,
        blocks: &[usize],
    ) -> Vec<(usize, Sent)> {
        let config = PluginAudioConfiguration {
            sample_rate: RATE_HZ.into(),
            min_frames_count: 1,
            max_frames_count: MAX_BLOCK as u32,
        };
        let processor = self.instance.activate(|_, _| (), config).expect("activation");
        let mut started = processor.start_processing().expect("start");
        let (mut done, mut received) = (0, Vec::new());
        let mut out = EventBuffer::with_capacity(4096);
        for &block in blocks.iter().cycle() {
            if done == LENGTH {
                break;
            }
            let end = (done + block).min(LENGTH).min(if done < stops { stops } else { LENGTH });
            let mut events = EventBuffer::new();
            for &(at, message) in sent.iter().filter(|(at, _)| (done..end).contains(at)) {
                let offset = (at - done) as u32;
                match message {
                    Sent::On { channel, key, velocity } => {
                        let pckn = Pckn::new(0u16, channel, key, Match::All);
                        events.push(&NoteOnEvent::new(offset, pckn, f64::from(velocity) / 127.0));
                    }
                    Sent::Off { channel, key } => {
                        events.push(&NoteOffEvent::new(offset, Pckn::new(0u16, channel, key, Match::All), 0.0));
                    }
                    Sent::Midi(data) => events.push(&MidiEvent::new(offset, 0, data)),
                }
            }
            for &(at, id, value) in moved.iter().filter(|(at, ..)| (done..end).contains(at)) {
                events.push(&self.value((at - done) as u32, id, value));
            }
            events.sort();
            let transport = transport(done, done < stops);
            // SAFETY: there are no buffers.
            let (audio_in, mut audio_out) = unsafe {
                (
                    InputAudioBuffers::from_raw_buffers(&[], (end - done) as u32),
                    OutputAudioBuffers::from_raw_buffers(&mut [], (end - done) as u32),
                )
            };
            out.clear();
            let in_events = InputEvents::from_buffer(&events);
            let (allocations, status) = counted(|| {
                let mut out_events = OutputEvents::from_buffer(&mut out);
                started.process(
                    &audio_in,
                    &mut audio_out,
                    &in_events,
                    &mut out_events,
                    Some(done as u64),
                    Some(&transport),
                )
            });
            status.expect("a processed block");
            assert_eq!(allocations, 0, "the audio thread allocated or freed in the block at {done}");
            for event in &out {
                let at = done + event.header().time() as usize;
                let number = |found: Match<u16>| found.into_specific().expect("one of them");
                received.push((
                    at,
                    match event.as_core_event().expect("an event of CLAP") {
                        CoreEventSpace::NoteOn(note) => Sent::On {
                            channel: number(note.channel()),
                            key: number(note.key()),
                            velocity: (note.velocity() * 127.0).round() as u8,
                        },
                        CoreEventSpace::NoteOff(note) => {
                            Sent::Off { channel: number(note.channel()), key: number(note.key()) }
                        }
                        CoreEventSpace::Midi(midi) => Sent::Midi(midi.data()),
                        other => panic!("{other:?}"),
                    },
                ));
            }
            done = end;
        }
        self.instance.deactivate(started.stop_processing());
        assert!(received.is_sorted_by_key(|&(at, _)| at), "in the order of time");
        received
    }
}

fn transport(position: usize, plays: bool) -> TransportEvent {
    let beats = position as f64 / BEAT as f64;
    let mut flags =
        TransportFlags::HAS_BEATS_TIMELINE | TransportFlags::HAS_SECONDS_TIMELINE | TransportFlags::HAS_TEMPO;
    flags |= TransportFlags::HAS_TIME_SIGNATURE;
    flags.set(TransportFlags::IS_PLAYING, plays);
    TransportEvent {
        bar_start: BeatTime::from_float(BAR.start_at(beats).expect("a bar")),
        time_signature_numerator: 3,
        ..transport_at(flags, position as f64 / f64::from(RATE_HZ), beats)
    }
}

/// A phrase of two beats, on no grid.
fn phrase() -> Vec<(usize, Sent)> {
    let mut sent = Vec::new();
    for (index, key) in [60, 64, 67, 72, 71, 67].into_iter().enumerate() {
        let at = 311 + index * BEAT / 3;
        sent.push((at, Sent::On { channel: 0, key, velocity: 80 + index as u8 }));
        sent.push((at + BEAT / 4, Sent::Off { channel: 0, key }));
    }
    sent
}

const SET: [(NoteParam, f32); 3] =
    [(NoteParam::AnswerLength, 2.0), (NoteParam::RandomSeed, 7.0), (NoteParam::Polyphony, 6.0)];

#[derive(Clone, Copy)]
enum Deed {
    Plays(Gesture),
    Sets(NoteParam, f32),
}

/// The engine offline, without a plugin around it.
fn reference(moved: &[(usize, NoteParam, f32)]) -> Vec<(usize, Sent)> {
    reference_of(&NoteModels::with_embedded(Isa::from_environment()), &SET, moved)
}

fn reference_of(
    models: &Arc<NoteModels>,
    set: &[(NoteParam, f32)],
    moved: &[(usize, NoteParam, f32)],
) -> Vec<(usize, Sent)> {
    reference_with(models, &Arc::default(), set, moved)
}

fn reference_with(
    models: &Arc<NoteModels>,
    codes: &Arc<StoredCodes>,
    set: &[(NoteParam, f32)],
    moved: &[(usize, NoteParam, f32)],
) -> Vec<(usize, Sent)> {
    struct Log(Vec<(usize, Sent)>, usize);
    impl NoteSink for Log {
        fn send(&mut self, offset: usize, message: Message) -> bool {
            self.0.push((
                self.1 + offset,
                match message {
                    Message::On { channel, key, velocity } => {
                        Sent::On { channel: channel.into(), key: key.into(), velocity }
                    }
                    Message::Off { channel, key, .. } => Sent::Off { channel: channel.into(), key: key.into() },
                },
            ));
            true
        }
    }
    let mut values = NoteValues::default();
    set.iter().for_each(|&(id, value)| values.set(id, value));
    let (mut engine, worker) = start(&NoteEngineConfig {
        sample_rate_hz: RATE_HZ,
        reaction_ms: 50.0,
        mode: RenderMode::Offline,
        values,
        models: Arc::clone(models),
        codes: Arc::clone(codes),
    });
    let _worker = worker.spawn();
    let (mut book, mut log) = (Book::default(), Log(Vec::new(), 0));
    let mut deeds: Vec<(usize, Deed)> = Vec::new();
    for (at, message) in phrase() {
        let gesture = match message {
            Sent::On { key, velocity, .. } => Gesture::Down { channel: 0, key: key as u8, velocity },
            Sent::Off { key, .. } => Gesture::Up { channel: 0, key: key as u8, velocity: 0 },
            Sent::Midi(_) => unreachable!("none is in the phrase"),
        };
        deeds.push((at, Deed::Plays(gesture)));
    }
    deeds.extend(moved.iter().map(|&(at, id, value)| (at, Deed::Sets(id, value))));
    deeds.sort_by_key(|&(at, ..)| at);
    for from in (0..LENGTH).step_by(1000) {
        let transport = Transport {
            playing: true,
            position_samples: Some(from as i64),
            loop_samples: None,
            beats: Some(Beats { bar: Some(BAR), ..Beats::at(from as f64 / BEAT as f64, TEMPO) }),
        };
        log.1 = from;
        let mut stage = Stage { book: &mut book, sink: &mut log };
        engine.begin(transport, 1000, &mut stage);
        for &(at, deed) in deeds.iter().filter(|(at, _)| (from..from + 1000).contains(at)) {
            engine.advance(at - from, &mut stage);
            match deed {
                Deed::Plays(gesture) => engine.hear(gesture, &mut stage),
                Deed::Sets(id, value) => engine.set(id, value, &mut stage),
            }
        }
        engine.end(1000, &mut stage);
    }
    log.0
}

#[test]
fn it_plays_what_the_engine_plays_at_any_block_size() {
    let moved = [
        (BEAT + 5, NoteParam::Align, 1.0),
        (BEAT + 7, NoteParam::AnswerLength, 4.0),
        (4 * BEAT + 777, NoteParam::Scale, 1.0),
        (5 * BEAT + 13, NoteParam::Channel, 4.0),
    ];
    let expected = reference(&moved);
    let ours = expected.iter().filter(|(at, sent)| *at > 2 * BEAT && matches!(sent, Sent::On { .. })).count();
    assert!(ours > 10, "{ours} notes");
    let mut state: Option<Vec<u8>> = None;
    for blocks in [&[512][..], &[64], &[8192], &[1, 63, 441, 7, 4095]] {
        let mut plugin = Plugin::new();
        match &state {
            None => plugin.set(&SET),
            // The rest is set by the state of the first one.
            Some(state) => assert!(plugin.load(state)),
        }
        state.get_or_insert_with(|| plugin.save());
        let received = plugin.play(&phrase(), &moved, LENGTH, blocks);
        let differs = received.iter().zip(&expected).position(|(a, b)| a != b);
        assert!(received == expected, "blocks of {blocks:?}: from message {differs:?} of {} on", expected.len());
    }
}

#[test]
fn a_model_of_ones_own_travels_in_the_project_and_plays_at_once() {
    let model = crate::common::notes::lstm(16, -2.5).to_bytes();
    let json = serde_json::json!({
        "version": "",
        "params": { "model": { "i32": material::SLOT } },
        "fields": { "notes": "1", "models": material::project(&model) },
    });
    let mut plugin = Plugin::new();
    assert!(plugin.load(&material::framed(json.to_string().as_bytes())));
    plugin.set(&SET);
    let models = NoteModels::with_embedded(Isa::from_environment());
    models.set_bytes(material::SLOT, material::NAME.into(), model);
    // The project is from before there was Stay in Key.
    let own = [&SET[..], &[(NoteParam::Model, material::SLOT.into()), (NoteParam::StayInKey, 0.0)]].concat();
    // Away from it and back: what is in the project stays there.
    let moved = [(9 * BEAT, NoteParam::Model, 0.0), (11 * BEAT + 77, NoteParam::Model, material::SLOT.into())];
    let expected = reference_of(&models, &own, &moved);
    let ours = expected.iter().filter(|(at, sent)| *at > 2 * BEAT && matches!(sent, Sent::On { .. })).count();
    assert!(ours > 10 && expected != reference(&[]), "{ours} notes");
    assert!(plugin.play(&phrase(), &moved, LENGTH, &[512]) == expected, "the engine's messages");
    assert_eq!(plugin.model_text(material::SLOT), "64: Aria");
    assert_eq!(plugin.model_text(65), "65: empty");
    let state = plugin.save();
    let mut other = Plugin::new();
    assert!(other.load(&state));
    assert_eq!(other.save(), state);
    assert!(other.play(&phrase(), &moved, LENGTH, &[441]) == expected, "in another instance");
}

#[test]
fn codes_that_are_stored_travel_in_the_project() {
    let model = crate::common::notes::autoencoder(-2.0).to_bytes();
    let json = serde_json::json!({
        "version": "",
        "params": { "model": { "i32": material::SLOT } },
        "fields": { "notes": "1", "models": material::project(&model) },
    });
    let mut plugin = Plugin::new();
    assert!(plugin.load(&material::framed(json.to_string().as_bytes())));
    plugin.set(&SET);
    let models = NoteModels::with_embedded(Isa::from_environment());
    models.set_bytes(material::SLOT, material::NAME.into(), model);
    let own = [&SET[..], &[(NoteParam::Model, material::SLOT.into())]].concat();
    let codes: Arc<StoredCodes> = Arc::default();
    // Yours is stored; from what is stored is played.
    let moved = [
        (5 * BEAT, NoteParam::StoreCode, 1.0),
        (6 * BEAT, NoteParam::StoreCode, 0.0),
        (8 * BEAT, NoteParam::Base, 3.0),
    ];
    let expected = reference_with(&models, &codes, &own, &moved);
    assert_eq!(codes.get().codes().len(), 1);
    assert!(plugin.play(&phrase(), &moved, LENGTH, &[512]) == expected, "the engine's messages");
    let state = plugin.save();
    let mut other = Plugin::new();
    assert!(other.load(&state));
    assert_eq!(other.save(), state);
    // It has the code from the first answer on: another base is heard in it, and the engine with that code says the same.
    let stored = [&own[..], &[(NoteParam::Base, 3.0)]].concat();
    let expected = reference_with(&models, &codes, &stored, &[]);
    assert!(other.play(&phrase(), &[], LENGTH, &[441]) == expected, "in another instance");
    let zero = [&own[..], &[(NoteParam::Base, 2.0)]].concat();
    assert!(expected != reference_with(&models, &codes, &zero, &[]), "it is heard");
    let text = String::from_utf8_lossy(&state).into_owned();
    assert!(text.contains(r#"\"codes\":[["#), "{text}");
}

#[test]
fn what_sounds_ends_where_the_song_stops_and_all_else_is_passed_on() {
    let mut sent = phrase();
    let others = [[0xb0, 1, 64], [0xe0, 3, 70], [0xd1, 99, 0], [0xc2, 5, 0], [0xb0, 64, 127], [0xb0, 64, 0]];
    sent.extend(others.iter().enumerate().map(|(index, &data)| (5 * BEAT + 100 * index, Sent::Midi(data))));
    let mut plugin = Plugin::new();
    plugin.set(&[(NoteParam::Part, 1.0)]);
    let stops = 6 * BEAT + 1234;
    let received = plugin.play(&sent, &[], stops, &[512]);
    let passed: Vec<(usize, Sent)> =
        received.iter().copied().filter(|(_, message)| matches!(message, Sent::Midi(_))).collect();
    let expected: Vec<(usize, Sent)> =
        sent.iter().copied().filter(|(_, message)| matches!(message, Sent::Midi(_))).collect();
    assert_eq!(passed, expected);
    let mut sounding = std::collections::BTreeSet::new();
    let mut began = 0;
    for (at, message) in received {
        match message {
            Sent::On { channel, key, .. } => {
                assert!(at < stops && sounding.insert((channel, key)), "{at}: {message:?}");
                began += 1;
            }
            Sent::Off { channel, key } => assert!(at <= stops && sounding.remove(&(channel, key)), "{at}: {message:?}"),
            Sent::Midi(_) => {}
        }
    }
    assert!(began > 20 && sounding.is_empty(), "{began} began, {sounding:?} hang");
}

#[test]
fn a_key_that_was_down_when_it_was_switched_off_is_ended_when_it_goes_on() {
    let mut plugin = Plugin::new();
    plugin.set(&[(NoteParam::Part, 1.0)]);
    let held = Sent::On { channel: 2, key: 50, velocity: 80 };
    let first = plugin.play(&[(100, held)], &[], LENGTH, &[512]);
    let sounding = first.iter().fold(std::collections::BTreeSet::new(), |mut sounding, &(_, message)| {
        match message {
            Sent::On { channel, key, .. } => assert!(sounding.insert((channel, key))),
            Sent::Off { channel, key } => assert!(sounding.remove(&(channel, key))),
            Sent::Midi(_) => {}
        }
        sounding
    });
    assert!(sounding.contains(&(2, 50)));
    let second = plugin.play(&[], &[], LENGTH, &[512]);
    let ended = second.iter().map(|&(at, message)| match (at, message) {
        (0, Sent::Off { channel, key }) => (channel, key),
        other => panic!("{other:?}"),
    });
    assert_eq!(ended.collect::<std::collections::BTreeSet<_>>(), sounding);
}

#[test]
fn it_is_a_note_effect_with_a_port_each_way_and_no_audio() {
    let mut plugin = Plugin::new();
    let handle = plugin.instance.plugin_handle();
    let ports = handle.get_extension::<PluginNotePorts>().expect("note-ports");
    for is_input in [true, false] {
        assert_eq!(ports.count(&handle, is_input), 1);
        let mut buffer = NotePortInfoBuffer::new();
        let port = ports.get(&handle, 0, is_input, &mut buffer).expect("a port");
        assert!(port.supported_dialects.contains(NoteDialects::CLAP | NoteDialects::MIDI));
    }
    let audio = handle.get_extension::<PluginAudioPorts>();
    assert!(audio.is_none_or(|audio| audio.count(&handle, true) + audio.count(&handle, false) == 0));
    for spec in &NOTE_SPECS {
        assert!(plugin.ids.contains_key(spec.name), "{}", spec.name);
    }
}

#[test]
fn hostile_states_are_refused_or_brought_into_shape() {
    let mut plugin = Plugin::new();
    plugin.set(&SET);
    let state = plugin.save();
    assert!(!plugin.load(b"not a state"));
    assert_eq!(plugin.save(), state, "nothing was taken of it");
    let mut audio = crate::host::Plugin::new();
    // That of the other plugin has names that are here, too: none of its values is taken.
    let defaults = Plugin::new().save();
    if plugin.load(&audio.save()) {
        assert_eq!(plugin.save(), defaults);
    }
    assert!(plugin.load(&state));
    assert_eq!(plugin.save(), state);
}
