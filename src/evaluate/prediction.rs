//! What of a signal cannot be told from the samples before it: the residual of linear prediction (Makhoul, *Linear
//! prediction: a tutorial review*, Proc. IEEE 63(4), 1975). A string that swings is almost wholly predictable; a sample
//! that was put beside another is not.

const ORDER: usize = 24;
/// The filter is fitted to windows of this length and used in the middle half of each.
const BLOCK_SECONDS: f64 = 0.04;
/// White noise 90 dB below the signal keeps the filter stable.
const WHITENING: f64 = 1e-9;

/// The residual of every sample, as long as `sound`.
pub fn residual(sound: &[f32], sample_rate_hz: u32) -> Vec<f32> {
    let hop = ((0.5 * BLOCK_SECONDS * f64::from(sample_rate_hz)) as usize).max(ORDER);
    let block = 2 * hop;
    let window: Vec<f64> =
        (0..block).map(|i| 0.5 - 0.5 * libm::cos(std::f64::consts::TAU * (i as f64 + 0.5) / block as f64)).collect();
    let mut residual = vec![0.0; sound.len()];
    let mut samples = vec![0.0; block];
    let at =
        |index: isize| usize::try_from(index).ok().and_then(|index| sound.get(index)).map_or(0.0, |&x| f64::from(x));
    for start in (0..sound.len()).step_by(hop) {
        let first = start as isize - (hop / 2) as isize;
        for (index, (slot, window)) in samples.iter_mut().zip(&window).enumerate() {
            *slot = window * at(first + index as isize);
        }
        let filter = coefficients(&samples);
        for (index, slot) in (start as isize..).zip(residual[start..].iter_mut().take(hop)) {
            let told: f64 = filter.iter().enumerate().map(|(k, a)| a * at(index - 1 - k as isize)).sum();
            *slot = (at(index) - told) as f32;
        }
    }
    residual
}

/// The predictor of a windowed block by autocorrelation and Levinson's recursion.
fn coefficients(samples: &[f64]) -> [f64; ORDER] {
    let lag = |k: usize| samples[k..].iter().zip(samples).map(|(a, b)| a * b).sum::<f64>();
    let mut correlation: [f64; ORDER + 1] = std::array::from_fn(lag);
    correlation[0] = correlation[0] * (1.0 + WHITENING) + 1e-12;
    let (mut filter, mut error) = ([0.0; ORDER], correlation[0]);
    for order in 0..ORDER {
        let told: f64 = (0..order).map(|k| filter[k] * correlation[order - k]).sum();
        let reflection = (correlation[order + 1] - told) / error;
        let before = filter;
        for k in 0..order {
            filter[k] = before[k] - reflection * before[order - 1 - k];
        }
        filter[order] = reflection;
        error = (error * (1.0 - reflection * reflection)).max(1e-15);
    }
    filter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_predicted_and_a_step_in_it_is_not() {
        let mut sound: Vec<f32> = (0..22_050).map(|i| 0.3 * libm::sinf(i as f32 * 0.11)).collect();
        sound[11_000..].iter_mut().for_each(|x| *x *= -1.0);
        let residual = residual(&sound, 22_050);
        let largest = |span: std::ops::Range<usize>| residual[span].iter().fold(0.0f32, |a, x| a.max(x.abs()));
        let step = 2.0 * sound[11_000].abs();
        assert!(largest(10_998..11_003) > 0.3 * step, "{} of {step}", largest(10_998..11_003));
        assert!(largest(2000..9000) < 0.003 && largest(13_000..21_000) < 0.003, "{}", largest(2000..9000));
        assert!(super::residual(&[], 8000).is_empty());
    }
}
