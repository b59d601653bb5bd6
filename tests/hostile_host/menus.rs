//! The host's menu of a parameter, for a small plugin whose editor has no window: CLAP's context-menu extension, VST3's `IComponentHandler3`.

use crate::clap::{HOST, Plugin};
use clap_sys::{
    ext::{
        context_menu::{
            CLAP_CONTEXT_MENU_TARGET_KIND_PARAM, CLAP_EXT_CONTEXT_MENU, CLAP_EXT_CONTEXT_MENU_COMPAT,
            clap_context_menu_target, clap_host_context_menu,
        },
        gui::{CLAP_EXT_GUI, clap_host_gui, clap_plugin_gui},
    },
    host::clap_host,
};
use nice_plug::{
    context::gui::GuiContext,
    editor::{
        EditorHandle, HostMethods, SpawnedEditor,
        dpi::{LogicalPosition, NativeSize},
    },
    prelude::*,
};
use std::{
    cell::Cell,
    convert::Infallible,
    error::Error,
    ffi::{CStr, c_char, c_void},
    ptr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread::{self, ThreadId},
};

#[derive(Params)]
struct Knobs {
    #[id = "one"]
    one: BoolParam,
    #[id = "two"]
    two: BoolParam,
}

/// Has two parameters, and an editor without a window.
struct Small {
    knobs: Arc<Knobs>,
}

impl Default for Small {
    fn default() -> Self {
        let knobs = Knobs { one: BoolParam::new("One", false), two: BoolParam::new("Two", false) };
        Self { knobs: Arc::new(knobs) }
    }
}

/// What the editor of a plugin asks with.
struct Menus {
    menus: HostMenus,
    knobs: Arc<Knobs>,
}

thread_local! {
    /// Of the plugin that was made last on this thread.
    static MENUS: Cell<Option<Menus>> = const { Cell::new(None) };
}

/// Asks for the menu of *Two* on another thread, as the editor does on Linux.
fn ask(menus: &Menus) -> Option<HostMenuRequest> {
    let ask = || menus.menus.open(&menus.knobs.two, LogicalPosition::new(10.0, 20.4), 1.5);
    thread::scope(|scope| scope.spawn(ask).join().expect("no panic"))
}

/// Where that is in the window.
const PLACE: (i32, i32) = if cfg!(target_os = "macos") { (10, 20) } else { (15, 31) };

impl Small {
    fn keep(&self, menus: HostMenus) {
        MENUS.set(Some(Menus { menus, knobs: Arc::clone(&self.knobs) }));
    }
}

impl nice_plug::prelude::Plugin for Small {
    const NAME: &'static str = "Small";
    const VENDOR: &'static str = "";
    const URL: &'static str = "";
    const EMAIL: &'static str = "";
    const VERSION: &'static str = "0";
    const AUDIO_IO_LAYOUTS: &'static [AudioIOLayout] = &[];
    type Editor = NoWindow;
    type SysExMessage = ();
    type BackgroundTask = ();

    fn params(&self) -> Arc<dyn Params> {
        Arc::clone(&self.knobs) as Arc<dyn Params>
    }

    fn editor(&mut self, _: AsyncExecutor<Self>) -> Option<NoWindow> {
        Some(NoWindow)
    }

    fn process(
        &mut self,
        _: &mut Buffer,
        _: &mut AuxiliaryBuffers,
        _: &mut impl ProcessContext<Self>,
    ) -> ProcessStatus {
        ProcessStatus::Normal
    }
}

impl ClapPlugin for Small {
    const CLAP_ID: &'static str = "org.sympathy.small";
    const CLAP_DESCRIPTION: Option<&'static str> = None;
    const CLAP_MANUAL_URL: Option<&'static str> = None;
    const CLAP_SUPPORT_URL: Option<&'static str> = None;
    const CLAP_FEATURES: &'static [ClapFeature] = &[];

    fn set_host_menus(&mut self, menus: HostMenus) {
        self.keep(menus);
    }
}

impl Vst3Plugin for Small {
    const VST3_CLASS_ID: [u8; 16] = *b"SympathySmallOne";
    const VST3_SUBCATEGORIES: &'static [Vst3SubCategory] = &[];

    fn set_host_menus(&mut self, menus: HostMenus) {
        self.keep(menus);
    }
}

struct NoWindow;

impl Editor for NoWindow {
    type Handle = NoWindow;

    fn spawn(
        &self,
        _: Option<ParentWindowHandle>,
        _: bool,
        _: Option<f64>,
        _: GuiContext,
        _: Option<HostMethods>,
    ) -> Result<SpawnedEditor<NoWindow>, Box<dyn Error>> {
        Ok(SpawnedEditor { handle: NoWindow, window: () })
    }

    fn size(&self) -> NativeSize<u32> {
        NativeSize::new(1, 1)
    }
}

impl EditorHandle for NoWindow {
    type Window = ();
    type Error = Infallible;

    fn run_until_closed((): ()) -> Result<(), Infallible> {
        Ok(())
    }

    fn set_parent(&self, _: ParentWindowHandle, (): &()) -> Result<(), Infallible> {
        Ok(())
    }

    fn show(&self, (): &()) -> Result<(), Infallible> {
        Ok(())
    }

    fn hide(&self, (): &()) -> Result<(), Infallible> {
        Ok(())
    }

    fn set_size(&self, _: NativeSize<u32>, (): &()) -> Result<(), Infallible> {
        Ok(())
    }

    fn host_main_thread_callback(&self, (): &()) {}

    fn param_value_changed(&self, _: &str, _: f32) {}

    fn param_modulation_changed(&self, _: &str, _: f32) {}
}

/// A menu that a host has opened.
#[derive(Debug, PartialEq)]
struct Opened {
    kind: u32,
    id: u32,
    place: (i32, i32),
    thread: ThreadId,
}

/// A CLAP host, and what it was asked.
struct Told {
    /// The id of the extension, and its functions.
    extension: Option<(&'static CStr, clap_host_context_menu)>,
    callbacks: AtomicU32,
    opened: Mutex<Vec<Opened>>,
}

/// # Safety
/// The host is one of [`host`].
unsafe fn told(host: *const clap_host) -> &'static Told {
    // SAFETY: as the caller says; it lives as long as the program.
    unsafe { &*(*host).host_data.cast::<Told>() }
}

unsafe extern "C" fn can(_: *const clap_host) -> bool {
    true
}

unsafe extern "C" fn cannot(_: *const clap_host) -> bool {
    false
}

unsafe extern "C" fn popup(
    host: *const clap_host,
    target: *const clap_context_menu_target,
    _: i32,
    x: i32,
    y: i32,
) -> bool {
    // SAFETY: the host that was made for it, and the plugin's target.
    let (told, target) = unsafe { (told(host), *target) };
    let opened = Opened { kind: target.kind, id: target.id, place: (x, y), thread: thread::current().id() };
    told.opened.lock().expect("no panic").push(opened);
    true
}

unsafe extern "C" fn refuse(_: *const clap_host, _: *const clap_context_menu_target, _: i32, _: i32, _: i32) -> bool {
    false
}

/// What a host has of the extension that matters here.
const MENUS_OF_HOST: clap_host_context_menu =
    clap_host_context_menu { populate: None, perform: None, can_popup: Some(can), popup: Some(popup) };

/// A host with this extension, or with none. It lives as long as the program, as there are only a few.
fn host(extension: Option<(&'static CStr, clap_host_context_menu)>) -> (&'static clap_host, &'static Told) {
    unsafe extern "C" fn get(host: *const clap_host, id: *const c_char) -> *const c_void {
        static GUI: clap_host_gui = clap_host_gui {
            resize_hints_changed: None,
            request_resize: None,
            request_show: None,
            request_hide: None,
            closed: None,
        };
        // SAFETY: the host that was made for it, and the plugin's id, which ends with a zero.
        let (told, id) = unsafe { (told(host), CStr::from_ptr(id)) };
        match &told.extension {
            Some((known, functions)) if *known == id => ptr::from_ref(functions).cast(),
            _ if id == CLAP_EXT_GUI => ptr::from_ref(&GUI).cast(),
            _ => ptr::null(),
        }
    }
    unsafe extern "C" fn callback(host: *const clap_host) {
        // SAFETY: the host that was made for it.
        unsafe { told(host) }.callbacks.fetch_add(1, Ordering::Relaxed);
    }
    let told: &'static Told =
        Box::leak(Box::new(Told { extension, callbacks: AtomicU32::new(0), opened: Mutex::default() }));
    let host_data = ptr::from_ref(told).cast_mut().cast();
    let host = clap_host { host_data, get_extension: Some(get), request_callback: Some(callback), ..HOST };
    (Box::leak(Box::new(host)), told)
}

/// An instance of the small plugin whose editor is open.
fn small(host: &'static clap_host) -> (Plugin, Menus) {
    // SAFETY: the host lives as long as the program. `destroy` takes back what is given away here.
    let plugin = unsafe {
        let wrapper = Arc::into_raw(nice_plug::wrapper::clap::Wrapper::<Small>::new(host));
        Plugin((*wrapper).clap_plugin.as_ptr())
    };
    // SAFETY: the instance lives.
    assert!(unsafe { (*plugin.0).init.expect("init")(plugin.0) });
    let gui = gui(&plugin);
    let (mut api, mut is_floating) = (ptr::null(), false);
    // SAFETY: as above.
    unsafe {
        assert!(gui.get_preferred_api.expect("get_preferred_api")(plugin.0, &mut api, &mut is_floating));
        assert!(gui.create.expect("create")(plugin.0, api, false));
    }
    (plugin, MENUS.take().expect("the plugin has got them"))
}

fn gui(plugin: &Plugin) -> &clap_plugin_gui {
    plugin.extension(CLAP_EXT_GUI)
}

#[test]
fn a_clap_host_opens_the_menu_of_the_parameter_on_its_main_thread() {
    for id in [CLAP_EXT_CONTEXT_MENU, CLAP_EXT_CONTEXT_MENU_COMPAT] {
        let (host, told) = host(Some((id, MENUS_OF_HOST)));
        let (plugin, menus) = small(host);
        let before = told.callbacks.load(Ordering::Relaxed);
        let asked_elsewhere = ask(&menus).expect("there are menus");
        // On the main thread, too, the host is not called within the editor's call.
        let asked_here =
            menus.menus.open(&menus.knobs.one, LogicalPosition::new(0.0, 0.0), 1.0).expect("there are menus");
        assert_eq!(told.callbacks.load(Ordering::Relaxed), before + 2);
        assert!(told.opened.lock().expect("no panic").is_empty(), "only on the main thread");
        plugin.on_main_thread();
        let opened = |name, place| Opened {
            kind: CLAP_CONTEXT_MENU_TARGET_KIND_PARAM,
            id: plugin.id(name),
            place,
            thread: thread::current().id(),
        };
        assert_eq!(*told.opened.lock().expect("no panic"), [opened("Two", PLACE), opened("One", (0, 0))]);
        assert!(!asked_elsewhere.is_refused() && !asked_here.is_refused());

        for scale in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(menus.menus.open(&menus.knobs.two, LogicalPosition::new(1.0, 1.0), scale).is_none(), "{scale}");
        }
        let stranger = BoolParam::new("Three", false);
        if !cfg!(debug_assertions) {
            assert!(menus.menus.open(&stranger, LogicalPosition::new(1.0, 1.0), 1.0).is_none());
        }

        // A window that is closed before the host comes to it, and a plugin that is gone.
        let late = ask(&menus).expect("there are menus");
        // SAFETY: the instance lives.
        unsafe { gui(&plugin).destroy.expect("destroy")(plugin.0) };
        plugin.on_main_thread();
        assert!(late.is_refused());
        let latest = ask(&menus).expect("there are menus");
        assert!(!latest.is_refused());
        drop(plugin);
        assert!(latest.is_refused());
        assert!(ask(&menus).is_none());
        assert_eq!(told.opened.lock().expect("no panic").len(), 2);
    }
}

#[test]
fn a_clap_host_without_menus_is_not_asked_and_one_that_refuses_is_believed() {
    let with =
        |can_popup, popup| Some((CLAP_EXT_CONTEXT_MENU, clap_host_context_menu { can_popup, popup, ..MENUS_OF_HOST }));
    for extension in [None, with(None, None), with(Some(can), None), with(None, Some(popup))] {
        let (host, told) = host(extension);
        let (plugin, menus) = small(host);
        assert!(ask(&menus).is_none());
        plugin.on_main_thread();
        assert_eq!(*told.opened.lock().expect("no panic"), []);
    }
    for extension in [with(Some(cannot), Some(popup)), with(Some(can), Some(refuse))] {
        let (host, told) = host(extension);
        let (plugin, menus) = small(host);
        let request = ask(&menus).expect("there are menus");
        assert!(!request.is_refused(), "not before it was asked");
        plugin.on_main_thread();
        assert!(request.is_refused());
        assert_eq!(*told.opened.lock().expect("no panic"), []);
    }
}

/// VST3: on Linux the host's thread is reached through its run loop, which a test can turn.
#[cfg(target_os = "linux")]
mod run_loop {
    use super::{MENUS, Menus, PLACE, Small, ask};
    use crate::vst3::{Frame, Handler, string};
    use std::{
        cell::{Cell, RefCell},
        ptr,
        rc::Rc,
        thread::{self, ThreadId},
    };
    use vst3::{
        Class, ComPtr, ComWrapper,
        Steinberg::{
            IPlugFrame, IPlugView, IPlugViewTrait, IPluginBaseTrait,
            Linux::{IEventHandler, IEventHandlerTrait},
            UCoord,
            Vst::{
                IComponent, IComponentHandler, IComponentHandler3, IComponentHandler3Trait, IComponentHandlerTrait,
                IContextMenu, IContextMenu_::Item, IContextMenuTarget, IContextMenuTrait, IEditController,
                IEditControllerTrait, ParamID, ParamValue,
            },
            int32, kPlatformTypeX11EmbedWindowID, kResultFalse, kResultOk, tresult,
        },
    };

    /// How a host meets the question.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Answer {
        Opens,
        HasNoMenu,
        DoesNotOpen,
    }

    /// What a host was asked, and how many of its menus live.
    #[derive(Default)]
    struct Told {
        created: RefCell<Vec<ParamID>>,
        opened: RefCell<Vec<((UCoord, UCoord), ThreadId)>>,
        menus: Cell<usize>,
    }

    struct WithMenus {
        told: Rc<Told>,
        answer: Answer,
    }

    impl Class for WithMenus {
        type Interfaces = (IComponentHandler, IComponentHandler3);
    }

    impl IComponentHandlerTrait for WithMenus {
        unsafe fn beginEdit(&self, _: ParamID) -> tresult {
            kResultOk
        }

        unsafe fn performEdit(&self, _: ParamID, _: ParamValue) -> tresult {
            kResultOk
        }

        unsafe fn endEdit(&self, _: ParamID) -> tresult {
            kResultOk
        }

        unsafe fn restartComponent(&self, _: int32) -> tresult {
            kResultOk
        }
    }

    impl IComponentHandler3Trait for WithMenus {
        unsafe fn createContextMenu(&self, view: *mut IPlugView, id: *const ParamID) -> *mut IContextMenu {
            assert!(!view.is_null());
            // SAFETY: the plugin's.
            self.told.created.borrow_mut().push(unsafe { *id });
            if self.answer == Answer::HasNoMenu {
                return ptr::null_mut();
            }
            self.told.menus.set(self.told.menus.get() + 1);
            let menu = ComWrapper::new(Menu { told: Rc::clone(&self.told), answer: self.answer });
            menu.to_com_ptr::<IContextMenu>().expect("its own interface").into_raw()
        }
    }

    struct Menu {
        told: Rc<Told>,
        answer: Answer,
    }

    impl Class for Menu {
        type Interfaces = (IContextMenu,);
    }

    impl Drop for Menu {
        fn drop(&mut self) {
            self.told.menus.set(self.told.menus.get() - 1);
        }
    }

    impl IContextMenuTrait for Menu {
        unsafe fn getItemCount(&self) -> int32 {
            0
        }

        unsafe fn getItem(&self, _: int32, _: *mut Item, _: *mut *mut IContextMenuTarget) -> tresult {
            kResultFalse
        }

        unsafe fn addItem(&self, _: *const Item, _: *mut IContextMenuTarget) -> tresult {
            kResultFalse
        }

        unsafe fn removeItem(&self, _: *const Item, _: *mut IContextMenuTarget) -> tresult {
            kResultFalse
        }

        unsafe fn popup(&self, x: UCoord, y: UCoord) -> tresult {
            self.told.opened.borrow_mut().push(((x, y), thread::current().id()));
            if self.answer == Answer::Opens { kResultOk } else { kResultFalse }
        }
    }

    /// An instance whose editor is open in a frame.
    struct Opened {
        component: ComPtr<IComponent>,
        controller: ComPtr<IEditController>,
        view: ComPtr<IPlugView>,
        frame: ComWrapper<Frame>,
        menus: Menus,
    }

    impl Opened {
        fn new() -> Self {
            let wrapper = ComWrapper::new(nice_plug::wrapper::vst3::Wrapper::<Small>::new());
            let component = wrapper.to_com_ptr::<IComponent>().expect("its own interface");
            let controller: ComPtr<IEditController> = component.cast().expect("one object is all");
            let frame = ComWrapper::new(Frame::default());
            let pointer = frame.to_com_ptr::<IPlugFrame>().expect("its own interface");
            // SAFETY: the frame lives longer than the view; the window is never looked at.
            let view = unsafe {
                assert_eq!(component.initialize(ptr::null_mut()), kResultOk);
                let view = controller.createView(c"editor".as_ptr());
                let view = ComPtr::<IPlugView>::from_raw(view).expect("there is an editor");
                assert_eq!(view.setFrame(pointer.as_ptr()), kResultOk);
                assert_eq!(view.attached(ptr::dangling_mut(), kPlatformTypeX11EmbedWindowID), kResultOk);
                view
            };
            let menus = MENUS.take().expect("the plugin has got them");
            Self { component, controller, view, frame, menus }
        }

        fn set_handler(&self, handler: Option<&ComPtr<IComponentHandler>>) {
            let pointer = handler.map_or(ptr::null_mut(), ComPtr::as_ptr);
            // SAFETY: the handler lives, or is null.
            assert_eq!(unsafe { self.controller.setComponentHandler(pointer) }, kResultOk);
        }

        /// Calls what waits in the host's loop.
        fn turn_loop(&self) {
            let handlers = self.frame.handlers.borrow().clone();
            for (handler, fd) in handlers {
                // SAFETY: it has not taken leave.
                let handler = unsafe { vst3::ComRef::<IEventHandler>::from_raw(handler as *mut _) };
                // SAFETY: as above.
                unsafe { handler.expect("no null").onFDIsSet(fd) };
            }
        }

        fn id(&self, name: &str) -> ParamID {
            // SAFETY: a description may be zero before it is filled.
            unsafe {
                let infos = (0..self.controller.getParameterCount()).map(|index| {
                    let mut info = std::mem::zeroed();
                    assert_eq!(self.controller.getParameterInfo(index, &mut info), kResultOk);
                    info
                });
                infos.into_iter().find(|info| string(&info.title) == name).expect("a parameter of this name").id
            }
        }
    }

    impl Drop for Opened {
        fn drop(&mut self) {
            // SAFETY: the instance is not used again.
            unsafe {
                self.view.removed();
                self.view.setFrame(ptr::null_mut());
                self.component.terminate();
            }
        }
    }

    #[test]
    fn a_vst3_host_makes_opens_and_gets_back_the_menu_of_the_parameter() {
        for answer in [Answer::Opens, Answer::HasNoMenu, Answer::DoesNotOpen] {
            let plugin = Opened::new();
            let told = Rc::new(Told::default());
            let handler = ComWrapper::new(WithMenus { told: Rc::clone(&told), answer });
            plugin.set_handler(Some(&handler.to_com_ptr().expect("its own interface")));
            let request = ask(&plugin.menus).expect("there are menus");
            assert!(told.created.borrow().is_empty() && !request.is_refused(), "only on the main thread");
            plugin.turn_loop();
            assert_eq!(*told.created.borrow(), [plugin.id("Two")]);
            let expected = (PLACE, thread::current().id());
            let opened = told.opened.borrow().clone();
            assert_eq!(opened, if answer == Answer::HasNoMenu { vec![] } else { vec![expected] }, "{answer:?}");
            assert_eq!(told.menus.get(), 0, "{answer:?}: it was given back");
            assert_eq!(request.is_refused(), answer != Answer::Opens, "{answer:?}");

            // A window that is closed before the host comes to it.
            let late = ask(&plugin.menus).expect("there are menus");
            // SAFETY: the view lives.
            unsafe { plugin.view.removed() };
            plugin.turn_loop();
            assert!(late.is_refused());
            assert_eq!(told.created.borrow().len(), 1);
        }
    }

    #[test]
    fn a_vst3_host_without_menus_or_without_a_run_loop_is_not_asked() {
        let plugin = Opened::new();
        assert!(ask(&plugin.menus).is_none(), "no handler");
        let plain = ComWrapper::new(Handler::default());
        plugin.set_handler(Some(&plain.to_com_ptr().expect("its own interface")));
        assert!(ask(&plugin.menus).is_none(), "a handler without menus");
        let told = Rc::new(Told::default());
        let handler = ComWrapper::new(WithMenus { told: Rc::clone(&told), answer: Answer::Opens });
        let pointer = handler.to_com_ptr().expect("its own interface");
        plugin.set_handler(Some(&pointer));
        let waiting = ask(&plugin.menus).expect("there are menus");
        plugin.set_handler(None);
        assert!(ask(&plugin.menus).is_none(), "the handler is gone");
        plugin.turn_loop();
        assert!(waiting.is_refused());
        plugin.set_handler(Some(&pointer));
        // SAFETY: the view lives.
        unsafe { plugin.view.setFrame(ptr::null_mut()) };
        assert!(ask(&plugin.menus).is_none(), "there is no way to the host's thread");
        assert_eq!(*told.created.borrow(), [0; 0]);
        plugin.set_handler(None);
        drop(pointer);
        let menus = {
            let plugin = plugin;
            Menus { menus: plugin.menus.menus.clone(), knobs: plugin.menus.knobs.clone() }
        };
        assert!(ask(&menus).is_none(), "the plugin is gone");
    }
}
