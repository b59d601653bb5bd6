//! `sympathy sample` of models of notes: MIDI files of what they play, the same ones again, and what is refused.

use crate::common::{notes, program::Desk};
use std::fs;
use sympathy::notes::{Grid, Repeats, Roll, Score};

/// A desk with a recurrent network, an autoencoder, and a song of forty quarter notes, 20 measures at 8 steps a quarter.
fn desk() -> Desk {
    let desk = Desk::new();
    notes::lstm(16, -2.0).write(&desk.path("lstm.safetensors")).expect("space");
    notes::autoencoder(-1.0).write(&desk.path("code.safetensors")).expect("space");
    let quarters = (0..40u8).flat_map(|n| [0, 0x90, 50 + n, 64, 0x60, 0x80, 50 + n, 0]);
    let track: Vec<u8> = quarters.chain([0, 0xff, 0x2f, 0]).collect();
    let header = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk";
    fs::write(desk.path("song.mid"), [&header[..], &(track.len() as u32).to_be_bytes(), &track].concat())
        .expect("space");
    desk
}

/// What a MIDI file holds, at the model's 8 steps a quarter.
fn roll(desk: &Desk, name: &str) -> Roll {
    let grid = Grid { steps_per_quarter: 8, repeats: Repeats::Merge, ..Grid::default() };
    Score::read(&desk.path(name)).expect("a score").roll(&grid).expect("not long").0
}

const SEEDED: &str = "sample lstm.safetensors --seed song.mid@9 --steps 96";

#[test]
fn a_seed_is_continued_and_the_same_seed_the_same_way() {
    let desk = desk();
    let said = desk.succeed(&format!("{SEEDED} --toss --bpm 60 --plot -o answer.mid"));
    for part in ["answer.mid: 96 steps (12.0 s) of Aria, ", "keys a column", "answer.png: the roll of seed"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let answer = fs::read(desk.path("answer.mid")).expect("a file");
    assert!(fs::read(desk.path("answer.png")).expect("a picture").starts_with(b"\x89PNG"));
    desk.succeed(&format!("{SEEDED} --toss --bpm 60"));
    assert_eq!(fs::read(desk.path("sample.mid")).expect("a file"), answer);
    let alone = roll(&desk, "answer.mid");
    assert!(alone.len() > 64 && alone.notes().len() > 20, "{} notes", alone.notes().len());
    // With the seed before it: four measures from the ninth on, then the same.
    desk.succeed(&format!("{SEEDED} --toss --include-seed"));
    let (song, both) = (roll(&desk, "song.mid"), roll(&desk, "sample.mid"));
    assert_eq!(both.part(0..64), song.part(128..192));
    assert_eq!(both.part(64..both.len()), alone);
}

#[test]
fn every_option_is_heard() {
    let desk = desk();
    let mut heard: Vec<(&str, Vec<u8>)> = Vec::new();
    for options in [
        "--toss",
        "--toss --random-seed 1",
        "--toss --temperature 1.5",
        "--toss --temperature 1.5 --law logit",
        "--toss --feedback raw",
        "--toss --seed-measures 1",
        "--toss --stay-in-key 50",
        "--toss --bpm 90",
        "",
        "--threshold 0.3",
        "--feedback played",
    ] {
        desk.succeed(&format!("{SEEDED} {options}"));
        let bytes = fs::read(desk.path("sample.mid")).expect("a file");
        let same = heard.iter().find(|(_, other)| *other == bytes);
        assert!(same.is_none(), "{options:?} and {:?} are the same", same.map(|(options, _)| options));
        heard.push((options, bytes));
    }
    // Nothing is as likely as that: silence, unless it is stirred.
    let silent = desk.succeed(&format!("{SEEDED} --threshold 1"));
    assert!(silent.contains("0.00 keys a column, 100 % empty") && silent.contains(" 0 notes"), "{silent}");
    let stirred = desk.succeed(&format!("{SEEDED} --threshold 1 --anti-stall"));
    assert!(stirred.contains(" 12 notes of 1.0 steps"), "{stirred}");
}

#[test]
fn the_tempo_is_that_of_the_seed_unless_another_is_asked_for() {
    let desk = desk();
    // 90 until the fifth measure, then 45, and in the end what no program plays.
    let tempo = |us: u32| [&[0xff, 0x51, 3], &us.to_be_bytes()[1..]].concat();
    let quarters = |count: usize| [0, 0x90, 60, 64, 0x60, 0x80, 60, 0].repeat(count);
    let parts = [vec![0], tempo(666_667), quarters(8), vec![0], tempo(1_333_333), quarters(8), vec![0], tempo(1)];
    let track = [parts.concat(), quarters(8), vec![0, 0xff, 0x2f, 0]].concat();
    let header = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk";
    fs::write(desk.path("slow.mid"), [&header[..], &(track.len() as u32).to_be_bytes(), &track].concat())
        .expect("space");
    for (options, bpm) in [
        ("--seed slow.mid", 90.0),
        ("--seed slow.mid@4", 90.0),
        ("--seed slow.mid@5", 45.0),
        ("--seed slow.mid@9", 999.0),
        ("--seed slow.mid@5 --bpm 70", 70.0),
        // It tells none, and nothing is no file.
        ("--seed song.mid", 120.0),
        ("--start H", 120.0),
    ] {
        let said = desk.succeed(&format!("sample lstm.safetensors --steps 64 --toss {options}"));
        let found = Score::read(&desk.path("sample.mid")).expect("a score").tempo_at(0).expect("a tempo");
        assert!((found - bpm).abs() < 0.01, "{options}: {found} for {bpm}");
        let seconds = format!("64 steps ({:.1} s)", 60.0 * 8.0 / bpm);
        assert!(said.contains(&seconds), "{options}: {said}");
    }
}

#[test]
fn it_starts_from_silence_or_from_columns_that_are_typed() {
    let desk = desk();
    let mut heard = Vec::new();
    for start in ["", "--start C#9b5", "--start C#9b5 --include-seed", "--seed song.mid", "--seed song.mid@2"] {
        desk.succeed(&format!("sample lstm.safetensors --steps 64 --toss {start}"));
        let roll = roll(&desk, "sample.mid");
        assert!(!heard.contains(&roll), "{start}");
        heard.push(roll);
    }
    assert_eq!(heard[2].part(0..1), Roll::from_text("#59Cb").expect("keys"));
    assert_eq!(heard[2].part(1..heard[2].len()), heard[1]);
    desk.succeed("sample lstm.safetensors --steps 64 --toss --seed silence");
    assert_eq!(roll(&desk, "sample.mid"), heard[0]);
}

#[test]
fn what_a_model_of_notes_cannot_do_is_refused_in_words() {
    let desk = desk();
    fs::write(desk.path("letter.mid"), "a letter").expect("space");
    for (arguments, parts) in [
        ("lstm.safetensors --seconds 5", ["--seconds: expected a model of sound", "found lstm.safetensors"]),
        ("lstm.safetensors --voices 1", ["--voices: expected a model of sound", "leave the option out"]),
        ("lstm.safetensors --set mix=3", ["--set: expected a model of sound", "found"]),
        ("lstm.safetensors --seed-file in.wav", ["--seed-file: expected a model of sound", "found"]),
        ("lstm.safetensors --seed white", ["--seed: expected silence, or a MIDI file and a measure", "found white"]),
        ("lstm.safetensors --seed song.mid --start H", ["--start: expected no --seed beside it", "found both"]),
        ("lstm.safetensors --start Hy", ["--start: expected columns of keys from ! (A0) to x (C8)", "found \"Hy\""]),
        ("lstm.safetensors --temperature 2", ["--temperature: expected --toss beside it", "found none"]),
        ("lstm.safetensors --seed song.mid@21", ["song.mid: notes: expected some at measure 21", "found 20 measures"]),
        ("lstm.safetensors --seed letter.mid", ["letter.mid: notes: expected a standard MIDI file", "found"]),
        ("lstm.safetensors --seed absent.mid", ["absent.mid: cannot be read", ""]),
        ("lstm.safetensors --out x.wav", ["x.wav: expected a name that ends in .mid", "found"]),
        ("lstm.safetensors --seed song.mid --out song.mid", ["song.mid: expected a place of its own", "the seed"]),
        ("code.safetensors", ["--code: expected what an autoencoder shall play", "found none"]),
    ] {
        desk.fail(&format!("sample {arguments}"), &parts);
    }
    for usage in [
        "--steps 0",
        "--steps 65537",
        "--threshold 2",
        "--threshold nan",
        "--toss --threshold 0.3",
        "--law logit",
        "--seed song.mid@0",
        "--seed song.mid@x",
        "--seed song.wav",
        "--bpm 3",
    ] {
        assert_eq!(desk.run(&format!("sample lstm.safetensors {usage}")).code, Some(2), "{usage}");
    }
    // What is there stays there.
    fs::write(desk.path("sample.mid"), "a song").expect("space");
    assert_eq!(desk.run("sample lstm.safetensors").code, Some(1));
    assert_eq!(fs::read(desk.path("sample.mid")).expect("the file"), b"a song");
}
