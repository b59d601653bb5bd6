//! The training loop: truncated back-propagation through time over parallel streams whose states are carried over.

use super::{
    cells::LayerState,
    checkpoint::{self, Counters},
    config::TrainConfig,
    dataset::Dataset,
    dropout::Dropout,
    error::TrainError,
    loss::loss,
    network::{Initialisation, TrainedNetwork},
    optimiser::{Adam, learning_rate},
    streams::Streams,
};
use crate::{
    dsp::{
        float_mode::FloatMode,
        random::{Random, mix64},
    },
    model::ModelData,
};
use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Instant,
};

/// How fast the displayed loss follows.
const RUNNING: f32 = 0.05;
/// The validation is heard in at most so many streams.
const VALIDATION_STREAMS: usize = 8;

/// Where a training keeps its checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoints {
    /// The file.
    pub path: PathBuf,
    /// Go on from it.
    pub resume: bool,
}

/// What the observer of a training is told after every step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Steps made, in this run and before.
    pub step: u64,
    /// Epochs completed.
    pub epoch: u32,
    /// Part of the training gone by, 0…1.
    pub fraction: f64,
    /// Loss, smoothed over about 20 steps.
    pub loss: f32,
    /// [`Dataset::baseline_loss`].
    pub baseline_loss: f32,
    /// Norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// The learning rate.
    pub rate: f64,
}

/// A finished training.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The model, with its provenance.
    pub model: ModelData,
    /// Steps made in all.
    pub steps: u64,
    /// The observer asked to stop before the end.
    pub interrupted: bool,
}

/// Trains a model. After every step `observer` may ask to stop; the checkpoint is then written and the model returned as
/// it is. `checkpoints`: none are written without it.
///
/// # Errors
/// If the loss or the gradient stops being a number (the weights of the last checkpoint are good), a checkpoint cannot
/// be written, or the one to resume from belongs to another configuration or other material.
pub fn train(
    config: &TrainConfig,
    data: &Dataset,
    checkpoints: Option<&Checkpoints>,
    observer: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<Trained, TrainError> {
    // Gradients of unlikely components are subnormal; without this they make every product ten times slower.
    let _mode = FloatMode::enter();
    let mut training = Training::new(config, data)?;
    if let Some(Checkpoints { path, resume: true }) = checkpoints {
        training.resume(path)?;
    }
    let mut saved = checkpoints.filter(|c| c.resume).map(|c| c.path.clone());
    let mut last_saved = Instant::now();
    let mut interrupted = false;
    while !interrupted && training.fraction() < 1.0 {
        let progress = training.step(saved.as_deref())?;
        interrupted = observer(&progress).is_break();
        let due = last_saved.elapsed().as_secs_f64() >= 60.0 * config.checkpoint_minutes;
        let ends = interrupted || training.fraction() >= 1.0;
        if let Some(checkpoints) = checkpoints.filter(|_| due || ends) {
            training.save(&checkpoints.path)?;
            saved = Some(checkpoints.path.clone());
            last_saved = Instant::now();
        }
    }
    Ok(Trained { model: training.model()?, steps: training.step, interrupted })
}

struct Training<'a> {
    config: &'a TrainConfig,
    data: &'a Dataset,
    network: TrainedNetwork,
    adam: Adam,
    streams: Streams,
    dropout: Random,
    state: Vec<LayerState>,
    step: u64,
    steps_per_epoch: u64,
    /// Seconds of the runs before this one.
    elapsed_before: f64,
    started: Instant,
    /// Sum of the losses of this epoch, and of how many steps.
    epoch_sum: f64,
    epoch_steps: u64,
    /// Mean loss of the last whole epoch.
    epoch_loss: Option<f32>,
    running_loss: Option<f32>,
}

impl<'a> Training<'a> {
    fn new(config: &'a TrainConfig, data: &'a Dataset) -> Result<Self, TrainError> {
        let random = |purpose: u64| Random::new(mix64(config.random_seed) ^ purpose);
        let init = Initialisation { forget_bias: config.forget_bias, weight_stddev: config.weight_stddev };
        let network = TrainedNetwork::new(&data.model, &init, &mut random(1))?;
        Ok(Self {
            config,
            data,
            adam: Adam::default(),
            streams: Streams::new(config, data, random(2)),
            dropout: random(3),
            state: network.zero_state(config.streams),
            network,
            step: 0,
            steps_per_epoch: (data.frames() as u64).div_ceil((config.streams * config.bptt) as u64),
            elapsed_before: 0.0,
            started: Instant::now(),
            epoch_sum: 0.0,
            epoch_steps: 0,
            epoch_loss: None,
            running_loss: None,
        })
    }

    fn elapsed_s(&self) -> f64 {
        self.elapsed_before + self.started.elapsed().as_secs_f64()
    }

    /// Part of the training gone by: by epochs or by minutes, whichever is further.
    fn fraction(&self) -> f64 {
        let by_epochs = self
            .config
            .epochs
            .map_or(0.0, |epochs| self.step as f64 / (u64::from(epochs) * self.steps_per_epoch) as f64);
        let by_minutes = self.config.max_minutes.map_or(0.0, |minutes| self.elapsed_s() / (60.0 * minutes));
        by_epochs.max(by_minutes)
    }

    /// One segment. `saved`: the last checkpoint, for the message if this step fails.
    fn step(&mut self, saved: Option<&Path>) -> Result<Progress, TrainError> {
        let fraction = self.fraction();
        let segment = self.streams.next(self.config, self.data);
        self.state.iter_mut().for_each(|layer| layer.forget(&segment.restarted));
        let dropout = self.config.use_dropout.then_some(Dropout {
            input_keep: self.config.input_keep,
            output_keep: self.config.output_keep,
            state_keep: self.config.state_keep,
            random: &mut self.dropout,
        });
        let output = self.network.forward(&segment.inputs, &mut self.state, dropout)?;
        let loss = loss(self.data.model.head, &output, &segment.inputs, &segment.targets)?;
        let diverged = |norm: f64| TrainError::Diverged {
            step: self.step,
            found: format!("loss {}, norm of the gradient {norm}", loss.mean),
            checkpoint: saved.map(Path::to_path_buf),
        };
        if !loss.mean.is_finite() {
            return Err(diverged(f64::NAN));
        }
        let rate = learning_rate(self.config, self.adam.updates, fraction);
        let gradients = loss.node.backward()?;
        let norm = self.adam.update(&self.network.variables, &gradients, rate, self.config)?;
        if !norm.is_finite() {
            return Err(diverged(norm));
        }
        self.count(loss.mean);
        Ok(Progress {
            step: self.step,
            epoch: (self.step / self.steps_per_epoch) as u32,
            fraction: self.fraction(),
            loss: self.running_loss.unwrap_or(loss.mean),
            baseline_loss: self.data.baseline_loss,
            gradient_norm: norm,
            rate,
        })
    }

    fn count(&mut self, loss: f32) {
        self.step += 1;
        self.running_loss = Some(self.running_loss.map_or(loss, |running| running + RUNNING * (loss - running)));
        self.epoch_sum += f64::from(loss);
        self.epoch_steps += 1;
        if self.epoch_steps == self.steps_per_epoch {
            self.epoch_loss = Some((self.epoch_sum / self.epoch_steps as f64) as f32);
            (self.epoch_sum, self.epoch_steps) = (0.0, 0);
        }
    }

    /// Loss on the held-out recordings, without noise or dropout, from a state of zeros; none if they are too short.
    fn validation_loss(&self) -> Result<Option<f32>, TrainError> {
        let model = &self.data.model;
        let (inputs, row_size) = (model.features(), model.features());
        let rows = self.data.validation.len() / row_size;
        let streams = VALIDATION_STREAMS.min(rows / 2);
        if streams == 0 {
            return Ok(None);
        }
        let steps = rows / streams - 1;
        let mut state = self.network.zero_state(streams);
        let mut sum = 0.0;
        for start in (0..steps).step_by(self.config.bptt) {
            let end = (start + self.config.bptt).min(steps);
            let (mut heard, mut next) = (Vec::new(), Vec::new());
            for step in start..end {
                for stream in 0..streams {
                    let row = &self.data.validation[(stream * (rows / streams) + step) * row_size..];
                    heard.extend_from_slice(&row[..inputs]);
                    next.extend_from_slice(&row[row_size..2 * row_size]);
                }
            }
            let output = self.network.forward(&heard, &mut state, None)?.detach();
            sum += f64::from(loss(model.head, &output, &heard, &next)?.mean) * (end - start) as f64;
        }
        Ok(Some((sum / steps as f64) as f32))
    }

    fn model(&self) -> Result<ModelData, TrainError> {
        let mut model = self.data.model.clone();
        model.training.epochs = (self.step / self.steps_per_epoch) as u32;
        model.training.final_loss = self.epoch_loss.or(self.running_loss).unwrap_or(0.0);
        model.training.validation_loss = self.validation_loss()?;
        let mut tensors = self.network.tensors()?;
        tensors.extend(self.data.projection.clone());
        let name = PathBuf::from(&model.name);
        Ok(ModelData::new(model, tensors, &name)?)
    }

    fn save(&self, path: &Path) -> Result<(), TrainError> {
        let counters = Counters {
            configuration: fixed_part(self.config),
            material: self.data.fingerprint(),
            step: self.step,
            updates: self.adam.updates,
            elapsed_bits: self.elapsed_s().to_bits(),
            epoch_sum_bits: self.epoch_sum.to_bits(),
            epoch_steps: self.epoch_steps,
            epoch_loss_bits: self.epoch_loss.map(f32::to_bits),
            running_loss_bits: self.running_loss.map(f32::to_bits),
            ticks: self.state.iter().map(|layer| layer.tick).collect(),
            places: self.streams.places.clone(),
            streams_random: self.streams.random.state(),
            dropout_random: self.dropout.state(),
        };
        checkpoint::write(path, &counters, &self.network, &self.adam, &self.state)
    }

    fn resume(&mut self, path: &Path) -> Result<(), TrainError> {
        let fail = |expected: String, actual: String| TrainError::Checkpoint { path: path.into(), expected, actual };
        let counters = checkpoint::read(path, &self.network, &mut self.adam, &mut self.state)?;
        let configuration = fixed_part(self.config);
        if counters.configuration != configuration {
            return Err(fail(format!("the configuration {configuration}"), counters.configuration));
        }
        if counters.material != self.data.fingerprint() {
            return Err(fail("the material it was trained on".into(), "other material".into()));
        }
        let lattices = &self.data.lattices;
        let inside = |&(lattice, row): &(u32, u32)| {
            lattices.get(lattice as usize).is_some_and(|rows| row as usize <= rows.len() / self.data.model.features())
        };
        if counters.places.len() != self.config.streams || !counters.places.iter().all(inside) {
            return Err(fail(format!("{} places in the material", self.config.streams), "others".into()));
        }
        self.streams = Streams { places: counters.places, random: Random::from_state(counters.streams_random) };
        self.dropout = Random::from_state(counters.dropout_random);
        self.step = counters.step;
        self.elapsed_before = f64::from_bits(counters.elapsed_bits);
        self.started = Instant::now();
        self.epoch_sum = f64::from_bits(counters.epoch_sum_bits);
        self.epoch_steps = counters.epoch_steps;
        self.epoch_loss = counters.epoch_loss_bits.map(f32::from_bits);
        self.running_loss = counters.running_loss_bits.map(f32::from_bits);
        Ok(())
    }
}

/// The configuration as JSON without what may change from run to run: when to stop, and what is only written down.
fn fixed_part(config: &TrainConfig) -> String {
    let defaults = TrainConfig::default();
    let fixed = TrainConfig {
        name: defaults.name,
        licence: defaults.licence,
        notes: defaults.notes,
        epochs: None,
        max_minutes: None,
        checkpoint_minutes: 1.0,
        temperature: 1.0,
        ..config.clone()
    };
    serde_json::to_string(&fixed).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_that_is_no_number_stops_with_step_and_checkpoint_and_moves_nothing() {
        let config = TrainConfig { principal_components: 8, hidden: 8, streams: 2, bptt: 8, ..TrainConfig::default() };
        let mut random = Random::new(1);
        let sound: Vec<f32> = (0..22_050).map(|_| 0.1 * random.normal()).collect();
        let data = Dataset::of(&config, &sound, &[]).expect("good material");
        let mut training = Training::new(&config, &data).expect("tensors");
        training.step(None).expect("a good step");
        let bias = &training.network.variables["out.bias"];
        let broken = (bias.as_tensor() * f64::NAN).expect("tensors");
        bias.set(&broken).expect("the same shape");
        let weights = |training: &Training<'_>| {
            let mut tensors = training.network.tensors().expect("values");
            tensors.remove("out.bias");
            tensors
        };
        let before = weights(&training);
        let error = training.step(Some(Path::new("last.checkpoint"))).expect_err("NaN").to_string();
        assert!(error.contains("step 1:") && error.contains("last.checkpoint") && error.contains("NaN"), "{error}");
        assert_eq!(weights(&training), before);
    }
}
