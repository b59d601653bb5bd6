//! `cargo xtask test`: everything that must hold, in one go.

use crate::{
    bundle::{Profile, bundle},
    hosts,
    run::{self, Tally, cargo},
    setup,
};
use anyhow::Result;
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
    // Default features with `plugin` on top hold all there is to compile: dependencies are compiled once for them.
    let lint = ["--all-targets", "--", "-D", "warnings"];
    step("clippy, default features", &mut || check(&[&["clippy", "--workspace"], &lint[..]].concat()));
    step("clippy, plugin", &mut || {
        check(&[&["clippy", "--package", "sympathy", "--features", "plugin"], &lint[..]].concat())
    });
    step("documentation", &mut || {
        let doc = ["doc", "--package", "sympathy", "--features", "plugin", "--no-deps"];
        run::succeed(cargo()?.args(doc).env("RUSTDOCFLAGS", "-D warnings")).map(|()| Tally::of(true))
    });
    step("tests", &mut || {
        let tests = ["test", "--workspace", "--features", "sympathy/plugin", "--no-fail-fast"];
        run::counted(cargo()?.args(tests))
    });
    let mut bundles = None;
    step("bundle", &mut || {
        bundles = Some(bundle(Profile::Bundle)?);
        Ok(Tally::of(true))
    });
    if let Some(bundles) = bundles {
        step("hosts", &mut || {
            let features = ["--workspace", "--features", "sympathy/plugin"];
            run::succeed(cargo()?.args(["build", "--quiet"]).args(features))?;
            let cli = run::target_folder()?.join("debug").join(format!("sympathy{}", std::env::consts::EXE_SUFFIX));
            hosts::test(&bundles, &cli)
        });
    }
    println!("\n{} passed, {} failed", total.passed, total.failed);
    Ok(total.failed == 0)
}

/// A call of cargo that is one check.
fn check(args: &[&str]) -> Result<Tally> {
    run::succeed(cargo()?.args(args)).map(|()| Tally::of(true))
}
