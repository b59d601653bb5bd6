//! The worker as a thread, or stepped by hand.

use super::{clip::ClipShelf, core::Core, models::registry::ModelBank};
use crate::{
    control::ParamId,
    dsp::float_mode::FloatMode,
    engine::{
        EngineConfig, GRID_SAMPLES, MAX_CHANNELS,
        link::{Shared, WorkerLink},
        quantum::{OutCell, REGIONS},
    },
};
use std::{
    sync::{Arc, atomic::Ordering},
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// A worker later than this drops its voices and begins afresh from the present history (DESIGN 3).
const TOO_LATE_SECONDS: f64 = 0.250;
/// Longest sleep between two looks while something sounds.
const SLEEP_SOUNDING: Duration = Duration::from_millis(1);

/// Owns models, state and seed history; answers cells in their order.
#[derive(Debug)]
pub struct Worker {
    link: WorkerLink,
    core: Core,
    bank: Arc<ModelBank>,
    /// What the host chose before it plays.
    first_slot: u8,
    sample_rate_hz: u32,
    reaction_cells: i64,
    too_late_cells: i64,
    out: OutCell,
    catching_up: bool,
    /// Busy seconds and seconds of sound, decaying, for the load meter.
    busy_seconds: f64,
    sound_seconds: f64,
    /// Artificial work per cell, for tests of lateness.
    delay: Duration,
}

impl Worker {
    pub(crate) fn new(
        config: &EngineConfig,
        link: WorkerLink,
        reaction_cells: usize,
        bank: Arc<ModelBank>,
        shelf: Arc<ClipShelf>,
    ) -> Self {
        let rate = f64::from(config.sample_rate_hz);
        Self {
            core: Core::new(config, reaction_cells, Arc::clone(&bank), shelf, Arc::clone(&link.shared)),
            bank,
            first_slot: config.values.get(ParamId::Model) as u8,
            link,
            sample_rate_hz: config.sample_rate_hz,
            reaction_cells: reaction_cells as i64,
            too_late_cells: (TOO_LATE_SECONDS * rate / GRID_SAMPLES as f64) as i64,
            out: OutCell {
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
        }
    }

    /// Answers the next cell, if there is one and room for its answer. Returns whether it did.
    pub fn run_once(&mut self) -> bool {
        if self.link.to_audio.is_full() {
            return false;
        }
        let Ok(cell) = self.link.from_audio.pop() else {
            return false;
        };
        if self.link.shared.is_stale(cell.epoch) {
            // The audio thread has jumped: nobody will hear the answer.
            return true;
        }
        let _mode = FloatMode::enter();
        let began = Instant::now();
        if !self.delay.is_zero() {
            std::thread::sleep(self.delay);
        }
        let index = cell.index + self.reaction_cells;
        let late = self.link.shared.cells_passed(cell.epoch, index).unwrap_or(0);
        if late > self.too_late_cells && !self.catching_up {
            self.catching_up = true;
            self.link.shared.meters.count_late_start();
        } else if self.catching_up && late <= 0 {
            self.catching_up = false;
        }
        if self.catching_up {
            self.core.skip(&cell);
            self.out.epoch = cell.epoch;
            self.out.index = index;
            self.out.active = false;
            self.out.feedback = false;
            self.out.audio = [[0.0; GRID_SAMPLES]; MAX_CHANNELS];
            self.out.regions = [[0.0; GRID_SAMPLES]; REGIONS];
        } else {
            self.core.process(&cell, &mut self.out);
        }
        self.link.shared.meters.set_sounding(self.out.active);
        self.note_load(began.elapsed());
        // There is room: this side is the only producer, and it looked.
        self.link.to_audio.push(self.out.clone()).is_ok()
    }

    fn note_load(&mut self, busy: Duration) {
        let cell_seconds = GRID_SAMPLES as f64 / f64::from(self.sample_rate_hz);
        let decay = 1.0 - cell_seconds;
        self.busy_seconds = self.busy_seconds * decay + busy.as_secs_f64();
        self.sound_seconds = self.sound_seconds * decay + cell_seconds;
        self.link.shared.meters.set_load((self.busy_seconds / self.sound_seconds) as f32);
    }

    /// Makes every cell take this much longer: for trying out what a slow machine does.
    pub fn slow_down(&mut self, per_cell: Duration) {
        self.delay = per_cell;
    }

    /// Runs on a thread of its own until the handle is dropped. An embedded model that is to play first is loaded before this
    /// returns (about 20 ms), so that a host that hurries finds it, however busy the machine is; the others as soon as there is
    /// nothing else to do.
    pub fn spawn(mut self) -> WorkerThread {
        if self.bank.is_embedded(self.first_slot) {
            // One that cannot be loaded says why when it is chosen.
            let _ = self.bank.load(self.first_slot);
        }
        let shared = Arc::clone(&self.link.shared);
        let reaction =
            Duration::from_secs_f64(self.reaction_cells as f64 * GRID_SAMPLES as f64 / f64::from(self.sample_rate_hz));
        let spawned = std::thread::Builder::new().name("sympathy-worker".into()).spawn(move || {
            let _death_notice = DeathNotice(Arc::clone(&self.link.shared));
            self.link.shared.register_worker(std::thread::current());
            while !self.link.shared.stop.load(Ordering::Acquire) {
                // What loads while nothing sounds makes nobody late.
                if !self.run_once() && (self.core.is_active() || !self.core.load_another_embedded()) {
                    // The audio thread never wakes a live worker: it must look often enough by itself.
                    let sleep = if self.core.is_active() { SLEEP_SOUNDING.min(reaction / 20) } else { reaction / 4 };
                    std::thread::park_timeout(sleep);
                }
            }
        });
        if spawned.is_err() {
            shared.mark_dead();
        }
        WorkerThread { shared, handle: spawned.ok() }
    }
}

/// Tells the audio thread that nothing will come any more, even after a panic.
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

impl Drop for WorkerThread {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(handle) = self.handle.take() {
            handle.thread().unpark();
            // A panic on the worker has been reported by its hook; there is nothing to add.
            let _ = handle.join();
        }
    }
}
