//! The configuration of a training of a model of notes: a recipe, and what is changed of it.

use crate::{
    hyperparameters::{LrSchedule, Optimiser, Problem, TrainConfig},
    model::{Check, CodeActivation, HiddenActivation, RollModelConfig, RollNetwork, RollRepeats, STEPS_PER_MEASURE},
    nn::Cell,
    notes::Rules,
    text_file::json_mistake,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// What a batch's intermediate results may take.
const MAX_BATCH_BYTES: u128 = 8 << 30;
/// Columns of the data that a sequence begins with where the network hears itself: a measure.
pub(super) const GIVEN: usize = STEPS_PER_MEASURE;
/// Transpositions go no further, either way.
const MAX_SEMITONES: i8 = 24;

/// What is made small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Loss {
    /// The mean squared error of the probabilities.
    Mse,
    /// The mean binary cross-entropy, in nats.
    Bce,
}

impl Loss {
    /// Its name, as options have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mse => "mse",
            Self::Bce => "bce",
        }
    }
}

/// What a recurrent network hears while it is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// The columns of the data.
    Teacher,
    /// The same, but more and more of them tossed from what it predicts itself, up to the half (Bengio et al. 2015,
    /// in two passes: Mihaylova and Martins 2019).
    Scheduled,
    /// A measure of the data, and from there on what it predicts itself, as probabilities; the gradient flows back through
    /// these as well. Only what follows the measure is judged.
    Closed,
}

/// Which weights become the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// Those of the epoch with the lowest validation loss; of the training loss, where nothing validates.
    Best,
    /// The last.
    Last,
}

/// What recipes for all networks say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct General {
    /// The model's name, shown to its user.
    pub name: String,
    /// Free text for the model file.
    pub notes: String,
    /// Steps of a quarter note that the data has to have.
    pub steps_per_quarter: u32,
    /// What the data has to do with keys that are struck again.
    pub repeats: RollRepeats,
    /// What is made small.
    pub loss: Loss,
    /// How weights move.
    pub optimiser: Optimiser,
    /// Learning rate at the beginning.
    pub lr: f64,
    /// How it goes on.
    pub lr_schedule: LrSchedule,
    /// Updates over which it rises from 0.
    pub lr_rise_steps: u64,
    /// Schedule *plateau*: epochs without a better validation loss.
    pub plateau_patience: u32,
    /// Schedule *plateau*: what the rate is then multiplied by.
    pub plateau_factor: f64,
    /// Adam: decoupled weight decay of the matrices.
    pub weight_decay: f64,
    /// The norm of the whole gradient is kept below this; none: it is not.
    pub clip_norm: Option<f64>,
    /// Sequences or segments of an update.
    pub batch: usize,
    /// Semitones between which every piece is moved, drawn anew in each epoch.
    pub transpose: [i8; 2],
    /// Stop after as many epochs.
    pub epochs: u32,
    /// Stop after as many minutes, if the epochs have not ended by then.
    pub max_minutes: Option<f64>,
    /// Stop after as many epochs without a better validation loss; none: go on.
    pub patience: Option<u32>,
    /// Which weights become the model.
    pub keep: Keep,
    /// The epoch whose weights become the model instead, once it is reached.
    pub keep_epoch: Option<u32>,
    /// Fixes every random number of the training.
    pub random_seed: u64,
    /// Minutes between checkpoints.
    pub checkpoint_minutes: f64,
}

impl Default for General {
    fn default() -> Self {
        Self {
            name: "Untitled".into(),
            notes: String::new(),
            steps_per_quarter: 8,
            repeats: RollRepeats::Merge,
            loss: Loss::Mse,
            optimiser: Optimiser::Adam,
            lr: 1e-3,
            lr_schedule: LrSchedule::Constant,
            lr_rise_steps: 0,
            plateau_patience: 4,
            plateau_factor: 0.5,
            weight_decay: 0.0,
            clip_norm: None,
            batch: 10,
            transpose: [0, 0],
            epochs: 200,
            max_minutes: None,
            patience: None,
            keep: Keep::Last,
            keep_epoch: None,
            random_seed: 1,
            checkpoint_minutes: 5.0,
        }
    }
}

/// What recipes for recurrent networks say besides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecurrentConfig {
    /// The cell.
    pub cell: Cell,
    /// Layers of it.
    pub layers: usize,
    /// Their width.
    pub hidden: usize,
    /// It also hears the step of the measure.
    pub phase: bool,
    /// What it hears.
    pub method: Method,
    /// Columns through which the gradient flows back.
    pub sequence: usize,
    /// The state goes on from a sequence to the next one of a piece; else it is forgotten.
    pub carry: bool,
    /// Part of each layer's outputs that is silenced on the way up.
    pub dropout: f32,
}

impl Default for RecurrentConfig {
    fn default() -> Self {
        Self {
            cell: Cell::Lstm,
            layers: 2,
            hidden: 500,
            phase: false,
            method: Method::Teacher,
            sequence: 256,
            carry: false,
            dropout: 0.0,
        }
    }
}

/// What recipes for autoencoders say besides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AutoencoderConfig {
    /// The width of every layer from the inputs to the code, both included.
    pub widths: Vec<usize>,
    /// The decoder's weights are the encoder's, transposed.
    pub tied: bool,
    /// Part of the outputs that is silenced of every layer but the last, from the first of the encoder on; empty: none.
    pub dropout: Vec<f32>,
}

impl Default for AutoencoderConfig {
    fn default() -> Self {
        Self { widths: vec![5632, 1024, 256, 64, 16], tied: true, dropout: Vec::new() }
    }
}

/// The part of a configuration that its network has alone.
#[derive(Clone, Debug, PartialEq)]
pub enum NetworkConfig {
    /// A column predicts the next.
    Recurrent(RecurrentConfig),
    /// A segment is encoded and decoded.
    Autoencoder(AutoencoderConfig),
}

/// What to train, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct NotesConfig {
    /// The recipe that it began as.
    pub recipe: &'static str,
    /// What all networks have.
    pub general: General,
    /// What one has alone.
    pub network: NetworkConfig,
}

/// A configuration to begin with.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// Its name.
    pub name: &'static str,
    /// What it is for, in a line.
    pub description: &'static str,
    make: fn() -> (General, NetworkConfig),
}

/// All recipes.
pub const RECIPES: [Recipe; 6] = [
    Recipe {
        name: "house-lstm",
        description: "an LSTM that goes on with what is played, for half an hour to two hours on a core",
        make: house_lstm,
    },
    Recipe {
        name: "house-code",
        description: "a small autoencoder of four measures, tied, with a code of 16 numbers",
        make: house_code,
    },
    Recipe { name: "m-ae1", description: "the published autoencoder, tied, of 6 055 056 parameters", make: m_ae1 },
    Recipe {
        name: "m-ae1-published",
        description: "the same as its published code has it, not tied",
        make: m_ae1_published,
    },
    Recipe { name: "m-ae2", description: "the published autoencoder with dropout", make: m_ae2 },
    Recipe { name: "m-lstm1", description: "the published LSTM, 2 × 500 wide", make: m_lstm1 },
];

impl Recipe {
    /// Looks a recipe up.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        RECIPES.iter().find(|recipe| recipe.name == name)
    }

    /// All names, for a message.
    pub fn names() -> String {
        RECIPES.map(|recipe| recipe.name).join(", ")
    }

    /// The configuration.
    pub fn config(&self) -> NotesConfig {
        let (general, network) = (self.make)();
        NotesConfig { recipe: self.name, general, network }
    }
}

fn house(name: &str) -> General {
    General {
        name: name.into(),
        steps_per_quarter: 4,
        repeats: RollRepeats::Gap,
        loss: Loss::Bce,
        lr: 2e-3,
        lr_schedule: LrSchedule::Plateau,
        lr_rise_steps: 100,
        plateau_patience: 5,
        clip_norm: Some(1.0),
        batch: 16,
        transpose: [-6, 5],
        epochs: 200,
        patience: Some(20),
        keep: Keep::Best,
        ..General::default()
    }
}

fn house_lstm() -> (General, NetworkConfig) {
    let network =
        RecurrentConfig { hidden: 320, sequence: 64, carry: true, dropout: 0.3, ..RecurrentConfig::default() };
    (house("House LSTM"), NetworkConfig::Recurrent(network))
}

fn house_code() -> (General, NetworkConfig) {
    let widths = vec![5632, 192, 64, 16];
    let network = AutoencoderConfig { widths, tied: true, dropout: vec![0.1, 0.0, 0.0, 0.0, 0.1] };
    // An epoch has a tenth of the updates of an LSTM's.
    let general = General { epochs: 1500, plateau_patience: 15, patience: Some(60), ..house("House code") };
    (general, NetworkConfig::Autoencoder(network))
}

fn m_ae1() -> (General, NetworkConfig) {
    let general = General { name: "AE1".into(), epochs: 600, keep_epoch: Some(250), ..General::default() };
    (general, NetworkConfig::Autoencoder(AutoencoderConfig::default()))
}

fn m_ae1_published() -> (General, NetworkConfig) {
    let (general, _) = m_ae1();
    let network = AutoencoderConfig { tied: false, ..AutoencoderConfig::default() };
    (General { name: "AE1, not tied".into(), ..general }, NetworkConfig::Autoencoder(network))
}

fn m_ae2() -> (General, NetworkConfig) {
    let general = General { name: "AE2".into(), lr: 3e-4, epochs: 1000, ..General::default() };
    // After 1024 and 256, and after the decoder's 256 and 1024; none at 64, 16 and 64.
    let dropout = vec![0.3, 0.3, 0.0, 0.0, 0.0, 0.3, 0.1];
    (general, NetworkConfig::Autoencoder(AutoencoderConfig { dropout, ..AutoencoderConfig::default() }))
}

fn m_lstm1() -> (General, NetworkConfig) {
    let general = General { name: "LSTM1".into(), optimiser: Optimiser::Rmsprop, ..General::default() };
    (general, NetworkConfig::Recurrent(RecurrentConfig::default()))
}

impl NotesConfig {
    /// A recipe with some fields changed, each `key=value`.
    ///
    /// # Errors
    /// Every problem that was found: of single fields, then of the fields together.
    pub fn from_recipe(recipe: &Recipe, overrides: &[String]) -> Result<Self, Vec<Problem>> {
        let base = recipe.config();
        let (mut general, mut own) = (object_of(&base.general), base.network.fields());
        let mut problems = Vec::new();
        for text in overrides {
            let Some((key, value)) = text.split_once('=') else {
                problems.push(problem(text, "key=value", "no `=`"));
                continue;
            };
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.into()));
            let is_general = general.contains_key(key);
            let fields = if is_general { &mut general } else { &mut own };
            if !fields.contains_key(key) {
                problems.push(unknown(key, recipe, [&general, &own]));
                continue;
            }
            let alone = Value::Object(Map::from_iter([(key.to_string(), value.clone())]));
            let mistake = match is_general {
                true => mistake_of::<General>(alone),
                false => base.network.mistake_in(alone),
            };
            match mistake {
                Some(mistake) => problems.push(problem(key, "a value of the right type", &mistake)),
                None => drop(fields.insert(key.into(), value)),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let fields = |error: serde_json::Error| vec![problem("configuration", "its fields", &json_mistake(&error))];
        let config = Self {
            recipe: recipe.name,
            general: serde_json::from_value(Value::Object(general)).map_err(fields)?,
            network: match base.network {
                NetworkConfig::Recurrent(_) => {
                    NetworkConfig::Recurrent(serde_json::from_value(Value::Object(own)).map_err(fields)?)
                }
                NetworkConfig::Autoencoder(_) => {
                    NetworkConfig::Autoencoder(serde_json::from_value(Value::Object(own)).map_err(fields)?)
                }
            },
        };
        let problems = config.problems();
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// Every number that lies outside its range.
    pub fn problems(&self) -> Vec<Problem> {
        let general = &self.general;
        let mut check = Check::default();
        check.range("lr", general.lr, 0.0, 1.0);
        check.range("lr_rise_steps", general.lr_rise_steps, 0, 1_000_000);
        check.range("plateau_patience", general.plateau_patience, 1, 100_000);
        check.range("plateau_factor", general.plateau_factor, 0.01, 1.0);
        check.range("weight_decay", general.weight_decay, 0.0, 1.0);
        check.range("clip_norm", general.clip_norm.unwrap_or(1.0), 1e-6, 1e6);
        check.range("batch", general.batch, 1, 1024);
        let [from, to] = general.transpose;
        check.require(
            (-MAX_SEMITONES..=0).contains(&from) && (0..=MAX_SEMITONES).contains(&to),
            "transpose",
            format!("[-{MAX_SEMITONES}, {MAX_SEMITONES}], or a part of it with 0"),
            format!("[{from}, {to}]"),
        );
        check.range("epochs", general.epochs, 1, 1_000_000);
        check.range("max_minutes", general.max_minutes.unwrap_or(1.0), 0.0, 1e6);
        check.range("patience", general.patience.unwrap_or(1), 1, 1_000_000);
        check.range("keep_epoch", general.keep_epoch.unwrap_or(1), 1, 1_000_000);
        check.range("checkpoint_minutes", general.checkpoint_minutes, 0.0, 1e6);
        let rprop = general.optimiser != Optimiser::Rprop;
        check.require(rprop, "optimiser", "adam, rmsprop or sgd, as rprop needs the whole data at once", "rprop");
        match &self.network {
            NetworkConfig::Recurrent(network) => {
                check.range("sequence", network.sequence, 8, 4096);
                check.range("dropout", network.dropout, 0.0, 0.95);
                if network.method == Method::Closed {
                    let least = GIVEN + 2;
                    check.require(
                        network.sequence >= least,
                        "sequence",
                        format!("{least} or more: method = closed is given {GIVEN} columns, hears one of its own at least, and is judged by the next"),
                        network.sequence,
                    );
                    // What it ended with is its own.
                    check.require(!network.carry, "carry", "false, as method = closed begins each sequence anew", true);
                }
            }
            NetworkConfig::Autoencoder(network) => {
                let places = (2 * network.widths.len()).saturating_sub(3);
                check.require(
                    network.dropout.is_empty() || network.dropout.len() == places,
                    "dropout",
                    format!("{places} parts, one for each layer but the last, or none"),
                    network.dropout.len(),
                );
                for &part in &network.dropout {
                    check.range("dropout", part, 0.0, 0.95);
                }
            }
        }
        let listed = |field: &str, rule, value| Problem { field: field.into(), rule, value };
        let mut problems: Vec<Problem> = check.0.into_iter().map(|(f, rule, value)| listed(f, rule, value)).collect();
        // The model file's own rules, of sizes, names and the grid.
        let of_model = self.model().problem();
        problems.extend(of_model.map(|(field, rule, value)| {
            listed(field.trim_start_matches("approach.").trim_start_matches("network."), rule, value)
        }));
        if problems.is_empty() && self.batch_bytes() > MAX_BATCH_BYTES {
            let rule = format!("at most {} GiB for a batch", MAX_BATCH_BYTES >> 30);
            problems.push(listed("batch", rule, format!("{} GiB", self.batch_bytes() >> 30)));
        }
        problems
    }

    /// What the intermediate results of a batch take, at least.
    fn batch_bytes(&self) -> u128 {
        let batch = self.general.batch as u128;
        let numbers = match &self.network {
            NetworkConfig::Recurrent(network) => {
                // Step by step, states are kept as well.
                let of_unit = if network.method == Method::Closed { 16 } else { 12 };
                let of_layers = of_unit * (network.hidden * network.layers) as u128;
                batch * network.sequence as u128 * (of_layers + 600)
            }
            NetworkConfig::Autoencoder(network) => 6 * batch * network.widths.iter().sum::<usize>() as u128,
        };
        4 * numbers
    }

    /// The ways in which a data set's rules are not those that the recipe was made for.
    pub fn misfits(&self, rules: &Rules) -> Vec<Problem> {
        let mut problems = Vec::new();
        let name = |repeats: RollRepeats| match serde_json::to_value(repeats) {
            Ok(Value::String(name)) => name,
            _ => String::new(),
        };
        let mut compare = |field: &str, expected: String, found: String| {
            if expected != found {
                let rule =
                    format!("{expected}, as {} has it (`--set {field}={found}` takes the data as it is)", self.recipe);
                problems.push(Problem { field: field.into(), rule, value: found });
            }
        };
        let (wanted, grid) = (&self.general, &rules.grid);
        compare("steps_per_quarter", wanted.steps_per_quarter.to_string(), grid.steps_per_quarter.to_string());
        compare("repeats", name(wanted.repeats), name(grid.repeats));
        problems
    }

    /// The network hears the column before the one that it predicts.
    pub fn hears_before(&self) -> bool {
        matches!(self.network, NetworkConfig::Recurrent(_))
    }

    /// The model that is trained, without provenance.
    pub fn model(&self) -> RollModelConfig {
        let network = match &self.network {
            NetworkConfig::Recurrent(own) => {
                RollNetwork::Recurrent { cell: own.cell, layers: own.layers, hidden: own.hidden }
            }
            NetworkConfig::Autoencoder(own) => RollNetwork::Autoencoder {
                widths: own.widths.clone(),
                tied: own.tied,
                hidden: HiddenActivation::Elu,
                code: CodeActivation::Tanh,
            },
        };
        let mut model = RollModelConfig::new(network);
        model.name.clone_from(&self.general.name);
        model.notes.clone_from(&self.general.notes);
        model.approach.steps_per_quarter = self.general.steps_per_quarter as usize;
        model.approach.repeats = self.general.repeats;
        model.approach.phase = matches!(&self.network, NetworkConfig::Recurrent(own) if own.phase);
        model
    }

    /// All fields as one JSON object, with the recipe's name.
    pub fn to_json(&self) -> Value {
        let mut fields = Map::from_iter([("recipe".to_string(), Value::from(self.recipe))]);
        fields.extend(object_of(&self.general));
        fields.extend(self.network.fields());
        Value::Object(fields)
    }

    /// The same, without what may change from one run of a training to the next: when to stop, and what does not touch the weights.
    pub(crate) fn fixed_part(&self) -> String {
        let defaults = General::default();
        let general = General {
            name: defaults.name,
            notes: defaults.notes,
            max_minutes: None,
            patience: None,
            checkpoint_minutes: defaults.checkpoint_minutes,
            ..self.general.clone()
        };
        let mut fixed = Self { general, ..self.clone() };
        // Only these schedules count the epochs.
        let counts = fixed.general.lr_schedule == LrSchedule::Cosine
            || matches!(&fixed.network, NetworkConfig::Recurrent(own) if own.method == Method::Scheduled);
        if !counts {
            fixed.general.epochs = defaults.epochs;
        }
        fixed.to_json().to_string()
    }

    /// What the optimiser reads of a configuration.
    pub(crate) fn rules(&self) -> TrainConfig {
        let general = &self.general;
        TrainConfig {
            optimiser: general.optimiser,
            lr: general.lr,
            lr_schedule: general.lr_schedule,
            lr_rise_steps: general.lr_rise_steps,
            plateau_patience: general.plateau_patience,
            plateau_factor: general.plateau_factor,
            momentum: 0.0,
            weight_decay: general.weight_decay,
            clip_norm: general.clip_norm,
            clip_value: None,
            ..TrainConfig::default()
        }
    }
}

impl NetworkConfig {
    fn fields(&self) -> Map<String, Value> {
        match self {
            Self::Recurrent(own) => object_of(own),
            Self::Autoencoder(own) => object_of(own),
        }
    }

    fn mistake_in(&self, field: Value) -> Option<String> {
        match self {
            Self::Recurrent(_) => mistake_of::<RecurrentConfig>(field),
            Self::Autoencoder(_) => mistake_of::<AutoencoderConfig>(field),
        }
    }
}

fn mistake_of<T: DeserializeOwned>(field: Value) -> Option<String> {
    serde_json::from_value::<T>(field).err().map(|error| json_mistake(&error))
}

fn problem(field: &str, rule: &str, value: &str) -> Problem {
    Problem { field: format!("--set {field}"), rule: rule.into(), value: value.into() }
}

/// A field that there is not, perhaps with the one that was meant.
fn unknown(field: &str, recipe: &Recipe, known: [&Map<String, Value>; 2]) -> Problem {
    let known = known.into_iter().flat_map(Map::keys);
    Problem::unknown("--set ", field, format!("a field of {}", recipe.name), known)
}

fn object_of(of: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(of) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}
