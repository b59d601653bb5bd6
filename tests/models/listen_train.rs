//! Training of listening models, as a library and on the command line.
#![cfg(all(feature = "cli", feature = "train"))]

use crate::common::{phrase, program::Desk};
use std::{fs, ops::ControlFlow, path::PathBuf};
use sympathy::{
    model::ModelData,
    train::{
        RunFiles,
        listen::{ListenConfig, ListenMaterial, ListenProgress, train},
        run::journal::JournalFile,
    },
};

const CONFIG: &str = r#"{
    "name": "Small", "licence": "CC0", "sample_rate_hz": 8000,
    "files": [{"path": "takes", "transpositions": [0, 2], "hold_out_every": 4}, {"path": "mor[e-f].wav", "weight": 2}],
    "approach": {
        "kind": "listening", "window": 256, "hop": 64, "lowest_hz": 100, "bins": 24, "bins_per_octave": 12,
        "band_edges_hz": [250, 400, 600], "key_size": 8, "recall_skip": 3
    },
    "hidden": 24, "head": {"levels": 16, "hidden": 12, "band_hidden": 10},
    "streams": 4, "bptt": 12, "bin_frames": 20, "recall_frames": 30, "tilt_db": 2, "lr": 0.01, "lr_rise_steps": 3,
    "max_steps": 150, "validation_steps": 50, "validation_frames": 24
}"#;

fn desk() -> Desk {
    let desk = Desk::new();
    fs::create_dir(desk.path("takes")).unwrap();
    let sound = phrase(8000, 8.0, 1);
    for (index, name) in ["a", "b~1", "b~2", "c", "d"].iter().enumerate() {
        let part = sound[0][index * 8000..][..16_000].to_vec();
        desk.write_wav(&format!("takes/{name}.wav"), 8000, &[part]);
    }
    desk.write_wav("more.wav", 11_025, &phrase(11_025, 1.5, 2));
    fs::write(desk.path("config.json"), CONFIG).unwrap();
    desk
}

fn config(overrides: &[&str]) -> ListenConfig {
    let fields = serde_json::from_str(CONFIG).expect("an object");
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    ListenConfig::from_fields(fields, &overrides).expect("a good configuration")
}

fn material(config: &ListenConfig, desk: &Desk) -> ListenMaterial {
    ListenMaterial::read(config, &desk.path(""), None, |_, _| ControlFlow::Continue(())).expect("good material")
}

#[test]
fn a_folder_of_plucked_notes_is_learned_and_told_of() {
    let desk = desk();
    let run = desk.run("train config.json --out small.safetensors --threads 2");
    assert_eq!(run.code, Some(0), "{run:?}");
    for part in ["finished after 150 steps", "in 7 pieces", "in 4 held out", "report.html"] {
        assert!(run.stderr.contains(part), "{part}: {run:?}");
    }
    let journal = JournalFile::read(&desk.path("small.run/journal.jsonl")).expect("a journal");
    let mean = |steps: std::ops::Range<usize>| {
        let length = steps.len() as f32;
        journal.steps[steps].iter().map(|step| step.loss).sum::<f32>() / length
    };
    let (first, last) = (mean(0..3), mean(140..150));
    assert!((2.6..2.9).contains(&first), "ln 16 = 2.77, found {first}");
    assert!(last < 0.75 * first, "{last} after {first}");
    assert_eq!(journal.epochs.len(), 3);
    let tested = |index: usize| journal.epochs[index].validation.expect("held-out pieces").loss;
    assert!(tested(2) < tested(0) && tested(0) < 2.77, "{} after {}", tested(2), tested(0));

    let model = ModelData::read(&desk.path("small.safetensors")).expect("a good model");
    let training = &model.config().training;
    assert_eq!(training.material, ["takes (5 recordings)", "mor[e-f].wav"]);
    assert_eq!((&training.licence[..], training.validation_loss), ("CC0", Some(tested(2))));
    assert_eq!(training.hyperparameters["steps"], 150);
    assert_eq!(model.config().temperature, 0.75);
    assert_eq!(model.config().warmup_speed, model.config().conservative_warmup_speed());

    // Another training of the same material begins in no time, and goes on where the first one ended.
    let run = desk.run("train more.wav --from small.safetensors --out mine.safetensors --set max_steps=2");
    assert_eq!(run.code, Some(0), "{run:?}");
    let journal = JournalFile::read(&desk.path("mine.run/journal.jsonl")).expect("a journal");
    assert!(journal.steps[0].loss < 0.85 * first, "{}", journal.steps[0].loss);
    let mine = ModelData::read(&desk.path("mine.safetensors")).expect("a good model");
    assert_eq!(mine.config().approach, model.config().approach);
    assert_eq!((&mine.config().name[..], mine.config().hidden), ("more", 24));
    assert_eq!(mine.config().training.hyperparameters["lr"], 3e-4);
    let transpositions = &mine.config().training.hyperparameters["files"][0]["transpositions"];
    assert_eq!(transpositions.as_array().map(Vec::len), Some(7));
}

#[test]
fn neither_a_stop_nor_the_number_of_threads_changes_a_bit() {
    let desk = desk();
    let config = config(&["max_steps=40", "validation_steps=15"]);
    let material = material(&config, &desk);
    let pool = |threads: usize| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    let whole = pool(1).install(|| {
        let mut steps = 0;
        let mut count = |_: &ListenProgress| {
            steps += 1;
            ControlFlow::Continue(())
        };
        train(&config, &material, None, None, &mut count).expect("a training").model.to_bytes()
    });
    let files = RunFiles { checkpoint: desk.path("stopped.checkpoint"), resume: true, folder: Some(desk.path("run")) };
    for stop in [1, 16, 17, 39, 40] {
        let mut until = |progress: &ListenProgress| match progress.step == stop {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let trained =
            pool(2).install(|| train(&config, &material, None, Some(&files), &mut until)).expect("a training");
        assert_eq!(trained.steps, stop);
        assert_eq!(trained.model.to_bytes() == whole, stop == 40, "stopped at {stop}");
    }
    assert_eq!(JournalFile::read(&desk.path("run/journal.jsonl")).expect("a journal").steps.len(), 40);
    // What it was trained on, and how, is held on to.
    let go_on = |config: &ListenConfig, material: &ListenMaterial| {
        let mut on = |_: &ListenProgress| ControlFlow::Continue(());
        train(config, material, None, Some(&files), &mut on).map(|trained| trained.steps).map_err(|e| e.to_string())
    };
    let longer = ListenConfig { max_steps: Some(41), ..config.clone() };
    assert_eq!(go_on(&longer, &material), Ok(41));
    let error = go_on(&ListenConfig { lr: 0.5, ..config.clone() }, &material).expect_err("another rate");
    assert!(error.contains("lr = 0.5") && error.contains("lr = 0.01"), "{error}");
    let other = ListenConfig { cut_silence_s: None, files: config.files[..1].to_vec(), ..config.clone() };
    let other = self::material(&other, &desk);
    let error = go_on(&config, &other).expect_err("other material");
    assert!(error.contains("other material"), "{error}");
}

#[test]
fn frames_are_kept_and_damaged_ones_made_anew() {
    let desk = desk();
    let run = |out: &str| {
        let run =
            desk.run(&format!("train config.json --out {out} --no-run --set max_steps=3 --overwrite --cache kept"));
        assert_eq!(run.code, Some(0), "{run:?}");
        fs::read(desk.path(out)).unwrap()
    };
    let first = run("first.safetensors");
    let entries: Vec<PathBuf> =
        fs::read_dir(desk.path("kept")).unwrap().map(|entry| entry.expect("an entry").path()).collect();
    assert_eq!(entries.len(), 11);
    let contents: Vec<Vec<u8>> = entries.iter().map(|path| fs::read(path).unwrap()).collect();
    // Every entry holds what another one held: were they not read, nothing would change.
    for (path, other) in entries.iter().zip(contents.iter().cycle().skip(1)) {
        fs::write(path, other).unwrap();
    }
    assert!(run("swapped.safetensors") != first);
    for (index, (path, content)) in entries.iter().zip(&contents).enumerate() {
        match index % 3 {
            0 => fs::write(path, &content[..content.len() / 2]).unwrap(),
            1 => fs::remove_file(path).unwrap(),
            _ => fs::write(path, [&content[..40], &[content[40] ^ 1], &content[41..]].concat()).unwrap(),
        }
    }
    assert!(run("again.safetensors") == first);
    for (path, content) in entries.iter().zip(&contents) {
        assert!(fs::read(path).unwrap() == *content, "{}", path.display());
    }
}

#[test]
fn bad_configurations_and_material_are_told_in_a_line_each() {
    let desk = desk();
    desk.write_wav("silent.wav", 8000, &[vec![0.0; 16_000]]);
    desk.write_wav("short.wav", 8000, &[vec![0.1; 500]]);
    fs::create_dir(desk.path("empty")).unwrap();
    fs::write(desk.path("broken.wav"), b"RIFF").unwrap();
    let cases = [
        ("hiden=3", "did you mean hidden?"),
        ("approach.bin=3", "did you mean bins?"),
        ("head.kind=mixture", "autoregressive"),
        ("head=7", "head"),
        ("lr=fast", "lr"),
        ("lr=1e999", "lr"),
        ("approach.bins=100000", "approach.bins: expected 16 to 1024, found 100000"),
        ("approach.hop=0", "approach.hop"),
        ("approach.band_edges_hz=[3,2,1]", "band_edges_hz"),
        ("approach.band_edges_hz=[3,2]", "approach"),
        ("sample_rate_hz=400000000", "sample_rate_hz: expected 4000 to 192000"),
        ("streams=1000000000000", "streams"),
        ("bptt=0", "bptt"),
        ("bin_frames=49", "bin_frames: expected 1 to 48"),
        ("gain_db=[3,-3]", "gain_db"),
        ("max_steps=null", "max_steps: expected a number, or max_minutes, found neither"),
        ("files=[]", "files: expected at least one recording or folder"),
        (r#"files=[{"path":"takes","transpositions":[]}]"#, "files[0].transpositions"),
        (r#"files=[{"path":"takes","transpositions":[99]}]"#, "files[0].transpositions: expected -24 to 24"),
        (r#"files=[{"path":"takes","weight":-1}]"#, "files[0].weight"),
        (r#"files=[{"path":"takes","weigth":1}]"#, "weigth"),
        (r#"files=[{"path":"takes","hold_out_every":1}]"#, "files[0].hold_out_every"),
        (r#"files=[{"path":"nowhere*"}]"#, "none at"),
        (r#"files=[{"path":"empty"}]"#, "files[0].path to name recordings"),
        (r#"files=[{"path":"broken.wav"}]"#, "broken.wav"),
        (r#"files=[{"path":"config.json"}]"#, "config.json"),
        (r#"files=[{"path":"silent.wav"},{"path":"short.wav"}]"#, "expected recordings of at least"),
        (r#"files=[{"path":"more.wav","start_s":100}]"#, "start_s"),
    ];
    for (change, expected) in cases {
        let run = desk.run(&format!("train config.json --out bad.safetensors --no-run --set {change}"));
        assert_eq!(run.code, Some(1), "{change}: {run:?}");
        assert!(run.stderr.contains(expected), "{change}: {}", run.stderr);
        assert!(!run.stderr.contains("panicked"), "{change}: {}", run.stderr);
    }
    assert!(!desk.path("bad.safetensors").exists() && !desk.path("bad.checkpoint").exists());
    for (arguments, expected) in [
        (
            "train more.wav --from electric-guitar-magnitude --preset listening --out bad.safetensors",
            "a listening model",
        ),
        ("train more.wav --preset listenin --out bad.safetensors", "listening, personal"),
        ("configure out.json --preset listening --file more.wav --yes", "sympathy train FOLDER --preset"),
    ] {
        let run = desk.run(arguments);
        assert!(run.code == Some(1) && run.stderr.contains(expected), "{arguments}: {run:?}");
    }
}
