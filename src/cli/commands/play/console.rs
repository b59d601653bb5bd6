//! The terminal while it plays: commands in, words out.

use super::{
    HELP, PlayArgs,
    control_map::{ControlMap, Message},
    lessons::Told,
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
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::Ordering::Relaxed,
        mpsc::{Receiver, RecvTimeoutError, SyncSender},
    },
    time::{Duration, Instant},
};

/// How often Ctrl-C, takes and the sound card are looked after.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A line of the meters.
const METERS_EVERY: Duration = Duration::from_secs(1);

/// What waits for the terminal's thread; of more, lines wait and messages are dropped.
pub const MAX_HEARD: usize = 1024;

/// What the terminal's thread waits for.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// A line was typed.
    Line(String),
    /// A controller moved, or a program was chosen.
    Midi(Message),
    /// A parameter was moved in the window.
    Set(ParamId, f32),
    /// The input was switched in the window.
    Input(bool),
    /// The window was closed.
    Closed,
}

/// The values and the switch of the input, as the console has them; the audio thread never touches it.
pub type Shown = Arc<Mutex<(ParamValues, bool)>>;

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
    /// Nothing: learns no more.
    Learn(String),
    Unlearn(String),
    Map,
    /// To the map's own file where no name is given.
    SaveMap(String),
    /// Nothing: tells how it stands.
    Lesson(String),
}

impl Typed {
    fn parse(line: &str) -> Self {
        let line = line.trim();
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        match word {
            "learn" => return Self::Learn(rest.into()),
            "unlearn" => return Self::Unlearn(rest.into()),
            "lesson" => return Self::Lesson(rest.into()),
            "save" if rest == "map" => return Self::SaveMap(String::new()),
            "save" if rest.starts_with("map ") => return Self::SaveMap(rest[4..].trim().into()),
            _ => {}
        }
        match line {
            "" => Self::Nothing,
            "i" => Self::Input,
            "k" => Self::Keep,
            "q" => Self::Quit,
            "p" => Self::Parameters,
            "map" => Self::Map,
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
    if text::parameter::<ParamId>(line).is_ok() {
        return None;
    }
    let spaces = line.char_indices().filter(|(_, c)| c.is_whitespace()).map(|(at, _)| at);
    let known = spaces.clone().filter(|&at| text::parameter::<ParamId>(&line[..at]).is_ok()).max();
    known.or_else(|| spaces.min()).map(|at| line.split_at(at))
}

/// What the terminal knows of the instance.
pub struct Console {
    orders: Producer<Order>,
    values: ParamValues,
    is_input_on: bool,
    status: Arc<TakeStatus>,
    told_takes: u64,
    lessons: Told,
    map: ControlMap,
    /// The values and the switch of the input, for the window.
    shown: Shown,
}

impl Console {
    /// For an engine that begins with `values`.
    pub fn new(
        orders: Producer<Order>,
        values: ParamValues,
        is_input_on: bool,
        status: Arc<TakeStatus>,
        lessons: Told,
        map: ControlMap,
    ) -> Self {
        Self {
            orders,
            values,
            is_input_on,
            status,
            told_takes: 0,
            lessons,
            map,
            shown: Arc::new(Mutex::new((values, is_input_on))),
        }
    }

    /// What the window shows.
    pub fn shown(&self) -> Shown {
        Arc::clone(&self.shown)
    }

    /// Until the time is over, somebody quits, or the sound card does.
    ///
    /// # Errors
    /// Why the sound card plays no more.
    pub fn run(
        &mut self,
        args: &PlayArgs,
        heard: &Receiver<Heard>,
        interrupt: &Interrupt,
        monitor: &Monitor,
    ) -> Result<(), CliError> {
        self.tell_input();
        let began = Instant::now();
        let end = args.seconds.map(Duration::from_secs_f64);
        let mut told = began;
        while !interrupt.is_pressed() && end.is_none_or(|end| began.elapsed() < end) {
            let patience = end.map_or(LOOK_EVERY, |end| LOOK_EVERY.min(end.saturating_sub(began.elapsed())));
            match heard.recv_timeout(patience) {
                Ok(Heard::Line(line)) => match Typed::parse(&line) {
                    Typed::Quit => break,
                    typed => self.obey(typed, args),
                },
                Ok(Heard::Midi(message)) => self.follow(message),
                Ok(Heard::Set(id, value)) => self.set(id, value),
                Ok(Heard::Input(on)) => self.switch_input(on),
                Ok(Heard::Closed) => break,
                Err(RecvTimeoutError::Timeout) => {}
                // Whatever fed the terminal has ended; the music need not.
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(patience),
            }
            self.tell_takes();
            *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = (self.values, self.is_input_on);
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

    /// Moves what a controller or a program is mapped to.
    pub fn follow(&mut self, message: Message) {
        let moves = self.map.hear(message, &self.values);
        for (id, value) in moves.values {
            self.set(id, value);
        }
        if let Some(said) = moves.said {
            say!("{said}");
        }
    }

    fn learn(&mut self, key: &str, args: &PlayArgs) {
        if key.is_empty() {
            self.map.learn(None);
            say!("learning nothing; as in: learn mix");
            return;
        }
        match text::parameter::<ParamId>(key) {
            Ok(id) if args.midi.is_none() => {
                say!("{} waits for no controller: there is no MIDI input (--midi)", id.spec().key);
            }
            Ok(id) => {
                self.map.learn(Some(id));
                say!("learning {}: move a controller (learn alone gives up)", id.spec().key);
            }
            Err(error) => say!("error: learn: {error}"),
        }
    }

    fn unlearn(&mut self, key: &str) {
        match text::parameter::<ParamId>(key) {
            Ok(id) if self.map.unlearn(id) => say!("no controller moves {} any longer", id.spec().key),
            Ok(id) => say!("no controller moves {}", id.spec().key),
            Err(error) => say!("error: unlearn: {error}"),
        }
    }

    fn tell_map(&self) {
        let lines = self.map.lines();
        if lines.is_empty() {
            say!("nothing is mapped; as in: learn mix, and then move a controller");
        }
        lines.iter().for_each(|line| say!("{line}"));
    }

    fn save_map(&mut self, name: &str) {
        match self.map.save(Some(Path::new(name)).filter(|_| !name.is_empty())) {
            Ok(path) => say!("map saved: {}", path.display()),
            Err(error) => lines(&error).iter().for_each(|line| say!("error: {line}")),
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

    /// What becomes of what was learnt, at the end.
    pub fn end_map(&mut self, args: &PlayArgs) {
        if self.map.is_changed() {
            if args.save_map {
                self.save_map("");
            } else {
                say!("what was learnt is not saved (save map FILE does it, and --map FILE --save-map at the end)");
            }
        }
    }

    fn obey(&mut self, typed: Typed, args: &PlayArgs) {
        match typed {
            Typed::Nothing | Typed::Quit => {}
            Typed::Input => self.switch_input(!self.is_input_on),
            Typed::Keep => {
                self.order(Order::Set(ParamId::Keep, 1.0));
                self.order(Order::Set(ParamId::Keep, 0.0));
            }
            Typed::Help => say!("{HELP}"),
            Typed::Learn(key) => self.learn(&key, args),
            Typed::Unlearn(key) => self.unlearn(&key),
            Typed::Map => self.tell_map(),
            Typed::SaveMap(name) => self.save_map(&name),
            Typed::Lesson(what) => self.lesson(&what),
            Typed::Parameters => by_group().for_each(|spec| self.tell(spec)),
            Typed::Tell(key) => match text::parameter::<ParamId>(&key) {
                Ok(id) => self.tell(id.spec()),
                Err(error) => {
                    say!("{key:?} is neither a command nor a parameter{}; ? tells the commands", error.suggestion());
                }
            },
            Typed::Set(assignment) => match assignment.resolve("terminal") {
                Ok((id, value)) => {
                    self.set(id, value);
                    self.tell(id.spec());
                }
                Err(error) => lines(&error).iter().for_each(|line| say!("error: {line}")),
            },
        }
    }

    fn set(&mut self, id: ParamId, value: f32) {
        self.values.set(id, value);
        self.order(Order::Set(id, value));
    }

    fn switch_input(&mut self, on: bool) {
        self.is_input_on = on;
        self.order(Order::Input(on));
        self.tell_input();
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

/// Sends lines of stdin, from a thread that ends with the program: nothing can wake it from reading.
pub fn listen(sender: SyncSender<Heard>) {
    let read = move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(Heard::Line(line)).is_err() {
                return;
            }
        }
    };
    // Without the thread there are no commands; Ctrl-C is left.
    let _ = std::thread::Builder::new().name("sympathy-terminal".into()).spawn(read);
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
            ("learn mix", Typed::Learn("mix".into())),
            ("learn  Seed Length ", Typed::Learn("Seed Length".into())),
            ("learn", Typed::Learn(String::new())),
            ("unlearn mix", Typed::Unlearn("mix".into())),
            ("map", Typed::Map),
            ("save map", Typed::SaveMap(String::new())),
            ("save map my map.json", Typed::SaveMap("my map.json".into())),
            ("save take", Typed::Tell("save take".into())),
            ("lesson  resume", Typed::Lesson("resume".into())),
            ("learn_take on", Typed::Set(Assignment { key: "learn_take".into(), value: "on".into() })),
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
