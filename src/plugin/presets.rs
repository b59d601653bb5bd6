//! Presets through the host's own mechanisms: loaded where it asks for one, described where its browser looks for them.

use crate::{
    control::{Preset, PresetError, preset::EXTENSION},
    editor::presets_folder,
    params::{ParamEditor, SympathyParams},
    worker::ModelRegistry,
};
use nice_plug::prelude::{
    Param, PresetError as HostError, PresetFileType, PresetInfo, PresetLoader, PresetPlace, PresetProvider,
    PresetSetter, PresetSource, Program,
};
use std::{path::Path, sync::Arc};

/// By which hosts sort them.
const FEATURES: &[&str] = &["audio-effect"];

/// Reads the file of a preset that a host names. Nothing but a plain file is opened: whoever opens a pipe may wait for ever.
fn read(path: &Path) -> Result<Preset, HostError> {
    Preset::read(path).map_err(|error| told(&error))
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
        let preset = match source {
            PresetSource::File(path) => read(path)?,
            PresetSource::Plugin(key) => Preset::find_factory(key).map_err(|error| told(&error))?,
        };
        self.params.apply(&preset.values_over(|id| self.params.unmodulated(id)), &mut Silent(setter));
        if preset.slots().next().is_some() {
            self.params.models.wait_for_names();
        }
        Ok(self.registry.missing(&preset))
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
pub(super) fn programs() -> Vec<Program> {
    Preset::factory().map(|(key, preset)| Program { name: preset.name, load_key: key.into() }).collect()
}

/// Describes presets to a host's browser.
pub(super) struct Provider;

impl PresetProvider for Provider {
    fn file_types(&self) -> Vec<PresetFileType> {
        vec![PresetFileType {
            name: "Sympathy preset",
            description: "Values of Sympathy's parameters",
            extension: EXTENSION,
        }]
    }

    /// The user's folder is one of them once something was saved in it.
    fn places(&self) -> Vec<PresetPlace> {
        let own = presets_folder().filter(|folder| folder.is_dir());
        let own =
            own.map(|folder| PresetPlace { name: "Own presets", folder: Some(folder), is_factory_content: false });
        let factory = PresetPlace { name: "Factory presets", folder: None, is_factory_content: true };
        std::iter::once(factory).chain(own).collect()
    }

    fn presets(&self, file: Option<&Path>) -> Result<Vec<PresetInfo>, HostError> {
        let info = |preset: Preset, load_key| PresetInfo {
            name: preset.name,
            description: preset.description,
            load_key,
            features: FEATURES,
        };
        match file {
            None => Ok(Preset::factory().map(|(key, preset)| info(preset, Some(key.into()))).collect()),
            Some(path) => Ok(vec![info(read(path)?, None)]),
        }
    }
}
