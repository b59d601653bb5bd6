//! Staying in the key of what was heard.
//!
//! A network loses its listener's key as it goes on: what it hears of itself outweighs what it was told. The pitch classes that were
//! heard, by how long each was held, are remembered beside it, and the odds of each key moved by how much more, or less, often its pitch
//! class was heard than others: a prediction adapted to its marginal distribution, as R. Kneser, J. Peters and D. Klakow adapt models
//! of language (*Language model adaptation using dynamic marginals*, Eurospeech 1997).

use super::draw::{log_odds, sigmoid};
use crate::model::{KEYS, LOWEST_KEY};

/// Quarter notes with a key after which what was heard before counts half.
const HALF_LIFE: f32 = 16.0;
/// Quarter notes that each pitch class is held before anything is heard: of little, little follows.
const PRIOR: f32 = 0.5;
/// Steps of Newton's method towards as many keys as before.
const LEVELLINGS: usize = 4;
/// Pitch classes.
const CLASSES: usize = 12;

/// How long each pitch class was held of late.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tonality {
    /// In columns, from C; what is long ago counts less.
    held: [f32; CLASSES],
    /// What is left of that after a column.
    kept: f32,
    /// What is added to each.
    prior: f32,
}

impl Tonality {
    /// Of nothing that was heard, in columns of this many to a quarter note, 1 or more.
    pub fn new(steps_per_quarter: usize) -> Self {
        let steps = steps_per_quarter.max(1) as f32;
        Self { held: [0.0; CLASSES], kept: libm::exp2f(-1.0 / (HALF_LIFE * steps)), prior: PRIOR * steps }
    }

    /// Forgets what was heard.
    ///
    /// # Realtime safety
    /// Does not allocate.
    pub fn reset(&mut self) {
        self.held = [0.0; CLASSES];
    }

    /// Hears the keys of a column, as bits from the lowest of the 88. A rest changes nothing.
    ///
    /// # Realtime safety
    /// Does not allocate.
    pub fn hear(&mut self, keys: u128) {
        if keys == 0 {
            return;
        }
        self.held.iter_mut().for_each(|held| *held *= self.kept);
        for key in (0..KEYS).filter(|key| keys >> key & 1 == 1) {
            self.held[class(key)] += 1.0;
        }
    }

    /// Moves the probabilities of keys, and of strokes behind them, towards the pitch classes that were heard: not at all at a
    /// `strength` of 0, at 1 their log-odds by all of the logarithm of how much longer than on average each was held. Of the pitch
    /// `classes`, C in the lowest bit, as many keys are to be expected as before, to a few hundredths; keys of others, what is
    /// certain, and what is no probability, are left, and all are with a strength that is no number.
    ///
    /// # Realtime safety
    /// Does not allocate.
    pub fn pull(&self, strength: f32, classes: u16, probabilities: &mut [f32]) {
        if strength == 0.0 {
            return;
        }
        let all: f32 = self.held.iter().sum::<f32>() + CLASSES as f32 * self.prior;
        let shifts = self.held.map(|held| strength * libm::logf((held + self.prior) * CLASSES as f32 / all));
        for plane in probabilities.chunks_mut(KEYS) {
            // Not a number where a key is left.
            let mut odds = [f32::NAN; KEYS];
            let mut expected = 0.0;
            for (key, (odd, probability)) in odds.iter_mut().zip(&*plane).enumerate() {
                let pulled = log_odds(*probability) + shifts[class(key)];
                if pulled.is_finite() && classes >> class(key) & 1 == 1 {
                    *odd = pulled;
                    expected += probability;
                }
            }
            let mut level = 0.0f32;
            for _ in 0..LEVELLINGS {
                let (mut sum, mut slope) = (0.0, 0.0);
                for odd in odds.iter().filter(|odd| !odd.is_nan()) {
                    let probability = sigmoid(odd + level);
                    sum += probability;
                    slope += probability * (1.0 - probability);
                }
                level += ((expected - sum) / slope.max(f32::MIN_POSITIVE)).clamp(-1.0, 1.0);
            }
            for (probability, odd) in plane.iter_mut().zip(odds).filter(|(_, odd)| !odd.is_nan()) {
                *probability = sigmoid(odd + level);
            }
        }
    }
}

/// All pitch classes.
pub(super) const ALL_CLASSES: u16 = 0xfff;

fn class(key: usize) -> usize {
    (key + usize::from(LOWEST_KEY)) % CLASSES
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C, D, E, F, G, A and B, from middle C on.
    const C_MAJOR: u128 = 0b1010_1011_0101 << MIDDLE_C;
    const MIDDLE_C: usize = 39;

    fn heard(columns: &[(u128, usize)]) -> Tonality {
        let mut tonality = Tonality::new(4);
        columns.iter().for_each(|&(keys, count)| (0..count).for_each(|_| tonality.hear(keys)));
        tonality
    }

    fn pulled(tonality: &Tonality, strength: f32, probability: f32) -> [f32; KEYS] {
        let mut probabilities = [probability; KEYS];
        tonality.pull(strength, ALL_CLASSES, &mut probabilities);
        probabilities
    }

    #[test]
    fn keys_are_likelier_the_longer_their_pitch_class_was_held_in_any_octave() {
        let tonality = heard(&[(C_MAJOR, 30), (1 << MIDDLE_C, 30)]);
        let odds = pulled(&tonality, 0.5, 0.1).map(log_odds);
        for key in 12..KEYS {
            assert!((odds[key] - odds[key - 12]).abs() < 1e-5, "key {key}");
        }
        let [c, c_sharp, d] = [0, 1, 2].map(|above| odds[MIDDLE_C + above]);
        assert!(c > d && d > c_sharp, "{c} {d} {c_sharp}");
        // Half of the logarithm of what each was held, and two columns more.
        let kept = |columns: i32| 0.5f32.powf(columns as f32 / (4.0 * HALF_LIFE));
        let fresh = (1.0 - kept(30)) / (1.0 - kept(1));
        let held = [fresh * (1.0 + kept(30)), 0.0, fresh * kept(30)];
        for (found, expected) in [(c - c_sharp, (held[0] + 2.0) / 2.0), (d - c_sharp, (held[2] + 2.0) / 2.0)] {
            assert!((found - 0.5 * expected.ln()).abs() < 1e-3, "{found} for {}", 0.5 * expected.ln());
        }
    }

    #[test]
    fn as_many_keys_are_expected_as_before() {
        let tonality = heard(&[(1 << MIDDLE_C, 200)]);
        for strength in [0.25, 0.5, 1.0] {
            for probability in [0.001, 0.03, 0.5, 0.97] {
                let sum: f32 = pulled(&tonality, strength, probability).iter().sum();
                let expected = probability * KEYS as f32;
                assert!((sum / expected - 1.0).abs() < 0.02, "{strength}, {probability}: {sum} for {expected}");
            }
        }
        // Strokes lie behind the keys, and are of the same pitch classes.
        let mut both = [0.1; 2 * KEYS];
        tonality.pull(1.0, ALL_CLASSES, &mut both);
        assert_eq!(both[..KEYS], both[KEYS..]);
    }

    #[test]
    fn nothing_follows_from_nothing_nor_at_no_strength_and_rests_change_nothing() {
        let before = heard(&[(C_MAJOR, 40)]);
        assert_eq!(heard(&[(0, 9), (C_MAJOR, 40), (0, 500)]), before);
        assert_eq!(pulled(&before, 0.0, 0.3), [0.3; KEYS]);
        assert!(pulled(&heard(&[]), 1.0, 0.3).iter().all(|probability| (probability - 0.3).abs() < 1e-6));
        // What was long ago is outweighed by what is heard now.
        let odds = pulled(&heard(&[(1 << MIDDLE_C, 400), (2 << MIDDLE_C, 70)]), 1.0, 0.1);
        assert!(odds[MIDDLE_C + 1] > odds[MIDDLE_C]);
    }

    #[test]
    fn on_a_finer_grid_it_remembers_as_long() {
        let (coarse, mut fine) = (heard(&[(C_MAJOR, 40), (1 << MIDDLE_C, 9)]), Tonality::new(12));
        (0..120).for_each(|_| fine.hear(C_MAJOR));
        (0..27).for_each(|_| fine.hear(1 << MIDDLE_C));
        for (one, other) in pulled(&coarse, 1.0, 0.1).into_iter().zip(pulled(&fine, 1.0, 0.1)) {
            assert!((one / other - 1.0).abs() < 0.02, "{one} {other}");
        }
    }

    #[test]
    fn as_many_are_expected_of_the_pitch_classes_that_may_sound() {
        // F sharp pentatonic, of which a player in C holds nothing but in the octaves above.
        let scale = 0b0101_0100_1010;
        let tonality = heard(&[(C_MAJOR, 100), (2 << MIDDLE_C, 10)]);
        let mut probabilities = [0.05; KEYS];
        tonality.pull(1.0, scale, &mut probabilities);
        let is_in = |key: &usize| scale >> class(*key) & 1 == 1;
        let keys: Vec<usize> = (0..KEYS).filter(is_in).collect();
        let sum: f32 = keys.iter().map(|key| probabilities[*key]).sum();
        assert!((sum / (0.05 * keys.len() as f32) - 1.0).abs() < 0.02, "{sum}");
        assert!(probabilities[MIDDLE_C + 1] > probabilities[MIDDLE_C + 3]);
        assert!((0..KEYS).filter(|key| !is_in(key)).all(|key| probabilities[key] == 0.05));
    }

    #[test]
    fn what_is_certain_stays_so_and_what_is_no_probability_is_left() {
        let mut probabilities = [0.2; KEYS];
        probabilities[..4].copy_from_slice(&[0.0, 1.0, f32::NAN, 2.0]);
        heard(&[(C_MAJOR, 40)]).pull(1.0, ALL_CLASSES, &mut probabilities);
        assert_eq!([probabilities[0], probabilities[1], probabilities[3]], [0.0, 1.0, 2.0]);
        assert!(probabilities[2].is_nan());
        let mut silent = [0.0; KEYS];
        heard(&[(C_MAJOR, 40)]).pull(1.0, ALL_CLASSES, &mut silent);
        assert_eq!(silent, [0.0; KEYS]);
        assert!(probabilities[4..].iter().all(|probability| (0.0..=1.0).contains(probability) && *probability != 0.2));
    }
}
