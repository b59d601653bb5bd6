//! `sympathy evaluate` of models of notes.

use crate::common::{notes, program::Desk};
use serde_json::Value;
use std::fs;
use sympathy::{
    dsp::random::Random,
    notes::{DataSet, Grid, Piece, Repeats, Roll, Rules, Score, Split},
};

/// A piece of chords that last 2 to 6 steps.
fn piece(random: &mut Random, steps: usize) -> Roll {
    let mut numbers = vec![0.0; steps * 88];
    let mut step = 0;
    while step < steps {
        let (length, keys) = (2 + random.below(5) as usize, [0; 3].map(|_| 30 + random.below(20) as usize));
        for column in numbers.chunks_exact_mut(88).skip(step).take(length) {
            keys.iter().for_each(|&key| column[key] = 1.0);
        }
        step += length;
    }
    Roll::from_numbers(&numbers, 88)
}

fn rules(repeats: Repeats) -> Rules {
    let grid = Grid { steps_per_quarter: 8, repeats, ..Grid::default() };
    Rules { grid, transpose: [0, 1], ..Rules::default() }
}

/// A desk with a network of each kind and a data set, two pieces of 200 steps for training and two for testing.
fn desk(repeats: Repeats) -> (Desk, DataSet) {
    let desk = Desk::new();
    notes::lstm(16, -2.0).write(&desk.path("lstm.safetensors")).expect("space");
    notes::autoencoder(-1.0).write(&desk.path("code.safetensors")).expect("space");
    let mut data_set = DataSet::new(rules(repeats));
    let mut random = Random::new(2);
    for (index, split) in [Split::Training, Split::Test, Split::Training, Split::Test].into_iter().enumerate() {
        let about = Piece { split, ..Piece::unknown(format!("{index}.mid")) };
        let roll = piece(&mut random, 200);
        let strokes = (repeats == Repeats::Onset).then(|| vec![[0; 11]; 200]);
        data_set.add(&about, &Roll::new(roll.columns().to_vec(), strokes)).expect("little");
    }
    data_set.write(&desk.path("scores.roll")).expect("space");
    (desk, data_set)
}

fn json(desk: &Desk, name: &str) -> Value {
    serde_json::from_slice(&fs::read(desk.path(name)).expect("a file")).expect("JSON")
}

#[track_caller]
fn number(json: &Value, path: &str) -> f64 {
    json.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("{path}: {json:#}"))
}

#[test]
fn a_recurrent_network_is_judged_beside_what_needs_none() {
    let (desk, data_set) = desk(Repeats::Merge);
    let command = "evaluate lstm.safetensors scores.roll --toss --random-seeds 2 --places 3 --steps 128 --overwrite";
    let said = desk.run(&format!("{command} --json all.json"));
    assert_eq!((said.code, &*said.stderr), (Some(0), ""), "{said:?}");
    for part in [
        "Aria\n2 pieces for test, 398 columns foretold",
        "\nthe model  ",
        "\n  below middle C  ",
        "\nhold the last column  ",
        "\nsilence  ",
        "\nchain of two states  ",
        "128 steps, 18 times",
        "\nlongest copy, in steps  ",
        "\nalive  ",
        "\nthose of the seed  ",
        "\nlistens  ",
        "\nall.json\n",
    ] {
        assert!(said.stdout.contains(part), "{part}: {}", said.stdout);
    }
    let all = json(&desk, "all.json");
    let number = |path: &str| number(&all, path);
    let baselines = data_set.baselines_of(Split::Test).expect("pieces");
    assert!((number("/baselines/silence") - baselines.silence).abs() < 1e-12);
    // The tally of holding has the error of the baseline, which is counted another way.
    assert!((number("/hold/mse") - baselines.hold).abs() < 1e-12);
    assert_eq!((number("/hold/onsets/f1"), number("/prediction/columns")), (0.0, 398.0));
    assert!(number("/prediction/mse") > 0.0 && number("/prediction/bce") > number("/prediction/mse"));
    // All keys are between those of their halves.
    let f1 = |region: &str| number(&format!("/prediction{region}/keys/recall"));
    let halves = [f1("/bass"), f1("/treble")];
    assert!(halves[0].min(halves[1]) <= f1("") && f1("") <= halves[0].max(halves[1]));
    let played = all["played"].as_array().expect("a list");
    assert_eq!(played.len(), 18, "three places, three transpositions, two random seeds");
    assert_eq!(all["alive"], played.iter().filter(|played| played["alive"] == true).count());
    assert_eq!(all["listening"]["count"], played.iter().filter(|played| played["listens"] == true).count());
    let mean = played.iter().map(|played| played["own_seed"].as_f64().expect("a number")).sum::<f64>() / 18.0;
    assert!((number("/listening/played/own_seed") - mean).abs() < 1e-12);
    // Of 128 steps the first 64 are others.
    let pitches = |played: &Value, which: &str| played.pointer(which).and_then(Value::as_f64).expect("a number");
    assert!(played.iter().any(|played| pitches(played, "/own_seed") != pitches(played, "/first/own_seed")));
    let mean = played.iter().map(|played| pitches(played, "/first/own_seed")).sum::<f64>() / 18.0;
    assert!((number("/listening/first/own_seed") - mean).abs() < 1e-12);
    let mut seeds: Vec<_> = played.iter().map(|played| format!("{} {}", played["seed"], played["measure"])).collect();
    seeds.dedup();
    assert_eq!(seeds.len(), 3, "{seeds:?}");
    assert!(played.iter().all(|played| played["seed"] == "1.mid" || played["seed"] == "3.mid"), "{seeds:?}");
    // The same again.
    assert_eq!(desk.run(&format!("{command} --json all.json")).code, Some(0));
    assert_eq!(json(&desk, "all.json"), all);
    let training =
        desk.run("evaluate lstm.safetensors scores.roll --split training --steps 64 --places 1 --json 64.json");
    // Copies in another key are not pieces of their own.
    assert!(training.stdout.contains("2 pieces for training, 398 columns"), "{training:?}");
    let short = json(&desk, "64.json");
    assert_eq!(short["listening"]["first"], short["listening"]["played"], "64 steps are the first");
    // A single seed has no others.
    let alone = desk.run("evaluate lstm.safetensors scores.roll --places 1 --transpositions 0 --json one.json");
    assert_eq!(alone.code, Some(0), "{alone:?}");
    let one = json(&desk, "one.json");
    assert_eq!((&one["listening"]["listens"], &one["played"][0]["other_seeds"]), (&Value::Null, &Value::Null));
}

#[test]
fn every_option_is_heard() {
    let (desk, _) = desk(Repeats::Merge);
    let mut heard: Vec<(&str, Value)> = Vec::new();
    for options in [
        "",
        "--threshold 0.3",
        "--feedback played",
        "--toss",
        "--toss --temperature 1.5",
        "--toss --temperature 1.5 --law logit",
        "--steps 96",
        "--seed-measures 2",
        "--places 1",
        "--transpositions 0,2",
        "--split training",
    ] {
        let said = desk.run(&format!("evaluate lstm.safetensors scores.roll --overwrite --json one.json {options}"));
        assert_eq!(said.code, Some(0), "{options}: {said:?}");
        let mut found = json(&desk, "one.json");
        // What was asked for is no proof that it was done.
        for field in ["steps", "seed_measures", "playing", "split"] {
            found.as_object_mut().expect("an object").remove(field);
        }
        let same = heard.iter().find(|(_, other)| *other == found);
        assert!(same.is_none(), "{options:?} and {:?} are the same", same.map(|(options, _)| options));
        heard.push((options, found));
    }
}

#[test]
fn what_is_silent_floods_or_copies_is_not_alive() {
    let (desk, _) = desk(Repeats::Merge);
    // Above a threshold of 1 there is nothing, above one of 0 there are all keys.
    for (threshold, empty) in [("1", 1.0), ("0", 0.0)] {
        let options = format!("--threshold {threshold} --overwrite --json a.json");
        let said = desk.run(&format!("evaluate lstm.safetensors scores.roll {options}"));
        assert_eq!(said.code, Some(0), "{said:?}");
        let found = json(&desk, "a.json");
        assert_eq!((number(&found, "/played/0/empty"), &found["alive"]), (empty, &Value::from(0)), "{threshold}");
        assert_eq!(number(&found, "/played/0/longest_copy"), 0.0);
    }
    // A piece for testing that has room for a single seed; what is played after it is a piece for training.
    let seed = piece(&mut Random::new(9), 30);
    let midi = Score::midi_of(&seed, 8, 120.0, &desk.path("seed.mid")).expect("short");
    fs::write(desk.path("seed.mid"), midi).expect("space");
    desk.succeed("sample lstm.safetensors --seed seed.mid --seed-measures 1 --steps 128 --toss");
    let rules = rules(Repeats::Merge);
    let (played, _) = Score::read(&desk.path("sample.mid")).expect("a score").roll(&rules.grid).expect("short");
    let other = piece(&mut Random::new(4), 128);
    for (name, learnt, copy) in [("copied", &played, played.len()), ("new", &other, 20)] {
        let mut data_set = DataSet::new(rules);
        for (split, name, roll) in [(Split::Training, "learnt.mid", learnt), (Split::Test, "seed.mid", &seed)] {
            data_set.add(&Piece { split, ..Piece::unknown(name.into()) }, roll).expect("little");
        }
        data_set.write(&desk.path("two.roll")).expect("space");
        let options = "--toss --places 1 --seed-measures 1 --transpositions 0 --steps 128 --overwrite --json b.json";
        let said = desk.run(&format!("evaluate lstm.safetensors two.roll {options}"));
        assert_eq!(said.code, Some(0), "{said:?}");
        let found = json(&desk, "b.json");
        let longest = number(&found, "/played/0/longest_copy") as usize;
        match name {
            "copied" => assert_eq!((longest, &found["alive"]), (copy, &Value::from(0))),
            _ => assert!(longest < copy, "{longest}"),
        }
    }
}

#[test]
fn an_autoencoder_is_judged_by_what_it_gives_back() {
    let (desk, data_set) = desk(Repeats::Merge);
    let said = desk.run("evaluate code.safetensors scores.roll --json all.json");
    assert_eq!((said.code, &*said.stderr), (Some(0), ""), "{said:?}");
    for part in
        ["2 pieces for test, 400 columns given back", "\n  from middle C on  ", "\nsilence  ", "\neach key's mean  "]
    {
        assert!(said.stdout.contains(part), "{part}: {}", said.stdout);
    }
    for absent in ["hold", "chain", "alive", "steps,"] {
        assert!(!said.stdout.contains(absent), "{absent}: {}", said.stdout);
    }
    let all = json(&desk, "all.json");
    let baselines = data_set.baselines_of(Split::Test).expect("pieces");
    assert!((number(&all, "/baselines/silence") - baselines.silence).abs() < 1e-12);
    assert!((number(&all, "/baselines/key_means") - baselines.key_means.expect("pieces for training")).abs() < 1e-12);
    assert!(number(&all, "/reconstruction/mse") > 0.0 && number(&all, "/reconstruction/accuracy") < 1.0);
    for part in ["keys", "onsets", "bass/keys", "bass/onsets", "treble/keys", "treble/onsets"] {
        let f1 = number(&all, &format!("/reconstruction/{part}/f1"));
        assert!((0.0..=1.0).contains(&f1), "{part}: {f1}");
    }
    assert_eq!((&all["played"], &all["hold"]), (&Value::Null, &Value::Null));
    // Whatever has a probability: all that is there is said, and much else.
    let said = desk.run("evaluate code.safetensors scores.roll --threshold 0 --json low.json");
    assert_eq!(said.code, Some(0), "{said:?}");
    let low = json(&desk, "low.json");
    assert_eq!(number(&low, "/reconstruction/keys/recall"), 1.0);
    assert!(number(&low, "/reconstruction/keys/precision") < 0.1);
    assert_eq!(number(&low, "/reconstruction/mse"), number(&all, "/reconstruction/mse"));
}

#[test]
fn what_cannot_be_judged_is_refused_in_words() {
    let (desk, _) = desk(Repeats::Gap);
    let (other, _) = self::desk(Repeats::Merge);
    fs::copy(other.path("scores.roll"), desk.path("merged.roll")).expect("space");
    fs::write(desk.path("letter.roll"), "a letter").expect("space");
    for (arguments, parts) in [
        ("lstm.safetensors scores.roll", ["scores.roll: keys struck again: expected merge", "found gap"]),
        ("code.safetensors scores.roll", ["scores.roll: keys struck again: expected merge", "found gap"]),
        ("lstm.safetensors merged.roll --split validation", ["merged.roll: pieces: expected some", "found none"]),
        ("lstm.safetensors merged.roll --seconds 9", ["--seconds: expected a model of sound", "found lstm"]),
        ("lstm.safetensors --material a.wav", ["--material: expected a model of sound", "found lstm"]),
        ("lstm.safetensors merged.roll --temperature 2", ["--temperature: expected --toss", "found none"]),
        (
            "lstm.safetensors merged.roll --transpositions 0.5",
            ["--transpositions: expected whole semitones", "found 0.5"],
        ),
        (
            "lstm.safetensors merged.roll --places 64 --transpositions 0,1,2,3",
            ["--transpositions: expected at most", "256"],
        ),
        ("lstm.safetensors absent.roll", ["absent.roll: cannot be read", ""]),
        ("lstm.safetensors letter.roll", ["letter.roll: data set: expected a .roll file", "found"]),
        ("code.safetensors merged.roll --toss", ["--toss: expected a recurrent network", "found code"]),
        ("code.safetensors merged.roll --steps 64", ["--steps: expected a recurrent network", "found code"]),
        ("code.safetensors merged.roll --anti-stall", ["--anti-stall: expected a recurrent network", "found code"]),
        (
            "code.safetensors merged.roll --stay-in-key 25",
            ["--stay-in-key: expected a recurrent network", "found code"],
        ),
        ("model.safetensors merged.roll", ["ROLL: expected a model of notes", "found model.safetensors"]),
        ("model.safetensors --material a.wav --toss", ["--toss: expected a model of notes", "found model"]),
        ("lstm.safetensors merged.roll --json merged.roll", ["merged.roll: expected a name that ends in .json", ""]),
    ] {
        desk.fail(&format!("evaluate {arguments}"), &parts);
    }
    for usage in [
        "",
        "merged.roll --steps 5",
        "merged.roll --stay-in-key 101",
        "merged.roll --split all",
        "merged.roll --material a.wav",
    ] {
        assert_eq!(desk.run(&format!("evaluate lstm.safetensors {usage}")).code, Some(2), "{usage}");
    }
    fs::write(desk.path("there.json"), "{}").expect("space");
    desk.fail(
        "evaluate lstm.safetensors merged.roll --json there.json",
        &["there.json: expected no file there yet", ""],
    );
}

#[test]
fn strokes_are_judged_where_columns_have_them() {
    let (desk, data_set) = desk(Repeats::Onset);
    let mut config = notes::lstm(16, -2.0).config().clone();
    config.approach.repeats = Repeats::Onset;
    notes::filled(config, ("out.bias", -2.0), 3.0).write(&desk.path("onset.safetensors")).expect("space");
    let said = desk.run("evaluate onset.safetensors scores.roll --toss --places 2 --steps 64 --json all.json");
    assert_eq!((said.code, &*said.stderr), (Some(0), ""), "{said:?}");
    let all = json(&desk, "all.json");
    let baselines = data_set.baselines_of(Split::Test).expect("pieces");
    assert!((number(&all, "/hold/mse") - baselines.hold).abs() < 1e-12, "both planes are counted in both");
    desk.fail("evaluate lstm.safetensors scores.roll", &["keys struck again: expected merge", "found onset"]);
}
