//! Chores of the project; `cargo xtask` lists them.

mod bundle;
mod checks;
#[cfg(unix)]
mod cluster;
mod cross;
mod features;
mod fuzz;
mod hosts;
mod install;
mod linked;
mod material;
mod notices;
mod platform;
mod release;
mod reproduce;
mod run;
mod sbom;
mod setup;
mod test;

use anyhow::Result;
use bundle::Profile;
use run::Tally;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <task>
  install                            build the plugin, and copy it into your plugin folders
  bundle [--debug] [--target TRIPLE] build Sympathy.clap and Sympathy.vst3 into target/bundled (target/TRIPLE/bundled)
  release [--target TRIPLE]          bundle, and pack it with licences, notices and bills of materials into target/release-files
  reproduce [--target TRIPLE]        make a release of the last commit in two folders, and compare every file
  notices FILE [--target TRIPLE]     write the licences of everything inside the plugin
  sbom [--target TRIPLE]             write what is linked into the plugin and into the program (CycloneDX), into target/release-files
  setup [--cross]                    install what a build and the tests need, or print how; with what `cross` needs
  test                               format, lints, documentation, all tests, bundle, real hosts
  test --fast                        format, lints, unit tests and quick tests, in three minutes
  test --cluster                     sweeps on a real Slurm of one node, which is installed and started here (Debian, root)
  hosts                              bundle, and play it in a CLAP host and in real VST3 hosts (Python; Ardour 7 where it is installed)
  hosts --ardour                     the same, and install Ardour first where it is missing (Debian)
  cross [windows|arm64|macos ...]    tests and bundle for Windows under Wine and 64-bit ARM under QEMU; compile for macOS
  miri                               rings and messages between the threads in Rust's interpreter (nightly)
  fuzz [TARGET] [--minutes N]        look for inputs that break a reader of untrusted bytes, 10 minutes each (nightly, cargo-fuzz)
  tsan                               data races between the threads, as ThreadSanitizer sees them (nightly)
  soak [HOURS]                       eight hours of sample clock with everything at random, or so many
  deny [--offline]                   licences, bans, sources and advisories of the dependencies (cargo-deny)
  material FAMILY SCORES OUT         render scores as material for a listening model: guitar, piano, strings, any (fluidsynth)
  features                           the plugin, the tool without the trainer, the trainer, each compiled by itself
  msrv                               no dependency needs a newer Rust than Cargo.toml states; compile with that one
TRIPLE is one of Rust's, or universal-apple-darwin for both processors of Apple";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done: Result<bool> = match args[..] {
        ["bundle"] => bundle::bundle(Profile::Bundle, None).map(|_| true),
        ["bundle", "--debug"] => bundle::bundle(Profile::Debug, None).map(|_| true),
        ["bundle", "--target", triple] => bundle::bundle(Profile::Bundle, Some(triple)).map(|_| true),
        ["bundle", "--debug", "--target", triple] => bundle::bundle(Profile::Debug, Some(triple)).map(|_| true),
        ["install"] => install::install().map(|()| true),
        ["release"] => release::release(None).map(|_| true),
        ["release", "--target", triple] => release::release(Some(triple)).map(|_| true),
        ["reproduce"] => counted(reproduce::reproduce(None)),
        ["reproduce", "--target", triple] => counted(reproduce::reproduce(Some(triple))),
        ["sbom"] => release::bills(None).map(|()| true),
        ["sbom", "--target", triple] => release::bills(Some(triple)).map(|()| true),
        ["notices", file] => notices::write(run::host(), file.as_ref()).map(|()| true),
        ["notices", file, "--target", triple] => notices::write(triple, file.as_ref()).map(|()| true),
        ["setup"] => setup::setup(false).map(|()| true),
        ["setup", "--cross"] => setup::setup(true).map(|()| true),
        ["hosts"] => test::hosts(false),
        ["hosts", "--ardour"] => test::hosts(true),
        ["test"] => test::whole(),
        ["test", "--fast"] => test::fast(),
        #[cfg(unix)]
        ["test", "--cluster"] => counted(cluster::test()),
        ["cross", ref names @ ..] => cross::cross(names),
        ["material", family, scores, out] => material::render(family, scores.as_ref(), out.as_ref()).map(|()| true),
        ["miri"] => counted(checks::miri()),
        ["fuzz", ref args @ ..] => fuzz::fuzz(args),
        ["tsan"] => counted(checks::tsan()),
        ["soak"] => counted(checks::soak("8")),
        ["soak", hours] => counted(checks::soak(hours)),
        ["deny"] => counted(checks::deny(false)),
        ["deny", "--offline"] => counted(checks::deny(true)),
        ["features"] => counted(checks::feature_sets()),
        ["msrv"] => counted(checks::msrv()),
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

/// Says how many checks went well; true if all did.
fn counted(done: Result<Tally>) -> Result<bool> {
    let tally = done?;
    println!("\n{} passed, {} failed", tally.passed, tally.failed);
    Ok(tally.failed == 0)
}
