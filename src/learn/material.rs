//! A sound as an update needs it: frames, and all that stands still about each of them.

use super::{
    analysis::{CUT_SILENCE_S, FIRST_FRAMES, RECALLED_FRAMES, add_noise, frames, make_loud, without_silence},
    error::LearnError,
    shape::Shape,
    update::{Batch, Moment, level},
};
use crate::{
    approach::FrameAnalyser,
    dsp::random::Random,
    model::{AVERAGES, LAYER_TENSORS, ModelConfig, ModelData},
    nn::{Isa, LayerWeights, Precision, Stack, exp, grad::dot},
};
use std::ops::Range;

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
    stack: Stack,
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

impl Hearing {
    /// Of a model that listens.
    ///
    /// # Errors
    /// For any other model.
    pub fn new(model: &ModelData, isa: Isa) -> Result<Self, LearnError> {
        let config = model.config().clone();
        let approach = config.approach.info().name;
        let (Some(shape), Some(own)) = (Shape::of(&config), config.approach.listening()) else {
            return Err(LearnError::DoesNotListen { approach });
        };
        let layers: Vec<LayerWeights<'_>> = (0..config.layers)
            .map(|layer| {
                let part = |part: usize| model.tensor(&format!("rnn.{}_l{layer}", LAYER_TENSORS[part]));
                let peepholes = config.peepholes.then(|| part(4));
                LayerWeights { weight_ih: part(0), weight_hh: part(1), bias_ih: part(2), bias_hh: part(3), peepholes }
            })
            .collect();
        Ok(Self {
            shape,
            analyser: FrameAnalyser::new(&config),
            stack: Stack::new(config.stack_shape(), &layers, Precision::F32, isa),
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
        let mut sound = sound.to_vec();
        make_loud(&mut sound);
        let frames = frames(&sound, &self.config, &mut self.analyser);
        let longest = f64::from(CUT_SILENCE_S) / self.hop_s();
        let frames = without_silence(&frames, self.shape.bins, longest as usize);
        let seconds = (frames.len() / self.shape.bins) as f64 * self.hop_s();
        let least = f64::from(LEAST_SECONDS).max(LEAST_FRAMES * self.hop_s());
        if seconds < least {
            return Err(LearnError::TooShort { expected: least as f32, actual: seconds as f32 });
        }
        Ok(self.of_frames(frames, seconds >= f64::from(hold_out_from_s)))
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
        let (count, hop_s) = (frames.len() / self.shape.bins, self.hop_s());
        let levels: Vec<f32> = frames.iter().map(level).collect();
        let averages = self.averages(&levels);
        let h = self.recurrent(&levels, &averages);
        let (suggestions, sureness) = self.recall(&levels, &averages);
        let split = if holds_out { count - (HELD_OUT * count as f64) as usize } else { count };
        Material { shape: self.shape, hop_s, frames, averages, h, suggestions, sureness, split }
    }

    /// Leaky averages after every frame, `[frame][average][bin]`. They begin with the mean of the first frames.
    fn averages(&self, levels: &[f32]) -> Vec<f32> {
        let bins = self.shape.bins;
        let first = FIRST_FRAMES.min(levels.len() / bins);
        let mut mean = vec![0.0; bins];
        for frame in levels.chunks_exact(bins).take(first) {
            mean.iter_mut().zip(frame).for_each(|(sum, x)| *sum += x / first as f32);
        }
        let mut now: Vec<f32> = mean.repeat(AVERAGES);
        let mut all = Vec::with_capacity(AVERAGES * levels.len());
        for frame in levels.chunks_exact(bins) {
            for (average, rate) in now.chunks_exact_mut(bins).zip(self.average_rates) {
                average.iter_mut().zip(frame).for_each(|(m, x)| *m += rate * (x - *m));
            }
            all.extend_from_slice(&now);
        }
        all
    }

    /// Outputs of the recurrent layers after every frame, `[frame][hidden]`.
    fn recurrent(&self, levels: &[f32], averages: &[f32]) -> Vec<f32> {
        let bins = self.shape.bins;
        let mut state = self.stack.make_state();
        let mut input = vec![0.0; (1 + AVERAGES) * bins];
        let mut all = Vec::with_capacity(levels.len() / bins * self.shape.hidden);
        for (frame, averages) in levels.chunks_exact(bins).zip(averages.chunks_exact(AVERAGES * bins)) {
            input[..bins].copy_from_slice(frame);
            input[bins..].copy_from_slice(averages);
            all.extend_from_slice(&self.stack.step(&input, &mut state)[..self.shape.hidden]);
        }
        all
    }

    /// What is recalled after every frame, `[frame][bin]`, and how sure that is: the mean of what followed earlier frames, weighed by how
    /// like this one they are; where there is none, the frame itself.
    fn recall(&self, levels: &[f32], averages: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let (bins, key_size) = (self.shape.bins, self.key_size);
        let count = levels.len() / bins;
        let (mut queries, mut keys) = (Vec::with_capacity(count * key_size), Vec::with_capacity(count * key_size));
        let mut look = vec![0.0; 2 * bins];
        for (frame, averages) in levels.chunks_exact(bins).zip(averages.chunks_exact(AVERAGES * bins)) {
            let (short, long) = (&averages[..bins], &averages[(AVERAGES - 1) * bins..]);
            for bin in 0..bins {
                look[bin] = frame[bin] - long[bin];
                look[bins + bin] = SHORT_AVERAGE * (short[bin] - long[bin]);
            }
            for (weight, all) in [(&self.query, &mut queries), (&self.key, &mut keys)] {
                let start = all.len();
                self.isa.arch().dispatch(
                    #[inline(always)]
                    || all.extend(weight.chunks_exact(2 * bins).map(|row| dot(row, &look))),
                );
                let norm = dot(&all[start..], &all[start..]).sqrt().max(1e-12);
                all[start..].iter_mut().for_each(|x| *x /= norm);
            }
        }
        let mut suggestions = vec![0.0; levels.len()];
        let mut sureness = vec![0.0; count];
        let mut weights = vec![0.0; RECALLED_FRAMES];
        for (now, suggestion) in suggestions.chunks_exact_mut(bins).enumerate() {
            let moments = now.saturating_sub(RECALLED_FRAMES)..(now + 1).saturating_sub(self.skip);
            if moments.is_empty() {
                suggestion.copy_from_slice(&levels[now * bins..][..bins]);
                continue;
            }
            let weights = &mut weights[..moments.len()];
            let query = &queries[now * key_size..][..key_size];
            sureness[now] = self.isa.arch().dispatch(
                #[inline(always)]
                || {
                    for (weight, moment) in weights.iter_mut().zip(moments.clone()) {
                        *weight = dot(query, &keys[moment * key_size..][..key_size]);
                    }
                    let most = weights.iter().fold(f32::NEG_INFINITY, |most, &cosine| most.max(cosine));
                    let mut sum = 0.0;
                    for weight in weights.iter_mut() {
                        *weight = exp((self.sharpness * (*weight - most)).max(-87.0));
                        sum += *weight;
                    }
                    for (weight, moment) in weights.iter().zip(moments.clone()) {
                        let (share, followed) = (weight / sum, &levels[(moment + 1) * bins..][..bins]);
                        suggestion.iter_mut().zip(followed).for_each(|(mean, x)| *mean += share * x);
                    }
                    most.clamp(0.0, 1.0)
                },
            );
        }
        (suggestions, sureness)
    }
}

/// Frames with all that an update needs of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Material {
    shape: Shape,
    hop_s: f64,
    /// Levels in 255ths, `[frame][bin]`.
    frames: Vec<u8>,
    averages: Vec<f32>,
    h: Vec<f32>,
    suggestions: Vec<f32>,
    sureness: Vec<f32>,
    /// The first frame that is only tested on.
    split: usize,
}

impl Material {
    /// Seconds that are learnt from, and that are held out.
    pub fn seconds(&self) -> [f64; 2] {
        let all = self.sureness.len();
        [self.split, all - self.split].map(|frames| frames as f64 * self.hop_s)
    }

    /// The moments that are learnt from, of which [`Self::push`] takes the numbers.
    pub fn taught(&self) -> Range<usize> {
        1..self.split - 1
    }

    /// The moments that are only tested on.
    pub fn held_out(&self) -> Range<usize> {
        self.split..(self.sureness.len() - 1).max(self.split)
    }

    /// Adds a moment to a batch, the frames that are heard with noise of this deviation.
    ///
    /// # Panics
    /// If there is no such moment, or the batch is of another model.
    pub fn push(&self, moment: usize, noise: f32, random: &mut Random, batch: &mut Batch) {
        let Shape { bins, hidden, .. } = self.shape;
        let frame = |index: usize| &self.frames[index * bins..][..bins];
        let width = self.shape.averages();
        let heard = batch.push(Moment {
            h: &self.h[moment * hidden..][..hidden],
            heard: frame(moment),
            before: frame(moment - 1),
            averages: &self.averages[moment * width..][..width],
            target: frame(moment + 1),
            suggestion: &self.suggestions[moment * bins..][..bins],
            sureness: self.sureness[moment],
        });
        heard.into_iter().for_each(|frame| add_noise(frame, noise, random));
    }
}

#[cfg(test)]
impl Material {
    /// Averages, outputs of the recurrent layers, suggestions and sureness.
    pub(crate) fn parts(&self) -> [&[f32]; 4] {
        [&self.averages, &self.h, &self.suggestions, &self.sureness]
    }
}
