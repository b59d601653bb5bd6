//! Reading a training configuration: published names, overrides, types, then the rules.

use super::{
    problem::Problem,
    published::{Names, translate},
};
use crate::{hyperparameters::TrainConfig, text_file::json_mistake};

impl TrainConfig {
    /// Reads a configuration and changes it by `overrides`, each `key=value` with dots between the names of nested
    /// fields (`approach.hop=128`); a value is JSON or else a string.
    ///
    /// # Errors
    /// Every problem that was found: of the JSON, of single fields, of the fields together.
    pub fn from_json(json: &str, overrides: &[String]) -> Result<Self, Vec<Problem>> {
        let problem = |rule: &str, value: String| Problem { field: "configuration".into(), rule: rule.into(), value };
        let mut value: serde_json::Value =
            serde_json::from_str(json).map_err(|e| vec![problem("a JSON object", json_mistake(&e))])?;
        if !value.is_object() {
            return Err(vec![problem("a JSON object", value.to_string())]);
        }
        let mut problems = translate(&mut value, Names::OfFile);
        problems.extend(overrides.iter().filter_map(|text| super::overrides::apply(&mut value, text).err()));
        problems.extend(translate(&mut value, Names::OfOverrides));
        if !problems.is_empty() {
            return Err(problems);
        }
        // Field by field, as every field has a default: so all that do not parse are told at once.
        let fields = value.as_object().into_iter().flatten();
        let problems: Vec<Problem> = fields
            .filter_map(|(field, value)| {
                let alone = serde_json::json!({ field: value });
                let error = serde_json::from_value::<Self>(alone).err()?;
                Some(Problem {
                    field: field.clone(),
                    rule: "a known field of the right type".into(),
                    value: json_mistake(&error),
                })
            })
            .collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        let config: Self =
            serde_json::from_value(value).map_err(|e| vec![problem("the fields of a training", json_mistake(&e))])?;
        let problems = config.problems();
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// A configuration's fields with the names that Table 4.1 has for some of them replaced by those of this struct.
    ///
    /// # Errors
    /// Published names that contradict each other.
    pub fn translate(
        mut config: serde_json::Value,
    ) -> Result<serde_json::Map<String, serde_json::Value>, Vec<Problem>> {
        let problems = translate(&mut config, Names::OfFile);
        match config {
            serde_json::Value::Object(fields) if problems.is_empty() => Ok(fields),
            _ => Err(problems),
        }
    }

    /// Every number that lies outside its range.
    pub fn problems(&self) -> Vec<Problem> {
        super::rules::problems(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        hyperparameters::{Excerpt, TrainApproach},
        model::Head,
    };

    fn good() -> TrainConfig {
        TrainConfig { files: vec![Excerpt { path: "a.wav".into(), ..Default::default() }], ..Default::default() }
    }

    #[test]
    fn defaults_are_good_and_survive_json() {
        let config = good();
        assert_eq!(config.problems(), []);
        let json = serde_json::to_string(&config).expect("plain data");
        assert_eq!(TrainConfig::from_json(&json, &[]), Ok(config.clone()));
        assert_eq!(TrainConfig::from_json(r#"{"files": [{"path": "a.wav"}]}"#, &[]), Ok(config));
    }

    #[test]
    fn overrides_reach_into_fields() {
        let json = r#"{"files": [{"path": "a.wav"}]}"#;
        let overrides = ["approach.hop=128", "hidden=64", "name=Two words", "head={\"kind\":\"mse\"}", "epochs=3"];
        let config = TrainConfig::from_json(json, &overrides.map(String::from)).expect("good overrides");
        assert!(matches!(config.approach, TrainApproach::Magnitude { hop: 128, window: 2048, .. }));
        assert_eq!((config.hidden, &config.name[..], config.head), (64, "Two words", Head::Mse));
        assert_eq!(config.epochs, Some(3));
        let bad = TrainConfig::from_json(json, &["hidden".into(), "name.x=1".into()]).expect_err("bad overrides");
        assert_eq!(bad.len(), 2, "{bad:?}");
    }

    #[test]
    fn every_problem_is_told() {
        let json = r#"{"hiden": 3, "lr": "fast", "approach": {"kind": "magnitude", "window": 1024, "hop": 3, "x": 1}}"#;
        let unknown = TrainConfig::from_json(json, &[]).expect_err("a bad file");
        let fields: Vec<&str> = unknown.iter().map(|p| &p.field[..]).collect();
        assert_eq!(fields, ["approach", "hiden", "lr"], "{unknown:?}");
        let config = TrainConfig { lr: f64::NAN, hidden: 0, input_keep: 0.0, files: vec![], ..good() };
        let problems = config.problems();
        let fields: Vec<&str> = problems.iter().map(|p| &p.field[..]).collect();
        assert_eq!(fields, ["files", "hidden", "input_keep", "lr"], "{problems:?}");
    }
}
