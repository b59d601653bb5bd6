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
    train::run::journal::SampleEntry,
    whole_file::write_whole,
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Frames of recordings that listening models share.
const CACHE: &str = "frames.cache";
/// What a finished model says after the beginning of a recording, in a training's folder.
pub const CONTINUATION: &str = "continuation.wav";
/// A configuration, in a training's folder.
pub const CONFIG: &str = "config.json";

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
        // The configuration is written elsewhere.
        match &mut asked {
            Asked::Sound(config) => {
                let files = config.files.iter_mut().chain(&mut config.validation).chain(&mut config.foreign_files);
                files.for_each(|file| file.path = folder.join(&file.path));
            }
            Asked::Listening(config) => {
                let files = config.files.iter_mut().chain(&mut config.validation);
                files.for_each(|file| file.path = folder.join(&file.path));
            }
            Asked::Notes(_) => {}
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
        let path = folder.place(training.number).join(CONFIG);
        let (asked, _) = self.resolver.resolve(folder.plan(), training).map_err(|error| FolderError::Content {
            path: path.clone(),
            expected: "a good configuration".into(),
            actual: error.to_string(),
        })?;
        let text = format!("{:#}\n", asked.fields());
        write_whole(&path, text.as_bytes()).map_err(|source| FolderError::Io { path, action: "written", source })
    }
}

/// Words for `sympathy train` that make a training where it belongs, going on from its checkpoint. `more`: fields that are changed.
pub fn train_words(
    folder: &Folder,
    training: &Training,
    more: &[String],
    resolver: &mut Resolver,
) -> Result<Vec<String>, CliError> {
    let plan = folder.plan();
    let place = folder.place(training.number);
    let (asked, from) = resolver.resolve(plan, training)?;
    let mut words: Vec<String> = match &asked {
        Asked::Notes(_) => {
            let mut words = vec!["sympathy".into(), "train".into()];
            words.extend(plan.inputs.iter().map(|path| text(path)));
            let (_, recipe) = plan.beginning_of(training);
            words.extend(recipe.iter().flat_map(|name| ["--recipe".to_string(), name.to_string()]));
            words.extend(overrides(plan, training).into_iter().flat_map(|field| ["--set".to_string(), field]));
            words
        }
        _ => {
            let mut words = vec!["sympathy".into(), "train".into(), text(&place.join(CONFIG))];
            words.extend(from.iter().flat_map(|name| ["--from".to_string(), name.clone()]));
            words
        }
    };
    if matches!(asked, Asked::Listening(_)) {
        words.extend(["--cache".into(), text(&folder.path().join(CACHE))]);
    }
    words.extend(more.iter().flat_map(|field| ["--set".to_string(), field.clone()]));
    words.extend(["--out".into(), text(&folder.model(training.number)), "--resume".into()]);
    words.extend(["--threads".into(), plan.threads.to_string()]);
    if !plan.run {
        words.push("--no-run".into());
    }
    Ok(words)
}

/// The words that change how many epochs or steps a training has, from its fields: twice as many.
pub fn twice_as_long(fields: &Value) -> Option<String> {
    ["max_steps", "epochs", "max_minutes"].into_iter().find_map(|name| {
        let value = fields.get(name)?;
        let twice = value.as_u64().map(|count| Value::from(2 * count));
        let twice = twice.or_else(|| value.as_f64().map(|count| Value::from(2.0 * count)))?;
        Some(format!("{name}={twice}"))
    })
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

fn sounds(plan: &Plan, evaluate: &EvaluatePlan) -> Vec<String> {
    let material: Vec<&PathBuf> = if evaluate.material.is_empty() {
        let is_json = |path: &Path| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
        plan.inputs.iter().filter(|path| !is_json(path)).collect()
    } else {
        evaluate.material.iter().collect()
    };
    std::iter::once("--material".to_string()).chain(material.into_iter().map(|path| text(path))).collect()
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
