//! Sources of seeds: the input's history, noise, or a captured clip.

use super::{
    clip::Clip,
    history::{Ear, History},
    voice::SeedSpan,
};
use crate::{
    control::SeedSource,
    dsp::{
        noise::{PerlinNoise, white},
        resample::Resampler,
    },
};
use std::sync::Arc;

/// Level of noise seeds: −20 dBFS.
const NOISE_RMS: f32 = 0.1;

/// The loudest part is looked for in at least so many seconds.
const LOUDEST_SECONDS: i64 = 2;

/// Where the seed of a voice comes from.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// Its source.
    pub source: SeedSource,
    /// Random seed of the noise.
    pub noise_seed: u64,
    /// Gain of a captured clip; the history has the input gain applied already.
    pub input_gain: f32,
    /// A number of this channel where the channels have independent random streams, else 0.
    pub own_chance: u64,
}

/// All sources of seeds.
#[derive(Debug)]
pub struct Seeds {
    /// The input.
    pub history: History,
    sample_rate_hz: u32,
    clip: Option<Arc<Clip>>,
    perlin: PerlinNoise,
    /// At the host's rate: what resamples the clip reads.
    window: Vec<f32>,
}

impl Seeds {
    /// Empty history, no clip.
    pub fn new(sample_rate_hz: u32) -> Self {
        Self {
            history: History::new(sample_rate_hz),
            sample_rate_hz,
            clip: None,
            perlin: PerlinNoise::new(0),
            window: Vec::with_capacity(sample_rate_hz as usize / 8 + 64),
        }
    }

    /// Replaces the clip, converted to the host's rate.
    pub fn set_clip(&mut self, clip: Option<Arc<Clip>>) {
        self.clip = clip.map(|clip| clip.at_rate(self.sample_rate_hz));
    }

    /// Engine time up to which seeds are known.
    pub fn end(&self) -> i64 {
        self.history.end()
    }

    /// Length in samples of the longest seed available now, if `least` samples have been heard.
    pub fn available_samples(&self, source: SeedSource, least: i64) -> i64 {
        let heard = self.history.heard_samples();
        if heard < least {
            return heard;
        }
        match source {
            SeedSource::Input | SeedSource::Sidechain => heard,
            SeedSource::White | SeedSource::Perlin => i64::MAX / 4,
            // A short clip is preceded by silence.
            SeedSource::Captured => self.clip.as_ref().map_or(0, |clip| least.max(clip.length_samples() as i64)),
        }
    }

    /// The level that a continuation of this seed keeps to.
    pub fn level(&self, source: SeedSource, ear: Ear, seed: SeedSpan) -> f32 {
        match source {
            // The level before Input Gain, which is meant for the models only.
            SeedSource::Input | SeedSource::Sidechain => {
                self.history.performer_rms(ear, seed.end, seed.end - seed.start)
            }
            SeedSource::White | SeedSource::Perlin => NOISE_RMS,
            SeedSource::Captured => {
                self.clip.as_ref().map_or(0.0, |clip| clip.rms(ear, (seed.end - seed.start) as usize))
            }
        }
    }

    /// RMS of the loudest quantum that a model hears of a seed, as far as it is known, or in the last seconds before: what a listening
    /// model takes its gain from.
    pub fn loudest(&self, origin: Origin, ear: Ear, seed: SeedSpan) -> f32 {
        match origin.source {
            SeedSource::Input | SeedSource::Sidechain => {
                let known = self.history.end();
                let start = seed.start.min(known - LOUDEST_SECONDS * i64::from(self.sample_rate_hz));
                origin.input_gain * self.history.loudest(ear, start, seed.end.min(known))
            }
            SeedSource::White | SeedSource::Perlin => NOISE_RMS,
            // As loud as a sine of its peak.
            SeedSource::Captured => {
                let peak = self.clip.as_ref().map_or(0.0, |clip| clip.peak());
                origin.input_gain * peak * std::f32::consts::FRAC_1_SQRT_2
            }
        }
    }

    /// True if a seed of this span is loud enough to start a continuation. Only input and sidechain can be too soft.
    pub fn is_above(&self, gate: f32, source: SeedSource, end: i64, samples: i64) -> bool {
        !source.is_heard() || self.history.rms(end, samples) >= gate
    }

    /// Sample `k` of the model's lattice, of the seed that lies at `seed`. Noise is made at the model's rate; what was captured ends where the
    /// seed does.
    pub fn model_sample(&mut self, origin: Origin, ear: Ear, seed: SeedSpan, resampler: &Resampler, k: i64) -> f32 {
        // Two channels hear two noises.
        let noise_seed = origin.noise_seed ^ (ear as u64);
        match origin.source {
            SeedSource::Input | SeedSource::Sidechain => self.history.model_sample(ear, resampler, k),
            SeedSource::White => NOISE_RMS * white(noise_seed, k),
            SeedSource::Perlin => {
                let (whole, fraction) = resampler.position(k);
                let seconds = (whole as f64 + f64::from(fraction)) / f64::from(self.sample_rate_hz);
                NOISE_RMS * self.perlin.at(noise_seed, seconds, 0.5 * f64::from(resampler.out_hz()))
            }
            SeedSource::Captured => {
                let Some(clip) = &self.clip else {
                    return 0.0;
                };
                let (whole, fraction) = resampler.position(k);
                let first = resampler.first_input(whole) - seed.end + clip.length_samples() as i64;
                self.window.clear();
                self.window.extend((first..first + resampler.window_samples() as i64).map(|at| clip.sample(ear, at)));
                origin.input_gain * resampler.sample(fraction, &self.window)
            }
        }
    }
}
