//! Input of the engine beside audio: settings at construction, events and transport with every block.

pub use crate::control::settings::{
    DEFAULT_LEARN_DELAY_MS, DEFAULT_LEARN_UPDATES, DEFAULT_REACTION_MS, MAX_LEARN_DELAY_MS, MAX_LEARN_UPDATES,
    MAX_REACTION_MS, MIN_LEARN_DELAY_MS,
};
use crate::{
    control::{ParamId, ParamValues},
    learn::LearnBoard,
};
use std::sync::Arc;

/// Length of a quantum of the grid, in host samples. Decisions fall on the grid, never on the host's blocks.
pub const GRID_SAMPLES: usize = 64;
/// Maximum number of channels.
pub const MAX_CHANNELS: usize = 2;

/// Where a continuation sits in time (DESIGN 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Alignment {
    /// The first predicted frame is heard one reaction time after the trigger.
    #[default]
    After,
    /// The continuation sits at its own time; predictions before its start are skipped.
    Now,
}

/// What the sample clock follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClockMode {
    /// The host's song position while its transport runs.
    #[default]
    Transport,
    /// Samples since the last reset.
    Free,
}

/// Whether a block may wait for the worker as long as it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RenderMode {
    /// The host did not say that it is offline; it may still run ahead of the wall clock.
    #[default]
    Live,
    /// The host said that it is offline.
    Offline,
}

/// Fixed while an engine lives.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The host's rate, 8000…384 000.
    pub sample_rate_hz: u32,
    /// 1 or 2.
    pub channels: usize,
    /// Longest block that `process` will be given.
    pub max_block_samples: usize,
    /// Reaction time wanted; raised to the least possible and to whole quanta of the grid.
    pub reaction_ms: f32,
    /// Where continuations sit.
    pub alignment: Alignment,
    /// What the clock follows.
    pub clock: ClockMode,
    /// Whether to wait.
    pub mode: RenderMode,
    /// Parameters at the start.
    pub values: ParamValues,
    /// When what learns while it plays is renewed.
    pub learn_timing: LearnTiming,
    /// Where learning shows what it does.
    pub learning: Arc<LearnBoard>,
}

impl EngineConfig {
    /// Default settings at a rate, stereo, blocks up to 8192 samples.
    pub fn new(sample_rate_hz: u32) -> Self {
        Self {
            sample_rate_hz,
            channels: 2,
            max_block_samples: 8192,
            reaction_ms: DEFAULT_REACTION_MS,
            alignment: Alignment::default(),
            clock: ClockMode::default(),
            mode: RenderMode::default(),
            values: ParamValues::default(),
            learn_timing: LearnTiming::default(),
            learning: Arc::default(),
        }
    }
}

/// When what learns while it plays is renewed. Another timing, other bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LearnTiming {
    /// 1…4; what lies beyond counts as the nearest.
    pub updates_per_second: u8,
    /// From the end of what an update has heard to where it is heard: 500…4000 ms; what lies beyond counts as the nearest.
    pub delay_ms: u16,
}

impl Default for LearnTiming {
    fn default() -> Self {
        Self { updates_per_second: DEFAULT_LEARN_UPDATES, delay_ms: DEFAULT_LEARN_DELAY_MS }
    }
}

impl LearnTiming {
    /// Seconds from one update to the next.
    pub fn interval_seconds(&self) -> f64 {
        1.0 / f64::from(self.updates_per_second.clamp(1, MAX_LEARN_UPDATES))
    }

    /// Seconds from what an update has heard to where it is heard.
    pub fn delay_seconds(&self) -> f64 {
        f64::from(self.delay_ms.clamp(MIN_LEARN_DELAY_MS, MAX_LEARN_DELAY_MS)) / 1000.0
    }
}

/// A parameter takes a value at a sample of the block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// Offset in the block.
    pub offset_samples: usize,
    /// The parameter.
    pub id: ParamId,
    /// Its new plain value.
    pub value: f32,
}

/// The host's transport at offset 0 of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Transport {
    /// True while the song runs.
    pub playing: bool,
    /// Song position, if the host tells.
    pub position_samples: Option<i64>,
    /// Start and end of the loop, if the host loops.
    pub loop_samples: Option<(i64, i64)>,
    /// Tempo and place in the song, if the host tells both.
    pub beats: Option<Beats>,
}

/// The song's beats (quarter notes).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beats {
    /// Beats since the song's beginning.
    pub position: f64,
    /// Beats a minute.
    pub per_minute: f64,
    /// The bar, if the host tells.
    pub bar: Option<Bar>,
}

/// A bar of the song.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    /// Beats from the song's beginning to its own.
    pub start: f64,
    /// How many beats it has.
    pub beats: f64,
}

impl Bar {
    /// Where the bar begins that `position` lies in, if those around are as long; none of numbers that are no bar.
    pub fn start_at(self, position: f64) -> Option<f64> {
        let bars = ((position - self.start) / self.beats + 1e-9).floor();
        let start = self.start + bars * self.beats;
        (self.beats > 0.0 && start.is_finite()).then_some(start)
    }
}

impl Beats {
    /// A place and a tempo; of bars nothing is told.
    pub fn at(position: f64, per_minute: f64) -> Self {
        Self { position, per_minute, bar: None }
    }
}

/// What a host should do after a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Sound continues, or may start, without further input: keep calling `process`.
    KeepAlive,
    /// Nothing can start without input.
    Idle,
}
