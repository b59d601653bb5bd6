//! Models of notes on the command line: brought from PyTorch, told of, and refused where sound is wanted.
#![cfg(feature = "train")]

use crate::common::program::Desk;
use safetensors::SafeTensors;
use std::{fs, path::Path};
use sympathy::{
    approach::autoencoder_of,
    model::{Cell, CodeActivation, HiddenActivation, RollModel, RollModelConfig, RollNetwork, RollRepeats},
    nn::{Isa, Precision},
};

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new("tests/fixtures/notes").join(name)).expect("a fixture")
}

/// What the script hears: one bit in sixteen.
fn column(count: u32) -> Vec<f32> {
    let hash = |i: u32| {
        let x = i.wrapping_mul(0x9e37_79b1).wrapping_add(1000u32.wrapping_mul(0x85eb_ca77));
        let x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
        let x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
        x ^ (x >> 16)
    };
    (0..count).map(|i| f32::from(hash(i) % 16 == 0)).collect()
}

/// A model whose weights are all zero, as a file.
fn write(desk: &Desk, name: &str, network: RollNetwork) {
    let config = RollModelConfig::new(network);
    let tensors = config.tensors().into_iter().map(|tensor| (tensor.name, vec![0.0; tensor.shape.iter().product()]));
    RollModel::new(config.clone(), tensors.collect(), Path::new(name))
        .and_then(|model| model.write(&desk.path(name)))
        .expect("a sound model");
}

#[test]
fn autoencoders_of_pytorch_are_imported() {
    let desk = Desk::new();
    let bytes = fixture("expected.safetensors");
    let expected = SafeTensors::deserialize(&bytes).expect("the fixture");
    for (name, tied, parameters) in [("sequential", false, 18_355), ("tied", true, 9_889)] {
        fs::write(desk.path("theirs.pt"), fixture(&format!("{name}.pt"))).expect("space");
        let said =
            desk.succeed("import theirs.pt --out ours.safetensors --approach roll --steps-per-quarter 4 --name Aria");
        let shape = if tied { "tied" } else { "not tied" };
        assert!(
            said.contains(&format!("Aria, autoencoder 1408-6-3, {shape}, {parameters} parameters, 4 steps")),
            "{said}"
        );
        let model = RollModel::read(&desk.path("ours.safetensors")).expect("a model");
        assert_eq!(model.config().approach.measures, 1);
        let view = expected.tensor(&format!("import/{name}")).expect("a tensor of the fixture");
        for isa in Isa::all() {
            let network = autoencoder_of(&model, Precision::F32, isa).expect("an autoencoder");
            let (mut there, mut back) = (network.encoder().make_state(), network.decoder().make_state());
            let code = network.encoder().forward(&column(1408), &mut there);
            let output = network.decoder().forward(code, &mut back);
            for (found, expected) in output.iter().zip(view.data().as_chunks::<4>().0) {
                let expected = f32::from_le_bytes(*expected);
                assert!((found - expected).abs() <= 1e-6, "{name}, {}: {found} for {expected}", isa.name());
            }
        }
    }
}

#[test]
fn what_is_no_network_of_notes_is_not_imported() {
    let desk = Desk::new();
    fs::write(desk.path("theirs.pt"), fixture("sequential.pt")).expect("space");
    desk.fail(
        "import theirs.pt --out x.safetensors --approach roll --sample-rate 44100",
        &["--sample-rate: expected an approach of sound", "found --approach roll"],
    );
    for option in ["--rnn a", "--linear a", "--drop-others", "--nonlinearity relu"] {
        let command = format!("import theirs.pt --out x.safetensors --approach roll {option}");
        let name = option.split(' ').next().expect("a name");
        desk.fail(&command, &[&format!("{name}: expected a recurrent network"), "found dense layers alone"]);
    }
    let command = "import theirs.pt --out x.safetensors --approach roll --repeats onset";
    desk.fail(command, &["whole measures of 2816 inputs", "found 1408"]);
    desk.succeed("import theirs.pt --out gap.safetensors --approach roll --repeats gap");
    let model = RollModel::read(&desk.path("gap.safetensors")).expect("a model");
    assert_eq!((model.config().approach.repeats, model.config().approach.steps_per_quarter), (RollRepeats::Gap, 8));
    let tensors = |shapes: &[(&str, &[usize])]| {
        let bytes: Vec<Vec<u8>> =
            shapes.iter().map(|(_, shape)| vec![0; 4 * shape.iter().product::<usize>()]).collect();
        let views = shapes.iter().zip(&bytes).map(|((name, shape), bytes)| {
            (
                *name,
                safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.to_vec(), bytes).expect("a shape"),
            )
        });
        safetensors::serialize(views, None).expect("a file")
    };
    for (shapes, parts) in [
        (
            &[("0.weight", &[6, 1408][..]), ("0.bias", &[6]), ("2.weight", &[1400, 6]), ("2.bias", &[1400])][..],
            ["an encoder of dense layers and a decoder that mirrors it", "layers of 1408 to 6, 6 to 1400"],
        ),
        (
            &[("0.weight", &[6, 100]), ("0.bias", &[6]), ("2.weight", &[100, 6]), ("2.bias", &[100])],
            ["whole measures of 1408 inputs", "found 100"],
        ),
        (&[("0.weight", &[6, 1408]), ("2.weight", &[1408, 6])], ["a bias for every dense layer", "beside 0.weight"]),
        (
            &[("0.weight", &[6, 1408]), ("0.bias", &[6]), ("norm.scale", &[6])],
            ["dense layers alone", "found norm.scale [6]"],
        ),
        (&[("loss", &[1])], ["an encoder of dense layers", "found no dense layer"]),
        (
            &[
                ("rnn.weight_ih_l0", &[16, 12]),
                ("rnn.weight_hh_l0", &[16, 4]),
                ("rnn.bias_ih_l0", &[16]),
                ("rnn.bias_hh_l0", &[16]),
                ("out.weight", &[12, 4]),
                ("out.bias", &[12]),
            ],
            ["88 inputs and outputs", "found 12 inputs, 12 outputs"],
        ),
    ] {
        fs::write(desk.path("theirs.safetensors"), tensors(shapes)).expect("space");
        desk.fail("import theirs.safetensors --out x.safetensors --approach roll", &parts);
    }
}

#[test]
fn options_that_would_change_nothing_are_refused() {
    let desk = Desk::new();
    let shapes: [(&str, &[usize]); 6] = [
        ("rnn.weight_ih_l0", &[16, 88]),
        ("rnn.weight_hh_l0", &[16, 4]),
        ("rnn.bias_ih_l0", &[16]),
        ("rnn.bias_hh_l0", &[16]),
        ("out.weight", &[88, 4]),
        ("out.bias", &[88]),
    ];
    let bytes = [0; 4 * 16 * 88];
    let views = shapes.map(|(name, shape)| {
        let size = 4 * shape.iter().product::<usize>();
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.to_vec(), &bytes[..size]);
        (name, view.expect("a shape"))
    });
    fs::write(desk.path("lstm.safetensors"), safetensors::serialize(views, None).expect("a file")).expect("space");
    for (options, parts) in [
        ("--approach roll --nonlinearity tanh", ["--nonlinearity: expected only with an nn.RNN", "found Lstm"]),
        (
            "--approach roll --repeats onset",
            ["expected 176 inputs and outputs with these --repeats", "found 88 inputs"],
        ),
        (
            "--approach vector --sample-rate 22050 --steps-per-quarter 4",
            ["--steps-per-quarter: expected only with approach roll", "found vector"],
        ),
        (
            "--approach vector --sample-rate 22050 --repeats gap",
            ["--repeats: expected only with approach roll", "found vector"],
        ),
    ] {
        desk.fail(&format!("import lstm.safetensors --out x.safetensors {options}"), &parts);
    }
    desk.succeed("import lstm.safetensors --out notes.safetensors --approach roll --repeats gap --steps-per-quarter 4");
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
    for command in ["render in.wav out.wav --model notes.safetensors", "demo --model notes.safetensors"] {
        desk.fail(command, &["notes.safetensors: expected a model of sound", "found one of notes (approach roll)"]);
    }
    let listed = desk.succeed("models --dir .");
    assert!(listed.contains("of notes: notes.safetensors, 8 steps a quarter note\n"), "{listed}");
}
