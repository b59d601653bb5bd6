//! The editor of the audio plugin inside a host: [`crate::editor::View`] joined to the parameters.

use super::window::{Active, Hosted, Windowed};
use crate::{
    control::{ParamId, ParamValues, Preset},
    editor::{Activation, Instance, Looks, View},
    learn::job::Lessons,
    params::{KeptLooks, ParamEditor, SympathyParams},
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

    fn show(view: &mut View, ui: &mut egui::Ui, hosted: &mut Hosted<'_, Self>) {
        view.show(ui, hosted);
    }

    fn unmodulated(&self, id: ParamId) -> f32 {
        self.params.unmodulated(id)
    }

    fn hand(&self, id: ParamId, plain: f32, editor: &mut impl ParamEditor) -> bool {
        self.params.edit(id, plain, editor)
    }

    fn apply(&self, values: &ParamValues, editor: &mut impl ParamEditor) {
        self.params.apply(values, editor);
    }

    fn missing_model(&self, preset: &Preset) -> Option<String> {
        self.registry.missing(preset)
    }

    fn setting(&self, key: &str) -> f32 {
        self.params.settings.value(key)
    }

    fn hand_setting(&self, key: &str, value: f32, editor: &mut impl ParamEditor) {
        self.params.settings.edit(key, value, editor);
    }
}

impl Instance for Hosted<'_, Instanced> {
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
