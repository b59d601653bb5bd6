//! The bank against the sums as they are written, in double precision.

use super::*;
use crate::dsp::random::Random;

/// Filters, one in five without weights.
struct Filters {
    taps: usize,
    weights: Vec<Vec<f32>>,
    bias: Vec<f32>,
}

impl Filters {
    fn random(rows: usize, taps: usize, random: &mut Random) -> Self {
        let mut weights = |row: usize| match row % 5 {
            4 => Vec::new(),
            _ => (0..taps).map(|_| random.normal()).collect(),
        };
        let weights = (0..rows).map(&mut weights).collect();
        Self { taps, weights, bias: (0..rows).map(|_| random.normal()).collect() }
    }

    fn bank(&self, isa: Isa) -> SlidingBank {
        let filters: Vec<Filter<'_>> =
            self.weights.iter().zip(&self.bias).map(|(weights, &bias)| Filter { weights, bias, factor: 0.5 }).collect();
        SlidingBank::new(self.taps, &filters, isa)
    }

    /// Compares one step, the newest of `samples`, which begin with silence.
    fn check(&self, mask: Option<&[f32]>, samples: &[f32], state: &SlidingState, what: &str) {
        let length = self.taps.min(16);
        let (head, sums) = (state.newest(length), state.sums());
        let padded = |age: usize| samples.len().checked_sub(1 + age).map_or(0.0, |at| samples[at]);
        assert_eq!(head, (0..length).rev().map(padded).collect::<Vec<f32>>(), "{what}: the head");
        assert_eq!(sums.len(), self.weights.len());
        let size = |values: &mut dyn Iterator<Item = f32>| values.map(|x| f64::from(x * x)).sum::<f64>().sqrt();
        let heard = size(&mut samples.iter().rev().take(self.taps + 512).copied());
        for (row, (weights, &got)) in self.weights.iter().zip(sums).enumerate() {
            let weight = |age: usize| weights.get(self.taps - 1 - age).map_or(0.0, |&w| f64::from(w));
            let kept = |age: usize| mask.map_or(1.0, |mask| f64::from(mask[self.taps - 1 - age]));
            let tail = (length..self.taps).map(|age| weight(age) * kept(age) * f64::from(padded(age))).sum::<f64>();
            let expected = 0.5 * (f64::from(self.bias[row]) + tail);
            let bound = 1e-6 * (size(&mut weights.iter().copied()) * heard + f64::from(self.bias[row].abs()));
            let error = (f64::from(got) - expected).abs();
            assert!(error <= bound, "{what}, row {row}: {got} for {expected}, off by {error}, allowed {bound}");
        }
    }
}

/// Noise, then silence, then an impulse, then a constant.
fn sound(length: usize, random: &mut Random) -> Vec<f32> {
    let mut sound: Vec<f32> = (0..length).map(|_| random.normal()).collect();
    sound[length / 4..length / 2].fill(0.0);
    sound[length / 4 + 3] = 2.0;
    sound[length * 3 / 4..].fill(0.5);
    sound
}

const SIZES: [(usize, usize); 13] = [
    (1, 1),
    (3, 5),
    (7, 16),
    (4, 17),
    (16, 64),
    (5, 96),
    (17, 97),
    (48, 256),
    (3, 300),
    (4, 384),
    (33, 385),
    (16, 1000),
    (5, 2048),
];

#[test]
fn sums_are_those_of_the_whole_product_at_every_level() {
    for isa in Isa::all() {
        for (rows, taps) in SIZES {
            let mut random = Random::new(21);
            let filters = Filters::random(rows, taps, &mut random);
            let bank = filters.bank(isa);
            let mut state = bank.make_state();
            let sound = sound(taps + 3 * PERIOD + 40, &mut random);
            for (at, &sample) in sound.iter().enumerate() {
                let what = format!("{}, {rows} rows of {taps}, step {at}", isa.name());
                bank.step(&mut state, sample);
                if at % 5 == 0 || at < 40 {
                    filters.check(None, &sound[..=at], &state, &what);
                }
            }
        }
    }
}

#[test]
fn a_stream_goes_on_from_whatever_past_it_is_given() {
    for isa in Isa::all() {
        for (rows, taps) in SIZES {
            let mut random = Random::new(22);
            let (filters, other) = (Filters::random(rows, taps, &mut random), Filters::random(rows, taps, &mut random));
            let (bank, other_bank) = (filters.bank(isa), other.bank(isa));
            let mut state = bank.make_state();
            for heard in [0, 1, 15, 16, 63, 100, 255, 256, 300] {
                // Wherever in a period it is.
                (0..heard).for_each(|_| bank.step(&mut state, random.normal()));
                let sound = sound(taps + 300, &mut random);
                let (past, rest) = sound.split_at(taps - 1);
                bank.prime(&mut state, |slots| slots.copy_from_slice(past));
                for (step, &sample) in rest.iter().enumerate() {
                    let what = format!("{}, {rows} rows of {taps}, {heard} heard, step {step}", isa.name());
                    // The last steps with other weights.
                    let (filters, bank) = if step < 270 { (&filters, &bank) } else { (&other, &other_bank) };
                    if step == 270 {
                        state.change_bank();
                    }
                    bank.step(&mut state, sample);
                    if !(20..250).contains(&step) {
                        filters.check(None, &sound[..taps + step], &state, &what);
                    }
                }
                state.change_bank();
            }
        }
    }
}

#[test]
fn masks_silence_samples_by_their_age_and_can_be_lifted() {
    for isa in Isa::all() {
        for (rows, taps) in [(3, 5), (4, 17), (17, 97), (5, 700)] {
            let mut random = Random::new(23);
            let filters = Filters::random(rows, taps, &mut random);
            let bank = filters.bank(isa);
            let mut state = bank.make_state();
            let sound = sound(taps + 900, &mut random);
            let mut mask = vec![1.0; taps];
            for (at, &sample) in sound.iter().enumerate() {
                let keep = if at / 150 % 2 == 0 { 1.0 } else { 0.6 };
                if at % 75 == 0 {
                    let mut replay = random.clone();
                    state.draw_dropout(keep, &mut random);
                    if keep < 1.0 {
                        mask[..taps - bank.head()].fill_with(|| if replay.uniform() < keep { 1.0 / keep } else { 0.0 });
                    }
                }
                let what = format!("{}, {rows} rows of {taps}, step {at}", isa.name());
                let mask = (keep < 1.0).then_some(&mask[..]);
                bank.step(&mut state, sample);
                filters.check(mask, &sound[..=at], &state, &what);
            }
        }
    }
}

#[test]
fn the_bits_of_a_stream_do_not_depend_on_what_was_before_it() {
    let mut random = Random::new(24);
    let filters = Filters::random(40, 1000, &mut random);
    for isa in Isa::all() {
        let bank = filters.bank(isa);
        let sound = sound(2000, &mut random);
        let play = |state: &mut SlidingState| {
            bank.prime(state, |slots| slots.copy_from_slice(&sound[..999]));
            let mut bits = Vec::new();
            for &sample in &sound[999..] {
                bank.step(state, sample);
                bits.extend(state.sums().iter().map(|x| x.to_bits()));
            }
            bits
        };
        let mut state = bank.make_state();
        let first = play(&mut state);
        assert_eq!(first, play(&mut state), "{}", isa.name());
        assert_eq!(first, play(&mut state.clone()), "{}: a copy", isa.name());
    }
}
