//! What the program says: help that fits a terminal, examples that do what they say, and readers who have gone.

use crate::common::{notes, phrase, program::Desk};
use std::{fs, io::Read, process::Stdio};
use sympathy::{
    cli::{command, parse},
    notes::Repeats as RollRepeats,
};

/// Every command's help, in so many columns, and the name of its command: empty for the program's own.
fn helps(width: usize) -> Vec<(String, String)> {
    let mut program = command(width);
    program.build();
    let mut helps = vec![(String::new(), program.clone().render_long_help().to_string())];
    for command in program.get_subcommands_mut().filter(|command| command.get_name() != "help") {
        helps.push((command.get_name().into(), command.render_long_help().to_string()));
    }
    helps
}

/// The examples of a help: what is typed, without what is said about it.
fn examples(help: &str) -> Vec<String> {
    let mut examples = Vec::new();
    let mut lines = help.lines();
    while let Some(line) = lines.next() {
        let Some(typed) = line.strip_prefix("  ").filter(|typed| typed.starts_with("sympathy ")) else {
            continue;
        };
        let mut typed = typed.to_string();
        while typed.ends_with(" \\") {
            typed.truncate(typed.len() - 1);
            typed += lines.next().expect("a line goes on").trim_start();
        }
        examples.push(typed.split("   ").next().unwrap_or_default().trim_end().to_string());
    }
    examples
}

/// The words of a line, as a shell parts them.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('"').enumerate();
    parts
        .flat_map(|(index, part)| match index % 2 {
            0 => part.split_whitespace().map(String::from).collect(),
            _ => vec![part.to_string()],
        })
        .collect()
}

#[test]
fn every_help_fits_a_terminal_and_says_the_same_in_every_width() {
    let squeezed = |help: &str| help.split_whitespace().filter(|word| *word != "\\").collect::<Vec<_>>().join(" ");
    for ((name, narrow), (_, wide)) in helps(80).iter().zip(helps(120)) {
        for (width, help) in [(80, narrow), (120, &wide)] {
            let long: Vec<&str> = help.lines().filter(|line| line.chars().count() > width).collect();
            assert!(long.is_empty(), "{name}: {long:#?}");
        }
        assert!(narrow.contains("EXAMPLES:") && narrow.lines().count() > wide.lines().count() / 2, "{name}");
        assert_eq!(squeezed(narrow), squeezed(&wide), "{name}");
    }
}

#[test]
fn every_example_is_understood() {
    let mut count = 0;
    for (name, help) in helps(80) {
        let of_command = examples(&help);
        assert!(!of_command.is_empty(), "{name} has no example");
        for example in of_command {
            count += 1;
            let typed = words(&example).into_iter().map(Into::into);
            if let Err(error) = parse(typed) {
                panic!("{name}: {example}\n{error}");
            }
        }
    }
    assert!(count >= 40, "{count} examples");
}

#[test]
fn examples_do_what_they_say() {
    let desk = Desk::new();
    for name in ["in.wav", "take.wav", "take1.wav", "take2.wav", "song.wav", "theirs.wav", "played.wav"] {
        desk.write_wav(name, 22_050, &phrase(22_050, 6.0, 1));
    }
    desk.write_wav("in.flac", 22_050, &phrase(22_050, 2.0, 1));
    fs::copy(desk.path("model.safetensors"), desk.path("my-model.safetensors")).expect("space");
    fs::copy("tests/fixtures/listening/small.safetensors", desk.path("small.safetensors")).expect("space");
    for name in ["noize.safetensors", "plain.safetensors"] {
        fs::copy(desk.path("model.safetensors"), desk.path(name)).expect("space");
    }
    fs::write(desk.path("fades.json"), r#"{"mix": [[0, 0], [1.5, 100]]}"#).expect("space");
    fs::write(desk.path("keys.mid"), b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x08\x30\x90\x3c\x7f\x00\xff\x2f\x00")
        .expect("space");
    let plan = r#"{"inputs": ["take.wav"], "vary": {"lr": [0.001, 0.002]}, "run": false,
        "set": {"hidden": 8, "streams": 2, "bptt": 4, "max_steps": 2, "max_minutes": null, "principal_components": 4,
            "approach": {"kind": "magnitude", "window": 512, "hop": 512, "sharpen": 1}}}"#;
    fs::write(desk.path("plan.json"), plan).expect("space");
    fs::create_dir(desk.path("scores")).expect("space");
    for name in ["aria.mid", "song.mid", "take.mid", "scores/aria.mid"] {
        // A key every quarter note, forty times.
        let track = [b"\0\x90\x3c\x40\x60\x3c\0".repeat(40), b"\0\xff\x2f\0".to_vec()].concat();
        let header = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk";
        fs::write(desk.path(name), [&header[..], &(track.len() as u32).to_be_bytes(), &track].concat()).expect("space");
    }
    notes::lstm(8, -2.0).write(&desk.path("my-lstm.safetensors")).expect("space");
    // Of the grid that data sets have if nothing else is asked for.
    let mut coded = notes::autoencoder(-1.0).config().clone();
    (coded.approach.steps_per_quarter, coded.approach.repeats) = (4, RollRepeats::Gap);
    let coded = notes::filled(coded, ("decoder.1.bias", -1.0), 30.0);
    coded.write(&desk.path("my-autoencoder.safetensors")).expect("space");
    // Questions, sound cards, hours, and PyTorch's files have tests of their own, as has what runs for minutes.
    let left = ["bench", "compare", "configure guitar.json", "configure --window", "evaluate", "import", "play"];
    // The configuration first, as people would; then a model of it, from which others go on.
    let mut all: Vec<String> = helps(80).iter().flat_map(|(_, help)| examples(help)).collect();
    all.sort_by_key(|example| (!example.contains(" configure "), !example.contains("guitar.json --out guitar.saf")));
    fs::create_dir(desk.path("recordings")).expect("space");
    desk.write_wav("recordings/one.wav", 22_050, &phrase(22_050, 6.0, 1));
    for example in all {
        let typed = example.strip_prefix("sympathy ").expect("an example");
        let interactive = typed == "configure guitar.json";
        if interactive || left.iter().any(|left| typed.starts_with(left) && !typed.contains("--yes")) {
            continue;
        }
        let typed = typed.replace("~/my-models", ".").replace("\"take.wav 10-40\"", "take.wav");
        let column = typed.contains("column") || typed.starts_with("train");
        let typed = if column { typed.replace("guitar.json", "column.json") } else { typed };
        let made = match typed.split_whitespace().next() {
            // Those that last: the trainer's tests have them.
            Some("train") if !typed.contains("column.json") || typed.contains("approach.hop") => continue,
            Some("train") => {
                let again = if typed.contains("--resume") { "" } else { "--overwrite" };
                let small = "hidden=8 streams=2 bptt=4 max_steps=2 max_minutes=null";
                format!("{typed} --no-run --set {} {again}", small.replace(' ', " --set "))
            }
            // A model of the usual size takes minutes.
            Some("learn") => {
                let words = typed.split_whitespace().skip_while(|word| *word != "--model").skip(1).take(1);
                let model = words.map(|name| format!("--model {name}")).next().unwrap_or_default();
                format!("{} --model small.safetensors --overwrite", typed.replace(&model, ""))
            }
            // On a cluster, and what runs for hours.
            Some("sweep") if typed.contains("--slurm") || typed.contains("dissertation") => continue,
            Some("configure" | "models" | "inspect" | "sweep") => typed.clone(),
            _ => format!("{typed} --overwrite"),
        };
        let run = desk.run(&made);
        assert_eq!(run.code, Some(0), "sympathy {made}: {run:?}");
        for out in typed.split_whitespace().skip_while(|word| *word != "--out").skip(1).take(1) {
            assert!(desk.path(out).exists(), "sympathy {made} wrote no {out}");
        }
    }
}

#[cfg(unix)]
#[test]
fn who_has_stopped_reading_stops_nothing_and_what_cannot_be_written_is_an_error() {
    let desk = Desk::new();
    for arguments in [
        "models",
        "--help",
        "render --help",
        "inspect model.safetensors",
        "export model.safetensors --out e.safetensors --script load.py",
    ] {
        let mut program = desk.start(arguments);
        drop(program.stdout.take());
        let mut said = String::new();
        program.stderr.take().expect("a pipe").read_to_string(&mut said).expect("words");
        let code = program.wait().expect("it ends").code();
        assert_eq!((code, said.as_str()), (Some(0), ""), "sympathy {arguments}");
    }
    assert!(desk.path("load.py").exists() && desk.path("e.safetensors").exists());

    for arguments in ["models", "export model.safetensors --out f.safetensors --script other.py"] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("a device that is always full");
        let program = desk.command(arguments).stdout(full).stderr(Stdio::piped()).spawn().expect("it was built");
        let output = program.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with("error: standard output: cannot be written: No space left"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    assert!(desk.path("other.py").exists(), "the rest is done all the same");
}
