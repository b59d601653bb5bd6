//! The instrument of sound at the terminal: the switch of its input, takes, lessons, and the sound card.

use super::{
    console::Played,
    lessons::Told,
    performer::{Monitor, Order},
};
use crate::{
    cli::{error::CliError, terminal::say},
    control::ParamId,
    take::TakeStatus,
};
use rtrb::Producer;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

/// The window has switched the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputSwitch(pub bool);

/// See the module.
pub struct Sound {
    orders: Producer<Order>,
    /// Whether the input is heard, for the window, too.
    is_input_on: Arc<AtomicBool>,
    status: Arc<TakeStatus>,
    told_takes: u64,
    lessons: Told,
    monitor: Arc<Monitor>,
}

impl Sound {
    /// For a performer that takes these orders.
    pub fn new(
        orders: Producer<Order>,
        is_input_on: bool,
        status: Arc<TakeStatus>,
        lessons: Told,
        monitor: Arc<Monitor>,
    ) -> Self {
        let is_input_on = Arc::new(AtomicBool::new(is_input_on));
        Self { orders, is_input_on, status, told_takes: 0, lessons, monitor }
    }

    /// Whether the input is heard.
    pub fn input(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_input_on)
    }

    fn switch_input(&mut self, on: bool) {
        self.is_input_on.store(on, Relaxed);
        if self.orders.push(Order::Input(on)).is_err() {
            say!("not done: the sound card takes no orders");
        }
        self.tell_input();
    }

    fn tell_input(&self) {
        if self.is_input_on.load(Relaxed) {
            say!("input on");
        } else {
            say!("input muted; i and Enter switch it on (mind feedback: use headphones, or turn the output down)");
        }
    }

    fn lesson(&self, what: &str) {
        let lessons = self.lessons.lessons();
        lessons.look();
        let latest = || lessons.unfinished().into_iter().next();
        match (what, latest()) {
            ("", _) => say!("lesson: {}", lessons.text()),
            ("cancel", _) => lessons.cancel(),
            ("listen", _) => lessons.listen(!lessons.is_listened_to()),
            ("resume" | "discard", None) => say!("no lesson is unfinished"),
            ("resume", Some(latest)) => drop(lessons.resume(&latest.id)),
            ("discard", Some(latest)) => {
                lessons.discard(&latest.id);
                say!("discarded: {}", latest.name);
            }
            _ => say!("expected lesson, or lesson and one of cancel, listen, resume, discard"),
        }
    }

    /// Says what became of takes and lessons, once for each.
    pub fn tell_takes(&mut self) {
        let takes = self.status.kept() + self.status.failed();
        if takes > self.told_takes
            && let Some(text) = self.status.text()
        {
            self.told_takes = takes;
            say!("{text}");
        }
        if let Some(news) = self.lessons.news() {
            say!("{news}");
        }
    }
}

impl Played for Sound {
    type Id = ParamId;
    type Own = InputSwitch;

    fn order(&mut self, id: ParamId, value: f32) -> bool {
        self.orders.push(Order::Set(id, value)).is_ok()
    }

    fn hear(&mut self, InputSwitch(on): InputSwitch) {
        self.switch_input(on);
    }

    fn obey(&mut self, word: &str, rest: &str) -> bool {
        match (word, rest) {
            ("i", "") => self.switch_input(!self.is_input_on.load(Relaxed)),
            ("k", "") => {
                self.order(ParamId::Keep, 1.0);
                self.order(ParamId::Keep, 0.0);
            }
            ("lesson", what) => self.lesson(what),
            _ => return false,
        }
        true
    }

    fn begin(&mut self) {
        self.tell_input();
    }

    fn look(&mut self) -> Result<(), CliError> {
        self.tell_takes();
        match self.monitor.failure.get() {
            Some(reason) => {
                let (device, reason) = ("the sound card".into(), reason.clone());
                Err(CliError::Device { device, action: "played any longer", reason })
            }
            None => Ok(()),
        }
    }

    fn meters(&mut self) -> String {
        let monitor = &self.monitor;
        let [input, output] = monitor.take_peaks_db().map(|db| format!("{:.1} dBFS", db.max(-120.0)));
        let muted = if self.is_input_on.load(Relaxed) { "" } else { " (muted)" };
        format!(
            "input {input}{muted}, output {output}, worker {:.0} % of a core, {} underruns, {} overruns, {} gaps in the input",
            100.0 * monitor.meters.load(),
            monitor.meters.underruns(),
            monitor.overruns.load(Relaxed),
            monitor.input_gaps.load(Relaxed)
        )
    }
}
