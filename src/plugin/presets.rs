//! Presets through the host's own mechanisms: loaded where it asks for one, described where its browser looks for them.

use crate::{
    control::{HasPresets, NotePreset, ParamId, PresetError, PresetOf, notes::NoteParam, preset::EXTENSION},
    editor::presets_folder,
    notes::live::NoteModels,
    params::{NoteParams, ParamEditor, SympathyParams},
    worker::ModelRegistry,
};
use nice_plug::prelude::{
    Param, PresetError as HostError, PresetFileType, PresetInfo, PresetLoader, PresetPlace, PresetProvider,
    PresetSetter, PresetSource, Program,
};
use std::{
    marker::PhantomData,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Reads the file of a preset that a host names. Nothing but a plain file is opened: whoever opens a pipe may wait for ever.
fn read<Id: HasPresets>(path: &Path) -> Result<PresetOf<Id>, HostError> {
    PresetOf::read(path).map_err(|error| told(&error))
}

/// The preset that a host asks for.
fn found<Id: HasPresets>(source: PresetSource<'_>) -> Result<PresetOf<Id>, HostError> {
    match source {
        PresetSource::File(path) => read(path),
        PresetSource::Plugin(key) => PresetOf::find_factory(key).map_err(|error| told(&error)),
    }
}

fn told(error: &PresetError) -> HostError {
    let os_error = match error {
        PresetError::Io { source, .. } => source.raw_os_error().unwrap_or(0),
        PresetError::Form { .. } | PresetError::Parameter { .. } => 0,
    };
    HostError { message: error.to_string(), os_error }
}

/// Loads presets into an instance.
pub(super) struct Loader {
    params: Arc<SympathyParams>,
    registry: Arc<ModelRegistry>,
}

impl Loader {
    /// For the instance with these.
    pub fn new(params: &Arc<SympathyParams>, registry: &Arc<ModelRegistry>) -> Self {
        Self { params: Arc::clone(params), registry: Arc::clone(registry) }
    }
}

impl PresetLoader for Loader {
    fn load(&mut self, source: PresetSource<'_>, setter: &mut PresetSetter<'_>) -> Result<Option<String>, HostError> {
        let preset = found::<ParamId>(source)?;
        self.params.apply(&preset.values_over(|id| self.params.unmodulated(id)), &mut Silent(setter));
        if preset.slots().next().is_some() {
            self.params.models.wait_for_names();
        }
        Ok(self.registry.missing(&preset))
    }
}

/// Loads presets into an instance of the plugin for notes.
pub(super) struct NoteLoader {
    params: Arc<NoteParams>,
    models: Arc<NoteModels>,
}

impl NoteLoader {
    /// For the instance with these.
    pub fn new(params: &Arc<NoteParams>, models: &Arc<NoteModels>) -> Self {
        Self { params: Arc::clone(params), models: Arc::clone(models) }
    }
}

impl PresetLoader for NoteLoader {
    fn load(&mut self, source: PresetSource<'_>, setter: &mut PresetSetter<'_>) -> Result<Option<String>, HostError> {
        let preset: NotePreset = found(source)?;
        self.params.apply(&preset.values_over(|id| self.params.unmodulated(id)), &mut Silent(setter));
        if preset.slots().next().is_some() {
            self.params.own_models.wait_for_names();
        }
        Ok(self.models.missing(&preset))
    }
}

/// Sets parameters of which the host is told when all are set.
struct Silent<'a, 'b>(&'a mut PresetSetter<'b>);

impl ParamEditor for Silent<'_, '_> {
    fn edit<P: Param<Plain: Copy>>(&mut self, param: &P, plain: P::Plain) {
        self.0.set_parameter(param, plain);
    }
}

/// The factory presets, as a VST3 host lists them.
pub(super) fn programs<Id: HasPresets>() -> Vec<Program> {
    PresetOf::<Id>::factory().map(|(key, preset)| Program { name: preset.name, load_key: key.into() }).collect()
}

/// What a host's browser is told of one plugin's presets.
pub(super) trait Described: HasPresets {
    const FILE_TYPE: PresetFileType;
    /// By which hosts sort them.
    const FEATURES: &'static [&'static str];

    /// Where the editor saves the user's; there once something was saved.
    fn own() -> Option<PathBuf> {
        presets_folder::<Self>().filter(|folder| folder.is_dir())
    }
}

impl Described for ParamId {
    const FILE_TYPE: PresetFileType = PresetFileType {
        name: "Sympathy preset",
        description: "Values of Sympathy's parameters",
        extension: EXTENSION,
    };
    const FEATURES: &'static [&'static str] = &["audio-effect"];
}

impl Described for NoteParam {
    const FILE_TYPE: PresetFileType = PresetFileType {
        name: "Sympathy Notes preset",
        description: "Values of Sympathy Notes' parameters",
        extension: EXTENSION,
    };
    const FEATURES: &'static [&'static str] = &["note-effect"];
}

/// Describes presets to a host's browser.
pub(super) struct Provider<Id>(PhantomData<Id>);

impl<Id> Default for Provider<Id> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<Id: Described> PresetProvider for Provider<Id> {
    fn file_types(&self) -> Vec<PresetFileType> {
        vec![Id::FILE_TYPE]
    }

    fn places(&self) -> Vec<PresetPlace> {
        let own = Id::own().map(|folder| PresetPlace {
            name: "Own presets",
            folder: Some(folder),
            is_factory_content: false,
        });
        let factory = PresetPlace { name: "Factory presets", folder: None, is_factory_content: true };
        std::iter::once(factory).chain(own).collect()
    }

    fn presets(&self, file: Option<&Path>) -> Result<Vec<PresetInfo>, HostError> {
        let info = |preset: PresetOf<Id>, load_key| PresetInfo {
            name: preset.name,
            description: preset.description,
            load_key,
            features: Id::FEATURES,
        };
        match file {
            None => Ok(PresetOf::factory().map(|(key, preset)| info(preset, Some(key.into()))).collect()),
            Some(path) => Ok(vec![info(read(path)?, None)]),
        }
    }
}
