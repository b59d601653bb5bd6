//! Models of notes on the command line: told of, and refused where sound is wanted.

use crate::common::program::Desk;
use std::path::Path;
use sympathy::model::{Cell, CodeActivation, HiddenActivation, RollModel, RollModelConfig, RollNetwork};

/// A model whose weights are all zero, as a file.
fn write(desk: &Desk, name: &str, network: RollNetwork) {
    let config = RollModelConfig::new(network);
    let tensors = config.tensors().into_iter().map(|tensor| (tensor.name, vec![0.0; tensor.shape.iter().product()]));
    RollModel::new(config.clone(), tensors.collect(), Path::new(name))
        .and_then(|model| model.write(&desk.path(name)))
        .expect("a sound model");
}

#[test]
fn inspect_counts_as_published_and_sound_is_not_made_of_notes() {
    let desk = Desk::new();
    let autoencoder = |tied| {
        let (hidden, code) = (HiddenActivation::Elu, CodeActivation::Tanh);
        RollNetwork::Autoencoder { widths: vec![5632, 1024, 256, 64, 16], tied, hidden, code }
    };
    for (network, part) in [
        (autoencoder(true), "6055056\n"),
        (autoencoder(false), "12101776\n"),
        (
            RollNetwork::Recurrent { cell: Cell::Lstm, layers: 2, hidden: 500 },
            "3224088 with one bias a gate, as Keras counts; 3228088 with the two of PyTorch\n",
        ),
    ] {
        write(&desk, "notes.safetensors", network);
        let said = desk.succeed("inspect notes.safetensors");
        assert!(said.contains(part), "{part}: {said}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&desk.succeed("inspect notes.safetensors --json")).expect("JSON");
    assert_eq!((&json["parameters_with_one_bias"], &json["parameters"]), (&3_224_088.into(), &3_228_088.into()));
    desk.write_wav("in.wav", 44_100, &[vec![0.1; 4000]]);
    for command in [
        "render in.wav out.wav --model notes.safetensors",
        "sample notes.safetensors",
        "demo --model notes.safetensors",
    ] {
        desk.fail(command, &["notes.safetensors: expected a model of sound", "found one of notes (approach roll)"]);
    }
    let listed = desk.succeed("models --dir .");
    assert!(listed.contains("not a model: ./notes.safetensors: expected a model of sound"), "{listed}");
}
