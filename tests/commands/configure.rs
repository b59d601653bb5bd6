//! `sympathy configure`, driven through a pipe as a user would.
#![cfg(feature = "train")]

use crate::common::program::{Desk, Run};
use std::fs;
use sympathy::{
    hyperparameters::{PRESETS, TrainApproach, TrainConfig},
    model::{Cell, Head},
};

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write_wav("take.wav", 22_050, &[vec![0.1; 500]]);
    desk
}

fn read(desk: &Desk, name: &str) -> TrainConfig {
    let json = fs::read_to_string(desk.path(name)).expect("a configuration was written");
    TrainConfig::from_json(&json, &[]).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// Runs with these answers, a line each.
fn answer(desk: &Desk, arguments: &str, answers: &[&str]) -> Run {
    desk.run_with_input(&format!("configure {arguments}"), &(answers.join("\n") + "\n"))
}

#[track_caller]
fn succeeded(run: &Run) {
    assert_eq!(run.code, Some(0), "{}\n{}", run.stderr, run.stdout);
}

/// One `y` or empty line for each group.
const KEEP_ALL: [&str; 7] = ["", "y", "yes", "", "ja", "on", ""];

#[test]
fn presets_are_listed_and_each_is_written_without_questions() {
    let desk = desk();
    let listed = desk.succeed("configure --list-presets");
    assert_eq!(listed.lines().count(), PRESETS.len());
    for preset in PRESETS {
        assert!(listed.contains(preset.name) && listed.contains(preset.description));
        let said = desk.succeed(&format!("configure {0}.json --preset {0} --file take.wav --yes", preset.name));
        assert!(said.contains(&format!("sympathy train {0}.json --out {0}.safetensors", preset.name)), "{said}");
        let config = read(&desk, &format!("{}.json", preset.name));
        assert_eq!((&config.name[..], config.files.len()), ("take", 1));
        assert_eq!(config.approach.kind(), preset.config_json()["approach"]["kind"]);
    }
    desk.succeed("configure --preset sample --file take.wav --yes --set hidden=7 --set num_epochs=3");
    let config = read(&desk, "take.json");
    assert_eq!((config.hidden, config.epochs), (7, Some(3)));
}

#[test]
fn an_interview_of_empty_answers_gives_the_preset() {
    let desk = desk();
    let mut answers = vec!["", "take.wav", "", "My guitar"];
    answers.extend(KEEP_ALL);
    answers.extend(["", ""]);
    let run = answer(&desk, "", &answers);
    succeeded(&run);
    assert!(run.stdout.contains("my-guitar.json: written"), "{}", run.stdout);
    desk.succeed("configure expected.json --preset ten-minutes --file take.wav --yes");
    let expected = TrainConfig { name: "My guitar".into(), ..read(&desk, "expected.json") };
    assert_eq!(read(&desk, "my-guitar.json"), expected);
    for shown in ["SUMMARY", "network", "differs from the preset", " * name"] {
        assert!(run.stderr.contains(shown), "{shown}: {}", run.stderr);
    }
}

#[test]
fn bad_answers_are_explained_and_asked_again_and_one_can_go_back() {
    let desk = desk();
    let run = answer(
        &desk,
        "out.json",
        &[
            // Preset: unknown, ambiguous, help, by number.
            "orchestra",
            "constant-",
            "?",
            "1",
            // Recordings: one that is missing, one that is there, a part of it, one too many taken back.
            "none.wav",
            "take.wav",
            "take.wav 0,001-10ms",
            "take.wav",
            "<",
            "",
            "Take",
            // Material and approach as they are; back to the approach, then its values one by one.
            "",
            "",
            "<",
            "n",
            // Approach: by its beginning; its window has to be even; a hop beyond it.
            "mag",
            "?",
            "1001",
            "1024",
            "2000",
            "256",
            "yes",
            "maybe",
            "no",
            "0,5",
            "",
            "",
            "",
            "none",
            "none",
            "none",
            "none",
            "1k",
            "64",
            "50 %",
            "",
            // Network.
            "n",
            "gru",
            "1",
            "two",
            "",
            "",
            "",
            "",
            "",
            // Regularisation, training, sampling, sound.
            "",
            "",
            "",
            "",
            // Summary: a field by a part of its name, a name that many have, an unknown one, then yes.
            "hidden",
            "48",
            "keep",
            "sampling",
            "nonsense",
            "lr",
            "lr",
            "1e-3",
            "y",
        ],
    );
    succeeded(&run);
    let config = read(&desk, "out.json");
    assert_eq!(config.files.len(), 2);
    assert_eq!((config.files[1].start_s, config.files[1].end_s), (Some(0.001), Some(0.01)));
    let TrainApproach::Magnitude { window, hop, zero_padding, peak_picking, power, .. } = config.approach else {
        panic!("{:?}", config.approach);
    };
    assert_eq!((window, hop, zero_padding, peak_picking, power), (1024, 256, true, false, 0.5));
    assert_eq!((config.cell, config.hidden, config.principal_components, config.lr), (Cell::Gru, 48, 64, 1e-3));
    assert!(matches!(config.head, Head::Mixture { components: 8, .. }), "{:?}", config.head);
    for said in [
        "expected a number from 1 to",
        "none.wav does not exist",
        "expected an even number, found 1001",
        "expected 16 to 1024, found 2000",
        "expected yes or no",
        "expected a whole number, found \"two\"",
        "one of input_keep, output_keep, state_keep",
        " * approach.hop",
    ] {
        assert!(run.stderr.contains(said), "{said}:\n{}", run.stderr);
    }
}

#[test]
fn what_would_not_train_is_not_written_before_it_is_mended() {
    let desk = desk();
    let mut answers = vec![""];
    answers.extend(KEEP_ALL);
    // Without either there is no end.
    answers.extend(["epochs", "none", "max_minutes", "none", "y", "epochs", "5", "", ""]);
    let run = answer(&desk, "out.json --preset magnitude --file take.wav", &answers);
    succeeded(&run);
    assert!(run.stderr.contains("! epochs, max_steps, max_minutes: expected at least one of them"), "{}", run.stderr);
    assert!(run.stderr.contains("not before this is mended"), "{}", run.stderr);
    let config = read(&desk, "out.json");
    assert_eq!((config.epochs, config.max_minutes), (Some(5), None));
}

#[test]
fn the_end_of_the_input_and_leaving_write_nothing() {
    let desk = desk();
    let all: Vec<&str> = ["", "take.wav", "", "x"].into_iter().chain(KEEP_ALL).collect();
    let before = desk.files();
    for answers in 0..=all.len() {
        let run = desk
            .run_with_input("configure out.json", &all[..answers].iter().map(|a| format!("{a}\n")).collect::<String>());
        assert_eq!(run.code, Some(1), "{answers} answers: {run:?}");
        let last = run.stderr.lines().last().unwrap_or_default();
        assert!(last.starts_with("error: question ") && last.contains("found the end of the input"), "{last}");
        assert_eq!((desk.files(), &run.stdout[..]), (before.clone(), ""));
    }
    let leaving: Vec<&str> = all.iter().copied().chain(["quit"]).collect();
    let run = answer(&desk, "out.json", &leaving);
    assert!(run.code == Some(1) && run.stderr.ends_with("error: stopped; nothing was written\n"), "{run:?}");
    assert_eq!(desk.files(), before);
}

#[test]
fn nothing_is_overwritten_without_asking() {
    let desk = desk();
    fs::write(desk.path("out.json"), "mine").expect("space");
    desk.fail(
        "configure out.json --preset sample --file take.wav --yes",
        &["out.json", "expected no file of this name", "found one"],
    );
    let mut answers = vec![""];
    answers.extend(KEEP_ALL);
    // Not this one; then a bad place; then another.
    answers.extend(["", "", "no", "a/b.json", "other.json"]);
    let run = answer(&desk, "out.json --preset sample --file take.wav", &answers);
    succeeded(&run);
    assert_eq!(fs::read_to_string(desk.path("out.json")).expect("the file"), "mine");
    assert_eq!(read(&desk, "other.json").name, "take");
    answers.truncate(9);
    answers.push("yes");
    succeeded(&answer(&desk, "out.json --preset sample --file take.wav", &answers));
    assert_eq!(read(&desk, "out.json").name, "take");
}

#[test]
fn recordings_are_found_from_the_folder_of_the_configuration() {
    let desk = desk();
    fs::create_dir(desk.path("sub")).expect("space");
    fs::write(desk.path("sub/inner.wav"), "sound").expect("space");
    desk.succeed("configure sub/a.json --preset sample --file take.wav --file sub/inner.wav --yes");
    let files = read(&desk, "sub/a.json").files;
    assert!(files[0].path.is_absolute() && files[0].path.ends_with("take.wav"), "{files:?}");
    assert_eq!(files[1].path, std::path::Path::new("inner.wav"));
}

#[test]
fn bad_options_are_told_in_one_line() {
    let desk = desk();
    desk.fail("configure a.json --preset orchestra", &["--preset", "expected one of ten-minutes", "\"orchestra\""]);
    desk.fail("configure a.txt --preset sample", &["a.txt", "expected a name that ends in .json"]);
    desk.fail("configure a.json --file no.wav", &["--file", "no.wav does not exist"]);
    desk.fail(
        "configure a.json --preset sample --file take.wav --yes --set hidden=0",
        &["preset sample", "hidden: expected 1 to 4096, found 0"],
    );
    for usage in ["configure a.json --yes", "configure a.json --set hidden=1", "configure a.json --list-presets"] {
        assert_eq!(desk.run(usage).code, Some(2), "{usage}");
    }
}
