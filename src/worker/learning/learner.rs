//! The thread that learns: a function of the messages of the worker, and of nothing else.

use super::{
    ear::{Ear, Heard},
    message::{Answer, Cell, Message},
};
use crate::{
    approach::{FrameLayers, Network},
    control::ParamId,
    engine::{GRID_SAMPLES, RenderMode},
    learn::{Concurrent, Kept, LearnBoard, LearnState, Losses, Outcome},
    worker::models::registry::ModelRegistry,
};
use rtrb::{Consumer, Producer};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// What learns, and of which model.
struct Subject {
    network: Arc<Network>,
    slot: u8,
    /// None where the model does not listen, or could not be read.
    model: Option<(Concurrent, Ear)>,
    losses: [Losses; 2],
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
}

/// The rings' ends that a learner holds.
pub(super) struct Ends {
    pub from_worker: Consumer<Message>,
    pub to_worker: Producer<Answer>,
    pub spent: Consumer<Box<FrameLayers>>,
}

impl Learner {
    /// Nothing is learnt yet.
    pub fn new(
        host_hz: u32,
        mode: RenderMode,
        most_waiting: usize,
        registry: Arc<ModelRegistry>,
        board: Arc<LearnBoard>,
        ends: Ends,
        stop: Arc<AtomicBool>,
    ) -> Self {
        let Ends { from_worker, to_worker, spent } = ends;
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
        }
    }

    /// Takes the next message, if there is one. Returns whether there was.
    pub fn run_once(&mut self) -> bool {
        while self.spent.pop().is_ok() {}
        let Ok(message) = self.from_worker.pop() else { return false };
        match message {
            Message::Begin { generation, network, slot, carries } => self.begin(generation, network, slot, carries),
            Message::Cell(cell) => self.hear(&cell),
            Message::Keep => self.keep(),
        }
        true
    }

    fn begin(&mut self, generation: u32, network: Arc<Network>, slot: u8, carries: bool) {
        self.generation = generation;
        self.next_index = None;
        match &mut self.subject {
            Some(subject) if Arc::ptr_eq(&subject.network, &network) => {
                if let Some((model, _)) = &mut subject.model {
                    model.restart(carries);
                }
                if !carries {
                    self.board.note_forgotten();
                }
            }
            _ => {
                self.board.set_state(LearnState::Listening);
                self.board.note_forgotten();
                self.subject = Some(Subject {
                    model: self.model(slot, &network),
                    network,
                    slot,
                    losses: Default::default(),
                });
            }
        }
        self.is_told = false;
    }

    /// What learns of the model in a slot, if it is the one that plays.
    fn model(&self, slot: u8, network: &Arc<Network>) -> Option<(Concurrent, Ear)> {
        network.layers()?;
        let data = self.registry.data(slot, network).ok()?;
        let memory = f64::from(ParamId::LearnMemory.spec().max);
        let model = Concurrent::new(&data, data.maker_frames(), memory, self.registry.isa()).ok()?;
        Some((model, Ear::new(data.config(), self.host_hz)))
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
            let waiting = self.from_worker.slots();
            let answer = self.update(pace, self.mode == RenderMode::Live && waiting > self.most_waiting);
            // The ring has room for as many answers as the other has for questions.
            let _ = self.to_worker.push(answer);
        }
    }

    fn update(&mut self, pace: &crate::learn::Pace, skips: bool) -> Answer {
        let answer = |layers| Answer { generation: self.generation, layers };
        let Some(Subject { model: Some((model, _)), losses, .. }) = &mut self.subject else {
            self.board.set_state(LearnState::DoesNotLearn);
            return answer(None);
        };
        self.board.set_heard_seconds(model.heard_seconds());
        let outcome = if skips {
            self.board.count_skipped();
            Outcome::Waits
        } else {
            model.update(pace)
        };
        self.board.note_weights(model.learnt());
        let changed = match outcome {
            Outcome::Waits => {
                let state = if self.board.losses().is_none() { LearnState::Listening } else { LearnState::Waiting };
                self.board.set_state(state);
                false
            }
            Outcome::Learnt { now, base } => {
                *losses = [base, now];
                self.board.note_update(base, now, model.distance());
                self.board.set_state(LearnState::Learning);
                true
            }
            Outcome::RolledBack => {
                self.board.count_rolled_back();
                self.board.set_state(LearnState::RolledBack);
                true
            }
            Outcome::Paused => {
                self.board.set_state(LearnState::Paused);
                !self.is_told
            }
        };
        // What carries on is heard again from the first update on.
        if !changed && (self.is_told || model.distance() == 0.0) {
            return answer(None);
        }
        self.is_told = true;
        answer(model.layers().map(Box::new))
    }

    fn keep(&mut self) {
        let Some(Subject { model: Some((model, _)), slot, losses, .. }) = &self.subject else { return };
        if model.distance() > 0.0 {
            self.board.keep(Kept {
                slot: *slot,
                tensors: model.tensors(),
                updates: self.board.updates(),
                seconds: model.heard_seconds(),
                losses: *losses,
            });
        }
    }

    /// Takes messages until it is told to stop; waits for the worker to wake it where there are none.
    pub fn run(mut self) {
        crate::learn::step_back();
        let _mode = crate::dsp::float_mode::FloatMode::enter();
        while !self.stop.load(Ordering::Acquire) {
            if !self.run_once() {
                std::thread::park_timeout(super::LOOK_AGAIN);
            }
        }
    }
}
