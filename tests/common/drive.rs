//! Drives an engine as a host would.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use sympathy::{
    control::{ParamId, values::SPECS},
    dsp::random::Random,
    engine::{Engine, EngineConfig, Event, RenderMode, Transport},
    session,
    worker::{ModelRegistry, Worker},
};

/// A parameter change at a sample of the song.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    pub at: usize,
    pub id: ParamId,
    pub value: f32,
}

/// How a host cuts its blocks.
#[derive(Clone, Debug)]
pub enum Blocks {
    Fixed(usize),
    /// Anything from 1 up to this.
    Random(usize),
}

/// Defaults under which the small models of the tests are heard soon.
pub fn config(sample_rate_hz: u32, channels: usize, slot: u8) -> EngineConfig {
    let mut config = EngineConfig::new(sample_rate_hz);
    config.channels = channels;
    config.values.set(ParamId::Model, f32::from(slot));
    config.values.set(ParamId::SeedLength, 0.4);
    config.values.set(ParamId::ReseedInterval, 0.5);
    config.values.set(ParamId::Mix, 70.0);
    config
}

pub fn playing(position: i64) -> Transport {
    Transport { playing: true, position_samples: Some(position), loop_samples: None, beats: None }
}

/// Runs `input` through an engine, block by block; `step` is called after every block.
pub fn run(
    engine: &mut Engine,
    input: &[Vec<f32>],
    changes: &[Change],
    song_start: Option<i64>,
    blocks: &Blocks,
    mut step: impl FnMut(usize),
) -> Vec<Vec<f32>> {
    let mut audio = input.to_vec();
    let length = audio[0].len();
    let mut random = Random::new(5);
    let mut at = 0;
    while at < length {
        let block = match *blocks {
            Blocks::Fixed(block) => block,
            Blocks::Random(most) => 1 + random.below(most as u32) as usize,
        };
        let end = (at + block).min(length);
        let events: Vec<Event> = changes
            .iter()
            .filter(|change| (at..end).contains(&change.at))
            .map(|change| Event { offset_samples: change.at - at, id: change.id, value: change.value })
            .collect();
        let transport = song_start.map_or(Transport::default(), |start| playing(start + at as i64));
        let mut channels: Vec<&mut [f32]> = audio.iter_mut().map(|channel| &mut channel[at..end]).collect();
        engine.process(&mut channels, &events, transport);
        step(end - at);
        at = end;
    }
    audio
}

/// Offline, on threads, as `sympathy render` does it.
pub fn offline(
    config: &EngineConfig,
    registry: &Arc<ModelRegistry>,
    input: &[Vec<f32>],
    changes: &[Change],
    song_start: Option<i64>,
    blocks: &Blocks,
) -> Vec<Vec<f32>> {
    let config = EngineConfig { mode: RenderMode::Offline, ..config.clone() };
    let (mut engine, worker) = session::start(config, Arc::clone(registry));
    let _thread = worker.spawn();
    let out = run(&mut engine, input, changes, song_start, blocks, |_| {});
    assert_eq!(engine.meters().underruns(), 0);
    assert!(!engine.meters().is_failed());
    out
}

/// Sleeps so that blocks come as a sound card asks for them. What a busy machine missed is lost, as it is after an xrun: a
/// host that caught up would run ahead of the wall clock, and could be made to wait.
pub fn pace(rate: u32) -> impl FnMut(usize) {
    let mut due = Instant::now();
    move |samples| {
        due += Duration::from_secs_f64(samples as f64 / f64::from(rate));
        let now = Instant::now();
        std::thread::sleep(due.saturating_duration_since(now));
        due = due.max(now);
    }
}

/// True where other programs take a good part of the cores: a thread that only computes is kept from running. Takes 0.3 s.
pub fn is_machine_busy() -> bool {
    // As many threads as cores, each in steps of a tenth of a millisecond: what a step takes longer than that, others had.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let lost = |_| {
        std::thread::spawn(|| {
            let (began, mut last, mut lost) = (Instant::now(), Instant::now(), Duration::ZERO);
            while began.elapsed() < Duration::from_millis(300) {
                let now = Instant::now();
                lost += (now - last).saturating_sub(Duration::from_micros(100));
                last = now;
            }
            lost
        })
    };
    let threads: Vec<_> = (0..cores).map(lost).collect();
    let lost: Duration = threads.into_iter().map(|thread| thread.join().unwrap_or_default()).sum();
    lost > Duration::from_millis(30) * cores as u32
}

/// Moves every parameter to a random place, again and again.
pub fn everything_moves(sample_rate_hz: u32, seconds: f64, random_seed: u64) -> Vec<Change> {
    let mut random = Random::new(random_seed);
    let mut changes = Vec::new();
    for i in 0..(seconds * 12.0) as usize {
        for spec in &SPECS {
            // Of the models only those of the tests are there; what silences everything does not silence the whole test.
            let rare = matches!(
                spec.id,
                ParamId::Model | ParamId::MorphModel | ParamId::Stop | ParamId::Bypass | ParamId::Freeze
            );
            if random.uniform() < if rare { 0.02 } else { 0.15 } {
                let value = match spec.id {
                    ParamId::Model => 64.0 + random.below(6) as f32,
                    ParamId::MorphModel if random.uniform() < 0.3 => -1.0,
                    ParamId::MorphModel => 64.0 + random.below(6) as f32,
                    _ => spec.sanitise(spec.min + (spec.max - spec.min) * random.uniform()),
                };
                let quantum = sample_rate_hz as usize / 12;
                changes.push(Change { at: i * quantum + random.below(quantum as u32) as usize, id: spec.id, value });
            }
        }
    }
    changes.sort_by_key(|change| change.at);
    changes
}

/// Answers everything that was asked.
pub fn drain(worker: &mut Worker) {
    while worker.run_once() {}
}
