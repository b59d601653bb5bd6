//! `sympathy train` of models of notes as its user meets it.
#![cfg(feature = "train")]

use crate::common::program::Desk;
use std::{fs, thread::sleep, time::Duration};
use sympathy::{
    model::RollModel,
    notes::{DataSet, Grid, Piece, Repeats, Roll, Rules, Split},
    train::run::journal::{JournalFile, WeightHistogram},
};

/// Three pieces of eight measures, one of them to validate: a scale and a bass.
fn write_data(desk: &Desk, name: &str, grid: Grid) {
    let mut data = DataSet::new(Rules { grid, ..Rules::default() });
    for (number, split) in [Split::Training, Split::Training, Split::Validation].into_iter().enumerate() {
        let pieces = (0..1000).map(|k| Piece::unknown(format!("scale-{number}-{k}.mid")));
        let mut piece = pieces.into_iter().find(|piece| piece.split == split).expect("one in sixteen");
        (piece.licence, piece.attribution) = ("CC BY 4.0".into(), format!("Player {}", number.min(1)));
        let mut numbers = vec![0.0; 128 * 88];
        for (step, column) in numbers.chunks_exact_mut(88).enumerate() {
            column[40 + number + [0, 2, 4, 5, 7, 5, 4, 2][step / 4 % 8]] = f32::from(step % 4 < 3);
            column[20 + number] = f32::from(step % 16 < 14);
        }
        data.add(&piece, &Roll::from_numbers(&numbers, 88)).expect("few");
    }
    data.write(&desk.path(name)).expect("space");
}

fn desk() -> Desk {
    let desk = Desk::new();
    write_data(&desk, "scores.roll", Grid::default());
    write_data(&desk, "fine.roll", Grid { steps_per_quarter: 8, repeats: Repeats::Merge, ..Grid::default() });
    desk
}

const SMALL: &str = "--set hidden=16 --set batch=2 --set sequence=32 --set lr_rise_steps=1 --set lr=0.01";

#[test]
fn a_small_lstm_is_trained_told_of_and_played() {
    let desk = desk();
    let run = desk.run(&format!(
        "train scores.roll --recipe house-lstm --out my.safetensors {SMALL} --set epochs=4 --set name=Scales --set patience=9"
    ));
    assert_eq!(run.code, Some(0), "{run:?}");
    for part in [
        "2 pieces of 256 columns to learn from, 1 of 128 that validate",
        "without a network, training: silence 0.0",
        "epoch 4: training bce ",
        "; validation bce ",
        "(silence 0.0",
        "finished (epochs = 4) after 16 steps, 4 epochs; wrote my.safetensors",
        "hear it: sympathy sample my.safetensors --toss",
        "report.html",
    ] {
        assert!(run.stderr.contains(part), "{part}: {run:?}");
    }
    let journal = JournalFile::read(&desk.path("my.run/journal.jsonl")).expect("a journal");
    assert_eq!((journal.steps.len(), journal.epochs.len()), (16, 4));
    let start = journal.start.expect("a beginning");
    assert!(["silence", "key means", "hold", "chain"].iter().all(|name| start.baselines.contains_key(*name)));
    let validated = journal.epochs[3].validation.expect("a piece validates");
    assert!(validated.mse.is_some_and(|mse| mse > 0.0) && validated.accuracy.is_some_and(|part| part > 0.9));
    // How the weights are spread, before the first update and after each epoch.
    assert_eq!(journal.weights.iter().map(|(epoch, _)| *epoch).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    let mean = |histogram: &WeightHistogram| {
        let WeightHistogram { least, most, counts, .. } = histogram;
        let width = (most - least) / counts.len() as f32;
        let at = |i: usize| least + width * (i as f32 + 0.5);
        let sum: f32 = counts.iter().enumerate().map(|(i, &count)| count as f32 * at(i)).sum();
        sum / counts.iter().sum::<u32>() as f32
    };
    let first: Vec<&WeightHistogram> =
        journal.weights[0].1.iter().filter(|histogram| histogram.tensor.contains("weight")).collect();
    assert!(first.len() >= 5 && first.iter().all(|histogram| mean(histogram).abs() < 0.03), "{first:?}");
    let report = fs::read_to_string(desk.path("my.run/report.html")).expect("a report");
    for part in [
        "recipe house-lstm · 2 layers × 16",
        "nats a bit",
        "beside predictors without a network",
        "256 columns",
        "spread of the weights",
    ] {
        assert!(report.contains(part), "{part}");
    }
    let model = RollModel::read(&desk.path("my.safetensors")).expect("a model");
    let training = &model.config().training;
    assert_eq!(training.material, ["scores.roll"]);
    assert_eq!(training.licence, "CC BY 4.0 (Player 0): 1; CC BY 4.0 (Player 1): 2");
    assert_eq!(training.validation_loss, model.config().training.validation_loss);
    let text = desk.succeed("inspect my.safetensors");
    for part in ["house-lstm", "2 for training, 1 that validate", "mse of chain", "validation accuracy", "Player 1"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(RollModel::read(&desk.path("my.run/best.safetensors")).expect("a model").config(), model.config());
    desk.succeed_quietly("sample my.safetensors --toss --steps 32 --out heard.mid");
    assert!(desk.path("heard.mid").exists());
}

#[test]
fn an_autoencoder_is_trained_beside_the_predictors_that_it_can_have() {
    let desk = desk();
    let small = "--set widths=[5632,12,4] --set dropout=[] --set epochs=2 --set batch=2 --no-run --store f32";
    let run = desk.run(&format!("train scores.roll --recipe house-code --out code.safetensors {small}"));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stderr.contains("key means") && !run.stderr.contains("hold"), "{run:?}");
    assert!(!run.stderr.contains("hear it"), "{run:?}");
    let text = desk.succeed("inspect code.safetensors");
    assert!(text.contains("autoencoder 5632-12-4, tied") && text.contains("mse of key means"), "{text}");
    // A published one takes what a published converter would have made.
    let run = desk.run(&format!("train fine.roll --recipe m-ae1-published --out theirs.safetensors {small}"));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(desk.succeed("inspect theirs.safetensors").contains("not tied"));
}

#[test]
fn a_dry_run_tells_the_published_sizes_and_writes_nothing() {
    let desk = desk();
    let before = desk.files();
    for (recipe, parts) in [
        ("m-ae1", ["AE1: autoencoder 5632-1024-256-64-16, tied", "parameters: 6055056"]),
        ("m-ae1-published", ["not tied", "parameters: 12101776"]),
        ("m-ae2", ["AE2: ", "key means 0.0"]),
        ("m-lstm1", ["2 × 500 wide, parameters: 3224088 with one bias a gate", "chain 0.0"]),
    ] {
        let said = desk.succeed(&format!("train fine.roll --recipe {recipe} --out x.safetensors --dry-run"));
        assert!(parts.iter().all(|part| said.contains(part)), "{recipe}: {said}");
    }
    assert_eq!(desk.files(), before);
}

#[test]
fn a_training_goes_on_where_it_was_and_nothing_is_overwritten() {
    let desk = desk();
    let line = format!("train scores.roll --recipe house-lstm {SMALL} --no-run --out");
    for (out, epochs) in
        [("whole", "--set epochs=4"), ("parts", "--set epochs=2"), ("parts", "--set epochs=4 --resume")]
    {
        let run = desk.run(&format!("{line} {out}.safetensors {epochs}"));
        assert_eq!(run.code, Some(0), "{run:?}");
    }
    let model = |name: &str| RollModel::read(&desk.path(name)).expect("a model");
    let (whole, parts) = (model("whole.safetensors"), model("parts.safetensors"));
    assert_eq!(whole.to_bytes(), parts.to_bytes());
    desk.fail(&format!("{line} whole.safetensors"), &["whole.checkpoint", "--resume", "--overwrite"]);
    desk.fail(&format!("{line} scores.safetensors --checkpoint scores.roll"), &["scores.roll", "the data set"]);
    let run = desk.run(&format!("{line} parts.safetensors --resume --set hidden=8 --set epochs=5"));
    assert!(run.code == Some(1) && run.stderr.contains("hidden = 8"), "{run:?}");
    let run = desk.run("train fine.roll --recipe house-lstm --out parts.safetensors --resume --no-run");
    assert!(run.code == Some(1) && run.stderr.lines().count() == 2, "{run:?}");
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_trained() {
    let desk = desk();
    let train = |arguments: &str| format!("train {arguments} --out x.safetensors");
    for (arguments, parts) in [
        (train("scores.roll"), ["--recipe: expected one of house-lstm", "none, but a data set"]),
        (train("scores.roll --recipe house"), ["--recipe: expected one of house-lstm", "found \"house\""]),
        (train("take.wav --recipe house-lstm"), ["sympathy roll SCORES --out", "found take.wav"]),
        (train("scores.roll fine.roll --recipe house-lstm"), ["one data set", "found 2"]),
        (train("absent.roll --recipe house-lstm"), ["absent.roll", "No such file"]),
        (train("scores.roll --recipe house-lstm --store int8"), ["--store", "int8"]),
        (
            train("scores.roll --recipe house-lstm --set hidden=0"),
            ["house-lstm: hidden: expected 1 to 8192", "found 0"],
        ),
        (train("scores.roll --recipe house-lstm --set method=closed"), ["method", "closed"]),
        (train("scores.roll --recipe m-ae1 --set hidden=8"), ["a field of m-ae1", "no such field"]),
        ("train scores.roll --recipe house-lstm --out x.mid".into(), ["x.mid", ".safetensors"]),
    ] {
        desk.fail(&arguments, &parts);
    }
    let run = desk.run(&train("fine.roll --recipe house-lstm"));
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert!(run.code == Some(1) && lines.len() == 2, "{run:?}");
    for (line, parts) in
        lines.iter().zip([["steps_per_quarter: expected 4", "found 8"], ["repeats: expected gap", "merge"]])
    {
        assert!(line.starts_with("error: fine.roll: ") && parts.iter().all(|part| line.contains(part)), "{line}");
    }
    let taken = "--set steps_per_quarter=8 --set repeats=merge --set epochs=1 --no-run";
    desk.succeed_quietly(&format!("train fine.roll --recipe house-lstm --out fine.safetensors {SMALL} {taken}"));
    assert_eq!(RollModel::read(&desk.path("fine.safetensors")).expect("one").config().approach.steps_per_quarter, 8);
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_a_checkpoint_and_the_best_model_so_far() {
    let desk = desk();
    let line = format!(
        "train scores.roll --recipe house-lstm --out s.safetensors {SMALL} --set epochs=1000000 --set patience=null"
    );
    let child = desk.start(&line);
    while !desk.path("s.run/best.safetensors").exists() {
        sleep(Duration::from_millis(20));
    }
    let status = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(status.success());
    let output = child.wait_with_output().expect("a child");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.contains("stopped after"), "{stderr}");
    let model = RollModel::read(&desk.path("s.safetensors")).expect("a model");
    assert!(model.config().provenance.as_ref().is_some_and(|own| own.steps > 0));
    assert!(desk.path("s.checkpoint").exists() && !desk.path("s.lock").exists());
}
