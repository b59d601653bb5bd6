//! From recordings to the rows that a network hears and is to predict.

pub(crate) mod dataset;
pub(crate) mod figures;
pub(crate) mod foreign;
pub(crate) mod material;
pub(crate) mod pca;
pub(crate) mod rows;
pub(crate) mod streams;
