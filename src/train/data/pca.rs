//! Principal components of frames: the largest eigenvectors of their covariance.

use crate::{dsp::random::Random, nn::vectorize, train::error::TrainError};
use candle_core::{Device, Tensor};

/// Frames whose products are summed in single precision before they join the double sum.
const BLOCK: usize = 256;
/// Directions carried along beyond those wanted; the more, the faster the wanted ones settle.
const SPARE: usize = 24;
const ITERATIONS: usize = 40;

/// A basis for frames.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pca {
    /// Orthonormal rows, the largest variance first. `[components][frame]`
    pub basis: Vec<f32>,
    /// Mean frame. `[frame]`
    pub mean: Vec<f32>,
    /// What a component is divided by. `[components]`
    pub scale: Vec<f32>,
    /// Part of the variance that the components hold, 0…1.
    pub kept: f32,
}

impl Pca {
    /// Of `frames`, `[count][size]`. `whitening` 1 divides every component by its standard deviation, 0 by the first
    /// one's; between them by geometric interpolation.
    pub(crate) fn of(frames: &[f32], size: usize, components: usize, whitening: f32) -> Result<Self, TrainError> {
        let (mean, covariance) = covariance(frames, size)?;
        let total: f64 = (0..size).map(|i| covariance[i * size + i]).sum();
        let (values, vectors) = largest(&covariance, size, components)?;
        let deviation = |value: f64| value.max(1e-12 * total.max(1e-12)).sqrt();
        let first = deviation(values[0]);
        let scale =
            values.iter().map(|&v| (first * (deviation(v) / first).powf(f64::from(whitening))) as f32).collect();
        Ok(Self {
            basis: vectors.iter().map(|&v| v as f32).collect(),
            mean: mean.iter().map(|&m| m as f32).collect(),
            scale,
            kept: (values.iter().sum::<f64>() / total.max(1e-300)) as f32,
        })
    }
}

/// Mean and covariance, `[size]` and `[size][size]`.
fn covariance(frames: &[f32], size: usize) -> Result<(Vec<f64>, Vec<f64>), TrainError> {
    let count = (frames.len() / size).max(1) as f64;
    let mut mean = vec![0.0f64; size];
    for frame in frames.chunks_exact(size) {
        mean.iter_mut().zip(frame).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    mean.iter_mut().for_each(|m| *m /= count);
    let mut covariance = vec![0.0f64; size * size];
    for block in frames.chunks(BLOCK * size) {
        let centred: Vec<f32> = block
            .chunks_exact(size)
            .flatten()
            .zip(mean.iter().cycle())
            .map(|(&x, &m)| (f64::from(x) - m) as f32)
            .collect();
        let rows = centred.len() / size;
        let centred = Tensor::from_vec(centred, (rows, size), &Device::Cpu)?;
        let products = centred.t()?.matmul(&centred)?.flatten_all()?.to_vec1::<f32>()?;
        covariance.iter_mut().zip(products).for_each(|(sum, p)| *sum += f64::from(p));
    }
    covariance.iter_mut().for_each(|c| *c /= count);
    Ok((mean, covariance))
}

/// The `wanted` largest eigenvalues of a symmetric matrix `[size][size]` and their vectors, `[wanted][size]`, by
/// orthogonal iteration with a Rayleigh-Ritz step at the end (Golub and Van Loan, *Matrix Computations*, 8.2).
fn largest(matrix: &[f64], size: usize, wanted: usize) -> Result<(Vec<f64>, Vec<f64>), TrainError> {
    let width = (wanted + SPARE).min(size);
    let mut random = Random::new(0x5043_4131);
    let mut rows: Vec<f64> = (0..width * size).map(|_| f64::from(random.normal())).collect();
    orthonormalise(&mut rows, size, &mut random);
    // The whole space needs no search.
    for _ in 0..if width == size { 0 } else { ITERATIONS } {
        rows = product(&rows, matrix, size);
        orthonormalise(&mut rows, size, &mut random);
    }
    let image = product(&rows, matrix, size);
    let small = rows.chunks_exact(size).flat_map(|a| image.chunks_exact(size).map(|b| dot(a, b))).collect();
    let (values, turns) = jacobi(small, width);
    let mut vectors = product(&turns[..wanted * width], &rows, size);
    orthonormalise(&mut vectors, size, &mut random);
    for vector in vectors.chunks_exact_mut(size) {
        // A vector and its negative are the same direction; the largest element is made positive.
        let largest = vector.iter().fold(0.0f64, |top, &v| if v.abs() > top.abs() { v } else { top });
        if largest < 0.0 {
            vector.iter_mut().for_each(|v| *v = -*v);
        }
    }
    Ok((values[..wanted].to_vec(), vectors))
}

/// `left` `[…][k]` times `right` `[k][columns]`. Written out, as candle's product in double precision would cost every build of the
/// program a minute for this one place.
fn product(left: &[f64], right: &[f64], columns: usize) -> Vec<f64> {
    /// Rows that share what is read of `right`, and columns whose sums stay close to the processor.
    const ROWS: usize = 8;
    const TILE: usize = 256;
    let depth = right.len() / columns;
    let mut out = vec![0.0; left.len() / depth * columns];
    let arch = pulp::Arch::new();
    for (left, out) in left.chunks(ROWS * depth).zip(out.chunks_mut(ROWS * columns)) {
        for first in (0..columns).step_by(TILE) {
            let tile = TILE.min(columns - first);
            vectorize(
                arch,
                #[inline(always)]
                || {
                    for k in 0..depth {
                        let right = &right[k * columns + first..][..tile];
                        for (left, out) in left.chunks_exact(depth).zip(out.chunks_exact_mut(columns)) {
                            let factor = left[k];
                            let out = &mut out[first..first + tile];
                            out.iter_mut().zip(right).for_each(|(sum, r)| *sum += factor * r);
                        }
                    }
                },
            );
        }
    }
    out
}

/// Makes rows `[…][size]` orthonormal, by Gram and Schmidt, twice for accuracy; a row that depends on those before it
/// is drawn anew.
fn orthonormalise(rows: &mut [f64], size: usize, random: &mut Random) {
    for index in 0..rows.len() / size {
        let (before, rest) = rows.split_at_mut(index * size);
        let row = &mut rest[..size];
        let mut norm = 0.0;
        while norm < 1e-150 {
            for _ in 0..2 {
                for other in before.chunks_exact(size) {
                    let along = dot(row, other);
                    row.iter_mut().zip(other).for_each(|(r, o)| *r -= along * o);
                }
            }
            norm = dot(row, row).sqrt();
            if norm < 1e-150 {
                row.iter_mut().for_each(|r| *r = f64::from(random.normal()));
            } else {
                row.iter_mut().for_each(|r| *r /= norm);
            }
        }
    }
}

/// Four sums, so that the additions need not wait for each other.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, a_rest) = a.as_chunks::<4>();
    let (b, b_rest) = b.as_chunks::<4>();
    let mut sums = [0.0f64; 4];
    for (a, b) in a.iter().zip(b) {
        for (sum, (x, y)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += x * y;
        }
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum::<f64>()
}

/// Eigenvalues of a symmetric matrix `[size][size]`, falling, and their vectors as rows, by Jacobi's rotations (Golub and
/// Van Loan, 8.5).
fn jacobi(mut a: Vec<f64>, size: usize) -> (Vec<f64>, Vec<f64>) {
    let mut vectors = vec![0.0; size * size];
    (0..size).for_each(|i| vectors[i * size + i] = 1.0);
    for _ in 0..60 {
        let all: f64 = a.iter().map(|x| x * x).sum();
        let diagonal: f64 = (0..size).map(|i| a[i * size + i] * a[i * size + i]).sum();
        if all - diagonal <= 1e-26 * all {
            break;
        }
        for p in 0..size {
            for q in p + 1..size {
                rotate(&mut a, &mut vectors, size, p, q);
            }
        }
    }
    let mut order: Vec<usize> = (0..size).collect();
    order.sort_by(|&i, &j| a[j * size + j].total_cmp(&a[i * size + i]));
    let values = order.iter().map(|&i| a[i * size + i]).collect();
    let sorted = order.iter().flat_map(|&i| vectors[i * size..][..size].iter().copied()).collect();
    (values, sorted)
}

/// One rotation that makes `a[p][q]` zero.
fn rotate(a: &mut [f64], vectors: &mut [f64], size: usize, p: usize, q: usize) {
    let off = a[p * size + q];
    if off.abs() < 1e-300 {
        return;
    }
    let theta = (a[q * size + q] - a[p * size + p]) / (2.0 * off);
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    for k in 0..size {
        let (x, y) = (a[k * size + p], a[k * size + q]);
        (a[k * size + p], a[k * size + q]) = (c * x - s * y, s * x + c * y);
    }
    for k in 0..size {
        let (x, y) = (a[p * size + k], a[q * size + k]);
        (a[p * size + k], a[q * size + k]) = (c * x - s * y, s * x + c * y);
        let (x, y) = (vectors[p * size + k], vectors[q * size + k]);
        (vectors[p * size + k], vectors[q * size + k]) = (c * x - s * y, s * x + c * y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames whose component i has the standard deviation 0.8ⁱ along a fixed orthonormal basis.
    fn frames(size: usize, count: usize) -> (Vec<f32>, Vec<f64>) {
        let mut random = Random::new(5);
        let mut basis: Vec<f64> = (0..size * size).map(|_| f64::from(random.normal())).collect();
        orthonormalise(&mut basis, size, &mut random);
        let mut frames = vec![0.0f32; size * count];
        for frame in frames.chunks_exact_mut(size) {
            for (i, direction) in basis.chunks_exact(size).enumerate() {
                let along = f64::from(random.normal()) * 0.8f64.powi(i as i32);
                frame.iter_mut().zip(direction).for_each(|(x, d)| *x += (along * d) as f32);
            }
        }
        (frames, basis)
    }

    #[test]
    fn finds_the_directions_of_most_variance() {
        for (size, components) in [(6, 3), (90, 12), (40, 40)] {
            let (frames, basis) = frames(size, 20_000);
            let pca = Pca::of(&frames, size, components, 1.0).expect("good frames");
            for c in 0..components {
                for d in 0..=c {
                    let product: f64 = (0..size)
                        .map(|i| f64::from(pca.basis[c * size + i]) * f64::from(pca.basis[d * size + i]))
                        .sum();
                    let expected = if c == d { 1.0 } else { 0.0 };
                    assert!((product - expected).abs() < 1e-5, "size {size}: row {c} · row {d} = {product}");
                }
            }
            let along: f64 = (0..size).map(|i| f64::from(pca.basis[i]) * basis[i]).sum();
            assert!(along.abs() > 0.999, "size {size}: first direction off by {along}");
            for (c, scale) in pca.scale.iter().enumerate().take(12) {
                let ratio = f64::from(*scale) / 0.8f64.powi(c as i32);
                assert!((ratio - 1.0).abs() < 0.05, "size {size}: deviation of component {c} off by {ratio}");
            }
        }
    }

    #[test]
    fn silence_has_a_basis_too() {
        let pca = Pca::of(&[0.0; 600], 60, 8, 1.0).expect("frames");
        assert!(pca.basis.iter().chain(&pca.scale).all(|x| x.is_finite()) && pca.scale.iter().all(|&s| s > 0.0));
    }
}
