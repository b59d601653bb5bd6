//! Training from a recording to a model that sounds, on a tiny configuration.
#![cfg(feature = "train")]

use std::{ops::ControlFlow, path::Path, sync::Arc};
use sympathy::{
    approach::{Network, continue_offline},
    dsp::random::Random,
    model::ModelData,
    nn::Isa,
    train::{Checkpoints, Dataset, TrainConfig, Trained, train},
};

const RATE_HZ: u32 = 8000;

/// Four notes, over and over, with a little noise: predictable, but not by repeating the last frame.
fn melody(seconds: f32) -> Vec<f32> {
    let mut random = Random::new(11);
    (0..(seconds * RATE_HZ as f32) as usize)
        .map(|i| {
            let seconds = i as f32 / RATE_HZ as f32;
            let note = [220.0, 330.0, 440.0, 587.0][(seconds / 0.256) as usize % 4];
            let decay = libm::expf(-6.0 * (seconds % 0.256));
            0.5 * decay * libm::sinf(std::f32::consts::TAU * note * seconds) + 1e-3 * random.normal()
        })
        .collect()
}

fn write_wav(path: &Path, samples: &[f32]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE_HZ,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut writer = hound::WavWriter::create(path, spec).expect("a new file");
    samples.iter().for_each(|&x| writer.write_sample(x).expect("space"));
    writer.finalize().expect("space");
}

const MAGNITUDE: &str = r#"{
    "name": "Melody", "files": [{"path": "melody.wav"}], "sample_rate_hz": 8000, "licence": "CC0-1.0",
    "approach": {"kind": "magnitude", "window": 256, "hop": 128}, "principal_components": 8,
    "head": {"kind": "mixture", "components": 3}, "hidden": 32, "layers": 2, "use_dropout": true, "output_keep": 0.9, "input_noise": 0.05,
    "streams": 4, "bptt": 16, "max_minutes": null, "epochs": 30, "trim_silence_db": null, "lr": 0.005
}"#;

fn prepare(folder: &Path, json: &str) -> (TrainConfig, Dataset) {
    write_wav(&folder.join("melody.wav"), &melody(20.0));
    let config = TrainConfig::from_json(json, &[]).expect("a good configuration");
    let data = Dataset::read(&config, folder).expect("good material");
    (config, data)
}

fn run(config: &TrainConfig, data: &Dataset) -> Trained {
    train(config, data, None, &mut |_| ControlFlow::Continue(())).expect("a good training")
}

#[test]
fn the_loss_falls_and_the_model_sounds() {
    let vector = MAGNITUDE
        .replace(r#""magnitude", "window": 256, "hop": 128"#, r#""vector", "seg_len": 64, "overlap": 16"#)
        .replace(r#"{"kind": "mixture", "components": 3}"#, r#"{"kind": "mse"}"#)
        .replace(r#""principal_components": 8"#, r#""principal_components": 0"#);
    for json in [MAGNITUDE, &vector] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (config, data) = prepare(folder.path(), json);
        let trained = run(&config, &data);
        let training = &trained.model.config().training;
        assert!(
            training.final_loss < data.baseline_loss - 0.3 * data.baseline_loss.abs(),
            "loss {} against {} of repeating the last frame",
            training.final_loss,
            data.baseline_loss
        );
        assert_eq!((training.epochs, &training.licence[..], trained.interrupted), (30, "CC0-1.0", false));
        assert_eq!(training.hyperparameters["hidden"], 32);
        let path = folder.path().join("melody.safetensors");
        trained.model.write(&path).expect("space");
        let model = ModelData::read(&path).expect("a good model");
        assert_eq!(model, trained.model);
        let network = Arc::new(Network::new(&model, Isa::best()));
        let sound = continue_offline(&network, &melody(2.0), 3.0, 1.0, 5);
        let level = sympathy::dsp::level::rms(&sound[sound.len() / 2..]) / model.config().material.rms;
        // A squared error may let the sound fade; a mixture has to keep its level.
        let least = if json == MAGNITUDE { 0.3 } else { 1e-4 };
        assert!((least..3.0).contains(&level), "{:?}: level {level}", config.approach);
    }
}

#[test]
fn a_resumed_training_has_the_bits_of_an_uninterrupted_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut config, data) = prepare(folder.path(), MAGNITUDE);
    config.epochs = Some(3);
    // The schedule depends on the end, so the interruption comes from the observer.
    let whole = run(&config, &data);
    let mut checkpoints = Checkpoints { path: folder.path().join("melody.checkpoint"), resume: false };
    let stopped = train(&config, &data, Some(&checkpoints), &mut |progress| {
        if progress.step == 25 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .expect("a good training");
    assert!(stopped.interrupted && stopped.steps == 25 && stopped.model != whole.model);
    checkpoints.resume = true;
    let resumed =
        train(&config, &data, Some(&checkpoints), &mut |_| ControlFlow::Continue(())).expect("a good training");
    assert_eq!(resumed.steps, whole.steps);
    assert_eq!(resumed.model, whole.model);

    let other = TrainConfig { lr: 0.1, ..config };
    let error = train(&other, &data, Some(&checkpoints), &mut |_| ControlFlow::Continue(()));
    let error = error.expect_err("another configuration").to_string();
    assert!(error.contains("melody.checkpoint") && error.contains("\"lr\":0.1"), "{error}");
}

#[test]
fn a_damaged_checkpoint_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (config, data) = prepare(folder.path(), MAGNITUDE);
    let mut checkpoints = Checkpoints { path: folder.path().join("c"), resume: false };
    train(&config, &data, Some(&checkpoints), &mut |_| ControlFlow::Break(())).expect("one step");
    let bytes = std::fs::read(&checkpoints.path).expect("the checkpoint");
    std::fs::write(&checkpoints.path, &bytes[..bytes.len() - 4]).expect("space");
    checkpoints.resume = true;
    let error = train(&config, &data, Some(&checkpoints), &mut |_| ControlFlow::Continue(()));
    let error = error.expect_err("a checkpoint cut short").to_string();
    assert!(error.contains("safetensors") || error.contains("tensor"), "{error}");
}
