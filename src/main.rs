//! The command line tool.

use clap::Parser;
use std::process::ExitCode;
use sympathy::cli::{Cli, CliError, lines, run};

fn main() -> ExitCode {
    // Usage errors end here with exit code 2.
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for line in lines(&error) {
                eprintln!("error: {line}");
            }
            // What this build does not have is as little understood as what does not exist.
            if matches!(error, CliError::NotBuilt { .. }) { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}
