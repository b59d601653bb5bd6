//! `sympathy sweep --slurm` on a real Slurm: `cargo xtask test --cluster` starts one on this machine and runs these.
#![cfg(all(feature = "train", unix))]

use crate::{
    common::program::Desk,
    sweep::{desk, results, states, sweep, timeless},
};
use serde_json::json;
use std::{
    fs,
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

/// Longer takes none of these trainings, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}: it was waited for {PATIENCE:?}; {}", said("squeue", &[]));
        sleep(Duration::from_millis(50));
    }
}

/// The job that was submitted.
fn submit(desk: &Desk, plan: &str) -> String {
    let (said, _) = sweep(desk, &format!("{plan} --slurm"));
    let job = said.strip_prefix("job ").and_then(|rest| rest.split(':').next());
    job.unwrap_or_else(|| panic!("{said}")).to_string()
}

fn wait_for_all(desk: &Desk, folder: &str) {
    let path = desk.path(&format!("{folder}/sweep.html"));
    wait("the page that is written behind all", || path.exists() && said("squeue", &["--noheader"]).trim().is_empty());
}

/// Some seconds a training, so that it can be met in its middle.
fn eight() -> serde_json::Value {
    json!({
        "vary": {"lr": [0.001, 0.002, 0.003, 0.004], "cell": ["lstm", "gru"]},
        "set": {"epochs": 300, "checkpoint_minutes": 0.0005, "hidden": 48, "input_noise": 0.1},
        "slurm": {"time": "00:10:00", "memory": "400M"}
    })
}

#[test]
#[ignore = "needs Slurm: cargo xtask test --cluster"]
fn an_array_whose_task_is_put_back_ends_with_the_bits_and_the_table_of_this_machine() {
    let desk = desk(eight());
    let began = Instant::now();
    let job = submit(&desk, "plan.json");
    let checkpoint = desk.path("plan.sweep/0003/model.checkpoint");
    wait("a checkpoint of the third task", || checkpoint.exists());
    assert!(!desk.path("plan.sweep/0003/result.json").exists(), "it is in its middle");
    said("scontrol", &["requeue", &format!("{job}_2")]);
    wait_for_all(&desk, "plan.sweep");
    println!("8 tasks on Slurm: {:.1} s", began.elapsed().as_secs_f64());
    assert_eq!(states(&desk, "plan.sweep"), ["done"; 8]);
    let log = fs::read_to_string(desk.path(&format!("plan.sweep/slurm/{job}_2.txt"))).expect("a log");
    assert!(log.contains("REQUEUE"), "the task was put back: {log}");
    let began = Instant::now();
    sweep(&desk, "plan.json --out here.sweep --jobs 2");
    println!("8 trainings with --jobs 2: {:.1} s", began.elapsed().as_secs_f64());
    assert_eq!(timeless(&results(&desk, "plan.sweep")), timeless(&results(&desk, "here.sweep")));
    for number in 1..=8 {
        let model =
            |folder: &str| fs::read(desk.path(&format!("{folder}/{number:04}/model.safetensors"))).expect("a model");
        assert!(model("plan.sweep") == model("here.sweep"), "{number}: other bits");
    }
}

#[test]
#[ignore = "needs Slurm: cargo xtask test --cluster"]
fn a_task_whose_time_is_up_saves_its_checkpoint_and_comes_back() {
    // Slurm counts in minutes, and the signal may come up to one earlier.
    let desk = desk(json!({
        "vary": {"lr": [0.001]}, "set": {"epochs": 400_000, "checkpoint_minutes": 60, "hidden": 48},
        "slurm": {"time": "00:02:00", "grace_s": 60}
    }));
    let job = submit(&desk, "plan.json");
    let log = desk.path(&format!("plan.sweep/slurm/{job}_0.txt"));
    wait("the task to go back", || fs::read_to_string(&log).is_ok_and(|text| text.contains("back in the queue")));
    assert!(desk.path("plan.sweep/0001/model.checkpoint").exists(), "no minute of it is lost");
    wait("the task to come back", || said("squeue", &["--noheader", "--states=RUNNING", "--array"]).contains(&job));
    // Enough: all end, here as a user would have it.
    sweep(&desk, "cancel plan.sweep");
    wait("all to end", || said("squeue", &["--noheader"]).trim().is_empty());
    assert!(!desk.path("plan.sweep/0001/result.json").exists(), "it was stopped, and goes on another time");
}

#[test]
#[ignore = "needs Slurm: cargo xtask test --cluster"]
fn what_the_cluster_would_not_take_is_told_before_anything_runs() {
    let desk = desk(json!({
        "vary": {"random_seed": {"from": 1, "to": 200, "count": 200}}, "slurm": {"partition": "nowhere"}
    }));
    let run = desk.run("sweep plan.json --slurm");
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("at most 101 tasks, which is the cluster's MaxArraySize, found 200"), "{run:?}");
    assert!(
        run.stderr.contains("slurm: expected what the cluster takes") && run.stderr.contains("partition"),
        "{run:?}"
    );
    assert!(!desk.path("plan.sweep").exists());
}
