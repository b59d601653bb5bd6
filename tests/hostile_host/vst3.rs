//! VST3, through its C interfaces.

use crate::{Channel, assert_values, soon};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    ffi::c_void,
    ptr,
};
use sympathy::control::{ParamId, ParamValues, Preset, values::SPECS};
#[cfg(target_os = "linux")]
use vst3::Steinberg::{
    IPlugFrame, IPlugFrameTrait, IPlugView, IPlugViewTrait,
    Linux::{FileDescriptor, IEventHandler, IRunLoop, IRunLoopTrait, ITimerHandler, TimerInterval},
    ViewRect,
};
use vst3::{
    Class, ComPtr, ComWrapper, Interface,
    Steinberg::{
        IBStream, IBStream_, IBStreamTrait, IPluginBaseTrait, IPluginFactory, IPluginFactoryTrait, TUID,
        Vst::{
            AudioBusBuffers, AudioBusBuffers__type0, IAudioProcessor, IAudioProcessorTrait, IComponent,
            IComponentHandler, IComponentHandlerTrait, IComponentTrait, IEditController, IEditControllerTrait,
            IMidiMapping, IMidiMappingTrait, IParamValueQueue, IParamValueQueueTrait, IParameterChanges,
            IParameterChangesTrait, IUnitInfo, IUnitInfoTrait, ParamID, ParamValue, ParameterInfo, ProcessData,
            ProcessModes_, ProcessSetup, ProgramListInfo, String128, SymbolicSampleSizes_, UnitInfo, kNoParentUnitId,
            kNoProgramListId, kRootUnitId,
        },
        int32, int64, kResultFalse, kResultOk, tresult,
    },
};

unsafe extern "system" {
    fn GetPluginFactory() -> *mut c_void;
}

const CAN_AUTOMATE: i32 = 1;
const HIDDEN: i32 = 1 << 4;
const PROGRAM_CHANGE: i32 = 1 << 15;

/// The most parameters, hidden ones too, that a host can read within a moment.
const MOST_PARAMETERS: i32 = 128;

pub struct Plugin {
    component: ComPtr<IComponent>,
    processor: ComPtr<IAudioProcessor>,
    pub controller: ComPtr<IEditController>,
}

impl Plugin {
    fn new() -> Self {
        Self::of_class(0)
    }

    /// The plugin of a class of the factory.
    pub fn of_class(index: i32) -> Self {
        // The symbol is in the library that the tests are linked to.
        let _ = &sympathy::plugin::clap_entry;
        // SAFETY: the factory is the plugin's own, and each pointer is of the interface that was asked for.
        unsafe {
            let factory = ComPtr::<IPluginFactory>::from_raw(GetPluginFactory().cast()).expect("a factory");
            let mut info = std::mem::zeroed();
            assert_eq!(factory.getClassInfo(index, &mut info), kResultOk);
            let mut object = ptr::null_mut();
            let id: *const TUID = ptr::from_ref(&IComponent::IID).cast();
            assert_eq!(factory.createInstance(info.cid.as_ptr(), id.cast(), &mut object), kResultOk);
            let component = ComPtr::<IComponent>::from_raw(object.cast()).expect("a component");
            assert_eq!(component.initialize(ptr::null_mut()), kResultOk);
            let processor = component.cast().expect("a processor");
            let controller = component.cast().expect("one object is all");
            Self { component, processor, controller }
        }
    }

    fn set_up(&self, rate: f64, most: i32) -> tresult {
        self.set_up_in(ProcessModes_::kRealtime as int32, rate, most)
    }

    pub fn set_up_in(&self, mode: int32, rate: f64, most: i32) -> tresult {
        let mut setup = ProcessSetup {
            processMode: mode,
            symbolicSampleSize: SymbolicSampleSizes_::kSample32 as int32,
            maxSamplesPerBlock: most,
            sampleRate: rate,
        };
        // SAFETY: the instance lives.
        soon(&format!("{rate} Hz, {most} samples"), || unsafe {
            let result = self.processor.setupProcessing(&mut setup);
            if result == kResultOk { self.component.setActive(1) } else { result }
        })
    }

    pub fn set_processing(&self, on: bool) {
        // SAFETY: the instance lives.
        unsafe { self.processor.setProcessing(on.into()) };
    }

    pub fn process(&self, what: &str, data: &mut ProcessData) -> tresult {
        // SAFETY: the caller's pointers live as long as the call.
        soon(what, || unsafe { self.processor.process(data) })
    }

    fn parameters(&self) -> Vec<ParameterInfo> {
        // SAFETY: a description may be zero before it is filled.
        unsafe {
            (0..self.controller.getParameterCount())
                .map(|index| {
                    let mut info = std::mem::zeroed();
                    assert_eq!(self.controller.getParameterInfo(index, &mut info), kResultOk, "parameter {index}");
                    info
                })
                .collect()
        }
    }

    /// What people see and set, but for the one that selects programs.
    pub fn controls(&self) -> Vec<ParameterInfo> {
        let hidden = HIDDEN | PROGRAM_CHANGE;
        self.parameters().into_iter().filter(|info| info.flags & hidden == 0).collect()
    }

    fn state(&self) -> Vec<u8> {
        let stream = ComWrapper::new(Stream::default());
        let pointer = stream.to_com_ptr::<IBStream>().expect("its own interface");
        // SAFETY: the stream lives as long as the call.
        assert_eq!(unsafe { self.component.getState(pointer.as_ptr()) }, kResultOk);
        stream.bytes.borrow().clone()
    }

    fn restore(&self, bytes: Vec<u8>) {
        let stream = ComWrapper::new(Stream { bytes: RefCell::new(bytes), at: Cell::new(0) });
        let pointer = stream.to_com_ptr::<IBStream>().expect("its own interface");
        // SAFETY: as above.
        assert_eq!(unsafe { self.component.setState(pointer.as_ptr()) }, kResultOk);
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        // SAFETY: the instance is not used again.
        soon("terminate", || unsafe {
            self.processor.setProcessing(0);
            self.component.setActive(0);
            self.component.terminate();
        });
    }
}

/// A state in memory.
#[derive(Default)]
struct Stream {
    bytes: RefCell<Vec<u8>>,
    at: Cell<usize>,
}

impl Class for Stream {
    type Interfaces = (IBStream,);
}

impl IBStreamTrait for Stream {
    unsafe fn read(&self, buffer: *mut c_void, count: int32, read: *mut int32) -> tresult {
        let bytes = self.bytes.borrow();
        let rest = &bytes[self.at.get().min(bytes.len())..];
        let count = rest.len().min(count.max(0) as usize);
        // SAFETY: the caller's buffer holds what it asks for.
        unsafe {
            ptr::copy_nonoverlapping(rest.as_ptr(), buffer.cast(), count);
            if !read.is_null() {
                *read = count as int32;
            }
        }
        self.at.set(self.at.get() + count);
        kResultOk
    }

    unsafe fn write(&self, buffer: *mut c_void, count: int32, written: *mut int32) -> tresult {
        // SAFETY: the caller's buffer holds what it gives.
        unsafe {
            let bytes = std::slice::from_raw_parts(buffer.cast::<u8>(), count as usize);
            self.bytes.borrow_mut().extend_from_slice(bytes);
            if !written.is_null() {
                *written = count;
            }
        }
        kResultOk
    }

    unsafe fn seek(&self, at: int64, mode: int32, result: *mut int64) -> tresult {
        let base = match mode as u32 {
            IBStream_::IStreamSeekMode_::kIBSeekCur => self.at.get() as i64,
            IBStream_::IStreamSeekMode_::kIBSeekEnd => self.bytes.borrow().len() as i64,
            _ => 0,
        };
        self.at.set((base + at).max(0) as usize);
        // SAFETY: null or the caller's.
        unsafe { result.as_mut() }.into_iter().for_each(|result| *result = self.at.get() as i64);
        kResultOk
    }

    unsafe fn tell(&self, at: *mut int64) -> tresult {
        // SAFETY: null or the caller's.
        unsafe { at.as_mut() }.into_iter().for_each(|at| *at = self.at.get() as i64);
        kResultOk
    }
}

pub fn data(frames: i32, inputs: &mut [AudioBusBuffers], outputs: &mut [AudioBusBuffers]) -> ProcessData {
    let pointer = |buses: &mut [AudioBusBuffers]| if buses.is_empty() { ptr::null_mut() } else { buses.as_mut_ptr() };
    ProcessData {
        processMode: ProcessModes_::kRealtime as int32,
        symbolicSampleSize: SymbolicSampleSizes_::kSample32 as int32,
        numSamples: frames,
        numInputs: inputs.len() as int32,
        numOutputs: outputs.len() as int32,
        inputs: pointer(inputs),
        outputs: pointer(outputs),
        inputParameterChanges: ptr::null_mut(),
        outputParameterChanges: ptr::null_mut(),
        inputEvents: ptr::null_mut(),
        outputEvents: ptr::null_mut(),
        processContext: ptr::null_mut(),
    }
}

pub fn bus(count: i32, pointers: &mut Vec<*mut f32>) -> AudioBusBuffers {
    let channels = if pointers.is_empty() { ptr::null_mut() } else { pointers.as_mut_ptr() };
    AudioBusBuffers {
        numChannels: count,
        silenceFlags: 0,
        __field0: AudioBusBuffers__type0 { channelBuffers32: channels },
    }
}

/// A block as it should be.
fn play(plugin: &Plugin, frames: usize) {
    let mut channels: Vec<Channel> = (0..4).map(|_| Channel::new(frames, 0.25)).collect();
    let mut pointers: Vec<*mut f32> = channels.iter_mut().map(Channel::pointer).collect();
    let mut said = pointers.split_off(2);
    let (mut inputs, mut outputs) = ([bus(2, &mut pointers)], [bus(2, &mut said)]);
    let result = plugin.process("a block", &mut data(frames as i32, &mut inputs, &mut outputs));
    assert_eq!(result, kResultOk);
    channels.iter().for_each(|channel| channel.check("a block"));
}

/// Ardour shows no others in its own list.
#[test]
fn every_parameter_that_is_not_hidden_can_be_reached() {
    let plugin = Plugin::new();
    let flags: Vec<i32> = plugin.controls().into_iter().map(|info| info.flags).collect();
    assert!(flags.len() > 60 && flags.iter().all(|flags| flags & CAN_AUTOMATE != 0), "{flags:?}");
}

#[test]
fn parameters_are_few_and_an_index_too_far_is_refused() {
    let plugin = Plugin::new();
    let parameters = plugin.parameters();
    let count = parameters.len() as i32;
    assert!(count < MOST_PARAMETERS, "{count} parameters");
    // SAFETY: as in `parameters`.
    unsafe {
        let mut info = std::mem::zeroed();
        for index in [count, count + 1, i32::MAX, -1, i32::MIN] {
            assert_ne!(plugin.controller.getParameterInfo(index, &mut info), kResultOk, "{index}");
        }
        // What stops comes from every channel; nothing else is asked for.
        let mapping: ComPtr<IMidiMapping> = plugin.component.cast().expect("a mapping");
        let mut id = 0;
        for channel in 0..16 {
            for controller in [120, 123, 127] {
                assert_eq!(mapping.getMidiControllerAssignment(0, channel, controller, &mut id), kResultOk);
                assert!(parameters.iter().any(|info| info.id == id), "controller {controller} has no parameter");
            }
            for controller in [0, 1, 64, 121, 128, 129, 130, -1] {
                assert_eq!(mapping.getMidiControllerAssignment(0, channel, controller, &mut id), kResultFalse);
            }
        }
    }
}

#[test]
fn channels_that_are_not_there_and_numbers_below_zero_end_no_process() {
    let plugin = Plugin::new();
    for active in [false, true] {
        if active {
            assert_eq!(plugin.set_up(48_000.0, 64), kResultOk);
            plugin.set_processing(true);
        }
        for (ins, outs) in
            [(0, 0), (-1, 2), (2, -1), (i32::MIN, i32::MAX), (1, 2), (2, 1), (3, 2), (2, 3), (8, 8), (2, 2)]
        {
            for missing in [0b00, 0b01, 0b11] {
                let what = format!("active {active}, {ins} in, {outs} out, missing {missing:b}");
                // A host that says more channels than it has lies about memory, which nobody can see.
                let channels = |count: i32| -> Vec<Channel> {
                    (0..if count == i32::MAX { 2 } else { count.max(0) }).map(|_| Channel::new(64, 0.25)).collect()
                };
                let (mut inputs, mut outputs) = (channels(ins), channels(outs));
                let pointers = |channels: &mut Vec<Channel>| {
                    let pointer = |(index, channel): (usize, &mut Channel)| {
                        if index < 2 && missing >> index & 1 == 1 { ptr::null_mut() } else { channel.pointer() }
                    };
                    channels.iter_mut().enumerate().map(pointer).collect::<Vec<*mut f32>>()
                };
                let (mut heard, mut said) = (pointers(&mut inputs), pointers(&mut outputs));
                let (mut in_buses, mut out_buses) = ([bus(ins, &mut heard)], [bus(outs, &mut said)]);
                plugin.process(&what, &mut data(64, &mut in_buses, &mut out_buses));
                for frames in [0, -1, i32::MIN] {
                    plugin.process(&what, &mut data(frames, &mut in_buses, &mut out_buses));
                }
                let mut doubles = data(64, &mut in_buses, &mut out_buses);
                doubles.symbolicSampleSize = SymbolicSampleSizes_::kSample64 as int32;
                assert_ne!(plugin.process(&what, &mut doubles), kResultOk, "64-bit samples");
                plugin.process(&what, &mut data(64, &mut [], &mut out_buses));
                plugin.process(&what, &mut data(64, &mut in_buses, &mut []));
                plugin.process(&what, &mut data(64, &mut [], &mut []));
                inputs.iter().chain(&outputs).for_each(|channel| channel.check(&what));
            }
        }
    }
    play(&plugin, 64);
}

#[test]
fn what_is_set_while_no_block_comes_is_saved_and_set_when_processing_ends() {
    let plugin = Plugin::new();
    assert_eq!(plugin.set_up(48_000.0, 512), kResultOk);
    plugin.set_processing(true);
    play(&plugin, 512);
    let parameters: Vec<u32> = plugin.controls().into_iter().map(|info| info.id).collect();
    let value_of = |plugin: &Plugin, id| unsafe {
        // SAFETY: the instance lives.
        plugin.controller.getParamNormalized(id)
    };
    let before: Vec<f64> = parameters.iter().map(|&id| value_of(&plugin, id)).collect();
    for (&id, &value) in parameters.iter().zip(&before) {
        let other = if value > 0.5 { 0.0 } else { 1.0 };
        // SAFETY: the instance lives.
        assert_eq!(unsafe { plugin.controller.setParamNormalized(id, other) }, kResultOk);
        assert_eq!(value_of(&plugin, id), other, "read back");
    }
    let changed: Vec<f64> = parameters.iter().map(|&id| value_of(&plugin, id)).collect();
    let second = Plugin::new();
    second.restore(plugin.state());
    for (&id, value) in parameters.iter().zip(&changed) {
        let found = value_of(&second, id);
        assert!((found - value).abs() < 1e-6, "parameter {id}: {value} was set, {found} saved");
    }
    plugin.set_processing(false);
    let set: Vec<f64> = parameters.iter().map(|&id| value_of(&plugin, id)).collect();
    assert_eq!(set, changed, "set when processing has ended");
}

#[test]
fn twenty_instances_come_and_go() {
    let plugins: Vec<Plugin> = (0..20).map(|_| Plugin::new()).collect();
    for (index, plugin) in plugins.iter().enumerate() {
        for rate in [48_000.0, 0.0, 1e12] {
            plugin.set_up(rate, 512);
        }
        if index % 2 == 0 {
            plugin.set_up(44_100.0, 512);
            plugin.set_processing(true);
            play(plugin, 512);
        }
    }
}

pub fn string(text: &[u16]) -> String {
    String::from_utf16_lossy(text.split(|&unit| unit == 0).next().unwrap_or_default())
}

/// A host that notes why it was asked to look again.
#[derive(Default)]
pub struct Handler {
    asked: RefCell<Vec<int32>>,
}

impl Class for Handler {
    type Interfaces = (IComponentHandler,);
}

impl IComponentHandlerTrait for Handler {
    unsafe fn beginEdit(&self, _: ParamID) -> tresult {
        kResultOk
    }

    unsafe fn performEdit(&self, _: ParamID, _: ParamValue) -> tresult {
        kResultOk
    }

    unsafe fn endEdit(&self, _: ParamID) -> tresult {
        kResultOk
    }

    unsafe fn restartComponent(&self, flags: int32) -> tresult {
        self.asked.borrow_mut().push(flags);
        kResultOk
    }
}

/// A parameter that is set at the first sample of a block, or that the plugin sets.
struct Changes {
    id: Cell<ParamID>,
    value: Cell<ParamValue>,
    /// Itself, as the queue of the parameter that the plugin sets.
    queue: Cell<*mut IParamValueQueue>,
    /// What the plugin has set.
    said: RefCell<BTreeMap<ParamID, ParamValue>>,
}

impl Changes {
    fn of(id: ParamID, value: ParamValue) -> Self {
        Self { id: Cell::new(id), value: Cell::new(value), queue: Cell::new(ptr::null_mut()), said: RefCell::default() }
    }
}

impl Class for Changes {
    type Interfaces = (IParameterChanges, IParamValueQueue);
}

impl IParameterChangesTrait for Changes {
    unsafe fn getParameterCount(&self) -> int32 {
        1
    }

    unsafe fn getParameterData(&self, _: int32) -> *mut IParamValueQueue {
        // Whoever gets it does not own it, and it lives on.
        let queue = ComWrapper::new(Self::of(self.id.get(), self.value.get()));
        queue.to_com_ptr().map_or(ptr::null_mut(), ComPtr::into_raw)
    }

    unsafe fn addParameterData(&self, id: *const ParamID, _: *mut int32) -> *mut IParamValueQueue {
        // SAFETY: the caller's.
        self.id.set(unsafe { *id });
        self.queue.get()
    }
}

impl IParamValueQueueTrait for Changes {
    unsafe fn getParameterId(&self) -> ParamID {
        self.id.get()
    }

    unsafe fn getPointCount(&self) -> int32 {
        1
    }

    unsafe fn getPoint(&self, _: int32, offset: *mut int32, value: *mut ParamValue) -> tresult {
        // SAFETY: the caller's.
        unsafe { (*offset, *value) = (0, self.value.get()) };
        kResultOk
    }

    unsafe fn addPoint(&self, _: int32, value: ParamValue, _: *mut int32) -> tresult {
        assert_eq!(self.said.borrow_mut().insert(self.id.get(), value), None, "once");
        kResultOk
    }
}

#[test]
fn programs_are_the_factory_presets_on_the_root_unit() {
    let plugin = Plugin::new();
    let units: ComPtr<IUnitInfo> = plugin.component.cast().expect("units");
    let names: Vec<String> =
        std::iter::once("None".into()).chain(Preset::factory().map(|(_, preset)| preset.name)).collect();
    let count = names.len() as i32;
    // SAFETY: descriptions may be zero before they are filled, and the instance lives.
    unsafe {
        assert_eq!(units.getProgramListCount(), 1);
        let mut list: ProgramListInfo = std::mem::zeroed();
        assert_eq!(units.getProgramListInfo(0, &mut list), kResultOk);
        assert_eq!((string(&list.name).as_str(), list.programCount), ("Presets", count));
        let mut name: String128 = [0; 128];
        let listed: Vec<String> = (0..count)
            .map(|index| {
                assert_eq!(units.getProgramName(list.id, index, &mut name), kResultOk);
                string(&name)
            })
            .collect();
        assert_eq!(listed, names);
        for index in [-1, count, i32::MIN, i32::MAX] {
            assert_ne!(units.getProgramName(list.id, index, &mut name), kResultOk);
        }
        for other in [1, -1, i32::MIN] {
            assert_ne!(units.getProgramListInfo(other, &mut list), kResultOk);
        }
        assert_ne!(units.getProgramName(list.id + 1, 0, &mut name), kResultOk);

        let mut known = BTreeMap::new();
        for index in 0..units.getUnitCount() {
            let mut unit: UnitInfo = std::mem::zeroed();
            assert_eq!(units.getUnitInfo(index, &mut unit), kResultOk);
            known.insert(unit.id, (unit.parentUnitId, unit.programListId));
        }
        assert_eq!(known.remove(&kRootUnitId), Some((kNoParentUnitId, list.id)));
        assert!(known.values().all(|unit| *unit == (kRootUnitId, kNoProgramListId)), "{known:?}");

        let mut parameters = plugin.parameters();
        let selects = parameters.pop().expect("parameters");
        assert_eq!((selects.flags, selects.unitId), (PROGRAM_CHANGE | 1 << 3, kRootUnitId), "a list; no automation");
        assert_eq!((string(&selects.title).as_str(), selects.stepCount), ("Preset", count - 1));
        let is_other = |info: &ParameterInfo| info.id != selects.id && info.flags & PROGRAM_CHANGE == 0;
        assert!(parameters.iter().all(is_other), "the others keep their places and ids");
        assert!(parameters.iter().all(|info| info.unitId <= 0 || known.contains_key(&info.unitId)));
        for (index, expected) in names.iter().enumerate() {
            let value = index as f64 / f64::from(count - 1);
            let mut text: Vec<u16> = expected.encode_utf16().chain([0]).collect();
            let mut found = f64::NAN;
            assert_eq!(plugin.controller.getParamStringByValue(selects.id, value, &mut name), kResultOk);
            assert_eq!(string(&name), *expected);
            let read = plugin.controller.getParamValueByString(selects.id, text.as_mut_ptr().cast(), &mut found);
            assert_eq!((read, found), (kResultOk, value));
            assert_eq!(plugin.controller.normalizedParamToPlain(selects.id, value), index as f64);
            assert_eq!(plugin.controller.plainParamToNormalized(selects.id, index as f64), value);
        }
    }
}

/// An instance whose programs are selected.
struct Programs<'a> {
    plugin: &'a Plugin,
    ids: BTreeMap<String, ParamID>,
    program: ParamID,
}

impl<'a> Programs<'a> {
    fn of(plugin: &'a Plugin) -> Self {
        let parameters = plugin.parameters();
        let program = parameters.iter().find(|info| info.flags & PROGRAM_CHANGE != 0).expect("it selects").id;
        let ids = parameters.iter().map(|info| (string(&info.title), info.id)).collect();
        Self { plugin, ids, program }
    }

    fn value(&self, id: ParamId) -> f64 {
        // SAFETY: the instance lives.
        unsafe { self.plugin.controller.getParamNormalized(self.ids[id.spec().name]) }
    }

    fn values(&self) -> Vec<f64> {
        SPECS.iter().map(|spec| self.value(spec.id)).collect()
    }

    fn set(&self, id: ParamID, value: f64) -> tresult {
        // SAFETY: the instance lives.
        soon("a value", || unsafe { self.plugin.controller.setParamNormalized(id, value) })
    }

    /// So many programs there are, and this is one of them.
    fn normalised(index: usize) -> f64 {
        index as f64 / Preset::factory_names().count() as f64
    }

    fn select(&self, index: usize) {
        assert_eq!(self.set(self.program, Self::normalised(index)), kResultOk);
    }

    /// What the plugin says with a block.
    fn said(&self) -> BTreeMap<ParamID, ParamValue> {
        let changes = ComWrapper::new(Changes::of(0, 0.0));
        let queue = changes.to_com_ptr::<IParamValueQueue>().expect("its own interface");
        changes.queue.set(queue.as_ptr());
        let pointer = changes.to_com_ptr::<IParameterChanges>().expect("its own interface");
        let mut flush = data(0, &mut [], &mut []);
        flush.outputParameterChanges = pointer.as_ptr();
        assert_eq!(self.plugin.process("what changed", &mut flush), kResultOk);
        changes.said.take()
    }

    #[track_caller]
    fn assert_selected(&self, index: usize) {
        // SAFETY: the instance lives.
        let found = unsafe { self.plugin.controller.getParamNormalized(self.program) };
        assert_eq!(found, Self::normalised(index));
    }
}

#[test]
fn a_program_is_loaded_where_it_is_selected_and_nowhere_else() {
    for processing in [false, true] {
        let plugin = Plugin::new();
        let handler = ComWrapper::new(Handler::default());
        let pointer = handler.to_com_ptr::<IComponentHandler>().expect("its own interface");
        // SAFETY: the handler lives longer than the instance that is asked.
        assert_eq!(unsafe { plugin.controller.setComponentHandler(pointer.as_ptr()) }, kResultOk);
        assert_eq!(plugin.set_up(48_000.0, 512), kResultOk);
        if processing {
            plugin.set_processing(true);
            play(&plugin, 512);
        }
        let programs = Programs::of(&plugin);
        programs.assert_selected(0);
        let mut now = ParamValues::default();
        for (index, (name, preset)) in (1..).zip(Preset::factory()) {
            let before = programs.values();
            programs.select(index);
            now = preset.values_over(|id| now.get(id));
            assert_values(name, &now, |id| programs.value(id));
            programs.assert_selected(index);
            // Ardour would hang, as it holds a lock.
            assert!(handler.asked.borrow().is_empty(), "the host is asked while it asks");
            if processing {
                play(&plugin, 512);
                assert_values(name, &now, |id| programs.value(id));
            }
            let changed = SPECS.iter().zip(before).filter(|(spec, before)| programs.value(spec.id) != *before);
            let changed: BTreeMap<ParamID, ParamValue> =
                changed.map(|(spec, _)| (programs.ids[spec.name], programs.value(spec.id))).collect();
            assert!(!changed.is_empty());
            assert_eq!(programs.said(), changed, "{name}: the host is told with the next block");
            assert!(programs.said().is_empty(), "once");
        }

        // What a host writes back, and none, leave alone what somebody has set.
        let last = Preset::factory_names().count();
        assert_eq!(programs.set(programs.ids["Mix"], 0.11), kResultOk);
        let set = programs.values();
        for index in [last, 0, 0] {
            programs.select(index);
            assert_eq!(programs.values(), set, "{index}");
        }
        // Nor does a block load anything. It brings what was set, had the host said so.
        plugin.process("nothing", &mut data(0, &mut [], &mut []));
        let before = programs.values();
        for value in [0.0, 0.5, 1.0, 7.0, f64::NAN] {
            let changes = ComWrapper::new(Changes::of(programs.program, value));
            let changes = changes.to_com_ptr::<IParameterChanges>().expect("its own interface");
            let mut flush = data(0, &mut [], &mut []);
            flush.inputParameterChanges = changes.as_ptr();
            plugin.process("a program in a block", &mut flush);
        }
        assert_eq!(programs.values(), before);
        programs.assert_selected(0);
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_ne!(programs.set(programs.program, odd), kResultOk);
        }
        programs.assert_selected(0);
        assert_eq!(programs.set(programs.program, 7.0), kResultOk, "beyond the last is the last");
        programs.assert_selected(last);

        // A project is no program.
        assert_eq!(programs.set(programs.ids["Hold"], 0.5), kResultOk);
        let state = plugin.state();
        let saved = programs.values();
        programs.select(1);
        plugin.restore(state);
        programs.assert_selected(0);
        let restored = programs.values();
        assert!(restored.iter().zip(&saved).all(|(found, saved)| (found - saved).abs() < 1e-6), "{restored:?}");
        programs.select(0);
        assert_eq!(programs.values(), restored, "a host that writes back what it read changes nothing");
    }
}

/// A window's frame, and the loop in which a Linux host runs it.
#[cfg(target_os = "linux")]
#[derive(Default)]
pub struct Frame {
    /// Who is called, and when: once this file can be read.
    pub handlers: RefCell<Vec<(usize, i32)>>,
    gone: Cell<usize>,
}

#[cfg(target_os = "linux")]
impl Class for Frame {
    type Interfaces = (IPlugFrame, IRunLoop);
}

#[cfg(target_os = "linux")]
impl IPlugFrameTrait for Frame {
    unsafe fn resizeView(&self, _: *mut IPlugView, _: *mut ViewRect) -> tresult {
        kResultOk
    }
}

#[cfg(target_os = "linux")]
impl IRunLoopTrait for Frame {
    unsafe fn registerEventHandler(&self, handler: *mut IEventHandler, fd: FileDescriptor) -> tresult {
        self.handlers.borrow_mut().push((handler as usize, fd));
        kResultOk
    }

    unsafe fn unregisterEventHandler(&self, handler: *mut IEventHandler) -> tresult {
        let mut handlers = self.handlers.borrow_mut();
        let before = handlers.len();
        handlers.retain(|(other, _)| *other != handler as usize);
        self.gone.set(self.gone.get() + before - handlers.len());
        kResultOk
    }

    unsafe fn registerTimer(&self, _: *mut ITimerHandler, _: TimerInterval) -> tresult {
        kResultOk
    }

    unsafe fn unregisterTimer(&self, _: *mut ITimerHandler) -> tresult {
        kResultOk
    }
}

/// Each view took two sockets and its queue of tasks with it for ever: some five hundred openings, and no file could be opened any more.
#[cfg(target_os = "linux")]
#[test]
fn a_view_that_goes_leaves_the_hosts_loop_and_closes_its_sockets() {
    let plugin = Plugin::new();
    let frame = ComWrapper::new(Frame::default());
    let pointer = frame.to_com_ptr::<IPlugFrame>().expect("its own interface");
    let is_open = |fd: i32| std::path::Path::new(&format!("/proc/self/fd/{fd}")).exists();
    for with_farewell in [true, false, true] {
        // SAFETY: the frame lives longer than the view.
        let fd = unsafe {
            let view = plugin.controller.createView(c"editor".as_ptr());
            let view = ComPtr::<IPlugView>::from_raw(view).expect("there is an editor");
            let mut size = std::mem::zeroed();
            assert_eq!(view.getSize(&mut size), kResultOk);
            assert_eq!((size.right - size.left, size.bottom - size.top), (1200, 700));
            assert_eq!(view.setFrame(pointer.as_ptr()), kResultOk);
            let (_, fd) = frame.handlers.borrow()[0];
            assert!(is_open(fd));
            if with_farewell {
                assert_eq!(view.setFrame(ptr::null_mut()), kResultOk);
            }
            fd
        };
        if !with_farewell {
            // A next view takes its place.
            // SAFETY: as above.
            unsafe { drop(ComPtr::<IPlugView>::from_raw(plugin.controller.createView(c"editor".as_ptr()))) };
        }
        assert!(frame.handlers.borrow().is_empty() && !is_open(fd), "farewell: {with_farewell}");
    }
    assert_eq!(frame.gone.get(), 3);
}
