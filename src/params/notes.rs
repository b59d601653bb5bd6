//! The parameters of the plugin for notes, as the host sees them.

use super::{
    groups::{Group, OnlyMoved, ParamEditor, Row, groups},
    host_state::{number, sanitise_rows},
    kept_codes::KeptCodes,
    loads::Loads,
    looks::KeptLooks,
    user_models::UserModels,
};
use crate::{
    control::{
        HasPresets,
        notes::{NOTE_SPECS, NoteParam, NoteValues, notes_by_group, with_note_parameters},
        settings::{
            DEFAULT_REACTION_MS, MAX_REACTION_MS, MIN_NOTE_REACTION_MS, NOTE_REACTION, REACTION, STORE_MODELS,
            SettingKind,
        },
    },
    notes::live::{NoteModel, NoteModels},
};
use nice_plug::{
    params::persist::PersistentField,
    plugin::ParamValue,
    prelude::{
        BoolParam, FloatParam, IntParam, IntRange, Params, PluginState, RemoteControlsContext, RemoteControlsPage,
        RemoteControlsSection,
    },
};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// What a project's state says of itself, so that none of the audio plugin is taken for one of notes.
const STATE_VERSION: u32 = 1;
pub(super) const MARK: &str = "notes";

/// [`groups`] of this table.
macro_rules! note_groups {
    ($($rows:tt)*) => {
        groups!([NoteParam] $($rows)*);
    };
}

with_note_parameters!(note_groups);

/// What is stored beside the parameters: that it is a state of this plugin.
#[derive(Debug, Default)]
pub struct Mark;

impl PersistentField<'_, u32> for Mark {
    fn set(&self, _: u32) {}

    fn map<F: Fn(&u32) -> R, R>(&self, f: F) -> R {
        f(&STATE_VERSION)
    }
}

/// What is fixed while the plugin is active.
#[derive(Params)]
pub struct NoteSettings {
    /// From the last note that is heard to its answer, in milliseconds; counts from the next activation on.
    #[id = "reaction"]
    pub reaction_ms: IntParam,
    /// Whether the project keeps a copy of small models of the user's. Counts from the next saving on.
    #[id = "store_models"]
    pub store_models: BoolParam,
}

impl NoteSettings {
    /// Defaults; `store_models` mirrors the switch of that name.
    fn new(store_models: Arc<AtomicBool>) -> Self {
        // Does not compile where it is no number.
        const RANGE: [i32; 3] = match NOTE_REACTION.kind {
            SettingKind::Whole { min, max, default } => [min, max, default],
            _ => panic!(),
        };
        let [min, max, default] = RANGE;
        Self {
            reaction_ms: IntParam::new(NOTE_REACTION.name, default, IntRange::Linear { min, max })
                .with_unit(" ms")
                .non_automatable(),
            store_models: BoolParam::new(STORE_MODELS.name, true)
                .with_callback(Arc::new(move |on| store_models.store(on, Ordering::Relaxed)))
                .non_automatable(),
        }
    }

    /// The value of a setting by its key, as [`crate::control::settings`] counts it.
    pub fn value(&self, key: &str) -> f32 {
        match key {
            _ if key == REACTION.key => self.reaction_ms.value() as f32,
            _ if key == STORE_MODELS.key => f32::from(self.store_models.value()),
            _ => 0.0,
        }
    }

    /// Hands a setting and a value to an editor.
    pub fn edit(&self, key: &str, value: f32, editor: &mut impl ParamEditor) {
        match key {
            _ if key == REACTION.key => editor.edit(&self.reaction_ms, value as i32),
            _ if key == STORE_MODELS.key => editor.edit(&self.store_models, value >= 0.5),
            _ => {}
        }
    }
}

/// What the audio thread counts, for the texts of parameters.
#[derive(Debug, Default)]
pub struct NoteCounts {
    /// Steps that stayed silent because their prediction came too late, since the last activation.
    pub late_steps: AtomicU64,
    /// Whether nothing more is predicted: the worker has failed, or has not answered for ten seconds.
    pub has_failed: AtomicBool,
}

impl NoteCounts {
    /// What follows the name of the model that plays.
    fn text(&self) -> String {
        match (self.has_failed.load(Ordering::Relaxed), self.late_steps.load(Ordering::Relaxed)) {
            (true, _) => " (it has stopped; start the song again)".into(),
            (false, 0) => String::new(),
            (false, 1) => " (1 late step)".into(),
            (false, count) => format!(" ({count} late steps)"),
        }
    }
}

/// The parameters as a whole.
macro_rules! note_host_parameters {
    ($(
        $(#[$doc:meta])* $group:ident $place:ident $title:literal $(in $host_title:tt)? { $($row:tt)* }
    )*) => {
        /// Every parameter, the settings and the user's models. Ids are the keys of the table and never change.
        #[derive(Params)]
        pub struct NoteParams {
            $(
                $(#[$doc])*
                #[nested $((group = $host_title))?]
                pub $place: $group,
            )*
            /// What is fixed while the plugin is active.
            #[nested(group = "Settings")]
            pub settings: NoteSettings,
            /// Whose state it is.
            #[persist = "notes"]
            pub mark: Mark,
            /// The user's models, as the project stores them.
            #[persist = "models"]
            pub own_models: UserModels<NoteModel>,
            /// The codes that were stored.
            #[persist = "codes"]
            pub codes: KeptCodes,
            /// How the editor looks.
            #[persist = "editor"]
            pub looks: KeptLooks,
            /// How often a state was loaded.
            #[persist = "loading"]
            pub loads: Loads,
            /// What the audio thread counts.
            pub counts: Arc<NoteCounts>,
        }

        impl NoteParams {
            /// Defaults. The models of the user's `folder` are looked up on a thread of their own and end up in `models`.
            pub fn new(models: &Arc<NoteModels>, folder: Option<PathBuf>) -> Self {
                let own_models = UserModels::new(Arc::clone(models), folder);
                Self {
                    $($place: $group::new(),)*
                    settings: NoteSettings::new(own_models.store_files()),
                    mark: Mark,
                    own_models,
                    codes: KeptCodes::default(),
                    looks: KeptLooks::default(),
                    loads: Loads::default(),
                    counts: Arc::default(),
                }
                .with_names()
            }

            /// The value of a parameter, as the host left it.
            fn found(&self, id: NoteParam) -> Option<f32> {
                None$(.or_else(|| self.$place.value(id)))*
            }

            /// The same without modulation.
            pub fn unmodulated(&self, id: NoteParam) -> f32 {
                None$(.or_else(|| self.$place.unmodulated(id)))*.unwrap_or(id.spec().default)
            }

            /// Hands a parameter and a value to an editor; false if there is none of this id.
            pub fn edit(&self, id: NoteParam, plain: f32, editor: &mut impl ParamEditor) -> bool {
                false$(|| self.$place.set(id, plain, editor))*
            }

            /// The pages of a controller, a group each.
            pub fn remote_pages(&self, context: &mut impl RemoteControlsContext) {
                context.add_section("Sympathy Notes", |section| {
                    $($(section.add_page($host_title, |page| self.$place.add_to(page));)?)*
                });
            }
        }
    };
}

with_note_parameters!(note_host_parameters);

impl NoteParams {
    /// Lets *Model* show names, and tell which slot is chosen.
    fn with_names(mut self) -> Self {
        let (selection, chosen) = (self.own_models.selection(), self.own_models.selection());
        let (named, counts) = (self.own_models.shows(), Arc::clone(&self.counts));
        let to_text = move |slot: i32| {
            let name = named(slot);
            if slot == i32::from(chosen.current()) { name + &counts.text() } else { name }
        };
        let from_text = self.own_models.reads(NoteParam::Model.spec());
        self.models.model = self
            .models
            .model
            .with_value_to_string(Arc::new(to_text))
            .with_string_to_value(Arc::new(from_text))
            .with_callback(Arc::new(move |slot| selection.select(slot)));
        self
    }

    /// Sets every parameter that differs, as [`super::SympathyParams::apply`] does; triggers are left as they are.
    ///
    /// For the main thread.
    pub fn apply(&self, values: &NoteValues, editor: &mut impl ParamEditor) {
        for spec in notes_by_group().filter(|spec| !spec.kind.is_trigger()) {
            self.edit(spec.id, values.get(spec.id), &mut OnlyMoved(editor));
        }
    }

    /// A plain value, held to its range.
    pub fn value(&self, id: NoteParam) -> f32 {
        id.spec().sanitise(self.found(id).unwrap_or(id.spec().default))
    }

    /// All plain values.
    ///
    /// # Realtime safety
    /// Atomic loads only.
    pub fn values(&self) -> NoteValues {
        let mut values = NoteValues::default();
        for spec in &NOTE_SPECS {
            values.set(spec.id, self.value(spec.id));
        }
        values
    }
}

/// Brings a state into shape before the framework takes it over, as [`super::sanitise`] does for the audio plugin. Of a state that is
/// none of this plugin nothing is taken.
pub fn sanitise_notes(state: &mut PluginState) {
    if !state.fields.contains_key(MARK) {
        state.params.clear();
        state.fields.clear();
    } else {
        for &(id, value) in NoteParam::LATER {
            state.params.entry(id.spec().key.into()).or_insert(ParamValue::F32(value));
        }
    }
    sanitise_rows(state, &NOTE_SPECS);
    let reaction = state.params.get(REACTION.key).and_then(number).unwrap_or(DEFAULT_REACTION_MS);
    let reaction = reaction.clamp(MIN_NOTE_REACTION_MS, MAX_REACTION_MS) as i32;
    state.params.insert(REACTION.key.into(), ParamValue::I32(reaction));
    let stores = !matches!(state.params.get(STORE_MODELS.key), Some(ParamValue::Bool(false)));
    state.params.insert(STORE_MODELS.key.into(), ParamValue::Bool(stores));
    state.fields.insert(MARK.into(), STATE_VERSION.to_string());
    state.fields.entry("loading".into()).or_insert_with(|| "null".into());
    // Of a project that knows of no models none is left over from another one: the folder is looked at.
    state.fields.entry("models".into()).or_insert_with(|| r#"{"version":1}"#.into());
    for (key, empty) in [("codes", KeptCodes::EMPTY), ("editor", "{}")] {
        let field = state.fields.entry(key.into()).or_insert_with(|| empty.into());
        // What is no JSON would be left out, and another project's stay.
        if serde_json::from_str::<serde::de::IgnoredAny>(field).is_err() {
            *field = empty.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Isa;

    #[test]
    fn ids_are_those_of_the_table_and_the_settings() {
        let params = NoteParams::new(&NoteModels::with_embedded(Isa::best()), None);
        let ids: Vec<String> = params.param_map().into_iter().map(|(id, _, _)| id).collect();
        let keys: Vec<&str> = notes_by_group().map(|spec| spec.key).collect();
        assert_eq!(ids, [&keys[..], &[REACTION.key, STORE_MODELS.key]].concat());
        for spec in &NOTE_SPECS {
            assert_eq!(params.value(spec.id), spec.default, "{}", spec.key);
        }
        assert_eq!(params.values(), NoteValues::default());
    }

    #[test]
    fn a_hostile_state_is_brought_into_shape_and_one_of_the_audio_plugin_is_none() {
        let json = r#"{"version":"","params":{"density":{"f32":1e30},"model":{"i32":-7},"swing":{"string":"much"},
            "temperature":{"f32":2.0},"reaction":{"i32":100000},"later":{"bool":true}},"fields":{"notes":"1"}}"#;
        let mut state: PluginState = serde_json::from_str(json).expect("a test's constant");
        sanitise_notes(&mut state);
        let show = |state: &PluginState, key: &str| format!("{:?}", state.params[key]);
        assert_eq!(show(&state, "density"), "F32(6.0)");
        assert_eq!(show(&state, "model"), "I32(0)");
        assert_eq!(show(&state, "swing"), "F32(50.0)");
        assert_eq!(show(&state, "temperature"), "F32(2.0)");
        assert_eq!(show(&state, "gate"), "F32(100.0)");
        assert_eq!(show(&state, "stay_in_key"), "F32(0.0)", "a project from before it sounds as it did");
        assert_eq!(show(&state, "reaction"), format!("I32({})", MAX_REACTION_MS as i32));
        assert_eq!(show(&state, "later"), "Bool(true)");
        assert_eq!(show(&state, "store_models"), "Bool(true)");
        assert_eq!(
            [&state.fields["codes"], &state.fields["editor"]],
            [KeptCodes::EMPTY, "{}"],
            "not another project's"
        );
        let mut state: PluginState = serde_json::from_str(&json.replace("notes", "models")).expect("the same");
        sanitise_notes(&mut state);
        assert_eq!(show(&state, "temperature"), "F32(1.05)", "it is another plugin's");
        assert_eq!(show(&state, "stay_in_key"), "F32(25.0)", "it begins as a new one does");
        assert_eq!(state.fields["notes"], "1");
        state.fields.insert("codes".into(), "[[0.5".into());
        sanitise_notes(&mut state);
        assert_eq!(state.fields["codes"], KeptCodes::EMPTY);
    }
}
