//! A CLAP host in this process: the plugin's own entry, driven through nothing but CLAP.

use crate::allocations::counted;
use clack_extensions::{
    audio_ports_config::{AudioPortsConfigBuffer, PluginAudioPortsConfig},
    latency::PluginLatency,
    params::{ParamInfoBuffer, PluginParams},
    render::{PluginRender, RenderMode},
    state::PluginState,
};
use clack_host::{
    events::{
        Match,
        event_types::{NoteOnEvent, ParamValueEvent, TransportEvent, TransportFlags},
    },
    prelude::*,
    utils::{BeatTime, SecondsTime},
};
use std::{collections::BTreeMap, ffi::CString, path::Path};
use sympathy::control::{ParamId, values::Kind};

/// Blocks are at most this long.
pub const MAX_BLOCK: usize = 4096;

/// A host that is asked for nothing.
pub struct Shared;

impl SharedHandler<'_> for Shared {
    fn request_restart(&self) {}
    fn request_process(&self) {}
    fn request_callback(&self) {}
}

/// Its parts.
pub struct Host;

impl HostHandlers for Host {
    type Shared<'a> = Shared;
    type MainThread<'a> = ();
    type AudioProcessor<'a> = ();
}

/// What a host plays through the plugin.
pub struct Job<'a> {
    /// The host's rate.
    pub sample_rate_hz: u32,
    /// `[channel][sample]`
    pub input: &'a [Vec<f32>],
    /// Beside it, where the layout has a sidechain.
    pub sidechain: Option<Vec<Vec<f32>>>,
    /// Block lengths, over and over.
    pub blocks: &'a [usize],
    /// Sample, parameter, the host's 0…1; by sample.
    pub automation: &'a [(usize, ParamId, f32)],
    /// Sample and key of notes, by sample.
    pub notes: &'a [(usize, u16)],
    /// Song position of the first sample; `None`: the transport stands still.
    pub start: Option<i64>,
    /// Whether the host tells its tempo.
    pub tempo: bool,
}

/// An instance of the plugin.
pub struct Plugin {
    instance: PluginInstance<Host>,
    params: PluginParams,
    state: PluginState,
    ids: BTreeMap<String, ClapId>,
}

impl Plugin {
    /// Loads this program's own entry and makes an instance.
    pub fn new() -> Self {
        // SAFETY: the entry is nice-plug's, a static with the layout that CLAP prescribes.
        let entry = unsafe { PluginEntry::load_from_raw(&sympathy::plugin::clap_entry, c"/nowhere/Sympathy.clap") };
        Self::of(&entry.expect("the entry initialises"))
    }

    /// Loads a file as hosts do and makes an instance.
    pub fn from_file(path: &Path) -> Self {
        // SAFETY: the file is a bundle of this very plugin, whose entry is nice-plug's.
        let entry = unsafe { PluginEntry::load(path) };
        Self::of(&entry.expect("the file is a CLAP plugin"))
    }

    fn of(entry: &PluginEntry) -> Self {
        let info = HostInfo::new("test", "test", "", "1").expect("no NUL");
        let mut instance =
            PluginInstance::<Host>::new(|_| Shared, |_| (), entry, c"org.sympathy.sympathy", &info).expect("instance");
        let handle = instance.plugin_handle();
        let params = handle.get_extension::<PluginParams>().expect("params");
        let state = handle.get_extension::<PluginState>().expect("state");
        let mut ids = BTreeMap::new();
        for index in 0..params.count(&handle) {
            let mut buffer = ParamInfoBuffer::new();
            let info = params.get_info(&handle, index, &mut buffer).expect("info of every parameter");
            ids.insert(String::from_utf8(info.name.to_vec()).expect("UTF-8"), info.id);
        }
        Self { instance, params, state, ids }
    }

    /// Names of all parameters.
    pub fn names(&self) -> Vec<&str> {
        self.ids.keys().map(String::as_str).collect()
    }

    /// The latency it reports.
    pub fn latency(&mut self) -> u32 {
        let handle = self.instance.plugin_handle();
        handle.get_extension::<PluginLatency>().map_or(0, |latency| latency.get(&handle))
    }

    /// Tells whether this is a bounce.
    pub fn set_render_mode(&mut self, mode: RenderMode) {
        let handle = self.instance.plugin_handle();
        let render = handle.get_extension::<PluginRender>().expect("render");
        render.set(&handle, mode).expect("a known mode");
    }

    /// Selects the layout with this many channels, with a sidechain or without.
    pub fn set_layout(&mut self, channels: usize, sidechain: bool) {
        let handle = self.instance.plugin_handle();
        let configs = handle.get_extension::<PluginAudioPortsConfig>().expect("audio-ports-config");
        for index in 0..configs.count(&handle) {
            let mut buffer = AudioPortsConfigBuffer::new();
            let config = configs.get(&handle, index, &mut buffer).expect("config");
            let is_wide = config.main_input.as_ref().is_some_and(|port| port.channel_count as usize == channels);
            if is_wide && (config.input_port_count > 1) == sidechain {
                return configs.select(&handle, config.id).expect("a known layout");
            }
        }
        panic!("no layout with {channels} channels, sidechain: {sidechain}");
    }

    /// Sets a parameter while inactive.
    pub fn set(&mut self, id: ParamId, normalised: f32) {
        let event = value_event(self.id(id), 0, id, normalised);
        let mut out = EventBuffer::new();
        let params = self.params;
        let mut handle = self.instance.inactive_plugin_handle().expect("inactive");
        params.flush(&mut handle, &InputEvents::from_buffer(&[event]), &mut OutputEvents::from_buffer(&mut out));
    }

    /// The value a host would show, of its 0…1.
    pub fn value(&mut self, id: ParamId) -> f64 {
        let clap_id = self.id(id);
        self.params.get_value(&self.instance.plugin_handle(), clap_id).expect("a value") / steps(id)
    }

    /// A value as text.
    pub fn text(&mut self, id: ParamId, normalised: f32) -> String {
        let clap_id = self.id(id);
        let mut buffer = [0; 256];
        let value = f64::from(normalised) * steps(id);
        let text = self.params.value_to_text(&self.instance.plugin_handle(), clap_id, value, &mut buffer);
        String::from_utf8(text.expect("a text").to_vec()).expect("UTF-8")
    }

    /// How often the wet dropped out, as the text of *Model* tells.
    pub fn underruns(&mut self) -> u64 {
        let model = self.value(ParamId::Model);
        let text = self.text(ParamId::Model, model as f32);
        let count = text.rsplit_once('(').and_then(|(_, note)| note.split_once(" underrun"));
        count.map_or(0, |(count, _)| count.parse().expect("a number"))
    }

    /// Typed text as the host's 0…1.
    pub fn typed(&mut self, id: ParamId, text: &str) -> Option<f64> {
        let clap_id = self.id(id);
        let text = CString::new(text).expect("no NUL");
        let value = self.params.text_to_value(&self.instance.plugin_handle(), clap_id, &text)?;
        Some(value / steps(id))
    }

    /// The state as the host would store it.
    pub fn save(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.state.save(&self.instance.plugin_handle(), &mut bytes).expect("a state");
        bytes
    }

    /// Restores a state; false if the plugin refused it.
    pub fn load(&mut self, bytes: &[u8]) -> bool {
        self.state.load(&self.instance.plugin_handle(), &mut &bytes[..]).is_ok()
    }

    /// Activates, plays, deactivates. `[channel][sample]`
    pub fn play(&mut self, job: &Job<'_>) -> Vec<Vec<f32>> {
        let config = PluginAudioConfiguration {
            sample_rate: job.sample_rate_hz.into(),
            min_frames_count: 1,
            max_frames_count: MAX_BLOCK as u32,
        };
        let processor = self.instance.activate(|_, _| (), config).expect("activation");
        let mut started = processor.start_processing().expect("start");
        let samples = job.input.first().map_or(0, Vec::len);
        let mut output = vec![vec![0.0; samples]; job.input.len()];
        let mut input = job.input.to_vec();
        let mut ports = (AudioPorts::with_capacity(4, 2), AudioPorts::with_capacity(2, 1));
        let mut sidechain = job.sidechain.clone();
        let mut done = 0;
        for &block in job.blocks.iter().cycle() {
            if done == samples {
                break;
            }
            let end = (done + block).min(samples);
            let mut events = EventBuffer::new();
            for &(sample, id, normalised) in job.automation.iter().filter(|(sample, ..)| (done..end).contains(sample)) {
                events.push(&value_event(self.id(id), (sample - done) as u32, id, normalised));
            }
            for &(sample, key) in job.notes.iter().filter(|(sample, _)| (done..end).contains(sample)) {
                events.push(&NoteOnEvent::new((sample - done) as u32, Pckn::new(0u16, 0u16, key, Match::All), 0.9));
            }
            events.sort();
            let transport = job.start.map(|start| transport(start + done as i64, job.sample_rate_hz, job.tempo));
            let inputs: Vec<_> = [Some(&mut input), sidechain.as_mut()].into_iter().flatten().collect();
            let audio_in = ports.0.with_input_buffers(inputs.into_iter().map(|port| {
                let channels = port.iter_mut().map(|channel| InputChannel::variable(&mut channel[done..end]));
                AudioPortBuffer { latency: 0, channels: AudioPortBufferType::f32_input_only(channels) }
            }));
            let mut audio_out = ports.1.with_output_buffers([AudioPortBuffer {
                latency: 0,
                channels: AudioPortBufferType::f32_output_only(
                    output.iter_mut().map(|channel| &mut channel[done..end]),
                ),
            }]);
            let mut out_events = EventBuffer::new();
            let in_events = InputEvents::from_buffer(&events);
            let mut out_events = OutputEvents::from_buffer(&mut out_events);
            let (allocations, status) = counted(|| {
                let position = Some(done as u64);
                started.process(&audio_in, &mut audio_out, &in_events, &mut out_events, position, transport.as_ref())
            });
            status.expect("a processed block");
            assert_eq!(allocations, 0, "the audio thread allocated or freed in the block at {done}");
            done = end;
        }
        self.instance.deactivate(started.stop_processing());
        output
    }

    fn id(&self, id: ParamId) -> ClapId {
        self.ids[id.spec().name]
    }
}

/// nice-plug counts the steps of whole-numbered parameters in CLAP's values.
fn steps(id: ParamId) -> f64 {
    let spec = id.spec();
    if matches!(spec.kind, Kind::Integer | Kind::Choice(_)) { f64::from(spec.max - spec.min) } else { 1.0 }
}

fn value_event(clap_id: ClapId, offset: u32, id: ParamId, normalised: f32) -> ParamValueEvent {
    ParamValueEvent::new(offset, clap_id, Pckn::match_all(), f64::from(normalised) * steps(id))
}

fn transport(position_samples: i64, sample_rate_hz: u32, tempo: bool) -> TransportEvent {
    let seconds = position_samples as f64 / f64::from(sample_rate_hz);
    let mut flags = TransportFlags::IS_PLAYING | TransportFlags::HAS_SECONDS_TIMELINE;
    flags.set(TransportFlags::HAS_TEMPO, tempo);
    transport_at(flags, seconds, 0.0)
}

/// A song of 120 beats a minute at a place.
pub fn transport_at(flags: TransportFlags, seconds: f64, beats: f64) -> TransportEvent {
    TransportEvent {
        header: EventHeader::new_core(0, clack_host::events::EventFlags::empty()),
        flags,
        song_pos_beats: BeatTime::from_float(beats),
        song_pos_seconds: SecondsTime::from_float(seconds),
        tempo: 120.0,
        tempo_inc: 0.0,
        loop_start_beats: BeatTime::from_int(0),
        loop_end_beats: BeatTime::from_int(0),
        loop_start_seconds: SecondsTime::from_int(0),
        loop_end_seconds: SecondsTime::from_int(0),
        bar_start: BeatTime::from_int(0),
        bar_number: 0,
        time_signature_numerator: 4,
        time_signature_denominator: 4,
    }
}
