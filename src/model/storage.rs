//! How a model file may keep its matrices in less than 32 bits: half precision (IEEE 754 binary16), or bytes by the row.

use crate::nn::round_row;
use half::f16;

/// Rows of weights as bytes, and the largest magnitude of each row, of which 127 stands for all. Rounded as a network with
/// [`crate::nn::Precision::Int8`] rounds them, so that what is read again is rounded to the same bytes and scale.
pub(super) fn to_bytes(values: &[f32], columns: usize) -> (Vec<u8>, Vec<f32>) {
    let (mut bytes, mut most) = (Vec::with_capacity(values.len()), Vec::with_capacity(values.len() / columns));
    for row in values.chunks_exact(columns) {
        bytes.extend(round_row(row.iter().copied()).1.map(i8::cast_unsigned));
        most.push(row.iter().fold(0.0f32, |most, w| most.max(w.abs())));
    }
    (bytes, most)
}

/// The way back: as many bytes as rows of `columns`. The largest of a row is exact.
pub(super) fn from_bytes(bytes: &[u8], most: &[f32], columns: usize) -> Vec<f32> {
    let rows = bytes.chunks_exact(columns).zip(most);
    rows.flat_map(|(row, most)| row.iter().map(move |byte| f32::from(byte.cast_signed()) / 127.0 * most)).collect()
}

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
    use crate::dsp::random::Random;

    #[test]
    fn bytes_come_back_to_within_half_a_step_and_the_same_bytes_again() {
        let mut random = Random::new(7);
        let mut values: Vec<f32> =
            (0..60 * 33).map(|i| libm::exp2f((i / 33) as f32 - 30.0) * random.normal()).collect();
        values[..33].fill(0.0);
        let (bytes, most) = to_bytes(&values, 33);
        let back = from_bytes(&bytes, &most, 33);
        for ((row, back), most) in values.chunks(33).zip(back.chunks(33)).zip(&most) {
            let largest = row.iter().fold(0.0f32, |largest, w| largest.max(w.abs()));
            assert_eq!((largest, back.iter().fold(0.0f32, |largest, w| largest.max(w.abs()))), (*most, *most));
            assert!(row.iter().zip(back).all(|(a, b)| (a - b).abs() <= 0.501 * most / 127.0));
        }
        assert_eq!(to_bytes(&back, 33), (bytes, most));
    }

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
