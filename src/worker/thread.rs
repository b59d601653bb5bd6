//! The worker as a thread, or stepped by hand.

use super::{clip::ClipSlot, core::Core, models::registry::ModelRegistry};
use crate::{
    control::ParamId,
    dsp::float_mode::in_float_mode,
    engine::{
        EngineConfig, GRID_SAMPLES, MAX_CHANNELS, RenderMode,
        link::{Shared, WorkerLink},
        quantum::{InQuantum, OutQuantum, REGIONS},
    },
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// A worker later than this drops its voices and restarts from the present history (DESIGN 3).
const TOO_LATE_SECONDS: f64 = 0.250;
/// How long an offline render waits for an update: less than the audio thread waits for its answer.
const OFFLINE_PATIENCE_SECONDS: f64 = 8.0;
/// Live an answer is to be there so long before it is heard.
const LEAST_AHEAD_SECONDS: f64 = 0.015;
/// What is left of the time that a host which runs ahead may wait.
const SPARED_SECONDS: f64 = 0.010;
/// From one look for an update to the next.
const UPDATE_POLL: Duration = Duration::from_micros(200);
/// Longest sleep between two polls while something sounds.
const SLEEP_SOUNDING: Duration = Duration::from_millis(1);

/// Owns models, state and seed history; answers quanta in their order.
#[derive(Debug)]
pub struct Worker {
    link: WorkerLink,
    core: Core,
    /// What the core is made of, should it have to be made anew.
    config: EngineConfig,
    clip_slot: Arc<ClipSlot>,
    registry: Arc<ModelRegistry>,
    /// The models selected before playback.
    first_slots: [Option<u8>; 2],
    sample_rate_hz: u32,
    reaction_quanta: i64,
    too_late_quanta: i64,
    /// Of the last quantum.
    epoch: u32,
    out: OutQuantum,
    catching_up: bool,
    /// Busy seconds and seconds of sound, decaying, for the load meter.
    busy_seconds: f64,
    sound_seconds: f64,
    /// Artificial delay per quantum, for tests of lateness.
    delay: Duration,
    /// Quanta until an artificial panic, for tests of faults.
    panics_after: Option<u32>,
}

impl Worker {
    pub(crate) fn new(
        config: &EngineConfig,
        link: WorkerLink,
        reaction_quanta: usize,
        registry: Arc<ModelRegistry>,
        clip_slot: Arc<ClipSlot>,
    ) -> Self {
        let rate = f64::from(config.sample_rate_hz);
        Self {
            core: Core::new(
                config,
                reaction_quanta,
                Arc::clone(&registry),
                Arc::clone(&clip_slot),
                Arc::clone(&link.shared),
            ),
            config: config.clone(),
            clip_slot,
            registry,
            first_slots: [ParamId::Model, ParamId::MorphModel].map(|id| slot(config.values.get(id))),
            link,
            sample_rate_hz: config.sample_rate_hz,
            reaction_quanta: reaction_quanta as i64,
            too_late_quanta: (TOO_LATE_SECONDS * rate / GRID_SAMPLES as f64) as i64,
            epoch: 0,
            out: OutQuantum {
                epoch: 0,
                index: 0,
                active: false,
                feedback: false,
                audio: [[0.0; GRID_SAMPLES]; MAX_CHANNELS],
                regions: [[0.0; GRID_SAMPLES]; REGIONS],
            },
            catching_up: false,
            busy_seconds: 0.0,
            sound_seconds: 0.0,
            delay: Duration::ZERO,
            panics_after: None,
        }
    }

    /// Processes the next quantum, if one is waiting and its answer has room. Returns whether it did.
    pub fn run_once(&mut self) -> bool {
        if self.link.to_audio.is_full() {
            return false;
        }
        let Ok(quantum) = self.link.from_audio.pop() else {
            return false;
        };
        if self.link.shared.is_stale(quantum.epoch) {
            // The audio thread is in another epoch and would discard the answer.
            return true;
        }
        in_float_mode(|| self.answer(&quantum));
        // There is room: this side is the only producer, and it looked.
        self.link.to_audio.push(self.out.clone()).is_ok()
    }

    fn answer(&mut self, quantum: &InQuantum) {
        // Waiting is no load.
        if !self.catching_up {
            self.wait_for_update(quantum);
        }
        let began = Instant::now();
        self.epoch = quantum.epoch;
        if !self.delay.is_zero() {
            std::thread::sleep(self.delay);
        }
        if let Some(left) = self.panics_after {
            assert!(left > 0, "the artificial panic of a test");
            self.panics_after = Some(left - 1);
        }
        let index = quantum.index + self.reaction_quanta;
        let late = self.link.shared.quanta_passed(quantum.epoch, index).unwrap_or(0);
        if late > self.too_late_quanta && !self.catching_up {
            self.catching_up = true;
            self.link.shared.meters.count_late_start();
        } else if self.catching_up && late <= 0 {
            self.catching_up = false;
        }
        if self.catching_up {
            self.core.skip(quantum);
            self.out.epoch = quantum.epoch;
            self.out.index = index;
            self.out.active = false;
            self.out.feedback = false;
            self.out.audio = [[0.0; GRID_SAMPLES]; MAX_CHANNELS];
            self.out.regions = [[0.0; GRID_SAMPLES]; REGIONS];
        } else {
            self.core.process(quantum, &mut self.out);
        }
        self.link.shared.meters.set_sounding(self.out.active);
        self.note_load(began.elapsed());
    }

    /// Waits for an update of what learns that is due and not there: offline until the audio thread would give up, live as long as nobody
    /// needs the answer to this quantum yet.
    fn wait_for_update(&mut self, quantum: &InQuantum) {
        let began = Instant::now();
        while self.core.lacks_update(quantum) {
            let waited = began.elapsed().as_secs_f64();
            let quantum_seconds = GRID_SAMPLES as f64 / f64::from(self.sample_rate_hz);
            let behind = self.link.from_audio.slots() as f64 * quantum_seconds;
            let ahead = self.reaction_quanta as f64 * quantum_seconds - behind - waited;
            let may_wait = match self.config.mode {
                RenderMode::Offline => waited < OFFLINE_PATIENCE_SECONDS,
                RenderMode::Live => {
                    ahead > LEAST_AHEAD_SECONDS || waited < self.link.shared.patience_seconds() - SPARED_SECONDS
                }
            };
            if !may_wait || self.link.shared.stop.load(Ordering::Acquire) || self.link.shared.is_stale(quantum.epoch) {
                return;
            }
            std::thread::park_timeout(UPDATE_POLL);
        }
    }

    fn note_load(&mut self, busy: Duration) {
        let quantum_seconds = GRID_SAMPLES as f64 / f64::from(self.sample_rate_hz);
        let decay = 1.0 - quantum_seconds;
        self.busy_seconds = self.busy_seconds * decay + busy.as_secs_f64();
        self.sound_seconds = self.sound_seconds * decay + quantum_seconds;
        self.link.shared.meters.set_load((self.busy_seconds / self.sound_seconds) as f32);
    }

    /// Delays every quantum by this much, to simulate a slow machine.
    pub fn slow_down(&mut self, per_quantum: Duration) {
        self.delay = per_quantum;
    }

    /// What learns gets a thread of its own, even if this worker is stepped by hand.
    pub fn learn_on_a_thread(&mut self) {
        self.core.use_thread();
    }

    /// Delays every update of what learns by up to this much, at random, to simulate a slow machine. Before *Learn* first goes on.
    pub fn slow_down_learning(&mut self, most: Duration) {
        self.core.slow_down_learning(most);
    }

    /// Panics once, in so many quanta, to simulate a fault of this program.
    pub fn panic_after(&mut self, quanta: u32) {
        self.panics_after = Some(quanta);
    }

    /// Runs on a thread of its own until the handle is dropped. The selected models are loaded before this returns (about 20 ms, or what
    /// a file of one's own takes), so that they are available to a fast bounce even on a busy machine; other embedded ones are
    /// loaded while the worker is idle.
    pub fn spawn(mut self) -> WorkerThread {
        for slot in self.first_slots.into_iter().flatten() {
            // A failure to load is reported when the model is selected.
            let _ = self.registry.load(slot);
        }
        self.core.use_thread();
        let shared = Arc::clone(&self.link.shared);
        let reaction =
            Duration::from_secs_f64(self.reaction_quanta as f64 * GRID_SAMPLES as f64 / f64::from(self.sample_rate_hz));
        WorkerThread::start("sympathy-worker", shared, move || {
            while !self.link.shared.stop.load(Ordering::Acquire) {
                // What a panic leaves behind is thrown away.
                if catch_unwind(AssertUnwindSafe(|| self.run_until_stopped(reaction))).is_err() {
                    self.recover(reaction);
                }
            }
        })
    }

    fn run_until_stopped(&mut self, reaction: Duration) {
        while !self.link.shared.stop.load(Ordering::Acquire) {
            // Loading while nothing sounds delays no prediction.
            if !self.run_once() && (self.core.is_active() || !self.core.load_another_embedded()) {
                // The audio thread never wakes a live worker, so the worker has to poll.
                let sleep = if self.core.is_active() { SLEEP_SOUNDING.min(reaction / 20) } else { reaction / 4 };
                std::thread::park_timeout(sleep);
            }
        }
    }

    /// After a panic: nothing more comes in this epoch, as what had been heard is lost. With the next one, after a reset or a jump,
    /// everything begins anew.
    fn recover(&mut self, reaction: Duration) {
        let shared = Arc::clone(&self.link.shared);
        shared.mark_failed(self.epoch);
        shared.meters.set_sounding(false);
        self.panics_after = None;
        self.catching_up = false;
        let registry = Arc::clone(&self.registry);
        let clip_slot = Arc::clone(&self.clip_slot);
        self.core = Core::new(&self.config, self.reaction_quanta as usize, registry, clip_slot, Arc::clone(&shared));
        self.core.use_thread();
        loop {
            // What comes meanwhile is not answered, and must not take the room of what begins anew.
            while self.link.from_audio.peek().is_ok_and(|quantum| quantum.epoch == self.epoch) {
                let _ = self.link.from_audio.pop();
            }
            if !shared.is_dead() || shared.stop.load(Ordering::Acquire) {
                break;
            }
            std::thread::park_timeout(reaction / 4);
        }
        shared.mark_alive();
    }
}

/// The slot that a parameter names; none below 0.
fn slot(value: f32) -> Option<u8> {
    (value >= 0.0).then_some(value as u8)
}

/// Tells the audio thread, even after a panic, that no more predictions will come.
struct DeathNotice(Arc<Shared>);

impl Drop for DeathNotice {
    fn drop(&mut self) {
        self.0.mark_dead();
    }
}

/// A running worker; dropping it ends and joins the thread. Not for the audio thread.
#[derive(Debug)]
pub struct WorkerThread {
    shared: Arc<Shared>,
    handle: Option<JoinHandle<()>>,
}

impl WorkerThread {
    /// Runs `work` in a thread of this name, woken and watched through `shared`, until it ends; it looks for `shared.stop`.
    pub(crate) fn start(name: &str, shared: Arc<Shared>, work: impl FnOnce() + Send + 'static) -> Self {
        let notice = DeathNotice(Arc::clone(&shared));
        let spawned = std::thread::Builder::new().name(name.into()).spawn(move || {
            notice.0.register_worker(std::thread::current());
            work();
        });
        // Where there is no thread, the notice has gone with what it was to do.
        Self { shared, handle: spawned.ok() }
    }
}

impl Drop for WorkerThread {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(handle) = self.handle.take() {
            handle.thread().unpark();
            // A panic of the worker has been reported by the panic hook already.
            let _ = handle.join();
        }
    }
}
