//! The head against PyTorch, and what each control does to what it draws.

use super::*;
use crate::{
    approach::Network,
    nn::{Isa, StackState},
};
use serde::Deserialize;
use std::{path::Path, sync::Arc};

const MODEL: &[u8] = include_bytes!("../../../tests/fixtures/listening/small.safetensors");
const EXPECTED: &str = include_str!("../../../tests/fixtures/listening/expected.json");
const SHARP: Attention = Attention {
    listen: 0.0,
    recalls_itself: false,
    thread_seconds: f32::INFINITY,
    recency: 0.0,
    loyalty: 0.0,
    dynamics: Dynamics::Own,
    level_temperature: 0.0,
};

#[derive(Deserialize)]
struct Expected {
    seed: Vec<Vec<f32>>,
    recalled: u64,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    sureness: f32,
    bands: Vec<usize>,
    drawn: Vec<usize>,
}

fn network(isa: Isa) -> Arc<Network> {
    let data = ModelData::from_bytes(MODEL, Path::new("small.safetensors")).expect("a good model");
    Arc::new(Network::new(&data, isa))
}

/// A network and its memory, frame by frame.
struct Play {
    network: Arc<Network>,
    state: StackState,
    context: Vec<f32>,
    listener: Listener,
    drawn: Vec<f32>,
    heard: Vec<f32>,
    random: Random,
}

impl Play {
    fn new(network: Arc<Network>) -> Self {
        let head = network.listening.as_ref().expect("it listens");
        let bins = head.own.bins;
        Self {
            state: network.stack.make_state(),
            context: network.out.make_output_buffer(),
            listener: Listener::new(head),
            drawn: vec![0.0; bins],
            heard: vec![0.0; bins],
            random: Random::new(1),
            network,
        }
    }

    fn step(&mut self, frame: &[f32]) {
        let input: Vec<f32> = frame.iter().chain(self.listener.averages()).copied().collect();
        let h = self.network.stack.step(&input, &mut self.state);
        self.network.out.forward(h, &mut self.context);
    }

    fn hear(&mut self, frame: &[f32]) {
        let network = Arc::clone(&self.network);
        self.listener.hear(network.listening.as_ref().expect("it listens"), frame);
        self.step(frame);
    }

    fn draw(&mut self, temperature: f32, attention: Attention) {
        let network = Arc::clone(&self.network);
        let head = network.listening.as_ref().expect("it listens");
        let situation = Situation {
            h: self.state.output(),
            context: &self.context[..head.context_size()],
            temperature,
            band_temperature: temperature,
            attention,
            layers: head.layers(),
        };
        self.listener.draw(head, &situation, &mut self.random, &mut self.drawn, &mut self.heard);
        self.listener.go_on(head, &self.drawn);
        let drawn = self.drawn.clone();
        self.step(&drawn);
    }
}

#[test]
fn draws_what_pytorch_finds_likeliest() {
    let expected: Expected = serde_json::from_str(EXPECTED).expect("the fixture");
    for isa in Isa::all() {
        let mut play = Play::new(network(isa));
        expected.seed.iter().for_each(|frame| play.hear(frame));
        play.listener.thread.follow(0, expected.recalled);
        for (index, step) in expected.steps.iter().enumerate() {
            play.draw(0.0, SHARP);
            let levels = |values: &[f32]| values.iter().map(|x| (x * 7.0).round() as usize).collect::<Vec<_>>();
            let known = &play.listener.band_inputs;
            let sureness = *known.last().expect("inputs");
            assert!((sureness - step.sureness).abs() < 1e-4, "step {index}: {sureness} for {}", step.sureness);
            let first = &play.listener.known[..];
            let bands = &first[first.len() - 3 - BANDS..first.len() - 3];
            assert_eq!(levels(bands), step.bands, "{}, step {index}", isa.name());
            assert_eq!(levels(&play.drawn), step.drawn, "{}, step {index}", isa.name());
        }
    }
}

/// Frames drawn after the fixture's seed.
fn drawn(attention: Attention, accompaniment: Option<&[f32]>, frames: usize) -> (Play, Vec<Vec<f32>>) {
    let expected: Expected = serde_json::from_str(EXPECTED).expect("the fixture");
    let mut play = Play::new(network(Isa::best()));
    expected.seed.iter().for_each(|frame| play.hear(frame));
    let all = (0..frames)
        .map(|_| {
            if let Some(frame) = accompaniment {
                let network = Arc::clone(&play.network);
                play.listener.accompany(network.listening.as_ref().expect("it listens"), frame);
            }
            play.draw(1.0, attention);
            play.drawn.clone()
        })
        .collect();
    (play, all)
}

/// Mean distance of the frames from the nearest of the others.
fn distance(frames: &[Vec<f32>], others: &[Vec<f32>]) -> f32 {
    let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>() / a.len() as f32;
    let nearest = |frame: &Vec<f32>| others.iter().map(|other| apart(frame, other)).fold(f32::INFINITY, f32::min);
    frames.iter().map(nearest).sum::<f32>() / frames.len() as f32
}

#[test]
fn listen_draws_towards_what_is_recalled() {
    let expected: Expected = serde_json::from_str(EXPECTED).expect("the fixture");
    let at = |listen| distance(&drawn(Attention { listen, ..SHARP }, None, 40).1, &expected.seed);
    let (free, half, all) = (at(0.0), at(0.5), at(1.0));
    assert!(half < 0.9 * free && all < 0.1, "{free} {half} {all}");
}

#[test]
fn loyalty_keeps_silent_what_was_not_heard() {
    let mean = |loyalty| {
        let (_, frames) = drawn(Attention { loyalty, ..SHARP }, None, 40);
        frames.iter().flatten().sum::<f32>()
    };
    assert!(mean(1.0) < 0.9 * mean(0.0), "{} {}", mean(1.0), mean(0.0));
}

#[test]
fn what_the_performer_plays_meanwhile_is_remembered_and_rests_are_not() {
    let chord: Vec<f32> = (0..24).map(|bin| if bin % 5 == 0 { 0.9 } else { 0.0 }).collect();
    let attention = Attention { listen: 1.0, recency: 100.0, thread_seconds: 0.1, ..SHARP };
    let towards = |frames: &[Vec<f32>]| distance(&frames[30..], std::slice::from_ref(&chord));
    let (alone, with) = (drawn(attention, None, 60).1, drawn(attention, Some(&chord), 60).1);
    assert!(towards(&with) < 0.3 * towards(&alone), "{} {}", towards(&with), towards(&alone));
    let (resting, frames) = drawn(attention, Some(&[0.01; 24]), 60);
    assert_eq!(frames, alone, "a rest changes nothing");
    assert_eq!(resting.listener.heard.range(), 0..19);
}

#[test]
fn dynamics_lean_the_bands_towards_the_performer_or_away() {
    // The performer plays softly for a while and then loud: how loud are the bands then?
    let level = |dynamics| {
        let (mut play, _) = drawn(Attention { dynamics, ..SHARP }, Some(&[0.4; 24]), 60);
        let network = Arc::clone(&play.network);
        let head = network.listening.as_ref().expect("it listens");
        let mut sum = 0.0;
        for _ in 0..40 {
            play.listener.accompany(head, &[0.75; 24]);
            play.draw(1.0, Attention { dynamics, ..SHARP });
            let known = &play.listener.known;
            sum += known[known.len() - 3 - BANDS..known.len() - 3].iter().sum::<f32>();
        }
        sum / 40.0
    };
    let (follow, own, opposite) = (level(Dynamics::Follow), level(Dynamics::Own), level(Dynamics::Opposite));
    assert!(follow > opposite + 0.5, "{follow} {own} {opposite}");
    assert!((opposite..follow).contains(&own), "{follow} {own} {opposite}");
}

#[test]
fn it_wanders_off_when_it_recalls_itself() {
    let (play, _) = drawn(Attention { recalls_itself: true, ..SHARP }, None, 50);
    assert_eq!(play.listener.predicted.range(), 0..49);
    let same = drawn(Attention { recalls_itself: true, thread_seconds: 0.1, ..SHARP }, None, 50).1;
    assert_ne!(same, drawn(Attention { thread_seconds: 0.1, ..SHARP }, None, 50).1);
}
