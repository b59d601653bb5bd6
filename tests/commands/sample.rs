//! `sympathy sample`.

use crate::common::{assert_same_bits, models, phrase, program::Desk};
use std::{fs, sync::Arc};
use sympathy::{
    approach::{Network, continue_offline},
    dsp::level::rms,
    model::ModelData,
    nn::Isa,
};

const RATE: u32 = 22_050;

/// A desk with the models of all kinds as `model0.safetensors` … and a recording at their rate.
fn desk() -> (Desk, Vec<ModelData>) {
    let desk = Desk::new();
    let models: Vec<ModelData> =
        models::every_approach_and_cell().into_iter().step_by(7).map(|(_, data)| data).collect();
    for (index, data) in models.iter().enumerate() {
        data.write(&desk.path(&format!("model{index}.safetensors"))).expect("space");
    }
    desk.write_wav("in.wav", RATE, &phrase(RATE, 2.0, 1));
    (desk, models)
}

#[test]
fn every_approach_says_what_it_says_without_the_program() {
    let (desk, models) = desk();
    for (index, data) in models.iter().enumerate() {
        let options =
            "--seed-file in.wav --start 0.5 --seed-seconds 0.3 --seconds 0.25 --random-seed 5 --temperature 0.7";
        let said = desk.succeed(&format!("sample model{index}.safetensors {options}"));
        let parts = ["sample.wav: 0.25 s of Test model", "flux ", "RMS ", "flatness ", "x real time"];
        assert!(parts.iter().all(|part| said.contains(part)), "{said}");
        let network = Arc::new(Network::load(data, None, Isa::from_environment()));
        let seed = &phrase(RATE, 2.0, 1)[0][11_025..11_025 + 6615];
        let expected = continue_offline(&network, seed, 0.25, 0.7, 5);
        assert_same_bits(&desk.read_wav("sample.wav").channels, &[expected], &format!("model {index}"));
    }
}

#[test]
fn seeds_of_noise_are_repeatable_and_may_be_heard() {
    let (desk, _) = desk();
    let mut heard = Vec::new();
    for kind in ["white", "perlin", "silence"] {
        for out in ["a.wav", "b.wav"] {
            desk.succeed(&format!(
                "sample model1.safetensors --seed {kind} --seed-seconds 0.5 --seconds 0.2 --include-seed --out {out}"
            ));
        }
        assert_eq!(fs::read(desk.path("a.wav")).expect("a"), fs::read(desk.path("b.wav")).expect("b"));
        let sound = desk.read_wav("a.wav").channels.swap_remove(0);
        assert_eq!(sound.len(), 11_025 + 4410);
        let level = rms(&sound[..11_025]);
        // The model does not know its material's level.
        let expected = if kind == "silence" { 0.0 } else { 0.1 };
        assert!((level - expected).abs() < 1e-3, "{kind}: {level}");
        heard.push(sound);
    }
    assert!(heard[0] != heard[1] && heard[1] != heard[2]);
}

#[test]
fn dropout_peaks_temperature_and_random_seeds_are_heard() {
    let (desk, _) = desk();
    let options = [
        "",
        "--random-seed 1",
        "--temperature 2",
        "--dropout 50",
        "--dropout 50% --fresh-dropout",
        "--input-keep 0.5",
        "--output-keep 0.5",
        "--peaks on",
        "--seed-seconds 0.5",
        "--start 1",
    ];
    let mut heard: Vec<Vec<u8>> = Vec::new();
    for options in options {
        desk.succeed(&format!("sample model1.safetensors --seed-file in.wav --seconds 0.3 {options}"));
        heard.push(fs::read(desk.path("sample.wav")).expect("a sound"));
        assert!(!heard[..heard.len() - 1].contains(&heard[heard.len() - 1]), "{options} changes nothing");
    }
    desk.succeed("sample model1.safetensors --seed-file in.wav --seconds 0.3 --peaks off --dropout 0");
    assert_eq!(fs::read(desk.path("sample.wav")).expect("a sound"), heard[0]);
}

#[test]
fn voices_rates_and_pictures() {
    let (desk, _) = desk();
    let base = "sample model1.safetensors --seed-file in.wav --seed-seconds 0.5 --seconds 0.5";
    desk.succeed(base);
    let alone = desk.read_wav("sample.wav").channels;
    let said = desk.succeed(&format!("{base} --voices 3 --plot --out three.wav"));
    assert!(said.contains("1.50 s of") && said.contains("three.png: waveform"), "{said}");
    let three = desk.read_wav("three.wav").channels;
    assert_eq!((three.len(), three[0].len()), (1, 3 * alone[0].len()));
    assert_eq!(three[0][300..10_000], alone[0][300..10_000]);
    assert_ne!(three[0][300..10_000], three[0][300 + alone[0].len()..10_000 + alone[0].len()]);
    assert!(fs::read(desk.path("three.png")).expect("a picture").starts_with(b"\x89PNG"));
    desk.succeed(&format!("{base} --voices 3 --order together --rate 48000 --include-seed --out chord.wav"));
    let chord = desk.read_wav("chord.wav");
    assert_eq!((chord.sample_rate_hz, chord.channels.len()), (48_000, 2));
    assert!(chord.length_samples().abs_diff(48_000) < 10, "{}", chord.length_samples());
    assert!(desk.succeed("sample piano-magnitude --seconds 0.5").contains("x material"));
}

#[test]
fn what_cannot_be_sampled_is_told_and_writes_nothing() {
    let (desk, _) = desk();
    for (arguments, parts) in [
        ("nobody", vec!["expected", "found neither"]),
        ("in.wav", vec!["in.wav"]),
        ("model.safetensors --seed-file no.wav", vec!["no.wav", "cannot be read"]),
        (
            "model.safetensors --seed-file in.wav --start 3",
            vec!["in.wav: length: expected more than 3 s", "found 2.000 s"],
        ),
        ("model.safetensors --start 1", vec!["--start: expected a --seed-file, in which it is a place"]),
        ("model.safetensors --seed-file in.wav --start HJ", vec!["--start: expected 0 to 86400 s", "found \"HJ\""]),
        ("model.safetensors --seed song.mid@9", vec!["--seed: expected white, perlin or silence", "a MIDI file"]),
        ("model.safetensors --steps 512", vec!["--steps: expected a model of notes", "model.safetensors"]),
        ("model.safetensors --toss", vec!["--toss: expected a model of notes", "model.safetensors"]),
        ("model2.safetensors --peaks on", vec!["--peaks: expected a model of magnitudes", "model2"]),
        ("model.safetensors --out a.mp3", vec!["a.mp3", ".wav"]),
        ("model.safetensors --seconds 3600 --voices 16 --rate 384000", vec!["sample.wav", "at most"]),
    ] {
        desk.fail(&format!("sample {arguments}"), &parts);
    }
    for usage in [
        "--seconds -1",
        "--temperature nan",
        "--dropout 95",
        "--dropout 50 --input-keep 0.5",
        "--voices 17",
        "--seed pink",
        "--seed white --seed-file in.wav",
        "--rate 100",
    ] {
        assert_eq!(desk.run(&format!("sample model.safetensors {usage}")).code, Some(2), "{usage}");
    }
}
