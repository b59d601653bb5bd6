//! Vectors for any processor: arrays that the compiler may or may not put into registers. The reference of the others.

use super::Lanes;
use half::f16;
use std::array::from_fn;

const LANES: usize = 8;

/// Eight lanes, without a fused multiplication, which would be a library call.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

impl Lanes for Portable {
    const LANES: usize = LANES;
    type F = [f32; LANES];
    type I = [i32; LANES];
    type Halves = [u16; LANES];
    const BYTE_OFFSET: u8 = 0;

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F {
        [x; LANES]
    }

    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        from_fn(|i| a[i] + b[i])
    }

    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        from_fn(|i| a[i] - b[i])
    }

    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        from_fn(|i| a[i] * b[i])
    }

    #[inline(always)]
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        from_fn(|i| a[i] * b[i] + c[i])
    }

    #[inline(always)]
    fn sub_product(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        from_fn(|i| c[i] - a[i] * b[i])
    }

    #[inline(always)]
    fn quotient(self, a: Self::F, b: Self::F) -> Self::F {
        from_fn(|i| a[i] / b[i])
    }

    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        from_fn(|i| if a[i] < b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        from_fn(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    fn sum(self, a: Self::F) -> f32 {
        let [a, b, c, d]: [f32; 4] = from_fn(|i| a[i] + a[i + 4]);
        (a + c) + (b + d)
    }

    #[inline(always)]
    fn swap_halves(self, a: Self::F) -> Self::F {
        from_fn(|i| a[(i + LANES / 2) % LANES])
    }

    #[inline(always)]
    fn by_halves(self, low: f32, high: f32) -> Self::F {
        from_fn(|i| if i < LANES / 2 { low } else { high })
    }

    #[inline(always)]
    fn widen_f16(self, halves: Self::Halves) -> Self::F {
        halves.map(|bits| f16::from_bits(bits).to_f32())
    }

    #[inline(always)]
    fn widen_bf16(self, pairs: Self::F) -> [Self::F; 2] {
        [pairs.map(|x| f32::from_bits(x.to_bits() << 16)), pairs.map(|x| f32::from_bits(x.to_bits() & 0xffff_0000))]
    }

    #[inline(always)]
    fn splat_whole(self, x: i32) -> Self::I {
        [x; LANES]
    }

    #[inline(always)]
    fn dot(self, weights: Self::F, x: Self::I, sum: Self::I) -> Self::I {
        from_fn(|i| {
            let (w, x) = (weights[i].to_bits().to_le_bytes(), x[i].to_le_bytes());
            (0..4).fold(sum[i], |sum, k| sum + i32::from(w[k] as i8) * i32::from(x[k] as i8))
        })
    }

    #[inline(always)]
    fn to_float(self, a: Self::I) -> Self::F {
        a.map(|x| x as f32)
    }

    #[inline(always)]
    fn as_whole(self, bits: Self::F) -> Self::I {
        bits.map(|x| x.to_bits() as i32)
    }
}
