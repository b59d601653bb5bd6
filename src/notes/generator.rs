//! A recurrent network that goes on by itself: it hears columns, and then its own.

use super::{
    draw::{Draw, plane, uniform},
    tonality::{ALL_CLASSES, Tonality},
};
use crate::{
    approach::{ColumnPredictor, ColumnState},
    model::{KEYS, STEPS_PER_MEASURE},
};
use std::{ops::RangeInclusive, sync::Arc};

/// So many equal columns are a stall.
pub const STALL_COLUMNS: usize = 8;
/// The keys of which one ends a stall, as indices: C♯4 to A5.
const STIRRING_KEYS: RangeInclusive<usize> = 40..=60;
/// The number in place of a key's of which the one that ends a stall is chosen: no key is tossed with it.
const NO_KEY: usize = 2 * KEYS;

/// What a network hears of its own prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feedback {
    /// The probabilities.
    Raw,
    /// The keys that sounded.
    Played,
}

/// How a network plays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Playing {
    /// From probabilities to keys.
    pub draw: Draw,
    /// What it hears of that.
    pub feedback: Feedback,
    /// Adds a key near the middle to every eighth equal column, that it may go on.
    pub stirs: bool,
    /// How much it stays in the key of what it has heard, 0 to 1: [`Tonality::pull`].
    pub stays: f32,
}

/// A network, where it is, and what it played last.
#[derive(Clone, Debug)]
pub struct Continuation {
    network: Arc<ColumnPredictor>,
    state: ColumnState,
    playing: Playing,
    /// A column, and the step of the measure where the network hears it.
    input: Vec<f32>,
    /// Of the next column, as the network says them, and drawn towards the key.
    probabilities: Vec<f32>,
    pulled: Vec<f32>,
    /// The last one, heard or played.
    column: Vec<f32>,
    /// The key of what others played.
    tonality: Tonality,
    /// Columns heard, its own among them.
    heard: u64,
    /// Columns played.
    played: u64,
    /// How many columns up to the last one played are equal.
    equal: usize,
}

impl Continuation {
    /// One that has heard nothing and expects nothing. Allocates.
    pub fn new(network: Arc<ColumnPredictor>, playing: Playing) -> Self {
        Self {
            state: network.make_state(),
            playing,
            input: vec![0.0; network.inputs()],
            probabilities: vec![0.0; network.column()],
            pulled: vec![0.0; network.column()],
            column: vec![0.0; network.column()],
            tonality: Tonality::new(network.steps_per_quarter()),
            heard: 0,
            played: 0,
            equal: 0,
            network,
        }
    }

    /// Hears a column that another played: 1 for each key that is held, and for each that is struck where the network
    /// knows strokes.
    ///
    /// # Realtime safety
    /// Does not allocate.
    ///
    /// # Panics
    /// If the column has another length than the network's.
    pub fn hear(&mut self, column: &[f32]) {
        self.column.copy_from_slice(column);
        self.input[..column.len()].copy_from_slice(column);
        self.tonality.hear(plane(&column[..KEYS]));
        self.step();
    }

    /// Plays the next column and hears it.
    ///
    /// # Realtime safety
    /// Does not allocate.
    pub fn play(&mut self) -> &[f32] {
        let width = self.column.len();
        // Its place is written over by its own drawing: what was before is compared first.
        self.input[..width].copy_from_slice(&self.column);
        self.pulled.copy_from_slice(&self.probabilities);
        self.tonality.pull(self.playing.stays, ALL_CLASSES, &mut self.pulled);
        self.playing.draw.column(self.played, &self.pulled, &mut self.column);
        let (before, now) = (&self.input[..width], &mut self.column);
        strike(before, now);
        self.equal = if self.played > 0 && before == &now[..] { self.equal + 1 } else { 1 };
        let mut added = None;
        if self.playing.stirs && self.equal >= STALL_COLUMNS {
            added = stirring_key(&self.playing.draw, self.played, |key| now[key] == 0.0);
        }
        if let Some(key) = added {
            now[key] = 1.0;
            strike(before, now);
            self.equal = 1;
        }
        match self.playing.feedback {
            Feedback::Raw => {
                self.input[..width].copy_from_slice(&self.probabilities);
                // A key that nobody foresaw would otherwise not be heard.
                added.into_iter().for_each(|key| self.input[key] = 1.0);
            }
            Feedback::Played => self.input[..width].copy_from_slice(&self.column),
        }
        self.played += 1;
        self.step();
        &self.column
    }

    /// How likely each key is in the next column, as the network says it.
    pub fn probabilities(&self) -> &[f32] {
        &self.probabilities
    }

    /// A probability is no number: weights so large that sums overflow.
    pub fn has_failed(&self) -> bool {
        !self.probabilities.iter().all(|probability| probability.is_finite())
    }

    /// The network's step; the column stands in its inputs.
    fn step(&mut self) {
        let phase = &mut self.input[self.column.len()..];
        if !phase.is_empty() {
            phase.fill(0.0);
            phase[(self.heard % STEPS_PER_MEASURE as u64) as usize] = 1.0;
        }
        self.probabilities.copy_from_slice(self.network.step(&self.input, &mut self.state));
        self.heard += 1;
    }
}

/// Makes the strokes of a column, where it has them, fit its keys: a note that begins has one, a key that is not held none.
fn strike(before: &[f32], column: &mut [f32]) {
    let (held, strokes) = column.split_at_mut(KEYS);
    for ((stroke, &held), &before) in strokes.iter_mut().zip(&*held).zip(before) {
        *stroke = if before > 0.0 { *stroke * held } else { held };
    }
}

/// A key near the middle that is free, as does not sound yet; which, is chosen by random.
pub(super) fn stirring_key(draw: &Draw, step: u64, is_free: impl Fn(usize) -> bool) -> Option<usize> {
    let count = STIRRING_KEYS.count();
    let first = (uniform(draw.random_seed, step, NO_KEY) * count as f32) as usize;
    (0..count).map(|k| STIRRING_KEYS.start() + (first + k) % count).find(|&key| is_free(key))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        dsp::random::Random,
        model::{RollModel, RollModelConfig, RollNetwork, RollRepeats},
        nn::{Cell, Isa, Precision},
        notes::{Choice, Law},
    };
    use std::path::Path;

    /// An LSTM of random weights that finds most keys unlikely.
    pub(in crate::notes) fn network(change: impl FnOnce(&mut RollModelConfig), bias: f32) -> Arc<ColumnPredictor> {
        let mut config = RollModelConfig::new(RollNetwork::Recurrent { cell: Cell::Lstm, layers: 2, hidden: 24 });
        change(&mut config);
        let mut random = Random::new(11);
        let tensors = config.tensors().into_iter().map(|tensor| {
            let shift = if tensor.name == "out.bias" { bias } else { 0.0 };
            let count = tensor.shape.iter().product::<usize>();
            (tensor.name, (0..count).map(|_| 0.6 * random.normal() + shift).collect())
        });
        let model = RollModel::new(config.clone(), tensors.collect(), Path::new("small")).expect("a sound model");
        Arc::new(ColumnPredictor::of(&model, Precision::F32, Isa::best()).expect("recurrent"))
    }

    fn playing(choice: Choice, feedback: Feedback, stirs: bool) -> Playing {
        Playing { draw: Draw { choice, random_seed: 3 }, feedback, stirs, stays: 0.0 }
    }

    const TOSS: Choice = Choice::Toss { law: Law::Linear, temperature: 1.0 };

    #[test]
    fn what_it_plays_is_drawn_from_what_the_network_says_and_fed_back() {
        let network = network(|_| (), -2.0);
        for (choice, feedback) in
            [(Choice::Threshold(0.2), Feedback::Raw), (TOSS, Feedback::Played), (TOSS, Feedback::Raw)]
        {
            let playing = playing(choice, feedback, false);
            let mut continuation = Continuation::new(Arc::clone(&network), playing);
            let mut start = [0.0; KEYS];
            start[39] = 1.0;
            continuation.hear(&start);
            let mut state = network.make_state();
            let mut heard = start.to_vec();
            let mut sounding = 0.0;
            for step in 0..100 {
                let said = network.step(&heard, &mut state).to_vec();
                let mut expected = [0.0; KEYS];
                playing.draw.column(step, &said, &mut expected);
                assert_eq!(continuation.play(), expected, "{choice:?} {feedback:?}, step {step}");
                sounding += expected.iter().sum::<f32>();
                heard = if feedback == Feedback::Raw { said } else { expected.to_vec() };
            }
            assert!(sounding > 50.0, "{choice:?}: {sounding}");
        }
    }

    #[test]
    fn it_draws_in_the_key_of_what_it_heard_and_hears_of_its_own_what_the_network_said() {
        let network = network(|_| (), -2.0);
        let playing = Playing { stays: 0.5, ..playing(TOSS, Feedback::Raw, false) };
        let mut continuation = Continuation::new(Arc::clone(&network), playing);
        let (mut state, mut tonality) = (network.make_state(), Tonality::new(network.steps_per_quarter()));
        let mut chord = vec![0.0; KEYS];
        [39, 43, 46].into_iter().for_each(|key| chord[key] = 1.0);
        let mut said = Vec::new();
        for _ in 0..20 {
            continuation.hear(&chord);
            tonality.hear(1 << 39 | 1 << 43 | 1 << 46);
            said = network.step(&chord, &mut state).to_vec();
        }
        for step in 0..100 {
            let (mut pulled, mut expected) = (said.clone(), [0.0; KEYS]);
            tonality.pull(0.5, ALL_CLASSES, &mut pulled);
            assert_ne!(pulled, said);
            playing.draw.column(step, &pulled, &mut expected);
            assert_eq!(continuation.play(), expected, "step {step}");
            said = network.step(&said, &mut state).to_vec();
        }
    }

    #[test]
    fn the_step_of_the_measure_is_heard_where_the_model_has_it() {
        let network = network(|config| config.approach.phase = true, -2.0);
        assert_eq!((network.inputs(), network.column()), (104, 88));
        let mut continuation = Continuation::new(Arc::clone(&network), playing(TOSS, Feedback::Played, false));
        let mut state = network.make_state();
        for step in 0..40 {
            let mut heard = [0.0; 104];
            match step {
                0..20 => continuation.hear(&heard[..88]),
                _ => heard[..88].copy_from_slice(continuation.play()),
            }
            heard[88 + step % 16] = 1.0;
            assert_eq!(continuation.probabilities(), network.step(&heard, &mut state), "step {step}");
        }
    }

    #[test]
    fn a_stall_ends_with_a_key_near_the_middle() {
        // Every probability is below a half: nothing is ever above a threshold of nine tenths.
        let network = network(|_| (), -9.0);
        let columns = |stirs| -> Vec<Vec<usize>> {
            let mut continuation =
                Continuation::new(Arc::clone(&network), playing(Choice::Threshold(0.9), Feedback::Raw, stirs));
            let keys = |column: &[f32]| (0..KEYS).filter(|&key| column[key] > 0.0).collect();
            (0..64).map(|_| keys(continuation.play())).collect()
        };
        assert!(columns(false).iter().all(Vec::is_empty));
        let stirred = columns(true);
        assert_eq!(stirred, columns(true), "the same seed, the same keys");
        for (step, keys) in stirred.iter().enumerate() {
            // Seven silent columns, one with a key; that one and the next differ.
            assert_eq!(keys.len(), usize::from(step % 8 == 7), "step {step}");
            assert!(keys.iter().all(|key| STIRRING_KEYS.contains(key)), "step {step}: {keys:?}");
        }
        let mut different: Vec<_> = stirred.concat();
        different.sort_unstable();
        different.dedup();
        assert!(different.len() > 3, "{different:?}");
    }

    #[test]
    fn notes_begin_with_a_stroke_and_only_what_is_held_has_one() {
        let network = network(|config| config.approach.repeats = RollRepeats::Onset, -1.5);
        assert_eq!(network.column(), 176);
        let mut continuation = Continuation::new(network, playing(TOSS, Feedback::Played, false));
        let (mut before, mut again) = (vec![0.0; 176], 0);
        for step in 0..200 {
            let now = continuation.play().to_vec();
            for (key, was_held) in before[..KEYS].iter().map(|&before: &f32| before > 0.0).enumerate() {
                let (held, stroke) = (now[key] > 0.0, now[KEYS + key] > 0.0);
                assert!(!stroke || held, "step {step}, key {key}");
                assert!(stroke || !held || was_held, "step {step}, key {key}");
                again += usize::from(stroke && was_held);
            }
            before = now;
        }
        assert!(again > 10, "keys are struck again: {again}");
    }

    #[test]
    fn weights_without_bounds_fail_and_do_not_panic() {
        let mut continuation = Continuation::new(network(|_| (), f32::MAX / 4.0), playing(TOSS, Feedback::Raw, true));
        assert!(!continuation.has_failed());
        continuation.hear(&[f32::NAN; KEYS]);
        assert!(continuation.has_failed());
        continuation.play();
    }
}
