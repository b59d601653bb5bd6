//! Which of the user's models are assigned to which slots, and where their files lie on this machine.

use super::project::{Base64File, EMBED_LIMIT_BYTES, StoredEmbedded, StoredModel, sha256_hex};
use std::path::{Path, PathBuf};

/// One assigned slot.
#[derive(Clone, Debug)]
pub(super) struct Assigned {
    /// As the project stores it.
    pub stored: StoredModel,
    /// Where the file lies on this machine.
    pub found: Option<PathBuf>,
    /// The registry has been given it.
    pub ready: bool,
    /// Encoding was tried.
    pub encoded: bool,
}

/// Models of an instance.
#[derive(Debug)]
pub(super) enum Held {
    /// Of this version.
    Known {
        /// The embedded model that the project names.
        embedded: Option<StoredEmbedded>,
        /// `None` until the models folder has been read.
        user: Option<Vec<Assigned>>,
    },
    /// Of a later version, or damaged; kept as it is.
    Unknown(serde_json::Value),
}

impl Held {
    /// True if these very models are assigned and have been found. Hosts restore states at every step of their undo: what
    /// plays is not looked up and loaded again for that.
    pub fn has_found(&self, models: &[StoredModel]) -> bool {
        let Self::Known { user: Some(user), .. } = self else {
            return false;
        };
        user.len() == models.len()
            && user.iter().zip(models).all(|(assigned, model)| {
                let known = &assigned.stored;
                let same_hash = known.sha256.is_none() || model.sha256.is_none() || known.sha256 == model.sha256;
                let same_place = known.path == model.path && known.relative == model.relative;
                let same_copy = known.file.is_none() || model.file.is_none() || known.file == model.file;
                assigned.ready && known.slot == model.slot && same_hash && same_place && same_copy
            })
    }

    /// The model of a slot.
    pub fn entry_mut(&mut self, slot: u8) -> Option<&mut Assigned> {
        match self {
            Self::Known { user: Some(user), .. } => user.iter_mut().find(|model| model.stored.slot == slot),
            _ => None,
        }
    }
}

impl Assigned {
    /// Whether this is what a lesson of this name has learnt so far: a copy, and no file.
    pub fn is_learning(&self, name: &str) -> bool {
        let StoredModel { name: own, sha256, path, .. } = &self.stored;
        own == name && sha256.is_none() && path.is_none()
    }

    /// As it is stored now; where `files` are wanted and it was `used`, with the file, if that is small. The file is read and
    /// encoded once.
    pub fn store(&mut self, files: bool, used: bool) -> StoredModel {
        if files && used && !self.encoded {
            self.encoded = true;
            self.stored.file = self.found.as_deref().and_then(|path| encode(path, self.stored.sha256.as_deref()));
        }
        let mut stored = self.stored.clone();
        // Without the switch the copy goes, unless it is the only one.
        if !files && self.found.is_some() {
            stored.file = None;
        }
        stored
    }
}

/// A small file in base64; `None` if it is large, gone, or not the one that was hashed.
fn encode(path: &Path, sha256: Option<&str>) -> Option<Base64File> {
    let metadata = std::fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > EMBED_LIMIT_BYTES {
        return None;
    }
    let bytes = std::fs::read(path).ok()?;
    sha256.is_none_or(|sha256| sha256 == sha256_hex(&bytes)).then(|| Base64File::encode(&bytes))
}
