//! `sympathy play` as a process, on machines without a sound card.
#![cfg(feature = "standalone")]
#![allow(missing_docs, reason = "test code")]

mod common;

use common::{notes, program::Desk};
use midly::{MidiMessage, Smf, TrackEventKind};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command},
    sync::mpsc::{self, Receiver},
    time::Duration,
};
use sympathy::{
    cli::commands::play::notes::{
        message::Short,
        performer::{Arrival, NotePerformer, Outbox},
    },
    control::notes::{NoteParam, NoteValues},
    engine::RenderMode,
    nn::Isa,
    notes::live::{NoteEngineConfig, NoteModels, start},
};

/// Nothing takes longer, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program at whose terminal a test sits.
struct Stage {
    program: Child,
    lines: Receiver<String>,
}

impl Stage {
    fn enter(desk: &Desk, arguments: &str) -> Self {
        // It ends without this test, too: where it fails, or is killed, nobody else would.
        let end = if arguments.contains("--seconds") { "" } else { "--seconds 300" };
        let mut program = desk.start(&format!("play --dummy {end} {arguments}"));
        let stdout = program.stdout.take().expect("a pipe");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { program, lines }
    }

    fn type_line(&mut self, line: &str) {
        writeln!(self.program.stdin.as_ref().expect("a pipe"), "{line}").expect("the program reads");
    }

    /// Waits for a line that begins so, and returns it.
    #[track_caller]
    fn hear(&self, start: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("waited for {start:?}"));
            if line.starts_with(start) {
                return line;
            }
        }
    }

    /// What it says at the end of a successful run.
    fn leave(self) -> String {
        let output = self.program.wait_with_output().expect("the program ends");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*stderr), (Some(0), ""));
        self.lines.iter().last().expect("a last line")
    }
}

/// The number before a word of the last line.
fn count(summary: &str, word: &str) -> u32 {
    let before = summary.split(word).next().unwrap_or_default();
    before.split_whitespace().last().and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{summary}"))
}

/// All samples of a take of this name.
fn take(desk: &Desk, kept: &str, end: &str) -> Vec<f32> {
    let name = kept.strip_prefix("kept ").expect("a name");
    let path = desk.path("takes").join(format!("{name} {end}"));
    let mut reader = hound::WavReader::open(path).expect("a take");
    assert_eq!((reader.spec().channels, reader.spec().sample_rate), (2, 44_100));
    reader.samples().map(|sample| sample.expect("a sample")).collect()
}

#[test]
fn it_plays_and_ends_by_itself() {
    let desk = Desk::new();
    let set = "--model model.safetensors --set seed_length=0.4 --set reseed_interval=0.5 --preset follow-me";
    let out = desk.succeed(&format!("play --dummy --seconds 3 --input on --meters --rate 48000 {set}"));
    let summary = out.lines().last().expect("a summary");
    assert!(count(summary, " continuations") > 1, "the worker plays: {out}");
    assert!(out.contains("playing Test model on no sound card") && out.contains(" at 48000 Hz"), "{out}");
    assert!(out.lines().filter(|line| line.starts_with("input -")).count() >= 2, "a line a second: {out}");
    let seconds: f64 = summary.split(' ').next().and_then(|number| number.parse().ok()).expect("a number");
    assert!((1.0..4.0).contains(&seconds), "{summary}");
}

#[test]
fn a_recording_is_continued_without_any_input() {
    let desk = Desk::new();
    desk.write_wav("bells.wav", 44_100, &common::phrase(44_100, 1.0, 2));
    let set = "--model model.safetensors --set seed_length=0.4 --set reseed_interval=0.5";
    for (seed, least) in [("", 0), (" --seed-file bells.wav", 2)] {
        let out = desk.succeed(&format!("play --dummy --seconds 2.5 --rate 48000 {set}{seed}"));
        let begun = count(out.lines().last().expect("a summary"), " continuations");
        assert!(if least == 0 { begun == 0 } else { begun >= least }, "{seed}: {out}");
    }
    desk.fail("play --dummy --seed-file absent.wav", &["absent.wav", "cannot be read"]);
}

#[test]
fn the_input_is_muted_until_it_is_asked_for_and_the_terminal_is_heard() {
    let desk = Desk::new();
    let mut stage = Stage::enter(&desk, "--model model.safetensors --set seed_length=0.3");
    stage.hear("input muted");
    stage.type_line("mix 70");
    stage.hear("mix = 70 %");
    stage.type_line("gate = -50");
    stage.hear("gate = -50 dBFS");
    for (wrong, parts) in
        [("mix 101", ["0 to 100", "101"]), ("mox 1", ["mox", "no such"]), ("mix loud", ["mix", "loud"])]
    {
        stage.type_line(wrong);
        let line = stage.hear("error: terminal: ");
        assert!(parts.iter().all(|part| line.contains(part)), "{line}");
    }
    stage.type_line("hello");
    stage.hear("\"hello\" is neither");
    std::thread::sleep(Duration::from_millis(700));
    stage.type_line("k");
    let muted = stage.hear("kept ");
    for end in ["dry.wav", "wet.wav"] {
        let sound = take(&desk, &muted, end);
        assert!(
            sound.len() > 44_100 / 2 && sound.iter().all(|x| x.to_bits() == 0),
            "{end}: dry and model hear nothing"
        );
    }
    stage.type_line("i");
    stage.hear("input on");
    // On a busy machine the model needs longer to be heard.
    let (mut silent, mut heard) = (vec!["dry.wav", "wet.wav"], String::new());
    for _ in 0..10 {
        std::thread::sleep(Duration::from_millis(1500));
        stage.type_line("k");
        heard = stage.hear("kept ");
        silent.retain(|end| !take(&desk, &heard, end).iter().any(|x| x.abs() > 0.01));
        if silent.is_empty() {
            break;
        }
    }
    assert!(silent.is_empty(), "{silent:?}: now they do");
    stage.type_line("i");
    stage.hear("input muted");
    stage.type_line("q");
    let summary = stage.leave();
    assert!(count(&summary, " continuations") > 0, "{summary}");
    let name = heard.strip_prefix("kept ").expect("a name");
    let settings = fs::read_to_string(desk.path("takes").join(format!("{name} settings.json"))).expect("settings");
    let settings: serde_json::Value = serde_json::from_str(&settings).expect("JSON");
    assert_eq!((&settings["parameters"]["mix"], &settings["kept"]["model"]), (&70.0.into(), &"Test model".into()));
}

#[test]
fn maps_are_told_changed_and_saved_at_the_terminal() {
    let desk = Desk::new();
    let map = r#"{"cc": {"20": "mix", "21": {"parameter": "temperature", "from": 0.5, "to": 1.5, "channel": 2}}, "programs": {"3": "shimmer"}}"#;
    fs::write(desk.path("knobs.json"), map).expect("space");
    fs::write(desk.path("there.json"), "mine").expect("space");
    let mut stage = Stage::enter(&desk, "--model model.safetensors --map knobs.json");
    for (line, answer) in [
        ("map", "CC 20: mix, 0 % to 100 %"),
        ("map", "CC 21 of channel 2: temperature, 0.5 x to 1.5 x"),
        ("map", "program 3: shimmer"),
        ("learn mix", "mix waits for no controller: there is no MIDI input (--midi)"),
        ("learn mox", "error: learn: parameter \"mox\""),
        ("unlearn hold", "no controller moves hold"),
        ("unlearn mix", "no controller moves mix any longer"),
        ("save map there.json", "error: there.json: expected no file there yet; choose another name, found a file"),
        ("save map new.json", "map saved: new.json"),
        ("unlearn temperature", "no controller moves temperature any longer"),
    ] {
        stage.type_line(line);
        stage.hear(answer);
    }
    stage.type_line("q");
    let said = stage.hear("what was learnt is not saved");
    assert!(said.contains("save map FILE"), "{said}");
    let output = stage.program.wait_with_output().expect("the program ends");
    let note = "note: --map does nothing without a MIDI input: add --midi NAME (sympathy play --list tells them)\n";
    assert_eq!((output.status.code(), &*String::from_utf8_lossy(&output.stderr)), (Some(0), note));
    assert_eq!(fs::read_to_string(desk.path("knobs.json")).expect("the map"), map, "nobody asked for more");
    assert_eq!(fs::read_to_string(desk.path("there.json")).expect("it is there"), "mine");
    let saved: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(desk.path("new.json")).expect("the map")).expect("JSON");
    assert_eq!(saved["cc"]["21"]["channel"], 2);
    assert_eq!((saved["cc"].get("20"), &saved["programs"]["3"]), (None, &"shimmer".into()));

    let mut stage = Stage::enter(&desk, "--model model.safetensors --map new.json --save-map");
    stage.type_line("unlearn temperature");
    stage.hear("no controller moves temperature any longer");
    stage.type_line("q");
    stage.hear("map saved: new.json");
    assert!(!fs::read_to_string(desk.path("new.json")).expect("the map").contains("temperature"));

    fs::write(desk.path("bad.json"), r#"{"cc": {"20": "mox"}}"#).expect("space");
    desk.fail("play --dummy --map bad.json", &["bad.json: cc 20: ", "did you mean mix?"]);
    desk.fail("play --dummy --map absent.json", &["absent.json", "cannot be read"]);
    assert_eq!(desk.run("play --dummy --save-map").code, Some(2));
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_and_a_take_is_still_written() {
    let desk = Desk::new();
    let mut stage = Stage::enter(&desk, "--input on");
    stage.hear("input on");
    std::thread::sleep(Duration::from_millis(300));
    stage.type_line("k");
    // Not heard yet: the order is on its way.
    std::thread::sleep(Duration::from_millis(60));
    let signal = Command::new("kill").args(["-INT", &stage.program.id().to_string()]).status().expect("kill");
    assert!(signal.success());
    let kept = stage.hear("kept ");
    assert!(!take(&desk, &kept, "dry.wav").is_empty());
    stage.leave();
}

#[test]
fn what_cannot_be_played_is_told_in_a_line() {
    let desk = Desk::new();
    for (arguments, parts) in [
        ("--backend telephone", ["--backend: expected ", "found \"telephone\""]),
        ("--dummy --model nobody", ["nobody", "found neither"]),
        ("--dummy --preset nothing", ["preset nothing", "found neither"]),
        ("--dummy --set mix=200", ["--set: parameter \"mix\"", "0 to 100"]),
    ] {
        desk.fail(&format!("play {arguments}"), &parts);
    }
    for usage in [
        "--midi-out x",
        "--clock midi",
        "--period 1",
        "--rate 5",
        "--seconds -1",
        "--dummy --output-device x",
        "--input maybe",
    ] {
        assert_eq!(desk.run(&format!("play {usage}")).code, Some(2), "{usage}");
    }
    // The system's libraries say something of their own beside.
    let run = desk.run("play --dummy --midi nowhere");
    assert_eq!(run.code, Some(1));
    let last = run.stderr.lines().last().expect("a line");
    assert!(last.starts_with("error: ") && last.contains("\"nowhere\""), "{last}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_card_of_alsa_is_played_through_its_callbacks() {
    let desk = Desk::new();
    // A card that takes everything and gives silence; part of ALSA itself.
    let card = "--backend alsa --output-device alsa:null --input-device alsa:null";
    assert!(desk.run("play --list").stdout.contains("[alsa:null]"), "ALSA's own devices");
    let run = desk.run(&format!("play {card} --seconds 1 --input on --period 128"));
    assert_eq!(run.code, Some(0), "{run:?}");
    let summary = run.stdout.lines().last().expect("a summary");
    assert!(!summary.starts_with("0.0 s played"), "{summary}");
    for (option, parts) in [
        ("--output-device nowhere", ["--output-device: expected a device of alsa", "found \"nowhere\""]),
        ("--input-device nowhere", ["--input-device: expected a device of alsa", "found \"nowhere\""]),
        ("--input-channel 200", ["--input-channel: expected 1 to ", "found 200"]),
    ] {
        let rest = if option.starts_with("--output") { "--backend alsa --input-device none" } else { card };
        let rest = if option.starts_with("--input-d") { "--backend alsa --output-device alsa:null" } else { rest };
        let run = desk.run(&format!("play {rest} {option}"));
        let last = run.stderr.lines().last().expect("a line");
        assert_eq!(run.code, Some(1), "{option}: {run:?}");
        assert!(parts.iter().all(|part| last.contains(part)), "{option}: {last}");
    }
}

/// Without a display there is no window; with one (Xvfb), it opens and goes with the time.
#[test]
fn a_window_opens_or_says_why_not_and_nothing_hangs() {
    let desk = Desk::new();
    let start = |arguments: &[&str], display: Option<&str>| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_sympathy"));
        program.current_dir(desk.path("")).args(arguments);
        match display {
            Some(display) => program.env("DISPLAY", display),
            None => program.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY"),
        };
        program.stdin(std::process::Stdio::null()).output().expect("the program")
    };
    let play = ["play", "--dummy", "--window", "--seconds", "3"];
    let notes = ["play", "--notes", "--dummy", "--window", "--seconds", "3"];
    for arguments in [&play[..], &notes, &["configure", "--window"]].into_iter().filter(|_| cfg!(target_os = "linux")) {
        let output = start(arguments, None);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("the window") && !said.contains("panicked"), "{said}");
    }
    for arguments in [&play[..], &notes] {
        let Ok(display) = std::env::var("DISPLAY") else { return };
        let output = start(arguments, Some(&display));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && said.contains("s played"),
            "{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// A desk with a model of notes and a MIDI file: a chord and a melody, and time for an answer.
fn desk_of_notes() -> Desk {
    let desk = Desk::new();
    notes::lstm(24, -2.0).write(&desk.path("lstm.safetensors")).expect("space");
    let events: [(u32, [u8; 3]); 12] = [
        (0, [0x90, 60, 90]),
        (0, [0x90, 64, 71]),
        (480, [0x80, 64, 0]),
        (0, [0x91, 69, 40]),
        (203, [0x80, 60, 0]),
        (0, [0x81, 69, 0]),
        (31, [0x90, 72, 127]),
        (700, [0x80, 72, 0]),
        (3000, [0x90, 55, 64]),
        (960, [0x80, 55, 0]),
        (0, [0x90, 67, 64]),
        (240, [0x80, 67, 0]),
    ];
    let mut track = Vec::new();
    for (delta, message) in events {
        track.extend([0x80 | (delta >> 7) as u8, delta as u8 & 0x7f]);
        track.extend(message);
    }
    track.extend(b"\0\xff\x2f\0");
    let header = b"MThd\0\0\0\x06\0\0\0\x01\x01\xe0MTrk";
    let file = [&header[..], &(track.len() as u32).to_be_bytes(), &track].concat();
    fs::write(desk.path("take.mid"), file).expect("space");
    desk
}

/// The notes of a MIDI file of 480 ticks a beat at 120 beats a minute, by sample at 48 kHz.
fn notes_of(path: &Path) -> Vec<(i64, [u8; 3])> {
    let bytes = fs::read(path).expect("a file");
    let mut notes = Vec::new();
    for track in Smf::parse(&bytes).expect("a MIDI file").tracks {
        let mut tick = 0i64;
        for event in track {
            tick += i64::from(event.delta.as_int());
            if let TrackEventKind::Midi { channel, message } = event.kind {
                let (status, key, velocity) = match message {
                    MidiMessage::NoteOn { key, vel } => (0x90, key, vel),
                    MidiMessage::NoteOff { key, vel } => (0x80, key, vel),
                    _ => continue,
                };
                notes.push((50 * tick, [status | channel.as_int(), key.as_int(), velocity.as_int()]));
            }
        }
    }
    notes.sort();
    notes
}

#[test]
fn what_is_played_to_the_program_is_what_render_makes_of_it() {
    let desk = desk_of_notes();
    let set = "--set answer_length=2 --set answer_after=0.5 --set polyphony=4 --set follow=80 --set swing=60";
    desk.succeed(&format!("render take.mid answer.mid --model lstm.safetensors --seconds-after 6 {set}"));
    let expected = notes_of(&desk.path("answer.mid"));
    let played = notes_of(&desk.path("take.mid"));
    // At its end the song ends what sounds.
    let end = expected.iter().map(|(at, _)| *at).max().expect("notes");
    let expected: Vec<_> = expected.into_iter().filter(|(at, _)| *at < end).collect();
    let models = NoteModels::with_embedded(Isa::from_environment());
    let model = notes::lstm(24, -2.0).to_bytes();
    models.set_bytes(127, "of a test".into(), model);
    models.load(127).expect("a model");
    let mut values = NoteValues::default();
    for (id, value) in [
        (NoteParam::Model, 127.0),
        (NoteParam::AnswerLength, 2.0),
        (NoteParam::AnswerAfter, 0.5),
        (NoteParam::Polyphony, 4.0),
        (NoteParam::Follow, 80.0),
        (NoteParam::Swing, 60.0),
    ] {
        values.set(id, value);
    }
    for block in [64i64, 333] {
        let config = NoteEngineConfig {
            sample_rate_hz: 48_000,
            reaction_ms: 50.0,
            mode: RenderMode::Offline,
            values,
            models: models.clone(),
            codes: Default::default(),
        };
        let (engine, worker) = start(&config);
        let _worker = worker.spawn();
        let (mut performer, _orders, _) = NotePerformer::new(engine, values, None);
        let (mut found, mut outbox, mut next) = (Vec::new(), Outbox::default(), 0);
        for from in (0..end).step_by(block as usize) {
            let mut arrivals = Vec::new();
            // Ends come before beginnings at the same sample, as they are sorted.
            while let Some((at, bytes)) = played.get(next).filter(|(at, _)| *at < from + block) {
                let message = Short::read(bytes).expect("a message");
                arrivals.push(Arrival { offset: (at - from) as usize, message });
                next += 1;
            }
            outbox.clear();
            performer.play(block as usize, &arrivals, &mut outbox);
            for (offset, message) in outbox.sent() {
                found.push((from + *offset as i64, <[u8; 3]>::try_from(message.bytes()).expect("notes alone")));
            }
        }
        found.retain(|(at, _)| *at < end);
        found.sort();
        // A file has ticks, 50 samples each.
        let of_file = |&(at, bytes): &(i64, [u8; 3])| ((at + 25) / 50, bytes);
        let (mut found, mut expected): (Vec<_>, Vec<_>) =
            (found.iter().map(of_file).collect(), expected.iter().map(of_file).collect());
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "blocks of {block}");
        assert!(found.len() > 60, "{} messages: it answers twice", found.len());
    }
}

/// A number before a word of the last line.
fn count_of(out: &str, word: &str) -> u32 {
    count(out.lines().last().expect("a summary"), word)
}

#[test]
fn notes_are_played_without_midi_ports_and_told() {
    let desk = desk_of_notes();
    let set = "--model lstm.safetensors --set answer_length=1 --set answer_after=0.5 --tempo 240";
    let out = desk.succeed(&format!("play --notes --dummy --seconds 5 --meters {set}"));
    assert!(out.starts_with("playing Aria, no MIDI ports (a phrase is played into it); ? tells"), "{out}");
    let meters: Vec<&str> = out.lines().filter(|line| line.starts_with("240.0 bpm, you ")).collect();
    assert!(meters.len() >= 3 && meters.iter().all(|line| line.contains(" ms late")), "{out}");
    let [heard, sent, begun] = [" notes heard", " notes sent", " continuation"].map(|word| count_of(&out, word));
    // A machine that is busy misses most steps.
    assert!(heard == 8 && sent > 0 && begun >= 1, "{out}");
}

#[test]
fn the_terminal_of_notes_is_heard_and_the_last_measures_are_kept() {
    let desk = desk_of_notes();
    fs::write(desk.path("knobs.json"), r#"{"cc": {"20": "density"}, "programs": {"3": "beside-you"}}"#).expect("space");
    let mut stage = Stage::enter(&desk, "--notes --model lstm.safetensors --preset conversation --map knobs.json");
    stage.hear("playing Aria");
    for (line, answer) in [
        ("part", "part = answer"),
        ("part alongside", "part = alongside"),
        ("Free Tempo 90", "free_tempo = 90 bpm"),
        ("density 9", "error: terminal: parameter \"density\""),
        ("mix 70", "error: terminal: parameter \"mix\""),
        ("i", "\"i\" is neither a command nor a parameter"),
        ("map", "CC 20: density, -6 to 6"),
        ("learn density", "density waits for no controller"),
        ("learn", "learning nothing; as in: learn density"),
    ] {
        stage.type_line(line);
        stage.hear(answer);
    }
    let mut said = String::new();
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(500));
        stage.type_line("k");
        said = stage.lines.recv_timeout(PATIENCE).expect("an answer");
        if said.contains("saved as") {
            break;
        }
    }
    assert!(said.contains(" saved as ") && said.contains("Sympathy Notes 1.mid"), "{said}");
    assert!(!notes_of(&desk.path("takes").join("Sympathy Notes 1.mid")).is_empty());
    stage.type_line("q");
    let output = stage.program.wait_with_output().expect("the program ends");
    let note = "note: --map does nothing with --dummy, which has no MIDI input\n";
    assert_eq!((output.status.code(), &*String::from_utf8_lossy(&output.stderr)), (Some(0), note));
    assert!(stage.lines.iter().last().expect("a summary").contains(" notes heard, "));
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_notes() {
    let desk = desk_of_notes();
    let stage = Stage::enter(&desk, "--notes --model lstm.safetensors");
    stage.hear("playing Aria");
    std::thread::sleep(Duration::from_millis(300));
    let signal = Command::new("kill").args(["-INT", &stage.program.id().to_string()]).status().expect("kill");
    assert!(signal.success());
    assert!(stage.leave().contains(" s played, "));
}

#[test]
fn what_makes_no_sense_with_notes_is_refused() {
    let desk = desk_of_notes();
    for (arguments, parts) in [
        ("--dummy --midi keys", ["--midi: expected no --dummy", "found both"]),
        ("--dummy --midi-out synth", ["--midi-out: expected no --dummy", "found both"]),
        ("--dummy --tempo 10", ["--tempo: expected 20 to 300 beats a minute", "found 10"]),
        ("--dummy --tempo 90 --set free_tempo=80", ["free_tempo", "--tempo as well"]),
        ("--dummy --set mix=50", ["--set: parameter \"mix\"", "no such"]),
        ("--dummy --preset shimmer", ["shimmer", "conversation"]),
        ("--dummy --set model=9", ["--set: expected a slot that holds a model of notes", "model=9"]),
        ("--dummy --model model.safetensors", ["expected a model of notes, as --notes is given", "a model of sound"]),
    ] {
        desk.fail(&format!("play --notes --seconds 1 {arguments}"), &parts);
    }
    for sound in [
        "--backend alsa",
        "--input-device x",
        "--output-device x",
        "--input-channel 1",
        "--rate 48000",
        "--period 64",
        "--input on",
        "--morph-model guitar",
        "--seed-file bells.wav",
        "--learn-updates 1",
        "--learn-delay 900",
        "--dummy --clock midi",
    ] {
        let run = desk.run(&format!("play --notes {sound}"));
        assert_eq!(run.code, Some(2), "{sound}: {run:?}");
        assert!(run.stderr.contains("cannot be used with"), "{sound}: {run:?}");
    }
}

/// With a sequencer the program opens ports of its own; without one it says what is missing.
#[cfg(target_os = "linux")]
#[test]
fn without_a_sequencer_it_says_so_and_with_one_it_plays() {
    let desk = desk_of_notes();
    let listed = desk.run("play --list").stdout;
    assert!(listed.contains("\nMIDI inputs\n") && listed.contains("\nMIDI outputs\n"), "{listed}");
    let run = desk.run("play --notes --seconds 0.5 --model lstm.safetensors");
    let last = run.stderr.lines().last().unwrap_or_default();
    if run.code == Some(0) {
        assert!(run.stdout.contains("from its own port Sympathy Notes to its own port Sympathy Notes"), "{run:?}");
    } else {
        let seq = "error: a MIDI output of its own (\"Sympathy Notes\"): cannot be opened: expected ALSA's MIDI sequencer at /dev/snd/seq, found ";
        assert!(run.code == Some(1) && last.starts_with(seq) && last.contains("; sudo "), "{run:?}");
        let is_there = Path::new("/dev/snd/seq").exists();
        assert_eq!(last.contains("found none; sudo modprobe snd-seq brings it"), !is_there, "{last}");
    }
    let run = desk.run("play --notes --midi-out nowhere --model lstm.safetensors");
    let last = run.stderr.lines().last().unwrap_or_default();
    assert!(run.code == Some(1) && last.starts_with("error: ") && last.contains("\"nowhere\""), "{run:?}");
}
