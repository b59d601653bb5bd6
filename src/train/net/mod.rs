//! The network while it is trained: layers over whole segments, forward and backward, and the losses.

pub(crate) mod cells;
pub(crate) mod dense;
pub(crate) mod dropout;
pub(crate) mod gradient;
#[cfg(test)]
mod gradient_check;
pub(crate) mod loss;
pub(crate) mod network;
pub(crate) mod tensors;
pub(crate) mod workspace;
