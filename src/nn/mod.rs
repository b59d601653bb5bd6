//! Recurrent cells and dense layers: one step at a time, no allocation, `f32`.
//!
//! Weights come in PyTorch's layout and are packed once for the kernel. The arithmetic of a step depends on the instruction
//! set ([`Isa`]) and on nothing else: not on how many voices are alive, not on time.

mod activation;
mod dense;
mod isa;
mod lstm;
mod matrix;

#[cfg(feature = "train")]
pub(crate) use activation::{exp, sigmoid, tanh};
pub use dense::Dense;
pub use isa::Isa;
pub use lstm::{LstmLayerWeights, LstmStack, LstmState};
pub use matrix::PackedMatrix;
