//! What of a roll stands in the pieces that a network learnt from, column for column.

use super::roll::{COLUMN_BYTES, Roll, bits};
use std::collections::HashMap;

/// A run in which fewer keys begin is nobody's: a rest, a held chord.
const LEAST_ONSETS: u32 = 4;

/// Every run of columns of one roll, to be found in others: the suffix automaton of its columns (Blumer et al. 1985).
#[derive(Clone, Debug)]
pub struct Runs {
    /// The columns that it has, by number.
    symbols: HashMap<[u8; COLUMN_BYTES], u32>,
    /// Where a column leads from a state.
    next: HashMap<(u32, u32), u32>,
    /// The state of the longest run that ends alike and stands elsewhere too.
    links: Vec<Option<u32>>,
    /// The longest run of each state.
    lengths: Vec<usize>,
}

impl Runs {
    /// Those of a roll. Takes memory in proportion to its length.
    pub fn of(roll: &Roll) -> Self {
        let mut runs = Self { symbols: HashMap::new(), next: HashMap::new(), links: vec![None], lengths: vec![0] };
        // What leads out of each state, to be copied with it.
        let mut leads: Vec<Vec<u32>> = vec![Vec::new()];
        let mut last = 0;
        for column in roll.columns() {
            let count = runs.symbols.len() as u32;
            let symbol = *runs.symbols.entry(*column).or_insert(count);
            let new = runs.state(runs.lengths[last as usize] + 1, &mut leads);
            let mut state = Some(last);
            while let Some(from) = state.filter(|from| !runs.next.contains_key(&(*from, symbol))) {
                runs.lead(from, symbol, new, &mut leads);
                state = runs.links[from as usize];
            }
            runs.links[new as usize] = Some(match state {
                None => 0,
                Some(from) => runs.split(from, symbol, &mut leads),
            });
            last = new;
        }
        runs
    }

    fn state(&mut self, length: usize, leads: &mut Vec<Vec<u32>>) -> u32 {
        self.links.push(None);
        self.lengths.push(length);
        leads.push(Vec::new());
        self.links.len() as u32 - 1
    }

    fn lead(&mut self, from: u32, symbol: u32, to: u32, leads: &mut [Vec<u32>]) {
        if self.next.insert((from, symbol), to).is_none() {
            leads[from as usize].push(symbol);
        }
    }

    /// The state of exactly the runs of `from` and a symbol more.
    fn split(&mut self, from: u32, symbol: u32, leads: &mut Vec<Vec<u32>>) -> u32 {
        let to = self.next[&(from, symbol)];
        let length = self.lengths[from as usize] + 1;
        if self.lengths[to as usize] == length {
            return to;
        }
        let copy = self.state(length, leads);
        for symbol in leads[to as usize].clone() {
            self.lead(copy, symbol, self.next[&(to, symbol)], leads);
        }
        self.links[copy as usize] = self.links[to as usize].replace(copy);
        let mut state = Some(from);
        while let Some(from) = state.filter(|from| self.next.get(&(*from, symbol)) == Some(&to)) {
            self.lead(from, symbol, copy, leads);
            state = self.links[from as usize];
        }
        copy
    }

    /// The longest run of columns that also stands in this piece and in which at least four notes begin there. Takes
    /// time in proportion to the length of the piece.
    pub fn longest_in(&self, piece: &[[u8; COLUMN_BYTES]]) -> usize {
        let (mut state, mut length, mut longest) = (0u32, 0, 0);
        // Notes that have begun up to each column.
        let mut onsets = Vec::with_capacity(piece.len() + 1);
        onsets.push(0u32);
        let (mut sum, mut before) = (0, 0);
        for (step, column) in piece.iter().enumerate() {
            let held = bits(column);
            sum += (held & !before).count_ones();
            before = held;
            onsets.push(sum);
            let Some(&symbol) = self.symbols.get(column) else {
                (state, length) = (0, 0);
                continue;
            };
            let to = loop {
                match (self.next.get(&(state, symbol)), self.links[state as usize]) {
                    (Some(&to), _) => break to,
                    (None, Some(shorter)) => {
                        state = shorter;
                        length = self.lengths[shorter as usize];
                    }
                    // Every column of the roll leads out of the beginning.
                    (None, None) => break 0,
                }
            };
            state = to;
            length += usize::from(to > 0);
            if length > longest && sum - onsets[step + 1 - length] >= LEAST_ONSETS {
                longest = length;
            }
        }
        longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dsp::random::Random, notes::roll::bitmap};

    fn naive(one: &[[u8; COLUMN_BYTES]], other: &[[u8; COLUMN_BYTES]]) -> usize {
        let mut longest = 0;
        for (a, b) in (0..one.len()).flat_map(|a| (0..other.len()).map(move |b| (a, b))) {
            let length = one[a..].iter().zip(&other[b..]).take_while(|(x, y)| x == y).count();
            let begin = |step: usize| {
                let before = if step == 0 { 0 } else { bits(&other[step - 1]) };
                (bits(&other[step]) & !before).count_ones()
            };
            if (b..b + length).map(begin).sum::<u32>() >= LEAST_ONSETS {
                longest = longest.max(length);
            }
        }
        longest
    }

    #[test]
    fn the_longest_common_run_is_that_of_a_search_of_all() {
        let mut random = Random::new(5);
        let mut found = Vec::new();
        for columns in [2, 3, 4, 9] {
            for _ in 0..60 {
                let mut piece = |length: u32| -> Vec<[u8; COLUMN_BYTES]> {
                    (0..1 + random.below(length)).map(|_| bitmap(1 << random.below(columns))).collect()
                };
                let (roll, other) = (piece(60), piece(90));
                let longest = Runs::of(&Roll::new(roll.clone(), None)).longest_in(&other);
                assert_eq!(longest, naive(&roll, &other), "{roll:?} in {other:?}");
                found.push(longest);
            }
        }
        assert!(found.contains(&0) && found.iter().any(|&longest| longest > 8));
    }

    #[test]
    fn rests_and_held_chords_are_nobodys() {
        let roll = |text: &str| Roll::from_text(text).expect("keys");
        let held = roll(&["HLO"; 40].join(" "));
        assert_eq!(Runs::of(&held).longest_in(held.columns()), 0);
        let tune = roll("H J L M O");
        assert_eq!(Runs::of(&tune).longest_in(tune.columns()), 5);
        assert_eq!(Runs::of(&tune).longest_in(roll("H J K M O").columns()), 0);
        assert_eq!(Runs::of(&Roll::default()).longest_in(tune.columns()), 0);
    }
}
