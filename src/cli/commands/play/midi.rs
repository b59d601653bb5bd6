//! A MIDI input: notes and stops go to the audio thread, controllers and programs to the terminal's, which maps them.

use super::{
    console::{Heard, HeardOf},
    control_map::{Message, can_be_mapped},
    performer::MidiOrder,
    ports::Input,
    sound::Sound,
};
use crate::cli::error::CliError;
use midly::{MidiMessage, live::LiveEvent};
use rtrb::{Consumer, Producer, RingBuffer};
use std::sync::mpsc::SyncSender;

/// What the system calls the program.
const CLIENT: &str = "Sympathy";
/// Messages that wait for the next block; more are dropped.
const MAX_WAITING: usize = 256;

/// Where messages go.
#[derive(Debug)]
pub struct Inlet {
    orders: Producer<MidiOrder>,
    heard: SyncSender<HeardOf<Sound>>,
}

impl Inlet {
    /// Both ways for messages: notes and stops come out at the consumer.
    pub fn new(heard: SyncSender<HeardOf<Sound>>) -> (Self, Consumer<MidiOrder>) {
        let (orders, consumer) = RingBuffer::new(MAX_WAITING);
        (Self { orders, heard }, consumer)
    }

    /// Takes what an input has received.
    pub fn take(&mut self, message: &[u8]) {
        let Ok(LiveEvent::Midi { channel, message }) = LiveEvent::parse(message) else {
            return;
        };
        let channel = channel.as_int();
        // A full ring means that no audio is running, a full channel that the terminal hangs: either can do without it.
        match (MidiOrder::of(message), message) {
            (Some(order), _) => _ = self.orders.push(order),
            (None, MidiMessage::Controller { controller, value }) if can_be_mapped(controller.as_int()) => {
                let (number, value) = (controller.as_int(), value.as_int());
                let _ = self.heard.try_send(Heard::Midi(Message::Controller { channel, number, value }));
            }
            (None, MidiMessage::ProgramChange { program }) => {
                let _ = self.heard.try_send(Heard::Midi(Message::Program { channel, number: program.as_int() }));
            }
            _ => {}
        }
    }
}

/// Listens to an input until the connection is dropped; without a name to none.
///
/// # Errors
/// If there is no such input, or it refuses.
pub fn connect(
    name: Option<&str>,
    heard: SyncSender<HeardOf<Sound>>,
) -> Result<(Option<Input>, Consumer<MidiOrder>), CliError> {
    let (mut inlet, consumer) = Inlet::new(heard);
    let input = name.map(|name| Input::open(CLIENT, name, move |message| inlet.take(message))).transpose()?;
    Ok((input, consumer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::sync_channel;

    #[test]
    fn messages_go_where_they_belong() {
        let (sender, heard) = sync_channel(16);
        let (mut inlet, mut orders) = Inlet::new(sender);
        let mut take = |message: &[u8]| {
            inlet.take(message);
            (orders.pop().ok(), heard.try_recv().ok())
        };
        assert_eq!(take(&[0x93, 60, 127]), (Some(MidiOrder::Note { key: 60, velocity: 1.0 }), None));
        for stop in [120, 123, 124, 127] {
            assert_eq!(take(&[0xb0, stop, 0]), (Some(MidiOrder::Stop), None));
        }
        let moved = Message::Controller { channel: 2, number: 1, value: 64 };
        assert_eq!(take(&[0xb2, 1, 64]), (None, Some(Heard::Midi(moved))));
        assert_eq!(take(&[0xcf, 5]), (None, Some(Heard::Midi(Message::Program { channel: 15, number: 5 }))));
        for other in [
            &[0x90, 60, 0][..],
            &[0x80, 60, 64],
            &[0xb0, 121, 0],
            &[0xb0, 122, 0],
            &[0xf8],
            &[],
            &[0x90, 60],
            &[0xe0, 0, 64],
        ] {
            assert_eq!(take(other), (None, None), "{other:?}");
        }
    }
}
