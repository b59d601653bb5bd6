//! Folders of runs that nobody made: a journal as the trainer writes it, with sounds.

use super::{phrase, program::wav_bytes};
use std::{fs, path::Path};
use sympathy::{
    dsp::random::Random,
    hyperparameters::TrainConfig,
    train::{
        report::JOURNAL_NAME,
        run::journal::{Entry, EpochEntry, Errors, JournalFile, SampleEntry, Start, StepEntry, WeightHistogram},
    },
};

pub const RATE: u32 = 22_050;
const EPOCHS: u32 = 40;
const STEPS_PER_EPOCH: u64 = 50;
const TENSORS: [(&str, f32); 6] = [
    ("rnn.weight_ih_l0", 0.08),
    ("rnn.weight_hh_l0", 0.06),
    ("rnn.bias_ih_l0", 0.3),
    ("rnn.bias_hh_l0", 0.3),
    ("out.weight", 0.1),
    ("out.bias", 0.2),
];

/// Fills `folder` with a run named `name`: material, seeds and outputs of some tones in more or less noise.
pub fn write_run(folder: &Path, name: &str) {
    let mut random = Random::new(11);
    let config = TrainConfig { name: name.into(), hidden: 192, epochs: Some(EPOCHS), ..TrainConfig::default() };
    let material = phrase(RATE, 8.0, 1);
    wav(folder, "material.wav", &material);
    let mut journal = JournalFile::create(&folder.join(JOURNAL_NAME)).expect("a temporary folder");
    let mut tell = |entry: Entry| journal.append(&entry).expect("space");
    tell(Entry::Start(Start {
        config: serde_json::to_value(config).expect("plain data"),
        parameters: 214_336,
        material_seconds: 8.0,
        frames: 51_200,
        steps_per_epoch: STEPS_PER_EPOCH,
        baseline_loss: 0.31,
        baselines: Default::default(),
        weights: Vec::new(),
        sample_rate_hz: RATE,
        material: "material.wav".into(),
        songs: ["take 1.wav", "take 2.wav", "slow & <low>.wav"].map(String::from).to_vec(),
    }));
    fs::create_dir(folder.join("samples")).expect("space");
    let last = u64::from(EPOCHS) * STEPS_PER_EPOCH;
    for step in 1..=last {
        let gone = step as f32 / last as f32;
        let loss = (0.06 + 0.9 * libm::expf(-6.0 * gone)) * libm::expf(0.25 * random.normal());
        let rate = f64::from(1e-3 + 1e-3 * libm::cosf(std::f32::consts::PI * gone)) * (step as f64 / 50.0).min(1.0);
        let gradient_norm = f64::from(loss * libm::expf(0.4 * random.normal()));
        tell(Entry::Step(StepEntry { step, loss, rate, gradient_norm }));
        if step.is_multiple_of(STEPS_PER_EPOCH) {
            tell(Entry::Epoch(epoch(step, gone, &mut random)));
        }
        if step.is_multiple_of(last / 4) {
            tell(Entry::Sample(sample(folder, step, gone, &material[0], &mut random)));
        }
    }
}

fn epoch(step: u64, gone: f32, random: &mut Random) -> EpochEntry {
    let loss = 0.06 + 0.9 * libm::expf(-6.0 * gone);
    let errors =
        |loss: f32, bias: f32| Errors { loss, mae: 0.7 * loss.sqrt(), mbe: bias * (1.0 - gone), ..Errors::default() };
    let held_out = 0.09 + 0.8 * libm::expf(-5.0 * gone) + 0.03 * gone;
    let histogram = |&(tensor, deviation): &(&str, f32), random: &mut Random| {
        let values: Vec<f32> = (0..2000).map(|_| deviation * (1.0 + 2.0 * gone) * random.normal()).collect();
        let (least, most) = values.iter().fold((0.0f32, 0.0f32), |(l, m), &v| (l.min(v), m.max(v)));
        let mut counts = vec![0; 48];
        values.iter().for_each(|v| counts[(((v - least) / (most - least) * 48.0) as usize).min(47)] += 1);
        WeightHistogram { tensor: tensor.into(), least, most, counts }
    };
    EpochEntry {
        epoch: (step / STEPS_PER_EPOCH) as u32,
        step,
        seconds: 0.21 * step as f64,
        train: errors(loss, 0.02 * random.normal()),
        validation: Some(errors(held_out, -0.03 * random.normal())),
        songs: vec![Some(0.8 * loss), Some(1.1 * loss), (step > 500).then_some(1.4 * loss)],
        weights: TENSORS.iter().map(|tensor| histogram(tensor, random)).collect(),
    }
}

fn sample(folder: &Path, step: u64, gone: f32, material: &[f32], random: &mut Random) -> SampleEntry {
    let start = random.below(3 * RATE) as usize;
    let seed = &material[start..start + 2 * RATE as usize];
    let noise = 0.2 * (1.0 - gone);
    let output: Vec<f32> = material[start..].iter().map(|x| gone * x + noise * random.normal()).collect();
    let entry = SampleEntry {
        step,
        stream: 0,
        seed: format!("samples/step {step:06}, stream 0, seed.wav").into(),
        output: format!("samples/step {step:06}, stream 0.wav").into(),
    };
    wav(folder, &entry.seed.to_string_lossy(), &[seed.to_vec()]);
    wav(folder, &entry.output.to_string_lossy(), &[output]);
    entry
}

fn wav(folder: &Path, name: &str, channels: &[Vec<f32>]) {
    fs::write(folder.join(name), wav_bytes(RATE, channels)).expect("space");
}
