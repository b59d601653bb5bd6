//! Model files of notes: networks that predict or encode columns of a piano roll. The container is that of the other
//! models; the approach `roll` tells them apart, and neither is read as the other.

use super::{
    config::{FORMAT_VERSION, LAYER_TENSORS, TensorShape, Training},
    error::ModelError,
    file::{Container, MAX_FILE_BYTES, ModelData, Stored, check_finite, halved, read_tensor, serialise, whole},
    range::FieldProblem,
};
use crate::{nn::Cell, whole_file::write_whole};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::Path};

/// Keys of a column: A0 to C8, MIDI 21 to 108.
pub const KEYS: usize = 88;
/// MIDI number of the lowest key, A0.
pub const LOWEST_KEY: u8 = 21;
/// Columns of a measure, whatever the time signature: what the published networks call so.
pub const STEPS_PER_MEASURE: usize = 16;
/// More numbers no code has: the player has as many sliders.
pub const MAX_CODES: usize = 16;

/// What a column is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollApproach {
    /// `roll`.
    pub kind: RollKind,
    /// MIDI number of the lowest key, 21.
    pub lowest: u8,
    /// Keys, 88.
    pub keys: usize,
    /// Steps of a quarter note, 1 to 48.
    pub steps_per_quarter: usize,
    /// Columns of a measure, 16.
    pub steps_per_measure: usize,
    /// Measures that an autoencoder encodes at once, 1 to 16.
    pub measures: usize,
    /// What became of keys that are struck again without a gap.
    pub repeats: RollRepeats,
    /// Whether a recurrent network also hears which step of the measure it is, as 16 more inputs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub phase: bool,
}

/// The approach of notes, as files and options name it.
pub const ROLL_APPROACH: &str = "roll";

/// The kind of [`RollApproach`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RollKind {
    /// Columns of a piano roll.
    Roll,
}

/// What becomes of a key that is struck again without a gap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RollRepeats {
    /// It goes on, as one note.
    Merge,
    /// The note before it ends a step earlier, unless it has but one.
    #[default]
    Gap,
    /// It goes on, and a second plane of 88 bits tells where it was struck.
    Onset,
}

/// The layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum RollNetwork {
    /// Recurrent layers and a dense one: a column predicts the next.
    Recurrent {
        /// The cell.
        cell: Cell,
        /// Layers of it.
        layers: usize,
        /// Their width.
        hidden: usize,
    },
    /// Dense layers to a code and back: columns to themselves.
    Autoencoder {
        /// The width of every layer from the inputs to the code, both included.
        widths: Vec<usize>,
        /// The decoder's weights are the encoder's, transposed.
        tied: bool,
        /// What the hidden layers go through.
        hidden: HiddenActivation,
        /// What the code goes through.
        code: CodeActivation,
    },
}

/// What the hidden layers of an autoencoder go through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HiddenActivation {
    /// x where it is positive, else eˣ − 1.
    #[default]
    Elu,
}

/// What the code of an autoencoder goes through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CodeActivation {
    /// tanh x.
    #[default]
    Tanh,
}

/// How outputs become keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RollHead {
    /// Each is the probability of its key: through 1 / (1 + e⁻ˣ).
    #[default]
    Bernoulli,
}

/// Mean squared errors, over bits, of predictors without a network on the columns that a model is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RollBaselines {
    /// Of saying that no key is held.
    pub silence: f32,
    /// Of saying each key's mean; none where there was nothing to fit it to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_means: Option<f32>,
    /// Of saying the column before once more; none where the network does not hear it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<f32>,
    /// Of saying how often a key is held that was, or was not, a step before; none likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<f32>,
}

impl RollBaselines {
    /// Those that there are, by name.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, f32)> + use<> {
        let all = [
            ("silence", Some(self.silence)),
            ("key means", self.key_means),
            ("hold", self.hold),
            ("chain", self.chain),
        ];
        all.into_iter().filter_map(|(name, error)| Some((name, error?)))
    }
}

/// What [`Training`] does not say of the training of a model of notes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RollTraining {
    /// The recipe that it began as.
    pub recipe: String,
    /// Updates of the weights.
    pub steps: u64,
    /// Pieces that it learned from, and that validated it.
    pub pieces: [usize; 2],
    /// What follows is of the pieces that validate; else of those for training, while the weights moved.
    pub validated: bool,
    /// Mean squared error over bits.
    pub mse: f32,
    /// The part of the bits that is right at a threshold of 0.5.
    pub accuracy: f32,
    /// What it had to beat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baselines: Option<RollBaselines>,
}

impl RollTraining {
    fn problem(&self) -> Option<FieldProblem> {
        let part = |field, value: f32| {
            (!(0.0..=1.0).contains(&value)).then(|| (field, "a number from 0 to 1".into(), value.to_string()))
        };
        let characters = self.recipe.chars().count();
        let recipe =
            || ("provenance.recipe", "1 to 80 printable characters".into(), format!("{characters} characters"));
        (!(1..=80).contains(&characters) || self.recipe.chars().any(char::is_control))
            .then(recipe)
            .or_else(|| part("provenance.mse", self.mse))
            .or_else(|| part("provenance.accuracy", self.accuracy))
            .or_else(|| self.baselines?.named().find_map(|(_, error)| part("provenance.baselines", error)))
    }
}

/// What the codes of the material are like: where they lie, and along which directions they spread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RollCodes {
    /// Their mean, `[code]`.
    pub mean: Vec<f32>,
    /// Principal components around it, `[axis][code]`, of unit length: that of the largest spread first.
    pub axes: Vec<Vec<f32>>,
    /// The standard deviation along each, `[axis]`.
    pub deviations: Vec<f32>,
    /// With what each goes, `[axis]`: the correlation with keys a column, with the mean key, and with the mean length of notes.
    pub effects: Vec<[f32; 3]>,
}

impl RollCodes {
    /// The part of the variance that lies along each axis.
    pub fn explained(&self) -> impl Iterator<Item = f32> + '_ {
        let all: f32 = self.deviations.iter().map(|deviation| deviation * deviation).sum();
        self.deviations.iter().map(move |deviation| deviation * deviation / all.max(f32::MIN_POSITIVE))
    }

    fn problem(&self, code: usize) -> Option<FieldProblem> {
        let lengths = [self.mean.len(), self.axes.len(), self.deviations.len(), self.effects.len()];
        let rows = self.axes.iter().map(Vec::len);
        if let Some(length) = lengths.into_iter().chain(rows).find(|length| *length != code) {
            return Some(("codes", format!("{code} of everything, as the code has numbers"), length.to_string()));
        }
        // Codes come out of tanh, axes have unit length; along the diagonal of their cube codes may spread further.
        let (within, furthest) = (|x: &f32| (-1.001..=1.001).contains(x), (code as f32).sqrt());
        let axes = self.axes.iter().flatten();
        let mut numbers = self.mean.iter().chain(axes).chain(self.effects.iter().flatten());
        let wrong = numbers.find(|x| !within(x)).map(|x| ("codes", "numbers from -1 to 1".into(), x.to_string()));
        wrong.or_else(|| {
            let wrong = self.deviations.iter().find(|deviation| !(0.0..=furthest).contains(*deviation))?;
            Some(("codes.deviations", format!("numbers from 0 to {furthest}"), wrong.to_string()))
        })
    }
}

/// The metadata object `sympathy` of a model of notes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RollModelConfig {
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Shown to the user.
    pub name: String,
    /// What a column is.
    pub approach: RollApproach,
    /// The layers.
    pub network: RollNetwork,
    /// How outputs become keys.
    pub head: RollHead,
    /// Provenance.
    #[serde(default)]
    pub training: Training,
    /// More of it, of a model that was trained here; none of one that was imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<RollTraining>,
    /// What an autoencoder's codes are like, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codes: Option<RollCodes>,
    /// Free text.
    #[serde(default)]
    pub notes: String,
}

impl RollModelConfig {
    /// A model of the published grid, 8 steps a quarter note and segments of four measures, of which nothing is known.
    pub fn new(network: RollNetwork) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            name: "Untitled".into(),
            approach: RollApproach {
                kind: RollKind::Roll,
                lowest: LOWEST_KEY,
                keys: KEYS,
                steps_per_quarter: 8,
                steps_per_measure: STEPS_PER_MEASURE,
                measures: 4,
                repeats: RollRepeats::Merge,
                phase: false,
            },
            network,
            head: RollHead::Bernoulli,
            training: Training::default(),
            provenance: None,
            codes: None,
            notes: String::new(),
        }
    }

    /// Bits of a column, with its strokes where these are kept.
    pub fn column(&self) -> usize {
        if self.approach.repeats == RollRepeats::Onset { 2 * KEYS } else { KEYS }
    }

    /// Columns that an autoencoder encodes at once.
    pub fn segment(&self) -> usize {
        self.approach.measures * STEPS_PER_MEASURE
    }

    /// Numbers that the network takes: a column and the step of the measure, or a segment.
    pub fn inputs(&self) -> usize {
        match self.network {
            RollNetwork::Recurrent { .. } => self.column() + if self.approach.phase { STEPS_PER_MEASURE } else { 0 },
            RollNetwork::Autoencoder { .. } => self.segment() * self.column(),
        }
    }

    /// Every tensor that a file of this configuration holds, under the names that PyTorch's modules give them.
    pub fn tensors(&self) -> Vec<TensorShape> {
        let tensor = |name: String, shape: &[usize]| TensorShape { name, shape: shape.to_vec() };
        let mut tensors = Vec::new();
        match &self.network {
            RollNetwork::Recurrent { cell, layers, hidden } => {
                let rows = cell.gates() * hidden;
                for layer in 0..*layers {
                    let inputs = if layer == 0 { self.inputs() } else { *hidden };
                    let shapes: [&[usize]; 4] = [&[rows, inputs], &[rows, *hidden], &[rows], &[rows]];
                    for (name, shape) in LAYER_TENSORS.iter().zip(shapes) {
                        tensors.push(tensor(format!("rnn.{name}_l{layer}"), shape));
                    }
                }
                tensors.push(tensor("out.weight".into(), &[self.column(), *hidden]));
                tensors.push(tensor("out.bias".into(), &[self.column()]));
            }
            RollNetwork::Autoencoder { widths, tied, .. } => {
                for (index, pair) in widths.windows(2).enumerate() {
                    tensors.push(tensor(format!("encoder.{index}.weight"), &[pair[1], pair[0]]));
                    tensors.push(tensor(format!("encoder.{index}.bias"), &[pair[1]]));
                }
                for (index, pair) in widths.windows(2).rev().enumerate() {
                    if !tied {
                        tensors.push(tensor(format!("decoder.{index}.weight"), &[pair[0], pair[1]]));
                    }
                    tensors.push(tensor(format!("decoder.{index}.bias"), &[pair[0]]));
                }
            }
        }
        tensors
    }

    /// Numbers that were trained, as PyTorch counts them: a recurrent layer has two biases a gate.
    pub fn parameters(&self) -> u64 {
        self.tensors().iter().map(|tensor| tensor.shape.iter().product::<usize>() as u64).sum()
    }

    /// The same as Keras counts them: one bias a gate, the sum of PyTorch's two.
    pub fn parameters_with_one_bias(&self) -> u64 {
        match self.network {
            RollNetwork::Recurrent { cell, layers, hidden } => {
                self.parameters() - (layers * cell.gates() * hidden) as u64
            }
            RollNetwork::Autoencoder { .. } => self.parameters(),
        }
    }

    /// Multiplications of a step: of a column that is predicted, or of one that is decoded.
    pub fn multiplications_per_step(&self) -> u64 {
        match &self.network {
            RollNetwork::Recurrent { .. } => {
                let matrices = self.tensors().into_iter().filter(|tensor| tensor.shape.len() == 2);
                matrices.map(|tensor| tensor.shape.iter().product::<usize>() as u64).sum()
            }
            RollNetwork::Autoencoder { widths, .. } => {
                let hidden: usize = widths[1..].windows(2).map(|pair| pair[0] * pair[1]).sum();
                (hidden + widths.get(1).map_or(0, |width| width * self.column())) as u64
            }
        }
    }

    /// Checks every number against its range, in an order in which no product of sizes can overflow.
    pub(crate) fn problem(&self) -> Option<FieldProblem> {
        let size = |field, value: usize, least: usize, most: usize| {
            let expected = if least == most { least.to_string() } else { format!("{least} to {most}") };
            (!(least..=most).contains(&value)).then(|| (field, expected, value.to_string()))
        };
        let approach = &self.approach;
        size("approach.lowest", approach.lowest.into(), LOWEST_KEY.into(), LOWEST_KEY.into())
            .or_else(|| size("approach.keys", approach.keys, KEYS, KEYS))
            .or_else(|| size("approach.steps_per_quarter", approach.steps_per_quarter, 1, 48))
            .or_else(|| {
                size("approach.steps_per_measure", approach.steps_per_measure, STEPS_PER_MEASURE, STEPS_PER_MEASURE)
            })
            .or_else(|| size("approach.measures", approach.measures, 1, 16))
            .or_else(|| match &self.network {
                RollNetwork::Recurrent { cell, layers, hidden } => size("network.layers", *layers, 1, 16)
                    .or_else(|| size("network.hidden", *hidden, 1, 8192))
                    .or_else(|| {
                        let is_plain = *cell != Cell::Clockwork;
                        let expected = || "lstm, gru, rnn_tanh or rnn_relu".to_string();
                        (!is_plain).then(|| ("network.cell", expected(), "clockwork".into()))
                    }),
                RollNetwork::Autoencoder { widths, .. } => {
                    let phase =
                        approach.phase.then(|| ("approach.phase", "false with an autoencoder".into(), "true".into()));
                    phase.or_else(|| self.width_problem(widths))
                }
            })
            .or_else(|| {
                let bytes = 4 * u128::from(self.parameters());
                let most = MAX_FILE_BYTES >> 20;
                let actual = || format!("{} MiB", bytes >> 20);
                (bytes > u128::from(MAX_FILE_BYTES))
                    .then(|| ("network", format!("at most {most} MiB of weights"), actual()))
            })
            .or_else(|| {
                let characters = self.name.chars().count();
                (!(1..=80).contains(&characters) || self.name.chars().any(char::is_control))
                    .then(|| ("name", "1 to 80 printable characters".into(), format!("{characters} characters")))
            })
            .or_else(|| self.provenance.as_ref()?.problem())
            .or_else(|| match (&self.codes, &self.network) {
                (None, _) => None,
                (Some(codes), RollNetwork::Autoencoder { widths, .. }) => codes.problem(*widths.last()?),
                (Some(_), RollNetwork::Recurrent { .. }) => {
                    Some(("codes", "nothing, as a recurrent network has no code".into(), "codes".into()))
                }
            })
    }

    /// Numbers of an autoencoder's code.
    pub fn code(&self) -> Option<usize> {
        match &self.network {
            RollNetwork::Autoencoder { widths, .. } => widths.last().copied(),
            RollNetwork::Recurrent { .. } => None,
        }
    }

    fn width_problem(&self, widths: &[usize]) -> Option<FieldProblem> {
        let problem = |expected: String, actual: String| Some(("network.widths", expected, actual));
        let (Some(&first), Some(&last)) = (widths.first(), widths.last()) else {
            return problem("2 to 16 widths".into(), "none".into());
        };
        if !(2..=16).contains(&widths.len()) {
            return problem("2 to 16 widths".into(), widths.len().to_string());
        }
        if first != self.inputs() {
            let (columns, column) = (self.segment(), self.column());
            return problem(format!("{} first, {columns} columns of {column}", self.inputs()), first.to_string());
        }
        if !(1..=MAX_CODES).contains(&last) {
            return problem(format!("a code of 1 to {MAX_CODES} at the end"), last.to_string());
        }
        let wrong = widths.iter().find(|width| !(1..=1 << 16).contains(*width));
        wrong.and_then(|width| problem("widths of 1 to 65536".into(), width.to_string()))
    }
}

/// A validated model of notes: its configuration and every tensor that it needs, finite and of the right shape.
#[derive(Clone, Debug, PartialEq)]
pub struct RollModel {
    config: RollModelConfig,
    tensors: BTreeMap<String, Vec<f32>>,
}

impl RollModel {
    /// Joins a configuration with its tensors (row-major, under the names of [`RollModelConfig::tensors`]). Others are
    /// dropped, but for weights of a tied decoder.
    ///
    /// # Errors
    /// As for a file, under the name `file`.
    pub fn new(
        config: RollModelConfig,
        mut tensors: BTreeMap<String, Vec<f32>>,
        file: &Path,
    ) -> Result<Self, ModelError> {
        check_config(&config, file)?;
        check_tied(&config, file, |name| tensors.get(name).map(|values| format!("{} numbers", values.len())))?;
        let mut kept = BTreeMap::new();
        for wanted in config.tensors() {
            let count = wanted.shape.iter().product::<usize>();
            let fail = |actual: String| ModelError::Tensor {
                file: file.into(),
                tensor: wanted.name.clone(),
                expected: format!("{count} numbers"),
                actual,
            };
            let values = tensors.remove(&wanted.name).ok_or_else(|| fail("nothing".into()))?;
            if values.len() != count {
                return Err(fail(format!("{} numbers", values.len())));
            }
            check_finite(&values, &wanted.name, file)?;
            kept.insert(wanted.name, values);
        }
        Ok(Self { config, tensors: kept })
    }

    /// The same weights, and what is said of their codes.
    ///
    /// # Errors
    /// As for a file, under the name `file`, if that cannot be said of them.
    pub fn with_codes(&self, codes: Option<RollCodes>, file: &Path) -> Result<Self, ModelError> {
        let config = RollModelConfig { codes, ..self.config.clone() };
        check_config(&config, file)?;
        Ok(Self { config, tensors: self.tensors.clone() })
    }

    /// Reads and validates a file.
    ///
    /// # Errors
    /// Every way in which a file can be wrong; see [`ModelError`].
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        Self::from_bytes(&ModelData::read_bytes(path)?, path)
    }

    /// Validates a file that is already in memory; `name` stands for its path in errors.
    ///
    /// # Errors
    /// As [`Self::read`]; also for a model of sound.
    pub fn from_bytes(bytes: &[u8], name: &Path) -> Result<Self, ModelError> {
        let container = Container::of(bytes, name)?;
        if !container.is_of_notes() {
            return Err(ModelError::OtherKind {
                file: name.into(),
                expected: "a model of notes (approach roll)",
                actual: format!("one of sound (approach {})", container.approach()),
                remedy: "it plays in Sympathy, and with sympathy render",
            });
        }
        let config: RollModelConfig = container.config(name)?;
        check_config(&config, name)?;
        check_tied(&config, name, |tensor| container.described(tensor))?;
        let views = container.tensors(name)?;
        let mut tensors = BTreeMap::new();
        for wanted in config.tensors() {
            let values = read_tensor(&views, &wanted, name)?;
            check_finite(&values, &wanted.name, name)?;
            tensors.insert(wanted.name, values);
        }
        Ok(Self { config, tensors })
    }

    /// What the file says of itself.
    pub fn config(&self) -> &RollModelConfig {
        &self.config
    }

    /// A tensor of [`RollModelConfig::tensors`], row-major.
    ///
    /// # Panics
    /// If the configuration names no such tensor.
    pub fn tensor(&self, name: &str) -> &[f32] {
        &self.tensors[name]
    }

    /// The file's bytes, all numbers in 32 bits.
    ///
    /// # Panics
    /// Never: shapes were checked.
    pub fn to_bytes(&self) -> Vec<u8> {
        serialise(
            &self.config,
            self.config.tensors(),
            &self.tensors,
            |_, values| Stored::Whole(whole(values)),
            Vec::new(),
        )
    }

    /// A file of about half the size: matrices in half precision, rounded to the nearest.
    ///
    /// # Panics
    /// Never: shapes were checked.
    pub fn to_half_bytes(&self) -> Vec<u8> {
        serialise(&self.config, self.config.tensors(), &self.tensors, halved, Vec::new())
    }

    /// Writes the file: beside its place first, then moved there.
    ///
    /// # Errors
    /// [`ModelError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), ModelError> {
        let io = |source| ModelError::Io { file: path.into(), action: "written", source };
        write_whole(path, &self.to_bytes()).map_err(io)
    }
}

fn check_config(config: &RollModelConfig, file: &Path) -> Result<(), ModelError> {
    match config.problem() {
        None => Ok(()),
        Some((field, expected, actual)) => Err(ModelError::Field { file: file.into(), field, expected, actual }),
    }
}

/// A decoder that is tied has no weights of its own: were there some, one of the two would be played and nobody would
/// know which.
fn check_tied(config: &RollModelConfig, file: &Path, found: impl Fn(&str) -> Option<String>) -> Result<(), ModelError> {
    let RollNetwork::Autoencoder { widths, tied: true, .. } = &config.network else { return Ok(()) };
    for tensor in (0..widths.len() - 1).map(|index| format!("decoder.{index}.weight")) {
        if let Some(actual) = found(&tensor) {
            let expected = "nothing, as `tied` says that the encoder's weights are the decoder's".into();
            return Err(ModelError::Tensor { file: file.into(), tensor, expected, actual });
        }
    }
    Ok(())
}
