//! Finding the model that a name, a file or a slot number means, and putting it into a registry.

use super::{
    automation::Automation,
    error::CliError,
    speed::{PrecisionArg, warn_if_slow},
};
use crate::{
    approach::Network,
    control::{
        ParamId, ParamValues,
        notes::{NoteParam, NoteValues},
        values::NO_MODEL,
    },
    model::{
        EMBEDDED, EmbeddedModel, ModelData, ModelError, RollModel,
        folder::{USER_SLOTS, models_folder},
    },
    nn::Isa,
    notes::live::{NoteModel, NoteModels},
    worker::{ModelRegistry, SlotModel, likely_files},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// The slot into which a model named by its file is put: the last of the user's slots. Those before hold the models folder.
pub const FILE_SLOT: u8 = *USER_SLOTS.end();

/// A file of the models folder.
#[derive(Clone, Debug)]
pub struct OwnModel {
    /// The slot that the plugin gives it, and the command line.
    pub slot: u8,
    /// Its path in the folder, without the ending.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
}

/// The models of the user's folder that have slots in the plugin of this kind.
pub fn own_models<M: SlotModel>() -> Vec<OwnModel> {
    let Some(folder) = models_folder() else {
        return Vec::new();
    };
    let files = USER_SLOTS.zip(likely_files::<M>(&folder));
    let own = files.map(|(slot, path)| {
        let inside = path.strip_prefix(&folder).unwrap_or(&path).with_extension("");
        let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
        OwnModel { slot, name: parts.join("/"), path }
    });
    own.collect()
}

/// The model of the user's folder that is called so: by its path in the folder or by its last part, with or without the ending.
fn own_model(name: &str, own: &[OwnModel]) -> Option<OwnModel> {
    let name = name.strip_suffix(".safetensors").unwrap_or(name);
    let last = |own: &&OwnModel| own.name.rsplit('/').next() == Some(name);
    own.iter().find(|own| own.name == name).or_else(|| own.iter().find(last)).cloned()
}

/// Reads an embedded model by its name, or else a file, or a model of the user's folder by its name.
///
/// # Errors
/// If there is none, or the file is refused.
pub fn read_model(name: &str) -> Result<ModelData, CliError> {
    if let Some(model) = EmbeddedModel::by_name(name) {
        return Ok(ModelData::from_bytes(model.bytes, Path::new(name))?);
    }
    let path = Path::new(name);
    // A bare word is treated as a name; anything that looks like a path gets the file system's own message.
    let looks_like_path = path.extension().is_some() || path.components().count() > 1;
    if !path.exists() {
        if let Some(own) = own_model(name, &[own_models::<Network>(), own_models::<NoteModel>()].concat()) {
            return Ok(ModelData::read(&own.path)?);
        }
        if !looks_like_path {
            return Err(no_such_model(name));
        }
    }
    Ok(ModelData::read(path)?)
}

/// A model of either kind.
pub enum AnyModel {
    /// One of sound.
    Sound(ModelData),
    /// One of notes.
    Notes(RollModel),
}

/// As [`read_model`], but a file of either kind.
///
/// # Errors
/// If there is none, or the file is refused.
pub fn read_any_model(name: &str) -> Result<AnyModel, CliError> {
    if let Some(model) = EmbeddedModel::of_notes(name) {
        return Ok(AnyModel::Notes(RollModel::from_bytes(model.bytes, Path::new(name))?));
    }
    match read_model(name) {
        Err(CliError::Model(ModelError::OtherKind { file, .. })) => Ok(AnyModel::Notes(RollModel::read(&file)?)),
        data => Ok(AnyModel::Sound(data?)),
    }
}

/// A registry with all embedded models, those of the user's folder in the slots that the plugin gives them and, where `model` is
/// not an embedded one's name, that file in [`FILE_SLOT`]. Sets the parameter *Model* to what was asked for. Weights are stored as `precision` says.
///
/// # Errors
/// As [`read_model`].
pub fn make_registry(
    model: Option<&str>,
    precision: PrecisionArg,
    values: &mut ParamValues,
) -> Result<Arc<ModelRegistry>, CliError> {
    let registry = ModelRegistry::with_precision(precision.into(), Isa::from_environment());
    own_models::<Network>().into_iter().for_each(|own| registry.set_file(own.slot, own.path));
    if let Some(name) = model {
        choose_model(&registry, name, ParamId::Model, values)?;
    }
    Ok(registry)
}

/// The same for notes: the embedded models, those of the user's folder, and the one that is named, in [`FILE_SLOT`] where it is a file.
/// `why`: why it has to be one of notes.
///
/// # Errors
/// As [`read_any_model`]; also for a model of sound.
pub fn make_note_registry(
    model: Option<&str>,
    precision: PrecisionArg,
    values: &mut NoteValues,
    why: &str,
) -> Result<Arc<NoteModels>, CliError> {
    let registry = NoteModels::with_precision(precision.into(), Isa::from_environment());
    own_models::<NoteModel>().into_iter().for_each(|own| registry.set_file(own.slot, own.path));
    let Some(name) = model else { return Ok(registry) };
    let slot = match EmbeddedModel::of_notes(name) {
        Some(embedded) => embedded.slot,
        None => {
            // A model of sound may be called the same.
            let own = if Path::new(name).exists() { None } else { own_model(name, &own_models::<NoteModel>()) };
            let found = match own {
                Some(own) => AnyModel::Notes(RollModel::read(&own.path)?),
                None => read_any_model(name)?,
            };
            let AnyModel::Notes(data) = found else {
                return Err(CliError::Unsuitable {
                    path: name.into(),
                    what: "model",
                    expected: format!("a model of notes, as {why}"),
                    actual: "a model of sound".into(),
                });
            };
            registry.set_bytes(FILE_SLOT, data.config().name.clone(), data.to_bytes());
            FILE_SLOT
        }
    };
    values.set(NoteParam::Model, f32::from(slot));
    Ok(registry)
}

/// Sets `id`, *Model* or *Morph Model*, to an embedded model by its name, or to a file, which is put into a slot of its own.
///
/// # Errors
/// As [`read_model`].
pub fn choose_model(
    registry: &ModelRegistry,
    name: &str,
    id: ParamId,
    values: &mut ParamValues,
) -> Result<(), CliError> {
    let slot = match EmbeddedModel::by_name(name) {
        Some(embedded) => embedded.slot,
        None => {
            let slot = FILE_SLOT - u8::from(id == ParamId::MorphModel);
            // Read here for its message, and from the same bytes by the registry, so that the file cannot change in between.
            let data = read_model(name)?;
            registry.set_bytes(slot, data.config().name.clone(), data.to_bytes());
            slot
        }
    };
    values.set(id, f32::from(slot));
    Ok(())
}

/// Loads every model that will be played, so that a rendering never waits for one and never plays another instead.
/// Warns of those that are slower than real time.
///
/// # Errors
/// The registry's reason, and what slots there are.
pub fn load_all(registry: &ModelRegistry, values: &ParamValues, automation: &Automation) -> Result<(), CliError> {
    let mut loaded = Vec::new();
    let is_model = |(id, _): &(ParamId, f32)| matches!(id, ParamId::Model | ParamId::MorphModel);
    let automated = automation.values().filter(is_model).map(|(_, value)| value);
    let chosen = [ParamId::Model, ParamId::MorphModel].map(|id| values.get(id));
    for slot in chosen.into_iter().chain(automated).filter(|&slot| slot > NO_MODEL) {
        if loaded.contains(&slot) {
            continue;
        }
        loaded.push(slot);
        let network = registry.load(slot as u8).map_err(|reason| {
            let slots: Vec<String> = registry.slots().iter().map(u8::to_string).collect();
            let there =
                if slots.is_empty() { "none is filled".into() } else { format!("filled: {}", slots.join(", ")) };
            CliError::Slot(format!(
                "model slot {slot}: expected a model ({there}; --model takes a file), found: {reason}"
            ))
        })?;
        warn_if_slow(&network.config().name, registry.slowness(slot as u8));
    }
    Ok(())
}

/// The names of the embedded models, for messages and help.
pub fn embedded_names() -> String {
    let names: Vec<&str> = EMBEDDED.iter().map(|model| model.name).collect();
    names.join(", ")
}

fn no_such_model(name: &str) -> CliError {
    let expected = if EMBEDDED.is_empty() {
        "a model file (no model is embedded in this build)".into()
    } else {
        let folder = models_folder().map(|folder| format!(", or a model of yours in {}", folder.display()));
        format!("a model file or one of {}{}", embedded_names(), folder.unwrap_or_default())
    };
    CliError::NoSuchModel { name: name.into(), expected }
}
