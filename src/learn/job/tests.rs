//! Lessons with a small model: what is made of a take, what is left of an interrupted one, what is said.

use super::{
    Folders, Lessons, Models, State, Take, Unfinished,
    claim::Claim,
    draft::{Draft, plain_name},
};
use crate::{
    dsp::random::Random,
    learn::{Depth, HOLD_OUT_FROM_S, Hearing, Kept, LEARNT, Plan, learn, material},
    model::{EMBEDDED, ModelData},
    nn::Isa,
};
use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tempfile::TempDir;

const SMALL: &str = "tests/fixtures/listening/small.safetensors";
const DEADLINE: Duration = Duration::from_secs(30);
const RATE: u32 = 48_000;

/// Slot 4 holds the small model, slot 0 one that does not listen; what is put and placed is noted.
#[derive(Debug, Default)]
struct Shelf {
    put: Mutex<Vec<(String, Vec<u8>)>>,
    placed: Mutex<Vec<(String, PathBuf)>>,
    is_full: bool,
}

impl Models for Shelf {
    fn file(&self, slot: u8) -> Result<(String, Vec<u8>), String> {
        match slot {
            4 => Ok(("small".into(), fs::read(SMALL).expect("the fixture"))),
            0 => Ok((EMBEDDED[0].name.into(), EMBEDDED[0].bytes.into())),
            5 => Ok(("broken".into(), b"no model".into())),
            _ => Err(format!("slot {slot} is empty")),
        }
    }

    fn put(&self, name: &str, bytes: Vec<u8>) -> Result<u8, String> {
        self.put.lock().expect("no panic").push((name.into(), bytes));
        Ok(70)
    }

    fn place(&self, name: &str, path: &Path) -> Result<u8, String> {
        if self.is_full {
            return Err("all slots are taken".into());
        }
        self.placed.lock().expect("no panic").push((name.into(), path.into()));
        Ok(70)
    }
}

struct Room {
    home: TempDir,
    shelf: Arc<Shelf>,
}

impl Room {
    fn new() -> Self {
        Self { home: tempfile::tempdir().expect("temp"), shelf: Arc::default() }
    }

    fn folders(&self) -> Folders {
        let folder = |name: &str| Some(self.home.path().join(name));
        Folders { unfinished: folder("unfinished"), models: folder("models") }
    }

    fn lessons(&self) -> Lessons {
        Lessons::saving_every(Duration::from_millis(30), Arc::clone(&self.shelf) as Arc<dyn Models>, self.folders())
    }

    fn files(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.home.path().join(folder)).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

fn take(seconds: f32) -> Take {
    let mut random = Random::new(5);
    let mut mono = Vec::new();
    for _ in 0..(4.0 * seconds) as usize {
        let hz = 110.0 * libm::exp2f(random.below(24) as f32 / 12.0);
        mono.extend((0..RATE / 4).map(|sample| {
            let time = sample as f32 / RATE as f32;
            0.3 * libm::expf(-6.0 * time) * libm::sinf(std::f32::consts::TAU * hz * time)
        }));
    }
    Take { mono, sample_rate_hz: RATE, slot: 4, date: "2026-11-27 21.14".into(), lost_seconds: 0.0 }
}

fn plan(steps: u32) -> Plan {
    Plan { steps, frames: 32, ..Plan::new(Depth::Normal, 0) }
}

fn until(what: &str, lessons: &Lessons, mut has_happened: impl FnMut(&State) -> bool) -> State {
    let began = Instant::now();
    loop {
        let state = lessons.status().state;
        if has_happened(&state) {
            return state;
        }
        assert!(began.elapsed() < DEADLINE, "never: {what}; {state:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn ended(lessons: &Lessons) -> State {
    until("an end", lessons, |state| !matches!(state, State::Preparing | State::Learning { .. }))
}

/// What a program that only learns makes of the take.
fn expected(take: &Take, plan: &Plan) -> ModelData {
    let model = ModelData::read(Path::new(SMALL)).expect("the fixture");
    let isa = Isa::from_environment();
    let mut hearing = Hearing::new(&model, isa).expect("it listens");
    let player = material(&take.mono, take.sample_rate_hz, HOLD_OUT_FROM_S, &mut hearing).expect("long enough");
    let learnt = learn(&model, &player, &[], plan, isa, &mut |_| ControlFlow::Continue(())).expect("finite");
    model.with_tensors(model.config().clone(), learnt.tensors()).expect("a model")
}

fn assert_learnt(path: &Path, expected: &ModelData) {
    let made = ModelData::read(path).expect("a model");
    let moved = LEARNT.iter().filter(|name| made.tensor(name) != expected.tensor(name));
    assert_eq!(moved.count(), 0, "the tensors of `sympathy learn`");
}

#[test]
fn a_take_becomes_a_model_with_the_weights_of_the_command() {
    let room = Room::new();
    let lessons = room.lessons();
    assert_eq!((lessons.text(), lessons.unfinished()), ("ready".into(), vec![]));
    let (take, plan) = (take(22.0), plan(40));
    let generation = lessons.generation();
    assert_eq!(lessons.begin_with(Take { lost_seconds: 0.5, ..take.clone() }, plan.clone()), Some(1));
    assert_eq!(ended(&lessons), State::Stored { slot: 70 });
    assert_eq!(lessons.text(), "stored in slot 70 (0.50 s of the take were lost and are silence)");
    assert_ne!(lessons.generation(), generation);
    let name = "small, learnt 2026-11-27 21.14";
    assert_eq!(room.files("models"), [format!("{name}.safetensors")]);
    assert!(room.files("unfinished").is_empty(), "nothing is left of the take");
    let placed = room.shelf.placed.lock().expect("no panic").clone();
    let path = room.home.path().join("models").join(format!("{name}.safetensors"));
    assert_eq!(placed, [(name.to_owned(), path.clone())]);
    let expected = expected(&take, &plan);
    assert_learnt(&path, &expected);
    let config = ModelData::read(&path).expect("a model").config().clone();
    assert_eq!((&config.name[..], &config.training.material[..]), (name, &["take of 2026-11-27 21.14".to_owned()][..]));
    let lesson = &config.training.hyperparameters["learnt"][0];
    assert_eq!((&lesson["steps"], lesson["held_out"]["after"].is_array()), (&40.into(), true));

    // Another of the same minute never takes its place, but the very same is not written twice.
    let other = Plan { random_seed: 1, ..plan.clone() };
    for (plan, files) in [(plan, 1), (other, 2)] {
        lessons.begin_with(take.clone(), plan);
        ended(&lessons);
        assert_eq!(room.files("models").len(), files);
    }
    assert_learnt(&path, &expected);
}

#[test]
fn a_lesson_that_is_left_goes_on_elsewhere_and_ends_alike() {
    let room = Room::new();
    let (take, plan) = (take(8.0), plan(1200));
    let first = room.lessons();
    first.begin_with(take.clone(), plan.clone());
    until("a part", &first, |state| matches!(state, State::Learning { part, .. } if *part > 0.1));
    assert!(first.begin_with(take.clone(), plan.clone()).is_none() && first.resume("other").is_none());
    assert!(first.text().contains("one lesson at a time"), "{}", first.text());
    first.refuse("nothing was played");
    assert!(first.text().starts_with("learning ") && first.text().ends_with("(nothing was played)"));

    // While one instance is at it nobody else is.
    let second = room.lessons();
    assert_eq!(second.unfinished(), []);
    let id = room.files("unfinished").iter().find_map(|name| name.strip_suffix(".lesson").map(str::to_owned));
    let id = id.expect("the take was written first");
    second.resume(&id);
    assert!(matches!(ended(&second), State::Failed(why) if why.contains("another instance")));
    second.discard(&id);
    assert!(second.text().contains("another instance"), "{}", second.text());

    let leaving = Instant::now();
    drop(first);
    assert!(leaving.elapsed() < Duration::from_millis(1500), "{:?}", leaving.elapsed());
    let third = room.lessons();
    let [Unfinished { id: found, name, part }] = &third.unfinished()[..] else { panic!("{:?}", third.unfinished()) };
    assert_eq!((found, &name[..]), (&id, "small, learnt 2026-11-27 21.14"));
    assert!((0.1..1.0).contains(part), "{part}");
    assert_eq!(third.text(), format!("unfinished {:.0} %", (100.0 * part).floor()));
    let before = *part;
    third.resume(&id);
    until("a step more", &third, |state| matches!(state, State::Learning { part, .. } if *part >= before));
    third.cancel();
    assert!(matches!(ended(&third), State::Cancelled { part } if part >= before));
    assert!(third.text().starts_with("cancelled at "));
    third.look();
    assert_eq!(third.unfinished().len(), 1);
    third.resume(&id);
    assert_eq!(ended(&third), State::Stored { slot: 70 });
    let path = room.shelf.placed.lock().expect("no panic")[0].1.clone();
    assert_learnt(&path, &expected(&take, &plan));
    third.look();
    assert!(third.unfinished().is_empty() && room.files("unfinished").is_empty());
}

#[test]
fn what_was_learnt_so_far_is_heard_and_what_is_not_wanted_is_forgotten() {
    let room = Room::new();
    let lessons = room.lessons();
    lessons.begin_with(take(8.0), plan(20_000));
    lessons.listen(true);
    until("a slot", &lessons, |state| matches!(state, State::Learning { slot: Some(70), .. }));
    until("heard anew", &lessons, |_| room.shelf.put.lock().expect("no panic").len() >= 3);
    assert!(lessons.is_listened_to());
    lessons.cancel();
    ended(&lessons);
    let put = room.shelf.put.lock().expect("no panic").clone();
    let heard: Vec<ModelData> =
        put.iter().map(|(_, bytes)| ModelData::from_bytes(bytes, Path::new("heard")).expect("a model")).collect();
    assert!(put.iter().all(|(name, _)| name == "small, learnt 2026-11-27 21.14"));
    assert_ne!(heard[0].tensor(LEARNT[0]), heard[2].tensor(LEARNT[0]), "it has learnt on");
    lessons.look();
    lessons.discard(&lessons.unfinished()[0].id);
    assert!(lessons.unfinished().is_empty() && room.files("unfinished").is_empty());
}

#[test]
fn why_nothing_is_learnt_is_said_and_no_take_is_left_that_could_never_be() {
    let room = Room::new();
    let lessons = room.lessons();
    let short = Take { mono: take(1.0).mono, ..take(1.0) };
    let rest = Take { mono: vec![0.0; 400_000], ..take(1.0) };
    let broken = Take { mono: vec![f32::NAN; 400_000], ..take(1.0) };
    for (take, why) in [
        (short, "1.0 s of playing, silences left out: play at least 2 s"),
        (rest, "the take is silent"),
        (broken, "the take is silent"),
        (Take { slot: 0, ..take(3.0) }, "Electric guitar (magnitude) knows its own material only"),
        (Take { slot: 5, ..take(3.0) }, "broken"),
        (Take { slot: 90, ..take(3.0) }, "slot 90 is empty"),
    ] {
        lessons.begin_with(take, plan(3));
        let state = ended(&lessons);
        assert!(matches!(&state, State::Failed(reason) if reason.contains(why)), "{why}: {state:?}");
    }
    assert!(room.files("unfinished").is_empty());
    let _ = fs::remove_dir_all(room.home.path().join("unfinished"));

    // No place for the take: it is said before the first step. No place for the model: the steps are kept.
    fs::write(room.home.path().join("unfinished"), b"a file").expect("temp");
    lessons.begin_with(take(4.0), plan(3));
    let state = ended(&lessons);
    assert!(matches!(&state, State::Failed(why) if why.contains("unfinished: cannot be made")), "{state:?}");
    fs::remove_file(room.home.path().join("unfinished")).expect("temp");
    fs::write(room.home.path().join("models"), b"a file").expect("temp");
    lessons.begin_with(take(4.0), plan(3));
    let state = ended(&lessons);
    assert!(matches!(&state, State::Failed(why) if why.contains("models: cannot be made")), "{state:?}");
    assert!(lessons.text().ends_with("(it is kept as unfinished)"), "{}", lessons.text());
    fs::remove_file(room.home.path().join("models")).expect("temp");
    lessons.look();
    let left = lessons.unfinished();
    assert_eq!((left.len(), left[0].part), (1, 1.0));
    lessons.resume(&left[0].id);
    assert_eq!(ended(&lessons), State::Stored { slot: 70 });

    let nowhere = Lessons::new(Arc::clone(&room.shelf) as Arc<dyn Models>, Folders::default());
    nowhere.begin(take(4.0));
    assert!(matches!(ended(&nowhere), State::Failed(why) if why.contains("names no folder")));
    let crowded = Shelf { is_full: true, ..Shelf::default() };
    let crowded = Lessons::new(Arc::new(crowded), room.folders());
    crowded.begin_with(Take { date: "later".into(), ..take(4.0) }, plan(3));
    let state = ended(&crowded);
    assert!(matches!(&state, State::Failed(why) if why.contains("is in the folder of your models, but")), "{state:?}");
}

#[test]
fn lessons_of_other_hands_are_refused_in_words() {
    let room = Room::new();
    let folder = room.home.path().join("unfinished");
    let draft = Draft {
        name: "small, learnt now".into(),
        base: "small".into(),
        take: "take of now".into(),
        lost_seconds: 0.0,
        plan: plan(3),
        sample_rate_hz: RATE,
        model: fs::read(SMALL).expect("the fixture"),
        mono: take(3.0).mono,
    };
    let bytes = draft.to_bytes();
    assert_eq!(Draft::from_bytes(&bytes), Ok(draft.clone()));
    let mut random = Random::new(3);
    for _ in 0..200 {
        let mut damaged = bytes.clone();
        damaged[random.below(bytes.len() as u32) as usize] ^= 1 << random.below(8);
        Draft::from_bytes(&damaged).expect_err("its checksum differs");
        Draft::from_bytes(&bytes[..random.below(bytes.len() as u32) as usize]).expect_err("a part of it");
    }
    let hostile = [
        Draft { sample_rate_hz: 0, ..draft.clone() },
        Draft { sample_rate_hz: u32::MAX, ..draft.clone() },
        Draft { sample_rate_hz: 8000, mono: vec![0.1; 120 * 8000 + 1], ..draft.clone() },
        Draft { mono: vec![f32::INFINITY; 9], ..draft.clone() },
        Draft { plan: Plan { steps: 0, ..plan(3) }, ..draft.clone() },
        Draft { plan: Plan { steps: u32::MAX, ..plan(3) }, ..draft.clone() },
        Draft { plan: Plan { frames: 1 << 30, ..plan(3) }, ..draft.clone() },
        Draft { plan: Plan { rates: [f64::NAN, 0.1], ..plan(3) }, ..draft.clone() },
        Draft { plan: Plan { noise: -1.0, ..plan(3) }, ..draft.clone() },
    ];
    for draft in hostile {
        Draft::from_bytes(&draft.to_bytes()).expect_err("no lesson of ours");
    }

    // Found, resumed, and refused: nothing of it is removed.
    let lessons = room.lessons();
    fs::create_dir_all(&folder).expect("temp");
    for (id, bytes) in [("noise ~1", vec![7; 100]), ("nothing ~2", Vec::new())] {
        fs::write(folder.join(format!("{id}.lesson")), bytes).expect("temp");
        lessons.resume(id);
        assert!(matches!(ended(&lessons), State::Failed(_)), "{id}");
        assert!(folder.join(format!("{id}.lesson")).exists());
    }
    for id in ["../unfinished/noise ~1", "/etc/passwd", "", ".."] {
        lessons.resume(id);
        assert!(matches!(ended(&lessons), State::Failed(why) if why.contains("another instance")), "{id}");
    }
    // Steps of other hands are left aside.
    let claim = Claim::new(&folder, &draft).expect("space");
    drop(claim);
    let id = room
        .files("unfinished")
        .into_iter()
        .find_map(|name| name.strip_suffix(".lesson")?.contains("now").then_some(name));
    let id = id.expect("a lesson").strip_suffix(".lesson").expect("its end").to_owned();
    fs::write(folder.join(format!("{id}.steps")), b"SYMSTUDY nonsense").expect("temp");
    lessons.resume(&id);
    assert_eq!(ended(&lessons), State::Stored { slot: 70 });
    assert!(lessons.text().contains("it begins anew"), "{}", lessons.text());
}

#[test]
fn what_was_learnt_while_it_played_becomes_a_model_or_is_said_to_be_nothing() {
    let room = Room::new();
    let lessons = room.lessons();
    let base = ModelData::read(Path::new(SMALL)).expect("the fixture");
    let moved = LEARNT.map(|name| (name.into(), base.tensor(name).iter().map(|x| 0.9 * x).collect::<Vec<f32>>()));
    let kept = Kept {
        slot: 4,
        base: base.config().clone(),
        tensors: moved.clone().into(),
        updates: 12,
        seconds: 30.0,
        losses: Default::default(),
    };
    for (number, name) in [(1, "small, learnt while it played"), (2, "small, learnt while it played (2)")] {
        lessons.keep(Some(&Kept { updates: 11 + number, ..kept.clone() }));
        assert_eq!((lessons.status().state, lessons.status().number), (State::Stored { slot: 70 }, number));
        let path = room.home.path().join("models").join(format!("{name}.safetensors"));
        let data = ModelData::read(&path).expect("a model");
        assert!(moved.iter().all(|(tensor, values)| data.tensor(tensor) == &values[..]), "{name}");
        assert_eq!(data.tensor("position"), base.tensor("position"));
        assert_eq!(room.shelf.placed.lock().expect("no panic").last(), Some(&(name.to_owned(), path)));
    }
    lessons.keep(None);
    assert!(lessons.text().contains("nothing has been learnt"), "{}", lessons.text());
    let mut other = kept.clone();
    other.base.name = "another".into();
    for (kept, why) in [(other, "another model"), (Kept { slot: 9, ..kept }, "slot 9 is empty")] {
        lessons.keep(Some(&kept));
        assert!(lessons.text().contains(why), "{}", lessons.text());
    }
    assert_eq!(room.files("models").len(), 2, "no file was replaced, and none made of nothing");
}

#[test]
fn names_of_projects_are_no_paths() {
    for (name, plain) in [
        ("any", "any"),
        ("../../etc/passwd", "-..-etc-passwd"),
        ("C:\\model", "C--model"),
        ("...", "model"),
        ("", "model"),
        ("Gitarre (Übung)", "Gitarre (Übung)"),
    ] {
        assert_eq!(plain_name(name), plain);
    }
    assert_eq!(plain_name(&"é".repeat(500)).chars().count(), 60);
}
