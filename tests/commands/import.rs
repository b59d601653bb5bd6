//! Networks that PyTorch made run here as they do there; what cannot be run is told apart.
#![cfg(feature = "train")]

use crate::common::{max_difference, program::Desk};
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use sympathy::{
    approach::{Generator, Network},
    dsp::random::Random,
    model::{Cell, ModelData},
    nn::{Dense, Isa, LayerWeights, Precision, Stack},
};

const STEPS: usize = 1000;
const TOLERANCE: f32 = 1e-5;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pytorch").join(name)
}

/// What PyTorch predicts, `[step]`: all fixtures have one output.
fn expected(name: &str) -> Vec<f32> {
    let bytes = fs::read(fixture(&format!("{name}.expected"))).expect("a fixture");
    let (numbers, rest) = bytes.as_chunks::<4>();
    assert!(numbers.len() == STEPS && rest.is_empty());
    numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// The input of `make.py`.
fn driven(step: usize, inputs: usize) -> Vec<f32> {
    (0..inputs).map(|i| libm::sin(0.1 * i as f64 + 0.5 * step as f64) as f32).collect()
}

/// Runs a model's network; from step `free` on it hears what it has just said.
fn predictions(model: &ModelData, isa: Isa, free: usize) -> Vec<f32> {
    let config = model.config();
    let part = |name: &str, layer: usize| model.tensor(&format!("rnn.{name}_l{layer}"));
    let layers: Vec<LayerWeights<'_>> = (0..config.layers)
        .map(|layer| LayerWeights {
            weight_ih: part("weight_ih", layer),
            weight_hh: part("weight_hh", layer),
            bias_ih: part("bias_ih", layer),
            bias_hh: part("bias_hh", layer),
            peepholes: None,
        })
        .collect();
    let stack = Stack::new(config.stack_shape(), &layers, Precision::F32, isa);
    let out = Dense::new(config.hidden, 1, model.tensor("out.weight"), model.tensor("out.bias"), Precision::F32, isa);
    let (mut state, mut output) = (stack.make_state(), out.make_output_buffer());
    let step = |step: usize| {
        let input = if step < free { driven(step, config.inputs()) } else { vec![output[0]] };
        out.forward(stack.step(&input, &mut state), &mut output);
        output[0]
    };
    (0..STEPS).map(step).collect()
}

#[test]
fn networks_of_pytorch_predict_the_same() {
    for (file, options, cell, layers) in [
        ("lstm.pt", "", Cell::Lstm, 1),
        ("gru.pt", "--sample-rate 16000", Cell::Gru, 2),
        ("rnn_relu.pt", "--nonlinearity relu", Cell::RnnRelu, 1),
        ("checkpoint.pt", "", Cell::Lstm, 2),
        ("half.pt", "", Cell::Lstm, 1),
        ("rnn_tanh.safetensors", "--sample-rate 44100", Cell::RnnTanh, 3),
        ("tutorial.pt", "", Cell::Lstm, 1),
        ("in_a_row.pt", "", Cell::Lstm, 2),
        ("in_a_row.pt", "--rnn l1,l2 --linear out", Cell::Lstm, 2),
        ("cells.pt", "", Cell::Gru, 2),
        ("weight_norm.pt", "", Cell::Lstm, 1),
    ] {
        let desk = Desk::new();
        fs::copy(fixture(file), desk.path(file)).expect("space");
        let said = desk.succeed(&format!("import {file} --out imported.safetensors {options}"));
        let model = ModelData::read(&desk.path("imported.safetensors")).expect("a sound model");
        let config = model.config();
        assert_eq!((config.cell, config.layers), (cell, layers), "{file}: {said}");
        let (name, _) = file.split_once('.').expect("an extension");
        let free = if name == "lstm" { STEPS / 2 } else { STEPS };
        for isa in Isa::all() {
            let (worst, at) = max_difference(&predictions(&model, isa, free), &expected(name));
            assert!(worst < TOLERANCE, "{file}, {}: off by {worst} at step {at}", isa.name());
        }
        desk.succeed("inspect imported.safetensors");
    }
}

#[test]
fn a_continuation_of_an_imported_model_is_the_one_of_pytorch() {
    let desk = Desk::new();
    fs::copy(fixture("lstm.pt"), desk.path("lstm.pt")).expect("space");
    desk.succeed("import lstm.pt --out n.safetensors --scaling-std 0.25 --scaling-mean 0.125");
    let model = ModelData::read(&desk.path("n.safetensors")).expect("a sound model");
    let mut continuation = Generator::new(Arc::new(Network::new(&model, Isa::best())));
    continuation.reset(1);
    let half = STEPS / 2;
    (0..half).for_each(|step| continuation.feed(&[0.25 * driven(step, 1)[0] + 0.125]));
    let mut sound = vec![0.0; half];
    sound.chunks_mut(1).for_each(|sample| continuation.predict(1.0, sample));
    // What is fed back at the end of the seed is already a prediction.
    let expected: Vec<f32> = expected("lstm")[half - 1..STEPS - 1].iter().map(|x| 0.25 * x + 0.125).collect();
    let (worst, at) = max_difference(&sound, &expected);
    assert!(worst < TOLERANCE, "off by {worst} at sample {at}");
}

#[test]
fn flags_and_sizes_say_how_it_sounds() {
    let desk = Desk::new();
    fs::copy(fixture("lstm.pt"), desk.path("lstm.pt")).expect("space");
    let said = desk.succeed("import lstm.pt --out n.safetensors");
    for part in
        ["assumed: approach sample", "assumed: 22050 Hz", "assumed: no scaling", "lstm", "fc", "sympathy inspect"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    let mut random = Random::new(crate::common::SEED);
    let song: Vec<f32> = (0..44_100).map(|_| 0.05 + 0.2 * random.normal()).collect();
    desk.write_wav("song.wav", 22_050, &[song]);
    desk.succeed("import lstm.pt --out n.safetensors --reference song.wav --name Noise --licence CC0 --tanh-output");
    let model = ModelData::read(&desk.path("n.safetensors")).expect("a sound model");
    let config = model.config();
    assert!((config.scaling.mean - 0.05).abs() < 0.005 && (config.scaling.std - 0.2).abs() < 0.005);
    assert!((config.material.rms - 0.206).abs() < 0.005 && config.material.flatness > 0.4);
    assert_eq!((&*config.name, &*config.training.licence, config.tanh_output), ("Noise", "CC0", true));
    desk.succeed("import lstm.pt --out n.safetensors --scaling peak --scaling-std 0.5 --sample-rate 8000");
    let model = ModelData::read(&desk.path("n.safetensors")).expect("a sound model");
    assert_eq!((model.config().scaling.std, model.config().sample_rate_hz), (0.5, 8000));
    desk.succeed("render song.wav out.wav --model n.safetensors --seconds-after 0 --set seed_length=0.25");
}

/// A file of zeros that holds these tensors, or one number else.
fn write_tensors(path: &Path, tensors: &[(&str, &[usize])], value: f32) {
    let bytes: Vec<Vec<u8>> =
        tensors.iter().map(|(_, shape)| value.to_le_bytes().repeat(shape.iter().product())).collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape), bytes)| {
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.to_vec(), bytes);
        (*name, view.expect("the right length"))
    });
    let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
    fs::write(path, safetensors::serialize(views, Some(metadata)).expect("plain tensors")).expect("space");
}

/// The same with numbers of their own, so that copies are told from layers that are alike.
fn write_numbers(path: &Path, tensors: &[(String, Vec<usize>)], seed_of: impl Fn(&str) -> u64) {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(name, shape)| {
            let mut random = Random::new(seed_of(name));
            (0..shape.iter().product::<usize>()).flat_map(|_| random.normal().to_le_bytes()).collect()
        })
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape), bytes)| {
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes);
        (name, view.expect("the right length"))
    });
    fs::write(path, safetensors::serialize(views, None).expect("plain tensors")).expect("space");
}

type Shapes = Vec<(&'static str, Vec<usize>)>;

/// An LSTM of 4 units.
fn lstm_shapes(inputs: usize, outputs: usize) -> Shapes {
    vec![
        ("rnn.weight_ih_l0", vec![16, inputs]),
        ("rnn.weight_hh_l0", vec![16, 4]),
        ("rnn.bias_ih_l0", vec![16]),
        ("rnn.bias_hh_l0", vec![16]),
        ("out.weight", vec![outputs, 4]),
        ("out.bias", vec![outputs]),
    ]
}

fn write_shapes(desk: &Desk, shapes: &[(&str, Vec<usize>)]) {
    let borrowed: Vec<(&str, &[usize])> = shapes.iter().map(|(name, shape)| (*name, &shape[..])).collect();
    write_tensors(&desk.path("in.safetensors"), &borrowed, 0.5);
}

#[test]
fn magnitudes_with_and_without_their_highest_bin() {
    let desk = Desk::new();
    for (bins, added) in [(33, false), (32, true)] {
        write_shapes(&desk, &lstm_shapes(bins, bins));
        let said = desk.succeed(
            "import in.safetensors --out m.safetensors --approach magnitude --sample-rate 8000 --hop 16 --magnitude-peak 9",
        );
        assert_eq!(said.contains("added: a bin"), added, "{said}");
        assert!(said.contains("a window of 64"), "{said}");
        let model = ModelData::read(&desk.path("m.safetensors")).expect("a sound model");
        assert_eq!(model.config().frame_size(), 33);
        let weights = model.tensor("rnn.weight_ih_l0");
        for row in weights.chunks_exact(33) {
            assert!(row[..32].iter().all(|&w| w == 0.5) && row[32] == if added { 0.0 } else { 0.5 });
        }
        assert_eq!(model.tensor("out.weight")[32 * 4], if added { 0.0 } else { 0.5 });
        assert_eq!(model.tensor("out.bias")[32], if added { 0.0 } else { 0.5 });
    }
    write_shapes(&desk, &lstm_shapes(65, 65));
    desk.write_wav("song.wav", 8000, &crate::common::phrase(8000, 1.0, 1));
    let padded = "import in.safetensors --out m.safetensors --approach magnitude --sample-rate 8000 --hop 16";
    desk.succeed(&format!("{padded} --zero-padding --reference song.wav"));
    let model = ModelData::read(&desk.path("m.safetensors")).expect("a sound model");
    assert_eq!((model.config().window_samples(), model.config().frame_size()), (64, 65));
    desk.fail(&format!("{padded} --window 64 --magnitude-peak 1"), &["--window", "33 bins", "65 inputs"]);
    desk.fail(padded, &["--magnitude-peak", "--reference", "neither"]);
}

#[test]
fn vectors_and_columns() {
    let desk = Desk::new();
    write_shapes(&desk, &lstm_shapes(40, 40));
    let vector = "import in.safetensors --out m.safetensors --sample-rate 8000 --approach vector";
    desk.succeed(&format!("{vector} --overlap 8 --scaling none"));
    let model = ModelData::read(&desk.path("m.safetensors")).expect("a sound model");
    assert_eq!((model.config().hop_samples(), model.config().frame_size()), (32, 40));
    desk.fail(&format!("{vector} --overlap 8 --seg-len 40"), &["--seg-len", "40 inputs", "found 40 + 8"]);
    desk.fail(&format!("{vector} --hop 8"), &["--hop", "only with approach magnitude", "found vector"]);
    desk.fail("import in.safetensors --out n.safetensors", &["--approach", "vector or magnitude", "40 inputs"]);
    desk.fail("import in.safetensors --out n.safetensors --approach sample", &["--approach", "1 input", "40 inputs"]);
    write_shapes(&desk, &lstm_shapes(40, 1));
    let said = desk.succeed("import in.safetensors --out m.safetensors --sample-rate 8000");
    assert!(said.contains("assumed: approach column"), "{said}");
    desk.fail("import in.safetensors --out n.safetensors", &["--sample-rate", "found none"]);
    for rate in ["0", "1999", "192001"] {
        let import = format!("import in.safetensors --out n.safetensors --sample-rate {rate}");
        desk.fail(&import, &["sample_rate_hz", "expected 2000 to 192000", rate]);
    }
}

#[test]
fn what_is_no_network_that_can_be_run_is_told_with_what_is_there() {
    let desk = Desk::new();
    let edited = |edit: &dyn Fn(&mut Shapes)| {
        let mut shapes = lstm_shapes(1, 1);
        edit(&mut shapes);
        shapes
    };
    let without = |name: &'static str| edited(&|shapes| shapes.retain(|(other, _)| *other != name));
    let with = |more: &[(&'static str, &[usize])]| {
        edited(&|shapes| shapes.extend(more.iter().map(|(name, shape)| (*name, shape.to_vec()))))
    };
    let lstm = |name: [&'static str; 4], inputs: usize, hidden: usize| -> Shapes {
        let shapes = [vec![4 * hidden, inputs], vec![4 * hidden, hidden], vec![4 * hidden], vec![4 * hidden]];
        name.into_iter().zip(shapes).collect()
    };
    let second = ["rnn2.weight_ih_l0", "rnn2.weight_hh_l0", "rnn2.bias_ih_l0", "rnn2.bias_hh_l0"];
    let other = ["dec.weight_ih_l0", "dec.weight_hh_l0", "dec.bias_ih_l0", "dec.bias_hh_l0"];
    let and = |more: Shapes| [lstm_shapes(1, 1), more].concat();
    for (shapes, options, parts) in [
        (and(lstm(second, 4, 3)), "", ["layers of one width", "rnn (LSTM, 1 → 4), rnn2 (LSTM, 4 → 3)"]),
        (and(lstm(second, 1, 4)), "", ["in a row", "side by side"]),
        (
            and(lstm(second, 4, 4)),
            "--rnn rnn --linear out",
            ["nothing but rnn and out", "rnn2.bias_hh_l0, rnn2.bias_ih_l0"],
        ),
        (and(lstm(other, 4, 4)), "", ["--rnn FIRST,SECOND, which names all", "dec, rnn"]),
        (
            and(vec![("rnn2.weight_ih_l0", vec![12, 4]), ("rnn2.weight_hh_l0", vec![12, 4])]),
            "",
            ["of one kind", "rnn2 (GRU"],
        ),
        (with(&[("conv.weight", &[4, 1, 3])]), "", ["nothing but rnn and out", "conv.weight (probably a convolution)"]),
        (with(&[("emb.weight", &[256, 4])]), "", ["nothing but rnn and out", "emb.weight (probably an embedding)"]),
        (with(&[("attn.in_proj_weight", &[12, 4])]), "", ["nothing but rnn and out", "(probably an attention)"]),
        (with(&[("h0", &[1, 1, 4])]), "", ["nothing but rnn and out", "h0 (probably an initial state)"]),
        (
            with(&[("bn.weight", &[4]), ("bn.running_mean", &[4])]),
            "",
            ["bn.running_mean, bn.weight", "batch normalisation"],
        ),
        (with(&[("out.parametrizations.weight.original", &[1, 4])]), "", ["nothing but", "remove_parametrizations"]),
        (with(&[("rnn.weight_ih_l0_reverse", &[16, 1])]), "", ["one direction", "bidirectional=True"]),
        (with(&[("rnn.weight_hr_l0", &[2, 4])]), "", ["without projection", "proj_size"]),
        (
            with(&[("fc2.weight", &[3, 4])]),
            "",
            ["one dense layer", "fc2.weight, out.bias, out.weight (probably a dense"],
        ),
        (with(&[("fc2.weight", &[3, 4])]), "--drop-others", ["choose with --linear", "fc2 (4 → 3), out (4 → 1)"]),
        (with(&[("fc2.weight", &[3, 4])]), "--linear out", ["nothing but rnn and out", "fc2.weight (probably a dense"]),
        (with(&[("first.weight", &[1, 8])]), "", ["nothing but rnn and out", "first.weight"]),
        (with(&[("norm.weight", &[4])]), "", ["nothing but rnn and out", "norm.weight"]),
        (with(&[("gru.weight_hh_l0", &[6, 2])]), "", ["one recurrent network", "gru, rnn"]),
        (with(&[]), "--rnn other", ["\"other\" (--rnn)", "found rnn"]),
        (with(&[]), "--linear other", ["\"other\" (--linear)", "out (4 → 1)"]),
        (with(&[]), "--nonlinearity relu", ["an nn.RNN", "Lstm"]),
        (with(&[("fc2.weight", &[3, 5])]), "--linear fc2", ["4 inputs, the network's width", "fc2 (5 → 3)"]),
        (without("out.weight"), "", ["an nn.Linear of 4 inputs", "found out.bias"]),
        (without("rnn.weight_hh_l0"), "", ["an nn.LSTM, nn.GRU or nn.RNN", "out.bias"]),
        (without("rnn.weight_ih_l0"), "", ["`rnn.weight_ih_l0`", "nothing"]),
        (without("rnn.bias_hh_l0"), "", ["`rnn.bias_hh_l0` of shape [16]", "nothing"]),
        (with(&[("rnn.weight_hh_l1", &[16, 4])]), "", ["`rnn.weight_ih_l1` of shape [16, 4]", "nothing"]),
        (with(&[("rnn.weight_hh_l2", &[16, 4])]), "", ["nothing but", "rnn.weight_hh_l2"]),
        (edited(&|shapes| shapes[0].1 = vec![17, 1]), "", ["4 (LSTM), 3 (GRU) or 1 (RNN) times 4", "17 rows"]),
        (edited(&|shapes| shapes[0].1 = vec![16]), "", ["two axes", "[16]"]),
        (edited(&|shapes| shapes[1].1 = vec![16, 0]), "", ["two axes", "[16, 0]"]),
        (edited(&|shapes| shapes[4].1 = vec![3, 4]), "--linear out", ["as many", ""]),
    ] {
        write_shapes(&desk, &shapes);
        let parts = if parts[0] == "as many" { ["--approach", "3 outputs"] } else { parts };
        desk.fail(&format!("import in.safetensors --out n.safetensors {options}"), &parts);
        let error = desk.run(&format!("import in.safetensors --out n.safetensors {options}")).stderr;
        // No advice makes a model that lacks layers.
        assert!(!error.contains("--drop") && !error.contains("leaves the rest"), "{error}");
    }
    // A perceptron behind the network.
    let mut shapes = lstm_shapes(1, 7);
    shapes.push(("out2.weight", vec![1, 7]));
    write_shapes(&desk, &shapes);
    desk.fail(
        "import in.safetensors --out n.safetensors",
        &["nothing but rnn and out,", "out2.weight (probably a dense layer)", "multiply them into one"],
    );
    // The user chooses, and the rest is left out.
    let more: &[(&str, &[usize])] =
        &[("gru.weight_ih_l0", &[6, 1]), ("gru.weight_hh_l0", &[6, 2]), ("fc.weight", &[1, 2])];
    write_shapes(&desk, &with(more));
    let left = ["nothing but gru and fc", "out.weight", "rnn.weight_hh_l0"];
    desk.fail("import in.safetensors --out n.safetensors --rnn gru", &left);
    let run = desk.run("import in.safetensors --out g.safetensors --rnn gru --drop-others");
    assert!(run.stdout.contains("GRU, 1 × 2 wide") && run.stdout.contains("left out: 6 other tensors"), "{run:?}");
    let warning = "warning: the model does not play as it was trained: left out out.bias, out.weight, rnn.bias_hh_l0, ";
    assert!(run.code == Some(0) && run.stderr.starts_with(warning), "{run:?}");
    // A number that is none.
    let shapes = lstm_shapes(1, 1);
    let borrowed: Vec<(&str, &[usize])> = shapes.iter().map(|(name, shape)| (*name, &shape[..])).collect();
    write_tensors(&desk.path("in.safetensors"), &borrowed, f32::NAN);
    desk.fail("import in.safetensors --out n.safetensors", &["finite numbers", "NaN"]);
}

#[test]
fn what_only_repeats_or_counts_is_not_left_out() {
    let desk = Desk::new();
    let own: Vec<(String, Vec<usize>)> =
        lstm_shapes(1, 1).into_iter().map(|(name, shape)| (name.to_string(), shape)).collect();
    let under =
        |prefix: &str| own.iter().map(|(name, shape)| (format!("{prefix}{name}"), shape.clone())).collect::<Vec<_>>();
    // The seed is a name's without what stands before it: a copy.
    let length = |name: &str| {
        name.rsplitn(3, '.').take(2).map(|part| part.len() as u64).fold(0, |seed, length| 31 * seed + length)
    };
    let counted = ["loss", "best_val_loss", "epoch"].map(|name| (name.to_string(), vec![]));
    for (more, expected) in
        [(under("again."), "read: again.rnn"), (counted.to_vec(), "read: rnn"), (under("ema_model."), "read: rnn")]
    {
        write_numbers(&desk.path("in.safetensors"), &[own.clone(), more].concat(), length);
        let said = desk.succeed("import in.safetensors --out n.safetensors");
        assert!(said.contains(expected) && !said.contains("left out"), "{said}");
    }
    // An average of other numbers is told, and taken if it is asked for.
    write_numbers(&desk.path("in.safetensors"), &[own.clone(), under("ema_model.")].concat(), |name| {
        length(name) + u64::from(name.starts_with("ema"))
    });
    let said = desk.succeed("import in.safetensors --out n.safetensors");
    assert!(said.contains("read: rnn") && said.contains("not read: the moving average"), "{said}");
    let said = desk.succeed("import in.safetensors --out n.safetensors --rnn ema_model.rnn");
    assert!(said.contains("read: ema_model.rnn") && said.contains("ema_model.out"), "{said}");
    // Another network under another name is no copy.
    write_numbers(&desk.path("in.safetensors"), &[own.clone(), under("b.")].concat(), |name| {
        length(name) + u64::from(name.starts_with('b'))
    });
    desk.fail("import in.safetensors --out n.safetensors", &["one recurrent network", "b.rnn, rnn"]);
}

#[test]
fn more_than_the_exported_model_is_refused() {
    let desk = Desk::new();
    desk.succeed("export model.safetensors --out plain.safetensors --script load.py");
    desk.succeed("import plain.safetensors --out again.safetensors");
    let bytes = fs::read(desk.path("plain.safetensors")).expect("it was written");
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).expect("a header");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("tensors");
    let more = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![1], &[0; 4]).expect("one number");
    let views = tensors.iter().chain([("norm.weight", more)]);
    let file = safetensors::serialize(views, header.metadata().clone()).expect("plain tensors");
    fs::write(desk.path("more.safetensors"), file).expect("space");
    desk.fail("import more.safetensors --out no.safetensors", &["of the exported model and no others", "norm.weight"]);
}

#[test]
fn files_of_other_kinds_are_told_apart() {
    let desk = Desk::new();
    let save = "torch.save(model.state_dict()";
    for (file, parts) in [
        ("whole_module.pt", ["a whole object of the class __main__.N", save]),
        ("before_1_6.pt", ["before 1.6", save]),
        ("torchscript.pt", ["TorchScript", "torch.jit.load(\"torchscript.pt\").state_dict()"]),
        ("make.py", ["a text", "sympathy models"]),
        ("layer_norm.pt", ["ln.bias, ln.weight (probably a normalisation", "train it again"]),
    ] {
        fs::copy(fixture(file), desk.path(file)).expect("space");
        desk.fail(&format!("import {file} --out n.safetensors"), &[file, parts[0], parts[1]]);
    }
    for options in ["--rnn lstm", "--linear fc", "--rnn lstm --linear fc"] {
        let import = format!("import layer_norm.pt --out n.safetensors {options}");
        desk.fail(&import, &["nothing but lstm and fc", "ln.bias, ln.weight"]);
    }
    fs::copy(fixture("protocol_4.pt"), desk.path("protocol_4.pt")).expect("space");
    desk.succeed("import protocol_4.pt --out n.safetensors");
    fs::copy(fixture("checkpoint.pt"), desk.path("checkpoint.pt")).expect("space");
    desk.succeed("import checkpoint.pt --out n.safetensors --key model_state_dict");
    let import = |key: &str| format!("import checkpoint.pt --out no.safetensors --key {key}");
    desk.fail(&import("nets"), &["the key \"nets\"", "model_state_dict", "optimizer_state_dict"]);
    desk.fail(&import("losses"), &["no dictionary in losses"]);
    desk.fail(&import("optimizer_state_dict"), &["no tensor of floats"]);
    desk.fail(&import("model_state_dict.module"), &["the key \"model_state_dict.module\""]);
    desk.fail("import model.safetensors --out n.safetensors", &["Sympathy's own"]);
    desk.fail("import absent.pt --out n.safetensors", &["absent.pt", "cannot be read"]);
    fs::create_dir(desk.path("folder.pt")).expect("space");
    desk.fail("import folder.pt --out no.safetensors", &["folder.pt", "expected a file"]);
    desk.write_sparse("large.pt", b"PK\x03\x04", (512 << 20) + 1);
    desk.fail("import large.pt --out no.safetensors", &["large.pt", "at most 536870912 bytes"]);
    fs::write(desk.path("empty.pt"), "").expect("space");
    desk.fail("import empty.pt --out no.safetensors", &["empty.pt", "an empty file", "download it again"]);
    desk.fail("import checkpoint.pt --out n.pt", &["a name that ends in .safetensors"]);
}

#[test]
fn both_commands_have_help_with_examples() {
    let desk = Desk::new();
    for command in ["import", "export"] {
        let help = desk.succeed(&format!("{command} --help"));
        assert!(help.contains("EXAMPLES:") && help.contains(&format!("sympathy {command} ")), "{help}");
    }
    assert!(desk.succeed("import --help").contains("batch_first makes no difference"));
}
