//! The transpose approach by its identity: one column runs, the others are what it said before.
//!
//! All columns go through the same weights, and column r holds what the newest held (rows − 1 − r) · `int_cursor_inc` samples
//! ago. Where each starts with its first sample, its state is the newest one's, delayed. So is what the dense layer makes of
//! it, and the second dense layer becomes a bank of sparse filters over that.

/// The second dense layer: what the first says of `num_unrollings` columns, to as many numbers as it says of one.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    /// `[column][input][output]`, the newest column first.
    weight: Vec<f32>,
    /// `[output]`
    bias: Vec<f32>,
    spacing_samples: usize,
}

/// What the dense layer has said of the newest column; before the first time it counts as zeros.
///
/// # Realtime safety
/// `new` allocates; the other methods do not.
#[derive(Clone, Debug)]
pub(super) struct DelayLine {
    /// `[time][output]`, a ring whose length is a power of two, so that a place in it is found without a division.
    said: Vec<f32>,
    outputs: usize,
    newest: usize,
}

impl Columns {
    /// `weight`: `[output][column][input]`, the oldest column first; `bias`: `[output]`.
    pub fn new(weight: &[f32], bias: &[f32], spacing_samples: usize) -> Self {
        let outputs = bias.len();
        let inputs = weight.len() / outputs;
        let newest_first = (0..inputs / outputs).rev().flat_map(|column| column * outputs..(column + 1) * outputs);
        Self {
            weight: newest_first
                .flat_map(|input| (0..outputs).map(move |output| weight[output * inputs + input]))
                .collect(),
            bias: bias.to_vec(),
            spacing_samples,
        }
    }

    /// A line as long as the columns reach back.
    pub fn make_delay_line(&self) -> DelayLine {
        let outputs = self.bias.len();
        let columns = self.weight.len() / (outputs * outputs);
        let length = columns.saturating_sub(1) * self.spacing_samples + 1;
        DelayLine { said: vec![0.0; outputs * length.next_power_of_two()], outputs, newest: 0 }
    }

    /// What all columns say together. `out`: `[output]`
    pub fn predict(&self, line: &DelayLine, out: &mut [f32]) {
        out.copy_from_slice(&self.bias);
        let outputs = self.bias.len();
        let mut at = line.newest;
        for column in self.weight.chunks_exact(outputs * outputs) {
            for (&number, weights) in line.at(at).iter().zip(column.chunks_exact(outputs)) {
                for (sum, weight) in out.iter_mut().zip(weights) {
                    *sum += weight * number;
                }
            }
            at = at.wrapping_sub(self.spacing_samples);
        }
    }
}

impl DelayLine {
    /// Back to zeros.
    pub fn reset(&mut self) {
        self.said.fill(0.0);
    }

    /// `numbers`: `[output]`
    pub fn push(&mut self, numbers: &[f32]) {
        self.newest = self.newest.wrapping_add(1);
        let range = self.range(self.newest);
        self.said[range].copy_from_slice(numbers);
    }

    fn at(&self, time: usize) -> &[f32] {
        &self.said[self.range(time)]
    }

    fn range(&self, time: usize) -> std::ops::Range<usize> {
        let start = (time & (self.said.len() / self.outputs - 1)) * self.outputs;
        start..start + self.outputs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Transpose;

    #[test]
    fn remembers_as_much_as_the_model_says() {
        for (num_unrollings, int_cursor_inc) in [(1, 9), (2, 1), (4, 64), (16, 64), (3, 100), (1024, 1025)] {
            let own = Transpose { seg_len: 1, num_unrollings, int_cursor_inc };
            let line = Columns::new(&vec![0.0; 4 * num_unrollings], &[0.0; 2], int_cursor_inc).make_delay_line();
            assert_eq!(line.said.len(), 2 * own.remembered_samples(), "{own:?}");
        }
    }

    #[test]
    fn is_a_bank_of_filters_with_zeros_before_the_first_numbers() {
        for (rows, spacing, outputs) in
            [(1, 1, 1), (1, 5, 3), (2, 1, 1), (3, 4, 2), (7, 3, 1), (9, 4, 3), (12, 1, 1), (12, 1, 6)]
        {
            let inputs = rows * outputs;
            let weight: Vec<f32> = (0..outputs * inputs).map(|i| (1 + i * i % 11) as f32).collect();
            let bias: Vec<f32> = (0..outputs).map(|o| 0.5 + o as f32).collect();
            let columns = Columns::new(&weight, &bias, spacing);
            let mut line = columns.make_delay_line();
            for run in 0..2 {
                let said: Vec<f32> = (0..40 * outputs).map(|i| (i * i % 17) as f32 + run as f32).collect();
                line.reset();
                for t in 0..40 {
                    line.push(&said[t * outputs..][..outputs]);
                    // Small whole numbers: no rounding.
                    let expected = (0..outputs).map(|output| {
                        let products = (0..inputs).map(|input| {
                            let (row, which) = (input / outputs, input % outputs);
                            let past = t.checked_sub((rows - 1 - row) * spacing);
                            weight[output * inputs + input] * past.map_or(0.0, |at| said[at * outputs + which])
                        });
                        bias[output] + products.sum::<f32>()
                    });
                    let expected: Vec<f32> = expected.collect();
                    let mut out = vec![f32::NAN; outputs];
                    columns.predict(&line, &mut out);
                    assert_eq!(out, expected, "{rows} rows, {spacing} apart, {outputs} outputs, at {t}");
                }
            }
        }
    }
}
