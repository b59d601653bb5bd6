//! The command line tool.

use clap::Parser;
use std::process::ExitCode;
use sympathy::cli::{Cli, lines, run};

fn main() -> ExitCode {
    // Usage errors end here with exit code 2.
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for line in lines(&error) {
                eprintln!("error: {line}");
            }
            ExitCode::from(error.exit_code())
        }
    }
}
