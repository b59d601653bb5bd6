//! Files that are brought to the editor, and the file that its hyperparameters become.

use crate::{
    common::{models, phrase},
    keep, registry,
    stage::{Player, Stage},
};
use egui::Role;
use egui_kittest::kittest::Queryable;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use sympathy::{
    audio_file::wav::{Depth, write_wav},
    control::{ParamId, SeedSource},
    editor::{Page, SIZE},
    hyperparameters::{Draft, Field, Group, PRESETS, Preset, TrainConfig},
};

#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|error| error.to_string())
    }
}

pub fn drop_onto<V: Default + 'static, P: 'static>(stage: &mut Stage<V, P>, path: &Path) {
    stage.harness.input_mut().dropped_files.push(Arc::new(Dropped(path.into())));
    stage.harness.run_steps(3);
}

/// Draws pictures until something has happened on another thread.
fn until(stage: &mut Stage, what: &str, mut has_happened: impl FnMut(&mut Stage) -> bool) {
    let began = Instant::now();
    while !has_happened(stage) {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(5));
        stage.harness.run_steps(1);
    }
    stage.harness.run_steps(2);
}

fn stage_in(folder: &Path) -> Stage {
    let mut player = Player::new(&registry(), |_| {});
    player.data = Some(folder.join("data"));
    Stage::new(player, 1.0, SIZE)
}

fn write_recording(path: &Path, seconds: f32) {
    let sound = phrase(48_000, seconds, 2);
    let channels: Vec<&[f32]> = sound.iter().map(Vec::as_slice).collect();
    write_wav(path, 48_000, &channels, Depth::Int16).expect("space");
}

fn type_into(stage: &mut Stage, label: &str, text: &str) {
    stage.harness.get_by_role_and_label(Role::TextInput, label).focus();
    stage.harness.run_steps(2);
    stage.harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::A);
    stage.harness.run_steps(1);
    stage.harness.get_by_role_and_label(Role::TextInput, label).type_text(text);
    stage.harness.run_steps(1);
    stage.harness.key_press(egui::Key::Enter);
    stage.harness.run_steps(3);
}

#[test]
fn what_is_dropped_is_taken_for_what_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let mut stage = stage_in(folder.path());
    stage.harness.step();
    stage.harness.input_mut().hovered_files.push(egui::HoveredFile::default());
    stage.harness.run_steps(1);
    keep(&mut stage, "drop");
    stage.harness.input_mut().hovered_files.clear();

    let model = at("mine.safetensors");
    std::fs::write(&model, models::random_model(models::listening(), 1).to_half_bytes()).expect("space");
    drop_onto(&mut stage, &model);
    assert_eq!(stage.player().placed, [(None, model)]);
    assert_eq!(stage.player().values.get(ParamId::Model), 64.0);

    write_recording(&at("take.wav"), 14.0);
    drop_onto(&mut stage, &at("take.wav"));
    until(&mut stage, "the seed", |stage| stage.player().clip.is_some());
    assert_eq!(stage.player().captured, Some(10.0), "as much as the longest seed");
    assert_eq!(stage.player().values.get(ParamId::SeedSource), SeedSource::Captured.value());
    stage.harness.get_by_label("Train from it…").click();
    stage.harness.run_steps(3);
    assert_eq!(stage.view().page, Page::Hyperparameters);
    stage.harness.get_by_label("Close").click();
    stage.harness.run_steps(2);

    std::fs::write(at("soft.json"), r#"{"name": "Soft", "description": "d", "parameters": {"mix": 12}}"#)
        .expect("space");
    drop_onto(&mut stage, &at("soft.json"));
    assert_eq!(stage.player().values.get(ParamId::Mix), 12.0);
    assert_eq!(stage.player().values.get(ParamId::Model), 64.0, "a preset that names no model leaves it alone");

    for (name, content, said) in [
        ("a.txt", Some("text"), "is no model (.safetensors), no preset (.json) and no recording."),
        ("broken.json", Some("{"), "broken.json: expected"),
        ("broken.wav", Some("RIFF"), "broken.wav: expected"),
        ("gone.flac", None, "gone.flac: cannot be read"),
        ("", None, "is no model"),
    ] {
        if let Some(content) = content {
            std::fs::write(at(name), content).expect("space");
        }
        let before = stage.player().values;
        drop_onto(&mut stage, &at(name));
        until(&mut stage, name, |stage| stage.harness.query_by_label_contains(said).is_some());
        assert_eq!(stage.player().values, before, "{name}");
    }
    keep(&mut stage, "dropped");
}

#[test]
fn a_missing_model_is_located_and_a_recording_chosen_from_the_list_of_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let music = folder.path().join("Music");
    std::fs::create_dir_all(music.join("Takes")).expect("space");
    let model = music.join("cello.safetensors");
    std::fs::write(&model, models::random_model(models::listening(), 1).to_half_bytes()).expect("space");
    std::fs::write(music.join("notes.txt"), "no model").expect("space");
    write_recording(&music.join("Takes/riff.wav"), 2.0);
    let registry = registry();
    registry.set_missing(70, "cello".into(), "missing: not at /old/cello.safetensors".into());
    let mut player = Player::new(&registry, |values| values.set(ParamId::Model, 70.0));
    player.data = Some(folder.path().into());
    std::fs::write(folder.path().join("last-folder.txt"), music.to_str().expect("a name")).expect("space");
    let mut stage = Stage::new(player, 1.0, SIZE);
    stage.view().page = Page::Models;
    stage.harness.run_steps(3);
    stage.harness.get_by_label("Locate…").click();
    stage.harness.run_steps(2);
    until(&mut stage, "the list", |stage| stage.harness.query_by_label("cello.safetensors").is_some());
    keep(&mut stage, "files");
    assert!(stage.harness.query_by_label("notes.txt").is_none(), "no model");
    stage.harness.get_by_label("cello.safetensors").click();
    stage.harness.run_steps(3);
    assert_eq!(stage.player().placed, [(Some(70), model)]);
    assert_eq!(stage.view().page, Page::Models, "back where it came from");
    until(&mut stage, "the model", |_| registry.get(70).is_some());

    stage.harness.get_by_label("Seed").click();
    stage.harness.run_steps(2);
    stage.harness.get_by_label("Recording…").click();
    stage.harness.run_steps(2);
    until(&mut stage, "the folder", |stage| stage.harness.query_by_label("Takes").is_some());
    stage.harness.get_by_label("Takes").click();
    stage.harness.run_steps(2);
    until(&mut stage, "its files", |stage| stage.harness.query_by_label("riff.wav").is_some());
    stage.harness.get_by_label("riff.wav").click();
    stage.harness.run_steps(2);
    until(&mut stage, "the seed", |stage| stage.player().clip.is_some());
    let noted = std::fs::read_to_string(folder.path().join("last-folder.txt")).expect("a note");
    assert_eq!(Path::new(&noted), music.join("Takes"), "the folder is remembered");
    // A folder that cannot be read says so; leaving changes nothing.
    std::fs::write(folder.path().join("last-folder.txt"), folder.path().join("gone").to_str().expect("a name"))
        .expect("space");
    stage.harness.get_by_label("Recording…").click();
    stage.harness.run_steps(2);
    until(&mut stage, "a reason", |stage| stage.harness.query_by_label_contains("cannot be read").is_some());
    stage.harness.get_by_label("Cancel").click();
    stage.harness.run_steps(2);
    assert_eq!(stage.view().page, Page::Models);
}

#[test]
fn a_model_is_auditioned_beside_what_is_played() {
    let mut stage = Stage::new(Player::new(&registry(), |_| {}), 1.0, SIZE);
    let silence = vec![vec![0.0; 512]; 2];
    // Paced as a performance: a host that runs ahead bounces, and hears no audition.
    let play = |stage: &mut Stage| {
        std::thread::sleep(Duration::from_millis(11));
        stage.player().play(&silence, 0, false);
        stage.harness.run_steps(1);
        stage.player().peak
    };
    stage.view().page = Page::Models;
    assert_eq!(play(&mut stage), 0.0);
    stage.harness.run_steps(2);
    for _ in 0..2 {
        stage.harness.get_by_role_and_label(Role::Button, "Audition").click();
        stage.harness.run_steps(2);
        until(&mut stage, "the phrase", |stage| play(stage) > 0.02);
        keep(&mut stage, "audition");
        stage.harness.get_by_role_and_label(Role::Button, "End audition").click();
        stage.harness.run_steps(2);
        let is_over = |stage: &Stage| stage.harness.query_by_role_and_label(Role::Button, "Audition").is_some();
        until(&mut stage, "silence", |stage| play(stage) == 0.0 && is_over(stage));
    }
    assert_eq!(stage.player().values, sympathy::control::ParamValues::default(), "nothing has been changed");
    assert_eq!(stage.player().edits, []);
}

#[test]
fn hyperparameters_become_the_file_that_configure_writes() {
    let folder = tempfile::tempdir().expect("a folder");
    let recording = folder.path().join("riff.wav");
    write_recording(&recording, 2.0);
    let mut stage = stage_in(folder.path());
    stage.view().page = Page::Models;
    stage.harness.run_steps(2);
    stage.harness.get_by_label("Train a model…").click();
    stage.harness.run_steps(3);
    keep(&mut stage, "hyperparameters-presets");
    stage.harness.get_by_label("column").click();
    stage.harness.run_steps(2);
    stage.harness.get_by_label("Material").click();
    stage.harness.run_steps(2);
    drop_onto(&mut stage, &recording);
    stage.harness.get_by_label("Network").click();
    stage.harness.run_steps(3);
    type_into(&mut stage, "hidden", "0");
    stage.harness.get_by_label("hidden: Expected 1 to 4096, found 0.");
    keep(&mut stage, "hyperparameters-mistake");
    type_into(&mut stage, "hidden", "1,5");
    stage.harness.get_by_label("hidden: Expected a whole number, found \"1,5\".");
    type_into(&mut stage, "hidden", "96");
    keep(&mut stage, "hyperparameters-network");
    stage.harness.get_by_label("Training").click();
    stage.harness.run_steps(3);
    type_into(&mut stage, "max_minutes", "1.5h");
    stage.harness.get_by_label("Summary").click();
    stage.harness.run_steps(3);
    keep(&mut stage, "hyperparameters-summary");
    stage.harness.get_by_label("Save").click();
    stage.harness.run_steps(3);
    stage.harness.get_by_label_contains("Saved. Train with it:  sympathy train ");
    keep(&mut stage, "hyperparameters-saved");
    let path = folder.path().join("riff.json");
    let text = std::fs::read_to_string(&path).expect("beside the recording, called as the model");
    let written = TrainConfig::from_json(&text, &[]).expect("a good configuration");
    let mut expected = Draft::of(Preset::by_name("column").expect("a preset")).expect("good").config;
    expected.files = written.files.clone();
    expected.name = "riff".into();
    expected.hidden = 96;
    expected.max_minutes = Some(90.0);
    assert_eq!(written, expected);
    assert_eq!(written.files[0].path, Path::new("riff.wav"), "relative to the file");
    // Saved again: the file is there, and stays.
    std::fs::write(&path, "mine").expect("space");
    stage.harness.get_by_label("Save").click();
    stage.harness.run_steps(3);
    assert_eq!(std::fs::read_to_string(&path).expect("the file"), "mine");
    stage.harness.get_by_label_contains("riff.json is there already. Choose another name.");
    type_into(&mut stage, "Save as", folder.path().join("other.txt").to_str().expect("a name"));
    stage.harness.get_by_label("Save").click();
    stage.harness.run_steps(3);
    assert!(!folder.path().join("other.txt").exists(), "no name of a configuration");
    type_into(&mut stage, "Save as", folder.path().join("other.json").to_str().expect("a name"));
    stage.harness.get_by_label("Save").click();
    stage.harness.run_steps(3);
    assert!(folder.path().join("other.json").exists());
}

#[test]
fn every_hyperparameter_is_on_some_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stage = stage_in(folder.path());
    stage.view().page = Page::Models;
    stage.harness.run_steps(2);
    stage.harness.get_by_label("Train a model…").click();
    stage.harness.run_steps(3);
    let config = Draft::of(&PRESETS[0]).expect("good").config;
    let mut seen = Vec::new();
    for group in Group::ALL {
        let title = group.title();
        let title = format!("{}{}", title[..1].to_uppercase(), &title[1..]);
        stage.harness.get_by_label(&title).click();
        stage.harness.run_steps(3);
        keep(&mut stage, &format!("hyperparameters-{}", group.title().replace(' ', "-")));
        for field in Field::all().iter().filter(|field| stage.harness.query_all_by_label(field.key).next().is_some()) {
            seen.push(field.key);
        }
    }
    for field in Field::all().iter().filter(|field| (field.applies)(&config)) {
        assert!(seen.contains(&field.key), "{}", field.key);
    }
}
