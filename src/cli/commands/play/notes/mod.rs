//! `sympathy play --notes`: Sympathy Notes as a program of its own, MIDI in and MIDI out.
//!
//! It drives [`crate::notes::live`] itself, as the plugin does: [`performer`] is what happens within a block, [`player`] the thread that
//! gives it its time, [`outlet`] the way to a port, whichever that is.

mod dummy;
pub mod message;
pub mod midi_clock;
pub mod outlet;
pub mod performer;
pub mod player;
mod terminal;
mod window;

use super::{
    ClockSource, PlayArgs,
    background::Background,
    console::{self, Console, MAX_HEARD},
    control_map::ControlMap,
    ports::{Direction, Input, Output, PortWatch},
};
use crate::{
    cli::{
        error::CliError,
        instrument::{NOTE_RATE_HZ, NoteInstrument},
        interrupt::Interrupt,
        one_line,
        terminal::{remark, say},
    },
    control::{HasPresets, notes::NoteParam, text},
    editor::{NoteActivation, NoteKeeper, NoteView},
    engine::RenderMode,
    notes::live::{NoteEngineConfig, StoredCodes, start},
    worker::SlotModel,
};
use midi_clock::MidiClock;
use outlet::Port;
use performer::NotePerformer;
use player::{Inlet, Player, SystemClock, Wall};
use std::{
    sync::{Arc, mpsc},
    time::Instant,
};
use terminal::Notes;

impl Port for Output {
    fn send(&mut self, message: &[u8]) -> Result<(), &'static str> {
        Output::send(self, message)
    }
}

/// Refuses ports where none are used.
fn refuse_ports(args: &PlayArgs) -> Result<(), CliError> {
    let ports = [("--midi", &args.midi), ("--midi-out", &args.midi_out)];
    let named = ports.into_iter().find(|(_, name)| args.dummy && name.is_some());
    named.map_or(Ok(()), |(option, _)| {
        let (expected, actual) = ("no --dummy, which plays without MIDI ports".into(), "both".into());
        Err(CliError::Option { option, expected, actual })
    })
}

/// Runs the command.
///
/// # Errors
/// If a file, an option or a port is invalid.
pub fn run(args: &PlayArgs) -> Result<(), CliError> {
    refuse_ports(args)?;
    let tempo = args.given.has("tempo").then_some((NoteParam::FreeTempo, "--tempo"));
    let NoteInstrument { mut values, models, model } =
        args.instrument.make_notes(tempo.as_slice(), "--notes is given")?;
    if let Some((id, option)) = tempo {
        let value = text::accepted(id.spec(), args.instrument.tempo).ok_or_else(|| CliError::Option {
            option,
            expected: format!("{} to {} beats a minute with --notes", id.spec().min, id.spec().max),
            actual: args.instrument.tempo.to_string(),
        })?;
        values.set(id, value);
    }
    let map: ControlMap<NoteParam> = match &args.map {
        Some(path) => ControlMap::read(path, args.save_map)?,
        None => ControlMap::default(),
    };
    // A program must not wait for its model.
    for preset in map.presets(&values) {
        let slot = preset.get(NoteParam::Model);
        models.load(slot as u8).map_err(|reason| CliError::Option {
            option: "--map",
            expected: "programs whose models are there".into(),
            actual: format!("model={slot}: {}", one_line(&reason.to_string())),
        })?;
    }
    if args.map.is_some() && args.dummy {
        remark!("note: --map does nothing with --dummy, which has no MIDI input");
    }
    let codes = Arc::<StoredCodes>::default();
    let (engine, worker) = start(&NoteEngineConfig {
        sample_rate_hz: NOTE_RATE_HZ,
        reaction_ms: args.instrument.reaction,
        mode: RenderMode::Live,
        values,
        models: Arc::clone(&models),
        codes: Arc::clone(&codes),
    });
    let activation = NoteActivation::of(&engine);
    let follows = args.clock == ClockSource::Midi;
    let clock = follows.then(|| MidiClock::new(NOTE_RATE_HZ));
    let (performer, orders, monitor) = NotePerformer::new(engine, values, clock);
    let interrupt = Interrupt::watch();
    let (sender, heard) = mpsc::sync_channel(MAX_HEARD);
    let (mut inlet, arrivals) = Inlet::new(sender.clone(), Arc::clone(&monitor));
    let mut wall = SystemClock(Instant::now());
    let mut watched = Vec::new();
    let (mut input, mut phrase) = (None, None);
    let (port, place): (Box<dyn Port>, String) = if args.dummy {
        let per_minute = f64::from(values.get(NoteParam::FreeTempo));
        phrase = Some(dummy::start(inlet, wall.now(), per_minute, move || wall.now())?);
        (Box::new(dummy::Nowhere), "no MIDI ports (a phrase is played into it)".into())
    } else {
        let take = move |message: &[u8]| inlet.take(wall.now(), message);
        // The output first: on a machine without MIDI it is what is missed.
        let output = match &args.midi_out {
            Some(name) => Output::open(NoteParam::NAME, name)?,
            None => Output::open_own(NoteParam::NAME)?,
        };
        let opened = match &args.midi {
            Some(name) => Input::open(NoteParam::NAME, name, take)?,
            None => Input::open_own(NoteParam::NAME, take)?,
        };
        let own = |name: &Option<String>| if name.is_some() { "" } else { "its own port " };
        let [from, to] = [(&args.midi, &opened.name), (&args.midi_out, &output.name)]
            .map(|(given, name)| format!("{}{}", own(given), one_line(name)));
        watched.extend(args.midi.as_ref().map(|_| (Direction::In, opened.name.clone())));
        watched.extend(args.midi_out.as_ref().map(|_| (Direction::Out, output.name.clone())));
        input = Some(opened);
        (Box::new(output), format!("from {from} to {to}"))
    };
    // Dropped in this order: nothing more comes in, then what sounds ends and the port closes, then the worker ends.
    let worker = worker.spawn();
    let player = Player::new(performer, arrivals, port, Arc::clone(&monitor));
    let player = Background::start("sympathy-play", move |is_over| player.run(&mut wall, is_over))?;
    let player = Arc::new(player);
    say!("playing {}, {place}; ? tells the commands", one_line(model.title()));
    let keeper = NoteKeeper::new(activation.clone());
    let watch = PortWatch::of_system(watched);
    let notes = Notes::new(orders, values, keeper, watch, Arc::clone(&monitor), Arc::clone(&player), follows);
    let mut console = Console::new(notes, values, map);
    console::listen(sender.clone());
    let has_midi = input.is_some();
    let outcome = if args.window {
        let remote = super::window::Remote::new(sender.clone(), console.shown());
        let outside = window::Outside { remote, models, codes, activation, monitor: Arc::clone(&monitor) };
        let drawn = window::NoteWindow { view: NoteView::default(), outside };
        let (console, interrupt) = (&mut console, &interrupt);
        // The receiver moves to the console's thread.
        super::window::run(NoteParam::NAME, drawn, sender, move || console.run(args, has_midi, &heard, interrupt))
    } else {
        console.run(args, has_midi, &heard, &interrupt)
    };
    // Before anything that may take its time: a second Ctrl-C is not to leave notes that sound.
    player.stop();
    console.end_map(args);
    drop((input, phrase, console, player, worker));
    say!("{}", monitor.summary(NOTE_RATE_HZ));
    outcome
}
