//! `sympathy sample` of autoencoders: codes that are typed, drawn, averaged, and of MIDI files and between them.

use crate::common::{notes, program::Desk};
use std::{fs, path::Path};
use sympathy::notes::{Coder, DataSet, Grid, Piece, Repeats, Roll, Rules, Score, Split};
use sympathy::{
    dsp::random::Random,
    model::{RollCodes, RollModel, RollModelConfig},
    nn::{Isa, Precision},
};

/// Five measures of random keys.
fn song(seed: u64) -> Roll {
    let mut random = Random::new(seed);
    let columns = (0..20).map(|_| {
        let keys: String = (0..3).map(|_| char::from(b'8' + random.below(40) as u8)).collect();
        [&*keys; 4].join(" ")
    });
    Roll::from_text(&columns.collect::<Vec<_>>().join(" ")).expect("keys")
}

fn grid() -> Grid {
    Grid { steps_per_quarter: 8, repeats: Repeats::Merge, ..Grid::default() }
}

/// A desk with an autoencoder, a recurrent network, and two songs of 80 steps at 8 a quarter note.
fn desk() -> (Desk, RollModel) {
    let desk = Desk::new();
    let model = notes::autoencoder(-1.0);
    model.write(&desk.path("code.safetensors")).expect("space");
    notes::lstm(16, -2.0).write(&desk.path("lstm.safetensors")).expect("space");
    for (name, seed, tempo) in [("a.mid", 1, 96.0), ("b.mid", 2, 60.0)] {
        let bytes = Score::midi_of(&song(seed), 8, tempo, &desk.path(name)).expect("short");
        fs::write(desk.path(name), bytes).expect("space");
    }
    (desk, model)
}

/// What a MIDI file holds, with what is missing of a segment at its end, and its tempo.
fn heard(desk: &Desk, name: &str, steps: usize) -> (Roll, Option<f64>) {
    let score = Score::read(&desk.path(name)).expect("a score");
    let (roll, _) = score.roll(&grid()).expect("short");
    let mut columns = roll.columns().to_vec();
    assert!(columns.len() <= steps, "{}", columns.len());
    columns.resize(steps, [0; 11]);
    (Roll::new(columns, None), score.tempo_at(0))
}

/// The columns of a code at a threshold.
fn decoded(model: &RollModel, code: &[f32], threshold: f32) -> Roll {
    let mut coder = Coder::of(model, Precision::F32, Isa::from_environment()).expect("an autoencoder");
    let numbers: Vec<f32> = coder.decode(code).iter().map(|&p| f32::from(p > threshold)).collect();
    Roll::from_numbers(&numbers, 88)
}

fn encoded(model: &RollModel, roll: &Roll, from: usize) -> Vec<f32> {
    let mut coder = Coder::of(model, Precision::F32, Isa::from_environment()).expect("an autoencoder");
    coder.encode(roll, from).to_vec()
}

/// The code that is told, as it is typed.
fn told(said: &str) -> &str {
    let line = said.lines().find_map(|line| line.strip_prefix("code ")).expect("a code");
    line.split(' ').next().expect("numbers")
}

#[test]
fn a_typed_code_is_decoded_and_drawn() {
    let (desk, model) = desk();
    let code = [0.594, -0.131, 1.0, -1.0];
    let said = desk.succeed("sample code.safetensors --code -0.131,0.594,1,-1 --plot -o one.mid");
    for part in ["one.mid: 64 steps (4.0 s) of Aria, ", "\ncode -0.131,0.594,1,-1\n", "\none.png: the roll\n"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(fs::read(desk.path("one.png")).expect("a picture").starts_with(b"\x89PNG"));
    let played = decoded(&model, &[-0.131, 0.594, 1.0, -1.0], 0.5);
    assert!(played.notes().len() > 20, "{} notes", played.notes().len());
    assert_eq!(heard(&desk, "one.mid", 64), (played, Some(120.0)));
    desk.succeed("sample code.safetensors --code 0.594,-0.131,1,-1 --threshold 0.1 --bpm 80");
    assert_eq!(heard(&desk, "sample.mid", 64), (decoded(&model, &code, 0.1), Some(80.0)));
    let mut all = Vec::new();
    for options in [
        "",
        "--threshold 0.7",
        "--toss",
        "--toss --random-seed 1",
        "--toss --temperature 0.5",
        "--toss --law logit --temperature 2",
    ] {
        desk.succeed(&format!("sample code.safetensors --code 0.594,-0.131,1,-1 {options}"));
        let roll = heard(&desk, "sample.mid", 64).0;
        assert!(!all.contains(&roll), "{options}");
        all.push(roll);
    }
}

#[test]
fn random_codes_are_those_of_the_random_seed() {
    let (desk, model) = desk();
    let mut codes = Vec::new();
    for seed in [0, 1] {
        let said = desk.succeed(&format!("sample code.safetensors --code random --random-seed {seed}"));
        let code: Vec<f32> = told(&said).split(',').map(|x| x.parse().expect("a number")).collect();
        assert!(code.len() == 4 && code.iter().all(|x| x.abs() <= 1.0), "{code:?}");
        assert_eq!(heard(&desk, "sample.mid", 64).0, decoded(&model, &code, 0.5));
        codes.push(code);
    }
    assert_ne!(codes[0], codes[1]);
}

#[test]
fn a_segment_comes_back_from_its_code_beside_itself() {
    let (desk, model) = desk();
    let said = desk.succeed("sample code.safetensors --reconstruct a.mid@2 --plot -o again.mid");
    for part in [
        "again.mid: 64 steps (5.0 s) of Aria",
        "F1 of keys 0.",
        " below middle C, 0.",
        "again.png: the roll of the piece, and",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let code = encoded(&model, &song(1), 16);
    let (again, tempo) = heard(&desk, "again.mid", 64);
    assert_eq!(again, decoded(&model, &code, 0.5));
    assert!(tempo.is_some_and(|tempo| (tempo - 96.0).abs() < 1e-3), "the file's: {tempo:?}");
    // The code that is told is the code.
    desk.succeed(&format!("sample code.safetensors --code {} --bpm 96", told(&said)));
    assert_eq!(fs::read(desk.path("sample.mid")).expect("a file"), fs::read(desk.path("again.mid")).expect("a file"));
    desk.succeed("sample code.safetensors --reconstruct a.mid@2 --bpm 50");
    assert_eq!(heard(&desk, "sample.mid", 64).1, Some(50.0));
    // From the third measure on there are 48 steps, and then silence.
    desk.succeed("sample code.safetensors --reconstruct a.mid@3");
    assert_eq!(heard(&desk, "sample.mid", 64).0, decoded(&model, &encoded(&model, &song(1), 32), 0.5));
    // All keys at every step: the half that was there is found.
    let said = desk.succeed("sample code.safetensors --reconstruct a.mid@2 --threshold 0");
    let agreement = said.lines().find(|line| line.starts_with("F1 of keys")).expect("a line");
    let held = |from: usize, to: usize| -> f64 {
        let keys = (1u128 << to) - (1u128 << from);
        song(1).held().skip(16).map(|held| f64::from((held & keys).count_ones())).sum()
    };
    let f1 = |from: usize, to: usize| 2.0 * held(from, to) / (held(from, to) + 64.0 * (to - from) as f64);
    let expected = format!("F1 of keys {:.3} below middle C, {:.3} from there on;", f1(0, 39), f1(39, 88));
    assert!(agreement.starts_with(&expected), "{agreement} for {expected}");
}

#[test]
fn codes_between_two_segments_follow_each_other() {
    let (desk, model) = desk();
    let said = desk.succeed("sample code.safetensors --from a.mid@1 --to b.mid@2 --points 3 --plot");
    for part in
        ["sample.mid: 192 steps", " of a.mid from measure 1\n", " of b.mid from measure 2\n", "sample.png: the roll\n"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    let (first, last) = (encoded(&model, &song(1), 0), encoded(&model, &song(2), 16));
    let middle: Vec<f32> = first.iter().zip(&last).map(|(a, b)| 0.5 * a + 0.5 * b).collect();
    let (whole, tempo) = heard(&desk, "sample.mid", 192);
    for (index, code) in [first, middle, last].iter().enumerate() {
        assert_eq!(whole.part(64 * index..64 * (index + 1)), decoded(&model, code, 0.5), "{index}");
    }
    assert!(tempo.is_some_and(|tempo| (tempo - 96.0).abs() < 1e-3), "the first's: {tempo:?}");
    let five = desk.succeed("sample code.safetensors --from a.mid --to b.mid");
    assert!(five.contains("sample.mid: 320 steps"), "{five}");
}

#[test]
fn the_mean_code_is_that_of_the_pieces_for_training() {
    let (desk, model) = desk();
    let mut data_set = DataSet::new(Rules { grid: grid(), transpose: [0, 1], ..Rules::default() });
    for (name, split, seed) in [("1.mid", Split::Training, 1), ("2.mid", Split::Test, 2), ("3.mid", Split::Training, 3)]
    {
        data_set.add(&Piece { split, ..Piece::unknown(name.into()) }, &song(seed)).expect("little");
    }
    data_set.write(&desk.path("scores.roll")).expect("space");
    let said = desk.succeed("sample code.safetensors --code mean --data scores.roll");
    let code: Vec<f32> = told(&said).split(',').map(|x| x.parse().expect("a number")).collect();
    // Two segments each, the second one of 16 steps.
    let segments: Vec<Vec<f32>> =
        [(1, 0), (1, 64), (3, 0), (3, 64)].map(|(seed, from)| encoded(&model, &song(seed), from)).into();
    for (index, found) in code.iter().enumerate() {
        let mean = segments.iter().map(|code| f64::from(code[index])).sum::<f64>() / 4.0;
        assert!((f64::from(*found) - mean).abs() < 1e-6, "{found} for {mean}");
    }
    assert_eq!(heard(&desk, "sample.mid", 64).0, decoded(&model, &code, 0.5));

    let mut one = DataSet::new(Rules { grid: grid(), ..Rules::default() });
    let short = song(1).part(0..64);
    one.add(&Piece { split: Split::Training, ..Piece::unknown("1.mid".into()) }, &short).expect("little");
    one.write(&desk.path("one.roll")).expect("space");
    // The same in the model's own file, with the axes; the weights stay as they are.
    let said = desk.succeed("export code.safetensors --codes scores.roll --out axes.safetensors");
    assert!(said.contains("with the axes of its codes"), "{said}");
    let made = RollModel::read(&desk.path("axes.safetensors")).expect("a model");
    let codes = made.config().codes.clone().expect("what its codes are like");
    assert!(codes.mean.iter().zip(&code).all(|(a, b)| (a - b).abs() < 1e-6), "{codes:?}");
    for tensor in model.config().tensors() {
        assert!(made.tensor(&tensor.name) == model.tensor(&tensor.name), "{}", tensor.name);
    }
    assert_eq!(
        told(&desk.succeed("sample axes.safetensors --code mean")),
        told(&desk.succeed("sample code.safetensors --code mean --data scores.roll"))
    );
    let said = desk.succeed("inspect axes.safetensors");
    assert!(said.contains("Axes of the code") && said.contains("% of the variance; goes with keys"), "{said}");
    // Every code lies where its mean and its places along the axes say.
    for code in &segments {
        let places = codes
            .axes
            .iter()
            .map(|axis| axis.iter().zip(code).zip(&codes.mean).map(|((a, x), mean)| a * (x - mean)).sum::<f32>());
        let places: Vec<f32> = places.collect();
        for (number, x) in code.iter().enumerate() {
            let again: f32 = codes.axes.iter().zip(&places).map(|(axis, place)| axis[number] * place).sum();
            assert!((codes.mean[number] + again - x).abs() < 1e-5);
        }
    }
    let half = desk.succeed("export code.safetensors --half --out half.safetensors");
    assert!(half.contains("16-bit floats, ") && !half.contains("axes"), "{half}");
    for (arguments, parts) in [
        ("lstm.safetensors --codes scores.roll", ["--codes: expected an autoencoder of notes", "recurrent network"]),
        ("model.safetensors --codes scores.roll", ["--codes: expected an autoencoder of notes", "a model of sound"]),
        ("code.safetensors --int8", ["--int8: expected a model of sound", "found a model of notes"]),
        ("code.safetensors", ["--half: expected --half or --codes", "found neither"]),
        ("code.safetensors --codes one.roll", ["one.roll: pieces: expected two segments", "found one"]),
    ] {
        desk.fail(&format!("export {arguments} --out other.safetensors"), &parts);
    }
    desk.fail("export code.safetensors --codes scores.roll --out other.pt", &["other.pt", "safetensors"]);
}

#[test]
fn what_a_file_says_of_its_codes_is_checked() {
    let model = notes::autoencoder(-1.0);
    let axis = |number: usize| (0..4).map(|i| f32::from(u8::from(i == number))).collect();
    let sound = RollCodes {
        mean: vec![0.1; 4],
        axes: (0..4).map(axis).collect(),
        deviations: vec![0.2; 4],
        effects: vec![[0.0, 1.0, -1.0]; 4],
    };
    let read = |codes: RollCodes| {
        let config = RollModelConfig { codes: Some(codes), ..model.config().clone() };
        let tensors = config.tensors().into_iter().map(|tensor| {
            let values = model.tensor(&tensor.name).to_vec();
            (tensor.name, values)
        });
        RollModel::new(config.clone(), tensors.collect(), Path::new("mine")).map_err(|error| error.to_string())
    };
    let whole = read(sound.clone()).expect("all is well");
    assert_eq!(RollModel::from_bytes(&whole.to_bytes(), Path::new("mine")).expect("what was written"), whole);
    for (broken, expected) in [
        (RollCodes { mean: vec![0.1; 3], ..sound.clone() }, "codes: expected 4 of everything"),
        (RollCodes { axes: vec![vec![0.0; 5]; 4], ..sound.clone() }, "codes: expected 4 of everything"),
        (RollCodes { effects: Vec::new(), ..sound.clone() }, "codes: expected 4 of everything"),
        (RollCodes { mean: vec![f32::NAN; 4], ..sound.clone() }, "codes: expected numbers from -1 to 1"),
        (RollCodes { deviations: vec![9.0; 4], ..sound.clone() }, "codes.deviations: expected numbers from 0 to 2"),
        (RollCodes { deviations: vec![-0.5; 4], ..sound.clone() }, "codes.deviations: expected numbers from 0 to 2"),
    ] {
        let error = read(broken).expect_err("it is broken");
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn what_an_autoencoder_cannot_do_is_refused_in_words() {
    let (desk, _) = desk();
    let mut data_set = DataSet::new(Rules { grid: grid(), ..Rules::default() });
    data_set.add(&Piece { split: Split::Test, ..Piece::unknown("1.mid".into()) }, &song(1)).expect("little");
    data_set.write(&desk.path("test.roll")).expect("space");
    DataSet::new(Rules::default()).write(&desk.path("coarse.roll")).expect("space");
    for (arguments, parts) in [
        ("code.safetensors", ["--code: expected what an autoencoder shall play", "found none"]),
        ("code.safetensors --code 0.5", ["--code: expected 4 numbers", "found 1"]),
        ("code.safetensors --code mean", ["--data: expected a data set", "found none"]),
        ("code.safetensors --code random --data test.roll", ["--data: expected --code mean", "found another code"]),
        (
            "code.safetensors --code mean --data test.roll",
            ["test.roll: pieces: expected some for training", "found none"],
        ),
        ("code.safetensors --code mean --data coarse.roll", ["coarse.roll: steps: expected 8 a quarter", "found 4"]),
        ("code.safetensors --code mean --data a.mid", ["a.mid: data set: expected a .roll file", ""]),
        ("code.safetensors --reconstruct a.mid@6", ["a.mid: notes: expected some at measure 6", "found 5 measures"]),
        ("code.safetensors --reconstruct absent.mid", ["absent.mid: cannot be read", ""]),
        ("code.safetensors --reconstruct a.mid -o a.mid", ["a.mid: expected a place of its own", "the piece"]),
        ("code.safetensors --from a.mid --to b.mid -o b.mid", ["b.mid: expected a place of its own", "the last piece"]),
        ("code.safetensors --code random --seed a.mid", ["--seed: expected a recurrent network", "found code"]),
        ("code.safetensors --code random --steps 9", ["--steps: expected a recurrent network", "found code"]),
        ("code.safetensors --code random --feedback raw", ["--feedback: expected a recurrent network", "found code"]),
        ("code.safetensors --code random --temperature 2", ["--temperature: expected --toss", "found none"]),
        ("code.safetensors --code random --seconds 5", ["--seconds: expected a model of sound", "found code"]),
        ("lstm.safetensors --code random", ["--code: expected an autoencoder", "found lstm"]),
        ("lstm.safetensors --reconstruct a.mid", ["--reconstruct: expected an autoencoder", "found lstm"]),
        ("lstm.safetensors --from a.mid --to b.mid", ["--from: expected an autoencoder", "found lstm"]),
        ("model.safetensors --code random", ["--code: expected a model of notes", "found model"]),
    ] {
        desk.fail(&format!("sample {arguments}"), &parts);
    }
    for usage in [
        "--code 2,0,0,0",
        "--code nan,0,0,0",
        "--code loud",
        "--code 0.5,",
        "--from a.mid",
        "--to a.mid",
        "--points 3",
        "--from a.mid --to b.mid --points 1",
        "--from a.mid --to b.mid --points 257",
        "--code random --reconstruct a.mid",
        "--reconstruct a.mid --from a.mid --to b.mid",
        "--reconstruct a.mid@0",
        "--reconstruct song",
        "--data test.roll",
    ] {
        assert_eq!(desk.run(&format!("sample code.safetensors {usage}")).code, Some(2), "{usage}");
    }
}
