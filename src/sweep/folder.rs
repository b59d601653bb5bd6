//! The folder of a sweep: what is to be trained, and how far each training is. Programs that share it, on one machine or on a
//! shared file system, know of each other by these files alone.
//!
//! ```text
//! plan.json          the plan, its paths absolute
//! trainings.jsonl    a line for each training; a rung of halving adds its own
//! stop               asks all that train here to save a checkpoint and end
//! 0001/              config.json  model.safetensors  model.checkpoint  model.run/  log.txt
//!                    result.json once it is done, failed.json if it cannot be
//!                    claim.lock  locked while somebody is at it
//!                    stopped  whoever was at it was asked to end, and has saved a checkpoint
//! ```

use super::{halving::Halving, plan::Plan, space::Training};
use crate::{
    text_file::{json_mistake, read_text},
    whole_file::write_whole,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    thread::sleep,
    time::Duration,
};

/// No plan, list of trainings, or result is longer.
const MAX_PLAN_BYTES: u64 = 16 << 20;
const MAX_LIST_BYTES: u64 = 512 << 20;
const MAX_RESULT_BYTES: u64 = 1 << 20;
/// Whoever looks whether somebody is at a training holds its lock for an instant: a claim is tried so often, with this pause.
const CLAIMS: u32 = 10;
const CLAIM_PAUSE: Duration = Duration::from_millis(30);

const PLAN: &str = "plan.json";
const TRAININGS: &str = "trainings.jsonl";
const STOP: &str = "stop";
const RESULT: &str = "result.json";
const FAILED: &str = "failed.json";
const CLAIM: &str = "claim.lock";
const STOPPED: &str = "stopped";
const CHECKPOINT: &str = "model.checkpoint";

/// Why a sweep's folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// The system refused.
    #[error("{}: cannot be {action}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// "read", "written", "locked" or "removed".
        action: &'static str,
        /// The system's word.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{}: expected {expected}, found {actual}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Its rule.
        expected: String,
        /// What stands there.
        actual: String,
    },
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    let path = path.to_path_buf();
    move |source| FolderError::Io { path, action: "read", source }
}

fn unwritable(path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    let path = path.to_path_buf();
    move |source| FolderError::Io { path, action: "written", source }
}

fn wrong(path: &Path, expected: impl Into<String>, actual: impl Into<String>) -> FolderError {
    FolderError::Content { path: path.into(), expected: expected.into(), actual: actual.into() }
}

/// What became of a training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Losses, sizes and scores, by column; all finite.
    pub figures: BTreeMap<String, f64>,
    /// Grades of scores, by column.
    #[serde(default)]
    pub grades: BTreeMap<String, String>,
    /// What it took, on one machine: differs from run to run.
    pub seconds: f64,
    /// Why it is not judged though it was to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_judged: Option<String>,
}

/// How far a training is.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Nobody has begun.
    Waiting,
    /// It has a checkpoint, and nobody is at it.
    Begun,
    /// Somebody is at it.
    Running,
    /// It is done.
    Done(Outcome),
    /// It cannot be done.
    Failed(String),
}

#[derive(Serialize, Deserialize)]
struct Failure {
    error: String,
}

/// A sweep's folder.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    plan: Plan,
    trainings: Vec<Training>,
}

impl Folder {
    /// Whether there is a sweep in this folder.
    pub fn is_there(path: &Path) -> bool {
        path.join(PLAN).is_file()
    }

    /// Whether [`Self::create`] was interrupted in this folder: there is a list of trainings and no plan.
    pub fn is_half_made(path: &Path) -> bool {
        let list = path.join(TRAININGS);
        let first = File::open(&list).ok().and_then(|file| BufReader::new(file.take(MAX_RESULT_BYTES)).lines().next());
        let first = first.and_then(Result::ok).is_some_and(|line| serde_json::from_str::<Training>(&line).is_ok());
        first && !Self::is_there(path)
    }

    /// Makes the folder; `configure` writes what else belongs into that of each training.
    ///
    /// # Errors
    /// If something of it cannot be written.
    pub fn create(
        path: &Path,
        plan: Plan,
        configure: impl FnMut(&Self, &Training) -> Result<(), FolderError>,
    ) -> Result<Self, FolderError> {
        fs::create_dir_all(path).map_err(unwritable(path))?;
        let mut folder = Self { path: path.into(), plan, trainings: Vec::new() };
        folder.add(folder.plan.trainings(), configure)?;
        // Last: a folder with a plan is whole.
        let file = path.join(PLAN);
        write_whole(&file, written(&folder.plan).as_bytes()).map_err(unwritable(&file))?;
        Ok(folder)
    }

    /// Whether this is the sweep of a plan. The text is compared: numbers may not be read as they were written.
    ///
    /// # Errors
    /// If the folder's plan cannot be read.
    pub fn is_of(&self, plan: &Plan) -> Result<bool, FolderError> {
        let file = self.path.join(PLAN);
        let text = read_text(&file, MAX_PLAN_BYTES).map_err(unreadable(&file))?;
        Ok(text.is_some_and(|text| text == written(plan)))
    }

    /// Opens what [`Self::create`] has made.
    ///
    /// # Errors
    /// If there is no sweep, or its files were changed into something else.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let file = path.join(PLAN);
        if !file.is_file() {
            return Err(wrong(path, "the folder of a sweep, with its plan.json", "none"));
        }
        let text = read_text(&file, MAX_PLAN_BYTES).map_err(unreadable(&file))?;
        let text = text.ok_or_else(|| wrong(&file, "at most 16 MiB", "more"))?;
        let plan = Plan::read(&text).map_err(|problems| {
            let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
            wrong(&file, "the plan of a sweep", said.join("; "))
        })?;
        let trainings = read_list(&path.join(TRAININGS), &plan)?;
        Ok(Self { path: path.into(), plan, trainings })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The same, its path absolute.
    ///
    /// # Errors
    /// If there is no working folder.
    pub fn absolute(&self) -> Result<Self, FolderError> {
        let path = std::path::absolute(&self.path).map_err(unreadable(&self.path))?;
        Ok(Self { path, ..self.clone() })
    }

    /// The plan, its paths absolute.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// All trainings that are known yet, by number.
    pub fn trainings(&self) -> &[Training] {
        &self.trainings
    }

    /// The training of this number.
    pub fn training(&self, number: u32) -> Option<&Training> {
        self.trainings.get((number as usize).checked_sub(1)?)
    }

    /// The folder of a training, from that of the sweep.
    pub fn name_of(number: u32) -> String {
        format!("{number:04}")
    }

    /// The folder of a training.
    pub fn place(&self, number: u32) -> PathBuf {
        self.path.join(Self::name_of(number))
    }

    /// The model of a training.
    pub fn model(&self, number: u32) -> PathBuf {
        self.place(number).join("model.safetensors")
    }

    fn add(
        &mut self,
        new: Vec<Training>,
        mut configure: impl FnMut(&Self, &Training) -> Result<(), FolderError>,
    ) -> Result<(), FolderError> {
        // First, so that half a folder is known as one.
        let file = self.path.join(TRAININGS);
        let mut text = String::new();
        for training in self.trainings.iter().chain(&new) {
            text += &serde_json::to_string(training).map_err(|error| unwritable(&file)(error.into()))?;
            text.push('\n');
        }
        let write = || write_whole(&file, text.as_bytes()).map_err(unwritable(&file));
        let is_new = self.trainings.is_empty();
        if is_new {
            write()?;
        }
        for training in &new {
            let place = self.place(training.number);
            fs::create_dir_all(&place).map_err(unwritable(&place))?;
            configure(self, training)?;
        }
        // Of a rung last: whoever reads the list finds the configurations.
        if !is_new {
            write()?;
        }
        self.trainings.extend(new);
        Ok(())
    }

    /// How far a training is.
    ///
    /// # Errors
    /// If its result cannot be read.
    pub fn state(&self, number: u32) -> Result<State, FolderError> {
        let place = self.place(number);
        if let Some(outcome) = read_json::<Outcome>(&place.join(RESULT))? {
            return Ok(State::Done(outcome));
        }
        if let Some(failure) = read_json::<Failure>(&place.join(FAILED))? {
            return Ok(State::Failed(failure.error));
        }
        if is_locked(&place.join(CLAIM)) {
            return Ok(State::Running);
        }
        Ok(if place.join(CHECKPOINT).exists() { State::Begun } else { State::Waiting })
    }

    /// Whether a training has ended, well or not. Cheaper than [`Self::state`].
    pub fn has_ended(&self, number: u32) -> bool {
        let place = self.place(number);
        place.join(RESULT).exists() || place.join(FAILED).exists()
    }

    /// Whether whoever was at a training last was asked to end, and has done so in order.
    pub fn was_stopped(&self, number: u32) -> bool {
        self.place(number).join(STOPPED).exists()
    }

    /// Takes a training, unless it has ended or somebody else is at it.
    ///
    /// # Errors
    /// If its folder cannot be written.
    pub fn claim(&self, number: u32) -> Result<Option<Claim>, FolderError> {
        let place = self.place(number);
        let path = place.join(CLAIM);
        let file = File::create(&path).map_err(unwritable(&path))?;
        let mut trial = 1;
        loop {
            match file.try_lock() {
                // It may have ended since the caller has looked.
                Ok(()) if self.has_ended(number) => return Ok(None),
                Ok(()) => {
                    let _ = fs::remove_file(place.join(STOPPED));
                    return Ok(Some(Claim { place, _file: file }));
                }
                Err(TryLockError::WouldBlock) if trial < CLAIMS => sleep(CLAIM_PAUSE),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(source)) => return Err(FolderError::Io { path, action: "locked", source }),
            }
            trial += 1;
        }
    }

    /// Forgets that trainings have failed, so that they are tried once more. Returns how many.
    ///
    /// # Errors
    /// If a record cannot be removed.
    pub fn forgive(&self) -> Result<usize, FolderError> {
        let mut count = 0;
        for training in &self.trainings {
            let file = self.place(training.number).join(FAILED);
            match fs::remove_file(&file) {
                Ok(()) => count += 1,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(FolderError::Io { path: file, action: "removed", source }),
            }
        }
        Ok(count)
    }

    /// Adds the next rung of halving, once all trainings of the last have ended. Returns how many it has: none if there is no other.
    /// Of several programs that ask at once, one adds it, and the others are told of it.
    ///
    /// # Errors
    /// If the results cannot be read or the folder cannot be written.
    pub fn next_rung(
        &mut self,
        configure: impl FnMut(&Self, &Training) -> Result<(), FolderError>,
    ) -> Result<usize, FolderError> {
        let Some(halving) = self.plan.halving.clone() else { return Ok(0) };
        let path = self.path.join("rung.lock");
        let lock = File::create(&path).map_err(unwritable(&path))?;
        lock.lock().map_err(|source| FolderError::Io { path, action: "locked", source })?;
        let known = self.trainings.len();
        self.trainings = read_list(&self.path.join(TRAININGS), &self.plan)?;
        if self.trainings.len() > known {
            return Ok(self.trainings.len() - known);
        }
        let next = self.rung_after(&halving)?;
        let count = next.len();
        if count > 0 {
            self.add(next, configure)?;
        }
        Ok(count)
    }

    fn rung_after(&self, halving: &Halving) -> Result<Vec<Training>, FolderError> {
        let Some(last) = self.trainings.last() else { return Ok(Vec::new()) };
        if last.rung as usize + 1 >= halving.lengths.len() {
            return Ok(Vec::new());
        }
        let mut rung = Vec::new();
        let mut is_done = false;
        for training in self.trainings.iter().filter(|training| training.rung == last.rung) {
            let figure = match self.state(training.number)? {
                State::Done(outcome) => outcome.figures.get(&halving.by).copied(),
                State::Failed(_) => None,
                _ => return Ok(Vec::new()),
            };
            is_done |= matches!(self.state(training.number)?, State::Done(_));
            rung.push((training.clone(), figure));
        }
        if is_done && rung.iter().all(|(_, figure)| figure.is_none()) {
            return Err(FolderError::Content {
                path: self.path.clone(),
                expected: format!("trainings with a {}, which halving is to choose by", halving.by),
                actual: "none that has it".into(),
            });
        }
        Ok(halving.next(&rung, last.number + 1))
    }

    /// What asks all that train here, wherever they run, to save a checkpoint and end.
    pub fn stop(&self) -> Stop {
        Stop(self.path.join(STOP))
    }

    /// The same for the processes of one program alone, which this number tells from others.
    pub fn stop_of(&self, process: u32) -> Stop {
        Stop(self.path.join(format!("{STOP}-{process}")))
    }
}

/// A file that asks to stop by being there.
#[derive(Clone, Debug)]
pub struct Stop(PathBuf);

impl Stop {
    /// At this place.
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// The place.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Whether it is there.
    pub fn is_asked_for(&self) -> bool {
        self.0.exists()
    }

    /// Puts it there.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn ask(&self) -> Result<(), FolderError> {
        File::create(&self.0).map(drop).map_err(unwritable(&self.0))
    }

    /// Takes it away. Returns whether it was there.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn take_back(&self) -> Result<bool, FolderError> {
        match fs::remove_file(&self.0) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(FolderError::Io { path: self.0.clone(), action: "removed", source }),
        }
    }
}

/// How a training of a task ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Done {
    /// Well.
    Well(Outcome),
    /// It cannot be done: what the user is told.
    Failed(String),
    /// Not yet: whoever takes it next goes on.
    Stopped,
}

/// A training that nobody else takes while this lives. However its owner ends, it is free again.
#[derive(Debug)]
pub struct Claim {
    place: PathBuf,
    /// Locked; the system unlocks it.
    _file: File,
}

impl Claim {
    /// The training's folder.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// Leaves behind how it ended.
    ///
    /// # Errors
    /// If it cannot be written; the training is then free again.
    pub fn end(self, how: &Done) -> Result<(), FolderError> {
        let (name, text) = match how {
            Done::Well(outcome) => (RESULT, serde_json::to_string_pretty(outcome)),
            Done::Failed(error) => (FAILED, serde_json::to_string_pretty(&Failure { error: error.clone() })),
            Done::Stopped => {
                let file = self.place.join(STOPPED);
                return File::create(&file).map(drop).map_err(unwritable(&file));
            }
        };
        let file = self.place.join(name);
        let text = text.map_err(|error| unwritable(&file)(error.into()))?;
        write_whole(&file, format!("{text}\n").as_bytes()).map_err(unwritable(&file))
    }
}

/// A plan as it stands in its folder.
fn written(plan: &Plan) -> String {
    // A plan is plain data, and its numbers are finite.
    format!("{}\n", serde_json::to_string_pretty(plan).unwrap_or_default())
}

/// Whether somebody holds the lock of a file.
fn is_locked(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

fn read_json<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<Option<T>, FolderError> {
    let text = match read_text(path, MAX_RESULT_BYTES) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(unreadable(path))?,
    };
    let text = text.ok_or_else(|| wrong(path, "at most 1 MiB", "more"))?;
    let value = serde_json::from_str(&text);
    value.map(Some).map_err(|error| wrong(path, "what `sympathy sweep` has written there", json_mistake(&error)))
}

fn read_list(path: &Path, plan: &Plan) -> Result<Vec<Training>, FolderError> {
    let text = read_text(path, MAX_LIST_BYTES).map_err(unreadable(path))?;
    let text = text.ok_or_else(|| wrong(path, "at most 512 MiB", "more"))?;
    let rungs = plan.halving.as_ref().map_or(1, |halving| halving.lengths.len());
    let mut trainings: Vec<Training> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let place = |mistake: String| wrong(path, format!("a training in line {}", index + 1), mistake);
        let training: Training = serde_json::from_str(line).map_err(|error| place(json_mistake(&error)))?;
        if training.number as usize != index + 1 || training.rung as usize >= rungs {
            return Err(place(format!("number {}, rung {}", training.number, training.rung)));
        }
        trainings.push(training);
    }
    Ok(trainings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(more: &str) -> Plan {
        Plan::read(&format!(r#"{{"vary": {{"lr": [1, 2, 3, 4]}}{more}}}"#)).expect("a good plan")
    }

    fn outcome(loss: f64) -> Done {
        Done::Well(Outcome { figures: [("validation_loss".to_string(), loss)].into(), ..Outcome::default() })
    }

    #[test]
    fn a_training_is_taken_once_and_ends_once() {
        let home = tempfile::tempdir().expect("space");
        let folder = Folder::create(home.path(), plan(""), |_, _| Ok(())).expect("a folder");
        assert_eq!(folder.state(1).expect("a state"), State::Waiting);
        let claim = folder.claim(1).expect("a folder").expect("it is free");
        assert_eq!(folder.state(1).expect("a state"), State::Running);
        assert!(folder.claim(1).expect("a folder").is_none(), "somebody is at it");
        claim.end(&Done::Stopped).expect("space");
        assert!(folder.was_stopped(1));
        drop(folder.claim(1).expect("a folder").expect("it is free"));
        assert!(!folder.was_stopped(1), "whoever had it has died");
        fs::write(folder.place(1).join(CHECKPOINT), "").expect("space");
        assert_eq!(folder.state(1).expect("a state"), State::Begun);
        let claim = folder.claim(1).expect("a folder").expect("whoever had it has gone");
        claim.end(&outcome(0.5)).expect("space");
        assert!(matches!(folder.state(1).expect("a state"), State::Done(_)));
        assert!(folder.claim(1).expect("a folder").is_none(), "it has ended");
        folder.claim(2).expect("a folder").expect("free").end(&Done::Failed("no".into())).expect("space");
        assert_eq!(folder.state(2).expect("a state"), State::Failed("no".into()));
        assert!(folder.claim(2).expect("a folder").is_none());
        assert_eq!(folder.forgive().expect("a folder"), 1);
        assert!(folder.claim(2).expect("a folder").is_some());
        assert_eq!(Folder::open(home.path()).expect("the same").trainings(), folder.trainings());
    }

    #[test]
    fn a_rung_follows_when_the_last_has_ended_and_is_added_once() {
        let home = tempfile::tempdir().expect("space");
        let halving = r#", "halving": {"lengths": [1, 2]}"#;
        let mut folder = Folder::create(home.path(), plan(halving), |_, _| Ok(())).expect("a folder");
        let mut other = folder.clone();
        for (number, loss) in [(1, 0.4), (2, 0.1), (3, 0.3)] {
            folder.claim(number).expect("a folder").expect("free").end(&outcome(loss)).expect("space");
        }
        assert_eq!(folder.next_rung(|_, _| Ok(())).expect("a folder"), 0, "one has not ended");
        folder.claim(4).expect("a folder").expect("free").end(&Done::Failed("no".into())).expect("space");
        assert_eq!(folder.next_rung(|_, _| Ok(())).expect("a folder"), 2);
        assert_eq!(other.next_rung(|_, _| Ok(())).expect("a folder"), 2, "told of what the other has added");
        let parents = |folder: &Folder| folder.trainings()[4..].iter().map(|t| t.parent).collect::<Vec<_>>();
        assert_eq!(parents(&folder), [Some(2), Some(3)]);
        assert_eq!(parents(&other), parents(&folder));
        for number in [5, 6] {
            folder.claim(number).expect("a folder").expect("free").end(&outcome(0.1)).expect("space");
        }
        assert_eq!(folder.next_rung(|_, _| Ok(())).expect("a folder"), 0, "there is no third");
    }

    #[test]
    fn a_rung_that_nothing_can_be_chosen_by_is_an_error() {
        let home = tempfile::tempdir().expect("space");
        let halving = r#", "halving": {"lengths": [1, 2], "by": "listening"}"#;
        let mut folder = Folder::create(home.path(), plan(halving), |_, _| Ok(())).expect("a folder");
        for number in 1..=4 {
            folder.claim(number).expect("a folder").expect("free").end(&outcome(0.5)).expect("space");
        }
        let error = folder.next_rung(|_, _| Ok(())).expect_err("no figure").to_string();
        assert!(error.contains("expected trainings with a listening"), "{error}");
    }

    #[test]
    fn half_a_folder_is_known_as_one_and_other_folders_are_not() {
        let home = tempfile::tempdir().expect("space");
        let no_space = |folder: &Folder, training: &Training| match training.number {
            3 => Err(wrong(folder.path(), "space", "none")),
            _ => Ok(()),
        };
        assert!(Folder::create(home.path(), plan(""), no_space).is_err());
        assert!(Folder::is_half_made(home.path()) && !Folder::is_there(home.path()));
        Folder::create(home.path(), plan(""), |_, _| Ok(())).expect("the rest");
        assert!(!Folder::is_half_made(home.path()) && Folder::is_there(home.path()));
        let other = tempfile::tempdir().expect("space");
        fs::write(other.path().join(TRAININGS), "monday: scales\n").expect("space");
        assert!(!Folder::is_half_made(other.path()), "somebody else's");
    }

    #[test]
    fn the_same_plan_is_the_same_whatever_its_numbers() {
        let home = tempfile::tempdir().expect("space");
        // Read and written once more, such numbers may differ in their last bit.
        let numbers: Vec<String> = (1..200).map(|n| format!("{:e}", f64::from(n) * 1.234_567_890_123_4e-7)).collect();
        let text = format!(r#"{{"vary": {{"lr": [{}]}}}}"#, numbers.join(", "));
        let plan = || Plan::read(&text).expect("a plan");
        Folder::create(home.path(), plan(), |_, _| Ok(())).expect("a folder");
        let folder = Folder::open(home.path()).expect("the folder");
        assert!(folder.is_of(&plan()).expect("a plan"));
        assert!(!folder.is_of(&Plan { repeats: 2, ..plan() }).expect("a plan"));
    }

    #[test]
    fn what_was_changed_into_something_else_is_told() {
        let home = tempfile::tempdir().expect("space");
        let folder = Folder::create(home.path(), plan(""), |_, _| Ok(())).expect("a folder");
        fs::write(folder.place(1).join(RESULT), "[]").expect("space");
        let error = folder.state(1).expect_err("no result").to_string();
        assert!(error.contains("result.json: expected"), "{error}");
        for hostile in ["{}", r#"{"number": 2, "case": null, "values": {}, "repeat": 0, "rung": 0, "parent": null}"#] {
            fs::write(home.path().join(TRAININGS), hostile).expect("space");
            let error = Folder::open(home.path()).expect_err("no list").to_string();
            assert!(error.contains("a training in line 1"), "{error}");
        }
        fs::write(home.path().join(PLAN), "{\"vary\": 3}").expect("space");
        assert!(Folder::open(home.path()).expect_err("no plan").to_string().contains("vary: expected"));
        assert!(Folder::open(&home.path().join("nowhere")).is_err());
    }
}
