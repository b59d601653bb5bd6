//! `cargo xtask cross`: what can be shown here of other systems. Tests for Windows run under Wine and those for 64-bit ARM under
//! QEMU; what needs Apple's linker is only compiled.

use crate::{
    bundle::{Profile, bundle, check_size},
    features::{ENGINE, PACKAGE, PLUGIN},
    hosts,
    platform::{self, Platform},
    run::{self, Tally, cargo},
    setup,
};
use anyhow::{Context, Result};
use std::time::Instant;

/// Runs everything for the systems of these names, or for all. Returns whether all went well.
///
/// # Errors
/// If a name is unknown or something is missing here.
pub fn cross(names: &[&str]) -> Result<bool> {
    let find = |name: &&str| Platform::by_name(name).with_context(|| format!("no system is called {name:?}"));
    let platforms = match names {
        [] => platform::ALL.to_vec(),
        names => names.iter().map(find).collect::<Result<_>>()?,
    };
    setup::need_cross()?;
    let mut total = Tally::default();
    for platform in platforms {
        for (name, step) in steps(platform) {
            println!("\n== {} ({}): {name}", platform.name, platform.triple);
            let began = Instant::now();
            let tally = step(platform).unwrap_or_else(|error| {
                println!("{error:#}");
                Tally::of(false)
            });
            let seconds = began.elapsed().as_secs_f32();
            println!("== {}: {name}: {} passed, {} failed, {seconds:.0} s", platform.name, tally.passed, tally.failed);
            total.add(tally);
        }
    }
    println!("\n{} passed, {} failed", total.passed, total.failed);
    Ok(total.failed == 0)
}

type Step = fn(&Platform) -> Result<Tally>;

fn steps(platform: &Platform) -> Vec<(&'static str, Step)> {
    if platform.can_run() {
        vec![("tests", tests), ("bundle and CLAP host", bundle_in_host)]
    } else {
        vec![
            ("the engine compiles", engine_compiles),
            ("the plugin compiles", plugin_compiles),
            ("all compiles", all_compiles),
        ]
    }
}

/// Unit tests of the library with the plugin, the plugin in a CLAP host in its process, and a few integration tests.
fn tests(platform: &Platform) -> Result<Tally> {
    let variables = platform.prepare()?;
    let run = |programs: &[&str], tests: &[&str]| {
        let mut cargo = cargo()?;
        cargo.args(["test", "--no-fail-fast", "--package", PACKAGE, "--target", platform.triple]);
        cargo.args(PLUGIN).args(programs).arg("--").args(tests).envs(variables.iter().cloned());
        run::counted(cargo.args(platform.skipped.iter().flat_map(|test| ["--skip", test])))
    };
    let mut tally = run(&["--lib", "--test", "clap_host"], &[])?;
    tally.add(run(&["--test", "engine", "--test", "models"], platform.tests)?);
    Ok(tally)
}

/// The bundle that users get, opened from its file.
fn bundle_in_host(platform: &Platform) -> Result<Tally> {
    let bundles = bundle(Profile::Bundle, Some(platform.triple))?;
    check_size(&bundles.clap_file())?;
    let mut tally = Tally::of(true);
    let selection = [&["--package", PACKAGE, "--target", platform.triple], &PLUGIN[..]].concat();
    tally.add(hosts::play_in_clap_host(&bundles, &selection, &platform.prepare()?)?);
    Ok(tally)
}

fn compiles(platform: &Platform, selection: &[&str]) -> Result<Tally> {
    let mut cargo = cargo()?;
    cargo.args(["check", "--package", PACKAGE, "--target", platform.triple]).args(selection);
    run::succeed(cargo.envs(platform.prepare()?)).map(|()| Tally::of(true))
}

fn engine_compiles(platform: &Platform) -> Result<Tally> {
    compiles(platform, &ENGINE)
}

fn plugin_compiles(platform: &Platform) -> Result<Tally> {
    compiles(platform, &PLUGIN)
}

/// The command line tool and the trainer, without sound cards.
fn all_compiles(platform: &Platform) -> Result<Tally> {
    compiles(platform, &[])
}
