//! The editor of the audio plugin inside a host: [`crate::editor::View`] joined to the parameters.

use super::window::{Active, Around, AtOnce, Gesture, Shown, Windowed};
use crate::{
    control::{ParamId, ParamValues, Preset},
    editor::{Activation, Edit, Instance, Looks, ParamHost, SettingsHost, View, presets_folder},
    learn::job::Lessons,
    params::{KeptLooks, SympathyParams},
    take::takes_folder,
    worker::{Clip, ModelRegistry},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// An instance of the audio plugin.
#[derive(Clone)]
pub struct Instanced {
    params: Arc<SympathyParams>,
    registry: Arc<ModelRegistry>,
    running: Active<Activation>,
}

impl Instanced {
    /// Of these parts of the plugin.
    pub(super) fn new(
        params: &Arc<SympathyParams>,
        registry: &Arc<ModelRegistry>,
        running: &Active<Activation>,
    ) -> Self {
        Self { params: Arc::clone(params), registry: Arc::clone(registry), running: running.clone() }
    }
}

impl Windowed for Instanced {
    type Id = ParamId;
    type View = View;

    fn looks(&self) -> &KeptLooks {
        &self.params.looks
    }

    fn view(looks: Looks) -> View {
        View::new(looks)
    }

    fn looks_of(view: &mut View) -> &mut Looks {
        &mut view.looks
    }

    fn ground(view: &View) -> egui::Rgba {
        view.ground_of_window()
    }

    fn show(&self, view: &mut View, ui: &mut egui::Ui, around: Around<'_, ParamId>) {
        view.show(ui, &mut Hosted { instance: self, around });
    }
}

/// The instance, as the editor sees it.
struct Hosted<'a> {
    instance: &'a Instanced,
    around: Around<'a, ParamId>,
}

impl ParamHost<ParamId> for Hosted<'_> {
    fn value(&self, id: ParamId) -> f32 {
        self.instance.params.unmodulated(id)
    }

    fn edit(&mut self, id: ParamId, edit: Edit) {
        let plain = match edit {
            Edit::Set(plain) => plain,
            Edit::Begin | Edit::End => self.instance.params.unmodulated(id),
        };
        self.instance.params.edit(id, plain, &mut Gesture { context: self.around.context, edit });
    }

    fn text(&self, id: ParamId) -> String {
        let mut shown = Shown(String::new());
        self.instance.params.edit(id, self.instance.params.unmodulated(id), &mut shown);
        shown.0
    }

    fn apply(&mut self, values: &ParamValues) {
        self.instance.params.apply(values, &mut AtOnce(self.around.context));
    }

    fn missing_model(&self, preset: &Preset) -> Option<String> {
        self.instance.registry.missing(preset)
    }

    fn presets_folder(&self) -> Option<PathBuf> {
        presets_folder::<ParamId>()
    }

    fn ask_host_menu(&mut self, id: ParamId, at: egui::Pos2) -> bool {
        let params = &self.instance.params;
        self.around.menus.ask(id, at, self.around.scale, |menu| params.edit(id, params.unmodulated(id), menu))
    }

    fn is_host_menu_refused(&mut self, id: ParamId) -> bool {
        self.around.menus.is_refused(id)
    }
}

impl SettingsHost for Hosted<'_> {
    fn setting(&self, key: &str) -> f32 {
        self.instance.params.settings.value(key)
    }

    fn set_setting(&mut self, key: &str, value: f32) {
        self.instance.params.settings.edit(key, value, &mut AtOnce(self.around.context));
    }

    fn restart(&mut self) {
        self.around.context.request_restart();
    }
}

impl Instance for Hosted<'_> {
    fn registry(&self) -> &Arc<ModelRegistry> {
        &self.instance.registry
    }

    fn activation(&self) -> Option<Activation> {
        self.instance.running.get()
    }

    fn captured_seconds(&self) -> Option<f32> {
        Some(self.instance.params.captured.clip_slot().get()?.seconds())
    }

    fn take_text(&self) -> Option<String> {
        self.instance.params.take_status.text()
    }

    fn takes_folder(&self) -> Option<PathBuf> {
        takes_folder()
    }

    fn lessons(&self) -> Option<&Arc<Lessons>> {
        Some(&self.instance.params.lessons)
    }

    fn place_model(&mut self, missing: Option<u8>, path: &Path) -> Result<u8, String> {
        self.instance.params.models.place(missing, path)
    }

    fn capture(&mut self, clip: Arc<Clip>) {
        self.instance.params.captured.clip_slot().put(Some(clip));
    }
}
