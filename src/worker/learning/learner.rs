//! The thread that learns: a function of the messages of the worker, and of nothing else.

use super::{
    ear::{Ear, Heard},
    message::{Answer, Cell, Message},
};
use crate::{
    approach::{FrameLayers, Network},
    control::ParamId,
    dsp::{float_mode::FloatMode, random::Random},
    engine::{GRID_SAMPLES, RenderMode},
    learn::{Concurrent, Kept, LearnBoard, LearnReport, LearnState, Losses, Outcome, Pace, step_back},
    worker::models::registry::ModelRegistry,
};
use rtrb::{Consumer, Producer};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// What learns, and of which model.
struct Subject {
    network: Arc<Network>,
    slot: u8,
    /// None where the model does not listen, or could not be read.
    model: Option<(Concurrent, Ear)>,
    /// Of the last update, before and after.
    losses: Option<[Losses; 2]>,
    updates: u64,
}

/// Owns the weights that move.
pub(super) struct Learner {
    host_hz: u32,
    mode: RenderMode,
    registry: Arc<ModelRegistry>,
    board: Arc<LearnBoard>,
    pub(super) from_worker: Consumer<Message>,
    to_worker: Producer<Answer>,
    /// Layers that are heard no more, to be freed here.
    spent: Consumer<Box<FrameLayers>>,
    stop: Arc<AtomicBool>,
    generation: u32,
    subject: Option<Subject>,
    /// The quantum that follows the last one heard.
    next_index: Option<i64>,
    /// So many quanta that wait are too many, live.
    most_waiting: usize,
    /// Nothing has changed since the worker was told.
    is_told: bool,
    /// An artificial delay of updates, for tests, and what it is drawn from.
    delay: Duration,
    delays: Random,
}

/// The rings' ends that a learner holds.
pub(super) struct Ends {
    pub from_worker: Consumer<Message>,
    pub to_worker: Producer<Answer>,
    pub spent: Consumer<Box<FrameLayers>>,
    /// Asks it to end.
    pub stop: Arc<AtomicBool>,
}

/// What is fixed while it lives.
pub(super) struct Terms {
    pub host_hz: u32,
    pub mode: RenderMode,
    /// So many quanta that wait are too many, live.
    pub most_waiting: usize,
    /// Every update takes up to so much longer, at random, to simulate a slow machine.
    pub delay: Duration,
}

impl Learner {
    /// Nothing is learnt yet.
    pub fn new(terms: Terms, registry: Arc<ModelRegistry>, board: Arc<LearnBoard>, ends: Ends) -> Self {
        let Terms { host_hz, mode, most_waiting, delay } = terms;
        let Ends { from_worker, to_worker, spent, stop } = ends;
        Self {
            host_hz,
            mode,
            registry,
            board,
            from_worker,
            to_worker,
            spent,
            stop,
            generation: 0,
            subject: None,
            next_index: None,
            most_waiting,
            is_told: true,
            delay,
            delays: Random::new(1),
        }
    }

    /// Takes the next message, if there is one. Returns whether there was.
    pub fn run_once(&mut self) -> bool {
        while self.spent.pop().is_ok() {}
        let Ok(message) = self.from_worker.pop() else { return false };
        self.take(message);
        true
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Begin { generation, network, slot, carries } => self.begin(generation, network, slot, carries),
            Message::Cell(cell) => self.hear(&cell),
            Message::Keep { generation } => self.keep(generation),
        }
    }

    fn begin(&mut self, generation: u32, network: Arc<Network>, slot: u8, carries: bool) {
        self.generation = generation;
        self.next_index = None;
        match &mut self.subject {
            Some(Subject { network: own, model: Some((model, _)), .. }) if Arc::ptr_eq(own, &network) => {
                model.restart(carries);
                if let Some(subject) = self.subject.as_mut().filter(|_| !carries) {
                    (subject.losses, subject.updates) = (None, 0);
                }
            }
            _ => {
                self.subject =
                    Some(Subject { model: self.model(slot, &network), network, slot, losses: None, updates: 0 });
            }
        }
        self.is_told = false;
    }

    /// What learns of the model in a slot, if it is the one that plays.
    fn model(&self, slot: u8, network: &Arc<Network>) -> Option<(Concurrent, Ear)> {
        network.layers()?;
        let data = self.registry.data(slot, network).ok()?;
        let memory = f64::from(ParamId::LearnMemory.spec().max);
        let model = Concurrent::new(&data, Arc::clone(network), memory, self.registry.isa()).ok()?;
        Some((model, Ear::new(data.config(), self.host_hz)))
    }

    /// A file that could not be read may be there now.
    fn look_again(&mut self) {
        if let Some(Subject { network, slot, model: None, .. }) = &self.subject {
            let model = self.model(*slot, &Arc::clone(network));
            if let Some(subject) = &mut self.subject {
                subject.model = model;
                self.next_index = None;
            }
        }
    }

    fn hear(&mut self, cell: &Cell) {
        if let Some(Subject { model: Some((model, ear)), .. }) = &mut self.subject {
            if self.next_index != Some(cell.index) {
                // Quanta are missing: before it began, or while it did not learn.
                ear.restart(cell.index * GRID_SAMPLES as i64);
                model.cut();
            }
            ear.hear(&cell.heard, cell.gate, cell.is_fed_back, |heard, frame| match heard {
                Heard::Playing => model.hear(frame, true),
                Heard::Rest => model.hear(frame, false),
                Heard::Nothing { cut: true } => model.cut(),
                Heard::Nothing { cut: false } => {}
            });
        }
        self.next_index = Some(cell.index + 1);
        if let Some(pace) = &cell.update {
            if !self.delay.is_zero() {
                std::thread::sleep(self.delay.mul_f32(self.delays.uniform()));
            }
            let waiting = self.from_worker.slots();
            let answer = self.update(pace, self.mode == RenderMode::Live && waiting > self.most_waiting);
            // The ring has room for as many answers as the other has for questions.
            let _ = self.to_worker.push(answer);
        }
    }

    fn update(&mut self, pace: &Pace, skips: bool) -> Answer {
        let generation = self.generation;
        self.look_again();
        let Some(Subject { model: Some((model, _)), losses, updates, .. }) = &mut self.subject else {
            let listens = self.subject.as_ref().is_some_and(|subject| subject.network.layers().is_some());
            let state = if listens { LearnState::Unreadable } else { LearnState::DoesNotLearn };
            return Answer { generation, layers: None, report: LearnReport { state, ..LearnReport::default() } };
        };
        let outcome = if skips {
            self.board.count_skipped();
            Outcome::Waits
        } else {
            model.update(pace)
        };
        let (state, changed) = match outcome {
            Outcome::Waits if losses.is_none() => (LearnState::Listening, false),
            Outcome::Waits => (LearnState::Waiting, false),
            Outcome::Learnt { now, base } => {
                *losses = Some([base, now]);
                *updates += 1;
                (LearnState::Learning, true)
            }
            Outcome::RolledBack => (LearnState::RolledBack, true),
            Outcome::Paused => (LearnState::Paused, false),
        };
        let report = LearnReport {
            state,
            heard_seconds: model.heard_seconds(),
            distance: model.distance(),
            losses: losses.unwrap_or_default(),
            hash: LearnReport::hash_of(model.learnt()),
            is_reminded: model.is_reminded(),
        };
        // What carries on is heard again from the first update on.
        let is_told = std::mem::replace(&mut self.is_told, true) || report.distance == 0.0;
        let layers = if changed || !is_told { model.layers().map(Box::new) } else { None };
        Answer { generation, layers, report }
    }

    fn keep(&mut self, generation: u32) {
        let kept = match &self.subject {
            Some(Subject { model: Some((model, _)), slot, losses: Some(losses), updates, .. })
                if generation == self.generation =>
            {
                Some(Kept {
                    slot: *slot,
                    base: model.config().clone(),
                    tensors: model.tensors(),
                    updates: *updates,
                    seconds: model.heard_seconds(),
                    losses: *losses,
                })
            }
            // All was forgotten, or another model plays.
            _ => None,
        };
        self.board.keep(kept);
    }

    /// Takes messages until it is told to stop; waits for the worker to wake it where there are none.
    pub fn run(mut self) {
        step_back();
        let _mode = FloatMode::enter();
        while !self.stop.load(Ordering::Acquire) {
            if !self.run_once() {
                std::thread::park_timeout(super::LOOK_AGAIN);
            }
        }
        // What was to be kept is, even if the instance goes. A rendering has learnt all up to there, as it does on a faster machine; whoever
        // closes a live instance does not wait for that.
        let left: Vec<Message> = std::iter::from_fn(|| self.from_worker.pop().ok()).collect();
        let to_be_kept = left.iter().rposition(|message| matches!(message, Message::Keep { .. }));
        for message in left.into_iter().take(to_be_kept.map_or(0, |last| last + 1)) {
            if self.mode == RenderMode::Offline || matches!(message, Message::Keep { .. }) {
                self.take(message);
            }
        }
    }
}
