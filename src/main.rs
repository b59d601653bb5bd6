//! The command line tool.

use clap::Parser;
use std::process::ExitCode;
use sympathy::cli::{Cli, one_line, run};

fn main() -> ExitCode {
    // Usage errors end here with exit code 2.
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", one_line(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}
