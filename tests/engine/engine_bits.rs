//! The same input, events and model give the same bits: at any block size, live or bounced (DESIGN 3).

use crate::common::{
    assert_same_bits,
    drive::{Blocks, Change, config, drain, offline, playing, run},
    models, phrase,
};
use std::sync::Arc;
use sympathy::{
    control::ParamId,
    dsp::level::rms,
    engine::{Alignment, ClockMode, EngineConfig, Transport},
    session,
};

const SECONDS: f32 = 3.0;

fn changes(rate: u32) -> Vec<Change> {
    let at = |seconds: f32| (seconds * rate as f32) as usize;
    vec![
        Change { at: at(0.31) + 3, id: ParamId::Mix, value: 20.0 },
        Change { at: at(0.9) + 1, id: ParamId::SeedLength, value: 0.3 },
        Change { at: at(1.2) + 7, id: ParamId::Mix, value: 100.0 },
        Change { at: at(1.7) + 13, id: ParamId::WetGain, value: -6.0 },
        Change { at: at(2.0), id: ParamId::InputGain, value: 6.0 },
        Change { at: at(2.2) + 31, id: ParamId::Temperature, value: 0.4 },
        Change { at: at(2.4), id: ParamId::Model, value: 65.0 },
    ]
}

#[test]
fn any_block_size_gives_the_same_bits() {
    let registry = models::registry();
    for (rate, channels, slot) in [(44_100, 2, 64), (48_000, 1, 65), (96_000, 2, 67), (44_100, 1, 66), (48_000, 2, 70)]
    {
        let config = config(rate, channels, slot);
        let input = phrase(rate, SECONDS, channels);
        let render = |blocks| offline(&config, &registry, &input, &changes(rate), None, &blocks);
        let reference = render(Blocks::Fixed(512));
        let wet_only: Vec<f32> = reference[0].iter().zip(&input[0]).map(|(out, dry)| out - dry).collect();
        assert!(rms(&wet_only[rate as usize..]) > 1e-3, "slot {slot}: nothing was played");
        for blocks in [Blocks::Fixed(1), Blocks::Fixed(17), Blocks::Fixed(64), Blocks::Fixed(8192), Blocks::Random(700)]
        {
            let what = format!("{rate} Hz, {channels} channels, slot {slot}, {blocks:?}");
            assert_same_bits(&reference, &render(blocks), &what);
        }
    }
}

#[test]
fn a_live_engine_whose_worker_keeps_up_gives_the_bits_of_the_bounce() {
    let registry = models::registry();
    for slot in [64, 65, 66, 67, 68, 69, 70] {
        let config = config(48_000, 2, slot);
        let input = phrase(48_000, SECONDS, 2);
        let bounced = offline(&config, &registry, &input, &changes(48_000), Some(1_234_567), &Blocks::Fixed(4096));
        for blocks in [Blocks::Fixed(64), Blocks::Fixed(333), Blocks::Random(900)] {
            let (mut engine, mut worker) = session::start(config.clone(), Arc::clone(&registry));
            let live = run(&mut engine, &input, &changes(48_000), Some(1_234_567), &blocks, |_| drain(&mut worker));
            assert_eq!(engine.meters().underruns(), 0, "slot {slot}, {blocks:?}");
            assert_same_bits(&bounced, &live, &format!("slot {slot}, {blocks:?}"));
        }
    }
}

#[test]
fn what_was_before_a_start_of_the_transport_is_forgotten() {
    let registry = models::registry();
    let config = config(44_100, 2, 64);
    let input = phrase(44_100, 2.0, 2);
    let start = 987_654;
    let alone = offline(&config, &registry, &input, &[], Some(start), &Blocks::Fixed(256));
    // The same song position after two seconds of playing to a stopped transport.
    let (mut engine, mut worker) = session::start(config.clone(), Arc::clone(&registry));
    let stopped = Transport { playing: false, position_samples: Some(start), loop_samples: None, beats: None };
    for chunk in 0..345 {
        let mut block = vec![vec![0.3 * ((chunk * 7 % 13) as f32 / 13.0 - 0.5); 256]; 2];
        let mut channels: Vec<&mut [f32]> = block.iter_mut().map(Vec::as_mut_slice).collect();
        engine.process(&mut channels, &[], stopped);
        drain(&mut worker);
    }
    let after = run(&mut engine, &input, &[], Some(start), &Blocks::Fixed(256), |_| drain(&mut worker));
    // The first 5 ms hold the fade of what sounded before.
    let past_fade = |audio: &[Vec<f32>]| audio.iter().map(|channel| channel[221..].to_vec()).collect::<Vec<_>>();
    assert_same_bits(&past_fade(&alone), &past_fade(&after), "after a stopped transport");
    let elsewhere = offline(&config, &registry, &input, &[], Some(start + 30_000), &Blocks::Fixed(256));
    assert!(alone != elsewhere, "another place of the song is another continuation");
}

#[test]
fn a_reset_gives_the_same_bits_again_and_random_seeds_differ() {
    let registry = models::registry();
    let config = config(48_000, 2, 64);
    let input = phrase(48_000, 2.0, 2);
    let (mut engine, mut worker) = session::start(config.clone(), Arc::clone(&registry));
    let mut once = || {
        engine.reset();
        run(&mut engine, &input, &[], None, &Blocks::Fixed(128), |_| drain(&mut worker))
    };
    let first = once();
    assert_same_bits(&first, &once(), "after a reset");
    for id in [ParamId::RandomSeed, ParamId::Temperature] {
        let mut other = config.clone();
        other.values.set(id, 2.0);
        assert!(offline(&other, &registry, &input, &[], None, &Blocks::Fixed(128)) != first, "{id:?} changes nothing");
    }
}

#[test]
fn a_loop_keeps_the_voices_playing() {
    let registry = models::registry();
    let mut config = config(48_000, 1, 64);
    config.values.set(ParamId::Mix, 100.0);
    let (mut engine, mut worker) = session::start(config, Arc::clone(&registry));
    let input = phrase(48_000, 4.0, 1);
    let (start, end) = (10_000_i64, 10_000 + 96_000);
    let mut position = start;
    let mut out = Vec::new();
    for block in input[0].chunks(480) {
        let mut block = block.to_vec();
        let transport = Transport {
            playing: true,
            position_samples: Some(position),
            loop_samples: Some((start, end)),
            beats: None,
        };
        engine.process(&mut [&mut block], &[], transport);
        drain(&mut worker);
        out.extend(block);
        position += 480;
        if position >= end {
            position -= end - start;
        }
    }
    let around = &out[96_000 - 2400..96_000 + 4800];
    assert!(around.chunks(480).all(|part| rms(part) > 1e-4), "the loop tore a hole");
    // A jump does tear one: the reaction time passes before anything can be heard.
    let mut block = vec![0.0; 2400];
    engine.process(&mut [&mut block], &[], playing(5));
    assert!(rms(&block[300..]) == 0.0);
}

#[test]
fn alignment_and_clock_settings_act() {
    let registry = models::registry();
    let base = config(48_000, 1, 65);
    let input = phrase(48_000, 2.0, 1);
    let reference = offline(&base, &registry, &input, &[], Some(77), &Blocks::Fixed(512));
    let now = EngineConfig { alignment: Alignment::Now, ..base.clone() };
    assert!(offline(&now, &registry, &input, &[], Some(77), &Blocks::Fixed(512)) != reference);
    let free = EngineConfig { clock: ClockMode::Free, ..base.clone() };
    let at_zero = offline(&free, &registry, &input, &[], None, &Blocks::Fixed(512));
    assert_same_bits(&at_zero, &offline(&free, &registry, &input, &[], Some(77), &Blocks::Fixed(512)), "free clock");
    let slow = EngineConfig { reaction_ms: 200.0, ..base };
    assert!(offline(&slow, &registry, &input, &[], Some(77), &Blocks::Fixed(512)) != reference);
}
