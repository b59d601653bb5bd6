//! One training of a sweep, in this process: `sympathy train`, then `sympathy evaluate`, and what became of it as figures.

use super::{slurm, words};
use crate::{
    cli::{
        commands::{evaluate, sample, train},
        error::CliError,
        interrupt::Interrupt,
        lines,
        models_at_hand::{AnyModel, read_any_model},
        one_line,
        terminal::remark,
    },
    sweep::{Claim, Done, EvaluatePlan, Folder, Outcome, Stop, Training},
    text_file::read_text,
    train::{
        report::JOURNAL_NAME,
        run::journal::{Journal, JournalFile, SampleEntry},
    },
};
use serde_json::Value;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Component, Path},
    thread,
    time::{Duration, Instant},
};

/// How often a task looks whether it shall end.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// After so long all tasks have looked.
pub const HEARD_AFTER: Duration = Duration::from_millis(1500);
/// So long a task of an array waits for a training that somebody is at.
const PATIENCE: Duration = Duration::from_secs(180);
/// Judged of what was sampled on the way: so many outputs at most, of at least so many seconds.
const MAX_SAMPLED: usize = 6;
const MIN_SAMPLED_SECONDS: f64 = 5.0;
/// No evaluation is longer.
const MAX_SCORES_BYTES: u64 = 64 << 20;

/// Who has asked for a task.
pub struct Asker {
    /// What else asks it to stop.
    pub stop: Option<Stop>,
    /// It is a task of an array: it waits for a training that somebody is at, and goes back into the queue when its time is up.
    pub is_of_array: bool,
}

/// Makes these trainings one after the other, but those that somebody else makes or that have ended.
///
/// # Errors
/// If the folder cannot be read or written. A training that fails is no error: it leaves a record.
pub fn run(folder: &Folder, numbers: &[u32], asker: &Asker) -> Result<(), CliError> {
    let interrupt = Interrupt::watch();
    let (stops, watched) = ([Some(folder.stop()), asker.stop.clone()], interrupt.clone());
    thread::spawn(move || {
        while !stops.iter().flatten().any(Stop::is_asked_for) {
            thread::sleep(LOOK_EVERY);
        }
        watched.ask();
    });
    for &number in numbers {
        let training = folder.training(number).ok_or_else(|| CliError::Option {
            option: "sweep task",
            expected: format!("a training from 1 to {}", folder.trainings().len()),
            actual: number.to_string(),
        })?;
        if interrupt.is_pressed() {
            break;
        }
        let patience = if asker.is_of_array { PATIENCE } else { Duration::ZERO };
        if let Some(claim) = claim(folder, number, patience, &interrupt)? {
            // Whatever breaks in one training, the others go on, and it is known why.
            let made = catch_unwind(AssertUnwindSafe(|| make(folder, training, &claim, &interrupt)));
            let done = made.unwrap_or_else(|_| Done::Failed("a defect of the program; the log tells more".into()));
            if let Done::Failed(error) = &done {
                remark!("failed: {error}");
            }
            claim.end(&done)?;
        }
    }
    if asker.is_of_array && interrupt.is_pressed() && !folder.stop().is_asked_for() {
        // The cluster's time is up.
        slurm::requeue(folder.plan());
    }
    Ok(())
}

/// Claims a training, for so long if somebody is at it: one whose node was lost may still be at work, or its lock be known.
fn claim(folder: &Folder, number: u32, patience: Duration, interrupt: &Interrupt) -> Result<Option<Claim>, CliError> {
    let began = Instant::now();
    loop {
        let claim = folder.claim(number)?;
        if claim.is_some() || folder.has_ended(number) || interrupt.is_pressed() {
            return Ok(claim);
        }
        if began.elapsed() >= patience {
            remark!("{}: somebody else is at it", Folder::name_of(number));
            return Ok(None);
        }
        thread::sleep(LOOK_EVERY);
    }
}

fn make(folder: &Folder, training: &Training, claim: &Claim, interrupt: &Interrupt) -> Done {
    let began = Instant::now();
    let trained = words::train_words(folder, training)
        .and_then(|words| words::train_args(&words).map_err(not_understood))
        .and_then(train::run);
    // What was stopped may have left half of it.
    if interrupt.is_pressed() {
        return Done::Stopped;
    }
    let mut outcome = Outcome::default();
    let model = folder.model(training.number);
    let of_notes = match trained.and_then(|()| figures_of_model(&model, &mut outcome)) {
        Ok(of_notes) => of_notes,
        Err(error) => return Done::Failed(lines(&error).join("; ")),
    };
    let run = claim.place().join("model.run");
    let journal = JournalFile::read(&run.join(JOURNAL_NAME)).ok();
    if let Some(last) = journal.as_ref().and_then(|journal| journal.steps.last()) {
        put(&mut outcome, "steps", last.step as f64);
    }
    if let Some(evaluate) = &folder.plan().evaluate {
        let judged = judge(folder, evaluate, &model, of_notes, claim.place(), journal.as_ref(), &mut outcome);
        if interrupt.is_pressed() {
            return Done::Stopped;
        }
        // The model and its losses are there all the same.
        outcome.not_judged = judged.err().map(|error| lines(&error).join("; "));
    }
    let on_the_way = journal.and_then(|journal| Some(journal.epochs.last()?.seconds));
    outcome.seconds = on_the_way.unwrap_or(0.0).max(began.elapsed().as_secs_f64());
    Done::Well(outcome)
}

fn not_understood(mistake: String) -> CliError {
    CliError::Option { option: "plan", expected: "what the commands understand".into(), actual: mistake }
}

fn put(outcome: &mut Outcome, name: &str, figure: f64) {
    if figure.is_finite() {
        outcome.figures.insert(name.into(), figure);
    }
}

/// Losses and sizes that stand in the model; whether it is one of notes.
fn figures_of_model(path: &Path, outcome: &mut Outcome) -> Result<bool, CliError> {
    let (training, parameters, of_notes) = match read_any_model(&path.to_string_lossy())? {
        AnyModel::Sound(model) => {
            let config = model.config();
            let sizes = config.tensors().into_iter().map(|tensor| tensor.shape.iter().product::<usize>() as u64);
            (config.training.clone(), sizes.sum(), false)
        }
        AnyModel::Notes(model) => (model.config().training.clone(), model.config().parameters(), true),
    };
    put(outcome, "training_loss", training.final_loss.into());
    training.validation_loss.into_iter().for_each(|loss| put(outcome, "validation_loss", loss.into()));
    put(outcome, "epochs", training.epochs.into());
    put(outcome, "parameters", parameters as f64);
    Ok(of_notes)
}

fn judge(
    folder: &Folder,
    evaluate: &EvaluatePlan,
    model: &Path,
    of_notes: bool,
    place: &Path,
    journal: Option<&Journal>,
    outcome: &mut Outcome,
) -> Result<(), CliError> {
    let scores = |words: &[String], json: &Path| -> Result<Value, CliError> {
        evaluate::run(&words::evaluate_args(words).map_err(not_understood)?)?;
        read_scores(json)
    };
    if evaluate.continuation {
        let json = place.join("scores.json");
        let words = words::evaluate_words(folder.plan(), evaluate, model, of_notes, &json);
        let found = scores(&words, &json)?;
        if of_notes {
            put_notes(outcome, &found)
        } else {
            put_sound(outcome, "", &found, true)
        }
        // To be heard beside the figures.
        let heard = place.join(words::CONTINUATION);
        let words = words::sample_words(folder.plan(), evaluate, model, &heard).filter(|_| !of_notes);
        let said = |words: Vec<String>| {
            let args = words::sample_args(&words).map_err(not_understood)?;
            sample::run(&args)
        };
        if let Some(error) = words.and_then(|words| said(words).err()) {
            remark!("no continuation to be heard: {}", one_line(&error.to_string()));
        }
    }
    if let Some(journal) = journal.filter(|_| evaluate.sampled) {
        let run = place.join("model.run");
        let samples = long_samples(&run, journal);
        if samples.is_empty() {
            remark!("no output of {MIN_SAMPLED_SECONDS} s was sampled on the way: none is judged");
            return Ok(());
        }
        let seed_seconds =
            journal.start.as_ref().and_then(|start| start.config.pointer("/sampling/seed_seconds")?.as_f64());
        let json = place.join("sampled.json");
        let seed_seconds = seed_seconds.unwrap_or(2.0) as f32;
        let words = words::sampled_words(folder.plan(), evaluate, &run, &samples, seed_seconds, &json);
        put_sound(outcome, "sampled.", &scores(&words, &json)?, false);
    }
    Ok(())
}

/// The last outputs that were sampled on the way and are long enough to be judged; `run`: the folder in which they lie.
pub fn long_samples(run: &Path, journal: &Journal) -> Vec<SampleEntry> {
    // A journal is hostile: no path leads out of its folder.
    let inside = |path: &Path| path.components().all(|part| matches!(part, Component::Normal(_)));
    let seconds = |sample: &SampleEntry| {
        let reader = hound::WavReader::open(run.join(&sample.output));
        reader.map_or(0.0, |reader| f64::from(reader.duration()) / f64::from(reader.spec().sample_rate.max(1)))
    };
    let good = |sample: &&SampleEntry| {
        inside(&sample.output) && inside(&sample.seed) && seconds(sample) >= MIN_SAMPLED_SECONDS
    };
    let mut samples: Vec<SampleEntry> = journal.samples.iter().rev().filter(good).take(MAX_SAMPLED).cloned().collect();
    samples.reverse();
    samples
}

fn read_scores(path: &Path) -> Result<Value, CliError> {
    let io = |source| CliError::Io { path: path.into(), action: "read", source };
    let text = read_text(path, MAX_SCORES_BYTES).map_err(io)?.unwrap_or_default();
    serde_json::from_str(&text).map_err(|error| io(error.into()))
}

/// The criteria with their grades.
fn put_sound(outcome: &mut Outcome, before: &str, scores: &Value, has_speed: bool) {
    let evaluation = &scores["evaluation"];
    for summary in evaluation["criteria"].as_array().into_iter().flatten() {
        let Some(name) = summary["criterion"].as_str() else { continue };
        let name = format!("{before}{name}");
        put(outcome, &name, summary["score"].as_f64().unwrap_or(f64::NAN));
        outcome.grades.extend(summary["grade"].as_str().map(|grade| (name, grade.to_string())));
    }
    let mut score = |name: &str, of: &Value, field: &str| {
        let name = format!("{before}{name}");
        put(outcome, &name, of[field].as_f64().unwrap_or(f64::NAN));
        outcome.grades.extend(of["grade"].as_str().map(|grade| (name, grade.to_string())));
    };
    score("consistency", &evaluation["consistency"], "score");
    score("alive", &evaluation["listening"], "alive_like_material");
    if has_speed {
        score("real_time_factor", &evaluation["speed"], "real_time_factor");
    }
}

fn put_notes(outcome: &mut Outcome, scores: &Value) {
    let said = if scores["prediction"].is_object() { &scores["prediction"] } else { &scores["reconstruction"] };
    let pairs = [
        ("mse", &said["mse"]),
        ("accuracy", &said["accuracy"]),
        ("f1", &said["whole"]["keys"]["f1"]),
        ("listening", &scores["listening"]["played"]["own_seed"]),
    ];
    for (name, value) in pairs {
        put(outcome, name, value.as_f64().unwrap_or(f64::NAN));
    }
    if let (Some(alive), Some(played)) = (scores["alive"].as_f64(), scores["played"].as_array()) {
        put(outcome, "alive", alive / played.len().max(1) as f64);
    }
}
