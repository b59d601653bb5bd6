//! VST3, through its C interfaces.

use crate::{Channel, soon};
use std::{
    cell::{Cell, RefCell},
    ffi::c_void,
    ptr,
};
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
            IComponentTrait, IEditController, IEditControllerTrait, IMidiMapping, IMidiMappingTrait, ParameterInfo,
            ProcessData, ProcessModes_, ProcessSetup, SymbolicSampleSizes_,
        },
        int32, int64, kResultFalse, kResultOk, tresult,
    },
};

unsafe extern "system" {
    fn GetPluginFactory() -> *mut c_void;
}

/// The most parameters, hidden ones too, that a host can read within a moment.
const MOST_PARAMETERS: i32 = 128;

struct Plugin {
    component: ComPtr<IComponent>,
    processor: ComPtr<IAudioProcessor>,
    controller: ComPtr<IEditController>,
}

impl Plugin {
    fn new() -> Self {
        // The symbol is in the library that the tests are linked to.
        let _ = &sympathy::plugin::clap_entry;
        // SAFETY: the factory is the plugin's own, and each pointer is of the interface that was asked for.
        unsafe {
            let factory = ComPtr::<IPluginFactory>::from_raw(GetPluginFactory().cast()).expect("a factory");
            let mut info = std::mem::zeroed();
            assert_eq!(factory.getClassInfo(0, &mut info), kResultOk);
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
        let mut setup = ProcessSetup {
            processMode: ProcessModes_::kRealtime as int32,
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

    fn set_processing(&self, on: bool) {
        // SAFETY: the instance lives.
        unsafe { self.processor.setProcessing(on.into()) };
    }

    fn process(&self, what: &str, data: &mut ProcessData) -> tresult {
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

fn data(frames: i32, inputs: &mut [AudioBusBuffers], outputs: &mut [AudioBusBuffers]) -> ProcessData {
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

fn bus(count: i32, pointers: &mut Vec<*mut f32>) -> AudioBusBuffers {
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
    const CAN_AUTOMATE: i32 = 1;
    const HIDDEN: i32 = 1 << 4;
    let plugin = Plugin::new();
    let shown = plugin.parameters().into_iter().filter(|info| info.flags & HIDDEN == 0);
    let flags: Vec<i32> = shown.map(|info| info.flags).collect();
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
    let parameters: Vec<u32> =
        plugin.parameters().into_iter().filter(|info| info.flags & 1 << 4 == 0).map(|info| info.id).collect();
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

/// A window's frame, and the loop in which a Linux host runs it.
#[cfg(target_os = "linux")]
#[derive(Default)]
struct Frame {
    handlers: RefCell<Vec<(usize, i32)>>,
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
