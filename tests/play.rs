//! `sympathy play` as a process, on machines without a sound card.
#![cfg(feature = "standalone")]
#![allow(missing_docs, reason = "test code")]

mod common;

use common::program::Desk;
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::{Child, Command},
    sync::mpsc::{self, Receiver},
    time::Duration,
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
        let mut program = desk.start(&format!("play --dummy {arguments}"));
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
    for usage in ["--period 1", "--rate 5", "--seconds -1", "--dummy --output-device x", "--input maybe"] {
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
    for arguments in [&play[..], &["configure", "--window"]].into_iter().filter(|_| cfg!(target_os = "linux")) {
        let output = start(arguments, None);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("the window") && !said.contains("panicked"), "{said}");
    }
    if let Ok(display) = std::env::var("DISPLAY") {
        let output = start(&play, Some(&display));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && said.contains("s played"),
            "{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
