//! `cargo xtask fuzz`: inputs that lead a reader of untrusted bytes to places where none has been, for as long as one likes.

use crate::run::{self, command};
use anyhow::{Context, Result, bail, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What instruments the programs is a part of nightly toolchains.
const TOOLCHAIN: &str = "nightly";
/// Minutes of a target where none are named.
const MINUTES: u64 = 10;
/// Longer inputs are slow and find nothing more.
const MAX_BYTES: usize = 12_288;
/// As long as the steps of the smallest lesson.
const MAX_LESSON_BYTES: usize = 32_768;
/// Seconds after which an input hangs.
const TIMEOUT_S: u32 = 20;
/// MiB of all that a target holds; that small inputs take little of it, it checks itself.
const MAX_MEMORY_MIB: u32 = 2048;

/// What a run of a target came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    executions: u64,
    /// Places of the program that were reached.
    coverage: u64,
    /// The input that should not do what it does.
    finding: Option<String>,
}

/// Runs a target, or all of them; returns whether nothing was found.
///
/// # Errors
/// If there is no such target, or something that it needs is missing.
pub fn fuzz(args: &[&str]) -> Result<bool> {
    let (target, minutes) = arguments(args)?;
    let targets = targets()?;
    if let Some(target) = target {
        ensure!(targets.iter().any(|known| known == target), "expected one of {}, found {target}", targets.join(", "));
    }
    if run::succeed(cargo_fuzz(&["--version"])?.stdout(Stdio::null())).is_err() {
        bail!("cargo-fuzz is missing; run: cargo install --locked cargo-fuzz, rustup toolchain install {TOOLCHAIN}");
    }
    // Its words are for who waits; those of a run go into its log.
    run::succeed(cargo_fuzz(&["build", "--sanitizer", "none", "--target-dir"])?.arg(folder()?).args(target))?;
    let mut total = Outcome::default();
    let mut findings = 0;
    for name in targets.iter().filter(|name| target.is_none_or(|target| target == *name)) {
        let Outcome { executions, coverage, finding } = run_target(name, minutes)?;
        let found = finding.as_deref().map_or("no finding".into(), |file| format!("FINDING: {file}"));
        println!("{name}: {executions} executions, {coverage} places, {found}");
        total.executions += executions;
        findings += usize::from(finding.is_some());
    }
    println!("\n{} executions, {findings} findings", total.executions);
    Ok(findings == 0)
}

/// `[target] [--minutes N]`
fn arguments<'a>(args: &[&'a str]) -> Result<(Option<&'a str>, u64)> {
    let minutes = |text: &str| {
        text.parse()
            .ok()
            .filter(|&minutes| minutes > 0)
            .with_context(|| format!("--minutes: expected 1 or more, found {text}"))
    };
    match *args {
        [] => Ok((None, MINUTES)),
        ["--minutes", text] => Ok((None, minutes(text)?)),
        [target] => Ok((Some(target), MINUTES)),
        [target, "--minutes", text] => Ok((Some(target), minutes(text)?)),
        _ => bail!("expected [target] [--minutes N]"),
    }
}

/// The programs of `fuzz/fuzz_targets/`.
fn targets() -> Result<Vec<String>> {
    let folder = run::root()?.join("fuzz/fuzz_targets");
    let files = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut names = Vec::new();
    for file in files {
        let path = file?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

/// Where the programs, their inputs and what they say lie.
fn folder() -> Result<PathBuf> {
    Ok(run::target_folder()?.join("fuzz"))
}

fn cargo_fuzz(args: &[&str]) -> Result<Command> {
    let mut rustup = command("rustup")?;
    // Cargo's own variables name the toolchain that runs xtask.
    rustup.args(["run", TOOLCHAIN, "cargo", "fuzz"]).args(args).env_remove("CARGO").env_remove("RUSTC");
    Ok(rustup)
}

/// Tries what is kept of a target's inputs, then new ones; these are gathered below Cargo's target folder.
fn run_target(name: &str, minutes: u64) -> Result<Outcome> {
    let root = run::root()?;
    let work = folder()?;
    let gathered = work.join("inputs").join(name);
    let artifacts = work.join("artifacts").join(name);
    for folder in [&gathered, &artifacts] {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let log = work.join(format!("{name}.log"));
    // Without a sanitizer, which finds faults of unsafe code: the readers have none, and run twice as often.
    let mut fuzz = cargo_fuzz(&["run", "--sanitizer", "none", "--target-dir"])?;
    fuzz.arg(&work).arg(name).arg(&gathered).args(kept(&root, name)).arg("--");
    fuzz.arg(format!("-max_total_time={}", 60 * minutes)).arg(format!("-artifact_prefix={}/", artifacts.display()));
    fuzz.args([
        "-print_final_stats=1".into(),
        format!("-max_len={}", if name == "lesson" { MAX_LESSON_BYTES } else { MAX_BYTES }),
    ]);
    fuzz.args([format!("-timeout={TIMEOUT_S}"), format!("-rss_limit_mb={MAX_MEMORY_MIB}")]);
    let file = fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let status = fuzz.stderr(file).status().with_context(|| format!("cannot run {fuzz:?}"))?;
    let outcome = outcome(&fs::read_to_string(&log).with_context(|| format!("cannot read {}", log.display()))?);
    ensure!(status.success() || outcome.finding.is_some(), "{fuzz:?} ended with {status}; {} says why", log.display());
    Ok(outcome)
}

/// The folders of the inputs that are kept: whole files, what fuzzing made of them, findings, and fixtures of other tests.
fn kept(root: &Path, name: &str) -> Vec<PathBuf> {
    let fixtures = match name {
        "import" => "tests/fixtures/pytorch",
        "recording" | "recording_sums" => "tests/fixtures/sounds",
        _ => "",
    };
    let own = ["seeds", "corpus", "regressions"].map(|kind| root.join("fuzz").join(kind).join(name));
    let fixtures = (!fixtures.is_empty()).then(|| root.join(fixtures));
    own.into_iter().filter(|folder| folder.is_dir()).chain(fixtures).collect()
}

/// What libFuzzer's words come to.
fn outcome(words: &str) -> Outcome {
    let mut outcome = Outcome::default();
    let number = |text: &str| text.split_whitespace().next().and_then(|number| number.parse().ok());
    for line in words.lines() {
        if let Some(file) = line.split_once("Test unit written to ").map(|(_, file)| file) {
            outcome.finding = Some(file.trim().into());
        }
        if let Some(coverage) = line.split_once(" cov: ").and_then(|(_, rest)| number(rest)) {
            outcome.coverage = coverage;
        }
        let executions = line.strip_prefix("stat::number_of_executed_units:").and_then(number);
        // At a finding there are no statistics but the count at the beginning of its line.
        let executions = executions.or_else(|| number(line.strip_prefix('#')?.split(['\t', ':']).next()?));
        if let Some(executions) = executions {
            outcome.executions = executions;
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_libfuzzer_are_understood() {
        let words = "INFO: Seed: 1\n#2\tINITED cov: 10 ft: 11\n#4096\tNEW    cov: 345 ft: 500 corp: 3/12b\n";
        assert_eq!(outcome(words), Outcome { executions: 4096, coverage: 345, finding: None });
        let found = format!("{words}artifact_prefix='a/'; Test unit written to a/crash-12\n");
        assert_eq!(outcome(&found).finding.as_deref(), Some("a/crash-12"));
        assert_eq!(outcome(&format!("{words}stat::number_of_executed_units: 70000\n")).executions, 70_000);
    }

    #[test]
    fn arguments_are_a_target_and_minutes() {
        assert_eq!(arguments(&[]).expect("none"), (None, MINUTES));
        assert_eq!(arguments(&["midi", "--minutes", "3"]).expect("both"), (Some("midi"), 3));
        assert!(arguments(&["--minutes", "0"]).is_err() && arguments(&["midi", "twice"]).is_err());
    }

    #[test]
    fn every_target_has_seeds() {
        let root = run::root().expect("the project");
        let targets = targets().expect("the folder");
        assert!(targets.len() > 5, "{targets:?}");
        for target in targets {
            let kept = kept(&root, &target);
            assert!(kept.iter().any(|folder| folder.ends_with(format!("corpus/{target}"))), "{target}: {kept:?}");
        }
    }
}
