//! What is wrong with a plan, all of it, before anything runs.

use super::{
    slurm,
    words::{self, Resolver},
};
use crate::{
    cli::{
        commands::train::{Asked, is_json, is_roll},
        error::CliError,
        progress::Progress,
    },
    hyperparameters::{Problem, SamplingMode, TrainApproach},
    notes::DataSet,
    sweep::{Folder, Plan, column_problem},
};
use std::path::{Path, PathBuf};

/// So many problems are told; what many trainings have in common is told once.
const MAX_PROBLEMS: usize = 30;
/// The beginning of the material in the run's folder, sampled outputs, journal and report.
const RUN_BYTES: u64 = 12 << 20;
/// A training's configuration, log and result.
const TRAINING_BYTES: u64 = 64 << 10;

/// What was found.
#[derive(Default)]
pub struct Checked {
    /// What keeps it from running.
    pub problems: Vec<Problem>,
    /// What its user should know.
    pub warnings: Vec<String>,
    /// About what it takes on the disk.
    pub bytes: u64,
}

/// Looks at everything that can be known before the first training.
pub fn check(plan: &Plan, place: &Path, on_slurm: bool) -> Checked {
    let mut problems = Vec::new();
    let mut bytes = 0;
    check_files(plan, &mut problems);
    let kinds = check_trainings(plan, &mut problems, &mut bytes);
    check_evaluation(plan, &kinds, &mut problems);
    // A sweep that is gone on with has taken some of it already.
    let free = free_bytes(place).filter(|free| *free < bytes && !Folder::is_there(place));
    if let Some(free) = free {
        let mib = |bytes: u64| format!("{} MiB", bytes.div_ceil(1 << 20));
        let folder = existing(place);
        problems.push(Problem::new(
            "space",
            format!("about {} free in {}", mib(bytes), folder.display()),
            format!("{} (fewer trainings, \"run\": false, or another --out)", mib(free)),
        ));
    }
    let mut warnings: Vec<String> = kinds.by_the_clock.iter().map(|title| {
        format!("max_minutes may end trainings ({title}): what comes out then depends on how busy the machine is; \"max_minutes\": null in set leaves it out")
    }).collect();
    if place.to_string_lossy().contains(char::is_control) {
        problems.push(Problem::new("--out", "a name without control characters", "some"));
    }
    if on_slurm {
        let found = slurm::check(plan);
        problems.extend(found.problems);
        warnings.extend(found.warnings);
    }
    if problems.len() > MAX_PROBLEMS {
        problems.truncate(MAX_PROBLEMS);
        problems.push(Problem::new("plan", "no further problems", "more"));
    }
    Checked { problems, warnings, bytes }
}

fn check_files(plan: &Plan, problems: &mut Vec<Problem>) {
    if plan.inputs.is_empty() {
        problems.push(Problem::new("inputs", "recordings, a configuration, or a data set of rolls", "none"));
    }
    let named = |field: &'static str, paths: &[PathBuf]| -> Vec<(&'static str, PathBuf)> {
        paths.iter().map(|path| (field, path.clone())).collect()
    };
    let mut files = named("inputs", &plan.inputs);
    if let Some(evaluate) = &plan.evaluate {
        files.extend(named("evaluate.material", &evaluate.material));
        files.extend(named("evaluate.seeds", &evaluate.seeds));
    }
    for (field, path) in files {
        // A folder of recordings is good for models that listen, and so are names with wildcards.
        let has_wildcards = path.to_string_lossy().contains(['*', '?', '[']);
        if !path.exists() && !has_wildcards {
            problems.push(Problem::new(field, "files that are there", path.display()));
        } else if path.to_str().is_none() {
            problems.push(Problem::new(field, "names of Unicode characters", path.display()));
        }
    }
}

/// What kinds of trainings a plan has.
#[derive(Default)]
struct Kinds {
    sound: bool,
    notes: bool,
    /// Some of them sample nothing that could be judged.
    silent: Option<String>,
    /// Some of them hold nothing out.
    without_validation: Option<String>,
    /// Some of them may be ended by the clock.
    by_the_clock: Option<String>,
}

fn check_trainings(plan: &Plan, problems: &mut Vec<Problem>, bytes: &mut u64) -> Kinds {
    let mut kinds = Kinds::default();
    let mut resolver = Resolver::default();
    let data = match &plan.inputs[..] {
        [path] if is_roll(path) => DataSet::read(path)
            .map_err(|error| problems.push(Problem::new("inputs", "a data set of rolls", error)))
            .ok(),
        _ => None,
    };
    let mut told: Vec<String> = Vec::new();
    let trainings = plan.trainings();
    let mut add = |title: &str, mistakes: Vec<Problem>| {
        for mistake in mistakes {
            let said = mistake.to_string();
            if !told.contains(&said) && told.len() <= MAX_PROBLEMS {
                told.push(said);
                problems.push(Problem::new(format!("{title}: {}", mistake.field), mistake.rule, mistake.value));
            }
        }
    };
    let mut progress = Progress::new(trainings.len());
    for (index, training) in trainings.iter().enumerate() {
        progress.update(index);
        let title = training.title(plan.repeats);
        match resolver.resolve(plan, training) {
            Ok((asked, _)) => {
                let size = match &asked {
                    Asked::Notes(config) => {
                        kinds.notes = true;
                        if let Some(data) = &data {
                            add(&title, config.misfits(data.rules()));
                        }
                        if config.general.max_minutes.is_some() {
                            kinds.by_the_clock.get_or_insert(title);
                        }
                        config.model().parameters()
                    }
                    Asked::Sound(config) => {
                        kinds.sound = true;
                        let files = config.files.iter().chain(&config.validation).chain(&config.foreign_files);
                        // Of the inputs it is told already.
                        let gone = files.filter(|file| !file.path.exists() && !plan.inputs.contains(&file.path));
                        let gone =
                            gone.map(|file| Problem::new("files", "recordings that are there", file.path.display()));
                        add(&title, gone.collect());
                        let sampling = &config.sampling;
                        if sampling.mode == SamplingMode::Off || sampling.seconds < 5.0 || sampling.seed_seconds < 1.0 {
                            kinds.silent.get_or_insert_with(|| title.clone());
                        }
                        if config.validation_split == 0.0 && config.validation.is_empty() {
                            kinds.without_validation.get_or_insert_with(|| title.clone());
                        }
                        if config.max_minutes.is_some() {
                            kinds.by_the_clock.get_or_insert(title);
                        }
                        let inputs = match config.principal_components {
                            0 => numbers_of(&config.approach),
                            components => components,
                        };
                        recurrent(config.cell.gates(), inputs, config.layers, config.hidden)
                    }
                    Asked::Listening(config) => {
                        kinds.sound = true;
                        kinds.silent.get_or_insert_with(|| title.clone());
                        let holds_out = config.files.iter().any(|files| files.hold_out_every.is_some());
                        if !holds_out && config.validation.is_empty() {
                            kinds.without_validation.get_or_insert_with(|| title.clone());
                        }
                        if config.max_minutes.is_some() {
                            kinds.by_the_clock.get_or_insert(title);
                        }
                        recurrent(4, 2 * config.hidden, config.layers, config.hidden)
                    }
                };
                // The weights, twice for the moments of the optimiser, and the model.
                *bytes += TRAINING_BYTES + 14 * size + if plan.run { RUN_BYTES } else { 0 };
            }
            Err(CliError::Problems { problems, .. }) => add(&title, problems),
            Err(error) => add(&title, vec![Problem::new("training", "what sympathy train takes", error)]),
        }
    }
    if let Some(halving) = &plan.halving {
        // Later rungs are as large as the first in proportion.
        let first = trainings.len().max(1) as u64;
        *bytes = *bytes / first * halving.sizes(trainings.len()).iter().sum::<usize>() as u64;
    }
    kinds
}

/// Numbers of a row.
fn numbers_of(approach: &TrainApproach) -> usize {
    match *approach {
        TrainApproach::Vector { seg_len, .. }
        | TrainApproach::Column { seg_len }
        | TrainApproach::Transpose { seg_len } => seg_len,
        TrainApproach::Magnitude { window, zero_padding, .. } => window / if zero_padding { 1 } else { 2 } + 1,
        TrainApproach::Sample => 1,
    }
}

/// Weights of recurrent layers with a dense layer as wide as the inputs.
fn recurrent(gates: usize, inputs: usize, layers: usize, hidden: usize) -> u64 {
    let layer = |index: usize| gates * hidden * (hidden + if index == 0 { inputs } else { hidden } + 2);
    ((0..layers).map(layer).sum::<usize>() + (hidden + 1) * inputs) as u64
}

/// Options of `sympathy evaluate` that a plan says otherwise, or not at all.
const TAKEN: [&str; 8] = ["material", "seeds", "continuation", "json", "html", "overwrite", "threads", "strict"];

fn check_evaluation(plan: &Plan, kinds: &Kinds, problems: &mut Vec<Problem>) {
    let (mut judged, mut sampled) = (false, false);
    if let Some(evaluate) = &plan.evaluate {
        (judged, sampled) = (evaluate.continuation, evaluate.sampled);
        if kinds.sound && kinds.notes {
            problems.push(Problem::new("evaluate", "trainings of sound alone, or of notes alone", "both"));
        }
        if let Some(title) = kinds.silent.as_ref().filter(|_| sampled) {
            let rule = "trainings that sample at least 5 s after seeds of at least 1 s (sampling.mode, .seconds, .seed_seconds)";
            problems.push(Problem::new("evaluate.sampled", rule, format!("{title}, which does not")));
        }
        let taken = evaluate.options.keys().filter(|name| TAKEN.contains(&&name.replace('_', "-")[..]));
        let taken: Vec<&str> = taken.map(String::as_str).collect();
        let of_notes = kinds.notes;
        if of_notes && (sampled || !evaluate.material.is_empty() || !evaluate.seeds.is_empty()) {
            let rule = "none of material, seeds and sampled, which models of sound have";
            problems.push(Problem::new("evaluate", rule, "some"));
        }
        // What is judged by has to be recordings, one by one.
        let material = if evaluate.material.is_empty() { &plan.inputs } else { &evaluate.material };
        // That a file is not there is told already.
        let is_recording = |path: &&PathBuf| !is_json(path) && !path.is_dir();
        if !of_notes && !material.iter().all(|path| is_recording(&path)) {
            let rule = "recordings, each by its name, as the inputs are no recordings alone";
            problems.push(Problem::new(
                "evaluate.material",
                rule,
                if evaluate.material.is_empty() { "none" } else { "others" },
            ));
        } else if !taken.is_empty() {
            let rule = "options that a plan does not say in another place";
            problems.push(Problem::new("evaluate.options", rule, taken.join(", ")));
        } else {
            let (model, json) = (Path::new("model.safetensors"), Path::new("scores.json"));
            let words = words::evaluate_words(plan, evaluate, model, of_notes, json);
            if let Err(mistake) = words::evaluate_args(&words) {
                problems.push(Problem::new("evaluate", "what sympathy evaluate understands", mistake));
            }
        }
    }
    if let Some(halving) = &plan.halving {
        problems.extend(column_problem(&halving.by, kinds.notes, judged, sampled));
        if let Some(title) = kinds.without_validation.as_ref().filter(|_| halving.by == "validation_loss") {
            let rule =
                "trainings that hold something out (validation_split, validation, hold_out_every), or another column";
            problems.push(Problem::new("halving.by", rule, format!("{title}, which does not")));
        }
    }
}

/// The folder above `place` that is there.
fn existing(place: &Path) -> PathBuf {
    let here = std::path::absolute(place).unwrap_or_else(|_| place.into());
    here.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new(".")).into()
}

/// What is free where the sweep is to lie.
fn free_bytes(place: &Path) -> Option<u64> {
    fs4::available_space(existing(place)).ok()
}
