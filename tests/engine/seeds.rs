//! What seeds are made of beside the input: a sidechain, noise, and what was captured.

use crate::common::{
    assert_same_bits,
    drive::{Blocks, Change, config, drain, offline, run},
    models,
};
use std::sync::Arc;
use sympathy::{
    control::ParamId,
    dsp::level::rms,
    engine::{Activity, EngineConfig, Event, Transport},
    session,
    worker::{Clip, ClipSlot},
};

const RATE: u32 = 48_000;
const INPUT: f32 = 0.0;
const SIDECHAIN: f32 = 1.0;
const WHITE: f32 = 2.0;
const PERLIN: f32 = 3.0;
const CAPTURED: f32 = 4.0;

fn at(seconds: f64) -> usize {
    (seconds * f64::from(RATE)).round() as usize
}

/// Only the wet, short seeds, one continuation.
fn seeded_by(source: f32) -> EngineConfig {
    let mut config = config(RATE, 2, 64);
    for (id, value) in
        [(ParamId::Mix, 100.0), (ParamId::ReseedInterval, 0.0), (ParamId::Hold, 61.0), (ParamId::SeedSource, source)]
    {
        config.values.set(id, value);
    }
    config
}

fn tones(seconds: f64, spans: &[(f64, f64)]) -> Vec<Vec<f32>> {
    let tone = |i: usize| 0.2 * libm::sinf(0.03 * i as f32) + 0.1 * libm::sinf(0.071 * i as f32);
    let inside = |i: usize| spans.iter().any(|&(from, to)| (at(from)..at(to)).contains(&i));
    let channel: Vec<f32> = (0..at(seconds)).map(|i| if inside(i) { tone(i) } else { 0.0 }).collect();
    vec![channel.clone(), channel]
}

#[test]
fn noise_seeds_without_any_input() {
    let silence = tones(3.0, &[]);
    let play = |source, random_seed, blocks: &Blocks| {
        let mut config = seeded_by(source);
        config.values.set(ParamId::RandomSeed, random_seed);
        offline(&config, &models::registry(), &silence, &[], Some(0), blocks)
    };
    for source in [WHITE, PERLIN] {
        let out = play(source, 1.0, &Blocks::Fixed(480));
        assert!(rms(&out[0][at(1.0)..]) > 1e-3, "source {source} is silent");
        assert_same_bits(&out, &play(source, 1.0, &Blocks::Random(999)), "in other blocks");
        assert_ne!(out[0], play(source, 2.0, &Blocks::Fixed(480))[0], "another number, another noise");
    }
    assert_ne!(play(WHITE, 1.0, &Blocks::Fixed(480))[0], play(PERLIN, 1.0, &Blocks::Fixed(480))[0]);
    for source in [INPUT, SIDECHAIN, CAPTURED] {
        assert_eq!(rms(&play(source, 1.0, &Blocks::Fixed(480))[0]), 0.0, "source {source} needs a sound");
    }
}

#[test]
fn a_plugin_that_needs_no_input_asks_to_be_kept_alive() {
    for (source, expected) in [(WHITE, Activity::KeepAlive), (INPUT, Activity::Idle)] {
        let (mut engine, _worker) = session::start(seeded_by(source), models::registry());
        let mut silence = vec![vec![0.0; 480]; 2];
        let mut channels: Vec<&mut [f32]> = silence.iter_mut().map(Vec::as_mut_slice).collect();
        let change = [Event { offset_samples: 0, id: ParamId::AutoStart, value: 1.0 }];
        assert_eq!(engine.process(&mut channels, &change, Transport::default()), expected);
    }
}

/// Runs with a sidechain beside the input.
fn with_sidechain(config: &EngineConfig, input: &[Vec<f32>], sidechain: &[Vec<f32>], block: usize) -> Vec<Vec<f32>> {
    let (mut engine, mut worker) = session::start(config.clone(), models::registry());
    let mut audio = input.to_vec();
    for start in (0..audio[0].len()).step_by(block) {
        let end = (start + block).min(audio[0].len());
        let mut channels: Vec<&mut [f32]> = audio.iter_mut().map(|channel| &mut channel[start..end]).collect();
        let beside: Vec<&[f32]> = sidechain.iter().map(|channel| &channel[start..end]).collect();
        engine.process_with_sidechain(&mut channels, &beside, &[], Transport::default());
        drain(&mut worker);
    }
    audio
}

#[test]
fn a_sidechain_is_listened_to_in_place_of_the_input() {
    let (tones, other) = (tones(3.0, &[(0.0, 1.5)]), tones(3.0, &[(2.0, 3.0)]));
    let heard = with_sidechain(&seeded_by(INPUT), &tones, &other, 480);
    assert!(rms(&heard[0]) > 1e-3);
    assert_same_bits(&heard, &with_sidechain(&seeded_by(SIDECHAIN), &other, &tones, 480), "either way round");
    assert_same_bits(
        &heard,
        &with_sidechain(&seeded_by(SIDECHAIN), &other, &tones[..1], 128),
        "one channel is in both",
    );
    let mut half = seeded_by(SIDECHAIN);
    half.values.set(ParamId::Mix, 0.0);
    assert_same_bits(&other, &with_sidechain(&half, &other, &tones, 480), "dry is the input, bit for bit");
    assert_eq!(rms(&with_sidechain(&seeded_by(SIDECHAIN), &tones, &[], 480)[1]), 0.0, "none is silence");
}

fn switch(seconds: f64, id: ParamId) -> [Change; 2] {
    [(seconds, 1.0), (seconds + 0.05, 0.0)].map(|(seconds, value)| Change { at: at(seconds), id, value })
}

#[test]
fn what_is_captured_seeds_again_and_is_the_same_in_a_project_that_is_opened() {
    let mut config = seeded_by(CAPTURED);
    config.values.set(ParamId::AutoStart, 0.0);
    let clip_slot: Arc<ClipSlot> = Arc::default();
    let play = |input: &[Vec<f32>], changes: &[Change], clip_slot: &Arc<ClipSlot>| {
        let (mut engine, mut worker) = session::start_with(config.clone(), models::registry(), Arc::clone(clip_slot));
        let out = run(&mut engine, input, changes, Some(0), &Blocks::Fixed(480), |_| drain(&mut worker));
        (out, engine.meters().continuations())
    };
    let input = tones(5.0, &[(0.0, 1.0)]);
    let mut changes = switch(0.5, ParamId::Continue).to_vec();
    changes.extend(switch(1.0, ParamId::Capture));
    changes.extend(switch(2.0, ParamId::Capture));
    changes.extend(switch(3.0, ParamId::Continue));
    let (out, continuations) = play(&input, &changes, &clip_slot);
    assert_eq!(continuations, 1, "before anything is captured nothing can begin");
    assert_eq!(rms(&out[0][..at(3.0)]), 0.0);
    assert!(rms(&out[0][at(3.2)..]) > 1e-3, "two seconds after the last sound");
    let clip = clip_slot.get().expect("captured");
    assert!((clip.seconds() - 0.4).abs() < 1e-3, "silence has not replaced it: {} s", clip.seconds());

    let (channels, peak) = clip.stored();
    let opened: Arc<ClipSlot> = Arc::default();
    opened.put(Some(Arc::new(Clip::from_stored(clip.sample_rate_hz(), channels, peak))));
    let (again, _) = play(&tones(5.0, &[]), &switch(3.0, ParamId::Continue), &opened);
    assert_same_bits(&out, &again, "from the project that was stored");
}

/// While the input gain moves, the worker knows what was played: its gain is that of every sample, not of every 64.
#[test]
fn what_is_captured_is_what_was_played_while_the_input_gain_moves() {
    let clip_slot: Arc<ClipSlot> = Arc::default();
    let (mut engine, mut worker) = session::start_with(seeded_by(CAPTURED), models::registry(), Arc::clone(&clip_slot));
    let input = tones(2.0, &[(0.0, 2.0)]);
    let mut changes: Vec<Change> = (0..40)
        .map(|i| {
            let value = if i % 2 == 0 { 24.0 } else { -24.0 };
            Change { at: at(0.5) + 960 * i, id: ParamId::InputGain, value }
        })
        .collect();
    changes.extend(switch(1.4, ParamId::Capture));
    run(&mut engine, &input, &changes, Some(0), &Blocks::Fixed(480), |_| drain(&mut worker));
    let (channels, peak) = clip_slot.get().expect("captured").stored();
    let step = peak / f32::from(i16::MAX);
    let captured: Vec<f32> = channels[0].iter().map(|&x| f32::from(x) * step).collect();
    // Captured on the grid, soon after the switch.
    let end = (at(1.4)..at(1.41)).find(|&end| {
        let played = &input[0][end - captured.len()..end];
        captured.iter().zip(played).all(|(a, b)| (a - b).abs() <= 1.01 * step)
    });
    assert!(end.is_some(), "{} samples that were never played", captured.len());
}

/// The levels of what was played are sums: a host's largest floats would overflow them.
#[test]
fn absurdly_loud_input_is_held_at_36_dbfs() {
    let clip_slot: Arc<ClipSlot> = Arc::default();
    let (mut engine, mut worker) = session::start_with(seeded_by(INPUT), models::registry(), Arc::clone(&clip_slot));
    let loud = vec![vec![f32::MAX; at(2.0)]; 2];
    let out =
        run(&mut engine, &loud, &switch(1.0, ParamId::Capture), Some(0), &Blocks::Fixed(480), |_| drain(&mut worker));
    assert_eq!(clip_slot.get().expect("captured").stored().1, 64.0);
    assert!(engine.meters().continuations() > 0 && out.iter().flatten().all(|x| x.abs() <= 1.0), "the wet alone");
    assert_eq!(engine.meters().wet_failures(), 0);
}

#[test]
fn a_clip_of_another_rate_seeds_as_well() {
    let tone = (0..44_100).map(|i| 0.2 * libm::sinf(0.03 * i as f32)).collect::<Vec<f32>>();
    let clip_slot: Arc<ClipSlot> = Arc::default();
    clip_slot.put(Clip::new(44_100, &[tone]).map(Arc::new));
    let (mut engine, mut worker) = session::start_with(seeded_by(CAPTURED), models::registry(), Arc::clone(&clip_slot));
    let out = run(&mut engine, &tones(2.0, &[]), &[], Some(0), &Blocks::Fixed(480), |_| drain(&mut worker));
    assert!(rms(&out[0][at(1.0)..]) > 1e-3);
}
