//! The subcommands, one file or folder each.

pub mod bench;
#[cfg(feature = "train")]
pub mod compare;
#[cfg(feature = "train")]
pub mod configure;
pub mod demo;
pub mod evaluate;
#[cfg(feature = "train")]
pub mod export;
#[cfg(feature = "train")]
pub mod import;
pub mod inspect;
pub mod learn;
pub mod models;
#[cfg(any(test, not(feature = "standalone")))]
pub mod no_play;
#[cfg(feature = "standalone")]
pub mod play;
pub mod render;
pub mod roll;
pub mod sample;
#[cfg(feature = "train")]
pub mod sweep;
#[cfg(feature = "train")]
pub mod train;

#[cfg(not(feature = "standalone"))]
pub use no_play as play;
