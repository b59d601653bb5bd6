//! `cargo xtask test`: everything that must hold, in one go.

use crate::{
    bundle::{Bundles, Profile, bundle},
    hosts,
    run::{self, Tally, cargo},
    setup,
};
use anyhow::{Result, bail};
use std::time::Instant;

/// Runs every step; a failed one does not keep the others from running. Returns whether all went well.
pub fn test() -> Result<bool> {
    let mut total = Tally::default();
    let mut step = |name: &str, work: &mut dyn FnMut() -> Result<Tally>| {
        println!("\n== {name}");
        let began = Instant::now();
        let tally = work().unwrap_or_else(|error| {
            println!("{error:#}");
            Tally::of(false)
        });
        let seconds = began.elapsed().as_secs_f32();
        println!("== {name}: {} passed, {} failed, {seconds:.0} s", tally.passed, tally.failed);
        total.add(tally);
    };
    step("setup", &mut || setup::setup().map(|()| Tally::of(true)));
    step("format", &mut || check(&["fmt", "--all", "--check"]));
    step("libraries of sound cards", &mut check_sound_libraries);
    let all = everything();
    let deny = ["--", "-D", "warnings"];
    step("clippy, default features", &mut || check(&[&["clippy", "--workspace", "--all-targets"], &deny[..]].concat()));
    step("clippy, all features", &mut || check(&[&["clippy"], &all[..], &["--all-targets"], &deny].concat()));
    step("documentation", &mut || {
        run::succeed(cargo()?.arg("doc").args(all).arg("--no-deps").env("RUSTDOCFLAGS", "-D warnings"))?;
        Ok(Tally::of(true))
    });
    step("tests", &mut || run::counted(cargo()?.arg("test").args(all).arg("--no-fail-fast")));
    let mut bundles = None;
    step("bundle", &mut || {
        bundles = Some(bundle(Profile::Bundle)?);
        Ok(Tally::of(true))
    });
    if let Some(bundles) = bundles {
        step("hosts", &mut || play_in_hosts(&bundles));
    }
    println!("\n{} passed, {} failed", total.passed, total.failed);
    Ok(total.failed == 0)
}

/// Default features with `plugin` and, where it can be compiled, `standalone` on top hold all there is. Always the whole
/// workspace: what is selected decides on the features of dependencies, and so on whether they are compiled once or many times.
fn everything() -> [&'static str; 3] {
    let sound = setup::has_sound_libraries();
    ["--workspace", "--features", if sound { "sympathy/plugin,sympathy/standalone" } else { "sympathy/plugin" }]
}

/// Says where `sympathy play` is left out.
///
/// # Errors
/// With CI set: there it has to be tested.
fn check_sound_libraries() -> Result<Tally> {
    if !setup::has_sound_libraries() {
        let missing = "the libraries of sound cards are missing (cargo xtask setup)";
        if std::env::var("CI").is_ok_and(|ci| ci == "true") {
            bail!("{missing}");
        }
        println!("skipped: sympathy play, as {missing}");
    }
    Ok(Tally::of(true))
}

/// `cargo xtask hosts`. Returns whether all went well.
pub fn hosts() -> Result<bool> {
    let tally = play_in_hosts(&bundle(Profile::Bundle)?)?;
    println!("\n{} passed, {} failed", tally.passed, tally.failed);
    Ok(tally.failed == 0)
}

/// The command line tool that the hosts are compared with is the one that the tests have built.
fn play_in_hosts(bundles: &Bundles) -> Result<Tally> {
    run::succeed(cargo()?.arg("build").args(everything()))?;
    let cli = run::target_folder()?.join("debug").join(format!("sympathy{}", std::env::consts::EXE_SUFFIX));
    hosts::test(bundles, &cli)
}

/// A call of cargo that is one check.
fn check(args: &[&str]) -> Result<Tally> {
    run::succeed(cargo()?.args(args)).map(|()| Tally::of(true))
}
