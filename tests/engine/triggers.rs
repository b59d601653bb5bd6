//! What seeds a continuation, how many sound at once, and who steps back for whom.

use crate::common::{
    assert_same_bits,
    drive::{Blocks, Change, config, drain, everything_moves, offline, run},
    models,
};
use std::sync::Arc;
use sympathy::{
    control::ParamId,
    dsp::level::rms,
    engine::{Beats, EngineConfig, Meters, Transport},
    session,
};

const RATE: u32 = 48_000;

/// Nothing begins by itself, only the wet is heard, and seeds are short.
fn armed_with(values: &[(ParamId, f32)]) -> EngineConfig {
    let mut config = config(RATE, 2, 64);
    for (id, value) in [(ParamId::AutoStart, 0.0), (ParamId::ReseedInterval, 0.0), (ParamId::Mix, 100.0)] {
        config.values.set(id, value);
    }
    values.iter().for_each(|&(id, value)| config.values.set(id, value));
    config
}

fn at(seconds: f64) -> usize {
    (seconds * f64::from(RATE)).round() as usize
}

/// Tones between these seconds, silence elsewhere.
fn tones(length_seconds: f64, spans: &[(f64, f64)]) -> Vec<Vec<f32>> {
    let tone = |i: usize| 0.2 * libm::sinf(0.03 * i as f32) + 0.1 * libm::sinf(0.071 * i as f32);
    let inside = |i: usize| spans.iter().any(|&(from, to)| (at(from)..at(to)).contains(&i));
    let channel: Vec<f32> = (0..at(length_seconds)).map(|i| if inside(i) { tone(i) } else { 0.0 }).collect();
    vec![channel.clone(), channel]
}

/// Seconds at which a sound begins and ends.
fn heard(channel: &[f32]) -> Option<(f64, f64)> {
    let seconds = |i: usize| i as f64 / f64::from(RATE);
    let first = channel.iter().position(|x| x.abs() > 1e-5)?;
    let last = channel.iter().rposition(|x| x.abs() > 1e-5)?;
    Some((seconds(first), seconds(last)))
}

/// Runs with the worker keeping up; `note` is played at a second.
fn perform(
    config: &EngineConfig,
    input: &[Vec<f32>],
    changes: &[Change],
    notes: &[(f64, u8, f32)],
) -> (Vec<Vec<f32>>, Arc<Meters>) {
    let (mut engine, mut worker) = session::start(config.clone(), models::registry());
    let mut out = vec![Vec::new(); 2];
    let mut cuts: Vec<usize> = notes.iter().map(|note| at(note.0)).collect();
    cuts.push(input[0].len());
    let mut from = 0;
    for (index, cut) in cuts.into_iter().enumerate() {
        let part: Vec<Vec<f32>> = input.iter().map(|channel| channel[from..cut].to_vec()).collect();
        let here: Vec<Change> = changes
            .iter()
            .filter(|change| (from..cut).contains(&change.at))
            .map(|change| Change { at: change.at - from, ..*change })
            .collect();
        let played = run(&mut engine, &part, &here, None, &Blocks::Fixed(480), |_| drain(&mut worker));
        out.iter_mut().zip(played).for_each(|(all, part)| all.extend(part));
        if let Some(&(_, key, velocity)) = notes.get(index) {
            engine.note_on(key, velocity);
        }
        from = cut;
    }
    let meters = Arc::clone(engine.meters());
    (out, meters)
}

fn press(id: ParamId, seconds: f64) -> [Change; 2] {
    [Change { at: at(seconds), id, value: 1.0 }, Change { at: at(seconds + 0.1), id, value: 0.0 }]
}

/// The reaction time, and a seed of 0.4 s warmed up at 20 x real time, in seconds, and a cell for every rounding.
const READY: std::ops::Range<f64> = 0.05..0.05 + 0.02 + 0.005;

fn assert_begins(out: &[Vec<f32>], called: f64) {
    let (first, _) = heard(&out[0]).expect("something was heard");
    // The first sample of a fade is 0.
    assert!(READY.contains(&(first - called - 1e-3)), "asked for at {called} s, heard at {first} s");
}

#[test]
fn nothing_begins_by_itself_where_it_is_told_not_to() {
    let (out, meters) = perform(&armed_with(&[]), &tones(3.0, &[(0.0, 3.0)]), &[], &[]);
    assert_eq!((heard(&out[0]), meters.continuations()), (None, 0));
}

#[test]
fn continue_seeds_each_time_it_goes_on() {
    let config = armed_with(&[]);
    let changes = [press(ParamId::Continue, 1.3), press(ParamId::Continue, 2.2)].concat();
    let (out, meters) = perform(&config, &tones(3.0, &[(0.0, 3.0)]), &changes, &[]);
    assert_begins(&out, 1.3);
    assert_eq!(meters.continuations(), 2, "a button that stays down asks once");
}

#[test]
fn an_attack_seeds_and_a_steady_tone_does_not() {
    let config = armed_with(&[(ParamId::OnsetTrigger, 1.0)]);
    let (out, meters) = perform(&config, &tones(3.0, &[(1.0, 3.0)]), &[], &[]);
    let (first, _) = heard(&out[0]).expect("an onset");
    assert!((1.05..1.15).contains(&first), "attack at 1 s, heard at {first} s");
    assert_eq!(meters.continuations(), 1);
}

#[test]
fn an_answer_begins_when_the_phrase_has_ended_and_is_taken_back_by_more_of_it() {
    let config = armed_with(&[(ParamId::Answer, 1.0), (ParamId::AnswerAfter, 0.3), (ParamId::Hold, 61.0)]);
    // The pause of 0.2 s is part of the phrase.
    let (out, meters) = perform(&config, &tones(12.0, &[(0.5, 1.0), (1.2, 1.8)]), &[], &[]);
    assert_eq!(meters.continuations(), 1);
    let (first, last) = heard(&out[0]).expect("an answer");
    // The level is looked at over 20 ms, so that much later the phrase is seen to end.
    let called = 1.8 + 0.3;
    assert!((called + 0.05..called + 0.05 + 0.025).contains(&first), "phrase until 1.8 s, heard at {first} s");
    assert!(last - first > 8.0, "the answer ends after {} s", last - first);
}

#[test]
fn a_new_phrase_gets_a_new_answer() {
    let config = armed_with(&[(ParamId::Answer, 1.0), (ParamId::AnswerAfter, 0.2)]);
    let (_, meters) = perform(&config, &tones(6.0, &[(0.3, 0.8), (2.0, 2.7), (4.0, 4.02)]), &[], &[]);
    assert_eq!(meters.continuations(), 2, "20 ms are no phrase");
}

#[test]
fn notes_seed_by_velocity_and_transpose() {
    let config = armed_with(&[(ParamId::MidiTrigger, 1.0)]);
    let input = tones(3.0, &[(0.0, 1.0)]);
    let part = |out: &[Vec<f32>]| out[0][at(1.5)..at(2.5)].to_vec();
    let (loud, meters) = perform(&config, &input, &[], &[(1.0, 60, 1.0)]);
    assert_begins(&loud, 1.0);
    assert_eq!(meters.continuations(), 1);
    let (soft, _) = perform(&config, &input, &[], &[(1.0, 60, 0.5)]);
    let ratio = rms(&part(&soft)) / rms(&part(&loud));
    assert!((ratio - 0.25).abs() < 0.01, "half the velocity is -12 dB, found a factor of {ratio}");
    let (ignored, meters) = perform(&armed_with(&[]), &input, &[], &[(1.0, 60, 1.0)]);
    assert_eq!((heard(&ignored[0]), meters.continuations()), (None, 0));

    // A vector model says the same whatever rate it is read at: an octave up, it passes twice as fast.
    let mut config = armed_with(&[(ParamId::MidiTrigger, 1.0), (ParamId::MidiTranspose, 1.0)]);
    config.values.set(ParamId::Model, 65.0);
    let crossings = |key| {
        let (out, _) = perform(&config, &input, &[], &[(1.0, key, 1.0)]);
        let part = part(&out);
        assert!(rms(&part) > 1e-3, "note {key}");
        part.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count() as f64
    };
    let (plain, below) = (crossings(60), crossings(48));
    assert!((below / plain - 0.5).abs() < 0.08, "an octave down: {below} crossings of zero where there were {plain}");
}

#[test]
fn beats_seed_on_the_songs_grid_only_while_it_runs() {
    let config = armed_with(&[(ParamId::IntervalBeats, 2.0)]);
    let input = tones(4.0, &[(0.0, 4.0)]);
    let count = |playing: bool, block: usize| {
        let (mut engine, mut worker) = session::start(config.clone(), models::registry());
        let mut first = None;
        for start in (0..at(4.0)).step_by(block) {
            let mut channels: Vec<Vec<f32>> =
                input.iter().map(|channel| channel[start..(start + block).min(at(4.0))].to_vec()).collect();
            // 150 beats a minute from beat 7 on: beat 8 is 0.4 s away, and every 0.8 s from there.
            let transport = Transport {
                playing,
                position_samples: Some(start as i64 + 5),
                loop_samples: None,
                beats: Some(Beats::at(7.0 + start as f64 / 19_200.0, 150.0)),
            };
            let mut slices: Vec<&mut [f32]> = channels.iter_mut().map(Vec::as_mut_slice).collect();
            engine.process(&mut slices, &[], transport);
            drain(&mut worker);
            let sound = channels[0].iter().position(|x| x.abs() > 1e-5);
            first = first.or(sound.map(|i| (start + i) as f64 / f64::from(RATE)));
        }
        (engine.meters().continuations(), first)
    };
    let (continuations, first) = count(true, 480);
    // 0.4, 1.2, 2.0, 2.8 and 3.6 s.
    assert_eq!(continuations, 5);
    // Known ahead: a reaction time after the beat, without a warm-up.
    assert!(first.is_some_and(|first| (0.45..0.454).contains(&first)), "{first:?}");
    assert_eq!(count(true, 1000), (continuations, first), "blocks make no difference");
    assert_eq!(count(false, 480), (0, None), "a song that stands still has no beats");
}

#[test]
fn the_songs_start_seeds_as_soon_as_there_is_sound() {
    let config = armed_with(&[(ParamId::StartTrigger, 1.0)]);
    let registry = models::registry();
    let out = offline(&config, &registry, &tones(2.0, &[(0.5, 2.0)]), &[], Some(480_000), &Blocks::Fixed(480));
    let (first, _) = heard(&out[0]).expect("a start");
    assert!((0.55..0.61).contains(&first), "sound from 0.5 s on, heard at {first} s");
    let free = offline(&config, &registry, &tones(2.0, &[(0.5, 2.0)]), &[], None, &Blocks::Fixed(480));
    assert_eq!(heard(&free[0]), None, "no song, no start");
}

#[test]
fn freeze_holds_what_sounds() {
    let mut config = armed_with(&[(ParamId::ReseedInterval, 0.5), (ParamId::Hold, 1.0)]);
    let input = tones(5.0, &[(0.0, 2.0)]);
    let freeze = Change { at: at(1.7), id: ParamId::Freeze, value: 1.0 };
    let (out, meters) = perform(&config, &input, &[freeze], &[]);
    assert_eq!(meters.continuations(), 3, "at 0.5, 1 and 1.5 s");
    assert!(rms(&out[0][at(4.5)..]) > 1e-3, "Hold has ended it");
    config.values.set(ParamId::Freeze, 0.0);
    let (out, _) = perform(&config, &input, &[], &[]);
    assert_eq!(rms(&out[0][at(4.5)..]), 0.0, "Hold ends it");
}

#[test]
fn voices_play_at_once_staggered_and_apart() {
    let values = [(ParamId::Voices, 4.0), (ParamId::Stagger, 0.5), (ParamId::Spread, 100.0), (ParamId::Hold, 61.0)];
    let config = armed_with(&values);
    let input = tones(8.0, &[(0.0, 8.0)]);
    let three = [1.0, 1.15, 1.3].map(|seconds| press(ParamId::Continue, seconds)).concat();
    let (out, meters) = perform(&config, &input, &three, &[]);
    assert_eq!(meters.continuations(), 3);
    let level = |channel: usize, from: f64| rms(&out[channel][at(from)..at(from + 0.2)]);
    // The first stands on the left, the second, half a second later, on the right.
    assert!(level(0, 1.2) > 1e-3 && level(1, 1.2) < 1e-3 * level(0, 1.2), "{} {}", level(0, 1.2), level(1, 1.2));
    assert!(level(1, 1.7) > 1e-3, "the second");
    // The third, half a second after the second, adds to both and leaves them alone.
    let (two, _) = perform(&config, &input, &three[..4], &[]);
    let third: Vec<f32> = out[0].iter().zip(&two[0]).map(|(a, b)| a - b).collect();
    let (first, _) = heard(&third).expect("a third voice");
    assert!((2.06..2.09).contains(&first) && rms(&third[at(4.0)..]) > 1e-3, "the third begins at {first} s");
    // Of one voice alone nothing is left once it is replaced.
    let config = armed_with(&[(ParamId::Hold, 61.0)]);
    let (out, _) =
        perform(&config, &input, &[press(ParamId::Continue, 1.0), press(ParamId::Continue, 3.0)].concat(), &[]);
    let alone = perform(&config, &input, &press(ParamId::Continue, 3.0), &[]).0;
    assert_same_bits(
        &out.iter().map(|channel| channel[at(3.5)..].to_vec()).collect::<Vec<_>>(),
        &alone.iter().map(|channel| channel[at(3.5)..].to_vec()).collect::<Vec<_>>(),
        "what came before",
    );
}

#[test]
fn the_wet_steps_back_while_the_performer_plays() {
    let duck =
        [(ParamId::DuckWet, -60.0), (ParamId::DuckAttack, 0.1), (ParamId::DuckRelease, 0.2), (ParamId::Hold, 61.0)];
    let mut config = armed_with(&duck);
    config.values.set(ParamId::AutoStart, 1.0);
    let (out, _) = perform(&config, &tones(8.0, &[(0.0, 2.0), (5.0, 6.0)]), &[], &[]);
    assert!(rms(&out[0][at(3.0)..at(5.0)]) > 1e-3, "heard in the pause");
    // Nothing is left an attack after the performer is back, and a few milliseconds for the level to rise.
    assert_eq!(rms(&out[0][at(5.0 + 0.1 + 0.005)..at(6.0)]), 0.0);
    assert!(rms(&out[0][at(6.5)..]) > 1e-3, "and again");
}

#[test]
fn sixty_seconds_of_everything_at_once() {
    let registry = models::registry();
    let config = config(RATE, 2, 64);
    let spans: Vec<(f64, f64)> = (0..40).map(|i| (1.5 * f64::from(i), 1.5 * f64::from(i) + 0.9)).collect();
    let input = tones(60.0, &spans);
    let changes = everything_moves(RATE, 60.0, 3);
    let out = offline(&config, &registry, &input, &changes, Some(0), &Blocks::Fixed(512));
    let ceiling = sympathy::dsp::level::db_to_gain(-0.3) + 0.3;
    assert!(out.iter().flatten().all(|x| x.is_finite() && x.abs() <= ceiling), "dry and wet together");
    assert!(rms(&out[1]) > 1e-2);
}

#[test]
fn nothing_that_moves_clicks() {
    let registry = models::registry();
    let steepest = |sound: &[Vec<f32>]| {
        let steps = sound.iter().flat_map(|channel| channel.windows(2)).map(|pair| (pair[1] - pair[0]).abs());
        steps.fold(0.0f32, f32::max)
    };
    let mut config = config(RATE, 2, 64);
    config.values.set(ParamId::Mix, 100.0);
    let spans: Vec<(f64, f64)> = (0..20).map(|i| (1.5 * f64::from(i), 1.5 * f64::from(i) + 0.9)).collect();
    let input = tones(30.0, &spans);
    // What the models do by themselves, as loud and as temperature as they are let.
    let alone = (64..71).map(|slot| {
        let mut config = config.clone();
        let loud = [
            (ParamId::Model, slot as f32),
            (ParamId::WetGain, 12.0),
            (ParamId::Temperature, 2.0),
            (ParamId::Spread, 100.0),
            (ParamId::Voices, 4.0),
        ];
        loud.iter().for_each(|&(id, value)| config.values.set(id, value));
        steepest(&offline(&config, &registry, &input, &[], Some(0), &Blocks::Fixed(512)))
    });
    let alone = alone.fold(0.0f32, f32::max);
    let mut changes = everything_moves(RATE, 30.0, 11);
    changes.retain(|change| !matches!(change.id, ParamId::Mix | ParamId::Bypass));
    let moved = steepest(&offline(&config, &registry, &input, &changes, Some(0), &Blocks::Fixed(512)));
    assert!(moved < 1.2 * alone, "a step of {moved}, where the models themselves have {alone}");
}

#[test]
fn everything_at_once_has_the_same_bits_in_any_blocks() {
    let registry = models::registry();
    let config = config(RATE, 2, 64);
    let input = tones(8.0, &[(0.0, 1.4), (2.0, 3.0), (3.4, 5.5), (6.0, 7.0)]);
    let changes = everything_moves(RATE, 8.0, 4);
    let reference = offline(&config, &registry, &input, &changes, Some(77), &Blocks::Fixed(512));
    for blocks in [Blocks::Fixed(31), Blocks::Fixed(4096), Blocks::Random(900)] {
        let again = offline(&config, &registry, &input, &changes, Some(77), &blocks);
        assert_same_bits(&reference, &again, &format!("{blocks:?}"));
    }
}

#[test]
fn a_wet_that_comes_back_steps_back() {
    let play = |guard: f32, returned: f32| {
        let mut config = armed_with(&[(ParamId::FeedbackGuard, guard), (ParamId::Hold, 61.0)]);
        config.values.set(ParamId::AutoStart, 1.0);
        // A guitar, whose notes begin and end.
        config.values.set(ParamId::Model, 0.0);
        let (mut engine, mut worker) = session::start(config, models::registry());
        let input = tones(20.0, &[(0.0, 2.0)]);
        let mut room = vec![0.0; at(0.12)];
        let mut out = Vec::new();
        for block in input[0].chunks(480) {
            // The loudspeaker, 120 ms later.
            let from = room.len() - at(0.12);
            let mut left: Vec<f32> = block.iter().zip(&room[from..]).map(|(x, y)| x + returned * y).collect();
            let mut right = left.clone();
            engine.process(&mut [&mut left, &mut right], &[], Transport::default());
            drain(&mut worker);
            room.extend_from_slice(&left);
            out.extend(left);
        }
        (rms(&out[at(12.0)..]), engine.meters().feedbacks())
    };
    let (alone, none) = play(1.0, 0.0);
    let (guarded, found) = play(1.0, 0.5);
    let (unguarded, off) = play(0.0, 0.5);
    assert_eq!((none, off), (0, 0));
    assert!(found > 0, "the loudspeaker was not recognised");
    assert!(alone > 1e-3 && guarded < 0.5 * unguarded, "{alone} alone, {guarded} guarded, {unguarded} unguarded");
}
