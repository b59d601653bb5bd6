//! Other systems than this one: how Debian's cross compilers link for them and what runs their programs here.

use crate::run;
use anyhow::{Context, Result, bail};
use std::{ffi::OsString, fs, path::Path, process::Command};

/// A system that is compiled for on another one.
#[derive(Debug)]
pub struct Platform {
    /// What `cargo xtask cross` calls it.
    pub name: &'static str,
    /// Rust's name of it.
    pub triple: &'static str,
    /// Debian's linker for it; none where there is none.
    linker: Option<&'static str>,
    /// What runs its programs, with its arguments.
    runner: Option<&'static str>,
    /// What runs of the test programs `engine` and `models`, beside the unit tests and the CLAP host.
    pub tests: &'static [&'static str],
    /// Tests that say nothing where its programs run so.
    pub skipped: &'static [&'static str],
}

/// 64-bit Windows, with MinGW and Wine.
pub const WINDOWS: Platform = Platform {
    name: "windows",
    triple: "x86_64-pc-windows-gnu",
    linker: Some("x86_64-w64-mingw32-gcc"),
    runner: Some("wine"),
    tests: &["approach::", "engine_bits::", "take::", "model_file::", "seeds::"],
    skipped: &[],
};

/// 64-bit ARM with NEON, with QEMU's user mode.
pub const ARM64: Platform = Platform {
    name: "arm64",
    triple: "aarch64-unknown-linux-gnu",
    linker: Some("aarch64-linux-gnu-gcc"),
    runner: Some("qemu-aarch64 -L /usr/aarch64-linux-gnu"),
    // An emulated processor is some twenty times slower.
    tests: &["engine_bits::", "model_file::"],
    // The first needs a processor that is faster than real time; the second runs itself once more, which QEMU's user mode cannot.
    skipped: &[
        "a_host_that_never_says_offline_but_runs_ahead_gets_the_same_bits",
        "a_host_that_switches_keep_on_gets_files_of_what_it_heard",
    ],
};

/// Apple's own processors: compiled as far as no linker is needed.
pub const MACOS: Platform =
    Platform { name: "macos", triple: "aarch64-apple-darwin", linker: None, runner: None, tests: &[], skipped: &[] };

/// All of them.
pub const ALL: [&Platform; 3] = [&WINDOWS, &ARM64, &MACOS];

impl Platform {
    /// Looks one up by what `cargo xtask cross` calls it.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        ALL.into_iter().find(|platform| platform.name == name)
    }

    /// Its part of Rust's standard library, and the variables that tell cargo what links and what runs.
    ///
    /// # Errors
    /// If the standard library is not there and rustup cannot bring it.
    pub fn prepare(&self) -> Result<Vec<(String, OsString)>> {
        add_target(self.triple)?;
        let mut variables = variables(self.triple)?;
        if self.triple == WINDOWS.triple {
            variables.extend(wine()?);
        }
        Ok(variables)
    }

    /// False where its programs cannot be linked and run here.
    pub fn can_run(&self) -> bool {
        self.runner.is_some()
    }
}

/// The variables for any triple; none for a system that cargo knows how to link for by itself. What is set already stays.
///
/// # Errors
/// If cargo does not tell its target folder.
pub fn variables(triple: &str) -> Result<Vec<(String, OsString)>> {
    let Some(platform) = ALL.into_iter().find(|platform| platform.triple == triple && triple != run::host()) else {
        return Ok(Vec::new());
    };
    let cargo = format!("CARGO_TARGET_{}", triple.to_uppercase().replace('-', "_"));
    let mut variables = Vec::new();
    let mut set = |name: String, value: OsString| {
        if std::env::var_os(&name).is_none() {
            variables.push((name, value));
        }
    };
    if let Some(linker) = platform.linker {
        set(format!("{cargo}_LINKER"), linker.into());
    }
    if let Some(runner) = platform.runner {
        set(format!("{cargo}_RUNNER"), runner.into());
    }
    Ok(variables)
}

/// What Wine needs to run the tests: a prefix of their own, so that no registry and no drive of the user's is touched, and a library
/// of Windows that Debian 12's Wine lacks.
fn wine() -> Result<Vec<(String, OsString)>> {
    let folder = run::target_folder()?.join("wine");
    let libraries = folder.join("libraries");
    fs::create_dir_all(&libraries).with_context(|| format!("cannot make {}", libraries.display()))?;
    let source = run::root()?.join("xtask").join("wine").join("bcryptprimitives.c");
    let mut compiler = run::command("x86_64-w64-mingw32-gcc")?;
    run::succeed(compiler.args(["-shared", "-o"]).arg(libraries.join("bcryptprimitives.dll")).arg(source))?;
    // Wine looks there last: where it has the library itself, its own counts. The drive Z: is the root of this system.
    let path = format!("Z:{}", libraries.display()).replace('/', "\\");
    Ok(vec![
        ("WINEPREFIX".into(), folder.join("prefix").into()),
        ("WINEPATH".into(), path.into()),
        ("WINEDEBUG".into(), "-all".into()),
        // Wine asks for .NET and for a browser when it makes a prefix; nothing here needs them.
        ("WINEDLLOVERRIDES".into(), "mscoree,mshtml=".into()),
    ])
}

/// Has rustup bring the standard library of a triple, if it is not there.
///
/// # Errors
/// If rustup cannot.
pub fn add_target(triple: &str) -> Result<()> {
    if triple == run::host() {
        return Ok(());
    }
    let output = Command::new("rustc").args(["--print", "target-libdir", "--target", triple]).output();
    let output = output.context("rustc cannot be run")?;
    let folder = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && Path::new(folder.trim()).is_dir() {
        return Ok(());
    }
    if run::succeed(run::command("rustup")?.args(["target", "add", triple])).is_err() {
        bail!("Rust's standard library for {triple} is missing; run: rustup target add {triple}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_systems_have_linker_and_runner_and_this_one_has_none() {
        for platform in ALL {
            assert!(Platform::by_name(platform.name).is_some_and(|found| found.triple == platform.triple));
            let names: Vec<String> =
                variables(platform.triple).expect("cargo").into_iter().map(|(name, _)| name).collect();
            let cargo = platform.triple.to_uppercase().replace('-', "_");
            let wanted = platform.can_run() && platform.triple != run::host();
            for what in ["LINKER", "RUNNER"] {
                let name = format!("CARGO_TARGET_{cargo}_{what}");
                assert!(std::env::var_os(&name).is_some() || names.contains(&name) == wanted, "{name} in {names:?}");
            }
        }
        assert!(variables(run::host()).expect("cargo").is_empty());
    }
}
