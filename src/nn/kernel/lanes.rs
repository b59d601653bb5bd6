//! What a kernel asks of an instruction set.

use bytemuck::Pod;

/// Something to compute at whatever instruction set there is.
pub trait Kernel {
    /// What comes of it.
    type Output;

    /// Computes it. Must be inlined, or it is compiled for the least processor.
    fn run<L: Lanes>(self, lanes: L) -> Self::Output;
}

/// Vectors of one instruction set. A value of the type proves that the processor has it.
pub trait Lanes: Copy {
    /// Numbers in a vector.
    const LANES: usize;
    /// As many `f32`.
    type F: Copy + Pod;
    /// As many `i32`.
    type I: Copy;
    /// As many 16-bit numbers, in memory.
    type Halves: Copy + Pod;
    /// What is added to a rounded number before [`Self::dot`] sees its byte.
    const BYTE_OFFSET: u8;

    /// All lanes the same.
    fn splat(self, x: f32) -> Self::F;
    /// a + b.
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    /// a − b.
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    /// a · b.
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    /// a · b + c, fused where the processor can.
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// c − a · b, fused where the processor can.
    fn sub_product(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// a / b to within 2⁻²² of itself, for 1 ≤ b ≤ 1000.
    fn quotient(self, a: Self::F, b: Self::F) -> Self::F;
    /// The smaller; b where one is not a number.
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    /// The larger; b where one is not a number.
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    /// The sum of all lanes.
    fn sum(self, a: Self::F) -> f32;
    /// The halves of a vector change places.
    fn swap_halves(self, a: Self::F) -> Self::F;
    /// `low` in the lower half of the lanes, `high` in the upper.
    fn by_halves(self, low: f32, high: f32) -> Self::F;

    /// IEEE half precision to `f32`.
    fn widen_f16(self, halves: Self::Halves) -> Self::F;
    /// Pairs of bfloat16: the numbers in the lower halves of the 32-bit words, and those in the upper.
    fn widen_bf16(self, pairs: Self::F) -> [Self::F; 2];

    /// All lanes the same.
    fn splat_whole(self, x: i32) -> Self::I;
    /// Adds to every lane the products of its four bytes (signed) with the four of `x`, which are signed, or with
    /// [`Self::BYTE_OFFSET`] unsigned.
    fn dot(self, weights: Self::F, x: Self::I, sum: Self::I) -> Self::I;
    /// To `f32`.
    fn to_float(self, a: Self::I) -> Self::F;
    /// The bits of 32-bit whole numbers that lie in memory as if they were `f32`.
    fn as_whole(self, bits: Self::F) -> Self::I;
}
