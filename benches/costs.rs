//! What a block costs on the audio thread, what a model costs on the worker, and how the LSTM step compares with candle's.
//!
//! `cargo bench`. Every part asserts that it computes something before it is timed.
#![allow(missing_docs, reason = "a program")]

use candle_core::{DType, Device, Tensor};
use candle_nn::{LSTMConfig, RNN, VarBuilder, rnn::LSTMState};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};
use sympathy::{
    dsp::{level::rms, random::Random},
    engine::{EngineConfig, ParamId, Transport},
    model::EMBEDDED,
    nn::{CellKind, Isa, LayerWeights, Precision, Stack, StackShape},
    worker::{self, ModelBank},
};

fn main() {
    let isa = Isa::from_environment();
    println!("instruction set: {}", isa.name());
    lstm_step(isa);
    for model in EMBEDDED {
        engine(model.slot, model.name, isa);
    }
    idle(isa);
}

/// What a live worker takes while nothing is heard: blocks of silence, paced as a sound card does.
fn idle(isa: Isa) {
    const SECONDS: f64 = 5.0;
    let (mut engine, worker) = worker::start(EngineConfig::new(48_000), ModelBank::with_embedded(isa));
    let _thread = worker.spawn();
    let mut run = |seconds: f64| {
        for _ in 0..(seconds * 100.0) as usize {
            let (mut left, mut right) = ([0.0; 480], [0.0; 480]);
            engine.process(&mut [&mut left, &mut right], &[], Transport::default());
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    run(0.5);
    let (before, began) = (worker_nanoseconds(), Instant::now());
    run(SECONDS);
    if let (Some(before), Some(after)) = (before, worker_nanoseconds()) {
        let part = (after - before) as f64 / began.elapsed().as_nanos() as f64;
        println!("idle worker, silence at 48 kHz: {:.2} % of a core", 100.0 * part);
    }
}

/// Processor time of the worker thread, where the system tells (Linux).
fn worker_nanoseconds() -> Option<u64> {
    let tasks = std::fs::read_dir("/proc/self/task").ok()?;
    let worker = tasks.flatten().find(|task| {
        // The kernel keeps the first 15 characters of a thread's name.
        std::fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.starts_with("sympathy-worker"))
    })?;
    std::fs::read_to_string(worker.path().join("schedstat")).ok()?.split(' ').next()?.parse().ok()
}

fn percentiles(mut times_us: Vec<f64>) -> String {
    times_us.sort_by(f64::total_cmp);
    let at = |part: f64| times_us[((times_us.len() - 1) as f64 * part) as usize];
    format!("p50 {:.2} us, p99 {:.2} us, max {:.1} us", at(0.5), at(0.99), at(1.0))
}

/// An engine at 48 kHz in blocks of 64, its worker stepped in between: both sides are timed for themselves.
fn engine(slot: u8, name: &str, isa: Isa) {
    const RATE: u32 = 48_000;
    let bank = ModelBank::with_embedded(isa);
    let began = Instant::now();
    bank.load(slot).expect("an embedded model is sound");
    let load_ms = began.elapsed().as_secs_f64() * 1e3;
    let mut config = EngineConfig::new(RATE);
    config.values.set(ParamId::Model, f32::from(slot));
    let (mut engine, mut worker) = worker::start(config, bank);
    let mut random = Random::new(1);
    let (mut audio_us, mut worker_seconds) = (Vec::new(), 0.0);
    let mut heard = 0.0f32;
    let blocks = 20 * RATE as usize / 64;
    for block in 0..blocks {
        let mut left: Vec<f32> =
            (0..64).map(|i| 0.2 * libm::sinf((block * 64 + i) as f32 * 0.03) + 0.01 * random.normal()).collect();
        let mut right = left.clone();
        let dry = left.clone();
        let began = Instant::now();
        engine.process(&mut [&mut left, &mut right], &[], Transport::default());
        audio_us.push(began.elapsed().as_secs_f64() * 1e6);
        heard = heard.max(rms(&left.iter().zip(&dry).map(|(out, dry)| out - dry).collect::<Vec<_>>()));
        let began = Instant::now();
        while worker.run_once() {}
        worker_seconds += began.elapsed().as_secs_f64();
    }
    assert!(heard > 1e-3 && engine.meters().underruns() == 0, "{name}: nothing was played");
    println!("{name}: loaded in {load_ms:.1} ms");
    println!("  audio thread, 64 samples stereo at 48 kHz: {}", percentiles(audio_us));
    println!("  worker, seeds and warm-ups included: {:.0} x real time", 20.0 / worker_seconds);
}

/// One step of a 64 -> 256 LSTM against candle-nn's, interleaved in the same run.
fn lstm_step(isa: Isa) {
    const INPUTS: usize = 64;
    const HIDDEN: usize = 256;
    let mut random = Random::new(2);
    let mut draw = |n: usize| (0..n).map(|_| 0.06 * random.normal()).collect::<Vec<f32>>();
    let (weight_ih, weight_hh) = (draw(4 * HIDDEN * INPUTS), draw(4 * HIDDEN * HIDDEN));
    let (bias_ih, bias_hh, x) = (draw(4 * HIDDEN), draw(4 * HIDDEN), draw(INPUTS));
    let layer = LayerWeights {
        weight_ih: &weight_ih,
        weight_hh: &weight_hh,
        bias_ih: &bias_ih,
        bias_hh: &bias_hh,
        peepholes: None,
    };
    let shape = StackShape { cell: CellKind::Lstm, inputs: INPUTS, hidden: HIDDEN, residual: false };
    let stack = Stack::new(shape, &[layer], Precision::F32, isa);
    let tensor =
        |values: &[f32], shape: &[usize]| Tensor::from_slice(values, shape, &Device::Cpu).expect("the shape fits");
    let tensors = HashMap::from([
        ("weight_ih_l0".to_string(), tensor(&weight_ih, &[4 * HIDDEN, INPUTS])),
        ("weight_hh_l0".to_string(), tensor(&weight_hh, &[4 * HIDDEN, HIDDEN])),
        ("bias_ih_l0".to_string(), tensor(&bias_ih, &[4 * HIDDEN])),
        ("bias_hh_l0".to_string(), tensor(&bias_hh, &[4 * HIDDEN])),
    ]);
    let builder = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
    let peer = candle_nn::lstm(INPUTS, HIDDEN, LSTMConfig::default(), builder).expect("the shapes fit");
    let input = tensor(&x, &[1, INPUTS]);
    let mut state = stack.make_state();
    let mut peer_state: LSTMState = peer.zero_state(1).expect("a state");
    let (mut ours_us, mut theirs_us) = (Vec::new(), Vec::new());
    for _ in 0..3000 {
        let began = Instant::now();
        stack.step(&x, &mut state);
        ours_us.push(began.elapsed().as_secs_f64() * 1e6);
        let began = Instant::now();
        peer_state = peer.step(&input, &peer_state).expect("a step");
        theirs_us.push(began.elapsed().as_secs_f64() * 1e6);
    }
    let theirs: Vec<f32> = peer_state.h().flatten_all().and_then(|h| h.to_vec1()).expect("plain numbers");
    let worst = state.output().iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-5, "the peers disagree by {worst}");
    ours_us.sort_by(f64::total_cmp);
    theirs_us.sort_by(f64::total_cmp);
    let ratio = theirs_us[theirs_us.len() / 2] / ours_us[ours_us.len() / 2];
    println!("LSTM step {INPUTS} -> {HIDDEN}: {}", percentiles(ours_us));
    println!("  candle-nn: {} ({ratio:.1} x ours)", percentiles(theirs_us));
}
