//! The editor of the plugin for notes inside a host: [`crate::editor::NoteView`] joined to the parameters.

use super::window::{Active, Around, AtOnce, Gesture, Shown, Windowed};
use crate::{
    control::{NotePreset, notes::NoteParam, notes::NoteValues},
    editor::{Edit, Looks, NoteActivation, NoteInstance, NoteView, ParamHost, SettingsHost, presets_folder},
    notes::live::{NoteModels, StoredCodes},
    params::{KeptLooks, NoteParams},
    take::takes_folder,
};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};

/// An instance of the plugin for notes.
#[derive(Clone)]
pub struct InstancedNotes {
    params: Arc<NoteParams>,
    models: Arc<NoteModels>,
    running: Active<NoteActivation>,
}

impl InstancedNotes {
    /// Of these parts of the plugin.
    pub(super) fn new(params: &Arc<NoteParams>, models: &Arc<NoteModels>, running: &Active<NoteActivation>) -> Self {
        Self { params: Arc::clone(params), models: Arc::clone(models), running: running.clone() }
    }
}

impl Windowed for InstancedNotes {
    type Id = NoteParam;
    type View = NoteView;

    fn looks(&self) -> &KeptLooks {
        &self.params.looks
    }

    fn view(looks: Looks) -> NoteView {
        NoteView::new(looks)
    }

    fn looks_of(view: &mut NoteView) -> &mut Looks {
        &mut view.looks
    }

    fn ground(view: &NoteView) -> egui::Rgba {
        view.ground_of_window()
    }

    fn show(&self, view: &mut NoteView, ui: &mut egui::Ui, around: Around<'_, NoteParam>) {
        view.show(ui, &mut HostedNotes { instance: self, around });
    }
}

/// The instance, as the editor sees it.
struct HostedNotes<'a> {
    instance: &'a InstancedNotes,
    around: Around<'a, NoteParam>,
}

impl ParamHost<NoteParam> for HostedNotes<'_> {
    fn value(&self, id: NoteParam) -> f32 {
        self.instance.params.unmodulated(id)
    }

    fn edit(&mut self, id: NoteParam, edit: Edit) {
        let params = &self.instance.params;
        let plain = match edit {
            Edit::Set(plain) => plain,
            Edit::Begin | Edit::End => params.unmodulated(id),
        };
        params.edit(id, plain, &mut Gesture { context: self.around.context, edit });
    }

    fn text(&self, id: NoteParam) -> String {
        let mut shown = Shown(String::new());
        self.instance.params.edit(id, self.instance.params.unmodulated(id), &mut shown);
        shown.0
    }

    fn apply(&mut self, values: &NoteValues) {
        self.instance.params.apply(values, &mut AtOnce(self.around.context));
    }

    fn missing_model(&self, preset: &NotePreset) -> Option<String> {
        self.instance.models.missing(preset)
    }

    fn presets_folder(&self) -> Option<PathBuf> {
        presets_folder::<NoteParam>()
    }

    fn ask_host_menu(&mut self, id: NoteParam, at: egui::Pos2) -> bool {
        let params = &self.instance.params;
        self.around.menus.ask(id, at, self.around.scale, |menu| params.edit(id, params.unmodulated(id), menu))
    }

    fn is_host_menu_refused(&mut self, id: NoteParam) -> bool {
        self.around.menus.is_refused(id)
    }
}

impl SettingsHost for HostedNotes<'_> {
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

impl NoteInstance for HostedNotes<'_> {
    fn models(&self) -> &Arc<NoteModels> {
        &self.instance.models
    }

    fn codes(&self) -> &StoredCodes {
        self.instance.params.codes.stored()
    }

    fn activation(&self) -> Option<NoteActivation> {
        self.instance.running.get()
    }

    fn late_steps(&self) -> u64 {
        self.instance.params.counts.late_steps.load(Ordering::Relaxed)
    }

    fn has_failed(&self) -> bool {
        self.instance.params.counts.has_failed.load(Ordering::Relaxed)
    }

    fn place_model(&mut self, missing: Option<u8>, path: &Path) -> Result<u8, String> {
        self.instance.params.own_models.place(missing, path)
    }

    fn takes_folder(&self) -> Option<PathBuf> {
        takes_folder()
    }
}
