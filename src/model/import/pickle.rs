//! The tensors of a state dictionary, found in a pickle of which nothing is run.

use super::{
    container::{SAVE_AGAIN, listed},
    unpickle::{Id, Node, Pickle},
};
use candle_core::DType;
use std::collections::BTreeMap;

/// Keys under which checkpoints keep the state dictionary of their network, the most usual first.
pub(super) const USUAL_KEYS: [&str; 16] = [
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "model_state",
    "net_state_dict",
    "network_state_dict",
    "modelstate",
    "model_dict",
    "weights",
    "model_weights",
    "params",
    "parameters",
    "module",
    "generator",
];
const MAX_RANK: usize = 8;
/// In no state dictionary is a record's name longer.
const MAX_RECORD_NAME: usize = 100;
/// A state dictionary lies no deeper in a checkpoint.
const MAX_DEPTH: usize = 4;
/// Dictionaries that are looked into.
const MAX_DICTIONARIES: usize = 10_000;
/// Entries of them.
const MAX_ENTRIES: usize = 1 << 20;

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

/// A network's tensors of floats by name. Other entries are passed over.
#[derive(Clone, Debug, Default)]
pub(super) struct StateDict {
    pub tensors: BTreeMap<String, Place>,
    /// What a user should know of the choice among several.
    pub notes: Vec<String>,
}

/// The state dictionary of a pickle: the one under `key`, or else the one that holds a recurrent network.
pub(super) fn state_dict(pickle: &[u8], key: Option<&str>) -> Result<StateDict, Mismatch> {
    let unread = |found: String| (format!("a state dictionary ({SAVE_AGAIN})"), found);
    let pickle = &Pickle::read(pickle).map_err(|found| unread(format!("a damaged or foreign pickle: {found}")))?;
    let top = entries(pickle, pickle.root, "the file").map_err(unread)?;
    let (chosen, place) = match key {
        Some(key) => (nested(pickle, &top, key).ok_or_else(|| no_such_key(key, &top))?, key),
        None => (pickle.root, "the file"),
    };
    let inside = entries(pickle, chosen, place).map_err(unread)?;
    let mut networks = Vec::new();
    let mut budget = Budget { dictionaries: MAX_DICTIONARIES, entries: MAX_ENTRIES };
    find_networks(pickle, Vec::new(), inside.clone(), &mut networks, &mut budget);
    let found = match choose(&networks)? {
        Some((network, notes)) => StateDict { tensors: tensors(pickle, &together(pickle, &inside, network))?, notes },
        // No recurrent network: what is there is for the message.
        None => StateDict { tensors: plain_tensors(pickle, &inside, key.is_none()).map_err(unread)??, notes: vec![] },
    };
    if found.tensors.is_empty() {
        let names = listed(top.iter().map(|(name, _)| *name));
        let expected = "tensors by name, or a state dictionary under a key (--key KEY)";
        return Err((expected.into(), format!("no tensor of floats; keys: {names}")));
    }
    Ok(found)
}

/// A dictionary that holds the tensors of a recurrent network.
struct Candidate<'a> {
    /// Keys that lead to it.
    path: Vec<&'a str>,
    entries: Vec<(&'a str, Id)>,
}

impl Candidate<'_> {
    fn key(&self) -> String {
        self.path.join(".")
    }

    /// A copy of smoothed weights.
    fn is_average(&self) -> bool {
        self.path.iter().any(|key| is_average(key))
    }

    fn rank(&self) -> Option<usize> {
        let key = self.path.last()?.to_lowercase();
        USUAL_KEYS.iter().position(|usual| *usual == key)
    }

    /// The names are those of one module, not of a network of several.
    fn is_bare(&self) -> bool {
        !self.path.is_empty()
            && self.entries.iter().all(|(name, _)| !name.contains('.') || name.contains("parametrizations."))
    }
}

/// Words by which programs call the moving average of a network's weights.
pub(super) fn is_average(name: &str) -> bool {
    let words = |word: &str| ["ema", "swa", "shadow", "avg", "average", "averaged"].contains(&word);
    name.split(|c: char| !c.is_alphanumeric()).any(|word| words(&word.to_lowercase()))
}

/// What an optimizer and its like keep is never a network.
fn is_of_training(key: &str) -> bool {
    let key = key.to_lowercase();
    ["optim", "sched", "callback", "scaler", "loops"].iter().any(|part| key.contains(part))
}

struct Budget {
    dictionaries: usize,
    entries: usize,
}

fn find_networks<'a>(
    pickle: &Pickle<'a>,
    path: Vec<&'a str>,
    here: Vec<(&'a str, Id)>,
    found: &mut Vec<Candidate<'a>>,
    budget: &mut Budget,
) {
    if budget.dictionaries == 0 || budget.entries < here.len() {
        return;
    }
    budget.dictionaries -= 1;
    budget.entries -= here.len();
    if here.iter().any(|&(name, id)| name.contains("weight_hh") && is_tensor(pickle, id)) {
        found.push(Candidate { path, entries: here });
        return;
    }
    if path.len() == MAX_DEPTH {
        return;
    }
    for &(key, id) in here.iter().filter(|(key, _)| !is_of_training(key)) {
        if let Ok(inner) = entries(pickle, id, key) {
            find_networks(pickle, [&path[..], &[key]].concat(), inner, found, budget);
        }
    }
}

/// The network that a checkpoint is about: the one that is no average of another, or the one under a usual key.
fn choose<'a, 'b>(found: &'b [Candidate<'a>]) -> Result<Option<(&'b Candidate<'a>, Vec<String>)>, Mismatch> {
    let (averages, plain): (Vec<&Candidate<'a>>, Vec<&Candidate<'a>>) =
        found.iter().partition(|candidate| candidate.is_average());
    let among = if plain.is_empty() { &averages } else { &plain };
    let chosen = match &among[..] {
        [] => return Ok(None),
        [one] => *one,
        // Module by module: all are read.
        [first, ..] if among.iter().all(|candidate| candidate.is_bare() && same_parent(candidate, first)) => *first,
        _ => {
            let usual = among.iter().filter(|candidate| candidate.rank().is_some());
            let Some(usual) = usual.min_by_key(|candidate| candidate.rank()) else {
                let keys: Vec<String> = among.iter().map(|candidate| candidate.key()).collect();
                let found = format!("several under the keys {}", listed(keys.iter().map(|key| &**key)));
                return Err(("the state dictionary of one network (--key KEY says which)".into(), found));
            };
            *usual
        }
    };
    let mut notes = Vec::new();
    if !chosen.path.is_empty() {
        notes.push(format!("of the checkpoint: {}", chosen.key()));
    }
    let others =
        found.iter().filter(|other| !(std::ptr::eq(*other, chosen) || chosen.is_bare() && same_parent(other, chosen)));
    let others: Vec<String> = others.map(|other| other.key()).collect();
    if !others.is_empty() {
        notes.push(format!("not read: another network under {} (--key)", listed(others.iter().map(|key| &**key))));
    }
    Ok(Some((chosen, notes)))
}

fn same_parent(a: &Candidate<'_>, b: &Candidate<'_>) -> bool {
    a.path.split_last().map(|(_, parent)| parent) == b.path.split_last().map(|(_, parent)| parent)
}

/// The entries of a network, also where each of its modules was saved by itself.
fn together<'a>(pickle: &Pickle<'a>, top: &[(&'a str, Id)], network: &Candidate<'a>) -> Vec<(String, Id)> {
    let own = || network.entries.iter().map(|&(name, id)| (name.to_string(), id)).collect();
    let Some((_, parents)) = network.path.split_last().filter(|_| network.is_bare()) else { return own() };
    let dense = |&(name, id): &(&str, Id)| (name == "weight" || name.ends_with(".weight")) && is_tensor(pickle, id);
    let mut siblings = top.to_vec();
    for key in parents {
        let inner = siblings.iter().find(|(name, _)| name == key).and_then(|&(_, id)| entries(pickle, id, key).ok());
        let Some(inner) = inner else { return own() };
        siblings = inner;
    }
    let mut all = Vec::new();
    let mut modules = 0;
    for &(module, id) in siblings.iter().filter(|(key, _)| !is_of_training(key) && !is_average(key)) {
        let Ok(inner) = entries(pickle, id, module) else { continue };
        modules += usize::from(inner.iter().any(dense));
        let tensors = inner.into_iter().filter(|&(_, id)| is_tensor(pickle, id));
        all.extend(tensors.map(|(name, id)| (format!("{module}.{name}"), id)));
    }
    // A network that is alone has no module beside it.
    if modules == 0 { own() } else { all }
}

/// The tensors that stand in a dictionary, or in one under a usual key of it.
fn plain_tensors(
    pickle: &Pickle<'_>,
    top: &[(&str, Id)],
    look_deeper: bool,
) -> Result<Result<BTreeMap<String, Place>, Mismatch>, String> {
    let owned = |entries: &[(&str, Id)]| -> Vec<(String, Id)> {
        entries.iter().map(|&(name, id)| (name.to_string(), id)).collect()
    };
    let usual = USUAL_KEYS.iter().filter(|_| look_deeper).find_map(|&key| Some((key, nested(pickle, top, key)?)));
    match usual {
        Some((key, id)) if !is_tensor(pickle, id) => Ok(tensors(pickle, &owned(&entries(pickle, id, key)?))),
        _ => Ok(tensors(pickle, &owned(top))),
    }
}

/// What stands under a key, or under keys joined by points.
fn nested(pickle: &Pickle<'_>, top: &[(&str, Id)], key: &str) -> Option<Id> {
    let find = |entries: &[(&str, Id)], key: &str| entries.iter().find(|(name, _)| *name == key).map(|&(_, id)| id);
    find(top, key).or_else(|| {
        let (first, rest) = key.split_once('.')?;
        nested(pickle, &entries(pickle, find(top, first)?, first).ok()?, rest)
    })
}

fn no_such_key(key: &str, entries: &[(&str, Id)]) -> Mismatch {
    let names = listed(entries.iter().map(|(name, _)| *name));
    (format!("the key {key:?} (--key)"), format!("the keys {names}"))
}

/// The named entries of a dictionary, or what is there instead.
fn entries<'a>(pickle: &Pickle<'a>, object: Id, place: &str) -> Result<Vec<(&'a str, Id)>, String> {
    let place: String = place.chars().take(60).collect();
    let pairs = match pickle.node(object) {
        Node::Dictionary(pairs) => pairs,
        Node::Made { entries, .. } if !entries.is_empty() => entries,
        &Node::Made { class, .. } => match class_of(pickle, class) {
            Some(("collections", "OrderedDict" | "defaultdict")) => return Ok(Vec::new()),
            Some((module, _)) if module.starts_with("__torch__") => return Err(format!("TorchScript in {place}")),
            Some((module, class)) => {
                let name: String = format!("{module}.{class}").chars().take(60).collect();
                return Err(format!(
                    "a whole object of the class {name} in {place}, which only its program could build"
                ));
            }
            None => return Err(format!("an object of an unknown class in {place}")),
        },
        _ => return Err(format!("no dictionary in {place}")),
    };
    let named = pairs.iter().filter_map(|&(name, value)| match pickle.node(name) {
        Node::Text(name) => Some((*name, value)),
        _ => None,
    });
    Ok(named.collect())
}

fn class_of<'a>(pickle: &Pickle<'a>, object: Id) -> Option<(&'a str, &'a str)> {
    match *pickle.node(object) {
        Node::Class(module, name) => Some((module, name)),
        _ => None,
    }
}

fn is_tensor(pickle: &Pickle<'_>, object: Id) -> bool {
    rebuild_arguments(pickle, object).is_some()
}

fn tensors(pickle: &Pickle<'_>, entries: &[(String, Id)]) -> Result<BTreeMap<String, Place>, Mismatch> {
    let mut places = BTreeMap::new();
    for (name, object) in entries {
        let Some(arguments) = rebuild_arguments(pickle, *object) else { continue };
        match place(pickle, arguments) {
            Ok(Some(place)) => {
                places.insert(name.clone(), place);
            }
            Ok(None) => {}
            Err(found) => {
                let name: String = name.chars().take(100).collect();
                return Err((format!("a tensor under {name:?}"), found));
            }
        }
    }
    Ok(places)
}

/// The arguments of `torch._utils._rebuild_tensor_v2`, out of the wrappings of parameters and subclasses.
fn rebuild_arguments<'p>(pickle: &'p Pickle<'_>, object: Id) -> Option<&'p [Id]> {
    let mut made = object;
    // A parameter of a subclass is wrapped twice.
    for _ in 0..4 {
        let &Node::Made { class, arguments, .. } = pickle.node(made) else { return None };
        let Node::Tuple(arguments) = pickle.node(arguments) else { return None };
        match class_of(pickle, class)? {
            ("torch._utils", "_rebuild_tensor_v2") => return Some(arguments),
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => made = *arguments.first()?,
            // Function, type, arguments, state.
            ("torch._tensor", "_rebuild_from_type_v2") => {
                let (function, inner) = (class_of(pickle, *arguments.first()?)?, *arguments.get(2)?);
                let Node::Tuple(inner) = pickle.node(inner) else { return None };
                match function {
                    ("torch._utils", "_rebuild_tensor_v2") => return Some(inner),
                    ("torch._utils", "_rebuild_parameter") => made = *inner.first()?,
                    _ => return None,
                }
            }
            _ => return None,
        }
    }
    None
}

/// Storage, offset, size, stride, …; none for numbers that are no floats.
fn place(pickle: &Pickle<'_>, arguments: &[Id]) -> Result<Option<Place>, String> {
    let no_storage = || "one without storage, offset, size and stride".to_string();
    let &[storage, offset, size, stride, ..] = arguments else { return Err(no_storage()) };
    let &Node::Stored(storage) = pickle.node(storage) else { return Err(no_storage()) };
    // "storage", class, record, device, count
    let Node::Tuple(storage) = pickle.node(storage) else { return Err("one whose storage is no tuple".into()) };
    let &[_, class, record, ..] = &storage[..] else { return Err("one whose storage has no class and name".into()) };
    let (Some((_, class_name)), Node::Text(record)) = (class_of(pickle, class), pickle.node(record)) else {
        return Err("one whose storage has no class and name".into());
    };
    let kind = match class_name {
        "FloatStorage" => DType::F32,
        "DoubleStorage" => DType::F64,
        "HalfStorage" => DType::F16,
        "BFloat16Storage" => DType::BF16,
        _ => return Ok(None),
    };
    let (shape, strides) = (numbers(pickle, size)?, numbers(pickle, stride)?);
    if shape.len() != strides.len() || shape.len() > MAX_RANK {
        return Err(format!("{} sizes and {} strides", shape.len(), strides.len()));
    }
    if record.len() > MAX_RECORD_NAME {
        return Err("one whose storage has a long name".into());
    }
    Ok(Some(Place { kind, shape, strides, offset: number(pickle, offset)?, record: (*record).into() }))
}

fn number(pickle: &Pickle<'_>, object: Id) -> Result<usize, String> {
    let number = match pickle.node(object) {
        Node::Whole(number) => usize::try_from(*number).ok(),
        _ => None,
    };
    number.ok_or_else(|| "a size that is no whole number".into())
}

fn numbers(pickle: &Pickle<'_>, object: Id) -> Result<Vec<usize>, String> {
    match pickle.node(object) {
        Node::Tuple(objects) => objects.iter().map(|&object| number(pickle, object)).collect(),
        _ => Err("sizes that are no tuple".into()),
    }
}
