//! `cargo xtask test`: everything that must hold, in one go; with `--fast` the part of it that takes at most three minutes.

use crate::{
    bundle::{Bundles, Profile, bundle, check_size},
    features::{self, ENGINE, PACKAGE},
    hosts,
    run::{self, Ahead, Tally, cargo},
    setup,
};
use anyhow::{Context, Result, bail};
use std::time::Instant;

/// Test programs that `--fast` leaves out, as each takes ten seconds or more. A new one is fast until it stands here.
const SLOW: [&str; 6] = ["clap_host", "engine_live", "recordings", "slow_model", "soak", "system_calls"];

/// The programs of which it runs a part, and the modules that it leaves out, for the same reason.
const PARTLY_SLOW: [(&str, &[&str]); 3] = [
    ("commands", &["cli", "help", "overwriting", "slips", "train_cli"]),
    ("engine", &["ensemble", "faults", "no_alloc", "triggers"]),
    ("models", &["precision"]),
];

/// The program many of whose tests wait for seconds, as a worker does that has no processor, and so many at once: on two cores it takes 91 s
/// with four threads and 148 s with two.
const WAITING: &str = "engine";
const WAITING_THREADS: &str = "4";

/// Runs steps one after the other and adds up what they say.
#[derive(Default)]
struct Steps {
    total: Tally,
}

impl Steps {
    /// Runs a step; a failed one does not keep the others from running.
    fn run(&mut self, name: &str, work: impl FnOnce() -> Result<Tally>) {
        println!("\n== {name}");
        let began = Instant::now();
        let tally = work().unwrap_or_else(|error| {
            println!("{error:#}");
            Tally::of(false)
        });
        let seconds = began.elapsed().as_secs_f32();
        println!("== {name}: {} passed, {} failed, {seconds:.0} s", tally.passed, tally.failed);
        self.total.add(tally);
    }

    /// Says how it ended; true if all went well.
    fn end(&self) -> bool {
        println!("\n{} passed, {} failed", self.total.passed, self.total.failed);
        self.total.failed == 0
    }
}

/// Runs every step. Returns whether all went well.
pub fn whole() -> Result<bool> {
    let mut steps = Steps::default();
    steps.run("setup", || setup::setup(false).map(|()| Tally::of(true)));
    steps.run("format", format);
    steps.run("libraries of sound cards", check_sound_libraries);
    let all = everything();
    // Every set of features is checked by `cargo xtask features`, which is no part of this: it takes minutes.
    steps.run("the engine alone", || check(&[&["check", "--lib"], &ENGINE[..]].concat()));
    steps.run("clippy, all features", clippy);
    steps.run("documentation", || {
        run::succeed(cargo()?.arg("doc").args(all).arg("--no-deps").env("RUSTDOCFLAGS", "-D warnings"))?;
        Ok(Tally::of(true))
    });
    steps.run("compile the tests", || {
        run::succeed(cargo()?.arg("test").args(all).arg("--no-run"))?;
        Ok(Tally::of(true))
    });
    // Many tests wait, and leave the processor to what has to be compiled for the bundle.
    let ahead = Ahead::start(&["bundle"]);
    steps.run("tests", || {
        let programs = test_programs()?;
        let others = programs.iter().filter(|name| *name != WAITING).flat_map(|name| ["--test", name.as_str()]);
        let mut command = cargo()?;
        command.arg("test").args(all).args(["--no-fail-fast", "--lib", "--bins", "--examples"]);
        run::counted(command.args(others))
    });
    steps.run(&format!("tests of {WAITING}"), || {
        let mut command = cargo()?;
        run::counted(command.arg("test").args(all).args(["--test", WAITING]).env("RUST_TEST_THREADS", WAITING_THREADS))
    });
    steps.run("examples in the documentation", || run::counted(cargo()?.arg("test").args(all).arg("--doc")));
    let mut bundles = None;
    steps.run("bundle", || {
        drop(ahead);
        bundles = Some(checked_bundle()?);
        Ok(Tally::of(true))
    });
    if let Some(bundles) = bundles {
        steps.run("hosts", || play_in_hosts(&bundles));
    }
    Ok(steps.end())
}

/// Formatting, lints, unit tests and the integration tests that are quick. Left out are the documentation,
/// [`SLOW`], examples in the documentation, the bundle and the hosts. Returns whether all went well.
pub fn fast() -> Result<bool> {
    let mut steps = Steps::default();
    steps.run("format", format);
    steps.run("clippy, all features", clippy);
    let test = || -> Result<_> {
        let mut command = cargo()?;
        command.arg("test").args(everything()).arg("--no-fail-fast");
        Ok(command)
    };
    steps.run("unit tests and quick tests", || {
        let mut command = test()?;
        command.args(["--lib", "--bins"]);
        run::counted(command.args(quick_programs()?.iter().flat_map(|name| ["--test", name.as_str()])))
    });
    for (name, slow) in PARTLY_SLOW {
        steps.run(&format!("quick tests of {name}"), || {
            let mut command = test()?;
            command.args(["--test", name, "--"]);
            run::counted(command.args(slow.iter().flat_map(|module| ["--skip".into(), format!("{module}::")])))
        });
    }
    let parts = PARTLY_SLOW.iter().flat_map(|(name, slow)| slow.iter().map(move |module| format!("{name}::{module}")));
    let left_out: Vec<String> = SLOW.iter().map(ToString::to_string).chain(parts).collect();
    println!("\nleft out: documentation, bundle, hosts, and the tests {}", left_out.join(", "));
    Ok(steps.end())
}

/// All test programs.
fn test_programs() -> Result<Vec<String>> {
    let metadata = run::metadata(&["--no-deps"])?;
    let packages = metadata["packages"].as_array().context("cargo metadata has no packages")?;
    let ours = packages.iter().find(|package| package["name"] == PACKAGE).context("the package is not there")?;
    let targets = ours["targets"].as_array().context("the package has no targets")?;
    let is_test = |target: &&serde_json::Value| target["kind"][0] == "test";
    let names: Vec<String> =
        targets.iter().filter(is_test).filter_map(|target| target["name"].as_str()).map(str::to_owned).collect();
    let mut named = PARTLY_SLOW.map(|(name, _)| name).into_iter().chain(SLOW).chain([WAITING]);
    if let Some(gone) = named.find(|named| !names.iter().any(|name| name == named)) {
        bail!("there is no test {gone} (the lists are in xtask/src/test.rs)");
    }
    Ok(names)
}

/// The test programs that are not slow in any part.
///
/// # Errors
/// If a slow one does not exist.
fn quick_programs() -> Result<Vec<String>> {
    let mut names = test_programs()?;
    names.retain(|name| !SLOW.contains(&name.as_str()) && PARTLY_SLOW.iter().all(|(slow, _)| slow != name));
    Ok(names)
}

fn everything() -> [&'static str; 3] {
    features::everything(setup::has_sound_libraries())
}

fn format() -> Result<Tally> {
    // Not `--all`: what is in vendor/ keeps its form.
    check(&["fmt", "--package", "sympathy", "--package", "xtask", "--check"])
}

fn clippy() -> Result<Tally> {
    check(&[&["clippy"], &everything()[..], &["--all-targets", "--", "-D", "warnings"]].concat())
}

/// Says where `sympathy play` is left out.
///
/// # Errors
/// With CI set: there it has to be tested.
fn check_sound_libraries() -> Result<Tally> {
    if !setup::has_sound_libraries() {
        let missing = "the libraries of sound cards are missing (cargo xtask setup)";
        if run::is_ci() {
            bail!("{missing}");
        }
        println!("skipped: sympathy play, as {missing}");
    }
    Ok(Tally::of(true))
}

/// `cargo xtask hosts`; with `ardour` Ardour is installed first, where it is missing. Returns whether all went well.
pub fn hosts(ardour: bool) -> Result<bool> {
    if ardour {
        setup::ardour()?;
    }
    let mut steps = Steps::default();
    let bundles = checked_bundle()?;
    steps.run("hosts", || play_in_hosts(&bundles));
    Ok(steps.end())
}

fn checked_bundle() -> Result<Bundles> {
    let bundles = bundle(Profile::Bundle, None)?;
    check_size(&bundles.clap_file())?;
    Ok(bundles)
}

/// The command line tool that the hosts are compared with is the one that the tests have built.
fn play_in_hosts(bundles: &Bundles) -> Result<Tally> {
    let mut tally = hosts::play_in_clap_host(bundles, &everything(), &[])?;
    // As the tests have built it: `cargo build`, without the dependencies of tests, would compile candle once more.
    run::succeed(cargo()?.arg("test").args(everything()).args(["--no-run", "--test", "commands"]))?;
    let cli = run::target_folder()?.join("debug").join(format!("sympathy{}", std::env::consts::EXE_SUFFIX));
    tally.add(hosts::play_in_vst3_hosts(bundles, &cli)?);
    Ok(tally)
}

/// A call of cargo that is one check.
fn check(args: &[&str]) -> Result<Tally> {
    run::succeed(cargo()?.args(args)).map(|()| Tally::of(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_tests_exist_and_others_are_left() {
        let quick = quick_programs().expect("every slow test is there");
        assert!(quick.iter().any(|name| name == "parameters"), "{quick:?}");
        assert!(quick.iter().all(|name| !SLOW.contains(&name.as_str())), "{quick:?}");
        let root = run::root().expect("the workspace");
        for (name, slow) in PARTLY_SLOW {
            for module in slow {
                assert!(root.join(format!("tests/{name}/{module}.rs")).exists(), "{name}::{module}");
            }
        }
    }
}
