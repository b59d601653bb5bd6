//! `sympathy sweep` as its user meets it: resuming, failures, halving, wrong plans, and a cluster that is played by scripts.
#![cfg(feature = "train")]

use crate::common::{browser::Browser, phrase, program::Desk};
use serde_json::{Value, json};
use std::{
    fs,
    thread::sleep,
    time::{Duration, Instant},
};

/// What all trainings here have in common: a tenth of a second each.
fn common() -> Value {
    json!({
        "sample_rate_hz": 8000, "approach": {"kind": "magnitude", "window": 256, "hop": 64, "sharpen": 1}, "principal_components": 8,
        "hidden": 12, "streams": 4, "bptt": 16, "epochs": 2, "max_minutes": null, "validation_split": 0.2, "head": {"kind": "mse"},
        "sampling": {"mode": "off"}
    })
}

/// A plan whose `set` is what is common, with `more` on top.
fn plan(more: Value) -> String {
    let mut plan = json!({"inputs": ["take.wav"], "set": common()});
    let fields = plan.as_object_mut().expect("an object");
    for (name, value) in more.as_object().expect("an object") {
        match (name.as_str(), value) {
            ("set", Value::Object(own)) => {
                let set = fields["set"].as_object_mut().expect("an object");
                set.extend(own.clone());
            }
            _ => drop(fields.insert(name.clone(), value.clone())),
        }
    }
    if fields.contains_key("halving") {
        fields["set"].as_object_mut().expect("an object").remove("epochs");
    }
    plan.to_string()
}

pub fn desk(more: Value) -> Desk {
    let desk = Desk::new();
    desk.write_wav("take.wav", 8000, &phrase(8000, 4.0, 1));
    fs::write(desk.path("plan.json"), plan(more)).expect("space");
    desk
}

pub fn sweep(desk: &Desk, arguments: &str) -> (String, String) {
    let run = desk.run(&format!("sweep {arguments}"));
    assert_eq!(run.code, Some(0), "sweep {arguments}: {run:?}");
    (run.stdout, run.stderr)
}

pub fn results(desk: &Desk, folder: &str) -> Value {
    serde_json::from_slice(&fs::read(desk.path(&format!("{folder}/sweep.json"))).expect("results")).expect("JSON")
}

/// What does not differ from run to run.
pub fn timeless(results: &Value) -> Value {
    let mut trainings = results["trainings"].clone();
    for training in trainings.as_array_mut().expect("a list") {
        training.as_object_mut().expect("an object").remove("seconds");
        training["figures"].as_object_mut().expect("figures").remove("real_time_factor");
        if let Some(grades) = training["grades"].as_object_mut() {
            grades.remove("real_time_factor");
        }
    }
    trainings
}

pub fn states(desk: &Desk, folder: &str) -> Vec<String> {
    let results = results(desk, folder);
    let trainings = results["trainings"].as_array().expect("a list");
    trainings.iter().map(|training| training["state"].as_str().expect("a word").to_string()).collect()
}

/// Longer takes nothing of what is waited for, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

#[track_caller]
fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what} was waited for in vain");
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_grid_is_trained_once_and_each_model_is_what_train_alone_makes() {
    let desk = desk(json!({
        "name": "Grid <b>", "vary": {"cell": ["lstm", "gru"], "lr": {"from": 0.001, "to": 0.01, "scale": "log", "count": 2}},
        "evaluate": {"options": {"seconds": 5, "seed_seconds": 1, "places": 1, "transpositions": [0]}}
    }));
    let (listed, said) = sweep(&desk, "plan.json --dry-run");
    assert!(said.starts_with("4 trainings (cell × lr), about ") && !desk.path("plan.sweep").exists(), "{said}");
    assert_eq!(listed.lines().collect::<Vec<_>>()[3], "0004  cell gru, lr 0.01");
    let (table, said) = sweep(&desk, "plan.json --jobs 2");
    assert!(
        table.contains("0003    cell gru, lr 0.001   done") && table.contains("best by validation loss: 000"),
        "{table}"
    );
    assert_eq!(said.lines().filter(|line| line.contains(": done in ")).count(), 4, "{said}");
    // Alone, with the configuration that lies there.
    desk.succeed_quietly("train plan.sweep/0003/config.json --out alone.safetensors");
    let model = |path: &str| fs::read(desk.path(path)).expect("a model");
    assert!(model("alone.safetensors") == model("plan.sweep/0003/model.safetensors"), "other bits");
    let first = results(&desk, "plan.sweep");
    let figures = &first["trainings"][2]["figures"];
    for name in ["validation_loss", "training_loss", "artifacts", "listening", "parameters", "steps"] {
        assert!(figures[name].is_f64(), "{name}: {figures}");
    }
    let html = fs::read_to_string(desk.path("plan.sweep/sweep.html")).expect("a page");
    for part in [
        "Grid &lt;b&gt;",
        "data-number=\"0003\"",
        "<audio controls",
        "<polyline",
        "Training loss",
        "-longer.safetensors",
    ] {
        assert!(html.contains(part), "{part}");
    }
    assert!(
        !html.contains("<b>") && !html.contains("src=\"http") && !html.contains("href=\"http"),
        "it needs nothing else"
    );
    if let Some(browser) = Browser::find() {
        // Its own script runs, which the page has to allow by its checksum: it opens what the address names.
        let shown = browser.dump(&desk.path("plan.sweep/sweep.html#c0002"));
        assert!(shown.contains("id=\"c0002\" open") && !shown.contains("id=\"c0001\" open"));
    }
    assert_eq!(fs::read_to_string(desk.path("plan.sweep/sweep.csv")).expect("a table").lines().count(), 5);
    // Once more: nothing is trained, and what was found stays.
    let (_, said) = sweep(&desk, "plan.json");
    assert!(!said.contains("done in"), "{said}");
    assert_eq!(results(&desk, "plan.sweep"), first);
    assert_eq!(sweep(&desk, "status plan.sweep").0.trim(), "plan.sweep: 4 done");
    // What is trained longer is a model of its own, and nothing of the sweep changes.
    let longer = html.split("<code>").nth(1).and_then(|rest| rest.split("</code>").next());
    let longer = longer.expect("a command").replace("&#39;", "'");
    let words = longer.strip_prefix("sympathy ").expect("words of ours").to_string();
    assert!(words.contains("--set epochs=4"), "{words}");
    desk.succeed_quietly(&words);
    let made = fs::read_dir(desk.path("plan.sweep")).expect("a folder").filter_map(|entry| {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        name.ends_with("-longer.safetensors").then_some(name)
    });
    let name = made.last().expect("a model");
    assert!(desk.succeed(&format!("inspect plan.sweep/{name} --json")).contains("\"epochs\": 4"));
    sweep(&desk, "collect plan.sweep");
    assert_eq!(results(&desk, "plan.sweep"), first);
}

#[test]
fn what_was_stopped_goes_on_and_ends_with_the_same_bits() {
    let slow = json!({
        "vary": {"lr": [0.001, 0.002, 0.004]},
        "set": {"epochs": 400, "checkpoint_minutes": 0.0005, "hidden": 48, "input_noise": 0.1}
    });
    let desk = desk(slow);
    sweep(&desk, "plan.json --out whole.sweep --jobs 2");
    let mut child = desk.start("sweep plan.json --jobs 2");
    let checkpoint = desk.path("plan.sweep/0002/model.checkpoint");
    wait("a checkpoint", || checkpoint.exists());
    assert!(sweep(&desk, "cancel plan.sweep").0.starts_with("asked to stop"));
    assert!(child.wait().expect("a child").success(), "asked to stop, it ends well");
    let (said, _) = sweep(&desk, "status plan.sweep --json");
    let said: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(said["counts"]["running"], 0, "{said}");
    // Killed, with what it had started: nobody tidies up, and the children end when they are done.
    let mut child = desk.start("sweep plan.json --jobs 2");
    let claimed = |number: &str| desk.path(&format!("plan.sweep/{number}/claim.lock")).exists();
    wait("a child", || claimed("0001"));
    child.kill().expect("a child");
    child.wait().expect("a child");
    // Others may still be at a training: the same command is given until all are done.
    wait("all to be done", || !sweep(&desk, "plan.json --jobs 2").1.contains("the same command goes on"));
    for number in ["0001", "0002", "0003"] {
        let model =
            |folder: &str| fs::read(desk.path(&format!("{folder}.sweep/{number}/model.safetensors"))).expect("a model");
        assert!(model("whole") == model("plan"), "{number}: other bits");
    }
    assert_eq!(timeless(&results(&desk, "plan.sweep")), timeless(&results(&desk, "whole.sweep")));
}

#[test]
fn a_training_that_fails_is_recorded_and_the_others_go_on() {
    // No stretch of the recording is as loud as that.
    let desk = desk(json!({"vary": {"trim_silence_db": [null, -1]}}));
    let (table, said) = sweep(&desk, "plan.json");
    assert_eq!(states(&desk, "plan.sweep"), ["done", "failed"], "{table}{said}");
    assert!(said.contains("0002") && said.contains("failed: ") && said.contains("nothing but silence"), "{said}");
    let (_, said) = sweep(&desk, "plan.json");
    assert!(!said.contains("of 2)"), "it is left as it is: {said}");
    let (_, said) = sweep(&desk, "plan.json --retry");
    assert!(said.contains("1 that failed are tried again") && said.contains("0002 (2 of 2)"), "{said}");
    assert_eq!(states(&desk, "plan.sweep"), ["done", "failed"]);
}

#[test]
fn halving_trains_the_better_ones_longer() {
    let desk = desk(json!({"vary": {"lr": [1e-6, 0.003, 1e-5, 0.01]}, "halving": {"lengths": [2, 6], "keep": 0.5}}));
    sweep(&desk, "plan.json --jobs 2");
    let results = results(&desk, "plan.sweep");
    let rungs: Vec<(Value, Value, Value)> = results["trainings"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|training| {
            (training["rung"].clone(), training["settings"]["lr"].clone(), training["figures"]["epochs"].clone())
        })
        .collect();
    assert_eq!(rungs.len(), 6);
    assert_eq!(rungs[4], (json!(2), json!(0.003), json!(6.0)));
    assert_eq!(rungs[5], (json!(2), json!(0.01), json!(6.0)));
}

#[test]
fn models_of_notes_are_swept_too() {
    let desk = desk(json!({}));
    fs::create_dir(desk.path("scores")).expect("space");
    for (name, key) in
        [("a", 60u8), ("b", 64), ("c", 67), ("d", 72), ("e", 55), ("f", 48), ("g", 50), ("h", 53), ("i", 57), ("j", 59)]
    {
        let note = [0, 0x90, key, 0x40, 0x60, key, 0];
        let track = [&note.repeat(80)[..], b"\0\xff\x2f\0"].concat();
        let header = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk";
        fs::write(
            desk.path(&format!("scores/{name}.mid")),
            [&header[..], &(track.len() as u32).to_be_bytes(), &track].concat(),
        )
        .expect("space");
    }
    desk.succeed_quietly("roll scores --out scores.roll");
    let plan = json!({
        "inputs": ["scores.roll"], "recipe": "house-lstm", "vary": {"hidden": [8, 12]}, "repeats": 2,
        "set": {"layers": 1, "epochs": 2, "patience": null}, "evaluate": {"options": {"steps": 64, "seed_measures": 1, "split": "training"}}
    });
    fs::write(desk.path("notes.json"), plan.to_string()).expect("space");
    sweep(&desk, "notes.json");
    let found = results(&desk, "notes.sweep");
    let training = &found["trainings"][3];
    assert_eq!((&training["settings"]["hidden"], &training["repeat"]), (&json!(12), &json!(2)), "{training}");
    assert!(training["figures"]["mse"].is_f64() && training["figures"]["alive"].is_f64(), "{training}");
    assert_ne!(
        found["trainings"][2]["figures"]["training_loss"], training["figures"]["training_loss"],
        "another random seed"
    );
}

#[test]
fn wrong_plans_are_told_whole_before_anything_runs() {
    let desk = desk(json!({
        "inputs": ["take.wav", "nowhere.wav"], "vary": {"hidden": [0, 16], "lr": [0.1, "fast"]}, "set": {"layers": 99},
        "evaluate": {"seeds": ["gone.wav"], "options": {"second": 5}}, "halving": {"by": "beauty", "lengths": [1, 2]}
    }));
    let lines = |arguments: &str| {
        let before = desk.files();
        let run = desk.run(&format!("sweep {arguments}"));
        assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{run:?}");
        assert_eq!(desk.files(), before, "nothing is left behind");
        run.stderr
    };
    let said = lines("plan.json");
    for part in [
        "error: plan.json: inputs: expected files that are there, found",
        "nowhere.wav",
        "gone.wav",
        "hidden 0, lr 0.1: layers: expected 1 to ",
        "hidden 0, lr 0.1: hidden: expected ",
        "hidden 0, lr fast: lr: expected ",
        "evaluate: expected what sympathy evaluate understands, found unexpected argument '--second'",
        "halving.by: expected validation_loss, training_loss",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    fs::write(desk.path("plan.json"), "{\"vary\": {\"lr\": []}, \"repeats\": 0}").expect("space");
    let said = lines("plan.json");
    assert!(
        said.contains("vary.lr: expected one value or more, found an empty list") && said.contains("repeats"),
        "{said}"
    );
    assert!(lines("nothing").contains("plan: expected a file, or one of dissertation-table-5-1"));
    assert!(lines("status take.wav").contains("expected the folder of a sweep"));
    // As much as no disk has.
    let huge = json!({
        "vary": {"random_seed": {"from": 1, "to": 5000, "count": 5000}}, "set": {"hidden": 1000, "layers": 8}
    });
    fs::write(desk.path("plan.json"), plan(huge)).expect("space");
    let said = lines("plan.json");
    assert!(said.contains("space: expected about ") && said.contains("MiB"), "{said}");
}

#[test]
fn what_halving_could_not_choose_by_and_what_the_clock_would_end_is_told() {
    let desk = desk(json!({
        "vary": {"lr": [0.001, 0.002]}, "set": {"validation_split": 0}, "halving": {"lengths": [1, 2]}
    }));
    desk.fail(
        "sweep plan.json",
        &["halving.by: expected trainings that hold something out", "lr 0.001, which does not"],
    );
    fs::write(desk.path("plan.json"), plan(json!({"set": {"max_minutes": 3}}))).expect("space");
    let (_, said) = sweep(&desk, "plan.json --dry-run");
    assert!(said.contains("warning: max_minutes may end trainings"), "{said}");
    // A configuration says what is learnt from, not what it is judged by.
    fs::write(desk.path("mine.json"), r#"{"files": [{"path": "take.wav"}]}"#).expect("space");
    fs::write(desk.path("plan.json"), plan(json!({"inputs": ["mine.json"], "evaluate": {}}))).expect("space");
    desk.fail("sweep plan.json", &["evaluate.material: expected recordings"]);
}

#[test]
fn the_hours_of_a_budget_end_a_call_and_the_next_goes_on() {
    let desk = desk(json!({
        "vary": {"lr": [0.001, 0.002]}, "set": {"epochs": 300, "hidden": 48, "checkpoint_minutes": 0.0005},
        "budget": {"hours": 0.0001}
    }));
    let mut calls = 0;
    wait("all to be done", || {
        calls += 1;
        !sweep(&desk, "plan.json --jobs 1").1.contains("the hours of the budget are over; the same command goes on")
    });
    assert!(calls > 1, "a third of a second is not enough");
    assert_eq!(states(&desk, "plan.sweep"), ["done", "done"]);
}

#[test]
fn another_plan_or_another_folder_is_not_touched() {
    let desk = desk(json!({"vary": {"lr": [0.001]}}));
    sweep(&desk, "plan.json");
    fs::write(desk.path("plan.json"), plan(json!({"vary": {"lr": [0.002]}}))).expect("space");
    desk.fail("sweep plan.json", &["plan.sweep: expected the sweep of this plan"]);
    fs::create_dir(desk.path("mine")).expect("space");
    fs::write(desk.path("mine/song.wav"), "").expect("space");
    desk.fail("sweep plan.json --out mine", &["mine: expected a place for a new folder"]);
    assert_eq!(fs::read_dir(desk.path("mine")).expect("a folder").count(), 1);
}

/// Slurm's commands, played by a script: arrays run at once, one task after the other, and so do jobs that depend on them.
#[cfg(unix)]
const FAKE: &str = r#"#!/bin/sh
case "$(basename "$0")" in
scontrol) echo "scontrol $*" >> "$FAKE_LOG"; echo "MaxArraySize            = 4"; exit 0 ;;
scancel) echo "scancel $*" >> "$FAKE_LOG"; exit 0 ;;
esac
for script; do :; done
case "$*" in
*--version*) echo "slurm 1"; exit 0 ;;
*--test-only*) if grep -q "partition=none" "$script"; then echo "invalid partition specified: none" >&2; exit 1; fi; exit 0 ;;
esac
number=$(($(cat "$FAKE_LOG.number" 2> /dev/null || echo 0) + 1)); echo $number > "$FAKE_LOG.number"
echo "sbatch $*" >> "$FAKE_LOG"
if [ -n "$FAKE_IDLE" ]; then echo "$number"; exit 0; fi
last=$(sed -n 's/^#SBATCH --array=0-\([0-9]*\).*/\1/p' "$script")
if [ -n "$last" ]; then
  for index in $(seq 0 "$last"); do SLURM_ARRAY_TASK_ID=$index SLURM_ARRAY_JOB_ID=$number sh "$script" >> "$FAKE_LOG.out" 2>&1; done
else
  sh "$script" >> "$FAKE_LOG.out" 2>&1
fi
echo "$number"
"#;

/// `sympathy sweep` where the cluster is played: `more` are variables of the environment.
#[cfg(unix)]
fn on_cluster(desk: &Desk, arguments: &str, more: &[(&str, &str)]) -> std::process::Command {
    use std::os::unix::fs::PermissionsExt;
    let bin = desk.path("bin");
    if !bin.exists() {
        fs::create_dir(&bin).expect("space");
        for name in ["sbatch", "scontrol", "scancel"] {
            let path = bin.join(name);
            fs::write(&path, FAKE).expect("space");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a file of ours");
        }
    }
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = desk.command(&format!("sweep {arguments}"));
    command.env("PATH", path).env("FAKE_LOG", desk.path("log")).envs(more.iter().copied());
    command
}

#[cfg(unix)]
fn cluster(desk: &Desk, arguments: &str, more: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let output = on_cluster(desk, arguments, more).output().expect("a program");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[cfg(unix)]
#[test]
fn a_cluster_is_asked_for_one_array_and_collects_behind_it() {
    let desk = desk(json!({
        "vary": {"lr": [1e-6, 0.003, 0.001, 0.01, 0.02]}, "halving": {"lengths": [1, 3], "keep": 0.4},
        "slurm": {"time": "00:10:00", "trainings_per_task": 2}
    }));
    let (code, said, error) = cluster(&desk, "plan.json --slurm", &[]);
    assert_eq!(code, Some(0), "{said}{error}");
    assert!(said.contains("job 1: 3 tasks"), "{said}");
    let log = || fs::read_to_string(desk.path("log")).expect("a log");
    // The array, what collects behind it, the array of the second rung, and what collects behind that.
    assert_eq!(log().lines().filter(|line| line.starts_with("sbatch")).count(), 4, "{}", log());
    assert!(log().contains("--dependency=afterany:1") && log().contains("--dependency=afterany:3"), "{}", log());
    let table = timeless(&results(&desk, "plan.sweep"));
    assert_eq!(states(&desk, "plan.sweep"), ["done"; 7]);
    // The same as on this machine.
    sweep(&desk, "plan.json --out here.sweep --jobs 2");
    assert_eq!(timeless(&results(&desk, "here.sweep")), table);
    assert_eq!(cluster(&desk, "cancel plan.sweep", &[]).0, Some(0));
    for job in 1..=4 {
        assert!(log().contains(&format!("scancel --state=PENDING {job}\n")), "{job}: {}", log());
    }
    // What the cluster would not take: everything at once.
    let wide = plan(json!({"vary": {"lr": [0.1, 0.2, 0.3, 0.4, 0.5]}, "slurm": {"partition": "none"}}));
    fs::write(desk.path("wide.json"), wide).expect("space");
    let (code, _, error) = cluster(&desk, "wide.json --slurm", &[]);
    assert_eq!(code, Some(1));
    let limit = "at most 4 tasks, which is the cluster's MaxArraySize, found 5 (slurm.trainings_per_task 2";
    assert!(error.contains(limit), "{error}");
    assert!(error.contains("slurm: expected what the cluster takes, found sbatch: invalid partition"), "{error}");
    // And where there is none.
    let output = desk.command("sweep wide.json --slurm").env("PATH", desk.path("empty")).output().expect("a program");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("--slurm: expected Slurm's commands") && error.contains("sbatch cannot be run"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_task_whose_time_is_up_goes_back_and_one_that_dies_is_recorded() {
    let desk = desk(json!({
        "vary": {"lr": [0.001, 0.002]}, "set": {"epochs": 100_000, "hidden": 48, "checkpoint_minutes": 60}
    }));
    // The cluster has taken the array, and has not begun.
    let idle = [("FAKE_IDLE", "1")];
    assert_eq!(cluster(&desk, "plan.json --slurm", &idle).0, Some(0));
    let list = desk.path("plan.sweep/slurm/array-1.json");
    let task = |arguments: &str| {
        let mut command = on_cluster(&desk, arguments, &[("SLURM_ARRAY_JOB_ID", "7"), ("SLURM_ARRAY_TASK_ID", "0")]);
        let mut child = command.spawn().expect("a program");
        wait("a first step", || desk.path("plan.sweep/0001/model.run/journal.jsonl").exists());
        sleep(Duration::from_millis(50));
        let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(kill.expect("kill").success());
        assert!(child.wait().expect("a child").success(), "asked to end, it ends well");
    };
    task(&format!("task plan.sweep --array {}", list.display()));
    let log = || fs::read_to_string(desk.path("log")).expect("a log");
    assert_eq!(log().matches("scontrol requeue 7_0").count(), 1, "{}", log());
    assert!(desk.path("plan.sweep/0001/model.checkpoint").exists(), "nothing of it is lost");
    // One that is no task of an array puts nothing back, though it may run inside of one.
    task("task plan.sweep 1");
    assert_eq!(log().matches("scontrol requeue").count(), 1, "{}", log());
    // The first was asked to stop, and may be submitted again; the second was never heard of.
    let (code, said, error) = cluster(&desk, &format!("next plan.sweep --array {}", list.display()), &idle);
    assert_eq!(code, Some(0), "{said}{error}");
    assert_eq!(states(&desk, "plan.sweep"), ["begun", "failed"]);
    assert!(error.contains("0002 (lr 0.002): its task ended without a word"), "{error}");
}
