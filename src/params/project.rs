//! What a project stores of models (DESIGN 5).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// The layout this version writes, and the only one it interprets.
pub const STATE_VERSION: u32 = 1;
/// Files up to this size are copied into the project.
pub const EMBED_LIMIT_BYTES: u64 = 4 << 20;

/// The persisted field, as it is read and written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum StoredProject {
    /// Of this version.
    Known(Project),
    /// Of a later version, or damaged: kept as it is and given back unchanged.
    Unknown(serde_json::Value),
}

/// [`STATE_VERSION`]; reading any other number fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version;

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(STATE_VERSION)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            STATE_VERSION => Ok(Self),
            other => Err(serde::de::Error::custom(format!("version: expected {STATE_VERSION}, found {other}"))),
        }
    }
}

/// Models of a project.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// Layout of this object.
    pub version: Version,
    /// The embedded model that was selected, so that a version that has another one there notices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedded: Option<StoredEmbedded>,
    /// The user's models by slot; `None` if they had not been looked up when the project was saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Vec<StoredModel>>,
}

/// An embedded model, by name only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredEmbedded {
    /// 0–63.
    pub slot: u8,
    /// Its name on the command line.
    pub name: String,
}

/// One of the user's models.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StoredModel {
    /// 64–127.
    pub slot: u8,
    /// Shown when the model cannot be had.
    pub name: String,
    /// SHA-256 of the file in hexadecimal, where it was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Absolute path of the file on the machine that saved the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Its path inside the models folder, with `/` between the parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative: Option<String>,
    /// The file itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Base64File>,
}

/// A file in base64: encoded once, then shared by every saving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base64File(Arc<str>);

impl Base64File {
    /// Encodes a file.
    pub fn encode(bytes: &[u8]) -> Self {
        Self(STANDARD.encode(bytes).into())
    }

    /// Length of the text.
    pub fn encoded_bytes(&self) -> usize {
        self.0.len()
    }

    /// The file's bytes; `None` if this is no base64.
    pub fn decode(&self) -> Option<Vec<u8>> {
        STANDARD.decode(self.0.as_bytes()).ok()
    }
}

impl Serialize for Base64File {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Base64File {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(text.into()))
    }
}

/// SHA-256 in hexadecimal.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(super) fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dsp::random::Random,
        model::{EMBEDDED, ModelData},
    };
    use std::path::Path;

    /// As `sympathy train` writes them: listening models with large matrices in 8 bits, others in half precision.
    #[test]
    fn models_of_the_trainer_fit_into_a_project() {
        for embedded in EMBEDDED {
            let data = ModelData::from_bytes(embedded.bytes, Path::new(embedded.name)).expect("a sound model");
            let mut random = Random::new(1);
            // Drawn, so that nothing of them has fewer bits by itself.
            let mut drawn =
                |shape: &[usize]| (0..shape.iter().product()).map(|_| random.normal()).collect::<Vec<f32>>();
            let tensors = data.config().tensors().into_iter().map(|tensor| (tensor.name, drawn(&tensor.shape)));
            let data = ModelData::new(data.config().clone(), tensors.collect(), Path::new("drawn")).expect("the same");
            let listens = data.config().approach.listening().is_some();
            let bytes = if listens { data.to_int8_bytes() } else { data.to_half_bytes() };
            assert!(bytes.len() as u64 <= EMBED_LIMIT_BYTES, "{}: {} bytes", embedded.name, bytes.len());
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let model = StoredModel {
            slot: 64,
            name: "bells".into(),
            sha256: Some(sha256_hex(b"abc")),
            path: Some("/music/bells.safetensors".into()),
            relative: Some("bells.safetensors".into()),
            file: Some(Base64File::encode(b"abc")),
        };
        assert_eq!(model.sha256.as_deref(), Some("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
        let project = StoredProject::Known(Project { user: Some(vec![model]), ..Project::default() });
        let json = serde_json::to_string(&project).expect("plain data");
        assert_eq!(serde_json::from_str::<StoredProject>(&json).expect("what was written"), project);
    }

    #[test]
    fn other_versions_and_wrong_types_are_kept_as_they_are() {
        for json in [
            r#"{"version":2,"user":[]}"#,
            r#"{"version":-1}"#,
            r#"{"version":1,"user":[{"slot":300,"name":""}]}"#,
            r#"{"version":1,"user":"all"}"#,
            r#"{"version":1,"user":[{"slot":64,"name":"x","file":17}]}"#,
            "[]",
            "null",
        ] {
            let read: StoredProject = serde_json::from_str(json).expect(json);
            assert!(matches!(read, StoredProject::Unknown(_)), "{json}");
            let same: serde_json::Value = serde_json::from_str(json).expect(json);
            assert_eq!(serde_json::to_value(&read).expect(json), same);
        }
    }

    #[test]
    fn bad_base64_is_no_file() {
        for text in ["?", "QUJ", "QUJD*"] {
            assert_eq!(Base64File(text.into()).decode(), None);
        }
        assert_eq!(Base64File::encode(b"ABC").decode().as_deref(), Some(&b"ABC"[..]));
    }
}
