//! A take as a model hears it, and what the file of a learnt model says of itself.

use super::{
    board::Kept,
    error::LearnError,
    material::{Hearing, Material},
    study::{Learnt, Plan},
    update::Losses,
};
use crate::{
    dsp::{float_mode::FloatMode, resample::Resampler},
    model::{ModelConfig, ModelData},
};
use serde_json::{Map, Value, json};

/// From so many seconds on the last tenth of a take is held out.
pub const HOLD_OUT_FROM_S: f32 = 20.0;

/// What there is to learn from a recording, `[sample]`, at its own rate. From `hold_out_from_s` seconds on the last tenth is only
/// tested on.
///
/// # Errors
/// As [`Hearing::material`].
pub fn material(
    mono: &[f32],
    sample_rate_hz: u32,
    hold_out_from_s: f32,
    hearing: &mut Hearing,
) -> Result<Material, LearnError> {
    // Threads begin in the mode of those who begin them: what is learnt must not depend on a host's.
    let _mode = FloatMode::enter();
    let sound = Resampler::new(sample_rate_hz, hearing.sample_rate_hz()).resample_all(mono);
    hearing.material(&sound, hold_out_from_s)
}

/// What people are told of what was learnt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Card {
    /// Name of the model.
    pub name: String,
    /// What it has learnt from.
    pub take: String,
    /// Its licence and attribution.
    pub licence: String,
    /// Recordings of the kind that the base was made of, which were learnt as well.
    pub maker: Vec<String>,
}

impl Card {
    /// What the model's file says of itself: all that the base says of its own making, and what was learnt from so many seconds.
    pub fn config(&self, base: &ModelConfig, learnt: &Learnt, seconds: f64, plan: &Plan) -> ModelConfig {
        let loss = |losses: Option<Losses>| losses.map(|losses| [losses.bins, losses.bands]);
        let lesson = json!({
            "base": base.name,
            "take": self.take,
            "seconds": seconds,
            "steps": plan.steps,
            "random_seed": plan.random_seed,
            "maker": self.maker,
            "held_out": { "before": loss(learnt.before.player), "after": loss(learnt.after.player) },
        });
        self.with_lesson(base, lesson)
    }

    /// The file of a model that has learnt while it played; none if `base` is another model than the one that has learnt.
    pub fn kept_model(&self, base: &ModelData, kept: &Kept) -> Option<ModelData> {
        let config = (*base.config() == kept.base).then(|| self.kept(base.config(), kept))?;
        base.with_tensors(config, kept.tensors.clone()).ok()
    }

    /// The same of what was learnt while it played.
    fn kept(&self, base: &ModelConfig, kept: &Kept) -> ModelConfig {
        let [before, after] = kept.losses.map(|losses| [losses.bins, losses.bands]);
        let lesson = json!({
            "base": base.name,
            "take": self.take,
            "seconds": kept.seconds,
            "updates": kept.updates,
            "not_yet_learnt": { "before": before, "after": after },
        });
        self.with_lesson(base, lesson)
    }

    fn with_lesson(&self, base: &ModelConfig, lesson: Value) -> ModelConfig {
        let mut config = base.clone();
        config.name.clone_from(&self.name);
        let training = &mut config.training;
        training.material.push(self.take.clone());
        let before = if training.licence.is_empty() { String::new() } else { format!("{}; ", training.licence) };
        training.licence = format!("{before}{}: {}", self.take, self.licence);
        training.version = env!("CARGO_PKG_VERSION").into();
        // A model may learn again; where the base has no such object, it begins here.
        if !training.hyperparameters.is_object() {
            training.hyperparameters = Value::Object(Map::new());
        }
        if let Some(fields) = training.hyperparameters.as_object_mut() {
            match fields.get_mut("learnt").and_then(Value::as_array_mut) {
                Some(lessons) => lessons.push(lesson),
                None => drop(fields.insert("learnt".into(), json!([lesson]))),
            }
        }
        config
    }
}
