//! Presets through CLAP: loaded by a host, and described to its browser.

use crate::{
    assert_values,
    clap::{HOST, Plugin, Shared, event, factory, flush, nothing},
    soon,
};
use clap_sys::{
    ext::{
        log::{CLAP_EXT_LOG, CLAP_LOG_WARNING, clap_host_log, clap_log_severity},
        params::{CLAP_EXT_PARAMS, CLAP_PARAM_RESCAN_VALUES, clap_host_params},
        preset_load::{
            CLAP_EXT_PRESET_LOAD, CLAP_EXT_PRESET_LOAD_COMPAT, clap_host_preset_load, clap_plugin_preset_load,
        },
    },
    factory::preset_discovery::*,
    host::clap_host,
    universal_plugin_id::clap_universal_plugin_id,
    version::CLAP_VERSION,
};
use std::{
    ffi::{CStr, CString, c_char, c_void},
    fs,
    path::Path,
    ptr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};
use sympathy::{
    control::{
        NotePreset, ParamId, ParamValues, Preset,
        notes::{NOTE_SPECS, NoteValues},
        values::{Kind, SPECS},
    },
    params::plain,
};

const FILE: u32 = CLAP_PRESET_DISCOVERY_LOCATION_FILE;
const PLUGIN: u32 = CLAP_PRESET_DISCOVERY_LOCATION_PLUGIN;

/// A place and a key.
type Named = (u32, Option<String>, Option<String>);

/// What a host was told.
#[derive(Default)]
struct Told {
    loaded: Mutex<Vec<Named>>,
    errors: Mutex<Vec<(Named, i32, String)>>,
    log: Mutex<Vec<(clap_log_severity, String)>>,
    values: AtomicU32,
}

fn lock<T>(list: &Mutex<Vec<T>>) -> MutexGuard<'_, Vec<T>> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

/// # Safety
/// The host is one of [`listening`].
unsafe fn told(host: *const clap_host) -> &'static Told {
    // SAFETY: as the caller says; it lives as long as the program.
    unsafe { &*(*host).host_data.cast::<Told>() }
}

/// # Safety
/// Null, or a text that ends with a zero.
unsafe fn text(text: *const c_char) -> Option<String> {
    // SAFETY: as the caller says.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

/// A host that notes what it is told, and knows preset-load by this id. It lives as long as the program.
fn listening(draft: bool) -> (&'static clap_host, &'static Told) {
    unsafe extern "C" fn rescan(host: *const clap_host, flags: u32) {
        assert_eq!(flags, CLAP_PARAM_RESCAN_VALUES);
        // SAFETY: the host that was made for it.
        unsafe { told(host) }.values.fetch_add(1, Ordering::Relaxed);
    }
    unsafe extern "C" fn on_error(
        host: *const clap_host,
        kind: u32,
        location: *const c_char,
        load_key: *const c_char,
        os_error: i32,
        message: *const c_char,
    ) {
        // SAFETY: the host that was made for it, and texts of the call.
        unsafe {
            let said = text(message).expect("a message");
            lock(&told(host).errors).push(((kind, text(location), text(load_key)), os_error, said));
        }
    }
    unsafe extern "C" fn loaded(host: *const clap_host, kind: u32, location: *const c_char, load_key: *const c_char) {
        // SAFETY: as above.
        unsafe { lock(&told(host).loaded).push((kind, text(location), text(load_key))) };
    }
    unsafe extern "C" fn log(host: *const clap_host, severity: clap_log_severity, message: *const c_char) {
        // SAFETY: as above.
        unsafe { lock(&told(host).log).push((severity, text(message).expect("a message"))) };
    }
    static PARAMS: clap_host_params =
        clap_host_params { rescan: Some(rescan), clear: None, request_flush: Some(nothing) };
    static PRESETS: clap_host_preset_load = clap_host_preset_load { on_error: Some(on_error), loaded: Some(loaded) };
    static LOG: clap_host_log = clap_host_log { log: Some(log) };
    fn known(id: *const c_char, preset_load: &CStr) -> *const c_void {
        // SAFETY: the plugin's id ends with a zero.
        let id = unsafe { CStr::from_ptr(id) };
        if id == CLAP_EXT_PARAMS {
            ptr::from_ref(&PARAMS).cast()
        } else if id == preset_load {
            ptr::from_ref(&PRESETS).cast()
        } else if id == CLAP_EXT_LOG {
            ptr::from_ref(&LOG).cast()
        } else {
            ptr::null()
        }
    }
    unsafe extern "C" fn extension(_: *const clap_host, id: *const c_char) -> *const c_void {
        known(id, CLAP_EXT_PRESET_LOAD)
    }
    unsafe extern "C" fn extension_of_the_draft(_: *const clap_host, id: *const c_char) -> *const c_void {
        known(id, CLAP_EXT_PRESET_LOAD_COMPAT)
    }
    let told: &'static Told = Box::leak(Box::default());
    let get_extension = Some(if draft { extension_of_the_draft } else { extension });
    let host = clap_host { host_data: ptr::from_ref(told).cast_mut().cast(), get_extension, ..HOST };
    (Box::leak(Box::new(host)), told)
}

impl Plugin {
    /// Asks for a preset, as bytes of paths and keys may be anything.
    #[track_caller]
    fn load_preset(&self, kind: u32, location: Option<&CStr>, load_key: Option<&CStr>) -> bool {
        let loads: &clap_plugin_preset_load = self.extension(CLAP_EXT_PRESET_LOAD);
        let [location, load_key] = [location, load_key].map(|text| text.map_or(ptr::null(), CStr::as_ptr));
        // SAFETY: the texts live as long as the call.
        soon("a preset", || unsafe { loads.from_location.expect("from_location")(self.0, kind, location, load_key) })
    }

    fn load_factory_preset(&self, name: &str) -> bool {
        self.load_preset(PLUGIN, None, Some(&CString::new(name).expect("a name")))
    }

    /// The host's 0…1 of a parameter: whole numbers are counted in steps.
    fn normalised(&self, id: ParamId) -> f64 {
        let spec = id.spec();
        let steps = match spec.kind {
            Kind::Integer | Kind::Choice(_) => f64::from(spec.max - spec.min),
            _ => 1.0,
        };
        self.value(self.id(spec.name)) / steps
    }

    fn all_values(&self) -> Vec<f64> {
        SPECS.iter().map(|spec| self.normalised(spec.id)).collect()
    }
}

fn c_path(path: &Path) -> CString {
    CString::new(path.to_str().expect("a plain path")).expect("a path")
}

/// Buttons that are down, a model, and values that no preset leaves as they are.
fn set_before(plugin: &Plugin) -> ParamValues {
    let mut values = ParamValues::default();
    values.set(ParamId::Model, 1.0);
    values.set(ParamId::MorphModel, 2.0);
    values.set(ParamId::Mix, 13.0);
    let events = [
        (ParamId::Continue, 1.0),
        (ParamId::Capture, 1.0),
        (ParamId::Model, 1.0),
        (ParamId::MorphModel, 3.0),
        (ParamId::Mix, 0.13),
    ];
    flush(plugin, &mut events.map(|(id, value)| event(0, plugin.id(id.spec().name), value)).into());
    assert_values("before", &values, |id| plugin.normalised(id));
    values
}

#[test]
fn every_factory_preset_is_loaded_by_its_name_active_or_not() {
    for (draft, active) in [(false, false), (true, false), (false, true)] {
        let (host, told) = listening(draft);
        let plugin = Plugin::of(host);
        let mut now = set_before(&plugin);
        if active {
            assert!(plugin.activate(48_000.0, 512));
            plugin.start();
            plugin.play_without_allocating();
        }
        for (name, preset) in Preset::factory() {
            let rescans = told.values.load(Ordering::Relaxed);
            assert!(plugin.load_factory_preset(name), "{name}");
            let expected = preset.values_over(|id| now.get(id));
            assert_values(name, &expected, |id| plugin.normalised(id));
            let triggers = [ParamId::Continue, ParamId::Capture, ParamId::Keep].map(|id| plugin.normalised(id));
            assert_eq!(triggers, [1.0, 1.0, 0.0], "{name}: a preset pulls no trigger, and lets none go");
            assert_eq!(told.values.load(Ordering::Relaxed), rescans + 1, "the host reads the values again");
            assert_eq!(lock(&told.loaded).pop(), Some((PLUGIN, None, Some(name.into()))));
            if active {
                (0..4).for_each(|_| plugin.play_without_allocating());
                assert_values(name, &expected, |id| plugin.normalised(id));
            }
            now = expected;
        }
        assert!(lock(&told.loaded).is_empty() && lock(&told.errors).is_empty() && lock(&told.log).is_empty());
    }
}

#[test]
fn a_file_of_ones_own_is_loaded_and_a_model_that_is_not_there_is_said() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("mine.json");
    let (host, told) = listening(false);
    let plugin = Plugin::of(host);
    set_before(&plugin);
    for (parameters, missing) in [
        (r#"{"mix": 20, "freeze": "on", "continue": 0}"#, None),
        (r#"{"mix": 30, "model": 3}"#, None),
        (r#"{"mix": 40, "model": 99}"#, Some("slot 99 is empty")),
        (r#"{"mix": 50, "morph_model": 98}"#, Some("slot 98 is empty")),
    ] {
        let json = format!(r#"{{"name": "Mine", "description": "", "parameters": {parameters}}}"#);
        fs::write(&path, &json).expect("space");
        let preset = Preset::parse("mine", &json).expect("a preset");
        let expected = preset.values_over(|id| plain(id, plugin.normalised(id) as f32));
        // The key is nobody's: a file is one preset.
        assert!(plugin.load_preset(FILE, Some(&c_path(&path)), Some(c"a key")), "{parameters}");
        assert_values(parameters, &expected, |id| plugin.normalised(id));
        assert_eq!(plugin.normalised(ParamId::Continue), 1.0, "triggers are left alone");
        assert_eq!(lock(&told.loaded).pop(), Some((FILE, path.to_str().map(str::to_owned), None)));
        let said = lock(&told.log).pop();
        match missing {
            None => assert_eq!(said, None),
            Some(reason) => {
                let (severity, message) = said.expect("it is said");
                assert_eq!(severity, CLAP_LOG_WARNING);
                let expected = "Mine asks for a model that is not there: ";
                assert!(message.starts_with(expected) && message.contains(reason), "{message}");
            }
        }
        assert!(lock(&told.errors).is_empty(), "what was loaded is no error");
    }
}

#[test]
fn what_is_no_preset_is_refused_in_words_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    let written = |name: &str, bytes: &[u8]| fs::write(path(name), bytes).expect("space");
    let preset = |parameters: &str| format!(r#"{{"name": "n", "description": "d", "parameters": {parameters}}}"#);
    fs::create_dir(path("folder.json")).expect("space");
    fs::File::create(path("huge.json")).and_then(|file| file.set_len(1 << 30)).expect("space");
    written("empty.json", b"");
    written("binary.json", &[0xff, 0, 0xfe, 7, 200, 0xc3, 0x28]);
    written("list.json", b"[1, 2]");
    written("unknown.json", preset(r#"{"mox": 1}"#).as_bytes());
    written("beyond.json", preset(r#"{"mix": 1e9}"#).as_bytes());
    written("deep.json", "[".repeat(60_000).as_bytes());
    let mut files = vec![
        ("missing.json", "cannot be read", true),
        ("folder.json", "expected a file with a preset, found a folder", false),
        ("huge.json", "expected at most 65536 bytes", false),
        ("empty.json", "it ends too early", false),
        ("binary.json", "it is no text", false),
        ("list.json", "expected JSON of the form", false),
        ("unknown.json", "did you mean mix?", false),
        ("beyond.json", "0 to 100", false),
        ("deep.json", "expected JSON of the form", false),
    ];
    #[cfg(target_os = "linux")]
    {
        // SAFETY: the path ends with a zero.
        assert_eq!(unsafe { libc::mkfifo(c_path(&path("pipe.json")).as_ptr(), 0o600) }, 0);
        files.push(("pipe.json", "found something else", false));
    }
    let valid = path("valid.json");
    written("valid.json", preset(r#"{"mix": 1}"#).as_bytes());

    let (host, told) = listening(false);
    let plugin = Plugin::of(host);
    set_before(&plugin);
    let before = plugin.all_values();
    let check = |what: &str, words: &str, is_of_the_system: bool| {
        let (_, os_error, message) = lock(&told.errors).pop().unwrap_or_else(|| panic!("{what}: nothing was said"));
        assert!(message.contains(words), "{what}: {message}");
        assert_eq!(os_error != 0, is_of_the_system, "{what}: {os_error}");
        assert!(lock(&told.errors).is_empty() && lock(&told.loaded).is_empty(), "{what}");
        assert_eq!(plugin.all_values(), before, "{what}");
    };
    for active in [false, true] {
        if active {
            assert!(plugin.activate(48_000.0, 512));
            plugin.start();
        }
        for &(name, words, is_of_the_system) in &files {
            assert!(!plugin.load_preset(FILE, Some(&c_path(&path(name))), None), "{name}");
            check(name, words, is_of_the_system);
        }
        for (kind, location, load_key, words) in [
            (FILE, None, None, "no file is named"),
            (FILE, None, Some(c"follow-me"), "no file is named"),
            (PLUGIN, None, None, "no preset is named"),
            (PLUGIN, None, Some(c""), "expected one of strings-in-sympathy"),
            (PLUGIN, None, Some(c"no-such-preset"), "expected one of strings-in-sympathy"),
            (PLUGIN, None, Some(c"\xff\xfe"), "expected one of strings-in-sympathy"),
            (PLUGIN, None, Some(&*c_path(&valid)), "expected one of strings-in-sympathy"),
            (7, Some(c"/"), Some(c"follow-me"), "kind 7"),
            (u32::MAX, None, None, "kind 4294967295"),
        ] {
            assert!(!plugin.load_preset(kind, location, load_key));
            check(words, words, false);
        }
        assert!(!plugin.load_preset(FILE, Some(c""), None));
        check("no name", "cannot be read", true);
        #[cfg(target_os = "linux")]
        {
            assert!(!plugin.load_preset(FILE, Some(c"/\xff\xfe"), None));
            check("a name that is no text", "cannot be read", true);
            assert!(!plugin.load_preset(FILE, Some(c"/dev/zero"), None));
            check("no end", "found something else", false);
        }
    }
    assert_eq!(told.values.load(Ordering::Relaxed), 0, "there is nothing to read again");
}

#[test]
fn a_host_that_knows_only_half_of_it_gets_its_preset_as_well() {
    unsafe extern "C" fn empty(_: *const clap_host, id: *const c_char) -> *const c_void {
        static PRESETS: clap_host_preset_load = clap_host_preset_load { on_error: None, loaded: None };
        // SAFETY: the plugin's id ends with a zero.
        let is_it = unsafe { CStr::from_ptr(id) } == CLAP_EXT_PRESET_LOAD;
        if is_it { ptr::from_ref(&PRESETS).cast() } else { ptr::null() }
    }
    static HALF: clap_host = clap_host { get_extension: Some(empty), ..HOST };
    for host in [&HOST, &HALF] {
        let plugin = Plugin::of(host);
        let same: *const clap_plugin_preset_load = plugin.extension(CLAP_EXT_PRESET_LOAD);
        assert!(ptr::eq(same, plugin.extension(CLAP_EXT_PRESET_LOAD_COMPAT)));
        assert!(!plugin.load_factory_preset("no-such-preset"));
        assert!(plugin.load_factory_preset("follow-me"));
        let expected = Preset::find("follow-me").expect("a preset").values();
        assert_values("follow-me", &expected, |id| plugin.normalised(id));
    }
}

#[test]
fn presets_are_loaded_while_blocks_are_played_without_allocating() {
    let (host, told) = listening(false);
    let shared = Shared(Plugin::of(host));
    assert!(shared.0.activate(48_000.0, 512));
    shared.0.start();
    let (is_over, loads) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let shared = &shared;
            // The first asks the system who it is.
            shared.0.play();
            let mut blocks = 0;
            while blocks < 100 || loads.load(Ordering::Relaxed) < 26 {
                shared.0.play_without_allocating();
                blocks += 1;
                // Other tests run beside this one.
                std::thread::sleep(Duration::from_millis(1));
            }
            is_over.store(true, Ordering::Relaxed);
        });
        let names: Vec<&str> = Preset::factory_names().collect();
        for name in names.into_iter().cycle().take_while(|_| !is_over.load(Ordering::Relaxed)) {
            assert!(shared.0.load_factory_preset(name), "{name}");
            loads.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    assert_eq!(lock(&told.loaded).len() as u32, loads.load(Ordering::Relaxed));
}

/// What a host's browser has heard.
#[derive(Debug, Default)]
struct Heard {
    file_types: Vec<[String; 3]>,
    places: Vec<(u32, String, u32, Option<String>)>,
    presets: Vec<Described>,
    errors: Vec<(i32, String)>,
    /// It wants to hear no more after so many.
    most: Option<usize>,
}

#[derive(Debug, Default, PartialEq)]
struct Described {
    name: Option<String>,
    load_key: Option<String>,
    plugin_ids: Vec<[String; 2]>,
    description: Option<String>,
    features: Vec<String>,
}

/// A provider with a browser that notes what it hears. Nothing of it moves: the plugin has its addresses.
struct Browser {
    provider: *const clap_preset_discovery_provider,
    _indexer: Box<clap_preset_discovery_indexer>,
    heard: *mut Heard,
}

impl Browser {
    fn new() -> Self {
        Self::of(c"org.sympathy.sympathy.presets")
    }

    fn of(id: &CStr) -> Self {
        unsafe extern "C" fn declare_filetype(
            indexer: *const clap_preset_discovery_indexer,
            filetype: *const clap_preset_discovery_filetype,
        ) -> bool {
            // SAFETY: the indexer that was made for it, and texts of the call.
            unsafe {
                let filetype = &*filetype;
                let texts = [filetype.name, filetype.description, filetype.file_extension];
                (*(*indexer).indexer_data.cast::<Heard>())
                    .file_types
                    .push(texts.map(|part| text(part).expect("a text")));
            }
            true
        }
        unsafe extern "C" fn declare_location(
            indexer: *const clap_preset_discovery_indexer,
            location: *const clap_preset_discovery_location,
        ) -> bool {
            // SAFETY: as above.
            unsafe {
                let place = &*location;
                let name = text(place.name).expect("a name");
                let heard = &mut *(*indexer).indexer_data.cast::<Heard>();
                heard.places.push((place.flags, name, place.kind, text(place.location)));
            }
            true
        }
        let heard = Box::into_raw(Box::<Heard>::default());
        let indexer = Box::new(clap_preset_discovery_indexer {
            clap_version: CLAP_VERSION,
            name: c"browser".as_ptr(),
            vendor: ptr::null(),
            url: ptr::null(),
            version: ptr::null(),
            indexer_data: heard.cast(),
            declare_filetype: Some(declare_filetype),
            declare_location: Some(declare_location),
            declare_soundpack: None,
            get_extension: None,
        });
        let factory = factory::<clap_preset_discovery_factory>(CLAP_PRESET_DISCOVERY_FACTORY_ID);
        // SAFETY: the factory is the plugin's own; the indexer lives longer than the provider.
        unsafe {
            let create = (*factory).create.expect("create");
            assert!(create(factory, &*indexer, c"somebody.else".as_ptr()).is_null());
            assert!(create(factory, &*indexer, ptr::null()).is_null());
            assert!(create(factory, ptr::null(), c"org.sympathy.sympathy.presets".as_ptr()).is_null());
            let provider = create(factory, &*indexer, id.as_ptr());
            assert!((*provider).init.expect("init")(provider));
            Self { provider, _indexer: indexer, heard }
        }
    }

    fn heard(&mut self) -> &mut Heard {
        // SAFETY: only calls of the provider write to it, and none runs.
        unsafe { &mut *self.heard }
    }

    fn ask(&mut self, kind: u32, location: Option<&CStr>) -> bool {
        unsafe fn heard<'a>(receiver: *const clap_preset_discovery_metadata_receiver) -> &'a mut Heard {
            // SAFETY: the receiver below.
            unsafe { &mut *(*receiver).receiver_data.cast::<Heard>() }
        }
        unsafe extern "C" fn on_error(
            receiver: *const clap_preset_discovery_metadata_receiver,
            os_error: i32,
            message: *const c_char,
        ) {
            // SAFETY: the receiver below, and texts of the call, as in the next ones.
            unsafe { heard(receiver).errors.push((os_error, text(message).expect("a message"))) };
        }
        unsafe extern "C" fn begin_preset(
            receiver: *const clap_preset_discovery_metadata_receiver,
            name: *const c_char,
            load_key: *const c_char,
        ) -> bool {
            // SAFETY: as above.
            let (heard, name, load_key) = unsafe { (heard(receiver), text(name), text(load_key)) };
            if heard.most == Some(heard.presets.len()) {
                return false;
            }
            heard.presets.push(Described { name, load_key, ..Described::default() });
            true
        }
        unsafe extern "C" fn add_plugin_id(
            receiver: *const clap_preset_discovery_metadata_receiver,
            id: *const clap_universal_plugin_id,
        ) {
            // SAFETY: as above.
            unsafe {
                let id = [(*id).abi, (*id).id].map(|part| text(part).expect("a text"));
                heard(receiver).presets.last_mut().expect("a preset was begun").plugin_ids.push(id);
            }
        }
        unsafe extern "C" fn set_description(
            receiver: *const clap_preset_discovery_metadata_receiver,
            description: *const c_char,
        ) {
            // SAFETY: as above.
            unsafe { heard(receiver).presets.last_mut().expect("a preset was begun").description = text(description) };
        }
        unsafe extern "C" fn add_feature(
            receiver: *const clap_preset_discovery_metadata_receiver,
            feature: *const c_char,
        ) {
            // SAFETY: as above.
            unsafe { heard(receiver).presets.last_mut().expect("a preset was begun").features.extend(text(feature)) };
        }
        self.heard().presets.clear();
        let receiver = clap_preset_discovery_metadata_receiver {
            receiver_data: self.heard.cast(),
            on_error: Some(on_error),
            begin_preset: Some(begin_preset),
            add_plugin_id: Some(add_plugin_id),
            set_soundpack_id: None,
            set_flags: None,
            add_creator: None,
            set_description: Some(set_description),
            set_timestamps: None,
            add_feature: Some(add_feature),
            add_extra_info: None,
        };
        let location = location.map_or(ptr::null(), CStr::as_ptr);
        // SAFETY: the provider lives, and what it is given lives as long as the call.
        soon("metadata", || unsafe {
            (*self.provider).get_metadata.expect("get_metadata")(self.provider, kind, location, &receiver)
        })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // SAFETY: it was made above, and is not used again.
        unsafe {
            (*self.provider).destroy.expect("destroy")(self.provider);
            drop(Box::from_raw(self.heard));
        }
    }
}

/// The folder of one's own presets is told by the environment, which belongs to a process of its own.
#[test]
fn a_browser_finds_every_preset_and_each_can_be_loaded() {
    const THERE: &str = "SYMPATHY_TEST_BROWSER";
    if std::env::var_os(THERE).is_none() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let name = "presets::a_browser_finds_every_preset_and_each_can_be_loaded";
        let mut program = std::process::Command::new(std::env::current_exe().expect("this program"));
        program.args([name, "--exact", "--nocapture"]).env(THERE, "1");
        let status = program.env("HOME", home.path()).env("XDG_DATA_HOME", home.path()).status().expect("it runs");
        assert!(status.success());
        return;
    }
    for id in [CLAP_PRESET_DISCOVERY_FACTORY_ID, CLAP_PRESET_DISCOVERY_FACTORY_ID_COMPAT] {
        let factory = factory::<clap_preset_discovery_factory>(id);
        // SAFETY: all is the plugin's own.
        unsafe {
            assert_eq!((*factory).count.expect("count")(factory), 2);
            let descriptor = (*factory).get_descriptor.expect("get_descriptor");
            assert!(descriptor(factory, 2).is_null() && descriptor(factory, u32::MAX).is_null());
            for (index, id, name) in
                [(0, "org.sympathy.sympathy.presets", "Sympathy"), (1, "org.sympathy.notes.presets", "Sympathy Notes")]
            {
                let provider = descriptor(factory, index);
                let texts = [(*provider).id, (*provider).name].map(|part| text(part));
                assert_eq!(texts, [Some(id.into()), Some(name.into())]);
            }
        }
    }
    assert!(factory::<c_void>(c"clap.no-such-factory").is_null());

    let mut browser = Browser::new();
    let factory_place = (CLAP_PRESET_DISCOVERY_IS_FACTORY_CONTENT, "Factory presets".into(), PLUGIN, None);
    let file_type = ["Sympathy preset", "Values of Sympathy's parameters", "json"].map(str::to_owned);
    assert_eq!(browser.heard().file_types, [file_type]);
    // On systems whose folder the environment does not tell there may be one of the user's.
    let own = sympathy::editor::presets_folder::<ParamId>().expect("a system with a folder for data");
    if cfg!(unix) {
        assert_eq!(browser.heard().places, std::slice::from_ref(&factory_place), "nothing was ever saved");
    }
    let (host, _) = listening(false);
    let plugin = Plugin::of(host);
    assert!(browser.ask(PLUGIN, None));
    let found = std::mem::take(&mut browser.heard().presets);
    assert_eq!(found.len(), Preset::factory_names().count());
    for (found, (key, preset)) in found.into_iter().zip(Preset::factory()) {
        assert!(plugin.load_factory_preset(found.load_key.as_deref().unwrap_or_default()), "{key}");
        let expected = Described {
            name: Some(preset.name),
            load_key: Some(key.into()),
            plugin_ids: vec![["clap", "org.sympathy.sympathy"].map(str::to_owned)],
            description: Some(preset.description),
            features: vec!["audio-effect".into()],
        };
        assert_eq!(found, expected);
    }
    browser.heard().most = Some(2);
    assert!(browser.ask(PLUGIN, None));
    assert_eq!(browser.heard().presets.len(), 2, "it is asked for no more");
    browser.heard().most = None;

    if cfg!(unix) {
        fs::create_dir_all(&own).expect("space");
        let [mine, broken] = ["mine.json", "broken.json"].map(|name| own.join(name));
        fs::write(&mine, r#"{"name": "Mine", "description": "As I like it.", "parameters": {"mix": 20}}"#)
            .expect("space");
        fs::write(&broken, "{").expect("space");
        let mut browser = Browser::new();
        let own_place =
            (CLAP_PRESET_DISCOVERY_IS_USER_CONTENT, "Own presets".into(), FILE, own.to_str().map(str::to_owned));
        assert_eq!(browser.heard().places, [factory_place, own_place]);
        assert!(browser.ask(FILE, Some(&c_path(&mine))));
        let found = &browser.heard().presets[0];
        assert_eq!((found.name.as_deref(), found.load_key.as_deref()), (Some("Mine"), None));
        assert_eq!(found.description.as_deref(), Some("As I like it."));
        assert_eq!(found.plugin_ids.len(), 1);
        assert!(plugin.load_preset(FILE, Some(&c_path(&mine)), None));
        for (location, words) in [
            (Some(&*c_path(&broken)), "ends too early"),
            (Some(&*c_path(&own)), "found a folder"),
            (Some(c"/no/such/file.json"), "cannot be read"),
            (None, "no file is named"),
        ] {
            assert!(!browser.ask(FILE, location));
            let (_, message) = browser.heard().errors.pop().expect("it is said");
            assert!(message.contains(words) && browser.heard().errors.is_empty(), "{message}");
        }
        assert!(!browser.ask(9, None));
    }
}

#[test]
fn presets_of_notes_are_described_and_loaded_into_the_plugin_for_notes_alone() {
    let mut browser = Browser::of(c"org.sympathy.notes.presets");
    let factory_place = (CLAP_PRESET_DISCOVERY_IS_FACTORY_CONTENT, "Factory presets".into(), PLUGIN, None);
    assert_eq!(browser.heard().places, [factory_place]);
    let (host, told) = listening(false);
    let plugin = Plugin::named(c"org.sympathy.notes", host);
    let sound = Plugin::of(host);
    assert!(browser.ask(PLUGIN, None));
    let found = std::mem::take(&mut browser.heard().presets);
    assert_eq!(found.len(), NotePreset::factory_names().count());
    let mut now = NoteValues::default();
    for (found, (key, preset)) in found.into_iter().zip(NotePreset::factory()) {
        let load_key = found.load_key.clone().unwrap_or_default();
        assert!(plugin.load_factory_preset(&load_key), "{key}");
        assert!(!sound.load_factory_preset(&load_key), "{key} is none of the audio plugin");
        now = preset.values_over(|id| now.get(id));
        for spec in &NOTE_SPECS {
            let value = plugin.value(plugin.id(spec.name)) as f32;
            // Whole numbers are counted in steps.
            let value = if spec.kind.is_whole() { value + spec.min } else { spec.value_at(value) };
            assert!((value - now.get(spec.id)).abs() < 1e-3, "{key}: {} is {value}", spec.key);
        }
        let expected = Described {
            name: Some(preset.name),
            load_key: Some(key.into()),
            plugin_ids: vec![["clap", "org.sympathy.notes"].map(str::to_owned)],
            description: Some(preset.description),
            features: vec!["note-effect".into()],
        };
        assert_eq!(found, expected);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("space");
        c_path(&path)
    };
    let mine = r#"{"name": "Mine", "description": "d", "plugin": "notes", "parameters": {"polyphony": 3, "model": 9}}"#;
    lock(&told.errors).clear();
    assert!(plugin.load_preset(FILE, Some(&file("mine.json", mine)), None));
    assert_eq!(plugin.value(plugin.id("Polyphony")).round(), 2.0, "3, counted from 1");
    let said = lock(&told.log).pop().expect("the empty slot is told").1;
    assert!(said.contains("Mine asks for a model that is not there: slot 9 is empty"), "{said}");
    assert!(!sound.load_preset(FILE, Some(&file("mine.json", mine)), None));
    let sounds = r#"{"name": "Sound", "description": "d", "parameters": {"mix": 3}}"#;
    assert!(!plugin.load_preset(FILE, Some(&file("sound.json", sounds)), None));
    let messages: Vec<String> = lock(&told.errors).iter().map(|(_, _, message)| message.clone()).collect();
    assert!(messages[0].contains("expected a preset of Sympathy, found one of another plugin"), "{messages:?}");
    assert!(messages[1].contains("expected a preset of Sympathy Notes, found one of another plugin"), "{messages:?}");
}
