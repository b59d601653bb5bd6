//! Predictors without a network: what the loss of a network has to be read against.
//!
//! All errors are means of squares over the bits of all columns, in f64 of exact counts, so that they do not depend on
//! the order of pieces.

use super::roll::{COLUMN_BYTES, bits};
use crate::model::KEYS;
use serde::Serialize;

/// What is counted of one plane of columns: keys that are held, or that are struck.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Plane {
    /// Columns in which a key is on.
    ones: [u64; KEYS],
    /// Bits that have one before them in the same piece, by (it was on, it is on).
    pairs: [[u64; 2]; 2],
}

impl Plane {
    fn new() -> Self {
        Self { ones: [0; KEYS], pairs: [[0; 2]; 2] }
    }

    fn add(&mut self, columns: &[[u8; COLUMN_BYTES]]) {
        let mut before = None;
        for held in columns.iter().map(bits) {
            let mut left = held;
            while left != 0 {
                self.ones[left.trailing_zeros() as usize] += 1;
                left &= left - 1;
            }
            if let Some(before) = before.replace(held) {
                let count = |bits: u128| u64::from(bits.count_ones());
                let (on, off) = (before, !before);
                self.pairs[0][1] += count(off & held);
                self.pairs[1][0] += count(on & !held);
                self.pairs[1][1] += count(on & held);
                self.pairs[0][0] += KEYS as u64 - count(on | held);
            }
        }
    }

    fn on(&self) -> u64 {
        self.ones.iter().sum()
    }
}

/// What is counted of columns: enough for every baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    columns: u64,
    held: Plane,
    /// Where rolls keep strokes: their plane is predicted, too.
    strokes: Option<Plane>,
}

impl Counts {
    pub fn new(with_strokes: bool) -> Self {
        Self { columns: 0, held: Plane::new(), strokes: with_strokes.then(Plane::new) }
    }

    /// Adds the planes of one piece.
    pub fn add(&mut self, columns: &[[u8; COLUMN_BYTES]], strokes: &[[u8; COLUMN_BYTES]]) {
        self.columns += columns.len() as u64;
        self.held.add(columns);
        if let Some(plane) = &mut self.strokes {
            plane.add(strokes);
        }
    }

    fn planes(&self) -> impl Iterator<Item = &Plane> {
        [&self.held].into_iter().chain(&self.strokes)
    }

    /// The key that is on most often, of several the lowest, as an index.
    pub fn commonest_key(&self) -> Option<usize> {
        let ones = &self.held.ones;
        let most = *ones.iter().max()?;
        ones.iter().position(|&ones| ones == most && most > 0)
    }
}

/// What the predictors know of one plane.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Predictor {
    /// The part of the columns in which each key is on.
    key_means: [f64; KEYS],
    /// How often a key that is off is on a step later.
    strike: f64,
    /// How often a key that is on is off a step later.
    release: f64,
}

impl Predictor {
    /// Fitted to each plane of these columns; none without two columns in a row.
    pub fn of(counts: &Counts) -> Option<Vec<Self>> {
        let part = |some: u64, all: u64| if all == 0 { 0.0 } else { some as f64 / all as f64 };
        let fit = |plane: &Plane| {
            let [off, on] = plane.pairs;
            Self {
                key_means: plane.ones.map(|ones| part(ones, counts.columns)),
                strike: part(off[1], off[0] + off[1]),
                release: part(on[0], on[0] + on[1]),
            }
        };
        (counts.held.pairs.as_flattened().iter().sum::<u64>() > 0).then(|| counts.planes().map(fit).collect())
    }

    /// The sum of squares of saying each key's mean.
    fn key_mean_error(&self, plane: &Plane, columns: u64) -> f64 {
        let of_key =
            |(&ones, &mean): (&u64, &f64)| ones as f64 * square(1.0 - mean) + (columns - ones) as f64 * square(mean);
        plane.ones.iter().zip(&self.key_means).map(of_key).sum()
    }

    /// The sum of squares of saying how often a bit follows the one before.
    fn chain_error(&self, plane: &Plane) -> f64 {
        let [off, on] = plane.pairs;
        off[0] as f64 * square(self.strike)
            + off[1] as f64 * square(1.0 - self.strike)
            + on[0] as f64 * square(1.0 - self.release)
            + on[1] as f64 * square(self.release)
    }
}

fn square(x: f64) -> f64 {
    x * x
}

/// Mean squared errors over bits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Baselines {
    /// Columns that they are measured on.
    pub columns: u64,
    /// Keys held a column, on average.
    pub keys: f64,
    /// Of saying that nothing is on, which is the density of ones.
    pub silence: f64,
    /// Of saying each key's mean; none where there is nothing to fit it to.
    pub key_means: Option<f64>,
    /// Of saying the column before once more; for networks that hear it.
    pub hold: f64,
    /// Of saying how often a key is on that was on, or off, a step before; for networks that hear it. None where there
    /// is nothing to fit it to.
    pub chain: Option<f64>,
}

impl Baselines {
    /// The errors on these columns of predictors that were fitted to these or to others, with the same planes; none
    /// without two columns in a row.
    pub(super) fn of(counts: &Counts, known: Option<&[Predictor]>) -> Option<Self> {
        let pairs = counts.planes().map(|plane| plane.pairs.as_flattened().iter().sum::<u64>()).sum::<u64>();
        if pairs == 0 {
            return None;
        }
        let pairs = pairs as f64;
        let all = (counts.columns * (KEYS * counts.planes().count()) as u64) as f64;
        let changes: u64 = counts.planes().map(|plane| plane.pairs[0][1] + plane.pairs[1][0]).sum();
        let sum = |known: &[Predictor], error: &dyn Fn(&Predictor, &Plane) -> f64| -> f64 {
            known.iter().zip(counts.planes()).map(|(known, plane)| error(known, plane)).sum()
        };
        let key_means = |known| sum(known, &|known, plane| known.key_mean_error(plane, counts.columns)) / all;
        Some(Self {
            columns: counts.columns,
            keys: counts.held.on() as f64 / counts.columns as f64,
            silence: counts.planes().map(Plane::on).sum::<u64>() as f64 / all,
            key_means: known.map(key_means),
            hold: changes as f64 / pairs,
            chain: known.map(|known| sum(known, &Predictor::chain_error) / pairs),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dsp::random::Random, notes::roll::bitmap};

    /// Every predictor spelt out, bit by bit.
    #[test]
    fn counts_give_what_a_walk_over_all_bits_gives() {
        let mut random = Random::new(3);
        let mut piece = |length: usize| -> Vec<u128> {
            let mut held = 0u128;
            (0..length)
                .map(|_| {
                    for key in 0..KEYS {
                        if random.below(9) == 0 {
                            held ^= 1 << key;
                        }
                    }
                    held
                })
                .collect()
        };
        // A piece: its columns, and a plane of strokes, whatever they are.
        let mut planes = |length: usize| [piece(length), piece(length)];
        let (fit, test) = ([planes(40), planes(1), planes(25)], [planes(33), planes(30)]);
        let bytes = |plane: &[u128]| plane.iter().map(|&held| bitmap(held)).collect::<Vec<_>>();
        for count_of_planes in [1, 2] {
            let count = |pieces: &[[Vec<u128>; 2]]| {
                let mut counts = Counts::new(count_of_planes == 2);
                pieces.iter().for_each(|[held, struck]| counts.add(&bytes(held), &bytes(struck)));
                counts
            };
            let known = Predictor::of(&count(&fit)).expect("columns");
            let found = Baselines::of(&count(&test), Some(&known)).expect("columns");
            let on = |held: u128, key: usize| (held >> key & 1) as f64;
            let mean = |errors: Vec<f64>| errors.iter().sum::<f64>() / errors.len() as f64;
            // Every bit, with its plane; and those with one before them.
            let over_bits = |each: &dyn Fn(usize, u128, usize) -> f64| {
                let mut errors = Vec::new();
                for plane in 0..count_of_planes {
                    for &held in test.iter().flat_map(|piece| &piece[plane]) {
                        errors.extend((0..KEYS).map(|key| each(plane, held, key)));
                    }
                }
                mean(errors)
            };
            let over_pairs = |each: &dyn Fn(usize, f64, f64) -> f64| {
                let mut errors = Vec::new();
                for plane in 0..count_of_planes {
                    for pair in test.iter().flat_map(|piece| piece[plane].windows(2)) {
                        errors.extend((0..KEYS).map(|key| each(plane, on(pair[0], key), on(pair[1], key))));
                    }
                }
                mean(errors)
            };
            let mean_of = |plane: usize, key: usize| {
                mean(fit.iter().flat_map(|piece| &piece[plane]).map(|&held| on(held, key)).collect())
            };
            let means: Vec<Vec<f64>> = (0..2).map(|plane| (0..KEYS).map(|key| mean_of(plane, key)).collect()).collect();
            let close = |name: &str, a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{name}: {a} for {b}");
            close("silence", found.silence, over_bits(&|_, held, key| on(held, key)));
            let held = test.iter().flat_map(|piece| &piece[0]).map(|held| f64::from(held.count_ones()));
            close("keys", found.keys, mean(held.collect()));
            let key_means = found.key_means.expect("fitted");
            close("key means", key_means, over_bits(&|plane, held, key| (on(held, key) - means[plane][key]).powi(2)));
            close("hold", found.hold, over_pairs(&|_, before, now| (before - now).powi(2)));
            let says = |plane: usize, before: f64| match before > 0.0 {
                true => 1.0 - known[plane].release,
                false => known[plane].strike,
            };
            let chain = found.chain.expect("fitted");
            close("chain", chain, over_pairs(&|plane, before, now| (says(plane, before) - now).powi(2)));
            assert!(chain < found.hold && key_means < found.silence);
            let unfitted = Baselines { key_means: None, chain: None, ..found };
            assert_eq!(Baselines::of(&count(&test), None), Some(unfitted), "nothing to fit to");
        }
    }

    #[test]
    fn of_nothing_there_is_no_baseline() {
        let mut counts = Counts::new(false);
        assert_eq!((Baselines::of(&counts, None), counts.commonest_key()), (None, None));
        counts.add(&[[0xff; COLUMN_BYTES]], &[]);
        assert_eq!(Baselines::of(&counts, None), None, "one column has none before it");
        assert_eq!(Predictor::of(&counts), None);
    }
}
