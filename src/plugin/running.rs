//! An active instance: the engine with its worker, and the parameter values that the engine knows.

use super::{Sympathy, restart::Restart, transport::SongPosition};
use crate::{
    control::{ParamId, ParamValues, values::SPECS},
    editor::Activation,
    engine::{Activity, Engine, EngineConfig, Event, MAX_CHANNELS, RenderMode, Transport},
    params::SympathyParams,
    session,
    take::{self, TAKE_SECONDS, TakeConfig, TakeRecorderThread},
    worker::{ModelRegistry, WorkerThread},
};
use nice_plug::{
    midi::Key,
    prelude::{Buffer, BufferConfig, NoteEvent, PluginApi, ProcessContext, ProcessStatus},
};
use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
};

/// Rates outside are not processed: the dry signal passes.
const SAMPLE_RATES_HZ: std::ops::RangeInclusive<f32> = 8000.0..=384_000.0;

/// Rings are made for blocks of up to this length, whatever a host announces: 2.7 s at 48 kHz. A longer one is played all the same, and
/// in a bounce waits for room.
const MAX_BLOCK_SAMPLES: usize = 1 << 17;

/// VST3 hosts want to be asked on their main thread, to which nice-plug has no way on Linux.
fn may_ask_for_a_restart(api: PluginApi) -> bool {
    api == PluginApi::Clap || cfg!(not(target_os = "linux"))
}

/// Exists from activation to deactivation.
pub(super) struct Running {
    engine: Engine,
    position: SongPosition,
    /// The values that the engine knows.
    told: ParamValues,
    /// One event a parameter at most: never grows.
    events: Vec<Event>,
    /// [`crate::params::Loads::count`] at the last block.
    loads: u64,
    /// Values of a state that was being loaded then may still come.
    is_restoring: bool,
    /// Nothing has been processed since the activation or the last reset.
    fresh: bool,
    /// `None` in a bounce, which nothing may interrupt.
    restart: Option<Restart>,
    sample_rate_hz: u32,
    // Dropped last: nothing listens to the worker any more, and the recorder has heard everything.
    _worker: WorkerThread,
    _keeper: TakeRecorderThread,
}

impl Running {
    /// Makes engine, worker and recorder, whose takes go into `takes_folder`; `None` for a layout or a rate that cannot be processed.
    pub fn start(
        params: &SympathyParams,
        registry: &Arc<ModelRegistry>,
        takes_folder: Option<&Path>,
        channels: u32,
        config: &BufferConfig,
        mode: RenderMode,
    ) -> Option<Self> {
        if channels == 0 || !SAMPLE_RATES_HZ.contains(&config.sample_rate) {
            return None;
        }
        let sample_rate_hz = config.sample_rate.round() as u32;
        let settings = &params.settings;
        let values = params.values();
        let reaction_ms =
            params.reaction.for_activation(settings, registry, values.get(ParamId::Model), sample_rate_hz);
        let channels = (channels as usize).min(MAX_CHANNELS);
        let max_block_samples = (config.max_buffer_size as usize).clamp(1, MAX_BLOCK_SAMPLES);
        let (mut engine, worker) = session::start_with(
            EngineConfig {
                channels,
                max_block_samples,
                reaction_ms,
                alignment: settings.alignment.value().into(),
                clock: settings.clock.value().into(),
                mode,
                values,
                learn_timing: settings.learn_timing(),
                learning: Arc::clone(&params.board),
                ..EngineConfig::new(sample_rate_hz)
            },
            Arc::clone(registry),
            Arc::clone(params.captured.clip_slot()),
        );
        let keep = TakeConfig {
            sample_rate_hz,
            channels,
            max_block_samples,
            seconds: TAKE_SECONDS,
            folder: takes_folder.map(Path::to_owned),
            lessons: Some(Arc::clone(&params.lessons)),
        };
        let (tap, recorder) = take::start(keep, Arc::clone(&params.take_status), Arc::clone(registry));
        engine.attach_tap(tap);
        params.has_failed.store(false, Ordering::Relaxed);
        Some(Self {
            engine,
            position: SongPosition::default(),
            told: values,
            events: Vec::with_capacity(SPECS.len()),
            loads: params.loads.count(),
            is_restoring: false,
            fresh: true,
            restart: (mode == RenderMode::Live).then(|| Restart::new(params)),
            sample_rate_hz,
            _worker: worker.spawn(),
            _keeper: recorder.spawn(),
        })
    }

    /// What the editor shows of it.
    pub fn activation(&self) -> Activation {
        Activation::of(&self.engine, self.sample_rate_hz)
    }

    /// Forgets input and voices.
    ///
    /// # Realtime safety
    /// As [`Engine::reset`].
    pub fn reset(&mut self) {
        self.engine.reset();
        self.position = SongPosition::default();
        self.fresh = true;
    }

    /// Processes a block in place. nice-plug has cut it where a parameter changes: changes are those of its first sample.
    ///
    /// # Realtime safety
    /// As [`Engine::process`].
    pub fn process(
        &mut self,
        params: &SympathyParams,
        channels: &mut [&mut [f32]],
        sidechain: Option<&mut Buffer>,
        context: &mut impl ProcessContext<Sympathy>,
    ) -> ProcessStatus {
        let mut beside: [&[f32]; MAX_CHANNELS] = [&[]; MAX_CHANNELS];
        if let Some(sidechain) = sidechain {
            beside.iter_mut().zip(sidechain.as_slice_immutable()).for_each(|(slot, channel)| *slot = channel);
        }
        let block = channels.iter().map(|channel| channel.len()).min().unwrap_or(0);
        self.note_changes(params.values(), params.loads.count());
        if block > 0 && std::mem::take(&mut self.fresh) {
            self.begin_with_changes();
        }
        let mut done = 0;
        while let Some(event) = context.next_event() {
            let is_stop = matches!(event, NoteEvent::MidiCC { cc, .. } if Engine::is_stop(cc));
            if !is_stop && !matches!(event, NoteEvent::NoteOn { key: Key::Number(_), .. }) {
                continue;
            }
            let offset = (event.timing() as usize).clamp(done, block);
            if offset > done {
                self.advance(channels, &beside, done, offset, context);
                done = offset;
            }
            match event {
                NoteEvent::NoteOn { key: Key::Number(key), velocity, .. } => self.engine.note_on(key, velocity),
                _ => self.engine.stop_from_midi(),
            }
        }
        let activity = self.advance(channels, &beside, done, block, context);
        params.feedbacks.store(self.engine.meters().feedbacks(), Ordering::Relaxed);
        params.underruns.store(self.engine.meters().underruns(), Ordering::Relaxed);
        params.has_failed.store(self.engine.meters().is_failed(), Ordering::Relaxed);
        let block_seconds = block as f64 / f64::from(self.sample_rate_hz);
        let is_busy = context.transport().playing || self.engine.is_ahead();
        if self.restart.as_mut().is_some_and(|restart| restart.is_due(params, block_seconds, is_busy))
            && may_ask_for_a_restart(context.plugin_api())
        {
            context.request_restart();
        }
        match activity {
            Activity::KeepAlive => ProcessStatus::KeepAlive,
            Activity::Idle => ProcessStatus::Normal,
        }
    }

    /// Collects the parameters that differ from the values the engine knows. Buttons that are down in a state that is being loaded, or
    /// was since the last block, have not been pressed.
    fn note_changes(&mut self, values: ParamValues, loads: u64) {
        let loaded = std::mem::replace(&mut self.loads, loads) != loads || loads % 2 == 1;
        let restores = std::mem::replace(&mut self.is_restoring, loaded) || loaded;
        self.events.clear();
        for spec in &SPECS {
            let value = values.get(spec.id);
            if value == self.told.get(spec.id) {
                continue;
            }
            if restores && spec.kind.is_trigger() {
                self.engine.adopt(spec.id, value);
            } else {
                self.events.push(Event { offset_samples: 0, id: spec.id, value });
            }
        }
        self.told = values;
    }

    /// VST3 hosts send values set before the start with the first block: they are initial values, to which parameters must
    /// not glide.
    fn begin_with_changes(&mut self) {
        if !self.events.is_empty() {
            self.engine.process(&mut [], &self.events, Transport::default());
            self.engine.reset();
            self.events.clear();
        }
    }

    /// Processes `start..end` of the block; the first such piece takes the changes.
    fn advance(
        &mut self,
        channels: &mut [&mut [f32]],
        beside: &[&[f32]; MAX_CHANNELS],
        start: usize,
        end: usize,
        context: &impl ProcessContext<Sympathy>,
    ) -> Activity {
        let transport = self.position.read(context.transport(), start, end - start);
        let mut pieces = channels.iter_mut().map(|channel| &mut channel[start..end]);
        let engine = &mut self.engine;
        // A channel that is not connected is empty, and silent.
        let beside: &[&[f32]] = &beside.map(|channel| channel.get(start..end).unwrap_or(&[]));
        let activity = match (pieces.next(), pieces.next()) {
            (Some(left), Some(right)) => {
                engine.process_with_sidechain(&mut [left, right], beside, &self.events, transport)
            }
            (Some(only), None) => engine.process_with_sidechain(&mut [only], beside, &self.events, transport),
            (None, _) => engine.process(&mut [], &self.events, transport),
        };
        self.events.clear();
        activity
    }
}
