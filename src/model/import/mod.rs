//! Networks trained elsewhere: PyTorch's state dictionaries (`.pt`, `.pth`) and plain safetensors files (feature `train`).
//!
//! [`ExternalFile`] knows which tensors a file holds, [`Recognised`] finds the recurrent network and its dense layer among
//! them by the names of `nn.LSTM`, `nn.GRU`, `nn.RNN` and `nn.Linear`, and reads these under the names of a model file;
//! [`DenseChain`] does so for autoencoders.
//! Nothing of a file is ever executed, and nothing is allocated on a file's word alone.

mod container;
mod dense_chain;
mod error;
mod external;
mod keys;
mod layers;
mod pickle;
mod restore;
mod torch_zip;
mod unpickle;
mod weight_norm;

pub use super::foreign::EXPORT_KEY;
pub use dense_chain::DenseChain;
pub use error::ImportError;
pub use external::ExternalFile;
pub use keys::{Choice, Recognised};
pub use restore::restore;
