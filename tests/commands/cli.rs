//! What the program does when all is well.

use crate::common::{assert_same_bits, models, phrase, program::Desk};
use std::fs;
use sympathy::{
    cli::{
        Job, Song,
        automation::{Automation, TimedValue},
        render_to_memory,
    },
    control::ParamId,
    dsp::level::rms,
    model::{Approach, Head, ModelConfig},
};

/// Parameters under which the small model is heard soon.
const SOON: &str = "--model model.safetensors --set seed_length=0.4 --set reseed_interval=0.5";

#[test]
fn mono_and_stereo_at_every_usual_rate_are_continued() {
    let desk = Desk::new();
    for rate in [44_100, 48_000, 96_000] {
        for channels in [1, 2] {
            let input = phrase(rate, 1.2, channels);
            desk.write_wav("in.wav", rate, &input);
            let said = desk.succeed(&format!("render in.wav out.wav {SOON} --seconds-after 0.8"));
            assert!(said.contains("2.00 s of Test model") && said.contains(" 0 underruns"), "{rate}: {said}");
            let output = desk.read_wav("out.wav");
            assert_eq!((output.sample_rate_hz, output.channels.len()), (rate, channels));
            assert_eq!(output.length_samples(), input[0].len() + (0.8 * f64::from(rate)).round() as usize);
            for channel in &output.channels {
                let tail = &channel[input[0].len()..];
                assert!(rms(tail) > 1e-4, "{rate} Hz, {channels} channels: the continuation is silent");
                assert!(channel.iter().all(|x| x.is_finite()));
            }
        }
    }
    assert_eq!(desk.files(), ["in.wav", "model.safetensors", "out.wav"]);
}

#[test]
fn at_no_mix_the_output_is_the_input_bit_for_bit() {
    let desk = Desk::new();
    let input = phrase(44_100, 1.0, 2);
    desk.write_wav("in.wav", 44_100, &input);
    desk.succeed(&format!("render in.wav out.wav {SOON} --set mix=0 --seconds-after 0"));
    assert_same_bits(&desk.read_wav("out.wav").channels, &input, "mix=0");
    desk.succeed(&format!("render in.wav out.wav {SOON} --set bypass=1 --set mix=100 --seconds-after 0"));
    assert_same_bits(&desk.read_wav("out.wav").channels, &input, "bypass=1");
}

#[test]
fn the_block_size_changes_no_bit_and_neither_does_going_without_the_program() {
    let desk = Desk::new();
    let input = phrase(48_000, 1.0, 2);
    desk.write_wav("in.wav", 48_000, &input);
    fs::write(desk.path("a.json"), r#"{"mix": [[0, 20, "hold"], [0.60001, 100]], "temperature": [[0.7, 0.5]]}"#)
        .unwrap();
    let render = |block: usize| {
        desk.succeed(&format!(
            "render in.wav out.wav {SOON} --automate a.json --seconds-after 0.5 --start 3.25 --block {block}"
        ));
        desk.read_wav("out.wav").channels
    };
    let first = render(64);
    for block in [1, 333, 8192] {
        assert_same_bits(&render(block), &first, &format!("block {block}"));
    }

    let mut config = crate::common::drive::config(48_000, 2, 64);
    config.values.set(ParamId::Mix, ParamId::Mix.spec().default);
    let mut padded = input;
    padded.iter_mut().for_each(|channel| channel.resize(72_000, 0.0));
    let automation = Automation::steps(&[
        TimedValue { sample: 0, id: ParamId::Mix, value: 20.0 },
        TimedValue { sample: 28_800, id: ParamId::Mix, value: 100.0 },
        TimedValue { sample: 33_600, id: ParamId::Temperature, value: 0.5 },
    ]);
    let song = Song { start_samples: 156_000, beats_per_minute: 120.0 };
    let job = Job { song, block_samples: 480, automation: Some(&automation), ..Job::of(&padded) };
    let (in_process, outcome) = render_to_memory(models::registry(), config, &job, |_| {}).unwrap();
    assert_same_bits(&in_process, &first, "in process");
    assert!(outcome.meters.continuations() > 0);
}

#[test]
fn sidechains_seeds_notes_and_pictures_come_from_files() {
    let desk = Desk::new();
    let (played, silence) = (phrase(44_100, 1.5, 2), vec![vec![0.0; 66_150]; 2]);
    desk.write_wav("played.wav", 44_100, &played);
    desk.write_wav("silence.wav", 44_100, &silence);
    let wet = format!("{SOON} --set mix=100 --seconds-after 0.5");
    let render = |arguments: &str| {
        // Of two values of a parameter the last one counts.
        desk.succeed(&format!("render {wet} {arguments}"));
        desk.read_wav("out.wav").channels
    };
    let heard = render("played.wav out.wav");
    assert!(rms(&heard[0]) > 1e-3);
    let beside = render("silence.wav out.wav --sidechain played.wav --set seed_source=1");
    assert_same_bits(&heard, &beside, "a sidechain of its own rate");
    desk.succeed_quietly(&format!("render {wet} silence.wav out.wav --sidechain played.wav"));
    assert_eq!(rms(&desk.read_wav("out.wav").channels[0]), 0.0, "nobody listens to it");
    assert!(rms(&render("silence.wav out.wav --seed-file played.wav")[0]) > 1e-3, "a seed from a file");
    assert!(rms(&render("silence.wav out.wav --set seed_source=2")[0]) > 1e-3, "a seed of noise");

    // One track: a note after half a beat, that is 0.25 s.
    let notes = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x08\x30\x90\x3c\x7f\x00\xff\x2f\x00";
    fs::write(desk.path("notes.mid"), notes).unwrap();
    let keys = "played.wav out.wav --set auto_start=0 --set midi_trigger=1 --set reseed_interval=0";
    assert_eq!(rms(&render(keys)[0]), 0.0);
    let keyed = render(&format!("{keys} --midi notes.mid"));
    assert!(rms(&keyed[0][..11_025]) == 0.0 && rms(&keyed[0]) > 1e-3, "the note begins it");

    let said = desk.succeed(&format!("render played.wav out.wav {wet} --start 9 --seeds"));
    // The first as soon as 0.4 s were heard, then every half second, on the engine's grid.
    assert!(said.contains("seed: 0.000 s to 0.400 s") && said.contains("seed: 0.601 s to 1.001 s"), "{said}");

    let said = desk.succeed(&format!("render played.wav out.wav {wet} --picture out.png"));
    assert!(said.contains("out.png"), "{said}");
    assert_eq!(&fs::read(desk.path("out.png")).unwrap()[..4], b"\x89PNG");
    let morphed = render("played.wav out.wav --morph-model model.safetensors --set morph=50");
    assert!(rms(&morphed[0]) > 1e-3);
}

#[test]
fn the_demo_plays_presets() {
    let desk = Desk::new();
    fs::write(desk.path("hop.json"), r#"{"stretch": [[9, 4]]}"#).unwrap();
    let said = desk.succeed("demo --preset water-that-does-not-move --automate hop.json --out water.wav");
    assert!(said.contains("water.wav: 20.25 s") && said.contains("water.png"), "{said}");
    let sound = desk.read_wav("water.wav").channels;
    assert!(rms(&sound[0][10 * 44_100..]) > 1e-3);
    desk.fail("demo --preset no-such-preset", &["no-such-preset", "expected a file or one of"]);
}

#[test]
fn parameters_and_automation_are_heard_where_they_belong() {
    let desk = Desk::new();
    let input = phrase(44_100, 1.5, 1);
    desk.write_wav("in.wav", 44_100, &input);
    fs::write(desk.path("a.json"), r#"{"mix": [[0.0, 0, "hold"], [1.25, 100]]}"#).unwrap();
    desk.succeed(&format!("render in.wav late.wav {SOON} --set mix=0 --automate a.json --seconds-after 0.5"));
    let late = desk.read_wav("late.wav").channels;
    let step = 55_125;
    assert_same_bits(&[late[0][..step].to_vec()], &[input[0][..step].to_vec()], "before the step");
    assert_ne!(late[0][step..step + 4410], input[0][step..step + 4410], "after the step");

    let seeds = [1, 1, 2].map(|seed| {
        desk.succeed(&format!("render in.wav out.wav {SOON} --set random_seed={seed} --set mix=100"));
        desk.read_wav("out.wav").channels
    });
    assert_same_bits(&seeds[0], &seeds[1], "the same random seed");
    assert_ne!(seeds[0], seeds[2], "another random seed");
}

#[test]
fn a_gate_above_the_input_starts_nothing_and_says_so() {
    let desk = Desk::new();
    desk.write_wav("in.wav", 44_100, &phrase(44_100, 1.0, 1));
    let said = desk.succeed(&format!("render in.wav out.wav {SOON} --set gate=0 --seconds-after 0"));
    assert!(
        said.contains(", 0 continuations") && said.contains("no seed was above the gate") && !said.contains("loop"),
        "{said}"
    );
}

#[test]
fn the_longest_and_the_shortest_input_at_the_outermost_rates() {
    let desk = Desk::new();
    for (rate, seconds) in [(8_000, 1.0), (384_000, 0.7)] {
        desk.write_wav("in.wav", rate, &phrase(rate, seconds, 1));
        let said = desk.succeed(&format!("render in.wav out.wav {SOON} --seconds-after 0.3"));
        assert!(!said.contains(", 0 continuations"), "{rate} Hz: {said}");
    }
    desk.write_wav("in.wav", 44_100, &[vec![0.5]]);
    desk.succeed("render in.wav out.wav --model model.safetensors --seconds-after 0 --set mix=0");
    assert_eq!(desk.read_wav("out.wav").channels, [[0.5]]);
}

#[test]
fn models_are_listed_and_inspected() {
    let desk = Desk::new();
    fs::write(desk.path("broken.safetensors"), "no model").unwrap();
    let list = desk.succeed("models --dir .");
    let row = list.lines().find(|line| line.contains("model.safetensors")).expect("a row");
    assert!(row.contains(" magnitude ") && row.contains("LSTM, 2 × 12 wide"), "{list}");
    assert!(row.contains("22050 Hz") && list.contains("not a model: ./broken.safetensors: "), "{list}");

    let text = desk.succeed("inspect model.safetensors");
    for part in ["Test model", "8 principal components of 257", "LSTM, 2 × 12 wide", "rnn.weight_hh_l1", "[48, 12]"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json: serde_json::Value = serde_json::from_str(&desk.succeed("inspect model.safetensors --json")).unwrap();
    assert_eq!(json["config"]["name"], "Test model");
    assert_eq!(json["tensors"][0]["shape"], serde_json::json!([48, 8]));
    // Two layers of (inputs + 12 + 2) · 48, and 51 outputs of 12 weights and a bias.
    assert_eq!(json["parameters"], 48 * (8 + 12 + 2) + 48 * (12 + 12 + 2) + 51 * 13);
}

#[test]
fn precisions_are_chosen_by_name_and_slow_models_are_told_of() {
    let desk = Desk::new();
    desk.write_wav("in.wav", 22_050, &phrase(22_050, 1.0, 1));
    let render = |precision: &str| {
        desk.succeed(&format!("render in.wav out.wav {SOON} --seconds-after 0.2 --set mix=100 {precision}"));
        desk.read_wav("out.wav").channels
    };
    assert_same_bits(&render(""), &render("--precision auto"), "auto is what is there without a word");
    for precision in ["f32", "f16", "bf16", "int8"] {
        assert!(rms(&render(&format!("--precision {precision}"))[0]) > 1e-4, "{precision}");
    }
    let wrong = desk.run("demo --precision f8");
    assert!(wrong.code == Some(2) && wrong.stderr.contains("auto, f32, f16, bf16, int8"), "{wrong:?}");

    let mixture = Head::Mixture { components: 2, residual: true };
    let huge = ModelConfig { hidden: 768, sample_rate_hz: 44_100, ..models::config(Approach::Sample, mixture, 0) };
    models::random_model(huge, 1).write(&desk.path("huge.safetensors")).expect("space");
    let run = desk.run("sample huge.safetensors --seed-seconds 0.01 --seconds 0.01 --precision bf16");
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stderr.starts_with("warning: Test model: 0.") && run.stderr.lines().count() == 1, "{run:?}");
    assert!(run.stderr.contains(" × real time on this machine") && run.stdout.contains("sample.wav: "), "{run:?}");
    let run = desk.run("models --dir .");
    assert_eq!(run.stderr.matches("warning: huge.safetensors: 0.").count(), 1, "{run:?}");
    desk.write_wav("in.wav", 22_050, &[vec![0.0; 100]]);
    let run = desk.run("render in.wav huge.wav --model huge.safetensors --seconds-after 0");
    assert!(run.code == Some(0) && run.stderr.contains("warning: Test model: 0."), "{run:?}");
}

#[test]
fn the_demo_writes_sound_and_picture() {
    let desk = Desk::new();
    let said = desk.succeed("demo --model model.safetensors --out hear.wav --seed 3");
    assert!(said.contains("hear.wav: 20.25 s of Test model") && said.contains("hear.png"), "{said}");
    assert_eq!(desk.files(), ["hear.png", "hear.wav", "model.safetensors"]);
    let sound = desk.read_wav("hear.wav");
    let after = &sound.channels[0][10 * 44_100..14 * 44_100];
    assert!(rms(after) > 1e-4, "the continuation is silent after the phrase");
    let picture = fs::read(desk.path("hear.png")).unwrap();
    assert!(picture.starts_with(b"\x89PNG\r\n\x1a\n") && picture.len() > 50_000, "{} bytes", picture.len());
}

#[test]
fn help_and_version_are_printed() {
    let desk = Desk::new();
    assert_eq!(desk.succeed("--version"), format!("sympathy {}\n", env!("CARGO_PKG_VERSION")));
    for command in ["", "demo ", "render ", "models ", "inspect ", "evaluate "] {
        let help = desk.succeed(&format!("{command}--help"));
        assert!(help.contains("EXAMPLES:"), "{command}: {help}");
    }
    assert!(desk.succeed("render --help").contains("reseed_interval   0 to 60 s"));
}
