//! Lessons that are not finished, as files: `NAME.lesson` says what is to be learnt, is written once and locked by whoever is at it;
//! `NAME.steps` beside it is the study as it was last saved. A name is never used again.

use super::{
    draft::{Draft, MAX_BYTES},
    error::LessonError,
    status::percent,
};
use crate::{
    learn::{SAVED_START, Study},
    whole_file::{PartFile, write_whole},
};
use std::{
    fs::{self, File, TryLockError},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const LESSON: &str = "lesson";
const STEPS: &str = "steps";
/// What is being written.
const PART: &str = "part";
/// No writing takes so long.
const LEFT_AFTER: Duration = Duration::from_secs(3600);
/// Parts the name of the model from what makes the name of the file its own.
const APART: &str = " ~";
/// Files of the folder that are looked at.
const MAX_FILES: usize = 1000;
/// No saved study of a model is larger: four numbers for each that a model of the largest file could have.
const MAX_STEPS_BYTES: u64 = 4 * crate::model::MAX_FILE_BYTES;
/// Those who look whether a lesson is held hold it for a moment.
const PATIENCE: Duration = Duration::from_millis(20);
const TRIES: u32 = 5;

/// A lesson that nobody is at.
#[derive(Clone, Debug, PartialEq)]
pub struct Unfinished {
    /// The name of its file, without the end.
    pub id: String,
    /// Name of the model that it would make.
    pub name: String,
    /// The part that is done, 0…1.
    pub part: f32,
}

impl Unfinished {
    /// As in "unfinished 62 %".
    pub fn text(&self) -> String {
        format!("unfinished {}", percent(self.part))
    }
}

/// Those of a folder that nobody is at, the latest first.
pub(super) fn unfinished(folder: &Path) -> Vec<Unfinished> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<(SystemTime, Unfinished)> = Vec::new();
    for entry in entries.flatten().take(MAX_FILES) {
        let path = entry.path();
        if path.extension().is_some_and(|end| end == PART) {
            remove_if_left(&path);
            continue;
        }
        let is_lesson = path.extension().is_some_and(|end| end == LESSON);
        let Some(id) = path.file_stem().and_then(|stem| stem.to_str()).filter(|_| is_lesson) else { continue };
        let Ok(changed) = entry.metadata().and_then(|metadata| metadata.modified()) else { continue };
        // Shared: two who look do not keep each other from seeing it.
        let is_free = File::open(&path).is_ok_and(|file| file.try_lock_shared().is_ok());
        if is_free {
            let name = id.rsplit_once(APART).map_or(id, |(name, _)| name).to_owned();
            let part = saved_part(&folder.join(format!("{id}.{STEPS}")));
            found.push((changed, Unfinished { id: id.into(), name, part }));
        }
    }
    found.sort_by(|a, b| (b.0, &b.1.id).cmp(&(a.0, &a.1.id)));
    found.into_iter().map(|(_, lesson)| lesson).collect()
}

/// Removes what a process that was killed was writing.
fn remove_if_left(path: &Path) {
    let changed = fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    if changed.and_then(|changed| changed.elapsed().ok()).is_some_and(|age| age > LEFT_AFTER) {
        let _ = fs::remove_file(path);
    }
}

fn saved_part(path: &Path) -> f32 {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(SAVED_START as u64).read_to_end(&mut start));
    let steps = read.ok().and_then(|_| Study::saved_steps(&start));
    steps.map_or(0.0, |[done, all]| done as f32 / all.max(1) as f32)
}

/// A lesson that this instance is at. It is let go when this goes.
#[derive(Debug)]
pub(super) struct Claim {
    file: File,
    lesson: PathBuf,
    steps: PathBuf,
}

impl Claim {
    /// Writes a new one.
    pub fn new(folder: &Path, draft: &Draft) -> Result<Self, LessonError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        fs::create_dir_all(folder).map_err(LessonError::io(folder, "made"))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}{APART}{now:x}-{:x}-{count:x}", draft.name, process::id());
        let [lesson, steps] = [LESSON, STEPS].map(|end| folder.join(format!("{id}.{end}")));
        let written = || {
            let part = PartFile::beside(&lesson);
            let mut file = File::options().read(true).write(true).create_new(true).open(part.path())?;
            // Before it has its name: nobody else can be at it. Where a system knows no locks, it is ours all the same.
            let _ = file.try_lock();
            file.write_all(&draft.to_bytes())?;
            file.sync_all()?;
            part.keep_as(&lesson)?;
            Ok(file)
        };
        let file = written().map_err(LessonError::io(folder, "written"))?;
        Ok(Self { file, lesson, steps })
    }

    /// Takes one that nobody is at.
    pub fn of(folder: &Path, id: &str) -> Result<Self, LessonError> {
        // An id is a name that was found in the folder: no path.
        if Path::new(id).file_name().is_none_or(|name| name != id) {
            return Err(LessonError::Elsewhere);
        }
        let [lesson, steps] = [LESSON, STEPS].map(|end| folder.join(format!("{id}.{end}")));
        let open = File::options().read(true).write(true).open(&lesson);
        let file = open.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => LessonError::Elsewhere,
            _ => LessonError::io(&lesson, "read")(error),
        })?;
        for _ in 0..TRIES {
            match file.try_lock() {
                // Whoever had it before may have ended it meanwhile.
                Ok(()) if lesson.exists() => return Ok(Self { file, lesson, steps }),
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => std::thread::sleep(PATIENCE),
                Err(TryLockError::Error(error)) => return Err(LessonError::io(&lesson, "locked")(error)),
            }
        }
        Err(LessonError::Elsewhere)
    }

    /// What is to be learnt.
    pub fn draft(&mut self) -> Result<Draft, LessonError> {
        let bytes = bounded(&mut self.file, MAX_BYTES).map_err(LessonError::io(&self.lesson, "read"))?;
        Draft::from_bytes(&bytes).map_err(LessonError::Study)
    }

    /// The study as it was last saved, if it was.
    pub fn steps(&self) -> Option<Vec<u8>> {
        bounded(&mut File::open(&self.steps).ok()?, MAX_STEPS_BYTES).ok()
    }

    /// The part of it that is saved, 0…1.
    pub fn part(&self) -> f32 {
        saved_part(&self.steps)
    }

    /// Saves the study.
    pub fn save(&self, study: &Study<'_>) -> Result<(), LessonError> {
        write_whole(&self.steps, &study.save()).map_err(LessonError::io(&self.steps, "written"))
    }

    /// It is done, or not wanted.
    pub fn remove(self) -> Result<(), LessonError> {
        // The lesson first: without it the steps are nothing, and nobody finds half of it.
        fs::remove_file(&self.lesson).map_err(LessonError::io(&self.lesson, "removed"))?;
        let mut start = self.lesson.file_stem().unwrap_or_default().to_owned();
        start.push(".");
        // The steps, and what a process that was killed has left half written.
        let entries = self.lesson.parent().and_then(|folder| fs::read_dir(folder).ok());
        for entry in entries.into_iter().flatten().flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(start.as_encoded_bytes()) {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }
}

/// A whole file, unless it is larger.
fn bounded(file: &mut File, most: u64) -> std::io::Result<Vec<u8>> {
    let size = file.metadata()?.len();
    if size > most {
        return Err(std::io::Error::other(format!("expected at most {most} bytes, found {size}")));
    }
    file.rewind()?;
    let mut bytes = Vec::with_capacity(size as usize);
    file.take(size).read_to_end(&mut bytes)?;
    Ok(bytes)
}
