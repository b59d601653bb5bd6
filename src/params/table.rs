//! The parameters as the host sees them.

use super::{
    convert::{float_range, int_range},
    settings::Settings,
    text,
    user_models::UserModels,
};
use crate::{
    engine::{
        ParamId, ParamValues,
        spec::{Kind, ParamSpec},
    },
    worker::ModelBank,
};
use nice_plug::prelude::{BoolParam, FloatParam, IntParam, Params};
use std::{path::PathBuf, sync::Arc};

/// Every parameter, the settings, and the user's models. Ids are the keys of [`crate::engine::spec::SPECS`] and never change.
#[derive(Params)]
pub struct SympathyParams {
    /// Dry to wet.
    #[id = "mix"]
    pub mix: FloatParam,
    /// Length of a seed.
    #[id = "seed_length"]
    pub seed_length: FloatParam,
    /// Time from one seed to the next.
    #[id = "reseed_interval"]
    pub reseed_interval: FloatParam,
    /// Spread of the predictions.
    #[id = "temperature"]
    pub temperature: FloatParam,
    /// Slot of the model.
    #[id = "model"]
    pub model: IntParam,
    /// Gain of what the model hears.
    #[id = "input_gain"]
    pub input_gain: FloatParam,
    /// Gain of what the model plays.
    #[id = "wet_gain"]
    pub wet_gain: FloatParam,
    /// Level below which nothing starts.
    #[id = "gate"]
    pub gate: FloatParam,
    /// How long a continuation plays.
    #[id = "hold"]
    pub hold: FloatParam,
    /// Number from which all that is random follows.
    #[id = "random_seed"]
    pub random_seed: IntParam,
    /// Fades everything and disarms.
    #[id = "stop"]
    pub stop: BoolParam,
    /// Dry only; the host's own bypass switch.
    #[id = "bypass"]
    pub bypass: BoolParam,
    /// What is fixed while the plugin is active.
    #[nested(group = "Settings")]
    pub settings: Settings,
    /// The user's models, as the project stores them.
    #[persist = "models"]
    pub models: UserModels,
}

impl SympathyParams {
    /// Defaults. The models of `folder` are looked up on a thread of their own and end up in `bank`.
    pub fn new(bank: &Arc<ModelBank>, folder: Option<PathBuf>) -> Self {
        let models = UserModels::new(Arc::clone(bank), folder);
        let selection = models.selection();
        let (shown, read) = (Arc::clone(bank), Arc::clone(bank));
        let model = ParamId::Model.spec();
        Self {
            mix: float(ParamId::Mix),
            seed_length: float(ParamId::SeedLength),
            reseed_interval: float(ParamId::ReseedInterval),
            temperature: float(ParamId::Temperature),
            model: IntParam::new(model.name, model.default as i32, int_range(model))
                .with_callback(Arc::new(move |slot| selection.select(slot)))
                .with_value_to_string(Arc::new(move |slot| text::slot_to_text(&shown, slot)))
                .with_string_to_value(Arc::new(move |text| text::text_to_slot(&read, text))),
            input_gain: float(ParamId::InputGain),
            wet_gain: float(ParamId::WetGain),
            gate: float(ParamId::Gate),
            hold: float(ParamId::Hold),
            random_seed: {
                let spec = ParamId::RandomSeed.spec();
                IntParam::new(spec.name, spec.default as i32, int_range(spec))
            },
            stop: switch(ParamId::Stop),
            bypass: switch(ParamId::Bypass).make_bypass(),
            settings: Settings::new(models.store_files()),
            models,
        }
    }

    /// A plain value, held to its range: a state written by other hands may have put it outside.
    pub fn value(&self, id: ParamId) -> f32 {
        let value = match id {
            ParamId::Mix => self.mix.value(),
            ParamId::SeedLength => self.seed_length.value(),
            ParamId::ReseedInterval => self.reseed_interval.value(),
            ParamId::Temperature => self.temperature.value(),
            ParamId::Model => self.model.value() as f32,
            ParamId::InputGain => self.input_gain.value(),
            ParamId::WetGain => self.wet_gain.value(),
            ParamId::Gate => self.gate.value(),
            ParamId::Hold => self.hold.value(),
            ParamId::RandomSeed => self.random_seed.value() as f32,
            ParamId::Stop => f32::from(self.stop.value()),
            ParamId::Bypass => f32::from(self.bypass.value()),
        };
        id.spec().sanitise(value)
    }

    /// All plain values.
    ///
    /// # Realtime safety
    /// Atomic loads only.
    pub fn values(&self) -> ParamValues {
        let mut values = ParamValues::default();
        for spec in &crate::engine::spec::SPECS {
            values.set(spec.id, self.value(spec.id));
        }
        values
    }
}

fn float(id: ParamId) -> FloatParam {
    let spec = id.spec();
    let param = FloatParam::new(spec.name, spec.default, float_range(spec))
        .with_value_to_string(Arc::new(move |value| text::float_to_text(spec, value)))
        .with_string_to_value(Arc::new(move |typed| text::text_to_float(spec, typed)));
    if text::has_words(id) { param } else { param.with_unit(spaced_unit(spec)) }
}

fn switch(id: ParamId) -> BoolParam {
    let spec = id.spec();
    debug_assert_eq!(spec.kind, Kind::Switch);
    BoolParam::new(spec.name, spec.default >= 0.5)
}

/// Hosts put the unit right behind the number: it brings its own space.
fn spaced_unit(spec: &ParamSpec) -> &'static str {
    match spec.unit {
        "%" => " %",
        "s" => " s",
        "x" => " x",
        "dB" => " dB",
        "dBFS" => " dBFS",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{engine::spec::SPECS, nn::Isa};
    use nice_plug::prelude::{Param, ParamFlags};

    fn fresh() -> SympathyParams {
        SympathyParams::new(&ModelBank::with_embedded(Isa::best()), None)
    }

    #[test]
    fn ids_are_frozen() {
        let ids: Vec<String> = fresh().param_map().into_iter().map(|(id, _, _)| id).collect();
        assert_eq!(
            ids.join(" "),
            "mix seed_length reseed_interval temperature model input_gain wet_gain gate hold random_seed stop bypass \
             reaction alignment clock store_models precision",
            "a changed id loses users' automation and states"
        );
        assert!(SPECS.iter().map(|spec| spec.key).eq(ids.iter().take(SPECS.len())), "ids are the keys of the table");
    }

    #[test]
    fn ranges_and_defaults_are_frozen() {
        let params = fresh();
        let floats = [
            (&params.mix, "mix 0 100 50"),
            (&params.seed_length, "seed_length 0.05 10 2"),
            (&params.reseed_interval, "reseed_interval 0 60 8"),
            (&params.temperature, "temperature 0 2 1"),
            (&params.input_gain, "input_gain -24 24 0"),
            (&params.wet_gain, "wet_gain -24 12 0"),
            (&params.gate, "gate -90 0 -60"),
            (&params.hold, "hold 1 61 12"),
        ];
        for (param, frozen) in floats {
            let (key, _) = frozen.split_once(' ').unwrap_or_default();
            let [min, max] = [0.0, 1.0].map(|end| param.preview_plain(end));
            assert_eq!(format!("{key} {min} {max} {}", param.default_plain_value()), frozen);
            assert_eq!(ParamId::by_key(key).map(|id| params.value(id)), Some(param.default_plain_value()));
        }
        for (param, frozen) in
            [(&params.model, "0 127 0"), (&params.random_seed, "0 65535 0"), (&params.settings.reaction_ms, "0 500 50")]
        {
            let [min, max] = [0.0, 1.0].map(|end| param.preview_plain(end));
            assert_eq!(format!("{min} {max} {}", param.default_plain_value()), frozen);
        }
        assert!(!params.stop.value() && !params.bypass.value() && params.settings.store_models.value());
        assert_eq!(params.settings.alignment.value(), super::super::AlignmentSetting::After);
        assert_eq!(params.settings.clock.value(), super::super::ClockSetting::Transport);
        assert_eq!(params.settings.precision.value(), super::super::PrecisionSetting::Auto);
        let names: Vec<String> =
            (0..5).map(|i| params.settings.precision.normalized_value_to_string(0.25 * i as f32, true)).collect();
        assert_eq!(names.join(" "), "Auto f32 f16 bf16 int8");
        assert_eq!(params.values(), ParamValues::default());
    }

    #[test]
    fn flags_text_and_conversion() {
        let params = fresh();
        assert!(params.bypass.flags().contains(ParamFlags::BYPASS));
        assert!(params.settings.reaction_ms.flags().contains(ParamFlags::NON_AUTOMATABLE));
        assert!(params.settings.precision.flags().contains(ParamFlags::NON_AUTOMATABLE));
        assert!(!params.mix.flags().contains(ParamFlags::NON_AUTOMATABLE));
        assert_eq!(params.mix.normalized_value_to_string(0.5, true), "50.0 %");
        assert_eq!(params.hold.normalized_value_to_string(1.0, true), "∞");
        assert_eq!(params.hold.string_to_normalized_value("∞"), Some(1.0));
        assert_eq!(params.reseed_interval.normalized_value_to_string(0.0, false), "never");
        for i in 0..=1000 {
            let normalised = i as f32 / 1000.0;
            let exact = super::super::plain(ParamId::SeedLength, normalised);
            assert_eq!(params.seed_length.preview_plain(normalised), exact, "the tests' conversion is the plugin's");
        }
    }
}
