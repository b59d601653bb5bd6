//! A continuation: the sound after one seed. It has one voice, or several of the same seed: one for each of two morphed models,
//! and one for each channel where the channels are continued separately.

use super::{
    history::{Ear, History},
    models::pair::Models,
    seeds::{Origin, Seeds},
    voice::{Hearing, SeedSpan, Sound, Voice},
};
use crate::{
    approach::{Colour, Network},
    dsp::level::equal_power,
};
use std::sync::{Arc, atomic::AtomicBool};

/// Maximum number of voices of a continuation: two models for two channels.
pub(super) const MAX_PARTS: usize = 4;

/// A voice and its role in the continuation.
#[derive(Debug)]
pub(super) struct Part {
    /// The voice.
    pub voice: Voice,
    /// True for the model that is morphed to.
    pub is_second: bool,
    /// The channel it hears and sounds in; the middle sounds in both.
    pub ear: Ear,
    /// Where its seed comes from.
    pub origin: Origin,
}

/// The voices of a continuation; at least one.
#[derive(Debug)]
pub(super) struct Continuation {
    parts: Vec<Part>,
}

impl Continuation {
    /// A continuation of these parts.
    ///
    /// # Panics
    /// If there is none.
    pub fn new(parts: Vec<Part>) -> Self {
        assert!(!parts.is_empty(), "a continuation has a voice");
        Self { parts }
    }

    /// Its voices.
    pub fn voices_mut(&mut self) -> impl Iterator<Item = &mut Voice> {
        self.parts.iter_mut().map(|part| &mut part.voice)
    }

    /// Takes it apart: `take` gets every voice. Returns the empty buffer for another continuation.
    pub fn take_apart(mut self, take: impl FnMut(Voice)) -> Vec<Part> {
        self.parts.drain(..).map(|part| part.voice).for_each(take);
        self.parts
    }

    /// True if these models play in it, and no others.
    pub fn is_of(&self, models: &Models) -> bool {
        let of =
            |second: bool| self.parts.iter().find(|part| part.is_second == second).map(|part| part.voice.network());
        let same = |a: Option<&Arc<Network>>, b: Option<&Arc<Network>>| match (a, b) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        same(of(false), Some(&models.first)) && same(of(true), models.second.as_ref())
    }

    /// True if the first of these models plays in it.
    pub fn is_first_of(&self, models: &Models) -> bool {
        Arc::ptr_eq(self.parts[0].voice.network(), &models.first)
    }

    /// Takes a new seed; `hearing_of` returns what each part hears of it.
    pub fn prepare(&mut self, seed: SeedSpan, random_seed: u64, mut hearing_of: impl FnMut(&Part) -> Hearing) {
        for part in &mut self.parts {
            let hearing = hearing_of(part);
            part.voice.prepare(seed, random_seed ^ part.origin.own_chance, hearing);
        }
    }

    /// As [`Voice::accompany`], for all voices.
    pub fn accompany(&mut self, history: &mut History, gate: Option<f32>) {
        self.voices_mut().for_each(|voice| voice.accompany(history, gate));
    }

    /// Runs this part (0…1, as a fraction of `of`) of every voice's seed.
    pub fn warm(&mut self, seeds: &mut Seeds, seed: SeedSpan, (done, of): (i64, i64), stop: &AtomicBool) {
        for Part { voice, ear, origin, .. } in &mut self.parts {
            let cost = voice.warm_up_cost();
            let due = if done >= of { cost } else { cost * done.max(0) / of.max(1) };
            let known = seeds.history.start()..seeds.end();
            voice.warm(known, due, stop, |resampler, k| seeds.model_sample(*origin, *ear, seed, resampler, k));
        }
    }

    /// Starts all parts; `sound_of` returns the settings of each.
    pub fn start<'a>(&mut self, mut sound_of: impl FnMut(&Part) -> Sound<'a>) {
        for part in &mut self.parts {
            let sound = sound_of(part);
            part.voice.start(sound);
        }
    }

    /// Sets the colour of future predictions and weighs the models by `morph` (0…1) at the beginning and at the end of the
    /// next quantum.
    pub fn set_colour(&mut self, colour: Colour, morph: [f32; 2]) {
        let is_morphed = self.parts.iter().any(|part| part.is_second);
        for part in &mut self.parts {
            part.voice.set_colour(colour);
            part.voice.set_weights(morph.map(|at| {
                let (first, second) = equal_power(at);
                match part.is_second {
                    true => second,
                    false if is_morphed => first,
                    false => 1.0,
                }
            }));
        }
    }

    /// From `start` on it fades over `samples`. An earlier release stays.
    pub fn release(&mut self, start: i64, samples: i64) {
        self.voices_mut().for_each(|voice| voice.release(start, samples));
    }

    /// True if it fades or has faded.
    pub fn is_released(&self) -> bool {
        self.parts[0].voice.is_released()
    }

    /// True if nothing is heard from `time` on.
    pub fn is_over(&self, time: i64) -> bool {
        self.parts[0].voice.is_over(time)
    }

    /// Engine time of the first sample heard.
    pub fn start_time(&self) -> i64 {
        self.parts[0].voice.start_time()
    }

    /// What its model remembers of what was heard.
    pub fn memory(&self) -> &[f32] {
        self.parts[0].voice.memory()
    }

    /// True if a network has failed, or a model has collapsed in all channels: a single channel may be silent rightly.
    pub fn is_broken(&self) -> bool {
        let of = |second: bool| self.parts.iter().filter(move |part| part.is_second == second);
        let has_collapsed = |second| of(second).count() > 0 && of(second).all(|part| part.voice.has_collapsed());
        self.parts.iter().any(|part| part.voice.has_failed()) || has_collapsed(false) || has_collapsed(true)
    }
}
