//! What the program does with bad input: one line on stderr that names the thing, what was expected and found; exit code 1, 2
//! for usage; nothing left behind.

use crate::common::{
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
        ("short.safetensors", ["damaged", "a file of 5 bytes"]),
        ("empty.safetensors", ["found an empty file", "copy or download it again"]),
        ("text.safetensors", ["expected a model of Sympathy", "found a text"]),
        ("corrupt.safetensors", ["damaged, or no model", "the description of a model at its beginning"]),
        ("oversized.safetensors", ["at most 536870912 bytes", "has 536870913"]),
        (
            "other.safetensors",
            ["found plain tensors", "sympathy import other.safetensors --out other-model.safetensors"],
        ),
        ("folder.safetensors", ["found a folder", "name a .safetensors file in it"]),
        ("absent.safetensors", ["cannot be read", "No such file"]),
        ("in.wav", ["found a sound file", "sympathy train in.wav"]),
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
        ("", ["expected JSON", "it ends too early, in line 1"]),
        ("{\"mix\": [[0, 1]", ["expected JSON", "it ends too early, in line 1"]),
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
        "render in.wav out.wav --learn-updates 0",
        "render in.wav out.wav --learn-updates 5",
        "render in.wav out.wav --learn-delay 499",
        "render in.wav out.wav --learn-delay 4001",
        "demo --seed 65536",
        "inspect",
    ] {
        let run = desk.run(arguments);
        assert_eq!(run.code, Some(2), "sympathy {arguments}: {run:?}");
        assert!(!run.stderr.is_empty() && run.stdout.is_empty(), "sympathy {arguments}: {run:?}");
    }
    assert_eq!(desk.files(), ["in.wav", "model.safetensors"]);
}

/// What musicians have beside models of ours, and what is said of it: a part of each sentence.
#[test]
fn models_of_other_programs_are_named_wherever_a_model_is_expected() {
    let desk = desk_with_input();
    let tensors = |key: &str| {
        let metadata = std::collections::HashMap::from([(key.to_string(), "{}".to_string())]);
        safetensors::serialize(std::iter::empty::<(&str, safetensors::tensor::TensorView<'_>)>(), Some(metadata))
            .unwrap()
    };
    let torch = b"PK\x03\x04\0\0\0\0archive/data.pkl";
    let script = b"PK\x03\x04\0\0\0\0archive/data.pkl archive/constants.pkl archive/code/__torch__.py";
    let files: [(&str, Vec<u8>, &str); 21] = [
        (
            "amp.nam",
            br#"{"version": "0.5.2", "architecture": "WaveNet", "config": {}, "weights": [0.1]}"#.into(),
            "Neural Amp Modeler",
        ),
        (
            "amp.json",
            br#"{"architecture": "LSTM", "config": {"hidden_size": 3}, "weights": []}"#.into(),
            "Neural Amp Modeler",
        ),
        (
            "gold.aidax",
            br#"{"in_shape": [null, null, 1], "layers": [{"type": "lstm", "weights": []}]}"#.into(),
            "AIDA-X",
        ),
        (
            "pedal.json",
            br#"{"model_data": {"unit_type": "LSTM"}, "state_dict": {"rec.weight_ih_l0": []}}"#.into(),
            "Proteus",
        ),
        ("net.onnx", b"\x08\x08\x12\x07pytorch\x1a\x052.1.0:".into(), "ONNX"),
        ("vintage.ts", script.into(), "RAVE"),
        ("lstm.pt", torch.into(), "sympathy import lstm.pt --out lstm-model.safetensors"),
        ("lstm.pth", torch.into(), "sympathy import lstm.pth --out"),
        ("last.ckpt", torch.into(), "sympathy import last.ckpt --out"),
        ("old.pth", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.".into(), "before 1.6"),
        ("drums.h5", b"\x89HDF\r\n\x1a\n\0\0".into(), "Keras"),
        ("drums.keras", b"PK\x03\x04\0\0metadata.json config.json model.weights.h5".into(), "Keras"),
        ("small.tflite", b"\x20\0\0\0TFL3\0\0".into(), "TensorFlow Lite"),
        ("song.mp3", b"ID3\x04\0\0\0\0\0\0".into(), "sympathy train song.mp3 --out song.safetensors"),
        (
            "rain.json",
            br#"{"name": "Rain", "description": "", "parameters": {"mix": 50}}"#.into(),
            "--preset rain.json",
        ),
        (
            "guitar.json",
            br#"{"name": "Guitar", "files": ["take.wav"], "epochs": 10}"#.into(),
            "sympathy train guitar.json",
        ),
        ("mine.checkpoint", tensors("sympathy-checkpoint"), "the checkpoint of a training"),
        ("lost.nam", vec![], "an empty file"),
        ("page.safetensors", b"<!DOCTYPE html><html><title>Not found</title>".into(), "a web page"),
        ("pointer.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:0".into(), "Git LFS"),
        ("failed.safetensors", vec![0; 5000], "nothing but zeros"),
    ];
    for (name, bytes, part) in &files {
        fs::write(desk.path(name), bytes).unwrap();
        for command in [
            format!("render in.wav out.wav --model {name}"),
            format!("render in.wav out.wav --morph-model {name}"),
            format!("inspect {name}"),
            format!("bench {name}"),
        ] {
            desk.fail(&command, &[name, "expected a model of Sympathy, found ", part]);
            let said = desk.run(&command).stderr.to_lowercase();
            for term in ["serde", "usize", "header", "invalid", "json object", "metadata"] {
                assert!(!said.contains(term), "{term}: {said}");
            }
        }
    }
    #[cfg(feature = "train")]
    for (name, _, part) in &files {
        desk.fail(&format!("export {name} --out out.pt --script out.py"), &[name, part]);
        if !part.contains("sympathy import") {
            desk.fail(
                &format!("import {name} --out out.safetensors"),
                &[name, "expected weights that PyTorch saved", part],
            );
        }
    }
}
