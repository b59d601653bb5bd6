//! Hearing a model before it is chosen: it continues a built-in phrase, on an engine of its own.

use super::{instance::Activation, job::Job};
use crate::{
    control::{ParamId, ParamValues},
    dsp::{
        phrase::{PHRASE_RATE_HZ, phrase},
        resample::Resampler,
    },
    engine::{Auditioner, EngineConfig, RenderMode, Transport},
    session,
    worker::ModelRegistry,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// What is played of the phrase: up to its rest.
const PHRASE_SECONDS: f32 = 3.9;
/// How long it is continued.
const CONTINUED_SECONDS: f32 = 8.0;
/// Full scale becomes this.
const GAIN: f32 = 0.5;
const FADE_SECONDS: f32 = 0.05;
const BLOCK: usize = 512;
/// From one look at the ring to the next.
const PAUSE: Duration = Duration::from_millis(5);
/// A host that has taken nothing for so long plays nothing.
const PATIENCE: Duration = Duration::from_secs(3);

/// An audition that is under way, or none.
#[derive(Debug, Default)]
pub(super) struct Audition {
    /// The model that is heard.
    slot: u8,
    stop: Arc<AtomicBool>,
    playing: Job<()>,
}

impl Audition {
    /// The slot of the model that is heard now.
    pub fn slot(&mut self) -> Option<u8> {
        self.playing.take();
        self.playing.is_some().then_some(self.slot)
    }

    /// Fades out.
    pub fn stop(&mut self) {
        self.stop.store(true, Relaxed);
    }

    /// Begins with a model, after what is heard has ended.
    pub fn begin(&mut self, slot: u8, registry: &Arc<ModelRegistry>, activation: &Activation) {
        self.stop();
        let before = std::mem::take(&mut self.playing);
        activation.auditioner.begin();
        let stop: Arc<AtomicBool> = Arc::default();
        (self.slot, self.stop) = (slot, Arc::clone(&stop));
        let (registry, auditioner, rate) =
            (Arc::clone(registry), activation.auditioner.clone(), activation.sample_rate_hz);
        self.playing = Job::begin("sympathy-audition", move || {
            drop(before);
            play(slot, &registry, rate, &auditioner, &stop);
        });
    }
}

impl Drop for Audition {
    fn drop(&mut self) {
        self.stop();
    }
}

fn play(slot: u8, registry: &Arc<ModelRegistry>, rate: u32, auditioner: &Auditioner, stop: &AtomicBool) {
    // Why it cannot play stands in its card.
    if registry.load(slot).is_err() {
        return;
    }
    let mut values = ParamValues::default();
    values.set(ParamId::Model, slot.into());
    let config = EngineConfig {
        channels: 1,
        max_block_samples: BLOCK,
        mode: RenderMode::Offline,
        values,
        ..EngineConfig::new(rate)
    };
    let (mut engine, worker) = session::start(config, Arc::clone(registry));
    let worker = worker.spawn();
    let seconds = |seconds: f32| (seconds * rate as f32) as usize;
    let phrase = phrase();
    let phrase =
        Resampler::new(PHRASE_RATE_HZ, rate).resample_all(&phrase[..(PHRASE_SECONDS * PHRASE_RATE_HZ as f32) as usize]);
    let length = phrase.len() + seconds(CONTINUED_SECONDS);
    let step = 1.0 / seconds(FADE_SECONDS) as f32;
    let (mut position, mut fade) = (0, 1.0f32);
    while position < length && fade > 0.0 && !engine.meters().is_failed() {
        let mut block: Vec<f32> = (position..position + BLOCK).map(|i| phrase.get(i).copied().unwrap_or(0.0)).collect();
        let transport = Transport { playing: true, position_samples: Some(position as i64), ..Transport::default() };
        engine.process(&mut [&mut block], &[], transport);
        position += BLOCK;
        let ends = stop.load(Relaxed) || length.saturating_sub(position) < seconds(FADE_SECONDS);
        for sample in &mut block {
            fade = if ends { (fade - step).max(0.0) } else { fade };
            *sample *= GAIN * fade;
        }
        if !sent(&block, auditioner, stop) {
            break;
        }
    }
    drop(engine);
    drop(worker);
}

/// Sends a block as the host takes it. Returns false if there is nobody who does.
fn sent(mut block: &[f32], auditioner: &Auditioner, stop: &AtomicBool) -> bool {
    let began = Instant::now();
    while !block.is_empty() {
        match auditioner.send(block) {
            None => return false,
            Some(0) if began.elapsed() > PATIENCE || (stop.load(Relaxed) && began.elapsed() > 8 * PAUSE) => {
                return false;
            }
            Some(0) => std::thread::sleep(PAUSE),
            Some(count) => block = &block[count..],
        }
    }
    true
}
