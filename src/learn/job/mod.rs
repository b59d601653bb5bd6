//! A lesson beside what else a program does: from a take to a model file, on a thread of its own, one at a time for an instance.
//!
//! **Nothing is lost.** Before the first step the take, the model and the plan are written to a file, which the process locks; every
//! ten seconds, when it is cancelled and when the instance goes, the study is saved beside it. Both are whole or not there. So a lesson
//! that was interrupted, be it by a crash, is found by any later instance, goes on where it was saved, and ends with the same
//! weights.
//!
//! [`Lessons`] is what an instance has; whose models it teaches stands behind [`Models`].

mod claim;
mod draft;
mod error;
mod lesson;
mod status;
#[cfg(test)]
mod tests;

pub use claim::Unfinished;
pub use draft::Draft;
pub use error::LessonError;
pub use status::{State, Status};

use super::{
    board::Kept,
    study::{Depth, Plan},
};
use lesson::Order;
use status::Shown;
use std::{
    fmt::Debug,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// No take that is learnt from beside playing is longer.
pub const MAX_TAKE_SECONDS: f64 = 120.0;
/// How often a study is saved, and heard anew.
const SAVE_EVERY: Duration = Duration::from_secs(10);
/// How often the folder of those that are unfinished is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The models of an instance, as lessons need them. Called on the lesson's thread; errors are sentences for people.
pub trait Models: Debug + Send + Sync {
    /// The file of the model in a slot, and the short name of the model.
    ///
    /// # Errors
    /// Why there is none.
    fn file(&self, slot: u8) -> Result<(String, Vec<u8>), String>;
    /// Lets a model that is still learning be heard under this name, always in the same slot. Returns the slot.
    ///
    /// # Errors
    /// Why it cannot be heard.
    fn put(&self, name: &str, bytes: Vec<u8>) -> Result<u8, String>;
    /// Gives the finished model's file to a slot: to that of [`Self::put`], or to a free one. Returns the slot.
    ///
    /// # Errors
    /// Why there is no slot for it.
    fn place(&self, name: &str, path: &Path) -> Result<u8, String>;
}

/// Where lessons leave what they make.
#[derive(Clone, Debug, Default)]
pub struct Folders {
    /// Of lessons that are not finished.
    pub unfinished: Option<PathBuf>,
    /// Of the user's models.
    pub models: Option<PathBuf>,
}

/// What there is to learn from.
#[derive(Clone, Debug, PartialEq)]
pub struct Take {
    /// `[sample]`
    pub mono: Vec<f32>,
    /// The rate at which it was recorded.
    pub sample_rate_hz: u32,
    /// Slot of the model to begin with.
    pub slot: u8,
    /// When it was played, as it stands in names: `2026-11-27 21.14`.
    pub date: String,
    /// Seconds of it that were lost, and are silence.
    pub lost_seconds: f32,
}

/// What the lesson's thread shares with the others.
#[derive(Debug)]
struct Shared {
    models: Arc<dyn Models>,
    folders: Folders,
    save_every: Duration,
    shown: Shown,
    /// The lesson is to be saved and left.
    stop: AtomicBool,
    /// What it has learnt so far is to be heard.
    listen: AtomicBool,
}

/// The lessons of an instance. Not for the audio thread.
#[derive(Debug)]
pub struct Lessons {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    unfinished: Mutex<(Option<Instant>, Vec<Unfinished>)>,
}

impl Lessons {
    /// None yet; looks for those that are unfinished.
    pub fn new(models: Arc<dyn Models>, folders: Folders) -> Self {
        Self::saving_every(SAVE_EVERY, models, folders)
    }

    /// As [`Self::new`]; studies are saved that often.
    pub fn saving_every(save_every: Duration, models: Arc<dyn Models>, folders: Folders) -> Self {
        let shared = Shared {
            models,
            folders,
            save_every,
            shown: Shown::default(),
            stop: AtomicBool::new(false),
            listen: AtomicBool::new(false),
        };
        let lessons = Self { shared: Arc::new(shared), thread: Mutex::default(), unfinished: Mutex::default() };
        lessons.look();
        lessons
    }

    /// Begins to learn from a take, at the measured depth. Returns the number of the lesson; none if another goes on, which is said.
    pub fn begin(&self, take: Take) -> Option<u64> {
        self.begin_with(take, Plan::new(Depth::Normal, 0))
    }

    /// As [`Self::begin`], by a plan.
    pub fn begin_with(&self, take: Take, plan: Plan) -> Option<u64> {
        self.start(Order::New(take, plan))
    }

    /// Goes on with one that is unfinished. Returns as [`Self::begin`].
    pub fn resume(&self, id: &str) -> Option<u64> {
        self.start(Order::Resume(id.into()))
    }

    /// Forgets one that is unfinished, take and all, unless another instance is at it.
    pub fn discard(&self, id: &str) {
        if let Some(folder) = &self.shared.folders.unfinished
            && let Err(error) = claim::Claim::of(folder, id).and_then(claim::Claim::remove)
        {
            self.shared.shown.note(error.to_string());
        }
        self.look_again();
    }

    fn start(&self, order: Order) -> Option<u64> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if self.shared.shown.is_busy() {
            self.shared.shown.note("one lesson at a time: cancel this one, or wait for its end".into());
            return None;
        }
        if let Some(ended) = thread.take() {
            // It has said its last word; a panic there was reported by its hook.
            let _ = ended.join();
        }
        self.shared.stop.store(false, Ordering::Release);
        self.shared.listen.store(false, Ordering::Release);
        let number = self.shared.shown.begin();
        let shared = Arc::clone(&self.shared);
        match std::thread::Builder::new().name("sympathy-lesson".into()).spawn(move || lesson::run(&shared, order)) {
            Ok(handle) => *thread = Some(handle),
            Err(error) => self.shared.shown.end(State::Failed(LessonError::NoThread(error).to_string())),
        }
        Some(number)
    }

    /// Makes a model of what was learnt while it played, or says that nothing was, in a file and a slot of its own; how that ended is said. A lesson that goes on goes
    /// on. Takes some tenths of a second.
    pub fn keep(&self, kept: Option<&Kept>) {
        let shown = &self.shared.shown;
        let is_busy = shown.is_busy();
        if !is_busy {
            shown.begin();
        }
        let stored = match kept {
            Some(kept) => catch_unwind(AssertUnwindSafe(|| lesson::keep(&self.shared, kept)))
                .unwrap_or_else(|_| Err("making a model of it ended unexpectedly".into())),
            None => Err("nothing has been learnt while it played; switch Learn on and play".into()),
        };
        match (stored, is_busy) {
            (Ok(slot), false) => shown.end(State::Stored { slot }),
            (Err(why), false) => shown.end(State::Failed(why)),
            (Ok(slot), true) => shown.note(format!("what was learnt while it played is stored in slot {slot}")),
            (Err(why), true) => shown.note(format!("what was learnt while it played is not kept: {why}")),
        }
    }

    /// Leaves the lesson that goes on; what it has learnt is kept as unfinished.
    pub fn cancel(&self) {
        self.shared.stop.store(true, Ordering::Release);
    }

    /// Lets what was learnt so far be heard in a slot, from now on and until the end, or leaves that slot as it is.
    pub fn listen(&self, on: bool) {
        self.shared.listen.store(on, Ordering::Release);
    }

    /// Whether what was learnt so far is to be heard.
    pub fn is_listened_to(&self) -> bool {
        self.shared.listen.load(Ordering::Acquire)
    }

    /// Says why nothing is learnt of what was asked for; a lesson that goes on goes on.
    pub fn refuse(&self, why: &str) {
        self.shared.shown.refuse(why.into());
    }

    /// Shows that a take is being recorded that is so long, or that none is.
    pub fn set_recording(&self, seconds: Option<f32>) {
        self.shared.shown.set_recording(seconds);
    }

    /// How it stands.
    pub fn status(&self) -> Status {
        self.shared.shown.get()
    }

    /// Changes with every change of [`Self::status`] but those that only tell how far it is.
    pub fn generation(&self) -> u64 {
        self.shared.shown.generation()
    }

    /// How it stands, in words: as in "learning 41 %, 52 s left".
    pub fn text(&self) -> String {
        let status = self.status();
        match (&status.state, self.lock_unfinished().1.first()) {
            (State::Ready, Some(first)) if status.recording.is_none() => status.with_note(first.text()),
            _ => status.text(),
        }
    }

    /// Those that are unfinished and that nobody is at, the latest first, as they were when [`Self::look`] last looked.
    pub fn unfinished(&self) -> Vec<Unfinished> {
        self.lock_unfinished().1.clone()
    }

    /// Looks at the folder of those that are unfinished, if the last look was some seconds ago or a lesson has ended since.
    pub fn look(&self) {
        let mut held = self.lock_unfinished();
        let was_looked = self.shared.shown.take_ended();
        if was_looked || held.0.is_none_or(|at| at.elapsed() >= LOOK_EVERY) {
            let found = self.shared.folders.unfinished.as_deref().map(claim::unfinished).unwrap_or_default();
            *held = (Some(Instant::now()), found);
        }
    }

    fn look_again(&self) {
        self.lock_unfinished().0 = None;
        self.look();
    }

    fn lock_unfinished(&self) -> MutexGuard<'_, (Option<Instant>, Vec<Unfinished>)> {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lessons {
    fn drop(&mut self) {
        self.cancel();
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // Joined, so that no code of the plugin runs when the host unloads it.
            let _ = thread.join();
        }
    }
}
