//! The plugin for notes: what hosts call, without arithmetic.
//!
//! MIDI in, MIDI out. As a CLAP plugin it has no audio; as a VST3 plugin it has a stereo bus that it passes through, as some hosts refuse
//! plugins without one.

use super::{
    layout, notes_editor,
    presets::{NoteLoader, Provider, programs},
    render_mode,
    transport::SongPosition,
    window,
};
use crate::{
    control::notes::{NOTE_SPECS, NoteParam, NoteValues},
    editor::NoteActivation,
    engine::RenderMode,
    model::folder::models_folder,
    nn::Isa,
    notes::live::{
        Book, Gesture, Message, NoteEngine, NoteEngineConfig, NoteModels, NoteSink, PEDAL_DOWN, Pedals, SUSTAIN, Stage,
        start,
    },
    params::{NoteParams, sanitise_notes},
    worker::WorkerThread,
};
use nice_plug::{
    midi::{Channel, Key, VoiceID},
    prelude::*,
};
use std::{
    marker::PhantomData,
    sync::{Arc, atomic::Ordering},
};

/// From which value of a controller on it is on, as hosts have it.
const CONTROLLER_ON: f32 = PEDAL_DOWN as f32 / 127.0;
/// Rates outside are not played: what is received is passed on.
const SAMPLE_RATES_HZ: std::ops::RangeInclusive<f32> = 8000.0..=384_000.0;

/// The plugin; with audio for VST3, without for CLAP.
pub struct SympathyNotes<const AUDIO: bool> {
    models: Arc<NoteModels>,
    params: Arc<NoteParams>,
    /// Outlives every activation: what sounds has to be ended by the next one.
    book: Book,
    /// Those that were passed on.
    pedals: Pedals,
    /// Since the last block the host has reset or activated it: whatever was held then may have ended unheard.
    begins: bool,
    running: Option<Running>,
    /// What it has made, for the editor.
    shown: window::Active<NoteActivation>,
    /// The host's menus of parameters, for the editor.
    menus: Option<HostMenus>,
    /// [`NoteModels::labels_generation`], late steps and whether the worker has failed, as the host knows them.
    told: (u64, u64, bool),
}

/// Exists from activation to deactivation.
struct Running {
    engine: NoteEngine,
    position: SongPosition,
    /// The values that the engine knows.
    told: NoteValues,
    /// [`crate::params::Loads::count`] at the last block.
    loads: u64,
    /// Values of a state that was being loaded then may still come.
    is_restoring: bool,
    _worker: WorkerThread,
}

impl<const AUDIO: bool> Default for SympathyNotes<AUDIO> {
    fn default() -> Self {
        let models = NoteModels::with_embedded(Isa::from_environment());
        let params = Arc::new(NoteParams::new(&models, models_folder()));
        Self {
            models,
            params,
            book: Book::default(),
            pedals: Pedals::default(),
            begins: true,
            running: None,
            shown: window::Active::default(),
            menus: None,
            told: (0, 0, false),
        }
    }
}

/// Sends messages to the host.
struct Host<'a, P, C> {
    context: &'a mut C,
    plugin: PhantomData<P>,
}

impl<P: Plugin, C: ProcessContext<P>> NoteSink for Host<'_, P, C> {
    fn send(&mut self, offset: usize, message: Message) -> bool {
        let (timing, voice_id) = (offset as u32, VoiceID::Wildcard);
        let event = match message {
            Message::On { channel, key, velocity } => NoteEvent::NoteOn {
                timing,
                voice_id,
                channel: Channel::Number(channel),
                key: Key::Number(key),
                velocity: f32::from(velocity) / 127.0,
            },
            Message::Off { channel, key, velocity } => NoteEvent::NoteOff {
                timing,
                voice_id,
                channel: Channel::Number(channel),
                key: Key::Number(key),
                velocity: f32::from(velocity) / 127.0,
            },
        };
        self.context.try_send_event(event).is_ok()
    }
}

/// What a player does with an event; none of what only colours the sound.
fn gesture<S>(event: &NoteEvent<S>) -> Option<Gesture> {
    let channel_of = |channel: &Channel| channel.number().unwrap_or(0) & 15;
    Some(match event {
        NoteEvent::NoteOn { channel, key: Key::Number(key), velocity, .. } => Gesture::Down {
            channel: channel_of(channel),
            key: key & 127,
            // A note-on of a host that counts velocities finely is one, however soft.
            velocity: (velocity * 127.0).round().clamp(1.0, 127.0) as u8,
        },
        NoteEvent::NoteOff { channel: channel @ Channel::Number(_), key: Key::Number(key), velocity, .. } => {
            let velocity = (velocity * 127.0).round().clamp(0.0, 127.0) as u8;
            Gesture::Up { channel: channel_of(channel), key: key & 127, velocity }
        }
        NoteEvent::Choke { channel: channel @ Channel::Number(_), key: Key::Number(key), .. } => {
            Gesture::Up { channel: channel_of(channel), key: key & 127, velocity: 0 }
        }
        NoteEvent::NoteOff { channel, .. } | NoteEvent::Choke { channel, .. } => {
            Gesture::AllUp { channel: channel.number().map(|channel| channel & 15) }
        }
        NoteEvent::MidiCC { channel, cc, value, .. } => {
            return Gesture::of_controller(*channel, *cc, *value >= CONTROLLER_ON);
        }
        _ => return None,
    })
}

/// Whether an event is passed on as it is; notes go through the book.
fn is_passed_on<S>(event: &NoteEvent<S>) -> bool {
    !matches!(event, NoteEvent::NoteOn { .. } | NoteEvent::NoteOff { .. } | NoteEvent::Choke { .. })
}

/// Minds the sustain pedals; true where one is lifted that was passed on.
fn lifts_pedal<S>(event: &NoteEvent<S>, pedals: &mut Pedals, passes: bool) -> bool {
    let NoteEvent::MidiCC { channel, cc: SUSTAIN, value, .. } = *event else { return false };
    pedals.lifts(channel, value >= CONTROLLER_ON, passes)
}

impl<const AUDIO: bool> SympathyNotes<AUDIO> {
    /// Plays a block. nice-plug has cut it where a parameter changes: changes are those of its first sample.
    fn play(&mut self, samples: usize, context: &mut impl ProcessContext<Self>) -> ProcessStatus {
        let values = self.params.values();
        if std::mem::take(&mut self.begins) {
            self.book.release_all(0, &mut Host { context, plugin: PhantomData::<Self> });
        }
        let Some(running) = &mut self.running else {
            let mut sink = Host { context, plugin: PhantomData::<Self> };
            self.book.settle(0, &mut sink);
            while let Some(event) = sink.context.next_event() {
                // Whether there is room for what only passes through is the host's affair.
                let _ = sink.context.try_send_event(event);
            }
            return ProcessStatus::Normal;
        };
        let transport = running.position.read(context.transport(), 0, samples);
        let mut sink = Host { context, plugin: PhantomData::<Self> };
        let mut stage = Stage { book: &mut self.book, sink: &mut sink };
        let engine = &mut running.engine;
        engine.begin(transport, samples, &mut stage);
        engine.advance(0, &mut stage);
        let loads = self.params.loads.count();
        let loaded = std::mem::replace(&mut running.loads, loads) != loads || loads % 2 == 1;
        let restores = std::mem::replace(&mut running.is_restoring, loaded) || loaded;
        for spec in &NOTE_SPECS {
            let value = values.get(spec.id);
            if value == running.told.get(spec.id) {
                continue;
            }
            // Buttons that are down in a state that is being loaded have not been pressed.
            if restores && spec.kind.is_trigger() {
                engine.adopt(spec.id, value);
            } else {
                engine.set(spec.id, value, &mut stage);
            }
        }
        running.told = values;
        let passes = [NoteParam::Through, NoteParam::Bypass].iter().any(|&id| values.get(id) >= 0.5);
        while let Some(event) = stage.sink.context.next_event() {
            let offset = (event.timing() as usize).min(samples.saturating_sub(1));
            engine.advance(offset, &mut stage);
            if let Some(gesture) = gesture(&event) {
                engine.hear(gesture, &mut stage);
            }
            let lifts = lifts_pedal(&event, &mut self.pedals, passes);
            if (passes && is_passed_on(&event)) || lifts {
                let _ = stage.sink.context.try_send_event(event);
            }
        }
        engine.end(samples, &mut stage);
        let counts = &self.params.counts;
        counts.late_steps.store(engine.late_steps(), Ordering::Relaxed);
        counts.has_failed.store(engine.meters().is_failed(), Ordering::Relaxed);
        match engine.is_running() || !self.book.is_empty() {
            true => ProcessStatus::KeepAlive,
            false => ProcessStatus::Normal,
        }
    }
}

impl<const AUDIO: bool> Plugin for SympathyNotes<AUDIO> {
    const NAME: &'static str = "Sympathy Notes";
    const VENDOR: &'static str = super::Sympathy::VENDOR;
    const URL: &'static str = super::Sympathy::URL;
    const EMAIL: &'static str = super::Sympathy::EMAIL;
    const VERSION: &'static str = super::Sympathy::VERSION;
    const AUDIO_IO_LAYOUTS: &'static [AudioIOLayout] =
        if AUDIO { &[layout(2, &[], "Stereo")] } else { &[AudioIOLayout::const_default()] };
    /// What it does not pass on is lost: wheel and pedal, too.
    const MIDI_INPUT: MidiConfig = MidiConfig::MidiCCs;
    const MIDI_OUTPUT: MidiConfig = MidiConfig::MidiCCs;
    /// Beyond it the framework allocates on the audio thread.
    const INPUT_EVENT_CAPACITY: usize = 4096;
    const SAMPLE_ACCURATE_AUTOMATION: bool = true;

    type Editor = window::HostedEditor<notes_editor::InstancedNotes>;
    type SysExMessage = ();
    type BackgroundTask = ();

    fn params(&self) -> Arc<dyn Params> {
        Arc::clone(&self.params) as Arc<dyn Params>
    }

    fn editor(&mut self, _: AsyncExecutor<Self>) -> Option<Self::Editor> {
        let instance = notes_editor::InstancedNotes::new(&self.params, &self.models, &self.shown);
        Some(window::HostedEditor::new(instance, self.menus.clone()))
    }

    fn filter_state(state: &mut PluginState) {
        sanitise_notes(state);
    }

    fn activate(&mut self, _: &AudioIOLayout, config: &BufferConfig, context: &mut impl ActivateContext<Self>) -> bool {
        self.shown.set(None);
        self.running = None;
        self.begins = true;
        if !SAMPLE_RATES_HZ.contains(&config.sample_rate) {
            return true;
        }
        let values = self.params.values();
        let mode: RenderMode = render_mode(context.plugin_api(), config.process_mode);
        let (engine, worker) = start(&NoteEngineConfig {
            sample_rate_hz: config.sample_rate.round() as u32,
            reaction_ms: self.params.settings.reaction_ms.value() as f32,
            mode,
            values,
            models: Arc::clone(&self.models),
            codes: Arc::clone(self.params.codes.stored()),
        });
        self.params.counts.has_failed.store(false, Ordering::Relaxed);
        self.params.counts.late_steps.store(0, Ordering::Relaxed);
        self.shown.set(Some(NoteActivation::of(&engine)));
        self.running = Some(Running {
            engine,
            position: SongPosition::default(),
            told: values,
            loads: self.params.loads.count(),
            is_restoring: false,
            _worker: worker.spawn(),
        });
        true
    }

    fn reset(&mut self) {
        self.begins = true;
        if let Some(running) = &mut self.running {
            running.engine.reset();
            running.position = SongPosition::default();
        }
    }

    fn process(
        &mut self,
        buffer: &mut Buffer,
        _: &mut AuxiliaryBuffers,
        context: &mut impl ProcessContext<Self>,
    ) -> ProcessStatus {
        self.play(buffer.samples(), context)
    }

    fn deactivate(&mut self) {
        self.shown.set(None);
        self.running = None;
    }
}

impl<const AUDIO: bool> ClapPlugin for SympathyNotes<AUDIO> {
    fn remote_controls(&self, context: &mut impl RemoteControlsContext) {
        self.params.remote_pages(context);
    }

    fn param_texts_changed(&mut self) -> bool {
        let counts = &self.params.counts;
        let labels = self.models.labels_generation();
        let now = (labels, counts.late_steps.load(Ordering::Relaxed), counts.has_failed.load(Ordering::Relaxed));
        std::mem::replace(&mut self.told, now) != now
    }

    fn set_host_menus(&mut self, menus: HostMenus) {
        self.menus = Some(menus);
    }

    fn preset_loader(&mut self) -> Option<Box<dyn PresetLoader>> {
        Some(Box::new(NoteLoader::new(&self.params, &self.models)))
    }

    fn preset_provider() -> Option<Box<dyn PresetProvider>> {
        Some(Box::new(Provider::<NoteParam>::default()))
    }

    const CLAP_ID: &'static str = "org.sympathy.notes";
    const CLAP_DESCRIPTION: Option<&'static str> = Some("Listens to the notes that are played and continues them");
    const CLAP_MANUAL_URL: Option<&'static str> = None;
    const CLAP_SUPPORT_URL: Option<&'static str> = None;
    const CLAP_FEATURES: &'static [ClapFeature] = &[ClapFeature::NoteEffect];
}

impl<const AUDIO: bool> Vst3Plugin for SympathyNotes<AUDIO> {
    fn set_host_menus(&mut self, menus: HostMenus) {
        self.menus = Some(menus);
    }

    fn vst3_programs(&mut self) -> Option<(Vec<Program>, Box<dyn PresetLoader>)> {
        Some((programs::<NoteParam>(), Box::new(NoteLoader::new(&self.params, &self.models))))
    }

    const VST3_CLASS_ID: [u8; 16] = *b"SympathyNotesMid";
    const VST3_SUBCATEGORIES: &'static [Vst3SubCategory] = &[Vst3SubCategory::Fx, Vst3SubCategory::Generator];
    const VST3_LISTS_NON_AUTOMATABLE: bool = true;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_what_a_player_does_and_one_key_is_not_all() {
        let (timing, voice_id, velocity) = (0, VoiceID::Wildcard, 0.001);
        let (one, all) = (Channel::Number(3), Channel::Wildcard);
        let key = Key::Number(60);
        let off = |channel, key| NoteEvent::<()>::NoteOff { timing, voice_id, channel, key, velocity };
        let choke = |channel, key| NoteEvent::<()>::Choke { timing, voice_id, channel, key };
        let controller = |cc, value| NoteEvent::<()>::MidiCC { timing, channel: 3, cc, value };
        for (event, expected) in [
            (NoteEvent::NoteOn { timing, voice_id, channel: one, key, velocity }, Some((3, Some(60)))),
            (off(one, key), Some((3, Some(60)))),
            (choke(one, key), Some((3, Some(60)))),
            (off(one, Key::Wildcard), Some((3, None))),
            (choke(all, Key::Wildcard), Some((16, None))),
            (controller(123, 0.0), Some((3, None))),
            (controller(1, 0.5), None),
        ] {
            let found = gesture(&event).map(|gesture| match gesture {
                Gesture::Down { channel, key, velocity } => {
                    assert_eq!(velocity, 1, "soft, and not the end of a note");
                    (channel, Some(key))
                }
                Gesture::Up { channel, key, velocity } => {
                    assert_eq!(velocity, 0, "as soft as that, or of a choke");
                    (channel, Some(key))
                }
                Gesture::AllUp { channel } => (channel.unwrap_or(16), None),
                Gesture::Pedal { .. } => unreachable!("no pedal is among them"),
            });
            assert_eq!(found, expected, "{event:?}");
        }
        let mut pedals = Pedals::default();
        assert!(!lifts_pedal(&controller(SUSTAIN, 1.0), &mut pedals, true) && pedals.down().eq([3]));
        assert!(!lifts_pedal(&controller(1, 0.0), &mut pedals, true), "no pedal");
        assert!(lifts_pedal(&controller(SUSTAIN, 0.2), &mut pedals, false) && pedals == Pedals::default());
        let pedal = |value| gesture(&controller(SUSTAIN, value));
        assert_eq!(pedal(0.6), Some(Gesture::Pedal { channel: 3, is_down: true }));
        assert_eq!(pedal(0.4), Some(Gesture::Pedal { channel: 3, is_down: false }));
    }
}
