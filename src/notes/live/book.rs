//! Which notes sound, so that none is left hanging: each that was struck is released once, on the channel where it was struck.
//!
//! The book lives as long as the plugin, longer than any engine: neither a reset nor an activation can send what a synthesiser
//! has to hear. What could not be sent is owed, and tried again.

/// MIDI channels.
pub const CHANNELS: usize = 16;

/// A message to whatever sounds the notes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// A note begins; velocity 1 to 127.
    On {
        /// 0 to 15.
        channel: u8,
        /// MIDI number.
        key: u8,
        /// 1 to 127.
        velocity: u8,
    },
    /// A note ends.
    Off {
        /// 0 to 15.
        channel: u8,
        /// MIDI number.
        key: u8,
        /// How fast it goes up, 0 to 127; 0 of ours.
        velocity: u8,
    },
}

/// Takes messages in the order of their time.
pub trait NoteSink {
    /// Sends a message at a sample of the block; false if there is no room for it.
    ///
    /// # Realtime safety
    /// Called on the audio thread.
    fn send(&mut self, offset: usize, message: Message) -> bool;
}

/// Keys of one channel, a bit each.
type Keys = u128;

/// The notes that sound.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// Struck by us.
    ours: [Keys; CHANNELS],
    /// The player's that were passed on.
    players: [Keys; CHANNELS],
    /// Whose end could not be sent.
    owed: [Keys; CHANNELS],
    /// Beginnings for which there was no room.
    dropped: u64,
}

fn bit(key: u8) -> Keys {
    1 << (key & 127)
}

impl Book {
    /// True while nothing sounds and nothing is owed.
    pub fn is_empty(&self) -> bool {
        [&self.ours, &self.players, &self.owed].into_iter().flatten().all(|&keys| keys == 0)
    }

    /// Notes that did not begin, as there was no room to say so.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// True while a note of ours sounds there.
    pub fn is_ours(&self, channel: u8, key: u8) -> bool {
        self.ours[usize::from(channel)] & bit(key) != 0
    }

    /// Tries again what is owed.
    pub fn settle(&mut self, offset: usize, sink: &mut impl NoteSink) {
        for channel in 0..CHANNELS as u8 {
            for key in keys_of(self.owed[usize::from(channel)]) {
                self.pay(channel, key, 0, offset, sink);
            }
        }
    }

    /// Begins a note of ours. Not where the player holds the key, whose end would end ours; a note of ours that sounds there
    /// ends first. Returns whether it sounds.
    pub fn strike(&mut self, channel: u8, key: u8, velocity: u8, offset: usize, sink: &mut impl NoteSink) -> bool {
        let place = usize::from(channel);
        if self.players[place] & bit(key) != 0 {
            return false;
        }
        self.release(channel, key, offset, sink);
        let sounds = self.begin(channel, key, velocity, offset, sink);
        if sounds {
            self.ours[place] |= bit(key);
        }
        sounds
    }

    /// Ends a note of ours, if one sounds there.
    pub fn release(&mut self, channel: u8, key: u8, offset: usize, sink: &mut impl NoteSink) {
        let ours = &mut self.ours[usize::from(channel)];
        if *ours & bit(key) != 0 {
            *ours &= !bit(key);
            self.end(channel, key, 0, offset, sink);
        }
    }

    /// Ends all of ours.
    pub fn release_ours(&mut self, offset: usize, sink: &mut impl NoteSink) {
        for channel in 0..CHANNELS as u8 {
            for key in keys_of(self.ours[usize::from(channel)]) {
                self.release(channel, key, offset, sink);
            }
        }
    }

    /// Ends everything, the player's notes too.
    pub fn release_all(&mut self, offset: usize, sink: &mut impl NoteSink) {
        self.release_ours(offset, sink);
        for channel in 0..CHANNELS as u8 {
            for key in keys_of(std::mem::take(&mut self.players[usize::from(channel)])) {
                self.end(channel, key, 0, offset, sink);
            }
        }
    }

    /// The player strikes a key: a note of ours there ends first. It is passed on if `through`.
    pub fn player_strikes(
        &mut self,
        channel: u8,
        key: u8,
        velocity: u8,
        through: bool,
        offset: usize,
        sink: &mut impl NoteSink,
    ) {
        let place = usize::from(channel);
        // What is not passed on does not meet ours.
        if !through {
            return;
        }
        self.release(channel, key, offset, sink);
        // A key that is struck twice ends once in between, or one of the two would go on.
        if self.players[place] & bit(key) != 0 {
            self.players[place] &= !bit(key);
            self.end(channel, key, 0, offset, sink);
        }
        if self.begin(channel, key, velocity, offset, sink) {
            self.players[place] |= bit(key);
        }
    }

    /// The player releases a key: passed on if its beginning was.
    pub fn player_releases(&mut self, channel: u8, key: u8, velocity: u8, offset: usize, sink: &mut impl NoteSink) {
        let players = &mut self.players[usize::from(channel)];
        if *players & bit(key) != 0 {
            *players &= !bit(key);
            self.end(channel, key, velocity, offset, sink);
        }
    }

    /// Ends the notes of the player on a channel, or on all.
    pub fn player_releases_all(&mut self, channel: Option<u8>, offset: usize, sink: &mut impl NoteSink) {
        let channels = channel.map_or(0..CHANNELS as u8, |channel| channel..channel + 1);
        for channel in channels {
            for key in keys_of(self.players[usize::from(channel)]) {
                self.player_releases(channel, key, 0, offset, sink);
            }
        }
    }

    /// Sends a beginning; not before an end that is owed there.
    fn begin(&mut self, channel: u8, key: u8, velocity: u8, offset: usize, sink: &mut impl NoteSink) -> bool {
        let is_free = self.pay(channel, key, 0, offset, sink);
        let begins = is_free && sink.send(offset, Message::On { channel, key, velocity: velocity.clamp(1, 127) });
        self.dropped += u64::from(!begins);
        begins
    }

    fn end(&mut self, channel: u8, key: u8, velocity: u8, offset: usize, sink: &mut impl NoteSink) {
        self.owed[usize::from(channel)] |= bit(key);
        self.pay(channel, key, velocity, offset, sink);
    }

    /// Sends the end that is owed there, if one is. Returns whether none is any more.
    fn pay(&mut self, channel: u8, key: u8, velocity: u8, offset: usize, sink: &mut impl NoteSink) -> bool {
        let owed = &mut self.owed[usize::from(channel)];
        if *owed & bit(key) == 0 {
            return true;
        }
        let paid = sink.send(offset, Message::Off { channel, key, velocity });
        if paid {
            *owed &= !bit(key);
        }
        paid
    }
}

/// The keys of a set, from low to high.
pub(super) fn keys_of(mut keys: Keys) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let key = (keys != 0).then(|| keys.trailing_zeros() as u8)?;
        keys &= keys - 1;
        Some(key)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::random::Random;

    /// A synthesiser that minds what it hears, with room for so many messages.
    #[derive(Default)]
    struct Synthesiser {
        sounding: [Keys; CHANNELS],
        room: usize,
        last: usize,
    }

    impl NoteSink for Synthesiser {
        fn send(&mut self, offset: usize, message: Message) -> bool {
            if self.room == 0 {
                return false;
            }
            self.room -= 1;
            assert!(offset >= self.last, "in order");
            self.last = offset;
            match message {
                Message::On { channel, key, velocity } => {
                    let sounding = &mut self.sounding[usize::from(channel)];
                    assert!(*sounding & bit(key) == 0, "{key} begins twice");
                    assert!((1..=127).contains(&velocity));
                    *sounding |= bit(key);
                }
                Message::Off { channel, key, .. } => {
                    let sounding = &mut self.sounding[usize::from(channel)];
                    assert!(*sounding & bit(key) != 0, "{key} ends without a beginning");
                    *sounding &= !bit(key);
                }
            }
            true
        }
    }

    #[test]
    fn whatever_happens_each_note_begins_once_and_ends_once() {
        let mut random = Random::new(17);
        let (mut struck, mut refused) = (0u64, 0u64);
        for _ in 0..if cfg!(miri) { 50 } else { 100_000 } {
            let (mut book, mut synthesiser) = (Book::default(), Synthesiser { room: usize::MAX, ..Default::default() });
            for offset in 0..60 {
                // Few places, so that they meet; now and then no room.
                let (channel, key) = (random.below(2) as u8 * 9, 60 + random.below(4) as u8);
                synthesiser.room = if random.below(4) == 0 { random.below(3) as usize } else { usize::MAX };
                let sink = &mut synthesiser;
                match random.below(12) {
                    0..=3 => struck += u64::from(book.strike(channel, key, 100, offset, sink)),
                    4 => book.release(channel, key, offset, sink),
                    5 | 6 => book.player_strikes(channel, key, 0, random.below(3) > 0, offset, sink),
                    7 => book.player_releases(channel, key, 0, offset, sink),
                    8 => book.player_releases_all((random.below(2) == 0).then_some(channel), offset, sink),
                    9 => book.release_ours(offset, sink),
                    10 => book.settle(offset, sink),
                    _ => book.release_all(offset, sink),
                }
                for channel in 0..CHANNELS {
                    let known = book.ours[channel] | book.players[channel] | book.owed[channel];
                    assert_eq!(synthesiser.sounding[channel], known);
                    assert_eq!(book.ours[channel] & book.players[channel], 0, "a key has one owner");
                }
            }
            refused += book.dropped();
            synthesiser.room = usize::MAX;
            book.release_all(60, &mut synthesiser);
            book.settle(60, &mut synthesiser);
            assert!(book.is_empty() && synthesiser.sounding == [0; CHANNELS], "a note hangs");
        }
        assert!(cfg!(miri) || (struck > 500_000 && refused > 50_000), "{struck} struck, {refused} refused");
    }

    #[test]
    fn a_key_that_the_player_holds_is_not_struck_and_the_players_ends_ours_first() {
        let mut sent = Vec::new();
        struct Log<'a>(&'a mut Vec<(usize, Message)>);
        impl NoteSink for Log<'_> {
            fn send(&mut self, offset: usize, message: Message) -> bool {
                self.0.push((offset, message));
                true
            }
        }
        let mut book = Book::default();
        let on = |velocity| Message::On { channel: 0, key: 64, velocity };
        let off = |velocity| Message::Off { channel: 0, key: 64, velocity };
        assert!(book.strike(0, 64, 80, 1, &mut Log(&mut sent)));
        book.player_releases(0, 64, 50, 2, &mut Log(&mut sent));
        assert!(book.is_ours(0, 64), "ours is released by us alone");
        book.player_strikes(0, 64, 90, true, 3, &mut Log(&mut sent));
        assert!(!book.strike(0, 64, 80, 4, &mut Log(&mut sent)));
        book.player_strikes(0, 64, 91, true, 5, &mut Log(&mut sent));
        book.player_releases(0, 64, 50, 6, &mut Log(&mut sent));
        assert_eq!(sent, [(1, on(80)), (3, off(0)), (3, on(90)), (5, off(0)), (5, on(91)), (6, off(50))]);
        assert!(book.is_empty());
    }
}
