//! The models inside the binary. A slot number, once given, is never given to another model.

/// One embedded model file.
#[derive(Clone, Copy, Debug)]
pub struct EmbeddedModel {
    /// Value of the parameter *Model*, 0–63.
    pub slot: u8,
    /// Name on the command line and in a project's state; never changes.
    pub name: &'static str,
    /// Name shown before the file has been read.
    pub title: &'static str,
    /// The file.
    pub bytes: &'static [u8],
}

/// All embedded models, by slot. A static: of a constant, every part of the program that names it would hold its own copy of the
/// files.
pub static EMBEDDED: &[EmbeddedModel] = &[
    EmbeddedModel {
        slot: 0,
        name: "electric-guitar-magnitude",
        title: "Electric guitar (magnitude)",
        bytes: include_bytes!("../../models/electric-guitar-magnitude.safetensors"),
    },
    EmbeddedModel {
        slot: 1,
        name: "electric-guitar-vector",
        title: "Electric guitar (vector)",
        bytes: include_bytes!("../../models/electric-guitar-vector.safetensors"),
    },
    EmbeddedModel {
        slot: 2,
        name: "piano-magnitude",
        title: "Piano (magnitude)",
        bytes: include_bytes!("../../models/piano-magnitude.safetensors"),
    },
    EmbeddedModel {
        slot: 3,
        name: "guitar",
        title: "Guitar",
        bytes: include_bytes!("../../models/guitar.safetensors"),
    },
    EmbeddedModel {
        slot: 4,
        name: "any",
        title: "Any instrument",
        bytes: include_bytes!("../../models/any.safetensors"),
    },
    EmbeddedModel {
        slot: 5,
        name: "dissonant-chords",
        title: "Dissonant chords",
        bytes: include_bytes!("../../models/dissonant-chords.safetensors"),
    },
];

/// All embedded models of notes, by slots of their own.
pub static EMBEDDED_NOTES: &[EmbeddedModel] = &[EmbeddedModel {
    slot: 0,
    name: "piano-scores",
    title: "Piano scores",
    bytes: include_bytes!("../../models/piano-scores.safetensors"),
}];

impl EmbeddedModel {
    /// Looks a model up by the name it has on the command line.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        EMBEDDED.iter().find(|model| model.name == name)
    }

    /// The same of a model of notes.
    pub fn of_notes(name: &str) -> Option<&'static Self> {
        EMBEDDED_NOTES.iter().find(|model| model.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ModelData, RollModel};
    use std::path::Path;

    #[test]
    fn embedded_models_are_sound_small_and_keep_their_slots() {
        let slots: Vec<(u8, &str)> = EMBEDDED.iter().map(|model| (model.slot, model.name)).collect();
        let frozen = [
            (0, "electric-guitar-magnitude"),
            (1, "electric-guitar-vector"),
            (2, "piano-magnitude"),
            (3, "guitar"),
            (4, "any"),
            (5, "dissonant-chords"),
        ];
        assert_eq!(slots, frozen, "a changed slot changes what projects sound like");
        assert!(EMBEDDED.iter().map(|model| model.bytes.len()).sum::<usize>() <= 16 << 20, "at most 16 MiB together");
        let notes: Vec<(u8, &str)> = EMBEDDED_NOTES.iter().map(|model| (model.slot, model.name)).collect();
        assert_eq!(notes, [(0, "piano-scores")], "the same of notes");
        assert!(
            EMBEDDED_NOTES.iter().map(|model| model.bytes.len()).sum::<usize>() <= 8 << 20,
            "at most 8 MiB together"
        );
        for model in EMBEDDED_NOTES {
            assert!(EmbeddedModel::by_name(model.name).is_none(), "one name, one model");
            let data = RollModel::from_bytes(model.bytes, Path::new(model.name)).expect("an embedded model is sound");
            assert_eq!(data.config().name, model.title);
            assert!(!data.config().training.licence.is_empty() && !data.config().training.material.is_empty());
        }
        for model in EMBEDDED {
            let data = ModelData::from_bytes(model.bytes, Path::new(model.name)).expect("an embedded model is sound");
            assert_eq!(data.config().name, model.title);
            assert!(!data.config().training.licence.is_empty() && !data.config().training.material.is_empty());
        }
    }
}
