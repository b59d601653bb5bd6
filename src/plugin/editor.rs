//! The editor's window inside a host's: [`crate::editor`] joined to the parameters, and the looks that a project keeps.

use crate::{
    control::{ParamId, ParamValues},
    editor::{Activation, Edit, Instance, Looks, MIN_SIZE, SIZE, View, fonts},
    learn::job::Lessons,
    params::{ParamEditor, SympathyParams},
    take::takes_folder,
    worker::{Clip, ModelRegistry},
};
use nice_plug::{
    context::gui::GuiContext,
    editor::{
        Editor, HostMethods, ParentWindowHandle, ResizeHint, SizeConstraints, SpawnedEditor,
        dpi::{LogicalPosition, LogicalSize, NativeSize},
    },
    prelude::{HostMenuRequest, HostMenus, Param},
};
use nice_plug_egui::{
    EguiEditorHandle, EguiEditorState, EguiNiceSettings, Frame, GlConfig, GraphicsConfig, KeyCapture, NiceEguiApp,
    RepaintNotifier, baseview::HandlerError, create_egui_editor,
};
use std::{
    error::Error,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// The engine of an instance, while it is active: written by the host's main thread, read by the editor's, never touched by the audio
/// thread.
#[derive(Clone, Debug, Default)]
pub(super) struct Active(Arc<Mutex<Option<Activation>>>);

impl Active {
    /// Notes what an activation has made, or that there is none.
    pub fn set(&self, activation: Option<Activation>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = activation;
    }

    fn get(&self) -> Option<Activation> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Sends each part of an edit to the host.
struct Gesture<'a> {
    context: &'a GuiContext,
    edit: Edit,
}

impl ParamEditor for Gesture<'_> {
    fn edit<P: Param<Plain: Copy>>(&mut self, param: &P, plain: P::Plain) {
        let setter = self.context.param_setter();
        match self.edit {
            Edit::Begin => setter.begin_set_parameter(param),
            Edit::Set(_) => setter.set_parameter(param, plain),
            Edit::End => setter.end_set_parameter(param),
        }
    }
}

/// Sends a whole edit.
struct AtOnce<'a>(&'a GuiContext);

impl ParamEditor for AtOnce<'_> {
    fn edit<P: Param<Plain: Copy>>(&mut self, param: &P, plain: P::Plain) {
        let setter = self.0.param_setter();
        setter.begin_set_parameter(param);
        setter.set_parameter(param, plain);
        setter.end_set_parameter(param);
    }
}

/// Changes nothing; reads what a host shows.
struct Shown(String);

impl ParamEditor for Shown {
    fn edit<P: Param<Plain: Copy>>(&mut self, param: &P, _: P::Plain) {
        self.0 = param.normalized_value_to_string(param.unmodulated_normalized_value(), true);
    }
}

/// Changes nothing; asks the host for its menu.
struct MenuAt<'a> {
    menus: &'a HostMenus,
    at: LogicalPosition<f64>,
    scale: f64,
    request: Option<HostMenuRequest>,
}

impl ParamEditor for MenuAt<'_> {
    fn edit<P: Param<Plain: Copy>>(&mut self, param: &P, _: P::Plain) {
        self.request = self.menus.open(param, self.at, self.scale);
    }
}

/// The host's menus of parameters.
pub(super) struct Menus {
    menus: Option<HostMenus>,
    /// What the host was asked for last.
    asked: Option<(ParamId, HostMenuRequest)>,
}

impl Menus {
    /// Those of a host that has them.
    pub fn new(menus: Option<HostMenus>) -> Self {
        Self { menus, asked: None }
    }

    /// Asks the host for the menu of a parameter at a place in points, of so many pixels each.
    pub fn ask(&mut self, params: &SympathyParams, id: ParamId, at: egui::Pos2, scale: f32) -> bool {
        let Some(menus) = &self.menus else { return false };
        let at = LogicalPosition::new(at.x.into(), at.y.into());
        let mut menu = MenuAt { menus, at, scale: scale.into(), request: None };
        params.edit(id, params.unmodulated(id), &mut menu);
        self.asked = menu.request.map(|request| (id, request));
        self.asked.is_some()
    }

    /// Whether that of this parameter turns out not to be there; said once.
    pub fn is_refused(&mut self, id: ParamId) -> bool {
        self.asked.take_if(|(asked, request)| *asked == id && request.is_refused()).is_some()
    }
}

/// The instance, as the editor sees it.
struct Hosted<'a> {
    params: &'a SympathyParams,
    registry: &'a Arc<ModelRegistry>,
    running: &'a Active,
    context: &'a GuiContext,
    menus: &'a mut Menus,
    /// Pixels of a point.
    scale: f32,
}

impl Instance for Hosted<'_> {
    fn value(&self, id: ParamId) -> f32 {
        self.params.unmodulated(id)
    }

    fn edit(&mut self, id: ParamId, edit: Edit) {
        let plain = match edit {
            Edit::Set(plain) => plain,
            Edit::Begin | Edit::End => self.params.unmodulated(id),
        };
        self.params.edit(id, plain, &mut Gesture { context: self.context, edit });
    }

    fn text(&self, id: ParamId) -> String {
        let mut shown = Shown(String::new());
        self.params.edit(id, self.params.unmodulated(id), &mut shown);
        shown.0
    }

    fn setting(&self, key: &str) -> f32 {
        self.params.settings.value(key)
    }

    fn set_setting(&mut self, key: &str, value: f32) {
        self.params.settings.edit(key, value, &mut AtOnce(self.context));
    }

    fn registry(&self) -> &Arc<ModelRegistry> {
        self.registry
    }

    fn activation(&self) -> Option<Activation> {
        self.running.get()
    }

    fn captured_seconds(&self) -> Option<f32> {
        Some(self.params.captured.clip_slot().get()?.seconds())
    }

    fn take_text(&self) -> Option<String> {
        self.params.take_status.text()
    }

    fn takes_folder(&self) -> Option<PathBuf> {
        takes_folder()
    }

    fn lessons(&self) -> Option<&Arc<Lessons>> {
        Some(&self.params.lessons)
    }

    fn place_model(&mut self, missing: Option<u8>, path: &Path) -> Result<u8, String> {
        self.params.models.place(missing, path)
    }

    fn capture(&mut self, clip: Arc<Clip>) {
        self.params.captured.clip_slot().put(Some(clip));
    }

    fn apply(&mut self, values: &ParamValues) {
        self.params.apply(values, &mut AtOnce(self.context));
    }

    fn restart(&mut self) {
        self.context.request_restart();
    }

    fn ask_host_menu(&mut self, id: ParamId, at: egui::Pos2) -> bool {
        self.menus.ask(self.params, id, at, self.scale)
    }

    fn is_host_menu_refused(&mut self, id: ParamId) -> bool {
        self.menus.is_refused(id)
    }
}

/// What a window draws.
pub struct App {
    view: View,
    /// The looks as the project had them when they were last compared.
    kept: Looks,
    params: Arc<SympathyParams>,
    registry: Arc<ModelRegistry>,
    running: Active,
    context: Option<GuiContext>,
    menus: Menus,
}

impl NiceEguiApp for App {
    fn build(&mut self, egui: egui::Context, host: GuiContext, _: &mut Frame) -> Result<(), HandlerError> {
        egui.set_fonts(fonts());
        self.context = Some(host);
        Ok(())
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut Frame) {
        let Some(context) = &self.context else { return };
        let looks = &self.params.looks;
        // A project that has been loaded meanwhile.
        let kept = looks.get();
        if kept != self.kept {
            self.view.looks = kept;
        }
        frame.set_clear_color(self.view.ground_of_window());
        let (params, registry, running) = (&self.params, &self.registry, &self.running);
        let (menus, scale) = (&mut self.menus, ui.ctx().pixels_per_point());
        self.view.show(ui, &mut Hosted { params, registry, running, context, menus, scale });
        // The keyboard is the host's, but for what is being typed or has been reached with Tab.
        let has_focus = ui.ctx().memory(|memory| memory.focused().is_some());
        frame.set_key_capture(if has_focus { KeyCapture::CaptureAll } else { KeyCapture::IgnoreAll });
        let size = ui.ctx().content_rect().size();
        self.view.looks.size = [size.x, size.y];
        let looked = self.view.looks.sanitised();
        looks.put_if(kept, looked);
        self.kept = looked;
    }
}

/// The editor of an instance: every window is a new one, with the looks that the project keeps.
pub struct SympathyEditor {
    params: Arc<SympathyParams>,
    registry: Arc<ModelRegistry>,
    running: Active,
    menus: Option<HostMenus>,
    /// Of the last window.
    state: Mutex<Arc<EguiEditorState>>,
}

/// Without what the picture does not use: noise against banding costs as much as the picture where a processor draws it.
fn graphics() -> GraphicsConfig {
    let gl_config = GlConfig { depth_bits: 0, stencil_bits: 0, ..GlConfig::default() };
    GraphicsConfig { gl_config, dithering: false, ..GraphicsConfig::default() }
}

fn logical([width, height]: [f32; 2]) -> LogicalSize<f32> {
    LogicalSize::new(width, height)
}

impl SympathyEditor {
    /// No window yet.
    pub(super) fn new(
        params: &Arc<SympathyParams>,
        registry: &Arc<ModelRegistry>,
        running: &Active,
        menus: Option<HostMenus>,
    ) -> Self {
        Self {
            params: Arc::clone(params),
            registry: Arc::clone(registry),
            running: running.clone(),
            menus,
            state: Mutex::new(EguiEditorState::from_size(logical(SIZE), 1.0)),
        }
    }

    /// The state of the window that is open, or of the one that would be opened now.
    fn state(&self) -> Arc<EguiEditorState> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.is_open() {
            *state = EguiEditorState::from_size(logical(self.params.looks.get().size), 1.0);
        }
        Arc::clone(&state)
    }
}

impl Editor for SympathyEditor {
    type Handle = EguiEditorHandle;

    fn spawn(
        &self,
        parent: Option<ParentWindowHandle>,
        wait_for_parent: bool,
        fallback_scale_factor: Option<f64>,
        context: GuiContext,
        host: Option<HostMethods>,
    ) -> Result<SpawnedEditor<Self::Handle>, Box<dyn Error>> {
        let looks = self.params.looks.get();
        let app = App {
            view: View::new(looks),
            kept: looks,
            params: Arc::clone(&self.params),
            registry: Arc::clone(&self.registry),
            running: self.running.clone(),
            context: None,
            menus: Menus::new(self.menus.clone()),
        };
        let settings = EguiNiceSettings::new()
            .with_tile("Sympathy")
            .with_graphics_config(graphics())
            .with_resize_hint(self.resize_hint());
        let editor = create_egui_editor(self.state(), RepaintNotifier::new(), settings, app).ok_or("no editor")?;
        editor.spawn(parent, wait_for_parent, fallback_scale_factor, context, host)
    }

    fn size(&self) -> NativeSize<u32> {
        let state = self.state();
        let (logical, physical) = (state.logical_size(), state.physical_size());
        NativeSize::from_size(logical.into(), f64::from(physical.width) / f64::from(logical.width.max(1.0)))
    }

    fn resize_hint(&self) -> ResizeHint {
        let size_constraints = SizeConstraints::Logical { min_size: Some(logical(MIN_SIZE)), max_size: None };
        ResizeHint { size_constraints, ..ResizeHint::RESIZABLE }
    }
}
