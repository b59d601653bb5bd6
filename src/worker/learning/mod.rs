//! Learning while it plays: the worker's side of it. A thread of its own learns; here it is decided, on the sample clock, what it hears
//! and from when on what it has learnt is heard.
//!
//! Engine time is cut into intervals, of half a second by default ([`LearnTiming`](crate::engine::LearnTiming)). At the end of each,
//! while *Learn* is on, an update is asked for; it is *due*, that is, heard in all predictions from there on, a second later by default.
//! In an offline render the worker waits for it; live it waits as long as its answer is not needed yet, then goes on with what it
//! has and takes the update as soon as it is there. What is learnt depends on what was heard alone, never on when it was ready: late
//! updates change predictions, and are counted, but never what is learnt.

mod ear;
mod learner;
mod message;
#[cfg(test)]
pub(super) mod tests;

use super::models::{pair::Models, registry::ModelRegistry};
use crate::{
    approach::{FrameLayers, LearntLayers, Manner, Network},
    control::{ParamId, ParamValues},
    dsp::{level::db_to_gain, random::mix64},
    engine::{EngineConfig, GRID_SAMPLES, RenderMode, quantum::InQuantum},
    learn::{LearnBoard, LearnState, Pace},
};
use learner::{Ends, Learner, Terms};
use message::{Answer, Cell, Message};
use rtrb::{Consumer, Producer, RingBuffer};
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// If so much more waits for the learner than it has time for, live, updates are skipped until it has caught up. The ring to it holds twice
/// as much.
const BACKLOG_SECONDS: f64 = 3.0;
/// The learner is woken when there is an update to be made, and looks by itself as often.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The learner, where it runs, and the rings.
struct Line {
    to_learner: Producer<Message>,
    from_learner: Consumer<Answer>,
    spent: Producer<Box<FrameLayers>>,
    stop: Arc<AtomicBool>,
    runner: Runner,
}

enum Runner {
    /// Stepped by whoever steps the worker.
    Here(Box<Learner>),
    Thread(Option<JoinHandle<()>>),
}

impl Drop for Line {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Runner::Thread(handle) = &mut self.runner
            && let Some(handle) = handle.take()
        {
            handle.thread().unpark();
            // Joined, so that no code of the plugin runs when the host unloads it. A panic there was reported by its hook.
            let _ = handle.join();
        }
    }
}

/// What the worker knows of what learns.
pub(super) struct Learning {
    host_hz: u32,
    mode: RenderMode,
    registry: Arc<ModelRegistry>,
    board: Arc<LearnBoard>,
    interval_seconds: f64,
    interval_quanta: i64,
    delay_quanta: i64,
    /// The worker has a thread, so the learner gets one.
    is_threaded: bool,
    /// As [`Self::slow_down`].
    delay: Duration,
    /// Made when *Learn* first goes on.
    line: Option<Line>,
    /// Counts what makes learning begin anew.
    generation: u32,
    /// What was learnt before this generation stays in it.
    carries: bool,
    /// The learner knows of it.
    is_begun: bool,
    network: Option<Arc<Network>>,
    slot: u8,
    is_on: bool,
    /// *Keep Learnt* went on, and the learner has not been told.
    is_to_be_kept: bool,
    /// The quanta from which on updates that were asked for are heard.
    due: VecDeque<i64>,
    /// The first of them has been counted as late.
    is_late: bool,
    /// What has been learnt, and the same for another *Learn Amount*.
    layers: Option<Box<FrameLayers>>,
    blended: Option<Box<FrameLayers>>,
    /// The amount that `blended` is for; none where it is out of date.
    blended_amount: Option<f32>,
}

impl std::fmt::Debug for Learning {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Learning").field("generation", &self.generation).finish_non_exhaustive()
    }
}

impl Learning {
    /// Nothing is learnt yet, and nothing made for it.
    pub fn new(config: &EngineConfig, registry: Arc<ModelRegistry>) -> Self {
        let quanta = |seconds: f64| (seconds * f64::from(config.sample_rate_hz) / GRID_SAMPLES as f64).round() as i64;
        let interval_seconds = config.learn_timing.interval_seconds();
        let [interval_quanta, delay_quanta] =
            [interval_seconds, config.learn_timing.delay_seconds()].map(|seconds| quanta(seconds).max(1));
        config.learning.begin();
        Self {
            host_hz: config.sample_rate_hz,
            mode: config.mode,
            registry,
            board: Arc::clone(&config.learning),
            interval_seconds,
            interval_quanta,
            delay_quanta,
            is_threaded: false,
            delay: Duration::ZERO,
            line: None,
            generation: 0,
            carries: false,
            is_begun: false,
            network: None,
            slot: 0,
            is_on: false,
            is_to_be_kept: false,
            due: VecDeque::with_capacity((delay_quanta / interval_quanta) as usize + 64),
            is_late: false,
            layers: None,
            blended: None,
            blended_amount: None,
        }
    }

    /// The learner gets a thread of its own, as the worker has.
    pub fn use_thread(&mut self) {
        self.is_threaded = true;
    }

    /// Every update takes up to so much longer, at random, to simulate a slow machine.
    pub fn slow_down(&mut self, most: Duration) {
        self.delay = most;
    }

    /// A quantum begins a new epoch. What was learnt stays if quanta were lost, or if *Carry On* is on.
    pub fn begin_epoch(&mut self, quantum: &InQuantum) {
        let carries = quantum.gestures.resumed || quantum.values.get(ParamId::CarryOn) >= 0.5;
        self.begin_generation(carries);
    }

    fn begin_generation(&mut self, carries: bool) {
        // One that never began hands on what came before it.
        self.carries = carries && (self.is_begun || self.carries);
        self.generation = self.generation.wrapping_add(1);
        self.is_begun = false;
        self.due.clear();
        self.is_late = false;
        if let Some(line) = &mut self.line {
            line.drop_others(self.generation);
        }
        if !carries {
            self.give_back();
            self.blended_amount = None;
            self.board.note_forgotten();
        }
    }

    /// Layers are freed by the learner, where there is one.
    fn give_back(&mut self) {
        if let (Some(layers), Some(line)) = (self.layers.take(), &mut self.line) {
            let _ = line.spent.push(layers);
        }
    }

    /// Takes what was heard, with the models that play.
    pub fn hear(&mut self, quantum: &InQuantum, models: Option<&Models>, is_fed_back: bool) {
        let values = &quantum.values;
        // While none is known yet, the last one's learning goes on.
        if let Some(models) = models
            && self.network.as_ref().is_none_or(|own| !Arc::ptr_eq(own, &models.first))
        {
            self.network = Some(Arc::clone(&models.first));
            self.slot = models.slot;
            self.begin_generation(false);
            // Of another shape.
            if let (Some(blended), Some(line)) = (self.blended.take(), &mut self.line) {
                let _ = line.spent.push(blended);
            }
        }
        if quantum.gestures.forgotten {
            self.begin_generation(false);
        }
        let was_on = std::mem::replace(&mut self.is_on, values.get(ParamId::Learn) >= 0.5);
        if self.is_on {
            self.send(quantum, is_fed_back);
        } else if was_on {
            self.board.set_state(LearnState::Off);
        }
        self.is_to_be_kept |= quantum.gestures.kept;
        if self.is_to_be_kept {
            // Even where nothing has been learnt: that is said then.
            let keep = Message::Keep { generation: self.generation };
            let line = self.made_line();
            let is_sent = line.to_learner.push(keep).is_ok() || line.to_learner.is_abandoned();
            line.wake();
            self.is_to_be_kept = !is_sent;
        }
    }

    fn send(&mut self, quantum: &InQuantum, is_fed_back: bool) {
        let Some(network) = self.network.clone() else { return };
        self.made_line();
        let Some(line) = &mut self.line else { return };
        if line.to_learner.is_abandoned() {
            // A learner that has failed hears no more.
            self.board.set_state(LearnState::Failed);
            return;
        }
        let values = &quantum.values;
        if !self.is_begun {
            let begin = Message::Begin { generation: self.generation, network, slot: self.slot, carries: self.carries };
            self.is_begun = line.to_learner.push(begin).is_ok();
        }
        let number = quantum.index + 1;
        let is_due = number.rem_euclid(self.interval_quanta) == 0;
        if is_due {
            line.drop_others(self.generation);
        }
        let [left, right] = quantum.heard();
        let cell = Cell {
            index: quantum.index,
            heard: std::array::from_fn(|i| 0.5 * (left[i] + right[i])),
            gate: db_to_gain(values.get(ParamId::Gate)),
            is_fed_back,
            update: is_due.then(|| pace(values, number / self.interval_quanta, self.interval_seconds)),
        };
        let was_sent = self.is_begun && line.to_learner.push(Message::Cell(cell)).is_ok();
        if is_due && was_sent {
            self.due.push_back(number + self.delay_quanta);
            line.wake();
        } else if is_due {
            self.board.count_skipped();
        }
    }

    fn made_line(&mut self) -> &mut Line {
        let line = self.line.take().unwrap_or_else(|| self.make_line());
        self.line.insert(line)
    }

    fn make_line(&self) -> Line {
        let beyond = BACKLOG_SECONDS * f64::from(self.host_hz) / GRID_SAMPLES as f64;
        let quanta = 2 * (self.delay_quanta as usize + beyond as usize) + 16;
        let (to_learner, from_worker) = RingBuffer::new(quanta);
        // An update's worth of quanta cannot be sent twice before it is answered.
        let answers = quanta / self.interval_quanta as usize + 16;
        let (to_worker, from_learner) = RingBuffer::new(answers);
        let (spent, freed) = RingBuffer::new(2 * answers);
        let stop = Arc::new(AtomicBool::new(false));
        let terms = Terms { host_hz: self.host_hz, mode: self.mode, most_waiting: quanta / 2, delay: self.delay };
        let ends = Ends { from_worker, to_worker, spent: freed, stop: Arc::clone(&stop) };
        let learner = Learner::new(terms, Arc::clone(&self.registry), Arc::clone(&self.board), ends);
        let runner = if self.is_threaded {
            let board = Arc::clone(&self.board);
            let spawned = std::thread::Builder::new().name("sympathy-learner".into()).spawn(move || learner.run());
            if spawned.is_err() {
                board.set_state(LearnState::Failed);
            }
            Runner::Thread(spawned.ok())
        } else {
            Runner::Here(Box::new(learner))
        };
        Line { to_learner, from_learner, spent, stop, runner }
    }

    /// True if an update is due at the end of a quantum, or before, and is not there: whoever can wait for it wakes the learner, or steps it,
    /// and asks again.
    pub fn lacks_update(&mut self, quantum: &InQuantum) -> bool {
        // One that was waited for in vain is not waited for again.
        let is_due = !self.is_late && self.due.front().is_some_and(|&due| due <= quantum.index + 1);
        let Some(line) = self.line.as_mut().filter(|_| is_due && self.is_begun) else { return false };
        if quantum.gestures.forgotten {
            return false;
        }
        if let Runner::Here(learner) = &mut line.runner {
            while line.from_learner.is_empty() && learner.run_once() {}
        }
        line.drop_others(self.generation);
        let is_missing = line.from_learner.is_empty();
        if is_missing && line.from_learner.is_abandoned() {
            // A learner that has failed answers no more.
            self.board.set_state(LearnState::Failed);
            self.due.clear();
            return false;
        }
        if is_missing {
            line.wake();
        }
        is_missing
    }

    /// Takes the updates that are due at the end of a quantum, as far as they are there.
    pub fn take_due(&mut self, quantum: &InQuantum) {
        while self.due.front().is_some_and(|&due| due <= quantum.index + 1) {
            let Some(line) = &mut self.line else { return };
            line.drop_others(self.generation);
            match line.from_learner.pop() {
                Ok(Answer { layers, report, .. }) => {
                    self.board.put(&report);
                    if !self.is_on {
                        self.board.set_state(LearnState::Off);
                    }
                    self.due.pop_front();
                    self.is_late = false;
                    if layers.is_some() {
                        self.give_back();
                        self.layers = layers;
                        self.blended_amount = None;
                    }
                }
                Err(_) => {
                    if !std::mem::replace(&mut self.is_late, true) {
                        self.board.count_late();
                    }
                    return;
                }
            }
        }
    }

    /// Makes ready what is heard at this *Learn Amount*.
    pub fn blend(&mut self, values: &ParamValues) {
        let amount = amount(values);
        let base = self.network.as_ref().and_then(|network| network.layers());
        let (Some(learnt), Some(base)) = (&self.layers, base) else { return };
        if amount == 0.0 || amount == 1.0 || self.blended_amount == Some(amount) {
            return;
        }
        // The first time memory is taken for it.
        let blended = self.blended.get_or_insert_with(|| learnt.clone());
        blended.blend(base, learnt, amount);
        self.blended_amount = Some(amount);
    }

    /// How predictions are drawn now.
    pub fn manner(&self, values: &ParamValues) -> Manner<'_> {
        let amount = amount(values);
        let layers = match amount {
            0.0 => None,
            1.0 => self.layers.as_deref(),
            _ => self.layers.as_ref().and(self.blended.as_deref()),
        };
        let learnt = self.network.as_ref().zip(layers).map(|(network, layers)| LearntLayers { network, layers });
        Manner { temperature: values.get(ParamId::Temperature), learnt }
    }
}

impl Line {
    fn wake(&self) {
        if let Runner::Thread(Some(handle)) = &self.runner {
            handle.thread().unpark();
        }
    }

    /// Takes answers of other generations, which nobody waits for any more, so that there is room for others.
    fn drop_others(&mut self, generation: u32) {
        while self.from_learner.peek().is_ok_and(|answer| answer.generation != generation) {
            if let Ok(Answer { layers: Some(layers), .. }) = self.from_learner.pop() {
                let _ = self.spent.push(layers);
            }
        }
    }
}

/// *Learn Amount*, 0…1.
fn amount(values: &ParamValues) -> f32 {
    values.get(ParamId::LearnAmount) / 100.0
}

/// What an update is told, of so many since the clock's zero, one every so many seconds.
fn pace(values: &ParamValues, number: i64, interval_seconds: f64) -> Pace {
    Pace {
        interval_seconds,
        rate: values.get(ParamId::LearnRate) / 100.0,
        memory_seconds: values.get(ParamId::LearnMemory),
        pull: values.get(ParamId::LearnPull) / 100.0,
        random_seed: mix64(values.get(ParamId::RandomSeed) as u64 ^ 0x006c_6561_726e) ^ number as u64,
    }
}
