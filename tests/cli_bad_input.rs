//! What the program does with bad input: one line on stderr that names the thing, what was expected and found; exit code 1, 2
//! for usage; nothing left behind.
#![cfg(feature = "cli")]
#![allow(missing_docs, reason = "test code")]

mod common;

use common::{
    phrase,
    program::{Desk, wav_bytes},
};
use std::fs;

fn desk_with_input() -> Desk {
    let desk = Desk::new();
    desk.write_wav("in.wav", 44_100, &phrase(44_100, 0.3, 1));
    desk
}

#[test]
fn bad_models() {
    let desk = desk_with_input();
    let good = fs::read(desk.path("model.safetensors")).unwrap();
    fs::write(desk.path("truncated.safetensors"), &good[..good.len() / 2]).unwrap();
    fs::write(desk.path("short.safetensors"), &good[..5]).unwrap();
    fs::write(desk.path("empty.safetensors"), "").unwrap();
    fs::write(desk.path("text.safetensors"), "This is a letter to a friend, not a model.").unwrap();
    let mut corrupt = good.clone();
    corrupt[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    fs::write(desk.path("corrupt.safetensors"), &corrupt).unwrap();
    desk.write_sparse("oversized.safetensors", &good, (512 << 20) + 1);
    // A sound safetensors file of another program.
    let header = br#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let mut other = (header.len() as u64).to_le_bytes().to_vec();
    other.extend_from_slice(header);
    other.extend_from_slice(&[0; 4]);
    fs::write(desk.path("other.safetensors"), &other).unwrap();
    fs::create_dir(desk.path("folder.safetensors")).unwrap();

    for (model, parts) in [
        ("truncated.safetensors", ["expected", "found"]),
        ("short.safetensors", ["expected at least 8 bytes", "found 5"]),
        ("empty.safetensors", ["expected at least 8 bytes", "found 0"]),
        ("text.safetensors", ["expected a header of at most", "found"]),
        ("corrupt.safetensors", ["expected a header of at most", "found 18446744073709551615"]),
        ("oversized.safetensors", ["at most 536870912 bytes", "has 536870913"]),
        ("other.safetensors", ["expected a JSON object", "found nothing (not a Sympathy model?)"]),
        ("folder.safetensors", ["expected a file", "found something else"]),
        ("absent.safetensors", ["cannot be read", "No such file"]),
        ("in.wav", ["expected", "found"]),
        ("nobody", ["expected", "found neither"]),
    ] {
        for command in [
            format!("render in.wav out.wav --model {model}"),
            format!("demo --model {model}"),
            format!("inspect {model}"),
        ] {
            desk.fail(&command, &[model, parts[0], parts[1]]);
        }
    }
    desk.fail("render in.wav out.wav --set model=99", &["model slot 99", "expected a model", "slot 99 is empty"]);
    desk.fail(
        "render in.wav out.wav --set model=3 --model model.safetensors",
        &["expected one model", "--model as well"],
    );
    fs::write(desk.path("a.json"), r#"{"model": [[0, 127], [0.1, 77]]}"#).unwrap();
    desk.fail(
        "render in.wav out.wav --model model.safetensors --automate a.json",
        &["model slot 77", "expected a model"],
    );
    desk.fail("render in.wav out.wav --set morph_model=77", &["model slot 77", "expected a model"]);
    desk.fail(
        "render in.wav out.wav --set morph_model=1 --morph-model model.safetensors",
        &["morph_model", "expected one model", "--morph-model as well"],
    );
    desk.fail("render in.wav out.wav --morph-model absent.safetensors", &["absent.safetensors"]);
    desk.fail("models --dir absent", &["absent", "cannot be read"]);
}

#[test]
fn bad_recordings() {
    let desk = desk_with_input();
    fs::write(desk.path("text.wav"), "This is a letter to a friend, not a sound.").unwrap();
    fs::write(desk.path("empty.wav"), "").unwrap();
    fs::write(desk.path("header.wav"), &wav_bytes(44_100, &[vec![0.0; 9]])[..30]).unwrap();
    fs::write(desk.path("song.mp3"), [0x55; 5000]).unwrap();
    fs::create_dir(desk.path("folder.wav")).unwrap();
    desk.write_wav("none.wav", 44_100, &[vec![]]);
    desk.write_wav("three.wav", 44_100, &vec![vec![0.0; 50]; 3]);
    desk.write_wav("nan.wav", 44_100, &[vec![0.0, f32::NAN]]);
    for rate in [0, 1, 3_999, 7_999, 384_001, 4_000_000_000] {
        desk.write_wav(&format!("rate{rate}.wav"), rate, &[vec![0.1; 50]]);
    }
    for (input, parts) in [
        ("absent.wav", ["cannot be read", "No such file"]),
        ("text.wav", ["expected", "found"]),
        ("empty.wav", ["expected", "found"]),
        ("header.wav", ["expected", "found"]),
        ("song.mp3", ["expected", "found"]),
        ("folder.wav", ["expected a file", "found"]),
        ("none.wav", ["expected at least one sample", "found"]),
        ("three.wav", ["channels: expected 1 to 2", "found 3"]),
        ("nan.wav", ["expected finite numbers", "found NaN"]),
        ("model.safetensors", ["expected", "found"]),
        ("rate0.wav", ["expected", "found"]),
        ("rate1.wav", ["sample rate: expected", "found 1 Hz"]),
        ("rate3999.wav", ["sample rate: expected", "found 3999 Hz"]),
        ("rate7999.wav", ["sample rate: expected 8000 to 384000 Hz", "found 7999 Hz"]),
        ("rate384001.wav", ["sample rate: expected", "found 384001 Hz"]),
        ("rate4000000000.wav", ["sample rate: expected", "found 4000000000 Hz"]),
    ] {
        desk.fail(&format!("render {input} out.wav --model model.safetensors"), &[input, parts[0], parts[1]]);
    }
}

#[test]
fn bad_parameters_and_automation() {
    let desk = desk_with_input();
    for (assignment, parts) in [
        ("mux=1", ["\"mux\"", "expected one of mix, seed_length, reseed_interval"]),
        ("mix=101", ["\"mix\": expected a number from 0 to 100 %", "found \"101\""]),
        ("mix=nan", ["\"mix\": expected a number from 0 to 100 %", "found \"nan\""]),
        ("gate=loud", ["\"gate\": expected a number from -90 to 0 dBFS", "found \"loud\""]),
        ("model=1.5", ["\"model\": expected a whole number from 0 to 127", "found \"1.5\""]),
    ] {
        desk.fail(&format!("render in.wav out.wav --set {assignment}"), &["--set", parts[0], parts[1]]);
    }
    for (text, parts) in [
        ("", ["expected JSON", "EOF"]),
        ("{\"mix\": [[0, 1]", ["expected JSON", "EOF"]),
        ("{\"mux\": [[0, 1]]}", ["\"mux\"", "expected one of mix"]),
        ("{\"mix\": [[1, 1], [0.5, 2]]}", ["\"mix\": expected times that rise", "found 0.5 s after 1 s"]),
        ("{\"mix\": [[0, 1e999]]}", ["expected JSON", "number out of range"]),
        ("{\"mix\": [[0, 400]]}", ["expected a number from 0 to 100 %", "found 400 at point 0"]),
    ] {
        fs::write(desk.path("a.json"), text).unwrap();
        desk.fail("render in.wav out.wav --model model.safetensors --automate a.json", &["a.json", parts[0], parts[1]]);
    }
    fs::write(desk.path("notes.mid"), "no notes").unwrap();
    desk.write_wav("silence.wav", 44_100, &[vec![0.0; 500]]);
    for (option, parts) in [
        ("--midi notes.mid", ["notes.mid", "expected a standard MIDI file"]),
        ("--midi absent.mid", ["absent.mid", "cannot be read"]),
        ("--seed-file silence.wav", ["silence.wav: seed: expected a sound", "found silence"]),
        ("--seed-file absent.wav", ["absent.wav", "cannot be read"]),
        ("--sidechain absent.wav", ["absent.wav", "cannot be read"]),
        ("--picture folder/out.png", ["folder/out.png", "expected"]),
        ("--picture out.jpg", ["out.jpg", "expected"]),
    ] {
        desk.fail(&format!("render in.wav out.wav --model model.safetensors {option}"), &parts);
    }
    desk.write_sparse("a.json", b"{", 17 << 20);
    desk.fail("render in.wav out.wav --model model.safetensors --automate a.json", &["a.json", "expected at most"]);
    fs::write(desk.path("a.json"), [0xff; 10]).unwrap();
    desk.fail("render in.wav out.wav --model model.safetensors --automate a.json", &["a.json", "cannot be read"]);
    desk.fail(
        "render in.wav out.wav --model model.safetensors --automate absent.json",
        &["absent.json", "cannot be read"],
    );
}

#[test]
fn bad_places_for_the_output() {
    let desk = desk_with_input();
    fs::create_dir(desk.path("folder.wav")).unwrap();
    for (output, parts) in [
        ("out.mp3", ["expected a name that ends in .wav", "found \"out.mp3\""]),
        ("out", ["expected a name that ends in .wav", "found \"out\""]),
        ("folder.wav", ["expected a place for a file", "found a folder"]),
        ("absent/out.wav", ["expected a place in an existing folder", "found no such folder"]),
        ("./in.wav", ["expected a place of its own for the output", "that of the input"]),
    ] {
        desk.fail(&format!("render in.wav {output} --model model.safetensors"), &[output, parts[0], parts[1]]);
    }
    // A name that no file can have.
    let long = format!("{}.wav", "o".repeat(300));
    desk.fail(
        &format!("render in.wav {long} --model model.safetensors --seconds-after 0"),
        &["o.wav", "cannot be written"],
    );
}

#[test]
fn what_is_not_understood_ends_with_2() {
    let desk = desk_with_input();
    for arguments in [
        "",
        "sing",
        "render",
        "render in.wav",
        "render in.wav out.wav --loud",
        "render in.wav out.wav --set mix",
        "render in.wav out.wav --block 0",
        "render in.wav out.wav --block 8193",
        "render in.wav out.wav --seconds-after -1",
        "render in.wav out.wav --seconds-after nan",
        "render in.wav out.wav --start inf",
        "render in.wav out.wav --reaction 501",
        "demo --seed 65536",
        "inspect",
    ] {
        let run = desk.run(arguments);
        assert_eq!(run.code, Some(2), "sympathy {arguments}: {run:?}");
        assert!(!run.stderr.is_empty() && run.stdout.is_empty(), "sympathy {arguments}: {run:?}");
    }
    assert_eq!(desk.files(), ["in.wav", "model.safetensors"]);
}
