//! An audition is heard beside what the engine plays, and nowhere else.

use crate::{
    common::{
        assert_same_bits,
        drive::{Blocks, config, drain, pace, playing, run},
        models, phrase,
    },
    counting::counted,
};
use std::{cell::RefCell, sync::Arc};
use sympathy::{
    control::ParamId,
    engine::{EngineConfig, Event, RenderMode, SeedMark, Transport, take_link},
    session,
};

/// What an engine plays of two seconds and takes of it, with an audition in the first half second or without; and its seeds.
fn heard(mode: RenderMode, audition: &[f32]) -> (Vec<Vec<f32>>, Vec<f32>, Vec<SeedMark>) {
    let input = phrase(48_000, 2.0, 2);
    let config = EngineConfig { mode, ..config(48_000, 2, 64) };
    let (mut engine, worker) = session::start(config, models::registry());
    let worker = RefCell::new(worker);
    let (tap, mut feed) = take_link(48_000, 512);
    engine.attach_tap(tap);
    let auditioner = engine.auditioner().clone();
    let mut left = audition;
    let mut wet = Vec::new();
    let mut wait = pace(48_000);
    let out = run(&mut engine, &input, &[], Some(0), &Blocks::Fixed(512), |samples| {
        drain(&mut worker.borrow_mut());
        while let Ok(quantum) = feed.from_audio.pop() {
            wet.extend_from_slice(&quantum.wet[0][..quantum.length]);
        }
        if let Some(sent) = auditioner.send(&left[..left.len().min(512)]) {
            left = &left[sent..];
        }
        // A host that ran ahead of the clock would be taken for a bounce.
        if mode == RenderMode::Live {
            wait(samples);
        }
    });
    let meters = Arc::clone(engine.meters());
    assert!(meters.continuations() > 0 && meters.underruns() == 0, "{meters:?}");
    (out, wet, meters.seeds())
}

#[test]
fn it_changes_nothing_that_is_predicted_and_is_in_no_take_and_no_bounce() {
    let tone: Vec<f32> = (0..24_000).map(|i| 0.2 * libm::sinf(0.05 * i as f32)).collect();
    let (without, take, seeds) = heard(RenderMode::Live, &[]);
    let (with, take_with, seeds_with) = heard(RenderMode::Live, &tone);
    let loudest =
        |sound: &[f32], other: &[f32]| sound.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0f32, f32::max);
    assert!(loudest(&with[0][..24_000], &without[0][..24_000]) > 0.15, "it is heard");
    let after = |sound: &[Vec<f32>]| sound.iter().map(|channel| channel[48_000..].to_vec()).collect::<Vec<_>>();
    assert_same_bits(&after(&with), &after(&without), "afterwards");
    assert_same_bits(&[take_with], &[take], "the take");
    assert_eq!(seeds_with, seeds);
    let (bounced, ..) = heard(RenderMode::Offline, &[]);
    let (bounced_with, ..) = heard(RenderMode::Offline, &tone);
    assert_same_bits(&bounced_with, &bounced, "a bounce");
}

#[test]
fn it_ends_with_bypass_with_a_jump_and_with_a_reset_and_nothing_of_it_allocates() {
    let (mut engine, mut worker) = session::start(config(48_000, 2, 64), models::registry());
    let auditioner = engine.auditioner().clone();
    let mut wait = pace(48_000);
    let mut position = 0;
    let mut block = |engine: &mut sympathy::engine::Engine, events: &[Event], transport: Transport| {
        let mut audio = [[0.0f32; 512]; 2];
        let [left, right] = &mut audio;
        let mut channels = [left.as_mut_slice(), right.as_mut_slice()];
        assert_eq!(counted(|| engine.process(&mut channels, events, transport)).0, 0, "allocations and frees");
        drain(&mut worker);
        wait(512);
        audio[0].iter().fold(0.0f32, |peak, x| peak.max(x.abs()))
    };
    let sound = [0.2; 4096];
    // The song's start is a jump, too.
    block(&mut engine, &[], playing(position));
    for how in ["it is left", "bypass", "a jump", "a reset"] {
        engine.adopt(ParamId::Bypass, 0.0);
        auditioner.begin();
        assert_eq!(auditioner.send(&sound), Some(4096), "{how}");
        position += 512;
        assert!(block(&mut engine, &[], playing(position)) > 0.15, "{how}: it is heard");
        position += 512;
        let mut events = Vec::new();
        match how {
            "bypass" => events.push(Event { offset_samples: 0, id: ParamId::Bypass, value: 1.0 }),
            "a jump" => position += 1_000_000,
            "a reset" => assert_eq!(counted(|| engine.reset()).0, 0, "allocations and frees of a reset"),
            _ => {}
        }
        let peak = block(&mut engine, &events, playing(position));
        position += 512;
        let after = block(&mut engine, &[], playing(position));
        if how == "it is left" {
            assert!(peak > 0.15 && after > 0.15, "it goes on");
            // To its end, and the decay behind it.
            for _ in 0..8 {
                position += 512;
                block(&mut engine, &[], playing(position));
            }
        } else {
            assert_eq!(auditioner.send(&sound), None, "{how}: who sends is told");
            assert!(after < 0.05, "{how}: {after} is left");
        }
    }
}
