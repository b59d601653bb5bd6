//! What a roll is like, whoever played it: how dense, how long its notes, and whether it has fallen silent, stands still
//! or floods.

use super::{generator::STALL_COLUMNS, roll::Roll};
use crate::model::{KEYS, LOWEST_KEY, STEPS_PER_MEASURE};
use serde::Serialize;

/// More keys at once than two hands hold are a flood.
const FLOOD_KEYS: u32 = 10;

/// Sums over rolls, of which the figures are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texture {
    columns: u64,
    held: u64,
    empty: u64,
    stalled: u64,
    flooded: u64,
    notes: u64,
    short: u64,
    /// Columns in which a key of each pitch class is held, from C.
    classes: [u64; 12],
}

/// The figures of a [`Texture`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TextureFigures {
    /// Keys a column, on average.
    pub keys: f64,
    /// The part of the columns without a key.
    pub empty: f64,
    /// The part of the columns that equal the seven before them.
    pub stalls: f64,
    /// The part of the columns with more than ten keys.
    pub floods: f64,
    /// Notes a measure of 16 columns.
    pub notes_a_measure: f64,
    /// Steps a note lasts, on average.
    pub note_length: f64,
    /// The part of the notes that last a single step.
    pub short_notes: f64,
}

impl Texture {
    /// Of a single roll.
    pub fn of(roll: &Roll) -> Self {
        let mut texture = Self::default();
        texture.add(roll);
        texture
    }

    /// Adds a roll.
    pub fn add(&mut self, roll: &Roll) {
        let (mut before, mut equal) = (None, 0);
        for held in roll.held() {
            equal = if before.replace(held) == Some(held) { equal + 1 } else { 1 };
            self.columns += 1;
            self.held += u64::from(held.count_ones());
            self.empty += u64::from(held == 0);
            self.stalled += u64::from(equal >= STALL_COLUMNS);
            self.flooded += u64::from(held.count_ones() > FLOOD_KEYS);
            for key in (0..KEYS).filter(|key| held >> key & 1 == 1) {
                self.classes[(key + usize::from(LOWEST_KEY)) % 12] += 1;
            }
        }
        for (start, end, _) in roll.notes() {
            self.notes += 1;
            self.short += u64::from(end - start == 1);
        }
    }

    /// The figures; of nothing they are 0.
    pub fn figures(&self) -> TextureFigures {
        let part = |some: u64, all: u64| some as f64 / all.max(1) as f64;
        TextureFigures {
            keys: part(self.held, self.columns),
            empty: part(self.empty, self.columns),
            stalls: part(self.stalled, self.columns),
            floods: part(self.flooded, self.columns),
            notes_a_measure: 16.0 * part(self.notes, self.columns),
            note_length: part(self.held, self.notes),
            short_notes: part(self.short, self.notes),
        }
    }

    /// How much of the time is given to the same pitch classes: 1 where both give each class the same part, 0 where they
    /// share none, or one has no note.
    pub fn class_overlap(&self, other: &Self) -> f64 {
        let part = |texture: &Self, class: usize| texture.classes[class] as f64 / texture.held.max(1) as f64;
        (0..12).map(|class| part(self, class).min(part(other, class))).sum()
    }

    /// Columns in which a key of each pitch class is held, from C; a column counts once for every such key.
    pub fn classes(&self) -> [u64; 12] {
        self.classes
    }
}

impl TextureFigures {
    /// Whether this is music of its own: about as dense as the material, not silent, not standing still, and without a
    /// copied run of two measures (`longest_copy`, in steps).
    pub fn is_alive(&self, material: &Self, longest_copy: usize) -> bool {
        let is_dense = (0.5..=2.0).contains(&(self.keys / material.keys));
        is_dense && self.empty < 0.25 && self.stalls < 0.1 && longest_copy < 2 * STEPS_PER_MEASURE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alive_is_what_breaks_no_rule() {
        let good = Texture::of(&Roll::from_text("H HL L LO O").expect("keys")).figures();
        let material = TextureFigures { keys: 1.5, ..good };
        assert!(good.is_alive(&material, 31));
        for (what, figures, copy) in [
            ("thin", TextureFigures { keys: 0.7, ..good }, 0),
            ("dense", TextureFigures { keys: 3.1, ..good }, 0),
            ("silent", TextureFigures { empty: 0.25, ..good }, 0),
            ("still", TextureFigures { stalls: 0.1, ..good }, 0),
            ("copied", good, 32),
        ] {
            assert!(!figures.is_alive(&material, copy), "{what}");
        }
        assert!(!good.is_alive(&TextureFigures { keys: 0.0, ..good }, 0), "nothing to compare with");
    }

    #[test]
    fn figures_are_those_that_are_counted_by_hand() {
        // Two notes of C, one of ten steps; a chord of eleven keys; two empty columns; an E of a step.
        let text = format!("{} !\"#$%&'()*+  L", ["H"; 10].join(" "));
        let roll = Roll::from_text(&format!("{text} H")).expect("keys");
        assert_eq!(roll.len(), 14);
        let texture = Texture::of(&roll);
        let figures = texture.figures();
        assert_eq!(figures.keys, (10.0 + 11.0 + 0.0 + 1.0 + 1.0) / 14.0);
        assert_eq!((figures.empty, figures.stalls, figures.floods), (1.0 / 14.0, 3.0 / 14.0, 1.0 / 14.0));
        // 11 of the chord, C twice, E.
        assert_eq!((figures.notes_a_measure, figures.note_length), (16.0 * 14.0 / 14.0, 23.0 / 14.0));
        assert_eq!(figures.short_notes, 13.0 / 14.0);
    }

    #[test]
    fn pitch_classes_overlap_by_their_time_and_across_octaves() {
        let of = |text: &str| Texture::of(&Roll::from_text(text).expect("keys"));
        // H is middle C, T the C above, J the D, L the E.
        assert_eq!(of("H H T").class_overlap(&of("T")), 1.0);
        assert_eq!(of("HT H J").classes(), [3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(of("H H J J").class_overlap(&of("H L L L")), 0.25);
        assert_eq!(of("H").class_overlap(&of("J")), 0.0);
        assert_eq!(of("H").class_overlap(&of(" ")), 0.0);
    }

    #[test]
    fn of_nothing_all_figures_are_nought() {
        let figures = Texture::default().figures();
        assert_eq!((figures.keys, figures.note_length, figures.stalls), (0.0, 0.0, 0.0));
    }
}
