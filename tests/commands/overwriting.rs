//! What is there stays there: outputs, inputs, trainings, and programs that write to one place at once.

use crate::common::program::Desk;
use std::{
    fs,
    process::Child,
    thread::sleep,
    time::{Duration, Instant},
};

const LENGTH: usize = 64_000;
const QUICK: &str = "--model model.safetensors --seconds-after 0";

fn desk() -> Desk {
    let desk = Desk::new();
    let sound: Vec<f32> =
        (0..LENGTH).map(|i| 0.3 * (0.07 * i as f32).sin() * (0.9 + 0.1 * (0.003 * i as f32).sin())).collect();
    desk.write_wav("in.wav", 16_000, &[sound]);
    desk
}

#[test]
fn a_file_that_is_there_is_replaced_only_if_it_is_asked_for() {
    let desk = desk();
    desk.succeed("export model.safetensors --out plain.pt");
    for (command, out) in [
        (format!("render in.wav out.wav {QUICK}"), "out.wav"),
        (format!("render in.wav o.wav --picture out.png {QUICK}"), "out.png"),
        ("demo --model model.safetensors --out out.wav".into(), "out.wav"),
        ("demo --model model.safetensors --out other.wav".into(), "other.png"),
        ("sample model.safetensors --seconds 0.1 --out out.wav".into(), "out.wav"),
        ("export model.safetensors --out out.safetensors".into(), "out.safetensors"),
        ("learn in.wav --out out.safetensors".into(), "out.safetensors"),
        ("roll song.mid --out out.roll".into(), "out.roll"),
        ("roll song.mid --to-midi out.mid".into(), "out.mid"),
        ("render song.mid out.mid".into(), "out.mid"),
        ("export model.safetensors --out o.safetensors --script out.py".into(), "out.py"),
        ("import plain.pt --out out.safetensors --approach vector".into(), "out.safetensors"),
        (
            "train in.wav --preset ten-minutes --out out.safetensors --set max_steps=1 --no-run".into(),
            "out.safetensors",
        ),
    ] {
        fs::write(desk.path(out), "a song").expect("space");
        let run = desk.run(&command);
        assert_eq!(run.code, Some(1), "{command}: {run:?}");
        assert!(run.stderr.contains(out) && run.stderr.contains("--overwrite"), "{command}: {run:?}");
        assert_eq!(fs::read(desk.path(out)).expect("the file"), b"a song", "{command}");
        fs::remove_file(desk.path(out)).expect("the file");
        assert!(desk.files().iter().all(|name| !name.ends_with(".part")), "{command}: {:?}", desk.files());
    }
    fs::write(desk.path("out.wav"), "a song").expect("space");
    desk.succeed(&format!("render in.wav out.wav {QUICK}"));
    assert_eq!(desk.read_wav("out.wav").sample_rate_hz, 16_000);
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_told_by_every_command_that_saves_and_what_was_there_is_whole() {
    let desk = desk();
    desk.succeed("export model.safetensors --out plain.pt");
    // Files of at most so many blocks of 512 bytes: further writes fail as on a full disk. What is read finds room in 512 of them, two
    // minutes more do not.
    let long = "--model model.safetensors --seconds-after 120 --overwrite";
    for (blocks, command, out) in [
        (512, format!("render in.wav out.wav {long}"), "out.wav"),
        (512, format!("render in.wav out.flac {long}"), "out.flac"),
        (512, format!("render in.wav out.wav --stems {long}"), "out.wav"),
        (1, "demo --model model.safetensors --out out.wav --overwrite".into(), "out.wav"),
        (1, "sample model.safetensors --seconds 5 --out out.wav --overwrite".into(), "out.wav"),
        (1, "export model.safetensors --out out.safetensors --overwrite".into(), "out.safetensors"),
        (1, "import plain.pt --out out.safetensors --approach vector --overwrite".into(), "out.safetensors"),
    ] {
        fs::write(desk.path(out), "a song").expect("space");
        let line = format!("trap '' XFSZ; ulimit -f {blocks}; exec {} {command}", env!("CARGO_BIN_EXE_sympathy"));
        let output = std::process::Command::new("sh").args(["-c", &line]).current_dir(desk.path("")).output();
        let output = output.expect("a shell");
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or_default();
        assert_eq!(output.status.code(), Some(1), "{command}: {said}");
        let name = out.split('.').next().unwrap_or(out);
        assert!(last.starts_with("error: ") && last.contains(name), "{command}: {said}");
        assert_eq!(fs::read(desk.path(out)).expect("the file"), b"a song", "{command}");
        fs::remove_file(desk.path(out)).expect("the file");
        assert_eq!(desk.files(), ["in.wav", "model.safetensors", "plain.pt"], "{command}");
    }
}

#[test]
fn swapped_arguments_destroy_no_take() {
    let desk = desk();
    let take = fs::read(desk.path("in.wav")).expect("the take");
    desk.succeed(&format!("render in.wav result.wav {QUICK}"));
    assert_eq!(desk.run(&format!("render result.wav in.wav {QUICK}")).code, Some(1));
    // Not even on demand is what is read written.
    desk.fail(&format!("render in.wav in.wav {QUICK}"), &["a place of its own"]);
    assert_eq!(fs::read(desk.path("in.wav")).expect("the take"), take);
}

#[test]
fn programs_that_write_to_one_place_at_once_each_write_a_whole_file() {
    let desk = desk();
    for _ in 0..6 {
        let start =
            |seed: u16| desk.start(&format!("render in.wav race.wav {QUICK} --overwrite --set random_seed={seed}"));
        for mut program in [start(1), start(2), start(3)] {
            assert!(program.wait().expect("it ends").success());
        }
        assert_eq!(desk.read_wav("race.wav").length_samples(), LENGTH);
    }
    assert_eq!(desk.files(), ["in.wav", "model.safetensors", "race.wav"]);
}

const TRAIN: &str = "train in.wav --preset ten-minutes --out m.safetensors --set max_minutes=5 --set epochs=null";

/// Waits for a file.
fn appears(desk: &Desk, name: &str) {
    let start = Instant::now();
    while !desk.path(name).exists() {
        assert!(start.elapsed() < Duration::from_secs(100), "{name} does not appear");
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_second_training_on_the_same_files_is_refused_while_the_first_lives() {
    let desk = desk();
    let mut first = desk.start(TRAIN);
    appears(&desk, "m.lock");
    let run = desk.run(TRAIN);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("no training at work on the same files"), "{run:?}");
    first.kill().expect("it runs");
    first.wait().expect("it ends");
    // However it ended: its files are free.
    desk.succeed_quietly(
        "train in.wav --preset ten-minutes --out m.safetensors --set max_steps=2 --set approach.sharpen=1 --overwrite",
    );
    assert!(!desk.path("m.lock").exists());
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_neither_a_part_nor_half_a_file() {
    let desk = desk();
    let long: Vec<f32> = (0..30 * 48_000).map(|i| 0.3 * (0.05 * i as f32).sin()).collect();
    desk.write_wav("long.wav", 48_000, &[long.clone(), long]);
    for wait_ms in [30, 200, 400, 700, 1000, 1500] {
        let program = desk.start(&format!("render long.wav out.wav {QUICK} --set mix=0"));
        sleep(Duration::from_millis(wait_ms));
        let code = interrupt(program);
        let files = desk.files();
        assert!(files.iter().all(|name| !name.contains(".part")), "after {wait_ms} ms: {files:?}");
        if desk.path("out.wav").exists() {
            assert_eq!(desk.read_wav("out.wav").length_samples(), 30 * 48_000, "after {wait_ms} ms");
            fs::remove_file(desk.path("out.wav")).expect("the file");
        } else {
            // Before the program has begun to listen, the system ends it.
            assert!(matches!(code, Some(130) | None), "after {wait_ms} ms: {code:?}");
        }
    }
}

#[cfg(unix)]
fn interrupt(mut program: Child) -> Option<i32> {
    let id = rustix::process::Pid::from_child(&program);
    // It may have ended already.
    let _ = rustix::process::kill_process(id, rustix::process::Signal::INT);
    program.wait().expect("it ends").code()
}
