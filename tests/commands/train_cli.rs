//! `sympathy train` as its user meets it: kills, Ctrl-C, full disks, bad material.
#![cfg(feature = "train")]

use crate::common::{SEED, phrase, program::Desk};
use std::{
    fs,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};
use sympathy::dsp::random::Random;

/// A second or two of training, with everything that has a state: dropout, noise, momentum, sampling, validation.
const CONFIG: &str = r#"{
    "name": "Killed", "files": [{"path": "a.wav"}, {"path": "b.wav"}], "validation_split": 0.1, "sample_rate_hz": 8000,
    "approach": {"kind": "magnitude", "window": 256, "hop": 64, "sharpen": 1}, "principal_components": 12, "hidden": 32, "layers": 2,
    "head": {"kind": "mixture", "components": 3}, "use_dropout": true, "output_keep": 0.9, "state_keep": 0.9,
    "streams": 8, "bptt": 24, "epochs": 60, "max_minutes": null, "checkpoint_minutes": 0.001, "lr": 0.004,
    "sampling": {"mode": "concurrent", "streams": 1, "seconds": 0.2, "seed_seconds": 0.2}
}"#;

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write_wav("a.wav", 8000, &phrase(8000, 2.0, 1));
    desk.write_wav("b.wav", 11_025, &phrase(11_025, 1.5, 2));
    fs::write(desk.path("config.json"), CONFIG).unwrap();
    desk
}

fn start(desk: &Desk, arguments: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_sympathy"))
        .args(arguments.split_whitespace())
        .current_dir(desk.path(""))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built with the tests")
}

#[test]
fn killed_at_random_moments_and_resumed_it_ends_with_the_same_bits() {
    let desk = desk();
    let run = desk.run("train config.json --out whole.safetensors");
    assert_eq!(run.code, Some(0), "{run:?}");
    let whole = fs::read(desk.path("whole.safetensors")).unwrap();
    let mut random = Random::new(SEED);
    let mut kills = 0;
    for trial in 0..20 {
        let out = format!("killed-{trial}.safetensors");
        let mut fuse = 60.0 + 300.0 * random.uniform();
        loop {
            let mut child = start(&desk, &format!("train config.json --out {out} --resume"));
            sleep(Duration::from_millis(fuse as u64));
            // Not asked to end, but ended: SIGKILL.
            let killed = child.try_wait().expect("a child").is_none() && child.kill().is_ok();
            let status = child.wait().expect("a child");
            if status.success() {
                break;
            }
            assert!(killed, "trial {trial}: {status}");
            kills += 1;
            // Longer and longer, so that a slow machine gets there too.
            fuse = 60.0 + 1.3 * fuse * (0.5 + random.uniform());
        }
        assert!(fs::read(desk.path(&out)).unwrap() == whole, "trial {trial}: other bits");
    }
    println!("20 trainings, {kills} kills");
    assert!(kills >= 20, "only {kills} kills");
}

#[cfg(unix)]
#[test]
fn ctrl_c_finishes_the_step_and_saves_a_good_model() {
    let desk = desk();
    let child = start(&desk, "train config.json --out stopped.safetensors --set epochs=100000");
    while !desk.path("stopped.checkpoint").exists() {
        sleep(Duration::from_millis(20));
    }
    let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(status.success());
    let output = child.wait_with_output().expect("a child");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.contains("stopped after"), "{stderr}");
    assert!(stderr.contains("b.wav: resampled from 11025 to 8000 Hz") && stderr.contains("b.wav: stereo"), "{stderr}");
    desk.succeed("inspect stopped.safetensors");
    for file in ["stopped.run/report.html", "stopped.run/journal.jsonl"] {
        assert!(desk.path(file).exists(), "{file}");
    }
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_told_and_loses_nothing() {
    let desk = desk();
    let run = desk.run("train config.json --out full.safetensors --set epochs=5");
    assert_eq!(run.code, Some(0), "{run:?}");
    let checkpoint = fs::read(desk.path("full.checkpoint")).unwrap();
    // Files of at most 8 blocks of 512 bytes: further writes fail as on a full disk.
    let line = format!(
        "trap '' XFSZ; ulimit -f 8; exec {} train config.json --out full.safetensors --no-run --resume --set epochs=50",
        env!("CARGO_BIN_EXE_sympathy")
    );
    let output = Command::new("sh").args(["-c", &line]).current_dir(desk.path("")).output().expect("a shell");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("full.checkpoint: expected a place to write"), "{stderr}");
    assert!(fs::read(desk.path("full.checkpoint")).unwrap() == checkpoint, "the old checkpoint is lost");
    assert!(!desk.path("full.checkpoint.part").exists());
}

#[test]
fn every_problem_has_its_line_before_any_audio_is_read() {
    let desk = Desk::new();
    fs::write(
        desk.path("bad.json"),
        r#"{"files": [{"path": "absent.wav"}], "hidden": 0, "lr": 7, "tanh_output": true}"#,
    )
    .unwrap();
    let run = desk.run("train bad.json --out bad.safetensors --set cell=gru --set peepholes=true");
    assert_eq!(run.code, Some(1));
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    for (line, parts) in lines.iter().zip([
        ["hidden", "1 to 4096", "found 0"],
        ["tanh_output", "mixture", "found true"],
        ["peepholes", "LSTM", "found true"],
        ["lr", "to 1", "found 7"],
    ]) {
        assert!(line.starts_with("error: bad.json: "), "{line}");
        parts.iter().for_each(|part| assert!(line.contains(part), "{line} lacks {part}"));
    }
    assert_eq!(desk.files(), ["bad.json", "model.safetensors"]);
}

#[test]
fn material_that_will_not_do_is_told_in_one_line() {
    let desk = desk();
    desk.write_wav("silent.wav", 8000, &[vec![0.0; 16_000]]);
    desk.write_wav("short.wav", 8000, &[phrase(8000, 0.4, 1).swap_remove(0)]);
    for (files, parts) in [
        ("silent.wav", ["silence", "trim_silence_db"]),
        ("short.wav", ["one sequence of the configuration", "found 0.40"]),
        ("absent.wav", ["absent.wav", "No such file"]),
        ("config.json absent.wav", ["absent.wav", "No such file"]),
    ] {
        let run = desk.run(&format!("train {files} --out x.safetensors --set sample_rate_hz=8000"));
        assert_eq!(run.code, Some(1), "{files}: {run:?}");
        let error: Vec<&str> = run.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(error.len(), 1, "{files}: {run:?}");
        parts.iter().for_each(|part| assert!(error[0].contains(part), "{files}: {} lacks {part}", error[0]));
        assert!(!desk.path("x.safetensors").exists() && !desk.path("x.run").exists(), "{files}");
    }
}

#[test]
fn recordings_train_with_a_preset_and_no_configuration() {
    let desk = desk();
    let run = desk.run(
        "train a.wav --preset ten-minutes --out a.safetensors --set max_steps=2 --set sample_rate_hz=8000 --set bptt=8 \
         --set sampling.seconds=0.2 --set sampling.seed_seconds=0.2 --set principal_components=8 --set approach.sharpen=1",
    );
    assert_eq!(run.code, Some(0), "{run:?}");
    let text = desk.succeed("inspect a.safetensors");
    assert!(text.contains("a.wav"), "{text}");
    fs::write(desk.path("own.json"), r#"{"files": [{"path": "a.wav"}], "num_epochs": 2, "max_steps": null}"#).unwrap();
    let run = desk.run(
        "train own.json --preset vector --out own.safetensors --set sample_rate_hz=8000 --set bptt=8 --no-run --set hidden=8",
    );
    assert!(run.code == Some(0) && run.stderr.contains("2 epochs"), "{run:?}");
    // How long it takes, what it is worth, how it is heard and where it belongs.
    for part in [
        "it trains for 2 epochs",
        "at the end of 15 s after the demo's phrase, spectral change",
        "hear it: sympathy demo --model ",
        "copy it to ",
    ] {
        assert!(run.stderr.contains(part), "{part}: {run:?}");
    }
    desk.fail("train a.wav --preset nonsense --out b.safetensors", &["--preset", "nonsense", "ten-minutes"]);
}

#[test]
fn nothing_is_overwritten_that_somebody_may_need() {
    let desk = desk();
    let quick = "--set epochs=1 --no-run";
    let run = desk.run(&format!("train config.json --out a.safetensors {quick}"));
    assert_eq!(run.code, Some(0), "{run:?}");
    for (arguments, parts) in [
        (format!("train a.wav --out x.safetensors --checkpoint a.wav {quick}"), ["a.wav", "a recording"]),
        (format!("train a.wav --out x.safetensors --checkpoint x.safetensors {quick}"), ["x.safetensors", "the model"]),
        (format!("train a.wav --out x.safetensors --checkpoint b.wav {quick}"), ["b.wav", "something else"]),
        ("train a.wav --out x.safetensors --run x.safetensors".into(), ["x.safetensors", "the model"]),
        ("train a.wav --out x.safetensors --run b.wav".into(), ["b.wav", "a file"]),
        (format!("train config.json --out a.safetensors {quick}"), ["a.checkpoint", "--resume"]),
        ("sample a.safetensors --seed-file a.wav --out a.wav".into(), ["a.wav", "the seed"]),
        ("export a.safetensors --out a.safetensors".into(), ["a.safetensors", "the model"]),
    ] {
        desk.fail(&arguments, &parts);
    }
    let run = desk.run(&format!("train config.json --out a.safetensors --overwrite {quick}"));
    assert_eq!(run.code, Some(0), "{run:?}");
}

#[test]
fn a_checkpoint_with_one_wrong_bit_is_refused() {
    let desk = desk();
    let run = desk.run("train config.json --out a.safetensors --set epochs=1 --no-run");
    assert_eq!(run.code, Some(0), "{run:?}");
    let good = fs::read(desk.path("a.checkpoint")).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    fs::write(desk.path("a.checkpoint"), bad).unwrap();
    let run = desk.run("train config.json --out a.safetensors --resume --set epochs=2 --no-run");
    assert!(run.code == Some(1) && run.stderr.contains("a.checkpoint: expected a whole checkpoint"), "{run:?}");
}

#[cfg(unix)]
#[test]
fn a_pipe_and_a_name_of_no_characters_are_refused_and_not_waited_for() {
    use std::os::unix::ffi::OsStrExt;
    let desk = desk();
    assert!(Command::new("mkfifo").arg(desk.path("pipe.wav")).status().expect("mkfifo").success());
    let run = desk.run("train pipe.wav --out x.safetensors --no-run");
    assert!(run.code == Some(1) && run.stderr.contains("pipe.wav: expected a file"), "{run:?}");
    let output = Command::new(env!("CARGO_BIN_EXE_sympathy"))
        .arg("train")
        .arg(std::ffi::OsStr::from_bytes(b"\xff.wav"))
        .args(["--out", "x.safetensors"])
        .current_dir(desk.path(""))
        .output()
        .expect("the program was built with the tests");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && stderr.lines().count() == 1, "{stderr}");
}
