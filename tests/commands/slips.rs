//! What people try first, and what they leave lying about: each was refused, misread or passed over in silence once.

use crate::common::{assert_same_bits, models, phrase, program::Desk};
use std::fs;

/// Loudest sample of a part of a file.
fn peak(desk: &Desk, file: &str, seconds: std::ops::Range<f64>) -> f32 {
    let sound = desk.read_wav(file);
    let at = |seconds: f64| (seconds * f64::from(sound.sample_rate_hz)) as usize;
    sound.channels[0][at(seconds.start)..at(seconds.end)].iter().fold(0.0, |peak, x| peak.max(x.abs()))
}

fn desk_with_input() -> Desk {
    let desk = Desk::new();
    desk.write_wav("in.wav", 22_050, &phrase(22_050, 3.0, 1));
    desk
}

const RENDER: &str = "render in.wav out.wav --model model.safetensors --seconds-after 0";

#[test]
fn json_is_read_as_windows_writes_it() {
    let desk = desk_with_input();
    let text = "{\r\n  \"name\": \"x\", \"description\": \"y\", \"parameters\": {\"mix\": \"0 %\"}\r\n}\r\n";
    let wide = |mark: &[u8]| {
        let units = text.encode_utf16().flat_map(u16::to_le_bytes);
        mark.iter().copied().chain(units).collect::<Vec<u8>>()
    };
    for (name, bytes) in [
        ("bom.json", [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        ("utf16.json", wide(b"\xff\xfe")),
        ("unmarked.json", wide(b"")),
    ] {
        fs::write(desk.path(name), bytes).expect("space");
        desk.succeed(&format!("{RENDER} --preset {name}"));
        let dry = desk.read_wav("in.wav").channels;
        assert_same_bits(&desk.read_wav("out.wav").channels, &dry, name);
    }
    let units = "\u{feff}{\"mix\": [[0, 0]]}".encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
    fs::write(desk.path("fades.json"), units).expect("space");
    desk.succeed(&format!("{RENDER} --automate fades.json"));
    fs::write(desk.path("noise.json"), b"\xff\x00\xd8\x12\x80").expect("space");
    desk.fail(&format!("{RENDER} --automate noise.json"), &["noise.json", "cannot be read", "no text in UTF-8"]);
}

#[test]
fn the_least_of_every_range_is_taken_where_32_bits_are_less_than_it() {
    let desk = desk_with_input();
    for assignment in ["seed_length=0.05", "sympathy_attack=0.001", "sympathy_release=0.05", "seed_length=0.0500000008"]
    {
        desk.succeed(&format!("{RENDER} --set {assignment}"));
    }
    fs::write(desk.path("a.json"), "{\"seed_length\": [[0, 0.05]]}").expect("space");
    desk.succeed(&format!("{RENDER} --automate a.json"));
}

#[test]
fn two_points_are_a_fade() {
    let desk = Desk::new();
    desk.write_wav("in.wav", 22_050, &[vec![0.5; 3 * 22_050]]);
    fs::write(desk.path("fades.json"), r#"{"mix": [[0, 0], ["4 beats", 100]]}"#).expect("space");
    let said = desk.succeed(&format!("{RENDER} --automate fades.json --set stop=on"));
    assert!(said.contains("0 continuations"), "{said}");
    let levels = [0.2, 1.0, 1.8, 2.1].map(|at| peak(&desk, "out.wav", at..at + 0.05));
    assert!(levels.is_sorted_by(|a, b| a > b) && levels[0] > 0.4 && levels[3] < 1e-3, "{levels:?}");
    fs::write(desk.path("held.json"), r#"{"mix": [[0, 0, "hold"], [2, 100]]}"#).expect("space");
    desk.succeed(&format!("{RENDER} --automate held.json --set stop=on"));
    assert_eq!([0.2, 1.0, 1.8].map(|at| peak(&desk, "out.wav", at..at + 0.05)), [0.5; 3]);

    fs::write(desk.path("late.json"), r#"{"mix": [[0, 0], [60, 100], [90, 0]]}"#).expect("space");
    let run = desk.run(&format!("{RENDER} --automate late.json --overwrite"));
    let line = "warning: late.json: mix: 2 points lie after the end at 3.00 s, the first at 60.00 s\n";
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), line));
}

#[test]
fn options_that_do_nothing_say_so() {
    let desk = desk_with_input();
    for (options, line) in [
        ("--sidechain in.wav", "warning: --sidechain in.wav: nobody listens to it; --set seed_source=sidechain does\n"),
        (
            "--set seed_source=sidechain",
            "warning: seed_source is sidechain, and there is none: --sidechain FILE gives one\n",
        ),
        ("--sidechain in.wav --set seed_source=sidechain", ""),
    ] {
        let run = desk.run(&format!("{RENDER} {options} --overwrite"));
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), line), "{options}");
    }
}

#[test]
fn presets_that_wait_for_a_foot_or_for_keys_play_in_the_demo() {
    let desk = Desk::new();
    for (preset, said, from) in [
        ("footswitch", "Continue was pressed at 3.75 s", 3.75),
        ("played-by-keys", "Keys were played: 6 notes from 3 s on", 3.0),
    ] {
        let told = desk.succeed(&format!("demo --preset {preset} --out a.wav"));
        assert!(told.contains(said) && !told.contains(" 0 continuations"), "{told}");
        assert!(peak(&desk, "a.wav", 10.0..14.0) > 1e-3, "{preset}");
        let dry = sympathy::dsp::phrase::phrase();
        let heard = desk.read_wav("a.wav").channels;
        let first = (from * 44_100.0) as usize;
        assert!(heard[0][..first] != dry[..first] || heard[0][first..] != dry[first..], "{preset}");
    }
    let told = desk.succeed("demo --preset follow-me --out a.wav");
    assert!(!told.contains("pressed") && !told.contains("Keys"), "{told}");
}

#[test]
fn ones_own_models_are_at_home_on_the_command_line() {
    let desk = desk_with_input();
    let kinds = models::all_kinds();
    fs::create_dir_all(desk.path("own models/bells")).expect("space");
    kinds[0].2.write(&desk.path("own models/mine.safetensors")).expect("space");
    kinds[1].2.write(&desk.path("own models/bells/small.safetensors")).expect("space");
    let list = desk.succeed("models");
    let row = |slot: &str, name: &str| list.lines().any(|line| line.starts_with(slot) && line.contains(name));
    assert!(row("64", " bells/small ") && row("65", " mine "), "{list}");
    assert!(list.contains("models of your own, from slot 64 on: "), "{list}");
    assert!(list.lines().filter(|line| !line.contains("of your own")).all(|line| line.chars().count() <= 80), "{list}");

    let render = |model: &str| {
        desk.succeed(&format!("render in.wav out.wav --seconds-after 0 --set mix=100 --set auto_start=on {model}"));
        desk.read_wav("out.wav").channels
    };
    let by_file = render("--model model.safetensors");
    for model in ["--model mine", "--model mine.safetensors", "--set model=65"] {
        assert_same_bits(&render(model), &by_file, model);
    }
    let small = render("--model small");
    assert_same_bits(&render("--model bells/small"), &small, "by its folder");
    assert_same_bits(&render("--set model=64"), &small, "by its slot");
    assert!(small != by_file);
    desk.succeed("inspect mine");
    desk.succeed("sample bells/small --seconds 0.1");
    desk.fail("inspect yours", &["\"yours\"", "or a model of yours in ", "own models"]);
    // A file beside it is not taken for the slot of another.
    kinds[1].2.write(&desk.path("beside.safetensors")).expect("space");
    let two = render("--model model.safetensors --morph-model beside.safetensors --set morph=50");
    assert_same_bits(&render("--model mine --morph-model small --set morph=50"), &two, "two of them");
}

#[test]
fn dropout_means_the_same_everywhere() {
    let desk = desk_with_input();
    let sample = |options: &str| {
        desk.succeed(&format!("sample model.safetensors --seed-file in.wav --seconds 0.3 {options}"));
        fs::read(desk.path("sample.wav")).expect("a sound")
    };
    let none = sample("");
    assert!(sample("--dropout 0") == none, "nothing is silenced");
    let tenth = sample("--dropout 10%");
    assert!(tenth != none && tenth == sample("--dropout 10") && tenth == sample("--input-keep 0.9 --output-keep 0.9"));
    let refused = desk.run("sample model.safetensors --dropout 95");
    assert!(refused.code == Some(2) && refused.stderr.contains("expected 0 to 90 %"), "{refused:?}");
}

#[test]
fn stems_and_whole_numbers_and_flac() {
    let desk = desk_with_input();
    let said = desk.succeed(&format!("{RENDER} --set mix=40 --set auto_start=on --stems"));
    assert!(said.contains("out-wet.wav: the wet alone"), "{said}");
    desk.succeed(
        "render in.wav alone.wav --model model.safetensors --seconds-after 0 --set mix=100 --set auto_start=on",
    );
    assert_same_bits(&desk.read_wav("out-wet.wav").channels, &desk.read_wav("alone.wav").channels, "the wet");
    fs::remove_file(desk.path("out.wav")).expect("it is there");
    let run = desk.run(&format!("{RENDER} --stems"));
    assert!(run.code == Some(1) && run.stderr.contains("out-wet.wav: expected no file there yet"), "{run:?}");

    // Whatever is read is never written, asked or not.
    for option in ["--sidechain in.flac", "--seed-file in.flac"] {
        fs::write(desk.path("in.flac"), "mine").expect("space");
        let run = desk.run(&format!("render in.wav in.flac --overwrite {option}"));
        assert!(run.code == Some(1) && run.stderr.contains("in.flac: expected a place of its own"), "{run:?}");
        assert_eq!(fs::read(desk.path("in.flac")).expect("it is there"), b"mine");
    }

    let floats = desk.read_wav("alone.wav").channels;
    for (options, step) in [("o.wav --bits 16", 15), ("o.wav --bits 24", 23), ("o.flac", 23), ("o.flac --bits 16", 15)]
    {
        desk.succeed(&format!(
            "render in.wav {options} --model model.safetensors --seconds-after 0 --set mix=100 --set auto_start=on"
        ));
        let file = options.split(' ').next().expect("a name");
        let whole = desk.read_wav(file);
        assert_eq!((whole.sample_rate_hz, whole.channels.len()), (22_050, floats.len()), "{options}");
        let bound = 0.5001 / f32::from(1u16 << 8) / f32::from(1u16 << (step - 8));
        for (whole, float) in whole.channels.iter().zip(&floats) {
            assert_eq!(whole.len(), float.len());
            assert!(whole.iter().zip(float).all(|(a, b)| (a - b).abs() <= bound), "{options}");
        }
    }
    // Some encoders count the last, short block.
    let written = desk.read_wav("o.flac").channels;
    let mut counted = fs::read(desk.path("o.flac")).expect("a file");
    counted[8..10].copy_from_slice(&[0, 97]);
    fs::write(desk.path("counted.flac"), counted).expect("space");
    assert_same_bits(&desk.read_wav("counted.flac").channels, &written, "the last block counted");
    let refused = desk.run("render in.wav o.flac --bits 32 --overwrite");
    assert!(refused.code == Some(1) && refused.stderr.contains("expected 16 or 24 for a FLAC file"), "{refused:?}");
    desk.fail("render in.wav o.mp3", &["o.mp3", "ends in .wav or .flac"]);

    desk.write_wav("loud.wav", 22_050, &[vec![2.0; 2205]]);
    for (options, fate) in [("", "kept, as floats hold them"), ("--bits 16", "clipped")] {
        let run = desk.run(&format!("render loud.wav l.wav --set mix=0 --seconds-after 0 --overwrite {options}"));
        let line = format!(
            "warning: l.wav: samples exceed full scale by up to 6.0 dB, and are {fate}; lower wet_gain or the input\n"
        );
        assert_eq!((run.code, run.stderr), (Some(0), line), "{options}");
    }
}

#[test]
fn a_configuration_without_a_name_takes_its_files() {
    let desk = Desk::new();
    desk.write_wav("take.wav", 22_050, &phrase(22_050, 3.0, 1));
    let small = r#""files": [{"path": "take.wav"}], "principal_components": 0, "hidden": 8, "max_steps": 1"#;
    for (name, text) in [("bells.json", format!("{{{small}}}")), ("x.json", format!("{{\"name\": \"Mine\", {small}}}"))]
    {
        fs::write(desk.path(name), text).expect("space");
        desk.succeed_quietly(&format!(
            "train {name} --preset column --out {name}.safetensors --no-run --set streams=2 --set bptt=4"
        ));
    }
    assert!(desk.succeed("inspect bells.json.safetensors").starts_with("bells\n"));
    assert!(desk.succeed("inspect x.json.safetensors").starts_with("Mine\n"));
    fs::write(desk.path("broken.json"), "{\"files\": \"take.wav\"").expect("space");
    desk.fail("train broken.json --out b.safetensors", &["broken.json", "it ends too early, in line 1"]);
    fs::write(desk.path("wrong.json"), "{\"hidden\": \"many\"}").expect("space");
    desk.fail("train wrong.json --out b.safetensors", &["hidden", "found string \"many\", expected a whole number"]);
}
