//! Training from a recording to a model that sounds, on a tiny configuration.
#![cfg(all(feature = "cli", feature = "train"))]

use std::{ops::ControlFlow, path::Path, sync::Arc};
use sympathy::{
    approach::{Network, continue_offline},
    dsp::random::Random,
    hyperparameters::TrainConfig,
    model::ModelData,
    nn::Isa,
    train::{Dataset, Progress, RunFiles, Trained, train},
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
    "approach": {"kind": "magnitude", "window": 256, "hop": 128, "sharpen": 1}, "principal_components": 8,
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
    train(config, data, None, &mut until(u64::MAX)).expect("a good training")
}

#[test]
fn the_loss_falls_and_the_model_sounds() {
    let vector = MAGNITUDE
        .replace(r#""magnitude", "window": 256, "hop": 128, "sharpen": 1"#, r#""vector", "seg_len": 64, "overlap": 16"#)
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

fn files(folder: &Path, resume: bool) -> RunFiles {
    RunFiles { checkpoint: folder.join("melody.checkpoint"), resume, folder: Some(folder.join("melody.run")) }
}

/// Goes on to the end, or until after the given step.
fn until(step: u64) -> impl FnMut(&Progress) -> ControlFlow<()> {
    move |progress| if progress.step >= step { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// The melody's configuration with other fields.
fn changed(changes: &[&str]) -> TrainConfig {
    let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
    TrainConfig::from_json(MAGNITUDE, &changes).unwrap_or_else(|problems| panic!("{problems:?}"))
}

const RAW: [&str; 4] = ["head={\"kind\":\"mse\"}", "principal_components=0", "sampling.seconds=0.2", "hidden=16"];

/// One of everything that changes what a step does.
fn variants() -> Vec<(&'static str, TrainConfig)> {
    let raw = |changes: &[&str]| changed(&[&RAW[..], changes].concat());
    vec![
        ("lstm with peepholes, residual", changed(&["peepholes=true", "use_residual=true"])),
        ("gru with every dropout", changed(&["cell=gru", "input_keep=0.8", "output_keep=0.8", "state_keep=0.8"])),
        ("clockwork", changed(&["cell=clockwork", "clock_groups=4", "optimiser=rmsprop", "momentum=0.5"])),
        ("vanilla, plateau", changed(&["cell=rnn_tanh", "lr_schedule=plateau", "plateau_patience=1"])),
        ("relu, regularised", changed(&["cell=rnn_relu", "regularization=true", "clip_value=0.1"])),
        ("concurrent", changed(&["sampling.mode=concurrent", "sampling.streams=3", "sampling.seconds=0.1"])),
        ("held out", changed(&["validation_split=0.2", "reset_state=true", "offsets=2"])),
        (
            "dissertation's vector",
            raw(&[
                "approach={\"kind\":\"vector\",\"seg_len\":64}",
                "num_unrollings=4",
                "int_cursor_inc=64",
                "ext_cursor_inc=7",
                "bptt=1",
                "streams=1",
            ]),
        ),
        ("column", raw(&["approach={\"kind\":\"column\",\"seg_len\":32}", "num_unrollings=3", "tanh_output=true"])),
        (
            "transpose",
            raw(&["approach={\"kind\":\"transpose\",\"seg_len\":32}", "num_unrollings=5", "int_cursor_inc=8"]),
        ),
        (
            "transpose mixture",
            raw(&[
                "approach={\"kind\":\"transpose\",\"seg_len\":32}",
                "num_unrollings=3",
                "int_cursor_inc=8",
                "head={\"kind\":\"mixture\",\"components\":2}",
            ]),
        ),
        ("column after another sound", raw(&["approach={\"kind\":\"column\",\"seg_len\":32}", "foreign_starts=0.5"])),
        (
            "transpose after another sound",
            raw(&[
                "approach={\"kind\":\"transpose\",\"seg_len\":32}",
                "num_unrollings=5",
                "int_cursor_inc=8",
                "foreign_starts=1",
            ]),
        ),
        (
            "column in a loop after other recordings",
            raw(&[
                "approach={\"kind\":\"column\",\"seg_len\":32}",
                "loop_material=true",
                "foreign_starts=0.75",
                "foreign_files=[{\"path\":\"melody.wav\",\"end_s\":1}]",
                "foreign_steps=40",
                "restart=0.5",
                "input_noise_min=0.01",
                "loss_ceiling=1.5",
                "lr_factors={\"rnn.weight_ih_l0\":0.1}",
                "warmup_speed=3",
                "average_last=0.75",
            ]),
        ),
        (
            "one shot",
            raw(&["approach={\"kind\":\"sample\"}", "one_shot=true", "streams=1", "bptt=500", "optimiser=rprop"]),
        ),
        (
            "vector off the grid",
            raw(&["approach={\"kind\":\"vector\",\"seg_len\":64}", "offsets=3", "restart=0", "streams=2"]),
        ),
        (
            "steps longer than the rows",
            raw(&["approach={\"kind\":\"vector\",\"seg_len\":64}", "ext_cursor_inc=1000", "bptt=1", "restart=0"]),
        ),
        ("sgd", raw(&["approach={\"kind\":\"sample\"}", "scaling=peak", "optimiser=sgd", "momentum=0.9", "lr=0.01"])),
    ]
}

#[test]
fn a_resumed_training_has_the_bits_of_an_uninterrupted_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_wav(&folder.path().join("melody.wav"), &melody(3.0));
    for (name, mut config) in variants() {
        let data = Dataset::read(&config, folder.path()).unwrap_or_else(|error| panic!("{name}: {error}"));
        // The schedule depends on the end, so the interruption comes from the observer.
        let steps = if config.one_shot { 4 } else { 24 };
        config = TrainConfig { epochs: None, max_steps: Some(steps), max_minutes: None, ..config };
        let place = folder.path().join(name);
        std::fs::create_dir(&place).expect("space");
        let whole = train(&config, &data, None, &mut until(u64::MAX)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let stopped =
            train(&config, &data, Some(&files(&place, false)), &mut until(steps / 2)).expect("a good training");
        assert!(stopped.steps == (steps / 2).min(whole.steps) && stopped.interrupted, "{name}: {}", stopped.steps);
        let resumed = train(&config, &data, Some(&files(&place, true)), &mut until(u64::MAX)).expect("a good training");
        assert_eq!(resumed.steps, whole.steps, "{name}");
        assert_eq!(resumed.model, whole.model, "{name}");
        assert!(place.join("melody.run/report.html").exists() && place.join("melody.run/journal.jsonl").exists());
        let samples = std::fs::read_dir(place.join("melody.run/samples")).expect("the folder of outputs").count();
        assert!(samples >= 2, "{name}: {samples} files in the folder of outputs");

        let other = TrainConfig { lr: 0.123, ..config };
        let error = train(&other, &data, Some(&files(&place, true)), &mut until(steps));
        let error = error.expect_err("another configuration").to_string();
        assert!(error.contains("melody.checkpoint") && error.contains("lr = 0.123"), "{error}");
    }
}

#[test]
fn groups_that_never_move_and_advances_beyond_the_end_are_no_trouble_in_two_threads() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_wav(&folder.path().join("melody.wav"), &melody(3.0));
    for config in [
        changed(&["cell=clockwork", "clock_groups=4", "hidden=64", "bptt=1"]),
        changed(&[&RAW[..], &["approach={\"kind\":\"sample\"}", "bptt=1", "ext_cursor_inc=65536"]].concat()),
    ] {
        let data = Dataset::read(&config, folder.path()).expect("good material");
        let run = |threads| {
            let trained =
                sympathy::cli::commands::train::in_threads(threads, || train(&config, &data, None, &mut until(6)));
            trained.expect("a good training").model
        };
        assert_eq!(run(2), run(1));
    }
}

#[test]
fn a_damaged_checkpoint_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (config, data) = prepare(folder.path(), MAGNITUDE);
    let files = |resume| RunFiles { checkpoint: folder.path().join("c"), resume, folder: None };
    train(&config, &data, Some(&files(false)), &mut until(1)).expect("one step");
    let bytes = std::fs::read(folder.path().join("c")).expect("the checkpoint");
    std::fs::write(folder.path().join("c"), &bytes[..bytes.len() - 4]).expect("space");
    let error =
        train(&config, &data, Some(&files(true)), &mut until(2)).expect_err("a checkpoint cut short").to_string();
    assert!(error.contains("safetensors") || error.contains("tensor"), "{error}");
}

#[test]
fn a_run_without_a_checkpoint_yet_begins_anew() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (config, data) = prepare(folder.path(), MAGNITUDE);
    let trained = train(&config, &data, Some(&files(folder.path(), true)), &mut until(2)).expect("a good training");
    assert_eq!(trained.steps, 2);
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (config, data) = prepare(folder.path(), MAGNITUDE);
    // A file where a folder should be, as a full disk would leave nothing else to try portably.
    std::fs::write(folder.path().join("file"), "x").expect("space");
    let checkpoint = folder.path().join("file/melody.checkpoint");
    let files = RunFiles { checkpoint, resume: false, folder: None };
    let error = train(&config, &data, Some(&files), &mut until(1)).expect_err("no such folder").to_string();
    assert!(error.contains("melody.checkpoint"), "{error}");
    let files =
        RunFiles { checkpoint: folder.path().join("c"), resume: false, folder: Some(folder.path().join("file")) };
    let error = train(&config, &data, Some(&files), &mut until(1)).expect_err("no folder").to_string();
    assert!(error.contains("file"), "{error}");
}
