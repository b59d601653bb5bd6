//! What is fuzzed: a function for each kind of bytes that come from elsewhere. The programs of `fuzz_targets/` call them, and the test
//! `fuzz_corpus` of the package, which tries the inputs that are kept.

#[path = "../../tests/common/counting.rs"]
mod counting;
#[path = "sums.rs"]
mod sums;

use counting::peak_bytes;
use nice_plug::{params::persist::PersistentField, prelude::PluginState};
use safetensors::{Dtype, tensor::TensorView};
use std::{
    cell::RefCell,
    collections::HashMap,
    io::{Seek, Write},
    path::Path,
    sync::Arc,
};
use sympathy::{
    approach::{Generator, Network},
    audio_file::{LongRecording, Recording, Samples},
    cli::{
        automation::{at_tempo, read_automation},
        notes::read_notes,
    },
    control::{HasPresets, ParamId, PresetOf, notes::NoteParam},
    dsp::random::Random,
    hyperparameters::TrainConfig,
    learn::{Depth, Hearing, Material, Plan, Study, job::Draft},
    model::{
        METADATA_KEY, ModelConfig, ModelData, RollModel,
        import::{Choice, ExternalFile, Recognised, restore},
    },
    nn::Isa,
    notes::{DataSet, Grid, MAX_STEPS, Score, live::NoteModel},
    params::{CapturedSeed, StoredProject, StoredSeed, UserModels, sanitise, sanitise_notes},
    train::listen::ListenConfig,
    worker::ModelRegistry,
};
use tempfile::NamedTempFile;

/// Files of at most so many bytes …
const SMALL_BYTES: usize = 1024;
/// … take no more memory than this.
const MAX_BYTES: usize = 16 << 20;
/// No error is longer.
const MAX_WORDS: usize = 1 << 16;
/// Numbers of a model that is made of a configuration; larger ones take time and find nothing more.
const MAX_NUMBERS: usize = 1 << 14;

/// A target: its name, and what it does with an input. True of one that is accepted.
type Target = (&'static str, fn(&[u8]) -> bool);

/// All targets.
pub const TARGETS: [Target; 11] = [
    ("model", model),
    ("model_config", model_config),
    ("import", import),
    ("state", state),
    ("training", training),
    ("settings", settings),
    ("midi", midi),
    ("roll", roll),
    ("recording", recording),
    ("recording_sums", recording_sums),
    ("lesson", lesson),
];

/// Tries an input; true if it is accepted.
///
/// # Panics
/// If something is wrong with how it is read, or it takes too much memory.
pub fn run(name: &str, bytes: &[u8]) -> bool {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target");
    let (most, is_accepted) = peak_bytes(|| target(bytes));
    assert!(bytes.len() > SMALL_BYTES || most <= MAX_BYTES, "{} bytes take {most} of memory", bytes.len());
    is_accepted
}

/// A model file: refused in words, or the same once it is written, and it plays.
fn model(bytes: &[u8]) -> bool {
    match RollModel::from_bytes(bytes, Path::new("guest.safetensors")) {
        Ok(model) => {
            let again = RollModel::from_bytes(&model.to_bytes(), Path::new("again")).expect("a file of our own");
            assert!(model == again, "not the same once it is written");
            return true;
        }
        Err(error) => _ = refused(&error),
    }
    match ModelData::from_bytes(bytes, Path::new("guest.safetensors")) {
        Ok(data) => {
            let again = ModelData::from_bytes(&data.to_bytes(), Path::new("again")).expect("a file of our own");
            assert!(data == again, "not the same once it is written");
            play(&data);
            true
        }
        Err(error) => refused(&error),
    }
}

/// The configuration of a model, in a file that is whole but for it.
fn model_config(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let Ok(config) = serde_json::from_str::<ModelConfig>(text) else {
        let file = safetensors::serialize::<String, TensorView<'_>, _>([], metadata(text)).expect("no tensors");
        return model(&file);
    };
    // Refused before its tensors are looked for, or without them.
    let whole = safetensors::serialize::<String, TensorView<'_>, _>([], metadata(text)).expect("no tensors");
    let error = ModelData::from_bytes(&whole, Path::new("guest.safetensors")).expect_err("there is no tensor");
    if !error.to_string().contains("tensor `") {
        return refused(&error);
    }
    let tensors = config.tensors();
    let numbers = tensors.iter().try_fold(0usize, |sum, tensor| {
        let count = tensor.shape.iter().try_fold(1usize, |count, &size| count.checked_mul(size))?;
        sum.checked_add(count)
    });
    if numbers.is_none_or(|numbers| numbers > MAX_NUMBERS) {
        return true;
    }
    let mut random = Random::new(1);
    let values: Vec<Vec<u8>> = tensors
        .iter()
        .map(|tensor| {
            let count = tensor.shape.iter().product::<usize>();
            (0..count).flat_map(|_| (0.5 * random.normal()).to_le_bytes()).collect()
        })
        .collect();
    let views = tensors.iter().zip(&values).map(|(tensor, bytes)| {
        (&tensor.name, TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).expect("as many as it should be"))
    });
    model(&safetensors::serialize(views, metadata(text)).expect("names that differ"))
}

fn metadata(config: &str) -> Option<HashMap<String, String>> {
    Some(HashMap::from([(METADATA_KEY.into(), config.into())]))
}

/// Whatever was accepted gives finite sound.
fn play(data: &ModelData) {
    let mut generator = Generator::new(Arc::new(Network::new(data, Isa::best())));
    generator.reset(1);
    let config = data.config();
    let mut hop = vec![0.0; config.hop_samples()];
    generator.feed(&vec![0.1; config.window_samples()]);
    for _ in 0..2 {
        generator.predict(config.temperature, &mut hop);
        assert!(hop.iter().all(|x| x.is_finite()), "sound of numbers that are none");
    }
}

/// A file of PyTorch, or of another program.
fn import(bytes: &[u8]) -> bool {
    let file = match ExternalFile::from_bytes(bytes.to_vec(), Path::new("guest.pt"), None) {
        Ok(file) => file,
        Err(error) => return refused(&error),
    };
    match restore(&file) {
        Some(Ok(data)) => {
            play(&data);
            return true;
        }
        Some(Err(error)) => _ = refused(&error),
        None => {}
    }
    match Recognised::of(&file, Choice::default()).and_then(|found| found.tensors(&file)) {
        Ok(_) => true,
        Err(error) => refused(&error),
    }
}

/// A state as a host hands it over.
fn state(bytes: &[u8]) -> bool {
    let Ok(mut state) = serde_json::from_slice::<PluginState>(bytes) else { return false };
    state_of_notes(state.clone());
    sanitise(&mut state);
    let once = serde_json::to_string(&state).expect("plain data");
    sanitise(&mut state);
    assert!(serde_json::to_string(&state).expect("plain data") == once, "brought into shape twice");
    let mut are_known = true;
    if let Some(stored) = state.fields.get("captured").and_then(|json| serde_json::from_str::<StoredSeed>(json).ok()) {
        let seed = CapturedSeed::default();
        seed.set(stored.clone());
        seed.map(|kept| assert!(*kept == stored, "a captured seed is given back as it was"));
        are_known &= matches!(stored, StoredSeed::Known(_)) == seed.clip_slot().get().is_some();
    }
    if let Some(project) = state.fields.get("models").and_then(|json| serde_json::from_str::<StoredProject>(json).ok())
    {
        let models: UserModels = UserModels::new(ModelRegistry::with_embedded(Isa::best()), None);
        models.set(project.clone());
        models.map(|kept| match (&project, kept) {
            (StoredProject::Known(_), StoredProject::Known(_)) => {}
            _ => assert!(*kept == project, "what is not understood is given back as it was"),
        });
        match project {
            StoredProject::Known(project) => {
                for file in project.user.iter().flatten().filter_map(|model| model.file.as_ref()) {
                    file.decode().map(|bytes| model(&bytes));
                }
            }
            StoredProject::Unknown(_) => are_known = false,
        }
    }
    are_known
}

/// A state as a host hands it to the plugin for notes.
fn state_of_notes(mut state: PluginState) {
    sanitise_notes(&mut state);
    let once = serde_json::to_string(&state).expect("plain data");
    sanitise_notes(&mut state);
    assert!(serde_json::to_string(&state).expect("plain data") == once, "brought into shape twice");
    let Some(project) = state.fields.get("models").and_then(|json| serde_json::from_str::<StoredProject>(json).ok())
    else {
        return;
    };
    let models: UserModels<NoteModel> = UserModels::new(ModelRegistry::with_embedded(Isa::best()), None);
    models.set(project.clone());
    models.map(|kept| match (&project, kept) {
        (StoredProject::Known(_), StoredProject::Known(_)) => {}
        _ => assert!(*kept == project, "what is not understood is given back as it was"),
    });
}

/// A lesson of which the steps that are restored are some.
struct Course {
    model: ModelData,
    player: Material,
    plan: Plan,
    /// The beginning of its file: mark and version, steps done and in all, and the number that tells it from others.
    start: Vec<u8>,
}

impl Course {
    /// Where that number stands.
    const KEY: std::ops::Range<usize> = 20..28;

    fn new() -> Self {
        let model = include_bytes!("../../tests/fixtures/listening/small.safetensors");
        let model = ModelData::from_bytes(model, Path::new("small.safetensors")).expect("the fixture");
        let mut hearing = Hearing::new(&model, Isa::best()).expect("a model that listens");
        let mut random = Random::new(1);
        let sound: Vec<f32> = (0..4 * hearing.sample_rate_hz()).map(|_| 0.1 * random.normal()).collect();
        let player = hearing.material(&sound, f32::MAX).expect("four seconds");
        let plan = Plan { steps: 4, frames: 8, ..Plan::new(Depth::Quick, 1) };
        let study = Study::new(&model, &player, &[], &plan, Isa::best()).expect("a study");
        let start = study.save()[..Self::KEY.end].to_vec();
        drop(study);
        Self { model, player, plan, start }
    }

    /// Restores steps that say that they are this lesson's.
    fn restored(&self, bytes: &[u8]) -> bool {
        let mut bytes = bytes.to_vec();
        if let Some(key) = bytes.get_mut(Self::KEY) {
            key.copy_from_slice(&self.start[Self::KEY]);
        }
        let bytes = sums::sealed(&bytes);
        let study = Study::restore(&self.model, &self.player, &[], &self.plan, Isa::best(), &bytes);
        let mut study = match study {
            Ok(study) => study,
            Err(error) => return refused(&error),
        };
        assert!(study.save() == bytes, "not the same once it is written");
        // Whether it learns anything from such weights or ends in words is its own affair.
        while let Ok(Some(progress)) = study.step() {
            assert!(progress.step <= progress.steps);
        }
        true
    }
}

/// The file of a lesson that is not finished, or of its steps.
fn lesson(bytes: &[u8]) -> bool {
    thread_local! {
        static COURSE: Course = Course::new();
    }
    if bytes.starts_with(b"SYMSTUDY") {
        return COURSE.with(|course| course.restored(bytes));
    }
    let sealed = sums::sealed(bytes);
    match Draft::from_bytes(&sealed) {
        Ok(draft) => {
            assert!(draft.to_bytes() == sealed, "not the same once it is written");
            assert!(draft.mono.iter().all(|x| x.is_finite()));
            model(&draft.model)
        }
        Err(error) => refused(&error),
    }
}

/// The hyperparameters of a training, read as `sympathy train` reads them.
fn training(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let problems = match serde_json::from_str(text) {
        Ok(fields) if ListenConfig::is_meant(&fields, &[]) => ListenConfig::from_fields(fields, &[]).err(),
        _ => match TrainConfig::from_json(text, &[]) {
            Ok(config) => {
                let json = serde_json::to_string(&config).expect("plain data");
                let again = TrainConfig::from_json(&json, &[]).expect("a configuration of our own");
                assert!(serde_json::to_string(&again).expect("plain data") == json, "not the same once it is written");
                None
            }
            Err(problems) => Some(problems),
        },
    };
    problems.is_none_or(|problems| problems.iter().any(refused))
}

/// A preset, or the automation of a rendering, of either plugin.
fn settings(bytes: &[u8]) -> bool {
    in_file(bytes, |path| settings_of::<ParamId>(path) | settings_of::<NoteParam>(path))
}

fn settings_of<Id: HasPresets>(path: &Path) -> bool {
    let preset = match PresetOf::<Id>::find(&path.display().to_string()) {
        Ok(preset) => {
            let again = PresetOf::<Id>::parse("again", &preset.to_json()).expect("a preset of our own");
            assert!(again.values() == preset.values(), "not the same once it is written");
            true
        }
        Err(error) => refused(&error),
    };
    let automation = match read_automation::<Id>(path, 48_000, at_tempo(120.0)) {
        Ok(automation) => {
            for (id, value) in automation.values() {
                assert!(id.spec().sanitise(value) == value, "{value} of {id:?}");
            }
            let mut changes = Vec::new();
            automation.changes(0..4096, &mut changes);
            assert!(changes.iter().all(|change| change.sample < 4096));
            true
        }
        Err(error) => refused(&error),
    };
    preset || automation
}

/// A standard MIDI file: as orders to the engine, and as a roll.
fn midi(bytes: &[u8]) -> bool {
    roll_of_midi(bytes);
    in_file(bytes, |path| match read_notes(path, 48_000) {
        Ok(notes) => {
            assert!(notes.orders.is_sorted_by_key(|order| order.sample), "notes that go back");
            assert!(notes.orders.len() <= bytes.len(), "more notes than bytes");
            true
        }
        Err(error) => refused(&error),
    })
}

/// The notes of a roll are the same once it is written as a MIDI file and read again.
fn roll_of_midi(bytes: &[u8]) {
    let name = Path::new("guest.mid");
    let Ok(score) = Score::from_bytes(bytes, name).map_err(|error| refused(&error)) else { return };
    let grid = Grid::default();
    let Ok((roll, placed)) = score.roll(&grid) else { return };
    assert!(placed.notes <= bytes.len() && roll.len() <= MAX_STEPS, "more notes than bytes");
    let notes = roll.notes();
    let written = Score::midi_of(&roll, grid.steps_per_quarter, 120.0, name).expect("as few as were read");
    // Two of the longest rolls at once would take more memory than there may be.
    drop(roll);
    let again = Score::from_bytes(&written, name).expect("a file of our own");
    assert!(again.roll(&grid).expect("as long as it was").0.notes() == notes, "not the same once it is written");
}

/// A data set of rolls: the same once it is written, and its pieces have notes and figures.
fn roll(bytes: &[u8]) -> bool {
    match DataSet::from_bytes(bytes, Path::new("guest.roll")) {
        Ok(data_set) => {
            let again = DataSet::from_bytes(&data_set.to_bytes(), Path::new("again.roll")).expect("a file of our own");
            assert!(data_set == again, "not the same once it is written");
            for piece in 0..data_set.pieces().len() {
                let roll = data_set.roll(piece);
                assert_eq!(roll.notes().len() as u64, roll.note_count());
            }
            let figures = data_set.baselines();
            assert!(figures.is_none_or(|figures| (0.0..=1.0).contains(&figures.hold)), "{figures:?}");
            true
        }
        Err(error) => refused(&error),
    }
}

/// A recording: in memory and on disk the same finite sound, or the same error.
fn recording(bytes: &[u8]) -> bool {
    in_file(bytes, |path| match (Recording::read(path), LongRecording::read(path)) {
        (Ok(memory), Ok(disk)) => {
            let mut sound = vec![vec![0.0; disk.length_samples()]; disk.sound.channels()];
            disk.sound.read(0, &mut sound.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>()).expect("a file");
            assert!(memory.channels == sound, "not the same on disk");
            assert!(memory.channels.iter().flatten().all(|x| x.is_finite()), "numbers that are none");
            assert_eq!((memory.sample_rate_hz, memory.warnings), (disk.sample_rate_hz, disk.warnings));
            true
        }
        (Err(memory), Err(disk)) => {
            assert_eq!(memory.to_string(), disk.to_string());
            refused(&memory)
        }
        (memory, disk) => panic!("{memory:?} in memory, {disk:?} on disk"),
    })
}

/// The same, of Ogg and FLAC with check sums that are right.
fn recording_sums(bytes: &[u8]) -> bool {
    recording(&sums::mended(bytes))
}

/// Words of an error are there, and not without end. False: it was not accepted.
fn refused<E: ToString>(error: &E) -> bool {
    let words = error.to_string();
    assert!(!words.is_empty() && words.len() < MAX_WORDS, "{} letters of an error", words.len());
    false
}

/// Hands bytes over as a file.
fn in_file<T>(bytes: &[u8], read: impl FnOnce(&Path) -> T) -> T {
    thread_local! {
        static FILE: RefCell<Option<NamedTempFile>> = const { RefCell::new(None) };
    }
    FILE.with_borrow_mut(|file| {
        let file = file.get_or_insert_with(|| NamedTempFile::new().expect("a folder of temporary files"));
        // Not emptied first: some file systems then write to the disk at once.
        file.rewind()
            .and_then(|()| file.write_all(bytes))
            .and_then(|()| file.as_file().set_len(bytes.len() as u64))
            .expect("space");
        read(file.path())
    })
}
