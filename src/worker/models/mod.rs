//! The models of an instance: the registry of slots, those that are chosen, and what one costs here.

pub(super) mod chosen;
pub(super) mod measure;
pub(super) mod pair;
pub(super) mod registry;
pub(super) mod shared;
