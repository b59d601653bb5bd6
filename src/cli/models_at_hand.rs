//! Finding the model that a name, a file or a slot number means, and putting it into a registry.

use super::{
    automation::TimedValue,
    error::CliError,
    speed::{PrecisionArg, warn_if_slow},
};
use crate::{
    control::{ParamId, ParamValues, values::NO_MODEL},
    model::{EMBEDDED, EmbeddedModel, ModelData},
    nn::Isa,
    worker::ModelRegistry,
};
use std::{path::Path, sync::Arc};

/// The slot into which a model named by its file is put: the first of the user's slots.
pub const FILE_SLOT: u8 = 64;

/// Reads an embedded model by its name, or else a file.
///
/// # Errors
/// If there is neither, or the file is refused.
pub fn read_model(name: &str) -> Result<ModelData, CliError> {
    if let Some(model) = EmbeddedModel::by_name(name) {
        return Ok(ModelData::from_bytes(model.bytes, Path::new(name))?);
    }
    let path = Path::new(name);
    // A bare word is treated as a name; anything that looks like a path gets the file system's own message.
    let looks_like_path = path.extension().is_some() || path.components().count() > 1;
    if !path.exists() && !looks_like_path {
        return Err(no_such_model(name));
    }
    Ok(ModelData::read(path)?)
}

/// A registry with all embedded models and, where `model` is not an embedded one's name, that file in [`FILE_SLOT`]. Sets the
/// parameter *Model* to what was asked for. Weights are stored as `precision` says.
///
/// # Errors
/// As [`read_model`].
pub fn make_registry(
    model: Option<&str>,
    precision: PrecisionArg,
    values: &mut ParamValues,
) -> Result<Arc<ModelRegistry>, CliError> {
    let registry = ModelRegistry::with_precision(precision.into(), Isa::from_environment());
    if let Some(name) = model {
        choose_model(&registry, name, ParamId::Model, values)?;
    }
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
            let slot = FILE_SLOT + u8::from(id == ParamId::MorphModel);
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
pub fn load_all(registry: &ModelRegistry, values: &ParamValues, automation: &[TimedValue]) -> Result<(), CliError> {
    let mut loaded = Vec::new();
    let is_model = |point: &&TimedValue| matches!(point.id, ParamId::Model | ParamId::MorphModel);
    let automated = automation.iter().filter(is_model).map(|point| point.value);
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
        format!("a model file or one of {}", embedded_names())
    };
    CliError::NoSuchModel { name: name.into(), expected }
}
