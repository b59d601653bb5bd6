//! Vectors of x86-64: AVX2 with FMA and F16C, AVX-512, and AVX-512 with its dot products of bytes (VNNI).

use super::Lanes;
use pulp::{
    Simd, cast, f32x8, f32x16, i32x8, i32x16, u16x8, u16x16,
    x86::{V3, V4},
};

// The feature sets beyond pulp's own levels.
pulp::simd_type!({
    /// Half precision, with all that [`V3`] has, so that code for both can be compiled as one.
    pub struct HalfPrecision {
        sse: f!("sse"),
        sse2: f!("sse2"),
        sse3: f!("sse3"),
        ssse3: f!("ssse3"),
        sse4_1: f!("sse4.1"),
        sse4_2: f!("sse4.2"),
        popcnt: f!("popcnt"),
        avx: f!("avx"),
        avx2: f!("avx2"),
        bmi1: f!("bmi1"),
        bmi2: f!("bmi2"),
        fma: f!("fma"),
        lzcnt: f!("lzcnt"),
        f16c: f!("f16c"),
    }

    /// Dot products of bytes, with all that [`V4`] has, so that code for both can be compiled as one.
    pub struct Vnni {
        sse: f!("sse"),
        sse2: f!("sse2"),
        sse3: f!("sse3"),
        ssse3: f!("ssse3"),
        sse4_1: f!("sse4.1"),
        sse4_2: f!("sse4.2"),
        popcnt: f!("popcnt"),
        avx: f!("avx"),
        avx2: f!("avx2"),
        bmi1: f!("bmi1"),
        bmi2: f!("bmi2"),
        fma: f!("fma"),
        lzcnt: f!("lzcnt"),
        avx512f: f!("avx512f"),
        avx512bw: f!("avx512bw"),
        avx512cd: f!("avx512cd"),
        avx512dq: f!("avx512dq"),
        avx512vl: f!("avx512vl"),
        avx512vnni: f!("avx512vnni"),
    }
});

/// Eight lanes.
#[derive(Clone, Copy, Debug)]
pub struct Avx2Lanes {
    simd: V3,
    pub half: HalfPrecision,
}

impl Avx2Lanes {
    /// `None` without F16C, which every processor with AVX2 has in practice.
    pub fn new(simd: V3) -> Option<Self> {
        HalfPrecision::try_new().map(|half| Self { simd, half })
    }
}

impl Lanes for Avx2Lanes {
    const LANES: usize = 8;
    type F = f32x8;
    type I = i32x8;
    type Halves = u16x8;
    const BYTE_OFFSET: u8 = 0;

    #[inline(always)]
    fn splat(self, x: f32) -> f32x8 {
        self.simd.splat_f32x8(x)
    }

    #[inline(always)]
    fn add(self, a: f32x8, b: f32x8) -> f32x8 {
        self.simd.add_f32x8(a, b)
    }

    #[inline(always)]
    fn sub(self, a: f32x8, b: f32x8) -> f32x8 {
        self.simd.sub_f32x8(a, b)
    }

    #[inline(always)]
    fn mul(self, a: f32x8, b: f32x8) -> f32x8 {
        self.simd.mul_f32x8(a, b)
    }

    #[inline(always)]
    fn mul_add(self, a: f32x8, b: f32x8, c: f32x8) -> f32x8 {
        self.simd.mul_add_f32x8(a, b, c)
    }

    #[inline(always)]
    fn sub_product(self, a: f32x8, b: f32x8, c: f32x8) -> f32x8 {
        self.simd.negate_mul_add_f32x8(a, b, c)
    }

    #[inline(always)]
    fn quotient(self, a: f32x8, b: f32x8) -> f32x8 {
        self.simd.div_f32x8(a, b)
    }

    #[inline(always)]
    fn min(self, a: f32x8, b: f32x8) -> f32x8 {
        self.simd.min_f32x8(a, b)
    }

    #[inline(always)]
    fn max(self, a: f32x8, b: f32x8) -> f32x8 {
        self.simd.max_f32x8(a, b)
    }

    #[inline(always)]
    fn sum(self, a: f32x8) -> f32 {
        self.simd.reduce_sum_f32s(a)
    }

    #[inline(always)]
    fn swap_halves(self, a: f32x8) -> f32x8 {
        cast(self.simd.avx._mm256_permute2f128_ps::<1>(cast(a), cast(a)))
    }

    #[inline(always)]
    fn by_halves(self, low: f32, high: f32) -> f32x8 {
        f32x8(low, low, low, low, high, high, high, high)
    }

    #[inline(always)]
    fn widen_f16(self, halves: u16x8) -> f32x8 {
        // SAFETY: `half` proves that the processor has F16C; pulp has no function for it.
        unsafe { cast(std::arch::x86_64::_mm256_cvtph_ps(cast(halves))) }
    }

    #[inline(always)]
    fn widen_bf16(self, pairs: f32x8) -> [f32x8; 2] {
        let high = self.simd.and_u32x8(cast(pairs), self.simd.splat_u32x8(0xffff_0000));
        [cast(self.simd.avx2._mm256_slli_epi32::<16>(cast(pairs))), cast(high)]
    }

    #[inline(always)]
    fn splat_whole(self, x: i32) -> i32x8 {
        self.simd.splat_i32x8(x)
    }

    #[inline(always)]
    fn dot(self, weights: f32x8, x: i32x8, sum: i32x8) -> i32x8 {
        let avx2 = self.simd.avx2;
        // Even and odd bytes as 16-bit numbers: their products cannot overflow, as those of `maddubs` can.
        let even = |v| avx2._mm256_srai_epi16::<8>(avx2._mm256_slli_epi16::<8>(v));
        let odd = |v| avx2._mm256_srai_epi16::<8>(v);
        let (w, x) = (cast(weights), cast(x));
        let products =
            avx2._mm256_add_epi32(avx2._mm256_madd_epi16(even(w), even(x)), avx2._mm256_madd_epi16(odd(w), odd(x)));
        cast(avx2._mm256_add_epi32(products, cast(sum)))
    }

    #[inline(always)]
    fn to_float(self, a: i32x8) -> f32x8 {
        cast(self.simd.avx._mm256_cvtepi32_ps(cast(a)))
    }

    #[inline(always)]
    fn as_whole(self, bits: f32x8) -> i32x8 {
        cast(bits)
    }
}

/// Sixteen lanes.
#[derive(Clone, Copy, Debug)]
pub struct Avx512Lanes(pub V4);

/// Sixteen lanes whose [`Lanes::dot`] is one instruction.
#[derive(Clone, Copy, Debug)]
pub struct VnniLanes {
    inner: Avx512Lanes,
    pub vnni: Vnni,
}

impl VnniLanes {
    /// `None` where the processor has no VNNI.
    pub fn new(simd: V4) -> Option<Self> {
        Vnni::try_new().map(|vnni| Self { inner: Avx512Lanes(simd), vnni })
    }
}

impl Avx512Lanes {
    #[inline(always)]
    fn dot(self, weights: f32x16, x: i32x16, sum: i32x16) -> i32x16 {
        let (f, bw) = (self.0.avx512f, self.0.avx512bw);
        let even = |v| bw._mm512_srai_epi16::<8>(bw._mm512_slli_epi16::<8>(v));
        let odd = |v| bw._mm512_srai_epi16::<8>(v);
        let (w, x) = (cast(weights), cast(x));
        let products = f._mm512_add_epi32(bw._mm512_madd_epi16(even(w), even(x)), bw._mm512_madd_epi16(odd(w), odd(x)));
        cast(f._mm512_add_epi32(products, cast(sum)))
    }
}

impl VnniLanes {
    #[inline(always)]
    fn dot(self, weights: f32x16, x: i32x16, sum: i32x16) -> i32x16 {
        // SAFETY: `vnni` proves that the processor has it; pulp has no function for it.
        unsafe { cast(std::arch::x86_64::_mm512_dpbusd_epi32(cast(sum), cast(x), cast(weights))) }
    }
}

/// What both kinds of AVX-512 share: all but the dot product of bytes.
macro_rules! sixteen_lanes {
    ($lanes:ty, $offset:expr, |$this:ident| $simd:expr) => {
        impl Lanes for $lanes {
            const LANES: usize = 16;
            type F = f32x16;
            type I = i32x16;
            type Halves = u16x16;
            const BYTE_OFFSET: u8 = $offset;

            #[inline(always)]
            fn splat(self, x: f32) -> f32x16 {
                let $this = self;
                $simd.splat_f32x16(x)
            }

            #[inline(always)]
            fn add(self, a: f32x16, b: f32x16) -> f32x16 {
                let $this = self;
                $simd.add_f32x16(a, b)
            }

            #[inline(always)]
            fn sub(self, a: f32x16, b: f32x16) -> f32x16 {
                let $this = self;
                $simd.sub_f32x16(a, b)
            }

            #[inline(always)]
            fn mul(self, a: f32x16, b: f32x16) -> f32x16 {
                let $this = self;
                $simd.mul_f32x16(a, b)
            }

            #[inline(always)]
            fn mul_add(self, a: f32x16, b: f32x16, c: f32x16) -> f32x16 {
                let $this = self;
                $simd.mul_add_f32x16(a, b, c)
            }

            #[inline(always)]
            fn sub_product(self, a: f32x16, b: f32x16, c: f32x16) -> f32x16 {
                let $this = self;
                $simd.negate_mul_add_f32x16(a, b, c)
            }

            /// The approximation to 14 bits, whose bits its maker has specified, and one step of Newton's, which doubles them.
            #[inline(always)]
            fn quotient(self, a: f32x16, b: f32x16) -> f32x16 {
                let $this = self;
                let simd = $simd;
                let about: f32x16 = cast(simd.avx512f._mm512_rcp14_ps(cast(b)));
                let error = simd.negate_mul_add_f32x16(b, about, simd.splat_f32x16(2.0));
                simd.mul_f32x16(simd.mul_f32x16(a, about), error)
            }

            #[inline(always)]
            fn min(self, a: f32x16, b: f32x16) -> f32x16 {
                let $this = self;
                $simd.min_f32x16(a, b)
            }

            #[inline(always)]
            fn max(self, a: f32x16, b: f32x16) -> f32x16 {
                let $this = self;
                $simd.max_f32x16(a, b)
            }

            #[inline(always)]
            fn sum(self, a: f32x16) -> f32 {
                let $this = self;
                $simd.reduce_sum_f32s(a)
            }

            #[inline(always)]
            fn swap_halves(self, a: f32x16) -> f32x16 {
                let $this = self;
                cast($simd.avx512f._mm512_shuffle_f32x4::<0b01_00_11_10>(cast(a), cast(a)))
            }

            #[inline(always)]
            fn by_halves(self, low: f32, high: f32) -> f32x16 {
                f32x16(low, low, low, low, low, low, low, low, high, high, high, high, high, high, high, high)
            }

            #[inline(always)]
            fn widen_f16(self, halves: u16x16) -> f32x16 {
                let $this = self;
                cast($simd.avx512f._mm512_cvtph_ps(cast(halves)))
            }

            #[inline(always)]
            fn widen_bf16(self, pairs: f32x16) -> [f32x16; 2] {
                let $this = self;
                let high = $simd.and_u32x16(cast(pairs), $simd.splat_u32x16(0xffff_0000));
                [cast($simd.avx512f._mm512_slli_epi32::<16>(cast(pairs))), cast(high)]
            }

            #[inline(always)]
            fn splat_whole(self, x: i32) -> i32x16 {
                let $this = self;
                $simd.splat_i32x16(x)
            }

            #[inline(always)]
            fn dot(self, weights: f32x16, x: i32x16, sum: i32x16) -> i32x16 {
                <$lanes>::dot(self, weights, x, sum)
            }

            #[inline(always)]
            fn to_float(self, a: i32x16) -> f32x16 {
                let $this = self;
                cast($simd.avx512f._mm512_cvtepi32_ps(cast(a)))
            }

            #[inline(always)]
            fn as_whole(self, bits: f32x16) -> i32x16 {
                cast(bits)
            }
        }
    };
}

sixteen_lanes!(Avx512Lanes, 0, |lanes| lanes.0);
// VNNI multiplies unsigned by signed bytes.
sixteen_lanes!(VnniLanes, 0x80, |lanes| lanes.inner.0);
