//! `sympathy bench`. How fast anything is stands in no test.

use crate::common::{models, program::Desk};
use serde_json::Value;
use std::fs;
use sympathy::model::EMBEDDED;

/// Every figure measured for a moment only.
const SHORT: &str = "--seconds 0.002";

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("one JSON object")
}

fn results(json: &Value) -> &[Value] {
    json["results"].as_array().expect("a list")
}

#[test]
fn every_embedded_model_and_every_named_one_has_a_row() {
    let desk = Desk::new();
    let said = desk.succeed(&format!("bench model.safetensors piano-magnitude {SHORT}"));
    let mut names: Vec<&str> = EMBEDDED.iter().map(|model| model.name).collect();
    names.push("model.safetensors");
    for name in names {
        assert_eq!(said.lines().filter(|line| line.starts_with(name)).count(), 1, "{name}: {said}");
    }
    assert!(said.contains("GFLOP/s") && said.contains("X REAL TIME"), "{said}");
    let row = said.lines().find(|line| line.starts_with("model.safetensors")).expect("a row");
    assert!(row.contains("LSTM, 2 × 12 wide") && row.contains("KiB") && row.contains('*'), "{row}");
    // In a narrow terminal each has lines of its own.
    let narrow = desk.command(&format!("bench model.safetensors --no-embedded {SHORT}")).env("COLUMNS", "60").output();
    let narrow = String::from_utf8(narrow.expect("it was built").stdout).expect("text");
    let line = |line: &&str| line.starts_with("NETWORK") && line.ends_with("LSTM, 2 × 12 wide");
    assert_eq!(narrow.lines().skip(2).filter(line).count(), 1, "{narrow}");
}

#[test]
fn figures_of_every_kind_and_precision_are_positive_and_finite() {
    let desk = Desk::new();
    fs::create_dir(desk.path("models")).expect("space");
    let kinds = models::all_kinds();
    for (slot, _, data) in &kinds {
        data.write(&desk.path(&format!("models/{slot}.safetensors"))).expect("space");
    }
    fs::write(desk.path("models/broken.safetensors"), "no model").expect("space");
    let json = parsed(&desk.succeed(&format!("bench --no-embedded --dir models --all-precisions --json {SHORT}")));
    assert!(json["machine"]["fma_gflops"].as_f64().is_some_and(|x| x > 0.0), "{json}");
    assert!(json["machine"]["reads"].as_array().is_some_and(|reads| !reads.is_empty()), "{json}");
    let rows = results(&json);
    assert_eq!(rows.len(), 4 * kinds.len(), "{json}");
    for row in rows {
        let names =
            ["weight_bytes", "us_per_step", "real_time_factor", "real_time_factor_4_voices", "read_share", "fma_share"];
        for name in names {
            // JSON has no infinity; it would be null.
            assert!(row[name].as_f64().is_some_and(|x| x > 0.0), "{name}: {row}");
        }
        let count = |name: &str| row[name].as_u64().expect("a whole number");
        assert!(count("instances_at_70_percent") <= count("instances"), "{row}");
    }
    let refused = json["refused"].as_array().expect("a list");
    assert_eq!(refused.len(), 1);
    assert!(refused[0].as_str().is_some_and(|reason| reason.starts_with("models/broken.safetensors: ")), "{json}");
    let text = desk.succeed(&format!("bench --no-embedded --dir models {SHORT}"));
    assert!(text.contains("not a model: models/broken.safetensors: "), "{text}");
}

#[test]
fn a_named_file_that_is_no_model_is_refused_before_anything_is_measured() {
    let desk = Desk::new();
    fs::write(desk.path("broken.safetensors"), "no model").expect("space");
    desk.fail("bench broken.safetensors", &["broken.safetensors: ", "expected", "found"]);
    desk.fail("bench nothing", &["model \"nothing\": expected a model file or one of", "found neither"]);
    desk.fail("bench --dir nowhere", &["nowhere: cannot be read"]);
    let none = desk.succeed(&format!("bench --no-embedded {SHORT}"));
    assert!(none.contains("no models"), "{none}");
    for wrong in
        ["bench --seconds 0", "bench --seconds nan", "bench --precision f8", "bench --precision f32 --all-precisions"]
    {
        assert_eq!(desk.run(wrong).code, Some(2), "{wrong}");
    }
}

#[test]
fn one_precision_is_measured_where_one_is_asked_for() {
    let desk = Desk::new();
    let json = parsed(&desk.succeed(&format!("bench --no-embedded model.safetensors --precision f32 --json {SHORT}")));
    assert_eq!(results(&json).len(), 1, "{json}");
    assert_eq!(results(&json)[0]["precision"], "f32");
    assert_eq!(results(&json)[0]["model"], "model.safetensors");
}
