//! Checks beside the tests, each with a tool of its own: dependencies, the oldest Rust, undefined behaviour.

use crate::{
    features::{ENGINE, LEAN, PACKAGE, everything},
    run::{self, Tally, cargo, command},
    setup::has_sound_libraries,
};
use anyhow::{Context, Result, bail, ensure};

/// Rust's interpreter is a part of nightly toolchains.
const MIRI_TOOLCHAIN: &str = "nightly";

/// The unit tests that Miri runs: the rings between the threads, the messages in them, and what is built on them alone. The
/// networks would take hours, and the floating-point mode of the processor is not Miri's.
const MIRI_TESTS: [&str; 7] = [
    "engine::beats",
    "engine::clock",
    "engine::link",
    "engine::meters",
    "engine::tail",
    "engine::tap",
    "engine::waiting",
];

/// `cargo xtask miri`: undefined behaviour and data races in the rings and messages between the threads.
///
/// # Errors
/// If a nightly toolchain with Miri is missing.
pub fn miri() -> Result<Tally> {
    let rustup = |args: &[&str]| -> Result<_> {
        let mut rustup = command("rustup")?;
        // Cargo's own variables name the toolchain that runs xtask.
        rustup.args(["run", MIRI_TOOLCHAIN, "cargo", "miri"]).args(args).env_remove("CARGO").env_remove("RUSTC");
        Ok(rustup)
    };
    if run::succeed(&mut rustup(&["--version"])?).is_err() {
        bail!("Miri is missing; run: rustup component add miri rust-src --toolchain {MIRI_TOOLCHAIN}");
    }
    let mut tests = rustup(&["test", "--package", PACKAGE, "--lib"])?;
    tests.args(ENGINE).arg("--").args(MIRI_TESTS);
    // Time and sleep are the machine's: what waits for another thread waits in real time.
    run::counted(tests.env("MIRIFLAGS", "-Zmiri-disable-isolation"))
}

/// The tests that run under ThreadSanitizer: both threads at work, with faults.
const THREAD_TESTS: [&str; 6] = ["engine::", "worker::", "engine_bits::", "faults::", "no_alloc::", "triggers::"];

/// `cargo xtask tsan`: data races between the audio thread, the worker and the loaders, as ThreadSanitizer sees them. It needs a
/// standard library that is compiled for it, too.
///
/// # Errors
/// If a nightly toolchain with the sources of the standard library is missing.
pub fn tsan() -> Result<Tally> {
    let mut tests = command("rustup")?;
    tests.args(["run", MIRI_TOOLCHAIN, "cargo", "test", "-Zbuild-std", "--target", run::host(), "--package", PACKAGE]);
    tests.args(ENGINE).args(["--lib", "--test", "engine"]);
    // With a folder of its own, as nothing of an ordinary build can be used.
    tests.arg("--target-dir").arg(run::target_folder()?.join("tsan"));
    tests.arg("--").args(THREAD_TESTS);
    tests
        .env_remove("CARGO")
        .env_remove("RUSTC")
        .env("RUSTFLAGS", "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer");
    run::counted(&mut tests)
}

/// `cargo xtask soak`: so many hours of sample clock with everything at random.
///
/// # Errors
/// If the number is none.
pub fn soak(hours: &str) -> Result<Tally> {
    let number: f64 = hours.parse().with_context(|| format!("hours: expected a number, found {hours}"))?;
    ensure!(number > 0.0 && number.is_finite(), "hours: expected a number above 0, found {hours}");
    let mut test = cargo()?;
    test.args(["test", "--release", "--package", PACKAGE]).args(ENGINE).args(["--test", "soak"]);
    run::counted(test.args(["--", "--nocapture"]).env("SYMPATHY_SOAK_HOURS", hours))
}

/// `cargo xtask features`: the plugin, the command line tool without the trainer, the trainer, the program with sound cards and the
/// bare library each compile by themselves, without a warning.
pub fn feature_sets() -> Result<Tally> {
    let mut tally = Tally::default();
    for features in LEAN.into_iter().filter(|features| *features != "standalone" || has_sound_libraries()) {
        let mut clippy = cargo()?;
        clippy.args(["clippy", "--package", PACKAGE, "--lib", "--no-default-features", "--features", features]);
        let done = run::succeed(clippy.args(["--", "-D", "warnings"]));
        if let Err(error) = &done {
            println!("{error:#}");
        }
        tally.add(Tally::of(done.is_ok()));
    }
    Ok(tally)
}

/// `cargo xtask deny`: licences, bans and sources of all dependencies and, but for `offline`, security advisories.
///
/// # Errors
/// If cargo-deny is missing.
pub fn deny(offline: bool) -> Result<Tally> {
    if run::succeed(cargo()?.args(["deny", "--version"])).is_err() {
        bail!("cargo-deny is missing; run: cargo install --locked cargo-deny");
    }
    let mut tally = Tally::default();
    for check in ["bans", "licenses", "sources", "advisories"] {
        if check == "advisories" && offline {
            println!("skipped: advisories, as their database lies on the network");
            continue;
        }
        let done = run::succeed(cargo()?.args(["deny", "--locked", "check", check]));
        if let Err(error) = &done {
            println!("{error:#}");
        }
        tally.add(Tally::of(done.is_ok()));
    }
    Ok(tally)
}

/// `cargo xtask msrv`: no dependency states a newer Rust than the package does, and everything compiles with that Rust where
/// rustup has it. With CI set it must.
///
/// # Errors
/// If the metadata cannot be read, or the toolchain is missing and must not.
pub fn msrv() -> Result<Tally> {
    let sound = has_sound_libraries();
    let selection = everything(sound);
    // The metadata is the whole workspace's anyway.
    let metadata = run::metadata(&[&["--locked"], &selection[1..]].concat())?;
    let (oldest, newer) = newer_than_stated(&metadata)?;
    println!("stated: Rust {oldest}");
    newer.iter().for_each(|package| println!("FAILED {package} asks for a newer one"));
    let mut tally = Tally::of(newer.is_empty());
    let with_oldest = |args: &[&str]| -> Result<_> {
        let mut rustup = command("rustup")?;
        rustup.args(["run", &oldest, "cargo"]).args(args).env_remove("CARGO").env_remove("RUSTC");
        // Not beside the artifacts of the Rust that is in daily use.
        rustup.env("CARGO_TARGET_DIR", run::target_folder()?.join("msrv"));
        Ok(rustup)
    };
    if run::succeed(&mut with_oldest(&["--version"])?).is_err() {
        ensure!(!run::is_ci(), "Rust {oldest} is missing; run: rustup toolchain install {oldest} --profile minimal");
        println!("skipped: compiling with Rust {oldest}, which is not installed");
        return Ok(tally);
    }
    let done = run::succeed(with_oldest(&["check", "--locked", "--all-targets"])?.args(selection));
    if let Err(error) = &done {
        println!("{error:#}");
    }
    tally.add(Tally::of(done.is_ok()));
    Ok(tally)
}

/// The package's `rust-version`, and which of the packages that it is resolved to state a newer one.
fn newer_than_stated(metadata: &serde_json::Value) -> Result<(String, Vec<String>)> {
    let packages = metadata["packages"].as_array().context("cargo metadata has no packages")?;
    let resolved: Vec<&str> = metadata["resolve"]["nodes"]
        .as_array()
        .context("cargo metadata resolves nothing")?
        .iter()
        .filter_map(|node| node["id"].as_str())
        .collect();
    let ours = packages.iter().find(|package| package["name"] == PACKAGE);
    let stated =
        ours.and_then(|package| package["rust_version"].as_str()).context("the package states no rust-version")?;
    let mut newer = Vec::new();
    for package in packages.iter().filter(|package| package["id"].as_str().is_some_and(|id| resolved.contains(&id))) {
        let asked = package["rust_version"].as_str().unwrap_or("1");
        if numbers(asked) > numbers(stated) {
            let name = package["name"].as_str().unwrap_or_default();
            newer.push(format!("{name} {} (Rust {asked})", package["version"].as_str().unwrap_or_default()));
        }
    }
    Ok((stated.into(), newer))
}

/// "1.89" as [1, 89, 0].
fn numbers(version: &str) -> [u32; 3] {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    [(); 3].map(|()| parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_that_asks_for_a_newer_rust_is_found() {
        let package = |name: &str, rust: &str| serde_json::json!({ "name": name, "id": name, "version": "0.1.0", "rust_version": rust });
        let packages =
            [package(PACKAGE, "1.89"), package("old", "1.9"), package("new", "1.100.1"), package("unused", "2.0")];
        let nodes = [PACKAGE, "old", "new"].map(|id| serde_json::json!({ "id": id }));
        let metadata = serde_json::json!({ "packages": packages, "resolve": { "nodes": nodes } });
        let (stated, newer) = newer_than_stated(&metadata).expect("all there");
        assert_eq!((stated.as_str(), newer), ("1.89", vec!["new 0.1.0 (Rust 1.100.1)".into()]));
    }
}
