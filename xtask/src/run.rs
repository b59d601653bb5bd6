//! Running programs in the root of the project, and counting what their tests say.

use anyhow::{Context, Result, bail};
use std::{
    ffi::OsStr,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// How many checks went well and how many did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Checks that went well.
    pub passed: u64,
    /// Checks that did not.
    pub failed: u64,
}

impl Tally {
    /// The tally of a single check.
    pub fn of(ok: bool) -> Self {
        Self { passed: u64::from(ok), failed: u64::from(!ok) }
    }

    /// Adds another tally.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// Reads a line of `cargo test` ("test result: ok. 3 passed; 0 failed; …") or of a host script ("ok …", "FAILED …").
    fn of_line(line: &str) -> Self {
        if let Some(counts) = line.strip_prefix("test result: ") {
            let number_before = |word: &str| {
                let before = counts.split(word).next().unwrap_or_default();
                before.split_whitespace().last().and_then(|number| number.parse().ok()).unwrap_or(0)
            };
            return Self { passed: number_before(" passed"), failed: number_before(" failed") };
        }
        Self { passed: line.starts_with("ok ").into(), failed: line.starts_with("FAILED ").into() }
    }
}

/// The root of the project.
pub fn root() -> Result<PathBuf> {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Cargo tells the place of this run; the one of the build is right wherever the checkout has not moved.
    let xtask = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| xtask.to_owned(), PathBuf::from);
    xtask.parent().map(Path::to_owned).with_context(|| format!("{} has no parent", xtask.display()))
}

/// A program to be run in the root of the project, without input.
pub fn command(program: impl AsRef<OsStr>) -> Result<Command> {
    let mut command = Command::new(program);
    command.current_dir(root()?).stdin(Stdio::null());
    Ok(command)
}

/// The cargo that runs this program.
pub fn cargo() -> Result<Command> {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// True where nobody looks on: what is missing there is an error, not a step left out.
pub fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|ci| ci == "true")
}

/// The system that this program runs on, as Rust calls it.
pub fn host() -> &'static str {
    env!("HOST_TRIPLE")
}

/// What `cargo metadata` says with these arguments.
///
/// # Errors
/// If it cannot be run or does not succeed.
pub fn metadata(args: &[&str]) -> Result<serde_json::Value> {
    let mut command = cargo()?;
    let output = command.args(["metadata", "--format-version", "1"]).args(args).stderr(Stdio::inherit()).output();
    let output = output.context("cargo metadata cannot be run")?;
    if !output.status.success() {
        bail!("{command:?} ended with {}", output.status);
    }
    serde_json::from_slice(&output.stdout).context("cargo metadata is no JSON")
}

/// Cargo's target folder, wherever the environment or a configuration puts it.
pub fn target_folder() -> Result<PathBuf> {
    let metadata = metadata(&["--no-deps"])?;
    let folder = metadata["target_directory"].as_str().context("cargo metadata names no target folder")?;
    Ok(folder.into())
}

/// Runs a program to its end.
///
/// # Errors
/// If it cannot be run or does not succeed.
pub fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}

/// Runs a program whose output counts its tests; shows the output. A program that fails without a failed test counts as one.
///
/// # Errors
/// If it cannot be run.
pub fn counted(command: &mut Command) -> Result<Tally> {
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot run {command:?}"))?;
    let mut tally = Tally::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line.context("the output cannot be read")?;
            println!("{line}");
            tally.add(Tally::of_line(&line));
        }
    }
    let status = child.wait().with_context(|| format!("cannot wait for {command:?}"))?;
    if !status.success() && tally.failed == 0 {
        println!("{command:?} ended with {status}");
        tally.failed = 1;
    }
    Ok(tally)
}

/// A step of this program that another process of it does ahead of its turn, at the lowest priority. Nothing is said of how it ends:
/// whoever does the step in its turn finds the work done, or does it and sees why it could not be done.
pub struct Ahead(Option<Child>);

impl Ahead {
    /// Begins; without it, should that not be possible, the step takes longer in its turn.
    pub fn start(args: &[&str]) -> Self {
        let mut ahead = Self(None);
        if let (Ok(program), Ok(mut command)) = (std::env::current_exe(), command("nice")) {
            command.args(["-n", "19"]).arg(program).args(args).stdout(Stdio::null()).stderr(Stdio::null());
            ahead.0 = command.spawn().ok();
        }
        ahead
    }
}

/// Waits for its end.
impl Drop for Ahead {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        assert_eq!(Tally::of_line(line), Tally { passed: 12, failed: 3 });
        assert_eq!(Tally::of_line("ok stereo 48000 Hz"), Tally::of(true));
        assert_eq!(Tally::of_line("FAILED state"), Tally::of(false));
        assert_eq!(Tally::of_line("okay: running 3 tests"), Tally::default());
    }
}
