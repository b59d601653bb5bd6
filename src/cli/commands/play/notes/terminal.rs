//! The instrument of notes at the terminal: what is kept, and which ports have gone.

use super::performer::{NoteMonitor, NoteOrder};
use crate::{
    cli::{
        commands::play::{
            background::Background,
            console::Played,
            ports::{Direction, PortNews, PortWatch},
        },
        error::CliError,
        one_line,
        terminal::say,
    },
    control::notes::{NoteParam, NoteValues, Run},
    editor::NoteKeeper,
    model::{KEYS, LOWEST_KEY},
    take::takes_folder,
};
use rtrb::Producer;
use std::{
    convert::Infallible,
    sync::{Arc, atomic::Ordering::Relaxed},
};

/// Names of the pitch classes, from C on.
const NAMES: [&str; 12] = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];

/// See the module.
pub struct Notes {
    orders: Producer<NoteOrder>,
    values: NoteValues,
    keeper: NoteKeeper,
    watch: PortWatch,
    monitor: Arc<NoteMonitor>,
    player: Arc<Background>,
    /// A clock is followed.
    follows: bool,
    /// The port's trouble, a lost message, and that nothing is predicted any more have been told.
    is_trouble_told: bool,
    is_loss_told: bool,
    is_failure_told: bool,
}

impl Notes {
    /// For a performer that takes these orders, begins with `values` and `follows` a clock, or not.
    pub fn new(
        orders: Producer<NoteOrder>,
        values: NoteValues,
        keeper: NoteKeeper,
        watch: PortWatch,
        monitor: Arc<NoteMonitor>,
        player: Arc<Background>,
        follows: bool,
    ) -> Self {
        let [is_trouble_told, is_loss_told, is_failure_told] = [false; 3];
        Self { orders, values, keeper, watch, monitor, player, follows, is_trouble_told, is_loss_told, is_failure_told }
    }

    fn tell(&mut self, news: &PortNews) {
        let name = one_line(&news.name);
        match (news.direction, news.is_there) {
            (Direction::In, false) => {
                // Keys that were down there will never be told to go up.
                let _ = self.orders.push(NoteOrder::LetGo);
                say!(
                    "the {} {name} has gone; it plays on without: quit and start again once it is back",
                    news.direction
                );
            }
            (Direction::Out, false) => {
                say!("the {} {name} has gone; nothing is heard: quit and start again once it is back", news.direction);
            }
            (direction, true) => say!("the {direction} {name} is back: quit and start again to use it"),
        }
    }

    /// The tempo that is followed.
    fn tempo(&self) -> String {
        let free = self.values.get(NoteParam::FreeTempo);
        if !self.follows || Run::of(&self.values) == Run::Free {
            return format!("{free:.1} bpm");
        }
        let state = if self.monitor.runs.load(Relaxed) { "" } else { ", which stands" };
        match self.monitor.millibpm.load(Relaxed) {
            0 => "no MIDI clock yet".into(),
            millibpm => format!("{:.1} bpm of the MIDI clock{state}", millibpm as f64 / 1000.0),
        }
    }
}

/// The names of keys, bit 0 the lowest of the 88; middle C is C4.
fn names(keys: u128) -> String {
    let held = (0..KEYS as u8).filter(|key| keys >> key & 1 == 1).map(|key| key + LOWEST_KEY);
    let names: Vec<String> = held.map(|key| format!("{}{}", NAMES[usize::from(key % 12)], key / 12 - 1)).collect();
    if names.is_empty() { "-".into() } else { names.join(" ") }
}

impl Played for Notes {
    type Id = NoteParam;
    type Own = Infallible;

    fn order(&mut self, id: NoteParam, value: f32) -> bool {
        self.values.set(id, value);
        self.orders.push(NoteOrder::Set(id, value)).is_ok()
    }

    fn hear(&mut self, own: Infallible) {
        match own {}
    }

    fn obey(&mut self, word: &str, rest: &str) -> bool {
        if (word, rest) != ("k", "") {
            return false;
        }
        match self.keeper.keep(takes_folder().as_deref()) {
            Ok(said) | Err(said) => say!("{}", one_line(&said)),
        }
        true
    }

    fn begin(&mut self) {}

    fn look(&mut self) -> Result<(), CliError> {
        self.keeper.look();
        for news in self.watch.look() {
            self.tell(&news);
        }
        if let Some(reason) = self.monitor.trouble.get()
            && !std::mem::replace(&mut self.is_trouble_told, true)
        {
            say!("the MIDI output does not take what is sent ({reason}); ends of notes are tried again");
        }
        if self.monitor.lost.load(Relaxed) > 0 && !std::mem::replace(&mut self.is_loss_told, true) {
            say!(
                "more MIDI came in than this machine could take: messages were lost, and the keys that were held let go"
            );
        }
        if self.monitor.has_failed.load(Relaxed) && !std::mem::replace(&mut self.is_failure_told, true) {
            say!("nothing is predicted any more; your notes pass: quit and start again, or with another model");
        }
        if self.player.is_over() {
            let (device, reason) = ("the thread that plays".into(), "it has ended unexpectedly".into());
            return Err(CliError::Device { device, action: "waited for", reason });
        }
        Ok(())
    }

    fn meters(&mut self) -> String {
        let monitor = &self.monitor;
        let [yours, ours] = self.keeper.activation().scope.sounding();
        let late_ms = monitor.late_us.swap(0, Relaxed) as f64 / 1000.0;
        format!(
            "{}, you {}, it {}, {} continuations, {} late steps, sent at most {late_ms:.2} ms late",
            self.tempo(),
            names(yours),
            names(ours),
            monitor.continuations.load(Relaxed),
            monitor.late_steps.load(Relaxed),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_called_as_musicians_call_them() {
        let keys = [21, 60, 61, 108].iter().fold(0u128, |keys, key| keys | 1 << (key - LOWEST_KEY));
        assert_eq!(names(keys), "A0 C4 C#4 C8");
        assert_eq!(names(0), "-");
    }
}
