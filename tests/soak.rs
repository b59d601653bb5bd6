//! Hours of sample clock with everything at random, at offline speed: what is remembered does not grow, and the clock does not drift:
//! the same song gives the same bits whatever came before.
//!
//! `cargo xtask soak` runs it for eight hours of clock and prints the curve; the tests run a few minutes.
#![allow(missing_docs, reason = "test code")]

mod common;

use common::{drive::playing, phrase};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use sympathy::{
    control::{ParamId, ParamValues, values::SPECS},
    dsp::random::{Random, mix64},
    engine::{Alignment, Beats, ClockMode, Engine, EngineConfig, Event, RenderMode, Transport},
    model::EMBEDDED,
    nn::Isa,
    session,
    worker::ModelRegistry,
};

/// Counts the bytes that all threads hold.
struct Held;

static HELD_BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Held {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD_BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD_BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Held = Held;

const MAX_BLOCK: usize = 4096;
/// Of the song that is played again and again.
const SONG_SECONDS: f32 = 3.0;

/// What a run is made of.
struct Night {
    registry: Arc<ModelRegistry>,
    random: Random,
    /// By what is fixed: the song as a fresh instance plays it, as a sum of its bits.
    songs: BTreeMap<String, u64>,
}

impl Night {
    fn new() -> Self {
        let registry = ModelRegistry::with_embedded(Isa::from_environment());
        for model in EMBEDDED {
            registry.load(model.slot).expect("an embedded model");
        }
        Self { registry, random: Random::new(8), songs: BTreeMap::new() }
    }

    fn chance(&mut self, chance: f32) -> bool {
        self.random.uniform() < chance
    }

    fn choose<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.random.below(of.len() as u32) as usize]
    }

    /// One activation: so much clock at random, and then the song.
    fn play(&mut self, seconds: f64) {
        let rate = self.choose(&[44_100, 48_000, 88_200]);
        let channels = self.choose(&[1, 2]);
        let config = EngineConfig {
            channels,
            max_block_samples: MAX_BLOCK,
            mode: RenderMode::Offline,
            reaction_ms: self.choose(&[50.0, 200.0]),
            alignment: self.choose(&[Alignment::After, Alignment::Now]),
            clock: self.choose(&[ClockMode::Transport, ClockMode::Free]),
            ..EngineConfig::new(rate)
        };
        let (mut engine, worker) = session::start(config.clone(), Arc::clone(&self.registry));
        let _worker = worker.spawn();
        self.play_at_random(&mut engine, rate, channels, seconds);
        let meters = engine.meters();
        assert!(!meters.is_failed() && meters.underruns() == 0 && meters.late_starts() == 0, "{meters:?}");

        let song = song(&mut engine, rate, channels);
        let key = format!(
            "{rate} Hz, {channels} channels, {:?}, {:?}, {} ms",
            config.alignment, config.clock, config.reaction_ms
        );
        let registry = Arc::clone(&self.registry);
        let expected = *self.songs.entry(key.clone()).or_insert_with(|| {
            let (mut fresh, worker) = session::start(config, registry);
            let _worker = worker.spawn();
            self::song(&mut fresh, rate, channels)
        });
        assert_eq!(expected, song, "the song has other bits: {key}");
    }

    fn play_at_random(&mut self, engine: &mut Engine, rate: u32, channels: usize, seconds: f64) {
        let sound = phrase(rate, 30.0, channels);
        let length = sound[0].len();
        let (mut position, mut heard, mut is_playing, mut level) = (0i64, 0usize, true, 1.0f32);
        let mut left = (seconds * f64::from(rate)) as usize;
        while left > 0 {
            let block = (1 + self.random.below(MAX_BLOCK as u32) as usize).min(left);
            let part = block as f32 / rate as f32;
            if self.chance(0.2 * part) {
                position = i64::from(self.random.below(1 << 28));
            }
            if self.chance(0.2 * part) {
                is_playing = !is_playing;
            }
            if self.chance(0.3 * part) {
                level = self.choose(&[1.0, 1.0, 1.0, 0.1, 0.0, 8.0]);
            }
            if self.chance(0.02 * part) {
                engine.reset();
            }
            if self.chance(part) {
                engine.note_on(self.random.below(128) as u8, self.random.uniform());
            }
            if self.chance(0.02 * part) {
                engine.stop_from_midi();
            }
            let events = self.changes(block, part);
            let mut audio: Vec<Vec<f32>> = sound
                .iter()
                .map(|channel| (0..block).map(|i| level * channel[(heard + i) % length]).collect())
                .collect();
            if self.chance(0.01) {
                audio[0][0] = f32::NAN;
            }
            let beats = Some(Beats::at(position as f64 / f64::from(rate) * 2.0, 120.0));
            let transport = Transport { playing: is_playing, beats, ..playing(position) };
            let mut slices: Vec<&mut [f32]> = audio.iter_mut().map(Vec::as_mut_slice).collect();
            engine.process(&mut slices, &events, transport);
            assert!(audio.iter().flatten().all(|x| x.is_finite()));
            heard = (heard + block) % length;
            position += if is_playing { block as i64 } else { 0 };
            left -= block;
        }
    }

    /// Each parameter every few seconds, models and what silences everything more rarely.
    fn changes(&mut self, block: usize, part: f32) -> Vec<Event> {
        let mut events = Vec::new();
        for spec in &SPECS {
            let is_rare = matches!(
                spec.id,
                ParamId::Model | ParamId::MorphModel | ParamId::Stop | ParamId::Bypass | ParamId::Freeze
            );
            if !self.chance(part * if is_rare { 0.03 } else { 0.2 }) {
                continue;
            }
            let value = match spec.id {
                ParamId::Model => f32::from(self.choose(EMBEDDED).slot),
                ParamId::MorphModel if self.chance(0.7) => -1.0,
                ParamId::MorphModel => f32::from(self.choose(EMBEDDED).slot),
                _ => spec.sanitise(spec.min + (spec.max - spec.min) * self.random.uniform()),
            };
            let offset_samples = self.random.below(block as u32) as usize;
            events.push(Event { offset_samples, id: spec.id, value });
            if spec.kind.is_trigger() || spec.id == ParamId::Bypass || spec.id == ParamId::Freeze {
                events.push(Event { offset_samples: block - 1, id: spec.id, value: 0.0 });
            }
        }
        events.sort_by_key(|event| event.offset_samples);
        events
    }
}

/// The song from its beginning, with the parameters as they are made; a sum of its bits.
fn song(engine: &mut Engine, rate: u32, channels: usize) -> u64 {
    let mut values = ParamValues::default();
    for (id, value) in [(ParamId::Mix, 100.0), (ParamId::SeedLength, 0.5), (ParamId::ReseedInterval, 1.0)] {
        values.set(id, value);
    }
    // As the plugin does it: what is set before the start is where parameters start from.
    let all: Vec<Event> =
        SPECS.iter().map(|spec| Event { offset_samples: 0, id: spec.id, value: values.get(spec.id) }).collect();
    engine.process(&mut [], &all, Transport::default());
    engine.reset();
    let mut audio = phrase(rate, SONG_SECONDS, channels);
    for start in (0..audio[0].len()).step_by(512) {
        let end = (start + 512).min(audio[0].len());
        let mut slices: Vec<&mut [f32]> = audio.iter_mut().map(|channel| &mut channel[start..end]).collect();
        engine.process(&mut slices, &[], playing(start as i64));
    }
    assert!(sympathy::dsp::level::rms(&audio[0][2 * rate as usize..]) > 1e-4, "the song is silent");
    audio.iter().flatten().fold(0, |sum, x| mix64(sum ^ u64::from(x.to_bits())))
}

/// Of this process, in KiB, without what the system's allocator keeps for later; 0 where the system does not say it in this way.
fn resident_kib() -> u64 {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it gives back pages that nobody holds.
    unsafe {
        libc::malloc_trim(0);
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[test]
fn hours_of_everything_at_random_leave_nothing_behind() {
    let hours: f64 = std::env::var("SYMPATHY_SOAK_HOURS").ok().and_then(|hours| hours.parse().ok()).unwrap_or(0.03);
    // So many activations, whatever the length.
    let count = 16;
    let seconds = 3600.0 * hours / f64::from(count);
    let mut night = Night::new();
    let (began, mut told) = (Instant::now(), Instant::now());
    let (mut resident, mut held) = (Vec::new(), Vec::new());
    for number in 1..=count {
        night.play(seconds);
        resident.push(resident_kib() as usize);
        held.push(HELD_BYTES.load(Ordering::Relaxed));
        if number == count || told.elapsed() > Duration::from_secs(30) {
            told = Instant::now();
            let (clock, wall) = (hours * f64::from(number) / f64::from(count), began.elapsed().as_secs_f64());
            let (resident, held) =
                (resident_kib() as f64 / 1024.0, HELD_BYTES.load(Ordering::Relaxed) as f64 / f64::from(1 << 20));
            println!("{clock:.2} h of clock in {wall:.0} s, {held:.2} MiB held, {resident:.1} MiB resident");
        }
    }
    let has_grown = |curve: &[usize], most_bytes: usize| {
        let (first, second) = curve.split_at(curve.len() / 2);
        second.iter().max() > first.iter().max().map(|most| most + most_bytes).as_ref()
    };
    assert!(!has_grown(&held, 32 << 10), "bytes held after each of {count} activations of {seconds:.0} s: {held:?}");
    // A short run has not come to rest.
    if hours >= 1.0 {
        let most = resident.iter().max().map_or(0, |most| most / 50);
        assert!(!has_grown(&resident, most), "KiB resident after each of {count} activations: {resident:?}");
    }
}
