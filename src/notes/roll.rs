//! The piano roll: for each step of the grid the keys that are held, 88 bits.

use crate::model::KEYS;

/// Bytes of a column as a bitmap: key k is bit k mod 8 of byte k div 8.
pub const COLUMN_BYTES: usize = KEYS.div_ceil(8);
/// No roll of one piece is longer: three hours at 48 steps a quarter and 120 bpm.
pub const MAX_STEPS: usize = 1 << 20;

/// The character of the lowest key in [`Roll::to_text`].
const FIRST_LETTER: u8 = b'!';

/// Columns of keys, one a step. A key is on in a column while it is held, not only where it is struck, so that a key
/// that is struck again without a gap goes on as one note, unless the roll has a second plane of strokes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roll {
    columns: Vec<[u8; COLUMN_BYTES]>,
    strokes: Option<Vec<[u8; COLUMN_BYTES]>>,
}

/// A column as bits: key k is bit k.
pub(super) fn bits(column: &[u8; COLUMN_BYTES]) -> u128 {
    let mut bytes = [0; 16];
    bytes[..COLUMN_BYTES].copy_from_slice(column);
    u128::from_le_bytes(bytes)
}

/// The bitmap of the lowest [`KEYS`] bits.
pub(super) fn bitmap(bits: u128) -> [u8; COLUMN_BYTES] {
    let mut column = [0; COLUMN_BYTES];
    column.copy_from_slice(&bits.to_le_bytes()[..COLUMN_BYTES]);
    column
}

/// A column moved by semitones, without the keys that leave it.
fn shift(column: u128, semitones: i8) -> u128 {
    let distance = u32::from(semitones.unsigned_abs());
    let moved = if semitones < 0 { column.checked_shr(distance) } else { column.checked_shl(distance) };
    moved.unwrap_or(0) & ((1 << KEYS) - 1)
}

/// How many keys are on in all columns together.
fn held_bits(columns: &[[u8; COLUMN_BYTES]]) -> u64 {
    columns.iter().map(|column| u64::from(bits(column).count_ones())).sum()
}

impl Roll {
    /// A roll of these columns. `strokes`, if there is such a plane, is as long; a stroke without its key is dropped,
    /// and a note that begins without a stroke gets one.
    ///
    /// # Panics
    /// If the planes differ in length.
    pub fn new(columns: Vec<[u8; COLUMN_BYTES]>, strokes: Option<Vec<[u8; COLUMN_BYTES]>>) -> Self {
        let strokes = strokes.map(|mut strokes| {
            assert_eq!(strokes.len(), columns.len(), "planes of one roll");
            let mut before = 0;
            for (stroke, column) in strokes.iter_mut().zip(&columns) {
                let held = bits(column);
                *stroke = bitmap((bits(stroke) & held) | (held & !before));
                before = held;
            }
            strokes
        });
        Self { columns, strokes }
    }

    /// A roll of columns of numbers, one after the other: a key is on where its number is above 0. Each has 88, or 176
    /// with strokes.
    ///
    /// # Panics
    /// If `width` is neither, or does not divide the numbers.
    pub fn from_numbers(numbers: &[f32], width: usize) -> Self {
        assert!((width == KEYS || width == 2 * KEYS) && numbers.len().is_multiple_of(width), "whole columns");
        let plane = |first: usize| -> Vec<[u8; COLUMN_BYTES]> {
            let columns = numbers.chunks_exact(width).map(|column| &column[first..first + KEYS]);
            columns.map(|keys| bitmap(keys.iter().rev().fold(0, |bits, &x| bits << 1 | u128::from(x > 0.0)))).collect()
        };
        Self::new(plane(0), (width > KEYS).then(|| plane(KEYS)))
    }

    /// Fills `numbers`, 88 or with strokes 176, with 1 for each key that is on at a step, else 0. Without a plane of
    /// strokes there are none.
    ///
    /// # Panics
    /// If there is no such step.
    pub fn write_numbers(&self, step: usize, numbers: &mut [f32]) {
        let struck = self.strokes.as_ref().map_or(0, |strokes| bits(&strokes[step]));
        for (keys, held) in numbers.chunks_mut(KEYS).zip([bits(&self.columns[step]), struck]) {
            keys.iter_mut().enumerate().for_each(|(key, slot)| *slot = f32::from(held >> key & 1 == 1));
        }
    }

    /// Steps.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// True of a roll without columns.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The bitmap of every column, by step.
    pub fn columns(&self) -> &[[u8; COLUMN_BYTES]] {
        &self.columns
    }

    /// The keys that are held, by step: key k is bit k.
    pub fn held(&self) -> impl Iterator<Item = u128> + '_ {
        self.columns.iter().map(bits)
    }

    /// The keys that are struck, by step, where the roll keeps them: a second plane of bitmaps.
    pub fn strokes(&self) -> Option<&[[u8; COLUMN_BYTES]]> {
        self.strokes.as_deref()
    }

    /// How many notes it has, without gathering them: a roll with strokes may have one in every bit.
    pub fn note_count(&self) -> u64 {
        if let Some(strokes) = &self.strokes {
            return held_bits(strokes);
        }
        let held = self.columns.iter().map(bits);
        let starts = held.scan(0, |before, held| Some(held & !std::mem::replace(before, held)));
        starts.map(|starts| u64::from(starts.count_ones())).sum()
    }

    /// A roll of columns of keys, bit 0 the lowest: those that are held, and of them those that are struck.
    pub fn of_sets(columns: impl IntoIterator<Item = [u128; 2]>) -> Self {
        let (held, struck) = columns.into_iter().map(|[held, struck]| (bitmap(held), bitmap(struck))).unzip();
        Self::new(held, Some(struck))
    }

    /// The columns as [`Self::of_sets`] takes them. Without a plane of strokes a key is struck where a note of it begins.
    pub fn sets(&self) -> Vec<[u128; 2]> {
        let mut before = 0;
        let columns = self.held().enumerate().map(|(step, held)| {
            let begins = held & !std::mem::replace(&mut before, held);
            [held, self.strokes.as_ref().map_or(begins, |strokes| bits(&strokes[step]))]
        });
        columns.collect()
    }

    /// The notes as (first step, step after the last, key index), by first step, then key.
    pub fn notes(&self) -> Vec<(usize, usize, u8)> {
        let mut notes = Vec::new();
        let mut starts = [None; KEYS];
        let mut before = 0;
        for step in 0..=self.len() {
            let held = self.columns.get(step).map_or(0, bits);
            let struck = self.strokes.as_ref().and_then(|strokes| strokes.get(step)).map_or(0, bits);
            let changed = (held ^ before) | struck;
            for (key, start) in starts.iter_mut().enumerate().filter(|(key, _)| changed >> key & 1 == 1) {
                if let Some(start) = start.take() {
                    notes.push((start, step, key as u8));
                }
                *start = (held >> key & 1 == 1).then_some(step);
            }
            before = held;
        }
        notes.sort_unstable_by_key(|&(start, _, key)| (start, key));
        notes
    }

    /// Some steps of it. A note that is cut begins, and is struck, with the part.
    ///
    /// # Panics
    /// If there are no such steps.
    pub fn part(&self, steps: std::ops::Range<usize>) -> Self {
        let strokes = self.strokes.as_ref().map(|strokes| strokes[steps.clone()].to_vec());
        Self::new(self.columns[steps].to_vec(), strokes)
    }

    /// The roll moved by semitones. Keys that leave the 88 are dropped; the second number counts the bits that were.
    pub fn transposed(&self, semitones: i8) -> (Self, u64) {
        let moved =
            |plane: &[[u8; COLUMN_BYTES]]| plane.iter().map(|column| bitmap(shift(bits(column), semitones))).collect();
        let columns: Vec<[u8; COLUMN_BYTES]> = moved(&self.columns);
        let dropped = held_bits(&self.columns) - held_bits(&columns);
        (Self { columns, strokes: self.strokes.as_deref().map(moved) }, dropped)
    }

    /// The published notation: a character for every key that is held, `!` for A0 to `x` for C8 (middle C is `H`), and
    /// a space between columns, so that two spaces enclose an empty one.
    pub fn to_text(&self) -> String {
        let letters = |column: &[u8; COLUMN_BYTES]| -> String {
            let held = bits(column);
            (0..KEYS as u8).filter(|key| held >> key & 1 == 1).map(|key| char::from(FIRST_LETTER + key)).collect()
        };
        self.columns.iter().map(letters).collect::<Vec<_>>().join(" ")
    }

    /// Reads the notation of [`Self::to_text`]; none where a character is no key.
    pub fn from_text(text: &str) -> Option<Self> {
        let column = |letters: &str| {
            let mut held = 0;
            for letter in letters.bytes() {
                held |= 1u128 << letter.checked_sub(FIRST_LETTER).filter(|key| usize::from(*key) < KEYS)?;
            }
            Some(bitmap(held))
        };
        Some(Self::new(text.split(' ').map(column).collect::<Option<_>>()?, None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::LOWEST_KEY;

    #[test]
    fn sets_are_the_columns_and_what_is_struck_in_them() {
        let sets = [[5, 5], [5, 4], [1, 0], [0, 0]];
        let roll = Roll::of_sets(sets);
        assert_eq!(roll.sets(), sets);
        assert_eq!(roll.notes(), [(0, 3, 0), (0, 1, 2), (1, 2, 2)]);
        let merged = Roll::new(roll.columns().to_vec(), None);
        assert_eq!(merged.sets(), [[5, 5], [5, 0], [1, 0], [0, 0]]);
    }

    #[test]
    fn numbers_and_parts_are_those_of_the_columns() {
        let roll = Roll::from_text("! HJL  x").expect("keys");
        let mut numbers = vec![9.0; 4 * KEYS];
        for (step, column) in numbers.chunks_exact_mut(KEYS).enumerate() {
            roll.write_numbers(step, column);
        }
        assert_eq!((numbers.iter().sum::<f32>(), numbers[0], numbers[KEYS + 39]), (5.0, 1.0, 1.0));
        assert_eq!(Roll::from_numbers(&numbers, KEYS), roll);
        assert_eq!(roll.part(1..3).to_text(), "HJL ");
        let strokes = Roll::from_text("! HJ  x").map(|roll| roll.columns().to_vec());
        let struck = Roll::new(roll.columns().to_vec(), strokes);
        let mut numbers = vec![9.0; 4 * 2 * KEYS];
        for (step, column) in numbers.chunks_exact_mut(2 * KEYS).enumerate() {
            struck.write_numbers(step, column);
        }
        assert_eq!(Roll::from_numbers(&numbers, 2 * KEYS), struck);
        assert_eq!(struck.part(1..4).strokes().map(<[_]>::len), Some(3));
    }

    #[test]
    fn the_published_notation_is_written_and_read() {
        // A middle C of four beats; a chord; an empty column between two.
        for text in ["H H H H", "HJL", "H  H"] {
            let roll = Roll::from_text(text).expect("keys");
            assert_eq!(roll.to_text(), text);
        }
        let middle_c = Roll::from_text("H").expect("a key");
        assert_eq!(middle_c.notes(), [(0, 1, 60 - LOWEST_KEY)], "the 40th key");
        let all: String = (b'!'..=b'x').map(char::from).collect();
        let roll = Roll::from_text(&all).expect("keys");
        assert_eq!((roll.notes().len(), roll.columns()), (KEYS, &[[0xff; COLUMN_BYTES]][..]));
        assert_eq!(roll.to_text(), all);
        for wrong in ["y", "\t", "H\nH", "é"] {
            assert_eq!(Roll::from_text(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_key_that_is_moved_off_the_keyboard_is_dropped_and_counted() {
        let roll = Roll::from_text("!H H x").expect("keys");
        let (up, dropped) = roll.transposed(1);
        assert_eq!((up.to_text().as_str(), dropped), ("\"I I ", 1));
        let (down, dropped) = roll.transposed(-2);
        assert_eq!((down.to_text().as_str(), dropped), ("F F v", 1));
        assert_eq!(roll.transposed(0), (roll.clone(), 0));
        for far in [i8::MIN, i8::MAX] {
            assert_eq!(roll.transposed(far), (Roll::from_text("  ").expect("rests"), 4));
        }
    }

    #[test]
    fn strokes_part_what_is_held_and_are_where_a_key_is() {
        let plane = |text: &str| Roll::from_text(text).expect("keys").columns;
        let roll = Roll::new(plane("H H H  J"), Some(plane("  H K ")));
        assert_eq!(Roll::new(plane("H H H  J"), None).notes(), [(0, 3, 39), (4, 5, 41)]);
        assert_eq!(roll.notes(), [(0, 2, 39), (2, 3, 39), (4, 5, 41)]);
        assert_eq!((Roll::new(plane("H H H  J"), None).note_count(), roll.note_count()), (2, 3));
        assert_eq!(roll.strokes().expect("a plane"), plane("H  H  J"), "where a note begins there is a stroke");
    }
}
