//! The editor of notes in front of a real engine.

use crate::{brought::drop_onto, common::notes::autoencoder, keep, stage::Stage};
use egui_kittest::kittest::Queryable;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use sympathy::{
    control::{
        NotePreset,
        notes::{NOTE_SPECS, NoteParam, NoteValues, SLIDERS},
        text,
    },
    editor::{Edit, MIN_SIZE, Mode, NoteActivation, NoteInstance, NotePage, NoteView, ParamHost, SIZE, SettingsHost},
    engine::{Beats, RenderMode, Transport},
    model::{RollCodes, RollModel},
    nn::Isa,
    notes::{
        LOWEST_KEY, Roll, Score,
        live::{
            Book, Gesture, Message, NoteEngine, NoteEngineConfig, NoteModels, NoteSink, NoteWorker, Stage as Notes,
            StoredCodes, start,
        },
    },
};

/// Keys that were struck, with the sample of the block.
#[derive(Default)]
struct Sent(Vec<Message>);

impl NoteSink for Sent {
    fn send(&mut self, _: usize, message: Message) -> bool {
        self.0.push(message);
        true
    }
}

/// The instance, as the editor sees it, and what it has done.
pub struct NotePlayer {
    values: NoteValues,
    told: NoteValues,
    models: Arc<NoteModels>,
    codes: Arc<StoredCodes>,
    engine: Option<(NoteEngine, NoteWorker)>,
    book: Book,
    sent: Sent,
    edits: Vec<(NoteParam, Edit)>,
    settings: [f32; 2],
    folder: PathBuf,
    position: i64,
    plays: bool,
}

impl NotePlayer {
    fn new(models: &Arc<NoteModels>, set: &[(NoteParam, f32)], folder: &Path) -> Self {
        let mut values = NoteValues::default();
        set.iter().for_each(|&(id, value)| values.set(id, value));
        let codes: Arc<StoredCodes> = Arc::default();
        let config = NoteEngineConfig {
            sample_rate_hz: 48_000,
            reaction_ms: 50.0,
            mode: RenderMode::Live,
            values,
            models: Arc::clone(models),
            codes: Arc::clone(&codes),
        };
        Self {
            values,
            told: values,
            models: Arc::clone(models),
            codes,
            engine: Some(start(&config)),
            book: Book::default(),
            sent: Sent::default(),
            edits: Vec::new(),
            settings: [50.0, 1.0],
            folder: folder.into(),
            position: 0,
            plays: true,
        }
    }

    /// Plays a sixtieth of a second at 120 bpm, in which the player does this.
    fn play(&mut self, gestures: &[Gesture], is_late: bool) {
        const BLOCK: usize = 800;
        let Some((engine, worker)) = &mut self.engine else { return };
        let beats = Some(Beats::at(self.position as f64 / 24_000.0, 120.0));
        let position_samples = Some(self.position);
        let transport = Transport { playing: self.plays, position_samples, loop_samples: None, beats };
        let mut stage = Notes { book: &mut self.book, sink: &mut self.sent };
        engine.begin(transport, BLOCK, &mut stage);
        for spec in &NOTE_SPECS {
            let value = self.values.get(spec.id);
            if value != self.told.get(spec.id) {
                engine.set(spec.id, value, &mut stage);
            }
        }
        self.told = self.values;
        gestures.iter().for_each(|&gesture| engine.hear(gesture, &mut stage));
        for offset in (0..BLOCK).step_by(16) {
            engine.advance(offset, &mut stage);
            while !is_late && worker.run_once() {}
        }
        engine.end(BLOCK, &mut stage);
        if self.plays {
            self.position += BLOCK as i64;
        }
    }

    fn ours(&self) -> usize {
        self.sent.0.iter().filter(|message| matches!(message, Message::On { .. })).count()
    }
}

impl ParamHost<NoteParam> for NotePlayer {
    fn value(&self, id: NoteParam) -> f32 {
        self.values.get(id)
    }

    fn edit(&mut self, id: NoteParam, edit: Edit) {
        self.edits.push((id, edit));
        if let Edit::Set(value) = edit {
            self.values.set(id, value);
        }
    }

    fn text(&self, id: NoteParam) -> String {
        text::with_unit(id.spec(), self.value(id))
    }

    fn apply(&mut self, values: &NoteValues) {
        self.values = *values;
    }

    fn missing_model(&self, preset: &NotePreset) -> Option<String> {
        self.models.missing(preset)
    }

    fn presets_folder(&self) -> Option<PathBuf> {
        Some(self.folder.join("note-presets"))
    }
}

impl SettingsHost for NotePlayer {
    fn setting(&self, key: &str) -> f32 {
        self.settings[usize::from(key != "reaction")]
    }

    fn set_setting(&mut self, key: &str, value: f32) {
        self.settings[usize::from(key != "reaction")] = value;
    }

    fn restart(&mut self) {}
}

impl NoteInstance for NotePlayer {
    fn models(&self) -> &Arc<NoteModels> {
        &self.models
    }

    fn codes(&self) -> &StoredCodes {
        &self.codes
    }

    fn activation(&self) -> Option<NoteActivation> {
        self.engine.as_ref().map(|(engine, _)| NoteActivation::of(engine))
    }

    fn late_steps(&self) -> u64 {
        self.engine.as_ref().map_or(0, |(engine, _)| engine.late_steps())
    }

    fn has_failed(&self) -> bool {
        self.engine.as_ref().is_some_and(|(engine, _)| engine.meters().is_failed())
    }

    fn place_model(&mut self, missing: Option<u8>, path: &Path) -> Result<u8, String> {
        let slot = missing.unwrap_or(64);
        self.models.set_file(slot, path.into());
        Ok(slot)
    }

    fn takes_folder(&self) -> Option<PathBuf> {
        Some(self.folder.join("takes"))
    }

    fn data_folder(&self) -> Option<PathBuf> {
        Some(self.folder.clone())
    }

    fn models_folder(&self) -> Option<PathBuf> {
        Some(self.folder.join("models"))
    }
}

type NoteStage = Stage<NoteView, NotePlayer>;

fn stage_of(models: &Arc<NoteModels>, set: &[(NoteParam, f32)], folder: &Path) -> NoteStage {
    let player = NotePlayer::new(models, set, folder);
    Stage::of(player, 1.0, SIZE, |ui, view: &mut NoteView, player| view.show(ui, player), NoteView::ground_of_window)
}

fn embedded() -> Arc<NoteModels> {
    NoteModels::with_embedded(Isa::best())
}

/// The model inside, and in slot 0 an autoencoder of random weights that tells what its axes are.
fn coders() -> Arc<NoteModels> {
    let models = embedded();
    let axis = |number: usize| (0..4).map(|i| f32::from(u8::from(i == number))).collect();
    let codes = RollCodes {
        mean: vec![0.25, -0.5, 0.125, 0.0],
        axes: [2, 0, 3, 1].map(axis).to_vec(),
        deviations: vec![0.4, 0.2, 0.2, 0.1],
        effects: vec![[0.5, 0.0, -0.3], [0.0, -0.6, 0.1], [0.1, 0.1, 0.1], [0.0, 0.2, 0.9]],
    };
    let model: RollModel = autoencoder(-2.0).with_codes(Some(codes), Path::new("a test's")).expect("fitting");
    models.set_bytes(0, "a test's".into(), model.to_bytes());
    models.load(0).expect("an autoencoder");
    models
}

/// A phrase of chords and a melody, from the first beat on.
fn phrase(frame: usize) -> Vec<Gesture> {
    // A step of a sixteenth is seven and a half pictures.
    let notes: [(usize, usize, u8); 9] = [
        (0, 28, 48),
        (0, 14, 60),
        (15, 28, 62),
        (30, 58, 52),
        (30, 43, 64),
        (45, 58, 67),
        (60, 110, 43),
        (60, 84, 71),
        (90, 110, 67),
    ];
    let down = |&&(from, ..): &&(usize, usize, u8)| from == frame;
    let strokes = notes.iter().filter(down).map(|&(.., key)| Gesture::Down { channel: 0, key, velocity: 90 });
    let ends =
        notes.iter().filter(|&&(_, to, _)| to == frame).map(|&(.., key)| Gesture::Up { channel: 0, key, velocity: 0 });
    ends.chain(strokes).collect()
}

impl NoteStage {
    /// Plays so many pictures, with the phrase from the first one on.
    fn perform(&mut self, frames: std::ops::Range<usize>) {
        for frame in frames {
            self.player().play(&phrase(frame), false);
            self.harness.step();
        }
    }

    fn label(&self, text: &str) -> bool {
        self.harness.query_by_label_contains(text).is_some()
    }
}

const HEARD: egui::Color32 = egui::Color32::from_rgb(0x56, 0xb4, 0xe9);
const SAID: egui::Color32 = egui::Color32::from_rgb(0xf0, 0xa8, 0x1e);
/// The roll before *now*, and what is below the names above it.
const ROLL: [f32; 4] = [0.06, 0.16, 0.75, 0.7];

#[test]
fn what_is_played_and_what_answers_are_seen_in_the_roll() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stage = stage_of(&embedded(), &[(NoteParam::AnswerLength, 2.0)], folder.path());
    stage.perform(0..2);
    let empty = keep(&mut stage, "notes-empty");
    assert_eq!(empty.count_near(SAID, ROLL), 0);
    stage.perform(2..100);
    assert!(stage.label("It listens: after 1.00 beats of silence it answers."));
    let heard = keep(&mut stage, "notes-listening");
    assert!(heard.count_near(HEARD, ROLL) > 500, "{}", heard.count_near(HEARD, ROLL));
    assert!(heard.count_near(SAID, ROLL) < 50, "nothing answers yet");
    stage.perform(100..300);
    assert!(stage.label("It answers."));
    let answered = keep(&mut stage, "notes-answer");
    assert!(answered.count_near(SAID, ROLL) > 500, "{}", answered.count_near(SAID, ROLL));
    // Again, after a rest.
    stage.perform(300..480);
    stage.perform(0..240);
    keep(&mut stage, "notes-two-answers");
    stage.view().looks.mode = Mode::Light;
    stage.perform(240..250);
    keep(&mut stage, "notes-light");
    println!("median picture laid out in {:.2} ms", 1000.0 * stage.view().frame_seconds());
}

#[test]
fn how_it_stands_is_said_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stage = stage_of(&embedded(), &[], folder.path());
    stage.harness.step();
    assert!(stage.label("The song stands: start it, or set Run to Free."));
    stage.perform(0..120);
    for _ in 0..200 {
        stage.player().play(&[], true);
        stage.harness.step();
    }
    assert!(stage.label("This machine does not keep up."));
    keep(&mut stage, "notes-late");
    stage.player().values.set(NoteParam::Bypass, 1.0);
    stage.perform(120..130);
    assert!(stage.label("Bypassed:"));
    stage.player().values.set(NoteParam::Bypass, 0.0);
    let models = embedded();
    models.set_missing(70, "organ".into(), "missing: not in the project, and not in the models folder.".into());
    let mut missing = stage_of(&models, &[(NoteParam::Model, 70.0)], folder.path());
    missing.harness.step();
    assert!(missing.label("The model cannot play: missing:"));
    missing.view().page = NotePage::Models;
    missing.harness.run_steps(3);
    assert!(missing.label("Locate…"));
    keep(&mut missing, "notes-missing-model");
    missing.player().engine = None;
    missing.harness.step();
    assert!(missing.label("The host has not switched the plugin on yet."));
}

#[test]
fn every_page_of_controls_can_be_opened_and_every_parameter_is_on_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stage = stage_of(&embedded(), &[], folder.path());
    let mut seen = std::collections::BTreeSet::new();
    for page in ["Start", "Play", "Listening", "Drawing", "Shape", "Own Scale", "Code", "Time", "Output", "Settings"] {
        stage.harness.get_by_label(page).click();
        stage.harness.run_steps(3);
        for spec in &NOTE_SPECS {
            if stage.harness.query_all_by_label(spec.name).next().is_some() {
                seen.insert(spec.key);
            }
        }
        keep(&mut stage, &format!("notes-page-{}", page.to_lowercase().replace(' ', "-")));
    }
    // The model is a button of the header, with its name.
    let unseen: Vec<&str> = NOTE_SPECS.iter().map(|spec| spec.key).filter(|key| !seen.contains(key)).collect();
    assert_eq!(unseen, ["model"]);
    assert!(stage.label("Model: Piano scores"));
}

#[test]
fn it_is_drawn_in_any_size_and_with_the_finest_grid() {
    let folder = tempfile::tempdir().expect("a folder");
    let show = |ui: &mut egui::Ui, view: &mut NoteView, player: &mut NotePlayer| view.show(ui, player);
    for (size, scale) in [(MIN_SIZE, 1.0), ([700.0, 300.0], 1.0), ([1600.0, 1000.0], 2.0)] {
        let player = NotePlayer::new(&embedded(), &[(NoteParam::Rate, 2.0), (NoteParam::Part, 1.0)], folder.path());
        let mut stage = Stage::of(player, scale, size, show, NoteView::ground_of_window);
        stage.perform(0..60);
        for tab in 0..12 {
            stage.view().tab = tab;
            stage.perform(60 + tab..61 + tab);
        }
        stage.view().tab = 6;
        stage.perform(80..82);
        keep(&mut stage, &format!("notes-size-{}", size[0]));
        // Everything of a list can be reached.
        stage.view().page = NotePage::Models;
        stage.perform(82..84);
        let close = stage.harness.get_by_label("Close").rect();
        let over = ["Save MIDI", "Code"].map(|label| stage.harness.query_by_label(label).map(|node| node.rect()));
        assert!(over.iter().flatten().all(|rect| !rect.intersects(close)), "{close:?} {over:?}");
        let [width, height] = size;
        assert!(egui::Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(width, height)).contains_rect(close));
    }
}

#[test]
fn the_keyboard_at_the_side_is_played_with_the_pointer() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stage = stage_of(&embedded(), &[], folder.path());
    stage.perform(200..210);
    let keyboard = stage.harness.get_by_label("Keyboard").rect();
    let at = |key: usize| keyboard.left_bottom() + egui::vec2(8.0, -(key as f32 + 0.5) * keyboard.height() / 88.0);
    let press = |pressed, pos| egui::Event::PointerButton {
        pos,
        button: egui::PointerButton::Primary,
        pressed,
        modifiers: egui::Modifiers::NONE,
    };
    stage.harness.event(egui::Event::PointerMoved(at(39)));
    stage.harness.event(press(true, at(39)));
    stage.perform(210..214);
    let middle_c = 39 + LOWEST_KEY;
    let is_down = |message: &Message| matches!(message, Message::On { key, velocity: 80, .. } if *key == middle_c);
    assert_eq!(stage.player().sent.0.iter().filter(|message| is_down(message)).count(), 1);
    // To another key, without letting go.
    stage.harness.event(egui::Event::PointerMoved(at(43)));
    stage.perform(214..218);
    let is_up = |message: &Message| matches!(message, Message::Off { key, .. } if *key == middle_c);
    assert!(stage.player().sent.0.iter().any(is_up));
    stage.harness.event(press(false, at(43)));
    stage.perform(218..232);
    let pressed = stage.player().activation().expect("active").scope.pressed();
    assert_eq!(pressed, 0);
    let ended = |message: &Message| matches!(message, Message::Off { key, .. } if *key == 43 + LOWEST_KEY);
    assert!(stage.player().sent.0.iter().any(ended));
    // Down and up within one picture is a note, and not a short one.
    stage.harness.event(egui::Event::PointerMoved(at(50)));
    stage.harness.event(press(true, at(50)));
    stage.harness.event(press(false, at(50)));
    let pressed = |stage: &mut NoteStage| stage.player().activation().expect("active").scope.pressed();
    stage.perform(232..234);
    assert_eq!(pressed(&mut stage), 1 << 50);
    stage.perform(234..250);
    assert_eq!(pressed(&mut stage), 0);
    // The computer's keys do it, too.
    stage.harness.get_by_label("Keyboard").focus();
    stage.harness.run_steps(2);
    stage.harness.key_press(egui::Key::ArrowUp);
    stage.harness.run_steps(1);
    stage.harness.key_press(egui::Key::Enter);
    stage.perform(250..252);
    assert_eq!(pressed(&mut stage), 1 << 51);
}

#[test]
fn a_chord_stays_down_with_shift_and_goes_up_where_it_is_let_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stage = stage_of(&embedded(), &[], folder.path());
    stage.perform(200..205);
    let pressed = |stage: &mut NoteStage| stage.player().activation().expect("active").scope.pressed();
    let chord = |stage: &mut NoteStage| {
        stage.harness.get_by_label("Keyboard").focus();
        stage.harness.run_steps(2);
        for key in [egui::Key::ArrowUp, egui::Key::ArrowDown] {
            stage.harness.key_press_modifiers(egui::Modifiers::SHIFT, egui::Key::Enter);
            stage.harness.run_steps(2);
            stage.harness.key_press(key);
            stage.harness.run_steps(2);
        }
        stage.perform(205..230);
    };
    chord(&mut stage);
    assert_eq!(pressed(&mut stage), 3 << 39);
    // It sounds on under a list, and Escape lets it go there; only then is the list closed.
    stage.view().page = NotePage::Models;
    stage.perform(230..250);
    assert_eq!(pressed(&mut stage), 3 << 39);
    stage.harness.ctx.memory_mut(egui::Memory::stop_text_input);
    stage.harness.key_press(egui::Key::Escape);
    stage.perform(250..252);
    assert_eq!((pressed(&mut stage), stage.view().page), (0, NotePage::Models));
    stage.harness.key_press(egui::Key::Escape);
    stage.perform(252..254);
    assert_eq!(stage.view().page, NotePage::Roll);
    // Panic ends it for good.
    chord(&mut stage);
    assert_ne!(pressed(&mut stage), 0);
    stage.player().values.set(NoteParam::Panic, 1.0);
    stage.perform(254..270);
    assert_eq!(pressed(&mut stage), 0);
    // Another activation does not begin with it.
    chord(&mut stage);
    assert_ne!(pressed(&mut stage), 0);
    let models = embedded();
    stage.player().engine = NotePlayer::new(&models, &[], folder.path()).engine;
    stage.perform(270..280);
    assert_eq!(pressed(&mut stage), 0);
    // Nor does it outlive the window.
    chord(&mut stage);
    let scope = stage.player().activation().expect("active").scope;
    assert_ne!(scope.pressed(), 0);
    *stage.view() = NoteView::default();
    assert_eq!(scope.pressed(), 0);
}

#[test]
fn codes_are_stored_chosen_replaced_and_forgotten_and_the_sliders_say_what_they_move() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stage = stage_of(&coders(), &[(NoteParam::AnswerLength, 33.0)], folder.path());
    stage.harness.step();
    stage.harness.get_by_label("Code").click();
    stage.harness.run_steps(3);
    stage.harness.get_by_label("Code A: empty").click();
    stage.harness.run_steps(2);
    assert!(stage.label("Nothing has played yet"));
    stage.perform(0..300);
    stage.harness.get_by_label("Code A: empty").click();
    stage.harness.run_steps(2);
    assert!(stage.label("Stored as A."));
    let scope = stage.player().activation().expect("active").scope;
    let first = stage.player().codes.get().codes()[0];
    assert_eq!(&first[..4], &scope.code(0)[..]);
    stage.harness.get_by_label("Random").click();
    stage.harness.run_steps(2);
    let moved = SLIDERS.iter().filter(|&&id| stage.harness.state().1.values.get(id) != 0.0).count();
    assert_eq!(moved, 16);
    stage.perform(300..330);
    stage.harness.get_by_label("Code B: empty").click();
    stage.harness.run_steps(2);
    let path = stage.player().codes.get();
    assert_eq!(path.codes().len(), 2);
    assert_ne!(path.codes()[1], first);
    stage.harness.get_by_label("Code B: stored").click();
    stage.harness.run_steps(2);
    let values = stage.player().values;
    assert_eq!([NoteParam::Base, NoteParam::Morph, NoteParam::Journey].map(|id| values.get(id)), [3.0, 100.0, 0.0]);
    stage.harness.get_by_label("All to 0").click();
    stage.harness.run_steps(2);
    stage.perform(330..360);
    assert_eq!(&scope.code(0)[..], &path.codes()[1][..4], "it plays what is stored as B");
    let picture = keep(&mut stage, "notes-codes");
    assert!(picture.count_near(SAID, [0.0, 0.7, 1.0, 1.0]) > 300, "codes and axes");
    // One more, and it plays what it played: B is half of the way now.
    stage.harness.get_by_label("Code C: empty").click();
    stage.harness.run_steps(2);
    assert_eq!(stage.player().values.get(NoteParam::Morph), 50.0);
    stage.harness.get_by_label("Code A: stored").click_secondary();
    stage.harness.run_steps(2);
    assert_eq!(stage.player().codes.get().codes(), [path.codes()[1]; 2]);
    assert_eq!(stage.player().values.get(NoteParam::Morph), 0.0);
    stage.perform(360..390);
    assert_eq!(&scope.code(0)[..], &path.codes()[1][..4], "still");
    // Nothing of one model is stored for another.
    stage.player().values.set(NoteParam::Model, 64.0);
    let other = autoencoder(-1.0).to_bytes();
    stage.player().models.set_bytes(64, "another".into(), other);
    stage.player().models.load(64).expect("an autoencoder");
    stage.harness.get_by_label("Code C: empty").click();
    stage.harness.run_steps(2);
    assert!(stage.label("Nothing has played yet"));
}

#[test]
fn a_midi_file_is_gone_on_from_and_what_was_played_is_saved() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stage = stage_of(&embedded(), &[(NoteParam::AnswerAfter, 16.0)], folder.path());
    let chords = Roll::from_text(&"HLO HLO HLO HLO  FJM FJM FJM FJM  ".repeat(3)).expect("keys");
    let file = folder.path().join("aria.mid");
    std::fs::write(&file, Score::midi_of(&chords, 4, 120.0, &file).expect("short")).expect("written");
    stage.perform(200..220);
    assert_eq!(stage.player().ours(), 0);
    drop_onto(&mut stage, &file);
    for frame in 220..400 {
        stage.player().play(&phrase(frame), false);
        stage.harness.step();
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert!(stage.label("It goes on from the last 2 measures of aria.mid."));
    assert!(stage.player().ours() > 10, "{}", stage.player().ours());
    for number in [1, 2] {
        stage.harness.get_by_label("Save MIDI").click();
        stage.harness.run_steps(2);
        let path = folder.path().join("takes").join(format!("Sympathy Notes {number}.mid"));
        assert!(stage.label(&format!("are saved as {}.", path.display())), "a file of its own each");
        let score = Score::read(&path).expect("a MIDI file");
        assert!(score.notes.len() > 10, "{}", score.notes.len());
        assert!((score.tempo_at(0).expect("a tempo") - 120.0).abs() < 0.1);
    }
    std::fs::write(&file, "no MIDI").expect("written");
    drop_onto(&mut stage, &file);
    for _ in 0..60 {
        stage.harness.step();
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert!(stage.label("aria.mid"), "an error that names the file");
    assert!(!stage.label("It goes on from"));
}

#[test]
fn a_midi_file_that_is_dropped_while_the_song_stands_is_gone_on_from_when_it_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stage = stage_of(&embedded(), &[(NoteParam::AnswerAfter, 16.0)], folder.path());
    let file = folder.path().join("aria.mid");
    let chords = Roll::from_text(&"HLO HLO HLO HLO  FJM FJM FJM FJM  ".repeat(3)).expect("keys");
    std::fs::write(&file, Score::midi_of(&chords, 4, 120.0, &file).expect("short")).expect("written");
    stage.player().plays = false;
    stage.perform(200..210);
    drop_onto(&mut stage, &file);
    while !stage.label("of aria.mid, once the song runs.") {
        stage.perform(200..201);
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert_eq!(stage.player().ours(), 0);
    stage.player().plays = true;
    stage.perform(200..300);
    assert!(stage.player().ours() > 5, "{}", stage.player().ours());
}

#[test]
fn presets_of_notes_are_loaded_and_saved_in_a_folder_of_their_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stage = stage_of(&embedded(), &[], folder.path());
    stage.harness.step();
    stage.harness.get_by_label("Next Preset").click();
    stage.harness.run_steps(2);
    assert!(stage.label("Preset: "));
    assert_ne!(stage.player().values, NoteValues::default());
    stage.view().page = NotePage::Presets;
    stage.harness.run_steps(2);
    keep(&mut stage, "notes-presets");
    stage.harness.get_by_role(egui::Role::TextInput).focus();
    stage.harness.run_steps(2);
    stage.harness.get_by_role(egui::Role::TextInput).type_text("Evening");
    stage.harness.run_steps(2);
    stage.harness.get_by_label("Save").click();
    stage.harness.run_steps(2);
    let path = folder.path().join("note-presets").join("Evening.json");
    assert!(stage.label("Saved as"));
    let preset = NotePreset::read(&path).expect("a preset of notes");
    let values = stage.player().values;
    assert_eq!(preset.values_over(|id| values.get(id)), values);
}
