//! `sympathy learn`.

use crate::common::{phrase, program::Desk};
use std::{
    fs,
    io::{BufRead, BufReader, Read},
};
use sympathy::{learn::LEARNT, model::ModelData};

const RATE: u32 = 22_050;
const SMALL: &str = "tests/fixtures/listening/small.safetensors";

/// A desk with a small model that listens and a take of 25 s.
fn desk() -> Desk {
    let desk = Desk::new();
    fs::copy(SMALL, desk.path("small.safetensors")).expect("space");
    desk.write_wav("take.wav", RATE, &phrase(RATE, 25.0, 1));
    desk
}

fn model(desk: &Desk, name: &str) -> ModelData {
    ModelData::read(&desk.path(name)).expect("a model")
}

/// The numbers of a line that begins so.
fn losses(said: &str, start: &str) -> Vec<f32> {
    let line = said.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start:?}: {said}"));
    line.split([' ', '(', ')']).filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn a_model_that_has_learnt_foresees_the_take_and_every_command_plays_it() {
    let desk = desk();
    let run = desk.run("learn take.wav --model small.safetensors --licence mine --depth quick");
    assert_eq!(run.code, Some(0), "{run:?}");
    let [before, after, change, ..] = losses(&run.stdout, "loss on your playing, held out")[..] else {
        panic!("{run:?}")
    };
    assert!(after < before - 0.2 && (after - before - change).abs() < 2e-3, "{run:?}");
    assert!(run.stderr.contains("take.wav: learning from 22.") && run.stderr.contains("300 steps"), "{run:?}");
    assert!(run.stderr.contains("without --maker"), "{run:?}");

    let (base, mine) = (model(&desk, "small.safetensors"), model(&desk, "mine.safetensors"));
    for tensor in base.config().tensors() {
        let moved = base.tensor(&tensor.name) != mine.tensor(&tensor.name);
        assert_eq!(moved, LEARNT.contains(&&tensor.name[..]), "{}", tensor.name);
    }
    let (config, training) = (mine.config(), &mine.config().training);
    assert_eq!((&config.name[..], &training.licence[..]), ("mine", "take.wav: mine"));
    assert_eq!(training.material, ["take.wav"]);
    let lesson = &training.hyperparameters["learnt"][0];
    assert_eq!((&lesson["base"], &lesson["steps"]), (&"Small listening model".into(), &300.into()));

    desk.succeed("inspect mine.safetensors");
    desk.succeed("sample mine.safetensors --seed-file take.wav --seconds 0.5");
    desk.succeed_quietly("render take.wav out.wav --model mine.safetensors --set listen=25 --seconds-after 0");

    // What was learnt goes on from there, and says so.
    desk.succeed_quietly("learn take.wav --model mine.safetensors --out again.safetensors --seconds 5 --name Twice");
    let again = model(&desk, "again.safetensors");
    assert_eq!(again.config().name, "Twice");
    assert_eq!(again.config().training.licence, "take.wav: mine; take.wav: not stated");
    assert_eq!(again.config().training.hyperparameters["learnt"].as_array().map(Vec::len), Some(2));
}

#[test]
fn equal_commands_make_equal_files_and_another_seed_makes_another() {
    let desk = desk();
    desk.write_wav("other.wav", RATE, &phrase(RATE, 12.0, 1));
    let options = "--model small.safetensors --depth quick --seconds 8 --start 1";
    let read = |name: &str| fs::read(desk.path(name)).expect("a model");
    for (out, more) in [("a", ""), ("b", ""), ("c", "--random-seed 1"), ("d", "--maker other.wav")] {
        let made = format!("learn take.wav {options} {more} --name same --out {out}.safetensors");
        let run = desk.run(&made);
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(!run.stdout.contains("loss on your playing"), "too short to hold anything out: {run:?}");
        let is_protected = more.contains("--maker");
        assert_eq!(run.stdout.contains("loss on the maker's, held out"), is_protected, "{run:?}");
        assert_eq!(run.stderr.contains("without --maker"), !is_protected, "{run:?}");
    }
    assert_eq!(read("a.safetensors"), read("b.safetensors"));
    assert_ne!(read("a.safetensors"), read("c.safetensors"));
    assert_ne!(read("a.safetensors"), read("d.safetensors"));
}

#[test]
fn what_a_rendering_has_learnt_can_be_kept() {
    let desk = desk();
    let rendering = "--model small.safetensors --set learn=on --set listen=25 --seconds-after 1";
    let plain = desk.run(&format!("render take.wav plain.wav {rendering}"));
    let run = desk.run(&format!("render take.wav kept.wav {rendering} --keep-learnt kept.safetensors"));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stdout.contains("kept.safetensors: Small listening model that has learnt while it played"), "{run:?}");
    let read = |name: &str| fs::read(desk.path(name)).expect("written");
    assert!(read("plain.wav") == read("kept.wav"), "to keep it changes nothing of the sound");
    // What is run beyond the end begins no continuation that is counted.
    let counted = |said: &str| {
        let summary = said.lines().find_map(|line| line.split_once(" s of ")).expect("a summary").1;
        summary.split(", ").nth(1).map(str::to_owned)
    };
    assert_eq!(counted(&plain.stdout), counted(&run.stdout));
    let (base, kept) = (model(&desk, "small.safetensors"), model(&desk, "kept.safetensors"));
    for tensor in base.config().tensors() {
        let moved = base.tensor(&tensor.name) != kept.tensor(&tensor.name);
        // The layer over the bins and that of the bands' levels.
        assert_eq!(moved, LEARNT.contains(&&tensor.name[..]), "{}", tensor.name);
    }
    desk.succeed_quietly(&format!("render take.wav soon.wav {rendering} --learn-updates 4 --learn-delay 500"));
    assert!(read("soon.wav") != read("plain.wav"), "what is learnt oftener and heard sooner sounds otherwise");
    let config = kept.config();
    let lesson = &config.training.hyperparameters["learnt"][0];
    assert_eq!((&config.name[..], &config.training.material[..]), ("kept", &["take.wav".to_owned()][..]));
    assert!(lesson["updates"].as_u64().is_some_and(|updates| updates > 30), "{lesson}");
    desk.succeed_quietly("render take.wav again.wav --model kept.safetensors --set listen=25 --seconds-after 0");

    let keep = "--model small.safetensors --seconds-after 0 --keep-learnt";
    desk.fail(&format!("render take.wav a.wav {keep} a.safetensors"), &["--keep-learnt", "learn off"]);
    desk.fail(&format!("render take.wav a.wav {keep} b.wav --set learn=on"), &["b.wav", "safetensors"]);
    desk.fail(&format!("render take.wav a.wav {keep} small.safetensors --set learn=on"), &["small.safetensors"]);
    let deaf = "--model model.safetensors --seconds-after 0 --set learn=on --keep-learnt a.safetensors";
    let run = desk.run(&format!("render take.wav a.wav {deaf}"));
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("--keep-learnt: expected something that was learnt"), "{run:?}");
    assert!(desk.path("a.wav").exists() && !desk.path("a.safetensors").exists(), "what was rendered is there");
}

#[test]
fn what_cannot_be_learnt_is_refused_in_words() {
    let desk = desk();
    desk.write_wav("silence.wav", RATE, &[vec![0.0; 5 * RATE as usize]]);
    desk.write_wav("long.wav", 4_000, &[vec![0.1; 601 * 4_000]]);
    let small = "--model small.safetensors";
    for (command, parts) in [
        (
            "take.wav --model model.safetensors".into(),
            &["--model: expected a model that listens", "of the approach magnitude", "sympathy train"][..],
        ),
        (
            format!("silence.wav {small}"),
            &["silence.wav: playing: expected at least 2 s, silences left out, found 0.4 s"],
        ),
        (format!("take.wav {small} --start 24"), &["take.wav: playing: expected at least 2 s", "found 1.0 s"]),
        (format!("take.wav {small} --start 30"), &["take.wav: length: expected more than --start 30 s, found 25.0 s"]),
        (format!("long.wav {small}"), &["long.wav: length: expected at most 600 s", "--seconds", "found 601 s"]),
        (format!("take.wav {small} --maker silence.wav"), &["silence.wav: playing"]),
        (format!("none.wav {small}"), &["none.wav"]),
        (format!("take.wav {small} --out small.safetensors"), &["small.safetensors", "that of the model"]),
        (format!("take.wav {small} --out mine.wav"), &["mine.wav", "safetensors"]),
    ] {
        desk.fail(&format!("learn {command}"), parts);
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_nothing_behind() {
    let desk = desk();
    let before = desk.files();
    let mut program = desk.start("learn take.wav --model small.safetensors --depth deep");
    let mut said = BufReader::new(program.stderr.take().expect("a pipe"));
    let mut line = String::new();
    said.read_line(&mut line).expect("words");
    let id = rustix::process::Pid::from_child(&program);
    rustix::process::kill_process(id, rustix::process::Signal::INT).expect("it lives");
    said.read_to_string(&mut line).expect("words");
    assert_eq!(program.wait().expect("it ends").code(), Some(1), "{line}");
    assert!(line.ends_with("error: stopped; nothing was written\n"), "{line}");
    assert_eq!(desk.files(), before);
}
