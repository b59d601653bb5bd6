//! Faults of hosts and machines, and what comes of them: every call ends soon, the wet comes back, nothing begins unasked.
#![allow(missing_docs, reason = "test code")]

mod common;

use common::{
    drive::{Blocks, Change, config, drain, playing, run},
    models, phrase,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use sympathy::{
    control::ParamId,
    dsp::{level::rms, random::Random},
    engine::{EngineConfig, RenderMode},
    nn::Isa,
    session,
    worker::ModelRegistry,
};

#[test]
fn jumps_with_every_block_keep_nobody_waiting_and_the_wet_comes_back() {
    const BLOCK: usize = 512;
    let registry = models::registry();
    for mode in [RenderMode::Offline, RenderMode::Live] {
        let mut config = EngineConfig { mode, ..config(48_000, 2, 64) };
        config.values.set(ParamId::Mix, 100.0);
        let (mut engine, worker) = session::start(config, Arc::clone(&registry));
        let _thread = worker.spawn();
        let input = phrase(48_000, 12.0, 2);
        let mut random = Random::new(3);
        let mut longest = Duration::ZERO;
        let mut position = 0;
        let mut heard = Vec::new();
        for (number, start) in (0..input[0].len() - BLOCK).step_by(BLOCK).enumerate() {
            // Four seconds of jumps, then the song goes on.
            position = if number < 375 { i64::from(random.below(1 << 24)) } else { position + BLOCK as i64 };
            let mut audio: Vec<Vec<f32>> = input.iter().map(|channel| channel[start..start + BLOCK].to_vec()).collect();
            let mut block: Vec<&mut [f32]> = audio.iter_mut().map(Vec::as_mut_slice).collect();
            let began = Instant::now();
            engine.process(&mut block, &[], playing(position));
            longest = longest.max(began.elapsed());
            heard.extend_from_slice(&audio[0]);
        }
        let meters = engine.meters();
        assert!(longest < Duration::from_secs(3), "{mode:?}: a call of {longest:?}");
        assert!(!meters.is_failed(), "{mode:?}: given up");
        if mode == RenderMode::Offline {
            assert_eq!((meters.late_starts(), meters.underruns()), (0, 0), "a bounce loses nothing");
        }
        assert!(rms(&heard[heard.len() - 48_000..]) > 1e-4, "{mode:?}: silent for good");
    }
}

#[test]
fn a_worker_that_comes_back_after_ten_seconds_is_heard_again() {
    let registry = models::registry();
    let mut config = EngineConfig { mode: RenderMode::Offline, ..config(48_000, 1, 64) };
    config.values.set(ParamId::Mix, 100.0);
    let (mut engine, mut worker) = session::start(config, Arc::clone(&registry));
    let input = phrase(48_000, 4.0, 1);
    let (back, over) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (is_back, is_over) = (Arc::clone(&back), Arc::clone(&over));
    let worked = std::thread::spawn(move || {
        while !is_over.load(Ordering::Relaxed) {
            if !is_back.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(10));
                continue;
            }
            drain(&mut worker);
            std::thread::sleep(Duration::from_micros(200));
        }
    });
    let first = run(&mut engine, &input, &[], None, &Blocks::Fixed(512), |_| {});
    assert!(engine.meters().is_failed(), "nothing came for ten seconds");
    assert_eq!(rms(&first[0]), 0.0);
    back.store(true, Ordering::Relaxed);
    std::thread::sleep(Duration::from_secs(1));
    // As a host does before it bounces once more.
    engine.reset();
    let again = run(&mut engine, &input, &[], None, &Blocks::Fixed(512), |_| {});
    assert!(rms(&again[0][96_000..]) > 1e-4, "silent for good");
    assert!(!engine.meters().is_failed(), "it works again");
    over.store(true, Ordering::Relaxed);
    worked.join().expect("no panic");
}

#[test]
fn what_is_no_number_is_silence_in_the_dry_too_and_no_other_sample_is_touched() {
    let registry = models::registry();
    let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    let clean = phrase(48_000, 2.0, 2);
    let mut broken = clean.clone();
    let places: Vec<usize> = (0..30).map(|i| 3001 + 1000 * i).collect();
    for (i, &at) in places.iter().enumerate() {
        broken[i % 2][at] = odd[i % 3];
    }
    // Subnormal numbers are numbers, and pass bit for bit.
    broken[0][77] = f32::from_bits(3);
    for (mix, bypass) in [(0.0, 0.0), (50.0, 0.0), (50.0, 1.0), (100.0, 0.0)] {
        let mut config = config(48_000, 2, 64);
        config.values.set(ParamId::Mix, mix);
        config.values.set(ParamId::Bypass, bypass);
        let (mut engine, mut worker) = session::start(config, Arc::clone(&registry));
        let out = run(&mut engine, &broken, &[], None, &Blocks::Fixed(240), |_| drain(&mut worker));
        assert!(out.iter().flatten().all(|x| x.is_finite()), "mix {mix}");
        assert_eq!(engine.meters().nonfinite_inputs(), 30);
        if mix == 0.0 || bypass == 1.0 {
            for (channel, (out, dry)) in out.iter().zip(&broken).enumerate() {
                for (at, (out, dry)) in out.iter().zip(dry).enumerate() {
                    let expected = if dry.is_finite() { *dry } else { 0.0 };
                    assert_eq!(out.to_bits(), expected.to_bits(), "channel {channel}, sample {at}");
                }
            }
        }
    }
}

/// As by a laptop that is closed: eleven seconds pass in which neither thread runs.
#[cfg(all(unix, feature = "cli"))]
#[test]
fn a_bounce_that_is_suspended_goes_on_where_it_was() {
    use rustix::process::{Pid, Signal, kill_process};
    let desk = common::program::Desk::new();
    desk.write_wav(
        "in.wav",
        48_000,
        &phrase(48_000, 20.0, 2).iter().map(|channel| channel.repeat(9)).collect::<Vec<_>>(),
    );
    let options = "--model model.safetensors --set seed_length=0.4 --seconds-after 0";
    desk.succeed(&format!("render in.wav whole.wav {options}"));
    let mut program = desk.start(&format!("render in.wav suspended.wav {options}"));
    let pid = Pid::from_child(&program);
    std::thread::sleep(Duration::from_millis(400));
    assert!(program.try_wait().expect("it runs").is_none(), "it is over before it could be suspended");
    kill_process(pid, Signal::STOP).expect("it lives");
    std::thread::sleep(Duration::from_secs(11));
    kill_process(pid, Signal::CONT).expect("it lives");
    assert!(program.wait().expect("it ends").success());
    let bytes = |name| std::fs::read(desk.path(name)).expect("it was written");
    assert!(bytes("whole.wav") == bytes("suspended.wav"), "other bits");
}

#[test]
fn a_worker_that_was_kept_from_working_begins_nothing_that_nobody_asked_for() {
    let registry = models::registry();
    for overflow in [false, true] {
        let mut config = config(48_000, 1, 64);
        for (id, value) in [(ParamId::Mix, 100.0), (ParamId::AutoStart, 0.0), (ParamId::ReseedInterval, 0.0)] {
            config.values.set(id, value);
        }
        let (mut engine, mut worker) = session::start(config, Arc::clone(&registry));
        let input = phrase(48_000, 8.0, 1);
        let mut done = 0;
        // 0.8 s without a processor, or longer than the rings hold.
        let end = if overflow { 240_000 } else { 86_400 };
        let out = run(&mut engine, &input, &[], None, &Blocks::Fixed(240), |samples| {
            done += samples;
            if !(48_000..end).contains(&done) {
                drain(&mut worker);
            }
        });
        assert!(engine.meters().late_starts() > 0, "it was late");
        assert_eq!(rms(&out[0]), 0.0, "overflow {overflow}: who asked for it?");
    }
}

#[test]
fn stop_ends_what_a_late_worker_would_go_on_with() {
    let registry = models::registry();
    let mut config = config(48_000, 1, 64);
    for (id, value) in [(ParamId::Mix, 100.0), (ParamId::AutoStart, 0.0), (ParamId::ReseedInterval, 0.0)] {
        config.values.set(id, value);
    }
    let press = |at, id, value| Change { at, id, value };
    // It plays; the worker is gone from 1.5 s on, and meanwhile Stop is held for a moment.
    let changes =
        [press(40_000, ParamId::Continue, 1.0), press(90_000, ParamId::Stop, 1.0), press(95_000, ParamId::Stop, 0.0)];
    let input = phrase(48_000, 9.0, 1);
    for end in [108_000, 240_000] {
        let (mut engine, mut worker) = session::start(config.clone(), Arc::clone(&registry));
        let mut done = 0;
        let out = run(&mut engine, &input, &changes, None, &Blocks::Fixed(240), |samples| {
            done += samples;
            if !(72_000..end).contains(&done) {
                drain(&mut worker);
            }
        });
        assert!(rms(&out[0][60_000..70_000]) > 1e-4, "it played");
        assert!(engine.meters().late_starts() > 0, "it was late");
        assert_eq!(rms(&out[0][96_000..]), 0.0, "back at sample {end}: it had been stopped");
    }
}

#[test]
fn a_model_of_ones_own_is_there_before_the_first_block() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("mine.safetensors");
    let (_, _, data) = models::all_kinds().swap_remove(0);
    data.write(&path).expect("space");
    let registry = ModelRegistry::with_embedded(Isa::best());
    registry.set_file(70, path.clone());
    registry.set_file(71, path);
    let mut config = config(48_000, 1, 70);
    config.values.set(ParamId::MorphModel, 71.0);
    let (_engine, worker) = session::start(config, Arc::clone(&registry));
    let _thread = worker.spawn();
    assert!(registry.get(70).is_some(), "the model");
    assert!(registry.get(71).is_some(), "and the one to morph to");
}
