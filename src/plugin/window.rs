//! A window inside a host's, of either plugin: what it needs of the host, and the looks that a project keeps.

use crate::{
    control::{HasPresets, PresetOf, values::Parameter},
    editor::{Edit, Looks, MIN_SIZE, ParamHost, SIZE, SettingsHost, fonts, presets_folder},
    params::{KeptLooks, ParamEditor},
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
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// What an activation has made, while it is active: written by the host's main thread, read by the editor's, never touched by the audio
/// thread.
#[derive(Debug)]
pub(super) struct Active<A>(Arc<Mutex<Option<A>>>);

impl<A> Default for Active<A> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<A> Clone for Active<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A: Clone> Active<A> {
    /// Notes what an activation has made, or that there is none.
    pub fn set(&self, activation: Option<A>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = activation;
    }

    /// What there is.
    pub fn get(&self) -> Option<A> {
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
pub struct MenuAt<'a> {
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
pub struct Menus<Id> {
    menus: Option<HostMenus>,
    /// What the host was asked for last.
    asked: Option<(Id, HostMenuRequest)>,
}

impl<Id: HasPresets> Menus<Id> {
    /// Those of a host that has them.
    pub(super) fn new(menus: Option<HostMenus>) -> Self {
        Self { menus, asked: None }
    }

    /// Asks the host for the menu of a parameter, which `hand` hands to what it is given if there is such a parameter, at a place in points, of so many pixels each.
    pub fn ask(&mut self, id: Id, at: egui::Pos2, scale: f32, hand: impl FnOnce(&mut MenuAt<'_>) -> bool) -> bool {
        let Some(menus) = &self.menus else { return false };
        let at = LogicalPosition::new(at.x.into(), at.y.into());
        let mut menu = MenuAt { menus, at, scale: scale.into(), request: None };
        if !hand(&mut menu) {
            return false;
        }
        self.asked = menu.request.map(|request| (id, request));
        self.asked.is_some()
    }

    /// Whether that of this parameter turns out not to be there; said once.
    pub fn is_refused(&mut self, id: Id) -> bool {
        self.asked.take_if(|(asked, request)| *asked == id && request.is_refused()).is_some()
    }
}

/// An instance that has windows.
pub trait Windowed: Clone + Send + Sync + 'static {
    /// Its parameters.
    type Id: HasPresets;
    /// What its windows draw.
    type View: Send + 'static;

    /// The looks that the project keeps.
    fn looks(&self) -> &KeptLooks;
    /// A new picture.
    fn view(looks: Looks) -> Self::View;
    /// How it looks.
    fn looks_of(view: &mut Self::View) -> &mut Looks;
    /// The colour that the window is cleared with.
    fn ground(view: &Self::View) -> egui::Rgba;
    /// Draws it.
    fn show(view: &mut Self::View, ui: &mut egui::Ui, hosted: &mut Hosted<'_, Self>);

    /// A parameter without modulation.
    fn unmodulated(&self, id: Self::Id) -> f32;
    /// Hands a parameter and a value to an editor; false if there is none of this id.
    fn hand(&self, id: Self::Id, plain: f32, editor: &mut impl ParamEditor) -> bool;
    /// Hands every parameter that differs to an editor, but triggers.
    fn apply(&self, values: &<Self::Id as Parameter>::Values, editor: &mut impl ParamEditor);
    /// What is to be said of a preset whose model is not there.
    fn missing_model(&self, preset: &PresetOf<Self::Id>) -> Option<String>;
    /// A setting by its key.
    fn setting(&self, key: &str) -> f32;
    /// Hands a setting and a value to an editor.
    fn hand_setting(&self, key: &str, value: f32, editor: &mut impl ParamEditor);
}

/// An instance as its editor sees it, for one picture.
pub struct Hosted<'a, W: Windowed> {
    /// The instance.
    pub instance: &'a W,
    context: &'a GuiContext,
    menus: &'a mut Menus<W::Id>,
    /// Pixels of a point.
    scale: f32,
}

impl<W: Windowed> ParamHost<W::Id> for Hosted<'_, W> {
    fn value(&self, id: W::Id) -> f32 {
        self.instance.unmodulated(id)
    }

    fn edit(&mut self, id: W::Id, edit: Edit) {
        let plain = match edit {
            Edit::Set(plain) => plain,
            Edit::Begin | Edit::End => self.instance.unmodulated(id),
        };
        self.instance.hand(id, plain, &mut Gesture { context: self.context, edit });
    }

    fn text(&self, id: W::Id) -> String {
        let mut shown = Shown(String::new());
        self.instance.hand(id, self.instance.unmodulated(id), &mut shown);
        shown.0
    }

    fn apply(&mut self, values: &<W::Id as Parameter>::Values) {
        self.instance.apply(values, &mut AtOnce(self.context));
    }

    fn missing_model(&self, preset: &PresetOf<W::Id>) -> Option<String> {
        self.instance.missing_model(preset)
    }

    fn presets_folder(&self) -> Option<PathBuf> {
        presets_folder::<W::Id>()
    }

    fn ask_host_menu(&mut self, id: W::Id, at: egui::Pos2) -> bool {
        let instance = self.instance;
        self.menus.ask(id, at, self.scale, |menu| instance.hand(id, instance.unmodulated(id), menu))
    }

    fn is_host_menu_refused(&mut self, id: W::Id) -> bool {
        self.menus.is_refused(id)
    }
}

impl<W: Windowed> SettingsHost for Hosted<'_, W> {
    fn setting(&self, key: &str) -> f32 {
        self.instance.setting(key)
    }

    fn set_setting(&mut self, key: &str, value: f32) {
        self.instance.hand_setting(key, value, &mut AtOnce(self.context));
    }

    fn restart(&mut self) {
        self.context.request_restart();
    }
}

/// What a window draws.
pub struct App<W: Windowed> {
    view: W::View,
    /// The looks as the project had them when they were last compared.
    kept: Looks,
    instance: W,
    context: Option<GuiContext>,
    menus: Menus<W::Id>,
}

impl<W: Windowed> NiceEguiApp for App<W> {
    fn build(&mut self, egui: egui::Context, host: GuiContext, _: &mut Frame) -> Result<(), HandlerError> {
        egui.set_fonts(fonts());
        self.context = Some(host);
        Ok(())
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut Frame) {
        let Some(context) = &self.context else { return };
        let looks = self.instance.looks();
        // A project that has been loaded meanwhile.
        let kept = looks.get();
        if kept != self.kept {
            *W::looks_of(&mut self.view) = kept;
        }
        frame.set_clear_color(W::ground(&self.view));
        let scale = ui.ctx().pixels_per_point();
        let hosted = &mut Hosted { instance: &self.instance, context, menus: &mut self.menus, scale };
        W::show(&mut self.view, ui, hosted);
        // The keyboard is the host's, but for what is being typed or has been reached with Tab.
        let has_focus = ui.ctx().memory(|memory| memory.focused().is_some());
        frame.set_key_capture(if has_focus { KeyCapture::CaptureAll } else { KeyCapture::IgnoreAll });
        let size = ui.ctx().content_rect().size();
        let shown = W::looks_of(&mut self.view);
        shown.size = [size.x, size.y];
        let looked = shown.sanitised();
        looks.put_if(kept, looked);
        self.kept = looked;
    }
}

/// The editor of an instance: every window is a new one, with the looks that the project keeps.
pub struct HostedEditor<W> {
    instance: W,
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

impl<W: Windowed> HostedEditor<W> {
    /// No window yet.
    pub(super) fn new(instance: W, menus: Option<HostMenus>) -> Self {
        Self { instance, menus, state: Mutex::new(EguiEditorState::from_size(logical(SIZE), 1.0)) }
    }

    /// The state of the window that is open, or of the one that would be opened now.
    fn state(&self) -> Arc<EguiEditorState> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.is_open() {
            *state = EguiEditorState::from_size(logical(self.instance.looks().get().size), 1.0);
        }
        Arc::clone(&state)
    }
}

impl<W: Windowed> Editor for HostedEditor<W> {
    type Handle = EguiEditorHandle;

    fn spawn(
        &self,
        parent: Option<ParentWindowHandle>,
        wait_for_parent: bool,
        fallback_scale_factor: Option<f64>,
        context: GuiContext,
        host: Option<HostMethods>,
    ) -> Result<SpawnedEditor<Self::Handle>, Box<dyn Error>> {
        let looks = self.instance.looks().get();
        let app = App {
            view: W::view(looks),
            kept: looks,
            instance: self.instance.clone(),
            context: None,
            menus: Menus::new(self.menus.clone()),
        };
        let settings = EguiNiceSettings::new()
            .with_tile(W::Id::NAME)
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
