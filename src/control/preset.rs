//! Presets: values of parameters with a name. Those of the factory lie in `bundle/presets` and `bundle/note-presets`, and in every
//! binary; a take's settings are one; people write their own.

use super::{
    ParamId,
    said::{Pairs, Said},
    text::{self, ParamError},
    values::Parameter,
};
use crate::text_file::{json_mistake, read_text};
use serde::{Deserialize, Serialize, Serializer, de::IgnoredAny};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

/// How preset files end.
pub const EXTENSION: &str = "json";
/// No preset is larger.
const MAX_BYTES: u64 = 64 << 10;

/// The parameters of a plugin that has presets.
pub trait HasPresets: Parameter {
    /// Names and files of the factory presets.
    const FACTORY: &'static [(&'static str, &'static str)];
    /// The parameters that name models.
    const MODELS: &'static [Self];
    /// What a file says of whose preset it is; nothing in those of the audio plugin.
    const PLUGIN: Option<&'static str>;
    /// The plugin's name.
    const NAME: &'static str;
    /// The folder of the user's presets, in Sympathy's folder for data.
    const FOLDER: &'static str;
    /// A value as a file may say it.
    const EXAMPLE: &'static str;
    /// Parameters that came later, and what they are where everything was said before there were any: a file or a project then sounds as
    /// it did.
    const LATER: &'static [(Self, f32)];
}

macro_rules! factory {
    ($folder:literal: $($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../bundle/", $folder, "/", $name, ".json"))),)*]
    };
}

impl HasPresets for ParamId {
    const FACTORY: &'static [(&'static str, &'static str)] = factory! {
        "presets":
        "strings-in-sympathy" "what-comes-is-better" "birds-in-the-trees" "call-and-response" "follow-me" "on-the-bar"
        "every-attack" "footswitch" "played-by-keys" "open-strings" "second-player" "shimmer"
        "water-that-does-not-move"
    };
    const MODELS: &'static [Self] = &[Self::Model, Self::MorphModel];
    const PLUGIN: Option<&'static str> = None;
    const NAME: &'static str = "Sympathy";
    const FOLDER: &'static str = "presets";
    const EXAMPLE: &'static str = "\"mix\": 50";
    const LATER: &'static [(Self, f32)] = &[];
}

#[cfg(feature = "notes")]
impl HasPresets for super::notes::NoteParam {
    const FACTORY: &'static [(&'static str, &'static str)] = factory! {
        "note-presets":
        "two-and-two" "the-long-answer" "conversation" "beside-you" "sparse-shadow" "slow-chords" "swung-pentatonic" "high-echo"
        "by-itself"
    };
    const MODELS: &'static [Self] = &[Self::Model];
    const PLUGIN: Option<&'static str> = Some("notes");
    const NAME: &'static str = "Sympathy Notes";
    const FOLDER: &'static str = "note-presets";
    const EXAMPLE: &'static str = "\"density\": 1";
    const LATER: &'static [(Self, f32)] = &[(Self::StayInKey, 0.0)];
}

/// A preset of the audio plugin.
pub type Preset<K = ()> = PresetOf<ParamId, K>;

/// A preset of the plugin for notes.
#[cfg(feature = "notes")]
pub type NotePreset = PresetOf<super::notes::NoteParam>;

/// Values of parameters, and what they are called. `K`: what is written beside the settings of a take; who reads them does
/// without it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PresetOf<Id: HasPresets, K = ()> {
    /// What to show.
    pub name: String,
    /// What it does.
    pub description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    plugin: Option<&'static str>,
    /// The values that it says, each parameter once.
    #[serde(serialize_with = "by_key")]
    parameters: Vec<(Id, f32)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<K>,
}

/// The same, as a file states it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stated {
    name: String,
    description: String,
    plugin: Option<String>,
    parameters: Pairs<Said>,
    #[serde(default, rename = "kept")]
    _kept: Option<IgnoredAny>,
}

fn by_key<Id: HasPresets, S: Serializer>(parameters: &[(Id, f32)], serializer: S) -> Result<S::Ok, S::Error> {
    let sorted: BTreeMap<&str, f32> = parameters.iter().map(|&(id, value)| (id.spec().key, value)).collect();
    sorted.serialize(serializer)
}

/// Why a preset cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PresetError {
    /// There is none, or it is none.
    #[error("preset {origin}: expected {expected}, found {actual}")]
    Form {
        /// Its name or file.
        origin: String,
        /// What it should be.
        expected: String,
        /// What it is.
        actual: String,
    },
    /// It says something of a parameter that cannot be.
    #[error("{origin}: {source}")]
    Parameter {
        /// Its name or file.
        origin: String,
        /// What is wrong.
        source: ParamError,
    },
    /// Its file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
}

impl<Id: HasPresets> PresetOf<Id> {
    /// A factory preset by its name, or a file.
    ///
    /// # Errors
    /// If there is neither, or what the file holds is no preset.
    pub fn find(name: &str) -> Result<Self, PresetError> {
        if Self::factory_names().any(|factory| factory == name) {
            return Self::find_factory(name);
        }
        let path = Path::new(name);
        if !path.exists() {
            let (origin, actual) = (name.into(), "neither".into());
            return Err(PresetError::Form {
                origin,
                expected: format!("a file or one of {}", Self::factory_list()),
                actual,
            });
        }
        Self::read(path)
    }

    /// The factory preset of this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn find_factory(name: &str) -> Result<Self, PresetError> {
        let Some((_, text)) = Id::FACTORY.iter().find(|(factory, _)| *factory == name) else {
            let (expected, actual) = (format!("one of {}", Self::factory_list()), "none of them".into());
            return Err(PresetError::Form { origin: name.into(), expected, actual });
        };
        Self::parse(name, text)
    }

    /// Reads a preset's file.
    ///
    /// # Errors
    /// If it cannot be read, or what it holds is no preset.
    pub fn read(path: &Path) -> Result<Self, PresetError> {
        let origin = path.to_string_lossy();
        let io = |source| PresetError::Io { path: path.into(), source };
        // Looked at before it is opened: opening a pipe would wait.
        let kind = std::fs::metadata(path).map_err(io)?.file_type();
        if !kind.is_file() {
            let actual = if kind.is_dir() { "a folder" } else { "something else" }.into();
            return Err(PresetError::Form { origin: origin.into(), expected: "a file with a preset".into(), actual });
        }
        let Some(text) = read_text(path, MAX_BYTES).map_err(io)? else {
            let expected = format!("at most {MAX_BYTES} bytes");
            return Err(PresetError::Form { origin: origin.into(), expected, actual: "more".into() });
        };
        Self::parse(&origin, &text)
    }

    /// Reads a preset's text; `origin`: where it comes from, for messages.
    ///
    /// # Errors
    /// If this is no preset, or says what a parameter cannot be.
    pub fn parse(origin: &str, text: &str) -> Result<Self, PresetError> {
        let stated: Stated = serde_json::from_str(text).map_err(|error| PresetError::Form {
            origin: origin.into(),
            expected: format!(
                "JSON of the form {{\"name\": ..., \"description\": ..., {}\"parameters\": {{{}, ...}}}}",
                Id::PLUGIN.map(|plugin| format!("\"plugin\": {plugin:?}, ")).unwrap_or_default(),
                Id::EXAMPLE
            ),
            actual: json_mistake(&error),
        })?;
        if stated.plugin.as_deref() != Id::PLUGIN {
            let (expected, actual) = (format!("a preset of {}", Id::NAME), "one of another plugin".into());
            return Err(PresetError::Form { origin: origin.into(), expected, actual });
        }
        let mut parameters: Vec<(Id, f32)> = Vec::new();
        let wrong = |source| PresetError::Parameter { origin: origin.into(), source };
        for (key, said) in &stated.parameters.0 {
            let id: Id = text::parameter(key).map_err(wrong)?;
            if parameters.iter().any(|(known, _)| *known == id) {
                let (expected, actual) = ("one value".into(), "two".into());
                return Err(wrong(ParamError::Value { key: key.clone(), expected, actual, nearest: None }));
            }
            parameters.push((id, said.value(id.spec()).map_err(wrong)?));
        }
        let (name, description) = (stated.name, stated.description);
        Ok(Self { name, description, plugin: Id::PLUGIN, parameters, kept: None })
    }

    /// The factory presets and the names by which they are found.
    pub fn factory() -> impl Iterator<Item = (&'static str, Self)> {
        Id::FACTORY.iter().filter_map(|(name, text)| Some((*name, Self::parse(name, text).ok()?)))
    }

    /// The names of the factory presets.
    pub fn factory_names() -> impl Iterator<Item = &'static str> {
        Id::FACTORY.iter().map(|(name, _)| *name)
    }

    fn factory_list() -> String {
        Self::factory_names().collect::<Vec<_>>().join(", ")
    }
}

impl<Id: HasPresets, K> PresetOf<Id, K> {
    /// All these values but those of `without`; `kept`, if there is any, is written beside them.
    pub fn of(name: String, description: String, values: &Id::Values, without: &[Id], kept: Option<K>) -> Self {
        let said = Id::specs().iter().map(|spec| spec.id).filter(|id| !without.contains(id));
        let parameters = said.map(|id| (id, id.value(values))).collect();
        Self { name, description, plugin: Id::PLUGIN, parameters, kept }
    }

    fn says(&self, id: Id) -> bool {
        self.parameters.iter().any(|(said, _)| *said == id)
    }

    /// Whether it says all that there was to say before a parameter: the editor saves every value.
    fn is_from_before(&self, later: Id) -> bool {
        let mut before = Id::specs().iter().take_while(|spec| spec.id != later);
        !self.says(later)
            && before.all(|spec| spec.kind.is_trigger() || Id::MODELS.contains(&spec.id) || self.says(spec.id))
    }

    /// Values of all parameters: what the preset says, and the default of every other.
    pub fn values(&self) -> Id::Values {
        let mut values = Id::Values::default();
        for &(id, value) in Id::LATER.iter().filter(|(id, _)| self.is_from_before(*id)) {
            id.put(&mut values, value);
        }
        self.parameters.iter().for_each(|&(id, value)| id.put(&mut values, value));
        values
    }

    /// The same where it is loaded into something that plays: the models stay as they are `now` where it names none, as they may
    /// have been chosen by their files.
    pub fn values_over(&self, now: impl Fn(Id) -> f32) -> Id::Values {
        let mut values = self.values();
        for &id in Id::MODELS.iter().filter(|&&id| !self.says(id)) {
            id.put(&mut values, now(id));
        }
        values
    }

    /// The slots of the models that it names.
    pub fn slots(&self) -> impl Iterator<Item = u8> {
        let named = self.parameters.iter().filter(|(id, _)| Id::MODELS.contains(id));
        // Below all slots is no model.
        named.filter_map(|&(_, slot)| u8::try_from(slot as i32).ok())
    }
}

impl<Id: HasPresets, K: Serialize> PresetOf<Id, K> {
    /// The text of its file.
    pub fn to_json(&self) -> String {
        // Numbers and texts only: there is nothing that could not be written.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{ParamValues, values::SPECS},
        *,
    };

    #[cfg(feature = "notes")]
    #[test]
    fn what_was_saved_before_there_was_a_parameter_sounds_as_it_did() {
        use crate::control::notes::{NoteParam, NoteValues};
        // As the editor saves: every value but those of triggers.
        let triggers = NoteParam::specs().iter().filter(|spec| spec.kind.is_trigger()).map(|spec| spec.id);
        let values = NoteValues::default();
        let stays = |without: &[NoteParam]| {
            let without = [triggers.clone().collect::<Vec<_>>(), without.to_vec()].concat();
            let saved: PresetOf<NoteParam> = PresetOf::of("mine".into(), String::new(), &values, &without, None);
            let read: PresetOf<NoteParam> = PresetOf::parse("mine", &saved.to_json()).expect("a preset");
            read.values().get(NoteParam::StayInKey)
        };
        assert_eq!(stays(&[]), 25.0, "it says so");
        assert_eq!(stays(&[NoteParam::StayInKey]), 0.0);
        assert_eq!(stays(&[NoteParam::StayInKey, NoteParam::Model]), 0.0, "a model of the user's is left out");
        assert_eq!(stays(&[NoteParam::StayInKey, NoteParam::Seed]), 25.0, "what says some is written by hand");
    }

    fn check_factory<Id: HasPresets>(folder: &str) {
        let mut seen = vec![Id::Values::default()];
        for name in PresetOf::<Id>::factory_names() {
            let values = PresetOf::<Id>::find(name).expect("a sound preset").values();
            assert!(!seen.contains(&values), "{name} is like another");
            seen.push(values);
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bundle").join(folder);
        let files = std::fs::read_dir(folder).expect("the folder of the presets").count();
        assert_eq!(files, PresetOf::<Id>::factory_names().count());
        assert_eq!(PresetOf::<Id>::factory().count(), files);
    }

    #[test]
    fn factory_presets_are_sound_different_and_all_in_the_binary() {
        check_factory::<ParamId>("presets");
    }

    #[cfg(feature = "notes")]
    #[test]
    fn those_of_notes_are_too_and_neither_plugin_takes_the_others() {
        check_factory::<crate::control::notes::NoteParam>("note-presets");
        let notes = r#"{"name": "n", "description": "d", "plugin": "notes", "parameters": {"polyphony": 3}}"#;
        let preset = NotePreset::parse("mine.json", notes).expect("a preset of notes");
        assert_eq!(NotePreset::parse("again", &preset.to_json()).expect("what was written"), preset);
        let error = Preset::parse("mine.json", notes).expect_err("of notes").to_string();
        assert!(error.contains("mine.json: expected a preset of Sympathy, found one of another plugin"), "{error}");
        let sound = notes.replace(r#""plugin": "notes", "#, "");
        let error = NotePreset::parse("mine.json", &sound).expect_err("of sound").to_string();
        assert!(error.contains("expected a preset of Sympathy Notes"), "{error}");
        let error = NotePreset::parse("mine.json", "[]").expect_err("nothing").to_string();
        assert!(error.contains(r#""plugin": "notes", "parameters": {"density": 1, ...}"#), "{error}");
    }

    fn parse(parameters: &str) -> Result<ParamValues, String> {
        let text = format!(r#"{{"name": "n", "description": "d", "parameters": {parameters}}}"#);
        Preset::parse("mine.json", &text).map(|preset| preset.values()).map_err(|error| error.to_string())
    }

    #[test]
    fn numbers_and_words_are_values() {
        let values = parse(r#"{"mix": 12.5, "Seed Source": "Perlin Noise", "auto_start": "off", "hold": "inf"}"#);
        let values = values.expect("a preset");
        let chosen = [ParamId::Mix, ParamId::SeedSource, ParamId::AutoStart, ParamId::Hold];
        assert_eq!(chosen.map(|id| values.get(id)), [12.5, 3.0, 0.0, 61.0]);
    }

    #[test]
    fn faults_name_the_preset_what_was_expected_and_what_was_found() {
        for (parameters, parts) in [
            (r#"{"mox": 1}"#, ["mine.json", "mox", "did you mean mix?"]),
            (r#"{"mix": 101}"#, ["mine.json", "0 to 100", "101"]),
            (r#"{"voices": 1.5}"#, ["mine.json", "a whole number", "1.5"]),
            (r#"{"mix": "loud"}"#, ["mine.json", "0 to 100", "loud"]),
            (r#"{"stereo": "duel"}"#, ["mine.json", "stereo", "did you mean dual?"]),
            (r#"{"mix": [1]}"#, ["mine.json", "parameters", "a number or a word"]),
            (r#"{"mix": 1, "Mix": 2}"#, ["mine.json", "one value", "two"]),
            (r#"[1]"#, ["mine.json", "JSON", "parameters"]),
        ] {
            let error = parse(parameters).expect_err(parameters);
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        }
        let error = Preset::find("no-such-preset").expect_err("nothing of this name").to_string();
        assert!(error.contains("strings-in-sympathy"), "{error}");
    }

    #[test]
    fn a_preset_that_names_no_model_leaves_the_models_alone() {
        let preset = |parameters: &str| {
            let text = format!(r#"{{"name": "n", "description": "d", "parameters": {parameters}}}"#);
            Preset::parse("mine.json", &text).expect("a preset")
        };
        let now = |id| if id == ParamId::Model { 70.0 } else { 1.0 };
        let models = |preset: &Preset| [ParamId::Model, ParamId::MorphModel].map(|id| preset.values_over(now).get(id));
        let silent = preset(r#"{"mix": 20}"#);
        assert_eq!((models(&silent), silent.slots().count()), ([70.0, 1.0], 0));
        assert_eq!(
            silent.values_over(now).get(ParamId::Voices),
            ParamId::Voices.spec().default,
            "the others are reset"
        );
        let naming = preset(r#"{"model": 4, "morph_model": 90}"#);
        assert_eq!((models(&naming), naming.slots().collect::<Vec<_>>()), ([4.0, 90.0], vec![4, 90]));
        let without = preset(r#"{"morph_model": "off"}"#);
        assert_eq!((models(&without), without.slots().count()), ([70.0, -1.0], 0));
    }

    #[test]
    fn what_is_written_is_read_again_bit_for_bit() {
        let mut values = ParamValues::default();
        for (i, spec) in SPECS.iter().enumerate() {
            values.set(spec.id, spec.min + (spec.max - spec.min) * (0.137 * (i + 1) as f32).fract());
        }
        values.set(ParamId::Keep, 0.0);
        let preset = Preset::of("n".into(), "d".into(), &values, &[ParamId::Keep], Some("anything"));
        let text = preset.to_json();
        assert!(!text.contains("\"keep\""), "{text}");
        assert_eq!(Preset::parse("n", &text).expect("what was written").values(), values);
    }
}
