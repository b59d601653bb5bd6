//! What earlier versions wrote is read for ever, and means the same: models, states of projects, presets, configurations of
//! trainings. Automation is read; what lies between its points has changed. What a later version wrote is refused in words, or kept as it is.
//!
//! The files lie in `compatibility/`, in folders or under names of the version that wrote them; its README says how each came about. None is
//! ever written anew. The frozen lists of ids, keys, ranges and choices are tests of `control` and `params`.
#![allow(missing_docs, reason = "test code")]

#[cfg(feature = "plugin")]
#[path = "common/counting.rs"]
#[allow(dead_code, reason = "each test program uses a part")]
mod allocations;
#[cfg(feature = "plugin")]
#[path = "clap_host/host.rs"]
#[allow(dead_code, reason = "each test program uses a part")]
mod host;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};
#[cfg(feature = "train")]
use sympathy::hyperparameters::TrainConfig;
use sympathy::train::listen::ListenConfig;
use sympathy::{
    approach::{Generator, Network},
    control::{ParamId, Preset},
    model::{FORMAT_VERSION, ModelData},
    nn::Isa,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join("compatibility")
}

/// Files below a folder that end so, in the order of their names.
fn files(place: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![folder().join(place)];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The numbers that the version which wrote the model predicted with it, on the scalar kernels.
fn recorded(model: &Path) -> Vec<f32> {
    let bytes = fs::read(model.with_extension("expected")).expect("beside the model");
    bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// The first samples that a model predicts after two sines, by random numbers from 5.
fn predicted(data: &ModelData, isa: Isa, samples: usize) -> Vec<f32> {
    let config = data.config();
    let (hop, window) = (config.hop_samples(), config.window_samples());
    let sine = |omega: f64, i: usize| libm::sin(omega * i as f64);
    let input: Vec<f32> = (0..window + 400).map(|i| (0.3 * sine(0.05, i) + 0.2 * sine(0.173, i)) as f32).collect();
    let mut generator = Generator::new(Arc::new(Network::new(data, isa)));
    generator.reset(5);
    input.windows(window).step_by(hop).for_each(|samples| generator.feed(samples));
    let mut out = vec![0.0; samples];
    out.chunks_exact_mut(hop).for_each(|out| generator.predict(config.temperature, out));
    out
}

#[test]
fn models_of_every_version_predict_what_they_did() {
    let models = files("models", "safetensors");
    assert_eq!(models.len(), 13, "no fixture is ever removed; a new one is counted here");
    let mut faults = Vec::new();
    for model in &models {
        let data = ModelData::read(model).unwrap_or_else(|error| panic!("{error}"));
        // The kernels have been rewritten since then: 2.8e-7 when these were taken in. All later ones are the same to the bit.
        let bound = if model.parent() == Some(&folder().join("models/before-0.1.0")) { 1e-6 } else { 0.0 };
        let expected = recorded(model);
        let found = predicted(&data, Isa::by_name("scalar").expect("everywhere"), expected.len());
        let worst = expected.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let are_close = expected.iter().zip(&found).all(|(a, b)| (a - b).abs() <= bound);
        if !are_close {
            faults.push(format!("{}: differs by up to {worst:e}, allowed is {bound:e}", model.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_model_of_a_later_version_is_refused_with_both_versions() {
    let model = fs::read(folder().join("models/0.1.0/vector-relu.safetensors")).expect("a fixture");
    let later = FORMAT_VERSION + 1;
    // A version of as many digits: what follows stays where it is.
    let (from, to) = (b"format_version\\\":1,", format!("format_version\\\":{later},").into_bytes());
    let at = model.windows(from.len()).position(|window| window == from).expect("its version");
    let model = [&model[..at], &to, &model[at + from.len()..]].concat();
    let error = ModelData::from_bytes(&model, Path::new("later.safetensors")).expect_err("a later version").to_string();
    assert_eq!(
        error,
        format!(
            "later.safetensors: format version: expected at most {FORMAT_VERSION}, found {later}; a newer Sympathy reads it"
        )
    );
}

#[test]
fn the_settings_of_a_take_are_a_preset_for_ever() {
    let presets = files("presets", "json");
    assert_eq!(presets.len(), 1, "no fixture is ever removed; a new one is counted here");
    for path in presets {
        let text = fs::read_to_string(&path).expect("a fixture");
        let preset = Preset::parse("a take", &text).unwrap_or_else(|error| panic!("{error}"));
        let stated: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let stated = stated["parameters"].as_object().expect("an object");
        let values = preset.values();
        for (key, value) in stated {
            let id = ParamId::by_key(key).unwrap_or_else(|| panic!("{}: {key} is gone", path.display()));
            assert_eq!(Some(values.get(id)), value.as_f64().map(|value| value as f32), "{}: {key}", path.display());
        }
        assert_eq!(stated.len(), 53, "{}: all that a take of its version had", path.display());
    }
}

#[cfg(feature = "train")]
#[test]
fn configurations_of_every_version_mean_what_they_say() {
    let configurations = files("hyperparameters", "json");
    assert_eq!(configurations.len(), 3, "no fixture is ever removed; a new one is counted here");
    for path in configurations {
        let text = fs::read_to_string(&path).expect("a fixture");
        let stated: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).expect("an object");
        let read = if ListenConfig::is_meant(&stated, &[]) {
            ListenConfig::from_fields(stated.clone(), &[]).map(serde_json::to_value)
        } else {
            TrainConfig::from_json(&text, &[]).map(serde_json::to_value)
        };
        let read = read.unwrap_or_else(|problems| panic!("{}: {problems:?}", path.display())).expect("plain data");
        for (field, value) in &stated {
            if field == "dropout" {
                // Two fields since 0.1.0, none where nothing is silenced.
                assert_eq!((value.as_f64(), &read["use_dropout"]), (Some(0.0), &false.into()), "{}", path.display());
                continue;
            }
            assert!(includes(&read[field], value), "{}: {field}: {value} is {}", path.display(), read[field]);
        }
    }
}

/// True if all that a value states is in another, which may have more fields.
#[cfg(feature = "train")]
fn includes(whole: &serde_json::Value, part: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Object};
    match (whole, part) {
        (Object(whole), Object(part)) => {
            part.iter().all(|(field, part)| whole.get(field).is_some_and(|whole| includes(whole, part)))
        }
        (Array(whole), Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(whole, part)| includes(whole, part))
        }
        // Most numbers are read into 32 bits.
        _ => whole == part || matches!((whole.as_f64(), part.as_f64()), (Some(a), Some(b)) if a as f32 == b as f32),
    }
}

#[cfg(feature = "cli")]
#[test]
fn automation_of_0_1_0_is_read() {
    use sympathy::cli::automation::{at_tempo, read_automation};
    let automation =
        read_automation::<ParamId>(&folder().join("automation-0.1.0.json"), 1000, at_tempo(120.0)).expect("a fixture");
    let ids: Vec<ParamId> = automation.values().map(|(id, _)| id).collect();
    assert_eq!(ids, [ParamId::Mix, ParamId::Mix, ParamId::Mix, ParamId::SeedSource]);
}

#[cfg(feature = "plugin")]
mod states {
    use super::{files, host::Plugin};
    use serde_json::{Value, json};
    use std::{fs, time::Duration};
    use sympathy::control::{ParamId, settings::SETTINGS, values::SPECS};

    /// A state as nice-plug frames it for CLAP: the length, then JSON.
    fn read(state: &[u8]) -> Value {
        serde_json::from_slice(&state[8..]).expect("JSON")
    }

    fn framed(state: &Value) -> Vec<u8> {
        let json = state.to_string().into_bytes();
        [&(json.len() as u64).to_le_bytes()[..], &json].concat()
    }

    /// A field of a state: JSON in a text.
    fn field(state: &Value, name: &str) -> Value {
        state["fields"][name].as_str().map_or(Value::Null, |text| serde_json::from_str(text).expect("JSON"))
    }

    /// Waits until the text of *Model* tells the name that its file gives it, or what is wrong.
    fn text_of_model(plugin: &mut Plugin) -> String {
        let mut text = String::new();
        for _ in 0..500 {
            let model = plugin.value(ParamId::Model) as f32;
            text = plugin.text(ParamId::Model, model);
            if text.contains("Sample") || text.contains("missing") {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        text
    }

    #[test]
    fn states_of_every_version_are_restored() {
        let states = files("states", "state");
        assert_eq!(states.len(), 3, "no fixture is ever removed; a new one is counted here");
        for path in states {
            let bytes = fs::read(&path).expect("a fixture");
            let (saved, name) = (read(&bytes), path.display());
            let mut plugin = Plugin::new();
            // What was there before does not shine through.
            plugin.set(ParamId::Mix, 0.99);
            plugin.set(ParamId::Listen, 0.11);
            assert!(plugin.load(&bytes), "{name}");
            let text = text_of_model(&mut plugin);
            assert!(text.starts_with("64: Sample"), "{name}: the model inside: {text}");
            let restored = read(&plugin.save());
            let stated = saved["params"].as_object().expect("an object");
            for (key, value) in stated {
                assert_eq!(restored["params"][key], *value, "{name}: {key}");
            }
            for spec in SPECS.iter().filter(|spec| !stated.contains_key(spec.key)) {
                let value = &restored["params"][spec.key];
                let number = value["f32"].as_f64().or(value["i32"].as_f64()).or(value["bool"].as_bool().map(f64::from));
                assert_eq!(
                    number.map(|number| number as f32),
                    Some(spec.default),
                    "{name}: {} was not there yet",
                    spec.key
                );
            }
            assert_eq!(
                restored["params"].as_object().map(|all| all.len()),
                Some(SPECS.len() + SETTINGS.len()),
                "{name}"
            );
            let (before, after) = (field(&saved, "models"), field(&restored, "models"));
            for part in ["slot", "name", "file"] {
                assert_eq!(after["user"][0][part], before["user"][0][part], "{name}: {part} of the model");
            }
            for (part, absent) in [("captured", Value::Null), ("reaction", json!(0))] {
                let before = saved["fields"].get(part).map_or(absent, |_| field(&saved, part));
                assert_eq!(field(&restored, part), before, "{name}: {part}");
            }
        }
    }

    #[test]
    fn what_a_later_version_stores_is_kept_and_given_back() {
        let path = files("states", "state").remove(0);
        let mut state = read(&fs::read(path).expect("a fixture"));
        let models = json!({ "version": 2, "banks": [{ "name": "of a later version" }] });
        let captured = json!({ "version": 3, "spectrum": [1, 2, 3] });
        state["version"] = json!("9.0.0");
        state["fields"]["models"] = json!(models.to_string());
        state["fields"]["captured"] = json!(captured.to_string());
        let mut plugin = Plugin::new();
        assert!(plugin.load(&framed(&state)), "the rest counts");
        let text = text_of_model(&mut plugin);
        assert!(text.contains("has version 2, this one reads 1"), "{text}");
        let restored = read(&plugin.save());
        assert_eq!(field(&restored, "models"), models);
        assert_eq!(field(&restored, "captured"), captured);
        assert_eq!(restored["params"]["mix"], state["params"]["mix"]);
    }
}
