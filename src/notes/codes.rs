//! What the codes of an autoencoder are like: where those of the material lie, and along which directions they spread.

use super::{coder::Coder, roll::Roll};
use crate::model::{KEYS, LOWEST_KEY, RollCodes};

/// Sweeps over a matrix until it is diagonal; each makes what is left quadratically smaller.
const SWEEPS: usize = 24;

/// The codes of segments, and what the segments are like.
#[derive(Clone, Debug, Default)]
pub struct CodeCloud {
    codes: Vec<Vec<f32>>,
    traits: Vec<[f64; 3]>,
}

impl CodeCloud {
    /// Adds the codes of all segments of a roll but the silent ones.
    pub fn add(&mut self, coder: &mut Coder, roll: &Roll) {
        (0..roll.len()).step_by(coder.steps()).for_each(|from| self.add_segment(coder, roll, from));
    }

    fn add_segment(&mut self, coder: &mut Coder, roll: &Roll, from: usize) {
        let segment = roll.part(from..roll.len().min(from + coder.steps()));
        if segment.held().any(|keys| keys != 0) {
            self.codes.push(coder.encode(roll, from).to_vec());
            self.traits.push(traits_of(&segment));
        }
    }

    /// Their mean; none of none.
    pub fn mean(&self) -> Option<Vec<f32>> {
        let size = self.codes.first()?.len();
        Some(mean_of(&self.codes, size).map(|mean| mean as f32).collect())
    }

    /// Their mean and their principal components; none of fewer than two.
    pub fn describe(&self) -> Option<RollCodes> {
        describe_codes(&self.codes, &self.traits)
    }
}

/// The mean of each of the numbers.
fn mean_of(codes: &[Vec<f32>], size: usize) -> impl Iterator<Item = f64> + '_ {
    let mean = |i: usize| codes.iter().map(|code| f64::from(code[i])).sum::<f64>() / codes.len() as f64;
    (0..size).map(mean)
}

/// What of a segment the directions are compared with: keys a column, the mean MIDI key, the mean length of its notes in steps.
fn traits_of(segment: &Roll) -> [f64; 3] {
    let (mut held, mut pitch) = (0u64, 0u64);
    for column in segment.held() {
        for key in (0..KEYS).filter(|key| column >> key & 1 == 1) {
            held += 1;
            pitch += key as u64 + u64::from(LOWEST_KEY);
        }
    }
    let lengths: Vec<usize> = segment.notes().into_iter().map(|(start, end, _)| end - start).collect();
    let mean = |sum: u64, count: usize| sum as f64 / count.max(1) as f64;
    [mean(held, segment.len()), mean(pitch, held as usize), mean(lengths.iter().sum::<usize>() as u64, lengths.len())]
}

/// The mean of codes of equal length, and the principal components around it, that of the largest spread first; `traits`: those of the
/// segments, to tell what each direction goes with. None of fewer than two codes.
fn describe_codes(codes: &[Vec<f32>], traits: &[[f64; 3]]) -> Option<RollCodes> {
    let size = codes.first()?.len();
    let count = codes.len() as f64;
    if codes.len() < 2 || codes.len() != traits.len() || codes.iter().any(|code| code.len() != size) {
        return None;
    }
    let mean: Vec<f64> = mean_of(codes, size).collect();
    let mut covariance = vec![vec![0.0; size]; size];
    for code in codes {
        let apart: Vec<f64> = code.iter().zip(&mean).map(|(&x, mean)| f64::from(x) - mean).collect();
        for (row, a) in covariance.iter_mut().zip(&apart) {
            row.iter_mut().zip(&apart).for_each(|(sum, b)| *sum += a * b / count);
        }
    }
    let mut directions = principal(covariance);
    directions.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let along = |axis: &[f64], code: &[f32]| -> f64 {
        axis.iter().zip(code).zip(&mean).map(|((a, &x), mean)| a * (f64::from(x) - mean)).sum()
    };
    let effects = directions.iter().map(|(_, axis)| {
        let places: Vec<f64> = codes.iter().map(|code| along(axis, code)).collect();
        std::array::from_fn(|which| {
            let values: Vec<f64> = traits.iter().map(|traits| traits[which]).collect();
            correlation(&places, &values) as f32
        })
    });
    Some(RollCodes {
        effects: effects.collect(),
        deviations: directions.iter().map(|(variance, _)| variance.max(0.0).sqrt() as f32).collect(),
        axes: directions.iter().map(|(_, axis)| axis.iter().map(|&x| x as f32).collect()).collect(),
        mean: mean.iter().map(|&x| x as f32).collect(),
    })
}

/// Eigenvalues and unit eigenvectors of a symmetric matrix, by Jacobi's rotations (Golub and Van Loan, *Matrix Computations*, 8.5). The
/// largest number of each vector is positive, so that the sides of an axis do not depend on rounding.
fn principal(mut matrix: Vec<Vec<f64>>) -> Vec<(f64, Vec<f64>)> {
    let size = matrix.len();
    // Rows are the vectors.
    let mut vectors: Vec<Vec<f64>> = (0..size).map(|i| (0..size).map(|j| f64::from(i == j)).collect()).collect();
    for _ in 0..SWEEPS {
        for p in 0..size {
            for q in p + 1..size {
                if matrix[p][q] == 0.0 {
                    continue;
                }
                let tau = (matrix[q][q] - matrix[p][p]) / (2.0 * matrix[p][q]);
                let tangent = tau.signum() / (tau.abs() + tau.hypot(1.0));
                let cosine = 1.0 / tangent.hypot(1.0);
                let sine = tangent * cosine;
                for row in &mut matrix {
                    (row[p], row[q]) = (cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]);
                }
                for j in 0..size {
                    let (a, b) = (matrix[p][j], matrix[q][j]);
                    (matrix[p][j], matrix[q][j]) = (cosine * a - sine * b, sine * a + cosine * b);
                    let (a, b) = (vectors[p][j], vectors[q][j]);
                    (vectors[p][j], vectors[q][j]) = (cosine * a - sine * b, sine * a + cosine * b);
                }
            }
        }
    }
    let turned = vectors.into_iter().enumerate().map(|(i, mut vector)| {
        let largest = vector.iter().copied().fold(0.0f64, |most, x| if x.abs() > most.abs() { x } else { most });
        if largest < 0.0 {
            vector.iter_mut().for_each(|x| *x = -*x);
        }
        (matrix[i][i], vector)
    });
    turned.collect()
}

/// Pearson's; 0 where either does not vary.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(b).map(|(x, y)| f(x - mean_a, y - mean_b)).sum::<f64>();
    let spread = (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt();
    if spread > 1e-12 { (sum(&|x, y| x * y) / spread).clamp(-1.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::random::Random;

    #[test]
    fn the_axes_of_a_cloud_that_was_made_along_known_ones_are_found() {
        let mut random = Random::new(3);
        let known = [[0.6, 0.8, 0.0, 0.0], [-0.8, 0.6, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]];
        let spreads = [0.02, 0.3, 0.1, 0.0];
        let centre = [0.1, -0.2, 0.3, 0.05];
        let mut traits = Vec::new();
        let codes: Vec<Vec<f32>> = (0..4000)
            .map(|_| {
                let places = spreads.map(|spread: f32| spread * random.normal());
                traits.push([f64::from(places[1]), -2.0 * f64::from(places[2]), 1.0]);
                let number = |i: usize| centre[i] + (0..4).map(|axis| places[axis] * known[axis][i]).sum::<f32>();
                (0..4).map(number).collect()
            })
            .collect();
        let found = describe_codes(&codes, &traits).expect("many codes");
        for (mean, centre) in found.mean.iter().zip(centre) {
            assert!((mean - centre).abs() < 0.02, "{mean} for {centre}");
        }
        // By their spread; the largest number is positive.
        let expected = [[0.8, -0.6, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.6, 0.8, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]];
        for (axis, (found, expected)) in found.axes.iter().zip(expected).enumerate() {
            let apart = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0f32, f32::max);
            assert!(apart < 0.03, "axis {axis}: {found:?} for {expected:?}");
        }
        for (deviation, spread) in found.deviations.iter().zip([0.3, 0.1, 0.02, 0.0]) {
            assert!((deviation - spread).abs() < 0.01, "{deviation} for {spread}");
        }
        assert!(found.effects[0][0] < -0.98 && found.effects[1][1] < -0.98, "{:?}", found.effects);
        assert!(found.effects[0][1].abs() < 0.1 && found.effects[0][2] == 0.0, "{:?}", found.effects);
        assert_eq!(describe_codes(&codes[..1], &traits[..1]), None);
        // Axes of unit length, at right angles.
        for (i, a) in found.axes.iter().enumerate() {
            for (j, b) in found.axes.iter().enumerate() {
                let product: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                assert!((product - f32::from(u8::from(i == j))).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn traits_are_density_height_and_length() {
        // C4 for two of four steps, a C5 for one of them.
        let roll = Roll::from_text("H HT  ").expect("keys");
        assert_eq!(traits_of(&roll), [3.0 / 4.0, (60.0 + 60.0 + 72.0) / 3.0, 1.5]);
        assert_eq!(traits_of(&Roll::from_text(" ").expect("silence")), [0.0; 3]);
    }
}
