//! The way out: a port, and which notes and pedals sound behind it, so that each ends there, whatever the port does.

use super::{
    message::{Kind, Short},
    performer::NoteMonitor,
};
use crate::notes::live::{Book, Message, NoteSink, PEDAL_DOWN, Pedals, SUSTAIN};
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

/// At the end, ends that are not taken are tried again for so long, and after such pauses.
const LAST_TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(5);

/// Takes MIDI messages.
pub trait Port: Send {
    /// Sends a message at once.
    ///
    /// # Errors
    /// Why it is not taken.
    fn send(&mut self, message: &[u8]) -> Result<(), &'static str>;
}

impl Port for Box<dyn Port> {
    fn send(&mut self, message: &[u8]) -> Result<(), &'static str> {
        (**self).send(message)
    }
}

/// Sends at once.
struct Direct<'a, P> {
    port: &'a mut P,
    monitor: &'a NoteMonitor,
    /// What was not taken before is tried: it has been counted.
    is_again: bool,
}

impl<P: Port> Direct<'_, P> {
    fn send(&mut self, message: Short) -> bool {
        match self.port.send(message.bytes()) {
            Ok(()) => true,
            Err(reason) => {
                // The first reason is the reason.
                let _ = self.monitor.trouble.set(reason);
                self.monitor.refused.fetch_add(u64::from(!self.is_again), Relaxed);
                false
            }
        }
    }
}

impl<P: Port> NoteSink for Direct<'_, P> {
    fn send(&mut self, _: usize, message: Message) -> bool {
        Direct::send(self, message.into())
    }
}

/// See the module. What sounds ends when this goes.
pub struct Outlet<P: Port> {
    port: P,
    /// All notes that sound there, whose ever they are.
    book: Book,
    /// The sustain pedals that are down there.
    pedals: Pedals,
    monitor: Arc<NoteMonitor>,
}

impl<P: Port> Outlet<P> {
    /// Nothing sounds yet.
    pub fn new(port: P, monitor: Arc<NoteMonitor>) -> Self {
        Self { port, book: Book::default(), pedals: Pedals::default(), monitor }
    }

    /// Sends a message. A beginning that the port does not take is dropped, an end is owed.
    ///
    /// # Realtime safety
    /// What the port does: a system call. Does not allocate.
    pub fn send(&mut self, message: Short) {
        let mut direct = Direct { port: &mut self.port, monitor: &self.monitor, is_again: false };
        match message.kind() {
            Kind::Down { channel, key, velocity: 0 } => self.book.player_releases(channel, key, 0, 0, &mut direct),
            Kind::Up { channel, key, velocity } => {
                self.book.player_releases(channel, key, velocity, 0, &mut direct);
            }
            Kind::Down { channel, key, velocity } => {
                self.book.player_strikes(channel, key, velocity, true, 0, &mut direct);
            }
            Kind::Controller { channel, number: SUSTAIN, value } => {
                let is_sent = direct.send(message);
                // One that is not lifted is down still.
                if value >= PEDAL_DOWN || is_sent {
                    self.pedals.lifts(channel, value >= PEDAL_DOWN, is_sent);
                }
            }
            _ => _ = direct.send(message),
        }
    }

    /// Tries ends again that are owed.
    ///
    /// # Realtime safety
    /// As [`Self::send`].
    pub fn settle(&mut self) {
        self.book.settle(0, &mut Direct { port: &mut self.port, monitor: &self.monitor, is_again: true });
    }

    /// Ends everything that sounds; what the port does not take is tried again for a while.
    pub fn silence(&mut self) {
        let mut direct = Direct { port: &mut self.port, monitor: &self.monitor, is_again: true };
        self.book.release_all(0, &mut direct);
        for attempt in 0..LAST_TRIES {
            if attempt > 0 {
                std::thread::sleep(PAUSE);
                self.book.settle(0, &mut direct);
            }
            for channel in self.pedals.down() {
                if direct.send(Short::controller(channel, SUSTAIN, 0)) {
                    self.pedals.lifts(channel, false, false);
                }
            }
            if self.book.is_empty() && self.pedals == Pedals::default() {
                return;
            }
        }
    }
}

impl<P: Port> Drop for Outlet<P> {
    fn drop(&mut self) {
        self.silence();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Takes everything, or nothing.
    #[derive(Clone, Default)]
    struct Fake {
        sent: Arc<Mutex<Vec<Vec<u8>>>>,
        is_deaf: Arc<Mutex<bool>>,
    }

    impl Port for Fake {
        fn send(&mut self, message: &[u8]) -> Result<(), &'static str> {
            if *self.is_deaf.lock().expect("a switch") {
                return Err("deaf");
            }
            self.sent.lock().expect("a log").push(message.to_vec());
            Ok(())
        }
    }

    fn short(bytes: &[u8]) -> Short {
        Short::read(bytes).expect("a message")
    }

    #[test]
    fn what_sounds_ends_on_its_channel_when_the_outlet_goes() {
        let fake = Fake::default();
        let mut outlet = Outlet::new(fake.clone(), Arc::default());
        for bytes in
            [&[0x90, 60, 90][..], &[0x91, 60, 90], &[0x90, 64, 90], &[0x80, 64, 0], &[0xb2, 64, 127], &[0xb3, 1, 9]]
        {
            outlet.send(short(bytes));
        }
        fake.sent.lock().expect("a log").clear();
        drop(outlet);
        assert_eq!(*fake.sent.lock().expect("a log"), [vec![0x80, 60, 0], vec![0x81, 60, 0], vec![0xb2, 64, 0]]);
    }

    #[test]
    fn ends_that_a_port_does_not_take_are_owed_and_beginnings_are_dropped() {
        let (fake, monitor) = (Fake::default(), Arc::<NoteMonitor>::default());
        let mut outlet = Outlet::new(fake.clone(), Arc::clone(&monitor));
        outlet.send(short(&[0x90, 60, 90]));
        outlet.send(short(&[0xb0, 64, 127]));
        *fake.is_deaf.lock().expect("a switch") = true;
        for bytes in [&[0x80, 60, 0][..], &[0x90, 62, 90], &[0x80, 62, 0], &[0xb0, 64, 0]] {
            outlet.send(short(bytes));
        }
        outlet.settle();
        assert_eq!((monitor.refused.load(Relaxed), monitor.trouble.get()), (3, Some(&"deaf")));
        *fake.is_deaf.lock().expect("a switch") = false;
        fake.sent.lock().expect("a log").clear();
        outlet.settle();
        outlet.settle();
        assert_eq!(*fake.sent.lock().expect("a log"), [[0x80, 60, 0]], "once");
        drop(outlet);
        assert_eq!(*fake.sent.lock().expect("a log"), [[0x80, 60, 0], [0xb0, 64, 0]], "and the pedal");
    }
}
