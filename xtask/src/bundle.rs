//! Bundles: what a host loads.

use crate::{
    features::{PACKAGE, PLUGIN},
    platform, reproduce, run,
};
use anyhow::{Context, Result, bail, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Both of Apple's processors in one file.
pub const UNIVERSAL: &str = "universal-apple-darwin";
const UNIVERSAL_PARTS: [&str; 2] = ["aarch64-apple-darwin", "x86_64-apple-darwin"];

/// How much a plugin file may hold beside the models: today 15.2 MB, of them 5 the editor, its letters and its fonts, 2.5 what reads recordings and
/// describes trainings, 0.7 what learns, 0.5 the second plugin, and 0.6 its editor, with room for a little more.
const MAX_CODE_BYTES: u64 = 15_600_000;
/// So much of a model's end is looked for in a plugin file.
const TAIL_BYTES: usize = 4096;

/// How the bundles are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// What users get.
    Bundle,
    /// Quick to build, slow to run, with assertions.
    Debug,
}

impl Profile {
    /// Its name, and that of its folder.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Bundle => ("bundle", "bundle"),
            Self::Debug => ("dev", "debug"),
        }
    }
}

/// Where the bundles lie.
#[derive(Clone, Debug)]
pub struct Bundles {
    /// `Sympathy.clap`.
    pub clap: PathBuf,
    /// `Sympathy.vst3`.
    pub vst3: PathBuf,
}

impl Bundles {
    fn below(folder: &Path) -> Self {
        Self { clap: folder.join("Sympathy.clap"), vst3: folder.join("Sympathy.vst3") }
    }

    /// The file that is loaded as a CLAP plugin: the bundle itself, but on macOS, where it is a folder.
    pub fn clap_file(&self) -> PathBuf {
        if self.clap.is_dir() { self.clap.join("Contents").join("MacOS").join("Sympathy") } else { self.clap.clone() }
    }
}

/// Builds the plugin, without trainer and command line, and bundles it: into `target/bundled`, or for another system into
/// `target/TRIPLE/bundled`.
pub fn bundle(profile: Profile, triple: Option<&str>) -> Result<Bundles> {
    let root = run::root()?;
    // nice-plug-xtask reads bundler.toml where it stands.
    std::env::set_current_dir(&root).with_context(|| format!("cannot enter {}", root.display()))?;
    let target = run::target_folder()?;
    let (_, folder) = profile.names();
    let Some(triple) = triple else {
        build(profile, None)?;
        let args = if profile == Profile::Debug { Vec::new() } else { vec!["--profile".into(), folder.into()] };
        nice_plug_xtask::bundle(&target, PACKAGE, &args, false)?;
        return Ok(Bundles::below(&target.join("bundled")));
    };
    // nice-plug-xtask writes to `bundled` in the folder in which it looks for TRIPLE. It gets one for each system, so that
    // bundles of several do not replace each other.
    let home = target.join(triple);
    let parts = if triple == UNIVERSAL { &UNIVERSAL_PARTS[..] } else { &[triple] };
    for part in parts {
        build(profile, Some(part))?;
        let staged = home.join(part).join(folder);
        fs::create_dir_all(&staged).with_context(|| format!("cannot make {}", staged.display()))?;
        let library = target.join(part).join(folder).join(library_name(part));
        fs::copy(&library, staged.join(library_name(part)))
            .with_context(|| format!("cannot copy {}", library.display()))?;
    }
    let mut args: Vec<String> = vec!["--profile".into(), folder.into()];
    if triple != UNIVERSAL {
        args.extend(["--target".into(), triple.into()]);
    }
    nice_plug_xtask::bundle(&home, PACKAGE, &args, triple == UNIVERSAL)?;
    Ok(Bundles::below(&home.join("bundled")))
}

fn build(profile: Profile, triple: Option<&str>) -> Result<()> {
    let (name, _) = profile.names();
    let mut cargo = run::cargo()?;
    cargo.args(["build", "--package", PACKAGE, "--lib", "--profile", name]).args(PLUGIN);
    if profile == Profile::Bundle {
        // Not for others: what the profile for development has built is built with other flags.
        cargo.envs(reproduce::variables(triple)?);
    }
    if let Some(triple) = triple {
        platform::add_target(triple)?;
        cargo.args(["--target", triple]).envs(platform::variables(triple)?);
    }
    run::succeed(&mut cargo)
}

/// What cargo calls the plugin for a system.
fn library_name(triple: &str) -> String {
    match triple {
        _ if triple.contains("windows") => format!("{PACKAGE}.dll"),
        _ if triple.contains("apple") => format!("lib{PACKAGE}.dylib"),
        _ => format!("lib{PACKAGE}.so"),
    }
}

/// Looks at the size of a plugin file, and that it holds each embedded model once. Prints what it finds.
///
/// # Errors
/// If a model is there twice, if there is none, or if the rest is larger than it may be.
pub fn check_size(file: &Path) -> Result<()> {
    let plugin = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let folder = run::root()?.join("models");
    let mut models = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "safetensors") {
            models.push((path.display().to_string(), fs::read(&path)?));
        }
    }
    let bytes = embedded_bytes(&plugin, &models)?;
    let code = plugin.len() as u64 - bytes;
    println!("{}: {} bytes, {bytes} of them models, {code} the rest", file.display(), plugin.len());
    ensure!(code <= MAX_CODE_BYTES, "{code} bytes beside the models, at most {MAX_CODE_BYTES} are meant");
    Ok(())
}

/// The bytes of the models that lie in a plugin file, each once.
fn embedded_bytes(plugin: &[u8], models: &[(String, Vec<u8>)]) -> Result<u64> {
    let mut bytes = 0;
    for (name, model) in models {
        match count(plugin, &model[model.len().saturating_sub(TAIL_BYTES)..]) {
            0 => {}
            1 => bytes += model.len() as u64,
            times => bail!("the plugin file holds {name} {times} times"),
        }
    }
    ensure!(bytes > 0, "the plugin file holds none of the models");
    Ok(bytes)
}

/// How often `part` lies in `whole`.
fn count(whole: &[u8], part: &[u8]) -> usize {
    whole.windows(part.len()).filter(|window| *window == part).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_held_twice_is_found() {
        let byte = |i: u64| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
        let model =
            |number: u64| (number.to_string(), (0..9000).map(|i| byte(100_000 * number + i)).collect::<Vec<u8>>());
        let models = [model(3), model(7), model(11)];
        let once = [b"code", &models[0].1[..], b"more", &models[2].1].concat();
        assert_eq!(embedded_bytes(&once, &models).expect("each once"), 18_000);
        let twice = [&once[..], &models[0].1].concat();
        assert_eq!(embedded_bytes(&twice, &models).unwrap_err().to_string(), "the plugin file holds 3 2 times");
        assert!(embedded_bytes(b"code", &models).is_err());
    }

    #[test]
    fn libraries_have_the_names_of_their_systems() {
        assert_eq!(library_name("x86_64-pc-windows-gnu"), "sympathy.dll");
        assert_eq!(library_name("aarch64-apple-darwin"), "libsympathy.dylib");
        assert_eq!(library_name("aarch64-unknown-linux-gnu"), "libsympathy.so");
    }
}
