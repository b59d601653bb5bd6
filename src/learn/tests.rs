//! Against PyTorch, against differences of the loss, and from end to end on a small model.

use super::{
    Adam, Batch, Hearing, LEARNT, LearnError, Learnt, Material, Plan, Progress, Rules, SAVED_START, Shape, Study,
    Update, Wanted, learn, update::BAND_WEIGHT,
};
use crate::{
    dsp::random::Random,
    model::{Approach, ModelConfig, ModelData, Vector},
    nn::{Cell, Isa},
};
use safetensors::{Dtype, SafeTensors};
use std::{fs, ops::ControlFlow, path::Path};

/// The model of `tests/fixtures/listening/make.py`, whose frames can soon be recalled, as in `learn.py`.
fn model() -> ModelData {
    let data = ModelData::read(Path::new("tests/fixtures/listening/small.safetensors")).expect("the fixture");
    let mut config = data.config().clone();
    if let Approach::Listening(own) = &mut config.approach {
        own.recall_skip = 4;
    }
    data.with_config(config).expect("the same tensors")
}

/// What `tests/fixtures/listening/learn.py` has written.
struct Golden(Vec<u8>);

impl Golden {
    fn read() -> Self {
        Self(fs::read("tests/fixtures/listening/learn.safetensors").expect("the fixture"))
    }

    fn bytes(&self, name: &str, dtype: Dtype) -> Vec<u8> {
        let tensors = SafeTensors::deserialize(&self.0).expect("tensors");
        let view = tensors.tensor(name).expect(name);
        assert_eq!(view.dtype(), dtype, "{name}");
        view.data().to_vec()
    }

    fn numbers(&self, name: &str) -> Vec<f32> {
        let bytes = self.bytes(name, Dtype::F32);
        bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    /// A set of tensors that learn, in one slice.
    fn weights(&self, prefix: &str) -> Vec<f32> {
        LEARNT.iter().flat_map(|name| self.numbers(&format!("{prefix}/{name}"))).collect()
    }

    fn picked(&self) -> Vec<usize> {
        let bytes = self.bytes("picked", Dtype::I32);
        bytes.as_chunks::<4>().0.iter().map(|bytes| i32::from_le_bytes(*bytes) as usize).collect()
    }

    /// Its frames as the model hears them, and a batch of those that are picked.
    fn material(&self, model: &ModelData, isa: Isa) -> (Material, Batch) {
        let hearing = Hearing::new(model, isa).expect("a model that listens");
        let material = hearing.of_frames(self.bytes("frames", Dtype::U8), false);
        let batch = batch(model, &material, self.picked());
        (material, batch)
    }
}

fn batch(model: &ModelData, material: &Material, moments: impl IntoIterator<Item = usize>) -> Batch {
    let mut batch = Batch::new(Shape::of(model.config()).expect("a model that listens"), 64);
    for moment in moments {
        material.push(moment, 0.0, &mut Random::new(1), &mut batch);
    }
    batch
}

fn assert_close(got: &[f32], expected: &[f32], error: f32, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    assert!(largest > 1e-4, "{what}: nothing to compare");
    for (index, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert!((got - expected).abs() <= error * largest.max(1e-3), "{what}, {index}: {got} for {expected}");
    }
}

#[test]
fn what_is_heard_of_a_sound_is_what_pytorch_hears() {
    let (model, golden) = (model(), Golden::read());
    for isa in Isa::all() {
        let (material, _) = golden.material(&model, isa);
        for (got, name) in material.parts().into_iter().zip(["averages", "h", "suggestions", "sureness"]) {
            assert_close(&got, &golden.numbers(name), 1e-5, name);
        }
    }
}

#[test]
fn updates_are_those_of_pytorch() {
    let (model, golden) = (model(), Golden::read());
    for isa in Isa::all() {
        let (_, batch) = golden.material(&model, isa);
        let mut update = Update::new(&model, isa).expect("a model that listens");
        let shape = *update.shape();
        let mut weights = shape.weights_of(&model);
        let bins = shape.bin_weights();
        let rates = vec![(bins.clone(), 3e-3), (bins.end..weights.len(), 1e-3)];
        let mut adam = Adam::new(Rules { rates, beta_2: 0.99, clip: 1.0, mean_stays: 0.95 }, &weights);
        for step in 1..=3 {
            let losses = update.run(&weights, &batch, Wanted::Gradient);
            if step == 1 {
                let expected = golden.weights("gradient");
                let parts = shape.split(update.gradient()).into_iter().zip(shape.split(&expected));
                parts.zip(LEARNT).for_each(|((got, expected), name)| assert_close(got, expected, 2e-5, name));
            }
            let norm = adam.step(&mut weights, update.gradient(), f64::from(step) / 8.0).expect("finite");
            let got = [losses.bins, losses.bands, norm].map(|x| x as f32);
            assert_close(&got, &golden.numbers(&format!("losses/{step}")), 2e-6, "losses and norm");
            if step != 2 {
                assert_close(&weights, &golden.weights(&format!("after/{step}")), 1e-5, "weights");
            }
        }
        assert_close(adam.mean(), &golden.weights("mean"), 1e-5, "the mean");
    }
}

#[test]
fn gradients_are_differences_of_the_loss() {
    let (model, golden) = (model(), Golden::read());
    let isa = Isa::best();
    let (material, _) = golden.material(&model, isa);
    // More than two blocks, the last one not full.
    let batch = batch(&model, &material, 1..38);
    let mut update = Update::new(&model, isa).expect("a model that listens");
    let shape = *update.shape();
    let weights = shape.weights_of(&model);
    update.run(&weights, &batch, Wanted::Gradient);
    let gradient = update.gradient().to_vec();
    let mut loss = |index: usize, by: f32| {
        let mut moved = weights.clone();
        moved[index] += by;
        let losses = update.run(&moved, &batch, Wanted::Losses);
        losses.bins + f64::from(BAND_WEIGHT) * losses.bands
    };
    let mut first = 0;
    for (part, name) in shape.split(&gradient).into_iter().zip(LEARNT) {
        let mut order: Vec<usize> = (0..part.len()).collect();
        order.sort_by(|&a, &b| part[b].abs().total_cmp(&part[a].abs()));
        // The largest ones, and some in between.
        for &index in order.iter().take(3).chain(order.iter().step_by(part.len().div_ceil(3)).skip(1)) {
            let step = 4e-3;
            let difference = (loss(first + index, step) - loss(first + index, -step)) / f64::from(2.0 * step);
            let error = (difference - f64::from(part[index])).abs();
            assert!(error < 2e-4 + 0.01 * difference.abs(), "{name}, {index}: {} for {difference}", part[index]);
        }
        first += part.len();
    }
}

#[test]
fn bits_depend_on_nothing_else_and_memory_is_taken_once() {
    let (model, golden) = (model(), Golden::read());
    let run = |isa: Isa, before: usize| {
        let (material, _) = golden.material(&model, isa);
        let mut update = Update::new(&model, isa).expect("a model that listens");
        let weights = update.shape().weights_of(&model);
        let full = batch(&model, &material, 1..38);
        // What was computed before leaves nothing behind.
        for _ in 0..before {
            update.run(&weights, &batch(&model, &material, 5..30), Wanted::Gradient);
        }
        let first = update.run(&weights, &full, Wanted::Gradient);
        let (gradient, capacity) = (update.gradient().to_vec(), update.capacity());
        let again = update.run(&weights, &full, Wanted::Gradient);
        assert_eq!((first, &gradient[..], capacity), (again, update.gradient(), update.capacity()));
        (first, gradient)
    };
    for isa in Isa::all() {
        let here = run(isa, 0);
        let there = std::thread::scope(|scope| scope.spawn(|| run(isa, 2)).join().expect("no panic"));
        assert_eq!(here, there, "{}", isa.name());
    }
}

/// A sound of notes that come and go, at the model's rate.
pub(super) fn sound(seconds: f32, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed);
    let mut notes = Vec::new();
    for _ in 0..(4.0 * seconds) as usize {
        let (hz, gain) = (75.0 * libm::exp2f(random.below(24) as f32 / 12.0), 0.2 + 0.8 * random.uniform());
        let note = (0..22_050 / 4).map(|sample| {
            let time = sample as f32 / 22_050.0;
            gain * libm::expf(-6.0 * time) * libm::sinf(std::f32::consts::TAU * hz * time)
        });
        notes.extend(note);
    }
    notes
}

fn study(model: &ModelData, player: &Material, maker: &[Material], plan: &Plan) -> Result<Learnt, LearnError> {
    learn(model, player, maker, plan, Isa::best(), &mut |_: &Progress| ControlFlow::Continue(()))
}

fn plan(steps: u32) -> Plan {
    Plan { steps, frames: 32, ..Plan::new(super::Depth::Normal, 7) }
}

#[test]
fn a_take_is_learnt_and_the_maker_protects_what_was_known() {
    let model = model();
    let mut hearing = Hearing::new(&model, Isa::best()).expect("a model that listens");
    let player = hearing.material(&sound(25.0, 1), 20.0).expect("long enough");
    let maker = [hearing.material(&sound(6.0, 2), 0.0).expect("long enough")];
    assert!((player.seconds()[1] / player.seconds()[0] - 1.0 / 9.0).abs() < 0.01, "{:?}", player.seconds());
    let learnt = study(&model, &player, &maker, &plan(120)).expect("finite");
    let (before, after) = (learnt.before.player.expect("held out"), learnt.after.player.expect("held out"));
    assert!(after.bins < before.bins - 0.2 && after.bands < before.bands, "{before:?} {after:?}");
    assert!(learnt.before.maker.is_some() && learnt.after.maker.is_some());
    let again = study(&model, &player, &maker, &plan(120)).expect("finite");
    assert_eq!(learnt, again, "the same bits");
    let other = Plan { random_seed: 8, ..plan(120) };
    assert_ne!(learnt.tensors(), study(&model, &player, &maker, &other).expect("finite").tensors());
    let names: Vec<String> = learnt.tensors().into_keys().collect();
    let mut expected = LEARNT.map(String::from);
    expected.sort();
    assert_eq!(names, expected);
}

#[test]
fn what_cannot_be_learnt_is_told() {
    let model = model();
    let mut hearing = Hearing::new(&model, Isa::best()).expect("a model that listens");
    for (sound, found) in [
        (Vec::new(), "0.0 s"),
        (vec![0.0; 22_050 * 10], "0.4 s"),
        (vec![f32::NAN; 22_050 * 10], "0.4 s"),
        (vec![f32::INFINITY; 22_050 * 10], "0.4 s"),
        (sound(1.0, 1), "1.0 s"),
    ] {
        let error = hearing.material(&sound, 20.0).expect_err(found);
        assert!(matches!(error, LearnError::TooShort { .. }) && error.to_string().contains(found), "{error}");
    }
    let player = hearing.material(&sound(4.0, 1), 20.0).expect("long enough");
    assert_eq!(player.seconds()[1], 0.0, "too short to hold anything out");
    let learnt = study(&model, &player, &[], &plan(2)).expect("finite");
    assert_eq!((learnt.before, learnt.after), Default::default());

    let error = study(&model, &player, &[], &Plan { rates: [f64::INFINITY; 2], ..plan(3) }).expect_err("no numbers");
    assert!(matches!(error, LearnError::NotFinite { .. }), "{error}");
    let stopped = learn(&model, &player, &[], &plan(9), Isa::best(), &mut |progress| match progress.step {
        4.. => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    assert_eq!(stopped, Err(LearnError::Stopped));

    let config = ModelConfig::new(Approach::Vector(Vector::new(64)), Cell::Lstm, 1, 4, 22_050);
    let tensors = config.tensors().into_iter().map(|tensor| (tensor.name, vec![0.0; tensor.shape.iter().product()]));
    let deaf = ModelData::new(config.clone(), tensors.collect(), Path::new("deaf")).expect("a model");
    let error = Hearing::new(&deaf, Isa::best()).expect_err("it does not listen");
    assert_eq!(Update::new(&deaf, Isa::best()).expect_err("nor learn"), error);
    assert!(error.to_string().contains("a model that listens"), "{error}");
}

#[test]
fn a_study_that_was_saved_and_restored_ends_with_the_bits_of_one_that_was_not() {
    let model = model();
    let mut hearing = Hearing::new(&model, Isa::best()).expect("a model that listens");
    let player = hearing.material(&sound(22.0, 1), 20.0).expect("long enough");
    let maker = [hearing.material(&sound(6.0, 2), 0.0).expect("long enough")];
    for isa in Isa::all() {
        let plan = plan(30);
        let mut whole = Study::new(&model, &player, &maker, &plan, isa).expect("a study");
        let begin = || Study::new(&model, &player, &maker, &plan, isa).expect("a study");
        let mut parts = begin();
        while let Some(progress) = whole.step().expect("finite") {
            assert_eq!(parts.step().expect("finite"), Some(progress), "what is told of a step");
            if [1, 2, 17, 30].contains(&progress.step) {
                let saved = parts.save();
                assert_eq!(Study::saved_steps(&saved[..SAVED_START]), Some([progress.step, 30]));
                parts = Study::restore(&model, &player, &maker, &plan, isa, &saved).expect("what was saved");
                assert_eq!((parts.tensors(), parts.save()), (whole.tensors(), saved), "step {}", progress.step);
            }
        }
        assert_eq!(parts.step(), Ok(None));
        let whole = whole.finish().expect("finite");
        assert_eq!(parts.finish().expect("finite"), whole);
        let looped = learn(&model, &player, &maker, &plan, isa, &mut |_| ControlFlow::Continue(()));
        assert_eq!(looped.expect("finite"), whole);
    }
}

#[test]
fn what_was_saved_by_other_hands_is_refused_and_never_believed() {
    let model = model();
    let mut hearing = Hearing::new(&model, Isa::best()).expect("a model that listens");
    let player = hearing.material(&sound(4.0, 1), 20.0).expect("long enough");
    let other = hearing.material(&sound(5.0, 1), 20.0).expect("long enough");
    let plan = plan(6);
    let restore = |player: &Material, plan: &Plan, saved: &[u8]| {
        Study::restore(&model, player, &[], plan, Isa::best(), saved).map(|study| study.steps())
    };
    let mut study = Study::new(&model, &player, &[], &plan, Isa::best()).expect("a study");
    study.step().expect("finite");
    let saved = study.save();
    assert_eq!(restore(&player, &plan, &saved), Ok(1));
    let refused = |outcome: Result<u32, LearnError>, what: &str| {
        assert!(matches!(outcome, Err(LearnError::Damaged { .. })), "{what}: {outcome:?}");
    };
    refused(restore(&other, &plan, &saved), "another take");
    refused(restore(&player, &Plan { random_seed: 9, ..plan.clone() }, &saved), "another plan");
    for length in (0..64).chain([saved.len() / 2, saved.len() - 9, saved.len() - 1]) {
        refused(restore(&player, &plan, &saved[..length]), "a part of it");
    }
    let mut random = Random::new(3);
    for _ in 0..200 {
        let mut damaged = saved.clone();
        let at = random.below(saved.len() as u32) as usize;
        damaged[at] ^= 1 << random.below(8);
        refused(restore(&player, &plan, &damaged), "a bit has turned");
    }
    // Whole, and nonsense all the same: under a checksum that is right.
    let forged = |change: &dyn Fn(&mut [u8])| {
        let mut bytes = saved[..saved.len() - 8].to_vec();
        change(&mut bytes);
        let basis = 0xcbf2_9ce4_8422_2325u64;
        let sum = bytes.iter().fold(basis, |sum, &b| (sum ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3));
        bytes.extend(sum.to_le_bytes());
        bytes
    };
    assert_eq!(restore(&player, &plan, &forged(&|_| {})), Ok(1), "this is how it is forged");
    let numbers = study.tensors().into_values().map(|tensor| 4 * tensor.len()).sum::<usize>();
    let first = saved.len() - 8 - 4 * numbers;
    for (what, at, bytes) in [
        ("more steps than there are", 12, 7u32.to_le_bytes()),
        ("a weight that is none", first, f32::NAN.to_le_bytes()),
        ("a square below 0", first + 2 * numbers, (-1.0f32).to_le_bytes()),
    ] {
        refused(restore(&player, &plan, &forged(&|saved| saved[at..at + 4].copy_from_slice(&bytes))), what);
    }
    refused(restore(&player, &plan, &forged(&|saved| saved[first - 32..first - 16].fill(0))), "no randomness");
    refused(restore(&player, &plan, &[&saved[..saved.len() - 8], &[0; 64]].concat()), "more than there should be");
}
