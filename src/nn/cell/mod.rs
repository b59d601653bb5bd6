//! The recurrent cells, one file each.

pub(super) mod clockwork;
mod fused_lstm;
pub(super) mod gru;
pub(super) mod layer;
pub(super) mod lstm;
pub(super) mod rnn;
