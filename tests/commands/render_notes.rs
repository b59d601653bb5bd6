//! `sympathy render` of MIDI files: what a model of notes answers.

use crate::common::{models, notes, program::Desk};
use midly::{Format, MetaMessage, MidiMessage, Smf, Timing, TrackEvent, TrackEventKind};
use std::{fs, path::Path};
use sympathy::notes::{Roll, Score};

/// Two phrases with a silence of sixteen quarter notes after each, in a tempo that changes.
fn desk() -> Desk {
    let desk = Desk::new();
    notes::lstm(16, -2.0).write(&desk.path("small.safetensors")).expect("space");
    notes::autoencoder(-1.0).write(&desk.path("code.safetensors")).expect("space");
    let phrase = "HLO HLO HLO HLO JMQ JMQ JMQ JMQ";
    let rest = " ".repeat(64);
    let roll = Roll::from_text(&format!("{phrase} {rest} {phrase} {rest}")).expect("keys");
    let bytes = Score::midi_of(&roll, 4, 96.0, Path::new("take.mid")).expect("few notes");
    fs::write(desk.path("take.mid"), bytes).expect("space");
    desk
}

/// The sustain pedals in a file, by tick.
fn pedals(desk: &Desk, name: &str) -> Vec<(u64, u8)> {
    let bytes = fs::read(desk.path(name)).expect("a file");
    let mut found = Vec::new();
    for track in Smf::parse(&bytes).expect("a MIDI file").tracks {
        let mut tick = 0;
        for event in track {
            tick += u64::from(event.delta.as_int());
            if let TrackEventKind::Midi { message: MidiMessage::Controller { controller, value }, .. } = event.kind
                && controller == 64
            {
                found.push((tick, value.as_int()));
            }
        }
    }
    found
}

/// A track's name, and the notes that begin in it: tick, key, velocity.
type Track = (String, Vec<(u64, u8, u8)>);

fn tracks(desk: &Desk, name: &str) -> Vec<Track> {
    let bytes = fs::read(desk.path(name)).expect("a file");
    let file = Smf::parse(&bytes).expect("a MIDI file");
    let track = |events: &[midly::TrackEvent<'_>]| {
        let (mut tick, mut title, mut notes, mut held) = (0u64, String::new(), Vec::new(), 0i32);
        for event in events {
            tick += u64::from(event.delta.as_int());
            match event.kind {
                TrackEventKind::Meta(MetaMessage::TrackName(name)) => title = String::from_utf8_lossy(name).into(),
                TrackEventKind::Midi { message: MidiMessage::NoteOn { key, vel }, .. } if vel > 0 => {
                    notes.push((tick, key.as_int(), vel.as_int()));
                    held += 1;
                }
                TrackEventKind::Midi { message: MidiMessage::NoteOn { .. } | MidiMessage::NoteOff { .. }, .. } => {
                    held -= 1;
                }
                _ => {}
            }
        }
        assert_eq!(held, 0, "{title}: a note hangs");
        (title, notes)
    };
    file.tracks.iter().map(|events| track(events)).collect()
}

#[test]
fn a_take_is_answered_after_each_phrase_and_comes_back_as_it_was() {
    let desk = desk();
    let command = "render take.mid answer.mid --model small.safetensors --set answer_length=2 --overwrite";
    let said = desk.run(&format!("{command} --picture rolls.png"));
    assert_eq!((said.code, &*said.stderr), (Some(0), ""), "{said:?}");
    assert!(said.stdout.contains("answer.mid: ") && said.stdout.contains("2 continuations"), "{}", said.stdout);
    assert!(said.stdout.ends_with("rolls.png: the rolls of both\n"), "{}", said.stdout);
    let all = tracks(&desk, "answer.mid");
    let names: Vec<&str> = all.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["Sympathy Notes", "You", "Sympathy"]);
    // 480 ticks a quarter note; the phrases are two quarter notes, a rest is sixteen.
    let beat = 480;
    let players = &all[1].1;
    assert_eq!(
        players.iter().map(|&(tick, ..)| tick / beat).collect::<Vec<_>>(),
        [0, 0, 0, 1, 1, 1, 18, 18, 18, 19, 19, 19]
    );
    assert!(players.iter().all(|&(_, _, velocity)| velocity == 80), "as it was struck");
    let ours = &all[2].1;
    let within =
        |from: u64, to: u64| ours.iter().filter(|&&(tick, ..)| (from * beat..to * beat).contains(&tick)).count();
    assert_eq!(ours.len(), within(3, 12) + within(21, 30), "answers begin a beat after the phrase, for two measures");
    assert!(within(3, 12) > 10 && within(21, 30) > 10, "{ours:?}");
    assert!(ours.iter().all(|&(tick, ..)| tick % (beat / 8) == 0), "eight steps a quarter note");
    // At any block size the same file, and another with another random seed.
    let before = fs::read(desk.path("answer.mid")).expect("a file");
    assert_eq!(desk.run(&format!("{command} --block 77")).code, Some(0));
    assert!(fs::read(desk.path("answer.mid")).expect("a file") == before);
    assert_eq!(desk.run(&format!("{command} --set random_seed=1")).code, Some(0));
    assert!(fs::read(desk.path("answer.mid")).expect("a file") != before);
}

#[test]
fn what_cannot_be_answered_is_refused_in_words() {
    let desk = desk();
    fs::write(desk.path("no.mid"), b"no MIDI file").expect("space");
    fs::write(desk.path("moves.json"), r#"{"mix": [[0, 1]]}"#).expect("space");
    fs::write(desk.path("empty.json"), r#"{"model": [[1, 99]]}"#).expect("space");
    let mine = r#"{"name": "n", "description": "d", "plugin": "notes", "parameters": {"model": 99}}"#;
    fs::write(desk.path("mine.json"), mine).expect("space");
    for (arguments, parts) in [
        ("take.mid out.mid --model guitar", ["guitar: model: expected a model of notes", "found a model of sound"]),
        ("take.mid out.mid --model small.safetensors --stems", ["--stems: expected a recording as IN", "take.mid"]),
        (
            "take.mid out.mid --model small.safetensors --preset shimmer",
            ["preset shimmer: expected a file or one of two-and-two", "found neither"],
        ),
        ("take.mid out.mid --model small.safetensors --set model=0", ["expected one model, found --model as well", ""]),
        (
            "take.mid out.mid --automate empty.json",
            ["empty.json: expected a slot that holds a model", "found model 99"],
        ),
        (
            "take.mid out.mid --preset mine.json",
            ["--preset: expected a slot that holds a model", "model=99 in mine.json"],
        ),
        (
            "take.mid out.mid --model small.safetensors --automate moves.json",
            ["moves.json", "expected one of model, part"],
        ),
        ("take.mid out.mid --model small.safetensors --set mix=5", ["parameter \"mix\"", "found no such parameter"]),
        ("take.mid out.mid --model small.safetensors --set part=alongsid", ["did you mean alongside?", ""]),
        ("take.mid out.mid --set model=77", ["--set: expected a slot that holds a model of notes", "model=77"]),
        ("take.mid out.wav --model small.safetensors", ["out.wav", "mid"]),
        ("no.mid out.mid --model small.safetensors", ["no.mid", ""]),
        ("take.mid take.mid --model small.safetensors", ["take.mid", "the input"]),
    ] {
        desk.fail(&format!("render {arguments}"), &parts);
        assert!(!desk.path("out.mid").exists(), "{arguments}");
    }
}

#[test]
fn presets_and_automation_move_what_is_played_at_their_beats() {
    let desk = desk();
    let command = "render take.mid answer.mid --model small.safetensors --overwrite";
    // A preset, and a value on top of it.
    assert_eq!(desk.run(&format!("{command} --preset high-echo --set highest=84")).code, Some(0));
    let ours = tracks(&desk, "answer.mid").remove(2).1;
    assert!(ours.len() > 5 && ours.iter().all(|&(_, key, _)| (72..=84).contains(&key)), "{ours:?}");
    // In beats of the file, whose tempo is 96: from the sixth on one key alone may sound, from the twenty-first on none.
    let text = r#"{"lowest": [["6 beats", 60]], "highest": [["6 beats", 60]], "scale": [["21 beats", "own"]],
        "key_c": [[0, "off"]], "model": [[1000, 0]]}"#;
    fs::write(desk.path("moves.json"), text).expect("space");
    let said = desk.run(&format!("{command} --set answer_length=4 --automate moves.json"));
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stderr.contains("warning: --automate: 1 point of model, from 1000 s on, after the end"), "{said:?}");
    let beat = 480;
    let ours = tracks(&desk, "answer.mid").remove(2).1;
    let keys = |from: u64, to: u64| {
        let within = ours.iter().filter(move |&&(tick, ..)| (from * beat..to * beat).contains(&tick));
        within.map(|&(_, key, _)| key).collect::<std::collections::BTreeSet<u8>>()
    };
    assert!(keys(3, 6).len() > 3, "{ours:?}");
    assert_eq!(keys(6, 21).into_iter().collect::<Vec<_>>(), [60]);
    assert!(keys(21, 60).is_empty());
    let before = fs::read(desk.path("answer.mid")).expect("a file");
    assert_eq!(desk.run(&format!("{command} --set answer_length=4 --automate moves.json --block 77")).code, Some(0));
    assert!(fs::read(desk.path("answer.mid")).expect("a file") == before, "in any block size");
}

#[test]
fn measures_follow_the_signatures_of_a_take_where_they_are_to() {
    let desk = desk();
    let bytes = fs::read(desk.path("take.mid")).expect("a file");
    let mut upbeat = Smf::parse(&bytes).expect("a MIDI file");
    let quarter = match upbeat.header.timing {
        Timing::Metrical(ticks) => u32::from(ticks.as_int()),
        Timing::Timecode(..) => panic!("no song"),
    };
    let signature = |delta: u32, beats: u8| TrackEvent {
        delta: delta.into(),
        kind: TrackEventKind::Meta(MetaMessage::TimeSignature(beats, 2, 24, 8)),
    };
    let end = TrackEvent { delta: 0.into(), kind: TrackEventKind::Meta(MetaMessage::EndOfTrack) };
    upbeat.tracks.push(vec![signature(0, 1), signature(quarter, 4), end]);
    upbeat.header.format = Format::Parallel;
    upbeat.save(desk.path("upbeat.mid")).expect("space");
    let answer = |take: &str, align: &str| {
        let said = desk.run(&format!(
            "render {take} answer.mid --overwrite --model code.safetensors --set draw=threshold --set threshold=0.5 --set align={align}"
        ));
        assert_eq!((said.code, &*said.stderr), (Some(0), ""), "{said:?}");
        tracks(&desk, "answer.mid").remove(2).1
    };
    let plain = answer("take.mid", "song");
    assert!(plain.len() > 20, "{plain:?}");
    assert_eq!(answer("take.mid", "bars"), plain, "bars of four from the beginning on");
    assert_eq!(answer("upbeat.mid", "song"), plain);
    assert_ne!(answer("upbeat.mid", "bars"), plain);
}

#[test]
fn sliders_move_what_an_autoencoder_answers() {
    let desk = desk();
    let render = |more: &str| {
        let said = desk.run(&format!(
            "render take.mid answer.mid --overwrite --model code.safetensors --set draw=threshold --set threshold=0.5 {more}"
        ));
        assert_eq!((said.code, &*said.stderr), (Some(0), ""), "{said:?}");
        tracks(&desk, "answer.mid").remove(2).1
    };
    let plain = render("");
    assert!(plain.len() > 20, "{plain:?}");
    assert!(render("--set slider_1=0.9") != plain && render("--set base=zero") != plain);
    assert!(render("--set slider_5=0.9") == plain, "its code has four numbers");
    // Between codes of other files, and around them.
    let store = "--store take.mid --store take.mid@3 --set base=stored";
    let [first, last, around] =
        ["--set morph=0", "--set morph=100", "--set journey=2"].map(|more| render(&format!("{store} {more}")));
    assert!(first != last && around != first && around != last && last != plain);
    assert!(render("--store take.mid@3 --set base=stored") == last, "one is one");
    assert!(render("--set base=stored") == plain, "where none is stored it is yours");
    for (more, what) in [
        ("--store take.mid@99", "some at measure 99"),
        ("--store take.mid@0", "a measure from 1 on"),
        ("--store take.wav", "a MIDI file and a measure"),
        (&"--store take.mid ".repeat(9), "at most 8"),
    ] {
        let said = desk.run(&format!("render take.mid answer.mid --overwrite --model code.safetensors {more}"));
        assert!(said.code != Some(0) && said.stderr.contains(what), "{said:?}");
    }
    let said = desk.run("render take.mid answer.mid --overwrite --store take.mid");
    assert!(said.code == Some(1) && said.stderr.contains("--store: expected a model with a code"), "{said:?}");
    // From a beat on.
    fs::write(desk.path("moves.json"), r#"{"slider_2": [["5 beats", -1]]}"#).expect("space");
    let moved = render("--automate moves.json");
    let before =
        |notes: &[(u64, u8, u8)]| notes.iter().filter(|(tick, ..)| *tick < 5 * 480).copied().collect::<Vec<_>>();
    assert!(moved != plain && before(&moved) == before(&plain));
}

#[test]
fn models_of_sound_and_of_notes_lie_side_by_side_and_each_plugin_has_its_own() {
    let desk = desk();
    fs::create_dir_all(desk.path("own models/scores")).expect("space");
    fs::copy(desk.path("small.safetensors"), desk.path("own models/mine.safetensors")).expect("space");
    notes::lstm(12, -2.0).write(&desk.path("own models/scores/other.safetensors")).expect("space");
    fs::create_dir_all(desk.path("own models/sound")).expect("space");
    models::all_kinds()[0].2.write(&desk.path("own models/bells.safetensors")).expect("space");
    fs::write(desk.path("own models/torn.safetensors"), b"torn").expect("space");
    // One that says that it is of notes, and is not whole.
    let whole = fs::read(desk.path("small.safetensors")).expect("a model");
    fs::write(desk.path("own models/zz-half.safetensors"), &whole[..whole.len() / 2]).expect("space");
    let list = desk.succeed("models");
    assert!(list.contains("of notes: mine, 8 steps a quarter note (slot 64 of Sympathy Notes)\n"), "{list}");
    assert!(list.contains("of notes: scores/other, 8 steps a quarter note (slot 65 of Sympathy Notes)\n"), "{list}");
    assert!(list.lines().any(|line| line.starts_with("64 ") && line.contains(" bells ")), "{list}");
    assert!(list.contains("not a model: ") && list.contains("torn.safetensors"), "{list}");
    assert!(list.lines().any(|line| line.starts_with("not a model: ") && line.contains("zz-half")), "{list}");
    let list = desk.succeed("models --dir .");
    assert!(list.contains("of notes: small.safetensors, 8 steps a quarter note\n"), "{list}");
    assert!(list.contains("of notes: code.safetensors, 8 steps a quarter note, a code of 4\n"), "{list}");

    let render = |model: &str| {
        let said = desk.run(&format!("render take.mid answer.mid --overwrite {model}"));
        assert_eq!((said.code, &*said.stderr), (Some(0), ""), "{said:?}");
        fs::read(desk.path("answer.mid")).expect("a file")
    };
    let by_file = render("--model small.safetensors");
    for model in ["--model mine", "--set model=64"] {
        assert!(render(model) == by_file, "{model}");
    }
    assert!(render("--set model=65") == render("--model scores/other"));
    // One of sound that is called the same is not meant.
    models::all_kinds()[0].2.write(&desk.path("own models/sound/other.safetensors")).expect("space");
    assert!(render("--set model=65") == render("--model other"));
    assert!(render("--set model=65") != by_file);
    desk.fail("render take.mid b.mid --set model=66", &["--set", "model=66", "torn.safetensors"]);
    desk.fail("render take.mid b.mid --set model=70", &["--set", "model=70", "slot 70 is empty"]);
}

#[test]
fn the_pedal_comes_back_where_the_notes_do() {
    let desk = desk();
    // A key for a quarter note under the pedal, which is lifted a quarter note later; 96 ticks a quarter note.
    let track = b"\0\xb0\x40\x7f\0\x90\x3c\x50\x60\x80\x3c\0\x60\xb0\x40\0\x8c\0\x90\x3c\x50\x60\x80\x3c\0\0\xff\x2f\0";
    let head = [&b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk"[..], &(track.len() as u32).to_be_bytes()].concat();
    fs::write(desk.path("pedal.mid"), [&head[..], track].concat()).expect("space");
    let command = "render pedal.mid answer.mid --model small.safetensors --overwrite";
    for (set, expected) in [
        ("", &[(0, 127), (960, 0)][..]),
        // Nothing of yours passes.
        ("--set through=off", &[]),
        // What passes in bypass, passes whole.
        ("--set through=off --set bypass=on", &[(0, 127), (960, 0)]),
    ] {
        let said = desk.run(&format!("{command} {set}"));
        assert_eq!((said.code, &*said.stderr), (Some(0), ""), "{set}: {said:?}");
        assert_eq!(pedals(&desk, "answer.mid"), expected, "{set}");
    }
}
