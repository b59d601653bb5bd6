//! `--set key=value`.

use super::problem::Problem;
use crate::hyperparameters::TrainConfig;
use serde_json::Value;

/// Sets the field that `text` (`key=value`) names, in the JSON of a configuration. A nested field of an object that the
/// file does not have changes that object's default.
///
/// # Errors
/// If `text` has no `=`, or a name on the way is no object.
pub(crate) fn apply(config: &mut Value, text: &str) -> Result<(), Problem> {
    let problem = |field: &str, rule: &str, value: &str| Problem {
        field: format!("--set {field}"),
        rule: rule.into(),
        value: value.into(),
    };
    let (key, value) = text.split_once('=').ok_or_else(|| problem(text, "key=value", "no `=`"))?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.into()));
    let mut place = config;
    let mut names = key.split('.').peekable();
    let mut depth = 0;
    while let Some(name) = names.next() {
        let found = place.to_string();
        let fields = place.as_object_mut().ok_or_else(|| problem(key, "the name of a nested field", &found))?;
        if names.peek().is_none() {
            fields.insert(name.into(), value);
            return Ok(());
        }
        place = fields.entry(name).or_insert_with(|| if depth == 0 { default_of(name) } else { Value::Null });
        depth += 1;
    }
    Ok(())
}

fn default_of(field: &str) -> Value {
    serde_json::to_value(TrainConfig::default()).ok().and_then(|all| all.get(field).cloned()).unwrap_or(Value::Null)
}
