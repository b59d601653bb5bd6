//! The audio thread of `sympathy play`: orders of the terminal, notes, the switch of the input, the engine.

pub use crate::cli::notes::MidiOrder;
use crate::{
    control::ParamId,
    dsp::level::{Ramp, gain_to_db},
    engine::{Beats, Engine, Event, Meters, Transport},
};
use rtrb::{Consumer, Producer, RingBuffer};
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
};

/// Longest block that is processed at once.
pub const MAX_BLOCK: usize = 2048;
/// Orders that the ring holds; a person types fewer.
const MAX_ORDERS: usize = 256;
/// The input comes and goes in this time, without a click.
const SWITCH_SECONDS: f32 = 0.010;

/// An order of the terminal to the audio thread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Order {
    /// A parameter takes a plain value.
    Set(ParamId, f32),
    /// The input is heard, or not.
    Input(bool),
}

/// State of the audio thread, for display.
#[derive(Debug)]
pub struct Monitor {
    /// The engine's.
    pub meters: Arc<Meters>,
    sample_rate_hz: u32,
    pub(super) samples: AtomicU64,
    /// Bits of an f32 each: the loudest sample since the last look.
    input_peak: AtomicU32,
    output_peak: AtomicU32,
    /// Times the input's device gave too little or too much for the output's.
    pub input_gaps: AtomicU64,
    /// Times the sound card was served too late.
    pub overruns: AtomicU64,
    /// Why the sound card plays no more.
    pub failure: OnceLock<String>,
}

impl Monitor {
    /// The loudest samples of input (before its switch) and output since the last call, in dBFS.
    pub fn take_peaks_db(&self) -> [f32; 2] {
        // Bits of positive numbers are ordered as the numbers are.
        [&self.input_peak, &self.output_peak].map(|peak| gain_to_db(f32::from_bits(peak.swap(0, Relaxed))))
    }

    /// One line at the end.
    pub fn summary(&self) -> String {
        let meters = &self.meters;
        format!(
            "{:.1} s played, {} continuations, {} underruns, {} overruns of the sound card, {} gaps in the input",
            self.samples.load(Relaxed) as f64 / f64::from(self.sample_rate_hz),
            meters.continuations(),
            meters.underruns(),
            self.overruns.load(Relaxed),
            self.input_gaps.load(Relaxed)
        )
    }
}

/// Owned by the audio thread.
#[derive(Debug)]
pub struct Performer {
    engine: Engine,
    orders: Consumer<Order>,
    notes: Consumer<MidiOrder>,
    /// The input is multiplied by it: 0 is silence for dry and model alike.
    input: Ramp,
    events: Vec<Event>,
    position: i64,
    beats_per_sample: f64,
    beats_per_minute: f64,
    monitor: Arc<Monitor>,
}

impl Performer {
    /// A performer, the producers of its orders, and its state for display.
    pub fn new(
        engine: Engine,
        notes: Consumer<MidiOrder>,
        sample_rate_hz: u32,
        beats_per_minute: f64,
        is_input_on: bool,
    ) -> (Self, Producer<Order>, Arc<Monitor>) {
        let (producer, orders) = RingBuffer::new(MAX_ORDERS);
        let monitor = Arc::new(Monitor {
            meters: Arc::clone(engine.meters()),
            sample_rate_hz,
            samples: AtomicU64::new(0),
            input_peak: AtomicU32::new(0),
            output_peak: AtomicU32::new(0),
            input_gaps: AtomicU64::new(0),
            overruns: AtomicU64::new(0),
            failure: OnceLock::new(),
        });
        let performer = Self {
            engine,
            orders,
            notes,
            input: Ramp::new(f32::from(is_input_on), (SWITCH_SECONDS * sample_rate_hz as f32) as u32),
            events: Vec::with_capacity(MAX_ORDERS),
            position: 0,
            beats_per_sample: beats_per_minute / (60.0 * f64::from(sample_rate_hz)),
            beats_per_minute,
            monitor: Arc::clone(&monitor),
        };
        (performer, producer, monitor)
    }

    /// Input in, output out, in place. `block`: a slice a channel, equally long, at most [`MAX_BLOCK`] samples.
    ///
    /// # Realtime safety
    /// As [`Engine::process`].
    pub fn play(&mut self, block: &mut [&mut [f32]]) {
        self.take_orders();
        let samples = block.first().map_or(0, |channel| channel.len());
        self.monitor.input_peak.fetch_max(peak(block).to_bits(), Relaxed);
        for i in 0..samples {
            let gain = self.input.advance();
            for channel in block.iter_mut() {
                // Not multiplied by zero: that would let a NaN through.
                channel[i] = if gain == 0.0 { 0.0 } else { gain * channel[i] };
            }
        }
        let beats = self.position as f64 * self.beats_per_sample;
        let transport = Transport {
            playing: true,
            position_samples: Some(self.position),
            loop_samples: None,
            beats: Some(Beats::at(beats, self.beats_per_minute)),
        };
        self.engine.process(block, &self.events, transport);
        self.position += samples as i64;
        self.monitor.samples.store(self.position as u64, Relaxed);
        self.monitor.output_peak.fetch_max(peak(block).to_bits(), Relaxed);
    }

    fn take_orders(&mut self) {
        self.events.clear();
        while self.events.len() < MAX_ORDERS
            && let Ok(order) = self.orders.pop()
        {
            match order {
                Order::Set(id, value) => self.events.push(Event { offset_samples: 0, id, value }),
                Order::Input(on) => self.input.set_target(f32::from(on)),
            }
        }
        while let Ok(order) = self.notes.pop() {
            order.give(&mut self.engine);
        }
    }
}

/// The loudest finite sample.
fn peak(block: &[&mut [f32]]) -> f32 {
    let samples = block.iter().flat_map(|channel| channel.iter());
    samples.map(|x| x.abs()).filter(|x| x.is_finite()).fold(0.0, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{engine::EngineConfig, nn::Isa, session, worker::ModelRegistry};

    /// A performer whose mix is dry: what comes out is what the engine was given.
    fn performer(is_input_on: bool) -> (Performer, Producer<Order>, Arc<Monitor>) {
        let mut config = EngineConfig::new(48_000);
        config.values.set(ParamId::Mix, 0.0);
        let (engine, _) = session::start(config, ModelRegistry::with_embedded(Isa::best()));
        Performer::new(engine, RingBuffer::new(1).1, 48_000, 120.0, is_input_on)
    }

    fn play(performer: &mut Performer, sample: f32) -> Vec<f32> {
        let (mut left, mut right) = (vec![sample; 1000], vec![sample; 1000]);
        performer.play(&mut [&mut left, &mut right]);
        assert_eq!(
            left.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
            right.iter().map(|x| x.to_bits()).collect::<Vec<_>>()
        );
        left
    }

    #[test]
    fn a_muted_input_is_exact_silence_and_comes_and_goes_without_a_click() {
        let (mut performer, mut orders, monitor) = performer(false);
        for hostile in [0.5, f32::NAN, f32::INFINITY] {
            assert!(play(&mut performer, hostile).iter().all(|x| x.to_bits() == 0), "{hostile}");
        }
        assert_eq!(monitor.meters.nonfinite_inputs(), 0, "the model has not heard them");
        assert!((monitor.take_peaks_db()[0] + 6.02).abs() < 0.01, "the meter shows what will be heard");
        orders.push(Order::Input(true)).expect("room");
        let on = play(&mut performer, 0.5);
        assert!(on.windows(2).all(|pair| (0.0..0.002).contains(&(pair[1] - pair[0]))), "10 ms");
        assert_eq!((on[479], on[999]), (0.5, 0.5), "and then every bit");
        orders.push(Order::Input(false)).expect("room");
        let off = play(&mut performer, 0.5);
        assert!(off.windows(2).all(|pair| (0.0..0.002).contains(&(pair[0] - pair[1]))));
        assert_eq!(off[479].to_bits(), 0);
    }

    #[test]
    fn orders_reach_the_engine() {
        let (mut performer, mut orders, monitor) = performer(true);
        orders.push(Order::Set(ParamId::Mix, 100.0)).expect("room");
        orders.push(Order::Set(ParamId::Hold, 3.0)).expect("room");
        let wet = play(&mut performer, 0.25);
        assert_eq!(
            (wet[999], performer.engine.values().get(ParamId::Hold)),
            (0.0, 3.0),
            "wet only, and nothing predicted yet"
        );
        assert!(monitor.summary().starts_with("0.0 s played, 0 continuations"));
    }

    #[test]
    fn what_a_midi_input_receives_reaches_the_engine() {
        use crate::{
            cli::commands::play::{
                console::{Console, Heard},
                control_map::ControlMap,
                lessons::{ProgramModels, Told},
                midi::Inlet,
                sound::Sound,
            },
            learn::job::{Folders, Lessons},
        };
        let folder = tempfile::tempdir().expect("temp");
        let path = folder.path().join("map.json");
        std::fs::write(&path, r#"{"cc": {"20": "hold", "21": "voices"}, "programs": {"7": "shimmer"}}"#).expect("temp");
        let mut map = ControlMap::read(&path, false).expect("a map");
        map.learn(Some(ParamId::Temperature));
        let (sender, heard) = std::sync::mpsc::sync_channel(16);
        let (mut inlet, notes) = Inlet::new(sender);
        let mut config = EngineConfig::new(48_000);
        config.values.set(ParamId::Mix, 0.0);
        let values = config.values;
        let registry = ModelRegistry::with_embedded(Isa::best());
        let (engine, _) = session::start(config, Arc::clone(&registry));
        let (mut performer, orders, monitor) = Performer::new(engine, notes, 48_000, 120.0, true);
        let lessons = Lessons::new(Arc::new(ProgramModels::new(registry, None)), Folders::default());
        let sound = Sound::new(orders, true, Arc::default(), Told::new(Arc::new(lessons)), monitor);
        let mut console = Console::new(sound, values, map);
        let mut receive = |message: &[u8]| {
            inlet.take(message);
            while let Ok(Heard::Midi(message)) = heard.try_recv() {
                console.follow(message);
            }
            play(&mut performer, 0.25);
            performer.engine.values()
        };
        // The first that moves is learnt; what was mapped moves on.
        let spec = ParamId::Temperature.spec();
        assert_eq!(receive(&[0xb0, 30, 127]).get(ParamId::Temperature), spec.max);
        assert_eq!(receive(&[0xb0, 30, 0]).get(ParamId::Temperature), spec.min);
        assert_eq!(receive(&[0xb5, 20, 0]).get(ParamId::Hold), 1.0);
        assert_eq!(receive(&[0xb5, 21, 127]).get(ParamId::Voices), 4.0);
        let shimmer = receive(&[0xc0, 7]);
        let mut expected = crate::control::Preset::find("shimmer").expect("a preset").values();
        expected.set(ParamId::Model, values.get(ParamId::Model));
        assert_eq!(shimmer, expected);
        assert_eq!(receive(&[0xb0, 99, 5]), expected, "nothing is mapped to it");
    }
}
