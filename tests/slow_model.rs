//! A model that is slower than real time: it says so, drops out live without keeping anybody waiting, and bounces whole.
#![allow(missing_docs, reason = "test code")]

mod common;

use common::{
    assert_same_bits,
    drive::{Blocks, config, drain, offline, pace, run},
    models::{self, random_model},
    phrase,
};
use std::sync::Arc;
use sympathy::{
    control::ParamId,
    dsp::level::rms,
    engine::EngineConfig,
    model::{Approach, Head, ModelConfig, ModelData},
    nn::{Isa, Precision},
    session,
    worker::ModelRegistry,
};

const SLOT: u8 = 64;

/// Seven million weights, read for every sample: more than any core's caches deliver in time.
fn slow_model() -> ModelData {
    let mixture = Head::Mixture { components: 2, residual: true };
    let name = "Huge LSTM".into();
    random_model(
        ModelConfig { name, hidden: 768, sample_rate_hz: 44_100, ..models::config(Approach::Sample, mixture, 0) },
        1,
    )
}

fn slow_registry(precision: Option<Precision>) -> Arc<ModelRegistry> {
    let registry = ModelRegistry::with_precision(precision, Isa::best());
    registry.set_bytes(SLOT, "huge".into(), slow_model().to_bytes());
    registry.load(SLOT).expect("a sound model");
    registry
}

/// A short seed, once.
fn sparing(rate: u32) -> EngineConfig {
    let mut config = config(rate, 1, SLOT);
    config.values.set(ParamId::Mix, 100.0);
    config.values.set(ParamId::SeedLength, 0.05);
    config.values.set(ParamId::ReseedInterval, 0.0);
    config
}

#[test]
fn it_is_measured_when_it_is_loaded_and_its_label_says_so() {
    let registry = slow_registry(None);
    let factor = registry.slowness(SLOT).expect("slower than real time");
    assert!(factor > 0.0 && factor < 1.0, "{factor}");
    let label = registry.label(SLOT);
    assert!(label.starts_with("Huge LSTM (slow: 0.") && label.ends_with(" × real time)"), "{label}");
    for (slot, name, data) in models::all_kinds() {
        registry.set_bytes(slot, name.into(), data.to_bytes());
        registry.load(slot).expect("a sound model");
        assert_eq!((registry.slowness(slot), registry.label(slot)), (None, "Test model".into()), "{name}");
    }
}

#[test]
fn live_it_drops_out_and_keeps_nobody_waiting() {
    let registry = slow_registry(None);
    let mut config = sparing(48_000);
    let input = phrase(48_000, 1.5, 1);
    for mix in [100.0, 0.0] {
        config.values.set(ParamId::Mix, mix);
        let (mut engine, worker) = session::start(config.clone(), Arc::clone(&registry));
        let _thread = worker.spawn();
        let out = run(&mut engine, &input, &[], None, &Blocks::Fixed(256), pace(48_000));
        let meters = engine.meters();
        assert_eq!(meters.waits(), 0, "mix {mix}: a live host was kept waiting");
        assert!(meters.underruns() > 0, "mix {mix}: no underrun");
        assert!(!meters.is_failed(), "mix {mix}: slow is not broken");
        assert!(out[0].iter().all(|x| x.is_finite()), "mix {mix}");
        if mix == 0.0 {
            assert_same_bits(&input, &out, "dry");
        }
    }
}

#[test]
fn offline_it_is_waited_for_and_has_the_bits_of_a_worker_that_keeps_up() {
    let registry = slow_registry(Some(Precision::F16));
    let config = sparing(22_050);
    // The first seed is taken at 0.25 s, and heard a reaction time of 50 ms and its warm-up later.
    let input = phrase(22_050, 0.42, 1);
    let bounced = offline(&config, &registry, &input, &[], None, &Blocks::Fixed(512));
    let (mut engine, mut worker) = session::start(config, registry);
    let fast = run(&mut engine, &input, &[], None, &Blocks::Fixed(64), |_| drain(&mut worker));
    assert_same_bits(&bounced, &fast, "a worker without a clock");
    let meters = engine.meters();
    assert_eq!((meters.continuations(), meters.wet_failures()), (1, 0));
    assert!(rms(&bounced[0][8000..]) > 1e-4, "nothing was played");
}
