//! What the editor of notes shows and changes.

use crate::{
    control::notes::NoteParam,
    editor::instance::{ParamHost, SettingsHost, data_folder},
    model::folder::models_folder,
    notes::live::{NoteEngine, NoteModels, NoteScope, StoredCodes},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// What an activation has made.
#[derive(Clone, Debug)]
pub struct NoteActivation {
    /// The steps that go by, and what is played in the window.
    pub scope: Arc<NoteScope>,
    /// The time from the last note that is heard to its answer.
    pub reaction_ms: f32,
}

impl NoteActivation {
    /// Of an engine.
    pub fn of(engine: &NoteEngine) -> Self {
        Self { scope: Arc::clone(engine.scope()), reaction_ms: engine.reaction_ms() }
    }
}

/// An instance of the plugin for notes. Reads are cheap: every picture reads all of it. Called on the editor's thread only.
pub trait NoteInstance: ParamHost<NoteParam> + SettingsHost {
    /// Whether there are settings; outside a host the command line has them.
    fn has_settings(&self) -> bool {
        true
    }
    /// The models.
    fn models(&self) -> &Arc<NoteModels>;
    /// The codes that are stored in the project.
    fn codes(&self) -> &StoredCodes;
    /// The engine, while it is active.
    fn activation(&self) -> Option<NoteActivation>;
    /// Steps that stayed silent because their prediction came too late, since the activation.
    fn late_steps(&self) -> u64;
    /// Whether nothing more is predicted until the song starts again.
    fn has_failed(&self) -> bool;
    /// Gives a model's file to a slot of the user's: to the one whose model is missing, or to a free one. Returns the slot.
    ///
    /// # Errors
    /// Why there is none for it, in a sentence.
    fn place_model(&mut self, missing: Option<u8>, path: &Path) -> Result<u8, String>;
    /// The folder that MIDI files are saved to.
    fn takes_folder(&self) -> Option<PathBuf>;
    /// Sympathy's folder in the system's folder for data.
    fn data_folder(&self) -> Option<PathBuf> {
        data_folder()
    }
    /// The folder of the user's models.
    fn models_folder(&self) -> Option<PathBuf> {
        models_folder()
    }
}
