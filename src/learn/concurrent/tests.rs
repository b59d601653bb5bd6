//! What is learnt while it plays, and what keeps it from harm.

use super::*;
use crate::{approach::FrameAnalyser, learn::tests::sound};
use std::path::Path;

/// The model of `tests/fixtures/listening/make.py`.
fn model() -> ModelData {
    ModelData::read(Path::new("tests/fixtures/listening/small.safetensors")).expect("the fixture")
}

/// What the model hears of some seconds of notes, `[frame][bin]`.
fn frames(seconds: f32, seed: u64) -> Vec<Vec<f32>> {
    let data = model();
    let config = data.config();
    let mut analyser = FrameAnalyser::new(config);
    let sound = sound(seconds, seed);
    let windows = sound.windows(config.window_samples()).step_by(config.hop_samples());
    windows
        .map(|window| {
            let mut frame = vec![0.0; config.frame_size()];
            analyser.frame(window, &mut frame);
            frame
        })
        .collect()
}

fn learner_of(data: &ModelData, memory_seconds: f64) -> Concurrent {
    let network = Arc::new(Network::new(data, Isa::best()));
    Concurrent::new(data, network, memory_seconds, Isa::best()).expect("it listens")
}

fn concurrent() -> Concurrent {
    learner_of(&model(), 20.0)
}

fn pace(number: u64) -> Pace {
    Pace { rate: 0.5, memory_seconds: 60.0, pull: 0.3, interval_seconds: 0.5, random_seed: number }
}

/// Plays so many intervals of half a second, with an update after each.
fn play(learner: &mut Concurrent, frames: &[Vec<f32>], pace_of: impl Fn(u64) -> Pace) -> Vec<Outcome> {
    let interval = (0.5 / learner.hop_seconds) as usize;
    let intervals = frames.chunks_exact(interval).zip(0..);
    intervals
        .map(|(frames, number)| {
            frames.iter().for_each(|frame| learner.hear(frame, true));
            learner.update(&pace_of(number))
        })
        .collect()
}

#[test]
fn it_learns_what_is_played_and_forgets_it_again() {
    let mut learner = concurrent();
    let frames = frames(20.0, 1);
    let outcomes = play(&mut learner, &frames, pace);
    assert_eq!(outcomes[..3], [Outcome::Waits; 3], "less than two seconds teach nothing");
    let gains = outcomes.iter().filter_map(|outcome| match outcome {
        Outcome::Learnt { now, base } => Some(base.bins - now.bins),
        _ => None,
    });
    let gains: Vec<f64> = gains.collect();
    assert_eq!(gains[0], 0.0, "before the first update it is the model");
    let last = gains[gains.len() - 8..].iter().sum::<f64>() / 8.0;
    assert!(last > 0.05, "what it has not learnt from yet: {gains:?}");
    assert!(learner.distance() > 0.0 && learner.learnt() != learner.base);
    let learnt = learner.learnt().to_vec();
    learner.restart(true);
    assert_eq!((learner.learnt(), learner.heard_seconds()), (&learnt[..], 0.0), "what was learnt stays");
    learner.restart(false);
    assert_eq!((learner.learnt(), learner.distance()), (&learner.base[..], 0.0));
    // And then all is as at first.
    play(&mut learner, &frames, pace);
    assert_eq!(learner.learnt(), learnt, "the same bits");
    let mut other = concurrent();
    play(&mut other, &frames, |number| Pace { random_seed: number + 1, ..pace(number) });
    assert_ne!(other.learnt(), learnt, "by other random numbers");
}

#[test]
fn who_does_not_play_teaches_nothing() {
    let mut learner = concurrent();
    play(&mut learner, &frames(6.0, 1), pace);
    let learnt = learner.learnt().to_vec();
    assert_eq!(learner.update(&pace(99)), Outcome::Waits, "nothing was heard since the last one");
    frames(3.0, 2).iter().for_each(|rest| learner.hear(rest, false));
    assert_eq!(learner.update(&pace(100)), Outcome::Waits, "a rest is not playing");
    assert_eq!(learner.learnt(), learnt);
    let moments = learner.material.taught();
    let rests = moments.end + 2 - frames(3.0, 2).len()..moments.end;
    assert!(rests.clone().all(|moment| !learner.material.is_whole(moment)), "nor is it learnt from");
    let mut still = concurrent();
    let outcomes = play(&mut still, &frames(6.0, 1), |number| Pace { rate: 0.0, ..pace(number) });
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Waits) && still.distance() == 0.0);
}

#[test]
fn the_pull_and_the_makers_material_hold_it_back() {
    let data = model();
    let far = |data: &ModelData, pull: f32| {
        let mut learner = learner_of(data, 20.0);
        play(&mut learner, &frames(15.0, 1), |number| Pace { pull, ..pace(number) });
        learner.distance()
    };
    assert!(far(&data, 1.0) < 0.95 * far(&data, 0.0));
    let mut hearing = Hearing::new(&data, Isa::best()).expect("it listens");
    let reminder = hearing.reminder(&[sound(8.0, 7), sound(8.0, 8)]);
    let reminded = data.with_maker_frames(reminder);
    let mut learner = learner_of(&reminded, 20.0);
    play(&mut learner, &frames(6.0, 1), pace);
    let first = learner.learnt().to_vec();
    learner.restart(false);
    play(&mut learner, &frames(6.0, 1), pace);
    assert!(learner.learnt() == first, "what was heard of it before makes no difference");
    let loss = |pull: f32| {
        let mut learner = learner_of(&reminded, 20.0);
        // As fast as it learns.
        play(&mut learner, &frames(15.0, 1), |number| Pace { pull, rate: 1.0, ..pace(number) });
        let maker = hearing.maker_material(&reminded).expect("there is some");
        let mut batch = Batch::new(learner.shape, 512);
        maker.taught().step_by(3).take(512).for_each(|at| maker.push(at, 0.0, &mut Random::new(1), &mut batch));
        learner.update.run(&learner.passed, &batch, Wanted::Losses).bins
    };
    let (reminded, not) = (loss(0.5), loss(0.0));
    assert!(reminded < not - 0.01, "of the maker's material it loses {reminded} reminded, {not} not");
}

#[test]
fn a_cut_is_not_learnt_across() {
    let mut learner = concurrent();
    let frames = frames(6.0, 1);
    for (index, frame) in frames.iter().enumerate() {
        if index % 2 == 0 {
            learner.cut();
        }
        learner.hear(frame, true);
    }
    // No frame has a neighbour on both sides.
    assert_eq!(learner.update(&pace(1)), Outcome::Waits);
    assert_eq!(learner.learnt(), learner.base, "nothing was there to learn");
}

/// Breaks something of a learner.
type Break = fn(&mut Concurrent);

/// Changes the weights of a tensor of [`LEARNT`].
fn spoil_tensor(learner: &mut Concurrent, name: &str, change: impl FnMut(&mut f32)) {
    let at = LEARNT.iter().position(|tensor| *tensor == name).expect("it learns");
    learner.shape.split_mut(&mut learner.weights)[at].iter_mut().for_each(change);
}

#[test]
fn what_goes_wrong_is_taken_back() {
    let breaks: [(&str, Break); 20] = [
        ("a weight is no number", |learner| learner.weights[5] = f32::NAN),
        ("a weight is infinite", |learner| learner.weights[9] = f32::INFINITY),
        ("a weight is huge", |learner| learner.weights[11] = 1e30),
        ("all weights are huge", |learner| learner.weights.iter_mut().for_each(|weight| *weight *= 1e6)),
        ("all weights are turned round", |learner| learner.weights.iter_mut().for_each(|weight| *weight *= -3.0)),
        ("all weights are none", |learner| learner.weights.fill(0.0)),
        ("the bands' weights are far away", |learner| {
            let bands = learner.shape.bin_weights().end;
            learner.weights[bands..].iter_mut().for_each(|weight| *weight *= 50.0);
        }),
        ("the mean is no number", |learner| learner.adam.spoil(f32::NAN)),
        ("the mean is far away", |learner| learner.adam.spoil(100.0)),
        ("the mean is infinite", |learner| learner.adam.spoil(f32::NEG_INFINITY)),
        ("the mean is as far as numbers go", |learner| learner.adam.spoil(f32::MAX)),
        ("a bias is infinite", |learner| {
            spoil_tensor(learner, "bins.bias_hh_l0", |weight| *weight = f32::NEG_INFINITY);
        }),
        ("what it remembers explodes", |learner| {
            spoil_tensor(learner, "bins.weight_hh_l0", |weight| *weight *= 300.0);
        }),
        ("what it hears is noise", |learner| {
            let mut random = Random::new(1);
            spoil_tensor(learner, "bins.weight_ih_l0", |weight| *weight = 10.0 * random.normal());
        }),
        ("what it says is huge", |learner| spoil_tensor(learner, "out.weight", |weight| *weight *= 1e4)),
        ("one level is certain", |learner| {
            let mut levels = 0..;
            spoil_tensor(learner, "out.bias", |weight| *weight = if levels.next() == Some(31) { 1e4 } else { -1e4 });
        }),
        ("the bands' output is no number", |learner| {
            spoil_tensor(learner, "bands.out.weight", |weight| *weight = f32::NAN);
        }),
        ("the loudest level of the bands is certain", |learner| {
            let mut levels = 0..;
            spoil_tensor(learner, "bands.out.bias", |weight| {
                *weight = if levels.next() == Some(31) { 1e4 } else { -1e4 };
            });
        }),
        ("the order of the weights is turned round", |learner| learner.weights.reverse()),
        ("every second weight is none", |learner| {
            learner.weights.iter_mut().step_by(2).for_each(|weight| *weight = 0.0);
        }),
    ];
    let all = frames(30.0, 1);
    for (what, spoil) in breaks {
        let mut learner = concurrent();
        let interval = (0.5 / learner.hop_seconds) as usize;
        let outcomes = play(&mut learner, &all[..12 * interval], pace);
        assert!(matches!(outcomes.last(), Some(Outcome::Learnt { .. })));
        let before = learner.learnt().to_vec();
        spoil(&mut learner);
        all[12 * interval..13 * interval].iter().for_each(|frame| learner.hear(frame, true));
        let outcome = learner.update(&pace(50));
        match outcome {
            Outcome::RolledBack => assert_eq!(learner.learnt(), before, "{what}: what passed last is heard"),
            // Held near the model by the fence, it may pass.
            Outcome::Learnt { .. } => {}
            other => panic!("{what}: {other:?}"),
        }
        assert!(learner.learnt().iter().all(|weight| weight.is_finite()), "{what}");
        // And within eight updates it learns again.
        let after = play(&mut learner, &all[13 * interval..21 * interval], |number| pace(60 + number));
        assert!(after.iter().any(|outcome| matches!(outcome, Outcome::Learnt { .. })), "{what}: {after:?}");
    }
}

#[test]
fn what_goes_wrong_again_and_again_pauses_until_all_is_forgotten() {
    let mut learner = concurrent();
    let all = frames(20.0, 1);
    let interval = (0.5 / learner.hop_seconds) as usize;
    play(&mut learner, &all[..6 * interval], pace);
    let passed = learner.learnt().to_vec();
    let outcomes: Vec<Outcome> = (0..5)
        .map(|number| {
            learner.weights.fill(f32::NAN);
            all[..interval].iter().for_each(|frame| learner.hear(frame, true));
            learner.update(&pace(number))
        })
        .collect();
    assert_eq!(outcomes[..2], [Outcome::RolledBack; 2]);
    assert_eq!(outcomes[2..], [Outcome::Paused; 3]);
    assert_eq!(learner.learnt(), passed, "what passed last goes on being heard");
    learner.restart(false);
    let outcomes = play(&mut learner, &all[..6 * interval], pace);
    assert!(matches!(outcomes.last(), Some(Outcome::Learnt { .. })));
}

#[test]
fn rates_beyond_all_measure_never_get_far() {
    for rate in [4.0, 10.0, 100.0, f32::INFINITY, f32::NAN] {
        let mut learner = concurrent();
        let mut learnt = 0;
        for (number, frames) in (0..).zip(frames(12.0, 1).chunks_exact((0.5 / learner.hop_seconds) as usize)) {
            frames.iter().for_each(|frame| learner.hear(frame, true));
            let outcome = learner.update(&Pace { rate, ..pace(number) });
            assert!(learner.learnt().iter().all(|weight| weight.is_finite()), "{rate}: {outcome:?}");
            if matches!(outcome, Outcome::Learnt { .. }) {
                learnt += 1;
                // On what they were examined on, which is still there.
                let weights = [learner.passed.clone(), learner.base.clone()];
                let [now, base] =
                    weights.map(|weights| learner.update.run(&weights, &learner.examined, Wanted::Losses));
                assert!(now.bins <= base.bins + MAX_WORSE[0], "{rate}: {now:?} {base:?}");
            }
        }
        assert!(learner.layers().is_some());
        assert!(learnt < 20, "{rate}: it is not all let through");
    }
}

#[test]
fn memory_is_bounded_however_long_it_plays() {
    let mut learner = learner_of(&model(), 4.0);
    let frames = frames(10.0, 1);
    for _ in 0..3 {
        play(&mut learner, &frames, |number| Pace { rate: 0.0, ..pace(number) });
    }
    assert!(learner.material.taught().len() <= learner.material.capacity());
    assert!(learner.material.heard() > learner.material.capacity() + 100);
    let outcomes = play(&mut learner, &frames, pace);
    assert!(matches!(outcomes.last(), Some(Outcome::Learnt { .. })), "a full ring is learnt from: {outcomes:?}");
}
