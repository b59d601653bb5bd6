//! The window of `sympathy play --notes`: the editor of Sympathy Notes, in front of the program's engine.

use super::performer::NoteMonitor;
use crate::{
    cli::commands::play::window::{Drawn, Remote, place_model},
    control::{
        NotePreset,
        notes::{NoteParam, NoteValues},
        text,
    },
    editor::{Edit, NoteActivation, NoteInstance, NoteView, ParamHost, SettingsHost, presets_folder},
    notes::live::{NoteModels, StoredCodes},
    take::takes_folder,
};
use std::{
    convert::Infallible,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering::Relaxed},
};

/// The program behind the window.
pub struct Outside {
    /// The parameters.
    pub remote: Remote<NoteParam, Infallible>,
    /// The models.
    pub models: Arc<NoteModels>,
    /// The codes that were stored.
    pub codes: Arc<StoredCodes>,
    /// The engine.
    pub activation: NoteActivation,
    /// How it goes.
    pub monitor: Arc<NoteMonitor>,
}

impl ParamHost<NoteParam> for Outside {
    fn value(&self, id: NoteParam) -> f32 {
        self.remote.value(id)
    }

    fn edit(&mut self, id: NoteParam, edit: Edit) {
        self.remote.edit(id, edit);
    }

    fn text(&self, id: NoteParam) -> String {
        match id {
            NoteParam::Model => self.models.label(self.value(id) as u8),
            _ => text::with_unit(id.spec(), self.value(id)),
        }
    }

    fn apply(&mut self, values: &NoteValues) {
        self.remote.apply(values);
    }

    fn missing_model(&self, preset: &NotePreset) -> Option<String> {
        self.models.missing(preset)
    }

    fn presets_folder(&self) -> Option<PathBuf> {
        presets_folder::<NoteParam>()
    }
}

impl SettingsHost for Outside {
    fn setting(&self, _key: &str) -> f32 {
        0.0
    }

    fn set_setting(&mut self, _key: &str, _value: f32) {}

    fn restart(&mut self) {}
}

impl NoteInstance for Outside {
    fn has_settings(&self) -> bool {
        false
    }

    fn models(&self) -> &Arc<NoteModels> {
        &self.models
    }

    fn codes(&self) -> &StoredCodes {
        &self.codes
    }

    fn activation(&self) -> Option<NoteActivation> {
        Some(self.activation.clone())
    }

    fn late_steps(&self) -> u64 {
        self.monitor.late_steps.load(Relaxed)
    }

    fn has_failed(&self) -> bool {
        self.monitor.has_failed.load(Relaxed)
    }

    fn place_model(&mut self, missing: Option<u8>, path: &Path) -> Result<u8, String> {
        place_model(&self.models, missing, path)
    }

    fn takes_folder(&self) -> Option<PathBuf> {
        takes_folder()
    }
}

/// What the window draws.
pub struct NoteWindow {
    /// How it looks.
    pub view: NoteView,
    /// What it shows and moves.
    pub outside: Outside,
}

impl Drawn for NoteWindow {
    fn follow(&mut self) {
        self.outside.remote.follow();
    }

    fn show(&mut self, ui: &mut egui::Ui) {
        self.view.show(ui, &mut self.outside);
    }

    fn ground(&self) -> egui::Rgba {
        self.view.ground_of_window()
    }

    fn pictures_per_second(&self) -> f32 {
        self.view.pictures_per_second()
    }
}
