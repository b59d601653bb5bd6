//! Models of notes: their files, and what they compute beside PyTorch.

use crate::counting::counted;
use safetensors::SafeTensors;
use std::{collections::BTreeMap, fs, path::Path};
use sympathy::{
    approach::{ColumnPredictor, autoencoder_of},
    model::{
        Approach, Cell, CodeActivation, HiddenActivation, METADATA_KEY, ModelConfig, ModelData, ModelError,
        RollBaselines, RollModel, RollModelConfig, RollNetwork, RollRepeats, RollTraining,
    },
    nn::{Autoencoder, AutoencoderWeights, Isa, Precision},
};

/// Steps that `tests/fixtures/notes/make.py` keeps.
const KEPT: [usize; 4] = [0, 1, 63, 255];

/// 32 bits for each i, as the script makes them.
fn hashes(count: usize, k: u32) -> impl Iterator<Item = u32> {
    (0..count as u32).map(move |i| {
        let x = i.wrapping_mul(0x9e37_79b1).wrapping_add(k.wrapping_mul(0x85eb_ca77));
        let x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
        let x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
        x ^ (x >> 16)
    })
}

fn numbers(shape: &[usize], k: usize, gain: f64) -> Vec<f32> {
    let scale = (if let &[_, columns] = shape { 12.0 * gain / columns as f64 } else { 12.0 / 100.0 }).sqrt() as f32;
    hashes(shape.iter().product(), k as u32).map(|x| scale * ((x >> 8) as f32 / 16_777_216.0 - 0.5)).collect()
}

fn column(count: usize, step: usize) -> Vec<f32> {
    hashes(count, 1000 + step as u32).map(|x| f32::from(x % 16 == 0)).collect()
}

fn autoencoder(widths: &[usize], tied: bool) -> RollNetwork {
    let (hidden, code) = (HiddenActivation::Elu, CodeActivation::Tanh);
    RollNetwork::Autoencoder { widths: widths.to_vec(), tied, hidden, code }
}

fn lstm(layers: usize, hidden: usize) -> RollNetwork {
    RollNetwork::Recurrent { cell: Cell::Lstm, layers, hidden }
}

const PUBLISHED: [usize; 5] = [5632, 1024, 256, 64, 16];

/// A model whose weights are hashes.
fn model(config: RollModelConfig) -> RollModel {
    let gain = if matches!(config.network, RollNetwork::Recurrent { .. }) { 1.0 } else { 2.0 };
    let tensors = config.tensors().into_iter().enumerate();
    let tensors = tensors.map(|(k, tensor)| (tensor.name, numbers(&tensor.shape, k, gain))).collect();
    RollModel::new(config, tensors, Path::new("hashed.safetensors")).expect("a sound model")
}

/// A small one: one measure to eight numbers and a code of three.
fn small(tied: bool) -> RollModel {
    let mut config = RollModelConfig::new(autoencoder(&[1408, 8, 3], tied));
    config.approach.measures = 1;
    model(config)
}

fn expected(name: &str) -> Vec<f32> {
    let bytes = fs::read("tests/fixtures/notes/expected.safetensors").expect("the fixture");
    let tensors = SafeTensors::deserialize(&bytes).expect("the fixture");
    let data = tensors.tensor(name).expect("a tensor of the fixture").data();
    data.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

#[track_caller]
fn close(what: &str, found: &[f32], expected: &[f32], bound: f32) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= bound, "{what}: {worst:e} apart");
}

/// Encodes a segment and decodes its code.
fn check_autoencoder(network: &Autoencoder, name: &str, bound: f32, isa: Isa) {
    let (mut there, mut back) = (network.encoder().make_state(), network.decoder().make_state());
    let code = network.encoder().forward(&column(network.encoder().inputs(), 0), &mut there);
    let what = format!("{name}, {}", isa.name());
    close(&format!("{what}, code"), code, &expected(&format!("{name}/code")), bound);
    close(
        &format!("{what}, output"),
        network.decoder().forward(code, &mut back),
        &expected(&format!("{name}/output")),
        bound,
    );
}

#[test]
fn small_autoencoders_equal_pytorch() {
    let widths = [176, 32, 8, 4];
    for tied in [false, true] {
        // The order of the parameters, those of a tied decoder left out.
        let mut k = 0;
        let mut next = |shape: &[usize]| {
            k += 1;
            numbers(shape, k - 1, 2.0)
        };
        let encoder: Vec<_> = widths.windows(2).map(|pair| (next(&[pair[1], pair[0]]), next(&[pair[1]]))).collect();
        let decoder: Vec<_> = widths
            .windows(2)
            .rev()
            .map(|pair| ((!tied).then(|| next(&[pair[0], pair[1]])), next(&[pair[0]])))
            .collect();
        let encoder: Vec<_> = encoder.iter().map(|(weight, bias)| (&weight[..], &bias[..])).collect();
        let decoder: Vec<_> = decoder.iter().map(|(weight, bias)| (weight.as_deref(), &bias[..])).collect();
        for isa in Isa::all() {
            let weights = AutoencoderWeights { widths: &widths, encoder: &encoder, decoder: &decoder };
            let network = Autoencoder::new(&weights, Precision::F32, isa);
            check_autoencoder(&network, if tied { "small/tied" } else { "small/untied" }, 1e-6, isa);
        }
    }
}

#[test]
fn published_autoencoders_equal_pytorch() {
    for tied in [false, true] {
        let model = model(RollModelConfig::new(autoencoder(&PUBLISHED, tied)));
        for isa in Isa::all() {
            let network = autoencoder_of(&model, Precision::F32, isa).expect("an autoencoder");
            check_autoencoder(&network, if tied { "full/tied" } else { "full/untied" }, 1e-5, isa);
        }
    }
}

#[test]
fn recurrent_networks_equal_pytorch() {
    for (name, hidden, bound) in [("small/lstm", 16, 1e-6), ("full/lstm", 500, 1e-5)] {
        let model = model(RollModelConfig::new(lstm(2, hidden)));
        let expected = expected(name);
        for isa in Isa::all() {
            let network = ColumnPredictor::of(&model, Precision::F32, isa).expect("a recurrent network");
            let mut state = network.make_state();
            for step in 0..=KEPT[3] {
                let output = network.step(&column(88, step), &mut state);
                if let Some(place) = KEPT.iter().position(|kept| *kept == step) {
                    let what = format!("{name}, {}, step {step}", isa.name());
                    close(&what, output, &expected[88 * place..][..88], bound);
                }
            }
        }
    }
}

#[test]
fn a_step_and_a_column_of_a_decoder_allocate_nothing() {
    for isa in Isa::all() {
        for precision in Precision::ALL {
            let predictor = ColumnPredictor::of(&model(RollModelConfig::new(lstm(2, 16))), precision, isa);
            let predictor = predictor.expect("a recurrent network");
            let (mut state, heard) = (predictor.make_state(), column(88, 0));
            let (count, _) = counted(|| predictor.step(&heard, &mut state)[0]);
            assert_eq!(count, 0, "{precision}: a step");
            let network = autoencoder_of(&small(true), precision, isa).expect("an autoencoder");
            let mut state = network.decoder().make_state();
            let (count, _) = counted(|| network.decoder().forward_rows(&[0.1, 0.2, 0.3], 88..176, &mut state)[0]);
            assert_eq!(count, 0, "{precision}: a column");
        }
    }
}

#[cfg(feature = "notes")]
#[test]
fn a_continuation_hears_and_plays_without_allocating() {
    use std::sync::Arc;
    use sympathy::{
        nn::CELLS,
        notes::{Choice, Continuation, Draw, Feedback, Law, Playing},
    };

    let cells = CELLS.iter().map(|info| info.cell).filter(|cell| *cell != Cell::Clockwork);
    let mut played = 0.0;
    for (cell, precision) in cells.flat_map(|cell| Precision::ALL.map(|precision| (cell, precision))) {
        for (repeats, phase) in [(RollRepeats::Merge, false), (RollRepeats::Gap, true), (RollRepeats::Onset, true)] {
            let mut config = RollModelConfig::new(RollNetwork::Recurrent { cell, layers: 2, hidden: 16 });
            (config.approach.repeats, config.approach.phase) = (repeats, phase);
            let model = model(config);
            let network = Arc::new(ColumnPredictor::of(&model, precision, Isa::best()).expect("a recurrent network"));
            let width = network.column();
            for (choice, feedback) in [
                (Choice::Threshold(0.5), Feedback::Raw),
                (Choice::Toss { law: Law::Linear, temperature: 0.5 }, Feedback::Played),
                (Choice::Toss { law: Law::Logit, temperature: 2.0 }, Feedback::Raw),
            ] {
                // What stands still is stirred: nothing is as likely as that.
                for draw in [choice, Choice::Threshold(1.0)].map(|choice| Draw { choice, random_seed: 7 }) {
                    let playing = Playing { draw, feedback, stirs: true, stays: 0.25 };
                    let mut continuation = Continuation::new(Arc::clone(&network), playing);
                    let what = format!("{cell:?}, {precision}, {repeats:?}, {playing:?}");
                    for step in 0..20 {
                        let heard = column(width, step);
                        let (count, _) = counted(|| continuation.hear(&heard));
                        assert_eq!(count, 0, "{what}: hearing");
                    }
                    for _ in 0..40 {
                        let (count, keys) = counted(|| continuation.play().iter().sum::<f32>());
                        assert_eq!(count, 0, "{what}: playing");
                        played += keys;
                    }
                    let (count, _) = counted(|| continuation.has_failed() || continuation.probabilities().is_empty());
                    assert_eq!(count, 0, "{what}: asking");
                }
            }
        }
    }
    assert!(played > 1000.0, "{played} keys: it does play");
}

#[test]
fn parameters_are_counted_as_published() {
    let counts = |network| {
        let config = RollModelConfig::new(network);
        [config.parameters(), config.parameters_with_one_bias()]
    };
    assert_eq!(counts(autoencoder(&PUBLISHED, true)), [6_055_056; 2]);
    assert_eq!(counts(autoencoder(&PUBLISHED, false)), [12_101_776; 2]);
    assert_eq!(counts(lstm(2, 500)), [3_228_088, 3_224_088]);
    let column = RollModelConfig::new(autoencoder(&PUBLISHED, true)).multiplications_per_step();
    assert_eq!(column, 369_664, "one column of 64");
}

#[test]
fn files_are_the_same_once_they_are_written_and_read() {
    let onset = || {
        let mut config = RollModelConfig::new(lstm(1, 5));
        (config.approach.repeats, config.approach.phase) = (RollRepeats::Onset, true);
        model(config)
    };
    let trained = || {
        let mut config = RollModelConfig::new(lstm(1, 5));
        config.provenance = Some(provenance());
        model(config)
    };
    for model in [small(true), small(false), onset(), trained()] {
        let again = RollModel::from_bytes(&model.to_bytes(), Path::new("again")).expect("a file of our own");
        assert_eq!(again, model);
        let half = RollModel::from_bytes(&model.to_half_bytes(), Path::new("half")).expect("a file of our own");
        assert_eq!(half.config(), model.config());
        let isa = Isa::best();
        assert_eq!(
            autoencoder_of(&model, Precision::F32, isa).is_some(),
            ColumnPredictor::of(&model, Precision::F32, isa).is_none()
        );
    }
    assert_eq!((onset().config().inputs(), onset().config().column()), (192, 176));
}

fn provenance() -> RollTraining {
    let baselines = RollBaselines { silence: 0.03, key_means: Some(0.028), hold: Some(0.1 + 0.2), chain: None };
    RollTraining {
        recipe: "house-lstm".into(),
        steps: 1 << 40,
        pieces: [256, 17],
        validated: true,
        mse: 0.0123,
        accuracy: 0.98,
        baselines: Some(baselines),
    }
}

/// A model's file with another configuration, or another number.
fn changed(model: &RollModel, change: impl FnOnce(&mut serde_json::Value), rename: Option<(&str, &str)>) -> Vec<u8> {
    let bytes = model.to_bytes();
    let (_, header) = SafeTensors::read_metadata(&bytes).expect("a file of our own");
    let mut json: serde_json::Value =
        serde_json::from_str(&header.metadata().as_ref().expect("metadata")[METADATA_KEY]).expect("JSON");
    change(&mut json);
    let views = SafeTensors::deserialize(&bytes).expect("a file of our own");
    let tensors = views
        .iter()
        .map(|(name, view)| (rename.filter(|(from, _)| *from == name).map_or(name, |(_, to)| to).to_string(), view));
    let metadata = [(METADATA_KEY.to_string(), json.to_string())].into_iter().collect();
    safetensors::serialize(tensors, Some(metadata)).expect("a file")
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    let (tied, untied) = (small(true), small(false));
    let widths = |widths: serde_json::Value| move |json: &mut serde_json::Value| json["network"]["widths"] = widths;
    let numbers = serde_json::Value::from;
    let trained = |field: &'static str, value: serde_json::Value| {
        let own = serde_json::to_value(provenance()).expect("plain data");
        changed(
            &tied,
            move |json| {
                json["provenance"] = own;
                json["provenance"][field] = value;
            },
            None,
        )
    };
    let all = |width: u64| vec![1408, width, width, width, 16];
    for (bytes, parts) in [
        (
            changed(&untied, |json| json["network"]["tied"] = true.into(), None),
            ["tensor `decoder.0.weight`", "nothing, as `tied`"],
        ),
        (
            changed(&tied, |json| json["network"]["tied"] = false.into(), None),
            ["tensor `decoder.0.weight`", "found nothing"],
        ),
        (changed(&tied, widths(numbers(all(60_000))), None), ["network: expected at most 512 MiB", "MiB"]),
        (
            changed(&tied, widths(numbers(all(1 << 40))), None),
            ["network.widths: expected widths of 1 to 65536", "1099511627776"],
        ),
        (
            changed(&tied, widths(numbers(vec![1408, 8, 17])), None),
            ["network.widths: expected a code of 1 to 16", "found 17"],
        ),
        (
            changed(&tied, widths(numbers(vec![1408, 8, 0])), None),
            ["network.widths: expected a code of 1 to 16", "found 0"],
        ),
        (
            changed(&tied, widths(numbers(vec![1400, 8, 3])), None),
            ["network.widths: expected 1408 first, 16 columns of 88", "1400"],
        ),
        (changed(&tied, widths(numbers(vec![1408])), None), ["network.widths: expected 2 to 16 widths", "found 1"]),
        (
            changed(&tied, widths(serde_json::json!([])), None),
            ["network.widths: expected 2 to 16 widths", "found none"],
        ),
        (changed(&tied, |json| json["network"]["hidden"] = "relu".into(), None), ["the fields of a model", "relu"]),
        (changed(&tied, |json| json["head"] = "mse".into(), None), ["the fields of a model", "mse"]),
        (changed(&tied, |json| json["approach"]["keys"] = 96.into(), None), ["approach.keys: expected 88", "found 96"]),
        (
            changed(&tied, |json| json["approach"]["measures"] = 17.into(), None),
            ["approach.measures: expected 1 to 16", "17"],
        ),
        (
            changed(&tied, |json| json["format_version"] = 9.into(), None),
            ["format version: expected at most 1", "found 9"],
        ),
        (trained("mse", 1.5.into()), ["provenance.mse: expected a number from 0 to 1", "found 1.5"]),
        (trained("accuracy", (-0.1).into()), ["provenance.accuracy: expected a number from 0 to 1", "found -0.1"]),
        (
            trained("baselines", serde_json::json!({"silence": 0.1, "hold": 7})),
            ["provenance.baselines: expected a number from 0 to 1", "found 7"],
        ),
        (trained("recipe", "a\nb".into()), ["provenance.recipe: expected 1 to 80 printable", "found 3"]),
        (trained("recipe", "a".repeat(81).into()), ["provenance.recipe: expected 1 to 80 printable", "found 81"]),
        (trained("steps", (-1).into()), ["the fields of a model", "-1"]),
        (changed(&tied, |_| (), Some(("encoder.1.bias", "encoder.1.b"))), ["tensor `encoder.1.bias`", "found nothing"]),
    ] {
        let error = RollModel::from_bytes(&bytes, Path::new("bad.safetensors")).expect_err(parts[0]).to_string();
        assert!(error.starts_with("bad.safetensors: ") && parts.iter().all(|part| error.contains(part)), "{error}");
    }
    let config = || RollModelConfig::new(lstm(1, 4));
    let mut tensors: BTreeMap<String, Vec<f32>> =
        config().tensors().into_iter().map(|tensor| (tensor.name, vec![0.0; tensor.shape.iter().product()])).collect();
    tensors.get_mut("out.bias").expect("a tensor")[7] = f32::NAN;
    let error = RollModel::new(config(), tensors, Path::new("nan")).expect_err("NaN").to_string();
    assert!(error.contains("`out.bias`: expected finite numbers, found NaN at element 7"), "{error}");
    let huge = RollModelConfig::new(lstm(16, 8192)).tensors();
    assert!(huge.len() > 16, "only their shapes");
    let error = RollModel::new(RollModelConfig::new(lstm(16, 8192)), BTreeMap::new(), Path::new("huge"));
    assert!(matches!(error, Err(ModelError::Field { field: "network", .. })), "{error:?}");
}

#[test]
fn sound_and_notes_are_not_taken_for_each_other() {
    let notes = ModelData::from_bytes(&small(true).to_bytes(), Path::new("notes.safetensors")).expect_err("notes");
    let said = notes.to_string();
    assert!(
        said.starts_with("notes.safetensors: expected a model of sound, found one of notes (approach roll)"),
        "{said}"
    );
    let config = ModelConfig::new(Approach::Sample, Cell::Gru, 1, 3, 8000);
    let tensors = config.tensors().into_iter().map(|tensor| (tensor.name, vec![0.0; tensor.shape.iter().product()]));
    let sound = ModelData::new(config.clone(), tensors.collect(), Path::new("sound")).expect("a sound model");
    let error =
        RollModel::from_bytes(&sound.to_bytes(), Path::new("sound.safetensors")).expect_err("sound").to_string();
    assert!(
        error.starts_with(
            "sound.safetensors: expected a model of notes (approach roll), found one of sound (approach sample)"
        ),
        "{error}"
    );
}
