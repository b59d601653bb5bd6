//! What is made small: the mean squared error, or the negative log likelihood of a mixture (Bishop, *Mixture density
//! networks*, 1994). Both with their gradient in one pass, as one candle operation.

use super::tensors::values;
use crate::{
    approach::{MAX_LOG_SCALE, min_log_scale},
    model::Head,
    nn::{exp, vectorize},
};
use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor};

/// ½ ln 2π.
const HALF_LOG_TAU: f32 = 0.918_938_5;

/// The loss of a segment per row and feature, and what follows from it.
pub(crate) struct Loss {
    /// Mean over rows and features; nats for a mixture.
    pub mean: f32,
    /// The same of each row; 0 where it is not scored.
    pub rows: Vec<f32>,
    /// Mean absolute error of the mean prediction.
    pub absolute: f32,
    /// Mean of the mean prediction less the truth.
    pub bias: f32,
    /// The same as a node of the graph.
    pub node: Tensor,
}

/// Which predictions count, and how much.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counting<'a> {
    /// Rows that are scored; none: all.
    pub scored: Option<&'a [bool]>,
    /// Loss of a row per feature above which its gradient is divided by its loss, so that it counts no more than this.
    pub ceiling: Option<f32>,
}

impl Counting<'_> {
    fn is_scored(&self, row: usize) -> bool {
        self.scored.is_none_or(|scored| scored[row])
    }

    /// Features that are scored, of so many a row.
    fn features(&self, rows: usize, features: usize) -> usize {
        features * self.scored.map_or(rows, |scored| scored.iter().filter(|scored| **scored).count())
    }

    /// Brings the loss of a row of so many features, with its gradient, down to the ceiling; returns it.
    fn bound(&self, loss: f32, features: usize, grad: &mut [f32]) -> f32 {
        let most = self.ceiling.map_or(f32::INFINITY, |ceiling| ceiling * features as f32);
        if loss > most {
            let gain = most / loss;
            grad.iter_mut().for_each(|g| *g *= gain);
        }
        loss.min(most)
    }
}

/// `output`: of the dense layer, `(rows, output_size)`; `heard`: what the network heard (with noise), `[row][feature]`,
/// used by residual mixtures only; `target`: `[row][feature]`.
pub(crate) fn loss(head: Head, output: &Tensor, heard: &[f32], target: &[f32], counting: Counting<'_>) -> Result<Loss> {
    let (rows, _) = output.dims2()?;
    let features = target.len() / rows;
    let score = values([output], |[output]| match head {
        Head::Mse => squared_error(output, target, features, counting),
        Head::Mixture { components, residual } => {
            mixture(Mixture { components, residual, features, output, heard, target, counting })
        }
        Head::Autoregressive(_) => unreachable!("no configuration of this trainer has it"),
    })?;
    let count = counting.features(rows, features).max(1) as f64;
    let mean = (score.sum / count) as f32;
    Ok(Loss {
        mean,
        rows: score.rows,
        absolute: (score.absolute / count) as f32,
        bias: (score.bias / count) as f32,
        node: output.apply_op1(Scored { mean, grad: score.grad })?,
    })
}

/// Sums over all rows and features, and the gradient of the mean by the output.
struct Score {
    sum: f64,
    absolute: f64,
    bias: f64,
    rows: Vec<f32>,
    grad: Vec<f32>,
}

fn squared_error(output: &[f32], target: &[f32], features: usize, counting: Counting<'_>) -> Score {
    let count = counting.features(output.len() / features, features).max(1);
    let scale = (2.0 / count as f64) as f32;
    let (rows, mut grad) = (output.len() / features, vec![0.0; output.len()]);
    let mut score = Score { sum: 0.0, absolute: 0.0, bias: 0.0, rows: Vec::with_capacity(rows), grad: Vec::new() };
    let arch = pulp::Arch::new();
    let pairs = output.chunks_exact(features).zip(target.chunks_exact(features));
    for (row, ((output, target), grad)) in pairs.zip(grad.chunks_exact_mut(features)).enumerate() {
        if !counting.is_scored(row) {
            score.rows.push(0.0);
            continue;
        }
        let [square, absolute, bias] = vectorize(
            arch,
            #[inline(always)]
            || row_error(output, target, scale, grad),
        );
        let square = match counting.ceiling {
            None => square,
            Some(_) => f64::from(counting.bound(square as f32, features, grad)),
        };
        score.rows.push((square / features as f64) as f32);
        score.sum += square;
        score.absolute += absolute;
        score.bias += bias;
    }
    score.grad = grad;
    score
}

/// Σ e², Σ |e| and Σ e of the errors e of a row, `scale` · e in `grad`. In sums side by side, so that it is done in vectors.
#[inline(always)]
fn row_error(output: &[f32], target: &[f32], scale: f32, grad: &mut [f32]) -> [f64; 3] {
    const LANES: usize = 16;
    let mut sums = [[0.0f64; LANES]; 3];
    let mut place = |lane: usize, grad: &mut f32, error: f32| {
        *grad = scale * error;
        let error = f64::from(error);
        sums[0][lane] += error * error;
        sums[1][lane] += error.abs();
        sums[2][lane] += error;
    };
    let whole = output.len() / LANES * LANES;
    for at in (0..whole).step_by(LANES) {
        let (grad, output, target) = (&mut grad[at..][..LANES], &output[at..][..LANES], &target[at..][..LANES]);
        (0..LANES).for_each(|lane| place(lane, &mut grad[lane], output[lane] - target[lane]));
    }
    (whole..output.len()).for_each(|at| place(at - whole, &mut grad[at], output[at] - target[at]));
    sums.map(|sums| sums.iter().sum())
}

struct Mixture<'a> {
    components: usize,
    residual: bool,
    features: usize,
    /// `[row][components logits, components · features changes, components · features log scales]`
    output: &'a [f32],
    heard: &'a [f32],
    target: &'a [f32],
    counting: Counting<'a>,
}

fn mixture(of: Mixture<'_>) -> Score {
    let Mixture { components, residual, features, output, heard, target, counting } = of;
    let width = components * (1 + 2 * features);
    let mut grad = vec![0.0; output.len()];
    let scale = 1.0 / counting.features(target.len() / features, features).max(1) as f32;
    let mut row = MixtureRow {
        change: vec![0.0; features],
        log_likelihood: vec![0.0; components],
        weight: vec![0.0; components],
        prior: vec![0.0; components],
    };
    let arch = pulp::Arch::new();
    let (mut sum, mut absolute, mut bias) = (0.0f64, 0.0f64, 0.0f64);
    let mut row_losses = Vec::with_capacity(target.len() / features);
    let mut error = vec![0.0f32; features];
    let rows = output.chunks_exact(width).zip(grad.chunks_exact_mut(width));
    // Where the frame slides, what is predicted follows its last number.
    let inputs = heard.len() * features / target.len();
    let pairs = heard.chunks_exact(inputs).map(|row| &row[inputs - features..]).zip(target.chunks_exact(features));
    for (index, ((output, grad), (heard, target))) in rows.zip(pairs).enumerate() {
        if !counting.is_scored(index) {
            row_losses.push(0.0);
            continue;
        }
        row.change
            .iter_mut()
            .zip(heard.iter().zip(target))
            .for_each(|(c, (x, y))| *c = if residual { y - x } else { *y });
        let loss = vectorize(
            arch,
            #[inline(always)]
            || row.score(output, grad, scale),
        );
        let loss = counting.bound(loss, features, grad);
        sum += f64::from(loss);
        row_losses.push(loss / features as f32);
        // The mean of a mixture is the mean of its means.
        error.iter_mut().zip(&row.change).for_each(|(e, c)| *e = -c);
        for (k, &prior) in row.prior.iter().enumerate() {
            let means = &output[components + k * features..][..features];
            error.iter_mut().zip(means).for_each(|(e, mean)| *e += prior * mean);
        }
        absolute += f64::from(error.iter().map(|e| e.abs()).sum::<f32>());
        bias += f64::from(error.iter().sum::<f32>());
    }
    Score { sum, absolute, bias, rows: row_losses, grad }
}

struct MixtureRow {
    /// Target, less what was heard if the mixture is residual. `[features]`
    change: Vec<f32>,
    log_likelihood: Vec<f32>,
    weight: Vec<f32>,
    /// The mixture's own weights.
    prior: Vec<f32>,
}

impl MixtureRow {
    /// Negative log likelihood of the row's change; `scale` times its gradient goes to `grad`.
    #[inline(always)]
    fn score(&mut self, output: &[f32], grad: &mut [f32], scale: f32) -> f32 {
        let (components, features) = (self.weight.len(), self.change.len());
        let (logits, rest) = output.split_at(components);
        let (changes, log_scales) = rest.split_at(components * features);
        let (grad_logits, rest) = grad.split_at_mut(components);
        let (grad_changes, grad_scales) = rest.split_at_mut(components * features);
        for k in 0..components {
            let at = k * features;
            // First the derivatives of one component's log likelihood: (x − μ)/σ² and (x − μ)²/σ² − 1.
            self.log_likelihood[k] = component(
                &self.change,
                &changes[at..at + features],
                &log_scales[at..at + features],
                &mut grad_changes[at..at + features],
                &mut grad_scales[at..at + features],
            );
        }
        let log_weights = log_sum_exp(logits.iter().copied());
        let joint = |k: usize| logits[k] - log_weights + self.log_likelihood[k];
        let total = log_sum_exp((0..components).map(joint));
        for k in 0..components {
            self.weight[k] = exp((joint(k) - total).max(-87.0));
        }
        for k in 0..components {
            let at = k * features;
            let prior = exp((logits[k] - log_weights).max(-87.0));
            self.prior[k] = prior;
            grad_logits[k] = scale * (prior - self.weight[k]);
            let factor = -scale * self.weight[k];
            grad_changes[at..at + features].iter_mut().for_each(|g| *g *= factor);
            grad_scales[at..at + features].iter_mut().for_each(|g| *g *= factor);
        }
        -total
    }
}

/// Log likelihood of `change` under one Gaussian, and its derivatives by mean and log scale.
#[inline(always)]
fn component(change: &[f32], mean: &[f32], log_scale: &[f32], by_mean: &mut [f32], by_scale: &mut [f32]) -> f32 {
    const LANES: usize = 16;
    let features = change.len();
    let (mean, log_scale) = (&mean[..features], &log_scale[..features]);
    let (by_mean, by_scale) = (&mut by_mean[..features], &mut by_scale[..features]);
    // Fixed partial sums: they vectorise, and their order is the same everywhere.
    let mut sums = [0.0f32; LANES];
    let least = min_log_scale(features);
    let mut start = 0;
    while start < features {
        let end = (start + LANES).min(features);
        for d in start..end {
            let clamped = log_scale[d].clamp(least, MAX_LOG_SCALE);
            let precision = exp(-clamped);
            let z = (change[d] - mean[d]) * precision;
            sums[d - start] -= 0.5 * z * z + clamped + HALF_LOG_TAU;
            by_mean[d] = z * precision;
            // Outside the bounds the scale has no effect.
            by_scale[d] = if clamped == log_scale[d] { z * z - 1.0 } else { 0.0 };
        }
        start = end;
    }
    sums.iter().sum()
}

/// ln Σ eˣ, with the largest taken out first.
#[inline(always)]
fn log_sum_exp(values: impl Iterator<Item = f32> + Clone) -> f32 {
    let top = values.clone().fold(f32::NEG_INFINITY, f32::max);
    top + libm::logf(values.map(|v| exp((v - top).max(-87.0))).sum())
}

/// A loss whose gradient is known already.
struct Scored {
    mean: f32,
    grad: Vec<f32>,
}

impl CustomOp1 for Scored {
    fn name(&self) -> &'static str {
        "loss"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F32(vec![self.mean]), ().into()))
    }

    fn bwd(&self, output: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let factor = grad.to_scalar::<f32>()?;
        let mut values = self.grad.clone();
        if factor != 1.0 {
            values.iter_mut().for_each(|g| *g *= factor);
        }
        Ok(Some(Tensor::from_vec(values, output.shape(), &Device::Cpu)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::random::Random;
    use candle_core::Var;

    #[test]
    fn unscored_rows_count_nothing_and_surprises_no_more_than_the_ceiling() {
        let mut random = Random::new(9);
        for head in [Head::Mse, Head::Mixture { components: 2, residual: false }] {
            let (rows, features) = (6, 3);
            let width = if head == Head::Mse { features } else { 2 * (1 + 2 * features) };
            let mut draw = |count: usize| (0..count).map(|_| random.normal()).collect::<Vec<f32>>();
            let (outputs, heard, mut target) = (draw(rows * width), draw(rows * features), draw(rows * features));
            target[4 * features..5 * features].fill(20.0);
            let gradient_of = |rows: std::ops::Range<usize>, counting: Counting<'_>| {
                let output = &outputs[rows.start * width..rows.end * width];
                let output = Var::from_tensor(&Tensor::from_slice(output, (rows.len(), width), &Device::Cpu)?)?;
                let span = rows.start * features..rows.end * features;
                let loss = loss(head, &output, &heard[span.clone()], &target[span], counting)?;
                let gradient =
                    loss.node.backward()?.get(&output).expect("a gradient").flatten_all()?.to_vec1::<f32>()?;
                Ok::<_, candle_core::Error>((loss, gradient))
            };
            let of = |rows, counting| gradient_of(rows, counting).expect("a loss");
            let single: Vec<(Loss, Vec<f32>)> = (0..rows).map(|row| of(row..row + 1, Counting::default())).collect();
            let loudest = single[4].0.mean;
            let ceiling = 0.5
                * (loudest
                    + single
                        .iter()
                        .enumerate()
                        .filter(|(row, _)| *row != 4)
                        .map(|(_, (l, _))| l.mean)
                        .fold(0.0, f32::max));
            let scored = [true, false, true, true, true, false];
            for ceiling in [None, Some(ceiling)] {
                let (all, gradient) = of(0..rows, Counting { scored: Some(&scored), ceiling });
                let bound = |row: usize| ceiling.map_or(1.0, |most| (most / single[row].0.mean).min(1.0));
                let gain = |row: usize| {
                    if !scored[row] {
                        0.0
                    } else if row == 4 {
                        bound(row)
                    } else {
                        1.0
                    }
                };
                let mean = (0..rows).map(|row| gain(row) * single[row].0.mean).sum::<f32>() / 4.0;
                assert!((all.mean - mean).abs() < 1e-5 * mean.abs(), "{head:?}: {} for {mean}", all.mean);
                for (row, got) in gradient.chunks_exact(width).enumerate() {
                    for (got, alone) in got.iter().zip(&single[row].1) {
                        let expected = gain(row) * alone / 4.0;
                        assert!(
                            (got - expected).abs() <= 1e-5 * expected.abs(),
                            "{head:?} row {row}: {got}, {expected}"
                        );
                    }
                    assert_eq!(all.rows[row] == 0.0, !scored[row]);
                }
                let absolute =
                    (0..rows).filter(|&row| scored[row]).map(|row| single[row].0.absolute).sum::<f32>() / 4.0;
                assert!((all.absolute - absolute).abs() < 1e-5 * absolute, "{} for {absolute}", all.absolute);
            }
            let (none, gradient) = of(0..rows, Counting { scored: Some(&[false; 6]), ceiling: None });
            assert!(none.mean == 0.0 && gradient.iter().all(|&g| g == 0.0));
        }
    }

    #[test]
    fn a_residual_mixture_over_a_sliding_frame_follows_its_newest_sample() {
        let head = Head::Mixture { components: 2, residual: true };
        let mut random = Random::new(8);
        let mut draw = |count: usize| (0..count).map(|_| random.normal()).collect::<Vec<f32>>();
        let (rows, inputs) = (5, 3);
        let (frames, target) = (draw(rows * inputs), draw(rows));
        let newest: Vec<f32> = frames.chunks_exact(inputs).map(|frame| frame[inputs - 1]).collect();
        let output = Tensor::from_vec(draw(rows * 6), (rows, 6), &Device::Cpu).expect("a tensor");
        let of = |heard: &[f32]| loss(head, &output, heard, &target, Counting::default()).expect("a loss").rows;
        assert_eq!(of(&frames), of(&newest));
        assert_ne!(of(&frames), of(&frames[..rows]));
    }
}
