//! MIDI ports of the system: their names, how they are opened, and whether they are still there.

use crate::cli::{error::CliError, one_line};
use midir::{Ignore, MidiIO, MidiInput, MidiInputConnection, MidiOutput, MidiOutputConnection};
use std::{
    fmt,
    time::{Duration, Instant},
};

/// What asks for names calls itself so.
const LISTING: &str = "Sympathy (looking)";
/// What nothing here hears. A system exclusive message that is long, or never ends, would hold up what comes behind it.
const UNUSED: Ignore = Ignore::SysexAndActiveSense;
/// From one look for ports that have gone to the next.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Which way messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the program.
    In,
    /// From it.
    Out,
}

impl Direction {
    /// The option that names such a port.
    fn option(self) -> &'static str {
        match self {
            Self::In => "--midi",
            Self::Out => "--midi-out",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::In => "MIDI input",
            Self::Out => "MIDI output",
        })
    }
}

/// Why the system has no MIDI, and what to do.
fn no_midi() -> String {
    if cfg!(target_os = "linux") {
        const PLACE: &str = "/dev/snd/seq";
        let (found, remedy) = match std::path::Path::new(PLACE).exists() {
            true => ("one that may not be opened", "sudo usermod -aG audio $USER, and log in again"),
            false => ("none", "sudo modprobe snd-seq brings it (in a container, the machine outside has to)"),
        };
        format!("expected ALSA's MIDI sequencer at {PLACE}, found {found}; {remedy}")
    } else {
        "expected the system's MIDI, found none that answers".into()
    }
}

fn refused(device: String, reason: &str) -> CliError {
    CliError::Device { device, action: "opened", reason: one_line(reason) }
}

fn ports<C: MidiIO>(client: &C) -> Vec<(C::Port, String)> {
    client.ports().into_iter().filter_map(|port| Some((port.clone(), client.port_name(&port).ok()?))).collect()
}

fn names_of<C: MidiIO>(client: &C) -> Vec<String> {
    ports(client).into_iter().map(|(_, name)| name).collect()
}

/// Names of the ports of one direction; none where the system has no MIDI.
pub fn names(direction: Direction) -> Vec<String> {
    match direction {
        Direction::In => MidiInput::new(LISTING).map(|client| names_of(&client)),
        Direction::Out => MidiOutput::new(LISTING).map(|client| names_of(&client)),
    }
    .unwrap_or_default()
}

/// The place of the port that is meant: the one that is called so, or else the only one in whose name it stands.
fn meant(names: &[String], direction: Direction, wanted: &str) -> Result<usize, CliError> {
    let holds = |name: &str| name.to_lowercase().contains(&wanted.to_lowercase());
    let within: Vec<usize> = (0..names.len()).filter(|&place| holds(&names[place])).collect();
    let exact = names.iter().position(|name| name == wanted);
    let shown = |places: &[usize]| places.iter().map(|&at| one_line(&names[at])).collect::<Vec<_>>().join(", ");
    match (exact, &within[..]) {
        (Some(place), _) => Ok(place),
        (None, &[place]) => Ok(place),
        (None, found) => {
            let option = direction.option();
            let (expected, actual) = match found {
                [] if names.is_empty() => (format!("a {direction} (there is none)"), format!("{wanted:?}")),
                [] => {
                    let all: Vec<usize> = (0..names.len()).collect();
                    (format!("a {direction} or a part of its name ({})", shown(&all)), format!("{wanted:?}"))
                }
                several => (format!("one {direction}"), format!("{wanted:?}, which means {}", shown(several))),
            };
            Err(CliError::Option { option, expected, actual })
        }
    }
}

fn find<C: MidiIO>(client: &C, direction: Direction, wanted: &str) -> Result<(C::Port, String), CliError> {
    let mut ports = ports(client);
    let names: Vec<String> = ports.iter().map(|(_, name)| name.clone()).collect();
    Ok(ports.swap_remove(meant(&names, direction, wanted)?))
}

/// An input that is listened to while this lives.
pub struct Input {
    /// What the system calls it.
    pub name: String,
    _connection: MidiInputConnection<()>,
}

impl Input {
    /// Gives `take` each message of an input, on a thread of the system's. `client`: what the program calls itself.
    ///
    /// # Errors
    /// If there is no such input, or it refuses.
    pub fn open(client: &str, wanted: &str, mut take: impl FnMut(&[u8]) + Send + 'static) -> Result<Self, CliError> {
        let device = format!("MIDI input {wanted:?}");
        let mut client = MidiInput::new(client).map_err(|_| refused(device.clone(), &no_midi()))?;
        client.ignore(UNUSED);
        let (port, name) = find(&client, Direction::In, wanted)?;
        let connected = client.connect(&port, "in", move |_, message, ()| take(message), ());
        let _connection = connected.map_err(|error| refused(device, &error.to_string()))?;
        Ok(Self { name, _connection })
    }

    /// The same with a port of the program's own, to which others connect. It is called as the client is: macOS shows nothing else.
    ///
    /// # Errors
    /// If the system has no such ports.
    #[cfg(unix)]
    pub fn open_own(client_name: &str, mut take: impl FnMut(&[u8]) + Send + 'static) -> Result<Self, CliError> {
        use midir::os::unix::VirtualInput;
        let device = format!("a MIDI input of its own ({client_name:?})");
        let mut own = MidiInput::new(client_name).map_err(|_| refused(device.clone(), &no_midi()))?;
        own.ignore(UNUSED);
        let connected = own.create_virtual(client_name, move |_, message, ()| take(message), ());
        let _connection = connected.map_err(|error| refused(device, &error.to_string()))?;
        Ok(Self { name: client_name.into(), _connection })
    }

    /// Refuses: this system has no ports that programs make.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(unix))]
    pub fn open_own(_client: &str, _take: impl FnMut(&[u8]) + Send + 'static) -> Result<Self, CliError> {
        Err(must_be_named(Direction::In))
    }
}

/// An output.
pub struct Output {
    /// What the system calls it.
    pub name: String,
    connection: MidiOutputConnection,
}

impl Output {
    /// Opens an output. `client`: what the program calls itself.
    ///
    /// # Errors
    /// If there is no such output, or it refuses.
    pub fn open(client: &str, wanted: &str) -> Result<Self, CliError> {
        let device = format!("MIDI output {wanted:?}");
        let client = MidiOutput::new(client).map_err(|_| refused(device.clone(), &no_midi()))?;
        let (port, name) = find(&client, Direction::Out, wanted)?;
        let connection = client.connect(&port, "out").map_err(|error| refused(device, &error.to_string()))?;
        Ok(Self { name, connection })
    }

    /// The same with a port of the program's own, to which others connect. It is called as the client is: macOS shows nothing else.
    ///
    /// # Errors
    /// If the system has no such ports.
    #[cfg(unix)]
    pub fn open_own(client_name: &str) -> Result<Self, CliError> {
        use midir::os::unix::VirtualOutput;
        let device = format!("a MIDI output of its own ({client_name:?})");
        let own = MidiOutput::new(client_name).map_err(|_| refused(device.clone(), &no_midi()))?;
        let connection = own.create_virtual(client_name).map_err(|error| refused(device, &error.to_string()))?;
        Ok(Self { name: client_name.into(), connection })
    }

    /// Refuses: this system has no ports that programs make.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(unix))]
    pub fn open_own(_client: &str) -> Result<Self, CliError> {
        Err(must_be_named(Direction::Out))
    }

    /// Sends a message.
    ///
    /// # Errors
    /// The system's word.
    ///
    /// # Realtime safety
    /// A system call.
    pub fn send(&mut self, message: &[u8]) -> Result<(), &'static str> {
        self.connection.send(message).map_err(|error| match error {
            midir::SendError::InvalidData(reason) | midir::SendError::Other(reason) => reason,
        })
    }
}

/// Where programs cannot make ports.
#[cfg(any(not(unix), test))]
fn must_be_named(direction: Direction) -> CliError {
    let there = names(direction).iter().map(|name| one_line(name)).collect::<Vec<_>>().join(", ");
    let there = if there.is_empty() { "there is none: loopMIDI makes ports".into() } else { there };
    let expected = format!("the name of a {direction} ({there}), as on this system programs cannot make ports");
    CliError::Option { option: direction.option(), expected, actual: "none".into() }
}

/// A port that was chosen by its name has gone, or is back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortNews {
    /// Which way its messages go.
    pub direction: Direction,
    /// What the system calls it.
    pub name: String,
    /// It is there.
    pub is_there: bool,
}

/// Names of the ports of a direction.
pub type Listing = Box<dyn FnMut(Direction) -> Vec<String> + Send>;

/// Looks whether ports are still there, as not every system says so.
pub struct PortWatch {
    ports: Vec<PortNews>,
    list: Listing,
    looked: Instant,
}

impl PortWatch {
    /// For ports of these names.
    pub fn new(ports: Vec<(Direction, String)>, list: Listing) -> Self {
        let ports = ports.into_iter().map(|(direction, name)| PortNews { direction, name, is_there: true });
        Self { ports: ports.collect(), list, looked: Instant::now() }
    }

    /// Of the system's ports, with clients that stay: one that comes and goes every other second would flicker in patch bays.
    pub fn of_system(ports: Vec<(Direction, String)>) -> Self {
        let is_named = |direction| ports.iter().any(|port| port.0 == direction);
        let input = is_named(Direction::In).then(|| MidiInput::new(LISTING).ok()).flatten();
        let output = is_named(Direction::Out).then(|| MidiOutput::new(LISTING).ok()).flatten();
        let list = move |direction| match direction {
            Direction::In => input.as_ref().map(names_of),
            Direction::Out => output.as_ref().map(names_of),
        };
        Self::new(ports, Box::new(move |direction| list(direction).unwrap_or_default()))
    }

    /// What is new, at most every other second.
    pub fn look(&mut self) -> Vec<PortNews> {
        if self.ports.is_empty() || self.looked.elapsed() < LOOK_EVERY {
            return Vec::new();
        }
        self.looked = Instant::now();
        self.look_now()
    }

    fn look_now(&mut self) -> Vec<PortNews> {
        let mut news = Vec::new();
        for port in &mut self.ports {
            let is_there = (self.list)(port.direction).contains(&port.name);
            if std::mem::replace(&mut port.is_there, is_there) != is_there {
                news.push(port.clone());
            }
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    fn strings(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).into()).collect()
    }

    #[test]
    fn a_port_is_meant_by_its_name_or_a_part_that_only_it_has() {
        let names = strings(&["Keys:Keys MIDI 1 20:0", "Keys:Keys MIDI 2 20:1", "Pad:Pad MIDI 1 24:0", "Pad"]);
        let place = |wanted| meant(&names, Direction::In, wanted).map_err(|error| error.to_string());
        assert_eq!(place("Keys:Keys MIDI 2 20:1"), Ok(1));
        assert_eq!(place("keys midi 2"), Ok(1));
        assert_eq!(place("Pad"), Ok(3), "its whole name, though it stands in another's");
        let several = place("Keys").expect_err("two");
        assert!(several.contains("--midi: expected one MIDI input, found \"Keys\", which means Keys:Keys MIDI 1"));
        let none = place("organ").expect_err("none");
        assert!(none.contains("Pad MIDI 1 24:0") && none.ends_with("found \"organ\""), "{none}");
        let empty = meant(&[], Direction::Out, "synth").expect_err("none").to_string();
        assert_eq!(empty, "--midi-out: expected a MIDI output (there is none), found \"synth\"");
    }

    #[test]
    fn a_port_that_goes_or_comes_back_is_told_once() {
        let there = Arc::new(Mutex::new(strings(&["Keys", "Pad"])));
        let list = Arc::clone(&there);
        let watched = vec![(Direction::In, "Keys".into()), (Direction::Out, "Pad".into())];
        let mut watch = PortWatch::new(watched, Box::new(move |_| list.lock().expect("names").clone()));
        assert_eq!(watch.look_now(), []);
        for (now, is_there) in [(strings(&["Pad"]), false), (strings(&["Pad", "Keys"]), true)] {
            *there.lock().expect("names") = now;
            let news = PortNews { direction: Direction::In, name: "Keys".into(), is_there };
            assert_eq!((watch.look_now(), watch.look_now()), (vec![news], Vec::new()));
        }
        assert_eq!(watch.look(), [], "not yet");
    }

    #[test]
    fn where_programs_make_no_ports_one_has_to_be_named() {
        let error = must_be_named(Direction::Out).to_string();
        assert!(error.starts_with("--midi-out: expected the name of a MIDI output (") && error.ends_with("found none"));
    }
}
