//! Models that listen go on hearing the performer while they predict (docs/LISTENING.md).

use crate::common::{
    assert_same_bits,
    drive::{Blocks, Change, config, offline},
    models, phrase,
};
use std::sync::Arc;
use sympathy::{
    approach::{Colour, Generator, Network, feed_seed, input_gain, resynthesise},
    control::{ParamId, ParamValues, SeedSource},
    dsp::level::rms,
    engine::EngineConfig,
    model::{ModelConfig, ModelData},
    nn::Isa,
};

const RATE: u32 = 48_000;
const LISTENING: u8 = 70;
const VECTOR: u8 = 65;

fn at(seconds: f64) -> usize {
    (seconds * f64::from(RATE)) as usize
}

/// One continuation from 0.4 s on, wet only.
fn one_continuation(slot: u8) -> EngineConfig {
    let mut config = config(RATE, 2, slot);
    for (id, value) in [(ParamId::ReseedInterval, 0.0), (ParamId::Hold, 61.0), (ParamId::Mix, 100.0)] {
        config.values.set(id, value);
    }
    config
}

/// Notes that go on, and the same with a rest from 1.2 s on.
fn inputs() -> [Vec<Vec<f32>>; 2] {
    let plays = phrase(RATE, 3.0, 2);
    let mut rests = plays.clone();
    rests.iter_mut().for_each(|channel| channel[at(1.2)..].fill(0.0));
    [plays, rests]
}

fn first_difference(a: &[Vec<f32>], b: &[Vec<f32>]) -> Option<usize> {
    let differs = |(a, b): (&Vec<f32>, &Vec<f32>)| a.iter().zip(b).position(|(x, y)| x.to_bits() != y.to_bits());
    a.iter().zip(b).filter_map(differs).min()
}

#[test]
fn what_is_played_meanwhile_is_heard_one_reaction_time_later_and_by_no_other_model() {
    let registry = models::registry();
    let render = |slot, input: &[Vec<f32>], changes: &[Change]| {
        let mut config = one_continuation(slot);
        config.values.set(ParamId::Gate, -60.0);
        offline(&config, &registry, input, changes, Some(0), &Blocks::Fixed(480))
    };
    let [plays, rests] = inputs();
    let difference =
        |slot, changes: &[Change]| first_difference(&render(slot, &plays, changes), &render(slot, &rests, changes));
    let heard = difference(LISTENING, &[]).expect("the continuation follows");
    assert!((at(1.25)..at(1.6)).contains(&heard), "heard at {:.3} s", heard as f64 / f64::from(RATE));
    assert_eq!(difference(VECTOR, &[]), None, "a model without a memory hears its seed alone");
    let freeze = [Change { at: at(1.0), id: ParamId::Freeze, value: 1.0 }];
    assert_eq!(difference(LISTENING, &freeze), None, "what is held does not follow");
    let noise = [Change { at: 0, id: ParamId::SeedSource, value: SeedSource::White.value() }];
    assert_eq!(difference(LISTENING, &noise), None, "noise as the seed: the input is not listened to");
}

#[test]
fn what_was_played_before_the_seed_is_remembered() {
    let registry = models::registry();
    let render = |before: bool| {
        let mut config = one_continuation(LISTENING);
        for (id, value) in [(ParamId::AutoStart, 0.0), (ParamId::SeedLength, 0.3)] {
            config.values.set(id, value);
        }
        let mut input = phrase(RATE, 2.5, 2);
        // The loudest part, by which it hears, is the same.
        input.iter_mut().for_each(|channel| channel[at(0.6)..].iter_mut().for_each(|x| *x *= 2.5));
        if !before {
            input.iter_mut().for_each(|channel| channel[..at(0.6)].fill(0.0));
        }
        let start = [Change { at: at(1.0), id: ParamId::Continue, value: 1.0 }];
        offline(&config, &registry, &input, &start, Some(0), &Blocks::Fixed(480))
    };
    let (with, without) = (render(true), render(false));
    assert!(rms(&with[0][at(1.2)..]) > 1e-4, "something is played");
    assert!(first_difference(&with, &without).is_some_and(|first| first > at(1.0)), "the first notes are remembered");
}

#[test]
fn strings_morphs_and_channels_listen_too_with_the_same_bits_at_any_block_size() {
    let registry = models::registry();
    let cases: [(&str, &[(ParamId, f32)]); 4] = [
        ("strings", &[(ParamId::VoiceLevel, -60.0), (ParamId::SwellLevel, 12.0), (ParamId::LoopLength, 1.0)]),
        ("morph", &[(ParamId::MorphModel, 65.0)]),
        ("channels", &[(ParamId::Stereo, 2.0)]),
        ("voices", &[(ParamId::Voices, 3.0), (ParamId::ReseedInterval, 0.3)]),
    ];
    let [plays, rests] = inputs();
    for (name, values) in cases {
        let mut config = one_continuation(LISTENING);
        values.iter().for_each(|&(id, value)| config.values.set(id, value));
        let render = |input: &[Vec<f32>], blocks| offline(&config, &registry, input, &[], Some(0), &blocks);
        let reference = render(&plays, Blocks::Fixed(512));
        for blocks in [Blocks::Fixed(64), Blocks::Random(900), Blocks::Fixed(8192)] {
            assert_same_bits(&reference, &render(&plays, blocks), name);
        }
        if ["strings", "voices"].contains(&name) {
            // The bands that the input opens, and other seeds, would make the difference by themselves.
            continue;
        }
        let resting = render(&rests, Blocks::Fixed(512));
        assert!(first_difference(&reference, &resting).is_some_and(|first| first > at(1.2)), "{name} does not listen");
    }
}

fn network() -> Arc<Network> {
    Arc::new(Network::new(&model(), Isa::best()))
}

fn model() -> ModelData {
    let (_, _, data) = models::all_kinds().into_iter().find(|(slot, ..)| *slot == LISTENING).expect("it is there");
    data
}

/// Half a second after a seed, with the parameters as given.
fn continued(seed: &[f32], values: &ParamValues) -> Vec<f32> {
    continued_by(network(), seed, values)
}

fn continued_by(network: Arc<Network>, seed: &[f32], values: &ParamValues) -> Vec<f32> {
    let mut generator = Generator::new(network);
    generator.reset(3);
    generator.set_colour(Colour::of(values));
    feed_seed(&mut generator, seed);
    // The performer plays on, the seed once more.
    let mut windows = seed.windows(generator.network().config().window_samples()).step_by(generator.hop_samples());
    let mut out = vec![0.0; 86 * generator.hop_samples()];
    for hop in out.chunks_exact_mut(128) {
        windows.next().into_iter().for_each(|window| generator.accompany(window));
        generator.predict(1.0, hop);
    }
    out
}

#[test]
fn it_hears_every_player_at_one_level_and_answers_at_theirs() {
    let seed = phrase(22_050, 1.0, 1).remove(0);
    let soft: Vec<f32> = seed.iter().map(|x| 0.01 * x).collect();
    let (loud, soft) = (continued(&seed, &ParamValues::default()), continued(&soft, &ParamValues::default()));
    // Near its floor a soft frame is not quite the loud one's, and a draw may fall otherwise.
    let ratio = 100.0 * rms(&soft) / rms(&loud);
    assert!(rms(&loud) > 1e-3 && (0.8..1.25).contains(&ratio), "{ratio} at a level of {}", rms(&loud));
    assert_eq!(input_gain(0.0), 1.0, "silence has no level");
    assert!(input_gain(1e-30).is_finite() && input_gain(f32::MAX) > 0.0);
}

#[test]
fn its_frames_keep_pitch_level_and_rests() {
    let seed = phrase(22_050, 2.0, 1).remove(0);
    let said = resynthesise(&network(), &seed);
    assert!((said.len() as f64 / seed.len() as f64 - 1.0).abs() < 0.05);
    let ratio = rms(&said) / rms(&seed);
    assert!((0.5..2.0).contains(&ratio), "{ratio}");
    assert!(resynthesise(&network(), &[]).is_empty());
    assert!(resynthesise(&network(), &vec![0.0; 4000]).iter().all(|&x| x == 0.0));
}

#[test]
fn every_parameter_of_listening_changes_what_it_plays() {
    let seed = phrase(22_050, 2.0, 1).remove(0);
    let usual = continued(&seed, &ParamValues::default());
    for (id, value) in [
        (ParamId::Listen, 0.0),
        (ParamId::Listen, 100.0),
        (ParamId::Thread, 0.05),
        (ParamId::Recency, 10.0),
        (ParamId::Loyalty, 100.0),
        (ParamId::Dynamics, 1.0),
        (ParamId::Dynamics, 2.0),
        (ParamId::LevelTemperature, -1.0),
        (ParamId::Recall, 1.0),
    ] {
        let mut values = ParamValues::default();
        values.set(id, value);
        assert!(continued(&seed, &values) != usual, "{} = {value}", id.spec().key);
    }
}

#[test]
fn left_to_itself_it_draws_by_the_odds_it_learnt_and_where_it_recalls_as_its_maker_recommends() {
    let seed = phrase(22_050, 2.0, 1).remove(0);
    let recommending = |temperature| {
        let config = ModelConfig { temperature, ..model().config().clone() };
        let data = model().with_config(config).expect("the same tensors");
        Arc::new(Network::new(&data, Isa::best()))
    };
    let [cold, plain, hot] = [0.5, 1.0, 1.5].map(recommending);
    for (listen, is_by_the_odds) in [(0.0, true), (40.0, true), (50.0, false), (60.0, false), (100.0, false)] {
        let mut values = ParamValues::default();
        values.set(ParamId::Listen, listen);
        let [cold, plain, hot] = [&cold, &plain, &hot].map(|net| continued_by(Arc::clone(net), &seed, &values));
        assert_eq!(cold == plain, is_by_the_odds, "Listen {listen}");
        assert_ne!(hot, plain, "Listen {listen}: a higher recommendation still counts");
    }
}
