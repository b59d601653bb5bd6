//! `sympathy play`: the engine of the plugin on a sound card, or with `--notes` that of the plugin for notes between MIDI ports.
//!
//! It drives [`crate::engine`] itself, through cpal and midir, and not the plugin through the framework's standalone wrapper:
//! that one makes the plugin inside, so that nothing from outside could mute the input, set a parameter or end it other than by
//! a signal; where a device is missing it goes on without sound and succeeds. Here the callback of the output is the audio
//! thread, the terminal sends it orders through a ring, and no framework is involved.

mod background;
pub mod bridge;
pub mod console;
pub mod control_map;
mod devices;
mod dummy;
mod lessons;
mod midi;
pub mod notes;
pub mod performer;
mod ports;
mod sound;
mod sound_card;
mod streams;
mod window;

use crate::{
    cli::{
        automation::Automation,
        error::CliError,
        given::Given,
        instrument::{Instrument, InstrumentArgs, MAX_RATE_HZ, MIN_RATE_HZ},
        interrupt::Interrupt,
        models_at_hand::load_all,
        terminal::{remark, say},
    },
    control::ParamId,
    editor::{Activation, View},
    engine::EngineConfig,
    learn::{
        LearnBoard,
        job::{Folders, Lessons},
    },
    model::folder::models_folder,
    session,
    take::{self, TAKE_SECONDS, TakeConfig, TakeStatus, takes_folder, unfinished_folder},
    worker::ClipSlot,
};
use clap::{Args, ValueEnum};
use console::{Console, MAX_HEARD};
use control_map::ControlMap;
use devices::Chosen;
use lessons::{ProgramModels, Told};
use performer::{MAX_BLOCK, Performer};
use sound::Sound;
use sound_card::SoundCard;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, mpsc},
};

/// Examples, below the options.
pub const HELP: &str = "\
EXAMPLES:
  sympathy play --list                          sound cards and MIDI ports
  sympathy play                                 the usual ones; type i and Enter to be heard
  sympathy play --model piano-magnitude --preset call-and-response --input on
  sympathy play --input-device \"USB Audio\" --input-channel 1 --period 128 --meters
  sympathy play --backend jack
  sympathy play --midi \"nanoKONTROL2\" --map knobs.json
      where knobs.json holds {\"cc\": {\"20\": \"mix\"}, \"programs\": {\"0\": \"shimmer\"}}
  sympathy play --seed-file bells.wav           continues a recording, without any input
  sympathy play --window                        with the plugin's editor
  sympathy play --dummy --seconds 10 --input on    without a sound card: a phrase is played into it
  sympathy play --notes                         Sympathy Notes: connect its MIDI ports as you like
  sympathy play --notes --midi \"Keystation\" --midi-out \"FLUID Synth\" --preset conversation
  sympathy play --notes --tempo 96 --set part=alongside --window
  sympathy play --notes --clock midi --midi \"Drum Machine\" --midi-out \"FLUID Synth\"
  sympathy play --notes --dummy --seconds 12 --meters    without MIDI: a phrase is played into it

COMMANDS while it plays, each ended with Enter:
  p            tell all parameters          q            quit (so does Ctrl-C)
  mix 70       set a parameter              mix          tell its value
  learn mix    the next controller moves it unlearn mix  no controller moves it
  map          tell what is mapped          save map X   write it to X or --map
Without --notes:
  i            input on or off              k            keep the last two minutes as files
  lesson       how Learn Take is; lesson cancel, listen, resume, discard
With --notes:
  k            keep the last 32 measures as a MIDI file
  panic on     end every note; panic off before the next time
Where parameters are explained: sympathy render --help";

/// Options of `sympathy play`.
#[derive(Args, Clone, Debug)]
pub struct PlayArgs {
    /// What was typed
    #[command(flatten)]
    pub given: Given,
    /// Lists sound cards and MIDI ports, and ends
    #[arg(long)]
    pub list: bool,
    /// Sympathy Notes in place of the instrument of sound: MIDI in, MIDI out, no sound card
    #[arg(long, conflicts_with_all = ["backend", "input_device", "output_device", "input_channel", "rate", "period", "input",
        "morph_model", "seed_file", "strict", "learn_updates", "learn_delay"])]
    pub notes: bool,
    /// What speaks to sound cards, by its name in --list; the system's usual one where this is not given
    #[arg(long, value_name = "NAME", conflicts_with = "dummy")]
    pub backend: Option<String>,
    /// Without a sound card, with --notes without MIDI ports: a phrase is played into it, the output goes nowhere
    #[arg(long, conflicts_with_all = ["input_device", "output_device", "input_channel"])]
    pub dummy: bool,
    /// Device to listen to, by its name or id in --list; "none": no input
    #[arg(long, value_name = "NAME")]
    pub input_device: Option<String>,
    /// Device to play on, by its name or id in --list
    #[arg(long, value_name = "NAME")]
    pub output_device: Option<String>,
    /// Listens to one channel of the device, counted from 1, in the middle; else to the first two
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub input_channel: Option<u16>,
    /// MIDI input, by its name in --list or a part of it; with --notes and without a name a port of its own, to which others connect
    #[arg(long, value_name = "NAME")]
    pub midi: Option<String>,
    /// With --notes: MIDI output, by its name in --list or a part of it; without a name a port of its own, to which others connect
    #[arg(long, value_name = "NAME", requires = "notes")]
    pub midi_out: Option<String>,
    /// With --notes: what the song follows
    #[arg(long, value_enum, default_value_t = ClockSource::Own, requires = "notes", conflicts_with = "dummy")]
    pub clock: ClockSource,
    /// JSON file of what the MIDI input's controllers and programs move
    #[arg(long, value_name = "FILE")]
    pub map: Option<PathBuf>,
    /// Writes to the file of --map, at the end, what was learnt meanwhile; there need be none before
    #[arg(long, requires = "map")]
    pub save_map: bool,
    /// Sample rate; the device's usual one where this is not given
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u32).range(i64::from(MIN_RATE_HZ)..=i64::from(MAX_RATE_HZ)))]
    pub rate: Option<u32>,
    /// Samples a period, held to what the device can do; JACK has its own
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(16..=8192))]
    pub period: u32,
    /// Whether the input is heard from the start
    #[arg(long, value_enum, default_value_t = Switch::Off)]
    pub input: Switch,
    /// What plays
    #[command(flatten)]
    pub instrument: InstrumentArgs,
    /// Shows what is heard and said in a window, with all the controls; closing it ends the program
    #[arg(long)]
    pub window: bool,
    /// A line a second: levels, load, underruns; with --notes tempo, keys, late steps
    #[arg(long)]
    pub meters: bool,
    /// Ends by itself after so long
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub seconds: Option<f64>,
}

/// What the song follows.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockSource {
    /// It runs from the start, at --tempo
    Own,
    /// The MIDI clock of the input: its tempo, start, stop, continue and place
    Midi,
}

/// On or off.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Heard
    On,
    /// Silent
    Off,
}

fn seconds(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| (0.0..=1e6).contains(value));
    value.ok_or_else(|| "expected 0 to 1000000 s".into())
}

/// Runs the command.
///
/// # Errors
/// If a file, an option or a device is invalid.
pub fn run(args: &PlayArgs) -> Result<(), CliError> {
    if args.list {
        say!("{}", devices::list().trim_end());
        return Ok(());
    }
    if args.notes {
        return notes::run(args);
    }
    let Instrument { values, registry, captured } = args.instrument.make()?;
    let clip_slot: Arc<ClipSlot> = Arc::default();
    clip_slot.put(captured);
    let still = Automation::default();
    load_all(&registry, &values, &still)?;
    let map = match &args.map {
        Some(path) => ControlMap::read(path, args.save_map)?,
        None => ControlMap::default(),
    };
    // A program must not wait for its model.
    map.presets(&values).iter().try_for_each(|preset| load_all(&registry, preset, &still))?;
    if args.map.is_some() && args.midi.is_none() {
        remark!("note: --map does nothing without a MIDI input: add --midi NAME (sympathy play --list tells them)");
    }
    // What the card can do decides on the engine's rate and channels.
    let backend = args.backend.as_deref();
    let chosen = Chosen {
        output: args.output_device.clone(),
        input: args.input_device.clone(),
        input_channel: args.input_channel,
        rate: args.rate,
        period: args.period,
    };
    let card = if args.dummy { None } else { Some(devices::choose(backend, &chosen)?) };
    let sample_rate_hz = card.as_ref().map_or(args.rate.unwrap_or(dummy::RATE_HZ), |card| card.sample_rate_hz);
    let channels = card.as_ref().map_or(2, devices::Card::channels);
    let own = ProgramModels::new(Arc::clone(&registry), args.instrument.model.clone());
    let folders = Folders { unfinished: unfinished_folder(), models: models_folder() };
    let lessons = Arc::new(Lessons::new(Arc::new(own), folders));
    let config = EngineConfig {
        learning: Arc::new(LearnBoard::keeping(Arc::clone(&lessons))),
        channels,
        max_block_samples: MAX_BLOCK,
        reaction_ms: args.instrument.reaction,
        learn_timing: args.instrument.learn_timing(),
        values,
        ..EngineConfig::new(sample_rate_hz)
    };
    let interrupt = Interrupt::watch();
    let status = Arc::new(TakeStatus::default());
    let keep = TakeConfig {
        sample_rate_hz,
        channels,
        max_block_samples: MAX_BLOCK,
        seconds: TAKE_SECONDS,
        folder: takes_folder(),
        lessons: Some(Arc::clone(&lessons)),
    };
    let (tap, recorder) = take::start(keep, Arc::clone(&status), Arc::clone(&registry));
    let (mut engine, worker) = session::start_with(config, Arc::clone(&registry), Arc::clone(&clip_slot));
    let activation = Activation::of(&engine, sample_rate_hz);
    engine.attach_tap(tap);
    let is_input_on = args.input == Switch::On;
    let (sender, heard) = mpsc::sync_channel(MAX_HEARD);
    let (midi_input, notes) = midi::connect(args.midi.as_deref(), sender.clone())?;
    let (performer, orders, monitor) =
        Performer::new(engine, notes, sample_rate_hz, args.instrument.tempo, is_input_on);
    // Dropped in reverse order: first the audio stops, then the worker ends, then the recorder, which may still write a take.
    let recorder = recorder.spawn();
    let worker = worker.spawn();
    let mut place = "no sound card (a phrase is played into it)".to_owned();
    let (sound, dummy) = match &card {
        Some(card) => {
            // At the rate of the engine, whatever device comes next.
            let chosen = Chosen { rate: Some(sample_rate_hz), ..chosen };
            let backend = args.backend.clone();
            let sound = SoundCard::open(backend, chosen, card, performer, Arc::clone(&monitor))?;
            place = sound.name().to_owned();
            (Some(Arc::new(Mutex::new(sound))), None)
        }
        None => (None, Some(dummy::start(performer, sample_rate_hz, args.period as usize)?)),
    };
    let label = registry.label(values.get(ParamId::Model) as u8);
    say!("playing {label} on {place} at {sample_rate_hz} Hz; ? tells the commands");
    let told = Told::new(Arc::clone(&lessons));
    let sound_terminal = Sound::new(orders, is_input_on, Arc::clone(&status), told, Arc::clone(&monitor));
    let mut console = Console::new(sound_terminal, values, map);
    console::listen(sender.clone());
    let has_midi = args.midi.is_some();
    let outcome = if args.window {
        let outside = window::Outside {
            remote: window::Remote::new(sender.clone(), console.shown()),
            input: console.played.input(),
            registry: Arc::clone(&registry),
            activation,
            kept: window::Kept { clip_slot, takes: Arc::clone(&status), lessons },
            sound: sound.clone(),
        };
        let drawn = window::SoundWindow { view: View::default(), outside };
        let (console, interrupt) = (&mut console, &interrupt);
        // The receiver moves to the console's thread.
        window::run("Sympathy", drawn, sender, move || console.run(args, has_midi, &heard, interrupt))
    } else {
        console.run(args, has_midi, &heard, &interrupt)
    };
    drop((midi_input, sound, dummy, worker, recorder));
    console.played.tell_takes();
    console.end_map(args);
    say!("{}", monitor.summary());
    outcome
}
