//! CLAP, as clap/include has it.

use crate::{Channel, GUARD, counting::counted, soon};
use clap_sys::{
    audio_buffer::clap_audio_buffer,
    events::*,
    ext::{
        params::{CLAP_EXT_PARAMS, CLAP_PARAM_RESCAN_TEXT, clap_host_params, clap_param_info, clap_plugin_params},
        state::{CLAP_EXT_STATE, clap_plugin_state},
        tail::{CLAP_EXT_TAIL, clap_host_tail, clap_plugin_tail},
    },
    factory::plugin_factory::{CLAP_PLUGIN_FACTORY_ID, clap_plugin_factory},
    host::clap_host,
    plugin::clap_plugin,
    process::{CLAP_PROCESS_ERROR, clap_process, clap_process_status},
    stream::clap_istream,
    version::CLAP_VERSION,
};
use std::{
    ffi::{CStr, c_char, c_void},
    ptr,
    sync::{
        Once,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};
use sympathy::dsp::random::Random;

unsafe extern "C" fn no_extension(_: *const clap_host, _: *const c_char) -> *const c_void {
    ptr::null()
}

/// Does nothing.
pub unsafe extern "C" fn nothing(_: *const clap_host) {}

/// Knows no extension.
pub static HOST: clap_host = clap_host {
    clap_version: CLAP_VERSION,
    host_data: ptr::null_mut(),
    name: c"hostile".as_ptr(),
    vendor: c"".as_ptr(),
    url: c"".as_ptr(),
    version: c"0".as_ptr(),
    get_extension: Some(no_extension),
    request_restart: Some(nothing),
    request_process: Some(nothing),
    request_callback: Some(nothing),
};

/// What a host was told.
#[derive(Default)]
struct Told {
    restarts: AtomicU32,
    tails: AtomicU32,
    texts: AtomicU32,
}

impl Told {
    fn counts(&self) -> [u32; 3] {
        [&self.restarts, &self.tails, &self.texts].map(|count| count.load(Ordering::Relaxed))
    }
}

/// # Safety
/// The host is one of [`listening`].
unsafe fn told(host: *const clap_host) -> &'static Told {
    // SAFETY: as the caller says; it lives as long as the program.
    unsafe { &*(*host).host_data.cast::<Told>() }
}

/// A host that counts what it is told. It lives as long as the program, as there are only a few.
fn listening() -> (&'static clap_host, &'static Told) {
    unsafe extern "C" fn extension(_: *const clap_host, id: *const c_char) -> *const c_void {
        unsafe extern "C" fn rescan(host: *const clap_host, flags: u32) {
            // SAFETY: the host that was made for it.
            let told = unsafe { told(host) };
            told.texts.fetch_add(u32::from(flags & CLAP_PARAM_RESCAN_TEXT != 0), Ordering::Relaxed);
        }
        unsafe extern "C" fn changed(host: *const clap_host) {
            // SAFETY: the host that was made for it.
            unsafe { told(host) }.tails.fetch_add(1, Ordering::Relaxed);
        }
        static PARAMS: clap_host_params =
            clap_host_params { rescan: Some(rescan), clear: None, request_flush: Some(nothing) };
        static TAIL: clap_host_tail = clap_host_tail { changed: Some(changed) };
        // SAFETY: the plugin's id ends with a zero.
        let id = unsafe { CStr::from_ptr(id) };
        if id == CLAP_EXT_PARAMS {
            ptr::from_ref(&PARAMS).cast()
        } else if id == CLAP_EXT_TAIL {
            ptr::from_ref(&TAIL).cast()
        } else {
            ptr::null()
        }
    }
    unsafe extern "C" fn restart(host: *const clap_host) {
        // SAFETY: the host that was made for it.
        unsafe { told(host) }.restarts.fetch_add(1, Ordering::Relaxed);
    }
    let told: &'static Told = Box::leak(Box::default());
    let host_data = ptr::from_ref(told).cast_mut().cast();
    let host = clap_host { host_data, get_extension: Some(extension), request_restart: Some(restart), ..HOST };
    (Box::leak(Box::new(host)), told)
}

/// A factory of the plugin's entry, of the type that belongs to its id.
pub fn factory<T>(id: &CStr) -> *const T {
    static ENTRY: Once = Once::new();
    let entry = &sympathy::plugin::clap_entry;
    // SAFETY: all pointers are the plugin's own, or live as long as the program.
    unsafe {
        ENTRY.call_once(|| assert!(entry.init.expect("init")(c"/nowhere/Sympathy.clap".as_ptr())));
        entry.get_factory.expect("get_factory")(id.as_ptr()).cast()
    }
}

/// An instance; destroyed when it goes.
pub struct Plugin(pub *const clap_plugin);

impl Plugin {
    pub fn new() -> Self {
        Self::of(&HOST)
    }

    pub fn of(host: &'static clap_host) -> Self {
        Self::named(c"org.sympathy.sympathy", host)
    }

    pub fn named(id: &CStr, host: &'static clap_host) -> Self {
        let factory = factory::<clap_plugin_factory>(CLAP_PLUGIN_FACTORY_ID);
        // SAFETY: all pointers are the plugin's own, or live as long as the program.
        unsafe {
            let create = (*factory).create_plugin.expect("create_plugin");
            let plugin = Self(create(factory, host, id.as_ptr()));
            assert!(!plugin.0.is_null() && (*plugin.0).init.expect("init")(plugin.0));
            plugin
        }
    }

    pub fn activate(&self, rate: f64, most: u32) -> bool {
        // SAFETY: the instance lives.
        soon(&format!("activate at {rate} Hz, {most} samples"), || unsafe {
            (*self.0).activate.expect("activate")(self.0, rate, 1, most)
        })
    }

    pub fn deactivate(&self) {
        // SAFETY: the instance lives.
        soon("deactivate", || unsafe { (*self.0).deactivate.expect("deactivate")(self.0) });
    }

    pub fn start(&self) {
        // SAFETY: the instance lives.
        unsafe { (*self.0).start_processing.expect("start_processing")(self.0) };
    }

    fn reset(&self) {
        // SAFETY: the instance lives.
        unsafe { (*self.0).reset.expect("reset")(self.0) };
    }

    pub fn extension<T>(&self, id: &CStr) -> &T {
        // SAFETY: the extension is the plugin's own, of the type that belongs to its id, and lives as long as the instance.
        unsafe { &*(*self.0).get_extension.expect("get_extension")(self.0, id.as_ptr()).cast::<T>() }
    }

    /// Ids and names of the parameters.
    pub fn parameters(&self) -> Vec<(u32, String)> {
        let params: &clap_plugin_params = self.extension(CLAP_EXT_PARAMS);
        // SAFETY: a description may be zero before it is filled; its name ends with a zero.
        unsafe {
            (0..params.count.expect("count")(self.0))
                .map(|index| {
                    let mut info: clap_param_info = std::mem::zeroed();
                    assert!(params.get_info.expect("get_info")(self.0, index, &mut info));
                    (info.id, CStr::from_ptr(info.name.as_ptr()).to_string_lossy().into_owned())
                })
                .collect()
        }
    }

    /// Samples that sound after the input has ended.
    fn tail(&self) -> u32 {
        let tail: &clap_plugin_tail = self.extension(CLAP_EXT_TAIL);
        // SAFETY: the instance lives.
        unsafe { tail.get.expect("get")(self.0) }
    }

    /// What a host's main thread does now and then.
    pub fn on_main_thread(&self) {
        // SAFETY: the instance lives.
        unsafe { (*self.0).on_main_thread.expect("on_main_thread")(self.0) };
    }

    pub fn id(&self, name: &str) -> u32 {
        self.parameters().into_iter().find(|(_, known)| known == name).expect("a parameter of this name").0
    }

    pub fn value(&self, id: u32) -> f64 {
        let params: &clap_plugin_params = self.extension(CLAP_EXT_PARAMS);
        let mut value = f64::NAN;
        // SAFETY: the instance lives.
        assert!(unsafe { params.get_value.expect("get_value")(self.0, id, &mut value) });
        value
    }

    /// Loads a state, as nice-plug frames it for CLAP.
    fn load(&self, json: &str) {
        unsafe extern "C" fn read(stream: *const clap_istream, buffer: *mut c_void, size: u64) -> i64 {
            // SAFETY: `ctx` is the slice below, and the buffer holds what is asked for.
            unsafe {
                let rest = &mut *(*stream).ctx.cast::<&[u8]>();
                let count = rest.len().min(size as usize);
                ptr::copy_nonoverlapping(rest.as_ptr(), buffer.cast(), count);
                *rest = &rest[count..];
                count as i64
            }
        }
        let bytes = [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()].concat();
        let mut rest = &bytes[..];
        let stream = clap_istream { ctx: ptr::from_mut(&mut rest).cast(), read: Some(read) };
        let state: &clap_plugin_state = self.extension(CLAP_EXT_STATE);
        // SAFETY: the stream lives as long as the call.
        assert!(unsafe { state.load.expect("load")(self.0, &stream) });
    }

    fn process(&self, what: &str, process: &clap_process) -> clap_process_status {
        // SAFETY: the caller's pointers live as long as the call.
        soon(what, || unsafe { (*self.0).process.expect("process")(self.0, process) })
    }

    /// A block.
    pub fn play(&self) {
        play(self, "a block", 512, true, &mut Vec::new());
    }

    /// A block, which must not allocate.
    pub fn play_without_allocating(&self) {
        let (_, allocations) = play_counted(self, "a block", 512, true, &mut Vec::new());
        assert_eq!(allocations, 0, "the audio thread allocated or freed");
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        // SAFETY: it is not used again.
        soon("destroy", || unsafe { (*self.0).destroy.expect("destroy")(self.0) });
    }
}

unsafe extern "C" fn count(list: *const clap_input_events) -> u32 {
    // SAFETY: `ctx` is the list that `with_events` lends.
    let events = unsafe { &*(*list).ctx.cast::<Vec<clap_event_param_value>>() };
    events.len() as u32
}

unsafe extern "C" fn get(list: *const clap_input_events, index: u32) -> *const clap_event_header {
    // SAFETY: as `count`; nobody asks for more than there are.
    let events = unsafe { &*(*list).ctx.cast::<Vec<clap_event_param_value>>() };
    &events[index as usize].header
}

unsafe extern "C" fn refuse(_: *const clap_output_events, _: *const clap_event_header) -> bool {
    false
}

const NOWHERE: clap_output_events = clap_output_events { ctx: ptr::null_mut(), try_push: Some(refuse) };

/// A parameter that is set.
pub fn event(time: u32, param_id: u32, value: f64) -> clap_event_param_value {
    let size = size_of::<clap_event_param_value>() as u32;
    let header =
        clap_event_header { size, time, space_id: CLAP_CORE_EVENT_SPACE_ID, type_: CLAP_EVENT_PARAM_VALUE, flags: 0 };
    clap_event_param_value {
        header,
        param_id,
        cookie: ptr::null_mut(),
        note_id: -1,
        port_index: -1,
        channel: -1,
        key: -1,
        value,
    }
}

/// Processes `frames` samples in channels of their own; in place, or not. Returns the largest that comes out.
fn play(plugin: &Plugin, what: &str, frames: usize, in_place: bool, events: &mut Vec<clap_event_param_value>) -> f32 {
    play_counted(plugin, what, frames, in_place, events).0
}

/// The same, and what the call allocated and freed.
fn play_counted(
    plugin: &Plugin,
    what: &str,
    frames: usize,
    in_place: bool,
    events: &mut Vec<clap_event_param_value>,
) -> (f32, usize) {
    let mut inputs: Vec<Channel> = (0..2).map(|_| Channel::new(frames, 0.25)).collect();
    let mut outputs: Vec<Channel> = (0..2).map(|_| Channel::new(frames, f32::NAN)).collect();
    let mut heard: Vec<*mut f32> = inputs.iter_mut().map(Channel::pointer).collect();
    let mut said: Vec<*mut f32> =
        if in_place { heard.clone() } else { outputs.iter_mut().map(Channel::pointer).collect() };
    let buffer = |channels: &mut Vec<*mut f32>| clap_audio_buffer {
        data32: channels.as_mut_ptr(),
        data64: ptr::null_mut(),
        channel_count: channels.len() as u32,
        latency: 0,
        constant_mask: 0,
    };
    let (input, mut output) = (buffer(&mut heard), buffer(&mut said));
    let list = clap_input_events { ctx: ptr::from_mut(events).cast(), size: Some(count), get: Some(get) };
    let process = clap_process {
        steady_time: -1,
        frames_count: frames as u32,
        transport: ptr::null(),
        audio_inputs: &input,
        audio_outputs: &mut output,
        audio_inputs_count: 1,
        audio_outputs_count: 1,
        in_events: &list,
        out_events: &NOWHERE,
    };
    let (allocations, status) = counted(|| plugin.process(what, &process));
    assert_ne!(status, CLAP_PROCESS_ERROR, "{what}");
    let written = if in_place { &inputs } else { &outputs };
    written.iter().chain(&inputs).for_each(|channel| channel.check(what));
    let samples = |channel: &Channel| channel.samples[GUARD..GUARD + frames].to_vec();
    (written.iter().flat_map(samples).fold(0.0, |most, x| most.max(x.abs())), allocations)
}

#[test]
fn events_beyond_the_end_out_of_order_and_of_nonsense_touch_nothing_but_the_block() {
    let plugin = Plugin::new();
    let parameters: Vec<u32> = plugin.parameters().into_iter().map(|(id, _)| id).collect();
    assert!(plugin.activate(48_000.0, 512));
    plugin.start();
    let mut random = Random::new(1);
    for round in 0..400 {
        let frames = 1 + random.below(512) as usize;
        let mut events: Vec<clap_event_param_value> = (0..random.below(12))
            .map(|_| {
                let time = match random.below(4) {
                    0 => random.below(frames as u32),
                    1 => frames as u32 + random.below(3),
                    2 => random.below(100_000),
                    _ => u32::MAX - random.below(2),
                };
                let id = match random.below(8) {
                    0 => random.next_u32(),
                    _ => parameters[random.below(parameters.len() as u32) as usize],
                };
                let value = [0.0, 1.0, 0.5, -1e300, 1e300, f64::NAN, f64::INFINITY][random.below(7) as usize];
                event(time, id, value)
            })
            .collect();
        play(&plugin, &format!("round {round}"), frames, round % 2 == 0, &mut events);
        if round % 50 == 0 {
            plugin.reset();
        }
    }
    plugin.deactivate();
}

#[test]
fn channels_that_are_not_there_are_silent_and_others_are_left_alone() {
    let plugin = Plugin::new();
    let none = |count: u32, channels: &mut Vec<*mut f32>| clap_audio_buffer {
        data32: if channels.is_empty() { ptr::null_mut() } else { channels.as_mut_ptr() },
        data64: ptr::null_mut(),
        channel_count: count,
        latency: 0,
        constant_mask: 0,
    };
    // Before the activation as well: an error, and no more.
    for active in [false, true] {
        if active {
            assert!(plugin.activate(44_100.0, 64));
            plugin.start();
        }
        for ports in [0, 1, 2] {
            for (ins, outs) in [(0, 0), (0, 2), (1, 1), (1, 2), (2, 1), (2, 0), (3, 2), (2, 3), (8, 8), (2, 2)] {
                // Bit by bit: whose channel has no pointer.
                for missing in [0b00, 0b01, 0b10, 0b11] {
                    let what = format!("active {active}, {ports} ports, {ins} in, {outs} out, missing {missing:b}");
                    let mut inputs: Vec<Channel> = (0..ins).map(|_| Channel::new(64, 0.25)).collect();
                    let mut outputs: Vec<Channel> = (0..outs).map(|_| Channel::new(64, 0.0)).collect();
                    let pointers = |channels: &mut Vec<Channel>| {
                        let pointer = |(index, channel): (usize, &mut Channel)| {
                            if index < 2 && missing >> index & 1 == 1 { ptr::null_mut() } else { channel.pointer() }
                        };
                        channels.iter_mut().enumerate().map(pointer).collect::<Vec<*mut f32>>()
                    };
                    let (mut heard, mut said) = (pointers(&mut inputs), pointers(&mut outputs));
                    let (input, mut output) = (none(ins, &mut heard), none(outs, &mut said));
                    let process = clap_process {
                        steady_time: 0,
                        frames_count: 64,
                        transport: ptr::null(),
                        audio_inputs: if ports == 0 { ptr::null() } else { &input },
                        audio_outputs: if ports < 2 { ptr::null_mut() } else { &mut output },
                        audio_inputs_count: ports.min(1),
                        audio_outputs_count: ports / 2,
                        in_events: ptr::null(),
                        out_events: ptr::null(),
                    };
                    let status = plugin.process(&what, &process);
                    assert!(active || status == CLAP_PROCESS_ERROR, "{what}: {status}");
                    inputs.iter().chain(&outputs).for_each(|channel| channel.check(&what));
                }
            }
        }
    }
}

#[test]
fn activations_of_any_rate_and_size_end_soon() {
    let plugin = Plugin::new();
    for rate in [48_000.0, 0.0, -1.0, 1.0, 7999.0, 8000.0, 44_100.5, 384_000.0, 1e12, f64::NAN, f64::INFINITY] {
        for most in [0, 1, 64, 100_000, i32::MAX as u32] {
            if plugin.activate(rate, most) {
                plugin.start();
                // More than was announced, too.
                for frames in [0, 1, 64, 5000] {
                    play(&plugin, &format!("{rate} Hz, {most} announced, {frames}"), frames, false, &mut Vec::new());
                }
                plugin.deactivate();
            }
        }
    }
}

#[test]
fn a_block_of_two_seconds_where_sixty_four_samples_were_announced_is_played() {
    let plugin = Plugin::new();
    assert!(plugin.activate(48_000.0, 64));
    plugin.start();
    for frames in [100_000, 3, 100_000] {
        play(&plugin, &format!("{frames} samples"), frames, true, &mut Vec::new());
    }
}

#[test]
fn a_mad_transport_is_survived() {
    let plugin = Plugin::new();
    assert!(plugin.activate(48_000.0, 512));
    plugin.start();
    let mut random = Random::new(2);
    for round in 0..300 {
        let mut odd = || [0, 1, -1, i64::MAX, i64::MIN, 1 << 31, -(1 << 40)][random.below(7) as usize];
        let header = clap_event_header {
            size: size_of::<clap_event_transport>() as u32,
            time: 0,
            space_id: CLAP_CORE_EVENT_SPACE_ID,
            type_: CLAP_EVENT_TRANSPORT,
            flags: 0,
        };
        let [song_pos_beats, song_pos_seconds, loop_start_beats, loop_end_beats] = [odd(), odd(), odd(), odd()];
        let [loop_start_seconds, loop_end_seconds, bar_start, bar] = [odd(), odd(), odd(), odd()];
        let transport = clap_event_transport {
            header,
            flags: u32::MAX,
            song_pos_beats,
            song_pos_seconds,
            tempo: [120.0, 0.0, -1.0, 1e308, f64::NAN, f64::INFINITY][round % 6],
            tempo_inc: f64::NAN,
            loop_start_beats,
            loop_end_beats,
            loop_start_seconds,
            loop_end_seconds,
            bar_start,
            bar_number: bar as i32,
            tsig_num: 0,
            tsig_denom: 0,
        };
        let mut channels = [Channel::new(512, 0.1), Channel::new(512, 0.1)];
        let mut pointers: Vec<*mut f32> = channels.iter_mut().map(Channel::pointer).collect();
        let mut buffer = clap_audio_buffer {
            data32: pointers.as_mut_ptr(),
            data64: ptr::null_mut(),
            channel_count: 2,
            latency: 0,
            constant_mask: 0,
        };
        let input = buffer;
        let process = clap_process {
            steady_time: i64::MIN,
            frames_count: 512,
            transport: &transport,
            audio_inputs: &input,
            audio_outputs: &mut buffer,
            audio_inputs_count: 1,
            audio_outputs_count: 1,
            in_events: ptr::null(),
            out_events: ptr::null(),
        };
        plugin.process(&format!("transport {round}"), &process);
        channels.iter().for_each(|channel| channel.check(&format!("transport {round}")));
    }
}

#[test]
fn fifty_instances_come_and_go() {
    for round in 0..2 {
        let plugins: Vec<Plugin> = (0..25).map(|_| Plugin::new()).collect();
        for (index, plugin) in plugins.iter().enumerate() {
            assert!(plugin.activate(48_000.0, 256));
            plugin.start();
            // Some are destroyed before they have played, active or not.
            if index % 3 == round {
                play(plugin, "one of many", 256, true, &mut Vec::new());
            }
            if index % 2 == 0 {
                plugin.deactivate();
            }
        }
    }
}

/// What the process holds now, KiB.
#[cfg(target_os = "linux")]
fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[cfg(target_os = "linux")]
#[test]
fn fifty_instances_hold_little_beside_the_models_that_they_share() {
    const THERE: &str = "SYMPATHY_TEST_MEMORY";
    const COUNT: usize = 50;
    if std::env::var_os(THERE).is_none() {
        // Other tests of this program take memory, too.
        let name = "clap::fifty_instances_hold_little_beside_the_models_that_they_share";
        let mut program = std::process::Command::new(std::env::current_exe().expect("this program"));
        let status = program.args([name, "--exact", "--nocapture"]).env(THERE, "1").status().expect("it runs");
        assert!(status.success());
        return;
    }
    let make = || {
        let plugin = Plugin::new();
        assert!(plugin.activate(48_000.0, 512));
        plugin.start();
        play(&plugin, "the first", 512, true, &mut Vec::new());
        plugin
    };
    let _first = make();
    std::thread::sleep(std::time::Duration::from_secs(2));
    let before = resident_kib();
    let plugins: Vec<Plugin> = (0..COUNT).map(|_| make()).collect();
    std::thread::sleep(std::time::Duration::from_secs(2));
    let each = (resident_kib() - before) / COUNT;
    drop(plugins);
    let left = resident_kib().saturating_sub(before);
    println!("an instance: {each} KiB; when they are gone the allocator keeps {left} KiB");
    // Some 3.4 MiB, and what allocators of other systems make of them.
    assert!(each <= 5 * 1024, "{each} KiB an instance");
    assert!(left <= 400 * 1024, "{left} KiB are left");
}

/// Takes go into a folder that the environment names: in a process of its own.
#[test]
fn a_state_in_which_buttons_are_down_presses_none() {
    const THERE: &str = "SYMPATHY_TEST_RESTORE";
    let Some(folder) = std::env::var_os(THERE).map(std::path::PathBuf::from) else {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let name = "clap::a_state_in_which_buttons_are_down_presses_none";
        let mut program = std::process::Command::new(std::env::current_exe().expect("this program"));
        program.args([name, "--exact", "--nocapture"]).env(THERE, folder.path());
        let status = program.env(sympathy::take::TAKES_FOLDER_VARIABLE, folder.path()).status().expect("it runs");
        assert!(status.success());
        return;
    };
    let plugin = Plugin::new();
    let parameters = plugin.parameters();
    let id = |name: &str| parameters.iter().find(|(_, found)| found == name).expect(name).0;
    let (keep, capture, go) = (id("Save Take"), id("Capture Seed"), id("Continue"));
    assert!(plugin.activate(48_000.0, 512));
    plugin.start();
    let play_on = |events: &mut Vec<clap_event_param_value>| {
        let first = play(&plugin, "a block", 512, true, events);
        (0..100).map(|_| play(&plugin, "a block", 512, true, &mut Vec::new())).fold(first, f32::max)
    };
    let takes = || std::fs::read_dir(&folder).expect("the folder").count();
    let json = r#"{"version": "", "params": {"keep": {"bool": true}, "capture": {"bool": true}, "continue": {"bool": true},
        "auto_start": {"bool": false}, "reseed_interval": {"f32": 0.0}, "mix": {"f32": 100.0}}, "fields": {}}"#;
    let up = json.replace("{\"bool\": true}", "{\"bool\": false}");
    plugin.load(&up);
    play_on(&mut Vec::new());
    for state in [json, &up, json] {
        plugin.load(state);
        play_on(&mut Vec::new());
        let expected = if state == json { 1.0 } else { 0.0 };
        assert_eq!([keep, capture, go].map(|id| plugin.value(id)), [expected; 3], "as they were");
    }
    std::thread::sleep(std::time::Duration::from_millis(300));
    play_on(&mut Vec::new());
    assert_eq!(play_on(&mut Vec::new()), 0.0, "nobody asked for a continuation");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(takes(), 0, "opening a project writes no files");
    // Who presses it gets a take.
    play_on(&mut vec![event(0, keep, 0.0)]);
    play_on(&mut vec![event(0, keep, 1.0)]);
    let began = std::time::Instant::now();
    while takes() == 0 {
        assert!(began.elapsed() < crate::LONGEST, "no take");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    plugin.deactivate();
}

#[test]
fn a_host_is_told_what_has_changed() {
    let (host, told) = listening();
    let plugin = Plugin::of(host);
    assert!(plugin.activate(48_000.0, 512));
    plugin.start();
    // In real time: a host that runs ahead bounces, and is asked for nothing.
    let play_with = |what: &str, mut events: Vec<clap_event_param_value>| {
        play(&plugin, what, 512, true, &mut events);
        plugin.on_main_thread();
        std::thread::sleep(Duration::from_secs_f64(512.0 / 48_000.0));
    };
    let play_for =
        |seconds: f64| (0..(seconds * 48_000.0 / 512.0) as usize).for_each(|_| play_with("a block", Vec::new()));
    let set = |name: &str, value: f64| play_with(name, vec![event(0, plugin.id(name), value)]);
    // A trigger is armed, so that something may sound for ever.
    play_for(0.1);
    let [_, tails, texts] = told.counts();
    assert_eq!((tails, plugin.tail()), (1, u32::MAX), "the tail");
    for (name, value) in [("Auto Start", 0.0), ("Re-seed Interval", 0.0), ("Stop", 1.0)] {
        set(name, value);
    }
    // The worker ends what it has begun, and loads the models that ship.
    play_for(1.5);
    assert_eq!((told.counts()[1], plugin.tail()), (2, 0), "it ended");
    let texts = told.counts()[2].max(texts);
    assert!(texts > 0, "the models were looked up");

    // A slider that is dragged, and comes to rest.
    for step in 0..10 {
        set("Reaction Time", f64::from(40 + step));
        play_for(0.1);
    }
    assert_eq!(told.counts()[0], 0, "it still moves");
    play_for(1.2);
    assert_eq!(told.counts()[0], 1, "asked once, though the host does nothing");
    assert_eq!(told.counts()[2], texts, "no text has changed");
    // A project is loaded into the active instance.
    plugin.load(
        r#"{"version":"","params":{"clock":{"string":"free"},"reaction":{"i32":49}},"fields":{"models":"{\"version\":1,\"user\":[{\"slot\":90,\"name\":\"gone\"}]}"}}"#,
    );
    play_for(1.2);
    assert_eq!(told.counts()[0], 2, "a setting of the state");
    plugin.deactivate();
    assert!(plugin.activate(48_000.0, 512));
    plugin.start();
    play_for(1.2);
    assert_eq!(told.counts()[0], 2, "now it counts");
    assert!(told.counts()[2] > texts, "the models of the state");
    set("Learn Delay", 2000.0);
    play_for(1.2);
    assert_eq!(told.counts()[0], 3, "what is learnt is heard later from the next activation on");
}

/// Hands parameters over without a block.
pub fn flush(plugin: &Plugin, events: &mut Vec<clap_event_param_value>) {
    let params: &clap_plugin_params = plugin.extension(CLAP_EXT_PARAMS);
    let list = clap_input_events { ctx: ptr::from_mut(events).cast(), size: Some(count), get: Some(get) };
    // SAFETY: the lists live as long as the call.
    soon("flush", || unsafe { params.flush.expect("flush")(plugin.0, &list, &NOWHERE) });
}

#[test]
fn parameters_are_taken_while_nothing_is_active() {
    let plugin = Plugin::new();
    let (mix, hold) = (plugin.id("Mix"), plugin.id("Hold"));
    // Numbers that are not whole go over as 0…1.
    flush(&plugin, &mut vec![event(0, mix, 0.25), event(u32::MAX, hold, 0.75), event(3, 12345, f64::NAN)]);
    assert_eq!((plugin.value(mix), plugin.value(hold)), (0.25, 0.75));
    assert!(plugin.activate(48_000.0, 512));
    flush(&plugin, &mut vec![event(0, mix, 0.5)]);
    assert_eq!(plugin.value(mix), 0.5, "active, but not processing");
    plugin.start();
    play(&plugin, "a block", 512, true, &mut Vec::new());
    plugin.deactivate();
    flush(&plugin, &mut vec![event(0, mix, f64::INFINITY), event(0, hold, 0.125)]);
    assert_eq!(plugin.value(hold), 0.125);
    assert!((0.0..=1.0).contains(&plugin.value(mix)), "{}", plugin.value(mix));
}

/// A plugin whose threads the host has mixed up.
pub struct Shared(pub Plugin);

// SAFETY: CLAP lets a plugin be called by one audio thread and one main thread at once, whichever threads these are.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

#[test]
fn states_are_loaded_while_blocks_come_from_ever_other_threads() {
    let shared = Shared(Plugin::new());
    assert!(shared.0.activate(48_000.0, 512));
    shared.0.start();
    let (over, loads) = (AtomicBool::new(false), AtomicU32::new(0));
    let states = [
        r#"{"version":"","params":{},"fields":{}}"#,
        r#"{"version":"","params":{"model":{"i32":3},"clock":{"string":"free"},"mix":{"f32":100.0}},"fields":{}}"#,
        r#"{"version":"","params":{"model":{"i32":90},"keep":{"bool":true}},"fields":{"models":"{\"version\":1,\"user\":[{\"slot\":90,\"name\":\"gone\"}]}"}}"#,
    ];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let shared = &shared;
            let mut number = 0;
            while number < 200 || loads.load(Ordering::Relaxed) < 4 {
                number += 1;
                // Each block on a thread that has seen none before.
                std::thread::scope(|scope| {
                    scope.spawn(move || play(&shared.0, "a block", 512, number % 2 == 0, &mut Vec::new()));
                });
            }
            over.store(true, Ordering::Relaxed);
        });
        while !over.load(Ordering::Relaxed) {
            shared.0.load(states[loads.fetch_add(1, Ordering::Relaxed) as usize % states.len()]);
        }
    });
}

#[test]
fn an_instance_may_go_while_its_models_are_looked_up_and_loaded() {
    for round in 0..60 {
        let plugin = Plugin::new();
        if round % 2 == 0 {
            plugin.load(
                r#"{"version":"","params":{"model":{"i32":90}},"fields":{"models":"{\"version\":1,\"user\":[{\"slot\":90,\"name\":\"gone\"}]}"}}"#,
            );
        }
        if round % 3 == 0 {
            assert!(plugin.activate(48_000.0, 512));
            plugin.start();
            let events = (0..4).map(|model| event(model, plugin.id("Model"), f64::from(model))).collect();
            play(&plugin, "models by the block", 512, true, &mut { events });
        }
        // Dropped, active or not.
    }
}
