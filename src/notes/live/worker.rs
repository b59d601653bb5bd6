//! The worker of notes: loads the model that is chosen, hears every column, and while something plays tells how likely each key is in the
//! next.

use super::{
    link::{Column, WorkerEnd},
    models::{NoteModel, NoteModels},
    player::Player,
    scope::MAX_BROUGHT,
    stored::{CodePath, StoredCodes},
};
use crate::{
    dsp::float_mode::in_float_mode,
    worker::{Readiness, SlotModel, WorkerThread},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// Longest sleep between two looks for a column while something plays, and while nothing does; and these parts of the reaction time.
const SLEEP_PLAYING: (Duration, u32) = (Duration::from_millis(1), 20);
const SLEEP_IDLE: (Duration, u32) = (Duration::from_millis(10), 4);

/// Hears columns in their order.
#[derive(Debug)]
pub struct NoteWorker {
    link: WorkerEnd,
    models: Arc<NoteModels>,
    stored: Arc<StoredCodes>,
    /// What is stored, and since which change of it.
    path: (CodePath, Option<u64>),
    /// A phrase that was brought.
    brought: Vec<[u128; 2]>,
    /// Of the models inside the binary, and of the one that was chosen last.
    players: Vec<(u8, Player)>,
    /// The slot whose model was last seen to, and how the slots were then.
    seen: Option<(u8, Readiness, u64)>,
    /// Of the last column.
    epoch: u32,
    slot: u8,
    plays: bool,
    /// How long it sleeps while something plays, and while nothing does.
    sleeps: [Duration; 2],
    /// Artificial delay per column, for tests of lateness.
    delay: Duration,
    /// Columns until an artificial panic, for tests of faults.
    panics_after: Option<u32>,
}

impl NoteWorker {
    /// Loads the models inside the binary, and that of the wanted slot.
    pub(super) fn new(link: WorkerEnd, models: &Arc<NoteModels>, stored: Arc<StoredCodes>, reaction: Duration) -> Self {
        let mut worker = Self {
            link,
            models: Arc::clone(models),
            stored,
            path: (CodePath::default(), None),
            brought: Vec::with_capacity(MAX_BROUGHT),
            players: Vec::new(),
            seen: None,
            epoch: 0,
            slot: 0,
            plays: false,
            sleeps: [SLEEP_PLAYING, SLEEP_IDLE].map(|(longest, part)| longest.min(reaction / part)),
            delay: Duration::ZERO,
            panics_after: None,
        };
        let inside = NoteModel::embedded().iter().map(|model| model.slot);
        for slot in inside.chain([worker.link.wanted()]) {
            // Why there is none is in the slot's label.
            let _ = models.load(slot);
            worker.take(slot);
        }
        worker
    }

    /// Sees to it that the wanted model is loaded, on a thread of its own: the one that plays has to be answered meanwhile, and who stops this
    /// thread waits for it. Does nothing where all is as it was.
    fn prepare(&mut self) {
        let wanted = self.link.wanted();
        let found = || Some((wanted, self.models.readiness(wanted), self.models.generation()));
        if self.seen == found() {
            return;
        }
        self.seen = found();
        if !self.models.readiness(wanted).is_settled() {
            self.models.load_in_background(wanted);
        }
        self.take(wanted);
    }

    /// Takes a slot's model as it is now, if it is loaded.
    fn take(&mut self, slot: u8) {
        let Some(model) = self.models.get(slot) else { return };
        if self.players.iter().any(|(place, player)| *place == slot && Arc::ptr_eq(&player.model, &model)) {
            return;
        }
        let is_inside = |slot| NoteModel::embedded().iter().any(|model| model.slot == slot);
        self.players.retain(|&(place, _)| place != slot && is_inside(place));
        self.players.push((slot, Player::new(model)));
    }

    /// Delays every column by this much, to simulate a slow machine.
    pub fn slow_down(&mut self, per_column: Duration) {
        self.delay = per_column;
    }

    /// Panics after so many columns, to simulate a fault.
    pub fn panic_after(&mut self, columns: u32) {
        self.panics_after = Some(columns);
    }

    /// Hears the next column, if one is waiting and its answer has room. Returns whether it did. Does not allocate, but where the model
    /// is another one.
    pub fn run_once(&mut self) -> bool {
        self.prepare();
        if self.link.to_audio.is_full() {
            return false;
        }
        let Ok(column) = self.link.from_audio.pop() else {
            return false;
        };
        if !self.delay.is_zero() {
            std::thread::sleep(self.delay);
        }
        if !column.hears || self.link.shared.is_stale(column.epoch) {
            // Nobody waits for it, and what follows begins anew.
            self.serve(&column);
            return true;
        }
        if let Some(left) = self.panics_after {
            assert!(left > 0, "the artificial panic of a test");
            self.panics_after = Some(left - 1);
        }
        let is_new = self.epoch != column.epoch || self.slot != column.slot;
        (self.epoch, self.slot, self.plays) = (column.epoch, column.slot, column.speaks);
        if is_new {
            self.take(column.slot);
        }
        self.look_at_codes(column.clears);
        let Some((_, player)) = self.players.iter_mut().find(|(slot, _)| *slot == column.slot) else {
            return true;
        };
        if column.brings {
            self.link.scope.copy_brought(&mut self.brought);
        }
        let (odds, stored) = in_float_mode(|| {
            if is_new {
                player.reset();
            }
            if column.brings {
                player.bring(&self.brought);
            }
            let odds = player.answer(&column, &self.path.0);
            let stored = column.stores.then(|| player.stored_code(&column, &self.path.0)).flatten();
            (odds, stored)
        });
        self.link.scope.put_code(column.slot, player.code());
        if let Some(code) = stored {
            self.stored.push(code);
        }
        // There is room: this side is the only producer, and it looked.
        odds.is_none_or(|odds| self.link.to_audio.push(odds).is_ok())
    }

    /// Does what a column asks for that is not heard, after what was heard last.
    fn serve(&mut self, column: &Column) {
        self.look_at_codes(column.clears);
        let player = self.players.iter_mut().find(|(slot, _)| *slot == column.slot);
        if let Some((_, player)) = player.filter(|_| column.stores)
            && let Some(code) = in_float_mode(|| player.stored_code(column, &self.path.0))
        {
            self.stored.push(code);
        }
    }

    /// Takes over what is stored; `clears`: forgets it first.
    fn look_at_codes(&mut self, clears: bool) {
        if clears {
            self.stored.set(CodePath::default());
        }
        let generation = self.stored.generation();
        if self.path.1 != Some(generation) {
            self.path = (self.stored.get(), Some(generation));
        }
    }

    /// Runs in a thread of its own until the handle is dropped.
    pub fn spawn(mut self) -> WorkerThread {
        let shared = Arc::clone(&self.link.shared);
        WorkerThread::start("sympathy-notes", shared, move || {
            while !self.link.shared.stop.load(Ordering::Acquire) {
                // What a panic leaves behind is thrown away.
                if catch_unwind(AssertUnwindSafe(|| self.run_until_stopped())).is_err() {
                    self.recover();
                }
            }
        })
    }

    fn run_until_stopped(&mut self) {
        while !self.link.shared.stop.load(Ordering::Acquire) {
            if !self.run_once() {
                // The audio thread never wakes a live worker, so the worker has to look.
                std::thread::park_timeout(self.sleeps[usize::from(!self.plays)]);
            }
        }
    }

    /// After a panic: nothing more comes in this epoch; with the next one everything begins anew.
    fn recover(&mut self) {
        let shared = Arc::clone(&self.link.shared);
        shared.mark_failed(self.epoch);
        self.panics_after = None;
        self.players.iter_mut().for_each(|(_, player)| player.reset());
        loop {
            while self.link.from_audio.peek().is_ok_and(|column| column.epoch == self.epoch) {
                let _ = self.link.from_audio.pop();
            }
            if !shared.is_dead() || shared.stop.load(Ordering::Acquire) {
                break;
            }
            std::thread::park_timeout(self.sleeps[1]);
        }
        shared.mark_alive();
    }
}
