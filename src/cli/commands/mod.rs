//! The subcommands, one file or folder each.

pub mod bench;
pub mod compare;
pub mod configure;
pub mod demo;
mod draft;
pub mod export;
pub mod import;
mod import_plan;
pub mod inspect;
mod interview;
pub mod models;
#[cfg(any(test, not(feature = "standalone")))]
pub mod no_play;
#[cfg(feature = "standalone")]
pub mod play;
pub mod render;
pub mod sample;
pub mod train;

#[cfg(not(feature = "standalone"))]
pub use no_play as play;
