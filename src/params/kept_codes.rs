//! The codes that were stored, as a project of notes keeps them.

use super::project::Version;
use crate::notes::live::{Code, CodePath, StoredCodes};
use nice_plug::params::persist::PersistentField;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};

/// Codes in a project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CodesOfProject {
    /// Layout of this object.
    pub version: Version,
    /// In their order.
    pub codes: Vec<Code>,
}

/// The persisted field, as it is read and written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum KnownCodes {
    /// Of this version.
    Known(CodesOfProject),
    /// Of a later version, or damaged: kept as it is and given back unchanged, until a code is stored.
    Unknown(serde_json::Value),
}

impl KnownCodes {
    fn of(path: &CodePath) -> Self {
        Self::Known(CodesOfProject { version: Version, codes: path.codes().to_vec() })
    }

    fn path(&self) -> CodePath {
        match self {
            Self::Known(stored) => CodePath::of(stored.codes.iter().copied()),
            Self::Unknown(_) => CodePath::default(),
        }
    }
}

/// The persisted field over the codes that are stored. Not for the audio thread.
#[derive(Debug)]
pub struct KeptCodes {
    stored: Arc<StoredCodes>,
    /// What lay there at this generation.
    known: Mutex<(u64, KnownCodes)>,
}

impl Default for KeptCodes {
    fn default() -> Self {
        let stored: Arc<StoredCodes> = Arc::default();
        Self { known: Mutex::new((stored.generation(), KnownCodes::of(&stored.get()))), stored }
    }
}

impl KeptCodes {
    /// The field of a project without codes.
    pub(super) const EMPTY: &'static str = r#"{"version":1,"codes":[]}"#;

    /// The codes.
    pub fn stored(&self) -> &Arc<StoredCodes> {
        &self.stored
    }
}

impl PersistentField<'_, KnownCodes> for KeptCodes {
    fn set(&self, codes: KnownCodes) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let path = codes.path();
        // As they play: a number beyond all bounds would be written as none.
        let kept = if let KnownCodes::Known(_) = codes { KnownCodes::of(&path) } else { codes };
        *known = (self.stored.set(path), kept);
    }

    fn map<F: Fn(&KnownCodes) -> R, R>(&self, f: F) -> R {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = self.stored.generation();
        if known.0 != generation {
            *known = (generation, KnownCodes::of(&self.stored.get()));
        }
        f(&known.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(codes: &KeptCodes) -> String {
        codes.map(|known| serde_json::to_string(known).expect("plain data"))
    }

    #[test]
    fn stored_codes_are_there_again_when_the_project_is_opened() {
        let codes = KeptCodes::default();
        assert_eq!(saved(&codes), KeptCodes::EMPTY);
        codes.stored().push(std::array::from_fn(|i| 0.1 * i as f32 - 0.7));
        codes.stored().push([1.0 / 3.0; 16]);
        let again = KeptCodes::default();
        again.set(serde_json::from_str(&saved(&codes)).expect("what was written"));
        assert_eq!(again.stored().get(), codes.stored().get());
        assert_eq!(saved(&again), saved(&codes));
    }

    #[test]
    fn what_cannot_be_read_is_given_back_unchanged_until_a_code_is_stored() {
        let nine = ["[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,9]"; 9].join(",");
        let many = KeptCodes::default();
        many.set(serde_json::from_str(&format!(r#"{{"version":1,"codes":[{nine}]}}"#)).expect("codes"));
        let path = many.stored().get();
        assert_eq!((path.codes().len(), path.codes()[7][15]), (8, 1.0));
        many.set(
            serde_json::from_str(&format!(r#"{{"version":1,"codes":[{}]}}"#, nine[..33].replace('9', "1e39")))
                .expect("codes"),
        );
        assert!(saved(&many).contains("1.0]"), "{}", saved(&many));
        for bad in
            [r#"{"codes":[[0.5]],"version":1}"#, r#"{"codes":[],"version":2}"#, "null", r#"{"codes":7,"version":1}"#]
        {
            let codes = KeptCodes::default();
            codes.stored().push([0.5; 16]);
            codes.set(serde_json::from_str(bad).expect("JSON"));
            assert!(codes.stored().get().codes().is_empty(), "{bad}");
            assert_eq!(saved(&codes), bad);
            codes.stored().push([0.5; 16]);
            assert!(saved(&codes).starts_with(r#"{"version":1,"codes":[[0.5,"#), "{bad}");
        }
    }
}
