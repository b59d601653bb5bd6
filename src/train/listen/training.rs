//! A training of a listening model under way: everything that moves from step to step, what it is saved as, and the model it
//! amounts to.

use super::{
    config::ListenConfig,
    material::ListenMaterial,
    network::{ListeningNetwork, Losses, Segment, State},
    recall::Ring,
    streams::{Examination, Place, Streams},
};
use crate::{
    dsp::random::{Random, mix64},
    hyperparameters::TrainConfig,
    model::{ModelConfig, ModelData, Training as Provenance},
    train::{
        TrainError,
        net::{
            gradient::Named,
            tensors::{all_finite, first_not_finite},
        },
        optimiser::{Gradient, Memory},
        run::{
            archive::{self, Archive},
            checkpoint::difference,
        },
    },
};
use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    time::Instant,
};

/// How fast the displayed losses follow.
const RUNNING: f32 = 0.02;
/// The learning rate ends at this part of the first one.
const LAST_RATE: f64 = 0.03;

/// What is told after a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ListenProgress {
    /// Steps made, in this run and before.
    pub step: u64,
    /// Part of the training gone by, 0…1.
    pub fraction: f64,
    /// Mean cross-entropy of a bin, smoothed over about 50 steps.
    pub bins: f32,
    /// Mean cross-entropy of a band's level, smoothed likewise.
    pub bands: f32,
    /// Mean cosine of the recalled moment, smoothed likewise.
    pub sureness: f32,
    /// The last test on held-out pieces: cross-entropy of a bin and of a band's level.
    pub validation: Option<[f32; 2]>,
    /// The loss of a bin at this step alone.
    pub loss: f32,
    /// Norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// The learning rate.
    pub rate: f64,
}

/// The numbers of a checkpoint; floats as bits, which JSON does not always keep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counters {
    /// Tells it from that of another kind of training.
    listening: bool,
    /// The configuration without the fields that may change on the way.
    configuration: String,
    /// [`ListenMaterial::fingerprint`].
    material: u64,
    step: u64,
    updates: u64,
    elapsed_bits: u64,
    running: Option<[u32; 3]>,
    validation: Option<[u32; 2]>,
    places: Vec<Place>,
    random: [u32; 4],
    /// Steps that each layer's clock has counted.
    ticks: Vec<u64>,
    /// Moments that each stream can recall.
    rings: Vec<usize>,
}

/// A training under way.
pub(crate) struct ListenTraining<'a> {
    pub config: &'a ListenConfig,
    material: &'a ListenMaterial,
    model: ModelConfig,
    pub network: ListeningNetwork,
    /// What the optimiser reads of a configuration.
    rules: TrainConfig,
    gradient: Gradient,
    memory: Memory,
    streams: Streams,
    segment: Segment,
    state: State,
    pub step: u64,
    /// Seconds of the runs before this one.
    elapsed_before: f64,
    started: Instant,
    /// Smoothed losses of bins and bands, and sureness.
    running: Option<[f32; 3]>,
    pub validation: Option<[f32; 2]>,
    /// The last checkpoint, for messages.
    pub saved: Option<PathBuf>,
}

impl<'a> ListenTraining<'a> {
    pub fn new(config: &'a ListenConfig, material: &'a ListenMaterial) -> Result<Self, TrainError> {
        let random = |purpose: u64| Random::new(mix64(config.random_seed) ^ purpose);
        let model = config.model();
        let network = ListeningNetwork::new(&model, config.band_weight, config.recall_frames, &mut random(1))?;
        Ok(Self {
            config,
            material,
            rules: TrainConfig { lr: config.lr, clip_norm: config.clip_norm, ..TrainConfig::default() },
            gradient: Gradient::default(),
            memory: Memory::default(),
            streams: Streams::new(config, material, random(2)),
            segment: Segment::default(),
            state: network.zero_state(config.streams),
            network,
            model,
            step: 0,
            elapsed_before: 0.0,
            started: Instant::now(),
            running: None,
            validation: None,
            saved: None,
        })
    }

    pub fn parameters(&self) -> u64 {
        self.network.variables.values().map(|variable| variable.elem_count() as u64).sum()
    }

    pub fn elapsed_s(&self) -> f64 {
        self.elapsed_before + self.started.elapsed().as_secs_f64()
    }

    fn by_steps(&self) -> Option<f64> {
        self.config.max_steps.map(|most| self.step as f64 / most as f64)
    }

    fn by_minutes(&self) -> Option<f64> {
        self.config.max_minutes.map(|minutes| if minutes > 0.0 { self.elapsed_s() / (60.0 * minutes) } else { 1.0 })
    }

    /// Part of the training gone by: by steps or by minutes, whichever is further.
    pub fn fraction(&self) -> f64 {
        self.by_steps().unwrap_or(0.0).max(self.by_minutes().unwrap_or(0.0))
    }

    fn rate(&self) -> f64 {
        // The clock decides on the schedule only where nothing else does, so that runs can be repeated.
        let fraction = self.by_steps().or_else(|| self.by_minutes()).unwrap_or(0.0).clamp(0.0, 1.0);
        let rise = ((self.step + 1) as f64 / self.config.lr_rise_steps.max(1) as f64).min(1.0);
        let fall = 0.5 * (1.0 + libm::cos(std::f64::consts::PI * fraction));
        self.config.lr * rise * (LAST_RATE + (1.0 - LAST_RATE) * fall)
    }

    /// One update of the weights.
    pub fn step(&mut self) -> Result<ListenProgress, TrainError> {
        self.streams.next(self.config, self.material, &mut self.segment);
        self.state.forget(&self.segment.restarted);
        let losses = self.network.pass(&self.segment, &mut self.state, true)?;
        if !(losses.bins + losses.bands).is_finite() {
            let tensor = first_not_finite(&self.network.variables)?.unwrap_or("predictions".into());
            return Err(self.diverged(&tensor, format!("losses of {} and {}", losses.bins, losses.bands)));
        }
        self.gradient.clear();
        self.gradient.add(&mut self.network.gradient(), 1.0);
        if let Some(tensor) = self.gradient.not_finite() {
            return Err(self.diverged(tensor, "a gradient that is no number".into()));
        }
        let gradient_norm = self.gradient.clip(&self.rules);
        let rate = self.rate();
        self.memory.update(&self.network.variables, &self.gradient, rate, &self.rules)?;
        if let Some(tensor) = first_not_finite(&self.network.variables)? {
            return Err(self.diverged(&tensor, "a weight that is no number".into()));
        }
        if let Some(tensor) = self.memory.not_finite() {
            return Err(self.diverged(tensor, "a moment of the optimiser that is no number".into()));
        }
        self.step += 1;
        let now = [losses.bins, losses.bands, losses.sureness];
        let running = self.running.get_or_insert(now);
        running.iter_mut().zip(now).for_each(|(running, now)| *running += RUNNING * (now - *running));
        let [bins, bands, sureness] = *running;
        let (step, fraction, validation) = (self.step, self.fraction(), self.validation);
        let loss = losses.bins;
        Ok(ListenProgress { step, fraction, bins, bands, sureness, validation, loss, gradient_norm, rate })
    }

    fn diverged(&self, tensor: &str, found: String) -> TrainError {
        TrainError::Diverged { step: self.step, tensor: tensor.into(), found, checkpoint: self.saved.clone() }
    }

    /// Losses on held-out pieces, without noise, from their beginning; none where nothing is held out.
    pub fn examine(&self) -> Result<Option<Losses>, TrainError> {
        let Some(mut examination) = Examination::new(self.config, self.material) else { return Ok(None) };
        let mut state = self.network.zero_state(examination.streams());
        let (mut sums, mut count) = ([0.0f64; 3], 0.0);
        while let Some(segment) = examination.next() {
            let losses = self.network.pass(&segment, &mut state, false)?;
            let now = [losses.bins, losses.bands, losses.sureness];
            sums.iter_mut().zip(now).for_each(|(sum, now)| *sum += f64::from(now));
            count += 1.0;
        }
        let [bins, bands, sureness] = sums.map(|sum| (sum / count) as f32);
        if !(bins + bands).is_finite() {
            return Err(self.diverged("validation", format!("losses of {bins} and {bands}")));
        }
        Ok(Some(Losses { bins, bands, sureness }))
    }

    /// The model as it is now.
    pub fn model(&self) -> Result<ModelData, TrainError> {
        let mut model = self.model.clone();
        let trained = (self.step as f64 * (self.config.streams * self.config.bptt) as f64) as u64;
        let mut hyperparameters = serde_json::to_value(self.config).unwrap_or_default();
        if let Some(fields) = hyperparameters.as_object_mut() {
            fields.insert("steps".into(), self.step.into());
            fields.insert(
                "band_losses".into(),
                serde_json::json!([self.running.map(|all| all[1]), self.validation.map(|all| all[1])]),
            );
        }
        model.training = Provenance {
            baseline_loss: None,
            material: self.material.names.clone(),
            licence: self.config.licence.clone(),
            hyperparameters,
            epochs: (trained / self.material.frames().max(1) as u64) as u32,
            final_loss: self.running.map_or(0.0, |all| all[0]),
            validation_loss: self.validation.map(|all| all[0]),
            repeat_loss: 0.0,
            version: env!("CARGO_PKG_VERSION").into(),
        };
        let name = PathBuf::from(&model.name);
        Ok(ModelData::new(model, self.network.tensors()?, &name)?.with_maker_frames(self.material.reminder()))
    }

    pub fn save(&self, path: &Path) -> Result<(), TrainError> {
        let counters = Counters {
            listening: true,
            configuration: self.config.fixed_part(),
            material: self.material.fingerprint(),
            step: self.step,
            updates: self.memory.updates,
            elapsed_bits: self.elapsed_s().to_bits(),
            running: self.running.map(|all| all.map(f32::to_bits)),
            validation: self.validation.map(|all| all.map(f32::to_bits)),
            places: self.streams.places.clone(),
            random: self.streams.random.state(),
            ticks: self.state.layers.iter().map(|layer| layer.tick).collect(),
            rings: self.state.rings.iter().map(|ring| ring.keys.len() / self.key_size()).collect(),
        };
        let weights = self.network.tensors()?;
        let mut tensors: Named = weights.into_iter().map(|(name, values)| (format!("weight/{name}"), values)).collect();
        for (prefix, moments) in [("first", &self.memory.first), ("second", &self.memory.second)] {
            tensors.extend(moments.iter().map(|(name, values)| (format!("{prefix}/{name}"), values.clone())));
        }
        for (index, layer) in self.state.layers.iter().enumerate() {
            tensors.insert(format!("state/h{index}"), layer.h.clone());
            tensors.insert(format!("state/c{index}"), layer.c.clone());
        }
        tensors.insert("state/averages".into(), self.streams.averages.clone());
        for (name, of_ring) in [("state/keys", |ring: &Ring| &ring.keys), ("state/values", |ring: &Ring| &ring.values)]
            as [(&str, fn(&Ring) -> &Vec<f32>); 2]
        {
            tensors.insert(name.into(), self.state.rings.iter().flat_map(of_ring).copied().collect());
        }
        archive::write(path, &serde_json::to_string(&counters).unwrap_or_default(), &tensors)
    }

    fn key_size(&self) -> usize {
        self.config.approach.key_size
    }

    pub fn resume(&mut self, path: &Path) -> Result<(), TrainError> {
        let archive = Archive::open(path)?;
        let counters: Counters = archive.numbers()?;
        let configuration = self.config.fixed_part();
        if counters.configuration != configuration {
            let (expected, actual) = difference(&configuration, &counters.configuration);
            return Err(archive.failed(&format!("the same configuration, {expected}"), actual));
        }
        if counters.material != self.material.fingerprint() {
            return Err(archive.failed("the material it was trained on", "other material".into()));
        }
        let most = self.config.recall_frames;
        let fits = Streams::fit(&counters.places, self.config, self.material)
            && counters.ticks.len() == self.state.layers.len()
            && counters.rings.len() == self.config.streams
            && counters.rings.iter().all(|&count| count <= most);
        if !fits {
            return Err(archive.failed(&format!("{} places in the material", self.config.streams), "others".into()));
        }
        for (name, variable) in &self.network.variables {
            let count = variable.elem_count();
            let weights = archive.take(&format!("weight/{name}"), count)?;
            variable.set(&Tensor::from_vec(weights, variable.shape(), &Device::Cpu)?)?;
            if counters.updates > 0 {
                self.memory.first.insert(name.clone(), archive.take(&format!("first/{name}"), count)?);
                self.memory.second.insert(name.clone(), archive.take(&format!("second/{name}"), count)?);
            }
        }
        self.memory.updates = counters.updates;
        for (index, (layer, &tick)) in self.state.layers.iter_mut().zip(&counters.ticks).enumerate() {
            layer.h = archive.take(&format!("state/h{index}"), layer.h.len())?;
            layer.c = archive.take(&format!("state/c{index}"), layer.c.len())?;
            layer.tick = tick;
        }
        self.streams.averages = archive.take("state/averages", self.streams.averages.len())?;
        let (key_size, bins) = (self.key_size(), self.material.bins);
        let all: usize = counters.rings.iter().sum();
        let keys = archive.take("state/keys", all * key_size)?;
        let values = archive.take("state/values", all * bins)?;
        let mut first = 0;
        for (ring, &count) in self.state.rings.iter_mut().zip(&counters.rings) {
            ring.keys = keys[first * key_size..][..count * key_size].to_vec();
            ring.values = values[first * bins..][..count * bins].to_vec();
            first += count;
        }
        self.streams.places = counters.places;
        self.streams.random = Random::from_state(counters.random);
        self.step = counters.step;
        self.elapsed_before = f64::from_bits(counters.elapsed_bits);
        self.started = Instant::now();
        self.running = counters.running.map(|all| all.map(f32::from_bits));
        self.validation = counters.validation.map(|all| all.map(f32::from_bits));
        if self.running.is_some_and(|all| !all_finite(&all)) {
            return Err(archive.failed("finite losses", "others".into()));
        }
        self.saved = Some(path.into());
        Ok(())
    }
}
