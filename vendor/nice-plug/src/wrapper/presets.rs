//! Presets that a host loads and lists through its own mechanisms: CLAP's preset-load extension and
//! preset discovery factory, VST3's program lists.

use nice_plug_core::params::Param;
use nice_plug_core::params::internals::ParamPtr;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The preset that a host asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresetSource<'a> {
    /// A file. The path is whatever the host says.
    File(&'a Path),
    /// One of those inside the plugin, by its load key. The key is whatever the host says.
    Plugin(&'a str),
}

/// Why a preset cannot be loaded or described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresetError {
    /// What to show.
    pub message: String,
    /// The system's number of the error, 0 where it has none.
    pub os_error: i32,
}

impl PresetError {
    /// An error that is not the system's.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), os_error: 0 }
    }
}

/// Sets the values of a preset. The host is told of them when the preset is loaded.
pub struct PresetSetter<'a> {
    known: &'a HashMap<ParamPtr, u32>,
    sample_rate: Option<f32>,
    /// The hashes of the parameters whose values are others now.
    changed: Vec<u32>,
}

impl PresetSetter<'_> {
    /// Set a parameter of the plugin to a plain value.
    pub fn set_parameter<P: Param>(&mut self, param: &P, value: P::Plain) {
        let ptr = param.as_ptr();
        let Some(hash) = self.known.get(&ptr) else {
            crate::nice_debug_assert_failure!("Unknown parameter: {:?}", ptr);
            return;
        };
        // SAFETY: The pointer is that of a parameter which is borrowed. Values are atomics: a block
        // may be processed meanwhile, as it may while a state is loaded.
        unsafe {
            if ptr._internal_set_normalized_value(param.preview_normalized(value)) {
                self.changed.push(*hash);
                if let Some(sample_rate) = self.sample_rate {
                    ptr._internal_update_smoother(sample_rate, false);
                }
            }
        }
    }
}

/// Loads presets into an instance. A plugin makes one right after it was made itself. Hosts have
/// presets loaded on their main thread, and while the audio thread has the plugin: so this is an
/// object of its own, with what it needs shared.
pub trait PresetLoader: Send {
    /// Finds the preset and sets its values. Returns what there is to say although it was loaded.
    ///
    /// # Errors
    /// If the preset cannot be had; then nothing must have been set.
    fn load(
        &mut self,
        source: PresetSource<'_>,
        setter: &mut PresetSetter<'_>,
    ) -> Result<Option<String>, PresetError>;
}

/// What came of a preset that was loaded.
pub(crate) struct Loaded {
    /// What there is to say nonetheless.
    pub warning: Option<String>,
    /// The hashes of the parameters whose values are others now.
    pub changed: Vec<u32>,
}

/// Let a loader set parameters, of which `known` has pointers and hashes.
pub(crate) fn load(
    loader: &mut dyn PresetLoader,
    source: PresetSource<'_>,
    known: &HashMap<ParamPtr, u32>,
    sample_rate: Option<f32>,
) -> Result<Loaded, PresetError> {
    let mut setter = PresetSetter { known, sample_rate, changed: Vec::new() };
    let warning = loader.load(source, &mut setter)?;
    Ok(Loaded { warning, changed: setter.changed })
}

/// One of the presets inside the plugin, as a VST3 host lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// What to show.
    pub name: String,
    /// By which it is loaded, see [`PresetSource::Plugin`].
    pub load_key: String,
}

/// Files that can be presets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresetFileType {
    /// What such a file is called.
    pub name: &'static str,
    /// What it is.
    pub description: &'static str,
    /// How its name ends, without the dot.
    pub extension: &'static str,
}

/// Where a host's browser finds presets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresetPlace {
    /// What to show.
    pub name: &'static str,
    /// The folder; `None` for the plugin itself.
    pub folder: Option<PathBuf>,
    /// Whether they came with the plugin. Others are the user's.
    pub is_factory_content: bool,
}

/// A preset as a host's browser shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresetInfo {
    /// What to show.
    pub name: String,
    /// What it does.
    pub description: String,
    /// By which it is loaded; `None` where the file holds no other.
    pub load_key: Option<String>,
    /// Words by which a host sorts it, see [`ClapFeature`][crate::prelude::ClapFeature] for those
    /// that hosts know.
    pub features: &'static [&'static str],
}

/// Describes presets to hosts that have no instance of the plugin. Called on any thread.
pub trait PresetProvider {
    /// The files that the host looks for in folders.
    fn file_types(&self) -> Vec<PresetFileType>;

    /// Where the host looks for presets.
    fn places(&self) -> Vec<PresetPlace>;

    /// The presets in a file, or for `None` those inside the plugin. The path is whatever the host
    /// says.
    ///
    /// # Errors
    /// If the file cannot be read, or is no preset.
    fn presets(&self, file: Option<&Path>) -> Result<Vec<PresetInfo>, PresetError>;
}
