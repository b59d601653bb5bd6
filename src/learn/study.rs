//! Learning from a take, from the first step to the last.

use super::{
    adam::{Adam, Rules},
    analysis::INPUT_NOISE,
    bytes::{In, Out},
    error::LearnError,
    material::Material,
    shape::Shape,
    update::{Batch, Losses, Update, Wanted},
};
use crate::{
    dsp::{
        float_mode::FloatMode,
        random::{Random, mix64},
    },
    model::ModelData,
    nn::Isa,
};
use std::{collections::BTreeMap, ops::ControlFlow};

/// The learning rate rises over as many steps, and ends at this part of its height.
const RISE_STEPS: u32 = 20;
const LAST_RATE: f64 = 0.03;
/// Held-out moments that are tested on, at most.
const EXAMINED: usize = 384;
/// The shares of a step are counted in parts of this.
const PARTS: usize = 16;

/// The beginning of a study that was saved, and its layout.
const MARK: [u8; 8] = *b"SYMSTUDY";
const VERSION: u32 = 1;
/// So many bytes of what was saved tell how far it is.
pub const SAVED_START: usize = 20;

/// How much is learnt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// Half as long.
    Quick,
    /// What was measured.
    #[default]
    Normal,
    /// Two and a half times as long.
    Deep,
}

/// What a study does. Equal plans give equal bits.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Steps; counted, never timed, so that a study can be repeated.
    pub steps: u32,
    /// Frames of a step.
    pub frames: usize,
    /// How many parts of 16 of them are the maker's, where there is such material.
    pub maker_parts: usize,
    /// Learning rates of the bins and of the bands.
    pub rates: [f64; 2],
    /// Deviation of the noise with which frames are heard.
    pub noise: f32,
    /// Another number, other frames.
    pub random_seed: u64,
}

impl Plan {
    /// The measured one at some depth.
    pub fn new(depth: Depth, random_seed: u64) -> Self {
        let steps = match depth {
            Depth::Quick => 300,
            Depth::Normal => 600,
            Depth::Deep => 1500,
        };
        Self { steps, frames: 160, maker_parts: 4, rates: [1e-2, 3e-4], noise: INPUT_NOISE, random_seed }
    }

    /// The part of the rates at a step.
    fn factor(&self, step: u32) -> f64 {
        let rise = (f64::from(step + 1) / f64::from(RISE_STEPS)).min(1.0);
        let fall = 0.5 * (1.0 + libm::cos(std::f64::consts::PI * f64::from(step) / f64::from(self.steps)));
        rise * (LAST_RATE + (1.0 - LAST_RATE) * fall)
    }
}

/// What is told after a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Steps made.
    pub step: u32,
    /// Steps in all.
    pub steps: u32,
    /// Losses of this step's frames.
    pub losses: Losses,
}

/// Losses on what was held out; none where nothing was.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Examined {
    /// Of the player.
    pub player: Option<Losses>,
    /// Of the maker.
    pub maker: Option<Losses>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Learnt {
    shape: Shape,
    /// The mean of the weights on the way.
    weights: Vec<f32>,
    /// How the model stood before.
    pub before: Examined,
    /// And after.
    pub after: Examined,
}

impl Learnt {
    /// The tensors that have moved, by name.
    pub fn tensors(&self) -> BTreeMap<String, Vec<f32>> {
        self.shape.tensors(&self.weights)
    }
}

/// Learns from a player, and from material of the model's maker so that what the model knew stays. `observer` is told of every
/// step and may stop it.
///
/// # Errors
/// If the model does not listen, a number is none, or it was stopped.
///
/// # Panics
/// If the material is of another model.
pub fn learn(
    model: &ModelData,
    player: &Material,
    maker: &[Material],
    plan: &Plan,
    isa: Isa,
    observer: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<Learnt, LearnError> {
    let mut study = Study::new(model, player, maker, plan, isa)?;
    while let Some(progress) = study.step()? {
        if observer(&progress).is_break() {
            return Err(LearnError::Stopped);
        }
    }
    study.finish()
}

/// [`learn`], a step at a time. It can be saved after any step, and what is restored goes on with the same bits.
#[derive(Debug)]
pub struct Study<'a> {
    player: &'a Material,
    maker: &'a [Material],
    plan: Plan,
    update: Update,
    batch: Batch,
    weights: Vec<f32>,
    adam: Adam,
    /// Which moments are drawn, and the noise on them.
    random: [Random; 2],
    /// What tells this study from another.
    key: u64,
    before: Examined,
}

impl<'a> Study<'a> {
    /// Before the first step.
    ///
    /// # Errors
    /// If the model does not listen.
    ///
    /// # Panics
    /// If the material is of another model.
    pub fn new(
        model: &ModelData,
        player: &'a Material,
        maker: &'a [Material],
        plan: &Plan,
        isa: Isa,
    ) -> Result<Self, LearnError> {
        let _mode = FloatMode::enter();
        let mut update = Update::new(model, isa)?;
        let shape = *update.shape();
        let weights = shape.weights_of(model);
        let mut batch = Batch::new(shape, plan.frames.max(EXAMINED));
        let before = examine(&mut update, &weights, player, maker, &mut batch);
        Ok(Self {
            key: key(&weights, player, maker, plan),
            adam: Adam::new(rules(&shape, plan), &weights),
            random: [1, 2].map(|purpose: u64| Random::new(mix64(plan.random_seed) ^ purpose)),
            player,
            maker,
            plan: plan.clone(),
            update,
            batch,
            weights,
            before,
        })
    }

    /// Goes on with what [`Self::save`] has saved of a study with the same arguments.
    ///
    /// # Errors
    /// If the model does not listen, or `saved` is damaged or of another study.
    ///
    /// # Panics
    /// If the material is of another model.
    pub fn restore(
        model: &ModelData,
        player: &'a Material,
        maker: &'a [Material],
        plan: &Plan,
        isa: Isa,
        saved: &[u8],
    ) -> Result<Self, LearnError> {
        let mut study = Self::new(model, player, maker, plan, isa)?;
        let (shape, count) = (*study.update.shape(), study.weights.len());
        let mut saved = In::open(saved, MARK, VERSION)?;
        let (done, steps, key) = (saved.u32()?, saved.u32()?, saved.u64()?);
        if key != study.key || steps != plan.steps || done > steps {
            return Err(LearnError::Damaged { expected: "the steps of this lesson", found: "those of another".into() });
        }
        for random in &mut study.random {
            let state = [saved.u32()?, saved.u32()?, saved.u32()?, saved.u32()?];
            if state == [0; 4] {
                return Err(LearnError::Damaged { expected: "a random stream", found: "one that stands still".into() });
            }
            *random = Random::from_state(state);
        }
        study.weights = saved.floats(count)?;
        let memory = [saved.floats(count)?, saved.floats(count)?, saved.floats(count)?];
        saved.end()?;
        if memory[1].iter().any(|&square| square < 0.0) {
            return Err(LearnError::Damaged { expected: "a mean of squares", found: "one below 0".into() });
        }
        study.adam = Adam::restored(rules(&shape, plan), done.into(), memory);
        Ok(study)
    }

    /// All that it needs to go on: 1.8 MB for a model of the usual size.
    pub fn save(&self) -> Vec<u8> {
        let mut out = Out::new(MARK, VERSION);
        out.u32(self.steps());
        out.u32(self.plan.steps);
        out.u64(self.key);
        self.random.iter().flat_map(Random::state).for_each(|part| out.u32(part));
        out.floats(&self.weights);
        self.adam.memory().into_iter().for_each(|numbers| out.floats(numbers));
        out.finish()
    }

    /// Steps that were made and all steps, by the first [`SAVED_START`] bytes of what was saved; none if it is something else.
    pub fn saved_steps(start: &[u8]) -> Option<[u32; 2]> {
        let (head, steps) = start.split_at_checked(MARK.len() + size_of::<u32>())?;
        let is_one = head.starts_with(&MARK) && head.ends_with(&VERSION.to_le_bytes());
        let &[done, all] = is_one.then_some(steps.as_chunks::<4>().0)?.first_chunk()?;
        let [done, all] = [done, all].map(u32::from_le_bytes);
        (done <= all).then_some([done, all])
    }

    /// Steps made.
    pub fn steps(&self) -> u32 {
        self.adam.steps() as u32
    }

    /// Makes a step; none if all were made.
    ///
    /// # Errors
    /// If a number is none: the step was not made then.
    pub fn step(&mut self) -> Result<Option<Progress>, LearnError> {
        let (step, steps) = (self.steps(), self.plan.steps);
        if step >= steps {
            return Ok(None);
        }
        let _mode = FloatMode::enter();
        let [places, noise] = &mut self.random;
        let of_maker = if self.maker.is_empty() { 0 } else { self.plan.frames * self.plan.maker_parts / PARTS };
        self.batch.clear();
        for frame in 0..self.plan.frames {
            let material = match frame < of_maker {
                true => &self.maker[places.below(self.maker.len() as u32) as usize],
                false => self.player,
            };
            let moments = material.taught();
            let moment = moments.start + places.below(moments.len() as u32) as usize;
            material.push(moment, self.plan.noise, noise, &mut self.batch);
        }
        let losses = self.update.run(&self.weights, &self.batch, Wanted::Gradient);
        if !(losses.bins + losses.bands).is_finite() {
            return Err(LearnError::NotFinite { step: self.adam.steps(), found: "a loss that is none" });
        }
        self.adam.step(&mut self.weights, self.update.gradient(), self.plan.factor(step))?;
        Ok(Some(Progress { step: step + 1, steps, losses }))
    }

    /// The tensors that move, by name, as what was learnt so far is heard: the mean of the weights on the way.
    pub fn tensors(&self) -> BTreeMap<String, Vec<f32>> {
        self.update.shape().tensors(self.adam.mean())
    }

    /// What has come of it so far.
    ///
    /// # Errors
    /// If a weight is none.
    pub fn finish(mut self) -> Result<Learnt, LearnError> {
        let _mode = FloatMode::enter();
        let weights = self.adam.mean().to_vec();
        if weights.iter().any(|weight| !weight.is_finite()) {
            return Err(LearnError::NotFinite { step: self.adam.steps(), found: "a weight that is none" });
        }
        let after = examine(&mut self.update, &weights, self.player, self.maker, &mut self.batch);
        Ok(Learnt { shape: *self.update.shape(), weights, before: self.before, after })
    }
}

fn rules(shape: &Shape, plan: &Plan) -> Rules {
    let bins = shape.bin_weights();
    let rates = vec![(bins.clone(), plan.rates[0]), (bins.end..shape.weights(), plan.rates[1])];
    Rules { rates, beta_2: 0.999, clip: 1.0, mean_stays: 0.98 }
}

/// What tells a study from another: where it begins, what it does, and how much there is to learn from.
fn key(weights: &[f32], player: &Material, maker: &[Material], plan: &Plan) -> u64 {
    let Plan { steps, frames, maker_parts, rates, noise, random_seed } = plan;
    let mut out = Out::new(MARK, VERSION);
    out.floats(weights);
    out.u32(*steps);
    let moments = |material: &Material| [material.taught().len() as u64, material.held_out().len() as u64];
    let numbers = [*frames as u64, *maker_parts as u64, rates[0].to_bits(), rates[1].to_bits(), *random_seed];
    numbers.into_iter().chain(moments(player)).chain(maker.iter().flat_map(moments)).for_each(|number| out.u64(number));
    out.floats(&[*noise]);
    out.sum()
}

/// The losses on what is held out of all material, without noise.
fn examine(update: &mut Update, weights: &[f32], player: &Material, maker: &[Material], batch: &mut Batch) -> Examined {
    let mut of = |materials: &[Material]| {
        let all: usize = materials.iter().map(|material| material.held_out().len()).sum();
        let moments = materials.iter().flat_map(|material| material.held_out().map(move |moment| (material, moment)));
        batch.clear();
        for (material, moment) in moments.step_by(all.div_ceil(EXAMINED).max(1)) {
            material.push(moment, 0.0, &mut Random::new(0), batch);
        }
        (batch.frames() > 0).then(|| update.run(weights, batch, Wanted::Losses))
    };
    Examined { player: of(std::slice::from_ref(player)), maker: of(maker) }
}
