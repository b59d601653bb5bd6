//! `sympathy roll`: scores become data sets, and what cannot be read is told.
//!
//! Where `SYMPATHY_DATA` names the folder with the recordings of the model cards, the figures of docs/NOTES.md are
//! measured on its scores.

use crate::common::program::Desk;
use serde_json::Value;
use std::{fs, path::Path};
use sympathy::notes::{Bars, COLUMN_BYTES, DataSet, Grid, Piece, Repeats, Roll, Rounding, Rules, Score, Split};

/// A file of 96 ticks a quarter that strikes a key every quarter, so many times.
fn scale(first: u8, notes: u8) -> Vec<u8> {
    let mut track = Vec::new();
    for key in (first..108).cycle().take(notes.into()) {
        track.extend([0, 0x90, key, 100, 0x60, 0x80, key, 0]);
    }
    track.extend([0, 0xff, 0x2f, 0]);
    [&b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk"[..], &(track.len() as u32).to_be_bytes(), &track].concat()
}

/// A desk with a folder of two good scores.
fn desk() -> Desk {
    let desk = Desk::new();
    fs::create_dir_all(desk.path("scores/bach")).expect("space");
    fs::write(desk.path("scores/bach/aria.mid"), scale(60, 32)).expect("space");
    fs::write(desk.path("scores/gigue.MIDI"), scale(48, 20)).expect("space");
    let index =
        "file,composer,title,opus,license\nbach/aria.mid,Bach,Aria,BWV 988,CC0\ngigue.MIDI,Bach,Gigue,,CC BY 3.0\n";
    fs::write(desk.path("scores/INDEX.csv"), index).expect("space");
    desk
}

#[test]
fn a_folder_becomes_a_data_set_with_its_credits() {
    let desk = desk();
    let said = desk.succeed("roll scores --out scores.roll");
    for part in [
        "pieces                   2",
        "composers                1",
        "1 CC BY 3.0, 1 CC0",
        "208, 4 a quarter note",
        "52, keys 48 to 91",
        "2 4/4",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("Left out") && said.ends_with("\nscores.roll: the data set\n"), "{said}");
    let data_set = DataSet::read(&desk.path("scores.roll")).expect("a data set");
    let pieces: Vec<_> = data_set.pieces().iter().map(|piece| (&*piece.name, &*piece.work, &*piece.licence)).collect();
    assert_eq!(pieces, [("bach/aria.mid", "bach: bwv 988", "CC0"), ("gigue.MIDI", "bach: gigue", "CC BY 3.0")]);
    // Said again of the file, but for what only the scores know.
    let again = desk.succeed("roll scores.roll");
    for part in ["works                    2", "208, 4 a quarter note", "validation"] {
        assert!(again.contains(part), "{part}: {again}");
    }
    let json: Value = serde_json::from_str(&desk.succeed("roll scores --json --transpose=-1..1")).expect("JSON");
    assert_eq!((&json["pieces"], &json["scores"]["notes"]), (&2.into(), &52.into()));
    assert_eq!(json["rules"]["transpose"], serde_json::json!([-1, 1]));
    let [hold, silence] = ["hold", "silence"].map(|name| json["baselines"][name].as_f64().expect("a number"));
    assert!(hold < silence, "{json}");
}

#[test]
fn pieces_come_back_as_midi() {
    let desk = desk();
    desk.succeed("roll scores --out scores.roll --repeats merge");
    desk.succeed("roll scores.roll --piece aria --to-midi aria.mid --bpm 60");
    let grid = Grid { repeats: Repeats::Merge, ..Grid::default() };
    let read = |name: &str| Score::read(&desk.path(name)).expect("a score");
    let (once, again) = (read("scores/bach/aria.mid"), read("aria.mid"));
    assert_eq!(once.roll(&grid), again.roll(&grid));
    assert_eq!(again.seconds(), 32.0);
    desk.succeed("roll scores/gigue.MIDI --to-midi fine.mid --steps-per-quarter 6 --piece gigue");
    assert!(desk.path("fine.mid").exists());
    desk.fail("roll scores.roll --to-midi x.mid", &["--piece", "bach/aria.mid, gigue.MIDI", "found 2 of them"]);
    desk.fail("roll scores.roll --piece sonata --to-midi x.mid", &["--piece", "found \"sonata\""]);
}

#[test]
fn a_score_that_is_read_is_not_replaced() {
    let desk = desk();
    let before = fs::read(desk.path("scores/bach/aria.mid")).expect("a score");
    for source in ["scores", "scores/*", "scores/bach/a*.mid", "scores/bach/aria.mid"] {
        let command = format!("roll {source} --piece aria --to-midi scores/bach/aria.mid");
        desk.fail(&command, &["scores/bach/aria.mid: expected a place of its own for the MIDI file"]);
    }
    fs::rename(desk.path("scores/INDEX.csv"), desk.path("table.roll")).expect("space");
    let command = "roll scores --index table.roll --out table.roll";
    desk.fail(command, &["table.roll: expected a place of its own", "that of the table of the pieces"]);
    assert_eq!(fs::read(desk.path("scores/bach/aria.mid")).expect("a score"), before);
}

#[test]
fn files_are_read_once_and_have_names_of_their_own() {
    let desk = desk();
    fs::create_dir_all(desk.path("others/bach")).expect("space");
    fs::write(desk.path("others/bach/aria.mid"), scale(50, 30)).expect("space");
    fs::write(desk.path("others/INDEX.csv"), "file,composer\nbach/aria.mid,Bach\n").expect("space");
    let names = |sources: &str| -> Vec<String> {
        desk.succeed(&format!("roll {sources} --out all.roll"));
        let data_set = DataSet::read(&desk.path("all.roll")).expect("a data set");
        data_set.pieces().iter().map(|piece| piece.name.clone()).collect()
    };
    assert_eq!(names("scores ./scores scores/bach scores/*/aria.mid"), ["bach/aria.mid", "gigue.MIDI"]);
    let all = ["others/bach/aria.mid", "scores/bach/aria.mid", "gigue.MIDI"];
    assert_eq!(names("scores others"), all);
    assert_eq!(names("scores/bach others/bach scores/gigue.MIDI"), all, "as many folders as it takes");
    desk.succeed("roll all.roll --piece others/bach/aria.mid --to-midi one.mid");
}

#[test]
fn pieces_that_no_table_tells_of_are_told() {
    let desk = desk();
    let report = |command: &str| {
        let run = desk.run(command);
        assert_eq!(run.code, Some(0), "{run:?}");
        run.stderr
    };
    assert_eq!(report("roll scores/bach"), "", "the table around the source");
    fs::create_dir_all(desk.path("scores/deep/down/here")).expect("space");
    fs::write(desk.path("scores/deep/down/here/aria.mid"), scale(50, 30)).expect("space");
    let said = report("roll scores --out scores.roll");
    assert_eq!(said, "of 1 of 3 pieces no table tells: their composers and licences are not known\n");
    let data_set = DataSet::read(&desk.path("scores.roll")).expect("a data set");
    let pieces = || data_set.pieces().iter().map(|piece| (&*piece.work, &*piece.licence));
    assert!(pieces().any(|piece| piece == ("deep/down/here/aria.mid", "not stated")), "{:?}", data_set.pieces());
    let table = fs::read_to_string(desk.path("scores/INDEX.csv")).expect("a table");
    let table = table + "deep/down/here/aria.mid,Haydn,Aria,,CC0\n";
    fs::write(desk.path("scores/INDEX.csv"), table).expect("space");
    assert_eq!(report("roll scores"), "", "a table three folders up");
}

#[test]
fn what_would_be_made_up_is_left_open() {
    let desk = desk();
    // A work that tests.
    fs::write(desk.path("scores/INDEX.csv"), "file,composer,title\nbach/aria.mid,HandelGF,Air\n").expect("space");
    let said = desk.succeed("roll scores/bach/aria.mid");
    let row = said.lines().find(|line| line.starts_with("  test ")).expect("a row");
    assert_eq!(row.matches('–').count(), 2, "{said}");
    let json: Value = serde_json::from_str(&desk.succeed("roll scores/bach/aria.mid --json")).expect("JSON");
    let test = &json["splits"]["test"]["baselines"];
    assert!(test["key_means"].is_null() && test["chain"].is_null() && test["hold"].is_number(), "{json}");
}

#[test]
fn a_small_file_becomes_no_gigabytes() {
    let desk = Desk::new();
    let grid = Grid { repeats: Repeats::Onset, ..Grid::default() };
    let mut data_set = DataSet::new(Rules { grid, ..Rules::default() });
    let plane = vec![[0xff; COLUMN_BYTES]; 12_000];
    data_set.add(&Piece::unknown("all.mid".into()), &Roll::new(plane.clone(), Some(plane))).expect("few");
    data_set.write(&desk.path("all.roll")).expect("space");
    let parts = ["x.mid: notes: expected at most 1048574 in a MIDI file", "found 1056000"];
    desk.fail("roll all.roll --to-midi x.mid", &parts);
    assert!(!desk.path("x.mid").exists());
}

#[test]
fn bad_files_are_listed_and_the_rest_is_read() {
    let desk = desk();
    fs::write(desk.path("scores/letter.mid"), "a letter").expect("space");
    fs::write(desk.path("scores/empty.mid"), "").expect("space");
    fs::write(desk.path("scores/short.mid"), scale(60, 3)).expect("space");
    fs::write(desk.path("scores/low.mid"), scale(60, 0)).expect("space");
    let whole = scale(40, 40);
    fs::write(desk.path("scores/cut.mid"), &whole[..whole.len() - 11]).expect("space");
    let run = desk.run("roll scores --out scores.roll");
    assert_eq!(run.code, Some(0), "{run:?}");
    for part in [
        "works                    3",
        "Left out: 4",
        "scores/letter.mid: notes: expected a standard MIDI file, found something else",
        "scores/empty.mid: notes: expected a standard MIDI file, found an empty file",
        "scores/short.mid: length: expected at least a segment of 64 steps, found 12",
        "scores/low.mid: notes: expected some in 21…108, found no notes",
    ] {
        assert!(run.stdout.contains(part), "{part}: {run:?}");
    }
    assert!(run.stderr.starts_with("warning: scores/cut.mid: ") && run.stderr.contains("cut short"), "{run:?}");
    let strict = desk.succeed("roll scores --strict");
    assert!(
        strict.contains("Left out: 5") && strict.contains("scores/cut.mid: notes: expected all of them"),
        "{strict}"
    );
}

#[test]
fn what_cannot_be_done_is_refused_in_words() {
    let desk = desk();
    fs::create_dir(desk.path("empty")).expect("space");
    fs::write(desk.path("letter.mid"), "a letter").expect("space");
    fs::write(desk.path("letter.roll"), "a letter").expect("space");
    desk.succeed("roll scores --out scores.roll");
    desk.write_sparse("huge.mid", &scale(60, 32), (16 << 20) + 1);
    for (command, parts) in [
        ("roll letter.mid --out x.roll", ["letter.mid: notes: expected a standard MIDI file", "found something else"]),
        ("roll huge.mid", ["huge.mid: notes: expected at most 16777216 bytes", "found more"]),
        ("roll absent.mid", ["absent.mid: source: expected a MIDI file, or a folder of them", "found none"]),
        ("roll empty", ["empty: source: expected a MIDI file, or a folder of them", "found none"]),
        ("roll letter.roll", ["letter.roll: data set: expected a .roll file", "found something else"]),
        ("roll model.safetensors --out x.roll", ["model.safetensors: notes: expected a standard MIDI file", "found"]),
        ("inspect scores.roll", ["scores.roll: expected a model", "sympathy roll scores.roll tells what is in it"]),
        (
            "import scores.roll --out x.safetensors",
            ["scores.roll: expected weights", "found a data set of piano rolls"],
        ),
        ("roll scores.roll scores", ["scores.roll: source: expected one data set, or MIDI files", "found both"]),
        ("roll scores.roll --floor", ["--floor: expected MIDI files", "found a data set"]),
        ("roll scores --floor --bars aligned", ["--floor: expected --bars any", "found --bars aligned"]),
        ("roll scores --out x.mid", ["x.mid: expected a name that ends in .roll", "found \"x.mid\""]),
        ("roll scores --to-midi x.wav", ["x.wav: expected a name that ends in .mid", "found \"x.wav\""]),
        ("roll scores --index letter.mid", ["letter.mid: index: expected a column `file`", "found none"]),
        (
            "roll scores --steps-per-quarter 48 --bars aligned",
            ["scores: pieces: expected at least one", "none of 2 files"],
        ),
    ] {
        desk.fail(command, &parts);
    }
    for wrong in
        ["--steps-per-quarter 0", "--steps-per-quarter 49", "--transpose 1..5", "--max-tempo-range 0.5", "--bpm 3"]
    {
        assert_eq!(desk.run(&format!("roll scores {wrong} --to-midi x.mid")).code, Some(2), "{wrong}");
    }
}

/// The tables of docs/NOTES.md.
#[test]
fn the_scores_are_what_the_documentation_says() {
    let Some(folder) = std::env::var_os("SYMPATHY_DATA") else { return };
    let folder = Path::new(&folder).join("midi/piano");
    let desk = Desk::new();
    let report = |arguments: &str| -> Value {
        let run = desk.run(&format!("roll {} --json --repeats merge {arguments}", folder.display()));
        assert_eq!(run.code, Some(0), "{run:?}");
        serde_json::from_str(&run.stdout).expect("JSON")
    };
    let four = report("--out four.roll");
    let number = |json: &Value, path: &str| {
        json.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("{path}: {json}"))
    };
    for (path, expected) in [
        ("/pieces", 283.0),
        ("/works", 202.0),
        ("/composers", 28.0),
        ("/licences/Public Domain", 273.0),
        ("/licences/Creative Commons Attribution 3.0", 8.0),
        ("/licences/Creative Commons Attribution 4.0", 2.0),
        ("/scores/notes", 319_968.0),
        ("/scores/lowest_key", 22.0),
        ("/scores/highest_key", 105.0),
        ("/scores/steps", 274_273.0),
        ("/scores/segments", 4_163.0),
        ("/scores/sequences", 933.0),
        ("/scores/signatures/4~14", 89.0),
        ("/scores/signatures/3~14", 68.0),
        ("/scores/signatures/2~12", 30.0),
        ("/scores/signatures/2~14", 27.0),
        ("/scores/signatures/6~18", 18.0),
        ("/scores/signatures/3~18", 16.0),
        ("/scores/signatures/changing", 12.0),
        ("/scores/with_tempi", 17.0),
        ("/scores/with_pedal", 27.0),
        ("/scores/with_velocities", 155.0),
        ("/scores/late", 35.0),
        ("/scores/off_grid", 38_281.0),
        ("/commonest_key", 60.0),
    ] {
        assert_eq!(number(&four, path), expected, "{path}");
    }
    assert_eq!(four["left_out"], serde_json::json!([]));
    let eight = report("--steps-per-quarter 8");
    let floor = [report("--floor"), report("--floor --steps-per-quarter 8")];
    for (json, path, expected, tolerance) in [
        (&four, "/scores/seconds", 11.9 * 3600.0, 180.0),
        (&four, "/baselines/keys", 2.80, 5e-3),
        (&four, "/baselines/silence", 0.0318, 5e-5),
        (&four, "/baselines/key_means", 0.0297, 5e-5),
        (&four, "/baselines/hold", 0.0228, 5e-5),
        (&four, "/baselines/chain", 0.0186, 5e-5),
        (&eight, "/scores/steps", 548_544.0, 0.0),
        (&eight, "/baselines/silence", 0.0314, 5e-5),
        (&eight, "/baselines/key_means", 0.0294, 5e-5),
        (&eight, "/baselines/hold", 0.0115, 5e-5),
        (&eight, "/baselines/chain", 0.0104, 5e-5),
        (&eight, "/scores/off_grid", 0.1041 * 319_968.0, 16.0),
        (&floor[0], "/scores/lengthened", 0.0377 * 319_968.0, 160.0),
        (&floor[1], "/scores/lengthened", 0.0073 * 319_968.0, 16.0),
        (&four, "/scores/repeated", 0.1335 * 319_968.0, 16.0),
    ] {
        let found = number(json, path);
        assert!((found - expected).abs() <= tolerance, "{path}: {found} for {expected}");
    }
    // 4/4, 2/2, 8/8, and one that goes between the first two; without one whose upbeat has a signature of its own.
    let aligned = report("--bars aligned");
    assert_eq!((number(&aligned, "/pieces"), number(&aligned, "/scores/steps")), (120.0, 116_467.0));

    let data_set = DataSet::read(&desk.path("four.roll")).expect("a data set");
    let rules = Rules { grid: Grid { repeats: Repeats::Merge, ..Grid::default() }, ..Rules::default() };
    assert_eq!((data_set.rules(), rules.bars, rules.grid.rounding), (&rules, Bars::Any, Rounding::Nearest));
    let split_of = |work: &str| -> Vec<Split> {
        let mut splits: Vec<Split> =
            data_set.pieces().iter().filter(|piece| piece.work == work).map(|piece| piece.split).collect();
        splits.dedup();
        splits
    };
    for (index, piece) in data_set.pieces().iter().enumerate() {
        assert_eq!(split_of(&piece.work).len(), 1, "{}", piece.work);
        let bytes = Score::midi_of(&data_set.roll(index), 4, 120.0, Path::new("again.mid")).expect("few notes");
        let again = Score::from_bytes(&bytes, Path::new(&piece.name)).expect("a file of our own");
        assert_eq!(again.roll(&rules.grid).expect("as long").0, data_set.roll(index), "{}", piece.name);
    }
}
