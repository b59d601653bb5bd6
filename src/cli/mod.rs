//! The command line tool, one file a subcommand.

pub mod train;
