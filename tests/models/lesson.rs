//! A lesson whose process is killed at any moment goes on in another, and ends with the same weights.

use crate::common::phrase;
use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};
use sympathy::{
    dsp::random::Random,
    learn::{
        Depth, HOLD_OUT_FROM_S, Hearing, LEARNT, Plan,
        job::{Folders, Lessons, Models, State, Take},
        learn, material,
    },
    model::ModelData,
    nn::Isa,
};

const SMALL: &str = "tests/fixtures/listening/small.safetensors";
const RATE: u32 = 48_000;
/// Where the child finds the folders.
const HOME: &str = "SYMPATHY_TEST_LESSON";
const KILLS: u32 = 20;

#[derive(Debug)]
struct Small;

impl Models for Small {
    fn file(&self, _slot: u8) -> Result<(String, Vec<u8>), String> {
        Ok(("small".into(), fs::read(SMALL).expect("the fixture")))
    }

    fn put(&self, _name: &str, _bytes: Vec<u8>) -> Result<u8, String> {
        Err("nobody listens".into())
    }

    fn place(&self, _name: &str, _path: &Path) -> Result<u8, String> {
        Ok(64)
    }
}

fn plan() -> Plan {
    Plan { steps: 3000, frames: 48, ..Plan::new(Depth::Normal, 3) }
}

fn take() -> Take {
    let mono = phrase(RATE, 10.0, 1).remove(0);
    Take { mono, sample_rate_hz: RATE, slot: 4, date: "now".into(), lost_seconds: 0.0 }
}

fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|found| found == end)).collect()
}

/// Learns, or goes on with what is there.
#[test]
#[ignore = "the process that the next test kills"]
fn a_process_that_learns() {
    let Some(home) = std::env::var_os(HOME).map(PathBuf::from) else { return };
    let folders = Folders { unfinished: Some(home.join("unfinished")), models: Some(home.join("models")) };
    let lessons = Lessons::saving_every(Duration::from_millis(15), Arc::new(Small), folders);
    match lessons.unfinished().first() {
        Some(lesson) => drop(lessons.resume(&lesson.id)),
        None => drop(lessons.begin_with(take(), plan())),
    }
    while lessons.status().is_busy() {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(lessons.status().state, State::Stored { slot: 64 }, "{}", lessons.text());
}

#[test]
fn whenever_it_is_killed_it_ends_with_the_same_weights() {
    let home = tempfile::tempdir().expect("temp");
    let child = || {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", "lesson::a_process_that_learns", "--ignored"]).env(HOME, home.path());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("a process")
    };
    let unfinished = home.path().join("unfinished");
    let mut random = Random::new(u64::from(std::process::id()));
    let (mut killed, mut interrupted) = (0, 0);
    while killed < KILLS && files(&home.path().join("models"), "safetensors").is_empty() {
        let mut running = child();
        std::thread::sleep(Duration::from_millis(u64::from(20 + random.below(280))));
        running.kill().expect("it can be killed");
        running.wait().expect("it was killed");
        killed += 1;
        let lessons = files(&unfinished, "lesson");
        assert!(lessons.len() <= 1, "one lesson, however often: {lessons:?}");
        interrupted += usize::from(!files(&unfinished, "steps").is_empty());
    }
    assert!(interrupted > 0, "none of {killed} was killed while it learnt");
    println!("killed {killed} times, {interrupted} times with steps on the disk");
    assert!(child().wait().expect("its end").success());
    let made = files(&home.path().join("models"), "safetensors");
    assert_eq!((made.len(), files(&unfinished, "lesson").len(), files(&unfinished, "steps").len()), (1, 0, 0));

    let (take, plan) = (take(), plan());
    let model = ModelData::read(Path::new(SMALL)).expect("the fixture");
    let isa = Isa::from_environment();
    let mut hearing = Hearing::new(&model, isa).expect("it listens");
    let player = material(&take.mono, RATE, HOLD_OUT_FROM_S, &mut hearing).expect("long enough");
    let expected = learn(&model, &player, &[], &plan, isa, &mut |_| ControlFlow::Continue(())).expect("finite");
    let (made, expected) = (ModelData::read(&made[0]).expect("a model"), expected.tensors());
    for name in LEARNT {
        assert_eq!(made.tensor(name), expected[name], "{name}");
    }
}
