//! How a lesson stands, for display.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

/// What a lesson does, or what became of the last.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum State {
    /// There was none.
    #[default]
    Ready,
    /// It writes the take and hears it as the model does.
    Preparing,
    /// It makes steps.
    Learning {
        /// The part that is done, 0…1.
        part: f32,
        /// Seconds until the end at its present pace, once there is one.
        seconds_left: Option<f32>,
        /// Where what was learnt so far is heard.
        slot: Option<u8>,
    },
    /// The model is in this slot.
    Stored {
        /// One of the user's.
        slot: u8,
    },
    /// It was left, and is kept as unfinished.
    Cancelled {
        /// The part that was done, 0…1.
        part: f32,
    },
    /// Why there is no model.
    Failed(String),
}

/// How it stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// What the lesson does.
    pub state: State,
    /// Seconds of the take that is being recorded.
    pub recording: Option<f32>,
    /// What else there is to say.
    pub note: Option<String>,
    /// Lessons that were begun.
    pub number: u64,
}

/// A part, 0…1, as text.
pub(super) fn percent(part: f32) -> String {
    format!("{:.0} %", (100.0 * part).floor())
}

impl Status {
    /// In words.
    pub fn text(&self) -> String {
        let text = match (&self.state, self.recording) {
            (_, Some(seconds)) => format!("recording {seconds:.0} s"),
            (State::Ready, _) => "ready".into(),
            (State::Preparing, _) => "preparing".into(),
            (State::Learning { part, seconds_left: Some(seconds), .. }, _) => {
                format!("learning {}, {seconds:.0} s left", percent(*part))
            }
            (State::Learning { part, .. }, _) => format!("learning {}", percent(*part)),
            (State::Stored { slot }, _) => format!("stored in slot {slot}"),
            (State::Cancelled { part }, _) => format!("cancelled at {}", percent(*part)),
            (State::Failed(reason), _) => format!("failed: {reason}"),
        };
        self.with_note(text)
    }

    /// The text with what else there is to say.
    pub(super) fn with_note(&self, text: String) -> String {
        match &self.note {
            Some(note) => format!("{text} ({note})"),
            None => text,
        }
    }

    /// Whether a lesson goes on.
    pub fn is_busy(&self) -> bool {
        matches!(self.state, State::Preparing | State::Learning { .. })
    }
}

/// The status, written by the lesson and by those who ask for one.
#[derive(Debug, Default)]
pub(super) struct Shown {
    status: Mutex<Status>,
    generation: AtomicU64,
    /// A lesson has ended since somebody asked.
    ended: std::sync::atomic::AtomicBool,
}

impl Shown {
    pub fn get(&self) -> Status {
        self.lock().clone()
    }

    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub fn is_busy(&self) -> bool {
        self.lock().is_busy()
    }

    /// Whether a lesson has ended since the last call.
    pub fn take_ended(&self) -> bool {
        self.ended.swap(false, Ordering::AcqRel)
    }

    /// A lesson begins. Returns its number.
    pub fn begin(&self) -> u64 {
        self.change(|status| {
            (status.state, status.note) = (State::Preparing, None);
            status.number += 1;
            status.number
        })
    }

    /// It has made a step.
    pub fn learning(&self, part: f32, seconds_left: Option<f32>, slot: Option<u8>) {
        let mut status = self.lock();
        let is_new = !matches!(&status.state, State::Learning { slot: before, .. } if *before == slot);
        status.state = State::Learning { part, seconds_left, slot };
        drop(status);
        if is_new {
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// It has ended so.
    pub fn end(&self, state: State) {
        self.change(|status| status.state = state);
        self.ended.store(true, Ordering::Release);
    }

    /// There is something to say beside.
    pub fn note(&self, note: String) {
        self.change(|status| status.note = Some(note));
    }

    /// Nothing is learnt of what was asked for.
    pub fn refuse(&self, why: String) {
        self.change(|status| match status.is_busy() {
            true => status.note = Some(why),
            false => (status.state, status.note) = (State::Failed(why), None),
        });
    }

    pub fn set_recording(&self, seconds: Option<f32>) {
        let mut status = self.lock();
        let is_new = status.recording.is_some() != seconds.is_some();
        status.recording = seconds;
        drop(status);
        if is_new {
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    fn change<R>(&self, change: impl FnOnce(&mut Status) -> R) -> R {
        let changed = change(&mut self.lock());
        self.generation.fetch_add(1, Ordering::Release);
        changed
    }

    fn lock(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
