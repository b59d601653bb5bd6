//! Sigmoid, tanh and ELU on slices, written so that the compiler can vectorise them: no branch, no call, no fused
//! multiplication, hence the same bits at every instruction-set level. Absolute error below 3·10⁻⁷.

/// ln 2 in two parts (Cody and Waite): their product with a small whole number is exact in the first.
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;
/// Adding and subtracting 1.5·2²³ rounds to the nearest whole number and leaves it in the low bits.
const ROUND: f32 = 12_582_912.0;

/// eˣ for |x| ≤ 87: 2ᵏ times the Taylor polynomial of the remainder, |r| ≤ ln 2 / 2.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = x - k * LN2_HIGH - k * LN2_LOW;
    let mut p = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = p * r + coefficient;
    }
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    p * power
}

/// 1 / (1 + e⁻ˣ). For trainers and layers without recurrence: the kernels have their own.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp((-x).clamp(-87.0, 87.0)))
}

/// tanh x = 1 − 2 / (1 + e²ˣ).
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (1.0 + exp((2.0 * x).clamp(-87.0, 87.0)))
}

/// x where it is positive, else eˣ − 1 (ELU with α = 1, Clevert et al. 2016).
#[inline(always)]
pub(crate) fn elu(x: f32) -> f32 {
    let below = exp(x.clamp(-87.0, 0.0)) - 1.0;
    if x > 0.0 { x } else { below }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elu_is_within_three_in_ten_million_of_libm() {
        let near = (-100_000..=100_000).map(|i| i as f32 * 1e-6);
        for x in (-200_000..=200_000).map(|i| i as f32 * 5e-4).chain(near) {
            let exact = if x > 0.0 { x } else { libm::expm1f(x) };
            assert!((elu(x) - exact).abs() <= 3e-7, "elu({x}) = {}", elu(x));
        }
        assert_eq!((elu(0.0), elu(-1e30), elu(f32::NEG_INFINITY)), (0.0, -1.0, -1.0));
        assert_eq!((elu(1e30), elu(f32::INFINITY)), (1e30, f32::INFINITY));
        assert!(elu(f32::NAN).is_nan());
    }

    #[test]
    fn errors_are_below_three_in_ten_million() {
        for i in -200_000..=200_000 {
            let x = i as f32 * 5e-4;
            let exact = f64::from(x);
            let (s, t) = (f64::from(sigmoid(x)), f64::from(tanh(x)));
            assert!((s - 1.0 / (1.0 + (-exact).exp())).abs() < 3e-7, "sigmoid({x}) = {s}");
            assert!((t - exact.tanh()).abs() < 3e-7, "tanh({x}) = {t}");
        }
        assert_eq!(sigmoid(1e30), 1.0);
        assert!(sigmoid(-1e30) < 1e-30);
        assert_eq!((tanh(1e30), tanh(-1e30)), (1.0, -1.0));
    }
}
