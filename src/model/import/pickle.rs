//! From candle's pickle objects to the places of tensors.

use super::{
    container::{SAVE_AGAIN, brief, listed},
    pickle_guard,
};
use candle_core::{
    DType,
    pickle::{Object, Stack},
};
use std::collections::BTreeMap;

/// Keys under which checkpoints keep their state dictionary.
const USUAL_KEYS: [&str; 3] = ["state_dict", "model_state_dict", "model"];
const MAX_RANK: usize = 8;
/// In no state dictionary is a record's name longer.
const MAX_RECORD_NAME: usize = 100;

/// A tensor of floats: where its numbers lie.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    pub kind: DType,
    pub shape: Vec<usize>,
    /// Steps between neighbours along each axis, in numbers.
    pub strides: Vec<usize>,
    /// Of the first number, in numbers.
    pub offset: usize,
    /// Name of the archive's record.
    pub record: String,
}

/// What was expected, what was found.
pub(super) type Mismatch = (String, String);

/// The state dictionary of a pickle: tensors of floats by name. Other entries are passed over.
pub(super) fn state_dict(pickle: &[u8], key: Option<&str>) -> Result<BTreeMap<String, Place>, Mismatch> {
    let unread = |found: String| (format!("the pickle of a state dictionary ({SAVE_AGAIN})"), found);
    pickle_guard::check(pickle).map_err(unread)?;
    let mut stack = Stack::empty();
    let mut rest = pickle;
    stack.read_loop(&mut rest).map_err(|error| unread(brief(&error)))?;
    let object = stack.finalize().map_err(|error| unread(brief(&error)))?;
    let entries = entries(&object, "the file").map_err(unread)?;
    let nested = |key: &str| entries.iter().find(|(name, _)| *name == key).map(|(_, object)| *object);
    let chosen = match key {
        Some(key) => Some((key, nested(key).ok_or_else(|| no_such_key(key, &entries))?)),
        None if entries.iter().any(|(_, object)| is_tensor(object)) => None,
        None => USUAL_KEYS.iter().find_map(|&key| Some((key, nested(key)?))),
    };
    let places = match chosen {
        Some((key, object)) => tensors(&self::entries(object, key).map_err(unread)?)?,
        None => tensors(&entries)?,
    };
    if places.is_empty() {
        let names = listed(entries.iter().map(|(name, _)| *name));
        let expected = "tensors by name, or a state dictionary under a key (--key KEY)";
        return Err((expected.into(), format!("no tensor of floats; keys: {names}")));
    }
    Ok(places)
}

fn no_such_key(key: &str, entries: &[(&str, &Object)]) -> Mismatch {
    let names = listed(entries.iter().map(|(name, _)| *name));
    (format!("the key {key:?} (--key)"), format!("the keys {names}"))
}

/// The named entries of a dictionary, or what is there instead.
fn entries<'a>(object: &'a Object, place: &str) -> Result<Vec<(&'a str, &'a Object)>, String> {
    match object {
        Object::Dict(pairs) => {
            let named = pairs.iter().filter_map(|(name, value)| match name {
                Object::Unicode(name) => Some((name.as_str(), value)),
                _ => None,
            });
            Ok(named.collect())
        }
        Object::Build { callable, .. } | Object::Reduce { callable, .. } => Err(match class_of(callable) {
            Some(("__torch__", _)) => format!("TorchScript in {place}"),
            Some((module, class)) => {
                let name: String = format!("{module}.{class}").chars().take(60).collect();
                format!("a whole object of the class {name} in {place}, which only its program could build")
            }
            None => format!("an object of an unknown class in {place}"),
        }),
        _ => Err(format!("no dictionary in {place}")),
    }
}

fn class_of(object: &Object) -> Option<(&str, &str)> {
    match object {
        Object::Class { module_name, class_name } => Some((module_name, class_name)),
        Object::Build { callable, .. } | Object::Reduce { callable, .. } => class_of(callable),
        _ => None,
    }
}

fn is_tensor(object: &Object) -> bool {
    rebuild_arguments(object).is_some()
}

fn tensors(entries: &[(&str, &Object)]) -> Result<BTreeMap<String, Place>, Mismatch> {
    let mut places = BTreeMap::new();
    for (name, object) in entries {
        let Some(arguments) = rebuild_arguments(object) else { continue };
        match place(arguments) {
            Ok(Some(place)) => {
                places.insert((*name).to_string(), place);
            }
            Ok(None) => {}
            Err(found) => return Err((format!("a tensor under {name:?}"), found)),
        }
    }
    Ok(places)
}

/// The arguments of `torch._utils._rebuild_tensor_v2`, out of the wrappings of parameters and subclasses.
fn rebuild_arguments(object: &Object) -> Option<&[Object]> {
    let Object::Reduce { callable, args } = object else { return None };
    let Object::Tuple(arguments) = &**args else { return None };
    match class_of(callable)? {
        ("torch._utils", "_rebuild_tensor_v2") => Some(arguments),
        ("torch._utils", "_rebuild_parameter") => rebuild_arguments(arguments.first()?),
        // Function, type, arguments, state.
        ("torch._tensor", "_rebuild_from_type_v2") => match (class_of(arguments.first()?)?, arguments.get(2)?) {
            (("torch._utils", "_rebuild_tensor_v2"), Object::Tuple(inner)) => Some(inner),
            (("torch._utils", "_rebuild_parameter"), Object::Tuple(inner)) => rebuild_arguments(inner.first()?),
            _ => None,
        },
        _ => None,
    }
}

/// Storage, offset, size, stride, …; none for numbers that are no floats.
fn place(arguments: &[Object]) -> Result<Option<Place>, String> {
    let [Object::PersistentLoad(storage), offset, size, stride, ..] = arguments else {
        return Err("one without storage, offset, size and stride".into());
    };
    // "storage", class, record, device, count
    let Object::Tuple(storage) = &**storage else { return Err("one whose storage is no tuple".into()) };
    let [_, Object::Class { class_name, .. }, Object::Unicode(record), ..] = &storage[..] else {
        return Err("one whose storage has no class and name".into());
    };
    let kind = match class_name.as_str() {
        "FloatStorage" => DType::F32,
        "DoubleStorage" => DType::F64,
        "HalfStorage" => DType::F16,
        "BFloat16Storage" => DType::BF16,
        _ => return Ok(None),
    };
    let (shape, strides) = (numbers(size)?, numbers(stride)?);
    if shape.len() != strides.len() || shape.len() > MAX_RANK {
        return Err(format!("{} sizes and {} strides", shape.len(), strides.len()));
    }
    if record.len() > MAX_RECORD_NAME {
        return Err("one whose storage has a long name".into());
    }
    Ok(Some(Place { kind, shape, strides, offset: number(offset)?, record: record.clone() }))
}

fn number(object: &Object) -> Result<usize, String> {
    let number = match object {
        Object::Int(number) => usize::try_from(*number).ok(),
        Object::Long(number) => usize::try_from(*number).ok(),
        _ => None,
    };
    number.ok_or_else(|| "a size that is no whole number".into())
}

fn numbers(object: &Object) -> Result<Vec<usize>, String> {
    match object {
        Object::Tuple(objects) => objects.iter().map(number).collect(),
        _ => Err("sizes that are no tuple".into()),
    }
}
