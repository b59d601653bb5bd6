//! The models of the program, as lessons need them, and what the terminal says of lessons.

use crate::{
    cli::models_at_hand::{FILE_SLOT, read_model},
    learn::job::{Lessons, Models, State},
    model::{EMBEDDED, ModelData, folder::USER_SLOTS},
    worker::{ModelRegistry, Origin},
};
use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The registry's models.
#[derive(Debug)]
pub struct ProgramModels {
    registry: Arc<ModelRegistry>,
    /// What was asked for on the command line.
    named: Option<String>,
    /// The lesson that is heard, and where.
    heard: Mutex<Option<(String, u8)>>,
}

impl ProgramModels {
    /// Of a program that was asked to begin with a model.
    pub fn new(registry: Arc<ModelRegistry>, named: Option<String>) -> Self {
        Self { registry, named, heard: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Option<(String, u8)>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The slot in which a lesson is heard, or a free one.
    fn slot(&self, heard: &Option<(String, u8)>, name: &str) -> Result<u8, String> {
        let taken = self.registry.slots();
        let free = || USER_SLOTS.into_iter().find(|slot| !taken.contains(slot));
        let own = heard.as_ref().filter(|(own, _)| own == name).map(|(_, slot)| *slot);
        own.or_else(free).ok_or_else(|| "All slots for models of your own are taken.".into())
    }
}

impl Models for ProgramModels {
    fn file(&self, slot: u8) -> Result<(String, Vec<u8>), String> {
        let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(model) = EMBEDDED.iter().find(|model| model.slot == slot) {
            return Ok((model.name.into(), model.bytes.into()));
        }
        let entry = self.registry.entries().into_iter().find(|entry| entry.slot == slot);
        match (entry.map(|entry| entry.origin), &self.named) {
            (Some(Origin::File(path)), _) => {
                Ok((stem(&path), ModelData::read_bytes(&path).map_err(|error| error.to_string())?))
            }
            (Some(Origin::Project), Some(name)) if slot == FILE_SLOT => {
                let model = read_model(name).map_err(|error| error.to_string())?;
                Ok((stem(Path::new(name)), model.to_bytes()))
            }
            _ => Err(format!("slot {slot} holds no model that could learn")),
        }
    }

    fn put(&self, name: &str, bytes: Vec<u8>) -> Result<u8, String> {
        let mut heard = self.lock();
        let slot = self.slot(&heard, name)?;
        *heard = Some((name.into(), slot));
        self.registry.set_bytes(slot, name.into(), bytes);
        self.registry.load_at_once(slot);
        Ok(slot)
    }

    fn place(&self, name: &str, path: &Path) -> Result<u8, String> {
        let heard = self.lock();
        let slot = self.slot(&heard, name)?;
        self.registry.set_file(slot, path.into());
        self.registry.load_at_once(slot);
        Ok(slot)
    }
}

/// Says how lessons stand, once for each change that matters.
#[derive(Debug)]
pub struct Told {
    lessons: Arc<Lessons>,
    generation: u64,
}

impl Told {
    /// Nothing yet.
    pub fn new(lessons: Arc<Lessons>) -> Self {
        Self { generation: lessons.generation(), lessons }
    }

    /// The lessons.
    pub fn lessons(&self) -> &Lessons {
        &self.lessons
    }

    /// What there is to say now, if there is something new.
    pub fn news(&mut self) -> Option<String> {
        let generation = self.lessons.generation();
        if std::mem::replace(&mut self.generation, generation) == generation {
            return None;
        }
        let hint = match self.lessons.status().state {
            State::Stored { slot } => format!(" (model {slot} plays it; it is heard at listen 40 and below)"),
            State::Learning { slot: Some(slot), .. } => format!(" (model {slot} plays what it has learnt so far)"),
            _ => String::new(),
        };
        Some(format!("lesson: {}{hint}", self.lessons.text()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Isa;

    #[test]
    fn what_learns_is_heard_and_stored_in_one_slot() {
        let folder = tempfile::tempdir().expect("temp");
        let path = folder.path().join("small.safetensors");
        std::fs::copy("tests/fixtures/listening/small.safetensors", &path).expect("the fixture");
        let bytes = std::fs::read(&path).expect("the fixture");
        let registry = ModelRegistry::with_embedded(Isa::best());
        registry.set_file(64, path.clone());
        registry.set_bytes(FILE_SLOT, "Small".into(), bytes.clone());
        let models = ProgramModels::new(Arc::clone(&registry), Some(path.display().to_string()));
        assert_eq!(models.file(64), Ok(("small".into(), bytes.clone())));
        let (name, named) = models.file(FILE_SLOT).expect("the one of the command line");
        let [file, named] = [&bytes, &named].map(|bytes| ModelData::from_bytes(bytes, &path).expect("a model"));
        assert_eq!((&name[..], file.tensor("out.weight")), ("small", named.tensor("out.weight")));
        assert_eq!(models.file(4).map(|(name, _)| name), Ok("any".into()));
        assert!(models.file(90).is_err_and(|why| why.contains("slot 90")));
        for _ in 0..2 {
            assert_eq!(models.put("small, learnt", bytes.clone()), Ok(65));
            assert!(registry.get(65).is_some(), "it is heard at once");
        }
        assert_eq!(models.place("small, learnt", &path), Ok(65));
        assert_eq!(models.place("another", &path), Ok(66));
    }
}
