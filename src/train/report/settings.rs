//! The hyperparameters of a run as a table, those that were chosen marked.

use crate::{
    figure::html::{escape, section},
    hyperparameters::TrainConfig,
    train::{listen::ListenConfig, notes::Recipe},
};
use serde_json::{Number, Value};
use std::collections::BTreeMap;

/// A configuration of more fields is shown in part.
const MAX_ROWS: usize = 1000;
const MAX_LETTERS: usize = 500;

/// The section; empty without a configuration.
pub(super) fn settings(config: &Value) -> String {
    let recipe = config.get("recipe").and_then(Value::as_str).and_then(Recipe::by_name);
    let default = match (recipe, config.pointer("/approach/kind").and_then(Value::as_str)) {
        (Some(recipe), _) => recipe.config().to_json(),
        (None, Some("listening")) => serde_json::to_value(ListenConfig::default()).unwrap_or_default(),
        _ => serde_json::to_value(TrainConfig::default()).unwrap_or_default(),
    };
    let (mut fields, mut defaults) = (BTreeMap::new(), BTreeMap::new());
    flatten("", config, &mut fields);
    flatten("", &default, &mut defaults);
    let rows: Vec<(bool, String)> = fields.iter().map(|(name, value)| row(name, value, defaults.get(name))).collect();
    if rows.is_empty() {
        return String::new();
    }
    let chosen = rows.iter().filter(|(differs, _)| *differs).count();
    let mut body = format!(
        "<p class=\"note\">{chosen} of {} differ from the defaults and are marked; the default stands beside them.</p>\n\
         <div class=\"columns\">\n",
        rows.len()
    );
    for half in rows.chunks(rows.len().div_ceil(2)) {
        body.push_str("<table><thead><tr><th>Field</th><th>Value</th><th>Default</th></tr></thead><tbody>\n");
        half.iter().for_each(|(_, row)| body.push_str(row));
        body.push_str("</tbody></table>\n");
    }
    body.push_str("</div>\n");
    section("settings", "Hyperparameters", &body)
}

/// Whether a field differs, and its row.
fn row(name: &str, value: &str, default: Option<&String>) -> (bool, String) {
    let differs = default.is_none_or(|default| default != value);
    let class = if differs { " class=\"chosen\"" } else { "" };
    let was = match (differs, default) {
        (false, _) => String::new(),
        (true, Some(default)) => escape(default),
        (true, None) => "–".into(),
    };
    let row = format!("<tr{class}><th>{}</th><td>{}</td><td>{was}</td></tr>\n", escape(name), escape(value));
    (differs, row)
}

/// Fields with dots between the names of nested ones.
fn flatten(name: &str, value: &Value, fields: &mut BTreeMap<String, String>) {
    let below = |part: &str| if name.is_empty() { part.to_string() } else { format!("{name}.{part}") };
    if fields.len() >= MAX_ROWS {
        return;
    }
    match value {
        Value::Object(object) if !object.is_empty() => {
            object.iter().for_each(|(part, value)| flatten(&below(part), value, fields));
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            items.iter().enumerate().for_each(|(index, value)| flatten(&below(&index.to_string()), value, fields));
        }
        _ if name.is_empty() => {}
        value => {
            let text = match value {
                Value::Null => "none".to_string(),
                Value::Bool(true) => "yes".to_string(),
                Value::Bool(false) => "no".to_string(),
                Value::String(text) if text.is_empty() => "–".to_string(),
                Value::String(text) => text.clone(),
                Value::Array(items) if items.is_empty() => "–".to_string(),
                Value::Number(number) => number_text(number),
                other => other.to_string(),
            };
            fields.insert(shortened(name), shortened(&text));
        }
    }
}

/// A number as it was typed: those of 32 bits without the digits that 64 bits add.
fn number_text(number: &Number) -> String {
    match number.as_f64() {
        Some(value) if number.is_f64() => {
            let single = value as f32;
            if f64::from(single) == value { single.to_string() } else { value.to_string() }
        }
        _ => number.to_string(),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_LETTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_differs_is_marked() {
        let mut config = serde_json::to_value(TrainConfig::default()).expect("plain data");
        assert!(!settings(&config).contains("chosen"), "{}", settings(&config));
        config["hidden"] = json!(77);
        config["restart"] = json!(0.3f32);
        config["lr"] = json!(1e-3);
        config["approach"]["hop"] = json!(99);
        config["files"] = json!([{ "path": "<a>.wav", "end_s": 30.0 }]);
        let html = settings(&config);
        for row in [
            "<tr class=\"chosen\"><th>hidden</th><td>77</td><td>256</td></tr>",
            "<tr class=\"chosen\"><th>approach.hop</th><td>99</td><td>512</td></tr>",
            "<tr class=\"chosen\"><th>files.0.path</th><td>&lt;a&gt;.wav</td><td>–</td></tr>",
            "<tr><th>layers</th><td>1</td><td></td></tr>",
            "<tr class=\"chosen\"><th>restart</th><td>0.3</td><td>0.05</td></tr>",
            "<tr class=\"chosen\"><th>lr</th><td>0.001</td><td>0.002</td></tr>",
        ] {
            assert!(html.contains(row), "{row} in {html}");
        }
        assert!(html.contains("6 of"), "{html}");
    }

    #[test]
    fn odd_configurations_stay_small() {
        for config in [Value::Null, json!({}), json!([]), json!("text"), json!(3)] {
            assert_eq!(settings(&config), "");
        }
        let wide: Vec<Value> = (0..5000).map(|i| json!({ "x": i })).collect();
        let html = settings(&json!({ "wide": wide, "long": "ü".repeat(100_000) }));
        assert!(html.len() < 200_000, "{}", html.len());
    }
}
