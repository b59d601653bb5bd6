//! Vectors of arm64.

use super::Lanes;
use half::f16;
use pulp::{Simd, aarch64::Neon, cast, f32x4, i32x4, u32x4};

/// Four lanes.
#[derive(Clone, Copy, Debug)]
pub struct NeonLanes(pub Neon);

impl Lanes for NeonLanes {
    const LANES: usize = 4;
    type F = f32x4;
    type I = i32x4;
    type Halves = [u16; 4];
    const BYTE_OFFSET: u8 = 0;

    #[inline(always)]
    fn splat(self, x: f32) -> f32x4 {
        self.0.splat_f32s(x)
    }

    #[inline(always)]
    fn add(self, a: f32x4, b: f32x4) -> f32x4 {
        self.0.add_f32s(a, b)
    }

    #[inline(always)]
    fn sub(self, a: f32x4, b: f32x4) -> f32x4 {
        self.0.sub_f32s(a, b)
    }

    #[inline(always)]
    fn mul(self, a: f32x4, b: f32x4) -> f32x4 {
        self.0.mul_f32s(a, b)
    }

    #[inline(always)]
    fn mul_add(self, a: f32x4, b: f32x4, c: f32x4) -> f32x4 {
        self.0.mul_add_f32s(a, b, c)
    }

    #[inline(always)]
    fn sub_product(self, a: f32x4, b: f32x4, c: f32x4) -> f32x4 {
        self.0.negate_mul_add_f32s(a, b, c)
    }

    #[inline(always)]
    fn quotient(self, a: f32x4, b: f32x4) -> f32x4 {
        self.0.div_f32s(a, b)
    }

    #[inline(always)]
    fn min(self, a: f32x4, b: f32x4) -> f32x4 {
        let smaller = self.0.less_than_f32s(a, b);
        self.0.select_f32s(smaller, a, b)
    }

    #[inline(always)]
    fn max(self, a: f32x4, b: f32x4) -> f32x4 {
        let larger = self.0.less_than_f32s(b, a);
        self.0.select_f32s(larger, a, b)
    }

    #[inline(always)]
    fn sum(self, a: f32x4) -> f32 {
        self.0.reduce_sum_f32s(a)
    }

    #[inline(always)]
    fn swap_halves(self, a: f32x4) -> f32x4 {
        f32x4(a.2, a.3, a.0, a.1)
    }

    #[inline(always)]
    fn by_halves(self, low: f32, high: f32) -> f32x4 {
        f32x4(low, low, high, high)
    }

    #[inline(always)]
    fn widen_f16(self, halves: [u16; 4]) -> f32x4 {
        cast(halves.map(|bits| f16::from_bits(bits).to_f32()))
    }

    #[inline(always)]
    fn widen_bf16(self, pairs: f32x4) -> [f32x4; 2] {
        let bits: u32x4 = cast(pairs);
        let low = self.0.mul_u32s(bits, self.0.splat_u32s(0x1_0000));
        [cast(low), cast(self.0.and_u32s(bits, self.0.splat_u32s(0xffff_0000)))]
    }

    #[inline(always)]
    fn splat_whole(self, x: i32) -> i32x4 {
        self.0.splat_i32s(x)
    }

    #[inline(always)]
    fn dot(self, weights: f32x4, x: i32x4, sum: i32x4) -> i32x4 {
        let (w, x): ([[i8; 4]; 4], [[i8; 4]; 4]) = (cast(weights), cast(x));
        let sum: [i32; 4] = cast(sum);
        cast(std::array::from_fn::<i32, 4, _>(|i| {
            (0..4).fold(sum[i], |sum, k| sum + i32::from(w[i][k]) * i32::from(x[i][k]))
        }))
    }

    #[inline(always)]
    fn to_float(self, a: i32x4) -> f32x4 {
        let a: [i32; 4] = cast(a);
        cast(a.map(|x| x as f32))
    }

    #[inline(always)]
    fn as_whole(self, bits: f32x4) -> i32x4 {
        cast(bits)
    }
}
