//! Predictors without a network: what the loss of a network has to be read against.
//!
//! All errors are means of squares over the bits of all columns, in f64 of exact counts, so that they do not depend on
//! the order of pieces.

use super::roll::{COLUMN_BYTES, bits};
use crate::model::KEYS;
use serde::Serialize;

/// What is counted of columns: enough for every baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    columns: u64,
    /// Columns in which a key is on.
    ones: [u64; KEYS],
    /// Bits that have one before them in the same piece, by (it was on, it is on).
    pairs: [[u64; 2]; 2],
}

impl Counts {
    pub fn new() -> Self {
        Self { columns: 0, ones: [0; KEYS], pairs: [[0; 2]; 2] }
    }

    /// Adds the columns of one piece.
    pub fn add(&mut self, columns: &[[u8; COLUMN_BYTES]]) {
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
        self.columns += columns.len() as u64;
    }

    /// The key that is on most often, of several the lowest, as an index.
    pub fn commonest_key(&self) -> Option<usize> {
        let most = *self.ones.iter().max()?;
        self.ones.iter().position(|&ones| ones == most && most > 0)
    }
}

/// What the predictors know.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictors {
    /// The part of the columns in which each key is on.
    pub key_means: [f64; KEYS],
    /// How often a key that is off is on a step later.
    pub strike: f64,
    /// How often a key that is on is off a step later.
    pub release: f64,
}

impl Predictors {
    /// Fitted to these columns.
    pub(super) fn of(counts: &Counts) -> Self {
        let part = |some: u64, all: u64| if all == 0 { 0.0 } else { some as f64 / all as f64 };
        let [off, on] = counts.pairs;
        Self {
            key_means: counts.ones.map(|ones| part(ones, counts.columns)),
            strike: part(off[1], off[0] + off[1]),
            release: part(on[0], on[0] + on[1]),
        }
    }
}

/// Mean squared errors over bits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Baselines {
    /// Columns that they are measured on.
    pub columns: u64,
    /// Keys a column, on average.
    pub keys: f64,
    /// Of saying that nothing is on, which is the density of ones.
    pub silence: f64,
    /// Of saying each key's mean.
    pub key_means: f64,
    /// Of saying the column before once more; for networks that hear it.
    pub hold: f64,
    /// Of saying how often a key is on that was on, or off, a step before; for networks that hear it.
    pub chain: f64,
}

impl Baselines {
    /// The errors on these columns of predictors that were fitted to these or to others; none without two columns in a
    /// row.
    pub(super) fn of(counts: &Counts, known: &Predictors) -> Option<Self> {
        let [off, on] = counts.pairs;
        let pairs = off.iter().chain(&on).sum::<u64>();
        if pairs == 0 {
            return None;
        }
        let all = (counts.columns * KEYS as u64) as f64;
        let ones = counts.ones.iter().sum::<u64>() as f64;
        let square = |x: f64| x * x;
        let of_key = |(&ones, &mean): (&u64, &f64)| {
            ones as f64 * square(1.0 - mean) + (counts.columns - ones) as f64 * square(mean)
        };
        let (strike, release) = (known.strike, known.release);
        let chain = off[0] as f64 * square(strike)
            + off[1] as f64 * square(1.0 - strike)
            + on[0] as f64 * square(1.0 - release)
            + on[1] as f64 * square(release);
        Some(Self {
            columns: counts.columns,
            keys: ones / counts.columns as f64,
            silence: ones / all,
            key_means: counts.ones.iter().zip(&known.key_means).map(of_key).sum::<f64>() / all,
            hold: (off[1] + on[0]) as f64 / pairs as f64,
            chain: chain / pairs as f64,
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
        let (fit, test) = ([piece(40), piece(1), piece(25)], [piece(33), piece(30)]);
        let count = |pieces: &[Vec<u128>]| {
            let mut counts = Counts::new();
            for piece in pieces {
                counts.add(&piece.iter().map(|&held| bitmap(held)).collect::<Vec<_>>());
            }
            counts
        };
        let known = Predictors::of(&count(&fit));
        let found = Baselines::of(&count(&test), &known).expect("columns");
        let on = |held: u128, key: usize| (held >> key & 1) as f64;
        let mean = |errors: Vec<f64>| errors.iter().sum::<f64>() / errors.len() as f64;
        let over_bits = |each: &dyn Fn(u128, usize) -> f64| {
            mean(test.iter().flatten().flat_map(|&held| (0..KEYS).map(move |key| each(held, key))).collect())
        };
        let over_pairs = |each: &dyn Fn(f64, f64) -> f64| {
            let steps = test.iter().flat_map(|piece| piece.windows(2));
            mean(steps.flat_map(|pair| (0..KEYS).map(|key| each(on(pair[0], key), on(pair[1], key)))).collect())
        };
        let columns: Vec<u128> = fit.iter().flatten().copied().collect();
        let means: Vec<f64> = (0..KEYS).map(|key| mean(columns.iter().map(|&held| on(held, key)).collect())).collect();
        let close = |name: &str, a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{name}: {a} for {b}");
        close("silence", found.silence, over_bits(&|held, key| on(held, key)));
        close("keys", found.keys, 88.0 * found.silence);
        close("key means", found.key_means, over_bits(&|held, key| (on(held, key) - means[key]).powi(2)));
        close("hold", found.hold, over_pairs(&|before, now| (before - now).powi(2)));
        let says = |before: f64| if before > 0.0 { 1.0 - known.release } else { known.strike };
        close("chain", found.chain, over_pairs(&|before, now| (says(before) - now).powi(2)));
        assert!(found.chain < found.hold && found.key_means < found.silence);
    }

    #[test]
    fn of_nothing_there_is_no_baseline() {
        let mut counts = Counts::new();
        let known = Predictors::of(&counts);
        assert_eq!((Baselines::of(&counts, &known), counts.commonest_key()), (None, None));
        counts.add(&[[0xff; COLUMN_BYTES]]);
        assert_eq!(Baselines::of(&counts, &known), None, "one column has none before it");
    }
}
