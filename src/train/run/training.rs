//! A training under way: everything that moves from step to step, what it is saved as, and the model it amounts to.

use super::{
    checkpoint::{self, Counters},
    journal::{EpochEntry, Errors, StepEntry},
    ledger::Ledger,
    observer::Progress,
};
use crate::{
    dsp::random::{Random, mix64},
    hyperparameters::TrainConfig,
    model::ModelData,
    train::{
        data::{
            dataset::Dataset,
            foreign::ForeignSounds,
            streams::{Evaluation, Streams},
        },
        error::TrainError,
        net::{
            cells::LayerState,
            dropout::Dropout,
            loss::{Counting, Loss, loss},
            network::{Initialisation, TrainedNetwork},
            tensors::first_not_finite,
        },
        optimiser::{Gradient, Memory, Plateau, WeightMean, learning_rate},
    },
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Instant,
};

/// Validation takes at most one part in as many of the rows that are trained on.
const VALIDATION_SHARE: u64 = 8;

/// A training under way.
pub(crate) struct Training<'a> {
    pub config: &'a TrainConfig,
    pub data: &'a Dataset,
    network: TrainedNetwork,
    /// Memory for the next update's gradient.
    gradient: Gradient,
    memory: Memory,
    pub streams: Streams,
    dropout: Random,
    state: Vec<LayerState>,
    pub step: u64,
    updates_per_epoch: u64,
    /// Seconds of the runs before this one.
    elapsed_before: f64,
    started: Instant,
    ledger: Ledger,
    plateau: Plateau,
    mean: WeightMean,
    /// The step after which the validation was last heard.
    validated: u64,
    /// The last checkpoint, for messages.
    pub saved: Option<PathBuf>,
}

impl<'a> Training<'a> {
    pub fn new(config: &'a TrainConfig, data: &'a Dataset) -> Result<Self, TrainError> {
        let random = |purpose: u64| Random::new(mix64(config.random_seed) ^ purpose);
        let init = Initialisation { forget_bias: config.forget_bias, weight_stddev: config.weight_stddev };
        let network = TrainedNetwork::new(&data.model, &init, &mut random(1))?;
        network.take(&data.first_weights)?;
        Ok(Self {
            config,
            data,
            gradient: Gradient::default(),
            memory: Memory::default(),
            streams: Streams::new(config, data, random(2)),
            dropout: random(3),
            state: network.zero_state(data.cut.states(config.streams)),
            network,
            step: 0,
            updates_per_epoch: Streams::updates_per_epoch(config, data),
            elapsed_before: 0.0,
            started: Instant::now(),
            ledger: Ledger::new(data.songs.len()),
            plateau: Plateau::default(),
            mean: WeightMean::default(),
            validated: 0,
            saved: None,
        })
    }

    fn elapsed_s(&self) -> f64 {
        self.elapsed_before + self.started.elapsed().as_secs_f64()
    }

    /// By epochs or steps, whichever is further.
    fn by_steps(&self) -> Option<f64> {
        let of_epochs = self.config.epochs.map(|epochs| u64::from(epochs) * self.updates_per_epoch);
        let most = of_epochs.into_iter().chain(self.config.max_steps).min()?;
        Some(self.step as f64 / most as f64)
    }

    fn by_minutes(&self) -> Option<f64> {
        self.config.max_minutes.map(|minutes| self.elapsed_s() / (60.0 * minutes))
    }

    /// Part of the training gone by: by steps or by minutes, whichever is further.
    pub fn fraction(&self) -> f64 {
        self.by_steps().unwrap_or(0.0).max(self.by_minutes().unwrap_or(0.0))
    }

    pub fn parameters(&self) -> u64 {
        self.network.variables.values().map(|variable| variable.elem_count() as u64).sum()
    }

    fn epoch(&self) -> u32 {
        (self.step / self.updates_per_epoch) as u32
    }

    /// One update of the weights: one segment, or one whole recording.
    pub fn step(&mut self) -> Result<(Progress, StepEntry), TrainError> {
        // The clock decides on the schedule only where nothing else does, so that runs can be repeated.
        let fraction = self.by_steps().or_else(|| self.by_minutes()).unwrap_or(0.0);
        let mut gradient = std::mem::take(&mut self.gradient);
        gradient.clear();
        let (mut sum, mut steps) = (0.0f64, 0usize);
        loop {
            let segment = self.streams.next(self.config, self.data);
            self.state.iter_mut().for_each(|layer| layer.forget(&segment.restarted));
            let dropout = self.config.use_dropout.then_some(Dropout {
                input_keep: self.config.input_keep,
                output_keep: self.config.output_keep,
                state_keep: self.config.state_keep,
                random: &mut self.dropout,
            });
            let output = self.network.forward(&segment.inputs, &mut self.state, dropout)?;
            let counting = Counting { scored: Some(&segment.scored), ceiling: self.config.loss_ceiling };
            let loss = loss(self.data.model.head, &output, &segment.inputs, &segment.targets, counting)?;
            if !loss.mean.is_finite() {
                let tensor = first_not_finite(&self.network.variables)?.unwrap_or("predictions".into());
                return Err(self.diverged(&tensor, format!("a loss of {}", loss.mean)));
            }
            let whole = segment.ends_update && steps == 0;
            let weight = if whole { 1.0 } else { segment.steps as f32 };
            gradient.add(&mut *self.network.backward(&loss.node)?, weight);
            self.ledger.segment(&segment, &loss);
            sum += f64::from(loss.mean) * segment.steps as f64;
            steps += segment.steps;
            if segment.ends_update {
                if !whole {
                    gradient.scale(1.0 / steps as f32);
                }
                break;
            }
        }
        let mean = (sum / steps as f64) as f32;
        if let Some(tensor) = gradient.not_finite() {
            return Err(self.diverged(tensor, "a gradient that is no number".into()));
        }
        if self.config.regularization {
            gradient.regularise(&self.network.variables, self.config.reg_amount)?;
        }
        let norm = gradient.clip(self.config);
        let rate = learning_rate(self.config, self.memory.updates, fraction, self.plateau.reduction);
        self.memory.update(&self.network.variables, &gradient, rate, self.config)?;
        self.gradient = gradient;
        if let Some(tensor) = first_not_finite(&self.network.variables)? {
            return Err(self.diverged(&tensor, "a weight that is no number".into()));
        }
        if let Some(tensor) = self.memory.not_finite() {
            return Err(self.diverged(tensor, "a moment of the optimiser that is no number".into()));
        }
        self.step += 1;
        if self.config.average_last > 0.0 && fraction >= 1.0 - self.config.average_last {
            self.mean.add(self.network.tensors()?);
        } else {
            // A training that was made longer has not come to its last part yet.
            self.mean = WeightMean::default();
        }
        self.ledger.update(mean);
        let progress = Progress {
            step: self.step,
            epoch: self.epoch(),
            fraction: self.fraction(),
            loss: self.ledger.running().unwrap_or(mean),
            baseline_loss: self.data.baseline_loss,
            gradient_norm: norm,
            rate,
        };
        Ok((progress, StepEntry { step: self.step, loss: mean, rate, gradient_norm: norm }))
    }

    fn diverged(&self, tensor: &str, found: String) -> TrainError {
        TrainError::Diverged { step: self.step, tensor: tensor.into(), found, checkpoint: self.saved.clone() }
    }

    /// What the epoch amounts to, if the last step ended one.
    pub fn close_epoch(&mut self) -> Result<Option<EpochEntry>, TrainError> {
        if self.ledger.updates() < self.updates_per_epoch {
            return Ok(None);
        }
        let mut entry =
            EpochEntry { epoch: self.epoch(), step: self.step, seconds: self.elapsed_s(), ..self.ledger.close() };
        if let Some(mut evaluation) = Evaluation::of(self.config, self.data) {
            let rows_since = (self.step - self.validated) * (self.config.streams * self.data.cut.rows) as u64;
            let due = rows_since * self.config.bptt as u64 >= VALIDATION_SHARE * evaluation.rows();
            if due || self.config.one_shot || self.validated == 0 {
                entry.validation = Some(self.evaluate(&mut evaluation)?);
                self.validated = self.step;
            }
        }
        let judged = if self.validated > 0 { entry.validation } else { Some(entry.train) };
        if let Some(errors) = judged {
            self.plateau.epoch(errors.loss, self.config);
        }
        Ok(Some(entry))
    }

    /// Errors on held-out material, without noise or dropout, from a state of zeros.
    fn evaluate(&self, evaluation: &mut Evaluation<'_>) -> Result<Errors, TrainError> {
        let mut state = self.network.zero_state(self.data.cut.states(evaluation.streams()));
        let (mut sums, mut steps) = ([0.0f64; 3], 0.0);
        while let Some(segment) = evaluation.next() {
            let output = self.network.forward(&segment.inputs, &mut state, None)?.detach();
            let Loss { mean, absolute, bias, .. } =
                loss(self.data.model.head, &output, &segment.inputs, &segment.targets, Counting::default())?;
            for (sum, value) in sums.iter_mut().zip([mean, absolute, bias]) {
                *sum += f64::from(value) * segment.steps as f64;
            }
            steps += segment.steps as f64;
        }
        let [loss, mae, mbe] = sums.map(|sum| (sum / steps) as f32);
        if !loss.is_finite() {
            return Err(self.diverged("validation", format!("a loss of {loss}")));
        }
        Ok(Errors { loss, mae, mbe, ..Errors::default() })
    }

    /// The model as it is now: with the mean of the weights where they are averaged.
    pub fn model(&self) -> Result<ModelData, TrainError> {
        let last = self.network.tensors()?;
        self.network.take(&self.mean.tensors)?;
        let model = self.model_of_these();
        self.network.take(&last)?;
        model
    }

    /// Over how many steps' weights the mean is taken; none where no mean was asked for.
    pub fn averaged_steps(&self) -> Option<u64> {
        (self.config.average_last > 0.0).then_some(self.mean.steps)
    }

    fn model_of_these(&self) -> Result<ModelData, TrainError> {
        let mut model = self.data.model.clone();
        model.training.epochs = self.epoch();
        model.training.final_loss = self.ledger.epoch_loss().or(self.ledger.running()).unwrap_or(0.0);
        if let Some(mut evaluation) = Evaluation::of(self.config, self.data) {
            model.training.validation_loss = Some(self.evaluate(&mut evaluation)?.loss);
        }
        let name = PathBuf::from(&model.name);
        Ok(ModelData::new(model, self.tensors()?, &name)?)
    }

    /// The trained weights as they are now.
    pub fn weights(&self) -> Result<BTreeMap<String, Vec<f32>>, TrainError> {
        Ok(self.network.tensors()?)
    }

    /// The model's tensors as they are now: the weights and those of the projection.
    pub fn tensors(&self) -> Result<BTreeMap<String, Vec<f32>>, TrainError> {
        let mut tensors = self.network.tensors()?;
        tensors.extend(self.data.projection.clone());
        Ok(tensors)
    }

    pub fn save(&self, path: &Path) -> Result<(), TrainError> {
        let counters = Counters {
            configuration: self.config.fixed_part(),
            material: self.data.fingerprint(),
            step: self.step,
            updates: self.memory.updates,
            elapsed_bits: self.elapsed_s().to_bits(),
            ledger: self.ledger.clone(),
            plateau: (self.plateau.best.to_bits(), self.plateau.waited, self.plateau.reduction.to_bits()),
            averaged: self.mean.steps,
            validated: self.validated,
            places: self.streams.places.clone(),
            song: self.streams.song,
            foreign_left: self.streams.foreign.left(),
            noise: self.streams.noise.iter().map(|deviation| deviation.to_bits()).collect(),
            noise_held: self.streams.held.iter().map(Vec::len).min().unwrap_or(0),
            streams_random: self.streams.random.state(),
            dropout_random: self.dropout.state(),
            ticks: self.state.iter().map(|layer| layer.tick).collect(),
        };
        checkpoint::write(path, &counters, &self.network, &self.memory, &self.mean, &self.state, &self.streams)
    }

    pub fn resume(&mut self, path: &Path) -> Result<(), TrainError> {
        let fail = |expected: String, actual: String| TrainError::Checkpoint { path: path.into(), expected, actual };
        let file = checkpoint::File::open(path)?;
        let counters = file.counters.clone();
        let configuration = self.config.fixed_part();
        let found = TrainConfig::fixed_part_of(&counters.configuration);
        if found != configuration {
            let (expected, actual) = checkpoint::difference(&configuration, &found);
            return Err(fail(format!("the same configuration, {expected}"), actual));
        }
        if counters.material != self.data.fingerprint() || !counters.ledger.fits(self.data.songs.len()) {
            return Err(fail("the material it was trained on".into(), "other material".into()));
        }
        let rows = &self.data.rows;
        let inside = |&(lattice, unit): &(u32, u32)| {
            (lattice as usize) < rows.lattices()
                && unit as usize <= rows.units(lattice as usize) + self.data.cut.advance * self.config.bptt
        };
        if counters.places.len() != self.config.streams
            || !counters.places.iter().all(inside)
            || counters.song as usize >= self.data.songs.len()
            || (self.config.one_shot && counters.places[0] != self.streams.beginning(counters.song, self.data))
        {
            return Err(fail(format!("{} places in the material", self.config.streams), "others".into()));
        }
        let mut foreign = ForeignSounds::new(self.config, &self.data.cut);
        let mut held = vec![Vec::new(); self.streams.held.len()];
        file.restore(&self.network, &mut self.memory, &mut self.mean, &mut self.state, &mut foreign, &mut held)?;
        foreign.restore_left(&counters.foreign_left);
        // Checkpoints did not always have these, nor streams different ones.
        let mut noise = self.streams.noise.clone();
        noise.iter_mut().zip(&counters.noise).for_each(|(deviation, &bits)| *deviation = f32::from_bits(bits));
        self.streams = Streams {
            foreign,
            noise,
            held,
            places: counters.places,
            song: counters.song,
            random: Random::from_state(counters.streams_random),
        };
        self.dropout = Random::from_state(counters.dropout_random);
        self.step = counters.step;
        self.elapsed_before = f64::from_bits(counters.elapsed_bits);
        self.started = Instant::now();
        self.ledger = counters.ledger;
        let (best, waited, reduction) = counters.plateau;
        self.plateau = Plateau { best: f32::from_bits(best), waited, reduction: f64::from_bits(reduction) };
        self.validated = counters.validated;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::data::material::Material;

    #[test]
    fn a_loss_that_is_no_number_stops_with_step_tensor_and_checkpoint() {
        let config = TrainConfig { principal_components: 8, hidden: 8, streams: 2, bptt: 8, ..TrainConfig::default() };
        let mut random = Random::new(1);
        let sound: Vec<f32> = (0..22_050).map(|_| 0.1 * random.normal()).collect();
        let data = Dataset::of(&config, Material::of(sound)).expect("good material");
        for tensor in ["out.bias", "rnn.bias_hh_l0"] {
            let mut training = Training::new(&config, &data).expect("tensors");
            training.saved = Some("last.checkpoint".into());
            training.step().expect("a good step");
            let bias = &training.network.variables[tensor];
            let broken = (bias.as_tensor() * f64::NAN).expect("tensors");
            bias.set(&broken).expect("the same shape");
            let weights = |training: &Training<'_>| {
                let mut tensors = training.network.tensors().expect("values");
                tensors.remove(tensor);
                tensors
            };
            let before = weights(&training);
            let error = training.step().expect_err("NaN").to_string();
            for part in ["step 1:", tensor, "last.checkpoint", "loss of"] {
                assert!(error.contains(part), "{error} lacks {part}");
            }
            assert_eq!(weights(&training), before);
        }
    }
}
