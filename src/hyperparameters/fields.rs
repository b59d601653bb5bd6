//! What every field of a [`TrainConfig`] means, of which kind it is and when it matters: for people who are asked for it.
//! The ranges are those of [`TrainConfig::problems`], found by asking.

use super::{
    approach::TrainApproach,
    field::{Field, Kind},
    field_table::{FIELDS, MORE},
    overrides,
    problem::Problem,
};
use crate::{hyperparameters::TrainConfig, model::Head, text_file::json_mistake};
use serde_json::{Map, Value, json};

impl Field {
    /// All fields, in the order of an interview.
    pub fn all() -> &'static [Self] {
        FIELDS
    }

    /// Looks a field up.
    pub fn by_key(key: &str) -> Option<&'static Self> {
        FIELDS.iter().find(|field| field.key == key)
    }

    /// More about it, where a sentence is not enough.
    pub fn more(&self) -> Option<&'static str> {
        MORE.iter().find(|(key, _)| *key == self.key).map(|(_, text)| *text)
    }

    /// Its value in `config`; null for none, and where the approach or head has no such field.
    pub fn value(&self, config: &TrainConfig) -> Value {
        let names = self.key.split('.');
        names.fold(as_json(config), |value, name| value.get(name).cloned().unwrap_or_default())
    }

    /// `config` with another value. Another `approach.kind` or `head.kind` brings the usual values of that kind along, and
    /// fields that lose their effect go back to their defaults, so that they contradict nothing.
    ///
    /// # Errors
    /// If the value has the wrong type, or breaks the rule of this field.
    pub fn with_value(&self, config: &TrainConfig, value: Value) -> Result<TrainConfig, Problem> {
        let changed = self.without_loose_ends(config, self.replaced(config, value)?);
        // A rule of a choice as a whole (`head`) is one of its name (`head.kind`).
        let choice = self.key.strip_suffix(".kind");
        let own = |problem: &Problem| problem.field == self.key || Some(&problem.field[..]) == choice;
        match changed.problems().into_iter().find(own) {
            Some(problem) => Err(problem),
            None => Ok(changed),
        }
    }

    /// The rule that its value has to keep, as in a [`Problem`]; none if any value of its kind will do.
    pub fn rule(&self, config: &TrainConfig) -> Option<String> {
        let absurd = match self.kind {
            Kind::Whole(_) | Kind::OptionalWhole => json!(1_000_000_007),
            Kind::Number(_) | Kind::OptionalNumber(_) => json!(-1e30),
            _ => return None,
        };
        let problems = self.replaced(config, absurd).ok()?.problems();
        problems.into_iter().find(|problem| problem.field == self.key).map(|problem| problem.rule)
    }

    fn without_loose_ends(&self, before: &TrainConfig, mut changed: TrainConfig) -> TrainConfig {
        let defaults = TrainConfig::default();
        let lost = |field: &&Self, changed: &TrainConfig| (field.applies)(before) && !(field.applies)(changed);
        for field in
            FIELDS.iter().filter(|field| !field.key.starts_with("approach.") && !field.key.starts_with("head."))
        {
            if lost(&field, &changed) {
                changed = field.replaced(&changed, field.value(&defaults)).unwrap_or(changed);
            }
        }
        if self.key == "approach.kind" {
            (changed.label_shape, changed.label_offset, changed.output_shape) = (None, None, None);
            if !changed.planned_approach().framing().predicts_frames() {
                changed.principal_components = 0;
            }
        }
        if changed.one_shot && !before.one_shot {
            (changed.streams, changed.num_unrollings) = (1, 1);
        }
        changed
    }

    fn replaced(&self, config: &TrainConfig, value: Value) -> Result<TrainConfig, Problem> {
        let problem =
            |found: String| Problem { field: self.key.into(), rule: "a value of the right type".into(), value: found };
        let mut json = as_json(config);
        let usual = match (self.key, value.as_str()) {
            ("approach.kind", Some(kind)) if kind != config.approach.kind() => {
                json["approach"] = TrainApproach::usual(kind, &config.approach);
                true
            }
            ("head.kind", Some("mse")) => {
                json["head"] = json!(Head::Mse);
                true
            }
            ("head.kind", Some("mixture")) if config.head == Head::Mse => {
                json["head"] = json!(TrainConfig::default().head);
                true
            }
            _ => false,
        };
        if !usual {
            overrides::apply(&mut json, &format!("{}={value}", self.key))?;
        }
        serde_json::from_value(json).map_err(|error| problem(format!("{value} ({})", json_mistake(&error))))
    }
}

/// As in a file: numbers with few digits stay so, while the direct way to a [`Value`] widens `f32`.
fn as_json(config: &TrainConfig) -> Value {
    let text = serde_json::to_string(config).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or(Value::Object(Map::new()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hyperparameters::{Excerpt, PRESETS};
    use std::collections::BTreeSet;

    fn good() -> TrainConfig {
        TrainConfig { files: vec![Excerpt { path: "a.wav".into(), ..Default::default() }], ..Default::default() }
    }

    /// A configuration of every approach with either head.
    fn all_kinds() -> Vec<TrainConfig> {
        let approach = Field::by_key("approach.kind").expect("a field");
        let Kind::Choice(kinds) = approach.kind else { panic!("a choice") };
        let of = |&(kind, _): &(&str, &str), head| {
            let config = approach.replaced(&good(), json!(kind)).expect("usual values");
            TrainConfig { head, ..config }
        };
        kinds.iter().flat_map(|kind| [Head::Mse, good().head].map(|head| of(kind, head))).collect()
    }

    /// Dotted names of what serde writes.
    fn keys(path: &str, value: &Value, found: &mut BTreeSet<String>) {
        // The names of a map are no fields.
        let is_map = Field::by_key(path).is_some_and(|field| field.kind == Kind::Factors);
        match value {
            Value::Object(fields) if !is_map => {
                let dot = if path.is_empty() { "" } else { "." };
                fields.iter().for_each(|(name, value)| keys(&format!("{path}{dot}{name}"), value, found));
            }
            _ => drop(found.insert(path.into())),
        }
    }

    #[test]
    fn the_table_names_exactly_the_fields_that_serde_knows() {
        let mut written = BTreeSet::new();
        all_kinds().iter().for_each(|config| keys("", &as_json(config), &mut written));
        let table: BTreeSet<String> = FIELDS.iter().map(|field| field.key.to_string()).collect();
        assert_eq!(table.len(), FIELDS.len(), "a field is named twice");
        assert_eq!(written.difference(&table).collect::<Vec<_>>(), Vec::<&String>::new(), "not in the table");
        assert_eq!(table.difference(&written).collect::<Vec<_>>(), Vec::<&String>::new(), "no field");
    }

    #[test]
    fn kinds_are_those_of_the_values_and_choices_are_taken() {
        for config in all_kinds() {
            for field in FIELDS.iter().filter(|field| (field.applies)(&config)) {
                let value = field.value(&config);
                let fits = match field.kind {
                    Kind::Text => value.is_string(),
                    Kind::Recordings => value.is_array(),
                    Kind::Switch => value.is_boolean(),
                    Kind::Whole(_) => value.is_u64(),
                    Kind::Number(_) => value.is_number(),
                    Kind::OptionalWhole => value.is_u64() || value.is_null(),
                    Kind::OptionalNumber(_) => value.is_number() || value.is_null(),
                    Kind::OptionalShape => value.is_array() || value.is_null(),
                    Kind::Factors => value.is_object(),
                    Kind::Choice(names) => names.iter().any(|(name, _)| value == *name),
                };
                assert!(fits, "{}: {value} is no {:?}", field.key, field.kind);
                // The other way round: serde takes the kind.
                let example = match field.kind {
                    Kind::Text => json!("text"),
                    Kind::Recordings => json!([{"path": "b.wav", "start_s": 1.5}]),
                    Kind::Switch => json!(true),
                    Kind::Whole(_) | Kind::OptionalWhole => json!(2),
                    Kind::Number(_) | Kind::OptionalNumber(_) => json!(0.5),
                    Kind::OptionalShape => json!([2, 3]),
                    Kind::Factors => json!({"rnn.weight_ih_l0": 0.5}),
                    Kind::Choice(_) => value.clone(),
                };
                let changed = field.replaced(&config, example.clone()).unwrap_or_else(|e| panic!("{e}"));
                assert_eq!(field.value(&changed), example, "{}", field.key);
                if let Kind::Choice(names) = field.kind {
                    for (name, _) in names {
                        let changed = field.replaced(&config, json!(name)).unwrap_or_else(|e| panic!("{e}"));
                        assert_eq!(field.value(&changed), json!(name));
                    }
                }
            }
        }
    }

    #[test]
    fn rules_come_from_the_one_place_that_has_them() {
        let config = good();
        let rule = |key: &str| Field::by_key(key).expect("a field").rule(&config);
        assert_eq!(rule("hidden").as_deref(), Some("1 to 4096"));
        assert_eq!(rule("approach.hop").as_deref(), Some("16 to 2048"));
        assert_eq!(rule("random_seed"), None);
        let hidden = Field::by_key("hidden").expect("a field");
        assert_eq!(hidden.with_value(&config, json!(0)).expect_err("too few").field, "hidden");
        assert_eq!(hidden.with_value(&config, json!("wide")).expect_err("a word").field, "hidden");
        assert_eq!(hidden.with_value(&config, json!(7)).expect("good").hidden, 7);
    }

    #[test]
    fn what_loses_its_effect_contradicts_nothing() {
        let set = |config: &TrainConfig, key: &str, value: Value| {
            let changed =
                Field::by_key(key).expect("a field").with_value(config, value).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(changed.problems(), [], "{key}");
            changed
        };
        let Kind::Choice(kinds) = Field::by_key("approach.kind").expect("a field").kind else { panic!("a choice") };
        let mut config = set(&good(), "peepholes", json!(true));
        for (kind, _) in kinds {
            config = set(&config, "approach.kind", json!(kind));
        }
        config = set(&config, "cell", json!("gru"));
        assert!(!config.peepholes);
        config = set(&config, "head.kind", json!("mse"));
        config = set(&config, "tanh_output", json!(true));
        config = set(&config, "head.kind", json!("mixture"));
        assert!(!config.tanh_output);
        config = set(&config, "weight_decay", json!(0.1));
        config = set(&config, "optimiser", json!("sgd"));
        assert_eq!(config.weight_decay, 0.0);
        config = set(&config, "one_shot", json!(true));
        assert_eq!(config.streams, 1);
    }

    #[test]
    fn every_field_applies_somewhere_and_its_meaning_is_a_sentence() {
        let presets = PRESETS.iter().map(|preset| {
            let overrides = [r#"files=[{"path": "a.wav"}]"#.to_string(), "layers=2".into()];
            TrainConfig::from_json(preset.json, &overrides).expect("a good preset")
        });
        let configs: Vec<TrainConfig> = presets.collect();
        for field in FIELDS {
            let meaning = field.meaning;
            assert!(meaning.len() > 10 && !meaning.ends_with('.') && !meaning.contains('\n'), "{}", field.key);
            let rare = [
                "plateau_patience",
                "plateau_factor",
                "clock_groups",
                "reg_amount",
                "head.residual",
                "foreign_files",
                "foreign_steps",
            ];
            let somewhere = configs.iter().any(|config| (field.applies)(config));
            assert!(somewhere || rare.contains(&field.key), "{} applies nowhere", field.key);
        }
    }
}
