//! Sampling while training: hearing a model learn.
//!
//! *Sequential*: every few steps the weights are copied and whole outputs made of them, a slice after each training step, so
//! that no pause is long. *Concurrent* (Pfalz 2018, section 3.3): a few sampling steps per training step, the weights moving
//! under the state; an output that is finished is written, and the next begins with a new seed.

use super::{journal::SampleEntry, training::Training};
use crate::{
    approach::{Generator, Network, feed_seed},
    audio_file::{Depth, wav::write_wav},
    dsp::random::{Random, mix64},
    hyperparameters::{SamplingMode, SeedAdvance, TrainConfig},
    model::ModelData,
    nn::Isa,
    train::{data::dataset::Dataset, error::TrainError},
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

/// Folder of the outputs within the run's.
const FOLDER: &str = "samples";
/// Training pauses at most about so long at a time.
const SLICE: Duration = Duration::from_secs(1);
/// Outputs under way at the end of a run are written if they are at least as long.
const MIN_SECONDS: f32 = 0.5;

/// An output under way.
struct Output {
    stream: usize,
    /// The step whose weights made it (sequential), or after which it began.
    step: u64,
    seed: PathBuf,
    continuation: Generator,
    sound: Vec<f32>,
}

/// Makes outputs while a model is trained.
pub(crate) struct Sampler {
    folder: PathBuf,
    outputs: Vec<Output>,
    samples: usize,
    seed_samples: usize,
    /// The step whose weights were last sampled (sequential).
    sampled: Option<u64>,
}

impl Sampler {
    /// Makes the folder of the outputs in the run's `folder`.
    pub fn new(folder: &Path, config: &TrainConfig, data: &Dataset) -> Result<Self, TrainError> {
        let rate = data.model.sample_rate_hz as f32;
        let of = |seconds: f32| ((seconds * rate) as usize).max(1);
        let outputs = folder.join(FOLDER);
        if config.sampling.mode != SamplingMode::Off {
            fs::create_dir_all(&outputs).map_err(|source| TrainError::Io { path: outputs, source })?;
        }
        Ok(Self {
            folder: folder.into(),
            outputs: Vec::new(),
            samples: of(config.sampling.seconds),
            seed_samples: of(config.sampling.seed_seconds).min(data.sound.len()),
            sampled: None,
        })
    }

    /// To be called after every training step. Returns the outputs that were finished.
    pub fn after_step(&mut self, training: &Training<'_>) -> Result<Vec<SampleEntry>, TrainError> {
        let sampling = &training.config.sampling;
        match sampling.mode {
            SamplingMode::Off => Ok(Vec::new()),
            SamplingMode::Sequential => {
                if self.outputs.is_empty() && training.step.is_multiple_of(sampling.every_steps) {
                    self.begin(training, &network(training)?)?;
                }
                self.predict(training, Some(Instant::now() + SLICE), usize::MAX)
            }
            SamplingMode::Concurrent => {
                let network = network(training)?;
                self.begin(training, &network)?;
                for output in &mut self.outputs {
                    output.continuation.set_network(Arc::clone(&network));
                }
                self.predict(training, None, sampling.steps_per_step as usize)
            }
        }
    }

    /// The end of a run: what is under way is finished; sequential sampling ends with outputs of the last weights.
    pub fn finish(&mut self, training: &Training<'_>) -> Result<Vec<SampleEntry>, TrainError> {
        let mut finished = Vec::new();
        match training.config.sampling.mode {
            SamplingMode::Off => {}
            SamplingMode::Sequential => {
                finished = self.predict(training, None, usize::MAX)?;
                if self.sampled != Some(training.step) {
                    self.begin(training, &network(training)?)?;
                    finished.extend(self.predict(training, None, usize::MAX)?);
                }
            }
            SamplingMode::Concurrent => {
                let least = MIN_SECONDS * training.data.model.sample_rate_hz as f32;
                for output in std::mem::take(&mut self.outputs) {
                    if output.sound.len() as f32 >= least {
                        finished.push(self.write(training, &output)?);
                    }
                }
            }
        }
        Ok(finished)
    }

    /// Begins the outputs that are not under way.
    fn begin(&mut self, training: &Training<'_>, network: &Arc<Network>) -> Result<(), TrainError> {
        self.sampled = Some(training.step);
        for stream in 0..training.config.sampling.streams {
            if self.outputs.iter().any(|output| output.stream == stream) {
                continue;
            }
            let step = training.step;
            let random_seed = mix64(training.config.random_seed ^ mix64(step) ^ stream as u64);
            let start = self.seed_start(training, stream, random_seed);
            let seed = &training.data.sound[start..start + self.seed_samples];
            let path = PathBuf::from(FOLDER).join(format!("step-{step:07}-{}-seed.wav", stream + 1));
            self.write_wav(&path, seed, training)?;
            let mut continuation = Generator::new(Arc::clone(network));
            continuation.reset(random_seed);
            feed_seed(&mut continuation, seed);
            let sound = Vec::with_capacity(self.samples + training.data.model.hop_samples());
            self.outputs.push(Output { stream, step, seed: path, continuation, sound });
        }
        Ok(())
    }

    fn seed_start(&self, training: &Training<'_>, stream: usize, random_seed: u64) -> usize {
        let last = training.data.sound.len() - self.seed_samples;
        match training.config.sampling.seed_advance {
            SeedAdvance::Random => Random::new(random_seed).below(last as u32 + 1) as usize,
            SeedAdvance::Same => last * (stream + 1) / (training.config.sampling.streams + 1),
            SeedAdvance::TrainingCursor => {
                let places = &training.streams.places;
                let (lattice, unit) = places[stream % places.len()];
                let cursor = training.data.sample_of(lattice as usize, unit as usize);
                cursor.saturating_sub(self.seed_samples).min(last)
            }
        }
    }

    /// Predicts at most `hops` hops of every output, until `end`.
    fn predict(
        &mut self,
        training: &Training<'_>,
        end: Option<Instant>,
        hops: usize,
    ) -> Result<Vec<SampleEntry>, TrainError> {
        let mut hop = vec![0.0; training.data.model.hop_samples()];
        let in_time = || end.is_none_or(|end| Instant::now() < end);
        let mut finished = Vec::new();
        let mut under_way = Vec::new();
        for mut output in std::mem::take(&mut self.outputs) {
            let mut made = 0;
            while output.sound.len() < self.samples && made < hops && in_time() {
                output.continuation.predict(training.config.sampling.temperature, &mut hop);
                output.sound.extend_from_slice(&hop);
                made += 1;
            }
            if output.sound.len() < self.samples {
                under_way.push(output);
            } else {
                output.sound.truncate(self.samples);
                finished.push(self.write(training, &output)?);
            }
        }
        self.outputs = under_way;
        Ok(finished)
    }

    fn write(&self, training: &Training<'_>, output: &Output) -> Result<SampleEntry, TrainError> {
        // A concurrent output is named by the step that finished it: no one step's weights made it.
        let step = match training.config.sampling.mode {
            SamplingMode::Concurrent => training.step,
            _ => output.step,
        };
        let path = PathBuf::from(FOLDER).join(format!("step-{step:07}-{}.wav", output.stream + 1));
        self.write_wav(&path, &output.sound, training)?;
        Ok(SampleEntry { step, stream: output.stream, seed: output.seed.clone(), output: path })
    }

    fn write_wav(&self, path: &Path, sound: &[f32], training: &Training<'_>) -> Result<(), TrainError> {
        let path = self.folder.join(path);
        write_wav(&path, training.data.model.sample_rate_hz, &[sound], Depth::Float32)
            .map_err(|source| TrainError::Io { path, source })
    }
}

/// The weights as they are now, ready to run.
fn network(training: &Training<'_>) -> Result<Arc<Network>, TrainError> {
    let data = ModelData::new(training.data.model.clone(), training.tensors()?, Path::new("the model in training"))?;
    Ok(Arc::new(Network::new(&data, Isa::from_environment())))
}
