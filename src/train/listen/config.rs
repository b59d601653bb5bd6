//! The configuration of a listening model's training: one JSON object, every field with a default.

use crate::{
    hyperparameters::Problem,
    learn::{BAND_WEIGHT, CUT_SILENCE_S, INPUT_NOISE, RECALLED_FRAMES},
    model::{Approach, BinTier, Cell, Check, Head, Listening, ModelConfig},
    text_file::json_mistake,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use serde_json::{Map, Value};
use std::path::PathBuf;

/// No configuration names more entries, nor an entry more transpositions.
const MAX_ENTRIES: usize = 10_000;
const MAX_TRANSPOSITIONS: usize = 49;
/// What a segment's intermediate results may take.
const MAX_SEGMENT_BYTES: u128 = 8 << 30;

/// Recordings that are treated alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListenFiles {
    /// A recording, a folder with whatever lies in it, or a name with `*`, `?` and `[a-z]`; relative to the folder given on the command line.
    pub path: PathBuf,
    /// Where each begins, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_s: Option<f64>,
    /// Where each ends, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_s: Option<f64>,
    /// Semitones by which each is transposed, a copy for each number; by resampling, so that time changes with pitch.
    pub transpositions: Vec<f32>,
    /// How often a second of these recordings is heard beside one of weight 1.
    pub weight: f64,
    /// Of so many pieces, in the order of their names, one is held out; none: nothing is. Recordings whose names are the same up to
    /// the last `~` are one piece.
    pub hold_out_every: Option<usize>,
}

impl Default for ListenFiles {
    fn default() -> Self {
        Self {
            path: PathBuf::new(),
            start_s: None,
            end_s: None,
            transpositions: vec![0.0],
            weight: 1.0,
            hold_out_every: None,
        }
    }
}

/// What to train, on what, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListenConfig {
    /// The model's name, shown to its user.
    pub name: String,
    /// The recordings.
    pub files: Vec<ListenFiles>,
    /// Recordings that are only tested on.
    pub validation: Vec<ListenFiles>,
    /// Licence and attribution of the recordings; goes into the model file.
    pub licence: String,
    /// Free text for the model file.
    pub notes: String,
    /// The model's rate.
    pub sample_rate_hz: u32,
    /// How sound becomes frames, and what is remembered of them.
    #[serde(serialize_with = "write_approach", deserialize_with = "read_approach")]
    pub approach: Listening,
    /// Silences are cut down to this length, or a model learns that silence follows silence; none: they stay.
    pub cut_silence_s: Option<f32>,
    /// Layers of LSTM.
    pub layers: usize,
    /// Width of a layer.
    pub hidden: usize,
    /// Sizes of the network that draws the bins of a frame.
    #[serde(serialize_with = "write_head", deserialize_with = "read_head")]
    pub head: BinTier,
    /// Places in the material that are trained on side by side.
    pub streams: usize,
    /// Frames through which the gradient flows back; what is remembered goes on beyond them.
    pub bptt: usize,
    /// Of the frames of a segment, those whose bins are predicted.
    pub bin_frames: usize,
    /// Moments of earlier segments that can be recalled.
    pub recall_frames: usize,
    /// What the cross-entropy of a band's level counts beside that of a bin.
    pub band_weight: f32,
    /// Probability, per segment, that a stream forgets everything and jumps to another place.
    pub restart: f32,
    /// Deviation of the noise on the levels that the network hears, where they are not silent (1 is the whole range).
    pub input_noise: f32,
    /// A stream is as much louder than its recording, drawn anew when it jumps.
    pub gain_db: [f32; 2],
    /// A stream's spectrum is tilted by up to as much an octave, up or down.
    pub tilt_db: f32,
    /// Learning rate at the beginning; it falls as half a period of a cosine.
    pub lr: f64,
    /// Steps over which the learning rate rises from 0.
    pub lr_rise_steps: u64,
    /// The norm of the whole gradient is kept below this; none: it is not.
    pub clip_norm: Option<f64>,
    /// Stop after as many steps (updates of the weights).
    pub max_steps: Option<u64>,
    /// Stop after as many minutes. Where it is the only end, runs are not repeatable: the schedule follows the clock.
    pub max_minutes: Option<f64>,
    /// Steps from one test on held-out pieces to the next.
    pub validation_steps: u64,
    /// Frames of each held-out piece that are tested on, from its beginning.
    pub validation_frames: usize,
    /// Fixes every random number of the training.
    pub random_seed: u64,
    /// The temperature at which bins are meant to be drawn.
    pub temperature: f32,
    /// Seconds of seed that the model runs through per second of clock; none: what a slow machine manages.
    pub warmup_speed: Option<f32>,
    /// Minutes between checkpoints.
    pub checkpoint_minutes: f64,
}

impl Default for ListenConfig {
    /// The values that the recipe was found with.
    fn default() -> Self {
        Self {
            name: "Untitled".into(),
            files: Vec::new(),
            validation: Vec::new(),
            licence: String::new(),
            notes: String::new(),
            sample_rate_hz: 22_050,
            approach: Listening::default(),
            cut_silence_s: Some(CUT_SILENCE_S),
            layers: 1,
            hidden: 512,
            head: BinTier::default(),
            streams: 32,
            bptt: 48,
            bin_frames: 352,
            recall_frames: RECALLED_FRAMES,
            band_weight: BAND_WEIGHT,
            restart: 0.03,
            input_noise: INPUT_NOISE,
            gain_db: [-6.0, 3.75],
            tilt_db: 0.0,
            lr: 1.5e-3,
            lr_rise_steps: 100,
            clip_norm: Some(1.0),
            max_steps: Some(9000),
            max_minutes: None,
            validation_steps: 200,
            validation_frames: 384,
            random_seed: 1,
            temperature: 0.75,
            warmup_speed: None,
            checkpoint_minutes: 5.0,
        }
    }
}

impl ListenConfig {
    /// Whether the fields of a configuration, after these overrides, ask for a listening model.
    pub fn is_meant(fields: &Map<String, Value>, overrides: &[String]) -> bool {
        let of_file = || fields.get("approach")?.get("kind")?.as_str();
        let of_overrides = || overrides.iter().rev().find_map(|text| text.strip_prefix("approach.kind="));
        of_overrides().or_else(of_file).is_some_and(|kind| kind.trim_matches('"') == "listening")
    }

    /// Reads a configuration and changes it by `overrides`, each `key=value` with dots between the names of nested fields
    /// (`approach.hop=256`); a value is JSON or else a string.
    ///
    /// # Errors
    /// Every problem that was found: of single fields, then of the fields together.
    pub fn from_fields(mut fields: Map<String, Value>, overrides: &[String]) -> Result<Self, Vec<Problem>> {
        let mut problems: Vec<Problem> = overrides.iter().filter_map(|text| apply(&mut fields, text).err()).collect();
        let known = object_of(&Self::default());
        for (field, value) in &fields {
            let alone = serde_json::json!({ field: value });
            if !known.contains_key(field) {
                problems.push(unknown("", field, &known));
            } else if let Err(error) = serde_json::from_value::<Self>(alone) {
                let rule = "a value of the right type".into();
                problems.push(Problem { field: field.clone(), rule, value: json_mistake(&error) });
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let config: Self = serde_json::from_value(Value::Object(fields)).map_err(|error| {
            let rule = "the fields of a training".into();
            vec![Problem { field: "configuration".into(), rule, value: json_mistake(&error) }]
        })?;
        let problems = config.problems();
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// Every number that lies outside its range.
    pub fn problems(&self) -> Vec<Problem> {
        let mut own = Check::default();
        Approach::Listening(self.approach.clone()).framing().check(&mut own);
        own.0.extend(self.approach.rate_problem(self.sample_rate_hz).filter(|_| own.0.is_empty()));
        let mut problems: Vec<Problem> = own
            .0
            .into_iter()
            .map(|(field, rule, value)| Problem { field: format!("approach.{field}"), rule, value })
            .collect();
        let mut check = Check::default();
        check.range("sample_rate_hz", self.sample_rate_hz, 4000, 192_000);
        check.range("cut_silence_s", self.cut_silence_s.unwrap_or(1.0), 0.05, 60.0);
        check.range("layers", self.layers, 1, 8);
        check.range("hidden", self.hidden, 8, 4096);
        let tier = self.head;
        check.range("head.levels", tier.levels, 8, 64);
        check.range("head.hidden", tier.hidden, 8, 512);
        check.range("head.context", tier.context, 1, 64);
        check.range("head.position", tier.position, 1, 64);
        check.range("head.band_hidden", tier.band_hidden, 8, 1024);
        check.range("streams", self.streams, 1, 1024);
        check.range("bptt", self.bptt, 8, 1024);
        check.range("bin_frames", self.bin_frames, 1, self.streams.saturating_mul(self.bptt).max(1));
        check.range("recall_frames", self.recall_frames, 1, 10_000);
        check.range("band_weight", self.band_weight, 0.0, 100.0);
        check.range("restart", self.restart, 0.0, 1.0);
        check.range("input_noise", self.input_noise, 0.0, 1.0);
        let [least, most] = self.gain_db;
        check.require(
            (-60.0..=60.0).contains(&least) && (least..=60.0).contains(&most),
            "gain_db",
            "the least and the most, within -60 to 60",
            format!("[{least}, {most}]"),
        );
        check.range("tilt_db", self.tilt_db, 0.0, 24.0);
        check.range("lr", self.lr, 0.0, 1.0);
        check.range("lr_rise_steps", self.lr_rise_steps, 0, 1_000_000);
        check.range("clip_norm", self.clip_norm.unwrap_or(1.0), 1e-6, 1e6);
        check.range("max_steps", self.max_steps.unwrap_or(1), 1, 1_000_000_000);
        check.range("max_minutes", self.max_minutes.unwrap_or(1.0), 0.0, 1e6);
        let ends = self.max_steps.is_some() || self.max_minutes.is_some();
        check.require(ends, "max_steps", "a number, or max_minutes", "neither");
        check.range("validation_steps", self.validation_steps, 1, 1_000_000_000);
        check.range("validation_frames", self.validation_frames, self.bptt, 100_000);
        check.range("temperature", self.temperature, 0.0, 4.0);
        check.range("warmup_speed", self.warmup_speed.unwrap_or(1.0), 1.0, 64.0);
        check.range("checkpoint_minutes", self.checkpoint_minutes, 0.0, 1e6);
        problems.extend(check.0.into_iter().map(|(field, rule, value)| Problem { field: field.into(), rule, value }));
        let field = |field: &str, rule: String, value: String| Problem { field: field.into(), rule, value };
        if self.files.is_empty() {
            problems.push(field("files", "at least one recording or folder".into(), "none".into()));
        }
        for (name, entries) in [("files", &self.files), ("validation", &self.validation)] {
            if entries.len() > MAX_ENTRIES {
                problems.push(field(name, format!("at most {MAX_ENTRIES}"), entries.len().to_string()));
            }
            for (index, entry) in entries.iter().enumerate() {
                problems.extend(entry.problems(&format!("{name}[{index}]")));
            }
        }
        if problems.is_empty() {
            let rows = (self.streams * self.bptt) as u128;
            let bins = self.approach.bins as u128;
            let of_layers = 10 * (self.hidden * self.layers) as u128 + 8 * bins;
            let of_recall = 3 * (self.recall_frames + self.bptt) as u128;
            let of_bins = bins * (12 * tier.hidden + 2 * tier.inputs() + 2 * tier.levels) as u128;
            let bytes = 4 * (rows * (of_layers + of_recall + bins) + self.bin_frames as u128 * of_bins);
            if bytes > MAX_SEGMENT_BYTES {
                let rule = format!("at most {} GiB for a segment", MAX_SEGMENT_BYTES >> 30);
                problems.push(field("streams × bptt, bin_frames", rule, format!("{} GiB", bytes >> 30)));
            }
        }
        problems
    }

    /// The model that is trained, without provenance.
    pub(crate) fn model(&self) -> ModelConfig {
        let approach = Approach::Listening(self.approach.clone());
        let mut model = ModelConfig::new(approach, Cell::Lstm, self.layers, self.hidden, self.sample_rate_hz);
        model.name.clone_from(&self.name);
        model.notes.clone_from(&self.notes);
        model.head = Head::Autoregressive(self.head);
        model.temperature = self.temperature;
        model.warmup_speed = self.warmup_speed.unwrap_or(model.conservative_warmup_speed());
        model
    }

    /// As JSON, without what may change from one run of a training to the next: when to stop, and what does not touch the weights.
    pub(crate) fn fixed_part(&self) -> String {
        let defaults = Self::default();
        let fixed = Self {
            name: defaults.name,
            licence: defaults.licence,
            notes: defaults.notes,
            max_steps: None,
            max_minutes: None,
            validation_steps: defaults.validation_steps,
            validation_frames: defaults.validation_frames,
            temperature: defaults.temperature,
            warmup_speed: None,
            checkpoint_minutes: defaults.checkpoint_minutes,
            ..self.clone()
        };
        serde_json::to_string(&fixed).unwrap_or_default()
    }
}

impl ListenFiles {
    fn problems(&self, name: &str) -> Vec<Problem> {
        let mut check = Check::default();
        check.require(!self.path.as_os_str().is_empty(), "path", "a file, a folder or a name with * and ?", "nothing");
        let start = self.start_s.unwrap_or(0.0);
        check.range("start_s", start, 0.0, 1e6);
        let end = self.end_s.unwrap_or(1e6);
        check.require(end > start && end <= 1e6, "end_s", format!("more than start_s = {start}, at most 1000000"), end);
        let count = self.transpositions.len();
        check.range("transpositions", count, 1, MAX_TRANSPOSITIONS);
        for &semitones in &self.transpositions {
            check.range("transpositions", semitones, -24.0, 24.0);
        }
        check.require(self.weight > 0.0 && self.weight <= 1e6, "weight", "more than 0, at most 1000000", self.weight);
        check.range("hold_out_every", self.hold_out_every.unwrap_or(2), 2, 1_000_000);
        let all = check.0.into_iter();
        all.map(|(field, rule, value)| Problem { field: format!("{name}.{field}"), rule, value }).collect()
    }
}

/// Changes the field that `text`, `key=value`, names.
fn apply(fields: &mut Map<String, Value>, text: &str) -> Result<(), Problem> {
    let problem = |field: &str, rule: &str, value: &str| Problem {
        field: format!("--set {field}"),
        rule: rule.into(),
        value: value.into(),
    };
    let (key, value) = text.split_once('=').ok_or_else(|| problem(text, "key=value", "no `=`"))?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.into()));
    let (way, last) = key.rsplit_once('.').map_or((None, key), |(way, last)| (Some(way), last));
    let mut place = fields;
    for name in way.into_iter().flat_map(|way| way.split('.')) {
        let next = place.entry(name).or_insert_with(|| Value::Object(Map::new()));
        let found = next.to_string();
        place = next.as_object_mut().ok_or_else(|| problem(key, "the name of a nested field", &found))?;
    }
    place.insert(last.into(), value);
    Ok(())
}

fn object_of(of: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(of) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// A field that there is not, perhaps with the one that was meant.
fn unknown(place: &str, field: &str, known: &Map<String, Value>) -> Problem {
    Problem::unknown(place, field, "a field of a listening model's training", known.keys())
}

fn write_approach<S: Serializer>(approach: &Listening, serializer: S) -> Result<S::Ok, S::Error> {
    Approach::Listening(approach.clone()).serialize(serializer)
}

fn read_approach<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Listening, D::Error> {
    nested(deserializer, "listening")
}

fn write_head<S: Serializer>(head: &BinTier, serializer: S) -> Result<S::Ok, S::Error> {
    Head::Autoregressive(*head).serialize(serializer)
}

fn read_head<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BinTier, D::Error> {
    nested(deserializer, "autoregressive")
}

/// An object in which every field has a default and `kind`, if it is there, says this.
fn nested<'de, D: Deserializer<'de>, T: DeserializeOwned + Serialize + Default>(
    deserializer: D,
    kind: &str,
) -> Result<T, D::Error> {
    use serde::de::Error;
    let given: Map<String, Value> = Map::deserialize(deserializer)?;
    let mut all = object_of(&T::default());
    for (name, value) in given {
        if name == "kind" {
            if value != kind {
                return Err(D::Error::custom(format!("kind: expected {kind:?}, found {value}")));
            }
        } else if all.contains_key(&name) {
            all.insert(name, value);
        } else {
            return Err(D::Error::custom(unknown("", &name, &all)));
        }
    }
    serde_json::from_value(Value::Object(all)).map_err(D::Error::custom)
}
