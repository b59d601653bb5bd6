//! Loaded models, shared by all instances of a process: fifty tracks with one model hold it once.

use crate::nn::{Isa, Precision};
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
struct Loaded<M> {
    model: Weak<M>,
    /// What was measured of it.
    slowness: Arc<OnceLock<Option<f64>>>,
}

static HASHERS: LazyLock<[RandomState; 2]> = LazyLock::new(|| [RandomState::new(), RandomState::new()]);

/// The models of one kind.
#[derive(Debug)]
pub struct Shared<M>(LazyLock<Mutex<HashMap<Key, Loaded<M>>>>);

impl<M> Shared<M> {
    /// None is held.
    pub(crate) const fn new() -> Self {
        Self(LazyLock::new(Mutex::default))
    }

    /// The model in a file with these bytes, loaded by `load` if no instance has it.
    ///
    /// # Errors
    /// Those of `load`.
    pub(super) fn model<E>(
        &self,
        bytes: &[u8],
        precision: Option<Precision>,
        isa: Isa,
        load: impl FnOnce() -> Result<M, E>,
    ) -> Result<Arc<M>, E> {
        let hashes = HASHERS.each_ref().map(|hasher| hasher.hash_one(bytes));
        let key = Key { hashes, length: bytes.len(), precision, isa: isa.name() };
        if let Some(model) = self.lock().get(&key).and_then(|loaded| loaded.model.upgrade()) {
            return Ok(model);
        }
        // Not under the lock: others load other models meanwhile.
        let model = Arc::new(load()?);
        let mut loaded = self.lock();
        loaded.retain(|_, loaded| loaded.model.strong_count() > 0);
        // Somebody may have been faster.
        if let Some(model) = loaded.get(&key).and_then(|loaded| loaded.model.upgrade()) {
            return Ok(model);
        }
        loaded.insert(key, Loaded { model: Arc::downgrade(&model), slowness: Arc::default() });
        Ok(model)
    }

    /// Whether a model was made of these bytes.
    pub(super) fn is_of(&self, model: &Arc<M>, bytes: &[u8]) -> bool {
        let hashes = HASHERS.each_ref().map(|hasher| hasher.hash_one(bytes));
        self.lock().iter().any(|(key, loaded)| {
            std::ptr::eq(loaded.model.as_ptr(), Arc::as_ptr(model)) && key.hashes == hashes && key.length == bytes.len()
        })
    }

    /// How slow a model is, measured once; whoever asks meanwhile waits.
    pub(super) fn slowness(&self, model: &Arc<M>, measure: impl FnOnce() -> Option<f64>) -> Option<f64> {
        let is_it = |loaded: &&Loaded<M>| std::ptr::eq(loaded.model.as_ptr(), Arc::as_ptr(model));
        let cell = self.lock().values().find(is_it).map(|loaded| Arc::clone(&loaded.slowness));
        match cell {
            Some(cell) => *cell.get_or_init(measure),
            None => measure(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Loaded<M>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{approach::Network, model::EMBEDDED, worker::ModelRegistry};

    #[test]
    fn instances_hold_a_model_once_as_long_as_one_of_them_lives() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("mine.safetensors");
        std::fs::write(&path, EMBEDDED[0].bytes).expect("space");
        let slots = [EMBEDDED[0].slot, 64, 65];
        let registry = |precision| {
            let registry = ModelRegistry::<Network>::with_precision(precision, Isa::best());
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
