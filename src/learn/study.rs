//! Learning from a take, from the first step to the last.

use super::{
    adam::{Adam, Rules},
    analysis::INPUT_NOISE,
    error::LearnError,
    material::Material,
    shape::Shape,
    update::{Batch, Losses, Update},
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
    let _mode = FloatMode::enter();
    let mut update = Update::new(model, isa)?;
    let shape = *update.shape();
    let mut weights = shape.weights_of(model);
    let mut batch = Batch::new(shape, plan.frames.max(EXAMINED));
    let before = examine(&mut update, &weights, player, maker, &mut batch);
    let rates = vec![(shape.bin_weights(), plan.rates[0]), (shape.bin_weights().end..shape.weights(), plan.rates[1])];
    let mut adam = Adam::new(Rules { rates, beta_2: 0.999, clip: 1.0, mean_stays: 0.98 }, &weights);
    let random = |purpose: u64| Random::new(mix64(plan.random_seed) ^ purpose);
    let (mut places, mut noise) = (random(1), random(2));
    let of_maker = if maker.is_empty() { 0 } else { plan.frames * plan.maker_parts / PARTS };
    for step in 0..plan.steps {
        batch.clear();
        for frame in 0..plan.frames {
            let material = match frame < of_maker {
                true => &maker[places.below(maker.len() as u32) as usize],
                false => player,
            };
            let moments = material.taught();
            let moment = moments.start + places.below(moments.len() as u32) as usize;
            material.push(moment, plan.noise, &mut noise, &mut batch);
        }
        let losses = update.run(&weights, &batch, true);
        if !(losses.bins + losses.bands).is_finite() {
            return Err(LearnError::NotFinite { step: adam.steps(), found: "a loss that is none" });
        }
        adam.step(&mut weights, update.gradient(), plan.factor(step))?;
        if observer(&Progress { step: step + 1, steps: plan.steps, losses }).is_break() {
            return Err(LearnError::Stopped);
        }
    }
    let weights = adam.mean().to_vec();
    if weights.iter().any(|weight| !weight.is_finite()) {
        return Err(LearnError::NotFinite { step: adam.steps(), found: "a weight that is none" });
    }
    let after = examine(&mut update, &weights, player, maker, &mut batch);
    Ok(Learnt { shape, weights, before, after })
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
        (batch.frames() > 0).then(|| update.run(weights, batch, false))
    };
    Examined { player: of(std::slice::from_ref(player)), maker: of(maker) }
}
