//! The parameters as the host sees them.

use super::{
    captured::CapturedSeed,
    groups::{self, Group, OnlyMoved, ParamEditor, Slots},
    loads::Loads,
    looks::KeptLooks,
    reaction::MeasuredReaction,
    settings::Settings,
    text,
    user_models::UserModels,
};
use crate::{
    control::{
        ParamId, ParamValues,
        values::{SPECS, by_group},
        with_parameters,
    },
    learn::{
        LearnBoard,
        job::{Folders, Lessons},
    },
    take::TakeStatus,
    worker::ModelRegistry,
};
use nice_plug::prelude::{IntParam, Params, RemoteControlsContext, RemoteControlsPage, RemoteControlsSection};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

/// The parameters as a whole: their groups, and what is no parameter.
macro_rules! host_parameters {
    ($(
        $(#[$doc:meta])* $group:ident $place:ident $title:literal $(in $host_title:tt)? { $($row:tt)* }
    )*) => {
        /// Every parameter, the settings, the user's models, and what became of takes. Ids are the keys of the table and never
        /// change.
        #[derive(Params)]
        pub struct SympathyParams {
            $(
                $(#[$doc])*
                #[nested $((group = $host_title))?]
                pub $place: groups::$group,
            )*
            /// What is fixed while the plugin is active.
            #[nested(group = "Settings")]
            pub settings: Settings,
            /// The reaction time that was measured.
            #[persist = "reaction"]
            pub reaction: MeasuredReaction,
            /// The seed that was captured.
            #[persist = "captured"]
            pub captured: CapturedSeed,
            /// What an instance shows of learning while it plays.
            pub board: Arc<LearnBoard>,
            /// What learns from takes. It goes before the models.
            pub lessons: Arc<Lessons>,
            /// The user's models, as the project stores them.
            #[persist = "models"]
            pub models: UserModels,
            /// How often a state was loaded.
            #[persist = "loading"]
            pub loads: Loads,
            /// How the editor looks.
            #[persist = "editor"]
            pub looks: KeptLooks,
            /// What became of the takes of *Save Take*.
            pub take_status: Arc<TakeStatus>,
            /// How often the input has contained the wet since the last activation.
            pub feedbacks: Arc<AtomicU64>,
            /// How often a prediction was not there in time since the last activation.
            pub underruns: Arc<AtomicU64>,
            /// Whether nothing more is predicted: the worker has failed, or has not answered for ten seconds.
            pub has_failed: Arc<AtomicBool>,
        }

        impl SympathyParams {
            /// Defaults. The models of the user's folder are looked up on a thread of their own and end up in `registry`.
            pub fn new(registry: &Arc<ModelRegistry>, folders: Folders) -> Self {
                let models = UserModels::new(Arc::clone(registry), folders.models.clone());
                let lessons = Arc::new(Lessons::new(models.for_lessons(), folders));
                let reaction = MeasuredReaction::default();
                let params = Self {
                    $($place: groups::$group::new(),)*
                    settings: Settings::new(models.store_files(), reaction.shared()),
                    reaction,
                    captured: CapturedSeed::default(),
                    board: Arc::new(LearnBoard::keeping(Arc::clone(&lessons))),
                    lessons,
                    models,
                    loads: Loads::default(),
                    looks: KeptLooks::default(),
                    take_status: Arc::default(),
                    feedbacks: Arc::default(),
                    underruns: Arc::default(),
                    has_failed: Arc::default(),
                };
                params.with_texts()
            }

            /// The value of a parameter, as the host left it.
            fn found(&self, id: ParamId) -> Option<f32> {
                None$(.or_else(|| self.$place.value(id)))*
            }

            /// The value of a parameter as a user has set it, without what the host adds for a while.
            pub fn unmodulated(&self, id: ParamId) -> f32 {
                let found = None$(.or_else(|| self.$place.unmodulated(id)))*;
                id.spec().sanitise(found.unwrap_or(id.spec().default))
            }

            /// Hands a parameter and a value to an editor, as its row of the table says; false if there is none of this id.
            pub fn edit(&self, id: ParamId, plain: f32, editor: &mut impl ParamEditor) -> bool {
                false$(|| self.$place.set(id, plain, editor))*
            }

            /// The pages of a controller: a group each, and the models with those whose sound they are.
            pub fn remote_pages(&self, context: &mut impl RemoteControlsContext) {
                context.add_section("Sympathy", |section| {
                    $($(
                        section.add_page($host_title, |page| {
                            if $host_title == "Play" {
                                page.add_param(&self.slots.model);
                            }
                            self.$place.add_to(page);
                            if $host_title == "Colour" {
                                page.add_param(&self.slots.morph_model);
                            }
                        });
                    )?)*
                });
            }
        }
    };
}

with_parameters!(host_parameters);

impl SympathyParams {
    /// What texts and callbacks say and do beside the table.
    fn with_texts(mut self) -> Self {
        let shown = self.models.shows();
        let with_labels = |param: IntParam, id: ParamId| {
            let read = self.models.reads(id.spec());
            param.with_value_to_string(Arc::new(shown.clone())).with_string_to_value(Arc::new(read))
        };
        let Slots { model, morph_model } = self.slots;
        let (first, second) = (self.models.selection(), self.models.selection());
        let chosen = self.models.selection();
        let (underruns, has_failed) = (Arc::clone(&self.underruns), Arc::clone(&self.has_failed));
        let named = shown.clone();
        let model_to_text = move |slot| {
            let name = named(slot);
            if slot != i32::from(chosen.current()) {
                return name;
            }
            name + &text::trouble_to_text(underruns.load(Ordering::Relaxed), has_failed.load(Ordering::Relaxed))
        };
        self.slots = Slots {
            model: with_labels(model, ParamId::Model)
                .with_value_to_string(Arc::new(model_to_text))
                .with_callback(Arc::new(move |slot| first.select(slot))),
            morph_model: with_labels(morph_model, ParamId::MorphModel)
                .with_callback(Arc::new(move |slot| second.select_second(slot))),
        };
        self.seed = self.seed.with_captured(Arc::clone(self.captured.clip_slot()));
        self.learning = self.learning.with_lessons(&self.lessons, &self.board);
        self.output = self.output.with_notes(Arc::clone(&self.take_status), Arc::clone(&self.feedbacks));
        self
    }

    /// A plain value, held to its range: a state written by other hands may have put it outside.
    pub fn value(&self, id: ParamId) -> f32 {
        id.spec().sanitise(self.found(id).unwrap_or(id.spec().default))
    }

    /// All plain values.
    ///
    /// # Realtime safety
    /// Atomic loads only.
    pub fn values(&self) -> ParamValues {
        let mut values = ParamValues::default();
        for spec in &SPECS {
            values.set(spec.id, self.value(spec.id));
        }
        values
    }

    /// Sets every parameter that differs. What a trigger does is nothing that a preset asks for: triggers are left as they are.
    ///
    /// For the main thread; the audio thread finds the values as it finds a user's.
    pub fn apply(&self, values: &ParamValues, editor: &mut impl ParamEditor) {
        for spec in by_group().filter(|spec| !spec.kind.is_trigger()) {
            self.edit(spec.id, values.get(spec.id), &mut OnlyMoved(editor));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{control::Preset, nn::Isa};
    use nice_plug::prelude::{Param, ParamFlags};

    fn fresh() -> SympathyParams {
        SympathyParams::new(&ModelRegistry::with_embedded(Isa::best()), Folders::default())
    }

    #[test]
    fn hosts_are_told_the_names_of_the_users_models_at_once() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("mine.safetensors"), b"no model").expect("space");
        for _ in 0..20 {
            let registry = ModelRegistry::with_embedded(Isa::best());
            let folders = Folders { models: Some(folder.path().to_owned()), ..Folders::default() };
            let params = SympathyParams::new(&registry, folders);
            let normalised = params.slots.model.preview_normalized(64);
            assert_eq!(params.slots.model.normalized_value_to_string(normalised, true), "64: mine");
            assert_eq!(
                params.slots.morph_model.string_to_normalized_value("mine"),
                Some(params.slots.morph_model.preview_normalized(64))
            );
        }
    }

    #[test]
    fn ids_are_frozen() {
        let ids: Vec<String> = fresh().param_map().into_iter().map(|(id, _, _)| id).collect();
        assert_eq!(
            ids.join(" "),
            "model morph_model mix temperature hold continue freeze stop input_gain gate seed_length random_seed auto_start \
             reseed_interval seed_source capture interval_beats start_trigger onset_trigger sensitivity answer answer_after midi_trigger \
             listen thread recency loyalty dynamics level_temperature recall \
             learn learn_rate learn_amount learn_memory learn_pull learn_forget carry_on keep_learnt learn_take learn_record learn_seconds \
             voice_level voices stagger spread midi_transpose stereo stretch peaks dropout drift morph swell_level shimmer_level sympathy_attack sympathy_release \
             tremolo_rate tremolo_depth loop_length tuning bands low_hz high_hz band_q wet_gain duck_wet duck_dry duck_attack duck_release \
             feedback_guard bypass keep \
             reaction reaction_auto alignment clock store_models precision learn_updates learn_delay",
            "a changed id loses users' automation and states"
        );
        for spec in &SPECS {
            assert!(ids.iter().any(|id| id == spec.key), "{} is in the table and not in a host", spec.key);
        }
    }

    #[test]
    fn ranges_and_defaults_are_frozen() {
        let params = fresh();
        let (play, seed, output) = (&params.play, &params.seed, &params.output);
        let floats = [
            (&play.mix, "mix 0 100 50"),
            (&seed.seed_length, "seed_length 0.05 10 2"),
            (&seed.reseed_interval, "reseed_interval 0 60 8"),
            (&play.temperature, "temperature 0 2 1"),
            (&seed.input_gain, "input_gain -24 24 0"),
            (&output.wet_gain, "wet_gain -24 12 0"),
            (&seed.gate, "gate -90 0 -60"),
            (&play.hold, "hold 1 61 12"),
            (&seed.sensitivity, "sensitivity 0 100 50"),
            (&seed.answer_after, "answer_after 0.02 4 0.25"),
            (&params.listening.listen, "listen 0 100 80"),
            (&params.listening.thread, "thread 0.05 20 0.5"),
            (&params.listening.recency, "recency 0 10 3"),
            (&params.listening.loyalty, "loyalty 0 100 0"),
            (&params.listening.level_temperature, "level_temperature -1 1 0"),
            (&params.learning.learn_rate, "learn_rate 0 100 50"),
            (&params.learning.learn_amount, "learn_amount 0 100 100"),
            (&params.learning.learn_memory, "learn_memory 8 120 60"),
            (&params.learning.learn_pull, "learn_pull 0 100 30"),
            (&params.learning.learn_seconds, "learn_seconds 5 120 60"),
            (&params.voices.stagger, "stagger 0 4 0.25"),
            (&params.voices.spread, "spread 0 100 70"),
            (&params.voices.voice_level, "voice_level -60 12 0"),
            (&params.colour.stretch, "stretch 0.25 8 1"),
            (&params.colour.dropout, "dropout 0 90 0"),
            (&params.colour.drift, "drift 0 100 0"),
            (&params.colour.morph, "morph 0 100 50"),
            (&params.sympathy.swell_level, "swell_level -60 24 -60"),
            (&params.sympathy.shimmer_level, "shimmer_level -60 24 -60"),
            (&params.sympathy.sympathy_attack, "sympathy_attack 0.001 2 0.05"),
            (&params.sympathy.sympathy_release, "sympathy_release 0.05 10 1.5"),
            (&params.sympathy.tremolo_rate, "tremolo_rate 0.5 20 8"),
            (&params.sympathy.tremolo_depth, "tremolo_depth 0 100 100"),
            (&params.sympathy.loop_length, "loop_length 0.5 8 4"),
            (&params.sympathy.low_hz, "low_hz 40 2000 80"),
            (&params.sympathy.high_hz, "high_hz 200 12000 2500"),
            (&params.sympathy.band_q, "band_q 2 120 30"),
            (&output.duck_wet, "duck_wet -60 0 0"),
            (&output.duck_dry, "duck_dry -60 0 0"),
            (&output.duck_attack, "duck_attack 0.005 1 0.05"),
            (&output.duck_release, "duck_release 0.01 5 0.5"),
        ];
        for (param, frozen) in floats {
            let (key, _) = frozen.split_once(' ').unwrap_or_default();
            let [min, max] = [0.0, 1.0].map(|end| param.preview_plain(end));
            assert_eq!(format!("{key} {min} {max} {}", param.default_plain_value()), frozen);
            assert_eq!(ParamId::by_key(key).map(|id| params.value(id)), Some(param.default_plain_value()));
        }
        for (param, frozen) in [
            (&params.slots.model, "0 127 3"),
            (&params.slots.morph_model, "-1 127 -1"),
            (&params.colour.peaks, "0 2 0"),
            (&params.voices.stereo, "0 2 0"),
            (&params.seed.seed_source, "0 4 0"),
            (&params.seed.random_seed, "0 65535 0"),
            (&params.settings.reaction_ms, "0 500 50"),
        ] {
            let [min, max] = [0.0, 1.0].map(|end| param.preview_plain(end));
            assert_eq!(format!("{min} {max} {}", param.default_plain_value()), frozen);
        }
        assert!(!params.play.stop.value() && !params.output.bypass.value() && params.settings.store_models.value());
        assert_eq!(params.settings.alignment.value(), super::super::AlignmentSetting::After);
        assert_eq!(params.settings.clock.value(), super::super::ClockSetting::Transport);
        assert_eq!(params.settings.precision.value(), super::super::PrecisionSetting::Auto);
        let names: Vec<String> =
            (0..5).map(|i| params.settings.precision.normalized_value_to_string(0.25 * i as f32, true)).collect();
        assert_eq!(names.join(" "), "Auto f32 f16 bf16 int8");
        assert_eq!(params.values(), ParamValues::default());
    }

    /// Does with parameters what a host does once an editor has told it.
    #[derive(Default)]
    struct Hand(Vec<String>);

    impl ParamEditor for Hand {
        fn edit<P: Param<Plain: Copy>>(&mut self, param: &P, plain: P::Plain) {
            self.0.push(param.name().into());
            // SAFETY: the parameter outlives the pointer, and nothing else sets it.
            unsafe { param.as_ptr()._internal_set_normalized_value(param.preview_normalized(plain)) };
        }
    }

    #[test]
    fn every_factory_preset_can_be_applied_and_the_host_sees_every_move_once() {
        let params = fresh();
        let mut before = params.values();
        for (name, preset) in Preset::factory() {
            let wanted = preset.values();
            let mut hand = Hand::default();
            params.apply(&wanted, &mut hand);
            let found = params.values();
            for spec in by_group() {
                let (found, wanted) = (found.get(spec.id), wanted.get(spec.id));
                // A host has 0 to 1 in 32 bits: not every number is among them.
                assert!((found - wanted).abs() <= 1e-5 * spec.max.abs(), "{name}: {} is {found}", spec.key);
                let edits = hand.0.iter().filter(|edited| *edited == spec.name).count();
                assert_eq!(edits, usize::from(found != before.get(spec.id)), "{name}: {}", spec.key);
            }
            assert!(!hand.0.is_empty(), "{name} is like what was there");
            let mut again = Hand::default();
            params.apply(&wanted, &mut again);
            assert!(again.0.is_empty(), "{name}: {:?} moved twice", again.0);
            before = found;
        }
    }

    #[test]
    fn a_preset_pulls_no_trigger() {
        let params = fresh();
        let mut values = ParamValues::default();
        for id in [ParamId::Continue, ParamId::Capture, ParamId::Keep, ParamId::Freeze] {
            values.set(id, 1.0);
        }
        let mut hand = Hand::default();
        params.apply(&values, &mut hand);
        assert_eq!(hand.0, ["Freeze"]);
    }

    #[test]
    fn flags_text_and_conversion() {
        let params = fresh();
        assert!(params.output.bypass.flags().contains(ParamFlags::BYPASS));
        assert!(params.settings.reaction_ms.flags().contains(ParamFlags::NON_AUTOMATABLE));
        assert!(params.settings.precision.flags().contains(ParamFlags::NON_AUTOMATABLE));
        assert!(!params.play.mix.flags().contains(ParamFlags::NON_AUTOMATABLE));
        assert_eq!(params.play.mix.normalized_value_to_string(0.5, true), "50.0 %");
        assert_eq!(params.play.hold.normalized_value_to_string(1.0, true), "∞");
        assert_eq!(params.play.hold.string_to_normalized_value("∞"), Some(1.0));
        assert_eq!(params.seed.reseed_interval.normalized_value_to_string(0.0, false), "never");
        for i in 0..=1000 {
            let normalised = i as f32 / 1000.0;
            let exact = super::super::plain(ParamId::SeedLength, normalised);
            assert_eq!(
                params.seed.seed_length.preview_plain(normalised),
                exact,
                "the tests' conversion is the plugin's"
            );
        }
    }
}
