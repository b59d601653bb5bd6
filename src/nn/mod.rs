//! Recurrent cells and dense layers: one step at a time, no allocation, `f32`.
//!
//! A [`Stack`] holds layers of one [`Cell`]; every cell spends its time in the same kernel.
//! Weights come in PyTorch's layout and are packed once for it. The arithmetic of a step depends on the instruction
//! set ([`Isa`]) and on nothing else: not on how many voices are alive, not on time.

mod activation;
mod bins;
mod cell;
mod dense;
mod feed_forward;
pub(crate) mod grad;
mod isa;
mod kernel;
mod precision;
mod sliding;
mod stack;
mod state;

#[cfg(feature = "train")]
pub(crate) use activation::elu;
pub(crate) use activation::sigmoid;
pub(crate) use activation::{exp, tanh};
pub use bins::{BinLayer, BinScratch};
pub use cell::{CELLS, Cell, CellInfo, StackShape, TorchModule, layer::LayerWeights};
pub use dense::{Dense, Forwarding};
pub use feed_forward::{Activation, Autoencoder, AutoencoderWeights, DenseWeights, FeedForward, FeedForwardState};
pub use isa::Isa;
pub(crate) use isa::vectorize;
pub(crate) use kernel::round_row;
pub use precision::Precision;
pub use stack::{Stack, Stepping};
pub use state::StackState;
