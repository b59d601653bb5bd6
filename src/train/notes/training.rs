//! A training of a model of notes under way: everything that moves from update to update, what it is saved as, and the
//! model it amounts to.

use super::{
    autoencoder::AutoencoderNetwork,
    config::{GIVEN, Keep, Loss, Method, NetworkConfig, NotesConfig},
    loss::Figures,
    material::{Epoch, NotesMaterial, write_columns, write_segments},
    recurrent::{Columns, Dropout, RecurrentNetwork},
    weights::tensors_of,
};
use crate::{
    dsp::random::{Random, mix64},
    hyperparameters::TrainConfig,
    model::{RollCodes, RollModel, RollModelConfig, RollTraining, Training as Provenance},
    nn::{Isa, Precision},
    notes::{CodeCloud, Coder},
    train::{
        TrainError,
        net::{
            cells::LayerState,
            gradient::Named,
            tensors::{change, first_not_finite},
        },
        optimiser::{Gradient, Memory, Plateau, learning_rate},
        run::{
            archive::{self, Archive},
            checkpoint::difference,
            journal::WeightHistogram,
        },
    },
};
use candle_core::{Device, Tensor, Var};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Instant,
};

/// A network hears at most this part of its own predictions.
const MOST_OWN: f64 = 0.5;

/// What is told after an update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NotesProgress {
    /// Updates made, in this run and before.
    pub step: u64,
    /// Epochs completed.
    pub epoch: u32,
    /// Part of the epoch under way that is gone, 0…1.
    pub of_epoch: f64,
    /// Columns that were heard.
    pub columns: usize,
    /// The loss of this update.
    pub loss: f32,
    /// The mean loss of the epoch so far.
    pub mean_loss: f32,
    /// Norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// The learning rate.
    pub rate: f64,
}

/// What is told after an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NotesEpoch {
    /// Epochs completed, this one included.
    pub epoch: u32,
    /// Over the epoch, with dropout, while the weights moved.
    pub training: Figures,
    /// On the pieces that validate; none where there are none.
    pub validation: Option<Figures>,
    /// Its weights are those of the model, as long as no better ones are found.
    pub is_best: bool,
}

/// The network of either kind.
enum Network {
    Recurrent(RecurrentNetwork),
    Autoencoder(AutoencoderNetwork),
}

impl Network {
    fn variables(&self) -> &BTreeMap<String, Var> {
        match self {
            Self::Recurrent(network) => &network.variables,
            Self::Autoencoder(network) => &network.variables,
        }
    }

    /// The name of the outputs' bias.
    fn output_bias(&self) -> &str {
        match self {
            Self::Recurrent(_) => "out.bias",
            Self::Autoencoder(network) => network.output_bias(),
        }
    }

    fn tensors(&self) -> candle_core::Result<Named> {
        tensors_of(self.variables())
    }
}

/// Weights that may become the model.
struct Kept {
    epoch: u32,
    step: u64,
    training: Figures,
    validation: Option<Figures>,
    weights: Named,
}

/// Figures of an epoch, of training and of validation, as whole numbers.
type SavedFigures = ([u64; 4], Option<[u64; 4]>);

/// The numbers of a checkpoint; floats as bits, which JSON does not always keep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counters {
    /// Tells it from that of another kind of training.
    notes: bool,
    /// The configuration without the fields that may change on the way.
    configuration: String,
    /// [`NotesMaterial::fingerprint`].
    material: u64,
    step: u64,
    epoch: u32,
    update: usize,
    updates: u64,
    elapsed_bits: u64,
    sums: [u64; 4],
    last: Option<SavedFigures>,
    /// Best loss, epochs waited, reduction of the rate.
    plateau: (u32, u32, u64),
    /// Epoch, step and figures of the weights that are kept.
    kept: Option<(u32, u64, SavedFigures)>,
    /// Steps that each layer's clock has counted.
    ticks: Vec<u64>,
}

/// A training under way.
pub(super) struct NotesTraining<'a> {
    pub config: &'a NotesConfig,
    material: &'a NotesMaterial,
    model: RollModelConfig,
    network: Network,
    rules: TrainConfig,
    gradient: Gradient,
    memory: Memory,
    /// What the epoch under way hears, and how many updates of it are made.
    plan: Epoch,
    update: usize,
    /// Updates made.
    pub step: u64,
    /// Epochs completed.
    pub epoch: u32,
    /// Of the streams whose states are carried on; else empty.
    state: Vec<LayerState>,
    columns: Columns,
    segments: Vec<f32>,
    /// Of the epoch under way.
    sums: Figures,
    /// Of the last one that was completed.
    last: Option<(Figures, Option<Figures>)>,
    plateau: Plateau,
    kept: Option<Kept>,
    /// Seconds of the runs before this one.
    elapsed_before: f64,
    started: Instant,
    /// The last checkpoint, for messages.
    pub saved: Option<PathBuf>,
}

impl<'a> NotesTraining<'a> {
    pub fn new(config: &'a NotesConfig, material: &'a NotesMaterial) -> Result<Self, TrainError> {
        let model = config.model();
        let mut random = Random::new(mix64(config.general.random_seed));
        let network = match RecurrentNetwork::new(&model, &mut random)? {
            Some(network) => Network::Recurrent(network),
            None => Network::Autoencoder(AutoencoderNetwork::new(&model, &mut random)?),
        };
        if config.general.loss == Loss::Bce {
            // From zero, the biases of outputs that are seldom on take longer than all the rest.
            let density = material.density().clamp(1e-4, 0.5);
            let log_odds = libm::log(density / (1.0 - density)) as f32;
            if let Some(bias) = network.variables().get(network.output_bias()) {
                change(bias, |bias| bias.fill(log_odds))?;
            }
        }
        let plan = material.epoch(config, 0);
        if plan.updates.is_empty() {
            return Err(TrainError::Material {
                expected: "pieces for training with some keys in them".into(),
                actual: "none (sympathy roll tells what a data set holds)".into(),
            });
        }
        let state = match (&network, &config.network) {
            (Network::Recurrent(network), NetworkConfig::Recurrent(own)) if own.carry => {
                network.zero_state(config.general.batch)
            }
            _ => Vec::new(),
        };
        Ok(Self {
            config,
            material,
            model,
            network,
            rules: config.rules(),
            gradient: Gradient::default(),
            memory: Memory::default(),
            plan,
            update: 0,
            step: 0,
            epoch: 0,
            state,
            columns: Columns::default(),
            segments: Vec::new(),
            sums: Figures::default(),
            last: None,
            plateau: Plateau::default(),
            kept: None,
            elapsed_before: 0.0,
            started: Instant::now(),
            saved: None,
        })
    }

    pub fn parameters(&self) -> u64 {
        self.model.parameters()
    }

    /// Updates of the epoch under way.
    pub fn updates(&self) -> usize {
        self.plan.updates.len()
    }

    pub fn elapsed_s(&self) -> f64 {
        self.elapsed_before + self.started.elapsed().as_secs_f64()
    }

    /// Why it ends here; none: it goes on.
    pub fn end(&self) -> Option<String> {
        let general = &self.config.general;
        let best = self.kept.as_ref().filter(|_| general.keep == Keep::Best && general.keep_epoch.is_none());
        let waited = best.map_or(0, |kept| self.epoch - kept.epoch);
        if self.epoch >= general.epochs {
            Some(format!("epochs = {}", general.epochs))
        } else if let Some(patience) = general.patience.filter(|patience| waited >= *patience) {
            Some(format!("{patience} epochs without a better validation loss"))
        } else {
            let minutes = general.max_minutes.filter(|minutes| self.elapsed_s() >= 60.0 * minutes);
            minutes.map(|minutes| format!("max_minutes = {minutes}"))
        }
    }

    /// One update of the weights. With it the epoch may be complete: [`Self::end_epoch`].
    pub fn step(&mut self) -> Result<NotesProgress, TrainError> {
        let places = &self.plan.updates[self.update];
        let columns = places.iter().flatten().map(|place| place.pairs).sum();
        let of_epoch = self.update as f64 / self.updates() as f64;
        let fraction = (f64::from(self.epoch) + of_epoch) / f64::from(self.config.general.epochs);
        let mut random = Random::new(mix64(self.config.general.random_seed ^ mix64(self.step) ^ 0x6e6f_7465));
        let figures = match (&self.network, &self.config.network) {
            (Network::Recurrent(network), NetworkConfig::Recurrent(own)) => {
                write_columns(&self.plan.rolls, places, self.material.width, own.phase, &mut self.columns);
                let mut fresh = Vec::new();
                let state = if own.carry { &mut self.state } else { &mut fresh };
                if !own.carry {
                    *state = network.zero_state(places.len());
                }
                if own.method == Method::Scheduled {
                    let part = (MOST_OWN * fraction) as f32;
                    let predicted = network.probabilities(&self.columns, &mut state.clone())?;
                    toss_some(&mut self.columns, &predicted, self.material.width, part, &mut random);
                }
                let dropout = (own.dropout > 0.0).then_some(Dropout { part: own.dropout, random: &mut random });
                let loss = self.config.general.loss;
                match own.method {
                    Method::Closed => network.pass_closed(&mut self.columns, GIVEN, loss, dropout)?,
                    Method::Teacher | Method::Scheduled => network.pass(&self.columns, state, loss, dropout, true)?,
                }
            }
            (Network::Autoencoder(network), NetworkConfig::Autoencoder(own)) => {
                write_segments(&self.plan.rolls, places, self.material.width, &mut self.segments);
                network.pass(&self.segments, self.config.general.loss, Some((&own.dropout, &mut random)))?
            }
            _ => Figures::default(),
        };
        let loss = figures.loss();
        if !loss.is_finite() {
            let tensor = first_not_finite(self.network.variables())?.unwrap_or("predictions".into());
            return Err(self.diverged(&tensor, format!("a loss of {loss}")));
        }
        self.gradient.clear();
        match &self.network {
            Network::Recurrent(network) => self.gradient.add(&mut network.gradient(), 1.0),
            Network::Autoencoder(network) => self.gradient.add(&mut network.gradient(), 1.0),
        }
        if let Some(tensor) = self.gradient.not_finite() {
            return Err(self.diverged(tensor, "a gradient that is no number".into()));
        }
        let gradient_norm = self.gradient.clip(&self.rules);
        let rate = learning_rate(&self.rules, self.memory.updates, fraction, self.plateau.reduction);
        self.memory.update(self.network.variables(), &self.gradient, rate, &self.rules)?;
        if let Some(tensor) = first_not_finite(self.network.variables())? {
            return Err(self.diverged(&tensor, "a weight that is no number".into()));
        }
        if let Some(tensor) = self.memory.not_finite() {
            return Err(self.diverged(tensor, "a moment of the optimiser that is no number".into()));
        }
        self.step += 1;
        self.update += 1;
        self.sums.add(&figures);
        Ok(NotesProgress {
            step: self.step,
            epoch: self.epoch,
            of_epoch: self.update as f64 / self.updates() as f64,
            columns,
            loss,
            mean_loss: self.sums.loss(),
            gradient_norm,
            rate,
        })
    }

    /// The epoch's end, if its last update was made: validates, keeps the weights if they are to be kept, and goes on to
    /// the next.
    pub fn end_epoch(&mut self) -> Result<Option<NotesEpoch>, TrainError> {
        if self.update < self.updates() {
            return Ok(None);
        }
        let validation = self.examine()?;
        let training = std::mem::take(&mut self.sums);
        self.epoch += 1;
        self.update = 0;
        self.plan = self.material.epoch(self.config, self.epoch);
        self.last = Some((training, validation));
        let loss = validation.unwrap_or(training).loss();
        self.plateau.epoch(loss, &self.rules);
        let general = &self.config.general;
        let is_best = match general.keep_epoch {
            Some(wanted) => wanted == self.epoch,
            None if general.keep == Keep::Last => false,
            None => self.kept.as_ref().is_none_or(|kept| loss < kept.validation.unwrap_or(kept.training).loss()),
        };
        if is_best {
            let weights = self.network.tensors()?;
            self.kept = Some(Kept { epoch: self.epoch, step: self.step, training, validation, weights });
        }
        Ok(Some(NotesEpoch { epoch: self.epoch, training, validation, is_best }))
    }

    /// On the pieces that validate, without dropout, where nothing was transposed; none where there are none.
    pub fn examine(&self) -> Result<Option<Figures>, TrainError> {
        let loss = self.config.general.loss;
        let mut sums = Figures::default();
        let rolls = &self.material.validation;
        match (&self.network, &self.config.network) {
            (Network::Recurrent(network), NetworkConfig::Recurrent(own)) => {
                let mut columns = Columns::default();
                for group in self.material.tests() {
                    let mut state = network.zero_state(group.first().map_or(0, Vec::len));
                    for places in group {
                        write_columns(rolls, &places, self.material.width, own.phase, &mut columns);
                        sums.add(&network.pass(&columns, &mut state, loss, None, false)?);
                    }
                }
            }
            (Network::Autoencoder(network), _) => {
                let mut segments = Vec::new();
                for places in self.material.test_segments(self.config.general.batch) {
                    write_segments(rolls, &places, self.material.width, &mut segments);
                    sums.add(&network.pass(&segments, loss, None)?);
                }
            }
            _ => {}
        }
        if !sums.loss().is_finite() {
            return Err(self.diverged("validation", format!("a loss of {}", sums.loss())));
        }
        Ok((sums.bits > 0).then_some(sums))
    }

    fn diverged(&self, tensor: &str, found: String) -> TrainError {
        TrainError::Diverged { step: self.step, tensor: tensor.into(), found, checkpoint: self.saved.clone() }
    }

    /// The model: of the weights that are kept, or as they are now. `data`: the name of the data set.
    pub fn model(&self, data: &str) -> Result<RollModel, TrainError> {
        let mut model = self.model.clone();
        let now = || -> Result<Kept, TrainError> {
            let (training, validation) = self.last.unwrap_or((self.sums, None));
            let weights = self.network.tensors()?;
            Ok(Kept { epoch: self.epoch, step: self.step, training, validation, weights })
        };
        let fresh = if self.kept.is_none() { Some(now()?) } else { None };
        let Some(kept) = self.kept.as_ref().or(fresh.as_ref()) else { return Err(TrainError::Left) };
        model.training = Provenance {
            material: vec![data.into()],
            licence: self.licence(),
            hyperparameters: self.config.to_json(),
            epochs: kept.epoch,
            final_loss: kept.training.loss(),
            validation_loss: kept.validation.map(|figures| figures.loss()),
            version: env!("CARGO_PKG_VERSION").into(),
            ..Provenance::default()
        };
        let figures = kept.validation.unwrap_or(kept.training);
        let [of_training, of_validation] = self.material.baselines(self.config.hears_before());
        model.provenance = Some(RollTraining {
            recipe: self.config.recipe.into(),
            steps: kept.step,
            pieces: self.material.pieces(),
            validated: kept.validation.is_some(),
            mse: figures.mse(),
            accuracy: figures.accuracy(),
            baselines: if kept.validation.is_some() { of_validation } else { of_training },
        });
        let name = PathBuf::from(&model.name);
        Ok(RollModel::new(model, kept.weights.clone(), &name)?)
    }

    /// The model with what its codes are like, if it has any. Encodes all of the material.
    pub fn finished(&self, data: &str) -> Result<RollModel, TrainError> {
        let made = self.model(data)?;
        let Some(codes) = self.codes(&made) else { return Ok(made) };
        // Of weights so large that their codes are no numbers the model is what there is.
        Ok(made.with_codes(Some(codes), Path::new(data)).unwrap_or(made))
    }

    /// What the codes of the pieces for training are like; none of a recurrent network.
    fn codes(&self, model: &RollModel) -> Option<RollCodes> {
        let mut coder = Coder::of(model, Precision::F32, Isa::best())?;
        let mut cloud = CodeCloud::default();
        self.material.originals().for_each(|roll| cloud.add(&mut coder, roll));
        cloud.describe()
    }

    /// How the weights are spread.
    pub fn histograms(&self) -> Result<Vec<WeightHistogram>, TrainError> {
        Ok(self.network.tensors()?.iter().map(|(name, values)| WeightHistogram::of(name, values)).collect())
    }

    /// The licences of the pieces in one text.
    fn licence(&self) -> String {
        let licences = self.material.licences.iter();
        licences.map(|(licence, count)| format!("{licence}: {count}")).collect::<Vec<_>>().join("; ")
    }

    pub fn save(&self, path: &Path) -> Result<(), TrainError> {
        let figures =
            |(training, validation): (Figures, Option<Figures>)| (training.to_bits(), validation.map(Figures::to_bits));
        let counters = Counters {
            notes: true,
            configuration: self.config.fixed_part(),
            material: self.material.fingerprint(),
            step: self.step,
            epoch: self.epoch,
            update: self.update,
            updates: self.memory.updates,
            elapsed_bits: self.elapsed_s().to_bits(),
            sums: self.sums.to_bits(),
            last: self.last.map(figures),
            plateau: (self.plateau.best.to_bits(), self.plateau.waited, self.plateau.reduction.to_bits()),
            kept: self.kept.as_ref().map(|kept| (kept.epoch, kept.step, figures((kept.training, kept.validation)))),
            ticks: self.state.iter().map(|layer| layer.tick).collect(),
        };
        let of = |prefix: &str, tensors: &Named| -> Named {
            tensors.iter().map(|(name, values)| (format!("{prefix}/{name}"), values.clone())).collect()
        };
        let mut tensors = of("weight", &self.network.tensors()?);
        tensors.extend(of("first", &self.memory.first));
        tensors.extend(of("second", &self.memory.second));
        if let Some(kept) = &self.kept {
            tensors.extend(of("kept", &kept.weights));
        }
        for (index, layer) in self.state.iter().enumerate() {
            tensors.insert(format!("state/h{index}"), layer.h.clone());
            tensors.insert(format!("state/c{index}"), layer.c.clone());
        }
        archive::write(path, &serde_json::to_string(&counters).unwrap_or_default(), &tensors)
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
            return Err(archive.failed("the data set it was trained on", "another one".into()));
        }
        self.plan = self.material.epoch(self.config, counters.epoch);
        if counters.update >= self.updates() || counters.ticks.len() != self.state.len() {
            let expected = format!("fewer than {} updates of {} layers", self.updates(), self.state.len());
            return Err(archive.failed(&expected, format!("{} of {}", counters.update, counters.ticks.len())));
        }
        let mut kept = Named::new();
        for (name, variable) in self.network.variables() {
            let count = variable.elem_count();
            let weights = archive.take(&format!("weight/{name}"), count)?;
            variable.set(&Tensor::from_vec(weights, variable.shape(), &Device::Cpu)?)?;
            if counters.updates > 0 {
                self.memory.first.insert(name.clone(), archive.take(&format!("first/{name}"), count)?);
                self.memory.second.insert(name.clone(), archive.take(&format!("second/{name}"), count)?);
            }
            if counters.kept.is_some() {
                kept.insert(name.clone(), archive.take(&format!("kept/{name}"), count)?);
            }
        }
        for (index, (layer, &tick)) in self.state.iter_mut().zip(&counters.ticks).enumerate() {
            layer.h = archive.take(&format!("state/h{index}"), layer.h.len())?;
            layer.c = archive.take(&format!("state/c{index}"), layer.c.len())?;
            layer.tick = tick;
        }
        let figures =
            |(training, validation): SavedFigures| (Figures::from_bits(training), validation.map(Figures::from_bits));
        self.memory.updates = counters.updates;
        self.step = counters.step;
        self.epoch = counters.epoch;
        self.update = counters.update;
        self.sums = Figures::from_bits(counters.sums);
        self.last = counters.last.map(figures);
        let (best, waited, reduction) = counters.plateau;
        self.plateau = Plateau { best: f32::from_bits(best), waited, reduction: f64::from_bits(reduction) };
        self.kept = counters.kept.map(|(epoch, step, saved)| {
            let (training, validation) = figures(saved);
            Kept { epoch, step, training, validation, weights: kept }
        });
        self.elapsed_before = f64::from_bits(counters.elapsed_bits);
        self.started = Instant::now();
        self.saved = Some(path.into());
        Ok(())
    }
}

/// Replaces a part of the columns that are heard by what was predicted for them, tossed key by key. The first ones stay:
/// what was predicted for them is not known.
fn toss_some(columns: &mut Columns, predicted: &[f32], width: usize, part: f32, random: &mut Random) {
    let rows = columns.scored.len();
    let inputs = columns.inputs.len() / rows.max(1);
    for row in columns.streams..rows {
        if random.uniform() >= part {
            continue;
        }
        let before = &predicted[(row - columns.streams) * width..][..width];
        for (slot, &p) in columns.inputs[row * inputs..][..width].iter_mut().zip(before) {
            *slot = f32::from(random.uniform() < p);
        }
    }
}
