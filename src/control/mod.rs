//! The vocabulary of control: every parameter, its range, its choices and its values. Known to the engine, the worker, hosts
//! and the command line alike.

mod choices;
mod table;
pub mod values;

pub use choices::{SeedSource, Stereo};
pub use values::{ParamId, ParamValues};
