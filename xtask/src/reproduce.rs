//! The same commit gives the same files, wherever it is built: what a release is compiled with so that no path of this machine is
//! left in it, and a proof by two builds.

use crate::run::{self, Tally};
use anyhow::{Context, Result, bail, ensure};
use chrono::{DateTime, Datelike, Timelike};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    process::Command,
};
use zip::ZipArchive;

/// What parts the flags in cargo's variable for flags of rustc, so that they may hold blanks.
const BETWEEN_FLAGS: char = '\x1f';

/// The variables for a build that does not tell where it was made, for the whole or for a triple. The caller's flags stay.
///
/// # Errors
/// If cargo or rustc do not tell their folders.
pub fn variables(triple: Option<&str>) -> Result<Vec<(String, OsString)>> {
    let given = |name: &str| std::env::var(name).ok();
    let mut flags = given_flags(given("CARGO_ENCODED_RUSTFLAGS"), given("RUSTFLAGS"));
    // Of several that fit, rustc takes the last.
    for (from, to) in folders()? {
        let from = from.to_str().with_context(|| format!("{} is no text", from.display()))?;
        flags.push(format!("--remap-path-prefix={from}={to}"));
    }
    if triple.unwrap_or(run::host()).contains("msvc") {
        // Otherwise Microsoft's linker writes the time.
        flags.push("-Clink-arg=/Brepro".into());
    }
    Ok(vec![("CARGO_ENCODED_RUSTFLAGS".into(), flags.join(&BETWEEN_FLAGS.to_string()).into())])
}

/// Flags of rustc as cargo reads them from its two variables.
fn given_flags(encoded: Option<String>, plain: Option<String>) -> Vec<String> {
    match (encoded, plain) {
        (Some(encoded), _) => encoded.split(BETWEEN_FLAGS).filter(|flag| !flag.is_empty()).map(str::to_owned).collect(),
        (None, Some(plain)) => plain.split_whitespace().map(str::to_owned).collect(),
        (None, None) => Vec::new(),
    }
}

/// The folders whose names would be compiled in, by `panic!` and its like, and what stands for them.
fn folders() -> Result<Vec<(PathBuf, String)>> {
    let metadata = run::metadata(&["--locked"])?;
    let packages = metadata["packages"].as_array().context("cargo metadata has no packages")?;
    let text = |value: &serde_json::Value| value.as_str().map(PathBuf::from);
    let of_registry = packages.iter().filter(|package| !package["source"].is_null());
    let homes: BTreeSet<PathBuf> = of_registry
        .filter_map(|package| Some(text(&package["manifest_path"])?.parent()?.parent()?.to_owned()))
        .collect();
    let mut folders: Vec<_> = homes.into_iter().map(|home| (home, "/crates".into())).collect();
    // Where its sources are installed, rustc calls the standard library by their place, else by this one.
    folders.push((sysroot()?.join("lib/rustlib/src/rust"), format!("/rustc/{}", rust_commit()?)));
    folders.push((run::root()?, "/sympathy".into()));
    folders.push((run::target_folder()?, "/target".into()));
    Ok(folders)
}

fn rustc_says(args: &[&str]) -> Result<String> {
    let output = run::command("rustc")?.args(args).output().context("rustc cannot be run")?;
    ensure!(output.status.success(), "rustc {args:?} ended with {}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn sysroot() -> Result<PathBuf> {
    rustc_says(&["--print", "sysroot"]).map(PathBuf::from)
}

fn rust_commit() -> Result<String> {
    let said = rustc_says(&["-vV"])?;
    let commit = said.lines().find_map(|line| line.strip_prefix("commit-hash: "));
    Ok(commit.context("rustc does not tell its commit")?.to_owned())
}

/// Looks for folders of this machine in a plugin file.
///
/// # Errors
/// If one is named there.
pub fn check_paths(file: &Path) -> Result<()> {
    let plugin = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut folders: Vec<PathBuf> = folders()?.into_iter().map(|(folder, _)| folder).collect();
    folders.push(sysroot()?);
    match named_in(&plugin, &folders) {
        Some(folder) => bail!("{} names the folder {}", file.display(), folder.display()),
        None => Ok(()),
    }
}

/// The first of the folders that is named among the bytes. One right below the root, as containers have them, is not looked for:
/// "/src" stands in the path of every crate.
fn named_in<'a>(bytes: &[u8], folders: &'a [PathBuf]) -> Option<&'a PathBuf> {
    folders.iter().filter(|folder| folder.ancestors().count() > 2).find(|folder| {
        let name = folder.as_os_str().as_encoded_bytes();
        bytes.windows(name.len()).any(|window| window == name)
    })
}

/// The time that everything in an archive bears: SOURCE_DATE_EPOCH if it is set, otherwise that of the commit; of sources without
/// a history the earliest that an archive can tell.
///
/// # Errors
/// If SOURCE_DATE_EPOCH is no number of seconds.
pub fn archive_time() -> Result<zip::DateTime> {
    if let Ok(seconds) = std::env::var("SOURCE_DATE_EPOCH") {
        return zip_time(&seconds).with_context(|| format!("SOURCE_DATE_EPOCH is {seconds:?}"));
    }
    let output = run::command("git")?.args(["log", "-1", "--format=%ct"]).output();
    match output {
        Ok(output) if output.status.success() => zip_time(String::from_utf8_lossy(&output.stdout).trim()),
        _ => Ok(zip::DateTime::default()),
    }
}

/// Seconds since 1970 as an archive writes them; years that it cannot write become the nearest one.
fn zip_time(seconds: &str) -> Result<zip::DateTime> {
    let seconds = seconds.parse().context("expected seconds since 1970")?;
    let time = DateTime::from_timestamp(seconds, 0).context("expected a time")?;
    let year = time.year().clamp(1980, 2107) as u16;
    let [month, day, hour, minute, second] =
        [time.month(), time.day(), time.hour(), time.minute(), time.second()].map(|number| number as u8);
    Ok(zip::DateTime::from_date_and_time(year, month, day, hour, minute, second)?)
}

/// `cargo xtask reproduce`: makes a release of the last commit in two clones in different folders, and compares every file.
///
/// # Errors
/// If a release cannot be made.
pub fn reproduce(triple: Option<&str>) -> Result<Tally> {
    let root = run::root()?;
    println!("of the last commit; what is not committed is left out");
    let place = run::target_folder()?.join("reproduce");
    let mut releases = Vec::new();
    // Of different lengths, too.
    for name in ["one", "another/place"] {
        let clone = place.join(name);
        if clone.exists() {
            fs::remove_dir_all(&clone).with_context(|| format!("cannot empty {}", clone.display()))?;
        }
        run::succeed(run::command("git")?.args(["clone", "--quiet", "--shared"]).args([&root, &clone]))?;
        let mut release = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // The target folder is the clone's own.
        release.args(["xtask", "release"]).current_dir(&clone).env("CARGO_TARGET_DIR", clone.join("target"));
        run::succeed(release.args(triple.map(|triple| ["--target", triple]).iter().flatten()))?;
        releases.push(hashes(&clone.join("target").join("release-files"))?);
        fs::remove_dir_all(clone.join("target"))?;
    }
    fs::remove_dir_all(&place)?;
    let mut tally = Tally::default();
    for (name, verdict) in compare(&releases[0], &releases[1]) {
        println!("{} {name}: {verdict}", if verdict.is_same() { "ok" } else { "FAILED" });
        tally.add(Tally::of(verdict.is_same()));
    }
    Ok(tally)
}

/// The SHA-256 of every file in a folder, and of every file in its archives.
fn hashes(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut hashes = BTreeMap::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        hashes.insert(name.clone(), sha256(&fs::read(&path)?));
        if path.extension().is_some_and(|extension| extension == "zip") {
            let mut archive = ZipArchive::new(File::open(&path)?)?;
            for index in 0..archive.len() {
                let mut file = archive.by_index(index)?;
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes)?;
                hashes.insert(format!("{name}: {}", file.name()?), sha256(&bytes));
            }
        }
    }
    Ok(hashes)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What two builds made of a file.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Same(String),
    Different(String, String),
    OnlyOnce(String),
}

impl Verdict {
    fn is_same(&self) -> bool {
        matches!(self, Self::Same(_))
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Same(hash) => write!(f, "{hash}"),
            Self::Different(one, other) => write!(f, "{one} and {other}"),
            Self::OnlyOnce(hash) => write!(f, "{hash} in one build, missing in the other"),
        }
    }
}

fn compare(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> Vec<(String, Verdict)> {
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let verdict = |name: &String| match (one.get(name), other.get(name)) {
        (Some(one), Some(other)) if one == other => Verdict::Same(one.clone()),
        (Some(one), Some(other)) => Verdict::Different(one.clone(), other.clone()),
        (hash, other) => Verdict::OnlyOnce(hash.or(other).cloned().unwrap_or_default()),
    };
    names.into_iter().map(|name| (name.clone(), verdict(name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_that_are_given_stay() {
        let flags = |encoded: Option<&str>, plain: Option<&str>| {
            given_flags(encoded.map(str::to_owned), plain.map(str::to_owned))
        };
        assert_eq!(flags(Some("-A\x1f--b c"), Some("-d")), ["-A", "--b c"]);
        assert_eq!(flags(None, Some(" -d  -e")), ["-d", "-e"]);
        assert!(flags(None, None).is_empty() && flags(Some(""), None).is_empty());
    }

    #[test]
    fn what_names_a_folder_is_found() {
        let folders: Vec<PathBuf> = folders().expect("cargo").into_iter().map(|(folder, _)| folder).collect();
        assert!(folders.contains(&run::root().expect("a root")) && folders.len() >= 4, "{folders:?}");
        for folder in folders.iter().filter(|folder| folder.ancestors().count() > 2) {
            let plugin = [b"\0", folder.as_os_str().as_encoded_bytes(), b"/lib.rs\0"].concat();
            assert!(named_in(&plugin, &folders).is_some());
        }
        let below_root = [folders, vec!["/src".into()]].concat();
        assert_eq!(named_in(b"\0/crates/a-1.0.0/src/lib.rs\0", &below_root), None);
    }

    #[test]
    fn archives_tell_the_time_that_they_are_told() {
        let parts = |seconds: &str| {
            let time = zip_time(seconds).expect("a time");
            (time.year(), time.month(), time.day(), time.hour(), time.minute(), time.second())
        };
        assert_eq!(parts("1763711668"), (2025, 11, 21, 7, 54, 28));
        assert_eq!(parts("0"), (1980, 1, 1, 0, 0, 0));
        assert!(zip_time("yesterday").is_err() && zip_time("").is_err());
    }

    #[test]
    fn what_differs_or_is_missing_is_told() {
        let files =
            |files: &[(&str, &str)]| files.iter().map(|(name, hash)| (name.to_string(), hash.to_string())).collect();
        let found =
            compare(&files(&[("a", "1"), ("b", "2"), ("c", "3")]), &files(&[("a", "1"), ("b", "4"), ("d", "5")]));
        let found: Vec<(&str, bool)> = found.iter().map(|(name, verdict)| (name.as_str(), verdict.is_same())).collect();
        assert_eq!(found, [("a", true), ("b", false), ("c", false), ("d", false)]);
    }
}
