//! The plugin's own engine over sound in memory, as fast as the machine can.

use super::automation::TimedValue;
use crate::{
    engine::{Beats, EngineConfig, Event, Meters, RenderMode, Transport},
    worker::{self, ModelBank},
};
use std::sync::Arc;

/// What a rendering produced.
#[derive(Debug)]
pub struct RenderOutcome {
    /// `[channel][sample]`, as long as the input.
    pub channels: Vec<Vec<f32>>,
    /// The engine's counters at the end.
    pub meters: Arc<Meters>,
}

/// The song that the transport plays.
#[derive(Clone, Copy, Debug)]
pub struct Song {
    /// Position of the first sample.
    pub start_samples: i64,
    /// Tempo throughout; beat 0 is at position 0.
    pub beats_per_minute: f64,
}

/// Tempo where none is given.
pub const USUAL_TEMPO: f64 = 120.0;

/// Renders `input` (`[channel][sample]`, 1 or 2 channels, equally long) in blocks of `block_samples`, on an engine and a
/// worker thread of its own. The transport plays `song`. `automation` is sorted by sample, counted from the
/// first sample of the input. `progress` is told the samples done after each block.
///
/// The channels, the block size and the mode of `config` are set here. The result does not depend on the block size.
pub fn render_offline(
    bank: Arc<ModelBank>,
    config: EngineConfig,
    input: &[Vec<f32>],
    automation: &[TimedValue],
    song: Song,
    block_samples: usize,
    mut progress: impl FnMut(usize),
) -> RenderOutcome {
    let block_samples = block_samples.max(1);
    let config =
        EngineConfig { channels: input.len(), max_block_samples: block_samples, mode: RenderMode::Offline, ..config };
    let sample_rate_hz = config.sample_rate_hz;
    let (mut engine, worker) = worker::start(config, bank);
    let thread = worker.spawn();
    let mut channels = input.to_vec();
    let length = channels.iter().map(Vec::len).min().unwrap_or(0);
    let mut automation = automation.iter().peekable();
    let mut events: Vec<Event> = Vec::new();
    let mut start = 0;
    while start < length && !engine.meters().is_failed() {
        let end = (start + block_samples).min(length);
        events.clear();
        while let Some(point) = automation.next_if(|point| point.sample < end as u64) {
            let offset_samples = (point.sample as usize).saturating_sub(start);
            events.push(Event { offset_samples, id: point.id, value: point.value });
        }
        let position = song.start_samples.saturating_add(start as i64);
        let minutes = position as f64 / (60.0 * f64::from(sample_rate_hz));
        let transport = Transport {
            playing: true,
            position_samples: Some(position),
            loop_samples: None,
            beats: Some(Beats { position: minutes * song.beats_per_minute, per_minute: song.beats_per_minute }),
        };
        let mut block: Vec<&mut [f32]> = channels.iter_mut().map(|channel| &mut channel[start..end]).collect();
        engine.process(&mut block, &events, transport);
        progress(end);
        start = end;
    }
    let meters = Arc::clone(engine.meters());
    drop(thread);
    RenderOutcome { channels, meters }
}
