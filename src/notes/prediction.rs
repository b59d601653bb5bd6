//! How well a network foretells columns, or gives back segments, that it has not learnt from.

use super::{coder::Coder, roll::Roll};
use crate::{
    approach::ColumnPredictor,
    model::{KEYS, LOWEST_KEY, STEPS_PER_MEASURE},
};
use serde::Serialize;

/// A probability is not taken for nearer to 0 or 1 than this: one mistake of a sure network would outweigh all else.
const LEAST: f64 = 1e-7;
/// The lowest key of the upper half, as an index.
const MIDDLE_C: usize = 60 - LOWEST_KEY as usize;

/// What is said of columns beside what they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Tally {
    /// A key is foretold where its probability is larger.
    threshold: f32,
    columns: u64,
    bits: u64,
    squares: f64,
    right: u64,
    entropy: f64,
    bass: Region,
    treble: Region,
}

/// The figures of a [`Tally`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PredictionFigures {
    /// Columns that something was said of.
    pub columns: u64,
    /// Mean squared error over the bits of all columns, those of strokes among them.
    pub mse: f64,
    /// The part of these bits that is right when whatever is likelier than not is said to be on.
    pub accuracy: f64,
    /// Binary cross-entropy, in nats a bit.
    pub bce: f64,
    /// Of all keys.
    #[serde(flatten)]
    pub whole: RegionFigures,
    /// Of the keys below middle C.
    pub bass: RegionFigures,
    /// Of middle C and the keys above.
    pub treble: RegionFigures,
}

/// How the keys of a part of the keyboard agree.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RegionFigures {
    /// Of keys that are held.
    pub keys: Agreement,
    /// Of notes that begin.
    pub onsets: Agreement,
}

/// How what is foretold agrees with what is; 0 where there is nothing to agree.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// The part of what is foretold that is so.
    pub precision: f64,
    /// The part of what is so that is foretold.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Hits {
    foretold: u64,
    so: u64,
    both: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Region {
    keys: Hits,
    onsets: Hits,
}

impl Hits {
    fn add(&mut self, is_foretold: bool, is_so: bool) {
        self.foretold += u64::from(is_foretold);
        self.so += u64::from(is_so);
        self.both += u64::from(is_foretold && is_so);
    }

    fn with(self, other: Self) -> Self {
        Self { foretold: self.foretold + other.foretold, so: self.so + other.so, both: self.both + other.both }
    }

    fn agreement(&self) -> Agreement {
        let part = |some: f64, all: f64| if all > 0.0 { some / all } else { 0.0 };
        let (foretold, so, both) = (self.foretold as f64, self.so as f64, self.both as f64);
        Agreement { precision: part(both, foretold), recall: part(both, so), f1: part(2.0 * both, foretold + so) }
    }
}

impl Region {
    fn figures(&self) -> RegionFigures {
        RegionFigures { keys: self.keys.agreement(), onsets: self.onsets.agreement() }
    }
}

impl Tally {
    /// One of nothing yet.
    pub fn new(threshold: f32) -> Self {
        let (bass, treble) = (Region::default(), Region::default());
        Self { threshold, columns: 0, bits: 0, squares: 0.0, right: 0, entropy: 0.0, bass, treble }
    }

    /// Adds a column: what is said of it, what it is, and what stands before it in what is said and in what is. A note
    /// begins where its key was not held before, or is struck, if columns have strokes.
    ///
    /// # Panics
    /// If a column has less than 88 numbers.
    pub fn add(&mut self, said: &[f32], column: &[f32], (said_before, before): (&[f32], &[f32])) {
        self.columns += 1;
        self.bits += column.len() as u64;
        for (&said, &bit) in said.iter().zip(column) {
            let (probability, is_on) = (f64::from(said), bit > 0.0);
            self.squares += (probability - f64::from(bit)).powi(2);
            self.right += u64::from((probability > 0.5) == is_on);
            let of_truth = if is_on { probability } else { 1.0 - probability };
            self.entropy -= of_truth.max(LEAST).ln();
        }
        let begins = |column: &[f32], before: &[f32], key: usize, threshold: f32| {
            let is_struck = column.get(KEYS + key).is_some_and(|&stroke| stroke > threshold);
            column[key] > threshold && (is_struck || before[key] <= threshold)
        };
        for key in 0..KEYS {
            let region = if key < MIDDLE_C { &mut self.bass } else { &mut self.treble };
            region.keys.add(said[key] > self.threshold, column[key] > 0.0);
            region.onsets.add(begins(said, said_before, key, self.threshold), begins(column, before, key, 0.0));
        }
    }

    /// Lets a recurrent network foretell every column of a piece but the first, of which nothing tells. `heard` is given
    /// the probabilities of each.
    ///
    /// # Errors
    /// That of `heard`, which ends it.
    pub fn add_piece<E>(
        &mut self,
        network: &ColumnPredictor,
        roll: &Roll,
        mut heard: impl FnMut(&[f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        let width = network.column();
        let mut state = network.make_state();
        let mut input = vec![0.0; network.inputs()];
        let mut next = vec![0.0; width];
        for step in 1..roll.len() {
            roll.write_numbers(step - 1, &mut input[..width]);
            let phase = &mut input[width..];
            if !phase.is_empty() {
                phase.fill(0.0);
                phase[(step - 1) % STEPS_PER_MEASURE] = 1.0;
            }
            roll.write_numbers(step, &mut next);
            let said = network.step(&input, &mut state);
            heard(said)?;
            self.add(said, &next, (&input, &input));
        }
        Ok(())
    }

    /// The same of saying the column before once more.
    pub fn add_held(&mut self, roll: &Roll, width: usize) {
        let (mut before, mut next) = (vec![0.0; width], vec![0.0; width]);
        for step in 1..roll.len() {
            roll.write_numbers(step - 1, &mut before);
            roll.write_numbers(step, &mut next);
            self.add(&before, &next, (&before, &before));
        }
    }

    /// Lets an autoencoder give back a piece, segment by segment from its beginning; where the last one is longer than
    /// what is left, only that counts. `decoded` is given the probabilities of each segment.
    ///
    /// # Errors
    /// That of `decoded`, which ends it.
    pub fn add_segments<E>(
        &mut self,
        coder: &mut Coder,
        roll: &Roll,
        mut decoded: impl FnMut(&[f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        for from in (0..roll.len()).step_by(coder.steps()) {
            let code = coder.encode(roll, from).to_vec();
            let width = coder.column();
            let said = coder.decode(&code);
            decoded(said)?;
            self.add_columns(said, width, roll, from);
        }
        Ok(())
    }

    /// Adds what is said of the columns of a roll from a step on, up to its end: columns of `width` numbers, one after
    /// the other. Before the first of them nothing is held.
    pub fn add_columns(&mut self, said: &[f32], width: usize, roll: &Roll, from: usize) {
        let silence = vec![0.0; width];
        let (mut before, mut now) = (silence.clone(), silence.clone());
        let mut said_before = &silence[..];
        for (said, step) in said.chunks_exact(width).zip(from..roll.len()) {
            roll.write_numbers(step, &mut now);
            self.add(said, &now, (said_before, &before));
            said_before = said;
            std::mem::swap(&mut before, &mut now);
        }
    }

    /// The figures; none of nothing.
    pub fn figures(&self) -> Option<PredictionFigures> {
        let bits = self.bits as f64;
        let Self { bass, treble, .. } = *self;
        let whole = Region { keys: bass.keys.with(treble.keys), onsets: bass.onsets.with(treble.onsets) };
        (self.columns > 0).then(|| PredictionFigures {
            columns: self.columns,
            mse: self.squares / bits,
            accuracy: self.right as f64 / bits,
            bce: self.entropy / bits,
            whole: whole.figures(),
            bass: bass.figures(),
            treble: treble.figures(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notes::{coder, generator};

    fn column(keys: &[(usize, f32)]) -> Vec<f32> {
        let mut column = vec![0.0; KEYS];
        keys.iter().for_each(|&(key, value)| column[key] = value);
        column
    }

    #[track_caller]
    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
    }

    const NONE: Agreement = Agreement { precision: 0.0, recall: 0.0, f1: 0.0 };

    #[test]
    fn figures_are_those_that_are_computed_by_hand() {
        let mut tally = Tally::new(0.2);
        // Of three keys one is held on and foretold, one begins and is not, one is foretold and does not begin.
        let before = column(&[(1, 1.0)]);
        let column_ = column(&[(1, 1.0), (2, 1.0)]);
        tally.add(&column(&[(1, 0.9), (2, 0.1), (3, 0.6)]), &column_, (&before, &before));
        let figures = tally.figures().expect("a column");
        close(figures.mse, (0.01 + 0.81 + 0.36) / 88.0);
        close(figures.accuracy, 86.0 / 88.0);
        close(figures.bce, -(0.9f64.ln() + 0.1f64.ln() + 0.4f64.ln()) / 88.0);
        assert_eq!(figures.whole.keys, Agreement { precision: 0.5, recall: 0.5, f1: 0.5 });
        assert_eq!(figures.whole.onsets, NONE);
        assert_eq!(Tally::new(0.2).figures(), None);
    }

    #[test]
    fn middle_c_is_the_lowest_key_of_the_upper_half() {
        let mut tally = Tally::new(0.5);
        let (b, c) = (MIDDLE_C - 1, MIDDLE_C);
        assert_eq!(Roll::from_text("H").expect("a key").held().next(), Some(1 << c));
        let silence = column(&[]);
        // The C is said and is there; the B is there and the A is said.
        tally.add(&column(&[(c, 0.9), (b - 1, 0.9)]), &column(&[(c, 1.0), (b, 1.0)]), (&silence, &silence));
        let figures = tally.figures().expect("a column");
        assert_eq!((figures.bass.keys, figures.bass.onsets), (NONE, NONE));
        assert_eq!((figures.treble.keys.f1, figures.treble.onsets.f1), (1.0, 1.0));
        assert_eq!((figures.whole.keys.f1, figures.whole.onsets.f1), (0.5, 0.5));
    }

    #[test]
    fn holding_foretells_no_beginning() {
        let roll = Roll::from_text("H H HJ J  L L").expect("keys");
        let mut tally = Tally::new(0.5);
        tally.add_held(&roll, KEYS);
        let figures = tally.figures().expect("columns");
        // J begins, H ends, J ends, L begins.
        assert_eq!((figures.columns, figures.mse), (6, 4.0 / (6.0 * 88.0)));
        assert_eq!(figures.whole.onsets, NONE);
        close(figures.accuracy, 1.0 - figures.mse);
        assert_eq!((figures.whole.keys.precision, figures.whole.keys.recall), (4.0 / 6.0, 4.0 / 6.0));
    }

    #[test]
    fn strokes_are_beginnings_where_columns_have_them() {
        let with_strokes = |keys: &[(usize, f32)]| {
            let mut column = vec![0.0; 2 * KEYS];
            keys.iter().for_each(|&(key, value)| column[key] = value);
            column
        };
        let held = with_strokes(&[(4, 1.0), (KEYS + 4, 1.0)]);
        for (stroke, f1, right) in [(0.7, 1.0, 176.0), (0.4, 0.0, 175.0)] {
            let mut tally = Tally::new(0.5);
            tally.add(&with_strokes(&[(4, 0.9), (KEYS + 4, stroke)]), &held, (&held, &held));
            let figures = tally.figures().expect("a column");
            assert_eq!(figures.whole.onsets.f1, f1, "{stroke}");
            close(figures.mse, (0.01 + f64::from(1.0 - stroke).powi(2)) / 176.0);
            close(figures.accuracy, right / 176.0);
        }
    }

    #[test]
    fn a_network_hears_each_column_once_and_is_asked_for_the_next() {
        for phase in [false, true] {
            let network = generator::tests::network(|config| config.approach.phase = phase, -2.0);
            let roll = Roll::from_text(&["H HJ J L H"; 5].join(" ")).expect("keys");
            let mut tally = Tally::new(0.2);
            let mut count = 0;
            let heard = |said: &[f32]| {
                count += said.len();
                Ok::<_, ()>(())
            };
            assert_eq!(tally.add_piece(&network, &roll, heard), Ok(()));
            assert_eq!(count, 24 * 88);
            let mut state = network.make_state();
            let mut squares = 0.0;
            let (mut heard, mut next) = (vec![0.0; network.inputs()], vec![0.0; KEYS]);
            for step in 0..24 {
                roll.write_numbers(step, &mut heard[..KEYS]);
                heard[KEYS..].iter_mut().enumerate().for_each(|(place, slot)| *slot = f32::from(place == step % 16));
                roll.write_numbers(step + 1, &mut next);
                let said = network.step(&heard, &mut state);
                squares += said.iter().zip(&next).map(|(p, x)| f64::from(p - x).powi(2)).sum::<f64>();
            }
            let found = tally.figures().expect("columns").mse;
            assert!((found - squares / (24.0 * 88.0)).abs() < 1e-9, "{found}");
            // What it is told ends it.
            assert_eq!(Tally::new(0.2).add_piece(&network, &roll, |_| Err("enough")), Err("enough"));
        }
    }

    #[test]
    fn segments_are_given_back_up_to_the_end_of_the_piece() {
        let mut coder = coder::tests::coder();
        // Two segments of 16 and eight columns.
        let roll = Roll::from_text(&["H HJ J  L"; 8].join(" ")).expect("keys");
        assert_eq!(roll.len(), 40);
        let mut tally = Tally::new(0.5);
        assert_eq!(tally.add_segments(&mut coder, &roll, |_| Ok::<_, ()>(())), Ok(()));
        let mut squares = 0.0;
        for from in [0, 16, 32] {
            let code = coder.encode(&roll, from).to_vec();
            let said = coder.decode(&code).to_vec();
            let mut now = vec![0.0; KEYS];
            for (said, step) in said.chunks_exact(KEYS).zip(from..roll.len()) {
                roll.write_numbers(step, &mut now);
                squares += said.iter().zip(&now).map(|(p, x)| f64::from(p - x).powi(2)).sum::<f64>();
            }
        }
        let found = tally.figures().expect("columns");
        assert_eq!(found.columns, 40);
        assert!((found.mse - squares / (40.0 * 88.0)).abs() < 1e-9, "{found:?}");
        // A roll that is said to be what it is agrees in all of it, beginnings among it.
        let mut numbers = vec![0.0; 40 * KEYS];
        numbers.chunks_exact_mut(KEYS).enumerate().for_each(|(step, column)| roll.write_numbers(step, column));
        let mut same = Tally::new(0.5);
        same.add_columns(&numbers, KEYS, &roll, 0);
        let same = same.figures().expect("columns");
        assert_eq!((same.mse, same.whole.keys.f1, same.whole.onsets.f1), (0.0, 1.0, 1.0));
    }
}
