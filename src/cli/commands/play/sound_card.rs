//! The sound card while it plays: its devices can be changed, and the engine goes on.

use super::{
    devices::{self, Card, Chosen},
    performer::{Monitor, Performer},
    streams::{self, Streams},
};
use crate::{cli::error::CliError, editor::SoundDevices};
use std::{
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::Duration,
};

/// A device that is switched off gives the engine back within this time.
const PATIENCE: Duration = Duration::from_secs(5);

/// The engine in the callback of a device: it comes home when the device goes.
#[derive(Debug)]
pub struct Guest {
    performer: Option<Performer>,
    home: SyncSender<Performer>,
}

impl Guest {
    /// See [`Performer::play`].
    pub fn play(&mut self, block: &mut [&mut [f32]]) {
        if let Some(performer) = &mut self.performer {
            performer.play(block);
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // Not on the audio thread: devices are closed by whoever opened them. A home that has gone needs it no more.
        if let Some(performer) = self.performer.take() {
            let _ = self.home.try_send(performer);
        }
    }
}

/// Devices that play, and what it takes to play on others.
pub struct SoundCard {
    backend: Option<String>,
    chosen: Chosen,
    channels: usize,
    streams: Option<Streams>,
    monitor: Arc<Monitor>,
    home: SyncSender<Performer>,
    returned: Receiver<Performer>,
}

impl SoundCard {
    /// Opens and starts the devices of a card.
    ///
    /// # Errors
    /// The system's word.
    pub fn open(
        backend: Option<String>,
        chosen: Chosen,
        card: &Card,
        performer: Performer,
        monitor: Arc<Monitor>,
    ) -> Result<Self, CliError> {
        let (home, returned) = sync_channel(1);
        let channels = card.channels();
        let mut this = Self { backend, chosen, channels, streams: None, monitor, home, returned };
        this.start(card, performer)?;
        Ok(this)
    }

    /// What to call the devices.
    pub fn name(&self) -> &str {
        self.streams.as_ref().map_or("no sound card", |streams| &streams.name)
    }

    /// The devices there are, and those that play.
    pub fn devices(&self) -> SoundDevices {
        let [outputs, inputs] = devices::names(self.backend.as_deref());
        let now = self.streams.as_ref().map(|streams| streams.devices.clone()).unwrap_or_default();
        SoundDevices { outputs, inputs, output: now[0].clone(), input: now[1].clone() }
    }

    /// Plays on other devices, at the same rate and with as many channels: the engine goes on. Those that play stay where the others cannot.
    ///
    /// # Errors
    /// Why they cannot.
    pub fn change(&mut self, output: &str, input: &str) -> Result<(), CliError> {
        let rate = self.chosen.rate;
        let chosen = Chosen { output: Some(output.into()), input: Some(input.into()), rate, ..self.chosen.clone() };
        let card = devices::choose(self.backend.as_deref(), &chosen)?;
        if card.channels() != self.channels {
            return Err(CliError::Unsuitable {
                path: output.into(),
                what: "device",
                expected: format!("as many channels as the one that plays ({})", self.channels),
                actual: format!("{}: start sympathy play with --output-device", card.channels()),
            });
        }
        let before = self.chosen.clone();
        let performer = self.stop()?;
        match self.start(&card, performer) {
            Ok(()) => self.chosen = chosen,
            Err(error) => {
                // Back to those that played. Where they have gone too, the engine waits at home for the next choice.
                let performer = self.stop()?;
                match devices::choose(self.backend.as_deref(), &before) {
                    Ok(card) => self.start(&card, performer)?,
                    Err(_) => drop(self.home.try_send(performer)),
                }
                return Err(error);
            }
        }
        Ok(())
    }

    fn start(&mut self, card: &Card, performer: Performer) -> Result<(), CliError> {
        let guest = Guest { performer: Some(performer), home: self.home.clone() };
        self.streams = Some(streams::open(card, guest, &self.monitor)?);
        Ok(())
    }

    /// Closes the devices; the engine comes back.
    fn stop(&mut self) -> Result<Performer, CliError> {
        self.streams = None;
        self.returned.recv_timeout(PATIENCE).map_err(|_| CliError::Device {
            device: "the sound card".into(),
            action: "closed",
            reason: "it does not let go of the engine".into(),
        })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::{engine::EngineConfig, nn::Isa, session, worker::ModelRegistry};
    use rtrb::RingBuffer;
    use std::sync::atomic::Ordering::Relaxed;

    /// ALSA's device that discards what is played is on every Linux.
    #[test]
    fn the_engine_goes_on_with_another_device_and_stays_where_it_is_if_that_fails() {
        let null = Chosen {
            output: Some("alsa:null".into()),
            input: Some("none".into()),
            input_channel: None,
            rate: Some(48_000),
            period: 256,
        };
        let backend = Some("alsa".to_string());
        let card = devices::choose(backend.as_deref(), &null).expect("alsa:null");
        let config = EngineConfig { max_block_samples: 2048, ..EngineConfig::new(48_000) };
        let (engine, worker) = session::start(config, ModelRegistry::with_embedded(Isa::best()));
        let worker = worker.spawn();
        let (performer, _, monitor) = Performer::new(engine, RingBuffer::new(1).1, 48_000, 120.0, false);
        let mut sound = SoundCard::open(backend, null, &card, performer, Arc::clone(&monitor)).expect("a device");
        let plays = || {
            let before = monitor.samples.load(Relaxed);
            let began = std::time::Instant::now();
            while monitor.samples.load(Relaxed) == before {
                assert!(began.elapsed() < PATIENCE, "silent");
                std::thread::yield_now();
            }
        };
        plays();
        let there = sound.devices();
        assert!(there.outputs.iter().any(|name| name.contains("alsa:null")), "{there:?}");
        assert_eq!((there.output.contains("alsa:null"), &there.input[..]), (true, "none"));
        sound.change("alsa:null", "alsa:null").expect("the same with an input");
        plays();
        assert!(sound.devices().input.contains("alsa:null"));
        let error = sound.change("no such card", "none").expect_err("no such card").to_string();
        assert!(error.contains("no such card"), "{error}");
        plays();
        assert!(sound.devices().input.contains("alsa:null"), "as before");
        drop(sound);
        drop(worker);
    }
}
