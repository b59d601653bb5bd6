//! The plugin's own engine over sound in memory or on disk, as fast as the machine can.

use super::{
    automation::{Automation, TimedValue},
    error::CliError,
    notes::TimedOrder,
};
use crate::{
    audio_file::Samples,
    control::ParamId,
    engine::{Beats, ClockMode, EngineConfig, Event, Meters, RenderMode, SeedMark, Transport},
    learn::LearnBoard,
    session,
    worker::{Clip, ClipSlot, ModelRegistry},
};
use std::sync::Arc;

/// What a rendering leaves besides its sound.
#[derive(Debug)]
pub struct RenderOutcome {
    /// Samples of a channel that were rendered.
    pub length_samples: usize,
    /// Seeds of the first continuations that are heard, counted from the first sample rendered.
    pub seeds: Vec<SeedMark>,
    /// The engine's counters at the end.
    pub meters: Arc<Meters>,
    /// What was learnt.
    pub learning: Arc<LearnBoard>,
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

/// Input of a rendering, besides the engine's configuration.
#[derive(Clone)]
pub struct Job<'a> {
    /// Where the transport is.
    pub song: Song,
    /// Samples a block; the result does not depend on it.
    pub block_samples: usize,
    /// 1 or 2 channels.
    pub input: &'a dyn Samples,
    /// How much is rendered; silence is heard beyond the end of the input.
    pub length_samples: usize,
    /// The sidechain; silence where it is shorter or missing.
    pub sidechain: Option<&'a dyn Samples>,
    /// Counted from the first sample of the input; none: parameters stay.
    pub automation: Option<&'a Automation>,
    /// What a MIDI file says, sorted by sample.
    pub notes: &'a [TimedOrder],
    /// The captured seed.
    pub captured: Option<Arc<Clip>>,
    /// What was learnt by the end is kept: [`LearnBoard::take_kept`] has it then.
    pub keeps_learnt: bool,
}

impl<'a> Job<'a> {
    /// Only this, from the beginning of a song of [`USUAL_TEMPO`].
    pub fn of(input: &'a dyn Samples) -> Self {
        Self {
            song: Song { start_samples: 0, beats_per_minute: USUAL_TEMPO },
            block_samples: 512,
            input,
            length_samples: input.length_samples(),
            sidechain: None,
            automation: None,
            notes: &[],
            captured: None,
            keeps_learnt: false,
        }
    }
}

/// As [`render_offline`], into memory: `[channel][sample]`. `progress` is told the samples done after each block.
///
/// # Errors
/// As [`render_offline`].
pub fn render_to_memory(
    registry: Arc<ModelRegistry>,
    config: EngineConfig,
    job: &Job<'_>,
    mut progress: impl FnMut(usize),
) -> Result<(Vec<Vec<f32>>, RenderOutcome), CliError> {
    let mut channels = vec![Vec::with_capacity(job.length_samples); job.input.channels()];
    let outcome = render_offline(registry, config, job, |block| {
        channels.iter_mut().zip(block).for_each(|(channel, part)| channel.extend_from_slice(part));
        progress(channels.first().map_or(0, Vec::len));
        Ok(())
    })?;
    Ok((channels, outcome))
}

/// Renders on an engine and a worker thread of its own. `deliver` gets each block, `[channel][sample]`.
///
/// The channels, the block size and the mode of `config` are set here.
///
/// # Errors
/// Those of `deliver`; [`CliError::Temporary`] if the input cannot be read; [`CliError::Worker`] if the worker died or hung.
pub fn render_offline(
    registry: Arc<ModelRegistry>,
    config: EngineConfig,
    job: &Job<'_>,
    mut deliver: impl FnMut(&[&[f32]]) -> Result<(), CliError>,
) -> Result<RenderOutcome, CliError> {
    let block_samples = job.block_samples.max(1);
    let config = EngineConfig {
        channels: job.input.channels(),
        max_block_samples: block_samples,
        mode: RenderMode::Offline,
        ..config
    };
    let sample_rate_hz = config.sample_rate_hz;
    let clock = config.clock;
    let clip_slot: Arc<ClipSlot> = Arc::default();
    clip_slot.put(job.captured.clone());
    let learning = Arc::clone(&config.learning);
    let (mut engine, worker) = session::start_with(config, registry, clip_slot);
    let thread = worker.spawn();
    let length = job.length_samples;
    // The worker is sure to have heard the end once what answers it has been waited for.
    let run = length + if job.keeps_learnt { 2 * engine.reaction_samples() } else { 0 };
    let mut channels = vec![vec![0.0; block_samples]; job.input.channels()];
    let mut beside = vec![vec![0.0; block_samples]; job.sidechain.map_or(0, Samples::channels)];
    let mut notes = job.notes.iter().peekable();
    let (mut changes, mut events) = (Vec::new(), Vec::new());
    let mut start = 0;
    while start < run && !engine.meters().is_failed() {
        let is_heard = start < length;
        while let Some(timed) = notes.next_if(|timed| timed.sample <= start as u64) {
            timed.order.give(&mut engine);
        }
        // A note begins at the beginning of a block, and a stop does.
        let next_note = notes.peek().map_or(usize::MAX, |timed| usize::try_from(timed.sample).unwrap_or(usize::MAX));
        let end = (start + block_samples).min(if is_heard { length } else { run }).min(next_note);
        changes.clear();
        if let Some(automation) = job.automation {
            automation.changes(start as u64..end as u64, &mut changes);
        }
        events.clear();
        let event = |change: &TimedValue| Event {
            offset_samples: change.sample as usize - start,
            id: change.id,
            value: change.value,
        };
        events.extend(changes.iter().map(event));
        if start == length {
            // Pressed anew, even if it has been pressed before.
            events = [0.0, 1.0].map(|value| Event { offset_samples: 0, id: ParamId::KeepLearnt, value }).into();
        }
        let position = job.song.start_samples.saturating_add(start as i64);
        let minutes = position as f64 / (60.0 * f64::from(sample_rate_hz));
        let beats_per_minute = job.song.beats_per_minute;
        let transport = Transport {
            playing: true,
            position_samples: Some(position),
            loop_samples: None,
            beats: Some(Beats::at(minutes * beats_per_minute, beats_per_minute)),
        };
        let mut block: Vec<&mut [f32]> = channels.iter_mut().map(|channel| &mut channel[..end - start]).collect();
        job.input.read(start, &mut block).map_err(CliError::Temporary)?;
        if let Some(sidechain) = job.sidechain {
            let mut parts: Vec<&mut [f32]> = beside.iter_mut().map(|channel| &mut channel[..end - start]).collect();
            sidechain.read(start, &mut parts).map_err(CliError::Temporary)?;
        }
        let parts: Vec<&[f32]> = beside.iter().map(|channel| &channel[..end - start]).collect();
        engine.process_with_sidechain(&mut block, &parts, &events, transport);
        if is_heard {
            deliver(&block.iter().map(|channel| &**channel).collect::<Vec<_>>())?;
        }
        start = end;
    }
    // Who waits has no underruns, but where a wait has ended in vain; the worker may have come back since.
    if engine.meters().is_failed() || engine.meters().underruns() > 0 {
        return Err(CliError::Worker);
    }
    let meters = Arc::clone(engine.meters());
    drop(thread);
    let origin = if clock == ClockMode::Transport { job.song.start_samples } else { 0 };
    let from_here =
        |mark: SeedMark| SeedMark { begins: mark.begins - origin, start: mark.start - origin, end: mark.end - origin };
    // Predictions beyond the end depend on the worker's speed, and are not heard.
    let seeds = meters.seeds().into_iter().map(from_here).filter(|mark| mark.begins < length as i64).collect();
    Ok(RenderOutcome { length_samples: length, seeds, meters, learning })
}
