//! Frames per second of a training: forward, backward and update, on random sound.
//!
//! `cargo bench --bench training -- [--json] [--config B|C] [--threads N] [--steps N]`; `benches/training.py` sets it beside PyTorch.
//! A frame is one step of one stream. Batches are 32 streams of 64 steps, the loss is the squared error, the optimiser Adam:
//!
//! | config | network |
//! |---|---|
//! | B | LSTM 128 → 256, dense 128 |
//! | C | LSTM 513 → 512 → 512, dense 513 |
//!
//! `-- --sweep N`: what the folder of a sweep of N trainings that do nothing costs, whoever runs them.
#![allow(missing_docs, reason = "a program")]

use std::{fs, ops::ControlFlow, time::Instant};
use sympathy::{
    dsp::random::Random,
    hyperparameters::TrainConfig,
    sweep::{Done, Folder, Outcome, Plan, Table, page},
    train::{Dataset, Progress, train},
};

const STREAMS: usize = 32;
const STEPS: usize = 64;
/// Untimed steps at the beginning.
const WARM_UP: usize = 3;

struct Options {
    json: bool,
    config: Option<String>,
    threads: Option<usize>,
    steps: usize,
}

fn main() {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--sweep").skip(1);
    if let Some(count) = arguments.next().and_then(|count| count.parse().ok()) {
        sweep(count);
        return;
    }
    let options = options();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 22_050,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut file = hound::WavWriter::create(folder.path().join("noise.wav"), spec).expect("a new file");
    let mut random = Random::new(1);
    (0..30 * 22_050).for_each(|_| file.write_sample(0.1 * random.normal()).expect("space"));
    file.finalize().expect("space");

    let configs = [
        ("B", r#""approach": {"kind": "vector", "seg_len": 128, "overlap": 0}, "hidden": 256, "layers": 1"#),
        (
            "C",
            r#""approach": {"kind": "magnitude", "window": 1024, "hop": 256, "sharpen": 1}, "hidden": 512, "layers": 2"#,
        ),
    ];
    for (name, network) in configs {
        if options.config.as_deref().is_some_and(|asked| asked != name) {
            continue;
        }
        let json = format!(
            r#"{{"files": [{{"path": "noise.wav"}}], {network}, "principal_components": 0, "head": {{"kind": "mse"}}, "input_noise": 0,
                "streams": {STREAMS}, "bptt": {STEPS}, "clip_norm": null, "max_minutes": null, "epochs": 1000000,
                "trim_silence_db": null}}"#
        );
        let config = TrainConfig::from_json(&json, &[]).expect("a good configuration");
        let data = Dataset::read(&config, folder.path()).expect("good material");
        for threads in options.threads.map_or(vec![1, 2], |threads| vec![threads]) {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            let rate = pool.install(|| frames_per_second(&config, &data, options.steps));
            match options.json {
                true => println!(r#"{{"config": "{name}", "threads": {threads}, "frames_per_second": {rate:.0}}}"#),
                false => println!("{name}, {threads} threads: {rate:.0} frames a second"),
            }
        }
    }
}

/// Of the median step.
fn frames_per_second(config: &TrainConfig, data: &Dataset, steps: usize) -> f64 {
    let (mut seconds, mut last, mut losses) = (Vec::new(), Instant::now(), Vec::new());
    let trained = train(config, data, None, &mut |progress: &Progress| {
        let now = Instant::now();
        seconds.push((now - last).as_secs_f64());
        losses.push(progress.loss);
        last = now;
        if seconds.len() < steps + WARM_UP { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    trained.expect("a good training");
    assert!(steps < 10 || losses.last() < losses.first(), "the training learns nothing: {losses:?}");
    let timed = &mut seconds[WARM_UP..];
    timed.sort_by(f64::total_cmp);
    (STREAMS * STEPS) as f64 / timed[timed.len() / 2]
}

fn options() -> Options {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        arguments.get(place + 1).cloned()
    };
    let number = |name: &str| value(name).map(|text| text.parse().expect("a whole number"));
    Options {
        json: arguments.iter().any(|argument| argument == "--json"),
        config: value("--config"),
        threads: number("--threads"),
        steps: number("--steps").unwrap_or(20),
    }
}

/// A configuration is about so long.
const CONFIG_BYTES: usize = 3000;

/// Makes a folder of so many trainings, lets a worker end each as its task would, and collects.
fn sweep(count: usize) {
    let home = tempfile::tempdir().expect("a temporary folder");
    let plan = format!(r#"{{"vary": {{"lr": {{"from": 0.0, "to": 1.0, "count": {count}}}}}, "run": false}}"#);
    let plan = Plan::read(&plan).unwrap_or_else(|problems| panic!("{problems:?}"));
    let timed = |what: &str, work: &mut dyn FnMut()| {
        let began = Instant::now();
        work();
        let seconds = began.elapsed().as_secs_f64();
        println!("{what:44} {seconds:8.2} s, {:7.1} us a training", 1e6 * seconds / count as f64);
    };
    let config = "x".repeat(CONFIG_BYTES);
    timed("the folder, with a configuration each", &mut || {
        Folder::create(home.path(), plan.clone(), |folder, training| {
            fs::write(folder.place(training.number).join("config.json"), &config).expect("space");
            Ok(())
        })
        .expect("a folder");
    });
    let folder = Folder::open(home.path()).expect("the folder");
    assert_eq!(folder.trainings().len(), count);
    let mut random = Random::new(1);
    timed("tasks: opening the folder alone", &mut || {
        // A task reads the whole list to find its training.
        (0..20).for_each(|_| assert_eq!(Folder::open(home.path()).expect("the folder").trainings().len(), count));
    });
    timed("tasks: a claim and a result", &mut || {
        for training in folder.trainings() {
            let claim = folder.claim(training.number).expect("a folder").expect("it is free");
            let figures = ["validation_loss", "training_loss", "artifacts", "resemblance", "listening", "steps"];
            let figures = figures.map(|name| (name.to_string(), f64::from(random.uniform())));
            claim.end(&Done::Well(Outcome { figures: figures.into(), ..Outcome::default() })).expect("space");
        }
    });
    let mut table = Table::default();
    timed("status: the state of each", &mut || table = Table::of(&folder).expect("results"));
    assert_eq!(table.count("done"), count);
    timed("CSV", &mut || assert_eq!(table.csv().lines().count(), count + 1));
    timed("JSON", &mut || assert_eq!(table.json(&folder)["trainings"].as_array().map(Vec::len), Some(count)));
    let mut html = String::new();
    timed("the page", &mut || {
        html = page(&folder, &table, Some("validation_loss"), Vec::new(), &|_| String::new()).expect("a page");
    });
    let files = fs::read_dir(folder.place(1)).expect("a folder").count();
    println!("{files} files and a folder each; a page of {:.1} MB", html.len() as f64 / 1e6);
}
