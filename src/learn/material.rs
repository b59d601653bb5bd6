//! A sound as an update needs it: frames, and all that stands still about each of them.

use super::{
    analysis::{
        CUT_SILENCE_S, FIRST_FRAMES, RECALLED_FRAMES, REMINDER_SECONDS, add_noise, frames, make_loud, middle,
        without_silence,
    },
    error::LearnError,
    rows::{Rows, Storage, put},
    shape::Shape,
    update::{Batch, Moment, level},
};
use crate::{
    approach::{FrameAnalyser, Network},
    dsp::random::Random,
    model::{AVERAGES, LAYER_TENSORS, ModelConfig, ModelData},
    nn::{Isa, LayerWeights, Precision, Stack, StackState, exp, grad::dot, vectorize},
};
use std::{ops::Range, sync::Arc};

/// Material is at least as long, silences left out.
pub const LEAST_SECONDS: f32 = 2.0;
/// And as many frames, whatever a model's hop is.
const LEAST_FRAMES: f64 = 8.0;
/// The part of a material's end that is only tested on.
const HELD_OUT: f64 = 0.1;
/// How much the short average counts in what a moment is known by.
const SHORT_AVERAGE: f32 = 0.7;

/// What a model makes of a sound with all that stands still of it: its analyser, its recurrent layers, its recall.
#[derive(Clone, Debug)]
pub struct Hearing {
    config: ModelConfig,
    shape: Shape,
    analyser: FrameAnalyser,
    recurrent: Recurrent,
    average_rates: [f32; AVERAGES],
    key_size: usize,
    /// `[key_size][2 · bins]`
    query: Vec<f32>,
    key: Vec<f32>,
    /// β of the recall.
    sharpness: f32,
    /// The latest frames cannot be recalled.
    skip: usize,
    isa: Isa,
}

/// The recurrent layers.
#[derive(Clone, Debug)]
enum Recurrent {
    /// In full precision.
    Own(Stack),
    /// Those of a network that plays.
    Of(Arc<Network>),
}

impl Recurrent {
    fn stack(&self) -> &Stack {
        match self {
            Self::Own(stack) => stack,
            Self::Of(network) => network.stack(),
        }
    }
}

impl Hearing {
    /// As many frames can be recalled.
    pub(super) const RECALLED: usize = RECALLED_FRAMES;

    /// Of a model that listens.
    ///
    /// # Errors
    /// For any other model.
    pub fn new(model: &ModelData, isa: Isa) -> Result<Self, LearnError> {
        let config = model.config();
        let layers: Vec<LayerWeights<'_>> = (0..config.layers)
            .map(|layer| {
                let part = |part: usize| model.tensor(&format!("rnn.{}_l{layer}", LAYER_TENSORS[part]));
                let peepholes = config.peepholes.then(|| part(4));
                LayerWeights { weight_ih: part(0), weight_hh: part(1), bias_ih: part(2), bias_hh: part(3), peepholes }
            })
            .collect();
        Self::over(model, Recurrent::Own(Stack::new(config.stack_shape(), &layers, Precision::F32, isa)), isa)
    }

    /// The same with the recurrent layers of the model's network, in its precision and in no memory of their own.
    ///
    /// # Errors
    /// For a model that does not listen.
    pub fn of_network(model: &ModelData, network: Arc<Network>, isa: Isa) -> Result<Self, LearnError> {
        Self::over(model, Recurrent::Of(network), isa)
    }

    fn over(model: &ModelData, recurrent: Recurrent, isa: Isa) -> Result<Self, LearnError> {
        let config = model.config().clone();
        let approach = config.approach.info().name;
        let (Some(shape), Some(own)) = (Shape::of(&config), config.approach.listening()) else {
            return Err(LearnError::DoesNotListen { approach });
        };
        Ok(Self {
            shape,
            analyser: FrameAnalyser::new(&config),
            recurrent,
            average_rates: own.average_rates(config.sample_rate_hz),
            key_size: own.key_size,
            query: model.tensor("query.weight").to_vec(),
            key: model.tensor("key.weight").to_vec(),
            sharpness: libm::expf(model.tensor("recall.sharpness")[0]),
            skip: own.recall_skip,
            isa,
            config,
        })
    }

    /// A sound at the model's rate, `[sample]`, as loud as what models learn from and without long silences. From `hold_out_from_s`
    /// seconds on the last tenth is only tested on.
    ///
    /// # Errors
    /// If less than [`LEAST_SECONDS`] are left.
    pub fn material(&mut self, sound: &[f32], hold_out_from_s: f32) -> Result<Material, LearnError> {
        let frames = self.frames(sound);
        let seconds = (frames.len() / self.shape.bins) as f64 * self.hop_s();
        let least = f64::from(LEAST_SECONDS).max(LEAST_FRAMES * self.hop_s());
        if seconds < least {
            return Err(LearnError::TooShort { expected: least as f32, actual: seconds as f32 });
        }
        Ok(self.of_frames(frames, seconds >= f64::from(hold_out_from_s)))
    }

    /// What a model's file holds of its material ([`ModelData::maker_frames`]): the middle of each sound, at the model's rate, a minute in
    /// all.
    pub fn reminder(&mut self, sounds: &[Vec<f32>]) -> Vec<u8> {
        let each = (REMINDER_SECONDS / sounds.len().max(1) as f64 / self.hop_s()) as usize;
        let mut reminder = Vec::new();
        for sound in sounds {
            let frames = self.frames(sound);
            reminder.extend_from_slice(middle(&frames, self.shape.bins, each));
        }
        reminder
    }

    /// A sound as loud as what models learn from, as frames without long silences.
    fn frames(&mut self, sound: &[f32]) -> Vec<u8> {
        let mut sound = sound.to_vec();
        make_loud(&mut sound);
        let frames = frames(&sound, &self.config, &mut self.analyser);
        let longest = f64::from(CUT_SILENCE_S) / self.hop_s();
        without_silence(&frames, self.shape.bins, longest as usize)
    }

    /// The maker's material of a model's file, if there is enough of it.
    pub fn maker_material(&self, model: &ModelData) -> Option<Material> {
        let frames = model.maker_frames();
        (frames.len() >= 3 * self.shape.bins).then(|| self.of_frames(frames.to_vec(), false))
    }

    /// The rate of the sounds that it takes.
    pub fn sample_rate_hz(&self) -> u32 {
        self.config.sample_rate_hz
    }

    fn hop_s(&self) -> f64 {
        self.config.hop_samples() as f64 / f64::from(self.config.sample_rate_hz)
    }

    /// The same of frames, levels in 255ths, `[frame][bin]`: at least three.
    pub(crate) fn of_frames(&self, frames: Vec<u8>, holds_out: bool) -> Material {
        let bins = self.shape.bins;
        let count = frames.len() / bins;
        let mut material = Material::new(self.shape, self.hop_s(), count, false);
        // The averages begin with the mean of the first frames.
        let first = FIRST_FRAMES.min(count);
        let mut mean = vec![0.0; bins];
        for frame in frames.chunks_exact(bins).take(first) {
            mean.iter_mut().zip(frame).for_each(|(sum, x)| *sum += level(x) / first as f32);
        }
        let mut course = self.begin();
        course.begin_averages(&mean);
        for frame in frames.chunks_exact(bins) {
            self.hear(frame, &mut course, &mut material);
        }
        material.split = if holds_out { count - (HELD_OUT * count as f64) as usize } else { count };
        material
    }

    /// What is needed to hear frames one after the other.
    pub(super) fn begin(&self) -> Course {
        let bins = self.shape.bins;
        Course {
            state: self.recurrent.stack().make_state(),
            averages: vec![0.0; AVERAGES * bins],
            averaged: 0,
            input: vec![0.0; (1 + AVERAGES) * bins],
            look: vec![0.0; 2 * bins],
            query: vec![0.0; self.key_size],
            keys: vec![0.0; RING * self.key_size],
            heard: 0,
            weights: vec![0.0; RECALLED_FRAMES],
            suggestion: vec![0.0; bins],
        }
    }

    /// A frame that follows the last one: what the layers above hear of it enters the material.
    pub(super) fn hear(&self, frame: &[u8], course: &mut Course, material: &mut Material) {
        let bins = self.shape.bins;
        let (levels, averages) = course.input.split_at_mut(bins);
        levels.iter_mut().zip(frame).for_each(|(slot, x)| *slot = level(x));
        course.averaged = course.averaged.saturating_add(1);
        let least = 1.0 / course.averaged as f32;
        for (average, rate) in course.averages.chunks_exact_mut(bins).zip(self.average_rates) {
            let rate = rate.max(least);
            average.iter_mut().zip(&*levels).for_each(|(m, x)| *m += rate * (x - *m));
        }
        averages.copy_from_slice(&course.averages);
        let h = &self.recurrent.stack().step(&course.input, &mut course.state)[..self.shape.hidden];
        material.push_frame(frame, &course.averages, h);
        let sureness = self.recall(course, material);
        material.push_recalled(&course.suggestion, sureness);
    }

    /// What is recalled after the newest frame, and how sure that is: the mean of what followed earlier frames, weighed by how like
    /// this one they are; where there is none, the frame itself.
    fn recall(&self, course: &mut Course, material: &Material) -> f32 {
        let (bins, key_size) = (self.shape.bins, self.key_size);
        let (levels, averages) = course.input.split_at(bins);
        let (short, long) = (&averages[..bins], &averages[(AVERAGES - 1) * bins..]);
        for bin in 0..bins {
            course.look[bin] = levels[bin] - long[bin];
            course.look[bins + bin] = SHORT_AVERAGE * (short[bin] - long[bin]);
        }
        let (now, look) = (course.heard, &course.look);
        course.heard += 1;
        let key = &mut course.keys[now % RING * key_size..][..key_size];
        for (weight, out) in [(&self.query, &mut *course.query), (&self.key, key)] {
            vectorize(
                self.isa.arch(),
                #[inline(always)]
                || out.iter_mut().zip(weight.chunks_exact(2 * bins)).for_each(|(slot, row)| *slot = dot(row, look)),
            );
            let norm = dot(out, out).sqrt().max(1e-12);
            out.iter_mut().for_each(|x| *x /= norm);
        }
        let moments = now.saturating_sub(RECALLED_FRAMES)..(now + 1).saturating_sub(self.skip);
        if moments.is_empty() {
            course.suggestion.copy_from_slice(levels);
            return 0.0;
        }
        let weights = &mut course.weights[..moments.len()];
        let (query, keys, suggestion) = (&course.query, &course.keys, &mut course.suggestion);
        // Of the material's frames the newest is the one that was heard last.
        let newest = material.end - 1;
        vectorize(
            self.isa.arch(),
            #[inline(always)]
            || {
                for (weight, moment) in weights.iter_mut().zip(moments.clone()) {
                    *weight = dot(query, &keys[moment % RING * key_size..][..key_size]);
                }
                let most = weights.iter().fold(f32::NEG_INFINITY, |most, &cosine| most.max(cosine));
                let mut sum = 0.0;
                for weight in weights.iter_mut() {
                    *weight = exp((self.sharpness * (*weight - most)).max(-87.0));
                    sum += *weight;
                }
                suggestion.fill(0.0);
                for (weight, moment) in weights.iter().zip(moments.clone()) {
                    let (share, followed) = (weight / sum, material.frame(newest - (now - moment) + 1));
                    suggestion.iter_mut().zip(followed).for_each(|(mean, x)| *mean += share * level(x));
                }
                most.clamp(0.0, 1.0)
            },
        )
    }
}

/// Keys that are held: of the moments that can be recalled, and the newest.
const RING: usize = RECALLED_FRAMES + 1;

/// What runs from frame to frame.
#[derive(Clone, Debug)]
pub(super) struct Course {
    state: StackState,
    /// `[average][bin]`
    averages: Vec<f32>,
    /// Frames in them; they begin with the mean of what there is.
    averaged: u32,
    input: Vec<f32>,
    look: Vec<f32>,
    query: Vec<f32>,
    /// A ring, `[RING][key_size]`
    keys: Vec<f32>,
    /// Frames heard.
    heard: usize,
    weights: Vec<f32>,
    suggestion: Vec<f32>,
}

impl Course {
    /// The averages as if they had heard this for long.
    fn begin_averages(&mut self, mean: &[f32]) {
        self.averages = mean.repeat(AVERAGES);
        self.averaged = u32::MAX - 1;
    }

    /// Forgets everything.
    pub(super) fn restart(&mut self) {
        self.state.reset();
        self.averages.fill(0.0);
        self.averaged = 0;
        self.heard = 0;
    }
}

/// Frames with all that an update needs of them: as many of the newest as there is room for.
#[derive(Clone, Debug, PartialEq)]
pub struct Material {
    shape: Shape,
    hop_s: f64,
    capacity: usize,
    is_compact: bool,
    /// Frames ever heard: the next one's number.
    end: usize,
    /// Rings that grow until they are full. Levels in 255ths, `[frame][bin]`.
    frames: Vec<u8>,
    averages: Rows,
    h: Rows,
    suggestions: Rows,
    sureness: Vec<f32>,
    /// The frame follows the one before it.
    joined: Vec<bool>,
    /// The next one does.
    joins: bool,
    /// The first frame that is only tested on.
    split: usize,
}

impl Material {
    /// Room for as many frames, none yet. `is_compact`: in a third of the memory, averages and suggestions as bytes and the outputs of the
    /// recurrent layers in half precision.
    pub(super) fn new(shape: Shape, hop_s: f64, capacity: usize, is_compact: bool) -> Self {
        let [bytes, halves] = if is_compact { [Storage::Bytes, Storage::Halves] } else { [Storage::Whole; 2] };
        Self {
            shape,
            hop_s,
            capacity,
            is_compact,
            end: 0,
            frames: Vec::new(),
            averages: Rows::new(shape.averages(), bytes),
            h: Rows::new(shape.hidden, halves),
            suggestions: Rows::new(shape.bins, bytes),
            sureness: Vec::new(),
            joined: Vec::new(),
            joins: false,
            split: usize::MAX,
        }
    }

    fn push_frame(&mut self, frame: &[u8], averages: &[f32], h: &[f32]) {
        let slot = self.end % self.capacity;
        put(&mut self.frames, slot, frame.iter().copied());
        self.averages.put(slot, averages);
        self.h.put(slot, h);
        put(&mut self.joined, slot, [std::mem::replace(&mut self.joins, true)].into_iter());
        self.end += 1;
    }

    /// Of the frame that was pushed last.
    fn push_recalled(&mut self, suggestion: &[f32], sureness: f32) {
        let slot = (self.end - 1) % self.capacity;
        self.suggestions.put(slot, suggestion);
        put(&mut self.sureness, slot, [sureness].into_iter());
    }

    /// The next frame does not follow the last one.
    pub(super) fn cut(&mut self) {
        self.joins = false;
    }

    /// Forgets all frames, and gives their memory back.
    pub(super) fn forget(&mut self) {
        *self = Self::new(self.shape, self.hop_s, self.capacity, self.is_compact);
    }

    /// Frames ever heard.
    pub(super) fn heard(&self) -> usize {
        self.end
    }

    fn frame(&self, number: usize) -> &[u8] {
        let bins = self.shape.bins;
        &self.frames[number % self.capacity * bins..][..bins]
    }

    /// Whether the frames around a moment follow each other.
    pub(super) fn is_whole(&self, moment: usize) -> bool {
        [moment, moment + 1].iter().all(|number| self.joined[number % self.capacity])
    }

    /// Seconds that are learnt from, and that are held out.
    pub fn seconds(&self) -> [f64; 2] {
        let taught = self.split.min(self.end);
        [taught, self.end - taught].map(|frames| frames as f64 * self.hop_s)
    }

    /// The moments that are learnt from, of which [`Self::push`] takes the numbers.
    pub fn taught(&self) -> Range<usize> {
        let first = self.end.saturating_sub(self.capacity) + 1;
        first..self.split.min(self.end).saturating_sub(1).max(first)
    }

    /// The moments that are only tested on.
    pub fn held_out(&self) -> Range<usize> {
        let split = self.split.min(self.end);
        split..self.end.saturating_sub(1).max(split)
    }

    /// Adds a moment to a batch, the frames that are heard with noise of this deviation.
    ///
    /// # Panics
    /// If there is no such moment, or the batch is of another model.
    pub fn push(&self, moment: usize, noise: f32, random: &mut Random, batch: &mut Batch) {
        let Shape { bins, hidden, .. } = self.shape;
        let slot = moment % self.capacity;
        let mut read = std::mem::take(&mut batch.read);
        read.clear();
        [&self.h, &self.averages, &self.suggestions].into_iter().for_each(|rows| rows.read(slot, &mut read));
        let (h, rest) = read.split_at(hidden);
        let (averages, suggestion) = rest.split_at(AVERAGES * bins);
        let heard = batch.push(Moment {
            h,
            heard: self.frame(moment),
            before: self.frame(moment - 1),
            averages,
            target: self.frame(moment + 1),
            suggestion,
            sureness: self.sureness[slot],
        });
        heard.into_iter().for_each(|frame| add_noise(frame, noise, random));
        batch.read = read;
    }
}

#[cfg(test)]
impl Material {
    /// Frames that it holds at most.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Averages, outputs of the recurrent layers, suggestions and sureness.
    pub(crate) fn parts(&self) -> [Vec<f32>; 4] {
        [self.averages.all(), self.h.all(), self.suggestions.all(), self.sureness.clone()]
    }
}
