//! The command line tool.

use std::process::ExitCode;
use sympathy::cli::{lines, parse, report, run};

fn main() -> ExitCode {
    let done = match parse(std::env::args_os()) {
        Ok(cli) => run(cli),
        // Help, or usage errors with exit code 2; nobody has to read them.
        Err(words) => {
            words.print().ok();
            return ExitCode::from(words.exit_code() as u8);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            lines(&error).iter().for_each(|line| report(line));
            ExitCode::from(error.exit_code())
        }
    }
}
