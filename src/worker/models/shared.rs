//! Loaded models, shared by all instances of a process: fifty tracks with one model hold it once.

use crate::{
    approach::Network,
    model::ModelData,
    nn::{Isa, Precision},
};
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
};

/// What makes two loaded models the same: the file's bytes, as two hashes under keys that nobody knows and their number, and how it is
/// loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    hashes: [u64; 2],
    length: usize,
    precision: Option<Precision>,
    isa: &'static str,
}

/// A model that somebody may still hold.
#[derive(Debug)]
struct Loaded {
    network: Weak<Network>,
    /// What was measured of it.
    slowness: Arc<OnceLock<Option<f64>>>,
}

static LOADED: LazyLock<Mutex<HashMap<Key, Loaded>>> = LazyLock::new(Mutex::default);
static HASHERS: LazyLock<[RandomState; 2]> = LazyLock::new(|| [RandomState::new(), RandomState::new()]);

/// The model in a file with these bytes, loaded by `load` if no instance has it.
///
/// # Errors
/// Those of `load`.
pub(super) fn network<E>(
    bytes: &[u8],
    precision: Option<Precision>,
    isa: Isa,
    load: impl FnOnce() -> Result<ModelData, E>,
) -> Result<Arc<Network>, E> {
    let hashes = HASHERS.each_ref().map(|hasher| hasher.hash_one(bytes));
    let key = Key { hashes, length: bytes.len(), precision, isa: isa.name() };
    if let Some(network) = lock().get(&key).and_then(|loaded| loaded.network.upgrade()) {
        return Ok(network);
    }
    // Not under the lock: others load other models meanwhile.
    let network = Arc::new(Network::load(&load()?, precision, isa));
    let mut loaded = lock();
    loaded.retain(|_, loaded| loaded.network.strong_count() > 0);
    // Somebody may have been faster.
    if let Some(network) = loaded.get(&key).and_then(|loaded| loaded.network.upgrade()) {
        return Ok(network);
    }
    loaded.insert(key, Loaded { network: Arc::downgrade(&network), slowness: Arc::default() });
    Ok(network)
}

/// Whether a network was made of these bytes.
pub(super) fn is_of(network: &Arc<Network>, bytes: &[u8]) -> bool {
    let hashes = HASHERS.each_ref().map(|hasher| hasher.hash_one(bytes));
    lock().iter().any(|(key, loaded)| {
        std::ptr::eq(loaded.network.as_ptr(), Arc::as_ptr(network)) && key.hashes == hashes && key.length == bytes.len()
    })
}

/// How slow a model is, measured once; whoever asks meanwhile waits.
pub(super) fn slowness(network: &Arc<Network>, measure: impl FnOnce() -> Option<f64>) -> Option<f64> {
    let is_it = |loaded: &&Loaded| std::ptr::eq(loaded.network.as_ptr(), Arc::as_ptr(network));
    let cell = lock().values().find(is_it).map(|loaded| Arc::clone(&loaded.slowness));
    match cell {
        Some(cell) => *cell.get_or_init(measure),
        None => measure(),
    }
}

fn lock() -> MutexGuard<'static, HashMap<Key, Loaded>> {
    LOADED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::EMBEDDED, worker::ModelRegistry};

    #[test]
    fn instances_hold_a_model_once_as_long_as_one_of_them_lives() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("mine.safetensors");
        std::fs::write(&path, EMBEDDED[0].bytes).expect("space");
        let slots = [EMBEDDED[0].slot, 64, 65];
        let registry = |precision| {
            let registry = ModelRegistry::with_precision(precision, Isa::best());
            registry.set_file(64, path.clone());
            registry.set_bytes(65, "mine".into(), EMBEDDED[0].bytes.to_vec());
            slots.map(|slot| registry.load(slot).expect("a good model"))
        };
        let (one, two) = (registry(None), registry(None));
        let all: Vec<&Arc<Network>> = one.iter().chain(&two).collect();
        assert!(all.windows(2).all(|pair| Arc::ptr_eq(pair[0], pair[1])), "embedded, a file, a project's copy");
        let other = registry(Some(Precision::F16));
        assert!(!Arc::ptr_eq(&one[0], &other[0]), "another precision is another model");
        let gone = Arc::downgrade(&other[0]);
        drop(other);
        assert_eq!(gone.strong_count(), 0, "nobody holds it any more");
    }
}
