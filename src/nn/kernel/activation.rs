//! Sigmoid and tanh of vectors.
//!
//! tanh x ≈ x·P(x²) / Q(x²) with P and Q of the fourth degree, a rational minimax fit on |x| ≤ 8 made for this file; past 8
//! tanh is 1 to within 2.3·10⁻⁷. Absolute error below 4·10⁻⁷ for tanh, 2.5·10⁻⁷ for the sigmoid, at every instruction set.

use super::Lanes;

/// |tanh| past this is taken for what it is there.
const END: f32 = 8.0;
const P: [f32; 5] = [1.506_169e-8, 2.177_316_5e-5, 3.564_151_5e-3, 0.134_381_88, 0.999_999_94];
const Q: [f32; 5] = [8.453_614_6e-7, 3.399_171_4e-4, 2.613_599_8e-2, 0.467_715_08, 1.0];

/// tanh x; not a number if x is none.
#[inline(always)]
pub fn tanh<L: Lanes>(lanes: L, x: L::F) -> L::F {
    // x stands second: of a pair with something that is not a number the second comes out.
    let x = lanes.max(lanes.splat(-END), lanes.min(lanes.splat(END), x));
    let square = lanes.mul(x, x);
    let polynomial = |coefficients: [f32; 5]| {
        let [first, rest @ ..] = coefficients;
        rest.into_iter().fold(lanes.splat(first), |sum, c| lanes.mul_add(sum, square, lanes.splat(c)))
    };
    lanes.quotient(lanes.mul(x, polynomial(P)), polynomial(Q))
}

/// 1 / (1 + e⁻ˣ) = ½ + ½·tanh(x/2), of x/2, where rows of weights were halved when they were packed, which is exact.
#[inline(always)]
pub fn sigmoid_of_half<L: Lanes>(lanes: L, half_x: L::F) -> L::F {
    let half = lanes.splat(0.5);
    lanes.mul_add(half, tanh(lanes, half_x), half)
}

/// 1 / (1 + e⁻ˣ).
#[inline(always)]
pub fn sigmoid<L: Lanes>(lanes: L, x: L::F) -> L::F {
    sigmoid_of_half(lanes, lanes.mul(x, lanes.splat(0.5)))
}

#[cfg(test)]
mod tests {
    use super::{super::Kernel, *};
    use crate::nn::Isa;

    struct Both<'a>(&'a [f32], &'a mut Vec<(f32, f32)>);

    impl Kernel for Both<'_> {
        type Output = ();

        #[inline(always)]
        fn run<L: Lanes>(self, lanes: L) {
            for x in bytemuck::cast_slice::<f32, L::F>(self.0) {
                let both = [tanh(lanes, *x), sigmoid_of_half(lanes, *x)];
                let numbers = bytemuck::cast_slice::<L::F, f32>(&both);
                self.1.extend((0..L::LANES).map(|i| (numbers[i], numbers[L::LANES + i])));
            }
        }
    }

    fn both(isa: Isa, x: &[f32]) -> Vec<(f32, f32)> {
        let mut values = Vec::new();
        isa.launch(Both(x, &mut values));
        values
    }

    #[test]
    fn errors_stay_within_the_bound_at_every_level() {
        let x: Vec<f32> = (-400_000..400_000).map(|i| i as f32 * 2.5e-5 * 1.6).collect();
        for isa in Isa::all() {
            let (mut worst_tanh, mut worst_sigmoid) = (0.0f64, 0.0f64);
            for (&x, (t, s)) in x.iter().zip(both(isa, &x)) {
                let exact = f64::from(x).tanh();
                assert!((-1.0..=1.0).contains(&t) && (0.0..=1.0).contains(&s), "{}: {x}: {t}, {s}", isa.name());
                worst_tanh = worst_tanh.max((f64::from(t) - exact).abs());
                worst_sigmoid = worst_sigmoid.max((f64::from(s) - 0.5 - 0.5 * exact).abs());
            }
            assert!(worst_tanh < 4e-7 && worst_sigmoid < 2.5e-7, "{}: {worst_tanh}, {worst_sigmoid}", isa.name());
        }
    }

    #[test]
    fn ends_are_flat_and_what_is_no_number_stays_none() {
        let x = [f32::INFINITY, 1e30, 50.0, -50.0, -1e30, f32::NEG_INFINITY, 0.0, f32::NAN].repeat(2);
        for isa in Isa::all() {
            let values = both(isa, &x);
            for (i, sign) in [1.0, 1.0, 1.0, -1.0, -1.0, -1.0].into_iter().enumerate() {
                assert!((values[i].0 - sign).abs() < 4e-7 && (values[i].1 - 0.5 - 0.5 * sign).abs() < 2.5e-7);
            }
            assert_eq!(values[6], (0.0, 0.5));
            assert!(values[7].0.is_nan() && values[7].1.is_nan(), "{}", isa.name());
        }
    }
}
