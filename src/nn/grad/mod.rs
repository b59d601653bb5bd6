//! What a trainer computes with between its tensors: products of matrices, a row of a GRU and of a cross-entropy, forward and backward.
//! Everything lies in slices and is added up in a fixed order.

mod cross_entropy;
mod dot;
mod gru;
mod product;

pub(crate) use cross_entropy::score;
pub(crate) use dot::dot;
pub(crate) use gru::{GruBackwardRow, GruRow};
#[cfg(feature = "train")]
pub(crate) use product::TILE;
pub(crate) use product::{PANEL, Product, View, pack, scratch_len};
