//! The terminal while it plays: commands in, words out. What only one of the instruments knows, sound or notes, is [`Played`]'s.

use super::{
    HELP, PlayArgs,
    control_map::{ControlMap, Message, example},
};
use crate::cli::terminal::say;
use crate::{
    cli::{automation::Assignment, error::CliError, interrupt::Interrupt, lines},
    control::{
        HasPresets, text,
        values::{ParamSpec, Parameter},
    },
};
use std::{
    io::BufRead,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender},
    },
    time::{Duration, Instant},
};

/// How often Ctrl-C and the instrument are looked after.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A line of the meters.
const METERS_EVERY: Duration = Duration::from_secs(1);

/// What waits for the terminal's thread; of more, lines wait and messages are dropped.
pub const MAX_HEARD: usize = 1024;

/// What the terminal's thread waits for.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard<Id, Own> {
    /// A line was typed.
    Line(String),
    /// A controller moved, or a program was chosen.
    Midi(Message),
    /// A parameter was moved in the window.
    Set(Id, f32),
    /// Something that only this instrument knows.
    Own(Own),
    /// The window was closed.
    Closed,
}

/// [`Heard`] of an instrument.
pub type HeardOf<P> = Heard<<P as Played>::Id, <P as Played>::Own>;

/// The values, as the console has them; the thread that plays never touches it.
pub type Shown<Id> = Arc<Mutex<<Id as Parameter>::Values>>;

/// An instrument, as the terminal plays it.
pub trait Played {
    /// Its parameters.
    type Id: HasPresets;
    /// What its window tells the terminal beside parameters.
    type Own;

    /// Orders a parameter's value; false if nobody takes orders any more.
    fn order(&mut self, id: Self::Id, value: f32) -> bool;
    /// Its window has told something.
    fn hear(&mut self, own: Self::Own);
    /// Obeys a command of its own; false if it has no such.
    fn obey(&mut self, word: &str, rest: &str) -> bool;
    /// Says what is to be known from the start.
    fn begin(&mut self);
    /// Says what has happened since the last look, once for each.
    ///
    /// # Errors
    /// Why it plays no more.
    fn look(&mut self) -> Result<(), CliError>;
    /// A line of figures.
    fn meters(&mut self) -> String;
}

/// A line that was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Typed {
    Nothing,
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
}

/// The first word of a line, and the rest.
fn words(line: &str) -> (&str, &str) {
    let (word, rest) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
    (word, rest.trim())
}

impl Typed {
    fn parse<Id: Parameter>(line: &str) -> Self {
        let line = line.trim();
        let (word, rest) = words(line);
        match word {
            "learn" => return Self::Learn(rest.into()),
            "unlearn" => return Self::Unlearn(rest.into()),
            "save" if rest == "map" => return Self::SaveMap(String::new()),
            "save" if rest.starts_with("map ") => return Self::SaveMap(rest[4..].trim().into()),
            _ => {}
        }
        match line {
            "" => Self::Nothing,
            "q" => Self::Quit,
            "p" => Self::Parameters,
            "map" => Self::Map,
            "?" | "h" | "help" => Self::Help,
            _ => match split::<Id>(line) {
                Some((key, value)) => Self::Set(Assignment { key: key.trim().into(), value: value.trim().into() }),
                None => Self::Tell(line.into()),
            },
        }
    }
}

/// A parameter and its value: around the first `=`, or else where a name ends that is a parameter's. Names may have spaces.
fn split<Id: Parameter>(line: &str) -> Option<(&str, &str)> {
    if let Some(pair) = line.split_once('=') {
        return Some(pair);
    }
    if text::parameter::<Id>(line).is_ok() {
        return None;
    }
    let spaces = line.char_indices().filter(|(_, c)| c.is_whitespace()).map(|(at, _)| at);
    let known = spaces.clone().filter(|&at| text::parameter::<Id>(&line[..at]).is_ok()).max();
    known.or_else(|| spaces.min()).map(|at| line.split_at(at))
}

/// What the terminal knows of the instance.
pub struct Console<P: Played> {
    /// What is played.
    pub played: P,
    values: <P::Id as Parameter>::Values,
    map: ControlMap<P::Id>,
    /// The values, for the window.
    shown: Shown<P::Id>,
}

impl<P: Played> Console<P> {
    /// For an engine that begins with `values`.
    pub fn new(played: P, values: <P::Id as Parameter>::Values, map: ControlMap<P::Id>) -> Self {
        Self { played, values, map, shown: Arc::new(Mutex::new(values)) }
    }

    /// What the window shows.
    pub fn shown(&self) -> Shown<P::Id> {
        Arc::clone(&self.shown)
    }

    /// Until the time is over, somebody quits, or nothing can be played any more. `has_midi`: there is an input whose controllers can be
    /// learnt.
    ///
    /// # Errors
    /// Why nothing can be.
    pub fn run(
        &mut self,
        args: &PlayArgs,
        has_midi: bool,
        heard: &Receiver<HeardOf<P>>,
        interrupt: &Interrupt,
    ) -> Result<(), CliError> {
        self.played.begin();
        let began = Instant::now();
        let end = args.seconds.map(Duration::from_secs_f64);
        let mut told = began;
        while !interrupt.is_pressed() && end.is_none_or(|end| began.elapsed() < end) {
            let patience = end.map_or(LOOK_EVERY, |end| LOOK_EVERY.min(end.saturating_sub(began.elapsed())));
            match heard.recv_timeout(patience) {
                Ok(Heard::Line(line)) => {
                    let (word, rest) = words(&line);
                    if !self.played.obey(word, rest) {
                        match Typed::parse::<P::Id>(&line) {
                            Typed::Quit => break,
                            typed => self.obey(typed, has_midi),
                        }
                    }
                }
                Ok(Heard::Midi(message)) => self.follow(message),
                Ok(Heard::Set(id, value)) => self.set(id, value),
                Ok(Heard::Own(own)) => self.played.hear(own),
                Ok(Heard::Closed) => break,
                Err(RecvTimeoutError::Timeout) => {}
                // Whatever fed the terminal has ended; the music need not.
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(patience),
            }
            self.played.look()?;
            *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = self.values;
            if args.meters && told.elapsed() >= METERS_EVERY {
                told += METERS_EVERY;
                say!("{}", self.played.meters());
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

    fn learn(&mut self, key: &str, has_midi: bool) {
        if key.is_empty() {
            self.map.learn(None);
            say!("learning nothing; as in: learn {}", example::<P::Id>());
            return;
        }
        match text::parameter::<P::Id>(key) {
            Ok(id) if !has_midi => {
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
        match text::parameter::<P::Id>(key) {
            Ok(id) if self.map.unlearn(id) => say!("no controller moves {} any longer", id.spec().key),
            Ok(id) => say!("no controller moves {}", id.spec().key),
            Err(error) => say!("error: unlearn: {error}"),
        }
    }

    fn tell_map(&self) {
        let lines = self.map.lines();
        if lines.is_empty() {
            say!("nothing is mapped; as in: learn {}, and then move a controller", example::<P::Id>());
        }
        lines.iter().for_each(|line| say!("{line}"));
    }

    fn save_map(&mut self, name: &str) {
        match self.map.save(Some(Path::new(name)).filter(|_| !name.is_empty())) {
            Ok(path) => say!("map saved: {}", path.display()),
            Err(error) => lines(&error).iter().for_each(|line| say!("error: {line}")),
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

    fn obey(&mut self, typed: Typed, has_midi: bool) {
        match typed {
            Typed::Nothing | Typed::Quit => {}
            Typed::Help => say!("{HELP}"),
            Typed::Learn(key) => self.learn(&key, has_midi),
            Typed::Unlearn(key) => self.unlearn(&key),
            Typed::Map => self.tell_map(),
            Typed::SaveMap(name) => self.save_map(&name),
            Typed::Parameters => P::Id::by_group().for_each(|spec| self.tell(spec)),
            Typed::Tell(key) => match text::parameter::<P::Id>(&key) {
                Ok(id) => self.tell(id.spec()),
                Err(error) => {
                    say!("{key:?} is neither a command nor a parameter{}; ? tells the commands", error.suggestion());
                }
            },
            Typed::Set(assignment) => match assignment.resolve::<P::Id>("terminal") {
                Ok((id, value)) => {
                    self.set(id, value);
                    self.tell(id.spec());
                }
                Err(error) => lines(&error).iter().for_each(|line| say!("error: {line}")),
            },
        }
    }

    fn set(&mut self, id: P::Id, value: f32) {
        id.put(&mut self.values, value);
        if !self.played.order(id, value) {
            say!("not done: nothing takes orders any more");
        }
    }

    fn tell(&self, spec: &ParamSpec<P::Id>) {
        say!("{} = {}", spec.key, text::typed(spec, spec.id.value(&self.values)));
    }
}

/// Sends lines of stdin, from a thread that ends with the program: nothing can wake it from reading.
pub fn listen<Id: Send + 'static, Own: Send + 'static>(sender: SyncSender<Heard<Id, Own>>) {
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
    use crate::control::{ParamId, notes::NoteParam};

    #[test]
    fn lines_are_understood() {
        for (line, typed) in [
            ("  ", Typed::Nothing),
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
            ("learn_take on", Typed::Set(Assignment { key: "learn_take".into(), value: "on".into() })),
        ] {
            assert_eq!(Typed::parse::<ParamId>(line), typed, "{line:?}");
        }
        for line in ["mix 70", "mix=70", " mix =  70 ", "mix\t70"] {
            let expected = Assignment { key: "mix".into(), value: "70".into() };
            assert_eq!(Typed::parse::<ParamId>(line), Typed::Set(expected), "{line:?}");
        }
        for (line, key, value) in [
            ("Seed Source Perlin Noise", "Seed Source", "Perlin Noise"),
            ("seed source = white", "seed source", "white"),
            ("answer after 2 s", "answer after", "2 s"),
            ("nobody knows this", "nobody", "knows this"),
        ] {
            let expected = Assignment { key: key.into(), value: value.into() };
            assert_eq!(Typed::parse::<ParamId>(line), Typed::Set(expected), "{line:?}");
        }
        assert_eq!(Typed::parse::<ParamId>("Seed Source"), Typed::Tell("Seed Source".into()));
        let expected = Assignment { key: "Free Tempo".into(), value: "90".into() };
        assert_eq!(Typed::parse::<NoteParam>("Free Tempo 90"), Typed::Set(expected));
        assert_eq!(words("  lesson \t resume "), ("lesson", "resume"));
    }
}
