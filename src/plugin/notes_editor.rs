//! The editor of the plugin for notes inside a host: [`crate::editor::NoteView`] joined to the parameters.

use super::window::{Active, Hosted, Windowed};
use crate::{
    control::{
        NotePreset,
        notes::{NoteParam, NoteValues},
    },
    editor::{Looks, NoteActivation, NoteInstance, NoteView},
    notes::live::{NoteModels, StoredCodes},
    params::{KeptLooks, NoteParams, ParamEditor},
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

    fn show(view: &mut NoteView, ui: &mut egui::Ui, hosted: &mut Hosted<'_, Self>) {
        view.show(ui, hosted);
    }

    fn unmodulated(&self, id: NoteParam) -> f32 {
        self.params.unmodulated(id)
    }

    fn hand(&self, id: NoteParam, plain: f32, editor: &mut impl ParamEditor) -> bool {
        self.params.edit(id, plain, editor)
    }

    fn apply(&self, values: &NoteValues, editor: &mut impl ParamEditor) {
        self.params.apply(values, editor);
    }

    fn missing_model(&self, preset: &NotePreset) -> Option<String> {
        self.models.missing(preset)
    }

    fn setting(&self, key: &str) -> f32 {
        self.params.settings.value(key)
    }

    fn hand_setting(&self, key: &str, value: f32, editor: &mut impl ParamEditor) {
        self.params.settings.edit(key, value, editor);
    }
}

impl NoteInstance for Hosted<'_, InstancedNotes> {
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
