//! Vectors rounded to bytes at every step, for weights of 8 bits.

use super::Lanes;

/// Adding and subtracting 1.5·2²³ rounds to the nearest whole number and leaves it in the low bits.
const ROUND: f32 = 12_582_912.0;
/// The largest byte; the range is symmetric.
const MOST: f32 = 127.0;

/// Words that hold `length` numbers, four bytes each.
pub fn words(length: usize) -> usize {
    length.div_ceil(4)
}

/// Rounds `values` to multiples of a step, 127 of which reach the largest, and returns the step: not a number where the values
/// were not all finite, so that this is not hidden. The first of four numbers is the lowest byte of a word.
#[inline(always)]
pub fn quantise<L: Lanes>(lanes: L, values: &[f32], quads: &mut [i32]) -> f32 {
    let [most, poison] = survey(lanes, values);
    let factor = if most > 0.0 { MOST / most } else { 0.0 };
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(quads);
    for (byte, &x) in bytes.iter_mut().zip(values) {
        *byte = (x * factor + ROUND).to_bits() as u8 ^ L::BYTE_OFFSET;
    }
    most / MOST + poison
}

/// `[largest |x| but for what is no number, 0 or not a number where some value is not finite]`
#[inline(always)]
fn survey<L: Lanes>(lanes: L, values: &[f32]) -> [f32; 2] {
    let (whole, rest) = values.split_at(values.len() / L::LANES * L::LANES);
    let zero = lanes.splat(0.0);
    let (mut most, mut poison) = (zero, zero);
    for &x in bytemuck::cast_slice::<f32, L::F>(whole) {
        most = lanes.max(lanes.max(x, lanes.sub(zero, x)), most);
        poison = lanes.mul_add(x, zero, poison);
    }
    let most: &[f32] = bytemuck::cast_slice(std::slice::from_ref(&most));
    // One by one: see `sum_rest` in dots.rs.
    let alone = rest.iter().fold([0.0f32; 2], |[most, poison], x| [most.max(x.abs()), poison + x * 0.0]);
    [most.iter().fold(alone[0], |most, &x| most.max(x)), alone[1] + lanes.sum(poison)]
}

/// One row of weights to bytes: the step, then the bytes as multiples of it.
pub fn round_row(row: impl Iterator<Item = f32> + Clone) -> (f32, impl Iterator<Item = i8>) {
    let most = row.clone().fold(0.0f32, |most, w| most.max(w.abs()));
    let factor = if most > 0.0 { MOST / most } else { 0.0 };
    (most / MOST, row.map(move |w| (w * factor).round() as i8))
}
