//! `sympathy compare`, on so little that it takes seconds.
#![cfg(feature = "train")]

use crate::common::{phrase, program::Desk};
use serde_json::Value;
use std::fs;

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write_wav("in.wav", 22_050, &phrase(22_050, 1.0, 1));
    desk
}

fn read(desk: &Desk, name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(desk.path(name)).expect("a file")).expect("JSON")
}

#[test]
fn the_twelve_models_are_trained_on_the_same_sound() {
    let desk = desk();
    let run = desk.run("compare in.wav --out all --width 16 --seconds 0.5 --epochs 0.1");
    assert_eq!(run.code, Some(0), "{run:?}");
    let found = read(&desk, "all/compare.json");
    let rows = found["rows"].as_array().expect("rows");
    assert_eq!((rows.len(), &found["interrupted"], &found["inputs"]), (12, &Value::Bool(false), &Value::from(33)));
    for row in rows {
        let name = row["name"].as_str().expect("a name");
        assert!(run.stdout.contains(name) && run.stderr.contains(name), "{name}: {run:?}");
        for number in ["seconds_per_5_epochs", "final_error", "validation_error", "published_seconds"] {
            assert!(row[number].as_f64().is_some_and(|number| number > 0.0), "{name}: {number} of {row}");
        }
        assert_eq!(row["curve"].as_array().map(Vec::len), Some(4), "{name}: a point for each pass");
    }
    let parameters = |name: &str| {
        rows.iter().find(|row| row["name"] == name).and_then(|row| row["parameters"].as_u64()).expect("a number")
    };
    // 16 units that hear 33 magnitudes and each other with two biases, and a dense layer of 33 outputs: the window is no
    // shorter than 64.
    let cell = 16 * (33 + 16 + 2);
    let dense = 33 * 17;
    assert_eq!(parameters("vanilla-1"), cell + dense);
    assert_eq!(parameters("gru-1"), 3 * cell + dense);
    assert_eq!(parameters("lstm-1"), 4 * cell + 3 * 16 + dense);
    assert_eq!(parameters("vanilla-3"), cell + 2 * 16 * (16 + 16 + 2) + dense);
    let svg = fs::read_to_string(desk.path("all/compare.svg")).expect("a drawing");
    assert!(["1 layer", "2 layers", "3 layers", "vanilla-1"].iter().all(|part| svg.contains(part)));
    let html = fs::read_to_string(desk.path("all/compare.html")).expect("a page");
    assert!(html.contains("<svg") && html.contains("clockwork-3") && !html.contains("http://localhost"));
    assert_eq!(desk.files(), ["all", "in.wav", "model.safetensors"]);
}

#[test]
fn a_list_of_models_is_repeatable() {
    let desk = desk();
    let errors = || {
        let command =
            "compare in.wav --out some --width 16 --seconds 0.4 --epochs 0.05 --models relu-1,gru-2x24,relu-1";
        assert_eq!(desk.run(command).code, Some(0));
        let found = read(&desk, "some/compare.json");
        let rows = found["rows"].as_array().expect("rows").clone();
        assert_eq!(rows.len(), 2);
        rows.iter().map(|row| (row["final_error"].clone(), row["curve"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(errors(), errors());
}

#[test]
fn what_cannot_be_compared_is_told_before_anything_is_written() {
    let desk = desk();
    fs::write(desk.path("file"), "").expect("space");
    for (arguments, parts) in [
        (
            "in.wav --out new --models transformer-1",
            vec!["--models: expected all, or models such as", "\"transformer-1\""],
        ),
        ("no.wav --out new", vec!["no.wav", "cannot be read"]),
        ("in.wav --out new --seconds 0.1", vec!["material: expected", "at least", "found 0.09 s"]),
        ("in.wav --out a/b --width 16", vec!["a/b", "cannot be made"]),
        ("in.wav --out file --width 16", vec!["file", "cannot be made"]),
    ] {
        desk.fail(&format!("compare {arguments}"), &parts);
    }
    for usage in
        ["compare --out x", "compare in.wav", "compare in.wav --out x --width 8", "compare in.wav --out x --epochs 0"]
    {
        assert_eq!(desk.run(usage).code, Some(2), "{usage}");
    }
}

/// Signals are sent with the system's `kill`.
#[cfg(unix)]
#[test]
fn an_interrupt_keeps_the_models_that_are_done() {
    use std::{
        io::{BufRead, BufReader, Read},
        process::{Command, Stdio},
    };
    let desk = desk();
    let mut program = Command::new(env!("CARGO_BIN_EXE_sympathy"))
        .args(
            "compare in.wav --out part --width 16 --seconds 0.4 --models vanilla-1,lstm-3x1024 --epochs 0.5".split(' '),
        )
        .current_dir(desk.path(""))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built with the tests");
    let mut line = String::new();
    BufReader::new(program.stderr.take().expect("a pipe")).read_line(&mut line).expect("a line");
    assert!(line.starts_with("vanilla-1 (1 of 2): done"), "{line}");
    // The other one has minutes to go.
    let killed = Command::new("kill").args(["-INT", &program.id().to_string()]).status().expect("kill is there");
    assert!(killed.success());
    let mut said = String::new();
    program.stdout.take().expect("a pipe").read_to_string(&mut said).expect("text");
    assert_eq!(program.wait().expect("it ends").code(), Some(0), "{said}");
    assert!(said.contains("stopped: 1 of 2 models"), "{said}");
    let found = read(&desk, "part/compare.json");
    assert_eq!((found["rows"].as_array().map(Vec::len), &found["interrupted"]), (Some(1), &Value::Bool(true)));
}
