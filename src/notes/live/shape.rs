//! From the probabilities of a network to the keys that sound: range, scale, draw, polyphony, lengths.

use super::book::keys_of;
use crate::{
    model::{KEYS, LOWEST_KEY},
    notes::{
        draw::{Draw, log_odds, plane, sigmoid},
        generator::{STALL_COLUMNS, stirring_key},
    },
};

/// Numbers of the widest column: keys and strokes.
pub(super) const MAX_COLUMN: usize = 2 * KEYS;

/// What becomes of keys outside the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outside {
    /// They are silent.
    Mute,
    /// They move by octaves into it.
    Fold,
}

/// How probabilities become keys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rules {
    pub draw: Draw,
    /// Added to the log-odds of every key.
    pub density: f32,
    /// MIDI numbers, both included.
    pub range: (u8, u8),
    pub outside: Outside,
    /// Pitch classes that may sound, C in the lowest bit.
    pub scale: u16,
    pub polyphony: usize,
    /// Steps that a key goes on though it is not drawn.
    pub join: u8,
    /// Steps.
    pub shortest: i64,
    /// Steps.
    pub longest: i64,
    pub stirs: bool,
}

impl Rules {
    /// The keys that may sound.
    pub fn allowed(&self) -> u128 {
        let in_range = |key: &u8| (self.range.0..=self.range.1).contains(key) && self.scale >> (key % 12) & 1 == 1;
        (0..KEYS as u8).filter(|index| in_range(&(index + LOWEST_KEY))).fold(0, |keys, index| keys | 1 << index)
    }

    /// Where a key outside the range goes.
    fn folded(&self, key: u8) -> Option<u8> {
        let (low, high) = (i16::from(self.range.0), i16::from(self.range.1));
        let mut key = i16::from(key);
        if key < low {
            key += (low - key + 11) / 12 * 12;
        } else if key > high {
            key -= (key - high + 11) / 12 * 12;
        }
        (low..=high).contains(&key).then_some(key as u8)
    }
}

/// What is played in a step: keys as bits, from the lowest of the 88.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Played {
    /// Keys that sound.
    pub held: u128,
    /// Those of them that begin.
    pub strokes: u128,
    /// Keys whose note ends before the step; some of them begin anew.
    pub ends: u128,
    /// A key that no network said.
    pub stirred: u128,
}

/// The notes that sound, and how long.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    held: u128,
    starts: [i64; KEYS],
    missing: [u8; KEYS],
    /// How many columns up to the last one are equal.
    equal: usize,
    /// Of the last column, as they were drawn from.
    probabilities: [f32; MAX_COLUMN],
    drawn: [f32; MAX_COLUMN],
}

impl Shape {
    pub fn new() -> Self {
        Self {
            held: 0,
            starts: [0; KEYS],
            missing: [0; KEYS],
            equal: 0,
            probabilities: [0.0; MAX_COLUMN],
            drawn: [0.0; MAX_COLUMN],
        }
    }

    /// The keys that sound.
    pub fn held(&self) -> u128 {
        self.held
    }

    /// A note has ended for another reason.
    pub fn drop_keys(&mut self, keys: u128) {
        self.held &= !keys;
    }

    /// Nothing sounds any more.
    pub fn clear(&mut self) {
        self.held = 0;
        self.equal = 0;
    }

    /// The probability of a key in the last column, once range and density have been heeded.
    pub fn probability(&self, key: usize) -> f32 {
        self.probabilities[key]
    }

    /// The song is counted anew: steps are `by` more.
    pub fn recount(&mut self, by: i64) {
        self.starts.iter_mut().for_each(|start| *start = start.saturating_add(by));
    }

    /// The column of a step, drawn from probabilities: 88, or 176 with strokes.
    ///
    /// # Realtime safety
    /// Does not allocate.
    pub fn column(&mut self, step: i64, probabilities: &[f32], rules: &Rules) -> Played {
        let width = probabilities.len().min(MAX_COLUMN);
        self.gather(&probabilities[..width], rules);
        rules.draw.column(step as u64, &self.probabilities[..width], &mut self.drawn[..width]);
        let drawn = plane(&self.drawn[..KEYS]);
        let again = if width > KEYS { plane(&self.drawn[KEYS..width]) & drawn } else { 0 };

        let before = self.held;
        let mut kept = 0u128;
        let mut over = 0u128;
        for key in keys_of(before) {
            let (place, bit) = (usize::from(key), 1u128 << key);
            let length = step - self.starts[place];
            self.missing[place] = if drawn & bit != 0 { 0 } else { self.missing[place].saturating_add(1) };
            if length >= rules.longest {
                over |= bit;
            } else if self.missing[place] == 0 || length < rules.shortest || self.missing[place] <= rules.join {
                kept |= bit;
            }
        }
        // A note that has lasted as long as any may does not begin again at once.
        let mut held = self.most_likely(kept, drawn & !kept & !over, rules.polyphony);
        self.equal = if held == before { self.equal + 1 } else { 1 };
        let mut stirred = 0;
        if rules.stirs && self.equal >= STALL_COLUMNS && (held.count_ones() as usize) < rules.polyphony {
            let is_free = |key: usize| (held | !rules.allowed()) >> key & 1 == 0;
            if let Some(key) = stirring_key(&rules.draw, step as u64, is_free) {
                stirred = 1 << key;
                held |= stirred;
                self.equal = 1;
            }
        }
        let strokes = (held & !before) | (held & again & before);
        for key in keys_of(strokes) {
            self.starts[usize::from(key)] = step;
            self.missing[usize::from(key)] = 0;
        }
        self.held = held;
        Played { held, strokes, ends: (before & !held) | (before & strokes), stirred }
    }

    /// The probabilities of the keys that may sound.
    fn gather(&mut self, probabilities: &[f32], rules: &Rules) {
        let allowed = rules.allowed();
        self.probabilities.fill(0.0);
        for (plane, said) in self.probabilities.chunks_mut(KEYS).zip(probabilities.chunks(KEYS)) {
            for (index, &probability) in said.iter().enumerate() {
                let key = match rules.outside {
                    Outside::Mute => Some(index as u8 + LOWEST_KEY),
                    Outside::Fold => rules.folded(index as u8 + LOWEST_KEY),
                };
                let place = key.map(|key| usize::from(key - LOWEST_KEY)).filter(|place| allowed >> place & 1 == 1);
                if let Some(place) = place {
                    plane[place] = plane[place].max(shifted(probability, rules.density));
                }
            }
        }
    }

    /// `kept` first, then `new`, those before these by probability, then from low to high: at most so many.
    fn most_likely(&self, mut kept: u128, mut new: u128, count: usize) -> u128 {
        let mut chosen = 0;
        for _ in 0..count {
            let from = if kept != 0 { &mut kept } else { &mut new };
            let mut best: Option<u8> = None;
            for key in keys_of(*from) {
                let likelier = |best: u8| self.probabilities[usize::from(key)] > self.probabilities[usize::from(best)];
                if best.is_none_or(likelier) {
                    best = Some(key);
                }
            }
            let Some(key) = best else { break };
            *from &= !(1 << key);
            chosen |= 1 << key;
        }
        chosen
    }
}

/// A probability whose log-odds are larger by `density`.
fn shifted(probability: f32, density: f32) -> f32 {
    if density == 0.0 || !(0.0..=1.0).contains(&probability) {
        return probability;
    }
    sigmoid(log_odds(probability) + density)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notes::{Choice, Law};

    fn rules() -> Rules {
        Rules {
            draw: Draw { choice: Choice::Threshold(0.5), random_seed: 0 },
            density: 0.0,
            range: (21, 108),
            outside: Outside::Mute,
            scale: 0xfff,
            polyphony: 16,
            join: 0,
            shortest: 1,
            longest: 1000,
            stirs: false,
        }
    }

    fn said(keys: &[(usize, f32)]) -> [f32; KEYS] {
        let mut said = [0.0; KEYS];
        keys.iter().for_each(|&(key, probability)| said[key] = probability);
        said
    }

    fn sounding(shape: &mut Shape, step: i64, keys: &[(usize, f32)], rules: &Rules) -> Vec<u8> {
        keys_of(shape.column(step, &said(keys), rules).held).collect()
    }

    #[test]
    fn neighbouring_columns_are_one_note() {
        let mut shape = Shape::new();
        let column = |shape: &mut Shape, step, keys| shape.column(step, &said(keys), &rules());
        let first = column(&mut shape, 0, &[(3, 0.9), (5, 0.4)]);
        assert_eq!(first, Played { held: 8, strokes: 8, ends: 0, stirred: 0 });
        let second = column(&mut shape, 1, &[(3, 0.9), (5, 0.6)]);
        assert_eq!(second, Played { held: 40, strokes: 32, ends: 0, stirred: 0 });
        assert_eq!(column(&mut shape, 2, &[]), Played { held: 0, strokes: 0, ends: 40, stirred: 0 });
    }

    #[test]
    fn range_and_scale_mute_or_fold() {
        let mut shape = Shape::new();
        // A0, C4 (39), C♯4, C8 (87).
        let keys = [(0, 0.9), (39, 0.9), (40, 0.9), (87, 0.9)];
        let mute = Rules { range: (48, 71), ..rules() };
        assert_eq!(sounding(&mut shape, 0, &keys, &mute), [39, 40]);
        let fold = Rules { outside: Outside::Fold, ..mute };
        // A0 becomes A3 (57), C8 becomes C4.
        assert_eq!(sounding(&mut shape, 1, &keys, &fold), [36, 39, 40]);
        let in_c = Rules { scale: 0b1010_1011_0101, ..fold };
        assert_eq!(sounding(&mut shape, 2, &keys, &in_c), [36, 39]);
        let narrow = Rules { range: (60, 62), ..fold };
        assert_eq!(sounding(&mut shape, 3, &keys, &narrow), [39, 40], "an A fits nowhere");
        let upside_down = Rules { range: (70, 60), ..fold };
        assert!(sounding(&mut shape, 4, &keys, &upside_down).is_empty());
    }

    #[test]
    fn the_notes_that_sound_come_first_then_the_likelier_then_the_lower() {
        let two = Rules { polyphony: 2, ..rules() };
        let mut shape = Shape::new();
        assert_eq!(sounding(&mut shape, 0, &[(9, 0.7), (5, 0.7), (7, 0.7)], &two), [5, 7]);
        assert_eq!(sounding(&mut shape, 1, &[(9, 0.9), (7, 0.6), (8, 0.8)], &two), [7, 9]);
        assert_eq!(sounding(&mut shape, 2, &[(3, 0.6), (4, 0.8), (5, 0.9)], &two), [4, 5]);
    }

    #[test]
    fn lengths_are_held_to_their_bounds() {
        let mut shape = Shape::new();
        let rules = Rules { join: 1, shortest: 3, longest: 5, ..rules() };
        let steps = |shape: &mut Shape, said: &[bool]| -> Vec<bool> {
            said.iter()
                .zip(0..)
                .map(|(&said, step)| !sounding(shape, step, if said { &[(9, 1.0)] } else { &[] }, &rules).is_empty())
                .collect()
        };
        let (y, n) = (true, false);
        assert_eq!(steps(&mut shape, &[y, n, n, n, n]), [y, y, y, n, n], "the shortest");
        shape.clear();
        assert_eq!(steps(&mut shape, &[y, y, y, n, y, n, n]), [y, y, y, y, y, n, n], "joined, and the longest");
        shape.clear();
        assert_eq!(steps(&mut shape, &[y; 8]), [y, y, y, y, y, n, y, y], "what has ended begins again a step later");
    }

    #[test]
    fn strokes_begin_notes_anew() {
        let mut shape = Shape::new();
        let column = |strokes: &[(usize, f32)]| [said(&[(4, 0.9)]), said(strokes)].concat();
        assert_eq!(shape.column(0, &column(&[]), &rules()).strokes, 16, "a note has a beginning");
        assert_eq!(shape.column(1, &column(&[]), &rules()).strokes, 0);
        let again = shape.column(2, &column(&[(4, 0.8), (5, 0.8)]), &rules());
        assert_eq!(again, Played { held: 16, strokes: 16, ends: 16, stirred: 0 });
    }

    #[test]
    fn density_moves_the_odds() {
        let close = |found: f32, expected: f32| assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
        assert_eq!(shifted(0.3, 0.0), 0.3);
        close(shifted(0.5, 3f32.ln()), 0.75);
        close(shifted(0.2, -(4f32.ln())), 1.0 / 17.0);
        assert_eq!((shifted(0.0, 6.0), shifted(1.0, -6.0)), (0.0, 1.0));
        assert!(shifted(f32::NAN, 1.0).is_nan(), "and is never drawn");
    }

    #[test]
    fn tosses_depend_on_step_and_key_alone_and_their_ends_are_silence_and_everything() {
        let toss = |temperature| Rules {
            draw: Draw { choice: Choice::Toss { law: Law::Linear, temperature }, random_seed: 5 },
            polyphony: 6,
            ..rules()
        };
        let even = [0.2; KEYS];
        let (mut one, mut other) = (Shape::new(), Shape::new());
        for step in 0..20 {
            one.column(step, &[0.9; KEYS], &toss(1.0));
        }
        one.clear();
        assert_eq!(one.column(20, &even, &toss(1.0)).held, other.column(20, &even, &toss(1.0)).held);
        one.clear();
        for step in 0..50 {
            assert_eq!(one.column(step, &even, &toss(0.0)).held, 0);
            assert_eq!(other.column(step, &even, &toss(1e9)).held.count_ones(), 6);
        }
    }

    #[test]
    fn a_stall_is_stirred_by_a_key_that_may_sound() {
        let mut shape = Shape::new();
        let rules = Rules { stirs: true, range: (64, 66), ..rules() };
        let held: Vec<u128> = (0..24).map(|step| shape.column(step, &said(&[]), &rules).held).collect();
        for (step, keys) in held.iter().enumerate() {
            assert_eq!(keys.count_ones(), u32::from(step % 8 == 7), "step {step}");
            assert_eq!(keys & !rules.allowed(), 0);
        }
    }
}
