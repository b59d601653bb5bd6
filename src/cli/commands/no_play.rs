//! `sympathy play` in a build without sound cards: says how to get one with them.

use crate::cli::error::CliError;
use clap::Args;

/// Shown below the options.
pub const HELP: &str = "This build has no sound cards: build it with `cargo build --release --features standalone`.";

/// Accepts any arguments, to refuse them all.
#[derive(Args, Clone, Debug)]
pub struct PlayArgs {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    _rest: Vec<String>,
}

/// Refuses.
///
/// # Errors
/// [`CliError::NotBuilt`], always.
pub fn run(_args: &PlayArgs) -> Result<(), CliError> {
    Err(CliError::NotBuilt {
        command: "play",
        feature: "standalone",
        remedy: "cargo run --release --features standalone -- play (on Debian it needs pkg-config, libasound2-dev and \
                 libjack-jackd2-dev, which cargo xtask setup installs)",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_to_build_it_and_is_not_understood() {
        let error = run(&PlayArgs { _rest: vec!["--list".into()] }).expect_err("nothing can be played");
        assert_eq!(error.exit_code(), 2);
        let text = error.to_string();
        for part in ["play", "standalone", "cargo run", "libasound2-dev"] {
            assert!(text.contains(part), "{text}");
        }
    }
}
