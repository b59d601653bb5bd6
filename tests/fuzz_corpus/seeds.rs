//! Small whole files of what the targets read, from which fuzzing begins.

#[allow(dead_code, reason = "tests need more of it")]
#[path = "../common/models.rs"]
mod models;
#[allow(dead_code, reason = "tests need more of it")]
#[path = "../common/notes.rs"]
mod notes;

use models::{CELLS, COLUMN, TRANSPOSE, config, listening, random_model};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};
use sympathy::{
    audio_file::{Depth, flac::FlacFile, wav::WavFile},
    control,
    dsp::random::Random,
    hyperparameters::{LISTENING_PRESETS, PRESETS, TrainConfig},
    learn::{self, Hearing, Plan, Study, job::Draft},
    model::{
        Approach, Head, Listening, Magnitude, ModelConfig, ModelData, Vector,
        export::{Names, to_safetensors, to_torch},
    },
    nn::Isa,
    notes::{COLUMN_BYTES, DataSet, Grid, Piece, Repeats, Roll, Rules},
    params::{Base64File, Project, StoredModel},
    train::listen::ListenConfig,
};

const RATE_HZ: u32 = 22_050;

/// Writes `fuzz/seeds/`.
pub fn write_all() -> io::Result<()> {
    let (models, configs) = small_models();
    for (name, config) in &configs {
        write("model_config", &format!("{name}.json"), serde_json::to_string(config)?)?;
    }
    for (index, config) in models.iter().enumerate() {
        let model = random_model(config.clone(), index as u64);
        let bytes = match index % 3 {
            0 => model.to_bytes(),
            1 => model.to_half_bytes(),
            _ => model.to_int8_bytes(),
        };
        write("model", &format!("{index}.safetensors"), bytes)?;
        let names = Names { rnn: "lstm".into(), linear: "fc".into() };
        write("import", &format!("{index}.safetensors"), to_safetensors(&model, &names))?;
        if index < 2 {
            write("import", &format!("{index}.pt"), to_torch(&model, &names))?;
        }
    }
    write("state", "project.json", state(Some(&random_model(models[2].clone(), 1).to_int8_bytes())))?;
    write("state", "plain.json", state(None))?;
    write("state", "notes.json", state_of_notes())?;
    lessons()?;
    training()?;
    settings()?;
    midi()?;
    rolls()?;
    recordings()
}

fn write(target: &str, name: &str, bytes: impl AsRef<[u8]>) -> io::Result<()> {
    let path = place(target, name);
    fs::create_dir_all(path.parent().expect("a folder"))?;
    fs::write(path, bytes)
}

fn place(target: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target).join(name)
}

/// A model of every approach, with one cell or another; and the configurations of these and of more.
fn small_models() -> (Vec<ModelConfig>, Vec<(String, ModelConfig)>) {
    let mixture = Head::Mixture { components: 2, residual: true };
    let magnitude = Magnitude {
        window: 64,
        hop: 16,
        zero_padding: false,
        peak_picking: true,
        magnitude_peak: 60.0,
        power: 0.5,
        sharpen: 1.2,
    };
    let small = |approach, head, principal_components, cell: usize| {
        let mut config = config(approach, head, principal_components);
        (config.layers, config.hidden, config.tanh_output) = (1, 3, head == Head::Mse);
        CELLS[cell].1(&mut config);
        config
    };
    let models = vec![
        small(Approach::Magnitude(magnitude.clone()), mixture, 2, 0),
        small(Approach::Vector(Vector { overlap: 8, ..Vector::new(16) }), Head::Mse, 0, 1),
        small(Approach::Sample, mixture, 0, 2),
        small(COLUMN, Head::Mse, 0, 3),
        small(TRANSPOSE, Head::Mse, 0, 5),
    ];
    let mut configs: Vec<(String, ModelConfig)> =
        models.iter().enumerate().map(|(index, config)| (index.to_string(), config.clone())).collect();
    let Approach::Listening(own) = listening().approach else { unreachable!("it listens") };
    let own = Listening { bins: 16, band_edges_hz: [200.0, 350.0, 500.0], key_size: 8, ..own };
    configs.push(("listening".into(), ModelConfig { approach: Approach::Listening(own), ..listening() }));
    configs.push(("whole".into(), small(Approach::Magnitude(magnitude), Head::Mse, 0, 6)));
    (models, configs)
}

/// A state as the plugin saves it, with a captured seed, and with a model in the project.
fn state(model: Option<&[u8]>) -> String {
    let user = model.map(|bytes| {
        vec![StoredModel {
            slot: 64,
            name: "bells".into(),
            file: Some(Base64File::encode(bytes)),
            ..Default::default()
        }]
    });
    let project = serde_json::to_string(&Project { user, ..Project::default() }).expect("plain data");
    let captured = r#"{"version":1,"sample_rate_hz":48000,"channels":1,"peak":0.5,"samples":"AAEAAg=="}"#;
    serde_json::json!({
        "version": "0.1.0",
        "params": {
            "mix": { "f32": 50.0 }, "model": { "i32": 64 }, "bypass": { "bool": false }, "clock": { "string": "transport" }
        },
        "fields": { "models": project, "captured": captured, "reaction": "12", "loading": "null" }
    })
    .to_string()
}

/// A state of the plugin for notes, with a model in the project.
fn state_of_notes() -> String {
    let file = Some(Base64File::encode(&notes::lstm(2, -1.0).to_half_bytes()));
    let user = Some(vec![StoredModel { slot: 64, name: "scores".into(), file, ..Default::default() }]);
    let project = serde_json::to_string(&Project { user, ..Project::default() }).expect("plain data");
    serde_json::json!({
        "version": "0.1.0",
        "params": { "model": { "i32": 64 }, "density": { "f32": 1.0 }, "store_models": { "bool": true }, "reaction": { "i32": 50 } },
        "fields": { "notes": "1", "models": project, "loading": "null" }
    })
    .to_string()
}

/// A lesson before its first step, and one of four steps after two.
fn lessons() -> io::Result<()> {
    let small = fs::read("tests/fixtures/listening/small.safetensors")?;
    let plan = Plan { steps: 4, frames: 8, ..Plan::new(learn::Depth::Quick, 1) };
    let draft = Draft {
        name: "small, learnt today".into(),
        base: "small".into(),
        take: "take of today".into(),
        lost_seconds: 0.25,
        plan: plan.clone(),
        sample_rate_hz: 8000,
        model: random_model(small_models().0[2].clone(), 1).to_int8_bytes(),
        mono: (0..200).map(|i| 0.3 * (0.1 * i as f32).sin()).collect(),
    };
    write("lesson", "draft.lesson", draft.to_bytes())?;
    let model = ModelData::from_bytes(&small, Path::new("small")).expect("the fixture");
    let mut hearing = Hearing::new(&model, Isa::best()).expect("a model that listens");
    let mut random = Random::new(1);
    let sound: Vec<f32> = (0..4 * hearing.sample_rate_hz()).map(|_| 0.1 * random.normal()).collect();
    let player = hearing.material(&sound, f32::MAX).expect("four seconds");
    let mut study = Study::new(&model, &player, &[], &plan, Isa::best()).expect("a study");
    for _ in 0..2 {
        study.step().expect("a step");
    }
    write("lesson", "two.steps", study.save())
}

fn training() -> io::Result<()> {
    for preset in PRESETS.iter().chain(&LISTENING_PRESETS[..1]) {
        write("training", &format!("{}.json", preset.name), with_files(preset.json))?;
    }
    let all = TrainConfig::from_json(&with_files(PRESETS[0].json), &[]).expect("a preset");
    write("training", "all.json", serde_json::to_string(&all)?)?;
    let fields = serde_json::from_str(&with_files(LISTENING_PRESETS[0].json))?;
    let all = ListenConfig::from_fields(fields, &[]).expect("a preset");
    write("training", "all-listening.json", serde_json::to_string(&all)?)
}

/// A preset, and what it is trained on.
fn with_files(json: &str) -> String {
    let mut fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).expect("a preset");
    fields.insert("files".into(), serde_json::json!([{ "path": "take.wav" }]));
    serde_json::Value::Object(fields).to_string()
}

fn settings() -> io::Result<()> {
    for (name, preset) in control::Preset::factory().take(2) {
        write("settings", &format!("{name}.json"), preset.to_json())?;
    }
    for (name, preset) in control::NotePreset::factory().take(2) {
        write("settings", &format!("{name}.json"), preset.to_json())?;
    }
    let seconds =
        r#"{"mix": [[0, 20, "hold"], [0.6, "100 %"]], "temperature": [[0.7, 0.5], [2, 1.5]], "model": [[3, "any"]]}"#;
    let beats =
        r#"{"continue": [[0, 0], ["8 beats", "on"], ["9 beats", "off"]], "wet_gain": [[0, "-20 dB"], ["2", 0]]}"#;
    write("settings", "seconds.json", seconds)?;
    write("settings", "beats.json", beats)
}

fn midi() -> io::Result<()> {
    let notes = [0x00, 0x90, 60, 100, 0x30, 60, 0, 0x30, 64, 100, 0x00, 0xff, 0x51, 3, 0x0f, 0x42, 0x40, 0x30, 64, 0];
    let others = [0x00, 0xff, 0x58, 4, 3, 2, 24, 8, 0x00, 0xf0, 3, 0x43, 1, 0xf7, 0x00, 0xb0, 120, 0, 0x00, 0xc1, 5];
    let end = [0x00, 0xff, 0x2f, 0];
    let track = |bytes: &[u8]| [b"MTrk", &(bytes.len() as u32 + 4).to_be_bytes()[..], bytes, &end].concat();
    for (name, format, division) in [("one", 1, [0, 96]), ("patterns", 2, [1, 0xe0]), ("frames", 1, [0xe7, 40])] {
        let header = [&b"MThd\0\0\0\x06\0"[..], &[format, 0, 2], &division].concat();
        write("midi", &format!("{name}.mid"), [header, track(&notes), track(&others)].concat())?;
    }
    Ok(())
}

/// Two pieces and copies of them, with and without strokes.
fn rolls() -> io::Result<()> {
    for (name, repeats) in [("gap", Repeats::Gap), ("onset", Repeats::Onset)] {
        let grid = Grid { repeats, ..Grid::default() };
        let mut data_set = DataSet::new(Rules { grid, transpose: [-1, 1], ..Rules::default() });
        let plane: Vec<[u8; COLUMN_BYTES]> = (0..6).map(|step| [1 << (step / 2); COLUMN_BYTES]).collect();
        for piece in ["aria.mid", "gigue.mid"] {
            let strokes = (repeats == Repeats::Onset).then(|| plane.clone());
            data_set.add(&Piece::unknown(piece.into()), &Roll::new(plane.clone(), strokes)).expect("few steps");
        }
        write("roll", &format!("{name}.roll"), data_set.to_bytes())?;
    }
    Ok(())
}

/// Of the formats that can be written here; those that cannot are fixtures of the tests.
fn recordings() -> io::Result<()> {
    let sound: Vec<f32> = (0..200).map(|i| 0.5 * (0.1 * i as f32).sin()).collect();
    write("recording", "16.wav", [])?;
    for (name, depth) in [("16.wav", Depth::Int16), ("24.wav", Depth::Int24), ("float.wav", Depth::Float32)] {
        let file = File::create(place("recording", name))?;
        let mut file = WavFile::within(file, RATE_HZ, 2, depth)?;
        file.write(&[&sound, &sound])?;
        file.finish()?;
    }
    let long = sound.repeat(22);
    for (target, name, channels) in
        [("recording", "two-frames.flac", 1), ("recording_sums", "mono.flac", 1), ("recording_sums", "stereo.flac", 2)]
    {
        write(target, name, [])?;
        let mut file = FlacFile::create(&place(target, name), RATE_HZ, channels, Depth::Int16)?;
        file.write(&vec![&long[..]; channels])?;
        file.finish()?;
    }
    let samples: Vec<u8> = sound.iter().flat_map(|x| ((x * 32_768.0) as i16).to_be_bytes()).collect();
    // The rate as a number of 80 bits: 1.0101100010001 · 2¹⁴.
    let rate = [0x40, 0x0d, 0xac, 0x44, 0, 0, 0, 0, 0, 0];
    let common = [&[0, 1, 0, 0, 0, 200, 0, 16][..], &rate].concat();
    let chunk = |id: &[u8], bytes: &[u8]| [id, &(bytes.len() as u32).to_be_bytes(), bytes].concat();
    let chunks = [chunk(b"COMM", &common), chunk(b"SSND", &[&[0; 8][..], &samples].concat())].concat();
    write("recording", "16.aiff", chunk(b"FORM", &[b"AIFF", &chunks[..]].concat()))?;
    let description = [&f64::from(RATE_HZ).to_be_bytes()[..], b"lpcm", &[0; 4]];
    let description = [&description.concat()[..], &[0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 16]].concat();
    let chunk = |id: &[u8], bytes: &[u8]| [id, &(bytes.len() as u64).to_be_bytes(), bytes].concat();
    let data = chunk(b"data", &[&[0; 4][..], &samples].concat());
    write("recording", "16.caf", [b"caff\0\x01\0\0", &chunk(b"desc", &description)[..], &data].concat())
}
