//! Activation and processing without a host: what a real host does is in `tests/clap_host` and `hosts/`.

use super::*;
use crate::control::{ParamId, values::SPECS};
use nice_plug::context::process::SendEventError;
use std::{collections::HashMap, sync::Mutex};

struct Activation(PluginApi);

impl ActivateContext<Sympathy> for Activation {
    fn plugin_api(&self) -> PluginApi {
        self.0
    }

    fn execute(&self, _task: ()) {}

    fn set_latency_samples(&self, samples: u32) {
        assert_eq!(samples, 0, "zero latency, always");
    }

    fn set_current_voice_capacity(&self, _capacity: u32) {}
}

struct Processing {
    transport: Transport,
    events: Vec<PluginNoteEvent<Sympathy>>,
}

impl ProcessContext<Sympathy> for Processing {
    fn plugin_api(&self) -> PluginApi {
        PluginApi::Vst3
    }

    fn execute_background(&self, _task: ()) {}

    fn execute_gui(&self, _task: ()) {}

    fn transport(&self) -> &Transport {
        &self.transport
    }

    fn next_event(&mut self) -> Option<PluginNoteEvent<Sympathy>> {
        (!self.events.is_empty()).then(|| self.events.remove(0))
    }

    fn try_send_event(
        &mut self,
        event: PluginNoteEvent<Sympathy>,
    ) -> Result<(), (PluginNoteEvent<Sympathy>, SendEventError)> {
        Err((event, SendEventError::NoOutputBuffer))
    }

    fn set_latency_samples(&self, _samples: u32) {}

    fn request_restart(&self) {}

    fn set_current_voice_capacity(&self, _capacity: u32) {}
}

/// An instance that looks at no folder.
fn fresh() -> Sympathy {
    keeping_in(None)
}

/// The same; takes are written here.
fn keeping_in(takes_folder: Option<PathBuf>) -> Sympathy {
    let registry = ModelRegistry::with_embedded(Isa::best());
    let params = Arc::new(SympathyParams::new(&registry, Folders::default()));
    Sympathy {
        registry,
        params,
        takes_folder,
        running: None,
        shown: window::Active::default(),
        menus: None,
        told: (0, 0, 0, false),
    }
}

fn set_keep(plugin: &Sympathy, on: bool) {
    // SAFETY: the parameter lives as long as the plugin, and nobody else sets it meanwhile.
    unsafe { plugin.params.output.keep.as_ptr()._internal_set_normalized_value(f32::from(on)) };
}

fn config(sample_rate: f32) -> BufferConfig {
    BufferConfig { sample_rate, min_buffer_size: None, max_buffer_size: 512, process_mode: ProcessMode::Offline }
}

fn activate(plugin: &mut Sympathy, channels: usize, sample_rate: f32) {
    let layout = &Sympathy::AUDIO_IO_LAYOUTS[2 - channels];
    assert!(plugin.activate(layout, &config(sample_rate), &mut Activation(PluginApi::Clap)));
    plugin.reset();
}

fn process(plugin: &mut Sympathy, channels: &mut [Vec<f32>], events: Vec<PluginNoteEvent<Sympathy>>) -> ProcessStatus {
    let samples = channels.first().map_or(0, Vec::len);
    let mut buffer = Buffer::default();
    // SAFETY: every slice has `samples` elements, and the slices outlive the buffer.
    unsafe { buffer.set_slices(samples, |slices| slices.extend(channels.iter_mut().map(|channel| &mut channel[..]))) };
    let mut aux = AuxiliaryBuffers { inputs: &mut [], outputs: &mut [] };
    let mut context = Processing { transport: Transport::new(48_000.0), events };
    plugin.process(&mut buffer, &mut aux, &mut context)
}

/// A host finds the plugin of a project by these.
#[test]
fn the_plugins_own_ids_are_frozen() {
    assert_eq!(Sympathy::CLAP_ID, "org.sympathy.sympathy");
    assert_eq!(Sympathy::VST3_CLASS_ID, *b"SympathyContinue");
}

#[test]
fn only_clap_is_believed_to_be_offline() {
    for mode in [ProcessMode::Realtime, ProcessMode::Buffered, ProcessMode::Offline] {
        assert_eq!(render_mode(PluginApi::Vst3, mode), RenderMode::Live, "nice-plug hands over the previous mode");
        assert_eq!(render_mode(PluginApi::Standalone, mode), RenderMode::Live);
    }
    assert_eq!(render_mode(PluginApi::Clap, ProcessMode::Offline), RenderMode::Offline);
    assert_eq!(render_mode(PluginApi::Clap, ProcessMode::Realtime), RenderMode::Live);
}

#[test]
fn absurd_rates_and_inactive_instances_pass_the_dry_signal() {
    let sound: Vec<f32> = (0..512).map(|i| (i as f32 * 0.1).sin()).collect();
    let mut plugin = fresh();
    for sample_rate in [0.0, -1.0, 100.0, 1e9, f32::NAN, f32::INFINITY] {
        activate(&mut plugin, 2, sample_rate);
        let mut channels = vec![sound.clone(), sound.clone()];
        assert_eq!(process(&mut plugin, &mut channels, Vec::new()), ProcessStatus::Normal);
        assert!(channels.iter().all(|channel| *channel == sound), "{sample_rate}");
    }
    activate(&mut plugin, 2, 48_000.0);
    plugin.deactivate();
    assert!(plugin.running.is_none());
    let mut channels = vec![sound.clone(), sound.clone()];
    process(&mut plugin, &mut channels, Vec::new());
    assert_eq!(channels, [sound.clone(), sound]);
}

#[test]
fn before_anything_plays_the_dry_signal_is_there_at_equal_power() {
    let mut plugin = fresh();
    for channels in [1, 2] {
        activate(&mut plugin, channels, 44_100.0);
        let sound: Vec<f32> = (0..512).map(|i| (i as f32 * 0.05).sin()).collect();
        let mut blocks = vec![sound.clone(); channels];
        assert_eq!(
            process(&mut plugin, &mut blocks, Vec::new()),
            ProcessStatus::KeepAlive,
            "sound may start something"
        );
        for (out, dry) in blocks.iter().flat_map(|block| block.iter().zip(&sound)) {
            assert!((out - dry * 0.5f32.sqrt()).abs() < 1e-6, "Mix 50 % is -3 dB: {out} {dry}");
        }
    }
}

#[test]
fn midi_stops_at_its_own_sample() {
    let mut plugin = fresh();
    let mut channels = vec![vec![0.5; 512]; 2];
    for cc in [120, 123, 124, 125, 126, 127] {
        plugin = fresh();
        activate(&mut plugin, 2, 48_000.0);
        channels = vec![vec![0.5; 512]; 2];
        let event = NoteEvent::MidiCC { timing: 100, channel: 0, cc, value: 0.0 };
        let status = process(&mut plugin, &mut channels, vec![event]);
        assert_eq!(status, ProcessStatus::Normal, "{cc}: disarmed: nothing starts without a new transport or Stop");
    }
    let other = NoteEvent::MidiCC { timing: 9999, channel: 0, cc: 64, value: 1.0 };
    assert_eq!(process(&mut plugin, &mut channels, vec![other]), ProcessStatus::Normal);
}

#[test]
fn each_time_keep_goes_on_the_plugin_writes_what_it_has_processed() {
    let folder = tempfile::tempdir().expect("temp");
    for channels in [1, 2] {
        let mut plugin = keeping_in(Some(folder.path().join(channels.to_string())));
        let keep = |plugin: &Sympathy| plugin.params.output.keep.normalized_value_to_string(0.0, true);
        assert_eq!(keep(&plugin), "Off");
        // Saved with Keep on: that asks for nothing.
        set_keep(&plugin, true);
        activate(&mut plugin, channels, 48_000.0);
        let mut heard = Vec::new();
        for (block, on) in [true, true, false, true, true].into_iter().enumerate() {
            set_keep(&plugin, on);
            let mut sound = vec![vec![0.1 * block as f32; 512]; channels];
            // Heard before the switch is moved: the change is at the first sample of the block.
            if block < 3 {
                heard.extend_from_slice(&sound[0]);
            }
            process(&mut plugin, &mut sound, Vec::new());
        }
        plugin.deactivate();
        assert_eq!((plugin.params.take_status.kept(), plugin.params.take_status.failed()), (1, 0));
        let text = keep(&plugin);
        let name = text.strip_prefix("Off: kept ").unwrap_or_else(|| panic!("{text}"));
        let path = folder.path().join(channels.to_string()).join(format!("{name} dry.wav"));
        let dry: Vec<f32> = hound::WavReader::open(path)
            .expect("a take")
            .samples()
            .step_by(channels)
            .map(|x| x.expect("sound"))
            .collect();
        assert_eq!(dry, heard, "{channels} channels");
    }
    let mut nowhere = fresh();
    activate(&mut nowhere, 2, 48_000.0);
    process(&mut nowhere, &mut [vec![0.5; 64], vec![0.5; 64]], Vec::new());
    set_keep(&nowhere, true);
    process(&mut nowhere, &mut [vec![0.5; 64], vec![0.5; 64]], Vec::new());
    nowhere.deactivate();
    let text = nowhere.params.output.keep.normalized_value_to_string(1.0, true);
    assert!(text.starts_with("On: failed: expected a folder"), "{text}");
}

/// An instance with these folders, whose model is the first of the user's.
fn learning_in(home: &std::path::Path) -> Sympathy {
    let folder = |name: &str| Some(home.join(name));
    let registry = ModelRegistry::with_embedded(Isa::from_environment());
    let folders = Folders { unfinished: folder("unfinished"), models: folder("models") };
    let params = Arc::new(SympathyParams::new(&registry, folders));
    params.models.wait_for_names();
    // SAFETY: the parameter lives as long as the plugin, and nobody else sets it meanwhile.
    unsafe {
        let model = &params.slots.model;
        model.as_ptr()._internal_set_normalized_value(model.preview_normalized(64));
    }
    Sympathy { registry, params, ..fresh() }
}

fn set_learn(plugin: &Sympathy, take: bool, record: bool) {
    let learning = &plugin.params.learning;
    for (param, on) in [(&learning.learn_take, take), (&learning.learn_record, record)] {
        // SAFETY: as above.
        unsafe { param.as_ptr()._internal_set_normalized_value(f32::from(on)) };
    }
}

#[test]
fn a_take_becomes_a_model_of_the_project_whatever_the_host_does_meanwhile() {
    let home = tempfile::tempdir().expect("temp");
    std::fs::create_dir(home.path().join("models")).expect("temp");
    let small = home.path().join("models/small.safetensors");
    std::fs::copy("tests/fixtures/listening/small.safetensors", small).expect("the fixture");
    let mut plugin = learning_in(home.path());
    let text = |plugin: &Sympathy| plugin.params.learning.learn_take.normalized_value_to_string(0.0, true);
    assert_eq!(text(&plugin), "Off: ready");
    // Saved while it was down: that asks for nothing.
    set_learn(&plugin, true, true);
    activate(&mut plugin, 2, 48_000.0);
    let mut phrase = (0..10 * 48_000).map(|i| {
        let time = i as f32 / 48_000.0;
        0.4 * (-6.0 * (time % 0.25)).exp() * (1000.0 * (1.0 + (time * 4.0).floor() % 5.0) * time).sin()
    });
    let mut play = |plugin: &mut Sympathy, seconds: f32| {
        for _ in 0..(seconds * 48_000.0 / 512.0) as usize {
            let sound: Vec<f32> = phrase.by_ref().take(512).collect();
            process(plugin, &mut [sound.clone(), sound], Vec::new());
        }
    };
    play(&mut plugin, 0.1);
    set_learn(&plugin, false, false);
    play(&mut plugin, 0.1);
    set_learn(&plugin, false, true);
    play(&mut plugin, 4.0);
    std::thread::sleep(std::time::Duration::from_millis(400));
    play(&mut plugin, 0.1);
    assert!(text(&plugin).starts_with("Off: recording "), "{}", text(&plugin));
    set_learn(&plugin, false, false);
    play(&mut plugin, 0.1);
    // Another rate, and no engine at all: the lesson goes on.
    plugin.deactivate();
    let begun = text(&plugin);
    assert!(begun.starts_with("Off: preparing") || begun.starts_with("Off: learning"), "{begun}");
    activate(&mut plugin, 1, 44_100.0);
    plugin.deactivate();
    let began = std::time::Instant::now();
    while plugin.params.lessons.status().is_busy() {
        assert!(began.elapsed().as_secs() < 60, "{}", text(&plugin));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(text(&plugin), "Off: stored in slot 65");
    let network = plugin.registry.load(65).expect("the model that has learnt");
    assert!(network.config().name.starts_with("small, learnt 2"), "{}", network.config().name);
    let files = std::fs::read_dir(home.path().join("models")).expect("a folder").count();
    assert_eq!((files, std::fs::read_dir(home.path().join("unfinished")).expect("a folder").count()), (2, 0));

    // Closed while it learns: the next instance finds it.
    activate(&mut plugin, 2, 48_000.0);
    play(&mut plugin, 4.0);
    set_learn(&plugin, true, false);
    play(&mut plugin, 0.1);
    plugin.deactivate();
    assert!(plugin.params.lessons.status().is_busy(), "{}", text(&plugin));
    let closing = std::time::Instant::now();
    drop(plugin);
    assert!(closing.elapsed().as_millis() < 2000, "{:?}", closing.elapsed());
    let later = learning_in(home.path());
    assert!(text(&later).starts_with("Off: unfinished "), "{}", text(&later));
}

/// Notes what it was asked for, and has a menu of one parameter.
struct Noted {
    asked: Mutex<Vec<(ParamPtr, i32, i32)>>,
    has_menu: ParamPtr,
}

impl HostMenusInner for Noted {
    fn open(&self, param: ParamPtr, x: i32, y: i32, reply: HostMenuReply) -> bool {
        self.asked.lock().expect("no panic").push((param, x, y));
        if param == self.has_menu {
            reply.opened();
        }
        true
    }
}

#[test]
fn the_host_is_asked_for_the_menu_of_the_parameter_that_was_clicked() {
    let params = fresh().params;
    let known: HashMap<String, ParamPtr> = params.param_map().into_iter().map(|(id, param, _)| (id, param)).collect();
    let noted = Arc::new(Noted { asked: Mutex::default(), has_menu: known[ParamId::Mix.spec().key] });
    let mut none = window::Menus::new(None);
    let mut menus = window::Menus::new(Some(HostMenus::new(Arc::clone(&noted) as Arc<dyn HostMenusInner>)));
    let at = egui::pos2(100.0, 50.0);
    for spec in &SPECS {
        let hand = |menu: &mut window::MenuAt<'_>| params.edit(spec.id, params.unmodulated(spec.id), menu);
        assert!(!none.ask(spec.id, at, 1.5, hand) && !none.is_refused(spec.id));
        assert!(menus.ask(spec.id, at, 1.5, hand));
        let (x, y) = if cfg!(target_os = "macos") { (100, 50) } else { (150, 75) };
        assert_eq!(noted.asked.lock().expect("no panic").pop(), Some((known[spec.key], x, y)), "{}", spec.key);
        let others = SPECS.iter().filter(|other| other.id != spec.id);
        assert!(others.map(|other| other.id).all(|other| !menus.is_refused(other)));
        let said = [menus.is_refused(spec.id), menus.is_refused(spec.id)];
        assert_eq!(said, [spec.id != ParamId::Mix, false], "{}: once", spec.key);
    }
}
