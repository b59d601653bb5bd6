//! Names of the dissertation's Table 4.1 (Pfalz 2018) that are no fields of [`TrainConfig`]: what they say is moved into the
//! fields that say it here, JSON to JSON, before anything else is looked at.
//!
//! | published | here |
//! |---|---|
//! | `num_epochs`, `num_layers`, `input_dropout`, `output_dropout` | `epochs`, `layers`, `input_keep`, `output_keep` |
//! | `seg_len` | `approach.seg_len`; with `use_fft` the number of bins, which has to fit the window |
//! | `use_fft`, `use_transpose` | `approach.kind` *magnitude*, *transpose* |
//! | `window_size`, `hop_size`, `zero_padding` | `approach.window`, `approach.hop`, `approach.zero_padding` |
//! | `label_shape` | stays; tells *vector*, *column* and *transpose* apart where no other name does |
//!
//! And one of Sympathy before 0.1.0, which the first embedded models carry: `dropout`, the part of a layer's outputs that is
//! silenced, is `use_dropout` and `output_keep`.
//!
//! A file that has no `approach` but these names describes the published system, so what that was comes by default: neither a
//! mixture nor principal components, a width of `seg_len`, magnitudes as they are, one matrix at a time (`streams`), and a
//! gradient that reaches one step back (`bptt`).

use super::{presets::Preset, problem::Problem};
use crate::hyperparameters::TrainConfig;
use serde_json::{Map, Value, json};

/// Old and new name of a field.
type Renamed = (&'static str, &'static str);

const RENAMED: [Renamed; 6] = [
    ("num_epochs", "epochs"),
    ("num_layers", "layers"),
    ("input_dropout", "input_keep"),
    ("output_dropout", "output_keep"),
    ("state_dropout", "state_keep"),
    ("optimizer", "optimiser"),
];
const RENAMED_IN_APPROACH: [Renamed; 2] = [("window_size", "window"), ("hop_size", "hop")];
/// Flat names that speak of magnitude frames.
const OF_MAGNITUDE: [Renamed; 3] = [("window_size", "window"), ("hop_size", "hop"), ("zero_padding", "zero_padding")];
/// What the published trainer took by itself.
const PUBLISHED_SEG_LEN: u64 = 1024;
const PUBLISHED_WINDOW: u64 = 1024;
const PUBLISHED_HOP: u64 = 512;

/// Where names come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// One file: two names for one thing must agree.
    OfFile,
    /// Changes to a file whose own names were translated before: they win.
    OfOverrides,
}

/// Moves what the published names say to where it belongs, and returns what contradicts itself. What is no object or of a
/// wrong type stays for serde to complain of.
pub(crate) fn translate(config: &mut Value, names: Names) -> Vec<Problem> {
    let Some(fields) = config.as_object_mut() else { return Vec::new() };
    let mut work = Translation { names, problems: Vec::new() };
    for renamed in RENAMED {
        work.rename(fields, renamed, "");
    }
    work.dropout(fields);
    if let Some(approach) = fields.get_mut("approach").and_then(Value::as_object_mut) {
        for renamed in RENAMED_IN_APPROACH {
            work.rename(approach, renamed, "approach.");
        }
    }
    work.approach(fields);
    work.problems
}

struct Translation {
    names: Names,
    problems: Vec<Problem>,
}

/// The flat names that a file has.
struct Flat {
    use_fft: Option<bool>,
    use_transpose: Option<bool>,
    seg_len: Option<Value>,
    /// Name here and value, for each of [`OF_MAGNITUDE`].
    frames: Vec<(Renamed, Value)>,
}

impl Flat {
    fn is_empty(&self) -> bool {
        (self.use_fft, self.use_transpose, &self.seg_len) == (None, None, &None) && self.frames.is_empty()
    }
}

impl Translation {
    fn problem(&mut self, field: &str, rule: impl Into<String>, value: impl ToString) {
        self.problems.push(Problem { field: field.into(), rule: rule.into(), value: value.to_string() });
    }

    fn rename(&mut self, fields: &mut Map<String, Value>, (old, new): Renamed, path: &str) {
        if let Some(value) = fields.remove(old) {
            self.put(fields, (old, new), value, path);
        }
    }

    /// Sets `new` to what `old` said, unless a file says two things.
    fn put(&mut self, fields: &mut Map<String, Value>, (old, new): Renamed, value: Value, path: &str) {
        match fields.get(new) {
            Some(there) if *there != value && self.names == Names::OfFile => {
                let rule = format!("the same as `{path}{new}`, which is {there}");
                self.problem(old, rule, value);
            }
            _ => drop(fields.insert(new.into(), value)),
        }
    }

    fn dropout(&mut self, fields: &mut Map<String, Value>) {
        let Some(silenced) = fields.remove("dropout") else { return };
        match silenced.as_f64() {
            Some(0.0) => {}
            Some(part) if (0.0..1.0).contains(&part) => {
                self.put(fields, ("dropout", "use_dropout"), true.into(), "");
                self.put(fields, ("dropout", "output_keep"), json!(1.0 - part), "");
            }
            _ => self.problem("dropout", "0 to below 1", silenced),
        }
    }

    fn flag(&mut self, fields: &mut Map<String, Value>, name: &str) -> Option<bool> {
        let value = fields.remove(name)?;
        if !value.is_boolean() {
            self.problem(name, "true or false", &value);
        }
        value.as_bool()
    }

    fn approach(&mut self, fields: &mut Map<String, Value>) {
        let flat = Flat {
            use_fft: self.flag(fields, "use_fft"),
            use_transpose: self.flag(fields, "use_transpose"),
            seg_len: fields.remove("seg_len"),
            frames: OF_MAGNITUDE.into_iter().filter_map(|names| Some((names, fields.remove(names.0)?))).collect(),
        };
        if (flat.use_fft, flat.use_transpose) == (Some(true), Some(true)) {
            self.problem("use_fft, use_transpose", "at most one of them", "both");
            return;
        }
        let told = match &flat {
            Flat { use_fft: Some(true), .. } => Some("magnitude"),
            Flat { use_transpose: Some(true), .. } => Some("transpose"),
            _ => None,
        };
        match fields.remove("approach") {
            Some(Value::Object(approach)) => {
                let approach = self.change(approach, told, flat);
                fields.insert("approach".into(), Value::Object(approach));
            }
            // Of a wrong type.
            Some(other) => drop(fields.insert("approach".into(), other)),
            None => {
                if let Some(kind) = told.or_else(|| kind_of(fields, &flat)) {
                    let approach = self.fill(kind, Map::new(), flat);
                    add_published_defaults(fields, &approach);
                    fields.insert("approach".into(), Value::Object(approach));
                }
            }
        }
    }

    /// Lets the flat names speak of an approach that is there.
    fn change(&mut self, mut approach: Map<String, Value>, told: Option<&str>, flat: Flat) -> Map<String, Value> {
        if flat.is_empty() {
            return approach;
        }
        let kind = approach.get("kind").and_then(Value::as_str).unwrap_or_default().to_string();
        for (name, denied, of) in [
            ("use_fft", flat.use_fft == Some(false), "magnitude"),
            ("use_transpose", flat.use_transpose == Some(false), "transpose"),
        ] {
            if denied && kind == of && told.is_none() {
                self.problem(name, format!("true, as approach.kind is {of}"), false);
            }
        }
        let Some(told) = told.filter(|told| *told != kind) else { return self.fill(&kind, approach, flat) };
        if self.names == Names::OfFile {
            let name = if told == "magnitude" { "use_fft" } else { "use_transpose" };
            self.problem(name, format!("false, as approach.kind is {kind}"), true);
        }
        approach.retain(|name, _| name == "seg_len" && told != "magnitude");
        self.fill(told, approach, flat)
    }

    /// Completes an approach of this kind.
    fn fill(&mut self, kind: &str, mut approach: Map<String, Value>, flat: Flat) -> Map<String, Value> {
        approach.insert("kind".into(), kind.into());
        let no_frames = flat.use_fft == Some(false);
        for (names, value) in flat.frames {
            if kind == "magnitude" {
                self.put(&mut approach, names, value, "approach.");
            } else if !no_frames {
                self.problem(names.0, format!("no such field, as approach.kind is {kind}"), value);
            }
        }
        match (kind, flat.seg_len) {
            ("magnitude", seg_len) => {
                for (name, value) in
                    [("window", json!(PUBLISHED_WINDOW)), ("hop", json!(PUBLISHED_HOP)), ("power", json!(1))]
                {
                    approach.entry(name).or_insert(value);
                }
                if let Some(seg_len) = seg_len {
                    self.check_bins(&approach, &seg_len);
                }
            }
            ("sample", Some(seg_len)) => {
                if seg_len != json!(1) {
                    self.problem("seg_len", "1, as approach.kind is sample", seg_len);
                }
            }
            ("sample", None) => {}
            (_, Some(seg_len)) => self.put(&mut approach, ("seg_len", "seg_len"), seg_len, "approach."),
            (_, None) => drop(approach.entry("seg_len").or_insert(json!(PUBLISHED_SEG_LEN))),
        }
        approach
    }

    /// With spectra a segment is a frame; the last bin may be counted or not.
    fn check_bins(&mut self, approach: &Map<String, Value>, seg_len: &Value) {
        let Some(bins) = bins_of(approach) else { return };
        if ![Some(bins), Some(bins - 1)].contains(&seg_len.as_u64()) {
            let rule = format!("{} or {bins}, the bins of a frame", bins - 1);
            self.problem("seg_len", rule, seg_len);
        }
    }
}

/// Bins of a magnitude frame; none where the window is no sensible number.
fn bins_of(approach: &Map<String, Value>) -> Option<u64> {
    let window = approach.get("window")?.as_u64().filter(|window| (2..=1 << 32).contains(window))?;
    let padded = approach.get("zero_padding").and_then(Value::as_bool).unwrap_or(false);
    Some(window * (1 + u64::from(padded)) / 2 + 1)
}

/// The approach that names without a flag mean; none if they mean none.
fn kind_of(fields: &Map<String, Value>, flat: &Flat) -> Option<&'static str> {
    if !flat.frames.is_empty() && flat.seg_len.is_none() && flat.use_fft.is_none() {
        return Some("magnitude");
    }
    let label: Option<Vec<u64>> =
        fields.get("label_shape").and_then(|shape| serde_json::from_value(shape.clone()).ok());
    let rows = fields.get("num_unrollings").map_or(Some(1), Value::as_u64);
    match label.as_deref() {
        // One sample for all rows; a single row is a column either way.
        Some([1, 1]) if rows.is_none_or(|rows| rows > 1) => Some("transpose"),
        Some([_, 1]) => Some("column"),
        _ if flat.is_empty() => None,
        _ => Some("vector"),
    }
}

fn add_published_defaults(fields: &mut Map<String, Value>, approach: &Map<String, Value>) {
    let published = Preset::by_name("dissertation").map(Preset::config_json);
    for (name, value) in published.iter().filter_map(Value::as_object).flatten() {
        // These follow from what the file says, or are its own business.
        if !["approach", "hidden", "num_unrollings", "ext_cursor_inc", "sample_rate_hz"].contains(&&name[..]) {
            fields.entry(name.clone()).or_insert(value.clone());
        }
    }
    let seg_len = approach.get("seg_len").cloned().or_else(|| bins_of(approach).map(Value::from));
    fields.entry("hidden").or_insert_with(|| seg_len.unwrap_or(json!(TrainConfig::default().hidden)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{hyperparameters::TrainApproach, model::Head};

    /// The defaults of the published trainer, as one flat object under its names.
    const PUBLISHED: &str = r#"{
        "files": [{"path": "a.wav"}], "sample_rate_hz": 11025,
        "lr": 1e-4, "num_epochs": 20, "weight_stddev": 1e-6, "num_layers": 1,
        "use_dropout": false, "use_residual": false, "regularization": false, "reg_amount": 1e-4,
        "input_dropout": 1.0, "output_dropout": 1.0,
        "seg_len": 1024, "num_unrollings": 100, "int_cursor_inc": 1024, "ext_cursor_inc": 1,
        "label_shape": [100, 1024], "label_offset": 1024, "output_shape": [100, 1024],
        "use_transpose": false, "use_fft": false, "hop_size": 512, "window_size": 1024, "zero_padding": false
    }"#;

    fn read(json: &str, overrides: &[&str]) -> Result<TrainConfig, Vec<Problem>> {
        TrainConfig::from_json(json, &overrides.iter().map(|text| text.to_string()).collect::<Vec<_>>())
    }

    fn fields(problems: &[Problem]) -> Vec<&str> {
        problems.iter().map(|problem| &problem.field[..]).collect()
    }

    #[test]
    fn the_dropout_of_before_0_1_0_is_read() {
        let config = |dropout: &str, more: &str| {
            let json = format!(
                r#"{{"files": [{{"path": "a.wav"}}], "approach": {{"kind": "vector", "seg_len": 64}}, "dropout": {dropout}{more}}}"#
            );
            read(&json, &[]).map(|config| (config.use_dropout, config.output_keep))
        };
        assert_eq!(config("0.25", ""), Ok((true, 0.75)));
        assert_eq!(config("0.0", ""), Ok((false, 1.0)));
        for (dropout, more) in [("1", ""), ("-0.1", ""), ("\"all\"", ""), ("0.25", r#", "output_keep": 0.5"#)] {
            assert_eq!(fields(&config(dropout, more).expect_err("no part")), ["dropout"], "{dropout}{more}");
        }
    }

    #[test]
    fn the_published_defaults_are_read_under_their_names() {
        let config = read(PUBLISHED, &[]).expect("the published defaults");
        let approach = TrainApproach::Vector { seg_len: 1024, overlap: 0, emphasis: 0.0, gain: 1.0 };
        assert_eq!((config.approach, config.head, config.hidden), (approach, Head::Mse, 1024));
        assert_eq!((config.lr, config.epochs, config.layers, config.weight_stddev), (1e-4, Some(20), 1, Some(1e-6)));
        assert_eq!((config.num_unrollings, config.ext_cursor_inc, config.principal_components), (100, Some(1), 0));
        assert_eq!((config.input_noise, config.restart, config.max_minutes), (0.0, 0.0, None));
        assert_eq!((config.input_keep, config.output_keep, config.streams, config.bptt), (1.0, 1.0, 1, 1));
        assert_eq!((config.label_shape, config.label_offset), (Some([100, 1024]), Some(1024)));
    }

    #[test]
    fn the_label_and_the_flags_tell_the_approach() {
        let kind = |json: Value| {
            let mut json = json;
            let problems = translate(&mut json, Names::OfFile);
            assert_eq!(problems, [], "{json}");
            json["approach"]["kind"].as_str().map(String::from)
        };
        let of = |text: &str| Some(text.to_string());
        assert_eq!(kind(json!({"seg_len": 64, "num_unrollings": 3, "label_shape": [3, 64]})), of("vector"));
        assert_eq!(kind(json!({"seg_len": 64, "num_unrollings": 3, "label_shape": [3, 1]})), of("column"));
        assert_eq!(kind(json!({"seg_len": 64, "num_unrollings": 3, "label_shape": [1, 1]})), of("transpose"));
        assert_eq!(kind(json!({"seg_len": 64, "label_shape": [1, 1]})), of("column"));
        assert_eq!(kind(json!({"seg_len": 64})), of("vector"));
        assert_eq!(kind(json!({"use_fft": false})), of("vector"));
        assert_eq!(kind(json!({"use_transpose": true, "seg_len": 64})), of("transpose"));
        assert_eq!(kind(json!({"use_fft": true, "seg_len": 512})), of("magnitude"));
        assert_eq!(kind(json!({"window_size": 2048})), of("magnitude"));
        assert_eq!(kind(json!({"label_shape": [1, 1025]})), None);
        assert_eq!(kind(json!({"hidden": 3})), None);
        // What is of a wrong type is left for serde.
        assert_eq!(kind(json!({"approach": 3, "label_shape": "wide", "num_unrollings": -1})), None);
    }

    #[test]
    fn spectra_are_taken_as_the_dissertation_takes_them() {
        let json = r#"{"files": [{"path": "a.wav"}], "use_fft": true, "window_size": 1024, "hop_size": 56,
                       "zero_padding": true, "seg_len": 1025}"#;
        let config = read(json, &[]).expect("good names");
        let TrainApproach::Magnitude { window, hop, zero_padding, peak_picking, power, .. } = config.approach else {
            panic!("{:?}", config.approach);
        };
        assert_eq!((window, hop, zero_padding, peak_picking, power), (1024, 56, true, false, 1.0));
        assert_eq!((config.hidden, config.head), (1025, Head::Mse));
    }

    #[test]
    fn contradictions_are_told_together() {
        for (json, expected) in [
            (json!({"use_fft": true, "use_transpose": true}), vec!["use_fft, use_transpose"]),
            (json!({"seg_len": 64, "approach": {"kind": "vector", "seg_len": 32}}), vec!["seg_len"]),
            (json!({"seg_len": 64, "approach": {"kind": "sample"}}), vec!["seg_len"]),
            (json!({"use_fft": true, "approach": {"kind": "sample"}}), vec!["use_fft"]),
            (json!({"use_fft": false, "approach": {"kind": "magnitude", "window": 64, "hop": 16}}), vec!["use_fft"]),
            (json!({"use_transpose": "yes", "num_epochs": 3, "epochs": 4}), vec!["num_epochs", "use_transpose"]),
            (json!({"use_fft": true, "seg_len": 1024, "window_size": 1024}), vec!["seg_len"]),
            (json!({"seg_len": 64, "hop_size": 5, "window_size": 9}), vec!["window_size", "hop_size"]),
            (
                json!({"approach": {"kind": "magnitude", "window": 64, "window_size": 32, "hop": 16}, "hop_size": 32}),
                vec!["window_size", "hop_size"],
            ),
        ] {
            let mut changed = json.clone();
            assert_eq!(fields(&translate(&mut changed, Names::OfFile)), expected, "{json}");
        }
        let agreeing = json!({"seg_len": 64, "approach": {"kind": "vector", "seg_len": 64}, "use_fft": false});
        assert_eq!(translate(&mut agreeing.clone(), Names::OfFile), []);
    }

    #[test]
    fn overrides_under_published_names_win() {
        let config = read(
            PUBLISHED,
            &[
                "seg_len=512",
                "num_epochs=3",
                "hidden=64",
                "label_shape=null",
                "label_offset=null",
                "output_shape=null",
                "int_cursor_inc=null",
            ],
        )
        .expect("good overrides");
        assert!(matches!(config.approach, TrainApproach::Vector { seg_len: 512, .. }));
        assert_eq!((config.epochs, config.hidden), (Some(3), 64));
        let mut changed = json!({"approach": {"kind": "vector", "seg_len": 512, "overlap": 16}, "use_transpose": true});
        assert_eq!(translate(&mut changed, Names::OfOverrides), []);
        assert_eq!(changed["approach"], json!({"kind": "transpose", "seg_len": 512}));
        let mut changed = json!({"approach": {"kind": "vector", "seg_len": 512}, "use_fft": true, "hop_size": 128});
        assert_eq!(translate(&mut changed, Names::OfOverrides), []);
        assert_eq!(changed["approach"], json!({"kind": "magnitude", "window": 1024, "hop": 128, "power": 1}));
        let bad = read(PUBLISHED, &["hop_size=16"]).expect_err("no frames");
        assert_eq!(fields(&bad), ["hop_size"]);
    }
}
