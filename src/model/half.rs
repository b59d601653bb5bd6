//! Half precision (IEEE 754 binary16), in which a model file may keep its matrices.

use half::f16;

/// The nearest half, ties to even; beyond 65 504 an infinity. A NaN stays one.
pub(super) fn to_half(value: f32) -> u16 {
    f16::from_f32(value).to_bits()
}

/// Exact.
pub(super) fn from_half(half: u16) -> f32 {
    f16::from_bits(half).to_f32()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_comes_back() {
        for half in 0..=u16::MAX {
            let value = from_half(half);
            if value.is_nan() {
                assert!(half & 0x7fff > 0x7c00 && from_half(to_half(value)).is_nan());
            } else {
                assert_eq!(to_half(value), half, "{value:e}");
            }
        }
        // numpy: np.float16(x).view(np.uint16)
        for (value, half) in [(1.0, 0x3c00), (-2.5, 0xc100), (65_504.0, 0x7bff), (5.960_464_5e-8, 1), (0.1, 0x2e66)] {
            assert_eq!(to_half(value), half, "{value}");
        }
        assert_eq!((to_half(f32::INFINITY), to_half(65_520.0), to_half(-65_519.0)), (0x7c00, 0x7c00, 0xfbff));
    }

    #[test]
    fn what_lies_between_goes_to_the_nearer_one_and_ties_to_the_even() {
        for half in 0..0x7bffu16 {
            let (low, high) = (from_half(half), from_half(half + 1));
            let middle = 0.5 * (low + high);
            assert_eq!(to_half(middle.next_down()), half, "below {middle:e}");
            assert_eq!(to_half(middle.next_up()), half + 1, "above {middle:e}");
            assert_eq!(to_half(middle), half + (half & 1), "{middle:e}");
            assert_eq!(to_half(-middle), 0x8000 | (half + (half & 1)), "-{middle:e}");
        }
    }
}
