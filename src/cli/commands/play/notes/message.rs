//! A MIDI message as it comes and goes: three bytes at most. System exclusive messages are none: the plugin passes none on, either.

use crate::notes::live::Message;

/// Bytes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short {
    bytes: [u8; 3],
    length: u8,
}

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A key goes down; a velocity of 0 is one that goes up.
    Down {
        /// 0 to 15.
        channel: u8,
        /// 0 to 127.
        key: u8,
        /// 0 to 127.
        velocity: u8,
    },
    /// A key goes up.
    Up {
        /// 0 to 15.
        channel: u8,
        /// 0 to 127.
        key: u8,
        /// 0 to 127.
        velocity: u8,
    },
    /// A controller takes a value.
    Controller {
        /// 0 to 15.
        channel: u8,
        /// 0 to 127.
        number: u8,
        /// 0 to 127.
        value: u8,
    },
    /// A program is chosen.
    Program {
        /// 0 to 15.
        channel: u8,
        /// 0 to 127.
        number: u8,
    },
    /// Pitch bend, pressure.
    Colour,
    /// The clock of another machine.
    Beat(Beat),
}

/// What the clock of another machine says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// The 24th part of a quarter note has gone by.
    Tick,
    /// The song begins with the next tick.
    Start,
    /// The song goes on with the next tick.
    Continue,
    /// The song stands.
    Stop,
    /// The song's place, in sixteenths.
    Place(u16),
}

impl Short {
    /// A message that has been received; none of what is not whole, or of no interest.
    pub fn read(message: &[u8]) -> Option<Self> {
        let length = match message.first()? {
            0x80..=0xbf | 0xe0..=0xef | 0xf2 => 3,
            0xc0..=0xdf => 2,
            0xf8 | 0xfa | 0xfb | 0xfc => 1,
            _ => return None,
        };
        let is_whole = message.len() == length && message[1..].iter().all(|&byte| byte < 0x80);
        let mut bytes = [0; 3];
        is_whole.then(|| bytes[..length].copy_from_slice(message))?;
        Some(Self { bytes, length: length as u8 })
    }

    /// A controller.
    pub fn controller(channel: u8, number: u8, value: u8) -> Self {
        Self { bytes: [0xb0 | channel & 15, number & 127, value & 127], length: 3 }
    }

    /// What is sent.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// What it says.
    pub fn kind(&self) -> Kind {
        let [status, first, second] = self.bytes;
        let channel = status & 15;
        match status {
            0x80..=0x8f => Kind::Up { channel, key: first, velocity: second },
            0x90..=0x9f => Kind::Down { channel, key: first, velocity: second },
            0xb0..=0xbf => Kind::Controller { channel, number: first, value: second },
            0xc0..=0xcf => Kind::Program { channel, number: first },
            0xf2 => Kind::Beat(Beat::Place(u16::from(first) | u16::from(second) << 7)),
            0xf8 => Kind::Beat(Beat::Tick),
            0xfa => Kind::Beat(Beat::Start),
            0xfb => Kind::Beat(Beat::Continue),
            0xfc => Kind::Beat(Beat::Stop),
            _ => Kind::Colour,
        }
    }
}

impl From<Message> for Short {
    fn from(message: Message) -> Self {
        let bytes = match message {
            Message::On { channel, key, velocity } => [0x90 | channel & 15, key & 127, velocity & 127],
            Message::Off { channel, key, velocity } => [0x80 | channel & 15, key & 127, velocity & 127],
        };
        Self { bytes, length: 3 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_whole_or_not_at_all() {
        for (bytes, kind) in [
            (&[0x93, 60, 100][..], Kind::Down { channel: 3, key: 60, velocity: 100 }),
            (&[0x8f, 60, 64], Kind::Up { channel: 15, key: 60, velocity: 64 }),
            (&[0xb1, 64, 127], Kind::Controller { channel: 1, number: 64, value: 127 }),
            (&[0xc2, 7], Kind::Program { channel: 2, number: 7 }),
            (&[0xd2, 7], Kind::Colour),
            (&[0xa2, 7, 1], Kind::Colour),
            (&[0xe0, 0, 64], Kind::Colour),
            (&[0xf8], Kind::Beat(Beat::Tick)),
            (&[0xfa], Kind::Beat(Beat::Start)),
            (&[0xfb], Kind::Beat(Beat::Continue)),
            (&[0xfc], Kind::Beat(Beat::Stop)),
            (&[0xf2, 1, 2], Kind::Beat(Beat::Place(257))),
        ] {
            let message = Short::read(bytes).expect("a message");
            assert_eq!((message.kind(), message.bytes()), (kind, bytes));
        }
        for bytes in
            [&[][..], &[60, 100], &[0x90, 60], &[0x90, 60, 200], &[0xc0, 1, 2], &[0xf0, 1, 0xf7], &[0xfe], &[0xff]]
        {
            assert_eq!(Short::read(bytes), None, "{bytes:?}");
        }
        let off = Short::from(Message::Off { channel: 9, key: 35, velocity: 7 });
        assert_eq!(off.bytes(), [0x89, 35, 7]);
        assert_eq!(Short::from(Message::On { channel: 9, key: 35, velocity: 1 }).bytes(), [0x99, 35, 1]);
        assert_eq!(Short::controller(2, 64, 0).bytes(), [0xb2, 64, 0]);
    }
}
