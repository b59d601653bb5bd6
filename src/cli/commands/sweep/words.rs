//! What is typed for one training: the words of `sympathy train` and `sympathy evaluate`, and its configuration as a file.

use crate::{
    cli::{
        Command,
        commands::{
            evaluate::EvaluateArgs,
            sample::SampleArgs,
            train::{Asked, TrainArgs, asked},
        },
        error::CliError,
        models_at_hand::read_model,
        parse,
    },
    model::ModelData,
    sweep::{EvaluatePlan, Folder, FolderError, Plan, Training},
    text_file::{json_mistake, read_text},
    train::run::journal::SampleEntry,
    whole_file::write_whole,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeMap, io, path::Path, sync::Arc};

/// Frames of recordings that listening models share.
const CACHE: &str = "frames.cache";
/// What a finished model says after the beginning of a recording, in a training's folder.
pub const CONTINUATION: &str = "continuation.wav";
/// A configuration, in a training's folder.
pub const CONFIG: &str = "config.json";
/// What else its training needs to know, as it was when the sweep was made.
const BEGINNING: &str = "training.json";
/// No training says more of its beginning.
const MAX_BEGINNING_BYTES: u64 = 4 << 20;

/// What a training begins with besides its configuration.
#[derive(Default, Serialize, Deserialize)]
struct Beginning {
    /// What kind of model it makes.
    kind: Kind,
    /// The model to begin with.
    from: Option<String>,
    /// Of a model of notes: the recipe, and the fields that are changed.
    recipe: Option<String>,
    fields: Vec<String>,
}

/// Kinds of models.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Sound,
    Listening,
    Notes,
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The fields of a training, as they are typed.
fn overrides(plan: &Plan, training: &Training) -> Vec<String> {
    plan.settings_of(training).into_iter().map(|(field, value)| format!("{field}={value}")).collect()
}

fn understood(words: &[String]) -> Result<Command, String> {
    let said = words.iter().map(Into::into);
    parse(said).map(|cli| cli.command).map_err(|error| {
        let said = error.to_string();
        said.lines().next().unwrap_or_default().trim_start_matches("error: ").to_string()
    })
}

/// The arguments of `sympathy train`.
pub fn train_args(words: &[String]) -> Result<TrainArgs, String> {
    match understood(words)? {
        Command::Train(args) => Ok(args),
        _ => Err("another command".into()),
    }
}

/// The arguments of `sympathy evaluate`.
pub fn evaluate_args(words: &[String]) -> Result<EvaluateArgs, String> {
    match understood(words)? {
        Command::Evaluate(args) => Ok(*args),
        _ => Err("another command".into()),
    }
}

/// Works out configurations. What all have in common is understood once, and models to begin with are read once.
#[derive(Default)]
pub struct Resolver {
    common: Option<TrainArgs>,
    models: BTreeMap<String, Arc<ModelData>>,
}

impl Resolver {
    /// The configuration of a training, complete, and the name of the model to begin with. All trainings are of one plan.
    ///
    /// # Errors
    /// For everything that is wrong in it.
    pub fn resolve(&mut self, plan: &Plan, training: &Training) -> Result<(Asked, Option<String>), CliError> {
        let common = match self.common.take() {
            Some(common) => common,
            None => {
                let mut words = vec!["sympathy".to_string(), "train".into()];
                words.extend(plan.inputs.iter().map(|path| text(path)));
                words.extend(plan.from.iter().flat_map(|name| ["--from".to_string(), name.clone()]));
                words.extend(["--out".into(), "model.safetensors".into()]);
                train_args(&words).map_err(|mistake| CliError::Option {
                    option: "plan",
                    expected: "what sympathy train understands".into(),
                    actual: mistake,
                })?
            }
        };
        let (preset, recipe) = plan.beginning_of(training);
        let args = common.with(preset, recipe, overrides(plan, training));
        self.common = Some(common);
        let from = args.begins_with().map(String::from);
        let beginning = match &from {
            Some(name) if !self.models.contains_key(name) => {
                self.models.insert(name.clone(), Arc::new(read_model(name)?));
                self.models.get(name).cloned()
            }
            Some(name) => self.models.get(name).cloned(),
            None => None,
        };
        let (mut asked, folder) = asked(&args, beginning.as_deref())?;
        // Each repeat has the next random seed.
        let repeat = u64::from(training.repeat);
        // The configuration is written elsewhere.
        match &mut asked {
            Asked::Sound(config) => {
                let files = config.files.iter_mut().chain(&mut config.validation).chain(&mut config.foreign_files);
                files.for_each(|file| file.path = folder.join(&file.path));
                config.random_seed = config.random_seed.wrapping_add(repeat);
            }
            Asked::Listening(config) => {
                let files = config.files.iter_mut().chain(&mut config.validation);
                files.for_each(|file| file.path = folder.join(&file.path));
                config.random_seed = config.random_seed.wrapping_add(repeat);
            }
            Asked::Notes(config) => {
                config.general.random_seed = config.general.random_seed.wrapping_add(repeat);
            }
        }
        Ok((asked, from))
    }
}

/// Writes each training's configuration into its folder.
#[derive(Default)]
pub struct Writer {
    resolver: Resolver,
}

impl Writer {
    /// Writes that of one.
    ///
    /// # Errors
    /// If it is wrong, or cannot be written.
    pub fn write(&mut self, folder: &Folder, training: &Training) -> Result<(), FolderError> {
        let place = folder.place(training.number);
        let plan = folder.plan();
        let (asked, from) = self.resolver.resolve(plan, training).map_err(|error| FolderError::Content {
            path: place.join(CONFIG),
            expected: "a good configuration".into(),
            actual: error.to_string(),
        })?;
        let beginning = match &asked {
            Asked::Sound(_) => Beginning { from, ..Beginning::default() },
            Asked::Listening(_) => Beginning { kind: Kind::Listening, from, ..Beginning::default() },
            Asked::Notes(config) => {
                let mut fields = overrides(plan, training);
                fields.push(format!("random_seed={}", config.general.random_seed));
                let recipe = plan.beginning_of(training).1.map(String::from);
                Beginning { kind: Kind::Notes, from, recipe, fields }
            }
        };
        let beginning = serde_json::to_string_pretty(&beginning).unwrap_or_default();
        for (name, text) in [(CONFIG, format!("{:#}\n", asked.fields())), (BEGINNING, beginning)] {
            let path = place.join(name);
            write_whole(&path, text.as_bytes()).map_err(|source| FolderError::Io {
                path,
                action: "written",
                source,
            })?;
        }
        Ok(())
    }
}

fn beginning_of(folder: &Folder, training: &Training) -> Result<Beginning, CliError> {
    let path = folder.place(training.number).join(BEGINNING);
    let read = read_text(&path, MAX_BEGINNING_BYTES).and_then(|text| {
        serde_json::from_str(&text.unwrap_or_default()).map_err(|error| io::Error::other(json_mistake(&error)))
    });
    read.map_err(|source| CliError::Io { path, action: "read", source })
}

/// Words for `sympathy train` that say what a training makes, but not where.
fn words_of(folder: &Folder, training: &Training) -> Result<Vec<String>, CliError> {
    let beginning = beginning_of(folder, training)?;
    let mut words = vec!["sympathy".to_string(), "train".into()];
    if beginning.kind == Kind::Notes {
        words.extend(folder.plan().inputs.iter().map(|path| text(path)));
        words.extend(beginning.recipe.iter().flat_map(|name| ["--recipe".to_string(), name.clone()]));
        words.extend(beginning.fields.into_iter().flat_map(|field| ["--set".to_string(), field]));
    } else {
        words.push(text(&folder.place(training.number).join(CONFIG)));
        words.extend(beginning.from.iter().flat_map(|name| ["--from".to_string(), name.clone()]));
    }
    if beginning.kind == Kind::Listening {
        words.extend(["--cache".into(), text(&folder.path().join(CACHE))]);
    }
    words.extend(["--threads".into(), folder.plan().threads.to_string()]);
    Ok(words)
}

/// Words for `sympathy train` that make a training where it belongs, going on from its checkpoint.
pub fn train_words(folder: &Folder, training: &Training) -> Result<Vec<String>, CliError> {
    let mut words = words_of(folder, training)?;
    words.extend(["--out".into(), text(&folder.model(training.number)), "--resume".into()]);
    if !folder.plan().run {
        words.push("--no-run".into());
    }
    Ok(words)
}

/// Words for `sympathy train` that make the same twice as long, from the beginning, as a model of its own beside the trainings. `fields`:
/// its configuration.
pub fn longer_words(folder: &Folder, training: &Training, fields: &Value) -> Result<Vec<String>, CliError> {
    let mut words = words_of(folder, training)?;
    words.extend(twice_as_long(fields).into_iter().flat_map(|field| ["--set".to_string(), field]));
    let name = format!("{}-longer.safetensors", Folder::name_of(training.number));
    words.extend(["--out".into(), text(&folder.path().join(name))]);
    Ok(words)
}

/// Every end that is set, twice as far.
fn twice_as_long(fields: &Value) -> Vec<String> {
    let twice = |name: &&str| {
        let value = fields.get(*name)?;
        let whole = value.as_u64().map(|count| Value::from(count.saturating_mul(2)));
        let twice = whole.or_else(|| value.as_f64().map(|count| Value::from(2.0 * count)))?;
        Some(format!("{name}={twice}"))
    };
    ["epochs", "max_steps", "max_minutes", "patience"].iter().filter_map(twice).collect()
}

/// Words for `sympathy evaluate` on a finished model. `json`: where the figures go.
pub fn evaluate_words(plan: &Plan, evaluate: &EvaluatePlan, model: &Path, of_notes: bool, json: &Path) -> Vec<String> {
    let mut words = vec!["sympathy".into(), "evaluate".into(), text(model)];
    if of_notes {
        words.extend(plan.inputs.iter().map(|path| text(path)));
    } else {
        words.extend(sounds(plan, evaluate));
        if !evaluate.seeds.is_empty() {
            words.push("--seeds".into());
            words.extend(evaluate.seeds.iter().map(|path| text(path)));
        }
        words.extend(["--threads".into(), plan.threads.min(128).to_string()]);
    }
    for (name, value) in &evaluate.options {
        let option = format!("--{}", name.replace('_', "-"));
        let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), String::from);
        match value {
            Value::Bool(true) => words.push(option),
            Value::Bool(false) => {}
            // Parameters, each by an option of its own.
            Value::Array(values) if name == "set" => {
                words.extend(values.iter().flat_map(|value| [option.clone(), word(value)]));
            }
            Value::Array(values) => {
                words.extend([option, values.iter().map(word).collect::<Vec<_>>().join(",")]);
            }
            value => words.extend([option, word(value)]),
        }
    }
    words.extend(["--json".into(), text(json), "--overwrite".into()]);
    words
}

/// What models of sound are judged by.
fn sounds(plan: &Plan, evaluate: &EvaluatePlan) -> Vec<String> {
    let material = if evaluate.material.is_empty() { &plan.inputs } else { &evaluate.material };
    std::iter::once("--material".to_string()).chain(material.iter().map(|path| text(path))).collect()
}

/// Words for `sympathy sample` that let a finished model of sound go on after the beginning of a recording.
pub fn sample_words(plan: &Plan, evaluate: &EvaluatePlan, model: &Path, out: &Path) -> Option<Vec<String>> {
    let sounds = sounds(plan, evaluate);
    let seed = evaluate.seeds.first().map(|path| text(path)).or_else(|| sounds.get(1).cloned())?;
    let words = ["sympathy", "sample", &text(model), "--seed-file", &seed, "--out", &text(out), "--overwrite"];
    Some(words.map(String::from).into())
}

/// The arguments of `sympathy sample`.
pub fn sample_args(words: &[String]) -> Result<SampleArgs, String> {
    match understood(words)? {
        Command::Sample(args) => Ok(*args),
        _ => Err("another command".into()),
    }
}

/// Words for `sympathy evaluate` on outputs that were sampled while a model was trained; `run`: the folder in which they lie. Their seeds
/// have `seed_seconds`.
pub fn sampled_words(
    plan: &Plan,
    evaluate: &EvaluatePlan,
    run: &Path,
    samples: &[SampleEntry],
    seed_seconds: f32,
    json: &Path,
) -> Vec<String> {
    let mut words = vec!["sympathy".into(), "evaluate".into()];
    words.extend(sounds(plan, evaluate));
    words.push("--continuation".into());
    words.extend(samples.iter().map(|sample| text(&run.join(&sample.output))));
    words.push("--seeds".into());
    words.extend(samples.iter().map(|sample| text(&run.join(&sample.seed))));
    words.extend(["--seed-seconds".into(), seed_seconds.clamp(1.0, 60.0).to_string()]);
    words.extend(["--transpositions".into(), "0".into(), "--threads".into(), plan.threads.min(128).to_string()]);
    words.extend(["--json".into(), text(json), "--overwrite".into()]);
    words
}
