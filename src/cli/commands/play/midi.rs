//! A MIDI input: notes, "all sound off" and "all notes off".

use super::performer::MidiOrder;
use crate::cli::error::CliError;
use midir::{MidiInput, MidiInputConnection};
use rtrb::{Consumer, Producer, RingBuffer};

const CLIENT: &str = "Sympathy";
/// Messages that wait for the next block; more are dropped.
const MAX_WAITING: usize = 256;

/// Listens while it lives.
pub type Connection = MidiInputConnection<Producer<MidiOrder>>;

/// Names of the inputs; none where the system has no MIDI.
pub fn names() -> Vec<String> {
    let Ok(client) = MidiInput::new(CLIENT) else {
        return Vec::new();
    };
    client.ports().iter().filter_map(|port| client.port_name(port).ok()).collect()
}

/// Listens to an input until the connection is dropped; without a name to none.
///
/// # Errors
/// If there is no such input, or it refuses.
pub fn connect(name: Option<&str>) -> Result<(Option<Connection>, Consumer<MidiOrder>), CliError> {
    let (producer, consumer) = RingBuffer::new(MAX_WAITING);
    let Some(name) = name else {
        return Ok((None, consumer));
    };
    let refused =
        |reason: String| CliError::Device { device: format!("MIDI input {name:?}"), action: "opened", reason };
    let client = MidiInput::new(CLIENT).map_err(|error| refused(error.to_string()))?;
    let ports = client.ports();
    let Some(port) = ports.iter().find(|port| client.port_name(port).is_ok_and(|found| found == name)) else {
        let names = names();
        return Err(CliError::Option {
            option: "--midi",
            expected: if names.is_empty() { "a MIDI input (there is none)".into() } else { names.join(", ") },
            actual: format!("{name:?}"),
        });
    };
    let listen = |_stamp: u64, message: &[u8], orders: &mut Producer<MidiOrder>| {
        if let Some(order) = parse(message) {
            // A full ring means that no audio is running: the note can be dropped.
            let _ = orders.push(order);
        }
    };
    let connection = client.connect(port, "in", listen, producer).map_err(|error| refused(error.to_string()))?;
    Ok((Some(connection), consumer))
}

fn parse(message: &[u8]) -> Option<MidiOrder> {
    match *message {
        [status, key, velocity] if status & 0xf0 == 0x90 && velocity > 0 => {
            Some(MidiOrder::Note { key: key & 0x7f, velocity: f32::from(velocity & 0x7f) / 127.0 })
        }
        [status, 120 | 123, _] if status & 0xf0 == 0xb0 => Some(MidiOrder::Stop),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_and_stops_are_understood_and_nothing_else() {
        assert_eq!(parse(&[0x93, 60, 127]), Some(MidiOrder::Note { key: 60, velocity: 1.0 }));
        assert_eq!(parse(&[0xb0, 123, 0]), Some(MidiOrder::Stop));
        for other in [&[0x90, 60, 0][..], &[0x80, 60, 64], &[0xb0, 1, 0], &[0xf8], &[], &[0x90, 60]] {
            assert_eq!(parse(other), None, "{other:?}");
        }
    }
}
