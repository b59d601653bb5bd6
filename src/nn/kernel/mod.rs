//! What costs time in a network: products of packed weights with vectors, and the activations that follow while the sums are
//! still in registers.
//!
//! A [`PackedMatrix`] stores its rows in *tiles*; a tile's weights lie column by column, so that they are read once, in order,
//! while its sums stay in registers. Several voices go through a tile together. A product with few rows is [`Dots`]. Everything
//! is written once, over [`Lanes`], and compiled for every instruction set; [`Isa::launch`](super::Isa) picks one at run time.

mod activation;
mod buffer;
mod dots;
mod lanes;
mod matrix;
mod multiply;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
mod product;
mod quantise;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(super) use activation::{sigmoid, sigmoid_of_half, tanh};
pub(super) use buffer::AlignedBuffer;
pub(super) use dots::Dots;
pub(super) use lanes::{Kernel, Lanes};
pub(super) use matrix::{Order, PAIRS, PackedMatrix, Row};
pub(super) use multiply::{Factors, Sweep};
#[cfg(target_arch = "aarch64")]
pub(super) use neon::NeonLanes;
pub(super) use portable::Portable;
pub(super) use product::{Operand, Pairs, Single, Storage};
pub(crate) use quantise::round_row;
pub(super) use quantise::words;
#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2Lanes, Avx512Lanes, VnniLanes};
