//! Chores of the project: `cargo xtask bundle`, `install`, `setup`, `hosts`, `test`.

mod bundle;
mod hosts;
mod install;
mod run;
mod setup;
mod test;

use anyhow::Result;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <task>
  bundle [--debug]   build Sympathy.clap and Sympathy.vst3 into target/bundled
  install            bundle, and copy both into your plugin folders
  setup              install what a build and the tests need, or print how
  hosts              bundle, and play it in real VST3 hosts (Python)
  test               format, lints, documentation, all tests, bundle, real hosts";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done: Result<bool> = match args[..] {
        ["bundle"] => bundle::bundle(bundle::Profile::Bundle).map(|_| true),
        ["bundle", "--debug"] => bundle::bundle(bundle::Profile::Debug).map(|_| true),
        ["install"] => install::install().map(|()| true),
        ["setup"] => setup::setup().map(|()| true),
        ["hosts"] => test::hosts(),
        ["test"] => test::test(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
