//! The terminal while it plays: commands in, words out.

use super::{
    HELP, PlayArgs,
    performer::{Monitor, Order},
};
use crate::cli::terminal::say;
use crate::{
    cli::{automation::Assignment, error::CliError, interrupt::Interrupt, lines},
    control::{
        ParamId, ParamValues, text,
        values::{ParamSpec, by_group},
    },
    take::TakeStatus,
};
use rtrb::Producer;
use std::{
    io::BufRead,
    sync::{
        Arc,
        atomic::Ordering::Relaxed,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

/// How often Ctrl-C, takes and the sound card are looked after.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A line of the meters.
const METERS_EVERY: Duration = Duration::from_secs(1);

/// A line that was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Typed {
    Nothing,
    Input,
    Keep,
    Quit,
    Help,
    Parameters,
    Tell(String),
    Set(Assignment),
}

impl Typed {
    fn parse(line: &str) -> Self {
        let line = line.trim();
        match line {
            "" => Self::Nothing,
            "i" => Self::Input,
            "k" => Self::Keep,
            "q" => Self::Quit,
            "p" => Self::Parameters,
            "?" | "h" | "help" => Self::Help,
            _ => match split(line) {
                Some((key, value)) => Self::Set(Assignment { key: key.trim().into(), value: value.trim().into() }),
                None => Self::Tell(line.into()),
            },
        }
    }
}

/// A parameter and its value: around the first `=`, or else where a name ends that is a parameter's. Names may have spaces.
fn split(line: &str) -> Option<(&str, &str)> {
    if let Some(pair) = line.split_once('=') {
        return Some(pair);
    }
    if text::parameter(line).is_ok() {
        return None;
    }
    let spaces = line.char_indices().filter(|(_, c)| c.is_whitespace()).map(|(at, _)| at);
    let known = spaces.clone().filter(|&at| text::parameter(&line[..at]).is_ok()).max();
    known.or_else(|| spaces.min()).map(|at| line.split_at(at))
}

/// What the terminal knows of the instance.
pub struct Console {
    orders: Producer<Order>,
    values: ParamValues,
    is_input_on: bool,
    status: Arc<TakeStatus>,
    told_takes: u64,
}

impl Console {
    /// For an engine that begins with `values`.
    pub fn new(orders: Producer<Order>, values: ParamValues, is_input_on: bool, status: Arc<TakeStatus>) -> Self {
        Self { orders, values, is_input_on, status, told_takes: 0 }
    }

    /// Until the time is over, somebody quits, or the sound card does.
    ///
    /// # Errors
    /// Why the sound card plays no more.
    pub fn run(&mut self, args: &PlayArgs, interrupt: &Interrupt, monitor: &Monitor) -> Result<(), CliError> {
        self.tell_input();
        let typed = listen();
        let began = Instant::now();
        let end = args.seconds.map(Duration::from_secs_f64);
        let mut told = began;
        while !interrupt.is_pressed() && end.is_none_or(|end| began.elapsed() < end) {
            let patience = end.map_or(LOOK_EVERY, |end| LOOK_EVERY.min(end.saturating_sub(began.elapsed())));
            match typed.recv_timeout(patience) {
                Ok(line) if Typed::parse(&line) == Typed::Quit => break,
                Ok(line) => self.obey(Typed::parse(&line)),
                Err(RecvTimeoutError::Timeout) => {}
                // Whatever fed the terminal has ended; the music need not.
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(patience),
            }
            self.tell_takes();
            if let Some(reason) = monitor.failure.get() {
                let (device, reason) = ("the sound card".into(), reason.clone());
                return Err(CliError::Device { device, action: "played any longer", reason });
            }
            if args.meters && told.elapsed() >= METERS_EVERY {
                told += METERS_EVERY;
                say!("{}", self.meters(monitor));
            }
        }
        Ok(())
    }

    fn obey(&mut self, typed: Typed) {
        match typed {
            Typed::Nothing | Typed::Quit => {}
            Typed::Input => {
                self.is_input_on = !self.is_input_on;
                self.order(Order::Input(self.is_input_on));
                self.tell_input();
            }
            Typed::Keep => {
                self.order(Order::Set(ParamId::Keep, 1.0));
                self.order(Order::Set(ParamId::Keep, 0.0));
            }
            Typed::Help => say!("{HELP}"),
            Typed::Parameters => by_group().for_each(|spec| self.tell(spec)),
            Typed::Tell(key) => match text::parameter(&key) {
                Ok(id) => self.tell(id.spec()),
                Err(error) => {
                    say!("{key:?} is neither a command nor a parameter{}; ? tells the commands", error.suggestion());
                }
            },
            Typed::Set(assignment) => match assignment.resolve("terminal") {
                Ok((id, value)) => {
                    self.values.set(id, value);
                    self.order(Order::Set(id, value));
                    self.tell(id.spec());
                }
                Err(error) => lines(&error).iter().for_each(|line| say!("error: {line}")),
            },
        }
    }

    fn order(&mut self, order: Order) {
        if self.orders.push(order).is_err() {
            say!("not done: the sound card takes no orders");
        }
    }

    fn tell(&self, spec: &ParamSpec) {
        say!("{} = {}", spec.key, text::typed(spec, self.values.get(spec.id)));
    }

    fn tell_input(&self) {
        if self.is_input_on {
            say!("input on");
        } else {
            say!("input muted; i and Enter switch it on (mind feedback: use headphones, or turn the output down)");
        }
    }

    /// Says what became of takes, once for each.
    pub fn tell_takes(&mut self) {
        let takes = self.status.kept() + self.status.failed();
        if takes > self.told_takes
            && let Some(text) = self.status.text()
        {
            self.told_takes = takes;
            say!("{text}");
        }
    }

    fn meters(&self, monitor: &Monitor) -> String {
        let [input, output] = monitor.take_peaks_db().map(|db| format!("{:.1} dBFS", db.max(-120.0)));
        let muted = if self.is_input_on { "" } else { " (muted)" };
        format!(
            "input {input}{muted}, output {output}, worker {:.0} % of a core, {} underruns, {} overruns, {} gaps in the input",
            100.0 * monitor.meters.load(),
            monitor.meters.underruns(),
            monitor.overruns.load(Relaxed),
            monitor.input_gaps.load(Relaxed)
        )
    }
}

/// Lines of stdin, from a thread that ends with the program: nothing can wake it from reading.
fn listen() -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    let read = move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    };
    // Without the thread there are no commands; Ctrl-C is left.
    let _ = std::thread::Builder::new().name("sympathy-terminal".into()).spawn(read);
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_understood() {
        for (line, typed) in [
            ("  ", Typed::Nothing),
            ("i", Typed::Input),
            (" k ", Typed::Keep),
            ("q", Typed::Quit),
            ("?", Typed::Help),
            ("mix", Typed::Tell("mix".into())),
        ] {
            assert_eq!(Typed::parse(line), typed, "{line:?}");
        }
        for line in ["mix 70", "mix=70", " mix =  70 ", "mix\t70"] {
            let expected = Assignment { key: "mix".into(), value: "70".into() };
            assert_eq!(Typed::parse(line), Typed::Set(expected), "{line:?}");
        }
        for (line, key, value) in [
            ("Seed Source Perlin Noise", "Seed Source", "Perlin Noise"),
            ("seed source = white", "seed source", "white"),
            ("answer after 2 s", "answer after", "2 s"),
            ("nobody knows this", "nobody", "knows this"),
        ] {
            let expected = Assignment { key: key.into(), value: value.into() };
            assert_eq!(Typed::parse(line), Typed::Set(expected), "{line:?}");
        }
        assert_eq!(Typed::parse("Seed Source"), Typed::Tell("Seed Source".into()));
    }
}
