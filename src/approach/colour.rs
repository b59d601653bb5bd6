//! How a continuation may differ from what its model would say: the colour of a performance.

pub use crate::control::{Dynamics, Peaks};
use crate::{
    control::{ParamId, ParamValues, Recall},
    dsp::random::{Random, mix64},
    nn::StackState,
};

/// Steps between two draws lie at least so far apart: a mask that changed with every sample would be heard as noise.
const REDRAW_SECONDS: f32 = 0.02;
/// What drifts returns in about this time.
const RETURN_SECONDS: f32 = 2.0;
/// Standard deviation of a unit's gain at the strongest drift.
const STRONGEST_DRIFT: f32 = 0.5;
/// Most of the dropout: something must be left to speak.
const MAX_DROPOUT: f32 = 0.9;
/// Least and most of [`Colour::stretch`].
pub const STRETCHES: [f32; 2] = [0.25, 8.0];

/// What is changed of a continuation's sound while it sounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Colour {
    /// Hop of the resynthesis ÷ hop of the analysis, of magnitude and listening models: 2 is half the speed at the same pitch (Pfalz 2018,
    /// *Water that doesn't move stagnates*). Held in [`STRETCHES`].
    pub stretch: f32,
    /// Peak picking, of magnitude models.
    pub peaks: Peaks,
    /// Part of every layer's outputs that is silenced, 0…0.9, drawn anew with every frame, or every 20 ms.
    pub dropout: f32,
    /// How far the gains of every layer's outputs wander, 0…1: a slow dropout, without its jumps.
    pub drift: f32,
    /// How a listening model answers what was heard.
    pub attention: Attention,
}

impl Default for Colour {
    /// That of a new instance.
    fn default() -> Self {
        Self::of(&ParamValues::default())
    }
}

/// How a listening model answers what was heard. Other models do not look at it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attention {
    /// How closely it keeps to what it recalls, 0…1. A bin's level loses 8 times the cube of this of the logarithm of its odds with every
    /// step away from the recalled one, where that is sure.
    pub listen: f32,
    /// It recalls its own predictions too.
    pub recalls_itself: bool,
    /// Mean time for which the thread through what was heard follows one memory.
    pub thread_seconds: f32,
    /// What a moment loses of the logarithm of its odds with every second that it lies back.
    pub recency: f32,
    /// How reluctant it is to play what it did not hear, 0…1. A level loses twice this of the logarithm of its odds with every step above
    /// what was heard in its bin.
    pub loyalty: f32,
    /// Whether it is loud when the performer is.
    pub dynamics: Dynamics,
    /// Added to the temperature of loudness.
    pub level_temperature: f32,
}

/// [`Attention::listen_odds`] at 1: the recalled frame alone.
const MAX_LISTEN_ODDS: f32 = 8.0;
/// [`Attention::loyal_odds`] at 1.
const MAX_LOYAL_ODDS: f32 = 2.0;
/// Up to the first of these of *Listen* bins are drawn by the odds that were learnt, from the second on at the temperature that the model
/// recommends.
const WARM_LISTEN: [f32; 2] = [0.4, 0.6];

impl Attention {
    /// The odds of [`Self::listen`]. A cube, so that the middle of the range, where it neither replays nor forgets, has the most room.
    pub(super) fn listen_odds(&self) -> f32 {
        let listen = self.listen.clamp(0.0, 1.0);
        MAX_LISTEN_ODDS * listen * listen * listen
    }

    /// The temperature of bins, of the one that the model recommends. That one is below 1: it suits a frame that is recalled, whose doubts are
    /// small. A network left to itself holds its notes at it, and attacks nothing.
    pub(super) fn bin_temperature(&self, recommended: f32) -> f32 {
        let [warm, cold] = WARM_LISTEN;
        let warmth = ((cold - self.listen) / (cold - warm)).clamp(0.0, 1.0);
        recommended + warmth * (1.0 - recommended).max(0.0)
    }

    /// The odds of [`Self::loyalty`].
    pub(super) fn loyal_odds(&self) -> f32 {
        MAX_LOYAL_ODDS * self.loyalty.clamp(0.0, 1.0)
    }
}

impl Colour {
    /// The parameters that it follows from.
    pub const PARAMETERS: [ParamId; 11] = [
        ParamId::Stretch,
        ParamId::Peaks,
        ParamId::Dropout,
        ParamId::Drift,
        ParamId::Listen,
        ParamId::Recall,
        ParamId::Thread,
        ParamId::Recency,
        ParamId::Loyalty,
        ParamId::Dynamics,
        ParamId::LevelTemperature,
    ];

    /// What the parameters say.
    pub fn of(values: &ParamValues) -> Self {
        Self {
            stretch: values.get(ParamId::Stretch),
            peaks: Peaks::of(values),
            dropout: values.get(ParamId::Dropout) / 100.0,
            drift: values.get(ParamId::Drift) / 100.0,
            attention: Attention {
                listen: values.get(ParamId::Listen) / 100.0,
                recalls_itself: Recall::of(values) == Recall::Both,
                thread_seconds: values.get(ParamId::Thread),
                recency: values.get(ParamId::Recency),
                loyalty: values.get(ParamId::Loyalty) / 100.0,
                dynamics: Dynamics::of(values),
                level_temperature: values.get(ParamId::LevelTemperature),
            },
        }
    }

    /// The hop that sounds, of a hop of the model's.
    pub(super) fn stretched(&self, hop_samples: usize) -> usize {
        let [least, most] = STRETCHES;
        ((hop_samples as f32 * self.stretch.clamp(least, most)).round() as usize).max(1)
    }

    fn masks(&self) -> bool {
        self.dropout > 0.0 || self.drift > 0.0
    }
}

/// The most samples that a hop sounds.
pub(super) fn max_hop(hop_samples: usize) -> usize {
    let stretch = STRETCHES[1];
    Colour { stretch, ..Colour::default() }.stretched(hop_samples)
}

/// Gains of the layers' outputs, as dropout and drift move them.
///
/// # Realtime safety
/// `new` allocates; the other methods do not.
#[derive(Clone, Debug)]
pub(super) struct Masks {
    random: Random,
    /// Where a unit is going, and where it is: an Ornstein–Uhlenbeck process of variance 1. `[layer · unit]`
    targets: Vec<f32>,
    walks: Vec<f32>,
    /// 0, or 1 ÷ the probability of being kept.
    kept: Vec<f32>,
    steps_per_draw: u32,
    steps_left: u32,
    memory: f32,
    approach: f32,
    is_on: bool,
}

impl Masks {
    /// Masks that are off, for this many units in all and steps so far apart.
    pub fn new(units: usize, step_seconds: f32) -> Self {
        let steps_per_draw = (REDRAW_SECONDS / step_seconds).ceil().max(1.0);
        Self {
            random: Random::new(0),
            targets: vec![0.0; units],
            walks: vec![0.0; units],
            kept: vec![1.0; units],
            steps_per_draw: steps_per_draw as u32,
            steps_left: 0,
            memory: libm::expf(-steps_per_draw * step_seconds / RETURN_SECONDS),
            approach: (2.0 / steps_per_draw).min(1.0),
            is_on: false,
        }
    }

    /// Off, and all that is random from here on follows from `random_seed`. The state's masks have been reset.
    pub fn reset(&mut self, random_seed: u64) {
        self.random = Random::new(mix64(random_seed ^ 0x636f_6c6f_7572));
        self.targets.fill(0.0);
        self.walks.fill(0.0);
        self.steps_left = 0;
        self.is_on = false;
    }

    /// Before a predicted step: gives every unit its gain. While neither dropout nor drift is on, nothing is drawn and nothing
    /// is touched.
    pub fn step(&mut self, colour: &Colour, state: &mut StackState) {
        if !colour.masks() {
            if std::mem::take(&mut self.is_on) {
                state.mask_outputs(|_, mask| mask.fill(1.0));
            }
            return;
        }
        self.is_on = true;
        if self.steps_left == 0 {
            self.draw(colour.dropout.clamp(0.0, MAX_DROPOUT));
            self.steps_left = self.steps_per_draw;
        }
        self.steps_left -= 1;
        for (walk, target) in self.walks.iter_mut().zip(&self.targets) {
            *walk += self.approach * (target - *walk);
        }
        let spread = STRONGEST_DRIFT * colour.drift.clamp(0.0, 1.0);
        state.mask_outputs(|first, mask| {
            let units = self.kept[first..].iter().zip(&self.walks[first..]);
            for (slot, (kept, walk)) in mask.iter_mut().zip(units) {
                *slot = kept * (1.0 + spread * walk).max(0.0);
            }
        });
    }

    fn draw(&mut self, dropout: f32) {
        let step = (1.0 - self.memory * self.memory).sqrt();
        for target in &mut self.targets {
            *target = self.memory * *target + step * self.random.normal();
        }
        let keep = 1.0 - dropout;
        for kept in &mut self.kept {
            *kept = if dropout > 0.0 && self.random.uniform() >= keep { 0.0 } else { 1.0 / keep };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_has_the_variance_and_the_memory_that_it_states() {
        let mut masks = Masks::new(2000, 0.02);
        masks.reset(7);
        (0..500).for_each(|_| masks.draw(0.0));
        let before = masks.targets.clone();
        let variance = |x: &[f32]| x.iter().map(|x| x * x).sum::<f32>() / x.len() as f32;
        assert!((variance(&before) - 1.0).abs() < 0.1, "{}", variance(&before));
        (0..100).for_each(|_| masks.draw(0.0));
        let product: f32 = before.iter().zip(&masks.targets).map(|(a, b)| a * b).sum();
        let correlation = product / 2000.0;
        assert!((correlation - libm::expf(-1.0)).abs() < 0.1, "after the 2 s in which it returns: {correlation}");
    }

    #[test]
    fn dropout_keeps_the_sum_on_average() {
        let mut masks = Masks::new(10_000, 0.02);
        masks.draw(0.3);
        let silenced = masks.kept.iter().filter(|&&kept| kept == 0.0).count();
        assert!((2800..3200).contains(&silenced), "{silenced}");
        let mean = masks.kept.iter().sum::<f32>() / 10_000.0;
        assert!((mean - 1.0).abs() < 0.05, "{mean}");
    }

    #[test]
    fn bins_grow_colder_from_the_odds_that_were_learnt_to_what_the_model_recommends() {
        let at = |listen, recommended| Attention { listen, ..Colour::default().attention }.bin_temperature(recommended);
        assert_eq!([0.6, 0.8, 1.0].map(|listen| at(listen, 0.75)), [0.75; 3]);
        assert_eq!([0.0, 0.25, 0.4].map(|listen| at(listen, 0.75)), [1.0; 3]);
        assert!((at(0.5, 0.75) - 0.875).abs() < 1e-6, "{}", at(0.5, 0.75));
        assert_eq!([0.0, 0.5, 1.0].map(|listen| at(listen, 1.25)), [1.25; 3], "never colder than recommended");
    }

    #[test]
    fn hops_stretch_within_bounds_and_never_vanish() {
        let stretched = |stretch, hop| Colour { stretch, ..Colour::default() }.stretched(hop);
        assert_eq!([stretched(1.0, 512), stretched(2.5, 512), stretched(0.25, 1)], [512, 1280, 1]);
        assert_eq!([stretched(100.0, 512), stretched(0.0, 512)], [4096, 128]);
        assert_eq!(max_hop(512), 4096);
    }
}
