//! Half precision (IEEE 754 binary16), in which a model file may keep its matrices.

/// The nearest half, ties to even; beyond 65 504 an infinity. The payload of a NaN is lost.
pub(super) fn to_half(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16 & 0x8000) as u16;
    let magnitude = bits & 0x7fff_ffff;
    if magnitude > 0x7f80_0000 {
        return sign | 0x7e00;
    }
    // 65 520 and more: closer to 2^16 than to the largest half.
    if magnitude >= 0x477f_f000 {
        return sign | 0x7c00;
    }
    let half = if magnitude < 0x3880_0000 {
        // Below 2^-14: a multiple of 2^-24. In 0.5 + x the last bit counts exactly these, and the sum rounds as it should.
        (f32::from_bits(magnitude) + 0.5).to_bits() - 0.5f32.to_bits()
    } else {
        // Other exponent bias; 13 bits fewer. A carry out of the fraction raises the exponent, as it should.
        let rebiased = magnitude - (112 << 23);
        (rebiased + 0xfff + (rebiased >> 13 & 1)) >> 13
    };
    sign | half as u16
}

/// Exact.
pub(super) fn from_half(half: u16) -> f32 {
    let sign = u32::from(half & 0x8000) << 16;
    let magnitude = u32::from(half & 0x7fff);
    let bits = match magnitude {
        0..0x400 => (magnitude as f32 / 16_777_216.0).to_bits(),
        0x400..0x7c00 => (magnitude << 13) + (112 << 23),
        _ => magnitude << 13 | 0x7f80_0000,
    };
    f32::from_bits(sign | bits)
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
