//! The page of learning: what it begins, what it shows of a lesson, and the model that it chooses.

use crate::{
    common::phrase,
    keep, registry,
    stage::{Player, Stage},
};
use egui_kittest::kittest::Queryable;
use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use sympathy::{
    control::ParamId,
    editor::{Edit, MIN_SIZE, SIZE},
    learn::{
        Depth, Plan,
        job::{Folders, Lessons, Models, Take},
    },
    model::EMBEDDED,
    worker::ModelRegistry,
};

const SMALL: &str = "tests/fixtures/listening/small.safetensors";

/// Teaches the small listening model; what learns has slot 70.
#[derive(Debug)]
struct Shelf(Arc<ModelRegistry>);

impl Models for Shelf {
    fn file(&self, _slot: u8) -> Result<(String, Vec<u8>), String> {
        Ok(("small".into(), fs::read(SMALL).expect("the fixture")))
    }

    fn put(&self, name: &str, bytes: Vec<u8>) -> Result<u8, String> {
        self.0.set_bytes(70, name.into(), bytes);
        self.0.load_at_once(70);
        Ok(70)
    }

    fn place(&self, _name: &str, path: &Path) -> Result<u8, String> {
        self.0.set_file(70, path.into());
        Ok(70)
    }
}

fn lessons(home: &Path, registry: &Arc<ModelRegistry>) -> Arc<Lessons> {
    let folders = Folders { unfinished: Some(home.join("unfinished")), models: Some(home.join("models")) };
    let shelf = Arc::new(Shelf(Arc::clone(registry)));
    Arc::new(Lessons::saving_every(Duration::from_millis(30), shelf, folders))
}

fn stage(home: &Path, size: [f32; 2]) -> (Stage, Arc<Lessons>) {
    let registry = registry();
    let lessons = lessons(home, &registry);
    let mut player = Player::new(&registry, |_| {});
    player.lessons = Some(Arc::clone(&lessons));
    let mut stage = Stage::new(player, 1.0, size);
    stage.harness.step();
    stage.harness.get_by_label("Learning").click();
    stage.harness.run_steps(2);
    (stage, lessons)
}

/// What the recorder does with what the editor has asked for.
fn begin(lessons: &Lessons, steps: u32) {
    let take = Take {
        mono: phrase(48_000, 6.0, 1).remove(0),
        sample_rate_hz: 48_000,
        slot: 4,
        date: "2026-11-27 21.14".into(),
        lost_seconds: 0.0,
    };
    lessons.begin_with(take, Plan { steps, frames: 16, ..Plan::new(Depth::Normal, 0) });
}

fn until(stage: &mut Stage, what: &str, has_happened: impl Fn(&mut Stage) -> bool) {
    let began = Instant::now();
    while !has_happened(stage) {
        assert!(began.elapsed() < Duration::from_secs(30), "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
        stage.harness.run_steps(1);
    }
    stage.harness.run_steps(2);
}

fn model(stage: &mut Stage) -> f32 {
    stage.player().values.get(ParamId::Model)
}

#[test]
fn commands_are_pressed_and_the_model_that_learns_is_heard_and_chosen() {
    let home = tempfile::tempdir().expect("temp");
    let (mut stage, lessons) = stage(home.path(), SIZE);
    stage.harness.get_by_label("ready");
    stage.harness.get_by_label("Take Length");
    assert!(stage.harness.query_by_label("Cancel").is_none() && stage.harness.query_by_label("Resume").is_none());
    stage.player().edits.clear();
    stage.harness.get_by_label("Learn Take").click();
    stage.harness.run_steps(30);
    let edits = std::mem::take(&mut stage.player().edits);
    let expected = [Edit::Begin, Edit::Set(1.0), Edit::Set(0.0), Edit::End].map(|edit| (ParamId::LearnTake, edit));
    assert_eq!(edits, expected, "down for a moment, as a finger is");

    begin(&lessons, 1_000_000);
    until(&mut stage, "it learns", |stage| stage.harness.query_by_label("Cancel").is_some());
    until(&mut stage, "how far", |stage| stage.harness.query_all_by_label_contains("learning ").next().is_some());
    keep(&mut stage, "learning");
    assert_eq!(model(&mut stage), 3.0);
    stage.harness.get_by_label("Hear it").click();
    until(&mut stage, "what it has learnt so far is chosen", |stage| model(stage) == 70.0);
    // What is chosen meanwhile stays.
    stage.player().values.set(ParamId::Model, 3.0);
    stage.harness.run_steps(20);
    assert_eq!(model(&mut stage), 3.0);
    stage.harness.get_by_label("Cancel").click();
    until(&mut stage, "it is left", |stage| stage.harness.query_by_label("Resume").is_some());
    stage.harness.get_by_label_contains("cancelled at ");
    stage.harness.get_by_label_contains(" %: small, learnt 2026-11-27 21.14");
    keep(&mut stage, "unfinished");
    stage.harness.get_by_label("Resume").click();
    until(&mut stage, "it goes on", |stage| stage.harness.query_by_label("Cancel").is_some());
    stage.harness.get_by_label("Cancel").click();
    until(&mut stage, "it is left again", |stage| stage.harness.query_by_label("Discard").is_some());
    stage.harness.get_by_label("Discard").click();
    stage.harness.run_steps(2);
    assert_eq!(lessons.unfinished().len(), 1, "it is asked once more");
    stage.harness.get_by_label("Really discard").click();
    stage.harness.run_steps(2);
    assert!(lessons.unfinished().is_empty() && stage.harness.query_by_label("Resume").is_none());

    // The whole of it.
    stage.harness.get_by_label("Learn Take").click();
    stage.harness.run_steps(2);
    begin(&lessons, 20);
    until(&mut stage, "its model is chosen", |stage| model(stage) == 70.0);
    stage.harness.get_by_label("stored in slot 70");
    stage.harness.get_by_label_contains("It has learnt. What is learnt is heard where Listen stands at 40 or below");
    // One that was begun elsewhere, by the host or another window, chooses nothing.
    stage.player().values.set(ParamId::Model, 3.0);
    begin(&lessons, 20);
    until(&mut stage, "its end", |_| !lessons.status().is_busy());
    assert_eq!(model(&mut stage), 3.0);
}

#[test]
fn a_recording_goes_on_until_it_is_stopped_and_everything_fits_into_the_least_window() {
    let home = tempfile::tempdir().expect("temp");
    let (mut stage, lessons) = stage(home.path(), MIN_SIZE);
    stage.harness.get_by_label("Learn Record").click();
    stage.harness.run_steps(40);
    assert_eq!(stage.player().values.get(ParamId::LearnRecord), 1.0, "it is no trigger");
    lessons.set_recording(Some(23.4));
    stage.harness.run_steps(2);
    stage.harness.get_by_label("recording 23 s");
    keep(&mut stage, "recording");
    stage.harness.get_by_label("Learn Record").click();
    stage.harness.run_steps(2);
    assert_eq!(stage.player().values.get(ParamId::LearnRecord), 0.0);
    lessons.set_recording(None);
    lessons.refuse("the take is silent: play, and check the input");
    stage.harness.run_steps(2);
    stage.harness.get_by_label_contains("failed: the take is silent");
    begin(&lessons, 1_000_000);
    until(&mut stage, "it learns", |stage| stage.harness.query_by_label("Cancel").is_some());
    let window = stage.harness.ctx.content_rect();
    for label in [
        "Learn Take",
        "Learn Record",
        "Take Length",
        "Hear it",
        "Cancel",
        "Part that is learnt",
        "Learn",
        "Keep Learnt",
    ] {
        let place = stage.harness.get_by_label(label).rect();
        assert!(window.contains_rect(place), "{label} at {place:?}");
    }
    keep(&mut stage, "learning-small");
    lessons.cancel();
    until(&mut stage, "it is left", |stage| stage.harness.query_by_label("Resume").is_some());
    keep(&mut stage, "unfinished-small");
}

#[test]
fn what_is_learnt_while_it_plays_is_seen() {
    let (home, registry) = (tempfile::tempdir().expect("temp"), registry());
    let any = EMBEDDED.iter().find(|model| model.name == "any").expect("it is embedded");
    let mut player = Player::new(&registry, |values| {
        values.set(ParamId::Model, f32::from(any.slot));
        values.set(ParamId::Listen, 25.0);
    });
    player.lessons = Some(lessons(home.path(), &registry));
    let mut stage = Stage::new(player, 1.0, SIZE);
    let input = phrase(48_000, 16.0, 2);
    stage.play(&input, 0.0, 1.0);
    stage.harness.get_by_label("Learning").click();
    stage.harness.run_steps(2);
    stage.harness.get_by_label("Learn goes on learning from what you play, while you play.");
    stage.player().values.set(ParamId::Learn, 1.0);
    stage.play(&input, 1.0, 14.0);
    stage.harness.get_by_label_contains("learning, loss ");
    stage.harness.get_by_label_contains("of each step 44 % is of now, 25 % of the session, 31 % the maker's; ");
    keep(&mut stage, "learning-live");
}
