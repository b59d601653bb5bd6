//! Learning while it plays: what is learnt depends on what was heard alone, and a bounce has the bits of a performance.

use crate::common::{
    assert_same_bits,
    drive::{Blocks, Change, config, drain, offline, pace, playing, run},
    models, phrase,
};
use crate::counting::counted;
use std::{sync::Arc, time::Duration};
use sympathy::{
    control::ParamId,
    dsp::{level::rms, random::Random},
    engine::{Activity, ClockMode, EngineConfig, LearnTiming, RenderMode, Transport},
    learn::LearnState,
    session,
};

const RATE: u32 = 48_000;
/// The model that listens.
const SLOT: u8 = 70;

/// The wet of a model that listens and learns, shown on a board of its own.
fn learning() -> EngineConfig {
    let mut config = EngineConfig { learning: Arc::default(), ..config(RATE, 2, SLOT) };
    for (id, value) in [(ParamId::Learn, 1.0), (ParamId::Listen, 20.0), (ParamId::Mix, 100.0), (ParamId::Hold, 60.0)] {
        config.values.set(id, value);
    }
    config
}

fn at(seconds: f32) -> usize {
    (seconds * RATE as f32) as usize
}

/// All that learning can be told, on the way.
fn changes() -> Vec<Change> {
    let change = |seconds, id, value| Change { at: at(seconds), id, value };
    vec![
        change(3.1, ParamId::LearnRate, 80.0),
        change(3.7, ParamId::LearnAmount, 40.0),
        change(4.4, ParamId::LearnAmount, 100.0),
        change(4.9, ParamId::LearnPull, 90.0),
        change(5.2, ParamId::Learn, 0.0),
        change(5.8, ParamId::Learn, 1.0),
        change(6.3, ParamId::LearnForget, 1.0),
        change(6.4, ParamId::LearnForget, 0.0),
        change(6.6, ParamId::LearnMemory, 8.0),
    ]
}

fn bounce(change: &[Change], seconds: f32, from: i64, blocks: &Blocks) -> (Vec<Vec<f32>>, u64, u64) {
    let config = learning();
    let out = offline(&config, &models::registry(), &phrase(RATE, seconds, 2), change, Some(from), blocks);
    let board = &config.learning;
    assert_eq!((board.late(), board.skipped()), (0, 0), "a bounce waits");
    (out, board.hash(), board.updates())
}

#[test]
fn bits_and_weights_are_the_same_at_any_block_size_live_and_bounced() {
    let from = 1_234_567;
    let (bounced, hash, updates) = bounce(&changes(), 10.2, from, &Blocks::Fixed(512));
    assert!(updates > 6, "{updates}");
    let without = {
        let mut config = learning();
        config.values.set(ParamId::Learn, 0.0);
        let off = [Change { at: at(99.0), id: ParamId::Learn, value: 0.0 }];
        offline(&config, &models::registry(), &phrase(RATE, 10.2, 2), &off, Some(from), &Blocks::Fixed(512))
    };
    let differs = |from: f32, to: f32| bounced[0][at(from)..at(to)] != without[0][at(from)..at(to)];
    assert!(!differs(0.0, 3.0), "nothing has been learnt yet");
    assert!(differs(5.0, 6.3), "and then it is heard");
    for blocks in [Blocks::Fixed(1), Blocks::Fixed(8192), Blocks::Random(700)] {
        let (again, other, _) = bounce(&changes(), 10.2, from, &blocks);
        assert_same_bits(&bounced, &again, &format!("{blocks:?}"));
        assert_eq!(hash, other, "{blocks:?}: what is learnt");
    }
    // Stepped by hand, as a worker that always keeps up.
    let config = learning();
    let (mut engine, mut worker) = session::start(config.clone(), models::registry());
    let input = phrase(RATE, 10.2, 2);
    let live = run(&mut engine, &input, &changes(), Some(from), &Blocks::Fixed(333), |_| drain(&mut worker));
    assert_same_bits(&bounced, &live, "live");
    assert_eq!(hash, config.learning.hash(), "live: what is learnt");
}

#[test]
fn a_slow_learner_is_late_and_learns_the_same() {
    let (bounced, hash, updates) = bounce(&[], 6.3, 0, &Blocks::Fixed(512));
    let config = learning();
    let (mut engine, mut worker) = session::start(config.clone(), models::registry());
    worker.slow_down_learning(Duration::from_millis(2500));
    let thread = worker.spawn();
    let mut pace = pace(RATE);
    let live = run(&mut engine, &phrase(RATE, 6.3, 2), &[], Some(0), &Blocks::Fixed(256), &mut pace);
    drop(thread);
    let (board, meters) = (&config.learning, engine.meters());
    // Other tests beside this one may keep the worker from hearing.
    let is_whole = meters.late_starts() == 0;
    // What is late at the end has not been heard.
    if is_whole && (board.updates(), board.skipped()) == (updates, 0) {
        assert_eq!(board.hash(), hash, "what is learnt does not depend on when");
    }
    let is_disturbed = !is_whole || meters.underruns() > 0 || board.late() > 0 || board.skipped() > 0;
    assert!(is_disturbed || live == bounced, "no update was late, and yet the sound differs");
    assert!(board.late() > 0, "{board:?}");
}

#[test]
fn as_many_updates_as_are_set_are_heard_as_much_later_as_is_set() {
    const SECONDS: f32 = 7.2;
    let input = phrase(RATE, SECONDS, 2);
    let at_timing = |updates_per_second, delay_ms| EngineConfig {
        learn_timing: LearnTiming { updates_per_second, delay_ms },
        ..learning()
    };
    let bounced = |config: &EngineConfig| {
        let out = offline(config, &models::registry(), &input, &[], Some(0), &Blocks::Fixed(512));
        assert_eq!((config.learning.late(), config.learning.skipped()), (0, 0));
        (out, config.learning.updates())
    };
    let off = {
        let mut config = learning();
        config.values.set(ParamId::Learn, 0.0);
        bounced(&config).0
    };
    let heard_from = |out: &[Vec<f32>]| out[0].iter().zip(&off[0]).position(|(a, b)| a != b).expect("it is heard");
    let (usual, two) = bounced(&learning());
    let (as_usual, _) = bounced(&at_timing(2, 1000));
    assert_same_bits(&usual, &as_usual, "two a second, heard a second later");
    let ([(seldom, one), (often, four)], [(soon, _), (late, _)]) = (
        [at_timing(1, 1000), at_timing(4, 1000)].map(|config| bounced(&config)),
        [at_timing(2, 500), at_timing(2, 4000)].map(|config| bounced(&config)),
    );
    // Two seconds have to have been heard before the first.
    assert!(one < two && two < four && four >= 3 * one, "{one}, {two}, {four} updates");
    assert!(heard_from(&seldom) > heard_from(&often));
    let seconds = |samples: usize| samples as f32 / RATE as f32;
    let [soon, usual_from, late] = [&soon, &usual, &late].map(|out| seconds(heard_from(out)));
    // A frame and its hop last 0.03 s here.
    let (sooner, later) = (usual_from - soon, late - usual_from);
    assert!((sooner - 0.5).abs() < 0.03 && (later - 3.0).abs() < 0.03, "{soon}, {usual_from}, {late}");
    // And live they are the same, with as many updates on their way as there can be.
    let config = at_timing(4, 4000);
    let (expected, _) = bounced(&config);
    let again = EngineConfig { learning: Arc::default(), ..config };
    let (mut engine, mut worker) = session::start(again, models::registry());
    let live = run(&mut engine, &input, &[], Some(0), &Blocks::Random(700), |_| drain(&mut worker));
    assert_same_bits(&expected, &live, "live");
}

#[test]
fn what_a_rendering_keeps_does_not_depend_on_how_fast_it_was_learnt() {
    let kept = |slowness: Duration| {
        let timing = LearnTiming { updates_per_second: 4, delay_ms: 4000 };
        let config = EngineConfig { mode: RenderMode::Offline, learn_timing: timing, ..learning() };
        let keep = [Change { at: at(5.1), id: ParamId::KeepLearnt, value: 1.0 }];
        let (mut engine, mut worker) = session::start(config.clone(), models::registry());
        worker.slow_down_learning(slowness);
        let thread = worker.spawn();
        run(&mut engine, &phrase(RATE, 5.3, 2), &keep, Some(0), &Blocks::Fixed(512), |_| {});
        drop(thread);
        let kept = config.learning.take_kept().expect("it was handed over");
        (kept.updates, kept.tensors)
    };
    let (updates, tensors) = kept(Duration::ZERO);
    assert!(updates > 8, "{updates}");
    assert!(kept(Duration::from_millis(200)) == (updates, tensors), "what a slower machine keeps");
}

#[test]
fn nothing_learnt_is_todays_sound() {
    let input = phrase(RATE, 6.0, 2);
    let render = |set: &[(ParamId, f32)]| {
        let mut config = learning();
        set.iter().for_each(|&(id, value)| config.values.set(id, value));
        let out = offline(&config, &models::registry(), &input, &[], Some(0), &Blocks::Fixed(512));
        (out, config.learning.updates())
    };
    let (off, none) = render(&[(ParamId::Learn, 0.0)]);
    let (learnt, updates) = render(&[]);
    assert!(none == 0 && updates > 3 && off != learnt);
    let (unheard, as_many) = render(&[(ParamId::LearnAmount, 0.0)]);
    assert_same_bits(&off, &unheard, "an amount of 0");
    assert_eq!(as_many, updates, "and yet it learns");
    let (frozen, none) = render(&[(ParamId::LearnRate, 0.0)]);
    assert_same_bits(&off, &frozen, "a rate of 0");
    assert_eq!(none, 0);
    let (half, _) = render(&[(ParamId::LearnAmount, 50.0)]);
    assert!(half != off && half != learnt, "an amount in between");
}

#[test]
fn nothing_clicks_where_other_weights_begin_to_be_heard() {
    const SECONDS: f32 = 20.0;
    const UPDATES_PER_SECOND: u8 = 3;
    // As fast as it learns, so that weights differ as much as they can from one update to the next. The phrase has its notes on half seconds,
    // and so would the updates at two a second.
    let learn_timing = LearnTiming { updates_per_second: UPDATES_PER_SECOND, ..LearnTiming::default() };
    let mut config = EngineConfig { learn_timing, ..learning() };
    config.values.set(ParamId::LearnRate, 100.0);
    let input = phrase(RATE, SECONDS, 2);
    let out = offline(&config, &models::registry(), &input, &[], Some(0), &Blocks::Fixed(512));
    assert!(config.learning.updates() > 20, "{:?}", config.learning);
    // A click is a corner: the largest second difference of 10 ms, beside how loud it is there.
    let corner = |start: usize| {
        let part = &out[0][start..start + at(0.01)];
        let sharpest = part.windows(3).map(|x| (x[0] - 2.0 * x[1] + x[2]).abs()).fold(0.0f32, f32::max);
        sharpest / rms(part).max(1e-3)
    };
    // Updates are heard from every interval on: what is predicted then is heard a reaction later, and its frame's window begins before.
    let interval = RATE as usize / usize::from(UPDATES_PER_SECOND);
    let (begins, later) = (at(3.0), at(SECONDS - 1.0));
    let is_near = |start: usize| (start + interval - at(0.02)) % interval < at(0.12);
    let sharpest = |near: bool| {
        let parts = (begins..later).step_by(at(0.01)).filter(|&start| is_near(start) == near);
        let mut corners: Vec<f32> = parts.map(corner).collect();
        corners.sort_by(f32::total_cmp);
        (corners[corners.len() / 2], corners[corners.len() - 1])
    };
    let (near, apart) = (sharpest(true), sharpest(false));
    assert!(
        near.1 <= 1.25 * apart.1 && near.0 <= 1.25 * apart.0,
        "median and most: {near:?} there, {apart:?} elsewhere"
    );
    println!("sharpest corners, median and most: {near:?} where weights change, {apart:?} elsewhere");
}

#[test]
fn a_start_of_the_song_forgets_unless_it_carries_on() {
    let input = phrase(RATE, 5.0, 2);
    let twice = |carries: f32| {
        let mut config = learning();
        config.values.set(ParamId::CarryOn, carries);
        let (mut engine, mut worker) = session::start(config.clone(), models::registry());
        let mut once = || run(&mut engine, &input, &[], Some(480_000), &Blocks::Fixed(512), |_| drain(&mut worker));
        let (first, second) = (once(), once());
        let learns = config.learning.distance() > 0.0;
        (first, second, learns)
    };
    let past_fade = |audio: &[Vec<f32>]| audio.iter().map(|channel| channel[300..].to_vec()).collect::<Vec<_>>();
    let (first, second, learns) = twice(0.0);
    assert!(learns);
    assert_same_bits(&past_fade(&first), &past_fade(&second), "the same start");
    let (carried, second, _) = twice(1.0);
    assert_same_bits(&first, &carried, "the first pass");
    assert!(past_fade(&first) != past_fade(&second), "the second goes on from what was learnt");
}

#[test]
fn an_instance_that_learns_is_kept_awake_and_one_that_cannot_says_so() {
    let mut config = EngineConfig { clock: ClockMode::Free, ..learning() };
    let (mut engine, mut worker) = session::start(config.clone(), models::registry());
    let mut last = Activity::Idle;
    for _ in 0..600 {
        let mut block = [[0.0; 512]; 2];
        let [left, right] = &mut block;
        last = engine.process(&mut [left, right], &[], Transport::default());
        drain(&mut worker);
    }
    assert_eq!((last, config.learning.updates()), (Activity::KeepAlive, 0), "silence teaches nothing");
    assert_eq!(config.learning.state(), LearnState::Listening);
    config = learning();
    config.values.set(ParamId::Model, 64.0);
    let out = offline(&config, &models::registry(), &phrase(RATE, 4.0, 2), &[], Some(0), &Blocks::Fixed(512));
    assert!(rms(&out[0]) > 1e-4);
    assert_eq!((config.learning.state(), config.learning.updates()), (LearnState::DoesNotLearn, 0));
}

#[test]
fn another_model_of_another_shape_begins_anew() {
    let registry = models::registry();
    let mut other = models::listening();
    other.hidden += 5;
    registry.set_bytes(71, "other".into(), models::random_model(other, 9).to_bytes());
    registry.load(71).expect("a sound model");
    let mut config = learning();
    config.values.set(ParamId::LearnAmount, 50.0);
    let switch = [Change { at: at(4.6), id: ParamId::Model, value: 71.0 }];
    let out = offline(&config, &registry, &phrase(RATE, 9.2, 2), &switch, Some(0), &Blocks::Fixed(512));
    assert!(config.learning.updates() > 4 && config.learning.distance() > 0.0, "{:?}", config.learning);
    assert!(rms(&out[0][at(8.5)..]) > 1e-4, "it goes on playing");
}

#[test]
fn what_was_learnt_can_be_kept_as_a_model() {
    let config = learning();
    let keep = [
        Change { at: at(4.0), id: ParamId::KeepLearnt, value: 1.0 },
        Change { at: at(4.2), id: ParamId::Learn, value: 0.0 },
    ];
    offline(&config, &models::registry(), &phrase(RATE, 6.3, 2), &keep, Some(0), &Blocks::Fixed(512));
    assert_eq!(config.learning.state(), LearnState::Off, "whatever was still under way");
    let kept = config.learning.take_kept().expect("it was handed over");
    let data = models::random_model(models::listening(), 7);
    let moved = kept.tensors.iter().filter(|(name, values)| data.tensor(name) != &values[..]).count();
    // The GRU over the bins and its output, and the network of the bands' levels.
    assert_eq!((kept.slot, moved, kept.tensors.len()), (SLOT, 10, 10));
    assert!(data.with_tensors(data.config().clone(), kept.tensors).is_ok());
}

#[test]
fn hostile_input_is_survived_and_never_loud() {
    let mut random = Random::new(3);
    let mut noise = move |_: usize| random.normal();
    let signals: [(&str, &mut dyn FnMut(usize) -> f32); 5] = [
        ("no number", &mut |i| if i % 5000 < 4000 { 0.1 } else { f32::NAN }),
        ("huge", &mut |i| if i % 2 == 0 { 1e30 } else { -1e30 }),
        ("infinite", &mut |_| f32::INFINITY),
        ("square", &mut |i| if i / 100 % 2 == 0 { 1.0 } else { -1.0 }),
        ("noise", &mut noise),
    ];
    for (name, signal) in signals {
        let mut config = learning();
        config.values.set(ParamId::LearnRate, 100.0);
        let mut input = phrase(RATE, 6.0, 2);
        for channel in &mut input {
            (at(2.5)..at(4.5)).for_each(|i| channel[i] = signal(i));
        }
        let out = offline(&config, &models::registry(), &input, &[], Some(0), &Blocks::Fixed(512));
        let peak =
            out.iter().flatten().fold(0.0f32, |peak, x| if x.is_finite() { peak.max(x.abs()) } else { f32::NAN });
        assert!(peak <= 0.966_1, "{name}: a peak of {peak}");
        assert!(config.learning.updates() > 0, "{name}: {:?}", config.learning);
    }
}

#[test]
fn neither_the_audio_thread_nor_the_worker_allocates_while_it_learns() {
    // As it is at first, with all that can be told on the way; and with as many updates on their way as there can be, heard to the end.
    let often = LearnTiming { updates_per_second: 4, delay_ms: 4000 };
    let but_forget = |change: &Change| change.id != ParamId::LearnForget;
    for (timing, changes) in
        [(LearnTiming::default(), changes()), (often, changes().into_iter().filter(but_forget).collect())]
    {
        let config = EngineConfig { mode: RenderMode::Offline, learn_timing: timing, ..learning() };
        let (mut engine, mut worker) = session::start(config.clone(), models::registry());
        worker.learn_on_a_thread();
        let input = phrase(RATE, 8.0, 2);
        for start in (0..input[0].len() - 256).step_by(256) {
            let mut audio: Vec<Vec<f32>> = input.iter().map(|x| x[start..start + 256].to_vec()).collect();
            let events: Vec<_> = changes
                .iter()
                .filter(|change| (start..start + 256).contains(&change.at))
                .map(|change| sympathy::engine::Event {
                    offset_samples: change.at - start,
                    id: change.id,
                    value: change.value,
                })
                .collect();
            let (left, right) = audio.split_at_mut(1);
            let mut channels = [left[0].as_mut_slice(), right[0].as_mut_slice()];
            let silent = Transport { playing: false, ..playing(0) };
            // Offline it would wait for a worker that is stepped only afterwards: one block is sent ahead of the next.
            let (count, _) = counted(|| engine.process(&mut channels, &events, silent));
            assert_eq!(count, 0, "{timing:?}: the audio thread at {start}");
            let (count, ()) = counted(|| drain(&mut worker));
            // An amount in between takes memory once.
            let settled = start > at(3.8);
            assert!(!settled || count == 0, "{timing:?}: the worker at {start}: {count}");
        }
        assert!(config.learning.updates() > 3, "{:?}", config.learning);
    }
}

#[test]
fn instances_come_and_go_while_they_learn() {
    let registry = models::registry();
    let input = phrase(RATE, 4.0, 2);
    let boards: Vec<_> = std::thread::scope(|scope| {
        let run = |index: usize| {
            let (registry, input) = (Arc::clone(&registry), &input);
            scope.spawn(move || {
                let config = EngineConfig { mode: RenderMode::Offline, ..learning() };
                let (mut engine, worker) = session::start(config.clone(), registry);
                let _thread = worker.spawn();
                // Some go in the middle of an update.
                let part: Vec<Vec<f32>> = input.iter().map(|x| x[..at(2.6 + 0.2 * index as f32)].to_vec()).collect();
                run(&mut engine, &part, &[], Some(0), &Blocks::Fixed(512), |_| {});
                config.learning
            })
        };
        let threads: Vec<_> = (0..8).map(run).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(boards.iter().all(|board| (board.late(), board.skipped()) == (0, 0)));
    assert!(boards.last().is_some_and(|board| board.updates() > 0));
}
