//! Memory that begins on a cache line.

use bytemuck::{AnyBitPattern, NoUninit, Pod, Zeroable};

/// Two cache lines, as long as a pair of the longest vectors.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u8; LINE_BYTES]);

const LINE_BYTES: usize = 128;

/// Zeros at first; whole pairs of cache lines, seen as numbers or vectors of any kind that divides them.
#[derive(Clone, Debug, Default)]
pub struct AlignedBuffer {
    lines: Vec<Line>,
}

impl AlignedBuffer {
    /// Room for `bytes`, rounded up to whole pairs of lines.
    pub fn new(bytes: usize) -> Self {
        Self { lines: vec![Line::zeroed(); bytes.div_ceil(LINE_BYTES)] }
    }

    /// `values`, then zeros.
    pub fn of(values: &[f32]) -> Self {
        let mut buffer = Self::new(size_of_val(values));
        buffer.view_mut()[..values.len()].copy_from_slice(values);
        buffer
    }

    /// Numbers on the way from those of `from`, at 0, to those of `to`, at 1. All three are as long.
    pub fn blend(&mut self, from: &Self, to: &Self, amount: f32) {
        let ends = from.view::<f32>().iter().zip(to.view::<f32>());
        self.view_mut::<f32>().iter_mut().zip(ends).for_each(|(slot, (from, to))| *slot = from + amount * (to - from));
    }

    /// Bytes.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.lines[..])
    }

    /// All of it.
    #[inline(always)]
    pub fn view<T: AnyBitPattern>(&self) -> &[T] {
        bytemuck::cast_slice(&self.lines)
    }

    /// All of it.
    #[inline(always)]
    pub fn view_mut<T: AnyBitPattern + NoUninit>(&mut self) -> &mut [T] {
        bytemuck::cast_slice_mut(&mut self.lines)
    }
}
