//! Learning from what is being played, while it is being played: the same weights as from a take, in small steps, and what keeps them
//! from harm. `docs/LEARNING.md` has the measurements that the constants come from.
//!
//! What is learnt is a function of the frames heard and of what each update is told: of nothing that a clock or another thread decides.

use super::{
    adam::{Adam, Rules},
    analysis::INPUT_NOISE,
    error::LearnError,
    material::{Course, Hearing, Material},
    shape::{LEARNT, Shape},
    update::{Batch, Losses, Update, Wanted},
};
use crate::{
    approach::{FrameLayers, Network},
    dsp::random::{Random, mix64},
    model::{ModelConfig, ModelData},
    nn::Isa,
};
use std::{collections::BTreeMap, sync::Arc};

/// Steps of an update, and frames of a step: of as many frames more steps of few teach more than few steps of many.
const STEPS: usize = 8;
const FRAMES: usize = 8;
/// An update is examined on so many frames at most, every second one of the newest.
const EXAMINED: usize = 12;
/// Of 16 frames, which are those of two steps, as many are of the last seconds; the maker's share is a knob, the rest is the session's.
const NOW_PARTS: usize = 7;
const PARTS: usize = 2 * FRAMES;
/// What counts as now.
const NOW_SECONDS: f64 = 8.0;
/// The part of the time since the last update that has to have been played, for another to be made.
const FRESH_PART: f64 = 0.25;
/// Nothing is learnt from less.
const LEAST_HEARD_SECONDS: f64 = 2.0;
/// Updates over which the rates rise. What follows is counted in updates or steps, and lasts half as long where there are twice as many.
const RISE_UPDATES: u64 = 8;
/// Learning rates of the bins and of the bands with *Learn Rate* in the middle; from there to either end is a factor of four. Where the bands'
/// levels stood still, the bins learnt to follow levels that were not the player's: continuations grew dull and attacked nothing.
const RATES: [f64; 2] = [1e-3, 2e-3];
const RATE_SPAN: f64 = 4.0;
/// What stays of the squared gradient's mean, and of the mean of the weights, from step to step.
const BETA_2: f32 = 0.99;
const MEAN_STAYS: f32 = 0.99;
/// Of how far weights lie from where they began, what a step takes back at a pull of 1, where there is no material of the maker's.
const PULL_BACK: f32 = 5e-3;
/// Frames of the maker's material that are heard with an update.
const REMINDED_AT_ONCE: usize = 320;
/// The weights of a tensor differ by at most this part of their size, root of mean squares, from those it began with, and this much.
const FENCE: f32 = 1.0;
const FENCE_LEAST: f32 = 0.05;
/// Weights pass if what they lose, against those that learning began with, is at most this, in nats a bin and a band.
const MAX_WORSE: [f64; 2] = [0.3, 1.0];
/// After weights that did not pass, as many updates are made at half the rate.
const CAREFUL_UPDATES: u32 = 16;
/// So many of them in as many updates, and learning pauses.
const MAX_FAILURES: usize = 3;
const FAILURE_UPDATES: u64 = 60;

/// What an update is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// 0…1: 0 is standing still, 1/2 what was measured.
    pub rate: f32,
    /// How far back the session's frames are taken from.
    pub memory_seconds: f32,
    /// 0…1: how strongly weights are held to what they were.
    pub pull: f32,
    /// Seconds from one update to the next.
    pub interval_seconds: f64,
    /// What is random in this update follows from it.
    pub random_seed: u64,
}

/// What became of an update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// Too little was heard since the last one, or in all: the weights stand still.
    Waits,
    /// It was made.
    Learnt {
        /// Losses on what was heard since the last update, of the weights from before this one: it has not learnt from that yet.
        now: Losses,
        /// Those of the weights that learning began with.
        base: Losses,
    },
    /// The weights did not pass, and are those that passed last.
    RolledBack,
    /// They did not pass several times: nothing is learnt until everything is forgotten.
    Paused,
}

/// Of 16 frames of a step, how many are of the last seconds, of the session, and of the maker's material, at a pull of 0…1.
pub fn shares(pull: f32, is_reminded: bool) -> [usize; 3] {
    let maker = if is_reminded { ((pull * PARTS as f32).round() as usize).min(PARTS - NOW_PARTS) } else { 0 };
    [NOW_PARTS, PARTS - NOW_PARTS - maker, maker]
}

/// A model that goes on learning.
#[derive(Clone, Debug)]
pub struct Concurrent {
    config: ModelConfig,
    isa: Isa,
    hearing: Hearing,
    course: Course,
    material: Material,
    /// The maker's material as far as it has been heard, what is left of it, and how much of it may be used by now.
    maker: Material,
    reminder: Vec<u8>,
    maker_course: Course,
    reminded: usize,
    update: Update,
    batch: Batch,
    /// The frames that an update is examined on.
    examined: Batch,
    shape: Shape,
    hop_seconds: f64,
    /// Those of the model, and those that it has now.
    base: Vec<f32>,
    weights: Vec<f32>,
    adam: Adam,
    /// The mean that passed last.
    passed: Vec<f32>,
    /// Updates made, and of late those that failed.
    updates: u64,
    failures: Vec<u64>,
    careful: u32,
    paused: bool,
    /// Frames heard since the last update.
    fresh: usize,
    levels: Vec<u8>,
}

impl Concurrent {
    /// Of a model that listens and its network, which is reminded of its maker's material where its file holds any. Frames of the last
    /// `memory_seconds` can be held. What is learnt depends on the network's precision. Allocates.
    ///
    /// # Errors
    /// For a model that does not listen.
    pub fn new(model: &ModelData, network: Arc<Network>, memory_seconds: f64, isa: Isa) -> Result<Self, LearnError> {
        let hearing = Hearing::of_network(model, network, isa)?;
        let update = Update::new(model, isa)?;
        let shape = *update.shape();
        let base = shape.weights_of(model);
        let config = model.config().clone();
        let hop_seconds = config.hop_samples() as f64 / f64::from(config.sample_rate_hz);
        let capacity = (memory_seconds / hop_seconds).ceil() as usize;
        Ok(Self {
            material: Material::new(shape, hop_seconds, capacity.max(Hearing::RECALLED + 2), true),
            maker: Material::new(shape, hop_seconds, (model.maker_frames().len() / shape.bins).max(1), true),
            reminder: model.maker_frames().to_vec(),
            maker_course: hearing.begin(),
            reminded: 0,
            course: hearing.begin(),
            batch: Batch::new(shape, FRAMES),
            examined: Batch::new(shape, EXAMINED),
            adam: adam(&shape, &base),
            passed: base.clone(),
            weights: base.clone(),
            levels: vec![0; shape.bins],
            updates: 0,
            failures: Vec::with_capacity(MAX_FAILURES),
            careful: 0,
            paused: false,
            fresh: 0,
            config,
            isa,
            hearing,
            update,
            shape,
            hop_seconds,
            base,
        })
    }

    /// Whether it is reminded of its maker's material.
    pub fn is_reminded(&self) -> bool {
        !self.reminder.is_empty()
    }

    /// What the model's file says of itself.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// A frame of what is heard, levels 0…1, `[bin]`. A rest is not `played`: for its sake no update is made, and nobody learns to fall silent
    /// because the performer has stopped.
    pub fn hear(&mut self, frame: &[f32], played: bool) {
        self.levels.iter_mut().zip(frame).for_each(|(slot, level)| *slot = (level * 255.0).round() as u8);
        if !played {
            self.material.cut();
        }
        self.hearing.hear(&self.levels, &mut self.course, &mut self.material);
        self.fresh += usize::from(played);
    }

    /// The next frame does not follow the last one.
    pub fn cut(&mut self) {
        self.material.cut();
    }

    /// Seconds that have been heard.
    pub fn heard_seconds(&self) -> f64 {
        self.material.heard() as f64 * self.hop_seconds
    }

    /// Begins anew with nothing heard: from the model's weights, or, if it `carries` on, from what it has become.
    pub fn restart(&mut self, carries: bool) {
        if !carries {
            self.weights.copy_from_slice(&self.base);
            self.passed.copy_from_slice(&self.base);
            self.adam = adam(&self.shape, &self.base);
            (self.updates, self.careful, self.paused, self.reminded) = (0, 0, false, 0);
            self.failures.clear();
        }
        self.course.restart();
        self.material.forget();
        self.fresh = 0;
    }

    /// The weights that are to be heard: the mean of those on the way, in the order of [`LEARNT`].
    pub fn learnt(&self) -> &[f32] {
        &self.passed
    }

    /// The same as a model's tensors.
    pub fn tensors(&self) -> BTreeMap<String, Vec<f32>> {
        self.shape.tensors(&self.passed)
    }

    /// The same, ready to draw with.
    pub fn layers(&self) -> Option<FrameLayers> {
        let tensors = self.shape.split(&self.passed);
        let tensor = |name: &str| LEARNT.iter().position(|own| *own == name).map_or(&[][..], |index| tensors[index]);
        FrameLayers::new(&self.config, tensor, self.isa)
    }

    /// How far they lie from the model's, as a part of those: roots of sums of squares.
    pub fn distance(&self) -> f64 {
        let sum = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
        let moved = sum(&mut self.passed.iter().zip(&self.base).map(|(now, base)| f64::from(now - base)));
        moved / sum(&mut self.base.iter().map(|&base| f64::from(base))).max(1e-12)
    }

    /// Makes an update of what was heard since the last one.
    pub fn update(&mut self, pace: &Pace) -> Outcome {
        self.remind();
        // A quarter of the interval has to be played: what nobody plays was learnt before.
        let fresh = std::mem::take(&mut self.fresh);
        let is_fresh = fresh as f64 * self.hop_seconds >= FRESH_PART * pace.interval_seconds;
        if self.paused {
            return Outcome::Paused;
        }
        if !is_fresh || pace.rate <= 0.0 || self.heard_seconds() < LEAST_HEARD_SECONDS {
            return Outcome::Waits;
        }
        self.gather_fresh(fresh);
        if self.examined.frames() == 0 {
            return Outcome::Waits;
        }
        let now = self.update.run(&self.passed, &self.examined, Wanted::Losses);
        let base = self.update.run(&self.base, &self.examined, Wanted::Losses);
        let mut random = Random::new(mix64(pace.random_seed) ^ 3);
        let rise = ((self.updates + 1) as f64 / RISE_UPDATES as f64).min(1.0);
        let care = if self.careful > 0 { 0.5 } else { 1.0 };
        self.careful = self.careful.saturating_sub(1);
        let rate = libm::pow(RATE_SPAN, 2.0 * f64::from(pace.rate) - 1.0);
        self.updates += 1;
        for step in 0..STEPS {
            self.draw(step, pace, &mut random);
            let losses = self.update.run(&self.weights, &self.batch, Wanted::Gradient);
            let is_sound = (losses.bins + losses.bands).is_finite();
            if !is_sound || self.adam.step(&mut self.weights, self.update.gradient(), rise * care * rate).is_err() {
                return self.roll_back();
            }
            self.hold(pace);
        }
        if self.adam.mean().iter().chain(&self.weights).any(|weight| !weight.is_finite()) {
            return self.roll_back();
        }
        let then = self.update.run(self.adam.mean(), &self.examined, Wanted::Losses);
        // Written so that what is no number does not pass.
        let passes = then.bins <= base.bins + MAX_WORSE[0] && then.bands <= base.bands + MAX_WORSE[1];
        if !passes {
            return self.roll_back();
        }
        self.passed.copy_from_slice(self.adam.mean());
        Outcome::Learnt { now, base }
    }

    /// Hears a part of the maker's material, a little with each update: all of it takes seconds. What may be used of it depends on
    /// the updates since all began alone.
    fn remind(&mut self) {
        let bins = self.shape.bins;
        self.reminded = (self.reminded + REMINDED_AT_ONCE).min(self.reminder.len() / bins);
        for at in self.maker.heard()..self.reminded {
            self.hearing.hear(&self.reminder[at * bins..][..bins], &mut self.maker_course, &mut self.maker);
        }
    }

    /// What is examined: every second of the newest frames, as they were heard.
    fn gather_fresh(&mut self, fresh: usize) {
        let moments = self.material.taught();
        self.examined.clear();
        for moment in (moments.end.saturating_sub(fresh.min(2 * EXAMINED)).max(moments.start)..moments.end).step_by(2) {
            if self.material.is_whole(moment) {
                self.material.push(moment, 0.0, &mut Random::new(0), &mut self.examined);
            }
        }
    }

    /// The frames of a step: of now, newer ones likelier, of the session, and the maker's.
    fn draw(&mut self, step: usize, pace: &Pace, random: &mut Random) {
        let of_maker = 1..self.reminded.saturating_sub(1);
        let [_, _, maker_parts] = shares(pace.pull, !of_maker.is_empty());
        let moments = self.material.taught();
        let frames = |seconds: f64| (seconds / self.hop_seconds) as usize;
        let session = moments.end.saturating_sub(frames(pace.memory_seconds.into())).max(moments.start);
        let now = moments.end.saturating_sub(frames(NOW_SECONDS)).max(session);
        self.batch.clear();
        for index in 0..FRAMES {
            let part = 2 * index + step % 2;
            let (material, moment) = if part >= PARTS - maker_parts {
                (&self.maker, of_maker.start + random.below(of_maker.len() as u32) as usize)
            } else if part < NOW_PARTS {
                // Of numbers that are spread evenly, the root is likelier to be large.
                let recent = now + ((moments.end - now) as f32 * random.uniform().sqrt()) as usize;
                (&self.material, recent.min(moments.end - 1))
            } else {
                (&self.material, session + random.below((moments.end - session) as u32) as usize)
            };
            // Where the sound was cut, nothing followed.
            if material.is_whole(moment) {
                material.push(moment, INPUT_NOISE, random, &mut self.batch);
            }
        }
    }

    /// Holds the weights near those that learning began with.
    fn hold(&mut self, pace: &Pace) {
        if !self.is_reminded() {
            let back = PULL_BACK * pace.pull;
            self.weights.iter_mut().zip(&self.base).for_each(|(weight, base)| *weight += back * (base - *weight));
        }
        let bases = self.shape.split(&self.base);
        for (weights, base) in self.shape.split_mut(&mut self.weights).into_iter().zip(bases) {
            let square = |x: f32| f64::from(x) * f64::from(x);
            let size = base.iter().map(|&x| square(x)).sum::<f64>();
            let moved = weights.iter().zip(base).map(|(&weight, &base)| square(weight - base)).sum::<f64>();
            let most = f64::from(FENCE) * size.sqrt() + f64::from(FENCE_LEAST) * (base.len() as f64).sqrt();
            if moved.sqrt() > most {
                let keep = (most / moved.sqrt()) as f32;
                weights.iter_mut().zip(base).for_each(|(weight, base)| *weight = base + keep * (*weight - base));
            }
        }
    }

    fn roll_back(&mut self) -> Outcome {
        self.weights.copy_from_slice(&self.passed);
        self.adam = adam(&self.shape, &self.passed);
        self.careful = CAREFUL_UPDATES;
        self.failures.retain(|&update| update + FAILURE_UPDATES > self.updates);
        self.failures.push(self.updates);
        self.paused = self.failures.len() >= MAX_FAILURES;
        if self.paused { Outcome::Paused } else { Outcome::RolledBack }
    }
}

fn adam(shape: &Shape, weights: &[f32]) -> Adam {
    let bins = shape.bin_weights();
    let rates = vec![(bins.clone(), RATES[0]), (bins.end..shape.weights(), RATES[1])];
    Adam::new(Rules { rates, beta_2: BETA_2, clip: 1.0, mean_stays: MEAN_STAYS }, weights)
}

#[cfg(test)]
mod tests;
