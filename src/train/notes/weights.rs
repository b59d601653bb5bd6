//! The weights with which networks of notes begin, and reading them.

use crate::{
    dsp::random::Random,
    train::net::{gradient::Named, tensors::values},
};
use candle_core::{Result, Var};
use std::collections::BTreeMap;

/// A matrix `(rows, columns)`, uniform in ±√(6 / (rows + columns)) (Glorot and Bengio 2010).
pub(super) fn first_dense(rows: usize, columns: usize, random: &mut Random) -> Vec<f32> {
    let bound = (6.0 / (rows + columns) as f32).sqrt();
    (0..rows * columns).map(|_| bound * (2.0 * random.uniform() - 1.0)).collect()
}

/// The same, normal with a variance of 2 / (rows + columns).
pub(super) fn first_normal(rows: usize, columns: usize, random: &mut Random) -> Vec<f32> {
    let deviation = (2.0 / (rows + columns) as f32).sqrt();
    (0..rows * columns).map(|_| deviation * random.normal()).collect()
}

/// The matrix of a recurrence, `(rows, columns)` with at least as many rows: its columns are orthogonal and of length 1
/// (Saxe et al. 2014).
pub(super) fn first_recurrent(rows: usize, columns: usize, random: &mut Random) -> Vec<f32> {
    // Gram and Schmidt, each vector against those before it, one after the other.
    let mut vectors: Vec<Vec<f32>> = Vec::with_capacity(columns);
    for _ in 0..columns {
        let mut vector: Vec<f32> = (0..rows).map(|_| random.normal()).collect();
        for before in &vectors {
            let along: f32 = vector.iter().zip(before).map(|(a, b)| a * b).sum();
            vector.iter_mut().zip(before).for_each(|(x, b)| *x -= along * b);
        }
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|x| *x /= length.max(f32::MIN_POSITIVE));
        vectors.push(vector);
    }
    (0..rows * columns).map(|at| vectors[at % columns][at / columns]).collect()
}

/// The weights as they are, under their names.
pub(super) fn tensors_of(variables: &BTreeMap<String, Var>) -> Result<Named> {
    let all = variables.iter();
    all.map(|(name, variable)| Ok((name.clone(), values([variable.as_tensor()], |[w]| w.to_vec())?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recurrence_begins_with_orthogonal_columns() {
        let (rows, columns) = (40, 10);
        let matrix = first_recurrent(rows, columns, &mut Random::new(4));
        for (a, b) in (0..columns).flat_map(|a| (0..columns).map(move |b| (a, b))) {
            let product: f32 = (0..rows).map(|row| matrix[row * columns + a] * matrix[row * columns + b]).sum();
            assert!((product - f32::from(a == b)).abs() < 1e-5, "{a}, {b}: {product}");
        }
    }
}
