//! Rows of numbers, as they are or in less memory.

use super::update::level;
use half::f16;

/// How rows are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Storage {
    /// 32 bits a number.
    Whole,
    /// 255ths, of numbers 0…1.
    Bytes,
    /// Half precision, of numbers between −1 and 1: eleven bits.
    Halves,
}

/// Rows of one width.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rows {
    width: usize,
    numbers: Numbers,
}

#[derive(Clone, Debug, PartialEq)]
enum Numbers {
    Whole(Vec<f32>),
    Bytes(Vec<u8>),
    Halves(Vec<f16>),
}

impl Rows {
    /// None yet.
    pub fn new(width: usize, storage: Storage) -> Self {
        let numbers = match storage {
            Storage::Whole => Numbers::Whole(Vec::new()),
            Storage::Bytes => Numbers::Bytes(Vec::new()),
            Storage::Halves => Numbers::Halves(Vec::new()),
        };
        Self { width, numbers }
    }

    /// Writes a row, or appends it.
    pub fn put(&mut self, slot: usize, row: &[f32]) {
        match &mut self.numbers {
            Numbers::Whole(values) => put(values, slot, row.iter().copied()),
            Numbers::Bytes(values) => put(values, slot, row.iter().map(|level| (255.0 * level).round() as u8)),
            Numbers::Halves(values) => put(values, slot, row.iter().map(|&x| f16::from_f32(x))),
        }
    }

    /// All of them.
    #[cfg(test)]
    pub fn all(&self) -> Vec<f32> {
        let len = match &self.numbers {
            Numbers::Whole(values) => values.len(),
            Numbers::Bytes(values) => values.len(),
            Numbers::Halves(values) => values.len(),
        };
        let mut all = Vec::new();
        (0..len / self.width).for_each(|slot| self.read(slot, &mut all));
        all
    }

    /// Appends a row's numbers to `to`.
    pub fn read(&self, slot: usize, to: &mut Vec<f32>) {
        let of = slot * self.width..(slot + 1) * self.width;
        match &self.numbers {
            Numbers::Whole(values) => to.extend_from_slice(&values[of]),
            Numbers::Bytes(values) => to.extend(values[of].iter().map(level)),
            Numbers::Halves(values) => to.extend(values[of].iter().map(|x| x.to_f32())),
        }
    }
}

/// Writes a row, or appends it.
pub(super) fn put<T>(rows: &mut Vec<T>, slot: usize, row: impl ExactSizeIterator<Item = T>) {
    let at = slot * row.len();
    match rows.get_mut(at..at + row.len()) {
        Some(own) => own.iter_mut().zip(row).for_each(|(slot, value)| *slot = value),
        None => rows.extend(row),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_as_near_as_is_said() {
        for (storage, error) in [(Storage::Whole, 0.0), (Storage::Bytes, 0.5 / 255.0 + 1e-6), (Storage::Halves, 2.5e-4)]
        {
            let mut rows = Rows::new(100, storage);
            let row = |first: usize| (0..100).map(|i| ((first + i) % 173) as f32 / 172.0).collect::<Vec<f32>>();
            (0..3).for_each(|slot| rows.put(slot, &row(31 * slot)));
            rows.put(1, &row(7));
            let mut back = vec![9.0];
            [2, 1].into_iter().for_each(|slot| rows.read(slot, &mut back));
            let expected = [vec![9.0], row(62), row(7)].concat();
            assert_eq!(back.len(), expected.len());
            assert!(back.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= error), "{storage:?}");
        }
    }
}
