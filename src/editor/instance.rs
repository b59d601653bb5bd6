//! What the editor shows and changes: an instance inside a host, or one made for a picture.

use crate::{
    control::{HasPresets, ParamId, PresetOf},
    engine::{Auditioner, Engine, Meters},
    learn::{LearnBoard, job::Lessons},
    model::folder::models_folder,
    worker::{Clip, ModelRegistry},
};
use egui::Pos2;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// A part of a user's edit of a parameter: hosts record and undo what lies between beginning and end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Edit {
    /// A control is taken hold of.
    Begin,
    /// It is moved to this plain value.
    Set(f32),
    /// It is let go.
    End,
}

/// What an activation has made.
#[derive(Clone, Debug)]
pub struct Activation {
    /// What the engine counts and shows.
    pub meters: Arc<Meters>,
    /// The host's rate.
    pub sample_rate_hz: u32,
    /// How much later predictions answer.
    pub reaction_ms: f32,
    /// Where models are heard before they are chosen.
    pub auditioner: Auditioner,
    /// What is learnt while it plays.
    pub learning: Arc<LearnBoard>,
}

impl Activation {
    /// Of an engine at this rate.
    pub fn of(engine: &Engine, sample_rate_hz: u32) -> Self {
        let reaction_ms = 1000.0 * engine.reaction_samples() as f32 / sample_rate_hz as f32;
        Self {
            meters: Arc::clone(engine.meters()),
            sample_rate_hz,
            reaction_ms,
            auditioner: engine.auditioner().clone(),
            learning: Arc::clone(engine.learning()),
        }
    }
}

/// Sound devices, by the names they can be chosen by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SoundDevices {
    /// Those that can play.
    pub outputs: Vec<String>,
    /// Those that can listen.
    pub inputs: Vec<String>,
    /// The one that plays.
    pub output: String,
    /// The one that listens; `none` if none does.
    pub input: String,
}

/// The parameters of an instance, and what its presets need. Reads are cheap: every picture reads all of it. Called on the editor's thread
/// only.
pub trait ParamHost<Id: HasPresets> {
    /// The plain value of a parameter.
    fn value(&self, id: Id) -> f32;
    /// A part of an edit.
    fn edit(&mut self, id: Id, edit: Edit);
    /// The value of a parameter as hosts show it.
    fn text(&self, id: Id) -> String;
    /// Sets every parameter that differs, but triggers.
    fn apply(&mut self, values: &Id::Values);
    /// What is to be said of a preset whose model is not there.
    fn missing_model(&self, preset: &PresetOf<Id>) -> Option<String>;
    /// The folder of the user's presets.
    fn presets_folder(&self) -> Option<PathBuf>;
    /// Asks the host for its own menu of a parameter, at a place of the window. False if the host has no such menus.
    fn ask_host_menu(&mut self, _id: Id, _at: Pos2) -> bool {
        false
    }
    /// Whether the host, asked for the menu of this parameter, turns out to have none; said once.
    fn is_host_menu_refused(&mut self, _id: Id) -> bool {
        false
    }
    /// All values.
    fn values(&self) -> Id::Values {
        let mut values = Id::Values::default();
        for spec in Id::specs() {
            spec.id.put(&mut values, self.value(spec.id));
        }
        values
    }
}

/// The settings of an instance.
pub trait SettingsHost {
    /// A setting by its key: a number, 0 or 1, or the number of a choice.
    fn setting(&self, key: &str) -> f32;
    /// Changes a setting.
    fn set_setting(&mut self, key: &str, value: f32);
    /// Asks the host to begin anew with the settings as they are.
    fn restart(&mut self);
}

/// An instance of the audio plugin.
pub trait Instance: ParamHost<ParamId> + SettingsHost {
    /// The models.
    fn registry(&self) -> &Arc<ModelRegistry>;
    /// The engine, while it is active.
    fn activation(&self) -> Option<Activation>;
    /// Seconds of the seed that was captured.
    fn captured_seconds(&self) -> Option<f32>;
    /// What became of the last take.
    fn take_text(&self) -> Option<String>;
    /// The folder of the takes.
    fn takes_folder(&self) -> Option<PathBuf>;
    /// What learns from takes, where there is something that does.
    fn lessons(&self) -> Option<&Arc<Lessons>> {
        None
    }
    /// Sympathy's folder in the system's folder for data.
    fn data_folder(&self) -> Option<PathBuf> {
        data_folder()
    }
    /// The folder of the user's models.
    fn models_folder(&self) -> Option<PathBuf> {
        models_folder()
    }
    /// Gives a model's file to a slot of the user's: to the one whose model is missing, or to a free one. Returns the slot.
    ///
    /// # Errors
    /// Why there is none for it, in a sentence.
    fn place_model(&mut self, missing: Option<u8>, path: &Path) -> Result<u8, String>;
    /// Makes a sound the captured seed.
    fn capture(&mut self, clip: Arc<Clip>);
    /// Whether there are settings to be changed while it plays.
    fn has_settings(&self) -> bool {
        true
    }
    /// Where the input has a switch of its own, outside a host: whether it is on.
    fn input(&self) -> Option<bool> {
        None
    }
    /// Whether it plays on a sound card of its own, outside a host.
    fn has_sound_card(&self) -> bool {
        false
    }
    /// The devices there are. Asks the system, which may take a moment: not for every picture.
    fn sound_devices(&self) -> SoundDevices {
        SoundDevices::default()
    }
    /// Plays on other devices. Takes as long as the system does.
    ///
    /// # Errors
    /// Why it cannot, in a sentence; then those that played go on.
    fn choose_devices(&mut self, _output: &str, _input: &str) -> Result<(), String> {
        Ok(())
    }
    /// Switches the input.
    fn set_input(&mut self, _on: bool) {}
}

/// The folder in which people keep presets of their own for this plugin: `sympathy/presets` or `sympathy/note-presets` in the system's
/// folder for data.
pub fn presets_folder<Id: HasPresets>() -> Option<PathBuf> {
    Some(data_folder()?.join(Id::FOLDER))
}

/// Sympathy's folder in the system's folder for data.
pub(super) fn data_folder() -> Option<PathBuf> {
    Some(directories::BaseDirs::new()?.data_dir().join("sympathy"))
}

/// An edit from its beginning to its end.
pub(super) fn set_at_once<Id: HasPresets>(instance: &mut (impl ParamHost<Id> + ?Sized), id: Id, value: f32) {
    instance.edit(id, Edit::Begin);
    instance.edit(id, Edit::Set(value));
    instance.edit(id, Edit::End);
}
