//! The transpose approach by its identity: one column runs, the others are what it said before.
//!
//! All columns go through the same weights, and column r holds what the newest held (rows − 1 − r) · `int_cursor_inc` samples
//! ago. Where each starts with its first sample, its state is the newest one's, delayed. So is the number that the dense
//! layer makes of it, and the second dense layer becomes a sparse filter over those numbers.

/// The second dense layer: `num_unrollings` numbers to one.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    /// The newest column first.
    weight: Vec<f32>,
    bias: f32,
    spacing_samples: usize,
}

/// The numbers that the dense layer has made of the newest column; before the first they count as 0.
///
/// # Realtime safety
/// `new` allocates; the other methods do not.
#[derive(Clone, Debug)]
pub(super) struct DelayLine {
    /// A ring whose length is a power of two, so that a place in it is found without a division.
    numbers: Vec<f32>,
    newest: usize,
}

/// Sums that are taken side by side, as one would wait for the other.
const SUMS: usize = 4;

impl Columns {
    /// `weight`: the oldest column first.
    pub fn new(weight: &[f32], bias: f32, spacing_samples: usize) -> Self {
        Self { weight: weight.iter().rev().copied().collect(), bias, spacing_samples }
    }

    /// A line as long as the columns reach back.
    pub fn make_delay_line(&self) -> DelayLine {
        let length = self.weight.len().saturating_sub(1) * self.spacing_samples + 1;
        DelayLine { numbers: vec![0.0; length.next_power_of_two()], newest: 0 }
    }

    /// The output of all columns.
    pub fn predict(&self, line: &DelayLine) -> f32 {
        let ring = &line.numbers[..];
        let mask = ring.len() - 1;
        let mut at = line.newest;
        let mut next = || {
            let number = ring[at & mask];
            at = at.wrapping_sub(self.spacing_samples);
            number
        };
        let (fours, rest) = self.weight.as_chunks::<SUMS>();
        let mut sums = [0.0; SUMS];
        for weights in fours {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += weight * next();
            }
        }
        let rest: f32 = rest.iter().map(|weight| weight * next()).sum();
        self.bias + ((sums[0] + sums[1]) + (sums[2] + sums[3])) + rest
    }
}

impl DelayLine {
    /// Back to zeros.
    pub fn reset(&mut self) {
        self.numbers.fill(0.0);
    }

    pub fn push(&mut self, number: f32) {
        self.newest = self.newest.wrapping_add(1);
        let mask = self.numbers.len() - 1;
        self.numbers[self.newest & mask] = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_a_filter_with_zeros_before_the_first_number() {
        for (rows, spacing) in [(1, 1), (1, 5), (2, 1), (3, 4), (7, 3), (9, 4), (12, 1)] {
            let weight: Vec<f32> = (0..rows).map(|r| 1.0 + r as f32).collect();
            let columns = Columns::new(&weight, 0.5, spacing);
            let mut line = columns.make_delay_line();
            for run in 0..2 {
                let numbers: Vec<f32> = (0..40).map(|i| (i * i % 17) as f32 + run as f32).collect();
                line.reset();
                for t in 0..numbers.len() {
                    line.push(numbers[t]);
                    let past = |row| t.checked_sub((rows - 1 - row) * spacing).map_or(0.0, |at| numbers[at]);
                    // Small whole numbers: no rounding.
                    let expected = 0.5 + (0..rows).map(|row| weight[row] * past(row)).sum::<f32>();
                    assert_eq!(columns.predict(&line), expected, "{rows} rows, {spacing} apart, at {t}");
                }
            }
        }
    }
}
